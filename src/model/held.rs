//! What is held of an ONU: truth, cause, level, and the verdict that its client should show.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word {word:?}; one of {expected} was expected")]
pub struct ParseWordError {
    /// What was given.
    pub word: String,
    /// The known words.
    pub expected: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that config, JSON, metrics and print use.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseWordError;

            fn from_str(text: &str) -> Result<Self, ParseWordError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(ParseWordError {
                        word: other.chars().take(64).collect(),
                        expected: [$($word),+].join(", "),
                    }),
                }
            }
        }
    };
}

pub(super) use words;

words! {
    /// Why an ONU went down, in our words (taxonomy: `domain.md` 1.4).
    Cause {
        /// The light was lost: LOS, LOSi, LOFi, SFi.
        Optical = "optical",
        /// The ONU lost its mains power and said so: dying gasp.
        Power = "power",
        /// Switched off by a person or by billing.
        Admin = "admin",
        /// Refused: password, serial or configuration mismatch.
        Auth = "auth",
        /// It transmitted out of turn and was silenced.
        Rogue = "rogue",
        /// A reboot, reset or upgrade: transient.
        Restart = "restart",
        /// The device does not say, or says something we do not know.
        Unknown = "unknown",
    }
}

words! {
    /// Class of a received power.
    Level {
        /// Inside the receiver's window with margin on both sides.
        Good = "good",
        /// Inside the window, but near one of its ends.
        Weak = "weak",
        /// Below the receiver's sensitivity.
        Critical = "critical",
        /// Above the receiver's overload point.
        Overload = "overload",
        /// No level is known: never a fault by itself.
        Unread = "unread",
    }
}

words! {
    /// What a client should show in OZmap.
    Verdict {
        /// Status 0.
        Ok = "ok",
        /// Status 1.
        Error = "error",
        /// Leave what OZmap shows.
        Hold = "hold",
    }
}

/// What we hold of an ONU now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Read as up.
    Up,
    /// Read as down, for this cause.
    Down(Cause),
    /// We do not know at present; never becomes ERROR.
    Stale,
}

impl Truth {
    /// `up`, `down` or `stale`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down(_) => "down",
            Self::Stale => "stale",
        }
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down(cause) => write!(f, "down({cause})"),
            Self::Up | Self::Stale => f.write_str(self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_the_same_in_json_and_print() {
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_string(cause).unwrap(), format!("\"{cause}\""));
            assert_eq!(cause.word().parse::<Cause>().unwrap(), *cause);
        }
        for level in Level::ALL {
            assert_eq!(serde_json::to_string(level).unwrap(), format!("\"{level}\""));
        }
        let error = "fiber".parse::<Cause>().unwrap_err().to_string();
        assert!(error.contains("optical, power"), "{error}");
    }
}
