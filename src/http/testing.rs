//! What the room's tests stand on: boards with known reports, and a server on a free port.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::server::Limits;
use crate::config::{self, Secret};
use crate::daemon::{Board, OltReport, Standing};
use crate::model::{
    Cause, Completeness, Dbm, Decibels, Gap, Level, Metres, OltId, OnuId, OnuKey, OnuState, PonId, PonReading,
    PonState, Reading, Sweep, SweepKind, Timestamp, Truth, Unread, Verdict,
};
use crate::ozmap::{
    DirectoryView, ForeignView, Halted, HostState, JournalView, LastError, LimitView, MatchView, Missing, Owner,
    Owners, PlantSnapshot, PlantSource, PushSnapshot, ReadReport, Survey, Written,
};
use crate::plant::{HeadEnd, Hop, HopKind, Named, Parent, ParentKind, PlantBuilder, Route};
use crate::poll::{Identity, Intervals, Lateness, Status, View};
use crate::signal::Reason;
use crate::snmp::{Counters, Oid};

/// 2026-11-23T02:31:07Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

/// An ONU of `0/1/x`, four to a PON, whose serial tells its number.
pub(super) fn onu(number: u32) -> Reading {
    Reading {
        pon: Some(PonId::new(&[0, 1, (number - 1) / 3]).unwrap()),
        onu: Some(number),
        serial: Ok(format!("HWTC{number:08X}").parse().unwrap()),
        name: Ok(format!("{} Maria", 10_000 + number).into()),
        ..Reading::unread(OnuKey::new(&[4_194_304, number]), Unread::NoSuchColumn)
    }
}

/// One that is up, with this power.
pub(super) fn up(number: u32, rx: f64) -> Reading {
    Reading {
        state: Ok(OnuState::Up),
        cause: Err(Unread::NoValue),
        last_down_cause: Ok(Cause::Power),
        rx: Ok(Dbm::new(rx).unwrap()),
        ..onu(number)
    }
}

/// One that is down.
pub(super) fn down(number: u32, cause: Cause) -> Reading {
    let mut reading = Reading { state: Ok(OnuState::Down), cause: Ok(cause), ..up(number, -40.0) };
    reading.mask_levels_while_down();
    reading
}

/// What is held of an ONU.
pub(super) fn standing(number: u32, truth: Truth, level: Level, verdict: Verdict) -> Standing {
    let reason = match truth {
        Truth::Up => Reason::Up,
        Truth::Down(cause) => Reason::Down { cause, readings: 2 },
        Truth::Stale => Reason::NoAnswer(NOW),
    };
    Standing {
        key: OnuKey::new(&[4_194_304, number]),
        truth,
        since: NOW,
        level,
        olt_level: Level::Unread,
        usual_rx: None,
        lost: Decibels::from_thousandths(0),
        declines: false,
        flaps: false,
        verdict,
        reason,
    }
}

/// What would be held of a reading that was believed.
fn believed(reading: &Reading) -> Standing {
    let number = *reading.key.numbers().last().unwrap();
    let (truth, level, verdict) = match (reading.state, reading.rx) {
        (Ok(OnuState::Down), _) => {
            let cause = reading.cause.unwrap_or(Cause::Unknown);
            let verdict = if cause == Cause::Optical { Verdict::Error } else { Verdict::Hold };
            (Truth::Down(cause), Level::Good, verdict)
        }
        (Ok(OnuState::Up), Ok(rx)) if rx < Dbm::new(-27.0).unwrap() => (Truth::Up, Level::Critical, Verdict::Error),
        (Ok(OnuState::Up), Ok(rx)) if rx < Dbm::new(-25.0).unwrap() => (Truth::Up, Level::Weak, Verdict::Ok),
        (Ok(OnuState::Up), Ok(_)) => (Truth::Up, Level::Good, Verdict::Ok),
        (Ok(OnuState::Up), Err(_)) => (Truth::Up, Level::Unread, Verdict::Ok),
        _ => (Truth::Stale, Level::Good, Verdict::Hold),
    };
    Standing { key: reading.key.clone(), ..standing(number, truth, level, verdict) }
}

