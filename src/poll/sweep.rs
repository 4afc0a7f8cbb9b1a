//! One sweep: which requests it takes, and what their answers become.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::account::{Meter, What};
use super::connect::{Poller, SYS_UP_TIME};
use super::reach::{Pieces, Reach, RowRange, is_asked};
use super::{Identity, PollError};
use crate::mib::{Decoded, Profile, RawColumn, RawTable, ReadMode, Rows, TableRead, UnknownValue};
use crate::model::{Completeness, Gap, Reading, Sweep, SweepKind, SweepScope, Timestamp};
use crate::snmp::{Oid, Plan, Rows as ReadRows, Session, SnmpError, Value, Walk, Walked};

/// Most rows of one column; the largest OLTs have some 65,000 ONUs.
const MAX_ROWS: usize = 200_000;

/// A sweep, and the numbers that its profile did not know.
#[derive(Debug, Clone)]
pub(super) struct Swept {
    pub(super) sweep: Sweep,
    pub(super) unknown_values: Vec<UnknownValue>,
}

impl Poller {
    /// Reads the OLT once and merges what it said. `at` is the time that the sweep is given.
    ///
    /// # Errors
    /// [`PollError`] when nothing was read at all; what was read before the OLT fell silent is a partial sweep.
    pub async fn sweep(&mut self, kind: SweepKind, at: Timestamp) -> Result<Sweep, PollError> {
        self.sweep_within(kind, &Reach::WHOLE, at).await
    }

    /// One sweep of this kind as the schedule makes it: optics in slices. Gives what each said.
    ///
    /// # Errors
    /// As [`Self::sweep`]; slices that were read before the OLT fell silent are lost.
    pub async fn round(&mut self, kind: SweepKind, at: Timestamp) -> Result<Vec<Sweep>, PollError> {
        self.contact().await?;
        self.begin_account(kind);
        let slices = self.slices(kind);
        let mut sweeps = Vec::with_capacity(slices.len());
        for reach in &slices {
            sweeps.push(self.sweep_within(kind, reach, at).await?);
        }
        Ok(sweeps)
    }

    /// As [`Self::sweep`], of a part of the OLT. Where the family's tables cannot be cut it is the whole all the same, and
    /// the sweep says so.
    pub(super) async fn sweep_within(
        &mut self,
        kind: SweepKind,
        reach: &Reach,
        at: Timestamp,
    ) -> Result<Sweep, PollError> {
        let read = match self.contact().await {
            Ok(()) => self.read(kind, reach, at).await,
            Err(error) => Err(error),
        };
        // Anything but silence is a sign of life.
        self.silent = read.as_ref().is_err_and(PollError::is_silence);
        let swept = read?;
        for unknown in &swept.unknown_values {
            tracing::info!(
                olt = %self.olt.name, object = unknown.object, value = unknown.raw, rows = unknown.count,
                "the profile does not know this value"
            );
        }
        Ok(swept.sweep)
    }

