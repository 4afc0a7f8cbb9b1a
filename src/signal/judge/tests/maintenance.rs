//! Work on the network.

use super::*;
use crate::config::maintenance::UnderWay;

fn on(pon: Option<&str>, until: u64) -> Vec<UnderWay> {
    vec![UnderWay { pon: pon.map(Pattern::new), until: at(until), reason: "splitters".to_owned() }]
}

fn placed(mut reading: Reading, pon: &str) -> Reading {
    reading.pon = Some(pon.parse().unwrap());
    reading
}

/// 1 on PON 0/1 and 2 on PON 0/2, both up.
fn known() -> Judge {
    let mut judge = judge();
    judge.observe(&state(0, vec![placed(up(1), "0/1"), placed(up(2), "0/2")]));
    judge
}

fn lost(second: u64) -> Sweep {
    state(second, vec![placed(down(1, Cause::Optical), "0/1"), placed(down(2, Cause::Optical), "0/2")])
}

#[test]
fn holds_what_it_covers_and_marks_what_happens() {
    let mut judge = known();
    let told = judge.set_maintenance(on(Some("0/1"), 3600), at(10));
    assert_eq!(
        changes(&told),
        [
            Change::MaintenanceBegun { pon: Some(Pattern::new("0/1")), why: "splitters".to_owned() },
            Change::VerdictChanged { from: Verdict::Ok, to: Verdict::Hold },
        ]
    );
    assert_eq!(told[1].reason.to_string(), format!("in maintenance until {}", at(3600)));
    judge.observe(&lost(60));
    let told = judge.observe(&lost(120));
    assert_eq!((view(&judge, 1).0, verdict(&judge, 1), verdict(&judge, 2)), (OPTICAL, Verdict::Hold, Verdict::Error));
    for transition in &told {
        assert_eq!(transition.in_maintenance, transition.onu == Some(key(1)), "{transition:?}");
    }
    assert!(judge.set_maintenance(on(Some("0/1"), 7200), at(130)).iter().all(|one| one.onu.is_none()));
}

#[test]
fn at_its_end_only_readings_taken_after_it_count_and_only_the_net_result_is_told() {
    let mut judge = known();
    judge.set_maintenance(on(None, 3600), at(10));
    judge.observe(&lost(60));
    judge.observe(&lost(120));
    let told = judge.set_maintenance(Vec::new(), at(130));
    assert!(!told.iter().any(|one| matches!(one.what, Change::VerdictChanged { .. })), "{told:?}");
    assert_eq!(view(&judge, 1).0, Truth::Stale);
    assert_eq!(why(&judge, 1), format!("maintenance ended at {}; not read since", at(130)));
    // 1 came back, 2 did not.
    let after = |second| state(second, vec![placed(up(1), "0/1"), placed(down(2, Cause::Optical), "0/2")]);
    judge.observe(&after(180));
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Ok, Verdict::Hold), "one reading is no loss");
    judge.observe(&after(240));
    assert_eq!(verdict(&judge, 2), Verdict::Error);
    assert_eq!(judge.get(&key(2)).unwrap().since(), at(60), "it has been down all the time");
}

#[test]
fn a_level_that_was_red_before_has_its_dwell_to_go_after_it() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1)]));
    for second in [1, 30] {
        judge.observe(&optics(second, vec![rx(1, -29_000)]));
    }
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    judge.set_maintenance(on(None, 3600), at(40));
    judge.set_maintenance(Vec::new(), at(50));
    judge.observe(&state(60, vec![up(1)]));
    judge.observe(&optics(61, vec![rx(1, -29_000)]));
    assert_eq!(verdict(&judge, 1), Verdict::Hold);
    judge.observe(&optics(90, vec![rx(1, -29_000)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
}

#[test]
fn losses_under_maintenance_are_no_flapping_and_who_comes_under_it_is_held() {
    let mut judge = known();
    judge.set_maintenance(on(Some("0/1"), 36_000), at(10));
    for round in 1..30 {
        judge.observe(&state(
            round * 60,
            vec![placed(if round % 3 == 0 { up(1) } else { down(1, Cause::Optical) }, "0/1")],
        ));
    }
    assert!(!judge.get(&key(1)).unwrap().is_flapping());
    judge.observe(&state(1800, vec![placed(up(1), "0/1"), placed(up(2), "0/1"), placed(up(3), "0/1")]));
    assert_eq!([1, 2, 3].map(|number| verdict(&judge, number)), [Verdict::Hold; 3]);
}
