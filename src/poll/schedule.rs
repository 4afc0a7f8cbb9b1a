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

/// The most that an optics interval is lengthened by when its rounds overrun.
const MOST_LENGTHENED: u32 = 8;

#[derive(Debug, Clone)]
struct Entry {
    every: Duration,
    next: Instant,
    skipped: u64,
    late: Duration,
    /// Whether it never started yet.
    is_first: bool,
}

/// How late sweeps started, against the time at which they were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// The last state sweep.
    pub state: Duration,
    /// The last inventory sweep.
    pub inventory: Duration,
    /// The last slice of optics.
    pub optics: Duration,
    /// The most that any was, of all kinds.
    pub most: Duration,
}

impl Lateness {
    /// The last sweep of this kind.
    #[must_use]
    pub const fn of(&self, kind: SweepKind) -> Duration {
        match kind {
            SweepKind::State => self.state,
            SweepKind::Inventory => self.inventory,
            SweepKind::Optics => self.optics,
        }
    }
}

/// A round of optics: all of an OLT's levels, a slice after the other.
#[derive(Debug, Clone, Default)]
struct Round {
    /// When it was due; `None` before the first one.
    due: Option<Instant>,
    /// From one slice to the next.
    pause: Duration,
    /// How many slices it has, and how many are still to be read.
    slices: u32,
    left: u32,
    /// How long reading took up to now.
    spent: Duration,
}

/// The sweeps of one OLT: never two at a time, state before inventory before optics, and a slot that passed while
/// another sweep ran is skipped and counted, never made up for.
///
/// Optics are read in rounds of slices. The first round goes without a pause, since whoever starts wants to see levels;
/// later ones are spread evenly over the interval.
#[derive(Debug, Clone)]
pub struct Schedule {
    state: Entry,
    inventory: Entry,
    optics: Entry,
    optics_wanted: Duration,
    round: Round,
    /// How long the last whole round read.
    round_took: Duration,
    most_late: Duration,
    /// A share of 1 that depends on the OLT's name alone.
    share: f64,
}

/// A share of 1 that depends on the name alone.
fn share(olt: &OltId) -> f64 {
    let mut hasher = DefaultHasher::new();
    olt.hash(&mut hasher);
    // Below 10^6, so it is exact and fits.
    f64::from(u32::try_from(hasher.finish() % 1_000_000).unwrap_or(0)) / 1_000_000.0
}

/// A share of `span` that depends on the name alone, so that many OLTs do not start together.
pub(super) fn phase(olt: &OltId, span: Duration) -> Duration {
    span.mul_f64(share(olt))
}

impl Schedule {
    /// Inventory and state are due at once, but for a share of `spread` by the OLT's name; optics follow as soon as
    /// the state is known, since only ONUs that are up are asked.
    #[must_use]
    pub fn new(olt: &OltId, intervals: Intervals, spread: Duration, now: Instant) -> Self {
        let start = now + phase(olt, spread);
        let entry = |every| Entry { every, next: start, skipped: 0, late: Duration::ZERO, is_first: true };
        Self {
            state: entry(intervals.state),
            inventory: entry(intervals.inventory),
            optics: entry(intervals.optics),
            optics_wanted: intervals.optics,
            round: Round::default(),
            round_took: Duration::ZERO,
            most_late: Duration::ZERO,
            share: share(olt),
        }
    }

