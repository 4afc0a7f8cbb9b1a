//! Opens the file, or says why it cannot be used. What is not ours, is newer or is damaged is left as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::StoreError;
use super::schema::{self, APPLICATION_ID};

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// A whole check reads the whole file: of one larger than this, an opening checks what `run` depends on at once, and the
/// history is checked beside everything else.
const CHECKED_AT_ONCE: u64 = 256 << 20;
/// How long a statement waits for another process that holds the file (a backup, a `sqlite3` shell).
const BUSY: Duration = Duration::from_secs(5);
/// The log of changes is cut back to this after a checkpoint.
const LOG_LIMIT: i64 = 64 << 20;

/// The right to write a file, held by one process.
#[derive(Debug)]
pub(super) struct Lock {
    // Held until it is dropped.
    _file: File,
}

/// A file that is ready to be written.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) lock: Lock,
    /// It was made just now.
    pub(super) created: bool,
    /// The version that it had, when it was older.
    pub(super) migrated_from: Option<i64>,
    /// Its last writer did not end in an orderly way.
    pub(super) unclean: bool,
    /// The whole of it has still to be checked for damage.
    pub(super) unchecked: bool,
}

/// Opens a file for its only writer, and makes it when there is none.
pub(super) fn open_to_write(path: &Path) -> Result<Opened, StoreError> {
    let failed = |doing| move |source| StoreError::of(path, doing, source);
    let size = look(path)?;
    if size.is_none() {
        // So that the reason is the system's own, which SQLite does not pass on.
        let made = OpenOptions::new().append(true).create(true).open(path);
        made.map_err(|source| StoreError::File { path: path.to_owned(), what: "created", source })?;
    }
    let may_be_empty = size.unwrap_or(0) == 0 || beside(path, "-journal").exists();
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What is not ours is told before anything is laid down beside it.
    version_of(path, &connection, may_be_empty)?;
    let lock = lock(path)?;
    // Another process may have brought it further before we had the right to.
    let version = version_of(path, &connection, may_be_empty)?;
    if connection.is_readonly("main").map_err(failed("opening"))? {
        let source = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        return Err(StoreError::File { path: path.to_owned(), what: "opened for writing", source });
    }
    let unclean = version > 0 && !was_closed(&connection).map_err(failed("reading its state"))?;
    let large = size.unwrap_or(0) > CHECKED_AT_ONCE;
    if unclean {
        let tables: &[Option<&str>] =
            if large { &[Some("meta"), Some("olt"), Some("onu"), Some("held")] } else { &[None] };
        for table in tables {
            check(path, &connection, "quick_check", *table)?;
        }
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed("opening"))?;
    let migrated = schema::migrate(&mut connection, version).map_err(failed("bringing it to this version"))?;
    // Only now: until here a new file is whole or empty, whenever the process is killed.
    set_up_writer(&connection).map_err(failed("opening"))?;
    set_closed(&connection, false).map_err(failed("writing to it"))?;
    Ok(Opened {
        connection,
        lock,
        created: version == 0,
        migrated_from: (migrated && version > 0).then_some(version),
        unclean,
        unchecked: unclean && large,
    })
}

/// What a writer sets on every connection.
pub(super) fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    // A commit is on the disk when it returns; commits are seconds apart.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_LIMIT, |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// Opens a file of ours to read it beside its writer.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    if look(path)?.is_none() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let version = version_of(path, &connection, false)?;
    if version < schema::VERSION {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            why: format!(
                "it has version {version}, and this oltwatch reads {}: `oltwatch run` brings it there",
                schema::VERSION
            ),
        });
    }
    Ok(connection)
}

/// Which file stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileMark {
    device: u64,
    inode: u64,
}

impl FileMark {
    /// The file that stands there now; an error when none does.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        match fs::metadata(path) {
            Ok(about) => Ok(Self { device: about.dev(), inode: about.ino() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Gone { path: path.to_owned() }),
            Err(source) => Err(StoreError::File { path: path.to_owned(), what: "looked at", source }),
        }
    }
}

