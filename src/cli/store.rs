//! `oltwatch store`: the database by hand. Nothing here changes what it holds.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::ConfigArgs;
use super::error::CliError;
use super::load;
use super::{Outcome, out};
use crate::store::{self, Contents};

/// `store …`.
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Say what the database holds and how large it is; may run beside oltwatch
    Info(InfoArgs),
    /// Check all of it for damage; may run beside oltwatch
    Check(ConfigArgs),
    /// Give back to the system what the file does not use; oltwatch must not run
    Compact(ConfigArgs),
}

/// `store info`.
#[derive(Debug, Args)]
pub(super) struct InfoArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: InfoFormat,
}

/// `store info --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum InfoFormat {
    #[default]
    Text,
    Json,
}

pub(super) fn run(command: &StoreCommand) -> Result<Outcome, CliError> {
    let (StoreCommand::Info(InfoArgs { config, .. }) | StoreCommand::Check(config) | StoreCommand::Compact(config)) =
        command;
    let path = path_of(config)?;
    match command {
        StoreCommand::Info(args) => {
            let contents = store::contents(&path)?;
            let text = match args.format {
                InfoFormat::Text => sheet(&path, &contents),
                InfoFormat::Json => json(&contents)?,
            };
            out::print(&text)?;
        }
        StoreCommand::Check(_) => {
            store::check(&path)?;
            out::print(&format!("{}: sound\n", path.display()))?;
        }
        StoreCommand::Compact(_) => {
            let (before, after) = store::compact(&path)?;
            out::print(&format!("{}: {} before, {} now\n", path.display(), size(before), size(after)))?;
        }
    }
    Ok(Outcome::Done)
}

/// The file that the configuration names.
fn path_of(args: &ConfigArgs) -> Result<PathBuf, CliError> {
    match load::load(&args.config)?.config.store {
        Some(store) => Ok(store.path),
        None => Err(CliError::NoStore { file: args.config.display().to_string() }),
    }
}

fn json(contents: &Contents) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(contents);
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("cannot be written as JSON: {error}")))
}

fn sheet(path: &std::path::Path, contents: &Contents) -> String {
    let mut lines = vec![
        format!("file     {}", path.display()),
        format!("version  {} (SQLite {})", contents.version, contents.sqlite),
        format!(
            "size     {}, of which {} are free; {} wait in the log",
            size(contents.bytes),
            size(contents.free_bytes),
            size(contents.log_bytes)
        ),
        format!("closed   {}", if contents.closed { "yes" } else { "no: oltwatch runs, or ended by a crash" }),
    ];
    if contents.journal > 0 {
        lines.push(format!(
            "journal  {} statuses written to OZmap, {} of them not seen there yet",
            contents.journal, contents.journal_open
        ));
    }
    if let Some(directory) = &contents.directory {
        let (host, read_at, bytes) = (&directory.host, directory.read_at, size(directory.bytes));
        lines.push(format!("clients  of OZmap at {host}, as read at {read_at}: {bytes}"));
    }
    if contents.plant > 0 {
        lines.push(format!("plant    {} elements and routes: {}", contents.plant, size(contents.plant_bytes)));
    }
    for olt in &contents.olts {
        let read = olt.read_at.map_or_else(|| "never read whole".to_owned(), |at| format!("read whole at {at}"));
        lines.push(format!("OLT {}: {} ONUs held, {} devices ever seen, {read}", olt.olt, olt.held, olt.devices));
    }
    lines.join("\n") + "\n"
}

/// Octets, as people read them.
fn size(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if octets < 1024 {
        return format!("{octets} octets");
    }
    // A size is shown with one decimal.
    #[allow(clippy::cast_precision_loss)]
    let mut number = octets as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"KiB");
    while number >= 1024.0
        && let Some(next) = units.next()
    {
        number /= 1024.0;
        unit = next;
    }
    format!("{number:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (octets, text) in
            [(0, "0 octets"), (1023, "1023 octets"), (1024, "1.0 KiB"), (13 << 30, "13.0 GiB"), (3 << 50, "3072.0 TiB")]
        {
            assert_eq!(size(octets), text);
        }
    }
}
