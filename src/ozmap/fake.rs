//! A small scripted OZmap for this room's tests: it does what the reference documents, until a script says otherwise.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Response, Uri, header};
use serde_json::{Value, json};

use crate::config::{BrakeRule, ForeignPolicy, MatchBy, Ozmap, OzmapMode, Secret, StatusMap};
use crate::ozmap::Timing;

pub(super) const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJmYWtlIjoxfQ.fake-signature";

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub at: Instant,
    /// `PATCH /ftth-clients/65a…`
    pub line: String,
    pub query: HashMap<String, String>,
    pub body: Value,
    pub authorization: String,
}

/// An answer out of turn.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Whether the request is carried out before this is answered.
    pub apply: bool,
    pub delay: Duration,
}

pub(super) fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: String::new(), apply: false, delay: Duration::ZERO }
}

#[derive(Debug, Default)]
pub(super) struct World {
    /// Rows of `/properties`.
    pub rows: Vec<Value>,
    /// Answers for requests whose line begins with the text, each used once, in order.
    pub script: Vec<(&'static str, VecDeque<Reply>)>,
    /// Answers for requests whose line begins with the text, for as long as they stand here.
    pub always: Vec<(String, Reply)>,
    pub log: Vec<Seen>,
    pub page_cap: Option<usize>,
    pub filter_ignored: bool,
    pub bare_envelope: bool,
    pub stated_total: Option<usize>,
    pub next_url: Option<String>,
    /// Page number to the page that is sent instead.
    pub repeated: HashMap<usize, usize>,
    /// Whether that happens only once.
    pub heals: bool,
    /// The id of a row that goes just before a page is sent, by the page's number.
    pub vanish: HashMap<usize, String>,
    /// A page that takes long, by its number.
    pub slow_page: Option<(usize, Duration)>,
    /// Requests on their way now, and the most at once.
    pub at_once: usize,
    pub most_at_once: usize,
    /// Clients that a batch leaves as they are.
    pub batch_skips: HashSet<String>,
    /// Clients that a PATCH leaves as they are, though it is answered well.
    pub patch_skips: HashSet<String>,
    pub no_authenticated: bool,
}

impl World {
    pub(super) fn status(&self, client: &str) -> i64 {
        self.rows
            .iter()
            .find(|row| row["client"]["id"] == client)
            .and_then(|row| row["client"]["status"].as_i64())
            .unwrap_or(-1)
    }

    pub(super) fn lines(&self, begin: &str) -> Vec<String> {
        self.log.iter().map(|seen| seen.line.clone()).filter(|line| line.starts_with(begin)).collect()
    }

    pub(super) fn bodies(&self, begin: &str) -> Vec<Value> {
        self.log.iter().filter(|seen| seen.line.starts_with(begin)).map(|seen| seen.body.clone()).collect()
    }

    fn set(&mut self, id: &str, status: &Value) -> bool {
        let mut found = false;
        for row in &mut self.rows {
            if row["client"]["id"] == id {
                row["client"]["status"] = status.clone();
                found = true;
            }
        }
        found
    }

