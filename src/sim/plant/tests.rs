use std::collections::HashSet;

use super::*;
use crate::model::Decibels;

fn plant(clients: usize, seed: u64) -> Plant {
    Plant::generate(&PlantOptions::new(clients, seed)).unwrap()
}

fn documented(clients: usize, documentation: Documentation) -> Plant {
    Plant::generate(&PlantOptions { documentation, ..PlantOptions::new(clients, 5) }).unwrap()
}

#[test]
fn the_same_options_make_the_same_plant_and_another_seed_another_one() {
    assert_eq!(plant(700, 1), plant(700, 1));
    assert_ne!(plant(700, 1), plant(700, 2));
}

#[test]
fn there_are_as_many_clients_as_were_asked_for() {
    for clients in [1, 2, 47, 63, 64, 65, 1000, 5001] {
        let plant = plant(clients, 3);
        assert_eq!(plant.clients.len(), clients);
        let codes: HashSet<u32> = plant.clients.rows().map(|client| client.code).collect();
        let serials: HashSet<_> = plant.clients.rows().filter_map(Client::serial).collect();
        assert_eq!((codes.len(), serials.len()), (clients, clients));
        let ports: HashSet<Port> = plant.clients.rows().map(|client| client.port).collect();
        assert_eq!(ports.len(), clients, "two clients on one port");
    }
}

#[test]
fn every_fibre_and_what_it_ends_in_know_each_other() {
    let plant = plant(3000, 4);
    let mut lit = 0;
    for (ix, fiber) in plant.fibers.iter() {
        for (side, end) in fiber.ends.iter().enumerate() {
            let Some(end) = end else { continue };
            lit += 1;
            let knows = match *end {
                End::Pon(pon) => plant.pons.get(pon).unwrap().cord == ix && side == 0,
                End::DioInput(dio, port) => {
                    plant.dios.get(dio).unwrap().inputs[usize::from(port)] == Some(ix) && side == 1
                }
                End::DioOutput(dio, port) => {
                    plant.dios.get(dio).unwrap().outputs[usize::from(port)] == Some(ix) && side == 0
                }
                End::Joint(joint) => plant.joints.get(joint).unwrap().fibers[1 - side] == ix,
                End::SplitterInput(splitter) => plant.splitters.get(splitter).unwrap().input == ix && side == 1,
                End::SplitterOutput(splitter, output) => {
                    plant.splitters.get(splitter).unwrap().outputs[usize::from(output)].fiber == Some(ix) && side == 0
                }
                End::House(client) => plant.clients.get(client).unwrap().drop == ix && side == 1,
            };
            assert!(knows, "{ix:?} {fiber:?}");
        }
        // Whoever is nearer to the head end has the smaller number.
        if let Some((_, Some(above))) = plant.upstream(fiber, View::True) {
            assert!(above < ix);
        }
    }
    assert!(lit > 6000, "{lit}");
    for (ix, cable) in plant.cables.iter() {
        for number in 0..u32::from(cable.fiber_count) {
            let fiber = FiberIx::from_place(cable.first_fiber.place() + number as usize);
            assert_eq!(plant.fibers.get(fiber).unwrap().parent, FiberParent::Cable(ix));
        }
    }
}

#[test]
fn light_reaches_every_client_from_its_own_pon_with_a_level_that_networks_have() {
    let plant = plant(4000, 6);
    let mut chains = 0;
    for client in plant.clients.rows() {
        let path = plant.path(client, View::True);
        assert_eq!(path.first(), Some(&Element::Pon(client.pon)));
        assert_eq!(path.last(), Some(&Element::Fiber(client.drop)));
        let pon = plant.pons.get(client.pon).unwrap();
        let wave = pon.technology.downstream();
        let loss: f32 = path.iter().map(|element| plant.true_loss(*element, wave)).sum();
        let arriving = pon.launch.get() - f64::from(loss);
        assert!((-29.0..=-8.0).contains(&arriving), "{arriving} {path:?}");
        let taps = path.iter().filter(|element| {
            matches!(element, Element::Splitter(ix, _) if matches!(plant.splitters.get(*ix).unwrap().ratio, Ratio::Unbalanced(_)))
        });
        chains += usize::from(taps.count() > 0);
    }
    assert!(chains > 400, "{chains} clients on chains");
}

