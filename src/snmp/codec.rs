//! SNMP messages as octets: requests are encoded, answers are scanned without trusting any of them.
//!
//! The scanner walks the varbinds of an answer itself: a value of an unknown or broken encoding becomes
//! [`Value::Undecoded`] and its neighbours survive, and a list that breaks off is seen as such, which the iterator of
//! the `snmp2` crate does not tell from a list that ends.

use super::ber::{self, BerError, INTEGER, NULL, OBJECT_ID, OCTET_STRING, Reader, SEQUENCE};
use super::oid::MAX_ARCS;
use super::{Oid, Value, ValueRef, index};

pub(super) const VERSION_2C: i32 = 1;
pub(super) const VERSION_3: i32 = 3;

const GET: u8 = 0xa0;
const GET_NEXT: u8 = 0xa1;
const RESPONSE: u8 = 0xa2;
const GET_BULK: u8 = 0xa5;
const REPORT: u8 = 0xa8;

const IP_ADDRESS: u8 = 0x40;
const COUNTER32: u8 = 0x41;
const GAUGE32: u8 = 0x42;
const TIME_TICKS: u8 = 0x43;
const OPAQUE: u8 = 0x44;
const COUNTER64: u8 = 0x46;
pub(super) const NO_SUCH_OBJECT: u8 = 0x80;
pub(super) const NO_SUCH_INSTANCE: u8 = 0x81;
pub(super) const END_OF_MIB_VIEW: u8 = 0x82;

/// What is asked of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// The values of these names.
    Get,
    /// What follows each name.
    GetNext,
    /// What follows each name, this many times over; never 0, which makes some agents hang.
    GetBulk {
        /// Rows asked for.
        max_repetitions: u32,
    },
}

/// A request without its id.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) names: Names,
}

impl Request {
    /// Most varbinds that an answer can hold.
    pub(super) fn most_varbinds(&self) -> usize {
        let rows = match self.operation {
            Operation::GetBulk { max_repetitions } => usize::try_from(max_repetitions).unwrap_or(usize::MAX).max(1),
            Operation::Get | Operation::GetNext => 1,
        };
        self.names.count.saturating_mul(rows)
    }
}

/// Names as they stand in a request: the contents of a list of varbinds with NULL values.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    octets: Vec<u8>,
    count: usize,
}

impl Names {
    /// None yet, to be written into a buffer whose contents are lost.
    pub(super) fn into(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { octets: buffer, count: 0 }
    }

    /// Adds a name, given in two parts as they stand on the wire.
    pub(super) fn push(&mut self, head: &[u8], tail: &[u8]) {
        let name = head.len() + tail.len();
        let pair = 1 + ber::length_octets(name) + name + 2;
        self.octets.push(SEQUENCE);
        ber::put_length(&mut self.octets, pair);
        self.octets.push(OBJECT_ID);
        ber::put_length(&mut self.octets, name);
        self.octets.extend_from_slice(head);
        self.octets.extend_from_slice(tail);
        self.octets.extend_from_slice(&[NULL, 0]);
        self.count += 1;
    }

    /// Adds names.
    pub(super) fn add(&mut self, oids: &[Oid]) {
        oids.iter().for_each(|oid| self.push(&index::encode_name(oid.arcs()), &[]));
    }

    #[cfg(test)]
    pub(super) fn of(oids: &[Oid]) -> Self {
        let mut names = Self::default();
        names.add(oids);
        names
    }

    /// The octets.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The buffer, to be used again.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.octets
    }

    /// The name, when there is one only.
    pub(super) fn only(&self) -> Option<Oid> {
        let varbind = VarBinds { reader: Reader::new(&self.octets) }.next()?.ok()?;
        let mut arcs = Vec::new();
        varbind.name_into(&mut arcs)?;
        (self.count == 1).then(|| Oid::new(&arcs))
    }
}

/// Which kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PduKind {
    Response,
    Report,
    /// A request of any kind, by its tag.
    Other(u8),
}

/// A PDU whose varbinds are not read yet. In a GETBULK request the two error fields are non-repeaters and
/// max-repetitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pdu<'a> {
    pub(super) kind: PduKind,
    pub(super) request_id: i32,
    pub(super) error_status: i32,
    pub(super) error_index: i32,
    varbinds: &'a [u8],
}

/// A v2c message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) community: &'a [u8],
    pub(super) pdu: Pdu<'a>,
}

/// One name and value, neither decoded yet; `None` what has no readable frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawVarBind<'a> {
    name: Option<&'a [u8]>,
    tag: u8,
    body: Option<&'a [u8]>,
}

impl<'a> RawVarBind<'a> {
    /// The name's sub-identifiers; `None` when they are broken.
    pub(super) fn name_into(&self, arcs: &mut Vec<u32>) -> Option<()> {
        ber::arcs(self.name?, arcs)
    }

    /// The name's octets; `None` when they have no readable frame.
    pub(super) const fn name(&self) -> Option<&'a [u8]> {
        self.name
    }

    /// The value's tag, and its octets where they have a readable frame.
    pub(super) const fn parts(&self) -> (u8, Option<&'a [u8]>) {
        (self.tag, self.body)
    }

    /// The value; never fails.
    pub(super) fn value(&self) -> Value {
        self.body.map_or(Value::Undecoded { tag: self.tag }, |body| decode_value(self.tag, body))
    }
}

