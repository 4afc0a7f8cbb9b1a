//! `/metrics`: what the snapshots say, in numbers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::api_olt::is_answering;
use super::exposition::{Exposition, MEDIA_TYPE, Number};
use super::metrics_names::{self as names, Metric};
use super::routes::Shared;
use super::tally::{OltTally, Tally};
use crate::daemon::{Board, IncidentView, OltReport};
use crate::incident::{self, Kind};
use crate::model::{Completeness, SweepKind, Timestamp};
use crate::ozmap::{HostState, PushSnapshot};
use crate::poll::{Status, SweepSummary};
use crate::snmp::{Counters, EngineStatus};
use crate::store::Store;
use crate::trap;

/// The page. Parameters are left alone: scrapers may add their own.
pub(super) async fn page(State(shared): State<Shared>) -> Response {
    shared
        .work(|board| {
            let mut response = render(board, Timestamp::from(SystemTime::now())).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            Ok(response)
        })
        .await
}

/// An OLT with its ONUs counted.
struct Counted {
    report: Arc<OltReport>,
    tally: OltTally,
    pons: Vec<(String, Tally)>,
}

impl Counted {
    fn new(report: Arc<OltReport>) -> Self {
        let tally = OltTally::of(&report);
        let pons = tally.pons.iter().map(|(pon, tally)| (pon.to_string(), *tally)).collect();
        Self { report, tally, pons }
    }

    fn name(&self) -> &str {
        self.report.olt.as_str()
    }

    fn profile(&self) -> &str {
        let identity = self.report.status.as_ref().and_then(|status| status.identity.as_ref());
        identity.map_or("", |identity| identity.profile.name())
    }
}

/// Everything, as text.
pub(super) fn render(board: &Board, now: Timestamp) -> String {
    let olts: Vec<Counted> = board.olts().into_iter().map(Counted::new).collect();
    let mut text = Exposition::default();
    text.family(&names::BUILD_INFO, |family| family.sample([env!("CARGO_PKG_VERSION")], true));
    text.single(&names::START_TIME, board.started());
    text.single(&names::OLTS, olts.len());
    standing(&mut text, &olts);
    sweeps(&mut text, &olts);
    snmp(&mut text, &olts);
    engine(&mut text, &board.engine());
    if let Some(status) = board.traps() {
        traps(&mut text, &status);
    }
    pons(&mut text, &olts);
    incidents(&mut text, &board.incidents());
    if let Some(store) = board.store() {
        kept(&mut text, store);
    }
    if let Some(push) = board.push() {
        ozmap(&mut text, &push, now);
    }
    if let (Some(plant), Some(survey)) = (board.plant(), board.survey()) {
        super::metrics_plant::plant(&mut text, &plant, &survey, now);
    }
    text.finish()
}

/// Every kind of incident, so that one that does not occur shows 0.
const KINDS: [Kind; 8] = [
    Kind::Cut,
    Kind::Power,
    Kind::Equipment,
    Kind::Drop,
    Kind::Degradation,
    Kind::OltUnreachable,
    Kind::DataQuality,
    Kind::Undetermined,
];

fn incidents(text: &mut Exposition, view: &IncidentView) {
    let mut counts: BTreeMap<(&'static str, &'static str), usize> = BTreeMap::new();
    let mut lost: BTreeMap<&'static str, u32> = BTreeMap::new();
    for incident in &view.open {
        let state = if incident.state == incident::State::Open { "open" } else { "recovering" };
        *counts.entry((incident.kind.word(), state)).or_default() += 1;
        *lost.entry(incident.kind.word()).or_default() += incident.lost.saturating_sub(incident.recovered);
    }
    text.family(&names::INCIDENTS, |family| {
        for kind in KINDS {
            for state in ["open", "recovering"] {
                family.sample([kind.word(), state], counts.get(&(kind.word(), state)).copied().unwrap_or(0));
            }
        }
    });
    text.family(&names::INCIDENT_LOST, |family| {
        for kind in KINDS {
            family.sample([kind.word()], lost.get(kind.word()).copied().unwrap_or(0));
        }
    });
    text.single(&names::INCIDENTS_OPENED, view.opened);
}

