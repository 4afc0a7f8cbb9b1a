//! The daemon: the tasks of all OLTs and the pusher, wired together, started and stopped.
//!
//! In: a [`Config`](crate::config::Config) and the profiles. Out: a running [`Daemon`], and its [`Board`] of snapshots
//! that others may read. Not its business: what is decided, and how it is shown.

mod archive;
mod board;
mod door;
mod error;
mod incidents;
pub mod maintenance;
mod memory;
mod olt;
mod start;
mod survey;
mod traps;

pub use board::{Board, OltReport, Standing};
pub use error::DaemonError;
pub use incidents::IncidentView;
pub use start::Daemon;
