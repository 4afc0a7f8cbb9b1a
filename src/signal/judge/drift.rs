//! Feeds baselines with a round of levels: what the ONUs of a PON did together is taken out first, and has a baseline of its
//! own.

use std::collections::BTreeMap;

use super::Judge;
use super::merge::{Pass, Row, heard};
use crate::model::{Dbm, Decibels, PonId, Timestamp};
use crate::signal::baseline::{Baseline, BaselineRules, Drift};
use crate::signal::held::Held;
use crate::signal::memory::{MemoryError, Reader, Writer};
use crate::signal::{Change, Part, Reason, Side, Transition};

/// Fewer ONUs than this do not tell what they have in common: their middle would be one of themselves.
const LEAST_ONUS: usize = 5;
/// ONUs this near to the middle of all (thousandths) move with it: more than a step of the coarsest scale, which is 1 dB.
const NEAR: i64 = 1_250;
/// Nearer than this to the sensitivity, a link is at its end.
const FLOOR: i32 = 1_000;

/// One direction's baseline of a PON, and whether it is taken out of its ONUs' yet.
#[derive(Debug, Clone, Default)]
struct CommonTrack {
    /// Since the first round in which enough ONUs had a baseline.
    is_known: bool,
    baseline: Option<Box<Baseline>>,
}

/// What the ONUs of each PON do together, in both directions.
#[derive(Debug, Default)]
pub(super) struct CommonTracks(BTreeMap<PonId, [CommonTrack; 2]>);

/// The levels of a round on one PON, in one direction.
#[derive(Debug, Default)]
struct Round {
    /// ONUs with a baseline that are not down.
    known: usize,
    /// Their distances from their anchors.
    off: Vec<i32>,
}

/// What a round says of what a PON's ONUs have in common.
enum Heard {
    /// Their middle.
    Middle(i32),
    /// Nothing: most of them were not heard.
    TooLittle,
    /// Nothing: they are too few.
    Few,
}

/// What to take out of a PON's levels; `None` where too little was heard to say.
type Common = BTreeMap<PonId, [Option<i32>; 2]>;

const SIDES: [Side; 2] = [Side::Onu, Side::Olt];