/// An OLT that was swept and answers.
pub(super) fn olt(name: &str, onus: &[Reading]) -> OltReport {
    let pon = |port: u32| PonReading {
        pon: PonId::new(&[0, 1, port]).unwrap(),
        name: Some(format!("GPON 0/1/{port}").into()),
        state: Ok(PonState::Up),
        tx: Dbm::new(4.1).map_err(|_| Unread::Malformed),
        onus: Err(Unread::NoSuchColumn),
    };
    let mut view = View::default();
    for (place, kind) in (0_u64..).zip(SweepKind::ALL) {
        let gap = Gap { what: "hwGponDeviceOntOpticalInfoTable".into(), why: "no answer".into() };
        view.merge(&Sweep {
            olt: OltId::new(name),
            kind: *kind,
            scope: crate::model::SweepScope::Whole,
            started: NOW,
            elapsed: Duration::from_millis(250 * (place + 1)),
            completeness: match kind {
                SweepKind::Optics => Completeness::Partial(vec![gap]),
                _ => Completeness::Complete,
            },
            uptime: None,
            boots: None,
            pons: (0..3).map(pon).collect(),
            onus: onus.to_vec(),
            pdus: 37,
        });
    }
    let profile = crate::mib::Library::load(None).unwrap().get("huawei-smartax").unwrap().clone();
    let minute = Duration::from_secs(60);
    let mut report = OltReport::new(OltId::new(name), "192.0.2.10:161".to_owned());
    report.status = Some(Status {
        identity: Some(Identity {
            finding: crate::mib::Finding::Proved,
            sys_descr: "Huawei Integrated Access Software".to_owned(),
            sys_object_id: Oid::new(&[1, 3, 6, 1, 4, 1, 2011]),
            profile,
        }),
        intervals: Intervals { state: minute, optics: 15 * minute, inventory: 60 * minute },
        skipped: 4,
        lateness: Lateness { state: Duration::from_millis(1500), most: Duration::from_secs(4), ..Lateness::default() },
        slices: (3, 16),
        counters: Counters {
            sent: 111,
            retries: 3,
            needless: 1,
            timeouts: 2,
            late: 1,
            foreign: 5,
            silences: 6,
            held: 7,
            window: 2,
            smoothed_rtt: Some(Duration::from_micros(12_500)),
            ..Counters::default()
        },
    });
    report.view = Arc::new(view);
    report.standings = Arc::new(onus.iter().map(believed).collect());
    report.last_answer = Some(NOW + Duration::from_millis(750));
    report
}

/// An OLT that never answered.
pub(super) fn silent(name: &str) -> OltReport {
    let minute = Duration::from_secs(60);
    let mut report = OltReport::new(OltId::new(name), "192.0.2.11:161".to_owned());
    report.status = Some(Status {
        identity: None,
        intervals: Intervals { state: minute, optics: 15 * minute, inventory: 60 * minute },
        skipped: 0,
        lateness: Lateness::default(),
        slices: (0, 0),
        counters: Counters::default(),
    });
    report.error = Some("no answer from 192.0.2.11:161 to 3 requests in 6 s".to_owned());
    report.failures = 3;
    report.again_in = Some(2 * minute);
    report
}

/// Six ONUs: two good, one weak, one down without mains, one without light, and one of which nothing is known at
/// present, whose state the OLT does not say.
pub(super) fn town() -> OltReport {
    let unsaid = Reading { state: Ok(OnuState::Unknown), ..up(6, -28.0) };
    let mut report = olt(
        "olt-centro",
        &[up(1, -20.0), up(2, -26.0), down(3, Cause::Power), down(4, Cause::Optical), up(5, -28.5), unsaid],
    );
    let mut standings = report.standings.to_vec();
    if let Some(last) = standings.last_mut() {
        *last = standing(6, Truth::Stale, Level::Good, Verdict::Hold);
    }
    report.standings = Arc::new(standings);
    report
}

