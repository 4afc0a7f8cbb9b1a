//! One line an ONU, comma-separated.

use std::io::{self, Write};

use super::document::Document;
use crate::http::OnuRecord;

const HEADER: [&str; 17] = [
    "olt",
    "pon",
    "onu",
    "serial",
    "mac",
    "name",
    "state",
    "cause",
    "last_down_cause",
    "rx_dbm",
    "olt_rx_dbm",
    "tx_dbm",
    "distance_m",
    "temperature_c",
    "voltage_v",
    "bias_ma",
    "level",
];

/// Writes a header, and a line for each ONU; what is not known is empty.
pub(super) fn write(document: &Document, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(HEADER)?;
    for olt in &document.olts {
        for onu in &olt.onus {
            csv.write_record(line(&olt.olt, onu))?;
        }
    }
    csv.flush()
}

fn line(olt: &str, onu: &OnuRecord) -> [String; 17] {
    fn text<T: ToString>(value: Option<&T>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    [
        olt.to_owned(),
        text(onu.pon.as_ref()),
        text(onu.onu.as_ref()),
        text(onu.serial.as_ref()),
        text(onu.mac.as_ref()),
        text(onu.name.as_ref()),
        onu.state.to_string(),
        text(onu.cause.as_ref()),
        text(onu.last_down_cause.as_ref()),
        text(onu.rx_dbm.map(|value| value.get()).as_ref()),
        text(onu.olt_rx_dbm.map(|value| value.get()).as_ref()),
        text(onu.tx_dbm.map(|value| value.get()).as_ref()),
        text(onu.distance_m.map(|value| value.get()).as_ref()),
        text(onu.temperature_c.map(|value| value.get()).as_ref()),
        text(onu.voltage_v.map(|value| value.get()).as_ref()),
        text(onu.bias_ma.map(|value| value.get()).as_ref()),
        onu.level.to_string(),
    ]
}
