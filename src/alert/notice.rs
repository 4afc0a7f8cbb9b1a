//! What is told: an incident, or something wrong with ourselves, as an immutable snapshot in this room's own words. It can
//! be kept and read again, so that what was told can be taken back after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::alert::{AlertOn, AlertSeverity};
use crate::incident::{self, Incident, NamedElement};
use crate::model::{OltId, Timestamp};

/// Clients that a notice lists at most; its counts are of all.
const MOST_CLIENTS: usize = 200;
/// Boxes that a notice lists at most, the one with the most clients first.
const MOST_BOXES: usize = 20;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Under way.
    Open,
    /// Some clients are back.
    Recovering,
    /// Over.
    Cleared,
}

/// Where it is, in names that an operator knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// `cable`, `box`, `drop`, `pon`, `slot`, `olt`, `area` and so on.
    pub kind: String,
    /// The element's name, or its kind and id where it has none.
    pub name: String,
    /// Its id in OZmap.
    pub id: Option<String>,
    /// Where the stretch begins, towards the OLT.
    pub from: Option<String>,
    /// Where it ends.
    pub to: Option<String>,
    /// Metres of fibre from the OLT to both.
    pub metres_from_olt: Option<[i32; 2]>,
    /// Longitude and latitude in degrees.
    pub coords: Option<[f64; 2]>,
}

/// What else it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Other {
    /// What.
    pub kind: AlertOn,
    /// Where.
    pub place: Option<String>,
    /// Its chance, from 0 to 1.
    pub odds: f64,
}

/// A client that is hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The OLT.
    pub olt: String,
    /// The PON port.
    pub pon: Option<String>,
    /// The ONU's number there.
    pub onu: Option<u32>,
    /// Its serial.
    pub serial: Option<String>,
    /// The client's code.
    pub code: Option<String>,
    /// The client's id in OZmap.
    pub client_id: Option<String>,
    /// The box that it hangs at.
    #[serde(rename = "box")]
    pub place: Option<String>,
    /// Whether it is back.
    pub up: bool,
}

/// Who has seen it and sees to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The person.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Why nothing is told of it at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Whether a person shelved it; else it is maintenance.
    pub shelved: bool,
    /// The reason that was given.
    pub reason: String,
}

/// What an incident, or something wrong with ourselves, comes to for those who are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name for all its life, unique.
    pub id: Arc<str>,
    /// What.
    pub kind: AlertOn,
    /// How bad.
    pub severity: AlertSeverity,
    /// How far.
    pub stage: Stage,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was over.
    pub cleared_at: Option<Timestamp>,
    /// The OLTs that it reaches.
    pub olts: Vec<String>,
    /// The ports that it reaches, as `olt port`.
    pub pons: Vec<String>,
    /// Regions of these OLTs.
    pub regions: Vec<String>,
    /// Tags of these OLTs.
    pub tags: Vec<String>,
    /// Where.
    pub place: Option<Spot>,
    /// Chance that kind and place are right; `None` where nothing is guessed.
    pub confidence: Option<f64>,
    /// What else it may be, the likeliest first.
    pub alternatives: Vec<Other>,
    /// Clients behind the place that count.
    pub monitored: u32,
    /// Clients that it hit.
    pub lost: u32,
    /// Of those, how many are back.
    pub recovered: u32,
    /// The incident that it is left over from, or became part of.
    pub parent: Option<Arc<str>>,
    /// Why we say so, in English.
    pub evidence: String,
    /// Boxes by clients that are hit there.
    pub boxes: Vec<(String, u32)>,
    /// The first of the clients.
    pub clients: Vec<Hit>,
    /// Whether it is a trial, and nothing is wrong.
    pub test: bool,
    /// Who sees to it.
    pub ack: Option<Ack>,
    /// Why nothing is told of it.
    pub silence: Option<Silence>,
    /// It is not known any more what became of it: it was open before a restart and is not followed since.
    pub untraced: bool,
}

