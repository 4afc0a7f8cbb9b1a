//! What a perfect operations centre would say of a fault.

use crate::model::Timestamp;
use crate::sim::plant::{CableIx, ClientIx, OltIx, PlaceIx, Plant, Point, PonIx, SlotIx};

/// What kind of fault it is. The words are those of incidents (`interface.md`), and two more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TruthKind {
    /// A cut cable.
    Cut,
    /// A power outage of an area.
    Power,
    /// A port, card or ONU that misbehaves.
    Equipment,
    /// A client's own drop.
    Drop,
    /// A cable that lets less light through.
    Degradation,
    /// An OLT that does not answer, for whatever reason.
    OltUnreachable,
    /// Values that are wrong though the network is fine.
    DataQuality,
    /// Work that somebody does on purpose: nothing is to be reported.
    Maintenance,
}

impl TruthKind {
    /// Its word, as incidents have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Power => "power",
            Self::Equipment => "equipment",
            Self::Drop => "drop",
            Self::Degradation => "degradation",
            Self::OltUnreachable => "olt_unreachable",
            Self::DataQuality => "data_quality",
            Self::Maintenance => "maintenance",
        }
    }
}

/// Where a fault is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spot {
    /// In a cable.
    Cable {
        /// Which.
        cable: CableIx,
        /// Its end towards the POP.
        from: PlaceIx,
        /// Its other end.
        to: PlaceIx,
        /// Metres of glass from the OLTs to the fault.
        metres: f32,
        /// Where that is on the map.
        at: Point,
    },
    /// In a client's drop, or its house.
    Client(ClientIx),
    /// A circle on the map.
    Area {
        /// Its middle.
        centre: Point,
        /// Metres around it.
        radius: f32,
    },
    /// An OLT.
    Olt(OltIx),
    /// A card.
    Slot(SlotIx),
    /// A port.
    Pon(PonIx),
}

/// A fault as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// What.
    pub kind: TruthKind,
    /// Where.
    pub spot: Spot,
    /// Since when.
    pub from: Timestamp,
    /// When its repair begins; `None`: never.
    pub until: Option<Timestamp>,
    /// Who is hit by it at once or later: loses service, or light, or shows wrong values.
    pub clients: Vec<ClientIx>,
}

impl Truth {
    /// It in a sentence for people.
    #[must_use]
    pub fn describe(&self, plant: &Plant) -> String {
        let what = match self.kind {
            TruthKind::Cut => "a cable is cut",
            TruthKind::Power => "the mains fail",
            TruthKind::Equipment => "equipment fails",
            TruthKind::Drop => "a drop is broken or loose",
            TruthKind::Degradation => "a cable lets less light through",
            TruthKind::OltUnreachable => "an OLT does not answer",
            TruthKind::DataQuality => "an OLT shows wrong values",
            TruthKind::Maintenance => "somebody works on an OLT",
        };
        let clients = match self.clients.len() {
            0 => "no client is hit".to_owned(),
            1 => "1 client is hit".to_owned(),
            count => format!("{count} clients are hit"),
        };
        format!("{what}: {}; {clients}", self.spot.describe(plant).unwrap_or_default())
    }
}

impl Spot {
    fn describe(&self, plant: &Plant) -> Option<String> {
        let olt = |olt| plant.olts.get(olt).map_or("", |olt| &*olt.name);
        Some(match *self {
            Self::Cable { cable, from, to, metres, .. } => {
                let place = |place| plant.places.get(place).map_or("", |place| &*place.name);
                let name = &plant.cables.get(cable)?.name;
                format!("{name} between {} and {}, {metres:.0} m from the OLT", place(from), place(to))
            }
            Self::Client(client) => format!("client {}", plant.clients.get(client)?.code),
            Self::Area { centre, radius } => {
                let coords = centre.coords();
                format!("within {radius:.0} m of {:.5}, {:.5}", coords.lat, coords.lng)
            }
            Self::Olt(ix) => olt(ix).to_owned(),
            Self::Slot(ix) => {
                let slot = plant.slots.get(ix)?;
                format!("card {} of {}", slot.number, olt(slot.olt))
            }
            Self::Pon(ix) => {
                let pon = plant.pons.get(ix)?;
                let card = plant.slots.get(pon.slot)?.number;
                format!("port {} of card {card} of {}", pon.number, olt(pon.olt))
            }
        })
    }
}
