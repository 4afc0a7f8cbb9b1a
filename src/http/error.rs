//! Why the server cannot start.

use std::io;
use std::net::SocketAddr;

/// Why the server cannot start. Once it runs, nothing that a client does ends it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be had: in use, not ours, or not allowed. Another try may go better once that is mended.
    #[error("http.listen: cannot listen on {address}: {source}")]
    Listen {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Other machines could read everything. The config has to mend it.
    #[error("http.listen: {address} can be reached from other machines, so a token is needed, and none is set")]
    NoToken {
        /// Where it should listen.
        address: SocketAddr,
    },
}
