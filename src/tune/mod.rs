//! What other thresholds would have meant: history judged twice, by the rules in force and by others, side by side.
//!
//! In: readings of one OLT in time order, who its devices are, and both [`Rules`](crate::record::Rules). Out: a
//! [`Trial`]'s [`Verdicts`](OnuTrial): of each ONU the level, the status and how often the status flipped, under both.
//! Not its business: where readings come from, and how this is shown.
//!
//! It is the daemon's own judge that decides, so dwell, hysteresis, flapping and the tripwire count here, too. What was read of
//! the OLT within one round is one sweep. History holds states only at the times of optics, so a loss is seen later than
//! it was, and losses shorter than a round are not seen: flips of both sides are comparable with each other, and those
//! for levels with what was written.

mod outcome;
mod trial;

pub use outcome::{OltTrial, OnuTrial, Side, Tally, Under};
pub use trial::{Trial, Who, usual_gap};

#[cfg(test)]
mod tests;
