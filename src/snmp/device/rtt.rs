//! Round-trip times by kind of request, and the waits that follow from them. It reads no clock.
//!
//! A request that is sent again costs the OLT nothing only when the first one was lost. So waits are long, and short ones
//! are earned: the line has lost a datagram lately, and this kind of request was answered often enough that its slowest
//! answers are known. An OLT that answers both times has only paused: its pause is the shortest wait for an hour.

use std::time::{Duration, Instant};

use crate::snmp::Oid;
use crate::snmp::commons::ByNumber;

/// Shortest wait, unless the target's first wait is shorter.
const FLOOR: Duration = Duration::from_millis(250);
/// The same on a line that loses datagrams, once the kind is known.
const LOSSY_FLOOR: Duration = Duration::from_millis(30);
/// Answers of a kind before it is known.
const KNOWN: u32 = 32;
/// Answers without a loss before a line counts as sound again.
const LOSSY_ANSWERS: u32 = 1024;
/// How long a pause of the OLT is remembered, and the longest that all kinds of request wait for it.
const PAUSE_MEMORY: Duration = Duration::from_secs(3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
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
    /// The fastest of all.
    fastest: Duration,
    answers: u32,
    /// Follows within a few answers.
    recent: Duration,
    /// Follows within many answers.
    usual: Duration,
}

