//! Hostile rows: true rows of every family are changed at random and decoded. Whatever an OLT gives, nothing panics, no
//! level is one that light cannot have, and what means "no value" is never a number. Randomness, and how many inputs,
//! come from `snmp::fuzz`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cell::Cell;
use super::decode::one_after_the_other;
use super::gather::template;
use super::index::{FieldValue, Fields};
use super::profile::{Column, Source};
use super::value::Decoder;
use super::{Decoded, Joins, Library, Profile, RawColumn, RawTable, Rows};
use crate::model::{
    Cause, Celsius, Dbm, Field, Metres, Milliamperes, OnuKey, OnuState, PonId, PonReading, PonState, Reading,
    SweepKind, Unread, Volts,
};
use crate::snmp::fuzz::{each_input, mutate, random_value};
use crate::snmp::{Oid, Value, ValueRef, VarBind};

/// A family with true rows of six ONUs on two PONs.
struct Family {
    profile: Arc<Profile>,
    rows: Vec<VarBind>,
}

fn families() -> Vec<Family> {
    let library = Library::load(None).unwrap();
    library.iter().map(|profile| Family { profile: Arc::clone(profile), rows: true_rows(profile) }).collect()
}

fn true_rows(profile: &Profile) -> Vec<VarBind> {
    let dbm = |level| Ok(Dbm::new(level).unwrap());
    let mut rows = Vec::new();
    for place in 0..2 {
        let pon = profile.example_pon(place);
        if let Some(pon) = pon {
            let name = Some(Arc::from(format!("PON {pon}")));
            rows.extend(
                profile
                    .encode_pon_of(None, &PonReading { pon, name, state: Ok(PonState::Up), tx: dbm(4.0), onus: Ok(3) }),
            );
        }
        for onu in 0..3 {
            let position = place * 3 + onu;
            let down = onu == 2;
            let mut reading = Reading::unread(OnuKey::new(&[]), Unread::NotAsked);
            reading.pon = pon;
            reading.onu = Some(profile.example_onu(onu, position));
            reading.serial = Ok(format!("HWTC{:08X}", 7_919 + position).parse().unwrap());
            reading.mac = Ok(format!("aa:bb:cc:00:01:{position:02x}").parse().unwrap());
            reading.name = Ok(Arc::from(format!("client {position}")));
            reading.state = Ok(if down { OnuState::Down } else { OnuState::Up });
            reading.cause = if down { Ok(Cause::Power) } else { Err(Unread::NoValue) };
            reading.last_down_cause = Ok(Cause::Power);
            (reading.rx, reading.olt_rx, reading.tx) = (dbm(-21.37), dbm(-23.5), dbm(2.2));
            reading.distance = Ok(Metres::new(1_234.0).unwrap());
            reading.temperature = Ok(Celsius::new(41.0).unwrap());
            reading.voltage = Ok(Volts::new(3.28).unwrap());
            reading.bias = Ok(Milliamperes::new(12.0).unwrap());
            reading.mask_levels_while_down();
            rows.extend(profile.encode_onu_of(None, &reading, position));
        }
    }
    rows
}

fn read(profile: &Profile, rows: &[VarBind], kind: SweepKind, complete: bool) -> Decoded {
    let (tables, joins) = tables(profile, rows, kind, complete);
    profile.decode(kind, &tables, &joins)
}

fn tables(profile: &Profile, rows: &[VarBind], kind: SweepKind, complete: bool) -> (Vec<RawTable>, Joins) {
    let column = |oid: &Oid| RawColumn {
        oid: oid.clone(),
        rows: rows.iter().filter_map(|row| Some((row.oid.suffix_of(oid)?.into(), row.value.clone()))).collect(),
        complete,
    };
    let mut joins = Joins::default();
    for join in profile.join_reads() {
        joins.set(profile, join.join, &column(&join.column).rows);
    }
    let reads = profile.reads(kind);
    let table =
        |read: &super::TableRead| RawTable { table: read.table, columns: read.columns.iter().map(column).collect() };
    (reads.iter().map(table).collect(), joins)
}

