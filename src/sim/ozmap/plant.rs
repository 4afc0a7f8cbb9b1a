//! The passive network and the head end as OZmap holds them: places, cables and their fibres, joints, and the OLTs with
//! their PONs; and the walk from a drop up to its PON.
//!
//! Every fibre knows the joints at its two ends and every joint its fibres, so the same path is found from rows
//! (`/network-connectors`, `/network-connectables`) and by the trace.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::model::{IdKind, ObjectId};
use crate::model::{Dbm, Decibels, Metres};

/// Joints that a walk passes at most: a real path has some tens.
const MAX_STEPS: usize = 1000;

/// The most fibres of one cable.
const MAX_FIBERS: usize = 576;

/// A box, a building or a POP; its identifier says which.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: ObjectId,
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
}

/// A fibre of a cable, or a cord in a place; its identifier says which.
#[derive(Debug)]
pub(super) struct Strand {
    pub(super) id: ObjectId,
    /// Within its cable, counted from 1.
    pub(super) number: u16,
    /// The cable, or the place of a cord.
    pub(super) parent: ObjectId,
    /// The joints at its ends.
    pub(super) ends: [Option<ObjectId>; 2],
    pub(super) project: ObjectId,
}

impl Strand {
    /// `L1-F6`: tubes of twelve fibres.
    pub(super) fn name(&self) -> &'static str {
        static NAMES: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..MAX_FIBERS).map(|index| format!("L{}-F{}", index / 12 + 1, index % 12 + 1)).collect());
        NAMES.get(usize::from(self.number).saturating_sub(1)).map_or("", String::as_str)
    }

    /// The joint at the other end.
    fn beyond(&self, joint: ObjectId) -> Option<ObjectId> {
        match self.ends {
            [Some(end), other] | [other, Some(end)] if end == joint => other,
            _ => None,
        }
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
}

impl JointKind {
    pub(super) const ALL: [Self; 5] = [Self::Splitter, Self::Dio, Self::Fusion, Self::Connector, Self::Passing];

