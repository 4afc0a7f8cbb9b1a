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
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::breaker::{Breaker, HostState, Way};
use super::pace::{Kind, Pace};

/// Reads in flight at most: pages and traces (`ozmap-api.md` section 5).
pub(super) const READS: usize = 4;

/// Writes in flight at most, and the reads that verify them.
const WRITES: usize = 2;

/// By [`Urgency::lane`].
const MOST_IN_FLIGHT: [usize; 2] = [READS, WRITES];

/// How long calls wait, and how often they try.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the whole answer to a read.
    pub read: Duration,
    /// Longest wait for the whole answer to a write.
    pub write: Duration,
    /// Ceiling of the wait before the second try; it doubles with every further one.
    pub backoff_first: Duration,
    /// Ceiling of the wait before any try.
    pub backoff_most: Duration,
    /// How often one request is tried in all.
    pub tries: u32,
}

impl Default for Timing {
    /// As `ozmap-api.md` section 5 advises.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(60),
            write: Duration::from_secs(20),
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(60),
            tries: 6,
        }
    }
}

impl Timing {
    /// The ceiling of the wait after so many failures in a row: doubles from the first to the most.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(30));
        self.backoff_first.saturating_mul(doubled).min(self.backoff_most)
    }

    /// A wait after so many failures in a row: anything from nothing to the ceiling ("full jitter"), so that many
    /// who failed together do not come back together.
    #[must_use]
    pub fn backoff(&self, failures: u32) -> Duration {
        self.ceiling(failures).mul_f64(fastrand::f64())
    }
}

/// The end of waiting: set from outside, or because its sender is gone.
#[derive(Debug, Clone)]
pub(super) struct StopSignal(pub(super) Vec<watch::Receiver<bool>>);

impl StopSignal {
    /// Never.
    pub(super) const fn never() -> Self {
        Self(Vec::new())
    }

    /// Whether it was given.
    pub(super) fn given(&self) -> bool {
        self.0.iter().any(|receiver| *receiver.borrow() || receiver.has_changed().is_err())
    }

    /// Comes back when it is given.
    pub(super) async fn wait(&self) {
        let mut receivers = self.0.clone();
        match receivers.as_mut_slice() {
            [] => std::future::pending().await,
            [only] => {
                let _ = only.wait_for(|stop| *stop).await;
            }
            [first, second, ..] => tokio::select! {
                _ = first.wait_for(|stop| *stop) => {}
                _ = second.wait_for(|stop| *stop) => {}
            },
        }
    }

    /// Sleeps; `false` when the stop came first.
    pub(super) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.wait() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn gate(per_second: f64, burst: u32) -> Arc<Gate> {
        Arc::new(Gate::new(per_second, burst, Timing::default()))
    }

