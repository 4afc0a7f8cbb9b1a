//! What the pusher writes next, and what it leaves alone for a while. Pure: the time is an argument.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::desired::{Change, PowerChange};
use super::ids::{ClientId, PropertyId, Status};
use super::limit::Timing;
use super::push::Batch;

/// Batches that could not be verified before a client goes alone.
const UNVERIFIED_MOST: u32 = 2;

/// How often the longest back-off an item rests that failed in all its tries.
const REST: u32 = 5;

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operation {
    /// One client's status.
    Single(ClientId, Status),
    /// One status for several clients.
    Batch(Batch),
    /// One property's power.
    Power(PowerChange),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    Write(Operation),
    /// Nothing before this time.
    Wait(Duration),
    Idle,
}

/// Whom a trouble belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Client(ClientId),
    Property(PropertyId),
}

#[derive(Debug, Clone, Default)]
struct Trouble {
    failures: u32,
    unverified: u32,
    not_before: Duration,
    /// Batches do not work for it.
    alone: bool,
    /// Not before the next read of the directory.
    aside: bool,
}

/// The writes that wait. The newest plan replaces the one before.
#[derive(Debug)]
pub(super) struct Queue {
    batch_above: usize,
    batch_size: NonZeroUsize,
    changes: Vec<Change>,
    powers: Vec<PowerChange>,
    troubles: HashMap<Item, Trouble>,
    /// Statuses of which batches went out and some clients are left: these go in a batch too, however few they are.
    in_batches: BTreeSet<Status>,
}

impl Queue {
    pub(super) fn new(batch_above: usize, batch_size: usize) -> Self {
        Self {
            batch_above,
            batch_size: NonZeroUsize::new(batch_size).unwrap_or(NonZeroUsize::MIN),
            changes: Vec::new(),
            powers: Vec::new(),
            troubles: HashMap::new(),
            in_batches: BTreeSet::new(),
        }
    }

    /// Takes a new plan in place of the old one. What is known of troubles stays.
    pub(super) fn replace(&mut self, changes: Vec<Change>, powers: Vec<PowerChange>) {
        self.changes = changes;
        self.powers = powers;
    }

    /// A new directory: whoever was put aside gets another chance.
    pub(super) fn forget_troubles(&mut self) {
        self.troubles.clear();
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) fn powers(&self) -> usize {
        self.powers.len()
    }

    /// Clients and properties put aside until the next read of the directory.
    pub(super) fn aside(&self) -> usize {
        self.troubles.values().filter(|trouble| trouble.aside).count()
    }

    /// ERROR before OK before powers; a batch where more than `batch_above` clients get the same status.
    pub(super) fn next(&self, now: Duration) -> Next {
        for status in [Status::Error, Status::Ok] {
            let due = |change: &&Change| {
                change.to == status && self.trouble(Item::Client(change.client)).is_none_or(|t| t.due(now))
            };
            let together: Vec<ClientId> = self
                .changes
                .iter()
                .filter(due)
                .filter(|change| self.trouble(Item::Client(change.client)).is_none_or(|trouble| !trouble.alone))
                .map(|change| change.client)
                .collect();
            let rest_of_many = together.len() > 1 && self.in_batches.contains(&status);
            if (together.len() > self.batch_above || rest_of_many)
                && let Some(batch) = Batch::cut(status, &together, self.batch_size).into_iter().next()
            {
                return Next::Write(Operation::Batch(batch));
            }
            if let Some(change) = self.changes.iter().find(due) {
                return Next::Write(Operation::Single(change.client, change.to));
            }
        }
        let due = |change: &&PowerChange| self.trouble(Item::Property(change.property)).is_none_or(|t| t.due(now));
        if let Some(power) = self.powers.iter().find(due) {
            return Next::Write(Operation::Power(power.clone()));
        }
        let items = self.changes.iter().map(|change| Item::Client(change.client));
        let items = items.chain(self.powers.iter().map(|change| Item::Property(change.property)));
        items
            .filter_map(|item| self.trouble(item))
            .filter(|trouble| !trouble.aside)
            .map(|trouble| trouble.not_before)
            .min()
            .map_or(Next::Idle, Next::Wait)
    }

