//! When each sweep of an OLT is due. Pure: the time is an argument.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{OltId, SweepKind};

/// How often each sweep runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// State sweeps.
    pub state: Duration,
    /// Optics sweeps.
    pub optics: Duration,
    /// Inventory sweeps.
    pub inventory: Duration,
}

impl Intervals {
    /// The interval of this kind of sweep.
    #[must_use]
    pub const fn of(&self, kind: SweepKind) -> Duration {
        match kind {
            SweepKind::State => self.state,
            SweepKind::Optics => self.optics,
            SweepKind::Inventory => self.inventory,
        }
    }
}

/// The most that an optics interval is lengthened by when its sweeps overrun.
const MOST_LENGTHENED: u32 = 8;

#[derive(Debug, Clone)]
struct Entry {
    every: Duration,
    next: Instant,
    skipped: u64,
}

/// The sweeps of one OLT: never two at a time, state before inventory before optics, and a slot that passed while
/// another sweep ran is skipped and counted, never made up for.
#[derive(Debug, Clone)]
pub struct Schedule {
    state: Entry,
    inventory: Entry,
    optics: Entry,
    optics_wanted: Duration,
}

/// A share of `span` that depends on the name alone, so that many OLTs do not start together.
pub(super) fn phase(olt: &OltId, span: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    olt.hash(&mut hasher);
    let share = hasher.finish() % 1_000_000;
    // Below 10^6, so it is exact and fits.
    span.mul_f64(f64::from(u32::try_from(share).unwrap_or(0)) / 1_000_000.0)
}

impl Schedule {
    /// Inventory and state are due at once, but for a share of `spread` by the OLT's name; optics follow as soon as
    /// the state is known, since only ONUs that are up are asked.
    #[must_use]
    pub fn new(olt: &OltId, intervals: Intervals, spread: Duration, now: Instant) -> Self {
        let start = now + phase(olt, spread);
        let entry = |every| Entry { every, next: start, skipped: 0 };
        Self {
            state: entry(intervals.state),
            inventory: entry(intervals.inventory),
            optics: entry(intervals.optics),
            optics_wanted: intervals.optics,
        }
    }

    fn entry(&mut self, kind: SweepKind) -> &mut Entry {
        match kind {
            SweepKind::State => &mut self.state,
            SweepKind::Inventory => &mut self.inventory,
            SweepKind::Optics => &mut self.optics,
        }
    }

    /// The sweep to run now, if any is due.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<SweepKind> {
        [(&self.state, SweepKind::State), (&self.inventory, SweepKind::Inventory), (&self.optics, SweepKind::Optics)]
            .into_iter()
            .find(|(entry, _)| entry.next <= now)
            .map(|(_, kind)| kind)
    }

    /// When the next sweep is due.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.state.next.min(self.inventory.next).min(self.optics.next)
    }

    /// A sweep that began at its slot has ended. Its next slot is the first of its grid that is still to come. Optics
    /// that took more than half of their interval get a longer one, and their own again when they are fast.
    pub fn done(&mut self, kind: SweepKind, started: Instant, now: Instant) {
        let took = now.saturating_duration_since(started);
        if kind == SweepKind::Optics {
            let wanted = self.optics_wanted;
            let entry = &mut self.optics;
            if took > entry.every / 2 {
                entry.every = (entry.every * 2).min(wanted * MOST_LENGTHENED);
            } else if took < entry.every / 8 && entry.every > wanted {
                entry.every = (entry.every / 2).max(wanted);
            }
        }
        let entry = self.entry(kind);
        entry.next += entry.every;
        while entry.next <= now {
            entry.next += entry.every;
            entry.skipped += 1;
        }
    }

    /// Makes a sweep due at `now` unless it is due before; its later slots follow from there.
    pub fn hasten(&mut self, kind: SweepKind, now: Instant) {
        let entry = self.entry(kind);
        entry.next = entry.next.min(now);
    }

    /// Puts everything off until `until`, for an OLT that does not answer.
    pub fn put_off(&mut self, until: Instant) {
        for entry in [&mut self.state, &mut self.inventory, &mut self.optics] {
            entry.next = entry.next.max(until);
        }
    }

    /// Slots that passed while another sweep ran, of all kinds.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.state.skipped + self.inventory.skipped + self.optics.skipped
    }

    /// The interval of optics now, longer than wanted where their sweeps overran.
    #[must_use]
    pub const fn optics_every(&self) -> Duration {
        self.optics.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(now: Instant) -> Schedule {
        let intervals = Intervals { state: 60 * SECOND, optics: 900 * SECOND, inventory: 3600 * SECOND };
        Schedule::new(&OltId::new("olt"), intervals, Duration::ZERO, now)
    }

    #[test]
    fn state_goes_before_inventory_before_optics() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        for kind in [SweepKind::State, SweepKind::Inventory, SweepKind::Optics] {
            assert_eq!(schedule.due(now), Some(kind));
            schedule.done(kind, now, now);
        }
        assert_eq!(schedule.due(now), None);
        assert_eq!(schedule.next(), now + 60 * SECOND);
    }

    #[test]
    fn a_slot_that_passed_is_skipped_and_counted_not_made_up_for() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.done(SweepKind::State, now, now + 150 * SECOND);
        assert_eq!(schedule.skipped(), 2);
        assert_eq!(schedule.entry(SweepKind::State).next, now + 180 * SECOND);
    }

    #[test]
    fn optics_that_overrun_are_lengthened_and_come_back() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        schedule.done(SweepKind::Optics, start, start + 500 * SECOND);
        assert_eq!(schedule.optics_every(), 1800 * SECOND);
        for _ in 0..10 {
            let next = schedule.optics.next;
            schedule.done(SweepKind::Optics, next, next + 14_000 * SECOND);
        }
        assert_eq!(schedule.optics_every(), 7200 * SECOND);
        for _ in 0..10 {
            let next = schedule.optics.next;
            schedule.done(SweepKind::Optics, next, next + SECOND);
        }
        assert_eq!(schedule.optics_every(), 900 * SECOND);
    }

    #[test]
    fn olts_do_not_start_together() {
        let now = Instant::now();
        let intervals = Intervals { state: 60 * SECOND, optics: 900 * SECOND, inventory: 3600 * SECOND };
        let starts: std::collections::HashSet<Instant> = (0..50)
            .map(|n| Schedule::new(&OltId::new(&format!("olt-{n}")), intervals, 30 * SECOND, now).next())
            .collect();
        assert!(starts.len() > 45);
        assert!(starts.iter().all(|start| *start >= now && *start < now + 30 * SECOND));
    }

    #[test]
    fn a_hint_hastens_one_sweep_and_silence_puts_all_off() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        for kind in SweepKind::ALL {
            schedule.done(*kind, now, now);
        }
        schedule.hasten(SweepKind::State, now + 5 * SECOND);
        assert_eq!(schedule.due(now + 5 * SECOND), Some(SweepKind::State));
        schedule.put_off(now + 90 * SECOND);
        assert_eq!(schedule.next(), now + 90 * SECOND);
    }
}
