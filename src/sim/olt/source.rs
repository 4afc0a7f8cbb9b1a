//! Reads rows as the agent shows them: with its uptime in place of the row's, and with the lies about rows. Pure.

use std::borrow::Cow;

use super::codec::Version;
use super::faults::Lies;
use super::mib_view::{Rows, SYS_UP_TIME};
use crate::snmp::{Oid, Value};

/// What a request is answered from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// What it serves.
    pub rows: &'a Rows,
    /// What sysUpTime.0 shows, where it is not the row's own value.
    pub uptime: Option<u32>,
    /// What it lies about.
    pub lies: &'a Lies,
    /// Most bytes of a reply.
    pub reply_cap: usize,
}

/// Why a row gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The agent says genErr.
    Fails,
    /// The agent says nothing.
    Hangs,
}

impl<'a> Source<'a> {
    /// The value of this name, or what stands in its place.
    pub(super) fn value(&self, oid: &Oid) -> Result<Cow<'a, Value>, Trouble> {
        self.check(oid)?;
        Ok(match self.rows.get(oid) {
            Some(value) => self.shown(oid, value),
            None => Cow::Owned(self.rows.missing(oid)),
        })
    }

    /// The row after this name; at the end the name itself with endOfMibView.
    pub(super) fn successor(&self, version: Version, after: &Oid) -> Result<(Oid, Cow<'a, Value>), Trouble> {
        let mut found = self.next(after);
        if version == Version::V1 {
            // v1 has no Counter64, so such rows are passed over (RFC 3584, 4.2.2.1); with lies at work they may come
            // for ever, and then the view has ended.
            let mut left = self.rows.len();
            while let Some((oid, value)) = &found
                && matches!(**value, Value::Counter64(_))
            {
                left = left.saturating_sub(1);
                found = if left == 0 { None } else { self.next(&oid.clone()) };
            }
        }
        let Some((oid, value)) = found else { return Ok((after.clone(), Cow::Owned(Value::EndOfMibView))) };
        self.check(&oid)?;
        Ok((oid, value))
    }

    fn next(&self, after: &Oid) -> Option<(Oid, Cow<'a, Value>)> {
        let found = self.rows.next(after);
        if let Some(column) = &self.lies.endless
            && let Some(index) = after.suffix_of(column)
            && found.is_none_or(|(oid, _)| oid.suffix_of(column).is_none())
            && let Some(invented) = following(column, index)
        {
            let model = self.rows.previous(&invented).filter(|(oid, _)| oid.suffix_of(column).is_some());
            let value = model.map_or(Cow::Owned(Value::Integer(1)), |(_, value)| Cow::Borrowed(value));
            return Some((invented, value));
        }
        let (oid, value) = found?;
        if let Some(gate) = &self.lies.loop_at
            && after < gate
            && oid >= gate
        {
            let (oid, value) = self.rows.previous(after).unwrap_or((after, value));
            return Some((oid.clone(), self.shown(oid, value)));
        }
        Some((oid.clone(), self.shown(oid, value)))
    }

    fn shown(&self, oid: &Oid, value: &'a Value) -> Cow<'a, Value> {
        match self.uptime {
            Some(uptime) if oid.arcs() == SYS_UP_TIME => Cow::Owned(Value::TimeTicks(uptime)),
            _ => Cow::Borrowed(value),
        }
    }

    fn check(&self, oid: &Oid) -> Result<(), Trouble> {
        let within = |poisoned: &Vec<Oid>| poisoned.iter().any(|poisoned| oid.suffix_of(poisoned).is_some());
        if within(&self.lies.hang_at) {
            Err(Trouble::Hangs)
        } else if within(&self.lies.gen_err_at) {
            Err(Trouble::Fails)
        } else {
            Ok(())
        }
    }
}

/// The name after the last row of a column without end.
fn following(column: &Oid, index: &[u32]) -> Option<Oid> {
    match index.split_last() {
        None => Some(column.child(&[1])),
        Some((last, before)) => Some(column.child(before).child(&[last.checked_add(1)?])),
    }
}
