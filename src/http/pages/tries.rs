//! How often a wrong token may be tried.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Timestamp;

/// Wrong tokens that an address may give at once.
const BURST: u32 = 5;
/// One more may be given after this.
const REFILL: Duration = Duration::from_secs(12);
/// The same for all addresses together: who has many addresses gets no further.
const BURST_OF_ALL: u32 = 100;
const REFILL_OF_ALL: Duration = Duration::from_millis(600);
/// Addresses that are remembered.
const REMEMBERED: usize = 4096;

/// When the next tries are free, as in a leaky bucket: every wrong try moves the time on by a refill.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    full_again_ms: u64,
}

impl Bucket {
    /// How long to wait before a try; `None` when one is free.
    fn wait(self, now: Timestamp, burst: u32, refill: Duration) -> Option<Duration> {
        let ahead = Duration::from_millis(self.full_again_ms.saturating_sub(now.millis()));
        let room = refill * (burst - 1);
        ahead.checked_sub(room).filter(|wait| !wait.is_zero())
    }

    fn spend(&mut self, now: Timestamp, refill: Duration) {
        let refill = u64::try_from(refill.as_millis()).unwrap_or(u64::MAX);
        self.full_again_ms = self.full_again_ms.max(now.millis()).saturating_add(refill);
    }
}

#[derive(Debug, Default)]
struct Book {
    all: Bucket,
    by_address: HashMap<IpAddr, Bucket>,
}

/// The wrong tokens of late.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<Book>);

impl Tries {
    /// How long an address has to wait before it may try a token; `None` when it may now.
    pub(super) fn wait(&self, from: IpAddr, now: Timestamp) -> Option<Duration> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = book.by_address.get(&from).copied().unwrap_or_default();
        own.wait(now, BURST, REFILL).max(book.all.wait(now, BURST_OF_ALL, REFILL_OF_ALL))
    }

    /// Notes a wrong token.
    pub(super) fn failed(&self, from: IpAddr, now: Timestamp) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.all.spend(now, REFILL_OF_ALL);
        if book.by_address.len() >= REMEMBERED && !book.by_address.contains_key(&from) {
            book.by_address.retain(|_, bucket| bucket.full_again_ms > now.millis());
        }
        // Where still no room is left, the bucket of all bounds what they may try.
        if book.by_address.len() < REMEMBERED || book.by_address.contains_key(&from) {
            book.by_address.entry(from).or_default().spend(now, REFILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn address(last: u32) -> IpAddr {
        IpAddr::V4((0xC000_0200 + last).into())
    }

    #[test]
    fn an_address_may_try_five_times_and_then_once_in_twelve_seconds() {
        let tries = Tries::default();
        for _ in 0..BURST {
            assert_eq!(tries.wait(address(1), NOW), None);
            tries.failed(address(1), NOW);
        }
        assert_eq!(tries.wait(address(1), NOW), Some(REFILL));
        assert_eq!(tries.wait(address(2), NOW), None, "others are not hit");
        assert_eq!(tries.wait(address(1), NOW + REFILL), None);
        tries.failed(address(1), NOW + REFILL);
        assert_eq!(tries.wait(address(1), NOW + REFILL), Some(REFILL));
        assert_eq!(tries.wait(address(1), NOW + REFILL * 6), None);
    }

    #[test]
    fn many_addresses_get_no_further_than_all_together_may() {
        let tries = Tries::default();
        let mut tried = 0;
        for number in 0..1000 {
            if tries.wait(address(number), NOW).is_none() {
                tried += 1;
                tries.failed(address(number), NOW);
            }
        }
        assert_eq!(tried, BURST_OF_ALL);
        assert!(tries.0.lock().unwrap().by_address.len() <= REMEMBERED);
    }
}
