use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::Secret;
use crate::ozmap::error::Remedy;
use crate::ozmap::fake::{Fake, Reply, TOKEN, client_id, house, property_id, quick, reply};

fn client(fake: &Fake) -> Client {
    Client::with_timing(&fake.config(), quick()).unwrap()
}

async fn read(fake: &Fake) -> Directory {
    let bounds = Bounds { page_size: 10, ..BOUNDS };
    client(fake).read_within(bounds, |_, _| {}).await.unwrap()
}

fn houses(count: usize) -> Vec<Value> {
    (0..count).map(house).collect()
}

#[tokio::test]
async fn the_whole_list_is_read_by_pages_of_500_with_a_raw_token() {
    let mut rows = houses(1203);
    rows.insert(700, json!({"id": property_id(9999), "client": null}));
    let fake = Fake::start(rows).await;
    let mut progress = Vec::new();
    let directory = client(&fake).read_directory(|rows, total| progress.push((rows, total))).await.unwrap();
    assert_eq!(directory.len(), 1203);
    assert_eq!(progress, [(500, Some(1203)), (1000, Some(1203)), (1203, Some(1203))]);
    let log = fake.world(|world| world.log.clone());
    assert_eq!(log.len(), 3);
    for (seen, page) in log.iter().zip(1..) {
        assert_eq!((seen.line.as_str(), seen.authorization.as_str()), ("GET /properties", TOKEN));
        assert_eq!((seen.query["page"].as_str(), seen.query["limit"].as_str()), (page.to_string().as_str(), "500"));
        assert_eq!(seen.query["sort"], r#"[{"direction":1,"property":"id"}]"#);
        let filter: Value = serde_json::from_str(&seen.query["filter"]).unwrap();
        assert_eq!(filter, json!([{"property": "client", "operator": "!=", "value": null}]));
    }
    assert_eq!(*directory.report(), crate::ozmap::ReadReport { pages: 3, passes: 1, ..Default::default() });
}

#[tokio::test]
async fn nothing_that_an_envelope_leaves_out_or_gets_wrong_loses_a_row() {
    for count in [0, 1, 9, 10, 11, 20, 35] {
        for (name, change) in [
            ("plain", Box::new(|_: &mut crate::ozmap::fake::World| {}) as Box<dyn Fn(&mut crate::ozmap::fake::World)>),
            ("bare", Box::new(|world| world.bare_envelope = true)),
            ("capped", Box::new(|world| world.page_cap = Some(3))),
            ("capped and bare", Box::new(|world| (world.page_cap, world.bare_envelope) = (Some(3), true))),
            ("total too small", Box::new(|world| world.stated_total = Some(1))),
            ("total too large", Box::new(|world| world.stated_total = Some(1000))),
            ("foreign link", Box::new(|world| world.next_url = Some("https://evil.example/x".to_owned()))),
        ] {
            let fake = Fake::start(houses(count)).await;
            fake.world(|world| change(world));
            let directory = read(&fake).await;
            assert_eq!(directory.len(), count, "{name} {count}");
            let pages = fake.world(|world| world.log.len());
            assert!(pages <= 2 * (count / 3 + 3), "{name} {count}: {pages} pages");
            assert_eq!(directory.report().foreign_links > 0, name == "foreign link", "{name} {count}");
        }
    }
}

#[tokio::test]
async fn a_page_sent_twice_costs_no_client() {
    for (asked, sent) in [(2, 1), (4, 3), (3, 1)] {
        let fake = Fake::start(houses(45)).await;
        fake.world(|world| {
            world.repeated.insert(asked, sent);
            world.heals = true;
        });
        let directory = read(&fake).await;
        assert_eq!((directory.len(), directory.report().missing), (45, 0), "{asked} {sent}");
        assert_eq!(directory.report().passes, 2);
        assert!(directory.report().repeated >= 10);
    }
}

#[tokio::test]
async fn rows_that_never_come_are_reported() {
    let fake = Fake::start(houses(45)).await;
    fake.world(|world| world.repeated.insert(2, 1));
    let directory = read(&fake).await;
    assert_eq!((directory.len(), directory.report().missing, directory.report().passes), (35, 10, 2));
}

#[tokio::test]
async fn a_row_that_goes_while_the_list_is_read_costs_no_other() {
    let fake = Fake::start(houses(45)).await;
    // The rows behind it move up by one, and so one of them to a page that was read.
    fake.world(|world| world.vanish.insert(3, property_id(2)));
    let directory = read(&fake).await;
    let ids: Vec<String> = directory.clients().map(|client| client.id.to_string()).collect();
    assert!((0..45).filter(|n| *n != 2).all(|n| ids.contains(&client_id(n))), "{ids:?}");
    assert_eq!(directory.report().passes, 2);
}

#[tokio::test]
async fn up_to_four_pages_are_on_their_way_at_a_time_and_taken_in_order() {
    let fake = Fake::start(houses(120)).await;
    // The second page is the slowest, and the third and the fourth come before it.
    fake.world(|world| world.slow_page = Some((2, Duration::from_millis(300))));
    let mut counts = Vec::new();
    let bounds = Bounds { page_size: 10, ..BOUNDS };
    let directory = client(&fake).read_within(bounds, |clients, _| counts.push(clients)).await.unwrap();
    assert_eq!((directory.len(), directory.report().pages), (120, 12));
    assert_eq!(counts, (1..=12).map(|page| page * 10).collect::<Vec<_>>());
    let most = fake.world(|world| world.most_at_once);
    assert!((2..=4).contains(&most), "{most}");
}

#[tokio::test]
async fn an_ignored_filter_is_made_up_for() {
    let mut rows: Vec<Value> = (0..40).map(|n| json!({"id": property_id(10_000 + n), "client": null})).collect();
    rows.extend(houses(13));
    let fake = Fake::start(rows).await;
    fake.world(|world| world.filter_ignored = true);
    let directory = read(&fake).await;
    assert_eq!((directory.len(), directory.report().without_client, directory.report().passes), (13, 40, 1));
}

#[tokio::test]
async fn a_list_without_end_is_given_up() {
    let fake = Fake::start(houses(10)).await;
    let page = json!({"rows": houses(10), "hasNextPage": true, "total": 1_000_000}).to_string();
    fake.world(|world| world.always.push(("GET /properties".to_owned(), Reply { body: page, ..reply(200) })));
    let directory = read(&fake).await;
    assert_eq!(directory.len(), 10);
    // Two passes, each of three pages and those that were asked for ahead.
    assert!(fake.world(|world| world.log.len()) <= 14);

    let fake = Fake::start(houses(500)).await;
    fake.world(|world| world.page_cap = Some(1));
    let bounds = Bounds { max_pages: 30, ..BOUNDS };
    let error = client(&fake).read_within(bounds, |_, _| {}).await.unwrap_err();
    assert!(matches!(error, OzmapError::Endless { pages: 31, .. }), "{error}");
    let bounds = Bounds { max_clients: 20, ..BOUNDS };
    assert!(client(&fake).read_within(bounds, |_, _| {}).await.is_err());
}

#[tokio::test]
async fn a_stumbling_server_is_asked_again_up_to_six_times() {
    let fake = Fake::start(houses(3)).await;
    let cut = Reply { body: "{\"rows\": [{\"id\": \"65".to_owned(), ..reply(200) };
    let replies = VecDeque::from([reply(500), reply(502), reply(423), reply(408), cut]);
    fake.world(|world| world.script.push(("GET /properties", replies)));
    let one = client(&fake);
    let directory = one.read_directory(|_, _| {}).await.unwrap();
    assert_eq!((directory.len(), fake.world(|world| world.log.len())), (3, 6));
    let requests = one.requests();
    assert_eq!((requests["ok"], requests["failed"], requests["malformed"]), (1, 4, 1));

    fake.world(|world| {
        world.log.clear();
        world.always.push(("GET /properties".to_owned(), reply(504)));
    });
    let error = one.read_directory(|_, _| {}).await.unwrap_err();
    assert_eq!((error.remedy(), fake.world(|world| world.log.len())), (Remedy::Retry, 6));
    assert!(error.to_string().contains("GET /api/v2/properties") && error.to_string().contains("504"), "{error}");
}

#[tokio::test]
async fn retry_after_wins_over_the_back_off() {
    let fake = Fake::start(houses(3)).await;
    let busy = Reply { headers: vec![("retry-after", "1".to_owned())], ..reply(429) };
    fake.world(|world| world.script.push(("GET /properties", VecDeque::from([busy]))));
    client(&fake).read_directory(|_, _| {}).await.unwrap();
    let times: Vec<_> = fake.world(|world| world.log.iter().map(|seen| seen.at).collect());
    assert!(times[1] - times[0] >= Duration::from_millis(990), "{:?}", times[1] - times[0]);
}

#[tokio::test]
async fn what_will_not_get_better_is_not_asked_again() {
    let fake = Fake::start(houses(3)).await;
    for (status, body, remedy) in [
        (401, "", Remedy::StopWriting),
        (403, "", Remedy::StopWriting),
        (400, "bad filter", Remedy::SkipItem),
        (200, "<html><title>Login</title></html>", Remedy::Retry),
        (200, "{\"message\": \"hello\"}", Remedy::Retry),
        (200, "", Remedy::Retry),
        (302, "", Remedy::Retry),
    ] {
        fake.world(|world| {
            world.log.clear();
            let headers = if status == 302 { vec![("location", format!("{}/elsewhere", fake.url))] } else { vec![] };
            world.always = vec![("GET ".to_owned(), Reply { body: body.to_owned(), headers, ..reply(status) })];
        });
        let error = client(&fake).read_directory(|_, _| {}).await.unwrap_err();
        assert_eq!((error.remedy(), fake.world(|world| world.log.len())), (remedy, 1), "{status} {error}");
        assert!(error.to_string().contains("/api/v2/properties"), "{error}");
        if body.contains("Login") {
            assert!(error.to_string().contains("HTML") && error.to_string().contains("Login"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_larger_than_the_bound_is_refused() {
    let fake = Fake::start(vec![]).await;
    let body = format!("{{\"rows\": [], \"x\": \"{}\"}}", "x".repeat(crate::ozmap::answer::MAX_BODY));
    fake.world(|world| world.always.push(("GET ".to_owned(), Reply { body, ..reply(200) })));
    let error = client(&fake).read_directory(|_, _| {}).await.unwrap_err().to_string();
    assert!(error.contains("32 MiB") && error.len() < 1000, "{error}");
}

#[tokio::test]
async fn a_good_token_a_bad_one_and_a_server_that_echoes_it() {
    let fake = Fake::start(vec![]).await;
    client(&fake).check().await.unwrap();
    fake.world(|world| world.no_authenticated = true);
    client(&fake).check().await.unwrap();
    assert_eq!(fake.world(|world| world.lines("GET /box-types").len()), 1);

    let mut config = fake.config();
    config.token = Secret::new("wrong-token-7f3a".to_owned());
    let wrong = Client::with_timing(&config, quick()).unwrap();
    fake.world(|world| {
        let body = "your Authorization: wrong-token-7f3a is unknown".to_owned();
        world.always.push(("GET ".to_owned(), Reply { body, ..reply(401) }));
    });
    let error = wrong.check().await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::StopWriting);
    assert!(error.to_string().contains("does not know this token"), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{wrong:?}"), format!("{config:?}")] {
        assert!(!text.contains("7f3a"), "{text}");
    }
    fake.world(|world| {
        let page = "<!doctype html><p>Welcome</p>".to_owned();
        world.always = vec![("GET ".to_owned(), Reply { body: page, ..reply(200) })];
    });
    let error = client(&fake).check().await.unwrap_err().to_string();
    assert!(error.contains("HTML") && error.contains("/api/v2/authenticated"), "{error}");
}

/// Answers every connection with these octets, or none, and closes it; counts connections.
async fn raw_server(answer: &'static [u8]) -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut request = [0_u8; 2048];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (url, count)
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again_and_then_named() {
    let fake = Fake::start(vec![]).await;
    for answer in
        [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"rows\": [", b"HTTP/1.1 200 OK\r\ncontent-le"]
    {
        let (url, count) = raw_server(answer).await;
        let one = Client::with_timing(&crate::config::Ozmap { url, ..fake.config() }, quick()).unwrap();
        let error = one.read_directory(|_, _| {}).await.unwrap_err();
        assert_eq!(error.remedy(), Remedy::HostDown, "{error}");
        assert!(count.load(std::sync::atomic::Ordering::SeqCst) >= 6);
        assert_eq!(one.requests()["unreachable"], 6);
        assert!(error.to_string().contains(one.host()), "{error}");
    }
}

#[tokio::test]
async fn a_host_where_nobody_listens_and_one_that_never_answers_are_down() {
    let fake = Fake::start(vec![]).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let one = Client::with_timing(&crate::config::Ozmap { url, ..fake.config() }, quick()).unwrap();
    let error = one.check().await.unwrap_err();
    assert!(matches!(&error, OzmapError::Unreachable { .. }) && error.to_string().contains("connect"), "{error}");

    // TLS spoken to a port that speaks none.
    let url = fake.url.replace("http://", "https://");
    let one = Client::with_timing(&crate::config::Ozmap { url, ..fake.config() }, quick()).unwrap();
    let error = one.check().await.unwrap_err();
    assert!(matches!(&error, OzmapError::Unreachable { .. }) && error.to_string().contains("connect"), "{error}");

    let silent = Reply { delay: Duration::from_secs(600), ..reply(200) };
    fake.world(|world| world.always.push(("GET ".to_owned(), silent)));
    let timing = Timing { read: Duration::from_millis(50), tries: 2, ..quick() };
    let one = Client::with_timing(&fake.config(), timing).unwrap();
    let error = one.read_directory(|_, _| {}).await.unwrap_err();
    assert!(error.remedy() == Remedy::HostDown && error.to_string().contains("timed out"), "{error}");
}

#[tokio::test]
async fn statuses_are_read_back_by_id_and_every_row_is_checked() {
    let fake = Fake::start(houses(400)).await;
    let ids = || (0..400_usize).filter(|n| n % 2 == 0).map(|n| client_id(n).parse().unwrap());
    let shown = client(&fake).read_statuses(&IdList::new(ids()).unwrap()).await.unwrap();
    assert_eq!(shown.len(), 200);
    assert!(shown.values().all(|status| *status == Some(Status::Ok)));
    assert_eq!(fake.world(|world| world.log.len()), 2);

    let all: Vec<Value> = houses(400).into_iter().map(|row| row["client"].clone()).collect();
    let unfiltered = Reply { body: json!({"rows": all}).to_string(), ..reply(200) };
    fake.world(|world| world.always.push(("GET /ftth-clients".to_owned(), unfiltered)));
    let shown = client(&fake).read_statuses(&IdList::new(ids().take(3)).unwrap()).await.unwrap();
    assert_eq!(shown.len(), 3);
}

use crate::ozmap::limit::Timing;
