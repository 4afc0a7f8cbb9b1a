//! Object identifiers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Most sub-identifiers that SNMP allows (RFC 2578, 3.5).
pub const MAX_ARCS: usize = 128;

/// An object identifier. Sorts as SNMP does: sub-identifier by sub-identifier, a prefix before what it begins.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Arc<[u32]>);

/// A text or list that is no object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an OID: numbers up to 4294967295 with dots between them were expected, such as 1.3.6.1.2.1.1.3.0"
)]
pub struct ParseOidError {
    /// What was given, at most 64 characters of it.
    pub text: String,
}

impl Oid {
    /// From its sub-identifiers. Longer than 128 is cut by nobody: it is only refused where it is encoded.
    #[must_use]
    pub fn new(arcs: &[u32]) -> Self {
        Self(Arc::from(arcs))
    }

    /// Its sub-identifiers.
    #[must_use]
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// This, with more sub-identifiers after it.
    #[must_use]
    pub fn child(&self, more: &[u32]) -> Self {
        Self(self.0.iter().chain(more).copied().collect())
    }

    /// What follows after `prefix`, or `None` when this does not begin with it.
    #[must_use]
    pub fn suffix_of(&self, prefix: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(prefix.arcs())
    }
}

impl FromStr for Oid {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, ParseOidError> {
        let refuse = || ParseOidError { text: text.chars().take(64).collect() };
        let trimmed = text.trim();
        let trimmed = trimmed.strip_prefix('.').unwrap_or(trimmed);
        let mut arcs = Vec::with_capacity(16);
        for part in trimmed.split('.') {
            if arcs.len() == MAX_ARCS || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refuse());
            }
            arcs.push(part.parse::<u32>().map_err(|_| refuse())?);
        }
        match arcs.as_slice() {
            [first, second, ..] if *first < 2 && *second < 40 || *first == 2 => Ok(Self(Arc::from(arcs))),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, arc) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            write!(f, "{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_sub_identifier_not_by_bytes() {
        let low: Oid = "1.3.16383".parse().unwrap();
        let high: Oid = "1.3.16384".parse().unwrap();
        let longer: Oid = "1.3.16383.1".parse().unwrap();
        assert!(low < high && low < longer && longer < high);
        assert_eq!(longer.suffix_of(&low), Some(&[1][..]));
        assert_eq!(high.suffix_of(&low), None);
    }

    #[test]
    fn what_is_no_oid_is_refused() {
        for text in ["", "1", "1..3", "1.3.", "1.3.x", "1.3.4294967296", "3.1", "1.40", "1.3.-1"] {
            assert!(text.parse::<Oid>().is_err(), "{text}");
        }
        assert_eq!(".1.3.6.1.4.1.2011".parse::<Oid>().unwrap().to_string(), "1.3.6.1.4.1.2011");
    }
}
