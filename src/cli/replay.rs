//! `oltwatch replay`: what is decided of a recording.

use std::io::{self, Write};

use serde::Serialize;

use super::Outcome;
use super::args::{ReplayArgs, ReplayFormat};
use super::error::CliError;
use super::load;
use super::out::{self, Paper};
use super::table::{Paint, clean, finish, painted};
use crate::config::Pattern;
use crate::incident::{self, Kind, Step};
use crate::model::{PonId, Timestamp, Verdict};
use crate::record::{Decided, RecordError, RecordingReader, Replay, ReplayError, Rules, Who};
use crate::signal::{Change, Transition};

/// Longest name of an ONU in a line.
const LONGEST_NAME: usize = 40;
/// Longest sentence of evidence in a line.
const LONGEST_EVIDENCE: usize = 400;

pub(super) fn run(args: &ReplayArgs, paper: Paper) -> Result<Outcome, CliError> {
    let mut reader = RecordingReader::open(&args.recording)?;
    let (rules, fixed) = match &args.config {
        Some(path) => {
            let config = load::load(path)?.config;
            let status = config.ozmap.map(|ozmap| ozmap.status).unwrap_or_default();
            (Rules { thresholds: config.thresholds, status }, true)
        }
        None => (reader.header().rules.clone(), false),
    };
    if args.config.is_some() && reader.header().scrubbed {
        out::note(
            "note: the recording has made-up OLT names: overrides for named OLTs in this configuration fit none of them",
        );
    }
    let mut replay = Replay::new(rules, fixed);
    let unusable = |error: ReplayError| CliError::Failed(format!("{}: {error}", args.recording.display()));
    let mut broken = None;
    out::print_with(|out| {
        loop {
            let entry = match reader.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return end(&replay, args.format, out),
                Err(error) => {
                    broken = Some(CliError::from(error));
                    return end(&replay, args.format, out);
                }
            };
            let told = match replay.take(&entry) {
                Ok(told) => told,
                Err(error) => {
                    broken = Some(unusable(error));
                    return end(&replay, args.format, out);
                }
            };
            for decided in &told {
                match decided {
                    Decided::Transition(transition) => tell(&replay, transition, args.format, paper, out)?,
                    Decided::Incident(at, change) => tell_incident(*at, change, args.format, paper, out)?,
                }
            }
        }
    })?;
    if replay.tally().lost > 0 {
        out::note(&format!(
            "warning: {} entries are missing in the recording: the disk was too slow",
            replay.tally().lost
        ));
    }
    match broken {
        Some(error) => Err(error),
        None => {
            if reader.is_cut_off() {
                out::note("warning: the recording was cut off, so its end is missing");
            }
            Ok(Outcome::Done)
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    transition: &'a Transition,
    #[serde(skip_serializing_if = "Option::is_none")]
    pon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

fn tell(
    replay: &Replay,
    transition: &Transition,
    format: ReplayFormat,
    paper: Paper,
    out: &mut dyn Write,
) -> io::Result<()> {
    let who = transition.onu.as_ref().map(|onu| replay.who(&transition.olt, onu)).unwrap_or_default();
    match format {
        ReplayFormat::Json => {
            let line = Line {
                transition,
                pon: who.pon.map(|pon| pon.to_string()),
                number: who.onu,
                serial: who.serial.map(|serial| serial.to_string()),
                mac: who.mac.map(|mac| mac.to_string()),
            };
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)
        }
        ReplayFormat::Text => {
            let (what, paint) = words(&transition.what, transition.onu.is_some());
            let onu =
                transition.onu.as_ref().map_or_else(String::new, |key| format!("  {}", named(&who, &key.to_string())));
            let olt = clean(transition.olt.as_str(), LONGEST_NAME);
            let what = painted(&what, paint);
            let line = format!("{}  {olt}{onu}  {what}: {}\n", transition.at, transition.reason);
            out.write_all(finish(&line, paper).as_bytes())
        }
    }
}

fn tell_incident(
    at: Timestamp,
    change: &incident::Change,
    format: ReplayFormat,
    paper: Paper,
    out: &mut dyn Write,
) -> io::Result<()> {
    let incident = &*change.incident;
    let step = match change.step {
        Step::Opened => "opened",
        Step::Changed => "changed",
        Step::Cleared => "cleared",
    };
    if format == ReplayFormat::Json {
        let line = serde_json::json!({ "what": "incident", "at": at, "step": step, "incident": incident });
        return writeln!(out, "{line}");
    }
    let paint = match (change.step, incident.kind) {
        (Step::Cleared, _) => Paint::Good,
        (_, Kind::Cut | Kind::Equipment | Kind::OltUnreachable) => Paint::Bad,
        _ => Paint::Warning,
    };
    let what = painted(&format!("{} {step}", incident.kind.word()), paint);
    let place = incident.place.as_ref().map_or_else(String::new, |place| format!(" at {}", at_place(place)));
    let certainty = (incident.confidence * 100.0).round();
    let line = format!(
        "{at}  incident {}  {what}{place}: {} lost of {}, {} back, sure to {certainty} %; {}\n",
        incident.id,
        incident.lost,
        incident.monitored,
        incident.recovered,
        clean(&incident.evidence, LONGEST_EVIDENCE)
    );
    out.write_all(finish(&line, paper).as_bytes())
}

/// `CABO 01, CEO 07 to CTO 12, 1000 to 1600 m from the OLT`.
fn at_place(place: &incident::Place) -> String {
    let named = |element: &incident::NamedElement| {
        element.name.as_ref().map_or_else(|| element.kind.to_owned(), |name| clean(name, LONGEST_NAME))
    };
    let mut text = named(&place.element);
    if let (Some(from), Some(to)) = (&place.from, &place.to)
        && from != to
    {
        text.push_str(&format!(", {} to {}", named(from), named(to)));
    }
    if let Some([from, to]) = place.metres_from_olt {
        text.push_str(&format!(", {from} to {to} m from the OLT"));
    }
    text
}

/// `0/1/3:7 HWTC7D4630C3 Maria`, or the key where nothing else is known.
fn named(who: &Who, key: &str) -> String {
    let place = match (who.pon, who.onu) {
        (Some(pon), Some(onu)) => format!("{pon}:{onu}"),
        (Some(pon), None) => format!("{pon} {key}"),
        (None, _) => key.to_owned(),
    };
    let identity = who.serial.as_ref().map(ToString::to_string).or_else(|| who.mac.map(|mac| mac.to_string()));
    let name = who.name.as_ref().map(|name| clean(name, LONGEST_NAME)).filter(|name| !name.is_empty());
    [Some(place), identity, name].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Which PONs, where not all.
fn on(pon: Option<&Pattern>) -> String {
    pon.map(|pon| format!(" on PON {pon}")).unwrap_or_default()
}

/// The PON, where a change is about all of it.
fn pon_of(pon: Option<PonId>, of_onu: bool) -> String {
    pon.filter(|_| !of_onu).map(|pon| format!("PON {pon}: ")).unwrap_or_default()
}

fn words(what: &Change, of_onu: bool) -> (String, Paint) {
    match what {
        Change::TruthChanged { from, to } => (format!("{from} → {to}"), Paint::Strong),
        Change::LevelChanged { from, to } => (format!("level {from} → {to}"), Paint::Strong),
        Change::VerdictChanged { from, to } => (
            format!("verdict {from} → {to}"),
            match to {
                Verdict::Ok => Paint::Good,
                Verdict::Error => Paint::Bad,
                Verdict::Hold => Paint::Warning,
            },
        ),
        Change::Appeared => ("appeared".to_owned(), Paint::Faint),
        Change::OltLevelChanged { from, to } => (format!("OLT level {from} → {to}"), Paint::Strong),
        Change::Step { pon, .. } => (format!("{}step", pon_of(*pon, of_onu)), Paint::Warning),
        Change::Decline { pon, confidence_percent, .. } => {
            (format!("{}decline, sure to {confidence_percent} %", pon_of(*pon, of_onu)), Paint::Warning)
        }
        Change::Recovered { pon, .. } => (format!("{}recovered", pon_of(*pon, of_onu)), Paint::Good),
        Change::MaintenanceBegun { pon, why } => {
            (format!("maintenance begins{}: {why}", on(pon.as_ref())), Paint::Faint)
        }
        Change::MaintenanceOver { pon, why } => {
            (format!("maintenance is over{}: {why}", on(pon.as_ref())), Paint::Faint)
        }
        Change::Flapping => ("flaps".to_owned(), Paint::Warning),
        Change::Shrunk => ("its table shrank".to_owned(), Paint::Warning),
        Change::Settled if of_onu => ("flaps no more".to_owned(), Paint::Good),
        Change::Recalled { truth, level, .. } => {
            (format!("was {truth} with level {level} before the restart"), Paint::Faint)
        }
        Change::Gone => ("gone".to_owned(), Paint::Warning),
        Change::Moved { from: Some(from), to: Some(to), .. } => (format!("moved from {from} to {to}"), Paint::Warning),
        Change::Moved { .. } => ("moved".to_owned(), Paint::Warning),
        Change::Replaced { from, to } => (format!("replaced: {from} by {to}"), Paint::Warning),
        Change::Unreachable => ("does not answer".to_owned(), Paint::Bad),
        Change::Answering => ("answers again".to_owned(), Paint::Good),
        Change::Rebooted => ("rebooted".to_owned(), Paint::Warning),
        Change::Settled => ("settled after its reboot".to_owned(), Paint::Good),
        Change::Suspect => ("levels are not believed".to_owned(), Paint::Bad),
        Change::Trusted => ("levels are believed again".to_owned(), Paint::Good),
    }
}

/// What it comes to, as the last line.
fn end(replay: &Replay, format: ReplayFormat, out: &mut dyn Write) -> io::Result<()> {
    let tally = replay.tally();
    let [ok, error, hold] = replay.verdicts();
    if format == ReplayFormat::Json {
        let end = serde_json::json!({
            "what": "end", "olts": replay.olts(), "tally": tally, "verdicts": { "ok": ok, "error": error, "hold": hold },
        });
        return writeln!(out, "{end}");
    }
    writeln!(
        out,
        "{} of {} with {} partial, {}, {}; {}, {}. At the end {ok} ok, {error} error, {hold} hold",
        count(tally.sweeps, "sweep"),
        count(replay.olts() as u64, "OLT"),
        tally.partial,
        count(tally.silences, "silence"),
        count(tally.hints, "hint"),
        count(tally.transitions, "transition"),
        count(tally.incidents, "incident"),
    )
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

impl From<RecordError> for CliError {
    fn from(error: RecordError) -> Self {
        Self::Failed(super::error::chain(&error))
    }
}
