//! How much to ask an OLT for at once, learnt from what it gives. It reads no clock.

use std::time::{Duration, Instant};

/// First goal for the varbinds of an answer, in octets.
const FIRST_GOAL: usize = 1_200;
/// Octets of varbinds that fit into one Ethernet frame (and any answer may have) beside what stands around them in a message.
pub(in crate::snmp) const FRAME: usize = 1_430;
/// Lowest goal.
const FLOOR: usize = 100;
/// Full answers in a row before the goal grows; until anything was too big, each one doubles it.
const CLEAN_TO_GROW: u32 = 8;
/// How long a size that was too big is remembered, and a broken GETBULK is not tried again.
const MEMORY: Duration = Duration::from_secs(3600);
const BULK_MEMORY: Duration = Duration::from_secs(24 * 3600);

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct Sizing {
    goal: usize,
    /// Highest goal, from the target.
    ceiling: usize,
    clean: u32,
    /// Nothing was too big yet, as far as is known.
    eager: bool,
    /// Octets of varbinds of the largest answer, since a request for as much stayed without one.
    proven: usize,
    too_big: Option<(usize, Instant)>,
    /// When it gave more than a frame holds, because we asked for it.
    overflowed: Option<Instant>,
    bulk_broken: Option<Instant>,
    /// The target's bound.
    max_repetitions: u32,
}

impl Sizing {
    pub(in crate::snmp) fn new(max_repetitions: u32, reply_octets: usize) -> Self {
        Self {
            goal: FIRST_GOAL.min(reply_octets),
            ceiling: reply_octets,
            clean: 0,
            eager: true,
            proven: 0,
            too_big: None,
            overflowed: None,
            bulk_broken: None,
            max_repetitions: max_repetitions.max(1),
        }
    }

    /// Rows to ask for when each row has `columns` varbinds of about `octets` each: at least 1. The last row may go
    /// beyond the goal, as agents cut an answer where it is full; one that does not is asked for whole rows only.
    pub(in crate::snmp) fn repetitions(&self, now: Instant, columns: usize, octets: usize) -> u32 {
        let row = columns.saturating_mul(octets).max(1);
        let cuts = self.overflowed.is_none_or(|when| now.saturating_duration_since(when) >= MEMORY);
        let rows =
            if cuts && self.goal >= FIRST_GOAL.min(self.ceiling) { self.goal.div_ceil(row) } else { self.goal / row };
        u32::try_from(rows).unwrap_or(u32::MAX).clamp(1, self.max_repetitions)
    }

    /// Values to ask for at once when each takes about `octets`: at least 1.
    pub(in crate::snmp) const fn values(&self, octets: usize) -> usize {
        let fit = self.goal / if octets == 0 { 1 } else { octets };
        if fit == 0 { 1 } else { fit }
    }

    /// The agent said that an answer of about `octets` is too big.
    pub(in crate::snmp) fn too_big(&mut self, now: Instant, octets: usize) {
        let tried = octets.min(self.goal).max(FLOOR);
        self.too_big = Some((tried, now));
        self.smaller(tried);
    }

    /// An answer of about `octets` did not come, which may be for its size: but not at once where others of that size
    /// did, as a line may lose any.
    pub(in crate::snmp) fn lost(&mut self, octets: usize) {
        let proven = std::mem::take(&mut self.proven);
        if octets - octets / 8 > proven {
            self.smaller(octets.min(self.goal));
        }
    }

    /// An answer came with so many octets of varbinds.
    pub(in crate::snmp) fn came(&mut self, octets: usize) {
        self.proven = self.proven.max(octets);
    }

    fn smaller(&mut self, tried: usize) {
        self.goal = (tried / 2).max(FLOOR);
        (self.clean, self.eager) = (0, false);
    }

    /// An answer came as it was asked for.
    pub(in crate::snmp) fn clean(&mut self, now: Instant) {
        self.clean += 1;
        if self.goal >= self.ceiling {
            return;
        }
        if self.eager {
            self.goal = (self.goal * 2).min(self.ceiling);
            return;
        }
        if self.clean < CLEAN_TO_GROW {
            return;
        }
        self.clean = 0;
        if self.too_big.is_some_and(|(_, when)| now.saturating_duration_since(when) >= MEMORY) {
            self.too_big = None;
        }
        let bound = self.too_big.map_or(self.ceiling, |(size, _)| (size - size / 8).min(self.ceiling));
        self.goal = (self.goal + self.goal / 4).min(bound).max(self.goal.min(bound)).max(FLOOR);
    }

