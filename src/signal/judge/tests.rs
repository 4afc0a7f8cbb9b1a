use std::sync::Arc;

use super::*;
use crate::config::Pattern;
use crate::model::{Cause, Completeness, Dbm, Decibels, Gap, Level, OnuState, Reading, Truth, Verdict};
use crate::signal::Identity;
use crate::signal::rules::tests::thresholds;

mod damping;
mod drift;
mod levels;
mod maintenance;
mod olt_side;
mod recall;
mod shrinking;
mod slices;

const MINUTE: u64 = 60;

fn key(number: u32) -> OnuKey {
    OnuKey::new(&[number])
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + second * 1000)
}

fn blank(number: u32) -> Reading {
    Reading::unread(key(number), Unread::NotAsked)
}

fn up(number: u32) -> Reading {
    Reading { state: Ok(OnuState::Up), ..blank(number) }
}

fn down(number: u32, cause: Cause) -> Reading {
    Reading { state: Ok(OnuState::Down), cause: Ok(cause), ..blank(number) }
}

fn rx(number: u32, thousandths: i32) -> Reading {
    Reading { rx: Ok(Dbm::from_thousandths(thousandths)), ..blank(number) }
}

fn no_rx(number: u32, why: Unread) -> Reading {
    Reading { rx: Err(why), ..blank(number) }
}

fn sweep(kind: SweepKind, second: u64, onus: Vec<Reading>) -> Sweep {
    Sweep {
        olt: OltId::new("olt"),
        kind,
        scope: crate::model::SweepScope::Whole,
        started: at(second),
        elapsed: Duration::ZERO,
        completeness: Completeness::Complete,
        uptime: None,
        boots: None,
        pons: vec![],
        onus,
        pdus: 1,
    }
}

fn state(second: u64, onus: Vec<Reading>) -> Sweep {
    sweep(SweepKind::State, second, onus)
}

fn optics(second: u64, onus: Vec<Reading>) -> Sweep {
    sweep(SweepKind::Optics, second, onus)
}

fn inventory(second: u64, onus: Vec<Reading>) -> Sweep {
    sweep(SweepKind::Inventory, second, onus)
}

fn partial(mut sweep: Sweep) -> Sweep {
    sweep.completeness = Completeness::Partial(vec![Gap { what: Arc::from("ont table"), why: Arc::from("time-out") }]);
    sweep
}

fn with_uptime(mut sweep: Sweep, seconds: u64) -> Sweep {
    sweep.uptime = Some(Duration::from_secs(seconds));
    sweep
}

fn judge() -> Judge {
    Judge::new(OltId::new("olt"), thresholds(), StatusMap::default(), Duration::from_secs(3 * MINUTE))
}

fn view(judge: &Judge, number: u32) -> (Truth, Level, Verdict) {
    let held = judge.get(&key(number)).unwrap();
    (held.truth(), held.level(), held.verdict())
}

fn verdict(judge: &Judge, number: u32) -> Verdict {
    judge.get(&key(number)).unwrap().verdict()
}

fn why(judge: &Judge, number: u32) -> String {
    judge.get(&key(number)).unwrap().reason().to_string()
}

fn changes(told: &[Transition]) -> Vec<Change> {
    told.iter().map(|transition| transition.what.clone()).collect()
}

const OPTICAL: Truth = Truth::Down(Cause::Optical);

#[test]
fn a_lost_light_turns_red_after_two_readings_and_green_at_once() {
    let mut judge = judge();
    let told = judge.observe(&state(0, vec![up(1)]));
    assert_eq!(
        changes(&told),
        [
            Change::Appeared,
            Change::TruthChanged { from: Truth::Stale, to: Truth::Up },
            Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Ok },
        ]
    );
    let told = judge.observe(&state(60, vec![down(1, Cause::Optical)]));
    assert_eq!(changes(&told), [Change::VerdictChanged { from: Verdict::Ok, to: Verdict::Hold }]);
    assert_eq!(told[0].reason.to_string(), "down (optical) in 1 of 2 state readings");
    let told = judge.observe(&state(120, vec![down(1, Cause::Optical)]));
    assert_eq!(
        changes(&told),
        [
            Change::TruthChanged { from: Truth::Up, to: OPTICAL },
            Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Error },
        ]
    );
    assert_eq!(told[1].reason.to_string(), "down (optical) in 2 consecutive state readings");
    assert_eq!(told[1].onu_id().unwrap().to_string(), "olt:1");
    assert_eq!(judge.get(&key(1)).unwrap().since(), at(60));
    assert!(judge.observe(&state(180, vec![down(1, Cause::Optical)])).is_empty(), "nothing changed");
    judge.observe(&state(240, vec![up(1)]));
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Unread, Verdict::Ok));
}

