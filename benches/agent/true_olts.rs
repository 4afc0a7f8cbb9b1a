//! The product's own simulated OLTs in place of the fast ones, with the same rows and the same manners, to see what they
//! cost: `polling agent --true`.

use std::io::{self, BufRead, Write};

use oltwatch::sim::olt::{AgentOptions, Chance, Faults, MibView, Network, Pace, Rows, SimulatedOlt};

use super::{Counters, Options, address, table};
use crate::usage;

/// Serves until the standard input ends. Says `ready <port>` first.
pub fn run(options: &Options) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _inside = runtime.enter();
    let view = MibView::new(table::rows(options.onus).into_iter().collect::<Rows>());
    let pace = options.pace();
    let faults = Faults {
        pace: Pace {
            service: pace.service,
            per_varbind: pace.per_varbind,
            rtt: pace.rtt,
            queue: (pace.queue > 0).then_some(pace.queue),
        },
        network: Network { loss: Chance::new(pace.loss).map_err(io::Error::other)?, ..Network::default() },
        ..Faults::default()
    };
    let mut port = options.port;
    let mut olts = Vec::new();
    for olt in 0..options.olts {
        let options = AgentOptions {
            listen: address(olt, port),
            reply_cap: options.cap,
            seed: u64::from(olt),
            faults: faults.clone(),
            ..AgentOptions::default()
        };
        let olt = SimulatedOlt::start(options, view.clone()).map_err(io::Error::other)?;
        port = olt.address().port();
        olts.push(olt);
    }
    let mut out = io::stdout();
    writeln!(out, "ready {port}")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let mut sum = Counters { cpu_ns: usage::cpu_ns(), ..Counters::default() };
        for counters in olts.iter().map(SimulatedOlt::counters) {
            sum.requests += counters.requests;
            sum.answered += counters.answered;
            sum.varbinds += counters.varbinds;
            sum.octets += counters.bytes;
            sum.overflowed += counters.overflowed;
            sum.lost += counters.lost;
            sum.most_outstanding = sum.most_outstanding.max(counters.most_outstanding);
        }
        writeln!(out, "{}", serde_json::to_string(&sum)?)?;
        out.flush()?;
    }
    Ok(())
}
