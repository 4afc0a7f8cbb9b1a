//! `oltwatch run`: the daemon, until it is told to stop; SIGHUP reads the configuration again.

use std::path::Path;
use std::time::SystemTime;

use super::args::RunArgs;
use super::error::CliError;
use super::load::{self, Loaded};
use super::stop::{Hangups, on_signal, stopped};
use super::{Outcome, systemd};
use crate::config::{Config, Ozmap, OzmapMode, StatusMap};
use crate::daemon::Daemon;
use crate::http;
use crate::model::Timestamp;
use crate::record::{Recording, Rules, Scrubber};

pub(super) async fn run(args: &RunArgs) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config.config)?;
    let mut stop = on_signal()?;
    let mut hangups = Hangups::new()?;
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
    let mut in_force = config;
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            () = hangups.next() => reload(&args.config.config, &daemon, &mut in_force),
        }
    }
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

/// Takes over what can be taken over of a configuration that was changed: all of it, or nothing.
fn reload(path: &Path, daemon: &Daemon, in_force: &mut Config) {
    let refused = |why: &str| {
        tracing::error!(config = %path.display(), "not reloaded, everything goes on as before: {why}");
    };
    let config = match load::load(path) {
        Ok(loaded) => loaded.config,
        Err(error) => return refused(&error.report()),
    };
    if let Err(error) = daemon.set_rules(&config) {
        return refused(&error.to_string());
    }
    let later = needs_restart(in_force, &config);
    in_force.thresholds = config.thresholds;
    if let (Some(ozmap), Some(new)) = (&mut in_force.ozmap, config.ozmap) {
        ozmap.status = new.status;
    }
    tracing::info!(config = %path.display(), "reloaded: [thresholds], [baseline] and [ozmap.status] are in force");
    if !later.is_empty() {
        tracing::warn!(sections = later.join(", "), "these have changed too, and take a restart to come into force");
    }
}

/// Sections that differ and that a running daemon does not take over.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    // Secrets do not show in what is compared: one that changed is not told.
    fn differ<T: std::fmt::Debug>(old: &T, new: &T) -> bool {
        format!("{old:?}") != format!("{new:?}")
    }
    let ozmap = |config: &Config| config.ozmap.clone().map(|ozmap| Ozmap { status: StatusMap::default(), ..ozmap });
    [
        ("[ozmap]", differ(&ozmap(old), &ozmap(new))),
        ("[snmp]", differ(&old.snmp, &new.snmp)),
        ("[[olt]]", differ(&old.olts, &new.olts)),
        (
            "[[maintenance]]",
            differ(&(&old.maintenance, &old.maintenance_file), &(&new.maintenance, &new.maintenance_file)),
        ),
        ("[store]", differ(&old.store, &new.store)),
        ("[http]", differ(&old.http, &new.http)),
        ("[trap]", differ(&old.trap, &new.trap)),
        ("[[alert]]", differ(&old.alerts, &new.alerts)),
        ("[incident]", differ(&old.incident, &new.incident)),
        ("[mibs]", differ(&old.mibs, &new.mibs)),
    ]
    .into_iter()
    .filter_map(|(section, differs)| differs.then_some(section))
    .collect()
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
