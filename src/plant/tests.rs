//! Plants of a few elements, and hostile octets.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{ClientId, Dbm, Decibels, ElementId, Metres};

fn id(number: u32) -> ElementId {
    let mut octets = [0; 12];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    ElementId::from_octets(octets)
}

fn client(number: u32) -> ClientId {
    ClientId::from_octets(id(number).octets())
}

fn named(number: u32, name: &str) -> Named {
    Named::new(id(number), name)
}

fn metres(metres: f64) -> Metres {
    Metres::new(metres).unwrap()
}

fn fiber(number: u32, parent: ParentKind, cable: u32, name: &str, distance: f64) -> Hop {
    Hop {
        kind: HopKind::Fiber,
        element: named(number, "L1-F1"),
        port: None,
        parent: Some(Parent { kind: parent, named: named(cable, name), length: Some(metres(100.0)) }),
        loss: Some(Decibels::new(0.1).unwrap()),
        distance: metres(distance),
    }
}

fn splitter(number: u32, place: u32, name: &str, port: u16, distance: f64) -> Hop {
    Hop {
        kind: HopKind::Splitter,
        element: named(number, "Splitter 1"),
        port: Some(port),
        parent: Some(Parent { kind: ParentKind::Place, named: named(place, name), length: None }),
        loss: Some(Decibels::new(10.5).unwrap()),
        distance: metres(distance),
    }
}

/// OLT, feeder cable 500 to closure 600, cable 501 to CTO 700 or 502 to CTO 701 (by the closure's output 1 or 2), drop.
fn route(pon: u32, output: u16, port: u16, launch: f64) -> Route {
    let cto = 700 + u32::from(output) - 1;
    let drop = 10_000 + pon * 1000 + u32::from(output) * 100 + u32::from(port);
    let hops = vec![
        Hop {
            kind: HopKind::Pon,
            element: named(20 + pon, "PON"),
            port: None,
            parent: Some(Parent { kind: ParentKind::Place, named: named(10, "Slot 1"), length: None }),
            loss: None,
            distance: metres(0.0),
        },
        fiber(100 + pon, ParentKind::Cable, 500, "CABO 01", 1000.0),
        splitter(200 + pon, 600, "CEO 07", output, 1000.0),
        fiber(300 + pon * 10 + u32::from(output), ParentKind::Cable, 500 + u32::from(output), "CABO", 1500.0),
        splitter(400 + pon * 10 + u32::from(output), cto, "CTO", port, 1500.0),
        fiber(drop + 50_000, ParentKind::Drop, drop, "", 1540.0),
    ];
    Route {
        head_end: Some(HeadEnd {
            olt: named(1, "OLT-CENTRO"),
            slot: named(10, "1"),
            pon: named(20 + pon, &format!("PON {pon}")),
        }),
        pon_reached: true,
        launch: Some(Dbm::new(launch).unwrap()),
        loss: Some(Decibels::new(21.2).unwrap()),
        hops,
    }
}

/// Two PONs over one feeder cable, two CTOs each, four clients a CTO: client = pon * 100 + output * 10 + port.
fn town() -> PlantBuilder {
    let mut builder = PlantBuilder::new();
    for pon in [1, 2] {
        for output in [1_u16, 2] {
            for port in 1..=4 {
                let client = client(pon * 100 + u32::from(output) * 10 + u32::from(port));
                builder.client(client, Some(id(700 + u32::from(output) - 1)));
                builder.route(client, &route(pon, output, port, 4.0));
            }
        }
    }
    let at = |number: u32, name: &str, lng: f64| Place {
        id: id(number),
        name: Some(Arc::from(name)),
        coords: Some(Coords::new(lng, -27.5).unwrap()),
    };
    builder.place(&at(600, "CEO 07", -48.50));
    builder.place(&at(700, "CTO 12", -48.51));
    builder.cable(&Cable {
        id: id(501),
        name: None,
        ends: [Some(id(700)), Some(id(600))],
        length: Some(metres(500.0)),
    });
    builder
}

