//! What can be wrong with a configuration. All of it is the operator's to mend; nothing is worth a retry.

use std::fmt;
use std::io;

/// Why there is no [`Config`](super::Config).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: the configuration cannot be read: {reason}")]
    Unreadable {
        /// The path as it was given.
        file: String,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// The file was read and is wrong.
    #[error("{}", Listed { problems, left_out: *left_out })]
    Invalid {
        /// What is wrong, in the file's order; at least one.
        problems: Vec<Problem>,
        /// How many more problems were found than are kept.
        left_out: usize,
    },
}

impl ConfigError {
    /// What is wrong in the file, in its order; empty when it could not be read at all.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid { problems, .. } => problems,
        }
    }
}

/// One mistake in a configuration file. No part of it ever holds a secret's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was given.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
    /// The line and a caret below the place, where it is safe and useful to show them.
    pub excerpt: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: message`, then the indented excerpt, if there is one; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        for line in self.excerpt.iter().flat_map(|excerpt| excerpt.lines()) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// The problems one below the other.
struct Listed<'a> {
    problems: &'a [Problem],
    left_out: usize,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}
