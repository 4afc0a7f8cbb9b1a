//! What became of traces, kept with what they depend on; and whether those of a sample agree with the walk.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::snapshot::{Missing, PlantSource, SampleView};
use super::super::trace::Traced;
use super::{Importer, KIND_SOURCE, KIND_TRACE};
use crate::model::{ClientId, ElementId, Metres, Timestamp};
use crate::ozmap::directory::{ClientEntry, Found};
use crate::plant::{HopKind, PlantBuilder, Route};

/// Fewer compared traces than this prove nothing.
const LEAST_COMPARED: usize = 4;
/// The walk is not used when more than one in so many of them differ.
const ONE_IN: usize = 8;

/// What the walk and a trace may differ by.
const LOSS_WITHIN: i32 = 300;
const DISTANCE_WITHIN: i32 = 50_000;

/// How long it is remembered that there is no route.
const NO_ROUTE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Making routes and graph anew takes seconds where there are many clients.
const LEAST_LOOK: Duration = Duration::from_secs(60);

/// The first octet of a trace in the store.
const TRIAL_ROUTE: u8 = 0;

/// What became of a client's trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    at: Timestamp,
    /// Of what it depends on.
    stamp: u64,
    /// When the house had last been changed, as far as was known.
    updated: Option<Timestamp>,
    /// `None`: there is a route.
    pub(super) missing: Option<Missing>,
}

impl Trial {
    /// Whether it is of this client as the directory shows it.
    pub(super) fn is_of(&self, entry: &ClientEntry) -> bool {
        self.stamp == stamp(entry)
    }

    /// Whether it has to be made again. What was changed at the house since may have led its light elsewhere; as that shows with every
    /// power that is written, too, such a trace only grows old sooner.
    pub(super) fn is_old(&self, entry: &ClientEntry, now: Timestamp, refresh: Duration) -> bool {
        let lasts = if self.missing.is_some() { NO_ROUTE_FOR } else { refresh };
        let touched = entry.property_updated_at != self.updated;
        now.since(self.at) >= if touched { lasts.min(look_through(refresh)) } else { lasts }
    }
}

/// How often traces are looked through for those that have grown old.
pub(super) fn look_through(refresh: Duration) -> Duration {
    (refresh.min(NO_ROUTE_FOR) / 4).max(LEAST_LOOK)
}

/// What the store remembers of the check of the walk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) source: PlantSource,
    pub(super) sample: SampleView,
}

impl Importer {
    pub(super) fn recall_trace(&mut self, client: ClientId, at: Timestamp, stamp: u64, data: &[u8]) {
        let Some((tag, rest)) = data.split_first() else { return };
        let Some((updated, octets)) = rest.split_first_chunk::<8>() else { return };
        let missing = match Missing::ALL.get(usize::from(*tag).wrapping_sub(1)) {
            Some(missing) => Some(*missing),
            None if *tag == TRIAL_ROUTE => match Route::decode(octets) {
                Ok(route) => {
                    self.builder.route(client, &route);
                    None
                }
                Err(_) => return,
            },
            None => return,
        };
        let updated = Some(u64::from_le_bytes(*updated)).filter(|millis| *millis > 0).map(Timestamp::from_millis);
        self.trials.insert(client, Trial { at, stamp, updated, missing });
    }

    pub(super) fn take_trace(&mut self, client: ClientId, traced: Traced, now: Timestamp) {
        let Some(entry) = self.directory.as_ref().and_then(|directory| directory.client(client)) else {
            self.sampled.remove(&client);
            return;
        };
        let property = entry.property;
        let shared = entry.code.is_some_and(|code| self.is_shared(code));
        let Traced::Routes(routes) = traced else { return self.tried(client, Some(Missing::NoPath), None, now) };
        let mut routes = routes;
        let ours = routes.iter().position(|(of, _)| *of == Some(property));
        // What houses an item is of is assumed: of one client's code alone, the first is taken (`ozmap-api.md` 6.2).
        match ours.or_else(|| (!shared && !routes.is_empty()).then_some(0)) {
            Some(place) => {
                let (_, route) = routes.swap_remove(place);
                self.tried(client, None, Some(&route), now);
            }
            None => self.tried(client, Some(Missing::AmbiguousCode), None, now),
        }
    }

