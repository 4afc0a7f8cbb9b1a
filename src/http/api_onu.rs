//! One ONU in JSON: as `poll --format json` prints it, and with what the daemon holds of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::merged::Line;
use crate::model::{
    Cause, Celsius, Dbm, Field, Level, Mac, Metres, Milliamperes, OltId, OnuState, PonId, Reading, Serial, Timestamp,
    Unread, Verdict, Volts,
};
use crate::ozmap::{ClientId, ElementId};
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

impl OnuRecord {
    /// From a reading. `level` is what its received power means; it is not used while the ONU is down.
    #[must_use]
    pub fn new(reading: &Reading, level: Level) -> Self {
        let mut reading = reading.clone();
        reading.mask_levels_while_down();
        let mut unread = BTreeMap::new();
        let state = known(&mut unread, "state", &reading.state).unwrap_or(OnuState::Unknown);
        let down = state == OnuState::Down;
        let cause = down.then(|| known(&mut unread, "cause", &reading.cause).unwrap_or(Cause::Unknown));
        let last_down_cause =
            known(&mut unread, "last_down_cause", &reading.last_down_cause).filter(|cause| *cause != Cause::Unknown);
        if last_down_cause.is_none() {
            unread.entry("last_down_cause").or_insert_with(|| "the device does not say".to_owned());
        }
        let pon = known(&mut unread, "pon", &reading.pon.ok_or(Unread::NoSuchColumn));
        let onu = known(&mut unread, "onu", &reading.onu.ok_or(Unread::NoSuchColumn));
        Self {
            pon,
            onu,
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
}

impl OnuEntry {
    pub(super) fn new(olt: &OltId, line: &Line<'_>) -> Self {
        let record = match line.reading {
            Some(reading) => OnuRecord::new(reading, line.level()),
            None => OnuRecord::new(&Reading::unread(line.key.clone(), Unread::NoRow), line.level()),
        };
        Self {
            olt: olt.clone(),
            record,
            truth: line.truth().word(),
            since: line.standing.map(|standing| standing.since),
            verdict: line.verdict(),
            reason: line.standing.map_or(Reason::NotReadYet, |standing| standing.reason),
            client_id: None,
            code: None,
            box_id: None,
        }
    }
}
