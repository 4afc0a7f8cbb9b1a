//! Lone losses of light: each is a client's own, and told only where it is likelier a fault than a pulled plug.

use std::collections::BTreeSet;

use super::{Open, Tracker, blank, onu_is_up};
use crate::incident::habit::chance_of_drop;
use crate::incident::network::Spot;
use crate::incident::place::{self, Place};
use crate::incident::sentence::{self, Lone};
use crate::incident::snapshot::{Incident, Kind, Severity, State};
use crate::model::{Cause, Timestamp};
use crate::plant::NodeIx;

/// Looks in a row that make a lone loss a suspicion.
const DROP_LOOKS: u8 = 2;
/// From this chance on it is told, and from the other one on it is no mere suspicion.
const SUSPECTED: f64 = 0.5;
pub(super) const SURE: f64 = 0.9;

impl Tracker {
    /// Lone losses that are likelier broken drops than pulled plugs are told, and what was suspected grows surer.
    pub(super) fn drops(&mut self, now: Timestamp, undecided: &BTreeSet<Spot>) {
        let Self { lone, network, .. } = self;
        lone.retain(|spot| network.onu(*spot).is_some_and(|onu| !onu.is_up && !onu.is_gone && onu.lost_at.is_some()));
        let found: Vec<(Spot, f64)> = self
            .lone
            .iter()
            .filter(|spot| !undecided.contains(*spot))
            .filter_map(|spot| Some((*spot, self.suspicion(*spot, now)?)))
            .filter(|(spot, chance)| *chance >= self.least_chance(*spot))
            .collect();
        for (spot, chance) in found {
            self.tell_drop(spot, chance, now);
        }
    }

    /// How likely an ONU's drop is broken; `None` while that cannot be said.
    fn suspicion(&self, spot: Spot, now: Timestamp) -> Option<f64> {
        let (olt, onu) = self.network.olts.get(spot.olt as usize).zip(self.network.onu(spot))?;
        let is_heard = onu.downs >= DROP_LOOKS && !self.network.is_blind(spot.olt);
        let counts = !(onu.is_flapping || onu.is_maintained || onu.is_gone);
        let lasts = now.since(onu.lost_at?);
        let is_old_enough = onu.cause == Cause::Optical || lasts >= self.settings.unknown_after;
        let gasps = self.network.gasps.of(&olt.id, onu.serial.as_ref());
        let chance = chance_of_drop(onu, &gasps, &self.network.absences, now)?;
        (is_heard && counts && is_old_enough).then_some(chance)
    }

    /// The chance from which something new is told of an ONU.
    fn least_chance(&self, spot: Spot) -> f64 {
        let Some(open) = self.member_of.get(&spot).and_then(|id| self.open.get(id)) else { return SUSPECTED };
        let is_suspected = open.incident.kind == Kind::Drop
            && open.incident.parent.is_none()
            && open.recalled.is_none()
            && open.incident.state == State::Open
            && open.incident.confidence < SURE;
        if is_suspected { SURE } else { f64::INFINITY }
    }

    fn tell_drop(&mut self, spot: Spot, chance: f64, now: Timestamp) {
        let Some(row) = self.terrain.row_of(spot).and_then(|row| self.terrain.rows.get(row as usize)) else { return };
        let Some(onu) = self.network.onu(spot) else { return };
        let siblings = row.place.map_or(&[] as &[u32], |place| self.terrain.at_place(place)).iter();
        let spots = siblings.filter_map(|row| self.terrain.rows.get(*row as usize)).map(|row| row.spot);
        let up = spots.filter(|other| *other != spot && onu_is_up(&self.network, *other)).count();
        let plant = &self.terrain.plant;
        let node = NodeIx::from_number(row.node);
        let drop = row.is_placed.then(|| place::spoken(plant, node)).flatten();
        let place = drop.and_then(|element| place::stretch(plant, element, &[node]));
        let at = row.place.and_then(|at| place::named(plant, at));
        let place = place
            .map(|place| Place { from: at.clone(), ..place })
            .or_else(|| at.map(|element| Place { element, from: None, to: None, metres_from_olt: None, coords: None }));
        let lost = onu.lost_at.unwrap_or(now);
        let lone = Lone {
            looks: onu.downs,
            minutes: now.since(lost).as_secs() / 60,
            siblings: up,
            before: onu.habit.seen(now),
            is_known_why: onu.cause == Cause::Optical,
        };
        let evidence = sentence::of_drop(place.as_ref(), &lone);
        if let Some(open) = self.member_of.get(&spot).and_then(|id| self.open.get_mut(id)) {
            open.incident.confidence = chance;
            open.incident.evidence = evidence;
            return;
        }
        let id = self.id(lost);
        let incident = Incident {
            place,
            confidence: chance,
            monitored: 1,
            evidence,
            severity: Severity::Warning,
            ..blank(id, Kind::Drop, lost)
        };
        let members = BTreeSet::from([spot]);
        self.insert(Open::new(incident, members));
    }
}
