//! The journal of what is written to OZmap: before it is written, and what became of it.
//!
//! An intent is on the disk when [`Journal::write`] has answered; only then may the request go out. Its ending follows when OZmap was
//! seen to show it, or not to. So a process that is killed at any instant knows afterwards what it may have written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use super::identity::{millis, parse_key};
use super::queue::Queue;
use super::{StoreError, open};
use crate::model::{OltId, OnuId, OnuKey, Timestamp};

/// Rows that are deleted in one transaction, so that nobody waits long for it.
const THINNED_AT_ONCE: u32 = 5_000;
/// However long `keep` is, no more rows than this stay.
const MOST_ROWS: i64 = 2_000_000;
/// Longest reason that is kept, in characters.
const LONGEST_WHY: usize = 300;

/// The twelve octets of a client's id in OZmap.
pub type ClientOctets = [u8; 12];

/// A status that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The client.
    pub client: ClientOctets,
    /// What OZmap showed before, as the number on the wire; `None` when it was neither OK nor ERROR, or is not known.
    pub was: Option<u8>,
    /// What is written, as the number on the wire.
    pub wanted: u8,
    /// Who wants it.
    pub origin: Origin,
    /// The ONU behind it.
    pub onu: OnuId,
    /// Why.
    pub why: String,
    /// The incident that explains it.
    pub incident: Option<String>,
}

/// Who wants a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The truth about the ONU.
    Push,
    /// A person who puts back what was written.
    Revert,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// OZmap was seen to show it.
    Shown,
    /// OZmap was seen to show something else.
    Other,
    /// Another one for the same client took its place before anybody saw what came of it.
    Replaced,
    /// OZmap refused it.
    Refused,
}

impl Ending {
    const fn number(self) -> u8 {
        match self {
            Self::Shown => 1,
            Self::Other => 2,
            Self::Replaced => 3,
            Self::Refused => 4,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Shown),
            2 => Some(Self::Other),
            3 => Some(Self::Replaced),
            4 => Some(Self::Refused),
            _ => None,
        }
    }
}

/// An intent with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// When it was decided.
    pub made: Timestamp,
    /// What was decided.
    pub intent: Intent,
    /// What became of it and when; `None` while nobody knows.
    pub ended: Option<(Timestamp, Ending)>,
}

/// What OZmap was last seen to show of what we wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastShown {
    /// The client.
    pub client: ClientOctets,
    /// The status, as the number on the wire.
    pub status: u8,
    /// When it was seen.
    pub at: Timestamp,
}

/// What is written down in one transaction, and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) at: Timestamp,
    pub(super) endings: Vec<(i64, Ending)>,
    /// Each with the time at which it was decided.
    pub(super) intents: Vec<(Timestamp, Intent)>,
    pub(super) answer: oneshot::Sender<Result<Vec<i64>, String>>,
}

/// Where the pusher writes down what it is about to write. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    queue: Arc<Queue>,
    path: PathBuf,
}

impl Journal {
    pub(super) const fn new(queue: Arc<Queue>, path: PathBuf) -> Self {
        Self { queue, path }
    }

    /// The database that it stands in.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down endings of earlier intents, then new intents, in one transaction, and answers when it is on the disk: with the
    /// numbers of the new ones, in their order. An id that is not known is passed over. The time is `at`.
    ///
    /// An intent that OZmap refused when it was last tried takes the row of that one: a client that is refused for months has one.
    ///
    /// # Errors
    /// Why nothing of it is written, in words.
    pub async fn write(
        &self,
        at: Timestamp,
        endings: Vec<(i64, Ending)>,
        intents: Vec<Intent>,
    ) -> Result<Vec<i64>, String> {
        self.write_dated(at, endings, intents.into_iter().map(|intent| (at, intent)).collect()).await
    }

    /// As [`Journal::write`], for intents that were decided earlier, each at its time. Their writes may have been sent already, while the
    /// journal could not be written.
    ///
    /// # Errors
    /// Why nothing of it is written, in words.
    pub async fn write_dated(
        &self,
        at: Timestamp,
        endings: Vec<(i64, Ending)>,
        intents: Vec<(Timestamp, Intent)>,
    ) -> Result<Vec<i64>, String> {
        let (answer, written) = oneshot::channel();
        self.queue.journal(Request { at, endings, intents, answer });
        match written.await {
            Ok(written) => written,
            Err(_) => Err("the database is closed".to_owned()),
        }
    }
}

/// Carries out a request inside a transaction.
pub(super) fn write(connection: &Connection, request: &Request) -> rusqlite::Result<Vec<i64>> {
    let at = millis(request.at);
    for (id, ending) in &request.endings {
        connection
            .prepare_cached("UPDATE journal SET ended = ?2, ending = ?3 WHERE id = ?1 AND ended IS NULL")?
            .execute(params![id, at, ending.number()])?;
    }
    request.intents.iter().map(|(made, intent)| put_down(connection, intent, millis(*made))).collect()
}

