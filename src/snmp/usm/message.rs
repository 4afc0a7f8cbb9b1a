//! The head of an SNMPv3 message (RFC 3412, 6; RFC 3414, 2.4): read without trusting it, and written.

use std::ops::Range;

use crate::snmp::ber::{
    self, BerError, Element, INTEGER, OCTET_STRING, Reader, SEQUENCE, element_octets, integer_octets, signed,
};
use crate::snmp::codec::{Names, Operation, OutgoingPdu, Request, VERSION_3};

/// msgFlags: the message is authenticated.
pub(super) const AUTH: u8 = 1;
/// msgFlags: the scoped PDU is encrypted.
pub(super) const PRIVACY: u8 = 2;
/// msgFlags: a Report may answer.
const REPORTABLE: u8 = 4;

const USM: i32 = 3;
/// The largest message that we take.
const MAX_SIZE: i64 = 65_507;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(in crate::snmp) struct Header<'a> {
    /// msgID.
    pub(in crate::snmp) id: i32,
    pub(super) flags: u8,
    pub(super) engine_id: &'a [u8],
    pub(super) boots: i32,
    pub(super) time: i32,
    pub(super) user: &'a [u8],
    pub(super) tag: &'a [u8],
    pub(super) salt: &'a [u8],
    /// The message before and after the tag.
    pub(super) around_tag: (&'a [u8], &'a [u8]),
    /// The scoped PDU, or its encrypted octets.
    pub(super) data: Element<'a>,
}

/// Reads the head of a message; octets after the message are ignored. Its msgMaxSize only says how much the other side
/// can take: RFC 3412 allows up to 2^31-1, and we never ask for more than it gives.
pub(in crate::snmp) fn read(datagram: &[u8]) -> Result<Header<'_>, BerError> {
    let mut outer = Reader::new(datagram);
    let body = outer.expect(SEQUENCE)?;
    let (message, _) = datagram.split_at_checked(datagram.len() - outer.left()).ok_or(BerError::Truncated)?;
    let mut parts = Reader::new(body);
    if parts.int32()? != VERSION_3 {
        return Err(BerError::Integer);
    }
    let mut global = Reader::new(parts.expect(SEQUENCE)?);
    let id = global.int32()?;
    signed(global.expect(INTEGER)?).filter(|size| *size >= 0).ok_or(BerError::Integer)?;
    let &[flags] = global.expect(OCTET_STRING)? else { return Err(BerError::Length) };
    if global.int32()? != USM {
        return Err(BerError::Integer);
    }
    let mut security = Reader::new(parts.expect(OCTET_STRING)?);
    let after_security = parts.left();
    let mut usm = Reader::new(security.expect(SEQUENCE)?);
    let engine_id = usm.expect(OCTET_STRING)?;
    let boots = usm.int32()?;
    let time = usm.int32()?;
    let user = usm.expect(OCTET_STRING)?;
    let tag = usm.expect(OCTET_STRING)?;
    let after_tag = after_security + security.left() + usm.left();
    let salt = usm.expect(OCTET_STRING)?;
    let data = parts.element()?;
    if boots < 0 || time < 0 || data.tag != SEQUENCE && data.tag != OCTET_STRING {
        return Err(BerError::Integer);
    }
    let end = message.len().checked_sub(after_tag).ok_or(BerError::Length)?;
    let start = end.checked_sub(tag.len()).ok_or(BerError::Length)?;
    let before = message.get(..start).ok_or(BerError::Length)?;
    let after = message.get(end..).ok_or(BerError::Length)?;
    Ok(Header { id, flags, engine_id, boots, time, user, tag, salt, around_tag: (before, after), data })
}

/// What stands around the PDU of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) id: i32,
    pub(super) engine_id: &'a [u8],
    pub(super) boots: i64,
    pub(super) time: i64,
    pub(super) user: &'a [u8],
    /// Octets that the signature takes; `None` for an unsigned message.
    pub(super) tag: Option<usize>,
    /// The salt, and what the length of the encrypted octets is a multiple of; `None` for an open message.
    pub(super) privacy: Option<([u8; 8], usize)>,
}

/// Where the signature has its place in a message, and from where on it is to be encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) tag: Range<usize>,
    pub(super) encrypted: usize,
}

