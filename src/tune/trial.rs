//! Plays one OLT's readings against two sets of rules.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{OltTrial, OnuTrial, Under};
use crate::model::{
    Cause, Completeness, Dbm, Gap, Mac, OltId, OnuKey, OnuState, PonId, Reading, Serial, Sweep, SweepKind, SweepScope,
    Timestamp, Truth, Unread, Verdict,
};
use crate::record::Rules;
use crate::signal::{Change, Judge, Transition};
use crate::store::history::{Lack, Sample, Seen};

/// Who a device is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The PON port where it was seen last; overrides for PONs go by it.
    pub pon: Option<PonId>,
    /// Its number there.
    pub onu: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT.
    pub name: Option<Arc<str>>,
}

/// One side of a trial.
#[derive(Debug)]
struct Played {
    judge: Judge,
    /// By the place of the device.
    shown: Vec<Shown>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    status: Verdict,
    /// It shows ERROR for its level.
    for_level: bool,
    flips: u32,
    level_flips: u32,
}

/// What was read since the round in hand began.
#[derive(Debug, Default)]
struct Round {
    span: Option<(Timestamp, Timestamp)>,
    /// The place of the device, and what was read of it; each once.
    rows: Vec<(usize, Sample)>,
}

/// See the module.
#[derive(Debug)]
pub struct Trial {
    olt: OltId,
    devices: Vec<Who>,
    every: Duration,
    rules: [Rules; 2],
    /// There from the first round on, which says when it all begins.
    sides: Option<[Played; 2]>,
    round: Round,
    in_round: Vec<bool>,
    last: Vec<Option<Dbm>>,
    span: Option<(Timestamp, Timestamp)>,
    readings: u64,
}

impl Trial {
    /// A trial of an OLT with these devices, which readings name by their place here. `every`: how often its levels were read,
    /// see [`usual_gap`].
    #[must_use]
    pub fn new(olt: OltId, devices: Vec<Who>, every: Duration, present: Rules, other: Rules) -> Self {
        let count = devices.len();
        Self {
            olt,
            devices,
            every: every.max(Duration::from_secs(1)),
            rules: [present, other],
            sides: None,
            round: Round::default(),
            in_round: vec![false; count],
            last: vec![None; count],
            span: None,
            readings: 0,
        }
    }

    /// Takes readings that were taken together, not older than those before. A device that is none of the OLT's is left out.
    pub fn take(&mut self, at: Timestamp, rows: impl IntoIterator<Item = (usize, Sample)>) {
        if self.round.span.is_some_and(|(from, _)| at.since(from) > self.every) {
            self.end_round();
        }
        for (device, sample) in rows {
            let Some(read) = self.in_round.get(device) else { continue };
            if *read {
                self.end_round();
            }
            if let Some(read) = self.in_round.get_mut(device) {
                *read = true;
            }
            if let (Ok(rx), Some(last)) = (sample.rx, self.last.get_mut(device)) {
                *last = Some(rx);
            }
            self.readings += 1;
            self.round.rows.push((device, sample));
            let from = self.round.span.map_or(at, |(from, _)| from);
            self.round.span = Some((from, at));
            self.span = Some((self.span.map_or(at, |(first, _)| first), at));
        }
    }

    /// What came of it, for the devices of these places; others are left out, such as those that are gone.
    #[must_use]
    pub fn finish(mut self, is_there: impl Fn(usize) -> bool) -> OltTrial {
        self.end_round();
        let mut onus = Vec::new();
        for (place, who) in self.devices.into_iter().enumerate().filter(|(place, _)| is_there(*place)) {
            let Some([present, other]) =
                self.sides.as_ref().map(|sides| sides.each_ref().map(|side| side.under(place)))
            else {
                continue;
            };
            let (Some(present), Some(other)) = (present, other) else { continue };
            let Who { pon, onu, serial, mac, name } = who;
            let rx = self.last.get(place).copied().flatten();
            onus.push(OnuTrial { pon, onu, serial, mac, name, rx, present, other });
        }
        onus.sort_by(|a, b| (a.pon, a.onu, &a.serial, a.mac).cmp(&(b.pon, b.onu, &b.serial, b.mac)));
        OltTrial { olt: self.olt, span: self.span, readings: self.readings, onus }
    }

    /// Judges what was read: first the states, then the levels.
    fn end_round(&mut self) {
        let Round { span: Some((from, until)), rows } = std::mem::take(&mut self.round) else { return };
        for (device, _) in &rows {
            if let Some(read) = self.in_round.get_mut(*device) {
                *read = false;
            }
        }
        let sweeps = [SweepKind::State, SweepKind::Optics].map(|kind| self.sweep(kind, until, &rows));
        let (olt, every, count) = (&self.olt, self.every, self.devices.len());
        let rules = &self.rules;
        let sides = self.sides.get_or_insert_with(|| {
            rules.each_ref().map(|Rules { thresholds, status }| Played {
                judge: Judge::of_polled(olt.clone(), thresholds.clone(), status.clone(), every, every, from),
                shown: vec![Shown { status: Verdict::Hold, for_level: false, flips: 0, level_flips: 0 }; count],
            })
        });
        for side in sides {
            for sweep in &sweeps {
                let told = side.judge.observe(sweep);
                // The readings that a second look gave are in history, too.
                let _ = side.judge.look_again();
                side.note(&told);
            }
        }
    }

