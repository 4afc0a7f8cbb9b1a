//! One OLT, sans I/O: jobs and datagrams go in with the time, datagrams and results come out, and the next time that
//! something is due. It owns no socket and reads no clock, so that all of it runs in tests on a scripted one.
//!
//! ```text
//!   submit(job) ──► ready jobs ──ask──► flights (one per request) ──────► Commons::outbox
//!                       ▲   governor, then Commons::gate ▲  │ time-outs: advance(now)
//!                       └────── answer, failure ─────────┴──┘◄──────────── take(now, source, message)
//! ```

mod flights;
mod governor;
mod job;
mod receive;
mod rtt;
mod sizing;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::flights::{Flight, Flights, Purpose};
use self::governor::Governor;
pub(super) use self::job::{Ask, Failure, Hand, Job};
pub(super) use self::receive::Arrived;
pub(super) use self::rtt::Kind;
use self::rtt::RoundTrips;
pub(super) use self::sizing::{FRAME, Sizing};
use super::codec::{self, Names, Operation, Request};
use super::commons::{ByNumber, Commons, Queue, Ticket};
use super::usm::{self, Chore, Made, Usm};
use super::{Counters, Refusal, Silence, SnmpError, Target};
use crate::config::Secret;

/// Most attempts of one request, those included that only take over an engine's clock.
const MAX_ATTEMPTS: u32 = 32;
/// Answers after a silence before an OLT counts as fully back.
const COMEBACK: u32 = 8;
/// Repeated requests that are remembered for a second answer.
const REMEMBERED: usize = 16;

/// How messages are wrapped.
#[derive(Debug)]
pub(super) enum Protocol {
    /// SNMPv2c with this community.
    V2c(Secret),
    /// SNMPv3 with this user.
    V3(Box<Usm>),
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

/// See the module.
#[derive(Debug)]
pub(super) struct Device<J: Job> {
    /// Names it among the devices of its engine.
    number: u32,
    address: String,
    peer: SocketAddr,
    any_source: bool,
    retries: u32,
    protocol: Protocol,
    jobs: ByNumber<JobId, Entry<J>>,
    next_job: JobId,
    ready: VecDeque<JobId>,
    flights: Flights,
    governor: Governor,
    times: RoundTrips,
    sizing: Sizing,
    counters: Counters,
    finished: VecDeque<(JobId, J::Outcome)>,
    /// Buffers of names that are not needed any more; as many as there were requests at once.
    spare: Vec<Vec<u8>>,
    /// It answered since the last request that was given up after all its tries.
    alive: bool,
    ever_answered: bool,
    /// A whole wait has ended since the last answer: it may be silent, and short waits would only add to what it finds.
    hushed: bool,
    /// Answers to come before it counts as back from a silence.
    comeback: u32,
    /// It has something to send that has to wait for what all OLTs share.
    held: Option<Queue>,
    /// Answers to repeated requests, by id: when another answer follows, nothing was lost, and this is how long the first
    /// one took.
    repeated: VecDeque<(i32, Kind, Duration)>,
}

impl<J: Job> Device<J> {
    pub(super) fn new(number: u32, target: &Target, peer: SocketAddr, protocol: Protocol) -> Self {
        Self {
            number,
            address: target.address.clone(),
            peer,
            any_source: target.any_source,
            retries: target.retries,
            protocol,
            jobs: ByNumber::default(),
            next_job: 0,
            ready: VecDeque::new(),
            flights: Flights::new(usize::try_from(target.window).unwrap_or(1)),
            governor: Governor::new(target.window, target.pdus_per_second, target.varbinds_per_second),
            times: RoundTrips::new(target.timeout),
            sizing: Sizing::new(target.max_repetitions, target.reply_octets),
            counters: Counters { window: 1, ..Counters::default() },
            finished: VecDeque::new(),
            spare: Vec::new(),
            alive: false,
            ever_answered: false,
            hushed: false,
            comeback: 0,
            held: None,
            repeated: VecDeque::new(),
        }
    }

