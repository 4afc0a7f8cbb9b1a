//! How long calls wait, and how often they try.

use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
