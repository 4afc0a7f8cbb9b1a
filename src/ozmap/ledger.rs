//! What the pusher has begun to write and has not seen yet, and the journal in which it stands.
//!
//! A write is: its intent in the journal, the request, reading back, the ending in the journal. Between any two of them the
//! process may be killed; what is then without an ending is read back first by the next one. Without a database there is no
//! journal, and the same is only remembered.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::desired::Change;
use super::ids::{ClientId, Status};
use super::limit::Timing;
use super::push::IdList;
use crate::model::Timestamp;
use crate::store::journal::{self, Ending, Intent, LastShown, Origin};
use crate::store::{Journal, StoreError};

/// A write that nobody has seen the outcome of.
#[derive(Debug, Clone)]
pub(super) struct Unseen {
    /// Its number in the journal.
    id: Option<i64>,
    /// What it writes.
    pub(super) to: Status,
    /// How far it came.
    pub(super) sent: Sent,
    /// Whether it went out together with others.
    pub(super) in_batch: bool,
    /// What led to it; `None` for one of an earlier process.
    pub(super) change: Option<Change>,
}

/// How far a write came, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It may have been sent.
    Perhaps(Duration),
    /// OZmap took it.
    Taken(Duration),
}

/// The journal, for those who look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JournalView {
    /// Whether there is one. Without `[store]` nothing can be put back, and a crash forgets what was being written.
    pub kept: bool,
    /// Why it cannot be written, if it cannot: then nothing is written to OZmap.
    pub failing: Option<String>,
}

#[derive(Debug)]
pub(super) struct Ledger {
    journal: Option<Journal>,
    origin: Origin,
    /// What an earlier process left open was taken in.
    recalled: bool,
    unseen: BTreeMap<ClientId, Unseen>,
    /// Endings that are not in the journal yet.
    endings: Vec<(i64, Ending)>,
    failing: Option<String>,
    failures: u32,
    not_before: Duration,
}

impl Ledger {
    pub(super) const fn new(journal: Option<Journal>, origin: Origin) -> Self {
        Self {
            recalled: journal.is_none(),
            journal,
            origin,
            unseen: BTreeMap::new(),
            endings: Vec::new(),
            failing: None,
            failures: 0,
            not_before: Duration::ZERO,
        }
    }

    pub(super) fn view(&self) -> JournalView {
        JournalView { kept: self.journal.is_some(), failing: self.failing.clone() }
    }

    /// Whether writes may go out as far as the journal is concerned; else when to try again.
    pub(super) fn ready(&self, now: Duration) -> Result<(), Duration> {
        if self.not_before > now { Err(self.not_before) } else { Ok(()) }
    }

    pub(super) const fn is_recalled(&self) -> bool {
        self.recalled
    }

    pub(super) const fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    pub(super) const fn unseen(&self) -> &BTreeMap<ClientId, Unseen> {
        &self.unseen
    }

