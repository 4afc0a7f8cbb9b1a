//! The pusher's writes: sending them, reading batches back, and what a failure means for the next ones.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Halt, STREAK, Task, now_utc};
use crate::ozmap::desired::PowerChange;
use crate::ozmap::error::{OzmapError, Remedy};
use crate::ozmap::ids::{ClientId, Status};
use crate::ozmap::push::Batch;
use crate::ozmap::queue::{Item, Operation};
use crate::ozmap::snapshot::LastError;

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
                    halt.next_check = next_check;
                }
                self.note(&error);
            }
        }
    }

    pub(super) async fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Single(client, status) => match self.client.patch_status(client, status, 1).await {
                Ok(()) => self.succeeded(&HashMap::from([(client, status)])),
                Err(error) => self.failed(&error, Item::Client(client)),
            },
            Operation::Batch(batch) => self.perform_batch(&batch).await,
            Operation::Power(change) => self.perform_power(change).await,
        }
    }

    async fn perform_batch(&mut self, batch: &Batch) {
        if let Err(error) = self.client.post_batch(batch, 1).await {
            self.batch_failed(&error, batch);
            return;
        }
        let shown = match self.client.statuses(batch.ids(), 1).await {
            Ok(shown) => shown,
            Err(error) => {
                self.batch_failed(&error, batch);
                return;
            }
        };
        let mut done = HashMap::new();
        for id in batch.ids().iter() {
            if shown.get(&id).copied().flatten() == Some(batch.status()) {
                done.insert(id, batch.status());
            } else {
                self.written.unverified += 1;
                self.queue.unverified(id);
            }
        }
        let left = batch.ids().len() - done.len();
        if left > 0 {
            tracing::warn!(clients = left, "a batch was taken, but OZmap does not show it for some: they go again");
        }
        self.succeeded(&done);
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

    fn succeeded(&mut self, done: &HashMap<ClientId, Status>) {
        if done.is_empty() {
            return;
        }
        self.streak = 0;
        self.denials = 0;
        let now = self.now();
        let shown = Arc::make_mut(&mut self.shown);
        for (client, status) in done {
            shown.statuses.insert(*client, Some(*status));
            self.shown_at.insert(Item::Client(*client), now);
            match status {
                Status::Ok => self.written.ok += 1,
                Status::Error => self.written.error += 1,
            }
            tracing::debug!(%client, %status, "written");
        }
        self.queue.done(done);
        if self.queue.changes().is_empty() {
            tracing::info!(oks = self.written.ok, errors = self.written.error, "OZmap shows what it should");
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
        self.rest(error);
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
        self.rest(error);
    }

    /// After a failed write: how long the host is left alone, and what is said of it.
    fn rest(&mut self, error: &OzmapError) {
        let timing = *self.client.timing();
        let now = self.now();
        match error.remedy() {
            Remedy::Stop => return,
            Remedy::SkipItem => {}
            Remedy::StopWriting => self.halt(error),
            // The gate is closed for that long.
            Remedy::RetryAfter(_) => {}
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
        tracing::warn!(%error, streak = self.streak, "a write to OZmap failed");
        self.note(error);
    }

    pub(super) fn halt(&mut self, error: &OzmapError) {
        self.denials += 1;
        let next_check = self.now() + self.client.timing().ceiling(self.denials);
        tracing::error!(%error, "writing to OZmap is stopped until a check of the token succeeds");
        let since = self.halt.as_ref().map_or_else(now_utc, |halt| halt.since);
        self.halt = Some(Halt { since, why: error.to_string(), next_check });
    }

    pub(super) fn note(&mut self, error: &OzmapError) {
        self.last_error = Some(LastError { at: now_utc(), message: error.to_string() });
    }
}
