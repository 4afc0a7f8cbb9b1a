//! Follows a pusher to its end: tells what goes wrong meanwhile, and stops it when somebody asks to.

use tokio::sync::watch;

use crate::cli::out;
use crate::cli::stop::stopped;
use crate::ozmap::{PushSnapshot, Pusher};

/// Waits until `is_over`, or until somebody interrupts; then stops the pusher.
pub(super) async fn follow(
    pusher: &Pusher,
    stop: &mut watch::Receiver<bool>,
    is_over: impl Fn(&PushSnapshot) -> bool,
) -> std::sync::Arc<PushSnapshot> {
    let mut snapshots = pusher.subscribe();
    let mut told = (None, None);
    loop {
        let now = snapshots.borrow_and_update().clone();
        if now.last_error != told.0 {
            if let Some(error) = &now.last_error {
                out::note(&format!("warning: {}", error.message));
            }
            told.0.clone_from(&now.last_error);
        }
        if now.journal.failing != told.1 {
            if let Some(why) = &now.journal.failing {
                out::note(&format!(
                    "warning: the journal cannot be written, and so nothing is written to OZmap: {why}"
                ));
            }
            told.1.clone_from(&now.journal.failing);
        }
        if is_over(&now) {
            break;
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() {
                break;
            },
            () = stopped(stop) => {
                out::note("stopped: the write in hand is finished");
                break;
            }
        }
    }
    pusher.stop().await;
    pusher.snapshot()
}
