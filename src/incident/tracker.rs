//! The life of incidents: opened, grows, becomes another kind, recovers, is cleared.
//!
//! ```text
//!  looks, news, owners, plant ──► Network ──► Terrain ──► Evidence ──► Solution ──► Findings ──► Open incidents ──► Changes
//!                                                                                                     └──► Wanted looks
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Evidence;
use super::explain::Case;
use super::finding::{Finding, findings};
use super::gasp::{Gasps, Reliability};
use super::id::IncidentId;
use super::look::{Look, News, Owner};
use super::network::{Network, Spot};
use super::place::{NamedElement, Place};
use super::sentence;
use super::snapshot::{Incident, Kind, Severity, State};
use super::terrain::Terrain;
use crate::model::{Cause, OltId, OnuKey, PonId, Serial, Timestamp};
use crate::plant::Plant;

mod degrade;
mod drops;
mod publish;
mod recall;
mod recover;

use recall::Recalled;

/// What the operator sets.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest that losses are gathered before an incident speaks.
    pub settle: Duration,
    /// How long a loss of which no cause is known has to last before it may be a broken drop.
    pub unknown_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { settle: Duration::from_secs(10), unknown_after: Duration::from_secs(600) }
    }
}

/// What became of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is new.
    Opened,
    /// It grew, shrank, moved, recovers, or is called otherwise.
    Changed,
    /// It is over.
    Cleared,
}

/// A change of an incident, with what it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What became of it.
    pub step: Step,
    /// What it is now.
    pub incident: Arc<Incident>,
}

/// A look that would decide between explanations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// At which OLT.
    pub olt: OltId,
    /// At which ports; `None`: at all.
    pub pons: Option<Vec<PonId>>,
}

/// What came of what was told since the last time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Changes, in the order in which they are to be told.
    pub changes: Vec<Change>,
    /// Looks that are wanted now.
    pub wanted: Vec<Wanted>,
}

/// How far back losses belong together at least.
const LEAST_HORIZON: Duration = Duration::from_secs(300);
/// Fewest losses that make an incident of a group.
const GROUP: usize = 3;
/// Logarithm of the odds against "each by itself" from which one speaks: 100 to 1.
const SPEAKS: f64 = 4.6;
/// An incident that is not cleared.
#[derive(Debug, Clone)]
struct Open {
    incident: Incident,
    members: BTreeSet<Spot>,
    /// Who hangs behind its place: one that is lost later belongs to it.
    behind: BTreeSet<Spot>,
    told: Option<Arc<Incident>>,
    /// It was taken back after a restart, and not all is known again that it was decided by: nothing decides it otherwise.
    recalled: Option<Recalled>,
}

impl Open {
    /// One that nobody was told of.
    const fn new(incident: Incident, members: BTreeSet<Spot>) -> Self {
        Self { incident, members, behind: BTreeSet::new(), told: None, recalled: None }
    }
}

/// Owns all incidents. Tell it what was seen, then ask it for what came of that.
#[derive(Debug, Default)]
pub struct Tracker {
    settings: Settings,
    network: Network,
    plant: Arc<Plant>,
    terrain: Terrain,
    open: BTreeMap<IncidentId, Open>,
    /// The group or drop incident of each ONU.
    member_of: HashMap<Spot, IncidentId>,
    /// ONUs that lost light, or nobody knows what: who of them is in no group may have a broken drop.
    lone: BTreeSet<Spot>,
    number: u64,
    /// Whether something was told since incidents were last thought over.
    is_touched: bool,
    /// Whether something was seen since losses were last explained.
    is_fresh: bool,
    levels_moved: bool,
    /// Until when there may be losses that belong together.
    until: Option<Timestamp>,
}

impl Tracker {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What the operator sets, in place of what was set before.
    pub const fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What the operator sets.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// Whether losses are gathered that may belong together, so that time alone may decide something.
    #[must_use]
    pub const fn is_gathering(&self) -> bool {
        self.until.is_some()
    }

    /// The passive network, in place of the one before.
    pub fn set_plant(&mut self, plant: Arc<Plant>) {
        self.plant = plant;
        self.network.is_changed = true;
        self.is_touched = true;
    }

    /// Whose an OLT's ONUs are, in place of what was known of that OLT.
    pub fn set_owners(&mut self, olt: &OltId, owners: impl IntoIterator<Item = (OnuKey, Owner)>) {
        self.network.set_owners(olt, owners);
        self.is_touched = true;
    }

