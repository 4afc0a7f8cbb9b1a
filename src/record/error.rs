//! What can be wrong with a recording.

use std::io;
use std::path::PathBuf;

/// Why a recording cannot be written or read. A person reads it; nothing is retried.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A recording is never written over.
    #[error("{}: exists already, and a recording is never overwritten: name another file ({{time}} in the name becomes the time of the start)", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses the file.
    #[error("{}: cannot be {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried: "created", "read", "opened".
        what: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{}: is no recording: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A line of it cannot be read.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1, in the unpacked text.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}
