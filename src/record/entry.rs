//! What stands in a recording.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::config::maintenance::UnderWay;
use crate::config::{StatusMap, Thresholds};
use crate::incident::{Gasps, Owner};
use crate::model::{OltId, OnuKey, PonId, Sweep, Timestamp};
use crate::plant::PlantDocument;

/// The format that is written here. A reader refuses newer ones.
pub(super) const FORMAT: u32 = 2;
/// The oldest format that is read. The second one has incidents, owners and the plant.
pub(super) const OLDEST: u32 = 1;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The format's number.
    pub oltwatch_recording: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// When it began.
    pub started: Timestamp,
    /// Whether serials, MACs and names are made up.
    pub scrubbed: bool,
    /// The rules in force when it began.
    pub rules: Rules,
}

/// By what it was judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rules {
    /// `[thresholds]`.
    pub thresholds: Thresholds,
    /// `[ozmap.status]`.
    pub status: StatusMap,
}

/// One line after the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry<'a> {
    /// A sweep ended, complete or partial.
    Sweep {
        /// The state interval in force, milliseconds.
        state_every_ms: u64,
        /// The optics interval in force, milliseconds.
        optics_every_ms: u64,
        /// What was read.
        sweep: Cow<'a, Sweep>,
    },
    /// An OLT gave no valid answer, retries included.
    NoAnswer {
        /// The OLT.
        olt: OltId,
        /// When that was clear, milliseconds since 1970.
        at_ms: u64,
    },
    /// Somebody asked for a look; no evidence.
    Hint {
        /// The OLT.
        olt: OltId,
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// At what.
        look: Looked,
    },
    /// Work on the network begins or ends.
    Maintenance {
        /// The OLT.
        olt: OltId,
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// All that is under way from then on.
        under_way: Vec<UnderWay>,
    },
    /// Other rules came into force.
    Rules {
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// The rules.
        rules: Cow<'a, Rules>,
    },
    /// By what incidents are explained.
    Incidents {
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// The longest that losses are gathered, milliseconds.
        settle_ms: u64,
        /// How ONUs gasp, as far as it was learned.
        gasps: Cow<'a, Gasps>,
    },
    /// Whose an OLT's ONUs are, in place of what was known of that OLT.
    Owners {
        /// The OLT.
        olt: OltId,
        /// When that was known, milliseconds since 1970.
        at_ms: u64,
        /// The owners.
        owners: Cow<'a, [Owned]>,
    },
    /// The passive network, in place of the one before.
    Plant {
        /// When it was known, milliseconds since 1970.
        at_ms: u64,
        /// The plant.
        plant: Box<PlantDocument>,
    },
    /// Entries that are missing here, since the disk was too slow.
    Lost {
        /// How many.
        entries: u64,
    },
    /// The recording was ended, not cut off.
    End {
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
}

/// Whose an ONU is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// The ONU.
    pub key: OnuKey,
    /// Its owner.
    #[serde(flatten)]
    pub owner: Owner,
}

/// What a hint asks to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Looked {
    /// The state of the whole OLT.
    State,
    /// The levels of the whole OLT.
    Levels,
    /// Everything.
    Everything,
    /// State and levels of these PONs.
    Pons(Vec<PonId>),
}
