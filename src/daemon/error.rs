//! Why the daemon cannot start.

use crate::alert::AlertError;
use crate::ozmap::OzmapError;
use crate::store::StoreError;
use crate::trap::BindError;

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The client of OZmap cannot be made from its config.
    #[error("OZmap: {0}")]
    Ozmap(#[from] OzmapError),
    /// An alert channel cannot be made from its config.
    #[error(transparent)]
    Alert(#[from] AlertError),
    /// Traps cannot be received where the config says.
    #[error(transparent)]
    Trap(#[from] BindError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The config names a profile that does not exist.
    #[error("OLT {olt}: there is no profile {name:?}; there are {known}")]
    NoSuchProfile {
        /// The OLT.
        olt: String,
        /// What the config says.
        name: String,
        /// The profiles that exist.
        known: String,
    },
}
