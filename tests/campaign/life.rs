//! One life of the pusher, from a start to a kill or an orderly end, in a runtime of its own that a kill takes away.

use std::path::Path;
use std::time::{Duration, Instant};

use oltwatch::config::Ozmap;
use oltwatch::ozmap::{Client, Pusher, Timing};
use oltwatch::store::{Keep, Store, StoreError};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Waits are short, so that histories are.
const TIMING: Timing = Timing {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(5),
    write: Duration::from_secs(5),
    backoff_first: Duration::from_millis(1),
    backoff_most: Duration::from_millis(10),
    tries: 4,
};

/// A process that pushes, as far as its work can tell.
pub struct Life {
    runtime: Background,
    store: Store,
    pub pusher: Pusher,
    _shutdown: watch::Sender<bool>,
    pub began: Instant,
    /// Requests that OZmap had seen before.
    pub requests_before: u64,
}

/// A runtime that is left behind at its end: waiting for it would block whoever drops it.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Life {
    /// Starts one on a database.
    pub async fn start(config: &Ozmap, database: &Path, requests_before: u64) -> Self {
        let store = loop {
            // The thread of one that was killed lets go of the file a moment later.
            match Store::open(database, Keep::default()) {
                Ok(store) => break store,
                Err(StoreError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => panic!("{error}"),
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let began = Instant::now();
        let (shutdown, receiver) = watch::channel(false);
        let pusher = {
            let _inside = runtime.enter();
            let client = Client::with_timing(config, TIMING).unwrap();
            Pusher::spawn_kept(&client, config, Some((store.journal(), store.shelf())), receiver)
        };
        Self { runtime: Background(Some(runtime)), store, pusher, _shutdown: shutdown, began, requests_before }
    }

    /// Whether a directory of this OZmap is kept for the next life.
    pub fn keeps(&self) -> bool {
        let whose = self.pusher.snapshot().host.clone();
        self.store.shelf().kept(&whose).unwrap().is_some()
    }

    /// Everything stops where it stands: requests on their way may arrive or not, and nobody hears the answers.
    pub fn kill(self) {
        drop(self.runtime);
    }

    /// An orderly end.
    pub async fn end(self) {
        self.pusher.stop().await;
        let store = self.store;
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    }
}