#[test]
fn a_loss_waits_for_another_reading_until_it_counts_or_is_over() {
    let mut judge = judge();
    let mut waits = |second, onus| {
        judge.observe(&state(second, onus));
        judge.has_unconfirmed_losses()
    };
    assert!(!waits(0, vec![up(1), up(2)]));
    assert!(waits(60, vec![down(1, Cause::Optical), up(2)]));
    assert!(!waits(63, vec![up(1), up(2)]), "it is over");
    assert!(waits(120, vec![down(1, Cause::Power), up(2)]));
    assert!(waits(123, vec![down(1, Cause::Power), down(2, Cause::Optical)]), "the second");
    assert!(!waits(126, vec![down(1, Cause::Power), down(2, Cause::Optical)]));
}

#[test]
fn a_customer_without_mains_is_held() {
    let mut judge = judge();
    for minute in 0..30 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Power)]));
        assert_eq!(verdict(&judge, 1), Verdict::Hold);
    }
    assert_eq!(judge.get(&key(1)).unwrap().truth(), Truth::Down(Cause::Power));
}

#[test]
fn a_loss_without_a_known_cause_counts_when_it_has_lasted() {
    let mut judge = judge();
    for minute in 0..10 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Unknown)]));
        assert_eq!(verdict(&judge, 1), Verdict::Hold, "minute {minute}");
    }
    assert_eq!(why(&judge, 1), "down without a known cause for 9m, counts after 10m");
    let told = judge.observe(&state(10 * MINUTE, vec![down(1, Cause::Unknown)]));
    assert_eq!(changes(&told), [Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Error }]);
    let told = judge.observe(&state(11 * MINUTE, vec![down(1, Cause::Power)]));
    assert_eq!(
        changes(&told),
        [
            Change::TruthChanged { from: Truth::Down(Cause::Unknown), to: Truth::Down(Cause::Power) },
            Change::VerdictChanged { from: Verdict::Error, to: Verdict::Hold },
        ]
    );
}

#[test]
fn an_olt_that_does_not_answer_turns_nothing_red() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), down(2, Cause::Optical)]));
    judge.observe(&state(60, vec![up(1), down(2, Cause::Optical)]));
    let told = judge.no_answer(at(120));
    assert_eq!(changes(&told)[0], Change::Unreachable);
    assert_eq!(judge.unreachable_since(), Some(at(120)));
    for number in [1, 2] {
        assert_eq!(view(&judge, number), (Truth::Stale, Level::Unread, Verdict::Hold));
    }
    assert!(why(&judge, 1).starts_with("the OLT has not answered since 2026-"), "{}", why(&judge, 1));
    assert!(judge.no_answer(at(180)).is_empty(), "it was told once");
    let told = judge.observe(&state(240, vec![up(1), down(2, Cause::Optical)]));
    assert_eq!(changes(&told)[0], Change::Answering);
    assert_eq!(view(&judge, 1).2, Verdict::Ok);
    assert_eq!(view(&judge, 2).2, Verdict::Hold, "a loss is confirmed anew after a silence");
    judge.observe(&state(300, vec![up(1), down(2, Cause::Optical)]));
    assert_eq!(view(&judge, 2).2, Verdict::Error);
}

#[test]
fn an_empty_partial_sweep_is_no_answer_from_the_olt() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1)]));
    judge.no_answer(at(60));
    judge.observe(&partial(state(120, vec![])));
    assert!(judge.unreachable_since().is_some());
    judge.observe(&with_uptime(partial(state(180, vec![])), 1_000_000));
    assert_eq!(judge.unreachable_since(), None);
}

