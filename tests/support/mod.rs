//! What tests over several rooms share: where the captures are, and what happens when a real part is missing.

// Each test binary uses its own part of this module, and a helper of tests may fail as loudly as a test.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::Command;

use oltwatch::sim::olt::{AgentOptions, MibView, SimulatedOlt};

/// When this is set, a missing part fails the test instead of skipping it; `.ci/run` sets it.
pub const REQUIRE: &str = "OLTWATCH_REQUIRE_PARTS";

/// Says that a test is skipped because `part` is missing, or fails where parts are required.
pub fn skip(test: &str, part: &str) {
    assert!(std::env::var_os(REQUIRE).is_none(), "{test}: {part} is missing, and {REQUIRE} is set");
    eprintln!("skipped {test}: {part} is missing");
}

/// The capture of this name beside the project, or `None` (said by [`skip`]) where there are no captures.
pub fn capture(test: &str, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/captures").join(format!("{name}.snmprec"));
    if path.is_file() {
        return Some(path);
    }
    skip(test, &format!("the capture {name}"));
    None
}

/// Whether `program` can be started; else said by [`skip`].
pub fn has_program(test: &str, program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    skip(test, program);
    false
}

/// A simulated OLT that fails its test when more requests were ever outstanding at it than the poller's window allows.
pub struct Watched {
    olt: Option<SimulatedOlt>,
    window: usize,
}

impl Watched {
    /// Serves the view; profiles allow one request in flight unless the config says otherwise.
    pub fn start(options: AgentOptions, view: MibView, window: usize) -> Self {
        Self { olt: Some(SimulatedOlt::start(options, view).unwrap()), window }
    }

    /// Ends it and waits until its port is free again.
    pub async fn stop(mut self) {
        self.check();
        if let Some(olt) = self.olt.take() {
            olt.stop().await;
        }
    }

    fn check(&self) {
        if let Some(olt) = &self.olt {
            let most = olt.counters().most_outstanding;
            assert!(most <= self.window, "{most} requests at once at {}, of {}", olt.address(), self.window);
        }
    }
}

impl std::ops::Deref for Watched {
    type Target = SimulatedOlt;

    fn deref(&self) -> &SimulatedOlt {
        self.olt.as_ref().unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}
