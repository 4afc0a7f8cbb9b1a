//! A storm: 500 PONs lose light within a minute, from 40 cuts.

use std::collections::BTreeMap;

use super::*;

const CUTS: u32 = 40;
const PONS_OF_A_CUT: u32 = 500 / CUTS;

/// The cuts as an incident task would show them at this second: each begins at a second of the first minute, grows PON by
/// PON for some seconds, is corrected once, and recovers after a quarter of an hour, client by client.
fn cuts_at(second: u64) -> Vec<Notice> {
    let mut notices = Vec::new();
    for number in 0..CUTS {
        let begins = u64::from(number) * 60 / u64::from(CUTS);
        let Some(age) = second.checked_sub(begins) else { continue };
        let pons = PONS_OF_A_CUT.min(u32::try_from(age).unwrap() + 1);
        let lost = pons * 32;
        let mut notice = Notice { opened_at: at(begins), ..cut(number, lost) };
        notice.pons = (0..pons).map(|pon| format!("olt 0/{number}/{pon}")).collect();
        if age < 20 && number % 3 == 0 {
            notice.kind = AlertOn::Undetermined;
        }
        if pons > 1 && age > 10 {
            notice.severity = AlertSeverity::Critical;
        }
        let repaired = age.saturating_sub(900);
        notice.recovered = u32::try_from(repaired * 8).unwrap().min(lost);
        if notice.recovered > 0 {
            notice.stage = Stage::Recovering;
        }
        if notice.recovered == lost {
            notice = cleared(&notice, at(second));
        }
        notices.push(notice);
    }
    notices
}

/// Goes through the storm second by second: when each message went out, and what it was on.
fn weather(config: &Alert, outcome: impl Fn(u64) -> Outcome) -> Vec<(u64, Delivery)> {
    let mut life = Life::new(config);
    let mut sent = Vec::new();
    let mut ended: BTreeMap<String, Notice> = BTreeMap::new();
    for second in 0..3600 {
        let mut notices = cuts_at(second);
        // What is over keeps the time at which it was.
        for notice in &mut notices {
            if notice.stage == Stage::Cleared {
                *notice = ended.entry(notice.id.to_string()).or_insert_with(|| notice.clone()).clone();
            }
        }
        life.observe(&arcs(&notices), at(second));
        while let Next::Send(delivery) = life.next(at(second)) {
            let outcome = outcome(second);
            life.settle(&delivery, &outcome, at(second));
            if matches!(outcome, Outcome::Taken(_)) {
                sent.push((second, delivery));
            }
        }
    }
    assert_eq!(life.standing(), 0, "everything is over, and told so");
    sent
}

fn holds(config: &Alert, sent: &[(u64, Delivery)]) {
    let mut messages: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
    for part in sent.iter().flat_map(|(_, delivery)| &delivery.parts) {
        messages.entry(&part.notice.id).or_default().push(part.step);
    }
    assert_eq!(messages.len(), CUTS as usize, "every cut is told");
    for (id, steps) in &messages {
        assert!(steps.len() <= 3, "{id}: {steps:?}");
        assert_eq!((steps.first(), steps.last()), (Some(&Step::Open), Some(&Step::Resolve)), "{id}");
    }
    let times: Vec<u64> = sent.iter().map(|(second, _)| *second).collect();
    for (place, from) in times.iter().enumerate() {
        let within = times[place..].iter().take_while(|time| *time - from < 60).count();
        let most = config.budget.per_minute + f64::from(config.budget.burst);
        assert!(within as f64 <= most, "{within} messages within a minute of {from}, and {most} are allowed");
    }
}

#[test]
fn a_chat_gets_few_messages_the_first_at_once_and_all_is_told() {
    let config = chat();
    let sent = weather(&config, |_| Outcome::Taken(Some("1".to_owned())));
    holds(&config, &sent);
    assert!(sent[0].0 <= 5, "the first message");
    assert!(sent.len() < 80, "{} messages for {CUTS} cuts", sent.len());
    assert!(sent.iter().any(|(_, delivery)| delivery.parts.len() > 1), "there are digests");
    let begun = |delivery: &Delivery| delivery.parts.iter().filter(|part| part.step == Step::Open).count();
    let told: usize = sent.iter().filter(|(second, _)| *second <= 120).map(|(_, delivery)| begun(delivery)).sum();
    assert_eq!(told, CUTS as usize, "all are known within a minute of the last");
}

#[test]
fn machines_get_each_cut_for_itself_within_seconds() {
    let mut config = hook();
    config.budget = AlertBudget { per_minute: 60.0, burst: 60 };
    let sent = weather(&config, |_| Outcome::Taken(None));
    holds(&config, &sent);
    assert!(sent.iter().all(|(_, delivery)| delivery.parts.len() == 1));
    for (second, delivery) in sent.iter().filter(|(_, delivery)| delivery.parts[0].step == Step::Open) {
        let begun = delivery.parts[0].notice.opened_at.since(START).as_secs();
        assert!(second - begun <= 5, "{} was told after {} s", delivery.id, second - begun);
    }
}

#[test]
fn a_channel_that_is_down_during_the_storm_gets_the_rest_of_it_and_nothing_twice() {
    let config = chat();
    let sent = weather(&config, |second| match second {
        0..300 => Outcome::Later { after: Some(Duration::from_secs(10)) },
        _ => Outcome::Taken(Some("1".to_owned())),
    });
    assert!(sent[0].0 >= 300 && sent[0].0 <= 430, "{}", sent[0].0);
    holds(&config, &sent);
}