    /// What an earlier process left open is unseen from now on; gives what was last seen of everything that was ever written.
    pub(super) async fn recall(&mut self, now: Duration, timing: &Timing) -> Vec<LastShown> {
        let Some(path) = self.journal.as_ref().map(|journal| journal.path().to_owned()) else { return Vec::new() };
        let read = tokio::task::spawn_blocking(move || {
            Ok::<_, StoreError>((journal::open_entries(&path)?, journal::last_shown(&path)?))
        });
        let (open, shown) = match read.await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => {
                self.failed(error.to_string(), now, timing);
                return Vec::new();
            }
            Err(error) => {
                self.failed(error.to_string(), now, timing);
                return Vec::new();
            }
        };
        self.works();
        self.recalled = true;
        if !open.is_empty() {
            tracing::info!(
                writes = open.len(),
                "an earlier process did not see what came of some writes: they are read back first"
            );
        }
        for entry in open {
            let Some(to) = Status::from_number(i64::from(entry.intent.wanted)) else { continue };
            let client = ClientId::from_octets(entry.intent.client);
            let unseen = Unseen { id: Some(entry.id), to, sent: Sent::Perhaps(now), in_batch: false, change: None };
            if let Some(Unseen { id: Some(older), .. }) = self.unseen.insert(client, unseen) {
                self.endings.push((older, Ending::Replaced));
            }
        }
        shown
    }

    /// Writes down that these are about to be written. Only when this is true may the request go out.
    pub(super) async fn intend(
        &mut self,
        changes: Vec<Change>,
        in_batch: bool,
        at: Timestamp,
        now: Duration,
        timing: &Timing,
    ) -> bool {
        // What already stands there, and was not seen to come true, is the same intent.
        let is_new = |change: &Change| self.unseen.get(&change.client).is_none_or(|unseen| unseen.to != change.to);
        let intents: Vec<Intent> = changes.iter().filter(|change| is_new(change)).map(|one| self.intent(one)).collect();
        let mut endings = self.endings.clone();
        for change in changes.iter().filter(|change| is_new(change)) {
            endings.extend(self.unseen.get(&change.client).and_then(|old| old.id).map(|id| (id, Ending::Replaced)));
        }
        let mut ids = Vec::new();
        if let Some(journal) = &self.journal
            && !intents.is_empty()
        {
            match journal.write(at, endings, intents).await {
                Ok(written) => ids = written,
                Err(why) => {
                    self.failed(why, now, timing);
                    return false;
                }
            }
            self.endings.clear();
            self.works();
        }
        let mut ids = ids.into_iter();
        for change in changes {
            let id = match self.unseen.get(&change.client) {
                Some(unseen) if unseen.to == change.to => unseen.id,
                _ => ids.next(),
            };
            let unseen = Unseen { id, to: change.to, sent: Sent::Perhaps(now), in_batch, change: Some(change) };
            if let Some(change) = &unseen.change {
                self.unseen.insert(change.client, unseen);
            }
        }
        true
    }

    fn intent(&self, change: &Change) -> Intent {
        Intent {
            client: change.client.octets(),
            was: change.from.map(Status::number),
            wanted: change.to.number(),
            origin: self.origin,
            onu: change.onu.clone(),
            why: change.reason.to_string(),
            incident: change.incident.as_deref().map(str::to_owned),
        }
    }

    /// OZmap took these.
    pub(super) fn taken(&mut self, clients: impl IntoIterator<Item = ClientId>, now: Duration) {
        for client in clients {
            if let Some(unseen) = self.unseen.get_mut(&client) {
                unseen.sent = Sent::Taken(now);
            }
        }
    }

    /// It is known what came of this one. What is written down of it waits for the next occasion.
    pub(super) fn end(&mut self, client: ClientId, ending: Ending) -> Option<Unseen> {
        let unseen = self.unseen.remove(&client)?;
        self.endings.extend(unseen.id.map(|id| (id, ending)));
        Some(unseen)
    }

    /// Whether there are endings to write down.
    pub(super) fn has_endings(&self) -> bool {
        self.journal.is_some() && !self.endings.is_empty()
    }

    /// Writes down what became of earlier intents. Losing it costs a read at the next start.
    pub(super) async fn acknowledge(&mut self, at: Timestamp, now: Duration, timing: &Timing) {
        let Some(journal) = self.journal.as_ref().filter(|_| !self.endings.is_empty()) else { return };
        match journal.write(at, self.endings.clone(), Vec::new()).await {
            Ok(_) => {
                self.endings.clear();
                self.works();
            }
            Err(why) => self.failed(why, now, timing),
        }
    }

    /// Writes to read back now: those that OZmap took, and those of which nobody knows and that are not about to be written
    /// again. At most `most`.
    pub(super) fn to_read_back<'a>(&self, waiting: impl Iterator<Item = &'a Change>, most: usize) -> Option<IdList> {
        if self.unseen.is_empty() {
            return None;
        }
        let waiting: HashSet<ClientId> = waiting.map(|change| change.client).collect();
        let due = self.unseen.iter().filter(|(client, unseen)| match unseen.sent {
            Sent::Taken(_) => true,
            Sent::Perhaps(_) => !waiting.contains(*client),
        });
        IdList::new(due.map(|(client, _)| *client).take(most))
    }

    /// How many OZmap took that are not read back yet.
    pub(super) fn count_taken(&self) -> usize {
        self.unseen.values().filter(|unseen| matches!(unseen.sent, Sent::Taken(_))).count()
    }

    fn failed(&mut self, why: String, now: Duration, timing: &Timing) {
        if self.failing.is_none() {
            tracing::error!(why, "the journal cannot be written: nothing is written to OZmap until it can");
        }
        self.failing = Some(why);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + timing.ceiling(self.failures);
    }

    fn works(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!("the journal can be written again, and so can OZmap");
        }
        self.failures = 0;
    }
}
