//! What a sweep of an OLT reads.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::held::words;
use super::written;
use super::{
    Cause, Celsius, Dbm, Mac, Metres, Milliamperes, OltId, OnuKey, ParseWordError, PonId, Serial, Timestamp, Volts,
};

words! {
    /// Which reading of an OLT.
    SweepKind {
        /// Who is there: serials, MACs, names, distances.
        Inventory = "inventory",
        /// Up or down, and why.
        State = "state",
        /// Optical levels and the transceivers' health.
        Optics = "optics",
    }
}

words! {
    /// What the OLT says of an ONU's link.
    OnuState {
        /// In service.
        Up = "up",
        /// Not in service.
        Down = "down",
        /// It says nothing, or something that the profile does not know.
        Unknown = "unknown",
    }
}

words! {
    /// What the OLT says of a PON port.
    PonState {
        /// In service.
        Up = "up",
        /// Not in service.
        Down = "down",
    }
}

/// A number as a device gave it, in seven octets, as every value of every ONU has room for one. What is beyond 56 bits is
/// cut to the nearest that fits; no 32-bit type of SNMP is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawNumber([u8; 7]);

impl RawNumber {
    const MOST: i64 = (1 << 55) - 1;

    /// From the number.
    #[must_use]
    pub const fn new(number: i64) -> Self {
        let number = if number > Self::MOST {
            Self::MOST
        } else if number < -Self::MOST {
            -Self::MOST
        } else {
            number
        };
        let [a, b, c, d, e, f, g, _] = number.to_le_bytes();
        Self([a, b, c, d, e, f, g])
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        let [a, b, c, d, e, f, g] = self.0;
        let sign = if g & 0x80 == 0 { 0 } else { 0xff };
        i64::from_le_bytes([a, b, c, d, e, f, g, sign])
    }
}

impl fmt::Debug for RawNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Display for RawNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl From<i64> for RawNumber {
    fn from(number: i64) -> Self {
        Self::new(number)
    }
}

impl Serialize for RawNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.get())
    }
}

impl<'de> Deserialize<'de> for RawNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::new)
    }
}

/// Why a value is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// The sweep that reads it has not run yet.
    NotAsked,
    /// The family or this firmware has no such column.
    NoSuchColumn,
    /// The column exists, but has no row for this ONU.
    NoRow,
    /// The device said "no value" with this number.
    Sentinel(RawNumber),
    /// The device said "no value" with a text (`N/A`, `--`) or an empty one.
    NoValue,
    /// A number outside of what the quantity can be.
    Implausible,
    /// Not of the type or shape that the profile expects.
    Malformed,
    /// An enumeration's number that the profile does not know.
    UnknownValue(RawNumber),
    /// Levels of an ONU that is down are not levels.
    OnuDown,
    /// The OLT did not answer for it.
    NoAnswer,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked yet"),
            Self::NoSuchColumn => f.write_str("no such column"),
            Self::NoRow => f.write_str("no row for this ONU"),
            Self::Sentinel(raw) => write!(f, "the device says no value ({raw})"),
            Self::NoValue => f.write_str("the device says no value"),
            Self::Implausible => f.write_str("implausible value"),
            Self::Malformed => f.write_str("malformed value"),
            Self::UnknownValue(raw) => write!(f, "unknown value {raw}"),
            Self::OnuDown => f.write_str("the ONU is down"),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}

/// A value, or why it is not known.
pub type Field<T> = Result<T, Unread>;

/// One ONU's values in a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What tells it from the OLT's other ONUs.
    pub key: OnuKey,
    /// The PON port; `None` where the family does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pon: Option<PonId>,
    /// Its number on the PON (or the vendor's id where there is no PON); `None` where the family has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onu: Option<u32>,
    /// The serial number.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub serial: Field<Serial>,
    /// The MAC address.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub mac: Field<Mac>,
    /// Its name or description on the OLT.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub name: Field<Arc<str>>,
    /// Up or down.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub state: Field<OnuState>,
    /// Why it is down now; meaningful only while `state` is down.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub cause: Field<Cause>,
    /// Why it went down the last time; an error when it never did.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub last_down_cause: Field<Cause>,
    /// Power that the ONU receives.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub rx: Field<Dbm>,
    /// Power that the OLT receives from this ONU.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub olt_rx: Field<Dbm>,
    /// Power that the ONU launches.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub tx: Field<Dbm>,
    /// Ranged distance from the OLT.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub distance: Field<Metres>,
    /// Temperature of the ONU's transceiver.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub temperature: Field<Celsius>,
    /// Supply voltage of the ONU's transceiver.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub voltage: Field<Volts>,
    /// Bias current of the ONU's laser.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub bias: Field<Milliamperes>,
}

