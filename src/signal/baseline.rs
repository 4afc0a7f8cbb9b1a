//! The memory of one level over days and weeks, in 64 octets: where it usually is, how much it scatters, and whether it fell.
//!
//! Readings become segments of four hours (a mean without its extremes), segments become days (their median, so that the
//! swing of the temperature over a day is gone), days become weeks. Two segments in a row that lie far below the usual are a
//! *step*, and so does one whole day (in which the swing of the temperature is gone, so that less is needed); days and weeks
//! that fall together are a *decline* (Theil–Sen slope, Mann–Kendall test). What all ONUs of a PON did together is taken out
//! before, by whoever feeds it.
//!
//! Everything is relative to an anchor that moves with each step: a step does not look like a slope, nor the level before
//! it like the usual.

use self::slope::Slope;
use super::memory::{Reader, Writer};

/// Thousandths of a dB in a unit of what is kept for hours.
const FINE: i32 = 20;
/// Fine units in a unit of what is kept for days.
const COARSE: i16 = 3;
/// A reading further from the anchor counts as this far, in fine units: 10 dB.
const FURTHEST: i32 = 500;
/// Readings that count in a segment: their sum fits.
const MOST_READINGS: u8 = 60;
/// Milliseconds of a segment.
const SEGMENT_MS: u64 = 4 * 3600 * 1000;
const SEGMENTS: usize = 6;
/// Segments without a reading after which a level is a new one: 60 days.
const FORGET_AFTER: u32 = 6 * 60;
const DAYS: usize = 20;
const WEEKS: usize = 10;
/// Days that go into a week, which then leave the days kept.
const WEEK: u8 = 7;
/// Days that stay when a week is made of the oldest.
const KEPT_DAYS: i32 = 13;
/// Days that tell where the level usually is, and the fewest of them.
const USUAL_DAYS: usize = 7;
const LEAST_DAYS: usize = 3;
/// Segments that make a day, and those that make one that can be a step.
const LEAST_SEGMENTS: usize = 3;
const FULL_SEGMENTS: usize = 5;
/// Segments in a row that make a step; of segments with a single reading, one more.
const STEP_AFTER: u8 = 2;
/// Days in a row without a significant slope that end a decline.
const FLAT_AFTER: u8 = 7;
/// What a segment, day or week without readings holds.
const NO_SEGMENT: i16 = i16::MIN;
const NO_DAY: i8 = i8::MIN;
/// Spread to begin with, fine units.
const FIRST_SPREAD: u8 = 10;

/// What is a step and what a decline, in thousandths of a dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaselineRules {
    /// Least fall between two segments and the days before them.
    pub step: i32,
    /// Least fall over all that is remembered.
    pub decline: i32,
}

/// Something happened to a level. Powers and ratios in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It fell, and stays there.
    Step {
        /// The usual before.
        from: i32,
        /// Where it is now.
        to: i32,
        /// When the first segment began that was there, milliseconds since 1970.
        since: u64,
    },
    /// It falls day by day.
    Decline {
        /// Per 30 days; negative.
        per_month: i32,
        /// Chance that this is no accident, in percent.
        confidence: u8,
        /// From where.
        from: i32,
        /// To where it has come.
        to: i32,
        /// Since when it can be seen, milliseconds since 1970.
        since: u64,
    },
    /// A step or a decline is over.
    Recovered {
        /// Where it is now.
        to: i32,
        /// What remains lost of steps, not negative; `None` when a decline was seen no more without a repair.
        lost: Option<i32>,
    },
}

/// The memory of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The running segment: its number since 1970.
    slot: u32,
    /// What everything below is relative to, fine units.
    anchor: i16,
    /// Of the running segment's readings, fine units.
    sum: i16,
    least: i16,
    most: i16,
    /// The newest segments, the newest last, fine units.
    segments: [i16; SEGMENTS],
    /// What steps took that was not given back, fine units; not positive.
    lost: i16,
    /// The day of the first of these steps.
    lost_since: u16,
    /// The day on which a decline was told; 0 when there is none.
    decline_since: u16,
    /// Medians of days, the newest last, coarse units.
    days: [i8; DAYS],
    /// Medians of weeks that are older than the days.
    weeks: [i8; WEEKS],
    /// Readings in the running segment.
    readings: u8,
    /// Median distance of segments from the usual, fine units.
    spread: u8,
    /// Days since the newest week was made.
    week_fill: u8,
    /// Lowest two bits: segments in a row that are far off; bit 2: above; bits 3 to 5: days without a slope.
    flags: u8,
}

