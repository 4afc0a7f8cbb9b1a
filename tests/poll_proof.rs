//! Which profile is used: what an OLT says of itself proposes, what its tables hold decides.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

use std::path::Path;
use std::sync::Arc;

use oltwatch::config::Config;
use oltwatch::mib::{Answer, Finding, Library};
use oltwatch::model::{SweepKind, Timestamp};
use oltwatch::poll::{Poller, Style, prove};
use oltwatch::sim::olt::{AgentOptions, Faults, GeneratedOlt, GeneratedOptions, Lies, SimulatedOlt};
use oltwatch::snmp::{Engine, Oid, Target, Value};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SYS_OBJECT_ID: &str = "1.3.6.1.2.1.1.2.0";

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn generate(family: &str, onus_per_pon: u32) -> GeneratedOlt {
    let library = Library::load(None).unwrap();
    let options = GeneratedOptions { name: "olt".to_owned(), pons: 2, onus_per_pon, first_code: 10_001, seed: 7 };
    GeneratedOlt::new(Arc::clone(library.get(family).unwrap()), &options).unwrap()
}

/// All that it shows.
fn rows(olt: &GeneratedOlt) -> Vec<(Oid, Value)> {
    olt.view().read(|rows| rows.iter().map(|(oid, value)| (oid.clone(), value.clone())).collect())
}

fn start(olt: &GeneratedOlt) -> SimulatedOlt {
    SimulatedOlt::start(AgentOptions::default(), olt.view().clone()).unwrap()
}

fn poller(agent: &SimulatedOlt, profile: &str) -> Poller {
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"{}\"\n\
         profile = \"{profile}\"\npdus_per_second = 5000\ntimeout = \"100ms\"\nretries = 1\n",
        agent.address()
    );
    let config = Config::parse(&text, "test", Path::new("."), &|_| None).unwrap();
    Poller::new(config.olts[0].clone(), Arc::new(Library::load(None).unwrap()))
}

/// Firmware 2.1 of a C320 shows its ONUs in two trees.
#[tokio::test]
async fn of_two_profiles_that_claim_an_olt_the_better_proved_one_is_used_and_else_the_surer_one() {
    let (older, newer) = (generate("zte-c300-c320", 4), generate("zte-c600", 4));
    let older_rows = rows(&older);
    newer.view().update(|rows| {
        for (oid, value) in older_rows {
            rows.set(oid, value);
        }
        rows.set(oid(SYS_OBJECT_ID), Value::ObjectId(oid("1.3.6.1.4.1.3902.1082.1001.320.2.1")));
    });
    let agent = start(&newer);
    let both = poller(&agent, "auto").identify().await.unwrap().clone();
    assert_eq!((both.profile.name(), both.finding), ("zte-c300-c320", Finding::Proved));

    // A release that keeps names in the older tree, and moved states and levels.
    for moved in ["28.2", "50.12", "11.4"] {
        let moved = oid(&format!("1.3.6.1.4.1.3902.1012.3.{moved}"));
        agent.view().update(|rows| rows.remove_under(&moved));
    }
    let moved = poller(&agent, "auto").identify().await.unwrap().clone();
    assert_eq!((moved.profile.name(), moved.finding), ("zte-c600", Finding::Proved));
    // Who names a profile gets it.
    let named = poller(&agent, "zte-c300-c320").identify().await.unwrap().clone();
    assert_eq!(named.profile.name(), "zte-c300-c320");
    agent.stop().await;
}

#[tokio::test]
async fn every_family_is_proved_by_few_requests_one_at_a_time() {
    for profile in Library::load(None).unwrap().iter() {
        let olt = generate(profile.name(), 5);
        let agent = start(&olt);
        let target = Target { pdus_per_second: 5000.0, ..Target::new(&agent.address().to_string()) };
        let text = "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"x\"\n";
        let config = Config::parse(text, "test", Path::new("."), &|_| None).unwrap();
        let session = Engine::default().open(target, &config.olts[0].credential).await.unwrap();
        let brief = prove(&session, profile, Style::BRIEF, &|_| ()).await;
        let answers: Vec<_> =
            brief.proof.columns.iter().map(|column| (column.field, &column.answer, &column.sample)).collect();
        assert_eq!(brief.proof.finding(), Finding::Proved, "{}: {answers:?}", profile.name());
        println!("{} {} requests, {} points", profile.name(), brief.pdus, brief.proof.score());
        assert!(brief.pdus <= 40, "{} took {} requests", profile.name(), brief.pdus);
        assert!(brief.proof.onu_fields(&Answer::Contradicts).is_empty(), "{}: {answers:?}", profile.name());
        assert_eq!(agent.counters().most_outstanding, 1);
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_profile_that_its_olt_does_not_bear_out_is_told_and_read_all_the_same() {
    let agent = start(&generate("vsol-epon", 3));
    let mut poller = poller(&agent, "huawei-smartax");
    assert_eq!(poller.identify().await.unwrap().finding, Finding::Unproved);
    let sweep = poller.sweep(SweepKind::State, NOW).await.unwrap();
    assert!(sweep.onus.is_empty() && sweep.uptime.is_some());
    agent.stop().await;
}

#[tokio::test]
async fn values_that_cannot_be_are_a_contradiction() {
    let olt = generate("vsol-gpon", 3);
    let given = rows(&olt);
    olt.view().update(|rows| {
        for (oid, value) in given {
            if oid.suffix_of(&self::oid("1.3.6.1.4.1.37950.1.1.6")).is_some() {
                let wrong = if value.integer().is_some() {
                    Value::Integer(777_777)
                } else {
                    Value::OctetString((*b"?!").into())
                };
                rows.set(oid, wrong);
            }
        }
    });
    let agent = start(&olt);
    assert_eq!(poller(&agent, "vsol-gpon").identify().await.unwrap().finding, Finding::Contradicted);
    agent.stop().await;
}

#[tokio::test]
async fn columns_that_hang_do_not_keep_an_olt_from_being_known_and_it_is_proved_once() {
    let agent = start(&generate("vsol-epon", 3));
    let optics = oid("1.3.6.1.4.1.37950.1.1.5.12.2.1.8");
    agent.set_faults(Faults { lies: Lies { hang_at: vec![optics], ..Lies::default() }, ..Faults::default() });
    let mut poller = poller(&agent, "auto");
    let identity = poller.identify().await.unwrap().clone();
    assert_eq!((identity.profile.name(), identity.finding), ("vsol-epon", Finding::Proved));
    // After a silence it is asked who it is again, and no more.
    agent.forget_requests();
    poller.close();
    poller.identify().await.unwrap();
    assert!(agent.requests().len() <= 3, "{:?}", agent.requests());
    agent.stop().await;
}
