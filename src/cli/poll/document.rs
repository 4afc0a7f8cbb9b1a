//! What `poll` prints, as data: the JSON document, which the table and the CSV are made from too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::look::Looked;
use crate::config::Thresholds;
use crate::model::{
    Cause, Celsius, Dbm, Field, Level, Mac, Metres, Milliamperes, OnuState, PonId, PonState, Reading, Serial, Unread,
    Volts,
};
use crate::signal::class_of;

/// The whole document.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    pub(super) olts: Vec<OltEntry>,
}

/// One OLT.
#[derive(Debug, Serialize)]
pub(super) struct OltEntry {
    pub(super) olt: String,
    pub(super) address: String,
    pub(super) profile: Option<String>,
    pub(super) sys_descr: Option<String>,
    pub(super) complete: bool,
    pub(super) error: Option<String>,
    pub(super) pdus: u64,
    pub(super) elapsed_ms: u64,
    pub(super) pons: Vec<PonEntry>,
    pub(super) onus: Vec<OnuEntry>,
}

/// One PON port.
#[derive(Debug, Serialize)]
pub(super) struct PonEntry {
    pub(super) pon: PonId,
    pub(super) name: Option<Arc<str>>,
    pub(super) state: Option<PonState>,
    pub(super) tx_dbm: Option<Dbm>,
    /// As the OLT counts them, else as we do.
    pub(super) onus: u32,
}

/// One ONU. A value that is not known is `None`, and `unread` says why.
#[derive(Debug, Serialize)]
pub(super) struct OnuEntry {
    pub(super) pon: Option<PonId>,
    pub(super) onu: Option<u32>,
    pub(super) serial: Option<Serial>,
    pub(super) mac: Option<Mac>,
    pub(super) name: Option<Arc<str>>,
    pub(super) state: OnuState,
    pub(super) cause: Option<Cause>,
    pub(super) last_down_cause: Option<Cause>,
    pub(super) rx_dbm: Option<Dbm>,
    pub(super) olt_rx_dbm: Option<Dbm>,
    pub(super) tx_dbm: Option<Dbm>,
    pub(super) distance_m: Option<Metres>,
    pub(super) temperature_c: Option<Celsius>,
    pub(super) voltage_v: Option<Volts>,
    pub(super) bias_ma: Option<Milliamperes>,
    pub(super) level: Level,
    pub(super) unread: BTreeMap<&'static str, String>,
}

impl Document {
    /// What these OLTs said, judged one reading at a time.
    pub(super) fn new(looked: &[Looked], thresholds: &Thresholds) -> Self {
        Self { olts: looked.iter().map(|one| OltEntry::new(one, thresholds)).collect() }
    }

    /// As JSON, with a newline at the end.
    pub(super) fn json(&self) -> Result<String, CliError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| CliError::Failed(format!("cannot write the result as JSON: {error}")))?;
        Ok(text + "\n")
    }
}

impl OltEntry {
    fn new(looked: &Looked, thresholds: &Thresholds) -> Self {
        let olt = looked.olt.name.as_str();
        // Where no ONU has a PON, the family does not show it; where some have one, this device did not tell.
        let shows_pons = looked.view.onus().any(|reading| reading.pon.is_some());
        let shows_numbers = looked.view.onus().any(|reading| reading.onu.is_some());
        let missing = |shown| if shown { Unread::NoValue } else { Unread::NoSuchColumn };
        let mut readings: Vec<&Reading> = looked.view.onus().collect();
        readings.sort_by(|a, b| (a.pon, a.onu, &a.key).cmp(&(b.pon, b.onu, &b.key)));
        let onus: Vec<OnuEntry> = readings
            .into_iter()
            .map(|reading| {
                let (no_pon, no_number) = (missing(shows_pons), missing(shows_numbers));
                OnuEntry::new(reading, no_pon, no_number, |pon, rx| class_of(thresholds.rule_for(olt, pon), rx))
            })
            .collect();
        Self {
            olt: olt.to_owned(),
            address: looked.olt.address.clone(),
            profile: looked.identity.as_ref().map(|identity| identity.profile.name().to_owned()),
            sys_descr: looked.identity.as_ref().map(|identity| identity.sys_descr.clone()),
            complete: looked.is_complete(),
            error: looked.error(),
            pdus: looked.pdus,
            elapsed_ms: u64::try_from(looked.elapsed.as_millis()).unwrap_or(u64::MAX),
            pons: pons(looked, &onus),
            onus,
        }
    }
}

