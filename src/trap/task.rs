//! The task that receives traps.
//!
//! ```text
//!   UDP ──datagram──► Receiver ──Hint──► each OLT's budget ──► its PollTask
//!                        │ ▲
//!                        │ └── addresses of names, keys for SNMPv3: made beside it
//!                        └──► Statuses (counts)
//! ```
//!
//! Nothing waits in here: a datagram is read, counted, and is a hint or nothing. What floods it, the system drops.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::error::BindError;
use super::keyring::{Keyring, Opened};
use super::meaning::meaning;
use super::senders::Senders;
use super::status::{Received, Statuses};
use crate::config::Credential;
use crate::model::{OltId, Timestamp};
use crate::poll::{Hint, Offered};
use crate::snmp::{TrapError, TrapKeys, TrapKind, TrapMessage, TrapUser, acknowledgement, decode_trap};

/// The largest datagram that there can be.
const LARGEST: usize = 65_535;
/// How many names are resolved at a time, and how long one may take.
const RESOLVERS: usize = 8;
const RESOLVE_WITHIN: Duration = Duration::from_secs(10);
/// What strangers can make us log is logged once in this time.
const SELDOM: Duration = Duration::from_secs(60);
/// How long to wait when the system cannot receive.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives a look at one OLT, as far as its budget allows.
pub type Look = Arc<dyn Fn(Hint) -> Offered + Send + Sync>;