/// A table decoded in the plainest way: a row after the other, each cell looked for by its index.
fn plainly(profile: &Profile, kind: SweepKind, raw: &RawTable, joins: &Joins) -> (Vec<Reading>, Vec<PonReading>) {
    let table = &profile.tables[raw.table];
    let indexes: BTreeSet<Box<[u32]>> =
        raw.columns.iter().flat_map(|column| &column.rows).map(|(index, _)| index).collect();
    let mut onus: BTreeMap<OnuKey, Reading> = BTreeMap::new();
    let mut pons: BTreeMap<PonId, PonReading> = BTreeMap::new();
    for column in table.columns.iter().filter(|column| column.sweep == kind) {
        let given = raw.columns.iter().find(|given| matches!(&column.source, Source::Oid(oid) if *oid == given.oid));
        if given.is_none() && matches!(column.source, Source::Oid(_)) {
            continue;
        }
        // A serial in two columns is one text behind the other.
        let second = column.then.as_ref().map(|then| raw.columns.iter().find(|given| given.oid == *then));
        let joined = match (given, second) {
            (Some(first), Some(Some(second))) => Some(one_after_the_other(first, second)),
            (Some(_), Some(None)) => continue,
            _ => None,
        };
        let given = joined.as_ref().or(given);
        let cells: BTreeMap<Box<[u32]>, Value> = given.into_iter().flat_map(|given| &given.rows).collect();
        let scale = match &column.decoder {
            Decoder::Number(decoder) => decoder.choose(cells.values()),
            _ => 0,
        };
        let missing = match given {
            Some(given) if !given.complete => Unread::NoAnswer,
            Some(given) if given.rows.is_empty() => Unread::NoSuchColumn,
            _ => Unread::NoRow,
        };
        for index in &indexes {
            let mut fields = Fields::default();
            let Some(()) = profile.fields_into(table, index, joins, &mut fields) else { continue };
            let of_index = match &column.source {
                Source::Index(name) => fields.get(name).map(|field| match field {
                    FieldValue::Number(number) => Value::Gauge32(*number),
                    FieldValue::Octets(octets) => {
                        Value::OctetString(octets.iter().map(|octet| u8::try_from(*octet).unwrap()).collect())
                    }
                }),
                Source::Oid(_) => None,
            };
            let value = of_index.as_ref().or(cells.get(index)).map(ValueRef::from);
            let cell = Cell { column, value, scale, missing };
            let number = profile.number.as_ref().map(|name| fields.number(name).is_some());
            if table.rows == Rows::Onu && !(table.mixed && number == Some(false)) {
                let Some(key) = fields.numbers_of(&profile.key) else { continue };
                let reading = onus.entry(OnuKey::new(&key)).or_insert_with_key(|key| {
                    let onu = profile.number.as_ref().and_then(|name| fields.number(name));
                    Reading { key: key.clone(), pon: profile.pon_of(&fields), onu, ..template(profile, kind, table) }
                });
                cell.put_onu(reading);
            } else if table.rows == Rows::Pon && number != Some(true) {
                let Some(pon) = profile.pon_of(&fields) else { continue };
                if table.listed && !profile.pons_of_joins(table.kind.as_deref(), joins).contains(&pon) {
                    continue;
                }
                let unread = Unread::NotAsked;
                let fresh = PonReading { pon, name: None, state: Err(unread), tx: Err(unread), onus: Err(unread) };
                cell.put_pon(pons.entry(pon).or_insert(fresh));
            }
        }
    }
    (onus.into_values().collect(), pons.into_values().collect())
}

/// Tables are decoded in lock-step as they are plainly. Of each table alone, as the choice between alternative ones and
/// what is said of an ONU that is down come after that.
#[test]
fn rows_in_lock_step_are_decoded_as_each_alone() {
    let families = families();
    let mut onus = 0;
    each_input(2_000, |input, random| {
        let Family { profile, rows } = &families[random.usize(..families.len())];
        let mut rows = rows.clone();
        if random.u8(..8) != 0 {
            change(random, &mut rows);
        }
        let kind = SweepKind::ALL[random.usize(..3)];
        let (tables, joins) = tables(profile, &rows, kind, random.u8(..4) != 0);
        for raw in tables {
            let (mut wanted, pons) = plainly(profile, kind, &raw, &joins);
            super::decode::conclude(&mut wanted);
            let decoded = profile.decode(kind, &[raw], &joins);
            assert_eq!(decoded.onus, wanted, "input {input}, {} {kind}", profile.name());
            assert_eq!(decoded.pons, pons, "input {input}, {} {kind}", profile.name());
            onus += decoded.onus.len();
        }
    });
    assert!(onus > 1_000, "the target looks at something: {onus}");
}

