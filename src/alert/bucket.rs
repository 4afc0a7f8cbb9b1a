//! How much a channel may be told: so many messages at once after a pause, and so many a minute in the long run. Pure.

use std::time::Duration;

use crate::config::alert::AlertBudget;
use crate::model::Timestamp;

/// The budget of one channel, as a token bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    budget: AlertBudget,
    tokens: f64,
    at: Option<Timestamp>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(budget: AlertBudget) -> Self {
        Self { budget, tokens: f64::from(budget.burst.max(1)), at: None }
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = self.at.map_or(Duration::ZERO, |at| now.since(at)).as_secs_f64();
        self.tokens = (passed * self.budget.per_minute / 60.0 + self.tokens).min(f64::from(self.budget.burst.max(1)));
        self.at = Some(now);
    }

    /// How many messages may go out now.
    pub(super) fn left(&mut self, now: Timestamp) -> usize {
        self.refill(now);
        // From 0 up to the burst.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = self.tokens as usize;
        whole
    }

    /// Takes one.
    pub(super) fn take(&mut self, now: Timestamp) {
        self.refill(now);
        self.tokens -= 1.0;
    }

    /// When the next may go out.
    pub(super) fn ready_at(&self, now: Timestamp) -> Timestamp {
        let lacking = (1.0 - self.tokens).max(0.0);
        now + Duration::from_secs_f64((lacking * 60.0 / self.budget.per_minute.max(0.01)).clamp(0.05, 6000.0))
    }
}
