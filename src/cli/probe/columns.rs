//! One GETNEXT a column: which of a profile's columns answer, with a sample row each.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::cli::progress::Progress;
use crate::mib::{ColumnInfo, Confidence, FieldName, Joins, Profile, RawColumn, RawTable, Rows};
use crate::model::{Field, PonReading, Reading, SweepKind, Unread};
use crate::snmp::{Oid, Session, SnmpError, Value, VarBind};

/// After so many columns in a row without any answer, the rest is left alone.
const SILENT_IN_A_ROW: usize = 3;

/// A table of the profile, column by column.
pub(super) struct TableAsked {
    pub(super) object: String,
    pub(super) rows: Rows,
    /// What the OIDs of all its columns begin with.
    pub(super) base: Option<Oid>,
    pub(super) columns: Vec<Asked>,
}

/// A column and its answer.
pub(super) struct Asked {
    pub(super) field: FieldName,
    pub(super) sweep: SweepKind,
    pub(super) object: String,
    /// Its OID without the table's base.
    pub(super) tail: String,
    pub(super) confidence: Confidence,
    pub(super) took: Option<Duration>,
    pub(super) answer: Answer,
}

/// What a column answered.
pub(super) enum Answer {
    /// Its first row.
    Row {
        /// Which row: `0/1 onu 3` where the index says, else the index.
        row: String,
        /// The value as the device gave it.
        raw: String,
        /// What the profile makes of it; `None` where the row alone does not say.
        means: Option<Result<String, String>>,
    },
    /// The column has no row.
    Nothing,
    /// The value is part of other columns' index.
    PartOfIndex,
    /// It could not be read.
    Failed(String),
    /// The OLT had fallen silent before.
    NotAsked,
}

/// Asks for the first row of every column, one request each, with a pause between them: so the governor never has to hold
/// one back, and the time that is shown is the OLT's own.
pub(super) async fn ask(session: &Session, profile: &Profile, pause: Duration) -> Vec<TableAsked> {
    let all: Vec<ColumnInfo<'_>> = profile.columns().collect();
    let progress = Progress::new("probing", all.len());
    let mut tables: Vec<TableAsked> = Vec::new();
    // A column may give several fields; it is asked once.
    let mut answers: HashMap<Oid, (Duration, Result<VarBind, SnmpError>)> = HashMap::new();
    let mut silent = 0;
    for column in &all {
        progress.say(column.object.to_owned());
        let (took, answer) = match column.oid {
            None => (None, Answer::PartOfIndex),
            Some(_) if silent >= SILENT_IN_A_ROW => (None, Answer::NotAsked),
            Some(oid) => {
                if !answers.contains_key(oid) {
                    tokio::time::sleep(pause).await;
                    let started = Instant::now();
                    let next = session.get_next(std::slice::from_ref(oid)).await;
                    let next = next.map(|rows| {
                        let ended = VarBind { oid: oid.clone(), value: Value::EndOfMibView };
                        rows.into_iter().next().unwrap_or(ended)
                    });
                    let silence = next.as_ref().is_err_and(SnmpError::is_silence);
                    silent = if silence { silent + 1 } else { 0 };
                    answers.insert(oid.clone(), (started.elapsed(), next));
                }
                match answers.get(oid) {
                    Some((took, Ok(row))) => (Some(*took), sample(profile, column, oid, row)),
                    Some((took, Err(error))) => (Some(*took), Answer::Failed(error.to_string())),
                    None => (None, Answer::NotAsked),
                }
            }
        };
        progress.step();
        let asked = Asked {
            field: column.field,
            sweep: column.sweep,
            object: column.object.to_owned(),
            tail: String::new(),
            confidence: column.confidence,
            took,
            answer,
        };
        match tables.last_mut() {
            Some(table) if table.object == column.table && table.rows == column.rows => table.columns.push(asked),
            _ => tables.push(TableAsked {
                object: column.table.to_owned(),
                rows: column.rows,
                base: None,
                columns: vec![asked],
            }),
        }
    }
    name_columns(&mut tables, &all);
    tables
}

