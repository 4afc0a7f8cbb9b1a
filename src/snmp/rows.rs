//! The rows of one column, packed: of each index only what differs from the one before it, and the value as it came
//! from the wire. A row takes some seven octets, and adding one allocates nothing but now and then more room.

use std::cmp::Ordering;
use std::fmt;

use super::index::{self, Step};
use super::{Value, codec};

/// Every so many rows the index stands in full, so that a row is found without reading all before it.
const STRIDE: usize = 128;
/// The tag under which an unreadable value's tag is kept; no element on the wire can have it.
pub(super) const UNREADABLE: u8 = 0xff;

/// Rows of one column: indexes, which strictly increase, and values.
#[derive(Clone, Default)]
pub struct Rows {
    packed: Vec<u8>,
    /// Where every [`STRIDE`]th row begins.
    marks: Vec<usize>,
    count: usize,
    /// Rows until the next mark.
    to_mark: usize,
    /// The index that the next row has to be greater than, as on the wire.
    last: Vec<u8>,
}

/// A packed row: how much of the index before it stays, what follows, and the value.
pub(super) struct Packed<'a> {
    pub(super) shared: usize,
    pub(super) suffix: &'a [u8],
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

fn put_length(packed: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest > 0x7f {
        packed.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    packed.push(u8::try_from(rest).unwrap_or(0));
}

fn take_length(packed: &mut &[u8]) -> Option<usize> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let (&octet, rest) = packed.split_first()?;
        *packed = rest;
        length |= usize::from(octet & 0x7f).checked_shl(shift)?;
        shift += 7;
        if octet & 0x80 == 0 {
            return Some(length);
        }
    }
}

fn take_octets<'a>(packed: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (octets, rest) = packed.split_at_checked(length)?;
    *packed = rest;
    Some(octets)
}

pub(super) fn take_row<'a>(packed: &mut &'a [u8]) -> Option<Packed<'a>> {
    let shared = take_length(packed)?;
    let length = take_length(packed)?;
    let suffix = take_octets(packed, length)?;
    let (&tag, rest) = packed.split_first()?;
    *packed = rest;
    let length = take_length(packed)?;
    let body = take_octets(packed, length)?;
    Some(Packed { shared, suffix, tag, body })
}

