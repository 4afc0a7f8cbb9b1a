//! What the room is told: looks at OLTs, news of them, and whose ONUs are.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Cause, ClientId, Dbm, ElementId, Metres, OltId, OnuKey, OnuState, PonId, PonState, Serial, Sweep, Timestamp,
};

/// What a look says of an ONU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Up.
    Up,
    /// Down, for this cause.
    Down(Cause),
    /// Listed, but not known to be either.
    Unsaid,
}

/// One ONU in a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which ONU of the OLT.
    pub key: OnuKey,
    /// Its PON, where the family shows it.
    pub pon: Option<PonId>,
    /// Its number there.
    pub onu: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Up or down.
    pub seen: Seen,
    /// The power that it receives; absent from most looks at the state.
    pub rx: Option<Dbm>,
    /// How far it is ranged.
    pub distance: Option<Metres>,
}

/// One port in a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PonSighting {
    /// Which.
    pub pon: PonId,
    /// Up or down, where the OLT says it.
    pub is_up: Option<bool>,
    /// What its laser launches; `None` where it was not read, or is none.
    pub tx: Option<Dbm>,
}

/// One sweep's evidence: who was read as up, and who as down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The OLT.
    pub olt: OltId,
    /// When the sweep began. An ONU that it reads as up was up after that.
    pub started: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// The ONUs that it read.
    pub onus: Vec<Sighting>,
    /// The ports that it read.
    pub pons: Vec<PonSighting>,
}

impl Look {
    /// From a sweep of any kind; an ONU of which it says neither state, level, distance nor serial is left out. A partial sweep counts for what it
    /// did read: nothing is made of what is missing from any.
    #[must_use]
    pub fn of(sweep: &Sweep) -> Self {
        let onus = sweep.onus.iter().filter_map(|reading| {
            let seen = match &reading.state {
                Ok(OnuState::Up) => Seen::Up,
                Ok(OnuState::Down) => Seen::Down(reading.cause.unwrap_or(Cause::Unknown)),
                _ => Seen::Unsaid,
            };
            let (rx, distance) = (reading.rx.ok(), reading.distance.ok());
            let says = seen != Seen::Unsaid || rx.is_some() || distance.is_some() || reading.serial.is_ok();
            says.then(|| Sighting {
                key: reading.key.clone(),
                pon: reading.pon,
                onu: reading.onu,
                serial: reading.serial.clone().ok(),
                seen,
                rx,
                distance,
            })
        });
        let pon = |reading: &crate::model::PonReading| PonSighting {
            pon: reading.pon,
            is_up: reading.state.ok().map(|state| state == PonState::Up),
            tx: reading.tx.ok(),
        };
        Self {
            olt: sweep.olt.clone(),
            started: sweep.started,
            elapsed: sweep.elapsed,
            onus: onus.collect(),
            pons: sweep.pons.iter().map(pon).collect(),
        }
    }
}

/// What became of an OLT, or of one of its ONUs, that no reading shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// How often its state is read.
    ReadEvery(Duration),
    /// It does not answer: nothing of it is known, and nothing of it counts until it is read again.
    Unreachable,
    /// It answers again.
    Answering,
    /// It rebooted: its losses do not count until it settled.
    Rebooted,
    /// The time after the reboot is over.
    Settled,
    /// Its levels cannot be right.
    Suspect(Arc<str>),
    /// They are believed again.
    Trusted,
    /// Work under way on these PONs, as patterns; `None` is all of it. Takes the place of what was said before.
    Maintenance(Vec<crate::config::maintenance::UnderWay>),
    /// An ONU goes up and down all the time, or does so no more.
    Flapping(OnuKey, bool),
    /// An ONU that is gone, or has another key now.
    Gone(OnuKey),
    /// An ONU's level fell and stays there, by so many thousandths of a dB; `None` when it came back.
    Fell(OnuKey, Option<i32>),
}

/// Whose an ONU is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The client.
    pub client: ClientId,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Arc<str>>,
    /// The box that its property names.
    #[serde(rename = "box", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ElementId>,
}
