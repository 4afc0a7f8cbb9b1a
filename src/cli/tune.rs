//! `oltwatch tune`: what other thresholds would have meant for what history holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;

use super::args::{ConfigArgs, Format};
use super::error::CliError;
use super::out::{self, Paper};
use super::ozmap::{or_empty, print_csv, print_json};
use super::progress::Progress;
use super::table::{Grid, Paint, clean, finish, number, painted, text};
use super::{Outcome, load};
use crate::model::{Dbm, Level, OltId, Timestamp, Verdict};
use crate::record::Rules;
use crate::store::Reader;
use crate::store::history::{Device, DeviceId};
use crate::tune::{OltTrial, OnuTrial, Side, Tally, Trial, Under, Who, usual_gap};

/// Devices whose last reading is older than this, at the end, are left out: they are gone.
const GONE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// ONUs in a table, unless all are wanted.
const LISTED: usize = 40;

/// `tune`.
#[derive(Debug, Args)]
pub(super) struct TuneArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Compare with the thresholds of this configuration; without it, with those that `run` had in force last
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// The database with the history; without it, the one that the configuration names
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// How far to go back, in days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Only this OLT; may be given several times
    #[arg(long, value_name = "NAME")]
    olt: Vec<String>,
    /// List every ONU, not only those for which it would make a difference
    #[arg(long)]
    all: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

pub(super) fn run(args: &TuneArgs, paper: Paper) -> Result<Outcome, CliError> {
    let config = load::load(&args.config.config)?.config;
    let path = match (&args.store, &config.store) {
        (Some(path), _) => path.clone(),
        (None, Some(store)) => store.path.clone(),
        (None, None) => return Err(CliError::NoStore { file: args.config.config.display().to_string() }),
    };
    let reader = Reader::open(&path)?;
    let other =
        Rules { thresholds: config.thresholds, status: config.ozmap.map(|ozmap| ozmap.status).unwrap_or_default() };
    let (present, whose) = present_rules(args, &reader, &path)?;
    let olts = wanted(args, &reader, &path)?;
    drop(reader);
    let to = Timestamp::from(SystemTime::now());
    let from = Timestamp::from_millis(to.millis().saturating_sub(u64::from(args.days) * 24 * 3600 * 1000));
    let trials = play(&path, &olts, (from, to), &present, &other)?;
    let sheet = Sheet { from, to, whose, trials: &trials, all: args.all };
    if trials.iter().all(|trial| trial.readings == 0) {
        return Err(CliError::Failed(format!(
            "{}: there are no readings in the last {} days: `oltwatch run` with [store] writes them, one each optics_every",
            path.display(),
            args.days
        )));
    }
    match args.format {
        Format::Table => out::print(&finish(&sheet.table(), paper))?,
        Format::Json => print_json(&sheet.document())?,
        Format::Csv => print_csv(HEADER, sheet.lines())?,
    }
    Ok(Outcome::Done)
}

/// The rules to compare with, and what they are called.
fn present_rules(args: &TuneArgs, reader: &Reader, path: &Path) -> Result<(Rules, String), CliError> {
    if let Some(against) = &args.against {
        let config = load::load(against)?.config;
        let status = config.ozmap.map(|ozmap| ozmap.status).unwrap_or_default();
        return Ok((Rules { thresholds: config.thresholds, status }, against.display().to_string()));
    }
    let unknown = |why: &str| {
        CliError::Failed(format!("{}: {why}: give the present configuration with --against FILE", path.display()))
    };
    match reader.rules()? {
        Some(text) => match serde_json::from_str(&text) {
            Ok(rules) => Ok((rules, "in force".to_owned())),
            Err(_) => Err(unknown("the thresholds in force were written by another version")),
        },
        None => Err(unknown("it does not say which thresholds were in force")),
    }
}

