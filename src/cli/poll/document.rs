//! What `poll` prints, as data: the JSON document, which the table and the CSV are made from too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::look::Looked;
use crate::config::Thresholds;
use crate::http::{OnuRecord, Unplaced};
use crate::model::{Dbm, Level, PonId, PonState, Reading};
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
    pub(super) onus: Vec<OnuRecord>,
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
        let mut readings: Vec<&Reading> = looked.view.onus().collect();
        readings.sort_by(|a, b| (a.pon, a.onu, &a.key).cmp(&(b.pon, b.onu, &b.key)));
        let unplaced = Unplaced::of(&looked.view);
        let onus: Vec<OnuRecord> =
            readings.into_iter().map(|reading| record(reading, unplaced, thresholds, olt)).collect();
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
fn pons(looked: &Looked, onus: &[OnuRecord]) -> Vec<PonEntry> {
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

/// An ONU's level is the class of this one reading: `poll` knows of none before.
fn record(reading: &Reading, unplaced: Unplaced, thresholds: &Thresholds, olt: &str) -> OnuRecord {
    let pon = reading.pon.map(|pon| pon.to_string());
    let rule = thresholds.rule_for(olt, pon.as_deref());
    OnuRecord::new(reading, unplaced, reading.rx.map_or(Level::Unread, |rx| class_of(rule, rx)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, ThresholdRule};
    use crate::model::{OnuKey, OnuState, Unread};
    use crate::poll::View;

    const CONFIG: &str = "[snmp.credential.default]\nversion = \"2c\"\ncommunity = \"c\"\n\
                          [[olt]]\nname = \"a\"\naddress = \"192.0.2.1\"\n\
                          [[thresholds.override]]\nolt = \"a\"\npon = \"0/2\"\nclass = \"C+\"\n";

    fn looked(config: &Config, readings: Vec<Reading>) -> Looked {
        let mut view = View::default();
        let sweep = crate::model::Sweep {
            olt: config.olts[0].name.clone(),
            kind: crate::model::SweepKind::Optics,
            scope: crate::model::SweepScope::Whole,
            started: crate::model::Timestamp::from_millis(1),
            elapsed: Duration::ZERO,
            completeness: crate::model::Completeness::Complete,
            uptime: None,
            boots: None,
            pons: vec![],
            onus: readings,
            pdus: 1,
        };
        view.merge(&sweep);
        Looked {
            olt: config.olts[0].clone(),
            identity: None,
            view,
            sweeps: vec![sweep],
            problems: vec![],
            pdus: 1,
            elapsed: Duration::from_millis(3),
            explanation: None,
        }
    }

    fn reading(number: u32, pon: Option<&str>, rx: f64) -> Reading {
        let mut reading = Reading::unread(OnuKey::new(&[number]), Unread::NoSuchColumn);
        reading.pon = pon.map(|pon| pon.parse().unwrap());
        reading.onu = Some(number);
        reading.state = Ok(OnuState::Up);
        reading.rx = Ok(Dbm::new(rx).unwrap());
        reading
    }

    #[test]
    fn a_level_is_judged_by_the_rule_of_its_pon_and_pons_are_counted() {
        let config = Config::parse(CONFIG, "c", std::path::Path::new(""), &|_| None).unwrap();
        assert_eq!(config.thresholds.base, ThresholdRule::default());
        let onus = vec![reading(3, Some("0/2"), -28.5), reading(2, Some("0/1"), -28.5), reading(1, None, -20.0)];
        let document = Document::new(&[looked(&config, onus)], &config.thresholds);
        let json: serde_json::Value = serde_json::from_str(&document.json().unwrap()).unwrap();
        let olt = &json["olts"][0];
        assert_eq!(olt["address"], "192.0.2.1:161");
        let levels: Vec<&str> = (0..3).map(|place| olt["onus"][place]["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["good", "critical", "weak"]);
        assert_eq!(olt["onus"][0]["unread"]["pon"], "the device says no value");
        assert_eq!(olt["onus"][0]["unread"]["mac"], "no such column");
        assert_eq!(olt["pons"][1]["pon"], "0/2");
        assert_eq!(olt["pons"][1]["onus"], 1);
        assert!(olt["profile"].is_null() && olt["error"].is_null());
    }
}
