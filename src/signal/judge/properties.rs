//! Random sweeps, in any order and shape, never break the laws. What a sweep said is remembered here apart from the judge,
//! and each verdict is checked against it.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Cause, Completeness, Dbm, Gap, Level, OnuState, Reading, Truth, Verdict};
use crate::signal::rules::tests::thresholds;
use crate::signal::{class_of, verdict_of};

const STALE_AFTER: Duration = Duration::from_secs(180);
const LEVEL_OLD: Duration = Duration::from_secs(1800);

#[derive(Debug, Clone)]
enum Event {
    Sweep(Sweep),
    NoAnswer(Timestamp),
    Tick(Timestamp),
}

impl Event {
    fn at(&self) -> Timestamp {
        match self {
            Self::Sweep(sweep) => sweep.started + sweep.elapsed,
            Self::NoAnswer(at) | Self::Tick(at) => *at,
        }
    }
}

fn any_unread() -> impl Strategy<Value = Unread> {
    proptest::sample::select(vec![
        Unread::NotAsked,
        Unread::NoSuchColumn,
        Unread::NoRow,
        Unread::Sentinel((-1).into()),
        Unread::NoValue,
        Unread::Malformed,
        Unread::UnknownValue(7.into()),
        Unread::OnuDown,
        Unread::NoAnswer,
    ])
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let state = prop_oneof![
        3 => Just(Ok(OnuState::Up)),
        4 => Just(Ok(OnuState::Down)),
        1 => Just(Ok(OnuState::Unknown)),
        1 => any_unread().prop_map(Err),
    ];
    let cause = prop_oneof![
        4 => proptest::sample::select(Cause::ALL).prop_map(Ok),
        1 => any_unread().prop_map(Err),
    ];
    let rx = prop_oneof![
        2 => Just(Ok(Dbm::from_thousandths(-20_000))),
        3 => Just(Ok(Dbm::from_thousandths(-29_000))),
        1 => (-30_000_i32..-5_000).prop_map(|rx| Ok(Dbm::from_thousandths(rx))),
        1 => any::<i32>().prop_map(|rx| Ok(Dbm::from_thousandths(rx))),
        1 => any_unread().prop_map(Err),
    ];
    let serial = prop_oneof![6 => Just(None), 1 => (0_u32..3).prop_map(Some)];
    (0_u32..12, 0_u32..3, state, cause, rx, serial).prop_map(|(key, pon, state, cause, rx, serial)| {
        let mut reading = Reading::unread(OnuKey::new(&[key]), Unread::NotAsked);
        reading.pon = (pon > 0).then(|| crate::model::PonId::new(&[0, pon]).unwrap());
        reading.state = state;
        reading.cause = cause;
        reading.rx = rx;
        if let Some(number) = serial {
            reading.serial = Ok(format!("HWTC0000000{number}").parse().unwrap());
        }
        reading
    })
}

/// What happens next, and how many seconds later (at times before) it does.
fn any_step() -> impl Strategy<Value = (i64, Event)> {
    let kind = prop_oneof![3 => Just(SweepKind::State), 2 => Just(SweepKind::Optics), 1 => Just(SweepKind::Inventory)];
    let rows = prop_oneof![
        // As a well-behaved poller sends them, and as nobody should.
        3 => proptest::collection::btree_map(0_u32..12, any_reading(), 0..12).prop_map(|rows| {
            rows.into_iter()
                .map(|(key, mut reading)| {
                    reading.key = OnuKey::new(&[key]);
                    reading
                })
                .collect()
        }),
        1 => proptest::collection::vec(any_reading(), 0..20),
    ];
    let uptime = prop_oneof![8 => Just(None), 4 => Just(Some(4_000_000)), 1 => (0_u64..50_000_000).prop_map(Some)];
    let elapsed = prop_oneof![6 => 0_u64..20, 1 => 0_u64..400, 1 => Just(u64::MAX / 1000)];
    let sweep = (kind, rows, any::<bool>(), uptime, elapsed).prop_map(|(kind, onus, complete, uptime, elapsed)| {
        let gap = Gap { what: Arc::from("table"), why: Arc::from("time-out") };
        Event::Sweep(Sweep {
            olt: OltId::new("olt"),
            kind,
            scope: crate::model::SweepScope::Whole,
            started: Timestamp::from_millis(0),
            elapsed: Duration::from_secs(elapsed),
            completeness: if complete { Completeness::Complete } else { Completeness::Partial(vec![gap]) },
            uptime: uptime.map(Duration::from_secs),
            boots: None,
            pons: vec![],
            onus,
            pdus: 1,
        })
    });
    let event = prop_oneof![
        12 => sweep,
        1 => Just(Event::NoAnswer(Timestamp::from_millis(0))),
        2 => Just(Event::Tick(Timestamp::from_millis(0))),
    ];
    let step = prop_oneof![10 => 0_i64..90, 2 => -60_i64..900, 1 => -100_000_i64..100_000];
    (step, event)
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(any_step(), 1..60).prop_map(|steps| {
        let mut second: i64 = 1_790_000_000;
        let place = |at: i64| Timestamp::from_millis(u64::try_from(at.max(0)).unwrap() * 1000);
        steps
            .into_iter()
            .map(|(step, event)| {
                second += step;
                match event {
                    Event::Sweep(sweep) => Event::Sweep(Sweep { started: place(second), ..sweep }),
                    Event::NoAnswer(_) => Event::NoAnswer(place(second)),
                    Event::Tick(_) => Event::Tick(place(second)),
                }
            })
            .collect()
    })
}

