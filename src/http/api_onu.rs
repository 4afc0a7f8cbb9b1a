//! One ONU in JSON: as `poll --format json` prints it, and with what the daemon holds of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::merged::Line;
use crate::model::{
    Cause, Celsius, Dbm, Decibels, Field, Level, Mac, Metres, Milliamperes, OltId, OnuState, PonId, Reading, Serial,
    Timestamp, Unread, Verdict, Volts,
};
use crate::ozmap::{ClientId, ElementId, Owner, Survey, Way};
use crate::poll::View;
use crate::signal::Reason;

/// What was read of one ONU. A value that is not known is `null`, and [`unread`](Self::unread) says why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnuRecord {
    /// PON port, as the vendor writes it: `frame/slot/port` or `slot/port`.
    pub pon: Option<PonId>,
    /// Number on the PON; where the family shows no PON, the vendor's own number.
    pub onu: Option<u32>,
    /// Serial number, upper case.
    pub serial: Option<Serial>,
    /// MAC address, `aa:bb:cc:dd:ee:ff`.
    pub mac: Option<Mac>,
    /// Name or description on the OLT.
    pub name: Option<Arc<str>>,
    /// What the OLT says: `up`, `down` or `unknown`.
    pub state: OnuState,
    /// Why it is down, while it is down: `unknown` when the device does not say. Else `null`.
    pub cause: Option<Cause>,
    /// Why it went down the last time; `null` when the device says never or unknown.
    pub last_down_cause: Option<Cause>,
    /// Power that the ONU receives, dBm.
    pub rx_dbm: Option<Dbm>,
    /// Power that the OLT receives from it, dBm.
    pub olt_rx_dbm: Option<Dbm>,
    /// Power that the ONU launches, dBm.
    pub tx_dbm: Option<Dbm>,
    /// Ranged distance, metres.
    pub distance_m: Option<Metres>,
    /// Temperature of its transceiver, degrees Celsius.
    pub temperature_c: Option<Celsius>,
    /// Supply voltage of its transceiver, volts.
    pub voltage_v: Option<Volts>,
    /// Bias current of its laser, milliamperes.
    pub bias_ma: Option<Milliamperes>,
    /// Class of the received power; `unread` while it is down.
    pub level: Level,
    /// Why values are not known, by field. A field that means nothing at present (`cause` while it is up) is not here.
    pub unread: BTreeMap<&'static str, String>,
}

/// Why ONUs of an OLT lack a PON or a number, which readings do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unplaced {
    /// Why there is no PON.
    pub pon: Unread,
    /// Why there is no number.
    pub onu: Unread,
}

impl Unplaced {
    /// Where no ONU has one, the family does not show it; where some have one, the device did not tell.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let why = |shown| if shown { Unread::NoValue } else { Unread::NoSuchColumn };
        Self {
            pon: why(view.onus().any(|reading| reading.pon.is_some())),
            onu: why(view.onus().any(|reading| reading.onu.is_some())),
        }
    }
}

impl OnuRecord {
    /// From a reading. `level` is what its received power means; it is not used while the ONU is down.
    #[must_use]
    pub fn new(reading: &Reading, unplaced: Unplaced, level: Level) -> Self {
        let mut reading = reading.clone();
        reading.mask_levels_while_down();
        let mut unread = BTreeMap::new();
        let state = known(&mut unread, "state", &reading.state).unwrap_or(OnuState::Unknown);
        let down = state == OnuState::Down;
        let cause = down.then(|| known(&mut unread, "cause", &reading.cause).unwrap_or(Cause::Unknown));
        let last_down_cause = match &reading.last_down_cause {
            Ok(Cause::Unknown) => {
                unread.insert("last_down_cause", "the device does not say why".to_owned());
                None
            }
            other => known(&mut unread, "last_down_cause", other),
        };
        Self {
            pon: known(&mut unread, "pon", &reading.pon.ok_or(unplaced.pon)),
            onu: known(&mut unread, "onu", &reading.onu.ok_or(unplaced.onu)),
            serial: known(&mut unread, "serial", &reading.serial),
            mac: known(&mut unread, "mac", &reading.mac),
            name: known(&mut unread, "name", &reading.name),
            state,
            cause,
            last_down_cause,
            rx_dbm: known(&mut unread, "rx_dbm", &reading.rx),
            olt_rx_dbm: known(&mut unread, "olt_rx_dbm", &reading.olt_rx),
            tx_dbm: known(&mut unread, "tx_dbm", &reading.tx),
            distance_m: known(&mut unread, "distance_m", &reading.distance),
            temperature_c: known(&mut unread, "temperature_c", &reading.temperature),
            voltage_v: known(&mut unread, "voltage_v", &reading.voltage),
            bias_ma: known(&mut unread, "bias_ma", &reading.bias),
            level: if down { Level::Unread } else { level },
            unread,
        }
    }
}

