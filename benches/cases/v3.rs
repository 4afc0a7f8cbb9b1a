//! SNMPv3 authPriv beside v2c: two pollers take turns at the same agents, so that whatever else the machine does hits both.
//! Once against the load agent, whose OLTs answer side by side, and once against net-snmp's snmpd.

mod snmpd;

use std::io;

use self::snmpd::Snmpd;
use super::Options;
use super::children::{AgentChild, PollChild};
use crate::agent::{self, v3};
use crate::poll::Cycle;

/// A case: what both pollers are told, and how many cells they have to read in a cycle.
struct Beside {
    name: String,
    arguments: Vec<String>,
    cells: u64,
    rounds: usize,
}

/// Runs both.
pub fn run(options: &Options) -> io::Result<()> {
    let olts = options.olts.div_ceil(5);
    let pace = agent::Options { olts, onus: options.onus, ..agent::Options::quick() };
    let agent = AgentChild::start(&pace)?;
    beside(
        options,
        &Beside {
            name: format!("{olts} OLTs"),
            arguments: ["--olts", &olts.to_string(), "--port", &agent.port.to_string()].map(str::to_owned).into(),
            cells: u64::from(olts) * u64::from(options.onus) * 8,
            rounds: 9,
        },
    )?;
    agent.stop()?;
    let rows = if options.smoke { 100 } else { 1000 };
    let Some(snmpd) = Snmpd::start(rows)? else {
        eprintln!("v3: there is no snmpd here");
        return Ok(());
    };
    let mut arguments: Vec<String> = ["--port", "0", "--at", &snmpd.address].map(str::to_owned).into();
    for column in snmpd::columns() {
        arguments.extend(["--column".to_owned(), column]);
    }
    let cells = u64::from(rows) * u64::try_from(snmpd::columns().count()).expect("a small number");
    beside(options, &Beside { name: "snmpd".to_owned(), arguments, cells, rounds: 45 })
}

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
fn beside(options: &Options, case: &Beside) -> io::Result<()> {
    let start = |user: &[&str]| {
        let mut arguments = case.arguments.clone();
        arguments.extend(["--cycles", "200", "--window", &options.window.to_string()].map(str::to_owned));
        arguments.extend(user.iter().map(ToString::to_string));
        PollChild::start(&arguments)
    };
    let mut pollers = [start(&[])?, start(&["--user", v3::USER])?];
    let mut last = [Cycle::default(), Cycle::default()];
    // snmpd takes a moment to read its configuration, and a window to open.
    for _ in 0..50 {
        for (poller, cycle) in pollers.iter_mut().zip(&mut last) {
            *cycle = poller.cycle()?;
        }
        if last.iter().all(|cycle| cycle.cells == case.cells) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let mut figures = [Vec::new(), Vec::new()];
    for _ in 0..if options.smoke { 2 } else { case.rounds } {
        for ((poller, cycle), figures) in pollers.iter_mut().zip(&mut last).zip(&mut figures) {
            *cycle = poller.cycle()?;
            figures.push(cycle.cpu_ns as f64 / 1e3 / cycle.cells.max(1) as f64);
        }
    }
    for poller in pollers {
        poller.stop()?;
    }
    let [v2c, v3] = figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    });
    for (kind, cycle, median) in [("v2c", &last[0], v2c), ("v3 SHA-1 AES-128", &last[1], v3)] {
        let name = format!("{}, {kind}", case.name);
        if options.json {
            let line =
                serde_json::json!({ "case": name, "cells": cycle.cells, "pdus": cycle.sent, "us_per_varbind": median });
            println!("{}", serde_json::to_string(&line)?);
            continue;
        }
        let whole = if cycle.cells == case.cells { "complete" } else { "INCOMPLETE" };
        let (wall, sent) = (cycle.wall_ns as f64 / 1e6, cycle.sent);
        print!("{name:<38}    {:>10} {sent:>8} {:>7} {wall:>9.1} {:>7} {median:>7.3}  {whole}", cycle.cells, "-", "-");
        println!("{}", if kind == "v2c" { String::new() } else { format!("  {:.2} × v2c", v3 / v2c) });
    }
    Ok(())
}