fn wanted(args: &TuneArgs, reader: &Reader, path: &Path) -> Result<Vec<OltId>, CliError> {
    let known = reader.olts()?;
    if args.olt.is_empty() {
        return Ok(known);
    }
    let find = |name: &String| {
        known.iter().find(|olt| olt.as_str() == name).cloned().ok_or_else(|| {
            let names = known.iter().map(|olt| clean(olt.as_str(), 64)).collect::<Vec<_>>().join(", ");
            CliError::Failed(format!("{}: it holds no OLT {name:?}; it holds {names}", path.display()))
        })
    };
    args.olt.iter().map(find).collect()
}

/// Plays all OLTs, some side by side.
fn play(
    path: &Path,
    olts: &[OltId],
    span: (Timestamp, Timestamp),
    present: &Rules,
    other: &Rules,
) -> Result<Vec<OltTrial>, CliError> {
    let progress = Progress::new("playing OLTs", olts.len());
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<OltTrial, CliError>)>> = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(olts.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((place, olt)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|place| Some((place, olts.get(place)?)))
                {
                    let trial = play_one(path, olt, span, present, other);
                    progress.step();
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, trial));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, trial)| trial).collect()
}

fn play_one(
    path: &Path,
    olt: &OltId,
    (from, to): (Timestamp, Timestamp),
    present: &Rules,
    other: &Rules,
) -> Result<OltTrial, CliError> {
    let mut reader = Reader::open(path)?;
    let mut devices = reader.devices(olt)?;
    devices.sort_by_key(|device| device.id);
    let place = |id: DeviceId| devices.binary_search_by_key(&id, |device| device.id).ok();
    // Damage is told by the stream that plays.
    let first = reader.levels(olt, from, to)?.flatten();
    let every = usual_gap(first.map(|slice| (slice.at, slice.rows.into_iter().filter_map(|(id, _)| place(id)))));
    let who = devices.iter().map(who_of).collect();
    let mut trial = Trial::new(olt.clone(), who, every.unwrap_or_default(), present.clone(), other.clone());
    let mut last: Vec<Option<Timestamp>> = vec![None; devices.len()];
    let mut newest = None;
    for slice in reader.levels(olt, from, to)? {
        let slice = slice?;
        newest = newest.max(Some(slice.at));
        let rows: Vec<_> = slice.rows.into_iter().filter_map(|(id, sample)| Some((place(id)?, sample))).collect();
        for (device, _) in &rows {
            if let Some(last) = last.get_mut(*device) {
                *last = Some(slice.at);
            }
        }
        trial.take(slice.at, rows);
    }
    let is_there = |place: usize| {
        let read = last.get(place).copied().flatten();
        read.zip(newest).is_some_and(|(read, newest): (Timestamp, Timestamp)| newest.since(read) <= GONE_AFTER)
    };
    Ok(trial.finish(is_there))
}

fn who_of(device: &Device) -> Who {
    Who {
        pon: device.pon,
        onu: device.number,
        serial: device.serial.clone(),
        mac: device.mac,
        name: device.name.as_deref().map(Arc::from),
    }
}

/// What is printed.
struct Sheet<'a> {
    from: Timestamp,
    to: Timestamp,
    /// Whose thresholds those are that are compared with.
    whose: String,
    trials: &'a [OltTrial],
    all: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    from: Timestamp,
    to: Timestamp,
    days: f64,
    readings: u64,
    present: Counts,
    other: Counts,
    olts: Vec<OltPart<'a>>,
}

#[derive(Serialize)]
struct OltPart<'a> {
    olt: &'a str,
    readings: u64,
    days: f64,
    present: Counts,
    other: Counts,
    onus: Vec<OnuPart<'a>>,
}

#[derive(Serialize)]
struct Counts {
    #[serde(flatten)]
    tally: Tally,
    flips_a_day: f64,
    level_flips_a_day: f64,
}

#[derive(Serialize)]
struct OnuPart<'a> {
    pon: Option<String>,
    onu: Option<u32>,
    serial: Option<String>,
    mac: Option<String>,
    name: Option<&'a str>,
    rx_dbm: Option<Dbm>,
    present: Under,
    other: Under,
}

