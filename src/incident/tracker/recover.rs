//! Who is back, and what is left of a fault that is over.

use std::collections::BTreeSet;

use super::super::id::IncidentId;
use super::super::network::Spot;
use super::super::sentence;
use super::super::snapshot::{Incident, Kind, Severity, State};
use super::{GROUP, Open, Tracker, blank};
use crate::model::Timestamp;

/// Looks in a row that prove that an ONU is back.
const PROOFS: u8 = 2;

impl Tracker {
    /// Counts who is back; clears what is over, and makes a child of what is left.
    pub(super) fn recover(&mut self, now: Timestamp) {
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
                let is_dark = |spot: &Spot| self.network.onu(*spot).is_some_and(|onu| !onu.is_up && !onu.is_gone);
                let left: BTreeSet<Spot> = open.members.iter().copied().filter(is_dark).collect();
                if !left.is_empty() {
                    children.push((*id, left, all));
                }
            }
        }
        for (parent, left, of) in children {
            self.leave(parent, left, of, now);
        }
    }

    /// Makes incidents of their own of those who are left of a fault that is over: of an outage's, who is still without power; of others', a
    /// second fault, and of fewer than a group one each.
    fn leave(&mut self, parent: IncidentId, left: BTreeSet<Spot>, of: usize, now: Timestamp) {
        let Some(open) = self.open.get_mut(&parent) else { return };
        open.members.retain(|spot| !left.contains(spot));
        // What it hit stays what it hit.
        open.incident.lost = u32::try_from(of).unwrap_or(u32::MAX);
        let (place, is_outage) = (open.incident.place.clone(), open.incident.kind == Kind::Power);
        let evidence = sentence::of_rest(left.len(), of, is_outage);
        let is_group = is_outage || left.len() >= GROUP;
        let kind = match (is_outage, is_group) {
            (true, _) => Kind::Power,
            (false, true) => Kind::Undetermined,
            (false, false) => Kind::Drop,
        };
        let parts: Vec<BTreeSet<Spot>> =
            if is_group { vec![left] } else { left.into_iter().map(|spot| BTreeSet::from([spot])).collect() };
        for members in parts {
            let since = members.iter().filter_map(|spot| self.network.onu(*spot)?.lost_at).min().unwrap_or(now);
            let id = self.id(now);
            let incident = Incident {
                parent: Some(parent),
                place: place.clone(),
                confidence: 0.5,
                monitored: u32::try_from(members.len()).unwrap_or(u32::MAX),
                severity: Severity::Minor,
                evidence: evidence.clone(),
                ..blank(id, kind, since)
            };
            self.insert(Open::new(incident, members));
        }
    }
}
