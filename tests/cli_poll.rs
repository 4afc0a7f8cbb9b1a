//! `oltwatch poll` as a user types it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use cli_support::{Running, config, ended, oltwatch, run};

#[test]
fn a_table_shows_every_onu_and_what_it_comes_to() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (Running::huawei(2, 3, &[]), Running::huawei(1, 2, &["--first-code", "20001"]));
    let config = config(folder.path(), &[("olt-b", &b.address), ("olt-a", &a.address)], "");
    let config = config.to_str().unwrap();
    let polled = run(&["poll", "-c", config]);
    assert_eq!((polled.code, polled.stderr.as_str()), (0, ""), "{polled:?}");
    let lines: Vec<&str> = polled.stdout.lines().collect();
    assert!(lines[0].starts_with("olt-a  127.0.0.1:"), "sorted by OLT: {}", polled.stdout);
    assert!(lines[0].contains("huawei-smartax"), "{}", lines[0]);
    assert_eq!(lines.iter().filter(|line| line.trim_start().starts_with("0/1/")).count(), 8);
    assert!(polled.stdout.contains("10001 "), "{}", polled.stdout);
    assert!(lines.iter().any(|line| line.contains("6 ONUs: 6 up;") && line.contains("PDUs in")), "{}", polled.stdout);
    assert!(lines.last().unwrap().starts_with("2 OLTs, 8 ONUs: 8 up;"), "{}", polled.stdout);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{}", polled.stdout);
    assert!(!polled.stdout.contains('\u{1b}'), "no colours into a pipe");

    let colored = run(&["poll", "-c", config, "--color", "always"]);
    assert!(colored.stdout.contains("\u{1b}[32mgood\u{1b}[0m"), "{}", colored.stdout);
    let mut quiet = oltwatch();
    quiet.args(["poll", "-c", config, "--color", "never", "--olt", "olt-b"]);
    let quiet = ended(quiet);
    assert!(!quiet.stdout.contains("olt-a") && quiet.stdout.contains("2 ONUs: 2 up;"), "{}", quiet.stdout);
}

#[test]
fn json_is_as_the_interface_says() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(2, 3, &[]);
    let config = config(folder.path(), &[("olt-a", &olt.address)], "");
    let polled = run(&["poll", "-c", config.to_str().unwrap(), "--format", "json"]);
    assert_eq!(polled.code, 0, "{polled:?}");
    let document = polled.json();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let names = |list: &str| list.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let one = &document["olts"][0];
    assert_eq!(keys(one), names("olt address profile sys_descr complete error pdus elapsed_ms pons onus"));
    assert_eq!(keys(&one["pons"][0]), names("pon name state tx_dbm onus"));
    assert_eq!(
        keys(&one["onus"][0]),
        names(
            "pon onu serial mac name state cause last_down_cause rx_dbm olt_rx_dbm tx_dbm distance_m temperature_c \
             voltage_v bias_ma level unread"
        )
    );
    assert_eq!(one["address"], olt.address);
    assert_eq!((&one["complete"], &one["error"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(one["onus"].as_array().unwrap().len(), 6);
    assert_eq!((&one["pons"][1]["pon"], &one["pons"][1]["onus"]), (&"0/1/1".into(), &3.into()));
    let onu = &one["onus"][0];
    assert_eq!((&onu["pon"], &onu["onu"], &onu["state"]), (&"0/1/0".into(), &0.into(), &"up".into()));
    assert!(onu["rx_dbm"].is_number() && onu["cause"].is_null() && onu["mac"].is_null(), "{onu}");
    assert_eq!(onu["unread"]["mac"], "no such column");
    assert!(onu["unread"].get("rx_dbm").is_none());
}

#[test]
fn csv_has_a_header_and_a_line_for_each_onu() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(1, 4, &[]);
    let config = config(folder.path(), &[("olt, the first", &olt.address)], "");
    let polled = run(&["poll", "-c", config.to_str().unwrap(), "--format", "csv"]);
    assert_eq!(polled.code, 0, "{polled:?}");
    let mut csv = csv::Reader::from_reader(polled.stdout.as_bytes());
    let header: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header[..6], ["olt", "pon", "onu", "serial", "mac", "name"]);
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(&rows[1][0], "olt, the first");
    assert_eq!((&rows[1][1], &rows[1][2], &rows[1][4]), ("0/1/0", "1", ""));
    assert!(rows[1][9].parse::<f64>().unwrap() < 0.0);
}

