//! The power that should arrive, and who deviates from it.

use serde::Serialize;

use super::graph::{ClientIx, ElementIx, ElementKind, NONE, Node, NodeIx, Plant};
use crate::model::{Dbm, Decibels, Metres};

/// Fewest readings that the launch power of a PON is estimated from.
const ENOUGH: usize = 5;

/// An estimate that may be off by more than this is none.
const MOST_UNSURE: Decibels = Decibels::from_thousandths(1_500);

/// What a median absolute deviation is multiplied by to stand for a standard deviation (of a normal distribution).
pub(super) const MAD_TO_SIGMA: f64 = 1.4826;

/// A median of n readings is off by no more than this times sigma / sqrt(n) with a chance of 95 %: 1.96 times sqrt(pi / 2).
const MEDIAN_95: f64 = 2.456;

/// Receivers of ONUs read each their own way (SFF-8472 allows 3 dB): that some agree better than this, in dB, is chance.
const LEAST_SIGMA: f64 = 0.5;

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

    /// The length of a client's documented way, from the OLT to its house. `None` when that reaches no PON.
    #[must_use]
    pub fn route_length(&self, client: ClientIx) -> Option<Metres> {
        let node = self.node_of(client).filter(|_| self.pon_reached(client))?;
        self.node(node).map(Node::distance)
    }

    /// The box that a client hangs at: the nearest place towards the head end.
    #[must_use]
    pub fn box_of(&self, client: ClientIx) -> Option<ElementIx> {
        self.upwards(self.node_of(client)?).find_map(|node| {
            let container = self.node(node)?.container()?;
            (self.element(container)?.kind == ElementKind::Place).then_some(container)
        })
    }

    /// The splitter that a client's drop comes from, and the port on it, from 1 on. `None` without a route of its own.
    #[must_use]
    pub fn splitter_of(&self, client: ClientIx) -> Option<(ElementIx, u16)> {
        if self.attachment(client) != super::Attachment::Route {
            return None;
        }
        self.upwards(self.node_of(client)?).find_map(|node| {
            let node = self.node(node)?;
            Some((node.element(), node.port()?))
        })
    }
}

/// Where a PON's launch power is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaunchSource {
    /// Somebody entered it in OZmap.
    Entered,
    /// From what its ONUs read.
    Estimated,
}

impl LaunchSource {
    /// One word, as in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Estimated => "estimated",
        }
    }
}

/// The power that a PON launches, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launch {
    /// The power.
    pub power: Dbm,
    /// Where it is known from.
    pub source: LaunchSource,
    /// Readings that an estimate is made from; 0 where it was entered.
    pub readings: u32,
    /// An estimate is off by no more than this with a chance of 95 %; `None` where it was entered.
    pub within: Option<Decibels>,
}

/// What the ONUs of a PON say of its launch power: read power and losses together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// The median.
    pub median: Dbm,
    /// How far readings usually lie from it: their median absolute deviation as a standard deviation.
    pub spread: Decibels,
    /// How many readings.
    pub readings: u32,
    /// The median is off by no more than this with a chance of 95 %.
    pub within: Decibels,
}

impl Learned {
    /// From sums of read power and losses. `None` from fewer than five.
    fn of(mut sums: Vec<i32>) -> Option<Self> {
        if sums.len() < ENOUGH {
            return None;
        }
        let median = median(&mut sums)?;
        let mut off: Vec<i32> = sums.iter().map(|sum| sum.saturating_sub(median).saturating_abs()).collect();
        let readings = u32::try_from(sums.len()).unwrap_or(u32::MAX);
        let sigma = f64::from(self::median(&mut off)?) / 1000.0 * MAD_TO_SIGMA;
        Some(Self {
            median: Dbm::from_thousandths(median),
            spread: Decibels::new(sigma).ok()?,
            readings,
            within: Decibels::new(MEDIAN_95 * sigma.max(LEAST_SIGMA) / f64::from(readings).sqrt()).ok()?,
        })
    }
}

/// The middle of some numbers; of an even count, the upper of the two in the middle.
fn median(numbers: &mut [i32]) -> Option<i32> {
    let middle = numbers.len() / 2;
    (!numbers.is_empty()).then(|| *numbers.select_nth_unstable(middle).1)
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

/// What the readings of ONUs say of their PONs' launch powers: it stands for those that nobody entered, and shows those that were entered
/// wrong. Medians, so that up to half of a PON may be documented wrong, or have faults.
#[derive(Debug, Clone, Default)]
pub struct PowerOffsets {
    /// Sorted by PON.
    learned: Vec<(NodeIx, Learned)>,
}

impl PowerOffsets {
    /// From readings. A PON with fewer than five of them teaches nothing.
    #[must_use]
    pub fn learn(plant: &Plant, readings: impl IntoIterator<Item = (ClientIx, Dbm)>) -> Self {
        let mut sums: Vec<(NodeIx, i32)> = readings
            .into_iter()
            .filter_map(|(client, read)| {
                let loss = plant.loss_of(client)?.thousandths();
                Some((plant.pon_of(client)?, read.thousandths().saturating_add(loss)))
            })
            .collect();
        sums.sort_unstable();
        let learned = sums
            .chunk_by(|one, other| one.0 == other.0)
            .filter_map(|of_pon| {
                let (pon, _) = of_pon.first()?;
                Some((*pon, Learned::of(of_pon.iter().map(|(_, sum)| *sum).collect())?))
            })
            .collect();
        Self { learned }
    }

    /// The launch power of a PON: the one that was entered, else the estimate, unless that may be off by more than 1.5 dB.
    #[must_use]
    pub fn launch(&self, plant: &Plant, pon: NodeIx) -> Option<Launch> {
        if let Some(power) = plant.launch(pon) {
            return Some(Launch { power, source: LaunchSource::Entered, readings: 0, within: None });
        }
        let learned = self.learned(pon).filter(|learned| learned.within <= MOST_UNSURE)?;
        Some(Launch {
            power: learned.median,
            source: LaunchSource::Estimated,
            readings: learned.readings,
            within: Some(learned.within),
        })
    }

    /// The power that should arrive at a client, by the launch power that was entered or estimated. `None` when its route reaches no PON.
    #[must_use]
    pub fn expected(&self, plant: &Plant, client: ClientIx) -> Option<Dbm> {
        let pon = plant.pon_of(client)?;
        Some(self.launch(plant, pon)?.power - plant.loss_of(client)?)
    }

    /// What readings say of a PON, whether somebody entered its launch power or not.
    #[must_use]
    pub fn learned(&self, pon: NodeIx) -> Option<Learned> {
        let found = self.learned.binary_search_by_key(&pon, |(pon, _)| *pon).ok()?;
        self.learned.get(found).map(|(_, learned)| *learned)
    }

    /// How a reading compares; `None` when nothing is expected.
    #[must_use]
    pub fn deviation(&self, plant: &Plant, client: ClientIx, measured: Dbm) -> Option<Deviation> {
        let expected = self.expected(plant, client)?;
        Some(Deviation { client, measured, expected, by: measured - expected })
    }
}
