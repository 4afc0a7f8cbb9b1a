//! Who and where an ONU is, and which sweeps list it.

use std::sync::Arc;

use super::Held;
use crate::model::{PonId, Reading, SweepKind, Timestamp, Unread};
use crate::signal::Identity;
use crate::signal::memory::{Reader, Writer};
use crate::signal::truth::Doubt;

/// Which sweeps list an ONU.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::signal) struct Presence {
    pub(super) by_inventory: bool,
    pub(super) by_state: bool,
    pub(super) missing: u8,
    pub(super) missing_from_inventory: bool,
}

impl Presence {
    pub(in crate::signal) fn lists(self, kind: SweepKind) -> bool {
        match kind {
            SweepKind::Inventory => self.by_inventory,
            SweepKind::State => self.by_state,
            SweepKind::Optics => false,
        }
    }

    fn listed(&mut self, kind: SweepKind) {
        self.missing = 0;
        self.missing_from_inventory = false;
        self.by_inventory |= kind == SweepKind::Inventory;
        self.by_state |= kind == SweepKind::State;
    }

    /// Complete sweeps in a row that used to list it and did not.
    pub(in crate::signal) const fn missing(self) -> u8 {
        self.missing
    }

    /// Whether it is gone: two complete sweeps say so, and one of them is an inventory if inventories ever listed it. On
    /// some families the state table lists only ONUs that are registered; being absent there is not being gone.
    pub(in crate::signal) const fn is_gone(self) -> bool {
        self.missing >= 2 && (self.missing_from_inventory || !self.by_inventory)
    }
}

/// What a reading told of who and where the ONU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::signal) enum Sighting {
    /// The same device at the same place.
    Same,
    /// Its serial or MAC, not known before.
    Learned,
    /// The same device on another PON.
    Moved { from: PonId, to: PonId },
    /// Another device.
    Replaced { from: Identity, to: Identity },
}

impl Held {
    /// The device that it is, as far as known.
    pub(in crate::signal) fn identity(&self) -> Option<Identity> {
        self.serial.clone().map(Identity::Serial).or(self.mac.map(Identity::Mac))
    }

    /// A complete sweep of this kind did not list it. It counts towards being gone if that kind listed it before.
    pub(in crate::signal) fn note_absence(&mut self, kind: SweepKind, counts: bool) {
        if !self.presence.lists(kind) {
            return;
        }
        if kind == SweepKind::State {
            self.truth.doubt_it(Doubt::NotListed);
        }
        if counts {
            self.presence.missing = self.presence.missing.saturating_add(1);
            self.presence.missing_from_inventory |= kind == SweepKind::Inventory;
        }
    }

    /// A sweep of this kind listed it.
    pub(in crate::signal) fn note_listed(&mut self, kind: SweepKind) {
        self.presence.listed(kind);
        self.truth.listed();
    }

    /// Takes who and where it is. Another device under the same key starts with nothing held.
    pub(in crate::signal) fn sight(&mut self, reading: &Reading, at: Timestamp) -> Sighting {
        let before = self.identity();
        let place = self.pon;
        let read = match (&reading.serial, &reading.mac) {
            (Ok(serial), _) => Some(Identity::Serial(serial.clone())),
            (Err(_), Ok(mac)) if self.serial.is_none() => Some(Identity::Mac(*mac)),
            _ => None,
        };
        let mut sighting = Sighting::Same;
        match (before, read) {
            (None, Some(_)) => sighting = Sighting::Learned,
            // A MAC held alone, then a serial: the same device, better known, unless its MAC says otherwise.
            (Some(Identity::Mac(old)), Some(Identity::Serial(_))) if reading.mac.is_ok_and(|mac| mac == old) => {
                sighting = Sighting::Learned;
            }
            (Some(Identity::Mac(_)), Some(Identity::Serial(_))) if reading.mac.is_err() => {
                sighting = Sighting::Learned;
            }
            (Some(from), Some(to)) if from != to => {
                let presence = self.presence;
                let told = self.told;
                let is_maintained = self.is_maintained;
                *self = Self { presence, told, is_maintained, ..Self::new(at) };
                sighting = Sighting::Replaced { from, to };
            }
            _ => {}
        }
        if let Some(pon) = reading.pon {
            if let Some(from) = self.pon
                && from != pon
            {
                // The light comes another way now.
                self.unconfirm_levels();
                self.baselines = [None, None];
                if sighting == Sighting::Same {
                    sighting = Sighting::Moved { from, to: pon };
                }
            }
            self.pon = Some(pon);
        }
        self.onu = reading.onu.or(self.onu);
        if let Ok(serial) = &reading.serial
            && self.serial.as_ref() != Some(serial)
        {
            self.serial = Some(serial.clone());
        }
        if let Ok(mac) = reading.mac {
            self.mac = Some(mac);
        }
        self.is_changed |= self.pon != place || sighting != Sighting::Same;
        match &reading.name {
            Ok(name) if self.name.as_ref() != Some(name) => self.name = Some(Arc::clone(name)),
            Err(Unread::NoValue) => self.name = None,
            Ok(_) | Err(_) => {}
        }
        sighting
    }

    /// What is to be remembered of where it is and which sweeps list it.
    pub(in crate::signal) fn write_place(&self, memory: &mut Writer) {
        memory.u8(u8::from(self.presence.by_inventory));
        memory.u8(u8::from(self.presence.by_state));
        memory.u8(u8::from(self.onu.is_some()));
        memory.u32(self.onu.unwrap_or_default());
        for part in self.pon.iter().flat_map(|pon| pon.parts().to_vec()) {
            memory.u16(part);
        }
    }

    /// Takes back what was remembered of that, for this device.
    pub(in crate::signal) fn read_place(&mut self, memory: &mut Reader<'_>, identity: Option<Identity>) -> Option<()> {
        self.presence.by_inventory = memory.flag()?;
        self.presence.by_state = memory.flag()?;
        let has_onu = memory.flag()?;
        let onu = memory.u32()?;
        self.onu = has_onu.then_some(onu);
        let mut parts = Vec::new();
        while let Some(part) = memory.u16() {
            parts.push(u32::from(part));
        }
        self.pon = if parts.is_empty() { None } else { Some(PonId::new(&parts).ok()?) };
        match identity {
            Some(Identity::Serial(serial)) => self.serial = Some(serial),
            Some(Identity::Mac(mac)) => self.mac = Some(mac),
            None => {}
        }
        Some(())
    }
}
