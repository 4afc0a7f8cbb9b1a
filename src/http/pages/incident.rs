//! `/incidents/{id}`: one incident: what is thought, why, what else it may be, where it lies, and whom it hits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::super::parameters::{Parameters, shown};
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::layout::{self, Section};
use super::prefs::{Lang, Visit};
use super::texts::{Text, Worded};
use super::tree::{Branch, Life, Soil};
use super::{format, incidents, links, map, place, timeline, tree};
use crate::daemon::{Board, OltReport, Standing};
use crate::incident::{Incident, Member};
use crate::model::{ClientId, OltId, Truth};
use crate::ozmap::PushSnapshot;
use crate::plant::{NodeIx, Plant};

/// Customers on a page.
const ON_A_PAGE: usize = 100;
/// PONs whose tree is drawn.
const TREES: usize = 6;
/// PONs that are linked.
const PORTS: usize = 40;
/// OLTs whose other clients are looked up for the trees.
const OLTS: usize = 16;

/// The page.
pub(super) async fn page(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    visit: Visit,
    parameters: Parameters,
) -> Response {
    let from = match super::from_of(&parameters) {
        Ok(from) => from,
        Err(problem) => return layout::problem(&visit, &problem),
    };
    super::show(shared, visit, move |board, visit, _| {
        let incident = find(board, &id)?;
        let title = format!("{} · {}", incident.kind.text().of(visit.lang), place::headline_of(visit.lang, &incident));
        let body = Case::new(board, &incident).body(visit, from);
        Ok(layout::page(visit, board, Section::Incidents, &title, &body))
    })
    .await
}

/// One by its id.
pub(super) fn find(board: &Board, id: &str) -> Result<Arc<Incident>, Problem> {
    let gone = || Problem::not_found(format!("there is no incident {:?}, or it is long over", shown(id)));
    board.incidents().find(id).cloned().ok_or_else(gone)
}

/// An incident with what its parts are looked up in.
pub(super) struct Case<'a> {
    incident: &'a Incident,
    reports: HashMap<OltId, Arc<OltReport>>,
    push: Option<Arc<PushSnapshot>>,
    plant: Option<Arc<Plant>>,
}

impl<'a> Case<'a> {
    /// Of the newest snapshots.
    pub(super) fn new(board: &Board, incident: &'a Incident) -> Self {
        let reports = incident.olts.iter().filter_map(|olt| Some((olt.clone(), board.olt(olt.as_str())?)));
        Self {
            incident,
            reports: reports.collect(),
            push: board.push(),
            plant: board.plant().map(|snapshot| Arc::clone(&snapshot.plant)),
        }
    }

    /// What is held of a member.
    pub(super) fn standing(&self, member: &Member) -> Option<&Standing> {
        self.reports.get(&member.olt)?.standing(&member.key)
    }

    /// Its client's name.
    pub(super) fn client_name(&self, member: &Member) -> Option<&str> {
        self.push.as_ref()?.directory.as_ref()?.all.as_ref()?.client(member.client_id?)?.name
    }

    /// Where its client lives: degrees east and north.
    pub(super) fn client_coords(&self, member: &Member) -> Option<[f32; 2]> {
        self.push.as_ref()?.directory.as_ref()?.all.as_ref()?.client(member.client_id?)?.coords
    }

