use proptest::prelude::*;

use super::*;
use crate::config::Window;
use crate::model::Decibels;
use crate::signal::rules::tests::b_plus;

fn dbm(thousandths: i32) -> Dbm {
    Dbm::from_thousandths(thousandths)
}

/// Feeds readings, one a minute, and gives the level after each.
fn levels_of(rule: &ThresholdRule, track: &mut LevelTrack, readings: &[i32]) -> Vec<Level> {
    let start = track.answered_at;
    readings
        .iter()
        .zip(1..)
        .map(|(rx, minute)| {
            track.read(rule, dbm(*rx), start + Duration::from_secs(60 * minute));
            track.shown()
        })
        .collect()
}

fn track_at(rule: &ThresholdRule, rx: i32) -> LevelTrack {
    let mut track = LevelTrack::new();
    let count = usize::try_from(rule.worsen_after.max(rule.improve_after)).unwrap() + 1;
    levels_of(rule, &mut track, &vec![rx; count]);
    assert!(track.confirmed());
    track
}

#[test]
fn every_bound_belongs_to_the_better_side() {
    let rule = b_plus();
    for (rx, level) in [
        (-27_001, Level::Critical),
        (-27_000, Level::Weak),
        (-25_001, Level::Weak),
        (-25_000, Level::Good),
        (-10_000, Level::Good),
        (-9_999, Level::Weak),
        (-8_000, Level::Weak),
        (-7_999, Level::Overload),
        (i32::MIN, Level::Critical),
        (i32::MAX, Level::Overload),
    ] {
        assert_eq!(class_of(&rule, dbm(rx)), level, "{rx}");
    }
}

#[test]
fn a_level_gets_worse_after_two_readings_and_better_after_three() {
    use Level::{Critical, Good, Weak};
    let rule = b_plus();
    let mut track = track_at(&rule, -20_000);
    assert_eq!(levels_of(&rule, &mut track, &[-28_000, -20_000, -28_000]), [Good, Good, Good]);
    assert_eq!(levels_of(&rule, &mut track, &[-28_000]), [Critical]);
    assert_eq!(levels_of(&rule, &mut track, &[-20_000, -20_000, -20_000]), [Critical, Critical, Good]);
    assert_eq!(levels_of(&rule, &mut track, &[-26_000, -28_000, -28_000]), [Good, Weak, Critical]);
}

#[test]
fn the_way_back_needs_the_hysteresis() {
    let rule = b_plus();
    let mut track = track_at(&rule, -28_000);
    assert!(levels_of(&rule, &mut track, &[-26_001; 9]).iter().all(|level| *level == Level::Critical));
    assert_eq!(levels_of(&rule, &mut track, &[-26_000; 3]).last(), Some(&Level::Weak));
    assert!(levels_of(&rule, &mut track, &[-24_001; 9]).iter().all(|level| *level == Level::Weak));
    assert_eq!(levels_of(&rule, &mut track, &[-24_000; 3]).last(), Some(&Level::Good));
    let mut track = track_at(&rule, -7_000);
    assert!(levels_of(&rule, &mut track, &[-8_999; 9]).iter().all(|level| *level == Level::Overload));
    assert_eq!(levels_of(&rule, &mut track, &[-9_000; 3]).last(), Some(&Level::Weak));
    assert!(levels_of(&rule, &mut track, &[-10_999; 9]).iter().all(|level| *level == Level::Weak));
    assert_eq!(levels_of(&rule, &mut track, &[-11_000; 3]).last(), Some(&Level::Good));
}

#[test]
fn critical_and_overload_do_not_share_a_dwell() {
    use Level::{Critical, Overload};
    let rule = b_plus();
    let mut track = track_at(&rule, -28_000);
    assert_eq!(
        levels_of(&rule, &mut track, &[-7_000, -28_000, -7_000, -7_000]),
        [Critical, Critical, Critical, Overload]
    );
}

#[test]
fn the_first_reading_shows_but_does_not_count_until_the_dwell() {
    let rule = b_plus();
    let mut track = LevelTrack::new();
    assert_eq!(levels_of(&rule, &mut track, &[-28_000]), [Level::Critical]);
    assert!(!track.confirmed());
    assert_eq!(
        track.reason(Side::Onu, &rule, Ok(dbm(-28_000))).to_string(),
        "rx -28.00 dBm below sensitivity -27.00 dBm in 1 of 2 readings"
    );
    levels_of(&rule, &mut track, &[-28_310]);
    assert!(track.confirmed());
    assert_eq!(
        track.reason(Side::Onu, &rule, Ok(dbm(-28_310))).to_string(),
        "rx -28.31 dBm below sensitivity -27.00 dBm in 2 of 2 readings"
    );
}