/// An OLT that may send traps.
pub struct Sender {
    /// The OLT.
    pub olt: OltId,
    /// Its address as the config gives it, with a port.
    pub address: String,
    /// How it is spoken to; its traps in SNMPv3 are from the same user.
    pub credential: Credential,
    /// What a trap is a hint to.
    pub look: Look,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("olt", &self.olt).field("address", &self.address).finish_non_exhaustive()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Receiver {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Receiver {
    /// Begins to listen; the system keeps what comes until [`Receiver::run`] takes it. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(listen: SocketAddr) -> Result<Self, BindError> {
        let bind = || {
            let socket = std::net::UdpSocket::bind(listen)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok((UdpSocket::from_std(socket)?, address))
        };
        let (socket, address) = bind().map_err(|why| BindError { address: listen, why })?;
        Ok(Self { socket, address })
    }

    /// Where it listens; with the port that the system chose, where the config leaves that to it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives until shutdown.
    pub async fn run(&self, senders: &[Sender], statuses: &Statuses, mut shutdown: watch::Receiver<bool>) {
        let mut running = Running::new(&self.socket, senders, statuses);
        running.resolve(Instant::now());
        let mut buffer = vec![0; LARGEST];
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut shutdown) => return,
                Some(resolved) = running.resolving.join_next() => {
                    if let Ok((olt, addresses)) = resolved {
                        running.table.learn(olt, addresses);
                    }
                }
                Some(made) = running.making.join_next() => {
                    if let Ok((olt, keys)) = made {
                        running.equip(olt, keys, Instant::now());
                    }
                }
                received = self.socket.recv_from(&mut buffer) => match received {
                    Ok((length, source)) => {
                        running.take(buffer.get(..length).unwrap_or_default(), source, Instant::now());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot receive traps at present");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }
}

/// Ends when shutdown is asked for, or when nobody can ask for it any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// What is logged once in a while, and how often it was not.
#[derive(Debug, Default)]
struct Seldom {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// How many were left out since the last one, when it is time to log one again.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < SELDOM) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// What a running receiver knows.
struct Running<'a> {
    socket: &'a UdpSocket,
    senders: &'a [Sender],
    statuses: &'a Statuses,
    table: Senders,
    /// One an OLT.
    keyrings: Vec<Keyring>,
    resolving: JoinSet<(usize, Vec<IpAddr>)>,
    making: JoinSet<(usize, Result<TrapKeys, String>)>,
    strangers: Seldom,
    untrusted: Seldom,
    /// Said once: informs in SNMPv3 are not supported.
    told_of_informs: bool,
}

impl<'a> Running<'a> {
    fn new(socket: &'a UdpSocket, senders: &'a [Sender], statuses: &'a Statuses) -> Self {
        let keyring = |sender: &Sender| {
            let user = TrapUser::new(&sender.credential).unwrap_or_else(|error| {
                // The session with the OLT says so too, and louder.
                tracing::warn!(olt = %sender.olt, %error, "its traps in SNMPv3 cannot be opened");
                None
            });
            Keyring::new(user)
        };
        Self {
            socket,
            senders,
            statuses,
            table: Senders::default(),
            keyrings: senders.iter().map(keyring).collect(),
            resolving: JoinSet::new(),
            making: JoinSet::new(),
            strangers: Seldom::default(),
            untrusted: Seldom::default(),
            told_of_informs: false,
        }
    }

    /// Finds the addresses of all OLTs out, unless that is being done or was done a moment ago.
    fn resolve(&mut self, now: Instant) {
        if !self.resolving.is_empty() || !self.table.wants_resolving(now) {
            return;
        }
        let turns = Arc::new(Semaphore::new(RESOLVERS));
        for (place, sender) in self.senders.iter().enumerate() {
            if let Ok(literal) = sender.address.parse::<SocketAddr>() {
                self.table.learn(place, [literal.ip()]);
                continue;
            }
            let (name, turns) = (sender.address.clone(), Arc::clone(&turns));
            self.resolving.spawn(async move {
                let _turn = turns.acquire().await;
                let found = tokio::time::timeout(RESOLVE_WITHIN, tokio::net::lookup_host(name)).await;
                // A name that cannot be resolved is told by the task that polls it.
                let addresses =
                    found.ok().and_then(Result::ok).map(|found| found.map(|address| address.ip()).collect());
                (place, addresses.unwrap_or_default())
            });
        }
    }

    fn take(&mut self, datagram: &[u8], source: SocketAddr, now: Instant) {
        let from = self.table.at(source.ip());
        match decode_trap(datagram) {
            Ok(message) => {
                let of_agent = || message.agent.map_or(&[][..], |agent| self.table.at(agent.into()));
                let olts = if from.is_empty() { of_agent() } else { from }.to_vec();
                if olts.is_empty() {
                    return self.stranger(source, now);
                }
                if message.kind == TrapKind::Inform {
                    self.acknowledge(datagram, source);
                }
                self.heard(&olts, &message);
            }
            // Whose it is cannot be told from inside.
            Err(_) if from.is_empty() => self.stranger(source, now),
            Err(TrapError::Sealed) => {
                let olts = from.to_vec();
                self.open(&olts, datagram, now);
            }
            Err(why) => {
                tracing::debug!(%source, %why, "a datagram that is no trap is dropped");
                self.statuses.dropped(&why);
            }
        }
    }

    /// Somebody who is no OLT that we know: perhaps one whose name has another address now.
    fn stranger(&mut self, source: SocketAddr, now: Instant) {
        self.statuses.unknown_sender();
        if let Some(left_out) = self.strangers.turn(now) {
            tracing::info!(
                %source, others = left_out,
                "a trap comes from an address that no OLT of the config has: it is dropped"
            );
        }
        self.resolve(now);
    }

    fn acknowledge(&self, inform: &[u8], source: SocketAddr) {
        let Some(answer) = acknowledgement(inform) else { return };
        // When the system cannot send now, the sender asks again.
        if let Err(error) = self.socket.try_send_to(&answer, source) {
            tracing::debug!(%source, %error, "an inform could not be answered");
        }
    }

    /// A message in SNMPv3 from an address that these OLTs have.
    fn open(&mut self, olts: &[usize], datagram: &[u8], now: Instant) {
        let mut refused = None;
        for place in olts {
            let Some(keyring) = self.keyrings.get_mut(*place) else { continue };
            match keyring.open(now, datagram) {
                Opened::Message(message) => return self.heard(&[*place], &message),
                Opened::Make(user, engine_id) => {
                    let place = *place;
                    self.making.spawn_blocking(move || (place, user.keys(&engine_id)));
                    return;
                }
                Opened::Dropped(why) => refused = Some((*place, why)),
            }
        }
        if let Some((place, why)) = refused {
            self.refuse(place, &why, now);
        }
    }

    /// The keys are there for which a trap waited.
    fn equip(&mut self, place: usize, keys: Result<TrapKeys, String>, now: Instant) {
        let Some(keyring) = self.keyrings.get_mut(place) else { return };
        match keyring.equip(keys) {
            Ok(message) => self.heard(&[place], &message),
            Err(why) => self.refuse(place, &why, now),
        }
    }

    fn refuse(&mut self, place: usize, why: &TrapError, now: Instant) {
        self.statuses.dropped(why);
        let olt = self.senders.get(place).map(|sender| sender.olt.as_str());
        if *why == TrapError::SecureInform {
            if !std::mem::replace(&mut self.told_of_informs, true) {
                tracing::warn!(olt, "it sends informs in SNMPv3, which are not supported: let it send traps instead");
            }
        } else if let Some(left_out) = self.untrusted.turn(now) {
            tracing::warn!(olt, %why, others = left_out, "a trap in SNMPv3 is dropped");
        }
    }

    /// A trap that is taken as a hint, of one of these OLTs.
    fn heard(&self, olts: &[usize], message: &TrapMessage) {
        self.statuses.received(Received { version: message.version, kind: message.kind });
        let hint = meaning(&message.trap);
        for sender in olts.iter().filter_map(|place| self.senders.get(*place)) {
            let offered = hint.clone().map(|hint| (sender.look)(hint));
            self.statuses.came_to(&sender.olt, Timestamp::from(SystemTime::now()), offered);
            tracing::debug!(
                olt = %sender.olt, trap = %message.trap, version = message.version.word(), kind = message.kind.word(),
                look = offered.map_or("none", Offered::word), "trap"
            );
        }
    }
}

#[cfg(test)]
mod tests;
