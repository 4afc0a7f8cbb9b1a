//! The task of an OLT: optics in rounds of slices, hints, and what it tells of its schedule.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oltwatch::config::Config;
use oltwatch::mib::{FieldName, Library, Profile, Rows};
use oltwatch::model::{Cause, OnuKey, OnuState, PonId, Sweep, SweepKind, SweepScope, Unread};
use oltwatch::poll::{Event, Hint, Hints, PollTask, Poller, Status, View};
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use oltwatch::snmp::Oid;
use support::Watched;
use tokio::sync::{mpsc, watch};

/// Every wait in here ends much sooner, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running poll task and its simulated OLT.
struct Rig {
    olt: GeneratedOlt,
    agent: Watched,
    events: mpsc::Receiver<Event>,
    hints: Hints,
    shutdown: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    /// 4 PONs with 24 ONUs each, of which the last PON's are all down.
    fn start(family: &str) -> Self {
        let library = Arc::new(Library::load(None).unwrap());
        let options =
            GeneratedOptions { name: "olt".to_owned(), pons: 4, onus_per_pon: 24, first_code: 10_001, seed: 7 };
        let mut olt = GeneratedOlt::new(Arc::clone(library.get(family).unwrap()), &options).unwrap();
        let dark = olt.onus().last().unwrap().pon;
        for place in 0..olt.onus().len() {
            if olt.onus()[place].pon == dark {
                olt.take_down(place, Cause::Power);
            }
        }
        let agent = Watched::start(AgentOptions::default(), olt.view().clone(), 1);
        let text = format!(
            "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"{}\"\n\
             pdus_per_second = 5000\nstate_every = \"1h\"\noptics_every = \"10h\"\ninventory_every = \"10h\"\n",
            agent.address()
        );
        let config = Config::parse(&text, "test", Path::new("."), &|_| None).unwrap();
        let poller = Poller::new(config.olts[0].clone(), library);
        let (sender, events) = mpsc::channel(4);
        let (shutdown, stopped) = watch::channel(false);
        let hints = Hints::default();
        let task = tokio::spawn(PollTask::new(poller, Duration::ZERO, sender, hints.clone(), stopped).run());
        Self { olt, agent, events, hints, shutdown, task }
    }

    async fn swept(&mut self) -> (Arc<Sweep>, Arc<View>, Status) {
        match tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap() {
            Event::Swept { sweep, view, status } => (sweep, view, status),
            Event::Failed { error, .. } => panic!("{error}"),
        }
    }

    /// Reads state, inventory and the first round of optics; gives the round.
    async fn first_round(&mut self) -> (Vec<Arc<Sweep>>, Arc<View>, Status) {
        let kinds = [self.swept().await.0.kind, self.swept().await.0.kind];
        assert_eq!(kinds, [SweepKind::State, SweepKind::Inventory]);
        let mut slices = Vec::new();
        loop {
            let (sweep, view, status) = self.swept().await;
            assert!(sweep.kind == SweepKind::Optics && sweep.completeness.is_complete(), "{sweep:?}");
            slices.push(sweep);
            if status.slices == (slices.len(), slices.len()) {
                return (slices, view, status);
            }
        }
    }

    async fn stop(self) {
        self.shutdown.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
        self.agent.stop().await;
    }
}

fn columns(profile: &Profile, field: FieldName) -> Vec<Oid> {
    profile.columns().filter(|c| c.rows == Rows::Onu && c.field == field).filter_map(|c| c.oid.cloned()).collect()
}