    pub(super) fn id_kind(self) -> IdKind {
        match self {
            Self::Splitter => IdKind::Splitter,
            Self::Dio => IdKind::Dio,
            Self::Fusion => IdKind::Fusion,
            Self::Connector => IdKind::Connector,
            Self::Passing => IdKind::Passing,
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
    /// The strand on the side of the head end and the port (counted from 1), when one comes by `strand` from the side
    /// of the clients. People also document two-sided joints the other way around.
    fn upstream(&self, strand: ObjectId) -> Option<(Option<ObjectId>, usize)> {
        let place = |side: &[Option<ObjectId>]| side.iter().position(|found| *found == Some(strand));
        if let Some(port) = place(&self.outputs) {
            let input = if self.kind == JointKind::Dio { self.inputs.get(port) } else { self.inputs.first() };
            return Some((input.copied().flatten(), port + 1));
        }
        let port = place(&self.inputs).filter(|_| self.kind != JointKind::Splitter)?;
        Some((self.outputs.get(port).copied().flatten(), port + 1))
    }

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

/// All of it. Each list is in the order of its identifiers, whose sequence is the place in the list, counted from 1.
#[derive(Debug, Default)]
pub(super) struct Plant {
    pub(super) boxes: Vec<Place>,
    pub(super) buildings: Vec<Place>,
    pub(super) pops: Vec<Place>,
    pub(super) cables: Vec<Cable>,
    pub(super) drops: Vec<Cable>,
    pub(super) fibers: Vec<Strand>,
    pub(super) cords: Vec<Strand>,
    splitters: Vec<Joint>,
    dios: Vec<Joint>,
    fusions: Vec<Joint>,
    connectors: Vec<Joint>,
    passings: Vec<Joint>,
    pub(super) shelfs: Vec<Shelf>,
    pub(super) olts: Vec<Olt>,
    pub(super) slots: Vec<Slot>,
    pub(super) pons: Vec<Pon>,
}

/// One element of a path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    Fiber(&'a Strand),
    /// With the port, counted from 1.
    Joint(&'a Joint, usize),
    Pon(&'a Pon),
}

/// The identifier that the next row of a list gets.
pub(super) fn next_id<T>(rows: &[T], kind: IdKind) -> ObjectId {
    ObjectId::of(kind, u32::try_from(rows.len() + 1).unwrap_or(u32::MAX))
}

fn by_sequence<T>(rows: &[T], id: ObjectId) -> Option<&T> {
    rows.get(usize::try_from(id.sequence()).ok()?.checked_sub(1)?)
}

fn by_sequence_mut<T>(rows: &mut [T], id: ObjectId) -> Option<&mut T> {
    rows.get_mut(usize::try_from(id.sequence()).ok()?.checked_sub(1)?)
}

/// Where a place is added.
#[derive(Debug, Clone)]
pub(super) struct NewPlace {
    pub(super) kind: IdKind,
    pub(super) name: String,
    pub(super) coords: (f64, f64),
    pub(super) level: u8,
    pub(super) project: ObjectId,
    pub(super) box_type: Option<ObjectId>,
}

impl Plant {
    /// Adds a box, a building or a POP.
    pub(super) fn add_place(&mut self, new: NewPlace) -> ObjectId {
        let rows = self.places_mut(new.kind);
        let id = next_id(rows, new.kind);
        let pole = ObjectId::of(IdKind::Pole, id.sequence());
        let NewPlace { name, coords, level, project, box_type, .. } = new;
        rows.push(Place { id, name, coords, level, project, box_type, pole, cables: Vec::new() });
        id
    }

    fn places_mut(&mut self, kind: IdKind) -> &mut Vec<Place> {
        match kind {
            IdKind::Pop => &mut self.pops,
            IdKind::Building => &mut self.buildings,
            _ => &mut self.boxes,
        }
    }

    /// A box, a building or a POP by its identifier.
    pub(super) fn place(&self, id: ObjectId) -> Option<&Place> {
        let rows = match id {
            id if id.is(IdKind::Box) => &self.boxes,
            id if id.is(IdKind::Building) => &self.buildings,
            id if id.is(IdKind::Pop) => &self.pops,
            _ => return None,
        };
        by_sequence(rows, id)
    }

    /// Adds a cable (with a name) or a drop (without) and its fibres; the cable and its first fibre, whose next ones
    /// follow.
    pub(super) fn add_cable(
        &mut self,
        name: Option<String>,
        ends: [ObjectId; 2],
        length: Metres,
        loss: Decibels,
        fibers: u16,
    ) -> (ObjectId, ObjectId) {
        let project = self.place(ends[0]).map_or(ObjectId::of(IdKind::Project, 1), |place| place.project);
        let (rows, kind) = match name {
            Some(_) => (&mut self.cables, IdKind::Cable),
            None => (&mut self.drops, IdKind::Drop),
        };
        let id = next_id(rows, kind);
        rows.push(Cable { id, name, ends, length, loss, fibers, project });
        for end in ends {
            let rows = match end {
                end if end.is(IdKind::Box) => &mut self.boxes,
                end if end.is(IdKind::Building) => &mut self.buildings,
                end if end.is(IdKind::Pop) => &mut self.pops,
                _ => continue,
            };
            if let Some(place) = by_sequence_mut(rows, end) {
                place.cables.push(id);
            }
        }
        let first = next_id(&self.fibers, IdKind::Fiber);
        for number in 1..=fibers {
            let fiber = next_id(&self.fibers, IdKind::Fiber);
            self.fibers.push(Strand { id: fiber, number, parent: id, ends: [None; 2], project });
        }
        (id, first)
    }

    /// Adds a cord in a place.
    pub(super) fn add_cord(&mut self, parent: ObjectId) -> ObjectId {
        let project = self.place(parent).map_or(ObjectId::of(IdKind::Project, 1), |place| place.project);
        let id = next_id(&self.cords, IdKind::Cord);
        self.cords.push(Strand { id, number: 1, parent, ends: [None; 2], project });
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
        let project = self.place(parent).map_or(ObjectId::of(IdKind::Project, 1), |place| place.project);
        let inputs = if kind == JointKind::Dio { loss.len() } else { 1 };
        let rows = self.joints_mut(kind);
        let id = next_id(rows, kind.id_kind());
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
        let Some(kind) = JointKind::ALL.into_iter().find(|kind| joint.is(kind.id_kind())) else { return };
        let is_drop = self.strand(strand).is_some_and(|strand| strand.parent.is(IdKind::Drop));
        let Some(found) = by_sequence_mut(self.joints_mut(kind), joint) else { return };
        found.serves_clients |= out && is_drop;
        let side = if out { &mut found.outputs } else { &mut found.inputs };
        if let Some(slot) = port.checked_sub(1).and_then(|port| side.get_mut(port)) {
            *slot = Some(strand);
            self.end_at(strand, joint);
        }
    }

    /// Notes that a strand ends at a joint or PON.
    fn end_at(&mut self, strand: ObjectId, joint: ObjectId) {
        let rows = if strand.is(IdKind::Cord) { &mut self.cords } else { &mut self.fibers };
        if let Some(free) =
            by_sequence_mut(rows, strand).and_then(|strand| strand.ends.iter_mut().find(|e| e.is_none()))
        {
            *free = Some(joint);
        }
    }

    /// Plugs a strand into a PON.
    pub(super) fn plug(&mut self, pon: ObjectId, strand: ObjectId) {
        if let Some(found) = by_sequence_mut(&mut self.pons, pon) {
            found.strand = Some(strand);
            self.end_at(strand, pon);
        }
    }

    /// Adds an OLT with a shelf of its own in a POP.
    pub(super) fn add_olt(&mut self, pop: ObjectId, name: impl Into<String>, ip: impl Into<String>) -> ObjectId {
        let project = self.place(pop).map_or(ObjectId::of(IdKind::Project, 1), |place| place.project);
        let shelf = next_id(&self.shelfs, IdKind::Shelf);
        self.shelfs.push(Shelf { id: shelf, name: format!("Rack {}", shelf.sequence()), pop, project });
        let id = next_id(&self.olts, IdKind::Olt);
        self.olts.push(Olt { id, name: name.into(), ip: ip.into(), shelf, pop, project, slots: Vec::new() });
        id
    }

    /// Adds a slot to an OLT.
    pub(super) fn add_slot(&mut self, olt: ObjectId, number: u16) -> ObjectId {
        let id = next_id(&self.slots, IdKind::Slot);
        let mut project = ObjectId::of(IdKind::Project, 1);
        if let Some(found) = by_sequence_mut(&mut self.olts, olt) {
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
        if let Some(found) = by_sequence_mut(&mut self.slots, slot) {
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

    /// The joints of a kind.
    pub(super) fn joints(&self, kind: JointKind) -> &[Joint] {
        match kind {
            JointKind::Splitter => &self.splitters,
            JointKind::Dio => &self.dios,
            JointKind::Fusion => &self.fusions,
            JointKind::Connector => &self.connectors,
            JointKind::Passing => &self.passings,
        }
    }

    fn joints_mut(&mut self, kind: JointKind) -> &mut Vec<Joint> {
        match kind {
            JointKind::Splitter => &mut self.splitters,
            JointKind::Dio => &mut self.dios,
            JointKind::Fusion => &mut self.fusions,
            JointKind::Connector => &mut self.connectors,
            JointKind::Passing => &mut self.passings,
        }
    }

    /// A joint by its identifier.
    pub(super) fn joint(&self, id: ObjectId) -> Option<&Joint> {
        let kind = JointKind::ALL.into_iter().find(|kind| id.is(kind.id_kind()))?;
        by_sequence(self.joints(kind), id)
    }

    /// A fibre or a cord by its identifier.
    pub(super) fn strand(&self, id: ObjectId) -> Option<&Strand> {
        match id {
            id if id.is(IdKind::Fiber) => by_sequence(&self.fibers, id),
            id if id.is(IdKind::Cord) => by_sequence(&self.cords, id),
            _ => None,
        }
    }

    /// A cable or a drop by its identifier.
    pub(super) fn cable(&self, id: ObjectId) -> Option<&Cable> {
        match id {
            id if id.is(IdKind::Cable) => by_sequence(&self.cables, id),
            id if id.is(IdKind::Drop) => by_sequence(&self.drops, id),
            _ => None,
        }
    }

    pub(super) fn pon(&self, id: ObjectId) -> Option<&Pon> {
        id.is(IdKind::Pon).then(|| by_sequence(&self.pons, id)).flatten()
    }

    pub(super) fn slot(&self, id: ObjectId) -> Option<&Slot> {
        id.is(IdKind::Slot).then(|| by_sequence(&self.slots, id)).flatten()
    }

    pub(super) fn olt(&self, id: ObjectId) -> Option<&Olt> {
        id.is(IdKind::Olt).then(|| by_sequence(&self.olts, id)).flatten()
    }

    pub(super) fn shelf(&self, id: ObjectId) -> Option<&Shelf> {
        id.is(IdKind::Shelf).then(|| by_sequence(&self.shelfs, id)).flatten()
    }

    /// The path of a drop's fibre that is connected at `joint`, from the client upwards, as far as it is documented;
    /// cords are passed and not in it. Empty when there is no such fibre at that joint.
    pub(super) fn walk(&self, fiber: ObjectId, joint: ObjectId) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        let mut seen = HashSet::new();
        let Some(mut strand) = self.strand(fiber) else { return steps };
        let mut at = joint;
        if !strand.ends.contains(&Some(at)) {
            return steps;
        }
        while steps.len() < MAX_STEPS {
            if strand.id.is(IdKind::Fiber) {
                steps.push(Step::Fiber(strand));
            }
            if let Some(pon) = self.pon(at) {
                steps.push(Step::Pon(pon));
                break;
            }
            let Some(found) = self.joint(at).filter(|_| seen.insert((at, strand.id))) else { break };
            let Some((next, port)) = found.upstream(strand.id) else { break };
            steps.push(Step::Joint(found, port));
            let Some(above) = next.and_then(|id| self.strand(id)) else { break };
            strand = above;
            let Some(end) = strand.beyond(found.id) else {
                // The fibre comes from somewhere that nobody documented.
                if strand.id.is(IdKind::Fiber) {
                    steps.push(Step::Fiber(strand));
                }
                break;
            };
            at = end;
        }
        steps
    }
}
