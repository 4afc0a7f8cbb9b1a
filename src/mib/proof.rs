//! The self-test of a profile: which of its columns an OLT answers plausibly. Pure: what to ask comes out, sampled rows
//! come in. sysObjectID and sysDescr only say whose device it is; what its tables hold says whether we can read it.

use std::collections::BTreeMap;
use std::fmt;

use super::decode::{RawColumn, RawTable};
use super::gather::is_named;
use super::index::Fields;
use super::join::Joins;
use super::profile::{Column, Confidence, FieldName, Profile, Rows, Source, Table};
use crate::model::{Field, OnuKey, OnuState, PonId, PonReading, Reading, SweepKind, Unread};
use crate::snmp::{Oid, Value};

/// A row of a column as an OLT gave it: index and value.
pub type RawRow = (Box<[u32]>, Value);

/// A table of a profile, as the self-test asks for it.
#[derive(Debug, Clone)]
pub struct ProofTable {
    /// Which table of the profile.
    pub table: usize,
    /// Its MIB object.
    pub object: String,
    /// What its rows are.
    pub rows: Rows,
    /// The kind of PONs that it is for, where a chassis may hold several.
    pub kind: Option<String>,
    /// Tables of one group are alternatives.
    pub group: Option<String>,
    /// Whether it says which ONUs are up.
    pub has_state: bool,
    /// Whether other rows stand among its own, so that its own have to be looked for.
    pub mixed: bool,
    /// Indexes from here on are not of the table.
    pub stop_before: Option<Vec<u32>>,
    /// Its columns' OIDs, each once.
    pub oids: Vec<Oid>,
}

/// What has to be read of the joins before a row can be understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Single rows: which join, and the row's name.
    pub rows: Vec<(usize, Oid)>,
    /// Joins that are looked up by their values, so that they have to be read whole.
    pub whole: Vec<usize>,
}

/// One sampled row of a column, and what the profile makes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The row's index.
    pub index: Box<[u32]>,
    /// Where the index says the row belongs, `0/1/0 onu 3`; `None` where it does not say.
    pub place: Option<String>,
    /// The value as the device gave it.
    pub value: Value,
    /// What the profile makes of it, in its unit.
    pub means: Field<String>,
}

/// What a column answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Rows with plausible values.
    Proved,
    /// Rows, in which the device says that it has no value, or says nothing that the profile could judge.
    NoValue,
    /// Rows that are not what the profile expects: their values, or the indexes that they stand at.
    Contradicts,
    /// The column has no row.
    Nothing,
    /// Its value is part of other columns' index.
    PartOfIndex,
    /// It could not be read.
    Failed(String),
    /// It was not asked for: the OLT had fallen silent, or the chassis has no such card.
    NotAsked,
}

/// A column and its proof.
#[derive(Debug, Clone)]
pub struct ColumnProof {
    /// Which table of the profile.
    pub table: usize,
    /// What its rows are.
    pub rows: Rows,
    /// Its table's group of alternatives.
    pub group: Option<String>,
    /// What it gives.
    pub field: FieldName,
    /// Which sweep reads it.
    pub sweep: SweepKind,
    /// Its MIB object.
    pub object: String,
    /// How sure the profile is of it.
    pub confidence: Confidence,
    /// Where it is.
    pub oid: Option<Oid>,
    /// What it answered.
    pub answer: Answer,
    /// Its most telling row.
    pub sample: Option<Sample>,
}

/// The proof of a profile on an OLT.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Every column, in the profile's order.
    pub columns: Vec<ColumnProof>,
    /// Whether the OLT fell silent midway, so that the rest was left alone.
    pub broke_off: bool,
}