/// Values that agents use to say that there is none, and others at the edges of what a column can hold.
const TELLING: [i64; 14] = [
    0,
    -1,
    1,
    0xff,
    32_767,
    -32_768,
    65_535,
    65_534,
    2_147_483_647,
    -2_147_483_648,
    4_294_967_295,
    -4000,
    -10_000,
    9_999,
];
const TEXTS: [&str; 12] =
    ["", "-", "--", "N/A", "-inf", "nan", "null", "\0\0", "-40.00 dBm", "1e400", "-99999999999999999999", "−21.3(dBm)"];

fn change(random: &mut fastrand::Rng, rows: &mut Vec<VarBind>) {
    for _ in 0..random.usize(1..6) {
        if rows.is_empty() {
            return;
        }
        let at = random.usize(..rows.len());
        match random.u8(..9) {
            0 | 1 => rows[at].value = random_value(random),
            2 | 3 => {
                let number = TELLING[random.usize(..TELLING.len())];
                rows[at].value = as_any_type(random, number);
            }
            4 => rows[at].value = Value::OctetString(TEXTS[random.usize(..TEXTS.len())].as_bytes().into()),
            5 => match &mut rows[at].value {
                Value::OctetString(octets) => {
                    let mut changed = octets.to_vec();
                    mutate(random, &mut changed);
                    *octets = changed.into();
                }
                Value::Integer(number) => *number = number.wrapping_add(random.i64(-300..300)),
                other => *other = Value::Undecoded { tag: random.u8(..) },
            },
            6 => rows[at].oid = other_index(random, &rows[at].oid),
            7 => drop(rows.remove(at)),
            _ => {
                let mut copy = rows[at].clone();
                copy.oid = other_index(random, &copy.oid);
                rows.push(copy);
            }
        }
    }
}

/// Another number near the end of a name, or one more or less.
fn other_index(random: &mut fastrand::Rng, oid: &Oid) -> Oid {
    let mut arcs = oid.arcs().to_vec();
    let at = arcs.len() - 1 - random.usize(..arcs.len().min(3));
    match random.u8(..4) {
        0 => arcs[at] = random.u32(..),
        1 => arcs[at] = arcs[at].wrapping_add(random.u32(..3).wrapping_sub(1)),
        2 => arcs.push(random.u32(..300)),
        _ => arcs.truncate(at),
    }
    Oid::new(&arcs)
}

/// A number as any of the types in which agents send numbers.
fn as_any_type(random: &mut fastrand::Rng, number: i64) -> Value {
    let text = || Value::OctetString(number.to_string().into_bytes().into());
    match (random.u8(..8), u32::try_from(number)) {
        (0, Ok(number)) => Value::Gauge32(number),
        (1, Ok(number)) => Value::Counter32(number),
        (2, Ok(number)) => Value::Counter64(u64::from(number)),
        (3, _) => text(),
        _ => Value::Integer(number),
    }
}

/// In place of a column's value, one that says that there is none.
fn no_value(random: &mut fastrand::Rng, column: &Column) -> Value {
    if let Decoder::Number(decoder) = &column.decoder
        && !decoder.sentinels.is_empty()
        && random.u8(..4) != 0
    {
        let sentinel = decoder.sentinels[random.usize(..decoder.sentinels.len())];
        return as_any_type(random, sentinel);
    }
    match random.u8(..6) {
        0 => Value::NoSuchInstance,
        1 => Value::NoSuchObject,
        2 => Value::EndOfMibView,
        3 => Value::Undecoded { tag: 0x45 },
        4 => Value::OctetString(TEXTS[random.usize(..7)].as_bytes().into()),
        _ => Value::Null,
    }
}

fn within<T>(field: &Field<T>, get: impl Fn(&T) -> f64, low: f64, high: f64) -> bool {
    field.as_ref().is_err() || field.as_ref().is_ok_and(|value| (low..=high).contains(&get(value)))
}

/// Levels are such as light can have, rows are sorted, and there are no more of them than were given.
fn check(what: &str, decoded: &Decoded, given: usize) {
    assert!(decoded.onus.windows(2).all(|pair| pair[0].key < pair[1].key), "{what}");
    assert!(decoded.pons.windows(2).all(|pair| pair[0].pon < pair[1].pon), "{what}");
    assert!(decoded.onus.len() + decoded.pons.len() <= given, "{what}");
    for onu in &decoded.onus {
        for level in [&onu.rx, &onu.olt_rx, &onu.tx] {
            assert!(within(level, |level| level.get(), -60.0, 20.0), "{what}: {level:?}");
        }
        assert!(within(&onu.distance, |metres| metres.get(), 0.0, 100_000.0), "{what}: {:?}", onu.distance);
        assert!(within(&onu.temperature, |celsius| celsius.get(), -60.0, 150.0), "{what}: {:?}", onu.temperature);
        if onu.state == Ok(OnuState::Down) {
            assert!(onu.rx.is_err() && onu.olt_rx.is_err() && onu.tx.is_err(), "{what}: dark, but with levels");
        }
    }
    for pon in &decoded.pons {
        assert!(within(&pon.tx, |level| level.get(), -60.0, 20.0), "{what}: {:?}", pon.tx);
    }
}

