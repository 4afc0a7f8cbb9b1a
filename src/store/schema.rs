//! The shape of the file, by version.
//!
//! A version's statements are never changed once a release has them: what is to be different is a further version.

use rusqlite::{Connection, TransactionBehavior};

/// `PRAGMA application_id` of our files: "OLTW" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x4F4C_5457;

/// Statements that lead from each version to the next; a new file is version 0.
const MIGRATIONS: &[&str] = &[
    // 1: who there is, and what is held of them.
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
     CREATE TABLE olt (
         id INTEGER PRIMARY KEY,
         name TEXT NOT NULL UNIQUE,
         read_at INTEGER                     -- ms: the end of its newest whole state sweep
     ) STRICT;
     CREATE TABLE onu (
         id INTEGER PRIMARY KEY,
         olt INTEGER NOT NULL REFERENCES olt (id),
         who TEXT NOT NULL,                  -- what tells the device: s:SERIAL, m:MAC, else k:KEY
         key TEXT NOT NULL,                  -- the joining numbers at which it was seen last
         pon TEXT, number INTEGER, serial TEXT, mac TEXT, name TEXT,
         first_seen INTEGER NOT NULL,        -- ms
         last_seen INTEGER NOT NULL,         -- ms: when something of this row last changed
         UNIQUE (olt, who)
     ) STRICT;
     CREATE INDEX onu_key ON onu (olt, key);
     CREATE TABLE held (                     -- what judging needs to go on, of ONUs that are listed
         onu INTEGER PRIMARY KEY REFERENCES onu (id),
         at INTEGER NOT NULL,                -- ms
         memory BLOB NOT NULL
     ) STRICT;",
    // 2: what is held of an OLT as a whole, and history.
    "ALTER TABLE olt ADD COLUMN memory BLOB;
     CREATE TABLE lane (                     -- ONUs of one PON whose readings stand together
         id INTEGER PRIMARY KEY,
         olt INTEGER NOT NULL REFERENCES olt (id),
         pon TEXT,                           -- none where the family shows none
         thinned INTEGER NOT NULL            -- s: readings before it are thinned
     ) STRICT;
     CREATE INDEX lane_olt ON lane (olt);
     CREATE INDEX lane_thinned ON lane (thinned);
     CREATE TABLE stay (                     -- which device was in which lane, and since when (s)
         onu INTEGER NOT NULL REFERENCES onu (id),
         lane INTEGER NOT NULL REFERENCES lane (id),
         since INTEGER NOT NULL,
         PRIMARY KEY (onu, lane)
     ) STRICT, WITHOUT ROWID;
     -- Rows of readings. id: the lane and the first second (lane << 34 | s); until: the last second.
     CREATE TABLE fresh (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
     CREATE TABLE raw (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
     CREATE TABLE hourly (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
     CREATE TABLE daily (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, data BLOB NOT NULL) STRICT;",
    // 3: what is written to OZmap, before it is.
    "CREATE TABLE journal (
         id INTEGER PRIMARY KEY,
         client BLOB NOT NULL,               -- the twelve octets of its id
         was INTEGER,                        -- what OZmap showed: 0 OK, 1 ERROR; none: neither, or not known
         wanted INTEGER NOT NULL,            -- what is written
         made INTEGER NOT NULL,              -- ms: when it was decided
         ended INTEGER,                      -- ms: when it was known what came of it
         ending INTEGER,                     -- 1 shown, 2 something else shown, 3 replaced by a newer one, 4 refused
         origin INTEGER NOT NULL,            -- 1 pushed, 2 put back by a person
         olt TEXT NOT NULL, onu TEXT NOT NULL,
         why TEXT NOT NULL,
         incident TEXT
     ) STRICT;
     CREATE INDEX journal_client ON journal (client, id);
     CREATE INDEX journal_made ON journal (made);
     CREATE INDEX journal_open ON journal (id) WHERE ended IS NULL;",
    // 4: what is known of the plant.
    "CREATE TABLE plant (
         kind INTEGER NOT NULL,
         id BLOB NOT NULL,                   -- the twelve octets of its id
         at INTEGER NOT NULL,                -- ms: when it was read
         stamp INTEGER NOT NULL,             -- of what it depends on
         data BLOB NOT NULL,
         PRIMARY KEY (kind, id)
     ) STRICT, WITHOUT ROWID;",
    // 5: the directory of OZmap, for the next start.
    "CREATE TABLE directory (
         id INTEGER PRIMARY KEY,
         generation INTEGER NOT NULL,        -- counts when all of its parts are there
         place INTEGER NOT NULL,             -- from 0
         parts INTEGER NOT NULL,
         whose TEXT NOT NULL,                -- host and port of OZmap
         read_at INTEGER NOT NULL,           -- ms: when its read began
         data BLOB NOT NULL,
         UNIQUE (generation, place)
     ) STRICT;",
    // 6: incidents, and what people said that they were.
    "CREATE TABLE incident (
         number INTEGER PRIMARY KEY,
         id TEXT NOT NULL UNIQUE,            -- a ULID: sorts by time
         kind TEXT NOT NULL,
         opened INTEGER NOT NULL,            -- ms
         cleared INTEGER,                    -- ms; none while it is not over
         closing TEXT,                       -- JSON: a person's word on it
         data TEXT NOT NULL                  -- JSON, as its owner writes it
     ) STRICT;
     CREATE INDEX incident_cleared ON incident (cleared);
     CREATE INDEX incident_closing ON incident (id) WHERE closing IS NOT NULL;",
    // 7: what alert channels have taken.
    "CREATE TABLE alert (
         channel TEXT NOT NULL,
         notice TEXT NOT NULL,               -- an incident's id, or that of something wrong with ourselves
         changed INTEGER NOT NULL,           -- ms
         over INTEGER NOT NULL,              -- 1 when nothing is to be told of it any more
         data TEXT NOT NULL,                 -- JSON, as its owner writes it
         PRIMARY KEY (channel, notice)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX alert_over ON alert (changed) WHERE over = 1;",
];

/// The version that we write.
// A handful.
#[allow(clippy::cast_possible_wrap)]
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the file from `version` to ours; each step is one transaction. Returns whether anything was done.
pub(super) fn migrate(connection: &mut Connection, version: i64) -> rusqlite::Result<bool> {
    let done = usize::try_from(version).unwrap_or(0);
    for (to, statements) in (1_i64..).zip(MIGRATIONS).skip(done) {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(statements)?;
        step.pragma_update(None, "application_id", APPLICATION_ID)?;
        step.pragma_update(None, "user_version", to)?;
        step.commit()?;
    }
    Ok(done < MIGRATIONS.len())
}

/// A file of an older version, as its oltwatch made it.
#[cfg(test)]
pub(super) fn make_version(path: &std::path::Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    for statements in &MIGRATIONS[..version] {
        connection.execute_batch(statements).unwrap();
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    connection.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
}
