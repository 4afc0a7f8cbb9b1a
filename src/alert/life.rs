//! The life of the notifications of one channel. Pure: times are arguments, and sending is somebody else's.
//!
//! In: all notices, whenever they change ([`Life::observe`]). Out: what is to be sent now, or when to ask again
//! ([`Life::next`]); and back in, what came of it ([`Life::settle`]). The newest notice of an incident replaces an older one
//! that waits; nothing is queued.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::bucket::Bucket;
use super::gates::{Gates, Held, Hold, Occurrence};
use super::notice::{Notice, Stage, inhibited};
use super::thread::{Difference, Said, Step, Thread};
use crate::config::alert::{Alert, AlertChannel};
use crate::model::Timestamp;

/// More incidents than this that begin within [`STORM_FOR`] are a storm.
const STORM: usize = 10;
const STORM_FOR: Duration = Duration::from_secs(10 * 60);
/// How long what began in a storm is told little of.
const STORM_LASTS: Duration = Duration::from_secs(3600);
/// Messages on one incident of a storm at most: it began, it changed, it is over.
const MOST_IN_STORM: u32 = 3;
/// The least time between two digests.
const DIGEST_EVERY: Duration = Duration::from_secs(30);
/// What was told and is not seen any more for so long is not followed any more.
const MISSING_FOR: Duration = Duration::from_secs(10 * 60);
/// The waits after failures: the first, and the most.
/// From so many failures in a row on, those that fail wait for the others.
const STUCK_AFTER: u32 = 3;
/// The longest that a channel may ask us to wait.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// What a channel can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// A message can be changed after it was sent.
    pub edits: bool,
    /// People read it, so that one message may stand for many incidents.
    pub digests: bool,
}

impl From<&AlertChannel> for Manner {
    fn from(channel: &AlertChannel) -> Self {
        match channel {
            AlertChannel::Telegram { .. } | AlertChannel::SlackBot { .. } => Self { edits: true, digests: true },
            AlertChannel::SlackHook { .. } | AlertChannel::Email(_) => Self { edits: false, digests: true },
            _ => Self { edits: false, digests: false },
        }
    }
}

/// One message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its name, unique and the same when it is sent again.
    pub id: String,
    /// What of it: one thing, or several in one digest.
    pub parts: Vec<Part>,
}

/// What a message says of one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which step.
    pub step: Step,
    /// The notice.
    pub notice: Arc<Notice>,
    /// By which the channel knows the message that is to be changed.
    pub handle: Option<String>,
    /// Whether the place comes and goes, and no more is told of it until it is calm.
    pub flapping: bool,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The channel has taken it, and knows it by this.
    Taken(Option<String>),
    /// Not now; perhaps it was taken all the same. Again after this time, if the channel said one.
    Later {
        /// What the channel asks for.
        after: Option<Duration>,
    },
    /// The channel will not have this one, however often it is sent.
    Refused,
    /// The message that was to be changed is not there any more.
    HandleGone,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Send this, and say what came of it.
    Send(Delivery),
    /// Ask again at this time; `None`: when something changes.
    Wait(Option<Timestamp>),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Life {
    manner: Manner,
    update_every: Duration,
    gates: Gates,
    bucket: Bucket,
    threads: BTreeMap<Arc<str>, Thread>,
    inhibited: BTreeSet<Arc<str>>,
    /// When incidents began to be seen, lately.
    begun: VecDeque<Timestamp>,
    closed_until: Option<Timestamp>,
    failures: u32,
    last_digest: Option<Timestamp>,
    /// Changed since they were last given to the journal.
    unwritten: BTreeSet<Arc<str>>,
}

impl Life {
    /// Of the channel of this section.
    #[must_use]
    pub fn new(config: &Alert) -> Self {
        Self {
            manner: Manner::from(&config.channel),
            update_every: config.update_every,
            gates: Gates::new(config),
            bucket: Bucket::new(config.budget),
            threads: BTreeMap::new(),
            inhibited: BTreeSet::new(),
            begun: VecDeque::new(),
            closed_until: None,
            failures: 0,
            last_digest: None,
            unwritten: BTreeSet::new(),
        }
    }

    /// Takes up what the journal holds, before anything is observed.
    pub fn recall(&mut self, threads: impl IntoIterator<Item = Thread>) {
        self.threads.extend(threads.into_iter().map(|thread| (thread.notice.id.clone(), thread)));
    }