    /// Takes a job on; it begins with the next [`Self::advance`].
    pub(super) fn submit(&mut self, job: J) -> JobId {
        let id = self.next_job;
        self.next_job += 1;
        self.counters.probes += u64::from(job.is_probe());
        self.jobs.insert(id, Entry { job, again: None, discoveries: 0 });
        self.settle(id);
        id
    }

    /// Nobody waits for this job any more. What is in flight for it still counts for the window.
    pub(super) fn cancel(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.ready.retain(|ready| *ready != id);
        for (_, flight) in self.flights.iter_mut().filter(|(_, flight)| flight.purpose == Purpose::Job(id)) {
            flight.linger(flight.deadline);
        }
    }

    /// Gives back what it holds of what all share; it must not be used any more.
    pub(super) fn close(&mut self, now: Instant, commons: &mut Commons) {
        let places: Vec<usize> = self.flights.iter().map(|(place, _)| place).collect();
        for place in places {
            self.land(now, commons, place);
        }
    }

    /// A job that is done.
    pub(super) fn finished(&mut self) -> Option<(JobId, J::Outcome)> {
        self.finished.pop_front()
    }

    pub(super) fn address(&self) -> &str {
        &self.address
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

    /// In which queue it waits for what all OLTs share, if it does.
    pub(super) const fn held(&self) -> Option<Queue> {
        self.held
    }

    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.in_flight = self.flights.count();
        counters.window = self.governor.window();
        counters.rest = self.governor.rest();
        counters
    }

    /// SNMPv3 keys to make, once; until they are there nothing is sent. Nobody waits for them while nothing is asked.
    pub(super) fn chore(&mut self) -> Option<Chore> {
        match &mut self.protocol {
            Protocol::V3(usm) if !self.ready.is_empty() => usm.chore(),
            _ => None,
        }
    }

    /// The keys are there; those who wait go on with the next [`Self::advance`].
    pub(super) fn equip(&mut self, now: Instant, made: Made) {
        let Protocol::V3(usm) = &mut self.protocol else { return };
        if let Err(why) = usm.equip(made) {
            let error = SnmpError::Setting { what: format!("SNMP with {}", self.address), why };
            self.fail(now, Purpose::Probe, Failure { error, ask_less: false });
        }
    }

    /// The SNMPv3 engine's ID, boots and time, when it turned out to be another than was known.
    pub(super) fn engine_news(&mut self, now: Instant) -> Option<(&[u8], i64, i64)> {
        let Protocol::V3(usm) = &mut self.protocol else { return None };
        let news = usm.news(now)?;
        self.counters.engine_boots = u32::try_from(news.1).ok();
        Some(news)
    }

    /// Another OLT has the same SNMPv3 engine ID, or has not any more.
    pub(super) const fn set_shared_engine(&mut self, shared: bool) {
        self.counters.shared_engine = shared;
    }

    /// When [`Self::advance`] has something to do although nothing arrives. While it is held, its turn comes when
    /// the gate opens.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let waits = self.flights.next_deadline();
        let wants = self.held.is_none() && (self.can_repeat() || self.can_start());
        let opens = wants.then(|| self.governor.opens_at(now));
        [waits, opens].into_iter().flatten().min()
    }

    fn can_repeat(&self) -> bool {
        self.flights.iter().any(|(_, flight)| flight.due)
    }

    /// Whether a request may begin as far as the window goes; while an engine is discovered, none.
    fn can_start(&self) -> bool {
        let keyless = matches!(&self.protocol, Protocol::V3(usm) if usm.is_waiting_for_keys());
        !self.ready.is_empty() && self.flights.count() < self.governor.window() && !self.is_probing() && !keyless
    }

    fn is_probing(&self) -> bool {
        self.flights.iter().any(|(_, flight)| flight.purpose == Purpose::Probe)
    }

    const fn is_recovering(&self) -> bool {
        !self.alive || self.comeback > 0
    }

