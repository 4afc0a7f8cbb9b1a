//! Every metric: its name, kind, labels and help, once.
//!
//! To add one: add it here, give it its samples in `metrics`, and write the documented table anew with
//! `OLTWATCH_WRITE_DOCS=1 cargo test --lib http::metrics_names`. Tests refuse a name that breaks the conventions of
//! Prometheus, a metric without samples, and a table that is out of date. A label must have few values: there is no series per
//! ONU here.

/// What a number does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, and begins at 0 with the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    /// The word of the text format.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(super) const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+

        /// Every metric, in the order of the documented table.
        #[cfg(test)]
        pub(super) const ALL: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    BUILD_INFO = Gauge "oltwatch_build_info" ["version"] "Always 1; the version is in the label.";
    START_TIME = Gauge "oltwatch_start_time_seconds" [] "When the daemon started, in seconds since 1970 UTC.";
    OLTS = Gauge "oltwatch_olts" [] "OLTs in the config.";

    OLT_INFO = Gauge "oltwatch_olt_info" ["olt", "address", "profile"]
        "Always 1; the profile is empty until the OLT's family was recognised.";
    OLT_UP = Gauge "oltwatch_olt_up" ["olt"]
        "1 when the last look at the OLT was answered, else 0. Absent until the first look ended.";
    OLT_FAILURES = Gauge "oltwatch_olt_consecutive_failures" ["olt"] "Looks at the OLT that failed in a row.";
    OLT_SUSPECT = Gauge "oltwatch_olt_levels_suspect" ["olt"]
        "1 while the OLT's levels cannot be right, so that all its verdicts hold, else 0.";
    OLT_LAST_ANSWER = Gauge "oltwatch_olt_last_answer_timestamp_seconds" ["olt"]
        "When a sweep of the OLT last ended with an answer, in seconds since 1970 UTC.";
    OLT_BY_TRUTH = Gauge "oltwatch_olt_onus_by_truth" ["olt", "truth"]
        "ONUs by what is held of them: up, down, or stale (not known at present).";
    OLT_BY_CAUSE = Gauge "oltwatch_olt_onus_down_by_cause" ["olt", "cause"] "ONUs that are down, by cause.";
    OLT_BY_LEVEL = Gauge "oltwatch_olt_onus_by_level" ["olt", "level"] "ONUs by the class of their received power.";
    OLT_BY_VERDICT = Gauge "oltwatch_olt_onus_by_verdict" ["olt", "verdict"]
        "ONUs by what their clients should show in OZmap.";
    OLT_PONS_LEFT_OUT = Gauge "oltwatch_olt_pons_left_out" ["olt"]
        "PONs without series of their own because the OLT names too many to be true.";

    SWEEP_INTERVAL = Gauge "oltwatch_sweep_interval_seconds" ["olt", "sweep"]
        "How often the sweep runs; optics sweeps that overrun run less often than the config says.";
    SWEEP_DURATION = Gauge "oltwatch_sweep_last_duration_seconds" ["olt", "sweep"] "How long the last sweep took.";
    SWEEP_SUCCESS = Gauge "oltwatch_sweep_last_success_timestamp_seconds" ["olt", "sweep"]
        "When the last sweep that was answered ended, complete or not, in seconds since 1970 UTC.";
    SWEEP_COMPLETE = Gauge "oltwatch_sweep_last_complete" ["olt", "sweep"]
        "1 when nothing was missing from the last sweep that was answered, else 0.";
    SWEEP_GAPS = Gauge "oltwatch_sweep_last_gaps" ["olt", "sweep"] "Parts that were missing from the last sweep that was answered.";
    SWEEP_PDUS = Gauge "oltwatch_sweep_last_pdus" ["olt", "sweep"] "Requests that the last sweep took, retries included.";
    SWEEP_SKIPPED = Counter "oltwatch_sweep_skipped_slots_total" ["olt"]
        "Slots of the schedule that passed while another sweep ran.";
    SWEEP_LATENESS = Gauge "oltwatch_sweep_lateness_seconds" ["olt", "sweep"]
        "How late the last sweep started (of optics, the last slice), against the time at which it was due.";
    SWEEP_MOST_LATE = Gauge "oltwatch_sweep_most_lateness_seconds" ["olt"]
        "The latest start of any sweep of the OLT since the daemon started.";
    ROUND_SLICES = Gauge "oltwatch_optics_round_slices" ["olt"]
        "Slices of the round of optics in hand: the OLT's levels are read PON by PON over the interval.";
    ROUND_READ = Gauge "oltwatch_optics_round_slices_read" ["olt"] "Of those, the slices that are read.";

    SNMP_PDUS = Counter "oltwatch_snmp_pdus_total" ["olt"] "Datagrams sent to the OLT, retries included.";
    SNMP_RETRIES = Counter "oltwatch_snmp_retries_total" ["olt"] "Requests sent again because no answer came.";
    SNMP_NEEDLESS = Counter "oltwatch_snmp_needless_retries_total" ["olt"]
        "Of those, how many the OLT had no need of, as it answered the first request, too, and had only paused.";
    SNMP_TIMEOUTS = Counter "oltwatch_snmp_timeouts_total" ["olt"] "Waits that ended without an answer.";
    SNMP_ANSWERS = Counter "oltwatch_snmp_answers_total" ["olt"] "Answers that were taken.";
    SNMP_DROPPED = Counter "oltwatch_snmp_dropped_total" ["olt", "reason"]
        "Datagrams that were dropped: late (or twice), foreign (not for us), unauthenticated, garbage (no SNMP).";
    SNMP_VARBINDS = Counter "oltwatch_snmp_varbinds_total" ["olt"] "Values in the answers that were taken.";
    SNMP_TOO_BIG = Counter "oltwatch_snmp_too_big_total" ["olt"] "Answers with tooBig: we asked for less then.";
    SNMP_POISONED = Counter "oltwatch_snmp_poisoned_cells_total" ["olt"] "Cells that the agent fails at, skipped.";
    SNMP_RTT = Gauge "oltwatch_snmp_rtt_seconds" ["olt"]
        "Smoothed round-trip time of a request. Absent before the first answer.";
    SNMP_REST = Gauge "oltwatch_snmp_rest_seconds" ["olt"]
        "How long we rest after each answer to spare an OLT whose answers slow down.";
    SNMP_WINDOW = Gauge "oltwatch_snmp_window" ["olt"] "Requests that may be in flight at present.";
    SNMP_IN_FLIGHT = Gauge "oltwatch_snmp_in_flight" ["olt"] "Requests in flight.";
    SNMP_MOST_IN_FLIGHT = Gauge "oltwatch_snmp_most_in_flight" ["olt"] "The most requests that ever were in flight.";
    SNMP_SILENCES = Counter "oltwatch_snmp_silences_total" ["olt"]
        "How often the OLT fell silent: a request was given up after all its tries, and the one before it was answered.";
    SNMP_PROBES = Counter "oltwatch_snmp_probes_total" ["olt"]
        "Single requests that asked a silent OLT whether it is back.";
    SNMP_HELD = Counter "oltwatch_snmp_held_total" ["olt"]
        "How often a request had to wait for what all OLTs share: the limits of [snmp], the receive buffer, or its turn to come back.";
    SNMP_REPORTS = Counter "oltwatch_snmp_reports_total" ["olt"] "SNMPv3 Reports that were taken.";
    SNMP_DISCOVERIES = Counter "oltwatch_snmp_discoveries_total" ["olt"]
        "SNMPv3 discoveries of the OLT's engine that succeeded.";
    SNMP_SHARED_ENGINE = Gauge "oltwatch_snmp_shared_engine" ["olt"]
        "1 while another OLT has the same SNMPv3 engine ID, which is a copied configuration, else 0.";

    ENGINE_SESSIONS = Gauge "oltwatch_engine_sessions" [] "OLTs that the SNMP engine holds.";
    ENGINE_WAITING = Gauge "oltwatch_engine_waiting_olts" []
        "OLTs that have something to send and wait for what all share.";
    ENGINE_IN_FLIGHT = Gauge "oltwatch_engine_in_flight" [] "Requests in flight, over all OLTs.";
    ENGINE_OUTSTANDING = Gauge "oltwatch_engine_outstanding_bytes" []
        "What the answers that are on their way may take of the receive buffer, as the kernel counts.";
    ENGINE_BUFFER = Gauge "oltwatch_engine_receive_buffer_bytes" []
        "The receive buffer that the system granted; a quarter of it bounds the answers on their way.";
    ENGINE_FOREIGN = Counter "oltwatch_engine_foreign_total" [] "Datagrams that belong to no OLT; dropped.";

    TRAP_RECEIVED = Counter "oltwatch_trap_received_total" ["version", "kind"]
        "Traps and informs of OLTs of the config that were taken. Absent without [trap] listen, as all of these.";
    TRAP_DROPPED = Counter "oltwatch_trap_dropped_total" ["reason"]
        "Datagrams to the trap receiver that were dropped: unknown_sender, garbage, no_trap, unnamed, v3_inform, and of SNMPv3 user, level, signature, privacy, no_keys.";
    TRAP_LOOKS = Counter "oltwatch_trap_looks_total" ["olt", "look"]
        "What the OLT's traps came to: a look now, later (over the budget), merged with one that waits, or none (no reason to look).";
    TRAP_LAST = Gauge "oltwatch_trap_last_timestamp_seconds" ["olt"]
        "When the OLT's last trap came, in seconds since 1970 UTC. Absent before the first.";

    PON_BY_TRUTH = Gauge "oltwatch_pon_onus_by_truth" ["olt", "pon", "truth"]
        "ONUs of the PON by what is held of them: up, down, or stale (not known at present).";
    PON_BY_LEVEL = Gauge "oltwatch_pon_onus_by_level" ["olt", "pon", "level"]
        "ONUs of the PON by the class of their received power.";

    OZMAP_MODE = Gauge "oltwatch_ozmap_mode" ["mode"] "1 for the mode that the config sets, dry-run or write, and 0 for the other.";
    OZMAP_REQUESTS = Counter "oltwatch_ozmap_requests_total" ["outcome"] "Requests that went out to OZmap, by outcome.";
    OZMAP_RATE = Gauge "oltwatch_ozmap_allowed_requests_per_second" []
        "Requests that may go out a second: the configured rate, or less while OZmap struggles.";
    OZMAP_IN_FLIGHT = Gauge "oltwatch_ozmap_requests_in_flight" ["kind"] "Requests on their way: read or write.";
    OZMAP_HOST_GONE = Gauge "oltwatch_ozmap_host_gone" []
        "1 while OZmap's host does not answer and only one request a pause asks whether it is back, else 0.";
    OZMAP_CLIENTS = Gauge "oltwatch_ozmap_directory_clients" []
        "Clients in the directory. Absent before the first read is complete.";
    OZMAP_AGE = Gauge "oltwatch_ozmap_directory_age_seconds" []
        "How long ago the read of the directory in use began. Absent before the first read is complete, unless one was kept.";
    OZMAP_KEPT = Gauge "oltwatch_ozmap_directory_kept" []
        "1 while the directory in use is one of before the start, by which nothing is written.";
    OZMAP_MATCHED = Gauge "oltwatch_ozmap_matched_onus" ["key"] "ONUs with one client, by the key that they share.";
    OZMAP_UNMATCHED = Gauge "oltwatch_ozmap_unmatched_onus" [] "ONUs without a client.";
    OZMAP_RESERVED = Gauge "oltwatch_ozmap_not_implanted_onus" [] "ONUs whose client is only a reservation.";
    OZMAP_AMBIGUOUS = Gauge "oltwatch_ozmap_ambiguous_keys" [] "Keys that lead to more than one client or ONU.";
    OZMAP_IDLE = Gauge "oltwatch_ozmap_clients_without_onu" [] "Clients without an ONU.";
    OZMAP_PENDING = Gauge "oltwatch_ozmap_pending_changes" ["what"]
        "Changes of status and power that wait to be written; in a dry run, that would be written.";
    OZMAP_HELD = Gauge "oltwatch_ozmap_held" [] "Statuses of ERROR that the brake holds until a second sweep says the same.";
    OZMAP_HELD_FOR = Gauge "oltwatch_ozmap_left" ["why"]
        "Statuses that differ and are left as they are: maintenance of their box, or because others set them (foreign).";
    OZMAP_FLIPS = Counter "oltwatch_ozmap_foreign_changes_total" [] "Statuses that others changed in OZmap.";
    OZMAP_UNSEEN = Gauge "oltwatch_ozmap_unseen" []
        "Statuses that were written, or perhaps were, and that OZmap was not seen to show yet.";
    OZMAP_JOURNAL_FAILING = Gauge "oltwatch_ozmap_journal_failing" []
        "1 while the journal of what is written to OZmap cannot be written, else 0. Absent without [store].";
    OZMAP_JOURNAL_UNWRITTEN = Gauge "oltwatch_ozmap_journal_unwritten" []
        "Statuses that were written to OZmap and stand in memory only, because the journal cannot be written. Absent without [store].";
    OZMAP_ASIDE = Gauge "oltwatch_ozmap_aside" []
        "Clients and properties that OZmap refuses or that keep failing, left aside until the next read.";
    OZMAP_WRITTEN = Counter "oltwatch_ozmap_written_total" ["what"]
        "What was written: clients set to ok or error and seen to show it, powers, and clients that did not show what was written.";
    OZMAP_FAILED = Counter "oltwatch_ozmap_failed_writes_total" ["outcome"] "Writes that failed, by outcome.";
    OZMAP_WOULD_WRITE = Counter "oltwatch_ozmap_would_write_total" [] "Statuses that a dry run would have written.";
    OZMAP_HALTED = Gauge "oltwatch_ozmap_writing_halted" [] "1 while nothing is written because OZmap refuses the token, else 0.";
    OZMAP_RESTING = Gauge "oltwatch_ozmap_resting" [] "1 while OZmap is left alone because it does not answer, else 0.";

    PLANT_CLIENTS = Gauge "oltwatch_plant_clients" ["route"]
        "Clients in the directory by their way in the plant: found, or why there is none. Absent, as all of these, without the import of the plant.";
    PLANT_READ_AGE = Gauge "oltwatch_plant_age_seconds" []
        "How long ago elements of the plant were last looked through for what is old or new. Absent before the first time.";
    PLANT_REQUESTS = Counter "oltwatch_plant_requests_total" ["what"]
        "Requests for the plant since the start: pages of lists, rows by their ids, traces of single clients.";
    PLANT_LEFT = Gauge "oltwatch_plant_requests_left" []
        "Requests that are known to be needed for what is not known of the plant yet; more may come of their answers.";
    PLANT_SOURCE = Gauge "oltwatch_plant_source" ["source"]
        "1 for what routes come from: walk (the lists of elements), traces (one a client) or undecided, and 0 for the others.";
    PLANT_PONS = Gauge "oltwatch_plant_pons" ["launch"]
        "PONs of the plant by where their launch power is known from: entered, estimated from readings, or unknown.";
    PLANT_DOUBTS = Gauge "oltwatch_plant_doubts" ["doubt"]
        "What readings contradict of the plant's documentation, by kind (docs/ozmap.md).";

    STORE_BYTES = Gauge "oltwatch_store_bytes" ["part"]
        "Size of the database: its file, and the log of changes that are not in the file yet.";
    STORE_READINGS = Counter "oltwatch_store_readings_total" [] "Readings of ONUs that were written to history.";
    STORE_LOST = Counter "oltwatch_store_lost_readings_total" []
        "Readings that are missing in history because the disk was too slow, full or broken.";
    STORE_KEPT = Counter "oltwatch_store_kept_onus_total" [] "States of ONUs that were written.";
    STORE_WAITING = Gauge "oltwatch_store_waiting" ["what"] "What waits to be written: states of ONUs (onus), readings.";
    STORE_COMMITS = Counter "oltwatch_store_commits_total" [] "Transactions that were written.";
    STORE_LAST_COMMIT = Gauge "oltwatch_store_last_commit_timestamp_seconds" []
        "When the database could last be written, in seconds since 1970 UTC; absent before the first time.";
    STORE_ERRORS = Counter "oltwatch_store_errors_total" [] "Attempts to write that failed; each is made again.";
    INCIDENTS = Gauge "oltwatch_incidents" ["kind", "state"] "Incidents that are not over, by kind and state.";
    INCIDENT_LOST = Gauge "oltwatch_incident_lost_onus" ["kind"]
        "ONUs that incidents explain and that are not back, by kind.";
    INCIDENTS_OPENED = Counter "oltwatch_incidents_opened_total" [] "Incidents that were opened.";
    STORE_FAILING = Gauge "oltwatch_store_failing" [] "1 while the database cannot be written, else 0.";
    STORE_THINNED = Counter "oltwatch_store_thinned_weeks_total" []
        "Weeks of readings of a PON that were thinned to hours and days.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn table() -> String {
        let mut text = String::from(
            "# Metrics\n\n\
             What `/metrics` gives, in the text format of Prometheus. There is no series per ONU: the number of series depends on OLTs\n\
             and PONs only (at most 1024 PONs an OLT).\n\n\
             This page is written from `src/http/metrics_names.rs` by `OLTWATCH_WRITE_DOCS=1 cargo test --lib http::metrics_names`; a test\n\
             refuses one that is out of date.\n\n\
             | metric | kind | labels | meaning |\n|---|---|---|---|\n",
        );
        for metric in ALL {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, kind, labels) = (metric.name, metric.kind.word(), labels.join(", "));
            text.push_str(&format!("| `{name}` | {kind} | {labels} | {} |\n", metric.help));
        }
        text
    }

    #[test]
    fn the_documented_table_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        if std::env::var_os("OLTWATCH_WRITE_DOCS").is_some() {
            std::fs::write(&path, table()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(
            written == table(),
            "docs/metrics.md is out of date; OLTWATCH_WRITE_DOCS=1 cargo test --lib http::metrics_names writes it anew"
        );
    }

    #[test]
    fn names_keep_to_the_conventions() {
        let mut names = BTreeSet::new();
        for Metric { name, kind, labels, help } in ALL {
            assert!(names.insert(name), "{name} stands here twice");
            assert!(name.starts_with("oltwatch_"), "{name}");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
            assert!(!name.contains("__") && !name.ends_with('_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let words: Vec<&str> = name.split('_').collect();
            for word in [
                "ms",
                "millis",
                "milliseconds",
                "minutes",
                "kb",
                "percent",
                "gauge",
                "counter",
                "count",
                "sum",
                "bucket",
            ] {
                assert!(!words.contains(&word), "{name}: base units, and no suffix that means something else");
            }
            for word in ["duration", "age", "interval", "rtt", "rest", "timestamp", "time"] {
                assert!(!words.contains(&word) || name.ends_with("_seconds"), "{name} is a time, in seconds");
            }
            assert!(help.ends_with('.') && !help.contains('|'), "{name}: {help}");
            let mut seen = BTreeSet::new();
            for label in *labels {
                assert!(seen.insert(label), "{name}: {label} twice");
                assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}: {label}");
                assert!(!["le", "quantile", "job", "instance"].contains(label), "{name}: {label} is taken");
                assert!(!["onu", "serial", "mac", "client"].contains(label), "{name}: {label} has no bound");
            }
        }
    }
}