fn kept(text: &mut Exposition, store: &Store) {
    let status = store.keeper().status();
    let (file, log) = store.octets();
    text.family(&names::STORE_BYTES, |family| {
        family.sample(["file"], file);
        family.sample(["log"], log);
    });
    text.single(&names::STORE_READINGS, status.readings);
    text.single(&names::STORE_LOST, status.lost);
    text.single(&names::STORE_KEPT, status.kept);
    text.family(&names::STORE_WAITING, |family| {
        family.sample(["onus"], status.waiting);
        family.sample(["readings"], status.waiting_readings);
    });
    text.single(&names::STORE_COMMITS, status.commits);
    text.family(&names::STORE_LAST_COMMIT, |family| {
        if let Some(at) = status.last_commit {
            family.sample([], at);
        }
    });
    text.single(&names::STORE_ERRORS, status.errors);
    text.single(&names::STORE_FAILING, status.failing.is_some());
    text.single(&names::STORE_THINNED, status.thinned);
}

/// A metric with one sample an OLT, where there is one.
fn per_olt<N: Into<Number>>(
    text: &mut Exposition,
    metric: &Metric,
    olts: &[Counted],
    number: impl Fn(&Counted) -> Option<N>,
) {
    text.family(metric, |family| {
        for olt in olts {
            if let Some(number) = number(olt) {
                family.sample([olt.name()], number);
            }
        }
    });
}

/// A metric with one sample for each word of each OLT.
fn per_word<I: Iterator<Item = (&'static str, u64)>>(
    text: &mut Exposition,
    metric: &Metric,
    olts: &[Counted],
    counts: impl Fn(&Counted) -> I,
) {
    text.family(metric, |family| {
        for olt in olts {
            for (word, count) in counts(olt) {
                family.sample([olt.name(), word], count);
            }
        }
    });
}

fn standing(text: &mut Exposition, olts: &[Counted]) {
    text.family(&names::OLT_INFO, |family| {
        for olt in olts {
            family.sample([olt.name(), &olt.report.address, olt.profile()], true);
        }
    });
    per_olt(text, &names::OLT_UP, olts, |olt| is_answering(&olt.report));
    per_olt(text, &names::OLT_FAILURES, olts, |olt| Some(olt.report.failures));
    per_olt(text, &names::OLT_SUSPECT, olts, |olt| Some(olt.report.suspect.is_some()));
    per_olt(text, &names::OLT_LAST_ANSWER, olts, |olt| olt.report.last_answer);
    per_word(text, &names::OLT_BY_TRUTH, olts, |olt| olt.tally.whole.by_truth());
    per_word(text, &names::OLT_BY_CAUSE, olts, |olt| olt.tally.whole.by_cause());
    per_word(text, &names::OLT_BY_LEVEL, olts, |olt| olt.tally.whole.by_level());
    per_word(text, &names::OLT_BY_VERDICT, olts, |olt| olt.tally.whole.by_verdict());
    per_olt(text, &names::OLT_PONS_LEFT_OUT, olts, |olt| Some(olt.tally.pons_left_out));
}

