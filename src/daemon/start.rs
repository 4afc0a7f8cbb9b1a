//! Wiring, supervision and shutdown.
//!
//! ```text
//!  Daemon ──shutdown (watch)──► every PollTask, the Pusher
//!     ├── supervisor: one PollTask and one judge task an OLT; a pair that ends too early is started again
//!     ├── the receiver of traps, with a supervisor of its own
//!     └── AlertDesk, and a task for each channel of alerts
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::alerts::AlertDesk;
use super::archive::Archive;
use super::board::{Board, OltReport};
use super::door::Door;
use super::error::DaemonError;
use super::feed::{Feed, What};
use super::incidents::{Desk, IncidentTask, Notes, WORDS, Word};
use super::maintenance;
use super::marks;
use super::memory::Notebook;
use super::olt::JudgeTask;
use super::survey;
use super::traps;
use crate::alert::{self, Channels, Own, Thread, Wards};
use crate::config::{self, Config, OzmapMode};
use crate::incident::{self, Explanations, Gasps};
use crate::mib::Library;
use crate::model::{OltId, Timestamp};
use crate::ozmap::{Client, Looks, MarkTiming, Marks, PlantImport, Pusher, Survey};
use crate::poll::{Hint, Hints, PollTask, Poller};
use crate::record::{Recorder, Rules};
use crate::signal::{ThresholdError, check_thresholds};
use crate::snmp::{Engine, EngineLimits};
use crate::store::Store;
use crate::trap;

/// First sweeps of all OLTs are spread so that at most about ten OLTs a second are greeted, but no longer than this.
const LONGEST_SPREAD: Duration = Duration::from_secs(60);
const SPREAD_PER_OLT: Duration = Duration::from_millis(100);

/// Sweeps that wait for their judge; then the poll task waits.
const EVENTS: usize = 4;

/// How often an OLT is probably read, until its profile is known.
const USUAL_STATE_EVERY: Duration = Duration::from_secs(60);
const USUAL_OPTICS_EVERY: Duration = Duration::from_secs(15 * 60);

/// How long a stop waits for tasks.
const STOP_WAIT: Duration = Duration::from_secs(20);

/// How long a task that ended by mistake is left before it is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// Everything that runs.
pub struct Daemon {
    board: Board,
    door: Door,
    rules: watch::Sender<Arc<Rules>>,
    store: Option<Arc<Store>>,
    pusher: Option<Pusher>,
    import: Option<PlantImport>,
    marks: Option<Marks>,
    shutdown: watch::Sender<bool>,
    supervisor: tokio::task::JoinHandle<()>,
    incidents: tokio::task::JoinHandle<()>,
    receiver: Option<tokio::task::JoinHandle<()>>,
    channels: Channels,
}

/// What it takes to start the tasks of one OLT.
#[derive(Clone)]
struct OltPlan {
    olt: config::Olt,
    library: Arc<Library>,
    engine: Engine,
    rules: watch::Receiver<Arc<Rules>>,
    pusher: Option<Pusher>,
    report: watch::Sender<Arc<OltReport>>,
    words: mpsc::Sender<Word>,
    feed: Feed,
    explained: watch::Receiver<Arc<Explanations>>,
    hints: Hints,
    recorder: Option<Recorder>,
    calendar: maintenance::Calendar,
    store: Option<Arc<Store>>,
    spread: Duration,
    shutdown: watch::Receiver<bool>,
}

impl OltPlan {
    /// Starts the poll task and the judge task, after `delay`.
    fn start(&self, tasks: &mut JoinSet<()>, delay: Duration) -> tokio::task::Id {
        let (events, received) = mpsc::channel(EVENTS);
        let poller = Poller::with_engine(self.olt.clone(), Arc::clone(&self.library), self.engine.clone());
        let poll = PollTask::new(poller, self.spread, events, self.hints.clone(), self.shutdown.clone());
        let judge = JudgeTask {
            olt: self.olt.name.clone(),
            rules: self.rules.clone(),
            pusher: self.pusher.clone(),
            report: self.report.clone(),
            hints: self.hints.clone(),
            recorder: self.recorder.clone(),
            calendar: self.calendar.clone(),
            words: self.words.clone(),
            feed: self.feed.clone(),
            explained: self.explained.clone(),
            unsaid: Vec::new(),
            judge: None,
            notebook: self.store.clone().map(|store| Notebook::new(self.olt.name.clone(), store)),
            intervals: (
                self.olt.state_every.unwrap_or(USUAL_STATE_EVERY),
                self.olt.optics_every.unwrap_or(USUAL_OPTICS_EVERY),
            ),
            heard: false,
            looks: Looks::default(),
            newest_round: None,
        };
        let both = async move {
            tokio::time::sleep(delay).await;
            tokio::join!(poll.run(), judge.run(received));
        };
        tasks.spawn(both).id()
    }
}

