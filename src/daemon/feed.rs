//! What happened last, in one order, for everybody who follows: transitions, incidents, and what became of pushes.
//!
//! ```text
//!  judge tasks ──Transition──┐
//!  incident task ──Change────┼──► Feed (bounded log, one count of ids) ──read(after)──► followers, each at its own speed
//!  pusher ──Pushed───────────┘         └──newest id (watch)──► wakes them
//! ```
//!
//! Who tells never waits: the oldest events make room. Who reads keeps the id that it came to, and learns when something after that
//! is no longer held; then the board's snapshots say how things stand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::incident;
use crate::model::Timestamp;
use crate::ozmap::Pushed;
use crate::signal::Transition;

/// Transitions that are held.
const TRANSITIONS: usize = 16_384;
/// Pushes that are held.
const PUSHES: usize = 16_384;
/// Changes of incidents that are held, each weighed by its ONUs: ten thousand small ones, or a few hundred of feeders.
const INCIDENTS: usize = 100_000;
/// What a change of an incident without ONUs weighs.
const INCIDENT: usize = 10;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// What is held of an ONU or of an OLT changed.
    Transition,
    /// An incident was opened, changed, or is over.
    Incident,
    /// What became of a status that was, or in a dry run would have been, written to OZmap.
    Push,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transition, Self::Incident, Self::Push];

    /// Its word in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Incident => "incident",
            Self::Push => "push",
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Transition => 0,
            Self::Incident => 1,
            Self::Push => 2,
        }
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// To an ONU or an OLT.
    Transition(Arc<Transition>),
    /// To an incident.
    Incident(incident::Change),
    /// To a status in OZmap.
    Push(Arc<Pushed>),
}

impl What {
    /// What it is about.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Transition(_) => Topic::Transition,
            Self::Incident(_) => Topic::Incident,
            Self::Push(_) => Topic::Push,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Incident(change) => INCIDENT + change.incident.onus.len(),
            Self::Transition(_) | Self::Push(_) => 1,
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Counts up, over all topics and over restarts: the first one is the microsecond of the start.
    pub id: u64,
    /// What.
    pub what: What,
}

/// What a read gives.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What happened, in its order.
    pub events: Vec<Event>,
    /// The newest event that was asked for and is no longer held, if there is one.
    pub missed: Option<u64>,
}

/// The log. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Feed {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    log: Mutex<Log>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Log {
    newest: u64,
    shelves: [Shelf; 3],
}

/// The events of one topic.
#[derive(Debug)]
struct Shelf {
    events: VecDeque<Event>,
    weight: usize,
    most: usize,
    /// The newest id that is no longer held.
    forgotten: u64,
}

impl Shelf {
    fn put(&mut self, event: Event) {
        self.weight += event.what.weight();
        self.events.push_back(event);
        // The newest stays, whatever it weighs.
        while self.weight > self.most && self.events.len() > 1 {
            let Some(oldest) = self.events.pop_front() else { break };
            self.weight -= oldest.what.weight();
            self.forgotten = oldest.id;
        }
    }

    fn after(&self, id: u64) -> impl Iterator<Item = &Event> {
        self.events.range(self.events.partition_point(|event| event.id <= id)..)
    }
}

impl Feed {
    /// Nothing has happened since `started`.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self::holding(started, [TRANSITIONS, INCIDENTS, PUSHES])
    }

    fn holding(started: Timestamp, most: [usize; 3]) -> Self {
        // No process lives at a million events a second, so a later one begins above it.
        let first = started.millis().saturating_mul(1000);
        let shelf = |most| Shelf { events: VecDeque::new(), weight: 0, most, forgotten: first };
        let log = Log { newest: first, shelves: most.map(shelf) };
        Self { inner: Arc::new(Inner { log: Mutex::new(log), newest: watch::channel(first).0 }) }
    }

    /// Tells what happened, in this order. Never waits for a reader.
    pub fn tell(&self, happened: impl IntoIterator<Item = What>) {
        let newest = {
            let mut log = self.inner.log.lock().unwrap_or_else(PoisonError::into_inner);
            for what in happened {
                log.newest += 1;
                let id = log.newest;
                if let Some(shelf) = log.shelves.get_mut(what.topic().place()) {
                    shelf.put(Event { id, what });
                }
            }
            log.newest
        };
        self.inner.newest.send_if_modified(|old| {
            let is_newer = newest > *old;
            *old = newest.max(*old);
            is_newer
        });
    }

    /// At most `most` events of these topics after an id. An id that was never given is taken for one of long ago.
    #[must_use]
    pub fn read(&self, topics: &[Topic], after: u64, most: usize) -> Page {
        let log = self.inner.log.lock().unwrap_or_else(PoisonError::into_inner);
        let after = if after > log.newest { 0 } else { after };
        let mut page = Page::default();
        for shelf in topics.iter().filter_map(|topic| log.shelves.get(topic.place())) {
            page.missed = page.missed.max(Some(shelf.forgotten).filter(|forgotten| *forgotten > after));
            page.events.extend(shelf.after(after).take(most).cloned());
        }
        page.events.sort_by_key(|event| event.id);
        page.events.truncate(most);
        page
    }

    /// The newest event's id; who begins here hears only what comes.
    #[must_use]
    pub fn newest(&self) -> u64 {
        *self.inner.newest.borrow()
    }

    /// Changes with each event.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.newest.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OltId;
    use crate::signal::{Change, Reason};

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn transition() -> What {
        What::Transition(Arc::new(Transition {
            olt: OltId::new("olt-1"),
            onu: None,
            at: START,
            what: Change::Answering,
            reason: Reason::Up,
            in_maintenance: false,
        }))
    }

    fn ids(page: &Page) -> Vec<u64> {
        page.events.iter().map(|event| event.id - START.millis() * 1000).collect()
    }

    #[test]
    fn a_reader_goes_on_where_it_was_and_is_told_when_something_is_lost_to_it() {
        let feed = Feed::holding(START, [3, 100, 100]);
        let begin = feed.newest();
        feed.tell([transition(), transition()]);
        let page = feed.read(&Topic::ALL, begin, 100);
        assert_eq!((ids(&page), page.missed), (vec![1, 2], None));
        feed.tell([transition(), transition()]);
        let page = feed.read(&Topic::ALL, begin + 2, 100);
        assert_eq!((ids(&page), page.missed), (vec![3, 4], None));
        let page = feed.read(&Topic::ALL, begin, 100);
        assert_eq!((ids(&page), page.missed), (vec![2, 3, 4], Some(begin + 1)), "the first had to make room");
        // What is not asked for is not missed.
        assert_eq!(feed.read(&[Topic::Incident], begin, 100).missed, None);
        assert_eq!(ids(&feed.read(&Topic::ALL, begin + 1, 2)), [2, 3]);
        assert!(feed.read(&Topic::ALL, feed.newest(), 100).events.is_empty());
    }

    #[test]
    fn an_id_of_an_earlier_process_or_of_none_means_that_something_was_missed() {
        let feed = Feed::new(START);
        feed.tell([transition()]);
        for id in [0, feed.newest() - 5, feed.newest() + 1, u64::MAX] {
            let page = feed.read(&Topic::ALL, id, 100);
            assert_eq!((ids(&page), page.missed), (vec![1], Some(START.millis() * 1000)), "{id}");
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let feed = Feed::new(START);
        let mut newest = feed.subscribe();
        feed.tell([]);
        assert!(!newest.has_changed().unwrap());
        feed.tell([transition()]);
        newest.changed().await.unwrap();
        assert_eq!(*newest.borrow(), feed.newest());
    }
}
