//! `oltwatch check`: the files, then each OLT, OZmap and the channels of alerts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::args::CheckArgs;
use super::error::{CliError, chain};
use super::load::{self, Loaded};
use super::out::Paper;
use super::progress::Progress;
use super::table::{Grid, Paint, clean, finish, number, painted, text};
use super::{Outcome, alert, out};
use crate::config::alert::Alert;
use crate::config::{self, Config, LONGEST_CONFIG, OzmapMode};
use crate::mib::{Finding as MibFinding, Library};
use crate::ozmap::Client;
use crate::poll::Poller;
use crate::snmp::Engine;

/// Longest description of an OLT that is shown.
const LONGEST_DESCR: usize = 44;

/// What a live check found.
struct Finding {
    what: String,
    address: String,
    result: Result<Good, String>,
}

struct Good {
    profile: String,
    round_trip: Option<Duration>,
    says: String,
    /// What speaks against the profile.
    doubt: Option<String>,
}

pub(super) async fn run(args: &CheckArgs, paper: Paper) -> Result<Outcome, CliError> {
    let Loaded { config, library } = load::load(&args.config.config).inspect_err(|error| {
        if let CliError::Config(_) = error {
            tell_profile_problems(&args.config.config);
        }
    })?;
    for warning in library.warnings() {
        out::note(&format!("warning: {warning}"));
    }
    out::print(&finish(&summary(&args.config.config.display().to_string(), &config, &library), paper))?;
    if args.offline {
        return Ok(Outcome::Done);
    }
    let findings = try_all(&config, &library).await;
    let mut grid = Grid::new(vec![
        text("CHECKED"),
        text("ADDRESS"),
        text("RESULT"),
        text("PROFILE"),
        number("ROUND TRIP"),
        text("SAYS"),
    ]);
    for finding in &findings {
        let (result, good) = match &finding.result {
            Ok(good) => (painted("good", Paint::Good), Some(good)),
            Err(_) => (painted("failed", Paint::Bad), None),
        };
        let round_trip = good.and_then(|good| good.round_trip).map(milliseconds);
        grid.row(vec![
            clean(&finding.what, 64),
            finding.address.clone(),
            result,
            good.map(|good| good.profile.clone()).unwrap_or_default(),
            round_trip.unwrap_or_default(),
            good.map(|good| clean(&good.says, LONGEST_DESCR)).unwrap_or_default(),
        ]);
    }
    out::print(&grid.without_empty_columns(&[]).render(paper))?;
    for finding in &findings {
        if let Ok(Good { doubt: Some(doubt), .. }) = &finding.result {
            out::note(&format!("warning: {}: {doubt}; oltwatch probe shows it column by column", finding.what));
        }
    }
    let failed: Vec<&Finding> = findings.iter().filter(|finding| finding.result.is_err()).collect();
    for finding in &failed {
        if let Err(why) = &finding.result {
            out::note(&format!("error: {}: {why}", finding.what));
        }
    }
    Ok(if failed.is_empty() { Outcome::Done } else { Outcome::Failed })
}

/// A configuration that is wrong does not say where its profiles are, but mostly it can be seen; then their problems are
/// told too, so that all of them can be mended at once.
fn tell_profile_problems(config: &Path) {
    let small = std::fs::metadata(config)
        .is_ok_and(|file| usize::try_from(file.len()).is_ok_and(|size| size <= LONGEST_CONFIG));
    let text = if small { std::fs::read_to_string(config).unwrap_or_default() } else { String::new() };
    let root: toml::Table = toml::from_str(&text).unwrap_or_default();
    let folder = root.get("mibs").and_then(|mibs| mibs.get("path")).and_then(toml::Value::as_str);
    let Some(folder) = folder else { return };
    let folder = config.parent().unwrap_or(Path::new("")).join(folder);
    if let Err(error) = Library::load(Some(&folder)) {
        out::note(&CliError::from(error).report());
    }
}

