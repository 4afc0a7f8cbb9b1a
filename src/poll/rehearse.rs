//! An OLT that nobody asks: given rows stand for its answers, so that a plan can be reckoned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::What;
use super::connect::{Identity, Poller};
use crate::mib::{Finding, Profile, RawColumn, RawTable};
use crate::model::{Completeness, Sweep, SweepKind, SweepScope, Timestamp};
use crate::snmp::{Oid, Rows, Value};

impl Poller {
    /// Takes these rows for what the OLT would answer, so that [`Self::explain`] can reckon without asking it.
    pub fn rehearse(&mut self, profile: &Arc<Profile>, rows: &BTreeMap<Oid, Value>) {
        self.account.get_or_insert_default();
        self.identity = Some(Identity {
            sys_descr: String::new(),
            sys_object_id: Oid::new(&[0, 0]),
            profile: Arc::clone(profile),
            finding: Finding::Unknown,
        });
        let column = |oid: &Oid| -> Rows {
            let below = rows.range::<Oid, _>(oid..).map_while(|(row, value)| Some((row.suffix_of(oid)?.into(), value)));
            below.map(|(index, value)| (index, value.clone())).collect()
        };
        for join in profile.join_reads() {
            let rows = column(&join.column);
            self.joins.set(profile, join.join, &rows);
            self.note_rows(SweepKind::Inventory, What::Join(join.join), &join.column, &rows);
        }
        self.joins_read = true;
        for kind in [SweepKind::Inventory, SweepKind::State, SweepKind::Optics] {
            let mut tables = Vec::new();
            for read in profile.reads(kind) {
                if profile.is_absent(read.table, &self.joins) {
                    continue;
                }
                let columns =
                    read.columns.iter().map(|oid| RawColumn { oid: oid.clone(), rows: column(oid), complete: true });
                let raw = RawTable { table: read.table, columns: columns.collect() };
                self.note_table(kind, &raw);
                tables.push(raw);
            }
            let decoded = profile.decode(kind, &tables, &self.joins);
            self.view.merge(&Sweep {
                olt: self.olt.name.clone(),
                kind,
                scope: SweepScope::Whole,
                started: Timestamp::from_millis(0),
                elapsed: Duration::ZERO,
                completeness: Completeness::Complete,
                uptime: None,
                boots: None,
                pons: decoded.pons,
                onus: decoded.onus,
                pdus: 0,
            });
        }
    }
}
