//! What each alert channel has taken of each incident: octets that only `alert` reads.
//!
//! A row is on the disk when [`AlertRows::keep`] has answered, so that a process that is killed at any instant repeats at most the
//! message in hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::identity::millis;
use super::queue::Queue;
use super::shelf::{Order, Piece};
use super::{StoreError, open};
use crate::model::Timestamp;

/// How long what is over stays: longer than anything is shown as over that might be told again.
const KEEP_OVER: Duration = Duration::from_secs(14 * 24 * 3600);
/// Rows that are deleted in one transaction.
const DELETED_AT_ONCE: u32 = 1_000;
/// Rows of one channel that are read; more is no journal of ours.
const MOST_ROWS: u32 = 100_000;

/// What a channel has taken of one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// The channel's name.
    pub channel: String,
    /// The incident's id, or that of something wrong with ourselves.
    pub notice: String,
    /// Whether nothing is to be told of it any more.
    pub over: bool,
    /// As its owner writes it.
    pub data: String,
}

/// Where channels keep what they have taken. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AlertRows {
    queue: Arc<Queue>,
    path: PathBuf,
}

impl AlertRows {
    pub(super) const fn new(queue: Arc<Queue>, path: PathBuf) -> Self {
        Self { queue, path }
    }

    /// Keeps these rows in place of older ones, and answers when they are on the disk.
    ///
    /// # Errors
    /// Why they are not, in words.
    pub async fn keep(&self, at: Timestamp, rows: Vec<AlertRow>) -> Result<(), String> {
        let (answer, done) = oneshot::channel();
        self.queue.shelve(Order { piece: Piece::Alerts(at, rows), answer });
        match done.await {
            Ok(done) => done.map(|_| ()),
            Err(_) => Err("the database is closed".to_owned()),
        }
    }

    /// What was kept of a channel, or of all of them. Blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn kept(&self, channel: Option<&str>) -> Result<Vec<AlertRow>, StoreError> {
        kept(&self.path, channel)
    }
}

pub(super) fn kept(path: &Path, channel: Option<&str>) -> Result<Vec<AlertRow>, StoreError> {
    let connection = open::open_to_read(path)?;
    read(&connection, channel).map_err(|source| StoreError::of(path, "reading what was told", source))
}

fn read(connection: &Connection, channel: Option<&str>) -> rusqlite::Result<Vec<AlertRow>> {
    let mut rows = connection.prepare(
        "SELECT channel, notice, over, data FROM alert WHERE ?1 IS NULL OR channel = ?1 ORDER BY changed DESC LIMIT ?2",
    )?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(AlertRow { channel: row.get(0)?, notice: row.get(1)?, over: row.get(2)?, data: row.get(3)? })
    };
    rows.query_map(params![channel, MOST_ROWS], row)?.collect()
}

/// Carries out an order inside a transaction.
pub(super) fn write(connection: &Connection, at: Timestamp, rows: &[AlertRow]) -> rusqlite::Result<i64> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO alert (channel, notice, changed, over, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for AlertRow { channel, notice, over, data } in rows {
        insert.execute(params![channel, notice, millis(at), over, data])?;
    }
    let old = millis(at).saturating_sub(i64::try_from(KEEP_OVER.as_millis()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "DELETE FROM alert WHERE (channel, notice) IN
                 (SELECT channel, notice FROM alert WHERE over = 1 AND changed < ?1 LIMIT ?2)",
        )?
        .execute(params![old, DELETED_AT_ONCE])?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Keep, Store};

    const AT: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn row(channel: &str, notice: &str, over: bool, data: &str) -> AlertRow {
        AlertRow { channel: channel.to_owned(), notice: notice.to_owned(), over, data: data.to_owned() }
    }

    #[tokio::test]
    async fn the_newest_of_each_outlives_the_process_and_what_is_long_over_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oltwatch.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        let rows = store.alerts();
        rows.keep(AT, vec![row("a", "1", false, "old"), row("b", "1", true, "b")]).await.unwrap();
        rows.keep(AT, vec![row("a", "1", false, "new"), row("a", "2", true, "x")]).await.unwrap();
        store.close();
        assert!(rows.keep(AT, Vec::new()).await.unwrap_err().contains("closed"));
        // A process that another test starts has the lock, too, until it becomes another program.
        let store = loop {
            match Store::open(&path, Keep::default()) {
                Err(StoreError::InUse { .. }) => std::thread::sleep(Duration::from_millis(1)),
                opened => break opened.unwrap(),
            }
        };
        let rows = store.alerts();
        let mut kept = rows.kept(Some("a")).unwrap();
        kept.sort_by(|one, other| one.notice.cmp(&other.notice));
        assert_eq!(kept, [row("a", "1", false, "new"), row("a", "2", true, "x")]);
        let later = AT + KEEP_OVER + Duration::from_secs(1);
        rows.keep(later, vec![row("c", "3", false, "c")]).await.unwrap();
        let mut left: Vec<String> = rows.kept(None).unwrap().into_iter().map(|row| row.data).collect();
        left.sort();
        assert_eq!(left, ["c", "new"]);
    }
}
