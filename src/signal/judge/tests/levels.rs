//! Levels, and levels that cannot be right.

use super::*;

#[test]
fn a_critical_level_is_an_error_after_its_dwell_and_not_while_it_is_on_its_first_reading() {
    let mut judge = judge();
    live(&mut judge, 0, &[-28_000]);
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Critical, Verdict::Hold));
    live(&mut judge, 5, &[-28_310]);
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Critical, Verdict::Error));
    assert_eq!(why(&judge, 1), "rx -28.31 dBm below sensitivity -27.00 dBm in 2 of 2 readings");
    live(&mut judge, 10, &[-25_000, -25_000]);
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Critical, Verdict::Error));
    assert_eq!(why(&judge, 1), "rx -25.00 dBm, has to be at least -26.00 dBm in 3 readings, was in 2");
    let told = live(&mut judge, 20, &[-25_000]);
    assert_eq!(
        changes(&told),
        [
            Change::LevelChanged { from: Level::Critical, to: Level::Weak },
            Change::VerdictChanged { from: Verdict::Error, to: Verdict::Ok },
        ]
    );
}

#[test]
fn after_a_repair_the_old_level_is_not_held_against_the_customer() {
    let mut judge = judge();
    live(&mut judge, 0, &[-28_000, -28_000]);
    assert_eq!(verdict(&judge, 1), Verdict::Error);
    for second in [700, 760] {
        judge.observe(&state(second, vec![down(1, Cause::Optical)]));
        judge.observe(&optics(second + 1, vec![no_rx(1, Unread::OnuDown)]));
    }
    assert_eq!(view(&judge, 1), (OPTICAL, Level::Critical, Verdict::Error));
    judge.observe(&state(820, vec![up(1)]));
    assert_eq!(verdict(&judge, 1), Verdict::Hold, "light from before the repair proves nothing");
    judge.observe(&optics(830, vec![rx(1, -21_000)]));
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Good, Verdict::Ok));
}

#[test]
fn a_level_shown_for_a_dark_onu_is_not_light() {
    let mut judge = judge();
    live(&mut judge, 0, &[-20_000]);
    for minute in 5..12 {
        judge.observe(&state(minute * MINUTE, vec![down(1, Cause::Power)]));
        judge.observe(&optics(minute * MINUTE + 1, vec![rx(1, -40_000)]));
    }
    let held = judge.get(&key(1)).unwrap();
    assert_eq!((held.level(), held.rx()), (Level::Good, Err(Unread::OnuDown)));
    judge.observe(&state(20 * MINUTE, vec![up(1)]));
    assert_eq!(verdict(&judge, 1), Verdict::Ok);
}

#[test]
fn sentinels_never_make_an_error_and_end_as_unread() {
    let mut judge = judge();
    live(&mut judge, 0, &[-20_000]);
    for minute in 5..15 {
        judge.observe(&optics(minute * MINUTE, vec![no_rx(1, Unread::Sentinel(2_147_483_647.into()))]));
        judge.observe(&state(minute * MINUTE + 1, vec![up(1)]));
        assert_eq!(verdict(&judge, 1), Verdict::Ok);
    }
    assert_eq!(judge.get(&key(1)).unwrap().level(), Level::Unread);
}

#[test]
fn a_level_that_nobody_reads_any_more_neither_makes_nor_mends_a_fault() {
    let mut judge = judge();
    live(&mut judge, 0, &[-28_000, -28_000]);
    for minute in 10..185 {
        judge.observe(&state(minute * MINUTE + 1, vec![up(1)]));
    }
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Critical, Verdict::Error));
    judge.observe(&state(186 * MINUTE, vec![up(1)]));
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Unread, Verdict::Hold));
    assert!(why(&judge, 1).starts_with("no level read since"));
}

#[test]
fn after_a_start_nothing_turns_green_before_its_level_was_read() {
    let mut judge = judge().awaiting_optics(at(20 * MINUTE));
    judge.observe(&state(0, vec![up(1), up(2)]));
    assert_eq!(verdict(&judge, 1), Verdict::Hold);
    judge.observe(&optics(60, vec![rx(1, -20_000)]));
    assert_eq!((verdict(&judge, 1), verdict(&judge, 2)), (Verdict::Ok, Verdict::Hold));
    for minute in 2..20 {
        judge.observe(&state(minute * MINUTE, vec![up(1), up(2)]));
        assert_eq!(verdict(&judge, 2), Verdict::Hold);
    }
    judge.tick(at(20 * MINUTE));
    assert_eq!(verdict(&judge, 2), Verdict::Ok, "the wait has an end");
}

fn town(second: u64, levels: impl Fn(u32) -> Reading) -> Sweep {
    optics(second, (0..16).map(levels).collect())
}

fn all_up(second: u64) -> Sweep {
    state(second, (0..16).map(up).collect())
}

fn steady(number: u32) -> i32 {
    -18_000 - i32::try_from(number).unwrap() * 150
}

fn town_judge() -> Judge {
    let mut judge = judge();
    for minute in 0..3 {
        judge.observe(&all_up(minute * MINUTE));
        judge.observe(&town(minute * MINUTE + 1, |number| rx(number, steady(number))));
    }
    judge
}

