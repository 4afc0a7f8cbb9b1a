//! The class of a received power, and the level machine: hysteresis on the way back, dwell both ways.

use std::time::Duration;

use super::memory::{Reader, Writer, checksum, number_of, word_of};
use super::rules::dwell;
use super::{Reason, Side};
use crate::config::ThresholdRule;
use crate::model::{Dbm, Level, Timestamp, Unread};

/// Optics answers without a level, in a row, after which the level is `unread`. Until then the last class stands: one
/// failed read of a transceiver says nothing about the light.
const UNREAD_AFTER: u8 = 3;

/// Where a power lies in a receiver's window. Sorted by power: more power is never a lower band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// Less than the receiver can use: `rx < sensitivity`.
    BelowSensitivity,
    /// `sensitivity <= rx < sensitivity + margin`.
    NearSensitivity,
    /// `sensitivity + margin <= rx <= overload - margin`.
    Inside,
    /// `overload - margin < rx <= overload`.
    NearOverload,
    /// More than the receiver bears: `overload < rx`.
    AboveOverload,
}

impl Band {
    /// The class of a power in this band.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::BelowSensitivity => Level::Critical,
            Self::NearSensitivity | Self::NearOverload => Level::Weak,
            Self::Inside => Level::Good,
            Self::AboveOverload => Level::Overload,
        }
    }
}

/// Where a power lies in the rule's window (`domain.md` 1.2). Total: every power lies in one band.
#[must_use]
pub fn band_of(rule: &ThresholdRule, rx: Dbm) -> Band {
    let (sensitivity, overload) = (rule.window.sensitivity, rule.window.overload);
    if rx < sensitivity {
        Band::BelowSensitivity
    } else if rx > overload {
        Band::AboveOverload
    } else if rx < sensitivity + rule.weak_margin {
        Band::NearSensitivity
    } else if rx > overload - rule.weak_margin {
        Band::NearOverload
    } else {
        Band::Inside
    }
}

/// The class of a power on its own, without hysteresis or dwell. Total; never [`Level::Unread`].
#[must_use]
pub fn class_of(rule: &ThresholdRule, rx: Dbm) -> Level {
    band_of(rule, rx).level()
}

/// How bad a class is. Critical and overload are equally bad, in different ways.
const fn badness(level: Level) -> u8 {
    match level {
        Level::Good | Level::Unread => 0,
        Level::Weak => 1,
        Level::Critical | Level::Overload => 2,
    }
}

/// The rule with every bound moved inwards by its hysteresis: what a level must satisfy to count as better.
fn way_back(rule: &ThresholdRule) -> ThresholdRule {
    let mut back = *rule;
    back.window.sensitivity = rule.window.sensitivity + rule.hysteresis;
    back.window.overload = rule.window.overload - rule.hysteresis;
    back
}

/// Tells rules apart over a restart.
fn fingerprint(rule: &ThresholdRule) -> u32 {
    let ThresholdRule { window, weak_margin, hysteresis, worsen_after, improve_after, olt_window: _ } = *rule;
    let levels = [window.sensitivity.thousandths(), window.overload.thousandths()];
    let margins = [weak_margin.thousandths(), hysteresis.thousandths()];
    let numbers = levels.into_iter().chain(margins).map(i32::to_le_bytes);
    let octets: Vec<u8> = numbers.chain([worsen_after, improve_after].map(u32::to_le_bytes)).flatten().collect();
    checksum(&octets)
}

/// The level of one ONU.
///
/// Each counter is the length of the present run of readings of its kind, so a dwell is counted for each bound by itself:
/// `weak, critical, critical` is weak after two readings and critical after three.
///
/// An answer without a level is not a reading: it neither counts nor breaks a run. After [`UNREAD_AFTER`] of them in a row
/// the level is `unread` and every run starts anew, so that readings far apart never make a dwell.
///
/// The first reading shows its class at once, but *unconfirmed*: no verdict is made of it until the dwell is full.
/// The same holds after the link came back from a loss, because light before a repair says nothing of the light after it.
#[derive(Debug, Clone)]
pub(super) struct LevelTrack {
    level: Level,
    confirmed: bool,
    /// The last reading is too old; `level` is what it was.
    aged: bool,
    /// Whether a level was ever read: before, `last` and `read_at` mean nothing.
    known: bool,
    /// Whether the run in `severe` is of overload rather than of critical.
    over: bool,
    unread: u8,
    /// Run of critical readings, or of overload ones.
    severe: u8,
    /// Run of readings that are weak or worse.
    poor: u8,
    /// Run of readings that clear the severe bounds by the hysteresis.
    able: u8,
    /// Run of readings that are good by the hysteresis.
    fine: u8,
    last: Dbm,
    read_at: Timestamp,
    answered_at: Timestamp,
}

