//! `oltwatch run`: the daemon, until it is told to stop.

use super::args::ConfigArgs;
use super::error::CliError;
use super::load::{self, Loaded};
use super::stop::{on_signal, stopped};
use super::{Outcome, systemd};
use crate::config::OzmapMode;
use crate::daemon::Daemon;
use crate::http;

pub(super) async fn run(args: &ConfigArgs) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config)?;
    let mut stop = on_signal()?;
    // Before anything is asked: an address that is taken ends it here.
    let server = match &config.http {
        Some(http) => Some(http::bind(http).await?),
        None => None,
    };
    let daemon = Daemon::start(&config, library)?;
    let listens = server.as_ref().map(|server| server.address().to_string());
    let serving = server.map(|server| tokio::spawn(server.run(daemon.board().clone(), stop.clone())));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %args.config.display(),
        olts = config.olts.len(),
        ozmap = match config.ozmap.as_ref().map(|ozmap| ozmap.mode) {
            None => "none",
            Some(OzmapMode::DryRun) => "dry-run",
            Some(OzmapMode::Write) => "write",
        },
        http = listens.as_deref().unwrap_or("none"),
        "oltwatch runs"
    );
    systemd::notify(systemd::READY);
    stopped(&mut stop).await;
    systemd::notify(systemd::STOPPING);
    tracing::info!("stopping: what is being written is finished first");
    daemon.stop().await;
    if let Some(serving) = serving
        && let Err(error) = serving.await
    {
        tracing::error!(%error, "the HTTP server ended in an unexpected way");
    }
    tracing::info!("stopped");
    Ok(Outcome::Done)
}
