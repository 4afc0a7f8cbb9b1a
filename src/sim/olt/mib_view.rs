//! What an agent serves: rows sorted as SNMP sorts them, which a program may change while the agent answers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use crate::snmp::{Oid, Value};

/// sysUpTime.0 (SNMPv2-MIB): hundredths of a second since the agent started.
pub const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];

/// A sorted store of rows, and the objects (columns, scalars) that the agent knows of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    values: BTreeMap<Oid, Value>,
    objects: BTreeSet<Oid>,
}

impl Rows {
    /// The value of exactly this name.
    #[must_use]
    pub fn get(&self, oid: &Oid) -> Option<&Value> {
        self.values.get(oid)
    }

    /// The first row after this name.
    #[must_use]
    pub fn next(&self, after: &Oid) -> Option<(&Oid, &Value)> {
        self.values.range::<Oid, _>((Bound::Excluded(after), Bound::Unbounded)).next()
    }

    /// The last row before this name.
    #[must_use]
    pub fn previous(&self, before: &Oid) -> Option<(&Oid, &Value)> {
        self.values.range::<Oid, _>(..before).next_back()
    }

    /// Puts a value there, and gives the one it replaces.
    pub fn set(&mut self, oid: Oid, value: Value) -> Option<Value> {
        self.values.insert(oid, value)
    }

    /// Takes a row away, and gives its value.
    pub fn remove(&mut self, oid: &Oid) -> Option<Value> {
        self.values.remove(oid)
    }

    /// Takes away all rows that begin with this name, and gives their number.
    pub fn remove_under(&mut self, prefix: &Oid) -> usize {
        let gone: Vec<Oid> = self.under(prefix).map(|(oid, _)| oid.clone()).collect();
        for oid in &gone {
            self.values.remove(oid);
        }
        gone.len()
    }

    /// The rows that begin with this name, in order.
    pub fn under<'a>(&'a self, prefix: &'a Oid) -> impl Iterator<Item = (&'a Oid, &'a Value)> {
        self.values.range::<Oid, _>(prefix..).take_while(move |(oid, _)| oid.suffix_of(prefix).is_some())
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.values.iter()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Says that the agent has this object (a column such as `…2.2.1.8`, or a scalar without its `.0`), whether rows
    /// of it exist or not. A missing row of it is then told as noSuchInstance.
    pub fn declare(&mut self, object: Oid) {
        self.objects.insert(object);
    }

    /// What stands in place of a row that is not there (RFC 3416, 4.2.1): noSuchInstance when the agent has the
    /// object, else noSuchObject.
    ///
    /// Rows alone do not tell where an object's name ends and its index begins. So an object counts as known when it
    /// was declared, and without that when a row of the same length differs in the last sub-identifier only, or when
    /// the name itself is what comes before a row's last sub-identifier.
    #[must_use]
    pub fn missing(&self, oid: &Oid) -> Value {
        let arcs = oid.arcs();
        let declared = !self.objects.is_empty()
            && (1..=arcs.len())
                .filter_map(|length| arcs.get(..length))
                .any(|prefix| self.objects.contains(&Oid::new(prefix)));
        let has_row_of_length = |prefix: &Oid| {
            let length = prefix.arcs().len().saturating_add(1);
            // Rows of a column come first or not at all; the bound keeps a question about the root cheap.
            self.under(prefix).take(64).any(|(row, _)| row.arcs().len() == length)
        };
        let sibling = arcs.split_last().is_some_and(|(_, parent)| has_row_of_length(&Oid::new(parent)));
        if declared || sibling || has_row_of_length(oid) { Value::NoSuchInstance } else { Value::NoSuchObject }
    }
}

impl FromIterator<(Oid, Value)> for Rows {
    fn from_iter<I: IntoIterator<Item = (Oid, Value)>>(rows: I) -> Self {
        Self { values: rows.into_iter().collect(), objects: BTreeSet::new() }
    }
}

impl From<BTreeMap<Oid, Value>> for Rows {
    fn from(values: BTreeMap<Oid, Value>) -> Self {
        Self { values, objects: BTreeSet::new() }
    }
}

/// A handle to rows that an agent serves; clones share them. A change is seen by the next request, whole.
#[derive(Debug, Clone, Default)]
pub struct MibView(Arc<RwLock<Rows>>);

