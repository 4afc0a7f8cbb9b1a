//! How often others may make us look at an OLT beyond its schedule. Pure: the time is an argument.
//!
//! Anybody can send a trap, and an OLT in trouble sends hundreds. So looks that traps ask for come from a bucket: a few at
//! once, then one for each half of the interval of state sweeps. No two come closer together than [`DISTANCE`]. A look that
//! is given carries a second one, which is due only if the first read a loss that has to be confirmed.

use std::time::Duration;

use tokio::time::Instant;

use super::Intervals;

/// Looks that hints ask for are never closer together than this. Two readings so far apart tell a loss from a blink, and
/// both fit into five seconds.
pub(super) const DISTANCE: Duration = Duration::from_secs(3);
/// Looks that may be asked for at once after a quiet time.
const DEPTH: f64 = 4.0;
/// Looks to confirm that may be due at once.
const MOST_CONFIRMATIONS: u8 = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct Budget {
    /// In which time another look is earned.
    every: Duration,
    /// How often everything may be read.
    levels_every: Duration,
    looks: f64,
    counted: Option<Instant>,
    last: Option<Instant>,
    last_levels: Option<Instant>,
    confirmations: u8,
}

impl Default for Budget {
    /// As for an OLT whose family is not known yet.
    fn default() -> Self {
        Self {
            every: Duration::from_secs(30),
            levels_every: Duration::from_secs(3600),
            looks: DEPTH,
            counted: None,
            last: None,
            last_levels: None,
            confirmations: 0,
        }
    }
}

impl Budget {
    /// The intervals at which the OLT is polled from now on.
    pub(super) fn set_pace(&mut self, intervals: Intervals, now: Instant) {
        self.earn(now);
        self.every = (intervals.state / 2).max(Duration::from_millis(1));
        self.levels_every = intervals.optics;
    }

    fn earn(&mut self, now: Instant) {
        if let Some(counted) = self.counted {
            let earned = now.saturating_duration_since(counted).as_secs_f64() / self.every.as_secs_f64();
            self.looks = (self.looks + earned).min(DEPTH);
        }
        self.counted = Some(self.counted.map_or(now, |counted| counted.max(now)));
    }

    /// When the next look may be given; not after `now` when it may be at once.
    pub(super) fn opens_at(&mut self, now: Instant) -> Instant {
        self.earn(now);
        let earned = if self.looks >= 1.0 {
            now
        } else {
            // An interval that is next to endless would overflow what an instant holds.
            let wait = self.every.mul_f64((1.0 - self.looks).clamp(0.0, 1.0));
            now.checked_add(wait).unwrap_or(now + Duration::from_secs(3600))
        };
        self.last.map_or(earned, |last| earned.max(last + DISTANCE))
    }

    /// A look is given.
    pub(super) fn spend(&mut self, now: Instant) {
        self.earn(now);
        // A rounding error must not make a look wait that is earned.
        self.looks = (self.looks - 1.0).max(0.0);
        self.last = Some(now);
        self.confirmations = (self.confirmations + 1).min(MOST_CONFIRMATIONS);
    }

    /// Whether everything may be read: levels are dear, so that even a true reboot is no reason to read them more often
    /// than the schedule does.
    pub(super) fn spend_levels(&mut self, now: Instant) -> bool {
        let may = self.last_levels.is_none_or(|last| now.saturating_duration_since(last) >= self.levels_every);
        if may {
            self.last_levels = Some(now);
        }
        may
    }

    /// Whether a look may be followed by one that confirms what it read. `lost`: whether there is something to confirm;
    /// where there is not, nothing is kept for later.
    pub(super) const fn confirm(&mut self, lost: bool) -> bool {
        if !lost || self.confirmations == 0 {
            self.confirmations = 0;
            return false;
        }
        self.confirmations -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(now: Instant) -> Budget {
        let mut budget = Budget::default();
        let intervals = Intervals { state: 60 * SECOND, optics: 900 * SECOND, inventory: 3600 * SECOND };
        budget.set_pace(intervals, now);
        budget
    }

    /// Asks all the time, and gives when looks were given.
    fn flood(budget: &mut Budget, from: Instant, span: Duration) -> Vec<Duration> {
        let mut given = Vec::new();
        let mut at = from;
        while at < from + span {
            let opens = budget.opens_at(at);
            if opens <= at {
                budget.spend(at);
                given.push(at - from);
            }
            at += Duration::from_millis(100);
        }
        given
    }

    #[test]
    fn the_first_look_after_a_quiet_time_is_given_at_once() {
        let now = Instant::now();
        let mut budget = budget(now);
        assert_eq!(budget.opens_at(now), now);
        budget.spend(now);
        assert_eq!(budget.opens_at(now), now + DISTANCE);
        assert_eq!(budget.opens_at(now + 60 * SECOND), now + 60 * SECOND);
    }

    #[test]
    fn a_flood_gets_a_few_looks_and_then_one_for_each_half_interval() {
        let now = Instant::now();
        let mut budget = budget(now);
        let given = flood(&mut budget, now, 3600 * SECOND);
        assert!(given.windows(2).all(|pair| pair[1] - pair[0] >= DISTANCE));
        assert_eq!(given.iter().filter(|at| **at < 10 * SECOND).count(), 4);
        assert!((123..=124).contains(&given.len()), "{}", given.len());
        let late: Vec<_> = given.windows(2).skip(10).map(|pair| pair[1] - pair[0]).collect();
        assert!(late.iter().all(|gap| *gap >= 29 * SECOND && *gap <= 31 * SECOND), "{late:?}");
        // A quiet time saves up no more than a few again.
        assert_eq!(flood(&mut budget, now + 100_000 * SECOND, 10 * SECOND).len(), 4);
    }

    #[test]
    fn a_look_carries_one_that_confirms_and_one_without_a_loss_leaves_none() {
        let now = Instant::now();
        let mut budget = budget(now);
        assert!(!budget.confirm(true), "nobody asked");
        budget.spend(now);
        assert!(budget.confirm(true));
        assert!(!budget.confirm(true), "one look, one confirmation");
        budget.spend(now + 10 * SECOND);
        assert!(!budget.confirm(false));
        assert!(!budget.confirm(true));
    }

    #[test]
    fn everything_is_read_no_more_often_than_the_schedule_does() {
        let now = Instant::now();
        let mut budget = budget(now);
        assert!(budget.spend_levels(now));
        assert!(!budget.spend_levels(now + 899 * SECOND));
        assert!(budget.spend_levels(now + 900 * SECOND));
    }

    #[test]
    fn clocks_and_intervals_of_any_size_do_no_harm() {
        let now = Instant::now();
        let mut budget = budget(now + 100 * SECOND);
        for state in [Duration::ZERO, Duration::MAX / 2] {
            budget.set_pace(Intervals { state, optics: state, inventory: state }, now);
            for _ in 0..10 {
                budget.opens_at(now);
                budget.spend(now);
            }
        }
    }
}
