use std::collections::BTreeMap;
use std::time::Duration;

use super::super::codec;
use super::super::device::Protocol;
use super::super::fetch::FetchJob;
use super::super::testing::{oid, response_pdu, target, v2c_message, write_varbinds};
use super::super::{Target, Value};
use super::*;
use crate::config::Secret;

const NAME: &str = "1.3.6.1.2.1.1.3.0";
const MS: Duration = Duration::from_millis(1);

fn peer(number: u32) -> SocketAddr {
    format!("192.0.2.{}:161", number % 200 + 1).parse().unwrap()
}

fn fleet(limits: Limits, olts: u32, target: &Target) -> Fleet {
    let mut fleet = Fleet::new(limits, fastrand::Rng::with_seed(1));
    for number in 0..olts {
        let protocol = Protocol::V2c(Secret::new("public".to_owned()));
        fleet.join(number, Device::new(number, target, peer(number), protocol));
    }
    fleet
}

fn ask(fleet: &mut Fleet, number: u32) {
    fleet.submit(number, AnyJob::Fetch(FetchJob::new(false, vec![oid(NAME)]))).unwrap();
}

/// What wants to be sent: to whom, and the answer to it.
fn letters(fleet: &mut Fleet) -> Vec<(u32, Vec<u8>)> {
    std::iter::from_fn(|| fleet.outbox().next())
        .map(|letter| {
            let id = codec::scan_v2c(&letter.octets).unwrap().pdu.request_id;
            let varbinds = write_varbinds(&[(oid(NAME), Value::TimeTicks(letter.device))]);
            (letter.device, v2c_message("public", &response_pdu(0xa2, id, 0, 0, &varbinds)))
        })
        .collect()
}

/// Outcomes by OLT, and how often it was counted as foreign.
fn news(fleet: &mut Fleet) -> (BTreeMap<u32, Outcome>, u64) {
    let outcomes = fleet.outcomes().into_iter().map(|(number, _, outcome)| (number, outcome)).collect();
    let mut foreign = 0;
    fleet.counters(|_, counters| foreign += counters.foreign);
    (outcomes, foreign)
}

