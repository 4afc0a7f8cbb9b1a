//! How many ONUs are how, of an OLT and of each of its PONs.

use std::collections::{BTreeMap, BTreeSet};

use super::merged::{Line, lines};
use crate::daemon::OltReport;
use crate::model::{Cause, Level, PonId, Truth, Verdict};

/// The words for a truth, in the order of [`Tally::truth`].
pub(super) const TRUTHS: [&str; 3] = ["up", "down", "stale"];

/// Most PONs of one OLT that are counted apart. The largest chassis have some 300; what an OLT says beyond that must
/// not make as many series.
pub(super) const MOST_PONS: usize = 1024;

/// Counts of ONUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// All of them.
    pub(super) total: u64,
    /// By truth, as in [`TRUTHS`].
    truth: [u64; TRUTHS.len()],
    /// Those that are down, by cause, as in [`Cause::ALL`].
    cause: [u64; Cause::ALL.len()],
    /// By level, as in [`Level::ALL`].
    level: [u64; Level::ALL.len()],
    /// By verdict, as in [`Verdict::ALL`].
    verdict: [u64; Verdict::ALL.len()],
}

fn count(counts: &mut [u64], place: usize) {
    if let Some(count) = counts.get_mut(place) {
        *count += 1;
    }
}

impl Tally {
    pub(super) fn add(&mut self, line: &Line<'_>) {
        self.total += 1;
        let truth = line.truth();
        count(&mut self.truth, TRUTHS.iter().position(|word| *word == truth.word()).unwrap_or(TRUTHS.len()));
        if let Truth::Down(cause) = truth {
            count(&mut self.cause, cause as usize);
        }
        count(&mut self.level, line.level() as usize);
        count(&mut self.verdict, line.verdict() as usize);
    }

    /// Those that are up.
    pub(super) const fn up(&self) -> u64 {
        let [up, _, _] = self.truth;
        up
    }

    /// Those that are down.
    pub(super) const fn down(&self) -> u64 {
        let [_, down, _] = self.truth;
        down
    }

    /// Those of which nothing is known at present.
    pub(super) const fn stale(&self) -> u64 {
        let [_, _, stale] = self.truth;
        stale
    }

    /// Those of a level.
    pub(super) fn of_level(&self, level: Level) -> u64 {
        self.level.get(level as usize).copied().unwrap_or(0)
    }

    /// By truth; every word is there.
    pub(super) fn by_truth(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        TRUTHS.into_iter().zip(self.truth)
    }

    /// Those that are down, by cause; every word is there.
    pub(super) fn by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        Cause::ALL.iter().map(|cause| cause.word()).zip(self.cause)
    }

    /// By level; every word is there.
    pub(super) fn by_level(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        Level::ALL.iter().map(|level| level.word()).zip(self.level)
    }

    /// By verdict; every word is there.
    pub(super) fn by_verdict(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        Verdict::ALL.iter().map(|verdict| verdict.word()).zip(self.verdict)
    }
}

/// The counts of one OLT.
#[derive(Debug, Clone, Default)]
pub(super) struct OltTally {
    /// All of its ONUs.
    pub(super) whole: Tally,
    /// Those of each PON, of at most [`MOST_PONS`]. A PON is here when the OLT lists it or an ONU hangs on it.
    pub(super) pons: BTreeMap<PonId, Tally>,
    /// PONs beyond these.
    pub(super) pons_left_out: usize,
}

impl OltTally {
    /// Counts.
    pub(super) fn of(report: &OltReport) -> Self {
        let mut tally = Self::default();
        let mut left_out = BTreeSet::new();
        for pon in report.view.pons().map(|pon| pon.pon) {
            tally.pon(pon, &mut left_out);
        }
        for line in lines(report) {
            tally.whole.add(&line);
            if let Some(pon) = line.pon()
                && let Some(pon) = tally.pon(pon, &mut left_out)
            {
                pon.add(&line);
            }
        }
        tally.pons_left_out = left_out.len();
        tally
    }

    fn pon(&mut self, pon: PonId, left_out: &mut BTreeSet<PonId>) -> Option<&mut Tally> {
        if self.pons.len() >= MOST_PONS && !self.pons.contains_key(&pon) {
            left_out.insert(pon);
            return None;
        }
        Some(self.pons.entry(pon).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::model::{OnuKey, Reading, Unread};

    #[test]
    fn every_word_stands_at_its_own_place() {
        for cause in Cause::ALL {
            assert_eq!(Cause::ALL.get(*cause as usize), Some(cause));
        }
        for level in Level::ALL {
            assert_eq!(Level::ALL.get(*level as usize), Some(level));
        }
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::ALL.get(*verdict as usize), Some(verdict));
        }
        for truth in [Truth::Up, Truth::Down(Cause::Power), Truth::Stale] {
            assert!(TRUTHS.contains(&truth.word()));
        }
    }

    #[test]
    fn counts_agree_with_the_onus_and_with_each_other() {
        let tally = OltTally::of(&testing::town());
        let by = |counts: &mut dyn Iterator<Item = (&'static str, u64)>| {
            counts.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
        };
        assert_eq!(tally.whole.total, 6);
        assert_eq!(by(&mut tally.whole.by_truth()), [("up", 3), ("down", 2), ("stale", 1)]);
        assert_eq!(by(&mut tally.whole.by_cause()), [("optical", 1), ("power", 1)]);
        assert_eq!(by(&mut tally.whole.by_level()), [("good", 2), ("weak", 1), ("critical", 1), ("unread", 2)]);
        assert_eq!(by(&mut tally.whole.by_verdict()), [("ok", 2), ("error", 2), ("hold", 2)]);
        let pons: Vec<(String, u64)> = tally.pons.iter().map(|(pon, tally)| (pon.to_string(), tally.total)).collect();
        assert_eq!(pons, [("0/1/0".to_owned(), 3), ("0/1/1".to_owned(), 3), ("0/1/2".to_owned(), 0)]);
    }

    #[test]
    fn an_olt_that_names_endless_pons_makes_no_endless_series() {
        let onus: Vec<Reading> = (0..3000)
            .map(|number: u32| Reading {
                pon: Some(PonId::new(&[number]).unwrap()),
                ..Reading::unread(OnuKey::new(&[number]), Unread::NotAsked)
            })
            .collect();
        // The OLT lists three more.
        let tally = OltTally::of(&testing::olt("olt", &onus));
        assert_eq!((tally.pons.len(), tally.pons_left_out, tally.whole.total), (MOST_PONS, 3003 - MOST_PONS, 3000));
    }
}
