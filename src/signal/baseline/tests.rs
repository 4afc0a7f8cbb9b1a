use proptest::prelude::*;

use super::*;

const RULES: BaselineRules = BaselineRules { step: 1_500, decline: 1_500 };
const DAY: u64 = 24 * 3600 * 1000;
const START: u64 = 20_000 * DAY;
const QUARTER: u64 = 15 * 60 * 1000;

/// Feeds one level every quarter of an hour for these days, in which `of_day` says how it goes, and gives what was told
/// with its day.
fn feed(baseline: &mut Baseline, days: std::ops::Range<u64>, of_day: impl Fn(f64) -> f64) -> Vec<(u64, Drift)> {
    let mut told = Vec::new();
    for at in (START + days.start * DAY..START + days.end * DAY).step_by(usize::try_from(QUARTER).unwrap()) {
        let day = (at - START) as f64 / DAY as f64;
        // A swing over the day, and noise of a fixed pattern.
        let noise = ((at / QUARTER * 7919) % 601) as f64 / 1000.0 - 0.3;
        let level = of_day(day) + 0.5 * (day * std::f64::consts::TAU).sin() + noise;
        if let Some(drift) = baseline.take(at, whole(level * 1000.0), &RULES) {
            told.push((at / DAY - START / DAY, drift));
        }
    }
    told
}

fn learned() -> Baseline {
    let mut baseline = Baseline::new(START, -20_000);
    assert_eq!(feed(&mut baseline, 0..20, |_| -20.0), []);
    baseline
}

#[test]
fn fits_into_64_octets() {
    assert_eq!(size_of::<Baseline>(), 64);
}

#[test]
fn learns_where_a_level_is_in_three_days() {
    let mut baseline = Baseline::new(START, -19_500);
    feed(&mut baseline, 0..3, |_| -20.0);
    assert_eq!(baseline.usual(), None);
    feed(&mut baseline, 3..5, |_| -20.0);
    assert!((baseline.usual().unwrap() + 20_000).abs() < 150, "{:?}", baseline.usual());
    assert!((200..800).contains(&baseline.spread()), "{}", baseline.spread());
}

#[test]
fn a_step_is_told_once_with_its_size_and_begin_and_so_is_its_repair() {
    let mut baseline = learned();
    let told = feed(&mut baseline, 20..30, |day| if day < 21.5 { -20.0 } else { -23.0 });
    let [(21, Drift::Step { from, to, since })] = told[..] else { panic!("{told:?}") };
    assert!((from + 20_000).abs() < 200 && (to + 23_000).abs() < 700, "{from} {to}");
    assert_eq!(since, START + 21 * DAY + DAY / 2);
    assert!((baseline.lost() - 3_000).abs() < 700);
    let told = feed(&mut baseline, 30..34, |_| -20.1);
    let [(30, Drift::Recovered { to, lost: Some(0) })] = told[..] else { panic!("{told:?}") };
    assert!((to + 20_000).abs() < 700, "{to}");
    assert_eq!((baseline.lost(), baseline.declines()), (0, false));
    assert_eq!(feed(&mut baseline, 34..60, |_| -20.1), [], "and all is as before");
}

#[test]
fn a_slow_fall_is_a_decline_with_its_rate_and_ends_with_the_repair() {
    let mut baseline = learned();
    let falls = |day: f64| -20.0 - (day - 20.0) * 0.08;
    let told = feed(&mut baseline, 20..55, falls);
    let [(day, Drift::Decline { per_month, confidence, from, to, since })] = told[..] else { panic!("{told:?}") };
    assert!((30..50).contains(&day), "{day}");
    assert!((-3_000..-1_000).contains(&per_month) && confidence >= 99 && from - to >= 1_400, "{told:?}");
    assert!(since < START + day * DAY);
    let told = feed(&mut baseline, 55..80, |_| -20.0);
    assert!(matches!(told[..], [(55, Drift::Recovered { .. })]), "{told:?}");
}

#[test]
fn a_fall_that_stops_without_a_repair_ends_too() {
    let mut baseline = learned();
    feed(&mut baseline, 20..50, |day| -20.0 - (day - 20.0) * 0.08);
    assert!(baseline.declines());
    let told = feed(&mut baseline, 50..160, |_| -22.4);
    assert!(matches!(told[..], [(_, Drift::Recovered { lost: None, .. })]), "{told:?}");
}

#[test]
fn a_short_outage_a_bad_hour_and_a_gap_of_days_are_nothing() {
    let mut baseline = learned();
    assert_eq!(feed(&mut baseline, 20..22, |day| if (20.4..20.45).contains(&day) { -35.0 } else { -20.0 }), []);
    assert_eq!(feed(&mut baseline, 25..28, |_| -20.0), []);
    assert_eq!(feed(&mut baseline, 128..140, |_| -24.0), [], "after months everything is new");
}

#[test]
fn time_that_goes_back_is_left_out() {
    let mut baseline = learned();
    let before = baseline.clone();
    assert_eq!(baseline.take(START, -40_000, &RULES), None);
    assert_eq!(baseline, before);
}

#[test]
fn goes_on_from_memory_as_if_nothing_had_been() {
    let mut one = learned();
    let mut memory = Writer::new();
    memory.field(1, |memory| one.write(memory));
    let octets = memory.finish();
    let mut other = Baseline::read(&mut Reader::fields(&octets).unwrap()[0].1).unwrap();
    assert_eq!(one, other);
    let falls = |day: f64| if day < 25.0 { -20.0 } else { -24.0 };
    assert_eq!(feed(&mut one, 20..40, falls), feed(&mut other, 20..40, falls));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any octets as memory, and any levels at any times, overflow nothing.
    #[test]
    fn nothing_overflows(
        octets in proptest::collection::vec(any::<u8>(), 64),
        readings in proptest::collection::vec((0_u64..40 * DAY, any::<i32>()), 1..200),
        step in 1_i32..100_000,
    ) {
        let rules = BaselineRules { step, decline: step };
        let mut memory = Writer::new();
        memory.field(1, |memory| octets.iter().for_each(|octet| memory.u8(*octet)));
        let framed = memory.finish();
        let mut baselines = vec![Baseline::new(START, i32::MAX), Baseline::new(u64::MAX, i32::MIN)];
        baselines.extend(Baseline::read(&mut Reader::fields(&framed).unwrap()[0].1));
        for baseline in &mut baselines {
            let mut at = START;
            for (gap, level) in &readings {
                at += gap / 100;
                baseline.take(at, *level, &rules);
                baseline.move_by(level / 7);
                let _ = (baseline.usual(), baseline.lost(), baseline.spread(), baseline.anchor());
            }
        }
    }
}
