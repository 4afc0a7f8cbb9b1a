//! The requests of one OLT that are in flight.

use std::time::{Duration, Instant};

use super::rtt::RoundTrips;
use super::{Ask, JobId};
use crate::snmp::SnmpError;
use crate::snmp::codec::{Names, Operation, Request};

/// Whom a request in flight is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Job(JobId),
    /// Discovers an SNMPv3 engine.
    Probe,
    /// Nobody waits for it any more, but the OLT may still work on it.
    Nothing,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) purpose: Purpose,
    pub(super) ask: Ask,
    /// Most attempts, and how many were made.
    pub(super) tries: u32,
    pub(super) attempts: u32,
    /// When the first and the last attempt were sent.
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// The id of the last attempt, and those of earlier ones where each has its own.
    pub(super) id: Option<i32>,
    pub(super) earlier: Vec<i32>,
    pub(super) deadline: Instant,
    /// Its first wait is a short one; or a guess, as its kind was never answered.
    hasty: bool,
    guessed: bool,
    /// Shorter waits, where they are earned: when what was sent later has been answered, and when nothing else is in
    /// flight that could show whether the OLT answers at all.
    pub(super) overtaken: Instant,
    pub(super) alone: Instant,
    /// The wait is over, and the next attempt waits for the governor.
    pub(super) due: bool,
    /// Why an answer could not be read, or a datagram not be sent.
    pub(super) trouble: Option<SnmpError>,
    /// How often the engine's clock was taken over for it.
    pub(super) resynchronised: u32,
    /// What its answer is expected to take of the receive buffer.
    pub(super) charge: Option<usize>,
    /// An earlier attempt was answered; the last one is still at the OLT.
    pub(super) answered: bool,
}

impl Flight {
    pub(super) const fn new(now: Instant, purpose: Purpose, ask: Ask, tries: u32) -> Self {
        Self {
            purpose,
            ask,
            tries,
            attempts: 0,
            first: now,
            last: now,
            id: None,
            earlier: Vec::new(),
            deadline: now,
            hasty: false,
            guessed: false,
            overtaken: now,
            alone: now,
            due: false,
            trouble: None,
            resynchronised: 0,
            charge: None,
            answered: false,
        }
    }

    /// How long to wait for the attempt that is sent now, after so many without an answer. `hushed` where the OLT
    /// may be silent.
    pub(super) fn set_waits(&mut self, now: Instant, unanswered: u32, times: &RoundTrips, hushed: bool) {
        let kind = &self.ask.kind;
        let short = times.short(now, kind);
        self.guessed = !times.knows(kind);
        if unanswered == 0 {
            self.hasty = short.is_some() && !hushed;
        }
        let short = short.filter(|_| self.hasty);
        // A short wait is one more, before those that any request has.
        self.deadline = now + times.wait(now, kind, unanswered.saturating_sub(u32::from(self.hasty)));
        if self.attempts + 1 >= self.tries && !self.ask.impatient {
            // Silence is told no sooner for that.
            let whole: Duration = (0..=unanswered).map(|attempt| times.wait(now, kind, attempt)).sum();
            self.deadline = self.deadline.max(self.first + whole);
        }
        let patience = 1_u32.checked_shl(unanswered).unwrap_or(u32::MAX);
        let overtaken = times.overtaken(now, kind).filter(|_| self.hasty);
        self.overtaken = overtaken.map_or(self.deadline, |wait| self.deadline.min(now + wait.saturating_mul(patience)));
        // The first request may be at the OLT for as long as the answer to a second one would take.
        self.alone = match short {
            Some(short) if unanswered == 0 => self.deadline.min(now + short * 2),
            _ => self.deadline,
        };
    }

    /// Others of its kind were answered meanwhile: where its first wait was a guess, it is what they show now.
    pub(super) fn learn(&mut self, times: &RoundTrips) {
        if self.guessed && self.attempts == 1 && !self.due && self.purpose != Purpose::Nothing {
            let wait = times.wait(self.last, &self.ask.kind, 0);
            self.guessed = false;
            self.deadline = self.deadline.min(self.last + wait);
            (self.overtaken, self.alone) = (self.deadline, self.deadline);
        }
    }

    /// An earlier attempt was answered, so the answer to the last one is not waited for. Gives the request back.
    pub(super) fn outlive(&mut self, deadline: Instant) -> Request {
        self.answered = true;
        self.linger(deadline);
        let nothing = Request { operation: Operation::Get, names: Names::default() };
        std::mem::replace(&mut self.ask.request, nothing)
    }

    /// From now on nobody waits for it, but until `deadline` the OLT may still work on it.
    pub(super) const fn linger(&mut self, deadline: Instant) {
        self.purpose = Purpose::Nothing;
        self.due = false;
        (self.deadline, self.overtaken, self.alone) = (deadline, deadline, deadline);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Flights {
    places: Vec<Option<Flight>>,
    count: u32,
    /// When the latest of those that were answered was sent.
    newest_answered: Option<Instant>,
}

impl Flights {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            places: std::iter::repeat_with(|| None).take(capacity.max(1)).collect(),
            count: 0,
            newest_answered: None,
        }
    }

    /// Puts a request into a free place; `None` when there is none.
    pub(super) fn put(&mut self, flight: Flight) -> Option<usize> {
        let position = self.places.iter().position(Option::is_none)?;
        *self.places.get_mut(position)? = Some(flight);
        self.count += 1;
        Some(position)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Flight> {
        self.places.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Flight> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn take(&mut self, place: usize) -> Option<Flight> {
        let taken = self.places.get_mut(place)?.take();
        self.count -= u32::from(taken.is_some());
        taken
    }

    /// What was sent then has been answered.
    pub(super) fn answered(&mut self, sent: Instant) {
        self.newest_answered = self.newest_answered.max(Some(sent));
    }

    /// When the wait for this one is over. An OLT works on one request after the other: when it has answered a later one,
    /// this one is lost. When it has answered none of several, it has more likely paused, and is given its time.
    pub(super) fn deadline(&self, flight: &Flight) -> Instant {
        if self.newest_answered.is_some_and(|sent| sent > flight.last) {
            flight.overtaken
        } else if self.count == 1 {
            flight.alone
        } else {
            flight.deadline
        }
    }

    /// When the next wait is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.iter().filter(|(_, flight)| !flight.due).map(|(_, flight)| self.deadline(flight)).min()
    }

    /// One whose wait is over.
    pub(super) fn overdue(&self, now: Instant) -> Option<usize> {
        self.iter().find(|(_, flight)| !flight.due && self.deadline(flight) <= now).map(|(place, _)| place)
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Flight)> {
        self.places.iter().enumerate().filter_map(|(position, place)| Some((position, place.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Flight)> {
        self.places.iter_mut().enumerate().filter_map(|(position, place)| Some((position, place.as_mut()?)))
    }
}
