//! Writes over HTTP: single ones, batches, and what is refused.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::testing::{awkward, json_filter};

#[tokio::test]
async fn a_status_written_is_seen_through_every_route() {
    let (ozmap, caller) = awkward().await;
    let id = caller.id_of("A-100").await;
    let before = ozmap.client_by_code("A-100").unwrap();
    assert_eq!(
        caller.patch(&format!("/ftth-clients/{id}"), &json!({"status": 1})).await,
        (StatusCode::NO_CONTENT, Value::Null)
    );
    let (_, by_id) = caller.get(&format!("/ftth-clients/{id}")).await;
    let houses = caller.list("/properties", &json_filter("client", "=", json!(id))).await;
    let (_, by_code) = caller.get("/properties/client/A-100").await;
    for row in [&by_id, &houses["rows"][0]["client"], &by_code[0]["client"]] {
        assert_eq!((&row["status"], &row["updatedAt"]), (&json!(1), &by_id["updatedAt"]));
    }
    let after = ozmap.client_by_code("A-100").unwrap();
    assert!(after.updated_at > before.updated_at);
    assert_eq!((after.name, after.serial, after.writes), (before.name, before.serial, 1));
    assert_eq!((ozmap.status_of("A-100"), ozmap.writes(), ozmap.applied_writes()), (Some(1), 1, 1));
}

#[tokio::test]
async fn a_patch_of_the_same_value_bumps_the_time_of_change() {
    let (ozmap, caller) = awkward().await;
    let id = caller.id_of("A-100").await;
    let before = ozmap.client_by_code("A-100").unwrap().updated_at;
    caller.patch(&format!("/ftth-clients/{id}"), &json!({"status": 0})).await;
    assert!(ozmap.client_by_code("A-100").unwrap().updated_at > before);
    let changed = caller.list("/ftth-clients", &json_filter("updatedAt", ">", json!("2026-01-05T12:00:00.000Z"))).await;
    assert_eq!((&changed["total"], &changed["rows"][0]["code"]), (&json!(1), &json!("A-100")));
}

#[tokio::test]
async fn a_patch_changes_only_what_was_sent_and_replaces_the_onu_whole() {
    let (_ozmap, caller) = awkward().await;
    let id = caller.id_of("EXTERNAL").await;
    let path = format!("/ftth-clients/{id}");
    let (_, before) = caller.get(&path).await;
    let patch = json!({"name": "Nova", "implanted": false, "onu": {"serial_number": "X1"}, "unknown": {"a": [1]}});
    assert_eq!(caller.patch(&path, &patch).await.0, StatusCode::NO_CONTENT);
    let (_, after) = caller.get(&path).await;
    let mut expected = before.clone();
    expected["name"] = json!("Nova");
    expected["implanted"] = json!(false);
    expected["onu"] = json!({"serial_number": "X1", "mac_address": "", "user_PPPoE": "", "id": before["onu"]["id"]});
    expected["updatedAt"] = after["updatedAt"].clone();
    assert_eq!(after, expected);
    let (status, body) = caller.patch(&path, &json!({"external_id": "erp-77", "status": 1})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body["message"].as_str().unwrap().contains("external_id"));
    assert_eq!(caller.get(&path).await.1["status"], json!(0), "a refused patch changes nothing");
}

