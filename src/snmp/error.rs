//! What can go wrong between a request and its varbinds.

use std::fmt;
use std::time::Duration;

use super::Oid;

/// Why a request or a column of a walk has no (further) answer. Communities and passwords are never in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnmpError {
    /// Nobody answered. Worth trying again later.
    #[error("{address} did not answer {tries} {} in {waited:.1?}: {silence}", if *.tries == 1 { "request" } else { "requests" })]
    NoAnswer {
        /// The OLT as configured, with its port.
        address: String,
        /// How often it was asked, over all sizes of request.
        tries: u32,
        /// From the first request until we gave up.
        waited: Duration,
        /// What the silence may mean.
        silence: Silence,
    },
    /// The address cannot be resolved. The operator's or the resolver's fault; worth trying again later.
    #[error("cannot find the address of {address:?}: {why}")]
    NotResolved {
        /// The address as configured.
        address: String,
        /// What the resolver said.
        why: String,
    },
    /// The operating system refused to send, receive or open a socket. Worth trying again later.
    #[error("cannot send to {address}: {why}")]
    Socket {
        /// The OLT as configured, with its port.
        address: String,
        /// What the operating system said.
        why: String,
    },
    /// A setting cannot be used: the operator's fault, trying again is of no use.
    #[error("{what}: {why}")]
    Setting {
        /// Which setting, in the config's words.
        what: String,
        /// What was expected.
        why: String,
    },
    /// The agent refuses our user or its keys. The operator's fault; trying again is of no use.
    #[error("{address} refuses SNMPv3 user {user:?}: {refusal}")]
    Refused {
        /// The OLT as configured, with its port.
        address: String,
        /// The user.
        user: String,
        /// Why.
        refusal: Refusal,
    },
    /// The agent answered with an error. Its fault; trying again may help.
    #[error("the agent at {address} answered {status}{}", at(.oid.as_ref()))]
    Agent {
        /// The OLT as configured, with its port.
        address: String,
        /// The error.
        status: ErrorStatus,
        /// The name that it is about, as far as the agent says.
        oid: Option<Oid>,
    },
    /// A walk went backwards or stood still. The agent's fault.
    #[error("the agent at {address} does not increase: after {after} it gave {given}")]
    NotIncreasing {
        /// The OLT as configured, with its port.
        address: String,
        /// What was asked for the successor of.
        after: Oid,
        /// What came.
        given: Oid,
    },
    /// A column did not end within its bound. The agent's fault, or the bound is too low.
    #[error("{column} at {address} did not end within {rows} rows and {octets} octets of values")]
    Endless {
        /// The OLT as configured, with its port.
        address: String,
        /// The column.
        column: Oid,
        /// Rows that were read.
        rows: usize,
        /// Octets that their values hold.
        octets: usize,
    },
    /// An answer is no SNMP, or not an answer to what was asked. The agent's fault; trying again may help.
    #[error("{address} gave a malformed answer{}: {why}", at(.oid.as_ref()))]
    Malformed {
        /// The OLT as configured, with its port.
        address: String,
        /// What was asked, where one name is meant.
        oid: Option<Oid>,
        /// What was expected and what was found.
        why: String,
    },
    /// An OID cannot be asked for: our own fault.
    #[error("{oid} cannot be asked for: 2 to 128 numbers were expected, the first two as in 1.3")]
    Unaskable {
        /// The OID.
        oid: Oid,
    },
    /// The session's task is gone: the runtime is shutting down.
    #[error("the session with {address} is closed")]
    Closed {
        /// The OLT as configured, with its port.
        address: String,
    },
}

impl SnmpError {
    /// Whether the OLT said nothing at all: no evidence of anything but silence.
    #[must_use]
    pub const fn is_silence(&self) -> bool {
        matches!(self, Self::NoAnswer { .. })
    }

    /// Whether the same request may work later without anybody changing the config.
    #[must_use]
    pub const fn is_worth_retrying(&self) -> bool {
        !matches!(self, Self::Setting { .. } | Self::Refused { .. } | Self::Unaskable { .. } | Self::Closed { .. })
    }
}

fn at(oid: Option<&Oid>) -> String {
    oid.map(|oid| format!(" at {oid}")).unwrap_or_default()
}

/// What silence may mean: an agent says nothing to a wrong community, and nothing to a wrong privacy password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// v2c, and it has never answered in this session.
    NeverV2c,
    /// v3, and not even the discovery was answered.
    NeverV3,
    /// v3 with privacy: the discovery was answered, an encrypted request never was.
    OnlyDiscoveryPrivate,
    /// v3 without privacy: the discovery was answered, a request never was.
    OnlyDiscovery,
    /// It has answered before.
    AnsweredBefore,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverV2c => {
                "it is down, unreachable, does not allow this host, or the community is wrong (agents do not answer \
                 a wrong one)"
            }
            Self::NeverV3 => "it is down, unreachable, does not allow this host, or does not speak SNMPv3",
            Self::OnlyDiscovery => "it answered the discovery, but no request of this user",
            Self::OnlyDiscoveryPrivate => {
                "it answered the discovery, so the privacy password, cipher or key extension is probably wrong \
                 (agents do not answer what they cannot decrypt)"
            }
            Self::AnsweredBefore => "it answered before",
        })
    }
}

/// Why an agent refuses an SNMPv3 request, from the counter that its Report names (RFC 3414, 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// usmStatsUnsupportedSecLevels.
    Level,
    /// usmStatsNotInTimeWindows, again after its clock was taken over.
    TimeWindow,
    /// usmStatsUnknownUserNames.
    UnknownUser,
    /// usmStatsUnknownEngineIDs, again after a new discovery.
    EngineId,
    /// usmStatsWrongDigests.
    Digest,
    /// usmStatsDecryptionErrors.
    Decryption,
    /// A Report with another counter.
    Other,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Level => "it does not allow this user at this security level; check auth and privacy",
            Self::TimeWindow => "it finds our messages outside of its time window even with its own clock",
            Self::UnknownUser => "it does not know this user",
            Self::EngineId => "it does not know the engine ID that it gave itself",
            Self::Digest => "the authentication password or hash is wrong",
            Self::Decryption => "the privacy password or cipher is wrong",
            Self::Other => "it sent a Report that says nothing more",
        })
    }
}

/// `error-status` of a response (RFC 3416, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStatus {
    /// 1: the answer does not fit into a message.
    TooBig,
    /// 2: SNMPv1's word for an unknown name.
    NoSuchName,
    /// 5: it failed, and does not say why.
    GenErr,
    /// 6: the view does not hold this name.
    NoAccess,
    /// 13: it has not enough of something.
    ResourceUnavailable,
    /// 16: this community or user may not.
    AuthorizationError,
    /// Any other.
    Other(i32),
}

impl ErrorStatus {
    /// From the number on the wire; `None` for 0, no error.
    #[must_use]
    pub const fn from_wire(number: i32) -> Option<Self> {
        Some(match number {
            0 => return None,
            1 => Self::TooBig,
            2 => Self::NoSuchName,
            5 => Self::GenErr,
            6 => Self::NoAccess,
            13 => Self::ResourceUnavailable,
            16 => Self::AuthorizationError,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for ErrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooBig => f.write_str("tooBig even for a single value"),
            Self::NoSuchName => f.write_str("noSuchName"),
            Self::GenErr => f.write_str("genErr"),
            Self::NoAccess => f.write_str("noAccess"),
            Self::ResourceUnavailable => f.write_str("resourceUnavailable"),
            Self::AuthorizationError => f.write_str("authorizationError"),
            Self::Other(number) => write!(f, "error-status {number}"),
        }
    }
}
