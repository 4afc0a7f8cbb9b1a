//! The answer to `/properties/client/<code>/potency` into routes (`ozmap-api.md` 6.2).
//!
//! Only the fields named here are ever built: the OLT's login and address, which traces carry, are skipped by the parser.

use std::sync::Arc;

use serde::Deserialize;

use crate::model::{Dbm, Decibels, ElementId, Metres, PropertyId};
use crate::ozmap::answer::Answer;
use crate::ozmap::error::{Call, OzmapError};
use crate::ozmap::lenient::{List, Object, Scalar};
use crate::ozmap::rows::id;
use crate::plant::{HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Route};

/// More of an answer is not looked at; a client has one house, seldom two.
const MAX_ITEMS: usize = 64;

/// Kilometres to metres.
const METRES: f64 = 1000.0;

#[derive(Debug, Deserialize)]
struct RawItem {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default)]
    potency: Scalar,
    #[serde(default)]
    pon_reached: Scalar,
    #[serde(default)]
    attenuation: Scalar,
    #[serde(default)]
    olt: Object<RawNamed>,
    #[serde(default)]
    slot: Object<RawNamed>,
    #[serde(default)]
    pon: Object<RawNamed>,
    #[serde(default)]
    elements: List<RawHop>,
}

#[derive(Debug, Deserialize)]
struct RawNamed {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default)]
    name: Scalar,
    #[serde(default)]
    number: Scalar,
    #[serde(default)]
    kind: Scalar,
    #[serde(default)]
    port: Object<RawPort>,
    #[serde(default)]
    length: Scalar,
}

#[derive(Debug, Deserialize)]
struct RawPort {
    #[serde(default)]
    number: Scalar,
}

#[derive(Debug, Deserialize)]
struct RawHop {
    #[serde(default)]
    element: Object<RawNamed>,
    #[serde(default)]
    parent: Object<RawNamed>,
    #[serde(default)]
    attenuation: Scalar,
    #[serde(default)]
    distance: Scalar,
}

/// What a trace says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ozmap) enum Traced {
    /// Routes, each with the house that it leads to, where that is said.
    Routes(Vec<(Option<PropertyId>, Route)>),
    /// OZmap knows the client, and no way of its light.
    NoPath,
}

/// Reads a good answer. An empty body, `null` and an empty list mean that there is no route.
pub(in crate::ozmap) fn read(answer: &Answer, call: &Call, token: &str) -> Result<Traced, OzmapError> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Traced::NoPath);
    }
    // Anything but a list of objects is an empty one, except what is no JSON at all.
    let items: List<RawItem> = answer.json(call, token)?;
    let routes: Vec<_> =
        items.0.into_iter().take(MAX_ITEMS).filter_map(Object::known).filter_map(RawItem::route).collect();
    Ok(if routes.is_empty() { Traced::NoPath } else { Traced::Routes(routes) })
}

impl RawItem {
    /// `None` without elements.
    fn route(self) -> Option<(Option<PropertyId>, Route)> {
        let property = id(&self.id, &self.underscore_id);
        let hops: Vec<Hop> = self.elements.0.into_iter().filter_map(Object::known).map(RawHop::hop).collect();
        if hops.is_empty() {
            return None;
        }
        let pon_reached = self.pon_reached.flag().unwrap_or(false);
        let head_end =
            pon_reached.then(|| HeadEnd { olt: named(self.olt), slot: named(self.slot), pon: named(self.pon) });
        let route = Route {
            head_end,
            pon_reached,
            launch: self.potency.number().and_then(|power| Dbm::new(power).ok()).filter(|_| pon_reached),
            loss: decibels(&self.attenuation),
            hops,
        };
        Some((property, route))
    }
}

