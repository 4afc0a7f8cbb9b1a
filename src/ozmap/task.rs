//! The pusher: the one task that owns the directory and what clients should show.
//!
//! ```text
//!  daemon ──submit(OltWishes)──► mailbox ──────┐   newest per OLT replaces the older one; never blocks
//!  daemon ──shutdown (watch)──────────────────┐│
//!                                             ▼▼
//!   reader task ──Directory (oneshot)──────► pusher ──PATCH, batch, read back──► OZmap
//!        ▲ └─────progress (watch)─────────────┘ │ │
//!        └──────spawned every full_read─────────┘ └──PushSnapshot (watch)──► http, cli
//! ```
//!
//! One write is in flight at a time, and one page of a read. A write is tried once and goes back to the queue when it
//! fails, so that by the next try a newer verdict may have taken its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

mod writes;

use super::brake::{Brake, Braked, OltAtHand};
use super::desired::{Candidate, Change, OltWishes, Shown, candidates, plan, plan_powers};
use super::directory::Directory;
use super::error::{OzmapError, Remedy};
use super::http::Client;
use super::ids::{ClientId, Status};
use super::limit::StopSignal;
use super::matching::{Matches, match_onus};
use super::pusher::{Letter, Mailbox};
use super::queue::{Item, Next, Operation, Queue};
use super::snapshot::{DirectoryView, Halted, LISTED, LastError, MatchView, PushSnapshot, ReadProgress, Written};
use crate::config::{Ozmap, OzmapMode};
use crate::model::{OltId, Timestamp};

/// Planning may take this part of the time: after one that took a second, the next one waits four.
const PLANNING_PAUSE: u32 = 4;

/// Failures of single items in a row before the host as a whole gets a rest.
const STREAK: u32 = 3;

/// A read of the directory under way.
struct Reading {
    task: JoinHandle<()>,
    result: oneshot::Receiver<Result<Directory, OzmapError>>,
    /// What `result` gave; a receiver that closed without one is a reader that broke.
    arrived: Option<Result<Result<Directory, OzmapError>, oneshot::error::RecvError>>,
    progress: watch::Receiver<ReadProgress>,
    began: Duration,
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Nothing is lost with a read that nobody waits for.
        self.task.abort();
    }
}

/// Writing is stopped until a check of the token succeeds.
struct Halt {
    since: Timestamp,
    why: String,
    next_check: Duration,
}

pub(super) struct Task {
    client: Client,
    config: Ozmap,
    stop: StopSignal,
    mailbox: Arc<Mailbox>,
    start: Instant,

    olts: BTreeMap<OltId, Arc<OltWishes>>,
    directory: Option<Arc<Directory>>,
    reading: Option<Reading>,
    next_read: Duration,
    read_failures: u32,

    shown: Arc<Shown>,
    /// When each of `shown` was written, so that a read that began later takes over.
    shown_at: HashMap<Item, Duration>,
    queue: Queue,
    brake: Brake,
    braked: Vec<Braked>,
    dirty: bool,
    next_plan: Duration,
    announced: HashMap<ClientId, Status>,

    /// Failures in a row, of whichever item.
    streak: u32,
    rest_until: Duration,
    halt: Option<Halt>,
    /// Refusals of the token without a write that succeeded between them.
    denials: u32,

    matching: MatchView,
    written: Written,
    last_error: Option<LastError>,
}

/// What the loop does next.
enum Step {
    Check,
    Write(Operation),
    Wait(Option<Duration>),
}

fn now_utc() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