const HEADER: [&str; 15] = [
    "olt",
    "pon",
    "onu",
    "serial",
    "mac",
    "name",
    "rx_dbm",
    "level_present",
    "level_other",
    "status_present",
    "status_other",
    "flips_present",
    "flips_other",
    "level_flips_present",
    "level_flips_other",
];

/// How many days readings cover.
fn days(span: Option<(Timestamp, Timestamp)>) -> f64 {
    span.map_or(0.0, |(first, last)| last.since(first).as_secs_f64() / 86_400.0)
}

fn rate(count: u64, days: f64) -> f64 {
    // Counts are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let rate = if days > 0.0 { count as f64 / days } else { 0.0 };
    (rate * 1000.0).round() / 1000.0
}

fn counts(tally: Tally, days: f64) -> Counts {
    Counts { tally, flips_a_day: rate(tally.flips, days), level_flips_a_day: rate(tally.level_flips, days) }
}

impl<'a> Sheet<'a> {
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let spans = self.trials.iter().filter_map(|trial| trial.span);
        spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
    }

    fn tally(&self, side: Side) -> Tally {
        Tally::of(self.trials.iter().flat_map(|trial| &trial.onus), side)
    }

    /// The ONUs to list, each with its OLT.
    fn listed(&self) -> impl Iterator<Item = (&'a OltTrial, &'a OnuTrial)> {
        let all = self.all;
        let onus = self.trials.iter().flat_map(|trial| trial.onus.iter().map(move |onu| (trial, onu)));
        onus.filter(move |(_, onu)| all || onu.differs())
    }

    fn document(&self) -> Document<'a> {
        let over = days(self.span());
        let part = |trial: &'a OltTrial| {
            let over = days(trial.span);
            let side = |side| counts(Tally::of(&trial.onus, side), over);
            OltPart {
                olt: trial.olt.as_str(),
                readings: trial.readings,
                days: over,
                present: side(Side::Present),
                other: side(Side::Other),
                onus: self.listed().filter(|(of, _)| of.olt == trial.olt).map(|(_, onu)| onu_part(onu)).collect(),
            }
        };
        let (from, to) = self.span().unwrap_or((self.from, self.to));
        Document {
            from,
            to,
            days: over,
            readings: self.trials.iter().map(|trial| trial.readings).sum(),
            present: counts(self.tally(Side::Present), over),
            other: counts(self.tally(Side::Other), over),
            olts: self.trials.iter().map(part).collect(),
        }
    }

    fn lines(&self) -> impl Iterator<Item = [String; 15]> {
        self.listed().map(|(trial, onu)| {
            let part = onu_part(onu);
            [
                trial.olt.to_string(),
                or_empty(part.pon.as_ref()),
                or_empty(part.onu.as_ref()),
                or_empty(part.serial.as_ref()),
                or_empty(part.mac.as_ref()),
                or_empty(part.name.as_ref()),
                part.rx_dbm.map_or_else(String::new, |rx| format!("{:.2}", rx.get())),
                onu.present.level.to_string(),
                onu.other.level.to_string(),
                onu.present.status.to_string(),
                onu.other.status.to_string(),
                onu.present.flips.to_string(),
                onu.other.flips.to_string(),
                onu.present.level_flips.to_string(),
                onu.other.level_flips.to_string(),
            ]
        })
    }

    fn table(&self) -> String {
        let over = days(self.span());
        let (present, other) = (self.tally(Side::Present), self.tally(Side::Other));
        let (from, to) = self.span().unwrap_or((self.from, self.to));
        let readings: u64 = self.trials.iter().map(|trial| trial.readings).sum();
        let onus: usize = self.trials.iter().map(|trial| trial.onus.len()).sum();
        let mut shown = format!(
            "{} readings of {onus} ONUs on {} OLTs over {over:.1} days, from {from} to {to}\n\n",
            readings,
            self.trials.len()
        );
        let mut grid = Grid::new(vec![text(""), number("PRESENT"), number("OTHER"), number("CHANGE")]);
        let mut count = |what: String, before: u64, after: u64| {
            let change = i128::from(after) - i128::from(before);
            grid.row(vec![what, before.to_string(), after.to_string(), signed(change)]);
        };
        for level in Level::ALL {
            count(painted(level.word(), paint_of(*level)), present.level(*level), other.level(*level));
        }
        count("clients ok".to_owned(), present.ok, other.ok);
        count("clients error".to_owned(), present.error, other.error);
        count("clients held".to_owned(), present.hold, other.hold);
        let mut flips = |what: &str, before: u64, after: u64| {
            let (before, after) = (rate(before, over), rate(after, over));
            grid.row(vec![
                what.to_owned(),
                format!("{before:.2}"),
                format!("{after:.2}"),
                if before == after { String::new() } else { format!("{:+.2}", after - before) },
            ]);
        };
        flips("status flips a day", present.flips, other.flips);
        flips("  for levels", present.level_flips, other.level_flips);
        shown.push_str(&grid.lines(2));
        shown.push_str(&format!(
            "\n  PRESENT: thresholds {}; OTHER: those of the configuration that was given\n",
            self.whose
        ));
        shown.push_str(&self.onus());
        shown
    }

    fn onus(&self) -> String {
        let mut grid = Grid::new(vec![
            text("OLT"),
            text("PON"),
            number("ONU"),
            text("SERIAL"),
            text("MAC"),
            text("NAME"),
            number("RX dBm"),
            text("LEVEL"),
            text("CLIENT"),
            text("FLIPS"),
        ]);
        let (mut total, most) = (0_usize, if self.all { usize::MAX } else { LISTED });
        let mut listed: Vec<_> = self.listed().collect();
        // What customers see comes first, then what the NOC sees, then what only happened meanwhile.
        listed.sort_by_key(|(_, onu)| (onu.present.status == onu.other.status, onu.present.level == onu.other.level));
        for (trial, onu) in listed {
            total += 1;
            if total > most {
                continue;
            }
            let arrow = |a: String, b: String| if a == b { a } else { format!("{a} → {b}") };
            let status = |status: Verdict| match status {
                Verdict::Ok => painted("ok", Paint::Good),
                Verdict::Error => painted("error", Paint::Bad),
                Verdict::Hold => painted("held", Paint::Faint),
            };
            let level = |level: Level| painted(level.word(), paint_of(level));
            grid.row(vec![
                clean(trial.olt.as_str(), 24),
                or_empty(onu.pon.as_ref()),
                or_empty(onu.onu.as_ref()),
                or_empty(onu.serial.as_ref()),
                or_empty(onu.mac.as_ref()),
                clean(onu.name.as_deref().unwrap_or_default(), 24),
                onu.rx.map_or_else(String::new, |rx| format!("{:.2}", rx.get())),
                arrow(level(onu.present.level), level(onu.other.level)),
                arrow(status(onu.present.status), status(onu.other.status)),
                arrow(onu.present.flips.to_string(), onu.other.flips.to_string()),
            ]);
        }
        let what = if self.all { "ONUs" } else { "ONUs for which it makes a difference" };
        let mut shown = format!("\n{}\n", painted(&format!("{total} {what}"), Paint::Strong));
        if total > 0 {
            shown.push_str(&grid.without_empty_columns(&[]).lines(2));
        }
        if total > most {
            shown.push_str(&format!("  … and {} more: --format csv lists them all\n", total - most));
        }
        shown
    }
}

fn onu_part(onu: &OnuTrial) -> OnuPart<'_> {
    OnuPart {
        pon: onu.pon.map(|pon| pon.to_string()),
        onu: onu.onu,
        serial: onu.serial.as_ref().map(ToString::to_string),
        mac: onu.mac.map(|mac| mac.to_string()),
        name: onu.name.as_deref(),
        rx_dbm: onu.rx,
        present: onu.present,
        other: onu.other,
    }
}

fn signed(change: i128) -> String {
    if change == 0 { String::new() } else { format!("{change:+}") }
}

const fn paint_of(level: Level) -> Paint {
    match level {
        Level::Good => Paint::Good,
        Level::Weak => Paint::Warning,
        Level::Critical | Level::Overload => Paint::Bad,
        Level::Unread => Paint::Faint,
    }
}