#[test]
fn what_is_not_read_grows_stale_and_holds() {
    let mut judge = judge();
    judge.observe(&state(0, vec![down(1, Cause::Optical), up(2)]));
    judge.observe(&state(60, vec![down(1, Cause::Optical), up(2)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    // A partial sweep that did not reach the first one says nothing of it.
    for second in [120, 180, 240] {
        assert!(judge.observe(&partial(state(second, vec![up(2)]))).is_empty());
    }
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    let told = judge.tick(at(241));
    assert_eq!(
        changes(&told),
        [
            Change::TruthChanged { from: OPTICAL, to: Truth::Stale },
            Change::VerdictChanged { from: Verdict::Error, to: Verdict::Hold },
        ]
    );
    assert!(why(&judge, 1).starts_with("no state reading since 2026-"));
    assert_eq!(view(&judge, 2), (Truth::Up, Level::Unread, Verdict::Ok));
}

#[test]
fn a_row_that_is_missing_is_never_down_and_after_two_complete_sweeps_gone() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), up(2)]));
    judge.observe(&partial(state(60, vec![up(1)])));
    judge.observe(&state(120, vec![up(1)]));
    assert_eq!((view(&judge, 2).0, verdict(&judge, 2)), (Truth::Up, Verdict::Hold));
    assert_eq!(why(&judge, 2), "not listed in the latest complete sweep");
    assert!(judge.observe(&state(120, vec![up(1)])).is_empty(), "the same sweep again is no second absence");
    let told = judge.observe(&state(180, vec![up(1)]));
    assert_eq!(changes(&told), [Change::Gone]);
    assert_eq!(told[0].reason.to_string(), "absent from 2 complete sweeps in a row");
    assert!(judge.get(&key(2)).is_none());
}

#[test]
fn an_onu_that_only_the_state_table_drops_is_stale_not_gone() {
    let mut judge = judge();
    judge.observe(&inventory(0, vec![blank(1), blank(2)]));
    judge.observe(&state(1, vec![up(1), up(2)]));
    for minute in 1..20 {
        let told = judge.observe(&state(minute * MINUTE, vec![up(1)]));
        assert!(!changes(&told).contains(&Change::Gone));
        if minute % 5 == 0 {
            judge.observe(&inventory(minute * MINUTE + 1, vec![blank(1), blank(2)]));
        }
    }
    assert_eq!(view(&judge, 2), (Truth::Stale, Level::Unread, Verdict::Hold));
    judge.observe(&state(20 * MINUTE, vec![up(1)]));
    let told = judge.observe(&inventory(20 * MINUTE + 1, vec![blank(1)]));
    assert_eq!(changes(&told), [Change::Gone]);
}

#[test]
fn an_empty_table_is_not_evidence_that_all_are_gone() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), up(2)]));
    for minute in 1..10 {
        judge.observe(&state(minute * MINUTE, vec![]));
    }
    assert_eq!(judge.held().len(), 2);
    assert_eq!(view(&judge, 1), (Truth::Stale, Level::Unread, Verdict::Hold));
}

