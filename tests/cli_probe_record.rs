//! `oltwatch probe --record`: what is recorded decodes to the same readings, about nobody.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

mod cli_support;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use cli_support::{COMMUNITY, Ended, Running, config, oltwatch, run};
use serde_json::Value;

const TEST: &str = "recording OLTs";

fn serve(capture: &Path) -> Running {
    Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--lenient", "--community", COMMUNITY])
}

fn record(address: &str, file: &Path, more: &[&str]) -> Ended {
    let file = file.to_str().unwrap();
    let arguments =
        ["probe", address, "--community-env", "TEST_COMMUNITY", "--pdus-per-second", "5000", "--record", file];
    run(&[&arguments[..], more].concat())
}

fn poll(folder: &Path, address: &str) -> Value {
    let config = config(folder, &[("olt", address)], "");
    let polled = run(&["poll", "--format", "json", "-c", config.to_str().unwrap()]);
    assert_eq!(polled.code, 0, "{polled:?}");
    polled.json()["olts"][0].clone()
}

/// What of a name is not somebody's: how long it is, and where its words end.
fn shape(name: &str) -> String {
    name.bytes().map(|b| if b.is_ascii_alphanumeric() || b > 0x7f { 'x' } else { char::from(b) }).collect()
}

/// An ONU without who it is.
fn nobody(onu: &Value) -> String {
    let mut onu = onu.clone();
    for (field, kept) in [("serial", 4), ("mac", 8)] {
        if let Some(text) = onu[field].as_str() {
            onu[field] = Value::from(format!("{} and {} more", &text[..kept], text.len() - kept));
        }
    }
    if let Some(name) = onu["name"].as_str() {
        onu["name"] = Value::from(shape(name));
    }
    onu.to_string()
}

fn sorted(olt: &Value) -> Vec<String> {
    let mut onus: Vec<String> = olt["onus"].as_array().unwrap().iter().map(nobody).collect();
    onus.sort();
    onus
}

fn texts(olt: &Value, field: &str) -> BTreeSet<String> {
    olt["onus"].as_array().unwrap().iter().filter_map(|onu| onu[field].as_str().map(str::to_owned)).collect()
}

/// Polls an OLT, and what was recorded of it, and compares; nobody of the one may be in the file of the other.
fn is_the_same_about_nobody(what: &str, olt: &Running) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorded.snmprec");
    let recorded = record(&olt.address, &file, &[]);
    assert_eq!(recorded.code, 0, "{what}: {recorded:?}");
    assert!(
        recorded.stdout.contains(" rows are in ") && !recorded.stdout.contains("not in it"),
        "{what}: {}",
        recorded.stdout
    );
    let truth = poll(folder.path(), &olt.address);
    let copy = poll(folder.path(), &serve(&file).address);
    assert_eq!(copy["profile"], truth["profile"], "{what}");
    assert_eq!(copy["pons"], truth["pons"], "{what}");
    assert_eq!(sorted(&copy), sorted(&truth), "{what}");

    let text = std::fs::read_to_string(&file).unwrap();
    let low = text.to_ascii_lowercase();
    for field in ["serial", "mac", "name"] {
        let (before, after) = (texts(&truth, field), texts(&copy, field));
        // Names of a letter may fall together.
        assert!(field == "name" || before.len() == after.len(), "{what}: two {field}s became one");
        for own in &before {
            let hex: String = own.bytes().map(|b| format!("{b:02x}")).collect();
            let dotted = own.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(".");
            let mut spellings = vec![hex, dotted, own.to_ascii_lowercase()];
            match field {
                "serial" => spellings.push(own[own.len() - 8..].to_ascii_lowercase()),
                "mac" => spellings.push(own.replace(':', "")),
                _ => {}
            }
            // Short names may come about by chance, and numbers of ONUs are no names.
            if own.len() >= 6 && !own.bytes().all(|b| b.is_ascii_digit()) {
                assert!(spellings.iter().all(|spelling| !low.contains(spelling)), "{what}: {own} is in the file");
            }
        }
    }
    // Sorted, as other programs want it.
    let arcs = |line: &str| -> Vec<u32> {
        line.split('|').next().unwrap().split('.').map(|arc| arc.parse().unwrap()).collect()
    };
    let rows: Vec<Vec<u32>> = text.lines().filter(|line| !line.starts_with('#')).map(arcs).collect();
    assert!(rows.len() > 10 && rows.windows(2).all(|pair| pair[0] < pair[1]), "{what}");
}

#[test]
fn what_is_recorded_of_captured_devices_decodes_to_the_same() {
    for name in [
        "vsol-v1600d-1",
        "ubnt-ufiber-olt-1",
        "calix-axos-e7-2-1",
        "zte-c320-1",
        "nokia-isam7360-1",
        "bdcom-gp3600-16b-1",
    ] {
        let Some(capture) = support::capture(TEST, name) else { return };
        is_the_same_about_nobody(name, &serve(&capture));
    }
}

