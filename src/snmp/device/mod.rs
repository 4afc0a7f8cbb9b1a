//! One OLT, sans I/O: jobs and datagrams go in with the time, datagrams and results come out, and the next time that
//! something is due. It owns no socket and reads no clock, so that all of it runs in tests on a scripted one.
//!
//! ```text
//!   submit(job) ──► ready jobs ──ask──► slots (one per request in flight) ──transmit()──► datagrams
//!                       ▲    governor stands here ▲        │ time-outs: advance(now)
//!                       └────── answer, failure ──┴────────┘◄──────────── receive(now, source, datagram)
//! ```

mod governor;
mod receive;
mod rtt;
mod sizing;
mod slots;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::governor::Governor;
pub(super) use self::rtt::Kind;
use self::rtt::RoundTrips;
pub(super) use self::sizing::Sizing;
use self::slots::{MAX_ATTEMPTS, Slots};
use super::codec::{self, Operation, Pdu, Request};
use super::usm::Usm;
use super::{Counters, Refusal, Silence, SnmpError, Target};
use crate::config::Secret;

/// How messages are wrapped.
#[derive(Debug)]
pub(super) enum Protocol {
    /// SNMPv2c with this community.
    V2c(Secret),
    /// SNMPv3 with this user.
    V3(Box<Usm>),
}

/// A request that a job wants to have answered.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) request: Request,
    /// Fewer tries than the target allows, where asking for less may help sooner.
    pub(super) impatient: bool,
    pub(super) kind: Kind,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: SnmpError,
    /// The OLT is alive: asking for less, or for something else, may help.
    pub(super) ask_less: bool,
}

/// What a job may look at and change while it has the turn.
pub(super) struct Hand<'a> {
    pub(super) now: Instant,
    pub(super) address: &'a str,
    pub(super) sizing: &'a mut Sizing,
    pub(super) counters: &'a mut Counters,
}

/// Something that needs several requests, one after the other.
pub(super) trait Job: std::fmt::Debug {
    /// What it gives when it is done.
    type Outcome;

