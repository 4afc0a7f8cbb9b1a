//! What can be read in a profile and still is a mistake, or looks like one. Errors are never right; a warning may be meant,
//! and a `note` at its column says so.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::compile::Reporter;
use super::profile::{Column, Defaults, FieldName, ReadMode, Rows, Source, Table};
use super::raw;
use super::reach::can_give;
use super::value::{Decoder, NumberDecoder, Word, WordDecoder};
use crate::model::{Cause, OnuState, PonState};
use crate::snmp::Oid;

/// Shorter reasons say nothing.
const SHORTEST_WHY: usize = 20;

/// A column as it is written, and what it became.
type Written<'a> = (&'a Spanned<raw::Column>, &'a Column);

/// Looks at the tables of a file, each as it is written and as it was compiled.
pub(super) fn lint_tables(report: &mut Reporter<'_>, tables: &[(&Spanned<raw::Table>, &Table)]) {
    for (written, table) in tables {
        let columns: Vec<Written<'_>> = written.get_ref().column.iter().zip(&table.columns).collect();
        outside_of_table(report, table, &columns);
        for column in &columns {
            match &column.1.decoder {
                Decoder::Number(decoder) => lint_number(report, column, decoder),
                Decoder::Word(decoder) => lint_words(report, table.rows, column, decoder),
                Decoder::Serial { .. } | Decoder::Mac { .. } | Decoder::Text { .. } => {}
            }
        }
        read_twice(report, &columns);
    }
}

/// Looks at what a family bears: settings that spare it want a reason, else the next author undoes them.
pub(super) fn lint_poll(report: &mut Reporter<'_>, written: &raw::Poll, defaults: &Defaults, tables: &[Table]) {
    if written.why.get_ref().trim().chars().count() >= SHORTEST_WHY {
        return;
    }
    let spares = [
        (defaults.optics_every >= Duration::from_secs(1800), "optics_every"),
        (defaults.timeout >= Duration::from_secs(5), "timeout"),
        (defaults.pdus_per_second <= 10.0, "pdus_per_second"),
        (defaults.varbinds_per_second.is_finite(), "varbinds_per_second"),
        (tables.iter().any(|table| table.read != ReadMode::Walk), "read"),
    ];
    let spares: Vec<&str> = spares.iter().filter(|(spares, _)| *spares).map(|(_, name)| *name).collect();
    if !spares.is_empty() {
        let message = format!("{} spare the family, and why does not say what from", spares.join(", "));
        report.warn(written.why.span(), message);
    }
}

/// What an author says is meant.
fn is_meant(column: &Written<'_>) -> bool {
    column.0.get_ref().note.is_some()
}

fn place_of_oid(column: &Written<'_>) -> Range<usize> {
    column.0.get_ref().oid.as_ref().map_or_else(|| column.0.span(), Spanned::span)
}

fn oid_of<'a>(column: &Written<'a>) -> Option<&'a Oid> {
    match &column.1.source {
        Source::Oid(oid) => Some(oid),
        Source::Index(_) => None,
    }
}

fn parent(oid: &Oid) -> &[u32] {
    oid.arcs().split_last().map_or(&[], |(_, parent)| parent)
}

/// Columns of one table lie side by side below one entry.
fn outside_of_table(report: &mut Reporter<'_>, table: &Table, columns: &[Written<'_>]) {
    let mut entries: BTreeMap<&[u32], usize> = BTreeMap::new();
    for oid in columns.iter().filter_map(oid_of) {
        *entries.entry(parent(oid)).or_default() += 1;
    }
    // Where it is undecided, the first column says which table it is.
    let first = columns.iter().find_map(oid_of).map(parent);
    let Some(entry) = entries.iter().max_by_key(|(entry, count)| (**count, Some(**entry) == first)).map(|(e, _)| *e)
    else {
        return;
    };
    for column in columns {
        let Some(oid) = oid_of(column).filter(|oid| parent(oid) != entry) else { continue };
        let inside = columns
            .iter()
            .filter_map(oid_of)
            .find(|other| other != &oid && (oid.suffix_of(other).is_some() || other.suffix_of(oid).is_some()));
        if let Some(other) = inside {
            report.add(
                place_of_oid(column),
                format!("{oid} and {other} lie one inside of the other: neither is a column then"),
            );
        } else if !is_meant(column) {
            let message = format!(
                "{oid} is outside of {}, whose columns lie below {}; a note at the column says that it is meant",
                table.object,
                Oid::new(entry)
            );
            report.warn(place_of_oid(column), message);
        }
    }
}

