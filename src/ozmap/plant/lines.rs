//! PONs and doubts as they are shown, with the reasons in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::survey::{Known, PortName};
use crate::model::{ClientId, Dbm, Decibels, ElementId, Metres, OltId, PonId, Serial};
use crate::plant::{
    Attachment, Audit, Candidate, ClientIx, Doubt, ElementIx, ElementKind, Finding, LaunchSource, NodeIx, Plant,
};

/// A box that is less likely is not named.
const LEAST_CHANCE: f64 = 0.01;

/// An element of the plant, by what OZmap calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ElementName {
    /// Its id.
    pub id: Option<ElementId>,
    /// Its name.
    pub name: Option<Arc<str>>,
}

impl ElementName {
    /// Of an element.
    #[must_use]
    pub fn of(plant: &Plant, element: ElementIx) -> Option<Self> {
        let element = plant.element(element)?;
        Some(Self { id: element.id, name: element.name.map(Arc::from) })
    }

    /// The name, else the id.
    #[must_use]
    pub fn shown(&self) -> String {
        match (&self.name, self.id) {
            (Some(name), _) => name.to_string(),
            (None, Some(id)) => id.to_string(),
            (None, None) => "?".to_owned(),
        }
    }
}

/// A PON by OZmap's names for its OLT, card and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PonName {
    /// The OLT.
    pub olt: Option<ElementName>,
    /// The card.
    pub slot: Option<ElementName>,
    /// The port.
    pub pon: Option<ElementName>,
}

impl PonName {
    /// Of a PON's node.
    #[must_use]
    pub fn of(plant: &Plant, pon: NodeIx) -> Self {
        let named = |kind| {
            let node = plant.upwards(pon).find(|node| plant.kind_of(*node) == Some(kind))?;
            ElementName::of(plant, plant.node(node)?.element())
        };
        Self { olt: named(ElementKind::Olt), slot: named(ElementKind::Slot), pon: named(ElementKind::Pon) }
    }

    /// `OLT-1 / Slot 2 / PON 3`.
    #[must_use]
    pub fn shown(&self) -> String {
        let parts: Vec<String> =
            [&self.olt, &self.slot, &self.pon].into_iter().flatten().map(ElementName::shown).collect();
        if parts.is_empty() { "?".to_owned() } else { parts.join(" / ") }
    }
}

/// A PON of the plant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PonLine {
    /// What OZmap calls it.
    #[serde(flatten)]
    pub name: PonName,
    /// The ports of polled OLTs that it is, by where its clients' ONUs are. Most often one.
    pub ports: Vec<PortName>,
    /// Clients that hang on it, by their route or their box.
    pub clients: usize,
    /// Of these, those with a route of their own.
    pub routes: usize,
    /// ONUs of clients with a route whose power was read.
    pub onus: u32,
    /// The launch power that calculated powers are reckoned with, dBm.
    pub launch_dbm: Option<Dbm>,
    /// Whether it was entered or estimated.
    pub launch: Option<LaunchSource>,
    /// An estimate is off by no more than this with a chance of 95 %, dB.
    pub launch_within_db: Option<Decibels>,
    /// What ONUs read more than calculated, in the median, dB.
    pub offset_db: Option<Decibels>,
    /// How far their readings usually lie from that, as a standard deviation, dB.
    pub spread_db: Option<Decibels>,
    /// Metres ranged for each metre documented.
    pub slack: Option<f64>,
    /// Doubts of its clients, its boxes and itself.
    pub doubts: usize,
}

/// A box that a client may really hang in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateLine {
    /// The box.
    #[serde(flatten)]
    pub place: ElementName,
    /// How likely it is this one, where it is another than the documented one.
    pub chance: f64,
    /// Ranged less what the way to this box would be ranged at, metres.
    pub length_off_m: Option<Metres>,
    /// Received less what would arrive there, dB.
    pub power_off_db: Option<Decibels>,
}

/// Something that is probably documented wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoubtLine {
    /// What.
    pub doubt: Doubt,
    /// The OLT of the ONU, as it is polled; `null` of a whole box or PON.
    pub olt: Option<OltId>,
    /// Its PON port there.
    pub pon: Option<PonId>,
    /// Its number.
    pub onu: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its client.
    pub client_id: Option<ClientId>,
    /// The client's code.
    pub code: Option<Arc<str>>,
    /// The PON that is documented.
    pub documented: PonName,
    /// The box that is documented.
    #[serde(rename = "box")]
    pub place: Option<ElementName>,
    /// The PON that the ONU's port is, by what its other clients are documented on; where that is another one.
    pub really: Option<PonName>,
    /// Boxes that fit better, the likeliest first.
    pub candidates: Vec<CandidateLine>,
    /// How many ONUs say so.
    pub onus: u32,
    /// How likely the client is documented wrong, where that can be said.
    pub chance: Option<f64>,
    /// How many times as far off as is still usual.
    pub score: f64,
    /// What is received; of a box the median, of a PON what its ONUs say it launches, dBm.
    pub measured_dbm: Option<Dbm>,
    /// Received less calculated, beside what the whole PON is off by, dB.
    pub power_off_db: Option<Decibels>,
    /// What is ranged, metres.
    pub ranged_m: Option<Metres>,
    /// Ranged less what the documented way would be ranged at, metres.
    pub length_off_m: Option<Metres>,
    /// Why, for a person.
    pub reason: String,
}

