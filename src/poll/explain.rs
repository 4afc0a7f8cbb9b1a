//! The plan of an OLT's sweeps in numbers: what is read, how, and what that takes of the OLT and of the line. Pure: it
//! reckons from the profile, the limits, and the ONUs that are known.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::account::What;
use super::connect::{Poller, SYS_UP_TIME};
use super::reach::{Pieces, Reach, is_asked};
use crate::config;
use crate::mib::{ColumnInfo, JoinRead, Profile, ReadMode, Rows, TableRead};
use crate::model::{SweepKind, SweepScope};
use crate::snmp::{CellSize, Cost, Estimate, Oid, Target, Value};

/// Octets of a value, where no row of its column is known.
const VALUE_OCTETS: usize = 6;
/// Octets of an index, where no row is known.
const INDEX_OCTETS: usize = 6;

/// What an OLT is asked for, and what that takes.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The profile's name.
    pub profile: String,
    /// What the profile says of its limits.
    pub why: String,
    /// ONUs that are known.
    pub onus: usize,
    /// Of those, how many are asked for levels: they are not known to be down.
    pub asked: usize,
    /// PON ports that are known.
    pub pons: usize,
    /// Time from a request to its answer, where the OLT was asked.
    pub rtt_s: Option<f64>,
    /// The limits in force, and where each comes from.
    pub limits: Vec<Limit>,
    /// The sweeps: state, optics, inventory.
    pub sweeps: Vec<SweepPlan>,
    /// What all sweeps take together, on average.
    pub load: Load,
}

/// A limit in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limit {
    /// Its key in the config; durations in seconds.
    pub name: &'static str,
    /// `None` for no limit.
    pub value: Option<f64>,
    /// Who says so.
    pub from: Origin,
}

/// Who says what a limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The OLT's section of the config.
    Config,
    /// `[snmp]` of the config: over all OLTs together.
    ConfigForAll,
    /// The family's profile.
    Profile,
}

/// One kind of sweep.
#[derive(Debug, Clone, Serialize)]
pub struct SweepPlan {
    /// Which.
    pub sweep: SweepKind,
    /// From one to the next.
    pub every_s: f64,
    /// How many parts it is read in, spread over the interval.
    pub slices: usize,
    /// What it reads.
    pub reads: Vec<ReadPlan>,
    /// What that takes, as it is reckoned.
    pub expected: Cost,
    /// How long, at the pace that the limits allow.
    pub expected_s: f64,
    /// What the last one took; `None` when there was none.
    pub needed: Option<Cost>,
    /// How long the last one took.
    pub needed_s: Option<f64>,
}

/// One read of a sweep.
#[derive(Debug, Clone, Serialize)]
pub struct ReadPlan {
    /// The table's or the join's MIB object.
    pub object: String,
    /// What its rows are: `onu`, `pon`, `join` for a table that names what others number, `device`.
    pub rows_of: &'static str,
    /// `get`, `get-up`, `walk`, `walk-by-pon`.
    pub read: &'static str,
    /// Columns.
    pub columns: Vec<ColumnPlan>,
    /// Rows that are expected.
    pub rows: usize,
    /// Walks that it takes, a PON each where there are several.
    pub walks: usize,
    /// The most rows that one request asks for; for GETs, rows in a request.
    pub repetitions: u32,
    /// What it takes, as it is reckoned.
    pub expected: Cost,
    /// What it took the last time.
    pub needed: Option<Cost>,
}

/// One column.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnPlan {
    /// Its MIB object.
    pub object: String,
    /// Its OID.
    pub oid: String,
    /// The fields that it gives.
    pub fields: Vec<&'static str>,
    /// How sure that is: the least sure of its fields.
    pub confidence: &'static str,
}

/// What an OLT and the line to it bear on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Load {
    /// Requests a second.
    pub pdus_per_second: f64,
    /// Varbinds a second.
    pub values_per_second: f64,
    /// Octets a second to the OLT.
    pub octets_out_per_second: f64,
    /// Octets a second from it.
    pub octets_in_per_second: f64,
    /// The share of the time in which something is being read; above 1 the intervals cannot be held.
    pub busy: f64,
}

/// How a table is cut, and how many rows each piece has.
struct Cut {
    rows: Vec<usize>,
    knows_end: bool,
}