/// `oltwatch.toml: good; 3 OLTs, 4 profiles, OZmap in dry-run`.
fn summary(file: &str, config: &Config, library: &Library) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let ozmap = match config.ozmap.as_ref().map(|ozmap| ozmap.mode) {
        None => "no OZmap",
        Some(OzmapMode::DryRun) => "OZmap in dry-run (nothing is written)",
        Some(OzmapMode::Write) => "OZmap is written",
    };
    let good = painted("good", Paint::Good);
    format!(
        "{file}: {good}; {}, {}, {ozmap}\n",
        plural(config.olts.len(), "OLT"),
        plural(library.iter().count(), "profile")
    )
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Where OZmap stands among what is found: behind every OLT.
const AFTER_OLTS: usize = usize::MAX / 2;

/// OLTs in the configuration's order, then OZmap, then channels of alerts; all of them side by side.
async fn try_all(config: &Config, library: &Arc<Library>) -> Vec<Finding> {
    let count = config.olts.len() + usize::from(config.ozmap.is_some()) + config.alerts.len();
    let progress = Arc::new(Progress::new("checking", count));
    let mut tasks = JoinSet::new();
    let engine = Engine::default();
    for (place, olt) in config.olts.iter().cloned().enumerate() {
        let (library, progress, engine) = (Arc::clone(library), Arc::clone(&progress), engine.clone());
        tasks.spawn(async move {
            let finding = try_olt(olt, library, engine).await;
            progress.step();
            vec![(place, finding)]
        });
    }
    if let Some(ozmap) = config.ozmap.clone() {
        let progress = Arc::clone(&progress);
        tasks.spawn(async move {
            let finding = try_ozmap(&ozmap).await;
            progress.step();
            vec![(AFTER_OLTS, finding)]
        });
    }
    for (place, alert) in config.alerts.iter().cloned().enumerate() {
        let progress = Arc::clone(&progress);
        tasks.spawn(async move {
            let findings = try_alert(&alert).await;
            progress.step();
            findings.into_iter().map(|finding| (AFTER_OLTS.saturating_add(place).saturating_add(1), finding)).collect()
        });
    }
    let mut found: Vec<(usize, Finding)> = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(some) => found.extend::<Vec<_>>(some),
            // Tasks are never aborted here, so it panicked, which is our own mistake and was told by the panic.
            Err(error) => tracing::error!(%error, "a check broke off"),
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, finding)| finding).collect()
}

async fn try_olt(olt: config::Olt, library: Arc<Library>, engine: Engine) -> Finding {
    let (what, address) = (olt.name.to_string(), olt.address.clone());
    let mut poller = Poller::with_engine(olt, library, engine);
    let result = match poller.identify().await {
        Ok(identity) => {
            let doubt = match identity.finding {
                MibFinding::Proved | MibFinding::PonsOnly => None,
                finding => Some(format!("the profile {} is {finding}", identity.profile.name())),
            };
            Ok((identity.profile.name().to_owned(), identity.sys_descr.clone(), doubt))
        }
        Err(error) => Err(chain(&error)),
    };
    let round_trip = poller.counters().smoothed_rtt;
    let result = result.map(|(profile, says, doubt)| Good { profile, round_trip, says, doubt });
    Finding { what, address, result }
}

async fn try_alert(alert: &Alert) -> Vec<Finding> {
    let found = alert::reach(alert).await;
    let finding = |(address, result): (String, Result<String, String>)| {
        let good = |says| Good { profile: String::new(), round_trip: None, says, doubt: None };
        Finding { what: format!("alert {}", alert.name), address, result: result.map(good) }
    };
    found.into_iter().map(finding).collect()
}

async fn try_ozmap(ozmap: &config::Ozmap) -> Finding {
    let (address, result) = match Client::new(ozmap) {
        Ok(client) => {
            let started = std::time::Instant::now();
            let result = client.check().await;
            let round_trip = Some(started.elapsed());
            let says = "takes the token".to_owned();
            let good = || Good { profile: String::new(), round_trip, says, doubt: None };
            (client.host().to_owned(), result.map(|()| good()).map_err(|error| chain(&error)))
        }
        Err(error) => (String::new(), Err(chain(&error))),
    };
    Finding { what: "OZmap".to_owned(), address, result }
}
