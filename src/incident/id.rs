//! Names of incidents.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Timestamp;

/// An incident's name: a ULID, which is 48 bits of time and 80 bits that tell apart what began in the same millisecond. Sorts by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(u128);

/// Crockford's alphabet.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl IncidentId {
    /// From the time and a number that is not given twice in the same millisecond.
    #[must_use]
    pub fn new(at: Timestamp, number: u64) -> Self {
        let time = u128::from(at.millis() & 0xffff_ffff_ffff);
        Self((time << 80) | u128::from(number))
    }

    /// The number in it.
    #[must_use]
    pub const fn number(self) -> u64 {
        // What it was made of.
        #[allow(clippy::cast_possible_truncation)]
        let number = self.0 as u64;
        number
    }

    /// From its 26 characters, in either case. `None` when they are no such name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut value = 0_u128;
        for character in text.bytes() {
            let digit = DIGITS.iter().position(|digit| *digit == character.to_ascii_uppercase())?;
            value = value.checked_mul(32)?.checked_add(u128::try_from(digit).ok()?)?;
        }
        Some(Self(value))
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: u32| DIGITS.get(usize::try_from((self.0 >> (place * 5)) & 31).unwrap_or(0)).copied();
        let text: String = (0..26).rev().filter_map(digit).map(char::from).collect();
        f.pad(&text)
    }
}

impl Serialize for IncidentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IncidentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected the id of an incident"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_come_back_from_their_text() {
        let early = IncidentId::new(Timestamp::from_millis(1_700_000_000_000), u64::MAX);
        let late = IncidentId::new(Timestamp::from_millis(1_700_000_000_001), 0);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().len(), 26);
        assert_eq!((early.number(), late.number()), (u64::MAX, 0));
        for id in [early, late] {
            assert_eq!(IncidentId::parse(&id.to_string().to_lowercase()), Some(id));
            assert_eq!(serde_json::from_value::<IncidentId>(serde_json::to_value(id).unwrap()).unwrap(), id);
        }
        for text in ["", "01", "zzzzzzzzzzzzzzzzzzzzzzzzzz", "0000000000000000000000000U", "ééééééééééééé"]
        {
            assert_eq!(IncidentId::parse(text), None, "{text}");
        }
    }
}
