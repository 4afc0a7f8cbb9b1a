//! `oltwatch sim world`: a whole network that lives: OLTs over SNMP, an OZmap over HTTP, and a scenario.
//!
//! ```text
//! scenario ─► World ──changed ONUs──► ServedOlt ─► SimulatedOlt ◄─SNMP─ oltwatch
//!               ▲ ticks                 plant ───► SimulatedOzmap ◄─HTTP─┘
//! ```

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
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
use crate::sim::olt::{AgentOptions, SimulatedOlt};
use crate::sim::ozmap::{OzmapOptions, Population, SimulatedOzmap};
use crate::sim::world::{LONGEST_SCENARIO, Scenario, ServedOlt, Truth, World};

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

/// An OLT with its agent.
struct Served {
    olt: ServedOlt,
    agent: SimulatedOlt,
}

pub(super) async fn run(args: &WorldArgs, paper: Paper) -> Result<Outcome, CliError> {
    let scenario = read(&args.scenario)?;
    let library = Library::load(args.mibs.as_deref())?;
    let mut stop = on_signal()?;
    let mut world = scenario.world();
    let mut olts = serve(args, &scenario, &world, &library)?;
    let population = Population::Plant(Arc::new(scenario.ground.plant().clone()));
    let options = OzmapOptions { listen: args.listen_ozmap, ..OzmapOptions::new(args.token.expose()).with(population) };
    let ozmap = SimulatedOzmap::start(options).await?;
    let config = config(&olts, &world, &ozmap.url());
    match &args.config {
        Some(path) => std::fs::write(path, config)
            .map_err(|source| CliError::System { what: format!("cannot write {}", path.display()), source })?,
        None => out::print(&format!("{config}\n"))?,
    }
    let teller = Teller::new(paper.color);
    introduce(&teller, &scenario, &olts, &ozmap.url());
    tokio::select! {
        () = play(args, &scenario, &mut world, &mut olts, &teller) => teller.say("The scenario is over."),
        () = stopped(&mut stop) => {}
    }
    let (requests, applied) = (ozmap.request_count(), ozmap.applied_writes());
    ozmap.stop().await;
    for served in olts {
        served.agent.stop().await;
    }
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

fn serve(args: &WorldArgs, scenario: &Scenario, world: &World, library: &Library) -> Result<Vec<Served>, CliError> {
    let plant = scenario.ground.plant();
    let mut served = Vec::with_capacity(plant.olts.len());
    for (number, (ix, row)) in (0_u16..).zip(plant.olts.iter()) {
        let name = scenario.families.get(usize::from(row.family)).map_or("", String::as_str);
        let Some(profile) = library.get(name) else {
            let known: Vec<&str> = library.iter().map(|profile| profile.name()).collect();
            return Err(CliError::Usage(format!("there is no profile {name:?}; there are {}", known.join(", "))));
        };
        let olt = ServedOlt::new(world, ix, Arc::clone(profile)).ok_or_else(|| {
            CliError::Failed(format!("the profile {name} does not say how an OLT of its family introduces itself"))
        })?;
        let mut listen = args.listen;
        if listen.port() != 0 {
            let port = listen.port().checked_add(number);
            listen
                .set_port(port.ok_or_else(|| CliError::Usage(format!("--listen: no port is left for {}", row.name)))?);
        }
        let options = AgentOptions { listen, community: args.community.clone(), ..AgentOptions::default() };
        let agent = SimulatedOlt::start(options, olt.view().clone())?;
        served.push(Served { olt, agent });
    }
    Ok(served)
}

/// A configuration for this world. What `--community` and `--token` say comes from the environment.
fn config(olts: &[Served], world: &World, url: &str) -> String {
    let mut text = format!(
        "# OLT_COMMUNITY and OZMAP_TOKEN hold what --community and --token say.\n[ozmap]\nurl = \"{url}\"\n\
         token_env = \"OZMAP_TOKEN\"\nmode = \"write\"\nrequests_per_second = 20\nburst = 20\nfull_read = \"1m\"\n\n\
         [snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"OLT_COMMUNITY\"\n"
    );
    for served in olts {
        let name = world.ground().plant().olts.get(served.olt.olt()).map_or("", |olt| &*olt.name);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[olt]]\nname = \"{name}\"\naddress = \"{}\"\nstate_every = \"10s\"\noptics_every = \"1m\"\n",
            served.agent.address()
        );
    }
    text
}

fn introduce(teller: &Teller, scenario: &Scenario, olts: &[Served], url: &str) {
    let plant = scenario.ground.plant();
    teller.say(&format!(
        "{}: {} clients, {} PONs, {} cables. OZmap is at {url}",
        scenario.name,
        plant.clients.len(),
        plant.pons.len(),
        plant.cables.len()
    ));
    for served in olts {
        let name = plant.olts.get(served.olt.olt()).map_or("", |olt| &*olt.name);
        let family = served.olt.family();
        teller.item(&format!(
            "{name:<16} {family:<24} {} ONUs, SNMP at {}",
            served.olt.onu_count(),
            served.agent.address()
        ));
    }
}

/// Lets the world go on until the scenario is over, and tells what happens.
async fn play(args: &WorldArgs, scenario: &Scenario, world: &mut World, olts: &mut [Served], teller: &Teller) {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let end = scenario.options.start + scenario.length;
    let mut refreshed = began;
    let (mut told_until, mut told_down) = (None, 0);
    loop {
        ticks.tick().await;
        let now = scenario.options.start + began.elapsed().mul_f64(args.speed);
        let changed = world.advance(if args.stay { now } else { now.min(end) });
        let refresh = refreshed.elapsed() >= REFRESH;
        for served in &mut *olts {
            if refresh {
                served.olt.show_all(world);
            } else {
                served.olt.show_clients(world, &changed);
                served.olt.show_uptime(world);
            }
            served.agent.set_silent(!world.answers(served.olt.olt()));
        }
        if refresh {
            refreshed = Instant::now();
        }
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
