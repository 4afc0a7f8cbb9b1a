//! The part of BER that SNMP uses (RFC 3417, 8): tag, definite length, contents. Reading is bounded and tolerant of
//! long length forms; writing gives the shortest form.

use super::oid::MAX_ARCS;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Why octets are not BER of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BerError {
    #[error("it ends inside an element")]
    Truncated,
    #[error("an element has an indefinite or oversized length")]
    Length,
    #[error("an element of type 0x{expected:02x} was expected, type 0x{found:02x} was found")]
    Type { expected: u8, found: u8 },
    #[error("an integer is empty or does not fit")]
    Integer,
}

/// Tag and contents of one element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// How many octets are not read yet.
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next element, of whatever type.
    pub(super) fn element(&mut self) -> Result<Element<'a>, BerError> {
        let (&tag, rest) = self.rest.split_first().ok_or(BerError::Truncated)?;
        if tag & 0x1f == 0x1f {
            // Tags of several octets do not occur in SNMP.
            return Err(BerError::Length);
        }
        let (&first, mut rest) = rest.split_first().ok_or(BerError::Truncated)?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let octets = usize::from(first & 0x7f);
            if octets == 0 || octets > 8 {
                return Err(BerError::Length);
            }
            let (field, after) = rest.split_at_checked(octets).ok_or(BerError::Truncated)?;
            let wide = field.iter().fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet));
            length = usize::try_from(wide).map_err(|_| BerError::Length)?;
            rest = after;
        }
        let (body, after) = rest.split_at_checked(length).ok_or(BerError::Truncated)?;
        self.rest = after;
        Ok(Element { tag, body })
    }

    /// The contents of the next element, which must have this type.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        let found = self.element()?;
        if found.tag == tag { Ok(found.body) } else { Err(BerError::Type { expected: tag, found: found.tag }) }
    }

    /// The next element, an INTEGER of 32 bits.
    pub(super) fn int32(&mut self) -> Result<i32, BerError> {
        let wide = signed(self.expect(INTEGER)?).ok_or(BerError::Integer)?;
        i32::try_from(wide).map_err(|_| BerError::Integer)
    }
}

/// A two's complement number of any length that fits 64 bits; redundant sign octets are allowed.
pub(super) fn signed(body: &[u8]) -> Option<i64> {
    let (&first, _) = body.split_first()?;
    let negative = first & 0x80 != 0;
    let padding = if negative { 0xff } else { 0x00 };
    let mut digits = body;
    while digits.len() > 8 {
        let (&octet, rest) = digits.split_first()?;
        if octet != padding {
            return None;
        }
        digits = rest;
    }
    if digits.first().is_some_and(|octet| (octet & 0x80 != 0) != negative) {
        return None;
    }
    let start: i64 = if negative { -1 } else { 0 };
    Some(digits.iter().fold(start, |sum, octet| (sum << 8) | i64::from(*octet)))
}

/// A number that is never negative. Agents that forget the leading zero of a large one are understood, as everybody
/// else understands them.
pub(super) fn unsigned(body: &[u8]) -> Option<u64> {
    if body.is_empty() {
        return None;
    }
    let mut digits = body;
    while let Some((0, rest)) = digits.split_first() {
        digits = rest;
    }
    if digits.len() > 8 {
        return None;
    }
    Some(digits.iter().fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet)))
}

/// The sub-identifiers of an OBJECT IDENTIFIER, put into `arcs`. Empty contents are `0.0`, as some agents send them.
/// `None` when a sub-identifier does not end or does not fit, or there are too many.
pub(super) fn arcs(body: &[u8], arcs: &mut Vec<u32>) -> Option<()> {
    arcs.clear();
    if body.is_empty() {
        arcs.extend([0, 0]);
        return Some(());
    }
    let mut value = 0_u32;
    let mut inside = false;
    for octet in body {
        if value >> 25 != 0 {
            return None;
        }
        value = (value << 7) | u32::from(octet & 0x7f);
        inside = octet & 0x80 != 0;
        if inside {
            continue;
        }
        if arcs.is_empty() {
            let first = (value / 40).min(2);
            arcs.extend([first, value - first * 40]);
        } else {
            arcs.push(value);
        }
        if arcs.len() > MAX_ARCS {
            return None;
        }
        value = 0;
    }
    (!inside).then_some(())
}

