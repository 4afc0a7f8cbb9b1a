//! Behaviours of the faults and switches, over HTTP.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::testing::{Caller, TOKEN, json_filter, options, read, start, was_reset};
use super::{Fault, FaultKind, Population, RetryAfter, Scope, SimulatedOzmap};

async fn with(fault: &str) -> (SimulatedOzmap, Caller) {
    start(options().with_fault(fault.parse().unwrap())).await
}

/// The first client of the awkward population.
const FIRST: &str = "/ftth-clients/65a000000000000000000001";

fn red() -> Value {
    json!({"status": 1})
}

#[tokio::test]
async fn refusing_faults_answer_instead_and_change_nothing() {
    for (fault, status, content_type) in [
        ("unauthorized", StatusCode::UNAUTHORIZED, "application/json; charset=utf-8"),
        ("forbidden", StatusCode::FORBIDDEN, "application/json; charset=utf-8"),
        ("not-found", StatusCode::NOT_FOUND, "application/json; charset=utf-8"),
        ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "application/json; charset=utf-8"),
        ("internal-error", StatusCode::INTERNAL_SERVER_ERROR, "application/json; charset=utf-8"),
        ("bad-gateway", StatusCode::BAD_GATEWAY, "text/html"),
        ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8"),
        ("gateway-timeout:delay=1ms", StatusCode::GATEWAY_TIMEOUT, "text/html"),
        ("html-instead-of-json", StatusCode::OK, "text/html"),
    ] {
        let (ozmap, caller) = with(fault).await;
        let response = caller.try_send(Method::PATCH, FIRST, &red()).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (status, &content_type.parse().unwrap()),
            "{fault}"
        );
        assert!(!response.text().await.unwrap().is_empty(), "{fault}");
        assert_eq!(ozmap.status_of("10|452"), Some(0), "{fault}");
        assert_eq!((ozmap.writes(), ozmap.applied_writes()), (1, 0), "{fault}");
        assert_eq!(ozmap.requests()[0].status, Some(status.as_u16()), "{fault}");
        ozmap.set_faults([]);
        assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::NO_CONTENT, "{fault}");
    }
}

#[tokio::test]
async fn an_error_can_come_after_the_write_was_done() {
    for fault in ["internal-error:applied=true", "bad-gateway:applied=true", "gateway-timeout:delay=1ms,applied=true"] {
        let (ozmap, caller) = with(fault).await;
        assert!(caller.patch(FIRST, &red()).await.0.is_server_error(), "{fault}");
        assert_eq!((ozmap.status_of("10|452"), ozmap.applied_writes()), (Some(1), 1), "{fault}");
    }
}

#[tokio::test]
async fn a_token_stops_being_good_after_so_many_requests_and_the_login_is_spared() {
    let (ozmap, caller) = with("unauthorized:after=2").await;
    let statuses = [
        caller.get("/authenticated").await.0,
        caller.get("/ftth-clients").await.0,
        caller.get("/ftth-clients").await.0,
        caller.patch(FIRST, &red()).await.0,
    ];
    assert_eq!(statuses, [StatusCode::OK, StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED]);
    assert_eq!(ozmap.fault_counts()[0].fired, 2);
    // The login is spared: it is refused here for its own reason, and the count stays.
    let login = json!({"login": "nobody", "password": "x"});
    assert_eq!(caller.post("/users/login", &login).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ozmap.fault_counts()[0].fired, 2);
}

#[tokio::test]
async fn retry_after_comes_in_seconds_as_a_date_or_not_at_all() {
    for (fault, expected) in [
        ("too-many-requests:retry-after=2500ms", Some("3")),
        ("too-many-requests", None),
        ("unavailable:retry-after=7s", Some("7")),
    ] {
        let (_ozmap, caller) = with(fault).await;
        let response = caller.try_get("/ftth-clients").await.unwrap();
        let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!(header, expected, "{fault}");
    }
    let (_ozmap, caller) = with("too-many-requests:retry-date=60s").await;
    let response = caller.try_get("/ftth-clients").await.unwrap();
    let date = response.headers()["retry-after"].to_str().unwrap();
    assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
}

