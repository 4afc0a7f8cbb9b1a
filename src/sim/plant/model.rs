//! The plant's things, as plain data: every fibre knows its two ends, every joint its fibres.

use super::geometry::Point;
use super::physics::{OnuModel, Ratio, Technology};
use super::table::{Table, index};
use crate::model::{Dbm, Metres, Serial};

index! {
    /// A [`Pole`].
    PoleIx,
    /// A [`Place`].
    PlaceIx,
    /// A [`Cable`].
    CableIx,
    /// A [`Fiber`]. A fibre nearer to the head end always has the smaller number.
    FiberIx,
    /// A [`Joint`].
    JointIx,
    /// A [`Splitter`].
    SplitterIx,
    /// A [`Dio`].
    DioIx,
    /// An [`Olt`].
    OltIx,
    /// A [`Slot`].
    SlotIx,
    /// A [`Pon`].
    PonIx,
    /// A [`Client`].
    ClientIx,
}

/// A whole plant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plant {
    /// Poles that cables hang on.
    pub poles: Table<PoleIx, Pole>,
    /// POPs, closures and CTOs.
    pub places: Table<PlaceIx, Place>,
    /// Feeder and distribution cables; drops belong to their clients.
    pub cables: Table<CableIx, Cable>,
    /// Fibres of cables and drops, and cords.
    pub fibers: Table<FiberIx, Fiber>,
    /// Fusions and passings.
    pub joints: Table<JointIx, Joint>,
    /// Splitters of both stages, and taps.
    pub splitters: Table<SplitterIx, Splitter>,
    /// Patch panels in the POPs.
    pub dios: Table<DioIx, Dio>,
    /// OLTs.
    pub olts: Table<OltIx, Olt>,
    /// Their cards.
    pub slots: Table<SlotIx, Slot>,
    /// The cards' ports.
    pub pons: Table<PonIx, Pon>,
    /// Subscribers, with ONU and house.
    pub clients: Table<ClientIx, Client>,
}

/// A pole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pole {
    /// Where it stands.
    pub at: Point,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A POP, with OLTs and patch panels.
    Pop,
    /// A closure (CEO): joints and first-stage splitters.
    Closure,
    /// A box with drops (CTO).
    Cto,
}

/// A place where fibres end or are joined.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
    /// Its name in OZmap: `CTO 12`.
    pub name: Box<str>,
    /// The pole that it hangs on; a POP stands beside it.
    pub pole: PoleIx,
    /// Where it is.
    pub at: Point,
}

/// What a cable is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CableKind {
    /// From a POP along the closures, with fibres of many PONs.
    Feeder,
    /// From a closure along CTOs.
    Distribution,
}

/// A cable between two places.
#[derive(Debug, Clone, PartialEq)]
pub struct Cable {
    /// Its name in OZmap: `CABO 01`.
    pub name: Box<str>,
    /// What it is for.
    pub kind: CableKind,
    /// The end towards the POP.
    pub a: PlaceIx,
    /// The other end.
    pub b: PlaceIx,
    /// The poles that it hangs on from `a` to `b`, both included.
    pub poles: Box<[PoleIx]>,
    /// Metres that are coiled up at its ends, as documented.
    pub reserve: f32,
    /// Metres as OZmap has them: along the poles, with the reserve. Whole centimetres.
    pub documented_length: f32,
    /// Metres of glass.
    pub length: f32,
    /// Its first fibre; the others follow.
    pub first_fiber: FiberIx,
    /// How many fibres it has, used or dark.
    pub fiber_count: u16,
}

/// What a fibre lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FiberParent {
    /// A cable.
    Cable(CableIx),
    /// The drop of this client.
    Drop(ClientIx),
    /// Nothing: a cord inside of this place.
    Cord(PlaceIx),
}

/// What one end of a fibre is plugged or spliced into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A port of an OLT.
    Pon(PonIx),
    /// The side of a patch panel that faces the OLTs, and the port from 0 on.
    DioInput(DioIx, u16),
    /// The side of a patch panel that faces the street, and the port from 0 on.
    DioOutput(DioIx, u16),
    /// A fusion or passing.
    Joint(JointIx),
    /// A splitter's input.
    SplitterInput(SplitterIx),
    /// A splitter's output, from 0 on.
    SplitterOutput(SplitterIx, u8),
    /// The ONU in a client's house.
    House(ClientIx),
}

/// A fibre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fiber {
    /// What it lies in.
    pub parent: FiberParent,
    /// Its number in there, from 1 on.
    pub number: u16,
    /// What its ends are joined to: first the one towards the POP. `None`: that end is free, the fibre dark.
    pub ends: [Option<End>; 2],
}

