//! `oltwatch demo`: the whole main job on one machine, with nothing to configure.
//!
//! ```text
//!  SimulatedOlt ◄──SNMP on loopback──► Daemon ◄──HTTP on loopback──► SimulatedOzmap
//!       ▲                                │ Board                          ▲
//!       └────── the story: takes light, brings it back, watches ──────────┘
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;
use super::error::CliError;
use super::out::Paper;
use super::stop::{on_signal, stopped};
use super::teller::Teller;
use crate::config::{Config, Http, Secret};
use crate::daemon::{Board, Daemon};
use crate::http;
use crate::mib::Library;
use crate::model::{Cause, Level, OnuState, Reading, SweepKind, Truth};
use crate::sim::olt::{AgentOptions, GeneratedOlt, GeneratedOptions, SimulatedOlt};
use crate::sim::ozmap::{OzmapOptions, Population, SeedClient, SimulatedOzmap};

/// Families of the simulated OLTs, in turn.
const FAMILIES: [&str; 3] = ["huawei-smartax", "vsol-epon", "ubiquiti-ufiber"];
const CITIES: [&str; 6] = ["centro", "norte", "sul", "leste", "oeste", "praia"];
const ONUS_PER_PON: u32 = 16;
const COMMUNITY: &str = "demo";
const TOKEN: &str = "demo-token";

/// Where the pages are, when that port is free.
const USUAL_PORT: u16 = 9161;

/// How long a step of the story may take without `--seconds`.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long "nothing happens" is watched: several state intervals.
const QUIET: Duration = Duration::from_secs(4);

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// End after this many seconds, with exit code 0 only if the whole story was seen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Simulated OLTs
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=200))]
    olts: u32,
    /// ONUs on each OLT
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(4..=16_384))]
    onus: u32,
    /// The same seed gives the same network
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the pages are; 127.0.0.1:9161 if it is free, else any free port
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Why the demo did not get to its end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("{0}")]
    Setup(String),
    #[error("waited {0:.0?} for {1}, and it did not happen")]
    NotSeen(Duration, String),
    #[error("{0}")]
    Wrong(String),
    #[error("interrupted")]
    Interrupted,
}

fn setup(error: impl std::fmt::Display) -> DemoError {
    DemoError::Setup(error.to_string())
}

/// One simulated OLT with its truth.
struct Olt {
    name: String,
    truth: GeneratedOlt,
    agent: SimulatedOlt,
}

/// Everything simulated.
struct World {
    olts: Vec<Olt>,
    ozmap: SimulatedOzmap,
}

/// Runs the demo.
pub(super) async fn run(args: &DemoArgs, paper: Paper) -> Result<Outcome, CliError> {
    let teller = Teller::new(paper.color);
    let until = args.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let stop = on_signal()?;
    Ok(match play(args, &teller, until, stop).await {
        Ok(()) => Outcome::Done,
        Err(DemoError::Interrupted) => {
            teller.say("Interrupted.");
            if args.seconds.is_some() { Outcome::Failed } else { Outcome::Done }
        }
        Err(error) => {
            teller.bad(&format!("The demo failed: {error}."));
            Outcome::Failed
        }
    })
}

async fn play(
    args: &DemoArgs,
    teller: &Teller,
    until: Option<Instant>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DemoError> {
    let library = Arc::new(Library::load(None).map_err(setup)?);
    let mut world = build(args, &library).await?;
    let config = config(&world)?;
    for warning in &config.warnings {
        teller.say(warning);
    }
    let (shutdown, shut) = watch::channel(false);
    let server = listen(args.listen).await?;
    let pages = server.address();
    let daemon = Daemon::start(&config, library).map_err(setup)?;
    let pages_task = tokio::spawn(server.run(daemon.board().clone(), shut));
    introduce(teller, args, &world, pages);

    let story = story(&mut world, daemon.board(), teller, until);
    let ended = tokio::select! {
        ended = story => ended,
        () = stopped(&mut stop) => Err(DemoError::Interrupted),
    };
    if ended.is_ok() {
        match until {
            Some(until) => {
                teller.say(&format!("The story is told. Until the time is up, look around at http://{pages}/"));
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = stopped(&mut stop) => {}
                }
            }
            None => {
                teller.say(&format!("The story is told. Look around at http://{pages}/ and stop with Ctrl-C."));
                stopped(&mut stop).await;
            }
        }
    }
    shutdown.send_replace(true);
    daemon.stop().await;
    // The server ends with its connections; one that hangs is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(5), pages_task).await;
    for olt in world.olts {
        olt.agent.stop().await;
    }
    world.ozmap.stop().await;
    ended
}

