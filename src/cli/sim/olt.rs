//! `oltwatch sim olt`: an OLT that speaks SNMP, from a capture or from a family's profile.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::write_record;
use crate::cli::args::{duration, secret};
use crate::cli::error::CliError;
use crate::cli::stop::{on_signal, stopped};
use crate::cli::{Outcome, out};
use crate::config::Secret;
use crate::mib::Library;
use crate::sim::olt::{
    AgentOptions, Capture, Chance, Faults, GeneratedOlt, GeneratedOptions, Lies, MibView, Network, OnMistake,
    Outcome as Became, Pace, PduKind, RequestRecord, Rows, SimulatedOlt,
};
use crate::snmp::{Oid, Value};

/// Most ONUs of a generated OLT: those of the largest chassis with every port full.
pub(in crate::cli) const MOST_ONUS: u32 = 65_536;

/// `sim olt`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["capture", "profile"])))]
pub(in crate::cli) struct OltArgs {
    /// Serve this recording (.snmprec)
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Leave out lines of the recording that have a mistake, instead of refusing it
    #[arg(long, requires = "capture")]
    lenient: bool,
    /// Serve a generated OLT of this family
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Its PONs are of this kind, where the family may have several: epon
    #[arg(long, value_name = "KIND", requires = "profile")]
    kind: Option<String>,
    /// PON ports of a generated OLT
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024), requires = "profile")]
    pons: u32,
    /// ONUs on each of its PON ports
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256), requires = "profile")]
    onus: u32,
    /// Client code of its first ONU; the others count on from it
    #[arg(long, value_name = "N", default_value_t = 10_001, requires = "profile")]
    first_code: u32,
    /// Its name
    #[arg(long, value_name = "NAME", default_value = "sim-olt", requires = "profile")]
    name: String,
    /// A folder with profiles beside the built-in ones
    #[arg(long, value_name = "FOLDER")]
    mibs: Option<PathBuf>,
    /// Same seed, same OLT and same faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The community that it answers to
    #[arg(long, value_name = "COMMUNITY", default_value = "public", value_parser = secret, hide_default_value = true)]
    community: Secret,
    /// Write the requests that came to this file when it ends, one JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Most requests that are kept for --record: the last ones
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    record_limit: usize,
    /// Most bytes of a reply
    #[arg(long, value_name = "BYTES", default_value_t = 1472)]
    reply_cap: usize,
    /// Answer from this address instead of the one that was asked
    #[arg(long, value_name = "ADDRESS")]
    reply_from: Option<SocketAddr>,
    /// Let sysUpTime count on from what the recording says
    #[arg(long)]
    uptime_ticks: bool,
    #[command(flatten)]
    faults: FaultArgs,
}

/// What is wrong with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
struct FaultArgs {
    /// Time that the agent works on a request, one after the other
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    service_time: Duration,
    /// Time that it works on each varbind of the answer, on top
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    per_varbind: Duration,
    /// Round-trip time of the line to it
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    rtt: Duration,
    /// Most requests that it holds; further ones are dropped
    #[arg(long, value_name = "N")]
    queue: Option<usize>,
    /// How likely a datagram is lost, each way: 0.01 or 1%
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    loss: Chance,
    /// How likely a reply comes twice
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    duplicate: Chance,
    /// How likely a reply is overtaken by later ones
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    reorder: Chance,
    /// How late such a reply is
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    reorder_by: Duration,
    /// Send walks that come to this row back to the row before
    #[arg(long, value_name = "OID")]
    loop_at: Option<Oid>,
    /// Invent rows of this column for ever
    #[arg(long, value_name = "OID")]
    endless: Option<Oid>,
    /// How likely a reply is random octets
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    garbage: Chance,
    /// How likely a reply breaks off
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    truncate: Chance,
    /// How likely a reply has another request id
    #[arg(long, value_name = "CHANCE", default_value = "0")]
    wrong_request_id: Chance,
    /// Say tooBig where a reply would be larger, instead of trimming it
    #[arg(long, value_name = "BYTES")]
    too_big_over: Option<usize>,
    /// Most varbinds in a reply to GETBULK
    #[arg(long, value_name = "N")]
    max_varbinds: Option<usize>,
    /// Say genErr for this row and those below; may be given several times
    #[arg(long, value_name = "OID")]
    gen_err_at: Vec<Oid>,
    /// Never answer for this row and those below; may be given several times
    #[arg(long, value_name = "OID")]
    hang_at: Vec<Oid>,
    /// Never answer GETBULK
    #[arg(long)]
    ignore_bulk: bool,
    /// Hear and say nothing
    #[arg(long)]
    silent: bool,
    /// Reboot after so many answers, again and again
    #[arg(long, value_name = "N")]
    reboot_after: Option<u64>,
    /// For how long a reboot leaves it silent
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    reboot_time: Duration,
}

