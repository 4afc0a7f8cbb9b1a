//! How long an agent takes: a serial worker with a queue before it, at the end of a line with a round-trip time.
//! Pure: it computes when each reply leaves, and nobody sleeps for it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::faults::Pace;

/// The agent's worker and queue.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When the worker has done all that it accepted.
    busy_until: Option<Instant>,
    /// When each accepted request is done, in order.
    done: VecDeque<Instant>,
    /// When each reply reaches the asker, in order, and which request it answers.
    home: VecDeque<(Instant, u64)>,
    /// How often each of those requests came.
    outstanding: HashMap<u64, u32>,
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
        while let Some((_, request)) = self.home.front().copied().filter(|(home, _)| *home <= now) {
            self.home.pop_front();
            if let Entry::Occupied(mut times) = self.outstanding.entry(request) {
                *times.get_mut() -= 1;
                if *times.get() == 0 {
                    times.remove();
                }
            }
        }
        if pace.queue.is_some_and(|most| self.done.len() >= most) {
            return None;
        }
        Some(Accepted(self.busy_until.map_or(arrival, |busy| busy.max(arrival))))
    }

    /// The worker needs so long for it that the reply leaves at the instant given. A request that is sent again has the same
    /// number.
    pub(super) fn finish(&mut self, Accepted(start): Accepted, request: u64, varbinds: usize, pace: &Pace) -> Instant {
        let varbinds = u32::try_from(varbinds).unwrap_or(u32::MAX);
        let work = pace.service.saturating_add(pace.per_varbind.saturating_mul(varbinds));
        let done = start.checked_add(work).unwrap_or(start);
        let home = done.checked_add(pace.rtt.saturating_sub(pace.rtt / 2)).unwrap_or(done);
        self.busy_until = Some(done);
        self.done.push_back(done);
        self.home.push_back((home, request));
        *self.outstanding.entry(request).or_default() += 1;
        home
    }

    /// Requests whose reply has not reached the asker yet; one that came several times counts once.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Whether this request came before, and its reply has not reached the asker yet.
    pub(super) fn holds(&self, request: u64) -> bool {
        self.outstanding.contains_key(&request)
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

    /// Each request is another one.
    fn ask(line: &mut Line, now: Instant, pace: &Pace) -> Option<Instant> {
        let request = u64::try_from(line.home.len()).unwrap() + 1;
        line.accept(now, pace).map(|accepted| line.finish(accepted, request, 10, pace))
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
    fn a_request_that_comes_again_is_worked_on_again_and_counts_once() {
        let pace = Pace { service: 5 * MS, ..Pace::default() };
        let (mut line, now) = (Line::default(), Instant::now());
        for (request, done, outstanding) in [(1, 5, 1), (1, 10, 1), (2, 15, 2)] {
            assert_eq!(line.holds(request), done == 10);
            let accepted = line.accept(now, &pace).unwrap();
            assert_eq!(line.finish(accepted, request, 10, &pace), now + done * MS);
            assert_eq!(line.outstanding(), outstanding);
        }
        line.accept(now + 5 * MS, &pace);
        assert!(line.holds(1) && line.holds(2));
        line.accept(now + 10 * MS, &pace);
        assert!(!line.holds(1) && line.holds(2));
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