impl RawHop {
    fn hop(self) -> Hop {
        let (kind, port) = match &self.element {
            Object::Known(element) => (element.kind.text(), port(&element.port)),
            _ => (None, None),
        };
        let parent = match &self.parent {
            Object::Known(parent) => Some(Parent {
                kind: match parent.kind.text().map(|kind| kind.to_ascii_lowercase()).as_deref() {
                    Some("drop") => ParentKind::Drop,
                    Some("cable") => ParentKind::Cable,
                    _ => ParentKind::Place,
                },
                named: Named::default(),
                length: metres(&parent.length),
            }),
            _ => None,
        };
        let parent = parent.map(|parent| Parent { named: named(self.parent), ..parent });
        Hop {
            kind: kind.map_or(HopKind::Other, |kind| HopKind::from_word(&kind)),
            element: named(self.element),
            port,
            parent,
            loss: decibels(&self.attenuation),
            distance: metres(&self.distance).unwrap_or(Metres::from_thousandths(0)),
        }
    }
}

fn port(port: &Object<RawPort>) -> Option<u16> {
    let number = match port {
        Object::Known(port) => port.number.whole(),
        Object::Bare(bare) => bare.whole(),
        Object::Absent => None,
    };
    number.and_then(|number| u16::try_from(number).ok())
}

fn named(from: Object<RawNamed>) -> Named {
    match from {
        Object::Known(raw) => Named {
            id: id::<ElementId>(&raw.id, &raw.underscore_id),
            // A slot has no name in traces, but a number.
            name: raw.name.text().or_else(|| raw.number.text()).map(Arc::from),
        },
        Object::Bare(bare) => Named { id: bare.text().and_then(|text| text.parse().ok()), name: None },
        Object::Absent => Named::default(),
    }
}

fn decibels(field: &Scalar) -> Option<Decibels> {
    field.number().and_then(|loss| Decibels::new(loss).ok())
}

