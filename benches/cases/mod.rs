//! The cases, and the table that they print.

mod children;
mod restart;
mod schedule;
mod v3;

use std::io;

use oltwatch::snmp::Oid;

use self::children::{AgentChild, PollChild};
use crate::agent::{self, Counters, table};
use crate::poll::{Cycle, Digest};

/// Which cases, and how large.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Only cases whose name contains this
    #[arg(value_name = "NAME")]
    only: Option<String>,
    /// All of them small, in seconds: shows that the bench works, not how fast the engine is
    #[arg(long)]
    smoke: bool,
    /// OLTs of the large cases
    #[arg(long, default_value_t = 100)]
    olts: u32,
    /// ONUs of each OLT
    #[arg(long, default_value_t = 4096)]
    onus: u32,
    /// ONUs of each OLT in the case of memory
    #[arg(long, default_value_t = 16_000)]
    many_onus: u32,
    /// Cycles of each case; the last ones show the engine when it knows its OLTs
    #[arg(long, default_value_t = 3)]
    cycles: u32,
    /// Minutes of the case of the schedule
    #[arg(long, default_value_t = 3)]
    minutes: u64,
    /// Most requests in flight at an OLT
    #[arg(long, default_value_t = 2)]
    window: u32,
    /// Walk an OLT's tables at the same time in all cases
    #[arg(long)]
    together: bool,
    /// Print JSON lines instead of a table
    #[arg(long)]
    json: bool,
}

struct Case {
    name: String,
    agent: agent::Options,
    /// What the polling side is told beside where its OLTs are.
    poll: Vec<String>,
    /// The columns that it walks.
    columns: Vec<Oid>,
    cycles: u32,
}

/// Runs the cases, one after the other.
pub fn run(options: &Options) -> io::Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build: `cargo bench` measures the release one");
    }
    let mut options = options.clone();
    if options.smoke {
        (options.olts, options.onus, options.many_onus, options.cycles) = (4, 256, 512, 2);
    }
    if !options.json && !matches!(options.only.as_deref(), Some("schedule" | "restart")) {
        print_head();
    }
    for case in cases(&options) {
        if options.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())) {
            run_case(&options, &case)?;
        }
    }
    if options.only.as_ref().is_none_or(|only| "v3".contains(only.as_str())) {
        v3::run(&options)?;
    }
    if options.only.as_ref().is_none_or(|only| "schedule".contains(only.as_str())) {
        schedule::run(&options)?;
    }
    if options.only.as_ref().is_none_or(|only| "restart".contains(only.as_str())) {
        restart::run(&options)?;
    }
    Ok(())
}

