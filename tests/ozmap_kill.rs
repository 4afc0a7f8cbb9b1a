//! A daemon that is killed while it writes to OZmap: nothing is lost, and nobody is red without a reason.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod running;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use oltwatch::config::Secret;
use oltwatch::mib::Library;
use oltwatch::model::Cause;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};
use oltwatch::sim::ozmap::{
    Fault, FaultKind, OzmapOptions, Population, RecordedRequest, Scope, SeedClient, SimulatedOzmap,
};
use oltwatch::store::journal;
use running::{COMMUNITY, Running, TOKEN};

fn is_write(request: &RecordedRequest) -> bool {
    request.is_write()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_being_written_is_read_back_first_and_then_decided_anew() {
    let library = Library::load(None).unwrap();
    let options =
        GeneratedOptions { name: "olt-centro".to_owned(), pons: 2, onus_per_pon: 8, first_code: 100, seed: 1 };
    let mut plant = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
    let agent = AgentOptions { community: Secret::new(COMMUNITY.to_owned()), ..AgentOptions::default() };
    let olt = SimulatedOlt::start(agent, plant.view().clone()).unwrap();
    let clients =
        plant.onus().iter().zip(100..).map(|(onu, code)| {
            SeedClient::new(code.to_string(), "Maria").serial(onu.serial.clone().unwrap().to_string())
        });
    let ozmap =
        SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(Population::List(clients.collect()))).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"OZMAP_TOKEN\"\nmode = \"write\"\nrequests_per_second = 1000\nburst = 100\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n[store]\n\
         [[olt]]\nname = \"olt-centro\"\naddress = \"{}\"\nstate_every = \"300ms\"\noptics_every = \"600ms\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n",
        ozmap.url(),
        olt.address()
    );
    std::fs::write(folder.path().join("oltwatch.toml"), text).unwrap();
    let file = folder.path().join("oltwatch.db");
    let red = || -> Vec<u32> { (100..116).filter(|code| ozmap.status_of(&code.to_string()) == Some(1)).collect() };

    let first = Running::start(folder.path(), "first.log");
    first.until("the first read", async || ozmap.request_count() > 0).await;
    // Writes are carried out, and their answers never come.
    let never = FaultKind::GatewayTimeout { delay: Duration::from_secs(600), applied: true };
    ozmap.set_faults([Fault::always(never).on(Scope::Writes)]);
    for onu in 2..=8 {
        plant.take_down(onu, Cause::Optical);
    }
    // One sweep may find all of them, or only some: what is under way then is one batch, or one client.
    first.until("a write under way", async || !red().is_empty()).await;
    first.kill();
    let open = journal::open_entries(&file).unwrap();
    assert!(open.len() >= red().len(), "each was written down before it was sent: {open:?}");

    // Meanwhile three are back, and somebody else has cleared one that is still lost.
    ozmap.set_faults([]);
    for onu in 2..=4 {
        plant.bring_up(onu);
    }
    ozmap.set_status("108", false);
    let before = ozmap.request_count();
    let second = Running::start(folder.path(), "second.log");
    second.until("the truth", async || red() == [105, 106, 107, 108]).await;
    second.until("its ending", async || journal::open_entries(&file).is_ok_and(|open| open.is_empty())).await;
    let requests = ozmap.requests_since(before);
    let place = |found: &dyn Fn(&RecordedRequest) -> bool| requests.iter().position(found).unwrap();
    let (read_back, directory, write) = (
        place(&|request| request.path.ends_with("/ftth-clients")),
        place(&|request| request.path.ends_with("/properties")),
        place(&is_write),
    );
    assert!(read_back < directory && directory < write, "{read_back} {directory} {write}");
    second.kill();
    let revert = Command::new(env!("CARGO_BIN_EXE_oltwatch"))
        .args(["ozmap", "revert", "--since", "1h", "-c"])
        .arg(folder.path().join("oltwatch.toml"))
        .env("OZMAP_TOKEN", TOKEN)
        .env("OLT_COMMUNITY", COMMUNITY)
        .output()
        .unwrap();
    assert!(revert.status.success(), "{revert:?}");
    assert_eq!(red(), [] as [u32; 0], "all is as it was before anything was written");
}
