//! Rows as JSON, with the keys and spellings that each route has.

use serde_json::{Map, Value, json};

use super::fields::House;
use super::model::{BoxType, Client, IdKind, ObjectId, Onu, Property};
use super::plant::Joint;
use crate::model::Timestamp;

/// The login of every simulated OLT, which rows and traces hand out as the real service does: whoever reads them must
/// drop it, and tests look for these texts where they must not be.
pub const OLT_USER: &str = "simulated-olt-user";
/// The password beside [`OLT_USER`].
pub const OLT_PASSWORD: &str = "simulated-olt-password";
/// The SNMP community of every simulated OLT in its row.
pub const OLT_COMMUNITY: &str = "simulated-olt-community";

/// The identifier of a splitter's port, counted from 1: every splitter has room for 64.
pub(super) fn port_id(splitter: &Joint, port: usize) -> ObjectId {
    let port = u32::try_from(port).unwrap_or(u32::MAX);
    ObjectId::of(IdKind::SplitterPort, splitter.id.sequence().saturating_mul(64).saturating_add(port))
}

/// How a row names its identifier: lists say `id`, `/properties/client/:code` says `_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKey {
    Id,
    Underscore,
}

impl IdKey {
    fn put(self, row: &mut Map<String, Value>, id: ObjectId) {
        let key = match self {
            Self::Id => "id",
            Self::Underscore => "_id",
        };
        row.insert(key.to_owned(), text_of(id));
    }
}

fn text_of(id: ObjectId) -> Value {
    Value::String(id.to_string())
}

pub(super) fn time(time: Timestamp) -> Value {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(time.millis().min(253_402_300_799_999));
    Value::String(humantime::format_rfc3339_millis(at).to_string())
}

/// A client. Embedded in a house, its ONU has no identifier, and its name can be left out.
pub(super) fn client(client: &Client, id: IdKey, embedded: bool, with_name: bool) -> Value {
    let mut row = Map::new();
    id.put(&mut row, client.id);
    if let Some(code) = &client.code {
        row.insert("code".to_owned(), json!(code));
    }
    if let (Some(name), true) = (&client.name, with_name) {
        row.insert("name".to_owned(), json!(name));
    }
    row.insert("status".to_owned(), json!(client.status));
    row.insert("implanted".to_owned(), json!(client.implanted));
    row.insert("certified".to_owned(), json!(client.certified));
    row.insert("observation".to_owned(), json!(client.observation));
    row.insert("tags".to_owned(), json!(client.tags));
    row.insert("kind".to_owned(), json!("ftth"));
    match &client.onu {
        Onu::Missing => {}
        Onu::Null => {
            row.insert("onu".to_owned(), Value::Null);
        }
        Onu::Present(onu) => {
            let mut object = Map::new();
            for (key, value) in [
                ("serial_number", &onu.serial_number),
                ("mac_address", &onu.mac_address),
                ("user_PPPoE", &onu.user_pppoe),
            ] {
                if let Some(value) = value {
                    object.insert(key.to_owned(), json!(value));
                }
            }
            if let (Some(id), false) = (onu.id, embedded) {
                object.insert("id".to_owned(), text_of(id));
            }
            row.insert("onu".to_owned(), Value::Object(object));
        }
    }
    if let Some(cpe) = &client.cpe {
        row.insert("cpe".to_owned(), cpe.clone());
    }
    if let Some(external_id) = &client.external_id {
        row.insert("external_id".to_owned(), external_id.clone());
    }
    if client.made_by_api {
        row.insert("creatorData".to_owned(), creator());
    }
    row.insert("createdAt".to_owned(), time(client.created_at));
    row.insert("updatedAt".to_owned(), time(client.updated_at));
    Value::Object(row)
}

fn creator() -> Value {
    json!({"id": ObjectId::of(super::model::IdKind::User, 1), "name": "api", "username": "api"})
}

