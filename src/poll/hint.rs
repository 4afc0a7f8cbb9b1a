//! Reasons to look again now. They wait in one place for each OLT, merged, so that none is lost and they take no room.
//!
//! Our own reasons are taken as they come ([`Hints::give`]). Those that anybody on the network can give us come out of a
//! [`Budget`] ([`Hints::offer`]): what is beyond it is merged into one look later.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Intervals;
use super::budget::Budget;
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
        self.bound();
    }

    fn join(&mut self, other: Self) {
        self.state |= other.state;
        self.levels |= other.levels;
        self.inventory |= other.inventory;
        self.pons.extend(other.pons);
        self.bound();
    }

    fn bound(&mut self) {
        if self.pons.len() > MOST_PONS {
            self.pons.clear();
            (self.state, self.levels) = (true, true);
        }
    }
}

/// What became of a hint that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offered {
    /// The look is given now.
    Now,
    /// It is given as soon as the budget allows.
    Later,
    /// One waits already, and serves this hint too.
    Merged,
}

impl Offered {
    /// The word for it in metrics and API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Later => "later",
            Self::Merged => "merged",
        }
    }
}

/// Where an OLT's hints wait for its poll task. Clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<Place>);

#[derive(Debug, Default)]
struct Place {
    waiting: Mutex<Waiting>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    wanted: Option<Wanted>,
    /// What the budget does not allow yet, and from when on it does.
    later: Option<(Instant, Wanted)>,
    budget: Budget,
}

impl Waiting {
    /// Gives what had to wait and may be looked at now.
    fn ripen(&mut self, now: Instant) {
        if let Some((_, later)) = self.later.take_if(|(from, _)| *from <= now) {
            self.budget.spend(now);
            self.wanted.get_or_insert_default().join(later);
        }
    }
}

impl Hints {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what is wanted.
    pub fn give(&self, hint: Hint) {
        self.waiting().wanted.get_or_insert_default().add(hint);
        self.0.told.notify_one();
    }

    /// Adds to what is wanted as far as the budget for what others ask allows: now, or in one look later. One for levels
    /// comes to no more than a look at the state where levels were asked for within their interval.
    pub fn offer(&self, hint: Hint) -> Offered {
        self.offer_at(hint, Instant::now())
    }

    fn offer_at(&self, hint: Hint, now: Instant) -> Offered {
        let mut waiting = self.waiting();
        waiting.ripen(now);
        let hint = if hint == Hint::State || waiting.budget.spend_levels(now) { hint } else { Hint::State };
        if let Some((_, later)) = &mut waiting.later {
            later.add(hint);
            return Offered::Merged;
        }
        let from = waiting.budget.opens_at(now);
        let offered = if from <= now {
            waiting.budget.spend(now);
            waiting.wanted.get_or_insert_default().add(hint);
            Offered::Now
        } else {
            let mut later = Wanted::default();
            later.add(hint);
            waiting.later = Some((from, later));
            Offered::Later
        };
        self.0.told.notify_one();
        offered
    }

    /// A state sweep has ended; `lost`: whether it read a loss that another reading has to confirm. Asks for that reading
    /// where the look came from an offered hint, and says whether it did: without one, the schedule confirms.
    pub fn confirm(&self, lost: bool) -> bool {
        let mut waiting = self.waiting();
        let may = waiting.budget.confirm(lost);
        if may {
            waiting.wanted.get_or_insert_default().add(Hint::State);
            self.0.told.notify_one();
        }
        may
    }

    /// The intervals in force, by which the budget is measured.
    pub(super) fn set_pace(&self, intervals: Intervals) {
        self.waiting().budget.set_pace(intervals, Instant::now());
    }

    /// Waits until something is wanted.
    pub(super) async fn take(&self) -> Wanted {
        loop {
            let from = {
                let mut waiting = self.waiting();
                waiting.ripen(Instant::now());
                if let Some(wanted) = waiting.wanted.take() {
                    return wanted;
                }
                waiting.later.as_ref().map(|(from, _)| *from)
            };
            match from {
                None => self.0.told.notified().await,
                Some(from) => {
                    // Whatever ends the wait, the place is looked at again.
                    let _ = tokio::time::timeout_at(from, self.0.told.notified()).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

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

    #[tokio::test(start_paused = true)]
    async fn what_is_offered_beyond_the_budget_becomes_one_look_later() {
        let hints = Hints::default();
        let start = Instant::now();
        assert_eq!(hints.offer(Hint::State), Offered::Now);
        assert_eq!(hints.take().await, Wanted { state: true, ..Wanted::default() });
        // A flood: at first a few looks, DISTANCE apart, and then one in 30 s.
        let mut given = Vec::new();
        let mut outcomes = Vec::new();
        while start.elapsed() < Duration::from_secs(300) {
            tokio::select! {
                wanted = hints.take() => {
                    assert_eq!(wanted, Wanted { state: true, ..Wanted::default() });
                    given.push(start.elapsed().as_secs());
                }
                () = tokio::time::sleep(Duration::from_millis(50)) => outcomes.push(hints.offer(Hint::State)),
            }
        }
        assert_eq!(given[..4], [3, 6, 9, 30], "{given:?}");
        assert!(given.len() <= 14, "{given:?}");
        assert!(outcomes.iter().filter(|outcome| **outcome == Offered::Merged).count() > 5_000);
        let asked = outcomes.iter().filter(|outcome| **outcome != Offered::Merged).count();
        // One may have ripened in the last moment, and one waits.
        assert!(asked <= given.len() + 2, "{asked} {given:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_reads_a_loss_is_confirmed_by_one_more() {
        let hints = Hints::default();
        hints.set_pace(Intervals { state: HOUR, optics: HOUR, inventory: HOUR });
        assert!(!hints.confirm(true), "the schedule confirms its own");
        hints.offer(Hint::State);
        hints.take().await;
        assert!(hints.confirm(true));
        assert_eq!(hints.take().await, Wanted { state: true, ..Wanted::default() });
        assert!(!hints.confirm(true), "it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn levels_are_read_at_once_only_once_in_their_interval() {
        let hints = Hints::default();
        hints.set_pace(Intervals { state: HOUR / 60, optics: HOUR, inventory: HOUR });
        hints.offer(Hint::Everything);
        assert_eq!(hints.take().await, Wanted { state: true, levels: true, inventory: true, ..Wanted::default() });
        hints.offer(Hint::Everything);
        assert_eq!(hints.take().await, Wanted { state: true, ..Wanted::default() });
    }

    #[tokio::test]
    async fn our_own_reasons_do_not_wait_for_the_budget() {
        let hints = Hints::default();
        for _ in 0..9 {
            hints.offer(Hint::State);
        }
        hints.take().await;
        hints.give(Hint::Levels);
        assert_eq!(hints.take().await, Wanted { levels: true, ..Wanted::default() });
    }
}
