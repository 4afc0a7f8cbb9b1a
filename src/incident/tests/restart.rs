//! Incidents over a restart of their owner.

use super::*;

/// What the next process begins with: what is kept of all incidents, as text, and nothing else.
fn after_restart(tracker: &Tracker, at: u64) -> Tracker {
    let ids: Vec<IncidentId> = tracker.incidents().map(|incident| incident.id).collect();
    let texts: Vec<String> = ids.into_iter().map(|id| tracker.memory(id).unwrap().to_text().unwrap()).collect();
    let kept: Vec<Kept> = texts.iter().map(|text| Kept::from_text(text).unwrap()).collect();
    let mut next = Tracker::new(Settings::default());
    next.recall(kept, second(at));
    next
}

/// The same, with the chances of alternatives as everybody sees them.
fn as_kept(incident: &Incident) -> Incident {
    let mut incident = incident.clone();
    for other in &mut incident.alternatives {
        other.odds = (other.odds * 1000.0).round() / 1000.0;
    }
    incident
}

fn context(tracker: &mut Tracker) {
    tracker.set_plant(town());
    tracker.set_owners(&olt(), owners());
    tracker.set_reliability(&olt(), "HWTC7D4630C3".parse().ok().as_ref(), Reliability::known(0.85, 60.0));
}

/// Who was up in the last look before.
fn before(at: u64, down: impl Fn(u32, u32, u32) -> Option<Cause>) -> Look {
    let mut look = look(at, down);
    look.onus.retain(|sighting| sighting.seen == Seen::Up);
    look
}

#[test]
fn a_cut_goes_on_as_it_was_and_nothing_is_told_until_something_changes() {
    let mut tracker = tracker();
    let cut = step(&mut tracker, 120, branch_cut)[0].1.clone();
    let mut next = after_restart(&tracker, 125);
    assert_eq!(next.incidents().collect::<Vec<_>>(), [&as_kept(&cut)]);
    assert_eq!(next.incident_of(&olt(), &key(121)).unwrap().id, cut.id);
    assert_eq!(next.advance(second(125)), Outcome::default());
    // Looks before owners and plant are there decide nothing otherwise.
    assert_eq!(step(&mut next, 130, branch_cut), []);
    assert_eq!(step(&mut next, 140, branch_cut), []);
    context(&mut next);
    let told = step(&mut next, 150, branch_cut);
    assert!(told.iter().all(|(step, one)| *step == Step::Changed && one.id == cut.id), "{told:#?}");
    let now = next.incidents().next().unwrap();
    assert_eq!((now.kind, &now.place, now.lost, &now.onus), (cut.kind, &cut.place, 8, &cut.onus));
    let told = step(&mut next, 200, |_, _, _| None);
    assert!(matches!(told.as_slice(), [(Step::Changed, one)] if one.state == State::Recovering), "{told:#?}");
    let told = step(&mut next, 260, |_, _, _| None);
    assert!(matches!(told.as_slice(), [(Step::Cleared, one)] if one.id == cut.id && one.lost == 8), "{told:#?}");
    // The next one has another name.
    let again = step(&mut next, 900, branch_cut);
    assert!(matches!(again.as_slice(), [(Step::Opened, one)] if one.id != cut.id), "{again:#?}");
}

#[test]
fn what_is_read_before_owners_and_plant_are_there_counts() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, branch_cut)[0].1.id;
    let mut next = after_restart(&tracker, 130);
    let told = step(&mut next, 140, |_, _, _| None);
    let [(Step::Changed, one)] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((one.state, one.recovered), (State::Recovering, 8));
    assert!(one.onus.iter().all(|onu| onu.client_id.is_some() && onu.place.is_some()), "{one:#?}");
    let told = step(&mut next, 200, |_, _, _| None);
    assert!(matches!(told.as_slice(), [(Step::Cleared, one)] if one.id == id), "{told:#?}");
}

