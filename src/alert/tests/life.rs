//! The life of a notification, step by step.

use super::*;
use crate::config::Pattern;
use crate::config::alert::QuietHours;
use crate::config::maintenance::parse_weekly;

fn steps(sent: &[(Step, String)]) -> Vec<Step> {
    sent.iter().map(|(step, _)| *step).collect()
}

#[test]
fn it_is_told_when_it_begins_changes_and_is_over_and_then_no_more() {
    let mut life = Life::new(&chat());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    assert_eq!(sent(&mut life, at(0)), [(Step::Open, "incident-1".to_owned())]);
    assert_eq!(sent(&mut life, at(1)), []);
    let back = Notice { recovered: 31, stage: Stage::Recovering, ..open.clone() };
    life.observe(&arcs(&[back]), at(10));
    assert_eq!(sent(&mut life, at(10)), [], "not within the minute");
    assert_eq!(life.next(at(10)), Next::Wait(Some(at(60))));
    assert_eq!(steps(&sent(&mut life, at(60))), [Step::Update]);
    let over = cleared(&open, at(90));
    life.observe(&arcs(std::slice::from_ref(&over)), at(90));
    assert_eq!(steps(&sent(&mut life, at(90))), [Step::Resolve], "its end does not wait");
    life.observe(&arcs(&[over]), at(100));
    assert_eq!(sent(&mut life, at(1000)), []);
}

#[test]
fn what_is_over_before_it_was_told_is_never_told_but_what_was_perhaps_told_is_taken_back() {
    let mut config = chat();
    config.after = Duration::from_secs(30);
    let mut life = Life::new(&config);
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    assert_eq!(life.next(at(0)), Next::Wait(Some(at(30))));
    life.observe(&arcs(&[cleared(&open, at(20))]), at(20));
    assert_eq!(sent(&mut life, at(100)), []);

    let mut life = Life::new(&chat());
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    let Next::Send(delivery) = life.next(at(0)) else { panic!("it is due") };
    life.settle(&delivery, &Outcome::Later { after: None }, at(0));
    life.observe(&arcs(&[cleared(&open, at(1))]), at(1));
    assert_eq!(steps(&sent(&mut life, at(5))), [Step::Resolve]);
}

#[test]
fn a_channel_that_asks_to_wait_is_left_alone_so_long_and_then_gets_the_newest_once() {
    let mut life = Life::new(&chat());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    let Next::Send(first) = life.next(at(0)) else { panic!("it is due") };
    life.settle(&first, &Outcome::Later { after: Some(Duration::from_secs(37)) }, at(0));
    let grown = Notice { lost: 60, severity: AlertSeverity::Critical, ..open };
    life.observe(&arcs(&[grown]), at(20));
    assert_eq!(life.next(at(36)), Next::Wait(Some(at(37))));
    let Next::Send(again) = life.next(at(37)) else { panic!("it is due again") };
    assert_eq!(
        (again.id, again.parts[0].notice.lost, again.parts.len()),
        (first.id, 60, 1),
        "the same name, the newest content"
    );
}

#[test]
fn failures_in_a_row_wait_longer_and_longer_but_not_for_ever() {
    let mut life = Life::new(&hook());
    life.observe(&arcs(&[cut(1, 48)]), at(0));
    let mut now = at(0);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let delivery = loop {
            match life.next(now) {
                Next::Send(delivery) => break delivery,
                Next::Wait(until) => now = until.expect("it is tried again"),
            }
        };
        life.settle(&delivery, &Outcome::Later { after: None }, now);
        let Next::Wait(Some(until)) = life.next(now) else { panic!("it waits") };
        waits.push(until.since(now).as_secs());
    }
    assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
    assert_eq!(waits[11], 120);
}