    fn properties(&mut self, seen: &Seen) -> Value {
        let number = |key: &str, or: usize| seen.query.get(key).and_then(|text| text.parse().ok()).unwrap_or(or);
        let asked = number("page", 1);
        let page = *self.repeated.get(&asked).unwrap_or(&asked);
        if self.heals {
            self.repeated.remove(&asked);
        }
        let limit = number("limit", 25).min(self.page_cap.unwrap_or(1000));
        if let Some(gone) = self.vanish.remove(&asked) {
            self.rows.retain(|row| row["id"] != *gone);
        }
        let filter: Value =
            seen.query.get("filter").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let ignored = self.filter_ignored;
        let fits = |row: &Value| match (filter[0]["property"].as_str(), &filter[0]["value"]) {
            _ if ignored => true,
            (Some("client"), Value::Null) => !row["client"].is_null(),
            // Both are texts of the same form.
            (Some("updatedAt"), since) => row["updatedAt"].as_str() >= since.as_str(),
            _ => true,
        };
        let of_clients = seen.line.ends_with("/ftth-clients");
        let rows = self.rows.iter().map(|row| if of_clients { &row["client"] } else { row });
        let all: Vec<&Value> = rows.filter(|row| fits(row)).collect();
        let start = (page - 1) * limit;
        let rows: Vec<&Value> = all.iter().skip(start).take(limit).copied().collect();
        if self.bare_envelope {
            return json!({"rows": rows});
        }
        let more = asked * limit < all.len();
        json!({
            "total": self.stated_total.unwrap_or(all.len()), "count": rows.len(), "start": start, "limit": limit,
            "rows": rows, "hasNextPage": more,
            "nextUrl": self.next_url.clone().unwrap_or(format!("/api/v2/properties?limit={limit}&page={}", page + 1)),
        })
    }

