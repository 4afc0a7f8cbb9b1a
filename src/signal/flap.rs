//! Flap damping: an ONU that comes and goes is left alone until it has been quiet.

use super::Reason;
use super::memory::{Reader, Writer};
use crate::config::FlapRule;
use crate::model::Timestamp;

/// No penalty grows beyond this many times `suppress`, so that an ONU that flaps for a day is believed within some half-lives
/// after it.
const MOST: u16 = 4;

/// The penalty of one ONU. It is worked out from the last loss whenever it is asked for, so time costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlapTrack {
    /// The penalty at `at`.
    penalty: u16,
    suppressed: bool,
    at: Timestamp,
}

impl FlapTrack {
    pub(super) const fn new() -> Self {
        Self { penalty: 0, suppressed: false, at: Timestamp::from_millis(0) }
    }

    /// The penalty that is left at `now`.
    pub(super) fn penalty(&self, rule: &FlapRule, now: Timestamp) -> u16 {
        if self.penalty == 0 {
            return 0;
        }
        let half_lives = now.since(self.at).as_secs_f64() / rule.half_life.as_secs_f64();
        // From 0 to `penalty`, so it fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let left = (f64::from(self.penalty) * (-half_lives).exp2()).round() as u16;
        left
    }

    pub(super) const fn is_suppressed(&self) -> bool {
        self.suppressed
    }

    /// A loss that counts. True when it makes the ONU a flapping one.
    pub(super) fn lose(&mut self, rule: &FlapRule, at: Timestamp) -> bool {
        if rule.suppress == 0 {
            return false;
        }
        let most = rule.suppress.saturating_mul(MOST);
        self.penalty = self.penalty(rule, at).saturating_add(FlapRule::LOSS).min(most);
        self.at = at;
        let begins = !self.suppressed && self.penalty >= rule.suppress;
        self.suppressed |= begins;
        begins
    }

    /// Lets time pass. True when it ends being a flapping one.
    pub(super) fn pass(&mut self, rule: &FlapRule, now: Timestamp) -> bool {
        let ends = self.suppressed && (rule.suppress == 0 || self.penalty(rule, now) <= rule.reuse);
        if ends {
            self.suppressed = false;
        }
        ends
    }

    /// Our clock went back: what is left of the penalty is from now.
    pub(super) fn clock_back(&mut self, now: Timestamp) {
        self.at = self.at.min(now);
    }

    /// Why it holds, or that it does no more.
    pub(super) fn reason(&self, rule: &FlapRule, now: Timestamp) -> Reason {
        let penalty = self.penalty(rule, now);
        if self.suppressed {
            Reason::Flapping { penalty, reuse: rule.reuse }
        } else {
            Reason::Calm { penalty, reuse: rule.reuse }
        }
    }

    /// What is to be remembered over a restart.
    pub(super) fn write(&self, memory: &mut Writer) {
        memory.u16(self.penalty);
        memory.u8(u8::from(self.suppressed));
        memory.u64(self.at.millis());
    }

    /// What was remembered.
    pub(super) fn recall(memory: &mut Reader<'_>, now: Timestamp) -> Option<Self> {
        let (penalty, suppressed) = (memory.u16()?, memory.flag()?);
        Some(Self { penalty, suppressed, at: Timestamp::from_millis(memory.u64()?).min(now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + minute * 60_000)
    }

    #[test]
    fn a_penalty_halves_and_four_quick_losses_are_flapping() {
        let rule = FlapRule::default();
        let mut track = FlapTrack::new();
        assert!(!track.lose(&rule, at(0)));
        assert_eq!([0, 15, 30, 150].map(|minute| track.penalty(&rule, at(minute))), [1000, 500, 250, 1]);
        assert!(!track.lose(&rule, at(4)) && !track.lose(&rule, at(8)));
        assert!(track.lose(&rule, at(12)), "{}", track.penalty(&rule, at(12)));
        assert!(!track.lose(&rule, at(16)), "it was told");
        assert!(!track.pass(&rule, at(30)));
        assert!(track.is_suppressed());
        assert!(track.pass(&rule, at(50)), "{}", track.penalty(&rule, at(50)));
        assert!(!track.pass(&rule, at(51)));
    }

    #[test]
    fn a_loss_an_hour_is_no_flapping_and_a_day_of_flapping_ends_within_the_hour() {
        let rule = FlapRule::default();
        let mut slow = FlapTrack::new();
        assert!((0..100).all(|hour| !slow.lose(&rule, at(60 * hour))));
        let mut fast = FlapTrack::new();
        for minute in 0..1440 {
            fast.lose(&rule, at(minute));
        }
        assert_eq!(fast.penalty(&rule, at(1439)), 12_000);
        assert!(!fast.pass(&rule, at(1439 + 53)));
        assert!(fast.pass(&rule, at(1439 + 54)));
    }

    #[test]
    fn without_a_limit_nothing_flaps_and_what_did_ends() {
        let (rule, off) = (FlapRule::default(), FlapRule { suppress: 0, ..FlapRule::default() });
        let mut track = FlapTrack::new();
        assert!((0..50).all(|minute| !track.lose(&off, at(minute))));
        assert_eq!((0..50).filter(|minute| track.lose(&rule, at(*minute))).count(), 1);
        assert!(track.is_suppressed() && track.pass(&off, at(50)));
    }
}
