//! Rows of OZmap's lists, as it sends them, into rows of ours.
//!
//! Only the fields named here are ever built; whatever else a row carries (OLT logins and communities among it) is
//! skipped by the parser and never becomes a value.

use serde::Deserialize;

use super::ids::{ClientId, ElementId, PropertyId, Status};
use super::lenient::{List, Object, Scalar};
use crate::model::{Dbm, Mac, Serial, Timestamp};

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Page<T> {
    /// The one field without which this is no page.
    pub rows: List<T>,
    #[serde(default)]
    total: Scalar,
    #[serde(default)]
    limit: Scalar,
    #[serde(default, rename = "hasNextPage")]
    has_next_page: Scalar,
    #[serde(default, rename = "nextUrl")]
    next_url: Scalar,
}

impl<T> Page<T> {
    /// How many rows there are in all, as the server says.
    pub(super) fn total(&self) -> Option<usize> {
        self.total.whole().and_then(|total| usize::try_from(total).ok())
    }

    /// The page size that the server really used.
    pub(super) fn limit(&self) -> Option<usize> {
        self.limit.whole().and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0)
    }

    pub(super) fn has_next_page(&self) -> Option<bool> {
        self.has_next_page.flag()
    }

    pub(super) fn next_url(&self) -> Option<String> {
        self.next_url.text()
    }
}

/// A client, as a row of `/ftth-clients` or inside of a property.
#[derive(Debug, Deserialize)]
pub(super) struct RawClient {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default)]
    code: Scalar,
    #[serde(default)]
    name: Scalar,
    #[serde(default)]
    status: Scalar,
    #[serde(default)]
    implanted: Scalar,
    #[serde(default, rename = "updatedAt")]
    updated_at: Scalar,
    #[serde(default)]
    onu: Object<RawOnu>,
}

#[derive(Debug, Default, Deserialize)]
struct RawOnu {
    #[serde(default)]
    serial_number: Scalar,
    #[serde(default)]
    mac_address: Scalar,
    #[serde(default, rename = "user_PPPoE")]
    pppoe: Scalar,
}

/// A row of any list of elements, of which only the name counts.
#[derive(Debug, Deserialize)]
pub(super) struct RawNamed {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default)]
    name: Scalar,
}

impl RawNamed {
    pub(super) fn row(self) -> Option<(ElementId, Option<String>)> {
        Some((id(&self.id, &self.underscore_id)?, self.name.text()))
    }
}

/// A row of `/properties`.
#[derive(Debug, Deserialize)]
pub(super) struct RawProperty {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
    #[serde(default, rename = "box")]
    box_id: Object<RawReference>,
    #[serde(default, rename = "potencyRead")]
    potency_read: Scalar,
    #[serde(default)]
    lat: Scalar,
    #[serde(default)]
    lng: Scalar,
    #[serde(default, rename = "updatedAt")]
    updated_at: Scalar,
    #[serde(default)]
    connections: List<RawConnection>,
    #[serde(default)]
    client: Object<RawClient>,
}

#[derive(Debug, Deserialize)]
struct RawConnection {
    #[serde(default)]
    id: Scalar,
    #[serde(default)]
    port: Object<RawPort>,
}

/// A port's number in an object, as traces write it.
#[derive(Debug, Deserialize)]
struct RawPort {
    #[serde(default)]
    number: Scalar,
}

/// A reference that came expanded.
#[derive(Debug, Deserialize)]
pub(super) struct RawReference {
    #[serde(default)]
    id: Scalar,
    #[serde(default, rename = "_id")]
    underscore_id: Scalar,
}

/// A client's row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClientRow {
    pub id: ClientId,
    pub code: Option<String>,
    pub name: Option<String>,
    pub serial: Option<Serial>,
    pub mac: Option<Mac>,
    pub pppoe: Option<String>,
    pub status: Option<Status>,
    pub implanted: bool,
    /// By OZmap's clock.
    pub updated_at: Option<Timestamp>,
}

