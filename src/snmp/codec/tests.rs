use proptest::prelude::*;

use super::super::ber::Writer;
use super::super::testing::{oid, response_pdu, v2c_message, write_value, write_varbinds};
use super::*;

fn scanned(varbinds: &[u8]) -> Vec<Result<(Vec<u32>, Value), BerError>> {
    let datagram = v2c_message("public", &response_pdu(RESPONSE, 5, 0, 0, varbinds));
    let message = scan_v2c(&datagram).unwrap();
    assert_eq!((message.community, message.pdu.request_id), (&b"public"[..], 5));
    let mut name = Vec::new();
    message
        .pdu
        .varbinds()
        .map(|varbind| {
            varbind.map(|varbind| (varbind.name_into(&mut name).map(|()| name.clone()).unwrap(), varbind.value()))
        })
        .collect()
}

/// One varbind with these octets as its value.
fn with_value(value: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(value);
    writer.object_id(&[1, 3, 6, 1]);
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

fn encoded(community: &[u8], id: i32, request: &Request) -> Vec<u8> {
    let mut buffer = Vec::new();
    encode_v2c(&mut buffer, community, id, request);
    buffer
}

#[test]
fn neighbours_of_what_cannot_be_decoded_survive() {
    // Where the iterator of snmp2 stops without a word.
    for broken in [
        &[0x45, 1, 7][..],
        &[0x47, 1, 7],
        &[0x02, 0],
        &[0x42, 0],
        &[0x40, 3, 1, 2, 3],
        &[0x40, 5, 1, 2, 3, 4, 5],
        &[0x02, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x01, 1, 1],
        &[0x41, 5, 1, 0, 0, 0, 0],
        &[0x46, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0x05, 1, 0],
        &[0x06, 1, 0x80],
        &[0x30, 2, 5, 0],
        &[0x3f, 2, 5, 0],
        &[0x04, 9, 1],
        &[0x04],
        &[0x04, 0x80, 0, 0],
    ] {
        let good = with_value(&[0x02, 1, 9]);
        let list = [good.clone(), with_value(broken), good].concat();
        let found = scanned(&list);
        let values: Vec<Value> = found.into_iter().map(|varbind| varbind.unwrap().1).collect();
        let undecoded = Value::Undecoded { tag: broken[0] };
        assert_eq!(values, [Value::Integer(9), undecoded, Value::Integer(9)], "{broken:02x?}");
    }
}

#[test]
fn a_list_that_breaks_off_says_so() {
    let good = with_value(&[0x02, 1, 9]);
    for broken in [&[0x30, 9, 6][..], &[0x31, 0], &[0x30], &[0x30, 0x80, 0, 0]] {
        let found = scanned(&[good.as_slice(), broken].concat());
        assert_eq!(found.len(), 2, "{broken:02x?}");
        assert!(found[0].is_ok() && found[1].is_err());
    }
}

#[test]
fn sloppy_but_clear_encodings_are_understood() {
    for (octets, value) in [
        (&[0x41, 4, 0xff, 0xff, 0xff, 0xff][..], Value::Counter32(u32::MAX)),
        (&[0x42, 5, 0, 0xff, 0xff, 0xff, 0xff], Value::Gauge32(u32::MAX)),
        (&[0x43, 3, 0, 0, 5], Value::TimeTicks(5)),
        (&[0x02, 0x81, 1, 0xff], Value::Integer(-1)),
        (&[0x02, 4, 0x7f, 0xff, 0xff, 0xff], Value::Integer(2_147_483_647)),
        (&[0x06, 0], Value::ObjectId(oid("0.0"))),
        (&[0x46, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Value::Counter64(u64::MAX)),
    ] {
        assert_eq!(scanned(&with_value(octets)), [Ok((vec![1, 3, 6, 1], value))]);
    }
}

#[test]
fn requests_are_what_snmp2_reads_and_max_repetitions_is_never_0() {
    for (operation, kind, repetitions) in [
        (Operation::Get, snmp2::MessageType::GetRequest, 0),
        (Operation::GetNext, snmp2::MessageType::GetNextRequest, 0),
        (Operation::GetBulk { max_repetitions: 0 }, snmp2::MessageType::GetBulkRequest, 1),
        (Operation::GetBulk { max_repetitions: 300 }, snmp2::MessageType::GetBulkRequest, 300),
    ] {
        let request = Request { operation, names: Names::of(&[oid("1.3.6.1.4.1.2011.4294967295"), oid("2.999.1")]) };
        let datagram = encoded(b"public", 77, &request);
        let pdu = snmp2::Pdu::from_bytes(&datagram).unwrap();
        assert_eq!((pdu.community, pdu.req_id, pdu.message_type), (&b"public"[..], 77, kind));
        assert_eq!((pdu.error_status, pdu.error_index), (0, repetitions));
        let names: Vec<String> = pdu.varbinds.map(|(name, _)| name.to_string()).collect();
        assert_eq!(names[0], "1.3.6.1.4.1.2011.4294967295");
        assert_eq!(names.len(), 2);
    }
}

#[test]
fn other_versions_and_cut_datagrams_are_refused() {
    let whole = encoded(b"public", 1, &Request { operation: Operation::Get, names: Names::of(&[oid("1.3.6")]) });
    for length in 0..whole.len() {
        assert!(scan_v2c(&whole[..length]).is_err(), "{length}");
    }
    let mut v1 = whole.clone();
    v1[4] = 0;
    assert!(scan_v2c(&v1).is_err());
    let trailing = [whole.as_slice(), &[0, 0, 0]].concat();
    assert!(scan_v2c(&trailing).is_ok());
}

#[test]
fn sizes_of_names_are_known_before_they_are_encoded() {
    // Where lengths take one octet, exactly.
    for name in ["1.3", "1.3.6.1.127.128.16383.16384", "1.3.6.1.4294967295.2097151.2097152"] {
        let octets = Names::of(&[oid(name)]).octets().len();
        assert_eq!(varbind_octets(oid(name).arcs()), octets, "{name}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::TimeTicks),
        any::<u64>().prop_map(Value::Counter64),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|octets| Value::OctetString(octets.into())),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|octets| Value::Opaque(octets.into())),
        prop::collection::vec(any::<u32>(), 0..30).prop_map(|arcs| Value::ObjectId(oid("1.3").child(&arcs))),
        any::<[u8; 4]>().prop_map(Value::IpAddress),
        Just(Value::Null),
        Just(Value::NoSuchObject),
        Just(Value::NoSuchInstance),
        Just(Value::EndOfMibView),
    ]
}

/// What snmp2 says of a value, in our words.
fn theirs(value: &snmp2::Value<'_>) -> Value {
    match value {
        snmp2::Value::Integer(number) => Value::Integer(*number),
        snmp2::Value::Counter32(number) => Value::Counter32(*number),
        snmp2::Value::Unsigned32(number) => Value::Gauge32(*number),
        snmp2::Value::Timeticks(number) => Value::TimeTicks(*number),
        snmp2::Value::Counter64(number) => Value::Counter64(*number),
        snmp2::Value::OctetString(octets) => Value::OctetString((*octets).into()),
        snmp2::Value::Opaque(octets) => Value::Opaque((*octets).into()),
        snmp2::Value::ObjectIdentifier(name) => {
            let mut arcs = Vec::new();
            ber::arcs(name.as_bytes(), &mut arcs).unwrap();
            Value::ObjectId(Oid::new(&arcs))
        }
        snmp2::Value::IpAddress(octets) => Value::IpAddress(*octets),
        snmp2::Value::Null => Value::Null,
        snmp2::Value::NoSuchObject => Value::NoSuchObject,
        snmp2::Value::NoSuchInstance => Value::NoSuchInstance,
        snmp2::Value::EndOfMibView => Value::EndOfMibView,
        _ => Value::Undecoded { tag: 0 },
    }
}

proptest! {
    #[test]
    fn every_value_comes_back_and_snmp2_reads_the_same(values in prop::collection::vec(any_value(), 0..20)) {
        let varbinds: Vec<(Oid, Value)> =
            values.iter().enumerate().map(|(row, value)| (oid("1.3.6").child(&[u32::try_from(row).unwrap()]), value.clone())).collect();
        let list = write_varbinds(&varbinds);
        let ours: Vec<Value> = scanned(&list).into_iter().map(|varbind| varbind.unwrap().1).collect();
        prop_assert_eq!(&ours, &values);
        let others: Vec<Value> = snmp2::Varbinds::from_bytes(&list).map(|(_, value)| theirs(&value)).collect();
        prop_assert_eq!(&others, &values);
    }

    /// On octets changed at random we read everything that snmp2 reads, and the same, where both decode.
    #[test]
    fn what_snmp2_reads_of_broken_lists_we_read_too(
        values in prop::collection::vec(any_value(), 1..8),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut list = Vec::new();
        for value in &values {
            let mut writer = Writer::default();
            write_value(&mut writer, value);
            list.extend(with_value(&writer.finish()));
        }
        for (at, octet) in changes {
            *at.get_mut(&mut list) = octet;
        }
        let datagram = v2c_message("public", &response_pdu(RESPONSE, 5, 0, 0, &list));
        let message = scan_v2c(&datagram).unwrap();
        let ours: Vec<_> = message.pdu.varbinds().map_while(Result::ok).collect();
        let others: Vec<_> = snmp2::Varbinds::from_bytes(&list).collect();
        prop_assert!(ours.len() >= others.len());
        let mut arcs = Vec::new();
        for (ours, (name, value)) in ours.iter().zip(&others) {
            prop_assert_eq!(ours.name, Some(name.as_bytes()));
            let ours = ours.value();
            let readable = match value {
                // It cuts wide numbers off; we call them undecoded. It reads anything constructed.
                snmp2::Value::Counter32(_) | snmp2::Value::Unsigned32(_) | snmp2::Value::Timeticks(_) => !matches!(ours, Value::Undecoded { .. }),
                snmp2::Value::ObjectIdentifier(name) => ber::arcs(name.as_bytes(), &mut arcs).is_some(),
                other => !matches!(theirs(other), Value::Undecoded { .. }),
            };
            if readable {
                prop_assert_eq!(ours, theirs(value));
            }
        }
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut name = Vec::new();
        if let Ok(message) = scan_v2c(&octets) {
            for varbind in message.pdu.varbinds().flatten() {
                let _ = (varbind.name_into(&mut name), varbind.value());
            }
        }
        let datagram = v2c_message("public", &response_pdu(RESPONSE, 5, 0, 0, &octets));
        for varbind in scan_v2c(&datagram).unwrap().pdu.varbinds().flatten() {
            let _ = (varbind.name_into(&mut name), varbind.value());
        }
    }
}
