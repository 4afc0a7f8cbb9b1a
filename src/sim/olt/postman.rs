//! Sends replies when they are due, to some 0.1 ms: a tokio timer knows whole milliseconds only, and the delays that a
//! poller is measured by are as short as that.
//!
//! ```text
//! agents ──post(when, datagram)──► heap ──► one thread of the process, asleep until the next is due ──► agent's socket
//! ```

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

use super::core::Dispatch;

/// Who sends a reply that has become due.
pub(super) trait Sender: Send + Sync {
    /// Sends it now, unless the agent has lost it since.
    fn send(&self, peer: SocketAddr, reply: &Dispatch);
}

/// A reply that waits until it is due. It does not keep its agent alive.
struct Letter {
    reply: Dispatch,
    /// Keeps letters of one instant in the order in which they were posted.
    number: u64,
    agent: Weak<dyn Sender>,
    peer: SocketAddr,
}

impl Letter {
    const fn rank(&self) -> (Instant, u64) {
        (self.reply.at, self.number)
    }
}

impl PartialEq for Letter {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Letter {}

impl PartialOrd for Letter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Letter {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

#[derive(Default)]
struct Heap {
    letters: BinaryHeap<Reverse<Letter>>,
    posted: u64,
}

/// The post office of this process: a handle, cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Postman(Arc<(Mutex<Heap>, Condvar)>);

impl fmt::Debug for Postman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postman")
    }
}

/// Set when the first agent starts; the thread then sleeps until there is something to send, as long as the process.
static OFFICE: Mutex<Option<Postman>> = Mutex::new(None);

impl Postman {
    /// The one of this process.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn of_the_process() -> io::Result<Self> {
        let mut office = OFFICE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(postman) = &*office {
            return Ok(postman.clone());
        }
        let postman = Self::default();
        let round = postman.clone();
        std::thread::Builder::new().name("sim-olt-replies".to_owned()).spawn(move || round.deliver_for_ever())?;
        *office = Some(postman.clone());
        Ok(postman)
    }

    /// Takes a reply that is due later.
    pub(super) fn post(&self, agent: Weak<dyn Sender>, peer: SocketAddr, reply: Dispatch) {
        let (heap, changed) = &*self.0;
        let mut heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
        let first = heap.letters.peek().is_none_or(|Reverse(letter)| reply.at < letter.reply.at);
        heap.posted = heap.posted.wrapping_add(1);
        let number = heap.posted;
        heap.letters.push(Reverse(Letter { reply, number, agent, peer }));
        drop(heap);
        if first {
            changed.notify_one();
        }
    }

    fn deliver_for_ever(&self) {
        let (heap, changed) = &*self.0;
        let mut due = Vec::new();
        loop {
            let mut waiting = heap.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            while waiting.letters.peek().is_some_and(|Reverse(letter)| letter.reply.at <= now) {
                due.extend(waiting.letters.pop().map(|Reverse(letter)| letter));
            }
            if due.is_empty() {
                let next = waiting.letters.peek().map(|Reverse(letter)| letter.reply.at.saturating_duration_since(now));
                // Woken early or for nothing, it looks again.
                match next {
                    Some(time) => drop(changed.wait_timeout(waiting, time)),
                    None => drop(changed.wait(waiting)),
                }
                continue;
            }
            drop(waiting);
            for letter in due.drain(..) {
                if let Some(agent) = letter.agent.upgrade() {
                    agent.send(letter.peer, &letter.reply);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    struct Recorder(Mutex<mpsc::Sender<(Instant, Vec<u8>)>>);

    impl Sender for Recorder {
        fn send(&self, _: SocketAddr, reply: &Dispatch) {
            self.0.lock().unwrap().send((Instant::now(), reply.datagram.clone())).unwrap();
        }
    }

    #[test]
    fn letters_arrive_in_the_order_of_their_time_and_never_early() {
        let (sender, receiver) = mpsc::channel();
        let recorder: Arc<dyn Sender> = Arc::new(Recorder(Mutex::new(sender)));
        let gone: Arc<dyn Sender> = Arc::new(Recorder(Mutex::new(mpsc::channel().0)));
        let postman = Postman::of_the_process().unwrap();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let start = Instant::now();
        for (after, text) in [(30, "c"), (10, "a"), (20, "b"), (30, "d")] {
            let at = start + Duration::from_millis(after);
            let reply = Dispatch { at, datagram: text.into(), generation: 0 };
            postman.post(Arc::downgrade(&recorder), peer, reply.clone());
            postman.post(Arc::downgrade(&gone), peer, reply);
        }
        drop(gone);
        for (after, text) in [(10, "a"), (20, "b"), (30, "c"), (30, "d")] {
            let (at, datagram) = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(datagram, text.as_bytes());
            assert!(at >= start + Duration::from_millis(after));
        }
    }
}
