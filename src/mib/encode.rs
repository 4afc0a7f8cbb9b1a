//! From truth to the rows that an OLT of a family would answer with: the inverse of `decode`, for simulated OLTs.

use std::sync::Arc;

use super::index::{FieldValue, Fields};
use super::profile::{Column, FieldName, Join, JoinValue, PonPart, Profile, Rows, Source, Table};
use super::value::{Decoder, NumberDecoder, Word};
use crate::model::{Field, OnuState, PonId, PonReading, Reading, Unread};
use crate::snmp::{Oid, Value, VarBind};

/// Where free numbers of simulated ONUs begin, above those of PON ports, so that both may share a table.
const FIRST_ONU_NUMBER: u32 = 1000;

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
        let (card, port) = (place / PORTS_PER_CARD, place % PORTS_PER_CARD);
        let with_frame = self.pon.len() >= 3;
        let alone = self.pon.iter().filter(|part| matches!(part, PonPart::Field(_))).count() == 1;
        let last = self.pon.len().checked_sub(1)?;
        let number = |(position, part): (usize, &PonPart)| match part {
            PonPart::Constant(number) => *number,
            PonPart::Field(_) if alone => place + 1,
            PonPart::Field(_) if position == last => port + u32::from(!with_frame),
            PonPart::Field(_) if position + 1 == last => card + 1,
            PonPart::Field(_) => 0,
        };
        let numbers: Vec<u32> = self.pon.iter().enumerate().map(number).collect();
        PonId::new(&numbers).ok()
    }

    /// The rows that show a PON port, the joins' rows included. `position` is the port's place on the OLT, from 0: it
    /// stands in for numbers that mean nothing, such as an interface's index.
    #[must_use]
    pub fn encode_pon(&self, reading: &PonReading, position: u32) -> Vec<VarBind> {
        let mut fields = Fields::default();
        for (part, number) in self.pon.iter().zip(reading.pon.parts()) {
            if let PonPart::Field(name) = part {
                fields.set(name, FieldValue::Number(u32::from(*number)));
            }
        }
        self.complete(&mut fields, Rows::Pon, position.saturating_add(1));
        let mut rows = self.encode_joins(&fields);
        for table in self.tables.iter().filter(|table| table.rows == Rows::Pon) {
            for column in &table.columns {
                let value = match column.field {
                    FieldName::Name => reading.name.as_ref().map(|name| Value::OctetString(name.as_bytes().into())),
                    FieldName::State => encode_word(column, reading.state.map(Word::Pon)),
                    FieldName::Tx => encode_number(column, reading.tx.map(crate::model::Dbm::get)),
                    FieldName::Onus => encode_number(column, reading.onus.map(f64::from)),
                    _ => None,
                };
                push_row(&mut rows, table, column, &fields, value);
            }
        }
        rows.retain({
            // A join's name and a name column may be the same object: the first stands.
            let mut seen: Vec<Oid> = Vec::new();
            move |row: &VarBind| {
                let new = !seen.contains(&row.oid);
                seen.push(row.oid.clone());
                new
            }
        });
        rows
    }

    /// The rows that show an ONU, the joins' rows included. `position` is the ONU's place on the OLT, from 0.
    #[must_use]
    pub fn encode_onu(&self, reading: &Reading, position: u32) -> Vec<VarBind> {
        let mut fields = Fields::default();
        if let Some(pon) = reading.pon {
            for (part, number) in self.pon.iter().zip(pon.parts()) {
                if let PonPart::Field(name) = part {
                    fields.set(name, FieldValue::Number(u32::from(*number)));
                }
            }
        }
        if let (Some(name), Some(number)) = (&self.number, reading.onu) {
            fields.set(name, FieldValue::Number(number));
        }
        if let (Some(place), Ok(serial)) = (self.key_octets, &reading.serial)
            && let Some(name) = self.key.get(place)
        {
            let octets: Arc<[u32]> = serial.as_str().bytes().map(u32::from).collect();
            fields.set(name, FieldValue::Octets(octets));
        }
        self.complete(&mut fields, Rows::Onu, FIRST_ONU_NUMBER.saturating_add(position));
        let mut rows = self.encode_joins(&fields);
        for table in self.tables.iter().filter(|table| table.rows == Rows::Onu) {
            // Of alternative tables a device has one: the first.
            let first = self.tables.iter().find(|other| other.group.is_some() && other.group == table.group);
            if first.is_some_and(|first| first.object != table.object) {
                continue;
            }
            for column in &table.columns {
                let value = encode_onu_value(column, reading);
                push_row(&mut rows, table, column, &fields, value);
            }
        }
        rows
    }

    /// Fills in the fields that can be put together from others, and `free` for numbers that mean nothing.
    fn complete(&self, fields: &mut Fields, rows: Rows, free: u32) {
        for index in self.tables.iter().map(|table| &table.index) {
            for (name, number) in index.wholes(fields) {
                fields.set(&name, FieldValue::Number(number));
            }
        }
        let tables = self.tables.iter().filter(|table| table.rows == rows);
        for name in tables.flat_map(|table| table.index.required_names()) {
            if fields.get(&name).is_none() {
                fields.set(&name, FieldValue::Number(free));
            }
        }
    }

    /// The joins' rows by which these fields would be found.
    fn encode_joins(&self, fields: &Fields) -> Vec<VarBind> {
        self.joins.iter().filter_map(|join| encode_join(join, fields)).collect()
    }
}