#[test]
fn losses_after_a_reboot_do_not_count_for_ten_minutes() {
    let mut judge = judge();
    judge.observe(&with_uptime(state(0, vec![up(1), up(2)]), 100_000));
    let told = judge.observe(&with_uptime(state(60, vec![down(1, Cause::Optical), up(2)]), 30));
    assert_eq!(changes(&told)[0], Change::Rebooted);
    assert_eq!(view(&judge, 1), (Truth::Stale, Level::Unread, Verdict::Hold));
    assert_eq!(why(&judge, 1), "down, but the OLT has just rebooted");
    assert_eq!(view(&judge, 2), (Truth::Up, Level::Unread, Verdict::Ok), "up counts at once");
    for minute in 2..11 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Optical), up(2)]));
        assert_eq!(verdict(&judge, 1), Verdict::Hold, "minute {minute}");
    }
    let told = judge.observe(&state(11 * MINUTE, vec![down(1, Cause::Optical), up(2)]));
    assert!(changes(&told).contains(&Change::Settled));
    assert_eq!(verdict(&judge, 1), Verdict::Hold);
    judge.observe(&state(12 * MINUTE, vec![down(1, Cause::Optical), up(2)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
}

#[test]
fn an_engine_that_was_started_again_is_a_reboot_though_the_uptime_goes_on() {
    let with_boots = |sweep, boots| Sweep { boots: Some(boots), ..sweep };
    let mut judge = judge();
    judge.observe(&with_boots(with_uptime(state(0, vec![up(1)]), 500), 7));
    let told = judge.observe(&with_boots(with_uptime(state(1_200, vec![down(1, Cause::Optical)]), 1_000), 8));
    assert_eq!(changes(&told)[0], Change::Rebooted);
    assert_eq!(why(&judge, 1), "down, but the OLT has just rebooted");
    // The same boots again, and the uptime that fell with them, are one reboot.
    let told = judge.observe(&with_boots(with_uptime(state(1_260, vec![up(1)]), 1_060), 8));
    assert!(!changes(&told).contains(&Change::Rebooted));
    let told = judge.observe(&with_boots(with_uptime(state(5_000, vec![up(1)]), 30), 9));
    assert_eq!(changes(&told).iter().filter(|change| **change == Change::Rebooted).count(), 1);
}

#[test]
fn an_engine_that_seems_to_start_at_every_look_does_not_hold_its_olt_for_ever() {
    let mut judge = judge();
    let mut reboots = 0;
    for minute in 0..30 {
        let sweep = with_uptime(state(minute * MINUTE, vec![down(1, Cause::Optical)]), 100_000 + minute * MINUTE);
        let told = judge.observe(&Sweep { boots: Some(u32::try_from(minute).unwrap()), ..sweep });
        reboots += changes(&told).iter().filter(|change| **change == Change::Rebooted).count();
    }
    assert_eq!((reboots, verdict(&judge, 1)), (1, Verdict::Error));
}

#[test]
fn an_uptime_that_wraps_or_stands_still_or_comes_late_is_no_reboot() {
    let day = 86_400;
    let mut wrapped = judge();
    wrapped.observe(&with_uptime(state(0, vec![up(1)]), 497 * day + 8_800));
    assert!(wrapped.observe(&with_uptime(state(60, vec![up(1)]), 25)).is_empty());
    let mut replayed = judge();
    for minute in 0..5 {
        let told = replayed.observe(&with_uptime(state(minute * MINUTE, vec![up(1)]), 5_000));
        assert!(!changes(&told).contains(&Change::Rebooted));
    }
    let mut overlapping = judge();
    overlapping.observe(&with_uptime(state(60, vec![up(1)]), 5_060));
    let mut long = with_uptime(optics(0, vec![rx(1, -20_000)]), 5_000);
    long.elapsed = Duration::from_secs(100);
    assert!(!changes(&overlapping.observe(&long)).contains(&Change::Rebooted));
}

#[test]
fn an_olt_that_had_just_come_up_when_first_seen_gets_the_rest_of_its_grace() {
    let mut judge = judge();
    let told = judge.observe(&with_uptime(state(0, vec![down(1, Cause::Optical)]), 120));
    assert_eq!(told[0].reason.to_string(), "the OLT came up 2m before it was first read");
    for minute in 1..8 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Optical)]));
        assert_eq!(verdict(&judge, 1), Verdict::Hold);
    }
    judge.observe(&state(8 * MINUTE, vec![down(1, Cause::Optical)]));
    judge.observe(&state(9 * MINUTE, vec![down(1, Cause::Optical)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
}

/// State every minute and the given level every five, beginning at minute `from`.
fn live(judge: &mut Judge, from: u64, levels: &[i32]) -> Vec<Transition> {
    let mut told = Vec::new();
    for (level, step) in levels.iter().zip(0..) {
        let minute = from + step * 5;
        told.extend(judge.observe(&optics(minute * MINUTE, vec![rx(1, *level)])));
        for minute in minute..minute + 5 {
            told.extend(judge.observe(&state(minute * MINUTE + 1, vec![up(1)])));
        }
    }
    told
}

fn named(number: u32, serial: &str, pon: &str) -> Reading {
    Reading { serial: Ok(serial.parse().unwrap()), pon: Some(pon.parse().unwrap()), ..blank(number) }
}

#[test]
fn a_device_that_moves_or_is_replaced_is_told() {
    let mut judge = judge();
    judge.observe(&inventory(0, vec![named(1, "HWTC00000001", "0/1"), named(2, "HWTC00000002", "0/1")]));
    let told = judge.observe(&inventory(60, vec![named(1, "HWTC00000001", "0/2"), named(2, "HWTC00000009", "0/1")]));
    let serial = |text: &str| Identity::Serial(text.parse().unwrap());
    assert_eq!(
        changes(&told),
        [
            Change::Moved { from_key: None, from: Some("0/1".parse().unwrap()), to: Some("0/2".parse().unwrap()) },
            Change::Replaced { from: serial("HWTC00000002"), to: serial("HWTC00000009") },
        ]
    );
    let told = judge.observe(&inventory(120, vec![named(2, "HWTC00000009", "0/1"), named(7, "HWTC00000001", "0/3")]));
    assert_eq!(
        changes(&told),
        [
            Change::Appeared,
            Change::Moved {
                from_key: Some(key(1)),
                from: Some("0/2".parse().unwrap()),
                to: Some("0/3".parse().unwrap())
            },
        ]
    );
    assert!(judge.get(&key(1)).is_none());
}

#[test]
fn another_device_under_the_same_key_inherits_nothing() {
    let mut judge = judge();
    judge.observe(&inventory(0, vec![named(1, "HWTC00000001", "0/1")]));
    live(&mut judge, 1, &[-28_000, -28_000]);
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    let told = judge.observe(&inventory(700, vec![named(1, "HWTC00000002", "0/1")]));
    assert!(changes(&told).contains(&Change::VerdictChanged { from: Verdict::Error, to: Verdict::Hold }));
    assert_eq!(view(&judge, 1), (Truth::Stale, Level::Unread, Verdict::Hold));
}

#[test]
fn a_key_listed_twice_says_nothing() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), up(2)]));
    for minute in 1..10 {
        let onus = vec![down(2, Cause::Optical), down(1, Cause::Optical), up(1), down(2, Cause::Optical)];
        judge.observe(&state(minute * MINUTE, onus));
        assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Hold, Verdict::Hold));
    }
    assert_eq!(judge.held().len(), 2);
}

