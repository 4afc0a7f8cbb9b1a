//! Clients, houses and the little plant they refer to, with the field sets that OZmap documents.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::model::Timestamp;
use crate::sim::plant::Entity;

/// An OZmap identifier: 24 lower-case hex characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

/// What an [`ObjectId`] of ours names; one octet of it, so that identifiers of two kinds never meet. From 0x80 on they
/// are those of [`crate::sim::plant::Entity`], and the sequence is the place in the table, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdKind {
    Client = 0x00,
    Property = 0x01,
    Onu = 0x0a,
    PlantOnu = 0x0b,
    Project = 0x0f,
    BoxType = 0x2b,
    SplitterPort = 0x2c,
    CableType = 0x2d,
    User = 0x4e,
    PendencyType = 0x50,
    Pendency = 0x51,
    Post = 0x52,
    /// Kinds of splitters, fusions, OLTs …, which are named and not listed.
    Type = 0x60,
    Place = 0x80,
    Cable = 0x81,
    Drop = 0x82,
    Strand = 0x83,
    Joint = 0x84,
    Splitter = 0x85,
    Dio = 0x86,
    Olt = 0x87,
    Shelf = 0x88,
    Slot = 0x89,
    Pon = 0x8a,
    Pole = 0x8b,
    PlantProperty = 0x8d,
}

impl From<Entity> for ObjectId {
    fn from(entity: Entity) -> Self {
        Self(entity.octets())
    }
}

impl ObjectId {
    /// The `sequence`th thing of that kind. Within a kind, identifiers ascend with the sequence, as a database's do.
    pub(super) fn of(kind: IdKind, sequence: u32) -> Self {
        let [a, b, c, d] = sequence.to_be_bytes();
        Self([0x65, 0xa0, 0, 0, 0, 0, 0, kind as u8, a, b, c, d])
    }

    /// Whether this is one of our identifiers for that kind of thing.
    pub(super) fn is(self, kind: IdKind) -> bool {
        let [.., octet, _, _, _, _] = self.0;
        octet == kind as u8
    }

    /// Its sequence within its kind.
    pub(super) fn sequence(self) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            let shown: String = text.chars().take(40).collect();
            format!("24 hex characters are expected, found {shown:?}")
        };
        let mut octets = [0_u8; 12];
        let mut digits = 0_usize;
        for character in text.chars() {
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(refuse)?;
            let octet = octets.get_mut(digits / 2).ok_or_else(refuse)?;
            *octet = (*octet << 4) | digit;
            digits += 1;
        }
        if digits == 24 { Ok(Self(octets)) } else { Err(refuse()) }
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The `onu` of a client. Real rows have it whole, partly empty, null, and not at all.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Onu {
    /// The key is not in the row.
    Missing,
    /// The key is in the row and null.
    Null,
    /// An object; a key of it that is `None` is not in the row.
    Present(OnuData),
}

/// What is known of a client's ONU: free texts, never normalised.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OnuData {
    pub(super) id: Option<ObjectId>,
    pub(super) serial_number: Option<String>,
    pub(super) mac_address: Option<String>,
    pub(super) user_pppoe: Option<String>,
}

/// A subscriber: an element of `/ftth-clients`, and embedded in its houses.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: ObjectId,
    /// Free text; not unique, and optional in the documented type.
    pub(super) code: Option<String>,
    pub(super) name: Option<String>,
    /// 0 is OK, 1 is ERROR.
    pub(super) status: u8,
    pub(super) implanted: bool,
    pub(super) certified: bool,
    pub(super) observation: String,
    pub(super) tags: Vec<String>,
    pub(super) onu: Onu,
    pub(super) cpe: Option<Value>,
    pub(super) external_id: Option<Value>,
    /// Whether the row tells who made it.
    pub(super) made_by_api: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Decides which tokens see it; rows do not show it.
    pub(super) project: ObjectId,
    /// How many writes of the API reached it: for assertions, rows do not show it.
    pub(super) writes: u64,
}

/// A house: an element of `/properties`.
#[derive(Debug, Clone)]
pub(super) struct Property {
    pub(super) id: ObjectId,
    pub(super) client: Option<ObjectId>,
    pub(super) past_clients: Vec<PastClient>,
    pub(super) address: String,
    pub(super) observation: String,
    pub(super) tags: Vec<String>,
    /// Longitude and latitude in degrees; an apartment has none.
    pub(super) coords: Option<(f64, f64)>,
    pub(super) box_id: Option<ObjectId>,
    /// The building of an apartment.
    pub(super) parent: Option<ObjectId>,
    pub(super) drop_id: Option<ObjectId>,
    pub(super) pole: Option<ObjectId>,
    pub(super) project: ObjectId,
    /// Outer `None`: the key is absent; inner `None`: null. Unit: dBm.
    pub(super) potency_read: Option<Option<f64>>,
    pub(super) connections: Vec<Connection>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// Who lives or lived in a house.
#[derive(Debug, Clone)]
pub(super) struct PastClient {
    pub(super) id: ObjectId,
    pub(super) code: String,
    pub(super) entered: Option<Timestamp>,
    pub(super) left: Option<Timestamp>,
}

/// Where a house is connected: a splitter's port, by the fibre of the drop.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) splitter: ObjectId,
    pub(super) name: String,
    /// Counted from 1.
    pub(super) port: u32,
    pub(super) implanted: bool,
    pub(super) fiber: ObjectId,
}

/// A project; a key sees only the projects of its user.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) id: ObjectId,
    pub(super) name: String,
}

/// A kind of box, an element of `/box-types`.
#[derive(Debug, Clone)]
pub(super) struct BoxType {
    pub(super) id: ObjectId,
    pub(super) code: String,
    pub(super) prefix: String,
    pub(super) description: String,
    pub(super) default_level: u32,
    pub(super) default_reserve: u32,
    pub(super) created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_24_lower_case_hex_characters_and_ascend() {
        let id = ObjectId::of(IdKind::Client, 1);
        assert_eq!(id.to_string(), "65a000000000000000000001");
        assert_eq!("65A000000000000000000001".parse::<ObjectId>().unwrap(), id);
        assert!(ObjectId::of(IdKind::Client, 256) > ObjectId::of(IdKind::Client, 255));
        assert_ne!(ObjectId::of(IdKind::Property, 1), id);
        for text in ["", "65a0", "65a00000000000000000000g", "65a0000000000000000000011", "é5a000000000000000000001"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }
}
