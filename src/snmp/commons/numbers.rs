//! Maps whose keys we give ourselves. Nobody outside can choose them so that they collide, so a key costs a multiplication
//! or two and not a keyed hash.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map of things by a number, or by a name from the configuration.
pub(in crate::snmp) type ByNumber<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Not for keys that somebody else may choose.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::snmp) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, octets: &[u8]) {
        let (parts, rest) = octets.as_chunks::<8>();
        parts.iter().for_each(|part| self.write_u64(u64::from_le_bytes(*part)));
        if !rest.is_empty() {
            self.write_u64(rest.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's digits: odd, and without a pattern.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(u64::try_from(number).unwrap_or(u64::MAX));
    }

    fn finish(&self) -> u64 {
        // The product's high octets are the well mixed ones, and a map looks at both ends.
        self.0.rotate_left(32)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, Hash};

    use super::*;

    fn hash(key: impl Hash) -> u64 {
        BuildHasherDefault::<NumberHasher>::default().hash_one(key)
    }

    #[test]
    fn numbers_in_a_row_and_names_that_differ_in_one_place_spread() {
        let buckets = |hashes: &mut dyn Iterator<Item = u64>| {
            hashes.map(|hash| (hash & 1023, hash >> 57)).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(buckets(&mut (0..1000_u32).map(hash)) > 950);
        assert!(buckets(&mut (0..1000_u64).map(|number| hash(number << 20))) > 950);
        let name = |last: u32| [1_u32, 3, 6, 1, 4, 1, 2011, 6, 128, 1, 1, 2, 43, 1, last];
        assert!(buckets(&mut (0..1000).map(|last| hash(&name(last)[..]))) > 950);
    }
}
