//! What is held of OLTs and ONUs: who was read as what, and when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::gasp::Gasps;
use super::habit::{Absences, Habit};
use super::kept::KeptMember;
use super::look::{Look, News, Owner, PonSighting, Seen, Sighting};
use super::snapshot::Member;
use crate::config::maintenance::UnderWay;
use crate::model::{Cause, OltId, OnuKey, PonId, Serial, Timestamp};

/// An ONU among all: its OLT's number and its own there. Neither changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Spot {
    pub olt: u32,
    pub onu: u32,
}

/// What is held of an ONU. Times are those of the looks that said so.
#[derive(Debug, Clone)]
pub(super) struct Onu {
    pub key: OnuKey,
    pub pon: Option<PonId>,
    pub number: Option<u32>,
    pub serial: Option<Serial>,
    pub owner: Option<Arc<Owner>>,
    /// Up or down in the newest look that said either.
    pub is_up: bool,
    /// When it was last read as up.
    pub up_at: Option<Timestamp>,
    /// When it was first read as down in its last loss. Stays after it came back.
    pub lost_at: Option<Timestamp>,
    /// Why, in its last loss.
    pub cause: Cause,
    /// Looks in a row that read it as up since.
    pub ups: u8,
    /// Looks in a row that read it as down.
    pub downs: u8,
    /// The level that it last had, in thousandths of a dBm.
    pub rx: Option<i32>,
    /// Metres, as ranged.
    pub distance: Option<i32>,
    /// By how much its level fell, in thousandths of a dB.
    pub fell: Option<i32>,
    /// A person said that the fall of its level is over and done with, until it was back.
    pub is_forgiven: bool,
    pub is_flapping: bool,
    pub is_maintained: bool,
    pub is_gone: bool,
    /// How often it goes down alone.
    pub habit: Habit,
}

/// A port, as far as its laser is concerned.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Port {
    /// Whether it was ever read as launching.
    pub launched: bool,
    /// Whether it does not launch in the newest look that read it.
    pub is_dark: bool,
}

#[derive(Debug)]
pub(super) struct Olt {
    pub id: OltId,
    pub onus: Vec<Onu>,
    index: HashMap<OnuKey, u32>,
    pub ports: BTreeMap<PonId, Port>,
    pub maintenance: Vec<UnderWay>,
    pub unreachable_since: Option<Timestamp>,
    pub suspect: Option<(Timestamp, Arc<str>)>,
    pub is_in_grace: bool,
    /// The newest look that read states.
    pub looked_at: Option<Timestamp>,
    /// How often its state is read; zero until that is known.
    read_every: Duration,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub olts: Vec<Olt>,
    numbers: HashMap<OltId, u32>,
    pub gasps: Gasps,
    pub absences: Absences,
    /// Whether somebody came, went, or has another place: the terrain is to be laid out anew.
    pub is_changed: bool,
    /// How often the state is read of the OLT of which it is read least often.
    pub slowest: Duration,
}

/// The longest loss that teaches how an ONU gasps.
const SHORT: Duration = Duration::from_secs(3600);
/// How often the state of an OLT is read, if nothing else is said.
const USUAL_INTERVAL: Duration = Duration::from_secs(60);
/// How long a look may take.
const LOOK_TAKES: Duration = Duration::from_secs(10);
/// Levels below this, in thousandths of a dBm, fail by themselves.
const NEARLY_LOST: i32 = -27_500;
/// A launch power below this is none.
const DARK: i32 = -10_000;

impl Network {
    pub fn onu(&self, spot: Spot) -> Option<&Onu> {
        self.olts.get(spot.olt as usize)?.onus.get(spot.onu as usize)
    }

    pub fn spot_of(&self, olt: &OltId, key: &OnuKey) -> Option<Spot> {
        let number = *self.numbers.get(olt)?;
        let onu = *self.olts.get(number as usize)?.index.get(key)?;
        Some(Spot { olt: number, onu })
    }

    /// Whether nothing that an OLT says counts at present.
    pub fn is_blind(&self, olt: u32) -> bool {
        self.olts.get(olt as usize).is_none_or(|olt| olt.unreachable_since.is_some() || olt.is_in_grace)
    }