    fn sweep(&self, kind: SweepKind, at: Timestamp, rows: &[(usize, Sample)]) -> Sweep {
        let mut onus: Vec<Reading> =
            rows.iter().filter_map(|(device, sample)| self.reading(kind, *device, *sample)).collect();
        onus.sort_by(|a, b| a.key.cmp(&b.key));
        // What was not read in this round is not gone.
        let pons = onus.iter().map(|onu| onu.pon).collect::<Option<_>>();
        let (scope, completeness) = match pons {
            Some(pons) => (SweepScope::Pons(pons), Completeness::Complete),
            None => {
                let gap = Gap { what: "history".into(), why: "it does not say who was asked".into() };
                (SweepScope::Whole, Completeness::Partial(vec![gap]))
            }
        };
        Sweep {
            olt: self.olt.clone(),
            kind,
            scope,
            started: at,
            elapsed: Duration::ZERO,
            completeness,
            uptime: None,
            boots: None,
            pons: Vec::new(),
            onus,
            pdus: 0,
        }
    }

    fn reading(&self, kind: SweepKind, device: usize, sample: Sample) -> Option<Reading> {
        let who = self.devices.get(device)?;
        let mut reading = Reading::unread(key_of(device), Unread::NotAsked);
        reading.pon = who.pon;
        reading.onu = who.onu;
        if kind == SweepKind::Optics {
            let level = |level: Result<Dbm, Lack>| level.map_err(Unread::from);
            reading.rx = level(sample.rx);
            reading.olt_rx = level(sample.olt_rx);
            return Some(reading);
        }
        let (state, cause) = match sample.state {
            Seen::Up => (OnuState::Up, None),
            Seen::Down(cause) => (OnuState::Down, Some(cause)),
            Seen::Unknown => (OnuState::Unknown, None),
        };
        reading.state = Ok(state);
        if state == OnuState::Down {
            reading.cause = Ok(cause.unwrap_or(Cause::Unknown));
        }
        Some(reading)
    }
}

impl Played {
    fn note(&mut self, told: &[Transition]) {
        for transition in told {
            let (Some(key), Change::VerdictChanged { to, .. }) = (&transition.onu, &transition.what) else { continue };
            let Some(shown) = place_of(key).and_then(|place| self.shown.get_mut(place)) else { continue };
            if *to == Verdict::Hold || *to == shown.status {
                continue;
            }
            let by_level = *to == Verdict::Error && self.judge.get(key).is_some_and(|held| held.truth() == Truth::Up);
            if shown.status != Verdict::Hold {
                shown.flips += 1;
                shown.level_flips += u32::from(by_level || shown.for_level);
            }
            (shown.status, shown.for_level) = (*to, by_level);
        }
    }

    /// `None` for a device that no reading was of.
    fn under(&self, place: usize) -> Option<Under> {
        let held = self.judge.get(&key_of(place))?;
        let shown = self.shown.get(place)?;
        Some(Under { level: held.level(), status: shown.status, flips: shown.flips, level_flips: shown.level_flips })
    }
}

/// Devices that stood at the same key one after the other are different ones here.
fn key_of(place: usize) -> OnuKey {
    OnuKey::new(&[u32::try_from(place).unwrap_or(u32::MAX)])
}

fn place_of(key: &OnuKey) -> Option<usize> {
    key.numbers().first().and_then(|number| usize::try_from(*number).ok())
}

/// Gaps that are looked at to find how often an OLT's levels were read.
const LOOKED_AT: usize = 4096;

/// How often levels were read: the median time between two readings of a device, from the first of so many readings. `None`
/// when no device was read twice.
#[must_use]
pub fn usual_gap<R: IntoIterator<Item = usize>>(
    readings: impl IntoIterator<Item = (Timestamp, R)>,
) -> Option<Duration> {
    let mut before: HashMap<usize, Timestamp> = HashMap::new();
    let mut gaps: Vec<Duration> = Vec::new();
    for (at, devices) in readings {
        for device in devices {
            if let Some(before) = before.insert(device, at) {
                gaps.push(at.since(before));
            }
        }
        if gaps.len() >= LOOKED_AT {
            break;
        }
    }
    let middle = gaps.len() / 2;
    if gaps.is_empty() {
        return None;
    }
    let (_, median, _) = gaps.select_nth_unstable(middle);
    Some(*median)
}
