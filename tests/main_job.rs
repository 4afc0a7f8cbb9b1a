//! The main job end to end: `oltwatch run` in write mode between simulated OLTs (real SNMP) and a simulated OZmap
//! (real HTTP).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::Secret;
use oltwatch::mib::Library;
use oltwatch::model::{Cause, Dbm};
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use oltwatch::sim::ozmap::{OzmapOptions, Population, SeedClient, SimulatedOzmap};
use support::Watched;

const TOKEN: &str = "token-of-the-main-job";
const COMMUNITY: &str = "community-of-the-main-job";

/// How long something may take that should take a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);

/// Some state intervals, in which nothing should happen.
const A_WHILE: Duration = Duration::from_secs(4);

/// `oltwatch run`, which does not outlive its test.
struct Running {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Running {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to stop as a service manager would, and waits.
    fn terminate(&mut self) -> ExitStatus {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(olts: &[(&str, &Watched)], ozmap: &SimulatedOzmap, mode: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let mut text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"OZMAP_TOKEN\"\nmode = \"{mode}\"\nrequests_per_second = 1000\nburst = 100\nfull_read = \"3s\"\n\
         code_pattern = '^(\\d+)'\n[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n",
        ozmap.url()
    );
    for (name, olt) in olts {
        text.push_str(&format!(
            "[[olt]]\nname = \"{name}\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"600ms\"\ninventory_every = \"5s\"\n\
             pdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
            olt.address()
        ));
    }
    let config = folder.path().join("oltwatch.toml");
    std::fs::write(&config, text).unwrap();
    let log = folder.path().join("log");
    let child = Command::new(env!("CARGO_BIN_EXE_oltwatch"))
        .args(["--log-level", "debug", "run", "-c"])
        .arg(&config)
        .env("OZMAP_TOKEN", TOKEN)
        .env("OLT_COMMUNITY", COMMUNITY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    Running { child, log, _folder: folder }
}

fn generate(family: &str, name: &str, first_code: u32) -> GeneratedOlt {
    let library = Library::load(None).unwrap();
    let options =
        GeneratedOptions { name: name.to_owned(), pons: 2, onus_per_pon: 8, first_code, seed: u64::from(first_code) };
    GeneratedOlt::new(Arc::clone(library.get(family).unwrap()), &options).unwrap()
}

fn agent(olt: &GeneratedOlt) -> Watched {
    let options = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    Watched::start(options, olt.view().clone(), 1)
}

/// One client for each ONU, by serial, MAC or the code in its name.
fn clients(olts: &[&GeneratedOlt]) -> Population {
    let client = |onu: &oltwatch::model::Reading| {
        let name = onu.name.clone().unwrap();
        let (code, person) = name.split_once(' ').unwrap();
        SeedClient::new(code, person).serial(onu.serial.clone().unwrap().as_str().to_lowercase())
    };
    Population::List(olts.iter().flat_map(|olt| olt.onus()).map(client).collect())
}

fn code(olt: &GeneratedOlt, place: usize) -> String {
    olt.onus()[place].name.clone().unwrap().split(' ').next().unwrap().to_owned()
}

async fn until(what: &str, running: &Running, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen; log:\n{}", running.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Complete reads of the directory and of every ONU have happened, so that writes would be allowed.
async fn settled(running: &Running, ozmap: &SimulatedOzmap, agents: &[&Watched]) {
    let reads = |ozmap: &SimulatedOzmap| ozmap.requests().iter().filter(|r| r.path.ends_with("/properties")).count();
    let asked: Vec<u64> = agents.iter().map(|agent| agent.counters().requests).collect();
    until("two reads of the directory", running, || reads(ozmap) >= 2).await;
    until("some sweeps", running, || {
        agents.iter().zip(&asked).all(|(agent, before)| agent.counters().requests > before + 20)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_move_both_ways_and_a_steady_state_writes_nothing() {
    let mut huawei = generate("huawei-smartax", "olt-centro", 10_001);
    let vsol = generate("vsol-epon", "olt-norte", 20_001);
    let (huawei_agent, vsol_agent) = (agent(&huawei), agent(&vsol));
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(clients(&[&huawei, &vsol]))).await.unwrap();
    let mut running = run(&[("olt-centro", &huawei_agent), ("olt-norte", &vsol_agent)], &ozmap, "write");

    settled(&running, &ozmap, &[&huawei_agent, &vsol_agent]).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.writes(), 0, "a steady state writes nothing: {}", running.log());

    // Light lost: red. Mains lost: left as it is.
    let (lost, dark) = (code(&huawei, 3), code(&huawei, 5));
    huawei.take_down(3, Cause::Optical);
    huawei.take_down(5, Cause::Power);
    until("ERROR of the client without light", &running, || ozmap.status_of(&lost) == Some(1)).await;
    // Too weak to receive: red as well.
    let weak = code(&huawei, 7);
    huawei.set_rx(7, Dbm::new(-29.5).unwrap());
    until("ERROR of the client with too little light", &running, || ozmap.status_of(&weak) == Some(1)).await;
    assert_eq!(ozmap.status_of(&dark), Some(0), "a power cut is no fault of the fibre");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.applied_writes(), 2, "{}", running.log());

    // Back to good: green again, all of them, and nothing more.
    huawei.bring_up(3);
    huawei.bring_up(5);
    huawei.set_rx(7, Dbm::new(-19.0).unwrap());
    until("OK of both", &running, || [&lost, &weak].iter().all(|code| ozmap.status_of(code) == Some(0))).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.applied_writes(), 4, "{}", running.log());

    // It ends when asked to, and its log, at its most talkative, holds no secret.
    let status = running.terminate();
    assert!(status.success(), "{status}: {}", running.log());
    let log = running.log();
    assert!(log.len() > 1000, "the log is there: {log}");
    for secret in [TOKEN, COMMUNITY] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_olt_that_is_switched_off_turns_nobody_red() {
    let mut huawei = generate("huawei-smartax", "olt-centro", 30_001);
    let vsol = generate("vsol-epon", "olt-norte", 40_001);
    let (huawei_agent, vsol_agent) = (agent(&huawei), agent(&vsol));
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(clients(&[&huawei, &vsol]))).await.unwrap();
    let running = run(&[("olt-centro", &huawei_agent), ("olt-norte", &vsol_agent)], &ozmap, "write");
    settled(&running, &ozmap, &[&huawei_agent, &vsol_agent]).await;

    vsol_agent.set_silent(true);
    until("the daemon to notice", &running, || running.log().contains("cannot be polled")).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.writes(), 0, "silence is not evidence: {}", running.log());

    // The rest goes on.
    let lost = code(&huawei, 0);
    huawei.take_down(0, Cause::Optical);
    until("ERROR on the other OLT", &running, || ozmap.status_of(&lost) == Some(1)).await;
    vsol_agent.set_silent(false);
    until("the OLT to answer again", &running, || running.log().contains("answers again")).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.applied_writes(), 1, "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing_and_says_what_it_would_change() {
    let mut huawei = generate("huawei-smartax", "olt-centro", 50_001);
    let huawei_agent = agent(&huawei);
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(clients(&[&huawei]))).await.unwrap();
    let running = run(&[("olt-centro", &huawei_agent)], &ozmap, "dry-run");
    settled(&running, &ozmap, &[&huawei_agent]).await;
    let lost = code(&huawei, 2);
    huawei.take_down(2, Cause::Optical);
    until("the dry run to say it", &running, || running.log().contains(&lost)).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.writes(), 0);
    assert_eq!(ozmap.status_of(&lost), Some(0));
}

