//! What arrives at a device: told from what is late, foreign, forged or garbled, and given to whom it answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::flights::{Flight, Purpose};
use super::{Ask, Device, Failure, Hand, Job, Kind, Protocol, REMEMBERED};
use crate::snmp::ber::BerError;
use crate::snmp::codec::{self, Message, Pdu, PduKind, Request};
use crate::snmp::commons::{Commons, Found, Ticket};
use crate::snmp::usm::{self, Header, Opened};
use crate::snmp::{Refusal, SnmpError};

/// How often the engine's clock is taken over, or the engine discovered again, for one request.
const MOST_CORRECTIONS: u32 = 2;

/// A message whose outside has been read, and nothing of which is believed yet.
#[derive(Debug)]
pub(in crate::snmp) enum Arrived<'a> {
    V2c(Message<'a>),
    V3(Header<'a>),
}

impl<'a> Arrived<'a> {
    /// Reads the outside of a datagram.
    pub(in crate::snmp) fn read(datagram: &'a [u8]) -> Result<Self, BerError> {
        match codec::version(datagram)? {
            codec::VERSION_2C => codec::scan_v2c(datagram).map(Self::V2c),
            codec::VERSION_3 => usm::read(datagram).map(Self::V3),
            _ => Err(BerError::Integer),
        }
    }

    /// The id of the request that it says to answer.
    pub(in crate::snmp) const fn id(&self) -> i32 {
        match self {
            Self::V2c(message) => message.pdu.request_id,
            Self::V3(header) => header.id,
        }
    }
}

impl<J: Job> Device<J> {
    /// The operating system refused to send.
    pub(in crate::snmp) fn send_failed(&mut self, why: &str) {
        let error = SnmpError::Socket { address: self.address.clone(), why: why.to_owned() };
        for (_, flight) in self.flights.iter_mut() {
            flight.trouble = Some(error.clone());
        }
    }

    /// A datagram of so many octets came from its address, or with an id that was given to it.
    pub(in crate::snmp) fn heard(&mut self, octets: usize) {
        self.counters.octets_received += super::octets_of(octets);
    }

    /// Takes a message in whose id stands for `found`.
    pub(in crate::snmp) fn take(
        &mut self,
        now: Instant,
        commons: &mut Commons,
        source: SocketAddr,
        arrived: &Arrived<'_>,
        found: Found,
    ) {
        if !self.any_source && !same_place(source, self.peer) {
            self.counters.foreign += 1;
            return;
        }
        match (&self.protocol, arrived) {
            (Protocol::V2c(community), Arrived::V2c(message)) => {
                if message.community != community.expose().as_bytes() || message.pdu.kind != PduKind::Response {
                    self.counters.foreign += 1;
                } else if let Some(ticket) = self.live(now, commons, arrived.id(), found) {
                    self.answered(now, commons, ticket, &message.pdu);
                }
            }
            (Protocol::V3(_), Arrived::V3(header)) => self.take_v3(now, commons, header, found),
            _ => self.counters.foreign += 1,
        }
    }

    fn take_v3(&mut self, now: Instant, commons: &mut Commons, header: &Header<'_>, found: Found) {
        let Some(ticket) = self.live(now, commons, header.id, found) else { return };
        let place = ticket.flight;
        let Some(purpose) = self.flights.get(place).map(|flight| flight.purpose) else { return };
        let Protocol::V3(usm) = &mut self.protocol else { return };
        let mut plain = std::mem::take(&mut commons.plain);
        match usm.open(now, header, purpose == Purpose::Probe, &mut plain) {
            Opened::Response(pdu) if pdu.request_id == header.id => self.answered(now, commons, ticket, &pdu),
            Opened::Response(_) => self.counters.foreign += 1,
            Opened::Discovered => {
                self.counters.discoveries += 1;
                self.counters.reports += 1;
                if let Some(flight) = self.land(now, commons, place) {
                    self.measure(now, ticket, &flight);
                }
            }
            Opened::Resynchronised => {
                self.counters.reports += 1;
                let Some(flight) = self.flights.get_mut(place) else { return };
                flight.resynchronised += 1;
                if flight.resynchronised > MOST_CORRECTIONS {
                    self.refuse(now, commons, place, Refusal::TimeWindow);
                } else {
                    flight.tries += 1;
                    flight.due = true;
                }
            }
            Opened::Changed => {
                self.counters.reports += 1;
                usm.forget();
                self.discover_again(now, commons, place);
            }
            Opened::Refused(refusal) => {
                self.counters.reports += 1;
                self.refuse(now, commons, place, refusal);
            }
            Opened::Untrue(why) => {
                self.counters.unauthenticated += 1;
                tracing::debug!(address = %self.address, why, "an SNMPv3 message is dropped");
                let error = self.malformed(place, format!("an SNMPv3 message that cannot be believed: {why}"));
                if let Some(flight) = self.flights.get_mut(place) {
                    flight.trouble = Some(error);
                }
            }
            Opened::Garbled(why) => self.garbled(&why),
        }
        commons.plain = plain;
    }

    /// The request that a message answers, if it is waited for; else counts why not.
    fn live(&mut self, now: Instant, commons: &mut Commons, id: i32, found: Found) -> Option<Ticket> {
        let ticket = match found {
            Found::Live(ticket) if ticket.device == self.number => ticket,
            Found::Late(_) => {
                self.counters.late += 1;
                if let Some(position) = self.repeated.iter().position(|(repeated, ..)| *repeated == id)
                    && let Some((_, kind, took)) = self.repeated.remove(position)
                {
                    self.needless(now, &kind, took);
                }
                return None;
            }
            Found::Live(_) | Found::Unknown => {
                self.counters.foreign += 1;
                return None;
            }
        };
        let flight = self.flights.get(ticket.flight)?;
        if flight.purpose == Purpose::Nothing {
            self.counters.late += 1;
            if !flight.answered {
                let took = now.saturating_duration_since(flight.first);
                let kind = flight.ask.kind.clone();
                self.times.at_least(&kind, took);
            }
            self.land(now, commons, ticket.flight);
            return None;
        }
        Some(ticket)
    }

    /// Something from the OLT's place that is no message at all.
    pub(in crate::snmp) fn unreadable(&mut self, why: BerError) {
        let version = if matches!(self.protocol, Protocol::V3(_)) { "SNMPv3" } else { "SNMPv2c" };
        self.garbled(&format!("no {version} message: {why}"));
    }

    /// Something from the OLT's address that cannot be read: remembered as the reason if nothing better comes.
    fn garbled(&mut self, why: &str) {
        self.counters.garbage += 1;
        let places: Vec<usize> = self.flights.iter().map(|(place, _)| place).collect();
        for place in places {
            let error = self.malformed(place, why.to_owned());
            if let Some(flight) = self.flights.get_mut(place) {
                flight.trouble = Some(error);
            }
        }
    }

    fn malformed(&self, place: usize, why: String) -> SnmpError {
        let oid = self.flights.get(place).and_then(|flight| flight.ask.request.names.only());
        SnmpError::Malformed { address: self.address.clone(), oid, why }
    }

    fn refuse(&mut self, now: Instant, commons: &mut Commons, place: usize, refusal: Refusal) {
        let Some(flight) = self.land(now, commons, place) else { return };
        let failure = Failure { error: self.refused(refusal), ask_less: false };
        self.fail(now, flight.purpose, failure);
    }

    /// The engine is another one than we thought: the request begins anew once it is known.
    fn discover_again(&mut self, now: Instant, commons: &mut Commons, place: usize) {
        let Some(Flight { purpose: Purpose::Job(id), ask, .. }) = self.land(now, commons, place) else { return };
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        entry.discoveries += 1;
        if entry.discoveries > MOST_CORRECTIONS {
            let failure = Failure { error: self.refused(Refusal::EngineId), ask_less: false };
            return self.fail(now, Purpose::Job(id), failure);
        }
        tracing::info!(address = %self.address, "the SNMPv3 engine has changed: discovering it again");
        entry.again = Some(Ask { impatient: false, ..ask });
        self.ready.push_front(id);
    }

    fn answered(&mut self, now: Instant, commons: &mut Commons, ticket: Ticket, pdu: &Pdu<'_>) {
        let Some(flight) = self.flights.get(ticket.flight) else { return };
        let Purpose::Job(job) = flight.purpose else { return };
        self.alive = true;
        self.ever_answered = true;
        self.hushed = false;
        self.comeback = self.comeback.saturating_sub(1);
        self.counters.answers += 1;
        self.flights.answered(ticket.sent);
        if let Some(request) = self.landed(now, commons, ticket) {
            self.spare.push(request.names.into_buffer());
        }
        if let Some(entry) = self.jobs.get_mut(&job) {
            let mut hand = Hand {
                now,
                address: &self.address,
                sizing: &mut self.sizing,
                counters: &mut self.counters,
                spare: &mut self.spare,
            };
            entry.discoveries = 0;
            entry.job.answered(pdu, &mut hand);
            self.settle(job);
        }
    }

    /// Ends an answered flight, and learns from it. Where an earlier attempt was answered, the OLT still has the last one:
    /// it goes on to count until its answer comes or does not.
    fn landed(&mut self, now: Instant, commons: &mut Commons, ticket: Ticket) -> Option<Request> {
        let flight = self.flights.get_mut(ticket.flight)?;
        let is_repeated = flight.attempts > flight.resynchronised + 1;
        let kind = flight.ask.kind.clone();
        let since_last = now.saturating_duration_since(flight.last);
        let is_early = match &self.protocol {
            Protocol::V2c(_) => is_repeated && !self.times.is_possible(&kind, since_last),
            Protocol::V3(_) => is_repeated && ticket.sent < flight.last,
        };
        if is_early {
            let request = flight.outlive(now + self.times.wait(now, &kind, 0));
            let took = now.saturating_duration_since(ticket.sent);
            self.needless(now, &kind, took);
            return Some(request);
        }
        let flight = self.land(now, commons, ticket.flight)?;
        if is_repeated {
            self.times.lost();
        }
        self.measure(now, ticket, &flight);
        Some(flight.ask.request)
    }

    /// A request was repeated, and the OLT answered the first one all the same.
    fn needless(&mut self, now: Instant, kind: &Kind, took: Duration) {
        self.counters.needless += 1;
        self.times.paused(now, kind, took);
    }

    /// Learns from how long an answer took. Where all attempts have one id, the answer to a repeated request does not
    /// say which of them it answers (Karn's rule).
    fn measure(&mut self, now: Instant, ticket: Ticket, flight: &Flight) {
        let took = now.saturating_duration_since(ticket.sent);
        if flight.attempts > 1
            && let (Protocol::V2c(_), Some(id)) = (&self.protocol, flight.id)
        {
            if self.repeated.len() >= REMEMBERED {
                self.repeated.pop_front();
            }
            self.repeated.push_back((id, Kind::clone(&flight.ask.kind), took));
            return;
        }
        let (smoothed, slow) = self.times.measured(&flight.ask.kind, took);
        for (_, other) in self.flights.iter_mut().filter(|(_, other)| other.ask.kind == flight.ask.kind) {
            other.learn(&self.times);
        }
        self.counters.smoothed_rtt = Some(smoothed);
        self.governor.answered(now, smoothed, slow);
    }
}

/// The same address and port, an IPv4 address in IPv6 clothes included.
pub(in crate::snmp) fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical() && one.port() == other.port()
}
