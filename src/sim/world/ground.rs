//! What does not change while a world runs: the plant, who is behind what, and each client's loss and distance.

use std::ops::Range;

use crate::sim::plant::{CableIx, ClientIx, Element, FiberIx, FiberParent, Index, OltIx, Plant, PonIx, SlotIx, View};

/// A client's light path in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// dB from the OLT to the ONU.
    pub(super) down: f32,
    /// dB from the ONU to the OLT.
    pub(super) up: f32,
    /// Metres of glass.
    pub(super) metres: f32,
}

/// A plant with the indexes that a world needs. Many worlds can stand on one.
#[derive(Debug, Clone)]
pub struct Ground {
    plant: Plant,
    ways: Vec<Way>,
    /// Of each cable: where its clients stand in `behind`.
    cables: Vec<Range<usize>>,
    behind: Vec<(ClientIx, FiberIx)>,
    pons: Vec<Vec<ClientIx>>,
}

impl Ground {
    /// Walks all paths once.
    #[must_use]
    pub fn new(plant: Plant) -> Self {
        let mut ways = Vec::with_capacity(plant.clients.len());
        let mut rows: Vec<(CableIx, ClientIx, FiberIx)> = Vec::new();
        let mut pons = vec![Vec::new(); plant.pons.len()];
        for (ix, client) in plant.clients.iter() {
            let path = plant.path(client, View::True);
            let waves = plant.pons.get(client.pon).map(|pon| (pon.technology.downstream(), pon.technology.upstream()));
            let mut way = Way { down: 0.0, up: 0.0, metres: 0.0 };
            for element in path {
                if let Some((down, up)) = waves {
                    way.down += plant.true_loss(element, down);
                    way.up += plant.true_loss(element, up);
                }
                if let Element::Fiber(fiber) = element
                    && let Some(row) = plant.fibers.get(fiber)
                {
                    way.metres += plant.length(row);
                    if let FiberParent::Cable(cable) = row.parent {
                        rows.push((cable, ix, fiber));
                    }
                }
            }
            ways.push(way);
            if let Some(list) = pons.get_mut(client.pon.place()) {
                list.push(ix);
            }
        }
        rows.sort_unstable();
        let mut cables = vec![0..0; plant.cables.len()];
        for (place, (cable, ..)) in rows.iter().enumerate() {
            if let Some(range) = cables.get_mut(cable.place()) {
                let start = if range.start == range.end { place } else { range.start };
                *range = start..place + 1;
            }
        }
        let behind = rows.into_iter().map(|(_, client, fiber)| (client, fiber)).collect();
        Self { plant, ways, cables, behind, pons }
    }

    /// The plant.
    #[must_use]
    pub const fn plant(&self) -> &Plant {
        &self.plant
    }

    /// Who gets their light through a cable, with the fibre that it comes in.
    #[must_use]
    pub fn behind(&self, cable: CableIx) -> &[(ClientIx, FiberIx)] {
        self.cables.get(cable.place()).and_then(|range| self.behind.get(range.clone())).unwrap_or_default()
    }

    /// Whether two cables have the same clients behind them: then no reading can tell a cut of the one from a cut of
    /// the other.
    #[must_use]
    pub fn look_alike(&self, one: CableIx, other: CableIx) -> bool {
        let clients = |cable| self.behind(cable).iter().map(|(client, _)| *client);
        one == other || clients(one).eq(clients(other))
    }

    /// The clients of a PON.
    #[must_use]
    pub fn on_pon(&self, pon: PonIx) -> &[ClientIx] {
        self.pons.get(pon.place()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The ports of a card.
    pub fn pons_of_slot(&self, slot: SlotIx) -> impl Iterator<Item = PonIx> {
        self.plant.pons.iter().filter(move |(_, pon)| pon.slot == slot).map(|(ix, _)| ix)
    }

    /// The ports of an OLT, in their order.
    pub fn pons_of(&self, olt: OltIx) -> impl Iterator<Item = PonIx> {
        self.plant.pons.iter().filter(move |(_, pon)| pon.olt == olt).map(|(ix, _)| ix)
    }

    /// The clients of an OLT, port by port.
    pub fn on_olt(&self, olt: OltIx) -> impl Iterator<Item = ClientIx> {
        self.pons_of(olt).flat_map(|pon| self.on_pon(pon).iter().copied())
    }

    /// Metres of glass between the OLT and a client.
    #[must_use]
    pub fn metres_to(&self, client: ClientIx) -> f32 {
        self.ways.get(client.place()).map_or(0.0, |way| way.metres)
    }

    /// Metres of glass between the OLTs and the near end of a cable.
    #[must_use]
    pub fn metres_before(&self, cable: CableIx) -> Option<f32> {
        let (_, fiber) = self.behind(cable).first()?;
        let mut metres = 0.0;
        let mut at = *fiber;
        while let Some((_, Some(above))) =
            self.plant.fibers.get(at).and_then(|row| self.plant.upstream(row, View::True))
        {
            if let Some(row) = self.plant.fibers.get(above) {
                metres += self.plant.length(row);
            }
            at = above;
        }
        Some(metres)
    }

    pub(super) fn way(&self, client: ClientIx) -> Option<Way> {
        self.ways.get(client.place()).copied()
    }
}
