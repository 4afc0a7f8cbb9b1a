//! Lives of incidents in a small town: one feeder with two PONs, each with two boxes of eight clients.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Cause, ClientId, Dbm, Decibels, ElementId, Metres, OltId, OnuKey, PonId, Timestamp};
use crate::plant::{Coords, HeadEnd, Hop, HopKind, Named, Parent, ParentKind, PlantBuilder, Route};

mod documentation;

fn id(number: u32) -> ElementId {
    let mut octets = [0; 12];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    ElementId::from_octets(octets)
}

fn named(number: u32, name: &str) -> Named {
    Named::new(id(number), name)
}

fn hop(kind: HopKind, number: u32, port: Option<u16>, parent: (ParentKind, u32, &str), metres: f64) -> Hop {
    let (parent, holder, name) = parent;
    Hop {
        kind,
        element: named(number, ""),
        port,
        parent: Some(Parent { kind: parent, named: named(holder, name), length: None }),
        loss: Some(Decibels::new(1.0).unwrap()),
        distance: Metres::new(metres).unwrap(),
    }
}

fn client(pon: u32, branch: u32, port: u32) -> u32 {
    pon * 100 + branch * 10 + port
}

pub(super) fn town() -> Arc<crate::plant::Plant> {
    let mut builder = PlantBuilder::new();
    for (pon, branch, port) in all() {
        let (output, drop) = (u16::try_from(branch).unwrap(), u16::try_from(port).unwrap());
        let cto = 700 + pon * 10 + branch;
        let number = client(pon, branch, port);
        let route = Route {
            head_end: Some(HeadEnd {
                olt: named(1, "OLT"),
                slot: named(2, "1"),
                pon: named(20 + pon, &format!("PON {pon}")),
            }),
            pon_reached: true,
            launch: Some(Dbm::new(4.0).unwrap()),
            loss: Some(Decibels::new(24.0).unwrap()),
            hops: vec![
                hop(HopKind::Fiber, 100 + pon, None, (ParentKind::Cable, 500, "CABO 01"), 1000.0),
                hop(HopKind::Splitter, 200 + pon, Some(output), (ParentKind::Place, 600, "CEO 07"), 1000.0),
                hop(HopKind::Fiber, 300 + cto, None, (ParentKind::Cable, 510 + pon * 10 + branch, "CABO 02"), 1600.0),
                hop(HopKind::Splitter, 1400 + cto, Some(drop), (ParentKind::Place, cto, "CTO 12"), 1600.0),
                hop(HopKind::Fiber, 50_000 + number, None, (ParentKind::Drop, 60_000 + number, ""), 1640.0),
            ],
        };
        builder.client(ClientId::from_octets(id(number).octets()), Some(id(cto)));
        builder.route(ClientId::from_octets(id(number).octets()), &route);
        let lng = -48.5 + f64::from(pon * 10 + branch) / 5000.0;
        let place =
            crate::plant::Place { id: id(cto), name: Some(Arc::from("CTO 12")), coords: Coords::new(lng, -27.5).ok() };
        builder.place(&place);
    }
    Arc::new(builder.build())
}

/// PON, branch and port of every client.
fn all() -> impl Iterator<Item = (u32, u32, u32)> {
    [1, 2]
        .into_iter()
        .flat_map(|pon| [1, 2].into_iter().flat_map(move |branch| (1..=8).map(move |port| (pon, branch, port))))
}

fn key(number: u32) -> OnuKey {
    OnuKey::new(&[number])
}

fn olt() -> OltId {
    OltId::new("olt-centro")
}

fn second(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1000)
}

/// A look in which those are down whom `down` names.
fn look(at: u64, down: impl Fn(u32, u32, u32) -> Option<Cause>) -> Look {
    let onus = all().map(|(pon, branch, port)| Sighting {
        key: key(client(pon, branch, port)),
        pon: PonId::new(&[0, 1, pon]).ok(),
        onu: Some(branch * 10 + port),
        serial: "HWTC7D4630C3".parse().ok(),
        seen: down(pon, branch, port).map_or(Seen::Up, Seen::Down),
        rx: None,
        distance: Metres::new(f64::from(1000 + branch * 500 + port * 10)).ok(),
    });
    let pon =
        |pon: u32| PonSighting { pon: PonId::new(&[0, 1, pon]).unwrap(), is_up: Some(true), tx: Dbm::new(4.0).ok() };
    let pons = vec![pon(1), pon(2)];
    Look { olt: olt(), started: second(at), elapsed: Duration::from_millis(500), onus: onus.collect(), pons }
}

