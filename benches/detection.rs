//! How long it takes from a cut to the located incident, and to OZmap showing it: a whole simulated network over real SNMP and HTTP,
//! and the daemon in write mode, in real time.
//!
//! `cargo bench --bench detection -- --runs 20 --state-every 10s`; `--smoke` is one small run that only has to work.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a bench may fail loudly

#[path = "../tests/live_support/mod.rs"]
mod live_support;

use std::time::{Duration, Instant};

use live_support::{Town, options};
use oltwatch::incident::Kind;
use oltwatch::ozmap::PushOutcome;
use oltwatch::sim::plant::CableKind;
use oltwatch::sim::world::{Action, Pieces};

/// What is aimed at, beyond one and a half state intervals.
const GRACE: Duration = Duration::from_secs(5);

struct Run {
    incident: Duration,
    located: Duration,
    shown: Duration,
    is_right: bool,
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}

#[tokio::main]
async fn main() {
    let is_smoke = std::env::args().any(|argument| argument == "--smoke");
    let runs: u64 = argument("--runs").map_or(if is_smoke { 1 } else { 10 }, |runs| runs.parse().unwrap());
    let every = argument("--state-every").map_or_else(
        || Duration::from_secs(if is_smoke { 1 } else { 10 }),
        |every| humantime::parse_duration(&every).unwrap(),
    );
    let aim = every.mul_f64(1.5) + GRACE;
    println!("cuts of distribution cables, 130 ONUs on 2 OLTs, state every {every:?}; aimed at: {aim:.1?}");
    println!("{:>4} {:>10} {:>10} {:>10}  right cable", "run", "incident", "located", "OZmap");
    let mut all = Vec::new();
    for number in 1..=runs {
        let run = one(100 + number, every).await;
        let [incident, located, shown] = [run.incident, run.located, run.shown].map(|time| format!("{time:.2?}"));
        println!("{number:>4} {incident:>10} {located:>10} {shown:>10}  {}", if run.is_right { "yes" } else { "no" });
        all.push(run);
    }
    let at = |part: f64, time: fn(&Run) -> Duration| {
        let mut times: Vec<Duration> = all.iter().map(time).collect();
        times.sort_unstable();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // a few runs
        times[((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1]
    };
    for (what, part) in [("p50", 0.5), ("p95", 0.95)] {
        let [incident, located, shown] =
            [at(part, |run| run.incident), at(part, |run| run.located), at(part, |run| run.shown)]
                .map(|time| format!("{time:.2?}"));
        println!("{what:>4} {incident:>10} {located:>10} {shown:>10}");
    }
    let right = all.iter().filter(|run| run.is_right).count();
    let in_time = all.iter().filter(|run| run.located <= aim).count();
    println!("right cable: {right} of {runs}; located within {aim:.1?}: {in_time} of {runs}");
}

async fn one(seed: u64, every: Duration) -> Run {
    let town = Town::new(options(seed), every).await;
    // At another moment of the interval each time.
    tokio::time::sleep(every.mul_f64(f64::from(u32::try_from(seed * 37 % 100).unwrap()) / 100.0)).await;
    let cable = town.cable(CableKind::Distribution);
    let row = town.ground().plant().cables.get(cable).unwrap().clone();
    let codes = town.codes_behind(cable);
    let action = Action::Cut { cable, metre: row.length / 2.0, pieces: Pieces::ONE };
    let began: Instant = town.strike(action).await;
    let view = || town.daemon.board().incidents();
    town.until("an incident", || !view().open.is_empty()).await;
    let incident = began.elapsed();
    town.until("a located cut", || view().open.iter().any(|one| one.kind == Kind::Cut && one.place.is_some())).await;
    let located = began.elapsed();
    town.until("its clients to be shown", || {
        town.pushes().iter().filter(|(_, push)| push.outcome == PushOutcome::Shown).count() >= codes.len()
    })
    .await;
    let shown = began.elapsed();
    let named = view().open.iter().find_map(|one| one.place.as_ref()?.element.name.clone());
    let is_right = town
        .ground()
        .plant()
        .cables
        .iter()
        .any(|(ix, other)| town.ground().look_alike(ix, cable) && named.as_deref() == Some(&*other.name));
    town.end().await;
    Run { incident, located, shown, is_right }
}
