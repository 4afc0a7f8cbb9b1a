//! Incidents outlive the process: a cut, SIGKILL, the next process, the repair.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;
mod running;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cli_support::{ended, oltwatch};
use oltwatch::config::Secret;
use oltwatch::mib::Library;
use oltwatch::model::Cause;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};
use oltwatch::store::incident;
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

/// An OLT with two PONs, and the folder of a daemon that polls it.
struct Town {
    plant: GeneratedOlt,
    olt: SimulatedOlt,
    folder: tempfile::TempDir,
}

fn town() -> Town {
    let library = Library::load(None).unwrap();
    let options =
        GeneratedOptions { name: "olt-centro".to_owned(), pons: 2, onus_per_pon: 8, first_code: 100, seed: 1 };
    let plant = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
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
    Town { plant, olt, folder }
}

/// A daemon that has read every ONU as up, and where its pages are.
async fn started(folder: &Path, client: &reqwest::Client) -> (Running, String) {
    let daemon = Running::start(folder, "first.log");
    let url = daemon.url().await;
    daemon.until("every ONU is up", async || up(client, &url).await == 2 * ONUS).await;
    (daemon, url)
}

/// How many ONUs are up.
async fn up(client: &reqwest::Client, url: &str) -> usize {
    json(client, &format!("{url}/api/v1/onus?state=up")).await["onus"].as_array().unwrap().len()
}

/// Those that are not over.
async fn under_way(client: &reqwest::Client, url: &str) -> Vec<Value> {
    let page = json(client, &format!("{url}/api/v1/incidents")).await;
    let mut all = page["incidents"].as_array().unwrap().clone();
    all.retain(|one| one["state"] != "cleared");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_outlives_a_kill_and_is_cleared_by_the_repair_under_the_same_id() {
    let Town { mut plant, olt, folder } = town();
    let client = running::client();

    let (first, url) = started(folder.path(), &client).await;
    for place in 0..ONUS {
        plant.take_down(place, Cause::Optical);
    }
    first.until("the incident", async || incidents(&client, &url, "open").await.len() == 1).await;
    let database = folder.path().join("oltwatch.db");
    first
        .until("it is on the disk with all that it hit", async || {
            let shown = incidents(&client, &url, "open").await;
            let id = shown[0]["id"].as_str().unwrap();
            let kept = incident::find(&database, id).unwrap();
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
    let of_losses = async |url: &str| {
        let mut open = under_way(&client, url).await;
        // That the OLT does not answer is an incident of its own.
        open.retain(|one| one["kind"] != "olt_unreachable");
        open
    };
    assert_eq!(of_losses(&url).await, std::slice::from_ref(&cut), "known at once, as it was");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(of_losses(&url).await, std::slice::from_ref(&cut), "silence changes nothing: {}", second.log());
    olt.set_silent(false);
    second.until("the other half is read as up", async || up(&client, &url).await == ONUS).await;
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
    second.until("it is over", async || under_way(&client, &url).await.is_empty()).await;
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
            incident::find(&database, id).unwrap().is_some_and(|row| row.cleared.is_some())
        })
        .await;
    second.kill();

    // Those that are over are shown again, and stay over.
    let third = Running::start(folder.path(), "third.log");
    let url = third.url().await;
    assert_eq!(over(&url).await, cleared);
    assert!(under_way(&client, &url).await.is_empty());
}

/// What a command prints; it has to end with this code.
fn said(folder: &Path, arguments: &[&str], code: i32) -> String {
    let mut command = oltwatch();
    command
        .arg("incidents")
        .args(arguments)
        .arg("-c")
        .arg(folder.join("oltwatch.toml"))
        .env("OLT_COMMUNITY", COMMUNITY);
    let ended = ended(command);
    assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
    if code == 0 { ended.stdout } else { ended.stderr }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_says_of_an_incident_ends_it_is_kept_and_is_counted() {
    let Town { mut plant, olt: _olt, folder } = town();
    let client = running::client();
    let (first, url) = started(folder.path(), &client).await;
    for place in 0..ONUS {
        plant.take_down(place, Cause::Optical);
    }
    first.until("the incident", async || incidents(&client, &url, "open").await.len() == 1).await;
    let id = incidents(&client, &url, "open").await[0]["id"].as_str().unwrap().to_owned();
    let database = folder.path().join("oltwatch.db");
    first.until("it is kept", async || incident::find(&database, &id).unwrap().is_some()).await;

    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert!(said(folder.path(), &["close", unknown, "--cause", "cut"], 1).contains("there is no incident"));
    assert!(said(folder.path(), &["close", &id, "--cause", "moon"], 2).contains("false-alarm"));
    let before: Value = serde_json::from_str(&said(folder.path(), &["precision", "--format", "json"], 0)).unwrap();
    assert_eq!((&before["all"]["open"], &before["all"]["closed"]), (&1.into(), &0.into()), "{before}");
    let told = said(folder.path(), &["close", &id, "--cause", "cut", "--at", "CABO 01", "--note", "a lorry"], 0);
    assert!(told.contains(&id) && told.contains("it was cut at CABO 01") && told.contains("ends it"), "{told}");
    first.until("it ends", async || incidents(&client, &url, "cleared").await.len() == 1).await;
    let closed = incidents(&client, &url, "cleared").await.remove(0);
    assert_eq!(
        (&closed["id"], &closed["closing"]["cause"], &closed["closing"]["note"]),
        (&id.as_str().into(), &"cut".into(), &"a lorry".into())
    );
    let right = u64::from(closed["kind"] == "cut");
    let counted =
        || -> Value { serde_json::from_str(&said(folder.path(), &["precision", "--format", "json"], 0)).unwrap() };
    first.until("it is counted", async || counted()["all"]["closed"] == 1).await;
    let all = counted()["all"].clone();
    assert_eq!((&all["right_kind"], &all["placed"], &all["over"]), (&right.into(), &1.into(), &1.into()), "{all}");
    first.kill();

    // Those ONUs are still dark: they open nothing again, and what was said is still known.
    let second = Running::start(folder.path(), "second.log");
    let url = second.url().await;
    assert_eq!(incidents(&client, &url, "cleared").await, [closed]);
    tokio::time::sleep(A_WHILE).await;
    assert!(under_way(&client, &url).await.is_empty(), "{}", second.log());
    let table = said(folder.path(), &["precision"], 0);
    assert!(table.contains("of 1 that people closed"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_written_stops_no_incident_and_has_it_when_it_can() {
    let Town { mut plant, olt: _olt, folder } = town();
    let client = running::client();
    let (daemon, url) = started(folder.path(), &client).await;
    let (database, aside) = (folder.path().join("oltwatch.db"), folder.path().join("aside.db"));
    std::fs::rename(&database, &aside).unwrap();
    for place in 0..ONUS {
        plant.take_down(place, Cause::Optical);
    }
    daemon.until("the incident", async || incidents(&client, &url, "open").await.len() == 1).await;
    daemon
        .until("it is said", async || {
            let ready = json(&client, &format!("{url}/readyz")).await;
            ready["status"] == "ready" && ready["warnings"].to_string().contains("the database cannot be written")
        })
        .await;
    std::fs::rename(&aside, &database).unwrap();
    let id = incidents(&client, &url, "open").await[0]["id"].as_str().unwrap().to_owned();
    daemon.until("it is kept", async || incident::find(&database, &id).is_ok_and(|row| row.is_some())).await;
}
