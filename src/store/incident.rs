//! Incidents: those that are not over, so that a restart goes on with them, and those that are, for as long as history is kept. What an
//! incident is stands in a text that its owner writes and reads.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::identity::millis;
use super::{StoreError, open};
use crate::model::Timestamp;

/// Longest text of one that is read, octets; what is longer was not written by us.
const LONGEST: u32 = 64 * 1024 * 1024;
/// However long `keep` is, no more that are over stay.
const MOST_ROWS: i64 = 200_000;
/// Rows that are deleted in one transaction.
const THINNED_AT_ONCE: u32 = 1_000;
/// Incidents that may wait to be written: they wait for a second, or for as long as the file cannot be written. Fewer in tests, which fill it.
const MOST_WAITING: usize = if cfg!(test) { 4 } else { 20_000 };

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its id, which sorts by time.
    pub id: String,
    /// What it is, in a word.
    pub kind: String,
    /// When it began.
    pub opened: Timestamp,
    /// When it was over; `None`: it is not.
    pub cleared: Option<Timestamp>,
    /// A person's word on it, as its owner writes it. Not written with the rest: [`Keeper::close_incident`](super::Keeper::close_incident) is for that.
    pub closing: Option<String>,
    /// All of it, as its owner writes it.
    pub data: String,
}

/// What a start begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incidents {
    /// Those that are not over, oldest first.
    pub open: Vec<IncidentRow>,
    /// The last that are over, newest first.
    pub cleared: Vec<IncidentRow>,
}

/// How many there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// Those that are over.
    pub over: u64,
    /// Those that are not.
    pub open: u64,
}

/// What waits to be written: the newest of each incident.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: BTreeMap<String, IncidentRow>,
    closings: BTreeMap<String, String>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.closings.is_empty()
    }

    pub(super) fn keep(&mut self, row: IncidentRow) {
        self.rows.insert(row.id.clone(), row);
        self.bound();
    }

    pub(super) fn close(&mut self, id: String, closing: String) {
        if self.closings.len() < MOST_WAITING || self.closings.contains_key(&id) {
            self.closings.insert(id, closing);
        }
    }

    /// What could not be written waits again, unless something newer came.
    pub(super) fn give_back(&mut self, older: Self) {
        for (id, row) in older.rows {
            self.rows.entry(id).or_insert(row);
        }
        for (id, closing) in older.closings {
            self.closings.entry(id).or_insert(closing);
        }
        self.bound();
    }

    /// When there is too much, the oldest that is over is not kept, and after all of those the oldest.
    fn bound(&mut self) {
        while self.rows.len() > MOST_WAITING {
            let over = self.rows.values().find(|row| row.cleared.is_some());
            let Some(id) = over.or_else(|| self.rows.values().next()).map(|row| row.id.clone()) else { return };
            self.rows.remove(&id);
        }
    }
}

/// Writes what waits, inside a transaction.
pub(super) fn write(connection: &Connection, waiting: &Waiting) -> rusqlite::Result<()> {
    for row in waiting.rows.values() {
        connection
            .prepare_cached(
                "INSERT INTO incident (id, kind, opened, cleared, data) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET kind = ?2, opened = ?3, cleared = ?4, data = ?5",
            )?
            .execute(params![row.id, row.kind, millis(row.opened), row.cleared.map(millis), row.data])?;
    }
    for (id, closing) in &waiting.closings {
        connection
            .prepare_cached("UPDATE incident SET closing = ?2 WHERE id = ?1 AND closing IS NOT ?2")?
            .execute(params![id, closing])?;
    }
    Ok(())
}

/// Deletes what was over before this time, and what is too much. Returns whether there may be more.
pub(super) fn thin(connection: &Connection, before: Timestamp) -> rusqlite::Result<bool> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM incident WHERE number IN (
                 SELECT number FROM incident
                 WHERE cleared < ?1
                    OR cleared < (SELECT cleared FROM incident WHERE cleared IS NOT NULL ORDER BY cleared DESC LIMIT 1 OFFSET ?2)
                 ORDER BY cleared LIMIT ?3)",
        )?
        .execute(params![millis(before), MOST_ROWS, THINNED_AT_ONCE])?;
    Ok(deleted >= THINNED_AT_ONCE as usize)
}

const COLUMNS: &str = "id, kind, opened, cleared, closing, data";

fn incident(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
    let time = |millis: i64| Timestamp::from_millis(u64::try_from(millis).unwrap_or(0));
    Ok(IncidentRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        opened: time(row.get(2)?),
        cleared: row.get::<_, Option<i64>>(3)?.map(time),
        closing: row.get(4)?,
        data: row.get(5)?,
    })
}

fn read<T>(path: &Path, how: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
    let connection = open::open_to_read(path)?;
    how(&connection).map_err(|source| StoreError::of(path, "reading incidents", source))
}

fn select(connection: &Connection, rest: &str, most: u32) -> rusqlite::Result<Vec<IncidentRow>> {
    let mut rows = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM incident WHERE octet_length(data) <= {LONGEST} AND {rest} LIMIT ?1"
    ))?;
    rows.query_map([most], incident)?.collect()
}

