//! Why something is held as it is, in a form that costs little to keep and prints as a sentence.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::level::Band;
use crate::model::{Cause, Dbm, Decibels, SweepKind, Timestamp, Truth, Unread};

/// Whose receiver a level is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The ONU's.
    Onu,
    /// The OLT's, for this ONU.
    Olt,
}

/// Whose movement a drift of levels is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// One ONU's, against the others of its PON.
    Own,
    /// All the PON's.
    Pon,
}

/// Why. Prints, and serialises, as words for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No state reading yet.
    NotReadYet,
    /// The latest state reading says up.
    Up,
    /// Down, and it counts.
    Down {
        /// Why it went down.
        cause: Cause,
        /// State readings in a row that said so.
        readings: u16,
    },
    /// Down, but not often enough to count.
    LossUnconfirmed {
        /// Why it went down.
        cause: Cause,
        /// State readings in a row that said so.
        readings: u16,
        /// How many are needed.
        needed: u16,
    },
    /// Down without a known cause, but not for long enough to count. Both in whole seconds.
    LossUnexplained {
        /// For how long, from the first to the last reading that said so.
        lasted: u32,
        /// How long is needed.
        needed: u32,
    },
    /// Down, as many around it, without power: an outage of the area.
    InOutage,
    /// Down, but the OLT has just rebooted.
    LossInGrace,
    /// The OLT answered, but not with up or down.
    StateUnknown,
    /// The latest complete sweep did not list it.
    NotListed,
    /// One sweep listed it more than once.
    ListedTwice,
    /// No state reading since then.
    NoStateSince(Timestamp),
    /// The OLT has not answered since then.
    NoAnswer(Timestamp),
    /// The OLT's uptime fell: seen then.
    Rebooted(Timestamp),
    /// The OLT came up this many seconds before we first saw it.
    JustBooted(u32),
    /// Our own clock went back, so that no age can be told.
    ClockBack,
    /// Remembered from before a restart, and not read since.
    KnownUntil {
        /// What was true.
        truth: Truth,
        /// Until when we know that it was.
        until: Timestamp,
    },
    /// The level is inside the window with margin.
    LevelGood {
        /// Who receives it.
        side: Side,
        /// The power received.
        rx: Dbm,
    },
    /// A level beyond a bound.
    LevelBeyond {
        /// Who receives it.
        side: Side,
        /// Where it lies.
        band: Band,
        /// The power received.
        rx: Dbm,
        /// The end of the window, or of its good part, that it is beyond.
        bound: Dbm,
        /// Readings in a row that are so.
        readings: u8,
        /// How many are needed; 0 when that was settled earlier.
        needed: u8,
    },
    /// A level on its way back.
    LevelReturning {
        /// Who receives it.
        side: Side,
        /// The power received.
        rx: Dbm,
        /// What it has to reach.
        bound: Dbm,
        /// Whether it comes from below.
        from_below: bool,
        /// Readings in a row that have reached it.
        readings: u8,
        /// How many are needed.
        needed: u8,
    },
    /// It went down too often in a short time.
    Flapping {
        /// Points at present; a loss costs 1000, and they halve in a quarter of an hour unless configured otherwise.
        penalty: u16,
        /// When no more than these are left, it is believed again.
        reuse: u16,
    },
    /// It did, and has been quiet since.
    Calm {
        /// Points that are left.
        penalty: u16,
        /// No more than these had to be left.
        reuse: u16,
    },
    /// Somebody works there, until then as far as is known.
    Maintenance {
        /// Until when.
        until: Timestamp,
    },
    /// Somebody worked there until then, and it was not read since.
    MaintenanceOver(Timestamp),
    /// A complete sweep listed far less than the one before.
    Shrunk {
        /// How many ONUs it listed.
        rows: u32,
        /// How many the one before did.
        of: u32,
    },
    /// A level fell from one day to the next.
    Fell {
        /// Whose.
        part: Part,
        /// Who receives it.
        side: Side,
        /// By how much.
        by: Decibels,
    },
    /// A level falls day by day.
    Falls {
        /// Whose.
        part: Part,
        /// Who receives it.
        side: Side,
        /// By how much in 30 days.
        per_month: Decibels,
        /// Days until it is within 1 dB of the sensitivity, where that is known; of a PON, its weakest ONU.
        days_left: Option<u16>,
    },
    /// A level that fell came back, or falls no more.
    Regained {
        /// Whose.
        part: Part,
        /// Who receives it.
        side: Side,
        /// What remains lost; `None` when it only falls no more.
        lost: Option<Decibels>,
    },
    /// No level is known.
    NoLevel(Unread),
    /// The last level is too old: read then.
    LevelOld(Timestamp),
    /// We started a short while ago, and the first optics sweep has still to come.
    AwaitingOptics,
    /// Too many levels turned unread in one sweep.
    MostUnread {
        /// How many did.
        turned: u32,
        /// How many were known before.
        of: u32,
    },
    /// Too many levels moved together in one sweep.
    AllShifted {
        /// By how much, in the median.
        median: Decibels,
        /// How much they differ: 1.4826 times the median absolute deviation.
        spread: Decibels,
        /// How many were compared.
        of: u32,
    },
    /// This many sweeps in a row were sane again.
    SaneSweeps(u32),
    /// Levels that turned unread are of ONUs that are down.
    LossesExplain,
    /// An operator said so.
    Operator,
    /// The OLT answers again.
    AnswersAgain,
    /// The time after the reboot is over.
    GraceOver,
    /// A sweep of this kind listed it.
    Listed(SweepKind),
    /// This many complete sweeps in a row did not list it.
    Absent(u32),
}

