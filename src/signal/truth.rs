//! Up, down or stale, from state readings.

use std::time::Duration;

use super::Reason;
use super::memory::{Reader, Writer, number_of, word_of};
use crate::model::{Cause, Field, OnuState, Timestamp, Truth, Unread};

/// Why the truth is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Staleness {
    /// Never read.
    Never,
    /// Not read for too long.
    Age,
    /// The OLT did not answer.
    NoAnswer,
    /// The OLT rebooted.
    Rebooted,
    /// It is down, but the OLT has just rebooted.
    Grace,
    /// Our clock went back.
    ClockBack,
    /// Somebody worked there until now.
    Maintained,
    /// It was remembered from before a restart.
    Recalled {
        /// Whether what is read next goes on from there: we were away too briefly for a loss and its repair to pass
        /// unseen.
        goes_on: bool,
    },
}

/// The longest pause after which the same truth is taken for the same loss, or the same time of being up.
const GOES_ON_WITHIN: Duration = Duration::from_secs(3600);

/// What makes us doubt a truth that is not stale yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The OLT answered with neither up nor down.
    StateUnknown,
    /// A complete sweep that used to list it did not.
    NotListed,
    /// One sweep listed it more than once.
    ListedTwice,
}

/// What state readings mean at present.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateRules {
    /// State readings in a row that make a loss; at least 1.
    pub(super) down_after: u16,
    /// A truth whose last state reading is older than this is stale.
    pub(super) stale_after: Duration,
    /// Whether losses do not count now, because the OLT has just rebooted.
    pub(super) in_grace: bool,
}

/// The truth of one ONU.
///
/// A state that is not known neither counts nor breaks a run of losses, but staleness ends it: what was down before a
/// silence has to be read as down `down_after` times again.
#[derive(Debug, Clone)]
pub(super) struct TruthTrack {
    truth: Truth,
    staleness: Staleness,
    doubt: Option<Doubt>,
    /// Why it went down, while `losses` is not 0.
    cause: Cause,
    /// Whether a state was ever read: before, `read_at` means nothing.
    known: bool,
    /// State readings in a row that said down.
    losses: u16,
    since: Timestamp,
    read_at: Timestamp,
    /// The first reading of the run of losses.
    lost_at: Timestamp,
    /// What was true before it became stale; stale when nothing ever was.
    before: Truth,
    /// Since when that was true.
    before_since: Timestamp,
}

impl TruthTrack {
    /// Of an ONU that was first listed at `at`.
    pub(super) const fn new(at: Timestamp) -> Self {
        Self {
            truth: Truth::Stale,
            staleness: Staleness::Never,
            doubt: None,
            cause: Cause::Unknown,
            known: false,
            losses: 0,
            since: at,
            read_at: at,
            lost_at: at,
            before: Truth::Stale,
            before_since: at,
        }
    }

    pub(super) const fn truth(&self) -> Truth {
        self.truth
    }

    /// Since when: for a loss, its first reading.
    pub(super) const fn since(&self) -> Timestamp {
        self.since
    }

    /// When it was last read as up or down.
    pub(super) fn read_at(&self) -> Option<Timestamp> {
        self.known.then_some(self.read_at)
    }

    pub(super) const fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// Of a stale ONU, what was true until it was last read; `None` when nothing ever was.
    pub(super) fn before(&self) -> Option<Truth> {
        (self.truth == Truth::Stale && self.before != Truth::Stale).then_some(self.before)
    }

    /// What is to be remembered over a restart. `heard_until` is not: it is the same for all ONUs of an OLT.
    pub(super) fn write(&self, memory: &mut Writer) {
        let (truth, since) =
            if self.truth == Truth::Stale { (self.before, self.before_since) } else { (self.truth, self.since) };
        memory.u8(match truth {
            Truth::Stale => 0,
            Truth::Up => 1,
            Truth::Down(cause) => 2 + number_of(Cause::ALL, &cause),
        });
        // Whether it was still known when this was written.
        memory.u8(u8::from(self.truth != Truth::Stale));
        memory.u64(since.millis());
        memory.u64(if self.known { self.read_at.millis() } else { 0 });
    }