/// The value; else notes why there is none.
fn known<T: Clone>(unread: &mut BTreeMap<&'static str, String>, name: &'static str, field: &Field<T>) -> Option<T> {
    match field {
        Ok(value) => Some(value.clone()),
        Err(why) => {
            unread.insert(name, why.to_string());
            None
        }
    }
}

/// One ONU with what is held of it: an entry of `/api/v1/onus`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OnuEntry {
    /// Its OLT.
    pub(super) olt: OltId,
    /// What was read; `level` is the held one, with hysteresis and dwell.
    #[serde(flatten)]
    pub(super) record: OnuRecord,
    /// What is held: `up`, `down` or `stale`.
    pub(super) truth: &'static str,
    /// Since when; `null` before anything was held.
    pub(super) since: Option<Timestamp>,
    /// Class of the power that the OLT receives from it; `unread` where that is not judged.
    pub(super) olt_level: Level,
    /// Where the power that it receives usually is, dBm; `null` while that is learned.
    pub(super) usual_rx_dbm: Option<Dbm>,
    /// What that power lost in steps and did not get back, dB.
    pub(super) lost_db: Decibels,
    /// Whether it falls day by day.
    pub(super) declines: bool,
    /// Whether the ONU went down so often lately that its verdict holds.
    pub(super) flaps: bool,
    /// What its client should show: `ok`, `error` or `hold`.
    pub(super) verdict: Verdict,
    /// Why that, for a person.
    pub(super) reason: Reason,
    /// Its client in OZmap; `null` when none is known for sure.
    pub(super) client_id: Option<ClientId>,
    /// The client's code.
    pub(super) code: Option<Arc<str>>,
    /// The box that the client's drop comes from, by its id in OZmap.
    pub(super) box_id: Option<ElementId>,
    /// What OZmap documents of its way, and the power that should arrive by it.
    #[serde(flatten)]
    pub(super) way: Way,
}

