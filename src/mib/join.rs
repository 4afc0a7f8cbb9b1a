//! What the joins of an OLT last gave: lookup tables from some fields of a row to others.

use std::collections::HashMap;

use super::index::{FieldValue, Fields};
use super::profile::{Join, JoinValue, Profile, Table};
use crate::snmp::{Rows, Value};

/// Lookup tables of one OLT, by join. Kept between sweeps, since they change rarely.
#[derive(Debug, Clone, Default)]
pub struct Joins {
    tables: HashMap<usize, HashMap<Vec<u32>, Fields>>,
}

impl Joins {
    /// Takes the rows of a join's column, in place of its older ones. Rows that do not fit the join's index or
    /// pattern (an uplink in `ifName`, say) are not its business and left out.
    pub fn set(&mut self, profile: &Profile, join: usize, rows: &Rows) {
        let Some(spec) = profile.joins.get(join) else { return };
        let mut table = HashMap::new();
        rows.for_each(|index, value| {
            let Some(mut fields) = spec.index.decode(index) else { return };
            if add_value(&spec.value, &value, &mut fields).is_none() {
                return;
            }
            if let Some(lookup) = fields.numbers_of(&spec.by) {
                table.insert(lookup, fields);
            }
        });
        self.tables.insert(join, table);
    }

    /// Adds what the joins know of a row. Later joins may use what earlier ones gave. What a join says wins over what
    /// the index's bits say, as names are what the OLT means and bit layouts are our belief.
    /// A table of PONs of one kind does not use the joins of another kind.
    pub(super) fn apply(&self, profile: &Profile, of: &Table, fields: &mut Fields) {
        let mut lookup = Vec::new();
        for (position, join) in profile.joins.iter().enumerate() {
            if of.kind.is_some() && join.kind.is_some() && of.kind != join.kind {
                continue;
            }
            let Some(table) = self.tables.get(&position) else { continue };
            if fields.numbers_into(&join.by, &mut lookup).is_some()
                && let Some(found) = table.get(lookup.as_slice())
            {
                fields.merge(found);
            }
        }
    }
}

impl Joins {
    /// What a join's rows give.
    pub(super) fn rows(&self, join: usize) -> impl Iterator<Item = &Fields> {
        self.tables.get(&join).into_iter().flat_map(HashMap::values)
    }

    /// Whether a join has a row for these fields.
    pub(super) fn knows(&self, position: usize, join: &Join, fields: &Fields) -> bool {
        let lookup = fields.numbers_of(&join.by);
        lookup.is_some_and(|lookup| self.tables.get(&position).is_some_and(|table| table.contains_key(&lookup)))
    }

    /// Whether a join's rows were ever read.
    pub(super) fn is_read(&self, join: usize) -> bool {
        self.tables.contains_key(&join)
    }
}

fn add_value(spec: &JoinValue, value: &Value, fields: &mut Fields) -> Option<()> {
    match spec {
        JoinValue::Pattern { regex, groups } => {
            let text = match value.octets() {
                Some(octets) => std::str::from_utf8(octets).ok()?.to_owned(),
                None => value.integer()?.to_string(),
            };
            let captures = regex.captures(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()))?;
            for group in groups {
                if let Some(found) = captures.name(group) {
                    fields.set(group, FieldValue::Number(found.as_str().parse().ok()?));
                }
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

/// A join's text with `{group}` replaced by numbers. A part in brackets is left out where one of its groups is
/// missing; `None` where another one is.
pub(super) fn write_format(format: &str, number: &dyn Fn(&str) -> Option<u32>) -> Option<String> {
    let mut written = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('[') {
        let (optional, after) = after.split_once(']')?;
        written.push_str(&fill_in(before, number)?);
        written.push_str(&fill_in(optional, number).unwrap_or_default());
        rest = after;
    }
    written.push_str(&fill_in(rest, number)?);
    Some(written)
}

fn fill_in(text: &str, number: &dyn Fn(&str) -> Option<u32>) -> Option<String> {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (group, after) = after.split_once('}')?;
        written.push_str(before);
        written.push_str(&number(group)?.to_string());
        rest = after;
    }
    written.push_str(rest);
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_brackets_needs_its_groups_and_the_rest_too() {
        let format = "GPON0/{pon}[:{onu}]";
        let pon = |group: &str| (group == "pon").then_some(2);
        assert_eq!(write_format(format, &pon).as_deref(), Some("GPON0/2"));
        assert_eq!(write_format(format, &|_| Some(7)).as_deref(), Some("GPON0/7:7"));
        assert_eq!(write_format(format, &|_| None), None);
        assert_eq!(write_format("open [{pon}", &pon), None);
        assert_eq!(write_format("open {pon", &pon), None);
    }
}