async fn build(args: &DemoArgs, library: &Library) -> Result<World, DemoError> {
    let mut olts = Vec::new();
    for number in 0..args.olts {
        let pick = |list: &[&'static str]| {
            let place = usize::try_from(number).unwrap_or_default() % list.len().max(1);
            list.get(place).copied().unwrap_or_default()
        };
        let round = number / u32::try_from(CITIES.len()).unwrap_or(1);
        let city = pick(&CITIES);
        let name = if round == 0 { format!("olt-{city}") } else { format!("olt-{city}-{}", round + 1) };
        let family = pick(&FAMILIES);
        let profile = library.get(family).ok_or_else(|| setup(format!("there is no profile {family}")))?;
        let pons = (args.onus / ONUS_PER_PON).max(1);
        let options = GeneratedOptions {
            name: name.clone(),
            pons,
            onus_per_pon: args.onus / pons,
            first_code: 10_000 + number * 20_000,
            seed: args.seed.wrapping_add(u64::from(number)),
        };
        let truth = GeneratedOlt::new(Arc::clone(profile), &options)
            .ok_or_else(|| setup(format!("the family {family} cannot be simulated")))?;
        let agent_options =
            AgentOptions { community: Secret::new(COMMUNITY.to_owned()), seed: args.seed, ..AgentOptions::default() };
        let agent = SimulatedOlt::start(agent_options, truth.view().clone()).map_err(setup)?;
        olts.push(Olt { name, truth, agent });
    }
    let clients = olts.iter().flat_map(|olt| olt.truth.onus()).map(client).collect();
    let ozmap = SimulatedOzmap::start(OzmapOptions::new(TOKEN).with(Population::List(clients))).await.map_err(setup)?;
    Ok(World { olts, ozmap })
}

/// The client of an ONU, as people write it into OZmap: with its serial and its MAC.
fn client(onu: &Reading) -> SeedClient {
    let (code, person) = code_and_person(onu);
    let serial = onu.serial.as_ref().map(ToString::to_string).unwrap_or_default();
    let mac = onu.mac.map(|mac| mac.to_string().to_uppercase()).unwrap_or_default();
    SeedClient::new(code, person).serial(serial).mac(mac)
}

fn code_and_person(onu: &Reading) -> (String, String) {
    let name = onu.name.clone().unwrap_or_else(|_| Arc::from(""));
    let (code, person) = name.split_once(' ').unwrap_or((&name, ""));
    (code.to_owned(), person.to_owned())
}

fn config(world: &World) -> Result<Config, DemoError> {
    let mut text = format!(
        "[ozmap]\nurl = \"{}\"\ntoken_env = \"DEMO_TOKEN\"\nmode = \"write\"\nrequests_per_second = 20\nburst = 20\n\
         full_read = \"10s\"\n[snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"DEMO_COMMUNITY\"\n",
        world.ozmap.url()
    );
    for olt in &world.olts {
        text.push_str(&format!(
            "[[olt]]\nname = \"{}\"\naddress = \"{}\"\nstate_every = \"1s\"\noptics_every = \"5s\"\n\
             inventory_every = \"30s\"\npdus_per_second = 2000\n",
            olt.name,
            olt.agent.address()
        ));
    }
    let environment = |name: &str| match name {
        "DEMO_TOKEN" => Some(TOKEN.to_owned()),
        "DEMO_COMMUNITY" => Some(COMMUNITY.to_owned()),
        _ => None,
    };
    Config::parse(&text, "the demo's config", Path::new("."), &environment).map_err(setup)
}

