//! Recordings: a live run replays to what was decided live, and the recordings in `tests/recordings` replay to what is
//! expected of them.
//!
//! `OLTWATCH_WRITE_RECORDINGS=1 cargo test --test replay` writes the recordings (from the scenarios below) and what is
//! decided of them anew; read the difference before it is committed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cli_support::{COMMUNITY, ended, oltwatch};
use oltwatch::config::maintenance::UnderWay;
use oltwatch::config::{Config, Secret, StatusMap, Thresholds};
use oltwatch::daemon::Daemon;
use oltwatch::incident::{Gasps, Kind, Owner, Reliability, Step};
use oltwatch::mib::Library;
use oltwatch::model::{
    Cause, ClientId, Completeness, Dbm, ElementId, Gap, Metres, OltId, OnuKey, Reading, Sweep, SweepKind, SweepScope,
    Timestamp, Unread, Verdict,
};
use oltwatch::plant::{Coords, HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Place, PlantBuilder, Route};
use oltwatch::poll::Intervals;
use oltwatch::record::{Decided, Owned, Recorder, Recording, RecordingReader, Replay, Rules, Scrubber};
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use support::Watched;

/// How long something may take that should take a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);

fn plant(name: &str, onus: u32) -> GeneratedOlt {
    let library = Library::load(None).unwrap();
    let options = GeneratedOptions { name: name.to_owned(), pons: 1, onus_per_pon: onus, first_code: 10_001, seed: 4 };
    GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_run_replays_to_what_was_decided_live() {
    let folder = tempfile::tempdir().unwrap();
    let mut plant = plant("olt-centro", 8);
    let options = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    let agent = Watched::start(options, plant.view().clone(), 1);
    let path = folder.path().join("oltwatch.toml");
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"{COMMUNITY}\"\n\
         [[olt]]\nname = \"olt-centro\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"600ms\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
        agent.address()
    );
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path, &|_| None).unwrap();
    let file = folder.path().join("recording.gz");
    let rules = Rules { thresholds: config.thresholds.clone(), status: StatusMap::default() };
    let scrubber = Scrubber::new([3; 32], vec![OltId::new("olt-centro")]);
    let recording = Recording::start(&file, now(), rules, Some(scrubber)).unwrap();
    let library = Arc::new(Library::load(None).unwrap());
    let daemon = Daemon::start_recorded(&config, library, Some(recording.recorder())).unwrap();
    let board = daemon.board().clone();
    let counts = || {
        let olt = board.olt("olt-centro").unwrap();
        let mut counts = [0; 3];
        for standing in olt.standings.iter() {
            counts[match standing.verdict {
                Verdict::Ok => 0,
                Verdict::Error => 1,
                Verdict::Hold => 2,
            }] += 1;
        }
        counts
    };
    until("all to be read", || counts() == [8, 0, 0]).await;
    plant.take_down(1, Cause::Optical);
    plant.take_down(2, Cause::Power);
    plant.set_rx(3, Dbm::new(-29.5).unwrap());
    until("the losses to count", || counts() == [5, 2, 1]).await;
    daemon.stop().await;
    let live = counts();
    tokio::task::spawn_blocking(move || recording.end(now())).await.unwrap();

    let mut reader = RecordingReader::open(&file).unwrap();
    let mut replay = Replay::new(reader.header().rules.clone(), false);
    while let Some(entry) = reader.next_entry().unwrap() {
        replay.take(&entry).unwrap();
    }
    assert!(!reader.is_cut_off());
    assert_eq!((replay.verdicts(), replay.tally().lost), (live, 0));

    // As its user sees it, twice the same.
    let shown = || {
        let mut command = oltwatch();
        command.arg("replay").arg(&file);
        let ended = ended(command);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        ended.stdout
    };
    let first = shown();
    assert!(first.contains("verdict hold → error: down (optical) in 2 consecutive state readings"), "{first}");
    assert!(first.contains("At the end 5 ok, 2 error, 1 hold"), "{first}");
    assert!(!first.contains("olt-centro") && !first.contains(plant.onus()[1].serial.clone().unwrap().as_str()));
    assert_eq!(first, shown());
    // By other rules, other decisions.
    std::fs::write(&path, format!("{}[thresholds]\ndown_after = 1000\n", std::fs::read_to_string(&path).unwrap()))
        .unwrap();
    let mut command = oltwatch();
    command.arg("replay").arg(&file).arg("-c").arg(&path);
    let other = ended(command);
    assert!(other.stdout.contains(" 1 error, "), "{other:?}");
    assert!(!other.stdout.contains("→ error: down (optical)"), "{other:?}");
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A scenario on a scripted clock: sweeps as the daemon would have made them of this plant.
struct Script {
    plant: GeneratedOlt,
    recorder: Recorder,
    second: u64,
    uptime: Duration,
    intervals: Intervals,
}