/// Whose those ONUs are.
pub(super) fn owners(numbers: impl IntoIterator<Item = u32>) -> Arc<Owners> {
    let owner = |number: u32| Owner {
        client: format!("65a0{number:020}").parse().unwrap(),
        code: Some((10_000 + number).to_string().into()),
        box_id: Some("65a0000000000000000000b1".parse().unwrap()),
    };
    let onu = |number: u32| OnuId { olt: OltId::new("olt-centro"), key: OnuKey::new(&[4_194_304, number]) };
    Arc::new(numbers.into_iter().map(|number| (onu(number), owner(number))).collect())
}

/// The way to a client on a splitter of `CTO 12`: 20.6 dB over 1,540 m. Nobody entered what the PON launches.
fn route(number: u32) -> Route {
    let named = |id: &str, name: &str| Named::new(id.parse().unwrap(), name);
    let db = |loss| Decibels::new(loss).ok();
    let hop = |kind, element, port, parent, loss, metres| {
        let (kind_of_parent, named) = parent;
        let parent = Some(Parent { kind: kind_of_parent, named, length: None });
        Hop { kind, element, port, parent, loss, distance: Metres::new(metres).unwrap() }
    };
    let (slot, pon) = (named("65a0000000000000000000a2", "Slot 1"), named("65a0000000000000000000a3", "PON 1"));
    let cable = (ParentKind::Cable, named("65a0000000000000000000d5", "CABO 01"));
    let cto = (ParentKind::Place, named("65a0000000000000000000b1", "CTO 12"));
    let drop = (ParentKind::Drop, named(&format!("65ad{number:020}"), ""));
    let port = u16::try_from(number).ok();
    Route {
        head_end: Some(HeadEnd {
            olt: named("65a0000000000000000000a1", "OLT-1"),
            slot: slot.clone(),
            pon: pon.clone(),
        }),
        pon_reached: true,
        launch: Some(Dbm::new(0.0).unwrap()),
        loss: db(20.6),
        hops: vec![
            hop(HopKind::Pon, pon, None, (ParentKind::Place, slot), None, 0.0),
            hop(HopKind::Fiber, named("65a0000000000000000000f1", "L1-F1"), None, cable, db(3.0), 1500.0),
            hop(HopKind::Splitter, named("65a0000000000000000000c1", "Splitter 1"), port, cto, db(17.1), 1500.0),
            hop(HopKind::Fiber, named(&format!("65af{number:020}"), ""), None, drop, db(0.5), 1540.0),
        ],
    }
}

/// The plant of eight clients, the last without a way to a PON, and what `ONUs` of the other seven read beside it.
pub(super) fn survey() -> Survey {
    let mut builder = PlantBuilder::new();
    for number in 1..=8 {
        let id = format!("65a0{number:020}").parse().unwrap();
        builder.client(id, Some("65a0000000000000000000b1".parse().unwrap()));
        let mut route = route(number);
        if number == 8 {
            (route.pon_reached, route.head_end) = (false, None);
            route.hops.remove(0);
        }
        builder.route(id, &route);
    }
    let without = "65a000000000000000000008".parse().unwrap();
    let plant = PlantSnapshot {
        read_at: Some(NOW),
        source: PlantSource::Walk,
        clients: 8,
        routes: 7,
        missing: Missing::ALL.iter().map(|why| (why.word(), usize::from(*why == Missing::NoPath))).collect(),
        requests_left: 3,
        requests: [("pages", 11), ("rows", 25), ("traces", 24)].into(),
        without: Arc::from([(without, Missing::NoPath)]),
        plant: Arc::new(builder.build()),
        ..PlantSnapshot::empty(NOW)
    };
    let rx = [-16.0, -16.5, -17.0, -16.2, -16.8, -16.4, -21.0];
    let onus: Vec<Reading> = (1..).zip(rx).map(|(number, rx)| up(number, rx)).collect();
    let read = olt("olt-centro", &onus);
    Survey::of(NOW, &Arc::new(plant), &owners(1..=8), [(&read.olt, &*read.view)], 100)
}