/// What a proof comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// ONUs are there, and mostly as the profile says.
    Proved,
    /// No ONU is there, but PON ports as the profile says.
    PonsOnly,
    /// Neither ONUs nor PON ports are there: nothing speaks for the profile but what the OLT says of itself.
    Unproved,
    /// ONUs are there, but mostly not as the profile says.
    Contradicted,
    /// The OLT fell silent before anything was seen.
    Unknown,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proved => "proved",
            Self::PonsOnly => "proved by its PON ports alone, as it shows no ONU",
            Self::Unproved => "not proved: none of its columns has a row",
            Self::Contradicted => "not proved: what its columns answer is mostly not what the profile expects",
            Self::Unknown => "not proved: the OLT fell silent",
        })
    }
}

/// How much a field says for a profile. Names can be anything; a state, a level or a serial in its right place is no accident.
const fn weight(field: FieldName) -> i32 {
    match field {
        FieldName::State | FieldName::Rx | FieldName::Serial | FieldName::Mac => 8,
        FieldName::OltRx => 4,
        FieldName::Tx | FieldName::Distance | FieldName::Cause | FieldName::LastDownCause => 2,
        FieldName::Name
        | FieldName::Pon
        | FieldName::Onu
        | FieldName::Temperature
        | FieldName::Voltage
        | FieldName::Bias
        | FieldName::Onus => 1,
    }
}

/// By so much a profile must be better proved than one that claims the OLT more surely.
const CLEARLY: i32 = 6;

impl Proof {
    /// The best answer of each field; of alternatives that is the better one.
    fn fields(&self, rows: Rows) -> BTreeMap<FieldName, &Answer> {
        let rank = |answer: &Answer| match answer {
            Answer::Proved => 3,
            Answer::NoValue | Answer::PartOfIndex => 2,
            Answer::Contradicts => 1,
            Answer::Nothing | Answer::Failed(_) | Answer::NotAsked => 0,
        };
        let mut best: BTreeMap<FieldName, &Answer> = BTreeMap::new();
        for column in self.columns.iter().filter(|column| column.rows == rows) {
            let held = best.entry(column.field).or_insert(&column.answer);
            if rank(&column.answer) > rank(held) {
                *held = &column.answer;
            }
        }
        best
    }

    /// A column that holds a serial or a MAC does not contradict the one by being the other.
    fn settle_shared_columns(&mut self) {
        let proved = |column: &&ColumnProof| column.answer == Answer::Proved;
        let settled: Vec<(usize, Option<Oid>)> =
            self.columns.iter().filter(proved).map(|column| (column.table, column.oid.clone())).collect();
        for column in &mut self.columns {
            if column.answer == Answer::Contradicts && settled.contains(&(column.table, column.oid.clone())) {
                column.answer = Answer::NoValue;
            }
        }
    }

    /// How well the OLT proves the profile; more is better, and below 0 it contradicts it.
    #[must_use]
    pub fn score(&self) -> i32 {
        let value = |(field, answer): (&FieldName, &&Answer)| match answer {
            Answer::Proved => weight(*field) * 2,
            Answer::NoValue => weight(*field),
            Answer::Contradicts => weight(*field) * -2,
            _ => 0,
        };
        let pons = self.fields(Rows::Pon).values().filter(|answer| ***answer == Answer::Proved).count();
        self.fields(Rows::Onu).iter().map(value).sum::<i32>() + i32::try_from(pons).unwrap_or(0)
    }