impl LevelTrack {
    pub(super) const fn new() -> Self {
        let never = Timestamp::from_millis(0);
        Self {
            level: Level::Unread,
            confirmed: false,
            aged: false,
            known: false,
            over: false,
            unread: 0,
            severe: 0,
            poor: 0,
            able: 0,
            fine: 0,
            last: Dbm::from_thousandths(0),
            read_at: never,
            answered_at: never,
        }
    }

    /// What is to be remembered over a restart. Runs are not: readings before it say nothing of those after it.
    pub(super) fn write(&self, rule: &ThresholdRule, memory: &mut Writer) {
        memory.u8(number_of(Level::ALL, &self.level));
        memory.u8(u8::from(self.confirmed));
        memory.u8(u8::from(self.known));
        memory.i32(self.last.thousandths());
        memory.u64(self.read_at.millis());
        memory.u32(fingerprint(rule));
    }

    /// What was remembered, with its age; by another rule than it was judged by, judged anew.
    pub(super) fn recall(memory: &mut Reader<'_>, rule: &ThresholdRule, now: Timestamp) -> Option<Self> {
        let mut track = Self::new();
        track.level = word_of(Level::ALL, memory.u8()?)?;
        track.confirmed = memory.flag()?;
        track.known = memory.flag()?;
        track.last = Dbm::from_thousandths(memory.i32()?);
        track.read_at = Timestamp::from_millis(memory.u64()?).min(now);
        track.answered_at = track.read_at;
        if memory.u32()? != fingerprint(rule) {
            track.judge_anew(rule);
            track.forget_runs();
        }
        Some(track)
    }

    /// The level to show.
    pub(super) const fn shown(&self) -> Level {
        if self.aged { Level::Unread } else { self.level }
    }

    /// The level before it grew too old; `None` when it did not.
    pub(super) fn aged(&self) -> Option<Level> {
        self.aged.then_some(self.level)
    }

    /// Whether the dwell for the shown level was full.
    pub(super) const fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// The last power that was believed.
    pub(super) fn last(&self) -> Option<Dbm> {
        self.known.then_some(self.last)
    }

    /// When it was read.
    pub(super) fn read_at(&self) -> Option<Timestamp> {
        self.known.then_some(self.read_at)
    }

    /// Whether an answer of this time is newer than what was taken already. An equal time is the same answer again.
    pub(super) fn is_news(&self, at: Timestamp) -> bool {
        at > self.answered_at
    }

    /// Takes a power read at `at`.
    pub(super) fn read(&mut self, rule: &ThresholdRule, rx: Dbm, at: Timestamp) {
        if self.aged {
            self.restart();
        }
        self.unread = 0;
        self.known = true;
        self.last = rx;
        self.read_at = at;
        self.answered_at = at;
        self.count(rule, rx);
        self.settle(rule, class_of(rule, rx));
    }

    /// Takes an answer without a level. Values that were not asked for, or not answered, are no answers; neither are those
    /// of an ONU that is down.
    pub(super) fn unread(&mut self, why: Unread, at: Timestamp) {
        if matches!(why, Unread::NotAsked | Unread::NoAnswer) {
            return;
        }
        self.answered_at = at;
        if why == Unread::OnuDown {
            return;
        }
        self.unread = self.unread.saturating_add(1);
        if self.unread >= UNREAD_AFTER {
            self.restart();
        }
    }

    /// Lets a level that was read longer than `old_after` ago become `unread`.
    pub(super) fn age(&mut self, now: Timestamp, old_after: Duration) {
        if self.level != Level::Unread && now.since(self.read_at) > old_after {
            self.aged = true;
        }
    }

    /// Nothing before now counts any more, but the last class stays in view until a new reading.
    pub(super) const fn unconfirm(&mut self) {
        self.confirmed = false;
        self.forget_runs();
    }

    /// Our clock went back: a level of unknown age is too old, and a reading of any time is news.
    pub(super) const fn clock_back(&mut self, now: Timestamp) {
        if !matches!(self.level, Level::Unread) {
            self.aged = true;
        }
        self.read_at = now;
        self.answered_at = Timestamp::from_millis(0);
    }

