//! A profile after its references are resolved: what `poll` plans by and `decode` reads by.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::index::Index;
use super::value::Decoder;
use crate::config::Problem;
use crate::model::SweepKind;
use crate::snmp::Oid;

/// What we know of one OLT family.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(super) name: Arc<str>,
    pub(super) title: String,
    pub(super) models: Vec<String>,
    pub(super) confidence: Confidence,
    pub(super) tested: String,
    pub(super) source: String,
    pub(super) detect: Vec<DetectRule>,
    pub(super) defaults: Defaults,
    pub(super) joins: Vec<Join>,
    pub(super) key: Vec<Arc<str>>,
    /// Which field of the key is a string; at most one is.
    pub(super) key_octets: Option<usize>,
    pub(super) pon: Vec<PonPart>,
    pub(super) number: Option<Arc<str>>,
    pub(super) tables: Vec<Table>,
}

/// One number of a PON's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PonPart {
    /// The family always writes this number there.
    Constant(u32),
    /// A field of the row.
    Field(Arc<str>),
}

/// How sure a fact is (`docs/profiles.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Two independent sources, or one and a real capture that agrees.
    A,
    /// One credible source.
    B,
    /// A guess, or sources disagree: used only behind its plausibility window.
    C,
}

impl Confidence {
    /// The letter that profiles and docs use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// What the family bears, where the config does not say otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// Why these and not others.
    pub why: String,
    /// Interval of state sweeps.
    pub state_every: Duration,
    /// Interval of optics sweeps.
    pub optics_every: Duration,
    /// Interval of inventory sweeps.
    pub inventory_every: Duration,
    /// Most requests in flight.
    pub window: u32,
    /// Most rows asked for in one GETBULK.
    pub max_repetitions: u32,
    /// Most requests a second.
    pub pdus_per_second: f64,
    /// First wait for an answer.
    pub timeout: Duration,
    /// How often a request is sent again.
    pub retries: u32,
    /// Most varbinds in one GET of a table that is read row by row.
    pub get_varbinds: usize,
    /// Most varbinds asked for a second; infinite for no limit.
    pub varbinds_per_second: f64,
    /// Most octets of varbinds that an answer is asked to have.
    pub reply_octets: usize,
}

/// One way to recognise the family; all of its conditions must hold.
#[derive(Debug, Clone)]
pub(super) struct DetectRule {
    /// Where it stands, for messages; without a message of its own.
    pub(super) place: Problem,
    pub(super) sys_object_id: Vec<Oid>,
    pub(super) not_sys_object_id: Vec<Oid>,
    pub(super) sys_descr: Option<Regex>,
    pub(super) probe: Option<Oid>,
}

/// A table that turns some fields into others.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub(super) object: String,
    pub(super) oid: Oid,
    pub(super) index: Index,
    pub(super) by: Vec<Arc<str>>,
    pub(super) value: JoinValue,
    pub(super) format: Option<String>,
    pub(super) kind: Option<Arc<str>>,
    pub(super) stop_before: Option<Vec<u32>>,
}

/// What a join's value becomes.
#[derive(Debug, Clone)]
pub(super) enum JoinValue {
    /// The named groups, which are numbers. There may be none: then the pattern only picks rows.
    Pattern { regex: Regex, groups: Vec<Arc<str>> },
    /// The number or the octets.
    Field(Arc<str>),
}

/// What a table's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// ONUs.
    Onu,
    /// PON ports.
    Pon,
}

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// The whole table with GETBULK.
    Walk,
    /// One PON after the other with GETBULK, as whole walks of the family are slow or die midway.
    WalkByPon,
    /// Rows of ONUs that are up with GET, as the family asks the ONU live for every row.
    GetUp,
}

/// One table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) object: String,
    pub(super) rows: Rows,
    pub(super) index: Index,
    /// The layout where a join gives this field.
    pub(super) index_if: Option<(Arc<str>, Index)>,
    pub(super) kind: Option<Arc<str>>,
    /// Whether rows that name no PON and ONU are left out without a word.
    pub(super) mixed: bool,
    /// Whether rows of PONs that no join lists are left out.
    pub(super) listed: bool,
    pub(super) read: ReadMode,
    pub(super) group: Option<String>,
    pub(super) stop_before: Option<Vec<u32>>,
    pub(super) columns: Vec<Column>,
    /// Leading parts of the index that name the PON; for [`ReadMode::WalkByPon`].
    pub(super) pon_parts: Option<usize>,
}

