//! Levels that come PON by PON.

use super::*;
use crate::model::SweepScope;
use crate::signal::LookAgain;

const PONS: u32 = 4;
const ONUS: u32 = 10;

fn pon(number: u32) -> PonId {
    PonId::new(&[0, number]).unwrap()
}

fn steady(number: u32) -> i32 {
    -18_000 - i32::try_from(number % ONUS).unwrap() * 150
}

fn all_up(second: u64) -> Sweep {
    state(second, (0..PONS * ONUS).map(|number| Reading { pon: Some(pon(number / ONUS)), ..up(number) }).collect())
}

fn slice(second: u64, pons: &[u32], level: impl Fn(u32) -> Reading) -> Sweep {
    let onus = (0..PONS * ONUS).filter(|number| pons.contains(&(number / ONUS)));
    let onus = onus.map(|number| Reading { pon: Some(pon(number / ONUS)), ..level(number) }).collect();
    let scope = SweepScope::Pons(pons.iter().map(|number| pon(*number)).collect());
    Sweep { scope, ..optics(second, onus) }
}

/// A judge with one reading a PON decides: no dwell hides what a slice does by itself.
fn hasty() -> Judge {
    let mut thresholds = thresholds();
    thresholds.base.worsen_after = 1;
    let mut judge = Judge::new(OltId::new("olt"), thresholds, StatusMap::default(), Duration::from_secs(200));
    for round in 0..3 {
        judge.observe(&all_up(round * MINUTE));
        for number in 0..PONS {
            judge.observe(&slice(round * MINUTE + u64::from(number) + 1, &[number], |n| rx(n, steady(n))));
        }
    }
    judge
}

fn levels(judge: &Judge, of: u32) -> Vec<Level> {
    let onus = judge.held().filter(|(_, held)| held.pon() == Some(pon(of)));
    onus.map(|(_, held)| held.level()).collect()
}

#[test]
fn slices_are_judged_as_they_come_and_say_nothing_of_other_pons() {
    let mut judge = hasty();
    assert!(judge.suspect().is_none() && judge.look_again().is_none());
    let weak = |number| rx(number, if number == 12 { -26_000 } else { steady(number) });
    let told = judge.observe(&slice(181, &[1], weak));
    assert_eq!(changes(&told)[0], Change::LevelChanged { from: Level::Good, to: Level::Weak });
    assert_eq!(levels(&judge, 0), [Level::Good; 10]);
    assert_eq!(judge.get(&key(3)).unwrap().level_read_at(), Some(at(121)));
}

#[test]
fn a_column_that_is_rescaled_between_slices_colours_nobody_red_whatever_the_dwell() {
    let mut judge = hasty();
    let shifted = |number| rx(number, steady(number) - 12_000);
    // The new firmware comes after the first two slices of a round.
    for number in 0..2 {
        judge.observe(&slice(181 + u64::from(number), &[number], |n| rx(n, steady(n))));
    }
    judge.observe(&slice(191, &[2], shifted));
    assert_eq!(judge.look_again(), Some(LookAgain::Everywhere));
    assert_eq!(judge.look_again(), None, "once");
    for round in 0..30 {
        judge.observe(&all_up(200 + round * MINUTE));
        for (place, number) in (1..).zip([3, 0, 1, 2]) {
            judge.observe(&slice(200 + round * MINUTE + place, &[number], shifted));
            for pon in 0..PONS {
                assert_eq!(levels(&judge, pon), [Level::Good; 10], "round {round}, slice {number}, PON {pon}");
            }
        }
        assert!(judge.suspect().is_some(), "more than half of the OLT has moved by the third slice");
    }
    // It is put right: two sane rounds end it, not two sane slices.
    let mut rounds = 0;
    while judge.suspect().is_some() {
        judge.observe(&all_up(2_000 + rounds * MINUTE));
        for number in 0..PONS {
            assert!(judge.suspect().is_some());
            judge.observe(&slice(2_001 + rounds * MINUTE + u64::from(number), &[number], |n| rx(n, steady(n))));
        }
        rounds += 1;
    }
    assert_eq!(rounds, 2);
}

#[test]
fn a_pon_that_really_lost_light_is_judged_once_the_others_are_heard() {
    let mut judge = hasty();
    let bent = |number| rx(number, steady(number) - if number / ONUS == 1 { 12_000 } else { 0 });
    judge.observe(&slice(181, &[1], bent));
    assert_eq!(levels(&judge, 1), [Level::Good; 10], "by itself it cannot tell");
    assert_eq!(judge.get(&key(12)).unwrap().rx().unwrap().thousandths(), steady(12) - 12_000, "but it is shown");
    assert_eq!(judge.look_again(), Some(LookAgain::Everywhere));
    for number in [0, 2, 3] {
        assert_eq!(judge.look_again(), None);
        judge.observe(&slice(182 + u64::from(number), &[number], bent));
    }
    assert_eq!(judge.look_again(), Some(LookAgain::Pons([pon(1)].into())));
    assert!(judge.suspect().is_none());
    judge.observe(&slice(190, &[1], bent));
    assert_eq!(levels(&judge, 1), [Level::Critical; 10]);
    // And that is that: the next round has nothing odd.
    for number in 0..PONS {
        judge.observe(&slice(241 + u64::from(number), &[number], bent));
        assert_eq!(judge.look_again(), None);
    }
}

#[test]
fn a_part_of_the_olt_that_was_looked_at_again_makes_nobody_else_doubtful() {
    let mut judge = hasty();
    let onus = (10..20).map(|number| Reading { pon: Some(pon(1)), ..down(number, Cause::Power) }).collect();
    let told = judge.observe(&Sweep { scope: SweepScope::Pons([pon(1)].into()), ..state(185, onus) });
    let others =
        told.iter().filter_map(|transition| transition.onu.as_ref()).filter(|onu| !(key(10)..key(20)).contains(onu));
    assert_eq!(others.count(), 0, "{told:?}");
    judge.observe(&all_up(190));
    assert!(judge.held().all(|(_, held)| held.truth() == Truth::Up));
}
