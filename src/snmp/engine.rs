//! The handle of an engine: one task with one socket for each address family, for all OLTs of a process.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

use super::commons::Limits;
use super::device::{Device, Protocol};
use super::engine_cache::{EngineCache, KnownEngine, wall_clock};
use super::fleet::Fleet;
use super::sockets::resolve;
use super::usm::Usm;
use super::worker::{Command, Worker};
use super::{Counters, Session, SnmpError, Target};
use crate::config::{self, Credential, SnmpVersion};

/// Jobs that may wait to be taken over by the worker, before their callers wait for a place.
const QUEUE: usize = 1024;

/// What an engine may do in sum, over all of its OLTs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EngineLimits {
    /// Requests in flight; [`usize::MAX`] for no limit but that of the receive buffer.
    pub in_flight: usize,
    /// Datagrams a second; infinite for no limit.
    pub pdus_per_second: f64,
    /// Varbinds asked for a second; infinite for no limit.
    pub varbinds_per_second: f64,
}

impl Default for EngineLimits {
    /// No limit but those of each OLT, of the receive buffer, and of OLTs that come back from silence.
    fn default() -> Self {
        Self { in_flight: usize::MAX, pdus_per_second: f64::INFINITY, varbinds_per_second: f64::INFINITY }
    }
}

impl From<&config::Snmp> for EngineLimits {
    fn from(limits: &config::Snmp) -> Self {
        let none = Self::default();
        Self {
            in_flight: limits.in_flight.map_or(none.in_flight, |most| usize::try_from(most).unwrap_or(usize::MAX)),
            pdus_per_second: limits.pdus_per_second.unwrap_or(none.pdus_per_second),
            varbinds_per_second: limits.varbinds_per_second.unwrap_or(none.varbinds_per_second),
        }
    }
}

/// How an engine is at present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Sessions that are open.
    pub sessions: usize,
    /// OLTs that have something to send and wait for what all share.
    pub waiting: usize,
    /// Requests in flight, over all OLTs.
    pub in_flight: usize,
    /// Octets of answers that are on their way, as the kernel would count them.
    pub outstanding_octets: usize,
    /// The receive buffer that the system granted, octets; 0 before the first session.
    pub receive_buffer: usize,
    /// Datagrams that belong to no OLT. Dropped.
    pub foreign: u64,
}

/// Tells the worker which sessions are gone.
#[derive(Debug, Default)]
pub(super) struct Bell {
    gone: Mutex<Vec<u32>>,
    notify: Notify,
}

impl Bell {
    pub(super) async fn rung(&self) {
        self.notify.notified().await;
    }

    pub(super) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self, number: u32) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        self.notify.notify_one();
    }
}

/// What all handles of one session share.
#[derive(Debug)]
pub(super) struct Link {
    number: u32,
    address: String,
    window: u32,
    commands: mpsc::Sender<Command>,
    counters: Mutex<Counters>,
    bell: Arc<Bell>,
}

impl Link {
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_counters(&self, counters: Counters) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    }

    pub(super) const fn window(&self) -> u32 {
        self.window
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) const fn commands(&self) -> &mpsc::Sender<Command> {
        &self.commands
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.bell.ring(self.number);
    }
}

/// A running worker, as far as the handles know.
#[derive(Debug)]
struct Running {
    commands: mpsc::Sender<Command>,
    bell: Arc<Bell>,
}

struct Inner {
    limits: EngineLimits,
    running: Mutex<Option<Running>>,
    next: AtomicU32,
    status: Arc<Mutex<Status>>,
    engines: Option<Arc<Mutex<EngineCache>>>,
}

/// An engine: all OLTs of a process share its task, its sockets and its budgets. Cheap to clone. Its task starts with
/// the first session and lives until the last session and the last handle are gone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("limits", &self.0.limits).field("status", &self.status()).finish()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(EngineLimits::default())
    }
}

impl Engine {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(limits: EngineLimits) -> Self {
        Self::build(limits, None)
    }

