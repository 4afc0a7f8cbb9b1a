//! Follows a pusher to its end, and stops it when somebody asks to. What goes wrong meanwhile, it logs itself.

use tokio::sync::watch;

use crate::cli::out;
use crate::cli::stop::stopped;
use crate::ozmap::{PushSnapshot, Pusher};

/// Failures in a row after which a command that somebody waits for gives up; a daemon never does.
const PATIENCE: u32 = 6;

/// Why there is no sense in waiting any longer, if there is none.
pub(super) fn hopeless(now: &PushSnapshot) -> Option<String> {
    if let Some(halted) = now.halted.as_ref().filter(|halted| halted.checked) {
        return Some(halted.why.clone());
    }
    if let Some(why) = &now.journal.failing {
        return Some(format!("the journal cannot be written, and so nothing is written to OZmap: {why}"));
    }
    let last = || now.last_error.as_ref().map_or_else(String::new, |error| format!(": {}", error.message));
    (now.failures >= PATIENCE).then(|| format!("OZmap failed {} times in a row{}", now.failures, last()))
}

/// Waits until `is_over`, until it is hopeless, or until somebody interrupts; then stops the pusher.
pub(super) async fn follow(
    pusher: &Pusher,
    stop: &mut watch::Receiver<bool>,
    is_over: impl Fn(&PushSnapshot) -> bool,
) -> std::sync::Arc<PushSnapshot> {
    let mut snapshots = pusher.subscribe();
    loop {
        let now = snapshots.borrow_and_update().clone();
        if is_over(&now) || hopeless(&now).is_some() {
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