fn cases(options: &Options) -> Vec<Case> {
    let quick = agent::Options { onus: options.onus, ..agent::Options::quick() };
    let slow = agent::Options { service_us: 5000, rtt_us: 2000, ..quick.clone() };
    let lossy = agent::Options { service_us: 1000, rtt_us: 5000, ..quick.clone() };
    let (olts, onus, many_onus) = (options.olts, options.onus, options.many_onus);
    // Run state and cause of the last down: what a state sweep reads.
    let state =
        ["46.1.15", "46.1.24"].map(|end| format!("{}.{end}", table::HUAWEI).parse::<Oid>().expect("a constant OID"));
    let state_columns = ["--column", &state[0].to_string(), "--column", &state[1].to_string()].map(str::to_owned);
    let state_columns = state_columns.each_ref().map(String::as_str);
    let case = |name: &str, agent: &agent::Options, poll: &[&str]| Case {
        name: name.to_owned(),
        agent: agent.clone(),
        poll: poll.iter().map(ToString::to_string).collect(),
        columns: table::columns().concat(),
        cycles: options.cycles,
    };
    vec![
        case("1 OLT, service 0", &quick, &["--check"]),
        case("1 OLT, service 0, text", &quick, &["--check", "--render"]),
        case("the same, our true simulated OLT", &agent::Options { true_olts: true, ..quick.clone() }, &["--check"]),
        case(
            "1 OLT, 8 KiB replies",
            &agent::Options { cap: 8192, ..quick.clone() },
            &["--check", "--reply-octets", "8192"],
        ),
        case(&format!("{olts} OLTs, service 0"), &agent::Options { olts, ..quick.clone() }, &["--check"]),
        case("1 OLT, 5 ms + RTT 2 ms", &slow, &["--check"]),
        case(&format!("{olts} OLTs, 5 ms + RTT 2 ms"), &agent::Options { olts, ..slow.clone() }, &["--check"]),
        case(
            &format!("{olts} OLTs, tables together"),
            &agent::Options { olts, ..slow.clone() },
            &["--check", "--together"],
        ),
        case("queue of two, 5 ms + RTT 2 ms", &agent::Options { queue: 2, ..slow.clone() }, &["--check", "--together"]),
        Case {
            columns: state.to_vec(),
            ..case(
                &format!("state only, {} × {} ONUs", olts * 5, onus / 2),
                &agent::Options { olts: olts * 5, onus: onus / 2, ..slow },
                &state_columns,
            )
        },
        case("loss 0 %, 1 ms + RTT 5 ms", &lossy, &["--check"]),
        case("loss 1 %, 1 ms + RTT 5 ms", &agent::Options { loss: 1.0, ..lossy.clone() }, &["--check"]),
        case("loss 10 %, 1 ms + RTT 5 ms", &agent::Options { loss: 10.0, ..lossy }, &["--check"]),
        Case {
            cycles: 1,
            ..case(
                &format!("memory: {olts} × {many_onus} ONUs"),
                &agent::Options { olts, onus: many_onus, ..quick },
                &[],
            )
        },
    ]
}

fn run_case(options: &Options, case: &Case) -> io::Result<()> {
    let rows = table::rows(case.agent.onus);
    let mut digest = Digest::default();
    for column in &case.columns {
        for (oid, value) in &rows {
            if let Some(index) = oid.suffix_of(column) {
                digest.row(column.arcs(), index, value);
            }
        }
    }
    let (octets, cells) = table::Table::new(rows).weight(&case.columns);
    let mut agent = AgentChild::start(&case.agent)?;
    let mut arguments = case.poll.clone();
    if options.together {
        arguments.push("--together".to_owned());
    }
    arguments.extend(["--olts", &case.agent.olts.to_string(), "--port", &agent.port.to_string()].map(str::to_owned));
    arguments
        .extend(["--cycles", &case.cycles.to_string(), "--window", &options.window.to_string()].map(str::to_owned));
    let mut poll = PollChild::start(&arguments)?;
    let mut before = agent.counters()?;
    for number in 1..=case.cycles {
        let cycle = poll.cycle()?;
        let after = agent.counters()?;
        let (window, digest) = (options.window, digest.0);
        let row = Row { case, number, cycle: &cycle, before: &before, after: &after, octets, cells, digest, window };
        if options.json {
            row.print_json()?
        } else {
            row.print()
        }
        before = after;
        if cycle.cells == 0 {
            // Given up: it would go on like this.
            break;
        }
    }
    poll.stop()?;
    agent.stop()
}

/// A cycle of a case, with what the agent says of it.
struct Row<'a> {
    case: &'a Case,
    number: u32,
    cycle: &'a Cycle,
    before: &'a Counters,
    after: &'a Counters,
    /// What one OLT's table carries.
    octets: usize,
    cells: usize,
    digest: u64,
    /// Most requests that may be in flight at an OLT.
    window: u32,
}

