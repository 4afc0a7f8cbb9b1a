//! The task that judges one OLT: it owns what is held of its ONUs.
//!
//! ```text
//!   PollTask ──Event──(4, waits)──► judge task ──OltReport (watch, newest)──► Board
//!   clock ──tick──────────────────►    │
//!                                      ├──OltWishes (newest per OLT)──► Pusher
//!                                      ├──Word (what was seen)──► incident task ──Explanations (watch)──► judge task
//!                                      └──Hint (levels, or a loss that a trap led to, that need a second look)──► PollTask
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};

use super::board::{OltReport, Standing};
use super::feed::{Feed, What};
use super::incidents::Word;
use super::maintenance::Calendar;
use super::memory::Notebook;
use crate::config::maintenance::under_way;
use crate::incident::{Explanations, Look, News, explained, look_of_recalled, news_of, news_of_recalled};
use crate::model::{OltId, OnuId, OnuKey, Sweep, SweepKind, Timestamp, Truth, Verdict};
use crate::ozmap::{Looks, OltWishes, OnuIdentity, Pusher, Wish};
use crate::poll::{Event, Hint, Hints, View};
use crate::record::{Recorder, Rules};
use crate::signal::{Explained, Judge, LookAgain, Side, Transition};

pub(super) struct JudgeTask {
    pub(super) olt: OltId,
    /// By what is judged; they may change while it runs.
    pub(super) rules: watch::Receiver<Arc<Rules>>,
    pub(super) pusher: Option<Pusher>,
    pub(super) report: watch::Sender<Arc<OltReport>>,
    /// Back to the task that polls.
    pub(super) hints: Hints,
    /// Notes what is judged, as it is judged.
    pub(super) recorder: Option<Recorder>,
    /// When somebody works on the network.
    pub(super) calendar: Calendar,
    pub(super) judge: Option<Judge>,
    /// What outlives the process.
    pub(super) notebook: Option<Notebook>,
    /// To the task that owns incidents, and what it says of this OLT's losses.
    pub(super) words: mpsc::Sender<Word>,
    pub(super) explained: watch::Receiver<Arc<Explanations>>,
    /// To all who follow.
    pub(super) feed: Feed,
    /// What is still to be told there.
    pub(super) unsaid: Vec<Word>,
    /// How often states and optics are probably read, until a sweep says.
    pub(super) intervals: (Duration, Duration),
    /// Whether the OLT was looked at since the start. Before, there is nothing to write.
    pub(super) heard: bool,
    /// How often the OLT was read whole. Before a complete state sweep, nothing is written.
    pub(super) looks: Looks,
    /// When the newest round of optics began.
    pub(super) newest_round: Option<Timestamp>,
}

