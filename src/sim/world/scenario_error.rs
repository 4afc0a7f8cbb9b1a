//! What can be wrong with a scenario. All of it is its author's to mend.

use crate::config::Problem;

/// A scenario that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Mistakes in the file, in its order.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
    /// The file is larger than any scenario.
    #[error("{file}: {found} octets; a scenario has at most {most}")]
    TooLong {
        /// The file, as it was given.
        file: String,
        /// Its size.
        found: usize,
        /// The bound.
        most: usize,
    },
}