#[test]
fn what_was_taken_is_not_repeated_after_a_restart_and_what_was_not_is() {
    let mut life = Life::new(&chat());
    let all = [cut(1, 48), cut(2, 30)];
    life.observe(&arcs(&all), at(0));
    let Next::Send(first) = life.next(at(0)) else { panic!("it is due") };
    life.settle(&first, &Outcome::Taken(Some("7".to_owned())), at(0));
    // The process ends here, and its journal is read by the next one.
    let journal = serde_json::to_string(&life.unwritten()).unwrap();
    let mut life = Life::new(&chat());
    life.recall(serde_json::from_str::<Vec<Thread>>(&journal).unwrap());
    life.observe(&arcs(&all), at(5));
    assert_eq!(sent(&mut life, at(5)), [(Step::Open, "incident-2".to_owned())]);
    life.observe(&arcs(&[cleared(&all[0], at(60)), all[1].clone()]), at(60));
    let Next::Send(end) = life.next(at(60)) else { panic!("its end is told") };
    assert_eq!(
        (end.parts[0].step, end.parts[0].handle.as_deref()),
        (Step::Resolve, Some("7")),
        "in its message of before"
    );
}

#[test]
fn what_was_told_before_a_restart_and_is_not_followed_any_more_is_said_to_be_so() {
    let mut before = Life::new(&chat());
    before.observe(&arcs(&[cut(1, 48)]), at(0));
    sent(&mut before, at(0));
    let mut life = Life::new(&chat());
    life.recall(before.unwritten());
    life.observe(&[], at(100));
    assert_eq!(life.next(at(100)), Next::Wait(Some(at(700))), "its OLT may not have been read yet");
    life.observe(&[], at(700));
    let Next::Send(end) = life.next(at(700)) else { panic!("it is told") };
    assert_eq!(end.parts[0].step, Step::Resolve);
    assert!(end.parts[0].notice.untraced);
}

#[test]
fn a_message_that_is_gone_is_sent_anew() {
    let mut life = Life::new(&chat());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    sent(&mut life, at(0));
    life.observe(&arcs(&[cleared(&open, at(9))]), at(9));
    let Next::Send(edit) = life.next(at(9)) else { panic!("it is due") };
    assert!(edit.parts[0].handle.is_some());
    life.settle(&edit, &Outcome::HandleGone, at(9));
    let Next::Send(anew) = life.next(at(9)) else { panic!("it is due") };
    assert_eq!((anew.parts[0].step, anew.parts[0].handle.clone()), (Step::Resolve, None));
}

#[test]
fn a_message_that_is_refused_is_not_sent_for_ever() {
    let mut life = Life::new(&hook());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    let Next::Send(delivery) = life.next(at(0)) else { panic!("it is due") };
    life.settle(&delivery, &Outcome::Refused, at(0));
    assert_eq!(life.next(at(1)), Next::Wait(None));
    life.observe(&arcs(&[Notice { severity: AlertSeverity::Critical, ..open }]), at(100));
    assert_eq!(steps(&sent(&mut life, at(100))), [Step::Update]);
}

#[test]
fn filters_and_sizes_let_each_crew_have_its_own() {
    let mut config = hook();
    config.filter.regions = vec![Pattern::new("north*")];
    config.filter.kinds = vec![AlertOn::Cut, AlertOn::OltUnreachable];
    config.min_clients = 10;
    let mut life = Life::new(&config);
    let north = |number, lost| Notice { regions: vec!["north-2".to_owned()], ..cut(number, lost) };
    let all = [
        north(1, 10),
        north(2, 9),
        cut(3, 50),
        Notice { kind: AlertOn::Power, ..north(4, 50) },
        Notice { kind: AlertOn::OltUnreachable, ..north(5, 0) },
        Notice { severity: AlertSeverity::Indeterminate, ..north(6, 50) },
    ];
    life.observe(&arcs(&all), at(0));
    let ids: Vec<String> = sent(&mut life, at(0)).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, ["incident-1", "incident-5"], "an OLT has no size");
    let held: Vec<_> = life.held(at(0)).into_iter().collect();
    assert_eq!(held, [(Held::Filtered, 3), (Held::Small, 1)]);
    // One that grows is told then.
    life.observe(&arcs(&[north(2, 10)]), at(5));
    assert_eq!(sent(&mut life, at(5)).len(), 1);
}

