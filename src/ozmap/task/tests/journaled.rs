//! Reading back, the journal, and putting back.

use super::*;
use crate::config::Keep;
use crate::ozmap::{IdList, RevertVerdict, put_back, written_clients};
use crate::store::journal::{self, Ending};
use crate::store::{Journal, Store};

fn begin(fake: &Fake, journal: Journal, change: impl FnOnce(&mut Ozmap)) -> Rig {
    let mut config = fake.config();
    change(&mut config);
    let client = Client::with_timing(&config, quick()).unwrap();
    let (shutdown, receiver) = watch::channel(false);
    let pusher = Pusher::spawn_journaled(&client, &config, Some(journal), receiver);
    Rig { pusher, _shutdown: shutdown }
}

#[tokio::test]
async fn single_writes_are_read_back_together() {
    let fake = Fake::start(houses(6)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.log.clear());
    rig.pusher.submit(all(4, Verdict::Error));
    rig.until("all are written", |snapshot| snapshot.written.error == 4).await;
    let lines = fake.world(|world| world.lines(""));
    assert_eq!((lines.len(), writes_of(&lines), lines[4].as_str()), (5, 4, "GET /ftth-clients"), "{lines:?}");
    rig.pusher.stop().await;
}

fn writes_of(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("P")).count()
}

#[tokio::test]
async fn a_single_write_that_ozmap_takes_and_does_not_show_goes_again() {
    let fake = Fake::start(houses(2)).await;
    fake.world(|world| world.patch_skips.insert(client_id(0)));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(2, Verdict::Error));
    let snapshot = rig.until("it went again", |snapshot| snapshot.written.unverified >= 2).await;
    assert_eq!(snapshot.written.error, 1);
    // It would else be the one to write, and the next one would have nothing to do.
    rig.pusher.stop().await;
    fake.world(|world| world.patch_skips.clear());
    // A long rest follows many failures; the next read of the directory ends it.
    let rig2 = start(&fake, |_| {});
    rig2.pusher.submit(all(2, Verdict::Error));
    rig2.until("all is settled", |snapshot| snapshot.written.error == 1 && snapshot.unseen == 0).await;
    assert_eq!(fake.world(|world| world.status(&client_id(0))), 1);
    rig2.pusher.stop().await;
}

#[tokio::test]
async fn a_write_that_failed_and_was_carried_out_does_not_stay_when_the_truth_has_changed() {
    let fake = Fake::start(houses(2)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    let cut_off = Reply { apply: true, ..reply(502) };
    fake.world(|world| world.always.push(("PATCH ".to_owned(), cut_off)));
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Error)]));
    fake.until("both were tried", |world| world.status(&client_id(0)) + world.status(&client_id(1)) == 2).await;
    // One is well again, and of the other nothing is known: neither waits for the next read of the directory.
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Hold)]));
    fake.until("the newer is tried", |world| world.bodies("PATCH").contains(&json!({"status": 0}))).await;
    fake.world(|world| world.always.clear());
    let snapshot = rig.settled(1).await;
    assert_eq!(fake.world(|world| (world.status(&client_id(0)), world.status(&client_id(1)))), (0, 1));
    assert_eq!((snapshot.written.ok, snapshot.foreign.flips), (1, 0));
    assert_eq!(fake.world(|world| world.lines("GET /properties").len()), 1);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn what_is_written_stands_in_the_journal_with_its_reason_and_its_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.db");
    let store = Store::open(&path, Keep::default()).unwrap();
    let fake = Fake::start(houses(12)).await;
    fake.world(|world| {
        world.always.push((format!("PATCH /ftth-clients/{}", client_id(10)), reply(404)));
        world.rows[11]["client"]["status"] = json!("odd");
    });
    let rig = begin(&fake, store.journal(), |config| config.batch_above = 20);
    let mut wishes = all(12, Verdict::Error);
    wishes.wishes[3].incident = Some(Arc::from("01J8QK"));
    rig.pusher.submit(wishes);
    rig.until("all but one are written", |s| s.written.error == 11 && s.aside == 1).await;
    rig.pusher.stop().await;
    let entries = journal::entries_since(&path, Timestamp::from_millis(0)).unwrap();
    assert_eq!(entries.len(), 12);
    assert_eq!(entries[0].intent.client, client_id(3).parse::<ClientId>().unwrap().octets());
    assert_eq!(entries[0].intent.incident.as_deref(), Some("01J8QK"));
    for entry in &entries {
        let client = ClientId::from_octets(entry.intent.client).to_string();
        let ending = if client == client_id(10) { Ending::Refused } else { Ending::Shown };
        assert_eq!(entry.ended.map(|(_, ending)| ending), Some(ending), "{entry:?}");
        let was = if client == client_id(11) { None } else { Some(0) };
        assert_eq!((entry.intent.was, entry.intent.wanted, entry.intent.why.as_str()), (was, 1, "light lost"));
    }
    store.close();
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_holds_every_write_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("o.db"), Keep::default()).unwrap();
    let fake = Fake::start(houses(20)).await;
    let rig = begin(&fake, store.journal(), |config| config.write_power = true);
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    store.close();
    rig.pusher.submit(all(20, Verdict::Error));
    let snapshot = rig.until("it is told", |snapshot| snapshot.journal.failing.is_some()).await;
    assert!(snapshot.obstacles()[0].contains("the database is closed"), "{:?}", snapshot.obstacles());
    rig.pusher.submit(all(3, Verdict::Error));
    rig.until("it goes on planning", |snapshot| snapshot.pending == 3).await;
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| writes(world)), [] as [String; 0]);
}

