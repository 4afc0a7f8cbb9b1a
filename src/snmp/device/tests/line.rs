//! Lines that lose datagrams and OLTs that pause: what it costs us, and what it costs the OLT.

use super::super::super::{Plan, Walk, Walked};
use super::*;

const MS: Duration = Duration::from_millis(1);
const ROWS: u32 = 600;

/// Eight columns of an agent that answers 44 varbinds after a millisecond, 5 ms of round-trip time away.
fn agent() -> Agent {
    Agent { most: 44, ..Agent::table(ROOT, 8, ROWS) }
}

fn two() -> Target {
    Target { window: 2, max_repetitions: 1000, ..target() }
}

fn world<'a>(agent: &'a mut Agent, target: &Target, loss: f64, seed: u64) -> World<'a> {
    let mut world = World::v2c(target, agent);
    world.network.random = fastrand::Rng::with_seed(seed);
    world.network.delay = (MS * 5 / 2, MS * 5 / 2);
    world.network.loss = loss;
    world.service = MS;
    world
}

fn walk() -> Walk {
    table_walk(ROOT, 8)
}

fn assert_whole(walked: &Walked) {
    for (number, column) in (1_u32..).zip(&walked.columns) {
        assert_eq!((&column.end, column.rows.len()), (&Ok(()), usize::try_from(ROWS).unwrap()));
        let value = |row: &u32| Value::Integer(i64::from(number * 100_000 + row));
        assert!(column.rows.iter().all(|(index, found)| found == value(&index[0])));
    }
}

/// Reads the table again and again; how long that took, without the first time.
fn cycles(world: &mut World<'_>, cycles: u32) -> Duration {
    let mut plan = Plan::default();
    let mut start = world.now;
    for cycle in 0..=cycles {
        let walked = world.walk_by(&walk(), &plan, 2);
        assert_whole(&walked);
        plan = Plan::of(&walked, 0, 2);
        if cycle == 0 {
            start = world.now;
        }
    }
    world.now - start
}

#[test]
fn one_percent_of_loss_each_way_costs_less_than_half_the_time_and_nothing_is_missing() {
    let clean = {
        let mut agent = agent();
        cycles(&mut world(&mut agent, &two(), 0.0, 1), 4)
    };
    let mut lossy = Duration::ZERO;
    for seed in 0..4 {
        let mut agent = agent();
        let mut world = world(&mut agent, &two(), 0.01, seed);
        lossy += cycles(&mut world, 4);
        let counters = world.device.counters();
        assert!(counters.retries > 0 && counters.needless == 0, "{counters:?}");
    }
    assert!(lossy < clean.mul_f64(4.0 * 1.5), "{:?} of {clean:?}", lossy / 4);
}

#[test]
fn ten_percent_of_loss_each_way_is_read_whole() {
    for window in [1, 2] {
        for seed in 0..4 {
            let mut agent = agent();
            let mut world = world(&mut agent, &Target { window, ..two() }, 0.1, seed);
            let took = cycles(&mut world, 1);
            assert!(took < Duration::from_secs(30), "{took:?}");
            assert!(world.device.counters().needless <= 1, "{:?}", world.device.counters());
        }
    }
}

#[test]
fn an_olt_that_pauses_is_asked_twice_once_and_then_given_its_time() {
    for (loss, seed) in [(0.0, 1), (0.01, 2), (0.01, 3), (0.01, 4)] {
        for window in [1, 2] {
            let mut agent = agent();
            let mut world = world(&mut agent, &Target { window, ..two() }, loss, seed);
            // The second look is one more than was there before.
            world.at_most = Some(2 * window);
            world.extra = Box::new(|number| if number % 150 == 100 { MS * 300 } else { Duration::ZERO });
            cycles(&mut world, 5);
            let counters = world.device.counters();
            assert!(counters.needless <= u64::from(window), "{loss} {seed} {window}: {counters:?}");
            assert!(loss > 0.0 || counters.retries <= u64::from(window), "{window}: {counters:?}");
        }
    }
}

