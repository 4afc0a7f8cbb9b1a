//! The importer against a small plant: two PONs on one feeder, each with a splitter in a box.
//!
//! ```text
//!  PON p ─cord─ DIO ─feeder fibre p─ CEO (fusion) ─cable─ CTO p (splitter) ─drop─ house
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::importer::{Answered, Ask, Importer, Step, segment};
use super::rows::{List, RawElement};
use super::snapshot::{Missing, PlantSnapshot, PlantSource};
use super::trace::Traced;
use crate::model::{ClientId, Decibels, ElementId, Timestamp};
use crate::ozmap::directory::Directory;
use crate::ozmap::directory::testing::{client_id, directory, row};
use crate::ozmap::error::{Call, Excerpt, OzmapError};
use crate::ozmap::lenient::Object;
use crate::ozmap::rows::PropertyRow;
use crate::plant::{Attachment, HopKind, Route};
use crate::store::PlantRow;

const DAY: Duration = Duration::from_secs(24 * 3600);
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn at(n: u32) -> ElementId {
    format!("65c{n:021x}").parse().unwrap()
}

const OLT: u32 = 1;
const SLOT: u32 = 2;
const DIO: u32 = 3;
const FEEDER: u32 = 4;
const POP: u32 = 5;
const CEO: u32 = 6;
const PONS: u32 = 2;
/// Elements of PON `p`, from 1 on.
const PON: u32 = 100;
const CORD: u32 = 110;
const FEEDER_FIBER: u32 = 120;
const FUSION: u32 = 130;
const BRANCH: u32 = 140;
const BRANCH_FIBER: u32 = 150;
const SPLITTER: u32 = 160;
const CTO: u32 = 170;
/// Of client `n`.
const DROP: u32 = 1000;
const DROP_FIBER: u32 = 2000;

/// What OZmap has, by list, and what it was asked.
#[derive(Default)]
struct World {
    rows: BTreeMap<List, BTreeMap<ElementId, Value>>,
    clients: u32,
    asked: Vec<Ask>,
    /// Traces by client, where they differ from what the lists say.
    traces: BTreeMap<ClientId, Result<Vec<Route>, u16>>,
    /// What every trace is changed by.
    twist: Option<fn(&mut Route)>,
    refused: Vec<(List, u16)>,
}

impl World {
    fn new(clients: u32) -> Self {
        let mut world = Self { clients, ..Self::default() };
        world.put(List::Olts, OLT, json!({"name": "OLT 1", "password": "hunter2"}));
        world.put(List::Slots, SLOT, json!({"label": "Slot 1", "parent": at(OLT)}));
        world.put(List::Pops, POP, json!({"name": "POP", "lat": -27.0, "lng": -48.0}));
        world.put(List::Boxes, CEO, json!({"name": "CEO", "lat": -27.01, "lng": -48.0}));
        world.put(
            List::Cables,
            FEEDER,
            json!({"kind": "Cable", "name": "FEEDER", "boxA": at(POP), "boxB": at(CEO),
            "length": 1.2, "loss": 0.42}),
        );
        let each = |of: u32| -> Vec<ElementId> { (1..=PONS).map(|p| at(of + p)).collect() };
        world.put(
            List::Joints,
            DIO,
            json!({"kind": "DIO", "name": "DIO", "parent": at(POP), "attenuation": [0.25, 0.25],
            "connectables": {"input": each(CORD), "output": each(FEEDER_FIBER)}}),
        );
        for p in 1..=PONS {
            world.put(
                List::Pons,
                PON + p,
                json!({"name": format!("PON {p}"), "parent": at(SLOT), "potency": if p == 1 { 4 } else { 0 }}),
            );
            world.put(List::Strands, CORD + p, json!({"parent": at(POP), "connectors": [at(PON + p), at(DIO)]}));
            world.put(
                List::Strands,
                FEEDER_FIBER + p,
                json!({"name": format!("L1-F{p}"), "parent": at(FEEDER), "connectors": [at(FUSION + p), at(DIO)]}),
            );
            world.put(
                List::Joints,
                FUSION + p,
                json!({"kind": "Fusion", "parent": at(CEO), "attenuation": [0.05],
                "connectables": [at(FEEDER_FIBER + p), at(BRANCH_FIBER + p)]}),
            );
            world.put(
                List::Cables,
                BRANCH + p,
                json!({"kind": "Cable", "name": format!("BRANCH {p}"), "boxA": at(CEO), "boxB": at(CTO + p),
                "length": 0.3, "loss": 0.12}),
            );
            world.put(
                List::Strands,
                BRANCH_FIBER + p,
                json!({"parent": at(BRANCH + p), "connectors": [at(FUSION + p), at(SPLITTER + p)]}),
            );
            world.put(List::Boxes, CTO + p, json!({"name": format!("CTO {p}"), "lat": -27.02, "lng": -48.0}));
            let drops: Vec<ElementId> =
                (0..clients).filter(|n| n % PONS + 1 == p).map(|n| at(DROP_FIBER + n)).collect();
            world.put(List::Joints, SPLITTER + p, json!({"kind": "Splitter", "name": "S", "parent": at(CTO + p),
                "attenuation": vec![13.5; drops.len()], "connectables": {"input": [at(BRANCH_FIBER + p)], "output": drops}}));
        }
        for n in 0..clients {
            world.put(
                List::Cables,
                DROP + n,
                json!({"kind": "Drop", "boxA": at(CTO + n % PONS + 1), "boxB": format!("65b{n:021x}"),
                "length": 0.1, "loss": 0.04}),
            );
        }
        world
    }

