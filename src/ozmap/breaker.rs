//! Leaves a host alone that does not answer, and asks it with one request whether it is back. Pure: times and chance are
//! arguments.
//!
//! ```text
//!            FAILURES in a row                     the pause is over
//!   closed ───────────────────► open ─────────────────────────────► probing: one request is on its way
//!     ▲                          ▲  it fails: the pause doubles          │  │
//!     │                          └──────────────────────────────────────┘  │
//!     └─────────────────────────────────────────────────────────────────────┘ it is answered
//! ```
//!
//! It knows nothing of tokens: a host that refuses the token is there.

use std::time::Duration;

/// Failures in a row, of whichever requests, after which the host counts as gone.
const FAILURES: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Duration },
    Probing,
}

/// How things stand, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It answers.
    Up,
    /// It does not; nothing goes out for a while.
    LeftAlone,
    /// One request asks whether it is back.
    Probed,
}

/// Whether a request may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Free,
    /// As the one that asks whether the host is back.
    AsProbe,
    /// Not before this time.
    NotBefore(Duration),
    /// Not before it is known what became of the probe.
    AfterProbe,
}

/// The breaker of one host.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    /// Pauses since the host last answered.
    pauses: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed, failures: 0, pauses: 0 }
    }
}

impl Breaker {
    pub(super) const fn way(&self, now: Duration) -> Way {
        match self.state {
            State::Closed => Way::Free,
            State::Open { until } if now.as_nanos() < until.as_nanos() => Way::NotBefore(until),
            State::Open { .. } => Way::AsProbe,
            State::Probing => Way::AfterProbe,
        }
    }

    /// The request that may ask whether the host is back goes out.
    pub(super) const fn probe(&mut self) {
        self.state = State::Probing;
    }

    /// The probe ended without telling anything.
    pub(super) fn probe_lost(&mut self, now: Duration) {
        if self.state == State::Probing {
            self.state = State::Open { until: now };
        }
    }

    /// The host answered, whatever it said. Whether it was gone before.
    pub(super) fn answered(&mut self) -> bool {
        let was = std::mem::take(self);
        was.state != State::Closed
    }

    /// The host did not answer. `pause` gives how long to leave it alone after so many pauses in a row. Whether it counts
    /// as gone from now on, and did not before.
    pub(super) fn failed(&mut self, now: Duration, pause: impl FnOnce(u32) -> Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.failures >= FAILURES,
            State::Probing => true,
            // One that went out before.
            State::Open { .. } => false,
        };
        if opens {
            self.pauses = self.pauses.saturating_add(1);
            self.state = State::Open { until: now.saturating_add(pause(self.pauses)) };
        }
        opens && self.pauses == 1
    }

    pub(super) const fn host(&self) -> HostState {
        match self.state {
            State::Closed => HostState::Up,
            State::Open { .. } => HostState::LeftAlone,
            State::Probing => HostState::Probed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pause(pauses: u32) -> Duration {
        seconds(10 * u64::from(pauses))
    }

    fn gone() -> Breaker {
        let mut breaker = Breaker::default();
        for at in 0..4 {
            assert!(!breaker.failed(seconds(at), pause));
            assert_eq!(breaker.way(seconds(at)), Way::Free);
        }
        assert!(breaker.failed(seconds(100), pause));
        breaker
    }

    #[test]
    fn one_answer_among_failures_keeps_the_way_free() {
        let mut breaker = Breaker::default();
        for at in 0..100 {
            for _ in 0..4 {
                breaker.failed(seconds(at), pause);
            }
            assert!(!breaker.answered());
            assert_eq!((breaker.way(seconds(at)), breaker.host()), (Way::Free, HostState::Up));
        }
    }

    #[test]
    fn a_host_that_is_gone_is_asked_by_one_request_after_each_pause() {
        let mut breaker = gone();
        assert_eq!(breaker.way(seconds(105)), Way::NotBefore(seconds(110)));
        // A request of before adds nothing.
        assert!(!breaker.failed(seconds(106), pause));
        assert_eq!(breaker.way(seconds(110)), Way::AsProbe);
        breaker.probe();
        assert_eq!((breaker.way(seconds(111)), breaker.host()), (Way::AfterProbe, HostState::Probed));
        assert!(!breaker.failed(seconds(112), pause));
        assert_eq!(breaker.way(seconds(112)), Way::NotBefore(seconds(132)));
        breaker.probe();
        assert!(breaker.answered());
        assert_eq!(breaker.way(seconds(133)), Way::Free);
        // All is forgotten.
        for _ in 0..4 {
            assert!(!breaker.failed(seconds(134), pause));
        }
        assert!(breaker.failed(seconds(134), pause));
        assert_eq!(breaker.way(seconds(135)), Way::NotBefore(seconds(144)));
    }

    #[test]
    fn a_probe_that_is_given_up_lets_another_one_go() {
        let mut breaker = gone();
        breaker.probe();
        breaker.probe_lost(seconds(120));
        assert_eq!(breaker.way(seconds(120)), Way::AsProbe);
        // Of no probe nothing is lost.
        let mut calm = Breaker::default();
        calm.probe_lost(seconds(1));
        assert_eq!(calm.way(seconds(1)), Way::Free);
    }
}