#[test]
fn an_unread_answer_neither_counts_nor_breaks_a_run_until_the_level_is_unread() {
    let rule = b_plus();
    let mut track = track_at(&rule, -20_000);
    let mut at = track.answered_at;
    let mut next = || {
        at = at + Duration::from_secs(60);
        at
    };
    track.read(&rule, dbm(-28_000), next());
    track.unread(Unread::NoValue, next());
    track.unread(Unread::NoAnswer, next());
    assert_eq!(track.shown(), Level::Good);
    track.read(&rule, dbm(-28_000), next());
    assert_eq!(track.shown(), Level::Critical);
    for _ in 0..2 {
        track.unread(Unread::Sentinel((-1).into()), next());
        assert_eq!(track.shown(), Level::Critical);
    }
    track.unread(Unread::Sentinel((-1).into()), next());
    assert_eq!(track.shown(), Level::Unread);
    assert!(track.aged().is_none());
    track.read(&rule, dbm(-28_000), next());
    assert!(!track.confirmed(), "runs start anew after the level was unread");
}

#[test]
fn what_was_not_asked_or_is_of_a_dark_onu_says_nothing() {
    let rule = b_plus();
    let mut track = track_at(&rule, -20_000);
    for second in 0..20 {
        for why in [Unread::NotAsked, Unread::NoAnswer, Unread::OnuDown] {
            track.unread(why, Timestamp::from_millis(10_000_000 + second));
        }
    }
    assert_eq!(track.shown(), Level::Good);
}

#[test]
fn an_old_level_is_unread_and_its_runs_are_over() {
    let rule = b_plus();
    let mut track = track_at(&rule, -28_000);
    let hour = Duration::from_secs(3600);
    track.age(track.read_at + hour, hour);
    assert_eq!(track.shown(), Level::Critical);
    let later = track.read_at + hour + Duration::from_millis(1);
    track.age(later, hour);
    assert_eq!((track.shown(), track.aged()), (Level::Unread, Some(Level::Critical)));
    track.read(&rule, dbm(-28_000), later);
    assert_eq!((track.shown(), track.confirmed()), (Level::Critical, false));
}

#[test]
fn after_a_loss_good_light_counts_at_once_and_bad_light_has_its_dwell_to_go() {
    let rule = b_plus();
    let mut repaired = track_at(&rule, -28_000);
    repaired.unconfirm();
    assert_eq!((repaired.shown(), repaired.confirmed()), (Level::Critical, false));
    assert_eq!(levels_of(&rule, &mut repaired, &[-21_000]), [Level::Good]);
    let mut worse = track_at(&rule, -21_000);
    worse.unconfirm();
    assert_eq!(levels_of(&rule, &mut worse, &[-28_000, -28_000]), [Level::Good, Level::Critical]);
}

#[test]
fn a_new_rule_relaxes_at_once_and_tightens_after_the_dwell() {
    let rule = b_plus();
    let mut wider = rule;
    wider.window.sensitivity = dbm(-30_000);
    let mut track = track_at(&rule, -27_500);
    track.judge_anew(&wider);
    assert_eq!(track.shown(), Level::Good);
    track.judge_anew(&rule);
    assert_eq!(track.shown(), Level::Good);
    assert_eq!(levels_of(&rule, &mut track, &[-27_500]), [Level::Critical]);
}

/// Any rule that can be used: see `rules::check`.
fn any_rule() -> impl Strategy<Value = ThresholdRule> {
    (-40_000_i32..-20_000, 0_i32..3_000, 0_i32..2_000, 10_000_i32..20_000, 1_u32..5, 1_u32..5).prop_map(
        |(sensitivity, margin, hysteresis, width, worsen_after, improve_after)| ThresholdRule {
            olt_window: None,
            window: Window { sensitivity: dbm(sensitivity), overload: dbm(sensitivity + width) },
            weak_margin: Decibels::from_thousandths(margin),
            hysteresis: Decibels::from_thousandths(hysteresis),
            worsen_after,
            improve_after,
        },
    )
}

/// Powers, most of them within two thousandths of one of the rule's bounds.
fn near_bounds(rule: ThresholdRule) -> impl Strategy<Value = i32> {
    let (s, o) = (rule.window.sensitivity.thousandths(), rule.window.overload.thousandths());
    let (m, h) = (rule.weak_margin.thousandths(), rule.hysteresis.thousandths());
    let bounds = vec![s, s + h, s + m, s + m + h, o - m - h, o - m, o - h, o];
    prop_oneof![
        4 => (proptest::sample::select(bounds), -2_i32..=2).prop_map(|(bound, off)| bound + off),
        1 => any::<i32>(),
    ]
}

