//! What can go wrong with OZmap, by what to do about it.

use std::fmt;
use std::time::Duration;

/// A request, as errors and logs name it: the method and the path, never the query, a header or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `GET`, `PATCH` or `POST`.
    pub method: &'static str,
    /// The path, from the root of the host.
    pub path: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The beginning of an answer's body, made safe to show: at most 500 octets of it, one line, without the token and
/// without values of keys that hold logins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excerpt(pub(super) String);

impl Excerpt {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("with an empty body") } else { write!(f, "with the body: {}", self.0) }
    }
}

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Try again with back-off.
    Retry,
    /// Try again after this time: OZmap said so.
    RetryAfter(Duration),
    /// This item is wrong and stays wrong: go on with the others.
    SkipItem,
    /// Nothing may be written until the token is good again.
    StopWriting,
    /// The host does not answer: leave it alone for a while.
    HostDown,
    /// The set-up is wrong: an operator has to change something.
    FixSetup,
    /// Nothing went wrong: we are stopping, or there is no room for it at present.
    Stop,
}

/// What went wrong with OZmap. No variant ever holds the token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OzmapError {
    /// The client cannot be made from the configuration.
    #[error("the OZmap client cannot be set up: {what}")]
    Setup {
        /// What was expected and what was found.
        what: String,
    },
    /// No answer: refused, reset, cut off, or too slow.
    #[error("{call}: no answer from OZmap at {host}: {why}")]
    Unreachable {
        /// The request.
        call: Call,
        /// Host and port.
        host: String,
        /// The transport's words.
        why: String,
    },
    /// Status 429 or 503, or another one with `Retry-After`.
    #[error("{call}: OZmap asks for patience with status {status}{}, {body}", after(*.retry_after))]
    Busy {
        /// The request.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// How long OZmap asks us to wait.
        retry_after: Option<Duration>,
        /// What it said.
        body: Excerpt,
    },
    /// Status 408, 423, 425, 500, 502 or 504.
    #[error("{call}: OZmap failed with status {status}, {body}")]
    Failed {
        /// The request.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: Excerpt,
    },
    /// Status 401 or 403.
    #[error("{call}: {}, {body}", denied(*.status))]
    Denied {
        /// The request.
        call: Call,
        /// 401: the token is not known. 403: it may not do this.
        status: u16,
        /// What it said.
        body: Excerpt,
    },
    /// Another 4xx: this one item is wrong.
    #[error("{call}: OZmap refuses this request with status {status}{}, {body}", unknown(call, *status))]
    Refused {
        /// The request.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: Excerpt,
    },
    /// An answer that is not what the API gives: HTML, JSON cut off, too large, a redirect.
    #[error("{call}: {expected} was expected, found {found} (status {status}), {body}")]
    Answer {
        /// The request.
        call: Call,
        /// The HTTP status.
        status: u16,
        /// What the API gives here.
        expected: &'static str,
        /// What came.
        found: String,
        /// Its beginning.
        body: Excerpt,
    },
    /// A list that does not end.
    #[error("{call}: the list does not end: gave up after {pages} pages with {rows} different rows")]
    Endless {
        /// The request.
        call: Call,
        /// Pages read.
        pages: usize,
        /// Different rows among them.
        rows: usize,
    },
    /// Before this request went out, we were told to stop, or more urgent ones left no room for it.
    #[error("given up before the request went out")]
    Stopping,
}

fn after(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(" for {}", humantime::format_duration(Duration::from_secs(wait.as_secs()))))
        .unwrap_or_default()
}

/// A list that is not there is a list of another server.
fn unknown(call: &Call, status: u16) -> &'static str {
    let is_list = |path: &str| ["/properties", "/box-types"].iter().any(|list| path.ends_with(list));
    if status == 404 && is_list(&call.path) { "; does the url lead to the API?" } else { "" }
}

fn denied(status: u16) -> &'static str {
    if status == 401 {
        "OZmap does not know this token (status 401); the key must exist and belong to a user with the API module"
    } else {
        "the token may not do this (status 403); its user needs the rights and the projects"
    }
}

impl OzmapError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Setup { .. } => Remedy::FixSetup,
            Self::Unreachable { .. } => Remedy::HostDown,
            Self::Busy { retry_after: Some(wait), .. } => Remedy::RetryAfter(*wait),
            Self::Busy { .. } | Self::Failed { .. } | Self::Answer { .. } | Self::Endless { .. } => Remedy::Retry,
            Self::Denied { .. } => Remedy::StopWriting,
            Self::Refused { .. } => Remedy::SkipItem,
            Self::Stopping => Remedy::Stop,
        }
    }

    /// One word for counters: `unreachable`, `busy`, `failed`, `denied`, `refused`, `malformed`, `setup` or `stopped`.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Setup { .. } => "setup",
            Self::Unreachable { .. } => "unreachable",
            Self::Busy { .. } => "busy",
            Self::Failed { .. } => "failed",
            Self::Denied { .. } => "denied",
            Self::Refused { .. } => "refused",
            Self::Answer { .. } | Self::Endless { .. } => "malformed",
            Self::Stopping => "stopped",
        }
    }

    /// Whether the same request may go better at once, so that a call tries again by itself. An answer that is not
    /// JSON at all comes from a wrong address and comes again; JSON cut off in the middle was an accident.
    pub(super) fn transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Failed { .. } => true,
            Self::Answer { expected, .. } => *expected == super::answer::WHOLE_JSON,
            _ => false,
        }
    }
}