fn owners() -> impl Iterator<Item = (OnuKey, Owner)> {
    all().map(|(pon, branch, port)| {
        let number = client(pon, branch, port);
        let owner = Owner {
            client: ClientId::from_octets(id(number).octets()),
            code: Some(Arc::from(number.to_string())),
            place: Some(id(700 + pon * 10 + branch)),
        };
        (key(number), owner)
    })
}

fn tracker() -> Tracker {
    let mut tracker = Tracker::new(Settings::default());
    tracker.set_plant(town());
    tracker.set_owners(&olt(), owners());
    tracker.set_reliability(&olt(), "HWTC7D4630C3".parse().ok().as_ref(), Reliability::known(0.85, 60.0));
    step(&mut tracker, 0, |_, _, _| None);
    step(&mut tracker, 60, |_, _, _| None);
    tracker
}

fn step(tracker: &mut Tracker, at: u64, down: impl Fn(u32, u32, u32) -> Option<Cause>) -> Vec<(Step, Arc<Incident>)> {
    tracker.take(&look(at, down));
    tracker.advance(second(at)).changes.into_iter().map(|change| (change.step, change.incident)).collect()
}

fn branch_cut(pon: u32, branch: u32, _: u32) -> Option<Cause> {
    (pon == 1 && branch == 2).then_some(Cause::Optical)
}

#[test]
fn a_cut_branch_is_one_incident_at_its_cable_and_speaks_at_once() {
    let mut tracker = tracker();
    let told = step(&mut tracker, 120, branch_cut);
    let [(Step::Opened, incident)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (incident.kind, incident.severity, incident.lost, incident.monitored),
        (Kind::Cut, Severity::Major, 8, 8)
    );
    let json = serde_json::to_value(&**incident).unwrap();
    assert_eq!(json["place"]["element"]["kind"], "cable");
    assert_eq!(json["place"]["element"]["id"], id(522).to_string());
    assert_eq!(json["place"]["from"]["name"], "CEO 07");
    assert_eq!(json["place"]["to"]["name"], "CTO 12");
    assert_eq!(json["place"]["metres_from_olt"], serde_json::json!([1000, 1600]));
    assert_eq!(json["pons"], serde_json::json!([{"olt": "olt-centro", "pon": "0/1/1"}]));
    assert_eq!(json["onus"][0]["client_id"], id(121).to_string(), "sorted by number");
    assert_eq!(json["state"], "open");
    assert_eq!(
        json["evidence"],
        "8 of 8 clients behind CTO 12 lost light in one look, none gasped; 8 clients elsewhere on the same PONs are up"
    );
    let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    for field in [
        "id",
        "kind",
        "state",
        "opened_at",
        "cleared_at",
        "severity",
        "olts",
        "pons",
        "place",
        "confidence",
        "alternatives",
        "monitored",
        "lost",
        "recovered",
        "parent",
        "evidence",
        "onus",
    ] {
        assert!(fields.contains(&field), "{field}");
    }
}

