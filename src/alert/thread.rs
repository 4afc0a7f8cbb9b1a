//! One notification: what a channel was told of one incident, and what it is to be told next.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::notice::{Notice, Stage};
use crate::config::alert::{AlertOn, AlertSeverity};
use crate::model::Timestamp;

/// What a message says, as far as another one would have to say something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    kind: AlertOn,
    severity: AlertSeverity,
    place: Option<String>,
    stage: Stage,
    lost: u32,
    recovered: u32,
    acknowledged: bool,
}

impl From<&Notice> for Said {
    fn from(notice: &Notice) -> Self {
        Self {
            kind: notice.kind,
            severity: notice.severity,
            place: notice.place.as_ref().map(|place| place.name.clone()),
            stage: notice.stage,
            lost: notice.lost,
            recovered: notice.recovered,
            acknowledged: notice.ack.is_some(),
        }
    }
}

/// How much a notice differs from what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// Not at all.
    None,
    /// In its numbers.
    Numbers,
    /// In what it is, where, how bad, or who sees to it.
    Matter,
    /// It is worse than was said.
    Worse,
}

impl Said {
    pub(super) fn difference(&self, notice: &Notice) -> Difference {
        let new = Self::from(notice);
        if new.severity > self.severity {
            return Difference::Worse;
        }
        if *self == new {
            return Difference::None;
        }
        let numbers = Self { lost: new.lost, recovered: new.recovered, stage: new.stage, ..self.clone() };
        if numbers == new { Difference::Numbers } else { Difference::Matter }
    }
}

/// A step in the life of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// It is told for the first time.
    Open,
    /// It changed.
    Update,
    /// Somebody sees to it.
    Acknowledge,
    /// It is over.
    Resolve,
}

impl Step {
    /// Its word in JSON and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "opened",
            Self::Update => "updated",
            Self::Acknowledge => "acknowledged",
            Self::Resolve => "cleared",
        }
    }
}

/// One notification. It can be kept and read again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    /// The newest that is known.
    pub notice: Arc<Notice>,
    /// When it was seen first.
    pub seen: Timestamp,
    /// What the channel has taken last; `None` when it has taken nothing.
    pub said: Option<Said>,
    /// By which the channel knows its message: an id, a time.
    pub handle: Option<String>,
    /// Messages that were sent, edits among them.
    pub messages: u32,
    /// Counts what is sent, so that each has a number of its own which a repetition keeps.
    pub revision: u32,
    /// When the channel last took something.
    pub last: Option<Timestamp>,
    /// Whether something went out of which nobody knows whether it was taken.
    pub in_doubt: bool,
    /// Whether nothing is to be told any more.
    pub over: bool,
    /// Whether its place comes and goes, which is said with it.
    pub flapping: bool,
    /// Whether it is held until its place is calm.
    pub damped: bool,
    /// Whether it began in a storm, so that little is told of it.
    #[serde(default)]
    pub storm: bool,
    /// Since when it is not seen any more.
    #[serde(default)]
    pub missing: Option<Timestamp>,
}

impl Thread {
    /// One of which nothing was told.
    #[must_use]
    pub const fn new(notice: Arc<Notice>, seen: Timestamp) -> Self {
        Self {
            notice,
            seen,
            said: None,
            handle: None,
            messages: 0,
            revision: 0,
            last: None,
            in_doubt: false,
            over: false,
            flapping: false,
            damped: false,
            storm: false,
            missing: None,
        }
    }

    /// The step that its newest notice asks for, whatever may hold it.
    pub(super) fn step(&self) -> Option<Step> {
        if self.over {
            return None;
        }
        let is_cleared = self.notice.stage == Stage::Cleared;
        match &self.said {
            // What was perhaps told has to be taken back.
            None if is_cleared => self.in_doubt.then_some(Step::Resolve),
            None => Some(Step::Open),
            Some(_) if is_cleared => Some(Step::Resolve),
            Some(said) if said.difference(&self.notice) == Difference::None => None,
            Some(said) if self.notice.ack.is_some() && !said.acknowledged => Some(Step::Acknowledge),
            Some(_) => Some(Step::Update),
        }
    }

    /// When the next message on it may go out.
    pub(super) fn spaced_until(&self, space: Duration) -> Option<Timestamp> {
        self.last.map(|last| last + space)
    }
}
