//! The pusher: the one task that owns the directory and what clients should show.
//!
//! ```text
//!  daemon ──submit(OltWishes)──► mailbox ──────┐   newest per OLT replaces the older one; never blocks
//!  daemon ──shutdown (watch)──────────────────┐│
//!                                             ▼▼
//!   reader task ──Directory (oneshot)──────► pusher ──PATCH, batch, read back──► OZmap
//!        ▲ └─────progress (watch)─────────────┘ │ │
//!        └──spawned every full_read, delta_read─┘ └──PushSnapshot (watch)──► http, cli
//!                                               │
//!                                               └──intents, endings (waits until they are on the disk)──► store
//! ```
//!
//! A plan passes the gates (`gates`) into the queue (`queue`). One write is in flight at a time, and one page of a read. A
//! write stands in the journal first (`ledger`), is tried once and goes back to the queue when it fails, so that by the next try a
//! newer verdict may have taken its place. What OZmap took is read back: a batch at once, single ones together when no more wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

mod planning;
mod reads;
pub(super) mod shelf;
mod show;
mod writes;

use reads::{Deltas, Reading};

use super::desired::{Change, OltWishes, Shown};
use super::directory::Directory;
use super::foreign::Recalled;
use super::gates::{Gates, Passed};
use super::http::Client;
use super::ids::{ClientId, ElementId, Status};
use super::ledger::Ledger;
use super::limit::StopSignal;
use super::push::IdList;
use super::pushed::{PushOutcome, Pushed, Watcher};
use super::pusher::{Letter, Mailbox, Orders};
use super::queue::{Item, Next, Operation, Queue};
use super::snapshot::{LastError, MatchView, PushSnapshot, Written};
use crate::config::{Ozmap, OzmapMode};
use crate::model::{OltId, Timestamp};
use crate::store::journal::Origin;
use crate::store::{Journal, Shelf};

/// Planning may take this part of the time: after one that took a second, the next one waits four.
const PLANNING_PAUSE: u32 = 4;

/// Failures of single items in a row before the host as a whole gets a rest.
const STREAK: u32 = 3;

/// Writes that are read back in one request: keeps its URL short enough for every proxy.
const READ_BACK_AT_ONCE: usize = 150;

/// What was known before a read of the directory, to find what others changed.
struct Before {
    directory: Option<Arc<Directory>>,
    written: Arc<Shown>,
    recalled: Recalled,
    /// Of these nobody knew what came of our own write.
    unsure: BTreeSet<ClientId>,
    /// Those that were read; `None` for everybody.
    only: Option<BTreeSet<ClientId>>,
}

/// Writing is stopped until a check of the token succeeds.
struct Halt {
    since: Timestamp,
    why: String,
    next_check: Duration,
    /// Whether a check of the token failed.
    checked: bool,
}

pub(super) struct Task {
    client: Client,
    config: Ozmap,
    stop: StopSignal,
    mailbox: Arc<Mailbox>,
    start: Instant,

    olts: BTreeMap<OltId, Arc<OltWishes>>,
    directory: Option<Arc<Directory>>,
    reading: Option<Reading>,
    next_read: Duration,
    read_failures: u32,
    deltas: Deltas,
    pub(super) shelving: shelf::Shelving,
    /// Who is told what became of each status.
    pub(super) watcher: Option<Watcher>,

    shown: Arc<Shown>,
    /// When each of `shown` was written, so that a read that began later takes over.
    shown_at: HashMap<Item, Duration>,
    queue: Queue,
    /// What is being written, and the journal.
    pub(super) ledger: Ledger,
    /// What an earlier process left open was read back, or it was tried.
    read_back_first: bool,
    not_read_back_before: Duration,
    read_back_failures: u32,
    gates: Gates,
    passed: Passed,
    /// Boxes whose names have to be read before it is known what may be written.
    unnamed: Vec<ElementId>,
    not_named_before: Duration,
    /// The last directory's statuses have not been compared with what was known before.
    before: Option<Before>,
    /// What others set is set again then.
    next_contest: Option<Duration>,
    /// It only puts back what was written: nothing is read but what it writes, and nothing is planned.
    puts_back: bool,
    dirty: bool,
    next_plan: Duration,
    announced: HashMap<ClientId, Status>,

    /// Failures in a row, of whichever item.
    streak: u32,
    rest_until: Duration,
    halt: Option<Halt>,
    /// Refusals of the token without a write that succeeded between them.
    denials: u32,

    matching: MatchView,
    written: Written,
    last_error: Option<LastError>,
    #[cfg(test)]
    pub(super) steps: Option<Arc<tests::crashes::Steps>>,
}

/// What the loop does next.
enum Step {
    Check,
    Recall,
    Write(Operation),
    ReadBack(IdList),
    NameBoxes,
    Acknowledge,
    Wait(Option<Duration>),
}