impl Script {
    const INTERVALS: Intervals = Intervals {
        state: Duration::from_secs(60),
        optics: Duration::from_secs(300),
        inventory: Duration::from_secs(3600),
    };

    fn at(&self) -> Timestamp {
        Timestamp::from_millis(1_796_000_000_000 + self.second * 1000)
    }

    fn sweep(&self, kind: SweepKind, change: impl Fn(&mut Reading)) -> Sweep {
        let onus = self.plant.onus().iter().zip(0..).map(|(truth, place)| {
            let mut reading = Reading::unread(OnuKey::new(&[4_194_304_000, place]), Unread::NotAsked);
            (reading.pon, reading.onu) = (truth.pon, truth.onu);
            match kind {
                SweepKind::Inventory => {
                    (reading.serial, reading.name) = (truth.serial.clone(), truth.name.clone());
                }
                SweepKind::State => {
                    (reading.state, reading.cause) = (truth.state, truth.cause);
                }
                SweepKind::Optics => (reading.rx, reading.olt_rx) = (truth.rx, truth.olt_rx),
            }
            change(&mut reading);
            reading
        });
        Sweep {
            olt: OltId::new("olt-sim"),
            kind,
            scope: SweepScope::Whole,
            started: self.at(),
            elapsed: Duration::from_millis(800),
            completeness: Completeness::Complete,
            uptime: Some(self.uptime),
            boots: None,
            pons: Vec::new(),
            onus: onus.collect(),
            pdus: 4,
        }
    }

    fn give(&self, sweep: Sweep) {
        self.recorder.sweep(&Arc::new(sweep), self.intervals);
    }

    /// The next minute.
    fn pass(&mut self) {
        self.second += 60;
        self.uptime += Duration::from_secs(60);
    }

    /// These many minutes: state each minute, optics every fifth.
    fn minutes(&mut self, count: u64) {
        self.minutes_in_which(count, |_| {});
    }

    /// These many minutes, in which the OLT's levels are not what they are.
    fn minutes_in_which(&mut self, count: u64, change: impl Fn(&mut Reading)) {
        for _ in 0..count {
            self.give(self.sweep(SweepKind::State, |_| {}));
            if self.second.is_multiple_of(300) {
                self.give(self.sweep(SweepKind::Optics, &change));
            }
            self.pass();
        }
    }
}

fn cut_and_power(script: &mut Script) {
    script.minutes(6);
    for place in 0..3 {
        script.plant.take_down(place, Cause::Optical);
    }
    script.plant.take_down(4, Cause::Power);
    script.plant.take_down(5, Cause::Unknown);
    script.minutes(14);
    for place in 0..6 {
        script.plant.bring_up(place);
    }
    script.minutes(3);
}

fn silence(script: &mut Script) {
    script.minutes(6);
    // A sweep that broke off after the first ONU, although others are gone from it.
    let mut partial = script.sweep(SweepKind::State, |_| {});
    partial.onus.truncate(1);
    partial.completeness = Completeness::Partial(vec![Gap { what: "state".into(), why: "no answer".into() }]);
    script.give(partial);
    script.pass();
    for _ in 0..30 {
        script.recorder.no_answer(&OltId::new("olt-sim"), script.at());
        script.pass();
    }
    script.minutes(2);
}

