//! One look at OLTs: some sweeps of each, all OLTs side by side.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::progress::Progress;
use crate::config;
use crate::mib::Library;
use crate::model::{Completeness, Gap, Sweep, SweepKind, Timestamp};
use crate::poll::{Explanation, Identity, Poller, View};
use crate::snmp::{Engine, EngineLimits};

/// OLTs that are looked at at the same time; each has a socket.
const AT_ONCE: usize = 256;

/// What one OLT said.
#[derive(Debug)]
pub(super) struct Looked {
    /// The OLT as configured.
    pub(super) olt: config::Olt,
    /// What it says of itself; `None` when it did not get that far.
    pub(super) identity: Option<Identity>,
    /// The values that were read.
    pub(super) view: View,
    /// The sweeps that ended, complete or partial, in their order.
    pub(super) sweeps: Vec<Sweep>,
    /// What went wrong; empty when everything was read.
    pub(super) problems: Vec<String>,
    /// Requests that were sent to it.
    pub(super) pdus: u64,
    /// From first to last.
    pub(super) elapsed: Duration,
    /// The plan of its sweeps, where it was asked for and the family is known.
    pub(super) explanation: Option<Explanation>,
}

impl Looked {
    /// Whether everything that was asked for was read.
    pub(super) fn is_complete(&self) -> bool {
        self.problems.is_empty()
    }

    /// What went wrong, in one text.
    pub(super) fn error(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }

    /// Whether this sweep was complete.
    pub(super) fn has_complete(&self, kind: SweepKind) -> bool {
        self.sweeps.iter().any(|sweep| sweep.kind == kind && sweep.completeness.is_complete())
    }
}

/// Looks at these OLTs once. Never fails as a whole; the result is in the OLTs' order.
pub(super) async fn look_at(
    olts: &[config::Olt],
    limits: &config::Snmp,
    library: &Arc<Library>,
    kinds: &[SweepKind],
) -> Vec<Looked> {
    look(olts, limits, library, kinds, false).await
}

/// As [`look_at`], in the schedule's way, and with what that took.
pub(super) async fn look_and_explain(
    olts: &[config::Olt],
    limits: &config::Snmp,
    library: &Arc<Library>,
    kinds: &[SweepKind],
) -> Vec<Looked> {
    look(olts, limits, library, kinds, true).await
}

async fn look(
    olts: &[config::Olt],
    limits: &config::Snmp,
    library: &Arc<Library>,
    kinds: &[SweepKind],
    explain: bool,
) -> Vec<Looked> {
    let progress = Arc::new(Progress::new("polling", olts.len().saturating_mul(kinds.len())));
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let engine = Engine::new(EngineLimits::from(limits));
    for (place, olt) in olts.iter().cloned().enumerate() {
        let (library, kinds, engine) = (Arc::clone(library), kinds.to_vec(), engine.clone());
        let (progress, turn, limits) = (Arc::clone(&progress), Arc::clone(&turn), *limits);
        tasks.spawn(async move {
            // The semaphore is never closed; without a turn it would only be less gentle.
            let _turn = turn.acquire().await;
            (place, look_at_one(olt, library, engine, &kinds, explain.then_some(&limits), &progress).await)
        });
    }
    let mut looked: Vec<(usize, Looked)> = Vec::with_capacity(olts.len());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(one) => looked.push(one),
            // Tasks are never aborted here, so it panicked, which is our own mistake and was told by the panic.
            Err(error) => tracing::error!(%error, "the look at an OLT broke off"),
        }
    }
    looked.sort_by_key(|(place, _)| *place);
    looked.into_iter().map(|(_, looked)| looked).collect()
}

async fn look_at_one(
    olt: config::Olt,
    library: Arc<Library>,
    engine: Engine,
    kinds: &[SweepKind],
    explain: Option<&config::Snmp>,
    progress: &Progress,
) -> Looked {
    let started = Instant::now();
    let mut poller = Poller::with_engine(olt.clone(), library, engine);
    if explain.is_some() {
        poller = poller.with_account();
    }
    let mut sweeps = Vec::new();
    let mut problems = Vec::new();
    for kind in kinds {
        progress.say(format!("{} {kind}", olt.name));
        let now = Timestamp::from(SystemTime::now());
        // The schedule's way where it is to be explained; else in one go, as nobody waits for anything in between.
        let read = match explain {
            Some(_) => poller.round(*kind, now).await,
            None => poller.sweep(*kind, now).await.map(|sweep| vec![sweep]),
        };
        match read {
            Ok(parts) => {
                let gaps: Vec<&Gap> = parts.iter().flat_map(|sweep| gaps(&sweep.completeness)).collect();
                if !gaps.is_empty() {
                    problems.push(format!("{kind} is incomplete: {}", list(&gaps)));
                }
                sweeps.extend(parts);
                progress.step();
            }
            Err(error) => {
                problems.push(error.to_string());
                // What does not answer now would only be strained by being asked on.
                break;
            }
        }
    }
    for _ in kinds.iter().skip_while(|kind| sweeps.iter().any(|sweep| sweep.kind == **kind)) {
        progress.step();
    }
    Looked {
        explanation: explain.and_then(|limits| poller.explain(limits, Instant::now())),
        identity: poller.identity().cloned(),
        view: poller.view().clone(),
        pdus: poller.counters().sent,
        elapsed: started.elapsed(),
        olt,
        sweeps,
        problems,
    }
}

/// What is missing.
fn gaps(completeness: &Completeness) -> &[Gap] {
    match completeness {
        Completeness::Complete => &[],
        Completeness::Partial(gaps) => gaps,
    }
}

/// The gaps of a sweep, each once.
fn list(gaps: &[&Gap]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for gap in gaps {
        let text = gap.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}
