//! What `oltwatch poll` says of real devices' walks, against values that were worked out apart from our decoder
//! (`tests/conformance/expected.py`), through our own agent and through another one (snmpsim).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)] // a test may fail loudly

mod support;

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Family, capture, its ONUs and its PONs: every capture that has rows of either.
const CAPTURES: &[(&str, &str, usize, usize)] = &[
    ("vsol-epon", "vsol-v1600d-1", 16, 2),
    ("calix-axos", "calix-axos-e7-2-1", 206, 0),
    ("ubiquiti-ufiber", "ubnt-ufiber-olt-1", 29, 8),
    ("ubiquiti-ufiber", "ubnt-uisp-xgs-1", 1, 8),
    ("zte-c300-c320", "zte-c320-1", 125, 8),
    ("zte-c300-c320", "zte-c300-1", 0, 8),
    ("zte-c600", "zte-c620-1", 0, 16),
    ("nokia-isam", "nokia-isam7360-1", 30, 16),
    ("bdcom-gpon", "bdcom-gp3600-16b-1", 64, 16),
    ("datacom-dmos", "datacom-dm4610-hw2-1", 0, 8),
    ("datacom-dmos", "datacom-dm4611-1", 0, 4),
    ("datacom-dmos", "datacom-dm4616-1", 0, 4),
    ("datacom-dmos", "datacom-dm4618-1", 0, 32),
    ("calix-exa", "calix-e7-2-1", 395, 16),
    ("calix-exa", "calix-e7-2-2", 0, 4),
    ("cdata-epon", "cdata-fd12xx-epon-1", 0, 8),
    ("huawei-smartax", "huawei-ma56xx-1", 0, 32),
];

/// The same of captures that do not say of themselves what they are, or are another family's first: fragments that people
/// published, and one tree of a device that has two. Only with the profile named.
const FRAGMENTS: &[(&str, &str, usize, usize)] = &[
    ("zte-c600", "zte-c300-1", 0, 8),
    ("zte-c600", "zte-c600-fragment-1", 5, 1),
    ("huawei-smartax", "huawei-ma5800-fragment-1", 0, 0),
    ("huawei-smartax", "huawei-ma5x00-fragment-2", 1, 1),
    ("zte-c300-c320", "zte-c320-fragment-uncfg-1", 0, 0),
    ("cdata-gpon", "cdata-gpon-fragment-1", 1, 0),
    ("dasan-dzs", "dasan-fragment-1", 3, 1),
    ("fiberhome-an5516", "fiberhome-an5516-fragment-1", 2, 1),
];

/// A child process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn oltwatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oltwatch"));
    command.stdin(Stdio::null());
    command
}

fn our_agent(capture: &Path) -> (Running, String) {
    let mut child = oltwatch()
        .args(["sim", "olt", "--listen", "127.0.0.1:0", "--community", "public", "--capture"])
        .arg(capture)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(address.parse::<std::net::SocketAddr>().is_ok(), "the first line of sim olt names no address: {line:?}");
    (Running(child), address)
}

/// The command of snmpsim, from the environment that `.ci/run` sets up, or from the path.
fn snmpsim() -> String {
    std::env::var("OLTWATCH_SNMPSIM").unwrap_or_else(|_| "snmpsim-command-responder".to_owned())
}

