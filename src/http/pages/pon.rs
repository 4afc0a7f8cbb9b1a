//! `/pons/{olt}/{pon}`: the ONUs of a PON by distance, with their levels.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::super::merged::{Line, lines};
use super::super::parameters::{Parameters, shown};
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::prefs::{Lang, Visit};
use super::texts::Text;
use super::{bars, format, incidents, links};
use crate::daemon::{Board, OltReport};
use crate::model::{Dbm, PonId, PonState, Truth};
use crate::ozmap::{Owner, PlantSnapshot};

/// ONUs on a page: a GPON port has 128 at most, so that a second page is rare.
const ON_A_PAGE: usize = 128;

/// Where a PON's page is asked for.
struct Port {
    report: Arc<OltReport>,
    pon: Option<PonId>,
}

/// The page.
pub(super) async fn page(
    State(shared): State<Shared>,
    Path(path): Path<String>,
    visit: Visit,
    parameters: Parameters,
) -> Response {
    let from = match super::from_of(&parameters) {
        Ok(from) => from,
        Err(problem) => return layout::problem(&visit, &problem),
    };
    super::show(shared, visit, move |board, visit, _| {
        let port = find(board, &path)?;
        let title = format!("{} {}", port.report.olt, port.pon.map(|pon| pon.to_string()).unwrap_or_default());
        let body = body(board, visit, &port, from);
        Ok(layout::page(visit, board, Section::Olts, &title, &body))
    })
    .await
}

/// The OLT and port that a path names. An OLT's name may hold slashes as well.
fn find(board: &Board, path: &str) -> Result<Port, Problem> {
    let named = board.olts().into_iter().find_map(|report| {
        let pon = path.strip_prefix(report.olt.as_str())?.strip_prefix('/')?;
        let pon = if pon == "-" { None } else { Some(pon.parse::<PonId>().ok()?) };
        Some(Port { report, pon })
    });
    named.ok_or_else(|| {
        Problem::not_found(format!(
            "{:?} names no OLT of the config and PON port of it, such as olt-centro/0/1/0",
            shown(path)
        ))
    })
}

fn body(board: &Board, visit: &Visit, port: &Port, from: usize) -> Markup {
    let (lang, report) = (visit.lang, &port.report);
    let mut onus: Vec<Line<'_>> = lines(report).filter(|line| line.pon() == port.pon).collect();
    // Those whose distance is not known come last.
    onus.sort_by_key(|line| {
        let distance = line.reading.and_then(|reading| reading.distance.ok());
        (distance.is_none(), distance, line.key)
    });
    let count = onus.len();
    let next = (from + ON_A_PAGE < count).then_some(from + ON_A_PAGE);
    let rule = board.rule(&report.olt, port.pon);
    let sources = Sources { push: board.push().map(|push| Arc::clone(&push.matching.owners)), plant: board.plant() };
    let reading = report.view.pons().find(|pon| Some(pon.pon) == port.pon);
    let name = port.pon.map_or_else(|| Text::WithoutPon.of(lang).to_owned(), |pon| format!("PON {pon}"));
    let view = board.incidents();
    let ours: Vec<_> = view
        .open
        .iter()
        .filter(|incident| incident.pons.iter().any(|other| other.olt == report.olt && other.pon == port.pon))
        .take(5)
        .collect();
    html! {
        header.page-head {
            p.crumbs { a href="/olts" { (Text::Olts.of(lang)) } " / " a href=(links::olt(&report.olt)) { (report.olt.as_str()) } }
            h1 { (name) @if let Some(name) = reading.and_then(|pon| pon.name.as_deref()) { " " span.muted { (name) } } }
            dl.facts-grid #port data-live {
                (format::fact(Text::PonState.of(lang), &state(lang, reading.and_then(|pon| pon.state.ok()))))
                (format::fact(Text::PonTx.of(lang), &format::or_dash(reading.and_then(|pon| pon.tx.ok()).map(|tx| format!("{} dBm", format::power(tx))))))
                (format::fact(Text::Onus.of(lang), &html! { (format::count(count)) }))
                (format::fact(Text::Down.of(lang), &html! { (format::count(onus.iter().filter(|line| matches!(line.truth(), Truth::Down(_))).count())) }))
            }
        }
        @if !ours.is_empty() {
            section #incidents data-live { ul.cards { @for incident in ours { li { (incidents::card(visit, incident)) } } } }
        }
        section {
            h2 { (Text::ByDistance.of(lang)) }
            p.hint { (Text::Scale.with(lang, &[&bars::LEAST, &bars::MOST])) }
            svg.defs aria-hidden="true" {
                (bars::scale("scale-onu", Some(&rule)))
                (bars::scale("scale-olt", rule.on_olt_side().as_ref()))
            }
            @if count == 0 { p.muted { (Text::NoOnus.of(lang)) } }
            @else {
                div #onus data-live { (table(lang, report, &sources, onus.iter().skip(from).take(ON_A_PAGE))) }
                (incidents::pager(visit, &links::pon(&report.olt, port.pon), from, next))
            }
        }
    }
}

