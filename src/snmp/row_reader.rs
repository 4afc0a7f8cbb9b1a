//! Reads packed rows one after the other without copying their values, and makes them of cells that came otherwise than
//! from a walk.

use super::index::{self, Step};
use super::rows::{Packed, Rows, UNREADABLE, take_row};
use super::{Value, ValueRef, codec};

/// Rows in order, read without copying. Begins before the first one.
#[derive(Debug, Clone)]
pub struct RowReader<'a> {
    packed: &'a [u8],
    index: Vec<u8>,
    tag: u8,
    body: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// Goes to the next row; false, and nothing changes, when there is none.
    pub fn advance(&mut self) -> bool {
        let Some(row) = take_row(&mut self.packed) else { return false };
        self.index.truncate(row.shared);
        self.index.extend_from_slice(row.suffix);
        (self.tag, self.body) = (row.tag, row.body);
        true
    }

    /// The row's index after the column, as on the wire: sub-identifiers in base 128, in their shortest form.
    #[must_use]
    pub fn index(&self) -> &[u8] {
        &self.index
    }

    /// The row's index, put into `arcs` in place of what is there.
    pub fn arcs_into(&self, arcs: &mut Vec<u32>) {
        arcs.clear();
        index::decode(&self.index, arcs);
    }

    /// The row's value.
    #[must_use]
    pub fn value(&self) -> ValueRef<'a> {
        value_of(self.tag, self.body)
    }
}

fn value_of(tag: u8, body: &[u8]) -> ValueRef<'_> {
    if tag == UNREADABLE { ValueRef::Other } else { codec::view_value(tag, body) }
}

/// The values of rows, in order.
#[derive(Debug, Clone)]
pub struct Values<'a>(&'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        take_row(&mut self.0).map(|Packed { tag, body, .. }| value_of(tag, body))
    }
}

impl Rows {
    /// To read them without copying.
    #[must_use]
    pub fn reader(&self) -> RowReader<'_> {
        RowReader { packed: self.packed(), index: Vec::new(), tag: 0, body: &[] }
    }

    /// Their values, in order.
    #[must_use]
    pub fn values(&self) -> Values<'_> {
        Values(self.packed())
    }

    /// Whether these are, row for row, the rows of `other`, whatever their values. It may say no of rows that were put
    /// together in another way, but never yes of others.
    #[must_use]
    pub fn has_indexes_of(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.packed(), other.packed());
        self.len() == other.len()
            && std::iter::from_fn(|| Some((take_row(&mut ours)?, take_row(&mut theirs)?)))
                .all(|(one, other)| one.shared == other.shared && one.suffix == other.suffix)
    }

    /// The rows of several columns together, each index once, with values that mean nothing.
    #[must_use]
    pub fn union<'a>(columns: impl Iterator<Item = &'a Self>) -> Self {
        let mut readers: Vec<RowReader<'_>> = columns.map(Self::reader).collect();
        readers.retain_mut(RowReader::advance);
        let mut all = Self::new();
        while let Some(least) =
            readers.iter().map(RowReader::index).min_by(|one, other| index::compare(one, other)).map(<[u8]>::to_vec)
        {
            all.push_missing(&least);
            readers.retain_mut(|reader| reader.index() != least || reader.advance());
        }
        all
    }

    /// Adds the rows of another part of the same column. Where both have an index, the later part's value stands.
    pub fn absorb(&mut self, part: Self) {
        if self.is_empty() {
            *self = part;
        } else if !self.append(&part) {
            *self = self.iter().chain(part.iter()).collect();
        }
    }
}

/// Cells in any order; of several with one index the last stands.
impl FromIterator<(Box<[u32]>, Value)> for Rows {
    fn from_iter<T: IntoIterator<Item = (Box<[u32]>, Value)>>(cells: T) -> Self {
        let mut cells: Vec<(Box<[u32]>, Value)> = cells.into_iter().collect();
        cells.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut rows = Self::new();
        let mut body = Vec::new();
        for (position, (index, value)) in cells.iter().enumerate() {
            if cells.get(position + 1).is_some_and(|(next, _)| next == index) {
                continue;
            }
            let index = index::encode(index);
            // The empty index stands for the column itself, and is no row of it.
            let Step::Up { shared } = index::step(rows.cursor(), &index) else { continue };
            body.clear();
            match codec::encode_value(value, &mut body) {
                Some(tag) => rows.push(shared, &index, tag, Some(&body)),
                None => {
                    let Value::Undecoded { tag } = value else { continue };
                    rows.push(shared, &index, *tag, None);
                }
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::snmp::fuzz::random_value;

    type Cells = Vec<(Box<[u32]>, Value)>;

    fn cells() -> impl Strategy<Value = Cells> {
        let index = prop::collection::vec(prop_oneof![0..3_u32, 0..300_u32, any::<u32>()], 1..4);
        let value = any::<u64>().prop_map(|seed| random_value(&mut fastrand::Rng::with_seed(seed)));
        prop::collection::vec((index.prop_map(Vec::into_boxed_slice), value), 0..200)
    }

    fn by_index(cells: &Cells) -> BTreeMap<Box<[u32]>, Value> {
        cells.iter().cloned().collect()
    }

    proptest! {
        #[test]
        fn cells_in_any_order_become_rows_and_are_read_without_copying(cells in cells()) {
            let rows: Rows = cells.iter().cloned().collect();
            let wanted = by_index(&cells);
            prop_assert!(rows.iter().eq(wanted.clone()));
            let (mut reader, mut values, mut arcs) = (rows.reader(), rows.values(), Vec::new());
            for (index, value) in &wanted {
                prop_assert!(reader.advance());
                reader.arcs_into(&mut arcs);
                prop_assert_eq!(arcs.as_slice(), &**index);
                prop_assert_eq!(reader.value(), ValueRef::from(value));
                prop_assert_eq!(values.next(), Some(ValueRef::from(value)));
            }
            prop_assert!(!reader.advance() && values.next().is_none());
        }

        #[test]
        fn parts_and_columns_are_put_together_whatever_they_hold(one in cells(), other in cells(), third in cells()) {
            let parts: [Rows; 3] = [&one, &other, &third].map(|cells| cells.iter().cloned().collect());
            let mut all = by_index(&one);
            all.extend(by_index(&other));
            all.extend(by_index(&third));
            let union = Rows::union(parts.iter());
            prop_assert!(union.iter().map(|(index, _)| index).eq(all.keys().cloned()));
            prop_assert_eq!(union.has_indexes_of(&parts[0]), all.len() == parts[0].len());
            let [mut rows, second, third] = parts;
            rows.absorb(second);
            rows.absorb(third);
            prop_assert!(rows.iter().eq(all));
        }

        #[test]
        fn a_value_is_viewed_as_it_is_decoded(tag: u8, body in prop::collection::vec(any::<u8>(), 0..12)) {
            let decoded = codec::decode_value(tag, &body);
            prop_assert_eq!(codec::view_value(tag, &body), ValueRef::from(&decoded));
        }
    }
}
