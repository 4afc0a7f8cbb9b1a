//! Requests in flight: a request's id names its slot, the slot's generation and the attempt, so that an answer to
//! anything but a live request is told at once.

const SLOT_BITS: u32 = 8;
const ATTEMPT_BITS: u32 = 5;
const GENERATION_MASK: u32 = (1 << (31 - SLOT_BITS - ATTEMPT_BITS)) - 1;

/// Most attempts that an id can name.
pub(super) const MAX_ATTEMPTS: u32 = 1 << ATTEMPT_BITS;

/// What an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A request that is waited for: its slot, and which of its attempts.
    Live { slot: usize, attempt: u32 },
    /// A request that was waited for.
    Late { slot: usize },
    /// Nothing that we ever gave, as far as we remember.
    Unknown,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    /// The generation before, to tell late answers from foreign ones.
    previous: Option<u32>,
    held: Option<T>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// Where the search for a free one begins: slots are used in turn, so that ids are remembered for a while.
    next: usize,
    random: fastrand::Rng,
}

impl<T> Slots<T> {
    /// With `capacity` slots, at most 256.
    pub(super) fn new(capacity: usize, random: fastrand::Rng) -> Self {
        let slot = |_| Slot { generation: 0, previous: None, held: None };
        Self { slots: (0..capacity.clamp(1, 1 << SLOT_BITS)).map(slot).collect(), next: 0, random }
    }

    /// Puts something into a free slot under a new generation; `None` when all are in use.
    pub(super) fn put(&mut self, held: T) -> Option<usize> {
        let capacity = self.slots.len();
        let position = (0..capacity)
            .map(|step| (self.next + step) % capacity)
            .find(|position| self.slots.get(*position).is_some_and(|slot| slot.held.is_none()))?;
        self.next = (position + 1) % capacity;
        let generation = self.random.u32(1..=GENERATION_MASK);
        let slot = self.slots.get_mut(position)?;
        slot.previous = (slot.generation != 0).then_some(slot.generation);
        // The same generation twice would make a late answer look live.
        slot.generation = if generation == slot.generation { generation % GENERATION_MASK + 1 } else { generation };
        slot.held = Some(held);
        Some(position)
    }

    /// The id of an attempt of what a slot holds: 31 bits, positive.
    pub(super) fn id(&self, slot: usize, attempt: u32) -> i32 {
        let generation = self.slots.get(slot).map_or(0, |slot| slot.generation);
        let position = u32::try_from(slot).unwrap_or(0);
        let id = generation << (SLOT_BITS + ATTEMPT_BITS) | position << ATTEMPT_BITS | (attempt % MAX_ATTEMPTS);
        i32::try_from(id).unwrap_or(i32::MAX)
    }

    /// What an id stands for.
    pub(super) fn find(&self, id: i32) -> Found {
        let Ok(id) = u32::try_from(id) else { return Found::Unknown };
        let position = usize::try_from((id >> ATTEMPT_BITS) & ((1 << SLOT_BITS) - 1)).unwrap_or(usize::MAX);
        let generation = id >> (SLOT_BITS + ATTEMPT_BITS);
        match self.slots.get(position) {
            Some(_) if generation == 0 => Found::Unknown,
            Some(slot) if slot.generation == generation && slot.held.is_some() => {
                Found::Live { slot: position, attempt: id % MAX_ATTEMPTS }
            }
            Some(slot) if slot.generation == generation || slot.previous == Some(generation) => {
                Found::Late { slot: position }
            }
            _ => Found::Unknown,
        }
    }

    pub(super) fn get(&self, slot: usize) -> Option<&T> {
        self.slots.get(slot)?.held.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.slots.get_mut(slot)?.held.as_mut()
    }

    /// Frees a slot.
    pub(super) fn take(&mut self, slot: usize) -> Option<T> {
        self.slots.get_mut(slot)?.held.take()
    }

    /// Slots in use, with what they hold.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.slots.iter().enumerate().filter_map(|(position, slot)| Some((position, slot.held.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(position, slot)| Some((position, slot.held.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_live_then_late_then_unknown() {
        let mut slots = Slots::new(1, fastrand::Rng::with_seed(1));
        let slot = slots.put("a").unwrap();
        let id = slots.id(slot, 3);
        assert!(id > 0);
        assert_eq!(slots.find(id), Found::Live { slot, attempt: 3 });
        slots.take(slot);
        assert_eq!(slots.find(id), Found::Late { slot });
        assert_eq!(slots.put("b"), Some(slot));
        assert_eq!(slots.find(id), Found::Late { slot });
        slots.take(slot);
        slots.put("c");
        assert_eq!(slots.find(id), Found::Unknown);
        assert_eq!(slots.find(0), Found::Unknown);
        assert_eq!(slots.find(-1), Found::Unknown);
        assert_eq!(slots.find(i32::MAX), Found::Unknown);
    }

    #[test]
    fn a_generation_is_never_used_twice_in_a_row_and_slots_are_bounded() {
        let mut slots = Slots::new(8, fastrand::Rng::with_seed(2));
        let mut last = 0;
        for _ in 0..1000 {
            let slot = slots.put(()).unwrap();
            let id = slots.id(slot, 0);
            assert_ne!(id, last);
            last = id;
            slots.take(slot);
        }
        for _ in 0..8 {
            slots.put(()).unwrap();
        }
        assert_eq!(slots.put(()), None);
    }
}