/// One column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) field: FieldName,
    pub(super) object: String,
    pub(super) source: Source,
    /// The column whose text follows this one's.
    pub(super) then: Option<Oid>,
    pub(super) sweep: SweepKind,
    pub(super) confidence: Confidence,
    pub(super) decoder: Decoder,
}

impl Column {
    /// What is read for it.
    pub(super) fn oids(&self) -> impl Iterator<Item = &Oid> {
        let first = match &self.source {
            Source::Oid(oid) => Some(oid),
            Source::Index(_) => None,
        };
        first.into_iter().chain(&self.then)
    }
}

/// Where a column's value comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Oid(Oid),
    Index(Arc<str>),
}

/// The fields of a reading, by the names that profiles and JSON use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldName {
    /// Serial number.
    Serial,
    /// MAC address.
    Mac,
    /// Name or description.
    Name,
    /// PON port, from a column.
    Pon,
    /// Number of the ONU, from a column.
    Onu,
    /// Up or down.
    State,
    /// Why it is down now.
    Cause,
    /// Why it went down the last time.
    LastDownCause,
    /// Power that the ONU receives.
    Rx,
    /// Power that the OLT receives from the ONU.
    OltRx,
    /// Launch power.
    Tx,
    /// Ranged distance.
    Distance,
    /// Transceiver temperature.
    Temperature,
    /// Transceiver voltage.
    Voltage,
    /// Laser bias current.
    Bias,
    /// ONUs on a PON.
    Onus,
}

impl FieldName {
    /// Every field.
    pub const ALL: [Self; 16] = [
        Self::Serial,
        Self::Mac,
        Self::Name,
        Self::Pon,
        Self::Onu,
        Self::State,
        Self::Cause,
        Self::LastDownCause,
        Self::Rx,
        Self::OltRx,
        Self::Tx,
        Self::Distance,
        Self::Temperature,
        Self::Voltage,
        Self::Bias,
        Self::Onus,
    ];

    /// The name in profiles, and in JSON where the unit is added.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Mac => "mac",
            Self::Name => "name",
            Self::Pon => "pon",
            Self::Onu => "onu",
            Self::State => "state",
            Self::Cause => "cause",
            Self::LastDownCause => "last_down_cause",
            Self::Rx => "rx",
            Self::OltRx => "olt_rx",
            Self::Tx => "tx",
            Self::Distance => "distance",
            Self::Temperature => "temperature",
            Self::Voltage => "voltage",
            Self::Bias => "bias",
            Self::Onus => "onus",
        }
    }

    /// The sweep that reads it where a profile does not say otherwise.
    #[must_use]
    pub const fn usual_sweep(self) -> SweepKind {
        match self {
            Self::Serial | Self::Mac | Self::Name | Self::Pon | Self::Onu | Self::Distance | Self::Onus => {
                SweepKind::Inventory
            }
            Self::State | Self::Cause | Self::LastDownCause => SweepKind::State,
            Self::Rx | Self::OltRx | Self::Tx | Self::Temperature | Self::Voltage | Self::Bias => SweepKind::Optics,
        }
    }

    /// Where most values of a working network are, which tells apart scales that are all plausible: 264 is rather
    /// −26.4 dBm than −2.64.
    #[must_use]
    pub const fn usual(self) -> Option<(f64, f64)> {
        match self {
            Self::Rx | Self::OltRx => Some((-40.0, -5.0)),
            other => other.plausible(),
        }
    }

    /// What the quantity can be, in its unit; outside of it is a wrong scale or firmware, not a reading
    /// (`olt-snmp.md` 17.5). `None` where the field is no quantity.
    #[must_use]
    pub const fn plausible(self) -> Option<(f64, f64)> {
        match self {
            Self::Rx | Self::OltRx => Some((-50.0, 10.0)),
            Self::Tx => Some((-10.0, 12.0)),
            // XGS-PON's differential reach ends at 60 km; ranging adds a little.
            Self::Distance => Some((0.0, 100_000.0)),
            Self::Temperature => Some((-40.0, 120.0)),
            Self::Voltage => Some((2.5, 4.0)),
            Self::Bias => Some((0.0, 500.0)),
            Self::Onu | Self::Pon | Self::Onus => Some((0.0, 2_147_483.0)),
            _ => None,
        }
    }
}

