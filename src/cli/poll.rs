//! `oltwatch poll`: one round of sweeps, and the ONUs that it found.

mod csv;
mod document;
mod explain;
mod table;

use super::args::{Format, PollArgs};
use super::error::CliError;
use super::load::{self, Loaded};
use super::look::{Looked, look_at};
use super::out::Paper;
use super::{Outcome, out};
use crate::config::{self, Config};
use crate::model::SweepKind;
use document::Document;

/// The order that sweeps are made in: who is there, who of them is up, and what light those get.
const ORDER: [SweepKind; 3] = [SweepKind::Inventory, SweepKind::State, SweepKind::Optics];

pub(super) async fn run(args: &PollArgs, paper: Paper) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config.config)?;
    let olts = chosen(&config, &args.olt)?;
    if args.explain.explain {
        return explain::run(args, &olts, &config.snmp, &library, paper).await;
    }
    let looked = look_at(&olts, &config.snmp, &library, &kinds(&args.sweep)).await;
    let document = Document::new(&looked, &config.thresholds);
    match args.format {
        Format::Json => out::print(&document.json()?)?,
        Format::Csv => out::print_with(|writer| csv::write(&document, writer))?,
        Format::Table => out::print(&table::render(&document, paper))?,
    }
    Ok(tell_failures(&looked, args.format == Format::Table))
}

/// The OLTs of these names, in the configuration's order; all of them when none is named.
pub(super) fn chosen(config: &Config, names: &[String]) -> Result<Vec<config::Olt>, CliError> {
    if let Some(name) = names.iter().find(|name| config.olt(name).is_none()) {
        let known: Vec<&str> = config.olts.iter().map(|olt| olt.name.as_str()).collect();
        return Err(CliError::Usage(format!(
            "there is no OLT {name:?} in the configuration; it has {}",
            known.join(", ")
        )));
    }
    let wanted = |olt: &&config::Olt| names.is_empty() || names.iter().any(|name| name == olt.name.as_str());
    Ok(config.olts.iter().filter(wanted).cloned().collect())
}

/// The sweeps that were asked for, all of them when none was; optics with the state before them, as only ONUs that are
/// up are asked for levels.
fn kinds(asked: &[SweepKind]) -> Vec<SweepKind> {
    let wanted = |kind: &SweepKind| {
        asked.is_empty() || asked.contains(kind) || (*kind == SweepKind::State && asked.contains(&SweepKind::Optics))
    };
    ORDER.into_iter().filter(wanted).collect()
}

/// Says which OLTs could not be read whole; with their reasons where the results did not show them to a person.
pub(super) fn tell_failures(looked: &[Looked], shown: bool) -> Outcome {
    let failed: Vec<&Looked> = looked.iter().filter(|one| !one.is_complete()).collect();
    if failed.is_empty() {
        return Outcome::Done;
    }
    if !shown {
        for one in &failed {
            out::note(&format!("error: {}: {}", one.olt.name, one.problems.join("; ")));
        }
    }
    let names: Vec<&str> = failed.iter().map(|one| one.olt.name.as_str()).collect();
    let (count, all) = (failed.len(), looked.len());
    out::note(&format!("error: {count} of {all} OLTs could not be read whole: {}", names.join(", ")));
    Outcome::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optics_alone_read_the_state_first() {
        assert_eq!(kinds(&[SweepKind::Optics]), [SweepKind::State, SweepKind::Optics]);
        assert_eq!(kinds(&[SweepKind::Inventory]), [SweepKind::Inventory]);
        assert_eq!(kinds(&[]), ORDER);
    }
}
