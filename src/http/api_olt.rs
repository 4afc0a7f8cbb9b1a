//! One OLT in JSON: an entry of `/api/v1/olts`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::tally::{OltTally, Tally};
use crate::config::maintenance::UnderWay;
use crate::daemon::OltReport;
use crate::model::{Completeness, Dbm, Gap, OltId, PonId, PonReading, PonState, SweepKind, Timestamp};
use crate::poll::{Intervals, Lateness, SweepSummary};
use crate::snmp::Counters;
use crate::trap;

/// The whole document.
#[derive(Debug, Serialize)]
pub(super) struct Olts {
    /// Every OLT of the config, in its order.
    pub(super) olts: Vec<OltEntry>,
}

/// One OLT. What is not known yet is `null`.
#[derive(Debug, Serialize)]
pub(super) struct OltEntry {
    /// Its name.
    olt: OltId,
    /// Its address, as the config gives it.
    address: String,
    /// The family's profile; `null` until it was recognised.
    profile: Option<String>,
    /// What it says of itself.
    sys_descr: Option<String>,
    /// Whether the last look at it was answered; `null` before the first one ended.
    answering: Option<bool>,
    /// Why the last look failed.
    error: Option<String>,
    /// Looks that failed in a row.
    failures: u32,
    /// How long it is left alone after the last failure, seconds.
    again_in_s: Option<f64>,
    /// When a sweep last ended with an answer.
    last_answer: Option<Timestamp>,
    /// Why its levels are not trusted at present.
    suspect: Option<String>,
    /// Work on the network under way: on which PONs (`null` is all), until when, why. Absent while there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    maintenance: Vec<UnderWay>,
    /// How often each sweep runs.
    intervals: Option<IntervalsEntry>,
    /// Slots of the schedule that passed while another sweep ran.
    skipped_slots: Option<u64>,
    /// How late sweeps started against the time at which they were due.
    lateness: Option<LatenessEntry>,
    /// The round of optics in hand.
    optics_round: Option<RoundEntry>,
    /// The last sweep of each kind.
    sweeps: BTreeMap<&'static str, SweepEntry>,
    /// What was sent and came back.
    counters: Option<CountersEntry>,
    /// What came of its traps; `null` when none are listened for.
    traps: Option<TrapsEntry>,
    /// Counts of its ONUs.
    onus: OnuCounts,
    /// Its PONs, sorted.
    pons: Vec<PonEntry>,
    /// PONs that are not listed because there are too many to be true.
    pons_left_out: usize,
}

/// How often each sweep runs, seconds.
#[derive(Debug, Serialize)]
struct IntervalsEntry {
    inventory_s: f64,
    state_s: f64,
    /// Longer than the config says while optics sweeps overrun.
    optics_s: f64,
}

impl From<&Intervals> for IntervalsEntry {
    fn from(intervals: &Intervals) -> Self {
        Self {
            inventory_s: intervals.inventory.as_secs_f64(),
            state_s: intervals.state.as_secs_f64(),
            optics_s: intervals.optics.as_secs_f64(),
        }
    }
}

/// How late the last sweep of each kind started, and the latest of all since the daemon started, milliseconds.
#[derive(Debug, Serialize)]
struct LatenessEntry {
    inventory_ms: u64,
    state_ms: u64,
    /// Of the last slice.
    optics_ms: u64,
    most_ms: u64,
}

impl From<&Lateness> for LatenessEntry {
    fn from(lateness: &Lateness) -> Self {
        Self {
            inventory_ms: millis(lateness.inventory),
            state_ms: millis(lateness.state),
            optics_ms: millis(lateness.optics),
            most_ms: millis(lateness.most),
        }
    }
}

/// How far a round of optics is: it is read in slices of some PONs each.
#[derive(Debug, Serialize)]
struct RoundEntry {
    slices: usize,
    read: usize,
}

