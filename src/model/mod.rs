//! The words that every room shares, as types.
//!
//! In: nothing. Out: units with their scale ([`Dbm`], [`Metres`] …), names in their one canonical form ([`Serial`],
//! [`Mac`], [`PonId`], [`OnuId`] …), what a sweep reads ([`Reading`], [`Sweep`]), and what is held of an ONU
//! ([`Truth`], [`Level`], [`Verdict`]). Not its business: I/O, the time of day, thresholds.

mod held;
mod names;
mod ozmap_id;
mod reading;
mod serial;
mod time;
mod units;
mod written;

pub use held::{Cause, Level, ParseWordError, Truth, Verdict};
pub use names::{OltId, OnuId, OnuKey, ParsePonError, PonId};
pub use ozmap_id::{ClientId, ElementId, ParseIdError, PropertyId};
pub use reading::{
    Completeness, Field, Gap, OnuState, PonReading, PonState, RawNumber, Reading, Sweep, SweepKind, SweepScope, Unread,
};
pub use serial::{Mac, ParseMacError, ParseSerialError, Serial};
pub use time::Timestamp;
pub use units::{Celsius, Dbm, Decibels, Metres, Milliamperes, UnitRangeError, Volts};
