//! Notifications: what a datagram that an agent sends by itself says, and the answer to those that want one. Pure.
//!
//! v1 traps, v2c traps and v2c informs are read by the `snmp2` crate; SNMPv3 traps are opened by [`usm`] and
//! what is inside is read the same way. Of that crate's sharp edges, three are heeded here: its list of varbinds stops
//! silently at what it cannot decode, so they are counted apart; a received PDU is never printed by `Debug`, which recurses
//! as deep as the sender likes; and its opener of SNMPv3, which writes into what it reads, is not used.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::ber::{self, BerError, Element, OCTET_STRING, Reader, SEQUENCE};
use super::codec::{VERSION_2C, VERSION_3};
use super::oid::MAX_ARCS;
use super::usm::{self, Header, TrapKeys, TrapUser, Untrusted};
use super::{Oid, Value, VarBind};

/// Varbinds that are kept of one message; no MIB defines a notification with nearly as many.
const MAX_VARBINDS: usize = 64;

const INFORM: u8 = 0xa6;
const RESPONSE: u8 = 0xa2;

/// sysUpTime.0, snmpTrapOID.0 and snmpTrapAddress.0 (RFC 3418, RFC 3584).
const SYS_UP_TIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];
const TRAP_ADDRESS: [u32; 10] = [1, 3, 6, 1, 6, 3, 18, 1, 3, 0];

/// snmpTraps; coldStart is its first, and so on as v1 counts them from 0.
const SNMP_TRAPS: [u32; 9] = [1, 3, 6, 1, 6, 3, 1, 1, 5];

/// The version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrapVersion {
    /// SNMPv1.
    V1,
    /// SNMPv2c.
    V2c,
    /// SNMPv3.
    V3,
}

impl TrapVersion {
    /// The word for it in the config, metrics and API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2c => "2c",
            Self::V3 => "3",
        }
    }
}

/// Whether the sender waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrapKind {
    /// It does not.
    Trap,
    /// It sends again until it is answered.
    Inform,
}

impl TrapKind {
    /// The word for it in metrics and API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Inform => "inform",
        }
    }
}

/// What a notification says. Anybody can have sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapMessage {
    /// The version of the message.
    pub version: TrapVersion,
    /// Whether it wants an answer.
    pub kind: TrapKind,
    /// Which notification it is; those of v1 by their name in v2 (RFC 3584, 3.1).
    pub trap: Oid,
    /// How long the agent has been up, where it says so.
    pub uptime: Option<Duration>,
    /// The agent's own address, where the message names one: v1's agent-addr, or snmpTrapAddress.0, which a proxy adds.
    pub agent: Option<Ipv4Addr>,
    /// What it says more, without uptime, trap OID and agent address.
    pub varbinds: Vec<VarBind>,
    /// Varbinds that are not in [`Self::varbinds`], since they are too many or cannot be read.
    pub left_out: usize,
}

/// Why a datagram is no notification that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrapError {
    /// It is no SNMP message.
    #[error("it is no SNMP message: {0}")]
    Garbage(String),
    /// It is a message of another kind: a request or an answer.
    #[error("it is an SNMP message, but no trap or inform")]
    NotATrap,
    /// It does not say which notification it is.
    #[error("it does not say which trap it is: snmpTrapOID.0 is missing or no OID")]
    Unnamed,
    /// It is SNMPv3 and has to be opened with [`SealedTrap`].
    #[error("it is SNMPv3, which only a user's keys can open")]
    Sealed,
    /// It is an inform in SNMPv3, or what a sender of one asks first. Those need a receiver that is an engine itself.
    #[error("informs in SNMPv3 are not supported")]
    SecureInform,
    /// It is SNMPv3 and not believed.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
}

impl TrapError {
    /// A word for the reason, as metrics count it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Garbage(_) => "garbage",
            Self::NotATrap => "no_trap",
            Self::Unnamed => "unnamed",
            Self::Sealed | Self::Untrusted(Untrusted::Keys) => "no_keys",
            Self::SecureInform => "v3_inform",
            Self::Untrusted(Untrusted::User) => "user",
            Self::Untrusted(Untrusted::Level) => "level",
            Self::Untrusted(Untrusted::Signature) => "signature",
            Self::Untrusted(Untrusted::Privacy) => "privacy",
            Self::Untrusted(Untrusted::Scope) => "garbage",
        }
    }

    /// Every word that [`Self::word`] gives.
    pub const WORDS: [&'static str; 9] =
        ["garbage", "no_trap", "unnamed", "no_keys", "v3_inform", "user", "level", "signature", "privacy"];
}

