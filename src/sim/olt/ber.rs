//! BER as far as SNMP needs it (RFC 3417, 8): a bounded reader that cannot panic, and a writer of definite lengths.

use crate::snmp::Oid;

/// Most sub-identifiers of a name (RFC 2578, 3.5).
const MAX_ARCS: usize = 128;

/// Tags of the types that SNMP uses.
pub(super) mod tag {
    pub const INTEGER: u8 = 0x02;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OBJECT_ID: u8 = 0x06;
    pub const SEQUENCE: u8 = 0x30;
    pub const IP_ADDRESS: u8 = 0x40;
    pub const COUNTER32: u8 = 0x41;
    pub const GAUGE32: u8 = 0x42;
    pub const TIME_TICKS: u8 = 0x43;
    pub const OPAQUE: u8 = 0x44;
    pub const COUNTER64: u8 = 0x46;
    pub const NO_SUCH_OBJECT: u8 = 0x80;
    pub const NO_SUCH_INSTANCE: u8 = 0x81;
    pub const END_OF_MIB_VIEW: u8 = 0x82;
}

/// What was expected where the octets said something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// Octets from the start of the datagram.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

/// One element: its tag, its content, and where the content begins in the datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub at: usize,
}

/// Reads elements one after the other from a slice.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader of a whole datagram.
    pub(super) const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, at: 0 }
    }

    /// A reader of what stands inside an element.
    pub(super) const fn inside(element: &Element<'a>) -> Self {
        Self { rest: element.content, at: element.at }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element of whatever type.
    pub(super) fn element(&mut self) -> Result<Element<'a>, Broken> {
        let start = self.at;
        let broken = |expected| Broken { at: start, expected };
        let tag = self.octet().ok_or(broken("a type"))?;
        if tag & 0x1f == 0x1f {
            return Err(broken("a type of one octet"));
        }
        let first = self.octet().ok_or(broken("a length"))?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let mut length = 0_usize;
                for _ in 0..(first & 0x7f) {
                    length = (length << 8) | usize::from(self.octet().ok_or(broken("a whole length"))?);
                }
                length
            }
            _ => return Err(broken("a definite length of at most four octets")),
        };
        let at = self.at;
        let (content, rest) = self.rest.split_at_checked(length).ok_or(broken("as many octets as the length says"))?;
        self.rest = rest;
        self.at = at.saturating_add(length);
        Ok(Element { tag, content, at })
    }

    /// The next element, which must be of this type; `expected` names it.
    pub(super) fn expect(&mut self, tag: u8, expected: &'static str) -> Result<Element<'a>, Broken> {
        let at = self.at;
        let element = self.element()?;
        if element.tag == tag { Ok(element) } else { Err(Broken { at, expected }) }
    }

    /// The next element as a whole number of 32 bits.
    pub(super) fn integer32(&mut self, expected: &'static str) -> Result<i32, Broken> {
        let element = self.expect(tag::INTEGER, expected)?;
        signed(&element).and_then(|number| i32::try_from(number).map_err(|_| Broken { at: element.at, expected }))
    }

    /// Nothing may follow.
    pub(super) const fn end(&self, expected: &'static str) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err(Broken { at: self.at, expected }) }
    }

    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at = self.at.saturating_add(1);
        Some(*first)
    }
}

/// A two's complement number of one to eight octets.
pub(super) fn signed(element: &Element<'_>) -> Result<i64, Broken> {
    let [first, rest @ ..] = element.content else {
        return Err(Broken { at: element.at, expected: "a number of at least one octet" });
    };
    if rest.len() > 7 {
        return Err(Broken { at: element.at, expected: "a number of at most eight octets" });
    }
    let start = i64::from(i8::from_be_bytes([*first]));
    Ok(rest.iter().fold(start, |number, octet| (number << 8) | i64::from(*octet)))
}

/// A number without a sign of one to eight octets, and a leading zero octet where there is one.
pub(super) fn unsigned(element: &Element<'_>) -> Result<u64, Broken> {
    let octets = match element.content {
        [] => return Err(Broken { at: element.at, expected: "a number of at least one octet" }),
        [0, rest @ ..] if rest.len() == 8 => rest,
        octets if octets.len() <= 8 => octets,
        _ => return Err(Broken { at: element.at, expected: "a number of at most eight octets" }),
    };
    Ok(octets.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet)))
}

