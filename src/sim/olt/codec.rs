//! Messages of SNMP v1 and v2c as octets (RFC 1157, 3416, 3417): decoded from any datagram without a panic, encoded
//! with the shortest numbers and definite lengths.

use std::fmt;

use super::ber::{self, Broken, Element, Reader, tag};
use crate::snmp::{Oid, Value, VarBind};

/// Version of a message; its number on the wire is one less for v1 and v2c.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// SNMPv1.
    V1,
    /// SNMPv2c.
    V2c,
}

impl Version {
    const fn number(self) -> i64 {
        match self {
            Self::V1 => 0,
            Self::V2c => 1,
        }
    }
}

/// What a PDU asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PduKind {
    /// GetRequest.
    Get,
    /// GetNextRequest.
    GetNext,
    /// Response (v1: GetResponse).
    Response,
    /// SetRequest.
    Set,
    /// GetBulkRequest.
    GetBulk,
    /// InformRequest.
    Inform,
    /// SNMPv2-Trap.
    Trap,
    /// Report.
    Report,
}

impl PduKind {
    const ALL: [(Self, u8); 8] = [
        (Self::Get, 0xa0),
        (Self::GetNext, 0xa1),
        (Self::Response, 0xa2),
        (Self::Set, 0xa3),
        (Self::GetBulk, 0xa5),
        (Self::Inform, 0xa6),
        (Self::Trap, 0xa7),
        (Self::Report, 0xa8),
    ];

    fn tag(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0xa8, |(_, tag)| *tag)
    }

    fn of(tag: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == tag).map(|(kind, _)| *kind)
    }
}

/// Values of error-status that the agent uses (RFC 3416, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorStatus {
    /// 0: no error.
    NoError,
    /// 1: the answer does not fit.
    TooBig,
    /// 2: v1's only word for "no such name", and for a refused SET.
    NoSuchName,
    /// 5: reading failed.
    GenErr,
    /// 6: not open to writing.
    NoAccess,
    /// 17: exists, and cannot be changed.
    NotWritable,
}

impl ErrorStatus {
    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::NoError => 0,
            Self::TooBig => 1,
            Self::NoSuchName => 2,
            Self::GenErr => 5,
            Self::NoAccess => 6,
            Self::NotWritable => 17,
        }
    }
}

/// A PDU of v2 form, which all kinds but v1's trap share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// What it asks or says.
    pub kind: PduKind,
    /// Chosen by who asks, repeated by who answers.
    pub request_id: i32,
    /// error-status; in a GETBULK the non-repeaters.
    pub error_status: i32,
    /// error-index; in a GETBULK the max-repetitions.
    pub error_index: i32,
    /// Names and values.
    pub varbinds: Vec<VarBind>,
}

/// A whole message. `Debug` does not show its community.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Version.
    pub version: Version,
    /// The community, which is a password.
    pub community: Box<[u8]>,
    /// The PDU.
    pub pdu: Pdu,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("version", &self.version)
            .field("community", &"…")
            .field("pdu", &self.pdu)
            .finish()
    }
}

/// Why a datagram is no message that we can answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The octets are not what BER or SNMP wants.
    #[error("octet {at}: {expected} was expected")]
    Malformed {
        /// Octets from the start of the datagram.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A message of another version, such as v3.
    #[error("version number {number} was found where 0 (v1) or 1 (v2c) was expected")]
    Version {
        /// The number on the wire.
        number: i32,
    },
    /// A type of PDU that SNMPv2 does not know, such as v1's trap.
    #[error("a PDU of type 0x{tag:02x} is none that is answered here")]
    Kind {
        /// The BER tag.
        tag: u8,
    },
}

impl From<Broken> for DecodeError {
    fn from(Broken { at, expected }: Broken) -> Self {
        Self::Malformed { at, expected }
    }
}

/// An OID that BER has no form for: fewer than two or more than 128 sub-identifiers, a first above 2, or a second
/// above 39 under 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the OID {oid} has no BER form: two to 128 sub-identifiers were expected, the first at most 2")]
pub struct EncodeError {
    /// The OID.
    pub oid: Oid,
}