#[test]
fn no_rows_make_a_level_that_light_cannot_have() {
    let families = families();
    let (mut levels, mut onus) = (0, 0);
    each_input(3_000, |input, random| {
        let Family { profile, rows } = &families[random.usize(..families.len())];
        let mut rows = rows.clone();
        change(random, &mut rows);
        let kind = SweepKind::ALL[random.usize(..3)];
        let decoded = read(profile, &rows, kind, random.u8(..4) != 0);
        check(&format!("input {input}, {} {kind}", profile.name()), &decoded, rows.len());
        onus += decoded.onus.len();
        levels += decoded.onus.iter().filter(|onu| onu.rx.is_ok()).count();
    });
    assert!(levels > 100 && onus > 1_000, "the target looks at something: {levels} {onus}");
}

#[test]
fn what_says_that_there_is_no_value_is_never_a_number() {
    let families = families();
    let mut silenced = 0_u64;
    each_input(1_000, |input, random| {
        let Family { profile, rows } = &families[random.usize(..families.len())];
        let mut rows = rows.clone();
        for table in &profile.tables {
            for column in table.columns.iter().filter(|column| matches!(column.decoder, Decoder::Number(_))) {
                let Source::Oid(oid) = &column.source else { continue };
                // A column that is read in two ways has a text or number that one of them may read as a value.
                let readers = || profile.tables.iter().flat_map(|table| &table.columns);
                let alone = readers().filter(|other| matches!(&other.source, Source::Oid(o) if o == oid)).count() == 1;
                for row in rows.iter_mut().filter(|row| row.oid.suffix_of(oid).is_some()) {
                    row.value = if alone { no_value(random, column) } else { Value::NoSuchInstance };
                    silenced += 1;
                }
            }
        }
        for kind in SweepKind::ALL {
            let decoded = read(profile, &rows, *kind, true);
            let what = format!("input {input}, {} {kind}", profile.name());
            check(&what, &decoded, rows.len());
            for onu in &decoded.onus {
                let levels = [onu.rx.is_ok(), onu.olt_rx.is_ok(), onu.tx.is_ok(), onu.distance.is_ok()];
                let health = [onu.temperature.is_ok(), onu.voltage.is_ok(), onu.bias.is_ok()];
                assert!(!levels.contains(&true) && !health.contains(&true), "{what}: {onu:?}");
            }
            assert!(decoded.pons.iter().all(|pon| pon.tx.is_err() && pon.onus.is_err()), "{what}: {:?}", decoded.pons);
        }
    });
    assert!(silenced > 10_000, "the target looks at something: {silenced}");
}

/// Values that are kept since they are interesting, or were once read wrongly: in every number column of every family.
#[test]
fn kept_values_are_no_levels_that_light_cannot_have() {
    let values = TELLING.map(Value::Integer).into_iter();
    let values = values.chain(TEXTS.map(|text| Value::OctetString(text.as_bytes().into())));
    let values: Vec<Value> = values
        .chain([
            Value::Counter64(u64::MAX),
            Value::Gauge32(u32::MAX),
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::OctetString([0xff, 0xfe].into()),
            Value::OctetString(vec![b'9'; 400].into()),
            Value::OctetString(b"-0".as_slice().into()),
            Value::Opaque([0x9f, 0x78, 4, 0x7f, 0x80, 0, 0].into()),
            Value::IpAddress([0; 4]),
            Value::ObjectId("1.3".parse().unwrap()),
        ])
        .collect();
    for Family { profile, rows } in families() {
        for value in &values {
            let mut rows = rows.clone();
            for column in profile.tables.iter().flat_map(|table| &table.columns) {
                let (Source::Oid(oid), Decoder::Number(_)) = (&column.source, &column.decoder) else { continue };
                rows.iter_mut()
                    .filter(|row| row.oid.suffix_of(oid).is_some())
                    .for_each(|row| row.value = value.clone());
            }
            for kind in SweepKind::ALL {
                check(&format!("{value:?}, {}", profile.name()), &read(&profile, &rows, *kind, true), rows.len());
            }
        }
    }
}