/// What the config says of where an OLT stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wards {
    of_olt: BTreeMap<String, (Option<String>, Vec<String>)>,
}

impl Wards {
    /// From each OLT's name, region and tags.
    pub fn new<'a>(olts: impl IntoIterator<Item = (&'a OltId, Option<&'a str>, &'a [String])>) -> Self {
        let of_olt = olts.into_iter().map(|(olt, region, tags)| {
            (olt.to_string(), (region.map(str::to_owned), tags.iter().map(String::to_owned).collect()))
        });
        Self { of_olt: of_olt.collect() }
    }

    /// Regions and tags of these OLTs, sorted.
    #[must_use]
    pub fn of(&self, olts: &[String]) -> (Vec<String>, Vec<String>) {
        let (mut regions, mut tags) = (BTreeSet::new(), BTreeSet::new());
        for (region, its_tags) in olts.iter().filter_map(|olt| self.of_olt.get(olt)) {
            regions.extend(region.clone());
            tags.extend(its_tags.iter().cloned());
        }
        (regions.into_iter().collect(), tags.into_iter().collect())
    }
}

impl From<incident::Kind> for AlertOn {
    fn from(kind: incident::Kind) -> Self {
        match kind {
            incident::Kind::Cut => Self::Cut,
            incident::Kind::Power => Self::Power,
            incident::Kind::Equipment => Self::Equipment,
            incident::Kind::Drop => Self::Drop,
            incident::Kind::Degradation => Self::Degradation,
            incident::Kind::OltUnreachable => Self::OltUnreachable,
            incident::Kind::DataQuality => Self::DataQuality,
            incident::Kind::Undetermined => Self::Undetermined,
        }
    }
}

impl From<incident::Severity> for AlertSeverity {
    fn from(severity: incident::Severity) -> Self {
        match severity {
            incident::Severity::Warning => Self::Warning,
            incident::Severity::Minor => Self::Minor,
            incident::Severity::Major => Self::Major,
            incident::Severity::Critical => Self::Critical,
        }
    }
}

fn name(element: &NamedElement) -> String {
    match (&element.name, element.id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => format!("{} {id}", element.kind),
        (None, None) => element.kind.to_owned(),
    }
}

impl From<&incident::Place> for Spot {
    fn from(place: &incident::Place) -> Self {
        // As text and back: an f32 that became an f64 would show digits that nobody measured.
        let degrees = |value: f32| value.to_string().parse().unwrap_or(f64::from(value));
        Self {
            kind: place.element.kind.to_owned(),
            name: name(&place.element),
            id: place.element.id.map(|id| id.to_string()),
            from: place.from.as_ref().map(name),
            to: place.to.as_ref().map(name),
            metres_from_olt: place.metres_from_olt,
            coords: place.coords.map(|coords| [degrees(coords.lng()), degrees(coords.lat())]),
        }
    }
}

impl Notice {
    /// One with nothing but what it needs.
    #[must_use]
    pub fn new(id: &str, kind: AlertOn, severity: AlertSeverity, opened_at: Timestamp) -> Self {
        Self {
            id: Arc::from(id),
            kind,
            severity,
            stage: Stage::Open,
            opened_at,
            cleared_at: None,
            olts: Vec::new(),
            pons: Vec::new(),
            regions: Vec::new(),
            tags: Vec::new(),
            place: None,
            confidence: None,
            alternatives: Vec::new(),
            monitored: 0,
            lost: 0,
            recovered: 0,
            parent: None,
            evidence: String::new(),
            boxes: Vec::new(),
            clients: Vec::new(),
            test: false,
            ack: None,
            silence: None,
            untraced: false,
        }
    }

