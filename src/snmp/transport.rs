//! The task of one session: an unconnected UDP socket on one side, the callers on the other, the device between.
//!
//! ```text
//!  Session ──Command (bounded, callers wait)──► task ──datagrams──► UDP socket ──► OLT
//!  Session ◄──oneshot Outcome────────────────── task ◄──datagrams── UDP socket ◄── (anybody)
//!                                                │ owns Device; sleeps until Device::deadline
//! ```
//!
//! The task ends when the last [`super::Session`] is gone.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::device::{Device, JobId};
use super::job::{AnyJob, Outcome};
use super::{Counters, SnmpError};

/// Largest UDP payload, and one octet to see that something is larger.
const MAX_DATAGRAM: usize = 65_536;
/// Receive buffer that is asked for; the window keeps what can be outstanding below it.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Datagrams that are taken in before answers are sent on.
const BURST: usize = 64;
/// Jobs whose callers have gone away are looked for this often while the device is busy.
const SWEEP: Duration = Duration::from_millis(250);

/// Something to do for a caller.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) job: AnyJob,
    pub(super) done: oneshot::Sender<Outcome>,
}

/// Resolves `host:port` to addresses, IPv4 first: what a management network speaks, and what agents listen on.
pub(super) async fn resolve(address: &str) -> Result<Vec<SocketAddr>, SnmpError> {
    let refuse = |why: String| SnmpError::NotResolved { address: address.to_owned(), why };
    let mut found: Vec<SocketAddr> =
        tokio::net::lookup_host(address).await.map_err(|error| refuse(error.to_string()))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    if found.is_empty() { Err(refuse("the resolver gave no address".to_owned())) } else { Ok(found) }
}

/// An unconnected socket of the peer's address family: an OLT that answers from another port or address is heard,
/// and the device decides whether to believe it.
pub(super) fn bind(peer: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr =
        if peer.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = socket2::Socket::new(socket2::Domain::for_address(local), socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "the receive buffer keeps its default size");
    }
    socket.bind(&local.into())?;
    UdpSocket::from_std(socket.into())
}

/// See the module.
pub(super) struct Task {
    pub(super) address: String,
    pub(super) device: Device<AnyJob>,
    pub(super) socket: UdpSocket,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) counters: Arc<Mutex<Counters>>,
    pub(super) waiting: HashMap<JobId, oneshot::Sender<Outcome>>,
    /// The addresses that the name had when it was resolved last.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Task {
    /// Runs until every session handle is gone.
    pub(super) async fn run(mut self) {
        let mut buffer = vec![0_u8; MAX_DATAGRAM];
        let mut swept = Instant::now();
        loop {
            // What has arrived while we were busy is no time-out.
            self.drain(&mut buffer);
            let now = Instant::now();
            self.device.advance(now.into_std());
            self.flush().await;
            let failed = self.deliver();
            if failed {
                self.try_another_address().await;
            }
            let deadline = self.device.deadline(now.into_std()).map(Instant::from_std);
            let deadline = if self.waiting.is_empty() { deadline } else { earlier(deadline, swept + SWEEP) };
            let sleep = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                readable = self.socket.readable() => match readable {
                    Ok(()) => {}
                    Err(error) => {
                        self.device.send_failed(&error.to_string());
                        tokio::time::sleep(SWEEP).await;
                    }
                },
                command = self.commands.recv() => match command {
                    Some(Command { job, done }) => {
                        let id = self.device.submit(job);
                        self.waiting.insert(id, done);
                    }
                    None => return,
                },
                () = sleep => {}
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.forget_abandoned();
            }
        }
    }

    /// Takes in what has arrived.
    fn drain(&mut self, buffer: &mut [u8]) {
        for _ in 0..BURST {
            match self.socket.try_recv_from(buffer) {
                Ok((length, source)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.device.receive(Instant::now().into_std(), source, datagram);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error of an earlier datagram; the time-out of its request tells the rest.
                Err(error) => tracing::debug!(address = %self.address, %error, "a socket error was received"),
            }
        }
    }

    /// Sends what the device wants to send.
    async fn flush(&mut self) {
        while let Some((datagram, peer)) = self.device.transmit() {
            if let Err(error) = self.socket.send_to(&datagram, peer).await {
                self.device.send_failed(&error.to_string());
            }
        }
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = self.device.counters();
    }

    /// Gives results to their callers; whether one of them failed for silence.
    fn deliver(&mut self) -> bool {
        let mut any = false;
        while let Some((id, outcome)) = self.device.finished() {
            any = true;
            if let Some(done) = self.waiting.remove(&id) {
                // The caller may have gone away: then nobody wants it.
                let _ = done.send(outcome);
            }
        }
        any && self.device.is_silent()
    }

    fn forget_abandoned(&mut self) {
        let gone: Vec<JobId> = self.waiting.iter().filter(|(_, done)| done.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.waiting.remove(&id);
            self.device.cancel(id);
        }
    }

    /// After a silence: the name may stand for another address now, or for several.
    async fn try_another_address(&mut self) {
        if self.address.parse::<SocketAddr>().is_ok() {
            return;
        }
        match resolve(&self.address).await {
            Ok(found) => self.addresses = found,
            Err(error) => tracing::debug!(%error, "the address is kept"),
        }
        let old = self.device.peer();
        let after = self.addresses.iter().position(|address| *address == old).map_or(0, |position| position + 1);
        let Some(new) = self.addresses.iter().cycle().nth(after).copied().filter(|new| *new != old) else { return };
        if new.is_ipv4() != old.is_ipv4() {
            match bind(new) {
                Ok(socket) => self.socket = socket,
                Err(error) => {
                    tracing::debug!(address = %self.address, %error, "no socket for another address family");
                    return;
                }
            }
        }
        tracing::info!(address = %self.address, %old, %new, "no answer: trying the name's other address");
        self.device.move_to(new);
    }
}

fn earlier(deadline: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(deadline.map_or(other, |deadline| deadline.min(other)))
}
