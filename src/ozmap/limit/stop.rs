//! The end of waiting.

use std::time::Duration;

use tokio::sync::watch;

/// The end of waiting: set from outside, or because its sender is gone.
#[derive(Debug, Clone)]
pub(in crate::ozmap) struct StopSignal(pub(in crate::ozmap) Vec<watch::Receiver<bool>>);

impl StopSignal {
    /// Never.
    pub(in crate::ozmap) const fn never() -> Self {
        Self(Vec::new())
    }

    /// Whether it was given.
    pub(in crate::ozmap) fn given(&self) -> bool {
        self.0.iter().any(|receiver| *receiver.borrow() || receiver.has_changed().is_err())
    }

    /// Comes back when it is given.
    pub(in crate::ozmap) async fn wait(&self) {
        let mut receivers = self.0.clone();
        match receivers.as_mut_slice() {
            [] => std::future::pending().await,
            [only] => {
                let _ = only.wait_for(|stop| *stop).await;
            }
            [first, second, ..] => tokio::select! {
                _ = first.wait_for(|stop| *stop) => {}
                _ = second.wait_for(|stop| *stop) => {}
            },
        }
    }

    /// Sleeps; `false` when the stop came first.
    pub(in crate::ozmap) async fn sleep(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.wait() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}
