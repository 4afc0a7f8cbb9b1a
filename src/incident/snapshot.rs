//! An incident as others see it: an immutable snapshot, in JSON as `/api/v1/incidents` gives it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::closing::Closing;
use super::hypothesis::Fault;
use super::id::IncidentId;
use super::place::Place;
use crate::model::{ClientId, OltId, OnuKey, PonId, Serial, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Light is lost at one place: a cable, a fibre, a joint, a box.
    Cut,
    /// Homes lost mains power.
    Power,
    /// A port, a card, an OLT.
    Equipment,
    /// One client's drop or ONU.
    Drop,
    /// Levels fell at one place.
    Degradation,
    /// An OLT does not answer: nothing is known of its ONUs.
    OltUnreachable,
    /// An OLT's levels cannot be right.
    DataQuality,
    /// Something happened, and it cannot be told which: the alternatives say what it may be.
    Undetermined,
}

impl From<Fault> for Kind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Cut => Self::Cut,
            Fault::Power => Self::Power,
            Fault::Equipment => Self::Equipment,
        }
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Cut,
        Self::Power,
        Self::Equipment,
        Self::Drop,
        Self::Degradation,
        Self::OltUnreachable,
        Self::DataQuality,
        Self::Undetermined,
    ];

    /// The word that JSON uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Power => "power",
            Self::Equipment => "equipment",
            Self::Drop => "drop",
            Self::Degradation => "degradation",
            Self::OltUnreachable => "olt_unreachable",
            Self::DataQuality => "data_quality",
            Self::Undetermined => "undetermined",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way.
    Open,
    /// Some of its ONUs are back.
    Recovering,
    /// Nine of ten are, read so twice.
    Cleared,
}

/// How bad it is (`domain.md` 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Warning,
    /// Few are hit, or nobody yet.
    Minor,
    /// A branch.
    Major,
    /// A feeder, several PONs, a card, an OLT.
    Critical,
}

/// What else it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// What.
    pub kind: Kind,
    /// Where.
    pub place: Option<Place>,
    /// Its chance, from 0 to 1.
    #[serde(serialize_with = "rounded")]
    pub odds: f64,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// The OLT.
    pub olt: OltId,
    /// The port; `None` where the family shows none.
    pub pon: Option<PonId>,
}

/// An ONU that it explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The OLT.
    pub olt: OltId,
    /// The port.
    pub pon: Option<PonId>,
    /// Its number there.
    pub onu: Option<u32>,
    /// What tells it from the OLT's others; not in JSON.
    #[serde(skip, default = "nothing")]
    pub key: OnuKey,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its client.
    pub client_id: Option<ClientId>,
    /// The client's code.
    pub code: Option<Arc<str>>,
    /// The name of its box.
    #[serde(rename = "box")]
    pub place: Option<Arc<str>>,
    /// Whether it is back; not in JSON.
    #[serde(skip)]
    pub is_up: bool,
}

/// One fault with one cause and a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name, the same for all its life.
    pub id: IncidentId,
    /// What happened.
    pub kind: Kind,
    /// How far it is.
    pub state: State,
    /// When it began: when the first of its losses was seen.
    pub opened_at: Timestamp,
    /// When it was cleared.
    pub cleared_at: Option<Timestamp>,
    /// How bad it is.
    pub severity: Severity,
    /// OLTs that it reaches.
    pub olts: Vec<OltId>,
    /// Ports that it reaches.
    pub pons: Vec<Port>,
    /// Where.
    pub place: Option<Place>,
    /// Chance that kind and place are right.
    #[serde(serialize_with = "rounded")]
    pub confidence: f64,
    /// What else it may be, the likeliest first.
    pub alternatives: Vec<Alternative>,
    /// ONUs behind the place that count.
    pub monitored: u32,
    /// ONUs that it hit.
    pub lost: u32,
    /// Of those, how many are up again.
    pub recovered: u32,
    /// The incident that it is left over from, or that it became part of.
    pub parent: Option<IncidentId>,
    /// Why we say so, in a sentence that can be checked.
    pub evidence: String,
    /// What a person said it really was, when it was closed by hand.
    #[serde(default)]
    pub closing: Option<Arc<Closing>>,
    /// The ONUs that it hit.
    pub onus: Vec<Member>,
}

/// The key of a member that was read from JSON, until what is kept beside it gives the right one.
fn nothing() -> OnuKey {
    OnuKey::new(&[])
}

// serde asks for a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn rounded<S: serde::Serializer>(chance: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((chance * 1000.0).round() / 1000.0)
}
