//! Datagrams on their way out, in buffers that are used again.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Buffers that are kept for later.
const SPARE: usize = 256;

/// Whose datagram, where it goes, and its octets.
#[derive(Debug)]
pub(in crate::snmp) struct Letter {
    pub(in crate::snmp) device: u32,
    pub(in crate::snmp) to: SocketAddr,
    pub(in crate::snmp) octets: Vec<u8>,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::snmp) struct Outbox {
    letters: VecDeque<Letter>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    /// An empty buffer to write a datagram into.
    pub(in crate::snmp) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Hands a datagram in.
    pub(in crate::snmp) fn post(&mut self, device: u32, to: SocketAddr, octets: Vec<u8>) {
        self.letters.push_back(Letter { device, to, octets });
    }

    /// The next datagram to send; its buffer comes back with [`Self::give_back`].
    pub(in crate::snmp) fn next(&mut self) -> Option<Letter> {
        self.letters.pop_front()
    }

    /// A buffer that is not needed any more.
    pub(in crate::snmp) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}