/// How two fibres meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JointKind {
    /// Spliced.
    Fusion,
    /// Not cut: the fibre passes through the place from one cable segment to the next.
    Passing,
}

/// Two fibres that meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Joint {
    /// How.
    pub kind: JointKind,
    /// Where.
    pub place: PlaceIx,
    /// The fibre towards the POP, and the other one.
    pub fibers: [FiberIx; 2],
    /// Its true loss in dB.
    pub loss: f32,
    /// Whether somebody entered it in OZmap.
    pub documented: bool,
}

/// An output of a splitter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Output {
    /// The fibre that is on it in truth.
    pub fiber: Option<FiberIx>,
    /// The fibre that OZmap shows on it.
    pub documented: Option<FiberIx>,
    /// Its true loss in dB.
    pub loss: f32,
}

/// A splitter.
#[derive(Debug, Clone, PartialEq)]
pub struct Splitter {
    /// Where it is.
    pub place: PlaceIx,
    /// Its number in there, from 1 on: `Splitter 1`.
    pub number: u8,
    /// How it divides.
    pub ratio: Ratio,
    /// The fibre on its input.
    pub input: FiberIx,
    /// Its outputs.
    pub outputs: Box<[Output]>,
    /// Whether drops hang on it (`isDrop`).
    pub serves_clients: bool,
}

/// A patch panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Dio {
    /// The POP that it stands in.
    pub place: PlaceIx,
    /// Its name: `DIO 1`.
    pub name: Box<str>,
    /// The cords to the OLTs, by port.
    pub inputs: Box<[Option<FiberIx>]>,
    /// The feeder's fibres, by port.
    pub outputs: Box<[Option<FiberIx>]>,
    /// True loss of each port in dB: two connectors and the pigtail's splice.
    pub losses: Box<[f32]>,
}

/// An OLT.
#[derive(Debug, Clone, PartialEq)]
pub struct Olt {
    /// The POP that it stands in.
    pub place: PlaceIx,
    /// Its name: `olt-centro-1`.
    pub name: Box<str>,
    /// Which of [`super::PlantOptions::families`] it is.
    pub family: u16,
}

/// A card of an OLT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The OLT that it stands in.
    pub olt: OltIx,
    /// Its number, from 1 on.
    pub number: u16,
}

/// A port of a card.
#[derive(Debug, Clone, PartialEq)]
pub struct Pon {
    /// Its card.
    pub slot: SlotIx,
    /// Its OLT.
    pub olt: OltIx,
    /// Its number on the card, from 0 on.
    pub number: u16,
    /// Its place among all ports of the OLT, from 0 on.
    pub place: u32,
    /// What it speaks.
    pub technology: Technology,
    /// True launch power.
    pub launch: Dbm,
    /// The launch power in OZmap; 0 where nobody entered it.
    pub potency: Dbm,
    /// The cord to the patch panel.
    pub cord: FiberIx,
}

/// A port for a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// The splitter.
    pub splitter: SplitterIx,
    /// Its output, from 0 on.
    pub output: u8,
}

/// What OZmap says of a client's connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Documented {
    /// The port that the drop is connected to; `None`: there is no connection.
    pub port: Option<Port>,
    /// The box of the property. A property without a connection may still name one.
    pub place: Option<PlaceIx>,
    /// Metres of the drop from that box.
    pub drop_length: f32,
    /// Whether the client has the ONU's serial.
    pub serial: bool,
}

/// A subscriber.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// The PON that its light comes from in truth.
    pub pon: PonIx,
    /// The ONU's number on the PON, from 1 on.
    pub onu: u16,
    /// The port that the drop is on in truth.
    pub port: Port,
    /// The drop's fibre.
    pub drop: FiberIx,
    /// Metres of glass in the drop.
    pub drop_length: f32,
    /// True loss of the drop's connectors in dB.
    pub drop_loss: f32,
    /// Where the house is.
    pub house: Point,
    /// Its code in OZmap.
    pub code: u32,
    /// Draws the client's name.
    pub person: u16,
    /// Its ONU's model: the place in [`OnuModel::ALL`].
    pub model: u8,
    /// The number of the ONU's serial.
    pub serial_number: u32,
    /// How likely its dying gasp arrives.
    pub gasp: f32,
    /// dB that the received power of this ONU reads off, fixed (±3 dB by SFF-8472, `domain.md` 1.1).
    pub rx_bias: f32,
    /// The same of what the OLT reads of it.
    pub olt_rx_bias: f32,
    /// What its laser launches, in dBm.
    pub tx: f32,
    /// What OZmap says.
    pub documented: Documented,
}