fn ticks(outcome: &Outcome) -> Option<i64> {
    match outcome {
        Outcome::Fetched(Ok(varbinds)) => varbinds[0].value.integer(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_find_their_olt_in_any_order_even_from_one_address() {
    let now = Instant::now();
    let mut fleet = fleet(Limits::NONE, 400, &target());
    (0..400).for_each(|number| ask(&mut fleet, number));
    let mut answered = 0;
    let mut at = now;
    while answered < 400 {
        fleet.advance(at);
        let mut letters = letters(&mut fleet);
        letters.reverse();
        for (number, answer) in letters {
            fleet.receive(at, peer(number), &answer);
        }
        fleet.advance(at);
        let (outcomes, foreign) = news(&mut fleet);
        assert!(outcomes.iter().all(|(number, outcome)| ticks(outcome) == Some(i64::from(*number))));
        assert_eq!(foreign, 0);
        answered += outcomes.len();
        at += 10 * MS;
    }
    assert_eq!(fleet.outstanding(), 0);
}

#[test]
fn an_answer_from_another_olts_address_is_not_believed() {
    let now = Instant::now();
    let mut fleet = fleet(Limits::NONE, 2, &target());
    ask(&mut fleet, 0);
    fleet.advance(now);
    let (_, answer) = letters(&mut fleet).remove(0);
    fleet.receive(now, peer(1), &answer);
    fleet.receive(now, "203.0.113.1:161".parse().unwrap(), b"\x30\x00");
    fleet.advance(now);
    let (outcomes, foreign) = news(&mut fleet);
    assert_eq!((outcomes.len(), foreign, fleet.foreign()), (0, 1, 1));
    fleet.receive(now, peer(0), &answer);
    fleet.advance(now);
    assert_eq!(news(&mut fleet).0.len(), 1);
}

#[test]
fn the_sum_of_all_olts_keeps_to_the_limit_and_everyone_gets_a_turn() {
    let start = Instant::now();
    let mut fleet = fleet(Limits { pdus_per_second: 100.0, ..Limits::NONE }, 50, &target());
    let mut served: BTreeMap<u32, u32> = BTreeMap::new();
    let mut now = start;
    (0..50).for_each(|number| ask(&mut fleet, number));
    while now < start + Duration::from_secs(10) {
        fleet.advance(now);
        for (number, answer) in letters(&mut fleet) {
            *served.entry(number).or_default() += 1;
            fleet.receive(now, peer(number), &answer);
        }
        for number in news(&mut fleet).0.into_keys() {
            ask(&mut fleet, number);
        }
        now += MS;
    }
    let sum: u32 = served.values().sum();
    assert!((1000..=1026).contains(&sum), "{sum}");
    assert!(served.len() == 50 && served.values().all(|count| (18..=24).contains(count)), "{served:?}");
}

#[test]
fn answers_on_their_way_are_bounded_over_all_olts() {
    let now = Instant::now();
    let mut fleet = fleet(Limits { reply_octets: 10 * 2304, ..Limits::NONE }, 50, &target());
    (0..50).for_each(|number| ask(&mut fleet, number));
    fleet.advance(now);
    let first = letters(&mut fleet);
    assert_eq!((first.len(), fleet.outstanding()), (10, 10 * 2304));
    assert_eq!(fleet.waiting(), 40);
    for (number, answer) in first {
        fleet.receive(now, peer(number), &answer);
    }
    fleet.advance(now);
    assert_eq!(letters(&mut fleet).len(), 10);
    // An OLT that is let go gives back what it held.
    (10..20).for_each(|number| fleet.leave(now, number));
    fleet.advance(now);
    assert_eq!(letters(&mut fleet).len(), 10);
}

#[test]
fn requests_that_are_lost_all_at_once_do_not_keep_what_all_share() {
    let start = Instant::now();
    for limits in [Limits { reply_octets: 10 * 2304, ..Limits::NONE }, Limits { in_flight: 1, ..Limits::NONE }] {
        let mut fleet = fleet(limits, 20, &Target { retries: 2, ..target() });
        (0..20).for_each(|number| ask(&mut fleet, number));
        let mut failed = 0;
        let mut now = start;
        while failed < 20 {
            fleet.advance(now);
            letters(&mut fleet);
            assert!(fleet.in_flight() <= 10);
            failed += news(&mut fleet).0.len();
            now += 10 * MS;
            assert!(now < start + Duration::from_secs(600), "they wait for room that only they could make");
        }
    }
}

#[test]
fn a_link_that_returns_brings_no_storm() {
    let start = Instant::now();
    let mut fleet = fleet(Limits::NONE, 500, &Target { retries: 0, ..target() });
    let mut now = start;
    // All are silent.
    (0..500).for_each(|number| ask(&mut fleet, number));
    let mut failed = 0;
    while failed < 500 {
        fleet.advance(now);
        letters(&mut fleet);
        failed += news(&mut fleet).0.len();
        now += 10 * MS;
    }
    // All are back at the same moment.
    let back = now + Duration::from_secs(60);
    (0..500).for_each(|number| ask(&mut fleet, number));
    now = back;
    let mut sent = Vec::new();
    let mut answered = 0;
    while answered < 500 {
        fleet.advance(now);
        let letters = letters(&mut fleet);
        sent.push(letters.len());
        for (number, answer) in letters {
            fleet.receive(now, peer(number), &answer);
        }
        fleet.advance(now);
        answered += news(&mut fleet).0.len();
        now += 10 * MS;
    }
    assert!(sent[0] <= 100 && sent.windows(100).all(|second| second.iter().sum::<usize>() <= 300), "{sent:?}");
    assert!(now - back < Duration::from_secs(3));
}
