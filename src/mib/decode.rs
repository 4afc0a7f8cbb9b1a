//! From the rows of an OLT's tables to readings. Pure: the rows come in, the readings go out.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::cell::Cell;
use super::gather::{Gathered, Places};
use super::index::FieldValue;
use super::join::Joins;
use super::profile::{Column, Profile, Source, Table};
use super::value::Decoder;
use crate::model::{Gap, OnuState, PonReading, Reading, SweepKind, Unread};
use crate::snmp::{Oid, Rows, Value, ValueRef};

/// The rows of one column, as an OLT gave them.
#[derive(Debug, Clone)]
pub struct RawColumn {
    /// The column.
    pub oid: Oid,
    /// Index after the column, and value.
    pub rows: Rows,
    /// Whether all of its rows are here: a missing row of an incomplete column is not known to be missing.
    pub complete: bool,
}

/// The columns of one table, as an OLT gave them.
#[derive(Debug, Clone)]
pub struct RawTable {
    /// Which table of the profile.
    pub table: usize,
    /// Its columns.
    pub columns: Vec<RawColumn>,
}

/// An enumeration's value that the profile does not know: kept, counted, and reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownValue {
    /// The column's MIB object.
    pub object: String,
    /// The number.
    pub raw: i64,
    /// How many rows have it.
    pub count: usize,
}

/// What a sweep's rows say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// ONUs, sorted by key.
    pub onus: Vec<Reading>,
    /// PON ports, sorted.
    pub pons: Vec<PonReading>,
    /// Rows that could not be understood: a profile error, not an outage.
    pub gaps: Vec<Gap>,
    /// Numbers that the profile's enumerations do not have.
    pub unknown_values: Vec<UnknownValue>,
}

impl Profile {
    /// Decodes the tables of one sweep.
    #[must_use]
    pub fn decode(&self, kind: SweepKind, tables: &[RawTable], joins: &Joins) -> Decoded {
        let mut work = Work::new(self, kind, joins);
        let chosen = choose_of_groups(self, kind, tables, joins);
        for raw in tables {
            let Some(table) = self.tables.get(raw.table) else { continue };
            if table.group.as_ref().is_some_and(|group| chosen.get(group) != Some(&raw.table)) {
                continue;
            }
            work.table(table, raw);
        }
        work.finish()
    }
}

/// Of each group of alternative tables, the one with the most known values; the first of equals.
fn choose_of_groups(profile: &Profile, kind: SweepKind, tables: &[RawTable], joins: &Joins) -> HashMap<String, usize> {
    let mut best: HashMap<String, (usize, usize)> = HashMap::new();
    for raw in tables {
        let Some(table) = profile.tables.get(raw.table) else { continue };
        let Some(group) = &table.group else { continue };
        let mut alone = Work::new(profile, kind, joins);
        alone.table(table, raw);
        let score = alone.places.onus().map(known_values).sum::<usize>() + alone.places.pon_count();
        match best.get(group) {
            Some((_, highest)) if *highest >= score => {}
            _ => {
                best.insert(group.clone(), (raw.table, score));
            }
        }
    }
    best.into_iter().map(|(group, (table, _))| (group, table)).collect()
}

fn known_values(reading: &Reading) -> usize {
    [
        reading.serial.is_ok(),
        reading.mac.is_ok(),
        reading.name.is_ok(),
        reading.state.is_ok(),
        reading.cause.is_ok(),
        reading.last_down_cause.is_ok(),
        reading.rx.is_ok(),
        reading.olt_rx.is_ok(),
        reading.tx.is_ok(),
        reading.distance.is_ok(),
    ]
    .into_iter()
    .filter(|known| *known)
    .count()
}

/// A column whose texts are those of two, one behind the other; of an integer, its eight hex digits. A row that either
/// lacks is not there.
pub(super) fn one_after_the_other(first: &RawColumn, second: &RawColumn) -> RawColumn {
    let octets = |value: &Value| match (value.octets(), value.integer()) {
        (Some(octets), _) => Some(octets.to_vec()),
        (None, Some(number)) => Some(format!("{:08X}", u32::try_from(number).ok()?).into_bytes()),
        (None, None) => None,
    };
    let seconds: BTreeMap<_, Value> = second.rows.iter().collect();
    let rows = first.rows.iter().filter_map(|(index, value)| {
        let joined = [octets(&value)?, octets(seconds.get(&index)?)?].concat();
        Some((index, Value::OctetString(joined.into_boxed_slice())))
    });
    RawColumn { oid: first.oid.clone(), rows: rows.collect(), complete: first.complete && second.complete }
}

