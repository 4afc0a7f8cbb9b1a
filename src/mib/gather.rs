//! The rows of a table, each with its place among the readings: indexes are decoded once, and columns with the same rows
//! are read in lock-step.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::cell::Cell;
use super::decode::RawTable;
use super::index::Fields;
use super::join::Joins;
use super::profile::{FieldName, Profile, Rows as RowsAre, Source, Table};
use crate::model::{Gap, OnuKey, PonId, PonReading, Reading, SweepKind, Unread};
use crate::snmp::{Rows, ValueRef};

/// Numbers of an index that is shown in a message.
const SHOWN: usize = 32;

/// Where a row's values belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Onu(usize),
    Pon(usize),
}

/// The readings in the making. Tables of ONUs are mostly sorted alike, so a row's reading is looked for after the last one.
#[derive(Debug, Default)]
pub(super) struct Places {
    onus: Vec<Reading>,
    /// Places by key, once readings came that do not follow each other.
    by_key: Option<HashMap<OnuKey, usize>>,
    /// Where the next row's reading is expected.
    expected: usize,
    pons: Vec<PonReading>,
    by_pon: BTreeMap<PonId, usize>,
}

impl Places {
    pub(super) fn onus(&self) -> impl Iterator<Item = &Reading> {
        self.onus.iter()
    }

    pub(super) fn pon_count(&self) -> usize {
        self.pons.len()
    }

    /// Puts a value into its reading. Gives the raw number when it is an enumeration's unknown one.
    pub(super) fn put(&mut self, place: Place, cell: &Cell<'_>) -> Option<i64> {
        match place {
            Place::Onu(place) => cell.put_onu(self.onus.get_mut(place)?),
            Place::Pon(place) => cell.put_pon(self.pons.get_mut(place)?),
        }
    }

    /// All of them, sorted.
    pub(super) fn into_sorted(mut self) -> (Vec<Reading>, Vec<PonReading>) {
        if self.by_key.is_some() {
            self.onus.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        }
        self.pons.sort_unstable_by_key(|reading| reading.pon);
        (self.onus, self.pons)
    }

    /// The reading of the ONU with this key, which is made when there is none.
    fn onu(&mut self, key: &[u32], make: impl FnOnce(OnuKey) -> Reading) -> usize {
        let place = self.find_onu(key).unwrap_or_else(|| {
            let (place, key) = (self.onus.len(), OnuKey::new(key));
            if let Some(by_key) = &mut self.by_key {
                by_key.insert(key.clone(), place);
            }
            self.onus.push(make(key));
            place
        });
        self.expected = place + 1;
        place
    }

    fn find_onu(&mut self, key: &[u32]) -> Option<usize> {
        let of = |reading: &Reading| reading.key.numbers() == key;
        if self.onus.get(self.expected).is_some_and(of) {
            return Some(self.expected);
        }
        if self.by_key.is_none() {
            // Sorted up to now.
            if self.onus.last().is_none_or(|last| last.key.numbers() < key) {
                return None;
            }
            if let Ok(place) = self.onus.binary_search_by(|reading| reading.key.numbers().cmp(key)) {
                return Some(place);
            }
        }
        let onus = &self.onus;
        let all = || onus.iter().enumerate().map(|(place, reading)| (reading.key.clone(), place)).collect();
        self.by_key.get_or_insert_with(all).get(&OnuKey::new(key)).copied()
    }

    fn pon(&mut self, pon: PonId) -> usize {
        *self.by_pon.entry(pon).or_insert_with(|| {
            self.pons.push(PonReading {
                pon,
                name: None,
                state: Err(Unread::NotAsked),
                tx: Err(Unread::NotAsked),
                onus: Err(Unread::NotAsked),
            });
            self.pons.len() - 1
        })
    }
}

/// Every index that occurs in a table, once.
pub(super) struct Gathered<'a> {
    indexes: Cow<'a, Rows>,
    /// Of each index, in order; `None` where it could not be decoded.
    places: Vec<Option<Place>>,
    /// The same rows' fields, where a column is made of them.
    fields: Vec<Fields>,
    refused: usize,
    first_refused: Vec<u32>,
}

impl<'a> Gathered<'a> {
    /// Gives every row of a table its place among the readings; without `wanted` it only sees what cannot be decoded.
    pub(super) fn new(
        profile: &Profile,
        kind: SweepKind,
        table: &Table,
        raw: &'a RawTable,
        joins: &Joins,
        readings: &mut Places,
        wanted: bool,
    ) -> Self {
        let indexes = all_indexes(raw);
        let keep = |column: &super::profile::Column| column.sweep == kind && matches!(column.source, Source::Index(_));
        let keep = table.columns.iter().any(keep);
        let template = template(profile, kind, table);
        let mut gathered = Self {
            places: Vec::with_capacity(indexes.len()),
            fields: Vec::new(),
            refused: 0,
            first_refused: Vec::new(),
            indexes: Cow::Owned(Rows::new()),
        };
        readings.expected = 0;
        let (mut arcs, mut numbers, mut fields) = (Vec::new(), Vec::new(), Fields::default());
        let ports = table.listed.then(|| profile.pons_of_joins(table.kind.as_deref(), joins));
        let is_listed = |fields: &Fields| {
            let listed = |ports: &BTreeSet<PonId>| profile.pon_of(fields).is_some_and(|pon| ports.contains(&pon));
            ports.as_ref().is_none_or(listed)
        };
        let mut reader = indexes.reader();
        while reader.advance() {
            reader.arcs_into(&mut arcs);
            let named = profile.fields_into(table, &arcs, joins, &mut fields).is_some()
                && is_named(profile, table, &fields, &mut numbers)
                && is_listed(&fields);
            if !named {
                gathered.refuse(&arcs);
                continue;
            }
            gathered.places.push(
                wanted
                    .then(|| match table.rows {
                        RowsAre::Onu => Some(Place::Onu(readings.onu(&numbers, |key| {
                            let mut reading = template.clone();
                            reading.key = key;
                            reading.pon = profile.pon_of(&fields);
                            reading.onu = profile.number.as_ref().and_then(|name| fields.number(name));
                            reading
                        }))),
                        RowsAre::Pon => profile.pon_of(&fields).map(|pon| Place::Pon(readings.pon(pon))),
                    })
                    .flatten(),
            );
            if keep {
                gathered.fields.push(fields.clone());
            }
        }
        drop(reader);
        gathered.indexes = indexes;
        gathered
    }