#[test]
fn quiet_hours_hold_all_but_the_worst_until_they_end() {
    // START is 02:31:07 UTC.
    let when = parse_weekly("daily 22:00-03:00", 0).unwrap();
    let mut config = hook();
    config.quiet = Some(QuietHours { when, severity: AlertSeverity::Critical });
    let mut life = Life::new(&config);
    let worst = Notice { severity: AlertSeverity::Critical, ..cut(2, 300) };
    life.observe(&arcs(&[cut(1, 48), worst]), at(0));
    assert_eq!(sent(&mut life, at(0)), [(Step::Open, "incident-2".to_owned())]);
    let Next::Wait(Some(until)) = life.next(at(1)) else { panic!("it waits") };
    assert_eq!(until.to_string(), "2026-11-23T03:00:00Z");
    assert_eq!(sent(&mut life, until), [(Step::Open, "incident-1".to_owned())]);
}

#[test]
fn a_silence_holds_what_is_new_and_not_the_end_of_what_was_told() {
    let mut life = Life::new(&hook());
    let told = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&told)), at(0));
    sent(&mut life, at(0));
    let silence = Some(Silence { shelved: false, reason: "new splitters".to_owned() });
    let new = Notice { silence: silence.clone(), ..cut(2, 48) };
    let worse = Notice { silence: silence.clone(), severity: AlertSeverity::Critical, ..told.clone() };
    life.observe(&arcs(&[worse, new.clone()]), at(100));
    assert_eq!(sent(&mut life, at(100)), []);
    assert_eq!(life.held(at(100)).into_iter().collect::<Vec<_>>(), [(Held::Maintenance, 2)]);
    let over = Notice { silence, ..cleared(&told, at(200)) };
    life.observe(&arcs(&[over, Notice { silence: None, ..new }]), at(200));
    assert_eq!(steps(&sent(&mut life, at(200))), [Step::Open, Step::Resolve], "and what lasts longer than the silence");
}

#[test]
fn what_somebody_sees_to_is_said_once_and_then_only_when_it_gets_worse_or_is_over() {
    let mut life = Life::new(&chat());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    sent(&mut life, at(0));
    let ack = Some(Ack { by: "Ana".to_owned(), at: at(10) });
    let seen = Notice { ack, ..open };
    life.observe(&arcs(std::slice::from_ref(&seen)), at(10));
    assert_eq!(steps(&sent(&mut life, at(10))), [Step::Acknowledge]);
    let fewer = Notice { recovered: 20, ..seen.clone() };
    life.observe(&arcs(std::slice::from_ref(&fewer)), at(200));
    assert_eq!(sent(&mut life, at(200)), []);
    life.observe(&arcs(&[Notice { severity: AlertSeverity::Critical, ..fewer }]), at(300));
    assert_eq!(steps(&sent(&mut life, at(300))), [Step::Update]);
    life.observe(&arcs(&[cleared(&seen, at(400))]), at(400));
    assert_eq!(steps(&sent(&mut life, at(400))), [Step::Resolve]);
}

#[test]
fn the_parts_of_an_incident_wait_for_it() {
    let mut life = Life::new(&hook());
    let parent = cut(1, 48);
    let child = Notice { parent: Some(parent.id.clone()), ..cut(2, 3) };
    life.observe(&arcs(&[parent.clone(), child.clone()]), at(0));
    assert_eq!(sent(&mut life, at(0)), [(Step::Open, "incident-1".to_owned())]);
    life.observe(&arcs(&[cleared(&parent, at(60)), child]), at(60));
    assert_eq!(steps(&sent(&mut life, at(60))), [Step::Open, Step::Resolve], "what is left over is told then");
}

