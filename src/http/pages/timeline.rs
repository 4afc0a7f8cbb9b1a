//! When an incident's ONUs went down and came back. Pure.

use std::time::Duration;

use maud::{Markup, html};

use super::format;
use super::prefs::Lang;
use super::texts::Text;
use crate::incident::Incident;
use crate::model::{Timestamp, Truth};

/// Entries that are shown; what is nearer than that together is told together.
const MOST: usize = 24;

/// What happened at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The first loss was seen.
    Opened,
    /// So many went down.
    Down(usize),
    /// So many came back.
    Back(usize),
    /// It is over.
    Cleared,
}

/// The entries, in time order. `held` is what is held of each member now, and since when.
pub(super) fn entries(incident: &Incident, held: &[(Truth, Timestamp)]) -> Vec<(Timestamp, What)> {
    let mut moves: Vec<(Timestamp, bool)> = held
        .iter()
        .filter(|(_, since)| *since >= incident.opened_at)
        .filter_map(|(truth, since)| match truth {
            Truth::Up => Some((*since, false)),
            Truth::Down(_) => Some((*since, true)),
            Truth::Stale => None,
        })
        .collect();
    moves.sort_unstable();
    let mut entries = vec![(incident.opened_at, What::Opened)];
    let mut together = Duration::from_secs(1);
    let mut grouped = group(&moves, together);
    while grouped.len() > MOST {
        together *= 2;
        grouped = group(&moves, together);
    }
    entries.extend(grouped);
    entries.extend(incident.cleared_at.map(|at| (at, What::Cleared)));
    entries.sort_by_key(|(at, _)| *at);
    entries
}

/// Moves of the same kind that are not further from the first of them than `together`.
fn group(moves: &[(Timestamp, bool)], together: Duration) -> Vec<(Timestamp, What)> {
    let mut groups: Vec<(Timestamp, bool, usize)> = Vec::new();
    for (at, down) in moves {
        // The last group of this kind may have one of the other kind behind it.
        match groups.iter_mut().rev().take(2).find(|(first, kind, _)| kind == down && at.since(*first) <= together) {
            Some((.., count)) => *count += 1,
            None => groups.push((*at, *down, 1)),
        }
    }
    groups.into_iter().map(|(at, down, count)| (at, if down { What::Down(count) } else { What::Back(count) })).collect()
}

/// The entries as a list.
pub(super) fn draw(lang: Lang, entries: &[(Timestamp, What)]) -> Markup {
    let first = entries.first().map(|(at, _)| *at);
    html! {
        ol.timeline {
            @for (at, what) in entries {
                @let (class, text) = match what {
                    What::Opened => ("down", Text::Opened.of(lang).to_owned()),
                    What::Down(count) => ("down", Text::WentDown.with(lang, &[count])),
                    What::Back(count) => ("good", Text::CameBack.with(lang, &[count])),
                    What::Cleared => ("good", Text::Cleared.of(lang).to_owned()),
                };
                li class=(class) {
                    (format::time(*at)) " "
                    @if let Some(first) = first.filter(|first| at.since(*first) >= Duration::from_secs(1)) { span.muted { "+" (format::span(at.since(first))) } " " }
                    strong { (text) }
                }
            }
        }
    }
}