impl From<BerError> for TrapError {
    fn from(why: BerError) -> Self {
        Self::Garbage(why.to_string())
    }
}

impl From<snmp2::Error> for TrapError {
    fn from(why: snmp2::Error) -> Self {
        match why {
            snmp2::Error::AsnWrongType => Self::NotATrap,
            // Its other errors hold no octets of the message.
            other => Self::Garbage(other.to_string()),
        }
    }
}

/// Reads a notification in v1 or v2c. Octets after the message are ignored.
///
/// # Errors
/// Why it is none; [`TrapError::Sealed`] for SNMPv3.
pub fn decode(datagram: &[u8]) -> Result<TrapMessage, TrapError> {
    if super::codec::version(datagram)? == VERSION_3 {
        return Err(TrapError::Sealed);
    }
    let present = varbinds_in(datagram)?;
    let pdu = snmp2::Pdu::from_bytes(datagram)?;
    let version = match pdu.version()? {
        snmp2::Version::V1 => TrapVersion::V1,
        snmp2::Version::V2C => TrapVersion::V2c,
        snmp2::Version::V3 => return Err(TrapError::Sealed),
    };
    read(version, &pdu, present)
}

/// The answer to an inform in v2c: the same message as a Response (RFC 3416, 4.2.7), so that what we cannot decode goes
/// back as it came. `None` when it is no such inform.
#[must_use]
pub fn acknowledgement(inform: &[u8]) -> Option<Vec<u8>> {
    let mut outer = Reader::new(inform);
    let body = outer.expect(SEQUENCE).ok()?;
    let end = inform.len() - outer.left();
    let mut message = Reader::new(body);
    if message.int32().ok()? != VERSION_2C {
        return None;
    }
    message.expect(OCTET_STRING).ok()?;
    let place = end.checked_sub(message.left())?;
    let mut answer = inform.get(..end)?.to_vec();
    let tag = answer.get_mut(place).filter(|tag| **tag == INFORM)?;
    *tag = RESPONSE;
    Some(answer)
}

/// A message in SNMPv3 that has not been opened.
#[derive(Debug, Clone, Copy)]
pub struct SealedTrap<'a>(Header<'a>);

impl<'a> SealedTrap<'a> {
    /// Reads the head of a message in SNMPv3.
    ///
    /// # Errors
    /// [`TrapError::Garbage`], and [`TrapError::SecureInform`] for the question by which a sender of informs begins.
    pub fn read(datagram: &'a [u8]) -> Result<Self, TrapError> {
        let header = usm::read(datagram)?;
        if header.sender().0.is_empty() { Err(TrapError::SecureInform) } else { Ok(Self(header)) }
    }

    /// The sender's engine ID.
    #[must_use]
    pub const fn engine_id(&self) -> &'a [u8] {
        self.0.sender().0
    }

    /// Whether the message names this user.
    #[must_use]
    pub fn is_by(&self, user: &TrapUser) -> bool {
        user.is(self.0.sender().1)
    }

    /// Opens it with the keys of its user at its engine; a user who signs nothing needs none.
    ///
    /// # Errors
    /// Why it is not believed, or no notification.
    pub fn open(&self, user: &TrapUser, keys: Option<&TrapKeys>) -> Result<TrapMessage, TrapError> {
        let mut plain = Vec::new();
        let pdu = user.open(&self.0, keys, &mut plain)?;
        if pdu.first() == Some(&INFORM) {
            return Err(TrapError::SecureInform);
        }
        // The general reader takes a PDU only within a message.
        let mut contents = Vec::with_capacity(pdu.len() + 8);
        ber::put_integer(&mut contents, i64::from(VERSION_2C));
        ber::put_octets(&mut contents, OCTET_STRING, &[]);
        contents.extend_from_slice(pdu);
        let mut message = Vec::with_capacity(contents.len() + 8);
        ber::put_octets(&mut message, SEQUENCE, &contents);
        let present = varbinds_in(&message)?;
        read(TrapVersion::V3, &snmp2::Pdu::from_bytes(&message)?, present)
    }
}

/// How many varbinds a message holds, readable or not.
fn varbinds_in(message: &[u8]) -> Result<usize, BerError> {
    let mut message = Reader::new(Reader::new(message).expect(SEQUENCE)?);
    message.int32()?;
    message.expect(OCTET_STRING)?;
    let mut pdu = Reader::new(message.element()?.body);
    loop {
        if let Element { tag: SEQUENCE, body } = pdu.element()? {
            let mut list = Reader::new(body);
            let mut count = 0;
            while !list.is_empty() && list.element().is_ok() {
                count += 1;
            }
            return Ok(count);
        }
    }
}