    fn put(&mut self, list: List, id: u32, mut row: Value) {
        row["id"] = json!(at(id));
        self.rows.entry(list).or_default().insert(at(id), row);
    }

    /// Client `n` hangs on PON `n % 2 + 1`, its port `n / 2 + 1`.
    fn directory(&self) -> Directory {
        directory(world_rows(self.clients))
    }

    fn refuse(status: u16) -> OzmapError {
        OzmapError::Refused { call: Call { method: "GET", path: String::new() }, status, body: Excerpt::default() }
    }

    fn answer(&self, ask: &Ask, truth: &Importer) -> Result<Answered, OzmapError> {
        let rows = |list: List, wanted: Option<&[ElementId]>| {
            let all = self.rows.get(&list).cloned().unwrap_or_default();
            let chosen = all.into_iter().filter(|(id, _)| wanted.is_none_or(|wanted| wanted.contains(id)));
            chosen
                .filter_map(|(_, row)| serde_json::from_value::<Object<RawElement>>(row).unwrap().element(list))
                .collect()
        };
        match ask {
            Ask::List(list) | Ask::Rows(list, _) if self.refused.iter().any(|(refused, _)| refused == list) => {
                Err(Self::refuse(self.refused.iter().find(|(refused, _)| refused == list).unwrap().1))
            }
            Ask::List(list) => Ok(Answered::Rows(rows(*list, None), 1)),
            Ask::Rows(list, ids) => Ok(Answered::Rows(rows(*list, Some(ids)), 1)),
            Ask::Trace(client, _) => match self.traces.get(client) {
                Some(Err(status)) => Err(Self::refuse(*status)),
                Some(Ok(routes)) => {
                    Ok(Answered::Traced(Traced::Routes(routes.iter().map(|route| (None, route.clone())).collect())))
                }
                None => {
                    let mut route = truth.walked(*client).unwrap();
                    if let Some(twist) = self.twist {
                        twist(&mut route);
                    }
                    Ok(Answered::Traced(Traced::Routes(vec![(None, route)])))
                }
            },
        }
    }

    /// Until there is nothing more to ask.
    fn import(&mut self, importer: &mut Importer, now: Timestamp) -> PlantSnapshot {
        let mut newest = None;
        for _ in 0..10_000 {
            match importer.next(now) {
                Step::Ask(ask) => {
                    self.asked.push(ask.clone());
                    match self.answer(&ask, importer) {
                        Ok(answered) => importer.answer(&ask, answered, now),
                        Err(error) => assert!(importer.fail(&ask, &error, now)),
                    }
                }
                Step::Settle => {
                    importer.settle(now);
                    newest = Some(importer.snapshot(now));
                }
                Step::Wait => {
                    assert!(importer.is_idle());
                    return newest.unwrap_or_else(|| importer.snapshot(now));
                }
            }
        }
        panic!("it does not end: {:?}", &self.asked[self.asked.len() - 20..]);
    }

