//! Incidents outlive their owner's process: what is to be kept of them, and taking it back.
//!
//! After a restart nothing has been looked at, nobody's ONUs are known, and there is no plant. An incident that is taken back stays what it
//! was until all that it was decided by is there again; meanwhile it only grows and recovers by what is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Open, Tracker, onu_is_up};
use crate::incident::closing::Closing;
use crate::incident::id::IncidentId;
use crate::incident::kept::{Kept, KeptMember};
use crate::incident::look::Look;
use crate::incident::network::{Network, Spot};
use crate::incident::snapshot::{Incident, Kind, Member, State};
use crate::model::{OltId, OnuKey, Timestamp};
use crate::plant::Plant;

/// Of an incident that was taken back, what is not known again.
#[derive(Debug, Clone)]
pub(super) struct Recalled {
    /// When it was taken back.
    at: Timestamp,
    /// Its members as they were.
    pub(super) members: HashMap<Spot, Member>,
}

impl Tracker {
    /// What is to be kept of an incident that is not over.
    #[must_use]
    pub fn memory(&self, id: IncidentId) -> Option<Kept> {
        let open = self.open.get(&id)?;
        let incident = open.told.as_deref().unwrap_or(&open.incident).clone();
        let member = |member: &Member| {
            let spot = self.network.spot_of(&member.olt, &member.key);
            let onu = spot.and_then(|spot| self.network.onu(spot));
            KeptMember {
                key: member.key.clone(),
                up_ms: onu.and_then(|onu| onu.up_at).map(Timestamp::millis),
                lost_ms: onu.and_then(|onu| onu.lost_at).map(Timestamp::millis),
                cause: onu.map_or(crate::model::Cause::Unknown, |onu| onu.cause),
                // One that is up was read so once at least.
                ups: if member.is_up { onu.map_or(1, |onu| onu.ups.max(1)) } else { 0 },
                fell: onu.and_then(|onu| onu.fell),
            }
        };
        let members = incident.onus.iter().map(member).collect();
        let mut behind: BTreeMap<OltId, Vec<OnuKey>> = BTreeMap::new();
        for spot in &open.behind {
            if let Some((olt, onu)) = self.network.olts.get(spot.olt as usize).zip(self.network.onu(*spot)) {
                behind.entry(olt.id.clone()).or_default().push(onu.key.clone());
            }
        }
        Some(Kept { incident, members, behind })
    }

    /// Takes incidents back before anything was seen. Those that are not over go on under the same id, without being told again; whose
    /// ONUs are, and the plant, may come later. An OLT that did not answer does not until [`News`](super::News) says so, and levels that
    /// could not be right are so until then.
    pub fn recall(&mut self, kept: impl IntoIterator<Item = Kept>, now: Timestamp) {
        let horizon = self.horizon();
        let mut kept: Vec<Kept> = kept.into_iter().collect();
        // Levels first: what is held of a loss is newer than what was held of the same ONU when its level fell.
        kept.sort_by_key(|kept| kept.incident.kind != Kind::Degradation);
        for Kept { incident, members, behind } in kept {
            let is_of_levels = incident.kind == Kind::Degradation;
            self.number = self.number.max(incident.id.number());
            if incident.state == State::Cleared || self.open.contains_key(&incident.id) {
                continue;
            }
            self.recall_olts(&incident);
            self.is_touched = true;
            let mut spots: HashMap<Spot, Member> = HashMap::new();
            for (onu, member) in incident.onus.iter().zip(&members) {
                let spot = self.network.recall(onu, member);
                // An ONU belongs to one incident of losses; its level may have fallen beside that.
                if is_of_levels || !self.member_of.contains_key(&spot) {
                    self.until = self.until.max(member.lost_ms.map(|lost| Timestamp::from_millis(lost) + horizon));
                    spots.insert(spot, onu.clone());
                }
            }
            let behind =
                behind.iter().flat_map(|(olt, keys)| keys.iter().map(move |key| (olt, key))).collect::<Vec<_>>();
            let behind = behind.into_iter().map(|(olt, key)| self.network.place_of(olt, key)).collect();
            let open = Open {
                told: Some(Arc::new(incident.clone())),
                incident,
                members: spots.keys().copied().collect(),
                behind,
                recalled: Some(Recalled { at: now, members: spots }),
            };
            if is_of_levels {
                self.open.insert(open.incident.id, open);
            } else {
                self.insert(open);
            }
        }
    }

