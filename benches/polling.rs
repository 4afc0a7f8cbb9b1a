//! How the poll engine does against its figures (`docs/performance.md`), on simulated OLTs in a process of their own.
//!
//! `cargo bench --bench polling` runs all cases; `-- --smoke` runs them small, in seconds; `-- --help` tells the rest.
//!
//! ```text
//!  cases ──starts──► polling agent  (agent/: the OLTs)                  ◄──UDP──┐
//!        └─starts──► polling poll   (poll/: our engine)                 ────────┤
//!                 or polling daemon (daemon/: all but OZmap and HTTP)   ────────┘
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a bench may fail loudly, and prints"
)]

mod agent;
mod cases;
mod daemon;
mod poll;
mod usage;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    cases: cases::Options,
    /// What cargo says to every bench
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serve simulated OLTs until the standard input ends
    Agent(agent::Options),
    /// Poll OLTs, and print a line of JSON for each cycle
    Poll(poll::Options),
    /// Watch OLTs as the daemon does, and print a line of JSON now and then
    Daemon(daemon::Options),
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Agent(options)) => agent::run(&options),
        Some(Command::Poll(options)) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(poll::run(&options))
        }
        Some(Command::Daemon(options)) => daemon::run(&options),
        None => cases::run(&arguments.cases),
    }
}
