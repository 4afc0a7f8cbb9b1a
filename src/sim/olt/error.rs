//! What can go wrong with a simulated OLT, and whose fault it was.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::snmprec::Mistake;

/// A simulated OLT that cannot be had. None of these goes away by trying again, except a port that is in use.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The caller's fault: started outside of a tokio runtime.
    #[error("a simulated OLT needs a running tokio runtime, and there is none on this thread")]
    NoRuntime,
    /// The address is in use, not of this machine, or needs rights.
    #[error("cannot listen on UDP {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no socket or thread.
    #[error("cannot set up a simulated OLT ({what}): {source}")]
    Setup {
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The capture cannot be read.
    #[error("cannot read the capture {}: {source}", path.display())]
    ReadCapture {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The capture is larger than we take.
    #[error("the capture {name} is larger than {limit} bytes, which is the most that is read")]
    CaptureTooLarge {
        /// The file.
        name: String,
        /// Most bytes.
        limit: u64,
    },
    /// The capture has lines that are no rows.
    #[error("{}", Listed { mistakes, more: *more })]
    Mistakes {
        /// The first ones, in the file's order.
        mistakes: Vec<Mistake>,
        /// How many follow that are not listed.
        more: usize,
    },
}

struct Listed<'a> {
    mistakes: &'a [Mistake],
    more: usize,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.mistakes.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        if self.more > 0 {
            write!(f, "\n… and {} more lines with a mistake", self.more)?;
        }
        Ok(())
    }
}
