//! What can be wrong with a channel.

use super::life::Outcome;

/// Why a channel cannot be made from its section.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the alert channel {channel}: {what}")]
pub struct AlertError {
    /// The channel.
    pub channel: String,
    /// What is wrong.
    pub what: String,
}

/// Why a message was not taken, without any secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Trouble {
    /// What follows from it.
    pub outcome: Outcome,
    /// What happened, in words.
    pub why: String,
}

impl Trouble {
    /// It is to be tried again.
    pub(super) const fn later(why: String) -> Self {
        Self { outcome: Outcome::Later { after: None }, why }
    }

    /// It is not.
    pub(super) const fn refused(why: String) -> Self {
        Self { outcome: Outcome::Refused, why }
    }
}

/// What came of a message: by what the channel knows it, or why it was not taken.
pub type Sent = Result<Option<String>, Trouble>;
