//! The tripwire on levels that cannot be right (`domain.md` 1.3): a firmware that re-scales a column, or an agent that
//! loses it, must never colour a town red.

use std::collections::{BTreeMap, BTreeSet};

use super::Reason;
use crate::model::{Decibels, PonId, Timestamp};

/// Fewer levels than this prove nothing about an OLT.
const MIN_LEVELS: usize = 8;
/// A common movement beyond this, either way, is not physics.
const SHIFT_LIMIT: i32 = 6_000;
/// Levels that move together this closely (thousandths of a dB) were moved by arithmetic.
const SPREAD_LIMIT: i64 = 500;
/// Sane sweeps in a row that end a suspicion.
const SANE_SWEEPS: u32 = 2;

/// One optics sweep beside what was held before it. ONUs whose last state reading said down are left out: a dark ONU has
/// no level.
#[derive(Debug, Clone, Default)]
pub(super) struct Comparison {
    /// ONUs of the OLT whose newest answer was a level.
    pub(super) known: usize,
    /// Those of them for which the sweep says that there is none.
    pub(super) turned: usize,
    /// ONUs of the OLT with a level that was believed.
    pub(super) based: usize,
    /// The same, those that are down too.
    pub(super) based_or_lost: usize,
    /// Those of `based` for which the sweep has an answer, level or not.
    pub(super) answered: usize,
    /// Movements of levels against the last one that was believed, in thousandths of a dB.
    pub(super) deltas: Vec<i32>,
}

impl Comparison {
    fn add(&mut self, other: &Self) {
        self.known += other.known;
        self.turned += other.turned;
        self.based += other.based;
        self.based_or_lost += other.based_or_lost;
        self.answered += other.answered;
        self.deltas.extend_from_slice(&other.deltas);
    }

    /// Whether its levels moved together as only arithmetic moves them.
    pub(super) fn is_shifted(&mut self) -> bool {
        shift(self).is_some()
    }

    /// Whether there is anything to hear of these ONUs.
    const fn counts(&self) -> bool {
        self.known > 0 || self.based > 0
    }
}

/// ONUs by PON; those of no known PON are together.
pub(super) type ByPon = BTreeMap<Option<PonId>, Comparison>;

/// Levels that have to be read again before they can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookAgain {
    /// Those of the whole OLT: a slice of it moved together, and the others tell whether it is the OLT's arithmetic.
    Everywhere,
    /// Those of these PONs: the others did not move, so that it is theirs.
    Pons(BTreeSet<PonId>),
}

/// Slices of an OLT, put together until they tell of the whole.
#[derive(Debug, Default)]
struct Slices {
    /// What the newest slice said of each PON, since the last judgement or since levels were set aside.
    heard: ByPon,
    /// PONs whose levels moved or vanished together: not judged until the rest of the OLT was heard.
    aside: BTreeSet<PonId>,
    /// Of them, those for which the rest was heard and is sane: their next levels are theirs.
    cleared: BTreeSet<PonId>,
    look_again: Option<LookAgain>,
}

/// What to do with the sweep's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Judge them.
    Sane,
    /// Judge them; a suspicion ended, for this reason.
    Trusted(Reason),
    /// Do not judge them; a suspicion began.
    Tripped(Reason),
    /// Do not judge them; the suspicion goes on.
    Frozen,
}

/// Whether an OLT's levels are believed.
///
/// A shift is measured against the last levels that were believed, so one that stays stays suspect until a person looks.
/// Levels that turned unread and stay so are believed after [`SANE_SWEEPS`]: `unread` is never a fault.
#[derive(Debug, Default)]
pub(super) struct Tripwire {
    suspect: Option<Reason>,
    sane: u32,
    newest: Option<Timestamp>,
    slices: Slices,
}

impl Tripwire {
    /// Why the levels are not believed.
    pub(super) const fn suspect(&self) -> Option<Reason> {
        self.suspect
    }

