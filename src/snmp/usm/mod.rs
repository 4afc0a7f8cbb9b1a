//! SNMPv3 with the user-based security model, for one user at one engine, sans I/O.
//!
//! In: requests and datagrams, with the time. Out: sealed datagrams, and what a datagram turned out to be.
//!
//! Requests are sealed (key localisation, encryption, signature) by the public parts of the `snmp2` crate. Answers are
//! opened here: the crate changes its state before it has checked a signature, writes into the datagram that it checks,
//! refuses any msgMaxSize above its own buffer, and does not give out the decrypted octets that our tolerant scanner
//! needs. Nothing here changes before a message is known to be true, but the engine ID that a discovery asks for.

mod keys;
mod message;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use snmp2::v3::{self, Security};
use snmp2::{MessageType, Varbinds};

use self::keys::Keys;
pub(super) use self::message::{Header, read};
use super::ber::{OCTET_STRING, Reader, SEQUENCE};
use super::codec::{Operation, Pdu, PduKind, Request};
use super::{Refusal, SnmpError};
use crate::config::{Auth, AuthProtocol, Credential, KeyExtension, Privacy, PrivacyProtocol, SnmpVersion};

/// How far apart clocks may be, seconds (RFC 3414, 2.2.3).
const TIME_WINDOW: i64 = 150;
/// Shortest password (RFC 3414, 11.2).
const SHORTEST_PASSWORD: usize = 8;
/// Longest user name (RFC 3414, 5).
const LONGEST_USER: usize = 32;
/// Longest engine ID that we take; RFC 3411 allows 32.
const LONGEST_ENGINE_ID: usize = 64;
/// usmStats (RFC 3414, 5); the counter's number and `.0` follow.
const USM_STATS: [u32; 9] = [1, 3, 6, 1, 6, 3, 15, 1, 1];

/// The engine's clock, as far as we know it; it goes on while we hear nothing.
#[derive(Debug, Clone, Copy)]
struct Clock {
    boots: i64,
    time: i64,
    at: Instant,
    /// Taken from an authenticated message.
    confirmed: bool,
}

impl Clock {
    fn read(&self, now: Instant) -> (i64, i64) {
        let most = i64::from(i32::MAX);
        let elapsed = i64::try_from(now.saturating_duration_since(self.at).as_secs()).unwrap_or(most);
        match self.time.saturating_add(elapsed) {
            time if time <= most => (self.boots, time),
            time => ((self.boots + 1).min(most), (time - most).min(most)),
        }
    }
}

struct Engine {
    id: Vec<u8>,
    clock: Clock,
    keys: Option<Keys>,
    /// For sealing; it holds the passwords, so it is never printed. Always there between calls.
    security: Option<Security>,
}

/// What a datagram turned out to be.
#[derive(Debug)]
pub(super) enum Opened<'a> {
    /// A true Response: its PDU's octets.
    Response(Cow<'a, [u8]>),
    /// The engine that a probe asked for.
    Discovered,
    /// The engine has another clock, which we have taken over: send again.
    Resynchronised,
    /// The engine has another ID, or its clock went backwards: it must be discovered again.
    Changed,
    /// The agent refuses.
    Refused(Refusal),
    /// Not proven to come from the engine.
    Untrue(&'static str),
    /// Cannot be read.
    Garbled(String),
}

struct User {
    name: String,
    auth: Option<Auth>,
    privacy: Option<Privacy>,
}

/// An engine whose keys are not made yet.
struct Wanted {
    id: Vec<u8>,
    clock: Clock,
    /// Somebody is making them.
    given_out: bool,
}

/// The keys of a user at an engine, to be made: some milliseconds of work, which has no place where datagrams wait.
pub(super) struct Chore {
    user: Arc<User>,
    id: Vec<u8>,
}

/// The keys that a [`Chore`] makes.
pub(super) struct Made {
    id: Vec<u8>,
    keys: Option<Keys>,
    security: Result<Security, String>,
}

impl fmt::Debug for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chore").finish_non_exhaustive()
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}

impl Chore {
    /// Takes a few milliseconds.
    pub(super) fn run(self) -> Made {
        let Self { user, id } = self;
        let keys = user.auth.as_ref().map(|auth| Keys::localise(auth, user.privacy.as_ref(), &id));
        let security = user.security(&id);
        Made { id, keys, security }
    }
}

/// See the module.
pub(super) struct Usm {
    user: Arc<User>,
    engine: Option<Engine>,
    wanted: Option<Wanted>,
    /// A signed message has confirmed another engine or another boot than was known.
    news: bool,
}

impl fmt::Debug for Usm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usm").field("user", &self.user.name).finish_non_exhaustive()
    }
}