/// One table as a sweep reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRead {
    /// Which table of the profile.
    pub table: usize,
    /// Its MIB object's name.
    pub object: String,
    /// What its rows are.
    pub rows: Rows,
    /// Columns to read, each once.
    pub columns: Vec<Oid>,
    /// How to read it.
    pub mode: ReadMode,
    /// The first index at which the walk stops.
    pub stop_before: Option<Vec<u32>>,
}

/// One join as an inventory sweep reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRead {
    /// Which join of the profile.
    pub join: usize,
    /// Its MIB object's name.
    pub object: String,
    /// The column.
    pub column: Oid,
    /// The first index at which the walk stops.
    pub stop_before: Option<Vec<u32>>,
}

impl Profile {
    /// Its name: the file's name without `.toml`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Models that it is for.
    #[must_use]
    pub fn models(&self) -> &[String] {
        &self.models
    }

    /// How sure its facts are on the whole.
    #[must_use]
    pub const fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What it was tested on.
    #[must_use]
    pub fn tested(&self) -> &str {
        &self.tested
    }

    /// Where its facts come from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the family bears.
    #[must_use]
    pub const fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// The tables that a sweep of this kind reads.
    #[must_use]
    pub fn reads(&self, kind: SweepKind) -> Vec<TableRead> {
        let mut reads = Vec::new();
        for (table, spec) in self.tables.iter().enumerate() {
            let mut columns: Vec<Oid> = Vec::new();
            for column in spec.columns.iter().filter(|column| column.sweep == kind) {
                for oid in column.oids() {
                    if !columns.contains(oid) {
                        columns.push(oid.clone());
                    }
                }
            }
            if !columns.is_empty() {
                reads.push(TableRead {
                    table,
                    object: spec.object.clone(),
                    rows: spec.rows,
                    columns,
                    mode: spec.read,
                    stop_before: spec.stop_before.clone(),
                });
            }
        }
        reads
    }

    /// The joins that an inventory sweep reads.
    #[must_use]
    pub fn join_reads(&self) -> Vec<JoinRead> {
        let read = |(join, spec): (usize, &Join)| JoinRead {
            join,
            object: spec.object.clone(),
            column: spec.oid.clone(),
            stop_before: spec.stop_before.clone(),
        };
        self.joins.iter().enumerate().map(read).collect()
    }

    /// Whether any column gives this field for rows of this kind.
    #[must_use]
    pub fn has_field(&self, rows: Rows, field: FieldName) -> bool {
        self.tables.iter().any(|table| table.rows == rows && table.columns.iter().any(|column| column.field == field))
    }

    /// Every column with what `probe` and the docs show of it: table, column, field, sweep, confidence, and its OID
    /// (none where the value is part of the index).
    pub fn columns(&self) -> impl Iterator<Item = ColumnInfo<'_>> {
        self.tables.iter().flat_map(Table::columns)
    }

    /// The columns of one table.
    pub fn columns_of(&self, table: usize) -> impl Iterator<Item = ColumnInfo<'_>> {
        self.tables.get(table).into_iter().flat_map(Table::columns)
    }
}

impl Table {
    fn columns(&self) -> impl Iterator<Item = ColumnInfo<'_>> {
        self.columns.iter().map(|column| ColumnInfo {
            table: &self.object,
            object: &column.object,
            rows: self.rows,
            kind: self.kind.as_deref(),
            field: column.field,
            sweep: column.sweep,
            confidence: column.confidence,
            oid: match &column.source {
                Source::Oid(oid) => Some(oid),
                Source::Index(_) => None,
            },
            then: column.then.as_ref(),
        })
    }
}

/// A column, for people.
#[derive(Debug, Clone, Copy)]
pub struct ColumnInfo<'a> {
    /// The table's MIB object.
    pub table: &'a str,
    /// The column's MIB object.
    pub object: &'a str,
    /// What the rows are.
    pub rows: Rows,
    /// Of which kind of PONs, where the chassis may hold several.
    pub kind: Option<&'a str>,
    /// What the column gives.
    pub field: FieldName,
    /// Which sweep reads it.
    pub sweep: SweepKind,
    /// How sure it is.
    pub confidence: Confidence,
    /// The column's OID.
    pub oid: Option<&'a Oid>,
    /// The OID of the column whose text follows.
    pub then: Option<&'a Oid>,
}
