//! The thread that writes: everything that was given since the last time, in one transaction, about once a second; and what the
//! journal is to have, at once.
//!
//! When the file cannot be written, what is held waits (newest of each ONU) and is tried again by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, TransactionBehavior, params};

use super::StoreError;
use super::history::upkeep::{self, Unpacked};
use super::identity::{Identities, millis};
use super::incident;
use super::journal::{self, Request};
use super::kept::{Change, Kept};
use super::open::{self, FileMark, Lock};
use super::plant;
use super::queue::{Batch, Order, Queue};
use super::shelf;
use crate::config::Keep;
use crate::model::Timestamp;

/// The time between two transactions: what a crash of the machine may cost.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How much of that may go to thinning.
const THIN_FOR: Duration = Duration::from_millis(200);
/// How long it waits after a failure; doubles with each further one.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the journal and the incidents are looked through for what is old.
const THIN_ROWS_EVERY: Duration = Duration::from_secs(3600);

/// Fails a write on purpose.
#[cfg(test)]
pub(super) type Fault = Box<dyn FnMut() -> Option<rusqlite::Error> + Send>;

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) queue: Arc<Queue>,
    /// None after a failure, until it is tried again.
    pub(super) connection: Option<Connection>,
    /// The file that it is of.
    pub(super) file: FileMark,
    pub(super) identities: Identities,
    pub(super) lock: Lock,
    pub(super) keep: Keep,
    pub(super) unpacked: Unpacked,
    /// How long it waits after a first failure.
    pub(super) pause: Duration,
    pub(super) clock: Box<dyn Fn() -> Timestamp + Send>,
    pub(super) next_rows_thin: Instant,
    #[cfg(test)]
    pub(super) fault: Option<Fault>,
    #[cfg(test)]
    pub(super) thin_fault: Option<Fault>,
}

