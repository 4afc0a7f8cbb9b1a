//! The command line: one file a subcommand.
//!
//! In: arguments, the environment, signals. Out: results on standard output, everything else on standard error, and an
//! exit code: 0 done, 1 it did not work, 2 usage, 78 the configuration is wrong. Not its business: logic; what is
//! decided here is only how things are shown.
//!
//! Everything is written through [`out`]: a reader that goes away (`| head`) ends a command quietly, and secrets never
//! come this far.

mod alert;
mod args;
mod check;
mod completions;
mod demo;
mod error;
mod incidents;
mod load;
mod log;
mod look;
mod maintenance;
mod man;
mod out;
mod ozmap;
mod poll;
mod probe;
mod progress;
mod replay;
mod run;
mod sim;
mod stop;
mod store;
mod systemd;
mod table;
mod teller;
mod tune;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::CliError;

/// How a command ended that did not end with an error of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It did what it was asked to.
    Done,
    /// It did not, and has said why.
    Failed,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; the rest is usage. Neither has anybody left to tell when it cannot be written.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(cli) {
        // A reader that has seen enough is no failure.
        Ok(Outcome::Done) | Err(CliError::ReaderGone) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(error) => {
            out::note(&error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, CliError> {
    let paper = out::Paper::new(cli.global.color);
    match cli.command {
        Command::Completions(args) => return completions::run(&args),
        Command::Man => return man::run(),
        _ => {}
    }
    log::set_up(&cli.global, &cli.command)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::System { what: "cannot start the runtime".to_owned(), source })?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Run(args) => run::run(&args).await,
            Command::Replay(args) => replay::run(&args, paper),
            Command::Demo(args) => demo::run(&args, paper).await,
            Command::Check(args) => check::run(&args, paper).await,
            Command::Probe(args) => probe::run(&args, paper).await,
            Command::Poll(args) => poll::run(&args, paper).await,
            Command::Ozmap(command) => ozmap::run(&command, paper).await,
            Command::Incidents(command) => incidents::run(&command, paper).await,
            Command::Store(command) => store::run(&command),
            Command::Alert(command) => alert::run(&command, paper).await,
            Command::Maintenance(command) => maintenance::run(&command),
            Command::Tune(args) => tune::run(&args, paper),
            Command::Sim(command) => sim::run(command, paper).await,
            // Done before there was a runtime.
            Command::Completions(_) | Command::Man => Ok(Outcome::Done),
        }
    });
    // What is left (a name that is being resolved) must not hold up the end.
    runtime.shutdown_background();
    outcome
}