fn sweeps(text: &mut Exposition, olts: &[Counted]) {
    text.family(&names::SWEEP_INTERVAL, |family| {
        for (olt, status) in olts.iter().filter_map(|olt| Some((olt, olt.report.status.as_ref()?))) {
            for kind in SweepKind::ALL {
                family.sample([olt.name(), kind.word()], status.intervals.of(*kind));
            }
        }
    });
    per_sweep(text, &names::SWEEP_DURATION, olts, |sweep| sweep.elapsed);
    per_sweep(text, &names::SWEEP_SUCCESS, olts, |sweep| sweep.ended);
    per_sweep(text, &names::SWEEP_COMPLETE, olts, |sweep| sweep.completeness.is_complete());
    per_sweep(text, &names::SWEEP_GAPS, olts, |sweep| match &sweep.completeness {
        Completeness::Complete => 0,
        Completeness::Partial(gaps) => gaps.len(),
    });
    per_sweep(text, &names::SWEEP_PDUS, olts, |sweep| sweep.pdus);
    per_status(text, &names::SWEEP_SKIPPED, olts, |status| status.skipped);
    text.family(&names::SWEEP_LATENESS, |family| {
        for (olt, status) in olts.iter().filter_map(|olt| Some((olt, olt.report.status.as_ref()?))) {
            for kind in SweepKind::ALL {
                family.sample([olt.name(), kind.word()], status.lateness.of(*kind));
            }
        }
    });
    per_status(text, &names::SWEEP_MOST_LATE, olts, |status| status.lateness.most);
    per_status(text, &names::ROUND_SLICES, olts, |status| status.slices.1);
    per_status(text, &names::ROUND_READ, olts, |status| status.slices.0);
}

/// A metric with one sample for the last sweep of each kind of each OLT.
fn per_sweep<N: Into<Number>>(
    text: &mut Exposition,
    metric: &Metric,
    olts: &[Counted],
    number: impl Fn(&SweepSummary) -> N,
) {
    text.family(metric, |family| {
        for olt in olts {
            for kind in SweepKind::ALL {
                if let Some(sweep) = olt.report.view.last(*kind) {
                    family.sample([olt.name(), kind.word()], number(sweep));
                }
            }
        }
    });
}

/// A metric with one sample for each OLT that was looked at.
fn per_status<N: Into<Number>>(
    text: &mut Exposition,
    metric: &Metric,
    olts: &[Counted],
    number: impl Fn(&Status) -> N,
) {
    per_olt(text, metric, olts, |olt| olt.report.status.as_ref().map(&number));
}

fn snmp(text: &mut Exposition, olts: &[Counted]) {
    per_status(text, &names::SNMP_PDUS, olts, |status| status.counters.sent);
    per_status(text, &names::SNMP_RETRIES, olts, |status| status.counters.retries);
    per_status(text, &names::SNMP_NEEDLESS, olts, |status| status.counters.needless);
    per_status(text, &names::SNMP_TIMEOUTS, olts, |status| status.counters.timeouts);
    per_status(text, &names::SNMP_ANSWERS, olts, |status| status.counters.answers);
    text.family(&names::SNMP_DROPPED, |family| {
        for (olt, status) in olts.iter().filter_map(|olt| Some((olt, olt.report.status.as_ref()?))) {
            let Counters { late, foreign, unauthenticated, garbage, .. } = status.counters;
            let reasons =
                [("late", late), ("foreign", foreign), ("unauthenticated", unauthenticated), ("garbage", garbage)];
            for (reason, count) in reasons {
                family.sample([olt.name(), reason], count);
            }
        }
    });
    per_status(text, &names::SNMP_VARBINDS, olts, |status| status.counters.varbinds);
    per_status(text, &names::SNMP_TOO_BIG, olts, |status| status.counters.too_big);
    per_status(text, &names::SNMP_POISONED, olts, |status| status.counters.poisoned);
    per_olt(text, &names::SNMP_RTT, olts, |olt| olt.report.status.as_ref()?.counters.smoothed_rtt);
    per_status(text, &names::SNMP_REST, olts, |status| status.counters.rest);
    per_status(text, &names::SNMP_WINDOW, olts, |status| status.counters.window);
    per_status(text, &names::SNMP_IN_FLIGHT, olts, |status| status.counters.in_flight);
    per_status(text, &names::SNMP_MOST_IN_FLIGHT, olts, |status| status.counters.most_in_flight);
    per_status(text, &names::SNMP_SILENCES, olts, |status| status.counters.silences);
    per_status(text, &names::SNMP_PROBES, olts, |status| status.counters.probes);
    per_status(text, &names::SNMP_HELD, olts, |status| status.counters.held);
    per_status(text, &names::SNMP_REPORTS, olts, |status| status.counters.reports);
    per_status(text, &names::SNMP_DISCOVERIES, olts, |status| status.counters.discoveries);
    per_status(text, &names::SNMP_SHARED_ENGINE, olts, |status| status.counters.shared_engine);
}

