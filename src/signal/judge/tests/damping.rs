//! ONUs that come and go.

use super::*;

/// Down for two minutes, up for one.
fn cycle(judge: &mut Judge, second: u64) -> Vec<Transition> {
    let mut told = judge.observe(&state(second, vec![down(1, Cause::Optical)]));
    told.append(&mut judge.observe(&state(second + 60, vec![down(1, Cause::Optical)])));
    told.append(&mut judge.observe(&state(second + 120, vec![up(1)])));
    told
}

fn flapping() -> Judge {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1)]));
    for round in 0..3 {
        cycle(&mut judge, 60 + 180 * round);
    }
    judge
}

#[test]
fn an_onu_that_comes_and_goes_is_held_and_told_once_until_it_is_quiet() {
    let mut judge = flapping();
    assert!(!judge.get(&key(1)).unwrap().is_flapping());
    let told = cycle(&mut judge, 600);
    assert_eq!(
        changes(&told),
        [
            Change::VerdictChanged { from: Verdict::Ok, to: Verdict::Hold },
            Change::TruthChanged { from: Truth::Up, to: OPTICAL },
            Change::Flapping,
            Change::TruthChanged { from: OPTICAL, to: Truth::Up },
        ]
    );
    assert_eq!(told[2].reason.to_string(), "flapping: 3140 points for its losses, held until 1000 are left");
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Unread, Verdict::Hold), "its truth goes on");
    let told = cycle(&mut judge, 780);
    assert!(!changes(&told).contains(&Change::Flapping), "it was told");
    let mut told = Vec::new();
    for minute in 16..80 {
        told.append(&mut judge.observe(&state(60 * minute, vec![up(1)])));
    }
    assert_eq!(changes(&told), [Change::Settled, Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Ok }]);
    assert!(told[0].reason.to_string().starts_with("quiet again: "), "{}", told[0].reason);
    assert!(told[0].at > at(780 + 1600) && told[0].at < at(780 + 1900), "{}", told[0].at);
}

#[test]
fn switching_an_onu_off_and_on_is_no_flapping() {
    let mut judge = judge();
    for second in (0..3600).step_by(180) {
        judge.observe(&state(second, vec![up(1)]));
        judge.observe(&state(second + 60, vec![down(1, Cause::Admin)]));
        judge.observe(&state(second + 120, vec![down(1, Cause::Admin)]));
    }
    assert!(!judge.get(&key(1)).unwrap().is_flapping());
}

#[test]
fn a_penalty_outlives_new_thresholds_and_a_restart() {
    let mut judge = flapping();
    cycle(&mut judge, 600);
    let mut other = thresholds();
    other.base.window.sensitivity = Dbm::from_thousandths(-30_000);
    judge.set_thresholds(other, at(790)).unwrap();
    assert!(judge.get(&key(1)).unwrap().is_flapping());
    let changed = judge.changed();
    let mut after = super::judge();
    after.recall(&changed.olt, changed.onus, at(800));
    after.observe(&state(810, vec![up(1)]));
    assert_eq!((after.get(&key(1)).unwrap().is_flapping(), verdict(&after, 1)), (true, Verdict::Hold));
}

#[test]
fn turned_off_it_changes_nothing() {
    let mut rules = thresholds();
    rules.flap.suppress = 0;
    let mut judge = flapping();
    let told = judge.set_thresholds(rules, at(599)).unwrap();
    assert!(told.is_empty());
    for round in 0..10 {
        let told = cycle(&mut judge, 600 + 180 * round);
        assert!(told.iter().any(|one| one.what == Change::VerdictChanged { from: Verdict::Hold, to: Verdict::Error }));
    }
}
