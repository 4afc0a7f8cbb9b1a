//! One datagram to a system call, as every system has it.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

use crate::snmp::commons::Letter;

/// Room for a datagram: largest UDP payload, and one octet to see that something is larger.
#[derive(Debug)]
pub(super) struct Room(Vec<u8>);

impl Default for Room {
    fn default() -> Self {
        Self(vec![0; 65_536])
    }
}

/// Shows what has arrived, at most a few datagrams more than are expected; whether that was all.
pub(super) fn receive(
    socket: &UdpSocket,
    _is_v4: bool,
    room: &mut Room,
    expected: usize,
    show: &mut impl FnMut(SocketAddr, &[u8]),
) -> io::Result<bool> {
    for _ in 0..=expected {
        match socket.try_recv_from(&mut room.0) {
            Ok((octets, from)) => show(from, room.0.get(..octets).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Sends the first of these; how many it sent. Waits while the system's send buffer is full.
pub(super) async fn send(socket: &UdpSocket, letters: &[Letter]) -> io::Result<usize> {
    match letters.first() {
        Some(letter) => socket.send_to(&letter.octets, letter.to).await.map(|_| 1),
        None => Ok(0),
    }
}
