//! The two values of a client's status, and the identifiers that [`model`](crate::model) has.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Verdict;
pub use crate::model::{ClientId, ElementId, ParseIdError, PropertyId};

/// A client's status; only these two exist (`ozmap-api.md` 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// 0: a green icon.
    Ok,
    /// 1: a red icon, on the map's layer of problems.
    Error,
}

impl Status {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
        }
    }

    /// From the number on the wire.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Ok),
            1 => Some(Self::Error),
            _ => None,
        }
    }

    /// What a verdict asks for; `None` leaves the client as it is.
    #[must_use]
    pub const fn wanted(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Ok => Some(Self::Ok),
            Verdict::Error => Some(Self::Error),
            Verdict::Hold => None,
        }
    }

    /// `ok` or `error`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