fn sentinels(script: &mut Script) {
    script.minutes(11);
    script.minutes_in_which(15, |reading| reading.rx = Err(Unread::Sentinel(2_147_483_647.into())));
    script.minutes(30);
}

fn reboot(script: &mut Script) {
    script.minutes(6);
    script.second += 240;
    script.uptime = Duration::from_secs(90);
    for place in 0..8 {
        script.plant.take_down(place, Cause::Optical);
    }
    script.minutes(4);
    for place in 0..7 {
        script.plant.bring_up(place);
    }
    script.minutes(10);
}

fn decay(script: &mut Script) {
    script.minutes(5);
    for tenths in (250..=280).step_by(5) {
        script.plant.set_rx(2, Dbm::from_thousandths(-100 * tenths));
        script.minutes(10);
    }
    script.plant.set_rx(2, Dbm::from_thousandths(-20_000));
    script.minutes(20);
}

fn flapping(script: &mut Script) {
    script.minutes(2);
    for _ in 0..5 {
        script.plant.take_down(3, Cause::Optical);
        script.minutes(2);
        script.plant.bring_up(3);
        script.minutes(1);
    }
    script.minutes(40);
}

/// Three ONUs go dark while somebody works on their PON, and one of them does not come back.
fn maintenance(script: &mut Script) {
    script.minutes(6);
    let (olt, until) = (OltId::new("olt-sim"), Timestamp::from_millis(script.at().millis() + 3_600_000));
    let pon = script.plant.onus()[0].pon.unwrap();
    let pon = Some(oltwatch::config::Pattern::new(&pon.to_string()));
    let under_way = vec![UnderWay { pon, until, reason: "new splitter".to_owned() }];
    script.recorder.maintenance(&olt, script.at(), under_way);
    for place in 0..3 {
        script.plant.take_down(place, Cause::Optical);
    }
    script.minutes(10);
    for place in 0..2 {
        script.plant.bring_up(place);
    }
    script.recorder.maintenance(&olt, script.at(), Vec::new());
    script.minutes(6);
}

/// Weeks in which one ONU steps down and is repaired, and another one fades; looked at every four hours.
fn fading(script: &mut Script) {
    let every = Duration::from_secs(4 * 3600);
    script.intervals = Intervals { state: every, optics: every, inventory: every };
    for look in 0..24 * 6_i32 {
        let day = look / 6;
        script.plant.set_rx(2, Dbm::from_thousandths(-18_000 - 25 * (look - 24).max(0)));
        script.plant.set_rx(5, Dbm::from_thousandths(if (8..14).contains(&day) { -21_000 } else { -17_500 }));
        script.give(script.sweep(SweepKind::State, |_| {}));
        // Five on the PON are calm but for the noise of one of their scales' units.
        script.give(script.sweep(SweepKind::Optics, |reading| {
            reading.olt_rx = Err(Unread::NotAsked);
            reading.rx = reading.rx.map(|rx| Dbm::from_thousandths(rx.thousandths() + 40 * (look % 3 - 1)));
        }));
        script.second += every.as_secs();
        script.uptime += every;
    }
}

/// An id of OZmap.
fn id(number: u8) -> ElementId {
    ElementId::from_octets([number; 12])
}

