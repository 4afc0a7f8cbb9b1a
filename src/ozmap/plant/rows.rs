//! Rows of OZmap's lists of network elements, and their octets for the store. As everywhere, only the fields named here are built.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Dbm, Decibels, ElementId};
use crate::ozmap::lenient::{Object, Scalar};
use crate::ozmap::rows::{RawReference, id};
use crate::plant::HopKind;

/// Most ports of a splitter or patch panel that are looked at.
const MAX_PORTS: usize = 4096;

/// The lists of OZmap that the plant is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(in crate::ozmap) enum List {
    Boxes,
    Pops,
    Buildings,
    Olts,
    Slots,
    Pons,
    Cables,
    /// Splitters, fusions and all else that joins fibres.
    Joints,
    /// Fibres and cords.
    Strands,
}

impl List {
    /// Every list. The order is on disk: new ones go to the end.
    pub(super) const ALL: [Self; 9] = [
        Self::Boxes,
        Self::Pops,
        Self::Buildings,
        Self::Olts,
        Self::Slots,
        Self::Pons,
        Self::Cables,
        Self::Joints,
        Self::Strands,
    ];

    /// Those that are read whole, by pages; of the others only what light passes is read.
    pub(super) const PAGED: [Self; 7] =
        [Self::Boxes, Self::Pops, Self::Buildings, Self::Olts, Self::Slots, Self::Pons, Self::Cables];

    /// The path below the API's root.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Boxes => "boxes",
            Self::Pops => "pops",
            Self::Buildings => "buildings",
            Self::Olts => "olts",
            Self::Slots => "slots",
            Self::Pons => "pons",
            Self::Cables => "cables",
            Self::Joints => "network-connectors",
            Self::Strands => "network-connectables",
        }
    }
}

/// A row of any of these lists.
#[derive(Debug, Deserialize)]
pub(in crate::ozmap) struct RawElement {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default)]
    kind: Scalar,
    #[serde(default)]
    name: Scalar,
    #[serde(default)]
    label: Scalar,
    #[serde(default)]
    parent: Object<RawReference>,
    /// An object of two lists, or a list of two. Ids only, whatever else stands there is passed over.
    #[serde(default)]
    connectables: Value,
    #[serde(default)]
    connectors: Value,
    #[serde(default)]
    attenuation: Value,
    #[serde(default, rename = "boxA")]
    box_a: Object<RawReference>,
    #[serde(default, rename = "boxB")]
    box_b: Object<RawReference>,
    #[serde(default)]
    length: Scalar,
    #[serde(default)]
    loss: Scalar,
    #[serde(default)]
    lat: Scalar,
    #[serde(default)]
    lng: Scalar,
    #[serde(default)]
    potency: Scalar,
}

/// A box, POP or building.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PlaceRow {
    pub name: Option<Arc<str>>,
    /// Longitude and latitude.
    pub at: Option<[f32; 2]>,
}

/// A cable or a drop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CableRow {
    pub drop: bool,
    pub name: Option<Arc<str>>,
    pub ends: [Option<ElementId>; 2],
    /// In the list's own unit, which is not documented.
    pub length: Option<f32>,
    /// Of one of its fibres.
    pub loss: Option<Decibels>,
}

/// What joins fibres.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct JointRow {
    /// A [`HopKind`], by its number.
    kind: u8,
    pub name: Option<Arc<str>>,
    pub parent: Option<ElementId>,
    /// Towards the head end; both sides of what has no direction.
    pub input: Box<[Option<ElementId>]>,
    /// Ports.
    pub output: Box<[Option<ElementId>]>,
    /// Of each port; one for what has no ports.
    pub loss: Box<[Option<Decibels>]>,
}

impl JointRow {
    pub(super) fn kind(&self) -> HopKind {
        HopKind::ALL.get(usize::from(self.kind)).copied().unwrap_or(HopKind::Other)
    }