    pub fn olt_number(&mut self, id: &OltId) -> usize {
        if let Some(number) = self.numbers.get(id) {
            return *number as usize;
        }
        let number = self.olts.len();
        self.numbers.insert(id.clone(), u32::try_from(number).unwrap_or(u32::MAX));
        self.olts.push(Olt {
            id: id.clone(),
            onus: Vec::new(),
            index: HashMap::new(),
            ports: BTreeMap::new(),
            maintenance: Vec::new(),
            unreachable_since: None,
            suspect: None,
            is_in_grace: false,
            looked_at: None,
            read_every: Duration::ZERO,
        });
        self.is_changed = true;
        number
    }

    /// Whether losses that were seen at these times may have one cause: they are seen by the next look, or the one after for who could not be
    /// read.
    pub fn is_together(&self, one: Timestamp, other: Timestamp) -> bool {
        let within = self.slowest.max(USUAL_INTERVAL) * 2 + LOOK_TAKES;
        Duration::from_millis(one.millis().abs_diff(other.millis())) <= within
    }

    /// Whose the ONUs of an OLT are. Those that are not named are nobody's.
    pub fn set_owners(&mut self, olt: &OltId, owners: impl IntoIterator<Item = (OnuKey, Owner)>) {
        let number = self.olt_number(olt);
        // Sorted, so that numbers are given in one order.
        let owners: BTreeMap<OnuKey, Owner> = owners.into_iter().collect();
        let mut is_changed = false;
        if let Some(olt) = self.olts.get_mut(number) {
            for key in owners.keys() {
                olt.place_of(key);
            }
            for onu in &mut olt.onus {
                let owner = owners.get(&onu.key);
                if onu.owner.as_deref() != owner {
                    onu.owner = owner.cloned().map(Arc::new);
                    is_changed = true;
                }
            }
        }
        self.is_changed |= is_changed;
    }

    /// Takes a look in. Gives the ONUs whose state it said, whether that changed, and in which the loss is over that it ended.
    pub fn take(&mut self, look: &Look) -> Vec<Spot> {
        let number = self.olt_number(&look.olt);
        let Some(olt) = self.olts.get_mut(number) else { return Vec::new() };
        let mut changed = Vec::new();
        let known = olt.onus.len();
        let mut moved = false;
        for sighting in &look.onus {
            let place = olt.place_of(&sighting.key);
            let maintained = !olt.maintenance.is_empty() && {
                let pon = sighting.pon.map(|pon| pon.to_string());
                olt.maintenance.iter().any(|one| one.covers(pon.as_deref()))
            };
            let in_grace = olt.is_in_grace;
            let Some(onu) = olt.onus.get_mut(place as usize) else { continue };
            moved |= onu.is_gone || (sighting.pon.is_some() && onu.pon != sighting.pon);
            onu.is_maintained = maintained;
            if onu.take(sighting, look.started, in_grace) {
                changed.push(Spot { olt: u32::try_from(number).unwrap_or(u32::MAX), onu: place });
            }
        }
        for pon in &look.pons {
            olt.port(pon);
        }
        if look.onus.iter().any(|sighting| sighting.seen != Seen::Unsaid) {
            olt.looked_at = olt.looked_at.max(Some(look.started));
        }
        self.is_changed |= moved || olt.onus.len() != known;
        changed
    }

    /// A loss that is over and done with.
    pub fn forget_loss(&mut self, spot: Spot) {
        let onu = self.olts.get_mut(spot.olt as usize).and_then(|olt| olt.onus.get_mut(spot.onu as usize));
        if let Some(onu) = onu.filter(|onu| onu.is_up) {
            onu.lost_at = None;
        }
    }

    /// An ONU of which nothing may be known yet.
    pub fn place_of(&mut self, olt: &OltId, key: &OnuKey) -> Spot {
        let number = self.olt_number(olt);
        let onu = self.olts.get_mut(number).map_or(u32::MAX, |olt| olt.place_of(key));
        Spot { olt: u32::try_from(number).unwrap_or(u32::MAX), onu }
    }

