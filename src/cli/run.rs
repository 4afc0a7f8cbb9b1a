//! `oltwatch run`: the daemon, until it is told to stop.

use super::args::ConfigArgs;
use super::error::CliError;
use super::load::{self, Loaded};
use super::stop::{on_signal, stopped};
use super::{Outcome, systemd};
use crate::config::OzmapMode;
use crate::daemon::Daemon;

pub(super) async fn run(args: &ConfigArgs) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config)?;
    let mut stop = on_signal()?;
    let daemon = Daemon::start(&config, library)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.display(),
        olts = config.olts.len(),
        ozmap = match config.ozmap.as_ref().map(|ozmap| ozmap.mode) {
            None => "none",
            Some(OzmapMode::DryRun) => "dry-run",
            Some(OzmapMode::Write) => "write",
        },
        "oltwatch runs"
    );
    systemd::notify(systemd::READY);
    stopped(&mut stop).await;
    systemd::notify(systemd::STOPPING);
    tracing::info!("stopping: what is being written is finished first");
    daemon.stop().await;
    tracing::info!("stopped");
    Ok(Outcome::Done)
}