    /// The strand by which light comes that goes out by this one, with the port on the way, from 1 on.
    pub(super) fn upstream(&self, strand: ElementId) -> Option<(Option<ElementId>, Option<u16>, Option<Decibels>)> {
        let place = |side: &[Option<ElementId>]| side.iter().position(|found| *found == Some(strand));
        let loss = |port: usize| self.loss.get(port).or_else(|| self.loss.first()).copied().flatten();
        let number = |port: usize| u16::try_from(port + 1).ok();
        if let Some(port) = place(&self.output) {
            let above = if self.kind() == HopKind::Splitter { self.input.first() } else { self.input.get(port) };
            return Some((above.copied().flatten(), number(port), loss(port)));
        }
        let port = place(&self.input).filter(|_| self.kind() != HopKind::Splitter)?;
        if self.output.is_empty() {
            let other = self.input.iter().enumerate().find(|(at, _)| *at != port).and_then(|(_, other)| *other);
            return Some((other, None, loss(0)));
        }
        // A patch panel that was documented the other way around.
        Some((self.output.get(port).copied().flatten(), number(port), loss(port)))
    }
}

/// A fibre or a cord.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StrandRow {
    pub name: Option<Arc<str>>,
    /// The cable, or the place of a cord.
    pub parent: Option<ElementId>,
    /// The joints at its ends.
    pub ends: [Option<ElementId>; 2],
}

/// An OLT, a card, or a port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeadRow {
    pub name: Option<Arc<str>>,
    pub parent: Option<ElementId>,
    pub launch: Option<Dbm>,
}

/// A row of ours.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    Place(PlaceRow),
    Cable(CableRow),
    Joint(JointRow),
    Strand(StrandRow),
    Head(HeadRow),
}

/// Names, each once: fibres of all cables have the same few.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    fn shared(&mut self, name: Option<Arc<str>>) -> Option<Arc<str>> {
        let name = name.filter(|name| !name.is_empty())?;
        if let Some(known) = self.0.get(&name) {
            return Some(Arc::clone(known));
        }
        self.0.insert(Arc::clone(&name));
        Some(name)
    }

    /// The same row with shared names.
    pub(super) fn share(&mut self, mut element: Element) -> Element {
        let name = match &mut element {
            Element::Place(row) => &mut row.name,
            Element::Cable(row) => &mut row.name,
            Element::Joint(row) => &mut row.name,
            Element::Strand(row) => &mut row.name,
            Element::Head(row) => &mut row.name,
        };
        *name = self.shared(name.take());
        element
    }
}

impl Object<RawElement> {
    /// Our row of a list; `None` without an id.
    pub(super) fn element(self, list: List) -> Option<(ElementId, Element)> {
        let Self::Known(raw) = self else { return None };
        let found = id(&raw.id, &raw.underscore_id)?;
        let name = raw.name.text().or_else(|| raw.label.text()).map(Arc::from);
        let parent = raw.parent.element();
        let element = match list {
            List::Boxes | List::Pops | List::Buildings => {
                Element::Place(PlaceRow { name, at: point(&raw.lng, &raw.lat) })
            }
            List::Olts | List::Slots | List::Pons => Element::Head(HeadRow {
                name,
                parent,
                launch: raw.potency.number().and_then(|power| Dbm::new(power).ok()),
            }),
            List::Cables => Element::Cable(CableRow {
                drop: raw.kind.text().is_some_and(|kind| kind.eq_ignore_ascii_case("drop")),
                name,
                ends: [raw.box_a.element(), raw.box_b.element()],
                // Six digits are enough for any length.
                #[allow(clippy::cast_possible_truncation)]
                length: raw
                    .length
                    .number()
                    .map(|length| length as f32)
                    .filter(|length| *length >= 0.0 && length.is_finite()),
                loss: raw.loss.number().and_then(|loss| Decibels::new(loss).ok()),
            }),
            List::Joints => {
                let (input, output) = match &raw.connectables {
                    Value::Object(sides) => (ids(sides.get("input")), ids(sides.get("output"))),
                    other => (ids(Some(other)), Box::default()),
                };
                let kind = raw.kind.text().map_or(HopKind::Other, |kind| HopKind::from_word(&kind));
                Element::Joint(JointRow {
                    kind: kind as u8,
                    name,
                    parent,
                    input,
                    output,
                    loss: losses(&raw.attenuation),
                })
            }
            List::Strands => {
                let ends = ids(Some(&raw.connectors));
                let end = |at| ends.get(at).copied().flatten();
                Element::Strand(StrandRow { name, parent, ends: [end(0), end(1)] })
            }
        };
        Some((found, element))
    }
}

