//! How long an agent takes: a serial worker with a queue before it, at the end of a line with a round-trip time.
//! Pure: it computes when each reply leaves, and nobody sleeps for it.

use std::collections::VecDeque;
use std::time::Instant;

use super::faults::Pace;

/// The agent's worker and queue.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When the worker has done all that it accepted.
    busy_until: Option<Instant>,
    /// When each accepted request is done, in order.
    done: VecDeque<Instant>,
    /// When each reply reaches the asker, in order.
    home: VecDeque<Instant>,
}

/// A request that the agent accepted: when the worker begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted(Instant);

impl Line {
    /// A request arrives at our socket now: accepted, or nothing when the queue is full.
    pub(super) fn accept(&mut self, now: Instant, pace: &Pace) -> Option<Accepted> {
        let arrival = now.checked_add(pace.rtt / 2).unwrap_or(now);
        while self.done.front().is_some_and(|done| *done <= arrival) {
            self.done.pop_front();
        }
        while self.home.front().is_some_and(|home| *home <= now) {
            self.home.pop_front();
        }
        if pace.queue.is_some_and(|most| self.done.len() >= most) {
            return None;
        }
        Some(Accepted(self.busy_until.map_or(arrival, |busy| busy.max(arrival))))
    }

    /// The worker needs so long for it that the reply leaves at the instant given.
    pub(super) fn finish(&mut self, Accepted(start): Accepted, varbinds: usize, pace: &Pace) -> Instant {
        let varbinds = u32::try_from(varbinds).unwrap_or(u32::MAX);
        let work = pace.service.saturating_add(pace.per_varbind.saturating_mul(varbinds));
        let done = start.checked_add(work).unwrap_or(start);
        let home = done.checked_add(pace.rtt.saturating_sub(pace.rtt / 2)).unwrap_or(done);
        self.busy_until = Some(done);
        self.done.push_back(done);
        self.home.push_back(home);
        home
    }

    /// Requests whose reply has not reached the asker yet.
    pub(super) fn outstanding(&self) -> usize {
        self.home.len()
    }

    /// Forgets all work, as a reboot does.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ask(line: &mut Line, now: Instant, pace: &Pace) -> Option<Instant> {
        line.accept(now, pace).map(|accepted| line.finish(accepted, 10, pace))
    }

    #[test]
    fn without_any_delay_a_reply_leaves_at_once() {
        let now = Instant::now();
        assert_eq!(ask(&mut Line::default(), now, &Pace::default()), Some(now));
    }

    #[test]
    fn a_serial_agent_works_on_one_request_after_the_other() {
        let pace = Pace { service: 5 * MS, per_varbind: MS / 10, rtt: 2 * MS, queue: None };
        let (mut line, now) = (Line::default(), Instant::now());
        assert_eq!(ask(&mut line, now, &pace), Some(now + 8 * MS));
        assert_eq!(ask(&mut line, now, &pace), Some(now + 14 * MS));
        assert_eq!(line.outstanding(), 2);
        // Idle again: no debt and no credit.
        let later = now + 100 * MS;
        assert_eq!(ask(&mut line, later, &pace), Some(later + 8 * MS));
        assert_eq!(line.outstanding(), 1);
    }

    #[test]
    fn what_the_queue_cannot_hold_is_dropped() {
        let pace = Pace { service: 5 * MS, queue: Some(2), ..Pace::default() };
        let (mut line, now) = (Line::default(), Instant::now());
        assert!(ask(&mut line, now, &pace).is_some());
        assert!(ask(&mut line, now, &pace).is_some());
        assert_eq!(ask(&mut line, now, &pace), None);
        assert_eq!(ask(&mut line, now + 5 * MS, &pace), Some(now + 15 * MS));
    }
}
