//! Reasons to look again now. They wait in one place for each OLT, merged, so that none is lost and they take no room.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::PonId;

/// More PONs than this are as good as the whole OLT.
const MOST_PONS: usize = 1024;

/// A reason to look again now; never evidence by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Read the state of the whole OLT now.
    State,
    /// Read the state, and then the levels, of these PONs now.
    Pons(BTreeSet<PonId>),
    /// Read the levels of the whole OLT now: what is left of the round in hand, or a new one, without its pauses.
    Levels,
    /// Read everything now.
    Everything,
}

/// What hints ask for, taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) state: bool,
    pub(super) levels: bool,
    pub(super) inventory: bool,
    pub(super) pons: BTreeSet<PonId>,
}

impl Wanted {
    pub(super) fn add(&mut self, hint: Hint) {
        match hint {
            Hint::State => self.state = true,
            Hint::Levels => self.levels = true,
            Hint::Everything => (self.state, self.levels, self.inventory) = (true, true, true),
            Hint::Pons(pons) => self.pons.extend(pons),
        }
        if self.pons.len() > MOST_PONS {
            self.pons.clear();
            (self.state, self.levels) = (true, true);
        }
    }
}

/// Where an OLT's hints wait for its poll task. Clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Place>);

#[derive(Debug, Default)]
struct Place {
    wanted: Mutex<Option<Wanted>>,
    told: Notify,
}

impl Hints {
    /// Adds to what is wanted.
    pub fn give(&self, hint: Hint) {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().add(hint);
        self.0.told.notify_one();
    }

    /// Waits until something is wanted.
    pub(super) async fn take(&self) -> Wanted {
        loop {
            let wanted = self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
            match wanted {
                Some(wanted) => return wanted,
                None => self.0.told.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pon(number: u32) -> PonId {
        PonId::new(&[number]).unwrap()
    }

    #[tokio::test]
    async fn hints_that_wait_are_merged_and_none_is_lost() {
        let hints = Hints::default();
        let giver = hints.clone();
        giver.give(Hint::Pons([pon(1)].into()));
        giver.give(Hint::Pons([pon(2), pon(1)].into()));
        giver.give(Hint::State);
        let wanted = hints.take().await;
        assert_eq!(wanted, Wanted { state: true, pons: [pon(1), pon(2)].into(), ..Wanted::default() });
        let (wanted, ()) = tokio::join!(hints.take(), async { giver.give(Hint::Levels) });
        assert_eq!(wanted, Wanted { levels: true, ..Wanted::default() });
        for number in 0..2000 {
            giver.give(Hint::Pons([pon(number)].into()));
        }
        let wanted = hints.take().await;
        assert!(wanted.state && wanted.levels && wanted.pons.len() <= MOST_PONS);
    }
}