    /// Takes in who was up in the last look before a restart: one that is read as down now has lost something. Nothing older than the horizon
    /// counts, since losses of hours are not one fault because they are seen in one look.
    pub fn recall_look(&mut self, look: &Look, now: Timestamp) {
        if now.since(look.started) <= self.horizon() {
            self.network.was_up(look);
        }
    }

    /// Ends what was taken back of OLTs that nobody polls any more: no look will ever say anything of them.
    pub fn keep_only(&mut self, is_polled: impl Fn(&OltId) -> bool) {
        for olt in self.network.olts.iter_mut().filter(|olt| !is_polled(&olt.id)) {
            (olt.unreachable_since, olt.suspect) = (None, None);
            olt.onus.iter_mut().for_each(|onu| onu.is_gone = true);
            self.network.is_changed = true;
            (self.is_touched, self.is_fresh) = (true, true);
        }
    }

    fn recall_olts(&mut self, incident: &Incident) {
        let Some(olt) = incident.olts.first() else { return };
        let number = self.network.olt_number(olt);
        let Some(olt) = self.network.olts.get_mut(number) else { return };
        match incident.kind {
            Kind::OltUnreachable => olt.unreachable_since = Some(incident.opened_at),
            Kind::DataQuality => olt.suspect = Some((incident.opened_at, Arc::from(incident.evidence.as_str()))),
            _ => {}
        }
    }

    /// Incidents of which all is known again that they were decided by may be decided otherwise from now on.
    pub(super) fn come_back(&mut self) {
        for open in self.open.values_mut() {
            if open.recalled.as_ref().is_some_and(|recalled| recalled.is_back(open, &self.network, &self.plant)) {
                open.recalled = None;
                self.levels_moved |= open.incident.kind == Kind::Degradation;
            }
        }
    }

    /// Takes a person's word on an incident, which ends it: its losses are no losses of anything any more, until they were up again. One of
    /// an OLT that does not answer, or of levels that cannot be right, goes on until that is over. False when there is none that is not over.
    pub fn close(&mut self, id: IncidentId, closing: Closing, now: Timestamp) -> bool {
        let Some(open) = self.open.get_mut(&id) else { return false };
        open.incident.closing = Some(Arc::new(closing));
        self.is_touched = true;
        if matches!(open.incident.kind, Kind::OltUnreachable | Kind::DataQuality) {
            return true;
        }
        open.incident.state = State::Cleared;
        open.incident.cleared_at = Some(now);
        let dark: BTreeSet<Spot> =
            open.members.iter().copied().filter(|spot| !onu_is_up(&self.network, *spot)).collect();
        for spot in &open.members {
            self.network.write_off(*spot, dark.contains(spot));
        }
        true
    }
}

impl Recalled {
    /// Whether its OLTs were looked at since, its place is in the plant, and nearly all members have the owner that they had.
    fn is_back(&self, open: &Open, network: &Network, plant: &Plant) -> bool {
        let is_seen = |olt: &OltId| {
            network
                .olts
                .iter()
                .any(|one| one.id == *olt && (one.looked_at > Some(self.at) || one.onus.iter().all(|onu| onu.is_gone)))
        };
        let element = open.incident.place.as_ref().and_then(|place| place.element.id);
        let is_owned =
            |spot: Spot, was: &Member| was.client_id.is_some() && network.onu(spot).is_some_and(|onu| !onu.is_gone);
        let had: Vec<&Spot> =
            self.members.iter().filter(|(spot, was)| is_owned(**spot, was)).map(|(spot, _)| spot).collect();
        let have = had.iter().filter(|spot| network.onu(***spot).is_some_and(|onu| onu.owner.is_some())).count();
        open.incident.olts.iter().all(is_seen)
            && element.is_none_or(|element| plant.find(&element).is_some())
            && have * 10 >= had.len() * 9
    }
}