impl Poller {
    /// The plan of the sweeps that would follow. `None` before the family is known. `all` are the limits over all OLTs;
    /// the time is only passed on.
    #[must_use]
    pub fn explain(&self, all: &config::Snmp, now: Instant) -> Option<Explanation> {
        let profile = &self.identity.as_ref()?.profile;
        let target = self.target(profile);
        let mut estimate = Estimate::new(&target, &self.olt.credential, now);
        let rtt = self.session.as_ref().and_then(|session| session.counters().smoothed_rtt);
        let intervals = self.intervals();
        let mut sweeps = Vec::new();
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            let slices = self.slices(kind);
            let reads = self.read_plans(profile, kind, &slices, &mut estimate);
            let expected: Cost = reads.iter().map(|read| read.expected).sum();
            let account = self.account.as_ref();
            let took: Vec<_> = whats(profile, kind).filter_map(|what| account?.took(kind, what)).collect();
            let needed = (!took.is_empty()).then(|| took.iter().map(|took| took.cost).sum());
            let needed_s = (!took.is_empty()).then(|| took.iter().map(|took| took.elapsed.as_secs_f64()).sum());
            sweeps.push(SweepPlan {
                sweep: kind,
                every_s: intervals.of(kind).as_secs_f64(),
                slices: slices.len(),
                reads,
                expected,
                expected_s: seconds(&expected, &target, rtt),
                needed,
                needed_s,
            });
        }
        // The order of importance, in which the schedule has them too.
        sweeps.sort_by_key(|plan| SweepKind::ALL.iter().position(|kind| *kind == plan.sweep));
        Some(Explanation {
            profile: profile.name().to_owned(),
            why: profile.defaults().why.clone(),
            onus: self.view.onus().count(),
            asked: self.view.onus().filter(|onu| is_asked(SweepKind::Optics, onu)).count(),
            pons: self.pon_count(),
            rtt_s: rtt.map(|rtt| rtt.as_secs_f64()),
            limits: self.limits(profile, &target, all),
            load: load(&sweeps),
            sweeps,
        })
    }

    pub(super) fn slices(&self, kind: SweepKind) -> Vec<Reach> {
        if kind == SweepKind::Optics { self.optics_round(Duration::ZERO) } else { vec![Reach::WHOLE] }
    }

    fn pon_count(&self) -> usize {
        let mut pons: Vec<_> = self.view.pons().map(|pon| pon.pon).collect();
        pons.extend(self.view.onus().filter_map(|onu| onu.pon));
        pons.sort_unstable();
        pons.dedup();
        pons.len()
    }

    fn read_plans(
        &self,
        profile: &Profile,
        kind: SweepKind,
        slices: &[Reach],
        estimate: &mut Estimate,
    ) -> Vec<ReadPlan> {
        let took = |what| self.account.as_ref().and_then(|account| account.took(kind, what)).map(|took| took.cost);
        let uptime = Oid::new(&SYS_UP_TIME);
        let contact = CellSize::of(&uptime, &Value::TimeTicks(u32::MAX));
        let mut plans = vec![ReadPlan {
            object: "sysUpTime".to_owned(),
            rows_of: "device",
            read: "get",
            columns: vec![ColumnPlan {
                object: "sysUpTime.0".to_owned(),
                oid: uptime.to_string(),
                fields: Vec::new(),
                confidence: "A",
            }],
            rows: 1,
            walks: 0,
            repetitions: 1,
            expected: (0..slices.len()).map(|_| estimate.get(1, 1, contact)).sum(),
            needed: took(What::Contact),
        }];
        if kind == SweepKind::Inventory {
            plans.extend(joins(profile).map(|join| self.join_plan(&join, estimate, took(What::Join(join.join)))));
        }
        for read in profile.reads(kind).iter().filter(|read| !profile.is_absent(read.table, &self.joins)) {
            let needed = took(What::Table(read.table));
            plans.push(self.table_plan(profile, kind, read, slices, estimate, needed));
        }
        plans
    }

    fn join_plan(&self, join: &JoinRead, estimate: &mut Estimate, needed: Option<Cost>) -> ReadPlan {
        let held = self.account.as_ref().and_then(|account| account.held(SweepKind::Inventory, What::Join(join.join)));
        let rows = held.map_or(0, |held| held.rows);
        let cell = held.and_then(|held| held.cell).unwrap_or_else(|| unknown_cell(&join.column));
        let (expected, repetitions) = estimate.walk(std::slice::from_ref(&join.column), rows, cell, false);
        ReadPlan {
            object: join.object.clone(),
            rows_of: "join",
            read: "walk",
            columns: vec![ColumnPlan {
                object: join.object.clone(),
                oid: join.column.to_string(),
                fields: Vec::new(),
                confidence: "A",
            }],
            rows,
            walks: 1,
            repetitions,
            expected,
            needed,
        }
    }

    fn table_plan(
        &self,
        profile: &Profile,
        kind: SweepKind,
        read: &TableRead,
        slices: &[Reach],
        estimate: &mut Estimate,
        needed: Option<Cost>,
    ) -> ReadPlan {
        let held = self.account.as_ref().and_then(|account| account.held(kind, What::Table(read.table)));
        let first = read.columns.first().cloned().unwrap_or_else(|| Oid::new(&[]));
        let cell = held.and_then(|held| held.cell).unwrap_or_else(|| unknown_cell(&first));
        let cut = self.cut(profile, kind, read, slices, held.map(|held| held.rows));
        let rows: usize = cut.rows.iter().sum();
        let (mut expected, mut repetitions, mut walks) = (Cost::default(), 0, 0);
        if read.mode == ReadMode::GetUp {
            let rows_per_get = (profile.defaults().get_varbinds / read.columns.len().max(1)).max(1);
            for rows in &cut.rows {
                expected += estimate.get(rows * read.columns.len(), rows_per_get * read.columns.len(), cell);
            }
            repetitions = u32::try_from(rows_per_get).unwrap_or(u32::MAX);
        } else {
            for rows in &cut.rows {
                let (cost, most) = estimate.walk(&read.columns, *rows, cell, cut.knows_end);
                expected += cost;
                repetitions = repetitions.max(most);
            }
            walks = cut.rows.len();
        }
        ReadPlan {
            object: read.object.clone(),
            rows_of: match read.rows {
                Rows::Onu => "onu",
                Rows::Pon => "pon",
            },
            read: match read.mode {
                ReadMode::GetUp => "get-up",
                ReadMode::WalkByPon => "walk-by-pon",
                ReadMode::Walk if walks > 1 => "walk-by-pon",
                ReadMode::Walk => "walk",
            },
            columns: read.columns.iter().map(|oid| column_plan(profile, read.table, kind, oid)).collect(),
            rows,
            walks,
            repetitions,
            expected,
            needed,
        }
    }

    /// How a table is cut, as `sweep` does it.
    fn cut(&self, profile: &Profile, kind: SweepKind, read: &TableRead, slices: &[Reach], held: Option<usize>) -> Cut {
        let whole = |rows| Cut { rows: vec![rows], knows_end: false };
        if read.rows == Rows::Pon {
            return whole(held.unwrap_or_else(|| self.pon_count()));
        }
        let asked = |scope: &SweepScope| {
            let onus = self.view.onus().filter(|onu| scope.covers(onu.pon) && is_asked(SweepKind::Optics, onu));
            let index = onus.filter_map(|onu| profile.row_index(read.table, &onu.key, onu.pon));
            index.filter(|index| profile.is_row(read.table, index, &self.joins)).count()
        };
        let within = |prefixes: Vec<Vec<u32>>| {
            let mut rows: BTreeMap<Vec<u32>, usize> = prefixes.into_iter().map(|prefix| (prefix, 0)).collect();
            for onu in self.view.onus() {
                let prefix = profile.pon_prefix(read.table, &onu.key, onu.pon);
                if let Some(rows) = prefix.and_then(|prefix| rows.get_mut(&prefix)) {
                    *rows += 1;
                }
            }
            Cut { rows: rows.into_values().collect(), knows_end: false }
        };
        match read.mode {
            ReadMode::GetUp => Cut { rows: slices.iter().map(|slice| asked(&slice.scope)).collect(), knows_end: false },
            ReadMode::WalkByPon if slices.len() < 2 => match self.pon_prefixes(profile, kind, read) {
                prefixes if prefixes.is_empty() => whole(held.unwrap_or_else(|| self.view.onus().count())),
                prefixes => within(prefixes),
            },
            ReadMode::Walk if slices.len() < 2 => whole(held.unwrap_or_else(|| self.view.onus().count())),
            ReadMode::Walk | ReadMode::WalkByPon => {
                let mut rows = Vec::new();
                let mut knows_end = false;
                for slice in slices {
                    match self.pieces(profile, kind, read, &slice.scope) {
                        Some(Pieces::Prefixes(prefixes)) => rows.extend(within(prefixes).rows),
                        Some(Pieces::Ranges(ranges)) => {
                            rows.extend(ranges.iter().map(|range| range.rows));
                            knows_end = true;
                        }
                        // There are slices only where every table can be cut.
                        None => {}
                    }
                }
                Cut { rows, knows_end }
            }
        }
    }

    fn limits(&self, profile: &Profile, target: &Target, all: &config::Snmp) -> Vec<Limit> {
        let olt = &self.olt;
        let from = |said: bool| if said { Origin::Config } else { Origin::Profile };
        let limit = |name, value, said| Limit { name, value: Some(value), from: from(said) };
        let count = |number: usize| u32::try_from(number).map_or(f64::INFINITY, f64::from);
        let intervals = self.intervals();
        let mut limits = vec![
            limit("state_every", intervals.state.as_secs_f64(), olt.state_every.is_some()),
            limit("optics_every", intervals.optics.as_secs_f64(), olt.optics_every.is_some()),
            limit("inventory_every", intervals.inventory.as_secs_f64(), olt.inventory_every.is_some()),
            limit("window", f64::from(target.window), olt.window.is_some()),
            limit("pdus_per_second", target.pdus_per_second, olt.pdus_per_second.is_some()),
            limit("varbinds_per_second", target.varbinds_per_second, olt.varbinds_per_second.is_some()),
            limit("max_repetitions", f64::from(target.max_repetitions), olt.max_repetitions.is_some()),
            limit("get_varbinds", count(profile.defaults().get_varbinds), false),
            limit("reply_octets", count(target.reply_octets), olt.reply_octets.is_some()),
            limit("timeout", target.timeout.as_secs_f64(), olt.timeout.is_some()),
            limit("retries", f64::from(target.retries), olt.retries.is_some()),
        ];
        let for_all = [
            ("snmp.in_flight", all.in_flight.map(f64::from)),
            ("snmp.pdus_per_second", all.pdus_per_second),
            ("snmp.varbinds_per_second", all.varbinds_per_second),
        ];
        let for_all = for_all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        limits.extend(for_all.map(|(name, value)| Limit { name, value: Some(value), from: Origin::ConfigForAll }));
        for limit in &mut limits {
            limit.value = limit.value.filter(|value| value.is_finite());
        }
        limits
    }
}