/// In the place of the one before, where that was the same and OZmap refused it.
fn put_down(connection: &Connection, intent: &Intent, at: i64) -> rusqlite::Result<i64> {
    let why: String = intent.why.chars().take(LONGEST_WHY).collect();
    let origin = match intent.origin {
        Origin::Push => 1,
        Origin::Revert => 2,
    };
    let (olt, onu) = (intent.onu.olt.as_str(), intent.onu.key.to_string());
    let values = params![intent.client, intent.was, intent.wanted, at, origin, olt, onu, why, intent.incident];
    let again = connection
        .prepare_cached(
            "UPDATE journal SET was = ?2, made = ?4, olt = ?6, onu = ?7, why = ?8, incident = ?9, ended = NULL, ending = NULL
             WHERE id = (SELECT max(id) FROM journal WHERE client = ?1) AND ending = 4 AND wanted = ?3 AND origin = ?5
             RETURNING id",
        )?
        .query_row(values, |row| row.get(0))
        .optional()?;
    match again {
        Some(id) => Ok(id),
        None => connection
            .prepare_cached(
                "INSERT INTO journal (client, was, wanted, made, origin, olt, onu, why, incident)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .insert(values),
    }
}

/// Deletes what ended before this time; of each client, what OZmap was last seen to show stays. Returns whether there may be more.
pub(super) fn thin(connection: &Connection, before: Timestamp) -> rusqlite::Result<bool> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM journal WHERE id IN (
                 SELECT id FROM journal AS old
                 WHERE ended IS NOT NULL AND (made < ?1 OR id <= (SELECT max(id) FROM journal) - ?2)
                   AND (ending <> 1 OR EXISTS
                        (SELECT 1 FROM journal AS newer WHERE newer.client = old.client AND newer.id > old.id AND newer.ending = 1))
                 LIMIT ?3)",
        )?
        .execute(params![millis(before), MOST_ROWS, THINNED_AT_ONCE])?;
    Ok(deleted >= THINNED_AT_ONCE as usize)
}

const COLUMNS: &str = "id, client, was, wanted, made, ended, ending, origin, olt, onu, why, incident";

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let time = |millis: i64| Timestamp::from_millis(u64::try_from(millis).unwrap_or(0));
    let ending = row.get::<_, Option<u8>>(6)?.and_then(Ending::from_number);
    Ok(Entry {
        id: row.get(0)?,
        made: time(row.get(4)?),
        ended: row.get::<_, Option<i64>>(5)?.map(time).zip(ending),
        intent: Intent {
            client: row.get(1)?,
            was: row.get(2)?,
            wanted: row.get(3)?,
            origin: if row.get::<_, i64>(7)? == 2 { Origin::Revert } else { Origin::Push },
            onu: OnuId {
                olt: OltId::new(&row.get::<_, String>(8)?),
                key: parse_key(&row.get::<_, String>(9)?).unwrap_or_else(|| OnuKey::new(&[])),
            },
            why: row.get(10)?,
            incident: row.get(11)?,
        },
    })
}

fn read<T>(path: &Path, how: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
    let connection = open::open_to_read(path)?;
    how(&connection).map_err(|source| StoreError::of(path, "reading the journal", source))
}

/// Intents of which nobody knows what became, oldest first. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn open_entries(path: &Path) -> Result<Vec<Entry>, StoreError> {
    read(path, |connection| {
        let mut rows = connection.prepare(&format!("SELECT {COLUMNS} FROM journal WHERE ended IS NULL ORDER BY id"))?;
        rows.query_map([], entry)?.collect()
    })
}

/// What was decided at this time or later, oldest first. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn entries_since(path: &Path, since: Timestamp) -> Result<Vec<Entry>, StoreError> {
    read(path, |connection| {
        let mut rows = connection.prepare(&format!("SELECT {COLUMNS} FROM journal WHERE made >= ?1 ORDER BY id"))?;
        rows.query_map([millis(since)], entry)?.collect()
    })
}