    /// It waits again, unless something newer does for the same client.
    pub(super) fn put_back(&mut self, change: Change) {
        if !self.changes.iter().any(|other| other.client == change.client) {
            self.changes.push(change);
            self.changes.sort_by(Change::order);
        }
    }

    /// What waits for these clients.
    pub(super) fn of(&self, clients: &HashSet<ClientId>) -> Vec<Change> {
        self.changes.iter().filter(|change| clients.contains(&change.client)).cloned().collect()
    }

    /// OZmap took these, and it is to be seen whether it shows them.
    pub(super) fn taken(&mut self, clients: &HashSet<ClientId>, status: Status) {
        self.changes.retain(|change| change.to != status || !clients.contains(&change.client));
        if !self.changes.iter().any(|change| change.to == status) {
            self.in_batches.remove(&status);
        } else if clients.len() > 1 {
            self.in_batches.insert(status);
        }
    }

    /// The client was seen to show this status. Whether OZmap was `known` to have taken it: then it does not wait any more.
    pub(super) fn settled(&mut self, client: ClientId, shows: Status, known: bool) {
        if !known {
            self.changes.retain(|change| change.client != client || change.to != shows);
        }
        self.troubles.remove(&Item::Client(client));
    }

    /// The property shows this power now.
    pub(super) fn power_done(&mut self, property: PropertyId) {
        self.powers.retain(|change| change.property != property);
        self.troubles.remove(&Item::Property(property));
    }

    /// It failed in a way that may pass. After as many failures as there are tries it rests for longer.
    pub(super) fn failed(&mut self, item: Item, now: Duration, timing: &Timing) {
        let trouble = self.troubles.entry(item).or_default();
        trouble.failures += 1;
        let wait = if trouble.failures >= timing.tries {
            timing.backoff_most.saturating_mul(REST)
        } else {
            timing.backoff(trouble.failures)
        };
        trouble.not_before = now.saturating_add(wait);
    }

    /// It is wrong: not again before the next read of the directory.
    pub(super) fn put_aside(&mut self, item: Item) {
        self.troubles.entry(item).or_default().aside = true;
    }

    /// A batch with it went wrong as a whole: from now on it goes alone, which tells whose fault it was.
    pub(super) fn send_alone(&mut self, client: ClientId) {
        self.troubles.entry(Item::Client(client)).or_default().alone = true;
    }

    /// The batch was taken, but the client was not seen to have changed.
    pub(super) fn unverified(&mut self, client: ClientId) {
        let trouble = self.troubles.entry(Item::Client(client)).or_default();
        trouble.unverified += 1;
        trouble.alone |= trouble.unverified >= UNVERIFIED_MOST;
    }

    fn trouble(&self, item: Item) -> Option<&Trouble> {
        self.troubles.get(&item)
    }
}