fn whole(seconds: u32) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(u64::from(seconds)))
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Onu => "rx",
            Self::Olt => "OLT rx",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "",
            Self::Pon => " of the whole PON",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotReadYet => f.write_str("no state reading yet"),
            Self::Up => f.write_str("up in the latest state reading"),
            Self::Down { cause, readings: 1 } => write!(f, "down ({cause}) in 1 state reading"),
            Self::Down { cause, readings } => write!(f, "down ({cause}) in {readings} consecutive state readings"),
            Self::LossUnconfirmed { cause, readings, needed } => {
                write!(f, "down ({cause}) in {readings} of {needed} state readings")
            }
            Self::LossUnexplained { lasted, needed } => {
                write!(f, "down without a known cause for {}, counts after {}", whole(lasted), whole(needed))
            }
            Self::InOutage => f.write_str("down in a power outage of the area"),
            Self::LossInGrace => f.write_str("down, but the OLT has just rebooted"),
            Self::StateUnknown => f.write_str("the OLT does not say whether it is up"),
            Self::NotListed => f.write_str("not listed in the latest complete sweep"),
            Self::ListedTwice => f.write_str("listed more than once in one sweep"),
            Self::NoStateSince(then) => write!(f, "no state reading since {then}"),
            Self::NoAnswer(then) => write!(f, "the OLT has not answered since {then}"),
            Self::Rebooted(then) => write!(f, "the OLT rebooted, seen at {then}"),
            Self::JustBooted(seconds) => write!(f, "the OLT came up {} before it was first read", whole(seconds)),
            Self::ClockBack => f.write_str("the clock of this machine went back"),
            Self::KnownUntil { truth, until } => write!(f, "{truth} until {until}, before the restart; not read since"),
            Self::LevelGood { side, rx } => write!(f, "{side} {rx:.2} is good"),
            Self::LevelBeyond { side, band, rx, bound, readings, needed } => {
                let what = match band {
                    Band::BelowSensitivity => "below sensitivity",
                    Band::NearSensitivity => "near sensitivity, below",
                    Band::Inside => "within",
                    Band::NearOverload => "near overload, above",
                    Band::AboveOverload => "above overload",
                };
                write!(f, "{side} {rx:.2} {what} {bound:.2}")?;
                if needed > 0 { write!(f, " in {readings} of {needed} readings") } else { Ok(()) }
            }
            Self::LevelReturning { side, rx, bound, from_below, readings, needed } => {
                let least = if from_below { "at least" } else { "at most" };
                write!(f, "{side} {rx:.2}, has to be {least} {bound:.2} in {needed} readings, was in {readings}")
            }
            Self::Flapping { penalty, reuse } => {
                write!(f, "flapping: {penalty} points for its losses, held until {reuse} are left")
            }
            Self::Calm { penalty, reuse } => write!(f, "quiet again: {penalty} points left, at most {reuse} needed"),
            Self::Maintenance { until } => write!(f, "in maintenance until {until}"),
            Self::MaintenanceOver(then) => write!(f, "maintenance ended at {then}; not read since"),
            Self::Shrunk { rows, of } => {
                write!(
                    f,
                    "a complete sweep listed {rows} ONUs, the one before {of}: not believed until a second one agrees"
                )
            }
            Self::Fell { part, side, by } => write!(f, "{side}{part} fell by {by:.1}"),
            Self::Falls { part, side, per_month, days_left } => {
                write!(f, "{side}{part} falls by {per_month:.1} a month")?;
                match days_left {
                    Some(days) => write!(f, ", {days} days are left until 1 dB above sensitivity"),
                    None => Ok(()),
                }
            }
            Self::Regained { part, side, lost: None } => write!(f, "{side}{part} falls no more"),
            Self::Regained { part, side, lost: Some(lost) } if lost.thousandths() < 100 => {
                write!(f, "{side}{part} is as it was")
            }
            Self::Regained { part, side, lost: Some(lost) } => {
                write!(f, "{side}{part} came back, but for {lost:.1}")
            }
            Self::NoLevel(why) => write!(f, "level unread: {why}"),
            Self::LevelOld(then) => write!(f, "no level read since {then}"),
            Self::AwaitingOptics => f.write_str("levels have not been read since the start"),
            Self::MostUnread { turned, of } => write!(f, "{turned} of {of} levels turned unread in one sweep"),
            Self::AllShifted { median, spread, of } => {
                write!(f, "{of} levels moved together by {median:.2} (spread {spread:.2})")
            }
            Self::SaneSweeps(count) => write!(f, "{count} sane optics sweeps in a row"),
            Self::LossesExplain => f.write_str("the ONUs whose levels turned unread are down"),
            Self::Operator => f.write_str("an operator trusts the levels"),
            Self::AnswersAgain => f.write_str("the OLT answers again"),
            Self::GraceOver => f.write_str("the time after the OLT's reboot is over"),
            Self::Listed(kind) => write!(f, "listed in a sweep ({kind})"),
            Self::Absent(count) => write!(f, "absent from {count} complete sweeps in a row"),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let dbm = Dbm::from_thousandths;
        for (reason, text) in [
            (Reason::Down { cause: Cause::Optical, readings: 2 }, "down (optical) in 2 consecutive state readings"),
            (Reason::Down { cause: Cause::Power, readings: 1 }, "down (power) in 1 state reading"),
            (
                Reason::LossUnexplained { lasted: 120, needed: 600 },
                "down without a known cause for 2m, counts after 10m",
            ),
            (
                Reason::LevelBeyond {
                    side: Side::Onu,
                    band: Band::BelowSensitivity,
                    rx: dbm(-28_310),
                    bound: dbm(-27_000),
                    readings: 2,
                    needed: 2,
                },
                "rx -28.31 dBm below sensitivity -27.00 dBm in 2 of 2 readings",
            ),
            (
                Reason::LevelReturning {
                    side: Side::Onu,
                    rx: dbm(-26_500),
                    bound: dbm(-26_000),
                    from_below: true,
                    readings: 0,
                    needed: 3,
                },
                "rx -26.50 dBm, has to be at least -26.00 dBm in 3 readings, was in 0",
            ),
            (
                Reason::NoLevel(Unread::Sentinel(2_147_483_647.into())),
                "level unread: the device says no value (2147483647)",
            ),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }

    #[test]
    fn costs_three_words() {
        assert!(size_of::<Reason>() <= 24, "{}", size_of::<Reason>());
    }
}
