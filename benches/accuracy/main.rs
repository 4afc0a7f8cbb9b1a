//! Whether losses are explained rightly: what happened, and where (`docs/accuracy.md`).
//!
//! `cargo bench --bench accuracy -- --worlds 10000` plays so many worlds over all scenes; `-- --smoke` a few of each.
//!
//! A world is a generated plant with its documentation errors, on which something goes wrong among what happens every day
//! (`sim::trial`). Judges and tracker are shown what polling would show them, sweep by sweep, and are judged by what they say. Beside them, in
//! the same worlds, two rules that people use: "three ONUs or 30 % of a PON", and "the lowest common box".

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a bench may fail loudly, and prints"
)]

mod large;
mod people;
mod quiet;
mod rows;
mod run;
mod table;

use std::time::Instant;

use clap::Parser;

#[derive(Parser)]
pub struct Arguments {
    /// A few small worlds of each scene
    #[arg(long)]
    smoke: bool,
    /// Worlds over all rows [default: 10000]
    #[arg(long)]
    worlds: Option<u32>,
    /// Only scenes whose name has this in it
    #[arg(long)]
    only: Option<String>,
    /// Months without any fault, of 100,000 ONUs; 0: none [default: 1, unless --only]
    #[arg(long)]
    quiet: Option<f64>,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worlds that are played at the same time [default: one a processor]
    #[arg(long)]
    threads: Option<usize>,
    /// Prints each world in which something was wrong or undetermined
    #[arg(long)]
    verbose: bool,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let threads = arguments
        .threads
        .or_else(|| std::thread::available_parallelism().ok().map(std::num::NonZero::get))
        .unwrap_or(1)
        .max(1);
    let rows = rows::rows(&arguments);
    println!("seed {}, {threads} threads, {} rows", arguments.seed, rows.len());
    let sums = run::play_all(&rows, threads, &arguments);
    table::print(&rows, &sums);
    let worlds: u32 = sums.iter().map(|sums| sums.worlds).sum();
    println!("{worlds} worlds in {:.0} s", began.elapsed().as_secs_f64());
    if arguments.only.is_none() {
        large::explain_many(&arguments);
    }
    let months = arguments.quiet.unwrap_or(if arguments.only.is_some() { 0.0 } else { 1.0 });
    if months > 0.0 {
        quiet::months(months, threads, &arguments);
    }
    println!("all in {:.0} s", began.elapsed().as_secs_f64());
}