impl Message {
    /// Reads a datagram. What follows after the message's end is ignored, as agents in the field do.
    ///
    /// # Errors
    /// The first thing that is not as SNMP v1 or v2c wants it.
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        let message = Reader::new(datagram).expect(tag::SEQUENCE, "a message (a SEQUENCE)")?;
        let mut message = Reader::inside(&message);
        let version = match message.integer32("the version")? {
            0 => Version::V1,
            1 => Version::V2c,
            number => return Err(DecodeError::Version { number }),
        };
        let community = message.expect(tag::OCTET_STRING, "the community")?.content.into();
        let element = message.element()?;
        message.end("the end of the message")?;
        let kind = PduKind::of(element.tag).ok_or(DecodeError::Kind { tag: element.tag })?;
        let mut fields = Reader::inside(&element);
        let request_id = fields.integer32("the request id")?;
        let error_status = fields.integer32("the error status or the non-repeaters")?;
        let error_index = fields.integer32("the error index or the max-repetitions")?;
        let list = fields.expect(tag::SEQUENCE, "the list of varbinds")?;
        fields.end("the end of the PDU")?;
        let mut list = Reader::inside(&list);
        let mut varbinds = Vec::new();
        while !list.is_empty() {
            varbinds.push(decode_varbind(&list.expect(tag::SEQUENCE, "a varbind")?)?);
        }
        Ok(Self { version, community, pdu: Pdu { kind, request_id, error_status, error_index, varbinds } })
    }

    /// Writes a datagram.
    ///
    /// # Errors
    /// An OID that BER has no form for.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut list = Vec::new();
        for varbind in &self.pdu.varbinds {
            encode_varbind(&mut list, &varbind.oid, &varbind.value)?;
        }
        Ok(Envelope::new(self).wrap(&list))
    }
}

/// All of a message but its varbinds: knows how large it becomes, so that a reply can be filled to its cap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    version: Version,
    community: &'a [u8],
    kind: PduKind,
    request_id: i32,
    error_status: i32,
    error_index: i32,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(message: &'a Message) -> Self {
        let Pdu { kind, request_id, error_status, error_index, .. } = message.pdu;
        Self { version: message.version, community: &message.community, kind, request_id, error_status, error_index }
    }

    /// The response to a request.
    pub(super) fn response(request: &'a Message, status: ErrorStatus, index: i32) -> Self {
        Self { kind: PduKind::Response, error_status: status.number(), error_index: index, ..Self::new(request) }
    }

    /// Octets of the datagram around a list of so many octets.
    pub(super) fn size(&self, list: usize) -> usize {
        ber::size(self.message_content(list))
    }

    /// The datagram around an encoded list of varbinds.
    pub(super) fn wrap(&self, list: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size(list.len()));
        ber::put_header(&mut out, tag::SEQUENCE, self.message_content(list.len()));
        ber::put_signed(&mut out, tag::INTEGER, self.version.number());
        ber::put(&mut out, tag::OCTET_STRING, self.community);
        ber::put_header(&mut out, self.kind.tag(), self.pdu_content(list.len()));
        for number in [self.request_id, self.error_status, self.error_index] {
            ber::put_signed(&mut out, tag::INTEGER, i64::from(number));
        }
        ber::put(&mut out, tag::SEQUENCE, list);
        out
    }

    fn pdu_content(&self, list: usize) -> usize {
        let numbers: usize = [self.request_id, self.error_status, self.error_index]
            .into_iter()
            .map(|number| {
                let (octets, spare) = ber::signed_octets(i64::from(number));
                ber::size(octets.len().saturating_sub(spare))
            })
            .sum();
        numbers.saturating_add(ber::size(list))
    }

    fn message_content(&self, list: usize) -> usize {
        // The version is one octet, so its element is three.
        ber::size(self.pdu_content(list)).saturating_add(ber::size(self.community.len())).saturating_add(3)
    }
}

