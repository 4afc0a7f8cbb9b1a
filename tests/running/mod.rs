//! `oltwatch run` as a process of its own, which can be killed, and its pages.

#![allow(dead_code)] // Not every test uses all of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const TOKEN: &str = "token-of-the-restart";
pub const COMMUNITY: &str = "community-of-the-restart";

/// How long something may take that should take a second or two: machines are slow at times.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `oltwatch run`, which does not outlive its test.
pub struct Running {
    pub child: Child,
    log: PathBuf,
}

impl Running {
    pub fn start(folder: &Path, log: &str) -> Self {
        let log = folder.join(log);
        let child = Command::new(env!("CARGO_BIN_EXE_oltwatch"))
            .args(["run", "-c"])
            .arg(folder.join("oltwatch.toml"))
            .env("OZMAP_TOKEN", TOKEN)
            .env("OLT_COMMUNITY", COMMUNITY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL: nothing is written any more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "{what} did not happen; log:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where its pages are, once it says so.
    pub async fn url(&self) -> String {
        self.until("the pages", async || self.log().contains("oltwatch runs")).await;
        let log = self.log();
        let address = log.split("http=\"").nth(1).and_then(|rest| rest.split('"').next());
        format!("http://{}", address.unwrap_or_else(|| panic!("no address in {log}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn json(client: &reqwest::Client, url: &str) -> Value {
    client.get(url).send().await.unwrap().json().await.unwrap()
}

/// One that asks nobody else.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
