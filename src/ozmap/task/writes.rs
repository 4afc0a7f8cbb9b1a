//! The pusher's writes: writing them down, sending them, reading them back, and what a failure means for the next ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Halt, STREAK, Task, now_utc};
use crate::ozmap::desired::PowerChange;
use crate::ozmap::error::{OzmapError, Remedy};
use crate::ozmap::ids::{ClientId, ElementId, Status};
use crate::ozmap::ledger::Sent;
use crate::ozmap::push::{Batch, IdList};
use crate::ozmap::pushed::PushOutcome;
use crate::ozmap::queue::{Item, Operation};
use crate::ozmap::read::BOXES_PER_READ;
use crate::ozmap::snapshot::LastError;
use crate::store::journal::Ending;

impl Task {
    pub(super) async fn check(&mut self) {
        match self.client.check().await {
            Ok(()) => {
                tracing::info!(host = self.client.host(), "OZmap takes the token again: writing goes on");
                self.halt = None;
            }
            Err(OzmapError::Stopping) => {}
            Err(error) => {
                self.denials += 1;
                let next_check = self.now() + self.client.timing().ceiling(self.denials);
                if let Some(halt) = &mut self.halt {
                    (halt.next_check, halt.checked) = (next_check, true);
                }
                self.note(&error);
            }
        }
    }

    /// Takes in what an earlier process left open.
    pub(super) async fn recall(&mut self) {
        let (now, timing) = (self.now(), *self.client.timing());
        let shown = self.ledger.recall(now, &timing).await;
        let shown = shown.into_iter().filter_map(|one| {
            Some((ClientId::from_octets(one.client), Status::from_number(i64::from(one.status))?, one.at))
        });
        self.gates.foreign.recall(shown);
    }

    pub(super) async fn acknowledge(&mut self) {
        self.step().await;
        let timing = *self.client.timing();
        self.ledger.acknowledge(now_utc(), self.now(), &timing).await;
    }

