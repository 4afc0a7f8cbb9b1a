//! From the rows of an OLT's tables to readings. Pure: the rows come in, the readings go out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::index::{FieldValue, Fields};
use super::join::Joins;
use super::profile::{Column, FieldName, Profile, Rows, Source, Table};
use super::value::{Decoder, Word};
use crate::model::{
    Cause, Celsius, Dbm, Field, Gap, Metres, Milliamperes, OnuKey, OnuState, PonId, PonReading, Reading, SweepKind,
    Unread, Volts,
};
use crate::snmp::{Oid, Value};

/// The rows of one column, as an OLT gave them.
#[derive(Debug, Clone)]
pub struct RawColumn {
    /// The column.
    pub oid: Oid,
    /// Index after the column, and value.
    pub rows: Vec<(Box<[u32]>, Value)>,
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
#[derive(Debug, Clone, Default)]
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
        let mut work =
            Work { profile: self, kind, joins, out: Decoded::default(), onus: BTreeMap::new(), pons: BTreeMap::new() };
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
        let mut alone =
            Work { profile, kind, joins, out: Decoded::default(), onus: BTreeMap::new(), pons: BTreeMap::new() };
        alone.table(table, raw);
        let score = alone.onus.values().map(known_values).sum::<usize>() + alone.pons.len();
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

struct Work<'a> {
    profile: &'a Profile,
    kind: SweepKind,
    joins: &'a Joins,
    out: Decoded,
    onus: BTreeMap<OnuKey, Reading>,
    pons: BTreeMap<PonId, PonReading>,
}

/// A table's rows by index: the fields of the index.
type RowFields<'r> = BTreeMap<&'r [u32], Fields>;

impl Work<'_> {
    fn table(&mut self, table: &Table, raw: &RawTable) {
        let rows = self.row_fields(table, raw);
        let kind = self.kind;
        for column in table.columns.iter().filter(|column| column.sweep == kind) {
            match &column.source {
                Source::Oid(oid) => {
                    if let Some(given) = raw.columns.iter().find(|given| given.oid == *oid) {
                        self.column(table, column, given, &rows);
                    }
                }
                Source::Index(name) => self.index_column(table, column, name, &rows),
            }
        }
    }

    /// Decodes every index that occurs in the table once, and counts what cannot be decoded.
    fn row_fields<'r>(&mut self, table: &Table, raw: &'r RawTable) -> RowFields<'r> {
        let mut rows = RowFields::new();
        let mut refused: BTreeMap<&[u32], ()> = BTreeMap::new();
        for (index, _) in raw.columns.iter().flat_map(|column| &column.rows) {
            if rows.contains_key(&**index) || refused.contains_key(&**index) {
                continue;
            }
            let fields = self.profile.fields_at(table, index, self.joins);
            let named = |fields: &Fields| self.is_named(table, fields);
            match fields {
                Some(fields) if named(&fields) => {
                    rows.insert(index, fields);
                }
                _ => {
                    refused.insert(index, ());
                }
            }
        }
        // A table of all ports holds uplinks too, so PON tables leave out what is no PON without a word.
        if table.rows == Rows::Onu
            && !table.mixed
            && let Some((first, ())) = refused.first_key_value()
        {
            let first: Vec<String> = first.iter().take(32).map(ToString::to_string).collect();
            self.out.gaps.push(Gap {
                what: Arc::from(table.object.as_str()),
                why: Arc::from(format!(
                    "{} rows have an index that the profile {} cannot decode, the first is {}",
                    refused.len(),
                    self.profile.name,
                    first.join(".")
                )),
            });
        }
        rows
    }

    /// Whether a row's fields name what the table's rows are.
    fn is_named(&self, table: &Table, fields: &Fields) -> bool {
        let number = self.profile.number.as_ref().map(|name| fields.number(name).is_some());
        match table.rows {
            Rows::Onu if table.mixed && number == Some(false) => false,
            Rows::Onu => fields.numbers_of(&self.profile.key).is_some(),
            // Interfaces of ONUs stand beside those of PONs.
            Rows::Pon => number != Some(true) && self.profile.pon_of(fields).is_some(),
        }
    }

    fn column(&mut self, table: &Table, column: &Column, given: &RawColumn, rows: &RowFields<'_>) {
        let values: HashMap<&[u32], &Value> = given.rows.iter().map(|(index, value)| (&**index, value)).collect();
        let scale = match &column.decoder {
            Decoder::Number(decoder) => decoder.choose(given.rows.iter().map(|(_, value)| value)),
            _ => 0,
        };
        let missing = match (given.complete, given.rows.is_empty()) {
            (false, _) => Unread::NoAnswer,
            (true, true) => Unread::NoSuchColumn,
            (true, false) => Unread::NoRow,
        };
        let mut unknown: BTreeMap<i64, usize> = BTreeMap::new();
        for (index, fields) in rows {
            let value = values.get(index).copied();
            let cell = Cell { column, value, scale, missing };
            if let Some(raw) = self.put(table, fields, &cell) {
                *unknown.entry(raw).or_default() += 1;
            }
        }
        for (raw, count) in unknown {
            self.out.unknown_values.push(UnknownValue { object: column.object.clone(), raw, count });
        }
    }

    /// A value that is part of the index, as if a column had given it.
    fn index_column(&mut self, table: &Table, column: &Column, name: &str, rows: &RowFields<'_>) {
        for fields in rows.values() {
            let value = fields.get(name).map(|field| match field {
                FieldValue::Number(number) => Value::Gauge32(*number),
                FieldValue::Octets(octets) => {
                    Value::OctetString(octets.iter().filter_map(|octet| u8::try_from(*octet).ok()).collect())
                }
            });
            let cell = Cell { column, value: value.as_ref(), scale: 0, missing: Unread::NoRow };
            self.put(table, fields, &cell);
        }
    }

    /// Puts a cell into its reading. Gives the raw number when it is an enumeration's unknown one.
    fn put(&mut self, table: &Table, fields: &Fields, cell: &Cell<'_>) -> Option<i64> {
        match table.rows {
            Rows::Onu => {
                let key = OnuKey::new(&fields.numbers_of(&self.profile.key)?);
                let reading = self
                    .onus
                    .entry(key)
                    .or_insert_with_key(|key| new_reading(self.profile, self.kind, table, key, fields));
                cell.put_onu(reading)
            }
            Rows::Pon => {
                let pon = self.profile.pon_of(fields)?;
                let reading = self.pons.entry(pon).or_insert_with(|| PonReading {
                    pon,
                    name: None,
                    state: Err(Unread::NotAsked),
                    tx: Err(Unread::NotAsked),
                    onus: Err(Unread::NotAsked),
                });
                cell.put_pon(reading)
            }
        }
    }

    fn finish(self) -> Decoded {
        let mut out = self.out;
        out.onus = self.onus.into_values().collect();
        out.pons = self.pons.into_values().collect();
        for reading in &mut out.onus {
            if reading.state == Ok(OnuState::Down)
                && reading.cause.is_err()
                && let Ok(cause) = reading.last_down_cause
            {
                reading.cause = Ok(cause);
            }
            reading.mask_levels_while_down();
        }
        out
    }
}