    fn refuse(&mut self, index: &[u32]) {
        if self.refused == 0 {
            self.first_refused = index.iter().take(SHOWN).copied().collect();
        }
        self.refused += 1;
        self.places.push(None);
    }

    /// What to say of rows that could not be decoded. A table of all ports holds uplinks too, so PON tables leave out what
    /// is no PON without a word.
    pub(super) fn gap(&self, profile: &Profile, table: &Table) -> Option<Gap> {
        if table.rows != RowsAre::Onu || table.mixed || self.refused == 0 {
            return None;
        }
        let first: Vec<String> = self.first_refused.iter().map(ToString::to_string).collect();
        Some(Gap {
            what: Arc::from(table.object.as_str()),
            why: Arc::from(format!(
                "{} rows have an index that the profile {} cannot decode, the first is {}",
                self.refused,
                profile.name,
                first.join(".")
            )),
        })
    }

    /// Shows the place of every row that could be decoded, with the value that a column has there.
    pub(super) fn for_each<'v>(&self, column: &'v Rows, mut show: impl FnMut(Place, Option<ValueRef<'v>>)) {
        if column.len() == self.places.len() {
            // All of its rows are among ours: they are the same.
            for (place, value) in self.places.iter().zip(column.values()) {
                if let Some(place) = place {
                    show(*place, Some(value));
                }
            }
            return;
        }
        let (mut ours, mut theirs) = (self.indexes.reader(), column.reader());
        let mut more = theirs.advance();
        for place in &self.places {
            ours.advance();
            let mut value = None;
            if more && ours.index() == theirs.index() {
                value = Some(theirs.value());
                more = theirs.advance();
            }
            if let Some(place) = place {
                show(*place, value);
            }
        }
    }

    /// The place and the fields of every row that could be decoded. Only where a column is made of them.
    pub(super) fn fields(&self) -> impl Iterator<Item = (Place, &Fields)> {
        self.places.iter().flatten().copied().zip(&self.fields)
    }
}

/// The indexes of all columns of a table: mostly those of any of them.
fn all_indexes(raw: &RawTable) -> Cow<'_, Rows> {
    let mut columns = raw.columns.iter().map(|column| &column.rows).filter(|rows| !rows.is_empty());
    let Some(first) = columns.next() else { return Cow::Owned(Rows::new()) };
    if columns.all(|rows| rows.has_indexes_of(first)) {
        return Cow::Borrowed(first);
    }
    Cow::Owned(Rows::union(raw.columns.iter().map(|column| &column.rows)))
}

/// Whether a row's fields name what the table's rows are; of an ONU the key's numbers are left in `numbers`.
pub(super) fn is_named(profile: &Profile, table: &Table, fields: &Fields, numbers: &mut Vec<u32>) -> bool {
    let number = profile.number.as_ref().map(|name| fields.number(name).is_some());
    match table.rows {
        RowsAre::Onu if table.mixed && number == Some(false) => false,
        RowsAre::Onu => fields.numbers_into(&profile.key, numbers).is_some(),
        // Interfaces of ONUs stand beside those of PONs.
        RowsAre::Pon => number != Some(true) && profile.pon_of(fields).is_some(),
    }
}

/// A reading of which nothing is known yet. What the family never gives says so.
pub(super) fn template(profile: &Profile, kind: SweepKind, table: &Table) -> Reading {
    let mut reading = Reading::unread(OnuKey::new(&[]), Unread::NotAsked);
    // An ONU on GPON is not missing what the family gives of those on EPON.
    let alike = |other: &&Table| other.rows == RowsAre::Onu && other.kind == table.kind;
    let absent = |field| {
        let mut columns = profile.tables.iter().filter(alike).flat_map(|table| &table.columns);
        !columns.any(|column| column.field == field)
    };
    macro_rules! mark {
        ($($place:ident: $field:ident),+) => {
            $(if absent(FieldName::$field) { reading.$place = Err(Unread::NoSuchColumn); })+
        };
    }
    mark!(
        serial: Serial, mac: Mac, name: Name, state: State, last_down_cause: LastDownCause, rx: Rx, olt_rx: OltRx,
        tx: Tx, distance: Distance, temperature: Temperature, voltage: Voltage, bias: Bias
    );
    if absent(FieldName::Cause) && absent(FieldName::LastDownCause) {
        reading.cause = Err(Unread::NoSuchColumn);
    } else if kind == SweepKind::State {
        reading.cause = Err(Unread::NoValue);
    }
    reading
}
