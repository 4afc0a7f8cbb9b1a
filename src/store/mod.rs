//! The embedded database: one SQLite file that outlives the process.
//!
//! In: what is held of each ONU as it changes, every optics reading, and what is about to be written to OZmap. Out: the same again, after a restart and for those who
//! look back. Not its business: what any of it means; `signal` gives and takes its own octets.
//!
//! ```text
//!   judge tasks ──Keeper──(newest of each ONU; readings, bounded)──► writer thread ──a transaction a second──► FILE
//!   incident task ──Keeper──(newest of each incident)──────────────► writer thread, with the rest
//!   pusher ──Journal (waits until it is on the disk)─────────────► writer thread, at once, in a transaction of its own
//!   alert channels ──AlertRows (each waits until it is on the disk)──► writer thread, after the journal
//!   pusher ──Shelf (the directory, a part at a time)────────────► writer thread, a transaction each, after the journal
//!   FILE ──Store::remembered──► judge tasks, at the start
//!   FILE ──Reader (connections of their own)──► http, tune
//! ```
//!
//! Who does what: `open` decides whether a file may be used, `schema` brings it to this version, `identity` knows which device
//! is which, `queue` holds what waits, `writer` writes, `history` packs readings and reads them, `check` is for people who look.
//!
//! Only the owners of the journal, of the directory and of what alert channels have taken wait for the disk: when it is full, slow or broken, what is held waits in memory and is tried again, readings are
//! lost and counted once too many wait, and everything else goes on. What is in the file is never overwritten unless it is
//! ours, of a version that we know, and sound.

mod alerts;
mod check;
mod error;
pub mod history;
mod identity;
pub mod incident;
pub mod journal;
mod kept;
mod open;
mod plant;
mod queue;
mod schema;
mod shelf;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub use crate::config::Keep;
pub use alerts::{AlertRow, AlertRows};
pub use check::{Contents, DirectoryContents, check, compact, contents};
pub use error::StoreError;
pub use history::{LevelRow, Levels, Reader};
pub use incident::{IncidentRow, Incidents};
pub use journal::Journal;
pub use kept::{Kept, OltMemory, Remembered};
pub use plant::PlantRow;
pub use queue::StoreStatus;
pub use shelf::{Shelf, Shelved};

use crate::model::{OltId, OnuKey, Timestamp};
use identity::parse_key;
use open::Opened;
use queue::Queue;
use writer::Writer;

/// How long an end waits for the disk.
const END_WAIT: Duration = Duration::from_secs(15);

/// The database, open for the only process that writes it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    queue: Arc<Queue>,
}

impl Store {
    /// Opens the file, or makes it. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be used; it is left as it is then.
    pub fn open(path: &Path, keep: Keep) -> Result<Self, StoreError> {
        Self::start(path, keep, |_| {})
    }

    /// As [`Store::open`], in a time that is not the system's: thinning goes by what `clock` says.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with_clock(
        path: &Path,
        keep: Keep,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, StoreError> {
        Self::start(path, keep, |writer| writer.clock = Box::new(clock))
    }

    fn start(path: &Path, keep: Keep, adjust: impl FnOnce(&mut Writer)) -> Result<Self, StoreError> {
        let Opened { connection, lock, created, migrated_from, unclean, unchecked } = open::open_to_write(path)?;
        let queue = Arc::new(Queue::default());
        let mut writer = Writer {
            path: path.to_owned(),
            queue: Arc::clone(&queue),
            connection: Some(connection),
            file: open::FileMark::of(path)?,
            identities: identity::Identities::default(),
            lock,
            keep,
            unpacked: history::upkeep::Unpacked::default(),
            pause: writer::FIRST_PAUSE,
            clock: Box::new(|| Timestamp::from(SystemTime::now())),
            next_rows_thin: Instant::now(),
            #[cfg(test)]
            fault: None,
            #[cfg(test)]
            thin_fault: None,
        };
        adjust(&mut writer);
        thread::Builder::new().name("store".to_owned()).spawn(move || writer.run()).map_err(|source| {
            StoreError::File { path: path.to_owned(), what: "written by a thread of its own", source }
        })?;
        tracing::info!(file = %path.display(), created, migrated_from, unclean, "the database is open");
        if unchecked {
            check_beside(path.to_owned());
        }
        Ok(Self { path: path.to_owned(), queue })
    }

    /// Where others give what is to be kept.
    #[must_use]
    pub fn keeper(&self) -> Keeper {
        Keeper { queue: Arc::clone(&self.queue) }
    }

    /// Where is written down what is about to be written to OZmap.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Journal::new(Arc::clone(&self.queue), self.path.clone())
    }

    /// Where the directory of OZmap is kept.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        Shelf::new(Arc::clone(&self.queue), self.path.clone())
    }

    /// Where alert channels keep what they have taken.
    #[must_use]
    pub fn alerts(&self) -> AlertRows {
        AlertRows::new(Arc::clone(&self.queue), self.path.clone())
    }

    /// What channels have taken, from a file that somebody else may write. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn told(path: &Path) -> Result<Vec<AlertRow>, StoreError> {
        alerts::kept(path, None)
    }

    /// What was kept of an OLT. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn remembered(&self, olt: &OltId) -> Result<Remembered, StoreError> {
        let connection = open::open_to_read(&self.path)?;
        remembered(&connection, olt).map_err(|source| StoreError::of(&self.path, "reading what is held", source))
    }

    /// What was kept of the plant. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn plant_rows(&self) -> Result<Vec<PlantRow>, StoreError> {
        plant_rows(&self.path)
    }

    /// Incidents that are not over, and the last `most` that are. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn incidents(&self, most: u32) -> Result<Incidents, StoreError> {
        incident::kept(&self.path, most)
    }

    /// What [`Keeper::gasps`] was given last; `None` when nothing was. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn gasps(&self) -> Result<Option<String>, StoreError> {
        incident::gasps(&self.path)
    }

    /// Octets of the file, and of the log of changes that are not in it yet.
    #[must_use]
    pub fn octets(&self) -> (u64, u64) {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        (size(&self.path), size(&open::beside(&self.path, "-wal")))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until everything that was given is written. Blocks; false when it was not within `patience`.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.queue.flush(patience)
    }

    /// A connection that reads beside the writer. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read any more.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// Writes what waits and closes the file. Blocks, but not for ever: a disk that hangs is left behind. What is given
    /// afterwards is not kept.
    pub fn close(&self) {
        if !self.queue.end(END_WAIT) {
            tracing::warn!(file = %self.path.display(), "the database did not take the last of what waits in time");
        }
    }
}

