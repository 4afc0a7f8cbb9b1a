//! What the OLT receives of an ONU, in a window of its own.

use super::*;
use crate::config::Window;

fn both(number: u32, rx: i32, olt_rx: i32) -> Reading {
    let dbm = |thousandths| Ok(Dbm::from_thousandths(thousandths));
    Reading { rx: dbm(rx), olt_rx: dbm(olt_rx), ..blank(number) }
}

fn judged(status: StatusMap) -> Judge {
    let mut rules = thresholds();
    let dbm = Dbm::from_thousandths;
    rules.base.olt_window = Some(Window { sensitivity: dbm(-28_000), overload: dbm(-8_000) });
    let mut judge = Judge::new(OltId::new("olt"), rules, status, Duration::from_secs(3 * MINUTE));
    judge.observe(&state(0, vec![up(1)]));
    judge
}

fn olt_level(judge: &Judge) -> Level {
    judge.get(&key(1)).unwrap().olt_level()
}

#[test]
fn has_its_own_level_with_its_own_dwell_and_decides_nothing_by_default() {
    let mut judge = judged(StatusMap::default());
    judge.observe(&optics(1, vec![both(1, -20_000, -22_000)]));
    assert_eq!((view(&judge, 1).1, olt_level(&judge)), (Level::Good, Level::Good));
    assert!(judge.observe(&optics(60, vec![both(1, -20_000, -29_000)])).is_empty(), "one reading");
    // The other column's readings do not count.
    assert!(judge.observe(&optics(100, vec![rx(1, -20_000)])).is_empty());
    let told = judge.observe(&optics(120, vec![both(1, -20_000, -29_000)]));
    assert_eq!(changes(&told), [Change::OltLevelChanged { from: Level::Good, to: Level::Critical }]);
    assert_eq!(told[0].reason.to_string(), "OLT rx -29.00 dBm below sensitivity -28.00 dBm in 2 of 2 readings");
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Good, Verdict::Ok));
}

#[test]
fn decides_when_it_is_asked_to_but_only_once_confirmed_and_never_against_an_error() {
    let status = StatusMap { olt_critical: Verdict::Error, olt_overload: Verdict::Hold, ..StatusMap::default() };
    let mut judge = judged(status);
    judge.observe(&optics(1, vec![both(1, -20_000, -29_000)]));
    assert_eq!((olt_level(&judge), verdict(&judge, 1)), (Level::Critical, Verdict::Ok), "not confirmed");
    judge.observe(&optics(60, vec![both(1, -20_000, -29_000)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    assert!(why(&judge, 1).starts_with("OLT rx"), "{}", why(&judge, 1));
    for second in [120, 180] {
        judge.observe(&optics(second, vec![both(1, -29_000, -5_000)]));
    }
    assert_eq!((olt_level(&judge), verdict(&judge, 1)), (Level::Overload, Verdict::Error));
    assert!(why(&judge, 1).starts_with("rx"), "{}", why(&judge, 1));
}

#[test]
fn is_unread_where_there_is_no_window_or_no_column() {
    let mut judge = judge();
    judge.observe(&state(0, vec![up(1)]));
    judge.observe(&optics(1, vec![both(1, -20_000, -40_000)]));
    assert_eq!(olt_level(&judge), Level::Unread);
    let mut judge = judged(StatusMap::default());
    judge.observe(&optics(1, vec![both(1, -20_000, -22_000)]));
    for second in [60, 120, 180] {
        judge.observe(&optics(second, vec![Reading { olt_rx: Err(Unread::NoSuchColumn), ..rx(1, -20_000) }]));
    }
    assert_eq!((view(&judge, 1).1, olt_level(&judge)), (Level::Good, Level::Unread));
}

#[test]
fn a_window_that_is_taken_away_takes_its_level_along() {
    let mut judge = judged(StatusMap::default());
    judge.observe(&optics(1, vec![both(1, -20_000, -22_000)]));
    let told = judge.set_thresholds(thresholds(), at(30)).unwrap();
    assert_eq!(changes(&told), [Change::OltLevelChanged { from: Level::Good, to: Level::Unread }]);
}

#[test]
fn a_column_that_is_rescaled_alone_makes_no_levels() {
    let mut rules = thresholds();
    let dbm = Dbm::from_thousandths;
    rules.base.olt_window = Some(Window { sensitivity: dbm(-28_000), overload: dbm(-8_000) });
    let mut judge = Judge::new(OltId::new("olt"), rules, StatusMap::all(Verdict::Error), Duration::from_secs(180));
    let levels = |second, olt_rx| optics(second, (0..16).map(|number| both(number, -20_000, olt_rx)).collect());
    judge.observe(&state(0, (0..16).map(up).collect()));
    judge.observe(&levels(1, -22_000));
    for second in [20, 40, 60] {
        assert!(judge.observe(&levels(second, -42_000)).is_empty());
    }
    assert!(judge.suspect().is_none(), "the other column is believed");
    assert!(judge.observe(&levels(80, -22_010)).is_empty());
}
