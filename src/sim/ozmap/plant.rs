//! The passive network and the head end as OZmap holds them: places, cables and their fibres, joints, and the OLTs with
//! their PONs.
//!
//! Every fibre knows the joints at its two ends and every joint its fibres, so the same path is found from rows
//! (`/network-connectors`, `/network-connectables`) and by the walk.

use std::sync::LazyLock;

use super::model::{IdKind, ObjectId};
use crate::model::{Dbm, Decibels, Metres};

/// The most fibres of one cable.
const MAX_FIBERS: usize = 576;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceKind {
    Box,
    Building,
    Pop,
}

/// A box, a building or a POP.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: ObjectId,
    pub(super) kind: PlaceKind,
    pub(super) name: String,
    /// Longitude and latitude, degrees.
    pub(super) coords: (f64, f64),
    pub(super) level: u8,
    pub(super) project: ObjectId,
    pub(super) box_type: Option<ObjectId>,
    pub(super) pole: ObjectId,
    pub(super) cables: Vec<ObjectId>,
}

/// A cable or a drop; its identifier says which.
#[derive(Debug)]
pub(super) struct Cable {
    pub(super) id: ObjectId,
    /// A drop has none.
    pub(super) name: Option<String>,
    /// The places at its ends, nearer to the head end first.
    pub(super) ends: [ObjectId; 2],
    pub(super) length: Metres,
    /// Of each of its fibres.
    pub(super) loss: Decibels,
    pub(super) fibers: u16,
    pub(super) project: ObjectId,
    /// Those on which it hangs, from its first end to the other; empty where nobody drew them.
    pub(super) poles: Box<[ObjectId]>,
}

/// A fibre of a cable, or a cord in a place.
#[derive(Debug)]
pub(super) struct Strand {
    pub(super) id: ObjectId,
    /// Within its cable, counted from 1.
    pub(super) number: u16,
    /// The cable or drop, or the place of a cord.
    pub(super) parent: ObjectId,
    /// The joints at its ends.
    pub(super) ends: [Option<ObjectId>; 2],
    pub(super) project: ObjectId,
}

impl Strand {
    /// Whether it is a cord.
    pub(super) fn is_cord(&self) -> bool {
        self.parent.is(IdKind::Place)
    }

    /// `L1-F6`: tubes of twelve fibres.
    pub(super) fn name(&self) -> &'static str {
        static NAMES: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..MAX_FIBERS).map(|index| format!("L{}-F{}", index / 12 + 1, index % 12 + 1)).collect());
        NAMES.get(usize::from(self.number).saturating_sub(1)).map_or("", String::as_str)
    }
}

/// What joins strands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JointKind {
    Splitter,
    Dio,
    Fusion,
    Connector,
    Passing,
    /// There in truth and in no row: nobody entered it.
    Undocumented,
}

impl JointKind {
    /// The table in which it is.
    fn table(self) -> IdKind {
        match self {
            Self::Splitter => IdKind::Splitter,
            Self::Dio => IdKind::Dio,
            Self::Fusion | Self::Connector | Self::Passing | Self::Undocumented => IdKind::Joint,
        }
    }

    /// As rows name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Splitter => "Splitter",
            Self::Dio => "DIO",
            Self::Fusion => "Fusion",
            Self::Connector => "Connector",
            Self::Passing => "Passing",
            Self::Undocumented => "",
        }
    }
}

/// A splitter, a patch panel, or what joins two strands.
#[derive(Debug)]
pub(super) struct Joint {
    pub(super) id: ObjectId,
    pub(super) kind: JointKind,
    pub(super) name: String,
    /// The place where it is.
    pub(super) parent: ObjectId,
    pub(super) project: ObjectId,
    /// Towards the head end: one, or as many as outputs in a patch panel.
    pub(super) inputs: Box<[Option<ObjectId>]>,
    /// Towards the clients: one, or a splitter's or patch panel's ports.
    pub(super) outputs: Box<[Option<ObjectId>]>,
    /// From input to output, for each port.
    pub(super) loss: Box<[Decibels]>,
    /// Whether drops lead out of it.
    pub(super) serves_clients: bool,
}

