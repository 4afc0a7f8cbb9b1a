//! `/olts`: every OLT in a line.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::api_olt::is_answering;
use super::super::parameters::Parameters;
use super::super::routes::Shared;
use super::super::tally::OltTally;
use super::layout::{self, Section};
use super::prefs::{Lang, Visit};
use super::texts::Text;
use super::{Desk, bars, format, incidents, links};
use crate::daemon::{Board, OltReport};
use crate::model::Level;

/// OLTs on a page.
const ON_A_PAGE: usize = 100;

/// An OLT with its counts.
#[derive(Debug)]
pub(super) struct Line {
    /// How it stands.
    pub(super) report: Arc<OltReport>,
    /// Its ONUs, counted.
    pub(super) tally: Arc<OltTally>,
}

/// Every OLT, in the config's order.
pub(super) fn lines(board: &Board, desk: &Desk) -> Vec<Line> {
    board.olts().into_iter().map(|report| Line { tally: desk.tallies.of(&report), report }).collect()
}

/// Those in trouble first: silent, not believed, then by ONUs that are down and by bad levels.
pub(super) fn worst_first(lines: &mut [Line]) {
    lines.sort_by_cached_key(|Line { report, tally }| {
        let silent = is_answering(report) == Some(false);
        let whole = &tally.whole;
        let bad = whole.of_level(Level::Critical) + whole.of_level(Level::Overload);
        std::cmp::Reverse((silent, report.suspect.is_some(), whole.down(), bad))
    });
}

/// The page.
pub(super) async fn page(State(shared): State<Shared>, visit: Visit, parameters: Parameters) -> Response {
    let from = match super::from_of(&parameters) {
        Ok(from) => from,
        Err(problem) => return layout::problem(&visit, &problem),
    };
    super::show(shared, visit, move |board, visit, desk| {
        let lines = lines(board, desk);
        let lang = visit.lang;
        let next = (from + ON_A_PAGE < lines.len()).then_some(from + ON_A_PAGE);
        let body = html! {
            h1 { (Text::Olts.of(lang)) " " span.muted { (format::count(lines.len())) } }
            div #list data-live { (table(visit, lines.iter().skip(from).take(ON_A_PAGE))) }
            (incidents::pager(visit, "/olts", from, next))
        };
        Ok(layout::page(visit, board, Section::Olts, Text::Olts.of(lang), &body))
    })
    .await
}

/// OLTs as a table.
pub(super) fn table<'a>(visit: &Visit, lines: impl Iterator<Item = &'a Line>) -> Markup {
    let lang = visit.lang;
    html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { (Text::Olt.of(lang)) }
                        th scope="col" { (Text::Status.of(lang)) }
                        th.number scope="col" { (Text::Onus.of(lang)) }
                        th.wide scope="col" { (Text::StateNow.of(lang)) }
                        th.number scope="col" { (Text::Down.of(lang)) }
                        th.number scope="col" { (Text::BadLevels.of(lang)) }
                        th scope="col" { (Text::LastAnswer.of(lang)) }
                    }
                }
                tbody { @for line in lines { (row(visit, line)) } }
            }
        }
    }
}

fn row(visit: &Visit, Line { report, tally }: &Line) -> Markup {
    let lang = visit.lang;
    let whole = &tally.whole;
    let bad = whole.of_level(Level::Critical) + whole.of_level(Level::Overload);
    html! {
        tr {
            th scope="row" { a href=(links::olt(&report.olt)) { (report.olt.as_str()) } }
            td { (status(lang, report)) }
            td.number { (format::count(whole.total)) }
            td.wide { (states(lang, tally)) }
            td.number { @if whole.down() > 0 { strong.down-text { (format::count(whole.down())) } } @else { "0" } }
            td.number { @if bad > 0 { strong.critical-text { (format::count(bad)) } } @else { "0" } }
            td { @if let Some(at) = report.last_answer { (format::ago(lang, at, visit.now)) } @else { "–" } }
        }
    }
}

/// Up, down and not known as one bar.
fn states(lang: Lang, tally: &OltTally) -> Markup {
    let whole = &tally.whole;
    let label = format!(
        "{} {}, {} {}, {} {}",
        whole.up(),
        Text::TruthUp.of(lang),
        whole.down(),
        Text::TruthDown.of(lang),
        whole.stale(),
        Text::TruthStale.of(lang)
    );
    bars::parts(&label, &[("good", whole.up()), ("down", whole.down()), ("unread", whole.stale())])
}

/// How an OLT stands, in words on colours.
pub(super) fn status(lang: Lang, report: &OltReport) -> Markup {
    html! {
        @match is_answering(report) {
            None => span.chip.unread { (Text::NotAsked.of(lang)) },
            Some(true) => span.chip.good { (Text::Answering.of(lang)) },
            Some(false) => span.chip.down { (Text::SilentOlt.of(lang)) },
        }
        @if report.suspect.is_some() { " " span.chip.weak { (Text::SuspectLevels.of(lang)) } }
        @for work in report.maintenance.iter().take(1) {
            " " span.chip.accent { (Text::UnderMaintenance.with(lang, &[&work.until])) }
        }
    }
}
