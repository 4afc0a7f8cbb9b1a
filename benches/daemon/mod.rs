//! The whole daemon but for OZmap and HTTP, alone in its process: every OLT's poll task, decoding and judge, on the
//! product's own schedule.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use oltwatch::config::Config;
use oltwatch::daemon::{Board, Daemon};
use oltwatch::mib::Library;
use oltwatch::model::{SweepKind, Timestamp, Truth};
use oltwatch::poll::Lateness;
use serde::{Deserialize, Serialize};

use crate::{agent, usage};

/// How often the schedule is looked at; each OLT's newest lateness lasts for seconds.
const LOOK: Duration = Duration::from_millis(500);

/// How often it is looked whether all ONUs are known.
const GLANCE: Duration = Duration::from_millis(5);

/// What to watch, and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// OLTs to watch: 127.1.0.1 and the addresses after it
    #[arg(long)]
    pub olts: u32,
    /// UDP port of all of them
    #[arg(long)]
    pub port: u16,
    /// Seconds between state sweeps
    #[arg(long, default_value_t = 60)]
    pub state_s: u64,
    /// Seconds between rounds of optics
    #[arg(long, default_value_t = 3600)]
    pub optics_s: u64,
    /// Seconds between the lines that are printed
    #[arg(long, default_value_t = 60)]
    pub report_s: u64,
    /// The database to keep what is held in, and to begin with
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// Print a first line as soon as so many ONUs are known, from the database or from the OLTs
    #[arg(long)]
    pub known: Option<u64>,
}

/// How the daemon stands at the end of a stretch of time. Counts are since the start, latenesses of the stretch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stretch {
    pub wall_ns: u64,
    pub cpu_ns: u64,
    /// Before the daemon was started.
    pub empty_rss_kib: u64,
    pub rss_kib: u64,
    pub peak_rss_kib: u64,
    pub onus: u64,
    /// ONUs that are held to be up.
    pub up: u64,
    /// ONUs with a level.
    pub levels: u64,
    pub sent: u64,
    pub retries: u64,
    pub varbinds: u64,
    /// Slots of the schedule that passed, over all OLTs.
    pub skipped: u64,
    pub state_late_ms: u64,
    pub inventory_late_ms: u64,
    pub optics_late_ms: u64,
    /// The most that any sweep was late since the start.
    pub most_late_ms: u64,
    /// How long ago the oldest of the newest state sweeps began.
    pub oldest_state_ms: u64,
    /// OLTs with a complete state sweep, inventory, and round of optics.
    pub state_olts: u64,
    pub inventory_olts: u64,
    pub optics_olts: u64,
    /// OLTs that did not answer, or whose newest sweep of some kind was not complete.
    pub faulty_olts: u64,
    pub why: Option<String>,
}

/// Runs the daemon until the standard input ends, and prints a line of JSON for each stretch.
pub fn run(options: &Options) -> io::Result<()> {
    let config = config(options)?;
    let library = Arc::new(Library::load(None).map_err(io::Error::other)?);
    // A daemon on one core has one worker.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let empty_rss_kib = usage::rss_kib();
    runtime.block_on(async {
        let daemon = Daemon::start(&config, library).map_err(io::Error::other)?;
        let ended = tokio::task::spawn_blocking(|| io::stdin().lock().lines().count());
        let (cpu, start) = (usage::cpu_ns(), tokio::time::Instant::now());
        let mut looks = tokio::time::interval(LOOK);
        let mut lateness = Lateness::default();
        let mut next = Duration::from_secs(options.report_s);
        let stretch = |wall: Duration| Stretch {
            wall_ns: u64::try_from(wall.as_nanos()).expect("a short time"),
            cpu_ns: usage::cpu_ns() - cpu,
            empty_rss_kib,
            ..Stretch::default()
        };
        if let Some(known) = options.known {
            while !ended.is_finished() && onus_on(daemon.board()) < known {
                tokio::time::sleep(GLANCE).await;
            }
            print(stretch(start.elapsed()), daemon.board(), &Lateness::default())?;
        }
        while !ended.is_finished() {
            looks.tick().await;
            note_lateness(daemon.board(), &mut lateness);
            let wall = start.elapsed();
            if wall < next {
                continue;
            }
            next += Duration::from_secs(options.report_s);
            print(stretch(wall), daemon.board(), &std::mem::take(&mut lateness))?;
        }
        daemon.stop().await;
        Ok(())
    })
}