    /// What was held of an ONU that an incident explains, before a restart.
    pub fn recall(&mut self, was: &Member, kept: &KeptMember) -> Spot {
        let spot = self.place_of(&was.olt, &kept.key);
        let olt = self.olts.get_mut(spot.olt as usize);
        if let Some(onu) = olt.and_then(|olt| olt.onus.get_mut(spot.onu as usize)) {
            (onu.pon, onu.number) = (was.pon, was.onu);
            onu.serial.clone_from(&was.serial);
            onu.is_up = kept.ups > 0;
            onu.ups = kept.ups;
            onu.up_at = kept.up_ms.map(Timestamp::from_millis);
            onu.lost_at = kept.lost_ms.map(Timestamp::from_millis);
            (onu.cause, onu.fell) = (kept.cause, kept.fell.or(onu.fell));
        }
        self.is_changed = true;
        spot
    }

    /// Who was up in the last look before a restart, unless more is known.
    pub fn was_up(&mut self, look: &Look) {
        for sighting in look.onus.iter().filter(|sighting| sighting.seen == Seen::Up) {
            let spot = self.place_of(&look.olt, &sighting.key);
            let olt = self.olts.get_mut(spot.olt as usize);
            if let Some(onu) = olt.and_then(|olt| olt.onus.get_mut(spot.onu as usize))
                && onu.up_at.is_none()
                && onu.lost_at.is_none()
                && onu.downs == 0
            {
                onu.take(sighting, look.started, false);
            }
        }
        self.is_changed = true;
    }

    /// A loss that a person says is over and done with; one that `is_dark` has lost nothing more until it was up again.
    pub fn write_off(&mut self, spot: Spot, is_dark: bool) {
        let onu = self.olts.get_mut(spot.olt as usize).and_then(|olt| olt.onus.get_mut(spot.onu as usize));
        if let Some(onu) = onu {
            onu.is_forgiven |= onu.fell.is_some();
            (onu.lost_at, onu.fell) = (None, None);
            if is_dark {
                onu.up_at = None;
            }
        }
    }

    /// Takes news of an OLT in.
    pub fn tell(&mut self, id: &OltId, news: &News, at: Timestamp) {
        let number = self.olt_number(id);
        let Some(olt) = self.olts.get_mut(number) else { return };
        match news {
            News::ReadEvery(every) => {
                olt.read_every = *every;
                self.slowest = self.olts.iter().map(|olt| olt.read_every).max().unwrap_or_default();
            }
            News::Unreachable => olt.unreachable_since = olt.unreachable_since.or(Some(at)),
            News::Answering => olt.unreachable_since = None,
            News::Rebooted => {
                olt.is_in_grace = true;
                // Who does not come back was lost to the reboot, as far as anybody knows; nobody was up after it by proof.
                for onu in &mut olt.onus {
                    onu.up_at = None;
                    onu.lost_at = None;
                }
            }
            News::Settled => olt.is_in_grace = false,
            News::Suspect(why) => olt.suspect = Some((at, why.clone())),
            News::Trusted => olt.suspect = None,
            News::Maintenance(under_way) => {
                olt.maintenance.clone_from(under_way);
                for onu in &mut olt.onus {
                    let pon = onu.pon.map(|pon| pon.to_string());
                    let covered = under_way.iter().any(|one| one.covers(pon.as_deref()));
                    // What went down while somebody worked there was no fault.
                    if onu.is_maintained && !covered && !onu.is_up {
                        onu.up_at = None;
                        onu.lost_at = None;
                    }
                    onu.is_maintained = covered;
                }
            }
            News::Flapping(key, is) => olt.change(key, |onu| onu.is_flapping = *is),
            News::Gone(key) => {
                olt.change(key, |onu| onu.is_gone = true);
                self.is_changed = true;
            }
            News::Fell(key, by) => olt.change(key, |onu| {
                onu.is_forgiven &= by.is_some();
                onu.fell = by.filter(|_| !onu.is_forgiven);
            }),
        }
    }

