//! The head of an SNMPv3 message (RFC 3412, 6; RFC 3414, 2.4), read without trusting it.

use crate::snmp::ber::{BerError, Element, INTEGER, OCTET_STRING, Reader, SEQUENCE, Writer, signed};
use crate::snmp::codec::VERSION_3;

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

/// An unauthenticated message with an empty GET from this engine's view: the probe of a discovery when the engine ID is
/// empty (RFC 3414, 4), else the mould for a request.
pub(super) fn plain_get(id: i32, engine_id: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    let scoped = writer.mark();
    let pdu = writer.mark();
    writer.octets(SEQUENCE, &[]);
    writer.integer(INTEGER, 0);
    writer.integer(INTEGER, 0);
    writer.integer(INTEGER, i64::from(id));
    writer.wrap(0xa0, pdu);
    writer.octets(OCTET_STRING, &[]);
    writer.octets(OCTET_STRING, engine_id);
    writer.wrap(SEQUENCE, scoped);
    let security = writer.mark();
    writer.octets(OCTET_STRING, &[]);
    writer.octets(OCTET_STRING, &[]);
    writer.octets(OCTET_STRING, &[]);
    writer.integer(INTEGER, 0);
    writer.integer(INTEGER, 0);
    writer.octets(OCTET_STRING, engine_id);
    writer.wrap(SEQUENCE, security);
    writer.wrap(OCTET_STRING, security);
    let global = writer.mark();
    writer.integer(INTEGER, i64::from(USM));
    writer.octets(OCTET_STRING, &[REPORTABLE]);
    writer.integer(INTEGER, MAX_SIZE);
    writer.integer(INTEGER, i64::from(id));
    writer.wrap(SEQUENCE, global);
    writer.integer(INTEGER, i64::from(VERSION_3));
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_tag_is_found_wherever_it_stands() {
        let datagram = plain_get(77, &[1, 2, 3, 4, 5]);
        let header = read(&datagram).unwrap();
        assert_eq!((header.id, header.engine_id, header.flags), (77, &[1, 2, 3, 4, 5][..], REPORTABLE));
        let (before, after) = header.around_tag;
        assert_eq!([before, header.tag, after].concat(), datagram);
        assert!(before.ends_with(&[OCTET_STRING, 0]) && after.starts_with(&[OCTET_STRING, 0]));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..90, bit in 0_u8..8) {
            let _ = read(&octets);
            let mut datagram = plain_get(77, &[1, 2, 3, 4, 5]);
            if let Some(octet) = datagram.get_mut(at) {
                *octet ^= 1 << bit;
            }
            let _ = read(&datagram);
        }
    }
}