/// A pusher that has done everything, and that knows the clients of the ONUs 3 and 4 of `town`.
pub(super) fn push() -> PushSnapshot {
    PushSnapshot {
        at: NOW,
        mode: "write",
        host: "isp.ozmap.example:9994".to_owned(),
        directory: Some(DirectoryView {
            clients: 12,
            read_at: NOW,
            kept: false,
            renewed_at: NOW,
            deltas: true,
            report: ReadReport::default(),
            all: None,
        }),
        reading: None,
        olts: 1,
        complete_olts: 1,
        matching: MatchView {
            matched: 2,
            matched_by: [("serial", 2), ("mac", 0), ("code", 0)].into(),
            unmatched: 3,
            ambiguous: 1,
            clients_without_onu: 10,
            owners: owners([3, 4]),
            ..MatchView::default()
        },
        held: 0,
        braked: Vec::new(),
        maintained: 5,
        boxes: Vec::new(),
        unnamed_boxes: 0,
        planning: false,
        foreign: ForeignView { policy: "ours", flips: 9, contested: 6, listed: Vec::new() },
        unseen: 2,
        unsettled: 9,
        failures: 0,
        journal: JournalView { kept: true, ..JournalView::default() },
        pending: 7,
        pending_changes: Vec::new(),
        pending_powers: 8,
        aside: 1,
        written: Written { ok: 21, error: 22, failed: [("refused", 4)].into(), ..Written::default() },
        requests: [("ok", 40), ("busy", 2)].into(),
        limits: LimitView {
            requests_per_second: 0.5,
            share: 0.25,
            reads_in_flight: 3,
            writes_in_flight: 1,
            host: HostState::LeftAlone,
        },
        last_error: Some(LastError { at: NOW, message: "PATCH refused".to_owned() }),
        halted: Some(Halted { since: NOW, why: "the token was refused".to_owned(), checked: true }),
        resting_until: Some(NOW + Duration::from_secs(30)),
    }
}

/// A server that runs until it is dropped.
pub(super) struct Running {
    pub(super) url: String,
    pub(super) address: std::net::SocketAddr,
    pub(super) client: reqwest::Client,
    pub(super) reports: Vec<watch::Sender<Arc<OltReport>>>,
    pub(super) feed: crate::daemon::Feed,
    pub(super) shutdown: watch::Sender<bool>,
    pub(super) task: JoinHandle<()>,
}

/// A token that is set where a test wants one.
pub(super) const TOKEN: &str = "s3cret-t0ken";

pub(super) async fn serve(reports: Vec<OltReport>) -> Running {
    start(reports, None, None, Limits::USUAL).await
}

pub(super) async fn start(
    reports: Vec<OltReport>,
    push: Option<PushSnapshot>,
    token: Option<&str>,
    limits: Limits,
) -> Running {
    // As in a daemon, there is a plant where there is an OZmap.
    let survey = push.is_some().then(survey);
    let (mut board, reports) = Board::still(NOW, reports, push);
    if let Some(survey) = survey {
        board = board.surveyed(survey);
    }
    start_board(board, reports, token, limits).await
}

/// With a database.
pub(super) async fn start_with_store(reports: Vec<OltReport>, store: crate::store::Store) -> Running {
    let (board, reports) = Board::still(NOW, reports, None);
    start_board(board.with_store(store), reports, None, Limits::USUAL).await
}

pub(super) async fn start_board(
    board: Board,
    reports: Vec<watch::Sender<Arc<OltReport>>>,
    token: Option<&str>,
    limits: Limits,
) -> Running {
    let listen = "127.0.0.1:0".parse().unwrap();
    let http = config::Http { listen, token: token.map(|token| Secret::new(token.to_owned())) };
    let mut server = super::bind(&http).await.unwrap();
    server.limits = limits;
    let address = server.address();
    let board = board.listening("127.0.0.1:1162".parse().unwrap());
    let feed = board.feed().clone();
    let (shutdown, stopped) = watch::channel(false);
    let task = tokio::spawn(server.run(board, stopped));
    // Another room may have been first; one provider is as good as another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Running { url: format!("http://{address}"), address, client, reports, feed, shutdown, task }
}

impl Running {
    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// The document, which must have come with this status.
    pub(super) async fn json(&self, path: &str, status: u16) -> serde_json::Value {
        let response = self.get(path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        response.json().await.unwrap()
    }
}