#[test]
fn a_place_that_comes_and_goes_is_told_so_and_then_left_alone_until_it_is_calm() {
    let mut life = Life::new(&hook());
    let mut told = Vec::new();
    for turn in 0..8_u32 {
        let now = at(u64::from(turn) * 120);
        // The same cable, another incident, and not always thought to be the same thing.
        let kind = if turn % 2 == 0 { AlertOn::Cut } else { AlertOn::Undetermined };
        let open = Notice { id: format!("turn-{turn}").into(), kind, ..cut(1, 48) };
        life.observe(&arcs(std::slice::from_ref(&open)), now);
        while let Next::Send(delivery) = life.next(now) {
            told.push((turn, delivery.parts[0].flapping));
            life.settle(&delivery, &Outcome::Taken(None), now);
        }
        life.observe(&arcs(&[cleared(&open, now)]), now + Duration::from_secs(60));
        sent(&mut life, now + Duration::from_secs(60));
    }
    assert_eq!(told, [(0, false), (1, false), (2, true)]);
    // Another place is told, and this one is again when it stays down.
    life.observe(&arcs(&[Notice { id: "last".into(), ..cut(1, 48) }, cut(2, 9)]), at(1000));
    assert_eq!(sent(&mut life, at(1000)), [(Step::Open, "incident-2".to_owned())]);
    let Next::Wait(Some(calm)) = life.next(at(1000)) else { panic!("it waits") };
    assert!(calm > at(1000 + 900) && calm < at(1000 + 4 * 3600), "{calm}");
    assert_eq!(sent(&mut life, calm), [(Step::Open, "last".to_owned())]);
}

#[test]
fn machines_get_what_matters_and_not_every_number() {
    let mut life = Life::new(&hook());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    sent(&mut life, at(0));
    for recovered in 1..40 {
        life.observe(&arcs(&[Notice { recovered, ..open.clone() }]), at(u64::from(recovered) * 100));
        assert_eq!(sent(&mut life, at(u64::from(recovered) * 100)), []);
    }
    life.observe(&arcs(&[Notice { kind: AlertOn::Power, ..open }]), at(5000));
    assert_eq!(steps(&sent(&mut life, at(5000))), [Step::Update]);
}

#[test]
fn what_was_not_told_is_not_kept_and_what_is_being_told_is_kept_before() {
    let mut config = chat();
    config.after = Duration::from_secs(30);
    let mut life = Life::new(&config);
    life.observe(&arcs(&[cut(1, 48)]), at(0));
    assert_eq!(life.next(at(0)), Next::Wait(Some(at(30))));
    assert!(life.unwritten().is_empty(), "a restart would tell it though it may be over");
    let Next::Send(_) = life.next(at(30)) else { panic!("it is due") };
    let kept = life.unwritten();
    let mut next = Life::new(&config);
    next.recall(kept);
    // The process was killed while it was being sent, and it ended meanwhile: perhaps somebody waits for its end.
    next.observe(&[], at(40));
    next.observe(&[], at(40) + Duration::from_secs(600));
    assert_eq!(steps(&sent(&mut next, at(641))), [Step::Resolve]);
}

#[test]
fn the_end_of_what_was_perhaps_told_is_no_repetition_of_its_beginning() {
    let mut life = Life::new(&chat());
    let open = cut(1, 48);
    life.observe(&arcs(std::slice::from_ref(&open)), at(0));
    let Next::Send(first) = life.next(at(0)) else { panic!("it is due") };
    life.settle(&first, &Outcome::Later { after: None }, at(0));
    life.observe(&arcs(&[cleared(&open, at(1))]), at(1));
    let Next::Send(end) = life.next(at(5)) else { panic!("its end is due") };
    assert_ne!(first.id, end.id);
}

#[test]
fn one_that_is_never_taken_does_not_keep_the_others() {
    let mut life = Life::new(&chat());
    let (large, small) = (cut(1, 480), cut(2, 4));
    life.observe(&arcs(&[large.clone(), small.clone()]), at(0));
    let mut now = at(0);
    let mut taken = Vec::new();
    for _ in 0..10 {
        let Next::Send(delivery) = life.next(now) else { break };
        let is_large = delivery.parts.iter().any(|part| part.notice.id == large.id);
        let outcome = if is_large { Outcome::Later { after: None } } else { Outcome::Taken(None) };
        if !is_large {
            taken.push(delivery.parts[0].notice.id.to_string());
        }
        life.settle(&delivery, &outcome, now);
        now = now + Duration::from_secs(130);
    }
    assert_eq!(taken, [small.id.to_string()]);
}
