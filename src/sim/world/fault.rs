//! What can go wrong in a world.

use std::time::Duration;

use super::ground::Ground;
use crate::model::Timestamp;
use crate::sim::plant::{CableIx, CableKind, ClientIx, Index, OltIx, Point, PonIx, SlotIx};

/// How service comes back after a repair: not at once, but piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    /// How many.
    pub count: u32,
    /// Time from one to the next.
    pub every: Duration,
}

impl Pieces {
    /// All at once.
    pub const ONE: Self = Self { count: 1, every: Duration::ZERO };
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A cable is cut. Repaired fibre by fibre: a piece is a run of neighbouring fibres.
    Cut {
        /// Which.
        cable: CableIx,
        /// Metres of glass from its end towards the POP.
        metre: f32,
        /// How its repair goes.
        pieces: Pieces,
    },
    /// A cable is bent or squeezed: all light in it loses.
    Bend {
        /// Which.
        cable: CableIx,
        /// Metres of glass from its end towards the POP.
        metre: f32,
        /// dB at 1490 nm.
        loss: f32,
        /// Time until it is that bad; it grows in eight steps.
        ramp: Duration,
    },
    /// A drop breaks.
    Drop {
        /// Whose.
        client: ClientIx,
    },
    /// The mains fail in an area.
    Power {
        /// Its middle.
        centre: Point,
        /// Metres around it.
        radius: f32,
        /// Share of the houses in it that are hit.
        share: f32,
        /// How the mains come back: a piece is a sector of the area.
        pieces: Pieces,
    },
    /// An OLT loses its power: it is silent, and its clients are dark.
    OltPower {
        /// Which.
        olt: OltIx,
    },
    /// A card fails with all its ports.
    Card {
        /// Which.
        slot: SlotIx,
    },
    /// The transceiver of a port fails.
    Sfp {
        /// Which port's.
        pon: PonIx,
    },
    /// The management of an OLT cannot be reached; its clients are fine.
    Unreachable {
        /// Which.
        olt: OltIx,
    },
    /// An OLT restarts: silent while it boots, then its ONUs come back one by one.
    Reboot {
        /// Which.
        olt: OltIx,
    },
    /// A loose connector: an ONU loses its light again and again.
    Flapping {
        /// Whose.
        client: ClientIx,
        /// Time from one loss to the next.
        every: Duration,
    },
    /// An ONU sends out of turn, and its PON suffers until the OLT has found and silenced it.
    Rogue {
        /// Whose.
        client: ClientIx,
        /// How long the OLT needs.
        found_after: Duration,
    },
    /// Somebody switches off the ONUs of a card.
    Maintenance {
        /// Which.
        slot: SlotIx,
    },
    /// A firmware shows the ONUs' received power in another scale.
    Rescale {
        /// Whose.
        olt: OltIx,
        /// Shown = factor × true + offset, in dBm.
        factor: f32,
        /// dB.
        offset: f32,
    },
}

/// Something that goes wrong at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// When its repair begins; `None`: never.
    pub until: Option<Timestamp>,
}

/// The kinds of [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    /// A cut feeder.
    CutFeeder,
    /// A cut distribution cable behind an even splitter.
    CutDistribution,
    /// A cut in a daisy chain.
    CutChain,
    /// A bend.
    Bend,
    /// A broken drop.
    Drop,
    /// Mains failing in an area.
    Power,
    /// An OLT without power.
    OltPower,
    /// A failed card.
    Card,
    /// A failed transceiver.
    Sfp,
    /// An OLT that cannot be reached.
    Unreachable,
    /// A restart of an OLT.
    Reboot,
    /// A flapping ONU.
    Flapping,
    /// A rogue ONU.
    Rogue,
    /// Maintenance of a card.
    Maintenance,
    /// A column in another scale.
    Rescale,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::CutFeeder,
        Self::CutDistribution,
        Self::CutChain,
        Self::Bend,
        Self::Drop,
        Self::Power,
        Self::OltPower,
        Self::Card,
        Self::Sfp,
        Self::Unreachable,
        Self::Reboot,
        Self::Flapping,
        Self::Rogue,
        Self::Maintenance,
        Self::Rescale,
    ];
}

