//! What the joins of an OLT last gave: lookup tables from some fields of a row to others.

use std::collections::HashMap;

use super::index::{FieldValue, Fields};
use super::profile::{JoinValue, Profile};
use crate::snmp::Value;

/// Lookup tables of one OLT, by join. Kept between sweeps, since they change rarely.
#[derive(Debug, Clone, Default)]
pub struct Joins {
    tables: HashMap<usize, HashMap<Vec<u32>, Fields>>,
}

impl Joins {
    /// Takes the rows of a join's column, in place of its older ones. Rows that do not fit the join's index or
    /// pattern (an uplink in `ifName`, say) are not its business and left out.
    pub fn set(&mut self, profile: &Profile, join: usize, rows: &[(Box<[u32]>, Value)]) {
        let Some(spec) = profile.joins.get(join) else { return };
        let mut table = HashMap::with_capacity(rows.len());
        for (index, value) in rows {
            let Some(mut fields) = spec.index.decode(index) else { continue };
            if add_value(&spec.value, value, &mut fields).is_none() {
                continue;
            }
            if let Some(lookup) = fields.numbers_of(&spec.by) {
                table.insert(lookup, fields);
            }
        }
        self.tables.insert(join, table);
    }

    /// Adds what the joins know of a row. Later joins may use what earlier ones gave. What a join says wins over what
    /// the index's bits say, as names are what the OLT means and bit layouts are our belief.
    pub(super) fn apply(&self, profile: &Profile, fields: &mut Fields) {
        for (position, join) in profile.joins.iter().enumerate() {
            let Some(table) = self.tables.get(&position) else { continue };
            let found = fields.numbers_of(&join.by).and_then(|lookup| table.get(&lookup));
            if let Some(found) = found {
                fields.merge(found);
            }
        }
    }
}

fn add_value(spec: &JoinValue, value: &Value, fields: &mut Fields) -> Option<()> {
    match spec {
        JoinValue::Pattern { regex, groups } => {
            let text = std::str::from_utf8(value.octets()?).ok()?;
            let captures = regex.captures(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()))?;
            for group in groups {
                let number = captures.name(group)?.as_str().parse().ok()?;
                fields.set(group, FieldValue::Number(number));
            }
        }
        JoinValue::Field(name) => {
            let field = match value.octets() {
                Some(octets) => FieldValue::Octets(octets.iter().map(|octet| u32::from(*octet)).collect()),
                None => FieldValue::Number(u32::try_from(value.integer()?).ok()?),
            };
            fields.set(name, field);
        }
    }
    Some(())
}
