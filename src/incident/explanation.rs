//! What incidents say of each loss that they explain, for those who judge it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::snapshot::{Incident, Kind, State};
use crate::model::{OltId, OnuKey};
use crate::signal::Explained;

/// The least chance by which a cut decides what clients show: below it, each loss has to count by itself.
const SURE_OF_CUT: f64 = 0.9;
/// The same for an outage, which makes nobody red.
const SURE_OF_OUTAGE: f64 = 0.5;

/// What is explained of one OLT's losses, sorted by key: how, and by which incident.
pub type Explanations = Vec<(OnuKey, Explained, Arc<str>)>;

/// What these incidents say of the losses of each OLT. Those that are over say nothing.
#[must_use]
pub fn explanations<'a>(incidents: impl Iterator<Item = &'a Incident>) -> BTreeMap<OltId, Explanations> {
    let mut by_olt: BTreeMap<OltId, Explanations> = BTreeMap::new();
    for incident in incidents.filter(|incident| incident.state != State::Cleared) {
        let explained = match incident.kind {
            Kind::Cut if incident.confidence >= SURE_OF_CUT && incident.place.is_some() => Explained::Cut,
            Kind::Power if incident.confidence >= SURE_OF_OUTAGE => Explained::Outage,
            _ => continue,
        };
        let id: Arc<str> = Arc::from(incident.id.to_string());
        for member in incident.onus.iter().filter(|member| !member.is_up) {
            by_olt.entry(member.olt.clone()).or_default().push((member.key.clone(), explained, id.clone()));
        }
    }
    for explanations in by_olt.values_mut() {
        explanations.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        explanations.dedup_by(|(later, ..), (first, ..)| later == first);
    }
    by_olt
}

/// The same as a judge takes it.
#[must_use]
pub fn explained(explanations: &Explanations) -> Vec<(OnuKey, Explained)> {
    explanations.iter().map(|(key, explained, _)| (key.clone(), *explained)).collect()
}