impl OnuEntry {
    pub(super) fn new(
        olt: &OltId,
        line: &Line<'_>,
        unplaced: Unplaced,
        owner: Option<&Owner>,
        survey: Option<&Survey>,
    ) -> Self {
        let record = match line.reading {
            Some(reading) => OnuRecord::new(reading, unplaced, line.level()),
            None => {
                let why = Unread::NoRow;
                let unplaced = Unplaced { pon: why, onu: why };
                OnuRecord::new(&Reading::unread(line.key.clone(), why), unplaced, line.level())
            }
        };
        Self {
            olt: olt.clone(),
            record,
            truth: line.truth().word(),
            since: line.standing.map(|standing| standing.since),
            olt_level: line.olt_level(),
            usual_rx_dbm: line.standing.and_then(|standing| standing.usual_rx),
            lost_db: line.standing.map_or(Decibels::from_thousandths(0), |standing| standing.lost),
            declines: line.standing.is_some_and(|standing| standing.declines),
            flaps: line.standing.is_some_and(|standing| standing.flaps),
            verdict: line.verdict(),
            reason: line.standing.map_or(Reason::NotReadYet, |standing| standing.reason),
            client_id: owner.map(|owner| owner.client),
            code: owner.and_then(|owner| owner.code.clone()),
            box_id: owner.and_then(|owner| owner.box_id),
            way: survey.zip(owner).map(|(survey, owner)| survey.way(owner, line.reading)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing;
    use super::*;
    use crate::model::OnuKey;

    const UNPLACED: Unplaced = Unplaced { pon: Unread::NoSuchColumn, onu: Unread::NoValue };

    #[test]
    fn an_onu_that_is_up_shows_what_was_read_and_why_the_rest_was_not() {
        let reading = Reading {
            mac: Err(Unread::NoSuchColumn),
            olt_rx: Err(Unread::Sentinel(2_147_483_647.into())),
            distance: Metres::new(1234.0).map_err(|_| Unread::Malformed),
            tx: Dbm::new(2.21).map_err(|_| Unread::Malformed),
            ..testing::up(3, -21.37)
        };
        let record = serde_json::to_value(OnuRecord::new(&reading, UNPLACED, Level::Good)).unwrap();
        assert_eq!(
            record,
            json!({
                "pon": "0/1/0", "onu": 3, "serial": "HWTC00000003", "mac": null, "name": "10003 Maria",
                "state": "up", "cause": null, "last_down_cause": "power",
                "rx_dbm": -21.37, "olt_rx_dbm": null, "tx_dbm": 2.21, "distance_m": 1234,
                "temperature_c": null, "voltage_v": null, "bias_ma": null, "level": "good",
                "unread": {
                    "mac": "no such column", "olt_rx_dbm": "the device says no value (2147483647)",
                    "temperature_c": "no such column", "voltage_v": "no such column", "bias_ma": "no such column",
                },
            })
        );
    }

    #[test]
    fn an_onu_that_is_down_has_a_cause_and_no_levels_whatever_was_last_heard() {
        let heard =
            Reading { state: Ok(OnuState::Down), cause: Err(Unread::UnknownValue(19.into())), ..testing::up(1, -40.0) };
        let record = OnuRecord::new(&heard, UNPLACED, Level::Critical);
        assert_eq!((record.state, record.cause), (OnuState::Down, Some(Cause::Unknown)));
        assert_eq!((record.rx_dbm, record.level), (None, Level::Unread));
        assert_eq!(record.unread["rx_dbm"], "the ONU is down");
        assert_eq!(record.unread["cause"], "unknown value 19");
    }

    #[test]
    fn a_last_cause_that_the_device_does_not_know_is_null() {
        let reading = Reading { last_down_cause: Ok(Cause::Unknown), ..testing::up(1, -20.0) };
        let record = OnuRecord::new(&reading, UNPLACED, Level::Good);
        assert_eq!(record.last_down_cause, None);
        assert_eq!(record.unread["last_down_cause"], "the device does not say why");
    }

    #[test]
    fn every_null_is_explained() {
        let record = OnuRecord::new(&Reading::unread(OnuKey::new(&[1]), Unread::NotAsked), UNPLACED, Level::Unread);
        assert_eq!(record.state, OnuState::Unknown);
        let record = serde_json::to_value(record).unwrap();
        let members = record.as_object().unwrap();
        for (name, _) in members.iter().filter(|(_, value)| value.is_null()) {
            assert!(name == "cause" || record["unread"][name].is_string(), "{name}: {record}");
        }
        assert!(members.values().filter(|value| value.is_null()).count() > 10);
    }

    #[test]
    fn a_pon_that_no_onu_has_is_not_shown_and_one_that_some_have_was_not_told() {
        let placed = testing::olt("olt", &[testing::up(1, -20.0)]);
        assert_eq!(Unplaced::of(&placed.view), Unplaced { pon: Unread::NoValue, onu: Unread::NoValue });
        let nowhere = testing::olt("olt", &[Reading { pon: None, ..testing::up(1, -20.0) }]);
        let unplaced = Unplaced::of(&nowhere.view);
        assert_eq!(unplaced, Unplaced { pon: Unread::NoSuchColumn, onu: Unread::NoValue });
        let record = OnuRecord::new(nowhere.view.onus().next().unwrap(), unplaced, Level::Good);
        assert_eq!((record.pon, record.unread["pon"].as_str()), (None, "no such column"));
    }
}
