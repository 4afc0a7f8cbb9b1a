//! The process is killed between any two steps of a write. What the next one finds is enough.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::config::Keep;
use crate::store::{Store, journal};

/// Lets so many steps pass, and stops at the next one for ever.
#[derive(Debug)]
pub(in crate::ozmap) struct Steps {
    left: AtomicUsize,
    reached: Notify,
}

impl Steps {
    pub(in crate::ozmap) async fn pass(&self) {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The file as a kill leaves it: what SQLite has committed, and nothing that anybody still holds in memory.
fn image(path: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("image.db");
    for ending in ["", "-wal"] {
        let from = PathBuf::from(format!("{}{ending}", path.display()));
        if from.exists() {
            std::fs::copy(&from, format!("{}{ending}", copy.display())).unwrap();
        }
    }
    copy
}

fn begin(fake: &Fake, store: &Store, steps: Option<Arc<Steps>>) -> Rig {
    let mut config = fake.config();
    config.batch_above = 3;
    let client = Client::with_timing(&config, quick()).unwrap();
    let (shutdown, receiver) = watch::channel(false);
    let pusher = Pusher::start(&client, &config, receiver, |task| {
        task.ledger = Ledger::new(Some(store.journal()), Origin::Push);
        task.steps = steps;
    });
    Rig { pusher, _shutdown: shutdown }
}

/// Nine clients: 0 to 4 lost their light, 5 is red and well again, 6 to 8 are left alone.
fn first() -> OltWishes {
    let verdict = |n| match n {
        0..5 => Verdict::Error,
        5 => Verdict::Ok,
        _ => Verdict::Hold,
    };
    wishes("a", true, (0..9).map(|n| (n, verdict(n))))
}

/// While the process was down, 0 and 1 came back; of 2 nothing is known any more.
fn second() -> OltWishes {
    let verdict = |n| match n {
        0 | 1 | 5 => Verdict::Ok,
        3 | 4 => Verdict::Error,
        _ => Verdict::Hold,
    };
    wishes("a", true, (0..9).map(|n| (n, verdict(n))))
}

/// What has to hold after a kill, whenever it came. Gives how many writes were open.
async fn goes_on(fake: &Fake, path: &Path, folder: &Path) -> usize {
    let before = [0, 0, 0, 0, 0, 1, 0, 0, 0];
    let copy = image(path, folder);
    let store = Store::open(&copy, Keep::default()).unwrap();
    let open = journal::open_entries(&copy).unwrap();
    let known: Vec<String> = journal::entries_since(&copy, Timestamp::from_millis(0))
        .unwrap()
        .iter()
        .map(|entry| ClientId::from_octets(entry.intent.client).to_string())
        .collect();
    let shows = |fake: &Fake| fake.world(|world| (0..9).map(|n| world.status(&client_id(n))).collect::<Vec<_>>());
    for (n, (was, is)) in before.iter().zip(shows(fake)).enumerate() {
        assert!(*was == is || known.contains(&client_id(n)), "client {n} was written and is in no journal");
    }
    fake.world(|world| world.log.clear());
    let rig = begin(fake, &store, None);
    rig.until("the directory is read", |snapshot| snapshot.directory.is_some()).await;
    let lines = fake.world(|world| world.lines(""));
    assert_eq!(writes_in(&lines), 0, "nothing is written before there is anything to write by: {lines:?}");
    let first_line = if open.is_empty() { "GET /properties" } else { "GET /ftth-clients" };
    assert_eq!(lines[0], first_line, "{lines:?}");
    rig.pusher.submit(second());
    rig.until("it is planned", |snapshot| snapshot.matching.matched == 9).await;
    rig.settled(1).await;
    fake.until("all is right", |world| {
        [0, 0, 1, 1].into_iter().zip([0, 1, 3, 4]).all(|(s, n)| world.status(&client_id(n)) == s)
    })
    .await;
    rig.pusher.stop().await;
    let now = shows(fake);
    assert_eq!((&now[..2], &now[3..]), ([0, 0].as_slice(), [1, 1, 0, 0, 0, 0].as_slice()));
    assert!(now[2] == 0 || known.contains(&client_id(2)), "2 is red because it lost its light, and held since");
    assert_eq!(journal::open_entries(&copy).unwrap(), []);
    store.close();
    open.len()
}

fn writes_in(lines: &[String]) -> usize {
    lines.iter().filter(|line| !line.starts_with("GET")).count()
}

fn town() -> Vec<Value> {
    let mut rows = houses(9);
    rows[5]["client"]["status"] = json!(1);
    rows
}

#[tokio::test]
async fn killed_between_any_two_steps_nothing_is_lost_and_nobody_is_red_without_a_reason() {
    let (mut kills, mut with_open) = (0, 0);
    loop {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        let fake = Fake::start(town()).await;
        let steps = Arc::new(Steps { left: AtomicUsize::new(kills), reached: Notify::new() });
        let rig = begin(&fake, &store, Some(steps.clone()));
        rig.pusher.submit(first());
        let ended = async {
            rig.until("all is written", |s| s.written.error == 5 && s.written.ok == 1 && s.unseen == 0).await;
            while !journal::open_entries(&path).unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let killed = tokio::select! {
            () = steps.reached.notified() => true,
            () = ended => false,
        };
        rig.pusher.kill().await;
        with_open += usize::from(goes_on(&fake, &path, folder.path()).await > 0);
        store.close();
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 8 && with_open >= 4, "{kills} kills, {with_open} of them with open writes");
}

#[tokio::test]
async fn killed_while_a_write_is_under_way_it_is_read_back_whether_it_was_carried_out_or_not() {
    for (line, apply) in [("POST ", true), ("POST ", false), ("PATCH ", true), ("PATCH ", false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o.db");
        let store = Store::open(&path, Keep::default()).unwrap();
        let fake = Fake::start(town()).await;
        let never = Reply { delay: Duration::from_secs(3600), apply, ..reply(204) };
        fake.world(|world| world.always.push((line.to_owned(), never)));
        let rig = begin(&fake, &store, None);
        rig.pusher.submit(first());
        fake.until("it is under way", |world| !world.lines(line).is_empty()).await;
        rig.pusher.kill().await;
        fake.world(|world| world.always.clear());
        assert!(goes_on(&fake, &path, folder.path()).await > 0);
        store.close();
    }
}
