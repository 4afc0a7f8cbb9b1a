//! What changed in OZmap comes in between reads of the whole.

use super::*;

const OFTEN: Duration = Duration::from_millis(20);

/// Houses that changed at second `at` of an hour that is past, as OZmap says.
fn dated(count: usize) -> Vec<Value> {
    (0..count).map(|n| at(house(n), 0)).collect()
}

fn at(mut house: Value, second: usize) -> Value {
    let text = format!("2026-03-21T14:{:02}:{:02}.000Z", second / 60, second % 60);
    house["updatedAt"] = json!(text);
    house["client"]["updatedAt"] = json!(text);
    house
}

fn often(fake: &Fake) -> Rig {
    start(fake, |config| config.delta_read = OFTEN)
}

/// Waits until reads of changes that began after now are done.
async fn heard(rig: &Rig) {
    for _ in 0..2 {
        let last = rig.pusher.snapshot().directory.as_ref().map(|directory| directory.renewed_at);
        rig.until("changes are read", |now| now.directory.as_ref().map(|directory| directory.renewed_at) > last).await;
    }
}

fn whole_reads(world: &World) -> usize {
    let of_changes =
        |seen: &&crate::ozmap::fake::Seen| seen.query.get("filter").is_some_and(|f| f.contains("updatedAt"));
    world.log.iter().filter(|seen| seen.line == "GET /properties" && !of_changes(seen)).count()
}

#[tokio::test]
async fn a_new_status_serial_or_client_comes_in_without_a_read_of_the_whole() {
    let fake = Fake::start(dated(4)).await;
    let rig = often(&fake);
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (9, Verdict::Error), (8, Verdict::Error)]));
    rig.until("two are unknown", |snapshot| snapshot.matching.unmatched == 2).await;
    fake.world(|world| {
        // Another one sets a status, gives client 1 an ONU, and enters a client.
        world.rows[0]["client"]["status"] = json!(1);
        world.rows[1]["client"]["onu"]["serial_number"] = json!("ZTEG00000009");
        for place in [0, 1] {
            world.rows[place] = at(world.rows[place].clone(), 600);
        }
        world.rows.push(at(house(8), 601));
    });
    let done = rig.until("all is put right", |s| (s.written.ok, s.written.error) == (1, 2)).await;
    assert_eq!((done.matching.unmatched, done.foreign.flips), (0, 1));
    assert_eq!(done.directory.as_ref().map(|directory| directory.clients), Some(5));
    let shows = fake.world(|world| [0, 1, 8].map(|n| world.status(&client_id(n))));
    assert_eq!((shows, fake.world(|world| whole_reads(world))), ([0, 1, 1], 1));
    rig.pusher.stop().await;
}

#[tokio::test]
async fn what_we_wrote_stays_shown_and_is_nobody_elses_change() {
    let fake = Fake::start(dated(4)).await;
    let rig = often(&fake);
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Error)]));
    rig.until("both are written", |snapshot| snapshot.written.error == 2).await;
    // Of our own writes, one comes back as a change, and the other never does; somebody else's house comes as well.
    fake.world(|world| {
        for place in [0, 3] {
            world.rows[place] = at(world.rows[place].clone(), 600);
        }
    });
    heard(&rig).await;
    rig.pusher.submit(wishes("b", true, []));
    let snapshot = rig.settled(2).await;
    heard(&rig).await;
    assert_eq!((snapshot.written.error, snapshot.foreign.flips), (2, 0));
    // One that is read again as it was before our write was put back by somebody.
    fake.world(|world| {
        world.rows[0]["client"]["status"] = json!(0);
        world.rows[0] = at(world.rows[0].clone(), 700);
    });
    let snapshot = rig.until("it is set again", |snapshot| snapshot.written.error == 3).await;
    assert_eq!(snapshot.foreign.flips, 1);
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| (writes(world).len(), whole_reads(world))), (3, 1));
}