impl Drop for Store {
    /// One that was not closed is closed behind our back.
    fn drop(&mut self) {
        self.queue.end(Duration::ZERO);
    }
}

/// Where what is to be kept is given. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Keeper {
    queue: Arc<Queue>,
}

impl Keeper {
    /// Keeps what is held of an OLT and of these of its ONUs at `at`; nothing is held any more of those that are gone. What
    /// still waits of the same ONU is replaced.
    pub fn keep(&self, olt: &OltId, at: Timestamp, memory: OltMemory, onus: Vec<Kept>, gone: Vec<OnuKey>) {
        self.queue.keep(olt, at, memory, onus, gone);
    }

    /// Adds a slice of optics to history. When the disk is too slow for it, it is lost and counted.
    pub fn levels(&self, levels: Levels) {
        self.queue.levels(levels);
    }

    /// Keeps what is known of the plant. What still waits of the same thing is replaced; what is beyond a bound is not kept, and asked for
    /// again after a restart.
    pub fn plant(&self, rows: Vec<PlantRow>) {
        self.queue.plant(rows);
    }

    /// Keeps by which rules is judged from now on, as their owner writes them.
    pub fn rules(&self, rules: String) {
        self.queue.rules(rules);
    }

    /// Keeps an incident as it is now. What still waits of the same one is replaced.
    pub fn incident(&self, row: IncidentRow) {
        self.queue.incident(row);
    }

    /// Keeps a person's word on an incident, as its owner writes it. Of one that is not in the file it is forgotten.
    pub fn close_incident(&self, id: String, closing: String) {
        self.queue.close_incident(id, closing);
    }

    /// Keeps how ONUs gasp, as its owner writes it.
    pub fn gasps(&self, gasps: String) {
        self.queue.gasps(gasps);
    }

    /// How writing goes.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        self.queue.status()
    }
}

/// What was kept of the plant. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn plant_rows(path: &Path) -> Result<Vec<PlantRow>, StoreError> {
    let connection = open::open_to_read(path)?;
    plant::read(&connection).map_err(|source| StoreError::of(path, "reading what is known of the plant", source))
}

fn remembered(connection: &rusqlite::Connection, olt: &OltId) -> rusqlite::Result<Remembered> {
    let mut remembered = Remembered::default();
    let time = |millis: i64| Timestamp::from_millis(u64::try_from(millis).unwrap_or(0));
    let mut olts = connection.prepare("SELECT id, read_at, memory FROM olt WHERE name = ?1")?;
    let mut olts = olts.query([olt.as_str()])?;
    let Some(row) = olts.next()? else { return Ok(remembered) };
    let id: i64 = row.get(0)?;
    remembered.memory = OltMemory {
        read_at: row.get::<_, Option<i64>>(1)?.map(time),
        octets: row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default(),
    };
    let mut rows = connection.prepare(
        "SELECT onu.key, pon, number, serial, mac, name, held.at, held.memory
         FROM onu JOIN held ON held.onu = onu.id WHERE onu.olt = ?1 ORDER BY held.at",
    )?;
    let mut rows = rows.query([id])?;
    while let Some(row) = rows.next()? {
        // What cannot be read is not known; it was written by us, or the file was changed by hand.
        let Some(key) = parse_key(&row.get::<_, String>(0)?) else { continue };
        let text = |place| row.get::<_, Option<String>>(place);
        let kept = Kept {
            key: key.clone(),
            pon: text(1)?.and_then(|pon| pon.parse().ok()),
            number: row.get(2)?,
            serial: text(3)?.and_then(|serial| serial.parse().ok()),
            mac: text(4)?.and_then(|mac| mac.parse().ok()),
            name: text(5)?.map(Arc::from),
            memory: row.get(7)?,
        };
        remembered.onus.insert(key, (time(row.get(6)?), kept));
    }
    Ok(remembered)
}

/// Checks a large file that was not closed in an orderly way, beside everything else.
fn check_beside(path: PathBuf) {
    let checked = thread::Builder::new().name("store-check".to_owned()).spawn(move || {
        let checked =
            open::open_to_read(&path).and_then(|connection| open::check(&path, &connection, "quick_check", None));
        match checked {
            Ok(()) => {
                tracing::info!(file = %path.display(), "the database was not closed in an orderly way, and is sound")
            }
            Err(error) => tracing::error!(%error, "the database was not closed in an orderly way"),
        }
    });
    if let Err(error) = checked {
        tracing::warn!(%error, "the database was not closed in an orderly way, and there is no thread to check it");
    }
}

#[cfg(test)]
mod tests;
