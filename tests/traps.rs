//! Traps end to end: a datagram to the daemon's port makes it read a simulated OLT, and what is read is judged, long before
//! the schedule would have come to it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::Config;
use oltwatch::daemon::{Daemon, OltReport};
use oltwatch::mib::Library;
use oltwatch::model::{Cause, OnuKey, SweepKind, Timestamp, Truth};
use oltwatch::signal::Reason;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};

/// Every wait in here ends much sooner, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// An SNMPv2-Trap of Huawei's "ONT LOSi" with uptime and trap OID, by hand: what a switch would send.
fn loss_of_signal() -> Vec<u8> {
    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        assert!(contents.len() < 128);
        [&[tag, u8::try_from(contents.len()).unwrap()][..], contents].concat()
    }
    let uptime = [element(6, &[0x2b, 6, 1, 2, 1, 1, 3, 0]), element(0x43, &[1, 0])].concat();
    // 1.3.6.1.4.1.2011.6.128.1.1.12.2.2.0.12; 2011 is 8f 5b, and 128 is 81 00.
    let trap = element(6, &[0x2b, 6, 1, 4, 1, 0x8f, 0x5b, 6, 0x81, 0, 1, 1, 12, 2, 2, 0, 12]);
    let name = [element(6, &[0x2b, 6, 1, 6, 3, 1, 1, 4, 1, 0]), trap].concat();
    let varbinds = element(0x30, &[element(0x30, &uptime), element(0x30, &name)].concat());
    let pdu = [element(2, &[7]), element(2, &[0]), element(2, &[0]), varbinds].concat();
    element(0x30, &[element(2, &[1]), element(4, b"traps"), element(0xa7, &pdu)].concat())
}

/// A daemon that listens for traps, and the OLT that it polls once an hour.
struct Rig {
    olt: GeneratedOlt,
    agent: SimulatedOlt,
    daemon: Daemon,
    socket: UdpSocket,
    to: SocketAddr,
}

impl Rig {
    async fn start() -> Self {
        let library = Arc::new(Library::load(None).unwrap());
        let options =
            GeneratedOptions { name: "olt".to_owned(), pons: 2, onus_per_pon: 8, first_code: 10_001, seed: 3 };
        let olt = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
        let agent = SimulatedOlt::start(AgentOptions::default(), olt.view().clone()).unwrap();
        let text = format!(
            "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"{}\"\n\
             pdus_per_second = 5000\nstate_every = \"1h\"\noptics_every = \"10h\"\ninventory_every = \"10h\"\n\
             [trap]\nlisten = \"127.0.0.1:0\"\n",
            agent.address()
        );
        let config = Config::parse(&text, "test", Path::new("."), &|_| None).unwrap();
        assert_eq!(config.warnings, [""; 0]);
        let daemon = Daemon::start(&config, library).unwrap();
        let to = daemon.board().traps().unwrap().listens;
        let rig = Self { olt, agent, daemon, socket: UdpSocket::bind("127.0.0.1:0").unwrap(), to };
        let read = rig.until("the first round", |olt| {
            let slices = olt.status.as_ref().map(|status| status.slices).unwrap_or_default();
            slices.0 == slices.1 && slices.1 > 0 && olt.standings.len() == 16
        });
        assert!(read.await.standings.iter().all(|standing| standing.truth == Truth::Up));
        rig
    }

    fn report(&self) -> Arc<OltReport> {
        self.daemon.board().olt("olt").unwrap()
    }

    async fn until(&self, what: &str, condition: impl Fn(&OltReport) -> bool) -> Arc<OltReport> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let report = self.report();
            if condition(&report) {
                return report;
            }
            assert!(Instant::now() < give_up, "{what}: {:?} {:?}", report.standings, self.daemon.board().traps());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn send_trap(&self) {
        self.socket.send_to(&loss_of_signal(), self.to).unwrap();
    }

    /// The key that the OLT has an ONU under, found by its serial.
    fn key(&self, place: usize) -> OnuKey {
        let serial = &self.olt.onus()[place].serial;
        self.report().view.onus().find(|onu| onu.serial == *serial).unwrap().key.clone()
    }
}

fn last_state(olt: &OltReport) -> Timestamp {
    olt.view.last(SweepKind::State).unwrap().started
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_counts_by_two_looks_after_a_trap_an_hour_before_the_schedule_would_read_it() {
    let mut rig = Rig::start().await;
    // A trap that is not true makes us look, and changes nothing.
    let before = last_state(&rig.report());
    rig.send_trap();
    let after = rig.until("a look", |olt| last_state(olt) > before).await;
    assert!(after.standings.iter().all(|standing| standing.truth == Truth::Up), "a trap is no evidence");

    // Without a trap nobody would look for an hour.
    rig.agent.forget_requests();
    rig.olt.take_down(3, Cause::Optical);
    assert_eq!(rig.agent.requests().len(), 0, "nothing is asked between the slots of the schedule");
    rig.send_trap();
    let lost = rig.key(3);
    let report = rig.until("the loss", |olt| olt.standing(&lost).unwrap().truth == Truth::Down(Cause::Optical)).await;
    let reason = &report.standing(&lost).unwrap().reason;
    assert!(matches!(reason, Reason::Down { readings: 2, .. }), "{reason}");
    let others = report.standings.iter().filter(|standing| standing.key != lost);
    assert!(others.map(|standing| standing.truth).all(|truth| truth == Truth::Up));
    let traps = rig.daemon.board().traps().unwrap();
    assert_eq!(traps.olts.values().map(|tally| tally.received).sum::<u64>(), 2);
    rig.daemon.stop().await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_traps_makes_a_look_and_one_later() {
    const TRAPS: u64 = 400;
    let rig = Rig::start().await;
    let received =
        |rig: &Rig| rig.daemon.board().traps().unwrap().olts.values().map(|tally| tally.received).sum::<u64>();
    for number in 1..=TRAPS {
        rig.send_trap();
        let give_up = Instant::now() + PATIENCE;
        // One by one, so that the system drops none.
        while received(&rig) < number {
            assert!(Instant::now() < give_up, "trap {number} did not arrive");
            tokio::task::yield_now().await;
        }
    }
    let traps = rig.daemon.board().traps().unwrap();
    let tally = traps.olts.values().next().unwrap();
    // The budget: four at once, and half an hour until the next one.
    assert!(tally.now + tally.later <= 5, "{tally:?}");
    assert_eq!(tally.now + tally.later + tally.merged, TRAPS, "{tally:?}");
    rig.daemon.stop().await;
    rig.agent.stop().await;
}

#[test]
fn a_port_that_is_taken_ends_run_at_once_and_says_what_to_do() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("oltwatch.toml");
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\n\
         address = \"127.0.0.1:1\"\n[trap]\nlisten = \"{}\"\n",
        taken.local_addr().unwrap()
    );
    std::fs::write(&config, text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_oltwatch"))
        .args(["run", "-c"])
        .arg(&config)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("trap.listen: cannot listen for traps on UDP 127.0.0.1:"), "{errors}");
    assert!(errors.contains("snmptrapd"), "{errors}");
}
