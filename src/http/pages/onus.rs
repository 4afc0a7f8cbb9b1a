//! `/onus`: ONUs in pages, filtered and searched.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::super::onus::Wanted;
use super::super::parameters::Parameters;
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::pon::{box_name, label};
use super::prefs::Visit;
use super::texts::{Text, Worded};
use super::{format, links, prefs};
use crate::daemon::Board;
use crate::model::{Level, Truth};

/// ONUs on a page.
const ON_A_PAGE: usize = 100;
/// OLTs that the filter offers by name.
const OFFERED: usize = 200;

const FILTERS: [&str; 6] = ["olt", "pon", "state", "level", "q", "box"];

/// The page.
pub(super) async fn page(State(shared): State<Shared>, visit: Visit, parameters: Parameters) -> Response {
    let known: Vec<&str> = FILTERS.into_iter().chain(["cursor"]).collect();
    if let Err(problem) = parameters.only(&known) {
        return layout::problem(&visit, &problem);
    }
    super::show(shared, visit, move |board, visit, _| {
        // A form sends its empty fields, too.
        let parameters = parameters.without_empty();
        let mut wanted = Wanted::of(&parameters)?;
        wanted.limit = ON_A_PAGE;
        let body = body(board, visit, &parameters, &wanted)?;
        Ok(layout::page(visit, board, Section::Onus, Text::Onus.of(visit.lang), &body))
    })
    .await
}

fn body(board: &Board, visit: &Visit, parameters: &Parameters, wanted: &Wanted) -> Result<Markup, Problem> {
    let lang = visit.lang;
    let plant = board.plant();
    let (rows, next) = wanted.select(board, |report, _, line, owner| {
        let reading = line.reading;
        html! {
            tr {
                th scope="row" { a href=(links::onu(&report.olt, line.key)) { (label(line)) } }
                td { a href=(links::pon(&report.olt, line.pon())) { (report.olt.as_str()) " " (line.pon().map(|pon| pon.to_string()).unwrap_or_default()) } }
                td { @if let Some(name) = reading.and_then(|reading| reading.name.as_deref().ok()) { (name) } }
                td { (format::or_dash(owner.and_then(|owner| owner.code.as_ref().map(ToString::to_string)))) }
                td { (format::or_dash(owner.and_then(|owner| box_name(plant.as_deref(), owner)))) }
                td { (format::truth(lang, line.truth())) }
                td.number { (format::or_dash(line.rx().map(format::power))) }
                td { (format::level(lang, line.level())) }
            }
        }
    })?;
    Ok(html! {
        h1 { (Text::Onus.of(lang)) }
        (filter(board, lang, parameters))
        @if rows.is_empty() { p.calm { (Text::NothingFits.of(lang)) } }
        @else {
            div #list.scroll tabindex="0" data-live {
                table {
                    thead {
                        tr {
                            @for text in [Text::Onu, Text::Pon, Text::Name, Text::Code, Text::Box, Text::StateNow] { th scope="col" { (text.of(lang)) } }
                            th.number scope="col" { (Text::Receives.of(lang)) }
                            th scope="col" { (Text::LevelNow.of(lang)) }
                        }
                    }
                    tbody { @for row in rows { (row) } }
                }
            }
        }
        @if next.is_some() || parameters.get("cursor").is_some() {
            p.pager {
                @if parameters.get("cursor").is_some() { a href=(here(parameters, "")) { (Text::FirstPage.of(lang)) } }
                @if let Some(next) = next { a href=(here(parameters, &next.to_string())) rel="next" { (Text::NextPage.of(lang)) } }
            }
        }
    })
}

/// This list with the same filters, from a cursor on.
fn here(parameters: &Parameters, cursor: &str) -> String {
    let mut link: Vec<(&str, &dyn std::fmt::Display)> = Vec::new();
    let values: Vec<(&str, &str)> =
        FILTERS.iter().filter_map(|name| Some((*name, parameters.get(name)?))).chain([("cursor", cursor)]).collect();
    for (name, value) in &values {
        link.push((name, value));
    }
    links::with("/onus", &link)
}

fn filter(board: &Board, lang: prefs::Lang, parameters: &Parameters) -> Markup {
    let chosen = |name: &str, value: &str| (parameters.get(name) == Some(value)).then_some("selected");
    let olts = board.olts();
    let states = [("up", Text::TruthUp), ("down", Text::TruthDown), ("stale", Truth::Stale.text())];
    html! {
        form.filter action="/onus" {
            label { (Text::Search.of(lang)) input type="search" name="q" maxlength="64" value=(parameters.get("q").unwrap_or_default()) placeholder=(Text::SearchHint.of(lang)); }
            label { (Text::Olt.of(lang))
                @if olts.len() <= OFFERED {
                    select name="olt" {
                        option value="" { (Text::AnyWord.of(lang)) }
                        @for olt in olts.iter().map(Arc::as_ref) { option value=(olt.olt.as_str()) selected[chosen("olt", olt.olt.as_str()).is_some()] { (olt.olt.as_str()) } }
                    }
                } @else {
                    input name="olt" maxlength="64" value=(parameters.get("olt").unwrap_or_default());
                }
            }
            label { (Text::StateNow.of(lang))
                select name="state" {
                    option value="" { (Text::AnyWord.of(lang)) }
                    @for (word, text) in states { option value=(word) selected[chosen("state", word).is_some()] { (text.of(lang)) } }
                }
            }
            label { (Text::LevelNow.of(lang))
                select name="level" {
                    option value="" { (Text::AnyWord.of(lang)) }
                    @for level in Level::ALL { option value=(level.word()) selected[chosen("level", level.word()).is_some()] { (level.text().of(lang)) } }
                }
            }
            @for hidden in ["pon", "box"] { @if let Some(value) = parameters.get(hidden) { input type="hidden" name=(hidden) value=(value); } }
            button type="submit" { (Text::Filter.of(lang)) }
            a href="/onus" { (Text::Reset.of(lang)) }
        }
    }
}
