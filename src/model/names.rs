//! Names of OLTs, PON ports and ONUs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An OLT's name: the `name` of its `[[olt]]` block, unique in a config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OltId(Arc<str>);

impl OltId {
    /// From the config's name. Its rules (not empty, bounded) are checked where the config is read.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OltId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PON port as its vendor writes it: one to four numbers, `frame/slot/port`, `slot/port` or `port`.
/// Sorts by number, so `0/2` comes before `0/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PonId {
    parts: [u16; 4],
    len: u8,
}

/// A text or list that names no PON port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a PON port: one to four numbers up to 65535 with slashes were expected, such as 0/1/0")]
pub struct ParsePonError {
    /// What was given.
    pub text: String,
}

impl PonId {
    /// From its numbers, the outermost first.
    ///
    /// # Errors
    /// [`ParsePonError`] when there are none, more than four, or one above 65535.
    pub fn new(numbers: &[u32]) -> Result<Self, ParsePonError> {
        let refuse = || ParsePonError { text: format!("{numbers:?}") };
        let mut parts = [0_u16; 4];
        if numbers.is_empty() || numbers.len() > parts.len() {
            return Err(refuse());
        }
        for (part, number) in parts.iter_mut().zip(numbers) {
            *part = u16::try_from(*number).map_err(|_| refuse())?;
        }
        let len = u8::try_from(numbers.len()).map_err(|_| refuse())?;
        Ok(Self { parts, len })
    }

    /// Its numbers, the outermost first.
    #[must_use]
    pub fn parts(&self) -> &[u16] {
        self.parts.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for PonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (position, part) in self.parts().iter().enumerate() {
            if position > 0 {
                text.push('/');
            }
            text.push_str(&part.to_string());
        }
        f.pad(&text)
    }
}

impl FromStr for PonId {
    type Err = ParsePonError;

    fn from_str(text: &str) -> Result<Self, ParsePonError> {
        let refuse = || ParsePonError { text: text.chars().take(64).collect() };
        let mut numbers = Vec::with_capacity(4);
        for part in text.trim().split('/').take(5) {
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse());
            }
            numbers.push(part.parse::<u32>().map_err(|_| refuse())?);
        }
        Self::new(&numbers).map_err(|_| refuse())
    }
}

impl Serialize for PonId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PonId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What tells one ONU of an OLT from the others while the OLT keeps its configuration: the numbers that the profile
/// joins that family's tables by (`ifIndex, onu` on Huawei; the octets of the serial on UFiber). Opaque outside `mib`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnuKey(Arc<[u32]>);

impl OnuKey {
    /// From the joining numbers.
    #[must_use]
    pub fn new(numbers: &[u32]) -> Self {
        Self(Arc::from(numbers))
    }

    /// The joining numbers.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }
}

impl fmt::Display for OnuKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, number) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            write!(f, "{number}")?;
        }
        Ok(())
    }
}

/// One ONU among all OLTs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OnuId {
    /// The OLT it hangs on.
    pub olt: OltId,
    /// What tells it from that OLT's other ONUs.
    pub key: OnuKey,
}

impl fmt::Display for OnuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.olt, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pon_ports_sort_by_number() {
        let mut ports: Vec<PonId> =
            ["0/10/0", "0/2/15", "0/2/2", "1"].iter().map(|text| text.parse().unwrap()).collect();
        ports.sort();
        let texts: Vec<String> = ports.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["0/2/2", "0/2/15", "0/10/0", "1"]);
    }

    #[test]
    fn a_text_that_is_no_port_is_refused() {
        for text in ["", "/", "0/", "a/1", "1/2/3/4/5", "0/65536", "-1", "+1", "0//1"] {
            assert!(text.parse::<PonId>().is_err(), "{text}");
        }
    }
}
