//! `oltwatch probe`: what an unknown OLT is, what it answers, and how to watch it.

mod block;
mod columns;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::args::secret;
use super::error::CliError;
use super::out::Paper;
use super::table::{Grid, Paint, clean, finish, number, painted, text};
use super::{Outcome, out};
use crate::config::{self, Secret};
use crate::mib::{FieldName, Library, Profile, Rows};
use crate::poll::{Poller, Trial};
use crate::snmp::{Oid, Session, Target, Value};
use block::Block;
use columns::{Answer, Asked, TableAsked};

const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

/// How it is asked: gently, as nothing is known of what it bears.
const REQUESTS_PER_SECOND: f64 = 20.0;
const RETRIES: u32 = 1;

/// `probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// The OLT: a host with an optional port
    #[arg(value_name = "ADDRESS")]
    pub(super) address: String,
    /// SNMPv2c, with this community; others can see it in the list of processes, --community-env is safer
    #[arg(long, value_name = "COMMUNITY", value_parser = secret, conflicts_with_all = ["community_env", "v3_user"])]
    pub(super) community: Option<Secret>,
    /// SNMPv2c, with the community in this environment variable [default: OLT_COMMUNITY]
    #[arg(long, value_name = "VARIABLE", conflicts_with = "v3_user")]
    pub(super) community_env: Option<String>,
    /// SNMPv3, as this user; the passwords come from the environment: OLTWATCH_V3_AUTH and OLTWATCH_V3_PRIV
    #[arg(long, value_name = "USER")]
    pub(super) v3_user: Option<String>,
    /// Hash of the authentication, when OLTWATCH_V3_AUTH is set
    #[arg(long, value_name = "HASH", default_value = "sha256", requires = "v3_user")]
    pub(super) v3_auth: String,
    /// Cipher of the privacy, when OLTWATCH_V3_PRIV is set
    #[arg(long, value_name = "CIPHER", default_value = "aes128", requires = "v3_user")]
    pub(super) v3_priv: String,
    /// Take it for one of this family, whatever it says of itself
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// A folder with profiles beside the built-in ones
    #[arg(long, value_name = "FOLDER")]
    pub(super) mibs: Option<std::path::PathBuf>,
    /// First wait for an answer
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = super::args::duration)]
    pub(super) timeout: Duration,
}

