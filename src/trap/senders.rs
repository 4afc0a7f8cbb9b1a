//! Whose trap it is: the addresses of OLTs. Pure: the time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are kept of one name.
const MOST_ADDRESSES: usize = 16;
/// Names are resolved again for senders that nobody knows, but not more often than this.
const RESOLVE_EVERY: Duration = Duration::from_secs(60);

/// See the module. OLTs are their places in the config.
#[derive(Debug, Default)]
pub(super) struct Senders {
    by_address: HashMap<IpAddr, Vec<usize>>,
    addresses: HashMap<usize, Vec<IpAddr>>,
    resolved: Option<Instant>,
}

impl Senders {
    /// The addresses that an OLT has now. No address leaves those that it had: a resolver that fails is no news.
    pub(super) fn learn(&mut self, olt: usize, addresses: impl IntoIterator<Item = IpAddr>) {
        let mut fresh: Vec<IpAddr> = addresses.into_iter().map(|address| address.to_canonical()).collect();
        fresh.sort_unstable();
        fresh.dedup();
        fresh.truncate(MOST_ADDRESSES);
        if fresh.is_empty() {
            return;
        }
        for old in self.addresses.remove(&olt).unwrap_or_default() {
            if let Some(olts) = self.by_address.get_mut(&old) {
                olts.retain(|other| *other != olt);
                if olts.is_empty() {
                    self.by_address.remove(&old);
                }
            }
        }
        for address in &fresh {
            let olts = self.by_address.entry(*address).or_default();
            olts.push(olt);
            olts.sort_unstable();
        }
        self.addresses.insert(olt, fresh);
    }

    /// The OLTs that have this address: more than one where they stand behind the same.
    pub(super) fn at(&self, address: IpAddr) -> &[usize] {
        self.by_address.get(&address.to_canonical()).map_or(&[], Vec::as_slice)
    }

    /// Whether names should be resolved (again) now.
    pub(super) fn wants_resolving(&mut self, now: Instant) -> bool {
        let due = self.resolved.is_none_or(|last| now.saturating_duration_since(last) >= RESOLVE_EVERY);
        if due {
            self.resolved = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_olt_is_found_by_the_addresses_that_it_has_now() {
        let mut senders = Senders::default();
        senders.learn(0, [ip("192.0.2.10"), ip("2001:db8::10")]);
        senders.learn(1, [ip("192.0.2.11"), ip("192.0.2.10")]);
        assert_eq!(senders.at(ip("192.0.2.10")), [0, 1], "two behind one address");
        assert_eq!(senders.at(ip("::ffff:192.0.2.11")), [1], "a socket for both families shows IPv4 so");
        assert_eq!(senders.at(ip("192.0.2.12")), [0_usize; 0]);
        senders.learn(0, [ip("192.0.2.20")]);
        assert_eq!((senders.at(ip("192.0.2.10")), senders.at(ip("2001:db8::10"))), (&[1][..], &[][..]));
        senders.learn(0, []);
        assert_eq!(senders.at(ip("192.0.2.20")), [0], "a resolver that fails is no news");
    }

    #[test]
    fn names_are_resolved_at_most_once_a_minute() {
        let now = Instant::now();
        let mut senders = Senders::default();
        assert!(senders.wants_resolving(now));
        assert!(!senders.wants_resolving(now + Duration::from_secs(59)));
        assert!(senders.wants_resolving(now + Duration::from_secs(60)));
    }
}
