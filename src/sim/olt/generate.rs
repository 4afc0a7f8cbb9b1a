//! A generated OLT: ONUs with plausible values, encoded by a family's profile, whose light can be cut and restored.

use std::sync::Arc;

use super::mib_view::{MibView, Rows};
use crate::mib::Profile;
use crate::model::{
    Cause, Celsius, Dbm, Metres, Milliamperes, OnuKey, OnuState, PonReading, PonState, Reading, Unread, Volts,
};
use crate::snmp::{Oid, Value};

const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

/// First names for the ONUs' descriptions.
const NAMES: [&str; 12] =
    ["Maria", "João", "Ana", "José", "Carla", "Pedro", "Lúcia", "Rafael", "Beatriz", "Tiago", "Sofia", "Mateus"];

/// What is generated.
#[derive(Debug, Clone)]
pub struct GeneratedOptions {
    /// The OLT's name, which also goes into the serials.
    pub name: String,
    /// PON ports.
    pub pons: u32,
    /// ONUs on each PON.
    pub onus_per_pon: u32,
    /// Client code of the first ONU; the others count on from it.
    pub first_code: u32,
    /// Same seed, same OLT.
    pub seed: u64,
}

/// A generated OLT's truth, beside the rows that show it.
#[derive(Debug)]
pub struct GeneratedOlt {
    profile: Arc<Profile>,
    /// Of which kind its PONs are; `None` for the family's usual one.
    kind: Option<String>,
    view: MibView,
    onus: Vec<Reading>,
}

impl GeneratedOlt {
    /// Generates an OLT of this family. `None` when the profile does not say how such an OLT introduces itself.
    #[must_use]
    pub fn new(profile: Arc<Profile>, options: &GeneratedOptions) -> Option<Self> {
        Self::of_kind(profile, None, options)
    }

    /// As [`Self::new`], with PONs of one of [`Profile::kinds`].
    #[must_use]
    pub fn of_kind(profile: Arc<Profile>, kind: Option<&str>, options: &GeneratedOptions) -> Option<Self> {
        let (sys_object_id, sys_descr) = profile.example_identity()?;
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let mut rows = Rows::default();
        let text = |text: &str| Value::OctetString(text.as_bytes().into());
        rows.set(Oid::new(&SYS_DESCR), text(&sys_descr));
        rows.set(Oid::new(&SYS_OBJECT_ID), Value::ObjectId(sys_object_id));
        rows.set(Oid::new(&SYS_UP_TIME), Value::TimeTicks(12_345_600));
        rows.set(Oid::new(&SYS_NAME), text(&options.name));
        for column in profile.columns() {
            for oid in column.oid.into_iter().chain(column.then) {
                rows.declare(oid.clone());
            }
        }
        let mut onus = Vec::new();
        for place in 0..options.pons {
            let pon = profile.example_pon(place);
            if let Some(pon) = pon {
                let reading = PonReading {
                    pon,
                    name: Some(Arc::from(format!("PON {pon}"))),
                    state: Ok(PonState::Up),
                    tx: Dbm::new(random(&mut rng, 3.0, 5.0)).map_err(|_| Unread::Implausible),
                    onus: Ok(options.onus_per_pon),
                };
                for row in profile.encode_pon_of(kind, &reading) {
                    rows.set(row.oid, row.value);
                }
            }
            for number in 0..options.onus_per_pon {
                let position = place.saturating_mul(options.onus_per_pon).saturating_add(number);
                let mut onu = plausible_onu(&mut rng, options, position);
                onu.pon = pon;
                onu.onu = Some(if pon.is_some() {
                    profile.example_onu(number, position)
                } else {
                    options.first_code.saturating_add(position)
                });
                for row in profile.encode_onu_of(kind, &onu, position) {
                    rows.set(row.oid, row.value);
                }
                onus.push(onu);
            }
        }
        Some(Self { profile, kind: kind.map(str::to_owned), view: MibView::new(rows), onus })
    }

    /// The family's name for people.
    #[must_use]
    pub fn family(&self) -> &str {
        self.profile.title()
    }

    /// What the agent serves; changes of the truth show there at once.
    #[must_use]
    pub const fn view(&self) -> &MibView {
        &self.view
    }

