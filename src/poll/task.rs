//! The task that polls one OLT.
//!
//! ```text
//!   hints ──(1, a full queue means that a look is due already)──► PollTask ──Event──(4, waits)──► its judge
//!   shutdown ──(watch)──────────────────────────────────────────►   │  ▲
//!                                                                   ▼  │
//!                                                             snmp::Session ◄──► OLT
//! ```
//!
//! The breaker stands here, as this task owns the schedule: an OLT that gives no answer is left alone for a pause that
//! doubles, and then asked with a single request whether it is back ([`Poller::is_silent`]). That many OLTs behind one
//! link do not all come back in the same second is the engine's business.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::schedule::phase;
use super::{Identity, Intervals, PollError, Poller, Schedule, View};
use crate::model::{Sweep, SweepKind, Timestamp};
use crate::snmp::Counters;

/// The first pause after an OLT gave no answer; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between two looks at an OLT that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Hints bring a state sweep forward, but never closer than this to the one before.
const HINT_DISTANCE: Duration = Duration::from_secs(5);

/// A reason to look again now; never evidence by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Read the state now.
    State,
    /// Read everything now.
    Everything,
}

/// How the polling of an OLT goes.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it says of itself; `None` until it was asked.
    pub identity: Option<Identity>,
    /// The intervals in force.
    pub intervals: Intervals,
    /// Slots of the schedule that passed while another sweep ran.
    pub skipped: u64,
    /// What was sent and came back.
    pub counters: Counters,
}

/// What a poll task tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// A sweep ended, complete or partial.
    Swept {
        /// The sweep.
        sweep: Arc<Sweep>,
        /// The newest known values, this sweep's included.
        view: Arc<View>,
        /// How polling goes.
        status: Status,
    },
    /// Nothing was read.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        error: Arc<PollError>,
        /// How often in a row.
        times: u32,
        /// When it is tried again.
        again_in: Duration,
        /// How polling goes.
        status: Status,
    },
}

/// The task of one OLT, before it runs.
#[derive(Debug)]
pub struct PollTask {
    poller: Poller,
    spread: Duration,
    events: mpsc::Sender<Event>,
    hints: mpsc::Receiver<Hint>,
    shutdown: watch::Receiver<bool>,
}

impl PollTask {
    /// `spread`: over how long the first sweeps of all OLTs are spread.
    #[must_use]
    pub const fn new(
        poller: Poller,
        spread: Duration,
        events: mpsc::Sender<Event>,
        hints: mpsc::Receiver<Hint>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self { poller, spread, events, hints, shutdown }
    }

    /// Polls until shutdown, or until nobody listens.
    pub async fn run(mut self) {
        let mut schedule = Schedule::new(self.poller.name(), self.poller.intervals(), self.spread, Instant::now());
        let mut failures = 0_u32;
        let mut last_state: Option<Instant> = None;
        loop {
            let kind = tokio::select! {
                biased;
                () = stopped(&mut self.shutdown) => return,
                hint = self.hints.recv() => {
                    match hint {
                        Some(hint) => take_hint(&mut schedule, hint, last_state),
                        None => return,
                    }
                    continue;
                }
                kind = next_due(&schedule) => kind,
            };
            let started = Instant::now();
            let known = self.poller.identity().is_some();
            let result = tokio::select! {
                biased;
                () = stopped(&mut self.shutdown) => return,
                result = self.poller.sweep(kind, Timestamp::from(SystemTime::now())) => result,
            };
            if !known && self.poller.identity().is_some() {
                // Until now the intervals were a guess, as the family was not known.
                schedule = Schedule::new(self.poller.name(), self.poller.intervals(), Duration::ZERO, started);
            }
            let event = match result {
                Ok(sweep) => {
                    failures = 0;
                    schedule.done(kind, started, Instant::now());
                    if kind == SweepKind::State {
                        last_state = Some(started);
                        if self.poller.strangers {
                            schedule.hasten(SweepKind::Inventory, Instant::now());
                        }
                    }
                    Event::Swept {
                        sweep: Arc::new(sweep),
                        view: Arc::new(self.poller.view().clone()),
                        status: self.status(&schedule),
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    schedule.done(kind, started, Instant::now());
                    let pause = pause_after(failures, self.poller.intervals().state);
                    // OLTs that fell silent together, behind one link, do not come back together.
                    let pause = pause + phase(self.poller.name(), pause / 8);
                    schedule.put_off(Instant::now() + pause);
                    schedule.hasten(SweepKind::State, Instant::now() + pause);
                    if !error.is_silence() {
                        // It is not what it was: it is looked at anew.
                        self.poller.close();
                    }
                    Event::Failed {
                        at: Timestamp::from(SystemTime::now()),
                        error: Arc::new(error),
                        times: failures,
                        again_in: pause,
                        status: self.status(&schedule),
                    }
                }
            };
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }

    fn status(&self, schedule: &Schedule) -> Status {
        let mut intervals = self.poller.intervals();
        intervals.optics = schedule.optics_every();
        Status {
            identity: self.poller.identity().cloned(),
            intervals,
            skipped: schedule.skipped(),
            counters: self.poller.counters(),
        }
    }
}

/// Ends when shutdown is asked for, or when nobody can ask for it any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

async fn next_due(schedule: &Schedule) -> SweepKind {
    loop {
        if let Some(kind) = schedule.due(Instant::now()) {
            return kind;
        }
        tokio::time::sleep_until(schedule.next()).await;
    }
}

fn take_hint(schedule: &mut Schedule, hint: Hint, last_state: Option<Instant>) {
    let now = Instant::now();
    let at = last_state.map_or(now, |last| (last + HINT_DISTANCE).max(now));
    schedule.hasten(SweepKind::State, at);
    if hint == Hint::Everything {
        schedule.hasten(SweepKind::Inventory, at);
        schedule.hasten(SweepKind::Optics, at);
    }
}

/// Short intervals (a test bench, a demo) pause as shortly.
fn pause_after(failures: u32, state_every: Duration) -> Duration {
    let first = FIRST_PAUSE.min(state_every);
    first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(LONGEST_PAUSE.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_ten_minutes() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<u64> = (1..8).map(|failures| pause_after(failures, minute).as_secs()).collect();
        assert_eq!(pauses, [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(pause_after(1, Duration::from_secs(2)), Duration::from_secs(2));
        assert_eq!(pause_after(u32::MAX, minute), LONGEST_PAUSE);
    }
}
