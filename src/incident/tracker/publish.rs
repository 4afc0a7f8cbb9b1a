//! What is told of incidents, and what follows from their members.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::network::Network;
use super::super::snapshot::{Kind, Member, Port, Severity, State};
use super::{Change, Open, Outcome, Step, Tracker, drops};
use crate::model::OltId;
use crate::plant::Plant;

impl Tracker {
    /// Tells what differs from what was told, and forgets what is over.
    pub(super) fn publish(&mut self, outcome: &mut Outcome) {
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
        // No more than a suspicion.
        Kind::Drop if incident.parent.is_none() && incident.confidence < drops::SURE => Severity::Warning,
        Kind::Drop | Kind::Degradation | Kind::DataQuality => Severity::Minor,
    };
}