    /// What it comes to.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let onus = self.fields(Rows::Onu);
        let weigh = |wanted: &Answer| -> i32 {
            onus.iter().filter(|(_, answer)| **answer == wanted).map(|(field, _)| weight(*field)).sum()
        };
        let (proved, against) = (weigh(&Answer::Proved), weigh(&Answer::Contradicts));
        if proved > against {
            Finding::Proved
        } else if against > 0 {
            Finding::Contradicted
        } else if self.fields(Rows::Pon).values().any(|answer| **answer == Answer::Proved) {
            Finding::PonsOnly
        } else if self.broke_off {
            Finding::Unknown
        } else {
            Finding::Unproved
        }
    }

    /// Fields of an ONU by what was answered for them.
    #[must_use]
    pub fn onu_fields(&self, wanted: &Answer) -> Vec<FieldName> {
        let fields = self.fields(Rows::Onu);
        fields.into_iter().filter(|(_, answer)| *answer == wanted).map(|(field, _)| field).collect()
    }

    /// Of alternative tables, those that this OLT has not: another one of their group answers better.
    #[must_use]
    pub fn passed_over(&self) -> Vec<usize> {
        let mut scores: BTreeMap<(&str, usize), i32> = BTreeMap::new();
        for column in &self.columns {
            if let Some(group) = &column.group {
                let alone = Self { columns: vec![column.clone()], broke_off: false };
                *scores.entry((group, column.table)).or_default() += alone.score();
            }
        }
        let is_beaten = |(group, table): &(&str, usize), score: i32| {
            scores.iter().any(|((other, place), better)| {
                other == group && (*better > score || *better == score && place < table)
            })
        };
        scores.iter().filter(|(key, score)| is_beaten(key, **score)).map(|((_, table), _)| *table).collect()
    }
}

/// The best proved of profiles that claim an OLT, the surest first: one that claims it less surely must be clearly better.
#[must_use]
pub fn best_proved<'p>(proofs: impl IntoIterator<Item = &'p Proof>) -> Option<usize> {
    let mut best: Option<(usize, i32)> = None;
    for (position, proof) in proofs.into_iter().enumerate() {
        let score = proof.score();
        if best.is_none_or(|(_, highest)| score >= highest.saturating_add(CLEARLY)) {
            best = Some((position, score));
        }
    }
    best.map(|(position, _)| position)
}

impl Profile {
    /// The tables of the self-test, in the order in which they are asked: first those that say which ONUs are up, then
    /// the other ones of ONUs, then PON ports; those of other kinds of PONs last.
    #[must_use]
    pub fn proof_tables(&self) -> Vec<ProofTable> {
        let mut tables: Vec<ProofTable> = Vec::new();
        for (table, spec) in self.tables.iter().enumerate() {
            let mut oids: Vec<Oid> = Vec::new();
            for oid in spec.columns.iter().flat_map(Column::oids) {
                if !oids.contains(oid) {
                    oids.push(oid.clone());
                }
            }
            tables.push(ProofTable {
                table,
                object: spec.object.clone(),
                rows: spec.rows,
                kind: spec.kind.as_deref().map(str::to_owned),
                group: spec.group.clone(),
                has_state: spec.columns.iter().any(|column| column.field == FieldName::State),
                mixed: spec.mixed || spec.rows == Rows::Pon,
                stop_before: spec.stop_before.clone(),
                oids,
            });
        }
        tables.sort_by_key(|table| (table.kind.is_some(), table.rows == Rows::Pon, !table.has_state));
        tables
    }

    /// What has to be read of the joins to understand a row of a table, beyond what `joins` hold.
    #[must_use]
    pub fn lookups(&self, table: usize, index: &[u32], joins: &Joins) -> Lookups {
        let mut lookups = Lookups::default();
        let Some(spec) = self.tables.get(table) else { return lookups };
        let layouts = std::iter::once(&spec.index).chain(spec.index_if.iter().map(|(_, layout)| layout));
        for mut fields in layouts.filter_map(|layout| layout.decode(index)) {
            joins.apply(self, spec, &mut fields);
            for (position, join) in self.joins.iter().enumerate() {
                let of_kind = spec.kind.is_none() || join.kind.is_none() || spec.kind == join.kind;
                if !of_kind || fields.numbers_of(&join.by).is_none() {
                    continue;
                }
                if join.index.required_names().iter().all(|name| join.by.contains(name)) {
                    let row = join.index.encode(&fields).map(|row| (position, join.oid.child(&row)));
                    lookups.rows.extend(row.filter(|row| !lookups.rows.contains(row)));
                } else if !joins.is_read(position) && !lookups.whole.contains(&position) {
                    lookups.whole.push(position);
                }
            }
        }
        lookups
    }

