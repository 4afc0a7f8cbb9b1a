//! The task that owns all incidents: it hears what every OLT's judge sees, and says what the losses have in common.
//!
//! ```text
//!  judge tasks ──Word──(256, waits)──► incident task ──IncidentView (watch, newest)──► Board ──► http
//!  Archive: what was kept ───────────►     │  └──what is to be kept (newest of each)──► Archive ──► store
//!  Pusher ──PushSnapshot: whose──────►     │  ├──Change──► Feed, for all who follow
//!  importer ──Plant (watch)──────────►     │  └──Explanations (watch, newest per OLT)──► judge tasks
//!                                          └──Hint, within the OLT's budget──► PollTask
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, watch};

use super::archive::Archive;
use super::door::Door;
use super::feed::{Feed, What};
use super::maintenance::ClosedIncident;
use crate::incident::{
    Change, Closing, Explanations, Gasps, Incident, IncidentId, Look, News, Owner, Settings, State, Step, Tracker,
    Wanted, explanations,
};
use crate::model::{OltId, OnuKey, Timestamp};
use crate::ozmap::{Owners, PlantSnapshot, PushSnapshot};
use crate::plant::Plant;
use crate::poll::Hint;
use crate::record::{Owned, Recorder, Rules};

/// Words that wait; then judges wait, and with them polling.
pub(super) const WORDS: usize = 256;
/// How often what was heard is thought over.
const THINK_EVERY: Duration = Duration::from_millis(500);
/// Incidents that are over and still shown.
const REMEMBERED: u32 = 500;

/// What a judge tells.
#[derive(Debug)]
pub(super) enum Word {
    /// A sweep's evidence.
    Look(Look),
    /// What became of an OLT, or of one of its ONUs.
    News(OltId, News, Timestamp),
    /// Who was up in the last look before a restart.
    Before(Look),
    /// What a person said that an incident was.
    Close(ClosedIncident),
}

/// All incidents at a moment.
#[derive(Debug, Clone, Default)]
pub struct IncidentView {
    /// Those that are not over, oldest first.
    pub open: Vec<Arc<Incident>>,
    /// The last that are over, the newest first.
    pub cleared: VecDeque<Arc<Incident>>,
    /// How many were opened since the start.
    pub opened: u64,
}

impl IncidentView {
    /// One of them.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<Incident>> {
        self.open.iter().chain(&self.cleared).find(|incident| incident.id.to_string().eq_ignore_ascii_case(id))
    }
}

pub(super) struct IncidentTask {
    pub(super) words: mpsc::Receiver<Word>,
    /// Of the thresholds: how long a loss of which no cause is known lasts before it counts.
    pub(super) rules: watch::Receiver<Arc<Rules>>,
    pub(super) push: Option<watch::Receiver<Arc<PushSnapshot>>>,
    pub(super) plant: Option<watch::Receiver<Arc<PlantSnapshot>>>,
    pub(super) door: Door,
    pub(super) explained: BTreeMap<OltId, watch::Sender<Arc<Explanations>>>,
    pub(super) publish: watch::Sender<Arc<IncidentView>>,
    pub(super) feed: Feed,
    pub(super) desk: Desk,
    pub(super) notes: Notes,
}

/// What a recording is to have of what incidents are explained by.
pub(super) struct Notes {
    recorder: Option<Recorder>,
    /// A plant that is not noted yet, and when one may be again: one that is being read changes all the time.
    plant: Option<Arc<Plant>>,
    next_plant: Instant,
    pause: Duration,
}

/// The shortest and the longest time between two plants in a recording.
const PLANT_PAUSES: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(3600)];

impl Notes {
    pub(super) fn new(recorder: Option<Recorder>) -> Self {
        let [pause, _] = PLANT_PAUSES;
        Self { recorder, plant: None, next_plant: Instant::now(), pause }
    }

    fn begin(&self, tracker: &Tracker) {
        if let Some(recorder) = &self.recorder {
            recorder.incidents(now(), tracker.settings().settle, tracker.gasps());
        }
    }

    fn plant(&mut self, plant: &Arc<Plant>) {
        if self.recorder.is_some() {
            self.plant = Some(plant.clone());
        }
    }