impl Baseline {
    /// Of a level whose first reading is `level`, thousandths, without what is common.
    pub fn new(at_ms: u64, level: i32) -> Self {
        Self {
            slot: slot_of(at_ms),
            anchor: fine(level),
            sum: 0,
            least: i16::MAX,
            most: i16::MIN,
            segments: [NO_SEGMENT; SEGMENTS],
            lost: 0,
            lost_since: 0,
            decline_since: 0,
            days: [NO_DAY; DAYS],
            weeks: [NO_DAY; WEEKS],
            readings: 0,
            spread: FIRST_SPREAD,
            week_fill: 0,
            flags: 0,
        }
    }

    /// What a level's movement is told against, thousandths.
    pub fn anchor(&self) -> i32 {
        i32::from(self.anchor) * FINE
    }

    /// Moves everything, for a common movement that is taken out from now on and was not before.
    pub fn move_by(&mut self, by: i32) {
        self.anchor = self.anchor.saturating_add(fine(by));
    }

    /// Where the level usually is, without what is common, thousandths; `None` while it is learned.
    pub fn usual(&self) -> Option<i32> {
        Some((i32::from(self.anchor) + i32::from(self.base()?)) * FINE)
    }

    /// How much it scatters, thousandths: 1.4826 times the median absolute deviation.
    pub fn spread(&self) -> i32 {
        i32::from(self.spread) * FINE * 14_826 / 10_000
    }

    /// What steps took that was not given back, thousandths; not negative.
    pub fn lost(&self) -> i32 {
        -i32::from(self.lost) * FINE
    }

    /// Whether a decline was told and is not over.
    pub fn declines(&self) -> bool {
        self.decline_since > 0
    }

    /// Takes a reading of which what is common is taken out, thousandths. What is older than the running segment is left out.
    pub fn take(&mut self, at_ms: u64, level: i32, rules: &BaselineRules) -> Option<Drift> {
        let slot = slot_of(at_ms);
        if slot < self.slot {
            return None;
        }
        let mut event = None;
        if slot - self.slot > FORGET_AFTER {
            // Whatever it was two months ago.
            *self = Self::new(at_ms, level);
        }
        while self.slot < slot {
            // One thing at a time: what could be told too is seen again the day after.
            let told = self.close_segment(rules, event.is_none());
            event = event.or(told);
            self.slot += 1;
        }
        if self.readings < MOST_READINGS {
            let off = (level / FINE - i32::from(self.anchor)).clamp(-FURTHEST, FURTHEST);
            let off = i16::try_from(off).unwrap_or(0);
            self.sum = self.sum.saturating_add(off);
            self.least = self.least.min(off);
            self.most = self.most.max(off);
            self.readings += 1;
        }
        event
    }

    /// All of it, for a memory.
    pub(super) fn write(&self, memory: &mut Writer) {
        memory.u32(self.slot);
        for number in [self.anchor, self.sum, self.least, self.most, self.lost].iter().chain(&self.segments) {
            memory.i16(*number);
        }
        memory.u16(self.lost_since);
        memory.u16(self.decline_since);
        for number in self.days.iter().chain(&self.weeks) {
            memory.u8(number.cast_unsigned());
        }
        [self.readings, self.spread, self.week_fill, self.flags].into_iter().for_each(|number| memory.u8(number));
    }

    /// What was written.
    pub(super) fn read(memory: &mut Reader<'_>) -> Option<Self> {
        let mut new = Self::new(0, 0);
        new.slot = memory.u32()?;
        for number in [&mut new.anchor, &mut new.sum, &mut new.least, &mut new.most, &mut new.lost]
            .into_iter()
            .chain(&mut new.segments)
        {
            *number = memory.i16()?;
        }
        new.lost_since = memory.u16()?;
        new.decline_since = memory.u16()?;
        for number in new.days.iter_mut().chain(&mut new.weeks) {
            *number = memory.u8()?.cast_signed();
        }
        for number in [&mut new.readings, &mut new.spread, &mut new.week_fill, &mut new.flags] {
            *number = memory.u8()?;
        }
        let sums_up = i32::from(new.sum).abs() <= FURTHEST * i32::from(new.readings);
        (new.readings <= MOST_READINGS && sums_up && new.week_fill < WEEK && new.lost <= 0).then_some(new)
    }

