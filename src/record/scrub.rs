//! Takes out of a recording who it is about, and leaves in what is decided by.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::Owned;
use crate::config::{AddressMatch, Pattern, Thresholds};
use crate::incident::Owner;
use crate::model::{ClientId, Completeness, ElementId, Gap, Mac, OltId, OnuKey, Serial, Sweep, Unread};
use crate::plant::{Coords, PlantDocument};

/// Replaces serials, MACs, names and OLTs by made-up ones: the same by the same within a recording, and by others in the
/// next one. Vendor prefixes stay, as do PON numbers, levels, states and times.
#[derive(Clone)]
pub struct Scrubber {
    secret: [u8; 32],
    /// The OLTs of the config: patterns on their names are resolved before the names go.
    olts: Vec<OltId>,
    /// Where the plant lies, which becomes the point where the equator meets the meridian of Greenwich.
    origin: OnceLock<[f64; 2]>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    /// One that nobody can undo: `secret` is random, and kept nowhere.
    #[must_use]
    pub const fn new(secret: [u8; 32], olts: Vec<OltId>) -> Self {
        Self { secret, olts, origin: OnceLock::new() }
    }

    /// A sweep without anybody in it.
    #[must_use]
    pub fn sweep(&self, sweep: &Sweep) -> Sweep {
        let mut scrubbed = sweep.clone();
        scrubbed.olt = self.olt(&sweep.olt);
        for reading in &mut scrubbed.onus {
            reading.key = self.key(&reading.key);
            reading.serial = reading.serial.as_ref().map_err(|unread| *unread).and_then(|serial| self.serial(serial));
            reading.mac = reading.mac.and_then(|mac| self.mac(mac));
            if let Ok(name) = &mut reading.name {
                *name = self.name("onu", name);
            }
        }
        // Keys that held a serial have changed.
        scrubbed.onus.sort_by(|one, other| one.key.cmp(&other.key));
        for pon in &mut scrubbed.pons {
            pon.name = pon.name.as_ref().map(|name| self.name("pon", name));
        }
        if let Completeness::Partial(gaps) = &mut scrubbed.completeness {
            for gap in gaps {
                // Errors may quote an OID, an address or a text of the device.
                *gap = Gap { what: Arc::clone(&gap.what), why: Arc::from("scrubbed") };
            }
        }
        scrubbed
    }

    /// Owners without anybody in them.
    #[must_use]
    pub fn owners(&self, owners: &[Owned]) -> Vec<Owned> {
        let owner = |owned: &Owned| Owned {
            key: self.key(&owned.key),
            owner: Owner {
                client: ClientId::from_octets(self.id(owned.owner.client.octets())),
                code: owned.owner.code.as_ref().map(|code| self.name("code", code)),
                place: owned.owner.place.map(|place| ElementId::from_octets(self.id(place.octets()))),
            },
        };
        owners.iter().map(owner).collect()
    }

    /// The same plant, elsewhere and turned: distances stay, places and names do not.
    #[must_use]
    pub fn plant(&self, mut plant: PlantDocument) -> PlantDocument {
        for element in &mut plant.elements {
            element.id = element.id.map(|id| ElementId::from_octets(self.id(id.octets())));
            element.name = element.name.as_ref().map(|name| self.name(element.kind.word(), name));
        }
        for client in &mut plant.clients {
            client.id = ClientId::from_octets(self.id(client.id.octets()));
        }
        if let Some((_, first)) = plant.coords.first() {
            let [lng, lat] = *self.origin.get_or_init(|| [f64::from(first.lng()), f64::from(first.lat())]);
            let (sine, cosine) = self.angle().sin_cos();
            plant.coords.retain_mut(|(_, coords)| {
                let east = (f64::from(coords.lng()) - lng) * lat.to_radians().cos();
                let north = f64::from(coords.lat()) - lat;
                let moved = Coords::new(cosine * east - sine * north, sine * east + cosine * north);
                moved.is_ok_and(|moved| {
                    *coords = moved;
                    true
                })
            });
        }
        plant
    }

    /// By how much the plant is turned, in radians.
    fn angle(&self) -> f64 {
        let [one, other, ..] = self.digest("angle", &[]);
        f64::from(u16::from_be_bytes([one, other])) / f64::from(u16::MAX) * std::f64::consts::TAU
    }

    fn id(&self, octets: [u8; 12]) -> [u8; 12] {
        let digest = self.digest("id", &octets);
        std::array::from_fn(|place| digest.get(place).copied().unwrap_or(0))
    }

    /// A made-up name for an OLT.
    #[must_use]
    pub fn olt(&self, olt: &OltId) -> OltId {
        OltId::new(&self.name("olt", olt.as_str()))
    }

    /// The same thresholds, in which OLTs have their made-up names.
    #[must_use]
    pub fn thresholds(&self, thresholds: &Thresholds) -> Thresholds {
        let mut overrides = Vec::new();
        for (place, rule) in &thresholds.overrides {
            match &place.olt {
                None => overrides.push((place.clone(), *rule)),
                Some(pattern) => {
                    let named = self.olts.iter().filter(|olt| pattern.fits(olt.as_str()));
                    overrides.extend(named.map(|olt| {
                        let olt = Some(Pattern::new(self.olt(olt).as_str()));
                        (AddressMatch { olt, pon: place.pon.clone() }, *rule)
                    }));
                }
            }
        }
        Thresholds { overrides, ..thresholds.clone() }
    }

    fn serial(&self, serial: &Serial) -> Result<Serial, Unread> {
        let text = serial.as_str();
        let vendor = match text.split_at_checked(4) {
            Some((vendor, _)) if vendor.bytes().all(|byte| byte.is_ascii_alphabetic()) => vendor,
            _ => "XXXX",
        };
        let made_up = format!("{vendor}{}", hex(&self.digest("serial", text.as_bytes()), 4));
        made_up.parse().map_err(|_| Unread::Malformed)
    }

    fn mac(&self, mac: Mac) -> Result<Mac, Unread> {
        let mut octets = mac.octets();
        let made_up = self.digest("mac", &octets);
        for (octet, made_up) in octets.iter_mut().zip(made_up).skip(3) {
            *octet = made_up;
        }
        Mac::from_octets(&octets).map_err(|_| Unread::Malformed)
    }

    fn name(&self, what: &str, name: &str) -> Arc<str> {
        Arc::from(format!("{what}-{}", hex(&self.digest(what, name.as_bytes()), 4)))
    }

    /// Some families join their tables by the octets of a serial or a MAC, with or without a length before them. Any key
    /// that looks like it is replaced behind what may be a vendor.
    fn key(&self, key: &OnuKey) -> OnuKey {
        let numbers = key.numbers();
        if numbers.len() < 6 || numbers.iter().any(|number| *number > 255) {
            return key.clone();
        }
        let octets: Vec<u8> = numbers.iter().filter_map(|number| u8::try_from(*number).ok()).collect();
        let kept = if numbers.len() < 8 { 3 } else { 4 };
        let digest = self.digest("key", &octets);
        let made_up = digest.iter().cycle().map(|octet| u32::from(*octet));
        let numbers: Vec<u32> = numbers.iter().take(kept).copied().chain(made_up).take(numbers.len()).collect();
        OnuKey::new(&numbers)
    }

    fn digest(&self, what: &str, text: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.secret)
            .chain_update(what)
            .chain_update([0])
            .chain_update(text)
            .finalize()
            .into()
    }
}

fn hex(octets: &[u8], count: usize) -> String {
    octets.iter().take(count).fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02X}");
        text
    })
}
