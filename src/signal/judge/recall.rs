//! What outlives the process: gives away what changed, and takes it back after a restart.

use std::collections::BTreeSet;

use super::Judge;
use super::maintenance::until;
use super::merge::MAX_ONUS;
use crate::model::{Decibels, OnuKey, Timestamp, Truth};
use crate::signal::baseline::Baseline;
use crate::signal::flap::FlapTrack;
use crate::signal::held::Held;
use crate::signal::level::LevelTrack;
use crate::signal::memory::{Changed, Memory, MemoryError, Reader, Writer};
use crate::signal::truth::TruthTrack;
use crate::signal::{Change, Reason, Transition};

/// Fields of an ONU's memory. A number that was used is never used for something else.
const TRUTH: u8 = 1;
const LEVEL: u8 = 2;
const PLACE: u8 = 3;
const OLT_LEVEL: u8 = 4;
const FLAP: u8 = 5;
const BASELINES: [u8; 2] = [6, 7];
/// Fields of an OLT's memory.
const HEARD: u8 = 1;
const SUSPECT: u8 = 2;
const COMMON: u8 = 3;

/// What came of giving a judge its memories back.
#[derive(Debug, Default)]
pub struct Recalled {
    /// What is held now, told as [`Change::Recalled`].
    pub told: Vec<Transition>,
    /// Memories that could not be read: their ONUs are as never seen.
    pub refused: usize,
    /// Why the first of them could not.
    pub why: Option<MemoryError>,
}

impl Recalled {
    fn refuse(&mut self, why: MemoryError) {
        self.refused += 1;
        self.why.get_or_insert(why);
    }
}