#[tokio::test]
async fn wrong_patches_are_refused() {
    let (ozmap, caller) = awkward().await;
    let id = caller.id_of("A-100").await;
    let path = format!("/ftth-clients/{id}");
    let house = caller.list("/properties", &json_filter("client", "=", json!(id))).await;
    let house = house["rows"][0]["id"].as_str().unwrap();
    let error = json!({"status": 1});
    assert_eq!(caller.patch("/ftth-clients/65a0000000000000000fffff", &error).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        caller.patch(&format!("/ftth-clients/{house}"), &error).await.0,
        StatusCode::NOT_FOUND,
        "a property's id"
    );
    assert_eq!(caller.patch("/ftth-clients/7", &error).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(caller.patch(&path, &json!({"status": 7})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(caller.patch(&path, &json!([1])).await.0, StatusCode::BAD_REQUEST);
    for (content_type, body) in [
        ("text/plain", "{\"status\": 1}"),
        ("application/json", "{\"status\": 1"),
        ("application/jsonp", "{}"),
        ("", "{}"),
    ] {
        assert_eq!(
            caller.patch_raw(&path, content_type, body).await.0,
            StatusCode::BAD_REQUEST,
            "{content_type} {body}"
        );
    }
    assert_eq!(ozmap.status_of("A-100"), Some(0));
    assert_eq!(ozmap.applied_writes(), 0);
    assert_eq!(
        caller.patch_raw(&path, "application/json; charset=utf-8", "{\"status\": 1}").await.0,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn the_read_power_is_written_on_the_property_alone() {
    let (ozmap, caller) = awkward().await;
    let list = caller.list("/properties", &json_filter("client.code", "=", json!("A-100"))).await;
    let row = &list["rows"][0];
    let path = format!("/properties/{}", row["id"].as_str().unwrap());
    assert_eq!(caller.patch(&path, &json!({"potencyRead": -21.37})).await.0, StatusCode::NO_CONTENT);
    let (_, after) = caller.get(&path).await;
    assert_eq!(after["potencyRead"], json!(-21.37));
    assert_ne!(after["updatedAt"], row["updatedAt"]);
    assert_eq!(after["client"], row["client"]);
    assert_eq!(ozmap.client_by_code("A-100").unwrap().potency_read, Some(-21.37));
    caller.patch(&path, &json!({"potencyRead": null})).await;
    assert_eq!(caller.get(&path).await.1.get("potencyRead"), Some(&Value::Null));
    assert_eq!(caller.patch(&path, &json!({"potencyRead": "x"})).await.0, StatusCode::BAD_REQUEST);
    let client = caller.id_of("A-100").await;
    assert_eq!(
        caller.patch(&format!("/properties/{client}"), &json!({"potencyRead": 1})).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_batch_changes_the_listed_clients_and_ignores_unknown_ones() {
    let (ozmap, caller) = awkward().await;
    let ids = [caller.id_of("A-100").await, caller.id_of("A-101").await, "65a0000000000000000fffff".to_owned()];
    let batch = json!({"update": {"status": 1}, "filter": json_filter("id", "in", json!(ids))});
    assert_eq!(caller.post("/ftth-clients/batch-update", &batch).await, (StatusCode::NO_CONTENT, Value::Null));
    let red: Vec<String> =
        ozmap.clients().into_iter().filter(|client| client.status == 1).map(|client| client.code).collect();
    assert_eq!(red, ["ALREADY-ERROR", "A-100", "A-101"]);
    assert_eq!((ozmap.writes(), ozmap.applied_writes()), (1, 1));
    let foreign = json!({"update": {"status": 0, "name": "x"}, "filter": json_filter("id", "in", json!(ids))});
    assert_eq!(caller.post("/ftth-clients/batch-update", &foreign).await.0, StatusCode::BAD_REQUEST);
    let malformed = json!({"update": {"status": 0}, "filter": {"property": "id"}});
    assert_eq!(caller.post("/ftth-clients/batch-update", &malformed).await.0, StatusCode::BAD_REQUEST);
    let nobody = json!({"update": {"status": 0}, "filter": json_filter("id", "in", json!([]))});
    assert_eq!(caller.post("/ftth-clients/batch-update", &nobody).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ozmap.status_of("A-100"), Some(1));
}

#[tokio::test]
async fn a_batch_without_a_filter_in_its_body_updates_everything() {
    let (ozmap, caller) = awkward().await;
    let path = "/ftth-clients/batch-update?filter=%5B%7B%22property%22%3A%22code%22%2C%22operator%22%3A%22%3D%22%2C%22value%22%3A%22A-100%22%7D%5D";
    assert_eq!(caller.post(path, &json!({"update": {"status": 1}})).await.0, StatusCode::NO_CONTENT);
    assert!(ozmap.clients().iter().all(|client| client.status == 1));
    assert_eq!(
        caller.post("/ftth-clients/batch-update", &json!({"update": {"status": 0}, "filter": []})).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(ozmap.clients().iter().all(|client| client.status == 0));
}

#[tokio::test]
async fn a_batch_of_properties_updates_the_power_alone() {
    let (ozmap, caller) = awkward().await;
    let filter = json_filter("client.code", "in", json!(["A-100", "A-101"]));
    let clear = json!({"update": {"potencyRead": null}, "filter": filter});
    assert_eq!(caller.post("/properties/batch-update", &clear).await.0, StatusCode::NO_CONTENT);
    let powers = ["A-100", "A-101", "A-102"].map(|code| ozmap.client_by_code(code).unwrap().potency_read);
    assert_eq!(powers, [None, None, Some(-19.0)]);
    let status = json!({"update": {"status": 1}, "filter": filter});
    assert_eq!(caller.post("/properties/batch-update", &status).await.0, StatusCode::BAD_REQUEST);
}
