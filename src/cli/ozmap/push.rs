//! `oltwatch ozmap push --once`: makes OZmap show what two looks at everything agree on, and ends.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::sync::watch;

use super::{Desk, OzmapArgs, print_csv, print_json};
use crate::cli::args::{Format, duration};
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::poll::tell_failures;
use crate::cli::stop::{on_signal, stopped};
use crate::cli::{Outcome, out};
use crate::config::{BrakeRule, OzmapMode, Thresholds};
use crate::model::SweepKind;
use crate::ozmap::{Braked, Looks, OltWishes, PushSnapshot, Pusher, Written};

/// `ozmap push`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PushArgs {
    #[command(flatten)]
    pub(super) args: OzmapArgs,
    /// Push once and end; `oltwatch run` pushes for as long as it runs
    #[arg(long, required = true)]
    pub(super) once: bool,
    /// Also write what the brake would hold: many clients of one OLT that turn to ERROR at once
    #[arg(long)]
    pub(super) approve: bool,
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
    /// Clients that OZmap refuses or whose writes keep failing.
    not_written: usize,
    last_error: Option<&'a str>,
}

pub(super) async fn run(desk: &Desk, approve: bool, between: Duration) -> std::result::Result<Outcome, CliError> {
    if desk.ozmap.mode == OzmapMode::DryRun {
        return Err(CliError::Failed(
            "[ozmap] mode is \"dry-run\", so nothing is written; \"ozmap diff\" shows what would be. \
             mode = \"write\" allows it"
                .to_owned(),
        ));
    }
    let mut stop = on_signal()?;
    let looked = tokio::select! {
        looked = look_twice(desk, between) => looked,
        () = stopped(&mut stop) => return Ok(Outcome::Failed),
    };
    let mut ozmap = desk.ozmap.clone();
    if approve {
        ozmap.brake = BrakeRule { share: 1.0, least: usize::MAX };
    }
    let (_shutdown, ends) = watch::channel(false);
    let pusher = Pusher::spawn(&desk.client, &ozmap, ends);
    // All of it is there before the directory is, so the first plan is of everything.
    let count = looked.len();
    for (wishes, _) in &looked {
        pusher.submit(wishes.clone());
    }
    let mut snapshots = pusher.subscribe();
    let mut told = None;
    loop {
        let now = snapshots.borrow_and_update().clone();
        if now.last_error != told {
            if let Some(error) = &now.last_error {
                out::note(&format!("warning: {}", error.message));
            }
            told.clone_from(&now.last_error);
        }
        if is_over(&now, count) {
            break;
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() {
                break;
            },
            () = stopped(&mut stop) => {
                out::note("stopped: the write in hand is finished");
                break;
            }
        }
    }
    pusher.stop().await;
    let end = pusher.snapshot();
    let looks: Vec<Looked> = looked.into_iter().map(|(_, looked)| looked).collect();
    show(desk, &end, &looks)?;
    let all = end.directory.is_some() && end.halted.is_none() && end.pending == 0 && end.held == 0;
    match (tell_failures(&looks, false), all) {
        (Outcome::Done, true) => Ok(Outcome::Done),
        _ => Ok(Outcome::Failed),
    }
}

/// Whether there is nothing left that waiting would bring.
fn is_over(now: &PushSnapshot, olts: usize) -> bool {
    let planned = now.directory.is_some() && now.olts == olts;
    now.halted.is_some() || (planned && now.pending + now.pending_powers <= now.aside)
}

/// Two looks at every OLT, and what they agree on.
async fn look_twice(desk: &Desk, between: Duration) -> Vec<(OltWishes, Looked)> {
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
            let mut wishes = super::diff::judge(&first, &thresholds, &desk.ozmap.status);
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

fn show(desk: &Desk, end: &PushSnapshot, looked: &[Looked]) -> std::result::Result<(), CliError> {
    let last_error = end.last_error.as_ref().map(|error| error.message.as_str());
    match desk.format {
        Format::Json => print_json(&Result {
            host: &end.host,
            incomplete_olts: looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect(),
            written: &end.written,
            held: end.held,
            braked: &end.braked,
            not_written: end.pending,
            last_error,
        }),
        Format::Csv => print_csv(
            ["set_to_error", "set_to_ok", "powers", "held", "not_written"],
            [[end.written.error, end.written.ok, end.written.powers, end.held as u64, end.pending as u64]
                .map(|count| count.to_string())],
        ),
        Format::Table => {
            let mut text = format!("{} set to error, {} to ok", end.written.error, end.written.ok);
            if desk.ozmap.write_power {
                text.push_str(&format!(", {} powers written", end.written.powers));
            }
            text.push('\n');
            if let Some(halted) = &end.halted {
                text.push_str(&format!("nothing is written: {}\n", halted.why));
            }
            if end.pending > 0 {
                text.push_str(&format!("{} not written\n", end.pending));
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
