//! The pusher's reads: the whole directory every `full_read`, and what changed since between them.
//!
//! One read is under way at a time, so that what a read of changes is laid over is what it began with. What changed is an
//! optimisation: it says nothing of those that it does not name, and the whole read repairs what it missed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::{Before, Task};
use crate::model::Timestamp;
use crate::ozmap::directory::{Directory, ReadReport};
use crate::ozmap::error::{OzmapError, Remedy};
use crate::ozmap::http::Client;
use crate::ozmap::ids::ClientId;
use crate::ozmap::ledger::Sent;
use crate::ozmap::queue::Item;
use crate::ozmap::read::Heard;
use crate::ozmap::snapshot::ReadProgress;

/// A change may carry a time that is somewhat before the moment from which it can be read.
const OVERLAP: Duration = Duration::from_secs(60);

/// What a read brought.
pub(super) enum Brought {
    /// Everything, and how many changes the reads before it should have brought and did not.
    Whole(Directory, usize),
    /// The directory with what changed since this time, by OZmap's clock, and the clients that came.
    Renewed(Directory, Vec<ClientId>, Timestamp),
    /// So much changed that the whole is to be read.
    TooMuch,
    /// OZmap does not know the filter.
    Ignored,
}

pub(super) type Outcome = Result<Brought, OzmapError>;

/// A read under way.
pub(super) struct Reading {
    task: JoinHandle<()>,
    pub(super) result: oneshot::Receiver<Outcome>,
    /// What `result` gave; a receiver that closed without one is a reader that broke.
    pub(super) arrived: Option<Result<Outcome, oneshot::error::RecvError>>,
    pub(super) progress: watch::Receiver<ReadProgress>,
    whole: bool,
    began: Duration,
}

impl Reading {
    /// Of a read of the whole, how far it is.
    pub(super) fn progress(&self) -> Option<ReadProgress> {
        self.whole.then(|| *self.progress.borrow())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Nothing is lost with a read that nobody waits for.
        self.task.abort();
    }
}

/// Reads of what changed between two reads of the whole.
pub(super) struct Deltas {
    /// `None`: off, as configured, or because OZmap cannot do it.
    every: Option<Duration>,
    next: Duration,
    failures: u32,
    /// How long the read took that the next one follows: what changed meanwhile may not be in it.
    took: Duration,
    /// What changed before this time, by OZmap's clock, was heard of since the last read of the whole.
    heard_until: Option<Timestamp>,
    /// The last one was too much.
    too_much: bool,
}

impl Deltas {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every: Some(every).filter(|every| !every.is_zero()),
            next: Duration::ZERO,
            failures: 0,
            took: Duration::ZERO,
            heard_until: None,
            too_much: false,
        }
    }

    pub(super) const fn are_on(&self) -> bool {
        self.every.is_some()
    }
}

impl Task {
    /// When what changed is to be read, if it is.
    pub(super) fn next_delta(&self) -> Option<Duration> {
        (self.has_read() && self.deltas.are_on()).then_some(self.deltas.next)
    }

    pub(super) fn begin_read_when_due(&mut self) {
        let now = self.now();
        let wanted = !self.puts_back && self.begins_with_knowledge();
        if !wanted || self.reading.is_some() || self.halt.is_some() {
            return;
        }
        let whole = now >= self.next_read;
        if !whole && self.next_delta().is_none_or(|next| now < next) {
            return;
        }
        let (sender, progress) = watch::channel(ReadProgress { clients: 0, total: None });
        let (client, older) = (self.client.clone(), self.directory.clone());
        let (took, heard_until) = (self.deltas.took, self.deltas.heard_until);
        let (deliver, result) = oneshot::channel();
        let task = tokio::spawn(async move {
            let outcome = match older {
                Some(older) if !whole => read_changes(&client, older, took).await,
                older => {
                    let report = |clients, total| {
                        sender.send_replace(ReadProgress { clients, total });
                    };
                    match client.read_directory(report).await {
                        Ok(newer) => Some(Ok(count_missed(newer, older.zip(heard_until)).await)),
                        Err(error) => Some(Err(error)),
                    }
                }
            };
            // Nobody waits for it any more when the pusher stops.
            if let Some(outcome) = outcome {
                let _ = deliver.send(outcome);
            }
        });
        self.reading = Some(Reading { task, result, arrived: None, progress, whole, began: now });
    }

