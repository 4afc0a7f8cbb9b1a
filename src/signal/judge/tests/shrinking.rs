//! Complete sweeps that list far less than the ones before.

use super::*;

fn listed(second: u64, count: u32) -> Sweep {
    inventory(second, (0..count).map(blank).collect())
}

fn known() -> Judge {
    let mut judge = judge();
    judge.observe(&listed(0, 20));
    judge.observe(&state(1, (0..20).map(up).collect()));
    judge
}

#[test]
fn one_short_table_takes_nothing_away_and_a_second_one_begins_to() {
    let mut judge = known();
    let told = judge.observe(&listed(60, 12));
    assert_eq!(changes(&told), [Change::Shrunk]);
    assert_eq!(
        told[0].reason.to_string(),
        "a complete sweep listed 12 ONUs, the one before 20: not believed until a second one agrees"
    );
    assert!(judge.observe(&listed(60, 12)).is_empty(), "the same sweep again");
    assert!(judge.observe(&listed(120, 12)).is_empty(), "it agrees: the first absence");
    let told = judge.observe(&listed(180, 12));
    assert_eq!((told.len(), judge.held().len()), (8, 12));
    assert!(told.iter().all(|one| one.what == Change::Gone));
}

#[test]
fn a_short_state_table_casts_no_doubt_at_once() {
    let mut judge = known();
    judge.observe(&state(60, (0..15).map(up).collect()));
    assert_eq!(verdict(&judge, 19), Verdict::Ok);
    judge.observe(&state(120, (0..15).map(up).collect()));
    assert_eq!(
        (verdict(&judge, 19), why(&judge, 19)),
        (Verdict::Hold, "not listed in the latest complete sweep".into())
    );
}

#[test]
fn tables_that_disagree_or_come_back_begin_anew() {
    let mut judge = known();
    for (second, count) in [(20, 12), (40, 4), (60, 9)] {
        let told = judge.observe(&listed(second, count));
        assert_eq!(changes(&told), [Change::Shrunk], "{count}");
    }
    assert!(judge.observe(&listed(80, 20)).is_empty());
    assert_eq!(changes(&judge.observe(&listed(100, 9))), [Change::Shrunk]);
    assert_eq!(judge.held().len(), 20);
}

#[test]
fn a_few_that_are_gone_are_gone_as_before() {
    let mut judge = known();
    judge.observe(&listed(60, 18));
    let told = judge.observe(&listed(120, 18));
    assert_eq!(changes(&told), [Change::Gone, Change::Gone]);
}