#[test]
fn one_that_recovers_goes_on_from_where_it_was() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, branch_cut)[0].1.id;
    step(&mut tracker, 180, |pon, branch, port| branch_cut(pon, branch, port).filter(|_| port == 1));
    let mut next = after_restart(&tracker, 190);
    let now = next.incidents().next().unwrap();
    assert_eq!((now.id, now.state, now.recovered), (id, State::Recovering, 7));
    assert_eq!(next.advance(second(190)), Outcome::default());
    let told = step(&mut next, 240, |_, _, _| None);
    assert!(told.iter().all(|(step, _)| *step == Step::Changed), "one was read as up only once: {told:#?}");
    assert!(matches!(step(&mut next, 300, |_, _, _| None).as_slice(), [(Step::Cleared, one)] if one.id == id));
}

#[test]
fn a_cut_that_was_seen_in_part_before_the_restart_is_one_incident_when_all_is_seen() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, branch_cut)[0].1.id;
    let mut next = after_restart(&tracker, 130);
    next.recall_look(&before(120, branch_cut), second(130));
    context(&mut next);
    let told = step(&mut next, 140, |_, _, _| Some(Cause::Optical));
    let grown = told.last().unwrap();
    assert_eq!((told.len(), grown.0, grown.1.id, grown.1.lost), (1, Step::Changed, id, 32), "{told:#?}");
    assert_eq!(grown.1.place.as_ref().unwrap().element.id, Some(super::id(500)));
}

#[test]
fn a_cut_while_nobody_looked_is_one_unless_that_was_long() {
    for (at, expected) in [(300, 1), (3_000, 0)] {
        let mut next = Tracker::new(Settings::default());
        context(&mut next);
        next.recall_look(&before(120, |_, _, _| None), second(at));
        let told = step(&mut next, at + 10, branch_cut);
        assert_eq!(told.len(), expected, "{told:#?}");
    }
}

#[test]
fn an_olt_that_does_not_answer_is_the_same_incident_until_it_answers() {
    let mut tracker = tracker();
    tracker.tell(&olt(), &News::Unreachable, second(120));
    let id = tracker.advance(second(120)).changes[0].incident.id;
    let mut next = after_restart(&tracker, 200);
    assert_eq!(next.advance(second(200)), Outcome::default());
    next.tell(&olt(), &News::Unreachable, second(260));
    assert_eq!(next.advance(second(260)), Outcome::default());
    next.tell(&olt(), &News::Answering, second(320));
    let told = next.advance(second(320)).changes;
    assert_eq!((told.len(), told[0].step, told[0].incident.id), (1, Step::Cleared, id));
}

#[test]
fn levels_that_fell_stay_fallen_until_they_are_back() {
    let mut tracker = tracker();
    let mut optics = look(120, |_, _, _| None);
    optics.onus.iter_mut().for_each(|sighting| sighting.rx = Dbm::new(-20.0).ok());
    tracker.take(&optics);
    let fell = |tracker: &mut Tracker, by, at| {
        for port in 1..=8 {
            tracker.tell(&olt(), &News::Fell(key(client(2, 1, port)), by), second(at));
        }
    };
    fell(&mut tracker, Some(2500), 130);
    let id = tracker.advance(second(130)).changes[0].incident.id;
    let mut next = after_restart(&tracker, 140);
    // Somebody else's level moves before anything is known again.
    next.tell(&olt(), &News::Fell(key(client(1, 1, 1)), Some(1600)), second(150));
    assert_eq!(next.advance(second(150)), Outcome::default());
    context(&mut next);
    (optics.started, optics.elapsed) = (second(160), Duration::from_secs(1));
    next.take(&optics);
    let told = next.advance(second(160)).changes;
    assert!(told.iter().all(|change| change.step == Step::Changed && change.incident.id == id), "{told:#?}");
    fell(&mut next, None, 500);
    let told = next.advance(second(500)).changes;
    assert!(matches!(told.as_slice(), [one] if one.step == Step::Cleared && one.incident.id == id), "{told:#?}");
}