/// A property's row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PropertyRow {
    pub id: PropertyId,
    pub box_id: Option<ElementId>,
    pub connector: Option<ElementId>,
    pub port: Option<u16>,
    pub potency_read: Option<Dbm>,
    pub coords: Option<[f32; 2]>,
    /// By OZmap's clock; of the house, not of its client.
    pub updated_at: Option<Timestamp>,
    pub client: ClientRow,
}

/// What a row of a list of properties is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// A house with a client.
    Served(Box<PropertyRow>),
    /// A house without a client: the filter was ignored.
    Empty,
    /// Not to be understood: no object, or without ids.
    Unreadable,
}

/// The identifier of a row, under either of its two names.
pub(super) fn id<T: std::str::FromStr>(id: &Scalar, underscore_id: &Scalar) -> Option<T> {
    [id, underscore_id].into_iter().find_map(|field| field.text().and_then(|text| text.parse().ok()))
}

/// A time as OZmap writes it, `2026-03-21T14:00:00.855Z`.
fn time(field: &Scalar) -> Option<Timestamp> {
    let text = field.text()?;
    humantime::parse_rfc3339(&text).ok().map(Timestamp::from)
}

impl Object<RawReference> {
    /// The id of a reference, bare or expanded.
    pub(super) fn element(&self) -> Option<ElementId> {
        match self {
            Self::Known(reference) => id(&reference.id, &reference.underscore_id),
            Self::Bare(bare) => bare.text().and_then(|text| text.parse().ok()),
            Self::Absent => None,
        }
    }
}

impl RawProperty {
    pub(super) fn changed_at(&self) -> Option<Timestamp> {
        time(&self.updated_at)
    }
}

impl RawClient {
    pub(super) fn changed_at(&self) -> Option<Timestamp> {
        time(&self.updated_at)
    }

    /// `None` without an id.
    pub(super) fn row(self) -> Option<ClientRow> {
        let onu = self.onu.known().unwrap_or_default();
        Some(ClientRow {
            id: id(&self.id, &self.underscore_id)?,
            code: self.code.text(),
            name: self.name.text(),
            serial: onu.serial_number.text().and_then(|text| text.parse().ok()),
            mac: onu.mac_address.text().and_then(|text| text.parse().ok()),
            pppoe: onu.pppoe.text(),
            status: match &self.status {
                // The entity's default is 0, and a missing field is that default.
                Scalar::Null => Some(Status::Ok),
                Scalar::Text(word) if word.trim().eq_ignore_ascii_case("ok") => Some(Status::Ok),
                Scalar::Text(word) if word.trim().eq_ignore_ascii_case("error") => Some(Status::Error),
                other => other.whole().and_then(Status::from_number),
            },
            implanted: self.implanted.flag().unwrap_or(true),
            updated_at: time(&self.updated_at),
        })
    }
}

