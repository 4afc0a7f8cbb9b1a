//! The task that keeps marks, one request after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::plan::{Book, Step};
use super::{MarkTiming, WantedMark};
use crate::config::MarkRule;
use crate::ozmap::error::{OzmapError, Remedy};
use crate::ozmap::http::Client;
use crate::ozmap::limit::StopSignal;

/// After the token was refused, or when an operator has to change something.
const LONG_REST: Duration = Duration::from_secs(600);

/// A handle on the task.
#[derive(Debug)]
pub struct Marks {
    task: JoinHandle<()>,
}

impl Marks {
    /// Starts it. It ends, after the request in hand, when `shutdown` becomes true or its sender is gone.
    #[must_use]
    pub fn spawn(
        client: &Client,
        rule: MarkRule,
        timing: MarkTiming,
        wanted: watch::Receiver<Arc<Vec<WantedMark>>>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let stop = StopSignal(vec![shutdown]);
        let task = Task {
            client: client.until(stop.clone()),
            rule,
            timing,
            wanted,
            stop,
            start: Instant::now(),
            book: Book::default(),
            failures: 0,
        };
        Self { task: tokio::spawn(task.run()) }
    }

    /// Comes back when it has ended.
    pub async fn ended(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that keeps marks ended in an unexpected way");
        }
    }

    /// Ends it at once, wherever it is, as a kill would.
    pub async fn kill(self) {
        self.task.abort();
        // Cancelled, as was asked for.
        let _ = self.task.await;
    }
}

struct Task {
    client: Client,
    rule: MarkRule,
    timing: MarkTiming,
    wanted: watch::Receiver<Arc<Vec<WantedMark>>>,
    stop: StopSignal,
    start: Instant,
    book: Book,
    failures: u32,
}

impl Task {
    async fn run(mut self) {
        while !self.stop.given() {
            let wanted = self.wanted.borrow_and_update().clone();
            let rest = match self.book.next(&wanted, self.start.elapsed(), &self.timing) {
                Ok(step) => match self.perform(&step).await {
                    Ok(()) => {
                        self.failures = 0;
                        continue;
                    }
                    Err(error) => Some(self.start.elapsed() + self.failed(&step, &error)),
                },
                Err(until) => until,
            };
            let wake = async {
                match rest {
                    Some(until) => tokio::time::sleep_until(self.start + until).await,
                    None => std::future::pending().await,
                }
            };
            let is_resting = self.failures > 0;
            tokio::select! {
                () = wake => {}
                () = self.stop.wait() => {}
                // A host that is left alone is left alone.
                changed = self.wanted.changed(), if !is_resting => if changed.is_err() { return },
            }
        }
    }

    async fn perform(&mut self, step: &Step) -> Result<(), OzmapError> {
        match step {
            Step::List => {
                let marks = self.client.open_marks().await?;
                self.book.listed(marks);
            }
            Step::Make(wanted) => {
                if self.client.has_mark(&wanted.incident).await? {
                    tracing::info!(incident = %wanted.incident, "somebody has solved its mark in OZmap: no other is made");
                    self.book.refuse(&wanted.incident);
                    return Ok(());
                }
                self.client.make_mark(&self.rule, wanted).await?;
                tracing::info!(incident = %wanted.incident, "marked in OZmap");
                if !self.book.made(&wanted.incident) {
                    tracing::error!(incident = %wanted.incident, "OZmap does not show the mark that was made: no more are made of it");
                }
            }
            Step::Describe(id, incident, text) => {
                self.client.describe_mark(*id, text).await?;
                self.book.described(incident, text.clone(), self.start.elapsed());
            }
            Step::Solve(id) => {
                self.client.solve_mark(*id).await?;
                tracing::info!(mark = %id, "a mark in OZmap is solved");
                self.book.gone(*id);
            }
        }
        Ok(())
    }

    /// How long it is left alone.
    fn failed(&mut self, step: &Step, error: &OzmapError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let remedy = error.remedy();
        match (step, remedy) {
            (_, Remedy::Stop) => {}
            (Step::Make(wanted), Remedy::SkipItem) => {
                tracing::warn!(incident = %wanted.incident, %error, "OZmap refuses a mark: it is left out");
                self.book.refuse(&wanted.incident);
                return Duration::ZERO;
            }
            // A person has deleted it.
            (Step::Describe(id, ..) | Step::Solve(id), Remedy::SkipItem) => {
                tracing::info!(mark = %id, %error, "a mark in OZmap cannot be changed: it is let go");
                self.book.gone(*id);
                return Duration::ZERO;
            }
            _ => {
                tracing::warn!(%error, failures = self.failures, "marks in OZmap wait");
                // It may have been carried out all the same.
                self.book.forget();
            }
        }
        let timing = self.client.timing();
        match remedy {
            Remedy::RetryAfter(wait) => wait,
            Remedy::StopWriting | Remedy::FixSetup => LONG_REST,
            _ => timing.ceiling(self.failures),
        }
    }
}
