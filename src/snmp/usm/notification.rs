//! Notifications in SNMPv3: the sender is the authoritative engine (RFC 3414, 1.5.1), so that a receiver who knows the
//! user's passwords can open what any engine of that user sends.
//!
//! Nothing here looks at the clock of a message. A notification that is sent again by somebody else only makes us read
//! what we would have read anyway.

use std::fmt;
use std::sync::Arc;

use super::keys::Keys;
use super::{Chore, Header, LONGEST_ENGINE_ID, User, Usm, message};
use crate::config::Credential;
use crate::snmp::SnmpError;
use crate::snmp::ber::{OCTET_STRING, Reader, SEQUENCE};

/// A user whose notifications are heard.
#[derive(Clone)]
pub struct TrapUser(Arc<User>);

/// The keys of a user at one engine.
pub struct TrapKeys {
    engine_id: Vec<u8>,
    /// `None` for a user who signs nothing.
    keys: Option<Keys>,
}

impl fmt::Debug for TrapUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrapUser").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for TrapKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrapKeys").finish_non_exhaustive()
    }
}

/// Why a notification is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It names another user.
    #[error("it is from another user")]
    User,
    /// It is signed or encrypted otherwise than the user's credential says.
    #[error("it is not signed and encrypted as the credential says")]
    Level,
    /// The keys at hand are those of another engine.
    #[error("the keys of its engine are not known")]
    Keys,
    /// Its signature is wrong: a forgery, or another password or hash.
    #[error("its signature is wrong")]
    Signature,
    /// It cannot be decrypted: another privacy password or cipher.
    #[error("it cannot be decrypted")]
    Privacy,
    /// It holds no PDU.
    #[error("its scoped PDU is broken")]
    Scope,
}

impl TrapUser {
    /// `None` for a credential that is not SNMPv3.
    ///
    /// # Errors
    /// [`SnmpError::Setting`] for names and passwords that SNMP does not allow.
    pub fn new(credential: &Credential) -> Result<Option<Self>, SnmpError> {
        Ok(Usm::new(credential)?.map(|usm| Self(usm.user)))
    }

    /// Whether a message names this user.
    pub(in crate::snmp) fn is(&self, name: &[u8]) -> bool {
        self.0.name.as_bytes() == name
    }

    /// The user's keys at an engine. Takes a few milliseconds where the user signs.
    ///
    /// # Errors
    /// Why there are none.
    pub fn keys(&self, engine_id: &[u8]) -> Result<TrapKeys, String> {
        if engine_id.is_empty() || engine_id.len() > LONGEST_ENGINE_ID {
            return Err(format!("an engine ID of {} octets", engine_id.len()));
        }
        let made = Chore { user: Arc::clone(&self.0), id: engine_id.to_vec() }.run();
        Ok(TrapKeys { engine_id: made.id, keys: made.keys? })
    }

    /// The octets of a message's PDU, when this user sent it at the level of its credential. What was encrypted is put into
    /// `plain`, whose contents are lost.
    pub(in crate::snmp) fn open<'a>(
        &self,
        header: &Header<'a>,
        keys: Option<&TrapKeys>,
        plain: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Untrusted> {
        if !self.is(header.user) {
            return Err(Untrusted::User);
        }
        let signed = header.flags & message::AUTH != 0;
        let encrypted = header.flags & message::PRIVACY != 0;
        if self.0.auth.is_some() != signed || self.0.privacy.is_some() != encrypted {
            return Err(Untrusted::Level);
        }
        let scoped = if signed {
            let keys = keys.filter(|keys| keys.engine_id == header.engine_id).ok_or(Untrusted::Keys)?;
            let keys = keys.keys.as_ref().ok_or(Untrusted::Keys)?;
            let (before, after) = header.around_tag;
            if !keys.verify(before, header.tag, after) {
                return Err(Untrusted::Signature);
            }
            match (encrypted, header.data.tag) {
                (false, SEQUENCE) => header.data.body,
                (true, OCTET_STRING) => decrypt(keys, header, plain).ok_or(Untrusted::Privacy)?,
                _ => return Err(Untrusted::Scope),
            }
        } else {
            Some(header.data).filter(|data| data.tag == SEQUENCE).ok_or(Untrusted::Scope)?.body
        };
        pdu(scoped).ok_or(Untrusted::Scope)
    }
}

impl TrapKeys {
    /// Whether these are the keys at this engine.
    #[must_use]
    pub fn are_of(&self, engine_id: &[u8]) -> bool {
        self.engine_id == engine_id
    }
}

impl<'a> Header<'a> {
    /// The engine ID and the user that the message names.
    pub(in crate::snmp) const fn sender(&self) -> (&'a [u8], &'a [u8]) {
        (self.engine_id, self.user)
    }
}

/// The contents of the scoped PDU; padding may follow it.
fn decrypt<'a>(keys: &Keys, header: &Header<'_>, plain: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let clock = (u32::try_from(header.boots).ok()?, u32::try_from(header.time).ok()?);
    plain.clear();
    plain.extend_from_slice(header.data.body);
    keys.decrypt(clock, header.salt, plain)?;
    Reader::new(plain).expect(SEQUENCE).ok()
}

/// What follows the context of a scoped PDU, one element long.
fn pdu(scoped: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(scoped);
    reader.expect(OCTET_STRING).ok()?;
    reader.expect(OCTET_STRING).ok()?;
    let (_, rest) = scoped.split_at_checked(scoped.len() - reader.left())?;
    reader.element().ok()?;
    rest.get(..rest.len() - reader.left())
}