    fn owners<'a>(&self, olts: impl Iterator<Item = &'a OltId>, owners: &Owners, before: &Owners) {
        let Some(recorder) = &self.recorder else { return };
        for olt in olts.filter(|olt| owners.of_olt(olt) != before.of_olt(olt)) {
            let owned =
                |(key, owner): &(OnuKey, crate::ozmap::Owner)| Owned { key: key.clone(), owner: owner_of(owner) };
            recorder.owners(olt, now(), owners.of_olt(olt).iter().map(owned).collect());
        }
    }

    fn note_plant(&mut self) {
        if self.plant.is_none() || Instant::now() < self.next_plant {
            return;
        }
        if let (Some(recorder), Some(plant)) = (&self.recorder, self.plant.take()) {
            recorder.plant(now(), &plant);
            let [_, longest] = PLANT_PAUSES;
            self.next_plant = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(longest);
        }
    }
}

fn owner_of(owner: &crate::ozmap::Owner) -> Owner {
    Owner { client: owner.client, code: owner.code.clone(), place: owner.box_id }
}

/// What it owns.
pub(super) struct Desk {
    tracker: Tracker,
    view: IncidentView,
    owners: Arc<Owners>,
    /// What outlives the process; `None` without a store.
    archive: Option<Archive>,
}

impl Desk {
    /// Begins with what was kept, if anything was; where nothing was kept of how ONUs gasp, `gasps` counts. Reads the store, which blocks.
    pub(super) fn new(settings: Settings, gasps: Gasps, mut archive: Option<Archive>, now: Timestamp) -> Self {
        let mut tracker = Tracker::new(settings);
        tracker.set_gasps(gasps);
        let cleared =
            archive.as_mut().map_or_else(VecDeque::new, |archive| archive.recall(&mut tracker, REMEMBERED, now));
        let open = tracker.incidents().map(|incident| Arc::new(incident.clone())).collect();
        Self { tracker, view: IncidentView { open, cleared, opened: 0 }, owners: Arc::default(), archive }
    }

    /// What it shows.
    pub(super) fn view(&self) -> Arc<IncidentView> {
        Arc::new(self.view.clone())
    }

    /// True when others see it at once.
    fn hear(&mut self, word: &Word) -> bool {
        match word {
            Word::Close(ClosedIncident { id, closing }) => return self.close(*id, closing),
            Word::Look(look) => self.tracker.take(look),
            Word::News(olt, news, at) => self.tracker.tell(olt, news, *at),
            Word::Before(look) => self.tracker.recall_look(look, now()),
        }
        false
    }

    /// Keeps a person's word on an incident; one that is not over ends with it. True when it is one that is over and shown.
    fn close(&mut self, id: IncidentId, closing: &Closing) -> bool {
        let shown = self.view.open.iter().chain(&self.view.cleared).find(|incident| incident.id == id);
        if shown.is_some_and(|incident| incident.closing.as_deref() == Some(closing)) {
            return false;
        }
        tracing::info!(%id, cause = closing.cause.word(), at = closing.at, "a person says what an incident was");
        if let Some(archive) = &self.archive {
            archive.close(id, closing);
        }
        if self.tracker.close(id, closing.clone(), now()) {
            return false;
        }
        let over = self.view.cleared.iter_mut().find(|incident| incident.id == id);
        over.is_some_and(|incident| {
            Arc::make_mut(incident).closing = Some(Arc::new(closing.clone()));
            true
        })
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

impl IncidentTask {
    /// Listens until nobody speaks any more.
    pub(super) async fn run(mut self) {
        self.desk.tracker.keep_only(|olt| self.explained.contains_key(olt));
        // What was kept explains losses from the start.
        self.explain();
        self.notes.begin(&self.desk.tracker);
        let mut think = tokio::time::interval(THINK_EVERY);
        think.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                word = self.words.recv() => match word {
                    Some(word) => if self.desk.hear(&word) {
                        self.publish.send_replace(self.desk.view());
                    },
                    None => break,
                },
                _ = think.tick() => self.think(),
            }
        }
        if let Some(archive) = &mut self.desk.archive {
            archive.end(&self.desk.tracker);
        }
    }

