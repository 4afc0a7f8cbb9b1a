//! `oltwatch ozmap revert`: puts back what was written since a time.

use std::collections::HashMap;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;
use tokio::sync::watch;

use super::follow::{follow, hopeless};
use super::push::left;
use super::{Desk, OzmapArgs, print_csv, print_json};
use crate::cli::args::{Format, duration};
use crate::cli::error::CliError;
use crate::cli::stop::on_signal;
use crate::cli::table::{Grid, clean, finish, text};
use crate::cli::{Outcome, out};
use crate::config::maintenance::parse_moment;
use crate::model::Timestamp;
use crate::ozmap::{IdList, PushSnapshot, Pusher, PutBack, RevertVerdict, Status, Written, put_back, written_clients};
use crate::store::{Store, StoreError, journal};

/// `ozmap revert`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RevertArgs {
    #[command(flatten)]
    pub(super) args: OzmapArgs,
    /// What was written from then on is put back: a time such as 2026-12-01T02:00:00-03:00, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Since,
    /// List what would be put back, and write nothing; may run beside the daemon
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy)]
enum Since {
    At(Timestamp),
    Ago(std::time::Duration),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(ago) = duration(text) {
        return Ok(Since::Ago(ago));
    }
    let wanted = "expected a time such as 2026-12-01T02:00:00-03:00, or how long ago, such as 2h";
    parse_moment(text).map(Since::At).map_err(|hint| format!("{wanted}{hint}"))
}

#[derive(Serialize)]
struct Listing<'a> {
    host: &'a str,
    since: Timestamp,
    dry_run: bool,
    clients: &'a [PutBack],
    /// What was written, unless it is a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<&'a Written>,
    /// Clients that were not seen to be put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_written: Option<usize>,
}

pub(super) async fn run(desk: &Desk, args: &RevertArgs) -> Result<Outcome, CliError> {
    let Some(place) = &desk.loaded.config.store else {
        return Err(CliError::Failed(
            "without [store] there is no journal of what was written, and so nothing can be put back".to_owned(),
        ));
    };
    let now = Timestamp::from(SystemTime::now());
    let since = match args.since {
        Since::At(at) => at,
        Since::Ago(ago) => {
            Timestamp::from_millis(now.millis().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)))
        }
    };
    if since > now {
        return Err(CliError::Usage(format!("--since: {since} has not come yet")));
    }
    // The right to write the journal comes first: whoever else has it also writes to OZmap.
    let store = match args.dry_run {
        true => None,
        false => Some(Store::open(&place.path, place.keep).map_err(daemon_runs)?),
    };
    let entries = journal::entries_since(&place.path, since)?;
    let clients = written_clients(&entries);
    let shows = match IdList::new(clients) {
        Some(ids) => desk.client.read_statuses(&ids).await?,
        None => HashMap::new(),
    };
    let found = put_back(&entries, &shows);
    let Some(store) = store else {
        show(desk, since, &found, None)?;
        return Ok(Outcome::Done);
    };
    let mut stop = on_signal()?;
    let changes = found.iter().filter_map(|one| one.change.clone()).collect();
    let (_shutdown, ends) = watch::channel(false);
    let pusher = Pusher::spawn_to_put_back(&desk.client, &desk.ozmap, store.journal(), changes, ends);
    let end = follow(&pusher, &mut stop, |now| now.unsettled <= now.aside).await;
    tokio::task::block_in_place(|| store.close());
    show(desk, since, &found, Some(&end))?;
    if end.written.ok + end.written.error > 0 {
        out::note(
            "note: the daemon writes again what it sees when it next runs with mode = \"write\"; with mode = \"dry-run\" it does not",
        );
    }
    let all = hopeless(&end).is_none() && end.unsettled == 0;
    Ok(if all { Outcome::Done } else { Outcome::Failed })
}

/// Putting back beside a daemon that writes would be undone within a minute.
fn daemon_runs(error: StoreError) -> CliError {
    match error {
        StoreError::InUse { .. } => CliError::Failed(format!(
            "{error}\nA daemon that runs would write again what is put back, so it has to be stopped; --dry-run works beside it"
        )),
        other => other.into(),
    }
}

fn show(desk: &Desk, since: Timestamp, found: &[PutBack], end: Option<&PushSnapshot>) -> Result<(), CliError> {
    let word = |status: Option<Status>| status.map_or("unknown", Status::word);
    match desk.format {
        Format::Json => print_json(&Listing {
            host: desk.client.host(),
            since,
            dry_run: end.is_none(),
            clients: found,
            written: end.map(|end| &end.written),
            not_written: end.map(|end| end.unsettled),
        }),
        Format::Csv => print_csv(
            ["client_id", "before", "wrote", "shows", "writes", "first", "verdict", "reason"],
            found.iter().map(|one| {
                [
                    one.client.to_string(),
                    word(one.before).to_owned(),
                    one.wrote.word().to_owned(),
                    word(one.shows).to_owned(),
                    one.writes.to_string(),
                    one.first.to_string(),
                    one.verdict.word().to_owned(),
                    one.why.clone(),
                ]
            }),
        ),
        Format::Table if found.is_empty() => out::print(&format!("nothing was written since {since}\n")),
        Format::Table => {
            let mut grid = Grid::new(vec![
                text("CLIENT"),
                text("BEFORE"),
                text("WROTE"),
                text("SHOWS"),
                text("WHAT FOLLOWS"),
                text("WAS WRITTEN BECAUSE"),
            ]);
            for one in found {
                grid.row(vec![
                    one.client.to_string(),
                    word(one.before).to_owned(),
                    one.wrote.word().to_owned(),
                    word(one.shows).to_owned(),
                    one.verdict.word().to_owned(),
                    clean(&one.why, 60),
                ]);
            }
            let mut lines = if grid.is_empty() { String::new() } else { grid.lines(0) };
            let count = |verdict| found.iter().filter(|one| one.verdict == verdict).count();
            let (wanted, changed) = (count(RevertVerdict::Write), count(RevertVerdict::ChangedByOthers));
            let others = found.len() - wanted - changed;
            lines.push_str(&match end {
                None => format!("{wanted} would be put back"),
                Some(end) if end.unsettled == 0 => format!("{} put back", end.written.ok + end.written.error),
                Some(end) => format!("{} put back, {} not", end.written.ok + end.written.error, end.unsettled),
            });
            lines.push_str(&format!(
                "; {changed} left as others changed them since, {others} need nothing or cannot be\n"
            ));
            if let Some(end) = end {
                lines.push_str(&left(end));
            }
            out::print(&finish(&lines, desk.paper))
        }
    }
}