    pub(super) fn take_read(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        let (began, whole) = (reading.began, reading.whole);
        let arrived = match reading.arrived.take() {
            Some(arrived) => arrived,
            None => match reading.result.try_recv() {
                Ok(result) => Ok(result),
                Err(oneshot::error::TryRecvError::Empty) => return,
                Err(oneshot::error::TryRecvError::Closed) => return self.read_broke(whole),
            },
        };
        self.reading = None;
        match arrived {
            Ok(Ok(Brought::Whole(directory, missed))) => self.use_directory(directory, missed, began),
            Ok(Ok(Brought::Renewed(directory, touched, since))) => self.use_changes(directory, touched, since, began),
            Ok(Ok(Brought::TooMuch)) => self.heard_too_much(),
            Ok(Ok(Brought::Ignored)) => {
                tracing::warn!(
                    "OZmap does not filter by `updatedAt`: what changes is read with the whole directory only"
                );
                self.deltas.every = None;
            }
            Ok(Err(OzmapError::Stopping)) => {}
            Ok(Err(error)) => self.read_failed(&error, whole),
            Err(_) => self.read_broke(whole),
        }
    }

    fn read_failed(&mut self, error: &OzmapError, whole: bool) {
        let failures = if whole { &mut self.read_failures } else { &mut self.deltas.failures };
        *failures = failures.saturating_add(1);
        let failures = *failures;
        let wait = match error.remedy() {
            Remedy::RetryAfter(wait) => wait,
            _ => self.client.timing().backoff(failures),
        };
        if whole {
            self.next_read = self.now() + wait;
            tracing::warn!(%error, failures, "the directory of OZmap could not be read");
        } else {
            self.deltas.next = self.now() + wait.max(self.deltas.every.unwrap_or_default());
            tracing::warn!(%error, failures, "what changed in OZmap could not be read");
        }
        if error.remedy() == Remedy::StopWriting {
            self.halt(error);
        }
        self.note(error);
    }

    fn read_broke(&mut self, whole: bool) {
        self.reading = None;
        if whole {
            self.read_failures += 1;
            self.next_read = self.now() + self.client.timing().ceiling(self.read_failures);
        } else {
            self.deltas.every = None;
        }
        tracing::error!(whole, "the reader of the directory ended in an unexpected way");
    }

    /// Once, the whole is read at once; if it is too much again, it waits for its time, so that a clock of OZmap that is
    /// far off does not lead to one read of the whole after another.
    fn heard_too_much(&mut self) {
        let again = std::mem::replace(&mut self.deltas.too_much, true);
        tracing::info!(again, "much has changed in OZmap: the whole directory is read");
        if again {
            self.deltas.next = self.next_read;
        } else {
            self.next_read = self.now();
        }
    }

    fn plan_delta(&mut self, began: Duration) {
        self.deltas.failures = 0;
        self.deltas.took = self.now().saturating_sub(began);
        self.deltas.next = self.now() + self.deltas.every.unwrap_or_default();
    }