    /// Notifications of which something was told and is not over.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.threads.values().filter(|thread| thread.said.is_some() && !thread.over).count()
    }

    /// How many notices are held at present, by reason.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> BTreeMap<Held, usize> {
        let mut held = BTreeMap::new();
        let pending = self.threads.values().filter_map(|thread| Some((thread, thread.step()?)));
        for (why, _) in pending.filter_map(|(thread, step)| self.hold(thread, step, now)) {
            *held.entry(why).or_default() += 1;
        }
        held
    }

    /// Takes all notices: those that stand, and those that were over lately.
    pub fn observe(&mut self, notices: &[Arc<Notice>], now: Timestamp) {
        self.inhibited = inhibited(notices);
        for notice in notices {
            match self.threads.get_mut(&notice.id) {
                Some(thread) if thread.over => {}
                Some(thread) => {
                    thread.missing = None;
                    if thread.notice != *notice {
                        thread.notice = notice.clone();
                    }
                }
                None if notice.stage == Stage::Cleared => {}
                None => self.begin(notice.clone(), now),
            }
        }
        self.miss(notices, now);
        self.begun.retain(|begun| now.since(*begun) < STORM_FOR);
        if self.begun.len() > STORM {
            // Those that began it are of it, too.
            for thread in self.threads.values_mut().filter(|thread| now.since(thread.seen) < STORM_FOR) {
                thread.storm = true;
            }
        }
    }

    fn begin(&mut self, notice: Arc<Notice>, now: Timestamp) {
        let mut thread = Thread::new(notice, now);
        if self.gates.wants(&thread.notice) {
            self.begun.push_back(now);
            let occurrence = if thread.notice.test { Occurrence::Plain } else { self.gates.note(&thread.notice, now) };
            thread.flapping = occurrence == Occurrence::Last;
            thread.damped = occurrence == Occurrence::Damped;
        }
        self.threads.insert(thread.notice.id.clone(), thread);
    }

    /// What is not among the notices any more: done, or lost by a restart.
    fn miss(&mut self, notices: &[Arc<Notice>], now: Timestamp) {
        let seen: BTreeSet<&str> = notices.iter().map(|notice| &*notice.id).collect();
        self.threads.retain(|id, thread| seen.contains(&**id) || !(thread.over || thread.is_untold()));
        for (id, thread) in self.threads.iter_mut().filter(|(id, _)| !seen.contains(&***id)) {
            let since = *thread.missing.get_or_insert(now);
            if thread.notice.stage != Stage::Cleared && now.since(since) >= MISSING_FOR {
                let notice =
                    Notice { stage: Stage::Cleared, cleared_at: Some(now), untraced: true, ..(*thread.notice).clone() };
                thread.notice = Arc::new(notice);
                self.unwritten.insert(id.clone());
            }
        }
    }

    /// What keeps a step from being sent now.
    fn hold(&self, thread: &Thread, step: Step, now: Timestamp) -> Option<Hold> {
        match step {
            Step::Open => {
                let is_inhibited = self.inhibited.contains(&thread.notice.id);
                self.gates.hold_new(&thread.notice, thread.seen, thread.damped, is_inhibited, now)
            }
            // Machines would go on calling people for what is over.
            Step::Resolve => self.gates.hold_any(&thread.notice, now).filter(|_| self.manner.digests),
            Step::Update | Step::Acknowledge => {
                self.gates.hold_any(&thread.notice, now).or_else(|| self.hold_update(thread, step, now))
            }
        }
    }

    fn hold_update(&self, thread: &Thread, step: Step, now: Timestamp) -> Option<Hold> {
        let difference = thread.said.as_ref().map_or(Difference::None, |said| said.difference(&thread.notice));
        let can_edit = self.manner.edits && thread.handle.is_some();
        let is_worse = difference == Difference::Worse;
        // The last is kept for its end.
        let is_enough = thread.messages + 1 >= MOST_IN_STORM;
        let calm = thread.seen + STORM_LASTS;
        if thread.storm && is_enough && now < calm {
            return Some((Held::Spaced, Some(calm)));
        }
        if step == Step::Acknowledge {
            return None;
        }
        if thread.notice.ack.is_some() && !is_worse {
            return Some((Held::Acknowledged, None));
        }
        if !can_edit && (difference <= Difference::Numbers || is_enough && !is_worse) {
            return Some((Held::Spaced, None));
        }
        let until = thread.spaced_until(self.update_every).filter(|until| now < *until)?;
        Some((Held::Spaced, Some(until)))
    }

    /// What to send now.
    pub fn next(&mut self, now: Timestamp) -> Next {
        if let Some(until) = self.closed_until.filter(|until| now < *until) {
            return Next::Wait(Some(until));
        }
        let mut wake: Option<Timestamp> = None;
        let mut sooner = |at: Option<Timestamp>| wake = [wake, at].into_iter().flatten().min();
        let mut ready: Vec<(Step, Arc<str>)> = Vec::new();
        for (id, thread) in &self.threads {
            let Some(step) = thread.step() else {
                sooner(thread.missing.filter(|_| !thread.over).map(|missing| missing + MISSING_FOR));
                continue;
            };
            match self.hold(thread, step, now) {
                None => ready.push((step, id.clone())),
                Some((_, until)) => sooner(until),
            }
        }
        if ready.is_empty() {
            return Next::Wait(wake);
        }
        // One that is never taken does not keep the others for ever.
        let is_stuck =
            |id: &Arc<str>| self.failures >= STUCK_AFTER && self.threads.get(id).is_some_and(|thread| thread.in_doubt);
        ready.sort_by_key(|(step, id)| (is_stuck(id), rank(*step), self.threads.get(id).map(weight), id.clone()));
        let left = self.bucket.left(now);
        if left == 0 {
            return Next::Wait(Some(self.bucket.ready_at(now)));
        }
        match self.choose(&ready, left, now) {
            Ok(parts) => Next::Send(self.delivery(&parts, now)),
            Err(until) => Next::Wait(Some(until)),
        }
    }

    /// Which of those that are ready go out in the next message: the first, or many in a digest; or when.
    fn choose(
        &self,
        ready: &[(Step, Arc<str>)],
        left: usize,
        now: Timestamp,
    ) -> Result<Vec<(Step, Arc<str>)>, Timestamp> {
        let first = || ready.first().cloned().into_iter().collect();
        let told: Vec<(Step, Arc<str>)> =
            ready.iter().filter(|(step, _)| matches!(step, Step::Open | Step::Resolve)).cloned().collect();
        if !self.manner.digests || told.len() <= left {
            return Ok(first());
        }
        let digest_at = self.last_digest.map(|last| last + DIGEST_EVERY).filter(|at| now < *at);
        match (left, digest_at) {
            (_, Some(at)) => Err(at),
            (1, None) => Ok(told),
            _ => Ok(first()),
        }
    }

    fn delivery(&mut self, chosen: &[(Step, Arc<str>)], now: Timestamp) -> Delivery {
        self.bucket.take(now);
        let is_digest = chosen.len() > 1;
        let mut parts = Vec::new();
        let mut id = String::new();
        for (step, key) in chosen {
            let Some(thread) = self.threads.get_mut(key) else { continue };
            if !thread.in_doubt {
                thread.revision += 1;
            }
            if id.is_empty() {
                // An end is no repetition of a beginning that was perhaps taken.
                let suffix = match step {
                    Step::Open | Step::Update => String::new(),
                    Step::Acknowledge | Step::Resolve => format!(".{}", step.word()),
                };
                id = format!("{}{key}.{}{suffix}", if is_digest { "digest." } else { "" }, thread.revision);
            }
            let handle = thread.handle.clone().filter(|_| self.manner.edits && !is_digest);
            parts.push(Part { step: *step, notice: thread.notice.clone(), handle, flapping: thread.flapping });
            // Until it is known what came of it: a crash in between must not forget that it was perhaps told.
            thread.in_doubt = true;
            self.unwritten.insert(key.clone());
        }
        if is_digest {
            self.last_digest = Some(now);
        }
        Delivery { id, parts }
    }

    /// Takes what came of a message.
    pub fn settle(&mut self, delivery: &Delivery, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Taken(_) | Outcome::Refused => {
                (self.failures, self.closed_until) = (0, None);
                let handle = match outcome {
                    Outcome::Taken(handle) => handle.as_ref().filter(|_| delivery.parts.len() == 1),
                    _ => None,
                };
                for part in &delivery.parts {
                    self.told(part, handle, now);
                }
            }
            Outcome::HandleGone => {
                self.change(delivery, |thread| thread.handle = None);
            }
            Outcome::Later { after } => {
                self.failures = self.failures.saturating_add(1);
                let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures.saturating_sub(1).min(10)));
                self.closed_until =
                    Some(now + after.unwrap_or_default().min(LONGEST_ASKED).max(pause.min(LONGEST_PAUSE)));
                self.change(delivery, |thread| thread.in_doubt = true);
            }
        }
    }

    fn change(&mut self, delivery: &Delivery, change: impl Fn(&mut Thread)) {
        for part in &delivery.parts {
            if let Some(thread) = self.threads.get_mut(&part.notice.id) {
                change(thread);
                self.unwritten.insert(part.notice.id.clone());
            }
        }
    }

    fn told(&mut self, part: &Part, handle: Option<&String>, now: Timestamp) {
        let Some(thread) = self.threads.get_mut(&part.notice.id) else { return };
        thread.said = Some(Said::from(&*part.notice));
        thread.messages = thread.messages.saturating_add(1);
        thread.last = Some(now);
        thread.in_doubt = false;
        thread.handle = handle.cloned().or_else(|| thread.handle.take());
        thread.over = part.step == Step::Resolve;
        self.unwritten.insert(thread.notice.id.clone());
    }

    /// What has to be written to the journal since the last time.
    pub fn unwritten(&mut self) -> Vec<Thread> {
        let ids = std::mem::take(&mut self.unwritten);
        ids.iter().filter_map(|id| self.threads.get(id).cloned()).collect()
    }
}

impl Thread {
    /// Nothing was told, and nothing has to be.
    const fn is_untold(&self) -> bool {
        self.said.is_none() && !self.in_doubt
    }
}

/// What begins goes first, then what is over, then what changed.
const fn rank(step: Step) -> u8 {
    match step {
        Step::Open => 0,
        Step::Resolve => 1,
        Step::Acknowledge => 2,
        Step::Update => 3,
    }
}

/// The worst and largest first.
fn weight(thread: &Thread) -> impl Ord + use<> {
    (std::cmp::Reverse(thread.notice.severity), std::cmp::Reverse(thread.notice.lost))
}
