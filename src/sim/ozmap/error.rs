//! Why a simulated OZmap does not start. All of these are the caller's to mend; none is worth a retry.

use std::net::SocketAddr;

/// Why [`SimulatedOzmap::start`](super::SimulatedOzmap::start) failed.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address is taken, not ours, or needs rights that we lack.
    #[error("simulated OZmap: cannot listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Without a token and without a login nobody could ask anything.
    #[error("simulated OZmap: at least one token or one login is expected, found none")]
    NoToken,
    /// A token is empty or holds characters that a header cannot carry.
    #[error("simulated OZmap: token {position}: printable ASCII without blanks is expected")]
    BadToken {
        /// Which of the tokens, counted from 1. The token itself is not told.
        position: usize,
    },
    /// A token is limited to a project that the population does not have.
    #[error("simulated OZmap: a token is limited to project {name:?}, which no seed makes; there are: {known}")]
    UnknownProject {
        /// The name that was given.
        name: String,
        /// The names that there are, with commas.
        known: String,
    },
    /// Identifiers of a generated plant's things are places in its tables, so two would collide.
    #[error("simulated OZmap: at most one generated plant is expected, found more")]
    TwoPlants,
    /// More clients than the simulation holds.
    #[error("simulated OZmap: {asked} clients were asked for, at most {most} are held")]
    TooManyClients {
        /// How many the populations add up to.
        asked: usize,
        /// The bound.
        most: usize,
    },
}