async fn listen(wanted: Option<SocketAddr>) -> Result<http::Server, DemoError> {
    let at = |listen| Http { listen, token: None };
    match wanted {
        Some(listen) => http::bind(&at(listen)).await.map_err(setup),
        None => match http::bind(&at(SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT)))).await {
            Ok(server) => Ok(server),
            Err(_) => http::bind(&at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).await.map_err(setup),
        },
    }
}

fn introduce(teller: &Teller, args: &DemoArgs, world: &World, pages: SocketAddr) {
    teller.say("A provider's network, simulated on this machine:");
    for olt in &world.olts {
        teller.item(&format!(
            "{:<14} {:<18} {} ONUs, SNMP agent at {}",
            olt.name,
            olt.truth.family(),
            olt.truth.onus().len(),
            olt.agent.address()
        ));
    }
    teller.item(&format!(
        "{:<14} {:<18} {} clients at {}",
        "OZmap",
        "API v2",
        world.ozmap.clients().len(),
        world.ozmap.url()
    ));
    teller.item(&format!("{:<14} {:<18} http://{pages}/ (seed {})", "oltwatch", "metrics and API", args.seed));
}

/// Tells the story and waits for what should happen, up to the end of the demo's time.
async fn story(world: &mut World, board: &Board, teller: &Teller, until: Option<Instant>) -> Result<(), DemoError> {
    let total: usize = world.olts.iter().map(|olt| olt.truth.onus().len()).sum();
    seen(until, "a first reading of every ONU", || up_and_read(board) == total).await?;
    seen(until, "every ONU to be matched with its client", || {
        board.push().is_some_and(|push| push.matching.matched == total)
    })
    .await?;
    teller.good(&format!("{total} of {total} ONUs were read over SNMP and matched with their clients:"));
    for report in board.olts() {
        let levels = |level| report.standings.iter().filter(|standing| standing.level == level).count();
        let pdus: u64 = SweepKind::ALL.iter().filter_map(|kind| report.view.last(*kind)).map(|last| last.pdus).sum();
        teller.item(&format!(
            "{:<14} {} good, {} weak; a round of all sweeps takes {pdus} requests",
            report.olt.as_str(),
            levels(Level::Good),
            levels(Level::Weak)
        ));
    }
    quiet(world, until, "while nothing changes").await?;
    teller.good("OZmap shows what is true, so nothing is written.");

    // Light lost, mains lost.
    let (lost, dark) = (1, 2);
    let Some(olt) = world.olts.first_mut() else { return Ok(()) };
    let olt_name = olt.name.clone();
    let describe = |onu: Option<&Reading>| {
        let onu = onu?;
        let (code, person) = code_and_person(onu);
        let place = onu.pon.map(|pon| format!("PON {pon}, ")).unwrap_or_default();
        Some((code.clone(), format!("{olt_name}, {place}ONU {}, client {code} {person}", onu.onu.unwrap_or_default())))
    };
    let (Some((lost_code, lost_text)), Some((dark_code, dark_text))) =
        (describe(olt.truth.onus().get(lost)), describe(olt.truth.onus().get(dark)))
    else {
        return Err(setup("the first OLT has too few ONUs"));
    };
    teller.event(&format!("A drop fibre breaks: {lost_text}"));
    olt.truth.take_down(lost, Cause::Optical);
    let began = Instant::now();
    teller.event(&format!("Somebody pulls a power plug: {dark_text}"));
    olt.truth.take_down(dark, Cause::Power);
    seen(until, "the client without light to turn red", || world.ozmap.status_of(&lost_code) == Some(1)).await?;
    teller.good(&format!(
        "Client {lost_code} turned red in OZmap after {:.1?}: {}",
        began.elapsed(),
        last_write(&world.ozmap)
    ));
    let held = || {
        let report = board.olt(&olt_name)?;
        let dark = report.standings.iter().find(|standing| standing.truth == Truth::Down(Cause::Power))?;
        Some(dark.reason.to_string())
    };
    seen(until, "the ONU without mains to be seen down", || held().is_some()).await?;
    quiet(world, until, "after the one that was due").await?;
    if world.ozmap.status_of(&dark_code) != Some(0) {
        return Err(DemoError::Wrong(format!("client {dark_code} is not green though only its power failed")));
    }
    teller.good(&format!(
        "Client {dark_code} stays green: {}; a power cut is no fault of the fibre.",
        held().unwrap_or_default()
    ));

    // Repair.
    teller.event("The crew splices the drop, and the power comes back.");
    let began = Instant::now();
    if let Some(olt) = world.olts.first_mut() {
        olt.truth.bring_up(lost);
        olt.truth.bring_up(dark);
    }
    seen(until, "the repaired client to turn green", || world.ozmap.status_of(&lost_code) == Some(0)).await?;
    teller.good(&format!(
        "Client {lost_code} turned green again after {:.1?}: {}",
        began.elapsed(),
        last_write(&world.ozmap)
    ));

    // Silence is not evidence.
    let Some(second) = world.olts.last() else { return Ok(()) };
    let name = second.name.clone();
    teller.event(&format!("{name} stops answering: its management link is down, its customers are fine."));
    second.agent.set_silent(true);
    let stale = || {
        let report = board.olt(&name)?;
        let stale = report.standings.iter().filter(|standing| standing.truth == Truth::Stale).count();
        (stale > 0 && stale == report.standings.len()).then_some(stale)
    };
    seen(until, "the OLT's ONUs to become stale", || stale().is_some()).await?;
    quiet(world, until, "for an OLT that does not answer").await?;
    teller.good(&format!(
        "Its {} ONUs are stale, which is not down: nothing is written for them.",
        stale().unwrap_or_default()
    ));
    if let Some(second) = world.olts.last() {
        second.agent.set_silent(false);
    }
    seen(until, "all ONUs to be up again", || up_and_read(board) == total).await?;
    quiet(world, until, "after the OLT came back").await?;
    teller.good(&format!(
        "{name} answers again, and all {total} ONUs are up. OZmap was written {} times in all.",
        world.ozmap.applied_writes()
    ));
    Ok(())
}

