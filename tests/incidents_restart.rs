//! Incidents outlive the process: a cut, SIGKILL, the next process, the repair.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod running;

use std::sync::Arc;
use std::time::Duration;

use oltwatch::config::Secret;
use oltwatch::mib::Library;
use oltwatch::model::Cause;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};
use running::{COMMUNITY, Running, json};
use serde_json::Value;

/// Some state intervals, in which nothing should happen.
const A_WHILE: Duration = Duration::from_secs(3);
const ONUS: usize = 8;

/// Incidents as the daemon's API gives them.
async fn incidents(client: &reqwest::Client, url: &str, state: &str) -> Vec<Value> {
    let page = json(client, &format!("{url}/api/v1/incidents?state={state}")).await;
    page["incidents"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_outlives_a_kill_and_is_cleared_by_the_repair_under_the_same_id() {
    let library = Library::load(None).unwrap();
    let options =
        GeneratedOptions { name: "olt-centro".to_owned(), pons: 2, onus_per_pon: 8, first_code: 100, seed: 1 };
    let mut plant = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
    let agent = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    let olt = SimulatedOlt::start(agent, plant.view().clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[store]\n[incident]\nsettle = \"1s\"\n\
         [[olt]]\nname = \"olt-centro\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"600ms\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
        olt.address()
    );
    std::fs::write(folder.path().join("oltwatch.toml"), text).unwrap();
    let client = running::client();

    let first = Running::start(folder.path(), "first.log");
    let url = first.url().await;
    let up = async |url: &str| {
        let page = json(&client, &format!("{url}/api/v1/onus?state=up")).await;
        page["onus"].as_array().unwrap().len()
    };
    first.until("every ONU is up", async || up(&url).await == 2 * ONUS).await;
    for place in 0..ONUS {
        plant.take_down(place, Cause::Optical);
    }
    first.until("the incident", async || incidents(&client, &url, "open").await.len() == 1).await;
    let database = folder.path().join("oltwatch.db");
    first
        .until("it is on the disk with all that it hit", async || {
            let shown = incidents(&client, &url, "open").await;
            let id = shown[0]["id"].as_str().unwrap();
            let kept = oltwatch::store::incident::find(&database, id).unwrap();
            let data = kept.map(|row| serde_json::from_str::<Value>(&row.data).unwrap());
            shown[0]["lost"] == ONUS && data.is_some_and(|data| data["incident"] == shown[0])
        })
        .await;
    let cut = incidents(&client, &url, "open").await.remove(0);
    first.kill();

    // The OLT is silent when the next one starts, which knows it all the same.
    olt.set_silent(true);
    let second = Running::start(folder.path(), "second.log");
    let url = second.url().await;
    assert_eq!(incidents(&client, &url, "open").await, [cut.clone()], "known at once, as it was");
    let of_losses = async |url: &str| {
        let mut open = incidents(&client, url, "open").await;
        // That the OLT does not answer is an incident of its own.
        open.retain(|one| one["kind"] != "olt_unreachable");
        open
    };
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(of_losses(&url).await, [cut.clone()], "silence changes nothing: {}", second.log());
    olt.set_silent(false);
    second.until("the other half is read as up", async || up(&url).await == ONUS).await;
    tokio::time::sleep(A_WHILE).await;
    let now = of_losses(&url).await;
    assert_eq!((now.len(), &now[0]["id"], &now[0]["lost"]), (1, &cut["id"], &ONUS.into()), "{now:#?}");
    assert!(
        incidents(&client, &url, "cleared").await.iter().all(|one| one["kind"] == "olt_unreachable"),
        "nothing is cleared because of the restart: {}",
        second.log()
    );

    for place in 0..ONUS {
        plant.bring_up(place);
    }
    second.until("it is over", async || incidents(&client, &url, "open").await.is_empty()).await;
    let over = async |url: &str| {
        let mut cleared = incidents(&client, url, "cleared").await;
        cleared.retain(|one| one["kind"] != "olt_unreachable");
        cleared
    };
    let cleared = over(&url).await;
    assert_eq!((cleared.len(), &cleared[0]["id"]), (1, &cut["id"]), "{cleared:#?}");
    second
        .until("the disk knows it", async || {
            let id = cut["id"].as_str().unwrap();
            oltwatch::store::incident::find(&database, id).unwrap().is_some_and(|row| row.cleared.is_some())
        })
        .await;
    second.kill();

    // Those that are over are shown again, and stay over.
    let third = Running::start(folder.path(), "third.log");
    let url = third.url().await;
    assert_eq!(over(&url).await, cleared);
    assert!(incidents(&client, &url, "open").await.is_empty());
}
