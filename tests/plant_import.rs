//! The import of the plant by the daemon's own task, from a simulated OZmap over HTTP: what it costs in requests, and that it is right.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use oltwatch::config::{Config, Keep, Ozmap};
use oltwatch::model::ClientId;
use oltwatch::ozmap::{Client, PlantImport, PlantSnapshot, PlantSource, Pusher};
use oltwatch::sim::ozmap::{Fault, OzmapOptions, Population, RecordedRequest, SimulatedOzmap};
use oltwatch::store::Store;
use serde_json::Value;
use tokio::sync::watch;

const TOKEN: &str = "token-of-the-plant";

/// How long something may take that should take a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(url: &str) -> Ozmap {
    let text = format!(
        "[ozmap]\nurl = {url:?}\ntoken = \"{TOKEN}\"\nrequests_per_second = 1000\nburst = 1000\ndelta_read = \"0s\"\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n\
         [[olt]]\nname = \"a\"\naddress = \"192.0.2.1\"\ncredential = \"default\"\n"
    );
    Config::parse(&text, "test.toml", &std::env::temp_dir(), &|_| None).unwrap().ozmap.unwrap()
}

/// What the daemon runs of it, until everything is known; with what it kept in `store`.
async fn import(ozmap: &SimulatedOzmap, store: Option<Arc<Store>>) -> Arc<PlantSnapshot> {
    let config = config(&ozmap.url());
    let (stop, stopped) = watch::channel(false);
    let client = Client::new(&config).unwrap();
    let pusher = Pusher::spawn(&client, &config, stopped.clone());
    let import = PlantImport::spawn(&client, config.plant, pusher.subscribe(), store, stopped);
    let mut snapshots = import.subscribe();
    let all =
        snapshots.wait_for(|plant| plant.clients > 0 && plant.source != PlantSource::Undecided && plant.waiting == 0);
    let found = tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap().clone();
    stop.send_replace(true);
    import.ended().await;
    pusher.stop().await;
    found
}

fn below_root(request: &RecordedRequest) -> &str {
    request.path.strip_prefix("/api/v2/").unwrap()
}