    fn count(&self, what: fn(&Ask) -> bool) -> usize {
        self.asked.iter().filter(|ask| what(ask)).count()
    }

    fn traces(&self) -> usize {
        self.count(|ask| matches!(ask, Ask::Trace(..)))
    }
}

/// The clients of a [`World`].
fn world_rows(clients: u32) -> Vec<PropertyRow> {
    let one = |n| {
        let mut row = row(n, "", "", &format!("A|{n}"));
        row.box_id = Some(at(CTO + n % PONS + 1));
        row.connector = Some(at(SPLITTER + n % PONS + 1));
        row.port = u16::try_from(n / PONS + 1).ok();
        row
    };
    (0..clients).map(one).collect()
}

fn importer(world: &World) -> Importer {
    let mut importer = Importer::new(DAY);
    importer.set_directory(Arc::new(world.directory()));
    importer
}

#[test]
fn the_walk_finds_every_route_and_asks_for_each_element_once() {
    let mut world = World::new(40);
    let mut importer = importer(&world);
    let snapshot = world.import(&mut importer, START);
    assert_eq!((snapshot.clients, snapshot.routes, snapshot.source), (40, 40, PlantSource::Walk));
    assert_eq!((snapshot.sample.compared, snapshot.sample.differ), (24, 0));
    let mut rows: Vec<ElementId> = Vec::new();
    for ask in &world.asked {
        if let Ask::Rows(_, ids) = ask {
            rows.extend(ids);
        }
    }
    let count = rows.len();
    rows.sort();
    rows.dedup();
    // Splitters, fusions, the DIO; branch fibres, feeder fibres, cords.
    assert_eq!((count, rows.len()), (11, 11));
    assert_eq!(world.traces(), 24);

    let plant = &snapshot.plant;
    let client = plant.client(&client_id(7)).unwrap();
    assert_eq!(plant.attachment(client), Attachment::Route);
    let route = importer.walked(client_id(6)).unwrap();
    let kinds: Vec<HopKind> = route.hops.iter().map(|hop| hop.kind).collect();
    use HopKind::{Dio, Fiber, Fusion, Pon, Splitter};
    assert_eq!(kinds, [Pon, Fiber, Dio, Fiber, Fusion, Fiber, Splitter, Fiber]);
    assert_eq!(route.hops[6].port, Some(4));
    assert_eq!(route.loss, Decibels::new(0.25 + 0.42 + 0.05 + 0.12 + 13.5 + 0.04).ok());
    assert_eq!(route.hops.last().unwrap().distance.thousandths(), 1_600_000);
    let head_end = route.head_end.unwrap();
    assert_eq!((head_end.olt.name.as_deref(), head_end.slot.name.as_deref()), (Some("OLT 1"), Some("Slot 1")));
    // Of the other PON nobody entered the launch power.
    assert!(plant.calculated(client).is_none());
    assert_eq!(plant.calculated(plant.client(&client_id(6)).unwrap()).unwrap().get(), -10.38);
    assert_eq!(plant.coords(plant.find(&at(CTO + 1)).unwrap()).unwrap().lat(), -27.02);
}

#[test]
fn after_a_restart_nothing_is_asked_twice() {
    let mut world = World::new(40);
    world.traces.insert(client_id(3), Err(422));
    world.rows.get_mut(&List::Joints).unwrap().remove(&at(FUSION + 2));
    let mut first = importer(&world);
    let before = world.import(&mut first, START);
    assert!(before.missing["no_path"] > 0 || before.routes == 39, "{before:?}");
    let mut kept: BTreeMap<(u8, [u8; 12]), PlantRow> = BTreeMap::new();
    for row in first.take_kept() {
        kept.insert((row.kind, row.id), row);
    }
    world.asked.clear();
    let mut second = Importer::new(DAY);
    second.recall(kept.values().cloned().collect());
    second.set_directory(Arc::new(world.directory()));
    let after = world.import(&mut second, START + Duration::from_secs(3600));
    assert_eq!(world.asked, []);
    assert_eq!((after.routes, after.source, after.sample), (before.routes, before.source, before.sample));
    assert_eq!(after.plant.node_count(), before.plant.node_count());

    // Octets that were changed are asked for again, and do no other harm.
    let mut third = Importer::new(DAY);
    third.recall(kept.into_values().map(|row| PlantRow { data: Some(vec![0xff; 5]), ..row }).collect());
    third.set_directory(Arc::new(world.directory()));
    assert_eq!(world.import(&mut third, START + Duration::from_secs(3600)).routes, before.routes);
    assert!(world.asked.len() > 20);
}