/// A number without a sign that fits 32 bits.
pub(super) fn unsigned32(element: &Element<'_>) -> Result<u32, Broken> {
    u32::try_from(unsigned(element)?).map_err(|_| Broken { at: element.at, expected: "a number below 2^32" })
}

/// An object identifier. An empty one means 0.0, as net-snmp reads it.
pub(super) fn object_id(element: &Element<'_>) -> Result<Oid, Broken> {
    let broken = |expected| Broken { at: element.at, expected };
    let mut arcs: Vec<u32> = Vec::with_capacity(element.content.len().saturating_add(1).min(MAX_ARCS));
    let mut number = 0_u64;
    let mut open = false;
    for octet in element.content {
        number = (number << 7) | u64::from(octet & 0x7f);
        // The first one carries two sub-identifiers: 40 times the first, plus the second (X.690, 8.19.4).
        if number > u64::from(u32::MAX) + 80 {
            return Err(broken("sub-identifiers below 2^32"));
        }
        open = octet & 0x80 != 0;
        if open {
            continue;
        }
        if arcs.is_empty() {
            let first = (number / 40).min(2);
            arcs.push(u32::try_from(first).map_err(|_| broken("a first sub-identifier"))?);
            number -= first * 40;
        }
        if arcs.len() >= MAX_ARCS {
            return Err(broken("at most 128 sub-identifiers"));
        }
        arcs.push(u32::try_from(number).map_err(|_| broken("sub-identifiers below 2^32"))?);
        number = 0;
    }
    match (open, arcs.is_empty()) {
        (true, _) => Err(broken("a whole last sub-identifier")),
        (false, true) => Ok(Oid::new(&[0, 0])),
        (false, false) => Ok(Oid::new(&arcs)),
    }
}

/// Writes an element with this content.
pub(super) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    put_length(out, content.len());
    out.extend_from_slice(content);
}

/// Octets that an element with so much content takes in all.
pub(super) fn size(content: usize) -> usize {
    let length = match content {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xff_ffff => 4,
        _ => 5,
    };
    content.saturating_add(length).saturating_add(1)
}

/// Writes a tag and a length; the content is the caller's.
pub(super) fn put_header(out: &mut Vec<u8>, tag: u8, content: usize) {
    out.push(tag);
    put_length(out, content);
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let significant = octets.iter().skip_while(|octet| **octet == 0);
            // At most eight octets, so their number fits the lower seven bits.
            let count = significant.clone().count();
            out.push(0x80 | u8::try_from(count).unwrap_or(0x7f));
            out.extend(significant);
        }
    }
}

/// The fewest octets of a two's complement number (X.690, 8.3.2).
pub(super) fn signed_octets(number: i64) -> ([u8; 8], usize) {
    let octets = number.to_be_bytes();
    let spare = octets
        .iter()
        .zip(octets.iter().skip(1))
        .take_while(|(lead, next)| (**lead == 0 && **next < 0x80) || (**lead == 0xff && **next >= 0x80))
        .count();
    (octets, spare)
}

/// Writes a number with a sign.
pub(super) fn put_signed(out: &mut Vec<u8>, tag: u8, number: i64) {
    let (octets, spare) = signed_octets(number);
    put(out, tag, octets.get(spare..).unwrap_or_default());
}

/// Writes a number without a sign: as few octets as hold it, and a zero before them where the first bit is set.
pub(super) fn put_unsigned(out: &mut Vec<u8>, tag: u8, number: u64) {
    let mut octets = [0_u8; 9];
    for (to, from) in octets.iter_mut().skip(1).zip(number.to_be_bytes()) {
        *to = from;
    }
    let spare =
        octets.iter().zip(octets.iter().skip(1)).take_while(|(lead, next)| **lead == 0 && **next < 0x80).count();
    put(out, tag, octets.get(spare..).unwrap_or_default());
}

