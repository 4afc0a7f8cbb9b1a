//! What may have happened, where, and how likely that is before anything was seen.

use std::ops::Range;

use super::evidence::Evidence;
use super::network::Network;
use super::rates::{
    BOX, CABLE_KM, CARD, DARK_LASER, DROP, FIBRE_SHARE, FOUND_ROGUE, LEAST_KM, OUTAGE, PORT, ROGUE, SHINING_LASER,
    SOME_BRANCH,
};
use super::terrain::{PortRows, Terrain};
use crate::model::{Cause, PonId};
use crate::plant::{ElementIx, ElementKind, NodeIx};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fault {
    Cut,
    Power,
    Equipment,
    /// An ONU that sends out of turn drowns others of its port, whichever.
    Rogue,
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Where {
    /// One way through an element.
    Node(u32),
    /// An element with all its ways.
    Element(ElementIx),
    /// A card: the OLT, and its port's numbers without the last.
    Card(u32, Vec<u16>),
    /// Somewhere on a port of which too little is documented.
    SomeOf(u32),
    /// On a port, from a distance on: metres of the farthest that lives, and of the nearest that does not.
    Beyond { port: u32, from: i32, to: i32 },
    /// Boxes that are near each other.
    Area(Vec<ElementIx>),
}

#[derive(Debug, Clone)]
pub(super) struct Hypothesis {
    pub fault: Fault,
    pub at: Where,
    /// Logarithm of its chance in the window.
    pub prior: f64,
    /// Whom it explains: in order, apart from each other.
    pub runs: Vec<Range<u32>>,
}

impl Hypothesis {
    /// Its gain over "each by itself".
    pub fn score(&self, evidence: &Evidence) -> f64 {
        self.prior + self.runs.iter().map(|run| self.weight(evidence, run)).sum::<f64>()
    }

    /// What it explains of a run.
    pub fn weight(&self, evidence: &Evidence, run: &Range<u32>) -> f64 {
        match self.fault {
            Fault::Cut | Fault::Equipment => evidence.cut(run),
            Fault::Power => evidence.power(run),
            Fault::Rogue => run.clone().map(|row| evidence.own_of(row, Fault::Rogue)).sum(),
        }
    }

    /// Whether a row is one of those.
    pub fn covers(&self, row: u32) -> bool {
        let at = self.runs.partition_point(|run| run.end <= row);
        self.runs.get(at).is_some_and(|run| run.contains(&row))
    }

    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.runs.iter().flat_map(Clone::clone)
    }
}

/// What priors are made from.
pub(super) struct Priors<'a> {
    pub network: &'a Network,
    pub terrain: &'a Terrain,
    pub minutes: f64,
}

