//! Where an OLT's tables say who somebody is, so that it can be taken out of what is given away: in the values of columns,
//! and in indexes that are serials or MACs.

use std::ops::Range;

use regex::Regex;

use super::index::{Index, Part, Takes};
use super::profile::{FieldName, JoinValue, Profile, Rows, Source};
use super::value::{Decoder, says_no_value};
use crate::snmp::Oid;

/// What the values of a column are.
#[derive(Debug, Clone)]
pub enum Holds {
    /// Nothing that says who somebody is.
    Nothing,
    /// A serial number, perhaps with something before it.
    Serial,
    /// The number of a serial, whose first characters are these.
    SerialNumber(String),
    /// A MAC address.
    Mac,
    /// A free text: a name, a description, perhaps a client's code.
    Name,
    /// A name of a port, of which these patterns read a part; what stands beside that is a free text.
    Port(Vec<Regex>),
}

/// Whether a text is one with which devices say that they have no value.
#[must_use]
pub fn is_no_value(text: &str) -> bool {
    says_no_value(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()))
}

impl Profile {
    /// What the values of a column say of anybody.
    #[must_use]
    pub fn holds(&self, column: &Oid) -> Holds {
        let mut patterns: Vec<Regex> = Vec::new();
        for join in self.joins.iter().filter(|join| join.oid == *column) {
            match &join.value {
                JoinValue::Pattern { regex, .. } => patterns.push(regex.clone()),
                JoinValue::Field(name) if &**name == "mac" => return Holds::Mac,
                JoinValue::Field(name) if &**name == "serial" => return Holds::Serial,
                JoinValue::Field(_) => {}
            }
        }
        let mut holds = Holds::Nothing;
        for table in &self.tables {
            for read in &table.columns {
                if !matches!(&read.source, Source::Oid(oid) if oid == column) {
                    continue;
                }
                let this = match (&read.decoder, read.field, table.rows) {
                    (Decoder::Serial { hex_with_prefix: Some(prefix), .. }, ..) => Holds::SerialNumber(prefix.clone()),
                    (Decoder::Serial { .. }, ..) => Holds::Serial,
                    (Decoder::Mac { .. }, ..) => Holds::Mac,
                    (_, FieldName::Name, Rows::Onu) => Holds::Name,
                    (_, FieldName::Name, Rows::Pon) => Holds::Port(Vec::new()),
                    // What is a number of the ONU, or a state, must stay what it is.
                    _ => return Holds::Nothing,
                };
                // A serial or a MAC in one column: either's shape is told by the value itself.
                if !matches!(holds, Holds::Serial | Holds::SerialNumber(_) | Holds::Mac) {
                    holds = this;
                }
            }
        }
        match holds {
            Holds::Nothing | Holds::Name | Holds::Port(_) if !patterns.is_empty() => Holds::Port(patterns),
            holds => holds,
        }
    }

    /// The parts of a row's index that are octets, and so may be a serial, a MAC or a name.
    #[must_use]
    pub fn octets_in_index(&self, column: &Oid, index: &[u32]) -> Vec<Range<usize>> {
        let of_tables = self
            .tables
            .iter()
            .filter(|table| table.columns.iter().any(|read| matches!(&read.source, Source::Oid(oid) if oid == column)));
        let of_joins = self.joins.iter().filter(|join| join.oid == *column).map(|join| &join.index);
        let layouts = of_tables.map(|table| &table.index).chain(of_joins);
        layouts
            .flat_map(|layout| std::iter::once(layout).chain(&layout.or))
            .find_map(|layout| octets(layout, index))
            .unwrap_or_default()
    }
}

fn octets(layout: &Index, index: &[u32]) -> Option<Vec<Range<usize>>> {
    layout.decode(index)?;
    let (mut at, mut found) = (0_usize, Vec::new());
    for part in &layout.parts {
        let (from, length) = match part {
            Part::Constant(_) | Part::Named { takes: Takes::One, .. } => {
                at = at.saturating_add(1);
                continue;
            }
            Part::Named { takes: Takes::Octets(count), .. } => (at, *count),
            Part::Named { takes: Takes::LengthPrefixed, .. } => {
                (at.saturating_add(1), usize::try_from(*index.get(at)?).ok()?)
            }
            Part::Named { takes: Takes::Rest, .. } => (at, index.len().saturating_sub(at)),
        };
        at = from.saturating_add(length);
        found.push(from..at);
    }
    Some(found)
}
