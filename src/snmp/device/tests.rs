mod line;

use std::time::Duration;

use super::super::fetch::FetchJob;
use super::super::job::{AnyJob, Outcome};
use super::super::testing::{
    Agent, PEER, Reply, World, commons, oid, receive, response_pdu, table_walk, target, v2c_message, write_varbinds,
};
use super::super::walk::WalkJob;
use super::super::{Oid, Silence, Value};
use super::*;

const ROOT: &str = "1.3.6.1.4.1.9";

fn v2c() -> Protocol {
    Protocol::V2c(Secret::new("public".to_owned()))
}

/// A device alone.
struct Alone {
    device: Device<AnyJob>,
    commons: Commons,
}

impl Alone {
    fn new(target: &Target) -> Self {
        Self { device: Device::new(0, target, PEER.parse().unwrap(), v2c()), commons: commons() }
    }

    fn advance(&mut self, now: Instant) {
        self.device.advance(now, &mut self.commons);
    }

    fn transmit(&mut self) -> Option<Vec<u8>> {
        let letter = self.commons.outbox.next()?;
        assert_eq!(letter.to, PEER.parse().unwrap());
        Some(letter.octets)
    }

    fn receive(&mut self, now: Instant, source: &str, datagram: &[u8]) {
        receive(&mut self.device, &mut self.commons, now, source.parse().unwrap(), datagram);
    }
}

impl std::ops::Deref for Alone {
    type Target = Device<AnyJob>;

    fn deref(&self) -> &Self::Target {
        &self.device
    }
}

impl std::ops::DerefMut for Alone {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.device
    }
}

/// A device alone, with one GET in flight; the id of that request.
fn asking(target: &Target) -> (Alone, Instant, i32, Oid) {
    let now = Instant::now();
    let mut device = Alone::new(target);
    let name = oid(ROOT);
    device.submit(AnyJob::Fetch(FetchJob::new(false, vec![name.clone()])));
    device.advance(now);
    let datagram = device.transmit().unwrap();
    let id = codec::scan_v2c(&datagram).unwrap().pdu.request_id;
    (device, now, id, name)
}

fn answer(community: &str, id: i32, name: &Oid) -> Vec<u8> {
    let varbinds = write_varbinds(&[(name.clone(), Value::Integer(1))]);
    v2c_message(community, &response_pdu(0xa2, id, 0, 0, &varbinds))
}

#[test]
fn only_the_answer_from_the_right_place_with_the_right_words_is_taken() {
    let (mut device, now, id, name) = asking(&target());
    let good = answer("public", id, &name);
    for (source, datagram) in [
        ("192.0.2.1:162", good.clone()),
        ("192.0.2.2:161", good.clone()),
        (PEER, answer("Public", id, &name)),
        (PEER, answer("public", id ^ 1 << 20, &name)),
        (PEER, answer("public", -id, &name)),
        (PEER, answer("public", id + 1, &name)),
        (PEER, v2c_message("public", &response_pdu(0xa0, id, 0, 0, &[]))),
        (PEER, v2c_message("public", &response_pdu(0xa8, id, 0, 0, &[]))),
    ] {
        device.receive(now, source, &datagram);
    }
    assert!(device.finished().is_none());
    assert_eq!(device.counters().foreign, 8);
    device.receive(now, PEER, &good);
    assert!(matches!(device.finished(), Some((_, Outcome::Fetched(Ok(_))))));
    device.receive(now, PEER, &good);
    assert_eq!((device.counters().late, device.counters().answers), (1, 1));
}

#[test]
fn an_agent_that_answers_from_another_address_is_heard_where_that_is_allowed() {
    let (mut device, now, id, name) = asking(&Target { any_source: true, ..target() });
    device.receive(now, "198.51.100.7:9999", &answer("public", id, &name));
    assert!(matches!(device.finished(), Some((_, Outcome::Fetched(Ok(_))))));
}

