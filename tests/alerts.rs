//! Alerts end to end: a simulated OLT over real SNMP, the daemon with its database, and what a webhook gets of it.

// A test may fail loudly; the allowances of clippy.toml reach only into functions marked as tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alert_support;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alert_support::{Fault, Recorder};
use oltwatch::alert::marks::{self, AckMark};
use oltwatch::config::{Config, Secret};
use oltwatch::daemon::Daemon;
use oltwatch::mib::Library;
use oltwatch::model::Cause;
use oltwatch::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions};
use serde_json::Value;
use support::Watched;

const ONUS: usize = 12;

fn of_type(requests: &[alert_support::Request], step: &str) -> Vec<Value> {
    let events = requests.iter().map(alert_support::Request::json);
    events.filter(|event| event["type"] == format!("oltwatch.incident.{step}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_and_a_silent_olt_reach_the_crew_of_their_region_and_end_there() {
    let (north, south) = (Recorder::start().await, Recorder::start().await);
    // The first try fails: it is sent again.
    north.fail_next([Fault::Reset]);
    let library = Library::load(None).unwrap();
    let options = GeneratedOptions {
        name: "olt-norte".to_owned(),
        pons: 2,
        onus_per_pon: u32::try_from(ONUS).unwrap(),
        first_code: 10_001,
        seed: 1,
    };
    let mut olt = GeneratedOlt::new(Arc::clone(library.get("huawei-smartax").unwrap()), &options).unwrap();
    let options = AgentOptions { community: Secret::new("public".to_owned()), ..AgentOptions::default() };
    let agent = Watched::start(options, olt.view().clone(), 1);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[store]\npath = \"oltwatch.db\"\n[incident]\nsettle = \"2s\"\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n\
         [[olt]]\nname = \"olt-norte\"\naddress = \"{}\"\nregion = \"north\"\nstate_every = \"400ms\"\noptics_every = \"2s\"\n\
         inventory_every = \"5s\"\npdus_per_second = 2000\ntimeout = \"300ms\"\nretries = 1\n\
         [[alert]]\nkind = \"webhook\"\nname = \"north\"\nurl = \"{}/n\"\nregions = [\"north\"]\n\
         [[alert]]\nkind = \"webhook\"\nname = \"south\"\nurl = \"{}/s\"\nregions = [\"south\"]\n",
        agent.address(),
        north.url,
        south.url
    );
    let config = Config::parse(&text, "test", folder.path(), &|_| None).unwrap();
    assert_eq!(config.alerts_file.as_deref(), Some(folder.path().join("oltwatch.alerts").as_path()));
    let daemon = Daemon::start(&config, Arc::new(library)).unwrap();
    let up = || daemon.board().olts()[0].view.onus().count() == 2 * ONUS;
    while !up() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for place in 0..ONUS {
        olt.take_down(place, Cause::Optical);
    }
    let requests = north.until("the cut", |requests| of_type(requests, "opened").len() >= 2).await;
    let opened = of_type(&requests, "opened");
    assert_eq!(opened[0]["id"], opened[1]["id"], "the same once more, after the reset");
    let incident = &opened[1]["data"]["incident"];
    assert_eq!((&incident["regions"][0], &incident["olts"][0]), (&"north".into(), &"olt-norte".into()));
    let id = incident["id"].as_str().unwrap().to_owned();

    // Somebody sees to it, as `oltwatch alert ack` writes it down.
    let ack = AckMark { incident: id.to_lowercase(), by: "Ana".to_owned(), at: alert_support::now() };
    marks::acknowledge(Path::new(&folder.path().join("oltwatch.alerts")), ack).unwrap();
    let requests = north.until("the acknowledgement", |requests| !of_type(requests, "acknowledged").is_empty()).await;
    assert_eq!(of_type(&requests, "acknowledged")[0]["data"]["incident"]["ack"]["by"], "Ana");

    for place in 0..ONUS {
        olt.bring_up(place);
    }
    let requests = north.until("its end", |requests| !of_type(requests, "cleared").is_empty()).await;
    assert_eq!(of_type(&requests, "cleared")[0]["subject"], id);

    agent.set_silent(true);
    let is_silent = |event: &Value| event["data"]["incident"]["kind"] == "olt_unreachable";
    north.until("the silence", |requests| of_type(requests, "opened").iter().any(is_silent)).await;
    let statuses = daemon.board().alerts();
    assert_eq!((statuses[0].name.as_str(), statuses[0].sent["opened"], statuses[0].failed), ("north", 2, 1));
    assert_eq!(south.requests().len(), 0, "none of it is theirs");
    daemon.stop().await;
    agent.stop().await;
}
