//! From a profile's text to a [`Profile`]: every reference is resolved, every mistake found and told with its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use toml::Spanned;

use super::compile_index::compile_index;
use super::compile_table::{Context, check_reach, compile_join, compile_table};
use super::index::{Index, Part, Takes};
use super::lint::{lint_poll, lint_tables};
use super::profile::{Confidence, Defaults, DetectRule, Join, PonPart, Profile, Rows, Source, Table};
use super::raw;
use crate::config::Problem;
use crate::snmp::Oid;

/// Where messages point to, and what they are.
pub(super) struct Reporter<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reporter<'_> {
    /// Adds a problem at a span of the text.
    pub(super) fn add(&mut self, span: Range<usize>, message: String) {
        let problem = self.problem(span, message);
        self.problems.push(problem);
    }

    /// Adds what may be meant, and mostly is not.
    pub(super) fn warn(&mut self, span: Range<usize>, message: String) {
        let warning = self.problem(span, message);
        self.warnings.push(warning);
    }

    fn problem(&self, span: Range<usize>, message: String) -> Problem {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Problem { file: self.file.to_owned(), line, column, message, excerpt: None }
    }
}

/// Short names for OID prefixes.
pub(super) type Prefixes = BTreeMap<String, Oid>;

/// A profile, and what in its file may be a mistake.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) profile: Profile,
    pub(super) warnings: Vec<Problem>,
}

/// Reads a profile. `find` gives the text of another profile, for one that is `like` it.
///
/// # Errors
/// Every problem in the file.
pub(super) fn compile<'t>(
    file: &str,
    text: &str,
    find: &dyn Fn(&str) -> Option<&'t str>,
) -> Result<Compiled, Vec<Problem>> {
    let mut report = Reporter { file, text, problems: Vec::new(), warnings: Vec::new() };
    let parsed = match parse(&mut report, text, find) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => return Err(report.problems),
        Err(error) => {
            report.add(error.span().unwrap_or(0..0), error.message().to_owned());
            return Err(report.problems);
        }
    };
    let profile = compile_file(&mut report, &parsed);
    match profile {
        Some(profile) if report.problems.is_empty() => Ok(Compiled { profile, warnings: report.warnings }),
        _ => Err(report.problems),
    }
}

/// The name of a profile, and of the one that it is like, as far as the text can be read.
pub(super) fn names_in(text: &str) -> (Option<String>, Option<String>) {
    let table: Option<toml::Table> = toml::from_str(text).ok();
    let word = |key: &str| Some(table.as_ref()?.get("profile")?.get(key)?.as_str()?.to_owned());
    (word("name"), word("like"))
}

/// The file as it is written, with what it takes over from another profile. `None` when that is told in the report.
fn parse<'t>(
    report: &mut Reporter<'_>,
    text: &str,
    find: &dyn Fn(&str) -> Option<&'t str>,
) -> Result<Option<raw::File>, toml::de::Error> {
    if names_in(text).1.is_none() {
        return toml::from_str(text).map(Some);
    }
    let own: raw::LikeFile = toml::from_str(text)?;
    let Some(like) = &own.profile.like else { return Ok(None) };
    // One that is itself like another has no tables of its own, so it cannot be read here, and no circle can be made.
    let other = find(like.get_ref()).and_then(|text| toml::from_str::<raw::File>(text).ok());
    let Some(mut whole) = other else {
        report.add(like.span(), format!("there is no profile {:?} with tables of its own", like.get_ref()));
        return Ok(None);
    };
    for (name, oid) in own.oid {
        if !whole.oid.contains_key(&name) {
            let known: Vec<&str> = whole.oid.keys().map(String::as_str).collect();
            report.add(oid.span(), format!("{:?} has no OID name {name:?}, only {}", like.get_ref(), known.join(", ")));
        }
        whole.oid.insert(name, oid);
    }
    whole.profile = own.profile;
    whole.detect = own.detect;
    if let Some(poll) = own.poll {
        whole.poll = poll;
    }
    Ok(Some(whole))
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
    let joins: Vec<Join> =
        file.join.iter().filter_map(|join| compile_join(report, &prefixes, &indexes, join)).collect();
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
    let context = Context { prefixes: &prefixes, indexes: &indexes, joins: &joins, key: &key, pon: &pon };
    for table in &file.table {
        if let Some(compiled) = compile_table(report, &context, table) {
            check_reach(report, &context, table, &compiled, file);
            if compiled.rows == Rows::Onu {
                key_octets = key_octets.or_else(|| string_in_key(&compiled.index, &key));
            }
            tables.push(compiled);
        }
    }
    check_duplicates(report, &file.table, &tables);
    let defaults = compile_poll(report, &file.poll);
    // What is taken over from another profile is that one's to mend; and its places are not of this text.
    if file.profile.like.is_none() {
        if tables.len() == file.table.len() {
            lint_tables(report, &file.table.iter().zip(&tables).collect::<Vec<_>>());
        }
        if let Some(defaults) = &defaults {
            lint_poll(report, &file.poll, defaults, &tables);
        }
    }
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
pub(super) fn pon_fields(pon: &[PonPart]) -> Vec<Arc<str>> {
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
    let place = report.problem(rule.span(), String::new());
    let mut oids = |list: &[Spanned<String>]| -> Vec<Oid> {
        list.iter().filter_map(|oid| compile_oid(report, prefixes, oid)).collect()
    };
    DetectRule {
        place,
        sys_object_id: oids(&spec.sys_object_id),
        not_sys_object_id: oids(&spec.not_sys_object_id),
        sys_descr: spec.sys_descr.as_ref().and_then(|regex| compile_regex(report, regex)),
        probe: spec.probe.as_ref().and_then(|oid| compile_oid(report, prefixes, oid)),
    }
}

fn check_duplicates(report: &mut Reporter<'_>, written: &[Spanned<raw::Table>], tables: &[Table]) {
    let mut seen = Vec::new();
    for (table, spec) in tables.iter().zip(written) {
        for (column, place) in table.columns.iter().zip(&spec.get_ref().column) {
            if let Source::Oid(oid) = &column.source {
                // Alternative tables may lie in the same columns, and kinds of PONs may share one.
                let alternative = table.group.as_ref().map(|_| table.object.clone());
                let entry = (table.rows, column.field, table.kind.clone(), alternative, oid.clone());
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
    let reply_octets = poll.reply_octets.as_ref().map_or(1400, |written| number(written, 100, 60_000));
    if let Some(written) =
        poll.varbinds_per_second.as_ref().filter(|written| written.get_ref().is_nan() || *written.get_ref() <= 0.0)
    {
        report.add(written.span(), format!("{} is not above 0", written.get_ref()));
    }
    let pdus_per_second = *poll.pdus_per_second.get_ref();
    if !(pdus_per_second > 0.0 && pdus_per_second <= 10_000.0) {
        report.add(poll.pdus_per_second.span(), format!("{pdus_per_second} is not above 0 and up to 10000"));
    }
    (report.problems.len() == before).then(|| Defaults {
        why: poll.why.get_ref().clone(),
        state_every,
        optics_every,
        inventory_every,
        window,
        max_repetitions,
        pdus_per_second,
        timeout,
        retries,
        get_varbinds: usize::try_from(get_varbinds).unwrap_or(20),
        varbinds_per_second: poll.varbinds_per_second.as_ref().map_or(f64::INFINITY, |written| *written.get_ref()),
        reply_octets: usize::try_from(reply_octets).unwrap_or(1400),
    })
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
