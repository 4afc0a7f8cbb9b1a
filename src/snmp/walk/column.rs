//! One column of a walk: where it stands, and what it has given.

use crate::snmp::{ErrorStatus, Oid, Rows, SnmpError, index};

#[derive(Debug)]
pub(super) enum State {
    Active,
    /// The agent fails right after the cursor; waits until a neighbour shows which index to step over.
    Parked(ErrorStatus),
    Ended(Result<(), SnmpError>),
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) oid: Oid,
    /// The column's name as on the wire.
    pub(super) prefix: Vec<u8>,
    pub(super) state: State,
    /// What was read; the next row must be greater than their cursor.
    pub(super) rows: Rows,
    pub(super) poisoned: u32,
    /// So many octets have to be those of the row before, so that the next row is within the walk's bounds as that was.
    pub(super) sure: usize,
}

impl Column {
    pub(super) fn position(&self) -> Oid {
        let mut arcs = self.oid.arcs().to_vec();
        index::decode(self.rows.cursor(), &mut arcs);
        Oid::new(&arcs)
    }

    pub(super) const fn is_active(&self) -> bool {
        matches!(self.state, State::Active)
    }
}
