//! The governor of one OLT: how many requests may be in flight, how far apart datagrams leave, and how long we rest
//! when its answers slow down or stay away. It reads no clock.

use std::time::{Duration, Instant};

/// Clean answers in a row, for each request of the window, before the window opens by one.
const CLEAN_TO_OPEN: u32 = 8;
/// Clean answers in a row before a rest gets shorter.
const CLEAN_TO_RECOVER: u32 = 16;
/// Longest rest, in round-trip times; it doubles with each sign of trouble.
const MAX_FACTOR: u32 = 8;
/// Longest rest.
const MAX_REST: Duration = Duration::from_secs(2);
/// Longest pause between datagrams that a rate can ask for.
const SLOWEST: Duration = Duration::from_secs(3600);
/// Datagrams may leave this much too early, so that a coarse timer does not cost rate.
const TOLERANCE: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct Governor {
    max_window: u32,
    window: u32,
    interval: Duration,
    /// What a varbind costs of the time.
    per_varbind: Duration,
    due: Option<Instant>,
    factor: u32,
    /// Clean answers since the window opened or closed.
    clean: u32,
    /// Clean answers since the last sign of trouble, and since the last loss.
    calm: u32,
    unharmed: u32,
    rest: Duration,
    rest_until: Option<Instant>,
}

impl Governor {
    pub(in crate::snmp) fn new(max_window: u32, pdus_per_second: f64, varbinds_per_second: f64) -> Self {
        let interval = |rate: f64| Duration::try_from_secs_f64(rate.recip()).unwrap_or(SLOWEST).min(SLOWEST);
        Self {
            max_window: max_window.max(1),
            window: 1,
            interval: interval(pdus_per_second),
            per_varbind: interval(varbinds_per_second),
            due: None,
            factor: 1,
            clean: 0,
            calm: 0,
            unharmed: 0,
            rest: Duration::ZERO,
            rest_until: None,
        }
    }

    /// When the next datagram may leave; a time that is not after `now` means now.
    pub(in crate::snmp) fn opens_at(&self, now: Instant) -> Instant {
        let paced = self.due.and_then(|due| due.checked_sub(TOLERANCE)).unwrap_or(now);
        self.rest_until.map_or(paced, |rested| paced.max(rested))
    }

