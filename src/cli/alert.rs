//! `oltwatch alert`: try channels, and say who sees to what.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use super::args::{ConfigArgs, duration};
use super::error::CliError;
use super::load;
use super::maintenance::known_olt;
use super::out::Paper;
use super::table::{Grid, Paint, clean, number, painted, text};
use super::{Outcome, out};
use crate::alert::channel::{Alertmanager, Heartbeat, Sender};
use crate::alert::marks::{self, AckMark, Shelved};
use crate::alert::{Delivery, Firing, Part, Step, Thread, Trouble, Writer, trial};
use crate::config::Config;
use crate::config::alert::{Alert, AlertOn};
use crate::model::Timestamp;
use crate::store::Store;

/// Longer than this is no shelf, but a filter.
const LONGEST: Duration = Duration::from_secs(90 * 24 * 3600);
/// Between two steps of a trial, so that one can watch.
const PAUSE: Duration = Duration::from_secs(1);

/// `alert …`.
#[derive(Debug, Subcommand)]
pub(super) enum AlertCommand {
    /// Send a marked test incident through its life: it begins, changes, is acknowledged, is over
    Test(TestArgs),
    /// Say that somebody sees to an incident: no more is told of it until it gets worse or is over
    Ack(AckArgs),
    /// Tell nothing of an incident, an OLT or a kind for a while; what lasts longer is told then
    Shelve(ShelveArgs),
    /// End what was shelved before its time
    Unshelve(UnshelveArgs),
    /// List who sees to what, what is shelved, and what channels were told of that is not over
    List(ListArgs),
}

/// `alert test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only this channel; without it, every one
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
}

/// `alert ack`.
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The incident's id, as messages and `incidents list` show it
    #[arg(value_name = "INCIDENT")]
    incident: String,
    /// Who sees to it
    #[arg(long, value_name = "NAME", env = "USER")]
    by: String,
}

/// `alert shelve`.
#[derive(Debug, Args)]
pub(super) struct ShelveArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// An incident's id
    #[arg(long, value_name = "ID", required_unless_present_any = ["olt", "kind"])]
    incident: Option<String>,
    /// An OLT's name; * stands for any text
    #[arg(long, value_name = "NAME")]
    olt: Option<String>,
    /// A kind of incident, such as power or polling_late
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<AlertOn>,
    /// How long: 90m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    length: Duration,
    /// Why, for those who see it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// `alert unshelve`.
#[derive(Debug, Args)]
pub(super) struct UnshelveArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its number, from `alert list`
    #[arg(value_name = "ID")]
    id: u32,
}

/// `alert list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

fn kind(word: &str) -> Result<AlertOn, String> {
    let found = AlertOn::WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    let names = || AlertOn::WORDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("expected one of {}", names()))
}

pub(super) async fn run(command: &AlertCommand, paper: Paper) -> Result<Outcome, CliError> {
    let now = Timestamp::from(SystemTime::now());
    match command {
        AlertCommand::Test(args) => return test(args, paper).await,
        AlertCommand::Ack(args) => {
            let (_, path) = load_with_file(&args.config)?;
            let by = one_line("--by", &args.by, 60)?;
            let incident = one_line("INCIDENT", &args.incident, 200)?;
            marks::acknowledge(&path, AckMark { incident: incident.clone(), by: by.clone(), at: now })?;
            out::print(&format!("{incident}: {by} sees to it\n"))?;
        }
        AlertCommand::Shelve(args) => shelve(args, now)?,
        AlertCommand::Unshelve(args) => {
            let (_, path) = load_with_file(&args.config)?;
            marks::unshelve(&path, args.id)?;
            out::print(&format!("{}: not shelved any more\n", args.id))?;
        }
        AlertCommand::List(args) => list(args, now, paper)?,
    }
    Ok(Outcome::Done)
}

fn load_with_file(args: &ConfigArgs) -> Result<(Config, PathBuf), CliError> {
    let config = load::load(&args.config)?.config;
    match config.alerts_file.clone() {
        Some(path) => Ok((config, path)),
        None => Err(CliError::Failed("the configuration has no place for marks on alerts".to_owned())),
    }
}

