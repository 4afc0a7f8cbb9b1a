//! A world that lives beside a daemon that watches it: real SNMP and real HTTP on loopback, time as it passes.

// Each binary uses its own part of this module, and a helper of tests may fail as loudly as a test.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use oltwatch::config::{Config, Secret};
use oltwatch::daemon::{Daemon, Topic, What};
use oltwatch::incident::Change;
use oltwatch::mib::Library;
use oltwatch::model::{Timestamp, Truth};
use oltwatch::ozmap::Pushed;
use oltwatch::sim::live::{LiveOptions, LiveWorld, learned_gasps};
use oltwatch::sim::plant::{CableIx, CableKind, Index, Plant, PlantOptions, PonIx};
use oltwatch::sim::world::{Action, Fault, Ground, World, WorldOptions};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

const TOKEN: &str = "token-of-the-world";
/// How long something may take that should take seconds: machines are slow at times.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How often the world goes on.
const TICK: Duration = Duration::from_millis(50);

/// Looks at each ONU's losses of power that the daemon learned from before.
const LEARNED: u32 = 10;
/// In this time everybody whom a fault hits is down, in milliseconds.
const SPREAD_MS: u64 = 5000;
/// A repair begins so long after its fault; the tests skip what is left of it.
const REPAIR_AFTER: Duration = Duration::from_secs(3600);
/// After it, ONUs start again and are ranged.
const BACK_AFTER: Duration = Duration::from_secs(600);

/// Now.
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// How far the world's time is ahead of ours, in milliseconds.
type Ahead = Arc<AtomicU64>;

fn world_time(ahead: &Ahead) -> Timestamp {
    now() + Duration::from_millis(ahead.load(Ordering::Relaxed))
}

/// The world, the daemon, and the hand that moves the world's clock.
pub struct Town {
    pub live: Arc<Mutex<LiveWorld>>,
    pub daemon: Daemon,
    player: JoinHandle<()>,
    ahead: Ahead,
    ground: Arc<Ground>,
    /// The newest event before anything went wrong.
    pub begin: u64,
}

/// Two OLTs of two families, two of three PONs shared by feeders; good documentation, ONUs that nearly always gasp.
pub fn options(seed: u64) -> PlantOptions {
    PlantOptions {
        splits: vec![(4, 8)],
        chains: 0.0,
        pons_per_olt: 3,
        pons_per_slot: 2,
        pons_per_feeder: 3,
        families: vec!["huawei-smartax".to_owned(), "vsol-gpon".to_owned()],
        gasp: Some(0.95),
        ..PlantOptions::new(130, seed)
    }
}

impl Town {
    /// Runs, with everything read, matched, and routed.
    pub async fn new(options: PlantOptions, state_every: Duration) -> Self {
        Self::with(options, state_every, "").await
    }

    /// With more keys of `[ozmap]`.
    pub async fn with(options: PlantOptions, state_every: Duration, keys: &str) -> Self {
        let library = Library::load(None).unwrap();
        let ground = Arc::new(Ground::new(Plant::generate(&options).unwrap()));
        // OLTs that never take light for power, so that each fault has one truth.
        let life = WorldOptions { wrong_causes: 0.0, ..WorldOptions::new(options.seed, now()) };
        let world = World::new(Arc::clone(&ground), life, &[]);
        let secrets = LiveOptions::new(Secret::new("public".to_owned()), Secret::new(TOKEN.to_owned()));
        let live = LiveWorld::start(world, &options.families, &library, secrets).await.unwrap();
        let config =
            Config::parse(&config(&live, state_every, keys), "test", Path::new("."), &|_| Some(TOKEN.to_owned()));
        let live = Arc::new(Mutex::new(live));
        let ahead = Ahead::default();
        let player = tokio::spawn(play(Arc::clone(&live), Arc::clone(&ahead)));
        let gasps = learned_gasps(ground.plant(), LEARNED, options.seed);
        let daemon = Daemon::start_knowing(&config.unwrap(), Arc::new(library), gasps).unwrap();
        let mut town = Self { live, daemon, player, ahead, ground, begin: 0 };
        let clients = options.clients;
        town.until("every ONU is up and read, matched, and has its route", || town.is_known(clients)).await;
        // What the plant is reaches those who explain with their next thought.
        tokio::time::sleep(state_every.max(Duration::from_secs(1)) * 2).await;
        town.begin = town.daemon.board().feed().newest();
        assert_eq!(town.writes().await, 0, "a network without faults has nothing to write");
        town
    }

    fn is_known(&self, clients: usize) -> bool {
        let board = self.daemon.board();
        let up = |olt: &Arc<oltwatch::daemon::OltReport>| {
            olt.standings.iter().filter(|standing| standing.truth == Truth::Up).count()
        };
        board.olts().iter().map(up).sum::<usize>() == clients
            && board.push().is_some_and(|push| push.matching.matched == clients)
            && board.plant().is_some_and(|plant| plant.routes == clients && plant.clients == clients)
    }

    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The cable of that kind with the most clients behind it, all on one PON of which others have another way: a PON that is dark
    /// as a whole may as well be its port.
    pub fn cable(&self, kind: CableKind) -> CableIx {
        let plant = self.ground.plant();
        let on_pon = |cable| {
            let client = self.ground.behind(cable).first().and_then(|(client, _)| plant.clients.get(*client));
            client.map_or(0, |client| self.ground.on_pon(client.pon).len())
        };
        let pons = |cable| {
            let behind = self.ground.behind(cable).iter();
            behind.filter_map(|(client, _)| Some(plant.clients.get(*client)?.pon)).collect::<BTreeSet<_>>().len()
        };
        let fits = |cable| pons(cable) == 1 && self.ground.behind(cable).len() < on_pon(cable);
        let cables = plant.cables.iter().filter(|(ix, cable)| cable.kind == kind && fits(*ix));
        cables.max_by_key(|(ix, _)| self.ground.behind(*ix).len()).unwrap().0
    }

