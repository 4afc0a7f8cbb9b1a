//! Supervision of the receiver.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Receiver, Sender, Statuses};

/// How long a receiver that ended by mistake is left before it is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// Receives until shutdown. One that ends by mistake is started again, at the same socket.
pub async fn keep(receiver: Receiver, senders: Vec<Sender>, statuses: Statuses, mut shutdown: watch::Receiver<bool>) {
    let (receiver, senders) = (Arc::new(receiver), Arc::new(senders));
    loop {
        let (receiver, senders) = (Arc::clone(&receiver), Arc::clone(&senders));
        let (statuses, stopped) = (statuses.clone(), shutdown.clone());
        let task = tokio::spawn(async move { receiver.run(&senders, &statuses, stopped).await });
        let ended = task.await;
        if *shutdown.borrow() || shutdown.has_changed().is_err() {
            return;
        }
        let why = ended.err().map_or_else(|| "ended".to_owned(), |error| error.to_string());
        tracing::error!(why, "the receiver of traps ended by itself and is started again");
        // An error means that nobody can ask for a shutdown any more.
        if tokio::time::timeout(RESTART_PAUSE, shutdown.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}
