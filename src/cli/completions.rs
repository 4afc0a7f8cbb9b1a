//! `oltwatch completions`: a completion script for a shell.

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::error::CliError;
use super::{Outcome, out};

pub(super) fn run(args: &CompletionsArgs) -> Result<Outcome, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "oltwatch", &mut script);
    out::print_with(|writer| writer.write_all(&script))?;
    Ok(Outcome::Done)
}