fn now_utc() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

impl Task {
    pub(super) fn new(client: &Client, config: &Ozmap, stop: StopSignal, mailbox: Arc<Mailbox>) -> Self {
        Self {
            client: client.until(stop.clone()),
            queue: Queue::new(config.batch_above, config.batch_size),
            ledger: Ledger::new(None, Origin::Push),
            read_back_first: false,
            not_read_back_before: Duration::ZERO,
            read_back_failures: 0,
            gates: Gates::new(config),
            passed: Passed::default(),
            unnamed: Vec::new(),
            not_named_before: Duration::ZERO,
            before: None,
            next_contest: None,
            puts_back: false,
            config: config.clone(),
            stop,
            mailbox,
            start: Instant::now(),
            olts: BTreeMap::new(),
            directory: None,
            reading: None,
            next_read: Duration::ZERO,
            read_failures: 0,
            deltas: Deltas::new(config.delta_read),
            shelving: shelf::Shelving::default(),
            watcher: None,
            shown: Arc::default(),
            shown_at: HashMap::new(),
            dirty: false,
            next_plan: Duration::ZERO,
            announced: HashMap::new(),
            streak: 0,
            rest_until: Duration::ZERO,
            halt: None,
            denials: 0,
            matching: MatchView::default(),
            written: Written::default(),
            last_error: None,
            #[cfg(test)]
            steps: None,
        }
    }

    /// Keeps its journal, and the directory on its shelf.
    pub(super) fn go_on(&mut self, client: &Client, store: Option<(Journal, Shelf)>) {
        let (journal, shelf) = store.unzip();
        self.ledger = Ledger::new(journal, Origin::Push).going_on();
        if let Some(shelf) = shelf {
            self.shelving = shelf::Shelving::begin(shelf, client.host().to_owned());
        }
    }

    /// Tells who watches what became of a change.
    fn say(&self, outcome: PushOutcome, change: &Change) {
        if let Some(watcher) = &self.watcher {
            watcher(Pushed { at: now_utc(), outcome, change: change.clone() });
        }
    }