impl Judge {
    /// Takes the believed levels of an optics sweep that was merged already.
    pub(super) fn feed_baselines(&mut self, rows: &[Row<'_>], pass: &Pass<'_>, told: &mut Vec<Transition>) {
        let rules = self.rules.baseline();
        if rules.step <= 0 {
            return;
        }
        let levels = self.levels_of(rows, pass);
        let common = self.take_common(&levels, pass.at, &rules, told);
        for (place, both) in levels {
            let Some((key, held)) = self.onus.get_mut(place) else { continue };
            let pon = held.pon();
            let of_pon = pon.and_then(|pon| common.get(&pon)).copied().unwrap_or([Some(0); 2]);
            for ((side, level), (common, baseline)) in
                SIDES.into_iter().zip(both).zip(of_pon.into_iter().zip(&mut held.baselines))
            {
                let (Some(level), Some(common)) = (level, common) else { continue };
                let own = level.saturating_sub(common);
                let Some(baseline) = baseline else {
                    *baseline = Some(Box::new(Baseline::new(pass.at.millis(), own)));
                    continue;
                };
                let Some(drift) = baseline.take(pass.at.millis(), own, &rules) else { continue };
                held.is_changed = true;
                let rule = self.rules.rule(&self.olt, pon);
                let window = match side {
                    Side::Onu => Some(rule.window),
                    Side::Olt => rule.olt_window,
                };
                let sensitivity = window.map(|window| window.sensitivity.thousandths());
                let ends = Ends { part: Part::Own, side, pon, common, sensitivity };
                let (what, reason) = ends.tell(&drift);
                told.push(Transition {
                    olt: self.olt.clone(),
                    onu: Some(key.clone()),
                    at: pass.at,
                    what,
                    reason,
                    in_maintenance: false,
                });
            }
        }
    }

    /// Where a level of an ONU usually is, with what its PON did together; `None` while that is learned.
    #[must_use]
    pub fn usual(&self, held: &Held, side: Side) -> Option<Dbm> {
        let own = held.baseline(side)?.usual()?;
        let place = usize::from(side == Side::Olt);
        let of_pon = held.pon().and_then(|pon| self.common.0.get(&pon)?.get(place)?.baseline.as_ref()?.usual());
        Some(Dbm::from_thousandths(own.saturating_add(of_pon.unwrap_or(0))))
    }

    /// The levels that count, by place among what is held: ONU's side, OLT's side.
    fn levels_of(&self, rows: &[Row<'_>], pass: &Pass<'_>) -> Vec<(usize, [Option<i32>; 2])> {
        let mut rows = rows.iter().peekable();
        let mut levels = Vec::new();
        for (place, (key, held)) in self.onus.iter().enumerate() {
            while rows.next_if(|row| row.reading.key < *key).is_some() {}
            let Some(row) = rows.next_if(|row| row.reading.key == *key).filter(|row| !row.twice) else { continue };
            if held.truth.is_lost() || held.is_maintained {
                continue;
            }
            let read = |level| heard(level, pass.complete).ok().map(Dbm::thousandths);
            let olt_rx = read(row.reading.olt_rx).filter(|_| pass.olt_side_believed);
            levels.push((place, [read(row.reading.rx), olt_rx]));
        }
        levels
    }

    /// What each PON's ONUs did together; tells what happened to all of a PON.
    fn take_common(
        &mut self,
        levels: &[(usize, [Option<i32>; 2])],
        at: Timestamp,
        rules: &BaselineRules,
        told: &mut Vec<Transition>,
    ) -> Common {
        let mut rounds: BTreeMap<PonId, [Round; 2]> = BTreeMap::new();
        for (_, held) in self.onus.iter().filter(|(_, held)| !held.truth.is_lost() && !held.is_maintained) {
            let Some(pon) = held.pon() else { continue };
            for (round, baseline) in rounds.entry(pon).or_default().iter_mut().zip(&held.baselines) {
                round.known += usize::from(baseline.is_some());
            }
        }
        for (place, both) in levels {
            let Some((_, held)) = self.onus.get(*place) else { continue };
            let Some(rounds) = held.pon().and_then(|pon| rounds.get_mut(&pon)) else { continue };
            for ((round, baseline), level) in rounds.iter_mut().zip(&held.baselines).zip(both) {
                if let (Some(baseline), Some(level)) = (baseline, level) {
                    round.off.push(level.saturating_sub(baseline.anchor()));
                }
            }
        }
        let mut common = Common::new();
        for (pon, both) in rounds {
            for (place, (side, mut round)) in SIDES.into_iter().zip(both).enumerate() {
                let of_pon = common.entry(pon).or_insert([Some(0); 2]);
                let Some(common) = of_pon.get_mut(place) else { continue };
                let tells = round.off.len() >= LEAST_ONUS && round.off.len() * 2 >= round.known;
                let heard = if tells {
                    middle(&mut round.off).map_or(Heard::TooLittle, Heard::Middle)
                } else if round.known < LEAST_ONUS {
                    Heard::Few
                } else {
                    Heard::TooLittle
                };
                *common = self.take_common_of(pon, (side, place), &heard, at, rules, told);
            }
        }
        common
    }

    fn take_common_of(
        &mut self,
        pon: PonId,
        (side, place): (Side, usize),
        heard: &Heard,
        at: Timestamp,
        rules: &BaselineRules,
        told: &mut Vec<Transition>,
    ) -> Option<i32> {
        let track = self.common.0.entry(pon).or_default().get_mut(place)?;
        let middle = match heard {
            Heard::Middle(middle) => *middle,
            Heard::TooLittle => return if track.is_known { None } else { Some(0) },
            // Where there were more, what they had in common stays taken out.
            Heard::Few => return Some(track.baseline.as_ref().and_then(|baseline| baseline.usual()).unwrap_or(0)),
        };
        if !track.is_known {
            // Until now nothing was taken out of these ONUs' levels: what is from now on has to go into their anchors.
            track.is_known = true;
            let on_pon = self.onus.iter_mut().filter(|(_, held)| held.pon() == Some(pon));
            for baseline in on_pon.filter_map(|(_, held)| held.baselines.get_mut(place)?.as_mut()) {
                baseline.move_by(middle);
            }
            track.baseline = Some(Box::new(Baseline::new(at.millis(), 0)));
            return Some(0);
        }
        // A middle of many is calmer than one of them: less is a step. A decline is none the sooner, since weather is common.
        let rules = BaselineRules { step: rules.step * 2 / 3, ..*rules };
        let Some(baseline) = &mut track.baseline else {
            track.baseline = Some(Box::new(Baseline::new(at.millis(), middle)));
            return Some(middle);
        };
        if let Some(drift) = baseline.take(at.millis(), middle, &rules) {
            let weakest = self.weakest(pon, side, place, middle);
            let ends = Ends { part: Part::Pon, side, pon: Some(pon), common: 0, sensitivity: weakest };
            let (what, reason) = ends.tell(&drift);
            told.push(Transition { olt: self.olt.clone(), onu: None, at, what, reason, in_maintenance: false });
        }
        Some(middle)
    }

    /// How far the PON's movement may go before its weakest ONU is at its sensitivity, on the movement's own scale.
    fn weakest(&mut self, pon: PonId, side: Side, place: usize, middle: i32) -> Option<i32> {
        let rule = self.rules.rule(&self.olt, Some(pon));
        let window = match side {
            Side::Onu => Some(rule.window),
            Side::Olt => rule.olt_window,
        };
        let sensitivity = window?.sensitivity.thousandths();
        let on_pon = self.onus.iter().filter(|(_, held)| held.pon() == Some(pon));
        let usual = on_pon.filter_map(|(_, held)| held.baselines.get(place)?.as_ref()?.usual());
        let least = usual.min()?.saturating_add(middle);
        // What is left of the weakest one's margin, below where the PON is now.
        Some(middle.saturating_sub(least.saturating_sub(sensitivity)))
    }

    /// Fields of the common movements, each with its PON.
    pub(super) fn write_common(&self, tag: u8, memory: &mut Writer) {
        for (pon, both) in &self.common.0 {
            for (place, track) in (0..).zip(both).filter(|(_, track)| track.is_known) {
                let Some(baseline) = &track.baseline else { continue };
                memory.field(tag, |memory| {
                    memory.u8(place);
                    let parts = pon.parts();
                    memory.u8(u8::try_from(parts.len()).unwrap_or(u8::MAX));
                    parts.iter().for_each(|part| memory.u16(*part));
                    baseline.write(memory);
                });
            }
        }
    }

    /// Takes back one of them.
    pub(super) fn read_common(&mut self, tag: u8, field: &mut Reader<'_>) -> Result<(), MemoryError> {
        let read = |field: &mut Reader<'_>| {
            let (place, count) = (field.u8()?, field.u8()?);
            let parts: Option<Vec<u32>> = (0..count).map(|_| field.u16().map(u32::from)).collect();
            Some((usize::from(place), PonId::new(&parts?).ok()?, Baseline::read(field)?))
        };
        let (place, pon, baseline) = read(field).ok_or(MemoryError::Field(tag))?;
        if let Some(track) = self.common.0.entry(pon).or_default().get_mut(place) {
            *track = CommonTrack { is_known: true, baseline: Some(Box::new(baseline)) };
        }
        Ok(())
    }
}

/// The middle of distances, finer than the scale of any of them: the mean of the middle half of those that are near their
/// median. A median of whole decibels would jump by one when the PON moves by a tenth; a mean of all that are near would go a
/// little with each ONU that declines, and its decline would look the smaller for it.
fn middle(off: &mut [i32]) -> Option<i32> {
    off.sort_unstable();
    let median = i64::from(*off.get(off.len() / 2)?);
    let near: Vec<i64> = off.iter().map(|off| i64::from(*off)).filter(|off| (off - median).abs() <= NEAR).collect();
    let half = near.get(near.len() / 4..near.len() - near.len() / 4)?;
    let count = i64::try_from(half.len()).ok().filter(|count| *count > 0)?;
    i32::try_from(half.iter().sum::<i64>() / count).ok()
}

/// What a drift is told with.
struct Ends {
    part: Part,
    side: Side,
    pon: Option<PonId>,
    /// What was taken out, to show powers as they are read.
    common: i32,
    /// Where the receiver ends, if known.
    sensitivity: Option<i32>,
}

impl Ends {
    fn tell(&self, drift: &Drift) -> (Change, Reason) {
        let Self { part, side, pon, .. } = *self;
        let decibels = Decibels::from_thousandths;
        let dbm = |own: i32| (part == Part::Own).then(|| Dbm::from_thousandths(own.saturating_add(self.common)));
        match *drift {
            Drift::Step { from, to, since } => {
                let lost = from.saturating_sub(to);
                let change = Change::Step {
                    part,
                    side,
                    pon,
                    from: dbm(from),
                    to: dbm(to),
                    lost: decibels(lost),
                    since: Timestamp::from_millis(since),
                    severity_percent: self.severity(lost, from),
                };
                (change, Reason::Fell { part, side, by: decibels(lost) })
            }
            Drift::Decline { per_month, confidence, from, to, since } => {
                let lost = from.saturating_sub(to);
                let days_left = self.days_left(to, per_month);
                let change = Change::Decline {
                    part,
                    side,
                    pon,
                    from: dbm(from),
                    to: dbm(to),
                    lost: decibels(lost),
                    since: Timestamp::from_millis(since),
                    per_month: decibels(per_month.saturating_neg()),
                    confidence_percent: confidence,
                    days_left,
                    severity_percent: self.severity(lost, from),
                };
                (change, Reason::Falls { part, side, per_month: decibels(per_month.saturating_neg()), days_left })
            }
            Drift::Recovered { to, lost } => {
                let lost = lost.map(decibels);
                (Change::Recovered { part, side, pon, to: dbm(to), lost }, Reason::Regained { part, side, lost })
            }
        }
    }

    /// What was lost of the margin that there was, in percent.
    fn severity(&self, lost: i32, from: i32) -> Option<u32> {
        let margin = from.saturating_add(self.common).saturating_sub(self.sensitivity?).max(1);
        let percent = i64::from(lost.max(0)) * 100 / i64::from(margin);
        Some(u32::try_from(percent).unwrap_or(u32::MAX).min(1000))
    }

    /// Whole days until the level is within 1 dB of the sensitivity, at this rate.
    fn days_left(&self, to: i32, per_month: i32) -> Option<u16> {
        let reserve = i64::from(to) + i64::from(self.common) - i64::from(self.sensitivity?) - i64::from(FLOOR);
        let days = reserve.max(0) * 30 / i64::from(per_month.saturating_neg()).max(1);
        Some(u16::try_from(days).unwrap_or(u16::MAX))
    }
}
