//! The power that should arrive, and who deviates from it.

use super::graph::{ClientIx, NONE, NodeIx, Plant};
use crate::model::{Dbm, Decibels};

/// Fewest readings that an offset of a PON is made from.
const ENOUGH: usize = 5;

impl Plant {
    /// The sum of losses on a client's way, where its route gives one.
    #[must_use]
    pub fn loss_of(&self, client: ClientIx) -> Option<Decibels> {
        let client = self.clients.get(client.number())?;
        (client.node != NONE && client.loss != i32::MIN).then(|| Decibels::from_thousandths(client.loss))
    }

    /// The power that should arrive at a client: launch power without losses. `None` when its route reaches no PON, or nobody entered the
    /// launch power (`ozmap-api.md` 6.4).
    #[must_use]
    pub fn calculated(&self, client: ClientIx) -> Option<Dbm> {
        Some(self.launch(self.pon_of(client)?)? - self.loss_of(client)?)
    }

    /// The PON that a client's route reaches.
    #[must_use]
    pub fn pon_of(&self, client: ClientIx) -> Option<NodeIx> {
        self.pon_above(self.node_of(client)?).filter(|_| self.pon_reached(client))
    }
}

/// How one client's reading compares with its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// Whose.
    pub client: ClientIx,
    /// What is read.
    pub measured: Dbm,
    /// What should arrive.
    pub expected: Dbm,
    /// Read less expected: negative when too little arrives.
    pub by: Decibels,
}

/// What stands for the launch power of PONs of which nobody entered it: the median of (read + losses) over their clients.
#[derive(Debug, Clone, Default)]
pub struct PowerOffsets {
    /// Sorted by PON.
    launch: Vec<(NodeIx, Dbm)>,
}

impl PowerOffsets {
    /// From readings. A PON with fewer than five of them has no offset, and neither has one of which the launch power is entered.
    #[must_use]
    pub fn learn(plant: &Plant, readings: impl IntoIterator<Item = (ClientIx, Dbm)>) -> Self {
        let mut sums: Vec<(NodeIx, i32)> = readings
            .into_iter()
            .filter_map(|(client, read)| {
                let pon = plant.pon_of(client).filter(|pon| plant.launch(*pon).is_none())?;
                Some((pon, read.thousandths().saturating_add(plant.loss_of(client)?.thousandths())))
            })
            .collect();
        sums.sort_unstable();
        let launch = sums
            .chunk_by(|one, other| one.0 == other.0)
            .filter(|of_pon| of_pon.len() >= ENOUGH)
            .filter_map(|of_pon| of_pon.get(of_pon.len() / 2).map(|(pon, sum)| (*pon, Dbm::from_thousandths(*sum))))
            .collect();
        Self { launch }
    }

    /// The power that should arrive at a client, by the launch power that was entered or learned.
    #[must_use]
    pub fn expected(&self, plant: &Plant, client: ClientIx) -> Option<Dbm> {
        let pon = plant.pon_of(client)?;
        let learned = || self.learned(pon);
        Some(plant.launch(pon).or_else(learned)? - plant.loss_of(client)?)
    }

    /// What was learned for a PON.
    #[must_use]
    pub fn learned(&self, pon: NodeIx) -> Option<Dbm> {
        let found = self.launch.binary_search_by_key(&pon, |(pon, _)| *pon).ok()?;
        self.launch.get(found).map(|(_, launch)| *launch)
    }

    /// How a reading compares; `None` when nothing is expected.
    #[must_use]
    pub fn deviation(&self, plant: &Plant, client: ClientIx, measured: Dbm) -> Option<Deviation> {
        let expected = self.expected(plant, client)?;
        Some(Deviation { client, measured, expected, by: measured - expected })
    }
}
