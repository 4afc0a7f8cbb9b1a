//! The evidence of an incident in a sentence that a person can check.

use super::finding::{Counts, Finding};
use super::place::{NamedElement, Place};
use super::snapshot::Kind;

fn name(element: &NamedElement) -> String {
    match (&element.name, element.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => format!("{} {id}", element.kind),
        (None, None) => format!("an unnamed {}", element.kind),
    }
}

/// Where ONUs hang, in words: behind the end of a stretch, at a box, on a port.
fn where_of(place: Option<&Place>) -> String {
    let Some(place) = place else { return "at no known place".to_owned() };
    match (&place.to, place.element.kind) {
        (Some(to), "cable" | "box" | "fiber" | "splitter" | "joint" | "drop") => format!("behind {}", name(to)),
        (_, "pon" | "slot" | "olt") => format!("on {}", name(&place.element)),
        (_, "area") => format!("around {}", name(&place.element)),
        _ => format!("behind {}", name(&place.element)),
    }
}

fn clients(count: u32) -> String {
    if count == 1 { "1 client".to_owned() } else { format!("{count} clients") }
}

/// For a fault that explains losses.
pub(super) fn of_losses(finding: &Finding) -> String {
    let Counts { monitored, lost, gasped, silent, unsaid, elsewhere, strays } = finding.counts;
    let seconds = finding.seen.map_or(0, |[first, last]| last.since(first).as_secs());
    let when = if seconds == 0 { "in one look".to_owned() } else { format!("within {seconds} s") };
    let what = if finding.kind == Kind::Power { "went down" } else { "lost light" };
    let mut told = vec![match (gasped, silent, unsaid) {
        (0, 0, _) => "the OLT does not say why".to_owned(),
        (0, _, 0) => "none gasped".to_owned(),
        (0, _, _) => format!("none gasped, of {unsaid} the OLT does not say why"),
        (all, 0, 0) => format!("all {all} gasped for want of power"),
        (some, ..) => format!("{some} gasped for want of power"),
    }];
    if elsewhere > 0 {
        told.push(format!(
            "; {} elsewhere on the same PONs {} up",
            clients(elsewhere),
            if elsewhere == 1 { "is" } else { "are" }
        ));
    }
    if strays > 0 {
        told.push(format!("; {strays} more lost light there, but are documented elsewhere"));
    }
    if finding.is_scattered {
        told.push("; they have nothing in common but their port, as when an ONU sends out of turn".to_owned());
    }
    format!("{lost} of {} {} {what} {when}, {}", clients(monitored), where_of(finding.place.as_ref()), told.concat())
}

/// For levels that fell.
pub(super) fn of_levels(finding: &Finding, median: f64) -> String {
    let Counts { monitored, lost, elsewhere, .. } = finding.counts;
    format!(
        "{lost} of {} {} receive less than before, {median:.1} dB in the median; {} elsewhere on the same PONs do not",
        clients(monitored),
        where_of(finding.place.as_ref()),
        clients(elsewhere),
    )
}

/// For what is left of a fault that is over.
pub(super) fn of_rest(left: usize, of: usize, is_outage: bool) -> String {
    let verb = if left == 1 { "is" } else { "are" };
    let of = clients(u32::try_from(of).unwrap_or(u32::MAX));
    if is_outage {
        return format!("{left} of {of} {verb} still down after the others have power again");
    }
    format!("{left} of {of} {verb} still dark after the others came back: probably a second fault")
}

/// What is known of a lone loss.
pub(super) struct Lone {
    /// Looks that read it as down.
    pub looks: u8,
    /// How long it lasts.
    pub minutes: u64,
    /// Of the same box, how many are up.
    pub siblings: usize,
    /// How often it went down alone before, in how many days.
    pub before: (u16, u64),
    /// Whether the OLT says that light was lost.
    pub is_known_why: bool,
}

/// For one client.
pub(super) fn of_drop(place: Option<&Place>, lone: &Lone) -> String {
    let at = place.map_or_else(String::new, |place| format!(" at {}", name(&place.element)));
    let what = if lone.is_known_why { "lost light" } else { "is down, and the OLT does not say why," };
    let how = if lone.minutes < 10 {
        format!("read so {} times", lone.looks)
    } else {
        format!("for {} min by now", lone.minutes)
    };
    let siblings = match lone.siblings {
        0 => "no other of its box is up".to_owned(),
        1 => "1 of the same box is up".to_owned(),
        more => format!("{more} of the same box are up"),
    };
    let before = match lone.before {
        (_, 0) => String::new(),
        (0, days) => format!("; it never went down alone in {days} days"),
        (times, days) => format!("; it went down alone {times} times in {days} days"),
    };
    format!("1 client {what}{at}, {how}; {siblings}{before}")
}