#[test]
fn a_trace_sums_up_to_the_last_digit_and_is_near_the_truth_where_the_documentation_is_right() {
    let plant = documented(2000, Documentation::default());
    for (ix, client) in plant.clients.iter() {
        let trace = plant.trace(ix).unwrap();
        let sum: i32 = trace.steps.iter().filter_map(|step| step.loss).map(Decibels::thousandths).sum();
        assert_eq!(sum, trace.attenuation.thousandths());
        assert_eq!(trace.steps.last().unwrap().distance, trace.distance);
        assert!(trace.steps.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
        assert_eq!(trace.pon, Some(client.pon));
        assert!(trace.steps.first().unwrap().loss.is_none());
        let pon = plant.pons.get(client.pon).unwrap();
        let wave = pon.technology.downstream();
        let path = plant.path(client, View::True);
        let loss: f32 = path.iter().map(|element| plant.true_loss(*element, wave)).sum();
        let off = trace.arriving_potency().get() - (pon.launch.get() - f64::from(loss));
        assert!(off.abs() < 3.5, "{off}");
    }
}

#[test]
fn a_cable_is_as_long_as_its_way_along_the_poles() {
    let plant = plant(1500, 8);
    for cable in plant.cables.rows() {
        let at: Vec<Point> = cable.poles.iter().map(|pole| plant.poles.get(*pole).unwrap().at).collect();
        let along: f32 = at.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        assert!((along + cable.reserve - cable.documented_length).abs() < 0.01);
        assert!(cable.length >= cable.documented_length && cable.length < cable.documented_length * 1.04 + 16.0);
        assert_eq!(at.first(), Some(&plant.places.get(cable.a).unwrap().at));
        assert_eq!(at.last(), Some(&plant.places.get(cable.b).unwrap().at));
        assert_eq!(plant.point_at(cable, 0.0), at.first().copied());
        assert_eq!(plant.point_at(cable, cable.length), at.last().copied());
    }
    let coords = Point { x: 0.0, y: 111_195.0 }.coords();
    assert!((coords.lat - -26.6).abs() < 1e-6 && (coords.lng - -48.55).abs() < 1e-6, "{coords:?}");
}

#[test]
fn feeders_carry_many_pons_and_pons_of_several_cards() {
    let plant = plant(6000, 9);
    let mut shared = 0;
    for cable in plant.cables.rows().filter(|cable| cable.kind == CableKind::Feeder) {
        let pons: HashSet<PonIx> = plant
            .clients
            .rows()
            .filter(|client| {
                plant.path(client, View::True).iter().any(|element| {
                    matches!(element, Element::Fiber(fiber)
                        if (cable.first_fiber.number()..cable.first_fiber.number() + u32::from(cable.fiber_count)).contains(&fiber.number()))
                })
            })
            .map(|client| client.pon)
            .collect();
        let slots: HashSet<SlotIx> = pons.iter().map(|pon| plant.pons.get(*pon).unwrap().slot).collect();
        shared += usize::from(pons.len() >= 12 && slots.len() > 1);
    }
    assert!(shared >= 4, "{shared} feeders");
}

#[test]
fn documentation_errors_come_at_about_their_rate_and_leave_the_truth_alone() {
    let rates = Documentation {
        wrong_box: 0.05,
        wrong_port: 0.05,
        missing_route: 0.04,
        missing_serial: 0.03,
        missing_joint: 0.2,
        missing_launch: 0.5,
    };
    let (right, wrong) = (documented(8000, Documentation::default()), documented(8000, rates));
    let share = |count: usize| f64::from(u32::try_from(count).unwrap()) / 8000.0;
    let count = |test: &dyn Fn(&Client) -> bool| share(wrong.clients.rows().filter(|client| test(client)).count());
    let missing = count(&|client| client.documented.port.is_none());
    let elsewhere =
        count(&|client| client.documented.port.is_some_and(|port| wrong.place_of(port) != wrong.place_of(client.port)));
    let other_port = count(&|client| {
        client.documented.port.is_some_and(|port| port.splitter == client.port.splitter && port != client.port)
    });
    assert!((0.03..=0.05).contains(&missing), "{missing}");
    assert!((0.03..=0.08).contains(&elsewhere), "{elsewhere}");
    assert!((0.03..=0.11).contains(&other_port), "{other_port}");
    assert!((0.02..=0.04).contains(&count(&|client| !client.documented.serial)));
    let short = wrong.clients.keys().filter(|ix| wrong.trace(*ix).is_some_and(|trace| trace.pon.is_none())).count();
    assert!(share(short) > 0.05, "{short}");
    let unknown = wrong.pons.rows().filter(|pon| pon.potency.thousandths() == 0).count();
    assert!(unknown * 4 > wrong.pons.len() && unknown * 4 < wrong.pons.len() * 3, "{unknown}");
    for (one, other) in right.clients.rows().zip(wrong.clients.rows()) {
        assert_eq!((one.pon, one.port, one.drop, one.code), (other.pon, other.port, other.drop, other.code));
    }
    for client in right.clients.rows() {
        assert_eq!(client.documented.port, Some(client.port));
    }
    // A port shows one client, and who shows a port is shown by it.
    for client in wrong.clients.rows() {
        if let Some(port) = client.documented.port {
            let output = wrong.splitters.get(port.splitter).unwrap().outputs[usize::from(port.output)];
            assert_eq!(output.documented, Some(client.drop));
        }
    }
}

#[test]
fn a_chain_gives_each_box_about_the_same_light() {
    for boxes in 2..=16 {
        let taps = Ratio::chain(boxes);
        assert_eq!(taps.len(), usize::from(boxes) - 1);
        let mut passed = 0.0;
        let mut losses = Vec::new();
        for tap in &taps {
            losses.push(passed + tap.loss(0));
            passed += tap.loss(1);
        }
        losses.push(passed);
        let (least, most) =
            losses.iter().fold((f32::MAX, 0.0_f32), |(least, most), loss| (least.min(*loss), most.max(*loss)));
        // Catalogues have few taps, so long chains cannot be even.
        assert!(most - least < if boxes <= 8 { 3.0 } else { 6.0 }, "{boxes} boxes: {losses:?}");
    }
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let base = PlantOptions::new(10, 0);
    let rates = |wrong_box| Documentation { wrong_box, ..Documentation::default() };
    for (options, what) in [
        (PlantOptions { clients: 0, ..base.clone() }, "clients"),
        (PlantOptions { clients: usize::MAX, ..base.clone() }, "clients"),
        (PlantOptions { fill: f64::NAN, ..base.clone() }, "fill"),
        (PlantOptions { splits: vec![], ..base.clone() }, "splits"),
        (PlantOptions { splits: vec![(8, 32)], ..base.clone() }, "splits"),
        (PlantOptions { splits: vec![(7, 8)], ..base.clone() }, "splits"),
        (PlantOptions { chain: (1, 8), ..base.clone() }, "chain"),
        (PlantOptions { pons_per_olt: 0, ..base.clone() }, "pons_per_olt"),
        (PlantOptions { families: vec![], ..base.clone() }, "families"),
        (PlantOptions { gasp: Some(1.1), ..base.clone() }, "gasp"),
        (PlantOptions { documentation: rates(-0.1), ..base.clone() }, "wrong_box"),
        (PlantOptions { first_code: u32::MAX, ..base.clone() }, "first_code"),
    ] {
        let message = Plant::generate(&options).unwrap_err().to_string();
        assert!(message.starts_with(what), "{message}");
    }
}

#[test]
fn identifiers_of_different_things_differ() {
    let plant = plant(200, 1);
    let mut ids = HashSet::new();
    for ix in plant.clients.keys() {
        assert!(ids.insert(Entity::Client(ix).octets()) && ids.insert(Entity::Property(ix).octets()));
        assert!(ids.insert(Entity::Drop(ix).octets()));
    }
    assert!(plant.fibers.keys().all(|ix| ids.insert(Entity::Fiber(ix).octets())));
    assert!(plant.places.keys().all(|ix| ids.insert(Entity::Place(ix).octets())));
}