impl JudgeTask {
    /// Judges until its poll task has ended.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        self.recall().await;
        self.say().await;
        let mut tick = tokio::time::interval(Judge::TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                _ = tick.tick() => self.tick(),
                // The daemon, which holds the other end, outlives its tasks.
                Ok(()) = self.rules.changed() => self.judge_by_other_rules(),
                Ok(()) = self.explained.changed() => self.take_explanations(),
            }
            self.say().await;
        }
    }

    /// What incidents say of losses is other than before.
    fn take_explanations(&mut self) {
        let now = Timestamp::from(SystemTime::now());
        let Some(judge) = &mut self.judge else { return };
        let told = judge.explain(&explained(&self.explained.borrow_and_update()), now);
        let mut report = OltReport::clone(&self.report.borrow());
        if let Some(notebook) = &self.notebook {
            notebook.keep(judge, now, &report.view);
        }
        self.tell(&told);
        self.publish(&mut report);
    }

    /// Goes on with other rules: truths and dwells stay.
    fn judge_by_other_rules(&mut self) {
        let Rules { thresholds, status } = Rules::clone(&self.rules.borrow_and_update());
        let now = Timestamp::from(SystemTime::now());
        let Some(judge) = &mut self.judge else { return };
        let mut told = match judge.set_thresholds(thresholds, now) {
            Ok(told) => told,
            // They were checked before they were given to anybody.
            Err(error) => return tracing::error!(olt = %self.olt, %error, "other thresholds are refused"),
        };
        told.append(&mut judge.set_status(status, now));
        let mut report = OltReport::clone(&self.report.borrow());
        if let Some(notebook) = &self.notebook {
            notebook.keep(judge, now, &report.view);
        }
        self.tell(&told);
        self.publish(&mut report);
    }

    /// Holds what was held before a restart, until it is read again.
    async fn recall(&mut self) {
        let Some(notebook) = &mut self.notebook else { return };
        let remembered = notebook.remembered().await;
        if remembered.onus.is_empty() && remembered.memory.octets.is_empty() {
            return;
        }
        let read_at = remembered.memory.read_at;
        let now = Timestamp::from(SystemTime::now());
        let (state, optics) = self.intervals;
        let Rules { thresholds, status: status_map } = Rules::clone(&self.rules.borrow_and_update());
        let mut judge = Judge::of_polled(self.olt.clone(), thresholds, status_map, state, optics, now).remembering();
        let mut report = OltReport::clone(&self.report.borrow());
        report.view = Arc::new(notebook.recall(&mut judge, remembered, now));
        // What incidents said of its losses before, they say again.
        judge.explain(&explained(&self.explained.borrow_and_update()), now);
        let olt = self.olt.clone();
        self.unsaid.extend(news_of_recalled(&judge).into_iter().map(|news| Word::News(olt.clone(), news, now)));
        self.unsaid.extend(read_at.map(|read_at| Word::Before(look_of_recalled(&judge, read_at))));
        self.judge = Some(judge);
        self.publish(&mut report);
    }

    fn news(&self, news: News, at: Timestamp) -> Word {
        Word::News(self.olt.clone(), news, at)
    }

    /// Tells incidents what waits to be told.
    async fn say(&mut self) {
        for word in self.unsaid.drain(..) {
            // Nobody listens any more when everything ends.
            let _ = self.words.send(word).await;
        }
    }

    fn tick(&mut self) {
        let now = Timestamp::from(SystemTime::now());
        let mut told = self.maintain(now);
        let Some(judge) = &mut self.judge else { return };
        told.append(&mut judge.tick(now));
        if !told.is_empty() {
            let mut report = OltReport::clone(&self.report.borrow());
            if let Some(notebook) = &self.notebook {
                notebook.keep(judge, now, &report.view);
            }
            self.tell(&told);
            self.publish(&mut report);
        }
    }

    fn take(&mut self, event: Event) {
        // An incident of before the start may say that it does not answer.
        let is_first = !std::mem::replace(&mut self.heard, true);
        let mut report = OltReport::clone(&self.report.borrow());
        match event {
            Event::Swept { sweep, view, status } => {
                let intervals = status.intervals;
                if let Some(recorder) = &self.recorder {
                    recorder.sweep(&sweep, intervals);
                }
                let is_new = self.judge.is_none();
                let judge = self.judge.get_or_insert_with(|| {
                    let Rules { thresholds, status: status_map } = Rules::clone(&self.rules.borrow_and_update());
                    let (state, optics) = (intervals.state, intervals.optics);
                    let judge =
                        Judge::of_polled(self.olt.clone(), thresholds, status_map, state, optics, sweep.started);
                    if self.notebook.is_some() { judge.remembering() } else { judge }
                });
                judge.set_intervals(intervals.state, intervals.optics);
                if is_new {
                    judge.explain(&explained(&self.explained.borrow_and_update()), sweep.started);
                }
                if report.failures > 0 || is_first {
                    self.unsaid.push(self.news(News::Answering, sweep.started));
                }
                if report.failures > 0 || is_first || self.intervals.0 != intervals.state {
                    self.unsaid.push(self.news(News::ReadEvery(intervals.state), sweep.started));
                }
                self.intervals = (intervals.state, intervals.optics);
                self.unsaid.push(Word::Look(Look::of(&sweep)));
                let mut told = self.maintain(sweep.started + sweep.elapsed);
                let Some(judge) = &mut self.judge else { return };
                told.append(&mut judge.observe(&sweep));
                let look_again = judge.look_again();
                if let Some(notebook) = &mut self.notebook {
                    notebook.swept(judge, &sweep, &view);
                }
                if sweep.kind == SweepKind::State && self.hints.confirm(judge.has_unconfirmed_losses()) {
                    self.note_hint(Hint::State);
                }
                self.count_looks(&sweep, &view);
                self.tell(&told);
                if let Some(look_again) = look_again {
                    tracing::info!(
                        olt = %self.olt, ?look_again, "levels moved together: they are read again before they are judged"
                    );
                    let hint = match look_again {
                        LookAgain::Everywhere => Hint::Levels,
                        LookAgain::Pons(pons) => Hint::Pons(pons),
                    };
                    self.note_hint(hint.clone());
                    self.hints.give(hint);
                }
                tracing::debug!(
                    olt = %self.olt, sweep = %sweep.kind, onus = sweep.onus.len(), pdus = sweep.pdus,
                    elapsed_ms = u64::try_from(sweep.elapsed.as_millis()).unwrap_or(u64::MAX),
                    complete = sweep.completeness.is_complete(), "sweep"
                );
                if report.failures > 0 {
                    tracing::info!(olt = %self.olt, "answers again");
                }
                report.last_answer = Some(sweep.started + sweep.elapsed);
                report.error = None;
                report.failures = 0;
                report.again_in = None;
                report.view = view;
                report.status = Some(status);
            }
            Event::Failed { at, error, times, again_in, status } => {
                if let Some(recorder) = &self.recorder {
                    recorder.no_answer(&self.olt, at);
                }
                if times == 1 {
                    tracing::warn!(olt = %self.olt, %error, "cannot be polled: its ONUs are stale, nothing is written for them");
                } else {
                    tracing::debug!(olt = %self.olt, %error, times, "still cannot be polled");
                }
                if let Some(judge) = &mut self.judge {
                    let told = judge.no_answer(at);
                    if let Some(notebook) = &self.notebook {
                        notebook.keep(judge, at, &report.view);
                    }
                    self.tell(&told);
                } else if times == 1 {
                    self.unsaid.push(self.news(News::Unreachable, at));
                }
                report.error = Some(error.to_string());
                report.failures = times;
                report.again_in = Some(again_in);
                report.status = Some(status);
            }
        }
        self.publish(&mut report);
    }

    /// Tells the judge what maintenance is under way, when that has changed.
    fn maintain(&mut self, now: Timestamp) -> Vec<Transition> {
        let Some(judge) = &mut self.judge else { return Vec::new() };
        let under_way = under_way(self.calendar.borrow().iter(), self.olt.as_str(), now);
        if under_way == judge.maintenance() {
            return Vec::new();
        }
        if let Some(recorder) = &self.recorder {
            recorder.maintenance(&self.olt, now, under_way.clone());
        }
        for one in &under_way {
            let pon = one.pon.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string);
            tracing::info!(olt = %self.olt, pon, until = %one.until, reason = one.reason, "maintenance: verdicts hold");
        }
        if under_way.is_empty() {
            tracing::info!(olt = %self.olt, "no maintenance any more: everything is read anew");
        }
        judge.set_maintenance(under_way, now)
    }

    fn note_hint(&self, hint: Hint) {
        if let Some(recorder) = &self.recorder {
            recorder.hint(&self.olt, Timestamp::from(SystemTime::now()), hint);
        }
    }

    fn count_looks(&mut self, sweep: &Sweep, view: &View) {
        if sweep.kind == SweepKind::State && sweep.completeness.is_complete() && sweep.scope.is_whole() {
            self.looks.state += 1;
        }
        let round = view.last(SweepKind::Optics).filter(|round| round.completeness.is_complete());
        if let Some(round) = round
            && self.newest_round.replace(round.started) != Some(round.started)
        {
            self.looks.optics += 1;
        }
    }

    /// One line a sweep, and one an ONU only for those who debug.
    fn tell(&mut self, told: &[Transition]) {
        if let Some(judge) = &self.judge {
            let news = news_of(told, judge).into_iter();
            self.unsaid.extend(news.map(|(news, at)| Word::News(self.olt.clone(), news, at)));
        }
        for transition in told {
            let onu = transition.onu.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::debug!(olt = %self.olt, onu, what = ?transition.what, reason = %transition.reason, "transition");
        }
        if !told.is_empty() {
            self.feed.tell(told.iter().cloned().map(Arc::new).map(What::Transition));
            tracing::info!(olt = %self.olt, transitions = told.len(), "something changed");
        }
    }

    fn publish(&self, report: &mut OltReport) {
        if let Some(judge) = &self.judge {
            report.maintenance = judge.maintenance().to_vec();
            report.suspect = judge.suspect().map(|reason| reason.to_string());
            let standing = |(key, held): (&crate::model::OnuKey, &crate::signal::Held)| Standing {
                key: key.clone(),
                truth: held.truth(),
                since: held.since(),
                level: held.level(),
                olt_level: held.olt_level(),
                usual_rx: judge.usual(held, Side::Onu),
                lost: held.lost(Side::Onu),
                declines: held.declines(Side::Onu),
                flaps: held.is_flapping(),
                verdict: held.verdict(),
                reason: held.reason(),
            };
            report.standings = Arc::new(judge.held().map(standing).collect());
            if let Some(pusher) = self.pusher.as_ref().filter(|_| self.heard) {
                pusher.submit(wishes(report, self.looks, &self.explained.borrow()));
            }
        }
        self.report.send_replace(Arc::new(report.clone()));
    }
}

