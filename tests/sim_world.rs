//! `oltwatch sim world` as a user meets it: a scenario that is played, its configuration, and mistakes in it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const SCENARIO: &str = r#"
name = "An evening"
length = "10m"

[plant]
clients = 200
pons_per_olt = 3
families = ["huawei-smartax", "vsol-epon"]

[[fault]]
kind = "cut"
where = "feeder"
at = "1m"
for = "2m"

[[fault]]
kind = "unreachable"
at = "4m"
for = "1m"
"#;

fn oltwatch() -> Command {
    Command::new(env!("CARGO_BIN_EXE_oltwatch"))
}

#[test]
fn a_scenario_is_played_to_its_end_and_told_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, config) = (folder.path().join("scenario.toml"), folder.path().join("world.toml"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let output = oltwatch()
        .args(["sim", "world", "--speed", "600", "--scenario"])
        .arg(&scenario)
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "An evening: 200 clients",
        "a cable is cut: CABO",
        "Repair begins: a cable is cut",
        "an OLT does not answer: olt-centro",
        "The scenario is over.",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(!text.contains("sim-world") && !text.contains("public"), "{text}");
    let check = oltwatch()
        .args(["check", "--offline", "-c"])
        .arg(&config)
        .env("OLT_COMMUNITY", "public")
        .env("OZMAP_TOKEN", "sim-world")
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn its_olts_are_read_as_any_others() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, config) = (folder.path().join("scenario.toml"), folder.path().join("world.toml"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut world = oltwatch()
        .args(["sim", "world", "--stay", "--scenario"])
        .arg(&scenario)
        .arg("--config")
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Once it has introduced itself, its agents listen.
    let first = BufReader::new(world.stdout.take().unwrap()).lines().next();
    let polled = oltwatch()
        .args(["poll", "--format", "json", "-c"])
        .arg(&config)
        .env("OLT_COMMUNITY", "public")
        .env("OZMAP_TOKEN", "sim-world")
        .output();
    world.kill().unwrap();
    world.wait().unwrap();
    assert!(first.unwrap().unwrap().contains("An evening"));
    let polled = polled.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&polled.stdout).unwrap();
    let olts = document["olts"].as_array().unwrap();
    let onus: Vec<&serde_json::Value> = olts.iter().flat_map(|olt| olt["onus"].as_array().unwrap()).collect();
    assert_eq!((onus.len(), polled.status.success()), (200, true));
    assert!(onus.iter().all(|onu| onu["state"] == "up" && onu["rx_dbm"].is_number()));
}

#[test]
fn a_mistake_in_a_scenario_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml");
    std::fs::write(&scenario, "[plant]\nclients = 10\n\n[[fault]]\nkind = \"cutt\"\nat = \"1m\"\n").unwrap();
    let output = oltwatch().args(["sim", "world", "--scenario"]).arg(&scenario).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("scenario.toml:5:8: kind: expected one of cut, bend"), "{told}");
}
