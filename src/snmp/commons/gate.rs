//! The gate that all OLTs' requests pass on their way out: how many datagrams and varbinds a second over all of them,
//! how fast OLTs that were silent come back, and how many octets of answers may be on their way to us. No clock.

use std::time::{Duration, Instant};

/// What a received datagram takes of a socket's buffer at least, as the kernel counts.
const PACKET_CHARGE: usize = 2_304;
/// Octets of payload in one packet of a datagram.
const PACKET_PAYLOAD: usize = 1_472;
/// How much a bucket holds, as a share of a second of its rate.
const DEPTH: Duration = Duration::from_millis(250);
/// Requests a second, over all of them, to OLTs that are silent or have just come back, and how many at once.
const RECOVERY_RATE: f64 = 200.0;
const RECOVERY_BURST: f64 = 100.0;

/// What an engine may do in sum.
#[derive(Debug, Clone, Copy)]
pub(in crate::snmp) struct Limits {
    /// Requests in flight.
    pub(in crate::snmp) in_flight: usize,
    /// Datagrams a second; infinite for no limit.
    pub(in crate::snmp) pdus_per_second: f64,
    /// Varbinds asked for a second; infinite for no limit.
    pub(in crate::snmp) varbinds_per_second: f64,
    /// Octets of answers that may be on their way at once, as the kernel counts them.
    pub(in crate::snmp) reply_octets: usize,
}

impl Limits {
    #[cfg(test)]
    pub(in crate::snmp) const NONE: Self = Self {
        in_flight: usize::MAX,
        pdus_per_second: f64::INFINITY,
        varbinds_per_second: f64::INFINITY,
        reply_octets: usize::MAX,
    };
}

/// Why a request has to wait for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::snmp) enum Queue {
    /// For what all OLTs share.
    Common,
    /// For the turn of its OLT among those that come back from silence.
    Recovery,
}