    /// The next request; `None` when it is done.
    fn ask(&mut self, hand: &mut Hand<'_>) -> Option<Ask>;
    /// Whether nothing is left to ask.
    fn is_done(&self) -> bool;
    /// A datagram was sent for it.
    fn sent(&mut self);
    /// The answer to the last request: its kind is Response.
    fn answered(&mut self, pdu: &Pdu<'_>, hand: &mut Hand<'_>);
    /// The last request has no answer.
    fn failed(&mut self, failure: Failure, hand: &mut Hand<'_>);
    /// What it gives.
    fn finish(self) -> Self::Outcome;
}

/// Names a job of a device.
pub(super) type JobId = u64;

#[derive(Debug)]
struct Entry<J> {
    job: J,
    /// A request to be sent again from the beginning, before the job is asked for another.
    again: Option<Ask>,
    /// How often the engine had to be discovered again for it.
    discoveries: u32,
}

/// Whom a request in flight is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Job(JobId),
    /// Discovers an SNMPv3 engine.
    Probe,
    /// Nobody waits for it any more, but the OLT may still work on it.
    Nothing,
}

/// A request in flight.
#[derive(Debug)]
struct Flight {
    purpose: Purpose,
    ask: Ask,
    tries: u32,
    /// When each attempt was sent.
    sent: Vec<Instant>,
    deadline: Instant,
    /// The wait is over, and the next attempt waits for the governor.
    due: bool,
    /// Why an answer could not be read, or a datagram not be sent.
    trouble: Option<SnmpError>,
    /// How often the engine's clock was taken over for it.
    resynchronised: u32,
}

impl Flight {
    fn new(now: Instant, purpose: Purpose, ask: Ask, tries: u32) -> Self {
        let sent = Vec::new();
        Self { purpose, ask, tries, sent, deadline: now, due: false, trouble: None, resynchronised: 0 }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Device<J: Job> {
    address: String,
    peer: SocketAddr,
    any_source: bool,
    retries: u32,
    protocol: Protocol,
    jobs: HashMap<JobId, Entry<J>>,
    next_job: JobId,
    ready: VecDeque<JobId>,
    slots: Slots<Flight>,
    governor: Governor,
    times: RoundTrips,
    sizing: Sizing,
    counters: Counters,
    out: VecDeque<Vec<u8>>,
    finished: VecDeque<(JobId, J::Outcome)>,
    /// It answered since the last request that was given up after all its tries.
    alive: bool,
    ever_answered: bool,
    /// Answers to repeated requests, by slot: when another answer follows, the repetition was not needed, and this is
    /// how long the first one took.
    repeated: HashMap<usize, (Kind, Duration)>,
}

impl<J: Job> Device<J> {
    pub(super) fn new(target: &Target, peer: SocketAddr, protocol: Protocol, random: fastrand::Rng) -> Self {
        Self {
            address: target.address.clone(),
            peer,
            any_source: target.any_source,
            retries: target.retries,
            protocol,
            jobs: HashMap::new(),
            next_job: 0,
            ready: VecDeque::new(),
            // Far more than the window, so that late answers are known for what they are.
            slots: Slots::new(usize::try_from(target.window).unwrap_or(8).saturating_mul(4).max(8), random),
            governor: Governor::new(target.window, target.pdus_per_second),
            times: RoundTrips::new(target.timeout),
            sizing: Sizing::new(target.max_repetitions),
            counters: Counters { window: 1, ..Counters::default() },
            out: VecDeque::new(),
            finished: VecDeque::new(),
            alive: false,
            ever_answered: false,
            repeated: HashMap::new(),
        }
    }

    /// Takes a job on; it begins with the next [`Self::advance`].
    pub(super) fn submit(&mut self, job: J) -> JobId {
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.insert(id, Entry { job, again: None, discoveries: 0 });
        self.settle(id);
        id
    }

    /// Nobody waits for this job any more. What is in flight for it still counts for the window.
    pub(super) fn cancel(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.ready.retain(|ready| *ready != id);
        for (_, flight) in self.slots.iter_mut().filter(|(_, flight)| flight.purpose == Purpose::Job(id)) {
            flight.purpose = Purpose::Nothing;
            flight.due = false;
        }
    }

    /// A datagram to send to the address that it returns.
    pub(super) fn transmit(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        self.out.pop_front().map(|datagram| (datagram, self.peer))
    }

    /// A job that is done.
    pub(super) fn finished(&mut self) -> Option<(JobId, J::Outcome)> {
        self.finished.pop_front()
    }

    /// Where the OLT is.
    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The OLT has another address now.
    pub(super) const fn move_to(&mut self, peer: SocketAddr) {
        self.peer = peer;
    }

    /// Whether it does not answer at present.
    pub(super) const fn is_silent(&self) -> bool {
        !self.alive
    }

    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.in_flight = self.in_flight();
        counters.window = self.governor.window();
        counters.rest = self.governor.rest();
        counters
    }

    fn in_flight(&self) -> u32 {
        u32::try_from(self.slots.iter().count()).unwrap_or(u32::MAX)
    }

    /// When [`Self::advance`] has something to do although nothing arrives.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let waits = self.slots.iter().filter(|(_, flight)| !flight.due).map(|(_, flight)| flight.deadline).min();
        let wants = self.slots.iter().any(|(_, flight)| flight.due) || self.can_start();
        let opens = wants.then(|| self.governor.opens_at(now));
        [waits, opens].into_iter().flatten().min()
    }

    /// Whether a request may begin as far as the window goes; while an engine is discovered, none.
    fn can_start(&self) -> bool {
        !self.ready.is_empty() && self.in_flight() < self.governor.window() && !self.is_probing()
    }

    fn is_probing(&self) -> bool {
        self.slots.iter().any(|(_, flight)| flight.purpose == Purpose::Probe)
    }