/// The demo, which does not outlive its test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_tells_of_a_cut_an_outage_and_an_unreachable_olt_and_saw_each_rightly() {
    let child = Command::new(env!("CARGO_BIN_EXE_oltwatch"))
        .args(["demo", "--seconds", "240", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Demo(child);
    let mut told = String::new();
    for line in BufReader::new(demo.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let is_end = line.contains("The story is told") || line.contains("The demo failed");
        told.push_str(&line);
        told.push('\n');
        if is_end {
            break;
        }
    }
    let mut rest = told.as_str();
    for part in [
        "120 of 120 ONUs were read",
        "! A digger is at work: a cable is cut: CABO",
        "oltwatch: light is cut at CABO",
        "✓ Found after",
        "turned red in OZmap",
        "green again",
        "! A transformer burns",
        "oltwatch: no mains power at",
        "✓ Nothing is written to OZmap",
        "stops answering",
        "oltwatch: an OLT does not answer",
        "stale, which is not down",
        "✓ Three faults, each called what it was",
        "The story is told",
    ] {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} in its place: {told}"));
        rest = after;
    }
    let status = Command::new("kill").arg(demo.0.id().to_string()).status().unwrap();
    assert!(status.success());
    assert!(demo.0.wait().unwrap().success(), "told and seen, it ends well: {told}");
}
