//! What integrations may put on the map: pendencies and posts. They are kept as they were sent, once they were checked.

use serde_json::{Map, Value, json};

use super::elements::Element;
use super::fields::{Field, FieldKind, Row};
use super::filter::{kind, parse_time};
use super::model::{IdKind, ObjectId};
use crate::model::Timestamp;

/// Marks that one simulation keeps.
pub(super) const MAX_MARKS: usize = 20_000;

/// Elements that a post may be about.
const POST_KINDS: [&str; 10] =
    ["property", "box", "building", "cable", "drop", "networkConnector", "pole", "pendency", "junctionBox", "duct"];

/// A pendency or a post; its identifier says which.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) id: ObjectId,
    pub(super) project: Option<ObjectId>,
    pub(super) fields: Map<String, Value>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

fn expect(what: &str, expected: &str, value: Option<&Value>) -> String {
    format!("{what}: {expected} is expected, found {}", value.map_or("nothing", kind))
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<ObjectId>().is_ok())
}

fn is_ids(value: &Value) -> bool {
    value.as_array().is_some_and(|members| members.iter().all(is_id))
}

fn is_text(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

fn is_position(value: &Value) -> bool {
    let Some([lng, lat]) = value.as_array().map(Vec::as_slice) else { return false };
    lng.as_f64().is_some_and(|lng| lng.abs() <= 180.0) && lat.as_f64().is_some_and(|lat| lat.abs() <= 90.0)
}

fn is_element(value: &Value) -> bool {
    let is_kind = |name: &Value| name.as_str().is_some_and(|name| POST_KINDS.contains(&name));
    value.get("id").is_some_and(is_id) && value.get("kind").is_some_and(is_kind)
}

/// What a key takes: a word for messages, and the check.
type Rule = (&'static str, &'static str, fn(&Value) -> bool);

const PENDENCY: [Rule; 10] = [
    ("owner", "an identifier", is_id),
    ("project", "an identifier", is_id),
    ("pendencyType", "an identifier", is_id),
    ("coords", "[longitude, latitude]", is_position),
    ("name", "a text", is_text),
    ("description", "a text", is_text),
    ("color", "a text", is_text),
    ("tags", "an array of identifiers", is_ids),
    ("responsibles", "an array of identifiers", is_ids),
    ("solved", "true or false", |value| value.is_boolean() || value.is_null()),
];

const POST: [Rule; 5] = [
    ("element", "an object of id and kind", is_element),
    ("owner", "an identifier", is_id),
    ("title", "a text", is_text),
    ("observation", "a text", is_text),
    ("tags", "an array of identifiers", is_ids),
];

/// Takes the keys that there are rules for; others are ignored, as in every PATCH.
fn read(body: &Value, rules: &[Rule], required: &[&str]) -> Result<Map<String, Value>, String> {
    let object = body.as_object().ok_or_else(|| expect("body", "an object", Some(body)))?;
    let mut fields = Map::new();
    for (key, expected, is_good) in rules {
        match object.get(*key) {
            Some(value) if is_good(value) => {
                fields.insert((*key).to_owned(), value.clone());
            }
            None if !required.contains(key) => {}
            found => return Err(expect(key, expected, found)),
        }
    }
    Ok(fields)
}

/// A new pendency's fields.
///
/// # Errors
/// Which key, what was expected, what was found.
pub(super) fn new_pendency(body: &Value) -> Result<Map<String, Value>, String> {
    let mut fields = read(body, &PENDENCY, &["owner", "project", "pendencyType", "coords"])?;
    for (key, value) in [("tags", json!([])), ("responsibles", json!([])), ("solved", json!(false))] {
        fields.entry(key).or_insert(value);
    }
    Ok(fields)
}

/// What a PATCH changes of a pendency.
///
/// # Errors
/// As [`new_pendency`].
pub(super) fn pendency_patch(body: &Value) -> Result<Map<String, Value>, String> {
    read(body, &PENDENCY, &[])
}

/// A new post's fields.
///
/// # Errors
/// As [`new_pendency`].
pub(super) fn new_post(body: &Value) -> Result<Map<String, Value>, String> {
    let mut fields = read(body, &POST, &["element"])?;
    fields.entry("owner").or_insert_with(|| json!(ObjectId::of(IdKind::User, 1)));
    fields.entry("tags").or_insert_with(|| json!([]));
    Ok(fields)
}

impl Mark {
    pub(super) fn keys(&self) -> &'static [&'static str] {
        if self.id.is(IdKind::Post) {
            &["element", "owner", "title", "observation", "tags"]
        } else {
            &[
                "owner",
                "project",
                "pendencyType",
                "coords",
                "name",
                "description",
                "color",
                "tags",
                "responsibles",
                "solved",
            ]
        }
    }

    pub(super) fn field(&self, path: &str) -> Field<'_> {
        match path {
            "id" | "_id" => return Field::Id(self.id),
            "createdAt" => return Field::Time(self.created_at),
            "updatedAt" => return Field::Time(self.updated_at),
            _ => {}
        }
        let mut value = None;
        for (depth, key) in path.split('.').enumerate() {
            value = if depth == 0 { self.fields.get(key) } else { value.and_then(|value: &Value| value.get(key)) };
        }
        value.map_or(Field::Missing, |value| field_of(value, Element::kind_of(path)))
    }

    /// A field that is an object.
    pub(super) fn nested(&self, key: &str) -> Value {
        self.fields.get(key).cloned().unwrap_or_default()
    }
}

fn field_of(value: &Value, kind: FieldKind) -> Field<'_> {
    match value {
        Value::Null => Field::Null,
        Value::Bool(value) => Field::Bool(*value),
        Value::Number(value) => value.as_f64().map_or(Field::Null, Field::Number),
        Value::String(text) => match kind {
            FieldKind::Id => text.parse().map_or(Field::Text(text), Field::Id),
            FieldKind::Time => parse_time(text).map_or(Field::Text(text), Field::Time),
            _ => Field::Text(text),
        },
        Value::Array(members) => match members.as_slice() {
            [Value::Number(lng), Value::Number(lat)] => {
                Field::Point(lng.as_f64().unwrap_or_default(), lat.as_f64().unwrap_or_default())
            }
            members => Field::Many(members.iter().map(|member| field_of(member, kind)).collect()),
        },
        Value::Object(_) => Field::Object,
    }
}