#[test]
fn whoever_the_walk_does_not_find_is_traced_once_a_day_and_falls_back_to_its_box() {
    let mut world = World::new(10);
    world.rows.get_mut(&List::Joints).unwrap().remove(&at(FUSION + 2));
    for (n, answer) in [(1, Err(422)), (3, Err(404)), (5, Err(500 - 89)), (7, Ok(vec![]))] {
        world.traces.insert(client_id(n), answer);
    }
    let full = World::new(10);
    let mut knows = importer(&full);
    World::new(10).import(&mut knows, START);
    world.traces.insert(client_id(9), Ok(vec![knows.walked(client_id(9)).unwrap()]));
    let mut importer = importer(&world);
    let snapshot = world.import(&mut importer, START);
    assert_eq!((snapshot.routes, snapshot.source), (6, PlantSource::Walk));
    let why = |n| snapshot.why_without(client_id(n));
    assert_eq!(
        [why(1), why(3), why(5), why(7)],
        [Some(Missing::NoPath), Some(Missing::UnknownCode), Some(Missing::Refused), Some(Missing::AmbiguousCode)]
    );
    assert_eq!((why(9), why(0)), (None, None));
    let traced = snapshot.plant.client(&client_id(9)).unwrap();
    assert!(snapshot.plant.pon_reached(traced));
    let lost = snapshot.plant.client(&client_id(1)).unwrap();
    assert!(!snapshot.plant.pon_reached(lost));
    assert_eq!(snapshot.plant.calculated(lost), None);

    world.asked.clear();
    importer.set_directory(Arc::new(world.directory()));
    world.import(&mut importer, START + Duration::from_secs(23 * 3600));
    assert_eq!(world.asked, [], "remembered for a day");
    world.import(&mut importer, START + DAY + Duration::from_secs(60));
    let of = |n| world.asked.iter().any(|ask| matches!(ask, Ask::Trace(client, _) if *client == client_id(n)));
    assert!(of(1) && of(3) && of(5));
}

#[test]
fn a_house_that_was_changed_is_traced_sooner_but_not_with_each_power_that_is_written() {
    const HOUR: Duration = Duration::from_secs(3600);
    let mut world = World::new(10);
    let mut knows = importer(&world);
    World::new(10).import(&mut knows, START);
    // The second PON is not found by the walk.
    world.rows.get_mut(&List::Joints).unwrap().remove(&at(FUSION + 2));
    world.traces = [1, 3, 5, 7].into_iter().map(|n| (client_id(n), Err(422))).collect();
    world.traces.insert(client_id(9), Ok(vec![knows.walked(client_id(9)).unwrap()]));
    let changed = |when: Timestamp, who: &[u32]| {
        let rows = world_rows(10).into_iter().zip(0..).map(|(mut row, n)| {
            row.updated_at = Some(if who.contains(&n) { when } else { START });
            row
        });
        Arc::new(directory(rows))
    };
    let asked = |world: &mut World| -> Vec<u32> {
        let of = |ask: &Ask| (0..10).find(|n| matches!(ask, Ask::Trace(client, _) if *client == client_id(*n)));
        let mut asked: Vec<u32> = world.asked.drain(..).filter_map(|ask| of(&ask)).collect();
        asked.sort_unstable();
        asked
    };
    let mut importer = Importer::new(DAY);
    importer.set_directory(changed(START, &[]));
    world.import(&mut importer, START);
    let traced = asked(&mut world);
    assert!([1, 3, 5, 7, 9].iter().all(|n| traced.contains(n)), "{traced:?}");

    // Powers are written all the time.
    for hours in 1..6 {
        importer.set_directory(changed(START + HOUR * hours, &[3, 9]));
        world.import(&mut importer, START + HOUR * hours);
    }
    assert_eq!(asked(&mut world), [] as [u32; 0]);
    world.import(&mut importer, START + HOUR * 6);
    assert_eq!(asked(&mut world), [3, 9], "and nobody else");
    world.import(&mut importer, START + HOUR * 13);
    assert_eq!(asked(&mut world), [] as [u32; 0], "they are as they were when they were traced");

    // That is known after a restart, too.
    let mut again = Importer::new(DAY);
    again.recall(importer.take_kept());
    again.set_directory(changed(START + HOUR * 5, &[3, 9]));
    world.import(&mut again, START + HOUR * 14);
    assert_eq!(asked(&mut world), [] as [u32; 0]);
    again.set_directory(changed(START + HOUR * 15, &[5]));
    world.import(&mut again, START + HOUR * 21);
    assert_eq!(asked(&mut world), [3, 5, 9]);
}