    /// Nothing but this is written.
    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        self.puts_back = true;
        self.queue.replace(changes, Vec::new());
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) async fn run(mut self, publish: watch::Sender<Arc<PushSnapshot>>) {
        let mode = mode_word(self.config.mode);
        tracing::info!(host = self.client.host(), mode, "pushing to OZmap begins");
        if !self.ledger.view().kept && self.config.mode == OzmapMode::Write {
            tracing::warn!(
                "without [store] there is no journal: what is written cannot be put back, and after a crash it is not known"
            );
        }
        while !self.stop.given() {
            self.take_letters();
            self.take_orders();
            self.take_kept();
            self.take_read();
            self.begin_read_when_due();
            self.replan_when_due().await;
            publish.send_replace(Arc::new(self.snapshot()));
            match self.next_step() {
                Step::Check => self.check().await,
                Step::Recall => self.recall().await,
                Step::Write(operation) => self.perform(operation).await,
                Step::ReadBack(clients) => self.read_back(&clients).await,
                Step::NameBoxes => self.name_boxes().await,
                Step::Acknowledge => self.acknowledge().await,
                Step::Wait(until) => self.wait(until).await,
            }
        }
        self.reading = None;
        self.acknowledge().await;
        publish.send_replace(Arc::new(self.snapshot()));
        tracing::info!(pending = self.queue.changes().len(), "pushing to OZmap has stopped");
    }

    async fn wait(&mut self, until: Option<Duration>) {
        let wake = async {
            match until {
                Some(time) => tokio::time::sleep_until(self.start + time).await,
                None => std::future::pending().await,
            }
        };
        let read = async {
            match &mut self.reading {
                Some(reading) => tokio::select! {
                    result = &mut reading.result => reading.arrived = Some(result),
                    Ok(()) = reading.progress.changed() => {}
                },
                None => std::future::pending().await,
            }
        };
        let shelving = &mut self.shelving;
        let kept = async {
            match &mut shelving.kept {
                Some(kept) => {
                    // Without one, its sender just goes.
                    let arrived = kept.await.ok();
                    (shelving.kept, shelving.arrived) = (None, arrived);
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = kept => {}
            () = self.stop.wait() => {}
            () = self.mailbox.arrived.notified() => {}
            () = read => {}
            () = wake => {}
        }
    }

    fn take_letters(&mut self) {
        for (olt, letter) in self.mailbox.take() {
            match letter {
                Letter::Forget => self.dirty |= self.olts.remove(&olt).is_some(),
                Letter::Wishes(wishes) => {
                    // Another look may be what the brake waits for.
                    let awaited =
                        self.gates.boxes.awaits_looks() || self.passed.braked.iter().any(|braked| braked.olt == olt);
                    let old = self.olts.insert(olt, wishes.clone());
                    self.dirty |= old.is_none_or(|old| {
                        !same(&old, &wishes, self.config.write_power) || (awaited && old.looks != wishes.looks)
                    });
                }
            }
        }
    }

    fn take_orders(&mut self) {
        let Orders { approvals, boxes } = self.mailbox.take_orders();
        for olts in approvals {
            let clients = self.gates.brake.approve(|olt| olts.as_ref().is_none_or(|olts| olts.fits(olt.as_str())));
            let olts = olts.map_or_else(|| "all".to_owned(), |olts| olts.to_string());
            tracing::warn!(olts, clients, "a person lets through what the brake holds");
            self.dirty |= clients > 0;
        }
        if let Some(under_way) = boxes {
            for work in &under_way {
                tracing::info!(boxes = %work.boxes, until = %work.until, reason = work.reason, "maintenance of boxes: their clients are left as they are");
            }
            let looks = self.olts.iter().map(|(olt, wishes)| (olt.clone(), wishes.looks)).collect();
            self.gates.boxes.set(under_way, &looks);
            self.dirty = true;
        }
    }

    /// Whether what an earlier process left open was read back as far as is possible now. Later, a write of ours that is not
    /// seen yet waits for nobody: if it is refused again and again, the next read of the directory is what gives it another
    /// chance.
    fn begins_with_knowledge(&self) -> bool {
        self.has_read()
            || (self.ledger.is_recalled() && (self.read_back_first || self.ledger.unseen().is_empty()))
            || self.ledger.is_failing()
    }

    fn next_step(&self) -> Step {
        let now = self.now();
        let mut wake = Vec::new();
        if let Some(halt) = &self.halt {
            if now >= halt.next_check {
                return Step::Check;
            }
            wake.push(halt.next_check);
        } else {
            match self.next_of_writes(now, &mut wake) {
                Some(step) => return step,
                None if self.reading.is_none() && !self.puts_back && self.begins_with_knowledge() => {
                    wake.push(self.next_read);
                    wake.extend(self.next_delta());
                }
                None => {}
            }
        }
        if self.directory.is_some() {
            wake.extend(self.dirty.then_some(self.next_plan));
            wake.extend(self.next_contest.map(|at| at.max(self.next_plan)));
        }
        Step::Wait(wake.into_iter().min())
    }

    /// What writing needs next, if it may go on; else when to look again.
    fn next_of_writes(&self, now: Duration, wake: &mut Vec<Duration>) -> Option<Step> {
        // A closed gate is waited for here rather than in a request, whose status would grow old meanwhile.
        let rest = self.rest_until.max(now + self.client.closed_for());
        let journal = self.ledger.ready(now);
        let may_intend = self.ledger.may_intend(now);
        if let Err(until) = journal {
            wake.push(until);
        } else if !self.ledger.is_recalled() {
            return Some(Step::Recall);
        }
        let may_write = self.puts_back || (self.config.mode == OzmapMode::Write && self.has_read());
        if rest > now {
            wake.push(rest);
        } else {
            if !self.unnamed.is_empty() {
                if self.not_named_before <= now {
                    return Some(Step::NameBoxes);
                }
                wake.push(self.not_named_before);
            }
            let many = self.ledger.count_taken() >= READ_BACK_AT_ONCE;
            if may_write && may_intend.is_ok() && !many {
                match self.queue.next(now) {
                    // Powers come after everything else.
                    Next::Write(Operation::Power(_)) if self.ledger.count_taken() > 0 => {}
                    Next::Write(operation) => return Some(Step::Write(operation)),
                    Next::Wait(until) => wake.push(until),
                    Next::Idle => {}
                }
            }
            let waiting = self.queue.changes().iter().filter(|_| may_write);
            if let Some(clients) = self.ledger.to_read_back(waiting, READ_BACK_AT_ONCE) {
                if self.not_read_back_before <= now {
                    return Some(Step::ReadBack(clients));
                }
                wake.push(self.not_read_back_before);
            }
        }
        (journal.is_ok() && self.ledger.has_endings()).then_some(Step::Acknowledge)
    }
}

const fn mode_word(mode: OzmapMode) -> &'static str {
    match mode {
        OzmapMode::DryRun => "dry-run",
        OzmapMode::Write => "write",
    }
}

/// Whether two wishes of an OLT lead to the same plan.
fn same(old: &OltWishes, new: &OltWishes, with_power: bool) -> bool {
    old.complete == new.complete
        && old.wishes.len() == new.wishes.len()
        && old.wishes.iter().zip(&new.wishes).all(|(old, new)| {
            old.verdict == new.verdict
                && old.incident == new.incident
                && old.identity == new.identity
                && (!with_power || old.rx == new.rx)
        })
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
