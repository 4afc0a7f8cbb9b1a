//! `oltwatch ozmap`: OZmap by hand. Only `push` and `revert` write to it.

mod check;
mod clients;
mod diff;
mod follow;
mod plant;
mod push;
mod revert;
mod unmatched;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::args::{ConfigArgs, Format};
use super::error::CliError;
use super::load::{self, Loaded};
use super::look::Looked;
use super::out::Paper;
use super::progress::Progress;
use super::{Outcome, out};
use crate::config::Ozmap;
use crate::model::{OltId, OnuId, Reading, SweepKind, Verdict};
use crate::ozmap::{Client, Directory, Looks, OltWishes, OnuIdentity, OzmapError, Wish};

/// `ozmap …`.
#[derive(Debug, Subcommand)]
pub(super) enum OzmapCommand {
    /// Try the token
    Check(OzmapArgs),
    /// List the clients that OZmap holds
    Clients(OzmapArgs),
    /// Read the OLTs' inventory, and list ONUs without a client, clients without an ONU, and keys that are ambiguous
    Unmatched(OzmapArgs),
    /// Read the OLTs once and list what would change in OZmap
    Diff(OzmapArgs),
    /// Read the plant and the OLTs, and list by PON what is documented and what is measured; or, with --audit, where they contradict
    Plant(plant::PlantArgs),
    /// Read the OLTs twice and write what both looks say, once; or let a running daemon write what its brake holds
    Push(push::PushArgs),
    /// Put back what was written since a time, from the journal; what others changed since is left
    Revert(revert::RevertArgs),
}

/// What a key that works and shows nobody most often means.
const NOBODY: &str = "warning: OZmap shows this key no client: does its user have every project, and the rights to read \
                      properties?";

/// What they all take.
#[derive(Debug, Args)]
pub(super) struct OzmapArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How results are printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// What they all work with.
struct Desk {
    loaded: Loaded,
    ozmap: Ozmap,
    client: Client,
    format: Format,
    paper: Paper,
}

pub(super) async fn run(command: &OzmapCommand, paper: Paper) -> Result<Outcome, CliError> {
    let (OzmapCommand::Check(args)
    | OzmapCommand::Clients(args)
    | OzmapCommand::Unmatched(args)
    | OzmapCommand::Diff(args)
    | OzmapCommand::Plant(plant::PlantArgs { args, .. })
    | OzmapCommand::Push(push::PushArgs { args, .. })
    | OzmapCommand::Revert(revert::RevertArgs { args, .. })) = command;
    let loaded = load::load(&args.config.config)?;
    let Some(ozmap) = loaded.config.ozmap.clone() else {
        return Err(CliError::NoOzmap { file: args.config.config.display().to_string() });
    };
    let client = Client::new(&ozmap)?;
    let desk = Desk { loaded, ozmap, client, format: args.format, paper };
    match command {
        OzmapCommand::Check(_) => check::run(&desk).await,
        OzmapCommand::Clients(_) => clients::run(&desk).await,
        OzmapCommand::Unmatched(_) => unmatched::run(&desk).await,
        OzmapCommand::Diff(_) => diff::run(&desk).await,
        OzmapCommand::Plant(args) => plant::run(&desk, args).await,
        OzmapCommand::Push(args) => push::run(&desk, args).await,
        OzmapCommand::Revert(args) => revert::run(&desk, args).await,
    }
}

impl Desk {
    /// Reads the whole directory, and says what was odd about it.
    async fn directory(&self) -> Result<Directory, OzmapError> {
        let progress = Progress::new("reading OZmap", 0);
        let directory = self.client.read_directory(|clients, total| progress.at(clients, total)).await?;
        drop(progress);
        let report = directory.report();
        for (count, what) in [
            (report.missing, "rows that OZmap counts did not come"),
            (report.unreadable, "rows could not be understood"),
            (report.foreign_links, "links to a next page lead to another host; none was followed"),
        ] {
            if count > 0 {
                out::note(&format!("warning: {count} {what}"));
            }
        }
        if directory.is_empty() {
            out::note(NOBODY);
        }
        Ok(directory)
    }
}

/// What an ONU has in common with a client, and what is wished for it.
fn wish(olt: &OltId, reading: &Reading, verdict: Verdict, reason: &str) -> Wish {
    Wish {
        identity: OnuIdentity {
            onu: OnuId { olt: olt.clone(), key: reading.key.clone() },
            serial: reading.serial.clone().ok(),
            mac: reading.mac.ok(),
            name: reading.name.clone().ok(),
            pon: reading.pon,
            number: reading.onu,
        },
        verdict,
        evidence: SweepKind::State,
        reason: reason.into(),
        rx: reading.rx.ok(),
        incident: None,
    }
}

/// The ONUs of an OLT as they are matched with clients, where nothing is wished for them.
fn identified(looked: &Looked) -> OltWishes {
    let olt = &looked.olt.name;
    let wishes = looked.view.onus().map(|reading| wish(olt, reading, Verdict::Hold, "")).collect();
    OltWishes { olt: olt.clone(), complete: looked.is_complete(), looks: Looks::default(), wishes }
}

/// A result as one JSON document.
pub(super) fn print_json<T: Serialize>(result: &T) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(result)
        .map_err(|error| CliError::Failed(format!("cannot write the result as JSON: {error}")))?;
    out::print(&(text + "\n"))
}

/// Lines as CSV, with a header.
pub(super) fn print_csv<const N: usize>(
    header: [&str; N],
    lines: impl IntoIterator<Item = [String; N]>,
) -> Result<(), CliError> {
    out::print_with(|writer| {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_record(header)?;
        for line in lines {
            csv.write_record(line)?;
        }
        csv.flush()
    })
}

/// The text of a value that may be missing.
pub(super) fn or_empty<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