pub(super) fn kept(path: &Path, most: u32) -> Result<Incidents, StoreError> {
    read(path, |connection| {
        Ok(Incidents {
            open: select(connection, "cleared IS NULL ORDER BY id", u32::MAX)?,
            cleared: select(connection, "cleared IS NOT NULL ORDER BY cleared DESC, id DESC", most)?,
        })
    })
}

pub(super) fn gasps(path: &Path) -> Result<Option<String>, StoreError> {
    read(path, |connection| {
        connection.query_row("SELECT value FROM meta WHERE key = 'gasps'", [], |row| row.get(0)).optional()
    })
}

/// One incident; `None` when the file has none of this id. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn find(path: &Path, id: &str) -> Result<Option<IncidentRow>, StoreError> {
    read(path, |connection| {
        connection.query_row(&format!("SELECT {COLUMNS} FROM incident WHERE id = ?1"), [id], incident).optional()
    })
}

/// Those on which somebody gave a word, oldest first. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn closed_by_hand(path: &Path) -> Result<Vec<IncidentRow>, StoreError> {
    read(path, |connection| select(connection, "closing IS NOT NULL ORDER BY id", u32::MAX))
}

/// How many there are of each kind, by its word. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn counts(path: &Path) -> Result<Vec<KindCount>, StoreError> {
    read(path, |connection| {
        let mut rows = connection.prepare(
            "SELECT kind, count(cleared), count(*) - count(cleared) FROM incident GROUP BY kind ORDER BY kind",
        )?;
        let count = |row: &Row<'_>| Ok(KindCount { kind: row.get(0)?, over: row.get(1)?, open: row.get(2)? });
        rows.query_map([], count)?.collect()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Keep, Store};
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + second * 1000)
    }

    fn row(id: u32, cleared: Option<u64>) -> IncidentRow {
        IncidentRow {
            id: format!("{id:026}"),
            kind: if id.is_multiple_of(2) { "cut" } else { "power" }.to_owned(),
            opened: at(u64::from(id)),
            cleared: cleared.map(at),
            closing: None,
            data: format!("{{\"id\": {id}}}"),
        }
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn incidents_and_what_people_said_of_them_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        assert_eq!((store.incidents(10).unwrap(), store.gasps().unwrap()), (Incidents::default(), None));
        let keeper = store.keeper();
        keeper.incident(row(1, None));
        keeper.incident(row(2, None));
        keeper.gasps("{}".to_owned());
        assert!(store.flush(PATIENCE));
        keeper.close_incident(row(2, None).id, "word".to_owned());
        keeper.close_incident(row(9, None).id, "of one that is not there".to_owned());
        keeper.incident(row(2, Some(50)));
        keeper.incident(row(3, Some(40)));
        store.close();

        let store = Store::open(&path, Keep::default()).unwrap();
        let said = IncidentRow { closing: Some("word".to_owned()), ..row(2, Some(50)) };
        let kept = store.incidents(10).unwrap();
        assert_eq!(kept, Incidents { open: vec![row(1, None)], cleared: vec![said.clone(), row(3, Some(40))] });
        assert_eq!(store.incidents(1).unwrap().cleared, [said.clone()]);
        assert_eq!(store.gasps().unwrap().as_deref(), Some("{}"));
        // What it is changes, what was said stays.
        store.keeper().incident(row(2, Some(60)));
        assert!(store.flush(PATIENCE));
        assert_eq!(find(&path, &said.id).unwrap().unwrap().closing.as_deref(), Some("word"));
        assert_eq!(find(&path, "none").unwrap(), None);
        assert_eq!(closed_by_hand(&path).unwrap().len(), 1);
        let count = |kind: &str, over, open| KindCount { kind: kind.to_owned(), over, open };
        assert_eq!(counts(&path).unwrap(), [count("cut", 1, 0), count("power", 1, 1)]);
    }

    #[test]
    fn what_was_over_long_ago_goes_and_what_is_not_over_stays() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection, 0).unwrap();
        let mut waiting = Waiting::default();
        for one in [row(1, None), row(2, Some(10)), row(3, Some(70))] {
            waiting.keep(one);
        }
        write(&connection, &waiting).unwrap();
        assert!(!thin(&connection, at(60)).unwrap());
        let ids: Vec<String> =
            select(&connection, "true ORDER BY id", u32::MAX).unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, [row(1, None).id, row(3, None).id]);
    }

    #[test]
    fn what_waits_is_bounded_and_the_open_ones_wait_longest() {
        let mut waiting = Waiting::default();
        for one in [row(1, None), row(2, Some(10)), row(3, None), row(4, Some(20)), row(5, None)] {
            waiting.keep(one);
        }
        let ids = |waiting: &Waiting| {
            waiting
                .rows
                .values()
                .map(|row| row.opened.millis() % 1000 + row.opened.since(at(0)).as_secs())
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&waiting), [1, 3, 4, 5]);
        // A newer word on the same one stays when an older one comes back.
        let mut older = Waiting::default();
        older.keep(IncidentRow { data: "older".to_owned(), ..row(1, None) });
        older.keep(row(6, None));
        waiting.give_back(older);
        assert_eq!(ids(&waiting), [1, 3, 5, 6]);
        assert_eq!(waiting.rows.values().next().unwrap().data, row(1, None).data);
    }
}