#[test]
fn a_feeder_with_two_pons_is_one_cut() {
    let mut tracker = tracker();
    let told = step(&mut tracker, 120, |_, _, _| Some(Cause::Optical));
    let [(Step::Opened, incident)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((incident.kind, incident.lost, incident.pons.len()), (Kind::Cut, 32, 2));
    assert_eq!(incident.place.as_ref().unwrap().element.id, Some(id(500)));
    assert_eq!(incident.severity, Severity::Critical);
}

#[test]
fn homes_that_gasp_are_an_outage_across_pons_and_no_cut() {
    let mut tracker = tracker();
    // Boxes of both PONs; one home in each has a battery, one gasp was lost.
    let told = step(&mut tracker, 120, |pon, branch, port| {
        let cause = if port == 2 && pon == 1 { Cause::Optical } else { Cause::Power };
        (branch == 1 && port != 1).then_some(cause)
    });
    let [(Step::Opened, incident)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((incident.kind, incident.lost, incident.severity), (Kind::Power, 14, Severity::Warning));
}

fn lone(pon: u32, branch: u32, port: u32) -> Option<Cause> {
    ((pon, branch, port) == (2, 1, 3)).then_some(Cause::Optical)
}

const DAY: u64 = 86_400;

#[test]
fn a_lone_loss_of_one_that_is_never_away_is_a_drop_fault_when_it_was_read_twice_and_never_a_group() {
    let mut tracker = tracker();
    for day in 1..=40 {
        step(&mut tracker, day * DAY, |_, _, _| None);
    }
    let at = 40 * DAY;
    assert_eq!(step(&mut tracker, at + 60, lone), []);
    let told = step(&mut tracker, at + 120, lone);
    let [(Step::Opened, incident)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((incident.kind, incident.lost, incident.severity), (Kind::Drop, 1, Severity::Warning));
    assert!(
        incident.evidence.ends_with("7 of the same box are up; it never went down alone in 40 days"),
        "{}",
        incident.evidence
    );
    assert_eq!(step(&mut tracker, at + 180, lone), [], "nothing new is known");
    // Hardly any plug is pulled for so long.
    let told = step(&mut tracker, at + 20 * 3600, lone);
    let [(Step::Changed, surer)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((surer.id, surer.severity), (incident.id, Severity::Minor));
    assert_eq!(step(&mut tracker, at + 21 * 3600, |_, _, _| None)[0].0, Step::Changed);
    assert_eq!(step(&mut tracker, at + 21 * 3600 + 60, |_, _, _| None)[0].0, Step::Cleared);
}

#[test]
fn a_plug_that_is_pulled_every_day_is_no_drop_fault_until_it_is_out_for_unusually_long() {
    let mut tracker = tracker();
    for day in 1..=40 {
        step(&mut tracker, day * DAY, lone);
        assert_eq!(step(&mut tracker, day * DAY + 60, lone), [], "day {day}");
        assert_eq!(step(&mut tracker, day * DAY + 3600, lone), [], "day {day}");
        step(&mut tracker, day * DAY + 7200, |_, _, _| None);
    }
    let at = 41 * DAY;
    for hour in 0..3 {
        assert_eq!(step(&mut tracker, at + hour * 3600, lone), [], "hour {hour}");
    }
    let told = (3..300).find_map(|hour| step(&mut tracker, at + hour * 3600, lone).pop());
    let (_, incident) = told.expect("nobody is away for eleven days");
    assert_eq!(incident.kind, Kind::Drop);
    assert!(incident.evidence.contains("it went down alone 40 times in 43 days"), "{}", incident.evidence);
}

#[test]
fn a_loss_without_a_cause_or_for_want_of_power_is_no_drop_fault_after_two_looks() {
    let mut tracker = tracker();
    for day in 1..=40 {
        step(&mut tracker, day * DAY, |_, _, _| None);
    }
    let at = 40 * DAY;
    let because = |cause: Cause| move |pon: u32, branch: u32, port: u32| lone(pon, branch, port).map(|_| cause);
    for minute in 1..10 {
        assert_eq!(step(&mut tracker, at + minute * 60, because(Cause::Unknown)), [], "minute {minute}");
    }
    step(&mut tracker, at + 3600, |_, _, _| None);
    for hour in 2..200 {
        assert_eq!(step(&mut tracker, at + hour * 3600, because(Cause::Power)), [], "hour {hour}");
    }
}

#[test]
fn losses_of_a_group_that_is_still_thought_over_are_no_lone_ones() {
    let mut tracker = tracker();
    let serial = "HWTC7D4630C3".parse().ok();
    tracker.set_reliability(&olt(), serial.as_ref(), Reliability::known(0.02, 500.0));
    // These ONUs hardly ever gasp: a branch without light may be one without power.
    let mut told = Vec::new();
    for at in [120, 123, 126, 129, 132] {
        told.extend(step(&mut tracker, at, branch_cut));
    }
    assert!(told.iter().all(|(_, incident)| incident.kind != Kind::Drop), "{told:#?}");
    assert_eq!(told.iter().filter(|(step, _)| *step == Step::Opened).count(), 1, "{told:#?}");
    assert_eq!(told[0].1.lost, 8);
}

#[test]
fn silence_and_reboots_are_no_fault_of_the_plant() {
    let mut tracker = tracker();
    tracker.tell(&olt(), &News::Unreachable, second(120));
    let told = tracker.advance(second(120)).changes;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].step, told[0].incident.kind), (Step::Opened, Kind::OltUnreachable));
    tracker.tell(&olt(), &News::Rebooted, second(300));
    tracker.tell(&olt(), &News::Answering, second(300));
    let told = step(&mut tracker, 300, |_, _, _| Some(Cause::Optical));
    assert_eq!(
        told.iter().map(|(step, one)| (*step, one.kind)).collect::<Vec<_>>(),
        [(Step::Cleared, Kind::OltUnreachable)]
    );
    tracker.tell(&olt(), &News::Settled, second(900));
    assert_eq!(step(&mut tracker, 900, |pon, _, _| (pon == 1).then_some(Cause::Optical)), []);
}

#[test]
fn an_incident_recovers_is_cleared_after_two_proofs_and_leaves_a_child() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, |_, _, _| Some(Cause::Optical))[0].1.id;
    let rest = |pon, branch, port| ((pon, branch, port) == (1, 2, 8)).then_some(Cause::Optical);
    let told = step(&mut tracker, 1000, rest);
    let changed = told.iter().find(|(_, one)| one.id == id).unwrap();
    assert_eq!((changed.0, changed.1.state, changed.1.recovered), (Step::Changed, State::Recovering, 31));
    let told = step(&mut tracker, 1060, rest);
    let cleared = told.iter().find(|(_, one)| one.id == id).unwrap();
    assert_eq!((cleared.0, cleared.1.state, cleared.1.lost), (Step::Cleared, State::Cleared, 32));
    let child = told.iter().find(|(step, _)| *step == Step::Opened).unwrap();
    assert_eq!((child.1.kind, child.1.parent, child.1.lost), (Kind::Drop, Some(id), 1));
    assert!(child.1.evidence.starts_with("1 of 32 clients is still dark"), "{}", child.1.evidence);
}