/// A connection again for the writer, which was sure of the file before.
pub(super) fn reopen_to_write(path: &Path) -> Result<Connection, StoreError> {
    FileMark::of(path)?;
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let failed = |source| StoreError::of(path, "opening", source);
    if version_of(path, &connection, false)? != schema::VERSION {
        return Err(StoreError::Foreign { path: path.to_owned(), why: "it was replaced while in use".to_owned() });
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
    set_up_writer(&connection).map_err(failed)?;
    Ok(connection)
}

/// Whether the last writer ended in an orderly way.
fn was_closed(connection: &Connection) -> rusqlite::Result<bool> {
    use rusqlite::OptionalExtension;
    let closed: Option<i64> =
        connection.query_row("SELECT value FROM meta WHERE key = 'closed'", [], |row| row.get(0)).optional()?;
    Ok(closed == Some(1))
}

/// Notes that a writer begins or has ended.
pub(super) fn set_closed(connection: &Connection, closed: bool) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('closed', ?1)", [i64::from(closed)])?;
    Ok(())
}

/// Asks SQLite whether the file, or one table of it, contradicts itself.
pub(super) fn check(
    path: &Path,
    connection: &Connection,
    pragma: &'static str,
    table: Option<&str>,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    let mut note = |row: &rusqlite::Row<'_>| {
        found.push(row.get::<_, String>(0)?);
        Ok(())
    };
    match table {
        Some(table) => connection.pragma(None, pragma, table, &mut note),
        None => connection.pragma_query(None, pragma, &mut note),
    }
    .map_err(|source| StoreError::of(path, "checking it", source))?;
    if found.iter().all(|line| line == "ok") {
        return Ok(());
    }
    let more = found.len().saturating_sub(3);
    found.truncate(3);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(StoreError::Damaged { path: path.to_owned(), why: format!("{}{more}", found.join("; ")) })
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of(path, "opening", source);
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    let set_up = || {
        // A file may have been made by somebody who means harm.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        // Until it is known whose file it is, closing it must not change it: what stands in its log stays there.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, beside(path, "-wal").exists())?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "memory")
    };
    set_up().map_err(failed)?;
    Ok(connection)
}

/// The version of a file that is ours; 0 of one that is empty, where that is allowed.
fn version_of(path: &Path, connection: &Connection, may_be_empty: bool) -> Result<i64, StoreError> {
    let number = |pragma| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(|source| StoreError::of(path, "reading its header", source))
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == 0 && version == 0 && may_be_empty {
        return Ok(0);
    }
    let foreign = |why| Err(StoreError::Foreign { path: path.to_owned(), why });
    if application != APPLICATION_ID {
        return foreign(format!("it is a SQLite database of another application (application_id {application:#x})"));
    }
    if version < 1 {
        return foreign(format!("its version is {version}"));
    }
    if version > schema::VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    Ok(version)
}

/// What stands at the path, before SQLite sees it: its size, or none when nothing is there.
fn look(path: &Path) -> Result<Option<u64>, StoreError> {
    let system = |what| move |source| StoreError::File { path: path.to_owned(), what, source };
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(system("looked at")(source)),
    };
    let kind = about.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "a directory"
        } else if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(StoreError::NotAFile { path: path.to_owned(), what });
    }
    // A file that was being made when the power went has a journal from which SQLite makes it whole.
    if about.len() > 0 && !beside(path, "-journal").exists() {
        let mut head = Vec::with_capacity(MAGIC.len());
        let file = File::open(path).map_err(system("opened"))?;
        file.take(MAGIC.len() as u64).read_to_end(&mut head).map_err(system("read"))?;
        if head != MAGIC {
            let begins = String::from_utf8_lossy(&head).into_owned();
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                why: format!("it begins with {begins:?}, and a SQLite database with \"SQLite format 3\""),
            });
        }
    }
    Ok(Some(about.len()))
}

/// The file's path with more at its end.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Takes the right to write. The system gives it back when the process ends, however it ends.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    // Not on the database itself: closing it would take back the locks that SQLite holds there.
    let place = beside(path, "-lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&place)
        .map_err(|source| StoreError::File { path: place.clone(), what: "opened for writing", source })?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
            Err(StoreError::InUse { path: path.to_owned(), lock: place })
        }
        Err(error) => Err(StoreError::File { path: place, what: "locked", source: error.into() }),
    }
}

#[cfg(test)]
mod tests;
