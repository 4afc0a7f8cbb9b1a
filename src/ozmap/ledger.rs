//! What the pusher has begun to write and has not seen yet, and the journal in which it stands.
//!
//! A write is: its intent in the journal, the request, reading back, the ending in the journal. Between any two of them the
//! process may be killed; what is then without an ending is read back first by the next one. Without a database there is no
//! journal, and the same is only remembered.
//!
//! A disk that is full or broken must not keep customers' statuses wrong. When the journal cannot be written in [`PATIENCE`] attempts, a daemon
//! goes on without it: intents wait in memory, and are written as soon as the journal takes them, before anything else. What is wanted is
//! known anew from sweeps after a restart, so that a kill in that time costs only what stands nowhere: that it was we who wrote, for those
//! who put back.

use std::collections::{BTreeMap, HashSet, VecDeque};
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
    /// Its number among those that are not there yet.
    unwritten: Option<u64>,
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
    /// Why it cannot be written, if it cannot.
    pub failing: Option<String>,
    /// Whether statuses are written to OZmap all the same.
    pub goes_on: bool,
    /// Writes that stand in no journal yet, only in memory.
    pub unwritten: usize,
    /// Writes of which that is forgotten, since there were too many.
    pub forgotten: u64,
}

/// Attempts that have to fail before it goes on without the journal.
const PATIENCE: u32 = 3;
/// Intents that wait for the journal; of more, the oldest are forgotten: `revert` does not know of them.
const MOST_UNWRITTEN: usize = 200_000;
/// Intents that are written in one transaction when it can be written again.
const WRITTEN_AT_ONCE: usize = 5_000;