impl Joint {
    /// The loss by a port, counted from 1.
    pub(super) fn loss_of(&self, port: usize) -> Decibels {
        self.loss.get(port.saturating_sub(1)).copied().unwrap_or(Decibels::from_thousandths(0))
    }
}

/// What holds OLTs in a POP.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) id: ObjectId,
    pub(super) name: String,
    pub(super) pop: ObjectId,
    pub(super) project: ObjectId,
}

/// An OLT.
#[derive(Debug)]
pub(super) struct Olt {
    pub(super) id: ObjectId,
    pub(super) name: String,
    pub(super) ip: String,
    pub(super) shelf: ObjectId,
    pub(super) pop: ObjectId,
    pub(super) project: ObjectId,
    pub(super) slots: Vec<ObjectId>,
}

/// A card of an OLT.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: ObjectId,
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) olt: ObjectId,
    pub(super) project: ObjectId,
    pub(super) pons: Vec<ObjectId>,
}

/// A PON port.
#[derive(Debug)]
pub(super) struct Pon {
    pub(super) id: ObjectId,
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) slot: ObjectId,
    pub(super) project: ObjectId,
    /// The launch power as somebody entered it; zero where nobody did.
    pub(super) potency: Dbm,
    pub(super) max_clients: u16,
    pub(super) strand: Option<ObjectId>,
}

/// All of it. Each table is in the order of its identifiers, whose sequence is the place in the table.
#[derive(Debug, Default)]
pub(super) struct Plant {
    pub(super) places: Vec<Place>,
    pub(super) cables: Vec<Cable>,
    pub(super) drops: Vec<Cable>,
    pub(super) strands: Vec<Strand>,
    pub(super) joints: Vec<Joint>,
    pub(super) splitters: Vec<Joint>,
    pub(super) dios: Vec<Joint>,
    pub(super) olts: Vec<Olt>,
    pub(super) shelfs: Vec<Shelf>,
    pub(super) slots: Vec<Slot>,
    pub(super) pons: Vec<Pon>,
}