/// A reading of which the names are known from the row's index. What the family never gives ONUs of this kind of PON
/// says so.
fn new_reading(profile: &Profile, kind: SweepKind, table: &Table, key: &OnuKey, fields: &Fields) -> Reading {
    let mut reading = Reading::unread(key.clone(), Unread::NotAsked);
    let same_kind = |other: &&Table| other.rows == Rows::Onu && (other.kind.is_none() || other.kind == table.kind);
    let absent = |field| {
        !profile.tables.iter().filter(same_kind).any(|other| other.columns.iter().any(|column| column.field == field))
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
    reading.pon = profile.pon_of(fields);
    reading.onu = profile.number.as_ref().and_then(|name| fields.number(name));
    reading
}

/// One value on its way into a reading.
struct Cell<'a> {
    column: &'a Column,
    value: Option<&'a Value>,
    scale: usize,
    missing: Unread,
}

/// Keeps what is known; a later column of the same field only fills what an earlier one did not know.
fn fill<T>(place: &mut Field<T>, value: Field<T>) {
    match (&place, &value) {
        (Ok(_), _) => {}
        (Err(_), Ok(_)) | (Err(Unread::NotAsked | Unread::NoSuchColumn), Err(_)) => *place = value,
        (Err(_), Err(_)) => {}
    }
}

