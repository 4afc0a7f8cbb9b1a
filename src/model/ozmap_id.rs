//! OZmap's identifiers, which rooms share that know nothing of its API.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is no OZmap identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an OZmap id: 24 hex digits were expected")]
pub struct ParseIdError {
    /// What was given, at most 64 characters of it.
    pub text: String,
}

fn parse_hex(text: &str) -> Result<[u8; 12], ParseIdError> {
    let refuse = || ParseIdError { text: text.chars().take(64).collect() };
    let mut octets = [0_u8; 12];
    if text.len() != octets.len() * 2 {
        return Err(refuse());
    }
    for (position, character) in text.chars().enumerate() {
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(refuse)?;
        let octet = octets.get_mut(position / 2).ok_or_else(refuse)?;
        *octet = (*octet << 4) | digit;
    }
    Ok(octets)
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        /// Held as its twelve octets, so it can stand in a URL path or a filter without any quoting.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// From its octets.
            #[must_use]
            pub const fn from_octets(octets: [u8; 12]) -> Self {
                Self(octets)
            }

            /// Its octets.
            #[must_use]
            pub const fn octets(self) -> [u8; 12] {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text.trim()).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                use fmt::Write;
                let mut text = String::with_capacity(24);
                for octet in self.0 {
                    write!(text, "{octet:02x}")?;
                }
                f.pad(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// A client (`ftth-client`): the subscriber, who has the status.
    ClientId
);
identifier!(
    /// A property: the house, which has the position, the box and the read power.
    PropertyId
);
identifier!(
    /// Any element of the plant: a box, a splitter.
    ElementId
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_24_hex_digits_in_lower_case() {
        let id: ClientId = "65A0000000000000000000Fe".parse().unwrap();
        assert_eq!(id.to_string(), "65a0000000000000000000fe");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"65a0000000000000000000fe\"");
        for text in ["", "65a0", "65a00000000000000000000g", "65a0000000000000000000fe0", "../../../../../../../../x"] {
            assert!(text.parse::<ClientId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_an_id_panic(text in "\\PC{0,30}") {
            if let Ok(id) = text.parse::<PropertyId>() {
                prop_assert_eq!(id.to_string(), text.trim().to_lowercase());
            }
        }
    }
}
