//! Asks an OLT for the self-test of a profile: a few rows of each column, and of an ONU that is up where one is found
//! soon. Few requests, each within what the family bears.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mib::{Heard, Joins, Profile, Proof, ProofTable, RawRow, Rows};
use crate::model::{OnuKey, PonId};
use crate::snmp::{Oid, Session, SnmpError, Value, VarBind, Walk};

/// After so many requests in a row without any answer, the rest is left alone.
const SILENT_IN_A_ROW: u32 = 2;
/// States that are looked at to find an ONU that is up.
const STATES: usize = 16;
/// Rows that are looked at where no ONU is known to be up.
const MORE: usize = 4;
/// Rows that are looked at of a table in which they stand among others.
const NAMED: usize = 2;
/// Rows of a join that is looked up by its values.
const JOIN_ROWS: usize = 1_000;
/// The same where nobody waits for anything else.
const THOROUGH_JOIN_ROWS: usize = 5_000;

/// How a profile is proved.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Every column by a request of its own, with what other kinds of PONs have, and PON ports whatever it takes; so that
    /// a person sees what answers and how fast. Else as few requests as it takes to know the family.
    pub thorough: bool,
    /// Before each request, so that the governor does not hold it back and its time is the OLT's own.
    pub pause: Duration,
}

impl Style {
    /// As few requests as it takes to know the family.
    pub const BRIEF: Self = Self { thorough: false, pause: Duration::ZERO };
}

/// A proof, and what it took.
#[derive(Debug, Clone, Default)]
pub struct Proved {
    /// The proof.
    pub proof: Proof,
    /// How long the OLT took for the first row of each column, where they were asked for one by one.
    pub took: BTreeMap<Oid, Duration>,
    /// How long all of it took.
    pub elapsed: Duration,
    /// Requests that were sent for it, retries included.
    pub pdus: u64,
}

/// Proves a profile. `tell` hears what is asked for next. Never fails: what does not answer is no proof.
pub async fn prove(session: &Session, profile: &Profile, style: Style, tell: &(dyn Fn(&str) + Sync)) -> Proved {
    let started = Instant::now();
    let before = session.counters().sent;
    let mut work = Work {
        session,
        profile,
        style,
        heard: BTreeMap::new(),
        joins: Joins::default(),
        join_rows: BTreeMap::new(),
        took: BTreeMap::new(),
        up: None,
        onus_seen: false,
        read_whole: Vec::new(),
        scanned: BTreeMap::new(),
        silent: 0,
    };
    let tables = profile.proof_tables();
    for table in &tables {
        if work.is_silent() {
            break;
        }
        // What another card of the chassis would have is not asked for where there are ONUs already.
        if table.kind.is_some() && work.onus_seen && !style.thorough {
            continue;
        }
        tell(&table.object);
        work.table(table).await;
    }
    let mut proof = profile.judge(&work.heard, &work.joins);
    proof.broke_off = work.is_silent();
    let pdus = session.counters().sent.saturating_sub(before);
    Proved { proof, took: work.took, elapsed: started.elapsed(), pdus }
}

struct Work<'a> {
    session: &'a Session,
    profile: &'a Profile,
    style: Style,
    heard: BTreeMap<(usize, Oid), Heard>,
    joins: Joins,
    join_rows: BTreeMap<usize, Vec<RawRow>>,
    took: BTreeMap<Oid, Duration>,
    /// An ONU that is up: only such a one has levels.
    up: Option<(OnuKey, Option<PonId>)>,
    onus_seen: bool,
    /// Joins that need not be read again.
    read_whole: Vec<usize>,
    /// Columns that were looked through for a table's own rows.
    scanned: BTreeMap<Oid, Vec<RawRow>>,
    silent: u32,
}