#[test]
fn when_the_clock_goes_back_everything_is_read_anew() {
    let mut judge = judge();
    let day = 86_400;
    judge.observe(&state(day, vec![down(1, Cause::Optical)]));
    judge.observe(&state(day + 60, vec![down(1, Cause::Optical)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    judge.observe(&state(0, vec![down(1, Cause::Optical)]));
    assert_eq!((view(&judge, 1).0, verdict(&judge, 1)), (Truth::Stale, Verdict::Hold));
    judge.observe(&state(60, vec![down(1, Cause::Optical)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    judge.observe(&state(120, vec![up(1)]));
    assert_eq!(verdict(&judge, 1), Verdict::Ok);
}

#[test]
fn an_older_sweep_does_not_undo_a_newer_one_and_another_olt_s_says_nothing() {
    let mut judge = judge();
    judge.observe(&state(60, vec![up(1)]));
    assert!(judge.observe(&state(0, vec![down(1, Cause::Optical)])).is_empty());
    let mut foreign = state(120, vec![down(1, Cause::Optical), up(9)]);
    foreign.olt = OltId::new("other");
    assert!(judge.observe(&foreign).is_empty());
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Unread, Verdict::Ok));
}

#[test]
fn thresholds_change_all_or_nothing_and_only_where_the_rule_changed() {
    let mut judge = judge();
    judge.observe(&inventory(0, vec![named(1, "HWTC00000001", "0/1"), named(2, "HWTC00000002", "0/2")]));
    for second in [1, 301] {
        judge.observe(&optics(second, vec![rx(1, -27_500), rx(2, -27_500)]));
        judge.observe(&state(second + 1, vec![up(1), up(2)]));
    }
    judge.observe(&state(360, vec![up(1), up(2)]));
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Error, Verdict::Error));

    let mut broken = thresholds();
    broken.base.hysteresis = Decibels::from_thousandths(-1);
    assert!(judge.set_thresholds(broken, at(361)).is_err());
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Error, Verdict::Error));

    let mut class_c_plus = thresholds().base;
    class_c_plus.window.sensitivity = Dbm::from_thousandths(-30_000);
    let mut new = thresholds();
    let place = crate::config::AddressMatch { olt: None, pon: Some(Pattern::new("0/2")) };
    new.overrides = vec![(place, class_c_plus)];
    let told = judge.set_thresholds(new, at(362)).unwrap();
    assert_eq!(
        changes(&told),
        [
            Change::LevelChanged { from: Level::Critical, to: Level::Good },
            Change::VerdictChanged { from: Verdict::Error, to: Verdict::Ok },
        ]
    );
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Error, Verdict::Ok));
}