/// An intent that stands in no journal yet.
#[derive(Debug)]
struct Unwritten {
    number: u64,
    made: Timestamp,
    intent: Intent,
    /// What is known to have come of it.
    ending: Option<Ending>,
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
    /// Whether it may go on without the journal.
    may_go_on: bool,
    /// Oldest first.
    backlog: VecDeque<Unwritten>,
    next_unwritten: u64,
    forgotten: u64,
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
            may_go_on: false,
            backlog: VecDeque::new(),
            next_unwritten: 0,
            forgotten: 0,
        }
    }

    /// The same for a process that lives on: when the journal cannot be written for long, statuses are.
    pub(super) const fn going_on(mut self) -> Self {
        self.may_go_on = true;
        self
    }

    pub(super) fn view(&self) -> JournalView {
        JournalView {
            kept: self.journal.is_some(),
            failing: self.failing.clone(),
            goes_on: self.goes_on(),
            unwritten: self.backlog.len(),
            forgotten: self.forgotten,
        }
    }

    /// Whether statuses are written without the journal at present.
    const fn goes_on(&self) -> bool {
        self.may_go_on && self.failing.is_some() && self.failures >= PATIENCE
    }

    /// Whether writes may go out as far as the journal is concerned; else when to try again.
    pub(super) fn may_intend(&self, now: Duration) -> Result<(), Duration> {
        if self.goes_on() { Ok(()) } else { self.ready(now) }
    }

    /// Whether the journal may be tried; else when to try again.
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
            // What was begun meanwhile without the journal is newer.
            if self.unseen.get(&client).is_some_and(|unseen| unseen.id.is_none()) {
                self.endings.push((entry.id, Ending::Replaced));
                continue;
            }
            let unseen = Unseen {
                id: Some(entry.id),
                unwritten: None,
                to,
                sent: Sent::Perhaps(now),
                in_batch: false,
                change: None,
            };
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
        // What was done without the journal goes first. While it fails it is tried again at its times, not at each write.
        // What an earlier process left open is read before: else our own would be taken for it.
        let takes = self.recalled && self.ready(now).is_ok() && self.write_backlog(at, now, timing).await;
        // What already stands there, and was not seen to come true, is the same intent.
        let is_new = |change: &Change| self.unseen.get(&change.client).is_none_or(|unseen| unseen.to != change.to);
        let intents: Vec<Intent> = changes.iter().filter(|change| is_new(change)).map(|one| self.intent(one)).collect();
        let mut endings = self.endings.clone();
        for change in changes.iter().filter(|change| is_new(change)) {
            endings.extend(self.unseen.get(&change.client).and_then(|old| old.id).map(|id| (id, Ending::Replaced)));
        }
        let mut ids = Vec::new();
        let mut waiting = Vec::new();
        if let Some(journal) = self.journal.clone()
            && !intents.is_empty()
        {
            if takes {
                match journal.write(at, endings, intents.clone()).await {
                    Ok(written) => {
                        ids = written;
                        self.endings.clear();
                        self.works();
                    }
                    Err(why) => self.failed(why, now, timing),
                }
            }
            if ids.is_empty() {
                if !self.goes_on() {
                    return false;
                }
                waiting = self.remember(at, intents);
            }
        }
        let (mut ids, mut waiting) = (ids.into_iter(), waiting.into_iter());
        for change in changes {
            let (id, unwritten) = match self.unseen.get(&change.client) {
                Some(unseen) if unseen.to == change.to => (unseen.id, unseen.unwritten),
                Some(unseen) => {
                    let (id, unwritten) = (unseen.id, unseen.unwritten);
                    let next = (ids.next(), waiting.next());
                    if next.0.is_none() {
                        // Its ending did not go with the new intent.
                        self.endings.extend(id.map(|id| (id, Ending::Replaced)));
                    }
                    self.end_unwritten(unwritten, Ending::Replaced);
                    next
                }
                None => (ids.next(), waiting.next()),
            };
            let unseen =
                Unseen { id, unwritten, to: change.to, sent: Sent::Perhaps(now), in_batch, change: Some(change) };
            if let Some(change) = &unseen.change {
                self.unseen.insert(change.client, unseen);
            }
        }
        true
    }

    /// Intents that are about to be written to OZmap and stand nowhere but here.
    fn remember(&mut self, made: Timestamp, intents: Vec<Intent>) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(intents.len());
        for intent in intents {
            self.next_unwritten += 1;
            numbers.push(self.next_unwritten);
            self.backlog.push_back(Unwritten { number: self.next_unwritten, made, intent, ending: None });
        }
        while self.backlog.len() > MOST_UNWRITTEN {
            self.backlog.pop_front();
            self.forgotten += 1;
        }
        numbers
    }

    fn end_unwritten(&mut self, number: Option<u64>, ending: Ending) {
        let place = number.and_then(|number| self.backlog.binary_search_by_key(&number, |one| one.number).ok());
        if let Some(one) = place.and_then(|place| self.backlog.get_mut(place)) {
            one.ending = Some(ending);
        }
    }

    /// Writes down what was done without the journal. False when it cannot be.
    async fn write_backlog(&mut self, at: Timestamp, now: Duration, timing: &Timing) -> bool {
        let Some(journal) = self.journal.clone() else { return true };
        while !self.backlog.is_empty() {
            let some = self.backlog.iter().take(WRITTEN_AT_ONCE).map(|one| (one.made, one.intent.clone())).collect();
            let ids = match journal.write_dated(at, Vec::new(), some).await {
                Ok(ids) => ids,
                Err(why) => {
                    self.failed(why, now, timing);
                    return false;
                }
            };
            if ids.is_empty() {
                return false;
            }
            tracing::warn!(writes = ids.len(), "what was written to OZmap without the journal stands in it now");
            for id in ids {
                let Some(one) = self.backlog.pop_front() else { break };
                let unseen = self.unseen.get_mut(&ClientId::from_octets(one.intent.client));
                match (one.ending, unseen) {
                    (Some(ending), _) => self.endings.push((id, ending)),
                    (None, Some(unseen)) if unseen.unwritten == Some(one.number) => {
                        (unseen.id, unseen.unwritten) = (Some(id), None);
                    }
                    (None, _) => self.endings.push((id, Ending::Replaced)),
                }
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
        self.end_unwritten(unseen.unwritten, ending);
        Some(unseen)
    }

    /// Whether there is something to write down.
    pub(super) fn has_endings(&self) -> bool {
        self.journal.is_some() && !(self.endings.is_empty() && self.backlog.is_empty())
    }

    /// Writes down what became of earlier intents. Losing it costs a read at the next start.
    pub(super) async fn acknowledge(&mut self, at: Timestamp, now: Duration, timing: &Timing) {
        let Some(journal) = self.journal.clone() else { return };
        if !self.write_backlog(at, now, timing).await {
            return;
        }
        if self.endings.is_empty() {
            return self.works();
        }
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
            tracing::error!(why, "the journal cannot be written: nothing is written to OZmap for now");
        }
        self.failing = Some(why);
        self.failures = self.failures.saturating_add(1);
        if self.may_go_on && self.failures == PATIENCE {
            tracing::error!(
                "the journal still cannot be written: statuses are written to OZmap without it, and what is written then stands in memory only; \
                 a kill or crash before the disk takes it again leaves writes that cannot be put back by \"ozmap revert\""
            );
        }
        self.not_before = now + timing.ceiling(self.failures);
    }

    fn works(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!("the journal can be written again");
        }
        self.failures = 0;
    }
}