    /// What is known of how ONUs gasp, as [`Tracker::gasps`] gave it.
    pub fn set_gasps(&mut self, gasps: Gasps) {
        self.network.gasps = gasps;
    }

    /// What is known of how ONUs gasp, for the store.
    #[must_use]
    pub const fn gasps(&self) -> &Gasps {
        &self.network.gasps
    }

    /// Says how ONUs of a maker gasp.
    pub fn set_reliability(&mut self, olt: &OltId, serial: Option<&Serial>, known: Reliability) {
        self.network.gasps.set(olt, serial, known);
    }

    /// Takes a look in.
    pub fn take(&mut self, look: &Look) {
        let horizon = self.horizon();
        for spot in self.network.take(look) {
            let Some(onu) = self.network.onu(spot) else { continue };
            if onu.is_up && onu.ups == 1 && onu.lost_at.is_some() && !self.is_of_group(spot) {
                self.network.learn(spot);
            }
            if let Some(onu) = self.network.onu(spot).filter(|onu| !onu.is_up) {
                self.until = self.until.max(onu.lost_at.map(|lost| lost + horizon));
                if onu.lost_at.is_some() && matches!(onu.cause, Cause::Optical | Cause::Unknown) {
                    self.lone.insert(spot);
                }
            }
        }
        (self.is_touched, self.is_fresh) = (true, true);
    }

    /// Takes news of an OLT in.
    pub fn tell(&mut self, olt: &OltId, news: &News, at: Timestamp) {
        self.levels_moved |= matches!(news, News::Fell(..));
        self.network.tell(olt, news, at);
        self.is_touched = true;
    }

    /// Whether an incident explains an ONU's loss together with others'.
    fn is_of_group(&self, spot: Spot) -> bool {
        let incident = self.member_of.get(&spot).and_then(|id| self.open.get(id)).map(|open| &open.incident);
        incident.is_some_and(|incident| incident.kind != Kind::Drop || incident.parent.is_some())
    }

