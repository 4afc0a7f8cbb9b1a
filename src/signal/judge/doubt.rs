//! What of a sweep is believed: whether the OLT has just rebooted, whether its table is whole, whether its levels can be right.

use std::time::Duration;

use super::merge::{Row, heard};
use super::{GRACE, Judge, UPTIME_WRAP, slot};
use crate::model::{Sweep, SweepKind, SweepScope, Timestamp, Unread};
use crate::signal::quality::{ByPon, Comparison, Outcome};
use crate::signal::truth::Staleness;
use crate::signal::{Change, Reason, Transition};

/// Below this many rows, one that is gone is too large a share to doubt the sweep.
const LEAST_ROWS: usize = 10;

/// How many ONUs complete sweeps of a kind listed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Listed {
    /// In the newest sweep that was believed.
    believed: Option<usize>,
    /// When and how many in the newest one, if it was not.
    doubted: Option<(Timestamp, usize)>,
}

/// How often the OLT's SNMPv3 engine was started.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Boots {
    last: Option<u32>,
    /// When it rose last without an uptime that fell.
    rose: Option<Timestamp>,
    /// It counts something else.
    doubted: bool,
}

impl Boots {
    /// Whether the engine was started since we last heard of it. An engine that starts again within the grace time, while
    /// its uptime goes on, counts something else: it would hold all of the OLT for ever.
    fn tell_of_reboot(&mut self, boots: Option<u32>, at: Timestamp, known: bool) -> bool {
        let Some(boots) = boots else { return false };
        let rose = self.last.replace(boots).is_some_and(|last| boots > last);
        if !rose || known {
            return false;
        }
        self.doubted |= self.rose.replace(at).is_some_and(|then| at.since(then) < GRACE);
        !self.doubted
    }

    /// Times from before are no measure any more.
    pub(super) const fn clock_back(&mut self) {
        self.rose = None;
    }
}

impl Judge {
    /// Sees a reboot, and holds what is known of the OLT's ONUs until it has settled.
    pub(super) fn note_reboot(&mut self, sweep: &Sweep, at: Timestamp, told: &mut Vec<Transition>) {
        let by_uptime = self.reboot_by_uptime(sweep, at);
        // The uptime of some agents is the host's, or has wrapped, or was longer before than it is now after a long silence.
        let by_boots = self.boots.tell_of_reboot(sweep.boots, at, by_uptime.is_some());
        let Some((reason, grace)) = by_uptime.or_else(|| by_boots.then_some((Reason::Rebooted(at), GRACE))) else {
            return;
        };
        self.grace_until = Some(at + grace);
        self.in_grace = true;
        for (_, held) in &mut self.onus {
            held.truth.go_stale(Staleness::Rebooted, at);
            held.unconfirm_levels();
        }
        told.push(self.of_olt(at, Change::Rebooted, reason));
    }

    /// Sees a reboot in an uptime that fell, or that is short when we first see the OLT: why, and for how long it holds. An
    /// uptime that stands still (a recording played back) is none.
    fn reboot_by_uptime(&mut self, sweep: &Sweep, at: Timestamp) -> Option<(Reason, Duration)> {
        let uptime = sweep.uptime?;
        let reboot = match self.uptime {
            Some((then, _)) if sweep.started <= then => return None,
            Some((then, before)) => {
                let wraps = before + sweep.started.since(then) + Duration::from_secs(60) >= UPTIME_WRAP;
                (uptime < before && !wraps).then_some((Reason::Rebooted(at), GRACE))
            }
            None => GRACE
                .checked_sub(uptime)
                .filter(|rest| !rest.is_zero())
                .map(|rest| (Reason::JustBooted(u32::try_from(uptime.as_secs()).unwrap_or(u32::MAX)), rest)),
        };
        self.uptime = Some((sweep.started, uptime));
        reboot
    }

