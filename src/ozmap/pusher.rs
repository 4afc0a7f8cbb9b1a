//! The handle on the pusher's task, and the mailbox between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::desired::{Change, OltWishes};
use super::http::Client;
use super::ledger::Ledger;
use super::limit::StopSignal;
use super::snapshot::PushSnapshot;
use super::task::Task;
use super::task::shelf::Shelving;
use crate::config::maintenance::BoxWork;
use crate::config::{Ozmap, Pattern};
use crate::model::OltId;
use crate::store::journal::Origin;
use crate::store::{Journal, Shelf};

/// Approvals that wait at most: each is another pattern.
const MOST_APPROVALS: usize = 100;

/// A handle on the pusher. Clones lead to the same task. When the last one is dropped, the task ends.
#[derive(Clone)]
pub struct Pusher {
    mailbox: Arc<Mailbox>,
    snapshot: watch::Receiver<Arc<PushSnapshot>>,
    stop: watch::Sender<bool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Pusher {
    /// Starts the task. It ends, after the request in hand, when `shutdown` becomes true or its sender is gone, on
    /// [`Pusher::stop`], or with the last handle.
    #[must_use]
    pub fn spawn(client: &Client, config: &Ozmap, shutdown: watch::Receiver<bool>) -> Self {
        Self::spawn_journaled(client, config, None, shutdown)
    }

    /// As [`Pusher::spawn`], with a journal: nothing is written before it stands there, and what an earlier process left open
    /// is read back first.
    #[must_use]
    pub fn spawn_journaled(
        client: &Client,
        config: &Ozmap,
        journal: Option<Journal>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self::start(client, config, shutdown, |task| task.ledger = Ledger::new(journal, Origin::Push))
    }

    /// As [`Pusher::spawn_journaled`], for one that goes on after a restart: the directory is kept on `shelf`, and what was
    /// kept there is shown until the first read. Nothing is written by it.
    #[must_use]
    pub fn spawn_kept(
        client: &Client,
        config: &Ozmap,
        store: Option<(Journal, Shelf)>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (journal, shelf) = store.unzip();
        Self::start(client, config, shutdown, |task| {
            task.ledger = Ledger::new(journal, Origin::Push).going_on();
            if let Some(shelf) = shelf {
                task.shelving = Shelving::begin(shelf, client.host().to_owned());
            }
        })
    }

    /// Writes these changes and nothing else, under the same limits and with the same journal, whatever `mode` says. It has
    /// done so when nothing is pending and nothing unseen any more.
    #[must_use]
    pub fn spawn_to_put_back(
        client: &Client,
        config: &Ozmap,
        journal: Journal,
        changes: Vec<Change>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self::start(client, config, shutdown, |task| {
            task.ledger = Ledger::new(Some(journal), Origin::Revert);
            task.put_back(changes);
        })
    }

    pub(super) fn start(
        client: &Client,
        config: &Ozmap,
        shutdown: watch::Receiver<bool>,
        adjust: impl FnOnce(&mut Task),
    ) -> Self {
        let (stop, own) = watch::channel(false);
        let signal = StopSignal(vec![shutdown, own]);
        let mailbox = Arc::new(Mailbox::default());
        let mut task = Task::new(client, config, signal, mailbox.clone());
        adjust(&mut task);
        let (publish, snapshot) = watch::channel(Arc::new(task.snapshot()));
        let handle = tokio::spawn(task.run(publish));
        Self { mailbox, snapshot, stop, task: Arc::new(Mutex::new(Some(handle))) }
    }

    /// Lets through what the brake holds now on the OLTs that fit; on all of them for `None`. Never waits.
    pub fn approve(&self, olts: Option<Pattern>) {
        self.mailbox.order(|orders| {
            if orders.approvals.len() < MOST_APPROVALS && !orders.approvals.contains(&olts) {
                orders.approvals.push(olts);
            }
        });
    }

    /// Work that is under way on boxes, in place of what was before: their clients are left as they are. Never waits.
    pub fn maintain_boxes(&self, under_way: Vec<BoxWork>) {
        self.mailbox.order(|orders| orders.boxes = Some(under_way));
    }

    /// Ends the task at once, wherever it is, as a kill would.
    #[cfg(test)]
    pub(super) async fn kill(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    /// All ONUs of one OLT. Replaces what that OLT said before, whether it was looked at or not. Never waits.
    pub fn submit(&self, wishes: OltWishes) {
        self.mailbox.put(wishes.olt.clone(), Letter::Wishes(Arc::new(wishes)));
    }

    /// An OLT that is no longer monitored: its ONUs are no longer anybody's.
    pub fn forget(&self, olt: &OltId) {
        self.mailbox.put(olt.clone(), Letter::Forget);
    }

    /// How things stand.
    #[must_use]
    pub fn snapshot(&self) -> Arc<PushSnapshot> {
        self.snapshot.borrow().clone()
    }

    /// Comes back when there is a newer snapshot than the one that this receiver saw last.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<PushSnapshot>> {
        self.snapshot.clone()
    }

    /// Stops the task: the request in hand is finished, no other one begins. Comes back when the task has ended.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the pusher ended in an unexpected way");
        }
    }
}

/// What OLTs said last. Bounded by the number of OLTs.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    newest: Mutex<BTreeMap<OltId, Letter>>,
    orders: Mutex<Orders>,
    pub(super) arrived: Notify,
}

/// What people and the calendar ask for.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) approvals: Vec<Option<Pattern>>,
    pub(super) boxes: Option<Vec<BoxWork>>,
}

#[derive(Debug)]
pub(super) enum Letter {
    Wishes(Arc<OltWishes>),
    Forget,
}

impl Mailbox {
    fn put(&self, olt: OltId, letter: Letter) {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).insert(olt, letter);
        self.arrived.notify_one();
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner));
        self.arrived.notify_one();
    }

    pub(super) fn take_orders(&self) -> Orders {
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take(&self) -> BTreeMap<OltId, Letter> {
        std::mem::take(&mut *self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