    /// What has to be read again, once.
    pub(super) const fn take_look_again(&mut self) -> Option<LookAgain> {
        self.slices.look_again.take()
    }

    /// Judges a slice of an OLT, that of these PONs, before its levels are taken. `now` is what is held of all ONUs, beside
    /// what the slice says of its own.
    ///
    /// Slices are put together until they tell of the OLT, which is then judged as by one sweep. What a slice may do
    /// before: levels that did not move together are judged at once. Those that did, or of which most vanished, are set
    /// aside until the others were heard, since by itself a slice cannot tell a bent feeder from a new firmware.
    pub(super) fn judge_slice(&mut self, pons: &BTreeSet<PonId>, now: &ByPon, at: Timestamp) -> Outcome {
        let mut own = Comparison::default();
        let in_slice = |pon: &Option<PonId>| pon.is_some_and(|pon| pons.contains(&pon));
        let is_odd = {
            now.iter().filter(|(pon, _)| in_slice(pon)).for_each(|(_, comparison)| own.add(comparison));
            is_odd(&mut own)
        };
        if is_odd && self.slices.aside.is_empty() {
            // What was heard before this says nothing of what happened now.
            self.slices.heard.clear();
        }
        for (pon, comparison) in now.iter().filter(|(pon, _)| in_slice(pon)) {
            self.slices.heard.insert(*pon, comparison.clone());
        }
        let mut whole = Comparison::default();
        let mut all_heard = true;
        for (pon, comparison) in now {
            match self.slices.heard.get(pon) {
                Some(heard) => whole.add(heard),
                None => {
                    whole.add(comparison);
                    all_heard &= !comparison.counts();
                }
            }
        }
        if self.suspect.is_some() || trips(&mut whole).is_some() {
            if !all_heard && trips(&mut whole).is_none() {
                return Outcome::Frozen;
            }
            let look_again = self.slices.look_again.take();
            self.slices = Slices { look_again, ..Slices::default() };
            return self.judge(&mut whole, at);
        }
        let cleared = pons.iter().all(|pon| self.slices.cleared.contains(pon));
        let outcome = if is_odd && !cleared {
            if self.slices.aside.is_empty() && !all_heard {
                self.slices.look_again = Some(LookAgain::Everywhere);
            }
            self.slices.aside.extend(pons);
            Outcome::Frozen
        } else {
            for pon in pons {
                self.slices.aside.remove(pon);
                self.slices.cleared.remove(pon);
            }
            Outcome::Sane
        };
        if all_heard {
            self.slices.heard.clear();
            let news: BTreeSet<PonId> = self.slices.aside.difference(&self.slices.cleared).copied().collect();
            if !news.is_empty() {
                self.slices.cleared.extend(&news);
                self.slices.look_again = Some(LookAgain::Pons(news));
            }
        }
        outcome
    }

    /// Judges an optics sweep of the whole OLT that ended at `at`, before its levels are taken.
    pub(super) fn judge(&mut self, comparison: &mut Comparison, at: Timestamp) -> Outcome {
        self.slices.heard.clear();
        self.slices.aside.clear();
        self.slices.cleared.clear();
        let is_new = self.newest.is_none_or(|newest| at > newest);
        if is_new {
            self.newest = Some(at);
        }
        if let Some(reason) = trips(comparison) {
            self.sane = 0;
            return match self.suspect {
                // A shift can only be ended by levels, so a later loss of levels must not take its place.
                Some(Reason::AllShifted { .. }) => Outcome::Frozen,
                Some(_) => {
                    self.suspect = Some(reason);
                    Outcome::Frozen
                }
                None if is_new => {
                    self.suspect = Some(reason);
                    Outcome::Tripped(reason)
                }
                // The same sweep again says nothing new, and nothing is taken of it.
                None => Outcome::Frozen,
            };
        }
        let Some(suspicion) = self.suspect else { return Outcome::Sane };
        let heard =
            if matches!(suspicion, Reason::AllShifted { .. }) { comparison.deltas.len() } else { comparison.answered };
        // A sweep that hardly says anything is no sign of sanity.
        let tells = (heard >= MIN_LEVELS && heard * 2 > comparison.based) || comparison.based_or_lost < MIN_LEVELS;
        if tells && is_new {
            self.sane += 1;
        }
        if self.sane < SANE_SWEEPS {
            return Outcome::Frozen;
        }
        let reason = Reason::SaneSweeps(self.sane);
        self.trust();
        Outcome::Trusted(reason)
    }