    /// The rule changed. What is less bad by the new rule is so at once, for the light did not change; what is worse by it
    /// has its dwell to go, beginning with the last reading.
    pub(super) fn judge_anew(&mut self, rule: &ThresholdRule) {
        if self.level == Level::Unread || self.aged {
            return;
        }
        self.forget_runs();
        self.count(rule, self.last);
        let class = class_of(rule, self.last);
        let (new, old) = (badness(class), badness(self.level));
        if new < old || (new == old && class != self.level) {
            self.level = class;
            self.confirmed = class == Level::Good;
        }
    }

    /// Why the level is what it is; `answer` is the newest answer, for a level that is unread.
    pub(super) fn reason(&self, side: Side, rule: &ThresholdRule, answer: Result<Dbm, Unread>) -> Reason {
        if self.aged {
            return Reason::LevelOld(self.read_at);
        }
        if self.level == Level::Unread {
            return Reason::NoLevel(answer.err().unwrap_or(Unread::NotAsked));
        }
        let rx = self.last;
        let band = band_of(rule, rx);
        let class = band.level();
        if class == Level::Good && self.level == Level::Good {
            return Reason::LevelGood { side, rx };
        }
        let window = rule.window;
        if badness(class) >= badness(self.level) {
            let bound = match band {
                Band::BelowSensitivity | Band::Inside => window.sensitivity,
                Band::NearSensitivity => window.sensitivity + rule.weak_margin,
                Band::NearOverload => window.overload - rule.weak_margin,
                Band::AboveOverload => window.overload,
            };
            let run = if badness(class) == 2 { self.severe } else { self.poor };
            let needed = dwell(rule.worsen_after);
            // A class that came back before the better one was settled never left: its run says nothing.
            let settled = self.confirmed && class == self.level && run < needed;
            let needed = if settled { 0 } else { needed };
            return Reason::LevelBeyond { side, band, rx, bound, readings: run.min(needed), needed };
        }
        let from_below = match self.level {
            Level::Critical => true,
            Level::Overload => false,
            // A weak level does not keep its side; the power does: it is on the side that it is nearer to.
            Level::Good | Level::Weak | Level::Unread => {
                i64::from(rx.thousandths()) * 2
                    < i64::from(window.sensitivity.thousandths()) + i64::from(window.overload.thousandths())
            }
        };
        let (back, run) = (way_back(rule).window, if badness(self.level) == 2 { self.able } else { self.fine });
        let bound = match (from_below, badness(self.level) == 2) {
            (true, true) => back.sensitivity,
            (true, false) => back.sensitivity + rule.weak_margin,
            (false, true) => back.overload,
            (false, false) => back.overload - rule.weak_margin,
        };
        Reason::LevelReturning { side, rx, bound, from_below, readings: run, needed: dwell(rule.improve_after) }
    }

    const fn restart(&mut self) {
        self.level = Level::Unread;
        self.confirmed = false;
        self.aged = false;
        self.forget_runs();
    }

    const fn forget_runs(&mut self) {
        self.severe = 0;
        self.poor = 0;
        self.able = 0;
        self.fine = 0;
    }

    fn count(&mut self, rule: &ThresholdRule, rx: Dbm) {
        let class = class_of(rule, rx);
        let back = badness(class_of(&way_back(rule), rx));
        let over = class == Level::Overload;
        if over != self.over {
            self.severe = 0;
        }
        self.over = over;
        let run = |length: u8, goes_on: bool| if goes_on { length.saturating_add(1) } else { 0 };
        self.severe = run(self.severe, badness(class) == 2);
        self.poor = run(self.poor, badness(class) >= 1);
        self.able = run(self.able, back <= 1);
        self.fine = run(self.fine, back == 0);
    }

    fn settle(&mut self, rule: &ThresholdRule, class: Level) {
        let (worsen, improve) = (dwell(rule.worsen_after), dwell(rule.improve_after));
        let severe = (self.severe >= worsen).then_some(if self.over { Level::Overload } else { Level::Critical });
        let confirmed = match severe {
            Some(level) => Some(level),
            None if !self.confirmed => match class {
                Level::Good => Some(Level::Good),
                _ if self.poor >= worsen => Some(Level::Weak),
                _ => None,
            },
            None if self.poor >= worsen && badness(self.level) < 1 => Some(Level::Weak),
            None if self.fine >= improve && badness(self.level) > 0 => Some(Level::Good),
            None if self.able >= improve && badness(self.level) > 1 => Some(Level::Weak),
            None => Some(self.level),
        };
        if let Some(level) = confirmed {
            self.level = level;
            self.confirmed = true;
        } else if self.level == Level::Unread || badness(class) <= badness(self.level) {
            // The least bad of the unconfirmed readings, so that noise around a bound does not flicker.
            self.level = class;
        }
    }
}

#[cfg(test)]
mod tests;