    /// A datagram leaves that asks for so many varbinds.
    pub(in crate::snmp) fn sent(&mut self, now: Instant, varbinds: usize) {
        let varbinds = u32::try_from(varbinds).unwrap_or(u32::MAX);
        let pause = self.interval.max(self.per_varbind.saturating_mul(varbinds)).min(SLOWEST);
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + pause);
    }

    /// An answer came; `slow` when it took much longer than this kind of request used to.
    pub(in crate::snmp) fn answered(&mut self, now: Instant, smoothed: Duration, slow: bool) {
        if slow {
            self.trouble(2);
        } else {
            self.clean = self.clean.saturating_add(1);
            self.calm = self.calm.saturating_add(1);
            self.unharmed = self.unharmed.saturating_add(1);
            if self.factor > 1 && self.calm >= CLEAN_TO_RECOVER {
                self.factor /= 2;
                (self.clean, self.calm) = (0, 0);
            } else if self.factor == 1 && self.window < self.max_window && self.clean >= CLEAN_TO_OPEN * self.window {
                self.window += 1;
                self.clean = 0;
            }
        }
        self.rest = smoothed.saturating_mul(self.factor - 1).min(MAX_REST);
        if !self.rest.is_zero() {
            self.rest_until = Some(now + self.rest);
        }
    }

    /// A wait ended without an answer.
    pub(in crate::snmp) fn timed_out(&mut self) {
        self.trouble(MAX_FACTOR);
    }

    /// A request is lost while the OLT answers others, or on a line that loses some. A second one within a few answers may
    /// mean that the OLT's queue is full: the window closes. A rest would help nobody.
    pub(in crate::snmp) fn lost(&mut self) {
        if std::mem::take(&mut self.unharmed) < CLEAN_TO_RECOVER {
            self.window = 1;
            self.clean = 0;
        }
    }

    fn trouble(&mut self, most: u32) {
        self.window = 1;
        (self.clean, self.calm) = (0, 0);
        self.factor = (self.factor * 2).min(most.max(self.factor));
    }

    /// Most requests in flight at present.
    pub(in crate::snmp) const fn window(&self) -> u32 {
        self.window
    }

    /// The rest after each answer at present.
    pub(in crate::snmp) const fn rest(&self) -> Duration {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(5);

    #[test]
    fn the_window_opens_on_clean_answers_and_closes_on_a_time_out() {
        let now = Instant::now();
        let mut governor = Governor::new(2, f64::INFINITY, f64::INFINITY);
        for _ in 0..7 {
            governor.answered(now, FAST, false);
        }
        assert_eq!(governor.window(), 1);
        governor.answered(now, FAST, false);
        assert_eq!(governor.window(), 2);
        for _ in 0..100 {
            governor.answered(now, FAST, false);
        }
        assert_eq!(governor.window(), 2, "never above what the target allows");
        governor.timed_out();
        assert_eq!(governor.window(), 1);
    }

    #[test]
    fn datagrams_leave_no_faster_than_the_rate() {
        let start = Instant::now();
        let mut governor = Governor::new(2, 50.0, f64::INFINITY);
        let mut now = start;
        for _ in 0..100 {
            now = now.max(governor.opens_at(now));
            governor.sent(now, 1);
        }
        let took = now - start;
        assert!(took >= Duration::from_millis(99 * 20 - 10), "{took:?}");
        assert!(took <= Duration::from_millis(99 * 20), "{took:?}");
        let slowest = Governor::new(1, f64::MIN_POSITIVE / 8.0, f64::INFINITY);
        assert_eq!(slowest.interval, SLOWEST, "a tiny rate is no unlimited one");
        let idle = now + Duration::from_secs(60);
        governor.sent(idle, 1);
        assert!(governor.opens_at(idle) > idle, "an idle minute does not save up a burst");
    }

    #[test]
    fn varbinds_count_where_they_are_the_tighter_bound() {
        let start = Instant::now();
        let mut governor = Governor::new(1, 50.0, 1000.0);
        governor.sent(start, 40);
        assert_eq!(governor.opens_at(start), start + Duration::from_millis(30));
        governor.sent(start + Duration::from_millis(30), 1);
        assert_eq!(governor.opens_at(start), start + Duration::from_millis(50));
    }

    #[test]
    fn it_rests_longer_with_every_time_out_and_recovers_on_clean_answers() {
        let now = Instant::now();
        let mut governor = Governor::new(1, f64::INFINITY, f64::INFINITY);
        governor.answered(now, FAST, false);
        assert!(governor.opens_at(now) <= now);
        governor.timed_out();
        governor.answered(now, FAST, false);
        assert_eq!(governor.opens_at(now), now + FAST);
        governor.timed_out();
        governor.timed_out();
        governor.timed_out();
        governor.answered(now, FAST, false);
        assert_eq!(governor.opens_at(now), now + FAST * 7);
        governor.answered(now, Duration::from_secs(9), false);
        assert_eq!(governor.rest(), MAX_REST);
        for _ in 0..48 {
            governor.answered(now, FAST, false);
        }
        assert_eq!(governor.rest(), Duration::ZERO);
    }

    #[test]
    fn losses_in_a_row_close_the_window_and_start_no_rest() {
        let now = Instant::now();
        let mut governor = Governor::new(2, f64::INFINITY, f64::INFINITY);
        (0..16).for_each(|_| governor.answered(now, FAST, false));
        governor.lost();
        assert_eq!(governor.window(), 2, "a lone one says nothing of the OLT");
        (0..15).for_each(|_| governor.answered(now, FAST, false));
        governor.lost();
        assert_eq!(governor.window(), 1);
        (0..8).for_each(|_| governor.answered(now, FAST, false));
        assert_eq!((governor.window(), governor.rest()), (2, Duration::ZERO));
        // A rest that is due for other reasons gets shorter all the same.
        governor.timed_out();
        for _ in 0..4 {
            (0..4).for_each(|_| governor.answered(now, FAST, false));
            governor.lost();
        }
        governor.answered(now, FAST, false);
        assert_eq!(governor.rest(), Duration::ZERO);
    }

    #[test]
    fn slow_answers_close_the_window_and_rest_one_round_trip() {
        let now = Instant::now();
        let mut governor = Governor::new(2, f64::INFINITY, f64::INFINITY);
        (0..8).for_each(|_| governor.answered(now, FAST, false));
        assert_eq!(governor.window(), 2);
        (0..5).for_each(|_| governor.answered(now, FAST, true));
        assert_eq!((governor.window(), governor.rest()), (1, FAST));
    }
}
