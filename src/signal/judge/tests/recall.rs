//! What a judge remembers over a restart, and what it makes of it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::signal::{Changed, Memory, MemoryError};

/// A store: the newest memory of each key.
#[derive(Default)]
struct Shelf {
    olt: Box<[u8]>,
    onus: BTreeMap<OnuKey, Memory>,
}

impl Shelf {
    fn keep(&mut self, judge: &mut Judge) -> usize {
        let Changed { olt, onus, gone } = judge.changed();
        let count = onus.len() + gone.len();
        self.olt = olt;
        for key in gone {
            self.onus.remove(&key);
        }
        self.onus.extend(onus.into_iter().map(|memory| (memory.key.clone(), memory)));
        count
    }

    fn restart(&self, now: Timestamp) -> (Judge, Vec<Transition>) {
        let mut judge = judge();
        let recalled = judge.recall(&self.olt, self.onus.values().cloned(), now);
        assert_eq!((recalled.refused, recalled.why), (0, None));
        (judge, recalled.told)
    }
}

fn placed(mut reading: Reading, pon: &str, serial: &str) -> Reading {
    reading.pon = Some(pon.parse().unwrap());
    reading.serial = Ok(serial.parse().unwrap());
    reading
}

/// 1 is up and good, 2 is down for lost light since second 60, 3 is up and critical, 4 has no mains.
fn seen() -> Judge {
    let mut judge = judge().remembering();
    let serials = |second| {
        let all = (1..=4).map(|number| placed(blank(number), "0/1", &format!("HWTC0000000{number}")));
        inventory(second, all.collect())
    };
    judge.observe(&serials(0));
    for second in [0, 60, 120, 180] {
        let lost = if second == 0 { up(2) } else { down(2, Cause::Optical) };
        judge.observe(&state(second, vec![up(1), lost, up(3), down(4, Cause::Power)]));
        judge.observe(&optics(second + 1, vec![rx(1, -20_000), rx(3, -29_000)]));
    }
    judge
}

#[test]
fn a_restart_holds_every_verdict_and_flips_none() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let verdicts: Vec<Verdict> = (1..=4).map(|number| verdict(&before, number)).collect();
    assert_eq!(verdicts, [Verdict::Ok, Verdict::Error, Verdict::Error, Verdict::Hold]);
    let (mut after, told) = shelf.restart(at(600));
    assert_eq!(told.len(), 4);
    assert_eq!(told[1].what, Change::Recalled { truth: OPTICAL, level: Level::Unread, olt_level: Level::Unread });
    assert_eq!(told[2].what, Change::Recalled { truth: Truth::Up, level: Level::Critical, olt_level: Level::Unread });
    for number in 1..=4 {
        assert_eq!((view(&after, number).0, verdict(&after, number)), (Truth::Stale, Verdict::Hold));
    }
    let held = after.get(&key(2)).unwrap();
    assert_eq!(held.truth_before(), Some(OPTICAL));
    assert_eq!(why(&after, 2), format!("down(optical) until {}, before the restart; not read since", at(180)));
    assert!(after.tick(at(610)).is_empty());
    let readings = || vec![up(1), down(2, Cause::Optical), up(3), down(4, Cause::Power)];
    let told = after.observe(&state(660, readings()));
    assert!(!changes(&told).contains(&Change::Appeared));
    assert_eq!(
        (verdict(&after, 1), verdict(&after, 2), verdict(&after, 3)),
        (Verdict::Ok, Verdict::Hold, Verdict::Error)
    );
    after.observe(&state(720, readings()));
    for number in 1..=4 {
        let (old, new) = (before.get(&key(number)).unwrap(), after.get(&key(number)).unwrap());
        assert_eq!((new.truth(), new.since(), new.level()), (old.truth(), old.since(), old.level()), "{number}");
        assert_eq!(new.verdict(), old.verdict(), "{number}");
    }
}

#[test]
fn only_what_changed_is_given_to_be_remembered() {
    let (mut judge, mut shelf) = (seen(), Shelf::default());
    assert_eq!(shelf.keep(&mut judge), 4);
    assert_eq!(shelf.keep(&mut judge), 0);
    judge.observe(&state(240, vec![up(1), up(2), up(3), down(4, Cause::Power)]));
    assert_eq!(shelf.keep(&mut judge), 1, "only 2 changed");
    judge.observe(&optics(241, vec![rx(1, -20_010), rx(3, -29_010)]));
    assert_eq!(shelf.keep(&mut judge), 0, "the same levels");
    let later = 2 * 3600;
    judge.observe(&optics(later, vec![rx(1, -20_010), rx(3, -29_010)]));
    // Their age changes the memory once an hour; being read no more changed their truths.
    assert_eq!(shelf.keep(&mut judge), 4);
    for second in [later + 60, later + 120] {
        judge.observe(&inventory(second, vec![blank(1), blank(2), blank(4)]));
        judge.observe(&state(second, vec![up(1), up(2), up(4)]));
    }
    shelf.keep(&mut judge);
    assert_eq!(shelf.onus.keys().cloned().collect::<Vec<_>>(), [key(1), key(2), key(4)]);
}

