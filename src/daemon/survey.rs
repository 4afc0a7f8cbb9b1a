//! The task that compares what is read of ONUs with what the plant says, when either has changed.
//!
//! ```text
//!  importer ──PlantSnapshot (watch)──► survey task ──Survey (watch, newest)──► Board ──► http
//!  Pusher ──PushSnapshot: whose──────►    ▲
//!  judge tasks ──OltReport (watch)────────┘
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::board::Board;
use crate::model::{SweepKind, Timestamp};
use crate::ozmap::{Owners, Survey};

/// How often it is looked whether something has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After one that took a second, nothing is compared for so many: a small share of a core, however large the network.
const REST: u32 = 50;
/// Doubts that are kept to be shown; all are counted.
const LISTED: usize = 10_000;

/// What a survey is made from, by which it is seen whether anything has changed.
struct Basis {
    plant: Timestamp,
    owners: Arc<Owners>,
    /// When each OLT's last rounds of optics and states began.
    rounds: Vec<[Option<Timestamp>; 2]>,
}

impl Basis {
    fn is(&self, other: &Self) -> bool {
        self.plant == other.plant && Arc::ptr_eq(&self.owners, &other.owners) && self.rounds == other.rounds
    }
}

/// Compares until `shutdown` becomes true, or its sender is gone.
pub(super) async fn run(board: Board, publish: watch::Sender<Arc<Survey>>, mut shutdown: watch::Receiver<bool>) {
    let mut last: Option<Basis> = None;
    let mut rest = LOOK_EVERY;
    while !*shutdown.borrow() {
        tokio::select! {
            stopped = shutdown.changed() => if stopped.is_err() { return },
            () = tokio::time::sleep(rest) => {}
        }
        rest = LOOK_EVERY;
        let (Some(plant), Some(push)) = (board.plant(), board.push()) else { continue };
        let reports = board.olts();
        let owners = push.matching.owners.clone();
        let rounds = |kind| reports.iter().map(move |report| report.view.last(kind).map(|round| round.started));
        let basis = Basis {
            plant: plant.at,
            owners: Arc::clone(&owners),
            rounds: rounds(SweepKind::Optics).zip(rounds(SweepKind::State)).map(|(one, other)| [one, other]).collect(),
        };
        if plant.clients == 0 || last.as_ref().is_some_and(|last| last.is(&basis)) {
            continue;
        }
        last = Some(basis);
        let began = tokio::time::Instant::now();
        let at = Timestamp::from(SystemTime::now());
        let made = tokio::task::spawn_blocking(move || {
            let views = reports.iter().map(|report| (&report.olt, &*report.view));
            Survey::of(at, &plant, &owners, views, LISTED)
        });
        match made.await {
            Ok(survey) => {
                publish.send_replace(Arc::new(survey));
            }
            Err(error) => tracing::error!(%error, "comparing readings with the plant ended in an unexpected way"),
        }
        rest = LOOK_EVERY.max(began.elapsed().saturating_mul(REST));
    }
}