/// What the clients of an OLT's ONUs should show.
fn wishes(report: &OltReport, looks: Looks, explained: &Explanations) -> OltWishes {
    let cut_of = |key: &OnuKey| {
        let place = explained.binary_search_by(|(other, ..)| other.cmp(key)).ok()?;
        explained.get(place).filter(|(_, what, _)| *what == Explained::Cut).map(|(.., id)| id.clone())
    };
    let wish = |standing: &Standing| Wish {
        identity: identity(&report.olt, &report.view, standing),
        verdict: standing.verdict,
        // What is up is red for its level.
        evidence: if standing.truth == Truth::Up { SweepKind::Optics } else { SweepKind::State },
        reason: if standing.verdict == Verdict::Hold { Arc::from("") } else { standing.reason.to_string().into() },
        rx: report.view.onu(&standing.key).and_then(|reading| reading.rx.ok()),
        incident: cut_of(&standing.key),
    };
    OltWishes {
        olt: report.olt.clone(),
        complete: looks.state > 0,
        looks,
        wishes: report.standings.iter().map(wish).collect(),
    }
}

fn identity(olt: &OltId, view: &View, standing: &Standing) -> OnuIdentity {
    let reading = view.onu(&standing.key);
    OnuIdentity {
        onu: OnuId { olt: olt.clone(), key: standing.key.clone() },
        serial: reading.and_then(|reading| reading.serial.clone().ok()),
        mac: reading.and_then(|reading| reading.mac.ok()),
        name: reading.and_then(|reading| reading.name.clone().ok()),
        pon: reading.and_then(|reading| reading.pon),
        number: reading.and_then(|reading| reading.onu),
    }
}
