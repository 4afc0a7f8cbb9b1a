//! From truth to the rows that an OLT of a family would answer with: the inverse of `decode`, for simulated OLTs.

use std::sync::Arc;

use super::index::{FieldValue, Fields, Part, Takes};
use super::join::write_format;
use super::profile::{Column, FieldName, Join, JoinValue, PonPart, Profile, Rows, Source, Table};
use super::value::{Decoder, NumberDecoder, Word, WordDecoder};
use crate::model::{Cause, Field, OnuState, PonId, PonReading, Reading, Unread};
use crate::snmp::{Oid, Value, VarBind};

/// Where free numbers of simulated ONUs begin, above those of PON ports, so that both may share a table; below
/// 0x02000000, where Datacom's walks stop.
const FIRST_ONU_NUMBER: u32 = 20_000_000;

/// PON ports on a card of a simulated OLT.
const PORTS_PER_CARD: u32 = 16;

impl Profile {
    /// What an OLT of this family says of itself in sysObjectID and sysDescr.
    #[must_use]
    pub fn example_identity(&self) -> Option<(Oid, String)> {
        let fits = |descr: &str| {
            self.detect.iter().find(|rule| rule.sys_descr.as_ref().is_none_or(|pattern| pattern.is_match(descr)))
        };
        let rule = fits(&self.title)?;
        Some((rule.sys_object_id.first()?.clone(), self.title.clone()))
    }

    /// The PON port at this place (from 0) of a simulated OLT, or `None` where the family shows no PON. Families that
    /// write a frame count ports from 0, others from 1.
    #[must_use]
    pub fn example_pon(&self, place: u32) -> Option<PonId> {
        self.example_port(place / PORTS_PER_CARD, place % PORTS_PER_CARD, place)
    }

    /// The PON port at this place on a card (both from 0), which is at `place` among all ports of the OLT: families that number ports
    /// through go by that. `None` where the family shows no PON.
    #[must_use]
    pub fn example_port(&self, card: u32, port: u32, place: u32) -> Option<PonId> {
        let alone = self.pon.iter().filter(|part| matches!(part, PonPart::Field(_))).count() == 1;
        let last = self.pon.len().checked_sub(1)?;
        let number = |(position, part): (usize, &PonPart)| match part {
            PonPart::Constant(number) => *number,
            PonPart::Field(_) if alone => place + 1,
            PonPart::Field(_) if position == last => port + self.first_number(),
            PonPart::Field(_) if position + 1 == last => card + 1,
            PonPart::Field(name) => self.lowest(name),
        };
        let numbers: Vec<u32> = self.pon.iter().enumerate().map(number).collect();
        PonId::new(&numbers).ok()
    }

    /// The number of the ONU at this place on its PON and at this position on the OLT (both from 0). Families that
    /// know ONUs by their number alone number them through.
    #[must_use]
    pub fn example_onu(&self, place: u32, position: u32) -> u32 {
        let alone = self.number.as_ref().is_some_and(|number| *self.key == [Arc::clone(number)]);
        self.first_number().saturating_add(if alone { position } else { place })
    }

    /// Families that write a frame count ports and ONUs from 0, others from 1.
    fn first_number(&self) -> u32 {
        u32::from(!self.pon.iter().any(|part| matches!(part, PonPart::Field(name) if &**name == "frame")))
    }

    /// The lowest number that a field inside of an index can be.
    fn lowest(&self, field: &str) -> u32 {
        let parts = self.tables.iter().flat_map(|table| &table.index.parts);
        let slices = parts.flat_map(|part| match part {
            Part::Named { slices, .. } => slices.as_slice(),
            Part::Constant(_) => &[],
        });
        slices.filter(|slice| &*slice.name == field).map(|slice| slice.base).max().unwrap_or(0)
    }

