//! For people who look at a file: what it holds, whether it is sound, and making it smaller.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::StoreError;
use super::open;
use crate::model::Timestamp;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Its version.
    pub version: i64,
    /// The version of the SQLite library that reads it.
    pub sqlite: &'static str,
    /// Octets of the file.
    pub bytes: u64,
    /// Of them, octets that hold nothing and are used again.
    pub free_bytes: u64,
    /// Octets of the log of changes that are not in the file yet.
    pub log_bytes: u64,
    /// Whether its last writer ended in an orderly way. False while one writes.
    pub closed: bool,
    /// Statuses that were written to OZmap, in the journal.
    pub journal: u64,
    /// Of them, those of which nobody has seen what came.
    pub journal_open: u64,
    /// The directory of OZmap that is kept for the next start.
    pub directory: Option<DirectoryContents>,
    /// Elements of the plant and clients' routes.
    pub plant: u64,
    /// Octets that they take.
    pub plant_bytes: u64,
    /// Incidents, those that are over included.
    pub incidents: u64,
    /// Of them, those that are not over.
    pub incidents_open: u64,
    /// OLTs, by name.
    pub olts: Vec<OltContents>,
}

/// What a file holds of OZmap's clients: only `ozmap` can say how many they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectoryContents {
    /// Host and port of OZmap.
    pub host: String,
    /// When it was read.
    pub read_at: Timestamp,
    /// Octets that it takes.
    pub bytes: u64,
}

/// What a file holds of one OLT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OltContents {
    /// Its name.
    pub olt: String,
    /// Devices that were ever seen on it.
    pub devices: u64,
    /// ONUs of which something is held.
    pub held: u64,
    /// The end of its newest whole sweep of states.
    pub read_at: Option<Timestamp>,
}

/// What the file holds. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when it is none of ours or cannot be read.
pub fn contents(path: &Path) -> Result<Contents, StoreError> {
    let connection = open::open_to_read(path)?;
    let read = || {
        let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
        let page = number("page_size")?;
        let closed: i64 =
            connection
                .query_row("SELECT coalesce((SELECT value FROM meta WHERE key = 'closed'), 0)", [], |row| row.get(0))?;
        let mut olts = connection.prepare(
            "SELECT name, read_at, (SELECT count(*) FROM onu WHERE olt = olt.id),
                    (SELECT count(*) FROM held JOIN onu ON onu.id = held.onu WHERE olt = olt.id)
             FROM olt ORDER BY name",
        )?;
        let olts = olts.query_map([], |row| {
            Ok(OltContents {
                olt: row.get(0)?,
                read_at: row.get::<_, Option<u64>>(1)?.map(Timestamp::from_millis),
                devices: row.get(2)?,
                held: row.get(3)?,
            })
        })?;
        Ok(Contents {
            version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            sqlite: rusqlite::version(),
            bytes: number("page_count")? * page,
            free_bytes: number("freelist_count")? * page,
            log_bytes: fs::metadata(open::beside(path, "-wal")).map_or(0, |log| log.len()),
            closed: closed == 1,
            journal: count("SELECT count(*) FROM journal")?,
            journal_open: count("SELECT count(*) FROM journal WHERE ended IS NULL")?,
            directory: directory(&connection)?,
            plant: count("SELECT count(*) FROM plant")?,
            plant_bytes: count("SELECT coalesce(sum(length(data)), 0) FROM plant")?,
            incidents: count("SELECT count(*) FROM incident")?,
            incidents_open: count("SELECT count(*) FROM incident WHERE cleared IS NULL")?,
            olts: olts.collect::<Result<_, _>>()?,
        })
    };
    read().map_err(|source| StoreError::of(path, "reading it", source))
}

/// The newest directory that is whole.
fn directory(connection: &Connection) -> rusqlite::Result<Option<DirectoryContents>> {
    connection
        .query_row(
            "SELECT max(whose), max(read_at), sum(length(data)) FROM directory
             GROUP BY generation HAVING count(*) = max(parts) ORDER BY generation DESC LIMIT 1",
            [],
            |row| {
                Ok(DirectoryContents {
                    host: row.get(0)?,
                    read_at: Timestamp::from_millis(row.get::<_, u64>(1)?),
                    bytes: row.get(2)?,
                })
            },
        )
        .optional()
}

/// Checks every page, index and rule of the file. Blocks, for as long as it takes to read the file; may run beside a writer.
///
/// # Errors
/// [`StoreError::Damaged`] with the first contradictions; others when it is none of ours or cannot be read.
pub fn check(path: &Path) -> Result<(), StoreError> {
    let connection = open::open_to_read(path)?;
    open::check(path, &connection, "integrity_check", None)
}

/// Gives back to the system what the file does not use: returns its size before and after. Blocks; nobody else may write.
///
/// # Errors
/// [`StoreError`], [`StoreError::InUse`] among them, when it cannot be done.
pub fn compact(path: &Path) -> Result<(u64, u64), StoreError> {
    drop(open::open_to_read(path)?);
    let opened = open::open_to_write(path)?;
    let size = || fs::metadata(path).map_or(0, |file| file.len());
    let failed = |source| StoreError::of(path, "making it smaller", source);
    let whole = opened.connection.pragma_query(None, "wal_checkpoint", |_| Ok(()));
    let before = whole.map(|()| size()).map_err(failed)?;
    opened.connection.execute_batch("VACUUM").map_err(failed)?;
    open::set_closed(&opened.connection, true).map_err(failed)?;
    opened.connection.close().map_err(|(_, source)| failed(source))?;
    Ok((before, size()))
}
