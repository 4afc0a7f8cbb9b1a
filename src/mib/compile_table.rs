//! From joins and tables as they are written to what `decode` reads by.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;

use super::compile::{Prefixes, Reporter, compile_oid, compile_regex, pon_fields};
use super::compile_column::compile_column;
use super::index::Index;
use super::join::write_format;
use super::profile::{FieldName, Join, JoinValue, PonPart, ReadMode, Rows, Table};
use super::raw;

/// What tables refer to.
pub(super) struct Context<'c> {
    pub(super) prefixes: &'c Prefixes,
    pub(super) indexes: &'c BTreeMap<String, Index>,
    pub(super) joins: &'c [Join],
    pub(super) key: &'c [Arc<str>],
    pub(super) pon: &'c [PonPart],
}

fn find_index<'i>(
    report: &mut Reporter<'_>,
    indexes: &'i BTreeMap<String, Index>,
    name: &Spanned<String>,
) -> Option<&'i Index> {
    let found = indexes.get(name.get_ref());
    if found.is_none() {
        let known: Vec<&str> = indexes.keys().map(String::as_str).collect();
        report.add(name.span(), format!("unknown index {:?}: [index] has {}", name.get_ref(), known.join(", ")));
    }
    found
}

pub(super) fn compile_join(
    report: &mut Reporter<'_>,
    prefixes: &Prefixes,
    indexes: &BTreeMap<String, Index>,
    written: &Spanned<raw::Join>,
) -> Option<Join> {
    let spec = written.get_ref();
    let index = find_index(report, indexes, &spec.index)?.clone();
    let oid = compile_oid(report, prefixes, &spec.oid)?;
    let value = match (&spec.pattern, &spec.value) {
        (Some(pattern), None) => {
            let regex = compile_regex(report, pattern)?;
            let groups: Vec<Arc<str>> = regex.capture_names().flatten().map(Arc::from).collect();
            if let Some(format) = &spec.format {
                let sample = write_format(format.get_ref(), &|_| Some(7)).unwrap_or_default();
                if !regex.is_match(&sample) {
                    report.add(format.span(), format!("the format gives {sample:?}, which the pattern does not match"));
                }
            }
            JoinValue::Pattern { regex, groups }
        }
        (None, Some(field)) => JoinValue::Field(Arc::from(field.as_str())),
        _ => {
            report.add(written.span(), "a join has either a pattern or a value".to_owned());
            return None;
        }
    };
    let mut available = index.field_names();
    match &value {
        JoinValue::Pattern { groups, .. } => available.extend(groups.iter().cloned()),
        JoinValue::Field(field) => available.push(Arc::clone(field)),
    }
    for by in &spec.by {
        if !available.iter().any(|name| **name == **by.get_ref()) {
            report.add(by.span(), format!("{:?} is neither in the join's index nor in its value", by.get_ref()));
        }
    }
    let by = spec.by.iter().map(|by| Arc::from(by.get_ref().as_str())).collect();
    let format = spec.format.as_ref().map(|format| format.get_ref().clone());
    let kind = spec.kind.as_deref().map(Arc::from);
    let stop_before = compile_stop(report, spec.stop_before.as_ref());
    Some(Join { object: spec.object.clone(), oid, index, by, value, format, kind, stop_before })
}

/// The first index at which a walk stops.
fn compile_stop(report: &mut Reporter<'_>, written: Option<&Spanned<String>>) -> Option<Vec<u32>> {
    let stop = written?;
    let arcs: Result<Vec<u32>, _> = stop.get_ref().split('.').map(str::parse).collect();
    arcs.map_err(|_| report.add(stop.span(), "stop_before: numbers with dots were expected".to_owned())).ok()
}