#[test]
fn waits_double_and_every_attempt_has_the_same_id() {
    let (mut device, start, id, _) = asking(&target());
    let mut sent = Vec::new();
    let mut now = start;
    let outcome = loop {
        now = device.deadline(now).unwrap();
        device.advance(now);
        while let Some(datagram) = device.transmit() {
            assert_eq!(codec::scan_v2c(&datagram).unwrap().pdu.request_id, id);
            sent.push((now - start).as_secs());
        }
        if let Some((_, outcome)) = device.finished() {
            break outcome;
        }
    };
    assert_eq!(sent, [2, 6, 14]);
    let Outcome::Fetched(Err(SnmpError::NoAnswer { tries, waited, silence, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((tries, waited, silence), (4, Duration::from_secs(29), Silence::NeverV2c));
    // The OLT may still work on it: it counts for the window for as long again, but for no longer.
    assert_eq!(device.counters().in_flight, 1);
    let over = device.deadline(now).unwrap();
    assert_eq!(over, now + Duration::from_secs(15));
    device.advance(over);
    assert_eq!((device.counters().in_flight, device.deadline(over)), (0, None));
}

#[test]
fn a_late_answer_frees_the_window_and_teaches_patience() {
    let (mut device, start, id, name) = asking(&Target { retries: 0, ..target() });
    let given_up = start + Duration::from_secs(2);
    device.advance(given_up);
    assert!(matches!(device.finished(), Some((_, Outcome::Fetched(Err(_))))));
    device.receive(start + Duration::from_secs(3), PEER, &answer("public", id, &name));
    assert_eq!((device.counters().in_flight, device.counters().late), (0, 1));
    assert!(device.times.wait(start, &Kind::of_value(&name), 0) > Duration::from_secs(3));
}

#[test]
fn a_second_answer_to_a_repeated_request_teaches_patience_and_one_alone_does_not() {
    for answers in [1, 2] {
        let (mut device, start, id, name) = asking(&Target { timeout: Duration::from_millis(400), ..target() });
        device.advance(start + Duration::from_millis(400));
        assert_eq!(device.counters().retries, 1);
        for late in 0..answers {
            let at = start + Duration::from_millis(700 + late * 50);
            device.receive(at, PEER, &answer("public", id, &name));
        }
        let wait = device.times.wait(start, &Kind::of_value(&name), 0);
        assert_eq!(wait > Duration::from_millis(700), answers == 2, "{wait:?}");
    }
}

#[test]
fn an_agent_slower_than_the_wait_is_not_asked_twice_for_ever() {
    let mut agent = Agent::table(ROOT, 1, 50);
    let mut world =
        World::v2c(&Target { timeout: Duration::from_millis(250), max_repetitions: 1, ..target() }, &mut agent);
    world.service = Duration::from_millis(400);
    world.at_most = None;
    let walked = world.walk(table_walk(ROOT, 1));
    assert!(walked.is_complete());
    assert!(world.device.counters().retries <= 5, "{:?}", world.device.counters());
}

#[test]
fn garbage_from_the_olt_is_the_reason_when_nothing_better_comes() {
    let (mut device, start, _, name) = asking(&Target { retries: 0, ..target() });
    device.receive(start, PEER, b"\x30\x82\xff\xff\x02");
    assert!(device.finished().is_none(), "the right answer may still come");
    device.advance(start + Duration::from_secs(2));
    let Some((_, Outcome::Fetched(Err(SnmpError::Malformed { oid: at, why, .. })))) = device.finished() else {
        panic!()
    };
    assert_eq!(at, Some(name));
    assert!(why.contains("ends inside"), "{why}");
    assert_eq!(device.counters().garbage, 1);
}

#[test]
fn what_the_operating_system_says_is_the_reason_for_a_silence() {
    let (mut device, start, ..) = asking(&Target { retries: 0, ..target() });
    device.send_failed("Network is unreachable");
    device.advance(start + Duration::from_secs(2));
    let Some((_, Outcome::Fetched(Err(error)))) = device.finished() else { panic!() };
    assert_eq!(error.to_string(), "cannot send to 192.0.2.1:161: Network is unreachable");
}

#[test]
fn the_window_bounds_what_is_at_the_olt_whatever_happens() {
    for (window, loss) in [(1, 0.0), (2, 0.0), (2, 0.3), (4, 0.2)] {
        let mut agent = Agent::table(ROOT, 10, 40);
        let mut world = World::v2c(&Target { window, retries: 9, max_repetitions: 3, ..target() }, &mut agent);
        world.network.loss = loss;
        let jobs = (1..=10).map(|column| {
            AnyJob::Walk(Box::new(WalkJob::new(super::super::Walk {
                columns: vec![oid(ROOT).child(&[column])],
                ..table_walk(ROOT, 1)
            })))
        });
        for outcome in world.run(jobs.collect()) {
            assert!(
                matches!(outcome, Outcome::Walked(walked) if walked.is_complete() && walked.columns[0].rows.len() == 40)
            );
        }
        let most = world.device.counters().most_in_flight;
        assert!(most <= window, "{most} of {window}");
        assert!(loss > 0.0 || most == window);
    }
}

#[test]
fn repetitions_count_for_the_rate_too() {
    let mut agent = Agent::table(ROOT, 1, 60);
    let mut world =
        World::v2c(&Target { pdus_per_second: 10.0, max_repetitions: 1, retries: 9, ..target() }, &mut agent);
    world.network.loss = 0.2;
    let start = world.now;
    assert!(world.walk(table_walk(ROOT, 1)).is_complete());
    let sent = world.device.counters().sent;
    assert!(sent > 61);
    assert!(world.now - start >= Duration::from_millis((sent - 1) * 100 - 20));
}

#[test]
fn an_olt_that_slows_down_gets_rests_and_a_window_of_one() {
    let mut agent = Agent::table(ROOT, 2, 2000);
    let mut world = World::v2c(&Target { window: 2, max_repetitions: 5, ..target() }, &mut agent);
    let jobs = |world: &mut World<'_>| {
        let walk = |column| {
            AnyJob::Walk(Box::new(WalkJob::new(super::super::Walk {
                columns: vec![oid(ROOT).child(&[column])],
                max_rows: 100,
                ..table_walk(ROOT, 1)
            })))
        };
        world.run(vec![walk(1), walk(2)]);
        (world.device.counters().window, world.device.counters().rest)
    };
    assert_eq!(jobs(&mut world), (2, Duration::ZERO));
    world.service = Duration::from_millis(100);
    let (window, rest) = jobs(&mut world);
    assert_eq!(window, 1);
    assert!(rest > Duration::from_millis(5), "{rest:?}");
    // What is slow for long is how it is; the governor gives the window back in time.
    for _ in 0..20 {
        jobs(&mut world);
    }
    assert_eq!(jobs(&mut world), (2, Duration::ZERO));
}

#[test]
fn jobs_take_turns() {
    let mut agent = Agent::table(ROOT, 2, 2000);
    let mut world = World::v2c(&Target { max_repetitions: 1, ..target() }, &mut agent);
    let long = AnyJob::Walk(Box::new(WalkJob::new(table_walk(ROOT, 1))));
    let short = AnyJob::Fetch(FetchJob::new(false, vec![oid(ROOT).child(&[2, 7])]));
    world.run(vec![long, short]);
    drop(world);
    let position = agent.seen.iter().position(|seen| seen.tag == 0xa0).unwrap();
    assert_eq!(position, 1, "a short job does not wait for the end of a long one");
}

#[test]
fn a_cancelled_job_sends_nothing_more_but_still_counts_until_its_wait_is_over() {
    let now = Instant::now();
    let mut device = Alone::new(&target());
    let job = device.submit(AnyJob::Walk(Box::new(WalkJob::new(table_walk(ROOT, 1)))));
    device.advance(now);
    assert!(device.transmit().is_some());
    device.cancel(job);
    device.submit(AnyJob::Fetch(FetchJob::new(false, vec![oid(ROOT)])));
    device.advance(now);
    assert!(device.transmit().is_none(), "the OLT may still work on the first");
    let over = device.deadline(now).unwrap();
    device.advance(over);
    assert!(device.transmit().is_some());
    assert_eq!(device.counters().timeouts, 0);
}

#[test]
fn a_flood_of_lies_with_live_ids_ends_every_job() {
    let mut agent = Agent::table(ROOT, 1, 20);
    agent.lie = Some(Box::new(|seen, _| match seen.id % 3 {
        0 => Reply::Raw(vec![0xff; 50]),
        1 => Reply::Error { status: 99, index: -7 },
        _ => Reply::Varbinds(vec![(oid(ROOT), Value::EndOfMibView); 200]),
    }));
    let mut world = World::v2c(&target(), &mut agent);
    for _ in 0..20 {
        world.walk(table_walk(ROOT, 3));
        let _ = world.fetch(false, &[oid(ROOT), oid("1.3.6.1")]);
    }
}

#[test]
fn a_probe_is_one_datagram_and_says_when_the_olt_is_back() {
    let (mut device, start, ..) = asking(&Target { retries: 0, ..target() });
    let mut now = start + Duration::from_secs(2);
    device.advance(now);
    assert!(matches!(device.finished(), Some((_, Outcome::Fetched(Err(_))))));
    for back in [false, false, true] {
        now += Duration::from_secs(60);
        device.retries = 5;
        device.advance(now);
        let before = device.counters();
        device.submit(AnyJob::Fetch(FetchJob::probe(oid(ROOT))));
        device.advance(now);
        let datagram = device.transmit().unwrap();
        if back {
            let id = codec::scan_v2c(&datagram).unwrap().pdu.request_id;
            device.receive(now, PEER, &answer("public", id, &oid(ROOT)));
        }
        now += Duration::from_secs(60);
        device.advance(now);
        let Some((_, Outcome::Fetched(probed))) = device.finished() else { panic!() };
        assert_eq!((probed.is_ok(), device.is_silent()), (back, !back));
        let after = device.counters();
        assert_eq!((after.sent - before.sent, after.probes - before.probes), (1, 1));
    }
    assert_eq!(device.counters().silences, 0, "it had never answered");
}

#[test]
fn a_late_answer_never_passes_for_the_answer_to_what_is_asked_next() {
    let mut agent = Agent::table(ROOT, 1, 50);
    let mut world = World::v2c(&Target { retries: 0, ..target() }, &mut agent);
    // The first answer comes when nothing is known of its request any more, and the second is waited for.
    world.at_most = None;
    world.extra = Box::new(|number| Duration::from_millis(if number == 1 { 4_500 } else { 0 }));
    let cell = |row: u32| oid(ROOT).child(&[1, row]);
    assert!(world.fetch(false, &[cell(1)]).is_err_and(|error| error.is_silence()));
    for row in 2..=9 {
        let got = world.fetch(false, &[cell(row)]).unwrap();
        assert_eq!((&got[0].oid, &got[0].value), (&cell(row), &Value::Integer(i64::from(100_000 + row))));
    }
    assert_eq!(world.device.counters().late, 1);
}

#[test]
fn nests_of_elements_are_no_reason_to_run_out_of_stack() {
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let read = small.spawn(|| {
        let mut nest = Vec::new();
        // Each holds all that follow.
        for following in (0..15_000_u16).rev() {
            let [high, low] = (following * 4).to_be_bytes();
            nest.extend([0x30, 0x82, high, low]);
        }
        let message = v2c_message("public", &response_pdu(0xa2, 7, 0, 0, &nest));
        let Ok(Arrived::V2c(message)) = Arrived::read(&message) else { return false };
        let varbinds: Vec<_> = message.pdu.varbinds().collect();
        !format!("{varbinds:?}").is_empty()
    });
    assert!(read.unwrap().join().unwrap());
}

/// A device lives for months, and each request that left its buffer behind would be with it.
#[test]
fn buffers_of_names_are_used_again_and_do_not_pile_up() {
    let mut agent = Agent::table(ROOT, 2, 60);
    let mut world = World::v2c(&target(), &mut agent);
    let asked: Vec<Oid> = (1..=40).map(|row| oid(ROOT).child(&[1, row])).collect();
    for _ in 0..20 {
        world.fetch(false, &asked).unwrap();
        world.walk_table(ROOT, 2);
    }
    assert!(world.device.counters().sent >= 40, "{}", world.device.counters().sent);
    assert!(world.device.spare.len() <= 2, "{}", world.device.spare.len());
}