#[test]
fn where_lists_and_traces_disagree_everybody_is_traced() {
    let mut world = World::new(60);
    world.twist =
        Some(|route| route.loss = route.loss.map(|loss| Decibels::from_thousandths(loss.thousandths() + 2000)));
    let mut importer = importer(&world);
    let snapshot = world.import(&mut importer, START);
    assert_eq!((snapshot.source, snapshot.routes), (PlantSource::Traces, 60));
    assert_eq!((snapshot.sample.compared, snapshot.sample.differ), (24, 24));
    let mut traced: Vec<&str> = world
        .asked
        .iter()
        .filter_map(|ask| match ask {
            Ask::Trace(_, segment) => Some(segment.as_str()),
            _ => None,
        })
        .collect();
    traced.sort_unstable();
    traced.dedup();
    assert_eq!(traced.len(), 60);
    assert!(traced.contains(&"A%7C59"));
    let client = snapshot.plant.client(&client_id(6)).unwrap();
    assert_eq!(snapshot.plant.calculated(client).unwrap().get(), -12.38, "what the trace says");
}

#[test]
fn lists_that_may_not_be_read_lead_to_traces_and_those_of_names_are_done_without() {
    let full = World::new(6);
    for (list, source) in [(List::Pops, PlantSource::Walk), (List::Slots, PlantSource::Walk)] {
        let mut world = World::new(6);
        world.refused.push((list, 403));
        let mut importer = importer(&world);
        let snapshot = world.import(&mut importer, START);
        assert_eq!((snapshot.source, snapshot.routes), (source, 6), "{list:?}");
    }
    let mut knows = importer(&full);
    World::new(6).import(&mut knows, START);
    for list in [List::Cables, List::Pons, List::Joints, List::Strands] {
        let mut world = World::new(6);
        world.refused.push((list, 404));
        for n in 0..6 {
            world.traces.insert(client_id(n), Ok(vec![knows.walked(client_id(n)).unwrap()]));
        }
        let mut importer = importer(&world);
        let snapshot = world.import(&mut importer, START);
        assert_eq!((snapshot.source, snapshot.routes), (PlantSource::Traces, 6), "{list:?}");
    }
}

#[test]
fn only_what_is_new_in_the_directory_is_asked_for() {
    let mut world = World::new(10);
    let mut importer = importer(&world);
    world.import(&mut importer, START);
    world.asked.clear();
    // The same again, and then somebody who is connected elsewhere.
    importer.set_directory(Arc::new(world.directory()));
    world.import(&mut importer, START + Duration::from_secs(900));
    assert_eq!(world.asked, []);
    let mut rows: Vec<_> = (0..10).map(|n| row(n, "", "", &format!("A|{n}"))).collect();
    for (n, row) in (0_u32..).zip(&mut rows) {
        row.connector = Some(at(SPLITTER + n % PONS + 1));
        row.port = u16::try_from(n / PONS + 1).ok();
    }
    rows[4].connector = Some(at(999));
    rows[5].connector = None;
    world.traces.insert(client_id(4), Err(422));
    importer.set_directory(Arc::new(directory(rows)));
    let snapshot = world.import(&mut importer, START + Duration::from_secs(1800));
    assert_eq!(world.count(|ask| matches!(ask, Ask::Rows(List::Joints, ids) if *ids == [at(999)])), 1);
    assert_eq!(world.asked.len(), 2, "{:?}", world.asked);
    assert_eq!(snapshot.why_without(client_id(4)), Some(Missing::NoPath));
    assert_eq!(snapshot.why_without(client_id(5)), Some(Missing::NotConnected));
}