/// What all OLTs share.
fn engine(text: &mut Exposition, engine: &EngineStatus) {
    text.single(&names::ENGINE_SESSIONS, engine.sessions);
    text.single(&names::ENGINE_WAITING, engine.waiting);
    text.single(&names::ENGINE_IN_FLIGHT, engine.in_flight);
    text.single(&names::ENGINE_OUTSTANDING, engine.outstanding_octets);
    text.single(&names::ENGINE_BUFFER, engine.receive_buffer);
    text.single(&names::ENGINE_FOREIGN, engine.foreign);
}

fn traps(text: &mut Exposition, status: &trap::Status) {
    text.family(&names::TRAP_RECEIVED, |family| {
        for (received, count) in &status.received {
            family.sample([received.version.word(), received.kind.word()], *count);
        }
    });
    text.family(&names::TRAP_DROPPED, |family| {
        for (reason, count) in &status.dropped {
            family.sample([reason], *count);
        }
    });
    text.family(&names::TRAP_LOOKS, |family| {
        for (olt, tally) in &status.olts {
            for (look, count) in tally.outcomes() {
                family.sample([olt.as_str(), look], count);
            }
        }
    });
    text.family(&names::TRAP_LAST, |family| {
        for (olt, tally) in &status.olts {
            if let Some(last) = tally.last {
                family.sample([olt.as_str()], last);
            }
        }
    });
}

fn pons(text: &mut Exposition, olts: &[Counted]) {
    let each = |family: &mut super::exposition::Family<'_>, counts: fn(&Tally) -> Vec<(&'static str, u64)>| {
        for olt in olts {
            for (pon, tally) in &olt.pons {
                for (word, count) in counts(tally) {
                    family.sample([olt.name(), pon, word], count);
                }
            }
        }
    };
    text.family(&names::PON_BY_TRUTH, |family| each(family, |tally| tally.by_truth().collect()));
    text.family(&names::PON_BY_LEVEL, |family| each(family, |tally| tally.by_level().collect()));
}

