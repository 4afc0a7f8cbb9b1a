//! `oltwatch sim`: devices and services to try things on.

mod olt;
mod ozmap;
mod world;

use std::fmt::Write as _;
use std::path::Path;

use clap::Subcommand;
use serde::Serialize;

pub(super) use olt::MOST_ONUS;

use super::Outcome;
use super::error::CliError;
use super::out::Paper;

/// `sim …`.
#[derive(Debug, Subcommand)]
pub(super) enum SimCommand {
    /// An OLT: an SNMP agent that serves a capture, or a generated plant
    Olt(Box<olt::OltArgs>),
    /// An OZmap: its HTTP API with clients
    Ozmap(Box<ozmap::OzmapArgs>),
    /// A whole network that lives: OLTs, an OZmap, and a scenario of what goes wrong
    World(Box<world::WorldArgs>),
}

pub(super) async fn run(command: SimCommand, paper: Paper) -> Result<Outcome, CliError> {
    match command {
        SimCommand::Olt(args) => olt::run(&args).await,
        SimCommand::Ozmap(args) => ozmap::run(&args).await,
        SimCommand::World(args) => world::run(&args, paper).await,
    }
}

/// Writes records to a file, one JSON object a line.
fn write_record<T: Serialize>(path: &Path, records: impl IntoIterator<Item = T>) -> Result<(), CliError> {
    let mut text = String::new();
    for record in records {
        let line = serde_json::to_string(&record)
            .map_err(|error| CliError::Failed(format!("cannot write a record as JSON: {error}")))?;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    std::fs::write(path, text)
        .map_err(|source| CliError::System { what: format!("cannot write {}", path.display()), source })
}
