//! `oltwatch ozmap plant`: the passive network as OZmap documents it, by PON, beside what the OLTs read; with `--audit`, what of the
//! documentation that contradicts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::{Desk, OzmapArgs, identified, or_empty, print_csv, print_json};
use crate::cli::args::Format;
use crate::cli::error::CliError;
use crate::cli::look::{Looked, look_at};
use crate::cli::poll::tell_failures;
use crate::cli::progress::Progress;
use crate::cli::table::{Grid, Paint, clean, finish, number, painted, text};
use crate::cli::{Outcome, out};
use crate::model::{Dbm, Decibels, Metres, SweepKind, Timestamp};
use crate::ozmap::{
    CandidateLine, DoubtLine, ElementName, Owners, PlantSnapshot, PonLine, PonName, PortName, Survey, candidates,
    import_once, match_onus,
};
use crate::plant::LaunchSource;
use crate::store::{PlantRow, StoreError, plant_rows};

/// `ozmap plant`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlantArgs {
    #[command(flatten)]
    pub(super) args: OzmapArgs,
    /// List what is probably documented wrong: clients in another box or on another PON, lengths, losses, launch powers
    #[arg(long)]
    audit: bool,
}

#[derive(Serialize)]
struct Listing<'a> {
    host: &'a str,
    /// OLTs that could not be read whole: their ONUs may be missing here.
    incomplete_olts: Vec<&'a str>,
    /// The plant, and what reading it took.
    import: &'a PlantSnapshot,
    /// ONUs whose client is in the plant.
    onus: usize,
    pons: &'a [PonLine],
    /// How many doubts there are of each kind.
    doubts: &'a BTreeMap<&'static str, usize>,
    /// The doubts, the surest first; with `--audit` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    doubted: Option<&'a [DoubtLine]>,
}

pub(super) async fn run(desk: &Desk, args: &PlantArgs) -> Result<Outcome, CliError> {
    let (config, library) = (&desk.loaded.config, &desk.loaded.library);
    let kinds = [SweepKind::Inventory, SweepKind::State, SweepKind::Optics];
    let (looked, plant) = tokio::join!(look_at(&config.olts, &config.snmp, library, &kinds), import(desk));
    let (directory, plant) = plant?;
    let wishes: Vec<_> = looked.iter().map(identified).collect();
    let onus = candidates(&wishes);
    let matches = match_onus(&onus, &directory, (&desk.ozmap).into());
    let owners = Owners::new(&onus, &matches, &directory);
    let views = looked.iter().map(|one| (&one.olt.name, &one.view));
    let survey = Survey::of(Timestamp::from(SystemTime::now()), &plant, &owners, views, usize::MAX);
    match (desk.format, args.audit) {
        (Format::Json, audit) => print_json(&Listing {
            host: desk.client.host(),
            incomplete_olts: looked.iter().filter(|one| !one.is_complete()).map(|one| one.olt.name.as_str()).collect(),
            import: &plant,
            onus: survey.onus,
            pons: &survey.pons,
            doubts: &survey.counts,
            doubted: audit.then_some(survey.doubts.as_slice()),
        })?,
        (Format::Csv, false) => print_csv(PON_HEADER, survey.pons.iter().map(pon_line))?,
        (Format::Csv, true) => print_csv(DOUBT_HEADER, survey.doubts.iter().map(doubt_line))?,
        (Format::Table, false) => out::print(&finish(&(pon_table(&survey) + &summary(&survey)), desk.paper))?,
        (Format::Table, true) => out::print(&finish(&(doubt_table(&survey) + &doubts_summed(&survey)), desk.paper))?,
    }
    Ok(told(&looked))
}

fn told(looked: &[Looked]) -> Outcome {
    let outcome = tell_failures(looked, false);
    if outcome == Outcome::Failed {
        out::note("warning: of ONUs on OLTs that could not be read, nothing is compared");
    }
    outcome
}

/// The directory, and the plant: what a daemon kept of it is not asked for again.
async fn import(desk: &Desk) -> Result<(Arc<crate::ozmap::Directory>, Arc<PlantSnapshot>), CliError> {
    let directory = Arc::new(desk.directory().await?);
    let progress = Progress::new("reading the plant", 0);
    let tell = |done, of| progress.at(done, Some(of));
    let plant = import_once(&desk.client, &desk.ozmap, Arc::clone(&directory), kept(desk), tell).await?;
    drop(progress);
    Ok((directory, plant))
}

