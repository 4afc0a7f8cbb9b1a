//! Explains the losses of a window: one fault, one incident, one place.
//!
//! In: [`Look`]s at OLTs (who was read as up, who as down and why), [`News`] of them, whose their ONUs are, the
//! [`Plant`](crate::plant::Plant). Out: [`Change`]s of [`Incident`]s, each with kind, place, odds, alternatives and evidence; looks that would
//! decide ([`Wanted`]). Not its business: I/O, the time of day, what a client shows, who is told.
//!
//! How losses are explained: each ONU's state weighs for and against a cut and an outage (`evidence`), by rates (`rates`) and by how its
//! maker's ONUs gasp (`gasp`). A set of faults (`hypothesis`) that explains all losses best is found over the plant (`terrain`, `explain`, `area`);
//! each fault is then compared with everything else that might explain the same losses, which gives kind, stretch and odds (`finding`, `place`).
//! [`Tracker`] makes incidents of that and keeps their lives. What outlives its process is [`Kept`].
//!
//! What every part keeps to:
//! * Silence is no evidence: who was not read since the losses counts for nothing, on either side.
//! * What two kinds explain nearly as well is `undetermined`, with both as alternatives.
//! * One loss is no group: fewer than three make no group incident.

mod area;
mod closing;
mod evidence;
mod explain;
mod explanation;
mod finding;
mod gasp;
mod hypothesis;
mod id;
mod kept;
mod look;
mod network;
mod news;
mod place;
mod rates;
mod sentence;
mod snapshot;
mod terrain;
#[cfg(test)]
mod tests;
mod tracker;

pub use closing::{Closing, RealCause};
pub use explanation::{Explanations, explained, explanations};
pub use gasp::{Gasps, Reliability};
pub use id::IncidentId;
pub use kept::{Kept, KeptError, LONGEST_KEPT};
pub use look::{Look, News, Owner, PonSighting, Seen, Sighting};
pub use news::{look_of_recalled, news_of, news_of_recalled};
pub use place::{NamedElement, Place};
pub use snapshot::{Alternative, Incident, Kind, Member, Port, Severity, State};
pub use tracker::{Change, Outcome, Settings, Step, Tracker, Wanted};
