//! As much of BER as the agent needs, apart from the product's own reader: a mistake there must not hide itself here.

/// Reads elements one after the other.
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// Tag, contents, and the whole of an element.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    pub tag: u8,
    pub body: &'a [u8],
    pub whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The next element; `None` at the end, or where octets are missing.
    pub fn element(&mut self) -> Option<Element<'a>> {
        let (tag, first) = (*self.rest.first()?, usize::from(*self.rest.get(1)?));
        let (header, length) = if first < 0x80 {
            (2, first)
        } else {
            let field = self.rest.get(2..2 + (first & 0x7f))?;
            (
                2 + field.len(),
                field.iter().try_fold(0_usize, |sum, octet| Some(sum.checked_mul(256)? + usize::from(*octet)))?,
            )
        };
        let end = header.checked_add(length)?;
        let (body, whole) = (self.rest.get(header..end)?, self.rest.get(..end)?);
        self.rest = self.rest.get(end..)?;
        Some(Element { tag, body, whole })
    }
}

/// The contents of the first element; empty where it is broken.
pub fn contents(octets: &[u8]) -> &[u8] {
    Reader::new(octets).element().map_or(&[], |element| element.body)
}

/// A non-negative number; 0 where it is none.
pub fn number(body: &[u8]) -> usize {
    if body.first().is_none_or(|first| first & 0x80 != 0) || body.len() > 4 {
        return 0;
    }
    body.iter().fold(0, |sum, octet| sum * 256 + usize::from(*octet))
}

/// The sub-identifiers of an OBJECT IDENTIFIER's contents.
pub fn arcs(body: &[u8], arcs: &mut Vec<u32>) {
    arcs.clear();
    let mut value = 0_u32;
    for octet in body {
        value = (value << 7) | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (value / 40).min(2);
                arcs.extend([first, value - first * 40]);
            } else {
                arcs.push(value);
            }
            value = 0;
        }
    }
}
