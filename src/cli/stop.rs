//! When to stop: SIGINT and SIGTERM. The first asks, the second does not ask. When to read the configuration again: SIGHUP.

use tokio::sync::watch;

use super::error::CliError;
use super::out;

/// Exit code after a second signal, as shells give it for SIGINT.
const INTERRUPTED: i32 = 130;

/// Turns true at the first signal; a second one ends the process at once.
///
/// # Errors
/// [`CliError::System`] when signals cannot be heard.
pub(super) fn on_signal() -> Result<watch::Receiver<bool>, CliError> {
    let mut signals =
        Signals::new().map_err(|source| CliError::System { what: "cannot listen for signals".to_owned(), source })?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        sender.send_replace(true);
        signals.next().await;
        out::note("stopped at once, as asked a second time");
        std::process::exit(INTERRUPTED);
    });
    Ok(receiver)
}

/// Ends when it is time to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can ask any more; that is no reason to go on.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Hears SIGHUP; where there is none, it never comes.
pub(super) struct Hangups(#[cfg(unix)] tokio::signal::unix::Signal);

impl Hangups {
    /// Hears from now on.
    ///
    /// # Errors
    /// [`CliError::System`] when signals cannot be heard.
    pub(super) fn new() -> Result<Self, CliError> {
        #[cfg(unix)]
        {
            let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
            signal.map(Self).map_err(|source| CliError::System { what: "cannot listen for signals".to_owned(), source })
        }
        #[cfg(not(unix))]
        Ok(Self())
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Without signals nobody can ask, and waiting for ever is right.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