impl Trouble {
    fn due(&self, now: Duration) -> bool {
        !self.aside && self.not_before <= now
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::directory::testing::client_id;
    use super::super::matching::testing::onu;
    use super::*;
    use crate::model::Dbm;

    const NOW: Duration = Duration::from_secs(100);

    fn change(n: u32, to: Status) -> Change {
        let identity = onu("a", n, "", "", "");
        Change {
            client: client_id(n),
            code: None,
            name: None,
            from: None,
            to,
            evidence: crate::model::SweepKind::State,
            reason: Arc::from("test"),
            incident: None,
            onu: identity.onu,
            pon: None,
            number: None,
            matched_by: "serial",
        }
    }

    fn power(n: u32) -> PowerChange {
        PowerChange {
            property: format!("65b{n:021x}").parse().unwrap(),
            client: client_id(n),
            from: None,
            to: Dbm::from_thousandths(-20_000),
        }
    }

    fn queue(changes: Vec<Change>, powers: Vec<PowerChange>) -> Queue {
        let mut queue = Queue::new(2, 4);
        queue.replace(changes, powers);
        queue
    }

    #[test]
    fn few_go_one_by_one_and_many_as_batches_errors_first() {
        let mut queue = queue(
            (1..=7).map(|n| change(n, Status::Error)).chain([change(8, Status::Ok), change(9, Status::Ok)]).collect(),
            vec![power(1)],
        );
        let mut kinds = Vec::new();
        while let Next::Write(operation) = queue.next(NOW) {
            match operation {
                Operation::Batch(batch) => {
                    kinds.push(format!("batch {} {}", batch.status(), batch.ids().len()));
                    queue.taken(&batch.ids().iter().collect(), batch.status());
                }
                Operation::Single(client, to) => {
                    kinds.push(format!("single {to}"));
                    queue.taken(&HashSet::from([client]), to);
                }
                Operation::Power(power) => {
                    kinds.push("power".to_owned());
                    queue.power_done(power.property);
                }
            }
        }
        assert_eq!(kinds, ["batch error 4", "batch error 3", "single ok", "single ok", "power"]);
        assert_eq!(queue.next(NOW), Next::Idle);
    }

    #[test]
    fn what_is_left_of_many_goes_in_a_batch_too_and_few_later_ones_go_alone() {
        let mut queue = queue((1..=6).map(|n| change(n, Status::Error)).collect(), vec![]);
        for clients in [4, 2] {
            let Next::Write(Operation::Batch(batch)) = queue.next(NOW) else { panic!("no batch of {clients}") };
            assert_eq!(batch.ids().len(), clients);
            queue.taken(&batch.ids().iter().collect(), batch.status());
        }
        queue.replace(vec![change(7, Status::Error), change(8, Status::Error)], vec![]);
        assert_eq!(queue.next(NOW), Next::Write(Operation::Single(client_id(7), Status::Error)));
    }

    #[test]
    fn a_client_that_fails_does_not_hold_up_the_others_and_rests_in_the_end() {
        let mut queue = queue(vec![change(1, Status::Error), change(2, Status::Error)], vec![]);
        let timing = Timing { tries: 3, ..Timing::default() };
        let one = Item::Client(client_id(1));
        let mut now = NOW;
        // The back-off has jitter: it may be over at once.
        queue.failed(one, now, &Timing { backoff_first: Duration::ZERO, ..timing });
        queue.failed(one, now, &timing);
        queue.failed(one, now, &timing);
        assert_eq!(queue.next(now), Next::Write(Operation::Single(client_id(2), Status::Error)));
        queue.settled(client_id(2), Status::Error, false);
        assert_eq!(queue.next(now), Next::Wait(NOW + Duration::from_secs(300)));
        now += Duration::from_secs(300);
        assert_eq!(queue.next(now), Next::Write(Operation::Single(client_id(1), Status::Error)));
        queue.put_aside(one);
        assert_eq!((queue.next(Duration::MAX), queue.aside()), (Next::Idle, 1));
        queue.forget_troubles();
        assert!(matches!(queue.next(now), Next::Write(_)));
    }

    #[test]
    fn what_no_batch_changes_goes_alone() {
        let mut queue = queue((1..=4).map(|n| change(n, Status::Error)).collect(), vec![]);
        for n in 1..=4 {
            queue.unverified(client_id(n));
        }
        assert!(matches!(queue.next(NOW), Next::Write(Operation::Batch(_))));
        queue.unverified(client_id(1));
        queue.unverified(client_id(2));
        assert_eq!(queue.next(NOW), Next::Write(Operation::Single(client_id(1), Status::Error)));
        queue.send_alone(client_id(3));
        queue.put_aside(Item::Client(client_id(1)));
        assert_eq!(queue.next(NOW), Next::Write(Operation::Single(client_id(2), Status::Error)));
    }

    #[test]
    fn a_newer_plan_replaces_what_waits() {
        let mut queue = queue(vec![change(1, Status::Error)], vec![]);
        queue.replace(vec![change(1, Status::Ok)], vec![]);
        assert_eq!(queue.next(NOW), Next::Write(Operation::Single(client_id(1), Status::Ok)));
        queue.settled(client_id(1), Status::Error, false);
        assert_eq!(queue.changes().len(), 1);
        queue.replace(vec![], vec![]);
        assert_eq!(queue.next(NOW), Next::Idle);
    }
}
