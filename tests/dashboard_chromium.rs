//! The dashboard in a real Chromium, over a simulated world with a cut: see `dashboard/drive.cjs` for what is looked at.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may fail loudly

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SCENARIO: &str = r#"
name = "A cut"
length = "1h"

[plant]
clients = 240
pons_per_olt = 3
families = ["huawei-smartax"]

[[fault]]
kind = "cut"
where = "distribution"
at = "25s"
for = "1h"
"#;

/// How long something may take that takes a second or two: machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that does not outlive the test.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn oltwatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oltwatch"));
    command.env("OLT_COMMUNITY", "public").env("OZMAP_TOKEN", "sim-world").stdin(Stdio::null());
    command
}

/// The folder that holds puppeteer and axe-core: named by `OLTWATCH_PUPPETEER`, or where `.ci/run` installs them.
fn modules() -> PathBuf {
    let installed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/parts/puppeteer/node_modules");
    std::env::var_os("OLTWATCH_PUPPETEER").map_or_else(installed, PathBuf::from)
}

/// The world's OLTs and OZmap, and its configuration with a database and pages on a free port.
fn world(folder: &Path) -> (Kept, PathBuf) {
    let (scenario, config) = (folder.join("scenario.toml"), folder.join("world.toml"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut command = oltwatch();
    command.args(["sim", "world", "--stay", "--scenario"]).arg(&scenario).arg("--config").arg(&config);
    let world = Kept(command.stdout(Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    let text = loop {
        match std::fs::read_to_string(&config) {
            // The last line of the last OLT is there once all of it is.
            Ok(text) if text.ends_with("optics_every = \"1m\"\n") => break text,
            _ => assert!(Instant::now() < deadline, "the world did not begin"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let text = text.replace("state_every = \"10s\"", "state_every = \"2s\"").replace("\"1m\"\n", "\"5s\"\n");
    let more = "\n[http]\nlisten = \"127.0.0.1:0\"\n[store]\npath = \"oltwatch.db\"\n";
    std::fs::write(&config, format!("{text}{more}")).unwrap();
    (world, config)
}

/// The daemon, and where its pages are, as its log says.
fn daemon(config: &Path) -> (Kept, String) {
    let mut command = oltwatch();
    command.args(["--log-format", "json", "run", "-c"]).arg(config).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let kept = Kept(child);
    let url = lines.by_ref().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
        let address = line["http"].as_str()?.to_owned();
        Some(format!("http://{address}"))
    });
    let url = url.unwrap_or_else(|| panic!("the daemon did not say where its pages are"));
    // What it says further must go somewhere, or it would wait.
    std::thread::spawn(move || lines.for_each(drop));
    (kept, url)
}

#[test]
fn people_see_a_cut_appear_and_where_it_lies_on_every_screen_and_without_a_script() {
    let test = "people_see_a_cut_appear_and_where_it_lies_on_every_screen_and_without_a_script";
    if !support::has_program(test, "node") || !support::has_program(test, "chromium") {
        return;
    }
    let modules = modules();
    for part in ["puppeteer-core", "axe-core"] {
        if !modules.join(part).is_dir() {
            support::skip(test, part);
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (_world, config) = world(folder.path());
    let (_daemon, url) = daemon(&config);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard/drive.cjs");
    let mut command = Command::new("node");
    command.arg(script).arg(&url).env("NODE_PATH", &modules).stdin(Stdio::null());
    if let Some(shots) = std::env::var_os("OLTWATCH_SCREENSHOTS") {
        std::fs::create_dir_all(&shots).unwrap();
        command.arg(shots);
    }
    let output = command.output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    let seen: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(seen["pages"], 32, "eight pages at two sizes in two themes: {seen}");
    assert!(seen["customers"].as_u64().unwrap() >= 3, "{seen}");
}
