//! When each reply of one OLT leaves: a serial worker with a queue, at the end of a line with a round-trip time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How slow and how lossy the OLTs are.
#[derive(Clone, Debug)]
pub struct Pace {
    pub service: Duration,
    pub per_varbind: Duration,
    pub rtt: Duration,
    /// Most requests that an OLT holds, the one that it works on included; 0: no bound.
    pub queue: usize,
    /// Probability that a datagram is lost; rolled for each request and each reply.
    pub loss: f64,
    /// Most octets of a reply.
    pub cap: usize,
}

/// One OLT's worker.
#[derive(Default)]
pub struct Line {
    busy_until: Option<Instant>,
    /// When the accepted requests are done, and when their replies are at the asker's.
    done: VecDeque<Instant>,
    home: VecDeque<Instant>,
}

impl Line {
    /// When the worker begins with a request that arrives now; `None` when the queue is full.
    pub fn accept(&mut self, now: Instant, pace: &Pace) -> Option<Instant> {
        let arrival = now + pace.rtt / 2;
        while self.done.front().is_some_and(|done| *done <= arrival) {
            self.done.pop_front();
        }
        while self.home.front().is_some_and(|home| *home <= now) {
            self.home.pop_front();
        }
        if pace.queue > 0 && self.done.len() >= pace.queue {
            return None;
        }
        Some(self.busy_until.map_or(arrival, |busy| busy.max(arrival)))
    }

    /// When the reply to it is at the asker's.
    pub fn finish(&mut self, start: Instant, varbinds: usize, pace: &Pace) -> Instant {
        let varbinds = u32::try_from(varbinds).expect("a reply's varbinds");
        let done = start + pace.service + pace.per_varbind * varbinds;
        let home = done + (pace.rtt - pace.rtt / 2);
        self.busy_until = Some(done);
        self.done.push_back(done);
        self.home.push_back(home);
        home
    }

    /// Requests whose reply is not at the asker's yet.
    pub fn outstanding(&self) -> usize {
        self.home.len()
    }
}
