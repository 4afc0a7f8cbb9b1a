//! The poller against simulated OLTs of every family: what it reads, what it asks, and what it makes of trouble.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::{Config, Snmp};
use oltwatch::mib::{FieldName, Library, Profile, Rows};
use oltwatch::model::{Cause, Completeness, OnuState, PonState, SweepKind, Timestamp, Unread};
use oltwatch::poll::{PollError, Poller};
use oltwatch::sim::olt::{AgentOptions, Faults, GeneratedOlt, GeneratedOptions, Lies, SimulatedOlt};
use oltwatch::snmp::Oid;
use support::Watched;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn generate(family: &str) -> GeneratedOlt {
    generate_of(family, None)
}

fn generate_of(family: &str, kind: Option<&str>) -> GeneratedOlt {
    let library = Library::load(None).unwrap();
    let options = GeneratedOptions { name: "olt".to_owned(), pons: 3, onus_per_pon: 12, first_code: 10_001, seed: 7 };
    GeneratedOlt::of_kind(Arc::clone(library.get(family).unwrap()), kind, &options).unwrap()
}

fn poller_at(address: &str, profile: &str) -> Poller {
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n[[olt]]\nname = \"olt\"\naddress = \"{address}\"\n\
         profile = \"{profile}\"\npdus_per_second = 5000\ntimeout = \"250ms\"\nretries = 1\n"
    );
    let config = Config::parse(&text, "test", Path::new("."), &|_| None).unwrap();
    Poller::new(config.olts[0].clone(), Arc::new(Library::load(None).unwrap()))
}

fn poller(agent: &SimulatedOlt) -> Poller {
    poller_at(&agent.address().to_string(), "auto")
}

fn start(olt: &GeneratedOlt) -> Watched {
    Watched::start(AgentOptions::default(), olt.view().clone(), 1)
}

/// The columns of this field for ONUs.
fn columns(profile: &Profile, field: FieldName) -> Vec<Oid> {
    profile.columns().filter(|c| c.rows == Rows::Onu && c.field == field).filter_map(|c| c.oid.cloned()).collect()
}