    fn close_segment(&mut self, rules: &BaselineRules, may_tell: bool) -> Option<Drift> {
        let readings = i16::from(self.readings);
        let value = match readings {
            0 => NO_SEGMENT,
            1..=3 => self.sum / readings,
            _ => self.sum.saturating_sub(self.least).saturating_sub(self.most) / (readings - 2),
        };
        (self.sum, self.least, self.most, self.readings) = (0, i16::MAX, i16::MIN, 0);
        push(&mut self.segments, value);
        let mut event = None;
        if value != NO_SEGMENT
            && let Some(base) = self.base()
        {
            event = self.compare(value, readings, base, rules);
        }
        if (self.slot + 1).is_multiple_of(6) {
            let told = self.close_day(rules, may_tell && event.is_none());
            event = event.or(told);
        }
        event
    }

    /// How far down is a step, fine units.
    fn step_down(&self, rules: &BaselineRules) -> i16 {
        fine(rules.step).max(i16::from(self.spread).saturating_mul(6))
    }

    /// How far up is a repair, or no noise.
    fn step_up(&self, rules: &BaselineRules) -> i16 {
        let down = self.step_down(rules);
        if self.lost == 0 && self.decline_since == 0 {
            return down;
        }
        let half = if self.decline_since > 0 { down / 2 } else { (self.lost / -2).min(down) };
        half.max(fine(rules.step) / 2).max(i16::from(self.spread).saturating_mul(4))
    }

    fn compare(&mut self, value: i16, readings: i16, base: i16, rules: &BaselineRules) -> Option<Drift> {
        let off = value.saturating_sub(base);
        let distance = u8::try_from(off.unsigned_abs()).unwrap_or(u8::MAX);
        let pace = (self.spread / 16).max(1);
        self.spread = match distance.cmp(&self.spread) {
            std::cmp::Ordering::Greater => self.spread.saturating_add(pace),
            std::cmp::Ordering::Less => self.spread.saturating_sub(pace),
            std::cmp::Ordering::Equal => self.spread,
        };
        let is_up = off > 0;
        let far = if is_up { off >= self.step_up(rules) } else { off <= -self.step_down(rules) };
        let same_side = (self.flags & 0b100 != 0) == is_up;
        let run = if !far {
            0
        } else if same_side {
            ((self.flags & 0b11) + 1).min(3)
        } else {
            1
        };
        self.flags = (self.flags & !0b111) | run | if is_up { 0b100 } else { 0 };
        if run < STEP_AFTER + u8::from(readings < 2) {
            return None;
        }
        self.flags &= !0b111;
        let first = self.slot.saturating_sub(u32::from(run - 1));
        self.shift(off, base, first, rules)
    }

    /// The level is somewhere else now, by so much, from that segment on.
    fn shift(&mut self, by: i16, base: i16, first: u32, rules: &BaselineRules) -> Option<Drift> {
        let from = (i32::from(self.anchor) + i32::from(base)) * FINE;
        let to = from + i32::from(by) * FINE;
        // From here on the usual is the anchor itself.
        self.anchor = self.anchor.saturating_add(base).saturating_add(by);
        let coarse = base / COARSE;
        for day in self.days.iter_mut().chain(&mut self.weeks).filter(|day| **day != NO_DAY) {
            *day = clamp_day(i16::from(*day) - coarse);
        }
        let newest = usize::try_from(self.slot.saturating_sub(first)).unwrap_or(SEGMENTS) + 1;
        for (age, segment) in self.segments.iter_mut().rev().enumerate() {
            let keeps = age < newest && *segment != NO_SEGMENT;
            *segment = if keeps { segment.saturating_sub(base).saturating_sub(by) } else { NO_SEGMENT };
        }
        if by < 0 {
            if self.lost == 0 {
                self.lost_since = u16::try_from(first / 6).unwrap_or(u16::MAX);
            }
            self.lost = self.lost.saturating_add(by);
            return Some(Drift::Step { from, to, since: u64::from(first) * SEGMENT_MS });
        }
        // What was, is over: a repair also ends the slope before it.
        self.weeks = [NO_DAY; WEEKS];
        for (age, day) in self.days.iter_mut().rev().enumerate() {
            *day = if age < LEAST_DAYS { 0 } else { NO_DAY };
        }
        let declined = std::mem::take(&mut self.decline_since) > 0;
        let had_lost = self.lost < 0;
        self.lost = self.lost.saturating_add(by).min(0);
        self.settle_lost(rules, 0, had_lost, declined).then(|| Drift::Recovered { to, lost: Some(self.lost()) })
    }

