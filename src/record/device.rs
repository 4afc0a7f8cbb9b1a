//! Reads what an OLT shows into a file that a simulated OLT can serve, with nobody in it.
//!
//! Of a known family the tables of its profile, column by column, as gently as it is polled: PON by PON where whole walks
//! harm, and rows that are read live from ONUs only of those that are up. Of an unknown one its maker's subtree.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mask, RecordError, WalkFile};
use crate::mib::{Holds, Joins, Profile, RawColumn, RawRow, RawTable, ReadMode, TableRead};
use crate::model::{OnuState, SweepKind};
use crate::snmp::{Oid, Plan, Session, SnmpError, Walk};

const SYSTEM: [u32; 7] = [1, 3, 6, 1, 2, 1, 1];
/// sysDescr, sysObjectID, sysUpTime, sysContact, sysName, sysLocation, sysServices.
const SYSTEM_OBJECTS: u32 = 7;
/// Those of them that are texts of the operator's.
const OPERATORS: [u32; 3] = [4, 5, 6];
/// ifDescr, ifType, ifOperStatus, ifName: what a port is, and whether it is up.
const INTERFACES: [&[u32]; 4] = [
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 3],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1],
];
/// Rows that are read before they are written.
const AT_ONCE: usize = 500;
/// After so many columns in a row without any answer, the rest is left alone.
const SILENT_IN_A_ROW: u32 = 2;

/// What a recording of an OLT came to.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Rows in the file.
    pub rows: usize,
    /// What is missing, and why; empty when everything was read.
    pub gaps: Vec<String>,
}

/// What is recorded.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// The tables of a family, and what proves it.
    Family(&'a Profile, &'a [Oid]),
    /// Subtrees of an OLT of which nothing is known.
    Subtrees(&'a [Oid]),
}

/// Records an OLT, at most so many rows. `tell` hears what is read next.
///
/// # Errors
/// [`RecordError`] of the file alone; what the OLT does not answer is a gap.
pub async fn record_olt(
    session: &Session,
    subject: Subject<'_>,
    mut file: WalkFile,
    mask: Mask,
    limit: usize,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Recorded, RecordError> {
    file.note("what an OLT answered, with made-up serials, MACs, names and addresses")?;
    let mut work =
        Work { session, file, mask, limit, tell, profile: None, kept: BTreeMap::new(), gaps: Vec::new(), silent: 0 };
    work.system().await?;
    match subject {
        Subject::Family(profile, probes) => {
            work.profile = Some(profile);
            work.family(profile, probes).await?;
        }
        Subject::Subtrees(subtrees) => {
            for column in INTERFACES {
                work.column(&Oid::new(column), &[], None).await?;
            }
            for subtree in subtrees {
                work.column(subtree, &[], None).await?;
            }
        }
    }
    for gap in work.gaps.clone() {
        work.file.note(&gap)?;
    }
    let Work { file, gaps, .. } = work;
    Ok(Recorded { rows: file.end()?, gaps })
}

struct Work<'a> {
    session: &'a Session,
    file: WalkFile,
    mask: Mask,
    limit: usize,
    tell: &'a (dyn Fn(&str) + Sync),
    profile: Option<&'a Profile>,
    /// Rows as they were read, of columns by which it is decided what else is read.
    kept: BTreeMap<Oid, Vec<RawRow>>,
    gaps: Vec<String>,
    silent: u32,
}