/// How many octets a length takes.
pub(super) const fn length_octets(length: usize) -> usize {
    match length {
        0..0x80 => 1,
        0x80..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x100_0000 => 4,
        _ => 5,
    }
}

/// Puts a length, below 2^32, at the end.
pub(super) fn put_length(octets: &mut Vec<u8>, length: usize) {
    if let Ok(short @ ..0x80) = u8::try_from(length) {
        return octets.push(short);
    }
    let wide = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let digits = length_octets(length) - 1;
    octets.push(0x80 | u8::try_from(digits).unwrap_or(4));
    let skip = wide.len() - digits;
    octets.extend_from_slice(wide.get(skip..).unwrap_or_default());
}

/// How many octets an INTEGER's contents take.
pub(super) const fn integer_octets(number: i64) -> usize {
    let significant = if number < 0 { 65 - (!number).leading_zeros() } else { 65 - number.leading_zeros() };
    // 1 to 65.
    significant.div_ceil(8) as usize
}

/// Puts an INTEGER at the end.
pub(super) fn put_integer(octets: &mut Vec<u8>, number: i64) {
    let wide = number.to_be_bytes();
    let digits = integer_octets(number);
    octets.push(INTEGER);
    put_length(octets, digits);
    octets.extend_from_slice(wide.get(wide.len().saturating_sub(digits)..).unwrap_or(&wide));
}

/// How many octets an element takes whose contents take so many.
pub(super) const fn element_octets(contents: usize) -> usize {
    1 + length_octets(contents) + contents
}

/// Puts an element at the end.
pub(super) fn put_octets(octets: &mut Vec<u8>, tag: u8, body: &[u8]) {
    octets.push(tag);
    put_length(octets, body.len());
    octets.extend_from_slice(body);
}

/// Writes elements from the last to the first, so that every length is known when it is written: apart from what puts
/// them at the end, for tests of that.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Writer {
    reversed: Vec<u8>,
}

#[cfg(test)]
impl Writer {
    /// Where the writer stands, for [`Self::wrap`].
    pub(super) const fn mark(&self) -> usize {
        self.reversed.len()
    }

    /// Puts octets before what is there.
    pub(super) fn raw(&mut self, octets: &[u8]) {
        self.reversed.extend(octets.iter().rev());
    }