pub(super) async fn run(args: &ProbeArgs, paper: Paper) -> Result<Outcome, CliError> {
    let library = Arc::new(Library::load(args.mibs.as_deref())?);
    let known = || library.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
    if let Some(name) = args.profile.as_deref().filter(|name| library.get(name).is_none()) {
        return Err(CliError::Usage(format!("there is no profile {name:?}; there are {}", known())));
    }
    let block = Block::new(args);
    if args.v3_user.is_some() && !block::is_set(block::V3_AUTH) {
        out::note(&format!("note: {} is not set, so it is asked without authentication", block::V3_AUTH));
    }
    let olt = block.olt(args)?;
    let mut poller = Poller::new(olt.clone(), Arc::clone(&library));
    let (sys_descr, sys_object_id, trials) = poller.introduce().await?;
    let mut shown = format!(
        "{} answers{}\n  sysDescr     {}\n  sysObjectID  {sys_object_id}\n",
        painted(&olt.address, Paint::Strong),
        poller.counters().smoothed_rtt.map(|rtt| format!(" in {:.1} ms", millis(rtt))).unwrap_or_default(),
        clean(&sys_descr, 200),
    );
    shown.push_str(&tried(&trials, args.profile.as_deref()));
    out::print(&finish(&shown, paper))?;
    let fitting = trials.iter().find(|trial| trial.fits).map(|trial| &trial.profile);
    let Some(profile) = args.profile.as_deref().and_then(|name| library.get(name)).or(fitting) else {
        out::print(&finish(&unknown_family(&sys_object_id, &trials, &known()), paper))?;
        out::note("error: no profile fits this OLT");
        return Ok(Outcome::Failed);
    };
    let target = gentle(&olt, profile, args);
    let pause = Duration::from_secs_f64(1.2 / target.pdus_per_second);
    let session = Session::open(target, &olt.credential).await?;
    let name = session.get(&[Oid::new(&SYS_NAME)]).await.ok();
    let name = name.as_ref().and_then(|answers| answers.first()).and_then(|answer| match &answer.value {
        Value::OctetString(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
        _ => None,
    });
    let asked = columns::ask(&session, profile, pause).await;
    let mut shown = families(profile);
    for table in &asked {
        shown.push_str(&table_of(table));
    }
    shown.push_str(&missing(&asked));
    shown.push_str("\nTo watch it, put this into the configuration:\n\n");
    shown.push_str(&block.text(profile.name(), name.as_deref()));
    out::print(&finish(&shown, paper))?;
    Ok(Outcome::Done)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What the profile says that the family bears, and no more than that.
fn gentle(olt: &config::Olt, profile: &Profile, args: &ProbeArgs) -> Target {
    let defaults = profile.defaults();
    Target {
        timeout: args.timeout,
        retries: RETRIES,
        window: 1,
        pdus_per_second: defaults.pdus_per_second.min(REQUESTS_PER_SECOND),
        max_repetitions: 1,
        ..Target::new(&olt.address)
    }
}

fn tried(trials: &[Trial], named: Option<&str>) -> String {
    let mut shown = String::new();
    for trial in trials {
        let verdict = match (&trial.probe, trial.fits) {
            (None, _) => painted("fits", Paint::Good),
            (Some(probe), true) => format!("{}: {probe} answers", painted("fits", Paint::Good)),
            (Some(probe), false) => format!("{}: {probe} gives nothing", painted("does not fit", Paint::Warning)),
        };
        shown.push_str(&format!("  tried        {}, {verdict}\n", trial.profile.name()));
    }
    if trials.is_empty() {
        shown.push_str("  tried        no profile is for this sysObjectID\n");
    }
    if let Some(named) = named {
        shown.push_str(&format!("  taken for    {named}, as --profile says\n"));
    }
    shown
}

fn families(profile: &Profile) -> String {
    let confidence = format!("{:?}", profile.confidence());
    format!(
        "  family       {} (profile {}, confidence {confidence})\n  tested on    {}\n",
        painted(profile.title(), Paint::Strong),
        profile.name(),
        clean(profile.tested(), 300)
    )
}

fn table_of(table: &TableAsked) -> String {
    let rows = match table.rows {
        Rows::Onu => "ONUs",
        Rows::Pon => "PON ports",
    };
    let mut shown = format!("\n{} {rows}", painted(&table.object, Paint::Strong));
    if let Some(base) = &table.base {
        shown.push_str(&painted(&format!(", columns under {base}"), Paint::Faint));
    }
    shown.push('\n');
    let mut grid = Grid::new(vec![
        text("FIELD"),
        text("SWEEP"),
        text("OBJECT"),
        text("COLUMN"),
        text("SURE"),
        number("TIME"),
        text("ROW"),
        text("SAYS"),
    ]);
    for column in &table.columns {
        grid.row(line(column));
    }
    shown.push_str(&grid.lines(2));
    shown
}

fn line(column: &Asked) -> Vec<String> {
    let (row, says) = match &column.answer {
        Answer::Row { row, raw, means } => {
            let raw = clean(raw, 36);
            let says = match means {
                Some(Ok(means)) if *means == raw => painted(&raw, Paint::Good),
                Some(Ok(means)) => format!("{raw} = {}", painted(&clean(means, 28), Paint::Good)),
                Some(Err(why)) => format!("{raw} = {}", painted(why, Paint::Warning)),
                None => raw,
            };
            (clean(row, 24), says)
        }
        Answer::Nothing => (String::new(), painted("no row", Paint::Warning)),
        Answer::PartOfIndex => (String::new(), painted("part of the index", Paint::Faint)),
        Answer::Failed(why) => (String::new(), painted(&clean(why, 60), Paint::Bad)),
        Answer::NotAsked => (String::new(), painted("not asked: it had fallen silent", Paint::Bad)),
    };
    vec![
        column.field.word().to_owned(),
        column.sweep.word().to_owned(),
        clean(&column.object, 40),
        column.tail.clone(),
        format!("{:?}", column.confidence),
        column.took.map(|took| format!("{:.1} ms", millis(took))).unwrap_or_default(),
        row,
        says,
    ]
}

/// Which fields of an ONU nobody answers for, and why.
fn missing(asked: &[TableAsked]) -> String {
    let columns = || asked.iter().filter(|table| table.rows == Rows::Onu).flat_map(|table| &table.columns);
    let (mut silent, mut absent) = (Vec::new(), Vec::new());
    for field in FieldName::ALL {
        let mut mine = columns().filter(|column| column.field == field).peekable();
        let derived = matches!(field, FieldName::Pon | FieldName::Onu | FieldName::Onus | FieldName::Cause);
        if mine.peek().is_none() {
            if !derived {
                absent.push(field.word());
            }
        } else if !mine.any(|column| matches!(column.answer, Answer::Row { .. } | Answer::PartOfIndex)) {
            silent.push(field.word());
        }
    }
    let mut shown = String::from("\n");
    if !columns().any(|column| matches!(column.answer, Answer::Row { .. })) {
        shown.push_str(&format!(
            "{}: it has none, or this community or user sees only a part of the MIB\n",
            painted("No ONU was found", Paint::Warning)
        ));
    } else if !silent.is_empty() {
        shown.push_str(&format!(
            "{}: {} (this model or firmware lacks the column, or it has no row yet)\n",
            painted("Not answered", Paint::Warning),
            silent.join(", ")
        ));
    }
    if !absent.is_empty() {
        shown.push_str(&format!("Not known for this family: {}\n", absent.join(", ")));
    }
    shown
}

fn unknown_family(sys_object_id: &Oid, trials: &[Trial], known: &str) -> String {
    let near: Vec<&str> = trials.iter().map(|trial| trial.profile.name()).collect();
    let near = if near.is_empty() { String::new() } else { format!(" Near: {}.", near.join(", ")) };
    format!(
        "\n{}: no profile fits {sys_object_id}.{near}\n\
         If you know its family, try it: --profile NAME, with one of {known}.\n\
         Else a profile has to be written (docs/profiles.md says how). It needs a walk of the device:\n  \
         snmpbulkwalk -v2c -c COMMUNITY -ObentU ADDRESS 1.3.6.1 > walk.txt\n",
        painted("Unknown family", Paint::Bad)
    )
}
