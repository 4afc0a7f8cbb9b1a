//! The requests of one OLT that are in flight.

use std::time::Instant;

use super::{Ask, JobId};
use crate::snmp::SnmpError;

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
    /// The wait is over, and the next attempt waits for the governor.
    pub(super) due: bool,
    /// Why an answer could not be read, or a datagram not be sent.
    pub(super) trouble: Option<SnmpError>,
    /// How often the engine's clock was taken over for it.
    pub(super) resynchronised: u32,
    /// What its answer is expected to take of the receive buffer.
    pub(super) charge: Option<usize>,
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
            due: false,
            trouble: None,
            resynchronised: 0,
            charge: None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Flights {
    places: Vec<Option<Flight>>,
    count: u32,
}

impl Flights {
    pub(super) fn new(capacity: usize) -> Self {
        Self { places: std::iter::repeat_with(|| None).take(capacity.max(1)).collect(), count: 0 }
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

    /// One whose wait is over.
    pub(super) fn overdue(&self, now: Instant) -> Option<usize> {
        self.iter().find(|(_, flight)| !flight.due && flight.deadline <= now).map(|(place, _)| place)
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
