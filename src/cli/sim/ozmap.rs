//! `oltwatch sim ozmap`: an OZmap with clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::write_record;
use crate::cli::args::secret;
use crate::cli::error::CliError;
use crate::cli::stop::{on_signal, stopped};
use crate::cli::{Outcome, out};
use crate::config::Secret;
use crate::sim::ozmap::{
    FAULTS, Fault, LoginAccount, OzmapOptions, Population, SeedClient, SimulatedOzmap, TokenGrant,
};
use crate::sim::plant::{Documentation, Plant, PlantOptions};

/// Clients that there are unless it is said otherwise.
const CLIENTS: usize = 100;

/// `sim ozmap`.
#[derive(Debug, Args)]
#[command(after_long_help = fault_help())]
pub(in crate::cli) struct OzmapArgs {
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The API key that it takes
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    token: Secret,
    /// Answer writes with 403
    #[arg(long)]
    read_only: bool,
    /// A project that the key sees, such as Norte of --awkward; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    project: Vec<String>,
    /// A user that may log in; may be given several times
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = secret)]
    login: Vec<Secret>,
    /// Ordinary clients, with codes from 10001 on, as ONUs of `sim olt` have them [default: 100, unless --awkward,
    /// --plant or --clients-file is given]
    #[arg(long, value_name = "N")]
    clients: Option<usize>,
    /// Clients with one of everything that goes wrong in real data
    #[arg(long)]
    awkward: bool,
    /// Clients of a generated plant, with codes from 10001 on: daisy chains, shared feeders, launch powers that nobody
    /// entered; not together with --clients
    #[arg(long, value_name = "N", conflicts_with = "clients")]
    plant: Option<usize>,
    /// Share of that plant's clients whose documentation is wrong, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "plant")]
    documentation_errors: f64,
    /// Clients of this JSON file: a list of objects with code, and name, serial, mac, pppoe, error, reserved as needed
    #[arg(long, value_name = "FILE")]
    clients_file: Option<PathBuf>,
    /// Same seed, same clients and same faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// What goes wrong: NAME, or NAME:KEY=VALUE,… ; may be given several times; --help lists the names
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Write the requests that came to this file when it ends, one JSON object a line; tokens are not in it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Most requests that are kept for --record: the last ones
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    record_limit: usize,
}

/// What `--fault` takes.
fn fault_help() -> String {
    let names: Vec<String> = FAULTS
        .iter()
        .map(|fault| {
            if fault.keys.is_empty() {
                format!("  {}", fault.name)
            } else {
                format!("  {} ({})", fault.name, fault.keys.join(", "))
            }
        })
        .collect();
    format!(
        "Faults, with their keys; each also takes on (which requests), after (how many are spared), times, probability:\n{}\n\n\
         Faults, records and clients can also be read and changed while it runs, under /_sim/ and without a token.",
        names.join("\n")
    )
}

pub(super) async fn run(args: &OzmapArgs) -> Result<Outcome, CliError> {
    let mut stop = on_signal()?;
    let mut grant = TokenGrant::new(args.token.expose());
    grant.read_only = args.read_only;
    grant.projects = (!args.project.is_empty()).then(|| args.project.clone());
    let options = OzmapOptions {
        listen: args.listen,
        tokens: vec![grant],
        logins: args.login.iter().map(account).collect::<Result<_, _>>()?,
        populations: populations(args)?,
        faults: args.fault.clone(),
        seed: args.seed,
        record: args.record_limit,
    };
    let ozmap = SimulatedOzmap::start(options).await?;
    out::print(&format!("listening on {}\n", ozmap.url()))?;
    stopped(&mut stop).await;
    if let Some(path) = &args.record {
        write_record(path, ozmap.requests())?;
    }
    let (requests, writes, applied) = (ozmap.request_count(), ozmap.writes(), ozmap.applied_writes());
    let fired: Vec<String> = ozmap
        .fault_counts()
        .iter()
        .map(|count| format!("fault {}: hit {} of {} requests\n", count.fault, count.fired, count.seen))
        .collect();
    ozmap.stop().await;
    out::print(&format!("{requests} requests, {writes} writes, {applied} of them applied\n{}", fired.concat()))?;
    Ok(Outcome::Done)
}

fn account(login: &Secret) -> Result<LoginAccount, CliError> {
    let (name, password) = login
        .expose()
        .split_once(':')
        .filter(|(name, password)| !name.is_empty() && !password.is_empty())
        .ok_or_else(|| CliError::Failed("--login: NAME:PASSWORD was expected".to_owned()))?;
    Ok(LoginAccount { login: name.to_owned(), password: password.to_owned().into() })
}

fn populations(args: &OzmapArgs) -> Result<Vec<Population>, CliError> {
    let mut populations = Vec::new();
    if args.awkward {
        populations.push(Population::Awkward);
    }
    if let Some(path) = &args.clients_file {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CliError::System { what: format!("cannot read {}", path.display()), source })?;
        let list: Vec<SeedClient> = serde_json::from_str(&text).map_err(|error| {
            CliError::Failed(format!("{}: a list of clients was expected: {error}", path.display()))
        })?;
        populations.push(Population::List(list));
    }
    if let Some(clients) = args.plant {
        let documentation = Documentation { missing_launch: 0.1, ..Documentation::errors(args.documentation_errors) };
        let options = PlantOptions { documentation, first_code: 10_001, ..PlantOptions::new(clients, args.seed) };
        let plant = Plant::generate(&options).map_err(|error| CliError::Failed(format!("--plant: {error}")))?;
        populations.push(Population::Plant(Arc::new(plant)));
    }
    if let Some(clients) = args.clients.or(populations.is_empty().then_some(CLIENTS)) {
        populations.push(Population::clients(clients, args.seed));
    }
    Ok(populations)
}
