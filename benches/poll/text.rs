//! The rows of an OLT as Prometheus' text, in the shape that snmp_exporter gives them: a sample a cell, its index as
//! labels; octets as a label of a sample of 1.

use std::fmt::Write as _;

use oltwatch::snmp::{Value, Walked};

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

/// Puts the text of an OLT into a buffer in place of what is there.
pub fn render(olt: &[Walked], text: &mut String) {
    text.clear();
    let mut digits = itoa::Buffer::new();
    for (name, column) in NAMES.iter().zip(olt.iter().flat_map(|walked| &walked.columns)) {
        let _ = writeln!(text, "# HELP {name} {name} - {}\n# TYPE {name} gauge", column.column);
        // What the samples of one interface begin with.
        let (mut head, mut of) = (String::new(), None);
        column.rows.for_each(|index, value| {
            let [interface, onu] = *index else { return };
            if of != Some(interface) {
                of = Some(interface);
                head = format!("{name}{{ifIndex=\"{interface}\",ontId=\"");
            }
            text.push_str(&head);
            text.push_str(digits.format(onu));
            match (value.integer(), &value) {
                (Some(number), _) => {
                    text.push_str("\"} ");
                    text.push_str(digits.format(number));
                    text.push('\n');
                }
                (None, Value::OctetString(octets)) => {
                    text.push_str("\",");
                    text.push_str(name);
                    text.push_str("=\"0x");
                    for octet in octets {
                        let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                        text.extend([digit(octet >> 4), digit(octet & 15)]);
                    }
                    text.push_str("\"} 1\n");
                }
                (None, _) => text.push_str("\"} NaN\n"),
            }
        });
    }
}
