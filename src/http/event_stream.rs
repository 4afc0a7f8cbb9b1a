//! The body of `/api/v1/events`, and the task that fills it.
//!
//! ```text
//!  Feed ──newest (watch)──► follower task ──text (1, waits)──► body ──► connection ──► client
//! ```
//!
//! The task reads on only when the client has taken what came before, so a slow client costs one text. One that takes nothing at
//! all is sent away by its connection; one that is too slow for the log is told that it missed something.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::api_event;
use crate::daemon::{Board, Topic};

/// Events of one text.
const AT_ONCE: usize = 256;
/// After so many milliseconds a client that was cut off should come again.
const RETRY: u32 = 3000;

/// Says of a connection that its answer goes on for as long as the client likes.
#[derive(Debug, Clone, Default)]
pub(super) struct Lasting(Arc<AtomicBool>);

impl Lasting {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client wants to hear.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) topics: Vec<Topic>,
    pub(super) olt: Option<String>,
    /// The last event that it has; `None` for only what comes.
    pub(super) after: Option<u64>,
}

/// Text that comes while it happens.
pub(super) struct EventBody(mpsc::Receiver<Bytes>);

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.get_mut().0.poll_recv(cx).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

/// Begins to follow. The place is kept until the client is gone.
pub(super) fn follow(
    board: Board,
    wanted: Wanted,
    heartbeat: Duration,
    place: OwnedSemaphorePermit,
    shutdown: watch::Receiver<bool>,
) -> EventBody {
    let (texts, body) = mpsc::channel(1);
    let follower = Follower { board, wanted, heartbeat, shutdown, texts };
    tokio::spawn(async move {
        follower.run().await;
        drop(place);
    });
    EventBody(body)
}

struct Follower {
    board: Board,
    wanted: Wanted,
    heartbeat: Duration,
    shutdown: watch::Receiver<bool>,
    texts: mpsc::Sender<Bytes>,
}

impl Follower {
    /// Until the client is gone, or everything ends.
    async fn run(mut self) {
        let feed = self.board.feed().clone();
        let mut newest = feed.subscribe();
        let mut at = self.wanted.after.unwrap_or_else(|| feed.newest());
        // An id without data is no event, and sets where the client goes on from.
        let (mut missed, mut text) = (None, format!("retry: {RETRY}\nid: {at}\n\n"));
        // Counted from what was sent: events that this client does not want keep no connection alive.
        let mut due = tokio::time::Instant::now() + self.heartbeat;
        loop {
            newest.mark_unchanged();
            let page = feed.read(&self.wanted.topics, at, AT_ONCE);
            if page.missed > missed {
                missed = page.missed;
                text.push_str("event: missed\ndata: {}\n\n");
            }
            for event in &page.events {
                at = event.id;
                if self.wanted.olt.as_ref().is_none_or(|olt| api_event::concerns(&event.what, olt)) {
                    match api_event::line(&event.what, &self.board) {
                        Ok(line) => {
                            let topic = event.what.topic().word();
                            // Writing to a text does not fail.
                            let _ = write!(text, "id: {}\nevent: {topic}\ndata: {line}\n\n", event.id);
                        }
                        Err(error) => tracing::error!(%error, "an event could not be written as JSON"),
                    }
                }
            }
            let is_all = page.events.len() < AT_ONCE;
            if !text.is_empty() {
                if !self.send(std::mem::take(&mut text)).await {
                    return;
                }
                due = tokio::time::Instant::now() + self.heartbeat;
            }
            if is_all {
                tokio::select! {
                    // The board holds the log, so it is never gone.
                    _ = newest.changed() => {}
                    () = tokio::time::sleep_until(due) => text.push_str(": still here\n\n"),
                    () = self.texts.closed() => return,
                    _ = self.shutdown.wait_for(|stop| *stop) => return,
                }
            }
        }
    }

    /// False when there is nobody to send to any more.
    async fn send(&mut self, text: String) -> bool {
        tokio::select! {
            sent = self.texts.send(Bytes::from(text)) => sent.is_ok(),
            _ = self.shutdown.wait_for(|stop| *stop) => false,
        }
    }
}
