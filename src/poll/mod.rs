//! One task an OLT: reads it on a schedule and turns its answers into sweeps.
//!
//! In: an `[[olt]]` of the config, the profiles, and hints ("look again now"). Out: [`Sweep`](crate::model::Sweep)s,
//! each complete or labelled with what is missing, and a merged [`View`] of the newest known values. Not its business:
//! what a level means, what is wrong, whom it hits.

mod account;
mod connect;
mod error;
mod explain;
mod hint;
mod proof;
mod reach;
mod readings;
mod rehearse;
mod schedule;
mod slices;
mod sweep;
mod task;
mod view;

pub use connect::{Identity, Poller, Trial, claims};
pub use error::PollError;
pub use explain::{ColumnPlan, Explanation, Limit, Load, Origin, ReadPlan, SweepPlan};
pub use hint::{Hint, Hints};
pub use proof::{Proved, Style, prove};
pub use schedule::{Intervals, Lateness, Schedule};
pub use task::{Event, PollTask, Status};
pub use view::{SweepSummary, View};
