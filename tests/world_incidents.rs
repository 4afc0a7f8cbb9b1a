//! From a fault in a whole simulated network to what operators and OZmap see of it: `sim world` over real SNMP and HTTP, and the
//! daemon in write mode.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

mod live_support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use live_support::{Town, options};
use oltwatch::incident::{Incident, Kind, Step};
use oltwatch::model::{SweepKind, Timestamp};
use oltwatch::ozmap::PushOutcome;
use oltwatch::sim::ozmap::WriteKind;
use oltwatch::sim::plant::{CableKind, Index, OltIx};
use oltwatch::sim::world::{Action, Pieces};

const STATE_EVERY: Duration = Duration::from_secs(1);
/// Some state intervals, in which nothing should happen.
const A_WHILE: Duration = Duration::from_secs(5);

fn only_open(town: &Town) -> Arc<Incident> {
    let view = town.daemon.board().incidents();
    assert_eq!(view.open.len(), 1, "one fault, one incident: {:#?}", view.open);
    view.open[0].clone()
}

/// State sweeps of an OLT that began after a time and were whole when `is_over` came true.
async fn sweeps_until(town: &Town, olt: &str, since: Timestamp, is_over: impl Fn() -> bool) -> usize {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    town.until("an incident", || {
        let report = town.daemon.board().olt(olt).unwrap();
        let last = report.view.last(SweepKind::State).map(|last| last.started);
        seen.borrow_mut().extend(last.filter(|started| *started > since));
        is_over()
    })
    .await;
    seen.into_inner().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_is_located_its_clients_go_red_in_a_batch_and_green_after_the_repair() {
    let town = Town::new(options(5), STATE_EVERY).await;
    let cable = town.cable(CableKind::Distribution);
    let row = town.ground().plant().cables.get(cable).unwrap().clone();
    let codes = town.codes_behind(cable);
    let plant = town.ground().plant();
    let olt = town.olt_of(cable);
    assert!(codes.len() >= 5, "{codes:?}");

    let action = Action::Cut { cable, metre: row.length / 2.0, pieces: Pieces::ONE };
    // Between two sweeps: in the midst of one, some would be lost in it and some in the next.
    town.after_sweep(&olt).await;
    let (cut_at, began) = (live_support::now(), town.strike(action).await);
    let view = || town.daemon.board().incidents();
    let sweeps = sweeps_until(&town, &olt, cut_at, || !view().open.is_empty()).await;
    let located = began.elapsed();
    town.until("all of them in it", || view().open.iter().any(|one| one.lost as usize == codes.len())).await;
    town.until("its clients are written", || {
        town.pushes().iter().filter(|(_, push)| push.outcome == PushOutcome::Shown).count() == codes.len()
    })
    .await;
    let written = began.elapsed();
    eprintln!(
        "located after {located:.1?} and {sweeps} sweeps, written after {written:.1?}, at {STATE_EVERY:?} a sweep"
    );
    // At most one more while it is thought over, and one that confirms.
    assert!((1..=3).contains(&sweeps), "{sweeps} state sweeps");

    let incident = only_open(&town);
    let place = incident.place.as_ref().unwrap();
    assert_eq!(incident.kind, Kind::Cut, "{incident:#?}");
    assert_eq!((place.element.kind, place.element.name.as_deref()), ("cable", Some(&*row.name)), "{incident:#?}");
    let end = |end: &Option<oltwatch::incident::NamedElement>| end.as_ref().and_then(|end| end.name.clone());
    let ends = [row.a, row.b].map(|place| plant.places.get(place).map(|place| place.name.to_string()));
    assert_eq!([end(&place.from), end(&place.to)], ends, "{place:?}");
    let members: BTreeSet<&str> = incident.onus.iter().filter_map(|onu| onu.code.as_deref()).collect();
    assert_eq!(members.into_iter().collect::<Vec<_>>(), codes);

    // The incident first, then the clients, for its sake; all of them in one batch, and nobody else.
    let opened = town.changes().iter().find(|(_, change)| change.step == Step::Opened).unwrap().0;
    for (id, push) in town.pushes() {
        assert!(id > opened, "{push:?} before the incident");
        assert_eq!(push.change.incident.as_deref(), Some(&*incident.id.to_string()), "{push:?}");
    }
    assert_eq!(town.red().await, codes);
    {
        let live = town.live.lock().await;
        let batches = live.ozmap().writes_of(WriteKind::ClientBatch).applied;
        let requests = live.ozmap().requests();
        let writes: Vec<_> = requests.iter().filter(|request| request.is_write()).collect();
        assert_eq!((batches, writes.len()), (1, 1), "{writes:#?}");
    }

    town.repair().await;
    town.until("it is over", || view().open.is_empty()).await;
    town.until("all are green", || town.pushes().len() == 2 * codes.len()).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(town.red().await, [] as [&str; 0]);
    let ids: BTreeSet<String> = town.changes().iter().map(|(_, change)| change.incident.id.to_string()).collect();
    assert_eq!(ids.len(), 1, "the same incident all along, and no other");
    town.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_outage_of_an_area_is_one_incident_and_nothing_is_written() {
    let town = Town::new(options(6), STATE_EVERY).await;
    let plant = town.ground().plant();
    let pon = live_support::fullest(town.ground());
    let centre = plant.clients.get(town.ground().on_pon(pon)[0]).unwrap().house;
    let action = Action::Power { centre, radius: 900.0, share: 1.0, pieces: Pieces::ONE };
    town.strike(action).await;
    let hit = town.live.lock().await.world().truths()[0].clients.len();
    assert!(hit >= 10, "{hit} houses");
    let view = || town.daemon.board().incidents();
    town.until("an outage with all of them", || {
        view().open.iter().any(|one| one.kind == Kind::Power && one.lost as usize == hit)
    })
    .await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!((only_open(&town).kind, town.writes().await), (Kind::Power, 0));
    town.repair().await;
    town.until("it is over", || view().open.is_empty()).await;
    tokio::time::sleep(A_WHILE).await;
    let kinds: BTreeSet<Kind> = town.changes().iter().map(|(_, change)| change.incident.kind).collect();
    assert!(!kinds.contains(&Kind::Cut), "{kinds:?}");
    let ids: BTreeSet<String> = town.changes().iter().map(|(_, change)| change.incident.id.to_string()).collect();
    assert_eq!((ids.len(), town.writes().await), (1, 0), "{:#?}", town.changes());
    town.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_olt_that_cannot_be_reached_is_no_fault_of_the_plant_and_nothing_is_written() {
    let town = Town::new(options(7), STATE_EVERY).await;
    let olt = OltIx::from_place(1);
    let name = town.ground().plant().olts.get(olt).unwrap().name.clone();
    town.strike(Action::Unreachable { olt }).await;
    let view = || town.daemon.board().incidents();
    town.until("it is unreachable", || !view().open.is_empty()).await;
    tokio::time::sleep(A_WHILE).await;
    let incident = only_open(&town);
    let place = incident.place.as_ref().unwrap();
    assert_eq!((incident.kind, place.element.name.as_deref()), (Kind::OltUnreachable, Some(&*name)));
    // What OZmap calls its head end is what the OLT is called here.
    let known = town.daemon.board().plant().unwrap().plant.clone();
    let heads: BTreeSet<&str> = known
        .nodes()
        .filter_map(|(_, node)| known.element(node.element()))
        .filter(|element| element.kind == oltwatch::plant::ElementKind::Olt)
        .filter_map(|element| element.name)
        .collect();
    assert!(heads.contains(&*name) && heads.len() == 2, "{heads:?}");
    town.repair().await;
    town.until("it answers again", || view().open.is_empty()).await;
    tokio::time::sleep(A_WHILE).await;
    let kinds: BTreeSet<Kind> = town.changes().iter().map(|(_, change)| change.incident.kind).collect();
    assert_eq!((kinds.into_iter().collect::<Vec<_>>(), town.writes().await), (vec![Kind::OltUnreachable], 0));
    town.end().await;
}
