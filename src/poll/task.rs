//! The task that polls one OLT.
//!
//! ```text
//!   Hints ──(merged in one place)──► PollTask ──Event──(4, waits)──► its judge
//!   shutdown ──(watch)────────────►   │  ▲
//!                                     ▼  │
//!                               snmp::Session ◄──► OLT
//! ```
//!
//! One sweep at a time: what hints name first, then state, inventory and a slice of optics, each when it is due, so that a
//! round of optics lets state sweeps pass between its slices.
//!
//! The breaker stands here, as this task owns the schedule: an OLT that gives no answer is left alone for a pause that
//! doubles, and then asked with a single request whether it is back ([`Poller::is_silent`]). That many OLTs behind one
//! link do not all come back in the same second is the engine's business.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::budget::DISTANCE;
use super::hint::{Hints, Wanted};
use super::reach::Reach;
use super::schedule::phase;
use super::view::SweepSummary;
use super::{Identity, Intervals, Lateness, PollError, Poller, Schedule, View};
use crate::model::{PonId, Sweep, SweepKind, SweepScope, Timestamp};
use crate::snmp::Counters;

/// The first pause after an OLT gave no answer; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between two looks at an OLT that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How the polling of an OLT goes.
#[derive(Debug, Clone)]
pub struct Status {
    /// What it says of itself; `None` until it was asked.
    pub identity: Option<Identity>,
    /// The intervals in force.
    pub intervals: Intervals,
    /// Slots of the schedule that passed while another sweep ran.
    pub skipped: u64,
    /// How late sweeps started.
    pub lateness: Lateness,
    /// Slices of the round of optics in hand that are read, and how many it has; both 0 before the first.
    pub slices: (usize, usize),
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
    hints: Hints,
    shutdown: watch::Receiver<bool>,
}

/// What is to be read next.
#[derive(Debug, Clone)]
struct Look {
    kind: SweepKind,
    reach: Reach,
    /// Asked for by hints; it stands beside the schedule.
    hinted: bool,
}

/// The PONs that hints name: first their states, then their levels.
#[derive(Debug, Default)]
struct Named {
    state: BTreeSet<PonId>,
    optics: BTreeSet<PonId>,
    /// Not before this.
    from: Option<Instant>,
}

/// The slices of the round of optics in hand.
#[derive(Debug, Default)]
struct RoundInHand {
    left: VecDeque<Reach>,
    read: usize,
    summary: Option<SweepSummary>,
}

/// What a running task knows.
struct Running {
    schedule: Schedule,
    named: Named,
    round: RoundInHand,
    failures: u32,
    /// Hints bring no sweep forward to before this.
    hints_from: Option<Instant>,
}

impl PollTask {
    /// `spread`: over how long the first sweeps of all OLTs are spread.
    #[must_use]
    pub const fn new(
        poller: Poller,
        spread: Duration,
        events: mpsc::Sender<Event>,
        hints: Hints,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        Self { poller, spread, events, hints, shutdown }
    }

    /// Polls until shutdown, or until nobody listens.
    pub async fn run(mut self) {
        let mut running = Running {
            schedule: Schedule::new(self.poller.name(), self.poller.intervals(), self.spread, Instant::now()),
            named: Named::default(),
            round: RoundInHand::default(),
            failures: 0,
            hints_from: None,
        };
        self.hints.set_pace(self.poller.intervals());
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.shutdown) => return,
                wanted = self.hints.take() => {
                    running.take_hints(wanted, Instant::now());
                    continue;
                }
                () = tokio::time::sleep_until(running.next()) => {}
            }
            let started = Instant::now();
            let Some(look) = running.look(&self.poller, started) else { continue };
            let known = self.poller.identity().is_some();
            let result = tokio::select! {
                biased;
                () = stopped(&mut self.shutdown) => return,
                result = self.poller.sweep_within(look.kind, &look.reach, Timestamp::from(SystemTime::now())) => result,
            };
            if !known && self.poller.identity().is_some() {
                // Until now the intervals were a guess, as the family was not known.
                let late = running.schedule.lateness();
                running.schedule = Schedule::new(self.poller.name(), self.poller.intervals(), Duration::ZERO, started);
                running.schedule.remember(&late);
                self.hints.set_pace(self.poller.intervals());
            }
            let event = match result {
                Ok(sweep) => {
                    running.swept(&mut self.poller, &look, &sweep, started);
                    Event::Swept {
                        sweep: Arc::new(sweep),
                        view: Arc::new(self.poller.view().clone()),
                        status: self.status(&running),
                    }
                }
                Err(error) => {
                    let pause = running.failed(&mut self.poller, &look, &error, started);
                    Event::Failed {
                        at: Timestamp::from(SystemTime::now()),
                        error: Arc::new(error),
                        times: running.failures,
                        again_in: pause,
                        status: self.status(&running),
                    }
                }
            };
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }

    fn status(&self, running: &Running) -> Status {
        let mut intervals = self.poller.intervals();
        intervals.optics = running.schedule.optics_every();
        Status {
            identity: self.poller.identity().cloned(),
            intervals,
            skipped: running.schedule.skipped(),
            lateness: running.schedule.lateness(),
            slices: (running.round.read, running.round.read + running.round.left.len()),
            counters: self.poller.counters(),
        }
    }
}