    /// An answer came with every row that was asked for, and so many octets of varbinds.
    pub(in crate::snmp) fn full(&mut self, now: Instant, octets: usize) {
        if octets > FRAME.max(self.ceiling) {
            self.overflowed = Some(now);
        }
    }

    /// Whether GETBULK was found not to work on this agent.
    pub(in crate::snmp) fn bulk_is_broken(&self, now: Instant) -> bool {
        self.bulk_broken.is_some_and(|when| now.saturating_duration_since(when) < BULK_MEMORY)
    }

    /// GETNEXT works where GETBULK does not, even for one row of one column.
    pub(in crate::snmp) fn bulk_breaks(&mut self, now: Instant) {
        self.bulk_broken = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILING: usize = 1_400;

    #[test]
    fn never_asks_for_no_rows_nor_for_more_than_allowed() {
        let now = Instant::now();
        let sizing = Sizing::new(0, CEILING);
        assert_eq!(sizing.repetitions(now, 8, 30), 1);
        let sizing = Sizing::new(40, CEILING);
        assert_eq!(sizing.repetitions(now, 8, 30), 5);
        assert_eq!(sizing.repetitions(now, 1, 1), 40);
        assert_eq!(sizing.repetitions(now, 64, 65_000), 1);
        assert_eq!(sizing.values(100_000), 1);
    }

    #[test]
    fn the_last_row_may_go_beyond_the_goal_until_the_agent_is_seen_not_to_cut() {
        let now = Instant::now();
        let mut sizing = Sizing::new(40, CEILING);
        assert_eq!(sizing.repetitions(now, 8, 31), 5);
        sizing.full(now, FRAME);
        (0..8).for_each(|_| sizing.clean(now));
        assert_eq!(sizing.repetitions(now, 8, 31), 6);
        sizing.full(now, FRAME + 58);
        assert_eq!(sizing.repetitions(now, 8, 31), 5);
        assert_eq!(sizing.repetitions(now + MEMORY, 8, 31), 6);
    }

    #[test]
    fn a_size_that_was_too_big_is_not_reached_again_for_an_hour() {
        let now = Instant::now();
        let mut sizing = Sizing::new(1000, CEILING);
        sizing.too_big(now, 1_200);
        assert_eq!(sizing.repetitions(now, 1, 1), 600);
        (0..200).for_each(|_| sizing.clean(now));
        assert!(sizing.repetitions(now, 1, 1) < 1_200);
        let later = now + MEMORY;
        (0..200).for_each(|_| sizing.clean(later));
        assert_eq!(sizing.repetitions(now, 1, 1), 1000);
        assert_eq!(sizing.values(1), CEILING);
    }

    #[test]
    fn where_larger_answers_are_wanted_they_are_reached() {
        let now = Instant::now();
        let mut sizing = Sizing::new(10_000, 8_000);
        (0..3).for_each(|_| sizing.clean(now));
        assert_eq!(sizing.values(1), 8_000, "at once, as long as nothing speaks against it");
        let mut careful = Sizing::new(10_000, 8_000);
        careful.lost(1_200);
        (0..9).for_each(|_| careful.clean(now));
        assert!(careful.values(1) < 800);
        (0..100).for_each(|_| careful.clean(now));
        assert_eq!(careful.values(1), 8_000);
        sizing.full(now, 8_000);
        assert_eq!(sizing.repetitions(now, 3, 1_000), 3, "an answer of the size that was wanted is none too large");
    }

    #[test]
    fn a_size_that_came_before_is_not_given_up_for_one_loss() {
        let mut sizing = Sizing::new(1000, CEILING);
        sizing.came(1_150);
        sizing.lost(1_200);
        assert_eq!(sizing.values(1), 1_200);
        sizing.lost(1_200);
        assert_eq!(sizing.values(1), 600, "a second one in a row may be for the size");
        sizing.came(500);
        sizing.lost(600);
        assert_eq!(sizing.values(1), 300, "what came was smaller");
    }

    #[test]
    fn losses_shrink_it_to_a_floor_and_clean_answers_bring_it_back() {
        let now = Instant::now();
        let mut sizing = Sizing::new(1000, CEILING);
        (0..20).for_each(|_| sizing.lost(5_000));
        assert_eq!(sizing.values(1), FLOOR);
        (0..200).for_each(|_| sizing.clean(now));
        assert_eq!(sizing.values(1), CEILING);
    }
}