    /// What was remembered, as stale. What was not stale when it was written held until `heard_until`.
    pub(super) fn recall(memory: &mut Reader<'_>, heard_until: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        let before = match memory.u8()? {
            0 => Truth::Stale,
            1 => Truth::Up,
            cause => Truth::Down(word_of(Cause::ALL, cause - 2)?),
        };
        let was_known = memory.flag()?;
        let (since, read_at) = (Timestamp::from_millis(memory.u64()?), Timestamp::from_millis(memory.u64()?));
        if before == Truth::Stale {
            return Some(Self::new(now));
        }
        let until = heard_until.filter(|_| was_known).map_or(read_at, |until| until.max(read_at)).min(now);
        let staleness = Staleness::Recalled { goes_on: was_known && now.since(until) <= GOES_ON_WITHIN };
        let since = since.min(until);
        Some(Self { staleness, known: true, read_at: until, before, before_since: since, ..Self::new(until) })
    }

    /// Whether the last state reading said down, confirmed or not.
    pub(super) const fn is_lost(&self) -> bool {
        self.losses > 0
    }

    /// Whether it was read as down, and less often than makes a loss.
    pub(super) const fn is_unconfirmed_loss(&self) -> bool {
        self.losses > 0 && !matches!(self.truth, Truth::Down(_))
    }

    /// A loss that was read less often than counts by itself is part of a fault that is confirmed: it counts now.
    pub(super) fn confirm(&mut self) {
        if self.is_unconfirmed_loss() {
            self.become_truth(Truth::Down(self.cause), self.lost_at);
        }
    }

    /// How long the loss has lasted, as far as readings show.
    pub(super) const fn lost_for(&self) -> Duration {
        if self.losses == 0 { Duration::ZERO } else { self.read_at.since(self.lost_at) }
    }

    /// Takes a state reading that ended at `at`. True when the link came back from a loss that counted.
    pub(super) fn read(
        &mut self,
        state: Field<OnuState>,
        cause: Field<Cause>,
        at: Timestamp,
        rules: &StateRules,
    ) -> bool {
        if self.known && at <= self.read_at {
            return false;
        }
        match state {
            Ok(OnuState::Up) => {
                let returned = matches!(self.truth, Truth::Down(_));
                self.take(at);
                self.losses = 0;
                self.become_truth(Truth::Up, at);
                returned
            }
            Ok(OnuState::Down) => {
                self.take(at);
                self.lose(cause.unwrap_or(Cause::Unknown), at, rules);
                false
            }
            Err(Unread::NotAsked | Unread::NoAnswer) => false,
            Ok(OnuState::Unknown) | Err(_) => {
                self.doubt = Some(Doubt::StateUnknown);
                false
            }
        }
    }

    /// Something else than a state makes us doubt. Ends with the next reading of up or down.
    pub(super) const fn doubt_it(&mut self, doubt: Doubt) {
        self.doubt = Some(doubt);
    }

    /// It is listed again: that much of a doubt is over.
    pub(super) fn listed(&mut self) {
        if self.doubt == Some(Doubt::NotListed) {
            self.doubt = None;
        }
    }

    /// Lets a truth that was not read for too long become stale.
    pub(super) fn age(&mut self, now: Timestamp, rules: &StateRules) {
        if now.since(self.read_at) > rules.stale_after {
            self.go_stale(Staleness::Age, now);
        }
    }

    /// We do not know any more. Ends a run of losses. What is stale already stays so for its first reason.
    pub(super) fn go_stale(&mut self, why: Staleness, at: Timestamp) {
        self.losses = 0;
        if self.truth != Truth::Stale {
            self.staleness = why;
            self.become_truth(Truth::Stale, at);
        } else if let Staleness::Recalled { goes_on } = &mut self.staleness {
            *goes_on &= why == Staleness::Age;
        } else if self.staleness == Staleness::Grace || (self.known && self.staleness == Staleness::Never) {
            self.staleness = why;
            self.since = at;
        }
    }

    /// Our clock went back: no reading's age can be told, and a reading of any time is news.
    pub(super) fn clock_back(&mut self, now: Timestamp) {
        self.go_stale(Staleness::ClockBack, now);
        self.known = false;
        self.since = now;
        self.read_at = now;
        self.lost_at = now;
    }

    /// Why the truth is what it is.
    pub(super) fn reason(&self, rules: &StateRules) -> Reason {
        let losing = Reason::LossUnconfirmed { cause: self.cause, readings: self.losses, needed: rules.down_after };
        match self.truth {
            Truth::Up if self.losses > 0 => losing,
            Truth::Up => Reason::Up,
            Truth::Down(cause) => Reason::Down { cause, readings: self.losses },
            Truth::Stale if self.losses > 0 => losing,
            Truth::Stale => match self.staleness {
                Staleness::Never => match self.doubt {
                    Some(doubt) => doubt.reason(),
                    None => Reason::NotReadYet,
                },
                Staleness::Age => Reason::NoStateSince(self.read_at),
                Staleness::NoAnswer => Reason::NoAnswer(self.since),
                Staleness::Rebooted => Reason::Rebooted(self.since),
                Staleness::Grace => Reason::LossInGrace,
                Staleness::ClockBack => Reason::ClockBack,
                Staleness::Maintained => Reason::MaintenanceOver(self.since),
                Staleness::Recalled { .. } => Reason::KnownUntil { truth: self.before, until: self.read_at },
            },
        }
    }

    /// Whether what is read next, if it is what was before, was so all the time.
    fn goes_on(&self) -> bool {
        let goes_on = matches!(self.staleness, Staleness::Recalled { goes_on: true } | Staleness::Maintained);
        self.truth == Truth::Stale && goes_on
    }

    fn take(&mut self, at: Timestamp) {
        self.known = true;
        self.read_at = at;
        self.doubt = None;
    }

    fn lose(&mut self, cause: Cause, at: Timestamp, rules: &StateRules) {
        if rules.in_grace {
            self.losses = 0;
            self.staleness = Staleness::Grace;
            self.become_truth(Truth::Stale, at);
            return;
        }
        let goes_on = self.goes_on();
        if self.losses == 0 {
            (self.lost_at, self.cause) = match self.before {
                Truth::Down(before) if goes_on => (self.before_since, refine(before, cause)),
                _ => (at, cause),
            };
        } else {
            self.cause = refine(self.cause, cause);
        }
        self.losses = self.losses.saturating_add(1);
        if matches!(self.truth, Truth::Down(_)) || self.losses >= rules.down_after {
            self.become_truth(Truth::Down(self.cause), self.lost_at);
        }
    }

    /// `since` moves only when the truth's word changes: a cause that comes later belongs to the same loss.
    fn become_truth(&mut self, truth: Truth, since: Timestamp) {
        if truth.word() != self.truth.word() {
            let goes_on = self.goes_on() && truth.word() == self.before.word();
            if truth == Truth::Stale {
                (self.before, self.before_since) = (self.truth, self.since);
            }
            self.since = if goes_on { self.before_since } else { since };
        }
        self.truth = truth;
    }
}

