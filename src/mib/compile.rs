//! From a profile's text to a [`Profile`]: every reference is resolved, every mistake found and told with its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use toml::Spanned;

use super::compile_column::compile_column;
use super::compile_index::compile_index;
use super::index::{Index, Part, Takes};
use super::profile::{
    Confidence, Defaults, DetectRule, FieldName, Join, JoinValue, PonPart, Profile, ReadMode, Rows, Source, Table,
};
use super::raw;
use crate::config::Problem;
use crate::snmp::Oid;

/// Where messages point to, and what they are.
pub(super) struct Reporter<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reporter<'_> {
    /// Adds a problem at a span of the text.
    pub(super) fn add(&mut self, span: Range<usize>, message: String) {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        self.problems.push(Problem { file: self.file.to_owned(), line, column, message, excerpt: None });
    }
}

/// Short names for OID prefixes.
pub(super) type Prefixes = BTreeMap<String, Oid>;

/// Reads a profile.
///
/// # Errors
/// Every problem in the file.
pub(super) fn compile(file: &str, text: &str) -> Result<Profile, Vec<Problem>> {
    let mut report = Reporter { file, text, problems: Vec::new() };
    let parsed: raw::File = match toml::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            report.add(error.span().unwrap_or(0..0), error.message().to_owned());
            return Err(report.problems);
        }
    };
    let profile = compile_file(&mut report, &parsed);
    match profile {
        Some(profile) if report.problems.is_empty() => Ok(profile),
        _ => Err(report.problems),
    }
}

fn compile_file(report: &mut Reporter<'_>, file: &raw::File) -> Option<Profile> {
    let prefixes = compile_prefixes(report, &file.oid);
    let name = file.profile.name.get_ref();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        report.add(
            file.profile.name.span(),
            format!("{name:?} is no profile name: lower-case letters, digits and - were expected"),
        );
    }
    let confidence = compile_confidence(report, &file.profile.confidence);
    let mut indexes = BTreeMap::new();
    for (index_name, parts) in &file.index {
        if let Some(index) = compile_index(report, parts) {
            indexes.insert(index_name.clone(), index);
        }
    }
    let detect = file.detect.iter().map(|rule| compile_detect(report, &prefixes, rule)).collect();
    let joins: Vec<Option<Join>> =
        file.join.iter().map(|join| compile_join(report, &prefixes, &indexes, join)).collect();
    let joins: Vec<Join> = joins.into_iter().flatten().collect();
    let key: Vec<Arc<str>> = names(file.onu.key.get_ref());
    let written_pon = file.onu.pon.as_ref().map_or(&[][..], |pon| pon.get_ref());
    let pon: Vec<PonPart> = written_pon.iter().map(|part| pon_part(part)).collect();
    if key.is_empty() {
        report.add(file.onu.key.span(), "the key needs at least one field".to_owned());
    }
    if pon.len() > 4 {
        let place = file.onu.pon.as_ref().map_or(0..0, Spanned::span);
        report.add(place, "a PON has at most four numbers".to_owned());
    }
    let mut tables = Vec::new();
    let mut key_octets = None;
    for table in &file.table {
        if let Some(compiled) = compile_table(report, &prefixes, &indexes, &pon, table) {
            check_reach(report, table, &compiled, &joins, &key, &pon, file);
            if compiled.rows == Rows::Onu {
                key_octets = key_octets.or_else(|| string_in_key(&compiled.index, &key));
            }
            tables.push(compiled);
        }
    }
    check_duplicates(report, &file.table, &tables);
    let defaults = compile_poll(report, &file.poll);
    Some(Profile {
        name: Arc::from(name.as_str()),
        title: file.profile.title.clone(),
        models: file.profile.models.clone(),
        confidence: confidence?,
        tested: file.profile.tested.clone(),
        source: file.profile.source.clone(),
        detect,
        defaults: defaults?,
        joins,
        key,
        key_octets,
        pon,
        number: file.onu.number.as_ref().map(|number| Arc::from(number.get_ref().as_str())),
        tables,
    })
}

fn names(names: &[String]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(name.as_str())).collect()
}

fn pon_part(written: &str) -> PonPart {
    written.parse().map_or_else(|_| PonPart::Field(Arc::from(written)), PonPart::Constant)
}

