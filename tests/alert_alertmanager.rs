//! The real Alertmanager of Prometheus: what `amtool` shows of our alerts, their end, and a restart of it.

// A test may fail loudly; the allowances of clippy.toml reach only into functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod alert_support;
mod support;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alert_support::{PATIENCE, cleared, cut, now, secret, section};
use oltwatch::alert::{Bulletin, Channels, Notice};
use oltwatch::config::alert::AlertChannel;
use serde_json::Value;
use tokio::sync::watch;

/// An Alertmanager with a port that was free a moment ago.
struct Real {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(url: &str, folder: &std::path::Path) -> Child {
    Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}/am.yml", folder.display()))
        .arg(format!("--storage.path={}/data", folder.display()))
        .arg(format!("--web.listen-address={}", url.trim_start_matches("http://")))
        .arg("--cluster.listen-address=")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Real {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("am.yml"), "route:\n  receiver: none\nreceivers:\n  - name: none\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{port}");
        let real = Self { child: spawn(&url, folder.path()), url, folder };
        real.ready().await;
        real
    }

    async fn ready(&self) {
        let give_up = Instant::now() + PATIENCE;
        while self.try_amtool(&["alert", "query", "-o", "json"]).is_none() {
            assert!(Instant::now() < give_up, "it never answers");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.url, self.folder.path());
        self.ready().await;
    }

    fn try_amtool(&self, arguments: &[&str]) -> Option<Value> {
        let output =
            Command::new("amtool").arg(format!("--alertmanager.url={}", self.url)).args(arguments).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    async fn until(&self, what: &str, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let alerts = self.try_amtool(&["alert", "query", "-o", "json"]).unwrap();
            let alerts = alerts.as_array().cloned().unwrap_or_default();
            if condition(&alerts) {
                return alerts;
            }
            assert!(Instant::now() < give_up, "{what}: {alerts:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn names(alerts: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_shows_the_alert_its_labels_and_its_end_and_a_restart_loses_nothing() {
    let test = "amtool_shows_the_alert_its_labels_and_its_end_and_a_restart_loses_nothing";
    if !support::has_program(test, "prometheus-alertmanager") || !support::has_program(test, "amtool") {
        return;
    }
    let mut real = Real::start().await;
    let (feed, fed) = watch::channel(Arc::new(Bulletin::default()));
    let (shutdown, stopped) = watch::channel(false);
    let members = vec![secret(&real.url)];
    let channel = AlertChannel::Alertmanager { members, token: None, every: Duration::from_secs(2), heartbeat: true };
    let channels = Channels::spawn(&[section("am", channel)], &fed, None, &stopped).unwrap();
    let show = |notices: Vec<Notice>| {
        feed.send_replace(Arc::new(Bulletin {
            at: now(),
            notices: notices.into_iter().map(Arc::new).collect(),
            alive: true,
        }));
    };
    let open = Notice { regions: vec!["north".to_owned()], ..cut("A", 48) };
    show(vec![open.clone()]);
    let alerts = real.until("the alert", |alerts| alerts.len() == 2).await;
    assert_eq!(names(&alerts), ["OltwatchAlive", "OltwatchFibreCut"]);
    let alert = alerts.iter().find(|alert| alert["labels"]["alertname"] == "OltwatchFibreCut").unwrap();
    let labels = &alert["labels"];
    assert_eq!(
        (&labels["severity"], &labels["olt"], &labels["region"], &labels["incident"]),
        (&"major".into(), &"olt-centro".into(), &"north".into(), &"A".into())
    );
    assert!(alert["annotations"]["summary"].as_str().unwrap().contains("48 customers down"));
    let fingerprint = alert["fingerprint"].clone();

    // It grows: still the same alert.
    show(vec![Notice { lost: 60, ..open.clone() }]);
    let grown = |alerts: &[Value]| alerts.iter().any(|alert| alert["annotations"]["customers"] == "60");
    let alerts = real.until("its growth", grown).await;
    assert!(alerts.len() == 2 && alerts.iter().any(|alert| alert["fingerprint"] == fingerprint));

    // An Alertmanager that was away, and lost what it held, has it again with the next repetition.
    real.restart().await;
    let alerts = real.until("after its restart", |alerts| alerts.len() == 2).await;
    assert!(alerts.iter().any(|alert| alert["fingerprint"] == fingerprint));

    show(vec![cleared(&open)]);
    let alerts = real.until("its end", |alerts| names(alerts) == ["OltwatchAlive"]).await;
    assert_eq!(alerts.len(), 1);

    // Nobody sends any more: what fires ends by itself, after 3.5 times the interval.
    shutdown.send_replace(true);
    channels.ended().await;
    real.until("the end of the heartbeat", <[Value]>::is_empty).await;
}
