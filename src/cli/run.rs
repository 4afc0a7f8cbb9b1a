//! `oltwatch run`: the daemon, until it is told to stop.

use std::path::Path;
use std::time::SystemTime;

use super::args::RunArgs;
use super::error::CliError;
use super::load::{self, Loaded};
use super::stop::{on_signal, stopped};
use super::{Outcome, systemd};
use crate::config::{Config, OzmapMode};
use crate::daemon::Daemon;
use crate::http;
use crate::model::Timestamp;
use crate::record::{Recording, Rules, Scrubber};

pub(super) async fn run(args: &RunArgs) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config.config)?;
    let mut stop = on_signal()?;
    // Before anything is asked: an address that is taken ends it here.
    let server = match &config.http {
        Some(http) => Some(http::bind(http).await?),
        None => None,
    };
    let recording = match &args.record {
        Some(path) => Some(record(path, args.scrub, &config)?),
        None => None,
    };
    let daemon = Daemon::start_recorded(&config, library, recording.as_ref().map(Recording::recorder))?;
    let listens = server.as_ref().map(|server| server.address().to_string());
    let serving = server.map(|server| tokio::spawn(server.run(daemon.board().clone(), stop.clone())));
    let traps = daemon.board().traps().map(|traps| traps.listens.to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.config.display(),
        olts = config.olts.len(),
        ozmap = match config.ozmap.as_ref().map(|ozmap| ozmap.mode) {
            None => "none",
            Some(OzmapMode::DryRun) => "dry-run",
            Some(OzmapMode::Write) => "write",
        },
        http = listens.as_deref().unwrap_or("none"),
        traps = traps.as_deref().unwrap_or("none"),
        "oltwatch runs"
    );
    systemd::notify(systemd::READY);
    stopped(&mut stop).await;
    systemd::notify(systemd::STOPPING);
    tracing::info!("stopping: what is being written is finished first");
    daemon.stop().await;
    if let Some(recording) = recording {
        let end = move || recording.end(Timestamp::from(SystemTime::now()));
        // It can only fail by a panic of the writer, which has told of itself.
        let _ = tokio::task::spawn_blocking(end).await;
    }
    if let Some(serving) = serving
        && let Err(error) = serving.await
    {
        tracing::error!(%error, "the HTTP server ended in an unexpected way");
    }
    tracing::info!("stopped");
    Ok(Outcome::Done)
}

/// Starts a recording of what is judged.
fn record(path: &Path, scrub: bool, config: &Config) -> Result<Recording, CliError> {
    let rules = Rules {
        thresholds: config.thresholds.clone(),
        status: config.ozmap.as_ref().map(|ozmap| ozmap.status.clone()).unwrap_or_default(),
    };
    let scrubber = if scrub {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| CliError::Failed(format!("the system gives no random numbers to scrub with: {error}")))?;
        Some(Scrubber::new(secret, config.olts.iter().map(|olt| olt.name.clone()).collect()))
    } else {
        None
    };
    let recording = Recording::start(path, Timestamp::from(SystemTime::now()), rules, scrubber)?;
    tracing::info!(file = %recording.path().display(), scrubbed = scrub, "everything that is judged is recorded");
    Ok(recording)
}