/// Tokens that come at a rate; what is drawn may go into debt, and then nothing is given until the debt is paid.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    depth: f64,
    tokens: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn new(rate: f64, depth: f64) -> Self {
        Self { rate, depth, tokens: depth, at: None }
    }

    fn fill(&mut self, now: Instant) {
        if let Some(at) = self.at {
            let elapsed = now.saturating_duration_since(at).as_secs_f64();
            self.tokens = (self.tokens + elapsed * self.rate).min(self.depth);
        }
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    fn draw(&mut self, number: f64) {
        if self.rate.is_finite() {
            self.tokens -= number;
        }
    }

    /// When it gives again; not after `now` when it does.
    fn opens_at(&mut self, now: Instant) -> Instant {
        if self.rate.is_infinite() {
            return now;
        }
        self.fill(now);
        if self.tokens >= 1.0 {
            return now;
        }
        // A rate that is next to nothing would overflow what a duration holds.
        now + Duration::try_from_secs_f64((1.0 - self.tokens) / self.rate).unwrap_or(Duration::from_secs(3600))
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct Gate {
    pdus: Bucket,
    varbinds: Bucket,
    recovery: Bucket,
    outstanding: usize,
    bound: usize,
    in_flight: usize,
    most_in_flight: usize,
}

impl Gate {
    pub(in crate::snmp) fn new(limits: Limits) -> Self {
        let bucket = |rate: f64| Bucket::new(rate, (rate * DEPTH.as_secs_f64()).max(1.0));
        Self {
            pdus: bucket(limits.pdus_per_second),
            varbinds: bucket(limits.varbinds_per_second),
            recovery: Bucket::new(RECOVERY_RATE, RECOVERY_BURST),
            outstanding: 0,
            bound: limits.reply_octets,
            in_flight: 0,
            most_in_flight: limits.in_flight.max(1),
        }
    }

    /// The octets of answers that may be on their way at once.
    pub(in crate::snmp) const fn set_bound(&mut self, octets: usize) {
        self.bound = octets;
    }

    /// Whether another answer may be on its way. One always may, so that nothing stands still.
    pub(in crate::snmp) const fn has_room(&self) -> bool {
        self.in_flight < self.most_in_flight
            && (self.outstanding == 0 || self.outstanding + PACKET_CHARGE <= self.bound)
    }

    /// Whether a request may leave, else which queue to wait in.
    pub(in crate::snmp) fn admits(&mut self, now: Instant, recovering: bool) -> Result<(), Queue> {
        if recovering && self.recovery.opens_at(now) > now {
            Err(Queue::Recovery)
        } else if !self.has_room() || self.pdus.opens_at(now).max(self.varbinds.opens_at(now)) > now {
            Err(Queue::Common)
        } else {
            Ok(())
        }
    }

    /// When those in a queue may be let through; `None` when only an answer can make room.
    pub(in crate::snmp) fn opens_at(&mut self, now: Instant, queue: Queue) -> Option<Instant> {
        if !self.has_room() {
            return None;
        }
        let common = self.pdus.opens_at(now).max(self.varbinds.opens_at(now));
        Some(match queue {
            Queue::Common => common,
            Queue::Recovery => common.max(self.recovery.opens_at(now)),
        })
    }

    /// A datagram leaves that asks for so many varbinds.
    pub(in crate::snmp) fn sent(&mut self, now: Instant, varbinds: usize, recovering: bool) {
        for bucket in [&mut self.pdus, &mut self.varbinds, &mut self.recovery] {
            bucket.fill(now);
        }
        self.pdus.draw(1.0);
        self.varbinds.draw(f64::from(u32::try_from(varbinds).unwrap_or(u32::MAX)));
        if recovering {
            self.recovery.draw(1.0);
        }
    }

    /// Counts an answer of about so many octets as on its way; gives what to release when it has come.
    pub(in crate::snmp) fn charge(&mut self, octets: usize) -> usize {
        self.in_flight += 1;
        let charge = octets.div_ceil(PACKET_PAYLOAD).max(1).saturating_mul(PACKET_CHARGE);
        self.outstanding = self.outstanding.saturating_add(charge);
        charge
    }

    /// An answer has come, or does not any more.
    pub(in crate::snmp) const fn release(&mut self, charge: usize) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.outstanding = self.outstanding.saturating_sub(charge);
    }

    /// Requests in flight.
    pub(in crate::snmp) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Octets of answers that are on their way.
    pub(in crate::snmp) const fn outstanding(&self) -> usize {
        self.outstanding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_rate_holds_over_any_time_and_a_pause_saves_up_a_quarter_second_only() {
        let start = Instant::now();
        let mut gate = Gate::new(Limits { pdus_per_second: 100.0, ..Limits::NONE });
        let mut sent = 0;
        for ms in 0..3000 {
            while gate.admits(start + ms * MS, false).is_ok() {
                gate.sent(start + ms * MS, 1, false);
                sent += 1;
            }
        }
        assert!((320..=326).contains(&sent), "{sent}");
        let idle = start + Duration::from_secs(60);
        let burst = std::iter::from_fn(|| gate.admits(idle, false).ok().map(|()| gate.sent(idle, 1, false))).count();
        assert_eq!(burst, 25);
        assert_eq!(gate.opens_at(idle, Queue::Common), Some(idle + 10 * MS));
    }

    #[test]
    fn varbinds_go_into_debt_that_is_paid_before_the_next_request() {
        let start = Instant::now();
        let mut gate = Gate::new(Limits { varbinds_per_second: 1000.0, ..Limits::NONE });
        gate.sent(start, 1250, false);
        assert_eq!(gate.admits(start, false), Err(Queue::Common));
        assert_eq!(gate.admits(start + 1000 * MS, false), Err(Queue::Common));
        assert_eq!(gate.admits(start + 1002 * MS, false), Ok(()));
    }

    #[test]
    fn answers_on_their_way_are_bounded_but_one_always_may_be() {
        let start = Instant::now();
        let mut gate = Gate::new(Limits { reply_octets: 5000, ..Limits::NONE });
        let first = gate.charge(1400);
        assert!(gate.has_room());
        let second = gate.charge(1400);
        assert_eq!((first, gate.admits(start, false)), (2304, Err(Queue::Common)));
        assert_eq!(gate.opens_at(start, Queue::Common), None);
        gate.release(second);
        assert!(gate.admits(start, false).is_ok());
        gate.set_bound(10);
        gate.release(first);
        assert!(gate.admits(start, false).is_ok());
        assert_eq!((gate.charge(8192), gate.outstanding()), (6 * 2304, 6 * 2304));
    }

    #[test]
    fn requests_in_flight_are_bounded_over_all_olts() {
        let now = Instant::now();
        let mut gate = Gate::new(Limits { in_flight: 2, ..Limits::NONE });
        let charges = [gate.charge(1400), gate.charge(9000)];
        assert_eq!((gate.in_flight(), gate.admits(now, false)), (2, Err(Queue::Common)));
        assert_eq!(gate.opens_at(now, Queue::Common), None, "only an answer makes room");
        gate.release(charges[1]);
        assert_eq!(gate.admits(now, false), Ok(()));
        gate.release(charges[0]);
        assert_eq!((gate.in_flight(), gate.outstanding()), (0, 0));
    }

    #[test]
    fn those_that_come_back_pass_one_by_one_and_do_not_hold_up_the_others() {
        let start = Instant::now();
        let mut gate = Gate::new(Limits::NONE);
        let mut sent = 0;
        while gate.admits(start, true).is_ok() {
            gate.sent(start, 1, true);
            sent += 1;
        }
        assert_eq!((sent, gate.admits(start, true)), (100, Err(Queue::Recovery)));
        assert_eq!(gate.admits(start, false), Ok(()));
        assert_eq!(gate.opens_at(start, Queue::Recovery), Some(start + 5 * MS));
    }
}
