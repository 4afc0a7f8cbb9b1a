use std::sync::Arc;

use proptest::prelude::*;

use super::super::decode::{RawColumn, RawTable};
use super::super::join::Joins;
use super::super::profile::ReadMode;
use super::super::properties::built_in;
use super::super::value::Scale;
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

fn truth(pon: PonId, onu: u32, up: bool, cause: Cause, hundredths: i32) -> Reading {
    let level = f64::from(hundredths) / 100.0;
    let mut reading = Reading::unread(OnuKey::new(&[]), Unread::NotAsked);
    reading.pon = Some(pon);
    reading.onu = Some(onu);
    reading.serial = Ok(format!("HWTC{:08X}", onu * 7919).parse().unwrap());
    reading.mac = Ok("aa:bb:cc:00:01:02".parse().unwrap());
    reading.name = Ok(Arc::from(format!("{onu}")));
    reading.state = Ok(if up { OnuState::Up } else { OnuState::Down });
    reading.cause = if up { Err(Unread::NoValue) } else { Ok(cause) };
    reading.last_down_cause = Ok(cause);
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

/// A number from all that a field of an index can be, or up to 200 where nothing bounds it.
fn within(profile: &Profile, kind: Option<&str>, field: &str, seed: u32) -> u32 {
    let (mut low, mut high) = (1, 200);
    let tables = Rows::both().into_iter().flat_map(|rows| profile.tables_of(kind, rows));
    let slices = tables.flat_map(|table| &table.index.parts).flat_map(|part| match part {
        Part::Named { slices, .. } => slices.as_slice(),
        Part::Constant(_) => &[],
    });
    let mut bounds: Vec<(u32, u32)> = slices
        .filter(|slice| &*slice.name == field)
        .map(|slice| (slice.base, slice.modulo.map_or(60_000, |modulo| slice.base + modulo - 1)))
        .collect();
    if let Some((first_low, first_high)) = bounds.pop() {
        low = bounds.iter().fold(first_low, |low, bound| low.max(bound.0));
        high = bounds.iter().fold(first_high, |high, bound| high.min(bound.1));
    }
    low + seed % (high.min(60_000) - low + 1)
}

impl Rows {
    fn both() -> [Self; 2] {
        [Self::Onu, Self::Pon]
    }
}

/// The columns of ONUs that give a field in a kind of sweep.
fn columns<'p>(profile: &'p Profile, kind: Option<&'p str>, field: FieldName, sweep: SweepKind) -> Vec<&'p Column> {
    let tables = profile.tables_of(kind, Rows::Onu);
    tables.flat_map(|table| &table.columns).filter(|c| c.field == field && c.sweep == sweep).collect()
}

fn step(scale: &Scale) -> f64 {
    match scale {
        // A power in tenths of a microwatt is coarse where it is weak.
        Scale { milliwatts: true, .. } => 500.0,
        Scale { text: Some(_), factor, decimals, .. } if (factor - 1.0).abs() < 1e-9 => {
            1000.0 / f64::from(10_u32.pow(*decimals))
        }
        Scale { factor, .. } => factor.abs() * 1000.0,
    }
}

/// Half of what a column's scale can tell apart, in thousandths.
fn slack(columns: &[&Column]) -> f64 {
    let step = columns.iter().filter_map(|column| match &column.decoder {
        Decoder::Number(decoder) => decoder.scales.first().map(step),
        _ => None,
    });
    step.fold(0.0, f64::max) / 2.0 + 0.5
}

fn can_say(columns: &[&Column], word: Word) -> bool {
    columns.iter().any(|column| matches!(&column.decoder, Decoder::Word(decoder) if decoder.encode(word).is_some()))
}

fn kinds(profile: &Profile) -> Vec<Option<&str>> {
    std::iter::once(None).chain(profile.kinds().into_iter().map(Some)).collect()
}

fn check(profile: &Profile, of: Option<&str>, sweep: SweepKind, rows: &[VarBind], wanted: &Reading) {
    let name = format!("{} {of:?} {sweep}", profile.name());
    let up = wanted.state == Ok(OnuState::Up);
    let decoded = read(profile, rows, sweep);
    assert!(decoded.gaps.is_empty(), "{name}: {:?}", decoded.gaps);
    assert!(decoded.unknown_values.is_empty(), "{name}: {:?}", decoded.unknown_values);
    let columns = |field| columns(profile, of, field, sweep);
    let any = FieldName::ALL.into_iter().any(|field| !columns(field).is_empty());
    // A family without sentinels has no row of levels for an ONU that is down, and one whose words for that are not
    // known has no row of its state either.
    let silent = sweep == SweepKind::Optics || !can_say(&columns(FieldName::State), Word::State(OnuState::Down));
    if !any || !up && silent && decoded.onus.is_empty() {
        return;
    }
    assert_eq!(decoded.onus.len(), 1, "{name}");
    let got = &decoded.onus[0];
    let has = |field| !columns(field).is_empty();
    let oid = |field| columns(field).first().map(|column| format!("{:?}", column.source));
    if has(FieldName::Serial) {
        assert_eq!(got.serial, wanted.serial, "{name}");
    }
    // Some families give the one or the other in one column.
    if has(FieldName::Mac) && oid(FieldName::Mac) != oid(FieldName::Serial) {
        assert_eq!(got.mac, wanted.mac, "{name}");
    }
    if has(FieldName::Name) {
        assert_eq!(got.name, wanted.name, "{name}");
    }
    if has(FieldName::State) {
        let word = Word::State(wanted.state.unwrap());
        // A family that shows interfaces only cannot say that an ONU is down.
        assert_eq!(got.state.is_ok(), can_say(&columns(FieldName::State), word), "{name}");
        assert!(got.state.is_err() || got.state == wanted.state, "{name}: {:?}", got.state);
    }
    let cause = Word::Cause(wanted.last_down_cause.unwrap());
    let now = can_say(&columns(FieldName::Cause), cause);
    if can_say(&columns(FieldName::LastDownCause), cause) {
        assert_eq!(got.last_down_cause, wanted.last_down_cause, "{name}");
    }
    if !up && got.state.is_ok() && (now || can_say(&columns(FieldName::LastDownCause), cause)) {
        assert_eq!(got.cause, wanted.cause, "{name}");
    }
    let near = |field, got: Option<i32>, wanted: Option<i32>| {
        let Some(wanted) = wanted.filter(|_| has(field)) else { return };
        let got = got.unwrap_or_else(|| panic!("{name}: {} is missing", field.word()));
        let allowed = slack(&columns(field));
        assert!(f64::from((got - wanted).abs()) <= allowed, "{name}: {} is {got}, not {wanted}", field.word());
    };
    macro_rules! near {
        ($($place:ident: $field:ident),+) => {
            $(near(
                FieldName::$field,
                got.$place.ok().map(|value| value.thousandths()),
                wanted.$place.ok().map(|value| value.thousandths()),
            );)+
        };
    }
    near!(
        rx: Rx, olt_rx: OltRx, tx: Tx, distance: Distance, temperature: Temperature, voltage: Voltage, bias: Bias
    );
    // Calix EXA names PONs and ports of ONTs, but not which belong together.
    if !profile.pon.is_empty() && !profile.has_field(Rows::Onu, FieldName::Pon) && profile.name() != "calix-exa" {
        assert_eq!(got.pon, wanted.pon, "{name}");
    }
    if profile.number.is_some() {
        assert_eq!(got.onu, wanted.onu, "{name}");
    }
    // The key leads back to the row, which is how single rows are asked for.
    for spec in profile.reads(sweep).iter().filter(|spec| spec.mode == ReadMode::GetUp) {
        if up && profile.tables[spec.table].kind.as_deref() == of {
            let index = profile.row_index(spec.table, &got.key, got.pon).unwrap();
            let there = rows.iter().any(|row| spec.columns.iter().any(|column| column.child(&index) == row.oid));
            assert!(there || profile.tables[spec.table].group.is_some(), "{name}: {index:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For every family and kind of PON, every field that it has, and every port and number that its index can hold.
    #[test]
    fn decoding_what_was_encoded_gives_the_truth(
        seeds in any::<[u32; 4]>(), number: u32, up: bool, place in 0_usize..5, hundredths in -3000_i32..-800
    ) {
        let cause = [Cause::Optical, Cause::Power, Cause::Restart, Cause::Admin, Cause::Auth][place];
        for profile in built_in().iter() {
            for kind in kinds(profile) {
                let parts: Vec<u32> = profile.pon.iter().zip(seeds).map(|(part, seed)| match part {
                    PonPart::Constant(number) => *number,
                    PonPart::Field(name) => within(profile, kind, name, seed),
                }).collect();
                let pon = PonId::new(&parts).unwrap_or_else(|_| PonId::new(&[1]).unwrap());
                let onu = profile.number.as_ref().map_or(number % 127 + 1, |name| within(profile, kind, name, number));
                let wanted = truth(pon, onu, up, cause, hundredths);
                let pon_truth = PonReading {
                    pon, name: Some(Arc::from("GPON")), state: Ok(PonState::Up),
                    tx: Ok(Dbm::new(4.1).unwrap()), onus: Ok(1),
                };
                let mut rows = profile.encode_pon_of(kind, &pon_truth);
                for sweep in SweepKind::ALL {
                    for read in read(profile, &rows, *sweep).pons {
                        prop_assert_eq!(read.pon, pon, "{}", profile.name());
                        prop_assert!(read.state.is_err() || read.state == pon_truth.state, "{}", profile.name());
                        prop_assert!(read.tx.is_err() || read.tx == pon_truth.tx, "{}: {:?}", profile.name(), read.tx);
                    }
                }
                rows.extend(profile.encode_onu_of(kind, &wanted, 0));
                for sweep in SweepKind::ALL {
                    check(profile, kind, *sweep, &rows, &wanted);
                }
            }
        }
    }
}
