//! The task that imports the plant beside everything else, and the same for one who waits for it.
//!
//! ```text
//!  Pusher ──PushSnapshot (watch): the directory──► Task ──PlantSnapshot (watch)──► Board ──► incident, http
//!                                                  │ ▲
//!                        store (rows, both ways) ◄─┘ └── a few requests on their way, each in a task of its own
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::importer::{Answered, Ask, Importer, Step};
use super::snapshot::PlantSnapshot;
use crate::config::{Ozmap, PlantRule};
use crate::model::Timestamp;
use crate::ozmap::directory::Directory;
use crate::ozmap::error::{OzmapError, Remedy};
use crate::ozmap::http::Client;
use crate::ozmap::limit::StopSignal;
use crate::ozmap::snapshot::{LastError, PushSnapshot};
use crate::store::{PlantRow, Store};

/// How long nothing is asked after a failure; doubles with each further one. A call has tried several times before.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);

/// How often it is looked whether something has grown old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Once all is known, one request follows another no sooner than this share of the refresh, divided by how many it took.
const REFRESH_WITHIN: u32 = 8;
const LONGEST_GAP: Duration = Duration::from_secs(60);

fn now_utc() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The task that imports. When this is dropped, the task goes on until `shutdown`.
#[derive(Debug)]
pub struct PlantImport {
    snapshot: watch::Receiver<Arc<PlantSnapshot>>,
    task: JoinHandle<()>,
}

impl PlantImport {
    /// Starts the task. It ends when `shutdown` becomes true, or when one of the senders is gone; requests on their way are dropped then,
    /// which costs nothing, as they only read.
    #[must_use]
    pub fn spawn(
        client: &Client,
        rule: PlantRule,
        push: watch::Receiver<Arc<PushSnapshot>>,
        store: Option<Arc<Store>>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (publish, snapshot) = watch::channel(Arc::new(PlantSnapshot::empty(now_utc())));
        let client = client.until(StopSignal(vec![shutdown.clone()]));
        let work = Work::new(client, rule);
        let task = tokio::spawn(run(work, push, store, shutdown, publish));
        Self { snapshot, task }
    }

    /// What is known.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<PlantSnapshot>> {
        self.snapshot.clone()
    }

    /// Waits for the end of the task.
    pub async fn ended(self) {
        // It can only fail by a panic, which has told of itself.
        let _ = self.task.await;
    }
}

type Answer = (Ask, Result<Answered, OzmapError>);

/// What both ways of importing have.
struct Work {
    client: Client,
    rule: PlantRule,
    /// `None` while it is lent to a thread that may block.
    importer: Option<Importer>,
    asking: JoinSet<Answer>,
    last_error: Option<LastError>,
}

impl Work {
    fn new(client: Client, rule: PlantRule) -> Self {
        Self { client, importer: Some(Importer::new(rule.refresh)), rule, asking: JoinSet::new(), last_error: None }
    }

    fn ask(&mut self, ask: Ask) {
        let client = self.client.clone();
        self.asking.spawn(async move {
            let answered = match &ask {
                Ask::List(list) => client.read_elements(*list).await.map(|(rows, pages)| Answered::Rows(rows, pages)),
                Ask::Rows(list, ids) => client.read_rows(*list, ids).await.map(|rows| Answered::Rows(rows, 1)),
                Ask::Trace(_, segment) => client.read_trace(segment).await.map(Answered::Traced),
            };
            (ask, answered)
        });
    }

    /// Takes an answer; what went wrong in a way that may pass.
    fn take(&mut self, (ask, answered): Answer) -> Option<OzmapError> {
        let importer = self.importer.as_mut()?;
        match answered {
            Ok(answered) => {
                importer.answer(&ask, answered, now_utc());
                None
            }
            Err(error) => {
                if matches!(error, OzmapError::Stopping) {
                    return Some(error);
                }
                if importer.fail(&ask, &error, now_utc()) {
                    tracing::debug!(%error, "OZmap does not give this part of its plant");
                    return None;
                }
                tracing::warn!(%error, "the plant of OZmap could not be read on");
                self.last_error = Some(LastError { at: now_utc(), message: error.to_string() });
                Some(error)
            }
        }
    }

    /// Shows how far it is. Nobody is woken for that.
    fn show_progress(&self, publish: &watch::Sender<Arc<PlantSnapshot>>) {
        let Some(importer) = &self.importer else { return };
        publish.send_if_modified(|snapshot| {
            let (requests, left) = (importer.requests(), importer.left());
            if snapshot.requests_left != left || snapshot.requests != *requests {
                let snapshot = Arc::make_mut(snapshot);
                snapshot.requests.clone_from(requests);
                snapshot.requests_left = left;
            }
            false
        });
    }

    /// Works out routes and graph in a thread that may block. `None` when that ended by mistake; everything is known anew then.
    async fn settle(&mut self, recalled: Option<Vec<PlantRow>>) -> Option<Arc<PlantSnapshot>> {
        let mut importer = self.importer.take()?;
        let settled = tokio::task::spawn_blocking(move || {
            if let Some(rows) = recalled {
                importer.recall(rows);
                return (importer, None);
            }
            let now = now_utc();
            importer.settle(now);
            let snapshot = importer.snapshot(now);
            (importer, Some(snapshot))
        })
        .await;
        match settled {
            Ok((importer, snapshot)) => {
                self.importer = Some(importer);
                let last_error = self.last_error.clone();
                snapshot.map(|snapshot| Arc::new(PlantSnapshot { last_error, ..snapshot }))
            }
            Err(error) => {
                tracing::error!(%error, "working out the plant ended in an unexpected way: it is read anew");
                self.importer = Some(Importer::new(self.rule.refresh));
                None
            }
        }
    }
}