fn fresh_judge() -> Judge {
    Judge::new(OltId::new("olt"), thresholds(), every_fault_is_an_error(), STALE_AFTER).with_level_old_after(LEVEL_OLD)
}

/// The strictest map: whatever may become an error, does.
fn every_fault_is_an_error() -> StatusMap {
    StatusMap::all(Verdict::Error)
}

fn feed(judge: &mut Judge, event: &Event) -> Vec<Transition> {
    match event {
        Event::Sweep(sweep) => judge.observe(sweep),
        Event::NoAnswer(at) => judge.no_answer(*at),
        Event::Tick(at) => judge.tick(*at),
    }
}

/// Everything that was ever read, by key: what evidence there can have been.
#[derive(Default)]
struct Evidence {
    states: BTreeMap<OnuKey, Vec<(Timestamp, OnuState)>>,
    levels: BTreeMap<OnuKey, Vec<(Timestamp, Dbm)>>,
}

impl Evidence {
    fn note(&mut self, event: &Event) {
        let Event::Sweep(sweep) = event else { return };
        for reading in &sweep.onus {
            let key = reading.key.clone();
            match (sweep.kind, reading.state, reading.rx) {
                (SweepKind::State, Ok(state), _) if state != OnuState::Unknown => {
                    self.states.entry(key).or_default().push((event.at(), state));
                }
                (SweepKind::Optics, _, Ok(rx)) => self.levels.entry(key).or_default().push((event.at(), rx)),
                _ => {}
            }
        }
    }

    /// Whether readings no older than allowed exist that could justify an error for this truth.
    fn justifies(&self, key: &OnuKey, truth: Truth, now: Timestamp) -> bool {
        let states = self.states.get(key).map_or(&[][..], Vec::as_slice);
        let recent = |at: Timestamp, age: Duration| now.since(at) <= age;
        match truth {
            Truth::Stale => false,
            Truth::Down(_) => {
                let downs = states.iter().filter(|(_, state)| *state == OnuState::Down);
                let mut times: Vec<Timestamp> = downs.map(|(at, _)| *at).collect();
                let fresh = times.iter().any(|at| recent(*at, STALE_AFTER));
                times.sort_unstable();
                times.dedup();
                fresh && times.len() >= 2
            }
            Truth::Up => {
                let up = states.iter().any(|(at, state)| *state == OnuState::Up && recent(*at, STALE_AFTER));
                let levels = self.levels.get(key).map_or(&[][..], Vec::as_slice);
                let fresh = levels.iter().any(|(at, _)| recent(*at, LEVEL_OLD));
                let bad = levels.iter().filter(|(_, rx)| class_of(&thresholds().base, *rx) != Level::Good);
                let mut times: Vec<Timestamp> = bad.map(|(at, _)| *at).collect();
                times.sort_unstable();
                times.dedup();
                up && fresh && times.len() >= 2
            }
        }
    }
}

/// What transitions alone say of each ONU: anyone who only follows them must know as much as the judge.
#[derive(Default)]
struct Follower(BTreeMap<OnuKey, (Truth, Level, Verdict)>);

