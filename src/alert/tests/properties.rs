//! What holds for every history of incidents, faults and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    /// This incident becomes so.
    Becomes { number: u32, severity: u8, lost: u32, recovered: u32, cleared: bool },
    /// The channel fails, or takes, from now on.
    Fails(bool),
    /// The process ends and another one reads the journal.
    Restarts,
    /// Time passes.
    Passes(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..6_u32, 0..5_u8, 1..50_u32, 0..50_u32, prop::bool::weighted(0.3)).prop_map(
            |(number, severity, lost, recovered, cleared)| Event::Becomes { number, severity, lost, recovered, cleared }
        ),
        1 => any::<bool>().prop_map(Event::Fails),
        1 => Just(Event::Restarts),
        4 => (1..300_u64).prop_map(Event::Passes),
    ]
}

/// What a channel has of one incident.
#[derive(Debug, Default)]
struct Seen {
    opened: u32,
    resolved: u32,
}

fn notice(number: u32, severity: u8, lost: u32, recovered: u32, now: Timestamp) -> Notice {
    let (_, severity) = AlertSeverity::WORDS[usize::from(severity)];
    Notice { severity, recovered: recovered.min(lost), opened_at: now, ..cut(number, lost) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Each incident that a channel was told of begins once and ends once for it, whatever fails and whoever restarts; and in
    /// the end it knows the end of all.
    #[test]
    fn every_incident_begins_once_and_ends_once(events in prop::collection::vec(event(), 1..120), edits in any::<bool>()) {
        let config = if edits { chat() } else { hook() };
        let mut life = Life::new(&config);
        let mut journal: BTreeMap<String, Thread> = BTreeMap::new();
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        let mut standing: BTreeMap<u32, Notice> = BTreeMap::new();
        let (mut now, mut fails) = (at(0), false);
        // In the end all is over, the channel takes everything, and hours pass.
        let end = (0..6).map(|number| Event::Becomes { number, severity: 4, lost: 1, recovered: 1, cleared: true });
        let end = end.chain([Event::Fails(false)]).chain((0..100).map(|_| Event::Passes(299)));
        for event in events.into_iter().chain(end) {
            match event {
                Event::Becomes { number, severity, lost, recovered, cleared: is_over } => {
                    let old = standing.get(&number);
                    if old.is_some_and(|old| old.stage == Stage::Cleared) || (old.is_none() && is_over) {
                        continue; // What is over stays so.
                    }
                    let new = notice(number, severity, lost, recovered, old.map_or(now, |old| old.opened_at));
                    standing.insert(number, if is_over { cleared(&new, now) } else { new });
                }
                Event::Fails(does) => fails = does,
                Event::Restarts => {
                    life = Life::new(&config);
                    life.recall(journal.values().cloned());
                }
                Event::Passes(seconds) => now = now + Duration::from_secs(seconds),
            }
            life.observe(&arcs(&standing.values().cloned().collect::<Vec<_>>()), now);
            let mut rounds = 0;
            while let Next::Send(delivery) = life.next(now) {
                rounds += 1;
                prop_assert!(rounds < 100, "it never ends");
                let outcome =
                    if fails { Outcome::Later { after: None } } else { Outcome::Taken(Some(delivery.id.clone())) };
                if !fails {
                    for part in &delivery.parts {
                        let seen = seen.entry(part.notice.id.to_string()).or_default();
                        prop_assert_eq!(seen.resolved, 0, "nothing follows its end");
                        match part.step {
                            Step::Open => seen.opened += 1,
                            Step::Resolve => seen.resolved += 1,
                            Step::Update | Step::Acknowledge => prop_assert_eq!(seen.opened, 1),
                        }
                    }
                }
                life.settle(&delivery, &outcome, now);
            }
            if let Next::Wait(Some(until)) = life.next(now) {
                prop_assert!(until > now, "it would be asked again at once, for ever");
            }
            for thread in life.unwritten() {
                journal.insert(thread.notice.id.to_string(), thread);
            }
        }
        for (id, seen) in &seen {
            prop_assert!(seen.opened <= 1, "{} began {} times", id, seen.opened);
            prop_assert_eq!(seen.resolved, 1, "{}", id);
        }
        prop_assert_eq!(life.standing(), 0);
    }
}

proptest! {
    // Each goes through a quarter of an hour, second by second.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However much happens, a channel is not told more than its budget.
    #[test]
    fn no_minute_has_more_messages_than_the_budget(
        begins in prop::collection::vec(0..600_u64, 1..80), per_minute in 1..60_u32, burst in 1..20_u32, digests in any::<bool>(),
    ) {
        let mut config = if digests { chat() } else { hook() };
        config.budget = AlertBudget { per_minute: f64::from(per_minute), burst };
        let mut life = Life::new(&config);
        let mut times = Vec::new();
        for second in 0..900_u64 {
            let now = at(second);
            let begun = begins.iter().enumerate().filter(|(_, begin)| **begin <= second);
            let notices: Vec<Notice> = begun.map(|(number, _)| cut(u32::try_from(number).unwrap(), 9)).collect();
            life.observe(&arcs(&notices), now);
            while let Next::Send(delivery) = life.next(now) {
                times.push(second);
                life.settle(&delivery, &Outcome::Taken(None), now);
            }
        }
        for (place, from) in times.iter().enumerate() {
            let within = times[place..].iter().take_while(|time| *time - from < 60).count();
            prop_assert!(within <= (per_minute + burst) as usize, "{} within a minute", within);
        }
    }
}
