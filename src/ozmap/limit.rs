//! When the next request may go out: one rate for all calls, back-off between tries, `Retry-After` for everybody.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

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

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A status: goes before everything else.
    Write,
    /// A page of the directory, a power value: goes when no status waits.
    Background,
}

/// The one gate of all requests.
#[derive(Debug)]
pub(super) struct Gate {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Nanos>>,
    clock: TokioClock,
    /// Nothing goes out before this many nanoseconds of `clock`: OZmap said `Retry-After`.
    closed_until: AtomicU64,
    /// Statuses that wait; the background waits for them.
    urgent: AtomicUsize,
    urgent_done: Notify,
}

/// Counts one waiting status for as long as it lives.
struct Urgent<'a>(&'a Gate);

impl<'a> Urgent<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.urgent.fetch_add(1, Ordering::SeqCst);
        Self(gate)
    }
}

impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.urgent.fetch_sub(1, Ordering::SeqCst);
        self.0.urgent_done.notify_waiters();
    }
}

impl Gate {
    /// For a mean rate and a burst; both are brought into what a limiter can hold.
    pub(super) fn new(per_second: f64, burst: u32) -> Self {
        let per_second = if per_second.is_finite() { per_second.clamp(0.001, 100_000.0) } else { 0.001 };
        let burst = NonZeroU32::new(burst.min(100_000)).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs_f64(1.0 / per_second);
        // The period is at least 10 µs, so there always is a quota; the fallback is the strictest one.
        let quota = Quota::with_period(period).unwrap_or(Quota::per_hour(NonZeroU32::MIN)).allow_burst(burst);
        let clock = TokioClock(Instant::now());
        Self {
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            closed_until: AtomicU64::new(0),
            urgent: AtomicUsize::new(0),
            urgent_done: Notify::new(),
        }
    }

    /// Lets nothing out for this long, whoever asks.
    pub(super) fn close_for(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.closed_until.fetch_max(self.clock.now().as_u64().saturating_add(nanos), Ordering::SeqCst);
    }

    /// How long it stays closed for everybody.
    pub(super) fn closed_for(&self) -> Duration {
        let now = self.clock.now().as_u64();
        Duration::from_nanos(self.closed_until.load(Ordering::SeqCst).saturating_sub(now))
    }

    /// Waits for its turn; `false` when the stop came first.
    pub(super) async fn pass(&self, urgency: Urgency, stop: &StopSignal) -> bool {
        let _urgent = (urgency == Urgency::Write).then(|| Urgent::new(self));
        loop {
            if stop.given() {
                return false;
            }
            if urgency == Urgency::Background {
                let done = self.urgent_done.notified();
                tokio::pin!(done);
                // Registered before the look at the count, so that no wake-up is missed.
                done.as_mut().enable();
                if self.urgent.load(Ordering::SeqCst) > 0 {
                    tokio::select! {
                        () = stop.wait() => return false,
                        () = done => {}
                    }
                    continue;
                }
            }
            let now = self.clock.now();
            let closed = self.closed_for();
            let wait = if closed > Duration::ZERO {
                closed
            } else {
                match self.limiter.check() {
                    Ok(()) => return true,
                    Err(not_until) => not_until.wait_time_from(now),
                }
            };
            // Timers have a grain of a millisecond; less than that would spin.
            if !stop.sleep(wait.max(Duration::from_millis(1))).await {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_never_exceeded_in_any_window() {
        let gate = Gate::new(2.0, 5);
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..25 {
            assert!(gate.pass(Urgency::Background, &StopSignal::never()).await);
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
    async fn a_status_passes_before_pages_that_wait_longer() {
        let gate = Arc::new(Gate::new(1.0, 1));
        assert!(gate.pass(Urgency::Background, &StopSignal::never()).await);
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, urgency) in
            [("page", Urgency::Background), ("page", Urgency::Background), ("status", Urgency::Write)]
        {
            let (gate, order) = (gate.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                assert!(gate.pass(urgency, &StopSignal::never()).await);
                order.lock().unwrap().push(name);
            }));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["status", "page", "page"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_holds_everybody_and_a_stop_frees_them() {
        let gate = Gate::new(1000.0, 10);
        gate.close_for(Duration::from_secs(30));
        let start = Instant::now();
        assert!(gate.pass(Urgency::Write, &StopSignal::never()).await);
        assert!(start.elapsed() >= Duration::from_secs(30));
        gate.close_for(Duration::from_secs(3600));
        let (stop, receiver) = watch::channel(false);
        let signal = StopSignal(vec![receiver]);
        let start = Instant::now();
        let (passed, ()) = tokio::join!(gate.pass(Urgency::Write, &signal), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.send(true).unwrap();
        });
        assert!(!passed && start.elapsed() < Duration::from_secs(2) && signal.given());
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
            let _ = Gate::new(per_second, 0);
            let _ = Gate::new(per_second, u32::MAX);
        }
    }
}