impl Work<'_> {
    async fn system(&mut self) -> Result<(), RecordError> {
        let objects: Vec<Oid> = (1..=SYSTEM_OBJECTS).map(|object| Oid::new(&SYSTEM).child(&[object, 0])).collect();
        match self.session.get(&objects).await {
            Ok(answers) => {
                for (object, answer) in (1..).zip(answers) {
                    let value = match OPERATORS.contains(&object) {
                        true => self.mask.text(&answer.value),
                        false => self.mask.told(&answer.value),
                    };
                    self.file.row(&answer.oid, &value)?;
                }
            }
            Err(error) => self.gaps.push(format!("system: {error}")),
        }
        self.file.flush()
    }

    async fn family(&mut self, profile: &Profile, probes: &[Oid]) -> Result<(), RecordError> {
        let joins = profile.join_reads();
        // Joins first: they say which PONs there are.
        let mut columns: BTreeMap<Oid, Option<Vec<u32>>> =
            joins.iter().map(|join| (join.column.clone(), join.stop_before.clone())).collect();
        for column in INTERFACES {
            columns.entry(Oid::new(column)).or_default();
        }
        for (column, stop_before) in &columns {
            self.column(column, &[], stop_before.as_deref()).await?;
        }
        let mut known = Joins::default();
        for join in &joins {
            known.set(profile, join.join, &self.kept.get(&join.column).into_iter().flatten().cloned().collect());
        }
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            for read in profile.reads(kind).into_iter().filter(|read| read.mode != ReadMode::GetUp) {
                if profile.is_absent(read.table, &known) {
                    continue;
                }
                let mut within = match read.mode {
                    ReadMode::WalkByPon => profile.listed_pons(read.table, &known),
                    _ => Vec::new(),
                };
                if within.is_empty() {
                    within.push(Vec::new());
                }
                for column in
                    read.columns.iter().filter(|column| !self.kept.contains_key(*column)).cloned().collect::<Vec<_>>()
                {
                    for prefix in &within {
                        self.column(&column, prefix, read.stop_before.as_deref()).await?;
                    }
                }
            }
        }
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            for read in profile.reads(kind).into_iter().filter(|read| read.mode == ReadMode::GetUp) {
                if !profile.is_absent(read.table, &known) {
                    self.rows_of_up(profile, &read, &known).await?;
                }
            }
        }
        // What proves the family must be there too.
        for probe in probes {
            if self.is_over() {
                break;
            }
            if let Ok(rows) = self.session.get_next(std::slice::from_ref(probe)).await
                && let Some(row) = rows.first().filter(|row| row.oid.suffix_of(probe).is_some())
            {
                let value = self.mask.unknown(&row.value);
                self.file.row(&row.oid, &value)?;
            }
        }
        self.file.flush()
    }

    /// Rows that the OLT asks its ONUs for: of those that are up.
    async fn rows_of_up(&mut self, profile: &Profile, read: &TableRead, joins: &Joins) -> Result<(), RecordError> {
        let states = self.decoded_onus(profile, SweepKind::State, joins);
        let down: BTreeSet<_> =
            states.iter().filter(|onu| onu.state == Ok(OnuState::Down)).map(|onu| onu.key.clone()).collect();
        let mut onus = self.decoded_onus(profile, SweepKind::Inventory, joins);
        onus.extend(states);
        let mut indexes: BTreeSet<Vec<u32>> = BTreeSet::new();
        for onu in onus.iter().filter(|onu| !down.contains(&onu.key)) {
            indexes.extend(profile.row_index(read.table, &onu.key, onu.pon));
        }
        (self.tell)(&read.object);
        let rows_per_get = (profile.defaults().get_varbinds / read.columns.len().max(1)).max(1);
        let indexes: Vec<Vec<u32>> = indexes.into_iter().collect();
        for batch in indexes.chunks(rows_per_get) {
            if self.is_over() {
                return Ok(());
            }
            let asked: Vec<Oid> =
                batch.iter().flat_map(|index| read.columns.iter().map(|column| column.child(index))).collect();
            match self.session.get(&asked).await {
                Ok(answers) => {
                    self.silent = 0;
                    for answer in answers {
                        let column = read.columns.iter().find(|column| answer.oid.suffix_of(column).is_some());
                        if let Some(column) = column
                            && let Some(index) = answer.oid.suffix_of(column)
                        {
                            self.write(column, index, &answer.value)?;
                        }
                    }
                }
                Err(error) => self.failed(&read.object, &error),
            }
            self.file.flush()?;
        }
        Ok(())
    }

    fn decoded_onus(&self, profile: &Profile, kind: SweepKind, joins: &Joins) -> Vec<crate::model::Reading> {
        let column = |oid: &Oid| RawColumn {
            oid: oid.clone(),
            rows: self.kept.get(oid).into_iter().flatten().cloned().collect(),
            complete: true,
        };
        let tables: Vec<RawTable> = profile
            .reads(kind)
            .iter()
            .filter(|read| read.mode != ReadMode::GetUp)
            .map(|read| RawTable { table: read.table, columns: read.columns.iter().map(column).collect() })
            .collect();
        profile.decode(kind, &tables, joins).onus
    }

    /// A column, or a part of it, some rows at a time.
    async fn column(&mut self, column: &Oid, within: &[u32], stop_before: Option<&[u32]>) -> Result<(), RecordError> {
        (self.tell)(&column.to_string());
        let mut after: Option<Vec<u32>> = None;
        self.kept.entry(column.clone()).or_default();
        while !self.is_over() {
            let room = self.limit.saturating_sub(self.file.len()).min(AT_ONCE);
            let walk = Walk {
                columns: vec![column.clone()],
                within: within.to_vec(),
                stop_before: stop_before.map(<[u32]>::to_vec),
                max_rows: room,
                max_repetitions: None,
            };
            let walked = match after.take() {
                None => self.session.walk(&walk).await,
                Some(after) => {
                    let mut until = within.to_vec();
                    until.push(u32::MAX);
                    self.session.walk_by(&walk, &Plan::range(Some(after), until, room)).await
                }
            };
            let Some(read) = walked.columns.into_iter().next() else { return Ok(()) };
            let rows: Vec<RawRow> = read.rows.iter().collect();
            for (index, value) in &rows {
                self.write(column, index, value)?;
            }
            self.file.flush()?;
            let last = rows.last().map(|(index, _)| index.to_vec());
            if self.profile.is_some() {
                self.kept.entry(column.clone()).or_default().extend(rows);
            }
            match read.end {
                Ok(()) => {
                    self.silent = 0;
                    return Ok(());
                }
                // There are more.
                Err(SnmpError::Endless { .. }) if last.is_some() => after = last,
                Err(error) => {
                    self.failed(&column.to_string(), &error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn failed(&mut self, what: &str, error: &SnmpError) {
        self.silent = if error.is_silence() { self.silent.saturating_add(1) } else { 0 };
        self.gaps.push(format!("{what}: {error}"));
        if self.silent >= SILENT_IN_A_ROW {
            self.gaps.push("the OLT had fallen silent, so the rest was left alone".to_owned());
        }
    }

    /// Whether no more is to be read; that the bound is reached is told once.
    fn is_over(&mut self) -> bool {
        if self.file.len() >= self.limit {
            let told = format!("the bound of {} rows is reached: there may be more", self.limit);
            if !self.gaps.contains(&told) {
                self.gaps.push(told);
            }
            return true;
        }
        self.silent >= SILENT_IN_A_ROW
    }

    fn write(&mut self, column: &Oid, index: &[u32], value: &crate::snmp::Value) -> Result<(), RecordError> {
        let is_interface = INTERFACES.iter().any(|interface| *interface == column.arcs());
        let (index, value) = match self.profile {
            Some(profile) => {
                let holds = match profile.holds(column) {
                    Holds::Nothing if is_interface => Holds::Port(Vec::new()),
                    Holds::Name if is_interface => Holds::Port(Vec::new()),
                    holds => holds,
                };
                let mut masked = index.to_vec();
                for range in profile.octets_in_index(column, index) {
                    if let Some(octets) = index.get(range.clone()) {
                        masked.splice(range, self.mask.index(octets));
                    }
                }
                (masked, self.mask.value(&holds, value))
            }
            None if is_interface => (index.to_vec(), self.mask.value(&Holds::Port(Vec::new()), value)),
            None => (self.mask.unknown_index(index), self.mask.unknown(value)),
        };
        self.file.row(&column.child(&index), &value)
    }
}