/// What the daemon kept.
fn kept(desk: &Desk) -> Vec<PlantRow> {
    let Some(store) = &desk.loaded.config.store else { return Vec::new() };
    match plant_rows(&store.path) {
        Ok(rows) => rows,
        // Before the first run of the daemon.
        Err(StoreError::Missing { .. }) => Vec::new(),
        Err(error) => {
            out::note(&format!(
                "warning: what the daemon knows of the plant cannot be read, so all is asked for: {error}"
            ));
            Vec::new()
        }
    }
}

const PON_HEADER: [&str; 16] = [
    "olt",
    "slot",
    "pon",
    "pon_id",
    "port_olt",
    "port",
    "clients",
    "routes",
    "onus",
    "launch_dbm",
    "launch",
    "launch_within_db",
    "offset_db",
    "spread_db",
    "slack",
    "doubts",
];

fn name_of(element: Option<&ElementName>) -> String {
    element.map(ElementName::shown).unwrap_or_default()
}

/// Each of a PON's ports, with something of it.
fn ports(pon: &PonLine, what: impl Fn(&PortName) -> String) -> String {
    pon.ports.iter().map(what).collect::<Vec<_>>().join(" ")
}

fn pon_line(pon: &PonLine) -> [String; 16] {
    [
        name_of(pon.name.olt.as_ref()),
        name_of(pon.name.slot.as_ref()),
        name_of(pon.name.pon.as_ref()),
        or_empty(pon.name.pon.as_ref().and_then(|pon| pon.id).as_ref()),
        ports(pon, |port| port.olt.to_string()),
        ports(pon, |port| or_empty(port.pon.as_ref())),
        pon.clients.to_string(),
        pon.routes.to_string(),
        pon.onus.to_string(),
        or_empty(pon.launch_dbm.map(Dbm::get).as_ref()),
        pon.launch.map(LaunchSource::word).unwrap_or_default().to_owned(),
        or_empty(pon.launch_within_db.map(Decibels::get).as_ref()),
        or_empty(pon.offset_db.map(Decibels::get).as_ref()),
        or_empty(pon.spread_db.map(Decibels::get).as_ref()),
        or_empty(pon.slack.as_ref()),
        pon.doubts.to_string(),
    ]
}

fn pon_table(survey: &Survey) -> String {
    let mut grid = Grid::new(vec![
        text("OLT"),
        text("SLOT"),
        text("PON"),
        text("PORT"),
        number("CLIENTS"),
        number("ROUTES"),
        number("ONUS"),
        number("LAUNCH dBm"),
        number("OFFSET dB"),
        number("SPREAD dB"),
        number("SLACK"),
        number("DOUBTS"),
    ]);
    for pon in &survey.pons {
        let launch = match (pon.launch_dbm, pon.launch_within_db) {
            (Some(launch), Some(within)) => {
                painted(&format!("{:.1} ±{:.1}", launch.get(), within.get()), Paint::Warning)
            }
            (Some(launch), None) => format!("{:.1}", launch.get()),
            (None, _) => String::new(),
        };
        // Rounded before, so that no zero has a sign.
        let one = |db: Option<Decibels>| db.map(|db| format!("{:.1}", (db.get() * 10.0).round() / 10.0 + 0.0));
        let one = |db| one(db).unwrap_or_default();
        let doubts = if pon.doubts == 0 { String::new() } else { painted(&pon.doubts.to_string(), Paint::Warning) };
        grid.row(vec![
            clean(&name_of(pon.name.olt.as_ref()), 24),
            clean(&name_of(pon.name.slot.as_ref()), 12),
            clean(&name_of(pon.name.pon.as_ref()), 16),
            clean(&ports(pon, |port| format!("{} {}", port.olt, or_empty(port.pon.as_ref()))), 32),
            pon.clients.to_string(),
            pon.routes.to_string(),
            pon.onus.to_string(),
            launch,
            one(pon.offset_db),
            one(pon.spread_db),
            pon.slack.map(|slack| format!("{slack:.2}")).unwrap_or_default(),
            doubts,
        ]);
    }
    grid.without_empty_columns(&["PON", "LAUNCH dBm"]).lines(0)
}