fn print(mut stretch: Stretch, board: &Board, lateness: &Lateness) -> io::Result<()> {
    stretch.fill(board, lateness);
    let mut out = io::stdout();
    writeln!(out, "{}", serde_json::to_string(&stretch)?)?;
    out.flush()
}

fn onus_on(board: &Board) -> u64 {
    board.olts().iter().map(|report| count(report.view.onu_count())).sum()
}

fn config(options: &Options) -> io::Result<Config> {
    use std::fmt::Write as _;
    let mut text = String::from("[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"public\"\n");
    if let Some(path) = &options.store {
        let _ = writeln!(text, "[store]\npath = {:?}", path.display().to_string());
    }
    for olt in 0..options.olts {
        let address = agent::address(olt, options.port);
        let _ = writeln!(
            text,
            "[[olt]]\nname = \"olt-{olt:03}\"\naddress = \"{address}\"\nstate_every = \"{}s\"\noptics_every = \"{}s\"",
            options.state_s, options.optics_s
        );
    }
    Config::parse(&text, "the bench's config", Path::new(""), &|_| None).map_err(io::Error::other)
}

fn note_lateness(board: &Board, lateness: &mut Lateness) {
    for report in board.olts() {
        let Some(status) = &report.status else { continue };
        lateness.state = lateness.state.max(status.lateness.state);
        lateness.inventory = lateness.inventory.max(status.lateness.inventory);
        lateness.optics = lateness.optics.max(status.lateness.optics);
        lateness.most = lateness.most.max(status.lateness.most);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a short time")
}

impl Stretch {
    fn fill(&mut self, board: &Board, lateness: &Lateness) {
        (self.rss_kib, self.peak_rss_kib) = (usage::rss_kib(), usage::peak_rss_kib());
        (self.state_late_ms, self.most_late_ms) = (millis(lateness.state), millis(lateness.most));
        (self.inventory_late_ms, self.optics_late_ms) = (millis(lateness.inventory), millis(lateness.optics));
        let now = Timestamp::from(SystemTime::now());
        for report in board.olts() {
            self.onus += count(report.view.onu_count());
            self.up += count(report.standings.iter().filter(|standing| standing.truth == Truth::Up).count());
            self.levels += count(report.view.onus().filter(|onu| onu.rx.is_ok()).count());
            if let Some(status) = &report.status {
                self.sent += status.counters.sent;
                self.retries += status.counters.retries;
                self.varbinds += status.counters.varbinds;
                self.skipped += status.skipped;
            }
            let mut fault = report.error.clone();
            let kinds = [&mut self.inventory_olts, &mut self.state_olts, &mut self.optics_olts];
            for (kind, whole) in SweepKind::ALL.iter().zip(kinds) {
                let Some(last) = report.view.last(*kind) else { continue };
                *whole += u64::from(last.completeness.is_complete());
                if !last.completeness.is_complete() {
                    fault.get_or_insert_with(|| format!("{kind}: {:?}", last.completeness));
                }
                if *kind == SweepKind::State {
                    self.oldest_state_ms = self.oldest_state_ms.max(millis(now.since(last.started)));
                }
            }
            if let Some(fault) = fault {
                self.faulty_olts += 1;
                self.why.get_or_insert_with(|| format!("{}: {fault}", report.olt));
            }
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("a number of ONUs")
}
