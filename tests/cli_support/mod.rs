//! What the tests of the command line share: running the binary, and simulated devices that do not outlive a test.

// Each test binary uses its own part of this module, and a helper of tests may fail as loudly as a test.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The community of every simulated OLT here: a word that stands nowhere else, so that it is found if it leaks.
pub const COMMUNITY: &str = "hush-community-7";
/// The same for OZmap's token.
pub const TOKEN: &str = "hush-token-8";

/// The binary, without what the environment of the test would tell it.
pub fn oltwatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oltwatch"));
    for variable in
        ["NO_COLOR", "OLTWATCH_LOG", "OLTWATCH_CONFIG", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "OLT_COMMUNITY"]
    {
        command.env_remove(variable);
    }
    command.env("TEST_COMMUNITY", COMMUNITY).env("TEST_TOKEN", TOKEN).stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Both outputs.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end. Whatever it says, it never shows a secret and never panics.
pub fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("killed by a signal: {:?}", output.status));
    let ended = Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    for secret in [COMMUNITY, TOKEN] {
        assert!(!ended.all().contains(secret), "a secret is shown: {ended:?}");
    }
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    ended
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str]) -> Ended {
    let mut command = oltwatch();
    command.args(arguments);
    ended(command)
}

/// A simulated device or a daemon; killed when the test ends.
pub struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// What the first line says: where it listens.
    pub address: String,
    /// Most requests that may ever be outstanding at a simulated OLT: the poller's window. `None` where others ask, too.
    pub window: Option<u64>,
}

impl Running {
    /// Starts `sim …` and waits until it listens.
    pub fn sim(arguments: &[&str]) -> Self {
        let mut child =
            oltwatch().arg("sim").args(arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).trim().to_owned();
        // No profile allows more than one, unless the config says otherwise.
        let window = (arguments.first() == Some(&"olt")).then_some(1);
        Self { child, out, address, window }
    }

    /// A generated Huawei with that many PONs and ONUs on each.
    pub fn huawei(pons: u32, onus: u32, more: &[&str]) -> Self {
        let (pons, onus) = (pons.to_string(), onus.to_string());
        let mut arguments =
            vec!["olt", "--profile", "huawei-smartax", "--pons", &pons, "--onus", &onus, "--community", COMMUNITY];
        arguments.extend(more);
        Self::sim(&arguments)
    }

    /// A simulated OZmap.
    pub fn ozmap(more: &[&str]) -> Self {
        let mut arguments = vec!["ozmap", "--token", TOKEN];
        arguments.extend(more);
        Self::sim(&arguments)
    }

    /// Asks it to stop, and gives what it printed after the first line, with its exit code.
    #[cfg(unix)]
    pub fn terminate(mut self) -> (String, Option<i32>) {
        let ended = self.end();
        self.window = None;
        ended
    }

    /// The same; fails when a simulated OLT had more requests outstanding than it may.
    #[cfg(unix)]
    fn end(&mut self) -> (String, Option<i32>) {
        terminate(&self.child);
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        if let Some(window) = self.window {
            let told = rest.split(", ").find_map(|part| part.strip_suffix(" most at once"));
            let most: u64 = told.map_or(0, |most| most.trim().parse().unwrap());
            assert!(most <= window, "{most} requests at once at {}, of {window}: {rest}", self.address);
        }
        (rest, status.code())
    }

    /// A request to it, as `METHOD PATH`, with a JSON body: the whole answer.
    pub fn http(&self, request: &str, body: &str) -> String {
        http(self.address.strip_prefix("http://").unwrap(), request, body)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.window.is_some() && !std::thread::panicking() && matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM.
#[cfg(unix)]
pub fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A request over HTTP, as `METHOD PATH`: the whole answer.
pub fn http(address: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A configuration with these OLTs, by name and address, and more text at its end. OLTs that do not answer are given up
/// soon.
pub fn config(folder: &Path, olts: &[(&str, &str)], more: &str) -> PathBuf {
    let mut text = String::from("[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"TEST_COMMUNITY\"\n");
    for (name, address) in olts {
        text.push_str(&format!(
            "[[olt]]\nname = \"{name}\"\naddress = \"{address}\"\npdus_per_second = 10000\n{}",
            if name.contains("silent") { "timeout = \"100ms\"\nretries = 0\n" } else { "timeout = \"5s\"\n" }
        ));
    }
    let path = folder.join("oltwatch.toml");
    std::fs::write(&path, text + more).unwrap();
    path
}

/// `[ozmap]` with this address.
pub fn ozmap_section(url: &str) -> String {
    format!(
        "[ozmap]\nurl = \"{url}\"\ntoken_env = \"TEST_TOKEN\"\ncode_pattern = '^(\\d+)'\nrequests_per_second = 1000\nburst = 100\n"
    )
}
