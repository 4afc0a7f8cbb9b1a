//! What holds of every column and index of every built-in profile, over their whole range.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::index::{FieldValue, Fields, Index, Part, Slice, Takes};
use super::library::Library;
use super::profile::{Column, FieldName, Profile, Table};
use super::value::{Decoder, NumberDecoder, Scale};
use crate::model::Unread;
use crate::snmp::Value;

/// Loaded once, as each case needs them all.
pub(super) fn built_in() -> &'static Library {
    static BUILT_IN: LazyLock<Library> = LazyLock::new(|| Library::load(None).unwrap());
    &BUILT_IN
}

fn columns(profile: &Profile) -> impl Iterator<Item = (&Table, &Column)> {
    profile.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)))
}

fn numbers(profile: &Profile) -> impl Iterator<Item = (&Column, &NumberDecoder)> {
    columns(profile).filter_map(|(_, column)| match &column.decoder {
        Decoder::Number(decoder) => Some((column, decoder)),
        _ => None,
    })
}

fn text(text: &str) -> Value {
    Value::OctetString(text.as_bytes().into())
}

/// Half of what the scale can tell apart at this number, and what rounding adds.
fn slack(scale: &Scale, number: f64) -> f64 {
    let rounding = 0.5 / 10_f64.powi(i32::try_from(scale.decimals).unwrap()) + 1e-9;
    if scale.milliwatts {
        // A step of the raw number, in decibels at this power.
        let raw = 10_f64.powf(number / 10.0) / scale.factor;
        return 10.0 * (1.0 + 0.5 / raw.max(0.5)).log10() * 2.0 + rounding;
    }
    let written_whole = scale.text.is_none() || (scale.factor - 1.0).abs() > 1e-9;
    rounding + if written_whole { scale.factor.abs() / 2.0 } else { 0.0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every scale of every column, from one end of what is plausible to the other.
    #[test]
    fn a_number_survives_every_scale_within_its_resolution(share in 0.0_f64..=1.0) {
        for profile in built_in().iter() {
            for (column, decoder) in numbers(profile) {
                let (low, high) = decoder.plausible;
                for (position, scale) in decoder.scales.iter().enumerate() {
                    let high = if scale.magnitude { high.min(0.0) } else { high };
                    let number = low + (high - low) * share;
                    let Some(raw) = scale.encode(number) else { continue };
                    let what = format!("{} {} scale {position}: {number} as {raw:?}", profile.name(), column.object);
                    match decoder.decode(&raw, position) {
                        Ok(got) => prop_assert!((got - number).abs() <= slack(scale, number), "{} is {}", what, got),
                        // At the very ends rounding may lead out of the window, and a device may use a number that is
                        // in the window to say that it has none.
                        Err(Unread::Implausible) => {
                            let near = slack(scale, number) * 2.0;
                            prop_assert!(number - low < near || high - number < near, "{}", what);
                        }
                        Err(Unread::Sentinel(raw)) => prop_assert!(decoder.sentinels.contains(&raw.get()), "{}", what),
                        Err(Unread::NoValue) => prop_assert!(scale.milliwatts, "{}", what),
                        Err(other) => prop_assert!(false, "{}: {:?}", what, other),
                    }
                }
            }
        }
    }

    /// Whatever a device sends, what comes out is within the window, and a level is one that light can have.
    #[test]
    fn nothing_leads_out_of_the_window(number: i64, small in -70_000_i64..70_000, decimals in -200.0_f64..200.0) {
        let raws = [Value::Integer(number), Value::Integer(small), Value::Gauge32(u32::try_from(small.unsigned_abs()).unwrap()),
            text(&format!("{decimals:.2}")), text(&format!("{decimals:.2} dBm")), text(&small.to_string())];
        for profile in built_in().iter() {
            for (column, decoder) in numbers(profile) {
                for position in 0..=decoder.scales.len() {
                    for value in raws.iter().filter_map(|raw| decoder.decode(raw, position).ok()) {
                        prop_assert!(value >= decoder.plausible.0 && value <= decoder.plausible.1);
                        if matches!(column.field, FieldName::Rx | FieldName::OltRx | FieldName::Tx) {
                            prop_assert!((-60.0..=20.0).contains(&value), "{} {}", profile.name(), column.object);
                        }
                    }
                }
            }
        }
    }

    /// Numbers that an enumeration does not have stay what they are.
    #[test]
    fn an_unknown_number_survives_every_enumeration(number in any::<i32>()) {
        let number = i64::from(number);
        for profile in built_in().iter() {
            for (_, column) in columns(profile) {
                let Decoder::Word(decoder) = &column.decoder else { continue };
                let is_known = decoder.map.contains_key(&number.to_string()) || !decoder.bits.is_empty();
                for raw in [Value::Integer(number), text(&number.to_string())] {
                    match decoder.decode(&raw) {
                        Ok(_) => prop_assert!(is_known, "{} {}: {}", profile.name(), column.object, number),
                        Err(Unread::UnknownValue(kept)) => prop_assert_eq!(kept.get(), number),
                        Err(Unread::Sentinel(kept)) => prop_assert!(decoder.sentinels.contains(&kept.get())),
                        // A pattern may look for a part of the text that is not there.
                        Err(other) => prop_assert!(decoder.pattern.is_some(), "{:?}", other),
                    }
                }
            }
        }
    }

    /// Every layout of every table and join, each field over all that it can be.
    #[test]
    fn every_index_survives_the_way_there_and_back(seeds in any::<[u32; 12]>(), octets in any::<[u8; 12]>()) {
        for profile in built_in().iter() {
            for index in layouts(profile) {
                let fields = fields(index, &seeds, &octets);
                let name = format!("{} {:?}", profile.name(), index.parts);
                let arcs = index.encode(&fields);
                prop_assert!(arcs.is_some(), "{}: {:?} cannot be put together", name, fields);
                let arcs = arcs.unwrap();
                // Alone, as another layout of the table may read some of the same numbers.
                let alone = Index { parts: index.parts.clone(), or: Vec::new() };
                let read = alone.decode(&arcs);
                prop_assert!(read.is_some(), "{}: {:?} gives {:?}, which is not read", name, fields, arcs);
                let read = read.unwrap();
                for field in fields_of(index) {
                    prop_assert_eq!(read.get(&field), fields.get(&field), "{}: {} of {:?}", name, field, arcs);
                }
                prop_assert_eq!(index.encode(&read), Some(arcs), "{}", name);
            }
        }
    }
}

#[test]
fn a_sentinel_is_no_number_on_any_scale() {
    for profile in built_in().iter() {
        for (column, decoder) in numbers(profile) {
            for sentinel in &decoder.sentinels {
                for raw in [Value::Integer(*sentinel), text(&sentinel.to_string())] {
                    for position in 0..decoder.scales.len() {
                        let read = decoder.decode(&raw, position);
                        assert_eq!(
                            read,
                            Err(Unread::Sentinel((*sentinel).into())),
                            "{} {}",
                            profile.name(),
                            column.object
                        );
                    }
                }
            }
        }
        for (_, column) in columns(profile) {
            let Decoder::Word(decoder) = &column.decoder else { continue };
            for sentinel in &decoder.sentinels {
                let read = decoder.decode(&Value::Integer(*sentinel));
                assert_eq!(read, Err(Unread::Sentinel((*sentinel).into())), "{} {}", profile.name(), column.object);
            }
        }
    }
}

/// Every layout: of tables with their alternatives, and of joins.
fn layouts(profile: &Profile) -> Vec<&Index> {
    let of_tables = profile.tables.iter().flat_map(|table| {
        std::iter::once(&table.index).chain(&table.index.or).chain(table.index_if.iter().map(|(_, index)| index))
    });
    of_tables.chain(profile.joins.iter().map(|join| &join.index)).collect()
}

/// Fields for an index without the whole numbers that they are parts of.
fn fields(index: &Index, seeds: &[u32], octets: &[u8]) -> Fields {
    let mut fields = Fields::default();
    let mut seeds = seeds.iter().cycle();
    for part in &index.parts {
        let Part::Named { name, takes, slices } = part else { continue };
        let count = match takes {
            Takes::One if slices.is_empty() => {
                fields.set(name, FieldValue::Number(*seeds.next().unwrap()));
                continue;
            }
            Takes::One => {
                for slice in slices {
                    let number =
                        slice.require.unwrap_or_else(|| slice.base + seeds.next().unwrap() % span(slice, slices));
                    fields.set(&slice.name, FieldValue::Number(number));
                }
                continue;
            }
            Takes::Octets(count) => *count,
            Takes::LengthPrefixed | Takes::Rest => octets.len(),
        };
        let octets = octets.iter().cycle().take(count).map(|octet| u32::from(*octet)).collect();
        fields.set(name, FieldValue::Octets(octets));
    }
    fields
}

/// How many numbers a part of a number can be.
fn span(slice: &Slice, slices: &[Slice]) -> u32 {
    let all = u32::MAX / slice.divide.max(1);
    // What lies above it must not run over: decimals do not fill the number as bits do.
    let above: u32 = slices.iter().filter(|other| other.divide > slice.divide).count().try_into().unwrap();
    let span = slice.modulo.unwrap_or(if above == 0 { all } else { all / 2 });
    span.max(1)
}

fn fields_of(index: &Index) -> Vec<std::sync::Arc<str>> {
    let mut names = Vec::new();
    for part in &index.parts {
        match part {
            Part::Named { name, slices, .. } if slices.is_empty() => names.push(name.clone()),
            Part::Named { slices, .. } => names.extend(slices.iter().map(|slice| slice.name.clone())),
            Part::Constant(_) => {}
        }
    }
    names
}