/// A house with its client.
pub(super) fn house(house: House<'_>, id: IdKey, with_names: bool) -> Value {
    let property: &Property = house.property;
    let past: Vec<Value> = property
        .past_clients
        .iter()
        .map(|past| {
            json!({"id": past.id, "code": past.code,
                   "enter_date": past.entered.map(time), "exit_date": past.left.map(time)})
        })
        .collect();
    let connections: Vec<Value> = property
        .connections
        .iter()
        .map(|at| {
            json!({"id": at.splitter, "kind": "Splitter", "port": at.port, "name": at.name,
                   "implanted": at.implanted, "fiber": at.fiber})
        })
        .collect();
    let mut row = Map::new();
    id.put(&mut row, property.id);
    row.insert("history".to_owned(), json!({"clients": past}));
    row.insert("observation".to_owned(), json!(property.observation));
    row.insert("tags".to_owned(), json!(property.tags));
    row.insert("kind".to_owned(), json!("Property"));
    row.insert("address".to_owned(), json!(property.address));
    row.insert("project".to_owned(), text_of(property.project));
    row.insert("drop".to_owned(), json!(property.drop_id));
    row.insert("cables".to_owned(), json!(property.drop_id.as_slice()));
    let (mut lng, mut lat) = (Value::Null, Value::Null);
    if let Some(coords) = property.coords {
        row.insert("coords".to_owned(), json!([coords.0, coords.1]));
        (lng, lat) = (json!(coords.0), json!(coords.1));
    }
    row.insert("lng".to_owned(), lng);
    row.insert("lat".to_owned(), lat);
    for (key, value) in [("box", property.box_id), ("parent", property.parent), ("pole", property.pole)] {
        if let Some(value) = value {
            row.insert(key.to_owned(), text_of(value));
        }
    }
    if let Some(power) = property.potency_read {
        row.insert("potencyRead".to_owned(), json!(power));
    }
    let embedded = house.client.map_or(Value::Null, |found| client(found, id, true, with_names));
    row.insert("client".to_owned(), embedded);
    row.insert("connections".to_owned(), Value::Array(connections));
    row.insert("createdAt".to_owned(), time(property.created_at));
    row.insert("updatedAt".to_owned(), time(property.updated_at));
    Value::Object(row)
}

/// A kind of box.
pub(super) fn box_type(found: &BoxType) -> Value {
    let fill = |colour: &str| json!({"fillColor": colour});
    json!({
        "id": found.id, "code": found.code, "prefix": found.prefix, "description": found.description,
        "default_level": found.default_level, "default_reserve": found.default_reserve,
        "config": {"base": {"color": "#3388FFFF"}, "regular": fill("#3388FFFF"),
                   "not_implanted": fill("#FFA500A6"), "draft": fill("#FF00FF")},
        "createdAt": time(found.created_at), "updatedAt": time(found.created_at),
    })
}

/// The names that a `select` asks for; no name means the whole row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Select(Vec<String>);

impl Select {
    /// Names with blanks or commas between.
    pub(super) fn add(&mut self, names: &str) {
        let names = names.split([' ', ',']).filter(|name| !name.is_empty());
        self.0.extend(names.map(str::to_owned));
    }

    /// Leaves what was asked for; `id`, `kind`, `lat` and `lng` come in any case, the last two null without `coords`.
    pub(super) fn trim(&self, row: Value) -> Value {
        let Value::Object(row) = row else { return row };
        if self.0.is_empty() {
            return Value::Object(row);
        }
        let has_coords = self.0.iter().any(|name| name == "coords");
        let mut kept = Map::new();
        for (key, value) in row {
            match key.as_str() {
                "id" | "_id" | "kind" => {
                    kept.insert(key, value);
                }
                "lat" | "lng" => {
                    kept.insert(key, if has_coords { value } else { Value::Null });
                }
                name if self.0.iter().any(|wanted| wanted == name) => {
                    kept.insert(key, value);
                }
                name => {
                    let inner: Vec<&str> =
                        self.0.iter().filter_map(|wanted| wanted.strip_prefix(name)?.strip_prefix('.')).collect();
                    if let (false, Value::Object(mut object)) = (inner.is_empty(), value) {
                        object.retain(|key, _| inner.contains(&key.as_str()));
                        kept.insert(key, Value::Object(object));
                    }
                }
            }
        }
        Value::Object(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_keeps_what_was_asked_for_and_what_always_comes() {
        let row = json!({"id": "1", "kind": "Property", "lat": 1.0, "lng": 2.0, "coords": [2.0, 1.0], "box": "b",
                         "client": {"code": "7", "status": 0}});
        let selected = |names: &[&str]| {
            let mut select = Select::default();
            names.iter().for_each(|names| select.add(names));
            select.trim(row.clone())
        };
        assert_eq!(selected(&[]), row);
        assert_eq!(selected(&["box"]), json!({"id": "1", "kind": "Property", "lat": null, "lng": null, "box": "b"}));
        assert_eq!(selected(&["box,coords"]), selected(&["box coords"]));
        assert_eq!(selected(&["coords"])["lat"], json!(1.0));
        assert_eq!(selected(&["client.code"])["client"], json!({"code": "7"}));
        assert_eq!(selected(&["nothing"]), json!({"id": "1", "kind": "Property", "lat": null, "lng": null}));
    }
}