fn state(lang: Lang, state: Option<PonState>) -> Markup {
    html! {
        @match state {
            Some(PonState::Up) => span.chip.good { (Text::TruthUp.of(lang)) },
            Some(PonState::Down) => span.chip.down { (Text::TruthDown.of(lang)) },
            _ => span.muted { "–" },
        }
    }
}

/// Where clients and boxes are looked up.
struct Sources {
    push: Option<Arc<crate::ozmap::Owners>>,
    plant: Option<Arc<PlantSnapshot>>,
}

impl Sources {
    /// The name of the box that an owner's drop comes from.
    fn box_name(&self, owner: &Owner) -> Option<String> {
        box_name(self.plant.as_deref(), owner)
    }
}

/// The name of the box that an owner's drop comes from; its id where the plant is not known.
pub(super) fn box_name(plant: Option<&PlantSnapshot>, owner: &Owner) -> Option<String> {
    let id = owner.box_id?;
    let plant = plant.map(|snapshot| &snapshot.plant);
    let name = plant.and_then(|plant| plant.element(plant.find(&id)?)?.name.map(str::to_owned));
    Some(name.unwrap_or_else(|| id.to_string()))
}

fn table<'a>(lang: Lang, report: &OltReport, sources: &Sources, onus: impl Iterator<Item = &'a Line<'a>>) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.levels {
                thead {
                    tr {
                        th.number scope="col" { (Text::Distance.of(lang)) }
                        th scope="col" { (Text::Onu.of(lang)) }
                        th scope="col" { (Text::Client.of(lang)) }
                        th scope="col" { (Text::Box.of(lang)) }
                        th scope="col" { (Text::StateNow.of(lang)) }
                        th.bar-col scope="col" { (Text::Receives.of(lang)) }
                        th.bar-col scope="col" { (Text::OltReceives.of(lang)) }
                    }
                }
                tbody { @for line in onus { (row(lang, report, sources, line)) } }
            }
        }
    }
}

fn row(lang: Lang, report: &OltReport, sources: &Sources, line: &Line<'_>) -> Markup {
    let owner = sources.push.as_ref().and_then(|owners| owners.of(&report.olt, line.key));
    let reading = line.reading;
    html! {
        tr {
            td.number { (format::or_dash(reading.and_then(|reading| reading.distance.ok()).map(format::metres))) }
            th scope="row" { a href=(links::onu(&report.olt, line.key)) { (label(line)) } }
            td { @if let Some(name) = reading.and_then(|reading| reading.name.as_deref().ok()) { (name) } @else if let Some(code) = owner.and_then(|owner| owner.code.as_deref()) { (code) } }
            td { (format::or_dash(owner.and_then(|owner| sources.box_name(owner)))) }
            td { (format::truth(lang, line.truth())) }
            td.bar-cell data-label=(Text::Receives.of(lang)) { (level(lang, "scale-onu", line.rx(), line.level())) }
            td.bar-cell data-label=(Text::OltReceives.of(lang)) { (level(lang, "scale-olt", line.olt_rx(), line.olt_level())) }
        }
    }
}

/// What an ONU is called in a list: its number, and its serial or MAC.
pub(super) fn label(line: &Line<'_>) -> String {
    let reading = line.reading;
    let serial = reading.and_then(|reading| reading.serial.as_ref().ok().map(ToString::to_string));
    let name = serial.or_else(|| reading.and_then(|reading| reading.mac.ok()).map(|mac| mac.to_string()));
    let name = name.unwrap_or_else(|| line.key.to_string());
    match reading.and_then(|reading| reading.onu) {
        Some(number) => format!("{number} · {name}"),
        None => name,
    }
}

fn level(lang: Lang, scale: &str, power: Option<Dbm>, level: crate::model::Level) -> Markup {
    use super::texts::Worded;
    html! {
        @match power {
            None => span.muted { (Text::LevelUnread.of(lang)) },
            Some(power) => span.reading {
                (bars::level(scale, Some(power), level))
                span class={ "value " (format::level_class(level)) "-text" } title=(level.text().of(lang)) { (format::power(power)) }
            }
        }
    }
}