/// From kilometres.
fn metres(field: &Scalar) -> Option<Metres> {
    field.number().and_then(|kilometres| Metres::new(kilometres * METRES).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, html: false, retry_after: None, location: None, body: body.as_bytes().to_vec() }
    }

    fn call() -> Call {
        Call { method: "GET", path: "/api/v2/properties/client/1/potency".to_owned() }
    }

    fn traced(body: &Value) -> Traced {
        read(&answer(&body.to_string()), &call(), "t0ken").unwrap()
    }

    /// As captured, in short.
    fn item() -> Value {
        json!({
            "id": "65b000000000000000000101", "potency": 4, "pon_reached": true, "distance": 7.939, "attenuation": 24.586,
            "arriving_potency": -20.586, "box_id": "65a0000000000000000000b1",
            "olt": {"id": "65a000000000000000000201", "name": "OLT-CENTRO", "user": "root-7f3a", "password": "hunter2-7f3a",
                "ip": "192.0.2.10"},
            "slot": {"id": "65a000000000000000000203", "label": "", "number": "1"},
            "pon": {"id": "65a000000000000000000204", "name": "PON 2", "number": "2"},
            "elements": [
                {"element": {"id": "65a000000000000000000204", "index": "2", "name": "PON 2", "kind": "PON"},
                 "parent": {"id": "65a000000000000000000203", "name": "Slot 1"}, "attenuation": null, "distance": 0},
                {"element": {"id": "65a0000000000000000000a2", "name": "L1-F6", "kind": "Fiber", "fiberNumber": 6},
                 "parent": {"id": "65a0000000000000000000d5", "name": "CABO 01", "length": 0.3174, "kind": "Cable"},
                 "attenuation": "0,1264", "distance": "0.3174", "_convertedValues": {"distance": {"m": 317.4}}},
                {"element": {"_id": "65a0000000000000000000c6", "name": "", "kind": "Fusion"},
                 "parent": {"id": "65a0000000000000000000b8", "name": "CEO 08"}, "attenuation": 0.03, "distance": 3.2168},
                {"element": {"id": "65a0000000000000000000c1", "name": "Splitter 1", "kind": "Splitter",
                    "port": {"id": "65a0000000000000000000c2", "label": "", "number": 3}},
                 "parent": {"id": "65a0000000000000000000b1", "name": "CTO 12"}, "attenuation": 10.5, "distance": 7.9},
                {"element": {"id": "65a0000000000000000000c9", "kind": "Splitter", "port": "7"},
                 "parent": null, "attenuation": 10.5, "distance": 7.9},
                {"element": {"id": "65a0000000000000000000a1", "kind": "Fiber"},
                 "parent": {"id": "65a0000000000000000000d1", "length": 0.039, "kind": "Drop"},
                 "attenuation": 0.0156, "distance": 7.939},
            ]
        })
    }

    #[test]
    fn a_trace_as_captured_is_read_whole_and_in_metres() {
        let Traced::Routes(routes) = traced(&json!([item()])) else { panic!() };
        let (property, route) = &routes[0];
        assert_eq!(property.unwrap().to_string(), "65b000000000000000000101");
        assert_eq!(route.calculated(), Some(Dbm::new(-20.586).unwrap()));
        let head_end = route.head_end.as_ref().unwrap();
        assert_eq!(head_end.olt.name.as_deref(), Some("OLT-CENTRO"));
        assert_eq!((head_end.slot.name.as_deref(), head_end.pon.name.as_deref()), (Some("1"), Some("PON 2")));
        let kinds: Vec<HopKind> = route.hops.iter().map(|hop| hop.kind).collect();
        assert_eq!(
            kinds,
            [HopKind::Pon, HopKind::Fiber, HopKind::Fusion, HopKind::Splitter, HopKind::Splitter, HopKind::Fiber]
        );
        let fiber = &route.hops[1];
        assert_eq!((fiber.loss, fiber.distance), (Decibels::new(0.1264).ok(), Metres::new(317.4).unwrap()));
        assert_eq!(fiber.parent.as_ref().unwrap().length, Metres::new(317.4).ok());
        assert_eq!(route.hops[2].element.name, None);
        assert!(route.hops[2].element.id.is_some());
        assert_eq!((route.hops[3].port, route.hops[4].port), (Some(3), Some(7)));
        assert_eq!(route.hops[4].parent, None);
        assert_eq!(route.hops[5].parent.as_ref().unwrap().kind, ParentKind::Drop);
    }

    #[test]
    fn a_login_that_a_trace_carries_never_becomes_a_value() {
        let text = format!("{:?}", traced(&json!([item()])));
        for secret in ["root-7f3a", "hunter2-7f3a", "192.0.2.10"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("OLT-CENTRO"));
        let Traced::Routes(routes) = traced(&json!([item()])) else { panic!() };
        let kept = routes[0].1.encode().unwrap();
        assert!(!kept.windows(7).any(|part| part == b"hunter2"), "it would reach the database");
        // Nor does it get into the error of an answer that breaks off.
        let whole = json!([item()]).to_string();
        for end in 1..whole.len() {
            let Err(error) = read(&answer(&whole[..end]), &call(), "t0ken") else { continue };
            assert!(!error.to_string().contains("7f3a"), "{error}");
        }
    }

    #[test]
    fn a_way_that_ends_before_the_pon_has_no_power() {
        let mut early = item();
        early["pon_reached"] = json!(false);
        early["potency"] = json!(null);
        early["arriving_potency"] = json!(-4.1);
        let Traced::Routes(routes) = traced(&json!([early])) else { panic!() };
        let route = &routes[0].1;
        assert_eq!((route.calculated(), route.launch, route.head_end.is_none()), (None, None, true));
    }

    #[test]
    fn no_route_is_said_in_many_ways() {
        for body in
            ["", "  \n", "null", "[]", "{}", "[null]", "[{}]", r#"[{"elements": []}]"#, r#"[{"elements": null}]"#]
        {
            assert_eq!(read(&answer(body), &call(), "t0ken").unwrap(), Traced::NoPath, "{body:?}");
        }
        assert!(read(&answer("<html>"), &call(), "t0ken").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body in "\\PC{0,200}", number in any::<f64>()) {
            let _ = read(&answer(&body), &call(), "t0ken");
            let mut odd = item();
            odd["elements"][1]["distance"] = json!(number);
            odd["elements"][1]["attenuation"] = json!(number);
            let _ = traced(&json!([odd]));
        }
    }
}
