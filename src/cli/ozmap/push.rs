//! `oltwatch ozmap push --once`: makes OZmap show what two looks at everything agree on, and ends. Without `--once`, `--approve`
//! lets a running daemon write what its brake holds.

use std::time::{Duration, SystemTime};

use clap::{ArgGroup, Args};
use serde::Serialize;
use tokio::sync::watch;

use super::follow::{follow, hopeless};
use super::{Desk, OzmapArgs, print_csv, print_json};
use crate::cli::args::{Format, duration};
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::maintenance::known_olt;
use crate::cli::poll::tell_failures;
use crate::cli::stop::{on_signal, stopped};
use crate::cli::{Outcome, out};
use crate::config::maintenance::{Maintenance, boxes_under_way};
use crate::config::{BrakeRule, OzmapMode, Thresholds};
use crate::daemon::maintenance;
use crate::model::{SweepKind, Timestamp};
use crate::ozmap::{Braked, Looks, OltWishes, PushSnapshot, Pusher, Written};
use crate::store::{Store, StoreError};

/// `ozmap push`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["once", "approve"]).multiple(true).required(true))]
pub(in crate::cli) struct PushArgs {
    #[command(flatten)]
    pub(super) args: OzmapArgs,
    /// Push once and end; `oltwatch run` pushes for as long as it runs
    #[arg(long)]
    pub(super) once: bool,
    /// Also write what the brake would hold: many clients of one OLT that turn to ERROR at once. Without --once, tell a
    /// running daemon to write what it holds now; it knows within seconds
    #[arg(long)]
    pub(super) approve: bool,
    /// Only what is held of this OLT; * stands for any text
    #[arg(long, value_name = "NAME", requires = "approve", conflicts_with = "once")]
    pub(super) olt: Option<String>,
    /// How long to wait between the two looks: an ONU that restarts is back by then
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub(super) between: Duration,
}

#[derive(Serialize)]
struct Result<'a> {
    host: &'a str,
    incomplete_olts: Vec<&'a str>,
    written: &'a Written,
    /// Clients that the brake holds.
    held: usize,
    braked: &'a [Braked],
    /// Clients whose boxes are worked on.
    maintained: usize,
    /// Clients that others set.
    foreign: usize,
    /// Clients that OZmap refuses or whose writes keep failing.
    not_written: usize,
    last_error: Option<&'a str>,
}

pub(super) async fn run(desk: &Desk, args: &PushArgs) -> std::result::Result<Outcome, CliError> {
    let &PushArgs { approve, between, .. } = args;
    if !args.once {
        return approve_of_daemon(desk, args.olt.as_deref());
    }
    if desk.ozmap.mode == OzmapMode::DryRun {
        return Err(CliError::Failed(
            "[ozmap] mode is \"dry-run\", so nothing is written; \"ozmap diff\" shows what would be. \
             mode = \"write\" allows it"
                .to_owned(),
        ));
    }
    // Before every OLT is read twice.
    desk.client.check().await?;
    let store = open_store(desk)?;
    let calendar = super::diff::calendar(desk)?;
    let mut stop = on_signal()?;
    let looked = tokio::select! {
        looked = look_twice(desk, between, &calendar) => looked,
        () = stopped(&mut stop) => return Ok(Outcome::Failed),
    };
    let mut ozmap = desk.ozmap.clone();
    if approve {
        ozmap.brake = BrakeRule { share: 1.0, least: usize::MAX };
    }
    let (_shutdown, ends) = watch::channel(false);
    let journal = store.as_ref().map(Store::journal);
    let pusher = Pusher::spawn_journaled(&desk.client, &ozmap, journal, ends);
    pusher.maintain_boxes(boxes_under_way(&calendar, Timestamp::from(SystemTime::now())));
    // All of it is there before the directory is, so the first plan is of everything.
    let count = looked.len();
    for (wishes, _) in &looked {
        pusher.submit(wishes.clone());
    }
    let end = follow(&pusher, &mut stop, |now| is_over(now, count)).await;
    if let Some(store) = store {
        tokio::task::block_in_place(|| store.close());
    }
    let looks: Vec<Looked> = looked.into_iter().map(|(_, looked)| looked).collect();
    show(desk, &end, &looks)?;
    let all = end.directory.is_some() && hopeless(&end).is_none() && end.unsettled == 0 && end.held == 0;
    match (tell_failures(&looks, false), all) {
        (Outcome::Done, true) => Ok(Outcome::Done),
        _ => Ok(Outcome::Failed),
    }
}

