//! What can be wrong with profiles.

use crate::config::Problem;

/// Profiles that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MibError {
    /// Mistakes in profile files: the author's to mend.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Profiles(Vec<Problem>),
    /// A profile folder or file that cannot be read.
    #[error("{path}: the profile cannot be read: {source}")]
    Read {
        /// The folder or file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
