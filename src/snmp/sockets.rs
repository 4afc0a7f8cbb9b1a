//! The UDP sockets of an engine: one for each address family, unconnected, with a receive buffer that holds a burst.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::SnmpError;

/// Receive buffer that is asked for, octets.
pub(super) const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// See the module. A socket is opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    granted: Option<usize>,
}

impl Sockets {
    /// Opens the socket for this address unless there is one.
    pub(super) fn open_for(&mut self, peer: SocketAddr) -> io::Result<()> {
        let place = if peer.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        if place.is_none() {
            let (socket, granted) = bind(peer)?;
            *place = Some(socket);
            let granted = self.granted.map_or(granted, |other| other.min(granted));
            self.granted = Some(granted);
            if granted < RECEIVE_BUFFER {
                tracing::warn!(
                    asked = RECEIVE_BUFFER,
                    granted,
                    "the system gives a smaller receive buffer for SNMP than was asked for: fewer requests go out \
                     at once. On Linux, net.core.rmem_max = {RECEIVE_BUFFER} lifts the limit"
                );
            }
        }
        Ok(())
    }

    /// The smallest receive buffer that was granted, as the system counts; `None` before a socket is open.
    pub(super) const fn granted(&self) -> Option<usize> {
        self.granted
    }

    /// What has arrived, as long as something has; `Ok(None)` when nothing has any more.
    pub(super) fn try_receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        for socket in [&self.v4, &self.v6].into_iter().flatten() {
            match socket.try_recv_from(buffer) {
                Ok(received) => return Ok(Some(received)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits until something has arrived.
    pub(super) async fn readable(&self) -> io::Result<()> {
        let wait = async |socket: &Option<UdpSocket>| match socket {
            Some(socket) => socket.readable().await,
            None => std::future::pending().await,
        };
        tokio::select! {
            readable = wait(&self.v4) => readable,
            readable = wait(&self.v6) => readable,
        }
    }

    /// Sends a datagram; waits while the system's send buffer is full.
    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        match socket {
            Some(socket) => socket.send_to(datagram, to).await.map(|_| ()),
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "no socket for this address family")),
        }
    }
}

/// An unconnected socket of the peer's address family, and the receive buffer that it has: an OLT that answers from
/// another port or address is heard, and its device decides whether to believe it.
fn bind(peer: SocketAddr) -> io::Result<(UdpSocket, usize)> {
    let local: SocketAddr =
        if peer.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = socket2::Socket::new(socket2::Domain::for_address(local), socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!(%error, "the receive buffer keeps its default size");
    }
    let granted = socket.recv_buffer_size()?;
    socket.bind(&local.into())?;
    Ok((UdpSocket::from_std(socket.into())?, granted))
}

/// Resolves `host:port` to addresses, IPv4 first: what a management network speaks, and what agents listen on.
pub(super) async fn resolve(address: &str) -> Result<Vec<SocketAddr>, SnmpError> {
    let refuse = |why: String| SnmpError::NotResolved { address: address.to_owned(), why };
    let mut found: Vec<SocketAddr> =
        tokio::net::lookup_host(address).await.map_err(|error| refuse(error.to_string()))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    if found.is_empty() { Err(refuse("the resolver gave no address".to_owned())) } else { Ok(found) }
}