/// First and last names for clients.
const FIRST_NAMES: [&str; 16] = [
    "Maria", "João", "Ana", "José", "Carla", "Pedro", "Lúcia", "Rafael", "Beatriz", "Tiago", "Sofia", "Mateus", "Inês",
    "Paulo", "Célia", "Davi",
];
const LAST_NAMES: [&str; 16] = [
    "Silva", "Souza", "Lima", "Araújo", "Costa", "Ramos", "Pereira", "Nunes", "Melo", "Rocha", "Dias", "Prado", "Sá",
    "Moraes", "Teixeira", "Brandão",
];

impl Client {
    /// The name of the subscriber.
    #[must_use]
    pub fn name(&self) -> String {
        let pick = |names: &[&'static str; 16], by: u16| names.get(usize::from(by % 16)).copied().unwrap_or_default();
        format!("{} {}", pick(&FIRST_NAMES, self.person), pick(&LAST_NAMES, self.person / 16))
    }

    /// What its ONU is.
    #[must_use]
    pub fn onu_model(&self) -> &'static OnuModel {
        OnuModel::at(self.model)
    }

    /// The serial of its ONU, as the OLT shows it.
    #[must_use]
    pub fn serial(&self) -> Option<Serial> {
        format!("{}{:08X}", self.onu_model().vendor, self.serial_number).parse().ok()
    }
}

impl Plant {
    /// Gives a port the number that its OLT shows.
    pub(in crate::sim) fn number_port(&mut self, pon: PonIx, number: u16) {
        if let Some(row) = self.pons.get_mut(pon) {
            row.number = number;
        }
    }

    /// The place of a splitter's port.
    #[must_use]
    pub fn place_of(&self, port: Port) -> Option<PlaceIx> {
        self.splitters.get(port.splitter).map(|splitter| splitter.place)
    }

    /// The OLT that a client hangs on in truth.
    #[must_use]
    pub fn olt_of(&self, client: &Client) -> Option<OltIx> {
        self.pons.get(client.pon).map(|pon| pon.olt)
    }

    /// Metres of glass of a fibre.
    #[must_use]
    pub fn length(&self, fiber: &Fiber) -> f32 {
        match fiber.parent {
            FiberParent::Cable(cable) => self.cables.get(cable).map_or(0.0, |cable| cable.length),
            FiberParent::Drop(client) => self.clients.get(client).map_or(0.0, |client| client.drop_length),
            FiberParent::Cord(_) => 0.0,
        }
    }

    /// Metres of a fibre as documented.
    #[must_use]
    pub fn documented_length(&self, fiber: &Fiber) -> Metres {
        let metres = match fiber.parent {
            FiberParent::Cable(cable) => self.cables.get(cable).map_or(0.0, |cable| cable.documented_length),
            FiberParent::Drop(client) => self.clients.get(client).map_or(0.0, |client| client.documented.drop_length),
            FiberParent::Cord(_) => 0.0,
        };
        Metres::new(f64::from(metres)).unwrap_or(Metres::from_thousandths(0))
    }

    /// The name of a fibre as OZmap has it: `L1-F6`, six or twelve fibres to a loose tube.
    #[must_use]
    pub fn fiber_name(&self, fiber: &Fiber) -> String {
        let in_cable = match fiber.parent {
            FiberParent::Cable(cable) => self.cables.get(cable).map_or(1, |cable| cable.fiber_count),
            FiberParent::Drop(_) | FiberParent::Cord(_) => 1,
        };
        let in_loose = if in_cable > 24 { 12 } else { 6 };
        let before = fiber.number.saturating_sub(1);
        format!("L{}-F{}", before / in_loose + 1, before % in_loose + 1)
    }

    /// The point of a cable at so many metres of glass from its end towards the POP.
    #[must_use]
    pub fn point_at(&self, cable: &Cable, metres: f32) -> Option<Point> {
        let part = if cable.length > 0.0 { (metres / cable.length).clamp(0.0, 1.0) } else { 0.0 };
        let poles: Vec<Point> =
            cable.poles.iter().filter_map(|pole| self.poles.get(*pole)).map(|pole| pole.at).collect();
        let total: f32 = poles.windows(2).filter_map(|pair| Some(pair.first()?.distance(*pair.last()?))).sum();
        let mut left = part * total;
        for pair in poles.windows(2) {
            let (from, to) = (pair.first()?, pair.last()?);
            let span = from.distance(*to);
            if left <= span {
                return Some(from.towards(*to, if span > 0.0 { left / span } else { 0.0 }));
            }
            left -= span;
        }
        poles.last().copied()
    }

    pub(super) fn shrink(&mut self) {
        self.poles.shrink();
        self.places.shrink();
        self.cables.shrink();
        self.fibers.shrink();
        self.joints.shrink();
        self.splitters.shrink();
        self.clients.shrink();
    }
}
