//! Numbers, times and words as every page shows them.

use std::time::Duration;

use maud::{Markup, html};

use super::prefs::Lang;
use super::texts::{Text, Worded};
use crate::incident::Severity;
use crate::model::{Dbm, Level, Metres, Timestamp, Truth};

/// Groups of three digits are parted by this, which every language reads alike.
const THIN_SPACE: char = '\u{202f}';

/// A count, `12 345`.
pub(super) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * THIN_SPACE.len_utf8());
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    text
}

/// A span of time in its two greatest units: `45 s`, `3 min`, `2 h 05 min`, `3 d 4 h`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, 0) if !span.is_zero() => format!("{} ms", span.as_millis()),
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes @ ..10, seconds @ 1..) => format!("{minutes} min {seconds:02} s"),
        (0, 0, minutes, _) => format!("{minutes} min"),
        (0, hours, minutes @ 1.., _) => format!("{hours} h {minutes:02} min"),
        (0, hours, ..) => format!("{hours} h"),
        (days @ ..10, hours @ 1.., ..) => format!("{days} d {hours} h"),
        (days, ..) => format!("{days} d"),
    }
}

/// A point in time; the script shows it in the zone of whoever looks.
pub(super) fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    let (day, rest) = text.split_once('T').unwrap_or((&text, ""));
    let clock = rest.trim_end_matches('Z');
    html! { time datetime=(text) { (day) " " (clock) " UTC" } }
}

/// How long ago something was, with its time for whoever points at it.
pub(super) fn ago(lang: Lang, at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) title=(at.to_string()) data-ago { (Text::Ago.with(lang, &[&span(Duration::from_secs(now.since(at).as_secs()))])) } }
}

/// A power with its sign, `−21.37`, without its unit.
pub(super) fn power(power: Dbm) -> String {
    format!("{:.2}", power.get()).replace('-', "\u{2212}")
}

/// A distance, `1 234 m`.
pub(super) fn metres(length: Metres) -> String {
    let whole = u64::try_from((length.thousandths() + 500) / 1000).unwrap_or(0);
    format!("{} m", count(whole))
}

/// A share of one as a whole percentage that says 0 and 100 only when it is exactly that.
pub(super) fn percent(share: f64) -> u8 {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    // At most 100.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rounded = (share * 100.0).round() as u8;
    match rounded {
        0 if share > 0.0 => 1,
        100 if share < 1.0 => 99,
        other => other,
    }
}

/// The class of an element for a level.
pub(super) const fn level_class(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Weak => "weak",
        Level::Critical => "critical",
        Level::Overload => "overload",
        Level::Unread => "unread",
    }
}

/// The class of an element for a severity.
pub(super) const fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "sev-critical",
        Severity::Major => "sev-major",
        Severity::Minor => "sev-minor",
        Severity::Warning => "sev-warning",
    }
}

/// A level as a word on its colour.
pub(super) fn level(lang: Lang, level: Level) -> Markup {
    html! { span class={ "chip " (level_class(level)) } { (level.text().of(lang)) } }
}

/// A truth as a word on its colour, with the cause of a loss.
pub(super) fn truth(lang: Lang, truth: Truth) -> Markup {
    let class = match truth {
        Truth::Up => "good",
        Truth::Down(_) => "down",
        Truth::Stale => "unread",
    };
    html! {
        span class={ "chip " (class) } {
            (truth.text().of(lang))
            @if let Truth::Down(cause) = truth { ": " (cause.text().of(lang)) }
        }
    }
}

/// A named value of a list of such.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// A value, or a dash where there is none.
pub(super) fn or_dash(value: Option<String>) -> Markup {
    html! { @match value { Some(value) => (value), None => span.muted { "–" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_two_greatest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 05 s"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7500, "2 h 05 min"),
            (86_400, "1 d"),
            (3 * 86_400 + 4 * 3600, "3 d 4 h"),
            (20 * 86_400 + 4 * 3600, "20 d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(span(Duration::from_millis(250)), "250 ms");
    }

    #[test]
    fn counts_are_grouped_and_powers_have_a_true_minus() {
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(1_234_567_u64), "1\u{202f}234\u{202f}567");
        assert_eq!(power(Dbm::new(-21.374).unwrap()), "\u{2212}21.37");
        assert_eq!(metres(Metres::new(1234.4).unwrap()), "1\u{202f}234 m");
    }

    #[test]
    fn a_chance_that_is_not_quite_one_is_not_shown_as_such() {
        for (share, shown) in [(0.0, 0), (0.001, 1), (0.5, 50), (0.999, 99), (1.0, 100), (f64::NAN, 0), (7.0, 100)] {
            assert_eq!(percent(share), shown, "{share}");
        }
    }
}
