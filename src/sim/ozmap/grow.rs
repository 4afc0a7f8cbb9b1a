//! A plant for clients that come one after the other: sixteen to a box, four boxes to a PON, sixteen PONs to a
//! feeder and a slot, sixteen slots to an OLT and a POP.
//!
//! ```text
//! PON ─cord─ DIO ─feeder─ CEO (passing) ─feeder─ CEO (fusion) ─ CEO (splitter 1:4) ─ CTO (splitter 1:16) ─ drop
//!                              sixteen fibres                     four cables            sixteen drops
//! ```

use super::elements::BASE_LOSS;
use super::filter::distance;
use super::model::{IdKind, ObjectId};
use super::plant::{JointKind, NewPlace, PlaceKind, Plant};
use crate::model::{Dbm, Decibels, Metres};

/// Clients on a splitter of a box.
const PORTS: u32 = 16;
/// Boxes of a PON.
const BOXES: u32 = 4;
/// PONs of a feeder, its fibres.
const FEEDER: u16 = 16;
/// PONs of a slot, and slots of an OLT.
const SLOT: u32 = 16;

/// Launch power, dBm.
const LAUNCH: Dbm = Dbm::from_thousandths(4_000);

const SPLITTER_4: Decibels = Decibels::from_thousandths(7_300);
const SPLITTER_16: Decibels = Decibels::from_thousandths(13_700);
const FUSION: Decibels = Decibels::from_thousandths(50);
const PATCH: Decibels = Decibels::from_thousandths(250);
const NOTHING: Decibels = Decibels::from_thousandths(0);

/// Where a house is connected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Socket {
    pub(super) box_id: ObjectId,
    pub(super) pole: ObjectId,
    pub(super) splitter: ObjectId,
    /// Counted from 1.
    pub(super) port: u32,
    pub(super) drop: ObjectId,
    pub(super) fiber: ObjectId,
    /// What arrives there as physics has it, whatever is documented of the PON.
    pub(super) arriving: Dbm,
}

/// Grows a plant.
#[derive(Debug)]
pub(super) struct Grower {
    pub(super) plant: Plant,
    project: ObjectId,
    connected: u32,
    /// The box of today, its splitter, and the loss up to its input.
    cto: Option<(ObjectId, ObjectId, Decibels)>,
    /// The closure with the PON's first splitter, that splitter, and the loss up to its input.
    ceo: Option<(ObjectId, ObjectId, Decibels)>,
    /// The closure where the feeder ends, its first fibre, and the loss up to it.
    hub: Option<(ObjectId, ObjectId, Decibels)>,
    pop: Option<ObjectId>,
    olt: Option<ObjectId>,
    slot: Option<ObjectId>,
    dio: Option<ObjectId>,
}

/// The length of a cable along streets, and its loss, each rounded to what OZmap shows.
fn along(from: (f64, f64), to: (f64, f64)) -> (Metres, Decibels) {
    let metres = (distance(from, to) * 1.2 + 5.0).round();
    let length = Metres::new(metres).unwrap_or(Metres::from_thousandths(0));
    (length, Decibels::new(length.get() / 1000.0 * BASE_LOSS).unwrap_or(NOTHING))
}

fn sum(losses: &[Decibels]) -> Decibels {
    Decibels::from_thousandths(losses.iter().map(|loss| loss.thousandths()).fold(0, i32::saturating_add))
}

/// A cable's far end: its coordinates, its first fibre, and its loss.
struct Laid {
    to: ObjectId,
    fiber: ObjectId,
    loss: Decibels,
}

impl Grower {
    /// Continues a plant.
    pub(super) fn new(plant: Plant, project: ObjectId) -> Self {
        Self {
            plant,
            project,
            connected: 0,
            cto: None,
            ceo: None,
            hub: None,
            pop: None,
            olt: None,
            slot: None,
            dio: None,
        }
    }

