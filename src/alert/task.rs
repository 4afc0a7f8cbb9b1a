//! One task a channel, so that none delays another.
//!
//! ```text
//!  whoever knows what is wrong ──Bulletin (watch, the newest of everything)──► every channel's task ──► the channel
//!                                                                            │  └─AlertRows, waits─► store
//!                                                                            └──ChannelStatus (watch)──► metrics, people
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::channel::{Alertmanager, Heartbeat, Sender};
use super::error::{AlertError, Trouble};
use super::gates::Held;
use super::life::{Delivery, Life, Next, Outcome};
use super::notice::Notice;
use super::standing::{Firing, Standing};
use super::text::Writer;
use super::thread::{Step, Thread};
use crate::config::alert::Alert;
use crate::model::Timestamp;
use crate::store::{AlertRow, AlertRows};

/// The longest wait for the disk before the next message goes out.
const DISK_PATIENCE: Duration = Duration::from_secs(10);
/// The least time between two looks, so that nothing that is wrong makes a task spin.
const BREATH: Duration = Duration::from_millis(50);
/// The least time between two requests to an Alertmanager.
const PUSH_SPACE: Duration = Duration::from_secs(1);
/// A feed that is older than this was not kept by anybody.
const BULLETIN_DEAD: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Everything that is wrong at a moment.
#[derive(Debug, Clone)]
pub struct Bulletin {
    /// When it was made.
    pub at: Timestamp,
    /// What stands, and what was over lately.
    pub notices: Vec<Arc<Notice>>,
    /// Whether OLTs are read, so that silence means that nothing is wrong.
    pub alive: bool,
}

impl Default for Bulletin {
    /// From before anybody has looked.
    fn default() -> Self {
        Self { at: Timestamp::from_millis(0), notices: Vec::new(), alive: false }
    }
}

/// How a channel stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its name, and its member where it has several.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What was taken since the start, by step; `digest`, `state` and `heartbeat` are such too.
    pub sent: BTreeMap<&'static str, u64>,
    /// What failed and is tried again.
    pub failed: u64,
    /// What was refused for good.
    pub refused: u64,
    /// Incidents of which it was told that they stand.
    pub standing: usize,
    /// Notices that are held, by reason.
    pub held: BTreeMap<Held, usize>,
    /// When it last took something.
    pub last_taken: Option<Timestamp>,
    /// Why it takes nothing at present, if it does not.
    pub failing: Option<String>,
}

/// How each channel stands. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Statuses(Vec<watch::Receiver<Arc<ChannelStatus>>>);

impl Statuses {
    /// Some that stay so.
    #[cfg(test)]
    pub(crate) fn still(channels: Vec<ChannelStatus>) -> Self {
        Self(channels.into_iter().map(|status| watch::channel(Arc::new(status)).1).collect())
    }

    /// At this moment, in the config's order.
    #[must_use]
    pub fn now(&self) -> Vec<Arc<ChannelStatus>> {
        self.0.iter().map(|status| status.borrow().clone()).collect()
    }
}

/// What runs.
#[derive(Debug)]
pub struct Channels {
    statuses: Statuses,
    tasks: Vec<JoinHandle<()>>,
}