impl Usm {
    /// `None` for a credential that is not SNMPv3.
    ///
    /// # Errors
    /// [`SnmpError::Setting`] for names and passwords that SNMP does not allow.
    pub(super) fn new(credential: &Credential) -> Result<Option<Self>, SnmpError> {
        let SnmpVersion::V3 { user, auth, privacy } = &credential.version else { return Ok(None) };
        let refuse = |what: &str, why: &str| {
            Err(SnmpError::Setting {
                what: format!("{what} of SNMP credential {:?}", credential.name),
                why: why.to_owned(),
            })
        };
        if user.is_empty() || user.len() > LONGEST_USER {
            return refuse("user", "a name of 1 to 32 octets was expected");
        }
        let short = |secret: &crate::config::Secret| secret.expose().len() < SHORTEST_PASSWORD;
        if auth.as_ref().is_some_and(|auth| short(&auth.password)) {
            return refuse("authentication password", "at least 8 octets were expected");
        }
        if privacy.as_ref().is_some_and(|privacy| short(&privacy.password)) {
            return refuse("privacy password", "at least 8 octets were expected");
        }
        if privacy.is_some() && auth.is_none() {
            return refuse("privacy", "an authentication password with it was expected");
        }
        let user = User { name: user.clone(), auth: auth.clone(), privacy: privacy.clone() };
        Ok(Some(Self { user: Arc::new(user), engine: None, wanted: None, news: false }))
    }

    pub(super) fn user(&self) -> &str {
        &self.user.name
    }

    pub(super) fn has_privacy(&self) -> bool {
        self.user.privacy.is_some()
    }

    /// Whether the engine and its keys are known.
    pub(super) const fn is_ready(&self) -> bool {
        self.engine.is_some()
    }

    /// Whether the engine is known, and only its keys are not; when it is not known either, a probe comes first.
    pub(super) const fn is_waiting_for_keys(&self) -> bool {
        self.wanted.is_some()
    }

    /// The engine may still be the one that it was; if it is not, it says so.
    pub(super) fn begin_with(&mut self, now: Instant, id: Vec<u8>, boots: i64, time: i64) {
        let clock = Clock { boots, time, at: now, confirmed: false };
        self.wanted = Some(Wanted { id, clock, given_out: false });
    }

    /// The keys to make, once.
    pub(super) fn chore(&mut self) -> Option<Chore> {
        let wanted = self.wanted.as_mut().filter(|wanted| !wanted.given_out)?;
        wanted.given_out = true;
        Some(Chore { user: Arc::clone(&self.user), id: wanted.id.clone() })
    }