    /// Whether the levels of an optics sweep may be judged.
    pub(super) fn check_levels(
        &mut self,
        rows: &[Row<'_>],
        sweep: &Sweep,
        at: Timestamp,
        told: &mut Vec<Transition>,
    ) -> bool {
        let complete = sweep.completeness.is_complete();
        let by_pon = !sweep.scope.is_whole();
        let mut comparisons = ByPon::new();
        let mut rows = rows.iter().peekable();
        for (key, held) in &self.onus {
            while rows.next_if(|row| row.reading.key < *key).is_some() {}
            let row = rows.next_if(|row| row.reading.key == *key);
            let based = held.level.last();
            let comparison: &mut Comparison = comparisons.entry(held.pon().filter(|_| by_pon)).or_default();
            comparison.based_or_lost += usize::from(based.is_some());
            if held.truth.is_lost() {
                continue;
            }
            let was_read = held.rx().is_ok();
            comparison.known += usize::from(was_read);
            comparison.based += usize::from(based.is_some());
            let Some(row) = row.filter(|row| !row.twice) else { continue };
            match heard(row.reading.rx, complete) {
                Ok(rx) => {
                    if let Some(based) = based {
                        comparison.answered += 1;
                        comparison.deltas.push((rx - based).thousandths());
                    }
                }
                Err(Unread::NotAsked | Unread::NoAnswer | Unread::OnuDown) => {}
                Err(_) => {
                    comparison.answered += usize::from(based.is_some());
                    comparison.turned += usize::from(was_read);
                }
            }
        }
        let outcome = match &sweep.scope {
            SweepScope::Whole => self.tripwire.judge(comparisons.entry(None).or_default(), at),
            SweepScope::Pons(pons) => self.tripwire.judge_slice(pons, &comparisons, at),
        };
        match outcome {
            Outcome::Sane => true,
            Outcome::Frozen => false,
            Outcome::Tripped(reason) => {
                told.push(self.of_olt(at, Change::Suspect, reason));
                false
            }
            Outcome::Trusted(reason) => {
                told.push(self.of_olt(at, Change::Trusted, reason));
                true
            }
        }
    }

    /// Whether what the OLT receives did not move together as only arithmetic moves it. It is judged beside the tripwire's
    /// own column and by itself: a sweep that moved so is left out, until levels come back or an operator trusts them.
    pub(super) fn olt_side_is_sane(&self, rows: &[Row<'_>]) -> bool {
        let mut rows = rows.iter().peekable();
        let mut comparison = Comparison::default();
        for (key, held) in &self.onus {
            while rows.next_if(|row| row.reading.key < *key).is_some() {}
            let row = rows.next_if(|row| row.reading.key == *key).filter(|row| !row.twice);
            if let (Some(Ok(rx)), Some(based)) = (row.map(|row| row.reading.olt_rx), held.olt_level.last()) {
                comparison.based += 1;
                comparison.deltas.push((rx - based).thousandths());
            }
        }
        !comparison.is_shifted()
    }

    /// Whether a complete sweep lists so much less than the last one that was believed that rows are rather missing than
    /// gone. A second sweep that lists about as little is believed.
    pub(super) fn has_shrunk(&mut self, sweep: &Sweep, rows: usize, at: Timestamp, told: &mut Vec<Transition>) -> bool {
        let kind = sweep.kind;
        if !sweep.completeness.is_complete() || !sweep.scope.is_whole() || kind == SweepKind::Optics {
            return false;
        }
        let listed = || self.onus.iter().filter(|(_, held)| held.presence.lists(kind)).count();
        let Listed { believed, doubted } = *slot(&mut self.listed, kind);
        let before = believed.unwrap_or_else(listed);
        let is_short = |rows: usize, of: usize| of >= LEAST_ROWS && rows * 10 < of * 9;
        let about = |one: usize, other: usize| one * 10 >= other * 9 && other * 10 >= one * 9;
        let agrees = doubted.is_some_and(|(then, seen)| at > then && about(rows, seen));
        let is_again = doubted.is_some_and(|(then, _)| at <= then);
        let shrunk = is_short(rows, before) && !agrees;
        *slot(&mut self.listed, kind) = if shrunk {
            Listed { believed: Some(before), doubted: if is_again { doubted } else { Some((at, rows)) } }
        } else {
            Listed { believed: Some(rows), doubted: None }
        };
        if shrunk && !is_again {
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let reason = Reason::Shrunk { rows: count(rows), of: count(before) };
            told.push(self.of_olt(at, Change::Shrunk, reason));
        }
        shrunk
    }

    /// A mass outage makes levels unread before a state sweep says why; once it does, the levels are not suspect.
    pub(super) fn explain_missing_levels(&mut self, at: Timestamp, told: &mut Vec<Transition>) {
        let lit = self.onus.iter().filter(|(_, held)| !held.truth.is_lost() && held.level.last().is_some());
        let (unread, of) =
            lit.fold((0, 0), |(unread, of), (_, held)| (unread + usize::from(held.rx().is_err()), of + 1));
        if self.tripwire.explain(unread, of) {
            told.push(self.of_olt(at, Change::Trusted, Reason::LossesExplain));
        }
    }
}
