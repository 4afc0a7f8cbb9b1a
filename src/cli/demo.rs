//! `oltwatch demo`: the whole main job on one machine, with nothing to configure.
//!
//! ```text
//!  LiveWorld: OLTs ◄──SNMP on loopback──► Daemon ◄──HTTP on loopback──► LiveWorld: OZmap
//!       ▲                                   │ Board, Feed                    ▲
//!       └──────── the story: cuts, fails, silences, repairs, watches ────────┘
//! ```

mod story;
mod town;
mod words;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;
use super::error::CliError;
use super::out::Paper;
use super::stop::{on_signal, stopped};
use super::teller::Teller;
use crate::config::Http;
use crate::daemon::Daemon;
use crate::http;
use crate::mib::Library;
use story::Story;
use town::Town;

/// Where the pages are, when that port is free.
const USUAL_PORT: u16 = 9161;

/// How often the world goes on when nothing happens any more.
const IDLE_TICK: Duration = Duration::from_millis(200);

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// End after this many seconds, with exit code 0 only if the cut was found, located and cleared, and nothing else was taken for a fault
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Simulated OLTs
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=200))]
    olts: u32,
    /// ONUs on each OLT, on the average
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(24..=16_384))]
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
    let mut town = Town::build(args, &library).await?;
    let config = town.config()?;
    for warning in &config.warnings {
        teller.say(warning);
    }
    let (shutdown, shut) = watch::channel(false);
    let server = listen(args.listen).await?;
    let pages = server.address();
    let daemon = Daemon::start_knowing(&config, library, town.gasps(args.seed)).map_err(setup)?;
    let pages_task = tokio::spawn(server.run(daemon.board().clone(), shut));
    introduce(teller, args, &town, pages);

    let board = daemon.board();
    let told = board.feed().newest();
    let story = Story { town: &mut town, board, teller, until, told, kinds: BTreeSet::new() };
    let ended = tokio::select! {
        ended = story.tell() => ended,
        () = stopped(&mut stop) => Err(DemoError::Interrupted),
    };
    if ended.is_ok() {
        let how = if until.is_some() { "until the time is up" } else { "and stop with Ctrl-C" };
        teller.say(&format!("The story is told. Look around at http://{pages}/ {how}."));
        tokio::select! {
            () = idle(&mut town, until) => {}
            () = stopped(&mut stop) => {}
        }
    }
    shutdown.send_replace(true);
    daemon.stop().await;
    // The server ends with its connections; one that hangs is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(5), pages_task).await;
    town.live.stop().await;
    ended
}

/// The world goes on without anything that happens, until it is time to end.
async fn idle(town: &mut Town, until: Option<Instant>) {
    while until.is_none_or(|until| Instant::now() < until) {
        town.go_on();
        tokio::time::sleep(IDLE_TICK).await;
    }
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

fn introduce(teller: &Teller, args: &DemoArgs, town: &Town, pages: SocketAddr) {
    teller.say("A provider's network, simulated on this machine:");
    for olt in town.live.olts() {
        let (name, family) = (olt.name(), olt.family());
        teller.item(&format!(
            "{name:<14} {family:<24} {} ONUs, SNMP agent at {}",
            olt.onu_count(),
            olt.agent().address()
        ));
    }
    let plant = town.plant();
    teller.item(&format!(
        "{:<14} {:<24} {} clients, {} cables, {} boxes, at {}",
        "OZmap",
        "API v2",
        plant.clients.len(),
        plant.cables.len(),
        plant.places.len(),
        town.live.ozmap().url()
    ));
    teller.item(&format!("{:<14} {:<24} http://{pages}/ (seed {})", "oltwatch", "pages and API", args.seed));
    teller.item(&format!(
        "{:<14} {:<24} which ONUs tell when they lose mains power, as after some weeks",
        "", "what it has learned"
    ));
    teller.item(&format!("{:<14} {:<24} curl -N http://{pages}/api/v1/events", "", "what happens, as it does"));
}
