//! What `signal` decides of a recording. The same recording gives the same decisions on every run: the time is the
//! recording's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Entry, Rules};
use crate::model::{Mac, OltId, OnuKey, PonId, Serial, Sweep, Timestamp, Verdict};
use crate::signal::{Judge, ThresholdError, Transition};

/// The judges of all OLTs in a recording.
#[derive(Debug)]
pub struct Replay {
    rules: Rules,
    /// Rules that stand in for those of the recording, which are then not looked at.
    fixed: bool,
    olts: BTreeMap<OltId, Replayed>,
    /// Up to where time has passed for all of them.
    now: Option<Timestamp>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Replayed {
    judge: Option<Judge>,
    who: BTreeMap<OnuKey, Who>,
}

/// Which ONU it is, as far as the recording has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The PON port.
    pub pon: Option<PonId>,
    /// Its number on the PON.
    pub onu: Option<u32>,
    /// The serial number.
    pub serial: Option<Serial>,
    /// The MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT.
    pub name: Option<Arc<str>>,
}

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Sweeps, the partial ones included.
    pub sweeps: u64,
    /// Sweeps that were partial.
    pub partial: u64,
    /// Sweeps that an OLT did not answer.
    pub silences: u64,
    /// Hints.
    pub hints: u64,
    /// Entries that the recording says are missing in it.
    pub lost: u64,
    /// What changed.
    pub transitions: u64,
}

impl Replay {
    /// Judges by `rules`. `fixed`: also where the recording says that other rules came into force.
    #[must_use]
    pub fn new(rules: Rules, fixed: bool) -> Self {
        Self { rules, fixed, olts: BTreeMap::new(), now: None, tally: Tally::default() }
    }

    /// Takes the next entry of a recording, after the time that has passed up to it.
    ///
    /// # Errors
    /// [`ThresholdError`] when rules in the recording cannot be used.
    pub fn take(&mut self, entry: &Entry<'_>) -> Result<Vec<Transition>, ThresholdError> {
        let mut told = Vec::new();
        match entry {
            Entry::Sweep { state_every_ms, optics_every_ms, sweep } => {
                self.tally.sweeps += 1;
                self.tally.partial += u64::from(!sweep.completeness.is_complete());
                self.pass(sweep.started + sweep.elapsed, &mut told);
                let olt = self.olts.entry(sweep.olt.clone()).or_default();
                olt.note_who(sweep);
                let judge = olt.judge.get_or_insert_with(|| {
                    let Rules { thresholds, status } = self.rules.clone();
                    let every = Duration::from_millis;
                    let (state, optics) = (every(*state_every_ms), every(*optics_every_ms));
                    Judge::of_polled(sweep.olt.clone(), thresholds, status, state, optics, sweep.started)
                });
                judge.set_intervals(Duration::from_millis(*state_every_ms), Duration::from_millis(*optics_every_ms));
                told.append(&mut judge.observe(sweep));
                // The recording holds what came of it.
                let _ = judge.look_again();
            }
            Entry::NoAnswer { olt, at_ms } => {
                self.tally.silences += 1;
                let at = Timestamp::from_millis(*at_ms);
                self.pass(at, &mut told);
                if let Some(judge) = self.olts.get_mut(olt).and_then(|olt| olt.judge.as_mut()) {
                    told.append(&mut judge.no_answer(at));
                }
            }
            Entry::Maintenance { olt, at_ms, under_way } => {
                let at = Timestamp::from_millis(*at_ms);
                self.pass(at, &mut told);
                if let Some(judge) = self.olts.get_mut(olt).and_then(|olt| olt.judge.as_mut()) {
                    told.append(&mut judge.set_maintenance(under_way.clone(), at));
                }
            }
            Entry::Rules { at_ms, rules } if !self.fixed => {
                let at = Timestamp::from_millis(*at_ms);
                self.pass(at, &mut told);
                self.rules = Rules::clone(rules);
                for judge in self.olts.values_mut().filter_map(|olt| olt.judge.as_mut()) {
                    told.append(&mut judge.set_thresholds(self.rules.thresholds.clone(), at)?);
                    told.append(&mut judge.set_status(self.rules.status.clone(), at));
                }
            }
            Entry::Rules { at_ms, .. } | Entry::End { at_ms } => {
                self.pass(Timestamp::from_millis(*at_ms), &mut told);
            }
            Entry::Hint { .. } => self.tally.hints += 1,
            Entry::Lost { entries } => self.tally.lost += entries,
        }
        self.tally.transitions += told.len() as u64;
        Ok(told)
    }

    /// Lets time pass for all OLTs as it does for the daemon, step by step.
    fn pass(&mut self, until: Timestamp, told: &mut Vec<Transition>) {
        let step = u64::try_from(Judge::TICK.as_millis()).unwrap_or(1).max(1);
        let from = self.now.unwrap_or(until);
        // Over a longer pause the state in between decides nothing: everything has been stale for long.
        let from = from.millis().max(until.millis().saturating_sub(LONGEST_PAUSE_MS));
        let mut tick = (from / step + 1).saturating_mul(step);
        while tick <= until.millis() && tick < u64::MAX {
            for judge in self.olts.values_mut().filter_map(|olt| olt.judge.as_mut()) {
                told.append(&mut judge.tick(Timestamp::from_millis(tick)));
            }
            tick = tick.saturating_add(step);
        }
        self.now = Some(self.now.map_or(until, |now| now.max(until)));
    }

    /// Which ONU a transition is about.
    #[must_use]
    pub fn who(&self, olt: &OltId, onu: &OnuKey) -> Who {
        self.olts.get(olt).and_then(|olt| olt.who.get(onu)).cloned().unwrap_or_default()
    }

    /// What was replayed.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many OLTs there are.
    #[must_use]
    pub fn olts(&self) -> usize {
        self.olts.len()
    }

    /// How many ONUs have each verdict now: ok, error, hold.
    #[must_use]
    pub fn verdicts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        let [ok, error, hold] = &mut counts;
        for (_, held) in self.olts.values().filter_map(|olt| olt.judge.as_ref()).flat_map(Judge::held) {
            match held.verdict() {
                Verdict::Ok => *ok += 1,
                Verdict::Error => *error += 1,
                Verdict::Hold => *hold += 1,
            }
        }
        counts
    }
}

/// A day: what has not been read for longer is stale, and nothing changes any more until it is read.
const LONGEST_PAUSE_MS: u64 = 24 * 3600 * 1000;

impl Replayed {
    fn note_who(&mut self, sweep: &Sweep) {
        for reading in &sweep.onus {
            let who = self.who.entry(reading.key.clone()).or_default();
            who.pon = reading.pon.or(who.pon);
            who.onu = reading.onu.or(who.onu);
            if let Ok(serial) = &reading.serial {
                who.serial = Some(serial.clone());
            }
            if let Ok(mac) = reading.mac {
                who.mac = Some(mac);
            }
            if let Ok(name) = &reading.name {
                who.name = Some(Arc::clone(name));
            }
        }
    }
}
