//! What `probe` found, as one JSON document.

use serde::Serialize;

use super::unknown::Unknown;
use super::{Introduced, ProbeArgs, columns, millis, missing};
use crate::cli::error::CliError;
use crate::mib::{Answer, ColumnProof, Profile, Rows};
use crate::poll::{ColumnOutline, Looks, Proved, TableOutline};
use crate::record::{Mask, Recorded};

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
    /// The nearest families of an OLT that no profile fits.
    near: Vec<NearFamily<'a>>,
    /// What the tree of such an OLT holds.
    outline: Option<OutlineOf>,
    recorded: Option<RecordedFile>,
}

#[derive(Debug, Serialize)]
struct NearFamily<'a> {
    profile: &'a str,
    score: i32,
    finding: String,
}

#[derive(Debug, Serialize)]
struct OutlineOf {
    tables: Vec<OutlinedTable>,
    scalars: usize,
    pdus: u64,
    elapsed_ms: f64,
    /// Why it ended before its end; `null` when it did not.
    stopped: Option<String>,
}

#[derive(Debug, Serialize)]
struct OutlinedTable {
    entry: String,
    /// Whether its rows are probably ONUs.
    onus: bool,
    columns: Vec<OutlinedColumn>,
}

#[derive(Debug, Serialize)]
struct OutlinedColumn {
    column: u32,
    r#type: &'static str,
    looks_like: Option<String>,
    rows: usize,
    more: bool,
    index: String,
    /// Serials, MACs and names in them are made up.
    samples: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RecordedFile {
    file: String,
    rows: usize,
    gaps: Vec<String>,
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
            near: Vec::new(),
            outline: None,
            recorded: None,
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

    /// With what is known of an unknown OLT.
    pub(super) fn with_outline(mut self, unknown: &'a Unknown, mask: &mut Mask) -> Self {
        let near = unknown.near.iter().map(|near| NearFamily {
            profile: near.profile.name(),
            score: near.score,
            finding: near.finding.to_string(),
        });
        self.near = near.collect();
        let mut column = |column: &ColumnOutline| OutlinedColumn {
            column: column.number,
            r#type: column.kind,
            looks_like: column.looks.map(|looks| match looks {
                Looks::Level(unit) => format!("level, {unit}"),
                Looks::Serial => "serial".to_owned(),
                Looks::Mac => "mac".to_owned(),
                Looks::State => "state".to_owned(),
            }),
            rows: column.rows.len(),
            more: column.more,
            index: column.rows.first().map(|(index, _)| dotted(&mask.unknown_index(index))).unwrap_or_default(),
            samples: column.rows.iter().map(|(_, value)| columns::raw(&mask.unknown(value))).collect(),
        };
        let table = |table: &TableOutline| OutlinedTable {
            entry: table.entry.to_string(),
            onus: table.likeness() >= TableOutline::LIKELY,
            columns: table.columns.iter().map(&mut column).collect(),
        };
        let outline = &unknown.outline;
        self.outline = Some(OutlineOf {
            tables: outline.tables.iter().map(table).collect(),
            scalars: outline.scalars,
            pdus: outline.pdus,
            elapsed_ms: millis(outline.elapsed),
            stopped: outline.stopped.clone(),
        });
        self
    }

    /// With what became of a recording.
    pub(super) fn with_recording(mut self, args: &ProbeArgs, recorded: Option<&Recorded>) -> Self {
        if let (Some(path), Some(recorded)) = (&args.record, recorded) {
            self.recorded = Some(RecordedFile {
                file: path.display().to_string(),
                rows: recorded.rows,
                gaps: recorded.gaps.clone(),
            });
        }
        self
    }

    pub(super) fn json(&self) -> Result<String, CliError> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
    }
}

fn dotted(index: &[u32]) -> String {
    index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
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
