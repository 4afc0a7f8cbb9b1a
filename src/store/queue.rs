//! What waits to be written, and how writing goes: shared by those who give and the thread that writes.
//!
//! Nobody who gives ever waits. What is held of an ONU replaces what still waits of the same ONU, so that there is at most one
//! of each; of history, what does not fit is lost and counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::history::Levels;
use super::incident::{IncidentRow, Waiting as Incidents};
use super::journal::Request;
use super::kept::{Change, Kept, OltMemory};
use super::plant::PlantRow;
use super::shelf;
use crate::model::{OltId, OnuKey, Timestamp};

/// Readings that may wait, of all OLTs together: some 40 MB of them. Fewer in tests, which fill it.
pub(super) const MOST_READINGS: usize = if cfg!(test) { 5_000 } else { 500_000 };

/// Rows of the plant that may wait; they wait for a second, or for as long as the file cannot be written.
const MOST_PLANT_ROWS: usize = 4_000_000;

/// How writing goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// States of ONUs that were written since the start.
    pub kept: u64,
    /// Readings that were written to history since the start.
    pub readings: u64,
    /// Readings that are not in history because they came faster than they could be written.
    pub lost: u64,
    /// Octets of packed readings that were written since the start.
    pub octets: u64,
    /// Lanes whose old readings were thinned since the start, a week each.
    pub thinned: u64,
    /// What waits to be written: ONUs whose state changed.
    pub waiting: usize,
    /// What waits to be written: readings.
    pub waiting_readings: usize,
    /// Transactions since the start.
    pub commits: u64,
    /// When the last of them was done.
    pub last_commit: Option<Timestamp>,
    /// Attempts that failed since the start.
    pub errors: u64,
    /// Why nothing can be written at present, if it cannot.
    pub failing: Option<String>,
}

/// Changes of one OLT.
#[derive(Debug, Default)]
pub(super) struct OltBatch {
    pub(super) memory: Option<OltMemory>,
    pub(super) onus: BTreeMap<OnuKey, (Timestamp, Change)>,
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) olts: BTreeMap<OltId, OltBatch>,
    pub(super) levels: VecDeque<Levels>,
    pub(super) rules: Option<String>,
    pub(super) gasps: Option<String>,
    pub(super) incidents: Incidents,
    /// The newest of each kind and id.
    pub(super) plant: BTreeMap<(u8, [u8; 12]), PlantRow>,
    readings: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.olts.is_empty()
            && self.levels.is_empty()
            && self.rules.is_none()
            && self.gasps.is_none()
            && self.incidents.is_empty()
            && self.plant.is_empty()
    }
}

/// What the writer has to do next.
#[derive(Debug)]
pub(super) enum Order {
    Write(Batch),
    /// Somebody waits for these.
    Journal(Vec<Request>),
    /// Somebody waits for these, but after the journal and what is due.
    Shelf(Vec<shelf::Order>),
    /// Nothing came for a while.
    Idle,
    /// Somebody ends it; what waited comes with it.
    End(Batch, Vec<Request>),
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    /// At most one of the pusher's, and one of a person.
    journal: Vec<Request>,
    /// At most one of each who keeps a directory, and of each alert channel.
    shelf: Vec<shelf::Order>,
    status: StoreStatus,
    /// Somebody waits until everything is written.
    hurry: bool,
    /// The writer has a batch in hand.
    writing: bool,
    ending: bool,
    ended: bool,
    /// Readings are lost since the last time that there was room for all that came.
    losing: bool,
}

impl Waiting {
    /// One line when a gap begins.
    fn lose(&mut self, readings: usize) {
        if readings > 0 && !self.ended && !std::mem::replace(&mut self.losing, true) {
            tracing::error!("more readings come than the database takes: history has a gap from now on");
        }
        self.status.lost += readings as u64;
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    /// A panic of one who held it leaves nothing half done: each change is one statement.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, olt: &OltId, at: Timestamp, memory: OltMemory, kept: Vec<Kept>, gone: Vec<OnuKey>) {
        let mut waiting = self.lock();
        if waiting.ended {
            return;
        }
        let of_olt = waiting.batch.olts.entry(olt.clone()).or_default();
        of_olt.memory = Some(memory);
        of_olt.onus.extend(gone.into_iter().map(|key| (key, (at, Change::Gone))));
        of_olt.onus.extend(kept.into_iter().map(|kept| (kept.key.clone(), (at, Change::Kept(kept)))));
    }

    pub(super) fn levels(&self, levels: Levels) {
        let count = levels.rows.len();
        let mut waiting = self.lock();
        let room = waiting.batch.readings == 0 || waiting.batch.readings + count <= MOST_READINGS;
        if waiting.ended || !room {
            waiting.lose(count);
        } else if count > 0 {
            waiting.batch.readings += count;
            waiting.batch.levels.push_back(levels);
            if std::mem::take(&mut waiting.losing) {
                tracing::info!(lost = waiting.status.lost, "history takes readings again");
            }
        }
    }