impl Doubt {
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::StateUnknown => Reason::StateUnknown,
            Self::NotListed => Reason::NotListed,
            Self::ListedTwice => Reason::ListedTwice,
        }
    }
}

/// The cause of a loss that goes on, given what it was and what is read now.
///
/// "Unknown" never replaces a known cause. Nor does lost light replace lost mains: an ONU that gasped is dark too, and many
/// OLTs say so a little later. Else the newest word counts.
const fn refine(held: Cause, read: Cause) -> Cause {
    match (held, read) {
        (known, Cause::Unknown) => known,
        (Cause::Power, Cause::Optical) => Cause::Power,
        (_, newest) => newest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: StateRules = StateRules { down_after: 2, stale_after: Duration::from_secs(180), in_grace: false };

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + second * 1000)
    }

    fn up(track: &mut TruthTrack, second: u64) -> bool {
        track.read(Ok(OnuState::Up), Err(Unread::NoValue), at(second), &RULES)
    }

    fn down(track: &mut TruthTrack, cause: Cause, second: u64) {
        track.read(Ok(OnuState::Down), Ok(cause), at(second), &RULES);
    }

    #[test]
    fn a_lone_loss_counts_after_two_readings_and_up_at_once() {
        let mut track = TruthTrack::new(at(0));
        assert_eq!((track.truth(), track.reason(&RULES)), (Truth::Stale, Reason::NotReadYet));
        up(&mut track, 0);
        assert_eq!(track.truth(), Truth::Up);
        down(&mut track, Cause::Optical, 60);
        assert_eq!(track.truth(), Truth::Up);
        assert_eq!(track.reason(&RULES).to_string(), "down (optical) in 1 of 2 state readings");
        down(&mut track, Cause::Optical, 120);
        assert_eq!((track.truth(), track.since()), (Truth::Down(Cause::Optical), at(60)));
        assert!(up(&mut track, 180), "it came back from a loss that counted");
        assert_eq!((track.truth(), track.since()), (Truth::Up, at(180)));
        down(&mut track, Cause::Optical, 240);
        assert!(!up(&mut track, 300), "a blip is not a loss");
        down(&mut track, Cause::Optical, 360);
        assert_eq!(track.truth(), Truth::Up, "the run was broken");
    }

    #[test]
    fn the_same_reading_twice_is_one_reading() {
        let mut track = TruthTrack::new(at(0));
        up(&mut track, 0);
        down(&mut track, Cause::Optical, 60);
        down(&mut track, Cause::Optical, 60);
        down(&mut track, Cause::Optical, 30);
        assert_eq!(track.truth(), Truth::Up);
    }

    #[test]
    fn a_first_reading_of_down_is_not_believed_alone() {
        let mut track = TruthTrack::new(at(0));
        down(&mut track, Cause::Optical, 0);
        assert_eq!(track.truth(), Truth::Stale);
        down(&mut track, Cause::Optical, 60);
        assert_eq!(track.truth(), Truth::Down(Cause::Optical));
    }

    #[test]
    fn a_cause_that_comes_later_refines_the_same_loss() {
        let mut track = TruthTrack::new(at(0));
        down(&mut track, Cause::Unknown, 0);
        down(&mut track, Cause::Unknown, 60);
        assert_eq!(track.truth(), Truth::Down(Cause::Unknown));
        down(&mut track, Cause::Power, 120);
        assert_eq!((track.truth(), track.since()), (Truth::Down(Cause::Power), at(0)));
        for (second, cause) in [(180, Cause::Unknown), (240, Cause::Optical)] {
            down(&mut track, cause, second);
            assert_eq!(track.truth(), Truth::Down(Cause::Power), "{cause} does not undo power");
        }
        down(&mut track, Cause::Admin, 300);
        assert_eq!(track.truth(), Truth::Down(Cause::Admin));
        assert_eq!(track.lost_for(), Duration::from_secs(300));
        up(&mut track, 360);
        down(&mut track, Cause::Optical, 420);
        down(&mut track, Cause::Optical, 480);
        assert_eq!(track.truth(), Truth::Down(Cause::Optical), "a new loss has its own cause");
    }

    #[test]
    fn an_unknown_state_neither_counts_nor_breaks_a_run_but_casts_doubt() {
        let mut track = TruthTrack::new(at(0));
        up(&mut track, 0);
        down(&mut track, Cause::Optical, 60);
        track.read(Ok(OnuState::Unknown), Err(Unread::NoValue), at(120), &RULES);
        assert_eq!((track.truth(), track.doubt()), (Truth::Up, Some(Doubt::StateUnknown)));
        track.read(Err(Unread::UnknownValue(9.into())), Err(Unread::NoValue), at(121), &RULES);
        down(&mut track, Cause::Optical, 180);
        assert_eq!((track.truth(), track.doubt()), (Truth::Down(Cause::Optical), None));
        track.read(Err(Unread::NoAnswer), Err(Unread::NoAnswer), at(240), &RULES);
        assert_eq!(track.doubt(), None, "no answer changes nothing");
        track.age(at(180 + 180), &RULES);
        assert_eq!(track.truth(), Truth::Down(Cause::Optical));
        track.age(at(180 + 181), &RULES);
        assert_eq!((track.truth(), track.reason(&RULES)), (Truth::Stale, Reason::NoStateSince(at(180))));
    }

    #[test]
    fn staleness_ends_a_run_of_losses() {
        let mut track = TruthTrack::new(at(0));
        up(&mut track, 0);
        down(&mut track, Cause::Optical, 60);
        track.go_stale(Staleness::NoAnswer, at(120));
        assert_eq!(track.reason(&RULES), Reason::NoAnswer(at(120)));
        down(&mut track, Cause::Optical, 180);
        assert_eq!(track.truth(), Truth::Stale);
        down(&mut track, Cause::Optical, 240);
        assert_eq!(track.truth(), Truth::Down(Cause::Optical));
    }

    #[test]
    fn losses_do_not_count_in_grace() {
        let grace = StateRules { in_grace: true, ..RULES };
        let mut track = TruthTrack::new(at(0));
        up(&mut track, 0);
        for second in [60, 120, 180] {
            track.read(Ok(OnuState::Down), Ok(Cause::Optical), at(second), &grace);
            assert_eq!((track.truth(), track.reason(&grace)), (Truth::Stale, Reason::LossInGrace));
        }
        down(&mut track, Cause::Optical, 240);
        assert_eq!(track.truth(), Truth::Stale);
        down(&mut track, Cause::Optical, 300);
        assert_eq!((track.truth(), track.since()), (Truth::Down(Cause::Optical), at(240)));
    }
}