async fn run(
    mut work: Work,
    mut push: watch::Receiver<Arc<PushSnapshot>>,
    store: Option<Arc<Store>>,
    mut shutdown: watch::Receiver<bool>,
    publish: watch::Sender<Arc<PlantSnapshot>>,
) {
    if let Some(store) = store.clone() {
        match tokio::task::spawn_blocking(move || store.plant_rows()).await {
            Ok(Ok(rows)) => {
                work.settle(Some(rows)).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "what was known of the plant cannot be read: it is asked for anew")
            }
            Err(_) => tracing::error!("reading what was known of the plant ended in an unexpected way"),
        }
    }
    let mut read_at = None;
    let mut failures = 0_u32;
    let mut next_ask = tokio::time::Instant::now();
    let mut gap = Duration::ZERO;
    let mut asks = 0_u32;
    while !*shutdown.borrow() {
        let directory = push.borrow_and_update().directory.clone();
        if let (Some(view), Some(importer)) = (directory, work.importer.as_mut())
            && read_at != Some(view.read_at)
            && let Some(all) = view.all
        {
            read_at = Some(view.read_at);
            importer.set_directory(all);
        }
        let mut settle = false;
        while work.asking.len() < work.rule.in_flight && tokio::time::Instant::now() >= next_ask && !settle {
            match work.importer.as_mut().map(|importer| importer.next(now_utc())) {
                Some(Step::Ask(ask)) => {
                    asks = asks.saturating_add(1);
                    work.ask(ask);
                    next_ask = next_ask.max(tokio::time::Instant::now() + gap);
                }
                Some(Step::Settle) => settle = true,
                Some(Step::Wait) | None => break,
            }
        }
        if let (Some(importer), Some(store)) = (work.importer.as_mut(), &store) {
            let kept = importer.take_kept();
            if !kept.is_empty() {
                store.keeper().plant(kept);
            }
        }
        if settle {
            if let Some(snapshot) = work.settle(None).await {
                tracing::info!(
                    clients = snapshot.clients,
                    routes = snapshot.routes,
                    source = snapshot.source.word(),
                    "the plant was worked out"
                );
                publish.send_replace(snapshot);
            }
            continue;
        }
        work.show_progress(&publish);
        if gap.is_zero() && work.importer.as_ref().is_some_and(Importer::is_idle) {
            gap = (work.rule.refresh / REFRESH_WITHIN / asks.max(1)).min(LONGEST_GAP);
        }
        let now = tokio::time::Instant::now();
        // Where it was time to ask, there was nothing to be asked, or no room for it: something has to come first.
        let wake = if next_ask > now { next_ask.min(now + LOOK_EVERY) } else { now + LOOK_EVERY };
        tokio::select! {
            stopped = shutdown.changed() => if stopped.is_err() { break },
            changed = push.changed() => if changed.is_err() { break },
            Some(joined) = work.asking.join_next() => match joined {
                Ok(answer) => match work.take(answer) {
                    None => failures = 0,
                    Some(OzmapError::Stopping) => break,
                    Some(error) => {
                        failures += 1;
                        let rest = FIRST_REST.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_REST);
                        let rest = match error.remedy() {
                            Remedy::RetryAfter(told) => rest.max(told),
                            _ => rest,
                        };
                        next_ask = tokio::time::Instant::now() + rest;
                        publish.send_modify(|snapshot| Arc::make_mut(snapshot).last_error.clone_from(&work.last_error));
                    }
                },
                Err(error) => {
                    tracing::error!(%error, "a request of the plant's import ended in an unexpected way: it is read anew");
                    work.importer = Some(Importer::new(work.rule.refresh));
                    read_at = None;
                }
            },
            () = tokio::time::sleep_until(wake) => {}
        }
    }
    if let (Some(importer), Some(store)) = (work.importer.as_mut(), &store) {
        store.keeper().plant(importer.take_kept());
    }
}

/// Imports once, for one who waits: until everything is known that can be. `known` is what the store kept; `progress` hears how many
/// requests were made and how many more are known to be needed.
///
/// # Errors
/// What OZmap does not give, unless routes can be had without it.
pub async fn import_once(
    client: &Client,
    config: &Ozmap,
    directory: Arc<Directory>,
    known: Vec<PlantRow>,
    mut progress: impl FnMut(usize, usize),
) -> Result<Arc<PlantSnapshot>, OzmapError> {
    let mut work = Work::new(client.clone(), config.plant);
    work.settle(Some(known)).await;
    if let Some(importer) = work.importer.as_mut() {
        importer.set_directory(directory);
    }
    let mut newest = Arc::new(PlantSnapshot::empty(now_utc()));
    loop {
        let mut settle = false;
        while work.asking.len() < config.plant.in_flight && !settle {
            match work.importer.as_mut().map(|importer| importer.next(now_utc())) {
                Some(Step::Ask(ask)) => work.ask(ask),
                Some(Step::Settle) => settle = true,
                Some(Step::Wait) | None => break,
            }
        }
        if let Some(importer) = &mut work.importer {
            // Only the daemon writes the store.
            drop(importer.take_kept());
            let (done, of) = importer.progress();
            progress(done, of);
        }
        if settle {
            if let Some(snapshot) = work.settle(None).await {
                newest = snapshot;
            }
            continue;
        }
        match work.asking.join_next().await {
            Some(Ok(answer)) => {
                if let Some(error) = work.take(answer) {
                    return Err(error);
                }
            }
            Some(Err(_)) => return Err(OzmapError::Stopping),
            None => return Ok(newest),
        }
    }
}
