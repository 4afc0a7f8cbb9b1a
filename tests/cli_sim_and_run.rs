//! What runs until it is told to stop: `oltwatch sim …` and `oltwatch run`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::time::Duration;

use cli_support::{COMMUNITY, Running, config, http, oltwatch, ozmap_section, run, terminate};

#[test]
fn a_simulated_olt_serves_until_it_is_stopped_and_records_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("asked.jsonl");
    let olt = Running::huawei(1, 2, &["--record", record.to_str().unwrap()]);
    let config = config(folder.path(), &[("olt-a", &olt.address)], "");
    assert_eq!(run(&["poll", "-c", config.to_str().unwrap()]).code, 0);
    let taken = run(&["sim", "olt", "--profile", "vsol-epon", "--listen", &olt.address]);
    assert_eq!(taken.code, 1);
    assert!(taken.stderr.contains(&olt.address), "{}", taken.stderr);

    let (told, code) = olt.terminate();
    assert_eq!(code, Some(0));
    let text = std::fs::read_to_string(&record).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(told.starts_with(&format!("{} requests, {} answered", lines.len(), lines.len())), "{told}");
    assert_eq!(lines[0]["oids"][0], "1.3.6.1.2.1.1.1.0");
    assert!(lines.iter().any(|line| line["kind"] == "get-bulk" && line["max_repetitions"].as_i64() > Some(0)));
    assert!(!text.contains(COMMUNITY));
}

#[test]
fn a_simulated_ozmap_takes_a_plant_users_and_faults_from_the_command_line() {
    let options = ["--plant", "80", "--documentation-errors", "0.5", "--login", "api:a password", "--awkward"];
    let ozmap = Running::ozmap(&[&options[..], &["--fault", "not-found:on=traces"]].concat());
    let login = ozmap.http("POST /api/v2/users/login", r#"{"login": "api", "password": "a password"}"#);
    assert!(login.contains("\"authorization\""), "{login}");
    let refused = ozmap.http("POST /api/v2/users/login", r#"{"login": "api", "password": "another"}"#);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let clients = ozmap.http("GET /_sim/clients?start=0&limit=1000", "");
    let body: serde_json::Value = serde_json::from_str(clients.split_once("\r\n\r\n").unwrap().1).unwrap();
    let codes: Vec<&str> = body["rows"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert!(["10001", "10080", "A-100"].iter().all(|code| codes.contains(code)), "{codes:?}");
    assert!(!codes.contains(&"10081"), "{codes:?}");
    let faults = ozmap.http("GET /_sim/faults", "");
    assert!(faults.contains("Traces"), "{faults}");
    let (told, code) = ozmap.terminate();
    assert_eq!((told.as_str().lines().next(), code), (Some("2 requests, 0 writes, 0 of them applied"), Some(0)));
    for wrong in [
        &["--plant", "0"][..],
        &["--plant", "10", "--documentation-errors", "7"],
        &["--login", "nobody"],
        &["--project", "Sul"],
    ] {
        let ended = run(&[&["sim", "ozmap", "--token", "k"][..], wrong].concat());
        assert_eq!(ended.code, 1, "{wrong:?} {ended:?}");
    }
}

#[test]
fn a_capture_with_broken_lines_is_refused_line_by_line_or_read_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("broken.snmprec");
    std::fs::write(&capture, "1.3.6.1.2.1.1.1.0|4|x\nbroken\n1.3.6.1|2|abc\n").unwrap();
    let path = capture.to_str().unwrap();
    let refused = run(&["sim", "olt", "--capture", path]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    for part in ["broken.snmprec:2: ", "broken.snmprec:3: ", "error: 2 problems", "--lenient"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let olt = Running::sim(&["olt", "--capture", path, "--lenient", "--community", COMMUNITY]);
    let probed = run(&["probe", &olt.address, "--community-env", "TEST_COMMUNITY"]);
    assert!(probed.stderr.contains("sysObjectID"), "{probed:?}");
    assert_eq!(run(&["sim", "olt", "--capture", "/nonexistent.snmprec"]).code, 1);
    assert_eq!(run(&["sim", "olt", "--profile", "vsol-epn"]).code, 2);
    assert_eq!(run(&["sim", "olt"]).code, 2);
    assert_eq!(run(&["sim", "olt", "--profile", "vsol-epon", "--loss", "3"]).code, 2);
}

#[test]
fn a_missing_row_of_a_captured_column_is_told_apart_from_a_missing_column() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("vsol.snmprec");
    // One ONU with a name, another with a level only; no column for the state.
    let text = "1.3.6.1.2.1.1.1.0|4|V1600D\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.37950.1.1.5.10.14.1\n\
                1.3.6.1.4.1.37950.1.1.5.12.1.25.1.9.3.7|4|Maria\n\
                1.3.6.1.4.1.37950.1.1.5.12.2.1.8.1.7.3.8|4|0.01 mW (-20.50 dBm)\n";
    std::fs::write(&capture, text).unwrap();
    let olt = Running::sim(&["olt", "--capture", capture.to_str().unwrap(), "--community", COMMUNITY]);
    let config = config(folder.path(), &[("olt-a", &olt.address)], "");
    let document = run(&["poll", "--format", "json", "-c", config.to_str().unwrap()]).json();
    let onus = document["olts"][0]["onus"].as_array().unwrap();
    assert_eq!(onus.len(), 2, "{document}");
    assert_eq!(onus[0]["unread"]["state"], "no such column");
    assert_eq!(onus[0]["unread"]["rx_dbm"], "no row for this ONU");
    assert_eq!(onus[1]["rx_dbm"], -20.5);
}

/// `oltwatch run`, killed when the test ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_daemon_runs_tells_systemd_serves_http_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let (olt, ozmap) = (Running::huawei(1, 2, &[]), Running::ozmap(&["--clients", "2"]));
    let more = format!("{}[http]\nlisten = \"127.0.0.1:0\"\n", ozmap_section(&ozmap.address));
    let config = config(folder.path(), &[("olt-a", &olt.address)], &more);
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut child = oltwatch()
        .args(["run", "--log-format", "json", "-c"])
        .arg(&config)
        .env("NOTIFY_SOCKET", &socket)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut daemon = Daemon(child);
    let mut buffer = [0; 64];
    let length = systemd.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"READY=1");
    let mut all = String::new();
    let address = loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "{all}");
        all.push_str(&line);
        let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event["message"] == "oltwatch runs" {
            break event["http"].as_str().unwrap().to_owned();
        }
    };
    assert!(http(&address, "GET /healthz", "").starts_with("HTTP/1.1 200"));
    terminate(&daemon.0);
    let length = systemd.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"STOPPING=1");
    for line in log.lines() {
        all.push_str(&line.unwrap());
    }
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0), "{all}");
    assert!(!all.contains(COMMUNITY) && !all.contains(cli_support::TOKEN) && !all.contains("panicked"), "{all}");
}

#[test]
fn a_port_that_is_taken_ends_the_daemon_before_it_asks_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = config(folder.path(), &[("olt-a", "127.0.0.1:9")], &format!("[http]\nlisten = \"{address}\"\n"));
    let ended = run(&["run", "-c", config.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains(&format!("error: http.listen: cannot listen on {address}")), "{}", ended.stderr);
}