impl Estimate {
    /// Within which nearly all answers come (RFC 6298).
    fn spread(&self) -> Duration {
        (self.smoothed + self.variation * 4).max(self.smoothed * 3)
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct RoundTrips {
    first: Duration,
    kinds: ByNumber<Kind, Estimate>,
    /// Answers until the line counts as sound.
    lossy: u32,
    /// How long the OLT is known to pause, and when it did.
    pause: Option<(Duration, Instant)>,
}

impl RoundTrips {
    /// `first` is the wait for a kind that was never answered.
    pub(in crate::snmp) fn new(first: Duration) -> Self {
        Self { first, kinds: ByNumber::default(), lossy: 0, pause: None }
    }

    /// How long to wait for the answer to a request that is sent for the `attempt`-th time, counted from 0: smoothed
    /// time and four times its variation (RFC 6298), never less than the slowest lately nor than the OLT's pauses, doubled
    /// with each attempt.
    pub(in crate::snmp) fn wait(&self, now: Instant, kind: &Kind, attempt: u32) -> Duration {
        let wait = match self.kinds.get(kind) {
            Some(seen) => self.usual(now, seen).max(FLOOR.min(self.first)),
            None => self.first,
        };
        wait.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(CEILING.max(self.first))
    }

    /// A shorter wait, where the line loses datagrams and this kind of request is known.
    pub(in crate::snmp) fn short(&self, now: Instant, kind: &Kind) -> Option<Duration> {
        let seen = self.kinds.get(kind).filter(|seen| self.is_lossy() && seen.answers >= KNOWN)?;
        Some(self.usual(now, seen).max(LOSSY_FLOOR).min(self.wait(now, kind, 0)))
    }

    /// The shortest, for a request that later ones have overtaken: then its own slowness is no question any more, unless
    /// the OLT was once seen to answer it all the same.
    pub(in crate::snmp) fn overtaken(&self, now: Instant, kind: &Kind) -> Option<Duration> {
        let short = self.short(now, kind)?;
        match self.kinds.get(kind) {
            Some(seen) if self.known_pause(now).is_none() => Some(short.min(seen.spread().max(LOSSY_FLOOR))),
            _ => Some(short),
        }
    }

    fn usual(&self, now: Instant, seen: &Estimate) -> Duration {
        let pause = self.known_pause(now).unwrap_or_default();
        seen.spread().max(seen.slowest + seen.slowest / 4).max(pause)
    }

    fn known_pause(&self, now: Instant) -> Option<Duration> {
        let remembered = |(_, when): &(Duration, Instant)| now.saturating_duration_since(*when) < PAUSE_MEMORY;
        self.pause.filter(remembered).map(|(pause, _)| pause)
    }

    /// Whether anything of this kind was ever answered.
    pub(in crate::snmp) fn knows(&self, kind: &Kind) -> bool {
        self.kinds.contains_key(kind)
    }

    /// Whether the line has lost a datagram within the last answers.
    pub(in crate::snmp) const fn is_lossy(&self) -> bool {
        self.lossy > 0
    }

    /// A request was sent again, and that was answered: the first one, or its answer, was lost.
    pub(in crate::snmp) const fn lost(&mut self) {
        self.lossy = LOSSY_ANSWERS;
    }

    /// Whether an answer so soon can be the answer to what was just sent.
    pub(in crate::snmp) fn is_possible(&self, kind: &Kind, took: Duration) -> bool {
        self.kinds.get(kind).is_none_or(|seen| took >= seen.fastest)
    }

    /// A request was sent again, and the first one was answered after so long all the same: the OLT had only paused, and
    /// shall not be asked twice for that again.
    pub(in crate::snmp) fn paused(&mut self, now: Instant, kind: &Kind, took: Duration) {
        self.at_least(kind, took);
        let twice = took.saturating_mul(2).min(LONGEST_PAUSE);
        self.pause = Some((self.known_pause(now).map_or(twice, |pause| pause.max(twice)), now));
        self.lossy = 0;
    }

    /// An answer is known to have taken this long although its request was repeated or given up before it came: the next
    /// waits shall not be shorter.
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
        self.lossy = self.lossy.saturating_sub(1);
        if let Some(seen) = self.kinds.get_mut(kind) {
            seen.variation = (seen.variation * 3 + seen.smoothed.abs_diff(took)) / 4;
            seen.smoothed = (seen.smoothed * 7 + took) / 8;
            seen.slowest = took.max(seen.slowest - seen.slowest / 256);
            seen.fastest = seen.fastest.min(took);
            seen.answers = seen.answers.saturating_add(1);
            seen.recent = (seen.recent * 3 + took) / 4;
            seen.usual = (seen.usual * 63 + took) / 64;
            return (seen.smoothed, seen.recent > seen.usual * 2 + NOISE);
        }
        if self.kinds.len() >= MAX_KINDS {
            self.kinds.clear();
        }
        let variation = took / 2;
        let (smoothed, slowest, fastest, recent, usual) = (took, took, took, took, took);
        let seen = Estimate { smoothed, variation, slowest, fastest, answers: 1, recent, usual };
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
        let waits: Vec<_> = (0..5).map(|attempt| times.wait(Instant::now(), &values(), attempt)).collect();
        assert_eq!(waits, [ms(2000), ms(4000), ms(8000), ms(15000), ms(15000)]);
    }

    #[test]
    fn waits_follow_what_was_measured_for_each_kind_alone() {
        let now = Instant::now();
        let mut times = RoundTrips::new(ms(2000));
        for _ in 0..20 {
            times.measured(&values(), ms(5));
        }
        assert_eq!(times.wait(now, &values(), 0), FLOOR);
        let optics = Kind::Below("1.3.6.1".parse().unwrap());
        assert_eq!(times.wait(now, &optics, 0), ms(2000));
        times.measured(&optics, ms(3000));
        assert!(times.wait(now, &optics, 0) > ms(3000));
        for _ in 0..10 {
            times.measured(&optics, ms(50));
        }
        assert!(times.wait(now, &optics, 0) > ms(3000), "one slow answer is remembered for a while");
    }

    #[test]
    fn a_kind_that_becomes_slow_is_noticed_and_a_slow_kind_is_not() {
        let mut times = RoundTrips::new(ms(2000));
        for _ in 0..50 {
            assert!(!times.measured(&values(), ms(300)).1);
        }
        assert!((0..10).any(|_| times.measured(&values(), ms(1500)).1));
    }

    #[test]
    fn short_waits_are_for_known_kinds_on_lines_that_lose_datagrams() {
        let now = Instant::now();
        let mut times = RoundTrips::new(ms(2000));
        for _ in 0..KNOWN {
            times.measured(&values(), ms(5));
        }
        assert_eq!(times.short(now, &values()), None);
        times.lost();
        assert_eq!(times.short(now, &values()), Some(LOSSY_FLOOR));
        assert_eq!(times.short(now, &Kind::Discovery), None);
        times.measured(&values(), ms(100));
        assert!(times.short(now, &values()).unwrap() >= ms(125), "never less than the slowest lately");
        (0..8).for_each(|_| {
            times.measured(&values(), ms(5));
        });
        assert!(times.overtaken(now, &values()).unwrap() < ms(110), "but where later ones were answered");
        for _ in 0..LOSSY_ANSWERS {
            times.measured(&values(), ms(5));
        }
        assert_eq!(times.short(now, &values()), None, "a line that is sound for long counts as sound");
    }

    #[test]
    fn a_pause_is_waited_for_by_all_kinds_for_an_hour() {
        let now = Instant::now();
        let mut times = RoundTrips::new(ms(2000));
        let other = Kind::Below("1.3.6.1".parse().unwrap());
        for _ in 0..KNOWN {
            times.measured(&values(), ms(5));
            times.measured(&other, ms(5));
        }
        times.lost();
        times.paused(now, &values(), ms(300));
        assert_eq!((times.wait(now, &other, 0), times.short(now, &other)), (ms(600), None));
        times.lost();
        assert_eq!((times.short(now, &other), times.overtaken(now, &other)), (Some(ms(600)), Some(ms(600))));
        assert_eq!(times.wait(now + PAUSE_MEMORY, &other, 0), FLOOR);
        times.paused(now, &values(), ms(60_000));
        assert_eq!(times.wait(now, &other, 0), LONGEST_PAUSE);
        assert!(times.wait(now, &values(), 0) > LONGEST_PAUSE);
    }
}