#[test]
fn a_pause_that_a_lossy_line_never_saw_is_no_reason_for_a_storm() {
    // All short waits are earned, and then it pauses longer than it ever did.
    for pause in [100, 400, 900, 2500] {
        for window in [1, 2] {
            let mut agent = agent();
            let mut world = world(&mut agent, &Target { window, ..two() }, 0.01, 5);
            world.at_most = None;
            cycles(&mut world, 2);
            let before = world.device.counters();
            assert!(world.device.times.is_lossy());
            world.network.loss = 0.0;
            let mut paused = false;
            world.extra =
                Box::new(move |_| if std::mem::replace(&mut paused, true) { Duration::ZERO } else { MS * pause });
            assert_whole(&world.walk_by(&walk(), &Plan::default(), 2));
            let after = world.device.counters();
            let waits = if pause <= 900 { 2 } else { 3 };
            let repeated = after.retries - before.retries;
            assert!(repeated <= waits * u64::from(window), "{pause} ms, window {window}: {repeated}");
        }
    }
}

#[test]
fn an_olt_that_slows_down_gradually_is_not_asked_twice() {
    for loss in [0.0, 0.01] {
        let mut agent = agent();
        let mut world = world(&mut agent, &two(), loss, 6);
        cycles(&mut world, 1);
        world.network.loss = 0.0;
        // By a percent with each request, to more than a hundred times.
        world.extra = Box::new(|number| {
            let steps = i32::try_from(number.saturating_sub(250)).unwrap();
            MS.mul_f64(1.01_f64.powi(steps) - 1.0).min(MS * 200)
        });
        let before = world.device.counters();
        cycles(&mut world, 4);
        let after = world.device.counters();
        assert_eq!((after.retries - before.retries, after.needless), (0, 0), "{loss}: {after:?}");
        assert!(after.smoothed_rtt.unwrap() > MS * 150);
    }
}

#[test]
fn bursts_of_loss_are_read_over_with_few_requests() {
    for seconds in 1..=3 {
        let mut agent = agent();
        let mut world = world(&mut agent, &two(), 0.01, 7);
        let plan = Plan::of(&world.walk_by(&walk(), &Plan::default(), 2), 0, 2);
        let before = world.device.counters();
        let from = world.now + MS * 50;
        world.network.outage = Some((from, from + Duration::from_secs(seconds)));
        assert_whole(&world.walk_by(&walk(), &plan, 2));
        let after = world.device.counters();
        assert!(after.retries - before.retries <= 20, "{seconds} s: {after:?}");
    }
}

#[test]
fn silence_is_told_no_sooner_on_a_lossy_line_and_costs_few_requests() {
    let mut agent = agent();
    let mut world = world(&mut agent, &two(), 0.01, 8);
    cycles(&mut world, 1);
    assert!(world.device.times.is_lossy());
    let names: Vec<Oid> = vec![oid(ROOT).child(&[1, 1])];
    for _ in 0..40 {
        world.fetch(false, &names).unwrap();
    }
    let (start, sent) = (world.now, world.device.counters().sent);
    world.network.outage = Some((start, start + Duration::from_secs(3600)));
    let error = world.fetch(false, &names).unwrap_err();
    assert!(matches!(error, SnmpError::NoAnswer { tries: 4, .. }), "{error:?}");
    let took = world.now - start;
    // 250 ms, doubled three times.
    assert!(took >= MS * 3750 && took <= MS * 4000, "{took:?}");
    assert_eq!(world.device.counters().sent - sent, 4);
    // It is back, and is read without another loss.
    world.now = start + Duration::from_secs(3600);
    world.network.loss = 0.0;
    let before = world.device.counters();
    assert_whole(&world.walk_by(&walk(), &Plan::default(), 2));
    assert_eq!(world.device.counters().retries, before.retries);
}

#[test]
fn an_agent_that_holds_two_requests_drops_none_on_a_lossy_line() {
    for seed in 0..4 {
        let mut agent = agent();
        let mut world = world(&mut agent, &two(), 0.01, seed);
        world.queue = 2;
        cycles(&mut world, 3);
        assert_eq!(world.dropped, 0);
    }
}