impl FaultArgs {
    fn faults(&self) -> Faults {
        Faults {
            pace: Pace { service: self.service_time, per_varbind: self.per_varbind, rtt: self.rtt, queue: self.queue },
            network: Network {
                loss: self.loss,
                duplicate: self.duplicate,
                reorder: self.reorder,
                reorder_by: self.reorder_by,
            },
            lies: Lies {
                loop_at: self.loop_at.clone(),
                endless: self.endless.clone(),
                garbage: self.garbage,
                truncate: self.truncate,
                wrong_request_id: self.wrong_request_id,
                too_big_over: self.too_big_over,
                max_varbinds: self.max_varbinds,
                gen_err_at: self.gen_err_at.clone(),
                hang_at: self.hang_at.clone(),
                ignore_bulk: self.ignore_bulk,
            },
            silent: self.silent,
            reboot_after: self.reboot_after,
            reboot_time: self.reboot_time,
        }
    }
}

pub(super) async fn run(args: &OltArgs) -> Result<Outcome, CliError> {
    let library = Library::load(args.mibs.as_deref())?;
    let view = match &args.capture {
        Some(capture) => from_capture(capture, args.lenient, &library)?,
        None => generated(args, &library)?,
    };
    let mut stop = on_signal()?;
    let options = AgentOptions {
        listen: args.listen,
        community: args.community.clone(),
        reply_cap: args.reply_cap,
        reply_from: args.reply_from,
        uptime_ticks: args.uptime_ticks,
        log_capacity: if args.record.is_some() { args.record_limit } else { 0 },
        seed: args.seed,
        faults: args.faults.faults(),
    };
    let olt = SimulatedOlt::start(options, view)?;
    out::print(&format!("listening on {}\n", olt.address()))?;
    stopped(&mut stop).await;
    if let Some(path) = &args.record {
        write_record(path, olt.requests().iter().map(Line::from))?;
    }
    let counters = olt.counters();
    olt.stop().await;
    // Every counter that is not zero, in words.
    let counted = [
        ("requests", counters.requests),
        ("answered", counters.answered),
        ("varbinds", counters.varbinds),
        ("bytes", counters.bytes),
        ("most at once", u64::try_from(counters.most_outstanding).unwrap_or(u64::MAX)),
        ("repeated too soon", counters.repeated),
        ("overflowed", counters.overflowed),
        ("lost", counters.lost),
        ("unheard", counters.unheard),
        ("unanswered", counters.unanswered),
        ("with a wrong community", counters.bad_community),
        ("malformed", counters.malformed),
        ("unsupported", counters.unsupported),
        ("unsent", counters.unsent),
        ("reboots", counters.reboots),
    ];
    let told: Vec<String> = counted
        .iter()
        .filter(|(what, count)| *count > 0 || *what == "requests")
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    out::print(&format!("{}\n", told.join(", ")))?;
    Ok(Outcome::Done)
}

