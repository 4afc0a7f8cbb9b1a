//! `/incidents`: those that are not over, and the last that are.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::parameters::Parameters;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::prefs::Visit;
use super::texts::{Text, Worded};
use super::{format, links, place};
use crate::incident::{Incident, State as Stage};

/// Incidents on a page.
const ON_A_PAGE: usize = 60;

/// The page.
pub(super) async fn page(State(shared): State<Shared>, visit: Visit, parameters: Parameters) -> Response {
    let from = match super::from_of(&parameters) {
        Ok(from) => from,
        Err(problem) => return layout::problem(&visit, &problem),
    };
    super::show(shared, visit, move |board, visit, _| {
        let view = board.incidents();
        let mut open: Vec<&Arc<Incident>> = view.open.iter().collect();
        open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.opened_at)));
        let (count, over) = (open.len(), view.cleared.len());
        let all: Vec<&Arc<Incident>> = open.into_iter().chain(&view.cleared).skip(from).take(ON_A_PAGE).collect();
        let (open, cleared): (Vec<_>, Vec<_>) = all.into_iter().partition(|incident| incident.state != Stage::Cleared);
        let lang = visit.lang;
        let next = (from + ON_A_PAGE < count + over).then_some(from + ON_A_PAGE);
        let body = html! {
            h1 { (Text::Incidents.of(lang)) }
            section #open data-live {
                h2 { (Text::OpenIncidents.of(lang)) " " span.muted { (format::count(count)) } }
                @if count == 0 { p.muted { (Text::NothingOpen.of(lang)) } }
                ul.cards { @for incident in &open { li { (card(visit, incident)) } } }
            }
            section #over data-live {
                h2 { (Text::PastIncidents.of(lang)) " " span.muted { (format::count(over)) } }
                @if over == 0 { p.muted { (Text::NoPast.of(lang)) } }
                ul.cards { @for incident in &cleared { li { (card(visit, incident)) } } }
            }
            (pager(visit, "/incidents", from, next))
        };
        Ok(layout::page(visit, board, Section::Incidents, Text::Incidents.of(lang), &body))
    })
    .await
}

/// Links to the first and the next page of a list that is counted.
pub(super) fn pager(visit: &Visit, path: &str, from: usize, next: Option<usize>) -> Markup {
    html! {
        @if from > 0 || next.is_some() {
            p.pager {
                @if from > 0 { a href=(path) { (Text::FirstPage.of(visit.lang)) } }
                @if let Some(next) = next { a href=(links::with(path, &[("from", &next)])) rel="next" { (Text::NextPage.of(visit.lang)) } }
            }
        }
    }
}

/// An incident on a card.
pub(super) fn card(visit: &Visit, incident: &Incident) -> Markup {
    let lang = visit.lang;
    let place = incident.place.as_ref();
    let over = incident.state == Stage::Cleared;
    html! {
        article class={ "card " (format::severity_class(incident.severity)) @if over { " over" } } {
            p.kicker {
                span class={ "chip " (format::severity_class(incident.severity)) } { (incident.severity.text().of(lang)) }
                " " (incident.kind.text().of(lang))
                @if incident.state != Stage::Open { " · " (incident.state.text().of(lang)) }
            }
            h3 { a href=(links::incident(incident.id)) { (place::headline_of(lang, incident)) } }
            @if let Some(stretch) = place.and_then(|place| place::stretch(lang, place)) { p.where { (stretch) } }
            p.facts {
                strong { (Text::LostOf.with(lang, &[&format::count(incident.lost - incident.recovered.min(incident.lost)), &format::count(incident.monitored.max(incident.lost))])) }
                @if incident.recovered > 0 { span { (Text::Recovered.with(lang, &[&format::count(incident.recovered)])) } }
                span { (format::ago(lang, incident.opened_at, visit.now)) }
                @if let Some(cleared) = incident.cleared_at {
                    span { (Text::Lasted.with(lang, &[&format::span(cleared.since(incident.opened_at))])) }
                }
                span { (Text::Sure.with(lang, &[&format::percent(incident.confidence)])) }
            }
            p.evidence lang="en" { (incident.evidence) }
        }
    }
}