    /// Ends waits that are over and sends what may be sent now.
    pub(super) fn advance(&mut self, now: Instant, commons: &mut Commons) {
        self.end_waits(now, commons);
        self.held = None;
        while self.governor.opens_at(now) <= now {
            let due = self.flights.iter().find(|(_, flight)| flight.due).map(|(place, _)| place);
            if due.is_none() && !self.can_start() {
                return;
            }
            if let Err(queue) = commons.gate.admits(now, self.is_recovering()) {
                self.counters.held += 1;
                self.held = Some(queue);
                return;
            }
            match due {
                Some(place) => self.send(now, commons, place),
                None => self.start_next(now, commons),
            }
        }
    }

    /// Ends waits that are over, and sends nothing.
    pub(super) fn end_waits(&mut self, now: Instant, commons: &mut Commons) {
        while let Some(place) = self.flights.overdue(now) {
            let Some(flight) = self.flights.get_mut(place) else { return };
            if flight.purpose == Purpose::Nothing {
                self.land(now, commons, place);
                continue;
            }
            self.counters.timeouts += 1;
            if flight.deadline > now {
                self.governor.lost();
            } else {
                // One that is lost twice on a lossy line says nothing of the OLT yet.
                if self.times.is_lossy() && flight.attempts < 3 {
                    self.governor.lost();
                } else {
                    self.governor.timed_out();
                }
                self.hushed = true;
            }
            if flight.attempts < flight.tries {
                flight.due = true;
                // Its answer is most likely lost: it takes no room from the others until it is asked for again. Else
                // requests that are lost all at once would wait for each other for ever.
                if let Some(charge) = flight.charge.take() {
                    commons.gate.release(charge);
                }
            } else {
                self.give_up(now, place);
            }
        }
    }

    /// Ends a flight, and gives back what it holds of what all share.
    fn land(&mut self, now: Instant, commons: &mut Commons, place: usize) -> Option<Flight> {
        let flight = self.flights.take(place)?;
        for id in flight.earlier.iter().chain(&flight.id) {
            commons.tickets.take_back(*id, now);
        }
        if let Some(charge) = flight.charge {
            commons.gate.release(charge);
        }
        Some(flight)
    }

