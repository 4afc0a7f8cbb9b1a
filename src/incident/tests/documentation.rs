//! Faults where the documentation errs or readings are missing, and outages that do not end at a box.

use super::*;

/// All owners but those whom `without` names.
fn owners(without: impl Fn(u32, u32, u32) -> bool) -> impl Iterator<Item = (OnuKey, Owner)> {
    all().filter(move |(pon, branch, port)| !without(*pon, *branch, *port)).map(|(pon, branch, port)| {
        let number = client(pon, branch, port);
        let owner = Owner {
            client: ClientId::from_octets(id(number).octets()),
            code: None,
            place: Some(id(700 + pon * 10 + branch)),
        };
        (key(number), owner)
    })
}

fn groups(tracker: &Tracker) -> Vec<&Incident> {
    tracker.incidents().filter(|one| one.kind != Kind::Drop).collect()
}

#[test]
fn one_documented_on_the_wrong_branch_does_not_split_a_cut() {
    let mut tracker = tracker();
    // (1, 2, 3) and (1, 1, 5) stand in each other's place.
    let swapped = |pon, branch, port| match (pon, branch, port) {
        (1, 2, 3) => None,
        (1, 1, 5) => Some(Cause::Optical),
        other => branch_cut(other.0, other.1, other.2),
    };
    for at in [120, 180, 240] {
        step(&mut tracker, at, swapped);
    }
    let [incident] = tracker.incidents().collect::<Vec<_>>()[..] else { panic!("{:#?}", groups(&tracker)) };
    assert_eq!((incident.kind, incident.lost), (Kind::Cut, 8));
    assert_eq!(incident.place.as_ref().unwrap().element.id, Some(id(522)));
    assert_eq!(tracker.incident_of(&olt(), &key(115)).unwrap().id, incident.id, "the one that is documented elsewhere");
}

#[test]
fn clients_without_a_way_join_a_feeders_cut_by_their_pon_and_time() {
    let mut tracker = tracker();
    tracker.set_owners(&olt(), owners(|pon, branch, port| port == 4 || (pon, branch, port) == (1, 1, 1)));
    for at in [120, 180] {
        step(&mut tracker, at, |_, _, _| Some(Cause::Optical));
    }
    let [incident] = tracker.incidents().collect::<Vec<_>>()[..] else { panic!("{:#?}", groups(&tracker)) };
    assert_eq!((incident.kind, incident.lost, incident.pons.len()), (Kind::Cut, 32, 2));
    assert_eq!(incident.place.as_ref().unwrap().element.id, Some(id(500)));
}

#[test]
fn one_without_a_way_that_lives_is_not_behind_a_dead_branch() {
    let mut tracker = tracker();
    tracker.set_owners(&olt(), owners(|pon, branch, port| (pon, branch, port) == (1, 1, 1)));
    step(&mut tracker, 120, branch_cut);
    let [incident] = tracker.incidents().collect::<Vec<_>>()[..] else { panic!("{:#?}", groups(&tracker)) };
    assert_eq!((incident.kind, incident.lost), (Kind::Cut, 8));
}

#[test]
fn a_loss_at_another_time_is_no_part_of_a_cut() {
    let mut tracker = tracker();
    let lone = |pon, branch, port| ((pon, branch, port) == (1, 1, 5)).then_some(Cause::Optical);
    step(&mut tracker, 120, lone);
    step(&mut tracker, 180, lone);
    step(&mut tracker, 240, lone);
    step(&mut tracker, 300, |pon, branch, port| lone(pon, branch, port).or_else(|| branch_cut(pon, branch, port)));
    let cut = groups(&tracker);
    assert_eq!(cut.iter().map(|one| (one.kind, one.lost)).collect::<Vec<_>>(), [(Kind::Cut, 8)]);
    assert_ne!(tracker.incident_of(&olt(), &key(115)).map(|one| one.id), Some(cut[0].id));
}

#[test]
fn a_home_next_to_an_outage_that_went_dark_with_it_is_in_it() {
    let mut tracker = tracker();
    let gasp = |pon, branch, port| (pon == 1 || (pon, branch, port) == (2, 1, 4)).then_some(Cause::Power);
    step(&mut tracker, 120, gasp);
    let [incident] = tracker.incidents().collect::<Vec<_>>()[..] else { panic!("{:#?}", groups(&tracker)) };
    assert_eq!((incident.kind, incident.lost), (Kind::Power, 17));
}

#[test]
fn neighbours_with_power_speak_against_an_outage() {
    // Nobody knows how these gasp. One branch is dark; boxes some steps along the street are lit.
    let serial = "HWTC7D4630C3".parse().ok();
    let mut tracker = tracker();
    tracker.set_reliability(&olt(), serial.as_ref(), Reliability::default());
    step(&mut tracker, 120, branch_cut);
    step(&mut tracker, 180, branch_cut);
    let [incident] = tracker.incidents().collect::<Vec<_>>()[..] else { panic!("{:#?}", groups(&tracker)) };
    let power: f64 = incident.alternatives.iter().filter(|one| one.kind == Kind::Power).map(|one| one.odds).sum();
    let cut: f64 = incident.alternatives.iter().filter(|one| one.kind == Kind::Cut).map(|one| one.odds).sum();
    let cut = if incident.kind == Kind::Cut { incident.confidence } else { cut };
    assert!(cut > power, "{incident:#?}");
}

#[test]
fn a_few_who_could_not_be_read_do_not_hold_back_what_is_clear() {
    let opened = |unread: u32| {
        let mut tracker = tracker();
        let mut seen = look(120, branch_cut);
        for sighting in seen.onus.iter_mut().filter(|one| (1..=unread).any(|port| one.key == key(client(1, 1, port)))) {
            sighting.seen = Seen::Unsaid;
        }
        tracker.take(&seen);
        let outcome = tracker.advance(second(120));
        (outcome.changes.len(), outcome.wanted.len())
    };
    assert_eq!(opened(2), (1, 0));
    // Of a third of the port nothing is known: that is asked for first.
    assert_eq!(opened(6), (0, 1));
}