    /// Whether something ended: so little is lost that it is nothing, or a decline was mended.
    fn settle_lost(&mut self, rules: &BaselineRules, base: i16, had_lost: bool, declined: bool) -> bool {
        let nothing = self.lost.saturating_add(base) > -fine(rules.step) / 2;
        if had_lost && nothing {
            self.lost = 0;
        }
        nothing && (had_lost || declined)
    }

    fn close_day(&mut self, rules: &BaselineRules, may_tell: bool) -> Option<Drift> {
        let mut valid: Vec<i16> = self.segments.iter().copied().filter(|segment| *segment != NO_SEGMENT).collect();
        let count = valid.len();
        let mut day = median(&mut valid).filter(|_| count >= LEAST_SEGMENTS);
        let mut event = None;
        if let (Some(value), Some(base)) = (day, self.base()) {
            let off = value.saturating_sub(base);
            let up = (fine(rules.step) / 2).max(self.lost / -2);
            let mends = (self.lost < 0 || self.decline_since > 0) && off >= up;
            if may_tell && count >= FULL_SEGMENTS && (off <= -fine(rules.step) || mends) {
                event = self.shift(off, base, (self.slot + 1).saturating_sub(6), rules);
                day = Some(0);
            }
        }
        push(&mut self.days, day.map_or(NO_DAY, to_day));
        self.segments = [NO_SEGMENT; SEGMENTS];
        self.week_fill = self.week_fill.saturating_add(1);
        if self.week_fill >= WEEK {
            self.week_fill = 0;
            let oldest = self.days.iter().take(usize::from(WEEK)).copied().filter(|day| *day != NO_DAY);
            let mut oldest: Vec<i16> = oldest.map(i16::from).collect();
            let count = oldest.len();
            let week = median(&mut oldest).filter(|_| count >= LEAST_DAYS);
            push(&mut self.weeks, week.map_or(NO_DAY, clamp_day));
        }
        self.keep_near_anchor();
        if event.is_some() || !may_tell {
            return event;
        }
        let base = self.base()?;
        if self.lost < 0 && self.settle_lost(rules, base, true, false) {
            return Some(Drift::Recovered { to: (i32::from(self.anchor) + i32::from(base)) * FINE, lost: Some(0) });
        }
        self.look_for_decline(base, rules)
    }

    /// What drifted far from the anchor takes it along, so that a day's octet can hold it.
    fn keep_near_anchor(&mut self) {
        let Some(base) = self.base() else {
            // The first reading may have been far off.
            let newest = self.days.last().copied().filter(|day| *day != NO_DAY);
            if let Some(day) = newest.filter(|day| day.unsigned_abs() > 20) {
                self.move_anchor(i16::from(day) * COARSE);
            }
            return;
        };
        if base.unsigned_abs() > 200 {
            self.move_anchor(base);
        }
    }

    fn move_anchor(&mut self, by: i16) {
        let coarse = by / COARSE;
        self.anchor = self.anchor.saturating_add(coarse * COARSE);
        for day in self.days.iter_mut().chain(&mut self.weeks).filter(|day| **day != NO_DAY) {
            *day = clamp_day(i16::from(*day) - coarse);
        }
        if self.lost < 0 {
            self.lost = self.lost.saturating_add(coarse * COARSE).min(-1);
        }
    }