#[tokio::test]
async fn a_round_reads_every_onu_that_is_up_once_whatever_the_family() {
    let mut whole = Vec::new();
    for profile in Library::load(None).unwrap().iter() {
        let family = profile.name();
        let mut rig = Rig::start(family);
        let (slices, view, status) = rig.first_round().await;
        let mut seen: BTreeSet<OnuKey> = BTreeSet::new();
        let mut pons: BTreeSet<PonId> = BTreeSet::new();
        for slice in &slices {
            for onu in slice.onus.iter().filter(|onu| onu.rx.is_ok()) {
                assert!(seen.insert(onu.key.clone()), "{family}: {} was read twice", onu.key);
            }
            if let SweepScope::Pons(scope) = &slice.scope {
                assert!(scope.iter().all(|pon| pons.insert(*pon)), "{family}");
                let within = |onu: &oltwatch::model::Reading| {
                    view.onu(&onu.key).unwrap().pon.is_none_or(|pon| scope.contains(&pon))
                };
                assert!(slice.onus.iter().all(within), "{family}: a row of another PON");
            }
        }
        let has_levels = profile.has_field(Rows::Onu, FieldName::Rx);
        for onu in view.onus().filter(|onu| onu.state == Ok(OnuState::Up)) {
            assert_eq!(onu.rx.is_ok(), has_levels, "{family}: {onu:?}");
        }
        assert!(view.onus().filter(|onu| onu.state == Ok(OnuState::Down)).all(|onu| onu.rx == Err(Unread::OnuDown)));
        let round = view.last(SweepKind::Optics).unwrap_or_else(|| panic!("{family}: the round has not ended"));
        assert_eq!(round.pdus, slices.iter().map(|slice| slice.pdus).sum::<u64>(), "{family}");
        assert!(status.lateness.most < PATIENCE, "{family}");
        if slices.len() == 1 {
            whole.push(family.to_owned());
        }
        rig.stop().await;
    }
    // Two show no PON, and one sorts its rows by serial, so that there is nothing to cut by.
    assert_eq!(whole, ["calix-axos", "calix-exa", "ubiquiti-ufiber"]);
}

#[tokio::test]
async fn pons_whose_onus_are_all_down_are_not_asked_for_levels() {
    for family in ["huawei-smartax", "zte-c600", "vsol-epon"] {
        let mut rig = Rig::start(family);
        let (slices, view, _) = rig.first_round().await;
        let dark: BTreeSet<PonId> =
            view.onus().filter(|onu| onu.state == Ok(OnuState::Down)).filter_map(|onu| onu.pon).collect();
        assert_eq!(dark.len(), 1, "{family}");
        for slice in &slices {
            let SweepScope::Pons(scope) = &slice.scope else { panic!("{family} was read whole") };
            assert!(scope.is_disjoint(&dark), "{family}");
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_hint_reads_the_named_pons_state_and_then_their_levels_and_nothing_else() {
    for family in ["huawei-smartax", "zte-c600", "vsol-epon"] {
        let mut rig = Rig::start(family);
        let (_, view, _) = rig.first_round().await;
        let pon = view.onus().find(|onu| onu.state == Ok(OnuState::Up)).unwrap().pon.unwrap();
        rig.agent.forget_requests();
        rig.hints.give(Hint::Pons([pon].into()));
        rig.hints.give(Hint::Pons([pon].into()));
        let scope = SweepScope::Pons([pon].into());
        let (state, ..) = rig.swept().await;
        assert_eq!((state.kind, &state.scope), (SweepKind::State, &scope), "{family}");
        let (optics, view, status) = rig.swept().await;
        assert_eq!((optics.kind, &optics.scope), (SweepKind::Optics, &scope), "{family}");
        assert!(state.completeness.is_complete() && optics.completeness.is_complete(), "{family}");
        let mine = view.onus().filter(|onu| onu.pon == Some(pon)).count();
        assert_eq!((state.onus.len(), optics.onus.len()), (mine, mine), "{family}");
        let levels = columns(&status.identity.unwrap().profile, FieldName::Rx);
        let asked: Vec<Oid> = rig.agent.requests().into_iter().flat_map(|request| request.oids).collect();
        let asked = asked.iter().filter(|oid| levels.iter().any(|column| oid.suffix_of(column).is_some())).count();
        assert!(asked > 0 && asked <= mine + 1, "{family}: {asked} of {mine}");
        // Beside the schedule: the round stays as it was, and its end too.
        assert_eq!(status.slices.0, status.slices.1, "{family}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_hint_for_levels_reads_a_whole_round_now() {
    let mut rig = Rig::start("vsol-epon");
    let (slices, ..) = rig.first_round().await;
    rig.hints.give(Hint::Levels);
    for done in 1..=slices.len() {
        let (sweep, _, status) = rig.swept().await;
        assert_eq!((sweep.kind, status.slices), (SweepKind::Optics, (done, slices.len())));
    }
    assert_eq!(rig.olt.onus().len(), 96);
    rig.stop().await;
}