#[tokio::test]
async fn every_family_is_recognised_and_read_as_it_is() {
    let library = Library::load(None).unwrap();
    let families = library.iter().flat_map(|profile| {
        std::iter::once(None).chain(profile.kinds().into_iter().map(Some)).map(move |kind| (profile, kind))
    });
    for (profile, kind) in families {
        let family = profile.name();
        let mut olt = generate_of(family, kind);
        olt.take_down(4, Cause::Optical);
        let has = |field| profile.columns().any(|c| c.kind == kind && c.rows == Rows::Onu && c.field == field);
        let agent = start(&olt);
        let mut poller = poller(&agent).with_account();
        assert_eq!(poller.identify().await.unwrap().profile.name(), family);
        let profile = Arc::clone(&poller.identity().unwrap().profile);
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            let sweep = poller.round(kind, NOW).await.unwrap().remove(0);
            assert_eq!(sweep.completeness, Completeness::Complete, "{family} {kind}");
            assert!(sweep.uptime.is_some() && sweep.pdus > u64::from(!profile.reads(kind).is_empty()), "{family}");
        }
        assert_eq!(poller.view().onu_count(), olt.onus().len(), "{family}");
        // What is reckoned is what it took.
        for plan in poller.explain(&Snmp::default(), Instant::now()).unwrap().sweeps {
            let (expected, needed) = (plan.expected.requests, plan.needed.unwrap().requests);
            // Whether the row that shows the end still fits into an answer hangs by an octet, once a walk.
            let slack: usize = plan.reads.iter().map(|read| read.walks).sum();
            assert!(
                expected.abs_diff(needed) <= u64::try_from(slack).unwrap(),
                "{family} {}: {expected}, not {needed}",
                plan.sweep
            );
        }
        if profile.has_field(Rows::Onu, FieldName::State) {
            let up = poller.view().onus().filter(|onu| onu.state == Ok(OnuState::Up)).count();
            assert_eq!(up, olt.onus().len() - 1, "{family}");
        }
        if family == "calix-exa" {
            continue; // it names its ONUs by a number of its own alone
        }
        for onu in poller.view().onus() {
            let truth = olt.onus().iter().find(|truth| match (&onu.serial, onu.mac) {
                (Ok(serial), _) => truth.serial.as_ref() == Ok(serial),
                (_, Ok(mac)) => truth.mac == Ok(mac),
                _ => truth.name == onu.name,
            });
            let truth = truth.unwrap_or_else(|| panic!("{family}: {onu:?} is nobody"));
            assert_eq!(onu.name.is_ok(), profile.has_field(Rows::Onu, FieldName::Name), "{family}");
            assert!(onu.name.is_err() || onu.name == truth.name, "{family}");
            // Not every family can say that an ONU is down: then it says nothing.
            assert!(onu.state.is_err() || onu.state == truth.state, "{family}");
            if onu.state.is_err() {
                continue;
            }
            let up = onu.state == Ok(OnuState::Up);
            // Half of the coarsest scale of any family, but for powers in milliwatts, which are coarse where they are weak.
            let dbm = if family == "calix-axos" { 250 } else { 50 };
            macro_rules! near {
                ($($place:ident: $field:ident within $slack:expr),+) => {$(
                    if has(FieldName::$field) && (up || FieldName::$field == FieldName::Distance) {
                        let (read, truth) = (onu.$place.unwrap().thousandths(), truth.$place.unwrap().thousandths());
                        let difference = (read - truth).abs();
                        assert!(difference <= $slack, "{family}: {} is off by {difference}", FieldName::$field.word());
                    }
                )+};
            }
            near!(
                olt_rx: OltRx within dbm, tx: Tx within dbm, temperature: Temperature within 500,
                voltage: Voltage within 51, bias: Bias within 500,
                distance: Distance within if family == "nokia-isam" { 50_000 } else { 500 }
            );
            if onu.state == Ok(OnuState::Down) {
                assert_eq!(onu.rx, Err(Unread::OnuDown));
                if profile.has_field(Rows::Onu, FieldName::LastDownCause) {
                    assert_eq!(onu.cause, Ok(Cause::Optical), "{family}");
                }
            } else {
                let difference = (onu.rx.unwrap() - truth.rx.unwrap()).thousandths().abs();
                // Tenths of a dBm are the coarsest; a power in milliwatts is coarse where it is weak.
                assert!(difference <= if family == "calix-axos" { 250 } else { 50 }, "{family}: {difference}");
            }
        }
        for pon in poller.view().pons() {
            assert!(pon.state.is_err() || pon.state == Ok(PonState::Up), "{family}: {pon:?}");
            assert!(pon.onus.is_err() || pon.onus == Ok(12), "{family}: {pon:?}");
            let has = |field| profile.columns().any(|c| c.kind == kind && c.rows == Rows::Pon && c.field == field);
            assert!(pon.state.is_ok() || !has(FieldName::State), "{family}: {pon:?}");
            assert!(pon.tx.is_ok() || !has(FieldName::Tx), "{family}: {pon:?}");
            assert!(pon.onus.is_ok() || !has(FieldName::Onus), "{family}: {pon:?}");
            assert!(pon.name.is_some() || !has(FieldName::Name), "{family}: {pon:?}");
        }
        agent.stop().await;
    }
}

