use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Cause, Dbm, OnuState, PonState, Reading, SweepKind, Timestamp, Unread};
use crate::sim::plant::{CableKind, ClientIx, Index, OltIx, Plant, PlantOptions, PonIx, SlotIx};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn ground(clients: usize) -> Arc<Ground> {
    let options = PlantOptions { pons_per_olt: 8, pons_per_slot: 4, ..PlantOptions::new(clients, 11) };
    Arc::new(Ground::new(Plant::generate(&options).unwrap()))
}

fn draw(ground: &Ground, sort: Sort) -> Action {
    Action::draw(sort, ground, &mut fastrand::Rng::with_seed(3)).unwrap()
}

/// A world in which this happens at minute 1 and is repaired at minute 11.
fn world(ground: &Arc<Ground>, action: Action) -> World {
    let fault = Fault { action, at: after(60), until: Some(after(660)) };
    let options = WorldOptions { wrong_causes: 0.0, ..WorldOptions::new(5, START) };
    World::new(Arc::clone(ground), options, &[fault])
}

fn down(world: &World) -> HashSet<ClientIx> {
    let all = world.ground().plant().clients.keys();
    all.filter(|client| world.onu(*client).unwrap().down().is_some()).collect()
}

fn cause(world: &World, client: ClientIx) -> Option<Cause> {
    world.onu(client).unwrap().down().map(|down| down.cause)
}

#[test]
fn a_cut_darkens_exactly_those_behind_it_and_its_repair_brings_all_of_them_back() {
    let ground = ground(900);
    for sort in [Sort::CutFeeder, Sort::CutDistribution, Sort::CutChain] {
        let mut world = world(&ground, draw(&ground, sort));
        let truth = world.truths().first().unwrap().clone();
        let Spot::Cable { cable, metres, .. } = truth.spot else { panic!("{truth:?}") };
        assert!(down(&world).is_empty());
        world.advance(after(59));
        assert!(down(&world).is_empty());
        let changed = world.advance(after(70));
        let expected: HashSet<ClientIx> = truth.clients.iter().copied().collect();
        assert_eq!(down(&world), expected, "{sort:?}");
        assert_eq!(changed, truth.clients);
        assert!(expected.len() < ground.plant().clients.len() && expected.len() >= 3);
        assert!(expected.iter().all(|client| cause(&world, *client) == Some(Cause::Optical)));
        assert_eq!(truth.kind, TruthKind::Cut);
        let cable_row = ground.plant().cables.get(cable).unwrap();
        let before = ground.metres_before(cable).unwrap();
        assert!((before..=before + cable_row.length).contains(&metres));
        assert!(truth.clients.iter().all(|client| ground.metres_to(*client) > metres));
        world.advance(after(659));
        assert_eq!(down(&world).len(), expected.len());
        world.advance(after(720));
        assert!(down(&world).is_empty(), "{sort:?}");
    }
}

#[test]
fn a_cut_in_a_chain_takes_the_far_boxes_and_leaves_the_near_ones() {
    let ground = ground(900);
    let Action::Cut { cable, .. } = draw(&ground, Sort::CutChain) else { panic!() };
    assert!(is_chain(&ground, cable));
    let lost: HashSet<ClientIx> = ground.behind(cable).iter().map(|(client, _)| *client).collect();
    let pon = ground.plant().clients.get(*lost.iter().next().unwrap()).unwrap().pon;
    let near = |client: &ClientIx| ground.plant().clients.get(*client).unwrap().port.splitter;
    let first_lost = lost.iter().map(near).min().unwrap();
    for client in ground.on_pon(pon) {
        assert_eq!(lost.contains(client), near(client) >= first_lost);
    }
}

#[test]
fn a_repair_in_pieces_brings_fibres_back_one_piece_after_the_other() {
    let ground = ground(900);
    // The first segment of a feeder has the fibres of all its PONs.
    let cable = ground.plant().cables.keys().next().unwrap();
    let metre = 20.0;
    let pieces = Pieces { count: 3, every: Duration::from_secs(300) };
    let mut world = world(&ground, Action::Cut { cable, metre, pieces });
    world.advance(after(100));
    let mut left = vec![down(&world).len()];
    for seconds in [720, 1020, 1320] {
        world.advance(after(seconds));
        left.push(down(&world).len());
    }
    assert!(left.windows(2).all(|pair| pair[1] < pair[0]) && left.last() == Some(&0), "{left:?}");
}