fn encode_join(join: &Join, fields: &Fields) -> Option<VarBind> {
    let index = join.index.encode(fields)?;
    let value = match &join.value {
        JoinValue::Pattern { groups, .. } => {
            let mut text = join.format.clone()?;
            for group in groups {
                text = text.replace(&format!("{{{group}}}"), &fields.number(group)?.to_string());
            }
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

fn push_row(rows: &mut Vec<VarBind>, table: &Table, column: &Column, fields: &Fields, value: Option<Value>) {
    if let (Source::Oid(oid), Some(value), Some(index)) = (&column.source, value, table.index.encode(fields)) {
        rows.push(VarBind { oid: oid.child(&index), value });
    }
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

fn encode_word(column: &Column, word: Field<Word>) -> Option<Value> {
    let Decoder::Word(decoder) = &column.decoder else { return None };
    match word {
        Ok(word) => decoder.encode(word),
        Err(_) => {
            decoder.encode(Word::None).or_else(|| decoder.sentinels.first().map(|number| Value::Integer(*number)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decode::{RawColumn, RawTable};
    use super::super::join::Joins;
    use super::super::library::Library;
    use super::*;
    use crate::model::{Cause, Celsius, Dbm, Metres, Milliamperes, OnuKey, PonId, PonState, SweepKind, Volts};

    /// Reads rows as an OLT would be read, without a wire.
    fn read(profile: &Profile, rows: &[VarBind], kind: SweepKind) -> crate::mib::Decoded {
        let column = |oid: &Oid| RawColumn {
            oid: oid.clone(),
            rows: rows.iter().filter_map(|row| Some((row.oid.suffix_of(oid)?.into(), row.value.clone()))).collect(),
            complete: true,
        };
        let mut joins = Joins::default();
        for join in profile.join_reads() {
            joins.set(profile, join.join, &column(&join.column).rows);
        }
        let tables: Vec<RawTable> = profile
            .reads(kind)
            .iter()
            .map(|read| RawTable { table: read.table, columns: read.columns.iter().map(column).collect() })
            .collect();
        profile.decode(kind, &tables, &joins)
    }

    fn truth(pon: PonId, onu: u32, up: bool, hundredths: i32) -> Reading {
        let level = f64::from(hundredths) / 100.0;
        let mut reading = Reading::unread(OnuKey::new(&[]), Unread::NotAsked);
        reading.pon = Some(pon);
        reading.onu = Some(onu);
        reading.serial = Ok(format!("HWTC{:08X}", onu * 7919).parse().unwrap());
        reading.mac = Ok("aa:bb:cc:00:01:02".parse().unwrap());
        reading.name = Ok(Arc::from(format!("{onu}")));
        reading.state = Ok(if up { OnuState::Up } else { OnuState::Down });
        reading.cause = if up { Err(Unread::NoValue) } else { Ok(Cause::Optical) };
        reading.last_down_cause = Ok(Cause::Optical);
        reading.rx = Dbm::new(level).map_err(|_| Unread::Implausible);
        reading.olt_rx = Dbm::new(level + 1.0).map_err(|_| Unread::Implausible);
        reading.tx = Ok(Dbm::new(2.21).unwrap());
        reading.distance = Ok(Metres::new(1234.0).unwrap());
        reading.temperature = Ok(Celsius::new(41.0).unwrap());
        reading.voltage = Ok(Volts::new(3.28).unwrap());
        reading.bias = Ok(Milliamperes::new(12.0).unwrap());
        reading.mask_levels_while_down();
        reading
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// For every family, every field that it has, and every port and number that its index can hold.
        #[test]
        fn decoding_what_was_encoded_gives_the_truth(
            slot in 0_u32..63, port in 0_u32..31, onu in 1_u32..127, up: bool, hundredths in -3000_i32..-800
        ) {
            let library = Library::load(None).unwrap();
            for profile in library.iter() {
                let parts: Vec<u32> = profile.pon.iter().map(|part| match part {
                    PonPart::Constant(number) => *number,
                    PonPart::Field(name) if &**name == "frame" => 0,
                    PonPart::Field(name) if &**name == "slot" => slot,
                    PonPart::Field(_) => port + 1,
                }).collect();
                let pon = PonId::new(&parts).unwrap_or_else(|_| PonId::new(&[1]).unwrap());
                let wanted = truth(pon, onu, up, hundredths);
                let pon_truth = PonReading {
                    pon, name: Some(Arc::from("GPON")), state: Ok(PonState::Up),
                    tx: Ok(Dbm::new(4.1).unwrap()), onus: Ok(1),
                };
                let mut rows = profile.encode_pon(&pon_truth, 0);
                rows.extend(profile.encode_onu(&wanted, 0));
                for kind in SweepKind::ALL {
                    let decoded = read(profile, &rows, *kind);
                    prop_assert!(decoded.gaps.is_empty(), "{} {kind}: {:?}", profile.name(), decoded.gaps);
                    prop_assert!(decoded.unknown_values.is_empty());
                    if !up && *kind == SweepKind::Optics && decoded.onus.is_empty() {
                        continue; // a family without sentinels has no row of levels for an ONU that is down
                    }
                    prop_assert_eq!(decoded.onus.len(), 1, "{} {}", profile.name(), kind);
                    let got = &decoded.onus[0];
                    let has = |field| profile.columns().any(|c| c.rows == Rows::Onu && c.field == field && c.sweep == *kind);
                    let name = profile.name();
                    if has(FieldName::Serial) { prop_assert_eq!(&got.serial, &wanted.serial, "{}", name); }
                    if has(FieldName::Mac) { prop_assert_eq!(got.mac, wanted.mac, "{}", name); }
                    if has(FieldName::Name) { prop_assert_eq!(&got.name, &wanted.name, "{}", name); }
                    if has(FieldName::State) { prop_assert_eq!(got.state, wanted.state, "{}", name); }
                    if has(FieldName::LastDownCause) {
                        prop_assert_eq!(got.last_down_cause, wanted.last_down_cause, "{}", name);
                        if !up { prop_assert_eq!(got.cause, wanted.cause, "{}", name); }
                    }
                    if has(FieldName::Distance) { prop_assert_eq!(got.distance, wanted.distance, "{}", name); }
                    if has(FieldName::Rx) && up {
                        let slack = (got.rx.unwrap() - wanted.rx.unwrap()).thousandths().abs();
                        // A power in tenths of a microwatt is coarse where it is weak.
                        let bound = if name == "calix-axos" { 250 } else { 0 };
                        prop_assert!(slack <= bound, "{}: {:?} {:?}", name, got.rx, wanted.rx);
                        prop_assert_eq!(got.tx.map(|tx| (tx.thousandths() + 5) / 10), Ok(221), "{}", name);
                    }
                    if has(FieldName::OltRx) && up && name != "calix-axos" {
                        prop_assert_eq!(got.olt_rx, wanted.olt_rx, "{}", name);
                    }
                    if has(FieldName::Temperature) && up {
                        prop_assert_eq!(got.temperature, wanted.temperature, "{}", name);
                        prop_assert_eq!(got.voltage, wanted.voltage, "{}", name);
                        prop_assert_eq!(got.bias, wanted.bias, "{}", name);
                    }
                    if !profile.pon.is_empty() && name != "ubiquiti-ufiber" {
                        prop_assert_eq!(got.pon, Some(pon), "{}", name);
                        prop_assert_eq!(got.onu, Some(onu), "{}", name);
                    }
                    // The key leads back to the row, which is how single rows are asked for.
                    for spec in profile.reads(*kind).iter().filter(|spec| spec.rows == Rows::Onu) {
                        let index = profile.row_index(spec.table, &got.key, got.pon).unwrap();
                        prop_assert!(rows.iter().any(|row| spec.columns.iter().any(|c| c.child(&index) == row.oid))
                            || profile.tables[spec.table].group.is_some(), "{}", name);
                    }
                }
            }
        }
    }
}