/// Puts a request into an empty buffer, neither signed nor encrypted yet: zeros stand in the place of the signature.
pub(super) fn put(buffer: &mut Vec<u8>, envelope: &Envelope<'_>, pdu: &OutgoingPdu<'_>) -> Places {
    let Envelope { id, engine_id, boots, time, user, tag, privacy } = *envelope;
    let integer = |number: i64| element_octets(integer_octets(number));
    let tag = tag.unwrap_or(0);
    let salt: &[u8] = privacy.as_ref().map_or(&[], |(salt, _)| salt);
    let flags = REPORTABLE | if tag > 0 { AUTH } else { 0 } | if privacy.is_some() { PRIVACY } else { 0 };
    // The context's name is empty.
    let scoped_contents = element_octets(engine_id.len()) + element_octets(0) + pdu.octets();
    let scoped = element_octets(scoped_contents);
    let padded = privacy.map(|(_, block)| scoped.next_multiple_of(block));
    let data = padded.map_or(scoped, element_octets);
    let usm = element_octets(engine_id.len())
        + integer(boots)
        + integer(time)
        + element_octets(user.len())
        + element_octets(tag)
        + element_octets(salt.len());
    let security = element_octets(usm);
    let global = integer(i64::from(id)) + integer(MAX_SIZE) + element_octets(1) + integer(i64::from(USM));
    let contents = integer(i64::from(VERSION_3)) + element_octets(global) + element_octets(security) + data;
    buffer.reserve(element_octets(contents));
    buffer.push(SEQUENCE);
    ber::put_length(buffer, contents);
    ber::put_integer(buffer, i64::from(VERSION_3));
    buffer.push(SEQUENCE);
    ber::put_length(buffer, global);
    ber::put_integer(buffer, i64::from(id));
    ber::put_integer(buffer, MAX_SIZE);
    ber::put_octets(buffer, OCTET_STRING, &[flags]);
    ber::put_integer(buffer, i64::from(USM));
    buffer.push(OCTET_STRING);
    ber::put_length(buffer, security);
    buffer.push(SEQUENCE);
    ber::put_length(buffer, usm);
    ber::put_octets(buffer, OCTET_STRING, engine_id);
    ber::put_integer(buffer, boots);
    ber::put_integer(buffer, time);
    ber::put_octets(buffer, OCTET_STRING, user);
    buffer.push(OCTET_STRING);
    ber::put_length(buffer, tag);
    let tag = buffer.len()..buffer.len() + tag;
    buffer.resize(tag.end, 0);
    ber::put_octets(buffer, OCTET_STRING, salt);
    if let Some(padded) = padded {
        buffer.push(OCTET_STRING);
        ber::put_length(buffer, padded);
    }
    let encrypted = buffer.len();
    buffer.push(SEQUENCE);
    ber::put_length(buffer, scoped_contents);
    ber::put_octets(buffer, OCTET_STRING, engine_id);
    ber::put_octets(buffer, OCTET_STRING, &[]);
    pdu.put(buffer);
    buffer.resize(encrypted + padded.unwrap_or(scoped), 0);
    Places { tag, encrypted }
}

/// Puts the probe of a discovery (RFC 3414, 4) into an empty buffer: an unsigned message with an empty GET for no engine.
pub(in crate::snmp) fn probe(buffer: &mut Vec<u8>, id: i32) {
    let nothing = Request { operation: Operation::Get, names: Names::default() };
    let nobody = Envelope { id, engine_id: &[], boots: 0, time: 0, user: &[], tag: None, privacy: None };
    put(buffer, &nobody, &OutgoingPdu::new(id, &nothing));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message that will be signed and encrypted, with names of so many octets, and where its places are.
    fn message(names: usize, block: usize) -> (Vec<u8>, Places) {
        let mut list = Names::default();
        list.push(&vec![1; names], &[]);
        let request = Request { operation: Operation::GetBulk { max_repetitions: 40 }, names: list };
        let envelope = Envelope {
            id: 77,
            engine_id: &[1, 2, 3, 4, 5],
            boots: 3,
            time: 1_000_000,
            user: b"noc",
            tag: Some(24),
            privacy: Some(([7; 8], block)),
        };
        let mut datagram = Vec::new();
        let places = put(&mut datagram, &envelope, &OutgoingPdu::new(77, &request));
        (datagram, places)
    }

    #[test]
    fn what_is_put_is_read_again_and_its_places_are_where_they_were_said_to_be() {
        // Lengths of one, two and three octets around them.
        for names in [20, 70, 90, 110, 120, 200, 250, 300] {
            for block in [1, 8] {
                let (datagram, places) = message(names, block);
                let header = read(&datagram).unwrap();
                assert_eq!((header.id, header.engine_id, header.flags), (77, &[1, 2, 3, 4, 5][..], 7), "{names}");
                assert_eq!((header.boots, header.time, header.user), (3, 1_000_000, &b"noc"[..]));
                assert_eq!((header.tag, header.salt), (&[0; 24][..], &[7; 8][..]));
                let (before, after) = header.around_tag;
                assert_eq!([before, header.tag, after].concat(), datagram);
                assert_eq!(before.len()..before.len() + 24, places.tag);
                assert_eq!(datagram.len() - header.data.body.len(), places.encrypted);
                assert!(header.data.tag == OCTET_STRING && header.data.body.len().is_multiple_of(block));
            }
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..90, bit in 0_u8..8) {
            let _ = read(&octets);
            let (mut datagram, _) = message(20, 1);
            if let Some(octet) = datagram.get_mut(at) {
                *octet ^= 1 << bit;
            }
            let _ = read(&datagram);
        }
    }
}
