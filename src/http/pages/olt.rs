//! `/olts/{olt}`: an OLT: its PONs as a grid, its sweeps, and the load that we put on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::super::merged::lines;
use super::super::parameters::{Parameters, shown};
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::super::tally::{OltTally, Tally};
use super::layout::{self, Section};
use super::prefs::{Lang, Visit};
use super::texts::{Text, Worded};
use super::{Desk, bars, format, incidents, links, olts};
use crate::daemon::{Board, OltReport};
use crate::model::{Completeness, Level, PonId, SweepKind};
use crate::poll::Status;

/// The page.
pub(super) async fn page(
    State(shared): State<Shared>,
    Path(olt): Path<String>,
    visit: Visit,
    parameters: Parameters,
) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return layout::problem(&visit, &problem);
    }
    super::show(shared, visit, move |board, visit, desk| {
        let report = find(board, &olt)?;
        let body = body(board, visit, desk, &report);
        Ok(layout::page(visit, board, Section::Olts, report.olt.as_str(), &body))
    })
    .await
}

/// An OLT by its name.
pub(super) fn find(board: &Board, name: &str) -> Result<Arc<OltReport>, Problem> {
    board.olt(name).ok_or_else(|| Problem::not_found(format!("the config has no OLT {:?}", shown(name))))
}

fn body(board: &Board, visit: &Visit, desk: &Desk, report: &Arc<OltReport>) -> Markup {
    let lang = visit.lang;
    let tally = desk.tallies.of(report);
    let view = board.incidents();
    let ours: Vec<_> = view.open.iter().filter(|incident| incident.olts.contains(&report.olt)).take(10).collect();
    html! {
        header.page-head {
            p.crumbs { a href="/olts" { (Text::Olts.of(lang)) } }
            h1 { (report.olt.as_str()) }
            div #status data-live { (olts::status(lang, report)) (trouble(lang, report)) }
        }
        @if !ours.is_empty() {
            section #incidents data-live {
                h2 { (Text::OpenIncidents.of(lang)) }
                ul.cards { @for incident in ours { li { (incidents::card(visit, incident)) } } }
            }
        }
        section #pons data-live {
            h2 { (Text::PonGrid.of(lang)) }
            p.hint { (Text::PonGridMore.of(lang)) }
            (grid(lang, report, &tally))
        }
        div.columns {
            section #schedule data-live { h2 { (Text::Schedule.of(lang)) } (schedule(visit, report)) }
            section #load data-live { h2 { (Text::Load.of(lang)) } (load(visit, report)) }
        }
    }
}

/// Why it is not read or not believed.
fn trouble(lang: Lang, report: &OltReport) -> Markup {
    html! {
        @if let Some(error) = &report.error {
            p.warning { span lang="en" { (error) }
                @if let Some(again) = report.again_in { " · " (Text::AgainIn.with(lang, &[&format::span(again)])) }
            }
        }
        @if let Some(why) = &report.suspect { p.warning lang="en" { (why) } }
    }
}

/// A PON's cell.
struct Cell {
    pon: Option<PonId>,
    label: String,
    tally: Tally,
}

/// The worst level of those that are up; `None` when nothing was read.
fn worst(tally: &Tally) -> Option<Level> {
    [Level::Critical, Level::Overload, Level::Weak, Level::Good].into_iter().find(|level| tally.of_level(*level) > 0)
}

/// PONs card by card.
fn grid(lang: Lang, report: &Arc<OltReport>, tally: &OltTally) -> Markup {
    let mut cards: BTreeMap<Vec<u16>, Vec<Cell>> = BTreeMap::new();
    for (pon, tally) in &tally.pons {
        let (port, card) = pon.parts().split_last().map_or((0, &[][..]), |(port, card)| (*port, card));
        let cell = Cell { pon: Some(*pon), label: port.to_string(), tally: *tally };
        cards.entry(card.to_vec()).or_default().push(cell);
    }
    let nowhere = without_pon(report);
    html! {
        @if cards.is_empty() && nowhere.total == 0 { p.muted { (Text::NoPons.of(lang)) } }
        @for (card, cells) in &cards {
            @if !card.is_empty() {
                @let name = card.iter().map(u16::to_string).collect::<Vec<_>>().join("/");
                h3 { (Text::Card.with(lang, &[&name])) }
            }
            ul.grid { @for one in cells { li { (cell(lang, report, one)) } } }
        }
        @if nowhere.total > 0 {
            ul.grid { li { (cell(lang, report, &Cell { pon: None, label: Text::WithoutPon.of(lang).to_owned(), tally: nowhere })) } }
        }
    }
}

/// ONUs of which the family does not show the PON.
fn without_pon(report: &OltReport) -> Tally {
    let mut tally = Tally::default();
    for line in lines(report).filter(|line| line.pon().is_none()) {
        tally.add(&line);
    }
    tally
}