    /// The indexes of rows of a table that the joins name, at most so many: tables of interfaces begin with others.
    #[must_use]
    pub fn named_rows(&self, table: usize, joins: &Joins, most: usize) -> Vec<Vec<u32>> {
        let Some(spec) = self.tables.get(table) else { return Vec::new() };
        let rows = (0..self.joins.len()).flat_map(|join| joins.rows(join));
        let named = rows.filter(|fields| self.named(spec, fields).is_some());
        let mut found: Vec<Vec<u32>> = named.filter_map(|fields| spec.index.encode(fields)).collect();
        found.sort();
        found.dedup();
        found.truncate(most);
        found
    }

    /// Whether a row of a table names an ONU, or a PON port.
    #[must_use]
    pub fn is_named(&self, table: usize, index: &[u32], joins: &Joins) -> bool {
        let Some(spec) = self.tables.get(table) else { return false };
        self.fields_at(spec, index, joins).is_some_and(|fields| self.named(spec, &fields).is_some())
    }

    /// The first ONU that is up among rows of a column of states: its key and PON.
    #[must_use]
    pub fn first_up(&self, table: usize, oid: &Oid, rows: &[RawRow], joins: &Joins) -> Option<(OnuKey, Option<PonId>)> {
        let raw = RawColumn { oid: oid.clone(), rows: rows.iter().cloned().collect(), complete: true };
        let decoded = self.decode(SweepKind::State, &[RawTable { table, columns: vec![raw] }], joins);
        let up = decoded.onus.into_iter().find(|onu| onu.state == Ok(OnuState::Up))?;
        Some((up.key, up.pon))
    }

    /// Judges every column of the profile by the rows that were sampled of it.
    #[must_use]
    pub fn judge(&self, heard: &BTreeMap<(usize, Oid), Heard>, joins: &Joins) -> Proof {
        let mut proof = Proof::default();
        for (table, spec) in self.tables.iter().enumerate() {
            for column in &spec.columns {
                let given = oid_of(column).and_then(|oid| heard.get(&(table, oid.clone())));
                let (answer, sample) = match (&column.source, given) {
                    (Source::Index(_), _) => (Answer::PartOfIndex, None),
                    (Source::Oid(_), None) => (Answer::NotAsked, None),
                    (Source::Oid(_), Some(Heard { failed: Some(why), rows })) if rows.is_empty() => {
                        (Answer::Failed(why.clone()), None)
                    }
                    (Source::Oid(_), Some(given)) => {
                        let rows = |oid: &Oid| {
                            heard.get(&(table, oid.clone())).map_or_else(Vec::new, |heard| heard.rows.clone())
                        };
                        // The whole sample decides on the scale, as the whole column does in a sweep.
                        let raw = column.oids().map(|oid| RawColumn {
                            oid: oid.clone(),
                            rows: rows(oid).into_iter().collect(),
                            complete: true,
                        });
                        let raw = RawTable { table, columns: raw.collect() };
                        self.judge_column(spec, column, raw, &given.rows, joins)
                    }
                };
                proof.columns.push(ColumnProof {
                    table,
                    rows: spec.rows,
                    group: spec.group.clone(),
                    field: column.field,
                    sweep: column.sweep,
                    object: column.object.clone(),
                    confidence: column.confidence,
                    oid: oid_of(column).cloned(),
                    answer,
                    sample,
                });
            }
        }
        proof.settle_shared_columns();
        proof
    }