#[test]
fn two_cuts_above_a_client_keep_it_dark_until_both_are_mended() {
    let ground = ground(900);
    let Action::Cut { cable, .. } = draw(&ground, Sort::CutChain) else { panic!() };
    let client = ground.behind(cable).first().unwrap().0;
    let options = WorldOptions::new(5, START);
    let cut = Action::Cut { cable, metre: 1.0, pieces: Pieces::ONE };
    let faults = [
        Fault { action: cut, at: after(10), until: Some(after(100)) },
        Fault { action: Action::Drop { client }, at: after(20), until: Some(after(200)) },
    ];
    let mut world = World::new(ground, options, &faults);
    world.advance(after(150));
    assert_eq!(down(&world), HashSet::from([client]));
    world.advance(after(240));
    assert!(down(&world).is_empty());
}

#[test]
fn a_power_outage_hits_houses_by_where_they_are_and_gasps_by_model() {
    let ground = ground(3000);
    let Action::Power { centre, .. } = draw(&ground, Sort::Power) else { panic!() };
    let action = Action::Power {
        centre,
        radius: 1500.0,
        share: 1.0,
        pieces: Pieces { count: 4, every: Duration::from_secs(300) },
    };
    let mut world = world(&ground, action);
    world.advance(after(70));
    let dark = down(&world);
    assert!(dark.len() > 150, "{}", dark.len());
    let mut pons = HashSet::new();
    for (ix, client) in ground.plant().clients.iter() {
        assert_eq!(dark.contains(&ix), client.house.distance(centre) <= 1500.0);
        if dark.contains(&ix) {
            pons.insert(client.pon);
        }
    }
    assert!(pons.len() > 1);
    let gasped = |good: bool| {
        let of = |client: &&ClientIx| (ground.plant().clients.get(**client).unwrap().gasp > 0.8) == good;
        let all: Vec<&ClientIx> = dark.iter().filter(of).collect();
        let heard = all.iter().filter(|client| cause(&world, ***client) == Some(Cause::Power)).count();
        (heard * 100) / all.len().max(1)
    };
    assert!(gasped(true) > 80 && gasped(false) < 60, "{} {}", gasped(true), gasped(false));
    assert!(!dark.iter().any(|client| world.onu(*client).unwrap().is_powered()));
    // It comes back sector by sector, and every ONU has to start first.
    world.advance(after(1000));
    let left = down(&world).len();
    assert!(left > 0 && left < dark.len(), "{left} of {}", dark.len());
    world.advance(after(2000));
    assert!(down(&world).is_empty());
    assert!(dark.iter().all(|client| world.onu(*client).unwrap().last_cause().is_some()));
}

#[test]
fn a_battery_puts_the_loss_off_or_off_altogether() {
    let ground = ground(600);
    let Action::Power { centre, .. } = draw(&ground, Sort::Power) else { panic!() };
    let outage = |batteries, until| {
        let action = Action::Power { centre, radius: 5000.0, share: 1.0, pieces: Pieces::ONE };
        let fault = Fault { action, at: after(0), until: Some(until) };
        let options = WorldOptions { batteries, ..WorldOptions::new(5, START) };
        World::new(Arc::clone(&ground), options, &[fault])
    };
    let lost_after = |batteries, seconds| {
        let mut world = outage(batteries, after(100_000));
        world.advance(after(seconds));
        down(&world).len()
    };
    let all = lost_after(0.0, 60);
    let half = lost_after(0.5, 60);
    assert!(half > all / 4 && half < all * 3 / 4, "{half} of {all}");
    assert_eq!((lost_after(1.0, 60), lost_after(1.0, 5 * 3600)), (0, all));
    let mut short = outage(1.0, after(600));
    short.advance(after(86_400));
    assert!(short.truths().first().unwrap().clients.is_empty() && down(&short).is_empty());
}

