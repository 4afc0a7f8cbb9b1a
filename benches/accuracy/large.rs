//! The time, by the clock of one thread, of explaining 10,000 losses at once over 500 PONs.

use std::collections::BTreeSet;
use std::time::Duration;

use oltwatch::incident::{Kind, Step};
use oltwatch::model::{SweepKind, Timestamp};
use oltwatch::sim::plant::ClientIx;
use oltwatch::sim::trial::{Circumstances, Scene, Town, Watch};
use oltwatch::sim::world::{Action, Fault, Sort, World, WorldOptions};

use crate::Arguments;

const EVERY: Duration = Duration::from_secs(60);
const START: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const ONUS_A_PON: usize = 48;
const LOSSES_A_PON: usize = 20;

pub fn explain_many(arguments: &Arguments) {
    let pons: usize = if arguments.smoke { 20 } else { 500 };
    let around = Circumstances { gasp: 0.8, known: true, errors: 0.02, missing: 0.0, chains: None };
    let mut options = Scene::Feeder.plant(&around, arguments.seed);
    options.clients = pons * ONUS_A_PON;
    let town = Town::new(&options).expect("options within their range");
    let mut rng = fastrand::Rng::with_seed(arguments.seed);
    let mut faults = Vec::new();
    let mut hit: BTreeSet<ClientIx> = BTreeSet::new();
    while hit.len() < pons * LOSSES_A_PON {
        let sort = if rng.u8(..10) == 0 { Sort::CutFeeder } else { Sort::CutDistribution };
        let Some(action) = Action::draw(sort, town.ground(), &mut rng) else { break };
        if let Action::Cut { cable, .. } = &action {
            hit.extend(town.ground().behind(*cable).iter().map(|(client, _)| *client));
        }
        faults.push(Fault { action, at: START + EVERY * 3 / 2, until: None });
    }
    let mut world = World::new(town.ground().clone(), WorldOptions::new(1, START), &faults);
    let mut watch = Watch::new(&town, Some(around.gasp), [EVERY, EVERY * 10], START);
    for round in 0..=2_u32 {
        let now = START + EVERY * round;
        world.advance(now);
        for (olt, _) in town.olts() {
            if round == 0 {
                watch.sweep(&world, olt, SweepKind::Inventory);
            }
            watch.sweep(&world, olt, SweepKind::State);
        }
        let before = watch.cpu();
        let told = watch.think(now + Duration::from_millis(500));
        let is_cut = |kind: Kind| matches!(kind, Kind::Cut | Kind::Undetermined);
        let opened = told.changes.iter().filter(|one| one.step == Step::Opened && is_cut(one.incident.kind)).count();
        if round == 2 {
            println!(
                "{} losses by {} cuts over {pons} PONs: {opened} incidents, explained in {:.0} ms",
                hit.len(),
                faults.len(),
                (watch.cpu() - before).as_secs_f64() * 1000.0
            );
        }
    }
}