    /// Takes the keys over, unless they are for an engine that is not wanted any more.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn equip(&mut self, made: Made) -> Result<(), String> {
        let Some(Wanted { id, clock, .. }) = self.wanted.take_if(|wanted| wanted.id == made.id) else { return Ok(()) };
        let security = made.security?;
        self.engine = Some(Engine { id, clock, keys: made.keys, security: Some(security) });
        Ok(())
    }

    /// The engine's ID, boots and time, when a signed message has confirmed that they are others than were known.
    pub(super) fn news(&mut self, now: Instant) -> Option<(&[u8], i64, i64)> {
        if !std::mem::take(&mut self.news) {
            return None;
        }
        let engine = self.engine.as_ref()?;
        let (boots, time) = engine.clock.read(now);
        Some((&engine.id, boots, time))
    }

    /// The engine must be discovered again.
    pub(super) fn forget(&mut self) {
        self.engine = None;
        self.wanted = None;
    }

    /// The request that asks an agent for its engine ID.
    pub(super) fn probe(id: i32) -> Vec<u8> {
        message::plain_get(id, &[])
    }

    /// A request, signed and encrypted as the user's level asks.
    ///
    /// # Errors
    /// Why `snmp2` cannot seal it, in its words.
    pub(super) fn seal(&mut self, now: Instant, id: i32, request: &Request) -> Result<Vec<u8>, String> {
        let engine = self.engine.as_mut().ok_or("the engine is not known yet")?;
        let (boots, time) = engine.clock.read(now);
        let security = engine.security.take().ok_or("the keys are not there")?;
        let security = engine.security.insert(security.with_engine_boots_and_time(boots, time));
        // The crate makes no PDU of version 3 but by reading one.
        let mould = message::plain_get(0, MOULD_ENGINE);
        let mut nobody = mould_security()?;
        let mut pdu =
            snmp2::Pdu::from_bytes_with_security(&mould, Some(&mut nobody)).map_err(|error| error.to_string())?;
        pdu.req_id = id;
        pdu.varbinds = Varbinds::from_bytes(request.names.octets());
        (pdu.message_type, pdu.error_index) = match request.operation {
            Operation::Get => (MessageType::GetRequest, 0),
            Operation::GetNext => (MessageType::GetNextRequest, 0),
            Operation::GetBulk { max_repetitions } => (MessageType::GetBulkRequest, max_repetitions.max(1)),
        };
        pdu.to_bytes_with_security(Some(security)).map_err(|error| error.to_string())
    }

    /// Finds out what a message is that answers something we asked: its msgID has been found to be live. `probing` when
    /// it answers a probe.
    pub(super) fn open<'a>(&mut self, now: Instant, header: &Header<'a>, probing: bool) -> Opened<'a> {
        let authenticated = header.flags & message::AUTH != 0;
        if authenticated && let Err(why) = self.verify(header) {
            return Opened::Untrue(why);
        }
        let encrypted = header.flags & message::PRIVACY != 0;
        let scoped = match (encrypted, header.data.tag) {
            (false, SEQUENCE) => Cow::Borrowed(header.data.body),
            (true, OCTET_STRING) if authenticated => match self.decrypt(header) {
                Some(plain) => Cow::Owned(plain),
                None => return Opened::Garbled("its encrypted part has no readable contents".to_owned()),
            },
            (true, OCTET_STRING) => return Opened::Untrue("it is encrypted but not signed"),
            _ => return Opened::Garbled("its flags and its contents do not agree".to_owned()),
        };
        let octets = match scoped_pdu(scoped) {
            Ok(octets) => octets,
            Err(why) => return Opened::Garbled(why),
        };
        let (kind, report) = match Pdu::scan(&mut Reader::new(&octets)) {
            Ok(pdu) => (pdu.kind, report_counter(&pdu)),
            Err(why) => return Opened::Garbled(format!("its PDU is broken: {why}")),
        };
        match kind {
            PduKind::Report if probing => self.discovered(now, header),
            PduKind::Report => self.reported(now, header, authenticated, report),
            PduKind::Response if probing => Opened::Untrue("a probe is not answered with values"),
            PduKind::Response => match self.check_response(now, header, authenticated, encrypted) {
                Ok(()) => Opened::Response(octets),
                Err(why) => Opened::Untrue(why),
            },
            PduKind::Other(_) => Opened::Untrue("it is no answer"),
        }
    }

    fn verify(&self, header: &Header<'_>) -> Result<(), &'static str> {
        let engine = self.engine.as_ref().ok_or("its engine is not known yet")?;
        let keys = engine.keys.as_ref().ok_or("it is signed, and our user signs nothing")?;
        if header.user != self.user.name.as_bytes() {
            return Err("it is signed by another user");
        }
        if header.engine_id != engine.id {
            return Err("it is signed by another engine");
        }
        let (before, after) = header.around_tag;
        if keys.verify(before, header.tag, after) { Ok(()) } else { Err("its signature is wrong") }
    }

    fn decrypt(&self, header: &Header<'_>) -> Option<Vec<u8>> {
        let keys = self.engine.as_ref()?.keys.as_ref()?;
        let (boots, time) = (u32::try_from(header.boots).ok()?, u32::try_from(header.time).ok()?);
        let plain = keys.decrypt(boots, time, header.salt, header.data.body)?;
        // Padding may follow.
        Reader::new(&plain).expect(SEQUENCE).ok().map(<[u8]>::to_vec)
    }

    /// The answer to a probe names the engine. Its clock is not proven: the first signed message puts it right.
    fn discovered<'a>(&mut self, now: Instant, header: &Header<'_>) -> Opened<'a> {
        if header.engine_id.is_empty() || header.engine_id.len() > LONGEST_ENGINE_ID {
            let length = header.engine_id.len();
            return Opened::Garbled(format!("the discovery gave an engine ID of {length} octets"));
        }
        let clock = Clock { boots: i64::from(header.boots), time: i64::from(header.time), at: now, confirmed: false };
        self.engine = None;
        self.wanted = Some(Wanted { id: header.engine_id.to_vec(), clock, given_out: false });
        Opened::Discovered
    }

    fn reported<'a>(
        &mut self,
        now: Instant,
        header: &Header<'_>,
        authenticated: bool,
        counter: Option<u32>,
    ) -> Opened<'a> {
        match counter {
            Some(1) => Opened::Refused(Refusal::Level),
            // Only a signed one may move the clock, and only forwards (RFC 3414, 3.2.7).
            Some(2) if !authenticated => Opened::Untrue("its Report on our clock is not signed"),
            Some(2) if self.advance_clock(now, header) => Opened::Resynchronised,
            Some(2) => Opened::Changed,
            Some(3) => Opened::Refused(Refusal::UnknownUser),
            Some(4) => Opened::Changed,
            Some(5) => Opened::Refused(Refusal::Digest),
            Some(6) => Opened::Refused(Refusal::Decryption),
            _ => Opened::Refused(Refusal::Other),
        }
    }

    /// Takes the clock of a signed message over where it is ahead of what is known; `false` when it is behind.
    fn advance_clock(&mut self, now: Instant, header: &Header<'_>) -> bool {
        let Some(engine) = self.engine.as_mut() else { return false };
        let (boots, time) = (i64::from(header.boots), i64::from(header.time));
        let ours = engine.clock.read(now);
        if engine.clock.confirmed && (boots, time) < ours {
            return boots == ours.0 && time + TIME_WINDOW >= ours.1;
        }
        self.news |= !engine.clock.confirmed || engine.clock.boots != boots;
        engine.clock = Clock { boots, time, at: now, confirmed: true };
        true
    }

    fn check_response(
        &mut self,
        now: Instant,
        header: &Header<'_>,
        authenticated: bool,
        encrypted: bool,
    ) -> Result<(), &'static str> {
        if self.user.auth.is_some() && !authenticated {
            return Err("it is not signed");
        }
        if self.user.privacy.is_some() && !encrypted {
            return Err("it is not encrypted");
        }
        if header.user != self.user.name.as_bytes() {
            return Err("it is for another user");
        }
        if self.engine.as_ref().is_none_or(|engine| header.engine_id != engine.id) {
            return Err("it is from another engine");
        }
        if authenticated && !self.advance_clock(now, header) {
            return Err("it is older than the time window allows");
        }
        Ok(())
    }
}