impl MibView {
    /// A view that serves these rows.
    #[must_use]
    pub fn new(rows: impl Into<Rows>) -> Self {
        Self(Arc::new(RwLock::new(rows.into())))
    }

    /// Looks at the rows. Changes wait until `look` returns.
    pub fn read<R>(&self, look: impl FnOnce(&Rows) -> R) -> R {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the rows; no request sees half of it.
    pub fn update<R>(&self, change: impl FnOnce(&mut Rows) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The value of exactly this name.
    #[must_use]
    pub fn get(&self, oid: &Oid) -> Option<Value> {
        self.read(|rows| rows.get(oid).cloned())
    }

    /// Puts a value there.
    pub fn set(&self, oid: Oid, value: Value) {
        self.update(|rows| rows.set(oid, value));
    }

    /// Serves other rows from now on.
    pub fn replace(&self, rows: impl Into<Rows>) {
        let rows = rows.into();
        self.update(|old| *old = rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn rows(names: &[&str]) -> Rows {
        names.iter().map(|name| (oid(name), Value::Integer(1))).collect()
    }

    #[test]
    fn rows_follow_each_other_by_sub_identifier() {
        let rows = rows(&["1.3.1.10", "1.3.1.9", "1.3.1.9.1", "1.3.2"]);
        let mut at = oid("1.3");
        let mut seen = Vec::new();
        while let Some((next, _)) = rows.next(&at) {
            at = next.clone();
            seen.push(next.to_string());
        }
        assert_eq!(seen, ["1.3.1.9", "1.3.1.9.1", "1.3.1.10", "1.3.2"]);
        assert_eq!(rows.previous(&oid("1.3.1.10")).unwrap().0, &oid("1.3.1.9.1"));
        assert!(rows.previous(&oid("1.3.1.9")).is_none());
    }

    #[test]
    fn a_missing_column_and_a_missing_row_are_told_apart() {
        // sysDescr.0, ifDescr.1-2, and a table with two indices.
        let mut rows =
            rows(&["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.2.2.1.2.1", "1.3.6.1.2.1.2.2.1.2.2", "1.3.6.1.4.1.9.5.1.3.7.1"]);
        for (name, expected) in [
            ("1.3.6.1.2.1.2.2.1.2.3", Value::NoSuchInstance),
            ("1.3.6.1.2.1.2.2.1.2", Value::NoSuchInstance),
            ("1.3.6.1.2.1.2.2.1.99.1", Value::NoSuchObject),
            ("1.3.6.1.2.1.2.2.1", Value::NoSuchObject),
            ("1.3.6.1.2.1.1.1.1", Value::NoSuchInstance),
            ("1.3.6.1.2.1.1.1", Value::NoSuchInstance),
            ("1.3.6.1.2.1.1.2.0", Value::NoSuchObject),
            ("1.3.6.1.4.1.9.5.1.3.7.2", Value::NoSuchInstance),
            ("1.3.6.1.4.1.9.5.1.4.7.1", Value::NoSuchObject),
            ("1.3.6.1.4.1.9.5.1.3.8.1", Value::NoSuchObject),
            ("1.3.6.1.5", Value::NoSuchObject),
        ] {
            assert_eq!(rows.missing(&oid(name)), expected, "{name}");
        }
        // Only whoever made the rows knows that 3 is a column with two indices.
        rows.declare(oid("1.3.6.1.4.1.9.5.1.3"));
        assert_eq!(rows.missing(&oid("1.3.6.1.4.1.9.5.1.3.8.1")), Value::NoSuchInstance);
        assert_eq!(rows.missing(&oid("1.3.6.1.4.1.9.5.1.4.8.1")), Value::NoSuchObject);
    }

    #[test]
    fn clones_of_a_view_share_their_rows() {
        let view = MibView::new(rows(&["1.3.1", "1.3.2.1", "1.3.2.2"]));
        let other = view.clone();
        other.set(oid("1.3.1"), Value::Integer(5));
        assert_eq!(view.get(&oid("1.3.1")), Some(Value::Integer(5)));
        assert_eq!(view.update(|rows| rows.remove_under(&oid("1.3.2"))), 2);
        assert_eq!(other.read(Rows::len), 1);
        other.replace(Rows::default());
        assert_eq!(view.get(&oid("1.3.1")), None);
    }
}