    pub(super) async fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Single(client, status) => {
                let clients = HashSet::from([client]);
                if !self.write_down(&clients, false).await {
                    return;
                }
                match self.client.patch_status(client, status, 1).await {
                    Ok(()) => self.taken(&clients, status),
                    // It may have been carried out all the same. As long as it is wanted it goes again, else it is read back.
                    Err(error) => {
                        if error.remedy() == Remedy::SkipItem {
                            let ended = self.ledger.end(client, Ending::Refused);
                            if let Some(change) = ended.and_then(|ended| ended.change) {
                                self.say(PushOutcome::Refused, &change);
                            }
                        }
                        self.failed(&error, Item::Client(client));
                    }
                }
                self.step().await;
            }
            Operation::Batch(batch) => self.perform_batch(&batch).await,
            Operation::Power(change) => self.perform_power(change).await,
        }
    }

    async fn perform_batch(&mut self, batch: &Batch) {
        let clients: HashSet<ClientId> = batch.ids().iter().collect();
        if !self.write_down(&clients, true).await {
            return;
        }
        match self.client.post_batch(batch, 1).await {
            Ok(()) => self.taken(&clients, batch.status()),
            Err(error) => return self.batch_failed(&error, batch),
        }
        self.step().await;
        self.read_back(batch.ids()).await;
    }

    /// The intent stands in the journal, or nothing is sent.
    async fn write_down(&mut self, clients: &HashSet<ClientId>, in_batch: bool) -> bool {
        self.step().await;
        let (changes, now, timing) = (self.queue.of(clients), self.now(), *self.client.timing());
        let written = self.ledger.intend(changes, in_batch, now_utc(), now, &timing).await;
        self.step().await;
        written
    }

    /// OZmap took it: it counts as shown until it is seen.
    fn taken(&mut self, clients: &HashSet<ClientId>, status: Status) {
        self.streak = 0;
        self.denials = 0;
        let now = self.now();
        self.ledger.taken(clients.iter().copied(), now);
        self.queue.taken(clients, status);
        for client in clients {
            self.know(*client, Some(status), now);
        }
    }

    fn know(&mut self, client: ClientId, status: Option<Status>, now: Duration) {
        Arc::make_mut(&mut self.shown).statuses.insert(client, status);
        self.shown_at.insert(Item::Client(client), now);
        // What was to be compared with a state of before this cannot be told apart from it any more.
        if let Some(before) = &mut self.before {
            before.unsure.insert(client);
        }
    }

    /// Learns how boxes are called behind which something is to change while a box of some name is worked on.
    pub(super) async fn name_boxes(&mut self) {
        let some: Vec<ElementId> = self.unnamed.iter().copied().take(BOXES_PER_READ).collect();
        let names = match self.client.read_box_names(&some).await {
            Ok(names) => names,
            Err(error)
                if matches!(
                    error.remedy(),
                    Remedy::Retry | Remedy::RetryAfter(_) | Remedy::HostDown | Remedy::Stop
                ) =>
            {
                self.streak += 1;
                self.not_named_before = self.now() + self.client.timing().ceiling(self.streak);
                self.note(&error);
                return;
            }
            // To hold everything for the sake of one box would be worse.
            Err(error) => {
                tracing::warn!(%error, "the names of boxes cannot be read: only those that maintenance gives by id are held");
                self.note(&error);
                some.into_iter().map(|id| (id, None)).collect()
            }
        };
        self.unnamed.retain(|id| !names.contains_key(id));
        self.gates.boxes.name(names);
        self.dirty = true;
    }

    /// Sees what came of writes.
    pub(super) async fn read_back(&mut self, clients: &IdList) {
        let read = self.client.statuses(clients, 1).await;
        self.read_back_first = true;
        let shown = match read {
            Ok(shown) => shown,
            Err(error) => {
                // The next read of the directory sees it too.
                self.read_back_failures = self.read_back_failures.saturating_add(1);
                self.not_read_back_before = self.now() + self.client.timing().ceiling(self.read_back_failures);
                self.rest(&error, "what was written to OZmap could not be read back");
                return;
            }
        };
        self.read_back_failures = 0;
        let mut left = 0;
        for client in clients.iter() {
            left += usize::from(!self.settle(client, shown.get(&client).copied()));
        }
        if left > 0 {
            tracing::warn!(clients = left, "OZmap does not show what was written for some: they are planned anew");
        }
        self.step().await;
    }

    /// OZmap shows this; `None`: it does not know the client. True when it is what was written.
    pub(super) fn settle(&mut self, client: ClientId, shows: Option<Option<Status>>) -> bool {
        let Some(to) = self.ledger.unseen().get(&client).map(|unseen| unseen.to) else { return true };
        let now = self.now();
        self.know(client, shows.flatten(), now);
        if shows.flatten() == Some(to) {
            let unseen = self.ledger.end(client, Ending::Shown);
            let change = unseen.as_ref().and_then(|unseen| unseen.change.as_ref());
            let ours = change.is_some();
            if let Some(change) = change {
                self.say(PushOutcome::Shown, change);
            }
            // What nobody knew to be carried out was not planned with.
            let known = unseen.is_some_and(|unseen| matches!(unseen.sent, Sent::Taken(_)));
            self.dirty |= !known;
            self.gates.foreign.written(client, to, now);
            match to {
                Status::Ok => self.written.ok += u64::from(ours),
                Status::Error => self.written.error += u64::from(ours),
            }
            tracing::debug!(%client, status = %to, "written");
            self.queue.settled(client, to, known);
            if self.queue.changes().is_empty() && self.ledger.unseen().is_empty() {
                tracing::info!(oks = self.written.ok, errors = self.written.error, "OZmap shows what it should");
            }
            return true;
        }
        let Some(unseen) = self.ledger.end(client, Ending::Other) else { return true };
        self.dirty = true;
        if let (Sent::Taken(_), Some(change)) = (unseen.sent, unseen.change) {
            self.written.unverified += 1;
            self.say(PushOutcome::NotShown, &change);
            let timing = *self.client.timing();
            match unseen.in_batch {
                true => self.queue.unverified(client),
                false => self.queue.failed(Item::Client(client), now, &timing),
            }
            self.queue.put_back(change);
        }
        false
    }

    async fn perform_power(&mut self, change: PowerChange) {
        match self.client.patch_power(change.property, change.to, 1).await {
            Ok(()) => {
                self.streak = 0;
                self.denials = 0;
                self.written.powers += 1;
                self.shown_at.insert(Item::Property(change.property), self.now());
                Arc::make_mut(&mut self.shown).powers.insert(change.property, change.to);
                self.queue.power_done(change.property);
            }
            Err(error) => self.failed(&error, Item::Property(change.property)),
        }
    }

    fn batch_failed(&mut self, error: &OzmapError, batch: &Batch) {
        for id in batch.ids().iter() {
            match error.remedy() {
                Remedy::SkipItem => self.queue.send_alone(id),
                // It may be one of them that the token may not write.
                Remedy::StopWriting if matches!(error, OzmapError::Denied { status: 403, .. }) => {
                    self.queue.send_alone(id);
                }
                // The host's trouble, not the batch's.
                Remedy::Stop | Remedy::HostDown | Remedy::RetryAfter(_) | Remedy::StopWriting => {}
                Remedy::Retry | Remedy::FixSetup => self.queue.unverified(id),
            }
        }
        self.rest(error, "a write to OZmap failed");
    }

    fn failed(&mut self, error: &OzmapError, item: Item) {
        let now = self.now();
        match error.remedy() {
            Remedy::SkipItem => self.queue.put_aside(item),
            // A token that is good and may not write this one client would else stop all the others.
            Remedy::StopWriting if matches!(error, OzmapError::Denied { status: 403, .. }) => {
                self.queue.put_aside(item);
            }
            Remedy::Retry => self.queue.failed(item, now, self.client.timing()),
            _ => {}
        }
        self.rest(error, "a write to OZmap failed");
    }

    /// After a failure: how long the host is left alone, and what is said of it.
    fn rest(&mut self, error: &OzmapError, what: &str) {
        let timing = *self.client.timing();
        let now = self.now();
        match error.remedy() {
            Remedy::Stop => return,
            Remedy::SkipItem => {}
            Remedy::StopWriting => self.halt(error),
            // The gate is closed for that long.
            Remedy::RetryAfter(_) => self.streak += 1,
            Remedy::HostDown | Remedy::FixSetup => {
                self.streak += 1;
                self.rest_until = now + timing.backoff(self.streak);
            }
            Remedy::Retry => {
                self.streak += 1;
                let of_host = matches!(error, OzmapError::Busy { .. }) || self.streak >= STREAK;
                if of_host {
                    self.rest_until = now + timing.backoff(self.streak);
                }
            }
        }
        *self.written.failed.entry(error.outcome()).or_default() += 1;
        tracing::warn!(%error, streak = self.streak, "{what}");
        self.note(error);
    }

    pub(super) fn halt(&mut self, error: &OzmapError) {
        self.denials += 1;
        let next_check = self.now() + self.client.timing().ceiling(self.denials);
        tracing::error!(%error, "writing to OZmap is stopped until a check of the token succeeds");
        let since = self.halt.as_ref().map_or_else(now_utc, |halt| halt.since);
        let checked = self.halt.as_ref().is_some_and(|halt| halt.checked);
        self.halt = Some(Halt { since, why: error.to_string(), next_check, checked });
    }

    /// A place at which tests kill the process.
    #[cfg(test)]
    async fn step(&self) {
        if let Some(steps) = &self.steps {
            steps.pass().await;
        }
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_async)] // As above.
    async fn step(&self) {}

    pub(super) fn note(&mut self, error: &OzmapError) {
        self.last_error = Some(LastError { at: now_utc(), message: error.to_string() });
    }
}