impl Daemon {
    /// Starts everything that the config asks for, but for HTTP. Must be called inside of a tokio runtime.
    ///
    /// # Errors
    /// [`DaemonError`] when the config cannot be carried out, or its database cannot be used; nothing runs then.
    pub fn start(config: &Config, library: Arc<Library>) -> Result<Self, DaemonError> {
        Self::start_recorded(config, library, None)
    }

    /// As [`Daemon::start`], with a recording of everything that is judged.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_recorded(
        config: &Config,
        library: Arc<Library>,
        recorder: Option<Recorder>,
    ) -> Result<Self, DaemonError> {
        Self::begin(config, library, recorder, Gasps::default())
    }

    /// As [`Daemon::start`], with what is known from elsewhere of how ONUs gasp.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_knowing(config: &Config, library: Arc<Library>, gasps: Gasps) -> Result<Self, DaemonError> {
        Self::begin(config, library, None, gasps)
    }

    fn begin(
        config: &Config,
        library: Arc<Library>,
        recorder: Option<Recorder>,
        gasps: Gasps,
    ) -> Result<Self, DaemonError> {
        for olt in &config.olts {
            if let config::Profile::Named(name) = &olt.profile
                && library.get(name).is_none()
            {
                let known = library.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ");
                return Err(DaemonError::NoSuchProfile { olt: olt.name.to_string(), name: name.clone(), known });
            }
        }
        // Before anything is asked: a port that is taken ends it here.
        let listen = config.trap.as_ref().and_then(|trap| trap.listen);
        let receiver = listen.map(trap::Receiver::bind).transpose()?;
        // Before anything runs: a file that cannot be used ends it here.
        let store = match &config.store {
            Some(store) => Some(Arc::new(Store::open(&store.path, store.keep)?)),
            None => None,
        };
        let (shutdown, stopped) = watch::channel(false);
        let feed = Feed::new(Timestamp::from(SystemTime::now()));
        let (told, fed) = watch::channel(Arc::new(alert::Bulletin::default()));
        let channels =
            Channels::spawn(&config.alerts, &fed, store.as_ref().map(|store| store.alerts()).as_ref(), &stopped)?;
        let (wanted, to_mark) = watch::channel(Arc::default());
        let (pusher, import, marks) = match &config.ozmap {
            Some(ozmap) => {
                let kept = store.as_ref().map(|store| (store.journal(), store.shelf()));
                let client = Client::new(ozmap)?;
                let told = feed.clone();
                let watcher = move |pushed| told.tell([What::Push(Arc::new(pushed))]);
                let pusher = Pusher::spawn_watched(&client, ozmap, kept, Box::new(watcher), stopped.clone());
                let import = ozmap.plant.on.then(|| {
                    PlantImport::spawn(&client, ozmap.plant, pusher.subscribe(), store.clone(), stopped.clone())
                });
                let rule = ozmap.marks.filter(|_| ozmap.mode == OzmapMode::Write);
                let marks =
                    rule.map(|rule| Marks::spawn(&client, rule, MarkTiming::default(), to_mark, stopped.clone()));
                (Some(pusher), import, marks)
            }
            None => (None, None, None),
        };
        let rules = rules_of(config);
        if let Some(store) = &store {
            keep_rules(store, &rules);
        }
        let (rules, judged_by) = watch::channel(Arc::new(rules));
        let count = u32::try_from(config.olts.len()).unwrap_or(u32::MAX);
        let spread = SPREAD_PER_OLT.saturating_mul(count.saturating_sub(1)).min(LONGEST_SPREAD);
        let limits = EngineLimits::from(&config.snmp);
        let engine = match &config.store {
            // What an engine knows of SNMPv3 stands beside the database.
            Some(store) => Engine::with_engine_file(limits, &store.path.with_extension("engines")),
            None => Engine::new(limits),
        };
        let (words, heard) = mpsc::channel(WORDS);
        let (keeper, calendar) = maintenance::Keeper::new(
            config.maintenance.clone(),
            config.maintenance_file.clone(),
            pusher.clone(),
            words.clone(),
            Timestamp::from(SystemTime::now()),
        );
        tokio::spawn(keeper.run(stopped.clone()));
        let mut plans = Vec::new();
        let mut receivers = Vec::new();
        let mut hints = BTreeMap::new();
        let mut explained = BTreeMap::new();
        for olt in &config.olts {
            let (report, receiver) = watch::channel(Arc::new(OltReport::new(olt.name.clone(), olt.address.clone())));
            receivers.push((olt.name.clone(), receiver));
            let place = Hints::default();
            hints.insert(olt.name.clone(), place.clone());
            let (explain, explanations) = watch::channel(Arc::default());
            explained.insert(olt.name.clone(), explain);
            plans.push(OltPlan {
                olt: olt.clone(),
                library: Arc::clone(&library),
                engine: engine.clone(),
                rules: judged_by.clone(),
                pusher: pusher.clone(),
                report,
                words: words.clone(),
                feed: feed.clone(),
                explained: explanations,
                hints: place,
                recorder: recorder.clone(),
                calendar: calendar.clone(),
                store: store.clone(),
                spread,
                shutdown: stopped.clone(),
            });
        }
        let notes = Notes::new(recorder.clone());
        let door = Door::new(hints, recorder);
        let statuses = receiver
            .as_ref()
            .map(|receiver| trap::Statuses::new(receiver.address(), config.olts.iter().map(|olt| &olt.name)));
        let push = pusher.as_ref().map(Pusher::subscribe);
        let settings =
            incident::Settings { settle: config.incident.settle, unknown_after: config.thresholds.unknown_after };
        let desk = Desk::new(settings, gasps, store.clone().map(Archive::new), Timestamp::from(SystemTime::now()));
        let (publish, incidents) = watch::channel(desk.view());
        let task = IncidentTask {
            rules: judged_by.clone(),
            words: heard,
            push: push.clone(),
            plant: import.as_ref().map(PlantImport::subscribe),
            door: door.clone(),
            explained,
            publish,
            feed: feed.clone(),
            desk,
            notes,
        };
        let owner_of_incidents = tokio::spawn(task.run());
        if marks.is_some() {
            tokio::spawn(marks::choose(incidents.clone(), wanted));
        }
        let now = Timestamp::from(SystemTime::now());
        let mut board = Board::new(now, receivers, push, engine, statuses.clone(), store.clone())
            .with_plant(import.as_ref().map(PlantImport::subscribe))
            .with_rules(rules.subscribe())
            .with_incidents(incidents.clone())
            .with_feed(feed)
            .with_alerts(channels.statuses());
        if import.is_some() {
            let (publish, survey) = watch::channel(Arc::new(Survey::empty(now)));
            tokio::spawn(survey::run(board.clone(), publish, stopped.clone()));
            board = board.with_survey(survey);
        }
        if !config.alerts.is_empty() {
            let wards = config.olts.iter().map(|olt| (&olt.name, olt.region.as_deref(), olt.tags.as_slice()));
            let desk = AlertDesk {
                board: board.clone(),
                incidents,
                calendar,
                wards: Wards::new(wards),
                marks_file: config.alerts_file.clone(),
                feed: told,
                shutdown: stopped.clone(),
                own: own_before(store.as_deref(), &config.alerts),
            };
            tokio::spawn(desk.run());
        }
        let supervisor = tokio::spawn(supervise(plans, stopped.clone()));
        let receiver = receiver.zip(statuses).map(|(receiver, statuses)| {
            tokio::spawn(trap::keep(receiver, traps::senders(&config.olts, &door), statuses, stopped))
        });
        Ok(Self {
            board,
            door,
            rules,
            store,
            pusher,
            import,
            marks,
            shutdown,
            supervisor,
            incidents: owner_of_incidents,
            receiver,
            channels,
        })
    }

    /// The snapshots of everything that runs.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Asks for a look at an OLT now; hints that wait are merged. False when there is no such OLT.
    #[must_use]
    pub fn hint(&self, olt: &OltId, hint: Hint) -> bool {
        self.door.give(olt, hint).is_some()
    }

    /// Judges from now on by the thresholds and the status map of this config; truths, dwells and everything else stay as
    /// they are.
    ///
    /// # Errors
    /// [`ThresholdError`] when a rule cannot be used; then nothing is changed.
    pub fn set_rules(&self, config: &Config) -> Result<(), ThresholdError> {
        let rules = rules_of(config);
        check_thresholds(&rules.thresholds)?;
        if let Some(store) = &self.store {
            keep_rules(store, &rules);
        }
        self.door.note_rules(&rules);
        self.rules.send_replace(Arc::new(rules));
        Ok(())
    }

    /// Stops: no new request is sent, and the write in hand is finished.
    pub async fn stop(self) {
        self.shutdown.send_replace(true);
        if let Some(pusher) = &self.pusher {
            pusher.stop().await;
        }
        let rest = async {
            if let Some(import) = self.import {
                import.ended().await;
            }
            if let Some(marks) = self.marks {
                marks.ended().await;
            }
            if let Some(receiver) = self.receiver {
                // It has told of what went wrong.
                let _ = receiver.await;
            }
            self.channels.ended().await;
            let supervised = self.supervisor.await;
            // Nobody tells it anything any more.
            let _ = self.incidents.await;
            supervised
        };
        if tokio::time::timeout(STOP_WAIT, rest).await.is_err() {
            tracing::warn!("a task did not end in time and is left behind");
        }
        if let Some(store) = self.store {
            // It can only fail by a panic, which has told of itself.
            let _ = tokio::task::spawn_blocking(move || store.close()).await;
        }
    }
}

