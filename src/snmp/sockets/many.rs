//! Several datagrams to a system call, with Linux' recvmmsg and sendmmsg.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::snmp::commons::Letter;

/// Most datagrams in one call.
const BURST: usize = 32;
/// Octets of room for a datagram: above what UDP can carry, and no multiple of a page, since the beginnings of all
/// datagrams would then compete for the same lines of the processor's cache.
const PLACE: usize = 65_536 + 1_408;

/// Room for the datagrams of a burst. What was never written to takes no memory.
#[derive(Debug)]
pub(super) struct Room(Vec<u8>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; BURST * PLACE])
    }
}

/// Shows what has arrived; whether that was all.
pub(super) fn receive(
    socket: &UdpSocket,
    is_v4: bool,
    room: &mut Room,
    expected: usize,
    show: &mut impl FnMut(SocketAddr, &[u8]),
) -> io::Result<bool> {
    // One place more than is expected to be needed: when it stays empty, nothing is left, and no call has to ask.
    let most = expected.saturating_add(1).clamp(2, BURST);
    let received = socket.try_io(Interest::READABLE, || {
        if is_v4 {
            receive_from::<SockaddrIn>(socket, room, most, show)
        } else {
            receive_from::<SockaddrIn6>(socket, room, most, show)
        }
    });
    match received {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

/// `WouldBlock` when that was all, as the event loop has to know: a call that gives less than there is room for has
/// found the queue empty, and whatever comes after it is told anew.
fn receive_from<A: SockaddrLike + Copy + Into<SocketAddr>>(
    socket: &UdpSocket,
    room: &mut Room,
    most: usize,
    show: &mut impl FnMut(SocketAddr, &[u8]),
) -> io::Result<()> {
    let mut headers = MultiHeaders::<A>::preallocate(most, None);
    let mut received = [(0, None); BURST];
    let mut count = 0;
    {
        let mut places: Vec<[IoSliceMut<'_>; 1]> =
            room.0.chunks_mut(PLACE).take(most).map(|place| [IoSliceMut::new(place)]).collect();
        let messages = recvmmsg(socket.as_raw_fd(), &mut headers, &mut places, MsgFlags::MSG_DONTWAIT, None)?;
        for (message, received) in messages.zip(&mut received) {
            *received = (message.bytes, message.address);
            count += 1;
        }
    }
    for (place, (octets, from)) in room.0.chunks(PLACE).zip(received.iter().take(count)) {
        if let (Some(datagram), Some(from)) = (place.get(..*octets), *from) {
            show(from.into(), datagram);
        }
    }
    if count < most { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

/// Sends the first of these, which all go to one address family, and as many after it as the system takes; how many.
/// Waits while it takes none.
pub(super) async fn send(socket: &UdpSocket, letters: &[Letter]) -> io::Result<usize> {
    let letters = letters.get(..BURST).unwrap_or(letters);
    socket
        .async_io(Interest::WRITABLE, || match letters.first().map(|letter| letter.to) {
            None => Ok(0),
            Some(SocketAddr::V4(_)) => send_to(socket, letters, |to| match to {
                SocketAddr::V4(to) => Some(SockaddrIn::from(to)),
                SocketAddr::V6(_) => None,
            }),
            Some(SocketAddr::V6(_)) => send_to(socket, letters, |to| match to {
                SocketAddr::V6(to) => Some(SockaddrIn6::from(to)),
                SocketAddr::V4(_) => None,
            }),
        })
        .await
}

fn send_to<A: SockaddrLike + Copy>(
    socket: &UdpSocket,
    letters: &[Letter],
    address: impl Fn(SocketAddr) -> Option<A>,
) -> io::Result<usize> {
    let mut headers = MultiHeaders::<A>::preallocate(letters.len(), None);
    let octets: Vec<[IoSlice<'_>; 1]> = letters.iter().map(|letter| [IoSlice::new(&letter.octets)]).collect();
    let addresses: Vec<Option<A>> = letters.iter().map(|letter| address(letter.to)).collect();
    let sent = sendmmsg(socket.as_raw_fd(), &mut headers, &octets, &addresses, [], MsgFlags::MSG_DONTWAIT)?;
    Ok(sent.count())
}