/// The rows of a capture. The columns that the family's profile reads and that the capture has are told to the agent, so
/// that a missing row of theirs is noSuchInstance, as on the device.
fn from_capture(path: &std::path::Path, lenient: bool, library: &Library) -> Result<MibView, CliError> {
    let on_mistake = if lenient { OnMistake::KeepGoodLines } else { OnMistake::Refuse };
    let capture = Capture::read(path, on_mistake)?;
    for mistake in &capture.mistakes {
        out::note(&format!("warning: {mistake}; left out"));
    }
    if capture.more_mistakes > 0 {
        out::note(&format!("warning: {} more lines with a mistake are left out", capture.more_mistakes));
    }
    if capture.rows.is_empty() {
        return Err(CliError::Failed(format!("{} holds no row", path.display())));
    }
    let mut rows = Rows::from(capture.rows);
    let sys_descr = rows.get(&Oid::new(&[1, 3, 6, 1, 2, 1, 1, 1, 0])).and_then(Value::octets);
    let sys_descr = String::from_utf8_lossy(sys_descr.unwrap_or_default()).into_owned();
    if let Some(Value::ObjectId(object)) = rows.get(&Oid::new(&[1, 3, 6, 1, 2, 1, 1, 2, 0])) {
        let candidates = library.candidates(object, &sys_descr);
        let columns = candidates
            .iter()
            .flat_map(|candidate| candidate.profile.columns())
            .flat_map(|column| column.oid.into_iter().chain(column.then));
        let present: Vec<Oid> = columns.filter(|column| rows.under(column).next().is_some()).cloned().collect();
        for column in present {
            rows.declare(column);
        }
    }
    Ok(MibView::new(rows))
}

fn generated(args: &OltArgs, library: &Library) -> Result<MibView, CliError> {
    let name = args.profile.as_deref().unwrap_or_default();
    let Some(profile) = library.get(name) else {
        let known: Vec<&str> = library.iter().map(|profile| profile.name()).collect();
        return Err(CliError::Usage(format!("there is no profile {name:?}; there are {}", known.join(", "))));
    };
    if args.pons.saturating_mul(args.onus) > MOST_ONUS {
        return Err(CliError::Usage(format!(
            "{} PONs with {} ONUs each are more than the {MOST_ONUS} ONUs of the largest OLT",
            args.pons, args.onus
        )));
    }
    if let Some(kind) = args.kind.as_deref().filter(|kind| !profile.kinds().contains(kind)) {
        let kinds = profile.kinds();
        let has = if kinds.is_empty() { "one kind of PONs only".to_owned() } else { kinds.join(", ") };
        return Err(CliError::Usage(format!("the profile {name} has no kind {kind:?} of PONs: it has {has}")));
    }
    let options = GeneratedOptions {
        name: args.name.clone(),
        pons: args.pons,
        onus_per_pon: args.onus,
        first_code: args.first_code,
        seed: args.seed,
    };
    let olt =
        GeneratedOlt::of_kind(std::sync::Arc::clone(profile), args.kind.as_deref(), &options).ok_or_else(|| {
            CliError::Failed(format!("the profile {name} does not say how an OLT of its family introduces itself"))
        })?;
    Ok(olt.view().clone())
}

/// A request, as `--record` writes it.
#[derive(Serialize)]
struct Line {
    at_ms: f64,
    peer: SocketAddr,
    kind: &'static str,
    request_id: i32,
    oids: Vec<String>,
    non_repeaters: i32,
    max_repetitions: i32,
    varbinds: usize,
    bytes: usize,
    outcome: String,
}

impl From<&RequestRecord> for Line {
    fn from(record: &RequestRecord) -> Self {
        Self {
            at_ms: record.at.as_secs_f64() * 1000.0,
            peer: record.peer,
            kind: match record.kind {
                PduKind::Get => "get",
                PduKind::GetNext => "get-next",
                PduKind::GetBulk => "get-bulk",
                _ => "other",
            },
            request_id: record.request_id,
            oids: record.oids.iter().map(ToString::to_string).collect(),
            non_repeaters: record.non_repeaters,
            max_repetitions: record.max_repetitions,
            varbinds: record.varbinds,
            bytes: record.bytes,
            outcome: match record.outcome {
                Became::Answered => "answered".to_owned(),
                Became::Refused(status) => format!("error-status {status}"),
                Became::Overflowed => "overflowed".to_owned(),
                Became::Unanswered => "unanswered".to_owned(),
                Became::ReplyLost => "reply lost".to_owned(),
            },
        }
    }
}
