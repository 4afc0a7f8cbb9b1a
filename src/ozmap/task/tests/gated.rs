//! What stands between a plan and OZmap: others, people who work on boxes, the brake.

use super::*;
use crate::config::maintenance::BoxWork;
use crate::config::{BrakeRule, ForeignPolicy, Pattern};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn what_others_change_is_counted_and_set_again_only_so_often() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |config| (config.full_read, config.foreign_every) = (Duration::from_millis(50), HOUR));
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok)]));
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    fake.world(|world| world.rows[0]["client"]["status"] = json!(0));
    rig.until("it is set again", |s| s.written.error == 2 && s.foreign.flips == 1).await;
    fake.world(|world| world.rows[0]["client"]["status"] = json!(0));
    let snapshot = rig.until("it is left", |snapshot| snapshot.foreign.contested == 1).await;
    let left = &snapshot.foreign.listed[0];
    assert_eq!((snapshot.foreign.flips, left.change.to), (2, Status::Error));
    assert!(left.again_at.is_some_and(|at| at > snapshot.at), "{left:?}");
    let reads = fake.world(|world| world.lines("GET /properties").len());
    fake.until("it was read again", |world| world.lines("GET /properties").len() > reads + 1).await;
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| writes(world).len()), 2);
}

#[tokio::test]
async fn what_others_set_is_left_where_the_policy_says_so_until_the_truth_agrees_once() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |config| {
        (config.full_read, config.foreign) = (Duration::from_millis(50), ForeignPolicy::Theirs);
    });
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok)]));
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    fake.world(|world| {
        world.rows[0]["client"]["status"] = json!(0);
        world.rows[1]["client"]["status"] = json!(1);
    });
    rig.until("both are left", |s| s.foreign.contested == 2 && s.pending == 0).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Ok)]));
    rig.until("one agrees", |snapshot| snapshot.foreign.contested == 1).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok)]));
    rig.until("it is ours again", |snapshot| snapshot.written.error == 2).await;
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| (world.status(&client_id(0)), world.status(&client_id(1)))), (1, 1));
}

#[tokio::test]
async fn clients_of_a_box_that_is_worked_on_are_left_until_it_is_over_and_they_were_read() {
    let mut rows = houses(3);
    rows[2]["box"] = json!("65a0000000000000000000b2");
    let fake = Fake::start(rows).await;
    let rig = start(&fake, |_| {});
    let boxes = Pattern::new("65a0000000000000000000b1");
    let until = now_utc() + HOUR;
    rig.pusher.maintain_boxes(vec![BoxWork { boxes, until, reason: "new splitter".to_owned() }]);
    let look = |state| OltWishes { looks: Looks { state, optics: 1 }, ..all(3, Verdict::Error) };
    rig.pusher.submit(look(1));
    let snapshot = rig.until("two are held", |s| s.maintained == 2 && s.written.error == 1).await;
    assert_eq!((snapshot.boxes[0].clients, snapshot.boxes[0].changes.len()), (2, 2));
    rig.pusher.maintain_boxes(Vec::new());
    rig.until("it is over", |s| s.boxes.first().is_some_and(|work| work.until.is_none()) && s.maintained == 2).await;
    rig.pusher.submit(look(2));
    rig.until("they are written", |snapshot| snapshot.written.error == 3).await;
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_box_may_be_named_and_names_are_read_only_when_they_are_needed() {
    let mut rows = houses(4);
    rows[2]["box"] = json!("65a0000000000000000000b2");
    rows[3]["box"] = json!("65a0000000000000000000b9");
    let fake = Fake::start(rows).await;
    let rig = start(&fake, |_| {});
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    rig.until("one is written", |snapshot| snapshot.written.error == 1).await;
    assert!(fake.world(|world| world.lines("GET /base-boxes").is_empty()));
    let work = BoxWork { boxes: Pattern::new("CTO 12"), until: now_utc() + HOUR, reason: "new splitter".to_owned() };
    rig.pusher.maintain_boxes(vec![work]);
    rig.pusher.submit(all(4, Verdict::Error));
    let snapshot = rig.until("the others are written", |s| s.written.error == 3 && s.maintained == 1).await;
    assert_eq!(snapshot.unnamed_boxes, 0);
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| world.lines("GET /base-boxes").len()), 1);
    assert_eq!(fake.world(|world| world.status(&client_id(1))), 0);
}

#[tokio::test]
async fn where_names_of_boxes_may_not_be_read_nobody_is_held_by_name() {
    let fake = Fake::start(houses(2)).await;
    fake.world(|world| world.always.push(("GET /base-boxes".to_owned(), reply(403))));
    let rig = start(&fake, |_| {});
    let work = BoxWork { boxes: Pattern::new("CTO 12"), until: now_utc() + HOUR, reason: "new splitter".to_owned() };
    rig.pusher.maintain_boxes(vec![work]);
    rig.pusher.submit(all(2, Verdict::Error));
    let snapshot = rig.until("they are written", |snapshot| snapshot.written.error == 2).await;
    assert!(snapshot.last_error.as_ref().unwrap().message.contains("base-boxes"), "{snapshot:?}");
    rig.pusher.stop().await;
}

#[tokio::test]
async fn what_an_incident_explains_and_what_a_person_approves_passes_the_brake() {
    let fake = Fake::start(houses(100)).await;
    let rig = start(&fake, |config| config.brake = BrakeRule { share: 0.1, least: 20 });
    let mut flood = OltWishes { looks: Looks { state: 1, optics: 1 }, ..all(60, Verdict::Error) };
    for wish in &mut flood.wishes[50..] {
        wish.incident = Some(Arc::from("01J8QK"));
    }
    rig.pusher.submit(flood.clone());
    let snapshot = rig.until("the explained are written", |s| s.written.error == 10 && s.held == 50).await;
    assert_eq!(snapshot.obstacles().len(), 1);
    // The incident grows, and nothing else has changed.
    for wish in &mut flood.wishes[45..50] {
        wish.incident = Some(Arc::from("01J8QK"));
    }
    rig.pusher.submit(flood);
    rig.until("so are those that it explains now", |s| s.written.error == 15 && s.held == 45).await;
    rig.pusher.approve(Some(Pattern::new("another-*")));
    rig.pusher.approve(Some(Pattern::new("a")));
    rig.until("all are written", |s| s.written.error == 60 && s.held == 0).await;
    rig.pusher.stop().await;
}