    /// Where the level usually is, against the anchor, fine units. Without an allocation: it is asked for often.
    fn base(&self) -> Option<i16> {
        let mut newest = [0; USUAL_DAYS];
        let days = self.days.iter().rev().filter(|day| **day != NO_DAY);
        let mut count = 0;
        for (place, day) in newest.iter_mut().zip(days) {
            *place = i16::from(*day);
            count += 1;
        }
        let newest = newest.get_mut(..count).filter(|newest| newest.len() >= LEAST_DAYS)?;
        median(newest).map(|day| day.saturating_mul(COARSE))
    }

    /// Ages in days and values in coarse units, the oldest first.
    fn points(&self) -> Vec<(i32, i16)> {
        let fill = i32::from(self.week_fill);
        let week = i32::from(WEEK);
        let weeks = self.weeks.iter().rev().zip(0..);
        // The newest week is of the days that are the oldest still, minus those that have left since.
        let kept = KEPT_DAYS + fill;
        let weeks = weeks.map(|(value, back)| (kept + week / 2 + week * back, *value));
        let daily = self.days.iter().rev().zip(0..).map(|(value, age)| (age, *value));
        let has_weeks = self.weeks.last().is_some_and(|week| *week != NO_DAY);
        let daily = daily.filter(|(age, _)| !has_weeks || *age < kept);
        let all = daily.chain(weeks).filter(|(_, value)| *value != NO_DAY);
        let mut points: Vec<(i32, i16)> = all.map(|(age, value)| (age, i16::from(value))).collect();
        points.reverse();
        points
    }

    fn look_for_decline(&mut self, base: i16, rules: &BaselineRules) -> Option<Drift> {
        let slope = slope::fit(&self.points(), fine(rules.decline) / COARSE);
        if self.decline_since > 0 {
            let flat = if slope.is_some() { 0 } else { ((self.flags >> 3) & 0b111) + 1 };
            self.flags = (self.flags & 0b111) | (flat.min(7) << 3);
            if flat < FLAT_AFTER {
                return None;
            }
            self.flags &= 0b111;
            self.decline_since = 0;
            let to = (i32::from(self.anchor) + i32::from(base)) * FINE;
            return Some(Drift::Recovered { to, lost: None });
        }
        let Slope { per_day, confidence, from, to, days } = slope?;
        let per_month = whole(per_day * 30.0 * f64::from(COARSE) * f64::from(FINE));
        let today = self.slot / 6;
        self.decline_since = u16::try_from(today).unwrap_or(u16::MAX);
        let since = u64::from(today.saturating_sub(days)) * SEGMENT_MS * 6;
        let place = |coarse: i16| (i32::from(self.anchor) + i32::from(coarse) * i32::from(COARSE)) * FINE;
        Some(Drift::Decline { per_month, confidence, from: place(from), to: place(to), since })
    }
}

fn slot_of(at_ms: u64) -> u32 {
    u32::try_from(at_ms / SEGMENT_MS).unwrap_or(u32::MAX)
}

fn fine(thousandths: i32) -> i16 {
    i16::try_from(thousandths / FINE).unwrap_or(if thousandths < 0 { i16::MIN + 1 } else { i16::MAX })
}

fn to_day(fine: i16) -> i8 {
    // Rounded, not cut towards zero, which would flatten what is small.
    clamp_day(fine.saturating_add(if fine < 0 { -COARSE / 2 } else { COARSE / 2 }) / COARSE)
}

fn clamp_day(coarse: i16) -> i8 {
    i8::try_from(coarse).unwrap_or(if coarse < 0 { -127 } else { 127 }).max(-127)
}

/// The whole number nearest to a small one.
fn whole(number: f64) -> i32 {
    // Saturates, as casts from floats do.
    #[allow(clippy::cast_possible_truncation)]
    let whole = number.round() as i32;
    whole
}

fn push<T: Copy, const N: usize>(ring: &mut [T; N], newest: T) {
    ring.rotate_left(1);
    if let Some(last) = ring.last_mut() {
        *last = newest;
    }
}

/// The middle value; of an even number the mean of the two in the middle.
fn median(values: &mut [i16]) -> Option<i16> {
    values.sort_unstable();
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len().max(1) - 1) / 2)?;
    i16::try_from((i32::from(*upper) + i32::from(*lower)) / 2).ok()
}

mod slope;
#[cfg(test)]
mod tests;
