//! What the pusher shows of itself.

use std::sync::Arc;
use std::time::Duration;

use super::reads::Reading;
use super::{Task, mode_word, now_utc};
use crate::ozmap::foreign::ForeignView;
use crate::ozmap::snapshot::{DirectoryView, Halted, LISTED, PushSnapshot};

impl Task {
    /// Clients whose statuses wait or are unseen.
    fn unsettled(&self) -> usize {
        let unseen = self.ledger.unseen();
        let both = match unseen.is_empty() {
            true => 0,
            false => self.queue.changes().iter().filter(|change| unseen.contains_key(&change.client)).count(),
        };
        self.queue.changes().len() + unseen.len() - both
    }

    pub(in crate::ozmap) fn snapshot(&self) -> PushSnapshot {
        let now = self.now();
        let at = now_utc();
        let rest = self.rest_until.max(now + self.client.closed_for()).saturating_sub(now);
        PushSnapshot {
            at,
            mode: mode_word(self.config.mode),
            host: self.client.host().to_owned(),
            directory: self.directory.as_ref().map(|directory| DirectoryView {
                clients: directory.len(),
                read_at: directory.read_at(),
                kept: directory.is_kept(),
                renewed_at: directory.renewed_at(),
                deltas: self.deltas.are_on(),
                report: *directory.report(),
                all: Some(Arc::clone(directory)),
            }),
            reading: self.reading.as_ref().and_then(Reading::progress),
            olts: self.olts.len(),
            complete_olts: self.olts.values().filter(|olt| olt.complete).count(),
            matching: self.matching.clone(),
            held: self.passed.braked.iter().map(|braked| braked.clients).sum(),
            braked: self.passed.braked.iter().map(|braked| braked.listed(LISTED)).collect(),
            maintained: self.passed.boxed.iter().map(|held| held.clients).sum(),
            boxes: self.passed.boxed.iter().map(|held| held.listed(LISTED)).collect(),
            foreign: ForeignView {
                policy: self.config.foreign.word(),
                flips: self.gates.foreign.flips(),
                contested: self.passed.contested.len(),
                listed: self.passed.contested.iter().take(LISTED).cloned().collect(),
            },
            unnamed_boxes: self.unnamed.len(),
            unseen: self.ledger.unseen().len(),
            journal: self.ledger.view(),
            planning: self.dirty,
            pending: self.queue.changes().len(),
            pending_changes: self.queue.changes().iter().take(LISTED).cloned().collect(),
            pending_powers: self.queue.powers(),
            aside: self.queue.aside(),
            written: self.written.clone(),
            requests: self.client.requests(),
            limits: self.client.limits(),
            unsettled: self.unsettled(),
            failures: self.streak.max(self.denials).max(self.read_failures.saturating_mul(self.client.timing().tries)),
            last_error: self.last_error.clone(),
            halted: self.halt.as_ref().map(|halt| Halted {
                since: halt.since,
                why: halt.why.clone(),
                checked: halt.checked,
            }),
            resting_until: (rest > Duration::ZERO).then(|| at + rest),
        }
    }
}
