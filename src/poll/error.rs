//! Why an OLT cannot be polled.

use crate::snmp::{Oid, SnmpError};

/// Why an OLT cannot be polled. Except for [`PollError::NoSuchProfile`], which the config has to mend, every one may
/// pass by itself, so the OLT is tried again.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The agent did not answer, refused us, or answered something broken.
    #[error("{0}")]
    Snmp(#[from] SnmpError),
    /// It answers, but belongs to no family that we know.
    #[error(
        "no profile fits this OLT: sysObjectID {sys_object_id}, sysDescr {sys_descr:?}{hint}. If you know its family, set profile = \"NAME\" in its [[olt]] block"
    )]
    UnknownFamily {
        /// What it says of itself.
        sys_object_id: Oid,
        /// What it says of itself, at most 200 characters.
        sys_descr: String,
        /// Which profiles were near, and what spoke against them.
        hint: String,
    },
    /// It answers, but not the way that an agent of SNMP must: neither sysObjectID nor sysDescr.
    #[error("the agent answers, but has no {missing}: is this an OLT?")]
    NotAnAgent {
        /// Which object of the system group is missing.
        missing: &'static str,
    },
    /// The config names a profile that does not exist.
    #[error("there is no profile {name:?}; there are {known}")]
    NoSuchProfile {
        /// What the config says.
        name: String,
        /// The profiles that exist.
        known: String,
    },
}

impl PollError {
    /// Whether the OLT gave no answer at all, as opposed to one that we cannot use.
    #[must_use]
    pub const fn is_silence(&self) -> bool {
        match self {
            Self::Snmp(error) => error.is_silence(),
            _ => false,
        }
    }
}
