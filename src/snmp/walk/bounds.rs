//! Which rows belong to a walk, by their indexes.

use std::cmp::Ordering;

use crate::snmp::index;

/// Indexes as on the wire.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// What they begin with.
    pub(super) within: Vec<u8>,
    /// They are less than this.
    pub(super) stop_before: Option<Vec<u8>>,
    /// They are not greater than this.
    pub(super) until: Option<Vec<u8>>,
}

impl Bounds {
    /// For an index that belongs to the walk: how many of its octets a greater one has to share, whole sub-identifiers,
    /// so that it belongs to it for sure and need not be looked at; [`usize::MAX`] when it has to be anyway.
    /// `None` for one that does not.
    pub(super) fn hold(&self, index: &[u8]) -> Option<usize> {
        // An empty slice points nowhere, and comparing with nothing there costs some processors a hundred times as much.
        let within = self.within.is_empty() || index.starts_with(&self.within);
        let (before, until) = (self.stop_before.as_deref(), self.until.as_deref());
        let inside = within
            && before.is_none_or(|end| index::compare(index, end) == Ordering::Less)
            && until.is_none_or(|end| index::compare(index, end) != Ordering::Greater);
        let ends = [before, until].into_iter().flatten().map(|end| index::octets_to_differ(index, end));
        inside.then(|| ends.fold(self.within.len(), usize::max))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snmp::index::{Step, encode, step};

    fn numbers() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::vec(prop_oneof![0..3_u32, 126..130_u32, any::<u32>()], 0..4)
    }

    proptest! {
        #[test]
        fn what_shares_enough_with_one_inside_is_inside(
            within in prop::collection::vec(0..3_u32, 0..2), before in prop::option::of(numbers()),
            until in prop::option::of(numbers()), mut rows in prop::collection::vec(numbers(), 0..30),
        ) {
            let bounds = Bounds {
                within: encode(&within),
                stop_before: before.as_deref().map(encode),
                until: until.as_deref().map(encode),
            };
            let inside = |row: &Vec<u32>| {
                row.starts_with(&within)
                    && before.as_ref().is_none_or(|end| row < end)
                    && until.as_ref().is_none_or(|end| row <= end)
            };
            rows.sort();
            for pair in rows.windows(2) {
                let (one, other) = (encode(&pair[0]), encode(&pair[1]));
                prop_assert_eq!(bounds.hold(&one).is_some(), inside(&pair[0]));
                if let (Some(sure), Step::Up { shared }) = (bounds.hold(&one), step(&one, &other))
                    && shared >= sure
                {
                    prop_assert!(inside(&pair[1]), "{:?} {:?}", pair, bounds);
                }
            }
        }
    }
}
