//! What arrives at a device: told from what is late, foreign, forged or garbled, and given to whom it answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::slots::Found;
use super::{Ask, Device, Failure, Flight, Hand, Job, Kind, Protocol, Purpose};
use crate::snmp::ber::Reader;
use crate::snmp::codec::{self, Pdu, PduKind};
use crate::snmp::usm::{self, Opened};
use crate::snmp::{Refusal, SnmpError};

/// How often the engine's clock is taken over, or the engine discovered again, for one request.
const MOST_CORRECTIONS: u32 = 2;

impl<J: Job> Device<J> {
    /// The operating system refused to send.
    pub(in crate::snmp) fn send_failed(&mut self, why: &str) {
        let error = SnmpError::Socket { address: self.address.clone(), why: why.to_owned() };
        for (_, flight) in self.slots.iter_mut() {
            flight.trouble = Some(error.clone());
        }
    }

    /// Takes a datagram in.
    pub(in crate::snmp) fn receive(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        if !self.any_source && !same_place(source, self.peer) {
            self.counters.foreign += 1;
            return;
        }
        match &self.protocol {
            Protocol::V2c(community) => match codec::scan_v2c(datagram) {
                Ok(message)
                    if message.community != community.expose().as_bytes() || message.pdu.kind != PduKind::Response =>
                {
                    self.counters.foreign += 1;
                }
                Ok(message) => {
                    if let Some((slot, _)) = self.live(now, message.pdu.request_id) {
                        self.answered(now, slot, 0, &message.pdu);
                    }
                }
                Err(why) => self.garbled(&format!("no SNMPv2c message: {why}")),
            },
            Protocol::V3(_) => self.receive_v3(now, datagram),
        }
    }

    fn receive_v3(&mut self, now: Instant, datagram: &[u8]) {
        let header = match usm::read(datagram) {
            Ok(header) => header,
            Err(why) => return self.garbled(&format!("no SNMPv3 message: {why}")),
        };
        let Some((slot, attempt)) = self.live(now, header.id) else { return };
        let Some(purpose) = self.slots.get(slot).map(|flight| flight.purpose) else { return };
        let Protocol::V3(usm) = &mut self.protocol else { return };
        match usm.open(now, &header, purpose == Purpose::Probe) {
            Opened::Response(octets) => match Pdu::scan(&mut Reader::new(&octets)) {
                Ok(pdu) if pdu.request_id == header.id => self.answered(now, slot, attempt, &pdu),
                Ok(_) => self.counters.foreign += 1,
                Err(why) => self.garbled(&why.to_string()),
            },
            Opened::Discovered => {
                self.counters.discoveries += 1;
                self.counters.reports += 1;
                if let Some(flight) = self.slots.take(slot) {
                    self.measure(now, slot, &flight, attempt);
                }
            }
            Opened::Resynchronised => {
                self.counters.reports += 1;
                let Some(flight) = self.slots.get_mut(slot) else { return };
                flight.resynchronised += 1;
                if flight.resynchronised > MOST_CORRECTIONS {
                    self.refuse(now, slot, Refusal::TimeWindow);
                } else {
                    flight.tries += 1;
                    flight.due = true;
                }
            }
            Opened::Changed => {
                self.counters.reports += 1;
                usm.forget();
                self.discover_again(now, slot);
            }
            Opened::Refused(refusal) => {
                self.counters.reports += 1;
                self.refuse(now, slot, refusal);
            }
            Opened::Untrue(why) => {
                self.counters.unauthenticated += 1;
                tracing::debug!(address = %self.address, why, "an SNMPv3 message is dropped");
                let error = self.malformed(slot, format!("an SNMPv3 message that cannot be believed: {why}"));
                if let Some(flight) = self.slots.get_mut(slot) {
                    flight.trouble = Some(error);
                }
            }
            Opened::Garbled(why) => self.garbled(&why),
        }
    }