/// One object means one thing; words are the exception, where a number says a state and its cause.
fn read_twice(report: &mut Reporter<'_>, columns: &[Written<'_>]) {
    for (position, column) in columns.iter().enumerate() {
        let same = |other: &&Written<'_>| oid_of(other).is_some() && oid_of(other) == oid_of(column);
        let Some(first) = columns.iter().take(position).find(same) else { continue };
        let (one, other) = (first.1.field, column.1.field);
        let both = |test: &dyn Fn(&Column) -> bool| test(first.1) && test(column.1);
        let is_word = |column: &Column| matches!(column.decoder, Decoder::Word(_));
        let is_number = |column: &Column| matches!(column.decoder, Decoder::Number(_));
        let takes_a_part = |column: &Written<'_>| column.0.get_ref().pattern.is_some();
        // A name may say anything, a number of the ONU too.
        if one == other || one == FieldName::Name || other == FieldName::Name || both(&is_word) {
            continue;
        }
        let message = format!("{} and {} read the same column", one.word(), other.word());
        if both(&is_number) {
            report.add(place_of_oid(column), format!("{message}, which cannot be both"));
        } else if !takes_a_part(first) && !takes_a_part(column) && !is_meant(column) {
            report.warn(
                place_of_oid(column),
                format!("{message}; a pattern or a note at the column says that it is meant"),
            );
        }
    }
}

fn lint_number(report: &mut Reporter<'_>, column: &Written<'_>, decoder: &NumberDecoder) {
    let (written, field) = (column.0.get_ref(), column.1.field);
    let (low, high) = decoder.plausible;
    if let (Some(window), Some((lowest, highest))) = (&written.plausible, field.plausible())
        && (high < lowest || low > highest)
    {
        let message = format!("{} is never from {low} to {high}: it can be {lowest} to {highest}", field.word());
        report.add(window.span(), message);
        return;
    }
    for (position, scale) in decoder.scales.iter().enumerate() {
        let place = written.scale.get(position).map_or_else(|| column.0.span(), Spanned::span);
        if !can_give(scale, decoder.plausible) {
            let message =
                format!("no raw number of 32 bits comes to {} from {low} to {high} by this scale", field.word());
            report.add(place, message);
        } else if decoder.scales.iter().take(position).any(|earlier| earlier.is_same_as(scale)) {
            report.warn(place, "this scale stands here twice; the second is never used".to_owned());
        }
    }
    // 0 is how devices say nothing of everything, and no author has to explain it.
    for sentinel in decoder.sentinels.iter().filter(|sentinel| **sentinel != 0) {
        let within =
            decoder.scales.iter().find_map(|scale| scale.of_integer(*sentinel).filter(|n| (low..=high).contains(n)));
        if let Some(number) = within.filter(|_| !is_meant(column)) {
            let message = format!(
                "the sentinel {sentinel} of {} is the plausible value {number} by this scale; a note at the column says that it is meant",
                field.word()
            );
            report.warn(column.0.span(), message);
        }
    }
}

fn lint_words(report: &mut Reporter<'_>, rows: Rows, column: &Written<'_>, decoder: &WordDecoder) {
    let (place, field) = (column.0.span(), column.1.field);
    for sentinel in &decoder.sentinels {
        if decoder.map.contains_key(&sentinel.to_string()) {
            report.add(place.clone(), format!("{sentinel} stands in the map and among the sentinels, which hide it"));
        }
    }
    let gives = |word: Word| decoder.words().any(|given| given == word);
    if field == FieldName::State {
        let (up, down) = match rows {
            Rows::Onu => (Word::State(OnuState::Up), Word::State(OnuState::Down)),
            Rows::Pon => (Word::Pon(PonState::Up), Word::Pon(PonState::Down)),
        };
        match (gives(up), gives(down)) {
            (true, true) => {}
            (false, false) => report.add(place, "this state is never up and never down".to_owned()),
            _ if is_meant(column) => {}
            (up, _) => {
                let never = if up { "down" } else { "up" };
                report.warn(place, format!("this state is never {never}; a note at the column says that it is meant"));
            }
        }
    } else if !is_meant(column) && decoder.words().all(|word| matches!(word, Word::None | Word::Cause(Cause::Unknown)))
    {
        report.warn(
            place,
            format!("this {} never names a cause; a note at the column says that it is meant", field.word()),
        );
    }
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