/// The fields that a PON's name is made of.
fn pon_fields(pon: &[PonPart]) -> Vec<Arc<str>> {
    let field = |part: &PonPart| match part {
        PonPart::Field(name) => Some(Arc::clone(name)),
        PonPart::Constant(_) => None,
    };
    pon.iter().filter_map(field).collect()
}

fn string_in_key(index: &Index, key: &[Arc<str>]) -> Option<usize> {
    index.parts.iter().find_map(|part| match part {
        Part::Named { name, takes, .. } if *takes != Takes::One => key.iter().position(|field| field == name),
        _ => None,
    })
}

fn compile_prefixes(report: &mut Reporter<'_>, written: &BTreeMap<String, Spanned<String>>) -> Prefixes {
    let mut prefixes = Prefixes::new();
    for (name, oid) in written {
        match oid.get_ref().parse() {
            Ok(parsed) => {
                prefixes.insert(name.clone(), parsed);
            }
            Err(error) => report.add(oid.span(), error.to_string()),
        }
    }
    prefixes
}

/// An OID, which may begin with a short name.
pub(super) fn compile_oid(report: &mut Reporter<'_>, prefixes: &Prefixes, written: &Spanned<String>) -> Option<Oid> {
    let text = written.get_ref();
    let (head, tail) = text.split_once('.').unwrap_or((text, ""));
    let whole = match prefixes.get(head) {
        Some(prefix) if tail.is_empty() => prefix.to_string(),
        Some(prefix) => format!("{prefix}.{tail}"),
        None if head.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic()) => {
            let known: Vec<&str> = prefixes.keys().map(String::as_str).collect();
            report.add(written.span(), format!("unknown OID name {head:?}: [oid] has {}", known.join(", ")));
            return None;
        }
        None => text.clone(),
    };
    whole.parse().map_err(|error| report.add(written.span(), format!("{error}"))).ok()
}

pub(super) fn compile_regex(report: &mut Reporter<'_>, written: &Spanned<String>) -> Option<Regex> {
    Regex::new(written.get_ref()).map_err(|error| report.add(written.span(), error.to_string())).ok()
}

pub(super) fn compile_confidence(report: &mut Reporter<'_>, written: &Spanned<String>) -> Option<Confidence> {
    match written.get_ref().as_str() {
        "A" => Some(Confidence::A),
        "B" => Some(Confidence::B),
        "C" => Some(Confidence::C),
        other => {
            report.add(written.span(), format!("unknown confidence {other:?}: A, B or C was expected"));
            None
        }
    }
}