#[test]
fn what_is_kept_and_does_not_fit_together_is_refused() {
    let mut tracker = tracker();
    let cut = step(&mut tracker, 120, branch_cut)[0].1.clone();
    let kept = tracker.memory(cut.id).unwrap();
    let text = kept.to_text().unwrap();
    let back = Kept::from_text(&text).unwrap();
    assert_eq!((back.to_text().unwrap(), back.incident()), (text.clone(), &as_kept(&cut)));
    assert_eq!(Kept::over(&cut).into_incident(), *cut);
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    let with = |pointer: &str, value: serde_json::Value| {
        let mut other = whole.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        Kept::from_text(&other.to_string()).unwrap_err().to_string()
    };
    assert!(with("/form", 2.into()).contains("form 2"));
    assert!(with("/members", serde_json::json!([])).contains("not as much is held of members"));
    assert!(with("/incident/state", "cleared".into()).contains("it is over"));
    assert!(with("/incident/kind", "mystery".into()).contains("no incident as it is kept"));
    assert!(with("/incident/place/element/kind", "moon".into()).contains("a kind of element"));
    assert!(with("/confidence", 7.into()).contains("no chance"));
    for text in ["", "{}", "[]", "null", "{\"form\":1}"] {
        assert!(Kept::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn a_persons_word_ends_an_incident_and_its_losses_open_no_other() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, branch_cut)[0].1.id;
    let closing = Closing {
        cause: RealCause::Kind(Kind::Cut),
        at: Some("CABO 02".to_owned()),
        note: None,
        given_at: second(125),
    };
    assert!(tracker.close(id, closing.clone(), second(125)));
    let told = tracker.advance(second(125)).changes;
    let [Change { step: Step::Cleared, incident }] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((incident.id, incident.closing.as_deref()), (id, Some(&closing)));
    assert_eq!((closing.is_right_kind(incident), closing.is_right_element(incident)), (true, Some(true)));
    assert!(!tracker.close(id, closing.clone(), second(126)), "it is over");
    for at in [130, 140, 150] {
        assert_eq!(step(&mut tracker, at, branch_cut), []);
    }
    step(&mut tracker, 160, |_, _, _| None);
    let again = step(&mut tracker, 220, branch_cut);
    assert!(matches!(again.as_slice(), [(Step::Opened, one)] if one.id != id), "{again:#?}");
    // An OLT answers or does not, whatever is said of it.
    tracker.tell(&olt(), &News::Unreachable, second(300));
    let id = tracker.advance(second(300)).changes.last().unwrap().incident.id;
    assert!(tracker.close(id, closing, second(310)));
    let told = tracker.advance(second(310)).changes;
    assert!(matches!(told.as_slice(), [one] if one.step == Step::Changed && one.incident.closing.is_some()));
}

#[test]
fn what_was_open_of_an_olt_that_nobody_polls_any_more_is_over() {
    let mut tracker = tracker();
    step(&mut tracker, 120, branch_cut);
    tracker.tell(&OltId::new("olt-gone"), &News::Unreachable, second(130));
    tracker.advance(second(130));
    assert_eq!(tracker.incidents().count(), 2);
    let mut next = after_restart(&tracker, 200);
    next.keep_only(|polled| *polled == olt());
    let told = next.advance(second(200)).changes;
    assert!(matches!(told.as_slice(), [one] if one.step == Step::Cleared && one.incident.kind == Kind::OltUnreachable));
    let mut next = after_restart(&tracker, 200);
    next.keep_only(|_| false);
    let told = next.advance(second(200)).changes;
    assert_eq!(told.iter().filter(|change| change.step == Step::Cleared).count(), 2, "{told:#?}");
    assert_eq!(told.len(), 2, "and nothing is left of them: {told:#?}");
}

#[test]
fn a_cut_keeps_those_whose_levels_had_fallen_before() {
    let mut tracker = tracker();
    let mut optics = look(110, |_, _, _| None);
    optics.onus.iter_mut().for_each(|sighting| sighting.rx = Dbm::new(-20.0).ok());
    tracker.take(&optics);
    for port in 1..=8 {
        tracker.tell(&olt(), &News::Fell(key(client(1, 2, port)), Some(2500)), second(115));
    }
    tracker.advance(second(115));
    step(&mut tracker, 120, branch_cut);
    let lost = |tracker: &Tracker| {
        tracker
            .incidents()
            .find(|one| one.kind == Kind::Cut)
            .map(|one| (one.id, one.onus.len()))
            .expect("the cut is open")
    };
    let before = lost(&tracker);
    assert_eq!((before.1, tracker.incidents().count()), (8, 2));
    let mut next = after_restart(&tracker, 140);
    assert_eq!(lost(&next), before);
    context(&mut next);
    step(&mut next, 180, branch_cut);
    assert_eq!(lost(&next), before, "and after all is known again");
}
