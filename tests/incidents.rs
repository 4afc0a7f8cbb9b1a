//! Incidents end to end: simulated OLTs over real SNMP, a simulated OZmap over real HTTP, and the daemon between them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, Secret};
use oltwatch::daemon::Daemon;
use oltwatch::incident::{Incident, Kind};
use oltwatch::mib::Library;
use oltwatch::model::{Cause, Truth};
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use oltwatch::sim::ozmap::{OzmapOptions, Population, SeedClient, SimulatedOzmap, WriteKind};
use support::Watched;

const TOKEN: &str = "token-of-the-incidents";
const PATIENCE: Duration = Duration::from_secs(90);
/// Some state intervals, in which nothing should happen.
const A_WHILE: Duration = Duration::from_secs(3);

/// Two OLTs of two PONs with twelve ONUs each.
struct Town {
    olts: Vec<GeneratedOlt>,
    agents: Vec<Watched>,
    ozmap: SimulatedOzmap,
    daemon: Daemon,
}

const ONUS: usize = 12;

impl Town {
    async fn new() -> Self {
        let library = Library::load(None).unwrap();
        let generate = |number: u32, family: &str| {
            let options = GeneratedOptions {
                name: format!("olt-{number}"),
                pons: 2,
                onus_per_pon: u32::try_from(ONUS).unwrap(),
                first_code: 10_000 * number + 1,
                seed: u64::from(number),
            };
            GeneratedOlt::new(Arc::clone(library.get(family).unwrap()), &options).unwrap()
        };
        let olts = vec![generate(1, "huawei-smartax"), generate(2, "huawei-smartax")];
        let agent = |olt: &GeneratedOlt| {
            let options = AgentOptions { community: Secret::new("public".to_owned()), ..AgentOptions::default() };
            Watched::start(options, olt.view().clone(), 1)
        };
        let agents: Vec<Watched> = olts.iter().map(agent).collect();
        let client = |onu: &oltwatch::model::Reading| {
            let name = onu.name.clone().unwrap();
            let (code, person) = name.split_once(' ').unwrap();
            SeedClient::new(code, person).serial(onu.serial.clone().unwrap().as_str())
        };
        let clients = Population::List(olts.iter().flat_map(GeneratedOlt::onus).map(client).collect());
        let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(clients)).await.unwrap();
        let mut text = format!(
            "[ozmap]\nurl = \"{}\"\ntoken_env = \"T\"\nmode = \"write\"\nrequests_per_second = 1000\nburst = 100\nfull_read = \"3s\"\n\
             [incident]\nsettle = \"2s\"\n[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n",
            ozmap.url()
        );
        for (olt, agent) in ["olt-1", "olt-2"].iter().zip(&agents) {
            text.push_str(&format!(
                "[[olt]]\nname = \"{olt}\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"2s\"\n\
                 inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
                agent.address()
            ));
        }
        let config = Config::parse(&text, "test", Path::new("."), &|_| Some(TOKEN.to_owned())).unwrap();
        let daemon = Daemon::start(&config, Arc::new(library)).unwrap();
        let town = Self { olts, agents, ozmap, daemon };
        town.until("every ONU is up and matched", || {
            let up = |olt: &Arc<oltwatch::daemon::OltReport>| {
                olt.standings.iter().filter(|standing| standing.truth == Truth::Up).count() == 2 * ONUS
            };
            town.daemon.board().olts().iter().all(up)
                && town.daemon.board().push().is_some_and(|push| push.matching.matched == 4 * ONUS)
        })
        .await;
        town
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "{what}: not in time; {:#?}", self.daemon.board().incidents().open);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn open(&self, kind: Kind) -> Vec<Arc<Incident>> {
        let view = self.daemon.board().incidents();
        view.open.iter().filter(|incident| incident.kind == kind).cloned().collect()
    }

    fn red(&self) -> usize {
        self.ozmap.clients().iter().filter(|client| client.status == 1).count()
    }

    async fn end(self) {
        self.daemon.stop().await;
        self.ozmap.stop().await;
        drop(self.agents);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_one_incident_its_clients_go_red_together_and_it_is_cleared_by_the_repair() {
    let mut town = Town::new().await;
    for place in 0..ONUS {
        town.olts[0].take_down(place, Cause::Optical);
    }
    town.until("one incident with all that lost light", || {
        town.daemon.board().incidents().open.iter().any(|incident| incident.lost as usize == ONUS)
    })
    .await;
    town.until("their clients are red", || town.red() == ONUS).await;
    let view = town.daemon.board().incidents();
    assert_eq!(view.open.len(), 1, "one fault, one incident: {view:#?}");
    let incident = &view.open[0];
    assert!(matches!(incident.kind, Kind::Cut | Kind::Equipment | Kind::Undetermined), "{incident:#?}");
    assert!(incident.onus.iter().all(|onu| onu.client_id.is_some()), "{incident:#?}");
    let batches = town.ozmap.writes_of(WriteKind::ClientBatch).applied;
    assert!(batches >= 1, "twelve clients are more than a few: they go in batches");
    for place in 0..ONUS {
        town.olts[0].bring_up(place);
    }
    town.until("it is over", || town.daemon.board().incidents().open.is_empty()).await;
    town.until("all clients are green", || town.red() == 0).await;
    tokio::time::sleep(A_WHILE).await;
    let view = town.daemon.board().incidents();
    let cleared: Vec<_> = view.cleared.iter().map(|one| one.id).collect();
    assert_eq!((view.open.len(), cleared), (0, vec![incident.id]), "the same incident all along, and no other");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_outage_over_two_olts_is_one_incident_and_turns_nobody_red() {
    let mut town = Town::new().await;
    for olt in &mut town.olts {
        for place in 0..ONUS {
            olt.take_down(place, Cause::Power);
        }
    }
    town.until("an outage with all of them", || {
        town.open(Kind::Power).iter().map(|incident| incident.lost as usize).sum::<usize>() == 2 * ONUS
    })
    .await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((town.red(), town.ozmap.writes()), (0, 0), "an outage is no fault of the fibre");
    assert!(town.open(Kind::Cut).is_empty());
    town.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_olt_that_does_not_answer_is_that_and_nothing_else() {
    let town = Town::new().await;
    town.agents[1].set_silent(true);
    town.until("it is unreachable", || town.open(Kind::OltUnreachable).len() == 1).await;
    tokio::time::sleep(A_WHILE).await;
    let view = town.daemon.board().incidents();
    assert_eq!((view.open.len(), town.red(), town.ozmap.writes()), (1, 0, 0), "{view:#?}");
    town.agents[1].set_silent(false);
    town.until("it answers again", || town.daemon.board().incidents().open.is_empty()).await;
    town.end().await;
}