    /// Learns from a lone loss that is over: how often this ONU has one, how long homes are without power, and, when it was short, how
    /// it gasps.
    pub fn learn(&mut self, spot: Spot) {
        let Some(olt) = self.olts.get_mut(spot.olt as usize) else { return };
        let Some(onu) = olt.onus.get_mut(spot.onu as usize) else { return };
        let (Some(lost), Some(up)) = (onu.lost_at, onu.up_at.filter(|up| Some(*up) > onu.lost_at)) else { return };
        if !matches!(onu.cause, Cause::Power | Cause::Optical | Cause::Unknown) {
            return;
        }
        onu.habit.learn();
        let lasted = up.since(lost);
        if onu.cause == Cause::Power {
            self.absences.learn(lasted.as_secs_f64() / 60.0);
        }
        if lasted <= SHORT && onu.cause != Cause::Unknown {
            self.gasps.learn(&olt.id, onu.serial.as_ref(), onu.cause == Cause::Power);
        }
    }
}

impl Olt {
    fn place_of(&mut self, key: &OnuKey) -> u32 {
        if let Some(place) = self.index.get(key) {
            return *place;
        }
        let place = u32::try_from(self.onus.len()).unwrap_or(u32::MAX);
        self.index.insert(key.clone(), place);
        self.onus.push(Onu {
            key: key.clone(),
            pon: None,
            number: None,
            serial: None,
            owner: None,
            is_up: false,
            up_at: None,
            lost_at: None,
            cause: Cause::Unknown,
            ups: 0,
            downs: 0,
            rx: None,
            distance: None,
            fell: None,
            is_forgiven: false,
            is_flapping: false,
            is_maintained: false,
            is_gone: false,
            habit: Habit::default(),
        });
        place
    }

    fn change(&mut self, key: &OnuKey, what: impl FnOnce(&mut Onu)) {
        if let Some(onu) = self.index.get(key).and_then(|place| self.onus.get_mut(*place as usize)) {
            what(onu);
        }
    }

    fn port(&mut self, sighting: &PonSighting) {
        let port = self.ports.entry(sighting.pon).or_default();
        match sighting.tx {
            Some(tx) => {
                port.is_dark = tx.thousandths() < DARK;
                port.launched |= !port.is_dark;
            }
            // A port that is down and no longer shows its power; one that never did says nothing.
            None if sighting.is_up == Some(false) => port.is_dark = port.launched,
            None => {}
        }
    }
}

impl Onu {
    /// Whether its light was so low that it may fail by itself.
    pub fn is_nearly_lost(&self) -> bool {
        self.rx.is_some_and(|rx| rx < NEARLY_LOST)
    }

    /// Whether a state was said.
    fn take(&mut self, sighting: &Sighting, at: Timestamp, in_grace: bool) -> bool {
        self.is_gone = false;
        self.pon = sighting.pon.or(self.pon);
        self.number = sighting.onu.or(self.number);
        if sighting.serial.is_some() {
            self.serial.clone_from(&sighting.serial);
        }
        self.distance = sighting.distance.map(|metres| metres.thousandths() / 1000).or(self.distance);
        match sighting.seen {
            Seen::Up => {
                self.is_up = true;
                self.up_at = self.up_at.max(Some(at));
                self.habit.see(at);
                self.ups = self.ups.saturating_add(1);
                self.downs = 0;
                self.rx = sighting.rx.map(crate::model::Dbm::thousandths).or(self.rx);
                true
            }
            Seen::Down(_) if in_grace => false,
            Seen::Down(cause) => {
                let was_up = self.is_up;
                self.is_up = false;
                self.ups = 0;
                self.downs = self.downs.saturating_add(1);
                // One that was never up by proof has lost nothing.
                if self.up_at.is_some() && (was_up || self.lost_at.is_none()) {
                    self.lost_at = Some(at);
                    self.cause = cause;
                } else if self.cause == Cause::Unknown {
                    self.cause = cause;
                }
                true
            }
            Seen::Unsaid => {
                self.rx = sighting.rx.map(crate::model::Dbm::thousandths).or(self.rx);
                false
            }
        }
    }
}