/// How a sweep of the whole OLT went; of optics, a round.
#[derive(Debug, Serialize)]
struct SweepEntry {
    /// When it began.
    started: Timestamp,
    /// How long it took, milliseconds; of optics, the pauses between slices left out.
    elapsed_ms: u64,
    /// Whether nothing is missing.
    complete: bool,
    /// What is missing, and why.
    gaps: Vec<Gap>,
    /// Requests that it took, retries included.
    pdus: u64,
}

impl From<&SweepSummary> for SweepEntry {
    fn from(sweep: &SweepSummary) -> Self {
        Self {
            started: sweep.started,
            elapsed_ms: millis(sweep.elapsed),
            complete: sweep.completeness.is_complete(),
            gaps: match &sweep.completeness {
                Completeness::Complete => Vec::new(),
                Completeness::Partial(gaps) => gaps.clone(),
            },
            pdus: sweep.pdus,
        }
    }
}

/// What was sent to an OLT and came back, since the daemon started.
#[derive(Debug, Serialize)]
struct CountersEntry {
    /// Datagrams sent.
    sent: u64,
    /// Of those, repetitions.
    retries: u64,
    /// Of those, not needed: the OLT had only paused.
    needless: u64,
    /// Waits without an answer.
    timeouts: u64,
    /// Answers that were taken.
    answers: u64,
    /// Answers that came too late or twice.
    late: u64,
    /// Datagrams that were not for us.
    foreign: u64,
    /// SNMPv3 messages without right authentication.
    unauthenticated: u64,
    /// Datagrams that are no SNMP.
    garbage: u64,
    /// SNMPv3 Reports.
    reports: u64,
    /// SNMPv3 discoveries that succeeded.
    discoveries: u64,
    /// Values in the answers.
    varbinds: u64,
    /// Answers with tooBig.
    too_big: u64,
    /// Cells that the agent fails at.
    poisoned: u64,
    /// How often it fell silent.
    silences: u64,
    /// Single requests that asked whether it is back.
    probes: u64,
    /// How often a request had to wait for what all OLTs share.
    held: u64,
    /// Whether another OLT has the same SNMPv3 engine ID.
    shared_engine: bool,
    /// Requests in flight now.
    in_flight: u32,
    /// The most that ever were.
    most_in_flight: u32,
    /// How many may be.
    window: u32,
    /// How long we rest after each answer, milliseconds.
    rest_ms: u64,
    /// Smoothed round-trip time, milliseconds; `null` before the first answer.
    rtt_ms: Option<f64>,
}

impl From<&Counters> for CountersEntry {
    fn from(counters: &Counters) -> Self {
        Self {
            sent: counters.sent,
            retries: counters.retries,
            needless: counters.needless,
            timeouts: counters.timeouts,
            answers: counters.answers,
            late: counters.late,
            foreign: counters.foreign,
            unauthenticated: counters.unauthenticated,
            garbage: counters.garbage,
            reports: counters.reports,
            discoveries: counters.discoveries,
            varbinds: counters.varbinds,
            too_big: counters.too_big,
            poisoned: counters.poisoned,
            silences: counters.silences,
            probes: counters.probes,
            held: counters.held,
            shared_engine: counters.shared_engine,
            in_flight: counters.in_flight,
            most_in_flight: counters.most_in_flight,
            window: counters.window,
            rest_ms: millis(counters.rest),
            // Microseconds: a loopback agent answers in a fraction of a millisecond.
            rtt_ms: counters.smoothed_rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
        }
    }
}

/// The traps that an OLT sent since the daemon started.
#[derive(Debug, Serialize)]
struct TrapsEntry {
    /// How many.
    received: u64,
    /// When the last one came.
    last: Option<Timestamp>,
    /// What they came to: `now`, `later`, `merged`, `none`.
    looks: Words,
}

impl From<&trap::Tally> for TrapsEntry {
    fn from(tally: &trap::Tally) -> Self {
        Self { received: tally.received, last: tally.last, looks: tally.outcomes().into_iter().collect() }
    }
}

