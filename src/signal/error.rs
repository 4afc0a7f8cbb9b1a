//! What can be wrong with what this room is given.

use crate::model::{Dbm, Decibels};

/// Thresholds that no level could be judged by. The operator's fault; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// The receiver's window is empty.
    #[error("{rule}: sensitivity {sensitivity} must be below overload {overload}")]
    EmptyWindow {
        /// Which rule: `thresholds` or `thresholds.override` with its number, from 1.
        rule: String,
        /// Its sensitivity.
        sensitivity: Dbm,
        /// Its overload point.
        overload: Dbm,
    },
    /// A margin below zero.
    #[error("{rule}: {what} must not be negative, found {found}")]
    Negative {
        /// Which rule.
        rule: String,
        /// Which of its values.
        what: &'static str,
        /// Its value.
        found: Decibels,
    },
    /// So much margin on both sides that no power would be good, so that no level could ever recover.
    #[error(
        "{rule}: twice the weak margin {margin} and hysteresis {hysteresis} must fit between sensitivity {sensitivity} and \
         overload {overload}"
    )]
    NothingGood {
        /// Which rule.
        rule: String,
        /// Its margin.
        margin: Decibels,
        /// Its hysteresis.
        hysteresis: Decibels,
        /// Its sensitivity.
        sensitivity: Dbm,
        /// Its overload point.
        overload: Dbm,
    },
    /// A count of readings that is zero, or more than can be counted.
    #[error("{rule}: {what} must be from 1 to 255 readings, found {found}")]
    Readings {
        /// Which rule.
        rule: String,
        /// Which of its values.
        what: &'static str,
        /// Its value.
        found: u32,
    },
}