impl Element {
    /// Its octets for the store, which hold nothing but the fields above.
    pub(super) fn encode(&self) -> Vec<u8> {
        let octets = match self {
            Self::Place(row) => serde_json::to_vec(row),
            Self::Cable(row) => serde_json::to_vec(row),
            Self::Joint(row) => serde_json::to_vec(row),
            Self::Strand(row) => serde_json::to_vec(row),
            Self::Head(row) => serde_json::to_vec(row),
        };
        // Such rows can always be written; what could not be would be read again.
        octets.unwrap_or_default()
    }

    /// From octets; `None` when they are of another version, or damaged: the row is read again.
    pub(super) fn decode(list: List, octets: &[u8]) -> Option<Self> {
        match list {
            List::Boxes | List::Pops | List::Buildings => serde_json::from_slice(octets).map(Self::Place),
            List::Olts | List::Slots | List::Pons => serde_json::from_slice(octets).map(Self::Head),
            List::Cables => serde_json::from_slice(octets).map(Self::Cable),
            List::Joints => serde_json::from_slice(octets).map(Self::Joint),
            List::Strands => serde_json::from_slice(octets).map(Self::Strand),
        }
        .ok()
    }
}

fn point(lng: &Scalar, lat: &Scalar) -> Option<[f32; 2]> {
    match (lng.number(), lat.number()) {
        // Four decimals of a degree are 11 m; an f32 keeps five.
        #[allow(clippy::cast_possible_truncation)]
        (Some(lng), Some(lat)) if lng.abs() <= 180.0 && lat.abs() <= 90.0 => Some([lng as f32, lat as f32]),
        _ => None,
    }
}

/// Ids in their places; a reference may have come expanded.
fn ids(list: Option<&Value>) -> Box<[Option<ElementId>]> {
    let one = |value: &Value| {
        let text = match value {
            Value::Object(row) => row.get("id").or_else(|| row.get("_id")).and_then(Value::as_str),
            other => other.as_str(),
        };
        text?.parse().ok()
    };
    list.and_then(Value::as_array).into_iter().flatten().take(MAX_PORTS).map(one).collect()
}

