//! What the import shows of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{ClientId, Timestamp};
use crate::ozmap::snapshot::LastError;
use crate::plant::{Irregularities, Plant};

/// Why a client has no route that reaches a PON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Missing {
    /// OZmap shows no connector that its drop is on.
    NotConnected,
    /// OZmap knows no way of its light.
    NoPath,
    /// OZmap does not know its code.
    UnknownCode,
    /// Several clients have its code, and the trace does not say whose it is.
    AmbiguousCode,
    /// It has no code that OZmap can be asked for.
    NoCode,
    /// OZmap refuses to trace it, or answers what cannot be understood.
    Refused,
    /// Its turn has not come yet.
    NotAsked,
}

impl Missing {
    /// Every reason. The order is on disk: new ones go to the end.
    pub const ALL: [Self; 7] = [
        Self::NotConnected,
        Self::NoPath,
        Self::UnknownCode,
        Self::AmbiguousCode,
        Self::NoCode,
        Self::Refused,
        Self::NotAsked,
    ];

    /// One word, as in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::NoPath => "no_path",
            Self::UnknownCode => "unknown_code",
            Self::AmbiguousCode => "ambiguous_code",
            Self::NoCode => "no_code",
            Self::Refused => "refused",
            Self::NotAsked => "not_asked",
        }
    }
}

/// What routes come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantSource {
    /// From the lists of elements, which was not checked yet.
    #[default]
    Undecided,
    /// From the lists of elements.
    Walk,
    /// From one trace a client: the lists cannot be had, or do not lead to what traces show.
    Traces,
}

impl PlantSource {
    /// One word, as in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Walk => "walk",
            Self::Traces => "traces",
        }
    }
}

/// How the walk fared against the traces of a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleView {
    /// Clients whose trace was asked for.
    pub asked: usize,
    /// Of these, those whose trace shows a route.
    pub compared: usize,
    /// Of these, those whose route differs.
    pub differ: usize,
}

/// The plant at a moment.
#[derive(Debug, Clone, Serialize)]
pub struct PlantSnapshot {
    /// When this was taken.
    pub at: Timestamp,
    /// When elements were last looked through for what is old or new.
    pub read_at: Option<Timestamp>,
    /// What routes come from.
    pub source: PlantSource,
    /// How that was checked.
    pub sample: SampleView,
    /// Clients in the directory.
    pub clients: usize,
    /// Of these, those with a route.
    pub routes: usize,
    /// The others, by reason.
    pub missing: BTreeMap<&'static str, usize>,
    /// Clients that wait for their trace.
    pub waiting: usize,
    /// Elements that are known.
    pub elements: usize,
    /// Requests that are known to be needed for what is not known yet; more may come of their answers.
    pub requests_left: usize,
    /// Requests since the start: `pages` of lists, `rows` by their ids, `traces`.
    pub requests: BTreeMap<&'static str, u64>,
    /// What is odd in the documentation.
    pub irregular: Irregularities,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// Clients without a route, sorted by id. Not listed here, as it is of everything.
    #[serde(skip)]
    pub without: Arc<[(ClientId, Missing)]>,
    /// The graph. Not listed here.
    #[serde(skip)]
    pub plant: Arc<Plant>,
}

impl PlantSnapshot {
    /// Before anything is known.
    #[must_use]
    pub fn empty(at: Timestamp) -> Self {
        Self {
            at,
            read_at: None,
            source: PlantSource::Undecided,
            sample: SampleView::default(),
            clients: 0,
            routes: 0,
            missing: BTreeMap::new(),
            waiting: 0,
            elements: 0,
            requests_left: 0,
            requests: BTreeMap::new(),
            irregular: Irregularities::default(),
            last_error: None,
            without: Arc::from([]),
            plant: Arc::default(),
        }
    }

    /// Why a client has no route; `None` when it has one, or is not known.
    #[must_use]
    pub fn why_without(&self, client: ClientId) -> Option<Missing> {
        let found = self.without.binary_search_by_key(&client, |(id, _)| *id).ok()?;
        self.without.get(found).map(|(_, why)| *why)
    }
}