    /// Says that nothing came, and keeps the flight for as long as the OLT may still work on the request.
    fn give_up(&mut self, now: Instant, place: usize) {
        let heard = self.alive;
        let silence = self.silence();
        let Some(flight) = self.flights.get_mut(place) else { return };
        let purpose = flight.purpose;
        let tries = flight.attempts;
        let waited = now.saturating_duration_since(flight.first);
        flight.linger(now + now.saturating_duration_since(flight.last));
        let error = flight.trouble.take().unwrap_or_else(|| SnmpError::NoAnswer {
            address: self.address.clone(),
            tries,
            waited,
            silence,
        });
        if !flight.ask.impatient {
            self.counters.silences += u64::from(self.alive);
            self.alive = false;
            self.comeback = COMEBACK;
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
            let mut hand = Hand {
                now,
                address: &self.address,
                sizing: &mut self.sizing,
                counters: &mut self.counters,
                spare: &mut self.spare,
            };
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

    /// Starts the request of the job whose turn it is, or the discovery that it needs.
    fn start_next(&mut self, now: Instant, commons: &mut Commons) {
        if matches!(&self.protocol, Protocol::V3(usm) if !usm.is_ready()) {
            let request = Request { operation: Operation::Get, names: Names::default() };
            let ask = Ask { request, impatient: false, kind: Kind::Discovery, octets: 0 };
            return self.launch(now, commons, Purpose::Probe, ask);
        }
        let Some(id) = self.ready.pop_front() else { return };
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let mut hand = Hand {
            now,
            address: &self.address,
            sizing: &mut self.sizing,
            counters: &mut self.counters,
            spare: &mut self.spare,
        };
        match entry.again.take().or_else(|| entry.job.ask(&mut hand)) {
            Some(ask) => self.launch(now, commons, Purpose::Job(id), ask),
            None => self.settle(id),
        }
    }

    /// Puts a request into a place and sends it. The window, of which there is something left, is never more than
    /// there are places.
    fn launch(&mut self, now: Instant, commons: &mut Commons, purpose: Purpose, ask: Ask) {
        // Room is left for attempts that only take over an engine's clock.
        let most = if self.is_only_probed(purpose) { 1 } else { self.retries.saturating_add(1).min(MAX_ATTEMPTS - 4) };
        let impatient = ask.impatient && self.alive;
        // Where a line loses datagrams, a silence says less about what was asked.
        let few = if self.times.is_lossy() && !self.hushed { 3 } else { 2 };
        let tries = if impatient { most.min(few) } else { most };
        let flight = Flight::new(now, purpose, Ask { impatient, ..ask }, tries);
        let Some(place) = self.flights.put(flight) else { return };
        self.counters.most_in_flight = self.counters.most_in_flight.max(self.flights.count());
        self.send(now, commons, place);
    }

    /// Whether everyone who waits for this request only asks if the OLT is there.
    fn is_only_probed(&self, purpose: Purpose) -> bool {
        let is_probe = |id: &JobId| self.jobs.get(id).is_some_and(|entry| entry.job.is_probe());
        match purpose {
            Purpose::Job(id) => is_probe(&id),
            Purpose::Probe => self.ready.iter().all(is_probe),
            Purpose::Nothing => false,
        }
    }

    /// Sends the next attempt of a request.
    fn send(&mut self, now: Instant, commons: &mut Commons, place: usize) {
        let (device, flight) = (self.number, place);
        let Some(held) = self.flights.get_mut(place) else { return };
        // v2c: every attempt has the same id, and whichever answer comes first serves. v3: every attempt has its own,
        // as its msgID is part of what is signed; all of them stay live.
        if matches!(self.protocol, Protocol::V3(_)) {
            held.earlier.extend(held.id.take());
        }
        let id = held.id.or_else(|| commons.tickets.give(Ticket { device, flight, sent: now }));
        held.id = id;
        let sealed = match (&mut self.protocol, id) {
            (_, None) => Err("more requests are in flight than there are ids".to_owned()),
            (Protocol::V2c(community), Some(id)) => {
                let mut octets = commons.outbox.buffer();
                codec::encode_v2c(&mut octets, community.expose().as_bytes(), id, &held.ask.request);
                Ok(octets)
            }
            (Protocol::V3(_), Some(id)) if held.purpose == Purpose::Probe => {
                let mut octets = commons.outbox.buffer();
                usm::probe(&mut octets, id);
                Ok(octets)
            }
            (Protocol::V3(usm), Some(id)) => {
                let mut octets = commons.outbox.buffer();
                usm.seal(now, id, &held.ask.request, &mut octets).map(|()| octets).map_err(str::to_owned)
            }
        };
        let datagram = match sealed {
            Ok(datagram) => datagram,
            Err(why) => {
                let purpose = held.purpose;
                self.land(now, commons, place);
                let error = SnmpError::Setting { what: format!("SNMP with {}", self.address), why };
                self.fail(now, purpose, Failure { error, ask_less: false });
                return;
            }
        };
        let repeated = held.attempts > 0;
        // A repetition that only takes over the engine's clock is not for want of an answer.
        let unanswered = held.attempts.saturating_sub(held.resynchronised);
        if held.charge.is_none() {
            held.charge = Some(commons.gate.charge(held.ask.octets));
        }
        held.set_waits(now, unanswered, &self.times, self.hushed);
        held.attempts += 1;
        held.last = now;
        held.due = false;
        if matches!(held.trouble, Some(SnmpError::Socket { .. })) {
            held.trouble = None;
        }
        let varbinds = held.ask.request.most_varbinds();
        if let Purpose::Job(id) = held.purpose
            && let Some(entry) = self.jobs.get_mut(&id)
        {
            entry.job.sent();
        }
        self.counters.retries += u64::from(repeated);
        self.counters.sent += 1;
        self.counters.octets_sent += octets_of(datagram.len());
        self.governor.sent(now, varbinds);
        commons.gate.sent(now, varbinds, self.is_recovering());
        commons.outbox.post(self.number, self.peer, datagram);
    }
}

/// A length, to be counted.
fn octets_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
