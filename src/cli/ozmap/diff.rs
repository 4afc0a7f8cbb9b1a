//! `oltwatch ozmap diff`: what one look at everything would change.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Desk, or_empty, print_csv, print_json, wish};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::poll::tell_failures;
use crate::cli::table::{Grid, Paint, clean, finish, painted, text};
use crate::cli::{Outcome, out};
use crate::config::{StatusMap, Thresholds};
use crate::model::{SweepKind, Timestamp, Truth};
use crate::ozmap::{
    Change, Looks, OltWishes, PowerChange, Shown, Status, Wish, candidates, match_onus, plan, plan_powers,
};
use crate::signal::Judge;

/// A look lasts no longer than this; within it nothing gets stale.
const LOOK: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize)]
struct Listing<'a> {
    host: &'a str,
    /// OLTs that could not be read whole.
    incomplete_olts: Vec<&'a str>,
    changes: &'a [Change],
    powers: &'a [PowerChange],
}

pub(super) async fn run(desk: &Desk) -> Result<Outcome, CliError> {
    out::note(
        "note: this is one look. The daemon waits until a loss or a bad level was read several times, so it may change \
         less. Nothing is written",
    );
    let (config, library) = (&desk.loaded.config, &desk.loaded.library);
    let kinds = [SweepKind::Inventory, SweepKind::State, SweepKind::Optics];
    let (looked, directory) = tokio::join!(look_at(&config.olts, &config.snmp, library, &kinds), desk.directory());
    let directory = directory?;
    let thresholds = at_once(&config.thresholds);
    let wishes: Vec<OltWishes> = looked.iter().map(|one| judge(one, &thresholds, &desk.ozmap.status)).collect();
    let onus = candidates(&wishes);
    let matches = match_onus(&onus, &directory, &desk.ozmap.match_by, desk.ozmap.code_pattern.as_ref());
    let shown = Shown::default();
    let changes = plan(&onus, &matches, &directory, &shown);
    let powers = if desk.ozmap.write_power { plan_powers(&onus, &matches, &directory, &shown) } else { Vec::new() };
    match desk.format {
        Format::Json => print_json(&Listing {
            host: desk.client.host(),
            incomplete_olts: looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect(),
            changes: &changes,
            powers: &powers,
        })?,
        Format::Csv => print_csv(HEADER, changes.iter().map(csv_line))?,
        Format::Table => out::print(&finish(&table(&changes, &powers, matches.matched.len()), desk.paper))?,
    }
    Ok(tell_failures(&looked, false))
}

/// The thresholds of somebody who looks once: the first reading counts.
fn at_once(thresholds: &Thresholds) -> Thresholds {
    let mut thresholds = thresholds.clone();
    thresholds.down_after = 1;
    thresholds.unknown_after = Duration::ZERO;
    for rule in std::iter::once(&mut thresholds.base).chain(thresholds.overrides.iter_mut().map(|(_, rule)| rule)) {
        rule.worsen_after = 1;
        rule.improve_after = 1;
    }
    thresholds
}

pub(super) fn judge(looked: &Looked, thresholds: &Thresholds, status: &StatusMap) -> OltWishes {
    let olt = looked.olt.name.clone();
    let mut judge = Judge::new(olt.clone(), thresholds.clone(), status.clone(), LOOK);
    for sweep in &looked.sweeps {
        judge.observe(sweep);
    }
    judge.tick(Timestamp::from(SystemTime::now()));
    let wishes = looked
        .view
        .onus()
        .filter_map(|reading| {
            let held = judge.get(&reading.key)?;
            let evidence = if held.truth() == Truth::Up { SweepKind::Optics } else { SweepKind::State };
            Some(Wish { evidence, ..wish(&olt, reading, held.verdict(), &held.reason().to_string()) })
        })
        .collect();
    OltWishes { olt, complete: looked.has_complete(SweepKind::State), looks: Looks::default(), wishes }
}

const HEADER: [&str; 10] = ["client_id", "code", "name", "from", "to", "olt", "pon", "onu", "matched_by", "reason"];

fn from(change: &Change) -> &'static str {
    change.from.map_or("unknown", Status::word)
}

fn csv_line(change: &Change) -> [String; 10] {
    [
        change.client.to_string(),
        or_empty(change.code.as_ref()),
        or_empty(change.name.as_ref()),
        from(change).to_owned(),
        change.to.word().to_owned(),
        change.onu.olt.to_string(),
        or_empty(change.pon.as_ref()),
        or_empty(change.number.as_ref()),
        change.matched_by.to_owned(),
        change.reason.to_string(),
    ]
}

fn table(changes: &[Change], powers: &[PowerChange], matched: usize) -> String {
    let mut grid = Grid::new(vec![
        text("CODE"),
        text("NAME"),
        text("NOW"),
        text("THEN"),
        text("OLT"),
        text("PON"),
        text("ONU"),
        text("BY"),
        text("BECAUSE"),
    ]);
    for change in changes {
        let paint = if change.to == Status::Error { Paint::Bad } else { Paint::Good };
        grid.row(vec![
            clean(change.code.as_deref().unwrap_or_default(), 14),
            clean(change.name.as_deref().unwrap_or_default(), 18),
            from(change).to_owned(),
            painted(change.to.word(), paint),
            clean(change.onu.olt.as_str(), 14),
            or_empty(change.pon.as_ref()),
            or_empty(change.number.as_ref()),
            change.matched_by.to_owned(),
            clean(&change.reason, 60),
        ]);
    }
    let mut shown = String::new();
    if !grid.is_empty() {
        shown.push_str(&grid.lines(0));
    }
    let to = |status| changes.iter().filter(|change| change.to == status).count();
    shown.push_str(&format!(
        "{} of {matched} matched clients would change: {} to error, {} to ok\n",
        changes.len(),
        to(Status::Error),
        to(Status::Ok)
    ));
    if !powers.is_empty() {
        shown.push_str(&format!("{} powers would be written\n", powers.len()));
    }
    shown
}