    /// The request that an id stands for, if it is waited for; else counts why not.
    fn live(&mut self, now: Instant, id: i32) -> Option<(usize, u32)> {
        let (slot, attempt) = match self.slots.find(id) {
            Found::Live { slot, attempt } => (slot, attempt),
            Found::Late { slot } => {
                self.counters.late += 1;
                if let Some((kind, took)) = self.repeated.remove(&slot) {
                    self.times.at_least(&kind, took);
                }
                return None;
            }
            Found::Unknown => {
                self.counters.foreign += 1;
                return None;
            }
        };
        let flight = self.slots.get(slot)?;
        if usize::try_from(attempt).map_or(true, |attempt| attempt >= flight.sent.len()) {
            self.counters.foreign += 1;
            return None;
        }
        if flight.purpose == Purpose::Nothing {
            self.counters.late += 1;
            let took = flight.sent.first().map_or(Duration::ZERO, |sent| now.saturating_duration_since(*sent));
            let kind = flight.ask.kind.clone();
            self.times.at_least(&kind, took);
            self.slots.take(slot);
            return None;
        }
        Some((slot, attempt))
    }

    /// Something from the OLT's address that cannot be read: remembered as the reason if nothing better comes.
    fn garbled(&mut self, why: &str) {
        self.counters.garbage += 1;
        let slots: Vec<usize> = self.slots.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            let error = self.malformed(slot, why.to_owned());
            if let Some(flight) = self.slots.get_mut(slot) {
                flight.trouble = Some(error);
            }
        }
    }

    fn malformed(&self, slot: usize, why: String) -> SnmpError {
        let oid = match self.slots.get(slot).map(|flight| flight.ask.request.oids.as_slice()) {
            Some([only]) => Some(only.clone()),
            _ => None,
        };
        SnmpError::Malformed { address: self.address.clone(), oid, why }
    }

    fn refuse(&mut self, now: Instant, slot: usize, refusal: Refusal) {
        let Some(flight) = self.slots.take(slot) else { return };
        let failure = Failure { error: self.refused(refusal), ask_less: false };
        self.fail(now, flight.purpose, failure);
    }

    /// The engine is another one than we thought: the request begins anew once it is known.
    fn discover_again(&mut self, now: Instant, slot: usize) {
        let Some(Flight { purpose: Purpose::Job(id), ask, .. }) = self.slots.take(slot) else { return };
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

    fn answered(&mut self, now: Instant, slot: usize, attempt: u32, pdu: &Pdu<'_>) {
        let Some(flight) = self.slots.take(slot) else { return };
        let Purpose::Job(job) = flight.purpose else { return };
        self.alive = true;
        self.ever_answered = true;
        self.counters.answers += 1;
        self.measure(now, slot, &flight, attempt);
        if let Some(entry) = self.jobs.get_mut(&job) {
            let mut hand = Hand { now, address: &self.address, sizing: &mut self.sizing, counters: &mut self.counters };
            entry.discoveries = 0;
            entry.job.answered(pdu, &mut hand);
            self.settle(job);
        }
    }

    /// Learns from how long an answer took. Where all attempts have one id, the answer to a repeated request does not
    /// say which of them it answers (Karn's rule).
    fn measure(&mut self, now: Instant, slot: usize, flight: &Flight, attempt: u32) {
        let exact = flight.sent.len() == 1 || matches!(self.protocol, Protocol::V3(_));
        let since = |sent: Option<&Instant>| sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(*sent));
        if !exact {
            let first: (Kind, Duration) = (flight.ask.kind.clone(), since(flight.sent.first()));
            self.repeated.insert(slot, first);
            return;
        }
        let sent = usize::try_from(attempt).ok().and_then(|attempt| flight.sent.get(attempt));
        let (smoothed, slow) = self.times.measured(&flight.ask.kind, since(sent));
        self.counters.smoothed_rtt = Some(smoothed);
        self.governor.answered(now, smoothed, slow);
    }
}

/// The same address and port, an IPv4 address in IPv6 clothes included.
fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    one.ip().to_canonical() == other.ip().to_canonical() && one.port() == other.port()
}
