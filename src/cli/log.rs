//! Logs: events on standard error.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::args::{Command, Global, LogFormat};
use super::error::CliError;
use super::{out, progress};

/// Sends events to standard error. The daemon tells what happens; other commands show results, and of events only
/// what is wrong.
///
/// # Errors
/// [`CliError::Usage`] for a level that is none.
pub(super) fn set_up(global: &Global, command: &Command) -> Result<(), CliError> {
    let usual = if matches!(command, Command::Run(_)) { "info" } else { "warn" };
    let level = global.log_level.as_deref().filter(|level| !level.trim().is_empty()).unwrap_or(usual);
    let filter = EnvFilter::try_new(level).map_err(|error| {
        CliError::Usage(format!(
            "--log-level {level:?}: error, warn, info, debug, trace or off was expected, or filters such as \
             warn,oltwatch::ozmap=debug: {error}"
        ))
    })?;
    let color = out::wants_color(global.color, io::stderr().is_terminal());
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(BesideBars).with_ansi(color).with_target(false);
    let done = match global.log_format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    // Somebody has set it up before: only possible in a process that is not our own.
    done.map_err(|error| CliError::Failed(format!("cannot set up the log: {error}")))
}

/// Standard error, without tearing progress bars.
#[derive(Debug, Clone, Copy)]
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        progress::aside(|| io::stderr().lock().write_all(octets))?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl MakeWriter<'_> for BesideBars {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
