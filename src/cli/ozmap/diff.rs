//! `oltwatch ozmap diff`: what one look at everything would change, and what of it the daemon would hold or leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Desk, or_empty, print_csv, print_json, wish};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::poll::tell_failures;
use crate::cli::table::{Grid, Paint, clean, finish, painted, text};
use crate::cli::{Outcome, out};
use crate::config::maintenance::{Maintenance, boxes_under_way, under_way};
use crate::config::{StatusMap, Thresholds};
use crate::daemon::maintenance;
use crate::model::{SweepKind, Timestamp, Truth};
use crate::ozmap::{
    BOXES_PER_READ, BoxHeld, Braked, Change, ClientId, Contested, Gates, Looks, OltWishes, Passed, PowerChange, Shown,
    Status, Wish, agreeing, at_hand, candidates, match_onus, plan, plan_powers,
};
use crate::signal::Judge;
use crate::store::StoreError;
use crate::store::journal::{self, LastShown};

/// A look lasts no longer than this; within it nothing gets stale.
const LOOK: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize)]
struct Listing<'a> {
    host: &'a str,
    /// OLTs that could not be read whole.
    incomplete_olts: Vec<&'a str>,
    /// What would be written.
    changes: &'a [Change],
    powers: &'a [PowerChange],
    /// What would not, though it differs.
    held: Held<'a>,
}

#[derive(Serialize)]
struct Held<'a> {
    brake: &'a [Braked],
    maintenance: &'a [BoxHeld],
    others: &'a [Contested],
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
    let calendar = calendar(desk)?;
    let judged = looked.iter().map(|one| judge(one, &thresholds, &desk.ozmap.status, &calendar));
    let wishes: Vec<Arc<OltWishes>> =
        judged.map(|wishes| Arc::new(OltWishes { looks: Looks { state: 1, optics: 1 }, ..wishes })).collect();
    let onus = candidates(&wishes);
    let matches = match_onus(&onus, &directory, (&desk.ozmap).into());
    let shown = Shown::default();
    let (now, at) = (Duration::ZERO, Timestamp::from(SystemTime::now()));
    let mut gates = Gates::new(&desk.ozmap);
    gates.boxes.set(boxes_under_way(&calendar, at), &BTreeMap::new());
    gates.foreign.recall(last_shown(desk));
    gates.foreign.compare(&directory, at);
    let agreeing = agreeing(&gates.foreign.standing(), &onus, &matches, &directory, &shown);
    gates.foreign.agreed(&agreeing, now);
    let changes = plan(&onus, &matches, &directory, &shown);
    for some in gates.boxes.unnamed(&changes, &directory).chunks(BOXES_PER_READ) {
        gates.boxes.name(desk.client.read_box_names(some).await.unwrap_or_else(|error| {
            out::note(&format!("warning: names of boxes cannot be read, so only those given by id are held: {error}"));
            some.iter().map(|id| (*id, None)).collect()
        }));
    }
    let passed = gates.pass(changes, &directory, &at_hand(&wishes, &onus, &matches), now, at);
    let dead_band = desk.ozmap.power_dead_band;
    let powers = match desk.ozmap.write_power {
        true => plan_powers(&onus, &matches, &directory, &shown, dead_band),
        false => Vec::new(),
    };
    match desk.format {
        Format::Json => print_json(&Listing {
            host: desk.client.host(),
            incomplete_olts: looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect(),
            changes: &passed.through,
            powers: &powers,
            held: Held { brake: &passed.braked, maintenance: &passed.boxed, others: &passed.contested },
        })?,
        Format::Csv => print_csv(HEADER, all(&passed).map(|(change, held)| csv_line(change, held)))?,
        Format::Table => out::print(&finish(&table(&passed, &powers, matches.matched.len(), desk), desk.paper))?,
    }
    Ok(tell_failures(&looked, false))
}

/// What OZmap was last seen to show of what was written; nothing where there is no journal that can be read.
fn last_shown(desk: &Desk) -> Vec<(ClientId, Status, Timestamp)> {
    let Some(store) = &desk.loaded.config.store else { return Vec::new() };
    match journal::last_shown(&store.path) {
        Ok(shown) => {
            let known = |one: LastShown| {
                Some((ClientId::from_octets(one.client), Status::from_number(i64::from(one.status))?, one.at))
            };
            shown.into_iter().filter_map(known).collect()
        }
        // The daemon has not run yet.
        Err(StoreError::Missing { .. }) => Vec::new(),
        Err(error) => {
            out::note(&format!("warning: what others changed since we wrote it is not told: {error}"));
            Vec::new()
        }
    }
}

/// All maintenance, of the configuration and by command.
pub(super) fn calendar(desk: &Desk) -> Result<Vec<Maintenance>, CliError> {
    let config = &desk.loaded.config;
    Ok(maintenance::calendar(&config.maintenance, config.maintenance_file.as_deref())?)
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

pub(super) fn judge(
    looked: &Looked,
    thresholds: &Thresholds,
    status: &StatusMap,
    calendar: &[Maintenance],
) -> OltWishes {
    let olt = looked.olt.name.clone();
    let mut judge = Judge::new(olt.clone(), thresholds.clone(), status.clone(), LOOK);
    let now = Timestamp::from(SystemTime::now());
    for sweep in &looked.sweeps {
        judge.observe(sweep);
    }
    judge.tick(now);
    judge.set_maintenance(under_way(calendar, olt.as_str(), now), now);
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

const HEADER: [&str; 11] =
    ["client_id", "code", "name", "from", "to", "olt", "pon", "onu", "matched_by", "held_by", "reason"];

fn from(change: &Change) -> &'static str {
    change.from.map_or("unknown", Status::word)
}

/// Every difference, with what holds it.
fn all(passed: &Passed) -> impl Iterator<Item = (&Change, &'static str)> {
    let braked = passed.braked.iter().flat_map(|one| &one.changes);
    let boxed = passed.boxed.iter().flat_map(|one| &one.changes);
    let contested = passed.contested.iter().map(|one| &one.change);
    passed
        .through
        .iter()
        .map(|change| (change, ""))
        .chain(braked.map(|change| (change, "brake")))
        .chain(boxed.map(|change| (change, "maintenance")))
        .chain(contested.map(|change| (change, "others")))
}

fn csv_line(change: &Change, held: &str) -> [String; 11] {
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
        held.to_owned(),
        change.reason.to_string(),
    ]
}

fn table(passed: &Passed, powers: &[PowerChange], matched: usize, desk: &Desk) -> String {
    let changes = &passed.through;
    let mut grid = Grid::new(vec![
        text("CODE"),
        text("NAME"),
        text("NOW"),
        text("THEN"),
        text("OLT"),
        text("PON"),
        text("ONU"),
        text("BY"),
        text("HELD"),
        text("BECAUSE"),
    ]);
    for (change, held) in all(passed) {
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
            held.to_owned(),
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
    for one in &passed.braked {
        shown.push_str(&format!(
            "held by the brake: {} of {} clients of {} would turn to ERROR at once, and wait for a second sweep\n",
            one.clients, one.of, one.olt
        ));
    }
    for one in passed.boxed.iter().filter(|one| one.clients > 0) {
        shown.push_str(&format!("held as box {} is worked on: {} clients\n", one.boxes, one.clients));
    }
    if !passed.contested.is_empty() {
        let (left, policy) = (passed.contested.len(), desk.ozmap.foreign.word());
        shown.push_str(&format!("left as others set them (foreign = \"{policy}\"): {left} clients\n"));
    }
    if !powers.is_empty() {
        shown.push_str(&format!("{} powers would be written\n", powers.len()));
    }
    shown
}
