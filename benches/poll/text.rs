//! The rows of an OLT as Prometheus' text, in the shape that snmp_exporter gives them: a sample a cell, its index as
//! labels; octets as a label of a sample of 1.

use std::fmt::Write as _;

use oltwatch::snmp::Walked;

const NAMES: [&str; 8] = [
    "hwGponDeviceOntSn",
    "hwGponDeviceOntControlRunStatus",
    "hwGponDeviceOntControlRanging",
    "hwGponDeviceOntControlLastDownCause",
    "hwGponOntOpticalDdmTemperature",
    "hwGponOntOpticalDdmTxPower",
    "hwGponOntOpticalDdmRxPower",
    "hwGponOntOpticalDdmOltRxOntPower",
];

/// The octets of the text, which is then dropped.
pub fn render(olt: &[Walked]) -> u64 {
    let mut text = String::new();
    for (name, column) in NAMES.iter().zip(olt.iter().flat_map(|walked| &walked.columns)) {
        let _ = writeln!(text, "# HELP {name} {name} - {}", column.column);
        let _ = writeln!(text, "# TYPE {name} gauge");
        for (index, value) in &column.rows {
            let (interface, onu) = match *index {
                [interface, onu] => (interface, onu),
                _ => continue,
            };
            let _ = match (value.integer(), value.octets()) {
                (Some(number), _) => writeln!(text, "{name}{{ifIndex=\"{interface}\",ontId=\"{onu}\"}} {number}"),
                (None, octets) => {
                    let _ = write!(text, "{name}{{ifIndex=\"{interface}\",ontId=\"{onu}\",{name}=\"0x");
                    for octet in octets.unwrap_or_default() {
                        let _ = write!(text, "{octet:02X}");
                    }
                    writeln!(text, "\"}} 1")
                }
            };
        }
    }
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}
