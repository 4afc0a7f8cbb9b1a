//! `[[maintenance]]`: when somebody works on the network, and what is seen then means nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::thresholds::{AddressMatch, Pattern};
use crate::model::Timestamp;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;

/// One entry: where, when, why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Maintenance {
    /// Which OLTs and PONs.
    #[serde(flatten)]
    pub place: AddressMatch,
    /// Pattern on the id or name that a box has in OZmap: the clients behind it are meant, whatever their OLT. `place` names
    /// nothing then.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub boxes: Option<Pattern>,
    /// When.
    #[serde(flatten)]
    pub span: Span,
    /// Why, for people.
    pub reason: String,
}

/// When maintenance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Once, from the first moment up to but without the second.
    Once {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// Every week.
    Weekly(Weekly),
}

/// On some days of every week, from one time of day to another, in a zone of fixed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekly {
    /// On which days it begins: Monday first.
    pub days: [bool; 7],
    /// Minute of the day on which it begins.
    pub from: u16,
    /// Its length in minutes, at most a day. It may pass midnight.
    pub minutes: u16,
    /// How far the zone is ahead of UTC, in minutes.
    pub offset: i16,
}

impl Span {
    /// The end of what is under way at this time; `None` when nothing is.
    #[must_use]
    pub fn end_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { from, until } => (*from <= now && now < *until).then_some(*until),
            Self::Weekly(weekly) => weekly.end_at(now),
        }
    }
}

impl Weekly {
    fn end_at(&self, now: Timestamp) -> Option<Timestamp> {
        let minute = i64::try_from(now.millis() / MINUTE_MS).ok()?;
        // 1970-01-01 was a Thursday: the day with the number 3 when Monday has 0.
        let local = minute + i64::from(self.offset) + 3 * DAY_MINUTES;
        let of_week = local.rem_euclid(WEEK_MINUTES);
        let begins = (0_i64..).zip(self.days).filter(|(_, on)| *on);
        let ends = begins.filter_map(|(day, _)| {
            let passed = (of_week - day * DAY_MINUTES - i64::from(self.from)).rem_euclid(WEEK_MINUTES);
            let left = i64::from(self.minutes) - passed;
            (left > 0).then_some(left)
        });
        let left = u64::try_from(ends.max()?).ok()?;
        let this_minute = Timestamp::from_millis(now.millis() / MINUTE_MS * MINUTE_MS);
        Some(this_minute + Duration::from_secs(left * 60))
    }
}

/// Maintenance under way on one OLT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// On which of its PONs; `None` is all of it.
    pub pon: Option<Pattern>,
    /// Until when, as far as is known now.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl UnderWay {
    /// Whether an ONU on this PON is meant.
    #[must_use]
    pub fn covers(&self, pon: Option<&str>) -> bool {
        self.pon.as_ref().is_none_or(|pattern| pon.is_some_and(|pon| pattern.fits(pon)))
    }
}

/// Maintenance under way on boxes of the plant, whose clients are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoxWork {
    /// Which boxes: a pattern on id or name.
    #[serde(rename = "box")]
    pub boxes: Pattern,
    /// Until when, as far as is known now.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// What is under way on boxes at this time.
#[must_use]
pub fn boxes_under_way<'a>(entries: impl IntoIterator<Item = &'a Maintenance>, now: Timestamp) -> Vec<BoxWork> {
    let work = |one: &Maintenance| {
        let until = one.span.end_at(now)?;
        Some(BoxWork { boxes: one.boxes.clone()?, until, reason: one.reason.clone() })
    };
    entries.into_iter().filter_map(work).collect()
}

/// What is under way on this OLT at this time.
#[must_use]
pub fn under_way<'a>(entries: impl IntoIterator<Item = &'a Maintenance>, olt: &str, now: Timestamp) -> Vec<UnderWay> {
    let here =
        |one: &&Maintenance| one.boxes.is_none() && one.place.olt.as_ref().is_none_or(|pattern| pattern.fits(olt));
    let here = entries.into_iter().filter(here);
    here.filter_map(|one| {
        let until = one.span.end_at(now)?;
        Some(UnderWay { pon: one.place.pon.clone(), until, reason: one.reason.clone() })
    })
    .collect()
}

/// `mon-fri 02:00-05:00`, `sat,sun 23:00-01:30`, `daily 04:00-04:30`: days and times of a week.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_weekly(text: &str, offset: i16) -> Result<Weekly, String> {
    let (days, times) = text.trim().split_once(' ').ok_or("; days and times are separated by a space")?;
    let (from, until) = times.trim().split_once('-').ok_or("; two times with - between are needed")?;
    let (from, until) = (time_of_day(from)?, time_of_day(until)?);
    let day = 24 * 60;
    let minutes = if until > from { until - from } else { until + day - from };
    if from >= day {
        return Err("; it cannot begin at 24:00".to_owned());
    }
    Ok(Weekly { days: days_of(days)?, from, minutes, offset })
}