    fn answer(&mut self, seen: &Seen) -> Reply {
        if seen.authorization != TOKEN {
            return Reply { body: json!({"message": "no"}).to_string(), ..reply(401) };
        }
        let (method, path) = seen.line.split_once(' ').unwrap();
        let json = |value: Value| Reply { body: value.to_string(), ..reply(200) };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (method, parts.as_slice()) {
            ("GET", ["authenticated"]) if !self.no_authenticated => json(json!({})),
            ("GET", ["box-types"]) => json(json!({"rows": [], "total": 0})),
            ("GET", ["properties"]) => json(self.properties(seen)),
            ("GET", ["base-boxes"]) => {
                // The wanted ones are never all that there is.
                let names = [("b1", json!("CTO 12")), ("b2", json!(" CTO 13 ")), ("b3", Value::Null)];
                let rows = names.map(|(end, name)| json!({"id": format!("65a0000000000000000000{end}"), "name": name}));
                json(json!({"rows": rows, "total": 3}))
            }
            ("GET", ["ftth-clients"]) => {
                let filter: Value = serde_json::from_str(&seen.query["filter"]).unwrap();
                if filter[0]["property"] == "updatedAt" {
                    return json(self.properties(seen));
                }
                assert_eq!((&filter[0]["property"], &filter[0]["operator"]), (&json!("id"), &json!("in")));
                let ids = filter[0]["value"].as_array().unwrap();
                assert!(!ids.is_empty());
                let rows: Vec<&Value> =
                    self.rows.iter().map(|row| &row["client"]).filter(|client| ids.contains(&client["id"])).collect();
                json(json!({"rows": rows, "total": rows.len()}))
            }
            ("POST", ["ftth-clients", "batch-update"]) => {
                let ids = seen.body["filter"][0]["value"].as_array().expect("a filter with ids").clone();
                assert_eq!(seen.body["filter"][0]["operator"], "in");
                assert!(!ids.is_empty(), "a batch for everybody");
                for id in ids.iter().filter_map(Value::as_str) {
                    if !self.batch_skips.contains(id) {
                        self.set(id, &seen.body["update"]["status"]);
                    }
                }
                reply(204)
            }
            ("PATCH", ["ftth-clients", id]) => {
                let status = seen.body["status"].clone();
                if self.patch_skips.contains(*id) {
                    return reply(204);
                }
                reply(if self.set(id, &status) { 204 } else { 404 })
            }
            ("PATCH", ["properties", id]) => {
                for row in &mut self.rows {
                    if row["id"] == *id {
                        row["potencyRead"] = seen.body["potencyRead"].clone();
                        return reply(204);
                    }
                }
                reply(404)
            }
            _ => reply(404),
        }
    }
}

#[derive(Clone)]
pub(super) struct Fake {
    pub url: String,
    world: Arc<Mutex<World>>,
    _server: Arc<Server>,
}

struct Server(tokio::task::JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Fake {
    pub(super) async fn start(rows: Vec<Value>) -> Self {
        let world = Arc::new(Mutex::new(World { rows, ..World::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(world.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, world, _server: Arc::new(Server(server)) }
    }

    pub(super) fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    /// Waits, for as long as it may take on a slow machine, until the world is so.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&World) -> bool) {
        for _ in 0..6000 {
            if self.world(|world| holds(world)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain until {what}; {:#?}", self.world(|world| world.lines("")));
    }

    pub(super) fn config(&self) -> Ozmap {
        Ozmap {
            url: self.url.clone(),
            token: Secret::new(TOKEN.to_owned()),
            ca_file: None,
            insecure: false,
            mode: OzmapMode::Write,
            requests_per_second: 10_000.0,
            burst: 1000,
            batch_above: 5,
            batch_size: 100,
            full_read: Duration::from_secs(3600),
            delta_read: Duration::ZERO,
            match_by: vec![MatchBy::Serial, MatchBy::Mac, MatchBy::Code],
            code_pattern: None,
            pppoe_pattern: None,
            write_power: false,
            power_dead_band: crate::model::Decibels::from_thousandths(500),
            foreign: ForeignPolicy::Ours,
            foreign_every: Duration::ZERO,
            brake: BrakeRule { share: 1.0, least: usize::MAX },
            plant: crate::config::PlantRule::default(),
            marks: None,
            status: StatusMap::default(),
        }
    }
}

async fn handle(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: header::HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let parsed = reqwest::Url::parse(&format!("http://x{uri}")).unwrap();
    let seen = Seen {
        at: Instant::now(),
        line: format!("{method} {}", uri.path().trim_start_matches("/api/v2")),
        query: parsed.query_pairs().into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        authorization: headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned(),
    };
    let reply = {
        let mut world = world.lock().unwrap();
        world.log.push(seen.clone());
        world.at_once += 1;
        world.most_at_once = world.most_at_once.max(world.at_once);
        let scripted = world
            .script
            .iter_mut()
            .find(|(begin, replies)| seen.line.starts_with(begin) && !replies.is_empty())
            .and_then(|(_, replies)| replies.pop_front());
        let standing = world
            .always
            .iter()
            .find(|(begin, _)| seen.line.starts_with(begin.as_str()))
            .map(|(_, reply)| reply.clone());
        match scripted.or(standing) {
            Some(reply) => {
                if reply.apply {
                    world.answer(&seen);
                }
                reply
            }
            None => world.answer(&seen),
        }
    };
    let slow = world.lock().unwrap().slow_page.filter(|(page, _)| seen.query.get("page") == Some(&page.to_string()));
    tokio::time::sleep(slow.map_or(reply.delay, |(_, delay)| delay)).await;
    world.lock().unwrap().at_once -= 1;
    let mut response = Response::builder().status(reply.status);
    if reply.headers.is_empty() && !reply.body.is_empty() {
        response = response.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// Waits short enough for a test.
pub(super) fn quick() -> Timing {
    Timing { backoff_first: Duration::from_millis(2), backoff_most: Duration::from_millis(20), ..Timing::default() }
}

pub(super) fn client_id(n: usize) -> String {
    format!("65a{n:021x}")
}

pub(super) fn property_id(n: usize) -> String {
    format!("65b{n:021x}")
}

/// A house with client `n`, whose serial is `ZTEG` and `n`, and whose code is `n`.
pub(super) fn house(n: usize) -> Value {
    json!({
        "id": property_id(n), "kind": "Property", "potencyRead": null, "box": "65a0000000000000000000b1",
        "client": {"id": client_id(n), "code": n.to_string(), "name": format!("Client {n}"), "status": 0,
            "implanted": true, "onu": {"serial_number": format!("ZTEG{n:08X}"), "mac_address": "", "user_PPPoE": ""}},
    })
}
