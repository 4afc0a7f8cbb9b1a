//! What outlives the process of incidents: gives the store what they are as they change, and a tracker back what they were.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::incident::{Change, Closing, Gasps, Incident, IncidentId, Kept, KeptError, Step, Tracker};
use crate::model::Timestamp;
use crate::store::{IncidentRow, Incidents, Keeper, Store};

/// How often it is written how ONUs gasp, when more was learned.
const GASPS_EVERY: Duration = Duration::from_secs(60);

/// The store, as far as incidents are concerned.
pub(super) struct Archive {
    store: Arc<Store>,
    keeper: Keeper,
    /// How ONUs gasp, as it was kept last.
    gasps: Gasps,
    next_gasps: Instant,
}

impl Archive {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let keeper = store.keeper();
        Self { store, keeper, gasps: Gasps::default(), next_gasps: Instant::now() + GASPS_EVERY }
    }

    /// Gives a tracker what was kept, and returns the last that are over, the newest first. What cannot be read is as if it had not been
    /// kept, which the log says. Blocks.
    pub(super) fn recall(&mut self, tracker: &mut Tracker, most: u32, now: Timestamp) -> VecDeque<Arc<Incident>> {
        let Incidents { open, cleared } = self.store.incidents(most).unwrap_or_else(|error| {
            tracing::warn!(%error, "the incidents of before the restart cannot be read");
            Incidents::default()
        });
        match self.store.gasps() {
            Ok(Some(text)) => match serde_json::from_str::<Gasps>(&text) {
                Ok(gasps) => self.gasps = gasps,
                Err(error) => tracing::warn!(%error, "how ONUs gasp is learned anew"),
            },
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "how ONUs gasp is learned anew"),
        }
        tracker.set_gasps(self.gasps.clone());
        let open: Vec<Kept> = open.iter().filter_map(kept).collect();
        let cleared: Vec<Kept> = cleared.iter().filter_map(kept).collect();
        if !open.is_empty() {
            tracing::info!(incidents = open.len(), "incidents of before the restart go on");
        }
        // Of those that are over, the tracker only learns which names are taken.
        tracker.recall(open.into_iter().chain(cleared.iter().cloned()), now);
        cleared.into_iter().map(|kept| Arc::new(kept.into_incident())).collect()
    }

    /// Keeps what changed.
    pub(super) fn keep(&mut self, tracker: &Tracker, changes: &[Change]) {
        for change in changes {
            let kept = match change.step {
                Step::Cleared => Some(Kept::over(&change.incident)),
                Step::Opened | Step::Changed => tracker.memory(change.incident.id),
            };
            if let Some(kept) = kept {
                self.write(&kept);
            }
        }
        if Instant::now() >= self.next_gasps {
            self.keep_gasps(tracker);
        }
    }

    /// Keeps a person's word on an incident.
    pub(super) fn close(&self, id: IncidentId, closing: &Closing) {
        match serde_json::to_string(closing) {
            Ok(text) => self.keeper.close_incident(id.to_string(), text),
            Err(error) => tracing::error!(%id, %error, "what a person said of an incident cannot be kept"),
        }
    }

    /// Keeps the last of what was learned.
    pub(super) fn end(&mut self, tracker: &Tracker) {
        self.keep_gasps(tracker);
    }

    fn keep_gasps(&mut self, tracker: &Tracker) {
        self.next_gasps = Instant::now() + GASPS_EVERY;
        if *tracker.gasps() == self.gasps {
            return;
        }
        self.gasps = tracker.gasps().clone();
        match serde_json::to_string(&self.gasps) {
            Ok(text) => self.keeper.gasps(text),
            Err(error) => tracing::error!(%error, "how ONUs gasp cannot be kept"),
        }
    }

    fn write(&self, kept: &Kept) {
        let incident = kept.incident();
        match kept.to_text() {
            Ok(data) => self.keeper.incident(IncidentRow {
                id: incident.id.to_string(),
                kind: incident.kind.word().to_owned(),
                opened: incident.opened_at,
                cleared: incident.cleared_at,
                closing: None,
                data,
            }),
            Err(error) => tracing::error!(id = %incident.id, %error, "an incident cannot be kept"),
        }
    }
}

/// What a row says, with the word of the person who closed it.
fn kept(row: &IncidentRow) -> Option<Kept> {
    let read = || -> Result<Kept, KeptError> {
        let kept = Kept::from_text(&row.data)?;
        Ok(match &row.closing {
            Some(closing) => kept.with_closing(serde_json::from_str::<Closing>(closing)?),
            None => kept,
        })
    };
    match read() {
        Ok(kept) => Some(kept),
        Err(error) => {
            tracing::warn!(id = row.id, %error, "an incident of before the restart cannot be read and is left out");
            None
        }
    }
}