#[test]
fn a_repair_within_the_window_clears_once_and_what_was_explained_is_not_explained_again() {
    let mut tracker = tracker();
    let id = step(&mut tracker, 120, branch_cut)[0].1.id;
    let mut cleared = Vec::new();
    for at in [140, 160, 180, 200, 220, 260, 300, 350] {
        cleared.extend(step(&mut tracker, at, |_, _, _| None));
        for later in 1..10 {
            let told = tracker.advance(second(at + later)).changes;
            cleared.extend(told.into_iter().map(|change| (change.step, change.incident)));
        }
    }
    let over: Vec<_> = cleared.iter().filter(|(step, _)| *step == Step::Cleared).map(|(_, one)| one.id).collect();
    assert_eq!(over, [id], "{cleared:#?}");
    assert!(cleared.iter().all(|(step, _)| *step != Step::Opened), "{cleared:#?}");
    // A loss of the same ones later is a new fault.
    let again = step(&mut tracker, 380, branch_cut);
    assert!(matches!(again.as_slice(), [(Step::Opened, one)] if one.id != id && one.lost == 8), "{again:#?}");
}

#[test]
fn an_incident_keeps_its_id_while_it_grows_and_moves() {
    let mut tracker = tracker();
    let first = step(&mut tracker, 120, branch_cut)[0].1.clone();
    let told = step(&mut tracker, 180, |_, _, _| Some(Cause::Optical));
    let grown = told.iter().find(|(_, one)| one.id == first.id).unwrap();
    assert_eq!((grown.0, grown.1.lost), (Step::Changed, 32));
    assert_eq!(grown.1.place.as_ref().unwrap().element.id, Some(id(500)));
    assert_eq!(tracker.incidents().count(), 1);
    assert_eq!(tracker.incident_of(&olt(), &key(221)).unwrap().id, first.id);
}