/// OIDs are long and begin alike: each table shows the beginning once.
fn name_columns(tables: &mut [TableAsked], all: &[ColumnInfo<'_>]) {
    let mut columns = all.iter();
    for table in tables {
        let mine: Vec<Option<&Oid>> = columns.by_ref().take(table.columns.len()).map(|column| column.oid).collect();
        let mut base: Option<&[u32]> = None;
        for oid in mine.iter().flatten() {
            let parent = oid.arcs().split_last().map_or(&[][..], |(_, parent)| parent);
            base = Some(base.map_or(parent, |base| common(base, parent)));
        }
        for (column, oid) in table.columns.iter_mut().zip(&mine) {
            if let (Some(base), Some(oid)) = (base, oid) {
                let tail = oid.arcs().strip_prefix(base).unwrap_or_default();
                column.tail = tail.iter().map(|arc| format!(".{arc}")).collect();
            }
        }
        table.base = base.map(Oid::new);
    }
}

fn common<'a>(a: &'a [u32], b: &[u32]) -> &'a [u32] {
    let length = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    a.get(..length).unwrap_or_default()
}

fn sample(profile: &Profile, column: &ColumnInfo<'_>, oid: &Oid, row: &VarBind) -> Answer {
    let Some(index) = row.oid.suffix_of(oid).filter(|_| !row.value.is_exception()) else { return Answer::Nothing };
    let read = profile
        .reads(column.sweep)
        .into_iter()
        .find(|read| read.object == column.table && read.rows == column.rows && read.columns.contains(oid));
    let decoded = read.map(|read| {
        let raw = RawColumn { oid: oid.clone(), rows: vec![(index.into(), row.value.clone())], complete: true };
        let table = RawTable { table: read.table, columns: vec![raw] };
        profile.decode(column.sweep, &[table], &Joins::default())
    });
    let by_index = || index.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
    let (place, means) = match (&decoded, column.rows) {
        (Some(decoded), Rows::Onu) => match decoded.onus.first() {
            Some(reading) => (place(reading), onu_value(reading, column.field)),
            None => (None, None),
        },
        (Some(decoded), Rows::Pon) => match decoded.pons.first() {
            Some(reading) => (Some(reading.pon.to_string()), pon_value(reading, column.field)),
            None => (None, None),
        },
        (None, _) => (None, None),
    };
    Answer::Row { row: place.unwrap_or_else(by_index), raw: raw(&row.value), means }
}

/// The value as the device gave it, texts without their quotation marks.
fn raw(value: &Value) -> String {
    match value.octets().map(std::str::from_utf8) {
        Some(Ok(text)) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => value.to_string(),
    }
}

fn place(reading: &Reading) -> Option<String> {
    match (reading.pon, reading.onu) {
        (Some(pon), Some(onu)) => Some(format!("{pon} onu {onu}")),
        (Some(pon), None) => Some(pon.to_string()),
        (None, Some(onu)) => Some(format!("onu {onu}")),
        (None, None) => None,
    }
}

fn told<T: ToString>(field: &Field<T>) -> Option<Result<String, String>> {
    match field {
        Ok(value) => Some(Ok(value.to_string())),
        Err(Unread::NotAsked) => None,
        Err(why) => Some(Err(why.to_string())),
    }
}

fn onu_value(reading: &Reading, field: FieldName) -> Option<Result<String, String>> {
    match field {
        FieldName::Serial => told(&reading.serial),
        FieldName::Mac => told(&reading.mac),
        FieldName::Name => told(&reading.name),
        FieldName::Pon => reading.pon.map(|pon| Ok(pon.to_string())),
        FieldName::Onu => reading.onu.map(|onu| Ok(onu.to_string())),
        FieldName::State => told(&reading.state),
        FieldName::Cause => told(&reading.cause),
        FieldName::LastDownCause => told(&reading.last_down_cause),
        FieldName::Rx => told(&reading.rx),
        FieldName::OltRx => told(&reading.olt_rx),
        FieldName::Tx => told(&reading.tx),
        FieldName::Distance => told(&reading.distance),
        FieldName::Temperature => told(&reading.temperature),
        FieldName::Voltage => told(&reading.voltage),
        FieldName::Bias => told(&reading.bias),
        FieldName::Onus => None,
    }
}

fn pon_value(reading: &PonReading, field: FieldName) -> Option<Result<String, String>> {
    match field {
        FieldName::Name => reading.name.as_ref().map(|name| Ok(name.to_string())),
        FieldName::State => told(&reading.state),
        FieldName::Tx => told(&reading.tx),
        FieldName::Onus => told(&reading.onus),
        _ => None,
    }
}