/// What lines are made from.
pub(super) struct Desk<'a> {
    pub plant: &'a Plant,
    pub audit: &'a Audit,
    /// Sorted by client.
    pub known: &'a [Known<'a>],
    /// By their numbers.
    pub ports: &'a [PortName],
}

fn metres(metres: Metres) -> String {
    format!("{:.0} m", metres.get())
}

impl Desk<'_> {
    /// All PONs of the plant, by their names.
    pub fn pons(&self) -> Vec<PonLine> {
        let mut doubts: BTreeMap<NodeIx, usize> = BTreeMap::new();
        for finding in &self.audit.findings {
            *doubts.entry(finding.pon).or_default() += 1;
        }
        let mut ports: BTreeMap<NodeIx, Vec<PortName>> = BTreeMap::new();
        for (port, pon) in &self.audit.ports {
            ports.entry(*pon).or_default().extend(self.port(*port));
        }
        let line = |pon| PonLine {
            doubts: doubts.get(&pon).copied().unwrap_or(0),
            ports: ports.get(&pon).cloned().unwrap_or_default(),
            ..self.pon(pon)
        };
        let mut lines: Vec<PonLine> = self.plant.pons().map(line).collect();
        lines.sort_by_cached_key(|line| {
            let PonName { olt, slot, pon } = &line.name;
            [olt, slot, pon]
                .map(|named| natural(named.as_ref().and_then(|named| named.name.as_deref()).unwrap_or_default()))
        });
        lines
    }

    fn pon(&self, pon: NodeIx) -> PonLine {
        let launch = self.audit.offsets.launch(self.plant, pon);
        let learned = self.audit.offsets.learned(pon);
        let below = self.plant.below(pon);
        let by_route = |place: &usize| {
            let client = ClientIx::from_number(*place);
            self.plant.attachment(client) == Attachment::Route
        };
        PonLine {
            name: PonName::of(self.plant, pon),
            ports: Vec::new(),
            clients: below.len(),
            routes: below.filter(by_route).count(),
            onus: learned.map_or(0, |learned| learned.readings),
            launch_dbm: launch.map(|launch| launch.power),
            launch: launch.map(|launch| launch.source),
            launch_within_db: launch.and_then(|launch| launch.within),
            offset_db: learned.zip(launch).map(|(learned, launch)| learned.median - launch.power),
            spread_db: learned.map(|learned| learned.spread),
            slack: self.audit.slack_of(pon).map(rounded),
            doubts: 0,
        }
    }

    fn port(&self, number: u32) -> Option<PortName> {
        self.ports.get(usize::try_from(number).ok()?).cloned()
    }

    fn onu(&self, client: ClientIx) -> Option<&Known<'_>> {
        let found = self.known.binary_search_by_key(&client, |one| one.observed.client).ok()?;
        self.known.get(found)
    }

    /// A finding with names.
    pub fn doubt(&self, finding: &Finding) -> DoubtLine {
        let onu = finding.client.and_then(|client| self.onu(client));
        let reading = onu.map(|onu| onu.reading);
        DoubtLine {
            doubt: finding.doubt,
            olt: onu.map(|onu| onu.olt.clone()),
            pon: reading.and_then(|reading| reading.pon),
            onu: reading.and_then(|reading| reading.onu),
            serial: reading.and_then(|reading| reading.serial.clone().ok()),
            client_id: finding.client.and_then(|client| self.plant.client_id(client)),
            code: onu.and_then(|onu| onu.owner.code.clone()),
            documented: PonName::of(self.plant, finding.pon),
            place: finding.place.and_then(|place| ElementName::of(self.plant, place)),
            really: finding.really.map(|pon| PonName::of(self.plant, pon)),
            candidates: likely(finding).filter_map(|one| self.candidate(one)).collect(),
            onus: finding.onus,
            chance: finding.chance.map(rounded),
            score: rounded(finding.score),
            measured_dbm: finding.measured,
            power_off_db: finding.power_off,
            ranged_m: finding.ranged,
            length_off_m: finding.length_off,
            reason: self.reason(finding, onu),
        }
    }

    fn candidate(&self, one: &Candidate) -> Option<CandidateLine> {
        Some(CandidateLine {
            place: ElementName::of(self.plant, one.place)?,
            chance: rounded(one.chance),
            length_off_m: one.length_off,
            power_off_db: one.power_off,
        })
    }

    fn box_name(&self, place: Option<ElementIx>) -> String {
        place
            .and_then(|place| ElementName::of(self.plant, place))
            .map_or_else(|| "its box".to_owned(), |name| name.shown())
    }

    fn reason(&self, finding: &Finding, onu: Option<&Known<'_>>) -> String {
        let documented = || PonName::of(self.plant, finding.pon).shown();
        let off = finding.power_off.map_or(0.0, Decibels::get);
        let db = off.abs();
        let count = finding.onus;
        match finding.doubt {
            Doubt::OtherPon => {
                let port = onu.and_then(|onu| self.port(onu.observed.port?));
                let port = port.map_or_else(String::new, |PortName { olt, pon }| {
                    format!("{olt} {}", pon.map(|pon| pon.to_string()).unwrap_or_default())
                });
                let share = finding.chance.unwrap_or(0.0) * 100.0;
                let really = finding.really.map_or_else(String::new, |pon| PonName::of(self.plant, pon).shown());
                format!(
                    "its ONU is on {port}, whose clients ({share:.0} %) are documented on {really}, not on {}",
                    documented()
                )
            }
            Doubt::OtherBox => format!("{}; {}", self.lengths(finding), self.fitting(finding)),
            Doubt::LaunchPower => {
                let entered = self.plant.launch(finding.pon).map_or(0.0, Dbm::get);
                let read = finding.measured.map_or(0.0, Dbm::get);
                format!(
                    "{entered:.1} dBm is entered as its launch power; by what {count} ONUs receive it is {read:.1} dBm"
                )
            }
            Doubt::BoxLength => {
                let length = finding.length_off.unwrap_or(Metres::from_thousandths(0));
                let farther = if length.thousandths() > 0 { "farther" } else { "nearer" };
                let length = Metres::from_thousandths(length.thousandths().saturating_abs());
                format!("its {count} ONUs are ranged {} {farther} than their ways are documented", metres(length))
            }
            Doubt::BoxLight if off > 0.0 => {
                format!("its {count} ONUs receive {db:.1} dB more than can arrive by their documented ways")
            }
            Doubt::BoxLight => format!(
                "its {count} ONUs receive {db:.1} dB less than calculated: a splitter that is not documented, or a fault"
            ),
            Doubt::Length => format!("{}; no other box of its PON fits so well that it is sure", self.lengths(finding)),
            Doubt::MoreLight => format!("it receives {db:.1} dB more than can arrive by its documented way"),
            Doubt::LessLight => {
                format!("it receives {db:.1} dB less than calculated: a fault, or losses that are not documented")
            }
        }
    }

    /// What is ranged and received, and what should be.
    fn lengths(&self, finding: &Finding) -> String {
        let place = self.box_name(finding.place);
        let mut parts = Vec::new();
        if let (Some(ranged), Some(off)) = (finding.ranged, finding.length_off) {
            let expected = Metres::from_thousandths(ranged.thousandths().saturating_sub(off.thousandths()));
            parts.push(format!(
                "ranged at {}, where its way by {place} would be at {}",
                metres(ranged),
                metres(expected)
            ));
        }
        if let Some(off) = finding.power_off.filter(|off| off.get().abs() >= 1.0) {
            let more = if off.thousandths() > 0 { "more" } else { "less" };
            parts.push(format!("{:.1} dB {more} than by {place}", off.get().abs()));
        }
        parts.join(", ")
    }

    /// The boxes that fit.
    fn fitting(&self, finding: &Finding) -> String {
        let each = likely(finding).filter_map(|one| {
            let name = ElementName::of(self.plant, one.place)?.shown();
            Some(match (one.length_off, finding.ranged) {
                (Some(off), Some(ranged)) => {
                    let there = Metres::from_thousandths(ranged.thousandths().saturating_sub(off.thousandths()));
                    format!("{name} ({}, {:.0} %)", metres(there), one.chance * 100.0)
                }
                _ => format!("{name} ({:.0} %)", one.chance * 100.0),
            })
        });
        format!("it fits {}", each.collect::<Vec<_>>().join(", "))
    }
}

/// The boxes that are worth naming.
fn likely(finding: &Finding) -> impl Iterator<Item = &Candidate> {
    finding.candidates.iter().filter(|one| one.chance >= LEAST_CHANCE)
}

/// What sorts `PON 2` before `PON 10`: texts, each with the number behind it.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let (mut text, mut digits) = (String::new(), String::new());
    for letter in name.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if !digits.is_empty() {
            parts.push((std::mem::take(&mut text), digits.parse().unwrap_or(u64::MAX)));
            digits.clear();
        }
        text.push(letter);
    }
    parts.push((text, if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) }));
    parts
}

/// Three decimals say all.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn names_are_sorted_by_their_numbers() {
        let mut names = [
            "PON 10",
            "PON 2",
            "pon",
            "PON 2b",
            "PON",
            "10",
            "9",
            "PON 2 / 11",
            "PON 2 / 3",
            "99999999999999999999999",
        ];
        names.sort_by_cached_key(|name| natural(name));
        let sorted = [
            "9",
            "10",
            "99999999999999999999999",
            "PON",
            "PON 2",
            "PON 2 / 3",
            "PON 2 / 11",
            "PON 2b",
            "PON 10",
            "pon",
        ];
        assert_eq!(names, sorted);
    }
}