fn time_of_day(text: &str) -> Result<u16, String> {
    let read = || {
        let (hours, minutes) = text.trim().split_once(':')?;
        let two = |digits: &str| {
            (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then_some(())
                .and_then(|()| digits.parse::<u16>().ok())
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let time = hours * 60 + minutes;
        (minutes < 60 && time <= 24 * 60).then_some(time)
    };
    read()
        .ok_or_else(|| format!("; {:?} is no time of day such as \"02:30\"", text.chars().take(20).collect::<String>()))
}

fn days_of(text: &str) -> Result<[bool; 7], String> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    if text == "daily" {
        return Ok([true; 7]);
    }
    let place = |name: &str| {
        NAMES.iter().position(|known| *known == name.trim().to_ascii_lowercase()).ok_or_else(|| {
            let name: String = name.chars().take(20).collect();
            format!("; {name:?} is no day: mon, tue, wed, thu, fri, sat, sun, or daily for all")
        })
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').map_or((part, part), |(first, last)| (first, last));
        let (first, last) = (place(first)?, place(last)?);
        // sat-mon goes over the end of the week.
        for step in 0..=(last + 7 - first) % 7 {
            if let Some(day) = days.get_mut((first + step) % 7) {
                *day = true;
            }
        }
    }
    Ok(days)
}

/// `+01:00`, `-03:00` or `Z`, in minutes ahead of UTC.
///
/// # Errors
/// Nothing more than that it is none.
pub fn parse_offset(text: &str) -> Result<i16, String> {
    if text == "Z" {
        return Ok(0);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(String::new()),
    };
    let minutes = time_of_day(rest).map_err(|_| String::new())?;
    i16::try_from(minutes)
        .ok()
        .filter(|minutes| *minutes <= 14 * 60)
        .map(|minutes| sign * minutes)
        .ok_or_else(String::new)
}

/// A moment as RFC 3339 writes it, with any offset: `2026-12-01T02:00:00-03:00`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let (clock, offset) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let place = text.len().checked_sub(6).ok_or_else(String::new)?;
            let (clock, offset) = text.split_at_checked(place).ok_or_else(String::new)?;
            let offset = parse_offset(offset).map_err(|_| {
                // Only where that is all that is missing.
                let clock = if text.len() == 16 { format!("{text}:00Z") } else { format!("{text}Z") };
                let is_clock = humantime::parse_rfc3339_weak(&clock).is_ok();
                (if is_clock { "; its offset is missing, such as Z or -03:00" } else { "" }).to_owned()
            })?;
            (clock, offset)
        }
    };
    let clock = if clock.len() == 16 { format!("{clock}:00Z") } else { format!("{clock}Z") };
    let local = humantime::parse_rfc3339(&clock).map(Timestamp::from).map_err(|error| format!("; {error}"))?;
    let millis = i64::try_from(local.millis()).map_err(|_| String::new())? - i64::from(offset) * 60_000;
    u64::try_from(millis).map(Timestamp::from_millis).map_err(|_| "; it is before 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        parse_moment(text).unwrap_or_else(|error| panic!("{text}{error}"))
    }

    #[test]
    fn a_moment_has_any_offset_and_seconds_or_none() {
        assert_eq!(moment("2026-12-01T02:00:00-03:00"), moment("2026-12-01T05:00Z"));
        assert_eq!(moment("2026-12-01T05:30+05:30"), moment("2026-12-01T00:00:00Z"));
        for wrong in ["", "2026-12-01", "2026-12-01T02:00", "2026-13-01T02:00Z", "é", "2026-12-01T02:00+99:00"] {
            assert!(parse_moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_an_offset_that_is_missing_is_told_as_missing() {
        for (text, says) in
            [("2026-12-01T02:00", true), ("2026-12-01 02:00:09", true), ("nonsense", false), ("2026-12", false)]
        {
            let hint = parse_moment(text).unwrap_err();
            assert_eq!(hint.contains("its offset is missing"), says, "{text}: {hint}");
        }
    }

    #[test]
    fn once_is_from_its_beginning_up_to_its_end() {
        let (from, until) = (moment("2026-12-01T02:00Z"), moment("2026-12-01T05:00Z"));
        let span = Span::Once { from, until };
        let just_before = |time: Timestamp| Timestamp::from_millis(time.millis() - 1);
        assert_eq!(
            [just_before(from), from, just_before(until), until].map(|now| span.end_at(now)),
            [None, Some(until), Some(until), None]
        );
    }

    #[test]
    fn every_week_in_a_zone_and_past_midnight() {
        // 2026-11-23 was a Monday.
        let weekly = |text, offset| Span::Weekly(parse_weekly(text, offset).unwrap());
        let night = weekly("mon 23:00-01:30", -180);
        for (now, until) in [
            ("2026-11-23T22:59:59-03:00", None),
            ("2026-11-23T23:00:00-03:00", Some("2026-11-24T01:30:00-03:00")),
            ("2026-11-24T01:29:59-03:00", Some("2026-11-24T01:30:00-03:00")),
            ("2026-11-24T01:30:00-03:00", None),
            ("2026-11-24T23:30:00-03:00", None),
            ("2026-11-30T23:30:00-03:00", Some("2026-12-01T01:30:00-03:00")),
        ] {
            assert_eq!(night.end_at(moment(now)), until.map(moment), "{now}");
        }
        // Sunday night goes on into Monday.
        assert!(weekly("sun 22:00-03:00", 0).end_at(moment("2026-11-23T02:00Z")).is_some());
        let all_day = weekly("daily 00:00-24:00", 0);
        assert_eq!(all_day.end_at(moment("2026-11-25T12:00Z")), Some(moment("2026-11-26T00:00Z")));
        let days = |text| parse_weekly(&format!("{text} 01:00-02:00"), 0).unwrap().days.map(u8::from);
        assert_eq!(days("mon-fri"), [1, 1, 1, 1, 1, 0, 0]);
        assert_eq!(days("sat-mon"), [1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(days("tue,thu"), [0, 1, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_week_says_why() {
        for (text, why) in [
            ("mon", "separated by a space"),
            ("mon 02:00", "two times"),
            ("funday 02:00-03:00", "\"funday\" is no day"),
            ("mon 2:00-03:00", "\"2:00\" is no time"),
            ("mon 02:00-25:00", "\"25:00\" is no time"),
            ("mon 24:00-01:00", "cannot begin"),
        ] {
            let error = parse_weekly(text, 0).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