fn other_agent(capture: &Path, folder: &Path) -> (Running, String) {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::copy(capture, data.join("public.snmprec")).unwrap();
    // snmpsim cannot choose its port, so a free one is found for it.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let child = Command::new(snmpsim())
        .arg(format!("--data-dir={}", data.display()))
        .arg(format!("--cache-dir={}", folder.join("cache").display()))
        .arg(format!("--agent-udpv4-endpoint={address}"))
        .args(["--process-user=root", "--process-group=root", "--logging-method=null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Running(child), address)
}

fn config(folder: &Path, address: &str, family: &str) -> PathBuf {
    let path = folder.join("oltwatch.toml");
    let text = format!(
        "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n\n[[olt]]\nname = \"olt\"\naddress = \"{address}\"\n\
         profile = \"{family}\"\ncredential = \"default\"\ntimeout = \"5s\"\npdus_per_second = 1000\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Polls until the agent answers; an agent in Python takes its time to start.
fn poll(config: &Path) -> Value {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let output = oltwatch().args(["poll", "--format", "json", "-c"]).arg(config).output().unwrap();
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).unwrap();
        }
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(Instant::now() < deadline, "the agent did not answer in time: {error}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn expected(family: &str, capture: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/expected.py");
    let output = Command::new("python3").arg(script).arg(family).arg(capture).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn same(field: &str, got: &Value, wanted: &Value) -> bool {
    match (got.as_f64(), wanted.as_f64()) {
        // Both are rounded to two decimals; a half may round either way in binary.
        (Some(got), Some(wanted)) if field != "onu" => (got - wanted).abs() < 0.0101,
        _ => got == wanted,
    }
}

fn compare(family: &str, document: &Value, wanted: &Value) {
    let olt = &document["olts"][0];
    assert_eq!(olt["profile"], family);
    assert_eq!(olt["complete"], true, "{family}: {}", olt["error"]);
    let onu = |entry: &Value| format!("ONU {} {} {}", entry["pon"], entry["onu"], entry["serial"]);
    let pon = |entry: &Value| format!("PON {}", entry["pon"]);
    compare_lists(family, &olt["onus"], &wanted["onus"], &onu);
    compare_lists(family, &olt["pons"], &wanted["pons"], &pon);
}

fn compare_lists(family: &str, got: &Value, wanted: &Value, identity: &dyn Fn(&Value) -> String) {
    let (got, wanted) = (got.as_array().unwrap(), wanted.as_array().unwrap());
    for wanted in wanted {
        let found: Vec<&Value> = got.iter().filter(|entry| identity(entry) == identity(wanted)).collect();
        assert_eq!(found.len(), 1, "{family}: {} is there {} times", identity(wanted), found.len());
        for (field, value) in wanted.as_object().unwrap() {
            let got = &found[0][field];
            assert!(same(field, got, value), "{family} {}: {field} is {got}, not {value}", identity(wanted));
        }
    }
    assert_eq!(got.len(), wanted.len(), "{family}");
}

#[test]
fn every_onu_of_a_capture_is_read_rightly_through_our_agent() {
    const TEST: &str = "conformance through sim olt";
    if !support::has_program(TEST, "python3") {
        return;
    }
    let whole = CAPTURES.iter().map(|capture| (capture, true));
    for ((family, name, onus, pons), says_what_it_is) in whole.chain(FRAGMENTS.iter().map(|capture| (capture, false))) {
        let Some(capture) = support::capture(TEST, name) else { return };
        let folder = tempfile::tempdir().unwrap();
        let (_agent, address) = our_agent(&capture);
        let wanted = expected(family, &capture);
        let count = |list: &str| wanted[list].as_array().unwrap().len();
        assert_eq!((count("onus"), count("pons")), (*onus, *pons), "{name}");
        // Once with the profile named, once found by itself.
        for profile in [Some(*family), says_what_it_is.then_some("auto")].into_iter().flatten() {
            compare(family, &poll(&config(folder.path(), &address, profile)), &wanted);
        }
    }
}

#[test]
fn every_onu_of_a_capture_is_read_rightly_through_another_agent() {
    const TEST: &str = "conformance through snmpsim";
    if !support::has_program(TEST, "python3") || !support::has_program(TEST, &snmpsim()) {
        return;
    }
    for (family, name, _, _) in CAPTURES {
        let Some(capture) = support::capture(TEST, name) else { return };
        let folder = tempfile::tempdir().unwrap();
        let (_agent, address) = other_agent(&capture, folder.path());
        compare(family, &poll(&config(folder.path(), &address, "auto")), &expected(family, &capture));
    }
}