    /// When the writer has ended, the request is dropped, which tells the one who waits.
    pub(super) fn journal(&self, request: Request) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.journal.push(request);
            self.changed.notify_all();
        }
    }

    /// As with the journal.
    pub(super) fn shelve(&self, order: shelf::Order) {
        let mut waiting = self.lock();
        if !waiting.ended && !waiting.ending {
            // Whoever waits no longer gives the same again.
            waiting.shelf.retain(|order| !order.answer.is_closed());
            waiting.shelf.push(order);
            self.changed.notify_all();
        }
    }

    pub(super) fn rules(&self, rules: String) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.batch.rules = Some(rules);
        }
    }

    pub(super) fn gasps(&self, gasps: String) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.batch.gasps = Some(gasps);
        }
    }

    pub(super) fn incident(&self, row: IncidentRow) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.batch.incidents.keep(row);
        }
    }

    pub(super) fn close_incident(&self, id: String, closing: String) {
        let mut waiting = self.lock();
        if !waiting.ended {
            waiting.batch.incidents.close(id, closing);
        }
    }

    pub(super) fn plant(&self, rows: Vec<PlantRow>) {
        let mut waiting = self.lock();
        if waiting.ended {
            return;
        }
        for row in rows {
            let key = (row.kind, row.id);
            if waiting.batch.plant.len() < MOST_PLANT_ROWS || waiting.batch.plant.contains_key(&key) {
                waiting.batch.plant.insert(key, row);
            }
        }
    }

    pub(super) fn status(&self) -> StoreStatus {
        let waiting = self.lock();
        let onus = waiting.batch.olts.values().map(|olt| olt.onus.len()).sum();
        StoreStatus { waiting: onus, waiting_readings: waiting.batch.readings, ..waiting.status.clone() }
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut StoreStatus)) {
        change(&mut self.lock().status);
    }

    /// The writer's next order: at `due`, or at once when somebody is in a hurry or waits for the journal.
    pub(super) fn take(&self, due: Instant) -> Order {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        while !waiting.ending
            && waiting.journal.is_empty()
            && waiting.shelf.is_empty()
            && (!waiting.hurry || waiting.batch.is_empty())
        {
            let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.writing = true;
        let journal = std::mem::take(&mut waiting.journal);
        if !journal.is_empty() && !waiting.ending {
            return Order::Journal(journal);
        }
        let shelf = std::mem::take(&mut waiting.shelf);
        if !shelf.is_empty() && !waiting.ending {
            if Instant::now() < due {
                return Order::Shelf(shelf);
            }
            waiting.shelf = shelf;
        }
        let batch = std::mem::take(&mut waiting.batch);
        if waiting.ending {
            Order::End(batch, journal)
        } else if batch.is_empty() {
            Order::Idle
        } else {
            Order::Write(batch)
        }
    }

    /// What could not be written waits again, unless something newer came; readings that do not fit any more are lost.
    pub(super) fn give_back(&self, batch: Batch) {
        let mut waiting = self.lock();
        waiting.batch.rules = waiting.batch.rules.take().or(batch.rules);
        waiting.batch.gasps = waiting.batch.gasps.take().or(batch.gasps);
        waiting.batch.incidents.give_back(batch.incidents);
        for (key, row) in batch.plant {
            waiting.batch.plant.entry(key).or_insert(row);
        }
        for (olt, older) in batch.olts {
            let newer = waiting.batch.olts.entry(olt).or_default();
            newer.memory = newer.memory.take().or(older.memory);
            for (key, change) in older.onus {
                newer.onus.entry(key).or_insert(change);
            }
        }
        // The oldest go first when there is too much.
        for levels in batch.levels.into_iter().rev() {
            let count = levels.rows.len();
            if waiting.batch.readings + count <= MOST_READINGS {
                waiting.batch.readings += count;
                waiting.batch.levels.push_front(levels);
            } else {
                waiting.lose(count);
            }
        }
        waiting.hurry = false;
    }

    /// Waits until everything that was given is written. False when that took longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let mut waiting = self.lock();
        waiting.hurry = true;
        self.changed.notify_all();
        let until = Instant::now() + patience;
        loop {
            if waiting.batch.is_empty() && !waiting.writing {
                waiting.hurry = false;
                return true;
            }
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the writer to end, and waits for it. False when that took longer than `patience`.
    pub(super) fn end(&self, patience: Duration) -> bool {
        let mut waiting = self.lock();
        waiting.ending = true;
        self.changed.notify_all();
        let until = Instant::now() + patience;
        while !waiting.ended {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return false;
            };
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The writer has ended, well or not: nothing is taken any more.
    pub(super) fn has_ended(&self, why: Option<&str>) {
        let mut waiting = self.lock();
        waiting.ended = true;
        waiting.writing = false;
        waiting.batch = Batch::default();
        waiting.journal.clear();
        waiting.shelf.clear();
        if let Some(why) = why {
            waiting.status.failing = Some(why.to_owned());
        }
        self.changed.notify_all();
    }
}