    const fn entry(&mut self, kind: SweepKind) -> &mut Entry {
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

    /// A sweep starts that is due: notes how late it is.
    pub fn start(&mut self, kind: SweepKind, now: Instant) {
        let entry = self.entry(kind);
        let late = now.saturating_duration_since(entry.next);
        entry.late = late;
        entry.is_first = false;
        self.most_late = self.most_late.max(late);
    }

    /// A state or inventory sweep, or a slice of optics, has ended. A sweep's next slot is the first of its grid that is
    /// still to come.
    pub fn done(&mut self, kind: SweepKind, started: Instant, now: Instant) {
        if kind == SweepKind::Optics {
            self.slice_done(started, now);
        } else {
            let entry = self.entry(kind);
            entry.next += entry.every;
            entry.skip_to(now);
        }
        // The first of each kind follow each other as fast as the OLT bears: they are due when it is free.
        for entry in [&mut self.state, &mut self.inventory, &mut self.optics] {
            if entry.is_first {
                entry.next = entry.next.max(now);
            }
        }
    }

    /// Whether a round of optics has to be cut into slices before one can be read.
    #[must_use]
    pub const fn needs_round(&self) -> bool {
        self.round.left == 0
    }

    /// A round of so many slices begins, due when its first slice is.
    pub fn begin_round(&mut self, slices: usize) {
        let slices = u32::try_from(slices).unwrap_or(u32::MAX).max(1);
        let pause = if self.round.due.is_some() { self.optics.every / slices } else { Duration::ZERO };
        self.round = Round { due: Some(self.optics.next), pause, slices, left: slices, spent: Duration::ZERO };
    }

    /// The slice in hand turned out to be all that is left of the round.
    pub fn last_slice(&mut self) {
        self.round.left = self.round.left.min(1);
    }

    fn slice_done(&mut self, started: Instant, now: Instant) {
        self.round.spent += now.saturating_duration_since(started);
        self.round.left = self.round.left.saturating_sub(1);
        if self.round.left > 0 {
            // Without a pause the next one is due when this one is read.
            self.optics.next = if self.round.pause.is_zero() { now } else { self.optics.next + self.round.pause };
        } else {
            self.end_round(now);
        }
    }

    /// Rounds that take more than half of their interval, or end that late, get a longer one, and their own again when they
    /// are fast. The next one begins at the first time of the grid that is still to come.
    fn end_round(&mut self, now: Instant) {
        let Round { due, pause, slices, spent, .. } = std::mem::take(&mut self.round);
        let due = due.unwrap_or(now);
        self.round.due = Some(due);
        self.round_took = spent;
        let entry = &mut self.optics;
        if spent > entry.every / 2 || entry.late > entry.every / 2 {
            entry.every = (entry.every * 2).min(self.optics_wanted * MOST_LENGTHENED);
        } else if spent < entry.every / 8 && entry.every > self.optics_wanted {
            entry.every = (entry.every / 2).max(self.optics_wanted);
        }
        if pause.is_zero() {
            // All was read in one go just now. The next round ends within the interval, and not at the same time for all
            // OLTs.
            entry.next = now + (entry.every / slices.max(1)).mul_f64(0.5 + self.share / 2.0);
        } else {
            entry.next = due + entry.every;
            entry.skip_to(now);
        }
    }

    /// What is left of the round in hand goes without pauses, or a new one does.
    pub fn hasten_levels(&mut self, now: Instant) {
        self.optics.next = self.optics.next.min(now);
        if self.round.left > 0 {
            self.round.pause = Duration::ZERO;
        } else {
            self.round.due = None;
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

    /// The interval of optics now, longer than wanted where their rounds overran.
    #[must_use]
    pub const fn optics_every(&self) -> Duration {
        self.optics.every
    }

    /// How long the last round of optics read, its pauses left out; zero before the first has ended.
    #[must_use]
    pub const fn round_took(&self) -> Duration {
        self.round_took
    }

    /// Takes over how late sweeps were by an earlier schedule of the same OLT.
    pub fn remember(&mut self, late: &Lateness) {
        (self.state.late, self.inventory.late, self.optics.late) = (late.state, late.inventory, late.optics);
        self.most_late = self.most_late.max(late.most);
    }

    /// How late sweeps started.
    #[must_use]
    pub const fn lateness(&self) -> Lateness {
        Lateness {
            state: self.state.late,
            inventory: self.inventory.late,
            optics: self.optics.late,
            most: self.most_late,
        }
    }
}

impl Entry {
    /// Slots that have passed are not made up for.
    fn skip_to(&mut self, now: Instant) {
        while self.next <= now {
            self.next += self.every;
            self.skipped += 1;
        }
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

    /// Reads a round of so many slices, each of which takes `took`, and gives when they started.
    fn round(schedule: &mut Schedule, slices: usize, took: Duration) -> Vec<Instant> {
        assert!(schedule.needs_round());
        schedule.begin_round(slices);
        let mut starts = Vec::new();
        while !schedule.needs_round() {
            let start = schedule.optics.next;
            starts.push(start);
            schedule.start(SweepKind::Optics, start);
            schedule.done(SweepKind::Optics, start, start + took);
        }
        starts
    }

    /// The starts of nine slices without pauses, a second each.
    fn one_after_the_other(start: Instant) -> Vec<Instant> {
        (0..9).map(|slice| start + slice * SECOND).collect()
    }

    #[test]
    fn state_goes_before_inventory_before_optics() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.begin_round(1);
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
    fn how_late_a_sweep_starts_is_measured_against_its_due_time() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.start(SweepKind::State, now + 3 * SECOND);
        schedule.done(SweepKind::State, now + 3 * SECOND, now + 4 * SECOND);
        schedule.start(SweepKind::State, now + 60 * SECOND);
        // The first inventory was due when the first state sweep had ended.
        schedule.start(SweepKind::Inventory, now + 6 * SECOND);
        let late = schedule.lateness();
        assert_eq!((late.of(SweepKind::State), late.inventory, late.most), (Duration::ZERO, 2 * SECOND, 3 * SECOND));
    }

    #[test]
    fn the_first_round_goes_at_once_and_later_ones_evenly_over_the_interval() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        assert_eq!(round(&mut schedule, 9, SECOND), one_after_the_other(now));
        let starts = round(&mut schedule, 9, SECOND);
        // All of them are read again within the interval, and from then on each interval.
        assert!(starts[0] > now + 40 * SECOND && starts[8] <= now + 902 * SECOND, "{starts:?}");
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 100 * SECOND));
        let again = round(&mut schedule, 9, SECOND);
        assert!(starts.iter().zip(&again).all(|(before, after)| *after - *before == 900 * SECOND));
        assert_eq!((schedule.round_took(), schedule.skipped()), (9 * SECOND, 0));
    }

