//! What a trial found.

use std::sync::Arc;

use serde::Serialize;

use crate::model::{Dbm, Level, Mac, OltId, PonId, Serial, Timestamp, Verdict};

/// By which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Those in force.
    Present,
    /// The others.
    Other,
}

/// What one ONU was and would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct OnuTrial {
    /// Its PON port.
    pub pon: Option<PonId>,
    /// Its number on the PON.
    pub onu: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT.
    pub name: Option<Arc<str>>,
    /// The last power that it received, as far as any was read.
    pub rx: Option<Dbm>,
    /// By the rules in force.
    pub present: Under,
    /// By the others.
    pub other: Under,
}

impl OnuTrial {
    /// Whether the other rules would make a difference to it: another level or status at the end, or other flips.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.present != self.other
    }
}

/// What rules make of one ONU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Under {
    /// The class of its power at the end.
    pub level: Level,
    /// What its client would show at the end: the last verdict that was not `hold`; `hold` when there was none.
    pub status: Verdict,
    /// How often that changed.
    pub flips: u32,
    /// Of those, how many were for its level, there or back.
    pub level_flips: u32,
}

/// What one OLT's trial found.
#[derive(Debug, Clone, PartialEq)]
pub struct OltTrial {
    /// The OLT.
    pub olt: OltId,
    /// The first and the last reading; `None` when there was none.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Readings of ONUs.
    pub readings: u64,
    /// Its ONUs, by PON and number.
    pub onus: Vec<OnuTrial>,
}

/// Counts of many ONUs under one set of rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Levels at the end.
    pub good: u64,
    /// See [`Level::Weak`].
    pub weak: u64,
    /// See [`Level::Critical`].
    pub critical: u64,
    /// See [`Level::Overload`].
    pub overload: u64,
    /// See [`Level::Unread`].
    pub unread: u64,
    /// Clients that show 0.
    pub ok: u64,
    /// Clients that show 1.
    pub error: u64,
    /// Clients of whom nothing was ever said.
    pub hold: u64,
    /// Changes of status over the whole time.
    pub flips: u64,
    /// Of those, for levels.
    pub level_flips: u64,
}

impl Tally {
    /// Counts ONUs under these rules.
    #[must_use]
    pub fn of<'a>(onus: impl IntoIterator<Item = &'a OnuTrial>, side: Side) -> Self {
        let mut tally = Self::default();
        for onu in onus {
            let under = match side {
                Side::Present => onu.present,
                Side::Other => onu.other,
            };
            *match under.level {
                Level::Good => &mut tally.good,
                Level::Weak => &mut tally.weak,
                Level::Critical => &mut tally.critical,
                Level::Overload => &mut tally.overload,
                Level::Unread => &mut tally.unread,
            } += 1;
            *match under.status {
                Verdict::Ok => &mut tally.ok,
                Verdict::Error => &mut tally.error,
                Verdict::Hold => &mut tally.hold,
            } += 1;
            tally.flips += u64::from(under.flips);
            tally.level_flips += u64::from(under.level_flips);
        }
        tally
    }

    /// How many have this level.
    #[must_use]
    pub const fn level(&self, level: Level) -> u64 {
        match level {
            Level::Good => self.good,
            Level::Weak => self.weak,
            Level::Critical => self.critical,
            Level::Overload => self.overload,
            Level::Unread => self.unread,
        }
    }
}