#[tokio::test]
async fn the_journal_makes_no_more_requests_than_there_are_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.db");
    let store = Store::open(&path, Keep::default()).unwrap();
    let fake = Fake::start(houses(600)).await;
    let rig = begin(&fake, store.journal(), |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.log.clear());
    rig.pusher.submit(all(512, Verdict::Error));
    rig.until("all are written", |snapshot| snapshot.written.error == 512).await;
    let lines = fake.world(|world| world.lines(""));
    assert_eq!((lines.len(), writes_of(&lines)), (12, 6));
    rig.pusher.stop().await;
    let entries = journal::entries_since(&path, Timestamp::from_millis(0)).unwrap();
    assert!(entries.len() == 512 && entries.iter().all(|entry| entry.ended.is_some()));
    store.close();
}

#[tokio::test]
async fn what_was_written_is_put_back_but_for_what_others_changed_since() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.db");
    let store = Store::open(&path, Keep::default()).unwrap();
    let mut rows = houses(12);
    rows[11]["client"]["status"] = json!(1);
    let fake = Fake::start(rows).await;
    let rig = begin(&fake, store.journal(), |_| {});
    let verdict = |n| if n == 11 { Verdict::Ok } else { Verdict::Error };
    rig.pusher.submit(wishes("a", true, (0..12).map(|n| (n, verdict(n)))));
    rig.until("all are written", |s| s.written.error == 11 && s.written.ok == 1 && s.unseen == 0).await;
    rig.pusher.stop().await;
    fake.world(|world| {
        world.rows[2]["client"]["status"] = json!(0);
        world.rows[3]["client"]["status"] = json!("odd");
        world.rows.remove(4);
        world.log.clear();
    });
    let config = fake.config();
    let client = Client::with_timing(&config, quick()).unwrap();
    let entries = journal::entries_since(&path, Timestamp::from_millis(0)).unwrap();
    let shows = client.read_statuses(&IdList::new(written_clients(&entries)).unwrap()).await.unwrap();
    let found = put_back(&entries, &shows);
    let of = |verdict| found.iter().filter(|one| one.verdict == verdict).count();
    let counts = [RevertVerdict::Write, RevertVerdict::Already, RevertVerdict::ChangedByOthers, RevertVerdict::Gone];
    assert_eq!(counts.map(of), [9, 1, 1, 1]);
    let changes = found.into_iter().filter_map(|one| one.change).collect();
    let (_shutdown, receiver) = watch::channel(false);
    let pusher = Pusher::spawn_to_put_back(&client, &config, store.journal(), changes, receiver);
    let rig = Rig { pusher, _shutdown };
    rig.until("all is put back", |s| s.written.ok + s.written.error == 9 && s.pending + s.unseen == 0).await;
    rig.pusher.stop().await;
    fake.world(|world| {
        let red: Vec<usize> = (0..12).filter(|n| world.status(&client_id(*n)) == 1).collect();
        assert_eq!(red, [11]);
        assert!(world.lines("GET /properties").is_empty());
    });
    let all = journal::entries_since(&path, Timestamp::from_millis(0)).unwrap();
    let reverted = all.iter().filter(|entry| entry.intent.origin == Origin::Revert);
    assert_eq!(reverted.filter(|entry| entry.ended.is_some()).count(), 9);
    store.close();
}