/// Appends a varbind.
///
/// # Errors
/// An OID that BER has no form for; nothing is appended then.
pub(super) fn encode_varbind(out: &mut Vec<u8>, oid: &Oid, value: &Value) -> Result<(), EncodeError> {
    let octets = |oid: &Oid| ber::object_id_octets(oid).ok_or_else(|| EncodeError { oid: oid.clone() });
    let name = octets(oid)?;
    let mut encoded = Vec::with_capacity(16);
    match value {
        Value::Integer(number) => ber::put_signed(&mut encoded, tag::INTEGER, *number),
        Value::Counter32(number) => ber::put_unsigned(&mut encoded, tag::COUNTER32, u64::from(*number)),
        Value::Gauge32(number) => ber::put_unsigned(&mut encoded, tag::GAUGE32, u64::from(*number)),
        Value::TimeTicks(number) => ber::put_unsigned(&mut encoded, tag::TIME_TICKS, u64::from(*number)),
        Value::Counter64(number) => ber::put_unsigned(&mut encoded, tag::COUNTER64, *number),
        Value::OctetString(octets) => ber::put(&mut encoded, tag::OCTET_STRING, octets),
        Value::Opaque(octets) => ber::put(&mut encoded, tag::OPAQUE, octets),
        Value::ObjectId(oid) => ber::put(&mut encoded, tag::OBJECT_ID, &octets(oid)?),
        Value::IpAddress(octets) => ber::put(&mut encoded, tag::IP_ADDRESS, octets),
        Value::Null => ber::put(&mut encoded, tag::NULL, &[]),
        // Without content: for a known type, what broken agents send ("an INTEGER of no octets").
        Value::Undecoded { tag } => ber::put(&mut encoded, *tag, &[]),
        Value::NoSuchObject => ber::put(&mut encoded, tag::NO_SUCH_OBJECT, &[]),
        Value::NoSuchInstance => ber::put(&mut encoded, tag::NO_SUCH_INSTANCE, &[]),
        Value::EndOfMibView => ber::put(&mut encoded, tag::END_OF_MIB_VIEW, &[]),
    }
    ber::put_header(out, tag::SEQUENCE, ber::size(name.len()).saturating_add(encoded.len()));
    ber::put(out, tag::OBJECT_ID, &name);
    out.extend_from_slice(&encoded);
    Ok(())
}

fn decode_varbind(element: &Element<'_>) -> Result<VarBind, Broken> {
    let mut fields = Reader::inside(element);
    let oid = ber::object_id(&fields.expect(tag::OBJECT_ID, "a varbind's OID")?)?;
    let value = decode_value(&fields.element()?)?;
    fields.end("the end of a varbind")?;
    Ok(VarBind { oid, value })
}