/// ONUs that are up with a level that was read.
fn up_and_read(board: &Board) -> usize {
    board
        .olts()
        .iter()
        .map(|report| {
            let read = |key| report.view.onu(key).is_some_and(|onu| onu.state == Ok(OnuState::Up) && onu.rx.is_ok());
            report.standings.iter().filter(|s| s.truth == Truth::Up && s.level != Level::Unread && read(&s.key)).count()
        })
        .sum()
}

/// Waits for something to become true.
async fn seen(until: Option<Instant>, what: &str, is_so: impl Fn() -> bool) -> Result<(), DemoError> {
    let began = Instant::now();
    let deadline = until.unwrap_or(began + PATIENCE);
    while !is_so() {
        if Instant::now() >= deadline {
            return Err(DemoError::NotSeen(began.elapsed(), what.to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Watches that nothing is written for a while.
async fn quiet(world: &World, until: Option<Instant>, when: &str) -> Result<(), DemoError> {
    let before = world.ozmap.writes();
    let end = Instant::now() + QUIET;
    if until.is_some_and(|until| until < end) {
        return Err(DemoError::NotSeen(QUIET, format!("a quiet time {when}")));
    }
    tokio::time::sleep_until(end).await;
    let written = world.ozmap.writes() - before;
    if written == 0 {
        return Ok(());
    }
    Err(DemoError::Wrong(format!(
        "OZmap was written {written} times {when}, the last was {}",
        last_write(&world.ozmap)
    )))
}

fn last_write(ozmap: &SimulatedOzmap) -> String {
    let requests = ozmap.requests();
    let Some(last) = requests.iter().rev().find(|request| request.is_write()) else { return "nothing".to_owned() };
    format!("{} {} {}", last.method, last.path, last.body.clone().unwrap_or_default())
}
