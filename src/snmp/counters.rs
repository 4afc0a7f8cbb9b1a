//! What a session has counted.

use std::time::Duration;

/// Numbers of one session since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams sent: requests, repeated ones, discoveries.
    pub sent: u64,
    /// Of those, how many were a repetition of an unanswered request.
    pub retries: u64,
    /// Repetitions that were not needed, as the OLT answered the first request, too, and had only paused.
    pub needless: u64,
    /// Waits that ended without an answer.
    pub timeouts: u64,
    /// Answers that were taken.
    pub answers: u64,
    /// Answers to requests that are no longer waited for, and duplicates. Dropped.
    pub late: u64,
    /// Datagrams from another address, with another community or user, or with an id that we never gave. Dropped.
    pub foreign: u64,
    /// SNMPv3 messages whose authentication is missing or wrong. Dropped.
    pub unauthenticated: u64,
    /// Datagrams from the OLT that are no SNMP. Dropped.
    pub garbage: u64,
    /// SNMPv3 Reports that were taken.
    pub reports: u64,
    /// SNMPv3 discoveries of an engine that succeeded.
    pub discoveries: u64,
    /// Varbinds in the answers that were taken.
    pub varbinds: u64,
    /// Octets of the datagrams that were sent, without the headers of UDP and IP.
    pub octets_sent: u64,
    /// The same of those that came.
    pub octets_received: u64,
    /// Answers with tooBig.
    pub too_big: u64,
    /// Cells that the agent fails at, skipped.
    pub poisoned: u64,
    /// How often it fell silent: a request was given up after all its tries, and the one before it was answered.
    pub silences: u64,
    /// Single requests that asked a silent OLT whether it is back.
    pub probes: u64,
    /// How often a request had to wait for what all OLTs share.
    pub held: u64,
    /// Another OLT has the same SNMPv3 engine ID: one is a copy of the other's configuration, and tools that keep
    /// clocks by engine ID fail at both.
    pub shared_engine: bool,
    /// How often the SNMPv3 engine was started, as a signed message told; `None` before one did, and in v2c.
    pub engine_boots: Option<u32>,
    /// Requests in flight now, those that nobody waits for any more but the OLT may still work on included.
    pub in_flight: u32,
    /// The most that ever were in flight.
    pub most_in_flight: u32,
    /// The window at present.
    pub window: u32,
    /// How long we rest after each answer at present, to spare an OLT whose answers slow down.
    pub rest: Duration,
    /// Smoothed round-trip time of the last kind of request; `None` before the first answer.
    pub smoothed_rtt: Option<Duration>,
}

impl Counters {
    /// The counts of this session and of a later one together; what is true at present is the later one's.
    #[must_use]
    pub fn followed_by(&self, later: &Self) -> Self {
        Self {
            sent: self.sent + later.sent,
            retries: self.retries + later.retries,
            needless: self.needless + later.needless,
            timeouts: self.timeouts + later.timeouts,
            answers: self.answers + later.answers,
            late: self.late + later.late,
            foreign: self.foreign + later.foreign,
            unauthenticated: self.unauthenticated + later.unauthenticated,
            garbage: self.garbage + later.garbage,
            reports: self.reports + later.reports,
            discoveries: self.discoveries + later.discoveries,
            varbinds: self.varbinds + later.varbinds,
            octets_sent: self.octets_sent + later.octets_sent,
            octets_received: self.octets_received + later.octets_received,
            too_big: self.too_big + later.too_big,
            poisoned: self.poisoned + later.poisoned,
            silences: self.silences + later.silences,
            probes: self.probes + later.probes,
            held: self.held + later.held,
            shared_engine: later.shared_engine,
            engine_boots: later.engine_boots.or(self.engine_boots),
            in_flight: later.in_flight,
            most_in_flight: self.most_in_flight.max(later.most_in_flight),
            window: later.window,
            rest: later.rest,
            smoothed_rtt: later.smoothed_rtt.or(self.smoothed_rtt),
        }
    }
}
