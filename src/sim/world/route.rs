//! The plant as OZmap documents it, in the words of the room `plant`.

use std::sync::Arc;

use crate::model::{ElementId, Metres};
use crate::plant::{Cable, Coords, HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Place, Route};
use crate::sim::plant::{ClientIx, Element, Entity, Fiber, FiberParent, JointKind, Plant, PonIx, Step};

fn id(entity: Entity) -> ElementId {
    ElementId::from_octets(entity.octets())
}

fn named(entity: Entity, name: &str) -> Named {
    Named::new(id(entity), name)
}

/// The documented route of a client: what OZmap's trace says. `None` when it has none.
#[must_use]
pub fn route(plant: &Plant, client: ClientIx) -> Option<Route> {
    let trace = plant.trace(client)?;
    Some(Route {
        head_end: trace.pon.and_then(|pon| head_end(plant, pon)),
        pon_reached: trace.pon.is_some(),
        launch: trace.potency,
        loss: Some(trace.attenuation),
        hops: trace.steps.iter().filter_map(|step| hop(plant, *step)).collect(),
    })
}

fn head_end(plant: &Plant, pon: PonIx) -> Option<HeadEnd> {
    let row = plant.pons.get(pon)?;
    let slot = plant.slots.get(row.slot)?;
    Some(HeadEnd {
        olt: named(Entity::Olt(row.olt), &plant.olts.get(row.olt)?.name),
        slot: named(Entity::Slot(row.slot), &format!("Slot {}", slot.number)),
        pon: named(Entity::Pon(pon), &format!("PON {}", row.number)),
    })
}

fn hop(plant: &Plant, step: Step) -> Option<Hop> {
    let (kind, element, port) = match step.element {
        Element::Pon(pon) => {
            let row = plant.pons.get(pon)?;
            (HopKind::Pon, named(Entity::Pon(pon), &format!("PON {}", row.number)), None)
        }
        Element::Dio(dio, port) => {
            (HopKind::Dio, named(Entity::Dio(dio), &plant.dios.get(dio)?.name), Some(port.saturating_add(1)))
        }
        Element::Fiber(fiber) => {
            (HopKind::Fiber, named(Entity::Fiber(fiber), &plant.fiber_name(plant.fibers.get(fiber)?)), None)
        }
        Element::Joint(joint) => {
            let kind = match plant.joints.get(joint)?.kind {
                JointKind::Fusion => HopKind::Fusion,
                JointKind::Passing => HopKind::Passing,
            };
            (kind, named(Entity::Joint(joint), ""), None)
        }
        Element::Splitter(splitter, output) => {
            let name = format!("Splitter {}", plant.splitters.get(splitter)?.number);
            (HopKind::Splitter, named(Entity::Splitter(splitter), &name), Some(u16::from(output) + 1))
        }
    };
    let parent = match step.element {
        Element::Pon(pon) => {
            let slot = plant.pons.get(pon)?.slot;
            let name = format!("Slot {}", plant.slots.get(slot)?.number);
            Parent { kind: ParentKind::Place, named: named(Entity::Slot(slot), &name), length: None }
        }
        Element::Fiber(fiber) => fiber_parent(plant, plant.fibers.get(fiber)?)?,
        other => {
            let place = plant.place_of_element(other)?;
            let name = &plant.places.get(place)?.name;
            Parent { kind: ParentKind::Place, named: named(Entity::Place(place), name), length: None }
        }
    };
    Some(Hop { kind, element, port, parent: Some(parent), loss: step.loss, distance: step.distance })
}

fn fiber_parent(plant: &Plant, fiber: &Fiber) -> Option<Parent> {
    let length = Some(plant.documented_length(fiber));
    Some(match fiber.parent {
        FiberParent::Cable(cable) => {
            let name = &plant.cables.get(cable)?.name;
            Parent { kind: ParentKind::Cable, named: named(Entity::Cable(cable), name), length }
        }
        FiberParent::Drop(client) => Parent { kind: ParentKind::Drop, named: named(Entity::Drop(client), ""), length },
        FiberParent::Cord(place) => {
            let name = &plant.places.get(place)?.name;
            Parent { kind: ParentKind::Place, named: named(Entity::Place(place), name), length: None }
        }
    })
}

/// The POPs, closures and boxes.
#[must_use]
pub fn places(plant: &Plant) -> Vec<Place> {
    plant
        .places
        .iter()
        .map(|(ix, row)| {
            let coords = row.at.coords();
            Place {
                id: id(Entity::Place(ix)),
                name: Some(Arc::from(&*row.name)),
                coords: Coords::new(coords.lng, coords.lat).ok(),
            }
        })
        .collect()
}

/// The feeder and distribution cables.
#[must_use]
pub fn cables(plant: &Plant) -> Vec<Cable> {
    plant
        .cables
        .iter()
        .map(|(ix, row)| Cable {
            id: id(Entity::Cable(ix)),
            name: Some(Arc::from(&*row.name)),
            ends: [Some(id(Entity::Place(row.a))), Some(id(Entity::Place(row.b)))],
            length: Metres::new(f64::from(row.documented_length)).ok(),
        })
        .collect()
}
