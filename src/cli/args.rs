//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::alert::AlertCommand;
use super::demo::DemoArgs;
use super::incidents::IncidentsCommand;
use super::maintenance::MaintenanceCommand;
use super::ozmap::OzmapCommand;
use super::probe::ProbeArgs;
use super::sim::SimCommand;
use super::store::StoreCommand;
use super::tune::TuneArgs;
use crate::model::SweepKind;

/// Optical monitor for internet providers: polls OLTs over SNMP, judges every ONU, and keeps its client true in OZmap.
#[derive(Debug, Parser)]
#[command(
    name = "oltwatch",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 it did not work; 2 usage; 78 the configuration is wrong."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// How events are written to standard error: for people, or one JSON object a line
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
    /// Which events: error, warn, info, debug, trace, off, or filters (warn,oltwatch::ozmap=debug)
    /// [default: info for run, else warn]
    #[arg(long, global = true, env = "OLTWATCH_LOG", value_name = "LEVEL")]
    pub(super) log_level: Option<String>,
    /// When results are coloured; auto: on a terminal
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: ColorWhen,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ColorWhen {
    #[default]
    Auto,
    Always,
    Never,
}

/// The subcommands, in the order in which one meets them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// See the main job on this machine: simulated OLTs and a simulated OZmap, with nothing to configure
    Demo(DemoArgs),
    /// Find the family of an OLT, show which of its columns answer, and print a block for the configuration
    Probe(ProbeArgs),
    /// Check the configuration and the profiles, then try each OLT, OZmap, and the channels of alerts
    Check(CheckArgs),
    /// Read all OLTs once and print their ONUs
    Poll(PollArgs),
    /// Poll, judge, and keep OZmap true, until stopped
    Run(RunArgs),
    /// Show what is decided of a recording that `run --record` made
    Replay(ReplayArgs),
    /// Show what other thresholds would have meant for the levels that history holds
    Tune(TuneArgs),
    /// Work on OZmap by hand; only push and revert write
    #[command(subcommand)]
    Ozmap(OzmapCommand),
    /// Show what a running daemon says that losses have in common: cuts, outages, and where they lie
    #[command(subcommand)]
    Incidents(IncidentsCommand),
    /// Say when somebody works on the network, so that nothing is made of what is seen then
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Try the channels of alerts, and say who sees to what
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Look after the database
    #[command(subcommand)]
    Store(StoreCommand),
    /// Simulate devices and services to try things on
    #[command(subcommand)]
    Sim(SimCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man,
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration
    #[arg(short, long, env = "OLTWATCH_CONFIG", value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Write everything that is judged into this new file, for `replay`; {time} in it becomes the time of the start
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,
    /// Replace serials, MACs and names in the recording by made-up ones, so that it can be given away
    #[arg(long, requires = "record")]
    pub(super) scrub: bool,
}

/// `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub(super) recording: PathBuf,
    /// Judge by the rules of this configuration; without it, by those that were in force
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// How transitions are printed: a line each, as text or as JSON
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: ReplayFormat,
}

/// `replay --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum ReplayFormat {
    #[default]
    Text,
    Json,
}

/// `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Check the files only; ask neither OLTs nor OZmap nor channels of alerts
    #[arg(long)]
    pub(super) offline: bool,
}

/// `poll`.
#[derive(Debug, Args)]
pub(super) struct PollArgs {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// How the ONUs are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
    /// Only this OLT; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) olt: Vec<String>,
    /// Only this sweep: inventory, state or optics; may be given several times. Optics need the state, which is then
    /// read too
    #[arg(long, value_name = "KIND", value_parser = sweep_kind)]
    pub(super) sweep: Vec<SweepKind>,
    #[command(flatten)]
    pub(super) explain: ExplainArgs,
}

/// `poll --explain`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Explaining")]
pub(super) struct ExplainArgs {
    /// Print what is asked and why, in place of the ONUs: tables, columns, requests and octets, expected and, after this
    /// one round, needed; the limits in force; the load
    #[arg(long)]
    pub(super) explain: bool,
    /// Ask no OLT: reckon for a made-up OLT of its profile, which the configuration or --profile must name
    #[arg(long, requires = "explain")]
    pub(super) offline: bool,
    /// The profile of OLTs for which the configuration names none
    #[arg(long, value_name = "NAME", requires = "offline")]
    pub(super) profile: Option<String>,
    /// PON ports of the made-up OLT
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024), requires = "offline")]
    pub(super) pons: u32,
    /// ONUs on each of its PON ports
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=256), requires = "offline")]
    pub(super) onus: u32,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

/// `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

fn sweep_kind(word: &str) -> Result<SweepKind, crate::model::ParseWordError> {
    word.parse()
}

/// A duration as people write it: `90s`, `250ms`, `15m`.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("a duration such as 250ms or 2s was expected: {error}"))
}

/// A secret on the command line.
pub(super) fn secret(text: &str) -> Result<crate::config::Secret, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(crate::config::Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_themselves() {
        Cli::command().debug_assert();
    }

    #[test]
    fn secrets_among_the_arguments_are_never_shown() {
        let cli = Cli::try_parse_from(["oltwatch", "probe", "192.0.2.1", "--community", "hush"]).unwrap();
        assert!(!format!("{cli:?}").contains("hush"));
    }
}