fn summary(survey: &Survey) -> String {
    let plant = &survey.plant;
    let paint = if plant.routes == plant.clients { Paint::Good } else { Paint::Warning };
    let without: Vec<String> =
        plant.missing.iter().filter(|(_, count)| **count > 0).map(|(why, count)| format!("{count} {why}")).collect();
    let without = if without.is_empty() { String::new() } else { format!("; without one: {}", without.join(", ")) };
    let requests: u64 = plant.requests.values().sum();
    let sample = plant.sample;
    let checked = if sample.compared > 0 {
        format!(", {} of {} traces agree", sample.compared.saturating_sub(sample.differ), sample.compared)
    } else {
        String::new()
    };
    format!(
        "{} ({}{checked}){without}; {requests} requests were made\n{}",
        painted(&format!("{} of {} clients have a route", plant.routes, plant.clients), paint),
        plant.source.word(),
        doubts_summed(survey)
    )
}

fn doubts_summed(survey: &Survey) -> String {
    let each: Vec<String> = survey
        .counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(doubt, count)| format!("{count} {doubt}"))
        .collect();
    let of = format!("{} ONUs with a client in the plant", survey.onus);
    if each.is_empty() {
        format!("{}: what is read of {of} fits the documentation\n", painted("no doubts", Paint::Good))
    } else {
        let all: usize = survey.counts.values().sum();
        format!("{}, by what is read of {of}: {}\n", painted(&format!("{all} doubts"), Paint::Warning), each.join(", "))
    }
}

const DOUBT_HEADER: [&str; 19] = [
    "doubt",
    "olt",
    "pon",
    "onu",
    "serial",
    "client_id",
    "code",
    "documented_pon",
    "box",
    "box_id",
    "really_pon",
    "candidates",
    "chance",
    "score",
    "measured_dbm",
    "power_off_db",
    "ranged_m",
    "length_off_m",
    "reason",
];

fn named(candidate: &CandidateLine) -> String {
    format!("{} ({:.0} %)", candidate.place.shown(), candidate.chance * 100.0)
}

fn doubt_line(line: &DoubtLine) -> [String; 19] {
    [
        line.doubt.word().to_owned(),
        or_empty(line.olt.as_ref()),
        or_empty(line.pon.as_ref()),
        or_empty(line.onu.as_ref()),
        or_empty(line.serial.as_ref()),
        or_empty(line.client_id.as_ref()),
        or_empty(line.code.as_ref()),
        line.documented.shown(),
        name_of(line.place.as_ref()),
        or_empty(line.place.as_ref().and_then(|place| place.id).as_ref()),
        line.really.as_ref().map(PonName::shown).unwrap_or_default(),
        line.candidates.iter().map(named).collect::<Vec<_>>().join(", "),
        or_empty(line.chance.as_ref()),
        line.score.to_string(),
        or_empty(line.measured_dbm.map(Dbm::get).as_ref()),
        or_empty(line.power_off_db.map(Decibels::get).as_ref()),
        or_empty(line.ranged_m.map(Metres::get).as_ref()),
        or_empty(line.length_off_m.map(Metres::get).as_ref()),
        line.reason.clone(),
    ]
}

fn doubt_table(survey: &Survey) -> String {
    let mut grid = Grid::new(vec![
        text("DOUBT"),
        text("OLT"),
        text("PON"),
        number("ONU"),
        text("CODE"),
        text("BOX"),
        text("MAY BE"),
        text("WHY"),
    ]);
    for line in &survey.doubts {
        let place = line.place.as_ref().map_or_else(|| line.documented.shown(), ElementName::shown);
        let may_be = line.candidates.first().map(named).or_else(|| line.really.as_ref().map(PonName::shown));
        grid.row(vec![
            line.doubt.word().to_owned(),
            clean(&line.olt.as_ref().map(ToString::to_string).unwrap_or_default(), 24),
            or_empty(line.pon.as_ref()),
            or_empty(line.onu.as_ref()),
            clean(line.code.as_deref().unwrap_or_default(), 16),
            clean(&place, 32),
            clean(&may_be.unwrap_or_default(), 32),
            clean(&line.reason, 160),
        ]);
    }
    if grid.is_empty() { String::new() } else { grid.without_empty_columns(&[]).lines(0) }
}
