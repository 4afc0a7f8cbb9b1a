//! The answer of `/properties/client/:code/potency`: the light path of a house and its calculated power.

use serde_json::{Map, Value, json};

use super::fields::House;
use super::plant::{Olt, Place, Plant, Pon, Shelf, Slot};
use super::render::{OLT_PASSWORD, OLT_USER};
use super::walk::Step;
use crate::model::{Decibels, Metres};

/// The trace of a house; `None` where no path is documented. Sums are exact: distances in millimetres and losses in
/// thousandths of a decibel are added as whole numbers.
pub(super) fn trace(plant: &Plant, house: House<'_>) -> Option<Value> {
    let connection = house.property.connections.first()?;
    let steps = plant.walk(connection.fiber, connection.splitter);
    if steps.is_empty() {
        return None;
    }
    let mut distance = 0_i32;
    let mut attenuation = 0_i32;
    let mut elements = Vec::with_capacity(steps.len());
    let mut reached = None;
    for step in steps.into_iter().rev() {
        let (mut element, loss) = match step {
            Step::Pon(pon) => {
                reached = Some(pon);
                (pon_element(plant, pon), None)
            }
            Step::Fiber(strand) => {
                let cable = plant.cable(strand.parent);
                let length = cable.map_or(Metres::from_thousandths(0), |cable| cable.length);
                distance = distance.saturating_add(length.thousandths());
                (fiber_element(plant, strand), Some(cable.map_or(Decibels::from_thousandths(0), |cable| cable.loss)))
            }
            Step::Joint(joint, port) => (joint_element(plant, joint, port), Some(joint.loss_of(port))),
        };
        attenuation = attenuation.saturating_add(loss.map_or(0, Decibels::thousandths));
        element.insert("attenuation".to_owned(), json!(loss));
        put_distance(&mut element, distance);
        elements.push(Value::Object(element));
    }
    let mut item = Map::new();
    item.insert("id".to_owned(), json!(house.property.id));
    item.insert("pon_reached".to_owned(), json!(reached.is_some()));
    item.insert("potency".to_owned(), json!(reached.map(|pon| pon.potency)));
    item.insert("attenuation".to_owned(), json!(Decibels::from_thousandths(attenuation)));
    let potency = reached.map_or(0, |pon| pon.potency.thousandths());
    let arriving = Decibels::from_thousandths(potency.saturating_sub(attenuation));
    item.insert("arriving_potency".to_owned(), json!(arriving));
    item.insert("box_id".to_owned(), json!(reached.and(house.property.box_id)));
    put_distance(&mut item, distance);
    item.insert("elements".to_owned(), Value::Array(elements));
    if let Some(pon) = reached {
        put_head_end(plant, pon, &mut item);
    }
    Some(Value::Array(vec![Value::Object(item)]))
}

/// The distance in kilometres, and again in other units.
fn put_distance(object: &mut Map<String, Value>, millimetres: i32) {
    let metres = Metres::from_thousandths(millimetres).get();
    let kilometres = f64::from(millimetres) / 1e6;
    object.insert("distance".to_owned(), json!(kilometres));
    let converted = json!({"m": metres, "km": kilometres, "ft": metres / 0.3048, "mi": metres / 1609.344});
    object.insert("_convertedValues".to_owned(), json!({ "distance": converted }));
}

fn with_parent(element: Value, parent: Value) -> Map<String, Value> {
    Map::from_iter([("element".to_owned(), element), ("parent".to_owned(), parent)])
}

fn pon_element(plant: &Plant, pon: &Pon) -> Map<String, Value> {
    let slot = plant.slot(pon.slot).map(|slot| json!({"id": slot.id, "name": slot.name}));
    with_parent(
        json!({"id": pon.id, "index": pon.number.to_string(), "name": pon.name, "kind": "PON",
               "connectables": pon.strand.as_slice()}),
        slot.unwrap_or_default(),
    )
}

fn fiber_element(plant: &Plant, strand: &super::plant::Strand) -> Map<String, Value> {
    let parent = plant.cable(strand.parent).map(|cable| {
        let kilometres = f64::from(cable.length.thousandths()) / 1e6;
        match &cable.name {
            Some(name) => json!({"id": cable.id, "name": name, "length": kilometres, "kind": "Cable"}),
            None => json!({"id": cable.id, "length": kilometres, "kind": "Drop"}),
        }
    });
    with_parent(
        json!({"id": strand.id, "name": strand.name(), "kind": "Fiber", "observation": null,
               "fiberNumber": strand.number}),
        parent.unwrap_or_default(),
    )
}

fn joint_element(plant: &Plant, joint: &super::plant::Joint, port: usize) -> Map<String, Value> {
    use super::plant::JointKind;
    let place = plant.place(joint.parent).map(|place: &Place| json!({"id": place.id, "name": place.name}));
    let kind = joint.kind.name();
    let element = match joint.kind {
        JointKind::Splitter => {
            let port_id = super::render::port_id(joint, port);
            json!({"id": joint.id, "name": joint.name, "kind": kind,
                   "port": {"id": port_id, "label": "", "number": port}})
        }
        JointKind::Dio => json!({"id": joint.id, "name": joint.name, "kind": kind, "label": "", "tray": 1,
                                 "port": port, "connectables": null, "shelf": null}),
        // As observed: a passing has no name at all, the others have an empty one.
        JointKind::Passing => json!({"id": joint.id, "kind": kind, "label": null, "tray": null, "port": null,
                                     "connectables": null, "shelf": null}),
        JointKind::Fusion | JointKind::Connector | JointKind::Undocumented => {
            json!({"id": joint.id, "name": joint.name, "kind": kind, "label": null, "tray": null, "port": null,
                   "connectables": null, "shelf": null})
        }
    };
    with_parent(element, place.unwrap_or_default())
}

fn put_head_end(plant: &Plant, pon: &Pon, item: &mut Map<String, Value>) {
    item.insert(
        "pon".to_owned(),
        json!({"id": pon.id, "name": pon.name, "number": pon.number.to_string(),
               "maximumClients": pon.max_clients}),
    );
    let Some(slot): Option<&Slot> = plant.slot(pon.slot) else { return };
    item.insert("slot".to_owned(), json!({"id": slot.id, "label": "", "number": slot.number.to_string()}));
    let Some(olt): Option<&Olt> = plant.olt(slot.olt) else { return };
    // The real service hands out the OLT's login here; clients must drop it.
    item.insert(
        "olt".to_owned(),
        json!({"id": olt.id, "name": olt.name, "label": "", "port": 22, "user": OLT_USER, "password": OLT_PASSWORD,
               "ip": olt.ip}),
    );
    let Some(shelf): Option<&Shelf> = plant.shelf(olt.shelf) else { return };
    item.insert("shelf".to_owned(), json!({"id": shelf.id, "name": shelf.name, "label": ""}));
}
