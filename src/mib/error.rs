//! What can be wrong with profiles.

use std::fmt;

/// A mistake in a profile, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileProblem {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The column in the line, from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for ProfileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Profiles that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MibError {
    /// Mistakes in profile files: the author's to mend.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Profiles(Vec<ProfileProblem>),
    /// A profile folder or file that cannot be read.
    #[error("{path}: the profile cannot be read: {source}")]
    Read {
        /// The folder or file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
