//! Plays a scene, sweep by sweep, and notes what is said.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use super::scene::{Scene, Script};
use super::town::Town;
use super::watch::Watch;
use crate::incident::{Change, Incident, IncidentId, Kind, Step};
use crate::model::{Cause, OltId, OnuState, SweepKind, Timestamp};
use crate::sim::plant::{ClientIx, OltIx};
use crate::sim::world::{Truth, World, WorldOptions};

/// What a scene is played under.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    /// How likely an ONU's dying gasp arrives.
    pub gasp: f64,
    /// Whether that is known.
    pub known: bool,
    /// Share of clients with an error in the documentation.
    pub errors: f64,
    /// Share of readings that are missing.
    pub missing: f64,
    /// Share of PONs that are daisy chains; `None`: as the scene has it.
    pub chains: Option<f64>,
}

/// One incident as it was told over time.
#[derive(Debug, Clone)]
pub struct Told {
    /// When it was told first.
    pub at: Timestamp,
    /// What it was called, in the order in which it was told.
    pub kinds: Vec<Kind>,
    /// The last of it before it was over.
    pub last: Arc<Incident>,
    /// Whether another incident took it in.
    pub is_merged: bool,
}

/// What came of a world.
#[derive(Debug)]
pub struct Played {
    /// What was done on purpose.
    pub truths: Vec<Truth>,
    /// What else broke in everyday life.
    pub everyday: Vec<Truth>,
    /// What was said, by the time at which it began.
    pub told: Vec<Told>,
    /// Who was read as down, and why, by the first sweep of each OLT after the first fault.
    pub lost: Vec<(ClientIx, Cause)>,
    /// What the tracker's thinking took.
    pub cpu: Duration,
}

/// When worlds begin: 2026-09-21.
const START: u64 = 1_790_000_000_000;
/// How long a sweep takes.
const SWEEP: Duration = Duration::from_millis(500);
/// From the wish for a look to the look.
const LOOK: Duration = Duration::from_secs(3);
/// When the longest wait is over.
const SETTLED: Duration = Duration::from_millis(10_500);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Maintain(usize, bool),
    Sweep(OltIx, SweepKindOrd),
    Look(OltIx),
    Think,
}

/// Kinds of sweeps in the order in which they are made at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum SweepKindOrd {
    Inventory,
    State,
    Optics,
}

/// Plays a scene in a town. `None` where the town has no place for it.
#[must_use]
pub fn play(town: &Town, scene: Scene, around: &Circumstances, seed: u64) -> Option<Played> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = Timestamp::from_millis(START);
    let script = scene.draw(town.ground(), start, &mut rng)?;
    let mut options = WorldOptions::new(seed, start).with_daily_life();
    options.missing = around.missing;
    options.unplugged_a_day = script.unplugged_a_day;
    options.batteries = script.batteries;
    let world = World::new(town.ground().clone(), options, &script.faults);
    let watch = Watch::new(town, around.known.then_some(around.gasp), script.every, start);
    let mut stage = Stage {
        town,
        faults: world.truths().len(),
        first_fault: script.faults.iter().map(|fault| fault.at).min(),
        world,
        watch,
        queue: BinaryHeap::new(),
        looks: BTreeSet::new(),
        seen_after: BTreeSet::new(),
        notes: Notes::default(),
    };
    stage.plan(&script, start, &mut rng);
    stage.run(&script);
    let mut truths = stage.world.truths().to_vec();
    let everyday = truths.split_off(stage.faults);
    let Notes { told, lost } = stage.notes;
    let cpu = stage.watch.cpu();
    Some(Played { truths, everyday, told: told.into_values().collect(), lost, cpu })
}

#[derive(Default)]
struct Notes {
    told: BTreeMap<IncidentId, Told>,
    lost: Vec<(ClientIx, Cause)>,
}

struct Stage<'a> {
    town: &'a Town,
    world: World,
    watch: Watch,
    faults: usize,
    first_fault: Option<Timestamp>,
    queue: BinaryHeap<Reverse<(Timestamp, Event)>>,
    /// OLTs at which somebody will look.
    looks: BTreeSet<OltIx>,
    /// OLTs that were read since the first fault.
    seen_after: BTreeSet<OltIx>,
    notes: Notes,
}