#[test]
fn an_olt_that_is_silent_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (good, silent) = (Running::huawei(1, 2, &[]), Running::huawei(1, 2, &["--silent"]));
    let config = config(folder.path(), &[("silent-olt", &silent.address), ("olt-a", &good.address)], "");
    let config = config.to_str().unwrap();
    let polled = run(&["poll", "-c", config, "--format", "json"]);
    assert_eq!(polled.code, 1);
    let document = polled.json();
    assert_eq!(document["olts"][0]["complete"], false);
    assert!(document["olts"][0]["error"].as_str().unwrap().contains("did not answer"), "{document}");
    assert!(document["olts"][0]["profile"].is_null());
    assert_eq!(document["olts"][1]["onus"].as_array().unwrap().len(), 2);
    assert!(polled.stderr.contains("error: silent-olt: "), "{}", polled.stderr);
    let table = run(&["poll", "-c", config]);
    assert_eq!(table.code, 1);
    assert!(table.stdout.contains("2 ONUs: 2 up;") && table.stdout.contains("not read: "), "{}", table.stdout);
    assert!(table.stderr.contains("1 of 2 OLTs could not be read whole: silent-olt"), "{}", table.stderr);
}

#[test]
fn a_part_that_is_missing_is_named_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    // hwGponDeviceOntControlRanging: the agent hangs whenever it is asked for.
    let olt = Running::huawei(1, 2, &["--hang-at", "1.3.6.1.4.1.2011.6.128.1.1.2.46.1.20"]);
    let config = config(folder.path(), &[("silent-at-times", &olt.address)], "");
    let polled = run(&["poll", "-c", config.to_str().unwrap(), "--format", "json"]);
    assert_eq!(polled.code, 1, "{polled:?}");
    let document = polled.json();
    let one = &document["olts"][0];
    assert_eq!(one["complete"], false);
    assert!(one["error"].as_str().unwrap().contains("inventory is incomplete"), "{}", one["error"]);
    assert_eq!(one["onus"].as_array().unwrap().len(), 2);
    assert!(one["onus"][0]["serial"].is_string());
}

#[test]
fn a_wrong_community_is_told_as_what_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::sim(&["olt", "--profile", "vsol-epon", "--community", "another-one"]);
    let config = config(folder.path(), &[("silent-to-us", &olt.address)], "");
    let polled = run(&["poll", "-c", config.to_str().unwrap(), "--log-level", "trace"]);
    assert_eq!(polled.code, 1);
    assert!(polled.stdout.contains("the community is wrong"), "{}", polled.stdout);
}

#[test]
fn an_unknown_family_is_told_with_what_it_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("linux.snmprec");
    std::fs::write(&capture, "1.3.6.1.2.1.1.1.0|4|Linux box\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10\n").unwrap();
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--community", cli_support::COMMUNITY]);
    let config = config(folder.path(), &[("box", &olt.address)], "");
    let polled = run(&["poll", "-c", config.to_str().unwrap()]);
    assert_eq!(polled.code, 1);
    for part in ["no profile fits", "1.3.6.1.4.1.8072.3.2.10", "Linux box", "profile = "] {
        assert!(polled.stdout.contains(part), "{part}: {}", polled.stdout);
    }
}

#[test]
fn only_the_sweeps_and_olts_that_are_asked_for_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(1, 2, &[]);
    let config = config(folder.path(), &[("olt-a", &olt.address)], "");
    let config = config.to_str().unwrap();
    let optics = run(&["poll", "-c", config, "--sweep", "optics", "--format", "json"]).json();
    let onu = &optics["olts"][0]["onus"][0];
    assert!(onu["rx_dbm"].is_number() && onu["state"] == "up" && onu["serial"].is_null(), "{onu}");
    assert_eq!(onu["unread"]["serial"], "not asked yet");
    let inventory = run(&["poll", "-c", config, "--sweep", "inventory", "--format", "json"]).json();
    let onu = &inventory["olts"][0]["onus"][0];
    assert!(onu["rx_dbm"].is_null() && onu["state"] == "unknown" && onu["serial"].is_string(), "{onu}");

    let unknown = run(&["poll", "-c", config, "--olt", "olt-z"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("\"olt-z\"") && unknown.stderr.contains("olt-a"), "{}", unknown.stderr);
    assert_eq!(run(&["poll", "-c", config, "--sweep", "levels"]).code, 2);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    // More than a pipe holds.
    let olt = Running::huawei(8, 64, &[]);
    let config = config(folder.path(), &[("olt-a", &olt.address)], "");
    let mut child = oltwatch()
        .args(["poll", "--format", "json", "-c"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    // As `| head -1`: reads a line, and closes the pipe.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(first, "{\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
