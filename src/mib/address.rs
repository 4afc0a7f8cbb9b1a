//! Where rows stand: from an ONU's key and a PON's name to indexes, and from a row's index to its fields.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::index::{FieldValue, Fields, Index};
use super::join::Joins;
use super::profile::{PonPart, Profile, Table};
use crate::model::{OnuKey, PonId};

impl Profile {
    /// The fields that an ONU's key and PON stand for.
    fn fields_of(&self, key: &OnuKey, pon: Option<PonId>) -> Fields {
        let mut fields = Fields::default();
        let mut numbers = key.numbers();
        for (position, name) in self.key.iter().enumerate() {
            let takes = if self.key_octets == Some(position) {
                numbers.len().saturating_sub(self.key.len() - position - 1)
            } else {
                1
            };
            let Some((mine, rest)) = numbers.split_at_checked(takes) else { break };
            numbers = rest;
            let value = match mine {
                [number] if self.key_octets != Some(position) => FieldValue::Number(*number),
                octets => FieldValue::Octets(Arc::from(octets)),
            };
            fields.set(name, value);
        }
        if let Some(pon) = pon
            && pon.parts().len() == self.pon.len()
        {
            for (part, number) in self.pon.iter().zip(pon.parts()) {
                if let PonPart::Field(name) = part
                    && fields.get(name).is_none()
                {
                    fields.set(name, FieldValue::Number(u32::from(*number)));
                }
            }
        }
        fields
    }

    /// The PON that these fields name, or `None` when one is missing.
    pub(super) fn pon_of(&self, fields: &Fields) -> Option<PonId> {
        let mut numbers = [0; 4];
        for (part, place) in self.pon.iter().zip(&mut numbers) {
            *place = match part {
                PonPart::Constant(number) => *number,
                PonPart::Field(name) => fields.number(name)?,
            };
        }
        // A PON has at most four numbers.
        PonId::new(numbers.get(..self.pon.len())?).ok()
    }

    /// The index of an ONU's row in a table, or `None` when the key does not lead there.
    #[must_use]
    pub fn row_index(&self, table: usize, key: &OnuKey, pon: Option<PonId>) -> Option<Vec<u32>> {
        self.tables.get(table)?.index.encode(&self.fields_of(key, pon))
    }

    /// Whether an ONU with this index can have a row in a table: the index is of the table's layout and, where a chassis
    /// holds PONs of several kinds, on a PON of the table's kind. An ONU on GPON has none in a table of EPON.
    #[must_use]
    pub fn is_row(&self, table: usize, index: &[u32], joins: &Joins) -> bool {
        let Some(table) = self.tables.get(table) else { return false };
        let Some(fields) = self.fields_at(table, index, joins) else { return false };
        let Some(kind) = &table.kind else { return true };
        let of_kind = self.joins.iter().enumerate().filter(|(_, join)| join.kind.as_ref() == Some(kind));
        let mut read = of_kind.filter(|(position, _)| joins.is_read(*position)).peekable();
        read.peek().is_none() || read.any(|(position, join)| joins.knows(position, join, &fields))
    }

    /// What the indexes of all rows of an ONU's PON begin with in a table, or `None` when the index has no such part.
    #[must_use]
    pub fn pon_prefix(&self, table: usize, key: &OnuKey, pon: Option<PonId>) -> Option<Vec<u32>> {
        let table = self.tables.get(table)?;
        let parts = table.pon_parts?;
        table.index.encode_prefix(&self.fields_of(key, pon), parts)
    }

    /// What the indexes of a table's rows begin with, for every PON that the joins list. Sorted.
    #[must_use]
    pub fn listed_pons(&self, table: usize, joins: &Joins) -> Vec<Vec<u32>> {
        let Some(table) = self.tables.get(table) else { return Vec::new() };
        let Some(parts) = table.pon_parts else { return Vec::new() };
        let kind = table.kind.as_deref();
        let mut prefixes = BTreeSet::new();
        for (position, _) in self.joins.iter().enumerate().filter(|(_, join)| join.kind.as_deref() == kind) {
            for fields in joins.rows(position) {
                let known = self.pon_of(fields).is_some();
                if let Some(prefix) = table.index.encode_prefix(fields, parts).filter(|_| known) {
                    prefixes.insert(prefix);
                }
            }
        }
        prefixes.into_iter().collect()
    }

    /// The PONs that joins list of this kind, but not those that only its ONUs name.
    pub(super) fn pons_of_joins(&self, kind: Option<&str>, joins: &Joins) -> BTreeSet<PonId> {
        let of_kind = self.joins.iter().enumerate().filter(|(_, join)| join.kind.as_deref() == kind);
        let rows = of_kind.flat_map(|(position, _)| joins.rows(position));
        let is_port = |fields: &&Fields| self.number.as_ref().is_none_or(|number| fields.number(number).is_none());
        rows.filter(is_port).filter_map(|fields| self.pon_of(fields)).collect()
    }

    /// Whether the joins say that the OLT has no PON of the kind that a table is for: then it need not be read.
    #[must_use]
    pub fn is_absent(&self, table: usize, joins: &Joins) -> bool {
        let Some(kind) = self.tables.get(table).and_then(|table| table.kind.as_ref()) else { return false };
        let of_kind = self.joins.iter().enumerate().filter(|(_, join)| join.kind.as_ref() == Some(kind));
        let mut any = false;
        for (position, _) in of_kind {
            if !joins.is_read(position) || joins.rows(position).next().is_some() {
                return false;
            }
            any = true;
        }
        any
    }

    /// The fields of a row: those of its index and those that joins add. `None` when it is not of the table's layout.
    pub(super) fn fields_at(&self, table: &Table, index: &[u32], joins: &Joins) -> Option<Fields> {
        let mut fields = Fields::default();
        self.fields_into(table, index, joins, &mut fields)?;
        Some(fields)
    }

    /// As [`Self::fields_at`], put into `fields` in place of what is there.
    pub(super) fn fields_into(&self, table: &Table, index: &[u32], joins: &Joins, fields: &mut Fields) -> Option<()> {
        let with_joins = |layout: &Index, fields: &mut Fields| {
            layout.decode_into(index, fields)?;
            joins.apply(self, table, fields);
            Some(())
        };
        let first = with_joins(&table.index, fields);
        let Some((witness, layout)) = &table.index_if else { return first };
        if first.is_some() && fields.get(witness).is_none() {
            return first;
        }
        with_joins(layout, fields).filter(|()| fields.get(witness).is_some())
    }
}
