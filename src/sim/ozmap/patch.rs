//! The bodies of PATCH and batch-update, validated before anything is touched: a refused one changes nothing.

use serde_json::{Map, Value};

use super::filter::kind;
use super::model::{Client, Onu, OnuData, Property};

/// What a PATCH of a client changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ClientPatch {
    status: Option<u8>,
    implanted: Option<bool>,
    certified: Option<bool>,
    code: Option<String>,
    name: Option<String>,
    observation: Option<String>,
    tags: Option<Vec<String>>,
    cpe: Option<Value>,
    onu: Option<Onu>,
    external_id: Option<Value>,
}

/// What a PATCH of a house changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PropertyPatch {
    potency_read: Option<Option<f64>>,
    address: Option<String>,
    observation: Option<String>,
    tags: Option<Vec<String>>,
}

/// Keys of a batch for clients.
pub(super) const CLIENT_BATCH_KEYS: [&str; 3] = ["status", "implanted", "certified"];

/// Keys of a batch for houses.
pub(super) const PROPERTY_BATCH_KEYS: [&str; 1] = ["potencyRead"];

/// Keys of a house that OZmap lets change and that the simulation does not: moving a house is not its business, and
/// an answer that pretends would mislead.
const UNMOVABLE: [&str; 8] = ["kind", "parent", "box", "pole", "client", "drop", "project", "external_id"];

/// Reads the body of a PATCH of a client. Unknown keys are ignored.
///
/// # Errors
/// Which key, what was expected, what was found.
pub(super) fn client_patch(body: &Value) -> Result<ClientPatch, String> {
    let object = object(body)?;
    let mut patch = ClientPatch::default();
    for (key, value) in object {
        match key.as_str() {
            "status" => patch.status = Some(status(value)?),
            "implanted" => patch.implanted = Some(flag(key, value)?),
            "certified" => patch.certified = Some(flag(key, value)?),
            "code" => patch.code = Some(text(key, value)?),
            "name" => patch.name = Some(text(key, value)?),
            "observation" => patch.observation = Some(text(key, value)?),
            "tags" => patch.tags = Some(tags(value)?),
            "cpe" => patch.cpe = Some(value.clone()),
            "onu" => patch.onu = Some(onu(value)?),
            "external_id" => patch.external_id = Some(value.clone()),
            _ => {}
        }
    }
    Ok(patch)
}

/// Reads the body of a PATCH of a house. Unknown keys are ignored.
///
/// # Errors
/// As [`client_patch`]; also for keys that would move the house.
pub(super) fn property_patch(body: &Value) -> Result<PropertyPatch, String> {
    let mut patch = PropertyPatch::default();
    for (key, value) in object(body)? {
        match key.as_str() {
            "potencyRead" => patch.potency_read = Some(power(value)?),
            "address" => patch.address = Some(text(key, value)?),
            "observation" => patch.observation = Some(text(key, value)?),
            "tags" => patch.tags = Some(tags(value)?),
            unmovable if UNMOVABLE.contains(&unmovable) => {
                return Err(format!("{unmovable}: the simulation does not move houses"));
            }
            _ => {}
        }
    }
    Ok(patch)
}

/// The `update` of a batch, with the keys that are allowed there only.
///
/// # Errors
/// As [`client_patch`]; also for a foreign key unless `ignore_foreign`, and when nothing is left to update.
pub(super) fn batch_update(body: &Value, allowed: &[&str], ignore_foreign: bool) -> Result<Value, String> {
    let update = body.get("update").ok_or("update: an object is expected, found nothing")?;
    let update = update.as_object().ok_or_else(|| format!("update: an object is expected, found {}", kind(update)))?;
    let mut kept = Map::new();
    for (key, value) in update {
        if allowed.contains(&key.as_str()) {
            kept.insert(key.clone(), value.clone());
        } else if !ignore_foreign {
            let shown: String = key.chars().take(40).collect();
            return Err(format!("update: only {} may be updated in a batch, found {shown:?}", allowed.join(", ")));
        }
    }
    if kept.is_empty() && !ignore_foreign {
        return Err(format!("update: at least one of {} is expected", allowed.join(", ")));
    }
    Ok(Value::Object(kept))
}

fn object(body: &Value) -> Result<&Map<String, Value>, String> {
    body.as_object().ok_or_else(|| format!("body: an object is expected, found {}", kind(body)))
}

fn status(value: &Value) -> Result<u8, String> {
    match value.as_u64() {
        Some(0) => Ok(0),
        Some(1) => Ok(1),
        _ => Err(format!("status: 0 (OK) or 1 (ERROR) is expected, found {}", clip(value))),
    }
}

fn clip(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

fn flag(key: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{key}: true or false is expected, found {}", kind(value)))
}

fn text(key: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        other => Err(format!("{key}: a text is expected, found {}", kind(other))),
    }
}