/// The joins, of several that read one column the first.
fn joins(profile: &Profile) -> impl Iterator<Item = JoinRead> {
    let mut seen: Vec<Oid> = Vec::new();
    profile.join_reads().into_iter().filter(move |join| {
        let is_new = !seen.contains(&join.column);
        seen.push(join.column.clone());
        is_new
    })
}

/// Everything that a sweep of this kind reads.
fn whats(profile: &Profile, kind: SweepKind) -> impl Iterator<Item = What> {
    let tables = profile.reads(kind).into_iter().map(|read| What::Table(read.table));
    let joins = joins(profile).filter(move |_| kind == SweepKind::Inventory).map(|join| What::Join(join.join));
    std::iter::once(What::Contact).chain(joins).chain(tables)
}

/// A column with what the profile says of it.
fn column_plan(profile: &Profile, table: usize, kind: SweepKind, oid: &Oid) -> ColumnPlan {
    let given: Vec<ColumnInfo<'_>> = profile
        .columns_of(table)
        .filter(|column| [column.oid, column.then].contains(&Some(oid)) && column.sweep == kind)
        .collect();
    ColumnPlan {
        object: given.first().map_or_else(String::new, |column| column.object.to_owned()),
        oid: oid.to_string(),
        fields: given.iter().map(|column| column.field.word()).collect(),
        confidence: given.iter().map(|column| column.confidence).max().map_or("A", crate::mib::Confidence::word),
    }
}

