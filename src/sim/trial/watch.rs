//! Those who watch a world: a judge for each OLT, and the tracker that hears them, wired as the daemon wires them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::town::Town;
use crate::config::maintenance::UnderWay;
use crate::config::{StatusMap, Thresholds};
use crate::incident::{Look, News, Outcome, Reliability, Settings, Tracker, news_of};
use crate::model::{OltId, Sweep, SweepKind, Timestamp};
use crate::signal::{Judge, Transition};
use crate::sim::plant::OltIx;
use crate::sim::world::World;

/// Losses of each maker that its reliability is known from: some weeks of plugs pulled.
const KNOWN_LOSSES: f64 = 60.0;

/// Judges of all OLTs, and a tracker.
#[derive(Debug)]
pub struct Watch {
    tracker: Tracker,
    judges: BTreeMap<OltId, Judge>,
    cpu: Duration,
}

impl Watch {
    /// Watches a town of which the plant and the owners are known. `gasp` is how likely its ONUs are known to gasp; `None`: nobody has
    /// seen that yet. State and optics are read this often.
    #[must_use]
    pub fn new(town: &Town, gasp: Option<f64>, [state, optics]: [Duration; 2], from: Timestamp) -> Self {
        let mut tracker = Tracker::new(Settings::default());
        tracker.set_plant(town.plant().clone());
        let mut judges = BTreeMap::new();
        for (olt, owners) in town.owners() {
            tracker.set_owners(olt, owners.iter().cloned());
            tracker.tell(olt, &News::ReadEvery(state), from);
            let judge = Judge::of_polled(olt.clone(), Thresholds::default(), StatusMap::default(), state, optics, from);
            judges.insert(olt.clone(), judge);
        }
        if let Some(gasp) = gasp {
            let clients = town.ground().plant().clients.iter();
            let makers: BTreeMap<_, _> =
                clients.filter_map(|(_, client)| Some((client.onu_model().vendor, client.serial()?))).collect();
            for (_, olt) in town.olts() {
                for serial in makers.values() {
                    tracker.set_reliability(olt, Some(serial), Reliability::known(gasp, KNOWN_LOSSES));
                }
            }
        }
        Self { tracker, judges, cpu: Duration::ZERO }
    }

    /// Reads an OLT of the world. `None` when it does not answer.
    pub fn sweep(&mut self, world: &World, olt: OltIx, kind: SweepKind) -> Option<Sweep> {
        let id = OltId::new(&world.ground().plant().olts.get(olt)?.name);
        let now = world.now();
        let judge = self.judges.get_mut(&id)?;
        let Some(sweep) = world.sweep(olt, kind) else {
            let told = judge.no_answer(now);
            self.hear(&id, &told);
            return None;
        };
        if judge.unreachable_since().is_some() {
            self.tracker.tell(&id, &News::Answering, sweep.started);
        }
        self.tracker.take(&Look::of(&sweep));
        let told = judge.observe(&sweep);
        self.hear(&id, &told);
        Some(sweep)
    }

    /// Somebody begins to work on an OLT, or ends.
    pub fn maintain(&mut self, olt: &OltId, under_way: Vec<UnderWay>, now: Timestamp) {
        let told = self.judges.get_mut(olt).map(|judge| judge.set_maintenance(under_way, now));
        self.hear(olt, &told.unwrap_or_default());
    }

    /// What came of all that by now.
    pub fn think(&mut self, now: Timestamp) -> Outcome {
        let mut told = Vec::new();
        for (olt, judge) in &mut self.judges {
            told.push((olt.clone(), judge.tick(now)));
        }
        for (olt, told) in told {
            self.hear(&olt, &told);
        }
        let began = Instant::now();
        let outcome = self.tracker.advance(now);
        self.cpu += began.elapsed();
        outcome
    }

    /// What the tracker's thinking took so far.
    #[must_use]
    pub const fn cpu(&self) -> Duration {
        self.cpu
    }

    /// The tracker.
    #[must_use]
    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// The judge of an OLT.
    #[must_use]
    pub fn judge(&self, olt: &OltId) -> Option<&Judge> {
        self.judges.get(olt)
    }

    fn hear(&mut self, olt: &OltId, told: &[Transition]) {
        let Some(judge) = self.judges.get(olt) else { return };
        for (news, at) in news_of(told, judge) {
            self.tracker.tell(olt, &news, at);
        }
    }
}