pub(super) fn compile_table(
    report: &mut Reporter<'_>,
    context: &Context<'_>,
    written: &Spanned<raw::Table>,
) -> Option<Table> {
    let spec = written.get_ref();
    let mut index = find_index(report, context.indexes, &spec.index)?.clone();
    for other in &spec.or_index {
        index.or.push(find_index(report, context.indexes, other)?.clone());
    }
    let mut index_if = None;
    for (witness, layout) in &spec.index_if {
        index_if = Some((Arc::from(witness.as_str()), find_index(report, context.indexes, layout)?.clone()));
    }
    if spec.index_if.len() > 1 {
        report.add(spec.index.span(), "index_if takes one field".to_owned());
    }
    let rows = match spec.rows.get_ref().as_str() {
        "onu" => Rows::Onu,
        "pon" => Rows::Pon,
        other => {
            report.add(spec.rows.span(), format!("unknown rows {other:?}: onu or pon was expected"));
            return None;
        }
    };
    let read = match &spec.read {
        None => ReadMode::Walk,
        Some(read) => match read.get_ref().as_str() {
            "walk" => ReadMode::Walk,
            "walk-by-pon" => ReadMode::WalkByPon,
            "get-up" if rows == Rows::Onu => ReadMode::GetUp,
            other => {
                report.add(
                    read.span(),
                    format!("unknown read {other:?}: walk, walk-by-pon or (for onu rows) get-up was expected"),
                );
                return None;
            }
        },
    };
    if spec.listed && rows != Rows::Pon {
        report.add(spec.rows.span(), "listed is for rows of PONs".to_owned());
    }
    let pon_parts = pon_parts(context, &index);
    if read == ReadMode::WalkByPon && pon_parts.is_none() {
        let place = spec.read.as_ref().map_or_else(|| written.span(), Spanned::span);
        report.add(place, "walk-by-pon needs an index whose first parts name the PON".to_owned());
    }
    let mut known = context.key.to_vec();
    known.extend(pon_fields(context.pon));
    if read == ReadMode::GetUp && !index.follows_from(&known) {
        let place = spec.read.as_ref().map_or_else(|| written.span(), Spanned::span);
        report.add(place, "get-up needs an index that follows from the key and the PON of an ONU".to_owned());
    }
    let stop_before = compile_stop(report, spec.stop_before.as_ref());
    let columns: Vec<_> = spec
        .column
        .iter()
        .filter_map(|column| compile_column(report, context.prefixes, rows, &index, column))
        .collect();
    if columns.len() < spec.column.len() {
        return None;
    }
    Some(Table {
        object: spec.object.clone(),
        rows,
        index,
        index_if,
        kind: spec.kind.as_deref().map(Arc::from),
        mixed: spec.mixed,
        listed: spec.listed,
        read,
        group: spec.group.clone(),
        stop_before,
        columns,
        pon_parts,
    })
}

/// How many leading parts of an index, and fewer than all, name a PON, with the help of joins. None does where the same
/// number names the ONU too.
fn pon_parts(context: &Context<'_>, index: &Index) -> Option<usize> {
    let wanted = pon_fields(context.pon);
    (1..index.parts.len()).find(|parts| {
        let mut reach = index.names_of_parts(*parts);
        if context.key.iter().all(|name| reach.contains(name)) {
            return false;
        }
        reach_through_joins(context.joins, &mut reach);
        wanted.iter().all(|name| reach.contains(name))
    })
}

/// Adds what joins give to the fields that are known; a join may use what those before it give.
fn reach_through_joins(joins: &[Join], reach: &mut Vec<Arc<str>>) {
    for join in joins {
        if join.by.iter().all(|by| reach.contains(by)) {
            reach.extend(join.index.field_names());
            match &join.value {
                JoinValue::Pattern { groups, .. } => reach.extend(groups.iter().cloned()),
                JoinValue::Field(field) => reach.push(Arc::clone(field)),
            }
        }
    }
}

/// Whether the fields that rows need can be had from the table's index, joins and columns.
pub(super) fn check_reach(
    report: &mut Reporter<'_>,
    context: &Context<'_>,
    written: &Spanned<raw::Table>,
    table: &Table,
    file: &raw::File,
) {
    let (key, pon) = (context.key, context.pon);
    let mut reach = table.index.field_names();
    reach_through_joins(context.joins, &mut reach);
    let pon_from_column = file
        .table
        .iter()
        .flat_map(|table| &table.get_ref().column)
        .any(|column| column.get_ref().field.get_ref() == FieldName::Pon.word());
    let needed: Vec<Arc<str>> = match table.rows {
        Rows::Onu if pon_from_column => key.to_vec(),
        Rows::Onu => key.iter().cloned().chain(pon_fields(pon)).collect(),
        Rows::Pon => pon_fields(pon),
    };
    for name in &needed {
        if !reach.contains(name) {
            let message =
                format!("rows of {} need the field {name:?}, which neither index nor joins give", table.object);
            report.add(written.get_ref().index.span(), message);
        }
    }
    if table.rows == Rows::Onu
        && let Some(number) = &file.onu.number
        && !reach.iter().any(|name| **name == **number.get_ref())
    {
        report.add(number.span(), format!("{:?} is no field of {}", number.get_ref(), table.object));
    }
}
