//! SNMPv3 with the user-based security model, for one user at one engine, sans I/O.
//!
//! In: requests and datagrams, with the time. Out: sealed datagrams, and what a datagram turned out to be.
//!
//! Requests are sealed and answers opened with the keyed hashes and ciphers of the RustCrypto crates. For this the `snmp2`
//! crate is only what the tests speak to: it changes its state before it has checked a signature, writes into the datagram that it
//! checks, refuses any msgMaxSize above its own buffer, does not give out the decrypted octets that our tolerant scanner
//! needs, and takes in a key anew for each message, which is most of what it costs. Nothing here changes before a message
//! is known to be true, but the engine ID that a discovery asks for.

mod keys;
mod message;
mod notification;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use self::keys::Keys;
use self::message::Envelope;
pub(super) use self::message::{Header, probe, read};
pub use self::notification::{TrapKeys, TrapUser, Untrusted};
#[cfg(test)]
pub(crate) use self::tests::{credential_of_traps, sealed_trap};
use super::ber::{BerError, OCTET_STRING, Reader, SEQUENCE};
use super::codec::{OutgoingPdu, Pdu, PduKind, Request};
use super::{Refusal, SnmpError};
use crate::config::{Auth, Credential, Privacy, SnmpVersion};

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
    /// For a user who signs.
    keys: Option<Keys>,
}

/// What a datagram turned out to be.
#[derive(Debug)]
pub(super) enum Opened<'a> {
    /// A true Response: its PDU.
    Response(Pdu<'a>),
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
    keys: Result<Option<Keys>, String>,
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
        let make = |auth: &Auth| {
            let random = getrandom::u64().map_err(|error| format!("no randomness for salts: {error}"))?;
            let keys = Keys::localise(auth, user.privacy.as_ref(), &id, random);
            keys.ok_or_else(|| "the keys have a length that their protocols do not take".to_owned())
        };
        let keys = user.auth.as_ref().map(make).transpose();
        Made { id, keys }
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
        self.engine = Some(Engine { id, clock, keys: made.keys? });
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

    /// Puts a request into an empty buffer, signed and encrypted as the user's level asks.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn seal(
        &mut self,
        now: Instant,
        id: i32,
        request: &Request,
        buffer: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let Engine { id: engine_id, clock, keys } = self.engine.as_mut().ok_or("the engine is not known yet")?;
        let (boots, time) = clock.read(now);
        let clock = (u32::try_from(boots).unwrap_or(0), u32::try_from(time).unwrap_or(0));
        let privacy = keys.as_mut().and_then(|keys| Some((keys.block()?, keys.next_salt(clock.0))));
        let envelope = Envelope {
            id,
            engine_id: engine_id.as_slice(),
            boots,
            time,
            user: self.user.name.as_bytes(),
            tag: keys.as_ref().map(Keys::tag_length),
            privacy: privacy.map(|(block, salt)| (salt, block)),
        };
        let places = message::put(buffer, &envelope, &OutgoingPdu::new(id, request));
        if let Some(keys) = keys {
            if let Some((_, salt)) = privacy {
                let plain = buffer.get_mut(places.encrypted..).unwrap_or_default();
                keys.encrypt(clock, salt, plain).ok_or("it cannot be encrypted")?;
            }
            keys.sign(buffer, places.tag);
        }
        Ok(())
    }

    /// Finds out what a message is that answers something we asked: its msgID has been found to be live. `probing` when
    /// it answers a probe. What was encrypted is put into `plain`, whose contents are lost.
    pub(super) fn open<'a>(
        &mut self,
        now: Instant,
        header: &Header<'a>,
        probing: bool,
        plain: &'a mut Vec<u8>,
    ) -> Opened<'a> {
        let authenticated = header.flags & message::AUTH != 0;
        if authenticated && let Err(why) = self.verify(header) {
            return Opened::Untrue(why);
        }
        let encrypted = header.flags & message::PRIVACY != 0;
        let scoped = match (encrypted, header.data.tag) {
            (false, SEQUENCE) => header.data.body,
            (true, OCTET_STRING) if authenticated => match self.decrypt(header, plain) {
                Some(scoped) => scoped,
                None => return Opened::Garbled("its encrypted part has no readable contents".to_owned()),
            },
            (true, OCTET_STRING) => return Opened::Untrue("it is encrypted but not signed"),
            _ => return Opened::Garbled("its flags and its contents do not agree".to_owned()),
        };
        let pdu = match scoped_pdu(scoped) {
            Ok(pdu) => pdu,
            Err(why) => return Opened::Garbled(format!("its scoped PDU is broken: {why}")),
        };
        match pdu.kind {
            PduKind::Report if probing => self.discovered(now, header),
            PduKind::Report => self.reported(now, header, authenticated, report_counter(&pdu)),
            PduKind::Response if probing => Opened::Untrue("a probe is not answered with values"),
            PduKind::Response => match self.check_response(now, header, authenticated, encrypted) {
                Ok(()) => Opened::Response(pdu),
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

    /// The contents of the scoped PDU; padding may follow it.
    fn decrypt<'a>(&self, header: &Header<'_>, plain: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let keys = self.engine.as_ref()?.keys.as_ref()?;
        let clock = (u32::try_from(header.boots).ok()?, u32::try_from(header.time).ok()?);
        plain.clear();
        plain.extend_from_slice(header.data.body);
        keys.decrypt(clock, header.salt, plain)?;
        Reader::new(plain).expect(SEQUENCE).ok()
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

/// The PDU within the contents of a scoped PDU.
fn scoped_pdu(scoped: &[u8]) -> Result<Pdu<'_>, BerError> {
    let mut reader = Reader::new(scoped);
    reader.expect(OCTET_STRING)?;
    reader.expect(OCTET_STRING)?;
    Pdu::scan(&mut reader)
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
