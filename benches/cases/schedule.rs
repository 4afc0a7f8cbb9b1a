//! A million ONUs on 500 OLTs through the whole daemon: does the schedule hold on one core?

use std::io;

use super::Options;
use super::children::{AgentChild, DaemonChild};
use crate::agent;
use crate::daemon::Stretch;

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
pub fn run(options: &Options) -> io::Result<()> {
    let (olts, onus) = (options.olts * 5, options.onus / 2);
    let (minutes, state_s, report_s) = if options.smoke { (1, 5, 10) } else { (options.minutes, 60, 60) };
    let load = agent::Options {
        olts,
        onus,
        port: 0,
        service_us: 5000,
        per_varbind_ns: 0,
        rtt_us: 2000,
        queue: 0,
        loss: 0.0,
        cap: 1400,
        true_olts: false,
    };
    let mut agent = AgentChild::start(&load)?;
    let arguments = [
        format!("--olts={olts}"),
        format!("--port={}", agent.port),
        format!("--state-s={state_s}"),
        format!("--report-s={report_s}"),
    ];
    let mut daemon = DaemonChild::start(&arguments)?;
    if !options.json {
        println!("schedule: {olts} OLTs × {onus} ONUs, state each {state_s} s, a line each {report_s} s");
        println!(
            "{:>5} {:>6} {:>8} {:>8} {:>8} {:>9} {:>8} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6} {:>7} {:>6}  whole",
            "s",
            "CPU %",
            "PDUs/s",
            "vb/s",
            "ONUs",
            "levels",
            "µs/vb",
            "skipped",
            "state",
            "inv.",
            "optics",
            "most",
            "oldest",
            "RSS MB",
            "peak MB",
            "B/ONU"
        );
    }
    let mut before = Stretch::default();
    for _ in 0..minutes * 60 / report_s {
        let now = daemon.stretch()?;
        if options.json {
            println!("{}", serde_json::json!({ "case": "schedule", "olts": olts, "onus": onus, "stretch": now }));
        } else {
            print(&before, &now, olts, onus);
        }
        before = now;
    }
    daemon.stop()?;
    let counters = agent.counters()?;
    if !options.json {
        println!(
            "most requests outstanding at an OLT: {}, agent's CPU {:.1} s",
            counters.most_outstanding,
            counters.cpu_ns as f64 / 1e9
        );
    }
    agent.stop()
}

#[allow(clippy::cast_precision_loss, reason = "figures for a table")]
fn print(before: &Stretch, now: &Stretch, olts: u32, onus: u32) {
    let wall = (now.wall_ns - before.wall_ns) as f64;
    let cpu = (now.cpu_ns - before.cpu_ns) as f64;
    let (sent, varbinds) = ((now.sent - before.sent) as f64, (now.varbinds - before.varbinds) as f64);
    let mut whole = Vec::new();
    let all = u64::from(olts);
    for (what, number) in [("inventory", now.inventory_olts), ("state", now.state_olts), ("optics", now.optics_olts)] {
        if number < all {
            whole.push(format!("{what} of {number} OLTs"));
        }
    }
    if now.faulty_olts > 0 {
        whole.push(format!("{} OLTs with a fault: {}", now.faulty_olts, now.why.as_deref().unwrap_or("?")));
    }
    let expected = u64::from(olts) * u64::from(onus);
    if now.onus != expected {
        whole.push(format!("{} ONUs of {expected}", now.onus));
    }
    let seconds = |ms: u64| format!("{:.2}", ms as f64 / 1e3);
    println!(
        "{:>5.0} {:>6.1} {:>8.0} {:>8.0} {:>8} {:>9} {:>8.3} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6.0} {:>7.0} {:>6.0}  {}",
        now.wall_ns as f64 / 1e9,
        100.0 * cpu / wall,
        sent / wall * 1e9,
        varbinds / wall * 1e9,
        now.up,
        now.levels,
        cpu / 1e3 / varbinds.max(1.0),
        now.skipped,
        seconds(now.state_late_ms),
        seconds(now.inventory_late_ms),
        seconds(now.optics_late_ms),
        seconds(now.most_late_ms),
        seconds(now.oldest_state_ms),
        now.rss_kib as f64 / 1024.0,
        now.peak_rss_kib as f64 / 1024.0,
        (now.rss_kib - now.empty_rss_kib) as f64 * 1024.0 / now.onus.max(1) as f64,
        if whole.is_empty() { "complete".to_owned() } else { whole.join("; ") }
    );
}