    pub(super) fn is_shared(&self, code: &str) -> bool {
        self.directory.as_ref().is_some_and(|directory| matches!(directory.by_code(code), Found::Many(_)))
    }

    pub(super) fn tried(&mut self, client: ClientId, missing: Option<Missing>, route: Option<&Route>, now: Timestamp) {
        let Some(entry) = self.directory.as_ref().and_then(|directory| directory.client(client)) else { return };
        let (stamp, updated) = (stamp(&entry), entry.property_updated_at);
        let (missing, octets) = match route.map(Route::encode) {
            Some(Ok(octets)) => (missing, octets),
            Some(Err(_)) => (Some(Missing::Refused), Box::default()),
            None => (missing, Box::default()),
        };
        let mut data = vec![missing.map_or(TRIAL_ROUTE, |missing| missing as u8 + 1)];
        data.extend(updated.map_or(0, Timestamp::millis).to_le_bytes());
        data.extend(octets);
        let sampled = self.sampled.remove(&client);
        if let Some(walked) = &sampled {
            self.compare(walked, route.filter(|_| missing.is_none()));
        }
        // What the walk found is better than a trace of the same: it is kept up to date for less.
        if sampled.is_none()
            && let Some(route) = route
            && missing.is_none()
        {
            self.builder.route(client, route);
        }
        self.keep(KIND_TRACE, client.octets(), now, stamp, Some(data));
        self.trials.insert(client, Trial { at: now, stamp, updated, missing });
        self.dirty = true;
        if sampled.is_some() && self.sampled.is_empty() {
            let differ = self.sample.compared >= LEAST_COMPARED && self.sample.differ * ONE_IN > self.sample.compared;
            self.decide(if differ { PlantSource::Traces } else { PlantSource::Walk }, now);
        }
    }

    fn compare(&mut self, walked: &Route, traced: Option<&Route>) {
        self.sample.asked += 1;
        let Some(traced) = traced else { return };
        self.sample.compared += 1;
        self.sample.differ += usize::from(!agree(walked, traced));
    }

    pub(super) fn decide(&mut self, source: PlantSource, now: Timestamp) {
        if source == PlantSource::Traces && self.source != source {
            tracing::warn!(
                compared = self.sample.compared,
                differ = self.sample.differ,
                "the lists of OZmap's network do not lead to the routes that its traces show: every client is traced"
            );
            // What was walked is not to be believed.
            self.builder = PlantBuilder::new();
            self.clients.clear();
            self.trials.retain(|_, trial| trial.missing.is_some());
            self.round = None;
            self.settled = false;
        }
        self.source = source;
        self.decided = Some(now);
        let verdict = Verdict { source, sample: self.sample };
        if let Ok(data) = serde_json::to_vec(&verdict) {
            self.keep(KIND_SOURCE, [0; 12], now, 0, Some(data));
        }
    }
}

/// What a client's trace depends on for sure. Not the house's `updatedAt`, which moves with each power that anybody writes as well: that
/// only makes a trace grow old sooner. A later compiler may hash otherwise; then traces are asked for once more.
pub(super) fn stamp(entry: &ClientEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.code, entry.property, entry.box_id, entry.connector, entry.port).hash(&mut hasher);
    hasher.finish()
}

/// Whether both show the same way.
fn agree(walked: &Route, traced: &Route) -> bool {
    let joints = |route: &Route| -> Vec<Option<ElementId>> {
        let joint = |kind| !matches!(kind, HopKind::Fiber | HopKind::Pon);
        route.hops.iter().filter(|hop| joint(hop.kind)).map(|hop| hop.element.id).collect()
    };
    let pon = |route: &Route| route.head_end.as_ref().and_then(|head_end| head_end.pon.id);
    let length = |route: &Route| route.hops.last().map_or(0, |hop| Metres::thousandths(hop.distance));
    let near = |one: i32, other: i32, within: i32| one.abs_diff(other) <= within.unsigned_abs();
    let losses = match (walked.loss, traced.loss) {
        (Some(one), Some(other)) => near(one.thousandths(), other.thousandths(), LOSS_WITHIN),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    pon(walked) == pon(traced)
        && joints(walked) == joints(traced)
        && losses
        && near(length(walked), length(traced), DISTANCE_WITHIN.max(length(traced) / 20))
}