#[test]
fn without_a_plant_ranging_says_how_far_the_break_is() {
    let mut tracker = Tracker::new(Settings::default());
    step(&mut tracker, 0, |_, _, _| None);
    step(&mut tracker, 60, |_, _, _| None);
    let mut told = step(&mut tracker, 120, branch_cut);
    told.extend(step(&mut tracker, 180, branch_cut));
    let (_, incident) = told.last().unwrap();
    let places = incident.place.iter().chain(incident.alternatives.iter().filter_map(|one| one.place.as_ref()));
    let metres: Vec<_> = places.filter_map(|place| place.metres_from_olt).collect();
    assert!(metres.contains(&[1580, 2010]), "{incident:?}");
}

#[test]
fn work_under_way_makes_no_incident() {
    let mut tracker = tracker();
    let under_way =
        crate::config::maintenance::UnderWay { pon: None, until: second(9000), reason: "splicing".to_owned() };
    tracker.tell(&olt(), &News::Maintenance(vec![under_way]), second(100));
    assert_eq!(step(&mut tracker, 120, |_, _, _| Some(Cause::Optical)), []);
    tracker.tell(&olt(), &News::Maintenance(Vec::new()), second(200));
    assert_eq!(step(&mut tracker, 220, |_, _, _| Some(Cause::Optical)), [], "what was not up since has lost nothing");
}

#[test]
fn gasps_are_learned_from_lone_losses_that_end_soon() {
    let mut tracker = tracker();
    let serial = "HWTC7D4630C3".parse().ok();
    let before = tracker.gasps().of(&olt(), serial.as_ref()).mean();
    for round in 0..200_u64 {
        let at = 1000 + round * 1200;
        step(&mut tracker, at, |pon, branch, port| ((pon, branch, port) == (1, 1, 1)).then_some(Cause::Optical));
        step(&mut tracker, at + 600, |_, _, _| None);
    }
    let after = tracker.gasps().of(&olt(), serial.as_ref()).mean();
    assert!(before > 0.8 && after < 0.3, "{before} {after}");
}

#[test]
fn levels_that_fell_together_are_a_degradation() {
    let mut tracker = tracker();
    let mut optics = look(120, |_, _, _| None);
    for sighting in &mut optics.onus {
        sighting.rx = Dbm::new(-20.0).ok();
    }
    tracker.take(&optics);
    for port in 1..=8 {
        tracker.tell(&olt(), &News::Fell(key(client(2, 1, port)), Some(2500)), second(130));
    }
    let told = tracker.advance(second(130)).changes;
    assert_eq!((told.len(), told[0].incident.kind, told[0].incident.lost), (1, Kind::Degradation, 8));
    for port in 1..=8 {
        tracker.tell(&olt(), &News::Fell(key(client(2, 1, port)), None), second(500));
    }
    assert_eq!(tracker.advance(second(500)).changes[0].step, Step::Cleared);
}

#[test]
fn who_is_left_of_an_outage_is_still_without_power_and_two_left_of_a_cut_are_two_drops() {
    for (cause, kind) in [(Cause::Power, Kind::Power), (Cause::Optical, Kind::Drop)] {
        let mut tracker = tracker();
        let id = step(&mut tracker, 120, |_, _, _| Some(cause))[0].1.id;
        let rest = |pon: u32, branch: u32, port: u32| ((pon, branch) == (1, 2) && port > 6).then_some(cause);
        step(&mut tracker, 1000, rest);
        let told = step(&mut tracker, 1060, rest);
        let left: Vec<_> = told.iter().filter(|(step, one)| *step == Step::Opened && one.parent == Some(id)).collect();
        let members: u32 = left.iter().map(|(_, one)| one.lost).sum();
        assert!(left.iter().all(|(_, one)| one.kind == kind), "{left:#?}");
        assert_eq!((left.len(), members), (if kind == Kind::Drop { 2 } else { 1 }, 2), "{left:#?}");
    }
}