/// Counts of ONUs. Every word is there, also with none.
#[derive(Debug, Serialize)]
struct OnuCounts {
    /// All of them.
    total: u64,
    /// By what is held: `up`, `down`, `stale`.
    truth: Words,
    /// Those that are down, by cause.
    cause: Words,
    /// By the class of the received power.
    level: Words,
    /// By what their clients should show.
    verdict: Words,
}

impl From<&Tally> for OnuCounts {
    fn from(tally: &Tally) -> Self {
        Self {
            total: tally.total,
            truth: tally.by_truth().collect(),
            cause: tally.by_cause().collect(),
            level: tally.by_level().collect(),
            verdict: tally.by_verdict().collect(),
        }
    }
}

/// A count by word, in the words' own order.
#[derive(Debug)]
struct Words(Vec<(&'static str, u64)>);

impl FromIterator<(&'static str, u64)> for Words {
    fn from_iter<I: IntoIterator<Item = (&'static str, u64)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// One PON.
#[derive(Debug, Serialize)]
struct PonEntry {
    /// The port.
    pon: PonId,
    /// Its name on the OLT.
    name: Option<Arc<str>>,
    /// What the OLT says of it: `up` or `down`.
    state: Option<PonState>,
    /// Launch power of its transceiver, dBm.
    tx_dbm: Option<Dbm>,
    /// ONUs configured on it, as the OLT counts them, else as we do.
    onus: u64,
    /// How many ONUs we hold on it, by what is held.
    truth: Words,
    /// The same, by level.
    level: Words,
}

impl PonEntry {
    fn new(pon: PonId, tally: &Tally, reading: Option<&PonReading>) -> Self {
        Self {
            pon,
            name: reading.and_then(|reading| reading.name.clone()),
            state: reading.and_then(|reading| reading.state.ok()),
            tx_dbm: reading.and_then(|reading| reading.tx.ok()),
            onus: reading.and_then(|reading| reading.onus.ok()).map_or(tally.total, u64::from),
            truth: tally.by_truth().collect(),
            level: tally.by_level().collect(),
        }
    }
}

impl OltEntry {
    pub(super) fn new(report: &OltReport, traps: Option<&trap::Status>) -> Self {
        let tally = OltTally::of(report);
        let status = report.status.as_ref();
        let identity = status.and_then(|status| status.identity.as_ref());
        let readings: BTreeMap<PonId, &PonReading> = report.view.pons().map(|pon| (pon.pon, pon)).collect();
        let sweep = |kind: &SweepKind| Some((kind.word(), SweepEntry::from(report.view.last(*kind)?)));
        Self {
            olt: report.olt.clone(),
            address: report.address.clone(),
            profile: identity.map(|identity| identity.profile.name().to_owned()),
            sys_descr: identity.map(|identity| identity.sys_descr.clone()),
            answering: is_answering(report),
            error: report.error.clone(),
            failures: report.failures,
            again_in_s: report.again_in.map(|pause| pause.as_secs_f64()),
            last_answer: report.last_answer,
            suspect: report.suspect.clone(),
            maintenance: report.maintenance.clone(),
            intervals: status.map(|status| IntervalsEntry::from(&status.intervals)),
            skipped_slots: status.map(|status| status.skipped),
            lateness: status.map(|status| LatenessEntry::from(&status.lateness)),
            optics_round: status.map(|status| RoundEntry { slices: status.slices.1, read: status.slices.0 }),
            sweeps: SweepKind::ALL.iter().filter_map(sweep).collect(),
            counters: status.map(|status| CountersEntry::from(&status.counters)),
            traps: traps.and_then(|traps| traps.olts.get(&report.olt)).map(TrapsEntry::from),
            onus: OnuCounts::from(&tally.whole),
            pons: tally
                .pons
                .iter()
                .map(|(pon, tally)| PonEntry::new(*pon, tally, readings.get(pon).copied()))
                .collect(),
            pons_left_out: tally.pons_left_out,
        }
    }
}

/// Whether the last look at an OLT was answered; `None` before the first one ended.
pub(super) fn is_answering(report: &OltReport) -> Option<bool> {
    report.status.as_ref().map(|_| report.failures == 0)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