fn cell(lang: Lang, report: &OltReport, Cell { pon, label, tally }: &Cell) -> Markup {
    let worst = worst(tally);
    let class = match worst {
        _ if tally.total > 0 && tally.down() == tally.total => "down",
        Some(level) => format::level_class(level),
        None => "unread",
    };
    let name = pon.map_or_else(|| label.clone(), |pon| pon.to_string());
    let says = format!(
        "PON {name}: {}; {}",
        Text::LostOf.with(lang, &[&tally.down(), &tally.total]),
        worst.map_or(Text::LevelUnread, |level| level.text()).of(lang)
    );
    html! {
        a class={ "cell " (class) } href=(links::pon(&report.olt, *pon)) title=(says) {
            span.hidden { (says) }
            span.port aria-hidden="true" { (label) }
            span.share aria-hidden="true" { @if tally.down() > 0 { (format::count(tally.down())) "/" } (format::count(tally.total)) }
            @if tally.total > 0 {
                svg.parts viewBox={ "0 0 " (tally.total) " 4" } preserveAspectRatio="none" aria-hidden="true" {
                    rect.track width=(tally.total) height="4" {}
                    rect.fill-down width=(tally.down()) height="4" {}
                }
            }
        }
    }
}

fn interval(status: &Status, kind: SweepKind) -> Duration {
    match kind {
        SweepKind::Inventory => status.intervals.inventory,
        SweepKind::State => status.intervals.state,
        SweepKind::Optics => status.intervals.optics,
    }
}

fn lateness(status: &Status, kind: SweepKind) -> Duration {
    match kind {
        SweepKind::Inventory => status.lateness.inventory,
        SweepKind::State => status.lateness.state,
        SweepKind::Optics => status.lateness.optics,
    }
}

fn schedule(visit: &Visit, report: &OltReport) -> Markup {
    let lang = visit.lang;
    html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        @for text in [Text::Sweep, Text::Every, Text::LastRun, Text::Took, Text::Requests, Text::Late, Text::Complete] {
                            th scope="col" { (text.of(lang)) }
                        }
                    }
                }
                tbody { @for kind in [SweepKind::State, SweepKind::Optics, SweepKind::Inventory] { (sweep(visit, report, kind)) } }
            }
        }
    }
}

fn sweep(visit: &Visit, report: &OltReport, kind: SweepKind) -> Markup {
    let lang = visit.lang;
    let last = report.view.last(kind);
    html! {
        tr {
            th scope="row" { (kind.text().of(lang)) }
            td { (format::or_dash(report.status.as_ref().map(|status| format::span(interval(status, kind))))) }
            td { @if let Some(last) = last { (format::ago(lang, last.ended, visit.now)) } @else { "–" } }
            td { (format::or_dash(last.map(|last| format::span(last.elapsed)))) }
            td { (format::or_dash(last.map(|last| format::count(last.pdus)))) }
            td { (format::or_dash(report.status.as_ref().map(|status| format::span(lateness(status, kind))))) }
            td {
                @match last.map(|last| &last.completeness) {
                    None => "–",
                    Some(Completeness::Complete) => (Text::Yes.of(lang)),
                    Some(Completeness::Partial(gaps)) => {
                        @let what = gaps.iter().take(3).map(|gap| gap.what.to_string()).collect::<Vec<_>>().join(", ");
                        span.weak-text { (Text::Missing.with(lang, &[&what])) }
                    }
                }
            }
        }
    }
}

/// Requests a minute that the schedule means, by the last sweep of each kind.
fn requests_a_minute(report: &OltReport, status: &Status) -> f64 {
    let of = |kind: &SweepKind| {
        let last = report.view.last(*kind)?;
        let minutes = interval(status, *kind).as_secs_f64() / 60.0;
        // Some thousands at most: exact.
        #[allow(clippy::cast_precision_loss)]
        let pdus = last.pdus as f64;
        (minutes > 0.0).then(|| pdus / minutes)
    };
    SweepKind::ALL.iter().filter_map(of).sum()
}

fn load(visit: &Visit, report: &OltReport) -> Markup {
    let lang = visit.lang;
    let identity = report.status.as_ref().and_then(|status| status.identity.as_ref());
    html! {
        dl.facts-grid {
            (format::fact(Text::Address.of(lang), &html! { (report.address) }))
            @if let Some(identity) = identity {
                (format::fact(Text::Family.of(lang), &html! { (identity.profile.name()) }))
                (format::fact(Text::Descr.of(lang), &html! { (identity.sys_descr) }))
            }
            @if let Some(status) = &report.status {
                @let counters = &status.counters;
                (format::fact(Text::RequestsAMinute.of(lang), &html! { (format!("{:.1}", requests_a_minute(report, status))) }))
                (format::fact(Text::RoundTrip.of(lang), &format::or_dash(counters.smoothed_rtt.map(|rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1e3)))))
                (format::fact(Text::Window.of(lang), &html! { (counters.window) }))
                (format::fact(Text::Rest.of(lang), &html! { (format::span(counters.rest)) }))
                (format::fact(Text::Requests.of(lang), &html! { (format::count(counters.sent)) }))
                (format::fact(Text::Retries.of(lang), &html! { (format::count(counters.retries)) }))
                (format::fact(Text::Timeouts.of(lang), &html! { (format::count(counters.timeouts)) }))
                @let (read, slices) = status.slices;
                @if slices > 1 {
                    (format::fact(Text::OpticsRound.of(lang), &html! {
                        (Text::OpticsRoundOf.with(lang, &[&read, &slices])) " "
                        (bars::parts(Text::OpticsRound.of(lang), &[("accent", u64::try_from(read).unwrap_or(0)), ("track", u64::try_from(slices.saturating_sub(read)).unwrap_or(0))]))
                    }))
                }
            }
        }
    }
}
