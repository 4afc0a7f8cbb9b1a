use std::time::Duration;

use super::*;
use crate::config::{StatusMap, Thresholds};
use crate::model::{Cause, Dbm, Level, OltId, Timestamp, Verdict};
use crate::record::Rules;
use crate::store::history::{Lack, Sample, Seen};

const EVERY: u64 = 900;

fn at(round: u64) -> Timestamp {
    Timestamp::from_millis((1_700_000_000 + round * EVERY) * 1000)
}

fn up(rx: i32) -> Sample {
    Sample { state: Seen::Up, rx: Ok(Dbm::from_thousandths(rx)), olt_rx: Err(Lack::NoSuchColumn) }
}

fn dark() -> Sample {
    Sample { state: Seen::Down(Cause::Optical), rx: Err(Lack::OnuDown), olt_rx: Err(Lack::OnuDown) }
}

/// Rules with this sensitivity, in thousandths of a dBm.
fn rules(sensitivity: i32) -> Rules {
    let mut thresholds = Thresholds::default();
    thresholds.base.window.sensitivity = Dbm::from_thousandths(sensitivity);
    Rules { thresholds, status: StatusMap::default() }
}

fn trial(devices: usize, present: i32, other: i32) -> Trial {
    let who = |place| Who { pon: Some("0/1/0".parse().unwrap()), onu: u32::try_from(place).ok(), ..Who::default() };
    let devices = (0..devices).map(who).collect();
    Trial::new(OltId::new("olt"), devices, Duration::from_secs(EVERY), rules(present), rules(other))
}

fn play(mut trial: Trial, rounds: impl IntoIterator<Item = Vec<Sample>>) -> OltTrial {
    for (round, samples) in (0..).zip(rounds) {
        trial.take(at(round), samples.into_iter().enumerate());
    }
    trial.finish(|_| true)
}

#[test]
fn a_wider_window_makes_fewer_clients_red_and_says_which() {
    let rounds = (0..20).map(|_| vec![up(-20_000), up(-27_500), up(-29_500)]);
    let found = play(trial(3, -27_000, -28_000), rounds);
    assert_eq!((found.readings, found.onus.len()), (60, 3));
    let under = |onu: usize| (found.onus[onu].present, found.onus[onu].other);
    let calm = |level, status| Under { level, status, flips: 0, level_flips: 0 };
    assert_eq!(under(0), (calm(Level::Good, Verdict::Ok), calm(Level::Good, Verdict::Ok)));
    assert_eq!(under(1), (calm(Level::Critical, Verdict::Error), calm(Level::Weak, Verdict::Ok)));
    assert_eq!(under(2), (calm(Level::Critical, Verdict::Error), calm(Level::Critical, Verdict::Error)));
    assert_eq!(found.onus.iter().map(OnuTrial::differs).collect::<Vec<_>>(), [false, true, false]);
    let (present, other) = (Tally::of(&found.onus, Side::Present), Tally::of(&found.onus, Side::Other));
    assert_eq!((present.critical, present.error, present.ok), (2, 2, 1));
    assert_eq!((other.critical, other.weak, other.error, other.ok), (1, 1, 1, 2));
}

#[test]
fn flips_are_counted_and_those_for_levels_apart_from_those_for_losses() {
    // Ten rounds good, ten too weak for one side, ten good; and one that is dark for five rounds.
    let level = |round: i32| if (10..20).contains(&round) { up(-28_000) } else { up(-20_000) };
    let lost = |round: i32| if (12..17).contains(&round) { dark() } else { up(-20_000) };
    let found = play(trial(2, -27_000, -30_000), (0..40).map(|round| vec![level(round), lost(round)]));
    let [weak, dark] = &found.onus[..] else { panic!("{found:?}") };
    assert_eq!((weak.present.flips, weak.present.level_flips, weak.other.flips), (2, 2, 0));
    assert_eq!((dark.present.flips, dark.present.level_flips, dark.other.flips), (2, 0, 2));
    assert_eq!((weak.present.status, dark.present.status), (Verdict::Ok, Verdict::Ok));
}

#[test]
fn a_round_read_in_slices_is_judged_as_one() {
    let whole = (0..12).map(|round| vec![up(-20_000), up(if round > 5 { -29_000 } else { -20_000 })]);
    let at_once = play(trial(2, -27_000, -30_000), whole);
    let mut sliced = trial(2, -27_000, -30_000);
    for round in 0..12 {
        sliced.take(at(round), [(0, up(-20_000))]);
        let later = at(round) + Duration::from_secs(EVERY / 2);
        sliced.take(later, [(1, up(if round > 5 { -29_000 } else { -20_000 }))]);
    }
    let sliced = sliced.finish(|_| true);
    assert_eq!(sliced.onus, at_once.onus);
    assert_eq!(sliced.readings, 24);
}

#[test]
fn devices_that_are_gone_or_were_never_read_are_left_out() {
    let mut trial = trial(4, -27_000, -30_000);
    for round in 0..4 {
        trial.take(at(round), [(0, up(-20_000)), (1, up(-20_000)), (77, up(-20_000))]);
    }
    let found = trial.finish(|place| place != 1);
    assert_eq!(found.onus.iter().map(|onu| onu.onu).collect::<Vec<_>>(), [Some(0)]);
}

#[test]
fn the_usual_gap_is_the_median_over_devices() {
    let readings = (0..50).flat_map(|round| [(at(round), vec![0, 1]), (at(round) + Duration::from_secs(60), vec![2])]);
    assert_eq!(usual_gap(readings), Some(Duration::from_secs(EVERY)));
    assert_eq!(usual_gap([(at(0), vec![0, 1])]), None);
}