#[test]
fn a_bend_takes_light_from_all_behind_it_and_service_from_those_who_had_little() {
    let ground = ground(900);
    let Action::Cut { cable, metre, .. } = draw(&ground, Sort::CutFeeder) else { panic!() };
    let mut world = world(&ground, Action::Bend { cable, metre, loss: 4.0, ramp: Duration::ZERO });
    let clients = world.truths().first().unwrap().clients.clone();
    let levels = |world: &World| -> Vec<f32> { clients.iter().map(|client| world.light(*client).unwrap()).collect() };
    let before = levels(&world);
    world.advance(after(100));
    for (before, now) in before.iter().zip(levels(&world)) {
        assert!((before - now - 4.0).abs() < 0.01);
    }
    assert!(down(&world).iter().all(|client| world.light(*client).unwrap() < -29.9));
    world.advance(after(700));
    for (before, now) in before.iter().zip(levels(&world)) {
        assert!((before - now).abs() < 0.01);
    }
    let others = ground.plant().clients.len() - clients.len();
    assert!(others > 0);
    let mut dark = self::world(&ground, Action::Bend { cable, metre, loss: 20.0, ramp: Duration::from_secs(400) });
    dark.advance(after(100));
    assert!(down(&dark).len() < clients.len() / 2, "it grows");
    dark.advance(after(600));
    assert_eq!(down(&dark).len(), clients.len());
    dark.advance(after(760));
    assert!(down(&dark).is_empty());
}

#[test]
fn a_drop_fault_is_of_one_client() {
    let ground = ground(900);
    let mut world = world(&ground, draw(&ground, Sort::Drop));
    world.advance(after(100));
    assert_eq!(down(&world).into_iter().collect::<Vec<_>>(), world.truths().first().unwrap().clients);
}

#[test]
fn an_olt_that_cannot_be_reached_gives_no_sweep_and_loses_nobody() {
    let ground = ground(900);
    let olt = OltIx::from_place(1);
    let mut world = world(&ground, Action::Unreachable { olt });
    assert!(world.sweep(olt, SweepKind::State).is_some());
    world.advance(after(100));
    assert!(world.sweep(olt, SweepKind::State).is_none() && !world.answers(olt));
    assert!(world.sweep(OltIx::from_place(0), SweepKind::State).is_some());
    assert!(down(&world).is_empty());
    world.advance(after(700));
    let uptime = world.sweep(olt, SweepKind::State).unwrap().uptime.unwrap();
    assert!(uptime > Duration::from_secs(86_400), "{uptime:?}");
}

#[test]
fn an_olt_that_restarts_is_silent_then_counts_its_uptime_anew_and_takes_its_onus_in_again() {
    let ground = ground(900);
    let olt = OltIx::from_place(0);
    for action in [Action::Reboot { olt }, Action::OltPower { olt }] {
        let silent_until = if matches!(action, Action::Reboot { .. }) { 660 } else { 810 };
        let mut world = world(&ground, action);
        world.advance(after(silent_until - 1));
        assert!(world.sweep(olt, SweepKind::State).is_none());
        world.advance(after(silent_until + 10));
        let sweep = world.sweep(olt, SweepKind::State).unwrap();
        assert!(sweep.uptime.unwrap() < Duration::from_secs(20));
        assert!(sweep.onus.iter().all(|onu| onu.state == Ok(OnuState::Down) && onu.cause == Ok(Cause::Unknown)));
        world.advance(after(silent_until + 300));
        assert!(down(&world).is_empty());
    }
}

#[test]
fn a_failed_card_takes_its_ports_and_a_failed_transceiver_one() {
    let ground = ground(900);
    let pon = PonIx::from_place(1);
    let slot = SlotIx::from_place(0);
    for (action, ports) in [(Action::Sfp { pon }, 1), (Action::Card { slot }, 4)] {
        let mut world = world(&ground, action);
        world.advance(after(100));
        let sweep = world.sweep(OltIx::from_place(0), SweepKind::State).unwrap();
        let broken: Vec<_> = sweep.pons.iter().filter(|pon| pon.state == Ok(PonState::Down)).collect();
        assert_eq!(broken.len(), ports);
        for onu in &sweep.onus {
            let dark = broken.iter().any(|pon| Some(pon.pon) == onu.pon);
            assert_eq!(onu.state == Ok(OnuState::Down), dark);
        }
        assert_eq!(world.truths().first().unwrap().kind, TruthKind::Equipment);
        world.advance(after(800));
        assert!(down(&world).is_empty());
    }
}

