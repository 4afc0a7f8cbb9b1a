//! What a lone loss is: a pulled plug or a broken drop.
//!
//! An OLT says "light lost" of either, where the ONU does not gasp. What tells them apart is how its maker's ONUs gasp (`gasp`), how often
//! this ONU went down alone before and came back, how long it is away by now against how long homes without power are, and
//! whether its level was low or had fallen.

use super::gasp::Reliability;
use super::network::Onu;
use super::rates::{DROP, HOME_POWER, WEAK_FAILS, WRONG_GASP};
use crate::model::{Cause, Timestamp};

/// How often an ONU loses power by itself, as far as was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habit {
    /// Since when it is known.
    since: Option<Timestamp>,
    /// Lone losses that are over.
    losses: u16,
}

/// Losses that the general rate is worth: it is soon outweighed by what is seen of the ONU itself.
const PRIOR_LOSSES: f64 = 0.5;

impl Habit {
    /// It is there.
    pub fn see(&mut self, at: Timestamp) {
        self.since = self.since.or(Some(at));
    }

    /// One more lone loss is over.
    pub const fn learn(&mut self) {
        self.losses = self.losses.saturating_add(1);
    }

    /// Lone losses that were seen, and over how many days.
    pub fn seen(&self, now: Timestamp) -> (u16, u64) {
        (self.losses, self.since.map_or(0, |since| now.since(since).as_secs() / 86_400))
    }

    /// Losses of power in a minute: the mean of a gamma distribution.
    fn rate(&self, now: Timestamp) -> f64 {
        let minutes = self.since.map_or(0.0, |since| now.since(since).as_secs_f64() / 60.0);
        (PRIOR_LOSSES + f64::from(self.losses)) / (PRIOR_LOSSES / HOME_POWER + minutes)
    }
}

/// Doublings of a minute by which absences are told apart: up to eleven days.
const BINS: usize = 14;
/// The most that is remembered: what is older weighs less and less.
const MEMORY: f64 = 2000.0;

/// How long homes without power are away, learned from losses that gasped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absences {
    ended: [f64; BINS],
}

impl Default for Absences {
    /// Anything from a minute to a day is as likely, by its logarithm; a tenth of that beyond: people travel.
    fn default() -> Self {
        let mut ended = [2.0; BINS];
        ended.iter_mut().skip(11).for_each(|bin| *bin = 0.2);
        Self { ended }
    }
}

impl Absences {
    /// One more home is back.
    pub fn learn(&mut self, minutes: f64) {
        if let Some(bin) = self.ended.get_mut(bin_of(minutes).0) {
            *bin += 1.0;
        }
        let total: f64 = self.ended.iter().sum();
        if total > MEMORY {
            self.ended.iter_mut().for_each(|bin| *bin *= MEMORY / total);
        }
    }

    /// The chance that a home without power is still away after so many minutes.
    fn last_beyond(&self, minutes: f64) -> f64 {
        let (bin, part) = bin_of(minutes);
        let beyond: f64 = self.ended.iter().skip(bin + 1).sum();
        let here = self.ended.get(bin).copied().unwrap_or(0.0) * (1.0 - part);
        (beyond + here) / self.ended.iter().sum::<f64>().max(1.0)
    }
}

/// The doubling that so many minutes are in, and how far into it they are.
fn bin_of(minutes: f64) -> (usize, f64) {
    let doublings = minutes.max(1.0).log2();
    let bin = (0_u8..).zip(0..BINS).find(|(number, _)| doublings < f64::from(*number) + 1.0);
    bin.map_or((BINS, 0.0), |(number, bin)| (bin, doublings - f64::from(number)))
}

/// The chance that a lone loss is a broken drop, or an ONU that failed, and not a plug that was pulled. `None` where that is not the question:
/// it is up, or went down for another reason.
pub(super) fn chance_of_drop(onu: &Onu, gasps: &Reliability, absences: &Absences, now: Timestamp) -> Option<f64> {
    let lost = onu.lost_at.filter(|_| !onu.is_up)?;
    let silent = match onu.cause {
        Cause::Optical => (1.0 - gasps.mean(), 1.0 - WRONG_GASP),
        Cause::Unknown => (1.0, 1.0),
        _ => return None,
    };
    let minutes = now.since(lost).as_secs_f64() / 60.0;
    let is_weak = onu.fell.is_some() || onu.is_nearly_lost();
    let drop = DROP * if is_weak { WEAK_FAILS } else { 1.0 } * silent.1;
    let plug = onu.habit.rate(now) * silent.0 * absences.last_beyond(minutes);
    Some(drop / (drop + plug))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + millis)
    }

    #[test]
    fn absences_begin_even_and_follow_what_is_seen() {
        let mut absences = Absences::default();
        assert!((absences.last_beyond(0.5) - 1.0).abs() < 1e-9);
        let shares = [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0].map(|minutes| absences.last_beyond(minutes));
        assert!(shares.is_sorted_by(|one, other| one >= other), "{shares:?}");
        assert!(shares[4] > 0.0 && shares[5] == 0.0, "{shares:?}");
        for _ in 0..500 {
            absences.learn(20.0);
        }
        assert!(absences.last_beyond(5.0) > 0.95 && absences.last_beyond(40.0) < 0.05);
    }

    #[test]
    fn who_is_never_away_is_missed_soon_and_who_often_is_is_not() {
        let mut calm = Habit::default();
        let mut restless = Habit::default();
        for habit in [&mut calm, &mut restless] {
            habit.see(at(0));
        }
        for _ in 0..30 {
            restless.learn();
        }
        let now = at(30 * DAY);
        assert!(calm.rate(now) < 2e-5 && restless.rate(now) > 5e-4, "{} {}", calm.rate(now), restless.rate(now));
        assert!((Habit::default().rate(now) - HOME_POWER).abs() < 1e-9, "nothing was seen of it");
        assert_eq!(restless.seen(now), (30, 30));
    }
}