impl Object<RawProperty> {
    /// Our row.
    pub(super) fn row(self) -> Row {
        let Self::Known(raw) = self else { return Row::Unreadable };
        let client = match raw.client {
            Object::Absent => return Row::Empty,
            Object::Known(client) => client.row(),
            Object::Bare(_) => None,
        };
        let (Some(id), Some(client)) = (id(&raw.id, &raw.underscore_id), client) else { return Row::Unreadable };
        let connection = raw.connections.0.into_iter().find_map(Object::known);
        let coords = match (raw.lng.number(), raw.lat.number()) {
            // Four decimals of a degree are 11 m; an f32 keeps five.
            #[allow(clippy::cast_possible_truncation)]
            (Some(lng), Some(lat)) if lng.abs() <= 180.0 && lat.abs() <= 90.0 => Some([lng as f32, lat as f32]),
            _ => None,
        };
        Row::Served(Box::new(PropertyRow {
            id,
            box_id: raw.box_id.element(),
            connector: connection
                .as_ref()
                .and_then(|connection| connection.id.text())
                .and_then(|text| text.parse().ok()),
            port: connection
                .and_then(|connection| match connection.port {
                    Object::Known(port) => port.number.whole(),
                    Object::Bare(bare) => bare.whole(),
                    Object::Absent => None,
                })
                .and_then(|port| u16::try_from(port).ok()),
            potency_read: raw.potency_read.number().and_then(|power| Dbm::new(power).ok()),
            coords,
            updated_at: time(&raw.updated_at),
            client,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn property(row: Value) -> Row {
        serde_json::from_value::<Object<RawProperty>>(row).unwrap().row()
    }

    fn served(row: Value) -> PropertyRow {
        match property(row.clone()) {
            Row::Served(row) => *row,
            other => panic!("{other:?} from {row}"),
        }
    }

    #[test]
    fn a_row_as_documented_is_read_whole() {
        let row = served(json!({
            "history": {"clients": [{"id": "65a000000000000000000001", "code": "10452"}]},
            "drop": "65a0000000000000000000d1", "kind": "Property", "coords": [-48.5273, -27.5786],
            "box": "65a0000000000000000000b1", "potencyRead": -21.3,
            "client": {"id": "65a000000000000000000001", "code": "10452", "name": "Maria Souza", "status": 1,
                "implanted": true, "updatedAt": "2026-03-21T14:00:00.855Z",
                "onu": {"user_PPPoE": " maria.souza ", "serial_number": "5A544547C1B2F8FC",
                "mac_address": "AA-BB-CC-DD-EE-FF", "id": "65a0000000000000000000aa"}, "kind": "ftth"},
            "id": "65a000000000000000000101", "lng": -48.5273, "lat": -27.5786,
            "connections": [{"id": "65a0000000000000000000c1", "kind": "Splitter", "port": 3}]
        }));
        assert_eq!(row.id.to_string(), "65a000000000000000000101");
        assert_eq!(row.box_id.unwrap().to_string(), "65a0000000000000000000b1");
        assert_eq!(row.connector.unwrap().to_string(), "65a0000000000000000000c1");
        assert_eq!((row.port, row.potency_read), (Some(3), Some(Dbm::new(-21.3).unwrap())));
        assert_eq!(row.coords, Some([-48.5273, -27.5786]));
        assert_eq!(row.client.serial.unwrap().as_str(), "ZTEGC1B2F8FC");
        assert_eq!(row.client.mac.unwrap().to_string(), "aa:bb:cc:dd:ee:ff");
        assert_eq!((row.client.status, row.client.implanted), (Some(Status::Error), true));
        assert_eq!(row.client.pppoe.as_deref(), Some("maria.souza"));
        assert_eq!(row.client.updated_at.unwrap().millis(), 1_774_101_600_855);
        assert_eq!(row.updated_at, None);
    }

    #[test]
    fn awkward_rows_are_read_as_far_as_they_go() {
        let row = served(json!({
            "_id": "65a000000000000000000101", "parent": "65a0000000000000000000f9", "lat": null, "lng": "x",
            "box": {"_id": "65a0000000000000000000b1", "name": "CTO"}, "potencyRead": "-19,75",
            "connections": [null, {"id": 5, "port": {"id": "x", "label": "", "number": "7"}}],
            "client": {"_id": "65a000000000000000000001", "code": 10452, "status": "1", "implanted": "false",
                "onu": null, "tags": {"deep": [1, {"x": null}]}}
        }));
        assert_eq!(row.client.code.as_deref(), Some("10452"));
        assert_eq!((row.client.status, row.client.implanted), (Some(Status::Error), false));
        assert_eq!((row.client.serial, row.client.mac), (None, None));
        assert_eq!((row.port, row.coords, row.connector), (Some(7), None, None));
        assert_eq!(row.potency_read, Some(Dbm::new(-19.75).unwrap()));
        assert!(row.box_id.is_some());
        for onu in [json!([]), json!("x"), json!(7), json!({"serial_number": ["a"], "mac_address": {}})] {
            let client = json!({"id": "65a000000000000000000001", "onu": onu, "status": 7});
            let row = served(json!({"id": "65a000000000000000000101", "client": client}));
            assert_eq!((row.client.serial, row.client.status, row.client.implanted), (None, None, true));
        }
    }

    #[test]
    fn a_row_that_is_no_served_house_is_told_apart() {
        assert_eq!(property(json!({"id": "65a000000000000000000101", "client": null})), Row::Empty);
        assert_eq!(property(json!({"id": "65a000000000000000000101"})), Row::Empty);
        for row in [
            json!(null),
            json!("x"),
            json!([1]),
            json!({"id": "65a000000000000000000101", "client": "65a000000000000000000001"}),
            json!({"id": "../../users", "client": {"id": "65a000000000000000000001"}}),
            json!({"id": "65a000000000000000000101", "client": {"code": "1"}}),
        ] {
            assert_eq!(property(row.clone()), Row::Unreadable, "{row}");
        }
    }

    #[test]
    fn a_page_needs_rows_and_nothing_else() {
        let page: Page<RawProperty> = serde_json::from_str(r#"{"rows": []}"#).unwrap();
        assert_eq!((page.total(), page.limit(), page.has_next_page(), page.next_url()), (None, None, None, None));
        let page: Page<RawProperty> =
            serde_json::from_str(r#"{"rows": {}, "total": "12", "limit": 0, "hasNextPage": "true", "nextUrl": "/x"}"#)
                .unwrap();
        assert_eq!((page.total(), page.limit(), page.has_next_page()), (Some(12), None, Some(true)));
        assert_eq!(page.next_url().as_deref(), Some("/x"));
        for text in [r#"{"message": "no"}"#, "[]", "null", "7"] {
            assert!(serde_json::from_str::<Page<RawProperty>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn logins_of_an_olt_never_become_values() {
        let page = json!({"rows": [{
            "id": "65a000000000000000000101",
            "olt": {"user": "root-7f3a", "password": "hunter2-7f3a", "snmp": {"community": "s3cr3t-7f3a"}},
            "password": "hunter2-7f3a",
            "client": {"id": "65a000000000000000000001", "password": "hunter2-7f3a",
                       "onu": {"serial_number": "ZTEGC1B2F8FC", "password": "hunter2-7f3a"}}
        }]});
        let page: Page<RawProperty> = serde_json::from_value(page).unwrap();
        assert!(!format!("{page:?}").contains("7f3a"));
        let rows: Vec<Row> = page.rows.0.into_iter().map(Object::row).collect();
        assert!(matches!(rows.as_slice(), [Row::Served(_)]) && !format!("{rows:?}").contains("7f3a"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,30}".prop_map(Value::from),
            Just(Value::from("65a000000000000000000001")),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                Just("id"),
                Just("_id"),
                Just("client"),
                Just("onu"),
                Just("status"),
                Just("implanted"),
                Just("code"),
                Just("serial_number"),
                Just("mac_address"),
                Just("connections"),
                Just("port"),
                Just("box"),
                Just("potencyRead"),
                Just("lat"),
                Just("lng"),
                Just("rows"),
                Just("total"),
                Just("other"),
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key.prop_map(str::to_owned), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_in_any_place_is_a_row_or_is_not_but_never_costs_the_page(rows in proptest::collection::vec(any_json(), 0..4)) {
            let text = json!({"rows": rows}).to_string();
            let page: Page<RawProperty> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(page.rows.0.len(), rows.len());
            for row in page.rows.0 {
                let _ = row.row();
            }
        }

        #[test]
        fn no_bytes_make_a_page_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = serde_json::from_slice::<Page<RawProperty>>(&bytes);
        }
    }
}
