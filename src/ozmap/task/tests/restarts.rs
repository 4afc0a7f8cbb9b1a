//! What was kept of the directory is shown at once after a restart, and nothing is written by it.

use super::*;
use crate::config::Keep;
use crate::store::Store;

fn again(fake: &Fake, store: &Store) -> Rig {
    let config = fake.config();
    let client = Client::with_timing(&config, quick()).unwrap();
    let (shutdown, receiver) = watch::channel(false);
    let kept = Some((store.journal(), store.shelf()));
    Rig { pusher: Pusher::spawn_kept(&client, &config, kept, receiver), _shutdown: shutdown }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_all_is_shown_at_once_and_nothing_written_before_the_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("oltwatch.db"), Keep::default()).unwrap();
    let fake = Fake::start(houses(5)).await;
    let rig = again(&fake, &store);
    rig.until("it is read", |snapshot| snapshot.directory.is_some()).await;
    let whose = Client::new(&fake.config()).unwrap().host().to_owned();
    while store.shelf().kept(&whose).unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.pusher.stop().await;

    // OZmap does not let itself be read; a person changed a status meanwhile, which is not known to be one's change.
    fake.world(|world| {
        world.log.clear();
        world.rows[1]["client"]["status"] = json!(1);
        world.always.push(("GET ".to_owned(), reply(500)));
    });
    let rig = again(&fake, &store);
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok), (7, Verdict::Error)]));
    let shown = rig.until("it is matched", |snapshot| snapshot.matching.matched == 2).await;
    let directory = shown.directory.as_ref().unwrap();
    assert_eq!((directory.kept, directory.clients, shown.matching.unmatched), (true, 5, 1));
    assert_eq!((shown.pending, shown.held, shown.foreign.flips), (0, 0, 0));
    fake.until("reads were tried", |world| world.lines("GET /properties").len() > 4).await;
    assert_eq!(fake.world(|world| writes(world)), [] as [String; 0]);

    fake.world(|world| world.always.clear());
    let done = rig.until("all is written", |s| (s.written.ok, s.written.error) == (1, 1)).await;
    assert!(!done.directory.as_ref().unwrap().kept);
    assert_eq!(done.foreign.flips, 0);
    rig.pusher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_and_is_damaged_is_not_used_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oltwatch.db");
    let fake = Fake::start(houses(5)).await;
    let whose = Client::new(&fake.config()).unwrap().host().to_owned();
    let store = Store::open(&path, Keep::default()).unwrap();
    let (shelf, of) = (store.shelf(), whose.clone());
    let damaged = move || shelf.keep(&of, Timestamp::from_millis(0), vec![vec![7; 100]]);
    tokio::task::spawn_blocking(damaged).await.unwrap().unwrap();
    fake.world(|world| world.always.push(("GET ".to_owned(), reply(500))));
    let rig = again(&fake, &store);
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    rig.until("a read has failed", |snapshot| snapshot.failures > 0).await;
    assert!(rig.pusher.snapshot().directory.is_none());
    fake.world(|world| world.always.clear());
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    while store.shelf().kept(&whose).unwrap().is_none_or(|kept| kept.parts == [vec![7; 100]]) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.pusher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_fails_keeps_nobody_from_reading() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("oltwatch.db"), Keep::default()).unwrap();
    let fake = Fake::start(houses(5)).await;
    let (journal, shelf) = (store.journal(), store.shelf());
    store.close();
    let config = Ozmap { full_read: Duration::from_millis(10), mode: OzmapMode::DryRun, ..fake.config() };
    let client = Client::with_timing(&config, quick()).unwrap();
    let (_shutdown, receiver) = watch::channel(false);
    let rig = Rig { pusher: Pusher::spawn_kept(&client, &config, Some((journal, shelf)), receiver), _shutdown };
    fake.until("it is read again and again", |world| world.lines("GET /properties").len() > 4).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    rig.until("it is planned", |snapshot| snapshot.pending == 1).await;
    rig.pusher.stop().await;
}