/// Families whose levels are read live, whose indexes hold serials, and whose names say which PON it is.
#[test]
fn what_is_recorded_of_made_up_olts_decodes_to_the_same() {
    for family in ["huawei-smartax", "eltex-ltp", "cdata-gpon", "zhone-mxk", "fiberhome-an5516", "bdcom-epon"] {
        let arguments = ["olt", "--profile", family, "--pons", "2", "--onus", "4", "--community", COMMUNITY];
        is_the_same_about_nobody(family, &Running::sim(&arguments));
    }
}

#[test]
fn a_file_is_never_overwritten_and_bounds_are_kept() {
    let olt = Running::huawei(2, 8, &["--name", "olt-da-maria"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("there.snmprec");
    std::fs::write(&file, "mine").unwrap();
    let refused = record(&olt.address, &file, &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("never overwritten"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");

    let file = folder.path().join("bounded.snmprec");
    let bounded = record(&olt.address, &file, &["--record-limit", "20", "--format", "json"]);
    assert_eq!(bounded.code, 0, "{bounded:?}");
    let json = bounded.json();
    assert_eq!(json["recorded"]["rows"], 20, "{}", json["recorded"]);
    assert!(json["recorded"]["gaps"].to_string().contains("the bound of 20 rows"), "{}", json["recorded"]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 20);
    assert!(!text.contains("olt-da-maria") && text.contains("# the bound of 20 rows"), "{text}");
}

/// An OLT that falls silent midway, and a run that is killed: what was read is there.
#[test]
fn what_was_read_before_the_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let hang = "1.3.6.1.4.1.2011.6.128.1.1.2.46";
    let olt = Running::huawei(1, 4, &["--hang-at", hang]);
    let file = folder.path().join("silent.snmprec");
    let recorded = record(&olt.address, &file, &["--timeout", "50ms"]);
    assert_eq!(recorded.code, 0, "{recorded:?}");
    assert!(recorded.stdout.contains("not in it") && recorded.stdout.contains("did not answer"), "{}", recorded.stdout);
    assert!(std::fs::read_to_string(&file).unwrap().contains("1.3.6.1.4.1.2011.6.128.1.1.2.43.1.3."));

    let olt = Running::huawei(4, 32, &[]);
    let file = folder.path().join("killed.snmprec");
    let mut child = oltwatch()
        .args(["probe", &olt.address, "--community-env", "TEST_COMMUNITY", "--pdus-per-second", "40", "--record"])
        .arg(&file)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&file).unwrap_or_default().lines().count() < 40 {
        assert!(Instant::now() < deadline, "nothing was written");
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let copy = serve(&file);
    let mut fields: BTreeMap<String, Value> = BTreeMap::new();
    let probed = run(&[
        "probe",
        &copy.address,
        "--community-env",
        "TEST_COMMUNITY",
        "--pdus-per-second",
        "5000",
        "--format",
        "json",
    ]);
    fields.insert("profile".to_owned(), probed.json()["profile"].clone());
    assert_eq!(fields["profile"], "huawei-smartax");
}

/// Of a device that nobody knows: its maker's subtree.
#[test]
fn an_unknown_device_is_recorded_without_its_people() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("unknown.snmprec");
    let text = "1.3.6.1.2.1.1.1.0|4|Box 3000\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n1.3.6.1.2.1.1.5.0|4|olt-da-maria\n\
                1.3.6.1.4.1.99999.2.1.1.3.5|4|HWTC7D4630C3\n1.3.6.1.4.1.99999.2.1.1.3.6|4|HWTC7D4630C4\n\
                1.3.6.1.4.1.99999.2.1.2.3.5|4|Maria da Silva\n1.3.6.1.4.1.99999.2.1.2.3.6|4|Jose da Silva\n\
                1.3.6.1.4.1.99999.2.1.4.3.5|2|-2137\n1.3.6.1.4.1.99999.2.1.4.3.6|2|-2544\n\
                1.3.6.1.4.1.99999.2.1.7.3.5|2|1\n1.3.6.1.4.1.99999.2.1.7.3.6|2|2\n";
    std::fs::write(&capture, text).unwrap();
    let olt = serve(&capture);
    let file = folder.path().join("given-away.snmprec");
    let recorded = record(&olt.address, &file, &[]);
    assert_eq!(recorded.code, 1, "{recorded:?}");
    for part in ["1.3.6.1.4.1.99999.2.1,", "level, 0.01 dBm", "serial", "state?", "-2137", "HWTC"] {
        assert!(recorded.stdout.contains(part), "{part}: {}", recorded.stdout);
    }
    let written = std::fs::read_to_string(&file).unwrap();
    for gone in ["Maria", "maria", "Silva", "7D4630C3", "7D4630C4"] {
        assert!(!written.contains(gone) && !recorded.stdout.contains(gone), "{gone}: {written}\n{}", recorded.stdout);
    }
    assert!(written.contains("1.3.6.1.4.1.99999.2.1.4.3.5|2|-2137") && written.contains("|HWTC"), "{written}");
}