/// The identifier that the next row of a table gets.
pub(super) fn next_id<T>(rows: &[T], kind: IdKind) -> ObjectId {
    ObjectId::of(kind, u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

fn by_sequence<T>(rows: &[T], id: ObjectId, kind: IdKind) -> Option<&T> {
    if !id.is(kind) {
        return None;
    }
    rows.get(usize::try_from(id.sequence()).ok()?)
}

fn by_sequence_mut<T>(rows: &mut [T], id: ObjectId, kind: IdKind) -> Option<&mut T> {
    if !id.is(kind) {
        return None;
    }
    rows.get_mut(usize::try_from(id.sequence()).ok()?)
}

/// A place that is added.
#[derive(Debug, Clone)]
pub(super) struct NewPlace {
    pub(super) kind: PlaceKind,
    pub(super) name: String,
    pub(super) coords: (f64, f64),
    pub(super) level: u8,
    pub(super) project: ObjectId,
    pub(super) pole: Option<ObjectId>,
}

impl Plant {
    /// Adds a box, a building or a POP.
    pub(super) fn add_place(&mut self, new: NewPlace) -> ObjectId {
        let id = next_id(&self.places, IdKind::Place);
        let NewPlace { kind, name, coords, level, project, pole } = new;
        let pole = pole.unwrap_or(ObjectId::of(IdKind::Pole, id.sequence()));
        // CTOs are of the first kind of box, closures of the second.
        let box_type = (kind == PlaceKind::Box).then(|| ObjectId::of(IdKind::BoxType, if level == 2 { 1 } else { 2 }));
        self.places.push(Place { id, kind, name, coords, level, project, box_type, pole, cables: Vec::new() });
        id
    }

    /// A box, a building or a POP by its identifier.
    pub(super) fn place(&self, id: ObjectId) -> Option<&Place> {
        by_sequence(&self.places, id, IdKind::Place)
    }

    fn project_of(&self, place: ObjectId) -> ObjectId {
        self.place(place).map_or(ObjectId::of(IdKind::Project, 1), |place| place.project)
    }

    /// Adds a cable (with a name) or a drop (without), and no fibres.
    pub(super) fn add_cable(
        &mut self,
        name: Option<String>,
        ends: [ObjectId; 2],
        length: Metres,
        loss: Decibels,
        fibers: u16,
    ) -> ObjectId {
        let project = self.project_of(ends[0]);
        let (rows, kind) = match name {
            Some(_) => (&mut self.cables, IdKind::Cable),
            None => (&mut self.drops, IdKind::Drop),
        };
        let id = next_id(rows, kind);
        rows.push(Cable { id, name, ends, length, loss, fibers, project, poles: Box::default() });
        for end in ends {
            if let Some(place) = by_sequence_mut(&mut self.places, end, IdKind::Place) {
                place.cables.push(id);
            }
        }
        id
    }

    /// Draws the poles of a cable.
    pub(super) fn hang(&mut self, cable: ObjectId, poles: Box<[ObjectId]>) {
        if let Some(cable) = by_sequence_mut(&mut self.cables, cable, IdKind::Cable) {
            cable.poles = poles;
        }
    }

    /// Adds a fibre of a cable or drop, or a cord in a place, that ends nowhere.
    pub(super) fn add_strand(&mut self, parent: ObjectId, number: u16) -> ObjectId {
        let project = self.cable(parent).map_or_else(|| self.project_of(parent), |cable| cable.project);
        let id = next_id(&self.strands, IdKind::Strand);
        self.strands.push(Strand { id, number, parent, ends: [None; 2], project });
        id
    }

    /// Adds a joint without strands; `loss` has one entry for each port.
    pub(super) fn add_joint(
        &mut self,
        kind: JointKind,
        parent: ObjectId,
        name: impl Into<String>,
        loss: &[Decibels],
    ) -> ObjectId {
        let project = self.project_of(parent);
        let inputs = if kind == JointKind::Dio { loss.len() } else { 1 };
        let rows = self.joints_mut(kind);
        let id = next_id(rows, kind.table());
        rows.push(Joint {
            id,
            kind,
            name: name.into(),
            parent,
            project,
            inputs: vec![None; inputs].into(),
            outputs: vec![None; loss.len()].into(),
            loss: loss.into(),
            serves_clients: false,
        });
        id
    }

    /// Leads a strand from the side of the head end into that port of a joint, counted from 1.
    pub(super) fn lead_in(&mut self, strand: ObjectId, joint: ObjectId, port: usize) {
        self.lead(strand, joint, port, false);
    }

    /// Leads a strand out of that port of a joint, counted from 1, towards the clients.
    pub(super) fn lead_out(&mut self, joint: ObjectId, port: usize, strand: ObjectId) {
        self.lead(strand, joint, port, true);
    }

    fn lead(&mut self, strand: ObjectId, joint: ObjectId, port: usize, out: bool) {
        let is_drop = self.strand(strand).is_some_and(|strand| strand.parent.is(IdKind::Drop));
        let Some(found) = self.joint_mut(joint) else { return };
        found.serves_clients |= out && is_drop;
        let side = if out { &mut found.outputs } else { &mut found.inputs };
        if let Some(slot) = port.checked_sub(1).and_then(|port| side.get_mut(port)) {
            *slot = Some(strand);
            self.end_at(strand, joint);
        }
    }

    /// Notes that a strand ends at a joint or PON.
    fn end_at(&mut self, strand: ObjectId, joint: ObjectId) {
        let found = by_sequence_mut(&mut self.strands, strand, IdKind::Strand);
        if let Some(free) = found.and_then(|strand| strand.ends.iter_mut().find(|end| end.is_none())) {
            *free = Some(joint);
        }
    }

    /// Plugs a strand into a PON.
    pub(super) fn plug(&mut self, pon: ObjectId, strand: ObjectId) {
        if let Some(found) = by_sequence_mut(&mut self.pons, pon, IdKind::Pon) {
            found.strand = Some(strand);
            self.end_at(strand, pon);
        }
    }

    /// Adds an OLT with a shelf of its own in a POP.
    pub(super) fn add_olt(&mut self, pop: ObjectId, name: impl Into<String>, ip: impl Into<String>) -> ObjectId {
        let project = self.project_of(pop);
        let shelf = next_id(&self.shelfs, IdKind::Shelf);
        self.shelfs.push(Shelf { id: shelf, name: format!("Rack {}", shelf.sequence() + 1), pop, project });
        let id = next_id(&self.olts, IdKind::Olt);
        self.olts.push(Olt { id, name: name.into(), ip: ip.into(), shelf, pop, project, slots: Vec::new() });
        id
    }

    /// Adds a slot to an OLT.
    pub(super) fn add_slot(&mut self, olt: ObjectId, number: u16) -> ObjectId {
        let id = next_id(&self.slots, IdKind::Slot);
        let mut project = ObjectId::of(IdKind::Project, 1);
        if let Some(found) = by_sequence_mut(&mut self.olts, olt, IdKind::Olt) {
            found.slots.push(id);
            project = found.project;
        }
        self.slots.push(Slot { id, number, name: format!("Slot {number}"), olt, project, pons: Vec::new() });
        id
    }

    /// Adds a PON to a slot.
    pub(super) fn add_pon(&mut self, slot: ObjectId, number: u16, potency: Dbm, max_clients: u16) -> ObjectId {
        let id = next_id(&self.pons, IdKind::Pon);
        let mut project = ObjectId::of(IdKind::Project, 1);
        if let Some(found) = by_sequence_mut(&mut self.slots, slot, IdKind::Slot) {
            found.pons.push(id);
            project = found.project;
        }
        self.pons.push(Pon {
            id,
            number,
            name: format!("PON {number}"),
            slot,
            project,
            potency,
            max_clients,
            strand: None,
        });
        id
    }

    fn joints_mut(&mut self, kind: JointKind) -> &mut Vec<Joint> {
        match kind.table() {
            IdKind::Splitter => &mut self.splitters,
            IdKind::Dio => &mut self.dios,
            _ => &mut self.joints,
        }
    }

    fn joint_mut(&mut self, id: ObjectId) -> Option<&mut Joint> {
        let kind =
            [JointKind::Splitter, JointKind::Dio, JointKind::Fusion].into_iter().find(|kind| id.is(kind.table()))?;
        by_sequence_mut(self.joints_mut(kind), id, kind.table())
    }

    /// A documented joint by its identifier.
    pub(super) fn joint(&self, id: ObjectId) -> Option<&Joint> {
        by_sequence(&self.splitters, id, IdKind::Splitter)
            .or_else(|| by_sequence(&self.dios, id, IdKind::Dio))
            .or_else(|| by_sequence(&self.joints, id, IdKind::Joint))
            .filter(|joint| joint.kind != JointKind::Undocumented)
    }

    /// A fibre or a cord by its identifier.
    pub(super) fn strand(&self, id: ObjectId) -> Option<&Strand> {
        by_sequence(&self.strands, id, IdKind::Strand)
    }

    /// A cable or a drop by its identifier.
    pub(super) fn cable(&self, id: ObjectId) -> Option<&Cable> {
        by_sequence(&self.cables, id, IdKind::Cable).or_else(|| by_sequence(&self.drops, id, IdKind::Drop))
    }

    pub(super) fn pon(&self, id: ObjectId) -> Option<&Pon> {
        by_sequence(&self.pons, id, IdKind::Pon)
    }

    pub(super) fn slot(&self, id: ObjectId) -> Option<&Slot> {
        by_sequence(&self.slots, id, IdKind::Slot)
    }

    pub(super) fn olt(&self, id: ObjectId) -> Option<&Olt> {
        by_sequence(&self.olts, id, IdKind::Olt)
    }

    pub(super) fn shelf(&self, id: ObjectId) -> Option<&Shelf> {
        by_sequence(&self.shelfs, id, IdKind::Shelf)
    }
}