    fn body(&self, visit: &Visit, from: usize) -> Markup {
        let (lang, incident) = (visit.lang, self.incident);
        let place = incident.place.as_ref();
        let (trees, more) = self.trees();
        let sketch =
            self.plant.as_ref().and_then(|plant| map::draw(lang, plant, &trees, place.and_then(|place| place.coords)));
        html! {
            header.page-head {
                p.crumbs { a href="/incidents" { (Text::Incidents.of(lang)) } }
                div #head data-live {
                    p.kicker {
                        span class={ "chip " (format::severity_class(incident.severity)) } { (incident.severity.text().of(lang)) }
                        " " (incident.kind.text().of(lang)) " · " (incident.state.text().of(lang))
                    }
                    h1 { (place::headline_of(lang, incident)) }
                    @if let Some(stretch) = place.and_then(|place| place::stretch(lang, place)) { p.subtitle { (stretch) } }
                }
            }
            section #facts data-live { (self.facts(visit)) }
            div.columns {
                section #evidence data-live { h2 { (Text::Evidence.of(lang)) } p lang="en" { (incident.evidence) } h3 { (Text::Alternatives.of(lang)) } (self.alternatives(lang)) }
                section #timeline data-live { h2 { (Text::Timeline.of(lang)) } (timeline::draw(lang, &timeline::entries(incident, &self.held()))) }
            }
            div.columns.wide-first {
                section #tree data-live {
                    h2 { (Text::PlantTree.of(lang)) }
                    @if trees.is_empty() { p.muted { (Text::NoPlant.of(lang)) } }
                    @else { (tree::draw(lang, &trees)) }
                    @if more > 0 { p.muted { (Text::MorePons.with(lang, &[&more])) } }
                }
                @if let Some(sketch) = sketch {
                    section #map data-live {
                        h2 { (Text::Map.of(lang)) }
                        (sketch)
                        p.links {
                            @if let Some(at) = place.and_then(|place| place.coords) { (place::world_map(lang, at)) }
                            (self.ozmap_link(lang))
                        }
                    }
                }
            }
            section #clients data-live { (self.clients(visit, from)) }
        }
    }

    /// What is held of each member, and since when.
    fn held(&self) -> Vec<(Truth, crate::model::Timestamp)> {
        let standings = self.incident.onus.iter().filter_map(|member| self.standing(member));
        standings.map(|standing| (standing.truth, standing.since)).collect()
    }

    fn facts(&self, visit: &Visit) -> Markup {
        let (lang, incident) = (visit.lang, self.incident);
        let down = incident.lost.saturating_sub(incident.recovered);
        html! {
            dl.facts-grid.big {
                (format::fact(Text::Size.of(lang), &html! {
                    strong { (Text::LostOf.with(lang, &[&format::count(down), &format::count(incident.monitored.max(incident.lost))])) }
                    @if incident.recovered > 0 { " · " (Text::Recovered.with(lang, &[&format::count(incident.recovered)])) }
                }))
                (format::fact(Text::When.of(lang), &html! {
                    (format::time(incident.opened_at)) " · "
                    @match incident.cleared_at {
                        Some(cleared) => (Text::Lasted.with(lang, &[&format::span(cleared.since(incident.opened_at))])),
                        None => (format::ago(lang, incident.opened_at, visit.now)),
                    }
                }))
                (format::fact(Text::HowSure.of(lang), &html! {
                    meter min="0" max="100" value=(format::percent(incident.confidence)) {}
                    " " (Text::Sure.with(lang, &[&format::percent(incident.confidence)]))
                }))
                @if let Some(place) = &incident.place {
                    @if let Some(metres) = place::distance(lang, place) { (format::fact(Text::Where.of(lang), &html! { (metres) })) }
                }
                (format::fact(Text::Ports.of(lang), &self.ports()))
                @if let Some(parent) = incident.parent {
                    (format::fact(Text::Parent.of(lang), &html! { a href=(links::incident(parent)) { (parent) } }))
                }
            }
        }
    }

    fn ports(&self) -> Markup {
        let ports = &self.incident.pons;
        html! {
            @for (number, port) in ports.iter().take(PORTS).enumerate() {
                @if number > 0 { ", " }
                a href=(links::pon(&port.olt, port.pon)) { (port.olt.as_str()) " " (port.pon.map(|pon| pon.to_string()).unwrap_or_default()) }
            }
            @if ports.len() > PORTS { " … +" (ports.len() - PORTS) }
        }
    }

    fn alternatives(&self, lang: Lang) -> Markup {
        let alternatives = &self.incident.alternatives;
        html! {
            @if alternatives.is_empty() { p.muted { (Text::NoAlternatives.of(lang)) } }
            @else {
                ul.plain {
                    @for other in alternatives.iter().take(8) {
                        li {
                            meter min="0" max="100" value=(format::percent(other.odds)) {} " "
                            (format::percent(other.odds)) " % " (other.kind.text().of(lang)) ": "
                            (place::headline(lang, other.place.as_ref()))
                        }
                    }
                }
            }
        }
    }

    /// The trees of the PONs that members hang on, and how many PONs are left out.
    fn trees(&self) -> (Vec<Branch>, usize) {
        let Some(plant) = &self.plant else { return (Vec::new(), 0) };
        let lives = self.lives();
        let life = |client: ClientId| lives.get(&client).copied().unwrap_or(Life::Unknown);
        let suspects = self.incident.place.as_ref().map(|place| tree::suspects(plant, &place.element));
        let soil = Soil { plant, life: &life, suspects: suspects.unwrap_or_default() };
        let clients = self.incident.onus.iter().filter_map(|member| plant.client(&member.client_id?));
        let pons: BTreeSet<usize> =
            clients.filter_map(|client| plant.pon_above(plant.node_of(client)?)).map(NodeIx::number).collect();
        let nodes = pons.iter().filter_map(|pon| Some(NodeIx::from_number(u32::try_from(*pon).ok()?)));
        let trees: Vec<Branch> = nodes.take(TREES).filter_map(|pon| soil.grow(pon)).collect();
        let more = pons.len().saturating_sub(TREES);
        (trees, more)
    }

    /// How every client of the incident's OLTs is.
    fn lives(&self) -> HashMap<ClientId, Life> {
        let mut lives = HashMap::new();
        let owners = self.push.as_ref().map(|push| &push.matching.owners);
        for (olt, report) in self.reports.iter().take(OLTS) {
            for (key, owner) in owners.map_or(&[][..], |owners| owners.of_olt(olt)) {
                let life = match report.standing(key).map(|standing| standing.truth) {
                    Some(Truth::Up) => Life::Living,
                    Some(Truth::Down(_)) => Life::Otherwise,
                    Some(Truth::Stale) | None => Life::Unknown,
                };
                lives.insert(owner.client, life);
            }
        }
        for member in &self.incident.onus {
            if let Some(client) = member.client_id {
                lives.insert(client, if member.is_up { Life::Recovered } else { Life::Lost });
            }
        }
        lives
    }

    /// OZmap itself. No source says how to link to one of its elements, so the front page it is.
    fn ozmap_link(&self, lang: Lang) -> Markup {
        let host = self.push.as_ref().map(|push| push.host.as_str()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_name = !name.is_empty() && name.bytes().any(|octet| octet.is_ascii_alphabetic()) && name != "localhost";
        html! {
            @if is_name { a href={ "https://" (name) "/" } rel="noreferrer" target="_blank" { (Text::OpenOzmap.of(lang)) } }
        }
    }

    fn clients(&self, visit: &Visit, from: usize) -> Markup {
        let (lang, members) = (visit.lang, &self.incident.onus);
        let path = links::incident(self.incident.id);
        let next = (from + ON_A_PAGE < members.len()).then_some(from + ON_A_PAGE);
        html! {
            h2 { (Text::Clients.of(lang)) " " span.muted { (format::count(members.len())) }
                @if !members.is_empty() { " " a.button href={ (path) "/clients.csv" } download { (Text::DownloadCsv.of(lang)) } }
            }
            @if members.is_empty() { p.muted { (Text::NoClients.of(lang)) } }
            @else {
                div.scroll tabindex="0" {
                    table {
                        thead {
                            tr {
                                @for text in [Text::Client, Text::Name, Text::Box, Text::Pon, Text::Onu, Text::StateNow, Text::When] {
                                    th scope="col" { (text.of(lang)) }
                                }
                            }
                        }
                        tbody { @for member in members.iter().skip(from).take(ON_A_PAGE) { (self.client(visit, member)) } }
                    }
                }
                (incidents::pager(visit, &path, from, next))
            }
        }
    }

    fn client(&self, visit: &Visit, member: &Member) -> Markup {
        let lang = visit.lang;
        let standing = self.standing(member);
        let serial = member.serial.as_ref().map_or_else(|| member.key.to_string(), ToString::to_string);
        html! {
            tr {
                th scope="row" { (format::or_dash(member.code.as_ref().map(ToString::to_string))) }
                td { (self.client_name(member).unwrap_or_default()) }
                td { (format::or_dash(member.place.as_ref().map(ToString::to_string))) }
                td { a href=(links::pon(&member.olt, member.pon)) { (member.olt.as_str()) " " (member.pon.map(|pon| pon.to_string()).unwrap_or_default()) } }
                td { a href=(links::onu(&member.olt, &member.key)) { @if let Some(number) = member.onu { (number) " · " } (serial) } }
                td { @if let Some(standing) = standing { (format::truth(lang, standing.truth)) } @else { "–" } }
                td { @if let Some(standing) = standing { (format::ago(lang, standing.since, visit.now)) } }
            }
        }
    }
}
