//! SIGHUP: `run` reads its configuration again and takes over thresholds, all of them or none.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod cli_support;

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use cli_support::{Running, config, http, oltwatch, terminate};

/// `oltwatch run`, killed when the test ends.
struct Daemon {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    /// The next event with this beginning of a message.
    fn event(&mut self, message: &str) -> serde_json::Value {
        let mut seen = String::new();
        loop {
            let line = self.log.next().unwrap_or_else(|| panic!("no {message:?} in {seen}")).unwrap();
            // Warnings about the configuration are for people.
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if event["message"].as_str().is_some_and(|text| text.starts_with(message)) {
                return event;
            }
            seen.push_str(&line);
        }
    }

    fn hang_up(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// The levels of all ONUs, once each has one of these.
fn levels(address: &str, wanted: &[&str]) {
    for _ in 0..1500 {
        let answer = http(address, "GET /api/v1/onus", "");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        let onus = document["onus"].as_array().unwrap();
        let level = |onu: &serde_json::Value| onu["level"].as_str().unwrap().to_owned();
        if onus.len() == 4 && onus.iter().all(|onu| wanted.contains(&level(onu).as_str())) {
            return;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    panic!("levels never were {wanted:?}: {}", http(address, "GET /api/v1/onus", ""));
}

#[test]
fn thresholds_are_taken_over_while_it_runs_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let olt = Running::huawei(1, 4, &[]);
    let more = "[http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"w.db\"\n";
    let harsh = format!("{more}[thresholds]\nsensitivity_dbm = -5.0\noverload_dbm = -0.5\n");
    let path = config(folder.path(), &[("olt-a", &olt.address)], &harsh);
    let mut child = oltwatch()
        .args(["run", "--log-format", "json", "-c"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut daemon = Daemon { child, log };
    let address = daemon.event("oltwatch runs")["http"].as_str().unwrap().to_owned();
    levels(&address, &["critical"]);

    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("overload_dbm = -0.5", "overload_dbm = \"loud\"")).unwrap();
    daemon.hang_up();
    let refused = daemon.event("not reloaded")["message"].as_str().unwrap().to_owned();
    assert!(refused.contains("overload_dbm") && refused.contains("toml:"), "{refused}");
    levels(&address, &["critical"]);

    let mild = text
        .replace("sensitivity_dbm = -5.0", "sensitivity_dbm = -40.0")
        .replace("[http]", "[incident]\nsettle = \"9s\"\n[http]");
    std::fs::write(&path, mild).unwrap();
    daemon.hang_up();
    daemon.event("reloaded");
    assert_eq!(daemon.event("these have changed too")["sections"], "[incident]");
    levels(&address, &["good", "weak"]);

    terminate(&daemon.child);
    assert!(daemon.child.wait().unwrap().success());
    let reader = oltwatch::store::Reader::open(&folder.path().join("w.db")).unwrap();
    assert!(reader.rules().unwrap().unwrap().contains("-40"), "tune compares with what is in force now");
}