    /// Ends waits that are over and sends what may be sent now.
    pub(super) fn advance(&mut self, now: Instant) {
        self.end_waits(now);
        while self.governor.opens_at(now) <= now {
            let due = self.slots.iter().find(|(_, flight)| flight.due).map(|(slot, _)| slot);
            let acted = match due {
                Some(slot) => {
                    self.send(now, slot);
                    true
                }
                None => self.can_start() && self.start_next(now),
            };
            if !acted {
                return;
            }
        }
    }

    fn end_waits(&mut self, now: Instant) {
        let over: Vec<usize> = self
            .slots
            .iter()
            .filter(|(_, flight)| !flight.due && flight.deadline <= now)
            .map(|(slot, _)| slot)
            .collect();
        for slot in over {
            let Some(flight) = self.slots.get_mut(slot) else { continue };
            if flight.purpose == Purpose::Nothing {
                self.slots.take(slot);
                continue;
            }
            self.counters.timeouts += 1;
            self.governor.timed_out();
            let attempts = u32::try_from(flight.sent.len()).unwrap_or(u32::MAX);
            if attempts < flight.tries {
                flight.due = true;
            } else {
                self.give_up(now, slot);
            }
        }
    }

    /// Says that nothing came, and keeps the slot for as long as the OLT may still work on the request.
    fn give_up(&mut self, now: Instant, slot: usize) {
        let heard = self.alive;
        let silence = self.silence();
        let Some(flight) = self.slots.get_mut(slot) else { return };
        let purpose = std::mem::replace(&mut flight.purpose, Purpose::Nothing);
        let tries = u32::try_from(flight.sent.len()).unwrap_or(u32::MAX);
        let waited = flight.sent.first().map_or(Duration::ZERO, |first| now.saturating_duration_since(*first));
        let last_wait = flight.sent.last().map_or(Duration::ZERO, |last| now.saturating_duration_since(*last));
        flight.deadline = now + last_wait;
        let error = flight.trouble.take().unwrap_or_else(|| SnmpError::NoAnswer {
            address: self.address.clone(),
            tries,
            waited,
            silence,
        });
        if !flight.ask.impatient {
            self.alive = false;
        }
        self.fail(now, purpose, Failure { error, ask_less: heard });
    }

    fn silence(&self) -> Silence {
        match &self.protocol {
            _ if self.ever_answered => Silence::AnsweredBefore,
            Protocol::V2c(_) => Silence::NeverV2c,
            Protocol::V3(usm) if !usm.is_ready() => Silence::NeverV3,
            Protocol::V3(usm) if usm.has_privacy() => Silence::OnlyDiscoveryPrivate,
            Protocol::V3(_) => Silence::OnlyDiscovery,
        }
    }

    fn refused(&self, refusal: Refusal) -> SnmpError {
        let user = match &self.protocol {
            Protocol::V3(usm) => usm.user().to_owned(),
            Protocol::V2c(_) => String::new(),
        };
        SnmpError::Refused { address: self.address.clone(), user, refusal }
    }

    /// Gives a failure to whom it concerns: without an engine nobody can ask anything.
    fn fail(&mut self, now: Instant, purpose: Purpose, failure: Failure) {
        match purpose {
            Purpose::Job(job) => self.fail_job(now, job, failure),
            Purpose::Probe => {
                for job in std::mem::take(&mut self.ready) {
                    self.fail_job(now, job, Failure { error: failure.error.clone(), ask_less: false });
                }
            }
            Purpose::Nothing => {}
        }
    }

    fn fail_job(&mut self, now: Instant, job: JobId, failure: Failure) {
        if let Some(entry) = self.jobs.get_mut(&job) {
            let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
            entry.again = None;
            entry.job.failed(failure, &mut hand);
            self.settle(job);
        }
    }

    /// A job that has had its answer is finished or waits for its next turn.
    fn settle(&mut self, id: JobId) {
        match self.jobs.get(&id) {
            Some(entry) if entry.again.is_none() && entry.job.is_done() => {
                if let Some(entry) = self.jobs.remove(&id) {
                    self.finished.push_back((id, entry.job.finish()));
                }
            }
            Some(_) => self.ready.push_back(id),
            None => {}
        }
    }