    /// The kinds of PONs that a chassis of this family may hold beside the usual one, such as EPON beside GPON.
    #[must_use]
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.tables.iter().filter_map(|table| table.kind.as_deref()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The rows that show a PON port of a kind of PONs, the joins' rows included; `None` is the family's usual one.
    #[must_use]
    pub fn encode_pon_of(&self, kind: Option<&str>, reading: &PonReading) -> Vec<VarBind> {
        let mut fields = self.pon_fields(reading.pon);
        self.complete(kind, &mut fields, Rows::Pon, 0);
        let mut rows = self.encode_joins(kind, &fields);
        for table in self.tables_of(kind, Rows::Pon) {
            for column in &table.columns {
                let value = match column.field {
                    FieldName::Name => reading.name.as_ref().map(|name| Value::OctetString(name.as_bytes().into())),
                    FieldName::State => encode_word(column, reading.state.map(Word::Pon)),
                    FieldName::Tx => encode_number(column, reading.tx.map(crate::model::Dbm::get)),
                    FieldName::Onus => encode_number(column, reading.onus.map(f64::from)),
                    _ => None,
                };
                let row = row(table, column, &fields, value);
                // A join's name and a name column may be the same object: the first stands.
                if let Some(row) = row.filter(|row| !rows.iter().any(|other| other.oid == row.oid)) {
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// The rows that show an ONU on a kind of PONs, the joins' rows included; `None` is the family's usual one. `position`
    /// is the ONU's place on the OLT, from 0.
    #[must_use]
    pub fn encode_onu_of(&self, kind: Option<&str>, reading: &Reading, position: u32) -> Vec<VarBind> {
        let mut fields = reading.pon.map(|pon| self.pon_fields(pon)).unwrap_or_default();
        if let (Some(name), Some(number)) = (&self.number, reading.onu) {
            fields.set(name, FieldValue::Number(number));
        }
        self.set_strings(reading, &mut fields);
        self.complete(kind, &mut fields, Rows::Onu, FIRST_ONU_NUMBER.saturating_add(position));
        let mut rows = self.encode_joins(kind, &fields);
        let joined = rows.len();
        for table in self.tables_of(kind, Rows::Onu) {
            // Of alternative tables a device has one: the first.
            let first = self.tables.iter().find(|other| other.group.is_some() && other.group == table.group);
            if first.is_some_and(|first| first.object != table.object) {
                continue;
            }
            for column in &table.columns {
                if let Some(then) = &column.then {
                    rows.extend(encode_in_two(table, column, then, &fields, reading));
                    continue;
                }
                let Some(row) = row(table, column, &fields, encode_onu_value(column, reading)) else { continue };
                let same = rows.iter_mut().enumerate().find(|(_, other)| other.oid == row.oid);
                match same {
                    None => rows.push(row),
                    Some((place, other)) if column.field == FieldName::Name && place < joined => {
                        other.value = one_after_the_other(other, &row);
                    }
                    Some((_, other)) if column.field == FieldName::Name => other.value = row.value,
                    Some((_, other)) => {
                        if let Some(value) = word_for_all(table, column, reading) {
                            other.value = value;
                        }
                    }
                }
            }
        }
        rows
    }

    fn tables_of<'p>(&'p self, kind: Option<&'p str>, rows: Rows) -> impl Iterator<Item = &'p Table> {
        self.tables.iter().filter(move |table| table.rows == rows && table.kind.as_deref() == kind)
    }

    fn pon_fields(&self, pon: PonId) -> Fields {
        let mut fields = Fields::default();
        for (part, number) in self.pon.iter().zip(pon.parts()) {
            if let PonPart::Field(name) = part {
                fields.set(name, FieldValue::Number(u32::from(*number)));
            }
        }
        fields
    }

    /// Serials and MACs that are part of an index, or that a join gives.
    fn set_strings(&self, reading: &Reading, fields: &mut Fields) {
        let in_index = self.tables.iter().flat_map(|table| &table.index.parts).filter_map(|part| match part {
            Part::Named { name, takes, .. } if *takes != Takes::One => Some((name, *takes)),
            _ => None,
        });
        let in_joins = self.joins.iter().filter_map(|join| match &join.value {
            JoinValue::Field(name) => Some((name, Takes::Rest)),
            JoinValue::Pattern { .. } => None,
        });
        for (name, takes) in in_index.chain(in_joins) {
            let octets: Option<Box<[u8]>> = match (&**name, &reading.serial, reading.mac) {
                ("serial", Ok(serial), _) if takes == Takes::Octets(8) => serial_octets(serial.as_str()),
                ("serial", Ok(serial), _) => Some(serial.as_str().as_bytes().into()),
                ("mac", _, Ok(mac)) => Some(mac.octets().into()),
                _ => None,
            };
            if let Some(octets) = octets {
                fields.set(name, FieldValue::Octets(octets.iter().map(|octet| u32::from(*octet)).collect()));
            }
        }
    }

    /// Whether a number of an index is looked up for a PON and never for an ONU.
    fn stands_for_pon(&self, name: &Arc<str>) -> bool {
        let mut joins = self.joins.iter().filter(|join| *join.by == [Arc::clone(name)]).peekable();
        let names_onu = |join: &Join| match &join.value {
            JoinValue::Pattern { groups, .. } => {
                groups.iter().any(|group| self.number.as_ref() == Some(group) || self.key.contains(group))
            }
            JoinValue::Field(field) => self.key.contains(field),
        };
        *self.key != [Arc::clone(name)] && joins.peek().is_some() && !joins.any(names_onu)
    }

    /// A PON's number where it means nothing, such as an interface's index.
    fn pon_number(&self, fields: &Fields) -> u32 {
        let parts = self.pon.iter().filter_map(|part| match part {
            PonPart::Field(name) => fields.number(name),
            PonPart::Constant(_) => None,
        });
        let number = parts.fold(0_u32, |number, part| number.wrapping_mul(512).wrapping_add(part));
        number % (FIRST_ONU_NUMBER - 1) + 1
    }

    /// Fills in the fields that can be put together from others, and numbers that mean nothing: `free` for an ONU's.
    fn complete(&self, kind: Option<&str>, fields: &mut Fields, rows: Rows, free: u32) {
        // An index of a PON can also be put together from fields of an ONU, but is another number there.
        for of in [rows, Rows::Onu, Rows::Pon] {
            for index in self.tables_of(kind, of).map(|table| &table.index) {
                for (name, number) in index.wholes(fields) {
                    fields.set(&name, FieldValue::Number(number));
                }
            }
        }
        for name in self.tables_of(kind, rows).flat_map(|table| table.index.required_names()) {
            if fields.get(&name).is_none() {
                let of_pon = rows == Rows::Pon || self.stands_for_pon(&name);
                let number = if of_pon { self.pon_number(fields) } else { free };
                fields.set(&name, FieldValue::Number(number));
            }
        }
    }

    /// The joins' rows by which these fields would be found.
    fn encode_joins(&self, kind: Option<&str>, fields: &Fields) -> Vec<VarBind> {
        // Several may read one column: the words of the kind win.
        let own = self.joins.iter().filter(|join| join.kind.as_deref() == kind);
        let usual = self.joins.iter().filter(|join| join.kind.is_none());
        let mut rows: Vec<VarBind> = Vec::new();
        for row in own.chain(usual).filter_map(|join| encode_join(join, fields)) {
            if !rows.iter().any(|other| other.oid == row.oid) {
                rows.push(row);
            }
        }
        rows
    }
}

fn encode_join(join: &Join, fields: &Fields) -> Option<VarBind> {
    let index = join.index.encode(fields)?;
    let value = match &join.value {
        JoinValue::Pattern { .. } => {
            let text = write_format(join.format.as_ref()?, &|group| fields.number(group))?;
            Value::OctetString(text.into_bytes().into_boxed_slice())
        }
        JoinValue::Field(name) => match fields.get(name)? {
            FieldValue::Number(number) => Value::Gauge32(*number),
            FieldValue::Octets(octets) => {
                Value::OctetString(octets.iter().filter_map(|octet| u8::try_from(*octet).ok()).collect())
            }
        },
    };
    Some(VarBind { oid: join.oid.child(&index), value })
}

fn row(table: &Table, column: &Column, fields: &Fields, value: Option<Value>) -> Option<VarBind> {
    match (&column.source, value, table.index.encode(fields)) {
        (Source::Oid(oid), Some(value), Some(index)) => Some(VarBind { oid: oid.child(&index), value }),
        _ => None,
    }
}

/// A serial in two columns: the maker's four letters, and the rest.
fn encode_in_two(table: &Table, column: &Column, then: &Oid, fields: &Fields, reading: &Reading) -> Vec<VarBind> {
    let (Ok(serial), Some(index), Source::Oid(oid)) = (&reading.serial, table.index.encode(fields), &column.source)
    else {
        return Vec::new();
    };
    let Some((maker, number)) = serial.as_str().split_at_checked(4) else { return Vec::new() };
    let cell =
        |oid: &Oid, text: &str| VarBind { oid: oid.child(&index), value: Value::OctetString(text.as_bytes().into()) };
    vec![cell(oid, maker), cell(then, number)]
}

/// A name behind the words that a join reads in the same object.
fn one_after_the_other(first: &VarBind, second: &VarBind) -> Value {
    match (first.value.octets(), second.value.octets()) {
        (Some(first), Some(second)) => Value::OctetString([first, b" ", second].concat().into_boxed_slice()),
        _ => first.value.clone(),
    }
}

/// Where one number is both a state and a cause: the one that says the right thing for as many as possible.
fn word_for_all(table: &Table, column: &Column, reading: &Reading) -> Option<Value> {
    let Source::Oid(oid) = &column.source else { return None };
    let same = |other: &&Column| matches!(&other.source, Source::Oid(own) if own == oid);
    let words: Vec<(&Column, &WordDecoder)> = table
        .columns
        .iter()
        .filter(same)
        .filter_map(|column| match &column.decoder {
            Decoder::Word(decoder) => Some((column, decoder)),
            _ => None,
        })
        .collect();
    let truths: Vec<_> =
        words.iter().map(|(column, decoder)| decoder.decode(&encode_onu_value(column, reading)?).ok()).collect();
    let right = |value: &Value| {
        words.iter().zip(&truths).filter(|((_, decoder), truth)| decoder.decode(value).ok() == **truth).count()
    };
    let mut best: Option<(Value, usize)> = None;
    for value in words.iter().flat_map(|(_, decoder)| decoder.values()) {
        let count = right(&value);
        if best.as_ref().is_none_or(|(_, most)| count > *most) {
            best = Some((value, count));
        }
    }
    best.map(|(value, _)| value)
}

fn encode_onu_value(column: &Column, reading: &Reading) -> Option<Value> {
    let text = |text: &str| Some(Value::OctetString(text.as_bytes().into()));
    match column.field {
        FieldName::Serial => {
            let serial = reading.serial.as_ref().ok()?.as_str();
            match &column.decoder {
                Decoder::Serial { octets: true, .. } => Some(Value::OctetString(serial_octets(serial)?)),
                _ => text(serial),
            }
        }
        FieldName::Mac => Some(Value::OctetString(reading.mac.ok()?.octets().into())),
        FieldName::Name => text(reading.name.as_ref().ok()?),
        FieldName::Pon => {
            let down = reading.state == Ok(OnuState::Down);
            let port = reading.pon.and_then(|pon| pon.parts().last().copied()).ok_or(Unread::NoValue);
            encode_number(column, if down { Err(Unread::OnuDown) } else { port.map(f64::from) })
        }
        FieldName::Onu => encode_number(column, reading.onu.ok_or(Unread::NoValue).map(f64::from)),
        FieldName::State => encode_word(column, reading.state.map(Word::State)),
        FieldName::Cause => encode_word(column, reading.cause.map(Word::Cause)),
        FieldName::LastDownCause => encode_word(column, reading.last_down_cause.map(Word::Cause)),
        FieldName::Rx => encode_number(column, reading.rx.map(crate::model::Dbm::get)),
        FieldName::OltRx => encode_number(column, reading.olt_rx.map(crate::model::Dbm::get)),
        FieldName::Tx => encode_number(column, reading.tx.map(crate::model::Dbm::get)),
        FieldName::Distance => encode_number(column, reading.distance.map(crate::model::Metres::get)),
        FieldName::Temperature => encode_number(column, reading.temperature.map(crate::model::Celsius::get)),
        FieldName::Voltage => encode_number(column, reading.voltage.map(crate::model::Volts::get)),
        FieldName::Bias => encode_number(column, reading.bias.map(crate::model::Milliamperes::get)),
        FieldName::Onus => None,
    }
}

fn serial_octets(serial: &str) -> Option<Box<[u8]>> {
    let (vendor, rest) = serial.split_at_checked(4)?;
    let rest = u32::from_str_radix(rest, 16).ok().filter(|_| rest.len() == 8)?;
    Some(vendor.bytes().chain(rest.to_be_bytes()).collect())
}

/// A number, or the device's way to say that there is none: its first sentinel, else no row.
fn encode_number(column: &Column, number: Field<f64>) -> Option<Value> {
    let Decoder::Number(decoder) = &column.decoder else { return None };
    match number {
        Ok(number) => decoder.scales.first()?.encode(number),
        Err(_) => sentinel(decoder),
    }
}

fn sentinel(decoder: &NumberDecoder) -> Option<Value> {
    if decoder.scales.first().is_some_and(|scale| scale.milliwatts) {
        return Some(Value::Integer(0));
    }
    decoder.sentinels.first().map(|number| Value::Integer(*number))
}

/// What a device makes of a cause that it has no word for.
fn told_as(decoder: &WordDecoder, word: Word) -> Word {
    match word {
        Word::Cause(_) if decoder.encode(word).is_none() => Word::Cause(Cause::Unknown),
        word => word,
    }
}

/// A word, or the device's way to say that there is none: "none", else a sentinel, else no row.
fn encode_word(column: &Column, word: Field<Word>) -> Option<Value> {
    let Decoder::Word(decoder) = &column.decoder else { return None };
    let known = word.ok().and_then(|word| decoder.encode(told_as(decoder, word)));
    let none = || decoder.encode(Word::None);
    known.or_else(none).or_else(|| decoder.sentinels.first().map(|number| Value::Integer(*number)))
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
