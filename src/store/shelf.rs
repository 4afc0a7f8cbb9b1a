//! The directory of OZmap, kept for the next start: octets that only `ozmap` reads, in parts of about a megabyte.
//!
//! Each part is a transaction of its own, so that the journal never waits long. A generation counts when all of its parts
//! are there; the ones before it are deleted then, a few parts at a time.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::alerts::{self, AlertRow};
use super::identity::millis;
use super::queue::Queue;
use super::{StoreError, open};
use crate::model::Timestamp;

/// More parts than these are no directory of ours: a gigabyte.
const MOST_PARTS: usize = 1_000;
/// Parts that are deleted in one transaction.
const DELETED_AT_ONCE: usize = 4;

/// What the writer does for the shelf in one transaction.
#[derive(Debug)]
pub(super) enum Piece {
    /// Puts down one part; of the generation that the first one was given.
    Part { generation: Option<i64>, place: usize, parts: usize, whose: String, read_at: Timestamp, data: Vec<u8> },
    /// Deletes some of what is older than this generation.
    Thin(i64),
    /// Keeps what alert channels have taken. It has nothing to do with the directory, but waits in the same way.
    Alerts(Timestamp, Vec<AlertRow>),
}

/// A piece, and who waits for it: for its generation, or for how many parts were deleted.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) piece: Piece,
    pub(super) answer: oneshot::Sender<Result<i64, String>>,
}

/// A directory as it was kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Shelved {
    /// When its read began.
    pub read_at: Timestamp,
    /// Its parts, in order.
    pub parts: Vec<Vec<u8>>,
}

/// Where the directory is kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shelf {
    queue: Arc<Queue>,
    path: PathBuf,
}

impl Shelf {
    pub(super) const fn new(queue: Arc<Queue>, path: PathBuf) -> Self {
        Self { queue, path }
    }

    /// Keeps these parts in place of what is there; whole, or not at all. `whose` tells one OZmap from another. Blocks.
    ///
    /// # Errors
    /// Why it is not kept, in words; what was there before is, then.
    pub fn keep(&self, whose: &str, read_at: Timestamp, parts: Vec<Vec<u8>>) -> Result<(), String> {
        let count = parts.len();
        if count > MOST_PARTS {
            return Err(format!("{count} parts are more than {MOST_PARTS}"));
        }
        let mut generation = None;
        for (place, data) in parts.into_iter().enumerate() {
            let piece = Piece::Part { generation, place, parts: count, whose: whose.to_owned(), read_at, data };
            generation = Some(self.ask(piece)?);
        }
        if let Some(generation) = generation {
            while self.ask(Piece::Thin(generation))? > 0 {}
        }
        Ok(())
    }

    fn ask(&self, piece: Piece) -> Result<i64, String> {
        let (answer, done) = oneshot::channel();
        self.queue.shelve(Order { piece, answer });
        done.blocking_recv().unwrap_or_else(|_| Err("the database is closed".to_owned()))
    }

    /// The newest that is whole, if it is of this OZmap. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn kept(&self, whose: &str) -> Result<Option<Shelved>, StoreError> {
        let connection = open::open_to_read(&self.path)?;
        newest(&connection, whose).map_err(|source| StoreError::of(&self.path, "reading the directory", source))
    }
}

fn newest(connection: &Connection, whose: &str) -> rusqlite::Result<Option<Shelved>> {
    // One reading transaction, so that nothing is deleted under it.
    let all = connection.unchecked_transaction()?;
    let found = all
        .query_row(
            "SELECT generation, max(whose), max(read_at) FROM directory
             GROUP BY generation HAVING count(*) = max(parts) AND count(*) <= ?1
             ORDER BY generation DESC LIMIT 1",
            [MOST_PARTS],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()?;
    let Some((generation, of, read_at)) = found else { return Ok(None) };
    if of != whose {
        return Ok(None);
    }
    let mut rows = all.prepare("SELECT data FROM directory WHERE generation = ?1 ORDER BY place")?;
    let parts = rows.query_map([generation], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(Shelved { read_at: Timestamp::from_millis(u64::try_from(read_at).unwrap_or(0)), parts }))
}

/// Carries out a piece inside a transaction.
pub(super) fn write(connection: &Connection, piece: &Piece) -> rusqlite::Result<i64> {
    match piece {
        Piece::Part { generation, place, parts, whose, read_at, data } => {
            let generation = match generation {
                Some(generation) => *generation,
                None => connection
                    .query_row("SELECT coalesce(max(generation), 0) + 1 FROM directory", [], |row| row.get(0))?,
            };
            connection
                .prepare_cached(
                    "INSERT INTO directory (generation, place, parts, whose, read_at, data)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![generation, place, parts, whose, millis(*read_at), data])?;
            Ok(generation)
        }
        Piece::Alerts(at, rows) => alerts::write(connection, *at, rows),
        Piece::Thin(generation) => {
            let deleted = connection
                .prepare_cached(
                    "DELETE FROM directory WHERE id IN (SELECT id FROM directory WHERE generation < ?1 LIMIT ?2)",
                )?
                .execute(params![generation, DELETED_AT_ONCE])?;
            Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Keep, Store};

    const AT: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn parts(count: u8, begin: u8) -> Vec<Vec<u8>> {
        (0..count).map(|n| vec![begin + n; 1000]).collect()
    }

    #[test]
    fn the_newest_whole_generation_of_this_ozmap_comes_back_and_the_others_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oltwatch.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        let shelf = store.shelf();
        assert_eq!(shelf.kept("a").unwrap(), None);
        shelf.keep("a", AT, parts(9, 1)).unwrap();
        shelf.keep("a", AT, parts(10, 50)).unwrap();
        let whole = Some(Shelved { read_at: AT, parts: parts(10, 50) });
        assert_eq!((shelf.kept("a").unwrap(), shelf.kept("b").unwrap()), (whole, None));
        let rows = |path| {
            let connection = Connection::open(path).unwrap();
            connection.query_row("SELECT count(*) FROM directory", [], |row| row.get::<_, u32>(0)).unwrap()
        };
        assert_eq!(rows(&path), 10);
        // One that breaks off does not count, and is gone with the next.
        let part =
            Piece::Part { generation: None, place: 0, parts: 2, whose: "a".to_owned(), read_at: AT, data: vec![9] };
        shelf.ask(part).unwrap();
        assert_eq!(shelf.kept("a").unwrap().unwrap().parts, parts(10, 50));
        shelf.keep("a", AT, parts(1, 7)).unwrap();
        assert_eq!((rows(&path), shelf.kept("a").unwrap().unwrap().parts), (1, parts(1, 7)));
        store.close();
        assert!(shelf.keep("a", AT, parts(1, 8)).unwrap_err().contains("closed"));
    }
}
