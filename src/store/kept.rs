//! What is kept of each ONU so that judging goes on after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Mac, OnuKey, PonId, Serial, Timestamp};

/// One ONU, and what is held of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What tells it from the OLT's other ONUs.
    pub key: OnuKey,
    /// Its PON port; `None` where the family shows none.
    pub pon: Option<PonId>,
    /// Its number on the PON.
    pub number: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT.
    pub name: Option<Arc<str>>,
    /// What is held of it, in `signal`'s own octets, which say their version.
    pub memory: Vec<u8>,
}

/// What is held of an OLT as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OltMemory {
    /// The end of its newest whole sweep of states: what is held of its ONUs was true then.
    pub read_at: Option<Timestamp>,
    /// What is held of it, in `signal`'s own octets, which say their version.
    pub octets: Vec<u8>,
}

/// What was kept of an OLT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Of the OLT as a whole; empty when nothing was kept.
    pub memory: OltMemory,
    /// Its ONUs, sorted by key, each with the time at which it was kept.
    pub onus: BTreeMap<OnuKey, (Timestamp, Kept)>,
}

/// What became of an ONU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It is held so.
    Kept(Kept),
    /// Nothing is held of it any more. Its history stays.
    Gone,
}