impl Follower {
    fn follow(&mut self, told: &[Transition]) -> Result<(), TestCaseError> {
        for transition in told {
            let Some(key) = &transition.onu else { continue };
            if transition.what == Change::Appeared {
                let old = self.0.insert(key.clone(), (Truth::Stale, Level::Unread, Verdict::Hold));
                prop_assert!(old.is_none(), "{key} appeared twice");
                continue;
            }
            if let Change::Moved { from_key: Some(old), .. } = &transition.what {
                prop_assert!(self.0.remove(old).is_some(), "{old} moved but was not held");
            }
            if transition.what == Change::Gone {
                prop_assert!(self.0.remove(key).is_some(), "{key} is gone but was not held");
                continue;
            }
            let Some((truth, level, verdict)) = self.0.get_mut(key) else {
                return Err(TestCaseError::fail(format!("{transition:?} of an unknown ONU")));
            };
            match transition.what {
                Change::TruthChanged { from, to } => {
                    prop_assert!(from == *truth && from != to);
                    *truth = to;
                }
                Change::LevelChanged { from, to } => {
                    prop_assert!(from == *level && from != to);
                    *level = to;
                }
                Change::VerdictChanged { from, to } => {
                    prop_assert!(from == *verdict && from != to);
                    *verdict = to;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_sweeps_breaks_the_laws(events in any_events()) {
        let mut judge = fresh_judge();
        let mut evidence = Evidence::default();
        let mut follower = Follower::default();
        for event in &events {
            evidence.note(event);
            let told = feed(&mut judge, event);
            follower.follow(&told)?;
            for transition in &told {
                prop_assert!(!transition.reason.to_string().is_empty());
            }
            let now = judge.now;
            let mut before: Option<&OnuKey> = None;
            for (key, held) in judge.held() {
                prop_assert!(before.is_none_or(|before| before < key), "keys are sorted, each once");
                before = Some(key);
                prop_assert_eq!(
                    follower.0.get(key),
                    Some(&(held.truth(), held.level(), held.verdict())),
                    "transitions tell everything"
                );
                let reason = held.reason();
                match held.verdict() {
                    Verdict::Error => {
                        prop_assert!(
                            evidence.justifies(key, held.truth(), now),
                            "{key} is an error without evidence: {held:?}"
                        );
                        prop_assert!(judge.suspect().is_none());
                        prop_assert!(judge.unreachable_since().is_none());
                        prop_assert_eq!(
                            verdict_of(&every_fault_is_an_error(), held.truth(), held.level()),
                            Verdict::Error
                        );
                        prop_assert!(
                            matches!(
                                reason,
                                Reason::Down { .. }
                                    | Reason::LevelBeyond { .. }
                                    | Reason::LevelReturning { .. }
                            ),
                            "{}", reason
                        );
                    }
                    Verdict::Ok => {
                        prop_assert_eq!(held.truth(), Truth::Up);
                        prop_assert!(now.since(held.state_read_at().unwrap()) <= STALE_AFTER);
                    }
                    Verdict::Hold => {}
                }
                if let (Truth::Up | Truth::Down(_), Some(read_at)) = (held.truth(), held.state_read_at()) {
                    prop_assert!(now.since(read_at) <= STALE_AFTER, "what is not stale is fresh");
                }
            }
            prop_assert_eq!(follower.0.len(), judge.held().len());
        }
    }

    #[test]
    fn the_same_sweeps_give_the_same_decisions(events in any_events()) {
        let (mut one, mut other) = (fresh_judge(), fresh_judge());
        for event in &events {
            prop_assert_eq!(feed(&mut one, event), feed(&mut other, event));
        }
    }

    #[test]
    fn the_same_sweep_again_is_no_new_evidence(events in any_events()) {
        let mut judge = fresh_judge();
        for event in &events {
            feed(&mut judge, event);
            let again = feed(&mut judge, event);
            prop_assert!(again.is_empty(), "{again:?}");
        }
    }

    #[test]
    fn silence_alone_never_makes_an_error(events in any_events(), seconds in proptest::collection::vec(0_u64..400, 1..20)) {
        let mut judge = fresh_judge();
        for event in &events {
            feed(&mut judge, event);
        }
        let mut at = judge.now;
        for second in seconds {
            at = at + Duration::from_secs(second);
            let told = if second % 2 == 0 { judge.tick(at) } else { judge.no_answer(at) };
            for transition in told {
                let is_error = matches!(transition.what, Change::VerdictChanged { to: Verdict::Error, .. });
                prop_assert!(!is_error, "{transition:?}");
            }
        }
    }
}
