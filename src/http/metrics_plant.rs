//! The metrics of the plant.

use super::exposition::Exposition;
use super::metrics_names as names;
use crate::model::Timestamp;
use crate::ozmap::{PlantSnapshot, PlantSource, Survey};
use crate::plant::LaunchSource;

pub(super) fn plant(text: &mut Exposition, plant: &PlantSnapshot, survey: &Survey, now: Timestamp) {
    text.family(&names::PLANT_CLIENTS, |family| {
        family.sample(["found"], plant.routes);
        for (why, count) in &plant.missing {
            family.sample([why], *count);
        }
    });
    text.family(&names::PLANT_READ_AGE, |family| {
        if let Some(at) = plant.read_at {
            family.sample([], now.since(at));
        }
    });
    text.family(&names::PLANT_REQUESTS, |family| {
        for (what, count) in &plant.requests {
            family.sample([what], *count);
        }
    });
    text.single(&names::PLANT_LEFT, plant.requests_left);
    text.family(&names::PLANT_SOURCE, |family| {
        for source in [PlantSource::Undecided, PlantSource::Walk, PlantSource::Traces] {
            family.sample([source.word()], source == plant.source);
        }
    });
    text.family(&names::PLANT_PONS, |family| {
        let count = |source: Option<LaunchSource>| survey.pons.iter().filter(|pon| pon.launch == source).count();
        for source in [LaunchSource::Entered, LaunchSource::Estimated] {
            family.sample([source.word()], count(Some(source)));
        }
        family.sample(["unknown"], count(None));
    });
    text.family(&names::PLANT_DOUBTS, |family| {
        for (doubt, count) in &survey.counts {
            family.sample([doubt], *count);
        }
    });
}
