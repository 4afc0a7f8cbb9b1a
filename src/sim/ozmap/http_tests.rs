//! Behaviours of the routes, over HTTP.

use std::net::SocketAddr;

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::testing::{Caller, TOKEN, awkward, json_filter, options, start};
use super::{
    LoginAccount, OzmapOptions, Population, SeedClient, SimError, SimulatedOzmap, TokenGrant, TokenUse, WriteKind,
};

#[tokio::test]
async fn the_token_counts_raw_and_after_bearer_and_nothing_else_does() {
    let (ozmap, _) = awkward().await;
    for good in [TOKEN.to_owned(), format!("Bearer {TOKEN}"), format!("bearer {TOKEN}")] {
        let caller = Caller::new(&ozmap.url()).with_authorization(Some(&good));
        assert_eq!(caller.get("/authenticated").await.0, StatusCode::OK);
    }
    for bad in [None, Some(""), Some("Bearer"), Some("Basic aaa.bbb.ccc"), Some("aaa.bbb.ccd"), Some("aaa.bbb.cc")] {
        let caller = Caller::new(&ozmap.url()).with_authorization(bad);
        for path in
            ["/authenticated", "/ftth-clients", "/properties", "/properties/client/A-100", "/box-types", "/nothing"]
        {
            let (status, body) = caller.get(path).await;
            assert_eq!(
                (status, &body["message"]),
                (StatusCode::UNAUTHORIZED, &json!("unauthorized")),
                "{bad:?} {path}"
            );
        }
        let batch = json!({"update": {"status": 1}, "filter": json_filter("code", "=", json!("A-100"))});
        assert_eq!(caller.post("/ftth-clients/batch-update", &batch).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(ozmap.status_of("A-100"), Some(0));
    assert_eq!((ozmap.writes(), ozmap.applied_writes()), (6, 0));
    assert_eq!(ozmap.writes_of(WriteKind::ClientBatch).asked, 6);
    let uses: Vec<TokenUse> = ozmap.requests().iter().map(|request| request.token).collect();
    assert_eq!(uses[..3], [TokenUse::Accepted(1); 3]);
    assert_eq!(uses[3], TokenUse::Missing);
    assert_eq!(*uses.last().unwrap(), TokenUse::Refused);
}

#[tokio::test]
async fn neither_token_nor_password_is_ever_recorded_or_printed() {
    let user = LoginAccount { login: "api".to_owned(), password: SecretString::from("hunter2-hunter2") };
    let mut options = options();
    options.logins.push(user);
    let printed = format!("{options:?}");
    let (ozmap, caller) = start(options).await;
    let (status, body) = caller.post("/users/login", &json!({"login": "api", "password": "hunter2-hunter2"})).await;
    assert_eq!(status, StatusCode::OK);
    let issued = body["authorization"].as_str().unwrap().to_owned();
    let by_login = Caller::new(&ozmap.url()).with_authorization(Some(&issued));
    assert_eq!(by_login.get("/authenticated").await.0, StatusCode::OK);
    let (_, record) = caller.control(Method::GET, "/requests", None).await;
    let everything = format!("{printed}{record}{:?}{ozmap:?}{:?}", ozmap.requests(), ozmap.clients());
    for secret in [TOKEN, "hunter2-hunter2", &issued] {
        assert!(!everything.contains(secret), "{secret}");
    }
    assert_eq!(ozmap.requests()[1].token, TokenUse::Accepted(2));
}

#[tokio::test]
async fn a_login_with_a_wrong_password_is_401_and_a_malformed_one_400() {
    let mut options = OzmapOptions::new(TOKEN);
    options.logins.push(LoginAccount { login: "api".to_owned(), password: SecretString::from("right") });
    let (_ozmap, caller) = start(options).await;
    let caller = caller.with_authorization(None);
    let wrong = json!({"login": "api", "password": "wrong"});
    assert_eq!(caller.post("/users/login?type=API", &wrong).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(caller.post("/users/login", &json!({"login": "api"})).await.0, StatusCode::BAD_REQUEST);
    let right = json!({"login": "api", "password": "right"});
    assert_eq!(caller.post("/users/login?type=API", &right).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_client_row_has_the_documented_fields_and_id_only() {
    let (_ozmap, caller) = awkward().await;
    let list = caller.list("/ftth-clients", &json_filter("code", "=", json!("10|452"))).await;
    let row = &list["rows"][0];
    assert_eq!(
        *row,
        json!({"certified": false, "status": 0, "observation": "", "tags": [], "implanted": true,
            "onu": {"user_PPPoE": "", "serial_number": "ZTEGC1B2F8FC", "mac_address": "", "id": "65a000000000000a00000001"},
            "kind": "ftth", "code": "10|452", "name": "Maria Souza", "createdAt": "2026-01-05T12:00:00.000Z",
            "updatedAt": "2026-01-05T12:00:00.000Z", "id": "65a000000000000000000001"})
    );
    let (status, by_id) = caller.get("/ftth-clients/65a000000000000000000001").await;
    assert_eq!((status, &by_id), (StatusCode::OK, row));
    let response = caller.try_get("/ftth-clients").await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_property_row_embeds_its_client_and_refers_to_box_splitter_and_port() {
    let (_ozmap, caller) = awkward().await;
    let list = caller.list("/properties", &json_filter("client.code", "=", json!("A-100"))).await;
    let row = &list["rows"][0];
    assert_eq!(row["kind"], "Property");
    assert_eq!(row["client"]["code"], "A-100");
    assert_eq!(row["client"]["onu"], json!({"user_PPPoE": "", "serial_number": "ZTEGA0000100", "mac_address": ""}));
    assert_eq!(row["potencyRead"], json!(-18.0));
    assert_eq!(row["cables"], json!([row["drop"]]));
    assert_eq!(row["coords"], json!([row["lng"], row["lat"]]));
    assert_eq!(row["connections"][0]["kind"], "Splitter");
    assert!(row["connections"][0]["port"].as_u64().is_some_and(|port| (1..=16).contains(&port)));
    assert_eq!(row["history"]["clients"][0]["id"], row["client"]["id"]);
    assert_eq!((row.get("_id"), row["client"].get("_id")), (None, None));
    let (status, by_id) = caller.get(&format!("/properties/{}", row["id"].as_str().unwrap())).await;
    assert_eq!((status, &by_id), (StatusCode::OK, row));
}

#[tokio::test]
async fn awkward_rows_are_as_awkward_as_the_real_ones() {
    let (ozmap, caller) = awkward().await;
    let (_, all) = caller.get("/ftth-clients?limit=-1").await;
    let by_code = |code: &str| {
        let rows = all["rows"].as_array().unwrap();
        rows.iter().find(|row| row["code"] == code).cloned().unwrap_or_else(|| panic!("{code}"))
    };
    assert_eq!(by_code("ONU-NULL").get("onu"), Some(&Value::Null));
    assert_eq!(by_code("ONU-MISSING").get("onu"), None);
    assert_eq!(by_code("ONU-PARTIAL")["onu"], json!({"serial_number": "ZTEGC1B20000"}));
    assert_eq!(by_code("ONU-EMPTY")["onu"]["serial_number"], "");
    assert_eq!(by_code("NO-NAME").get("name"), None);
    assert_eq!(by_code("RESERVED")["implanted"], json!(false));
    assert_eq!(by_code("ALREADY-ERROR")["status"], json!(1));
    assert_eq!(by_code("JOSÉ")["name"], "José Ñandú 北京 🙂");
    assert_eq!(by_code("EXTERNAL")["creatorData"]["username"], "api");
    let houses = caller.list("/properties?limit=-1", &json!([])).await;
    let rows = houses["rows"].as_array().unwrap();
    let apartment = rows.iter().find(|row| row["client"]["code"] == "APARTMENT").unwrap();
    assert_eq!((&apartment["lat"], &apartment["lng"], apartment.get("coords")), (&Value::Null, &Value::Null, None));
    assert_eq!(apartment["parent"], apartment["box"]);
    assert_eq!(rows.iter().filter(|row| row["client"].is_null()).count(), 1);
    assert!(!rows.iter().any(|row| row["client"]["code"] == "NO-HOUSE"));
    assert_eq!(rows.iter().filter(|row| row["client"]["code"] == "TWO-HOUSES").count(), 2);
    assert!(all["total"].as_u64().unwrap() > 75, "more than three pages of 25");
    let serials = ["DUP-SN-1", "DUP-SN-2"].map(|code| ozmap.client_by_code(code).unwrap().serial);
    assert_ne!(serials[0], serials[1]);
    let [left, right] = serials.map(|serial| serial.parse::<crate::model::Serial>().unwrap());
    assert_eq!(left, right);
}

#[tokio::test]
async fn a_code_is_found_through_its_percent_encoded_path_with_underscored_identifiers() {
    let (_ozmap, caller) = awkward().await;
    for (path, code) in [
        ("10%7C452", "10|452"),
        ("AB%2F12", "AB/12"),
        ("casa%2012%20fundos", "casa 12 fundos"),
        ("S%C3%A3o-7", "São-7"),
        ("50%2525%2B1%3F%23%26", "50%25+1?#&"),
    ] {
        let (status, rows) = caller.get(&format!("/properties/client/{path}")).await;
        assert_eq!(status, StatusCode::OK, "{code}");
        assert_eq!(rows.as_array().unwrap().len(), 1, "{code}");
        assert_eq!(rows[0]["client"]["code"], code);
        assert!(rows[0]["_id"].is_string() && rows[0].get("id").is_none());
        assert!(rows[0]["client"]["_id"].is_string() && rows[0]["client"].get("id").is_none());
    }
    assert_eq!(caller.get("/properties/client/DUP-CODE").await.1.as_array().unwrap().len(), 2);
    assert_eq!(caller.get("/properties/client/TWO-HOUSES").await.1.as_array().unwrap().len(), 2);
    assert_eq!(caller.get("/properties/client/NO-HOUSE").await, (StatusCode::OK, json!([])));
    assert_eq!(caller.get("/properties/client/nobody").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_filter_is_taken_from_the_body_of_a_get() {
    let (_ozmap, caller) = awkward().await;
    let body = json!({"filter": json_filter("onu.serial_number", "=", json!("ZTEGC1B2F8FC")), "sort": [{"property": "id", "direction": 1}]});
    let (status, list) = caller.get_with("/ftth-clients?page=1&limit=100", &body).await;
    assert_eq!((status, &list["total"], &list["rows"][0]["code"]), (StatusCode::OK, &json!(1), &json!("10|452")));
}

#[tokio::test]
async fn lists_page_select_sort_and_ignore_unknown_parameters() {
    let (_ozmap, caller) = awkward().await;
    let (_, list) = caller.get("/properties?limit=2&select=box%20coords&code=A-100&locale=pt_BR&populate=client").await;
    assert_eq!((&list["count"], &list["limit"], &list["start"]), (&json!(2), &json!(2), &json!(0)));
    let row = list["rows"][0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["box", "coords", "id", "kind", "lat", "lng"]);
    let next = list["nextUrl"].as_str().unwrap();
    let (_, second) = caller.get(next.strip_prefix("/api/v2").unwrap()).await;
    assert_eq!(
        (&second["start"], second["rows"][0].as_object().unwrap().len()),
        (&json!(2), 6),
        "the selection is carried on"
    );
    let sort = "%5B%7B%22property%22%3A%22code%22%2C%22direction%22%3A-1%7D%5D";
    let (_, sorted) = caller.get(&format!("/ftth-clients?limit=1&sort={sort}")).await;
    assert_eq!(sorted["rows"][0]["code"], "casa 12 fundos");
    for wrong in ["limit=x", "filter=%7B%7D", "filter=nonsense", "sort=1", "cursor=1"] {
        assert_eq!(caller.get(&format!("/ftth-clients?{wrong}")).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (_, types) = caller.get("/box-types?page=1&limit=1").await;
    assert_eq!((&types["total"], &types["rows"][0]["code"]), (&json!(2), &json!("CTO")));
}

#[tokio::test]
async fn unknown_things_are_404() {
    let (_ozmap, caller) = awkward().await;
    for path in [
        "/nothing",
        "/ftth-clients/65a0000000000000000fffff",
        "/properties/65a0000000000000000fffff",
        "/properties/client/nobody/potency",
        "/boxes/65a0000000000000000fffff",
    ] {
        assert_eq!(caller.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(caller.get("/ftth-clients/xyz").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(caller.post("/ftth-clients", &json!({})).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_token_of_one_project_neither_sees_nor_changes_the_others() {
    let mut options = options();
    options.tokens.push(TokenGrant { projects: Some(vec!["Norte".to_owned()]), ..TokenGrant::new("norte-token") });
    options.tokens.push(TokenGrant { read_only: true, ..TokenGrant::new("reader-token") });
    let (ozmap, all) = start(options).await;
    let norte = Caller::new(&ozmap.url()).with_authorization(Some("norte-token"));
    assert_eq!(norte.get("/ftth-clients").await.1["total"], json!(1));
    assert_eq!(norte.get("/properties").await.1["total"], json!(1));
    assert_eq!(norte.get("/properties/client/A-100").await.0, StatusCode::NOT_FOUND);
    let id = all.id_of("A-100").await;
    assert_eq!(norte.patch(&format!("/ftth-clients/{id}"), &json!({"status": 1})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        norte.post("/ftth-clients/batch-update", &json!({"update": {"status": 1}})).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!((ozmap.status_of("A-100"), ozmap.status_of("NORTE-1")), (Some(0), Some(1)));
    let reader = Caller::new(&ozmap.url()).with_authorization(Some("reader-token"));
    assert_eq!(reader.get(&format!("/ftth-clients/{id}")).await.0, StatusCode::OK);
    assert_eq!(reader.patch(&format!("/ftth-clients/{id}"), &json!({"status": 1})).await.0, StatusCode::FORBIDDEN);
    assert_eq!(ozmap.status_of("A-100"), Some(0));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let (_ozmap, caller) = awkward().await;
    let long =
        json!({"update": {"status": 1}, "filter": json_filter("code", "in", json!(["x".repeat(5 * 1024 * 1024)]))});
    // A server may answer before it has read all, so the caller may see its own sending fail.
    if let Ok(response) = caller.try_send(Method::POST, "/ftth-clients/batch-update", &long).await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(caller.get("/authenticated").await.0, StatusCode::OK);
}

#[tokio::test]
async fn requests_are_recorded_in_order_with_what_was_asked_and_answered() {
    let (ozmap, caller) = awkward().await;
    caller.get("/ftth-clients?limit=1&x=%20y").await;
    caller.patch("/ftth-clients/65a000000000000000000001", &json!({"status": 1})).await;
    let requests = ozmap.requests();
    assert_eq!(requests.iter().map(|request| request.number).collect::<Vec<_>>(), [1, 2]);
    assert!(requests[0].at <= requests[1].at);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("GET", "/api/v2/ftth-clients"));
    assert_eq!((requests[0].query.as_deref(), requests[0].body.as_deref()), (Some("limit=1&x=%20y"), None));
    assert_eq!((requests[1].body.as_deref(), requests[1].status), (Some("{\"status\":1}"), Some(204)));
    assert!(requests[1].is_write() && !requests[0].is_write());
    assert_eq!(ozmap.requests_since(1), requests[1..]);
    let (_, record) = caller.control(Method::GET, "/requests?since=1", None).await;
    assert_eq!(
        (&record["total"], &record["requests"][0]["path"]),
        (&json!(2), &json!("/api/v2/ftth-clients/65a000000000000000000001"))
    );
    assert_eq!(record["requests"][0]["token"], json!({"accepted": 1}));
}

#[tokio::test]
async fn the_control_endpoint_needs_no_token_and_changes_clients_as_another_integration() {
    let (ozmap, caller) = awkward().await;
    let caller = caller.with_authorization(None);
    let red = json!({"status": 1});
    assert_eq!(caller.control(Method::POST, "/clients/AB%2F12/status", Some(&red)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ozmap.status_of("AB/12"), Some(1));
    assert_eq!(caller.control(Method::POST, "/clients/nobody/status", Some(&red)).await.0, StatusCode::NOT_FOUND);
    let wrong = json!({"status": 2});
    assert_eq!(caller.control(Method::POST, "/clients/A-100/status", Some(&wrong)).await.0, StatusCode::BAD_REQUEST);
    let (_, clients) = caller.control(Method::GET, "/clients?start=1&limit=2", None).await;
    assert_eq!((&clients["rows"][0]["code"], &clients["rows"][0]["status"]), (&json!("AB/12"), &json!(1)));
    assert_eq!(clients["rows"].as_array().unwrap().len(), 2);
    assert_eq!((ozmap.writes(), ozmap.request_count()), (0, 0));
}

#[tokio::test]
async fn a_list_of_clients_can_be_given_and_watched() {
    let list = vec![
        SeedClient::new("1", "Um").serial("HWTC00000001"),
        SeedClient { error: true, ..SeedClient::new("2", "Dois").mac("00:11:22:33:44:55") },
    ];
    let (ozmap, caller) = start(OzmapOptions::new(TOKEN).with(Population::List(list))).await;
    let (_, houses) = caller.get("/properties").await;
    assert_eq!(houses["total"], json!(2));
    assert_eq!(houses["rows"][0]["client"]["onu"]["serial_number"], "HWTC00000001");
    assert_eq!((ozmap.status_of("1"), ozmap.status_of("2"), ozmap.status_of("3")), (Some(0), Some(1), None));
    assert_eq!(ozmap.set_status("1", true), 1);
    assert_eq!(ozmap.client_by_code("1").unwrap().status, 1);
}

#[tokio::test]
async fn a_taken_address_is_told() {
    let (ozmap, _) = awkward().await;
    let options = OzmapOptions { listen: ozmap.address(), ..OzmapOptions::new(TOKEN) };
    let error = SimulatedOzmap::start(options).await.unwrap_err();
    assert!(matches!(error, SimError::Bind { .. }));
    assert!(error.to_string().contains(&ozmap.address().to_string()), "{error}");
}

#[tokio::test]
async fn contradicting_options_are_refused() {
    let refused = |options| async { SimulatedOzmap::start(options).await.unwrap_err().to_string() };
    let none = OzmapOptions { tokens: Vec::new(), ..OzmapOptions::new(TOKEN) };
    assert!(refused(none).await.contains("token"));
    assert!(refused(OzmapOptions::new("two words")).await.contains("token 1"));
    let mut options = OzmapOptions::new(TOKEN);
    options.tokens.push(TokenGrant { projects: Some(vec!["Sul".to_owned()]), ..TokenGrant::new("x") });
    assert!(refused(options).await.contains("Centro, Norte"));
}

/// Whether somebody still listens there.
async fn listens(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}

#[tokio::test]
async fn it_stops_when_told_and_when_dropped_even_with_open_connections() {
    let (ozmap, _) = awkward().await;
    let address = ozmap.address();
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    ozmap.stop().await;
    assert!(!listens(address).await);
    drop(idle);
    let (ozmap, _) = awkward().await;
    let address = ozmap.address();
    drop(ozmap);
    while listens(address).await {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
