//! `/`: what is going on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::super::health;
use super::super::parameters::Parameters;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::prefs::{Lang, Visit};
use super::texts::Text;
use super::{Desk, format, incidents, links, olts, ozmap};
use crate::daemon::Board;
use crate::incident::Incident;
use crate::model::Level;

/// Most incidents on this page; the others are a click away.
const INCIDENTS: usize = 30;
/// Most OLTs on this page: those in trouble come first.
const OLTS: usize = 25;

/// Sums over all OLTs.
#[derive(Debug, Default)]
struct Sums {
    total: u64,
    down: u64,
    stale: u64,
    bad: u64,
    critical: u64,
    weak: u64,
}

impl Sums {
    fn of(lines: &[olts::Line]) -> Self {
        lines.iter().fold(Self::default(), |sums, line| {
            let tally = &line.tally.whole;
            Self {
                total: sums.total + tally.total,
                down: sums.down + tally.down(),
                stale: sums.stale + tally.stale(),
                bad: sums.bad + tally.of_level(Level::Critical) + tally.of_level(Level::Overload),
                critical: sums.critical + tally.of_level(Level::Critical),
                weak: sums.weak + tally.of_level(Level::Weak),
            }
        })
    }
}

/// The page.
pub(super) async fn page(State(shared): State<Shared>, visit: Visit, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return layout::problem(&visit, &problem).into_response();
    }
    let warnings: Vec<String> =
        health::missing(&shared).into_iter().map(ToOwned::to_owned).chain(health::warnings(&shared)).collect();
    super::show(shared, visit, move |board, visit, desk| {
        let body = body(board, visit, desk, &warnings);
        Ok(layout::page(visit, board, Section::Now, Text::Now.of(visit.lang), &body))
    })
    .await
}

fn body(board: &Board, visit: &Visit, desk: &Desk, warnings: &[String]) -> Markup {
    let lang = visit.lang;
    let mut lines = olts::lines(board, desk);
    let view = board.incidents();
    let mut open: Vec<&Arc<Incident>> = view.open.iter().collect();
    open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.opened_at)));
    let sums = Sums::of(&lines);
    olts::worst_first(&mut lines);
    html! {
        h1.hidden { (Text::Now.of(lang)) }
        div #ourselves data-live { (ourselves(lang, warnings)) }
        section.tiles #tiles data-live { (tiles(lang, &sums, &open)) }
        section #incidents data-live aria-labelledby="incidents-title" {
            h2 #incidents-title { (Text::OpenIncidents.of(lang)) }
            @if open.is_empty() {
                div.calm { p.big { (Text::NothingOpen.of(lang)) } p { (Text::NothingOpenMore.of(lang)) } }
            } @else {
                ul.cards { @for incident in open.iter().take(INCIDENTS) { li { (incidents::card(visit, incident)) } } }
                @if open.len() > INCIDENTS {
                    p { a href="/incidents" { (Text::MoreIncidents.with(lang, &[&format::count(open.len() - INCIDENTS)])) } }
                }
            }
        }
        section #olts data-live aria-labelledby="olts-title" {
            h2 #olts-title { (Text::OltsAtAGlance.of(lang)) }
            (olts::table(visit, lines.iter().take(OLTS)))
            @if lines.len() > OLTS {
                p { a href="/olts" { (Text::AllOlts.with(lang, &[&format::count(lines.len())])) } }
            }
        }
        section #ozmap data-live aria-labelledby="ozmap-title" {
            h2 #ozmap-title { (Text::Ozmap.of(lang)) }
            (ozmap::panel(visit, board.push().as_deref()))
        }
    }
}

/// What is wrong with us.
fn ourselves(lang: Lang, warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            div.warning role="alert" {
                strong { (Text::OurselvesWarnings.of(lang)) }
                ul lang="en" { @for warning in warnings { li { (warning) } } }
            }
        }
    }
}

fn tiles(lang: Lang, sums: &Sums, open: &[&Arc<Incident>]) -> Markup {
    let worst = open.first().map(|incident| format::severity_class(incident.severity)).unwrap_or_default();
    // A list holds one level: the worse of the two that there is.
    let bad = if sums.critical > 0 || sums.bad == 0 { Level::Critical } else { Level::Overload };
    html! {
        a class={ "tile " (worst) } href="/incidents" {
            span.figure { (format::count(open.len())) } span.label { (Text::OpenIncidents.of(lang)) }
        }
        a.tile.down[sums.down > 0] href=(links::with("/onus", &[("state", &"down")])) {
            span.figure { (format::count(sums.down)) } span.label { (Text::CustomersDown.of(lang)) }
            span.more { (Text::OfAll.with(lang, &[&format::count(sums.total)])) }
        }
        a.tile.critical[sums.bad > 0] href=(links::with("/onus", &[("level", &bad.word())])) {
            span.figure { (format::count(sums.bad)) } span.label { (Text::BadLevels.of(lang)) }
            span.more { (Text::WeakCount.with(lang, &[&format::count(sums.weak)])) }
        }
        a.tile.unread[sums.stale > 0] href=(links::with("/onus", &[("state", &"stale")])) {
            span.figure { (format::count(sums.stale)) } span.label { (Text::NotKnown.of(lang)) }
            span.more { (Text::NotKnownMore.of(lang)) }
        }
    }
}
