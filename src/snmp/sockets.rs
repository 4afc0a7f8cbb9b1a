//! The UDP sockets of an engine: one for each address family, unconnected, with a receive buffer that holds a burst. On
//! Linux datagrams come and go several to a system call.

#[cfg(target_os = "linux")]
mod many;
#[cfg(any(not(target_os = "linux"), test))]
mod one;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

#[cfg(target_os = "linux")]
use self::many as way;
#[cfg(not(target_os = "linux"))]
use self::one as way;
use super::SnmpError;
use super::commons::Letter;

/// Receive buffer that is asked for, octets.
pub(super) const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;

/// See the module. A socket is opened when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    granted: Option<usize>,
    room: way::Room,
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
            if let Some(advice) = advice(granted) {
                tracing::warn!(asked = RECEIVE_BUFFER, granted, "{advice}");
            }
        }
        Ok(())
    }

    /// The smallest receive buffer that was granted, as the system counts; `None` before a socket is open.
    pub(super) const fn granted(&self) -> Option<usize> {
        self.granted
    }

    /// Shows what has arrived, in bursts of about as many datagrams as are expected; whether that was all.
    pub(super) fn receive(&mut self, expected: usize, mut show: impl FnMut(SocketAddr, &[u8])) -> bool {
        let mut all = true;
        for (socket, is_v4) in [(&self.v4, true), (&self.v6, false)] {
            let Some(socket) = socket else { continue };
            all &= match way::receive(socket, is_v4, &mut self.room, expected, &mut show) {
                Ok(all) => all,
                // An ICMP error of an earlier datagram; the time-out of its request tells the rest.
                Err(error) => {
                    tracing::debug!(%error, "a socket error was received");
                    false
                }
            };
        }
        all
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

    /// Sends the first of these, and as many after it as go with it; how many. Waits while the system's send buffer is
    /// full. An error is that of the first.
    pub(super) async fn send(&self, letters: &[Letter]) -> io::Result<usize> {
        let is_v4 = letters.first().is_none_or(|letter| letter.to.is_ipv4());
        let alike = letters.iter().take_while(|letter| letter.to.is_ipv4() == is_v4).count();
        match if is_v4 { &self.v4 } else { &self.v6 } {
            Some(socket) => way::send(socket, letters.get(..alike).unwrap_or(letters)).await,
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "no socket for this address family")),
        }
    }
}

/// What to do about a receive buffer of so many octets; `None` where it is as large as was asked for.
fn advice(granted: usize) -> Option<String> {
    (granted < RECEIVE_BUFFER).then(|| {
        format!(
            "the system gives a smaller receive buffer for SNMP than was asked for: fewer requests go out at once. On \
             Linux, net.core.rmem_max = {RECEIVE_BUFFER} lifts the limit"
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends datagrams of several sizes to itself, and what of them arrived.
    macro_rules! round {
        ($way:ident, $socket:expr) => {{
            let socket = $socket;
            let to = socket.local_addr().unwrap();
            let sizes = [0, 1, 1_400, 9_000, 60_000, 3, 65_507];
            let letters: Vec<Letter> =
                (0_u8..).zip(sizes).map(|(octet, size)| Letter { device: 0, to, octets: vec![octet; size] }).collect();
            let mut sent = 0;
            while sent < letters.len() {
                sent += $way::send(&socket, &letters[sent..]).await.unwrap();
            }
            let (mut room, mut got) = ($way::Room::default(), Vec::new());
            while got.len() < letters.len() {
                socket.readable().await.unwrap();
                let show = &mut |from: SocketAddr, octets: &[u8]| got.push((from, octets.to_vec()));
                while !$way::receive(&socket, to.is_ipv4(), &mut room, 2, show).unwrap() {}
            }
            let expected: Vec<_> = letters.into_iter().map(|letter| (to, letter.octets)).collect();
            assert!(got == expected);
            let nothing = &mut |_: SocketAddr, _: &[u8]| panic!("nothing is left");
            assert!($way::receive(&socket, to.is_ipv4(), &mut room, 2, nothing).unwrap());
        }};
    }

    #[tokio::test]
    async fn datagrams_of_all_sizes_arrive_whole_whichever_way_they_go() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let address: SocketAddr = host.parse().unwrap();
            let bound = || {
                let socket = std::net::UdpSocket::bind(address).unwrap();
                socket.set_nonblocking(true).unwrap();
                socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
                UdpSocket::from_std(socket).unwrap()
            };
            #[cfg(target_os = "linux")]
            round!(many, bound());
            round!(one, bound());
        }
    }

    #[tokio::test]
    async fn a_burst_to_both_families_leaves_in_its_order_and_an_error_is_that_of_its_first() {
        let mut sockets = Sockets::default();
        let hosts: Vec<SocketAddr> = ["127.0.0.1:9", "127.0.0.1:9", "[::1]:9"].map(|host| host.parse().unwrap()).into();
        let letter = |to: SocketAddr| Letter { device: 0, to, octets: vec![1] };
        let letters: Vec<Letter> = hosts.iter().copied().map(letter).collect();
        sockets.open_for(hosts[0]).unwrap();
        let first = sockets.send(&letters).await.unwrap();
        assert!((1..=2).contains(&first));
        assert_eq!(sockets.send(&letters[2..]).await.unwrap_err().kind(), io::ErrorKind::NotConnected);
        let long = Letter { octets: vec![0; 65_508], ..letter(hosts[0]) };
        assert!(sockets.send(&[long, letter(hosts[0])]).await.is_err());
        assert_eq!(sockets.send(&[]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_buffer_is_read_back_and_a_small_one_names_the_setting() {
        let mut sockets = Sockets::default();
        assert_eq!(sockets.granted(), None);
        sockets.open_for(SocketAddr::from((Ipv4Addr::LOCALHOST, 161))).unwrap();
        let granted = sockets.granted().unwrap();
        let socket = sockets.v4.as_ref().unwrap();
        assert_eq!(socket2::SockRef::from(socket).recv_buffer_size().unwrap(), granted);
        assert!(advice(212_992).is_some_and(|advice| advice.contains("net.core.rmem_max = 8388608")));
        assert_eq!(advice(RECEIVE_BUFFER), None);
    }
}
