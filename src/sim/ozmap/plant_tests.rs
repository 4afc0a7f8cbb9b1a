//! Behaviours of the plant's routes, traces and marks, over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::model::ObjectId;
use super::routes_plant::COLLECTIONS;
use super::testing::{Caller, TOKEN, awkward, json_filter, options, start};
use super::{ChangedBy, OLT_COMMUNITY, OLT_PASSWORD, OzmapOptions, Population, SimulatedOzmap, TokenGrant, WriteKind};

async fn with(fault: &str) -> (SimulatedOzmap, Caller) {
    start(options().with_fault(fault.parse().unwrap())).await
}

/// All rows of a collection, by their identifiers.
async fn all(caller: &Caller, path: &str) -> BTreeMap<String, Value> {
    let (status, list) = caller.get(&format!("{path}?limit=-1")).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    let rows = list["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn thousandths(value: &Value) -> i64 {
    #[allow(clippy::cast_possible_truncation)] // dB and metres
    let whole = (value.as_f64().unwrap() * 1000.0).round() as i64;
    whole
}

async fn trace(caller: &Caller, code: &str) -> Value {
    let (status, body) = caller.get(&format!("/properties/client/{code}/potency")).await;
    assert_eq!(status, StatusCode::OK, "{code}: {body}");
    assert_eq!(body.as_array().unwrap().len(), 1);
    body[0].clone()
}

#[tokio::test]
async fn a_trace_goes_from_the_pon_to_the_drop_and_its_sums_agree() {
    let (_ozmap, caller) = awkward().await;
    let item = trace(&caller, "A-100").await;
    let elements = item["elements"].as_array().unwrap();
    let kinds: Vec<&str> = elements.iter().map(|one| text(&one["element"]["kind"])).collect();
    assert_eq!(
        kinds,
        ["PON", "DIO", "Fiber", "Passing", "Fiber", "Fusion", "Fiber", "Splitter", "Fiber", "Splitter", "Fiber"]
    );
    assert_eq!(elements[0]["attenuation"], Value::Null);
    assert_eq!(elements[0]["parent"]["name"], "Slot 1");
    let losses: i64 = elements[1..].iter().map(|one| thousandths(&one["attenuation"])).sum();
    assert_eq!(thousandths(&item["attenuation"]), losses);
    assert_eq!(thousandths(&item["arriving_potency"]), thousandths(&item["potency"]) - losses);
    let mut so_far = 0.0;
    for one in elements {
        so_far += one["parent"]["length"].as_f64().unwrap_or(0.0);
        assert!((one["distance"].as_f64().unwrap() - so_far).abs() < 1e-9, "{one}");
        assert_eq!(one["_convertedValues"]["distance"]["km"], one["distance"]);
        assert_eq!(one["parent"].get("kind").is_some(), one["element"]["kind"] == "Fiber", "{one}");
    }
    assert_eq!(item["distance"], elements.last().unwrap()["distance"]);
    let drop = &elements.last().unwrap()["parent"];
    assert_eq!((&drop["kind"], drop.get("name")), (&json!("Drop"), None));
    let (_, houses) = caller.get("/properties/client/A-100").await;
    assert_eq!((&item["id"], &item["box_id"], &drop["id"]), (&houses[0]["_id"], &houses[0]["box"], &houses[0]["drop"]));
    assert_eq!((&item["slot"]["number"], &item["pon"]["number"]), (&json!("1"), &json!("1")));
    assert_eq!((&item["olt"]["password"], &item["pon_reached"]), (&json!(OLT_PASSWORD), &json!(true)));
    let port = &elements[9]["element"]["port"];
    assert_eq!(port["number"], houses[0]["connections"][0]["port"]);
    let (_, splitter) = caller.get(&format!("/splitters/{}", text(&elements[9]["element"]["id"]))).await;
    let at = usize::try_from(port["number"].as_u64().unwrap()).unwrap() - 1;
    assert_eq!(splitter["ports"][at]["id"], port["id"]);
    assert_eq!(splitter["connectables"]["output"][at], houses[0]["connections"][0]["fiber"]);
}

/// The walk by rows of section 6.3 of the API's reference: elements from the drop upwards, without cords.
fn walk(
    connectors: &BTreeMap<String, Value>,
    connectables: &BTreeMap<String, Value>,
    connection: &Value,
) -> Vec<String> {
    let mut path = Vec::new();
    let (mut strand, mut at) = (text(&connection["fiber"]).to_owned(), text(&connection["id"]).to_owned());
    loop {
        if connectables[&strand]["kind"] == "Fiber" {
            path.push(strand.clone());
        }
        path.push(at.clone());
        let joint = &connectors[&at];
        if joint["kind"] == "PON" {
            return path;
        }
        let sides = &joint["connectables"];
        let is_it = |one: &&Value| one.as_str() == Some(&strand);
        let next = match text(&joint["kind"]) {
            "Splitter" => &sides["input"][0],
            "DIO" => {
                let port = sides["output"].as_array().unwrap().iter().position(|one| is_it(&one)).unwrap();
                &sides["input"][port]
            }
            _ => sides.as_array().unwrap().iter().find(|one| !is_it(one)).unwrap(),
        };
        let Some(next) = next.as_str() else { return path };
        strand = next.to_owned();
        let ends = connectables[&strand]["connectors"].as_array().unwrap();
        let Some(end) = ends.iter().find(|end| end.as_str() != Some(&at)) else {
            path.push(strand);
            return path;
        };
        at = text(end).to_owned();
    }
}

#[tokio::test]
async fn the_walk_by_rows_finds_the_path_of_every_trace() {
    let (ozmap, caller) =
        start(OzmapOptions::new(TOKEN).with(Population::clients(1200, 4)).with(Population::Awkward)).await;
    let connectors = all(&caller, "/network-connectors").await;
    let connectables = all(&caller, "/network-connectables").await;
    let cables = all(&caller, "/cables").await;
    let bases = all(&caller, "/base-boxes").await;
    for cable in cables.values() {
        assert!(bases.contains_key(text(&cable["boxA"])) && bases.contains_key(text(&cable["boxB"])), "{cable}");
    }
    for strand in connectables.values() {
        let holder = if strand["kind"] == "Fiber" { &cables } else { &bases };
        assert!(holder.contains_key(text(&strand["parent"])), "{strand}");
    }
    let mut pons = BTreeSet::new();
    for code in ["10001", "10064", "10065", "10066", "10900", "11200", "A-100", "A-189", "NO-PON"] {
        let item = trace(&caller, code).await;
        let (_, houses) = caller.get(&format!("/properties/client/{code}")).await;
        let path = walk(&connectors, &connectables, &houses[0]["connections"][0]);
        let elements = item["elements"].as_array().unwrap().iter().rev();
        assert_eq!(elements.map(|one| text(&one["element"]["id"])).collect::<Vec<_>>(), path, "{code}");
        pons.insert(item["pon"]["id"].to_string());
    }
    assert!(pons.len() > 4, "{pons:?}");
    assert!(ozmap.clients().len() > 1300);
}

#[tokio::test]
async fn paths_that_end_early_are_told_as_such_and_houses_without_one_are_422() {
    let (_ozmap, caller) = awkward().await;
    let item = trace(&caller, "NO-PON").await;
    assert_eq!((&item["pon_reached"], &item["potency"], &item["box_id"]), (&json!(false), &Value::Null, &Value::Null));
    for absent in ["olt", "shelf", "slot", "pon"] {
        assert_eq!(item.get(absent), None, "{absent}");
    }
    assert_eq!(thousandths(&item["arriving_potency"]), -thousandths(&item["attenuation"]));
    for code in ["UNCONNECTED", "NO-HOUSE"] {
        let (status, _) = caller.get(&format!("/properties/client/{code}/potency")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{code}");
    }
    let unentered = trace(&caller, "A-189").await;
    assert_eq!((&unentered["potency"], &unentered["pon"]["name"]), (&json!(0), &json!("PON 2")));
    for (fault, body) in [("trace-empty", Value::Null), ("trace-null", Value::Null), ("trace-empty-list", json!([]))] {
        let (ozmap, caller) = with(fault).await;
        assert_eq!(caller.get("/properties/client/A-100/potency").await, (StatusCode::OK, body), "{fault}");
        assert_eq!(caller.get("/properties/client/nobody/potency").await.0, StatusCode::NOT_FOUND, "{fault}");
        assert_eq!(ozmap.fault_counts()[0].fired, 1, "{fault}");
    }
}

#[tokio::test]
async fn every_collection_lists_pages_filters_and_reads_by_identifier() {
    let (ozmap, caller) = awkward().await;
    let mark = json!({"owner": "65a000000000004e00000001", "project": "65a000000000000f00000001",
                      "pendencyType": "65a000000000005000000001", "coords": [-48.5, -27.5]});
    assert_eq!(caller.post("/pendencies", &mark).await.0, StatusCode::CREATED);
    for collection in &COLLECTIONS {
        let name = collection.name;
        let rows = all(&caller, &format!("/{name}")).await;
        let ids: Vec<&String> = rows.keys().collect();
        let octets: Vec<u8> = collection.tables.iter().map(|kind| *kind as u8).collect();
        assert!(octets.is_sorted_by(|left, right| left < right), "{name}");
        assert_eq!(rows.is_empty(), ["connectors", "posts"].contains(&name), "{name}");
        let (mut paged, mut next) = (Vec::new(), Some(format!("/{name}?limit=7")));
        while let Some(path) = next {
            let (_, list) = caller.get(&path).await;
            assert_eq!(list["total"], json!(ids.len()), "{name}");
            paged.extend(list["rows"].as_array().unwrap().iter().map(|row| text(&row["id"]).to_owned()));
            next = list["nextUrl"].as_str().map(|url| url.strip_prefix("/api/v2").unwrap().to_owned());
        }
        assert_eq!(paged.iter().collect::<Vec<_>>(), ids, "{name}");
        let Some(last) = ids.last() else { continue };
        let found = caller
            .list(&format!("/{name}"), &json_filter("id", "in", json!([last, last, "65a0000000000000ff000001"])))
            .await;
        assert_eq!((&found["total"], &found["rows"][0]), (&json!(1), &rows[*last]), "{name}");
        assert_eq!(caller.get(&format!("/{name}/{last}")).await, (StatusCode::OK, rows[*last].clone()), "{name}");
        for key in ["createdAt", "updatedAt"] {
            assert!(rows[*last][key].as_str().is_some_and(|time| time.ends_with('Z')), "{name} {key}");
        }
    }
    let boxes = caller.list("/boxes", &json_filter("name", "like", json!("cto 2"))).await;
    assert_eq!(boxes["rows"][0]["hierarchyLevel"], json!(2));
    let inside = caller.list("/splitters", &json_filter("parent", "=", boxes["rows"][0]["id"].clone())).await;
    assert_eq!((&inside["total"], &inside["rows"][0]["isDrop"]), (&json!(1), &json!(true)));
    assert_eq!(inside["rows"][0]["ratio"], json!({"input": 1, "output": 16}));
    let olts = caller.list("/olts", &json_filter("ip", "=", json!("192.0.2.1"))).await;
    assert_eq!(olts["rows"][0]["snmp"]["community"], OLT_COMMUNITY);
    let entered = caller.list("/pons", &json_filter("potency", "!=", json!(0))).await;
    assert_eq!((&entered["total"], &entered["rows"][0]["potency"]), (&json!(1), &json!(4)));
    let record = format!("{:?}", ozmap.requests());
    assert!(!record.contains(OLT_COMMUNITY) && !record.contains(OLT_PASSWORD));
}

#[tokio::test]
async fn a_token_of_one_project_sees_that_project_of_the_plant() {
    let mut options = options();
    options.tokens.push(TokenGrant { projects: Some(vec!["Norte".to_owned()]), ..TokenGrant::new("norte-token") });
    let (ozmap, all_seeing) = start(options).await;
    let norte = Caller::new(&ozmap.url()).with_authorization(Some("norte-token"));
    assert_eq!(norte.get("/boxes").await.1["total"], json!(0));
    assert_eq!(norte.get("/projects").await.1["rows"][0]["name"], "Norte");
    assert_eq!(norte.get("/base-boxes").await.1["total"], json!(1), "the house");
    let (_, boxes) = all_seeing.get("/boxes?limit=1").await;
    let path = format!("/boxes/{}", text(&boxes["rows"][0]["id"]));
    assert_eq!(all_seeing.get(&path).await.0, StatusCode::OK);
    assert_eq!(norte.get(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(norte.get("/properties/client/A-100/potency").await.0, StatusCode::NOT_FOUND);
    let pendency = json!({"owner": "65a000000000004e00000001", "project": "65a000000000000f00000001",
                          "pendencyType": "65a000000000005000000001", "coords": [-48.5, -27.5]});
    assert_eq!(norte.post("/pendencies", &pendency).await.0, StatusCode::FORBIDDEN);
    assert!(ozmap.pendencies().is_empty());
}

#[tokio::test]
async fn pendencies_are_made_solved_and_found_and_posts_are_made() {
    let mut options = options();
    options.tokens.push(TokenGrant { read_only: true, ..TokenGrant::new("reader-token") });
    let (ozmap, caller) = start(options).await;
    let (_, types) = caller.get("/pendency-types").await;
    let good = json!({"owner": "65a000000000004e00000001", "project": "65a000000000000f00000001",
                      "pendencyType": types["rows"][0]["id"], "coords": [-48.5, -27.5], "name": "corte provável",
                      "unknown": 1});
    let (status, made) = caller.post("/pendencies", &good).await;
    assert_eq!((status, &made["id"], &made["solved"]), (StatusCode::CREATED, &made["_id"], &json!(false)));
    assert_eq!((&made["coords"], made.get("unknown")), (&json!([-48.5, -27.5]), None));
    let path = format!("/pendencies/{}", text(&made["id"]));
    assert_eq!(caller.patch(&path, &json!({"solved": true})).await, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(caller.get(&path).await.1["solved"], json!(true));
    for solved in [true, false] {
        let found = caller.list("/pendencies", &json_filter("solved", "=", json!(solved))).await;
        assert_eq!(found["total"], json!(u8::from(solved)));
    }
    for (key, value) in [
        ("coords", json!([-48.5])),
        ("coords", json!([200, 0])),
        ("owner", json!("me")),
        ("solved", json!("yes")),
        ("project", json!("65a000000000000f00000009")),
        ("pendencyType", json!("65a000000000005000000009")),
        ("owner", Value::Null),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let (status, body) = caller.post("/pendencies", &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(text(&body["message"]).starts_with(key), "{body}");
    }
    let post = json!({"element": {"id": made["id"], "kind": "pendency"}, "title": "t", "observation": "o"});
    let (status, row) = caller.post("/posts", &post).await;
    assert_eq!((status, &row["element"], &row["title"]), (StatusCode::CREATED, &post["element"], &json!("t")));
    let wrong = json!({"element": {"id": made["id"], "kind": "moon"}});
    assert_eq!(caller.post("/posts", &wrong).await.0, StatusCode::BAD_REQUEST);
    let reader = Caller::new(&ozmap.url()).with_authorization(Some("reader-token"));
    assert_eq!(reader.post("/pendencies", &good).await.0, StatusCode::FORBIDDEN);
    assert_eq!((ozmap.pendencies().len(), ozmap.posts().len()), (1, 1));
    let counts =
        [WriteKind::PendencyCreate, WriteKind::PendencyPatch, WriteKind::PostCreate].map(|kind| ozmap.writes_of(kind));
    assert_eq!(counts.map(|count| (count.asked, count.applied)), [(9, 1), (1, 1), (2, 1)]);
    let (_, writes) = caller.control(Method::GET, "/writes", None).await;
    assert_eq!(writes["writes"][4], json!({"kind": "pendency-create", "asked": 9, "applied": 1}));
    let (_, marks) = caller.control(Method::GET, "/marks", None).await;
    assert_eq!((&marks["pendencies"][0]["solved"], &marks["posts"][0]["title"]), (&json!(true), &json!("t")));
}

#[tokio::test]
async fn lists_show_what_was_written_since_the_page_before() {
    let (ozmap, caller) = awkward().await;
    let red = json_filter("status", "=", json!(1));
    let of_clients = json_filter("client.status", "=", json!(1));
    for round in 1..=3_u64 {
        assert_eq!(caller.list("/ftth-clients", &red).await["total"], json!(round));
        assert_eq!(caller.list("/properties", &of_clients).await["total"], json!(round));
        assert_eq!(caller.list("/base-boxes", &of_clients).await["total"], json!(round));
        let id = caller.id_of(&format!("A-10{round}")).await;
        caller.patch(&format!("/ftth-clients/{id}"), &json!({"status": 1, "code": format!("B-{round}")})).await;
        assert_eq!(caller.id_of(&format!("B-{round}")).await, id, "the index follows");
        assert_eq!(ozmap.client_by_code(&format!("A-10{round}")), None);
    }
    let changes = ozmap.changes_since(1);
    assert_eq!(
        changes.iter().map(|change| (change.number, change.status, change.by)).collect::<Vec<_>>(),
        [(2, 1, ChangedBy::Api), (3, 1, ChangedBy::Api)]
    );
    let client = changes[1].client;
    assert!(
        ozmap.set_status_of(client, false) && !ozmap.set_status_of("65a0000000000000000fffff".parse().unwrap(), true)
    );
    let last = ozmap.changes_since(3);
    assert_eq!((last[0].client, last[0].status, last[0].by), (client, 0, ChangedBy::Other));
    let statuses: BTreeMap<ObjectId, u8> = ozmap.statuses().into_iter().collect();
    assert_eq!((statuses.len(), statuses[&client]), (ozmap.clients().len(), 0));
    let (_, told) = caller.control(Method::GET, "/changes?since=3", None).await;
    assert_eq!(told["changes"][0]["by"], "other");
}

#[tokio::test]
async fn another_integration_turns_statuses_around_by_the_clock() {
    let (ozmap, _) = with("flip-statuses:clients=5,every=1ms,times=3").await;
    while ozmap.fault_counts()[0].fired < 3 {
        assert!(ozmap.clients().len() > 100);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(ozmap.request_count(), 0);
    let changes = ozmap.changes_since(0);
    assert_eq!((changes.len(), changes[0].by), (15, ChangedBy::Other));
}