    /// What an incident comes to.
    #[must_use]
    pub fn of_incident(incident: &Incident, wards: &Wards) -> Self {
        let olts: Vec<String> = incident.olts.iter().map(ToString::to_string).collect();
        let (regions, tags) = wards.of(&olts);
        let is_guess = !matches!(incident.kind, incident::Kind::OltUnreachable | incident::Kind::DataQuality);
        let pons = incident.pons.iter().map(|port| match port.pon {
            Some(pon) => format!("{} {pon}", port.olt),
            None => port.olt.to_string(),
        });
        let alternatives = incident.alternatives.iter().map(|other| Other {
            kind: other.kind.into(),
            place: other.place.as_ref().map(|place| name(&place.element)),
            odds: round(other.odds),
        });
        Self {
            stage: match incident.state {
                incident::State::Open => Stage::Open,
                incident::State::Recovering => Stage::Recovering,
                incident::State::Cleared => Stage::Cleared,
            },
            cleared_at: incident.cleared_at,
            olts,
            pons: pons.collect(),
            regions,
            tags,
            place: incident.place.as_ref().map(Spot::from),
            confidence: is_guess.then(|| round(incident.confidence)),
            alternatives: alternatives.collect(),
            monitored: incident.monitored,
            lost: incident.lost,
            recovered: incident.recovered,
            parent: incident.parent.map(|parent| Arc::from(parent.to_string())),
            evidence: incident.evidence.clone(),
            boxes: boxes(&incident.onus),
            clients: incident.onus.iter().take(MOST_CLIENTS).map(Hit::from).collect(),
            ..Self::new(&incident.id.to_string(), incident.kind.into(), incident.severity.into(), incident.opened_at)
        }
    }

    /// Whether clients were lost, so that their number says how large it is.
    #[must_use]
    pub const fn is_of_losses(&self) -> bool {
        matches!(
            self.kind,
            AlertOn::Cut
                | AlertOn::Power
                | AlertOn::Equipment
                | AlertOn::Drop
                | AlertOn::Degradation
                | AlertOn::Undetermined
        )
    }

    /// What comes back when the same thing happens again at the same place, whatever it is called.
    #[must_use]
    pub fn recurrence(&self) -> String {
        let what = if self.is_of_losses() { "loss" } else { self.kind.word() };
        let place = match &self.place {
            Some(place) => place.id.clone().unwrap_or_else(|| place.name.clone()),
            None if self.pons.is_empty() => self.olts.join(","),
            None => self.pons.join(","),
        };
        format!("{what}:{place}")
    }
}

fn round(chance: f64) -> f64 {
    (chance * 1000.0).round() / 1000.0
}

/// How many of the members hang at each box, the fullest first.
fn boxes(members: &[incident::Member]) -> Vec<(String, u32)> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for place in members.iter().filter_map(|member| member.place.as_deref()) {
        *counts.entry(place).or_default() += 1;
    }
    let mut counts: Vec<(String, u32)> = counts.into_iter().map(|(place, count)| (place.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(MOST_BOXES);
    counts
}

impl From<&incident::Member> for Hit {
    fn from(member: &incident::Member) -> Self {
        Self {
            olt: member.olt.to_string(),
            pon: member.pon.map(|pon| pon.to_string()),
            onu: member.onu,
            serial: member.serial.as_ref().map(|serial| serial.as_str().to_owned()),
            code: member.code.as_deref().map(str::to_owned),
            client_id: member.client_id.map(|id| id.to_string()),
            place: member.place.as_deref().map(str::to_owned),
            up: member.is_up,
        }
    }
}

/// Marks those whose incident of origin is still open: it is told, and they are not. Returns the ids.
#[must_use]
pub fn inhibited(notices: &[Arc<Notice>]) -> BTreeSet<Arc<str>> {
    let open: BTreeSet<&str> =
        notices.iter().filter(|notice| notice.stage != Stage::Cleared).map(|notice| &*notice.id).collect();
    let hidden = notices.iter().filter(|notice| notice.parent.as_deref().is_some_and(|parent| open.contains(parent)));
    hidden.map(|notice| notice.id.clone()).collect()
}
