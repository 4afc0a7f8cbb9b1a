//! Decides what is true of each ONU of an OLT, and what its client should show.
//!
//! In: [`Sweep`](crate::model::Sweep)s of one OLT with their times, "it did not answer", "it is now this late";
//! [`Thresholds`](crate::config::Thresholds) and [`StatusMap`](crate::config::StatusMap).
//! Out: per ONU its truth, level and verdict with the reason ([`Held`]), and a [`Transition`] only when one of them changed.
//! Not its business: I/O, the time of day, randomness, what several losses have in common, OZmap. The same sweeps give
//! the same decisions on every run.
//!
//! Who does what: [`class_of`] and the level machine in `level`, up and down in `truth`, the table in `verdict`, the
//! tripwire on bad data in `quality`, what comes and goes in `flap`, what falls over days in `baseline`, what outlives the process in `memory`, which rule is for whom in `rules`; `held` merges what sweeps say of an ONU, and
//! [`Judge`] puts it together for one OLT.
//!
//! What every part keeps to:
//! * Silence (no answer, a missing row, a value that was not asked for) changes nothing but makes what we hold older. What is
//!   too old is `stale`; a stale ONU's verdict is `hold`.
//! * Bad news must persist: a loss for `down_after` state readings, a level for `worsen_after` optics readings. Good news
//!   of a link counts at once.
//! * When in doubt, the verdict is `hold`.

mod baseline;
mod error;
mod flap;
mod held;
mod judge;
mod level;
mod memory;
mod quality;
mod reason;
mod rules;
mod transition;
mod truth;
mod verdict;

pub use baseline::{Baseline, BaselineRules, Drift};
pub use error::ThresholdError;
pub use held::Held;
pub use judge::{Judge, Recalled};
pub use level::{Band, band_of, class_of};
pub use memory::{Changed, Memory, MemoryError};
pub use quality::LookAgain;
pub use reason::{Part, Reason, Side};
pub use rules::check as check_thresholds;
pub use transition::{Change, Identity, Transition};
pub use verdict::{Explained, verdict_of};
