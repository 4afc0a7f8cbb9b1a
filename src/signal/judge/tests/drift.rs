//! Levels over days, ONU by ONU and PON by PON.

use super::*;
use crate::signal::{Part, Side};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// One optics sweep an hour of `count` ONUs on PON 0/1, whose levels `level` gives by ONU and day.
fn days(
    judge: &mut Judge,
    from_to: std::ops::Range<u64>,
    count: u32,
    level: impl Fn(u32, f64) -> f64,
) -> Vec<Transition> {
    let mut told = Vec::new();
    for hour in from_to.start * 24..from_to.end * 24 {
        let reading = |number: u32| {
            let noise = f64::from((number * 31 + u32::try_from(hour).unwrap() * 17) % 7) / 20.0;
            let level = Dbm::new(level(number, hour as f64 / 24.0) + noise).unwrap();
            let mut reading = rx(number, level.thousandths());
            reading.pon = Some("0/1".parse().unwrap());
            reading.olt_rx = Ok(Dbm::from_thousandths(-22_000));
            reading
        };
        told.append(&mut judge.observe(&optics(hour * HOUR, (0..count).map(reading).collect())));
    }
    told.retain(|one| matches!(one.what, Change::Step { .. } | Change::Decline { .. } | Change::Recovered { .. }));
    told
}

fn learned(count: u32) -> Judge {
    let mut judge = Judge::new(OltId::new("olt"), thresholds(), StatusMap::default(), Duration::from_secs(400 * DAY));
    let ups = (0..count).map(|number| Reading { pon: Some("0/1".parse().unwrap()), ..up(number) });
    judge.observe(&state(0, ups.collect()));
    assert_eq!(days(&mut judge, 0..10, count, |_, _| -20.0), []);
    judge
}

#[test]
fn one_onu_that_falls_is_its_own_step_with_numbers_and_its_repair_ends_it() {
    let mut judge = learned(8);
    let told = days(&mut judge, 10..13, 8, |number, _| if number == 3 { -23.0 } else { -20.0 });
    let [step] = &told[..] else { panic!("{told:?}") };
    assert_eq!(step.onu, Some(key(3)));
    let Change::Step { part, side, from, to, lost, severity_percent, .. } = step.what.clone() else { panic!() };
    assert_eq!((part, side), (Part::Own, Side::Onu));
    assert!((from.unwrap().get() + 19.85).abs() < 0.3 && (to.unwrap().get() + 22.85).abs() < 0.3, "{from:?} {to:?}");
    assert!((lost.get() - 3.0).abs() < 0.3);
    // Of the 7 dB above -27 dBm, 3 are gone.
    assert!((38..48).contains(&severity_percent.unwrap()), "{severity_percent:?}");
    assert!(step.reason.to_string().starts_with("rx fell by 3."), "{}", step.reason);
    let held = judge.get(&key(3)).unwrap();
    assert!((judge.usual(held, Side::Onu).unwrap().get() + 22.85).abs() < 0.3);
    assert!(held.lost(Side::Onu).get() > 2.5 && held.lost(Side::Olt).get() == 0.0);
    let told = days(&mut judge, 13..15, 8, |_, _| -20.0);
    assert!(matches!(told[..], [Transition { what: Change::Recovered { part: Part::Own, .. }, .. }]), "{told:?}");
}

#[test]
fn a_pon_that_falls_together_is_one_step_of_the_pon() {
    let mut judge = learned(8);
    let told = days(&mut judge, 10..15, 8, |_, _| -24.0);
    let [step] = &told[..] else { panic!("{told:?}") };
    assert_eq!(step.onu, None);
    let Change::Step { part, pon, from, lost, severity_percent, .. } = step.what.clone() else { panic!() };
    assert_eq!((part, pon, from), (Part::Pon, Some("0/1".parse().unwrap()), None));
    assert!((lost.get() - 4.0).abs() < 0.3 && severity_percent.is_some());
    assert!(step.reason.to_string().contains("of the whole PON fell by"), "{}", step.reason);
}

#[test]
fn a_pon_of_few_onus_has_nothing_in_common_and_each_speaks_for_itself() {
    let mut judge = learned(3);
    let told = days(&mut judge, 10..13, 3, |_, _| -24.0);
    assert_eq!(told.iter().filter_map(|one| one.onu.clone()).collect::<Vec<_>>(), [key(0), key(1), key(2)]);
}

#[test]
fn onus_that_join_make_a_pon_speak_without_anybody_seeming_to_move() {
    let mut judge = learned(3);
    // The three drift by 1 dB together before the others come, and what is common begins to be taken out.
    assert_eq!(days(&mut judge, 10..20, 3, |_, day| -20.0 - (day - 10.0) * 0.1), []);
    assert_eq!(days(&mut judge, 20..40, 12, |_, _| -21.0), []);
    let told = days(&mut judge, 40..43, 12, |_, _| -24.0);
    assert_eq!(told.iter().map(|one| one.onu.clone()).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_decline_says_how_many_days_are_left() {
    let mut judge = learned(8);
    let told = days(&mut judge, 10..40, 8, |number, day| if number == 5 { -20.0 - (day - 10.0) * 0.1 } else { -20.0 });
    let declines: Vec<_> = told.iter().filter(|one| matches!(one.what, Change::Decline { .. })).collect();
    let [decline] = declines[..] else { panic!("{told:?}") };
    let Change::Decline { per_month, days_left: Some(days_left), confidence_percent, .. } = decline.what else {
        panic!()
    };
    assert!((per_month.get() - 2.5).abs() < 1.2 && confidence_percent == 99, "{decline:?}");
    // About 4 dB are left above -26 dBm.
    assert!((25..120).contains(&days_left), "{days_left}");
}

#[test]
fn baselines_go_on_after_a_restart_and_are_off_on_request() {
    let mut one = learned(8);
    let changed = one.changed();
    let mut after = Judge::new(OltId::new("olt"), thresholds(), StatusMap::default(), Duration::from_secs(400 * DAY));
    let recalled = after.recall(&changed.olt, changed.onus, at(10 * DAY));
    assert_eq!(recalled.refused, 0, "{:?}", recalled.why);
    after.observe(&state(10 * DAY, (0..8).map(up).collect()));
    let told = days(&mut after, 10..13, 8, |number, _| if number == 3 { -23.0 } else { -20.0 });
    assert_eq!(told.len(), 1);
    let told = days(&mut after, 13..15, 8, |number, _| if number == 3 { -27.0 } else { -24.0 });
    assert_eq!(told.iter().map(|one| one.onu.clone()).collect::<Vec<_>>(), [None], "the PON's too");
    let mut off = thresholds();
    off.baselines.step = Decibels::from_thousandths(0);
    let mut judge = learned(8);
    judge.set_thresholds(off, at(10 * DAY)).unwrap();
    assert_eq!(days(&mut judge, 10..15, 8, |number, _| if number == 3 { -23.0 } else { -20.0 }), []);
}

#[test]
fn whole_decibels_on_the_brink_are_no_movement_of_the_pon() {
    let mut judge = learned(8);
    // All move together by a fifth of a dB, which takes half of them over the edge of a unit, and back.
    let told = days(&mut judge, 10..60, 8, |number, day| {
        let common = if (day / 5.0).floor() % 2.0 < 0.5 { 0.0 } else { -0.2 };
        (-20.0 + f64::from(number) / 20.0 - 0.6 + common).round()
    });
    assert_eq!(told, []);
}