    async fn read(&mut self, kind: SweepKind, reach: &Reach, at: Timestamp) -> Result<Swept, PollError> {
        let (Some(Identity { profile, .. }), Some(session)) = (self.identity.clone(), self.session.clone()) else {
            // `sweep` has just seen to both.
            return Err(PollError::NotAnAgent { missing: "sysObjectID" });
        };
        let whole = reach.scope.is_whole() || !self.can_cut(kind);
        let reach = if whole { &Reach::WHOLE } else { reach };
        let started = Instant::now();
        let before = session.counters().sent;
        let meter = Meter::start(&session);
        // One cheap request first: it tells of a reboot, and spares a silent OLT the rest.
        let uptime = session.get(&[Oid::new(&SYS_UP_TIME)]).await?;
        let uptime = uptime.first().and_then(|answer| match answer.value {
            Value::TimeTicks(ticks) => Some(Duration::from_millis(u64::from(ticks) * 10)),
            _ => None,
        });
        self.note(kind, What::Contact, &meter, &session);
        let mut gaps = Gaps::default();
        if kind == SweepKind::Inventory || !self.joins_read {
            self.read_joins(&profile, &session, &mut gaps).await;
        }
        let mut tables = Vec::new();
        for read in profile.reads(kind) {
            if read.rows == Rows::Onu || reach.ports {
                let meter = Meter::start(&session);
                let raw = self.read_table(&profile, &session, kind, &reach.scope, &read, &mut gaps).await;
                self.note(kind, What::Table(read.table), &meter, &session);
                self.note_table(kind, &raw);
                tables.push(raw);
            }
        }
        let Decoded { onus, pons, gaps: undecoded, unknown_values } = profile.decode(kind, &tables, &self.joins);
        gaps.list.extend(undecoded);
        let mut sweep = Sweep {
            olt: self.olt.name.clone(),
            kind,
            scope: reach.scope.clone(),
            started: at,
            elapsed: started.elapsed(),
            completeness: if gaps.list.is_empty() { Completeness::Complete } else { Completeness::Partial(gaps.list) },
            uptime,
            boots: session.counters().engine_boots,
            pons,
            onus,
            pdus: session.counters().sent.saturating_sub(before),
        };
        self.strangers = self.view.has_strangers(&sweep);
        self.view.doubt(&mut sweep);
        self.view.merge(&sweep);
        Ok(Swept { sweep, unknown_values })
    }

    async fn read_joins(&mut self, profile: &Profile, session: &Session, gaps: &mut Gaps) {
        let mut all = true;
        let mut done: Vec<Oid> = Vec::new();
        let joins = profile.join_reads();
        for join in &joins {
            if gaps.silent {
                return;
            }
            if done.contains(&join.column) {
                continue;
            }
            done.push(join.column.clone());
            let meter = Meter::start(session);
            // Several joins may read one column differently; it is walked once.
            let readers = || joins.iter().filter(|other| other.column == join.column);
            let walked = session.walk(&walk(vec![join.column.clone()], Vec::new(), join.stop_before.clone())).await;
            self.note(SweepKind::Inventory, What::Join(join.join), &meter, session);
            for column in walked.columns {
                match column.end {
                    Ok(()) => {
                        self.note_rows(SweepKind::Inventory, What::Join(join.join), &join.column, &column.rows);
                        readers().for_each(|join| self.joins.set(profile, join.join, &column.rows));
                    }
                    Err(error) => {
                        // What the join said before is better than half of what it says now.
                        all = false;
                        gaps.add(&join.object, &error);
                    }
                }
            }
        }
        self.joins_read = all;
    }

    async fn read_table(
        &mut self,
        profile: &Profile,
        session: &Session,
        kind: SweepKind,
        scope: &SweepScope,
        read: &TableRead,
        gaps: &mut Gaps,
    ) -> RawTable {
        if profile.is_absent(read.table, &self.joins) {
            return RawTable { table: read.table, columns: Vec::new() };
        }
        // How many numbers at the head of an index name the PON.
        let pon_numbers = self
            .view
            .onus()
            .find_map(|onu| profile.pon_prefix(read.table, &onu.key, onu.pon))
            .map_or(0, |pon| pon.len());
        match read.mode {
            ReadMode::GetUp => self.get_rows(profile, session, scope, read, gaps).await,
            ReadMode::Walk | ReadMode::WalkByPon if !scope.is_whole() && read.rows == Rows::Onu => {
                match self.pieces(profile, kind, read, scope) {
                    Some(Pieces::Prefixes(prefixes)) => walk_into(session, read, &prefixes, gaps).await,
                    Some(Pieces::Ranges(ranges)) => walk_ranges(session, read, &ranges, gaps).await,
                    // `read` has seen to it that there are some.
                    None => finished(read, empty_columns(read)),
                }
            }
            ReadMode::Walk => {
                let plan = self.plans.get(&read.table).cloned();
                let plan = plan.unwrap_or_else(|| self.first_plan(profile, session, read, pon_numbers));
                let (raw, plan) = walk_whole(session, read, &plan, pon_numbers, gaps).await;
                if let Some(plan) = plan {
                    self.plans.insert(read.table, plan);
                }
                raw
            }
            ReadMode::WalkByPon => {
                let prefixes = self.pon_prefixes(profile, kind, read);
                // Where no join lists PONs, the whole table is walked to find out who is there; but not for levels
                // when all are down.
                let nobody = kind == SweepKind::Optics && self.view.onu_count() > 0;
                let prefixes = if prefixes.is_empty() && !nobody { vec![Vec::new()] } else { prefixes };
                walk_into(session, read, &prefixes, gaps).await
            }
        }
    }