fn one_line(what: &str, text: &str, longest: usize) -> Result<String, CliError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
        return Err(CliError::Usage(format!("{what}: expected one line of at most {longest} characters")));
    }
    Ok(text.to_owned())
}

fn shelve(args: &ShelveArgs, now: Timestamp) -> Result<(), CliError> {
    let (config, path) = load_with_file(&args.config)?;
    if args.length > LONGEST || args.length.is_zero() {
        return Err(CliError::Usage("--for: expected more than nothing and at most 90 days".to_owned()));
    }
    let olt = args.olt.as_deref().map(|name| known_olt(&config, name)).transpose()?;
    let incident = args.incident.as_deref().map(|id| one_line("--incident", id, 200)).transpose()?;
    let reason = one_line("--reason", &args.reason, 200)?;
    let shelved = Shelved { id: 0, incident, olt, kind: args.kind, until: now + args.length, reason };
    let id = marks::shelve(&path, shelved.clone(), now)?;
    out::print(&format!("{}\n", line(&Shelved { id, ..shelved })))
}

fn line(shelved: &Shelved) -> String {
    let Shelved { id, incident, olt, kind, until, reason } = shelved;
    let what = [
        incident.as_ref().map(|incident| format!("incident {incident}")),
        olt.as_ref().map(|olt| format!("OLT {olt}")),
        kind.map(|kind| format!("kind {}", kind.word())),
    ];
    let what: Vec<String> = what.into_iter().flatten().collect();
    format!("{id}: {} shelved until {until}: {reason}", what.join(", "))
}

fn list(args: &ListArgs, now: Timestamp, paper: Paper) -> Result<(), CliError> {
    let (config, path) = load_with_file(&args.config)?;
    let marks = marks::read(&path)?;
    let mut lines = String::new();
    for ack in &marks.acks {
        lines.push_str(&format!("{}: {} sees to it since {}\n", ack.incident, ack.by, ack.at));
    }
    for shelved in marks.shelved.iter().filter(|shelved| now < shelved.until) {
        lines.push_str(&format!("{}\n", line(shelved)));
    }
    let told = told(&config)?;
    if lines.is_empty() && told.is_empty() {
        lines.push_str(
            "nobody sees to anything, nothing is shelved, and no channel was told of anything that is not over\n",
        );
    }
    out::print(&lines)?;
    if told.is_empty() { Ok(()) } else { out::print(&told.render(paper)) }
}

/// What channels were told of that is not over, from the database.
fn told(config: &Config) -> Result<Grid, CliError> {
    let mut grid = Grid::new(vec![
        text("CHANNEL"),
        text("INCIDENT"),
        text("KIND"),
        text("SEVERITY"),
        text("TOLD"),
        number("MESSAGES"),
    ]);
    let Some(store) = config.store.as_ref().filter(|store| store.path.exists()) else { return Ok(grid) };
    for row in Store::told(&store.path)?.into_iter().filter(|row| !row.over) {
        let Ok(thread) = serde_json::from_str::<Thread>(&row.data) else { continue };
        grid.row(vec![
            row.channel,
            row.notice,
            thread.notice.kind.word().to_owned(),
            thread.notice.severity.word().to_owned(),
            thread.last.map_or_else(|| "not yet".to_owned(), |last| last.to_string()),
            thread.messages.to_string(),
        ]);
    }
    Ok(grid)
}

