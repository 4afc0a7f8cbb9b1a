//! What ends a command, and how it is told.

use std::fmt::Write as _;
use std::io;

use crate::alert::AlertError;
use crate::alert::marks::MarksError;
use crate::config::ConfigError;
use crate::daemon::DaemonError;
use crate::daemon::maintenance::MaintenanceError;
use crate::http::HttpError;
use crate::mib::MibError;
use crate::ozmap::OzmapError;
use crate::poll::PollError;
use crate::sim::live::LiveError;
use crate::sim::world::ScenarioError;
use crate::sim::{olt, ozmap};
use crate::snmp::SnmpError;
use crate::store::StoreError;

/// Exit code for a wrong configuration: EX_CONFIG of `sysexits.h`.
const CONFIG_WRONG: u8 = 78;

/// What ends a command. None of them is retried here; a person reads it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration is wrong: the operator's to mend.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A profile is wrong: its author's to mend.
    #[error(transparent)]
    Profiles(#[from] MibError),
    /// The configuration lacks what the command is about.
    #[error("{file}: there is no section [ozmap], and this command is about OZmap")]
    NoOzmap {
        /// The configuration.
        file: String,
    },
    /// The configuration names no database.
    #[error("{file}: there is no section [store], and this command is about the database")]
    NoStore {
        /// The configuration.
        file: String,
    },
    /// The arguments contradict themselves or the configuration.
    #[error("{0}")]
    Usage(String),
    /// It did not work.
    #[error("{0}")]
    Failed(String),
    /// An OLT cannot be read.
    #[error(transparent)]
    Poll(#[from] PollError),
    /// An OLT does not answer, or not rightly.
    #[error(transparent)]
    Snmp(#[from] SnmpError),
    /// OZmap does not answer, or not rightly.
    #[error(transparent)]
    Ozmap(#[from] OzmapError),
    /// The daemon cannot start.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The HTTP server cannot start.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Maintenance by command cannot be read or changed.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    /// Marks on alerts cannot be read or changed.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// An alert channel cannot be made from its config.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A simulated OLT cannot be had.
    #[error(transparent)]
    SimulatedOlt(#[from] olt::SimError),
    /// A simulated OZmap cannot be had.
    #[error(transparent)]
    SimulatedOzmap(#[from] ozmap::SimError),
    /// A simulated world cannot be had.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A scenario is wrong: its author's to mend.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The system refuses something.
    #[error("{what}")]
    System {
        /// What was being done.
        what: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Nobody reads our standard output any more.
    #[error("nobody reads the output any more")]
    ReaderGone,
}

impl CliError {
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Profiles(_) | Self::Scenario(_) | Self::NoOzmap { .. } | Self::NoStore { .. } => {
                CONFIG_WRONG
            }
            Self::Usage(_) | Self::Live(LiveError::NoProfile { .. } | LiveError::NoPort(_)) => 2,
            _ => 1,
        }
    }

    /// What standard error gets: `error: …` with its causes. Problems of files come before it, each on a line of its own
    /// that begins with the place, so that editors find it.
    pub(super) fn report(&self) -> String {
        match self {
            Self::Config(error @ ConfigError::Invalid { problems, left_out }) => {
                let file = problems.first().map_or("the configuration", |problem| problem.file.as_str());
                format!("{error}\n{}", wrong(file, problems.len().saturating_add(*left_out)))
            }
            Self::Profiles(error @ MibError::Profiles(problems)) => {
                format!("{error}\n{}", wrong("profiles", problems.len()))
            }
            Self::Scenario(error @ ScenarioError::Invalid(problems)) => {
                format!("{error}\n{}", wrong("the scenario", problems.len()))
            }
            Self::SimulatedOlt(error @ olt::SimError::Mistakes { mistakes, more }) => {
                let file = mistakes.first().map_or("the capture", |mistake| mistake.file.as_str());
                let summary = wrong(file, mistakes.len().saturating_add(*more));
                format!("{error}\n{summary}; --lenient leaves such lines out")
            }
            error => format!("error: {}", chain(error)),
        }
    }
}

fn wrong(what: &str, places: usize) -> String {
    let problems = if places == 1 { "problem" } else { "problems" };
    format!("error: {places} {problems} in {what}")
}

/// An error and what caused it. Some errors repeat their cause in their own words already.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {words}");
        }
        source = cause.source();
    }
    text
}
