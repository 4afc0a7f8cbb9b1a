//! What `signal` and `incident` decide of a recording. The same recording gives the same decisions on every run: the time is the
//! recording's own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Entry, Rules};
use crate::config::maintenance::UnderWay;
use crate::incident::{self, Explanations, Look, News, Step, Tracker, explained, explanations, news_of};
use crate::model::{Mac, OltId, OnuKey, PonId, Serial, Sweep, Timestamp, Verdict};
use crate::plant::DocumentError;
use crate::signal::{Judge, ThresholdError, Transition, check_thresholds};

/// The judges of all OLTs in a recording, and the owner of its incidents.
#[derive(Debug)]
pub struct Replay {
    rules: Rules,
    /// Rules that stand in for those of the recording, which are then not looked at.
    fixed: bool,
    olts: BTreeMap<OltId, Replayed>,
    tracker: Tracker,
    /// Up to where time has passed for all of them.
    now: Option<Timestamp>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Replayed {
    judge: Option<Judge>,
    who: BTreeMap<OnuKey, Who>,
    /// Whether it answered the last look; `None` before the first one.
    answers: Option<bool>,
    /// What incidents say of its losses.
    explained: Explanations,
    /// Work that was under way before it was read.
    under_way: Vec<UnderWay>,
}

/// Something that was decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// Of an ONU, or of an OLT.
    Transition(Transition),
    /// What many of them have in common, and when that was clear.
    Incident(Timestamp, incident::Change),
}