/// What the daemon would note of OZmap: two boxes with eight clients each, behind one closure.
fn documented(script: &Script) {
    let hop = |kind, element: u8, port, (parent, holder, name): (ParentKind, u8, &str), metres: f64| Hop {
        kind,
        element: Named::new(id(element), ""),
        port,
        parent: Some(Parent { kind: parent, named: Named::new(id(holder), name), length: None }),
        loss: None,
        distance: Metres::new(metres).unwrap(),
    };
    let mut builder = PlantBuilder::new();
    let mut owners = Vec::new();
    for place in 0..16_u8 {
        let (branch, client) = (place / 8, ClientId::from_octets([200 + place; 12]));
        let (cable, cto) = (format!("CABO 0{}", 2 + branch), format!("CTO 1{branch}"));
        let hops = vec![
            hop(HopKind::Fiber, 10, None, (ParentKind::Cable, 11, "CABO 01"), 1000.0),
            hop(HopKind::Splitter, 12, Some(u16::from(branch) + 1), (ParentKind::Place, 13, "CEO 07"), 1000.0),
            hop(HopKind::Fiber, 20 + branch, None, (ParentKind::Cable, 30 + branch, &cable), 1600.0),
            hop(
                HopKind::Splitter,
                40 + branch,
                Some(u16::from(place % 8) + 1),
                (ParentKind::Place, 50 + branch, &cto),
                1600.0,
            ),
            hop(HopKind::Fiber, 100 + place, None, (ParentKind::Drop, 150 + place, ""), 1650.0),
        ];
        let head_end =
            HeadEnd { olt: Named::new(id(1), "olt-sim"), slot: Named::new(id(2), "1"), pon: Named::new(id(3), "0") };
        let route = Route { head_end: Some(head_end), pon_reached: true, launch: None, loss: None, hops };
        builder.client(client, Some(id(50 + branch)));
        builder.route(client, &route);
        let coords = Coords::new(-48.5 + f64::from(branch) / 100.0, -27.5).ok();
        builder.place(&Place { id: id(50 + branch), name: Some(cto.into()), coords });
        let owner =
            Owner { client, code: Some((10_001 + u32::from(place)).to_string().into()), place: Some(id(50 + branch)) };
        owners.push(Owned { key: OnuKey::new(&[4_194_304_000, u32::from(place)]), owner });
    }
    let mut gasps = Gasps::default();
    let serial = script.plant.onus()[0].serial.clone().unwrap();
    gasps.set(&OltId::new("olt-sim"), Some(&serial), Reliability::known(0.85, 60.0));
    script.recorder.incidents(script.at(), Duration::from_secs(10), &gasps);
    script.recorder.plant(script.at(), &Arc::new(builder.build()));
    script.recorder.owners(&OltId::new("olt-sim"), script.at(), owners);
}

/// The cable to one of two boxes is cut, and mended.
fn cut_of_a_cable(script: &mut Script) {
    documented(script);
    script.minutes(6);
    for place in 8..16 {
        script.plant.take_down(place, Cause::Optical);
    }
    script.minutes(5);
    for place in 8..16 {
        script.plant.bring_up(place);
    }
    script.minutes(3);
}

/// Homes of both boxes lose power; not all of them say so, and one has a battery.
fn outage(script: &mut Script) {
    documented(script);
    script.minutes(6);
    for place in (0..16).filter(|place| *place != 5) {
        script.plant.take_down(place, if place == 11 { Cause::Optical } else { Cause::Power });
    }
    script.minutes(5);
    for place in 0..16 {
        script.plant.bring_up(place);
    }
    script.minutes(3);
}

/// The OLT does not answer for a while, and nothing else has happened.
fn unreachable(script: &mut Script) {
    documented(script);
    script.minutes(6);
    for _ in 0..15 {
        script.recorder.no_answer(&OltId::new("olt-sim"), script.at());
        script.pass();
    }
    script.minutes(3);
}

type Scenario = fn(&mut Script);
/// Name, how many ONUs, whether it is scrubbed, and what happens.
const SCENARIOS: [(&str, u32, bool, Scenario); 11] = [
    ("cut-and-power", 8, false, cut_and_power),
    ("cut-of-a-cable", 16, true, cut_of_a_cable),
    ("decay", 8, false, decay),
    ("fading", 8, false, fading),
    ("flapping", 8, false, flapping),
    ("maintenance", 8, false, maintenance),
    ("outage", 16, true, outage),
    ("reboot", 8, false, reboot),
    ("sentinels", 8, false, sentinels),
    ("silence", 8, false, silence),
    ("unreachable", 16, true, unreachable),
];

