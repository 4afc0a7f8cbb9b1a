//! What cannot be generated.

/// Options that make no plant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlantError {
    /// A number outside of its range.
    #[error("{what}: {given} was given, {expected} is expected")]
    Range {
        /// Which option.
        what: &'static str,
        /// Its value.
        given: f64,
        /// What it may be.
        expected: &'static str,
    },
}
