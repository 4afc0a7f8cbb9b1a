//! Notifications in v1 and v2c; those in SNMPv3 stand with the tests of USM, whose far engines seal them.

use proptest::prelude::*;

use super::super::ber::{INTEGER, OBJECT_ID, Writer};
use super::super::testing::{oid, response_pdu, v2c_message, write_varbinds};
use super::*;

const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const DYING_GASP: &str = "1.3.6.1.4.1.2011.6.128.1.1.12.2.2.0.18";
const FRAME: &str = "1.3.6.1.4.1.2011.6.128.1.1.12.2.1.1";

/// A notification in v2c form with uptime, trap OID and one varbind more.
fn v2c(tag: u8, trap: &str, more: &[(Oid, Value)]) -> Vec<u8> {
    let mut varbinds = vec![
        (Oid::new(&SYS_UP_TIME), Value::TimeTicks(123_456)),
        (Oid::new(&TRAP_OID), Value::ObjectId(oid(trap))),
        (oid(FRAME), Value::Integer(7)),
    ];
    varbinds.extend_from_slice(more);
    v2c_message("a community", &response_pdu(tag, 77, 0, 0, &write_varbinds(&varbinds)))
}

fn v1(generic: i64, specific: i64, agent: [u8; 4]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.octets(SEQUENCE, &write_varbinds(&[(oid(FRAME), Value::Integer(7))]));
    writer.integer(0x43, 123_456);
    writer.integer(INTEGER, specific);
    writer.integer(INTEGER, generic);
    writer.octets(0x40, &agent);
    writer.object_id(oid("1.3.6.1.4.1.2011.6.128.1.1.12.2.2").arcs());
    writer.wrap(0xa4, 0);
    let pdu = writer.finish();
    let mut writer = Writer::default();
    writer.raw(&pdu);
    writer.octets(OCTET_STRING, b"a community");
    writer.integer(INTEGER, 0);
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

#[test]
fn a_v2c_trap_and_an_inform_say_what_they_are() {
    for (tag, kind) in [(0xa7, TrapKind::Trap), (INFORM, TrapKind::Inform)] {
        let message = decode(&v2c(tag, DYING_GASP, &[])).unwrap();
        let expected = TrapMessage {
            version: TrapVersion::V2c,
            kind,
            trap: oid(DYING_GASP),
            uptime: Some(Duration::from_millis(1_234_560)),
            agent: None,
            varbinds: vec![VarBind { oid: oid(FRAME), value: Value::Integer(7) }],
            left_out: 0,
        };
        assert_eq!(message, expected);
    }
}

#[test]
fn a_proxy_says_whose_trap_it_is() {
    let address = (oid("1.3.6.1.6.3.18.1.3.0"), Value::IpAddress([192, 0, 2, 7]));
    let message = decode(&v2c(0xa7, LINK_DOWN, &[address])).unwrap();
    assert_eq!((message.agent, message.varbinds.len()), (Some(Ipv4Addr::new(192, 0, 2, 7)), 1));
}

#[test]
fn a_v1_trap_gets_the_name_that_it_has_in_v2() {
    for (generic, specific, name) in [
        (0, 0, "1.3.6.1.6.3.1.1.5.1"),
        (2, 0, LINK_DOWN),
        (4, 99, "1.3.6.1.6.3.1.1.5.5"),
        (6, 18, "1.3.6.1.4.1.2011.6.128.1.1.12.2.2.0.18"),
    ] {
        let message = decode(&v1(generic, specific, [192, 0, 2, 7])).unwrap();
        assert_eq!((message.version, message.kind), (TrapVersion::V1, TrapKind::Trap));
        assert_eq!(message.trap, oid(name));
        assert_eq!(message.agent, Some(Ipv4Addr::new(192, 0, 2, 7)));
        assert_eq!(message.uptime, Some(Duration::from_millis(1_234_560)));
        assert_eq!(message.varbinds, [VarBind { oid: oid(FRAME), value: Value::Integer(7) }]);
    }
    assert_eq!(decode(&v1(6, 18, [0; 4])).unwrap().agent, None, "0.0.0.0 is nobody's address");
    for (generic, specific) in [(7, 0), (-1, 0), (6, -1), (6, 1 << 40)] {
        assert!(matches!(decode(&v1(generic, specific, [0; 4])), Err(TrapError::Garbage(_))), "{generic} {specific}");
    }
}

#[test]
fn what_cannot_be_read_of_a_trap_is_counted_and_the_rest_is_taken() {
    let odd = (oid(FRAME).child(&[1]), Value::Undecoded { tag: 0x45 });
    let after = (oid(FRAME).child(&[2]), Value::Integer(8));
    let message = decode(&v2c(0xa7, LINK_DOWN, &[odd, after.clone()])).unwrap();
    assert_eq!((message.varbinds.len(), message.left_out), (1, 2));
    let many = vec![after; 500];
    let message = decode(&v2c(0xa7, LINK_DOWN, &many)).unwrap();
    assert_eq!((message.varbinds.len(), message.left_out), (MAX_VARBINDS - 2, 503 - MAX_VARBINDS));
}

#[test]
fn what_is_no_trap_is_told_for_what_it_is() {
    let pdu = |tag| v2c_message("a community", &response_pdu(tag, 77, 0, 0, &[]));
    assert_eq!(decode(&pdu(0xa0)), Err(TrapError::NotATrap));
    assert_eq!(decode(&pdu(0xa2)), Err(TrapError::NotATrap));
    assert_eq!(decode(&pdu(0xa7)), Err(TrapError::Unnamed));
    assert!(matches!(decode(b""), Err(TrapError::Garbage(_))));
    assert!(matches!(decode(b"GET / HTTP/1.1\r\n"), Err(TrapError::Garbage(_))));
    assert_eq!(decode(&[0x30, 3, 2, 1, 3]), Err(TrapError::Sealed));
    assert!(matches!(decode(&[0x30, 3, 2, 1, 2]), Err(TrapError::Garbage(_))));
    for error in [TrapError::NotATrap, TrapError::Unnamed, TrapError::Sealed, TrapError::SecureInform] {
        assert!(TrapError::WORDS.contains(&error.word()));
    }
}

#[test]
fn an_inform_is_answered_with_what_it_said() {
    let odd = (oid(FRAME).child(&[1]), Value::Undecoded { tag: 0x45 });
    let inform = v2c(INFORM, DYING_GASP, &[odd]);
    let answer = acknowledgement(&[&inform[..], b"and more"].concat()).unwrap();
    assert_eq!(answer.len(), inform.len());
    let answer = super::super::codec::scan_v2c(&answer).unwrap();
    assert_eq!((answer.community, answer.pdu.kind), (&b"a community"[..], super::super::codec::PduKind::Response));
    assert_eq!((answer.pdu.request_id, answer.pdu.varbinds().count()), (77, 4));
    for other in [v2c(0xa7, DYING_GASP, &[]), v1(2, 0, [0; 4]), Vec::new(), vec![0x30, 0]] {
        assert_eq!(acknowledgement(&other), None);
    }
}

#[test]
fn values_nested_without_end_are_no_danger() {
    let mut nested = vec![0x05, 0];
    for _ in 0..5_000 {
        let mut outer = vec![SEQUENCE];
        ber::put_length(&mut outer, nested.len());
        outer.append(&mut nested);
        nested = outer;
    }
    let mut pair = Vec::new();
    ber::put_octets(&mut pair, OBJECT_ID, &[0x2b, 6]);
    pair.extend_from_slice(&nested);
    let mut list = write_varbinds(&[(Oid::new(&TRAP_OID), Value::ObjectId(oid(LINK_DOWN)))]);
    ber::put_octets(&mut list, SEQUENCE, &pair);
    let message = decode(&v2c_message("", &response_pdu(0xa7, 1, 0, 0, &list))).unwrap();
    assert_eq!(message.varbinds[0].value, Value::Undecoded { tag: SEQUENCE });
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200, at in 0_usize..90, octet: u8) {
        let _ = (decode(&octets), acknowledgement(&octets), SealedTrap::read(&octets).map(|_| ()));
        for mut truth in [v1(6, 18, [0; 4]), v2c(INFORM, DYING_GASP, &[])] {
            let short = truth.get(..cut).unwrap_or(&truth).to_vec();
            if short.len() < truth.len() {
                prop_assert!(decode(&short).is_err() && acknowledgement(&short).is_none());
            }
            if let Some(place) = truth.get_mut(at) {
                *place = octet;
            }
            let _ = (decode(&truth), acknowledgement(&truth));
        }
    }
}