fn write(path: &Path, onus: u32, scrubbed: bool, scenario: Scenario) {
    let folder = tempfile::tempdir().unwrap();
    let thresholds = Thresholds::default();
    let start = Timestamp::from_millis(1_796_000_000_000);
    let packed = folder.path().join("r.gz");
    let scrubber = scrubbed.then(|| Scrubber::new([7; 32], vec![OltId::new("olt-sim")]));
    let rules = Rules { thresholds, status: StatusMap::default() };
    let recording = Recording::start(&packed, start, rules, scrubber).unwrap();
    let plant = plant("olt-sim", onus);
    let mut script = Script {
        plant,
        recorder: recording.recorder(),
        second: 0,
        uptime: Duration::from_secs(40 * 86_400),
        intervals: Script::INTERVALS,
    };
    script.give(script.sweep(SweepKind::Inventory, |_| {}));
    scenario(&mut script);
    let end = script.at();
    recording.end(end);
    let mut text = String::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(std::fs::File::open(&packed).unwrap());
    std::io::Read::read_to_string(&mut unpacked, &mut text).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn recordings_are_decided_as_expected() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let anew = std::env::var_os("OLTWATCH_WRITE_RECORDINGS").is_some();
    let mut wrong = BTreeMap::new();
    for (name, onus, scrubbed, scenario) in SCENARIOS {
        let recording = folder.join(format!("{name}.jsonl"));
        let expected = folder.join(format!("{name}.txt"));
        if anew {
            write(&recording, onus, scrubbed, scenario);
        }
        let mut command = oltwatch();
        command.arg("replay").arg(&recording);
        let ended = ended(command);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{name}");
        if anew {
            std::fs::write(&expected, &ended.stdout).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap() != ended.stdout {
            wrong.insert(name, ended.stdout);
        }
    }
    let text: String = wrong.iter().map(|(name, shown)| format!("{name} replays to:\n{shown}\n")).collect();
    assert!(wrong.is_empty(), "{text}");
}

#[test]
fn a_scrubbed_recording_holds_nothing_of_ozmap_that_names_anybody_and_is_located_all_the_same() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let text = std::fs::read_to_string(folder.join("cut-of-a-cable.jsonl")).unwrap();
    for word in
        ["CABO", "CTO", "CEO", "olt-sim", "10001", "Maria", "-48.", "-27.5", &id(30).to_string(), &id(201).to_string()]
    {
        assert!(!text.contains(word), "{word}");
    }
    let mut reader = RecordingReader::open(&folder.join("cut-of-a-cable.jsonl")).unwrap();
    let mut replay = Replay::new(reader.header().rules.clone(), false);
    let mut told = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        for decided in replay.take(&entry).unwrap() {
            if let Decided::Incident(_, change) = decided {
                told.push(change);
            }
        }
    }
    assert_eq!(told.first().map(|change| change.step), Some(Step::Opened));
    assert_eq!(told.last().map(|change| change.step), Some(Step::Cleared));
    let cut = &told[0].incident;
    assert!(told.iter().all(|change| change.incident.id == cut.id), "{told:#?}");
    assert_eq!((cut.kind, cut.lost, cut.monitored), (Kind::Cut, 8, 8));
    let place = cut.place.as_ref().unwrap();
    let [from, to] = place.metres_from_olt.unwrap();
    assert!(from >= 1000 && to == 1600, "{place:?}");
    assert!(cut.onus.iter().all(|onu| onu.client_id.is_some() && onu.place.is_some()));
}

#[test]
fn what_is_no_recording_ends_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r");
    let whole = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/silence.jsonl"));
    let whole = whole.unwrap();
    let show = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = oltwatch();
        command.arg("replay").arg(&path);
        ended(command)
    };
    let foreign = show("[[olt]]\n");
    assert_eq!(foreign.code, 1);
    assert!(foreign.stderr.contains("r: is no recording"), "{foreign:?}");
    // What stands before a damage is shown.
    let damaged = show(&whole.replacen("\"no_answer\"", "\"no_anwer\"", 1));
    assert_eq!(damaged.code, 1);
    assert!(damaged.stdout.contains("level unread → good") && damaged.stderr.contains("/r:12: "), "{damaged:?}");
    let cut = show(&whole[..whole.len() - 10]);
    assert_eq!(cut.code, 0);
    assert!(cut.stderr.contains("its end is missing"), "{cut:?}");
}