/// The content octets of an object identifier, or `None` when BER has no form for it: fewer than two or more than
/// 128 sub-identifiers, a first above 2, or a second above 39 under 0 and 1.
pub(super) fn object_id_octets(oid: &Oid) -> Option<Vec<u8>> {
    let [first, second, rest @ ..] = oid.arcs() else { return None };
    if *first > 2 || (*first < 2 && *second > 39) || rest.len() > MAX_ARCS - 2 {
        return None;
    }
    let mut out = Vec::with_capacity(rest.len().saturating_mul(2).saturating_add(4));
    put_base128(&mut out, u64::from(*first) * 40 + u64::from(*second));
    for arc in rest {
        put_base128(&mut out, u64::from(*arc));
    }
    Some(out)
}

fn put_base128(out: &mut Vec<u8>, number: u64) {
    // 2^32 + 79 has 33 bits: five groups of seven.
    for group in (0..5).rev() {
        let shifted = number >> (group * 7);
        if shifted == 0 && group > 0 {
            continue;
        }
        let more = if group > 0 { 0x80 } else { 0 };
        out.push(u8::try_from(shifted & 0x7f).unwrap_or(0x7f) | more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_fewest_octets() {
        for (number, expected) in [
            (0_i64, &[2, 1, 0][..]),
            (127, &[2, 1, 0x7f]),
            (128, &[2, 2, 0, 0x80]),
            (-1, &[2, 1, 0xff]),
            (-128, &[2, 1, 0x80]),
            (-129, &[2, 2, 0xff, 0x7f]),
            (2_147_483_647, &[2, 4, 0x7f, 0xff, 0xff, 0xff]),
            (-2_147_483_648, &[2, 4, 0x80, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            put_signed(&mut out, tag::INTEGER, number);
            assert_eq!(out, expected, "{number}");
        }
        let mut out = Vec::new();
        put_unsigned(&mut out, tag::COUNTER64, u64::MAX);
        assert_eq!(out, [0x46, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        out.clear();
        put_unsigned(&mut out, tag::GAUGE32, 0);
        assert_eq!(out, [0x42, 1, 0]);
    }

    #[test]
    fn the_first_octets_of_an_oid_carry_two_sub_identifiers() {
        for (text, octets) in [
            ("0.0", &[0][..]),
            ("1.3.6.1", &[0x2b, 6, 1]),
            ("1.0.8802", &[0x28, 0xc4, 0x62]),
            ("2.40", &[0x78]),
            ("2.999", &[0x88, 0x37]),
            ("2.4294967295", &[0x90, 0x80, 0x80, 0x80, 0x4f]),
            ("1.3.4294967295", &[0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f]),
        ] {
            let oid: Oid = text.parse().unwrap();
            assert_eq!(object_id_octets(&oid).unwrap(), octets, "{text}");
            let element = Element { tag: tag::OBJECT_ID, content: octets, at: 0 };
            assert_eq!(object_id(&element).unwrap(), oid, "{text}");
        }
        for arcs in [&[][..], &[1], &[3, 1], &[1, 40], &[1; 129]] {
            assert_eq!(object_id_octets(&Oid::new(arcs)), None);
        }
    }

    #[test]
    fn broken_elements_say_what_was_expected_and_where() {
        for (octets, expected) in [
            (&[0x02][..], "a length"),
            (&[0x1f, 1, 0], "a type of one octet"),
            (&[0x02, 0x80, 1, 0, 0], "a definite length of at most four octets"),
            (&[0x02, 0x82, 1], "a whole length"),
            (&[0x02, 5, 1], "as many octets as the length says"),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], "as many octets as the length says"),
        ] {
            assert_eq!(Reader::new(octets).element().unwrap_err(), Broken { at: 0, expected });
        }
        let overlong = Element { tag: tag::OBJECT_ID, content: &[0x2b, 0x90, 0x80, 0x80, 0x80, 0x80], at: 7 };
        assert_eq!(object_id(&overlong).unwrap_err().at, 7);
        let cut = Element { tag: tag::OBJECT_ID, content: &[0x2b, 0x81], at: 0 };
        assert_eq!(object_id(&cut).unwrap_err().expected, "a whole last sub-identifier");
    }

    #[test]
    fn lengths_have_the_size_that_was_foretold() {
        for length in [0, 127, 128, 255, 256, 65_535, 65_536] {
            let mut out = Vec::new();
            put(&mut out, tag::OCTET_STRING, &vec![0; length]);
            assert_eq!(out.len(), size(length), "{length}");
            assert_eq!(Reader::new(&out).element().unwrap().content.len(), length);
        }
    }
}
