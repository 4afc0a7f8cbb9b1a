//! Values and varbinds as an agent gives them.

use std::fmt;

use super::Oid;

/// A value of a varbind, by its type on the wire (RFC 3416, 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, Integer32.
    Integer(i64),
    /// Counter32.
    Counter32(u32),
    /// Gauge32, Unsigned32.
    Gauge32(u32),
    /// TimeTicks, hundredths of a second.
    TimeTicks(u32),
    /// Counter64.
    Counter64(u64),
    /// OCTET STRING.
    OctetString(Box<[u8]>),
    /// OBJECT IDENTIFIER.
    ObjectId(Oid),
    /// IpAddress.
    IpAddress([u8; 4]),
    /// Opaque, undecoded.
    Opaque(Box<[u8]>),
    /// NULL, as in requests.
    Null,
    /// A type or encoding that we do not know or that is broken, kept so that its neighbours are not lost.
    Undecoded {
        /// The BER tag.
        tag: u8,
    },
    /// noSuchObject: the agent has no such column.
    NoSuchObject,
    /// noSuchInstance: the column has no such row.
    NoSuchInstance,
    /// endOfMibView: nothing follows.
    EndOfMibView,
}

impl Value {
    /// Whether this is one of the three exceptions that stand in place of a value.
    #[must_use]
    pub const fn is_exception(&self) -> bool {
        matches!(self, Self::NoSuchObject | Self::NoSuchInstance | Self::EndOfMibView)
    }

    /// The number that it holds, of whichever integer type.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => Some(i64::from(*number)),
            Self::Counter64(number) => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The octets that it holds.
    #[must_use]
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::OctetString(octets) | Self::Opaque(octets) => Some(octets),
            _ => None,
        }
    }
}

/// A value as far as columns are made of it, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// A number, of whichever integer type.
    Number(i64),
    /// OCTET STRING.
    Octets(&'a [u8]),
    /// Opaque, undecoded.
    Opaque(&'a [u8]),
    /// Neither: a name, an address, NULL, a number of 64 bits, or what cannot be decoded.
    Other,
    /// noSuchObject.
    NoSuchObject,
    /// noSuchInstance.
    NoSuchInstance,
    /// endOfMibView.
    EndOfMibView,
}

impl<'a> ValueRef<'a> {
    /// The number that it holds.
    #[must_use]
    pub const fn integer(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The octets that it holds.
    #[must_use]
    pub const fn octets(self) -> Option<&'a [u8]> {
        match self {
            Self::Octets(octets) | Self::Opaque(octets) => Some(octets),
            _ => None,
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::OctetString(octets) => Self::Octets(octets),
            Value::Opaque(octets) => Self::Opaque(octets),
            Value::NoSuchObject => Self::NoSuchObject,
            Value::NoSuchInstance => Self::NoSuchInstance,
            Value::EndOfMibView => Self::EndOfMibView,
            other => other.integer().map_or(Self::Other, Self::Number),
        }
    }
}

impl fmt::Display for Value {
    /// For a person: text where the octets are text, else hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Counter32(number) | Self::Gauge32(number) | Self::TimeTicks(number) => write!(f, "{number}"),
            Self::Counter64(number) => write!(f, "{number}"),
            Self::OctetString(octets) | Self::Opaque(octets) => match std::str::from_utf8(octets) {
                Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}"),
                _ => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
            },
            Self::ObjectId(oid) => write!(f, "{oid}"),
            Self::IpAddress([a, b, c, d]) => write!(f, "{a}.{b}.{c}.{d}"),
            Self::Null => f.write_str("null"),
            Self::Undecoded { tag } => write!(f, "(undecoded, type 0x{tag:02x})"),
            Self::NoSuchObject => f.write_str("(no such object)"),
            Self::NoSuchInstance => f.write_str("(no such instance)"),
            Self::EndOfMibView => f.write_str("(end of MIB view)"),
        }
    }
}

/// One name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarBind {
    /// The name.
    pub oid: Oid,
    /// The value.
    pub value: Value,
}