fn decode_value(element: &Element<'_>) -> Result<Value, Broken> {
    let empty = |value: Value| match element.content {
        [] => Ok(value),
        _ => Err(Broken { at: element.at, expected: "no content" }),
    };
    match element.tag {
        tag::INTEGER => ber::signed(element).map(Value::Integer),
        tag::COUNTER32 => ber::unsigned32(element).map(Value::Counter32),
        tag::GAUGE32 => ber::unsigned32(element).map(Value::Gauge32),
        tag::TIME_TICKS => ber::unsigned32(element).map(Value::TimeTicks),
        tag::COUNTER64 => ber::unsigned(element).map(Value::Counter64),
        tag::OCTET_STRING => Ok(Value::OctetString(element.content.into())),
        tag::OPAQUE => Ok(Value::Opaque(element.content.into())),
        tag::OBJECT_ID => ber::object_id(element).map(Value::ObjectId),
        tag::IP_ADDRESS => match element.content.try_into() {
            Ok(octets) => Ok(Value::IpAddress(octets)),
            Err(_) => Err(Broken { at: element.at, expected: "an IpAddress of four octets" }),
        },
        tag::NULL => empty(Value::Null),
        tag::NO_SUCH_OBJECT => empty(Value::NoSuchObject),
        tag::NO_SUCH_INSTANCE => empty(Value::NoSuchInstance),
        tag::END_OF_MIB_VIEW => empty(Value::EndOfMibView),
        tag => Ok(Value::Undecoded { tag }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn oid() -> impl Strategy<Value = Oid> {
        (0_u32..3, any::<u32>(), vec(any::<u32>(), 0..=126)).prop_map(|(first, second, rest)| {
            let second = if first < 2 { second % 40 } else { second };
            Oid::new(&[first, second]).child(&rest)
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        let octets = || vec(any::<u8>(), 0..300).prop_map(Vec::into_boxed_slice);
        prop_oneof![
            any::<i64>().prop_map(Value::Integer),
            any::<u32>().prop_map(Value::Counter32),
            any::<u32>().prop_map(Value::Gauge32),
            any::<u32>().prop_map(Value::TimeTicks),
            any::<u64>().prop_map(Value::Counter64),
            octets().prop_map(Value::OctetString),
            octets().prop_map(Value::Opaque),
            oid().prop_map(Value::ObjectId),
            any::<[u8; 4]>().prop_map(Value::IpAddress),
            Just(Value::Null),
            Just(Value::NoSuchObject),
            Just(Value::NoSuchInstance),
            Just(Value::EndOfMibView),
            // Types that nobody knows: a float of net-snmp's, and v1's NsapAddress.
            Just(Value::Undecoded { tag: 0x48 }),
            Just(Value::Undecoded { tag: 0x45 }),
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        let kind = prop::sample::select(PduKind::ALL.map(|(kind, _)| kind).to_vec());
        let varbind = (oid(), value()).prop_map(|(oid, value)| VarBind { oid, value });
        let pdu = (kind, any::<i32>(), any::<i32>(), any::<i32>(), vec(varbind, 0..12)).prop_map(
            |(kind, request_id, error_status, error_index, varbinds)| Pdu {
                kind,
                request_id,
                error_status,
                error_index,
                varbinds,
            },
        );
        (any::<bool>(), vec(any::<u8>(), 0..200), pdu).prop_map(|(v1, community, pdu)| Message {
            version: if v1 { Version::V1 } else { Version::V2c },
            community: community.into_boxed_slice(),
            pdu,
        })
    }

    proptest! {
        #[test]
        fn decoding_what_was_encoded_gives_the_same(message in message()) {
            let datagram = message.encode().unwrap();
            prop_assert_eq!(Message::decode(&datagram).unwrap(), message.clone());
            let mut list = Vec::new();
            for varbind in &message.pdu.varbinds {
                encode_varbind(&mut list, &varbind.oid, &varbind.value).unwrap();
            }
            prop_assert_eq!(Envelope::new(&message).size(list.len()), datagram.len());
        }

        #[test]
        fn no_datagram_makes_the_decoder_panic(datagram in vec(any::<u8>(), 0..600)) {
            let _ = Message::decode(&datagram);
        }

        #[test]
        fn no_changed_message_makes_the_decoder_panic(
            message in message(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut datagram = message.encode().unwrap();
            for (place, octet) in changes {
                let place = place.index(datagram.len());
                datagram[place] = octet;
            }
            let _ = Message::decode(&datagram);
            datagram.truncate(cut.index(datagram.len()));
            // The outer length says more than is there now.
            let _ = Message::decode(&datagram);
        }

        #[test]
        fn a_cut_message_is_refused(message in message(), cut in any::<prop::sample::Index>()) {
            let mut datagram = message.encode().unwrap();
            datagram.truncate(cut.index(datagram.len()));
            prop_assert!(Message::decode(&datagram).is_err());
        }
    }

    #[test]
    fn a_get_is_read_and_written_octet_for_octet() {
        // The form that `snmpget -v2c -c public … 1.3.6.1.2.1.1.1.0` sends.
        let datagram = [
            0x30, 0x29, 0x02, 0x01, 0x01, 0x04, 0x06, 0x70, 0x75, 0x62, 0x6c, 0x69, 0x63, 0xa0, 0x1c, 0x02, 0x04, 0x1d,
            0x2c, 0x3b, 0x4a, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x0e, 0x30, 0x0c, 0x06, 0x08, 0x2b, 0x06, 0x01,
            0x02, 0x01, 0x01, 0x01, 0x00, 0x05, 0x00,
        ];
        let message = Message::decode(&datagram).unwrap();
        assert_eq!(message.version, Version::V2c);
        assert_eq!(&*message.community, b"public");
        assert_eq!(message.pdu.kind, PduKind::Get);
        assert_eq!(message.pdu.request_id, 0x1d2c_3b4a);
        assert_eq!(message.pdu.varbinds[0].oid.to_string(), "1.3.6.1.2.1.1.1.0");
        assert_eq!(message.encode().unwrap(), datagram);
    }

    #[test]
    fn what_is_not_answered_is_told_apart() {
        let v3 = [0x30, 0x03, 0x02, 0x01, 0x03];
        assert_eq!(Message::decode(&v3), Err(DecodeError::Version { number: 3 }));
        let v1_trap = [0x30, 0x07, 0x02, 0x01, 0x00, 0x04, 0x00, 0xa4, 0x00];
        assert_eq!(Message::decode(&v1_trap), Err(DecodeError::Kind { tag: 0xa4 }));
        assert!(matches!(Message::decode(b"GET / HTTP/1.1"), Err(DecodeError::Malformed { at: 0, .. })));
    }

    #[test]
    fn the_community_is_not_shown() {
        let pdu = Pdu { kind: PduKind::Get, request_id: 1, error_status: 0, error_index: 0, varbinds: Vec::new() };
        let message = Message { version: Version::V2c, community: (*b"hidden").into(), pdu };
        let shown = format!("{message:?}");
        assert!(!shown.contains("hidden") && !shown.contains("104"), "{shown}");
    }
}
