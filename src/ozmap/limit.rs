//! When the next request may go out: one rate for all calls, by urgency; reads and writes in flight bounded apart;
//! `Retry-After` for everybody; less of the rate while OZmap struggles (`pace`), nothing while it is gone (`breaker`).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::{Breaker, HostState, Way};
use super::pace::{Kind, Pace};

/// Reads in flight at most: pages and traces (`ozmap-api.md` section 5).
pub(super) const READS: usize = 4;

/// Writes in flight at most, and the reads that verify them.
const WRITES: usize = 2;

/// By [`Urgency::lane`].
const MOST_IN_FLIGHT: [usize; 2] = [READS, WRITES];

/// Tokio's clock for `governor`, so that a paused clock in a test holds for the limiter too.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Who asks. One goes when nobody more urgent waits; among equals, whoever is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A status of ERROR, and the read that verifies a write.
    Error,
    /// A status of OK.
    Recovery,
    /// A page of a list, a trace.
    Background,
    /// A power value. It does not wait long: whoever writes it has statuses to look after, and comes again.
    Power,
    /// What the plant is read from: it can wait for everything else.
    Plant,
}

impl Urgency {
    /// The most urgent first.
    const ALL: [Self; LEVELS] = [Self::Error, Self::Recovery, Self::Background, Self::Power, Self::Plant];

    /// 0 for reads, 1 for writes and the reads that verify them.
    const fn lane(self) -> usize {
        match self {
            Self::Background | Self::Plant => 0,
            Self::Error | Self::Recovery | Self::Power => 1,
        }
    }
}

/// How many [`Urgency`]s there are.
const LEVELS: usize = 5;

/// What became of a request that went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The host answered.
    Answered,
    /// The host answered that it has too much to do, and may have said for how long.
    Busy(Option<Duration>),
    /// Something before the host answered that it does not.
    Gone,
    /// Nothing answered; `in_time` is false when we gave up waiting.
    Silent { in_time: bool },
}

/// The limits at a moment, for the API and the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LimitView {
    /// Requests a second that may go out at present: the configured rate, or less while OZmap struggles.
    pub requests_per_second: f64,
    /// The same as a share of the configured rate.
    pub share: f64,
    /// Reads on their way.
    pub reads_in_flight: usize,
    /// Writes on their way, and the reads that verify them.
    pub writes_in_flight: usize,
    /// Whether the host answers.
    pub host: HostState,
}

#[derive(Debug)]
struct State {
    /// Nothing goes out before this: OZmap said `Retry-After`.
    closed_until: Duration,
    /// Nothing goes out before this, as less than the whole rate may be used.
    paced_until: Duration,
    pace: Pace,
    breaker: Breaker,
    /// Who waits, by urgency: numbers that grow with each who comes.
    waiting: [BTreeSet<u64>; LEVELS],
    next_number: u64,
    /// Reads, and writes, on their way.
    in_flight: [usize; 2],
}

impl State {
    fn has_room(&self, urgency: Urgency) -> bool {
        let lane = urgency.lane();
        self.in_flight.get(lane).zip(MOST_IN_FLIGHT.get(lane)).is_some_and(|(now, most)| now < most)
    }

    /// Whether somebody goes before this one: more urgent, or as urgent and here for longer.
    fn is_preceded(&self, urgency: Urgency, number: u64) -> bool {
        Urgency::ALL.into_iter().zip(&self.waiting).any(|(other, waiting)| {
            let first = waiting.first().copied();
            match other.cmp(&urgency) {
                Ordering::Less => first.is_some() && self.has_room(other),
                Ordering::Equal => first.is_some_and(|first| first < number),
                Ordering::Greater => false,
            }
        })
    }
}

/// The one gate of all requests.
#[derive(Debug)]
pub(super) struct Gate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>,
    clock: TokioClock,
    period: Duration,
    timing: Timing,
    /// Never held across an await.
    state: Mutex<State>,
    /// Something changed that somebody waits for.
    changed: Notify,
}

/// A place among those who wait, for as long as it lives.
struct Place<'a> {
    gate: &'a Gate,
    urgency: Urgency,
    number: u64,
}

impl<'a> Place<'a> {
    fn new(gate: &'a Gate, urgency: Urgency) -> Self {
        let mut state = gate.state();
        let number = state.next_number;
        state.next_number += 1;
        if let Some(waiting) = state.waiting.get_mut(urgency as usize) {
            waiting.insert(number);
        }
        Self { gate, urgency, number }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.gate.state().waiting.get_mut(self.urgency as usize) {
            waiting.remove(&self.number);
        }
        self.gate.changed.notify_waiters();
    }
}

/// A request on its way. Dropped without an outcome, it tells nothing.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    lane: usize,
    probe: bool,
    began: Duration,
}