fn compile_detect(report: &mut Reporter<'_>, prefixes: &Prefixes, rule: &Spanned<raw::Detect>) -> DetectRule {
    let spec = rule.get_ref();
    if spec.sys_object_id.is_empty() {
        report.add(rule.span(), "sys_object_id needs at least one prefix".to_owned());
    }
    let mut oids = |list: &[Spanned<String>]| -> Vec<Oid> {
        list.iter().filter_map(|oid| compile_oid(report, prefixes, oid)).collect()
    };
    DetectRule {
        sys_object_id: oids(&spec.sys_object_id),
        not_sys_object_id: oids(&spec.not_sys_object_id),
        sys_descr: spec.sys_descr.as_ref().and_then(|regex| compile_regex(report, regex)),
        probe: spec.probe.as_ref().and_then(|oid| compile_oid(report, prefixes, oid)),
    }
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

fn compile_join(
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
            if groups.is_empty() {
                report.add(pattern.span(), "the pattern needs named groups, such as (?<slot>\\d+)".to_owned());
            }
            if let Some(format) = &spec.format {
                let sample = groups
                    .iter()
                    .fold(format.get_ref().clone(), |text, group| text.replace(&format!("{{{group}}}"), "7"));
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
    Some(Join { object: spec.object.clone(), oid, index, by, value, format })
}

fn compile_table(
    report: &mut Reporter<'_>,
    prefixes: &Prefixes,
    indexes: &BTreeMap<String, Index>,
    pon: &[PonPart],
    written: &Spanned<raw::Table>,
) -> Option<Table> {
    let spec = written.get_ref();
    let index = find_index(report, indexes, &spec.index)?.clone();
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
    let pon_parts = index.parts_until(&pon_fields(pon)).filter(|parts| *parts < index.parts.len());
    if read == ReadMode::WalkByPon && pon_parts.is_none() {
        let place = spec.read.as_ref().map_or_else(|| written.span(), Spanned::span);
        report.add(place, "walk-by-pon needs an index whose first parts name the PON".to_owned());
    }
    let stop_before = spec.stop_before.as_ref().and_then(|stop| {
        let arcs: Result<Vec<u32>, _> = stop.get_ref().split('.').map(str::parse).collect();
        arcs.map_err(|_| report.add(stop.span(), "stop_before: numbers with dots were expected".to_owned())).ok()
    });
    let columns: Vec<_> =
        spec.column.iter().filter_map(|column| compile_column(report, prefixes, rows, &index, column)).collect();
    if columns.len() < spec.column.len() {
        return None;
    }
    Some(Table {
        object: spec.object.clone(),
        rows,
        index,
        read,
        group: spec.group.clone(),
        stop_before,
        columns,
        pon_parts,
    })
}

/// Whether the fields that rows need can be had from the table's index, joins and columns.
fn check_reach(
    report: &mut Reporter<'_>,
    written: &Spanned<raw::Table>,
    table: &Table,
    joins: &[Join],
    key: &[Arc<str>],
    pon: &[PonPart],
    file: &raw::File,
) {
    let mut reach = table.index.field_names();
    // A join may feed another, so as many rounds as there are joins reach everything.
    for _ in joins {
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

fn check_duplicates(report: &mut Reporter<'_>, written: &[Spanned<raw::Table>], tables: &[Table]) {
    let mut seen: Vec<(Rows, super::profile::FieldName, Oid)> = Vec::new();
    for (table, spec) in tables.iter().zip(written) {
        for (column, place) in table.columns.iter().zip(&spec.get_ref().column) {
            if let Source::Oid(oid) = &column.source {
                let entry = (table.rows, column.field, oid.clone());
                if seen.contains(&entry) {
                    report.add(place.span(), format!("{} reads {oid} a second time", column.field.word()));
                }
                seen.push(entry);
            }
        }
    }
}

fn compile_poll(report: &mut Reporter<'_>, poll: &raw::Poll) -> Option<Defaults> {
    let before = report.problems.len();
    let mut duration = |written: &Spanned<String>| -> Duration {
        match humantime::parse_duration(written.get_ref()) {
            Ok(duration) if !duration.is_zero() => duration,
            _ => {
                let message = format!("{:?} is no duration above zero, such as \"60s\" or \"15m\"", written.get_ref());
                report.add(written.span(), message);
                Duration::ZERO
            }
        }
    };
    let state_every = duration(&poll.state_every);
    let optics_every = duration(&poll.optics_every);
    let inventory_every = duration(&poll.inventory_every);
    let timeout = duration(&poll.timeout);
    let mut number = |written: &Spanned<u32>, low: u32, high: u32| -> u32 {
        let value = *written.get_ref();
        if !(low..=high).contains(&value) {
            report.add(written.span(), format!("{value} is not from {low} to {high}"));
        }
        value
    };
    let window = number(&poll.window, 1, 16);
    // Never 0: a GETBULK with max-repetitions 0 hangs a ZTE C300 (`olt-snmp.md` 16).
    let max_repetitions = number(&poll.max_repetitions, 1, 1000);
    let retries = number(&poll.retries, 0, 20);
    let get_varbinds = poll.get_varbinds.as_ref().map_or(20, |written| number(written, 1, 200));
    let pdus_per_second = *poll.pdus_per_second.get_ref();
    if !(pdus_per_second > 0.0 && pdus_per_second <= 10_000.0) {
        report.add(poll.pdus_per_second.span(), format!("{pdus_per_second} is not above 0 and up to 10000"));
    }
    (report.problems.len() == before).then(|| Defaults {
        why: poll.why.clone(),
        state_every,
        optics_every,
        inventory_every,
        window,
        max_repetitions,
        pdus_per_second,
        timeout,
        retries,
        get_varbinds: usize::try_from(get_varbinds).unwrap_or(20),
    })
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