#[test]
fn a_column_that_was_rescaled_never_colours_a_town_red() {
    let mut judge = town_judge();
    let told = judge.observe(&town(181, |number| rx(number, steady(number) - 30_000)));
    assert_eq!(changes(&told)[0], Change::Suspect);
    assert_eq!(told[0].reason.to_string(), "16 levels moved together by -30.00 dB (spread 0.00 dB)");
    assert!(judge.suspect().is_some());
    for minute in 4..60 {
        judge.observe(&all_up(minute * MINUTE));
        judge.observe(&town(minute * MINUTE + 1, |number| rx(number, steady(number) - 30_000)));
        for number in 0..16 {
            assert_eq!(view(&judge, number), (Truth::Up, Level::Good, Verdict::Hold));
            assert_eq!(judge.get(&key(number)).unwrap().rx().unwrap().thousandths(), steady(number) - 30_000);
        }
    }
    judge.observe(&town(3_700, |number| rx(number, steady(number))));
    assert!(judge.suspect().is_some());
    let told = judge.observe(&town(3_760, |number| rx(number, steady(number))));
    assert_eq!(changes(&told)[0], Change::Trusted);
    judge.observe(&all_up(3_761));
    assert_eq!(verdict(&judge, 3), Verdict::Ok);
}

#[test]
fn an_operator_can_trust_levels_that_really_moved() {
    let mut judge = town_judge();
    judge.observe(&town(181, |number| rx(number, steady(number) - 7_000)));
    let told = judge.trust_levels(at(182));
    assert_eq!(changes(&told)[0], Change::Trusted);
    assert_eq!(judge.suspect(), None);
    judge.observe(&town(183, |number| rx(number, steady(number) - 7_000)));
    assert_eq!(judge.suspect(), None);
    assert!(judge.trust_levels(at(184)).is_empty());
}

#[test]
fn levels_that_vanish_together_hold_everything_until_two_sane_sweeps() {
    let mut judge = town_judge();
    let vanish =
        |number| if number < 9 { no_rx(number, Unread::Sentinel((-1).into())) } else { rx(number, steady(number)) };
    let told = judge.observe(&town(181, vanish));
    assert_eq!(changes(&told)[0], Change::Suspect);
    assert_eq!(told[0].reason.to_string(), "9 of 16 levels turned unread in one sweep");
    judge.observe(&all_up(182));
    assert!(judge.suspect().is_some(), "all are up, so nothing explains it");
    judge.observe(&town(241, |number| rx(number, steady(number))));
    judge.observe(&all_up(242));
    assert_eq!(verdict(&judge, 1), Verdict::Hold);
    judge.observe(&town(301, |number| rx(number, steady(number))));
    judge.observe(&all_up(302));
    assert_eq!(verdict(&judge, 1), Verdict::Ok);
}

#[test]
fn levels_that_vanish_for_good_are_unread_and_hold_nothing_for_ever() {
    let mut judge = town_judge();
    let vanish = |number| no_rx(number, Unread::NoSuchColumn);
    for (round, suspect) in [(0, true), (1, true), (2, false), (3, false), (4, false)] {
        judge.observe(&town(181 + round * MINUTE, vanish));
        judge.observe(&all_up(182 + round * MINUTE));
        assert_eq!(judge.suspect().is_some(), suspect, "round {round}");
    }
    assert_eq!(view(&judge, 5), (Truth::Up, Level::Unread, Verdict::Ok));
}

#[test]
fn a_sweep_that_began_in_grace_counts_no_loss_however_late_it_ends() {
    let mut judge = judge();
    judge.observe(&with_uptime(state(0, vec![up(1)]), 100_000));
    judge.observe(&with_uptime(state(60, vec![up(1)]), 30));
    assert_eq!(judge.grace_until(), Some(at(660)));
    judge.tick(at(661));
    assert_eq!(judge.grace_until(), None);
    let mut late = state(650, vec![down(1, Cause::Optical)]);
    late.elapsed = Duration::from_secs(15);
    judge.observe(&late);
    judge.observe(&state(670, vec![down(1, Cause::Optical)]));
    assert_eq!(verdict(&judge, 1), Verdict::Hold, "only one reading counts so far");
    judge.observe(&state(730, vec![down(1, Cause::Optical)]));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
}

#[test]
fn a_mass_outage_that_optics_see_first_is_not_mistaken_for_bad_data() {
    let mut judge = town_judge();
    judge.observe(&town(181, |number| no_rx(number, Unread::NoValue)));
    assert!(judge.suspect().is_some());
    let cut = |second| state(second, (0..16).map(|number| down(number, Cause::Optical)).collect());
    let told = judge.observe(&cut(182));
    assert_eq!(changes(&told)[0], Change::Trusted);
    judge.observe(&cut(240));
    assert_eq!(verdict(&judge, 1), Verdict::Error);
}

#[test]
fn levels_of_a_partial_sweep_that_were_not_reached_are_not_suspect() {
    let mut judge = town_judge();
    let told = judge.observe(&partial(town(181, |number| no_rx(number, Unread::NoRow))));
    assert!(told.is_empty());
    for second in 182..200 {
        judge.observe(&partial(town(second, |number| no_rx(number, Unread::NoRow))));
    }
    assert_eq!(judge.get(&key(1)).unwrap().level(), Level::Good);
}

#[test]
fn a_longer_interval_lets_readings_grow_older() {
    let hour = Duration::from_secs(3600);
    let mut judge =
        Judge::of_polled(OltId::new("olt"), thresholds(), StatusMap::default(), Duration::from_secs(60), hour, at(0));
    judge.observe(&state(0, vec![up(1)]));
    judge.observe(&optics(1, vec![rx(1, -20_000)]));
    judge.set_intervals(4 * hour, 8 * hour);
    judge.tick(at(11 * 3600));
    assert_eq!(view(&judge, 1), (Truth::Up, Level::Good, Verdict::Ok));
    judge.tick(at(13 * 3600));
    assert_eq!(view(&judge, 1), (Truth::Stale, Level::Good, Verdict::Hold));
    judge.tick(at(25 * 3600));
    assert_eq!(view(&judge, 1), (Truth::Stale, Level::Unread, Verdict::Hold));
}