impl User {
    fn security(&self, engine_id: &[u8]) -> Result<Security, String> {
        let password = self.auth.as_ref().map(|auth| auth.password.expose()).unwrap_or_default();
        let mut security = Security::new(self.name.as_bytes(), password.as_bytes());
        let level = match (&self.auth, &self.privacy) {
            (None, _) => v3::Auth::NoAuthNoPriv,
            (Some(_), None) => v3::Auth::AuthNoPriv,
            (Some(_), Some(privacy)) => v3::Auth::AuthPriv {
                cipher: match privacy.protocol {
                    PrivacyProtocol::Des => v3::Cipher::Des,
                    PrivacyProtocol::Aes128 => v3::Cipher::Aes128,
                    PrivacyProtocol::Aes192 => v3::Cipher::Aes192,
                    PrivacyProtocol::Aes256 => v3::Cipher::Aes256,
                },
                privacy_password: privacy.password.expose().as_bytes().to_vec(),
            },
        };
        if let Some(auth) = &self.auth {
            security = security.with_auth_protocol(match auth.protocol {
                AuthProtocol::Md5 => v3::AuthProtocol::Md5,
                AuthProtocol::Sha1 => v3::AuthProtocol::Sha1,
                AuthProtocol::Sha224 => v3::AuthProtocol::Sha224,
                AuthProtocol::Sha256 => v3::AuthProtocol::Sha256,
                AuthProtocol::Sha384 => v3::AuthProtocol::Sha384,
                AuthProtocol::Sha512 => v3::AuthProtocol::Sha512,
            });
        }
        if let Some(privacy) = &self.privacy {
            security = security.with_key_extension_method(match privacy.key_extension {
                KeyExtension::Blumenthal => v3::KeyExtension::Blumenthal,
                KeyExtension::Reeder => v3::KeyExtension::Reeder,
            });
        }
        security.with_auth(level).with_engine_id(engine_id).map_err(|error| error.to_string())
    }
}

/// Any engine ID will do for the mould.
const MOULD_ENGINE: &[u8] = &[0x80, 0, 0, 0, 0];

fn mould_security() -> Result<Security, String> {
    let nobody = Security::new(&[], &[]).with_auth(v3::Auth::NoAuthNoPriv);
    nobody.with_engine_id(MOULD_ENGINE).map_err(|error| error.to_string())
}

/// The PDU's octets within the contents of a scoped PDU.
fn scoped_pdu(scoped: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, String> {
    let skip = |octets: &[u8]| {
        let mut reader = Reader::new(octets);
        reader.expect(OCTET_STRING)?;
        reader.expect(OCTET_STRING)?;
        Ok(octets.len() - reader.left())
    };
    let start = skip(&scoped).map_err(|why: super::ber::BerError| format!("its scoped PDU is broken: {why}"))?;
    match scoped {
        Cow::Borrowed(octets) => Ok(Cow::Borrowed(octets.get(start..).unwrap_or_default())),
        Cow::Owned(mut octets) => Ok(Cow::Owned(octets.split_off(start.min(octets.len())))),
    }
}

/// Which of the usmStats a Report names.
fn report_counter(pdu: &Pdu<'_>) -> Option<u32> {
    let first = pdu.varbinds().next()?.ok()?;
    let mut name = Vec::new();
    first.name_into(&mut name)?;
    name.strip_prefix(&USM_STATS)?.first().copied()
}

#[cfg(test)]
mod tests;