fn ozmap(text: &mut Exposition, push: &PushSnapshot, now: Timestamp) {
    let by_word = |text: &mut Exposition, metric: &Metric, counts: &mut dyn Iterator<Item = (&str, Number)>| {
        text.family(metric, |family| {
            for (word, count) in counts {
                family.sample([word], count);
            }
        });
    };
    let modes = ["dry-run", "write"];
    by_word(text, &names::OZMAP_MODE, &mut modes.into_iter().map(|mode| (mode, (mode == push.mode).into())));
    by_word(
        text,
        &names::OZMAP_REQUESTS,
        &mut push.requests.iter().map(|(outcome, count)| (*outcome, (*count).into())),
    );
    let limits = &push.limits;
    text.single(&names::OZMAP_RATE, limits.requests_per_second);
    let in_flight = [("read", limits.reads_in_flight.into()), ("write", limits.writes_in_flight.into())];
    by_word(text, &names::OZMAP_IN_FLIGHT, &mut in_flight.into_iter());
    text.single(&names::OZMAP_HOST_GONE, limits.host != HostState::Up);
    if let Some(directory) = &push.directory {
        text.single(&names::OZMAP_CLIENTS, directory.clients);
        text.single(&names::OZMAP_AGE, now.since(directory.read_at));
        text.single(&names::OZMAP_KEPT, directory.kept);
    }
    let matching = &push.matching;
    by_word(text, &names::OZMAP_MATCHED, &mut matching.matched_by.iter().map(|(key, count)| (*key, (*count).into())));
    text.single(&names::OZMAP_UNMATCHED, matching.unmatched);
    text.single(&names::OZMAP_RESERVED, matching.not_implanted);
    text.single(&names::OZMAP_AMBIGUOUS, matching.ambiguous);
    text.single(&names::OZMAP_IDLE, matching.clients_without_onu);
    let pending = [("status", push.pending.into()), ("power", push.pending_powers.into())];
    by_word(text, &names::OZMAP_PENDING, &mut pending.into_iter());
    text.single(&names::OZMAP_HELD, push.held);
    let left = [("maintenance", push.maintained.into()), ("foreign", push.foreign.contested.into())];
    by_word(text, &names::OZMAP_HELD_FOR, &mut left.into_iter());
    text.single(&names::OZMAP_FLIPS, push.foreign.flips);
    text.single(&names::OZMAP_UNSEEN, push.unseen);
    if push.journal.kept {
        text.single(&names::OZMAP_JOURNAL_FAILING, push.journal.failing.is_some());
        text.single(&names::OZMAP_JOURNAL_UNWRITTEN, push.journal.unwritten);
    }
    text.single(&names::OZMAP_ASIDE, push.aside);
    let written = &push.written;
    let kinds = [
        ("ok", written.ok.into()),
        ("error", written.error.into()),
        ("power", written.powers.into()),
        ("unverified", written.unverified.into()),
    ];
    by_word(text, &names::OZMAP_WRITTEN, &mut kinds.into_iter());
    by_word(text, &names::OZMAP_FAILED, &mut written.failed.iter().map(|(outcome, count)| (*outcome, (*count).into())));
    text.single(&names::OZMAP_WOULD_WRITE, written.would_write);
    text.single(&names::OZMAP_HALTED, push.halted.is_some());
    text.single(&names::OZMAP_RESTING, push.resting_until.is_some_and(|until| until > now));
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use super::super::server::Limits;
    use super::super::testing::{self, NOW};
    use super::*;
    use crate::model::OltId;

    /// A board on which every metric has a sample.
    fn full() -> String {
        let new = OltReport::new(OltId::new("olt-sul"), "192.0.2.12:161".to_owned());
        let olts = vec![testing::town(), testing::silent("olt-norte"), new];
        let (board, _ends) = Board::still(NOW, olts, Some(testing::push()));
        let board = board.listening("127.0.0.1:1162".parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("oltwatch.db"), crate::store::Keep::default()).unwrap();
        store.keeper().keep(&OltId::new("olt-centro"), NOW, Default::default(), Vec::new(), Vec::new());
        assert!(store.flush(Duration::from_secs(60)));
        render(&board.with_store(store).surveyed(testing::survey()), NOW + Duration::from_secs(90))
    }

    /// The name of a sample's metric.
    fn name(line: &str) -> &str {
        line.split(['{', ' ']).next().unwrap()
    }

    #[test]
    fn every_metric_has_samples_and_every_sample_is_of_a_documented_metric() {
        let text = full();
        let rendered: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).map(name).collect();
        let named: BTreeSet<&str> = names::ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(rendered, named);
        let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
        for name in rendered {
            assert!(docs.contains(&format!("| `{name}` | ")), "{name} is not in docs/metrics.md");
        }
    }

    #[test]
    fn each_metric_is_one_family_with_its_help_and_kind_once() {
        let text = full();
        let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut current = "";
        for line in text.lines() {
            let what = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
            if line.starts_with("# HELP ") {
                current = name(what);
            }
            assert_eq!(name(what), current, "outside of its family: {line}");
            if line.starts_with('#') {
                families.entry(name(what)).or_default().push(line.get(..6).unwrap());
            }
        }
        for (name, lines) in families {
            assert_eq!(lines, ["# HELP", "# TYPE"], "{name}");
        }
        let samples: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
        assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len(), "a series stands here twice");
    }

    #[test]
    fn samples_say_what_the_snapshots_say() {
        let text = full();
        for line in [
            "oltwatch_start_time_seconds 1795401067",
            "oltwatch_olts 3",
            "oltwatch_olt_info{olt=\"olt-centro\",address=\"192.0.2.10:161\",profile=\"huawei-smartax\"} 1",
            "oltwatch_olt_up{olt=\"olt-centro\"} 1",
            "oltwatch_olt_up{olt=\"olt-norte\"} 0",
            "oltwatch_olt_consecutive_failures{olt=\"olt-norte\"} 3",
            "oltwatch_olt_last_answer_timestamp_seconds{olt=\"olt-centro\"} 1795401067.75",
            "oltwatch_olt_onus_by_truth{olt=\"olt-centro\",truth=\"down\"} 2",
            "oltwatch_olt_onus_by_truth{olt=\"olt-norte\",truth=\"down\"} 0",
            "oltwatch_olt_onus_down_by_cause{olt=\"olt-centro\",cause=\"optical\"} 1",
            "oltwatch_olt_onus_by_level{olt=\"olt-centro\",level=\"critical\"} 1",
            "oltwatch_sweep_last_duration_seconds{olt=\"olt-centro\",sweep=\"state\"} 0.5",
            "oltwatch_sweep_last_success_timestamp_seconds{olt=\"olt-centro\",sweep=\"state\"} 1795401067.5",
            "oltwatch_sweep_last_complete{olt=\"olt-centro\",sweep=\"optics\"} 0",
            "oltwatch_sweep_last_gaps{olt=\"olt-centro\",sweep=\"optics\"} 1",
            "oltwatch_sweep_interval_seconds{olt=\"olt-norte\",sweep=\"optics\"} 900",
            "oltwatch_sweep_skipped_slots_total{olt=\"olt-centro\"} 4",
            "oltwatch_snmp_pdus_total{olt=\"olt-centro\"} 111",
            "oltwatch_snmp_silences_total{olt=\"olt-centro\"} 6",
            "oltwatch_snmp_held_total{olt=\"olt-centro\"} 7",
            "oltwatch_snmp_shared_engine{olt=\"olt-centro\"} 0",
            "oltwatch_sweep_lateness_seconds{olt=\"olt-centro\",sweep=\"state\"} 1.5",
            "oltwatch_sweep_most_lateness_seconds{olt=\"olt-centro\"} 4",
            "oltwatch_optics_round_slices{olt=\"olt-centro\"} 16",
            "oltwatch_optics_round_slices_read{olt=\"olt-centro\"} 3",
            "oltwatch_engine_in_flight 0",
            "oltwatch_trap_received_total{version=\"2c\",kind=\"inform\"} 0",
            "oltwatch_trap_dropped_total{reason=\"unknown_sender\"} 0",
            "oltwatch_trap_looks_total{olt=\"olt-centro\",look=\"later\"} 0",
            "oltwatch_trap_looks_total{olt=\"olt-centro\",look=\"now\"} 1",
            "oltwatch_trap_last_timestamp_seconds{olt=\"olt-centro\"} 1795401067",
            "oltwatch_snmp_dropped_total{olt=\"olt-centro\",reason=\"foreign\"} 5",
            "oltwatch_snmp_rtt_seconds{olt=\"olt-centro\"} 0.0125",
            "oltwatch_pon_onus_by_truth{olt=\"olt-centro\",pon=\"0/1/1\",truth=\"stale\"} 1",
            "oltwatch_pon_onus_by_level{olt=\"olt-centro\",pon=\"0/1/2\",level=\"good\"} 0",
            "oltwatch_ozmap_mode{mode=\"dry-run\"} 0",
            "oltwatch_ozmap_mode{mode=\"write\"} 1",
            "oltwatch_ozmap_requests_total{outcome=\"busy\"} 2",
            "oltwatch_ozmap_allowed_requests_per_second 0.5",
            "oltwatch_ozmap_requests_in_flight{kind=\"read\"} 3",
            "oltwatch_ozmap_host_gone 1",
            "oltwatch_ozmap_directory_age_seconds 90",
            "oltwatch_ozmap_matched_onus{key=\"serial\"} 2",
            "oltwatch_ozmap_pending_changes{what=\"power\"} 8",
            "oltwatch_ozmap_left{why=\"maintenance\"} 5",
            "oltwatch_ozmap_foreign_changes_total 9",
            "oltwatch_ozmap_unseen 2",
            "oltwatch_ozmap_journal_failing 0",
            "oltwatch_ozmap_written_total{what=\"error\"} 22",
            "oltwatch_ozmap_failed_writes_total{outcome=\"refused\"} 4",
            "oltwatch_ozmap_writing_halted 1",
            "oltwatch_ozmap_resting 0",
            "oltwatch_plant_clients{route=\"found\"} 7",
            "oltwatch_plant_clients{route=\"no_path\"} 1",
            "oltwatch_plant_age_seconds 90",
            "oltwatch_plant_requests_total{what=\"traces\"} 24",
            "oltwatch_plant_requests_left 3",
            "oltwatch_plant_source{source=\"walk\"} 1",
            "oltwatch_plant_source{source=\"traces\"} 0",
            "oltwatch_plant_pons{launch=\"estimated\"} 1",
            "oltwatch_plant_doubts{doubt=\"other_box\"} 0",
            "oltwatch_store_commits_total 1",
            "oltwatch_store_failing 0",
            "oltwatch_store_waiting{what=\"readings\"} 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
        for absent in [
            "oltwatch_olt_up{olt=\"olt-sul\"}",
            "oltwatch_snmp_rtt_seconds{olt=\"olt-norte\"}",
            "oltwatch_trap_last_timestamp_seconds{olt=\"olt-norte\"}",
        ] {
            assert!(!text.contains(absent), "{absent}: silence is not evidence");
        }
    }

    #[test]
    fn the_number_of_series_does_not_depend_on_the_number_of_onus() {
        let lines = |onus: u32| {
            // All on the three PONs that the OLT lists.
            let onus: Vec<_> = (0..onus)
                .map(|number| crate::model::Reading {
                    key: crate::model::OnuKey::new(&[number]),
                    ..testing::up(1 + number % 9, -20.0)
                })
                .collect();
            let (board, _ends) = Board::still(NOW, vec![testing::olt("olt", &onus)], None);
            render(&board, NOW).lines().count()
        };
        assert_eq!(lines(9), lines(3000));
    }

    #[test]
    fn names_from_the_config_and_the_device_cannot_add_lines() {
        let mut report = testing::town();
        report.olt = OltId::new("a\"} 1\noltwatch_olts 99\n\\");
        let (board, _ends) = Board::still(NOW, vec![report], None);
        let text = render(&board, NOW);
        assert!(text.contains("oltwatch_olt_up{olt=\"a\\\"} 1\\noltwatch_olts 99\\n\\\\\"} 1\n"), "{text}");
        assert!(!text.lines().any(|line| line == "oltwatch_olts 99"));
    }

    #[tokio::test]
    async fn the_page_has_the_media_type_of_the_format_and_ignores_a_scraper_s_parameters() {
        let server = testing::start(vec![testing::town()], None, None, Limits::USUAL).await;
        let response = server.get("/metrics?module=x").await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let text = response.text().await.unwrap();
        assert!(text.ends_with('\n') && text.contains("\noltwatch_olts 1\n"), "{text}");
        assert!(!text.contains("oltwatch_ozmap"), "without [ozmap] there is nothing to count");
    }
}
