//! How much of the configured rate may be used at present: all of it, or less while OZmap struggles. Pure: times are
//! arguments.
//!
//! The share is cut by a factor at a sign of trouble and comes back in small steps while answers are good, so that it
//! settles just below what OZmap bears.

use std::time::Duration;

/// The least share of the rate: with 2 requests a second, one each ten seconds.
const FLOOR: f64 = 0.05;

/// What a refusal or a time-out leaves of the share.
const AFTER_REFUSAL: f64 = 0.5;

/// What answers that grow slow leave of it.
const AFTER_SLOWNESS: f64 = 0.7;

/// Good answers over this time bring back the whole rate from nothing.
const RECOVERY: Duration = Duration::from_secs(300);

/// Signs of trouble closer together than this are one trouble: they come from requests that went out together.
const ONE_TROUBLE: Duration = Duration::from_secs(5);

/// A pause between two answers counts for recovery as at most this long: silence is no good sign.
const LONGEST_GAIN: Duration = Duration::from_secs(10);

/// Kinds of requests that take different times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A page of a list: hundreds of rows.
    Page,
    /// A read of one thing, or of a few by their ids.
    Read,
    /// A write.
    Write,
}

/// How long answers of a kind take.
#[derive(Debug, Clone, Copy, Default)]
struct Latency {
    answers: u32,
    /// Follows the quick answers closely and the slow ones hardly: what a calm server takes. Seconds.
    usual: f64,
    /// Follows the last few answers. Seconds.
    recent: f64,
}

impl Latency {
    /// Below so many answers nothing is known.
    const LEAST: u32 = 8;
    /// More than this many times the usual is slow,
    const SLOW: f64 = 2.0;
    /// but not within this many seconds of it: nobody is hurt by milliseconds.
    const GRACE: f64 = 0.25;

    /// Takes the time of an answer; whether answers have grown slow.
    fn observe(&mut self, took: Duration) -> bool {
        let took = took.as_secs_f64();
        if self.answers == 0 {
            (self.usual, self.recent) = (took, took);
        }
        self.answers = self.answers.saturating_add(1);
        self.recent += 0.3 * (took - self.recent);
        self.usual += (if took < self.usual { 0.2 } else { 0.01 }) * (took - self.usual);
        self.answers >= Self::LEAST && self.recent > Self::SLOW * self.usual + Self::GRACE
    }
}

/// The share of the rate.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    share: f64,
    last_trouble: Option<Duration>,
    last_gain: Duration,
    latencies: [Latency; 3],
}

impl Default for Pace {
    fn default() -> Self {
        Self { share: 1.0, last_trouble: None, last_gain: Duration::ZERO, latencies: [Latency::default(); 3] }
    }
}

impl Pace {
    /// From [`FLOOR`] to 1.
    pub(super) const fn share(&self) -> f64 {
        self.share
    }

    /// OZmap said 429 or 503, or did not answer in time.
    pub(super) fn refused(&mut self, now: Duration) {
        self.slow_down(now, AFTER_REFUSAL);
    }

    /// An answer came, `took` after its request went out.
    pub(super) fn answered(&mut self, now: Duration, kind: Kind, took: Duration) {
        let [page, read, write] = &mut self.latencies;
        let latency = match kind {
            Kind::Page => page,
            Kind::Read => read,
            Kind::Write => write,
        };
        if latency.observe(took) {
            self.slow_down(now, AFTER_SLOWNESS);
            return;
        }
        let gained = now.saturating_sub(self.last_gain).min(LONGEST_GAIN);
        self.last_gain = now;
        self.share = (self.share + gained.as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0);
    }

    fn slow_down(&mut self, now: Duration, factor: f64) {
        self.last_gain = now;
        if self.last_trouble.is_some_and(|last| now.saturating_sub(last) < ONE_TROUBLE) {
            return;
        }
        self.last_trouble = Some(now);
        self.share = (self.share * factor).max(FLOOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(100);

    /// A calm request each half second, until `share` is reached or the time is over.
    fn calm_until(pace: &mut Pace, mut now: Duration, share: f64, most: Duration) -> Duration {
        let end = now + most;
        while pace.share() < share && now < end {
            now += Duration::from_millis(500);
            pace.answered(now, Kind::Write, QUICK);
        }
        now
    }

    #[test]
    fn refusals_halve_the_rate_down_to_its_floor_and_calm_brings_it_back_in_minutes() {
        let mut pace = Pace::default();
        assert_eq!(pace.share().to_bits(), 1.0_f64.to_bits());
        let mut now = Duration::from_secs(100);
        pace.refused(now);
        assert!((pace.share() - 0.5).abs() < 1e-9);
        // The other requests of the same moment say nothing new.
        pace.refused(now + Duration::from_secs(1));
        pace.refused(now + Duration::from_secs(4));
        assert!((pace.share() - 0.5).abs() < 1e-9);
        for _ in 0..20 {
            now += Duration::from_secs(6);
            pace.refused(now);
        }
        assert!((pace.share() - FLOOR).abs() < 1e-9);
        let then = calm_until(&mut pace, now, 1.0, Duration::from_secs(3600));
        let took = then - now;
        assert!((Duration::from_secs(200)..Duration::from_secs(310)).contains(&took), "{took:?}");
    }

    #[test]
    fn answers_that_grow_slow_lower_the_rate_and_slow_kinds_do_not() {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        for _ in 0..50 {
            now += Duration::from_secs(1);
            pace.answered(now, Kind::Write, QUICK);
            // A page takes long, and always did.
            pace.answered(now, Kind::Page, Duration::from_secs(6));
        }
        assert!(pace.share() > 0.999);
        for _ in 0..20 {
            now += Duration::from_secs(1);
            pace.answered(now, Kind::Write, Duration::from_secs(3));
        }
        assert!(pace.share() < 0.5, "{}", pace.share());
    }

    #[test]
    fn a_server_that_stays_slower_is_the_usual_one_after_a_while() {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        for took in std::iter::repeat_n(QUICK, 50).chain(std::iter::repeat_n(Duration::from_secs(1), 900)) {
            now += Duration::from_secs(1);
            pace.answered(now, Kind::Write, took);
        }
        assert!(pace.share() > 0.99, "{}", pace.share());
    }

    #[test]
    fn a_night_of_silence_is_no_recovery() {
        let mut pace = Pace::default();
        pace.refused(Duration::from_secs(10));
        pace.answered(Duration::from_secs(40_000), Kind::Read, QUICK);
        assert!(pace.share() < 0.6, "{}", pace.share());
    }
}