    /// Connects the next house.
    pub(super) fn connect(&mut self, house: ObjectId, at: (f64, f64)) -> Socket {
        let (index, port) = (self.connected / PORTS, self.connected % PORTS + 1);
        self.connected += 1;
        let (cto, splitter, loss) = match self.cto.filter(|_| port > 1) {
            Some(cto) => cto,
            None => self.add_cto(index, at),
        };
        let place = self.plant.place(cto).map_or((at, cto), |place| (place.coords, place.pole));
        let (length, drop_loss) = along(place.0, at);
        let drop = self.plant.add_cable(None, [cto, house], length, drop_loss, 1);
        let fiber = self.plant.add_strand(drop, 1);
        self.plant.lead_out(splitter, usize::try_from(port).unwrap_or(1), fiber);
        let arriving = LAUNCH - sum(&[loss, SPLITTER_16, drop_loss]);
        Socket { box_id: cto, pole: place.1, splitter, port, drop, fiber, arriving }
    }

    fn closure(&mut self, name: String, level: u8, at: (f64, f64)) -> ObjectId {
        self.plant.add_place(NewPlace {
            kind: PlaceKind::Box,
            name,
            coords: at,
            level,
            project: self.project,
            pole: None,
        })
    }

    fn lay(&mut self, name: String, from: ObjectId, to: ObjectId, fibers: u16) -> Laid {
        let at = |id| self.plant.place(id).map_or((0.0, 0.0), |place| place.coords);
        let (length, loss) = along(at(from), at(to));
        let cable = self.plant.add_cable(Some(name), [from, to], length, loss, fibers);
        let fiber = self.plant.add_strand(cable, 1);
        for number in 2..=fibers {
            self.plant.add_strand(cable, number);
        }
        Laid { to, fiber, loss }
    }

    /// A box and its splitter, on a cable from the PON's first splitter.
    fn add_cto(&mut self, index: u32, at: (f64, f64)) -> (ObjectId, ObjectId, Decibels) {
        let (ceo, first, above) = match self.ceo.filter(|_| !index.is_multiple_of(BOXES)) {
            Some(ceo) => ceo,
            None => self.add_ceo(index / BOXES, at),
        };
        let cto = self.closure(format!("CTO {}", index + 1), 2, at);
        let laid = self.lay(format!("CABO D{}", index + 1), ceo, cto, 1);
        self.plant.lead_out(first, usize::try_from(index % BOXES + 1).unwrap_or(1), laid.fiber);
        let splitter = self.plant.add_joint(JointKind::Splitter, laid.to, "Splitter 1", &[SPLITTER_16; 16]);
        self.plant.lead_in(laid.fiber, splitter, 1);
        let made = (cto, splitter, sum(&[above, SPLITTER_4, laid.loss]));
        self.cto = Some(made);
        made
    }

    /// A PON and its first splitter, on a cable from the end of the feeder.
    fn add_ceo(&mut self, pon: u32, at: (f64, f64)) -> (ObjectId, ObjectId, Decibels) {
        let fed = pon % u32::from(FEEDER);
        let (hub, first, above) = match self.hub.filter(|_| fed > 0) {
            Some(hub) => hub,
            None => self.add_feeder(pon / u32::from(FEEDER), at),
        };
        self.add_pon(pon, fed);
        let ceo = self.closure(format!("CEO P{}", pon + 1), 1, (at.0, at.1 + 0.0004));
        let laid = self.lay(format!("CABO P{}", pon + 1), hub, ceo, 1);
        let fusion = self.plant.add_joint(JointKind::Fusion, hub, "", &[FUSION]);
        self.plant.lead_in(ObjectId::of(IdKind::Strand, first.sequence() + fed), fusion, 1);
        self.plant.lead_out(fusion, 1, laid.fiber);
        let splitter = self.plant.add_joint(JointKind::Splitter, laid.to, "Splitter 1", &[SPLITTER_4; 4]);
        self.plant.lead_in(laid.fiber, splitter, 1);
        let made = (ceo, splitter, sum(&[above, FUSION, laid.loss]));
        self.ceo = Some(made);
        made
    }

