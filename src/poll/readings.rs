//! An OLT's readings as snapshots share them: in runs, so that a clone costs a counter for each run, and a change copies
//! one run and not all.

use std::sync::Arc;

use crate::model::{OnuKey, Reading};

/// Readings of a run: large enough that what a run costs by itself does not count, small enough to be copied for one.
const RUN: usize = 32;

/// Readings sorted by key, each key once.
#[derive(Debug, Clone, Default)]
pub(super) struct Readings {
    /// All full but the last.
    runs: Vec<Arc<Vec<Reading>>>,
}

impl Readings {
    /// Readings in any order; of several with one key the first stands.
    pub(super) fn new(mut readings: Vec<Reading>) -> Self {
        readings.sort_by(|one, other| one.key.cmp(&other.key));
        readings.dedup_by(|later, first| later.key == first.key);
        let mut left = readings.into_iter();
        let mut runs = Vec::with_capacity(left.len().div_ceil(RUN));
        while left.len() > 0 {
            // As long as it is, and no longer.
            let mut run = Vec::with_capacity(left.len().min(RUN));
            run.extend(left.by_ref().take(RUN));
            runs.push(Arc::new(run));
        }
        Self { runs }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.last().map_or(0, |last| (self.runs.len() - 1) * RUN + last.len())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Reading> {
        self.runs.iter().flat_map(|run| run.iter())
    }

    pub(super) fn get(&self, place: usize) -> Option<&Reading> {
        self.runs.get(place / RUN)?.get(place % RUN)
    }

    /// Where an ONU stands, looked for at `expected` first: whoever goes through a sweep finds each after the last one.
    pub(super) fn place_of(&self, key: &OnuKey, expected: usize) -> Option<usize> {
        if self.get(expected).is_some_and(|reading| reading.key == *key) {
            return Some(expected);
        }
        let run = self.runs.partition_point(|run| run.last().is_some_and(|last| last.key < *key));
        let within = self.runs.get(run)?.binary_search_by(|reading| reading.key.cmp(key)).ok()?;
        Some(run * RUN + within)
    }

    /// Changes a reading, not its key; but only when something of it really changes, as most stay as they are.
    pub(super) fn change(&mut self, place: usize, make: impl FnOnce(&mut Reading)) {
        let Some(run) = self.runs.get_mut(place / RUN) else { return };
        let Some(held) = run.get(place % RUN) else { return };
        let mut changed = held.clone();
        make(&mut changed);
        if changed != *held
            && let Some(held) = Arc::make_mut(run).get_mut(place % RUN)
        {
            *held = changed;
        }
    }

    /// All of them, to be put together anew.
    pub(super) fn to_vec(&self) -> Vec<Reading> {
        self.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Unread;

    fn reading(number: u32) -> Reading {
        Reading::unread(OnuKey::new(&[number]), Unread::NotAsked)
    }

    proptest! {
        #[test]
        fn readings_are_found_whatever_is_expected(numbers in prop::collection::btree_set(0..400_u32, 0..200), expected in 0..250_usize) {
            let readings = Readings::new(numbers.iter().rev().map(|number| reading(*number)).collect());
            prop_assert_eq!(readings.len(), numbers.len());
            prop_assert!(readings.iter().map(|reading| reading.key.numbers()[0]).eq(numbers.iter().copied()));
            for number in 0..400 {
                let place = readings.place_of(&OnuKey::new(&[number]), expected);
                prop_assert_eq!(place, numbers.iter().position(|known| *known == number));
                if let Some(place) = place {
                    prop_assert_eq!(readings.get(place).map(|reading| reading.key.numbers()), Some(&[number][..]));
                }
            }
        }
    }

    #[test]
    fn a_snapshot_stays_as_it_was_and_shares_what_did_not_change() {
        let mut readings = Readings::new((0..100).map(reading).collect());
        let snapshot = readings.clone();
        readings.change(40, |held| held.onu = None);
        assert!(readings.runs.iter().zip(&snapshot.runs).all(|(now, then)| Arc::ptr_eq(now, then)), "nothing changed");
        readings.change(40, |held| held.onu = Some(7));
        readings.change(1000, |held| held.onu = Some(7));
        assert_eq!((readings.get(40).unwrap().onu, snapshot.get(40).unwrap().onu), (Some(7), None));
        let shared = readings.runs.iter().zip(&snapshot.runs).filter(|(now, then)| Arc::ptr_eq(now, then)).count();
        assert_eq!((shared, readings.runs.len()), (3, 4));
    }
}
