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

    /// Datagrams to send, from the next one on; empty when there is none.
    pub(in crate::snmp) fn first(&self) -> &[Letter] {
        self.letters.as_slices().0
    }

    /// So many of the first need not be sent any more.
    pub(in crate::snmp) fn done(&mut self, count: usize) {
        for mut letter in self.letters.drain(..count.min(self.letters.len())) {
            if self.spare.len() < SPARE {
                letter.octets.clear();
                self.spare.push(letter.octets);
            }
        }
    }

    /// The next datagram, taken out, for tests that deliver it themselves.
    #[cfg(test)]
    pub(in crate::snmp) fn next(&mut self) -> Option<Letter> {
        self.letters.pop_front()
    }
}