/// The database, for its journal.
fn open_store(desk: &Desk) -> std::result::Result<Option<Store>, CliError> {
    let Some(store) = &desk.loaded.config.store else { return Ok(None) };
    match Store::open(&store.path, store.keep) {
        Ok(store) => Ok(Some(store)),
        Err(error @ StoreError::InUse { .. }) => Err(CliError::Failed(format!(
            "{error}\nA daemon that runs pushes by itself; \"ozmap push --approve\" without --once lets it write what its brake holds"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Tells a daemon that runs.
fn approve_of_daemon(desk: &Desk, olt: Option<&str>) -> std::result::Result<Outcome, CliError> {
    let config = &desk.loaded.config;
    let olt = olt.map(|olt| known_olt(config, olt)).transpose()?;
    let Some(path) = &config.maintenance_file else {
        return Err(CliError::Failed("the configuration has no place at which a daemon looks for commands".to_owned()));
    };
    maintenance::approve(path, olt.clone(), Timestamp::from(SystemTime::now()))?;
    let olts = olt.map_or_else(|| "*".to_owned(), |olt| olt.to_string());
    match desk.format {
        Format::Json => print_json(&serde_json::json!({"approved": olts}))?,
        Format::Csv => print_csv(["approved"], [[olts]])?,
        Format::Table => {
            let of = if olts == "*" { "every OLT" } else { olts.as_str() };
            out::print(&format!("a daemon that runs writes within seconds what its brake holds now of {of}\n"))?;
        }
    }
    Ok(Outcome::Done)
}

/// Whether there is nothing left that waiting would bring.
fn is_over(now: &PushSnapshot, olts: usize) -> bool {
    let planned = now.directory.is_some() && now.olts == olts && !now.planning && now.unnamed_boxes == 0;
    planned && now.unsettled + now.pending_powers <= now.aside
}

/// Two looks at every OLT, and what they agree on.
async fn look_twice(desk: &Desk, between: Duration, calendar: &[Maintenance]) -> Vec<(OltWishes, Looked)> {
    let (config, library) = (&desk.loaded.config, &desk.loaded.library);
    let look = async |kinds: &[SweepKind]| look_at(&config.olts, &config.snmp, library, kinds).await;
    let first = look(&[SweepKind::Inventory, SweepKind::State, SweepKind::Optics]).await;
    out::note(&format!(
        "every OLT is read a second time in {}: only what both looks say is written",
        humantime::format_duration(between)
    ));
    tokio::time::sleep(between).await;
    let second = look(&[SweepKind::State, SweepKind::Optics]).await;
    let thresholds = agreed(&config.thresholds);
    first
        .into_iter()
        .zip(second)
        .map(|(mut first, second)| {
            first.sweeps.extend(second.sweeps);
            for problem in second.problems {
                if !first.problems.contains(&problem) {
                    first.problems.push(problem);
                }
            }
            let complete = first.is_complete();
            let mut wishes = super::diff::judge(&first, &thresholds, &desk.ozmap.status, calendar);
            // One of the two broke off: what it did not read is not agreed on.
            wishes.complete &= complete;
            wishes.looks = Looks { state: 2, optics: 2 };
            (wishes, first)
        })
        .collect()
}

/// The thresholds of somebody who looks twice: both readings have to say it.
fn agreed(thresholds: &Thresholds) -> Thresholds {
    let mut thresholds = thresholds.clone();
    thresholds.down_after = 2;
    thresholds.unknown_after = Duration::ZERO;
    for rule in std::iter::once(&mut thresholds.base).chain(thresholds.overrides.iter_mut().map(|(_, rule)| rule)) {
        rule.worsen_after = 2;
        rule.improve_after = 2;
    }
    thresholds
}

/// What did not come to its end, and why; empty when all did.
pub(super) fn left(end: &PushSnapshot) -> String {
    let mut text = String::new();
    let hopeless = hopeless(end);
    let gave_up = hopeless.is_some();
    if let Some(why) = hopeless {
        text.push_str(&format!("gave up: {why}\n"));
    }
    if end.pending > 0 {
        let why = match &end.last_error {
            Some(error) if !gave_up => format!(": {}", error.message),
            _ => String::new(),
        };
        text.push_str(&format!("{} not written{why}\n", end.pending));
    }
    if end.unsettled > end.pending {
        text.push_str(&format!("{} written, but not seen in OZmap yet\n", end.unsettled - end.pending));
    }
    text
}

fn show(desk: &Desk, end: &PushSnapshot, looked: &[Looked]) -> std::result::Result<(), CliError> {
    let last_error = end.last_error.as_ref().map(|error| error.message.as_str());
    match desk.format {
        Format::Json => print_json(&Result {
            host: &end.host,
            incomplete_olts: looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect(),
            written: &end.written,
            held: end.held,
            braked: &end.braked,
            maintained: end.maintained,
            foreign: end.foreign.contested,
            not_written: end.unsettled,
            last_error,
        }),
        Format::Csv => print_csv(
            ["set_to_error", "set_to_ok", "powers", "held", "not_written"],
            [[end.written.error, end.written.ok, end.written.powers, end.held as u64, end.unsettled as u64]
                .map(|count| count.to_string())],
        ),
        Format::Table => {
            let mut text = format!("{} set to error, {} to ok", end.written.error, end.written.ok);
            if desk.ozmap.write_power {
                text.push_str(&format!(", {} powers written", end.written.powers));
            }
            text.push('\n');
            text.push_str(&left(end));
            if end.maintained > 0 {
                text.push_str(&format!("{} held as their boxes are worked on\n", end.maintained));
            }
            if end.foreign.contested > 0 {
                let (left, policy) = (end.foreign.contested, end.foreign.policy);
                text.push_str(&format!("{left} left as others set them (foreign = \"{policy}\")\n"));
            }
            for one in &end.braked {
                text.push_str(&format!(
                    "held by the brake: {} of {} clients of {} would turn to ERROR at once; \
                     see \"ozmap diff\", and --approve writes them too\n",
                    one.clients, one.of, one.olt
                ));
            }
            out::print(&text)
        }
    }
}