/// The varbinds of a PDU: each has a frame, so that one with broken contents does not hide those after it. An `Err` says
/// that the frames themselves break off there; it is the last item.
#[derive(Debug, Clone)]
pub(super) struct VarBinds<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for VarBinds<'a> {
    type Item = Result<RawVarBind<'a>, BerError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        if let Some((varbind, rest)) = short(self.reader.rest()) {
            self.reader = Reader::new(rest);
            return Some(Ok(varbind));
        }
        let found = self.reader.expect(SEQUENCE).map(|pair| {
            let mut pair = Reader::new(pair);
            let name = pair.expect(OBJECT_ID).ok();
            let tag = pair.peek().unwrap_or(0);
            RawVarBind { name, tag, body: pair.element().ok().map(|value| value.body) }
        });
        if found.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(found)
    }
}

/// A varbind as nearly all are, and what follows it: all lengths take one octet, and nothing stands after the value.
fn short(octets: &[u8]) -> Option<(RawVarBind<'_>, &[u8])> {
    let [SEQUENCE, whole @ ..0x80, inside @ ..] = octets else { return None };
    let (inside, rest) = inside.split_at_checked(usize::from(*whole))?;
    let [OBJECT_ID, length @ ..0x80, named @ ..] = inside else { return None };
    let (name, value) = named.split_at_checked(usize::from(*length))?;
    let [tag, length @ ..0x80, body @ ..] = value else { return None };
    let usual = tag & 0x1f != 0x1f && body.len() == usize::from(*length);
    usual.then_some((RawVarBind { name: Some(name), tag: *tag, body: Some(body) }, rest))
}

impl<'a> Pdu<'a> {
    /// Reads a PDU's head.
    pub(super) fn scan(reader: &mut Reader<'a>) -> Result<Self, BerError> {
        let element = reader.element()?;
        let kind = match element.tag {
            RESPONSE => PduKind::Response,
            REPORT => PduKind::Report,
            other => PduKind::Other(other),
        };
        let mut inside = Reader::new(element.body);
        let request_id = inside.int32()?;
        let error_status = inside.int32()?;
        let error_index = inside.int32()?;
        let varbinds = inside.expect(SEQUENCE)?;
        Ok(Self { kind, request_id, error_status, error_index, varbinds })
    }

    /// Its varbinds.
    pub(super) const fn varbinds(&self) -> VarBinds<'a> {
        VarBinds { reader: Reader::new(self.varbinds) }
    }

    /// How many octets the varbinds take.
    pub(super) const fn varbind_octets(&self) -> usize {
        self.varbinds.len()
    }
}

/// The version of a message, as it stands on the wire.
pub(super) fn version(datagram: &[u8]) -> Result<i32, BerError> {
    Reader::new(Reader::new(datagram).expect(SEQUENCE)?).int32()
}

/// Reads a v2c message; octets after it are ignored.
pub(super) fn scan_v2c(datagram: &[u8]) -> Result<Message<'_>, BerError> {
    let mut message = Reader::new(Reader::new(datagram).expect(SEQUENCE)?);
    let version = message.int32()?;
    if version != VERSION_2C {
        return Err(BerError::Integer);
    }
    let community = message.expect(OCTET_STRING)?;
    let pdu = Pdu::scan(&mut message)?;
    Ok(Message { community, pdu })
}

/// Whether an OID can be put on the wire: 2 to 128 sub-identifiers, the first two within their bounds.
pub(super) fn is_encodable(oid: &Oid) -> bool {
    match oid.arcs() {
        arcs if arcs.len() > MAX_ARCS => false,
        [first, second, ..] => *first < 2 && *second < 40 || *first == 2 && *second <= u32::MAX - 80,
        _ => false,
    }
}

/// A request as a PDU on its way out, its lengths known.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutgoingPdu<'a> {
    tag: u8,
    /// Request id, non-repeaters or error status, max-repetitions or error index.
    numbers: [i64; 3],
    names: &'a [u8],
    contents: usize,
}

impl<'a> OutgoingPdu<'a> {
    pub(super) fn new(request_id: i32, request: &'a Request) -> Self {
        let (tag, repetitions) = match request.operation {
            Operation::Get => (GET, 0),
            Operation::GetNext => (GET_NEXT, 0),
            Operation::GetBulk { max_repetitions } => (GET_BULK, i64::from(max_repetitions.max(1))),
        };
        let names = request.names.octets();
        let numbers = [i64::from(request_id), 0, repetitions];
        let integers: usize = numbers.iter().map(|number| ber::element_octets(ber::integer_octets(*number))).sum();
        Self { tag, numbers, names, contents: integers + ber::element_octets(names.len()) }
    }

    /// How many octets it takes.
    pub(super) const fn octets(&self) -> usize {
        ber::element_octets(self.contents)
    }

