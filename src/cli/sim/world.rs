//! `oltwatch sim world`: a whole network that lives: OLTs over SNMP, an OZmap over HTTP, and a scenario.
//!
//! ```text
//! scenario ─► LiveWorld (agents, OZmap) ◄──SNMP, HTTP── oltwatch
//!               ▲ ticks
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use crate::cli::Outcome;
use crate::cli::args::secret;
use crate::cli::error::CliError;
use crate::cli::out::{self, Paper};
use crate::cli::stop::{on_signal, stopped};
use crate::cli::teller::Teller;
use crate::config::Secret;
use crate::mib::Library;
use crate::model::Timestamp;
use crate::sim::live::{LiveOptions, LiveWorld};
use crate::sim::world::{LONGEST_SCENARIO, Scenario, Truth, World};

/// Time between two looks at the world.
const TICK: Duration = Duration::from_millis(200);

/// Time after which all levels are shown anew.
const REFRESH: Duration = Duration::from_secs(20);

/// `sim world`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WorldArgs {
    /// The scenario, a TOML file
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,
    /// How many seconds of the scenario pass in one
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Go on after the scenario's length, until stopped
    #[arg(long)]
    stay: bool,
    /// Where the first OLT listens, the others on the ports after it; port 0 takes free ones
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where OZmap listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen_ozmap: SocketAddr,
    /// The community that the OLTs answer to
    #[arg(long, value_name = "COMMUNITY", default_value = "public", value_parser = secret, hide_default_value = true)]
    community: Secret,
    /// The API key that OZmap takes
    #[arg(long, value_name = "TOKEN", default_value = "sim-world", value_parser = secret, hide_default_value = true)]
    token: Secret,
    /// Write a configuration for oltwatch to this file, instead of printing it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder with profiles beside the built-in ones
    #[arg(long, value_name = "FOLDER")]
    mibs: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| "a number is expected".to_owned())?;
    if (0.01..=10_000.0).contains(&factor) { Ok(factor) } else { Err("0.01 to 10000 is expected".to_owned()) }
}

pub(super) async fn run(args: &WorldArgs, paper: Paper) -> Result<Outcome, CliError> {
    let scenario = read(&args.scenario)?;
    let library = Library::load(args.mibs.as_deref())?;
    let mut stop = on_signal()?;
    let options = LiveOptions {
        listen: args.listen,
        listen_ozmap: args.listen_ozmap,
        community: args.community.clone(),
        token: args.token.clone(),
    };
    let mut live = LiveWorld::start(scenario.world(), &scenario.families, &library, options).await?;
    let config = config(&live);
    match &args.config {
        Some(path) => std::fs::write(path, config)
            .map_err(|source| CliError::System { what: format!("cannot write {}", path.display()), source })?,
        None => out::print(&format!("{config}\n"))?,
    }
    let teller = Teller::new(paper.color);
    introduce(&teller, &scenario, &live);
    tokio::select! {
        () = play(args, &scenario, &mut live, &teller) => teller.say("The scenario is over."),
        () = stopped(&mut stop) => {}
    }
    let (requests, applied) = (live.ozmap().request_count(), live.ozmap().applied_writes());
    live.stop().await;
    teller.say(&format!("OZmap was asked {requests} times and changed {applied} times."));
    Ok(Outcome::Done)
}

fn read(path: &std::path::Path) -> Result<Scenario, CliError> {
    use std::io::Read;
    let failed = |source| CliError::System { what: format!("cannot read {}", path.display()), source };
    let mut text = String::new();
    // One octet more than is taken, so that a longer file is seen to be one.
    let most = u64::try_from(LONGEST_SCENARIO).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path).map_err(failed)?.take(most).read_to_string(&mut text).map_err(failed)?;
    Ok(Scenario::parse(&text, &path.display().to_string())?)
}

/// A configuration for this world. What `--community` and `--token` say comes from the environment.
fn config(live: &LiveWorld) -> String {
    let url = live.ozmap().url();
    let mut text = format!(
        "# OLT_COMMUNITY and OZMAP_TOKEN hold what --community and --token say.\n[ozmap]\nurl = \"{url}\"\n\
         token_env = \"OZMAP_TOKEN\"\nmode = \"write\"\nrequests_per_second = 20\nburst = 20\nfull_read = \"1m\"\n\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n"
    );
    for olt in live.olts() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[olt]]\nname = \"{}\"\naddress = \"{}\"\nstate_every = \"10s\"\noptics_every = \"1m\"\n",
            olt.name(),
            olt.agent().address()
        );
    }
    text
}

fn introduce(teller: &Teller, scenario: &Scenario, live: &LiveWorld) {
    let plant = scenario.ground.plant();
    teller.say(&format!(
        "{}: {} clients, {} PONs, {} cables. OZmap is at {}",
        scenario.name,
        plant.clients.len(),
        plant.pons.len(),
        plant.cables.len(),
        live.ozmap().url()
    ));
    for olt in live.olts() {
        let (name, family) = (olt.name(), olt.family());
        teller.item(&format!("{name:<16} {family:<24} {} ONUs, SNMP at {}", olt.onu_count(), olt.agent().address()));
    }
}

/// Lets the world go on until the scenario is over, and tells what happens.
async fn play(args: &WorldArgs, scenario: &Scenario, live: &mut LiveWorld, teller: &Teller) {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let end = scenario.options.start + scenario.length;
    let mut refreshed = began;
    let (mut told_until, mut told_down) = (None, 0);
    loop {
        ticks.tick().await;
        let now = scenario.options.start + began.elapsed().mul_f64(args.speed);
        let refresh = refreshed.elapsed() >= REFRESH;
        live.advance(if args.stay { now } else { now.min(end) }, refresh);
        if refresh {
            refreshed = Instant::now();
        }
        let world = live.world();
        tell(teller, world, told_until);
        told_until = Some(world.now());
        let down = world.down_count();
        if down != told_down {
            teller.say(&format!("{down} of {} ONUs are down", scenario.ground.plant().clients.len()));
            told_down = down;
        }
        if !args.stay && now >= end {
            return;
        }
    }
}

/// Tells what began and what ended since a time.
fn tell(teller: &Teller, world: &World, since: Option<Timestamp>) {
    let is_new = |at: Timestamp| at <= world.now() && since.is_none_or(|since| at > since);
    for truth in world.truths() {
        let what = |truth: &Truth| truth.describe(world.ground().plant());
        if is_new(truth.from) {
            teller.event(&what(truth));
        }
        if truth.until.is_some_and(is_new) {
            teller.good(&format!("Repair begins: {}", what(truth)));
        }
    }
}