/// What OZmap was last seen to show of each client that was ever written. Blocks; may run beside a writer.
///
/// # Errors
/// [`StoreError`] when the file cannot be read.
pub fn last_shown(path: &Path) -> Result<Vec<LastShown>, StoreError> {
    read(path, |connection| {
        // SQLite takes the other columns from the row that has the maximum.
        let mut rows = connection
            .prepare("SELECT client, wanted, ended, max(id) FROM journal WHERE ending = 1 GROUP BY client")?;
        let shown = |row: &Row<'_>| {
            let at = Timestamp::from_millis(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
            Ok(LastShown { client: row.get(0)?, status: row.get(1)?, at })
        };
        rows.query_map([], shown)?.collect()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Keep, Store};
    use super::*;

    fn intent(client: u8, was: Option<u8>, wanted: u8) -> Intent {
        Intent {
            client: [client; 12],
            was,
            wanted,
            origin: Origin::Push,
            onu: OnuId { olt: OltId::new("a"), key: OnuKey::new(&[1, 2]) },
            why: "light lost".to_owned(),
            incident: None,
        }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + second * 1000)
    }

    #[tokio::test]
    async fn an_intent_is_in_the_file_when_it_is_answered_and_its_ending_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        let journal = store.journal();
        let ids = journal.write(at(0), vec![], vec![intent(1, Some(0), 1), intent(2, None, 1)]).await.unwrap();
        // Another connection sees it: nothing more has to happen for it to survive.
        let open = open_entries(&path).unwrap();
        assert_eq!(open.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
        assert_eq!((open[1].made, &open[1].intent, open[1].ended), (at(0), &intent(2, None, 1), None));

        let more = journal
            .write(at(5), vec![(ids[0], Ending::Shown), (999, Ending::Other)], vec![intent(1, Some(1), 0)])
            .await
            .unwrap();
        assert_eq!(open_entries(&path).unwrap().iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1], more[0]]);
        let shown = LastShown { client: [1; 12], status: 1, at: at(5) };
        assert_eq!(last_shown(&path).unwrap(), [shown]);
        // An ending stands: it is not changed by a later one.
        journal.write(at(6), vec![(ids[0], Ending::Other)], vec![]).await.unwrap();
        assert_eq!(last_shown(&path).unwrap(), [shown]);
        assert_eq!(entries_since(&path, at(5)).unwrap().len(), 1);
        assert_eq!(entries_since(&path, at(0)).unwrap()[0].ended, Some((at(5), Ending::Shown)));
        store.close();
        assert_eq!(journal.write(at(7), vec![], vec![intent(3, None, 1)]).await.unwrap_err(), "the database is closed");
    }

    #[tokio::test]
    async fn what_is_refused_again_and_again_has_one_row() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("o.db"), Keep::default()).unwrap();
        let journal = store.journal();
        let mut ids = Vec::new();
        for second in 0..20 {
            let id = journal.write(at(second), vec![], vec![intent(7, Some(0), 1)]).await.unwrap()[0];
            let open = open_entries(journal.path()).unwrap();
            assert_eq!((open.len(), open[0].id, open[0].made), (1, id, at(second)), "as any other, while nobody knows");
            journal.write(at(second), vec![(id, Ending::Refused)], vec![]).await.unwrap();
            ids.push(id);
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
        // Another status, another client, another origin, and what was not refused, stand beside it.
        let put_back = Intent { origin: Origin::Revert, ..intent(7, Some(0), 1) };
        let others = vec![put_back, intent(7, Some(1), 0), intent(8, Some(0), 1)];
        let new = journal.write(at(30), vec![], others).await.unwrap();
        journal.write(at(31), new.iter().map(|id| (*id, Ending::Shown)).collect(), vec![]).await.unwrap();
        journal.write(at(32), vec![], vec![intent(8, Some(0), 1), intent(7, Some(0), 1)]).await.unwrap();
        assert_eq!(entries_since(journal.path(), at(0)).unwrap().len(), 6);
        store.close();
    }

    #[test]
    fn what_is_old_goes_but_what_was_last_shown_of_each_client_and_what_is_open_stays() {
        let mut connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut connection, 0).unwrap();
        let put = |second, client, wanted, ending: Option<Ending>| {
            let (answer, _) = oneshot::channel();
            let intents = vec![(at(second), intent(client, None, wanted))];
            let id = write(&connection, &Request { at: at(second), endings: vec![], intents, answer }).unwrap()[0];
            let (answer, _) = oneshot::channel();
            let endings = ending.map(|ending| (id, ending)).into_iter().collect();
            write(&connection, &Request { at: at(second), endings, intents: vec![], answer }).unwrap();
            id
        };
        let _older = put(0, 1, 1, Some(Ending::Shown));
        let last_of_one = put(1, 1, 0, Some(Ending::Shown));
        let _refused = put(2, 2, 1, Some(Ending::Refused));
        let open = put(3, 3, 1, None);
        let young = put(90, 4, 1, Some(Ending::Refused));
        assert!(!thin(&connection, at(60)).unwrap());
        let mut left = connection.prepare("SELECT id FROM journal ORDER BY id").unwrap();
        let left: Vec<i64> = left.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(left, [last_of_one, open, young]);
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_told_at_once_and_nothing_of_it_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let mut left = 1;
        let store = Store::start(&path, Keep::default(), |writer| {
            writer.fault = Some(Box::new(move || {
                left -= 1;
                (left >= 0).then(|| {
                    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
                })
            }));
        })
        .unwrap();
        let journal = store.journal();
        // The writer's own turns may meet the fault first.
        let mut refused = 0;
        while let Err(why) = journal.write(at(0), vec![], vec![intent(1, None, 1)]).await {
            assert!(why.contains("full"), "{why}");
            refused += 1;
        }
        assert!(refused <= 1);
        assert_eq!(open_entries(&path).unwrap().len(), 1);
        assert!(store.flush(Duration::from_secs(60)));
        store.close();
    }
}