    /// Ends a suspicion that arose from levels that turned unread in the newest sweep, when state readings explain it: among
    /// the ONUs that are not down, `of` had a level and `unread` of them have none now.
    pub(super) fn explain(&mut self, unread: usize, of: usize) -> bool {
        let explained = matches!(self.suspect, Some(Reason::MostUnread { .. }))
            && self.sane == 0
            && (of < MIN_LEVELS || unread * 2 <= of);
        if explained {
            self.trust();
        }
        explained
    }

    /// A suspicion that was there before a restart.
    pub(super) fn suspect_again(&mut self, why: Reason) {
        self.suspect.get_or_insert(why);
    }

    /// Ends any suspicion.
    pub(super) fn trust(&mut self) {
        self.suspect = None;
        self.sane = 0;
        self.slices = Slices::default();
    }

    /// Our clock went back: a sweep of any time is new.
    pub(super) fn clock_back(&mut self) {
        self.newest = None;
        self.slices = Slices::default();
    }
}

/// Why the levels of an OLT cannot be right, if so.
fn trips(comparison: &mut Comparison) -> Option<Reason> {
    shift(comparison).or_else(|| loss_of_levels(comparison))
}

/// Whether the levels of a slice moved as those of a whole OLT must not. Of a few, one cannot tell: they are odd when
/// their middle moved that far.
fn is_odd(own: &mut Comparison) -> bool {
    if trips(own).is_some() {
        return true;
    }
    let few = own.deltas.len() < MIN_LEVELS && own.deltas.len() * 2 > own.based;
    few && median(&mut own.deltas).is_some_and(|median| median.unsigned_abs() > SHIFT_LIMIT.unsigned_abs())
}

fn loss_of_levels(comparison: &Comparison) -> Option<Reason> {
    let Comparison { known, turned, .. } = *comparison;
    let trips = known >= MIN_LEVELS && turned * 2 > known;
    trips.then(|| Reason::MostUnread { turned: count(turned), of: count(known) })
}

fn shift(comparison: &mut Comparison) -> Option<Reason> {
    let compared = comparison.deltas.len();
    if compared < MIN_LEVELS || compared * 2 <= comparison.based {
        return None;
    }
    let median = median(&mut comparison.deltas)?;
    if median.unsigned_abs() <= SHIFT_LIMIT.unsigned_abs() {
        return None;
    }
    let mut deviations: Vec<i32> =
        comparison.deltas.iter().map(|delta| i32::try_from(delta.abs_diff(median)).unwrap_or(i32::MAX)).collect();
    // 1.4826 makes the median absolute deviation comparable to a standard deviation.
    let spread = i64::from(self::median(&mut deviations)?) * 14_826 / 10_000;
    // Bends and dirt take light, by as much as each gets. Nothing gives most of an OLT more: a factor does, and scatters.
    (spread < SPREAD_LIMIT || median > SHIFT_LIMIT).then(|| Reason::AllShifted {
        median: Decibels::from_thousandths(median),
        spread: Decibels::from_thousandths(i32::try_from(spread).unwrap_or(i32::MAX)),
        of: count(compared),
    })
}