impl Rows {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, and all shall be greater than this index.
    pub(super) fn after(index: &[u32]) -> Self {
        Self { last: index::encode(index), ..Self::default() }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The rows as they are packed, for [`take_row`].
    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// Octets that they take.
    pub(super) const fn octets(&self) -> usize {
        self.packed.len()
    }

    /// The index that the next row has to be greater than, as on the wire.
    pub(super) fn cursor(&self) -> &[u8] {
        &self.last
    }

    /// Adds a row whose index steps up from the last one. `body` is `None` for a value that cannot be read at all.
    pub(super) fn push(&mut self, shared: usize, index: &[u8], tag: u8, body: Option<&[u8]>) {
        let shared = if self.to_mark == 0 {
            self.marks.push(self.packed.len());
            self.to_mark = STRIDE;
            0
        } else {
            shared
        };
        self.to_mark -= 1;
        self.count += 1;
        let suffix = index.get(shared..).unwrap_or_default();
        // Most rows are of these lengths, and then are put in one go.
        let packed = &mut self.packed;
        match (u8::try_from(shared), suffix, body) {
            (Ok(same @ ..0x80), &[last], Some(&[a])) => packed.extend_from_slice(&[same, 1, last, tag, 1, a]),
            (Ok(same @ ..0x80), &[last], Some(&[a, b])) => packed.extend_from_slice(&[same, 1, last, tag, 2, a, b]),
            (Ok(same @ ..0x80), &[last], Some(&[a, b, c, d])) => {
                packed.extend_from_slice(&[same, 1, last, tag, 4, a, b, c, d]);
            }
            _ => {
                put_length(packed, shared);
                put_length(packed, suffix.len());
                packed.extend_from_slice(suffix);
                match body {
                    Some(body) => {
                        packed.push(tag);
                        put_length(packed, body.len());
                        packed.extend_from_slice(body);
                    }
                    None => packed.extend_from_slice(&[UNREADABLE, 1, tag]),
                }
            }
        }
        self.last.truncate(shared);
        match *suffix {
            [last] => self.last.push(last),
            _ => self.last.extend_from_slice(suffix),
        }
    }

    /// Adds a row for a cell that the agent fails at; `false` when its index is not greater than the last one.
    pub(super) fn push_missing(&mut self, index: &[u8]) -> bool {
        let Step::Up { shared } = index::step(&self.last, index) else { return false };
        self.push(shared, index, codec::NO_SUCH_INSTANCE, Some(&[]));
        true
    }

    /// The rows of another part of the column, all greater than these; `false`, and nothing is added, when they are not.
    pub(super) fn append(&mut self, other: &Self) -> bool {
        let mut first = other.packed.as_slice();
        let Some(row) = take_row(&mut first) else { return true };
        if !self.is_empty() && index::compare(&self.last, row.suffix) != Ordering::Less {
            return false;
        }
        let offset = self.packed.len();
        self.packed.extend_from_slice(&other.packed);
        self.marks.extend(other.marks.iter().map(|mark| mark + offset));
        self.count += other.count;
        self.to_mark = other.to_mark;
        self.last.clone_from(&other.last);
        true
    }

    /// Gives back room that is not used.
    pub(super) fn shrink(&mut self) {
        self.packed.shrink_to_fit();
        self.marks.shrink_to_fit();
    }

    /// The least index that is greater than this one.
    pub(super) fn successor(&self, after: &[u8]) -> Option<Vec<u8>> {
        let head = |mark: &usize| self.packed.get(*mark..).and_then(|mut packed| take_row(&mut packed));
        let not_after =
            |mark: &usize| head(mark).is_some_and(|row| index::compare(row.suffix, after) != Ordering::Greater);
        let position = self.marks.partition_point(not_after).saturating_sub(1);
        let mut packed = self.packed.get(*self.marks.get(position)?..)?;
        let mut found = Vec::new();
        while let Some(row) = take_row(&mut packed) {
            found.truncate(row.shared);
            found.extend_from_slice(row.suffix);
            if index::compare(&found, after) == Ordering::Greater {
                return Some(found);
            }
        }
        None
    }

    /// Shows every row, in order: its index and its value. Allocates only for values that are octets or names.
    pub fn for_each(&self, mut show: impl FnMut(&[u32], Value)) {
        let mut iter = self.iter();
        while iter.step() {
            show(&iter.arcs, std::mem::replace(&mut iter.value, Value::Null));
        }
    }

    /// Rows in order: index after the column, and value.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { packed: &self.packed, left: self.count, index: Vec::new(), arcs: Vec::new(), value: Value::Null }
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for Rows {}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = (Box<[u32]>, Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// See [`Rows::iter`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    packed: &'a [u8],
    left: usize,
    index: Vec<u8>,
    arcs: Vec<u32>,
    value: Value,
}

impl Iter<'_> {
    fn step(&mut self) -> bool {
        let Some(row) = take_row(&mut self.packed) else { return false };
        self.left -= 1;
        // The sub-identifiers that stay: one ends with each octet that has no continuation.
        let kept = self.index.iter().take(row.shared).filter(|octet| **octet & 0x80 == 0).count();
        self.index.truncate(row.shared);
        self.index.extend_from_slice(row.suffix);
        self.arcs.truncate(kept);
        index::decode(row.suffix, &mut self.arcs);
        self.value = match (row.tag, row.body) {
            (UNREADABLE, [tag]) => Value::Undecoded { tag: *tag },
            (tag, body) => codec::decode_value(tag, body),
        };
        true
    }
}

impl Iterator for Iter<'_> {
    type Item = (Box<[u32]>, Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.step().then(|| (self.arcs.as_slice().into(), std::mem::replace(&mut self.value, Value::Null)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn packed(cells: &BTreeMap<Vec<u32>, Vec<u8>>) -> Rows {
        let mut rows = Rows::new();
        for (index, octets) in cells {
            let index = index::encode(index);
            let Step::Up { shared } = index::step(rows.cursor(), &index) else { panic!("{index:?}") };
            rows.push(shared, &index, 4, Some(octets));
        }
        rows
    }

    #[test]
    fn a_row_of_a_large_olt_takes_few_octets() {
        let mut rows = Rows::new();
        for onu in 0..16_000_u32 {
            let index = index::encode(&[4_194_304_000 + onu / 128 * 256, onu % 128]);
            let Step::Up { shared } = index::step(rows.cursor(), &index) else { panic!() };
            rows.push(shared, &index, 2, Some(&[0xf7, 0xa5]));
        }
        rows.shrink();
        let octets = rows.packed.len() + rows.marks.len() * size_of::<usize>();
        assert!(octets <= 16_000 * 8, "{octets}");
        assert_eq!(rows.iter().last().unwrap().0.as_ref(), [4_194_304_000 + 124 * 256, 127]);
    }

    #[test]
    fn values_that_cannot_be_read_keep_their_places() {
        let mut rows = Rows::new();
        rows.push(0, &[1], 0x45, Some(&[9]));
        rows.push(0, &[2], 4, None);
        rows.push(0, &[3], 2, Some(&[]));
        assert!(rows.push_missing(&[4]) && !rows.push_missing(&[4]));
        let values: Vec<Value> = rows.iter().map(|(_, value)| value).collect();
        let undecoded = |tag| Value::Undecoded { tag };
        assert_eq!(values, [undecoded(0x45), undecoded(4), undecoded(2), Value::NoSuchInstance]);
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_also_when_put_together_of_parts(
            cells in prop::collection::btree_map(
                prop::collection::vec(prop_oneof![0..300_u32, any::<u32>()], 1..4),
                prop::collection::vec(any::<u8>(), 0..200),
                0..400,
            ),
            cut in 0..400_usize,
            after in prop::collection::vec(prop_oneof![0..300_u32, any::<u32>()], 0..4),
        ) {
            let whole = packed(&cells);
            prop_assert_eq!(whole.len(), cells.len());
            let expected = |(index, octets): (&Vec<u32>, &Vec<u8>)| (index.as_slice().into(), Value::OctetString(octets.as_slice().into()));
            prop_assert!(whole.iter().eq(cells.iter().map(expected)));
            let (one, other): (Vec<_>, Vec<_>) = cells.clone().into_iter().enumerate().partition(|(at, _)| *at < cut);
            let part = |cells: Vec<(usize, _)>| packed(&cells.into_iter().map(|(_, cell)| cell).collect());
            let (mut joined, tail) = (part(one), part(other));
            prop_assert!(joined.append(&tail));
            prop_assert_eq!(&joined, &whole);
            prop_assert!(tail.is_empty() || !joined.append(&tail));
            let found = joined.successor(&index::encode(&after)).map(|found| {
                let mut arcs = Vec::new();
                index::decode(&found, &mut arcs);
                arcs
            });
            prop_assert_eq!(found.as_ref(), cells.keys().find(|index| **index > after));
        }
    }
}
