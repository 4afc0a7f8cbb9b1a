//! A generated plant in the simulated OZmap: what it shows is what the plant documents.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fields::Row;
use super::model::ObjectId;
use super::routes_plant::COLLECTIONS;
use super::rows::{ElementRows, Rows};
use super::seed::{self, Population};
use super::store::Store;
use super::testing::{TOKEN, json_filter, start};
use super::trace::trace;
use super::{OzmapOptions, SimError};
use crate::model::Decibels;
use crate::sim::plant::{Documentation, Element, Entity, Plant, PlantOptions, Step};

fn town(clients: usize) -> Arc<Plant> {
    let documentation = Documentation { missing_joint: 0.2, missing_launch: 0.3, ..Documentation::errors(0.3) };
    let options = PlantOptions { documentation, ..PlantOptions::new(clients, 7) };
    Arc::new(Plant::generate(&options).unwrap())
}

fn id_of(element: Element) -> String {
    let entity = match element {
        Element::Pon(pon) => Entity::Pon(pon),
        Element::Dio(dio, _) => Entity::Dio(dio),
        Element::Fiber(fiber) => Entity::Fiber(fiber),
        Element::Joint(joint) => Entity::Joint(joint),
        Element::Splitter(splitter, _) => Entity::Splitter(splitter),
    };
    ObjectId::from(entity).to_string()
}

#[test]
fn every_clients_trace_is_that_of_the_plants_documentation() {
    let plant = town(1500);
    let store = seed::build(&[Population::Plant(Arc::clone(&plant))]).unwrap();
    let (mut with, mut without, mut early) = (0, 0, 0);
    for (ix, client) in plant.clients.iter() {
        let house = store.house(ObjectId::from(Entity::Property(ix)), None).unwrap();
        assert_eq!(house.client.unwrap().code.as_deref(), Some(client.code.to_string().as_str()));
        let shown = trace(&store.plant, house);
        let Some(expected) = plant.trace(ix) else {
            assert_eq!(shown, None);
            without += 1;
            continue;
        };
        let shown = &shown.unwrap()[0];
        let elements = shown["elements"].as_array().unwrap();
        let of =
            |step: &Step| (id_of(step.element), json!(step.loss), json!(f64::from(step.distance.thousandths()) / 1e6));
        let steps: Vec<_> = expected.steps.iter().map(of).collect();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let seen: Vec<_> = elements
            .iter()
            .map(|one| (text(&one["element"]["id"]), one["attenuation"].clone(), one["distance"].clone()))
            .collect();
        assert_eq!(seen, steps, "client {}", client.code);
        assert_eq!(shown["attenuation"], json!(expected.attenuation));
        let arriving = Decibels::from_thousandths(expected.arriving_potency().thousandths());
        assert_eq!((&shown["arriving_potency"], &shown["potency"]), (&json!(arriving), &json!(expected.potency)));
        assert_eq!(shown["pon_reached"], json!(expected.pon.is_some()));
        with += 1;
        early += usize::from(expected.pon.is_none());
    }
    assert!(with > 1000 && without > 30 && early > 50, "{with} {without} {early}");
}

#[test]
fn rows_of_every_collection_ascend_and_are_found_also_beside_other_clients() {
    let populations = [Population::clients(40, 1), Population::Plant(town(300)), Population::Awkward];
    let store: Store = seed::build(&populations).unwrap();
    for collection in &COLLECTIONS {
        let rows = ElementRows(&store, collection, None);
        let seen: Vec<_> = (0..rows.len()).filter_map(|place| Some((place, rows.row(place)?.id()))).collect();
        assert!(seen.is_sorted_by(|left, right| left.1 < right.1), "{}", collection.name);
        assert!(seen.iter().all(|(place, id)| rows.place_of(*id) == Some(*place)), "{}", collection.name);
    }
    let grown = store.clients_of_code("10001", None).count();
    assert_eq!(grown, 2, "one of each population");
}

#[tokio::test]
async fn documentation_errors_show_and_the_truth_does_not() {
    let plant = town(800);
    let (ozmap, caller) = start(OzmapOptions::new(TOKEN).with(Population::Plant(Arc::clone(&plant)))).await;
    let unserialled = plant.clients.rows().filter(|client| !client.documented.serial).count();
    let found = caller.list("/ftth-clients", &json_filter("onu.serial_number", "=", json!(""))).await;
    assert_eq!((&found["total"], unserialled > 10), (&json!(unserialled), true));
    let hidden = plant.joints.rows().filter(|joint| !joint.documented).count();
    let joints = caller.get("/network-connectors?limit=1").await.1["total"].as_u64().unwrap();
    let tables = [
        plant.joints.rows().len(),
        plant.splitters.rows().len(),
        plant.dios.rows().len(),
        2 * plant.olts.rows().len(),
        plant.slots.rows().len(),
        plant.pons.rows().len(),
    ];
    assert!(hidden > 0);
    assert_eq!(usize::try_from(joints).unwrap(), tables.iter().sum::<usize>() - hidden);
    let (_, strands) = caller.get("/network-connectables?limit=-1").await;
    let secret: Vec<String> = plant
        .joints
        .iter()
        .filter(|(_, joint)| !joint.documented)
        .map(|(ix, _)| ObjectId::from(Entity::Joint(ix)).to_string())
        .collect();
    let shown = strands.to_string();
    assert!(secret.iter().all(|id| !shown.contains(id)));
    // Read powers are measured: near what is calculated wherever the launch power was entered and the box is right.
    let client = plant
        .clients
        .keys()
        .find(|ix| {
            let trace = plant.trace(*ix);
            let client = plant.clients.get(*ix).unwrap();
            client.documented.port == Some(client.port)
                && trace.is_some_and(|trace| trace.potency.is_some_and(|power| power.thousandths() > 0))
        })
        .unwrap();
    let calculated = plant.trace(client).unwrap().arriving_potency().get();
    let code = plant.clients.get(client).unwrap().code.to_string();
    let read = ozmap.client_by_code(&code).unwrap().potency_read.unwrap();
    assert!((read - calculated).abs() < 6.0, "{read} {calculated}");
}

#[test]
fn two_plants_are_refused() {
    let plant = town(50);
    let error = seed::build(&[Population::Plant(Arc::clone(&plant)), Population::Plant(plant)]).unwrap_err();
    assert!(matches!(error, SimError::TwoPlants));
}