impl Reading {
    /// Levels of an ONU that is down are what was last heard, or zeros: they are taken out.
    pub fn mask_levels_while_down(&mut self) {
        if self.state != Ok(OnuState::Down) {
            return;
        }
        self.rx = Err(Unread::OnuDown);
        self.olt_rx = Err(Unread::OnuDown);
        self.tx = Err(Unread::OnuDown);
        self.temperature = Err(Unread::OnuDown);
        self.voltage = Err(Unread::OnuDown);
        self.bias = Err(Unread::OnuDown);
    }

    /// A reading of which nothing but the key is known, for the given reason.
    #[must_use]
    pub const fn unread(key: OnuKey, why: Unread) -> Self {
        Self {
            key,
            pon: None,
            onu: None,
            serial: Err(why),
            mac: Err(why),
            name: Err(why),
            state: Err(why),
            cause: Err(why),
            last_down_cause: Err(why),
            rx: Err(why),
            olt_rx: Err(why),
            tx: Err(why),
            distance: Err(why),
            temperature: Err(why),
            voltage: Err(why),
            bias: Err(why),
        }
    }
}

/// One PON port's values in a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PonReading {
    /// The port.
    pub pon: PonId,
    /// Its name on the OLT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Up or down.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub state: Field<PonState>,
    /// Launch power of the port's transceiver.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub tx: Field<Dbm>,
    /// ONUs configured on it, as the OLT counts them.
    #[serde(with = "written::field", default = "written::not_asked", skip_serializing_if = "written::is_not_asked")]
    pub onus: Field<u32>,
}

/// A part of a sweep that is missing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which table or column, in the profile's words.
    pub what: Arc<str>,
    /// What happened, in plain words.
    pub why: Arc<str>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Whether a sweep ended normally. Only a complete one may say that a row is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Everything that was asked for was answered.
    Complete,
    /// Parts are missing: what was read is right, what was not read is not known.
    Partial(Vec<Gap>),
}

impl Completeness {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// Which part of an OLT a sweep read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepScope {
    /// All of it.
    #[default]
    Whole,
    /// The ONUs of these PONs, and nothing of the others: optics are read a slice of the OLT at a time, and a hint names
    /// the PONs to look at.
    Pons(BTreeSet<PonId>),
}

impl SweepScope {
    /// Whether an ONU of this PON was in reach; one that is on no known PON is so only in a sweep of the whole OLT.
    #[must_use]
    pub fn covers(&self, pon: Option<PonId>) -> bool {
        match self {
            Self::Whole => true,
            Self::Pons(pons) => pon.is_some_and(|pon| pons.contains(&pon)),
        }
    }

    /// Whether it is the whole OLT.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// One reading of one OLT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The OLT.
    pub olt: OltId,
    /// What was read.
    pub kind: SweepKind,
    /// Which part of the OLT was read; completeness is of this part.
    #[serde(default, skip_serializing_if = "SweepScope::is_whole")]
    pub scope: SweepScope,
    /// When it began.
    #[serde(rename = "started_ms", with = "written::time_ms")]
    pub started: Timestamp,
    /// How long it took.
    #[serde(rename = "elapsed_ms", with = "written::span_ms")]
    pub elapsed: Duration,
    /// Whether anything is missing.
    pub completeness: Completeness,
    /// The OLT's uptime at the beginning, from `sysUpTime`: a fall tells of a reboot.
    #[serde(rename = "uptime_ms", with = "written::maybe_span_ms", default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Duration>,
    /// How often the OLT's SNMPv3 engine was started, `snmpEngineBoots`: a rise tells of a reboot, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boots: Option<u32>,
    /// PON ports, sorted.
    pub pons: Vec<PonReading>,
    /// ONUs, sorted by key. Values that this kind of sweep does not read are [`Unread::NotAsked`].
    pub onus: Vec<Reading>,
    /// SNMP requests that were sent for it, retries included.
    pub pdus: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_number_is_kept_as_far_as_it_fits() {
        for number in [0, 1, -1, 77, i64::from(u32::MAX), i64::from(i32::MIN), (1 << 55) - 1, -((1 << 55) - 1)] {
            assert_eq!(RawNumber::new(number).get(), number);
        }
        assert_eq!(RawNumber::new(i64::MAX).get(), (1 << 55) - 1);
        assert_eq!(RawNumber::new(i64::MIN).get(), -((1 << 55) - 1));
        assert_eq!(format!("{:?} {}", RawNumber::new(-1), RawNumber::new(65_535)), "-1 65535");
        let unread = Unread::UnknownValue(RawNumber::new(-7));
        let json = serde_json::to_string(&unread).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str(&json).unwrap()), ("{\"unknown_value\":-7}", unread));
    }

    /// The memory of a poller with many ONUs is mostly readings.
    #[test]
    fn a_value_of_a_reading_takes_eight_octets() {
        assert_eq!(size_of::<Field<Dbm>>(), 8);
        assert!(size_of::<Reading>() <= 160, "{}", size_of::<Reading>());
    }
}
