//! What `probe` found, as one JSON document.

use serde::Serialize;

use super::{Introduced, columns, millis, missing};
use crate::cli::error::CliError;
use crate::mib::{Answer, ColumnProof, Profile, Rows};
use crate::poll::Proved;

/// The document. A value that is not known is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    address: &'a str,
    sys_descr: &'a str,
    sys_object_id: String,
    sys_name: Option<&'a str>,
    /// The profile; `null` when no one fits.
    profile: Option<&'a str>,
    finding: Option<String>,
    proved: bool,
    tried: Vec<Tried<'a>>,
    columns: Vec<Column<'a>>,
    missing: Vec<MissingField>,
    pdus: Option<u64>,
    elapsed_ms: Option<f64>,
    /// The `[[olt]]` block to paste.
    config: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Tried<'a> {
    profile: &'a str,
    probe: Option<String>,
    fits: bool,
}

#[derive(Debug, Serialize)]
struct Column<'a> {
    rows: &'static str,
    field: &'static str,
    sweep: &'static str,
    object: &'a str,
    oid: Option<String>,
    confidence: String,
    /// Whether another firmware's table is used instead.
    passed_over: bool,
    answer: &'static str,
    error: Option<&'a str>,
    took_ms: Option<f64>,
    row: Option<String>,
    raw: Option<String>,
    value: Option<&'a str>,
    unread: Option<String>,
}

#[derive(Debug, Serialize)]
struct MissingField {
    field: &'static str,
    known_for_family: bool,
    means: Option<&'static str>,
}

impl<'a> Document<'a> {
    /// Of an OLT that no profile fits.
    pub(super) fn unknown(introduced: &'a Introduced) -> Self {
        let tried = introduced.trials.iter().map(|trial| Tried {
            profile: trial.profile.name(),
            probe: trial.probe.as_ref().map(ToString::to_string),
            fits: trial.fits,
        });
        Self {
            address: &introduced.address,
            sys_descr: &introduced.sys_descr,
            sys_object_id: introduced.sys_object_id.to_string(),
            sys_name: introduced.sys_name.as_deref(),
            profile: None,
            finding: None,
            proved: false,
            tried: tried.collect(),
            columns: Vec::new(),
            missing: Vec::new(),
            pdus: None,
            elapsed_ms: None,
            config: None,
        }
    }

    /// Of an OLT whose profile was put to the proof.
    pub(super) fn known(introduced: &'a Introduced, profile: &'a Profile, proved: &'a Proved, config: &'a str) -> Self {
        let passed_over = proved.proof.passed_over();
        let finding = proved.proof.finding();
        let missing = missing::missing(profile, &proved.proof).into_iter().map(|one| MissingField {
            field: one.field,
            known_for_family: one.known,
            means: (!one.means.is_empty()).then_some(one.means),
        });
        let column = |column: &'a ColumnProof| Column {
            rows: if column.rows == Rows::Onu { "onu" } else { "pon" },
            field: column.field.word(),
            sweep: column.sweep.word(),
            object: &column.object,
            oid: column.oid.as_ref().map(ToString::to_string),
            confidence: format!("{:?}", column.confidence),
            passed_over: passed_over.contains(&column.table),
            answer: word(&column.answer),
            error: match &column.answer {
                Answer::Failed(why) => Some(why),
                _ => None,
            },
            took_ms: column.oid.as_ref().and_then(|oid| proved.took.get(oid)).map(|took| millis(*took)),
            row: columns::row(column),
            raw: column.sample.as_ref().map(|sample| columns::raw(&sample.value)),
            value: column.sample.as_ref().and_then(|sample| sample.means.as_deref().ok()),
            unread: column.sample.as_ref().and_then(|sample| sample.means.as_ref().err()).map(ToString::to_string),
        };
        Self {
            profile: Some(profile.name()),
            finding: Some(finding.to_string()),
            proved: finding == crate::mib::Finding::Proved,
            columns: proved.proof.columns.iter().map(column).collect(),
            missing: missing.collect(),
            pdus: Some(proved.pdus),
            elapsed_ms: Some(millis(proved.elapsed)),
            config: Some(config),
            ..Self::unknown(introduced)
        }
    }

    pub(super) fn json(&self) -> Result<String, CliError> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
    }
}

const fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Proved => "proved",
        Answer::NoValue => "no_value",
        Answer::Contradicts => "contradicts",
        Answer::Nothing => "no_row",
        Answer::PartOfIndex => "part_of_index",
        Answer::Failed(_) => "failed",
        Answer::NotAsked => "not_asked",
    }
}
