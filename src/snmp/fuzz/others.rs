//! The scanner beside other decoders: what each says of a message, in our words.

use std::fmt::Display;

use snmp_parser::{NetworkAddress, ObjectSyntax, SnmpPdu, VarBindValue, parse_snmp_v2c};

use super::Compared;
use crate::snmp::ber::{BerError, NULL, OBJECT_ID};
use crate::snmp::{Oid, Value, codec};

/// What snmp2 says of a value; `None` where it is more lenient than we are.
fn of_snmp2(value: &snmp2::Value<'_>) -> Option<Value> {
    Some(match value {
        snmp2::Value::Integer(number) => Value::Integer(*number),
        snmp2::Value::Counter64(number) => Value::Counter64(*number),
        snmp2::Value::OctetString(octets) => Value::OctetString((*octets).into()),
        snmp2::Value::Opaque(octets) => Value::Opaque((*octets).into()),
        snmp2::Value::IpAddress(octets) => Value::IpAddress(*octets),
        snmp2::Value::Null => Value::Null,
        snmp2::Value::NoSuchObject => Value::NoSuchObject,
        snmp2::Value::NoSuchInstance => Value::NoSuchInstance,
        snmp2::Value::EndOfMibView => Value::EndOfMibView,
        // It cuts wide numbers off, and takes names that do not fit.
        _ => return None,
    })
}

/// Whatever snmp2 reads of a response or report, we read too, and the same.
pub(super) fn compare_with_snmp2(input: &dyn Display, datagram: &[u8], compared: &mut Compared) {
    let ours = codec::scan_v2c(datagram);
    let Ok(other) = snmp2::Pdu::from_bytes(datagram) else { return };
    if !matches!(other.message_type, snmp2::MessageType::Response | snmp2::MessageType::Report) {
        return;
    }
    // It reads messages of all versions, in which we have no interest here.
    if codec::version(datagram) != Ok(codec::VERSION_2C) {
        return;
    }
    let ours = ours.unwrap_or_else(|why| panic!("input {input}: snmp2 reads it, and we say {why}: {datagram:02x?}"));
    compared.messages += 1;
    assert_eq!(ours.community, other.community, "input {input}");
    let numbers = (ours.pdu.request_id, i64::from(ours.pdu.error_status), i64::from(ours.pdu.error_index));
    assert_eq!(numbers, (other.req_id, other.error_status.into(), other.error_index.into()), "input {input}");
    let mut varbinds = ours.pdu.varbinds();
    for (name, value) in other.varbinds {
        let ours =
            varbinds.next().and_then(Result::ok).unwrap_or_else(|| panic!("input {input}: a varbind is missing"));
        assert_eq!(ours.name(), Some(name.as_bytes()), "input {input}");
        if let Some(value) = of_snmp2(&value) {
            assert_eq!(ours.value(), value, "input {input}");
            compared.values += 1;
        }
    }
}

/// What snmp-parser says of a value; `None` where it has another idea of what is one.
fn of_snmp_parser(value: &VarBindValue<'_>) -> Option<Value> {
    let value = match value {
        VarBindValue::Value(value) => value,
        VarBindValue::Unspecified => return Some(Value::Null),
        VarBindValue::NoSuchObject => return Some(Value::NoSuchObject),
        VarBindValue::NoSuchInstance => return Some(Value::NoSuchInstance),
        VarBindValue::EndOfMibView => return Some(Value::EndOfMibView),
    };
    Some(match value {
        ObjectSyntax::Number(number) => Value::Integer(i64::from(*number)),
        ObjectSyntax::String(octets) => Value::OctetString((*octets).into()),
        ObjectSyntax::Opaque(octets) => Value::Opaque((*octets).into()),
        ObjectSyntax::IpAddress(NetworkAddress::IPv4(address)) => Value::IpAddress(address.octets()),
        ObjectSyntax::Counter32(number) => Value::Counter32(*number),
        ObjectSyntax::Gauge32(number) => Value::Gauge32(*number),
        ObjectSyntax::TimeTicks(number) => Value::TimeTicks(*number),
        ObjectSyntax::Counter64(number) => Value::Counter64(*number),
        // It knows one octet of the first number only, and not that the name 0 is 0.0.
        ObjectSyntax::Object(oid) if oid.as_bytes().first().is_some_and(|first| (1..120).contains(first)) => {
            let arcs: Vec<u32> = oid.iter()?.map(u32::try_from).collect::<Result<_, _>>().ok()?;
            Value::ObjectId(Oid::new(&arcs))
        }
        // Types that SNMPv2 took away again, and empty contents, which it takes for any type.
        _ => return None,
    })
}

/// The types that a value can have (RFC 3416, 3).
const TYPES: [u8; 13] = [0x02, 0x04, 0x05, 0x06, 0x40, 0x41, 0x42, 0x43, 0x44, 0x46, 0x80, 0x81, 0x82];

/// Where snmp-parser and we both read a message, we read the same. It does not look at the PDU's length and at what type
/// a varbind is, so that it reads what we refuse.
pub(super) fn compare_with_snmp_parser(input: &dyn Display, datagram: &[u8], compared: &mut Compared) {
    let Ok(ours) = codec::scan_v2c(datagram) else { return };
    let Ok((_, other)) = parse_snmp_v2c(datagram) else { return };
    let SnmpPdu::Generic(pdu) = &other.pdu else { return };
    compared.messages += 1;
    assert_eq!(ours.community, other.community.as_bytes(), "input {input}");
    let numbers = [ours.pdu.request_id, ours.pdu.error_status, ours.pdu.error_index].map(i64::from);
    assert_eq!(numbers, [pdu.req_id, pdu.err.0, pdu.err_index].map(i64::from), "input {input}");
    let mut varbinds = ours.pdu.varbinds();
    for theirs in &pdu.var {
        let ours = match varbinds.next() {
            Some(Ok(varbind)) => varbind,
            Some(Err(BerError::Type { .. } | BerError::Length)) => return,
            other => panic!("input {input}: a varbind is missing, {other:?}"),
        };
        if let Some(name) = ours.name() {
            assert_eq!(name, theirs.oid.as_bytes(), "input {input}");
        }
        // A type with the wrong class or form is no value for us, nor is a number of no octets or a NULL of several.
        let (tag, body) = ours.parts();
        let empty = body.is_none_or(<[u8]>::is_empty);
        let is_value = TYPES.contains(&tag) && (!empty || !(0x41..=0x46).contains(&tag)) && (empty || tag != NULL);
        if let Some(value) = of_snmp_parser(&theirs.val).filter(|_| is_value) {
            let ours = ours.value();
            if ours == (Value::Undecoded { tag: OBJECT_ID }) {
                // It cuts off numbers of a name that do not fit.
                continue;
            }
            assert_eq!(ours, value, "input {input}: {datagram:02x?}");
            compared.values += 1;
        }
    }
}
