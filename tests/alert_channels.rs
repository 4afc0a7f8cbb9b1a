//! Alert channels over HTTP against recording servers with faults, and a program: what goes out, and what is made of answers.

// A test may fail loudly; the allowances of clippy.toml reach only into functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alert_support;

use std::sync::Arc;
use std::time::Duration;

use alert_support::{Fault, Recorder, cleared, cut, now, secret, section};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use oltwatch::alert::{Ack, Bulletin, Channels, Notice, Statuses};
use oltwatch::config::Keep;
use oltwatch::config::alert::{Alert, AlertChannel, AlertSeverity};
use oltwatch::store::Store;
use sha2::Sha256;
use tokio::sync::watch;

/// Channels that run.
struct Running {
    feed: watch::Sender<Arc<Bulletin>>,
    shutdown: watch::Sender<bool>,
    channels: Channels,
}

impl Running {
    fn start(sections: &[Alert], store: Option<&Store>) -> Self {
        let (feed, fed) = watch::channel(Arc::new(Bulletin::default()));
        let (shutdown, stopped) = watch::channel(false);
        let rows = store.map(Store::alerts);
        let channels = Channels::spawn(sections, &fed, rows.as_ref(), &stopped).unwrap();
        Self { feed, shutdown, channels }
    }

    fn show(&self, notices: &[Notice]) {
        let notices = notices.iter().cloned().map(Arc::new).collect();
        self.feed.send_replace(Arc::new(Bulletin { at: now(), notices, alive: true }));
    }

    fn statuses(&self) -> Statuses {
        self.channels.statuses()
    }

    async fn stop(self) {
        self.shutdown.send_replace(true);
        self.channels.ended().await;
    }
}

fn hook(name: &str, server: &Recorder) -> Alert {
    let url = secret(&format!("{}/hook", server.url));
    section(name, AlertChannel::Webhook { url, secret: Some(secret("0123456789abcdef")), token: None })
}