    /// Starts the request of the job whose turn it is, or the discovery that it needs; whether something happened.
    fn start_next(&mut self, now: Instant) -> bool {
        if matches!(&self.protocol, Protocol::V3(usm) if !usm.is_ready()) {
            let request = Request { operation: Operation::Get, oids: Vec::new() };
            let ask = Ask { request, impatient: false, kind: Kind::Discovery };
            return self.launch(now, Purpose::Probe, ask);
        }
        let Some(id) = self.ready.pop_front() else { return false };
        let Some(entry) = self.jobs.get_mut(&id) else { return true };
        let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
        let Some(ask) = entry.again.take().or_else(|| entry.job.ask(&mut hand)) else {
            self.settle(id);
            return true;
        };
        if !self.launch(now, Purpose::Job(id), ask.clone()) {
            if let Some(entry) = self.jobs.get_mut(&id) {
                entry.again = Some(ask);
            }
            self.ready.push_front(id);
            return false;
        }
        true
    }

    /// Puts a request into a slot and sends it; `false` when no slot is free.
    fn launch(&mut self, now: Instant, purpose: Purpose, ask: Ask) -> bool {
        // Room is left for attempts that only take over an engine's clock.
        let most = self.retries.saturating_add(1).min(MAX_ATTEMPTS - 4);
        let impatient = ask.impatient && self.alive;
        let tries = if impatient { most.min(2) } else { most };
        let flight = Flight::new(now, purpose, Ask { impatient, ..ask }, tries);
        let Some(slot) = self.slots.put(flight) else { return false };
        self.repeated.remove(&slot);
        self.counters.most_in_flight = self.counters.most_in_flight.max(self.in_flight());
        self.send(now, slot);
        true
    }

    /// Sends the next attempt of a request.
    fn send(&mut self, now: Instant, slot: usize) {
        let Some(flight) = self.slots.get(slot) else { return };
        let attempt = u32::try_from(flight.sent.len()).unwrap_or(u32::MAX);
        let sealed = match &mut self.protocol {
            // Every attempt has the same id: whichever answer comes first serves.
            Protocol::V2c(community) => {
                let id = self.slots.id(slot, 0);
                Ok(codec::encode_v2c(community.expose().as_bytes(), id, &flight.ask.request))
            }
            // Every attempt has its own, as its msgID is part of what is signed; all of them stay live.
            Protocol::V3(_) if flight.purpose == Purpose::Probe => Ok(Usm::probe(self.slots.id(slot, attempt))),
            Protocol::V3(usm) => usm.seal(now, self.slots.id(slot, attempt), &flight.ask.request),
        };
        let datagram = match sealed {
            Ok(datagram) => datagram,
            Err(why) => {
                let purpose = flight.purpose;
                self.slots.take(slot);
                let error = SnmpError::Setting { what: format!("SNMPv3 with {}", self.address), why };
                self.fail(now, purpose, Failure { error, ask_less: false });
                return;
            }
        };
        // A repetition that only takes over the engine's clock is not for want of an answer.
        let unanswered = attempt.saturating_sub(flight.resynchronised);
        let wait = self.times.wait(&flight.ask.kind, unanswered);
        let Some(flight) = self.slots.get_mut(slot) else { return };
        self.counters.retries += u64::from(attempt > 0);
        flight.due = false;
        if matches!(flight.trouble, Some(SnmpError::Socket { .. })) {
            flight.trouble = None;
        }
        flight.sent.push(now);
        flight.deadline = now + wait;
        if let Purpose::Job(id) = flight.purpose
            && let Some(entry) = self.jobs.get_mut(&id)
        {
            entry.job.sent();
        }
        self.counters.sent += 1;
        self.governor.sent(now);
        self.out.push_back(datagram);
    }
}

#[cfg(test)]
mod tests;
