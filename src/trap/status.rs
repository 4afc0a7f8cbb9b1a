//! What came to the receiver, and what became of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{OltId, Timestamp};
use crate::poll::Offered;
use crate::snmp::{TrapError, TrapKind, TrapVersion};

/// A word for traps whose sender is no OLT of the config.
const UNKNOWN_SENDER: &str = "unknown_sender";

/// What came of one kind, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Received {
    /// In which version.
    pub version: TrapVersion,
    /// Whether the sender waits for an answer.
    pub kind: TrapKind,
}

impl Received {
    /// Every pair that is taken.
    pub const ALL: [Self; 4] = [
        Self { version: TrapVersion::V1, kind: TrapKind::Trap },
        Self { version: TrapVersion::V2c, kind: TrapKind::Trap },
        Self { version: TrapVersion::V2c, kind: TrapKind::Inform },
        Self { version: TrapVersion::V3, kind: TrapKind::Trap },
    ];
}

/// The traps of one OLT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many came.
    pub received: u64,
    /// When the last one came.
    pub last: Option<Timestamp>,
    /// Of those, the ones that are no reason to look.
    pub without_look: u64,
    /// Those for which a look was given at once.
    pub now: u64,
    /// Those for which a look was put off until the budget allows it.
    pub later: u64,
    /// Those that are served by a look that waits already.
    pub merged: u64,
}

impl Tally {
    /// What the traps came to, each with its word.
    #[must_use]
    pub const fn outcomes(&self) -> [(&'static str, u64); 4] {
        [
            (Offered::Now.word(), self.now),
            (Offered::Later.word(), self.later),
            (Offered::Merged.word(), self.merged),
            ("none", self.without_look),
        ]
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Status {
    /// Where it listens.
    pub listens: SocketAddr,
    /// What could be read and came from an OLT.
    pub received: BTreeMap<Received, u64>,
    /// What was dropped, by reason; every reason is there.
    pub dropped: BTreeMap<&'static str, u64>,
    /// By OLT, every one of the config.
    pub olts: BTreeMap<OltId, Tally>,
}

/// Where the status stands. The receiver writes it; clones are the same place.
#[derive(Debug, Clone)]
pub struct Statuses(Arc<Mutex<Status>>);

impl Statuses {
    /// Of a receiver that listens here, before anything came.
    #[must_use]
    pub fn new<'a>(listens: SocketAddr, olts: impl IntoIterator<Item = &'a OltId>) -> Self {
        Self(Arc::new(Mutex::new(Status {
            listens,
            received: Received::ALL.into_iter().map(|received| (received, 0)).collect(),
            dropped: TrapError::WORDS.into_iter().chain([UNKNOWN_SENDER]).map(|word| (word, 0)).collect(),
            olts: olts.into_iter().map(|olt| (olt.clone(), Tally::default())).collect(),
        })))
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is now.
    #[must_use]
    pub fn now(&self) -> Status {
        self.status().clone()
    }

    pub(super) fn dropped(&self, why: &TrapError) {
        *self.status().dropped.entry(why.word()).or_default() += 1;
    }

    pub(super) fn unknown_sender(&self) {
        *self.status().dropped.entry(UNKNOWN_SENDER).or_default() += 1;
    }

    pub(super) fn received(&self, received: Received) {
        *self.status().received.entry(received).or_default() += 1;
    }

    /// A trap of an OLT came, and came to this; `None` when it is no reason to look.
    pub(crate) fn came_to(&self, olt: &OltId, at: Timestamp, offered: Option<Offered>) {
        let mut status = self.status();
        let tally = status.olts.entry(olt.clone()).or_default();
        tally.received += 1;
        tally.last = Some(at);
        *match offered {
            None => &mut tally.without_look,
            Some(Offered::Now) => &mut tally.now,
            Some(Offered::Later) => &mut tally.later,
            Some(Offered::Merged) => &mut tally.merged,
        } += 1;
    }
}