/// The middle value; of an even number the upper one of the two in the middle. Sorts partly.
pub(super) fn median(values: &mut [i32]) -> Option<i32> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable(middle).1)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(deltas: Vec<i32>) -> Comparison {
        let count = deltas.len();
        Comparison { known: count, turned: 0, based: count, based_or_lost: count, answered: count, deltas }
    }

    fn turned(turned: usize, known: usize) -> Comparison {
        let deltas = vec![0; known - turned];
        Comparison { known, turned, based: known, based_or_lost: known, answered: known, deltas }
    }

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    fn trips(mut comparison: Comparison) -> bool {
        matches!(Tripwire::default().judge(&mut comparison, at(1)), Outcome::Tripped(_))
    }

    #[test]
    fn trips_when_more_than_half_turn_unread() {
        assert!(trips(turned(9, 16)));
        assert!(!trips(turned(8, 16)), "half is not more than half");
        assert!(trips(turned(8, 8)));
        assert!(!trips(turned(7, 7)), "too few to tell");
    }

    #[test]
    fn trips_when_all_move_together_but_not_when_they_scatter() {
        assert!(trips(moved(vec![6_001; 8])));
        assert!(trips(moved(vec![-20_000, -20_100, -19_900, -20_000, -20_050, -20_000, -20_000, -40_000])));
        assert!(!trips(moved(vec![6_000; 8])));
        assert!(!trips(moved(vec![-6_000; 8])));
        assert!(!trips(moved(vec![7_000; 7])));
        assert!(!trips(moved(vec![-9_000, -8_000, -7_000, -6_500, -10_000, -7_400, -8_600, -9_900])));
        let by_a_factor: Vec<i32> = (0..16).map(|onu| (16_000 + onu * 600) * 9 / 10).collect();
        assert!(trips(moved(by_a_factor.clone())), "shown tenfold: nothing gives light");
        assert!(!trips(moved(by_a_factor.iter().map(|delta| -delta).collect())), "much may take it");
        let mut one_pon_of_many = moved(vec![-9_000; 16]);
        one_pon_of_many.based = 128;
        assert!(!trips(one_pon_of_many), "a feeder of one PON can lose this much");
    }

    #[test]
    fn two_new_sane_sweeps_end_it() {
        let mut wire = Tripwire::default();
        wire.judge(&mut turned(16, 16), at(1));
        assert_eq!(wire.judge(&mut turned(0, 16), at(2)), Outcome::Frozen);
        assert_eq!(wire.judge(&mut turned(0, 16), at(2)), Outcome::Frozen, "the same sweep again");
        assert_eq!(wire.judge(&mut turned(12, 16), at(3)), Outcome::Frozen);
        assert_eq!(wire.judge(&mut turned(0, 16), at(4)), Outcome::Frozen);
        let mut silent = Comparison { based: 16, based_or_lost: 16, ..Comparison::default() };
        assert_eq!(wire.judge(&mut silent, at(5)), Outcome::Frozen, "saying nothing is not being sane");
        assert_eq!(wire.judge(&mut turned(0, 16), at(6)), Outcome::Trusted(Reason::SaneSweeps(2)));
        assert_eq!(wire.judge(&mut turned(0, 16), at(7)), Outcome::Sane);
    }

    #[test]
    fn losses_explain_missing_levels_but_not_a_shift() {
        let mut wire = Tripwire::default();
        wire.judge(&mut turned(16, 16), at(1));
        assert!(!wire.explain(9, 16));
        assert!(wire.explain(0, 3));
        assert_eq!(wire.suspect(), None);
        wire.judge(&mut moved(vec![20_000; 16]), at(2));
        assert!(!wire.explain(0, 0));
        assert!(wire.suspect().is_some());
    }

    #[test]
    fn extreme_numbers_are_only_numbers() {
        assert!(trips(moved(vec![i32::MAX; 9])));
        assert!(trips(moved(vec![i32::MIN; 9])));
        assert!(!trips(moved([vec![i32::MIN; 5], vec![i32::MAX; 4]].concat()).split()));
    }

    impl Comparison {
        /// The same with its values alternating, so that the median's neighbours differ.
        fn split(mut self) -> Self {
            self.deltas =
                self.deltas.iter().enumerate().map(|(at, delta)| if at % 2 == 0 { *delta } else { 0 }).collect();
            self
        }
    }
}
