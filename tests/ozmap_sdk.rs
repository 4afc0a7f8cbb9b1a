//! OZmap's official SDK against the simulated OZmap: what it sends is understood, and what it reads it understands.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use oltwatch::sim::ozmap::{LoginAccount, OzmapOptions, Population, SimulatedOzmap, TokenUse, WriteKind};
use secrecy::SecretString;
use serde_json::Value;

const PASSWORD: &str = "the password of the SDK";

/// The folder that holds the SDK: named by `OLTWATCH_OZMAP_SDK`, or where `.ci/run` installs it.
fn sdk() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/parts/ozmap-sdk/node_modules");
    std::env::var_os("OLTWATCH_OZMAP_SDK").map_or_else(installed, PathBuf::from)
}

#[tokio::test]
async fn the_official_sdk_logs_in_lists_filters_writes_and_reads_the_plant() {
    let test = "the_official_sdk_logs_in_lists_filters_writes_and_reads_the_plant";
    if !support::has_program(test, "node") {
        return;
    }
    let modules = sdk();
    if !modules.join("@ozmap/ozmap-sdk").is_dir() {
        support::skip(test, "OZmap's SDK");
        return;
    }
    let mut options = OzmapOptions::new("unused").with(Population::Awkward);
    options.logins.push(LoginAccount { login: "api".to_owned(), password: SecretString::from(PASSWORD) });
    let ozmap = SimulatedOzmap::start(options).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ozmap_sdk/check.cjs");
    let (url, folder) = (ozmap.url(), modules.clone());
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("node")
            .arg(script)
            .arg(url)
            .env("NODE_PATH", folder)
            .env("OZMAP_PASSWORD", PASSWORD)
            // Its logger would open a port of its own, and is loud.
            .env("OZLOGGER_HTTP", "false")
            .env("OZLOGGER_LEVEL", "error")
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let requests = ozmap.requests();
    let last: Vec<_> = requests.iter().rev().take(3).collect();
    assert!(output.status.success(), "{out}{error}\nthe last requests: {last:#?}");
    let seen: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(seen["clients"], ozmap.clients().len());
    assert_eq!((&seen["red"], &seen["pon"]), (&Value::from(12), &Value::from("PON 1")));
    for (name, count) in seen["counts"].as_object().unwrap() {
        assert_eq!(*count == 0, name == "connector", "{name}: {count}");
    }
    assert_eq!(requests[0].token, TokenUse::Missing);
    assert_eq!(ozmap.status_of("A-100"), Some(1));
    assert_eq!(ozmap.client_by_code("A-100").unwrap().potency_read, Some(-21.37));
    assert_eq!(ozmap.client_by_code("A-101").unwrap().potency_read, None);
    let applied = |kind| ozmap.writes_of(kind).applied;
    let kinds = [WriteKind::ClientPatch, WriteKind::ClientBatch, WriteKind::PropertyPatch, WriteKind::PropertyBatch];
    assert_eq!(kinds.map(applied), [1, 1, 1, 1]);
    assert_eq!((ozmap.pendencies()[0]["solved"].clone(), ozmap.posts().len()), (Value::Bool(true), 1));
}