#[tokio::test]
async fn levels_that_are_read_live_are_asked_of_onus_that_are_up_only_and_one_request_at_a_time() {
    let mut olt = generate("huawei-smartax");
    for place in 0..6 {
        olt.take_down(place, Cause::Power);
    }
    let agent = start(&olt);
    let mut poller = poller(&agent);
    for kind in [SweepKind::Inventory, SweepKind::State] {
        poller.sweep(kind, NOW).await.unwrap();
    }
    agent.forget_requests();
    let sweep = poller.sweep(SweepKind::Optics, NOW).await.unwrap();
    assert_eq!(sweep.onus.len(), 30);
    let levels = columns(&poller.identity().unwrap().profile, FieldName::Rx);
    let asked: Vec<Oid> = agent
        .requests()
        .into_iter()
        .flat_map(|request| request.oids)
        .filter(|oid| levels.iter().any(|column| oid.suffix_of(column).is_some()))
        .collect();
    assert_eq!(asked.len(), 30, "each ONU that is up, once: {asked:?}");
    assert_eq!(agent.counters().most_outstanding, 1);
    agent.stop().await;
}

#[tokio::test]
async fn an_olt_that_falls_silent_in_a_sweep_gives_a_partial_one_and_takes_nothing_away() {
    let olt = generate("vsol-epon");
    let agent = start(&olt);
    let mut poller = poller(&agent);
    for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
        poller.sweep(kind, NOW).await.unwrap();
    }
    // It answers sysUpTime, and hangs at the received powers.
    let rx = columns(&poller.identity().unwrap().profile, FieldName::Rx)[0].clone();
    agent.set_faults(Faults { lies: Lies { hang_at: vec![rx], ..Lies::default() }, ..Faults::default() });
    let sweep = poller.sweep(SweepKind::Optics, NOW).await.unwrap();
    let Completeness::Partial(gaps) = &sweep.completeness else { panic!("the sweep claims to be complete") };
    assert!(gaps.iter().any(|gap| gap.why.contains("did not answer")), "{gaps:?}");
    assert!(poller.view().onus().all(|onu| onu.rx.is_ok()), "levels that were read before are kept");

    agent.set_silent(true);
    let error = poller.sweep(SweepKind::State, NOW).await.unwrap_err();
    assert!(error.is_silence(), "{error}");
    assert!(error.to_string().contains(&agent.address().to_string()), "{error}");
    assert_eq!(poller.view().onu_count(), olt.onus().len());

    // From here on one request asks whether it is back.
    let before = poller.counters();
    assert!(poller.is_silent() && poller.sweep(SweepKind::State, NOW).await.unwrap_err().is_silence());
    let after = poller.counters();
    assert_eq!((after.sent - before.sent, after.probes - before.probes), (1, 1));
    agent.set_silent(false);
    agent.set_faults(Faults::default());
    assert!(poller.sweep(SweepKind::State, NOW).await.unwrap().completeness.is_complete());
    assert!(!poller.is_silent());
    agent.stop().await;
}

#[tokio::test]
async fn a_table_that_is_suddenly_empty_is_no_evidence_of_anything() {
    let olt = generate("huawei-smartax");
    let agent = start(&olt);
    let mut poller = poller(&agent);
    for kind in [SweepKind::Inventory, SweepKind::State] {
        poller.sweep(kind, NOW).await.unwrap();
    }
    for column in columns(&poller.identity().unwrap().profile, FieldName::State) {
        agent.view().update(|rows| rows.remove_under(&column));
    }
    for column in columns(&poller.identity().unwrap().profile, FieldName::LastDownCause) {
        agent.view().update(|rows| rows.remove_under(&column));
    }
    for _ in 0..3 {
        let sweep = poller.sweep(SweepKind::State, NOW).await.unwrap();
        assert!(!sweep.completeness.is_complete());
    }
    assert_eq!(poller.view().onus().filter(|onu| onu.state == Ok(OnuState::Up)).count(), 36);
    agent.stop().await;
}