    #[test]
    fn a_hint_takes_the_pauses_out_of_a_round_and_they_come_back() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        round(&mut schedule, 9, SECOND);
        schedule.begin_round(9);
        let start = schedule.optics.next;
        schedule.done(SweepKind::Optics, start, start + SECOND);
        schedule.hasten_levels(start + 2 * SECOND);
        for slice in 2..10 {
            let at = start + slice * SECOND;
            assert_eq!(schedule.due(at), Some(SweepKind::State));
            assert_eq!(schedule.optics.next, at);
            schedule.done(SweepKind::Optics, at, at + SECOND);
        }
        let starts = round(&mut schedule, 9, SECOND);
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 100 * SECOND));
        schedule.hasten_levels(starts[8] + 2 * SECOND);
        assert_eq!(round(&mut schedule, 9, SECOND), one_after_the_other(starts[8] + 2 * SECOND));
    }

    #[test]
    fn optics_that_overrun_are_lengthened_and_come_back() {
        let start = Instant::now();
        let mut schedule = schedule(start);
        round(&mut schedule, 5, 100 * SECOND);
        assert_eq!(schedule.optics_every(), 1800 * SECOND);
        for _ in 0..10 {
            round(&mut schedule, 5, 2800 * SECOND);
        }
        assert_eq!(schedule.optics_every(), 7200 * SECOND);
        for _ in 0..10 {
            round(&mut schedule, 5, SECOND);
        }
        assert_eq!(schedule.optics_every(), 900 * SECOND);
        assert!(schedule.skipped() > 0, "what passed meanwhile is not made up for");
    }

    #[test]
    fn an_olt_that_was_silent_gets_no_longer_interval_for_it() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        round(&mut schedule, 3, SECOND);
        schedule.begin_round(3);
        schedule.put_off(now + 5000 * SECOND);
        for _ in 0..3 {
            let start = schedule.optics.next;
            schedule.start(SweepKind::Optics, start);
            schedule.done(SweepKind::Optics, start, start + SECOND);
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
