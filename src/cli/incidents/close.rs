//! `oltwatch incidents close`: what an incident really was, told to a daemon that runs, or to the next one.

use std::time::SystemTime;

use clap::Args;

use super::super::args::ConfigArgs;
use super::super::error::CliError;
use super::super::table::clean;
use super::super::{Outcome, load, out};
use super::LONGEST;
use crate::daemon::maintenance;
use crate::incident::{Closing, IncidentId, RealCause};
use crate::model::Timestamp;
use crate::store::incident;

/// Longest text that is taken, in characters.
const LONGEST_TEXT: usize = 200;

/// `incidents close`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CloseArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its id, as `list` shows it
    id: String,
    /// What it was: cut, power, equipment, drop, degradation, olt-unreachable, data-quality, false-alarm or other
    #[arg(long, value_name = "CAUSE", value_parser = cause)]
    cause: RealCause,
    /// Where it was: the id or the name in OZmap of a cable, a box, a splitter, a drop
    #[arg(long, value_name = "ELEMENT")]
    at: Option<String>,
    /// What else there is to say
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

fn cause(text: &str) -> Result<RealCause, String> {
    RealCause::parse(text).ok_or_else(|| {
        let known: Vec<String> = RealCause::all().map(|cause| cause.word().replace('_', "-")).collect();
        format!("expected one of {}", known.join(", "))
    })
}

fn line(option: &str, text: Option<&String>) -> Result<Option<String>, CliError> {
    let Some(text) = text.map(|text| text.trim()) else { return Ok(None) };
    if text.is_empty() || text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(CliError::Usage(format!("{option}: expected one line of at most {LONGEST_TEXT} characters")));
    }
    Ok(Some(text.to_owned()))
}

pub(super) fn run(args: &CloseArgs) -> Result<Outcome, CliError> {
    let Some(id) = IncidentId::parse(args.id.trim()) else {
        return Err(CliError::Usage(
            "expected the id of an incident: 26 letters and digits, see \"oltwatch incidents list\"".to_owned(),
        ));
    };
    let (at, note) = (line("--at", args.at.as_ref())?, line("--note", args.note.as_ref())?);
    let config = load::load(&args.config.config)?.config;
    let (Some(store), Some(path)) = (&config.store, &config.maintenance_file) else {
        return Err(CliError::NoStore { file: args.config.config.display().to_string() });
    };
    let Some(kept) = incident::find(&store.path, &id.to_string())? else {
        return Err(CliError::Failed(format!(
            "{}: there is no incident {id}; see \"oltwatch incidents list\". One that was opened just now is there within two seconds",
            store.path.display()
        )));
    };
    let closing = Closing { cause: args.cause, at, note, given_at: Timestamp::from(SystemTime::now()) };
    let place = closing.at.as_ref().map_or_else(String::new, |at| format!(" at {}", clean(at, LONGEST)));
    let ends = if kept.cleared.is_none() { ", and ends it" } else { "" };
    let said = format!(
        "{id}, called {}: it was {}{place}. A running daemon takes it in within seconds{ends}, else the next one does\n",
        clean(&kept.kind, LONGEST),
        closing.cause.word()
    );
    maintenance::close_incident(path, id, closing)?;
    out::print(&said)?;
    Ok(Outcome::Done)
}
