//! The ONUs of an OLT as one list: what polling read of each, and what is held of it.

use std::cmp::Ordering;

use crate::daemon::{OltReport, Standing};
use crate::model::{Dbm, Level, OnuKey, OnuState, PonId, Reading, Truth, Verdict};

/// One ONU. At least one of the two is there: an ONU that is not listed any more is held for a while, and one that has
/// just been listed may not have been judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Which ONU.
    pub(super) key: &'a OnuKey,
    /// What was read.
    pub(super) reading: Option<&'a Reading>,
    /// What is held.
    pub(super) standing: Option<&'a Standing>,
}

impl Line<'_> {
    /// What is held; stale before anything is.
    pub(super) fn truth(&self) -> Truth {
        self.standing.map_or(Truth::Stale, |standing| standing.truth)
    }

    /// The class of its received power. One that is down has no level, though the last one may still be held.
    pub(super) fn level(&self) -> Level {
        let down = self.reading.is_some_and(|reading| reading.state == Ok(OnuState::Down));
        match self.standing {
            Some(standing) if !down => standing.level,
            _ => Level::Unread,
        }
    }

    /// The power that it receives, while it is not down.
    pub(super) fn rx(&self) -> Option<Dbm> {
        self.heard()?.rx.ok()
    }

    /// The power that the OLT receives from it, while it is not down.
    pub(super) fn olt_rx(&self) -> Option<Dbm> {
        self.heard()?.olt_rx.ok()
    }

    /// What was read of it unless it is down: what is last heard of such a one is no level.
    fn heard(&self) -> Option<&Reading> {
        self.reading.filter(|reading| reading.state != Ok(OnuState::Down))
    }

    /// The class of the power that the OLT receives from it, while it is not down.
    pub(super) fn olt_level(&self) -> Level {
        let down = self.reading.is_some_and(|reading| reading.state == Ok(OnuState::Down));
        self.standing.filter(|_| !down).map_or(Level::Unread, |standing| standing.olt_level)
    }

    /// What its client should show.
    pub(super) fn verdict(&self) -> Verdict {
        self.standing.map_or(Verdict::Hold, |standing| standing.verdict)
    }

    /// The PON port, where the family shows it.
    pub(super) fn pon(&self) -> Option<PonId> {
        self.reading.and_then(|reading| reading.pon)
    }
}

/// The ONUs of an OLT, sorted by key.
pub(super) fn lines(report: &OltReport) -> impl Iterator<Item = Line<'_>> {
    let mut readings = report.view.onus().peekable();
    let mut standings = report.standings.iter().peekable();
    std::iter::from_fn(move || {
        let order = match (readings.peek(), standings.peek()) {
            (Some(reading), Some(standing)) => reading.key.cmp(&standing.key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let reading = if order.is_le() { readings.next() } else { None };
        let standing = if order.is_ge() { standings.next() } else { None };
        let key = reading.map(|reading| &reading.key).or_else(|| standing.map(|standing| &standing.key))?;
        Some(Line { key, reading, standing })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn every_onu_is_listed_once_whether_read_or_held_or_both() {
        let mut report = testing::olt("olt", &[testing::up(1, -20.0), testing::up(2, -21.0), testing::up(4, -22.0)]);
        let mut standings = report.standings.to_vec();
        standings.remove(0);
        standings.insert(1, testing::standing(3, Truth::Stale, Level::Good, Verdict::Hold));
        report.standings = standings.into();
        let listed: Vec<(u32, bool, bool)> = lines(&report)
            .map(|line| (*line.key.numbers().last().unwrap(), line.reading.is_some(), line.standing.is_some()))
            .collect();
        assert_eq!(listed, [(1, true, false), (2, true, true), (3, false, true), (4, true, true)]);
        let first = lines(&report).next().unwrap();
        assert_eq!((first.truth(), first.level(), first.verdict()), (Truth::Stale, Level::Unread, Verdict::Hold));
    }
}
