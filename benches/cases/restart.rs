//! How soon a daemon that is started again knows all ONUs that it knew before.

use std::io;
use std::time::Instant;

use super::Options;
use super::children::{AgentChild, DaemonChild};
use crate::agent;

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
pub fn run(options: &Options) -> io::Result<()> {
    let (olts, onus) = if options.smoke { (4, 256) } else { (50, 2048) };
    let all = u64::from(olts) * u64::from(onus);
    let mut agent = AgentChild::start(&agent::Options { olts, onus, ..agent::Options::quick() })?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("oltwatch.db");
    let arguments = [
        format!("--olts={olts}"),
        format!("--port={}", agent.port),
        "--report-s=1".to_owned(),
        format!("--store={}", file.display()),
        format!("--known={all}"),
    ];
    let mut first = DaemonChild::start(&arguments)?;
    let mut met = first.stretch()?;
    while [met.inventory_olts, met.state_olts, met.optics_olts].iter().any(|whole| *whole < u64::from(olts)) {
        met = first.stretch()?;
    }
    first.stop()?;
    // What is known from here on is known from the file.
    agent.counters()?;
    agent.stop()?;
    let started = Instant::now();
    let mut second = DaemonChild::start(&arguments)?;
    let known = second.stretch()?;
    let took = started.elapsed();
    second.stop()?;
    if options.json {
        println!(
            "{}",
            serde_json::json!({ "case": "restart", "onus": all, "took_ns": took.as_nanos(), "known": known })
        );
    } else {
        println!(
            "restart: {} of {all} ONUs known {:.2} s after the process was started, {} of them still up without a look; \
             file {:.1} MB, memory {:.0} MB",
            known.onus,
            took.as_secs_f64(),
            known.up,
            std::fs::metadata(&file)?.len() as f64 / 1e6,
            known.rss_kib as f64 / 1024.0,
        );
    }
    Ok(())
}