impl Running {
    /// When there is something to read next.
    fn next(&self) -> Instant {
        self.named.from.map_or(self.schedule.next(), |from| from.min(self.schedule.next()))
    }

    /// What to read now, if anything is due.
    fn look(&mut self, poller: &Poller, now: Instant) -> Option<Look> {
        if self.named.from.is_some_and(|from| from <= now) {
            return Some(self.named_look());
        }
        let kind = self.schedule.due(now)?;
        self.schedule.start(kind, now);
        if kind != SweepKind::Optics {
            return Some(Look { kind, reach: Reach::WHOLE, hinted: false });
        }
        if self.schedule.needs_round() {
            let slices: VecDeque<Reach> = poller.optics_round(self.schedule.round_took()).into();
            self.schedule.begin_round(slices.len());
            self.round = RoundInHand { left: slices, read: 0, summary: None };
        }
        // A round has at least one slice.
        let reach = self.round.left.front().cloned().unwrap_or(Reach::WHOLE);
        Some(Look { kind, reach, hinted: false })
    }

    fn named_look(&mut self) -> Look {
        let (kind, pons) = if self.named.state.is_empty() {
            (SweepKind::Optics, std::mem::take(&mut self.named.optics))
        } else {
            (SweepKind::State, std::mem::take(&mut self.named.state))
        };
        if self.named.optics.is_empty() {
            self.named.from = None;
        }
        let reach = Reach { scope: SweepScope::Pons(pons), ports: kind == SweepKind::State };
        Look { kind, reach, hinted: true }
    }

    /// A sweep was answered.
    fn swept(&mut self, poller: &mut Poller, look: &Look, sweep: &Sweep, started: Instant) {
        self.failures = 0;
        if look.kind == SweepKind::State {
            // An OLT that answers slowly gets as long a rest as it worked.
            self.hints_from = Some(started + DISTANCE.max(started.elapsed() * 2));
            if poller.strangers {
                self.schedule.hasten(SweepKind::Inventory, Instant::now());
            }
        }
        if look.hinted {
            return;
        }
        if look.kind == SweepKind::Optics {
            self.round.left.pop_front();
            if sweep.scope.is_whole() && !self.round.left.is_empty() {
                // What came since has no PON, so that the tables could not be cut: it was read with the others.
                self.round.left.clear();
                self.schedule.last_slice();
            }
            self.round.read += 1;
            match &mut self.round.summary {
                Some(summary) => summary.add(sweep),
                None => self.round.summary = Some(SweepSummary::of(sweep)),
            }
            if self.round.left.is_empty()
                && let Some(summary) = self.round.summary.take()
            {
                poller.view.end_round(SweepKind::Optics, summary);
            }
        }
        self.schedule.done(look.kind, started, Instant::now());
    }

    /// Nothing was read: the OLT is left alone for the pause that is returned. A slice is tried again then; what hints
    /// named is read by the sweeps that follow.
    fn failed(&mut self, poller: &mut Poller, look: &Look, error: &PollError, started: Instant) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if look.kind != SweepKind::Optics && !look.hinted {
            self.schedule.done(look.kind, started, Instant::now());
        }
        self.named = Named::default();
        let pause = pause_after(self.failures, poller.intervals().state);
        // OLTs that fell silent together, behind one link, do not come back together.
        let pause = pause + phase(poller.name(), pause / 8);
        self.schedule.put_off(Instant::now() + pause);
        self.schedule.hasten(SweepKind::State, Instant::now() + pause);
        if !error.is_silence() {
            // It is not what it was: it is looked at anew.
            poller.close();
        }
        pause
    }

    fn take_hints(&mut self, wanted: Wanted, now: Instant) {
        if self.failures > 0 {
            // The breaker decides when it is asked again, and everything is read then.
            return;
        }
        let at = self.hints_from.map_or(now, |from| from.max(now));
        let Wanted { state, levels, inventory, pons } = wanted;
        if state {
            self.schedule.hasten(SweepKind::State, at);
        }
        if inventory {
            self.schedule.hasten(SweepKind::Inventory, at);
        }
        if levels {
            self.schedule.hasten_levels(at);
        }
        if !pons.is_empty() {
            self.named.from.get_or_insert(at);
            self.named.state.extend(pons.iter().copied());
            self.named.optics.extend(pons);
        }
    }
}

/// Ends when shutdown is asked for, or when nobody can ask for it any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = shutdown.wait_for(|stop| *stop).await;
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