/// Fewest clients behind a cable that is drawn for a fault: below it nobody would call it a group.
const LEAST_BEHIND: usize = 3;

impl Action {
    /// Draws one of that kind, somewhere on this ground. `None` when the ground has no place for it.
    pub fn draw(sort: Sort, ground: &Ground, rng: &mut fastrand::Rng) -> Option<Self> {
        let plant = ground.plant();
        let client = ClientIx::from_place(rng.usize(..plant.clients.len().max(1)));
        let olt = OltIx::from_place(rng.usize(..plant.olts.len().max(1)));
        let pon = PonIx::from_place(rng.usize(..plant.pons.len().max(1)));
        let slot = SlotIx::from_place(rng.usize(..plant.slots.len().max(1)));
        plant.clients.get(client)?;
        Some(match sort {
            Sort::CutFeeder | Sort::CutDistribution | Sort::CutChain => {
                let cable = draw_cable(Some(sort), ground, rng)?;
                let metre = plant.cables.get(cable)?.length * rng.f32();
                Self::Cut { cable, metre, pieces: Pieces::ONE }
            }
            Sort::Bend => {
                let cable = draw_cable(None, ground, rng)?;
                let metre = plant.cables.get(cable)?.length * rng.f32();
                Self::Bend { cable, metre, loss: 2.0 + rng.f32() * 4.0, ramp: Duration::ZERO }
            }
            Sort::Drop => Self::Drop { client },
            Sort::Power => {
                let centre = plant.clients.get(client)?.house;
                let share = 0.75 + rng.f32() * 0.25;
                Self::Power { centre, radius: 200.0 + rng.f32() * 800.0, share, pieces: Pieces::ONE }
            }
            Sort::OltPower => Self::OltPower { olt },
            Sort::Card => Self::Card { slot },
            Sort::Sfp => Self::Sfp { pon },
            Sort::Unreachable => Self::Unreachable { olt },
            Sort::Reboot => Self::Reboot { olt },
            Sort::Flapping => Self::Flapping { client, every: Duration::from_secs(rng.u64(60..240)) },
            Sort::Rogue => Self::Rogue { client, found_after: Duration::from_secs(rng.u64(30..180)) },
            Sort::Maintenance => Self::Maintenance { slot },
            Sort::Rescale => {
                let (factor, offset) = if rng.bool() { (0.1, 0.0) } else { (1.0, -10.0) };
                Self::Rescale { olt, factor, offset }
            }
        })
    }
}

/// A cable of the kind that is to be cut (any, without one), with at least [`LEAST_BEHIND`] clients behind it.
fn draw_cable(sort: Option<Sort>, ground: &Ground, rng: &mut fastrand::Rng) -> Option<CableIx> {
    let plant = ground.plant();
    let fits: Vec<CableIx> = plant
        .cables
        .iter()
        .filter(|(ix, cable)| {
            let kind = match cable.kind {
                CableKind::Feeder => Sort::CutFeeder,
                CableKind::Distribution if is_chain(ground, *ix) => Sort::CutChain,
                CableKind::Distribution => Sort::CutDistribution,
            };
            sort.is_none_or(|sort| sort == kind) && ground.behind(*ix).len() >= LEAST_BEHIND
        })
        .map(|(ix, _)| ix)
        .collect();
    rng.choice(fits)
}

/// Whether a cable is part of a daisy chain: all light in it comes in one fibre, and serves more than one box.
#[must_use]
pub fn is_chain(ground: &Ground, cable: CableIx) -> bool {
    let behind = ground.behind(cable);
    let Some((_, first)) = behind.first() else { return false };
    let one_fiber = behind.iter().all(|(_, fiber)| fiber == first);
    let place = |client: &ClientIx| {
        let port = ground.plant().clients.get(*client)?.port;
        ground.plant().place_of(port)
    };
    let one_box =
        behind.iter().all(|(client, _)| place(client) == behind.first().and_then(|(client, _)| place(client)));
    let distribution = ground.plant().cables.get(cable).is_some_and(|row| row.kind == CableKind::Distribution);
    distribution && one_fiber && !one_box
}