    /// Makes everything written since `mark` the contents of an element.
    pub(super) fn wrap(&mut self, tag: u8, mark: usize) {
        let length = self.reversed.len().saturating_sub(mark);
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => self.reversed.push(short),
            _ => {
                let octets = length.to_be_bytes();
                let digits = octets.iter().skip_while(|octet| **octet == 0).count();
                self.reversed.extend(octets.iter().rev().take(digits));
                self.reversed.push(0x80 | u8::try_from(digits).unwrap_or(8));
            }
        }
        self.reversed.push(tag);
    }

    pub(super) fn octets(&mut self, tag: u8, body: &[u8]) {
        let mark = self.mark();
        self.raw(body);
        self.wrap(tag, mark);
    }

    pub(super) fn integer(&mut self, tag: u8, number: i64) {
        let octets = number.to_be_bytes();
        let mut digits: &[u8] = &octets;
        while let [first, rest @ ..] = digits
            && let [second, ..] = rest
            && (*first == 0 && second & 0x80 == 0 || *first == 0xff && second & 0x80 != 0)
        {
            digits = rest;
        }
        self.octets(tag, digits);
    }

    /// An OBJECT IDENTIFIER. The caller has checked that it begins with two sub-identifiers that can be joined.
    pub(super) fn object_id(&mut self, arcs: &[u32]) {
        let mark = self.mark();
        let (first, second, rest) = match arcs {
            [first, second, rest @ ..] => (*first, *second, rest),
            [first] => (*first, 0, &[][..]),
            [] => (0, 0, &[][..]),
        };
        for arc in rest.iter().rev() {
            self.base128(u64::from(*arc));
        }
        self.base128(u64::from(first) * 40 + u64::from(second));
        self.wrap(OBJECT_ID, mark);
    }

    fn base128(&mut self, number: u64) {
        let mut rest = number;
        let mut more = 0;
        loop {
            let [.., low] = rest.to_be_bytes();
            self.reversed.push((low & 0x7f) | more);
            rest >>= 7;
            more = 0x80;
            if rest == 0 {
                return;
            }
        }
    }

    /// Everything that was written, the first first.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.reversed.reverse();
        self.reversed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn numbers_have_their_shortest_form() {
        for (number, octets) in [
            (0_i64, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (-1, &[2, 1, 0xff]),
            (-128, &[2, 1, 0x80]),
            (-129, &[2, 2, 0xff, 0x7f]),
            (i64::from(i32::MAX), &[2, 4, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(encoded(|writer| writer.integer(INTEGER, number)), octets, "{number}");
        }
    }

    #[test]
    fn what_is_put_at_the_end_is_what_is_written_from_the_last_to_the_first() {
        for number in
            [0, 1, 127, 128, 255, 256, 32_767, 32_768, -1, -128, -129, i64::from(i32::MAX), i64::MAX, i64::MIN]
        {
            let mut octets = Vec::new();
            put_integer(&mut octets, number);
            assert_eq!(octets, encoded(|writer| writer.integer(INTEGER, number)), "{number}");
        }
        for length in [0_usize, 127, 128, 255, 256, 65_535, 65_536] {
            let mut octets = vec![OCTET_STRING];
            put_length(&mut octets, length);
            assert_eq!(octets.len(), 1 + length_octets(length));
            assert!(encoded(|writer| writer.octets(OCTET_STRING, &vec![7; length])).starts_with(&octets), "{length}");
        }
    }

    #[test]
    fn long_lengths_go_there_and_back() {
        for length in [0_usize, 127, 128, 255, 256, 65_507] {
            let octets = encoded(|writer| writer.octets(OCTET_STRING, &vec![7; length]));
            let mut reader = Reader::new(&octets);
            assert_eq!(reader.expect(OCTET_STRING).unwrap().len(), length);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn sloppy_numbers_are_understood_and_impossible_ones_refused() {
        assert_eq!(unsigned(&[0xff, 0xff, 0xff, 0xff]), Some(4_294_967_295));
        assert_eq!(unsigned(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Some(u64::MAX));
        assert_eq!(unsigned(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(unsigned(&[]), None);
        assert_eq!(signed(&[]), None);
        assert_eq!(signed(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 5]), Some(5));
        assert_eq!(signed(&[0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(signed(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn indefinite_and_overlong_elements_are_refused() {
        for octets in [
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0xff],
            &[0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x30, 5, 0],
            &[0x1f, 1, 0],
            &[0x30],
            &[],
        ] {
            assert!(Reader::new(octets).element().is_err(), "{octets:02x?}");
        }
    }

    proptest! {
        #[test]
        fn every_number_and_oid_comes_back(number: i64, first in 0_u32..3, second in 0_u32..40, rest in prop::collection::vec(any::<u32>(), 0..40)) {
            let octets = encoded(|writer| writer.integer(INTEGER, number));
            prop_assert_eq!(signed(Reader::new(&octets).expect(INTEGER).unwrap()), Some(number));
            let mut oid = vec![first, second];
            oid.extend(&rest);
            let octets = encoded(|writer| writer.object_id(&oid));
            let mut back = Vec::new();
            prop_assert_eq!(arcs(Reader::new(&octets).expect(OBJECT_ID).unwrap(), &mut back), Some(()));
            prop_assert_eq!(back, oid);
        }

        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&octets);
            let mut found = Vec::new();
            while let Ok(element) = reader.element() {
                let _ = (signed(element.body), unsigned(element.body), arcs(element.body, &mut found));
            }
        }
    }
}