    /// Where to cut a table that was never walked: by the ONUs that other tables have shown, else by the PONs that
    /// joins list.
    fn first_plan(&self, profile: &Profile, session: &Session, read: &TableRead, pon_numbers: usize) -> Plan {
        let window = session.window();
        if window < 2 || read.rows != Rows::Onu {
            return Plan::default();
        }
        let row = |onu: &Reading| profile.row_index(read.table, &onu.key, onu.pon);
        let mut rows: Vec<Vec<u32>> = self.view.onus().filter_map(row).collect();
        rows.sort_unstable();
        if rows.is_empty() {
            return Plan::at_pons(&profile.listed_pons(read.table, &self.joins), window.saturating_mul(2));
        }
        Plan::of_rows(&rows, pon_numbers, window)
    }

    /// What the indexes of the PONs begin with that joins list, or on which ONUs are known; sorted.
    pub(super) fn pon_prefixes(&self, profile: &Profile, kind: SweepKind, read: &TableRead) -> Vec<Vec<u32>> {
        let mut prefixes: BTreeSet<Vec<u32>> = profile.listed_pons(read.table, &self.joins).into_iter().collect();
        if prefixes.is_empty() && kind == SweepKind::Inventory {
            return Vec::new(); // else ONUs on a new PON would never be found
        }
        if kind == SweepKind::Optics {
            // Only where an ONU is not down: the others have no light, and asking for it costs the OLT time.
            prefixes.clear();
        }
        let is_row = |onu: &&Reading| {
            let index = profile.row_index(read.table, &onu.key, onu.pon);
            index.is_none_or(|index| profile.is_row(read.table, &index, &self.joins))
        };
        let asked = self.view.onus().filter(|onu| is_asked(kind, onu)).filter(is_row);
        let known = asked.filter_map(|onu| profile.pon_prefix(read.table, &onu.key, onu.pon));
        prefixes.extend(known);
        prefixes.into_iter().collect()
    }

    /// Rows of ONUs that are up, with GET. An ONU whose state is not known is asked too.
    async fn get_rows(
        &self,
        profile: &Profile,
        session: &Session,
        scope: &SweepScope,
        read: &TableRead,
        gaps: &mut Gaps,
    ) -> RawTable {
        let indexes: Vec<Vec<u32>> = self
            .view
            .onus()
            .filter(|onu| scope.covers(onu.pon) && is_asked(SweepKind::Optics, onu))
            .filter_map(|onu| profile.row_index(read.table, &onu.key, onu.pon))
            .filter(|index| profile.is_row(read.table, index, &self.joins))
            .collect();
        let rows_per_get = (profile.defaults().get_varbinds / read.columns.len().max(1)).max(1);
        let mut cells: BTreeMap<&Oid, Vec<_>> = read.columns.iter().map(|oid| (oid, Vec::new())).collect();
        for batch in indexes.chunks(rows_per_get) {
            if gaps.silent {
                break;
            }
            let asked: Vec<Oid> =
                batch.iter().flat_map(|index| read.columns.iter().map(|column| column.child(index))).collect();
            match session.get(&asked).await {
                Ok(answers) => {
                    for answer in answers {
                        for (oid, cells) in &mut cells {
                            if let Some(index) = answer.oid.suffix_of(oid) {
                                cells.push((Box::from(index), answer.value.clone()));
                            }
                        }
                    }
                }
                Err(error) => gaps.add(&read.object, &error),
            }
        }
        let complete = !gaps.list.iter().any(|gap| *gap.what == *read.object) && !gaps.silent;
        let column =
            |(oid, cells): (&Oid, Vec<_>)| RawColumn { oid: oid.clone(), rows: cells.into_iter().collect(), complete };
        let columns = cells.into_iter().map(column).collect();
        RawTable { table: read.table, columns }
    }
}

