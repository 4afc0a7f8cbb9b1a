//! The handle on the pusher's task, and the mailbox between them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::desired::OltWishes;
use super::http::Client;
use super::limit::StopSignal;
use super::snapshot::PushSnapshot;
use super::task::Task;
use crate::config::Ozmap;
use crate::model::OltId;

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
        let (stop, own) = watch::channel(false);
        let signal = StopSignal(vec![shutdown, own]);
        let mailbox = Arc::new(Mailbox::default());
        let task = Task::new(client, config, signal, mailbox.clone());
        let (publish, snapshot) = watch::channel(Arc::new(task.snapshot()));
        let handle = tokio::spawn(task.run(publish));
        Self { mailbox, snapshot, stop, task: Arc::new(Mutex::new(Some(handle))) }
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
    pub(super) arrived: Notify,
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

    pub(super) fn take(&self) -> BTreeMap<OltId, Letter> {
        std::mem::take(&mut *self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