#[test]
fn a_degradation_that_grows_takes_the_smaller_ones_in() {
    let mut tracker = tracker();
    let mut optics = look(120, |_, _, _| None);
    for sighting in &mut optics.onus {
        sighting.rx = Dbm::new(-20.0).ok();
    }
    tracker.take(&optics);
    let mut told = Vec::new();
    for (at, branch) in [(130, 1), (190, 2)] {
        for (pon, port) in [1, 2].into_iter().flat_map(|pon| (1..=8).map(move |port| (pon, port))) {
            tracker.tell(&olt(), &News::Fell(key(client(pon, branch, port)), Some(4000)), second(at));
        }
        told.push(tracker.advance(second(at)).changes);
    }
    assert_eq!(told[0].len(), 2, "a branch of each port: {told:#?}");
    let open: Vec<_> = tracker.incidents().collect();
    assert_eq!((open.len(), open[0].kind, open[0].lost), (1, Kind::Degradation, 32), "{told:#?}");
    assert_eq!(open[0].place.as_ref().unwrap().element.id, Some(id(500)));
    let cleared: Vec<_> = told[1].iter().filter(|change| change.step == Step::Cleared).collect();
    assert_eq!(cleared.iter().map(|change| change.incident.parent).collect::<Vec<_>>(), [Some(open[0].id)]);
}

#[test]
fn onus_that_an_errant_one_drowns_are_equipment_and_no_cut() {
    let mut tracker = tracker();
    // In every box of the port some, in no order; the OLT then silences the one that did it.
    let drowned = |pon: u32, branch: u32, port: u32| {
        let is_hit = pon == 1 && (port * 5 + branch * 3) % 8 < 5 && port != 4;
        is_hit.then_some(Cause::Optical).or(((pon, branch, port) == (1, 1, 4)).then_some(Cause::Rogue))
    };
    let mut told = Vec::new();
    for at in [120, 125, 132] {
        told.extend(step(&mut tracker, at, drowned));
    }
    let (_, incident) = told.first().unwrap();
    assert_eq!((incident.kind, told.iter().filter(|(step, _)| *step == Step::Opened).count()), (Kind::Equipment, 1));
    assert_eq!(incident.place.as_ref().unwrap().element.kind, "pon");
    assert!(incident.evidence.ends_with("as when an ONU sends out of turn"), "{}", incident.evidence);
}

#[test]
fn losses_belong_together_over_two_looks_of_the_olt_that_is_read_least_often() {
    for (every, gathers) in [(60, false), (400, true)] {
        let mut tracker = tracker();
        tracker.tell(&olt(), &News::ReadEvery(Duration::from_secs(every)), second(100));
        step(&mut tracker, 120, |pon, branch, port| ((pon, branch, port) == (1, 2, 1)).then_some(Cause::Optical));
        tracker.advance(second(700));
        assert_eq!(tracker.is_gathering(), gathers, "read every {every} s");
    }
}

#[test]
fn who_was_deleted_while_a_cut_lasted_is_no_second_fault() {
    let mut tracker = tracker();
    step(&mut tracker, 120, branch_cut);
    tracker.tell(&olt(), &News::Gone(key(client(1, 2, 3))), second(150));
    let mut told = Vec::new();
    for at in [200, 260, 320] {
        let mut back = look(at, |_, _, _| None);
        back.onus.retain(|sighting| sighting.key != key(client(1, 2, 3)));
        tracker.take(&back);
        told.extend(tracker.advance(second(at)).changes);
    }
    assert_eq!(told.last().map(|change| change.step), Some(Step::Cleared));
    assert!(told.iter().all(|change| change.step != Step::Opened), "{told:#?}");
}

#[test]
fn a_degradation_that_a_person_closed_stays_closed_until_its_levels_were_back() {
    let mut tracker = tracker();
    let mut optics = look(110, |_, _, _| None);
    optics.onus.iter_mut().for_each(|sighting| sighting.rx = Dbm::new(-20.0).ok());
    tracker.take(&optics);
    let fell = |tracker: &mut Tracker, by: Option<i32>, at: u64| {
        for port in 1..=8 {
            tracker.tell(&olt(), &News::Fell(key(client(1, 2, port)), by), second(at));
        }
        tracker.advance(second(at)).changes
    };
    let id = fell(&mut tracker, Some(2500), 115)[0].incident.id;
    let closing = Closing { cause: RealCause::Kind(Kind::Degradation), at: None, note: None, given_at: second(120) };
    assert!(tracker.close(id, closing, second(120)));
    tracker.advance(second(120));
    assert_eq!(fell(&mut tracker, Some(2600), 200), []);
    assert_eq!(fell(&mut tracker, None, 300), []);
    assert_eq!(fell(&mut tracker, Some(2500), 400)[0].step, Step::Opened);
}

mod restart;
