//! What outlives the process: a daemon that is killed, and one that takes over from its database.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod running;

use std::sync::Arc;
use std::time::{Duration, Instant};

use oltwatch::config::Secret;
use oltwatch::mib::Library;
use oltwatch::model::{Cause, Dbm};
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};
use oltwatch::sim::ozmap::{OzmapOptions, Population, SeedClient, SimulatedOzmap};
use running::{COMMUNITY, PATIENCE, Running, TOKEN, json};

/// Some state intervals, in which nothing should happen.
const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_flips_nothing_and_shows_at_once_what_was_held() {
    let library = Library::load(None).unwrap();
    let options =
        GeneratedOptions { name: "olt-centro".to_owned(), pons: 2, onus_per_pon: 8, first_code: 100, seed: 1 };
    let mut plant = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
    let agent = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    let olt = SimulatedOlt::start(agent, plant.view().clone()).unwrap();
    let serials: Vec<String> = plant.onus().iter().map(|onu| onu.serial.clone().unwrap().to_string()).collect();
    let clients =
        serials.iter().zip(100..).map(|(serial, code)| SeedClient::new(code.to_string(), "Maria").serial(serial));
    let ozmap =
        SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(Population::List(clients.collect()))).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"OZMAP_TOKEN\"\nmode = \"write\"\nrequests_per_second = 1000\nburst = 100\n\
         full_read = \"3s\"\n[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n\
         [http]\nlisten = \"127.0.0.1:0\"\n[store]\n\
         [[olt]]\nname = \"olt-centro\"\naddress = \"{}\"\nstate_every = \"400ms\"\noptics_every = \"600ms\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
        ozmap.url(),
        olt.address()
    );
    std::fs::write(folder.path().join("oltwatch.toml"), text).unwrap();
    let client = running::client();

    let first = Running::start(folder.path(), "first.log");
    first.until("matching", async || first.log().contains("oltwatch runs") && ozmap.requests().len() > 3).await;
    plant.take_down(3, Cause::Optical);
    plant.set_rx(7, Dbm::new(-29.5).unwrap());
    first.until("ERROR of both", async || ["103", "107"].iter().all(|code| ozmap.status_of(code) == Some(1))).await;
    let url = first.url().await;
    // What changed is on the disk within seconds.
    first
        .until("both on the disk", async || {
            let metrics = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
            metrics.contains("oltwatch_store_waiting{what=\"onus\"} 0") && metrics.contains("oltwatch_store_failing 0")
        })
        .await;
    tokio::time::sleep(A_WHILE).await;
    let writes = ozmap.applied_writes();
    first.kill();

    // The OLT is silent when the next one starts, which knows it all the same.
    olt.set_silent(true);
    let second = Running::start(folder.path(), "second.log");
    let url = second.url().await;
    let onu = async |place: usize| {
        let page = json(&client, &format!("{url}/api/v1/onus?serial={}", serials[place])).await;
        page["onus"][0].clone()
    };
    second.until("what was held", async || onu(3).await["truth"] == "stale").await;
    let (lost, weak) = (onu(3).await, onu(7).await);
    for held in [&lost, &weak] {
        assert_eq!((&held["truth"], &held["verdict"]), (&"stale".into(), &"hold".into()), "{held}");
        assert!(held["reason"].as_str().unwrap().contains("before the restart"), "{held}");
    }
    assert!(lost["reason"].as_str().unwrap().starts_with("down(optical) until"), "{lost}");
    assert_eq!((&weak["level"], &weak["pon"].is_string()), (&"critical".into(), &true), "{weak}");
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.applied_writes(), writes, "what is known from before is no evidence: {}", second.log());

    olt.set_silent(false);
    second.until("the loss to be read again", async || onu(3).await["truth"] == "down").await;
    second.until("the level to be read again", async || onu(7).await["verdict"] == "error").await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(ozmap.applied_writes(), writes, "nothing flips: {}", second.log());
    plant.bring_up(3);
    plant.set_rx(7, Dbm::new(-19.0).unwrap());
    second.until("OK of both", async || ["103", "107"].iter().all(|code| ozmap.status_of(code) == Some(0))).await;

    // Both lives are in the history of the one that lost its light.
    let page = onu(3).await;
    let history = format!("{url}/api/v1/onus/olt-centro/{}/{}/history", page["pon"].as_str().unwrap(), page["onu"]);
    second
        .until("light in the history", async || {
            let history = json(&client, &history).await;
            let points = history["points"].as_array().unwrap();
            let states: Vec<&str> = points.iter().map(|point| point["state"].as_str().unwrap()).collect();
            states.contains(&"down") && points.last().is_some_and(|point| point["rx_dbm"].is_number())
        })
        .await;
    let store = oltwatch::store::contents(&folder.path().join("oltwatch.db")).unwrap();
    assert_eq!((store.olts[0].held, store.olts[0].devices), (16, 16));
}

#[test]
fn a_database_that_cannot_be_used_ends_run_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n[store]\n\
                [[olt]]\nname = \"olt-centro\"\naddress = \"127.0.0.1:9\"\n";
    std::fs::write(folder.path().join("oltwatch.toml"), text).unwrap();
    std::fs::write(folder.path().join("oltwatch.db"), "somebody's notes").unwrap();
    let mut running = Running::start(folder.path(), "log");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = running.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it runs: {}", running.log());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(1), "{}", running.log());
    assert!(running.log().contains("oltwatch.db: is no database of oltwatch"), "{}", running.log());
    assert_eq!(std::fs::read(folder.path().join("oltwatch.db")).unwrap(), b"somebody's notes");
}