/// Of a read of rows: the ids that it asked for.
fn ids(request: &RecordedRequest) -> Vec<String> {
    let url = reqwest::Url::parse(&format!("http://ozmap/?{}", request.query.as_deref().unwrap_or_default())).unwrap();
    let filter = url.query_pairs().find(|(name, _)| name == "filter").unwrap().1.into_owned();
    let filter: Value = serde_json::from_str(&filter).unwrap();
    assert_eq!((&filter[0]["property"], &filter[0]["operator"]), (&"id".into(), &"in".into()));
    filter[0]["value"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// What OZmap's own trace of a client says.
async fn trace(ozmap: &SimulatedOzmap, code: &str) -> Value {
    let url = format!("{}/api/v2/properties/client/{code}/potency", ozmap.url());
    // Another test may have been first; one provider is as good as another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = client.get(url).header("authorization", TOKEN).send().await.unwrap().text().await.unwrap();
    serde_json::from_str::<Value>(&body).unwrap()[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_clients_take_some_sixty_requests_and_all_ways_are_those_of_the_traces() {
    let options = OzmapOptions::new(TOKEN).with(Population::clients(2000, 7));
    let ozmap = SimulatedOzmap::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("o.db"), Keep::default()).unwrap());
    let found = import(&ozmap, Some(Arc::clone(&store))).await;
    assert_eq!((found.clients, found.routes, found.source), (2000, 2000, PlantSource::Walk));
    assert_eq!((found.sample.asked, found.sample.compared, found.sample.differ), (24, 24, 0));

    let requests = ozmap.requests();
    let of = |path: &str| requests.iter().filter(|request| below_root(request) == path).collect::<Vec<_>>();
    let lists = ["boxes", "pops", "buildings", "olts", "slots", "pons", "cables"];
    let pages: BTreeMap<&str, usize> = lists.into_iter().map(|list| (list, of(list).len())).collect();
    // 2000 drops and 162 cables in pages of 500; everything else fits on one.
    let expected = lists.map(|list| (list, if list == "cables" { 5 } else { 1 }));
    assert_eq!(pages, expected.into());
    let rows: Vec<&RecordedRequest> =
        [of("network-connectors"), of("network-connectables")].into_iter().flatten().collect();
    let mut asked = BTreeSet::new();
    for request in &rows {
        let ids = ids(request);
        assert!(ids.len() <= 150 && request.query.as_ref().unwrap().len() < 6 * 1024, "{request:?}");
        for id in ids {
            assert!(asked.insert(id.clone()), "{id} is asked for twice");
        }
    }
    // 125 boxes on 32 PONs of two feeders: 157 splitters, 32 fusions, 32 passings, two patch panels; 125 + 32 + 64 fibres and 32 cords.
    assert_eq!(asked.len(), 157 + 32 + 32 + 2 + 125 + 32 + 64 + 32);
    assert!(rows.len() <= 30, "{} reads of rows", rows.len());
    let traces = requests.iter().filter(|request| request.path.ends_with("/potency")).count();
    assert_eq!(traces, 24);
    let counted = found.requests.clone();
    assert_eq!((counted["pages"], counted["traces"]), (11, 24));
    assert_eq!(counted["rows"], rows.len() as u64);
    assert_eq!(ozmap.writes(), 0);

    let plant = &found.plant;
    for view in ozmap.clients().iter().step_by(17) {
        let code = view.code.as_str();
        let traced = trace(&ozmap, code).await;
        let id: ClientId = view.id.to_string().parse().unwrap();
        let client = plant.client(&id).unwrap();
        let loss = plant.loss_of(client).unwrap().get();
        assert!((loss - traced["attenuation"].as_f64().unwrap()).abs() < 0.0015, "{code}: {loss} and {traced}");
        let metres = plant.route_length(client).unwrap().get();
        assert!((metres - traced["distance"].as_f64().unwrap() * 1000.0).abs() < 1.5, "{code}: {metres} and {traced}");
        let pon = plant.element(plant.node(plant.pon_of(client).unwrap()).unwrap().element()).unwrap();
        assert_eq!(pon.id.unwrap().to_string(), traced["pon"]["id"].as_str().unwrap());
        match traced["potency"].as_f64().filter(|launch| *launch != 0.0) {
            Some(launch) => {
                assert!((plant.calculated(client).unwrap().get() - (launch - loss)).abs() < 0.0015, "{code}")
            }
            None => assert_eq!(plant.calculated(client), None, "nobody entered the launch power"),
        }
        let place = plant.element(plant.box_of(client).unwrap()).unwrap();
        let splitter =
            traced["elements"].as_array().unwrap().iter().rev().find(|hop| hop["element"]["kind"] == "Splitter");
        let splitter = splitter.unwrap();
        assert_eq!(place.id.unwrap().to_string(), splitter["parent"]["id"].as_str().unwrap());
        let port = &splitter["element"]["port"];
        let port = port["number"].as_u64().or_else(|| port.as_u64()).unwrap();
        assert_eq!(u64::from(plant.splitter_of(client).unwrap().1), port);
    }

    // A restart asks for nothing of the plant again.
    assert!(store.flush(PATIENCE));
    let before = ozmap.request_count();
    let again = import(&ozmap, Some(store)).await;
    assert_eq!((again.routes, again.source, again.sample.compared), (2000, PlantSource::Walk, 24));
    assert_eq!(again.requests.values().sum::<u64>(), 0);
    let asked = ozmap.requests_since(before);
    assert!(asked.iter().all(|request| below_root(request) == "properties"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_lists_may_not_be_read_every_client_is_traced_and_who_has_no_route_falls_back_to_its_box() {
    let forbidden: Fault = "forbidden:on=/cables".parse().unwrap();
    let options =
        OzmapOptions::new(TOKEN).with(Population::clients(40, 7)).with(Population::Awkward).with_fault(forbidden);
    let ozmap = SimulatedOzmap::start(options).await.unwrap();
    let found = import(&ozmap, None).await;
    assert_eq!(found.source, PlantSource::Traces);
    let traced: Vec<String> = ozmap
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("/potency"))
        .map(|request| request.path.clone())
        .collect();
    for code in 10_001..=10_040 {
        let path = format!("/api/v2/properties/client/{code}/potency");
        assert_eq!(traced.iter().filter(|other| **other == path).count(), 1, "{path}");
    }
    assert!(traced.len() <= found.clients, "each client once: {traced:?}");
    assert!(found.routes >= 40 && found.missing["no_path"] + found.missing["unknown_code"] > 0, "{:?}", found.missing);
    for (client, _) in found.without.iter() {
        let client = found.plant.client(client).unwrap();
        assert!(!found.plant.pon_reached(client) && found.plant.calculated(client).is_none());
    }
}