#[tokio::test]
async fn what_others_changed_while_the_process_was_down_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("o.db"), Keep::default()).unwrap();
    let fake = Fake::start(houses(3)).await;
    let rig = begin(&fake, store.journal(), |_| {});
    rig.pusher.submit(all(2, Verdict::Error));
    rig.until("both are written", |snapshot| snapshot.written.error == 2).await;
    rig.pusher.stop().await;
    fake.world(|world| {
        world.rows[0]["client"]["status"] = json!(0);
        world.log.clear();
    });
    let rig = begin(&fake, store.journal(), |config| config.foreign = crate::config::ForeignPolicy::Theirs);
    rig.pusher.submit(all(2, Verdict::Error));
    let snapshot = rig.until("it is noticed", |snapshot| snapshot.foreign.contested == 1).await;
    assert_eq!((snapshot.foreign.flips, snapshot.pending), (1, 0));
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| writes(world)), [] as [String; 0]);
    store.close();
}

#[tokio::test]
async fn a_daemon_goes_on_without_its_journal_and_writes_down_later_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("o.db"), folder.path().join("aside.db"));
    let store = Store::open(&path, Keep::default()).unwrap();
    let fake = Fake::start(houses(20)).await;
    let client = Client::with_timing(&fake.config(), quick()).unwrap();
    let (shutdown, receiver) = watch::channel(false);
    let kept = Some((store.journal(), store.shelf()));
    let rig = Rig { pusher: Pusher::spawn_kept(&client, &fake.config(), kept, receiver), _shutdown: shutdown };
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    rig.until("one is written", |snapshot| snapshot.written.error == 1 && snapshot.unseen == 0).await;
    // As a disk that takes nothing any more.
    std::fs::rename(&path, &aside).unwrap();
    rig.pusher.submit(all(20, Verdict::Error));
    let snapshot = rig.until("all are written", |snapshot| snapshot.written.error == 20 && snapshot.unseen == 0).await;
    assert!(snapshot.journal.goes_on && snapshot.journal.unwritten == 19, "{:?}", snapshot.journal);
    assert!(snapshot.obstacles()[0].contains("19 of them stand in memory only"), "{:?}", snapshot.obstacles());
    // One of them is well again before the journal takes anything.
    rig.pusher.submit(wishes("a", true, (0..20).map(|n| (n, if n == 7 { Verdict::Ok } else { Verdict::Error }))));
    rig.until("one is well again", |snapshot| snapshot.written.ok == 1 && snapshot.unseen == 0).await;
    std::fs::rename(&aside, &path).unwrap();
    let snapshot = rig.until("it stands in the journal", |snapshot| snapshot.journal.unwritten == 0).await;
    assert_eq!((snapshot.journal.failing.as_deref(), snapshot.journal.forgotten), (None, 0));
    let entries = async || {
        let entries = journal::entries_since(&path, Timestamp::from_millis(0)).unwrap();
        entries.iter().filter(|entry| entry.ended.map(|(_, ending)| ending) == Some(Ending::Shown)).count()
    };
    while entries().await < 21 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What is written last of a client is what it shows.
    let shown = journal::last_shown(&path).unwrap();
    assert_eq!(shown.iter().filter(|one| one.status == 0).count(), 1);
    assert_eq!(fake.world(|world| (0..20).filter(|n| world.status(&client_id(*n)) == 1).count()), 19);
    rig.pusher.stop().await;
    store.close();
}