proptest! {
    #[test]
    fn classes_are_the_intervals_of_the_rule((rule, rx) in any_rule().prop_flat_map(|rule| (Just(rule), near_bounds(rule)))) {
        let (s, o) = (rule.window.sensitivity.thousandths(), rule.window.overload.thousandths());
        let m = rule.weak_margin.thousandths();
        // Each class said apart from the code: exactly one of them must hold.
        let holds = [
            (Level::Critical, rx < s),
            (Level::Weak, (s <= rx && rx < s + m) || (o - m < rx && rx <= o)),
            (Level::Good, s + m <= rx && rx <= o - m),
            (Level::Overload, rx > o),
        ];
        let classes: Vec<Level> = holds.iter().filter(|(_, holds)| *holds).map(|(level, _)| *level).collect();
        prop_assert_eq!(classes, vec![class_of(&rule, dbm(rx))]);
    }

    #[test]
    fn more_power_is_never_a_lower_band(
        (rule, a, b) in any_rule().prop_flat_map(|rule| (Just(rule), near_bounds(rule), near_bounds(rule)))
    ) {
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(band_of(&rule, dbm(low)) <= band_of(&rule, dbm(high)));
    }

    #[test]
    fn any_rule_at_all_gives_every_power_a_class(
        s in any::<i32>(), o in any::<i32>(), m in any::<i32>(), h in any::<i32>(), rx in any::<i32>()
    ) {
        let rule = ThresholdRule {
            olt_window: None,
            window: Window { sensitivity: dbm(s), overload: dbm(o) },
            weak_margin: Decibels::from_thousandths(m),
            hysteresis: Decibels::from_thousandths(h),
            worsen_after: 0,
            improve_after: 0,
        };
        prop_assert_ne!(class_of(&rule, dbm(rx)), Level::Unread);
        let mut track = LevelTrack::new();
        track.read(&rule, dbm(rx), Timestamp::from_millis(1));
        prop_assert!(!track.reason(Side::Onu, &rule, Ok(dbm(rx))).to_string().is_empty());
    }

    #[test]
    fn noise_smaller_than_the_hysteresis_never_oscillates(
        (rule, start, centre, noise) in any_rule().prop_flat_map(|rule| (
            Just(rule),
            near_bounds(rule),
            near_bounds(rule),
            // Strictly less than the hysteresis between the lowest and the highest reading.
            proptest::collection::vec(0..rule.hysteresis.thousandths().max(1), 1..60),
        ))
    ) {
        let mut track = track_at(&rule, start);
        let readings: Vec<i32> = noise.iter().map(|off| centre.saturating_add(*off)).collect();
        let levels = levels_of(&rule, &mut track, &readings);
        let mut changes: Vec<Level> = std::iter::once(class_of(&rule, dbm(start))).chain(levels).collect();
        changes.dedup();
        // From where it was it may go towards where the noise is (two steps: severe, weak, good), and never turn round.
        prop_assert!(changes.len() <= 3, "{:?} {:?}", changes, readings);
        let mut seen = changes.clone();
        seen.sort();
        seen.dedup();
        prop_assert_eq!(seen.len(), changes.len(), "a level came back: {:?} {:?}", changes, readings);
    }

    #[test]
    fn a_level_changes_only_after_its_dwell(
        (rule, readings) in any_rule()
            .prop_flat_map(|rule| (Just(rule), proptest::collection::vec(near_bounds(rule), 1..40)))
    ) {
        let mut track = track_at(&rule, (rule.window.sensitivity.thousandths() + rule.window.overload.thousandths()) / 2);
        let mut before = track.shown();
        for position in 0..readings.len() {
            let level = levels_of(&rule, &mut track, &readings[position..=position])[0];
            if level != before {
                let worse = badness(level) > badness(before) || (badness(level) == 2 && level != before);
                let needed = usize::try_from(if worse { rule.worsen_after } else { rule.improve_after }).unwrap();
                prop_assert!(position + 1 >= needed);
                let back = way_back(&rule);
                for rx in &readings[position + 1 - needed..=position] {
                    let justified = if worse {
                        let class = class_of(&rule, dbm(*rx));
                        if badness(level) == 2 { class == level } else { badness(class) >= 1 }
                    } else {
                        badness(class_of(&back, dbm(*rx))) <= badness(level)
                    };
                    prop_assert!(justified, "{before} to {level} at {position}: {readings:?}");
                }
            }
            before = level;
        }
    }
}