    fn use_directory(&mut self, directory: Directory, missed: usize, began: Duration) {
        let report = *directory.report();
        tracing::info!(clients = directory.len(), pages = report.pages, "the directory of OZmap was read");
        if report != (ReadReport { pages: report.pages, passes: 1, ..ReadReport::default() }) {
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
        if missed > 0 && self.deltas.every.take().is_some() {
            tracing::warn!(
                clients = missed,
                "reads of what changed in OZmap missed some of it: changes are read with the whole directory only"
            );
        }
        let directory = Arc::new(directory);
        let older = self.directory.replace(directory.clone());
        // What was kept of another process is no read: nobody's change can be told by it.
        let older = older.filter(|older| !older.is_kept());
        let written = self.shown.clone();
        let recalled = self.gates.foreign.take_recalled();
        // Several reads may pass before the next plan: what the first of them is compared with counts.
        match &mut self.before {
            Some(before) => {
                before.recalled.extend(recalled);
                before.only = None;
            }
            None => {
                self.before = Some(Before { directory: older, written, recalled, unsure: BTreeSet::new(), only: None });
            }
        }
        let unsure = self.unsure_since(began);
        if let Some(before) = &mut self.before {
            before.unsure.extend(unsure);
        }
        self.shelving.keep(&directory);
        self.read_failures = 0;
        self.next_read = self.now() + self.config.full_read;
        self.deltas.heard_until = None;
        self.plan_delta(began);
        // What was written while the pages were read may not be in them; what was written before, is.
        self.shown_at.retain(|_, at| *at >= began);
        let shown = Arc::make_mut(&mut self.shown);
        shown.statuses.retain(|client, _| self.shown_at.contains_key(&Item::Client(*client)));
        shown.powers.retain(|property, _| self.shown_at.contains_key(&Item::Property(*property)));
        self.queue.forget_troubles();
        self.settle_sent_before(began, &directory, |_| true);
        self.dirty = true;
    }

    /// Lays over what changed. It says nothing of those that it did not bring: what we wrote to them stays shown. So does the
    /// power of every house, as a client may come without its house.
    fn use_changes(&mut self, directory: Directory, touched: Vec<ClientId>, since: Timestamp, began: Duration) {
        self.plan_delta(began);
        self.deltas.too_much = false;
        self.deltas.heard_until = Some(since);
        let directory = Arc::new(directory);
        let Some(older) = self.directory.replace(directory.clone()) else { return };
        // Many come again and again, as each read begins somewhat before the end of the last one.
        let is_new = |client: &ClientId| {
            self.shown.statuses.contains_key(client)
                || self.ledger.unseen().contains_key(client)
                || older.client(*client) != directory.client(*client)
        };
        let touched: BTreeSet<ClientId> = touched.into_iter().filter(is_new).collect();
        if touched.is_empty() {
            return;
        }
        tracing::debug!(clients = touched.len(), "changes in OZmap were read");
        let (written, unsure) = (self.shown.clone(), self.unsure_since(began));
        let before = self.before.get_or_insert_with(|| Before {
            directory: Some(older),
            written,
            recalled: super::Recalled::default(),
            unsure: BTreeSet::new(),
            only: Some(BTreeSet::new()),
        });
        before.unsure.extend(unsure);
        if let Some(only) = &mut before.only {
            only.extend(&touched);
        }
        let shown = Arc::make_mut(&mut self.shown);
        for client in &touched {
            let item = Item::Client(*client);
            // As above: what was written before the read is in it.
            if self.shown_at.get(&item).is_some_and(|at| *at < began) {
                self.shown_at.remove(&item);
                shown.statuses.remove(client);
            }
        }
        self.settle_sent_before(began, &directory, |client| touched.contains(&client));
        self.dirty = true;
    }

    /// Of these a read that began then does not tell whether others changed them: what came of a write of ours is not known, or we
    /// wrote while it was under way, and it may show them as they were before.
    fn unsure_since(&self, began: Duration) -> Vec<ClientId> {
        let meanwhile = self.shown_at.iter().filter_map(|(item, at)| match item {
            Item::Client(client) if *at >= began => Some(*client),
            _ => None,
        });
        self.ledger.unseen().keys().copied().chain(meanwhile).collect()
    }

    /// Whatever was sent before the read began is seen now.
    fn settle_sent_before(&mut self, began: Duration, directory: &Directory, was_read: impl Fn(ClientId) -> bool) {
        let sent = |sent: Sent| match sent {
            Sent::Taken(at) | Sent::Perhaps(at) => at,
        };
        let unseen = self.ledger.unseen().iter();
        let seen = unseen.filter(|(client, unseen)| was_read(**client) && sent(unseen.sent) < began);
        let seen: Vec<ClientId> = seen.map(|(client, _)| *client).collect();
        for client in seen {
            self.settle(client, directory.client(client).map(|client| client.status));
        }
    }
}

/// Reads what changed since the newest that is known, and some more, and lays it over. `None`: the reader broke.
async fn read_changes(client: &Client, older: Arc<Directory>, took: Duration) -> Option<Outcome> {
    let known = older.clone();
    // Every client is looked at, which takes long where there are a million.
    let newest = tokio::task::spawn_blocking(move || known.newest_change(known.renewed_at())).await.ok()?;
    let back = u64::try_from((OVERLAP + took).as_millis()).unwrap_or(u64::MAX);
    let since = Timestamp::from_millis(newest.millis().saturating_sub(back));
    let changes = match client.read_changes(since).await {
        Ok(Heard::Changes(changes)) => changes,
        Ok(Heard::TooMuch) => return Some(Ok(Brought::TooMuch)),
        Ok(Heard::FilterIgnored) => return Some(Ok(Brought::Ignored)),
        Err(error) => return Some(Err(error)),
    };
    let renewed = tokio::task::spawn_blocking(move || older.renewed_with(changes)).await;
    renewed.ok().map(|(directory, touched)| Ok(Brought::Renewed(directory, touched, since)))
}

/// A whole read, with what the reads of changes since the one before did not bring.
async fn count_missed(newer: Directory, before: Option<(Arc<Directory>, Timestamp)>) -> Brought {
    let Some((older, until)) = before else { return Brought::Whole(newer, 0) };
    let read = newer.clone();
    let missed = tokio::task::spawn_blocking(move || older.missed(&read, until)).await;
    Brought::Whole(newer, missed.unwrap_or(0))
}
