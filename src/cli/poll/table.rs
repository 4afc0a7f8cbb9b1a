//! The ONUs for a person: a section an OLT, worst things in colour, and what it comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Document, OltEntry};
use crate::cli::out::Paper;
use crate::cli::table::{Grid, Paint, clean, finish, number, painted, text};
use crate::http::OnuRecord;
use crate::model::{Cause, Dbm, Level, OnuState};

/// Longest name of an ONU that is shown, so that a line stays below 100 columns.
const LONGEST_NAME: usize = 24;
/// Longest description of an OLT.
const LONGEST_DESCR: usize = 40;

/// All sections, with a total when there are several.
pub(super) fn render(document: &Document, paper: Paper) -> String {
    let mut olts: Vec<&OltEntry> = document.olts.iter().collect();
    olts.sort_by_key(|olt| natural(&olt.olt));
    let mut shown: String = olts.iter().map(|olt| section(olt) + "\n").collect();
    if let [_, _, ..] = olts.as_slice() {
        let onus = || olts.iter().flat_map(|olt| olt.onus.iter());
        let pdus: u64 = olts.iter().map(|olt| olt.pdus).sum();
        shown.push_str(&format!(
            "{}, {}; {} PDUs\n",
            painted(&format!("{} OLTs", olts.len()), Paint::Strong),
            tally(onus),
            pdus
        ));
    } else {
        // The empty line is between sections, not behind the last.
        shown.truncate(shown.trim_end().len());
        shown.push('\n');
    }
    finish(&shown, paper)
}

/// For sorting names as people do: olt-2 before olt-10.
fn natural(name: &str) -> Vec<(Option<u64>, &str)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_digit(c) != is_digit(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push((part.parse().ok(), part));
        rest = after;
    }
    parts
}

fn section(olt: &OltEntry) -> String {
    let mut head = vec![painted(&clean(&olt.olt, 64), Paint::Strong), olt.address.clone()];
    head.extend(olt.profile.clone());
    head.extend(olt.sys_descr.as_ref().map(|descr| painted(&clean(descr, LONGEST_DESCR), Paint::Faint)));
    let mut shown = head.join("  ") + "\n";
    if !olt.onus.is_empty() {
        shown.push_str(&grid(&olt.onus).lines(2));
    }
    if let Some(error) = &olt.error {
        let what = if olt.profile.is_none() { "not read: " } else { "incomplete: " };
        shown.push_str(&format!("  {}{}\n", painted(what, Paint::Bad), clean(error, 2000)));
    }
    if olt.profile.is_some() {
        let elapsed = Duration::from_millis(olt.elapsed_ms);
        let elapsed = if elapsed.as_secs() > 0 { format!("{elapsed:.1?}") } else { format!("{elapsed:?}") };
        shown.push_str(&format!("  {}; {} PDUs in {elapsed}\n", tally(|| olt.onus.iter()), olt.pdus));
    }
    shown
}

fn grid(onus: &[OnuRecord]) -> Grid {
    let mut grid = Grid::new(vec![
        text("PON"),
        number("ONU"),
        text("SERIAL"),
        text("MAC"),
        text("NAME"),
        text("STATE"),
        number("RX dBm"),
        number("OLT RX"),
        number("TX"),
        number("METRES"),
        text("LEVEL"),
    ]);
    let power = |power: Option<Dbm>| power.map(|power| format!("{:.2}", power.get())).unwrap_or_default();
    for onu in onus {
        grid.row(vec![
            onu.pon.map(|pon| pon.to_string()).unwrap_or_default(),
            onu.onu.map(|number| number.to_string()).unwrap_or_default(),
            onu.serial.as_ref().map(|serial| clean(&serial.to_string(), 24)).unwrap_or_default(),
            onu.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            onu.name.as_deref().map(|name| clean(name, LONGEST_NAME)).unwrap_or_default(),
            state(onu),
            power(onu.rx_dbm),
            power(onu.olt_rx_dbm),
            power(onu.tx_dbm),
            onu.distance_m.map(|metres| format!("{:.0}", metres.get())).unwrap_or_default(),
            painted(onu.level.word(), paint_of(onu.level)),
        ]);
    }
    grid.without_empty_columns(&["STATE", "RX dBm", "LEVEL"])
}

fn state(onu: &OnuRecord) -> String {
    match (onu.state, onu.cause) {
        (OnuState::Up, _) => "up".to_owned(),
        (OnuState::Down, None | Some(Cause::Unknown)) => painted("down", Paint::Bad),
        (OnuState::Down, Some(cause)) => painted(&format!("down, {cause}"), Paint::Bad),
        (OnuState::Unknown, _) => painted("unknown", Paint::Faint),
    }
}

const fn paint_of(level: Level) -> Paint {
    match level {
        Level::Good => Paint::Good,
        Level::Weak => Paint::Warning,
        Level::Critical | Level::Overload => Paint::Bad,
        Level::Unread => Paint::Faint,
    }
}

/// `32 ONUs: 30 up, 2 down (1 power); 27 good, 2 weak, 1 critical, 2 unread`.
fn tally<'a, I: Iterator<Item = &'a OnuRecord>>(onus: impl Fn() -> I) -> String {
    let count = |wanted: &dyn Fn(&OnuRecord) -> bool| onus().filter(|onu| wanted(onu)).count();
    let all = onus().count();
    let mut states = Vec::new();
    for (state, paint) in [(OnuState::Up, Paint::Good), (OnuState::Down, Paint::Bad), (OnuState::Unknown, Paint::Faint)]
    {
        let found = count(&|onu| onu.state == state);
        if found == 0 {
            continue;
        }
        let mut part = painted(&format!("{found} {state}"), paint);
        if state == OnuState::Down {
            part.push_str(&causes(onus()));
        }
        states.push(part);
    }
    let levels: Vec<String> = Level::ALL
        .iter()
        .filter_map(|level| {
            let found = count(&|onu| onu.level == *level);
            (found > 0).then(|| painted(&format!("{found} {level}"), paint_of(*level)))
        })
        .collect();
    let onus = if all == 1 { "ONU" } else { "ONUs" };
    if all == 0 {
        return format!("no {onus}");
    }
    format!("{all} {onus}: {}; {}", states.join(", "), levels.join(", "))
}

/// ` (2 optical, 1 power)`, or nothing when no cause is known.
fn causes<'a>(onus: impl Iterator<Item = &'a OnuRecord>) -> String {
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for cause in onus.filter_map(|onu| onu.cause) {
        let count = counts.entry(cause).or_default();
        *count = count.saturating_add(1);
    }
    if counts.keys().all(|cause| *cause == Cause::Unknown) {
        return String::new();
    }
    let parts: Vec<String> = counts.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    format!(" ({})", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn names_with_numbers_are_sorted_as_people_do() {
        let mut names = ["olt-10", "olt-2", "olt", "b-1", "olt-2b", "olt-99999999999999999999", "2", "10"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["b-1", "olt", "olt-99999999999999999999", "olt-2", "olt-2b", "olt-10", "2", "10"]);
    }
}
