//! One OLT, sans I/O: jobs and datagrams go in with the time, datagrams and results come out, and the next time that
//! something is due. It owns no socket and reads no clock, so that all of it runs in tests on a scripted one.
//!
//! ```text
//!   submit(job) ──► ready jobs ──ask──► slots (one per request in flight) ──transmit()──► datagrams
//!                       ▲    governor stands here ▲        │ time-outs: advance(now)
//!                       └────── answer, failure ──┴────────┘◄──────────── receive(now, source, datagram)
//! ```

mod governor;
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
use self::slots::{Found, MAX_ATTEMPTS, Slots};
use super::codec::{self, Pdu, PduKind, Request};
use super::{Counters, SnmpError, Target};
use crate::config::Secret;

/// How messages are wrapped.
#[derive(Debug)]
pub(super) enum Protocol {
    /// SNMPv2c with this community.
    V2c(Secret),
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
}

/// A request in flight.
#[derive(Debug)]
struct Flight {
    /// `None` when nobody waits for it any more, but the OLT may still work on it.
    job: Option<JobId>,
    ask: Ask,
    tries: u32,
    /// When each attempt was sent.
    sent: Vec<Instant>,
    deadline: Instant,
    /// The wait is over, and the next attempt waits for the governor.
    due: bool,
    /// Why an answer could not be read, or a datagram not be sent.
    trouble: Option<SnmpError>,
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
            slots: Slots::new(random),
            governor: Governor::new(target.window, target.pdus_per_second),
            times: RoundTrips::new(target.timeout),
            sizing: Sizing::new(target.max_repetitions),
            counters: Counters { window: 1, ..Counters::default() },
            out: VecDeque::new(),
            finished: VecDeque::new(),
            alive: false,
            ever_answered: false,
        }
    }

    /// Takes a job on; it begins with the next [`Self::advance`].
    pub(super) fn submit(&mut self, job: J) -> JobId {
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.insert(id, Entry { job, again: None });
        self.settle(id);
        id
    }

    /// Nobody waits for this job any more. What is in flight for it still counts for the window.
    pub(super) fn cancel(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.ready.retain(|ready| *ready != id);
        for (_, flight) in self.slots.iter_mut().filter(|(_, flight)| flight.job == Some(id)) {
            flight.job = None;
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
        let wants = self.slots.iter().any(|(_, flight)| flight.due)
            || !self.ready.is_empty() && self.in_flight() < self.governor.window();
        let opens = wants.then(|| self.governor.opens_at(now));
        [waits, opens].into_iter().flatten().min()
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
                None => self.in_flight() < self.governor.window() && self.start_next(now),
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
            if flight.job.is_none() {
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

    /// Tells the job that nothing came, and keeps the slot for as long as the OLT may still work on the request.
    fn give_up(&mut self, now: Instant, slot: usize) {
        let heard = self.alive;
        let silence = self.silence();
        let Some(flight) = self.slots.get_mut(slot) else { return };
        let Some(job) = flight.job.take() else { return };
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
        self.fail(now, job, Failure { error, ask_less: heard });
    }

    fn silence(&self) -> super::Silence {
        match &self.protocol {
            _ if self.ever_answered => super::Silence::AnsweredBefore,
            Protocol::V2c(_) => super::Silence::NeverV2c,
        }
    }

    /// Gives a failure to a job.
    fn fail(&mut self, now: Instant, job: JobId, failure: Failure) {
        if let Some(entry) = self.jobs.get_mut(&job) {
            let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
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

    /// Starts the request of the job whose turn it is; whether there was one.
    fn start_next(&mut self, now: Instant) -> bool {
        let Some(id) = self.ready.pop_front() else { return false };
        let Some(entry) = self.jobs.get_mut(&id) else { return true };
        let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
        let Some(ask) = entry.again.take().or_else(|| entry.job.ask(&mut hand)) else {
            self.settle(id);
            return true;
        };
        let most = self.retries.saturating_add(1).min(MAX_ATTEMPTS);
        let patient = !ask.impatient || !self.alive;
        let tries = if patient { most } else { most.min(2) };
        let ask = Ask { impatient: !patient, ..ask };
        let flight = Flight { job: Some(id), ask, tries, sent: Vec::new(), deadline: now, due: false, trouble: None };
        match self.slots.put(flight) {
            Some(slot) => {
                self.counters.most_in_flight = self.counters.most_in_flight.max(self.in_flight());
                self.send(now, slot);
            }
            None => self.ready.push_front(id),
        }
        true
    }

    /// Sends the next attempt of a request.
    fn send(&mut self, now: Instant, slot: usize) {
        let Some(flight) = self.slots.get(slot) else { return };
        let attempt = u32::try_from(flight.sent.len()).unwrap_or(u32::MAX);
        let datagram = match &self.protocol {
            // Every attempt has the same id: whichever answer comes first serves.
            Protocol::V2c(community) => {
                codec::encode_v2c(community.expose().as_bytes(), self.slots.id(slot, 0), &flight.ask.request)
            }
        };
        let wait = self.times.wait(&flight.ask.kind, attempt);
        let Some(flight) = self.slots.get_mut(slot) else { return };
        flight.due = false;
        flight.sent.push(now);
        flight.deadline = now + wait;
        if let Some(entry) = flight.job.and_then(|id| self.jobs.get_mut(&id)) {
            entry.job.sent();
        }
        self.counters.sent += 1;
        self.counters.retries += u64::from(attempt > 0);
        self.governor.sent(now);
        self.out.push_back(datagram);
    }

    /// The operating system refused to send.
    pub(super) fn send_failed(&mut self, why: &str) {
        let error = SnmpError::Socket { address: self.address.clone(), why: why.to_owned() };
        for (_, flight) in self.slots.iter_mut() {
            flight.trouble = Some(error.clone());
        }
    }

    /// Takes a datagram in.
    pub(super) fn receive(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        if !self.any_source && !same_place(source, self.peer) {
            self.counters.foreign += 1;
            return;
        }
        match &self.protocol {
            Protocol::V2c(community) => match codec::scan_v2c(datagram) {
                Ok(message) if message.community != community.expose().as_bytes() => self.counters.foreign += 1,
                Ok(message) if message.pdu.kind != PduKind::Response => self.counters.foreign += 1,
                Ok(message) => self.answered(now, &message.pdu),
                Err(why) => self.garbled(&format!("no SNMPv2c message: {why}")),
            },
        }
    }

    /// Something from the OLT's address that cannot be read: remembered as the reason if nothing better comes.
    fn garbled(&mut self, why: &str) {
        self.counters.garbage += 1;
        for (_, flight) in self.slots.iter_mut() {
            let oid = match flight.ask.request.oids.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            };
            flight.trouble = Some(SnmpError::Malformed { address: self.address.clone(), oid, why: why.to_owned() });
        }
    }

    fn answered(&mut self, now: Instant, pdu: &Pdu<'_>) {
        let (slot, attempt) = match self.slots.find(pdu.request_id) {
            Found::Live { slot, attempt } => (slot, attempt),
            Found::Late { slot } => {
                self.counters.late += 1;
                tracing::trace!(address = %self.address, slot, "late SNMP answer dropped");
                return;
            }
            Found::Unknown => {
                self.counters.foreign += 1;
                return;
            }
        };
        let known = self
            .slots
            .get(slot)
            .is_some_and(|flight| usize::try_from(attempt).is_ok_and(|attempt| attempt < flight.sent.len()));
        if !known {
            self.counters.foreign += 1;
            return;
        }
        let Some(flight) = self.slots.take(slot) else { return };
        let Some(job) = flight.job else {
            self.counters.late += 1;
            return;
        };
        self.alive = true;
        self.ever_answered = true;
        self.counters.answers += 1;
        self.measure(now, &flight, attempt);
        if let Some(entry) = self.jobs.get_mut(&job) {
            let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
            entry.job.answered(pdu, &mut hand);
            self.settle(job);
        }
    }

    /// Learns from how long an answer took. With one id for all attempts only an answer to a first attempt says so.
    fn measure(&mut self, now: Instant, flight: &Flight, attempt: u32) {
        let exact = flight.sent.len() == 1;
        let sent = usize::try_from(attempt).ok().and_then(|attempt| flight.sent.get(attempt));
        let took = sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(*sent));
        let (smoothed, slow) = if exact { self.times.measured(&flight.ask.kind, took) } else { (took, false) };
        if exact {
            self.counters.smoothed_rtt = Some(smoothed);
            self.governor.answered(now, smoothed, slow);
        }
    }
}

/// The same address and port; an IPv6 zone does not matter, as the socket knows the way.
fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical() && one.port() == other.port()
}