#[test]
fn a_flapping_onu_goes_down_again_and_again() {
    let ground = ground(300);
    let client = ClientIx::from_place(7);
    let mut world = world(&ground, Action::Flapping { client, every: Duration::from_secs(60) });
    let mut losses = 0;
    let mut was_down = false;
    for second in 0..800 {
        world.advance(after(second));
        let is_down = cause(&world, client).is_some();
        losses += u32::from(is_down && !was_down);
        was_down = is_down;
    }
    assert_eq!(losses, 10);
    assert!(down(&world).is_empty());
}

#[test]
fn a_rogue_onu_drowns_its_siblings_until_it_is_silenced() {
    let ground = ground(600);
    let client = ClientIx::from_place(20);
    let mut world = world(&ground, Action::Rogue { client, found_after: Duration::from_secs(90) });
    world.advance(after(140));
    let pon = ground.plant().clients.get(client).unwrap().pon;
    let hit = down(&world);
    assert!(hit.len() > 5 && hit.iter().all(|hit| ground.on_pon(pon).contains(hit)) && !hit.contains(&client));
    world.advance(after(200));
    assert_eq!((down(&world), cause(&world, client)), (HashSet::from([client]), Some(Cause::Rogue)));
}

#[test]
fn maintenance_shows_as_switched_off_by_somebody() {
    let ground = ground(600);
    let mut world = world(&ground, Action::Maintenance { slot: SlotIx::from_place(0) });
    world.advance(after(200));
    let off = down(&world);
    assert!(off.len() > 50 && off.iter().all(|client| cause(&world, *client) == Some(Cause::Admin)));
    world.advance(after(800));
    assert!(down(&world).is_empty());
}

#[test]
fn a_rescaled_column_changes_what_is_shown_and_nothing_else() {
    let ground = ground(300);
    let olt = OltIx::from_place(0);
    let mut world = world(&ground, Action::Rescale { olt, factor: 0.1, offset: 0.0 });
    let client = ground.on_olt(olt).next().unwrap();
    let before = world.reading(client).unwrap().rx.unwrap().get();
    world.advance(after(100));
    let now = world.reading(client).unwrap().rx.unwrap().get();
    assert!((now - before / 10.0).abs() < 0.2, "{before} {now}");
    assert!(down(&world).is_empty());
    world.advance(after(700));
    assert!((world.reading(client).unwrap().rx.unwrap().get() - before).abs() < 1.5);
}

#[test]
fn readings_are_near_the_truth_and_off_by_what_sensors_are_off_by() {
    let ground = ground(2000);
    let world = World::new(Arc::clone(&ground), WorldOptions::new(1, START), &[]);
    let mut off_by_three = 0;
    for (ix, client) in ground.plant().clients.iter() {
        let reading: Reading = world.reading(ix).unwrap();
        let off = reading.rx.unwrap().get() - f64::from(world.light(ix).unwrap());
        assert!(off.abs() < 4.5, "{off}");
        off_by_three += usize::from(off.abs() > 3.0);
        let step = Dbm::new(f64::from(client.onu_model().step)).unwrap().thousandths();
        assert_eq!(reading.rx.unwrap().thousandths() % step, 0, "{reading:?}");
        let ranged = reading.distance.unwrap().get();
        assert!((ranged - f64::from(ground.metres_to(ix))).abs() < 180.0);
        assert_eq!(reading.serial.clone().ok(), client.serial());
        assert!((-32.0..=-5.0).contains(&reading.olt_rx.unwrap().get()), "{reading:?}");
    }
    assert!(off_by_three < 40, "{off_by_three}");
    // The same instant reads the same; another one does not.
    let again = world.clone();
    assert_eq!(
        world.sweep(OltIx::from_place(0), SweepKind::Optics),
        again.sweep(OltIx::from_place(0), SweepKind::Optics)
    );
    let mut later = world.clone();
    later.advance(after(3600));
    assert_ne!(
        world.sweep(OltIx::from_place(0), SweepKind::Optics),
        later.sweep(OltIx::from_place(0), SweepKind::Optics)
    );
}