struct Work<'a> {
    profile: &'a Profile,
    kind: SweepKind,
    joins: &'a Joins,
    out: Decoded,
    places: Places,
}

impl<'a> Work<'a> {
    fn new(profile: &'a Profile, kind: SweepKind, joins: &'a Joins) -> Self {
        Self { profile, kind, joins, out: Decoded::default(), places: Places::default() }
    }

    fn table(&mut self, table: &Table, raw: &RawTable) {
        let kind = self.kind;
        let read = |oid: &Oid| raw.columns.iter().find(|given| given.oid == *oid);
        let given = |column: &Column| match (&column.source, &column.then) {
            (Source::Oid(oid), None) => read(oid).map(|given| Some(Cow::Borrowed(given))),
            (Source::Oid(first), Some(then)) => Some(Some(Cow::Owned(one_after_the_other(read(first)?, read(then)?)))),
            (Source::Index(_), _) => Some(None),
        };
        let columns = table.columns.iter().filter(|column| column.sweep == kind);
        let columns: Vec<(&Column, Option<Cow<'_, RawColumn>>)> =
            columns.filter_map(|column| Some((column, given(column)?))).collect();
        let rows = Gathered::new(self.profile, kind, table, raw, self.joins, &mut self.places, !columns.is_empty());
        self.out.gaps.extend(rows.gap(self.profile, table));
        for (column, given) in columns {
            match (given, &column.source) {
                (Some(given), _) => self.column(column, &given, &rows),
                (None, Source::Index(name)) => self.index_column(column, name, &rows),
                (None, Source::Oid(_)) => {}
            }
        }
    }

    fn column(&mut self, column: &Column, given: &RawColumn, rows: &Gathered<'_>) {
        let scale = match &column.decoder {
            Decoder::Number(decoder) => decoder.choose(given.rows.values()),
            _ => 0,
        };
        let missing = match (given.complete, given.rows.is_empty()) {
            (false, _) => Unread::NoAnswer,
            (true, true) => Unread::NoSuchColumn,
            (true, false) => Unread::NoRow,
        };
        let mut unknown: BTreeMap<i64, usize> = BTreeMap::new();
        rows.for_each(&given.rows, |place, value| {
            if let Some(raw) = self.places.put(place, &Cell { column, value, scale, missing }) {
                *unknown.entry(raw).or_default() += 1;
            }
        });
        for (raw, count) in unknown {
            self.out.unknown_values.push(UnknownValue { object: column.object.clone(), raw, count });
        }
    }

    /// A value that is part of the index, as if a column had given it.
    fn index_column(&mut self, column: &Column, name: &str, rows: &Gathered<'_>) {
        for (place, fields) in rows.fields() {
            let mut octets = Vec::new();
            let value = fields.get(name).map(|field| match field {
                FieldValue::Number(number) => ValueRef::Number(i64::from(*number)),
                FieldValue::Octets(numbers) => {
                    octets.extend(numbers.iter().filter_map(|octet| u8::try_from(*octet).ok()));
                    ValueRef::Octets(&octets)
                }
            });
            self.places.put(place, &Cell { column, value, scale: 0, missing: Unread::NoRow });
        }
    }

    fn finish(self) -> Decoded {
        let mut out = self.out;
        (out.onus, out.pons) = self.places.into_sorted();
        conclude(&mut out.onus);
        out
    }
}

/// What follows from a reading's values together.
pub(super) fn conclude(onus: &mut [Reading]) {
    for reading in onus {
        if reading.state == Ok(OnuState::Down)
            && reading.cause.is_err()
            && let Ok(cause) = reading.last_down_cause
        {
            reading.cause = Ok(cause);
        }
        reading.mask_levels_while_down();
    }
}
