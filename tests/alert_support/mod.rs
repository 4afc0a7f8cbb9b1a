//! A recording HTTP server on loopback, with faults: what a channel sends, and what it is answered.

// Each test binary uses its own part of this module.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oltwatch::alert::{Notice, Spot, Stage};
use oltwatch::config::Secret;
use oltwatch::config::alert::{Alert, AlertBudget, AlertChannel, AlertFilter, AlertOn, AlertSeverity, Language};
use oltwatch::model::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Every wait in here ends much sooner, unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the next request is answered.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with these headers and this body.
    Says(u16, &'static str, &'static str),
    /// The connection is closed without an answer.
    Reset,
    /// Nothing for so long, and then as usual.
    Slow(Duration),
}

#[derive(Debug, Clone)]
pub struct Request {
    pub at: Instant,
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    faults: VecDeque<Fault>,
    /// While it is set, every request fails so.
    down: Option<Fault>,
}

pub struct Recorder {
    pub url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Recorder {
    /// Answers what Telegram, Slack, PagerDuty and others would.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, task }
    }

    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    pub fn set_down(&self, fault: Option<Fault>) {
        self.state.lock().unwrap().down = fault;
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    pub async fn until(&self, what: &str, condition: impl Fn(&[Request]) -> bool) -> Vec<Request> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let requests = self.requests();
            if condition(&requests) {
                return requests;
            }
            let lines: Vec<&str> = requests.iter().map(|request| request.line.as_str()).collect();
            assert!(Instant::now() < give_up, "{what}: {lines:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(request) = read(&mut stream).await {
        let fault = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            state.down.clone().or_else(|| state.faults.pop_front())
        };
        let answer = match fault {
            Some(Fault::Reset) => return,
            Some(Fault::Says(status, headers, body)) => respond(status, headers, body),
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                usual(&request)
            }
            None => usual(&request),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn respond(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn usual(request: &Request) -> String {
    let path = request.path();
    let body = if path.ends_with("/sendMessage") || path.ends_with("/editMessageText") {
        r#"{"ok":true,"result":{"message_id":4711}}"#
    } else if path.ends_with("/getMe") {
        r#"{"ok":true,"result":{"username":"noc_bot"}}"#
    } else if path.ends_with("/getChat") {
        r#"{"ok":true,"result":{"title":"NOC"}}"#
    } else if path.ends_with("/auth.test") {
        r#"{"ok":true,"user":"noc","team":"isp"}"#
    } else if path.contains("/chat.") {
        r#"{"ok":true,"channel":"C0123","ts":"1795401067.000100"}"#
    } else {
        "{}"
    };
    respond(if path.ends_with("/enqueue") { 202 } else { 200 }, "", body)
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut text = Vec::new();
    let mut octet = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut octet).await.ok()?;
        text.push(octet[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { at: Instant::now(), line, headers, body })
}

/// A section with nothing special.
pub fn section(name: &str, channel: AlertChannel) -> Alert {
    Alert {
        name: name.to_owned(),
        channel,
        filter: AlertFilter::default(),
        min_clients: 0,
        after: Duration::ZERO,
        update_every: Duration::from_millis(100),
        quiet: None,
        budget: AlertBudget { per_minute: 6000.0, burst: 100 },
        language: Language::English,
        utc_offset: 0,
        template: None,
        map: "https://map.example/?q={lat},{lon}".to_owned(),
        ca_file: None,
    }
}

pub fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// A cut that began now.
pub fn cut(id: &str, lost: u32) -> Notice {
    Notice {
        lost,
        monitored: lost,
        olts: vec!["olt-centro".to_owned()],
        pons: vec!["olt-centro 0/1/0".to_owned()],
        place: Some(Spot {
            kind: "cable".to_owned(),
            name: format!("CABO {id}"),
            id: None,
            from: Some("CEO 07".to_owned()),
            to: Some("CEO 08".to_owned()),
            metres_from_olt: None,
            coords: Some([-48.5273, -27.5786]),
        }),
        confidence: Some(0.97),
        ..Notice::new(id, AlertOn::Cut, AlertSeverity::Major, now())
    }
}

pub fn cleared(notice: &Notice) -> Notice {
    Notice { stage: Stage::Cleared, cleared_at: Some(now()), recovered: notice.lost, ..notice.clone() }
}
