//! Ids of requests in flight: an id names a place and the place's generation, so that an answer to anything but a live
//! request is told at once, and each answer finds its OLT without a search.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const PLACE_BITS: u32 = 16;
const GENERATION_MASK: u32 = (1 << (31 - PLACE_BITS)) - 1;
/// A place is given again at the earliest after this, as long as there are new ones: until then late answers are known
/// for what they are.
const REST: Duration = Duration::from_secs(60);

/// Whose request an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::snmp) struct Ticket {
    pub(in crate::snmp) device: u32,
    /// The flight within its device.
    pub(in crate::snmp) flight: usize,
    /// When the (first) datagram with this id was sent.
    pub(in crate::snmp) sent: Instant,
}

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::snmp) enum Found {
    /// A request in flight.
    Live(Ticket),
    /// A request that was in flight; whose, where it is still known.
    Late(Option<Ticket>),
    /// Nothing that we ever gave, as far as we remember.
    Unknown,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    /// The generation before, to tell late answers from foreign ones.
    previous: Option<u32>,
    ticket: Ticket,
    live: bool,
}

/// See the module.
#[derive(Debug)]
pub(in crate::snmp) struct Tickets {
    places: Vec<Place>,
    /// Places that are not in use, and since when.
    free: VecDeque<(usize, Instant)>,
    random: fastrand::Rng,
}

impl Tickets {
    pub(in crate::snmp) fn new(random: fastrand::Rng) -> Self {
        Self { places: Vec::new(), free: VecDeque::new(), random }
    }

    /// An id for a request: 31 bits, positive. `None` when 65,536 are in use.
    pub(in crate::snmp) fn give(&mut self, ticket: Ticket) -> Option<i32> {
        let generation = self.random.u32(1..=GENERATION_MASK);
        let rested = self.free.front().filter(|(_, since)| ticket.sent.saturating_duration_since(*since) >= REST);
        let position = if rested.is_none() && self.places.len() < 1 << PLACE_BITS {
            self.places.push(Place { generation, previous: None, ticket, live: true });
            self.places.len() - 1
        } else {
            let (position, _) = self.free.pop_front()?;
            let place = self.places.get_mut(position)?;
            // The same generation twice would make a late answer look live.
            let generation = if generation == place.generation { generation % GENERATION_MASK + 1 } else { generation };
            let previous = Some(place.generation);
            *place = Place { generation, previous, ticket, live: true };
            position
        };
        let generation = self.places.get(position)?.generation;
        i32::try_from(generation << PLACE_BITS | u32::try_from(position).ok()?).ok()
    }

    /// What an id stands for.
    pub(in crate::snmp) fn find(&self, id: i32) -> Found {
        let Some((position, generation)) = split(id) else { return Found::Unknown };
        match self.places.get(position) {
            Some(place) if place.generation == generation && place.live => Found::Live(place.ticket),
            Some(place) if place.generation == generation => Found::Late(Some(place.ticket)),
            Some(place) if place.previous == Some(generation) => Found::Late(None),
            _ => Found::Unknown,
        }
    }

    /// The request with this id is over.
    pub(in crate::snmp) fn take_back(&mut self, id: i32, now: Instant) {
        let Some((position, generation)) = split(id) else { return };
        if let Some(place) = self.places.get_mut(position)
            && place.generation == generation
            && place.live
        {
            place.live = false;
            self.free.push_back((position, now));
        }
    }
}

fn split(id: i32) -> Option<(usize, u32)> {
    let id = u32::try_from(id).ok()?;
    let position = usize::try_from(id & ((1 << PLACE_BITS) - 1)).ok()?;
    Some((position, id >> PLACE_BITS)).filter(|(_, generation)| *generation != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(sent: Instant) -> Ticket {
        Ticket { device: 7, flight: 3, sent }
    }

    #[test]
    fn an_id_is_live_then_late_then_unknown() {
        let now = Instant::now();
        let mut tickets = Tickets::new(fastrand::Rng::with_seed(1));
        let id = tickets.give(ticket(now)).unwrap();
        assert!(id > 0);
        assert_eq!(tickets.find(id), Found::Live(ticket(now)));
        tickets.take_back(id, now);
        assert_eq!(tickets.find(id), Found::Late(Some(ticket(now))));
        let later = now + REST;
        let second = tickets.give(ticket(later)).unwrap();
        assert_eq!((tickets.find(id), tickets.places.len()), (Found::Late(None), 1));
        tickets.take_back(second, later);
        tickets.give(ticket(later + REST)).unwrap();
        for unknown in [id, 0, -1, i32::MAX, i32::MIN] {
            assert_eq!(tickets.find(unknown), Found::Unknown, "{unknown}");
        }
    }

    #[test]
    fn places_rest_before_they_are_given_again_and_their_number_is_bounded() {
        let now = Instant::now();
        let mut tickets = Tickets::new(fastrand::Rng::with_seed(2));
        let first = tickets.give(ticket(now)).unwrap();
        tickets.take_back(first, now);
        tickets.take_back(first, now);
        assert_eq!(tickets.free.len(), 1, "nothing is taken back twice");
        let mut ids = std::collections::HashSet::from([first]);
        for _ in 0..(1 << PLACE_BITS) {
            assert!(ids.insert(tickets.give(ticket(now)).unwrap()));
        }
        assert_eq!(tickets.give(ticket(now)), None);
        assert_eq!(tickets.find(first), Found::Late(None), "the last place to be given was the only rested one");
    }
}
