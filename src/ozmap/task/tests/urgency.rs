//! Who goes first when all want to go at once.

use super::*;

/// A page for each house, ten requests a second, and one read of the whole after the other: pages wait at all times.
#[tokio::test]
async fn while_pages_wait_statuses_go_before_them_in_their_order_and_powers_after() {
    let mut rows = houses(16);
    for row in &mut rows[4..6] {
        row["client"]["status"] = json!(1);
    }
    let fake = Fake::start(rows).await;
    fake.world(|world| world.page_cap = Some(1));
    let rig = start(&fake, |config| {
        (config.requests_per_second, config.burst, config.full_read) = (10.0, 1, Duration::ZERO);
        (config.write_power, config.batch_above) = (true, 10);
    });
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    let pages = |world: &World| world.lines("GET /properties").len();
    let read = fake.world(|world| pages(world));
    fake.until("another read is under way", |world| pages(world) > read + 1).await;

    let mut wishes = wishes("a", true, (0..6).map(|n| (n, if n < 4 { Verdict::Error } else { Verdict::Ok })));
    for wish in &mut wishes.wishes {
        wish.rx = Some(Dbm::from_thousandths(-20_000));
    }
    for wish in &mut wishes.wishes[2..4] {
        wish.incident = Some(Arc::from("a cut"));
    }
    let before = fake.world(|world| world.log.len());
    rig.pusher.submit(wishes);
    fake.until("all are written", |world| writes(world).len() >= 6).await;
    let (written, pages) = fake.world(|world| {
        let last = world.log.iter().rposition(|seen| seen.line.starts_with("PATCH")).unwrap();
        let pages = world.log[before..last].iter().filter(|seen| seen.line == "GET /properties").count();
        (writes(world), pages)
    });
    assert_eq!(written, [2, 3, 0, 1, 4, 5].map(|n| format!("PATCH /ftth-clients/{}", client_id(n))));
    // With the urgency of a page, each would wait for the four that were there before it.
    assert!(pages <= 12, "{pages} pages went before them");
    rig.pusher.stop().await;
    assert_eq!(rig.pusher.snapshot().written.powers, 0, "pages still wait");
}