/// The PON ports that the OLT lists, and those that only its ONUs tell of.
fn pons(looked: &Looked, onus: &[OnuEntry]) -> Vec<PonEntry> {
    let mut counted: BTreeMap<PonId, u32> = BTreeMap::new();
    for pon in onus.iter().filter_map(|onu| onu.pon) {
        let count = counted.entry(pon).or_default();
        *count = count.saturating_add(1);
    }
    let mut pons: BTreeMap<PonId, PonEntry> = counted
        .iter()
        .map(|(pon, onus)| (*pon, PonEntry { pon: *pon, name: None, state: None, tx_dbm: None, onus: *onus }))
        .collect();
    for reading in looked.view.pons() {
        let counted = counted.get(&reading.pon).copied().unwrap_or(0);
        let entry = PonEntry {
            pon: reading.pon,
            name: reading.name.clone(),
            state: reading.state.ok(),
            tx_dbm: reading.tx.ok(),
            onus: reading.onus.unwrap_or(counted),
        };
        pons.insert(reading.pon, entry);
    }
    pons.into_values().collect()
}

/// Values with the reasons of those that are missing.
#[derive(Default)]
struct Values {
    unread: BTreeMap<&'static str, String>,
}

impl Values {
    fn take<T: Clone>(&mut self, field: &'static str, value: &Field<T>) -> Option<T> {
        match value {
            Ok(value) => Some(value.clone()),
            Err(why) => {
                self.unread.insert(field, why.to_string());
                None
            }
        }
    }
}

impl OnuEntry {
    fn new(
        reading: &Reading,
        no_pon: Unread,
        no_number: Unread,
        class: impl FnOnce(Option<&str>, Dbm) -> Level,
    ) -> Self {
        let mut values = Values::default();
        let state = values.take("state", &reading.state).unwrap_or(OnuState::Unknown);
        // A cause belongs to an ONU that is down; of any other it is not unknown, there is none.
        let cause = if state == OnuState::Down {
            Some(values.take("cause", &reading.cause).unwrap_or(Cause::Unknown))
        } else {
            None
        };
        let last_down_cause = match &reading.last_down_cause {
            Ok(Cause::Unknown) => {
                values.unread.insert("last_down_cause", "the device does not say why".to_owned());
                None
            }
            other => values.take("last_down_cause", other),
        };
        let rx_dbm = values.take("rx_dbm", &reading.rx);
        let pon = reading.pon.map(|pon| pon.to_string());
        Self {
            pon: values.take("pon", &reading.pon.ok_or(no_pon)),
            onu: values.take("onu", &reading.onu.ok_or(no_number)),
            serial: values.take("serial", &reading.serial),
            mac: values.take("mac", &reading.mac),
            name: values.take("name", &reading.name),
            state,
            cause,
            last_down_cause,
            rx_dbm,
            olt_rx_dbm: values.take("olt_rx_dbm", &reading.olt_rx),
            tx_dbm: values.take("tx_dbm", &reading.tx),
            distance_m: values.take("distance_m", &reading.distance),
            temperature_c: values.take("temperature_c", &reading.temperature),
            voltage_v: values.take("voltage_v", &reading.voltage),
            bias_ma: values.take("bias_ma", &reading.bias),
            level: rx_dbm.map_or(Level::Unread, |rx| class(pon.as_deref(), rx)),
            unread: values.unread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OnuKey;

    fn entry(reading: &Reading) -> OnuEntry {
        OnuEntry::new(reading, Unread::NoSuchColumn, Unread::NoValue, |_, _| Level::Good)
    }

    #[test]
    fn a_value_that_is_missing_is_null_and_says_why_by_its_name_in_json() {
        let mut reading = Reading::unread(OnuKey::new(&[1]), Unread::NoSuchColumn);
        reading.state = Ok(OnuState::Up);
        reading.rx = Ok(Dbm::new(-21.37).unwrap());
        reading.last_down_cause = Ok(Cause::Unknown);
        let json = serde_json::to_value(entry(&reading)).unwrap();
        assert_eq!(json["rx_dbm"], -21.37);
        assert_eq!(json["level"], "good");
        assert!(json["mac"].is_null() && json["cause"].is_null() && json["last_down_cause"].is_null());
        assert_eq!(json["unread"]["mac"], "no such column");
        assert_eq!(json["unread"]["olt_rx_dbm"], "no such column");
        assert_eq!(json["unread"]["last_down_cause"], "the device does not say why");
        for absent in ["cause", "rx_dbm", "state"] {
            assert!(json["unread"].get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn an_onu_that_is_down_has_a_cause_and_no_level() {
        let mut reading = Reading::unread(OnuKey::new(&[1]), Unread::NoSuchColumn);
        reading.state = Ok(OnuState::Down);
        reading.rx = Ok(Dbm::new(-21.37).unwrap());
        reading.mask_levels_while_down();
        let down = entry(&reading);
        assert_eq!((down.cause, down.rx_dbm, down.level), (Some(Cause::Unknown), None, Level::Unread));
        assert_eq!(down.unread["rx_dbm"], "the ONU is down");
        assert_eq!(down.unread["cause"], "no such column");
        reading.cause = Ok(Cause::Power);
        assert_eq!(entry(&reading).cause, Some(Cause::Power));
    }
}