impl Cell<'_> {
    fn number(&self) -> Field<f64> {
        match &self.column.decoder {
            Decoder::Number(decoder) => decoder.decode(self.value.ok_or(self.missing)?, self.scale),
            _ => Err(Unread::Malformed),
        }
    }

    fn whole(&self) -> Field<u32> {
        let number = self.number()?;
        if number < 0.0 || number > f64::from(u32::MAX) {
            return Err(Unread::Implausible);
        }
        // Checked to be within u32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(number.round() as u32)
    }

    fn word(&self) -> Field<Word> {
        match &self.column.decoder {
            Decoder::Word(decoder) => decoder.decode(self.value.ok_or(self.missing)?),
            _ => Err(Unread::Malformed),
        }
    }

    fn cause(&self) -> Field<Cause> {
        match self.word()? {
            Word::Cause(cause) => Ok(cause),
            _ => Err(Unread::NoValue),
        }
    }

    /// Texts, serials and MACs.
    fn text<T>(&self, decode: impl Fn(&Value, &Decoder) -> Field<T>) -> Field<T> {
        decode(self.value.ok_or(self.missing)?, &self.column.decoder)
    }

    fn put_onu(&self, reading: &mut Reading) -> Option<i64> {
        let unit = |number: f64| number;
        macro_rules! quantity {
            ($place:ident, $unit:ident) => {
                fill(
                    &mut reading.$place,
                    self.number().map(unit).and_then(|n| $unit::new(n).map_err(|_| Unread::Implausible)),
                )
            };
        }
        match self.column.field {
            FieldName::Serial => fill(&mut reading.serial, self.text(decode_serial)),
            FieldName::Mac => fill(&mut reading.mac, self.text(decode_mac)),
            FieldName::Name => fill(&mut reading.name, self.text(decode_text)),
            FieldName::Pon => {
                if let Ok(number) = self.whole() {
                    reading.pon = reading.pon.or_else(|| PonId::new(&[number]).ok());
                }
            }
            FieldName::Onu => {
                if let Ok(number) = self.whole() {
                    reading.onu = reading.onu.or(Some(number));
                }
            }
            FieldName::State => {
                let state = self.word().and_then(|word| match word {
                    Word::State(state) => Ok(state),
                    _ => Err(Unread::Malformed),
                });
                fill(&mut reading.state, state);
                return unknown(reading.state);
            }
            FieldName::Cause => {
                let cause = self.cause();
                // "No cause" was only what stood there before a column spoke.
                if reading.cause == Err(Unread::NoValue) {
                    reading.cause = cause;
                } else {
                    fill(&mut reading.cause, cause);
                }
                return unknown(cause);
            }
            FieldName::LastDownCause => {
                let cause = self.cause();
                fill(&mut reading.last_down_cause, cause);
                if let Err(Unread::UnknownValue(raw)) = cause
                    && reading.cause == Err(Unread::NoValue)
                {
                    reading.cause = Err(Unread::UnknownValue(raw));
                }
                return unknown(cause);
            }
            FieldName::Rx => quantity!(rx, Dbm),
            FieldName::OltRx => quantity!(olt_rx, Dbm),
            FieldName::Tx => quantity!(tx, Dbm),
            FieldName::Distance => quantity!(distance, Metres),
            FieldName::Temperature => quantity!(temperature, Celsius),
            FieldName::Voltage => quantity!(voltage, Volts),
            FieldName::Bias => quantity!(bias, Milliamperes),
            FieldName::Onus => {}
        }
        None
    }

    fn put_pon(&self, reading: &mut PonReading) -> Option<i64> {
        match self.column.field {
            FieldName::Name => {
                if let Ok(name) = self.text(decode_text) {
                    reading.name = reading.name.take().or(Some(name));
                }
            }
            FieldName::State => {
                let state = self.word().and_then(|word| match word {
                    Word::Pon(state) => Ok(state),
                    _ => Err(Unread::Malformed),
                });
                fill(&mut reading.state, state);
                return unknown(state);
            }
            FieldName::Tx => {
                let tx = self.number().and_then(|number| Dbm::new(number).map_err(|_| Unread::Implausible));
                fill(&mut reading.tx, tx);
            }
            FieldName::Onus => fill(&mut reading.onus, self.whole()),
            _ => {}
        }
        None
    }
}

fn unknown<T>(field: Field<T>) -> Option<i64> {
    match field {
        Err(Unread::UnknownValue(raw)) => Some(raw),
        _ => None,
    }
}

fn decode_serial(value: &Value, decoder: &Decoder) -> Field<crate::model::Serial> {
    match decoder {
        Decoder::Serial { pattern, hex_with_prefix, .. } => {
            Decoder::serial(value, pattern.as_ref(), hex_with_prefix.as_deref())
        }
        _ => Err(Unread::Malformed),
    }
}

fn decode_mac(value: &Value, decoder: &Decoder) -> Field<crate::model::Mac> {
    match decoder {
        Decoder::Mac { pattern } => Decoder::mac(value, pattern.as_ref()),
        _ => Err(Unread::Malformed),
    }
}

fn decode_text(value: &Value, decoder: &Decoder) -> Field<Arc<str>> {
    match decoder {
        Decoder::Text { pattern } => Decoder::text(value, pattern.as_ref()),
        _ => Err(Unread::Malformed),
    }
}