fn losses(field: &Value) -> Box<[Option<Decibels>]> {
    let one = |value: &Value| {
        let number = value.as_f64().or_else(|| value.as_str()?.trim().replace(',', ".").parse().ok())?;
        Decibels::new(number).ok()
    };
    match field {
        Value::Array(list) => list.iter().take(MAX_PORTS).map(one).collect(),
        Value::Null => Box::default(),
        other => Box::new([one(other)]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(list: List, row: Value) -> Option<Element> {
        serde_json::from_value::<Object<RawElement>>(row).unwrap().element(list).map(|(_, element)| element)
    }

    fn at(n: u32) -> ElementId {
        format!("65a{n:021x}").parse().unwrap()
    }

    fn joint(value: Value) -> JointRow {
        match row(List::Joints, value) {
            Some(Element::Joint(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_splitter_leads_every_output_to_its_input_with_the_loss_of_that_port() {
        let splitter = joint(json!({"id": at(1), "kind": "Splitter", "name": "S", "parent": {"_id": at(9)},
            "connectables": {"input": [at(2)], "output": [at(3), null, {"id": at(4)}]}, "attenuation": [3.5, "3,6", 7]}));
        assert_eq!(splitter.parent, Some(at(9)));
        let db = |loss| Decibels::new(loss).ok();
        assert_eq!(splitter.upstream(at(3)), Some((Some(at(2)), Some(1), db(3.5))));
        assert_eq!(splitter.upstream(at(4)), Some((Some(at(2)), Some(3), db(7.0))));
        // Light does not come out of its input.
        assert_eq!((splitter.upstream(at(2)), splitter.upstream(at(77))), (None, None));
    }

    #[test]
    fn joints_with_two_sides_are_passed_either_way() {
        let fusion =
            joint(json!({"id": at(1), "kind": "Fusion", "connectables": [at(2), at(3)], "attenuation": [0.05]}));
        let loss = Decibels::new(0.05).ok();
        assert_eq!(fusion.upstream(at(2)), Some((Some(at(3)), None, loss)));
        assert_eq!(fusion.upstream(at(3)), Some((Some(at(2)), None, loss)));
        let half = joint(json!({"id": at(1), "kind": "Fusion", "connectables": [null, at(3)]}));
        assert_eq!(half.upstream(at(3)), Some((None, None, None)));
        let dio = joint(json!({"id": at(1), "kind": "DIO", "attenuation": 0.25,
            "connectables": {"input": [at(2), at(3)], "output": [at(4), at(5)]}}));
        let loss = Decibels::new(0.25).ok();
        assert_eq!(dio.upstream(at(5)), Some((Some(at(3)), Some(2), loss)));
        assert_eq!(dio.upstream(at(2)), Some((Some(at(4)), Some(1), loss)));
    }

    #[test]
    fn a_row_survives_the_store_and_a_login_does_not_get_that_far() {
        let olt = json!({"id": at(1), "name": "OLT", "ip": "192.0.2.10", "user": "root-7f3a", "password": "hunter2-7f3a",
            "snmp": {"community": "s3cr3t-7f3a"}, "parent": at(2), "connectables": {"community": "s3cr3t-7f3a"}});
        let cable = json!({"id": at(1), "kind": "Drop", "boxA": at(2), "boxB": {"id": at(3)}, "length": "0.039", "loss": 0.0156});
        for (list, value) in [
            (List::Olts, olt),
            (List::Cables, cable),
            (List::Boxes, json!({"id": at(1), "name": "CTO", "lat": -27.5, "lng": -48.5})),
            (
                List::Joints,
                json!({"id": at(1), "kind": "Passing", "connectables": [at(2), at(3)], "attenuation": null}),
            ),
            (List::Strands, json!({"id": at(1), "name": "L1-F6", "parent": at(7), "connectors": [at(2)]})),
            (List::Pons, json!({"id": at(1), "name": "PON 2", "parent": at(7), "potency": "4.5"})),
        ] {
            let element = row(list, value).unwrap();
            let octets = element.encode();
            assert!(!String::from_utf8(octets.clone()).unwrap().contains("7f3a"));
            assert!(!format!("{element:?}").contains("7f3a"));
            assert_eq!(Element::decode(list, &octets).as_ref(), Some(&element));
            assert_eq!(Element::decode(list, &octets[..octets.len() / 2]), None);
        }
    }

    #[test]
    fn rows_of_another_shape_cost_nothing_but_themselves() {
        for value in [json!(null), json!("x"), json!({}), json!({"id": "../x"}), json!({"name": "no id"})] {
            for list in List::ALL {
                assert_eq!(row(list, value.clone()), None, "{value} {list:?}");
            }
        }
        let odd = joint(json!({"id": at(1), "kind": 7, "connectables": "x", "attenuation": {"a": 1}, "parent": []}));
        assert_eq!((odd.kind(), odd.input.len(), odd.parent), (HopKind::Other, 0, None));
    }
}