    /// Puts it at the end.
    pub(super) fn put(&self, buffer: &mut Vec<u8>) {
        buffer.push(self.tag);
        ber::put_length(buffer, self.contents);
        self.numbers.iter().for_each(|number| ber::put_integer(buffer, *number));
        ber::put_octets(buffer, SEQUENCE, self.names);
    }
}

/// A whole v2c request, put into an empty buffer.
pub(super) fn encode_v2c(buffer: &mut Vec<u8>, community: &[u8], request_id: i32, request: &Request) {
    let pdu = OutgoingPdu::new(request_id, request);
    let version = i64::from(VERSION_2C);
    let message =
        ber::element_octets(ber::integer_octets(version)) + ber::element_octets(community.len()) + pdu.octets();
    buffer.reserve(ber::element_octets(message));
    buffer.push(SEQUENCE);
    ber::put_length(buffer, message);
    ber::put_integer(buffer, version);
    ber::put_octets(buffer, OCTET_STRING, community);
    pdu.put(buffer);
}

/// About how many octets a name takes in a message, with its varbind's frame and a NULL.
pub(super) fn varbind_octets(arcs: &[u32]) -> usize {
    let digits = |arc: &u32| usize::try_from((38 - (arc | 1).leading_zeros()) / 7).unwrap_or(5);
    arcs.iter().map(digits).sum::<usize>() + 5
}

/// A value by its tag; a broken or unknown one is [`Value::Undecoded`].
pub(super) fn decode_value(tag: u8, body: &[u8]) -> Value {
    let narrow = |make: fn(u32) -> Value| ber::unsigned(body).and_then(|number| u32::try_from(number).ok()).map(make);
    let decoded = match tag {
        INTEGER => ber::signed(body).map(Value::Integer),
        OCTET_STRING => Some(Value::OctetString(body.into())),
        NULL => body.is_empty().then_some(Value::Null),
        OBJECT_ID => {
            let mut arcs = Vec::with_capacity(16);
            ber::arcs(body, &mut arcs).map(|()| Value::ObjectId(Oid::new(&arcs)))
        }
        IP_ADDRESS => <[u8; 4]>::try_from(body).ok().map(Value::IpAddress),
        COUNTER32 => narrow(Value::Counter32),
        GAUGE32 => narrow(Value::Gauge32),
        TIME_TICKS => narrow(Value::TimeTicks),
        OPAQUE => Some(Value::Opaque(body.into())),
        COUNTER64 => ber::unsigned(body).map(Value::Counter64),
        NO_SUCH_OBJECT => Some(Value::NoSuchObject),
        NO_SUCH_INSTANCE => Some(Value::NoSuchInstance),
        END_OF_MIB_VIEW => Some(Value::EndOfMibView),
        _ => None,
    };
    decoded.unwrap_or(Value::Undecoded { tag })
}

/// As [`decode_value`], borrowed.
pub(super) fn view_value(tag: u8, body: &[u8]) -> ValueRef<'_> {
    let narrow = || ber::unsigned(body).and_then(|number| u32::try_from(number).ok()).map(i64::from);
    let number = match tag {
        OCTET_STRING => return ValueRef::Octets(body),
        OPAQUE => return ValueRef::Opaque(body),
        NO_SUCH_OBJECT => return ValueRef::NoSuchObject,
        NO_SUCH_INSTANCE => return ValueRef::NoSuchInstance,
        END_OF_MIB_VIEW => return ValueRef::EndOfMibView,
        INTEGER => ber::signed(body),
        COUNTER32 | GAUGE32 | TIME_TICKS => narrow(),
        COUNTER64 => ber::unsigned(body).and_then(|number| i64::try_from(number).ok()),
        _ => None,
    };
    number.map_or(ValueRef::Other, ValueRef::Number)
}

/// The contents of a value's element put into an empty buffer, and its tag; `None` for what was never decoded.
pub(super) fn encode_value(value: &Value, body: &mut Vec<u8>) -> Option<u8> {
    let (tag, octets): (u8, &[u8]) = match value {
        Value::Integer(number) => (INTEGER, &number.to_be_bytes()),
        Value::Counter32(number) => (COUNTER32, &number.to_be_bytes()),
        Value::Gauge32(number) => (GAUGE32, &number.to_be_bytes()),
        Value::TimeTicks(number) => (TIME_TICKS, &number.to_be_bytes()),
        Value::Counter64(number) => (COUNTER64, &number.to_be_bytes()),
        Value::OctetString(octets) => (OCTET_STRING, octets),
        Value::Opaque(octets) => (OPAQUE, octets),
        Value::ObjectId(oid) => (OBJECT_ID, &index::encode_name(oid.arcs())),
        Value::IpAddress(octets) => (IP_ADDRESS, octets),
        Value::Null => (NULL, &[]),
        Value::NoSuchObject => (NO_SUCH_OBJECT, &[]),
        Value::NoSuchInstance => (NO_SUCH_INSTANCE, &[]),
        Value::EndOfMibView => (END_OF_MIB_VIEW, &[]),
        Value::Undecoded { .. } => return None,
    };
    body.extend_from_slice(octets);
    Some(tag)
}

#[cfg(test)]
mod tests;
