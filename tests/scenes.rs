//! Every kind of fault, played in simulated time in a small town with its judges and tracker: what is said of it is what it is.
//!
//! How often that is so over thousands of worlds, and how sure, stands in `docs/accuracy.md`.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail loudly

use oltwatch::sim::trial::{Circumstances, Played, Scene, Score, Town, play};

const WORLDS: usize = 5;
const AROUND: Circumstances = Circumstances { gasp: 0.85, known: true, errors: 0.0, missing: 0.02, chains: None };

struct World {
    seed: u64,
    played: Played,
    score: Score,
}

/// The scene in some worlds of one town.
fn worlds(scene: Scene) -> Vec<World> {
    let mut options = scene.plant(&AROUND, 7);
    options.clients = 700;
    options.pons_per_olt = 8;
    let town = Town::new(&options).unwrap();
    let world = |seed| {
        let played = play(&town, scene, &AROUND, seed)?;
        let score = Score::of(&town, scene, &played);
        Some(World { seed, played, score })
    };
    // Not every draw finds its place in so small a town.
    let worlds: Vec<World> = (100..200).filter_map(world).take(WORLDS).collect();
    assert!(worlds.len() == WORLDS, "{scene:?}: the town has no place for it");
    worlds
}

/// That this holds in all worlds but so many.
fn holds(scene: Scene, but: usize, what: &str, holds: impl Fn(&Score) -> bool) {
    let worlds = worlds(scene);
    let failed: Vec<&World> = worlds.iter().filter(|world| !holds(&world.score)).collect();
    let told = || -> Vec<String> {
        let of = |world: &&World| {
            let told = world.played.told.iter().map(|told| (&told.kinds, &told.last.evidence));
            format!("seed {}: {:?} {:#?}", world.seed, world.score, told.collect::<Vec<_>>())
        };
        failed.iter().map(of).collect()
    };
    assert!(
        failed.len() <= but,
        "{scene:?}: {what} in {} of {WORLDS} worlds: {}",
        worlds.len() - failed.len(),
        told().join("\n")
    );
}

/// One incident of the right kind, at the right cable, and no other; in one world of five it may be less sure.
fn is_located(scene: Scene) {
    let is_right = |score: &Score| {
        let located = score.located.iter().all(|located| located.first);
        score.kind && score.one && located && !score.wrong && !score.located.is_empty()
    };
    holds(scene, 1, "kind and place are right", is_right);
}

/// What the passive network has no part in.
fn is_no_fault_of_the_plant(scene: Scene) {
    holds(scene, 0, "kind is right, and the plant is never blamed", |score| {
        score.kind && !score.plant_called && !score.cut_called && score.groups_of_nothing == 0
    });
}

macro_rules! scenes {
    ($($name:ident: $check:ident($scene:ident);)+) => {$(
        #[test]
        fn $name() {
            $check(Scene::$scene);
        }
    )+};
}

scenes! {
    a_cut_feeder_is_one_incident_at_its_cable: is_located(Feeder);
    a_cut_distribution_cable_is_one_incident_at_its_cable: is_located(Distribution);
    a_cut_daisy_chain_is_one_incident_at_its_cable: is_located(Chain);
    two_cuts_at_once_are_two_incidents_at_their_cables: is_located(TwoCuts);
    a_cut_while_another_olt_is_silent_is_located: is_located(CutWhileUnreachable);
    a_cut_while_onus_flap_is_located: is_located(CutWhileFlapping);
    an_olt_that_is_unreachable_is_that: is_no_fault_of_the_plant(Unreachable);
    an_olt_that_restarts_is_no_fault: is_no_fault_of_the_plant(Reboot);
    an_olt_without_power_is_unreachable_and_nothing_else_when_it_is_back: is_no_fault_of_the_plant(OltPower);
    a_card_that_fails_is_equipment: is_no_fault_of_the_plant(Card);
    a_transceiver_that_fails_is_equipment: is_no_fault_of_the_plant(Sfp);
    onus_that_flap_are_no_incident_of_a_group: is_no_fault_of_the_plant(Flapping);
    work_that_nobody_announced_is_no_fault: is_no_fault_of_the_plant(Works);
    work_that_was_announced_is_no_fault: is_no_fault_of_the_plant(AnnouncedWorks);
    levels_in_another_scale_are_data_quality: is_no_fault_of_the_plant(Rescale);
    a_broken_drop_is_no_group: is_lone(Drop);
    a_rogue_onu_is_no_cut: is_never_a_cut(Rogue);
    an_outage_is_power_and_never_a_cut: is_never_a_cut(Outage);
    an_outage_that_is_mended_in_pieces_is_power_and_never_a_cut: is_never_a_cut(MendedOutage);
    a_bent_cable_is_a_degradation: is_degradation(Bend);
    a_cut_during_an_outage_is_told_beside_it: is_told_beside(CutInOutage);
    everyday_life_is_no_incident_of_a_group: is_no_fault_of_the_plant(Quiet);
}

/// A drop: no group is told, whether the drop is told or not (`incident` decides that by the habits of its ONU, which these worlds are too short to learn).
fn is_lone(scene: Scene) {
    holds(scene, 0, "there is no group", |score| score.groups_of_nothing == 0 && !score.wrong && !score.undetermined);
}

fn is_never_a_cut(scene: Scene) {
    holds(scene, 0, "no cut is told", |score| !score.cut_called);
    holds(scene, 1, "the kind is right", |score| score.kind && !score.wrong);
}

fn is_degradation(scene: Scene) {
    holds(scene, 1, "the kind is right", |score| score.kind && !score.wrong);
}

fn is_told_beside(scene: Scene) {
    holds(scene, 1, "both are told as what they are", |score| score.kind && !score.missed && !score.wrong);
}