impl Task {
    pub(super) fn new(client: &Client, config: &Ozmap, stop: StopSignal, mailbox: Arc<Mailbox>) -> Self {
        Self {
            client: client.until(stop.clone()),
            queue: Queue::new(config.batch_above, config.batch_size),
            brake: Brake::new(config.brake),
            braked: Vec::new(),
            config: config.clone(),
            stop,
            mailbox,
            start: Instant::now(),
            olts: BTreeMap::new(),
            directory: None,
            reading: None,
            next_read: Duration::ZERO,
            read_failures: 0,
            shown: Arc::default(),
            shown_at: HashMap::new(),
            dirty: false,
            next_plan: Duration::ZERO,
            announced: HashMap::new(),
            streak: 0,
            rest_until: Duration::ZERO,
            halt: None,
            denials: 0,
            matching: MatchView::default(),
            written: Written::default(),
            last_error: None,
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) async fn run(mut self, publish: watch::Sender<Arc<PushSnapshot>>) {
        let mode = mode_word(self.config.mode);
        tracing::info!(host = self.client.host(), mode, "pushing to OZmap begins");
        while !self.stop.given() {
            self.take_letters();
            self.take_directory();
            self.begin_read_when_due();
            self.replan_when_due().await;
            publish.send_replace(Arc::new(self.snapshot()));
            match self.next_step() {
                Step::Check => self.check().await,
                Step::Write(operation) => self.perform(operation).await,
                Step::Wait(until) => self.wait(until).await,
            }
        }
        self.reading = None;
        publish.send_replace(Arc::new(self.snapshot()));
        tracing::info!(pending = self.queue.changes().len(), "pushing to OZmap has stopped");
    }

    async fn wait(&mut self, until: Option<Duration>) {
        let wake = async {
            match until {
                Some(time) => tokio::time::sleep_until(self.start + time).await,
                None => std::future::pending().await,
            }
        };
        let read = async {
            match &mut self.reading {
                Some(reading) => tokio::select! {
                    result = &mut reading.result => reading.arrived = Some(result),
                    Ok(()) = reading.progress.changed() => {}
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.wait() => {}
            () = self.mailbox.arrived.notified() => {}
            () = read => {}
            () = wake => {}
        }
    }

    fn take_letters(&mut self) {
        for (olt, letter) in self.mailbox.take() {
            match letter {
                Letter::Forget => self.dirty |= self.olts.remove(&olt).is_some(),
                Letter::Wishes(wishes) => {
                    // Another look may be what the brake waits for.
                    let awaited = self.braked.iter().any(|braked| braked.olt == olt);
                    let old = self.olts.insert(olt, wishes.clone());
                    self.dirty |= old.is_none_or(|old| {
                        !same(&old, &wishes, self.config.write_power) || (awaited && old.looks != wishes.looks)
                    });
                }
            }
        }
    }

    fn begin_read_when_due(&mut self) {
        let now = self.now();
        if self.reading.is_some() || self.halt.is_some() || now < self.next_read {
            return;
        }
        let (sender, progress) = watch::channel(ReadProgress { clients: 0, total: None });
        let client = self.client.clone();
        let (deliver, result) = oneshot::channel();
        let task = tokio::spawn(async move {
            let report = |clients, total| {
                sender.send_replace(ReadProgress { clients, total });
            };
            // Nobody waits for it any more when the pusher stops.
            let _ = deliver.send(client.read_directory(report).await);
        });
        self.reading = Some(Reading { task, result, arrived: None, progress, began: now });
    }

    fn take_directory(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        let began = reading.began;
        let arrived = match reading.arrived.take() {
            Some(arrived) => arrived,
            None => match reading.result.try_recv() {
                Ok(result) => Ok(result),
                Err(oneshot::error::TryRecvError::Empty) => return,
                Err(oneshot::error::TryRecvError::Closed) => return self.read_broke(),
            },
        };
        self.reading = None;
        match arrived {
            Ok(Ok(directory)) => self.use_directory(directory, began),
            Ok(Err(OzmapError::Stopping)) => {}
            Ok(Err(error)) => {
                self.read_failures += 1;
                let wait = match error.remedy() {
                    Remedy::RetryAfter(wait) => wait,
                    _ => self.client.timing().backoff(self.read_failures),
                };
                self.next_read = self.now() + wait;
                tracing::warn!(%error, failures = self.read_failures, "the directory of OZmap could not be read");
                if error.remedy() == Remedy::StopWriting {
                    self.halt(&error);
                }
                self.note(&error);
            }
            Err(_) => self.read_broke(),
        }
    }

    fn read_broke(&mut self) {
        self.reading = None;
        self.read_failures += 1;
        self.next_read = self.now() + self.client.timing().ceiling(self.read_failures);
        tracing::error!("the reader of the directory ended in an unexpected way");
    }

    fn use_directory(&mut self, directory: Directory, began: Duration) {
        let report = *directory.report();
        tracing::info!(clients = directory.len(), pages = report.pages, "the directory of OZmap was read");
        if report != (super::ReadReport { pages: report.pages, passes: 1, ..super::ReadReport::default() }) {
            tracing::warn!(
                repeated = report.repeated,
                without_client = report.without_client,
                unreadable = report.unreadable,
                missing = report.missing,
                foreign_links = report.foreign_links,
                passes = report.passes,
                "the list of OZmap's properties was not as it should be"
            );
        }
        self.directory = Some(Arc::new(directory));
        self.read_failures = 0;
        self.next_read = self.now() + self.config.full_read;
        // What was written while the pages were read may not be in them; what was written before, is.
        self.shown_at.retain(|_, at| *at >= began);
        let shown = Arc::make_mut(&mut self.shown);
        shown.statuses.retain(|client, _| self.shown_at.contains_key(&Item::Client(*client)));
        shown.powers.retain(|property, _| self.shown_at.contains_key(&Item::Property(*property)));
        self.queue.forget_troubles();
        self.dirty = true;
    }

    async fn replan_when_due(&mut self) {
        let Some(directory) = self.directory.clone() else { return };
        if !self.dirty || self.now() < self.next_plan {
            return;
        }
        self.dirty = false;
        let olts: Vec<Arc<OltWishes>> = self.olts.values().cloned().collect();
        let (shown, order) = (self.shown.clone(), self.config.match_by.clone());
        let (pattern, write_power) = (self.config.code_pattern.clone(), self.config.write_power);
        let began = self.now();
        // Large fleets take long enough to hold up other tasks of this thread.
        let planned = tokio::task::spawn_blocking(move || {
            let onus = candidates(&olts);
            let matches = match_onus(&onus, &directory, &order, pattern.as_ref());
            let changes = plan(&onus, &matches, &directory, &shown);
            let powers = if write_power { plan_powers(&onus, &matches, &directory, &shown) } else { Vec::new() };
            (changes, powers, MatchView::new(&onus, &matches, &directory, LISTED), at_hand(&olts, &onus, &matches))
        })
        .await;
        let took = self.now().saturating_sub(began);
        self.next_plan = self.now() + took * PLANNING_PAUSE;
        match planned {
            Ok((changes, powers, matching, at_hand)) => {
                self.matching = matching;
                let (changes, braked) = self.brake.divide(changes, &at_hand, now_utc());
                self.tell_braked(braked);
                self.announce(&changes);
                self.queue.replace(changes, powers);
            }
            Err(error) => tracing::error!(%error, "planning ended in an unexpected way"),
        }
    }

    /// Says once for each OLT that its ERRORs are held, and that they are no longer.
    fn tell_braked(&mut self, braked: Vec<Braked>) {
        for one in &braked {
            if !self.braked.iter().any(|before| before.olt == one.olt) {
                tracing::warn!(olt = %one.olt, clients = one.clients, of = one.of,
                    "many clients would turn to ERROR at once: they are held until a second sweep says the same");
            }
        }
        for before in &self.braked {
            if !braked.iter().any(|one| one.olt == before.olt) {
                tracing::warn!(olt = %before.olt, "the brake is released");
            }
        }
        self.braked = braked;
    }

    /// Says what is new in a plan, once.
    fn announce(&mut self, changes: &[Change]) {
        let new: Vec<&Change> =
            changes.iter().filter(|change| self.announced.get(&change.client) != Some(&change.to)).collect();
        if !new.is_empty() {
            let errors = new.iter().filter(|change| change.to == Status::Error).count();
            let oks = new.len() - errors;
            if self.config.mode == OzmapMode::DryRun {
                self.written.would_write += u64::try_from(new.len()).unwrap_or(u64::MAX);
                tracing::info!(errors, oks, "dry run: statuses would be written");
            } else {
                tracing::info!(errors, oks, "statuses are to be written");
            }
            for change in new {
                tracing::debug!(client = %change.client, code = change.code.as_deref(), onu = %change.onu,
                    to = %change.to, reason = %change.reason, "planned");
            }
        }
        self.announced = changes.iter().map(|change| (change.client, change.to)).collect();
    }

    fn next_step(&self) -> Step {
        let now = self.now();
        let mut wake = Vec::new();
        if let Some(halt) = &self.halt {
            if now >= halt.next_check {
                return Step::Check;
            }
            wake.push(halt.next_check);
        } else {
            if self.reading.is_none() {
                wake.push(self.next_read);
            }
            if self.config.mode == OzmapMode::Write && self.directory.is_some() {
                // A closed gate is waited for here rather than in a request, whose status would grow old meanwhile.
                let rest = self.rest_until.max(now + self.client.closed_for());
                if rest > now {
                    wake.push(rest);
                } else {
                    match self.queue.next(now) {
                        Next::Write(operation) => return Step::Write(operation),
                        Next::Wait(until) => wake.push(until),
                        Next::Idle => {}
                    }
                }
            }
        }
        if self.dirty && self.directory.is_some() {
            wake.push(self.next_plan);
        }
        Step::Wait(wake.into_iter().min())
    }

    pub(super) fn snapshot(&self) -> PushSnapshot {
        let now = self.now();
        let at = now_utc();
        let rest = self.rest_until.max(now + self.client.closed_for()).saturating_sub(now);
        PushSnapshot {
            at,
            mode: mode_word(self.config.mode),
            host: self.client.host().to_owned(),
            directory: self.directory.as_ref().map(|directory| DirectoryView {
                clients: directory.len(),
                read_at: directory.read_at(),
                report: *directory.report(),
            }),
            reading: self.reading.as_ref().map(|reading| *reading.progress.borrow()),
            olts: self.olts.len(),
            complete_olts: self.olts.values().filter(|olt| olt.complete).count(),
            matching: self.matching.clone(),
            held: self.braked.iter().map(|braked| braked.clients).sum(),
            braked: self.braked.iter().map(|braked| braked.listed(LISTED)).collect(),
            pending: self.queue.changes().len(),
            pending_changes: self.queue.changes().iter().take(LISTED).cloned().collect(),
            pending_powers: self.queue.powers(),
            aside: self.queue.aside(),
            written: self.written.clone(),
            requests: self.client.requests(),
            last_error: self.last_error.clone(),
            halted: self.halt.as_ref().map(|halt| Halted { since: halt.since, why: halt.why.clone() }),
            resting_until: (rest > Duration::ZERO).then(|| at + rest),
        }
    }
}

const fn mode_word(mode: OzmapMode) -> &'static str {
    match mode {
        OzmapMode::DryRun => "dry-run",
        OzmapMode::Write => "write",
    }
}

/// What the brake has to know of each OLT.
fn at_hand(olts: &[Arc<OltWishes>], onus: &[Candidate<'_>], matches: &Matches) -> BTreeMap<OltId, OltAtHand> {
    let one = |olt: &Arc<OltWishes>| (olt.olt.clone(), OltAtHand { looks: olt.looks, matched: 0 });
    let mut at_hand: BTreeMap<OltId, OltAtHand> = olts.iter().map(one).collect();
    for onu in matches.matched.iter().filter_map(|one| onus.get(one.onu)) {
        if let Some(olt) = at_hand.get_mut(&onu.wish.identity.onu.olt) {
            olt.matched += 1;
        }
    }
    at_hand
}

/// Whether two wishes of an OLT lead to the same plan.
fn same(old: &OltWishes, new: &OltWishes, with_power: bool) -> bool {
    old.complete == new.complete
        && old.wishes.len() == new.wishes.len()
        && old.wishes.iter().zip(&new.wishes).all(|(old, new)| {
            old.verdict == new.verdict && old.identity == new.identity && (!with_power || old.rx == new.rx)
        })
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
