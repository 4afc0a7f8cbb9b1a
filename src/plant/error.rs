//! What can be wrong with what this room is given.

use super::route::{MAX_HOPS, MAX_NAME};

/// A route that cannot be kept, or octets that are no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// More elements than any real path has. The documentation's fault: probably a loop.
    #[error("a route of {0} elements: at most {MAX_HOPS} were expected")]
    TooManyHops(usize),
    /// A name longer than is kept.
    #[error("a name of {0} octets in a route: at most {MAX_NAME} were expected")]
    LongName(usize),
    /// Octets of another version: read the route again.
    #[error("a stored route of version {found} is not known to this one, which reads version {known}")]
    Version {
        /// What was found.
        found: u8,
        /// What is read here.
        known: u8,
    },
    /// Cut off, or changed since it was written: read the route again.
    #[error("a stored route is damaged: its checksum does not fit")]
    Checksum,
    /// It holds what nothing here writes: read the route again.
    #[error("a stored route is damaged: {0} cannot be read")]
    Field(&'static str),
}