    /// The incidents that are not cleared, oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().map(|open| &open.incident)
    }

    /// The incident that an ONU belongs to.
    #[must_use]
    pub fn incident_of(&self, olt: &OltId, key: &OnuKey) -> Option<&Incident> {
        let spot = self.network.spot_of(olt, key)?;
        self.open.get(self.member_of.get(&spot)?).map(|open| &open.incident)
    }

    /// What came of what was told, as of now.
    pub fn advance(&mut self, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        // Only while losses are gathered does time alone decide anything.
        if !std::mem::take(&mut self.is_touched) && !self.is_gathering() {
            return outcome;
        }
        self.come_back();
        self.olts(now);
        if std::mem::take(&mut self.is_fresh) || self.until.is_some() {
            let is_gathering = self.until.is_some_and(|until| until >= now);
            let is_needed = is_gathering || !self.open.is_empty() || !self.lone.is_empty();
            if is_needed && (std::mem::take(&mut self.network.is_changed) || self.terrain.rows.is_empty()) {
                self.terrain = Terrain::new(&self.network, &self.plant);
            }
            self.grow(now);
            let undecided = if is_gathering { self.explain(now, &mut outcome) } else { BTreeSet::new() };
            self.until = self.until.filter(|_| is_gathering);
            self.drops(now, &undecided);
            self.recover(now);
        }
        if std::mem::take(&mut self.levels_moved) {
            self.degrade(now);
        }
        self.publish(&mut outcome);
        outcome
    }

    fn id(&mut self, at: Timestamp) -> IncidentId {
        self.number += 1;
        IncidentId::new(at, self.number)
    }

    /// OLTs that do not answer, and those whose levels cannot be right.
    fn olts(&mut self, now: Timestamp) {
        let mut wrong: Vec<(OltId, Kind, Timestamp, String)> = Vec::new();
        for olt in &self.network.olts {
            if let Some(since) = olt.unreachable_since {
                let why = format!("{} has not answered since {since}; nothing is known of its ONUs", olt.id);
                wrong.push((olt.id.clone(), Kind::OltUnreachable, since, why));
            }
            if let Some((since, why)) = &olt.suspect {
                wrong.push((olt.id.clone(), Kind::DataQuality, *since, format!("levels of {}: {why}", olt.id)));
            }
        }
        let is_olts = |incident: &Incident, (olt, kind, ..): &(OltId, Kind, Timestamp, String)| {
            incident.kind == *kind && incident.olts.first() == Some(olt)
        };
        for open in self.open.values_mut() {
            let is_own = matches!(open.incident.kind, Kind::OltUnreachable | Kind::DataQuality);
            if is_own && !wrong.iter().any(|one| is_olts(&open.incident, one)) {
                open.incident.state = State::Cleared;
                open.incident.cleared_at = Some(now);
            }
        }
        wrong.retain(|one| !self.open.values().any(|open| is_olts(&open.incident, one)));
        for (olt, kind, since, evidence) in wrong {
            let id = self.id(since);
            let element = NamedElement { kind: "olt", id: None, name: Some(olt.to_string()) };
            let place = Place { element, from: None, to: None, metres_from_olt: None, coords: None };
            let severity = if kind == Kind::OltUnreachable { Severity::Critical } else { Severity::Minor };
            let incident = Incident {
                place: Some(place),
                severity,
                olts: vec![olt],
                confidence: 1.0,
                evidence,
                ..blank(id, kind, since)
            };
            self.insert(Open::new(incident, BTreeSet::new()));
        }
    }

    fn insert(&mut self, open: Open) {
        for spot in &open.members {
            self.member_of.insert(*spot, open.incident.id);
        }
        self.open.insert(open.incident.id, open);
    }

    /// ONUs behind the place of an older incident that are lost now belong to it.
    fn grow(&mut self, now: Timestamp) {
        let from = self.from(now);
        let is_settled = |open: &&mut Open| open.incident.opened_at < from || open.recalled.is_some();
        for open in self.open.values_mut().filter(|open| open.incident.kind.is_of_losses()).filter(is_settled) {
            for spot in &open.behind {
                let Some(onu) = self.network.onu(*spot) else { continue };
                let is_new =
                    !onu.is_up && onu.lost_at.is_some_and(|lost| lost >= from) && is_by_light_or_power(onu.cause);
                if is_new && !self.member_of.contains_key(spot) {
                    self.member_of.insert(*spot, open.incident.id);
                    open.members.insert(*spot);
                }
            }
        }
    }

    fn from(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(
            now.millis().saturating_sub(u64::try_from(self.horizon().as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How far back losses belong together: one fault is seen in two looks of the OLT that is read least often.
    fn horizon(&self) -> Duration {
        LEAST_HORIZON.max(self.network.slowest.saturating_mul(2))
    }

    /// Explains the losses of the window, and makes incidents of what decides. Gives the losses of a group that is still
    /// thought over: none of them is a lone one.
    fn explain(&mut self, now: Timestamp, outcome: &mut Outcome) -> BTreeSet<Spot> {
        let from = self.from(now);
        let old: BTreeSet<Spot> = self
            .open
            .values()
            .filter(|open| {
                (open.incident.opened_at < from && open.incident.kind.is_of_losses()) || open.recalled.is_some()
            })
            .flat_map(|open| open.members.iter().copied())
            .collect();
        let evidence = Evidence::weigh(&self.network, &self.terrain, from, now, &old);
        let case = Case { network: &self.network, terrain: &self.terrain, evidence: &evidence };
        let mut found = findings(&case, &case.explain());
        found.retain(|finding| finding.odds >= SPEAKS && finding.lost.len() >= GROUP);
        found.sort_by_key(|finding| std::cmp::Reverse(finding.lost.len()));
        let mut taken: BTreeSet<IncidentId> = BTreeSet::new();
        let mut undecided: BTreeSet<Spot> = BTreeSet::new();
        for finding in found {
            match self.match_of(&finding, &taken) {
                Some(id) => {
                    taken.insert(id);
                    self.update(id, finding);
                }
                None if self.is_ripe(&finding, now, outcome) => {
                    let id = self.id(finding.seen.map_or(now, |[first, _]| first));
                    taken.insert(id);
                    let incident = blank(id, finding.kind, finding.seen.map_or(now, |[first, _]| first));
                    self.insert(Open::new(incident, BTreeSet::new()));
                    self.update(id, finding);
                }
                None => undecided.extend(finding.lost),
            }
        }
        undecided
    }

    /// The incident that a finding goes on from: the one that shares most losses with it.
    fn match_of(&self, finding: &Finding, taken: &BTreeSet<IncidentId>) -> Option<IncidentId> {
        let mut shared: BTreeMap<IncidentId, usize> = BTreeMap::new();
        for spot in &finding.lost {
            if let Some(id) = self.member_of.get(spot).filter(|id| !taken.contains(id)) {
                *shared.entry(*id).or_default() += 1;
            }
        }
        shared.retain(|id, _| self.open.get(id).is_some_and(|open| open.incident.kind.is_of_losses()));
        // Of two with as many the older one.
        shared.into_iter().max_by_key(|(id, count)| (*count, std::cmp::Reverse(*id))).map(|(id, _)| id)
    }

    /// Whether a finding is sure enough, or old enough, to be told. Where looks would help, they are asked for.
    fn is_ripe(&self, finding: &Finding, now: Timestamp, outcome: &mut Outcome) -> bool {
        let waited = finding.seen.is_some_and(|[first, _]| now.since(first) >= self.settings.settle);
        let is_clear = finding.kind != Kind::Undetermined;
        if !finding.pending.is_empty() || !is_clear {
            let ports = if finding.pending.is_empty() { &finding.ports } else { &finding.pending };
            let mut olts: BTreeMap<u32, Option<Vec<PonId>>> = BTreeMap::new();
            for (olt, pon) in ports {
                let pons = olts.entry(*olt).or_insert_with(|| Some(Vec::new()));
                match (pons.as_mut(), pon) {
                    (Some(pons), Some(pon)) => pons.push(*pon),
                    _ => *pons = None,
                }
            }
            for (olt, pons) in olts {
                if let Some(olt) = self.network.olts.get(olt as usize) {
                    outcome.wanted.push(Wanted { olt: olt.id.clone(), pons });
                }
            }
        }
        waited || (is_clear && finding.pending.is_empty())
    }

    /// Makes an incident what a finding says.
    fn update(&mut self, id: IncidentId, finding: Finding) {
        // Other incidents whose losses this one explains as well become part of it.
        let mut others: BTreeMap<IncidentId, usize> = BTreeMap::new();
        for spot in &finding.lost {
            if let Some(other) = self.member_of.insert(*spot, id).filter(|other| *other != id) {
                *others.entry(other).or_default() += 1;
            }
        }
        let finding_lost: BTreeSet<Spot> = finding.lost.iter().copied().collect();
        for other in others.into_keys() {
            let Some(open) = self.open.get_mut(&other) else { continue };
            open.members.retain(|spot| !finding_lost.contains(spot));
            if open.members.is_empty() {
                open.incident.parent = Some(id);
                open.incident.state = State::Cleared;
                open.incident.cleared_at = finding.seen.map(|[_, last]| last);
            }
        }
        let Some(open) = self.open.get_mut(&id) else { return };
        // One that another finding explains now, or none, is no longer a member, unless it came back meanwhile.
        let left: Vec<Spot> = open.members.difference(&finding_lost).copied().collect();
        for spot in left {
            if self.member_of.get(&spot) == Some(&id) && !onu_is_up(&self.network, spot) {
                self.member_of.remove(&spot);
                open.members.remove(&spot);
            } else if self.member_of.get(&spot) != Some(&id) {
                open.members.remove(&spot);
            }
        }
        open.members.extend(finding_lost);
        open.behind = finding.behind.iter().copied().collect();
        let incident = &mut open.incident;
        incident.evidence = sentence::of_losses(&finding);
        incident.monitored = finding.counts.monitored;
        incident.kind = finding.kind;
        incident.place = finding.place;
        incident.confidence = finding.confidence;
        incident.alternatives = finding.alternatives;
    }
}

impl Kind {
    /// Whether it explains the losses of several ONUs.
    const fn is_of_losses(self) -> bool {
        matches!(self, Self::Cut | Self::Power | Self::Equipment | Self::Undetermined)
    }
}

const fn is_by_light_or_power(cause: Cause) -> bool {
    matches!(cause, Cause::Optical | Cause::Power | Cause::Unknown)
}

fn onu_is_up(network: &Network, spot: Spot) -> bool {
    network.onu(spot).is_some_and(|onu| onu.is_up)
}

fn blank(id: IncidentId, kind: Kind, opened_at: Timestamp) -> Incident {
    Incident {
        id,
        kind,
        state: State::Open,
        opened_at,
        cleared_at: None,
        severity: Severity::Minor,
        olts: Vec::new(),
        pons: Vec::new(),
        place: None,
        confidence: 0.0,
        alternatives: Vec::new(),
        monitored: 0,
        lost: 0,
        recovered: 0,
        parent: None,
        evidence: String::new(),
        closing: None,
        onus: Vec::new(),
    }
}