    /// A feeder in two cables with a closure that it passes, and the patch panel where it begins.
    fn add_feeder(&mut self, index: u32, at: (f64, f64)) -> (ObjectId, ObjectId, Decibels) {
        let pop = self.pop(index, at);
        let pop_at = self.plant.place(pop).map_or(at, |place| place.coords);
        let half = ((pop_at.0 + at.0) / 2.0, (pop_at.1 + at.1) / 2.0);
        let number = index + 1;
        let passed = self.closure(format!("CEO {number}A"), 1, half);
        let hub = self.closure(format!("CEO {number}B"), 1, (at.0, at.1 + 0.001));
        let near = self.lay(format!("CABO {number:02}A"), pop, passed, FEEDER);
        let far = self.lay(format!("CABO {number:02}B"), near.to, hub, FEEDER);
        let dio = self.plant.add_joint(JointKind::Dio, pop, format!("DIO {number}"), &[PATCH; FEEDER as usize]);
        for fiber in 0..u32::from(FEEDER) {
            let of = |first: ObjectId| ObjectId::of(IdKind::Strand, first.sequence() + fiber);
            self.plant.lead_out(dio, usize::try_from(fiber + 1).unwrap_or(1), of(near.fiber));
            let passing = self.plant.add_joint(JointKind::Passing, passed, "", &[NOTHING]);
            self.plant.lead_in(of(near.fiber), passing, 1);
            self.plant.lead_out(passing, 1, of(far.fiber));
        }
        self.dio = Some(dio);
        let made = (hub, far.fiber, sum(&[PATCH, near.loss, far.loss]));
        self.hub = Some(made);
        made
    }

    /// The POP of a feeder: each OLT has its own.
    fn pop(&mut self, feeder: u32, at: (f64, f64)) -> ObjectId {
        if let Some(pop) = self.pop.filter(|_| !feeder.is_multiple_of(SLOT)) {
            return pop;
        }
        let pop = self.plant.add_place(NewPlace {
            kind: PlaceKind::Pop,
            name: format!("POP {}", feeder / SLOT + 1),
            coords: (at.0 - 0.005, at.1 - 0.005),
            level: 0,
            project: self.project,
            pole: None,
        });
        self.pop = Some(pop);
        pop
    }

    /// A PON on a port of the patch panel; nobody entered the launch power of the second one.
    fn add_pon(&mut self, index: u32, fed: u32) {
        let Some((pop, dio)) = self.pop.zip(self.dio) else { return };
        if index.is_multiple_of(SLOT * SLOT) {
            let number = index / (SLOT * SLOT) + 1;
            self.olt = Some(self.plant.add_olt(pop, format!("OLT-{number}"), format!("192.0.2.{}", number % 256)));
        }
        let Some(olt) = self.olt else { return };
        let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        if index.is_multiple_of(SLOT) {
            self.slot = Some(self.plant.add_slot(olt, narrow(index / SLOT % SLOT + 1)));
        }
        let Some(slot) = self.slot else { return };
        let potency = if index == 1 { Dbm::from_thousandths(0) } else { LAUNCH };
        let pon = self.plant.add_pon(slot, narrow(index % SLOT + 1), potency, 64);
        let cord = self.plant.add_strand(pop, 1);
        self.plant.plug(pon, cord);
        self.plant.lead_in(cord, dio, usize::try_from(fed + 1).unwrap_or(1));
    }

    /// A drop on a box of its own whose cable comes from nowhere that is documented.
    pub(super) fn connect_to_nowhere(&mut self, house: ObjectId, at: (f64, f64)) -> Socket {
        let cto = self.closure("CTO sem rota".to_owned(), 2, (at.0, at.1 + 0.0002));
        let far = self.closure("CEO sem rota".to_owned(), 1, (at.0, at.1 + 0.002));
        let laid = self.lay("CABO sem rota".to_owned(), far, cto, 1);
        let splitter = self.plant.add_joint(JointKind::Splitter, cto, "Splitter 1", &[SPLITTER_16; 16]);
        self.plant.lead_in(laid.fiber, splitter, 1);
        let place = self.plant.place(cto).map_or((at, cto), |place| (place.coords, place.pole));
        let (length, loss) = along(place.0, at);
        let drop = self.plant.add_cable(None, [cto, house], length, loss, 1);
        let fiber = self.plant.add_strand(drop, 1);
        self.plant.lead_out(splitter, 1, fiber);
        let arriving = LAUNCH - sum(&[laid.loss, SPLITTER_16, loss]);
        Socket { box_id: cto, pole: place.1, splitter, port: 1, drop, fiber, arriving }
    }
}