impl Pass<'_> {
    /// Says what became of it.
    pub(super) fn settle(mut self, kind: Kind, outcome: Outcome) {
        // Whatever it was, it told something.
        self.probe = false;
        let now = self.gate.now();
        let mut state = self.gate.state();
        match outcome {
            Outcome::Answered => state.pace.answered(now, kind, now.saturating_sub(self.began)),
            Outcome::Busy(_) | Outcome::Silent { in_time: false } => state.pace.refused(now),
            Outcome::Gone | Outcome::Silent { in_time: true } => {}
        }
        if let Outcome::Busy(Some(wait)) = outcome {
            state.closed_until = state.closed_until.max(now.saturating_add(wait));
        }
        let (came, went) = match outcome {
            Outcome::Answered | Outcome::Busy(Some(_)) => (state.breaker.answered(), false),
            Outcome::Busy(None) | Outcome::Gone | Outcome::Silent { .. } => {
                // At least half of the ceiling: a pause of nothing would be none.
                let pause = |pauses| self.gate.timing.ceiling(pauses).mul_f64(0.5 + 0.5 * fastrand::f64());
                (false, state.breaker.failed(now, pause))
            }
        };
        drop(state);
        if went {
            tracing::warn!("OZmap does not answer: it is left alone, and one request asks from time to time");
        }
        if came {
            tracing::info!("OZmap answers again");
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let now = self.gate.now();
        let mut state = self.gate.state();
        if let Some(count) = state.in_flight.get_mut(self.lane) {
            *count -= 1;
        }
        if self.probe {
            state.breaker.probe_lost(now);
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

/// What one who waits finds.
enum Look {
    Go {
        probe: bool,
    },
    Wait(Duration),
    /// Until something changes.
    ForOthers,
}

impl Gate {
    /// For a mean rate and a burst; both are brought into what a limiter can hold.
    pub(super) fn new(per_second: f64, burst: u32, timing: Timing) -> Self {
        let per_second = if per_second.is_finite() { per_second.clamp(0.001, 100_000.0) } else { 0.001 };
        let burst = NonZeroU32::new(burst.min(100_000)).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs_f64(1.0 / per_second);
        // The period is at least 10 µs, so there always is a quota; the fallback is the strictest one.
        let quota = Quota::with_period(period).unwrap_or(Quota::per_hour(NonZeroU32::MIN)).allow_burst(burst);
        let clock = TokioClock(Instant::now());
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            period,
            timing,
            state: Mutex::new(State {
                closed_until: Duration::ZERO,
                paced_until: Duration::ZERO,
                pace: Pace::default(),
                breaker: Breaker::default(),
                waiting: Default::default(),
                next_number: 0,
                in_flight: [0; 2],
            }),
            changed: Notify::new(),
        }
    }

    fn now(&self) -> Duration {
        self.clock.0.elapsed()
    }

    /// A panic of one who held it leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long nothing will go out, whoever asks: OZmap said `Retry-After`, or is left alone.
    pub(super) fn closed_for(&self) -> Duration {
        let now = self.now();
        let state = self.state();
        let alone = match state.breaker.way(now) {
            Way::NotBefore(until) => until,
            Way::Free | Way::AsProbe | Way::AfterProbe => Duration::ZERO,
        };
        state.closed_until.max(alone).saturating_sub(now)
    }

    pub(super) fn view(&self) -> LimitView {
        let state = self.state();
        let [reads_in_flight, writes_in_flight] = state.in_flight;
        LimitView {
            requests_per_second: state.pace.share() / self.period.as_secs_f64(),
            share: state.pace.share(),
            reads_in_flight,
            writes_in_flight,
            host: state.breaker.host(),
        }
    }

    /// Waits for its turn; `None` when the stop came first, or when it is not urgent enough to wait any longer.
    pub(super) async fn pass(&self, urgency: Urgency, stop: &StopSignal) -> Option<Pass<'_>> {
        let patience = async {
            match urgency {
                Urgency::Power => {
                    let patience = (self.period * 2).clamp(Duration::from_millis(100), Duration::from_secs(1));
                    tokio::time::sleep(patience).await;
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.wait() => None,
            pass = self.turn(urgency) => Some(pass),
            () = patience => None,
        }
    }

    /// Comes back when it is its turn.
    async fn turn(&self, urgency: Urgency) -> Pass<'_> {
        let place = Place::new(self, urgency);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change is missed.
            changed.as_mut().enable();
            match self.look(&place) {
                Look::Go { probe } => return Pass { gate: self, lane: urgency.lane(), probe, began: self.now() },
                Look::Wait(time) => {
                    tokio::select! {
                        // Timers have a grain of a millisecond; less than that would spin.
                        () = tokio::time::sleep(time.max(Duration::from_millis(1))) => {}
                        () = changed => {}
                    }
                }
                Look::ForOthers => changed.await,
            }
        }
    }

    fn look(&self, place: &Place<'_>) -> Look {
        let now = self.now();
        let mut state = self.state();
        if !state.has_room(place.urgency) || state.is_preceded(place.urgency, place.number) {
            return Look::ForOthers;
        }
        let until = state.closed_until.max(state.paced_until);
        if until > now {
            return Look::Wait(until - now);
        }
        let probe = match state.breaker.way(now) {
            Way::Free => false,
            Way::AsProbe => true,
            Way::NotBefore(until) => return Look::Wait(until.saturating_sub(now)),
            Way::AfterProbe => return Look::ForOthers,
        };
        if let Err(not_until) = self.limiter.check() {
            return Look::Wait(not_until.wait_time_from(self.clock.now()));
        }
        // The limiter stays the ceiling; what is left of the rate is kept by longer gaps, without bursts.
        let share = state.pace.share();
        if share < 1.0 {
            state.paced_until = now.saturating_add(self.period.mul_f64(1.0 / share));
        }
        if probe {
            state.breaker.probe();
        }
        if let Some(count) = state.in_flight.get_mut(place.urgency.lane()) {
            *count += 1;
        }
        Look::Go { probe }
    }
}

mod stop;
mod timing;

pub(super) use stop::StopSignal;
pub use timing::Timing;

#[cfg(test)]
mod tests;