impl Work<'_> {
    const fn is_silent(&self) -> bool {
        self.silent >= SILENT_IN_A_ROW
    }

    fn has_rows(&self, table: &ProofTable) -> bool {
        let heard = |oid: &Oid| self.heard.get(&(table.table, oid.clone()));
        table.oids.iter().filter_map(heard).any(|heard| !heard.rows.is_empty())
    }

    async fn table(&mut self, table: &ProofTable) {
        self.first_rows(table).await;
        if !self.has_rows(table) || self.is_silent() {
            return;
        }
        self.look_up_rows(table).await;
        if table.mixed {
            self.own_rows(table).await;
        }
        if table.rows == Rows::Pon {
            return;
        }
        self.onus_seen = self.onus_seen || !table.mixed || self.names_something(table);
        if table.has_state && self.up.is_none() {
            self.find_up(table).await;
        }
        let up = self.up.as_ref().map(|(key, pon)| self.profile.row_index(table.table, key, *pon));
        match up {
            Some(Some(row)) => self.row(table, &row).await,
            Some(None) => {}
            None if table.mixed => {}
            // Nobody is known to be up: the next rows may say what the first one does not.
            None => self.more_rows(table).await,
        }
        self.look_up_rows(table).await;
    }

    /// The next rows of all columns that have any.
    async fn more_rows(&mut self, table: &ProofTable) {
        let has_rows =
            |oid: &&Oid| self.heard.get(&(table.table, (*oid).clone())).is_some_and(|heard| !heard.rows.is_empty());
        let columns: Vec<Oid> = table.oids.iter().filter(has_rows).cloned().collect();
        let walked = self.session.walk(&walk(columns, MORE, table.stop_before.clone())).await;
        for column in walked.columns {
            let silence = column.end.as_ref().is_err_and(SnmpError::is_silence);
            if let Some(heard) = self.heard.get_mut(&(table.table, column.column)) {
                let first = heard.rows.first().map(|(index, _)| index.clone());
                heard.rows.extend(column.rows.iter().filter(|(index, _)| Some(index) != first.as_ref()));
            }
            if silence {
                self.silent = self.silent.saturating_add(1);
                return;
            }
        }
    }

    fn names_something(&self, table: &ProofTable) -> bool {
        let heard = |oid: &Oid| self.heard.get(&(table.table, oid.clone()));
        let mut rows = table.oids.iter().filter_map(heard).flat_map(|heard| &heard.rows);
        rows.any(|(index, _)| self.profile.is_named(table.table, index, &self.joins))
    }

    /// The first row of each column.
    async fn first_rows(&mut self, table: &ProofTable) {
        let at_once = if self.style.thorough { 1 } else { table.oids.len().max(1) };
        for oids in table.oids.chunks(at_once) {
            if self.is_silent() {
                return;
            }
            // Several tables may read one column.
            if let [oid] = oids
                && let Some(heard) =
                    self.heard.iter().find(|((_, other), _)| other == oid).map(|(_, heard)| heard.clone())
            {
                self.heard.insert((table.table, oid.clone()), heard);
                continue;
            }
            tokio::time::sleep(self.style.pause).await;
            let started = Instant::now();
            let answers = self.session.get_next(oids).await;
            if let [oid] = oids {
                self.took.insert(oid.clone(), started.elapsed());
            }
            match self.listen(answers) {
                Ok(rows) => {
                    for (oid, row) in oids.iter().zip(rows) {
                        let heard = self.heard.entry((table.table, oid.clone())).or_default();
                        heard.rows.extend(row_of(table, oid, &row));
                    }
                }
                Err(error) => {
                    for oid in oids {
                        let heard = self.heard.entry((table.table, oid.clone())).or_default();
                        heard.failed = Some(error.to_string());
                    }
                }
            }
        }
    }

    /// Notes whether the OLT is still there.
    fn listen(&mut self, answers: Result<Vec<VarBind>, SnmpError>) -> Result<Vec<VarBind>, SnmpError> {
        let silence = answers.as_ref().is_err_and(SnmpError::is_silence);
        self.silent = if silence { self.silent.saturating_add(1) } else { 0 };
        answers
    }

    /// Looks for an ONU that is up, so that its levels are asked for and not those of one without light.
    async fn find_up(&mut self, table: &ProofTable) {
        for oid in &table.oids {
            let Some(first) = self.heard.get(&(table.table, oid.clone())) else { continue };
            self.up = self.profile.first_up(table.table, oid, &first.rows, &self.joins);
            if self.up.is_some() {
                return;
            }
        }
        for oid in &table.oids {
            let is_known = self.heard.get(&(table.table, oid.clone())).is_some_and(|heard| !heard.rows.is_empty());
            if !is_known || self.is_silent() {
                continue;
            }
            let states = self.walk(oid, STATES, table.stop_before.clone()).await;
            self.understand(table.table, states.iter().map(|(index, _)| &**index)).await;
            self.up = self.profile.first_up(table.table, oid, &states, &self.joins);
            if self.up.is_some() {
                return;
            }
        }
    }

    /// A row of all columns of a table.
    async fn row(&mut self, table: &ProofTable, index: &[u32]) {
        let asked = |oid: &&Oid| {
            let heard = self.heard.get(&(table.table, (*oid).clone()));
            heard.is_some_and(|heard| !heard.rows.is_empty() && heard.rows.iter().all(|(row, _)| **row != *index))
        };
        let oids: Vec<Oid> = table.oids.iter().filter(asked).cloned().collect();
        if oids.is_empty() {
            return;
        }
        let rows: Vec<Oid> = oids.iter().map(|oid| oid.child(index)).collect();
        tokio::time::sleep(self.style.pause).await;
        let answers = self.session.get(&rows).await;
        let Ok(answers) = self.listen(answers) else { return };
        for (oid, answer) in oids.iter().zip(answers) {
            if !answer.value.is_exception()
                && let Some(heard) = self.heard.get_mut(&(table.table, oid.clone()))
            {
                heard.rows.push((index.into(), answer.value));
            }
        }
    }

    /// Tables of interfaces begin with uplinks: their own rows are those that joins name. To find those, joins are read
    /// whole where it matters: for ONUs, and for PON ports where nothing else can prove the profile.
    async fn own_rows(&mut self, table: &ProofTable) {
        if self.names_something(table) {
            return;
        }
        let named = |work: &Self| work.profile.named_rows(table.table, &work.joins, NAMED);
        let mut rows = named(self);
        let matters = table.rows == Rows::Onu || !self.onus_seen || self.style.thorough;
        if rows.is_empty() && matters {
            let unread = |join: &usize| !self.read_whole.contains(join);
            let whole: Vec<usize> = self.profile.join_reads().iter().map(|join| join.join).filter(unread).collect();
            self.read_whole(&whole).await;
            rows = named(self);
        }
        if rows.is_empty() && matters {
            rows = self.scan(table).await;
        }
        for row in rows {
            if self.is_silent() {
                return;
            }
            self.row(table, &row).await;
        }
        self.look_up_rows(table).await;
    }

    /// Where no join names them, the table's own rows are looked for in a column; with one of an ONU that is up among them.
    async fn scan(&mut self, table: &ProofTable) -> Vec<Vec<u32>> {
        let Some(oid) = table.oids.first() else { return Vec::new() };
        if !self.scanned.contains_key(oid) {
            let most = if self.style.thorough { THOROUGH_JOIN_ROWS } else { JOIN_ROWS };
            let rows = self.walk(oid, most, table.stop_before.clone()).await;
            self.scanned.insert(oid.clone(), rows);
        }
        let Some(rows) = self.scanned.get(oid) else { return Vec::new() };
        if table.rows == Rows::Onu && self.up.is_none() {
            self.up = self.profile.first_up(table.table, oid, rows, &self.joins);
        }
        let own = rows.iter().filter(|(index, _)| self.profile.is_named(table.table, index, &self.joins));
        own.take(NAMED).map(|(index, _)| index.to_vec()).collect()
    }

    async fn look_up_rows(&mut self, table: &ProofTable) {
        let heard = |oid: &Oid| self.heard.get(&(table.table, oid.clone()));
        let mut indexes: Vec<Box<[u32]>> = Vec::new();
        for (index, _) in table.oids.iter().filter_map(heard).flat_map(|heard| &heard.rows) {
            if !indexes.contains(index) {
                indexes.push(index.clone());
            }
        }
        self.understand(table.table, indexes.iter().map(|index| &**index)).await;
    }

    /// Reads what the joins say of rows. A join may need what another one gives, so it is gone through twice.
    async fn understand<'i>(&mut self, table: usize, indexes: impl Iterator<Item = &'i [u32]> + Clone) {
        for _ in 0..2 {
            let (mut rows, mut whole): (Vec<(usize, Oid)>, Vec<usize>) = (Vec::new(), Vec::new());
            for index in indexes.clone() {
                let lookups = self.profile.lookups(table, index, &self.joins);
                rows.extend(lookups.rows.into_iter().filter(|(join, row)| !self.has_looked_up(*join, row)));
                whole.extend(lookups.whole);
            }
            if rows.is_empty() && whole.is_empty() || self.is_silent() {
                return;
            }
            self.read_whole(&whole).await;
            rows.retain(|(join, row)| !self.has_looked_up(*join, row));
            self.read_rows(&rows).await;
        }
    }

    fn has_looked_up(&self, join: usize, row: &Oid) -> bool {
        let column = self.profile.join_reads().into_iter().find(|read| read.join == join).map(|read| read.column);
        let index = column.as_ref().and_then(|column| row.suffix_of(column));
        let rows = self.join_rows.get(&join);
        rows.is_some_and(|rows| rows.iter().any(|(known, _)| Some(&**known) == index))
    }

    async fn read_rows(&mut self, rows: &[(usize, Oid)]) {
        let mut oids: Vec<Oid> = rows.iter().map(|(_, row)| row.clone()).collect();
        oids.sort();
        oids.dedup();
        if oids.is_empty() {
            return;
        }
        let answers = self.session.get(&oids).await;
        let Ok(answers) = self.listen(answers) else { return };
        for read in self.profile.join_reads() {
            let wanted = rows.iter().filter(|(join, _)| *join == read.join);
            let found = wanted.filter_map(|(_, row)| {
                let answer = answers.iter().find(|answer| answer.oid == *row)?;
                Some((row.suffix_of(&read.column)?.into(), answer.value.clone()))
            });
            let held = self.join_rows.entry(read.join).or_default();
            let before = held.len();
            held.extend(found);
            if held.len() > before {
                self.joins.set(self.profile, read.join, &held.iter().cloned().collect());
            }
        }
    }

    /// Reads joins whole, each column once.
    async fn read_whole(&mut self, joins: &[usize]) {
        let reads = self.profile.join_reads();
        let mut columns: Vec<Oid> = Vec::new();
        for read in reads.iter().filter(|read| joins.contains(&read.join)) {
            if !columns.contains(&read.column) {
                columns.push(read.column.clone());
            }
        }
        let most = if self.style.thorough { THOROUGH_JOIN_ROWS } else { JOIN_ROWS };
        for column in columns {
            if self.is_silent() {
                return;
            }
            let rows = self.walk(&column, most, None).await;
            for read in reads.iter().filter(|read| read.column == column) {
                self.joins.set(self.profile, read.join, &rows.iter().cloned().collect());
                self.join_rows.insert(read.join, rows.clone());
                self.read_whole.push(read.join);
            }
        }
    }

    /// The first rows of a column, at most so many.
    async fn walk(&mut self, column: &Oid, most: usize, stop_before: Option<Vec<u32>>) -> Vec<RawRow> {
        let walked = self.session.walk(&walk(vec![column.clone()], most, stop_before)).await;
        let Some(column) = walked.columns.into_iter().next() else { return Vec::new() };
        // A walk that comes to its bound ends with an error, and keeps its rows.
        self.silent =
            if column.end.as_ref().is_err_and(SnmpError::is_silence) { self.silent.saturating_add(1) } else { 0 };
        column.rows.iter().collect()
    }
}

/// The first rows of columns.
fn walk(columns: Vec<Oid>, most: usize, stop_before: Option<Vec<u32>>) -> Walk {
    // One more shows that there are more.
    let max_repetitions = u32::try_from(most.saturating_add(1)).ok();
    Walk { columns, within: Vec::new(), stop_before, max_rows: most, max_repetitions }
}

/// A column's row, if what came is one.
fn row_of(table: &ProofTable, column: &Oid, row: &VarBind) -> Option<RawRow> {
    let index = row.oid.suffix_of(column).filter(|index| !index.is_empty())?;
    let beyond = table.stop_before.as_deref().is_some_and(|stop| index >= stop);
    let is_row = !beyond && !row.value.is_exception() && !matches!(row.value, Value::Null);
    is_row.then(|| (index.into(), row.value.clone()))
}