/// Tells those who give that nobody writes any more, also when the thread panicked.
struct EndedGuard(Arc<Queue>, Option<&'static str>);

impl Drop for EndedGuard {
    fn drop(&mut self) {
        self.0.has_ended(self.1);
    }
}

impl Writer {
    /// Writes until somebody ends it.
    pub(super) fn run(mut self) {
        let mut guard = EndedGuard(Arc::clone(&self.queue), Some("the thread that writes ended by mistake"));
        let mut failures: u32 = 0;
        let mut due = Instant::now() + COMMIT_EVERY;
        loop {
            let order = self.queue.take(due);
            let (batch, last) = match order {
                Order::Write(batch) => (batch, false),
                Order::Journal(requests) => {
                    if let Err(error) = self.write_journal(requests) {
                        // Its owner tries again, and everything else goes by its own time.
                        failures = failures.saturating_add(1);
                        self.failed(&error, failures);
                    }
                    continue;
                }
                Order::Shelf(orders) => {
                    for order in orders {
                        let done = self.write_piece(&order.piece);
                        let answer = done.as_ref().map_err(ToString::to_string).copied();
                        if let Err(error) = done {
                            failures = failures.saturating_add(1);
                            self.failed(&error, failures);
                        }
                        // Whoever does not wait any more has ended.
                        let _ = order.answer.send(answer);
                    }
                    continue;
                }
                Order::End(batch, requests) => {
                    if let Err(error) = self.write_journal(requests) {
                        self.failed(&error, failures.saturating_add(1));
                    }
                    (batch, true)
                }
                Order::Idle => (Batch::default(), false),
            };
            let written = self.write(&batch);
            // What is written is not given back, whatever comes of thinning.
            let done = match written {
                Ok(()) if last => Ok(()),
                Ok(()) => self.thin(),
                Err(error) => {
                    self.queue.give_back(batch);
                    Err(error)
                }
            };
            match done {
                Ok(()) => {
                    if std::mem::take(&mut failures) > 0 {
                        tracing::info!(file = %self.path.display(), "the database can be written again");
                    }
                    due = Instant::now() + COMMIT_EVERY;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.failed(&error, failures);
                    due = Instant::now()
                        + self.pause.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_PAUSE);
                }
            }
            if last {
                break;
            }
        }
        self.close();
        guard.1 = None;
    }

    /// One line when it begins; the rest is for those who debug.
    fn failed(&mut self, error: &StoreError, failures: u32) {
        if failures == 1 {
            tracing::error!(
                %error, "the database cannot be written: what it is to take waits in memory, and it is tried again by \
                 itself; polling goes on, and so does pushing unless its journal is in there"
            );
        } else {
            tracing::debug!(%error, failures, "the database still cannot be written");
        }
        // What was learned in the transaction did not become true, and what the connection knows may be wrong.
        self.identities.forget();
        self.unpacked = Unpacked::default();
        self.connection = None;
        let text = error.to_string();
        self.queue.note(|status| {
            status.errors += 1;
            status.failing = Some(text);
        });
    }

    /// Opens the file again after a failure. One that was deleted or replaced would take everything and keep nothing.
    fn see_to_connection(&mut self) -> Result<(), StoreError> {
        if self.connection.is_none() {
            (self.connection, self.file) = (Some(open::reopen_to_write(&self.path)?), FileMark::of(&self.path)?);
        } else if FileMark::of(&self.path)? != self.file {
            return Err(StoreError::Gone { path: self.path.clone() });
        }
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::of(&path, "writing", source);
        self.see_to_connection()?;
        // It was made above.
        let Some(connection) = &mut self.connection else { return Ok(()) };
        #[cfg(test)]
        if let Some(error) = self.fault.as_mut().and_then(|fault| fault()) {
            return Err(failed(error));
        }
        let mut written = Written::default();
        if !batch.is_empty() {
            let all = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            written = write_batch(&all, &mut self.identities, &mut self.unpacked, batch).map_err(failed)?;
            all.commit().map_err(failed)?;
        }
        let now = Timestamp::from(SystemTime::now());
        self.queue.note(|status| {
            status.kept += written.onus;
            status.readings += written.readings;
            status.octets += written.octets;
            status.failing = None;
            if !batch.is_empty() {
                status.commits += 1;
                status.last_commit = Some(now);
            }
        });
        Ok(())
    }

    /// Writes down what somebody waits for, in one transaction of its own, and answers.
    fn write_journal(&mut self, requests: Vec<Request>) -> Result<(), StoreError> {
        if requests.is_empty() {
            return Ok(());
        }
        let written = self.write_requests(&requests);
        let why = written.as_ref().err().map(ToString::to_string);
        let (answers, outcome) = match written {
            Ok(ids) => (ids, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let mut answers = answers.into_iter();
        for request in requests {
            let answer = match &why {
                Some(why) => Err(why.clone()),
                None => Ok(answers.next().unwrap_or_default()),
            };
            // Whoever does not wait any more finds it when it next reads the journal.
            let _ = request.answer.send(answer);
        }
        outcome
    }

    fn write_piece(&mut self, piece: &shelf::Piece) -> Result<i64, StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::of(&path, "keeping the directory", source);
        self.see_to_connection()?;
        // It was made above.
        let Some(connection) = &mut self.connection else { return Ok(0) };
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let done = shelf::write(&all, piece).map_err(failed)?;
        all.commit().map_err(failed)?;
        Ok(done)
    }

    fn write_requests(&mut self, requests: &[Request]) -> Result<Vec<Vec<i64>>, StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::of(&path, "writing the journal", source);
        self.see_to_connection()?;
        // It was made above.
        let Some(connection) = &mut self.connection else { return Ok(Vec::new()) };
        #[cfg(test)]
        if let Some(error) = self.fault.as_mut().and_then(|fault| fault()) {
            return Err(failed(error));
        }
        let all = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let ids = requests.iter().map(|request| journal::write(&all, request)).collect::<rusqlite::Result<_>>();
        let ids = ids.map_err(failed)?;
        all.commit().map_err(failed)?;
        Ok(ids)
    }

    /// Thins what is old, for a while; each piece is a transaction, so that what comes meanwhile does not wait long.
    fn thin(&mut self) -> Result<(), StoreError> {
        let failed = |source| StoreError::of(&self.path, "thinning history", source);
        #[cfg(test)]
        if let Some(error) = self.thin_fault.as_mut().and_then(|fault| fault()) {
            return Err(failed(error));
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let now = (self.clock)();
        let until = Instant::now() + THIN_FOR;
        while let Some(piece) = upkeep::due(connection, &self.keep, now).map_err(failed)? {
            let all = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            upkeep::thin(&all, piece, &self.keep, now).map_err(failed)?;
            all.commit().map_err(failed)?;
            self.queue.note(|status| status.thinned += 1);
            // Rows of the lane may be gone that were counted.
            self.unpacked.forget(piece.0);
            if Instant::now() > until {
                break;
            }
        }
        if Instant::now() >= self.next_rows_thin {
            let before = Timestamp::from_millis(
                now.millis().saturating_sub(u64::try_from(self.keep.raw.as_millis()).unwrap_or(u64::MAX)),
            );
            let more = journal::thin(connection, before).map_err(failed)?
                | incident::thin(connection, before).map_err(failed)?;
            if !more {
                self.next_rows_thin = Instant::now() + THIN_ROWS_EVERY;
            }
        }
        Ok(())
    }

    /// The end: everything moves from the log into the file, which then can be copied as it is.
    fn close(self) {
        let Self { path, connection, lock, .. } = self;
        let Some(connection) = connection else { return };
        let closed = open::set_closed(&connection, true).and_then(|()| connection.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(file = %path.display(), %error, "the database could not be closed in an orderly way: it is checked when it is next opened");
        }
        drop(lock);
    }
}

/// What a transaction wrote.
#[derive(Debug, Default)]
struct Written {
    onus: u64,
    readings: u64,
    octets: u64,
}

fn write_batch(
    connection: &Connection,
    identities: &mut Identities,
    unpacked: &mut Unpacked,
    batch: &Batch,
) -> rusqlite::Result<Written> {
    let mut written = Written::default();
    if let Some(rules) = &batch.rules {
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('rules', ?1)", [rules])?;
    }
    if let Some(gasps) = &batch.gasps {
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('gasps', ?1)", [gasps])?;
    }
    incident::write(connection, &batch.incidents)?;
    for row in batch.plant.values() {
        plant::write(connection, row)?;
    }
    for (olt, changes) in &batch.olts {
        let devices = identities.olt(connection, olt)?;
        if let Some(memory) = &changes.memory {
            connection.prepare_cached("UPDATE olt SET read_at = ?2, memory = ?3 WHERE id = ?1")?.execute(params![
                devices.id,
                memory.read_at.map(millis),
                memory.octets
            ])?;
        }
        for (key, (at, change)) in &changes.onus {
            match change {
                Change::Kept(kept) => {
                    let id = devices.device(connection, key, kept.serial.as_ref(), kept.mac, *at)?;
                    write_kept(connection, id, kept, *at)?;
                }
                Change::Gone => devices.gone(connection, key)?,
            }
            written.onus += 1;
        }
    }
    for levels in &batch.levels {
        let devices = identities.olt(connection, &levels.olt)?;
        let (readings, octets) = upkeep::append(connection, devices, unpacked, levels)?;
        written.readings += readings;
        written.octets += octets;
    }
    Ok(written)
}

fn write_kept(connection: &Connection, id: i64, kept: &Kept, at: Timestamp) -> rusqlite::Result<()> {
    let (pon, serial) = (kept.pon.map(|pon| pon.to_string()), kept.serial.as_ref().map(|serial| serial.as_str()));
    let mac = kept.mac.map(|mac| mac.to_string());
    connection
        .prepare_cached(
            "UPDATE onu SET key = ?2, pon = ?3, number = ?4, serial = ?5, mac = ?6, name = ?7, last_seen = ?8
             WHERE id = ?1 AND (key, pon, number, serial, mac, name) IS NOT (?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id, kept.key.to_string(), pon, kept.number, serial, mac, kept.name.as_deref(), millis(at)])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO held (onu, at, memory) VALUES (?1, ?2, ?3)")?
        .execute(params![id, millis(at), kept.memory])?;
    Ok(())
}
