//! History: every optics reading of every ONU, packed small, and thinned with age.
//!
//! ```text
//!   Levels (a slice of optics) ──upkeep::append──► fresh: a row a lane and slice ──pack──► raw: many sweeps of a lane a row
//!                                                                                           │ older than `keep`
//!                                                              hourly, daily ◄──thin─────────┘
//! ```
//!
//! `sample` is what one reading says, `block` and `span` are the rows' octets, `pack` their columns, `lane` where they stand.
//! What is not there was not read: a gap in the times says that the OLT was not read, a reading without a level says why.

mod block;
mod lane;
mod pack;
mod read;
mod sample;
mod span;
pub(super) mod upkeep;

pub use read::{Device, DeviceId, LevelSlice, LevelStream, Reader, SpanAt};
pub use sample::{Lack, Sample, Seen};
pub use span::{Span, Spread};

pub(super) use lane::MOST_ONUS;

use crate::model::{Mac, OltId, OnuKey, PonId, Serial, Timestamp};

/// What a slice of optics read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    /// The OLT.
    pub olt: OltId,
    /// When it ended.
    pub at: Timestamp,
    /// Its ONUs.
    pub rows: Vec<LevelRow>,
}

/// What was read of one ONU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelRow {
    /// What tells it from the OLT's other ONUs.
    pub key: OnuKey,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its PON port; `None` where the family shows none.
    pub pon: Option<PonId>,
    /// The reading.
    pub sample: Sample,
}

#[cfg(test)]
mod tests;