    /// `raw` is the column, and the one that its texts end in, where there is one; `rows` are those of the first.
    fn judge_column(
        &self,
        spec: &Table,
        column: &Column,
        raw: RawTable,
        rows: &[RawRow],
        joins: &Joins,
    ) -> (Answer, Option<Sample>) {
        let decoded = self.decode(column.sweep, &[raw], joins);
        let mut samples: Vec<(Weight, Sample)> = Vec::new();
        for (index, value) in rows {
            let fields = self.fields_at(spec, index, joins);
            let named = fields.as_ref().and_then(|fields| self.named(spec, fields));
            let (weight, place, means) = match named {
                Some(Named::Onu(key)) => match decoded.onus.iter().find(|onu| onu.key == key) {
                    Some(onu) => {
                        let means = onu_value(onu, column.field);
                        (Weight::of(column.field, &means), place(onu), means)
                    }
                    None => (Weight::Against, None, Err(Unread::Malformed)),
                },
                Some(Named::Pon(pon)) => {
                    let reading = decoded.pons.iter().find(|reading| reading.pon == pon);
                    let means = reading.map_or(Err(Unread::NotAsked), |reading| pon_value(reading, column.field));
                    (Weight::of(column.field, &means), Some(pon.to_string()), means)
                }
                // Tables of interfaces hold others too.
                None if spec.rows == Rows::Pon || spec.mixed => continue,
                None => (Weight::Against, None, Err(Unread::Malformed)),
            };
            samples.push((weight, Sample { index: index.clone(), place, value: value.clone(), means }));
        }
        let count = |wanted: Weight| samples.iter().filter(|(weight, _)| *weight == wanted).count();
        let answer = match (count(Weight::For), count(Weight::Against)) {
            _ if samples.is_empty() => Answer::Nothing,
            (0, 0) => Answer::NoValue,
            (plausible, against) if plausible >= against => Answer::Proved,
            _ => Answer::Contradicts,
        };
        let telling = if answer == Answer::Contradicts { Weight::Against } else { Weight::For };
        let chosen = samples.iter().position(|(weight, _)| *weight == telling).unwrap_or(0);
        let sample = (chosen < samples.len()).then(|| samples.swap_remove(chosen).1);
        (answer, sample)
    }

    /// What a row is of, or `None` when its fields do not say.
    fn named(&self, spec: &Table, fields: &Fields) -> Option<Named> {
        let mut numbers = Vec::new();
        if !is_named(self, spec, fields, &mut numbers) {
            return None;
        }
        match spec.rows {
            Rows::Onu => Some(Named::Onu(OnuKey::new(&numbers))),
            Rows::Pon => self.pon_of(fields).map(Named::Pon),
        }
    }
}

/// What was heard of a column.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Its sampled rows.
    pub rows: Vec<RawRow>,
    /// Why there are not more.
    pub failed: Option<String>,
}

enum Named {
    Onu(OnuKey),
    Pon(PonId),
}

/// Whether a value speaks for the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    For,
    Neither,
    Against,
}

impl Weight {
    fn of(field: FieldName, means: &Field<String>) -> Self {
        match means {
            Ok(_) => Self::For,
            Err(Unread::Implausible | Unread::Malformed) => Self::Against,
            // Causes are open lists, states are not.
            Err(Unread::UnknownValue(_)) if field == FieldName::State => Self::Against,
            Err(_) => Self::Neither,
        }
    }
}

fn oid_of(column: &Column) -> Option<&Oid> {
    match &column.source {
        Source::Oid(oid) => Some(oid),
        Source::Index(_) => None,
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

fn told<T: ToString>(field: &Field<T>) -> Field<String> {
    field.as_ref().map(ToString::to_string).map_err(|why| *why)
}

fn known<T: ToString>(value: Option<T>) -> Field<String> {
    value.map(|value| value.to_string()).ok_or(Unread::NoValue)
}

fn onu_value(reading: &Reading, field: FieldName) -> Field<String> {
    match field {
        FieldName::Serial => told(&reading.serial),
        FieldName::Mac => told(&reading.mac),
        FieldName::Name => told(&reading.name),
        FieldName::Pon => known(reading.pon),
        FieldName::Onu => known(reading.onu),
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
        FieldName::Onus => Err(Unread::NotAsked),
    }
}

fn pon_value(reading: &PonReading, field: FieldName) -> Field<String> {
    match field {
        FieldName::Name => reading.name.as_ref().map(ToString::to_string).ok_or(Unread::NoValue),
        FieldName::State => told(&reading.state),
        FieldName::Tx => told(&reading.tx),
        FieldName::Onus => told(&reading.onus),
        _ => Err(Unread::NotAsked),
    }
}