    /// Lets it go wrong now, until [`Town::repair`]; everybody whom it hits is down at once: the world's time skips what they take.
    pub async fn strike(&self, action: Action) -> Instant {
        let mut live = self.live.lock().await;
        let at = world_time(&self.ahead);
        live.add(&Fault { action, at, until: Some(at + REPAIR_AFTER) });
        self.ahead.fetch_add(SPREAD_MS, Ordering::Relaxed);
        live.advance(world_time(&self.ahead), false);
        Instant::now()
    }

    /// It is repaired, and everything that was hit is up again: the world's time skips that.
    pub async fn repair(&self) {
        let mut live = self.live.lock().await;
        let skipped = u64::try_from((REPAIR_AFTER + BACK_AFTER).as_millis()).unwrap();
        self.ahead.fetch_add(skipped, Ordering::Relaxed);
        live.advance(world_time(&self.ahead), false);
    }

    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "{what}: not in time; {:#?}", self.daemon.board().incidents().open);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until an OLT's states were read once more.
    pub async fn after_sweep(&self, olt: &str) {
        let last = || {
            let report = self.daemon.board().olt(olt).unwrap();
            report.view.last(oltwatch::model::SweepKind::State).map(|last| last.started)
        };
        let before = last();
        self.until("a sweep", || last() > before).await;
    }

    /// The OLT of everybody behind a cable.
    pub fn olt_of(&self, cable: CableIx) -> String {
        let plant = self.ground.plant();
        let client = plant.clients.get(self.ground.behind(cable)[0].0).unwrap();
        plant.olts.get(plant.olt_of(client).unwrap()).unwrap().name.to_string()
    }

    /// How many requests came that would change something.
    pub async fn writes(&self) -> u64 {
        self.live.lock().await.ozmap().writes()
    }

    /// Codes of clients that OZmap shows with an error, sorted.
    pub async fn red(&self) -> Vec<String> {
        let live = self.live.lock().await;
        let clients = live.ozmap().clients();
        let mut red: Vec<String> =
            clients.into_iter().filter(|client| client.status == 1).map(|client| client.code).collect();
        red.sort();
        red
    }

    /// Codes of the clients behind a cable, sorted.
    pub fn codes_behind(&self, cable: CableIx) -> Vec<String> {
        let plant = self.ground.plant();
        let behind = self.ground.behind(cable).iter();
        let mut codes: Vec<String> =
            behind.map(|(client, _)| plant.clients.get(*client).unwrap().code.to_string()).collect();
        codes.sort();
        codes
    }

    /// All changes of incidents since the beginning, with the ids of the events.
    pub fn changes(&self) -> Vec<(u64, Change)> {
        let page = self.daemon.board().feed().read(&[Topic::Incident], self.begin, usize::MAX);
        assert_eq!(page.missed, None);
        let change = |event: oltwatch::daemon::Event| match event.what {
            What::Incident(change) => Some((event.id, change)),
            _ => None,
        };
        page.events.into_iter().filter_map(change).collect()
    }

    /// All that was written since the beginning, with the ids of the events.
    pub fn pushes(&self) -> Vec<(u64, Arc<Pushed>)> {
        let page = self.daemon.board().feed().read(&[Topic::Push], self.begin, usize::MAX);
        let push = |event: oltwatch::daemon::Event| match event.what {
            What::Push(pushed) => Some((event.id, pushed)),
            _ => None,
        };
        page.events.into_iter().filter_map(push).collect()
    }

    pub async fn end(self) {
        self.daemon.stop().await;
        self.player.abort();
        let _ = self.player.await;
        if let Some(live) = Arc::into_inner(self.live) {
            live.into_inner().stop().await;
        }
    }
}

async fn play(live: Arc<Mutex<LiveWorld>>, ahead: Ahead) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let mut live = live.lock().await;
        live.advance(world_time(&ahead), false);
    }
}

fn config(live: &LiveWorld, state_every: Duration, keys: &str) -> String {
    let mut text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"T\"\nmode = \"write\"\nrequests_per_second = 1000\nburst = 100\nfull_read = \"5s\"\n{keys}\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n",
        live.ozmap().url()
    );
    for olt in live.olts() {
        write!(
            text,
            "[[olt]]\nname = \"{}\"\naddress = \"{}\"\nstate_every = \"{}ms\"\noptics_every = \"10s\"\ninventory_every = \"30s\"\n\
             pdus_per_second = 2000\ntimeout = \"500ms\"\nretries = 1\n",
            olt.name(),
            olt.agent().address(),
            state_every.as_millis()
        )
        .unwrap();
    }
    text
}

/// The port with the most clients.
pub fn fullest(ground: &Ground) -> PonIx {
    let ports = ground.plant().pons.iter().map(|(ix, _)| ix);
    ports.max_by_key(|pon| (ground.on_pon(*pon).len(), std::cmp::Reverse(pon.place()))).unwrap()
}
