//! A proof for people: tables, column by column, with a row of each.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::cli::table::{Grid, Paint, clean, number, painted, text};
use crate::mib::{Answer, ColumnProof, Confidence, Profile, Rows};
use crate::poll::Proved;
use crate::snmp::{Oid, Value};

/// The tables of a profile with what the OLT answered.
pub(super) fn tables(profile: &Profile, proved: &Proved) -> String {
    let passed_over = proved.proof.passed_over();
    let mut shown = String::new();
    let objects: HashMap<usize, String> =
        profile.proof_tables().into_iter().map(|table| (table.table, table.object)).collect();
    let mut rest = proved.proof.columns.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|column| column.table == first.table).count();
        let Some((table, after)) = rest.split_at_checked(count) else { break };
        rest = after;
        let object = objects.get(&first.table).map_or("", String::as_str);
        shown.push_str(&one_table(object, table, passed_over.contains(&first.table), &proved.took));
    }
    if proved.proof.columns.iter().any(|column| column.confidence == Confidence::C) {
        shown.push_str(&painted(
            "\nSURE  A: two sources, or one and a real device; B: one source; C: a guess, of which only plausible values are used\n",
            Paint::Faint,
        ));
    }
    shown
}

fn one_table(object: &str, columns: &[ColumnProof], passed_over: bool, took: &BTreeMap<Oid, Duration>) -> String {
    let is_pon = columns.first().is_some_and(|column| column.rows == Rows::Pon);
    let mut shown = format!("\n{} {}", painted(object, Paint::Strong), if is_pon { "PON ports" } else { "ONUs" });
    let base = base(columns);
    if let Some(base) = &base {
        shown.push_str(&painted(&format!(", columns under {base}"), Paint::Faint));
    }
    if passed_over {
        shown.push_str(&painted(", not used: the other firmware's table answers better", Paint::Warning));
    }
    shown.push('\n');
    let mut grid = Grid::new(vec![
        text("FIELD"),
        text("SWEEP"),
        text("OBJECT"),
        text("COLUMN"),
        text("SURE"),
        number("TIME"),
        text("ROW"),
        text("SAYS"),
    ]);
    for column in columns {
        grid.row(line(column, base.as_ref(), took));
    }
    shown.push_str(&grid.lines(2));
    shown
}

fn line(column: &ColumnProof, base: Option<&Oid>, took: &BTreeMap<Oid, Duration>) -> Vec<String> {
    let tail = match (&column.oid, base) {
        (Some(oid), Some(base)) => {
            oid.suffix_of(base).unwrap_or_default().iter().map(|arc| format!(".{arc}")).collect()
        }
        _ => String::new(),
    };
    let sure = match column.confidence {
        Confidence::A => "A".to_owned(),
        Confidence::B => "B".to_owned(),
        Confidence::C => painted("C", Paint::Warning),
    };
    let took = column.oid.as_ref().and_then(|oid| took.get(oid));
    vec![
        column.field.word().to_owned(),
        column.sweep.word().to_owned(),
        clean(&column.object, 40),
        tail,
        sure,
        took.map(|took| format!("{:.1} ms", super::millis(*took))).unwrap_or_default(),
        row(column).map(|row| clean(&row, 24)).unwrap_or_default(),
        says(column),
    ]
}

/// Which row: the ONU's place where the index says it, else the index.
pub(super) fn row(column: &ColumnProof) -> Option<String> {
    let sample = column.sample.as_ref()?;
    let index = || sample.index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
    Some(sample.place.clone().unwrap_or_else(index))
}

fn says(column: &ColumnProof) -> String {
    if let Some(sample) = &column.sample {
        let raw = clean(&raw(&sample.value), 36);
        return match (&sample.means, &column.answer) {
            (Ok(means), _) if *means == raw => painted(&raw, Paint::Good),
            (Ok(means), _) => format!("{raw} = {}", painted(&clean(means, 28), Paint::Good)),
            (Err(why), Answer::Contradicts) if sample.place.is_none() => {
                format!("{raw}, {}", painted(&format!("{why}, or at an index that cannot be read"), Paint::Bad))
            }
            (Err(why), Answer::Contradicts) => format!("{raw} = {}", painted(&why.to_string(), Paint::Bad)),
            (Err(crate::model::Unread::NotAsked), _) => raw,
            (Err(why), _) => format!("{raw} = {}", painted(&why.to_string(), Paint::Warning)),
        };
    }
    match &column.answer {
        Answer::PartOfIndex => painted("part of the index", Paint::Faint),
        Answer::Failed(why) => painted(&clean(why, 60), Paint::Bad),
        Answer::NotAsked => painted("not asked: it had fallen silent", Paint::Bad),
        _ => painted("no row", Paint::Warning),
    }
}

/// The value as the device gave it, texts without their quotation marks.
pub(super) fn raw(value: &Value) -> String {
    match value.octets().map(std::str::from_utf8) {
        Some(Ok(text)) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.to_string(),
    }
}

/// What the OIDs of all columns begin with: they are long, and begin alike.
fn base(columns: &[ColumnProof]) -> Option<Oid> {
    let mut base: Option<&[u32]> = None;
    for oid in columns.iter().filter_map(|column| column.oid.as_ref()) {
        let parent = oid.arcs().split_last().map_or(&[][..], |(_, parent)| parent);
        base = Some(base.map_or(parent, |base| common(base, parent)));
    }
    base.map(Oid::new)
}

fn common<'a>(a: &'a [u32], b: &[u32]) -> &'a [u32] {
    let length = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    a.get(..length).unwrap_or_default()
}