#[tokio::test]
async fn a_fault_for_writes_leaves_reads_alone_and_ends_after_its_times() {
    let fault = Fault::always(FaultKind::TooManyRequests(RetryAfter::None)).on(Scope::Writes).times(2);
    let (ozmap, caller) = start(options().with_fault(fault)).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        assert_eq!(caller.get("/ftth-clients").await.0, StatusCode::OK);
        statuses.push(caller.patch(FIRST, &red()).await.0.as_u16());
    }
    assert_eq!(statuses, [429, 429, 204]);
    assert_eq!(ozmap.fault_counts()[0].seen, 3);
}

#[tokio::test]
async fn a_reset_before_leaves_the_client_as_it_was_and_a_reset_after_has_written() {
    for (fault, status) in [("reset-before", 0), ("reset-after", 1)] {
        let (ozmap, caller) = with(fault).await;
        let error = caller.try_send(Method::PATCH, FIRST, &red()).await.unwrap_err();
        assert!(was_reset(&error), "{fault}: {error:?}");
        assert_eq!(ozmap.status_of("10|452"), Some(status), "{fault}");
        assert_eq!(ozmap.requests()[0].status, None, "{fault}");
        ozmap.set_faults([]);
        assert_eq!(caller.get("/authenticated").await.0, StatusCode::OK, "{fault}");
    }
}

#[tokio::test]
async fn a_reset_in_the_body_comes_after_a_good_head() {
    let (_ozmap, caller) = with("reset-mid-body").await;
    let response = caller.try_get("/ftth-clients").await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_an_orderly_end() {
    let (ozmap, _) = with("reset-before").await;
    let mut socket = tokio::net::TcpStream::connect(ozmap.address()).await.unwrap();
    let request = format!("GET /api/v2/authenticated HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let error = socket.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn spoilt_bodies_arrive_as_if_whole() {
    let (_ozmap, caller) = with("truncated-json").await;
    let response = caller.try_get("/ftth-clients").await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
    let (ozmap, caller) = with("empty-ok").await;
    assert_eq!(caller.get("/ftth-clients").await, (StatusCode::OK, Value::Null));
    assert_eq!(caller.patch(FIRST, &red()).await, (StatusCode::OK, Value::Null));
    assert_eq!(ozmap.status_of("10|452"), Some(1), "the write was done");
    let (ozmap, caller) = with("truncated-json:times=1").await;
    assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ozmap.fault_counts()[0].fired, 0, "an answer without a body does not use the fault up");
}

#[tokio::test]
async fn a_slow_answer_is_the_right_answer() {
    let delay = Duration::from_millis(150);
    let (ozmap, caller) = with("slow-first-byte:delay=150ms").await;
    let begun = Instant::now();
    assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::NO_CONTENT);
    assert!(begun.elapsed() >= delay);
    assert_eq!(ozmap.status_of("10|452"), Some(1));
    let (_ozmap, caller) = with("slow-body:bytes=64,pause=5ms").await;
    let begun = Instant::now();
    let (status, body) = caller.get("/ftth-clients?limit=2").await;
    assert_eq!((status, &body["count"]), (StatusCode::OK, &json!(2)));
    // More than 640 octets go out in ten pieces or more.
    assert!(begun.elapsed() >= Duration::from_millis(45));
}