    async fn goes(gate: &Gate, urgency: Urgency, outcome: Outcome) {
        let pass = gate.pass(urgency, &StopSignal::never()).await.unwrap();
        pass.settle(Kind::Write, outcome);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_never_exceeded_in_any_window() {
        let gate = gate(2.0, 5);
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..25 {
            goes(&gate, Urgency::Background, Outcome::Answered).await;
            times.push(start.elapsed());
        }
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let allowed = 5.0 + 2.0 * (*to - *from).as_secs_f64() + 0.01;
                let went = f64::from(u32::try_from(last - first + 1).unwrap());
                assert!(went <= allowed, "{went} requests from {from:?} to {to:?}");
            }
        }
        let whole = times.last().unwrap().as_secs_f64();
        assert!((10.0..10.5).contains(&whole), "25 requests with a burst of 5 at 2/s took {whole} s");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_more_urgent_goes_first_however_long_others_wait() {
        let gate = gate(1.0, 1);
        goes(&gate, Urgency::Background, Outcome::Answered).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for urgency in [
            Urgency::Power,
            Urgency::Background,
            Urgency::Background,
            Urgency::Background,
            Urgency::Recovery,
            Urgency::Error,
        ] {
            let (gate, order) = (gate.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                if let Some(pass) = gate.pass(urgency, &StopSignal::never()).await {
                    order.lock().unwrap().push(urgency);
                    pass.settle(Kind::Write, Outcome::Answered);
                }
            }));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        use Urgency::{Background, Error, Recovery};
        // The power gave up: it comes again when there is room.
        assert_eq!(*order.lock().unwrap(), [Error, Recovery, Background, Background, Background]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_power_goes_at_once_when_there_is_room_and_else_waits_no_longer_than_a_second() {
        let gate = gate(0.1, 1);
        goes(&gate, Urgency::Power, Outcome::Answered).await;
        let start = Instant::now();
        assert!(gate.pass(Urgency::Power, &StopSignal::never()).await.is_none());
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_take_for_ever_take_no_place_of_a_write() {
        let gate = gate(1000.0, 100);
        let mut pages = Vec::new();
        for _ in 0..READS {
            pages.push(gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap());
        }
        let never = StopSignal::never();
        let one_more = gate.pass(Urgency::Background, &never);
        assert!(tokio::time::timeout(Duration::from_secs(60), one_more).await.is_err());
        let mut writes = Vec::new();
        for _ in 0..WRITES {
            writes.push(gate.pass(Urgency::Recovery, &StopSignal::never()).await.unwrap());
        }
        let view = gate.view();
        assert_eq!((view.reads_in_flight, view.writes_in_flight), (READS, WRITES));
        let one_more = gate.pass(Urgency::Error, &never);
        assert!(tokio::time::timeout(Duration::from_secs(60), one_more).await.is_err());
        // And a write that waits for its place holds up no read.
        pages.pop();
        let waits = gate.clone();
        let waits = tokio::spawn(async move { waits.pass(Urgency::Error, &StopSignal::never()).await.is_some() });
        tokio::time::sleep(Duration::from_secs(1)).await;
        pages.push(gate.pass(Urgency::Background, &never).await.unwrap());
        drop((pages, writes));
        assert!(waits.await.unwrap());
        assert!(gate.pass(Urgency::Background, &StopSignal::never()).await.is_some());
        assert_eq!(gate.view().writes_in_flight, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_holds_everybody_and_a_stop_frees_them() {
        let gate = gate(1000.0, 10);
        goes(&gate, Urgency::Error, Outcome::Busy(Some(Duration::from_secs(30)))).await;
        let start = Instant::now();
        assert!((29..=30).contains(&gate.closed_for().as_secs()));
        goes(&gate, Urgency::Error, Outcome::Busy(Some(Duration::from_secs(3600)))).await;
        assert!(start.elapsed() >= Duration::from_secs(30));
        let (stop, receiver) = watch::channel(false);
        let signal = StopSignal(vec![receiver]);
        let start = Instant::now();
        let (passed, ()) = tokio::join!(gate.pass(Urgency::Error, &signal), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.send(true).unwrap();
        });
        assert!(passed.is_none() && start.elapsed() < Duration::from_secs(2) && signal.given());
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_stretch_the_gaps_and_calm_shrinks_them_again() {
        let gate = gate(2.0, 5);
        goes(&gate, Urgency::Error, Outcome::Busy(None)).await;
        assert!((gate.view().requests_per_second - 1.0).abs() < 1e-6);
        let start = Instant::now();
        for _ in 0..10 {
            goes(&gate, Urgency::Error, Outcome::Answered).await;
        }
        // Half the rate, a little more with each answer, and no burst.
        let took = start.elapsed();
        assert!((Duration::from_secs(8)..Duration::from_secs(10)).contains(&took), "{took:?}");
        for _ in 0..600 {
            goes(&gate, Urgency::Error, Outcome::Answered).await;
        }
        assert!((gate.view().share - 1.0).abs() < 1e-6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_gone_sees_one_request_a_pause_and_all_of_them_when_it_is_back() {
        let gate = gate(1000.0, 100);
        for _ in 0..5 {
            goes(&gate, Urgency::Background, Outcome::Silent { in_time: true }).await;
        }
        assert_eq!(gate.view().host, HostState::LeftAlone);
        assert!(gate.closed_for() > Duration::from_millis(400));
        let went = Arc::new(Mutex::new(Vec::new()));
        let back = Instant::now() + Duration::from_secs(120);
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let (gate, went) = (gate.clone(), went.clone());
            tasks.push(tokio::spawn(async move {
                loop {
                    let pass = gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap();
                    let began = Instant::now();
                    went.lock().unwrap().push(began);
                    // Each takes a while, in which the others must not go.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    let is_back = began >= back;
                    let outcome = if is_back { Outcome::Answered } else { Outcome::Gone };
                    pass.settle(Kind::Page, outcome);
                    if is_back {
                        return;
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let went = went.lock().unwrap();
        let (while_gone, after): (Vec<Instant>, Vec<Instant>) = went.iter().partition(|at| **at < back);
        // Pauses double from a second to a minute.
        assert!((4..=9).contains(&while_gone.len()), "{}", while_gone.len());
        assert!(while_gone.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(700)));
        assert_eq!(after.len(), 4);
        assert_eq!(gate.view().host, HostState::Up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_blocks_nobody() {
        let gate = gate(1000.0, 100);
        for _ in 0..5 {
            goes(&gate, Urgency::Background, Outcome::Gone).await;
        }
        let probe = gate.pass(Urgency::Background, &StopSignal::never()).await.unwrap();
        assert_eq!(gate.view().host, HostState::Probed);
        drop(probe);
        goes(&gate, Urgency::Background, Outcome::Answered).await;
        assert_eq!(gate.view().host, HostState::Up);
    }

    #[test]
    fn back_off_doubles_to_its_ceiling_with_full_jitter() {
        let timing = Timing::default();
        let ceilings: Vec<u64> = (1..=8).map(|failures| timing.ceiling(failures).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(timing.ceiling(u32::MAX).as_secs(), 60);
        let waits: Vec<Duration> = (0..200).map(|_| timing.backoff(7)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(60)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(15)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(45)));
    }

    #[test]
    fn a_rate_that_is_no_rate_is_the_slowest() {
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            let _ = gate(per_second, 0);
            let _ = gate(per_second, u32::MAX);
        }
    }
}