/// What was told of ourselves before the start and is not over.
fn own_before(store: Option<&Store>, alerts: &[config::alert::Alert]) -> Own {
    let mut own = Own::default();
    match store.map(|store| store.alerts().kept(None)).transpose() {
        Ok(rows) => {
            let open = rows
                .unwrap_or_default()
                .into_iter()
                .filter(|row| !row.over && alerts.iter().any(|alert| alert.name == row.channel));
            let threads = open.filter_map(|row| serde_json::from_str::<Thread>(&row.data).ok());
            own.recall(threads.map(|thread| thread.notice), Timestamp::from(SystemTime::now()));
        }
        Err(error) => tracing::error!(%error, "it is not known what was told before the start"),
    }
    own
}

/// By what a config judges.
fn rules_of(config: &Config) -> Rules {
    Rules {
        thresholds: config.thresholds.clone(),
        status: config.ozmap.as_ref().map(|ozmap| ozmap.status.clone()).unwrap_or_default(),
    }
}

/// Those who try other rules on history compare them with these.
fn keep_rules(store: &Store, rules: &Rules) {
    match serde_json::to_string(rules) {
        Ok(text) => store.keeper().rules(text),
        Err(error) => tracing::error!(%error, "the rules in force cannot be kept"),
    }
}

/// Starts the tasks of every OLT, and starts a pair again that ended though nobody asked it to.
async fn supervise(plans: Vec<OltPlan>, shutdown: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut places: HashMap<tokio::task::Id, usize> = HashMap::new();
    for (place, plan) in plans.iter().enumerate() {
        places.insert(plan.start(&mut tasks, Duration::ZERO), place);
    }
    while let Some(ended) = tasks.join_next_with_id().await {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(place) = places.remove(&id) else { continue };
        if *shutdown.borrow() || shutdown.has_changed().is_err() {
            continue;
        }
        if let Some(plan) = plans.get(place) {
            let why = ended.err().map_or_else(|| "ended".to_owned(), |error| error.to_string());
            tracing::error!(olt = %plan.olt.name, why, "its tasks ended by themselves and are started again");
            places.insert(plan.start(&mut tasks, RESTART_PAUSE), place);
        }
    }
}