fn print_head() {
    println!(
        "{:<38} {:>2} {:>10} {:>8} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>5} {:>5} {:>4} {:>4}  whole",
        "case",
        "no",
        "cells",
        "PDUs",
        "/min",
        "wall ms",
        "/bound",
        "µs/vb",
        "decode",
        "text",
        "agent",
        "RSS MB",
        "again",
        "drops",
        "most",
        "ours"
    );
}

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
impl Row<'_> {
    fn least_pdus(&self) -> f64 {
        // The agent's head of a reply to the community `public` takes 37 octets, the id's length included.
        (self.octets as f64 / (self.case.agent.cap as f64 - 37.0)).ceil() * f64::from(self.case.agent.olts)
    }

    /// Nanoseconds that a serial agent of this pace needs for the answers that it gave.
    fn bound(&self) -> f64 {
        let pace = &self.case.agent;
        let answers = (self.after.answered - self.before.answered) as f64 / f64::from(pace.olts);
        let varbinds = (self.after.varbinds - self.before.varbinds) as f64 / f64::from(pace.olts);
        1e3 * (answers * pace.service_us as f64 + pace.rtt_us as f64) + varbinds * pace.per_varbind_ns as f64
    }

    fn verdict(&self) -> String {
        let expected = u64::try_from(self.cells).expect("a number of cells") * u64::from(self.case.agent.olts);
        let mut wrong = Vec::new();
        if self.cycle.cells != expected {
            wrong.push(format!("{} cells of {expected}", self.cycle.cells));
        }
        if self.cycle.incomplete > 0 {
            wrong.push(format!(
                "{} columns incomplete: {}",
                self.cycle.incomplete,
                self.cycle.why.as_deref().unwrap_or("?")
            ));
        }
        if self.cycle.digests.iter().any(|digest| *digest != self.digest) {
            wrong.push("values differ".to_owned());
        }
        if self.after.most_outstanding > self.window as usize {
            wrong.push(format!("{} requests at an OLT, of {}", self.after.most_outstanding, self.window));
        }
        match (wrong.is_empty(), self.cycle.digests.is_empty()) {
            (true, true) => "complete".to_owned(),
            (true, false) => "complete, values right".to_owned(),
            (false, _) => wrong.join("; "),
        }
    }

    fn print(&self) {
        let (cycle, cells) = (self.cycle, self.cycle.cells.max(1) as f64);
        let bound = self.bound();
        let figure = |wanted: bool, value: f64, decimals: usize| {
            if wanted { format!("{value:.decimals$}") } else { "-".to_owned() }
        };
        println!(
            "{:<38} {:>2} {:>10} {:>8} {:>7.3} {:>9.1} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7.1} {:>5} {:>5} {:>4} {:>4}  {}",
            self.case.name,
            self.number,
            cycle.cells,
            cycle.sent,
            cycle.sent as f64 / self.least_pdus(),
            cycle.wall_ns as f64 / 1e6,
            figure(self.case.agent.service_us > 0, cycle.wall_ns as f64 / bound, 3),
            figure(cycle.cells > 0, cycle.cpu_ns as f64 / 1e3 / cells, 3),
            figure(cycle.decoded_onus > 0, cycle.decode_cpu_ns as f64 / 1e3 / cells, 3),
            figure(cycle.render_octets > 0, cycle.render_cpu_ns as f64 / 1e3 / cells, 3),
            figure(cycle.cells > 0, (self.after.cpu_ns - self.before.cpu_ns) as f64 / 1e3 / cells, 3),
            cycle.peak_rss_kib as f64 / 1024.0,
            cycle.retries,
            self.after.overflowed - self.before.overflowed,
            self.after.most_outstanding,
            cycle.most_in_flight,
            self.verdict(),
        );
    }

    fn print_json(&self) -> io::Result<()> {
        let pace = &self.case.agent;
        let line = serde_json::json!({
            "case": self.case.name,
            "olts": pace.olts,
            "onus": pace.onus,
            "cycle": self.number,
            "poll": self.cycle,
            "agent_before": self.before,
            "agent_after": self.after,
            "least_pdus": self.least_pdus(),
            "bound_ns": self.bound(),
            "verdict": self.verdict(),
        });
        println!("{}", serde_json::to_string(&line)?);
        Ok(())
    }
}
