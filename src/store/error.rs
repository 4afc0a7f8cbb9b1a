//! What can be wrong with the database.

use std::io;
use std::path::{Path, PathBuf};

/// What to do about a file that cannot be used, said after what is wrong with it.
const SET_ASIDE: &str =
    "nothing was changed: name another path in [store], or move this file away and a new one is made";

/// Why the database cannot be used. A person reads it; the file is never overwritten.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is something else than a file.
    #[error("{}: is {what}, and the database is a file: name one in [store], such as {}", path.display(), path.join("oltwatch.db").display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What is there: "a directory", "a device".
        what: &'static str,
    },
    /// The file holds something else.
    #[error("{}: is no database of oltwatch: {why}; {SET_ASIDE}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A later version of oltwatch wrote it.
    #[error(
        "{}: has version {found}, and this oltwatch knows versions up to {known}; nothing was changed: use the newer \
         oltwatch, or put back the backup that was made before it", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// Its content contradicts itself.
    #[error(
        "{}: is damaged: {why}; nothing was changed: put back a backup, or keep this file (`sqlite3 FILE .recover` \
         saves what can be read) and move it away, and a new one is made", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found, in SQLite's words.
        why: String,
    },
    /// Another process writes it.
    #[error(
        "{}: another oltwatch writes this database (it holds {}); stop it first, or name another path in [store]",
        path.display(), lock.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// What stands for the right to write it.
        lock: PathBuf,
    },
    /// There is no file, where there has to be one.
    #[error("{}: there is no such file; `oltwatch run` makes it when it starts", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The file was deleted or replaced under its writer.
    #[error(
        "{}: was deleted or replaced while in use: put it back and it is used again, or restart oltwatch for a new one",
        path.display()
    )]
    Gone {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses the file.
    #[error("{}: cannot be {what}: {source}; its folder must exist, and it and its folder must be writable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: "created", "opened".
        what: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The database refuses something.
    #[error("{}: {doing} failed: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// SQLite's reason.
        #[source]
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// What SQLite says, as what it means for the file.
    pub(super) fn of(path: &Path, doing: &'static str, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign { path, why: "SQLite cannot read it".to_owned() },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, why: source.to_string() },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::File { path, what: "opened for writing", source: io::Error::other(source.to_string()) }
            }
            _ => Self::Database { path, doing, source },
        }
    }
}