impl Judge {
    /// Notes from now on which ONUs are gone, so that [`Judge::changed`] can tell.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.gone = Some(BTreeSet::new());
        self
    }

    /// What is to be remembered over a restart, as far as it changed since this was last asked; at first, everything.
    ///
    /// A truth, level or place that changed is there at the next call; of what stays the same, how old it is once an hour.
    pub fn changed(&mut self) -> Changed {
        let Self { olt, rules, onus, gone, .. } = self;
        let mut changed = Vec::new();
        for (key, held) in onus.iter_mut().filter(|(_, held)| held.is_changed) {
            held.is_changed = false;
            let rule = rules.rule(olt, held.pon());
            let mut memory = Writer::new();
            memory.field(TRUTH, |memory| held.truth.write(memory));
            memory.field(LEVEL, |memory| held.level.write(&rule, memory));
            memory.field(PLACE, |memory| held.write_place(memory));
            if let Some(rule) = rule.on_olt_side() {
                memory.field(OLT_LEVEL, |memory| held.olt_level.write(&rule, memory));
            }
            memory.field(FLAP, |memory| held.flap.write(memory));
            for (tag, baseline) in BASELINES.into_iter().zip(&held.baselines) {
                if let Some(baseline) = baseline {
                    memory.field(tag, |memory| baseline.write(memory));
                }
            }
            changed.push(Memory { key: key.clone(), identity: held.identity(), octets: memory.finish() });
        }
        let gone = gone.as_mut().map(std::mem::take).unwrap_or_default();
        let gone = gone.into_iter().filter(|key| onus.binary_search_by(|(held, _)| held.cmp(key)).is_err()).collect();
        Changed { olt: self.olt_memory(), onus: changed, gone }
    }

    fn olt_memory(&self) -> Box<[u8]> {
        let mut memory = Writer::new();
        let [_, heard, _] = self.newest;
        if let Some(heard) = heard {
            memory.field(HEARD, |memory| memory.u64(heard.millis()));
        }
        match self.tripwire.suspect() {
            Some(Reason::MostUnread { turned, of }) => memory.field(SUSPECT, |memory| {
                memory.u8(0);
                [turned, of].into_iter().for_each(|number| memory.u32(number));
            }),
            Some(Reason::AllShifted { median, spread, of }) => memory.field(SUSPECT, |memory| {
                memory.u8(1);
                [median, spread].into_iter().for_each(|shift| memory.i32(shift.thousandths()));
                memory.u32(of);
            }),
            _ => {}
        }
        self.write_common(COMMON, &mut memory);
        memory.finish()
    }

    /// Takes back what [`Judge::changed`] gave before a restart. ONUs are stale until they are read, with what they were
    /// as the reason; levels have the age that they have. No verdict is made of memory alone: all hold. ONUs that were read
    /// already, or that are given twice, are not touched.
    ///
    /// What cannot be read is counted and otherwise as if it had not been given.
    pub fn recall(&mut self, olt: &[u8], onus: impl IntoIterator<Item = Memory>, now: Timestamp) -> Recalled {
        self.advance(now);
        let now = self.now;
        let mut recalled = Recalled::default();
        let mut heard_until = None;
        if !olt.is_empty() {
            match read_olt(olt) {
                Ok((heard, suspect, common)) => {
                    for mut field in common {
                        if let Err(why) = self.read_common(COMMON, &mut field) {
                            recalled.refuse(why);
                        }
                    }
                    heard_until = heard.map(|heard: Timestamp| heard.min(now));
                    if let Some(suspect) = suspect {
                        self.tripwire.suspect_again(suspect);
                    }
                }
                Err(why) => recalled.refuse(why),
            }
        }
        let mut fresh: Vec<(OnuKey, Held)> = Vec::new();
        for memory in onus {
            if self.onus.len() + fresh.len() >= MAX_ONUS {
                break;
            }
            match self.read_onu(&memory, heard_until, now) {
                Ok(held) if self.get(&memory.key).is_none() => fresh.push((memory.key, held)),
                Ok(_) => {}
                Err(why) => recalled.refuse(why),
            }
        }
        fresh.sort_by(|(a, _), (b, _)| a.cmp(b));
        fresh.dedup_by(|(a, _), (b, _)| a == b);
        for (key, held) in &fresh {
            recalled.told.push(Transition {
                olt: self.olt.clone(),
                onu: Some(key.clone()),
                at: now,
                what: Change::Recalled {
                    truth: held.truth.before().unwrap_or(Truth::Stale),
                    level: held.told.level,
                    olt_level: held.told.olt_level,
                },
                reason: held.reason(),
                in_maintenance: false,
            });
        }
        self.onus.reserve_exact(fresh.len());
        self.onus.append(&mut fresh);
        self.onus.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.settle(&mut recalled.told);
        recalled.told = self.mark(recalled.told);
        recalled
    }

    fn read_onu(
        &mut self,
        memory: &Memory,
        heard_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Held, MemoryError> {
        let fields = Reader::fields(&memory.octets)?;
        let find = |wanted| fields.iter().find(|(tag, _)| *tag == wanted).map(|(_, field)| *field);
        let field = |tag| find(tag).ok_or(MemoryError::Field(tag));
        let mut held = Held::new(now);
        held.read_place(&mut field(PLACE)?, memory.identity.clone()).ok_or(MemoryError::Field(PLACE))?;
        let rule = self.rules.rule(&self.olt, held.pon());
        let truth = TruthTrack::recall(&mut field(TRUTH)?, heard_until, now);
        held.truth = truth.ok_or(MemoryError::Field(TRUTH))?;
        let level = LevelTrack::recall(&mut field(LEVEL)?, &rule, now);
        held.level = level.ok_or(MemoryError::Field(LEVEL))?;
        if let (Some(mut field), Some(rule)) = (find(OLT_LEVEL), rule.on_olt_side()) {
            held.olt_level = LevelTrack::recall(&mut field, &rule, now).ok_or(MemoryError::Field(OLT_LEVEL))?;
        }
        if let Some(mut field) = find(FLAP) {
            held.flap = FlapTrack::recall(&mut field, now).ok_or(MemoryError::Field(FLAP))?;
        }
        for (tag, baseline) in BASELINES.into_iter().zip(&mut held.baselines) {
            if let Some(mut field) = find(tag) {
                *baseline = Some(Box::new(Baseline::read(&mut field).ok_or(MemoryError::Field(tag))?));
            }
        }
        let state = self.state_rules();
        held.age(now, &state, self.level_old_after);
        held.is_maintained = until(&self.maintenance, held.pon()).is_some();
        held.told.level = held.level.shown();
        held.told.olt_level = held.olt_level.shown();
        held.set_reason(held.truth.reason(&state));
        held.is_changed = false;
        Ok(held)
    }
}

type OltMemory<'a> = (Option<Timestamp>, Option<Reason>, Vec<Reader<'a>>);

fn read_olt(octets: &[u8]) -> Result<OltMemory<'_>, MemoryError> {
    let (mut heard, mut suspect, mut common) = (None, None, Vec::new());
    for (tag, mut field) in Reader::fields(octets)? {
        match tag {
            HEARD => heard = Some(Timestamp::from_millis(field.u64().ok_or(MemoryError::Field(tag))?)),
            SUSPECT => suspect = Some(read_suspect(&mut field).ok_or(MemoryError::Field(tag))?),
            COMMON => common.push(field),
            _ => {}
        }
    }
    Ok((heard, suspect, common))
}

fn read_suspect(field: &mut Reader<'_>) -> Option<Reason> {
    match field.u8()? {
        0 => Some(Reason::MostUnread { turned: field.u32()?, of: field.u32()? }),
        1 => Some(Reason::AllShifted {
            median: Decibels::from_thousandths(field.i32()?),
            spread: Decibels::from_thousandths(field.i32()?),
            of: field.u32()?,
        }),
        _ => None,
    }
}
