//! What the room tells when something changed.

use std::fmt;

use serde::Serialize;

use super::{Part, Reason, Side};
use crate::config::Pattern;
use crate::model::{Dbm, Decibels, Level, Mac, OltId, OnuId, OnuKey, PonId, Serial, Timestamp, Truth, Verdict};

/// One thing that changed, of an ONU or of a whole OLT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The OLT.
    pub olt: OltId,
    /// The ONU; `None` when it is about the whole OLT.
    pub onu: Option<OnuKey>,
    /// When it was decided: the time of the evidence that tipped it.
    pub at: Timestamp,
    /// What changed.
    #[serde(flatten)]
    pub what: Change,
    /// Why.
    pub reason: Reason,
    /// Whether it happened while somebody worked there: nobody is to be woken by it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_maintenance: bool,
}

impl Transition {
    /// The ONU among all OLTs; `None` when it is about the whole OLT.
    #[must_use]
    pub fn onu_id(&self) -> Option<OnuId> {
        self.onu.clone().map(|key| OnuId { olt: self.olt.clone(), key })
    }
}

/// What tells a device from another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum Identity {
    /// Its serial number.
    Serial(Serial),
    /// Its MAC address, where the OLT shows no serial.
    Mac(Mac),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => serial.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

/// What changed. From [`Change::Unreachable`] on it is about a whole OLT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// Up, down or stale; also a cause that became known later than the loss.
    TruthChanged {
        /// What was held.
        from: Truth,
        /// What is held now.
        to: Truth,
    },
    /// The class of its received power.
    LevelChanged {
        /// What was held.
        from: Level,
        /// What is held now.
        to: Level,
    },
    /// The class of the power that the OLT receives from it.
    OltLevelChanged {
        /// What was held.
        from: Level,
        /// What is held now.
        to: Level,
    },
    /// What its client should show.
    VerdictChanged {
        /// What was held.
        from: Verdict,
        /// What is held now.
        to: Verdict,
    },
    /// Listed for the first time.
    Appeared,
    /// Remembered from before a restart: stale, with this level, until it is read.
    Recalled {
        /// What was true of it.
        truth: Truth,
        /// The class of its received power.
        level: Level,
        /// The class of the power that the OLT receives from it.
        olt_level: Level,
    },
    /// No longer listed: nothing is held of it any more. Never an ERROR.
    Gone,
    /// The same device on another PON, or under another key.
    Moved {
        /// The key that it had, when it has another one now.
        from_key: Option<OnuKey>,
        /// Where it was.
        from: Option<PonId>,
        /// Where it is.
        to: Option<PonId>,
    },
    /// Another device under the same key: all that was held of the old one is dropped.
    Replaced {
        /// The old device.
        from: Identity,
        /// The new one.
        to: Identity,
    },
    /// It went down too often in a short time: its verdict holds.
    Flapping,
    /// A level fell and stays there. About an ONU, or about a PON, where no `onu` is given.
    Step {
        /// Whose movement.
        part: Part,
        /// Whose receiver.
        side: Side,
        /// The PON.
        pon: Option<PonId>,
        /// Where it usually was; of a PON nothing, for it has many levels.
        from: Option<Dbm>,
        /// Where it is.
        to: Option<Dbm>,
        /// How much is lost.
        lost: Decibels,
        /// Since when, to four hours.
        since: Timestamp,
        /// Lost dB of the margin that there was; of a PON, of its weakest ONU. Where the window is known.
        severity_percent: Option<u32>,
    },
    /// A level falls day by day.
    Decline {
        /// Whose movement.
        part: Part,
        /// Whose receiver.
        side: Side,
        /// The PON.
        pon: Option<PonId>,
        /// Where it was; of a PON nothing.
        from: Option<Dbm>,
        /// To where it came.
        to: Option<Dbm>,
        /// How much is lost.
        lost: Decibels,
        /// Since when it can be seen.
        since: Timestamp,
        /// How much it falls in 30 days.
        per_month: Decibels,
        /// Chance that this is no accident.
        confidence_percent: u8,
        /// Days until it is within 1 dB of the sensitivity, at this rate; of a PON, its weakest ONU.
        days_left: Option<u16>,
        /// Lost dB of the margin that there was.
        severity_percent: Option<u32>,
    },
    /// A step or a decline is over.
    Recovered {
        /// Whose movement.
        part: Part,
        /// Whose receiver.
        side: Side,
        /// The PON.
        pon: Option<PonId>,
        /// Where it is; of a PON nothing.
        to: Option<Dbm>,
        /// What remains lost of steps; `None` when a decline was seen no more, and no repair.
        lost: Option<Decibels>,
    },
    /// Somebody begins to work on the OLT, or on some of its PONs: verdicts of what hangs there hold.
    MaintenanceBegun {
        /// Which PONs; `None` is the whole OLT.
        pon: Option<Pattern>,
        /// For what.
        why: String,
    },
    /// That is over: what it covered is stale until it is read.
    MaintenanceOver {
        /// Which PONs; `None` is the whole OLT.
        pon: Option<Pattern>,
        /// For what it was.
        why: String,
    },
    /// The OLT stopped to answer: all its ONUs are stale.
    Unreachable,
    /// The OLT answers again.
    Answering,
    /// The OLT rebooted: losses do not count for a while.
    Rebooted,
    /// The time after the reboot is over: losses count again. Of an ONU: it flaps no more.
    Settled,
    /// A complete sweep listed so much less than the one before that what it lacks is not believed to be gone.
    Shrunk,
    /// The OLT's levels cannot be right: all its verdicts hold.
    Suspect,
    /// The OLT's levels are believed again.
    Trusted,
}