impl Priors<'_> {
    fn ln(&self, rate: f64) -> f64 {
        (rate * self.minutes).min(0.5).ln()
    }

    /// What the failure of a node is called, and how likely it is.
    pub fn of_node(&self, node: u32) -> (Fault, f64) {
        let plant = &self.terrain.plant;
        let at = NodeIx::from_number(node);
        let Some(row) = plant.node(at) else { return (Fault::Cut, self.ln(SOME_BRANCH * 10.0)) };
        let rate = match plant.kind_of(at) {
            Some(ElementKind::Pon) => return (Fault::Equipment, self.ln(PORT) + self.laser(node)),
            Some(ElementKind::Slot) => return (Fault::Equipment, self.ln(CARD) + self.lasers(node)),
            Some(ElementKind::Olt) => return (Fault::Equipment, self.ln(CARD / 10.0) + self.lasers(node)),
            Some(ElementKind::Fiber) => {
                let km = plant.stretch(at).map_or(0.0, |[from, to]| (to.get() - from.get()) / 1000.0);
                let container = row.container().and_then(|holder| plant.element(holder)).map(|holder| holder.kind);
                match container {
                    Some(ElementKind::Drop) => DROP,
                    // The cable as a whole is a hypothesis of its own where it has several ways; this is one of its fibres.
                    Some(_) if row.container().is_some_and(|holder| plant.ways(holder).nth(1).is_some()) => {
                        CABLE_KM * km.max(LEAST_KM) * FIBRE_SHARE
                    }
                    _ => CABLE_KM * km.max(LEAST_KM),
                }
            }
            // A box of which nothing else is known: what leads to it is not either.
            Some(ElementKind::Place) => CABLE_KM / 2.0,
            _ => BOX,
        };
        (Fault::Cut, self.ln(rate))
    }

    fn laser(&self, node: u32) -> f64 {
        self.lasers_of(|port| port.node == node)
    }

    fn lasers(&self, node: u32) -> f64 {
        let below = self.terrain.plant.subtree(NodeIx::from_number(node));
        self.lasers_of(|port| below.contains(&(port.node as usize)))
    }

    /// A laser that went dark says that it was the equipment; when all shine, it hardly was. Any that is not known says nothing.
    fn lasers_of(&self, is_one: impl Fn(&PortRows) -> bool) -> f64 {
        let mut said = 0.0;
        for port in self.terrain.ports.iter().filter(|port| is_one(port)) {
            let known =
                self.network.olts.get(port.olt as usize).zip(port.pon).and_then(|(olt, pon)| olt.ports.get(&pon));
            match known {
                Some(port) if port.is_dark => return DARK_LASER.ln(),
                Some(port) if port.launched => said = SHINING_LASER.ln(),
                _ => return 0.0,
            }
        }
        said
    }

    /// A cable that is cut, or a box that is destroyed, with all its ways.
    pub fn of_element(&self, element: ElementIx) -> f64 {
        let plant = &self.terrain.plant;
        match plant.element(element).map(|element| element.kind) {
            Some(ElementKind::Cable) => {
                let stretch = || plant.ways(element).next().and_then(|way| plant.stretch(way));
                let metres = plant.length(element).map(crate::model::Metres::get);
                let metres = metres.or_else(|| stretch().map(|[from, to]| to.get() - from.get())).unwrap_or(0.0);
                self.ln(CABLE_KM * (metres / 1000.0).max(LEAST_KM))
            }
            _ => self.ln(BOX),
        }
    }

    pub fn card(&self, olt: u32, is_on: impl Fn(&PonId) -> bool) -> f64 {
        self.ln(CARD) + self.lasers_of(|port| port.olt == olt && port.pon.as_ref().is_some_and(&is_on))
    }

    /// An ONU of a port that sends out of turn: likelier where the OLT silences one for it.
    pub fn rogue(&self, port: &PortRows) -> f64 {
        let mut onus = port.rows.iter().filter_map(|row| self.network.onu(self.terrain.rows.get(*row as usize)?.spot));
        let is_found = onus.any(|onu| !onu.is_up && onu.cause == Cause::Rogue);
        self.ln(ROGUE) + if is_found { FOUND_ROGUE.ln() } else { 0.0 }
    }

    pub fn outage(&self) -> f64 {
        self.ln(OUTAGE)
    }

    /// Some branch of a port that lost `lost` of `of` ONUs: any such set is one of many. Where most have a place, what they share is
    /// known, and such a branch is hardly one that is not documented.
    pub fn some_of(&self, lost: u32, of: u32, placed: u32) -> f64 {
        let unknown = 1.0 - f64::from(placed) / f64::from(of.max(1));
        let ways: f64 = (0..lost).map(|step| (f64::from(of - step) / f64::from(step + 1)).ln()).sum();
        self.ln(SOME_BRANCH * unknown.max(0.01)) - ways
    }

    /// The same, when they are all those beyond one distance.
    pub fn beyond(&self, of: u32) -> f64 {
        self.ln(SOME_BRANCH * 10.0) - f64::from(of.max(1)).ln()
    }
}