#[test]
fn the_status_map_decides_what_each_truth_shows() {
    let mut judge = judge();
    for second in [0, 60] {
        judge.observe(&state(second, vec![down(1, Cause::Power)]));
    }
    let told = judge.set_status(StatusMap { power: Verdict::Error, ..StatusMap::default() }, at(61));
    assert_eq!(changes(&told), [Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Error }]);
    assert_eq!(told[0].reason.to_string(), "down (power) in 2 consecutive state readings");
}

#[test]
fn a_transition_serialises_with_its_reason_in_words() {
    let mut judge = judge();
    let told = judge.observe(&state(0, vec![up(1)]));
    assert_eq!(
        serde_json::to_value(&told[1]).unwrap(),
        serde_json::json!({
            "olt": "olt", "onu": [1], "at": at(0).to_string(), "what": "truth_changed", "from": "stale", "to": "up",
            "reason": "up in the latest state reading"
        })
    );
}

#[test]
fn the_losses_of_a_confirmed_cut_count_at_once_and_together() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), up(2), up(3), up(4)]));
    let lost = vec![down(1, Cause::Optical), down(2, Cause::Unknown), down(3, Cause::Power), up(4)];
    judge.observe(&state(60, lost));
    assert!((1..=4).all(|n| verdict(&judge, n) != Verdict::Error), "one reading is not enough by itself");
    let cut: Vec<_> = (1..=4).map(|n| (key(n), Explained::Cut)).collect();
    let told = judge.explain(&cut, at(61));
    assert_eq!(told.iter().filter(|one| matches!(one.what, Change::TruthChanged { .. })).count(), 3);
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Error, Verdict::Error));
    assert_eq!(
        (verdict(&judge, 3), verdict(&judge, 4)),
        (Verdict::Hold, Verdict::Ok),
        "one that gasped, and one that is up"
    );
    assert!(judge.explain(&cut, at(62)).is_empty(), "told once");
    judge.observe(&state(120, vec![up(1), up(2), up(3), up(4)]));
    assert!((1..=4).all(|n| verdict(&judge, n) == Verdict::Ok), "up is up, whatever an incident says");
}

#[test]
fn what_is_lost_in_a_power_outage_holds_though_the_olt_says_los() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1), up(2)]));
    for minute in 1..30 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Optical), down(2, Cause::Unknown)]));
        judge.explain(&[(key(1), Explained::Outage), (key(2), Explained::Outage)], at(minute * MINUTE + 1));
    }
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Hold, Verdict::Hold));
    assert_eq!(why(&judge, 1), "down in a power outage of the area");
    // The outage is over, or was none: then it is a loss like any other.
    judge.explain(&[], at(30 * MINUTE));
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Error, Verdict::Error));
}

#[test]
fn an_incident_neither_ends_a_grace_time_nor_makes_stale_onus_red() {
    let mut judge = judge();
    judge.observe(&with_uptime(state(0, vec![up(1), up(2)]), 100_000));
    judge.observe(&with_uptime(state(60, vec![down(1, Cause::Optical), up(2)]), 30));
    judge.explain(&[(key(1), Explained::Cut), (key(2), Explained::Cut)], at(61));
    assert_eq!((view(&judge, 1).0, verdict(&judge, 1)), (Truth::Stale, Verdict::Hold));
    judge.no_answer(at(90));
    judge.explain(&[(key(2), Explained::Cut)], at(91));
    assert_eq!((view(&judge, 2).0, verdict(&judge, 2)), (Truth::Stale, Verdict::Hold));
}