/// What is missing, and whether the OLT has fallen silent so that asking on would only make it worse.
#[derive(Debug, Default)]
struct Gaps {
    list: Vec<Gap>,
    silent: bool,
}

impl Gaps {
    fn add(&mut self, what: &str, error: &SnmpError) {
        self.silent |= error.is_silence();
        self.list.push(Gap { what: what.into(), why: error.to_string().into() });
    }
}

fn walk(columns: Vec<Oid>, within: Vec<u32>, stop_before: Option<Vec<u32>>) -> Walk {
    Walk { columns, within, stop_before, max_rows: MAX_ROWS, max_repetitions: None }
}

/// Walks a table in parts that go side by side, as far as its rows are known; and how to cut it the next time, when
/// all of it was read.
async fn walk_whole(
    session: &Session,
    read: &TableRead,
    plan: &Plan,
    pon_numbers: usize,
    gaps: &mut Gaps,
) -> (RawTable, Option<Plan>) {
    let mut columns = empty_columns(read);
    let walk = walk(read.columns.clone(), Vec::new(), read.stop_before.clone());
    let walked = session.walk_by(&walk, plan).await;
    let next = walked.is_complete().then(|| Plan::of(&walked, pon_numbers, session.window()));
    take(&mut columns, walked, read, gaps);
    (finished(read, columns), next)
}

/// Walks a table's columns within each prefix.
async fn walk_into(session: &Session, read: &TableRead, prefixes: &[Vec<u32>], gaps: &mut Gaps) -> RawTable {
    let mut columns = empty_columns(read);
    for prefix in prefixes {
        if gaps.silent {
            columns.iter_mut().for_each(|column| column.complete = false);
            break;
        }
        let walked = session.walk(&walk(read.columns.clone(), prefix.clone(), read.stop_before.clone())).await;
        take(&mut columns, walked, read, gaps);
    }
    finished(read, columns)
}

/// Walks ranges of a table's rows.
async fn walk_ranges(session: &Session, read: &TableRead, ranges: &[RowRange], gaps: &mut Gaps) -> RawTable {
    let mut columns = empty_columns(read);
    let walk = walk(read.columns.clone(), Vec::new(), read.stop_before.clone());
    for range in ranges {
        if gaps.silent {
            columns.iter_mut().for_each(|column| column.complete = false);
            break;
        }
        let plan = Plan::range(range.after.clone(), range.until.clone(), range.rows);
        take(&mut columns, session.walk_by(&walk, &plan).await, read, gaps);
    }
    finished(read, columns)
}

fn empty_columns(read: &TableRead) -> Vec<RawColumn> {
    read.columns.iter().map(|oid| RawColumn { oid: oid.clone(), rows: ReadRows::new(), complete: true }).collect()
}

/// Adds what a walk gave; its first error becomes a gap.
fn take(columns: &mut [RawColumn], walked: Walked, read: &TableRead, gaps: &mut Gaps) {
    let mut failed: Option<SnmpError> = None;
    for part in walked.columns {
        if let Some(column) = columns.iter_mut().find(|column| column.oid == part.column) {
            column.rows.absorb(part.rows);
            if let Err(error) = part.end {
                column.complete = false;
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failed {
        gaps.add(&read.object, &error);
    }
}

fn finished(read: &TableRead, columns: Vec<RawColumn>) -> RawTable {
    if read.rows == Rows::Onu {
        for column in columns.iter().filter(|column| column.rows.is_empty() && column.complete) {
            tracing::debug!(object = read.object, column = %column.oid, "the column gave no row");
        }
    }
    RawTable { table: read.table, columns }
}