    /// The truth of every ONU, in the order in which they were generated.
    #[must_use]
    pub fn onus(&self) -> &[Reading] {
        &self.onus
    }

    /// Takes an ONU down for a cause. False when there is none at this place.
    pub fn take_down(&mut self, place: usize, cause: Cause) -> bool {
        self.change(place, |onu| {
            onu.state = Ok(OnuState::Down);
            onu.cause = Ok(cause);
            onu.last_down_cause = Ok(cause);
        })
    }

    /// Brings an ONU back up. False when there is none at this place.
    pub fn bring_up(&mut self, place: usize) -> bool {
        self.change(place, |onu| {
            onu.state = Ok(OnuState::Up);
            onu.cause = Err(Unread::NoValue);
        })
    }

    /// Gives an ONU another received power. False when there is none at this place.
    pub fn set_rx(&mut self, place: usize, rx: Dbm) -> bool {
        self.change(place, |onu| onu.rx = Ok(rx))
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Reading)) -> bool {
        let (Some(onu), Ok(position)) = (self.onus.get_mut(place), u32::try_from(place)) else { return false };
        let encode = |onu: &Reading| self.profile.encode_onu_of(self.kind.as_deref(), &shown(onu), position);
        let old: Vec<Oid> = encode(onu).into_iter().map(|row| row.oid).collect();
        change(onu);
        let new = encode(onu);
        self.view.update(|rows| {
            for oid in old.iter().filter(|oid| !new.iter().any(|row| row.oid == **oid)) {
                rows.remove(oid);
            }
            for row in new {
                rows.set(row.oid, row.value);
            }
        });
        true
    }
}

/// The truth as the OLT shows it: no levels while the ONU is down.
fn shown(onu: &Reading) -> Reading {
    let mut shown = onu.clone();
    shown.mask_levels_while_down();
    shown
}

fn random(rng: &mut fastrand::Rng, low: f64, high: f64) -> f64 {
    let value = low + rng.f64() * (high - low);
    (value * 100.0).round() / 100.0
}

/// Levels as well-kept networks have them: around -20 dBm, a few weak.
fn plausible_onu(rng: &mut fastrand::Rng, options: &GeneratedOptions, position: u32) -> Reading {
    let mut onu = Reading::unread(OnuKey::new(&[]), Unread::NotAsked);
    let code = options.first_code.saturating_add(position);
    let name = NAMES.get(rng.usize(..NAMES.len())).copied().unwrap_or_default();
    // The sum of several even numbers is nearly normal.
    let spread: f64 = (0..4).map(|_| rng.f64() - 0.5).sum();
    let rx = ((-20.0 + spread * 6.0).clamp(-26.5, -11.0) * 100.0).round() / 100.0;
    onu.serial = format!("HWTC{:08X}", code.wrapping_mul(2_654_435_761)).parse().map_err(|_| Unread::Malformed);
    let [a, b, c, d] = code.to_be_bytes();
    onu.mac = crate::model::Mac::from_octets(&[0x02, 0x4f, a, b, c, d]).map_err(|_| Unread::Malformed);
    onu.name = Ok(Arc::from(format!("{code} {name}")));
    onu.state = Ok(OnuState::Up);
    onu.cause = Err(Unread::NoValue);
    onu.last_down_cause = Err(Unread::NoValue);
    onu.rx = Dbm::new(rx).map_err(|_| Unread::Implausible);
    onu.olt_rx = Dbm::new(rx - random(rng, 0.5, 2.5)).map_err(|_| Unread::Implausible);
    onu.tx = Dbm::new(random(rng, 1.5, 3.0)).map_err(|_| Unread::Implausible);
    onu.distance = Metres::new(f64::from(rng.u32(200..12_000))).map_err(|_| Unread::Implausible);
    onu.temperature = Celsius::new(f64::from(rng.u32(35..55))).map_err(|_| Unread::Implausible);
    onu.voltage = Volts::new(random(rng, 3.2, 3.4)).map_err(|_| Unread::Implausible);
    onu.bias = Milliamperes::new(f64::from(rng.u32(8..16))).map_err(|_| Unread::Implausible);
    onu
}