#[tokio::test]
async fn an_answer_on_a_connection_that_was_slow_before_is_not_slow_again() {
    let (ozmap, _) = with("slow-body:bytes=1,pause=1ms,times=1").await;
    let mut socket = tokio::net::TcpStream::connect(ozmap.address()).await.unwrap();
    let request = format!("GET /api/v2/authenticated HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN}\r\n\r\n");
    for _ in 0..2 {
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"{\"authenticated\":true}") {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    assert_eq!(ozmap.fault_counts()[0].fired, 1);
}

#[tokio::test]
async fn pages_repeat_lose_and_resend_rows_over_http() {
    let rows = |list: &Value| list["rows"].as_array().unwrap().clone();
    let (_ozmap, plain) = start(options()).await;
    let (_, first) = plain.get("/ftth-clients?limit=10&page=1").await;
    let (_, second) = plain.get("/ftth-clients?limit=10&page=2").await;
    for (fault, expected) in [
        ("rows-repeated:rows=2", [&rows(&first)[8..], &rows(&second)[..]].concat()),
        ("rows-missing", rows(&second)[1..].to_vec()),
        ("page-twice", rows(&first)),
    ] {
        let (ozmap, caller) = with(fault).await;
        assert_eq!(caller.get("/ftth-clients?limit=10&page=1").await.1["rows"], first["rows"], "{fault}");
        assert_eq!(ozmap.fault_counts()[0].seen, 0, "{fault}: the first page cannot show it");
        let (_, spoilt) = caller.get("/ftth-clients?limit=10&page=2").await;
        assert_eq!(rows(&spoilt), expected, "{fault}");
        assert_eq!(spoilt["total"], first["total"], "{fault}");
    }
    let (_ozmap, caller) = with("wrong-total:by=7").await;
    let (_, wrong) = caller.get("/ftth-clients").await;
    assert_eq!(wrong["total"].as_u64(), first["total"].as_u64().map(|total| total + 7));
}

#[tokio::test]
async fn envelopes_and_limits_vary_by_switch() {
    let (_ozmap, caller) = with("limit-cap:rows=3").await;
    for limit in ["limit=500", "limit=-1", ""] {
        let (_, list) = caller.get(&format!("/ftth-clients?{limit}")).await;
        assert_eq!(
            (&list["count"], &list["limit"], &list["hasNextPage"]),
            (&json!(3), &json!(3), &json!(true)),
            "{limit}"
        );
    }
    let (_ozmap, caller) = with("limit-cap:rows=0").await;
    assert_eq!(caller.get("/ftth-clients?limit=100000").await.1["hasNextPage"], json!(false));
    let (_ozmap, caller) = with("page-zero-refused").await;
    assert_eq!(caller.get("/ftth-clients?page=0").await.0, StatusCode::BAD_REQUEST);
    let (_ozmap, caller) = with("next-url-elsewhere").await;
    assert!(
        caller.get("/ftth-clients").await.1["nextUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://elsewhere.example:9994/api/v2/")
    );
    let (_ozmap, caller) = with("next-url-missing").await;
    assert_eq!(caller.get("/ftth-clients").await.1.get("nextUrl"), None);
    let (_ozmap, caller) = with("embedded-names-omitted").await;
    let (_, houses) = caller.get("/properties/client/A-100").await;
    assert_eq!((houses[0]["client"].get("name"), &houses[0]["client"]["code"]), (None, &json!("A-100")));
}

#[tokio::test]
async fn pages_without_a_sort_shift_while_others_write() {
    let (ozmap, caller) = with("unsorted-by-change").await;
    let codes = async |query: &str| {
        let (_, list) = caller.get(&format!("/ftth-clients?limit=10{query}")).await;
        list["rows"].as_array().unwrap().iter().map(|row| row["code"].to_string()).collect::<Vec<_>>()
    };
    let first = codes("&page=1").await;
    assert_eq!(ozmap.set_status("A-150", true), 1);
    let second = codes("&page=2").await;
    assert_eq!(second[0], first[9], "what was last is seen again");
    assert_eq!(codes("&page=1").await[0], "\"A-150\"");
    let by_id = "&page=1&sort=%5B%7B%22property%22%3A%22id%22%7D%5D";
    assert_eq!(codes(by_id).await, first, "a sort helps");
}

#[tokio::test]
async fn faults_can_be_for_traces_alone() {
    let (_ozmap, caller) = with("unavailable:on=traces").await;
    assert_eq!(caller.get("/properties/client/A-100").await.0, StatusCode::OK);
    assert_eq!(caller.get("/properties/client/A-100/potency").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn filters_get_lost_in_every_way() {
    let dotted = json_filter("onu.serial_number", "=", json!("ZTEGC1B2F8FC"));
    let (ozmap, plain) = start(options()).await;
    let all = json!(ozmap.clients().len());
    assert_eq!(plain.list("/ftth-clients", &dotted).await["total"], json!(1));
    let total = async |fault: &str, filter: &Value| {
        let (_ozmap, caller) = with(fault).await;
        caller.list("/ftth-clients", filter).await["total"].clone()
    };
    assert_eq!(total("dotted-filters-ignored", &dotted).await, all);
    assert_eq!(total("dotted-filters-empty", &dotted).await, json!(0));
    let nested = json!([[{"property": "code", "operator": "=", "value": "A-100"},
                         {"property": "code", "operator": "=", "value": "A-101"}]]);
    assert_eq!(plain.list("/ftth-clients", &nested).await["total"], json!(2));
    assert_eq!(total("nested-arrays-and", &nested).await, json!(0));
    assert_eq!(total("nested-arrays-ignored", &nested).await, all);
    let (_ozmap, caller) = with("nested-arrays-refused").await;
    assert_eq!(caller.get_with("/ftth-clients", &json!({"filter": nested})).await.0, StatusCode::BAD_REQUEST);
    let (_ozmap, caller) = with("get-body-dropped").await;
    assert_eq!(caller.get_with("/ftth-clients", &json!({"filter": dotted})).await.1["total"], all);
    assert_eq!(caller.list("/ftth-clients", &dotted).await["total"], json!(1), "the query arrives");
}

#[tokio::test]
async fn an_unknown_code_is_an_empty_list_by_switch() {
    let (_ozmap, caller) = with("unknown-code-empty").await;
    assert_eq!(caller.get("/properties/client/nobody").await, (StatusCode::OK, json!([])));
}

#[tokio::test]
async fn writes_vary_by_switch() {
    let (ozmap, caller) = with("empty-batch-refused").await;
    for batch in
        [json!({"update": red()}), json!({"update": red(), "filter": []}), json!({"update": red(), "filter": null})]
    {
        assert_eq!(caller.post("/ftth-clients/batch-update", &batch).await.0, StatusCode::BAD_REQUEST, "{batch}");
    }
    assert_eq!(ozmap.clients().iter().filter(|client| client.status == 1).count(), 1);
    let (ozmap, caller) = with("foreign-batch-keys-ignored").await;
    let filter = json_filter("code", "=", json!("A-100"));
    let batch = json!({"update": {"status": 1, "name": "x"}, "filter": filter});
    assert_eq!(caller.post("/ftth-clients/batch-update", &batch).await.0, StatusCode::NO_CONTENT);
    let client = ozmap.client_by_code("A-100").unwrap();
    assert_eq!((client.status, client.name.as_str()), (1, "Cliente 100"));
    let (ozmap, caller) = with("unchanged-keeps-updated-at").await;
    let before = ozmap.client_by_code("10|452").unwrap();
    caller.patch(FIRST, &json!({"status": 0})).await;
    assert_eq!(ozmap.client_by_code("10|452").unwrap().updated_at, before.updated_at);
    caller.patch(FIRST, &red()).await;
    assert!(ozmap.client_by_code("10|452").unwrap().updated_at > before.updated_at);
}

#[tokio::test]
async fn error_answers_vary_by_switch() {
    let wrong = json!({"status": 7});
    let (_ozmap, caller) = with("validation-422").await;
    let (status, body) = caller.patch(FIRST, &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body["message"].as_str().unwrap().contains("status"));
    for (fault, start) in [("error-body-text", "status:"), ("error-body-html", "<!DOCTYPE")] {
        let (_ozmap, caller) = with(fault).await;
        let (status, body) = caller.patch(FIRST, &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.as_str().unwrap().starts_with(start), "{fault}: {body}");
    }
    let (_ozmap, caller) = with("error-body-empty").await;
    assert_eq!(caller.patch(FIRST, &wrong).await, (StatusCode::BAD_REQUEST, Value::Null));
}

#[tokio::test]
async fn another_integration_turns_statuses_around_the_same_way_for_the_same_seed() {
    let run = async |seed| {
        let mut options = options().with_fault("flip-statuses:clients=3,times=5".parse().unwrap());
        options.seed = seed;
        let (ozmap, caller) = start(options).await;
        for _ in 0..10 {
            caller.get("/authenticated").await;
        }
        assert_eq!((ozmap.fault_counts()[0].fired, ozmap.writes()), (5, 0));
        ozmap.clients().into_iter().filter(|client| client.status == 1).map(|client| client.code).collect::<Vec<_>>()
    };
    let flipped = run(1).await;
    assert!(flipped.len() > 3, "{flipped:?}");
    assert_eq!(flipped, run(1).await);
    assert_ne!(flipped, run(2).await);
}

#[tokio::test]
async fn faults_are_set_and_read_through_the_control_endpoint() {
    let (_ozmap, caller) = start(options()).await;
    let faults =
        json!({"faults": [{"fault": "too-many-requests", "retry-after": "3s", "times": 1}, "forbidden:on=writes"]});
    assert_eq!(caller.control(Method::POST, "/faults", Some(&faults)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(read(caller.try_get("/authenticated").await.unwrap()).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::FORBIDDEN);
    let (_, counts) = caller.control(Method::GET, "/faults", None).await;
    let fired: Vec<u64> =
        counts["faults"].as_array().unwrap().iter().map(|count| count["fired"].as_u64().unwrap()).collect();
    assert_eq!(fired, [1, 1]);
    for (wrong, part) in [
        (json!({"faults": ["forbiden"]}), "\\\"forbidden\\\""),
        (json!({"faults": [{"fault": "forbidden", "on": "mondays"}]}), "\\\"on\\\""),
        (json!({}), "faults: an array"),
    ] {
        let (status, body) = caller.control(Method::POST, "/faults", Some(&wrong)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.to_string().contains(part), "{body}");
    }
    assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::FORBIDDEN, "a refused list changes nothing");
    caller.control(Method::POST, "/faults", Some(&json!({"faults": []}))).await;
    assert_eq!(caller.patch(FIRST, &red()).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn stopping_does_not_wait_for_an_answer_that_is_late() {
    let (ozmap, caller) = with("slow-first-byte:delay=1h").await;
    let asking = tokio::spawn(async move { caller.try_get("/authenticated").await.map(|response| response.status()) });
    while ozmap.request_count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ozmap.stop().await;
    assert!(asking.await.unwrap().is_err());
}

#[tokio::test]
async fn many_callers_at_once_are_served_and_counted() {
    let (ozmap, _) = start(super::OzmapOptions::new(TOKEN).with(Population::clients(300, 1))).await;
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..8_u64 {
        let url = ozmap.url();
        tasks.spawn(async move {
            let http = Caller::new(&url);
            for client in 0..20_u64 {
                let path = format!("/ftth-clients/65a0000000000000{:08x}", 1 + client * 8 + caller);
                assert_eq!(http.patch(&path, &json!({"status": 1})).await.0, StatusCode::NO_CONTENT);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!((ozmap.writes(), ozmap.applied_writes()), (160, 160));
    assert_eq!(ozmap.clients().iter().filter(|client| client.status == 1).count(), 160);
    assert_eq!(ozmap.requests().len(), 160);
}
