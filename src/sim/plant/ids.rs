//! OZmap's identifiers for the plant's things.

use super::model::{CableIx, ClientIx, DioIx, FiberIx, JointIx, OltIx, PlaceIx, PoleIx, PonIx, SlotIx, SplitterIx};

/// A thing of the plant that OZmap knows by an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A POP, closure or CTO.
    Place(PlaceIx),
    /// A feeder or distribution cable.
    Cable(CableIx),
    /// The cable of a client's drop.
    Drop(ClientIx),
    /// A fibre of a cable or drop, or a cord.
    Fiber(FiberIx),
    /// A fusion or passing.
    Joint(JointIx),
    /// A splitter.
    Splitter(SplitterIx),
    /// A patch panel.
    Dio(DioIx),
    /// An OLT.
    Olt(OltIx),
    /// The shelf in which an OLT stands.
    Shelf(OltIx),
    /// A card of an OLT.
    Slot(SlotIx),
    /// A port of a card.
    Pon(PonIx),
    /// A pole.
    Pole(PoleIx),
    /// A subscriber.
    Client(ClientIx),
    /// A subscriber's house.
    Property(ClientIx),
}

impl Entity {
    /// The twelve octets of its identifier. Within a kind they ascend; no two things share one, and none of them is
    /// one that the simulated OZmap gives to things of its own (those have a kind below 0x80).
    #[must_use]
    pub const fn octets(self) -> [u8; 12] {
        let (kind, number) = match self {
            Self::Place(ix) => (0x80, ix.number()),
            Self::Cable(ix) => (0x81, ix.number()),
            Self::Drop(ix) => (0x82, ix.number()),
            Self::Fiber(ix) => (0x83, ix.number()),
            Self::Joint(ix) => (0x84, ix.number()),
            Self::Splitter(ix) => (0x85, ix.number()),
            Self::Dio(ix) => (0x86, ix.number()),
            Self::Olt(ix) => (0x87, ix.number()),
            Self::Shelf(ix) => (0x88, ix.number()),
            Self::Slot(ix) => (0x89, ix.number()),
            Self::Pon(ix) => (0x8a, ix.number()),
            Self::Pole(ix) => (0x8b, ix.number()),
            Self::Client(ix) => (0x8c, ix.number()),
            Self::Property(ix) => (0x8d, ix.number()),
        };
        let [a, b, c, d] = number.to_be_bytes();
        [0x65, 0xa0, 0, 0, 0, 0, 0, kind, a, b, c, d]
    }
}
