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
use super::place::{self, NamedElement, Place};
use super::sentence;
use super::snapshot::{Incident, Kind, Member, Port, Severity, State};
use super::terrain::Terrain;
use crate::model::{Cause, OltId, OnuKey, PonId, Serial, Timestamp};
use crate::plant::{NodeIx, Plant};

mod recall;

use recall::Recalled;

/// What the operator sets.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest that losses are gathered before an incident speaks.
    pub settle: Duration,
    /// How far back losses belong together: two state intervals, and five minutes at least.
    pub horizon: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { settle: Duration::from_secs(10), horizon: Duration::from_secs(300) }
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

/// Fewest losses that make an incident of a group.
const GROUP: usize = 3;
/// Logarithm of the odds against "each by itself" from which one speaks: 100 to 1.
const SPEAKS: f64 = 4.6;
/// Looks in a row that make a lone loss a drop fault.
const DROP_LOOKS: u8 = 2;
/// Looks in a row that prove that an ONU is back.
const PROOFS: u8 = 2;

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
    number: u64,
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
    }

    /// Whose an OLT's ONUs are, in place of what was known of that OLT.
    pub fn set_owners(&mut self, olt: &OltId, owners: impl IntoIterator<Item = (OnuKey, Owner)>) {
        self.network.set_owners(olt, owners);
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
        for spot in self.network.take(look) {
            let Some(onu) = self.network.onu(spot) else { continue };
            if onu.is_up && onu.ups == 1 && onu.lost_at.is_some() && !self.member_of.contains_key(&spot) {
                self.network.learn(spot);
            }
            if !onu_is_up(&self.network, spot) {
                self.until = self.until.max(Some(look.started + self.settings.horizon));
            }
        }
        self.is_fresh = true;
    }

    /// Takes news of an OLT in.
    pub fn tell(&mut self, olt: &OltId, news: &News, at: Timestamp) {
        self.levels_moved |= matches!(news, News::Fell(..));
        self.network.tell(olt, news, at);
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
        self.come_back();
        self.olts(now);
        if std::mem::take(&mut self.is_fresh) || self.until.is_some() {
            let is_needed = self.until.is_some_and(|until| until >= now) || !self.open.is_empty();
            if is_needed && (std::mem::take(&mut self.network.is_changed) || self.terrain.rows.is_empty()) {
                self.terrain = Terrain::new(&self.network, &self.plant);
            }
            self.grow(now);
            if self.until.is_some_and(|until| until >= now) {
                let undecided = self.explain(now, &mut outcome);
                self.drops(now, &undecided);
            } else {
                self.until = None;
            }
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
            self.insert(Open {
                incident,
                members: BTreeSet::new(),
                behind: BTreeSet::new(),
                told: None,
                recalled: None,
            });
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
            now.millis().saturating_sub(u64::try_from(self.settings.horizon.as_millis()).unwrap_or(u64::MAX)),
        )
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
                    self.insert(Open {
                        incident,
                        members: BTreeSet::new(),
                        behind: BTreeSet::new(),
                        told: None,
                        recalled: None,
                    });
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

    /// Lone losses of light that stay are drop faults.
    fn drops(&mut self, now: Timestamp, undecided: &BTreeSet<Spot>) {
        let from = self.from(now);
        let mut found: Vec<(Spot, Timestamp)> = Vec::new();
        for row in &self.terrain.rows {
            let Some(onu) = self.network.onu(row.spot) else { continue };
            let is_blind = self.network.is_blind(row.spot.olt);
            if !onu.is_up
                && !is_blind
                && onu.cause == Cause::Optical
                && onu.downs >= DROP_LOOKS
                && !(onu.is_flapping || onu.is_maintained || onu.is_gone)
                && let Some(lost) = onu.lost_at.filter(|lost| *lost >= from)
                && !self.member_of.contains_key(&row.spot)
                && !undecided.contains(&row.spot)
            {
                found.push((row.spot, lost));
            }
        }
        for (spot, lost) in found {
            let Some(row) = self.terrain.row_of(spot).and_then(|row| self.terrain.rows.get(row as usize)) else {
                continue;
            };
            let siblings = row.place.map_or(&[] as &[u32], |place| self.terrain.at_place(place)).iter();
            let spots = siblings.filter_map(|row| self.terrain.rows.get(*row as usize)).map(|row| row.spot);
            let up = spots.filter(|other| *other != spot && onu_is_up(&self.network, *other)).count();
            let plant = &self.terrain.plant;
            let node = NodeIx::from_number(row.node);
            let drop = row.is_placed.then(|| place::spoken(plant, node)).flatten();
            let place = drop.and_then(|element| place::stretch(plant, element, &[node]));
            let at = row.place.and_then(|at| place::named(plant, at));
            let place = place.map(|place| Place { from: at.clone(), ..place }).or_else(|| {
                at.map(|element| Place { element, from: None, to: None, metres_from_olt: None, coords: None })
            });
            let looks = self.network.onu(spot).map_or(0, |onu| onu.downs);
            let evidence = sentence::of_drop(place.as_ref(), looks, up);
            let id = self.id(lost);
            let incident = Incident {
                place,
                confidence: 0.9,
                monitored: 1,
                evidence,
                severity: Severity::Minor,
                ..blank(id, Kind::Drop, lost)
            };
            let members = BTreeSet::from([spot]);
            self.insert(Open { incident, behind: BTreeSet::new(), members, told: None, recalled: None });
        }
    }

    /// Counts who is back; clears what is over, and makes a child of what is left.
    fn recover(&mut self, now: Timestamp) {
        let mut children: Vec<(IncidentId, BTreeSet<Spot>, usize)> = Vec::new();
        for (id, open) in &mut self.open {
            let incident = &mut open.incident;
            if !(incident.kind.is_of_losses() || incident.kind == Kind::Drop) || incident.state == State::Cleared {
                continue;
            }
            let counts = |proofs: u8| {
                let is_back = |spot: &&Spot| {
                    self.network.onu(**spot).is_none_or(|onu| onu.is_gone || (onu.is_up && onu.ups >= proofs))
                };
                open.members.iter().filter(is_back).count()
            };
            let (back, proven, all) = (counts(1), counts(PROOFS), open.members.len());
            incident.recovered = u32::try_from(back).unwrap_or(u32::MAX);
            incident.state = if back > 0 { State::Recovering } else { State::Open };
            if proven * 10 >= all * 9 {
                incident.state = State::Cleared;
                incident.cleared_at = Some(now);
                let left: BTreeSet<Spot> =
                    open.members.iter().copied().filter(|spot| !onu_is_up(&self.network, *spot)).collect();
                if !left.is_empty() {
                    children.push((*id, left, all));
                }
            }
        }
        for (parent, left, of) in children {
            let since = left.iter().filter_map(|spot| self.network.onu(*spot)?.lost_at).min().unwrap_or(now);
            let id = self.id(now);
            let kind = if left.len() == 1 { Kind::Drop } else { Kind::Undetermined };
            let count = u32::try_from(left.len()).unwrap_or(u32::MAX);
            let place = self.open.get(&parent).and_then(|open| open.incident.place.clone());
            let incident = Incident {
                parent: Some(parent),
                place,
                confidence: 0.5,
                monitored: count,
                severity: Severity::Minor,
                evidence: sentence::of_rest(count, u32::try_from(of).unwrap_or(u32::MAX)),
                ..blank(id, kind, since)
            };
            if let Some(open) = self.open.get_mut(&parent) {
                open.members.retain(|spot| !left.contains(spot));
                // What it hit stays what it hit.
                open.incident.lost = u32::try_from(of).unwrap_or(u32::MAX);
            }
            self.insert(Open { incident, behind: BTreeSet::new(), members: left, told: None, recalled: None });
        }
    }

    /// Levels that fell at one place.
    fn degrade(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.network.is_changed) || self.terrain.rows.is_empty() {
            self.terrain = Terrain::new(&self.network, &self.plant);
        }
        let evidence = Evidence::of_levels(&self.network, &self.terrain);
        let case = Case { network: &self.network, terrain: &self.terrain, evidence: &evidence };
        let mut found = findings(&case, &case.explain());
        found.retain(|finding| finding.odds >= SPEAKS && finding.lost.len() >= GROUP);
        let mut kept: BTreeSet<IncidentId> = BTreeSet::new();
        for mut finding in found {
            finding.kind = Kind::Degradation;
            for alternative in &mut finding.alternatives {
                alternative.kind = Kind::Degradation;
            }
            let lost: BTreeSet<Spot> = finding.lost.iter().copied().collect();
            let known = self.open.iter().find(|(id, open)| {
                open.incident.kind == Kind::Degradation && !kept.contains(id) && !open.members.is_disjoint(&lost)
            });
            if known.is_some_and(|(_, open)| open.recalled.is_some()) {
                continue;
            }
            let id = known.map(|(id, _)| *id);
            let id = id.unwrap_or_else(|| self.id(now));
            kept.insert(id);
            let mut falls: Vec<i32> = lost.iter().filter_map(|spot| self.network.onu(*spot)?.fell).collect();
            falls.sort_unstable();
            let median = falls.get(falls.len() / 2).map_or(0.0, |fell| f64::from(*fell) / 1000.0);
            let open = self.open.entry(id).or_insert_with(|| Open {
                incident: blank(id, Kind::Degradation, now),
                members: BTreeSet::new(),
                behind: BTreeSet::new(),
                told: None,
                recalled: None,
            });
            open.members = lost;
            open.incident.evidence = sentence::of_levels(&finding, median);
            open.incident.monitored = finding.counts.monitored;
            open.incident.place = finding.place;
            open.incident.confidence = finding.confidence;
            open.incident.alternatives = finding.alternatives;
        }
        for (id, open) in &mut self.open {
            if open.incident.kind == Kind::Degradation && !kept.contains(id) && open.recalled.is_none() {
                open.incident.state = State::Cleared;
                open.incident.cleared_at = Some(now);
                open.incident.recovered = open.incident.lost;
            }
        }
    }

    /// Tells what differs from what was told, and forgets what is over.
    fn publish(&mut self, outcome: &mut Outcome) {
        let mut over = Vec::new();
        for (id, open) in &mut self.open {
            let is_over = open.incident.state == State::Cleared;
            complete(&self.network, &self.plant, open);
            let step = match &open.told {
                _ if is_over => Step::Cleared,
                None => Step::Opened,
                Some(told) if **told != open.incident => Step::Changed,
                Some(_) => continue,
            };
            let incident = Arc::new(open.incident.clone());
            open.told = Some(incident.clone());
            outcome.changes.push(Change { step, incident });
            if is_over {
                over.push(*id);
            }
        }
        for id in over {
            if let Some(open) = self.open.remove(&id) {
                for spot in &open.members {
                    if self.member_of.get(spot) == Some(&id) {
                        self.member_of.remove(spot);
                        // Explained, and over: it is no loss of the window any more, or it would be explained anew.
                        self.network.forget_loss(*spot);
                    }
                }
            }
        }
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

/// Fills in what follows from an incident's members.
fn complete(network: &Network, plant: &Plant, open: &mut Open) {
    let incident = &mut open.incident;
    if open.members.is_empty() {
        return;
    }
    let mut ports: BTreeSet<Port> = BTreeSet::new();
    incident.onus.clear();
    for spot in &open.members {
        let Some((olt, onu)) = network.olts.get(spot.olt as usize).zip(network.onu(*spot)) else { continue };
        ports.insert(Port { olt: olt.id.clone(), pon: onu.pon });
        let owner = onu.owner.as_ref();
        let was = open.recalled.as_ref().and_then(|recalled| recalled.members.get(spot));
        let place = owner.and_then(|owner| plant.find(&owner.place?)).and_then(|place| plant.element(place)?.name);
        incident.onus.push(Member {
            olt: olt.id.clone(),
            pon: onu.pon,
            onu: onu.number,
            key: onu.key.clone(),
            serial: onu.serial.clone(),
            client_id: owner.map(|owner| owner.client).or(was.and_then(|was| was.client_id)),
            code: owner.and_then(|owner| owner.code.clone()).or_else(|| was?.code.clone()),
            place: place.map(Arc::from).or_else(|| was?.place.clone()),
            is_up: onu.is_up,
        });
    }
    incident.onus.sort_by(|one, other| {
        (&one.olt, one.pon, one.onu, &one.key).cmp(&(&other.olt, other.pon, other.onu, &other.key))
    });
    incident.lost = incident.lost.max(u32::try_from(open.members.len()).unwrap_or(u32::MAX));
    incident.monitored = incident.monitored.max(incident.lost);
    let mut olts: Vec<OltId> = ports.iter().map(|port| port.olt.clone()).collect();
    olts.dedup();
    incident.olts = olts;
    incident.pons = ports.into_iter().collect();
    incident.severity = match incident.kind {
        Kind::Cut | Kind::Undetermined if incident.parent.is_some() => Severity::Minor,
        Kind::Cut if incident.pons.len() > 1 => Severity::Critical,
        Kind::Cut | Kind::Undetermined => Severity::Major,
        Kind::Equipment | Kind::OltUnreachable => Severity::Critical,
        Kind::Power => Severity::Warning,
        Kind::Drop | Kind::Degradation | Kind::DataQuality => Severity::Minor,
    };
}