#[tokio::test]
async fn a_server_that_ignores_the_filter_is_asked_once() {
    let mut rows = dated(4);
    // Older than the newest by more than any overlap.
    rows[0] = at(rows[0].clone(), 1800);
    let fake = Fake::start(rows).await;
    fake.world(|world| world.filter_ignored = true);
    let rig = start(&fake, |config| (config.delta_read, config.full_read) = (OFTEN, Duration::from_millis(100)));
    let off = |s: &PushSnapshot| s.directory.as_ref().is_some_and(|directory| !directory.deltas);
    rig.until("it is off", off).await;
    fake.until("the whole is read further", |world| whole_reads(world) >= 4).await;
    rig.pusher.stop().await;
    let changes = fake.world(|world| world.lines("GET /properties").len() - whole_reads(world));
    assert_eq!((changes, fake.world(|world| world.lines("GET /ftth-clients").len())), (1, 0));
}

#[tokio::test]
async fn without_delta_read_only_the_whole_is_read() {
    let fake = Fake::start(dated(4)).await;
    let rig = start(&fake, |config| config.full_read = Duration::from_millis(50));
    fake.until("the whole is read further", |world| whole_reads(world) >= 3).await;
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| world.lines("GET /properties").len() - whole_reads(world)), 0);
}

#[tokio::test]
async fn a_read_of_changes_that_fails_holds_up_nothing_and_is_tried_again() {
    let fake = Fake::start(dated(4)).await;
    let rig = often(&fake);
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.always.push(("GET /properties".to_owned(), reply(500))));
    let failed = |s: &PushSnapshot| s.last_error.as_ref().is_some_and(|error| error.message.contains("GET"));
    rig.until("one has failed", failed).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok)]));
    let snapshot = rig.until("it is written all the same", |snapshot| snapshot.written.error == 1).await;
    let directory = snapshot.directory.as_ref().unwrap();
    assert_eq!((directory.deltas, directory.clients, snapshot.failures), (true, 4, 0));
    fake.world(|world| {
        world.always.clear();
        world.rows[1]["client"]["status"] = json!(1);
        world.rows[1] = at(world.rows[1].clone(), 600);
    });
    rig.until("the change comes in", |snapshot| snapshot.written.ok == 1).await;
    assert_eq!(fake.world(|world| whole_reads(world)), 1);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn after_too_many_changes_the_whole_is_read_once_and_not_again_and_again() {
    let fake = Fake::start(dated(30)).await;
    let rig = often(&fake);
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    // From here on a page holds one row: thirty are more than reads of changes are for.
    fake.world(|world| {
        world.page_cap = Some(1);
        world.rows = (0..30).map(|n| at(house(n), 600)).collect();
    });
    fake.until("the whole is read again", |world| whole_reads(world) == 1 + 30).await;
    let of_changes = |world: &World| world.lines("GET /properties").len() - whole_reads(world);
    let so_far = fake.world(|world| of_changes(world));
    // The same rows come once more, as each read begins somewhat earlier.
    fake.until("changes are read once more", |world| of_changes(world) > so_far + 20).await;
    rig.until("nothing is on its way", |snapshot| snapshot.limits.reads_in_flight == 0).await;
    let so_far = fake.world(|world| of_changes(world));
    tokio::time::sleep(OFTEN * 10).await;
    assert_eq!(fake.world(|world| (whole_reads(world), of_changes(world))), (31, so_far));
    assert!(rig.pusher.snapshot().directory.as_ref().is_some_and(|directory| directory.deltas));
    rig.pusher.stop().await;
}

#[tokio::test]
async fn reads_of_changes_that_miss_some_end() {
    let mut rows = dated(4);
    rows[0] = at(rows[0].clone(), 1800);
    let fake = Fake::start(rows).await;
    let rig = start(&fake, |config| (config.delta_read, config.full_read) = (OFTEN, Duration::from_millis(400)));
    rig.pusher.submit(wishes("a", true, [(3, Verdict::Error)]));
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    heard(&rig).await;
    // Changes that carry a time of long before the newest: no read of changes asks for them.
    let off = |s: &PushSnapshot| s.directory.as_ref().is_some_and(|directory| !directory.deltas);
    let mut second = 600;
    while !off(&rig.pusher.snapshot()) {
        second += 1;
        assert!(second < 700, "they are still on");
        let reads = fake.world(|world| {
            world.rows[3]["client"]["status"] = json!(0);
            world.rows[3] = at(world.rows[3].clone(), second);
            whole_reads(world)
        });
        fake.until("the whole is read", |world| whole_reads(world) > reads + 1).await;
    }
    rig.until("the change came with the whole", |snapshot| snapshot.written.error >= 2).await;
    rig.pusher.stop().await;
}