impl Channels {
    /// Starts a task for each channel; they end when `shutdown` becomes true. Must be called inside of a tokio runtime.
    ///
    /// # Errors
    /// [`AlertError`] when a section cannot be carried out; nothing runs then.
    pub fn spawn(
        configs: &[Alert],
        feed: &watch::Receiver<Arc<Bulletin>>,
        rows: Option<&AlertRows>,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<Self, AlertError> {
        let mut statuses = Vec::new();
        let mut ready: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
        for config in configs {
            let mut desk = |name: String| {
                let first = ChannelStatus { name, kind: config.channel.word(), ..ChannelStatus::default() };
                let (publish, status) = watch::channel(Arc::new(first.clone()));
                statuses.push(status);
                Desk { status: first, publish, feed: feed.clone(), shutdown: shutdown.clone(), failures: 0 }
            };
            if let Some(sender) = Sender::new(config)? {
                let writer = Writer::new(config);
                let writer = writer.map_err(|what| AlertError { channel: config.name.clone(), what })?;
                let (desk, life) = (desk(config.name.clone()), Life::new(config));
                let task = Messages { desk, sender, writer, life, rows: rows.cloned(), unkept: BTreeMap::new() };
                ready.push(Box::pin(task.run()));
            } else if let Some(heartbeat) = Heartbeat::new(config)? {
                ready.push(Box::pin(beats(desk(config.name.clone()), heartbeat)));
            }
            let members = Alertmanager::all(config)?;
            let many = members.len() > 1;
            for member in members {
                let name = if many { format!("{}@{}", config.name, member.address()) } else { config.name.clone() };
                let standing = Standing::new(config, member.every());
                ready.push(Box::pin(states(desk(name), member, standing)));
            }
        }
        let tasks = ready.into_iter().map(tokio::spawn).collect();
        Ok(Self { statuses: Statuses(statuses), tasks })
    }

    /// How each stands.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Waits until the messages in hand are finished, after shutdown.
    pub async fn ended(self) {
        for task in self.tasks {
            // A panic has told of itself.
            let _ = task.await;
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// What every task has.
struct Desk {
    status: ChannelStatus,
    publish: watch::Sender<Arc<ChannelStatus>>,
    feed: watch::Receiver<Arc<Bulletin>>,
    shutdown: watch::Receiver<bool>,
    /// In a row.
    failures: u32,
}

impl Desk {
    /// Waits for something new, or for this time; false when it is over.
    async fn wait(&mut self, until: Option<Timestamp>) -> bool {
        let pause = until.map(|until| until.since(now()).max(BREATH));
        tokio::select! {
            biased;
            stop = self.shutdown.wait_for(|stop| *stop) => { drop(stop); false }
            changed = self.feed.changed() => changed.is_ok(),
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => true,
        }
    }

    /// Waits so long, whatever is new; false when it is over.
    async fn rest(&mut self, time: Duration) -> bool {
        tokio::select! {
            biased;
            stop = self.shutdown.wait_for(|stop| *stop) => { drop(stop); false }
            () = tokio::time::sleep(time) => true,
        }
    }

    fn taken(&mut self, what: &'static str) {
        *self.status.sent.entry(what).or_default() += 1;
        self.status.last_taken = Some(now());
        self.failures = 0;
        if self.status.failing.take().is_some() {
            tracing::info!(channel = self.status.name, "the alert channel takes messages again");
        }
    }

    /// One line when it begins; the rest is for those who debug.
    fn failed(&mut self, trouble: &Trouble) {
        self.failures = self.failures.saturating_add(1);
        let (channel, why) = (&self.status.name, &trouble.why);
        if trouble.outcome == Outcome::Refused {
            self.status.refused += 1;
            tracing::error!(channel, why, "an alert was refused and is not sent again");
        } else if trouble.outcome != Outcome::HandleGone {
            self.status.failed += 1;
            if self.status.failing.replace(why.clone()).is_none() {
                tracing::warn!(channel, why, "the alert channel takes nothing: it is tried again until it does");
            } else {
                tracing::debug!(channel, why, "the alert channel still takes nothing");
            }
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_secs(1)
            .saturating_mul(2_u32.saturating_pow(self.failures.saturating_sub(1).min(10)))
            .min(LONGEST_PAUSE)
    }

    fn publish(&self) {
        self.publish.send_if_modified(|old| {
            let differs = **old != self.status;
            if differs {
                *old = Arc::new(self.status.clone());
            }
            differs
        });
    }
}

/// A channel that is sent messages.
struct Messages {
    desk: Desk,
    sender: Sender,
    writer: Writer,
    life: Life,
    rows: Option<AlertRows>,
    /// What the disk has not taken yet.
    unkept: BTreeMap<String, AlertRow>,
}

impl Messages {
    async fn run(mut self) {
        self.recall().await;
        loop {
            let feed = self.desk.feed.borrow_and_update().clone();
            let at = now();
            // The first is from before anybody has looked: what was kept may be long over.
            if feed.at.millis() == 0 {
                if !self.desk.wait(None).await {
                    return;
                }
                continue;
            }
            self.life.observe(&feed.notices, at);
            let wait = match self.life.next(at) {
                Next::Send(delivery) => {
                    self.keep().await;
                    self.deliver(&delivery).await;
                    Some(at)
                }
                Next::Wait(until) => until,
            };
            self.keep().await;
            self.desk.status.standing = self.life.standing();
            self.desk.status.held = self.life.held(at);
            self.desk.publish();
            if wait == Some(at) {
                if *self.desk.shutdown.borrow() {
                    return;
                }
                continue;
            }
            if !self.desk.wait(wait).await {
                return;
            }
        }
    }

    async fn recall(&mut self) {
        let Some(rows) = self.rows.clone() else { return };
        let channel = self.desk.status.name.clone();
        let kept = tokio::task::spawn_blocking(move || rows.kept(Some(&channel))).await;
        match kept {
            Ok(Ok(kept)) => {
                let threads = kept.iter().filter_map(|row| match serde_json::from_str::<Thread>(&row.data) {
                    Ok(thread) => Some(thread),
                    Err(error) => {
                        tracing::warn!(channel = row.channel, incident = row.notice, %error, "what was told of it cannot be read");
                        None
                    }
                });
                self.life.recall(threads);
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "it is not known what was told before the start: some of it may be told again");
            }
            // It panicked, which has told of itself.
            Err(_) => {}
        }
    }

    async fn deliver(&mut self, delivery: &Delivery) {
        let text = self.writer.write(delivery, now());
        let sent = self.sender.send(delivery, &text, now()).await;
        let outcome = match sent {
            Ok(handle) => {
                let what = match delivery.parts.as_slice() {
                    [part] => part.step.word(),
                    _ => "digest",
                };
                tracing::info!(channel = self.desk.status.name, message = delivery.id, what, "told");
                self.desk.taken(what);
                Outcome::Taken(handle)
            }
            Err(trouble) => {
                self.desk.failed(&trouble);
                trouble.outcome
            }
        };
        self.life.settle(delivery, &outcome, now());
    }

    /// Writes down what has changed; the next message waits for it, but not for ever.
    async fn keep(&mut self) {
        let Some(rows) = &self.rows else { return };
        for thread in self.life.unwritten() {
            let Ok(data) = serde_json::to_string(&thread) else { continue };
            let notice = thread.notice.id.to_string();
            let row = AlertRow { channel: self.desk.status.name.clone(), notice, over: thread.over, data };
            self.unkept.insert(row.notice.clone(), row);
        }
        if self.unkept.is_empty() {
            return;
        }
        let keep = rows.keep(now(), self.unkept.values().cloned().collect());
        match tokio::time::timeout(DISK_PATIENCE, keep).await {
            Ok(Ok(())) => self.unkept.clear(),
            // The store has told of what is wrong with it.
            Ok(Err(why)) => tracing::debug!(why, "what was told is not on the disk yet"),
            Err(_) => tracing::debug!("the disk takes long to keep what was told"),
        }
    }
}

/// The task of one Alertmanager.
async fn states(mut desk: Desk, mut member: Alertmanager, mut standing: Standing) {
    let every = member.every();
    let mut last: Option<(Timestamp, Vec<Arc<Notice>>)> = None;
    loop {
        let feed = desk.feed.borrow_and_update().clone();
        let at = now();
        standing.observe(&feed.notices, at);
        let (firing, wake) = standing.firing(at);
        let notices: Vec<Arc<Notice>> = firing.iter().map(|one: &Firing| one.notice.clone()).collect();
        let due = last.as_ref().map_or(at, |(sent, _)| *sent + every);
        let is_due = due <= at || last.as_ref().is_none_or(|(_, old)| *old != notices);
        if feed.at.millis() > 0 && is_due {
            let alive = feed.alive && at.since(feed.at) < BULLETIN_DEAD;
            let sent = member.send(&firing, alive, at).await;
            desk.status.standing = notices.len();
            match sent {
                Ok(()) => {
                    desk.taken("state");
                    last = Some((at, notices));
                    desk.publish();
                    if !desk.rest(PUSH_SPACE).await {
                        return;
                    }
                }
                Err(trouble) => {
                    desk.failed(&trouble);
                    desk.publish();
                    let asked = match trouble.outcome {
                        Outcome::Later { after } => after.unwrap_or_default().min(LONGEST_PAUSE),
                        _ => every,
                    };
                    let pause = desk.pause().max(asked);
                    if !desk.rest(pause).await {
                        return;
                    }
                }
            }
            continue;
        }
        let next = [Some(due), wake].into_iter().flatten().min();
        if !desk.wait(next).await {
            return;
        }
    }
}

/// The task of one heartbeat.
async fn beats(mut desk: Desk, heartbeat: Heartbeat) {
    loop {
        let feed = desk.feed.borrow().clone();
        if feed.alive && now().since(feed.at) < BULLETIN_DEAD {
            match heartbeat.beat().await {
                Ok(_) => desk.taken("heartbeat"),
                Err(trouble) => desk.failed(&trouble),
            }
            desk.publish();
        }
        let pause = match desk.failures {
            0 if desk.status.sent.is_empty() => Duration::from_secs(1),
            0 => heartbeat.every(),
            _ => desk.pause().min(heartbeat.every()),
        };
        if !desk.rest(pause).await {
            return;
        }
    }
}

impl ChannelStatus {
    /// Every word that [`sent`](Self::sent) may have.
    pub const WHAT: [&'static str; 7] = [
        Step::Open.word(),
        Step::Update.word(),
        Step::Acknowledge.word(),
        Step::Resolve.word(),
        "digest",
        "state",
        "heartbeat",
    ];
}