fn unknown_cell(column: &Oid) -> CellSize {
    let name = CellSize::of(column, &Value::Null).asked + INDEX_OCTETS;
    CellSize { asked: name, answered: name + VALUE_OCTETS }
}

/// How long it takes at the pace that the limits and the answers allow.
fn seconds(cost: &Cost, target: &Target, rtt: Option<Duration>) -> f64 {
    // Requests of one OLT are far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let (requests, varbinds) = (cost.requests as f64, cost.varbinds as f64);
    let answered = rtt.map_or(0.0, |rtt| rtt.as_secs_f64() / f64::from(target.window.max(1)));
    (requests * answered.max(target.pdus_per_second.recip())).max(varbinds / target.varbinds_per_second)
}

fn load(sweeps: &[SweepPlan]) -> Load {
    let each_second = |of: &dyn Fn(&SweepPlan) -> f64| sweeps.iter().map(|plan| of(plan) / plan.every_s).sum::<f64>();
    #[allow(clippy::cast_precision_loss)] // as above
    let count = |number: u64| number as f64;
    Load {
        pdus_per_second: each_second(&|plan| count(plan.expected.requests)),
        values_per_second: each_second(&|plan| count(plan.expected.varbinds)),
        octets_out_per_second: each_second(&|plan| count(plan.expected.octets_out)),
        octets_in_per_second: each_second(&|plan| count(plan.expected.octets_in)),
        busy: each_second(&|plan| plan.expected_s),
    }
}
