//! What became of a status that was to be written, told as it is known.

use serde::Serialize;

use super::desired::Change;
use crate::model::Timestamp;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// It was written, and OZmap was seen to show it.
    Shown,
    /// OZmap took it and was seen to show something else: it is planned anew.
    NotShown,
    /// OZmap refuses this client; it is tried again after the next read.
    Refused,
    /// In a dry run it would have been written.
    WouldWrite,
}

/// A status and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pushed {
    /// When that was known.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: PushOutcome,
    /// Whose status, from what to what, and why.
    #[serde(flatten)]
    pub change: Change,
}

/// Who is told. Called by the pusher's task: it must not wait.
pub type Watcher = Box<dyn Fn(Pushed) + Send + Sync>;