#[test]
fn a_refresh_asks_for_everything_once_more() {
    let mut world = World::new(10);
    let mut importer = importer(&world);
    world.import(&mut importer, START);
    let first = world.asked.len();
    world.asked.clear();
    world.import(&mut importer, START + DAY);
    assert_eq!(world.asked.len(), first);
    // A splitter that moved to the other PON takes its clients along.
    world.put(List::Joints, SPLITTER + 1, json!({"kind": "Splitter", "name": "S", "parent": at(CTO + 1), "attenuation": 13.5,
        "connectables": {"input": [at(BRANCH_FIBER + 9)], "output": (0..5).map(|n| at(DROP_FIBER + 2 * n)).collect::<Vec<_>>()}}));
    world.put(
        List::Strands,
        BRANCH_FIBER + 9,
        json!({"parent": at(BRANCH + 2), "connectors": [at(SPLITTER + 1), at(FUSION + 9)]}),
    );
    world.put(
        List::Joints,
        FUSION + 9,
        json!({"kind": "Fusion", "parent": at(CEO), "attenuation": [0.05],
        "connectables": [at(FEEDER_FIBER + 2), at(BRANCH_FIBER + 9)]}),
    );
    world.put(List::Strands, FEEDER_FIBER + 2, json!({"parent": at(FEEDER), "connectors": [at(FUSION + 9), at(DIO)]}));
    let snapshot = world.import(&mut importer, START + DAY + DAY);
    let pon = |n| {
        let plant = &snapshot.plant;
        let pon = plant.pon_of(plant.client(&client_id(n)).unwrap()).unwrap();
        plant.element(plant.node(pon).unwrap().element()).unwrap().id
    };
    assert_eq!(pon(0), Some(at(PON + 2)));
}

#[test]
fn a_documentation_that_leads_round_in_circles_ends() {
    let mut world = World::new(4);
    world.put(
        List::Strands,
        FEEDER_FIBER + 1,
        json!({"parent": at(FEEDER), "connectors": [at(FUSION + 1), at(SPLITTER + 1)]}),
    );
    world.put(List::Joints, SPLITTER + 1, json!({"kind": "Splitter", "parent": at(CTO + 1), "attenuation": [1, 1, 1],
        "connectables": {"input": [at(BRANCH_FIBER + 1)], "output": [at(DROP_FIBER), at(DROP_FIBER + 2), at(FEEDER_FIBER + 1)]}}));
    for n in [0, 2] {
        world.traces.insert(client_id(n), Err(422));
    }
    let mut importer = importer(&world);
    let snapshot = world.import(&mut importer, START);
    assert_eq!((snapshot.routes, snapshot.missing["no_path"]), (2, 2));
}

#[test]
fn lengths_in_metres_are_seen_by_their_size() {
    let mut world = World::new(4);
    for row in world.rows.get_mut(&List::Cables).unwrap().values_mut() {
        row["length"] = json!(row["length"].as_f64().unwrap() * 1000.0);
    }
    let mut importer = importer(&world);
    world.import(&mut importer, START);
    assert_eq!(importer.walked(client_id(1)).unwrap().hops.last().unwrap().distance.thousandths(), 1_600_000);
}

#[test]
fn a_code_is_one_segment_of_the_path_whatever_it_holds() {
    for (code, wanted) in [
        ("10452", Some("10452")),
        (" A 1|2/3 ", Some("A%201%7C2%2F3")),
        ("joão?x#y%2F", Some("jo%C3%A3o%3Fx%23y%252F")),
        ("..", None),
        (".", None),
        ("  ", None),
        ("...", Some("...")),
    ] {
        assert_eq!(segment(code).as_deref(), wanted, "{code:?}");
    }
}