fn numbers(plant: &Plant, clients: impl IntoIterator<Item = ClientIx>) -> Vec<u32> {
    let number = |client: ClientIx| {
        let octets = plant.client_id(client).unwrap().octets();
        u32::from_be_bytes(octets[8..].try_into().unwrap())
    };
    let mut found: Vec<u32> = clients.into_iter().map(number).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_cable_carries_the_clients_of_all_its_pons() {
    let plant = town().build();
    let below = |number: u32| numbers(&plant, plant.below_element(plant.find(&id(number)).unwrap()));
    assert_eq!(below(500).len(), 16);
    assert_eq!(below(501), [111, 112, 113, 114, 211, 212, 213, 214]);
    assert_eq!(below(700), below(501), "a box and the only cable to it");
    assert_eq!(below(21), [111, 112, 113, 114, 121, 122, 123, 124]);
    assert_eq!(below(1).len(), 16, "the OLT");
    assert_eq!(plant.pons().count(), 2);
    assert_eq!(plant.irregularities(), Irregularities { boxes_of_several_pons: 2, ..Irregularities::default() });
}

#[test]
fn upstream_elements_are_shared() {
    let plant = town().build();
    // OLT and card; for each PON its port, feeder fibre, splitter, and for each CTO the output, fibre, splitter; for each client two.
    assert_eq!(plant.node_count(), 2 + 2 * (3 + 2 * (3 + 4 * 2)));
}

#[test]
fn a_path_leads_from_the_olt_to_the_drop() {
    let plant = town().build();
    let path = plant.path(plant.client(&client(112)).unwrap());
    let kinds: Vec<_> = path.iter().map(|node| plant.kind_of(*node).unwrap()).collect();
    use ElementKind::{Fiber, Olt, Pon, Slot, Splitter};
    assert_eq!(kinds, [Olt, Slot, Pon, Fiber, Splitter, Splitter, Fiber, Splitter, Splitter, Fiber]);
    let distances: Vec<f64> = path.iter().map(|node| plant.node(*node).unwrap().distance().get()).collect();
    assert!(distances.is_sorted(), "{distances:?}");
    assert_eq!(plant.node(path[5]).unwrap().port(), Some(1));
    assert_eq!(plant.stretch(path[6]).unwrap(), [metres(1000.0), metres(1500.0)]);
}

#[test]
fn what_losses_have_in_common_is_found_within_a_pon_and_across() {
    let plant = town().build();
    let of = |number: u32| plant.client(&client(number)).unwrap();
    let common = plant.common(&[of(111), of(114)]).unwrap();
    assert_eq!(plant.element(plant.node(common).unwrap().element()).unwrap().id, Some(id(411)));
    let across = plant.shared(&[of(111), of(211)]);
    let ids: Vec<_> = across.iter().filter_map(|element| plant.element(*element).unwrap().id).collect();
    assert_eq!(ids, [id(1), id(10), id(500), id(600), id(501), id(700)]);
    let whole = plant.common(&[of(111), of(211)]).unwrap();
    assert_eq!(plant.kind_of(whole), Some(ElementKind::Slot));
}

#[test]
fn a_place_on_a_cable_lies_between_its_boxes_seen_from_the_olt() {
    let plant = town().build();
    let cable = plant.find(&id(501)).unwrap();
    let [from, to] = plant.ends(cable).map(|end| plant.element(end.unwrap()).unwrap().name.unwrap());
    assert_eq!([from, to], ["CEO 07", "CTO 12"], "the row has them the other way round");
    let near = plant.along(cable, 0.1).unwrap();
    assert!((near.lng() + 48.501).abs() < 1e-4, "{near:?}");
    assert_eq!(plant.length(cable), Some(metres(500.0)));
    let ceo = plant.find(&id(600)).unwrap();
    let next: Vec<_> = plant.neighbours(ceo).iter().map(|(place, _)| plant.element(*place).unwrap().id).collect();
    assert_eq!(next, [Some(id(700)), Some(id(701))]);
}

#[test]
fn a_client_without_a_route_hangs_where_others_of_its_box_do() {
    let mut builder = town();
    builder.client(client(1), Some(id(701)));
    builder.client(client(2), Some(id(799)));
    builder.client(client(3), Some(id(799)));
    builder.client(client(4), None);
    // One more on PON 1 makes it the PON of most of box 701.
    builder.route(client(5), &route(1, 2, 5, 4.0));
    let plant = builder.build();
    let of = |number: u32| plant.client(&client(number)).unwrap();
    assert_eq!(plant.attachment(of(1)), Attachment::Box);
    assert!(numbers(&plant, plant.below_element(plant.find(&id(502)).unwrap())).contains(&1));
    assert!(numbers(&plant, plant.below_element(plant.find(&id(21)).unwrap())).contains(&1));
    assert_eq!(plant.attachment(of(2)), Attachment::BoxAlone);
    assert_eq!(numbers(&plant, plant.below_element(plant.find(&id(799)).unwrap())), [2, 3]);
    assert_eq!((plant.attachment(of(4)), plant.node_of(of(4))), (Attachment::Nothing, None));
    assert_eq!((plant.irregularities().without_route, plant.irregularities().unplaced), (3, 1));
    assert_eq!(
        plant.below_element(plant.find(&id(1)).unwrap()).len(),
        18,
        "neither the boxes' own nor the unplaced one"
    );
}

#[test]
fn a_route_takes_the_place_of_an_older_one() {
    let mut builder = town();
    builder.route(client(111), &route(2, 2, 9, 4.0));
    let plant = builder.build();
    assert!(numbers(&plant, plant.below_element(plant.find(&id(22)).unwrap())).contains(&111));
    assert_eq!(plant.irregularities().box_disagrees, 1);
    builder.no_route(client(111));
    let plant = builder.build();
    assert_eq!(plant.attachment(plant.client(&client(111)).unwrap()), Attachment::Box);
    builder.remove(&client(111));
    assert_eq!(builder.build().client(&client(111)), None);
}

#[test]
fn odd_documentation_is_counted_and_has_a_place() {
    let mut builder = town();
    let mut looped = route(1, 1, 1, 4.0);
    let again = looped.hops[1].clone();
    looped.hops.insert(4, again);
    builder.route(client(1), &looped);
    let mut headless = route(1, 1, 1, 4.0);
    headless.pon_reached = false;
    headless.head_end = None;
    headless.hops.drain(..2);
    builder.route(client(2), &headless);
    let mut bare = route(1, 1, 1, 4.0);
    bare.hops[3].parent = None;
    bare.hops[3].element.id = None;
    builder.route(client(3), &bare);
    builder.route(client(4), &Route::default());
    let mut long = route(1, 1, 1, 4.0);
    long.hops = vec![long.hops[1].clone(); 5000];
    builder.route(client(5), &long);
    let plant = builder.build();
    let odd = plant.irregularities();
    assert_eq!((odd.headless, odd.parentless, odd.nameless, odd.overlong), (1, 1, 1, 1));
    assert_eq!((odd.loops, odd.backwards), (2, 1));
    assert_eq!(odd.unplaced, 1, "a route without anything");
    for client in plant.clients() {
        assert!(plant.path(client).len() < 1100);
    }
    assert_eq!(plant.calculated(plant.client(&client(2)).unwrap()), None);
}

#[test]
fn a_launch_power_that_nobody_entered_is_learned_from_the_pons_own_clients() {
    let mut builder = PlantBuilder::new();
    for port in 1..=6 {
        builder.route(client(u32::from(port)), &route(1, 1, port, 0.0));
        builder.route(client(100 + u32::from(port)), &route(2, 1, port, 4.0));
    }
    let mut headless = route(1, 1, 7, 4.0);
    headless.pon_reached = false;
    builder.route(client(7), &headless);
    let plant = builder.build();
    let of = |number: u32| plant.client(&client(number)).unwrap();
    assert_eq!(plant.calculated(of(1)), None);
    assert_eq!(plant.calculated(of(101)), Some(Dbm::new(-17.2).unwrap()));
    let read = |number: u32| Dbm::new(if number == 6 { -24.7 } else { -18.2 }).unwrap();
    let offsets = PowerOffsets::learn(&plant, (1..=6).map(|number| (of(number), read(number))));
    assert_eq!(offsets.expected(&plant, of(1)), Some(Dbm::new(-18.2).unwrap()));
    assert_eq!(offsets.deviation(&plant, of(6), read(6)).unwrap().by, Decibels::new(-6.5).unwrap());
    assert_eq!(offsets.expected(&plant, of(101)), plant.calculated(of(101)), "what was entered counts");
    assert_eq!(offsets.expected(&plant, of(7)), None, "no PON reached");
    let few = PowerOffsets::learn(&plant, (1..=4).map(|number| (of(number), read(number))));
    assert_eq!(few.expected(&plant, of(1)), None);
}

#[test]
fn a_route_comes_back_from_its_octets() {
    let route = route(3, 2, 4, 4.0);
    let octets = route.encode().unwrap();
    assert_eq!(Route::decode(&octets).unwrap(), route);
    for place in 0..octets.len() {
        let mut damaged = octets.to_vec();
        damaged[place] ^= 0x10;
        assert!(Route::decode(&damaged).is_err(), "octet {place}");
        assert!(Route::decode(&octets[..place]).is_err(), "cut at {place}");
    }
    let empty = Route::default();
    assert_eq!(Route::decode(&empty.encode().unwrap()).unwrap(), empty);
}

#[test]
fn a_long_route_is_stored_in_little_more_than_its_ids() {
    let mut long = route(1, 1, 1, 4.0);
    for number in 0..50 {
        long.hops.insert(3, fiber(1000 + number, ParentKind::Cable, 2000 + number / 2, "CABO 77", 1000.0));
    }
    let octets = long.encode().unwrap();
    assert!(octets.len() < 50 * 12 + 25 * 12 + 50 * 12 + 400, "{}", octets.len());
}

/// Octets with the right version and checksum around anything.
fn sealed(content: &[u8]) -> Vec<u8> {
    let mut octets = vec![1];
    octets.extend(content);
    let mut sum = flate2::Crc::new();
    sum.update(&octets);
    octets.extend(sum.sum().to_le_bytes());
    octets
}

proptest! {
    #[test]
    fn no_octets_make_a_route_panic_and_what_is_read_can_be_written(content in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(route) = Route::decode(&sealed(&content)) {
            let again = Route::decode(&route.encode().unwrap()).unwrap();
            prop_assert_eq!(again, route);
        }
    }

    #[test]
    fn any_route_has_a_place_in_a_plant(hops in proptest::collection::vec((0_usize..8, 0_u32..6, 0_u16..3, 0_u32..5, -5_i32..5), 0..12),
                                       pon_reached in any::<bool>()) {
        let hops = hops.into_iter().map(|(kind, element, port, parent, distance)| Hop {
            kind: HopKind::ALL[kind],
            element: if element == 0 { Named::default() } else { named(element, "") },
            port: (port > 0).then_some(port),
            parent: (parent > 0).then(|| Parent {
                kind: ParentKind::ALL[parent as usize % 3], named: named(parent + 3, "x"), length: None,
            }),
            loss: None,
            distance: Metres::from_thousandths(distance),
        }).collect();
        let odd = Route { head_end: None, pon_reached, launch: None, loss: None, hops };
        let octets = odd.encode().unwrap();
        prop_assert_eq!(&Route::decode(&octets).unwrap(), &odd);
        let mut builder = town();
        builder.route(client(1), &odd);
        let plant = builder.build();
        for client in plant.clients() {
            let path = plant.path(client);
            for node in &path {
                prop_assert!(plant.below(*node).contains(&client.number()));
                prop_assert!(plant.children(*node).all(|child| plant.node(child).unwrap().parent() == Some(*node)));
            }
            for element in plant.elements_of(client) {
                prop_assert!(plant.below_element(element).contains(&client));
                let _ = (plant.coords(element), plant.neighbours(element), plant.ends(element));
            }
        }
        prop_assert_eq!(plant.client_count(), 17);
    }

    #[test]
    fn only_points_on_the_map_are_coordinates(lng in any::<f64>(), lat in any::<f64>()) {
        prop_assert_eq!(Coords::new(lng, lat).is_ok(), (-180.0..=180.0).contains(&lng) && (-90.0..=90.0).contains(&lat));
    }
}