#[test]
fn after_a_long_absence_a_loss_is_a_new_loss_and_an_old_level_no_level() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let day = 86_400;
    let (mut after, _) = shelf.restart(at(day));
    assert_eq!(view(&after, 3), (Truth::Stale, Level::Unread, Verdict::Hold));
    for second in [day, day + 60] {
        after.observe(&state(second, vec![up(1), down(2, Cause::Optical), up(3)]));
    }
    assert_eq!(after.get(&key(2)).unwrap().since(), at(day));
    assert_eq!(verdict(&after, 3), Verdict::Hold, "what was red for its level stays so until it is read");
    assert_eq!(verdict(&after, 1), Verdict::Ok);
}

#[test]
fn what_went_away_or_was_replaced_during_the_absence_is_noticed() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let (mut after, _) = shelf.restart(at(600));
    let listed = |second| {
        let rest = vec![placed(blank(1), "0/1", "HWTC00000001"), placed(blank(3), "0/1", "ZTEG00000009")];
        inventory(second, rest)
    };
    let told = after.observe(&listed(660));
    assert!(matches!(changes(&told)[0], Change::Replaced { .. }), "{told:?}");
    assert_eq!(after.get(&key(3)).unwrap().truth_before(), None, "nothing is known of the new device");
    let told = after.observe(&listed(720));
    assert_eq!(changes(&told), [Change::Gone, Change::Gone]);
}

#[test]
fn a_suspicion_outlives_a_restart() {
    let mut judge = judge().remembering();
    let levels = |second, by: i32| optics(second, (0..16).map(|number| rx(number, -20_000 + by)).collect());
    let all_up = |second| state(second, (0..16).map(up).collect());
    judge.observe(&all_up(0));
    judge.observe(&levels(1, 0));
    judge.observe(&levels(60, 20_000));
    let why = judge.suspect();
    assert!(why.is_some());
    let mut shelf = Shelf::default();
    shelf.keep(&mut judge);
    let (mut after, _) = shelf.restart(at(120));
    assert_eq!(after.suspect(), why);
    after.observe(&all_up(130));
    assert_eq!(verdict(&after, 1), Verdict::Hold);
}

#[test]
fn other_thresholds_after_the_restart_judge_what_is_remembered_anew() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let mut wider = thresholds();
    wider.base.window.sensitivity = Dbm::from_thousandths(-33_000);
    let mut after = Judge::new(OltId::new("olt"), wider, StatusMap::default(), Duration::from_secs(180));
    after.recall(&shelf.olt, shelf.onus.into_values(), at(600));
    assert_eq!(view(&after, 3).1, Level::Good);
}

#[test]
fn damaged_and_foreign_memories_are_as_if_they_had_not_been() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let mut memories: Vec<Memory> = shelf.onus.values().cloned().collect();
    memories[0].octets[3] ^= 1;
    memories[1].octets[0] = 200;
    memories[2].octets = Box::new([]);
    let mut after = judge();
    let recalled = after.recall(&[1, 2, 3], memories, at(600));
    assert_eq!((recalled.refused, recalled.why), (4, Some(MemoryError::Checksum)));
    assert_eq!(after.held().len(), 1);
    let told = after.observe(&state(660, vec![up(1)]));
    assert_eq!(changes(&told)[0], Change::Appeared);
}

#[test]
fn what_was_read_already_is_not_overwritten_by_memory() {
    let (mut before, mut shelf) = (seen(), Shelf::default());
    shelf.keep(&mut before);
    let mut after = judge();
    after.observe(&state(600, vec![up(2)]));
    let twice = shelf.onus.values().cloned().chain(shelf.onus.values().cloned());
    let recalled = after.recall(&shelf.olt, twice.collect::<Vec<_>>(), at(601));
    assert_eq!(recalled.told.len(), 3);
    assert_eq!(view(&after, 2).0, Truth::Up);
    assert_eq!(after.held().len(), 4);
}

proptest! {
    /// A field's own decoder sees any octets, behind a checksum that fits.
    #[test]
    fn no_octets_break_a_judge(
        octets in proptest::collection::vec(any::<u8>(), 0..80),
        tags in proptest::collection::vec((0_u8..9, proptest::collection::vec(any::<u8>(), 0..80)), 0..6),
        now in prop_oneof![Just(0_u64), Just(u64::MAX), 0_u64..2_000_000_000],
    ) {
        let mut writer = crate::signal::memory::Writer::new();
        for (tag, content) in &tags {
            writer.field(*tag, |writer| content.iter().for_each(|octet| writer.u8(*octet)));
        }
        let framed = writer.finish();
        let memory = |number, octets: &[u8]| Memory { key: key(number), identity: None, octets: octets.into() };
        let mut judge = judge();
        let now = Timestamp::from_millis(now);
        judge.recall(&framed, [memory(1, &octets), memory(2, &framed)], now);
        judge.tick(now + Duration::from_secs(60));
        for (_, held) in judge.held() {
            prop_assert_eq!(held.verdict(), Verdict::Hold);
        }
        judge.observe(&state(0, vec![up(1), up(2)]));
        judge.changed();
    }
}
