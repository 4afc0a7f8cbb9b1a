//! What opens an OLT's traps in SNMPv3: the keys of its user at the engine that sends. No I/O; the time is an argument.
//!
//! Making keys takes milliseconds, and anybody can name a new engine: so keys are made elsewhere, for one engine at a time,
//! at most once a minute for an OLT, and they replace those that are held only when the trap for which they were made is true.

use std::time::Duration;

use tokio::time::Instant;

use crate::snmp::{SealedTrap, TrapError, TrapKeys, TrapMessage, TrapUser, Untrusted};

/// Keys for another engine are not made more often than this.
const MAKE_EVERY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Keyring {
    /// `None` for an OLT that is not spoken to in SNMPv3.
    user: Option<TrapUser>,
    keys: Option<TrapKeys>,
    /// The trap that waits for keys.
    waiting: Option<Vec<u8>>,
    asked: Option<Instant>,
}

/// What became of a sealed trap.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is true.
    Message(TrapMessage),
    /// It waits until somebody has made these keys and given them to [`Keyring::equip`].
    Make(TrapUser, Vec<u8>),
    /// It is dropped.
    Dropped(TrapError),
}

impl From<TrapError> for Opened {
    fn from(why: TrapError) -> Self {
        Self::Dropped(why)
    }
}

impl Keyring {
    pub(super) const fn new(user: Option<TrapUser>) -> Self {
        Self { user, keys: None, waiting: None, asked: None }
    }

    /// Opens a message in SNMPv3, or says which keys it takes.
    pub(super) fn open(&mut self, now: Instant, datagram: &[u8]) -> Opened {
        let sealed = match SealedTrap::read(datagram) {
            Ok(sealed) => sealed,
            Err(why) => return why.into(),
        };
        let Some(user) = self.user.as_ref().filter(|user| sealed.is_by(user)) else {
            return TrapError::Untrusted(Untrusted::User).into();
        };
        let keys = self.keys.as_ref().filter(|keys| keys.are_of(sealed.engine_id()));
        match sealed.open(user, keys) {
            Ok(message) => Opened::Message(message),
            Err(TrapError::Untrusted(Untrusted::Keys)) if self.may_make(now) => {
                self.asked = Some(now);
                self.waiting = Some(datagram.to_vec());
                Opened::Make(user.clone(), sealed.engine_id().to_vec())
            }
            Err(why) => why.into(),
        }
    }

    fn may_make(&self, now: Instant) -> bool {
        self.asked.is_none_or(|last| now.saturating_duration_since(last) >= MAKE_EVERY)
    }

    /// Takes the keys over if they open the trap for which they were made, which is given then.
    ///
    /// # Errors
    /// Why it is dropped.
    pub(super) fn equip(&mut self, made: Result<TrapKeys, String>) -> Result<TrapMessage, TrapError> {
        let waiting = self.waiting.take().unwrap_or_default();
        let keys = made.map_err(TrapError::Garbage)?;
        let user = self.user.as_ref().ok_or(TrapError::Untrusted(Untrusted::User))?;
        let message = SealedTrap::read(&waiting)?.open(user, Some(&keys))?;
        self.keys = Some(keys);
        Ok(message)
    }
}