    fn think(&mut self) {
        self.learn();
        self.notes.note_plant();
        let desk = &mut self.desk;
        let outcome = desk.tracker.advance(now());
        if let Some(archive) = &mut desk.archive {
            archive.keep(&desk.tracker, &outcome.changes);
        }
        for wanted in outcome.wanted {
            self.ask(wanted);
        }
        if outcome.changes.is_empty() {
            return;
        }
        for change in &outcome.changes {
            tell(change);
        }
        self.explain();
        let told = outcome.changes.clone();
        let desk = &mut self.desk;
        let over = outcome.changes.iter().filter(|change| change.step == Step::Cleared);
        for change in over {
            desk.view.cleared.push_front(change.incident.clone());
        }
        desk.view.cleared.truncate(REMEMBERED as usize);
        desk.view.opened += outcome.changes.iter().filter(|change| change.step == Step::Opened).count() as u64;
        // What did not change keeps its snapshot.
        let mut newest: BTreeMap<_, _> = desk.view.open.drain(..).map(|incident| (incident.id, incident)).collect();
        newest.extend(outcome.changes.into_iter().map(|change| (change.incident.id, change.incident)));
        desk.view.open = newest.into_values().filter(|incident| incident.state != State::Cleared).collect();
        self.publish.send_replace(desk.view());
        // After the view, so that who hears of a change finds it there.
        self.feed.tell(told.into_iter().map(What::Incident));
    }

    /// Takes over whose ONUs are, and the plant, when they are others.
    fn learn(&mut self) {
        let desk = &mut self.desk;
        if self.rules.has_changed().unwrap_or(false) {
            let unknown_after = self.rules.borrow_and_update().thresholds.unknown_after;
            desk.tracker.set_settings(Settings { unknown_after, ..desk.tracker.settings() });
        }
        if let Some(plant) = self.plant.as_mut().filter(|plant| plant.has_changed().unwrap_or(false)) {
            let plant = plant.borrow_and_update().plant.clone();
            self.notes.plant(&plant);
            desk.tracker.set_plant(plant);
        }
        let Some(push) = &mut self.push else { return };
        if !push.has_changed().unwrap_or(false) {
            return;
        }
        let owners = push.borrow_and_update().matching.owners.clone();
        if Arc::ptr_eq(&owners, &desk.owners) || owners == desk.owners {
            return;
        }
        for olt in self.explained.keys() {
            let owner = |(key, owner): &(OnuKey, crate::ozmap::Owner)| (key.clone(), owner_of(owner));
            desk.tracker.set_owners(olt, owners.of_olt(olt).iter().map(owner));
        }
        self.notes.owners(self.explained.keys(), &owners, &desk.owners);
        desk.owners = owners;
    }

    /// A look that would decide, as far as the OLT's budget allows.
    fn ask(&self, wanted: Wanted) {
        let hint = match wanted.pons {
            Some(pons) if !pons.is_empty() => Hint::Pons(pons.into_iter().collect::<BTreeSet<_>>()),
            _ => Hint::State,
        };
        let _ = self.door.offer(&wanted.olt, hint);
    }

    /// Tells every judge what incidents say of its losses.
    fn explain(&self) {
        let mut by_olt = explanations(self.desk.tracker.incidents());
        for (olt, sender) in &self.explained {
            let explanations = by_olt.remove(olt).unwrap_or_default();
            sender.send_if_modified(|old| {
                let differs = **old != explanations;
                if differs {
                    *old = Arc::new(explanations);
                }
                differs
            });
        }
    }
}

/// One line a change.
fn tell(change: &Change) {
    let incident = &change.incident;
    let place = incident.place.as_ref().and_then(|place| place.element.name.as_deref()).unwrap_or("?");
    let (id, kind) = (incident.id, incident.kind.word());
    match change.step {
        Step::Opened => tracing::warn!(
            %id, kind, place, lost = incident.lost, confidence = incident.confidence, evidence = incident.evidence,
            "incident"
        ),
        Step::Changed => tracing::info!(
            %id, kind, place, lost = incident.lost, recovered = incident.recovered, confidence = incident.confidence,
            "incident goes on"
        ),
        Step::Cleared => tracing::warn!(%id, kind, place, lost = incident.lost, "incident is over"),
    }
}
