//! Where readings stand in the file: by lane and time.
//!
//! A lane is the ONUs of one PON, at most [`MOST_ONUS`] of them (of an OLT that shows no PONs, so many ONUs as they come):
//! what is read together is packed together. A row's number is its lane and its first second, so that what is near in the file
//! is what is read together.

use rusqlite::{Connection, OptionalExtension, params};

use super::pack::PackError;

/// ONUs of a lane.
pub(in crate::store) const MOST_ONUS: u32 = 128;
/// Bits of a row's number that are the time: seconds until the year 2514.
const TIME_BITS: u32 = 34;
const LATEST: i64 = (1 << TIME_BITS) - 1;

/// The four kinds of rows, which are tables of the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    /// One sweep each, as they come.
    Fresh,
    /// Many sweeps each.
    Raw,
    /// Thinned to hours.
    Hourly,
    /// Thinned to days.
    Daily,
}

impl Shelf {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Raw => "raw",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }
}

/// A row: its number and its octets.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) octets: Vec<u8>,
}

/// The number of a lane's row that begins at `second`.
const fn id_at(lane: i64, second: i64) -> i64 {
    let second = if second < 0 {
        0
    } else if second > LATEST {
        LATEST
    } else {
        second
    };
    (lane << TIME_BITS) | second
}

/// Rows of a lane that reach into a time, both ends included, in time order.
pub(super) fn rows(connection: &Connection, shelf: Shelf, lane: i64, from: i64, to: i64) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("SELECT id, data FROM {} WHERE id BETWEEN ?1 AND ?2 AND until >= ?3 ORDER BY id", shelf.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![id_at(lane, 0), id_at(lane, to), from], |row| {
        Ok(Row { id: row.get(0)?, octets: row.get(1)? })
    })?;
    rows.collect()
}

/// Numbers of a lane's rows that reach into a time: to read their octets one by one.
pub(super) fn ids(connection: &Connection, shelf: Shelf, lane: i64, from: i64, to: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = format!("SELECT id FROM {} WHERE id BETWEEN ?1 AND ?2 AND until >= ?3 ORDER BY id", shelf.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![id_at(lane, 0), id_at(lane, to), from], |row| row.get(0))?;
    rows.collect()
}

/// One row's octets.
pub(super) fn octets(connection: &Connection, shelf: Shelf, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached(&format!("SELECT data FROM {} WHERE id = ?1", shelf.table()))?;
    statement.query_row([id], |row| row.get(0)).optional()
}

/// The newest row of a lane.
pub(super) fn newest(connection: &Connection, shelf: Shelf, lane: i64) -> rusqlite::Result<Option<Row>> {
    let sql = format!("SELECT id, data FROM {} WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1", shelf.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let bounds = params![id_at(lane, 0), id_at(lane, LATEST)];
    statement.query_row(bounds, |row| Ok(Row { id: row.get(0)?, octets: row.get(1)? })).optional()
}

/// How many rows a lane has.
pub(super) fn count(connection: &Connection, shelf: Shelf, lane: i64) -> rusqlite::Result<u32> {
    let sql = format!("SELECT count(*) FROM {} WHERE id BETWEEN ?1 AND ?2", shelf.table());
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_row(params![id_at(lane, 0), id_at(lane, LATEST)], |row| row.get(0))
}

/// Puts a row that begins at `second` and ends at `until`. Where one stands already, it goes a second later.
pub(super) fn put(
    connection: &Connection,
    shelf: Shelf,
    lane: i64,
    second: i64,
    until: i64,
    octets: &[u8],
) -> rusqlite::Result<()> {
    let sql = format!("INSERT OR IGNORE INTO {} (id, until, data) VALUES (?1, ?2, ?3)", shelf.table());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut place = second;
    while place < LATEST && statement.execute(params![id_at(lane, place), until, octets])? == 0 {
        place += 1;
    }
    Ok(())
}

pub(super) fn remove(connection: &Connection, shelf: Shelf, id: i64) -> rusqlite::Result<()> {
    connection.prepare_cached(&format!("DELETE FROM {} WHERE id = ?1", shelf.table()))?.execute([id])?;
    Ok(())
}

/// Removes a lane's rows that end before `until`.
pub(super) fn remove_before(connection: &Connection, shelf: Shelf, lane: i64, until: i64) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM {} WHERE id BETWEEN ?1 AND ?2 AND until < ?3", shelf.table());
    connection.prepare_cached(&sql)?.execute(params![id_at(lane, 0), id_at(lane, LATEST), until])?;
    Ok(())
}

/// A row that cannot be unpacked is left out; what is around it stays.
pub(super) fn tell_damaged(shelf: Shelf, id: i64, why: &PackError) {
    tracing::error!(table = shelf.table(), row = id, %why, "a piece of history is damaged and is left out");
}

/// The second at which a row begins.
pub(super) const fn second_of(id: i64) -> i64 {
    id & LATEST
}