#[tokio::test]
async fn lies_of_an_agent_end_a_sweep_with_an_error_that_names_the_oid() {
    let olt = generate("vsol-epon");
    let agent = start(&olt);
    let mut poller = poller(&agent);
    poller.identify().await.unwrap();
    let state = columns(&poller.identity().unwrap().profile, FieldName::State)[0].clone();
    let name = state.to_string();
    agent
        .set_faults(Faults { lies: Lies { loop_at: Some(state.child(&[2])), ..Lies::default() }, ..Faults::default() });
    let sweep =
        tokio::time::timeout(Duration::from_secs(60), poller.sweep(SweepKind::State, NOW)).await.unwrap().unwrap();
    let Completeness::Partial(gaps) = &sweep.completeness else { panic!("the sweep claims to be complete") };
    assert!(gaps.iter().any(|gap| gap.why.contains(&name)), "{gaps:?}");
    agent.stop().await;
}

#[tokio::test]
async fn strangers_are_told_apart() {
    // No OLT: answers SNMP, but fits no profile.
    let olt = generate("vsol-epon");
    olt.view().set(
        "1.3.6.1.2.1.1.2.0".parse().unwrap(),
        oltwatch::snmp::Value::ObjectId("1.3.6.1.4.1.8072.3.2.10".parse().unwrap()),
    );
    let agent = start(&olt);
    let error = poller(&agent).identify().await.unwrap_err();
    assert!(matches!(error, PollError::UnknownFamily { .. }), "{error}");
    assert!(error.to_string().contains("1.3.6.1.4.1.8072.3.2.10"), "{error}");
    // Of the vendor, but without the tables that prove the family.
    let olt = generate("vsol-epon");
    olt.view().update(|rows| rows.remove_under(&"1.3.6.1.4.1.37950.1.1.5.12".parse().unwrap()));
    let agent = start(&olt);
    let error = poller(&agent).identify().await.unwrap_err().to_string();
    assert!(error.contains("vsol-epon") && error.contains("gives nothing"), "{error}");
    // A profile by name needs no proof.
    assert!(poller_at(&agent.address().to_string(), "vsol-epon").identify().await.is_ok());
    // And one that does not exist is the config's mistake.
    let error = poller_at(&agent.address().to_string(), "vsol-epno").identify().await.unwrap_err();
    assert!(matches!(error, PollError::NoSuchProfile { .. }), "{error}");
}

async fn requests_of_a_full_round(family: &str) -> Vec<Oid> {
    let agent = start(&generate(family));
    let mut poller = poller(&agent);
    // The proof of the family asks for a row of every column.
    poller.identify().await.unwrap();
    agent.forget_requests();
    for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
        assert_eq!(poller.sweep(kind, NOW).await.unwrap().completeness, Completeness::Complete);
    }
    let asked = agent.requests().into_iter().flat_map(|request| request.oids).collect();
    agent.stop().await;
    asked
}

#[tokio::test]
async fn tables_of_a_technology_that_no_card_has_are_not_asked_for() {
    let asked = requests_of_a_full_round("huawei-smartax").await;
    let within = |subtree: &str| {
        let subtree: Oid = format!("1.3.6.1.4.1.2011.6.128.1.1.2.{subtree}").parse().unwrap();
        asked.iter().filter(|oid| oid.suffix_of(&subtree).is_some()).count()
    };
    assert!(within("43") > 0 && within("46") > 0 && within("51") > 0);
    for epon in ["31", "33", "53", "57", "104"] {
        assert_eq!(within(epon), 0, "table {epon}");
    }
}

#[tokio::test]
async fn fragile_olts_are_walked_pon_by_pon_from_the_first_sweep_on() {
    let asked = requests_of_a_full_round("zte-c600").await;
    let serials: Oid = "1.3.6.1.4.1.3902.1082.500.10.2.3.3.1.6".parse().unwrap();
    let within: Vec<&[u32]> = asked.iter().filter_map(|oid| oid.suffix_of(&serials)).collect();
    assert!(
        !within.is_empty() && within.iter().all(|index| !index.is_empty()),
        "the whole column was walked: {within:?}"
    );
}