fn read(version: TrapVersion, pdu: &snmp2::Pdu<'_>, present: usize) -> Result<TrapMessage, TrapError> {
    let kind = match pdu.message_type {
        snmp2::MessageType::TrapV1 | snmp2::MessageType::Trap => TrapKind::Trap,
        snmp2::MessageType::InformRequest => TrapKind::Inform,
        _ => return Err(TrapError::NotATrap),
    };
    let mut seen = 0;
    let (mut named, mut uptime, mut agent) = (None, None, None);
    let mut varbinds = Vec::new();
    for (name, value) in pdu.varbinds.clone().take(MAX_VARBINDS) {
        let Some(oid) = oid(&name) else { continue };
        seen += 1;
        match (oid.arcs(), value_of(&value)) {
            (arcs, Value::TimeTicks(ticks)) if arcs == SYS_UP_TIME => uptime = Some(ticks),
            (arcs, Value::ObjectId(trap)) if arcs == TRAP_OID => named = Some(trap),
            (arcs, Value::IpAddress(octets)) if arcs == TRAP_ADDRESS => agent = Some(Ipv4Addr::from(octets)),
            (_, value) => varbinds.push(VarBind { oid, value }),
        }
    }
    if let Some(v1) = &pdu.v1_trap_info {
        named = Some(name_of_v1(v1)?);
        uptime = Some(v1.timestamp);
        if let (IpAddr::V4(address), None) = (v1.agent_addr, agent) {
            agent = Some(address);
        }
    }
    Ok(TrapMessage {
        version,
        kind,
        trap: named.ok_or(TrapError::Unnamed)?,
        uptime: uptime.map(|ticks| Duration::from_millis(10 * u64::from(ticks))),
        agent: agent.filter(|address| !address.is_unspecified()),
        varbinds,
        left_out: present.saturating_sub(seen),
    })
}

/// The name in v2 of a trap in v1 (RFC 3584, 3.1): the generic ones have names of their own, the others are the
/// enterprise, a 0, and the specific number.
fn name_of_v1(trap: &snmp2::pdu::V1TrapInfo<'_>) -> Result<Oid, TrapError> {
    let number = |number: i64, what: &str| {
        u32::try_from(number).map_err(|_| TrapError::Garbage(format!("{what} trap number {number}")))
    };
    match number(trap.generic_trap, "generic")? {
        generic @ 0..=5 => Ok(Oid::new(&SNMP_TRAPS).child(&[generic + 1])),
        6 => {
            let enterprise = oid(&trap.enterprise).ok_or(TrapError::Unnamed)?;
            Ok(enterprise.child(&[0, number(trap.specific_trap, "specific")?]))
        }
        other => Err(TrapError::Garbage(format!("generic trap number {other}"))),
    }
}

fn oid(theirs: &snmp2::Oid<'_>) -> Option<Oid> {
    let mut arcs = Vec::with_capacity(MAX_ARCS.min(theirs.as_bytes().len() + 1));
    ber::arcs(theirs.as_bytes(), &mut arcs)?;
    Some(Oid::new(&arcs))
}

/// A value in our words. What has no place in a varbind is told by its tag.
fn value_of(theirs: &snmp2::Value<'_>) -> Value {
    match theirs {
        snmp2::Value::Integer(number) => Value::Integer(*number),
        snmp2::Value::OctetString(octets) => Value::OctetString((*octets).into()),
        snmp2::Value::ObjectIdentifier(name) => oid(name).map_or(Value::Undecoded { tag: 0x06 }, Value::ObjectId),
        snmp2::Value::IpAddress(octets) => Value::IpAddress(*octets),
        snmp2::Value::Counter32(number) => Value::Counter32(*number),
        snmp2::Value::Unsigned32(number) => Value::Gauge32(*number),
        snmp2::Value::Timeticks(number) => Value::TimeTicks(*number),
        snmp2::Value::Opaque(octets) => Value::Opaque((*octets).into()),
        snmp2::Value::Counter64(number) => Value::Counter64(*number),
        snmp2::Value::Null => Value::Null,
        snmp2::Value::NoSuchObject => Value::NoSuchObject,
        snmp2::Value::NoSuchInstance => Value::NoSuchInstance,
        snmp2::Value::EndOfMibView => Value::EndOfMibView,
        snmp2::Value::Constructed(tag, _) => Value::Undecoded { tag: *tag },
        snmp2::Value::Boolean(_) => Value::Undecoded { tag: 0x01 },
        _ => Value::Undecoded { tag: SEQUENCE },
    }
}

#[cfg(test)]
mod tests;
