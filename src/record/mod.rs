//! Recordings: what an OLT said, as it was given to `signal`, in a file that a person can read and a program can replay.
//!
//! In: sweeps, silences and hints, from the tasks that judge; owners and the plant, from the one that owns incidents; on the way back a file. Out: a gzip file of JSON lines, and
//! its [`Entry`]s again, each bounded and checked, and what `signal` and `incident` decide of them ([`Replay`]). Not its business: how
//! that is shown.
//!
//! ```text
//!   judge tasks ──Recorder::note──(bounded by rows; what does not fit is counted as lost)──► writer thread ──► FILE
//!   FILE ──RecordingReader──► Entry, Entry, …
//! ```
//!
//! The first line is the [`Header`] with the rules in force; each further line is one [`Entry`]. A recording never holds
//! communities, tokens or addresses. With a [`Scrubber`] it holds no serials, MACs or names either.
//!
//! Recording never delays polling: a disk that is slow costs entries, which the recording says; one that is full ends the
//! recording, which the log says.
//!
//! Apart from that, what an OLT answers row by row ([`record_olt`]): a `.snmprec` file that a simulated OLT can serve, in which a
//! [`Mask`] has replaced everybody, for profiles and bug reports.

mod device;
mod entry;
mod error;
mod mask;
mod reader;
mod replay;
mod scrub;
mod snmprec;
mod writer;

pub use device::{Recorded, Subject, record_olt};
pub use entry::{Entry, Header, Looked, Owned, Rules};
pub use error::RecordError;
pub use mask::Mask;
pub use reader::RecordingReader;
pub use replay::{Decided, Replay, ReplayError, Tally, Who};
pub use scrub::Scrubber;
pub use snmprec::WalkFile;
pub use writer::{Recorder, Recording};