fn tags(value: &Value) -> Result<Vec<String>, String> {
    let members = value.as_array().ok_or_else(|| format!("tags: an array is expected, found {}", kind(value)))?;
    members
        .iter()
        .map(|tag| {
            tag.as_str().map(str::to_owned).ok_or_else(|| format!("tags: texts are expected, found {}", kind(tag)))
        })
        .collect()
}

fn power(value: &Value) -> Result<Option<f64>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64()),
        other => Err(format!("potencyRead: a number or null is expected, found {}", kind(other))),
    }
}

/// The ONU is replaced as a whole: a text that is not sent becomes empty.
fn onu(value: &Value) -> Result<Onu, String> {
    if value.is_null() {
        return Ok(Onu::Null);
    }
    let object = value.as_object().ok_or_else(|| format!("onu: an object is expected, found {}", kind(value)))?;
    let field = |key: &str| match object.get(key) {
        None => Ok(Some(String::new())),
        Some(value) => text(&format!("onu.{key}"), value).map(Some),
    };
    Ok(Onu::Present(OnuData {
        id: None,
        serial_number: field("serial_number")?,
        mac_address: field("mac_address")?,
        user_pppoe: field("user_PPPoE")?,
    }))
}

/// Sets a field and tells whether that changed it.
fn set<T: PartialEq>(field: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) if *field != value => {
            *field = value;
            true
        }
        _ => false,
    }
}

impl ClientPatch {
    /// # Errors
    /// The client's `external_id` is sent again: OZmap refuses that.
    pub(super) fn check(&self, client: &Client) -> Result<(), String> {
        match (&self.external_id, &client.external_id) {
            (Some(sent), Some(held)) if sent == held => Err("external_id: is in use already".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether it changes by what clients are found.
    pub(super) fn renames(&self) -> bool {
        self.code.is_some() || self.onu.is_some()
    }

    /// Changes the client, tells whether anything is different.
    pub(super) fn apply(&self, client: &mut Client) -> bool {
        let mut patch = self.clone();
        if let (Some(Onu::Present(new)), Onu::Present(old)) = (&mut patch.onu, &client.onu) {
            new.id = old.id;
        }
        // Not a chain of ||: each one is to be set.
        let changes = [
            set(&mut client.status, patch.status),
            set(&mut client.implanted, patch.implanted),
            set(&mut client.certified, patch.certified),
            set(&mut client.code, patch.code.map(Some)),
            set(&mut client.name, patch.name.map(Some)),
            set(&mut client.observation, patch.observation),
            set(&mut client.tags, patch.tags),
            set(&mut client.cpe, patch.cpe.map(Some)),
            set(&mut client.onu, patch.onu),
            set(&mut client.external_id, patch.external_id.map(Some)),
        ];
        changes.contains(&true)
    }
}

impl PropertyPatch {
    /// Changes the house, tells whether anything is different.
    pub(super) fn apply(&self, property: &mut Property) -> bool {
        let patch = self.clone();
        let changes = [
            set(&mut property.potency_read, patch.potency_read.map(Some)),
            set(&mut property.address, patch.address),
            set(&mut property.observation, patch.observation),
            set(&mut property.tags, patch.tags),
        ];
        changes.contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_value_is_refused_with_its_key() {
        for (body, part) in [
            (json!({"status": 7}), "status: 0 (OK) or 1"),
            (json!({"status": "1"}), "status"),
            (json!({"status": true}), "status"),
            (json!({"implanted": 1}), "implanted"),
            (json!({"tags": [1]}), "tags"),
            (json!({"onu": "ZTEGC1B2F8FC"}), "onu"),
            (json!({"onu": {"serial_number": 5}}), "onu.serial_number"),
            (json!([]), "body"),
        ] {
            let error = client_patch(&body).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
        assert!(property_patch(&json!({"potencyRead": "-21"})).unwrap_err().contains("potencyRead"));
        assert!(property_patch(&json!({"box": null})).unwrap_err().contains("box"));
    }

    #[test]
    fn a_batch_updates_only_what_it_may() {
        let body = json!({"update": {"status": 1, "name": "x"}});
        assert!(batch_update(&body, &CLIENT_BATCH_KEYS, false).unwrap_err().contains("\"name\""));
        assert_eq!(batch_update(&body, &CLIENT_BATCH_KEYS, true).unwrap(), json!({"status": 1}));
        assert!(batch_update(&json!({"update": {}}), &CLIENT_BATCH_KEYS, false).is_err());
        assert!(batch_update(&json!({"update": 1}), &CLIENT_BATCH_KEYS, false).is_err());
        assert!(batch_update(&json!({}), &CLIENT_BATCH_KEYS, false).is_err());
    }

    proptest! {
        #[test]
        fn any_status_but_zero_and_one_is_refused(status in any::<i64>()) {
            let read = client_patch(&json!({"status": status}));
            prop_assert_eq!(read.is_ok(), status == 0 || status == 1);
        }
    }
}