async fn test(args: &TestArgs, paper: Paper) -> Result<Outcome, CliError> {
    let config = load::load(&args.config.config)?.config;
    let wanted = |alert: &&Alert| args.channel.as_ref().is_none_or(|name| *name == alert.name);
    let alerts: Vec<&Alert> = config.alerts.iter().filter(wanted).collect();
    if alerts.is_empty() {
        let names: Vec<&str> = config.alerts.iter().map(|alert| alert.name.as_str()).collect();
        return Err(CliError::Usage(match &args.channel {
            Some(name) if !names.is_empty() => format!("there is no channel {name:?}; there are {}", names.join(", ")),
            _ => "the configuration has no [[alert]]".to_owned(),
        }));
    }
    let mut grid = Grid::new(vec![text("CHANNEL"), text("KIND"), text("ADDRESS"), text("STEP"), text("RESULT")]);
    let mut failures = Vec::new();
    for alert in alerts {
        for (address, step, result) in try_channel(alert).await? {
            let shown = match &result {
                Ok(()) => painted("taken", Paint::Good),
                Err(why) => {
                    failures.push(format!("{} {step}: {why}", alert.name));
                    painted("failed", Paint::Bad)
                }
            };
            grid.row(vec![
                alert.name.clone(),
                alert.channel.word().to_owned(),
                clean(&address, 64),
                step.to_owned(),
                shown,
            ]);
        }
    }
    out::print(&grid.render(paper))?;
    for failure in &failures {
        out::note(&format!("error: {failure}"));
    }
    Ok(if failures.is_empty() { Outcome::Done } else { Outcome::Failed })
}

type Tried = (String, &'static str, Result<(), String>);

/// Sends the trial over one channel, step by step, until one is not taken.
async fn try_channel(alert: &Alert) -> Result<Vec<Tried>, CliError> {
    let now = || Timestamp::from(SystemTime::now());
    let mut tried = Vec::new();
    if let Some(heartbeat) = Heartbeat::new(alert)? {
        let result = heartbeat.beat().await.map(|_| ()).map_err(|trouble| trouble.why);
        return Ok(vec![(heartbeat.address(), "heartbeat", result)]);
    }
    let steps = trial::steps(now());
    for mut member in Alertmanager::all(alert)? {
        for (step, notice) in steps.iter().filter(|(step, _)| *step != Step::Acknowledge) {
            let ends_at = notice.cleared_at.unwrap_or_else(|| now() + member.every().mul_f64(3.5));
            let firing = [Firing { notice: notice.clone().into(), ends_at }];
            let sent = member.send(&firing, false, now()).await.map_err(|trouble: Trouble| trouble.why);
            let is_good = sent.is_ok();
            tried.push((member.address(), step.word(), sent));
            if !is_good {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    let Some(sender) = Sender::new(alert)? else { return Ok(tried) };
    let writer = Writer::new(alert).map_err(CliError::Failed)?;
    let mut handle = None;
    for (number, (step, notice)) in steps.into_iter().enumerate() {
        let id = format!("{}.{}", notice.id, number + 1);
        let part = Part { step, notice: notice.into(), handle: handle.clone(), flapping: false };
        let delivery = Delivery { id, parts: vec![part] };
        let sent = sender.send(&delivery, &writer.write(&delivery, now()), now()).await;
        let result = match sent {
            Ok(new) => {
                handle = new.or(handle);
                Ok(())
            }
            Err(trouble) => Err(trouble.why),
        };
        let is_good = result.is_ok();
        tried.push((sender.address(), step.word(), result));
        if !is_good {
            break;
        }
        if step != Step::Resolve {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(tried)
}

/// Whether each channel can be reached: its name, its address, and what it says of itself.
pub(super) async fn reach(alert: &Alert) -> BTreeMap<String, Result<String, String>> {
    let mut found = BTreeMap::new();
    let wrong = |error: crate::alert::AlertError| BTreeMap::from([(String::new(), Err(error.to_string()))]);
    match Heartbeat::new(alert) {
        Ok(Some(heartbeat)) => {
            found.insert(heartbeat.address(), heartbeat.reach().await);
        }
        Ok(None) => {}
        Err(error) => return wrong(error),
    }
    match Alertmanager::all(alert) {
        Ok(members) => {
            for member in members {
                found.insert(member.address(), member.reach().await);
            }
        }
        Err(error) => return wrong(error),
    }
    match Sender::new(alert) {
        Ok(Some(sender)) => {
            found.insert(sender.address(), sender.reach().await);
        }
        Ok(None) => {}
        Err(error) => return wrong(error),
    }
    found
}