#[test]
fn missing_readings_make_a_sweep_partial_at_about_their_rate() {
    let ground = ground(900);
    let options = WorldOptions { missing: 0.2, ..WorldOptions::new(1, START) };
    let world = World::new(Arc::clone(&ground), options, &[]);
    for kind in [SweepKind::State, SweepKind::Optics] {
        let sweep = world.sweep(OltIx::from_place(0), kind).unwrap();
        let lost = sweep
            .onus
            .iter()
            .filter(|onu| onu.state == Err(Unread::NoAnswer) || onu.rx == Err(Unread::NoAnswer))
            .count();
        let all = sweep.onus.len();
        assert!(lost * 10 > all && lost * 10 < all * 3, "{lost} of {all}");
        assert!(!sweep.completeness.is_complete());
    }
}

#[test]
fn a_world_is_the_same_in_whatever_steps_it_is_advanced() {
    let ground = ground(900);
    let mut rng = fastrand::Rng::with_seed(8);
    let faults: Vec<Fault> = Sort::ALL
        .iter()
        .filter_map(|sort| Action::draw(*sort, &ground, &mut rng))
        .map(|action| Fault { action, at: after(100), until: Some(after(1900)) })
        .collect();
    assert_eq!(faults.len(), Sort::ALL.len());
    let options = WorldOptions::new(3, START).with_daily_life();
    let start = World::new(Arc::clone(&ground), options, &faults);
    let (mut one, mut other) = (start.clone(), start);
    one.advance(after(7200));
    for second in (0..=7200).step_by(7) {
        other.advance(after(second));
    }
    other.advance(after(7200));
    for olt in ground.plant().olts.keys() {
        assert_eq!(one.sweep(olt, SweepKind::State), other.sweep(olt, SweepKind::State));
        assert_eq!(one.sweep(olt, SweepKind::Optics), other.sweep(olt, SweepKind::Optics));
    }
    assert_eq!(one.truths(), other.truths());
}

#[test]
fn everyday_life_comes_at_its_rate() {
    let ground = ground(1000);
    let mut world = World::new(
        ground,
        WorldOptions { unplugged_a_day: 2.0, drops_a_year: 36.5, ..WorldOptions::new(1, START) },
        &[],
    );
    let mut losses = 0;
    for _ in 0..24 {
        let next = world.now() + Duration::from_secs(3600);
        losses += world.advance(next).len();
    }
    // 2000 unplugged and 100 drops in a day: each changes an ONU twice, most within the hour that is counted once.
    assert!((1500..5000).contains(&losses), "{losses}");
    assert!((60..150).contains(&world.truths().len()), "{}", world.truths().len());
}

#[test]
fn olts_without_causes_say_unknown() {
    let ground = ground(900);
    let fault = Fault { action: draw(&ground, Sort::CutFeeder), at: after(1), until: None };
    let options = WorldOptions { without_causes: 1.0, ..WorldOptions::new(1, START) };
    let mut world = World::new(ground, options, &[fault]);
    world.advance(after(10));
    let lost = down(&world);
    assert!(!lost.is_empty() && lost.iter().all(|client| cause(&world, *client) == Some(Cause::Unknown)));
}

#[test]
fn a_route_says_what_the_trace_says_and_the_plant_grows_from_routes() {
    let ground = ground(400);
    let plant = ground.plant();
    let mut builder = crate::plant::PlantBuilder::new();
    places(plant).iter().for_each(|place| builder.place(place));
    cables(plant).iter().for_each(|cable| builder.cable(cable));
    for ix in plant.clients.keys() {
        let (route, trace) = (route(plant, ix).unwrap(), plant.trace(ix).unwrap());
        assert_eq!((route.hops.len(), route.loss), (trace.steps.len(), Some(trace.attenuation)));
        assert!(route.pon_reached && route.head_end.is_some());
        assert_eq!(crate::plant::Route::decode(&route.encode().unwrap()).unwrap(), route);
        let id = crate::model::ClientId::from_octets(crate::sim::plant::Entity::Client(ix).octets());
        builder.route(id, &route);
    }
    let grown = builder.build();
    assert_eq!(grown.client_count(), plant.clients.len());
    for (ix, cable) in plant.cables.iter().filter(|(_, cable)| cable.kind == CableKind::Feeder) {
        let id = crate::model::ElementId::from_octets(crate::sim::plant::Entity::Cable(ix).octets());
        let below = grown.below_element(grown.find(&id).unwrap()).len();
        assert_eq!(below, ground.behind(ix).len(), "{}", cable.name);
    }
}