/// Something in a recording that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its rules.
    #[error(transparent)]
    Rules(#[from] ThresholdError),
    /// Its plant.
    #[error(transparent)]
    Plant(#[from] DocumentError),
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
    /// Incidents that were opened.
    pub incidents: u64,
}

/// While losses are gathered, how often they are thought over.
const THINK_EVERY_MS: u64 = 1000;

impl Replay {
    /// Judges by `rules`. `fixed`: also where the recording says that other rules came into force.
    #[must_use]
    pub fn new(rules: Rules, fixed: bool) -> Self {
        Self { rules, fixed, olts: BTreeMap::new(), tracker: Tracker::default(), now: None, tally: Tally::default() }
    }

    /// Takes the next entry of a recording, after the time that has passed up to it.
    ///
    /// # Errors
    /// [`ReplayError`] when rules or a plant in the recording cannot be used.
    pub fn take(&mut self, entry: &Entry<'_>) -> Result<Vec<Decided>, ReplayError> {
        let mut out = Vec::new();
        match entry {
            Entry::Sweep { state_every_ms, optics_every_ms, sweep } => {
                let every = Duration::from_millis;
                self.take_sweep(sweep, every(*state_every_ms), every(*optics_every_ms), &mut out);
            }
            Entry::NoAnswer { olt, at_ms } => self.take_silence(olt, Timestamp::from_millis(*at_ms), &mut out),
            Entry::Maintenance { olt, at_ms, under_way } => {
                let at = Timestamp::from_millis(*at_ms);
                self.pass(at, &mut out);
                self.olts.entry(olt.clone()).or_default().under_way.clone_from(under_way);
                self.judge(olt, &mut out, |judge| judge.set_maintenance(under_way.clone(), at));
                self.think(at, &mut out);
            }
            Entry::Rules { at_ms, rules } if !self.fixed => {
                let at = Timestamp::from_millis(*at_ms);
                self.pass(at, &mut out);
                self.rules = Rules::clone(rules);
                let unknown_after = rules.thresholds.unknown_after;
                self.tracker.set_settings(incident::Settings { unknown_after, ..self.tracker.settings() });
                check_thresholds(&rules.thresholds)?;
                let olts: Vec<OltId> = self.olts.keys().cloned().collect();
                for olt in &olts {
                    self.judge(olt, &mut out, |judge| {
                        // They were checked above.
                        let mut told = judge.set_thresholds(rules.thresholds.clone(), at).unwrap_or_default();
                        told.append(&mut judge.set_status(rules.status.clone(), at));
                        told
                    });
                }
                self.think(at, &mut out);
            }
            Entry::Incidents { settle_ms, gasps, .. } => {
                self.tracker.set_settings(incident::Settings {
                    settle: Duration::from_millis(*settle_ms),
                    unknown_after: self.rules.thresholds.unknown_after,
                });
                self.tracker.set_gasps(gasps.clone().into_owned());
            }
            Entry::Owners { olt, at_ms, owners } => {
                self.pass(Timestamp::from_millis(*at_ms), &mut out);
                let owners = owners.iter().map(|owned| (owned.key.clone(), owned.owner.clone()));
                self.tracker.set_owners(olt, owners.collect::<Vec<_>>());
            }
            Entry::Plant { at_ms, plant } => {
                self.pass(Timestamp::from_millis(*at_ms), &mut out);
                let plant = plant.plant()?;
                self.tracker.set_plant(Arc::new(plant));
            }
            Entry::Rules { at_ms, .. } | Entry::End { at_ms } => self.pass(Timestamp::from_millis(*at_ms), &mut out),
            Entry::Hint { .. } => self.tally.hints += 1,
            Entry::Lost { entries } => self.tally.lost += entries,
        }
        let opened = |one: &&Decided| matches!(one, Decided::Incident(_, change) if change.step == Step::Opened);
        self.tally.incidents += out.iter().filter(opened).count() as u64;
        self.tally.transitions += out.iter().filter(|one| matches!(one, Decided::Transition(_))).count() as u64;
        Ok(out)
    }

    fn take_sweep(&mut self, sweep: &Sweep, state: Duration, optics: Duration, out: &mut Vec<Decided>) {
        self.tally.sweeps += 1;
        self.tally.partial += u64::from(!sweep.completeness.is_complete());
        let at = sweep.started + sweep.elapsed;
        self.pass(at, out);
        let olt = self.olts.entry(sweep.olt.clone()).or_default();
        olt.note_who(sweep);
        if olt.answers.replace(true) != Some(true) {
            self.tracker.tell(&sweep.olt, &News::Answering, sweep.started);
        }
        self.tracker.tell(&sweep.olt, &News::ReadEvery(state), sweep.started);
        self.tracker.take(&Look::of(sweep));
        let under_way = if olt.judge.is_none() { std::mem::take(&mut olt.under_way) } else { Vec::new() };
        olt.judge.get_or_insert_with(|| {
            let Rules { thresholds, status } = self.rules.clone();
            Judge::of_polled(sweep.olt.clone(), thresholds, status, state, optics, sweep.started)
        });
        if !under_way.is_empty() {
            self.judge(&sweep.olt, out, |judge| judge.set_maintenance(under_way, at));
        }
        self.judge(&sweep.olt, out, |judge| {
            judge.set_intervals(state, optics);
            let told = judge.observe(sweep);
            // The recording holds what came of it.
            let _ = judge.look_again();
            told
        });
        self.think(at, out);
    }

    fn take_silence(&mut self, olt: &OltId, at: Timestamp, out: &mut Vec<Decided>) {
        self.tally.silences += 1;
        self.pass(at, out);
        let replayed = self.olts.entry(olt.clone()).or_default();
        let is_first = replayed.answers.replace(false) != Some(false);
        if replayed.judge.is_none() && is_first {
            self.tracker.tell(olt, &News::Unreachable, at);
        }
        self.judge(olt, out, |judge| judge.no_answer(at));
        self.think(at, out);
    }

    /// Lets a judge decide, and tells incidents of it.
    fn judge(&mut self, olt: &OltId, out: &mut Vec<Decided>, how: impl FnOnce(&mut Judge) -> Vec<Transition>) {
        let Some(judge) = self.olts.get_mut(olt).and_then(|olt| olt.judge.as_mut()) else { return };
        let told = how(judge);
        for (news, at) in news_of(&told, judge) {
            self.tracker.tell(olt, &news, at);
        }
        out.extend(told.into_iter().map(Decided::Transition));
    }

    /// Thinks over what incidents were told, and tells judges what they say of losses.
    fn think(&mut self, now: Timestamp, out: &mut Vec<Decided>) {
        let changes = self.tracker.advance(now).changes;
        if changes.is_empty() {
            return;
        }
        out.extend(changes.into_iter().map(|change| Decided::Incident(now, change)));
        let mut by_olt = explanations(self.tracker.incidents());
        let olts: Vec<OltId> = self.olts.keys().cloned().collect();
        for olt in &olts {
            let said = by_olt.remove(olt).unwrap_or_default();
            let Some(replayed) = self.olts.get_mut(olt).filter(|replayed| replayed.explained != said) else { continue };
            let said_to_judge = explained(&said);
            replayed.explained = said;
            self.judge(olt, out, |judge| judge.explain(&said_to_judge, now));
        }
    }

    /// Lets time pass for all OLTs as it does for the daemon, step by step.
    fn pass(&mut self, until: Timestamp, out: &mut Vec<Decided>) {
        let step = u64::try_from(Judge::TICK.as_millis()).unwrap_or(1).max(1);
        let from = self.now.unwrap_or(until);
        // Over a longer pause the state in between decides nothing: everything has been stale for long.
        let mut at = from.millis().max(until.millis().saturating_sub(LONGEST_PAUSE_MS));
        loop {
            let tick = (at / step + 1).saturating_mul(step);
            let thought = (at / THINK_EVERY_MS + 1).saturating_mul(THINK_EVERY_MS);
            at = if self.tracker.is_gathering() { tick.min(thought) } else { tick };
            if at > until.millis() || at == u64::MAX {
                break;
            }
            let now = Timestamp::from_millis(at);
            if at == tick {
                let olts: Vec<OltId> = self.olts.keys().cloned().collect();
                for olt in &olts {
                    self.judge(olt, out, |judge| judge.tick(now));
                }
            }
            self.think(now, out);
        }
        self.now = Some(self.now.map_or(until, |now| now.max(until)));
    }

    /// Which ONU a transition is about.
    #[must_use]
    pub fn who(&self, olt: &OltId, onu: &OnuKey) -> Who {
        self.olts.get(olt).and_then(|olt| olt.who.get(onu)).cloned().unwrap_or_default()
    }

    /// Incidents that are not over, oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &incident::Incident> {
        self.tracker.incidents()
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