impl Stage<'_> {
    fn put(&mut self, at: Timestamp, event: Event) {
        self.queue.push(Reverse((at, event)));
    }

    /// The schedule: each OLT has its own phase.
    fn plan(&mut self, script: &Script, start: Timestamp, rng: &mut fastrand::Rng) {
        let [state, optics] = script.every;
        let olts: Vec<OltIx> = self.town.olts().map(|(ix, _)| ix).collect();
        for olt in olts {
            let phase = state.mul_f64(rng.f64());
            self.put(start, Event::Sweep(olt, SweepKindOrd::Inventory));
            self.put(start, Event::Sweep(olt, SweepKindOrd::State));
            self.put(start, Event::Sweep(olt, SweepKindOrd::Optics));
            for (every, kind) in [(state, SweepKindOrd::State), (optics, SweepKindOrd::Optics)] {
                let mut at = phase;
                while at <= script.length {
                    self.put(start + at, Event::Sweep(olt, kind));
                    at += every;
                }
            }
        }
        for (number, (from, _, under_way)) in script.works.iter().enumerate() {
            self.put(*from, Event::Maintain(number, true));
            self.put(under_way.until, Event::Maintain(number, false));
        }
    }

    fn run(&mut self, script: &Script) {
        while let Some(Reverse((at, event))) = self.queue.pop() {
            self.world.advance(at);
            match event {
                Event::Sweep(olt, kind) => {
                    let kind = match kind {
                        SweepKindOrd::Inventory => SweepKind::Inventory,
                        SweepKindOrd::State => SweepKind::State,
                        SweepKindOrd::Optics => SweepKind::Optics,
                    };
                    self.sweep(olt, kind);
                }
                Event::Look(olt) => {
                    self.looks.remove(&olt);
                    self.sweep(olt, SweepKind::State);
                }
                Event::Maintain(number, begins) => {
                    let work = script.works.get(number);
                    if let Some((olt, under_way)) = work.and_then(|(_, olt, work)| Some((self.id(*olt)?, work))) {
                        let under_way = if begins { vec![under_way.clone()] } else { Vec::new() };
                        self.watch.maintain(&olt, under_way, at);
                    }
                }
                Event::Think => self.think(),
            }
        }
    }

    fn id(&self, olt: OltIx) -> Option<OltId> {
        self.town.olts().find(|(ix, _)| *ix == olt).map(|(_, id)| id.clone())
    }

    fn sweep(&mut self, olt: OltIx, kind: SweepKind) {
        let now = self.world.now();
        let sweep = self.watch.sweep(&self.world, olt, kind);
        for wait in [SWEEP, SETTLED] {
            self.put(now + wait, Event::Think);
        }
        let is_first = kind == SweepKind::State && self.first_fault.is_some_and(|at| at < now);
        if let Some(sweep) = sweep.filter(|_| is_first && self.seen_after.insert(olt)) {
            for reading in sweep.onus.iter().filter(|reading| reading.state == Ok(OnuState::Down)) {
                let client = self.town.client(&sweep.olt, &reading.key);
                self.notes.lost.extend(client.map(|client| (client, reading.cause.unwrap_or(Cause::Unknown))));
            }
        }
    }

    fn think(&mut self) {
        let now = self.world.now();
        let outcome = self.watch.think(now);
        for change in outcome.changes {
            self.note(change, now);
        }
        for wanted in outcome.wanted {
            let olt = self.town.olts().find(|(_, id)| **id == wanted.olt).map(|(ix, _)| ix);
            if let Some(olt) = olt.filter(|olt| self.looks.insert(*olt)) {
                self.put(now + LOOK, Event::Look(olt));
            }
        }
    }

    fn note(&mut self, change: Change, now: Timestamp) {
        let Change { step, incident } = change;
        let told = self.notes.told.entry(incident.id).or_insert_with(|| Told {
            at: now,
            kinds: Vec::new(),
            last: incident.clone(),
            is_merged: false,
        });
        if step == Step::Cleared {
            // One that is over because another took it in has no members of its own any more.
            told.is_merged = incident.parent.is_some() && told.last.parent.is_none();
            return;
        }
        if told.kinds.last() != Some(&incident.kind) {
            told.kinds.push(incident.kind);
        }
        told.last = incident;
    }
}
