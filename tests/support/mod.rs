//! What tests over several rooms share: where the captures are, and what happens when a real part is missing.

#![allow(dead_code)] // each test binary uses its own part of this module

use std::path::PathBuf;
use std::process::Command;

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
