//! `oltwatch maintenance`: work on the network, told to a daemon that runs, or to one that will.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};

use super::args::{ConfigArgs, duration};
use super::error::CliError;
use super::load;
use super::{Outcome, out};
use crate::config::Pattern;
use crate::config::maintenance::parse_moment;
use crate::daemon::maintenance::{self, Ordered};
use crate::model::Timestamp;

/// Longer than this is a mistake, or belongs into the configuration.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// `maintenance …`.
#[derive(Debug, Subcommand)]
pub(super) enum MaintenanceCommand {
    /// Begin: verdicts hold, and clients stay as they are in OZmap, until it ends. A running daemon knows within seconds
    Add(AddArgs),
    /// List what was added by command and what the configuration says
    List(ListArgs),
    /// End one before its time
    End(EndArgs),
}

/// `maintenance add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The OLT's name; * stands for any text
    #[arg(long, value_name = "NAME", required_unless_present = "boxes")]
    olt: Option<String>,
    /// The PON's name, such as "0/3/*"; without it the whole OLT
    #[arg(long, value_name = "NAME")]
    pon: Option<String>,
    /// In place of an OLT: the id or name in OZmap of a box, whose clients are left as they are; * stands for any text
    #[arg(long = "box", value_name = "NAME", conflicts_with_all = ["olt", "pon"])]
    boxes: Option<String>,
    /// How long: 90m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    length: Duration,
    /// When it begins, such as 2026-12-01T02:00:00-03:00; without it now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Why, for those who see it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// `maintenance list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ListFormat,
}

/// `maintenance list --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ListFormat {
    #[default]
    Text,
    Json,
}

/// `maintenance end`.
#[derive(Debug, Args)]
pub(super) struct EndArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its number, from `maintenance list`
    #[arg(value_name = "ID")]
    id: u32,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let wanted = "expected a time such as 2026-12-01T02:00:00-03:00";
    parse_moment(text).map_err(|hint| format!("{wanted}{hint}"))
}

pub(super) fn run(command: &MaintenanceCommand) -> Result<Outcome, CliError> {
    let now = Timestamp::from(SystemTime::now());
    match command {
        MaintenanceCommand::Add(args) => add(args, now)?,
        MaintenanceCommand::List(args) => list(args, now)?,
        MaintenanceCommand::End(EndArgs { config, id }) => {
            let (_, path) = load_with_file(config)?;
            let ended = maintenance::end(&path, *id, now)?;
            out::print(&format!("{}: over\n", line(&ended)))?;
        }
    }
    Ok(Outcome::Done)
}

fn load_with_file(args: &ConfigArgs) -> Result<(crate::config::Config, PathBuf), CliError> {
    let config = load::load(&args.config)?.config;
    match config.maintenance_file.clone() {
        Some(path) => Ok((config, path)),
        None => Err(CliError::Failed("the configuration has no place for maintenance by command".to_owned())),
    }
}

fn add(args: &AddArgs, now: Timestamp) -> Result<(), CliError> {
    let (config, path) = load_with_file(&args.config)?;
    let olt = args.olt.as_deref().map(|name| known_olt(&config, name)).transpose()?;
    let boxes = args.boxes.as_deref().map(str::trim).map(Pattern::new);
    if boxes.is_some() && config.ozmap.is_none() {
        return Err(CliError::Usage("--box: without [ozmap] nothing is known of boxes".to_owned()));
    }
    if args.boxes.as_deref().is_some_and(|text| text.trim().is_empty()) {
        return Err(CliError::Usage("--box: expected the id or name of a box".to_owned()));
    }
    if args.length > LONGEST {
        return Err(CliError::Usage(
            "--for: 31 days are the longest; longer work belongs into [[maintenance]]".to_owned(),
        ));
    }
    let reason = args.reason.trim();
    if reason.is_empty() || reason.chars().count() > 200 || reason.chars().any(char::is_control) {
        return Err(CliError::Usage("--reason: expected one line of at most 200 characters".to_owned()));
    }
    let from = args.from.unwrap_or(now);
    let until = from + args.length;
    if until <= now {
        return Err(CliError::Usage(format!("--from: it would have ended at {until} already")));
    }
    let pon = args.pon.as_deref().map(Pattern::new);
    let entry = Ordered { id: 0, olt, pon, boxes, from, until, reason: reason.to_owned() };
    let added = maintenance::order(&path, entry, now)?;
    out::print(&format!("{}\n", line(&added)))
}

/// A pattern that fits the name of one OLT at least.
pub(super) fn known_olt(config: &crate::config::Config, name: &str) -> Result<Pattern, CliError> {
    let olt = Pattern::new(name);
    if config.olts.iter().any(|one| olt.fits(one.name.as_str())) {
        return Ok(olt);
    }
    let names: Vec<&str> = config.olts.iter().map(|one| one.name.as_str()).take(20).collect();
    Err(CliError::Usage(format!("--olt {name:?}: no OLT has such a name; there are {}", names.join(", "))))
}

fn list(args: &ListArgs, now: Timestamp) -> Result<(), CliError> {
    let (config, path) = load_with_file(&args.config)?;
    let ordered = maintenance::ordered(&path)?;
    if args.format == ListFormat::Json {
        let all = serde_json::json!({ "by_command": ordered, "configured": config.maintenance });
        return out::print(&format!("{all:#}\n"));
    }
    let mut text = String::new();
    for entry in &ordered {
        let state = if now < entry.from {
            "to come"
        } else if now < entry.until {
            "under way"
        } else {
            "over"
        };
        text.push_str(&format!("{}: {state}\n", line(entry)));
    }
    for one in &config.maintenance {
        let place = place(one.place.olt.as_ref(), one.place.pon.as_ref(), one.boxes.as_ref());
        let state = match one.span.end_at(now) {
            Some(until) => format!("under way until {until}"),
            None => "not under way".to_owned(),
        };
        text.push_str(&format!("configured: {place}: {}: {state}\n", one.reason));
    }
    if text.is_empty() {
        text.push_str("no maintenance\n");
    }
    out::print(&text)
}

fn place(olt: Option<&Pattern>, pon: Option<&Pattern>, boxes: Option<&Pattern>) -> String {
    if let Some(boxes) = boxes {
        return format!("box {boxes}");
    }
    let olt = olt.map_or_else(|| "every OLT".to_owned(), ToString::to_string);
    pon.map_or_else(|| olt.clone(), |pon| format!("{olt} PON {pon}"))
}

fn line(entry: &Ordered) -> String {
    let Ordered { id, olt, pon, boxes, from, until, reason } = entry;
    format!("{id}: {} from {from} until {until}: {reason}", place(olt.as_ref(), pon.as_ref(), boxes.as_ref()))
}
