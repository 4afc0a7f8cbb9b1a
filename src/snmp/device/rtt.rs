//! Round-trip times by kind of request, and the waits that follow from them. It reads no clock.

use std::time::Duration;

use crate::snmp::Oid;
use crate::snmp::commons::ByNumber;

/// Shortest wait, unless the target's first wait is shorter.
const FLOOR: Duration = Duration::from_millis(250);
/// Longest wait, unless the target's first wait is longer.
const CEILING: Duration = Duration::from_secs(15);
/// Kinds that are kept; more make us forget all, which only costs longer waits.
const MAX_KINDS: usize = 256;
/// A difference below this is noise, not an OLT that slows down.
const NOISE: Duration = Duration::from_millis(20);

/// Requests of one kind take about equally long: optics may be a hundred times slower than names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::snmp) enum Kind {
    /// An SNMPv3 discovery.
    Discovery,
    /// Rows of a walk whose first column is this, or values of which the first begins with this.
    Below(Oid),
}

impl Kind {
    /// Values, the first of which has this name. Where its column ends and its index begins is not known here: so
    /// many numbers name a table in most MIBs.
    pub(in crate::snmp) fn of_value(oid: &Oid) -> Self {
        const TABLE: usize = 13;
        let column = oid.arcs().split_last().map(|(_, column)| column).unwrap_or_default();
        Self::Below(Oid::new(column.get(..TABLE).unwrap_or(column)))
    }
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    smoothed: Duration,
    variation: Duration,
    /// The slowest lately; forgotten slowly.
    slowest: Duration,
    /// Follows within a few answers.
    recent: Duration,
    /// Follows within many answers.
    usual: Duration,
}

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct RoundTrips {
    first: Duration,
    kinds: ByNumber<Kind, Estimate>,
}

impl RoundTrips {
    /// `first` is the wait for a kind that was never answered.
    pub(in crate::snmp) fn new(first: Duration) -> Self {
        Self { first, kinds: ByNumber::default() }
    }

    /// How long to wait for the answer to a request that is sent for the `attempt`-th time, counted from 0: smoothed
    /// time and four times its variation (RFC 6298), never less than the slowest lately, doubled with each attempt.
    pub(in crate::snmp) fn wait(&self, kind: &Kind, attempt: u32) -> Duration {
        let wait = match self.kinds.get(kind) {
            Some(seen) => (seen.smoothed + seen.variation * 4)
                .max(seen.smoothed * 3)
                .max(seen.slowest + seen.slowest / 4)
                .max(FLOOR.min(self.first)),
            None => self.first,
        };
        wait.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(CEILING.max(self.first))
    }

    /// An answer is known to have taken this long although its request was repeated before it came: the next waits
    /// shall not be shorter.
    pub(in crate::snmp) fn at_least(&mut self, kind: &Kind, took: Duration) {
        match self.kinds.get_mut(kind) {
            Some(seen) => seen.slowest = seen.slowest.max(took),
            None => {
                self.measured(kind, took);
            }
        }
    }

    /// Takes in a measured time, and tells the smoothed one and whether this kind has become slow: more than twice
    /// what it usually takes.
    pub(in crate::snmp) fn measured(&mut self, kind: &Kind, took: Duration) -> (Duration, bool) {
        if let Some(seen) = self.kinds.get_mut(kind) {
            seen.variation = (seen.variation * 3 + seen.smoothed.abs_diff(took)) / 4;
            seen.smoothed = (seen.smoothed * 7 + took) / 8;
            seen.slowest = took.max(seen.slowest - seen.slowest / 64);
            seen.recent = (seen.recent * 3 + took) / 4;
            seen.usual = (seen.usual * 63 + took) / 64;
            return (seen.smoothed, seen.recent > seen.usual * 2 + NOISE);
        }
        if self.kinds.len() >= MAX_KINDS {
            self.kinds.clear();
        }
        let seen = Estimate { smoothed: took, variation: took / 2, slowest: took, recent: took, usual: took };
        self.kinds.insert(kind.clone(), seen);
        (took, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Kind {
        Kind::of_value(&"1.3.6.1.2.1.1.3.0".parse().unwrap())
    }

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn the_first_wait_is_the_targets_and_doubles_to_the_ceiling() {
        let times = RoundTrips::new(ms(2000));
        let waits: Vec<_> = (0..5).map(|attempt| times.wait(&values(), attempt)).collect();
        assert_eq!(waits, [ms(2000), ms(4000), ms(8000), ms(15000), ms(15000)]);
    }

    #[test]
    fn waits_follow_what_was_measured_for_each_kind_alone() {
        let mut times = RoundTrips::new(ms(2000));
        for _ in 0..20 {
            times.measured(&values(), ms(5));
        }
        assert_eq!(times.wait(&values(), 0), FLOOR);
        let optics = Kind::Below("1.3.6.1".parse().unwrap());
        assert_eq!(times.wait(&optics, 0), ms(2000));
        times.measured(&optics, ms(3000));
        assert!(times.wait(&optics, 0) > ms(3000));
        for _ in 0..10 {
            times.measured(&optics, ms(50));
        }
        assert!(times.wait(&optics, 0) > ms(3000), "one slow answer is remembered for a while");
    }

    #[test]
    fn a_kind_that_becomes_slow_is_noticed_and_a_slow_kind_is_not() {
        let mut times = RoundTrips::new(ms(2000));
        for _ in 0..50 {
            assert!(!times.measured(&values(), ms(300)).1);
        }
        assert!((0..10).any(|_| times.measured(&values(), ms(1500)).1));
    }
}
