//! What the plant of OZmap costs: requests of the import, memory, and size in the store.
//!
//! `cargo bench --bench plant` imports 100,000 clients from a simulated OZmap in a process of its own, at an unlimited rate, by the tasks that
//! the daemon runs; `-- --smoke` does it small, `-- --generated` with a plant of daisy chains and shared feeders. What the requests take at a
//! limited rate is their number by the rate: everything else is faster. Memory is what the process holds more (RSS).

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a bench may fail loudly, and prints")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, Keep, Ozmap};
use oltwatch::ozmap::{Client, PlantImport, PlantSnapshot, PlantSource, PushSnapshot, Pusher};
use oltwatch::store::Store;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(1800);

/// The rate of the config's default.
const REQUESTS_PER_SECOND: f64 = 2.0;

/// `sim ozmap`, which does not outlive the bench.
struct Served(Child);

impl Served {
    fn start(arguments: &[&str]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oltwatch"));
        command.args(["sim", "ozmap", "--token", "token"]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a server");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("where it listens").to_owned();
        (Self(child), url)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(url: &str) -> Ozmap {
    let text = format!(
        "[ozmap]\nurl = {url:?}\ntoken = \"token\"\nrequests_per_second = 1000\nburst = 1000\ndelta_read = \"0s\"\nplant_in_flight = 4\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n\
         [[olt]]\nname = \"a\"\naddress = \"192.0.2.1\"\ncredential = \"default\"\n"
    );
    Config::parse(&text, "bench.toml", &std::env::temp_dir(), &|_| None).expect("a config").ozmap.expect("[ozmap]")
}

/// Octets that this process holds, and the most that it ever held, as the system counts; 0 where it does not say.
fn held() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok()
    };
    (of("VmRSS:").unwrap_or(0) * 1024, of("VmHWM:").unwrap_or(0) * 1024)
}

/// The tasks that the daemon runs for it.
struct Running {
    pusher: Pusher,
    import: Option<PlantImport>,
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    client: Client,
    config: Ozmap,
}

impl Running {
    async fn start(url: &str) -> Self {
        let config = config(url);
        let (stop, stopped) = watch::channel(false);
        let client = Client::new(&config).expect("a client");
        let pusher = Pusher::spawn(&client, &config, stopped.clone());
        let mut pushes = pusher.subscribe();
        let read = |push: &Arc<PushSnapshot>| push.directory.as_ref().is_some_and(|directory| directory.all.is_some());
        tokio::time::timeout(PATIENCE, pushes.wait_for(read)).await.expect("in time").expect("a directory");
        Self { pusher, import: None, stop, stopped, client, config }
    }

    async fn import(&mut self, store: &Arc<Store>) -> Arc<PlantSnapshot> {
        let pushes = self.pusher.subscribe();
        let store = Some(Arc::clone(store));
        let import = PlantImport::spawn(&self.client, self.config.plant, pushes, store, self.stopped.clone());
        let mut snapshots = import.subscribe();
        self.import = Some(import);
        let known = |plant: &Arc<PlantSnapshot>| {
            plant.clients > 0 && plant.source != PlantSource::Undecided && plant.waiting == 0
        };
        let plant = tokio::time::timeout(PATIENCE, snapshots.wait_for(known)).await.expect("in time").expect("a plant");
        Arc::clone(&plant)
    }

    async fn end(self) {
        self.stop.send_replace(true);
        if let Some(import) = self.import {
            import.ended().await;
        }
        self.pusher.stop().await;
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let clients = if has("--smoke") { "2000" } else { "100000" };
    let kind = if has("--generated") { "--plant" } else { "--clients" };
    let (_served, url) = Served::start(&[kind, clients, "--seed", "7"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("plant.db");
    let store = Arc::new(Store::open(&path, Keep::default()).expect("a database"));

    let mut running = Running::start(&url).await;
    let (before, _) = held();
    let began = Instant::now();
    let plant = running.import(&store).await;
    let took = began.elapsed();
    let (after, most) = held();
    let all = u64::try_from(plant.clients.max(1)).unwrap_or(1);
    tell(&plant, took);
    println!(
        "memory: {} octets a client more than with the directory alone; the most while it was read: {} MB in all",
        after.saturating_sub(before) / all,
        most / 1_000_000
    );
    assert!(plant.routes * 100 >= plant.clients * 95, "{} of {} have a route", plant.routes, plant.clients);
    running.end().await;
    let ended = Arc::clone(&store);
    tokio::task::spawn_blocking(move || ended.close()).await.expect("closed");
    drop(store);
    println!("in the store: {} octets a client", octets(&path) / all);
    drop(plant);

    let store = Arc::new(Store::open(&path, Keep::default()).expect("a database"));
    let mut running = Running::start(&url).await;
    let began = Instant::now();
    let plant = running.import(&store).await;
    let requests: u64 = plant.requests.values().sum();
    println!("after a restart: known after {:.2?}, {requests} requests", began.elapsed());
    assert_eq!(requests, 0, "nothing is asked for twice");
    running.end().await;
}

fn octets(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

fn tell(plant: &PlantSnapshot, took: Duration) {
    let requests: u64 = plant.requests.values().sum();
    let counted = u32::try_from(requests).map_or(f64::INFINITY, f64::from);
    println!(
        "{} clients, {} with a route ({}, {} of {} traces agree): {requests} requests {:?}, {took:.1?} at an unlimited rate",
        plant.clients,
        plant.routes,
        plant.source.word(),
        plant.sample.compared - plant.sample.differ,
        plant.sample.compared,
        plant.requests,
    );
    println!(
        "at {REQUESTS_PER_SECOND} a second: {:.1} minutes; a trace for each client: {:.1} hours",
        counted / REQUESTS_PER_SECOND / 60.0,
        u32::try_from(plant.clients).map_or(f64::INFINITY, f64::from) / REQUESTS_PER_SECOND / 3600.0
    );
    println!("the graph: {} nodes of {} elements", plant.plant.node_count(), plant.plant.element_count());
}