fn telegram(server: &Recorder) -> Alert {
    let (url, token) = (secret(&server.url), secret("1:hush"));
    section("telegram", AlertChannel::Telegram { url, token, chat: "-100".to_owned(), topic: Some(12) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_signed_cloud_events_and_a_repetition_has_the_same_id() {
    let server = Recorder::start().await;
    server.fail_next([Fault::Says(500, "", "down"), Fault::Reset]);
    let running = Running::start(&[hook("hook", &server)], None);
    let open = cut("A", 48);
    running.show(std::slice::from_ref(&open));
    let requests = server.until("three tries", |requests| requests.len() >= 3).await;
    for request in &requests[..3] {
        assert_eq!(request.headers["content-type"], "application/cloudevents+json");
        let event = request.json();
        assert_eq!(
            (&event["specversion"], &event["id"], &event["type"]),
            (&"1.0".into(), &"A.1".into(), &"oltwatch.incident.opened".into())
        );
        assert_eq!(
            (&event["data"]["incident"]["lost"], &event["data"]["alarm_type"]),
            (&48.into(), &"COMMUNICATIONS_ALARM".into())
        );
        assert_eq!(event["data"]["map"], "https://map.example/?q=-27.578600,-48.527300");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
        mac.update(format!("{}.{}.", request.headers["webhook-id"], request.headers["webhook-timestamp"]).as_bytes());
        mac.update(&request.body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(request.headers["webhook-signature"], signature);
    }
    let later = requests[2].at - requests[0].at;
    assert!(later >= Duration::from_secs(3), "it waited 1 s and then 2 s: {later:?}");
    running.show(&[cleared(&open)]);
    let requests = server.until("its end", |requests| requests.len() >= 4).await;
    assert_eq!(requests[3].json()["type"], "oltwatch.incident.cleared");
    running.stop().await;
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn telegram_has_one_message_that_changes_and_its_wait_is_kept() {
    let server = Recorder::start().await;
    let too_many = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":3}}"#;
    server.fail_next([Fault::Says(429, "", too_many)]);
    let running = Running::start(&[telegram(&server)], None);
    let open = cut("A", 48);
    running.show(std::slice::from_ref(&open));
    let requests = server.until("the message", |requests| requests.len() >= 2).await;
    assert_eq!(requests[0].path(), "/bot1:hush/sendMessage");
    let waited = requests[1].at - requests[0].at;
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
    let body = requests[1].json();
    assert_eq!((&body["chat_id"], &body["message_thread_id"]), (&"-100".into(), &12.into()));
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("CABO A") && text.contains("between CEO 07 and CEO 08"), "{text}");
    running.show(&[Notice { recovered: 31, ..open.clone() }]);
    let requests = server.until("the change", |requests| requests.len() >= 3).await;
    assert_eq!((requests[2].path(), &requests[2].json()["message_id"]), ("/bot1:hush/editMessageText", &4711.into()));
    assert!(requests[2].json()["text"].as_str().unwrap().contains("31 of 48"));
    // Somebody has deleted it: it is sent anew.
    let gone = r#"{"ok":false,"error_code":400,"description":"Bad Request: message to edit not found"}"#;
    server.fail_next([Fault::Says(400, "", gone)]);
    running.show(&[cleared(&open)]);
    let requests = server.until("the end", |requests| requests.len() >= 5).await;
    let paths: Vec<&str> = requests[3..].iter().map(|request| request.path()).collect();
    assert_eq!(paths, ["/bot1:hush/editMessageText", "/bot1:hush/sendMessage"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_bots_change_their_message_and_webhooks_get_few() {
    let server = Recorder::start().await;
    let bot = section(
        "bot",
        AlertChannel::SlackBot {
            url: secret(&format!("{}/api", server.url)),
            token: secret("xoxb-1"),
            channel: "#noc".to_owned(),
        },
    );
    let incoming =
        section("incoming", AlertChannel::SlackHook { url: secret(&format!("{}/services/T/B/x", server.url)) });
    let running = Running::start(&[bot, incoming], None);
    let mut open = cut("A", 48);
    open.evidence = "1 < 2 & 3".to_owned();
    running.show(std::slice::from_ref(&open));
    server.until("both", |requests| requests.len() >= 2).await;
    running.show(&[Notice { recovered: 5, ..open.clone() }]);
    server.until("the change", |requests| requests.iter().any(|request| request.path() == "/api/chat.update")).await;
    running.show(&[cleared(&open)]);
    let requests = server.until("both ends", |requests| requests.len() >= 5).await;
    running.stop().await;
    let of = |path: &str| requests.iter().filter(|request| request.path() == path).collect::<Vec<_>>();
    let (posts, updates, hooks) = (of("/api/chat.postMessage"), of("/api/chat.update"), of("/services/T/B/x"));
    assert_eq!((posts.len(), updates.len(), hooks.len()), (1, 2, 2));
    assert_eq!(posts[0].headers["authorization"], "Bearer xoxb-1");
    assert!(posts[0].json()["text"].as_str().unwrap().contains("1 &lt; 2 &amp; 3"));
    assert_eq!(
        (&updates[0].json()["channel"], &updates[0].json()["ts"]),
        (&"C0123".into(), &"1795401067.000100".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pagerduty_triggers_acknowledges_and_resolves_under_one_key() {
    let server = Recorder::start().await;
    let running = Running::start(
        &[section("pagerduty", AlertChannel::Pagerduty { url: secret(&server.url), key: secret("routing") })],
        None,
    );
    let open = cut("A", 48);
    running.show(std::slice::from_ref(&open));
    server.until("the trigger", |requests| !requests.is_empty()).await;
    let ack = Some(Ack { by: "Ana".to_owned(), at: now() });
    running.show(&[Notice { ack: ack.clone(), ..open.clone() }]);
    server.until("the acknowledgement", |requests| requests.len() >= 2).await;
    running.show(&[Notice { ack, ..cleared(&open) }]);
    let requests = server.until("the end", |requests| requests.len() >= 3).await;
    running.stop().await;
    let actions: Vec<String> =
        requests.iter().map(|request| request.json()["event_action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    for request in &requests {
        let body = request.json();
        assert_eq!(
            (request.path(), &body["dedup_key"], &body["routing_key"]),
            ("/v2/enqueue", &"A".into(), &"routing".into())
        );
        assert_eq!(body["payload"]["severity"], "error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_down_delays_no_other_and_gets_the_newest_when_it_is_back() {
    let (good, bad) = (Recorder::start().await, Recorder::start().await);
    // It takes connections and says nothing.
    bad.set_down(Some(Fault::Slow(Duration::from_secs(3600))));
    let running = Running::start(&[hook("bad", &bad), hook("good", &good)], None);
    let mut open = cut("A", 48);
    running.show(std::slice::from_ref(&open));
    bad.until("the one in hand", |requests| requests.len() == 1).await;
    for number in 0..20_u32 {
        let other = cut(&format!("B{number}"), 9);
        open = Notice { lost: 50 + number, severity: AlertSeverity::Critical, ..open };
        running.show(&[open.clone(), other]);
        good.until("the good one", |requests| {
            requests.iter().any(|request| request.json()["subject"] == format!("B{number}"))
        })
        .await;
    }
    assert_eq!(bad.requests().len(), 1);
    bad.set_down(None);
    // The first try ends by its time-out, and then the newest goes out.
    let requests = bad.until("it is back", |requests| requests.len() >= 2).await;
    assert_eq!(requests[1].json()["data"]["incident"]["lost"], 69);
    assert_eq!(requests[1].json()["id"], requests[0].json()["id"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_it_and_is_told_without_the_secret() {
    let server = Recorder::start().await;
    server.set_down(Some(Fault::Says(400, "", r#"{"description":"bad token 1:hush"}"#)));
    let running = Running::start(&[telegram(&server)], None);
    running.show(&[cut("A", 48)]);
    server.until("the one try", |requests| requests.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let statuses = running.statuses().now();
    assert_eq!((server.requests().len(), statuses[0].refused, statuses[0].failed), (1, 1, 0));
    server.set_down(Some(Fault::Says(401, "", r#"{"description":"Unauthorized 1:hush"}"#)));
    running.show(&[cut("B", 48)]);
    server.until("the other", |requests| requests.len() == 2).await;
    let failing = loop {
        if let Some(failing) = running.statuses().now()[0].failing.clone() {
            break failing;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(failing.contains("401") && !failing.contains("hush"), "{failing}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_nothing_that_was_taken_and_tells_the_rest() {
    let server = Recorder::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.db");
    let (first, second) = (cut("A", 48), cut("B", 30));
    let store = Store::open(&path, Keep::default()).unwrap();
    let running = Running::start(&[telegram(&server)], Some(&store));
    running.show(std::slice::from_ref(&first));
    server.until("the first", |requests| requests.len() == 1).await;
    running.stop().await;
    store.close();
    let store = loop {
        match Store::open(&path, Keep::default()) {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let running = Running::start(&[telegram(&server)], Some(&store));
    running.show(&[first.clone(), second]);
    let requests = server.until("the second", |requests| requests.len() >= 2).await;
    assert!(requests[1].json()["text"].as_str().unwrap().contains("CABO B"));
    running.show(&[cleared(&first)]);
    let requests = server.until("the end of the first", |requests| requests.len() >= 3).await;
    assert!(requests[2].path().ends_with("/editMessageText"), "in its message of before the restart");
    running.stop().await;
    store.close();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_the_event_and_none_of_our_environment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let script = format!("cat > {0}.new; env > {0}.env; mv {0}.new {0}", out.display());
    let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let running =
        Running::start(&[section("page", AlertChannel::Command { argv, timeout: Duration::from_secs(30) })], None);
    running.show(&[cut("A", 48)]);
    let give_up = std::time::Instant::now() + alert_support::PATIENCE;
    while !out.exists() {
        assert!(std::time::Instant::now() < give_up);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let event: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(event["data"]["incident"]["id"], "A");
    let environment = std::fs::read_to_string(folder.path().join("out.env")).unwrap();
    assert!(environment.contains("PATH=") && !environment.contains("CARGO"), "{environment}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_of_a_cluster_is_told_and_a_heartbeat_is_called() {
    let (one, two, beat) = (Recorder::start().await, Recorder::start().await, Recorder::start().await);
    two.set_down(Some(Fault::Says(500, "", "")));
    let members = vec![secret(&one.url), secret(&two.url)];
    let (token, every) = (Some(secret("t")), Duration::from_secs(60));
    let cluster = section("am", AlertChannel::Alertmanager { members, token, every, heartbeat: true });
    let alive = section("beat", AlertChannel::Heartbeat { url: secret(&format!("{}/ping", beat.url)), every });
    let running = Running::start(&[cluster, alive], None);
    running.show(&[cut("A", 48)]);
    let requests = one.until("the first member", |requests| !requests.is_empty()).await;
    assert_eq!((requests[0].path(), requests[0].headers["authorization"].as_str()), ("/api/v2/alerts", "Bearer t"));
    let alerts = requests[0].json();
    let names: Vec<&str> =
        alerts.as_array().unwrap().iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect();
    assert_eq!(names, ["OltwatchFibreCut", "OltwatchAlive"]);
    two.until("the second member", |requests| requests.len() >= 2).await;
    beat.until("the heartbeat", |requests| requests.iter().any(|request| request.line.starts_with("GET /ping"))).await;
    let names: Vec<String> = running.statuses().now().iter().map(|status| status.name.clone()).collect();
    assert!(names[0].starts_with("am@127.0.0.1:") && names[2] == "beat", "{names:?}");
    running.stop().await;
}
