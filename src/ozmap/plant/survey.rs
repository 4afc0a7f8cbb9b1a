//! What is read of ONUs beside what the plant says of their clients. Pure.
//!
//! In: a [`PlantSnapshot`], whose each ONU is, and the newest readings. Out: a [`Survey`]: launch powers, the audit of the
//! documentation in lines that can be shown, and for each ONU the power that should arrive ([`Survey::way`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::lines::{self, DoubtLine, PonLine};
use super::snapshot::PlantSnapshot;
use crate::model::{Dbm, Decibels, ElementId, Metres, OltId, OnuState, PonId, Reading, Timestamp};
use crate::ozmap::owners::{Owner, Owners};
use crate::plant::{Audit, ClientIx, Doubt, Launch, LaunchSource, NodeIx, Observed, Plant};
use crate::poll::View;

/// A port of an OLT, as it is polled; without a PON where the family shows none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PortName {
    /// The OLT of the config.
    pub olt: OltId,
    /// The port.
    pub pon: Option<PonId>,
}

/// Readings and documentation beside each other, at a moment.
#[derive(Debug, Clone)]
pub struct Survey {
    /// When it was made.
    pub at: Timestamp,
    /// By which plant.
    pub plant: Arc<PlantSnapshot>,
    /// ONUs of which a client with a place in the plant is known.
    pub onus: usize,
    /// The PONs of the plant, in its order.
    pub pons: Vec<PonLine>,
    /// How many doubts there are of each kind.
    pub counts: BTreeMap<&'static str, usize>,
    /// The doubts, the surest first: as many as were asked for.
    pub doubts: Vec<DoubtLine>,
    audit: Audit,
}

/// What the documentation says of the way of one ONU's light. What is not known is `null`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Way {
    /// The name of the box.
    #[serde(rename = "box")]
    pub place: Option<Arc<str>>,
    /// The port of the box's splitter, from 1.
    pub splitter_port: Option<u16>,
    /// Length of the documented way, to compare with the ranged distance; cables are longer than they are drawn.
    pub route_length_m: Option<Metres>,
    /// The power that should arrive. `null` where the documented way reaches no PON, or the PON's launch power is not known.
    pub calculated_dbm: Option<Dbm>,
    /// Where the launch power is known from that it is calculated with.
    pub calculated_by: Option<LaunchSource>,
    /// Received less calculated; while it is up.
    pub deviation_db: Option<Decibels>,
}

/// An ONU whose client is in the plant.
pub(super) struct Known<'a> {
    pub olt: &'a OltId,
    pub reading: &'a Reading,
    pub owner: &'a Owner,
    pub observed: Observed,
}

/// What an ONU receives, while it is up.
fn received(reading: &Reading) -> Option<Dbm> {
    reading.rx.ok().filter(|_| reading.state == Ok(OnuState::Up))
}

impl Survey {
    /// Compares; lists at most so many doubts, and counts them all.
    #[must_use]
    pub fn of<'a>(
        at: Timestamp,
        plant: &Arc<PlantSnapshot>,
        owners: &Owners,
        views: impl IntoIterator<Item = (&'a OltId, &'a View)>,
        listed: usize,
    ) -> Self {
        let mut ports: BTreeMap<PortName, u32> = BTreeMap::new();
        let mut known: Vec<Known<'_>> = Vec::new();
        for (olt, view) in views {
            for (reading, owner) in view.onus().filter_map(|reading| Some((reading, owners.of(olt, &reading.key)?))) {
                let Some(client) = plant.plant.client(&owner.client) else { continue };
                let port = reading.pon.map(|pon| {
                    let next = u32::try_from(ports.len()).unwrap_or(u32::MAX);
                    *ports.entry(PortName { olt: olt.clone(), pon: Some(pon) }).or_insert(next)
                });
                let ranged = reading.distance.ok().filter(|distance| distance.thousandths() > 0);
                let observed = Observed { client, port, rx: received(reading), ranged };
                known.push(Known { olt, reading, owner, observed });
            }
        }
        let observed: Vec<Observed> = known.iter().map(|one| one.observed).collect();
        let audit = Audit::of(&plant.plant, &observed);
        drop(observed);
        known.sort_unstable_by_key(|one| one.observed.client);
        let mut names: Vec<(PortName, u32)> = ports.into_iter().collect();
        names.sort_unstable_by_key(|(_, number)| *number);
        let ports: Vec<PortName> = names.into_iter().map(|(name, _)| name).collect();
        let counts = audit.counts().into_iter().map(|(doubt, count)| (doubt.word(), count)).collect();
        let desk = lines::Desk { plant: &plant.plant, audit: &audit, known: &known, ports: &ports };
        let doubts = audit.findings.iter().take(listed).map(|finding| desk.doubt(finding)).collect();
        let pons = desk.pons();
        Self { at, plant: Arc::clone(plant), onus: known.len(), pons, counts, doubts, audit }
    }

    /// Before anything was compared.
    #[must_use]
    pub fn empty(at: Timestamp) -> Self {
        Self {
            at,
            plant: Arc::new(PlantSnapshot::empty(at)),
            onus: 0,
            pons: Vec::new(),
            counts: Doubt::ALL.into_iter().map(|doubt| (doubt.word(), 0)).collect(),
            doubts: Vec::new(),
            audit: Audit::default(),
        }
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Plant {
        &self.plant.plant
    }

    /// The launch power of a PON, as far as it is known.
    #[must_use]
    pub fn launch(&self, pon: NodeIx) -> Option<Launch> {
        self.audit.offsets.launch(self.graph(), pon)
    }

    /// Metres that are ranged for each metre documented, on a PON where that was learned.
    #[must_use]
    pub fn slack(&self, pon: NodeIx) -> Option<f64> {
        self.audit.slack_of(pon)
    }

    /// The name of a box or building.
    #[must_use]
    pub fn box_name(&self, id: &ElementId) -> Option<&str> {
        let graph = self.graph();
        graph.element(graph.find(id)?)?.name
    }

    /// What is documented of an ONU's client, beside what the ONU receives.
    #[must_use]
    pub fn way(&self, owner: &Owner, reading: Option<&Reading>) -> Way {
        let graph = self.graph();
        let place = owner.box_id.and_then(|id| self.box_name(&id));
        let Some(client) = graph.client(&owner.client) else {
            return Way { place: place.map(Arc::from), ..Way::default() };
        };
        let of_route = || graph.element(graph.box_of(client)?)?.name;
        let calculated = self.audit.offsets.expected(graph, client);
        let launch = calculated.and_then(|_| self.launch(graph.pon_of(client)?));
        Way {
            place: place.or_else(of_route).map(Arc::from),
            splitter_port: graph.splitter_of(client).map(|(_, port)| port),
            route_length_m: graph.route_length(client),
            calculated_dbm: calculated,
            calculated_by: launch.map(|launch| launch.source),
            deviation_db: reading.and_then(received).zip(calculated).map(|(read, calculated)| read - calculated),
        }
    }

    /// The doubts of one client.
    pub fn doubts_of(&self, client: ClientIx) -> impl Iterator<Item = &DoubtLine> {
        let id = self.graph().client_id(client);
        self.doubts.iter().filter(move |line| line.client_id.is_some() && line.client_id == id)
    }
}
