//! The pages over a daemon that really polls: a simulated OLT over SNMP, a simulated OZmap over HTTP.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, Secret};
use oltwatch::daemon::Daemon;
use oltwatch::http;
use oltwatch::mib::Library;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use oltwatch::sim::ozmap::{OzmapOptions, Population, SeedClient, SimulatedOzmap};
use serde_json::Value;
use support::Watched;
use tokio::sync::watch;

const OZMAP_TOKEN: &str = "token-of-ozmap";
const PAGE_TOKEN: &str = "token-of-the-pages";
const COMMUNITY: &str = "community-of-the-pages";

/// How long something may take that should take a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);

struct Browser {
    client: reqwest::Client,
    url: String,
}

impl Browser {
    async fn text(&self, path: &str) -> String {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(PAGE_TOKEN);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// The document, once it is so.
    async fn until(&self, path: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let document = self.json(path).await;
            if holds(&document) {
                return document;
            }
            assert!(Instant::now() < deadline, "{what} did not happen: {document:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_show_what_is_polled_judged_and_matched() {
    let library = Arc::new(Library::load(None).unwrap());
    let options =
        GeneratedOptions { name: "olt-centro".to_owned(), pons: 2, onus_per_pon: 8, first_code: 100, seed: 1 };
    let plant = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
    let agent = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    let olt = Watched::start(agent, plant.view().clone(), 1);
    let serials: Vec<String> = plant.onus().iter().map(|onu| onu.serial.clone().unwrap().to_string()).collect();
    let clients =
        serials.iter().zip(100..).map(|(serial, code)| SeedClient::new(code.to_string(), "Maria").serial(serial));
    let clients = Population::List(clients.collect());
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(OZMAP_TOKEN).with(clients)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.toml");
    let text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_file = \"ozmap.token\"\nrequests_per_second = 1000\nburst = 100\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"{COMMUNITY}\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\ntoken = \"{PAGE_TOKEN}\"\n\
         [[olt]]\nname = \"olt-centro\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"600ms\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
        ozmap.url(),
        olt.address()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("ozmap.token"), OZMAP_TOKEN).unwrap();
    let config = Config::load(&path, &|_| None).unwrap();
    let server = http::bind(config.http.as_ref().unwrap()).await.unwrap();
    // Another test may have been first; one provider is as good as another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let browser = Browser {
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("http://{}", server.address()),
    };
    let (shutdown, stop) = watch::channel(false);
    let daemon = Daemon::start(&config, library).unwrap();
    let pages = tokio::spawn(server.run(daemon.board().clone(), stop));

    let ready = browser.until("/readyz", "the first look", |ready| ready["status"] == "ready").await;
    assert_eq!(ready["reasons"], serde_json::json!([]));
    let olts = browser
        .until("/api/v1/olts", "a sweep of each kind", |olts| olts["olts"][0]["sweeps"].as_object().unwrap().len() == 3)
        .await;
    let entry = &olts["olts"][0];
    assert_eq!(
        (&entry["profile"], &entry["answering"], &entry["error"]),
        (&"huawei-smartax".into(), &true.into(), &Value::Null)
    );
    assert_eq!((&entry["onus"]["total"], entry["pons"].as_array().unwrap().len()), (&16.into(), 2));
    assert_eq!(entry["onus"]["truth"]["up"], 16);
    assert!(entry["counters"]["answers"].as_u64().unwrap() > 0 && entry["counters"]["rtt_ms"].as_f64().unwrap() > 0.0);
    browser.until("/api/v1/ozmap", "matching", |ozmap| ozmap["matching"]["matched"] == 16).await;
    let first = &plant.onus()[0];
    let found = browser.json(&format!("/api/v1/onus?serial={}", serials[0].to_lowercase())).await;
    let onu = &found["onus"][0];
    assert_eq!((found["onus"].as_array().unwrap().len(), &onu["code"]), (1, &"100".into()), "{found:#}");
    assert_eq!((&onu["truth"], &onu["state"]), (&"up".into(), &"up".into()));
    assert!((onu["rx_dbm"].as_f64().unwrap() - first.rx.unwrap().get()).abs() < 0.011, "{onu:#}");
    assert_eq!(browser.json("/api/v1/onus?code=100").await["onus"][0]["serial"], onu["serial"]);
    let metrics = browser.text("/metrics").await;
    for line in ["oltwatch_olt_up{olt=\"olt-centro\"} 1", "oltwatch_ozmap_matched_onus{key=\"serial\"} 16"] {
        assert!(metrics.lines().any(|other| other == line), "{line}:\n{metrics}");
    }

    drop(olt);
    let silent = browser.until("/api/v1/olts", "silence", |olts| olts["olts"][0]["answering"] == false).await;
    assert!(silent["olts"][0]["error"].is_string());
    let stale =
        browser.until("/api/v1/olts", "staleness", |olts| olts["olts"][0]["onus"]["truth"]["stale"] == 16).await;
    assert_eq!(stale["olts"][0]["onus"]["verdict"]["hold"], 16);
    assert_eq!(browser.json("/readyz").await["status"], "ready", "the OLT's silence is not ours");
    for page in ["/", "/metrics", "/api/v1/olts", "/api/v1/onus", "/api/v1/ozmap"] {
        let text = browser.text(page).await;
        for secret in [OZMAP_TOKEN, PAGE_TOKEN, COMMUNITY] {
            assert!(!text.contains(secret), "{page} shows a secret");
        }
    }

    shutdown.send_replace(true);
    daemon.stop().await;
    tokio::time::timeout(PATIENCE, pages).await.unwrap().unwrap();
}