    /// Keeps SNMPv3 engines in this file, so that after a restart OLTs need no discovery. The file is read here; it
    /// holds no secret. One that is damaged is not used, with a warning, and written anew.
    #[must_use]
    pub fn with_engine_file(limits: EngineLimits, path: &Path) -> Self {
        Self::build(limits, Some(Arc::new(Mutex::new(EngineCache::load(path)))))
    }

    fn build(limits: EngineLimits, engines: Option<Arc<Mutex<EngineCache>>>) -> Self {
        let status = Arc::new(Mutex::new(Status::default()));
        Self(Arc::new(Inner { limits, running: Mutex::new(None), next: AtomicU32::new(0), status, engines }))
    }

    /// How it is at present.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves the name and takes the OLT in; nothing is sent yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`SnmpError::Setting`] for a target or credential that cannot be used, [`SnmpError::NotResolved`], and
    /// [`SnmpError::Socket`].
    pub async fn open(&self, target: Target, credential: &Credential) -> Result<Session, SnmpError> {
        target.check()?;
        let protocol = match (&credential.version, Usm::new(credential)?) {
            (_, Some(mut usm)) => {
                if let Some(known) = self.known_engine(&target.address) {
                    usm.begin_with(tokio::time::Instant::now().into_std(), known.id, known.boots, known.time);
                }
                Protocol::V3(Box::new(usm))
            }
            (SnmpVersion::V2c { community }, None) => Protocol::V2c(community.clone()),
            (SnmpVersion::V3 { .. }, None) => {
                let what = format!("SNMP credential {:?}", credential.name);
                return Err(SnmpError::Setting { what, why: "an SNMPv3 user was expected".to_owned() });
            }
        };
        let addresses = resolve(&target.address).await?;
        let Some(peer) = addresses.first().copied() else {
            return Err(SnmpError::Socket { address: target.address, why: "no address".to_owned() });
        };
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let device = Box::new(Device::new(number, &target, peer, protocol));
        let (commands, bell) = self.worker(&target.address)?;
        let counters = Mutex::new(device.counters());
        let Target { address, window, .. } = target;
        let link = Arc::new(Link { number, address, window, commands, counters, bell });
        let (done, opened) = oneshot::channel();
        let closed = || SnmpError::Closed { address: link.address.clone() };
        let open = Command::Open { number, device, addresses, link: Arc::downgrade(&link), done };
        link.commands.send(open).await.map_err(|_| closed())?;
        opened.await.map_err(|_| closed())??;
        Ok(Session::new(link))
    }

    fn known_engine(&self, address: &str) -> Option<KnownEngine> {
        let engines = self.0.engines.as_ref()?;
        engines.lock().unwrap_or_else(PoisonError::into_inner).get(address, wall_clock())
    }

    /// The worker, started when there is none (any more: its runtime may be gone).
    fn worker(&self, address: &str) -> Result<(mpsc::Sender<Command>, Arc<Bell>), SnmpError> {
        let mut place = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = place.as_ref().filter(|running| !running.commands.is_closed()) {
            return Ok((running.commands.clone(), Arc::clone(&running.bell)));
        }
        let seed = getrandom::u64().map_err(|error| SnmpError::Socket {
            address: address.to_owned(),
            why: format!("no randomness for request ids: {error}"),
        })?;
        let (commands, received) = mpsc::channel(QUEUE);
        let bell = Arc::new(Bell::default());
        let EngineLimits { in_flight, pdus_per_second, varbinds_per_second } = self.0.limits;
        // Until a socket is open nothing is sent, and then its buffer is known.
        let limits = Limits { in_flight, pdus_per_second, varbinds_per_second, reply_octets: 0 };
        let fleet = Fleet::new(limits, fastrand::Rng::with_seed(seed));
        let (own, status, engines) = (commands.downgrade(), Arc::clone(&self.0.status), self.0.engines.clone());
        let worker = Worker::new(fleet, received, own, Arc::clone(&bell), status, engines);
        tokio::spawn(worker.run());
        *place = Some(Running { commands: commands.clone(), bell: Arc::clone(&bell) });
        Ok((commands, bell))
    }
}
