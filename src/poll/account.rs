//! What reads took and what tables held, for whoever asks why: kept only where an account was opened.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::Poller;
use crate::mib::RawTable;
use crate::model::SweepKind;
use crate::snmp::{CellSize, Cost, Counters, Oid, Rows, Session};

/// One read of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The uptime, before anything else.
    Contact,
    /// A join of the profile; of several that read one column, the first.
    Join(usize),
    /// A table of the profile.
    Table(usize),
}

/// What a read took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Took {
    pub(super) cost: Cost,
    pub(super) elapsed: Duration,
}

/// What a table held when it was read last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Rows of its longest column.
    pub(super) rows: usize,
    /// Of its cells on average, if it had any.
    pub(super) cell: Option<CellSize>,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    took: BTreeMap<(SweepKind, What), Took>,
    held: BTreeMap<(SweepKind, What), Held>,
}

impl Account {
    /// What this read took in the last round of its kind; `None` when there was none.
    pub(super) fn took(&self, kind: SweepKind, what: What) -> Option<Took> {
        self.took.get(&(kind, what)).copied()
    }

    /// What the table held; nothing when it was never read.
    pub(super) fn held(&self, kind: SweepKind, what: What) -> Option<Held> {
        self.held.get(&(kind, what)).copied()
    }

    /// A round of this kind begins.
    fn begin(&mut self, kind: SweepKind) {
        self.took.retain(|(of, _), _| *of != kind);
        self.held.retain(|(of, _), _| *of != kind);
    }

    fn hold(&mut self, kind: SweepKind, what: What, rows: usize, cells: &[CellSize]) {
        let held = self.held.entry((kind, what)).or_default();
        held.rows += rows;
        let average =
            |octets: &dyn Fn(&CellSize) -> usize| cells.iter().map(octets).sum::<usize>().div_ceil(cells.len());
        if !cells.is_empty() {
            held.cell = Some(CellSize { asked: average(&|cell| cell.asked), answered: average(&|cell| cell.answered) });
        }
    }
}

/// The counters before a read.
#[derive(Debug)]
pub(super) struct Meter {
    before: Counters,
    started: Instant,
}

impl Meter {
    pub(super) fn start(session: &Session) -> Self {
        Self { before: session.counters(), started: Instant::now() }
    }
}

impl Poller {
    /// Keeps an account of what each read takes, for [`Self::explain`].
    #[must_use]
    pub fn with_account(mut self) -> Self {
        self.account = Some(Account::default());
        self
    }

    /// A round of this kind begins: what the one before took is forgotten.
    pub(super) fn begin_account(&mut self, kind: SweepKind) {
        if let Some(account) = &mut self.account {
            account.begin(kind);
        }
    }

    /// Adds what was sent and came since the meter was started.
    pub(super) fn note(&mut self, kind: SweepKind, what: What, meter: &Meter, session: &Session) {
        let Some(account) = &mut self.account else { return };
        let (before, after) = (&meter.before, session.counters());
        let took = account.took.entry((kind, what)).or_default();
        took.elapsed += meter.started.elapsed();
        took.cost += Cost {
            requests: after.sent.saturating_sub(before.sent),
            varbinds: after.varbinds.saturating_sub(before.varbinds),
            octets_out: after.octets_sent.saturating_sub(before.octets_sent),
            octets_in: after.octets_received.saturating_sub(before.octets_received),
        };
    }

    /// Takes down what a column held.
    pub(super) fn note_rows(&mut self, kind: SweepKind, what: What, column: &Oid, rows: &Rows) {
        let Some(account) = &mut self.account else { return };
        let cells: Vec<CellSize> = rows.iter().map(|(index, value)| CellSize::in_row(column, &index, &value)).collect();
        account.hold(kind, what, rows.len(), &cells);
    }

    /// Takes down what a table held.
    pub(super) fn note_table(&mut self, kind: SweepKind, raw: &RawTable) {
        let Some(account) = &mut self.account else { return };
        let rows = raw.columns.iter().map(|column| column.rows.len()).max().unwrap_or(0);
        let cells = raw
            .columns
            .iter()
            .flat_map(|column| column.rows.iter().map(|(index, value)| CellSize::in_row(&column.oid, &index, &value)));
        account.hold(kind, What::Table(raw.table), rows, &cells.collect::<Vec<_>>());
    }
}
