use std::collections::VecDeque;

use serde_json::{Value, json};

pub(super) mod crashes;
mod deltas;
mod gated;
mod journaled;
mod restarts;
mod urgency;

use super::*;
use crate::model::{Dbm, SweepKind, Verdict};
use crate::ozmap::Looks;
use crate::ozmap::Pusher;
use crate::ozmap::desired::Wish;
use crate::ozmap::fake::{Fake, Reply, World, client_id, house, property_id, quick, reply};
use crate::ozmap::limit::Timing;
use crate::ozmap::matching::testing::onu;
use crate::ozmap::snapshot::LISTED;

fn houses(count: usize) -> Vec<Value> {
    (0..count).map(house).collect()
}

/// Wishes of an OLT for the clients with these numbers.
fn wishes(olt: &str, complete: bool, of: impl IntoIterator<Item = (usize, Verdict)>) -> OltWishes {
    let wishes = of
        .into_iter()
        .map(|(n, verdict)| Wish {
            identity: onu(olt, u32::try_from(n).unwrap(), &format!("ZTEG{n:08X}"), "", ""),
            verdict,
            evidence: SweepKind::State,
            reason: Arc::from("light lost"),
            rx: None,
            incident: None,
        })
        .collect();
    OltWishes { olt: OltId::new(olt), complete, looks: Looks::default(), wishes }
}

fn all(count: usize, verdict: Verdict) -> OltWishes {
    wishes("a", true, (0..count).map(|n| (n, verdict)))
}

struct Rig {
    pusher: Pusher,
    _shutdown: watch::Sender<bool>,
}

fn start_timed(fake: &Fake, timing: Timing, change: impl FnOnce(&mut Ozmap)) -> Rig {
    let mut config = fake.config();
    change(&mut config);
    let client = Client::with_timing(&config, timing).unwrap();
    let (shutdown, receiver) = watch::channel(false);
    Rig { pusher: Pusher::spawn(&client, &config, receiver), _shutdown: shutdown }
}

fn start(fake: &Fake, change: impl FnOnce(&mut Ozmap)) -> Rig {
    start_timed(fake, quick(), change)
}

impl Rig {
    /// Waits, for as long as it may take on a slow machine, until a snapshot is so.
    async fn until(&self, what: &str, holds: impl Fn(&PushSnapshot) -> bool) -> Arc<PushSnapshot> {
        let mut snapshots = self.pusher.subscribe();
        let found = tokio::time::timeout(Duration::from_secs(60), snapshots.wait_for(|snapshot| holds(snapshot))).await;
        match found {
            Ok(snapshot) => snapshot.unwrap().clone(),
            Err(_) => panic!("waited in vain until {what}: {:#?}", self.pusher.snapshot()),
        }
    }

    /// Waits until the pusher has looked at everything and has nothing left to do.
    async fn settled(&self, olts: usize) -> Arc<PushSnapshot> {
        self.until("all is settled", |snapshot| {
            let left = snapshot.pending + snapshot.unseen;
            snapshot.directory.is_some() && snapshot.olts == olts && left == 0
        })
        .await
    }
}

fn writes(world: &World) -> Vec<String> {
    world.log.iter().map(|seen| seen.line.clone()).filter(|line| !line.starts_with("GET")).collect()
}

#[tokio::test]
async fn statuses_move_both_ways_and_nothing_is_written_in_steady_state() {
    let fake = Fake::start(houses(4)).await;
    let rig = start(&fake, |_| {});
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Error), (2, Verdict::Hold)]));
    let snapshot = rig.until("one was written", |snapshot| snapshot.written.error == 1).await;
    assert_eq!((snapshot.matching.matched, snapshot.matching.clients_without_onu), (3, 1));
    assert_eq!(fake.world(|world| writes(world)), [format!("PATCH /ftth-clients/{}", client_id(1))]);
    assert_eq!(fake.world(|world| world.bodies("PATCH")), [json!({"status": 1})]);
    assert_eq!(fake.world(|world| world.status(&client_id(1))), 1);

    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Ok), (2, Verdict::Hold)]));
    rig.until("it was put back", |snapshot| snapshot.written.ok == 1).await;
    assert_eq!(fake.world(|world| world.status(&client_id(1))), 0);
    for _ in 0..5 {
        rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Ok), (2, Verdict::Hold)]));
        // Another OLT makes the pusher plan again, so that the wishes above were looked at.
        rig.pusher.submit(wishes("b", true, []));
        rig.settled(2).await;
        rig.pusher.forget(&OltId::new("b"));
        rig.settled(1).await;
    }
    assert_eq!(fake.world(|world| writes(world)).len(), 2);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_dry_run_counts_and_lists_but_never_writes() {
    let fake = Fake::start(houses(12)).await;
    let rig = start(&fake, |config| config.mode = OzmapMode::DryRun);
    rig.pusher.submit(all(12, Verdict::Error));
    let snapshot = rig.until("it was planned", |snapshot| snapshot.pending == 12).await;
    assert_eq!((snapshot.mode, snapshot.written.would_write), ("dry-run", 12));
    assert_eq!(snapshot.pending_changes[0].reason.as_ref(), "light lost");
    rig.pusher.submit(wishes("b", true, []));
    let snapshot = rig.until("it was planned again", |snapshot| snapshot.olts == 2).await;
    assert_eq!(snapshot.written.would_write, 12);
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| writes(world)), [] as [String; 0]);
    assert_eq!(fake.world(|world| world.lines("GET /properties").len()), 1);
}

#[tokio::test]
async fn a_cut_of_512_clients_takes_six_writes_and_six_reads() {
    let fake = Fake::start(houses(600)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.log.clear());
    rig.pusher.submit(all(512, Verdict::Error));
    rig.until("all are written", |snapshot| snapshot.written.error == 512).await;
    let log = fake.world(|world| world.log.clone());
    let count = |line: &str| log.iter().filter(|seen| seen.line == line).count();
    assert_eq!((log.len(), count("POST /ftth-clients/batch-update"), count("GET /ftth-clients")), (12, 6, 6));
    let red = fake.world(|world| (0..600).filter(|n| world.status(&client_id(*n)) == 1).count());
    assert_eq!(red, 512);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn nothing_is_written_before_the_directory_is_whole_and_the_sweep_complete() {
    let fake = Fake::start(houses(600)).await;
    // The first page comes, the second one fails for longer than one read tries.
    let page = VecDeque::from_iter(std::iter::repeat_n(reply(500), 7));
    let first = json!({"rows": houses(500), "total": 600, "hasNextPage": true}).to_string();
    let mut script = VecDeque::from([Reply { body: first, ..reply(200) }]);
    script.extend(page);
    fake.world(|world| world.script.push(("GET /properties", script)));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(3, Verdict::Error));
    rig.pusher.submit(wishes("b", false, [(4, Verdict::Error)]));
    rig.until("three are written", |snapshot| snapshot.written.error == 3).await;
    let lines = fake.world(|world| world.lines(""));
    let first_write = lines.iter().position(|line| line.starts_with("PATCH")).unwrap();
    assert!(lines[..first_write].iter().filter(|line| *line == "GET /properties").count() >= 9, "{lines:?}");
    assert!(!lines.contains(&format!("PATCH /ftth-clients/{}", client_id(4))));
    let snapshot = rig.settled(2).await;
    assert_eq!((snapshot.complete_olts, snapshot.written.error), (1, 3));
    rig.pusher.submit(wishes("b", true, [(4, Verdict::Error)]));
    rig.until("the other OLT's is written", |snapshot| snapshot.written.error == 4).await;
    rig.pusher.stop().await;
}

#[tokio::test]
async fn the_newest_verdict_replaces_one_that_still_waits() {
    let fake = Fake::start(houses(3)).await;
    fake.world(|world| world.always.push(("PATCH ".to_owned(), reply(503))));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(3, Verdict::Error));
    rig.until("it failed", |snapshot| snapshot.written.failed.contains_key("busy")).await;
    rig.pusher.submit(all(3, Verdict::Ok));
    let snapshot = rig.settled(1).await;
    assert_eq!(snapshot.written.error, 0);
    // Whoever was in flight as the newer verdict came has ended by now: the task is one.
    fake.world(|world| {
        world.always.clear();
        world.log.clear();
    });
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok), (2, Verdict::Ok)]));
    rig.until("the one is written", |snapshot| snapshot.written.error == 1).await;
    assert_eq!(fake.world(|world| writes(world)), [format!("PATCH /ftth-clients/{}", client_id(0))]);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn what_a_batch_left_out_goes_again_and_in_the_end_alone() {
    let fake = Fake::start(houses(20)).await;
    fake.world(|world| world.batch_skips.extend([client_id(3), client_id(4)]));
    let rig = start(&fake, |config| config.batch_above = 1);
    rig.pusher.submit(all(20, Verdict::Error));
    let snapshot = rig.until("all are written", |snapshot| snapshot.written.error == 20).await;
    assert_eq!(snapshot.written.unverified, 4);
    let lines = fake.world(|world| writes(world));
    assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 2);
    assert_eq!(
        lines[2..],
        [format!("PATCH /ftth-clients/{}", client_id(3)), format!("PATCH /ftth-clients/{}", client_id(4))]
    );
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_batch_that_is_refused_is_written_one_by_one() {
    let fake = Fake::start(houses(8)).await;
    fake.world(|world| world.always.push(("POST ".to_owned(), reply(400))));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(8, Verdict::Error));
    rig.until("all are written", |snapshot| snapshot.written.error == 8).await;
    assert_eq!(fake.world(|world| world.lines("PATCH").len()), 8);
    assert_eq!(fake.world(|world| world.lines("POST").len()), 1);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_client_that_ozmap_refuses_is_put_aside_and_holds_up_nobody() {
    let fake = Fake::start(houses(3)).await;
    let refused = format!("PATCH /ftth-clients/{}", client_id(0));
    fake.world(|world| world.always.push((refused.clone(), reply(404))));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(3, Verdict::Error));
    let snapshot = rig.until("the others are written", |snapshot| snapshot.written.error == 2).await;
    assert_eq!((snapshot.aside, snapshot.pending, snapshot.written.failed["refused"]), (1, 1, 1));
    assert!(snapshot.last_error.as_ref().unwrap().message.contains(&client_id(0)));
    assert_eq!(fake.world(|world| world.lines(&refused).len()), 1);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_refused_token_stops_writing_until_a_check_succeeds() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.always.push(("".to_owned(), reply(401))));
    rig.pusher.submit(all(3, Verdict::Error));
    let snapshot = rig.until("it is halted", |snapshot| snapshot.halted.is_some()).await;
    assert!(snapshot.halted.as_ref().unwrap().why.contains("does not know this token"), "{snapshot:?}");
    fake.until("the token was checked a few times", |world| world.lines("GET /authenticated").len() > 3).await;
    assert_eq!(fake.world(|world| writes(world).len()), 1);
    fake.world(|world| world.always.clear());
    let snapshot = rig.until("all are written", |snapshot| snapshot.written.error == 3).await;
    assert_eq!(snapshot.halted, None);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn one_client_that_the_token_may_not_write_does_not_keep_the_others() {
    let fake = Fake::start(houses(9)).await;
    fake.world(|world| {
        world.always.push((format!("PATCH /ftth-clients/{}", client_id(0)), reply(403)));
        world.always.push(("POST ".to_owned(), reply(403)));
    });
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(9, Verdict::Error));
    let snapshot = rig.until("the others are written", |snapshot| snapshot.written.error == 8).await;
    assert_eq!(snapshot.aside, 1);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_host_that_is_down_blocks_nobody_and_gets_its_writes_when_it_is_back() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    fake.world(|world| world.always.push(("PATCH ".to_owned(), reply(502))));
    for round in 0..50 {
        rig.pusher.submit(all(3, if round % 2 == 0 { Verdict::Error } else { Verdict::Ok }));
    }
    rig.pusher.submit(all(3, Verdict::Error));
    fake.until("writes were tried", |world| world.lines("PATCH").len() > 5).await;
    let snapshot = rig.until("failures are counted", |s| s.written.failed.get("failed").is_some_and(|n| *n > 5)).await;
    assert_eq!(snapshot.written.error, 0);
    fake.world(|world| world.always.clear());
    let outcome = tokio::time::timeout(Duration::from_secs(60), async {
        rig.until("all are written", |snapshot| snapshot.written.error == 3).await
    });
    assert!(outcome.await.is_ok());
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_status_that_somebody_else_changed_is_set_again_after_the_next_read() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |config| config.full_read = Duration::from_millis(50));
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error), (1, Verdict::Ok)]));
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    fake.world(|world| world.rows[0]["client"]["status"] = json!(0));
    rig.until("it is written again", |snapshot| snapshot.written.error == 2).await;
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| world.status(&client_id(0))), 1);
}

#[tokio::test]
async fn a_read_that_was_under_way_does_not_undo_what_was_written_meanwhile() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |config| config.full_read = Duration::from_millis(300));
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    // The next read's page is made now, and arrives after the write.
    let old = json!({"rows": houses(3), "total": 3}).to_string();
    let late = Reply { body: old, delay: Duration::from_millis(700), ..reply(200) };
    fake.world(|world| world.script.push(("GET /properties", VecDeque::from([late]))));
    fake.until("the second read began", |world| world.lines("GET /properties").len() == 2).await;
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    rig.until("it is written", |snapshot| snapshot.written.error == 1).await;
    fake.until("a third read began", |world| world.lines("GET /properties").len() >= 4).await;
    rig.pusher.stop().await;
    assert_eq!(rig.pusher.snapshot().foreign.flips, 0, "the page of before our write is nobody else's change");
    assert_eq!(fake.world(|world| writes(world).len()), 1);
}

#[tokio::test]
async fn retry_after_leaves_the_host_alone_while_newer_verdicts_come() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |_| {});
    rig.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    let busy = Reply { headers: vec![("retry-after", "2".to_owned())], ..reply(429) };
    fake.world(|world| world.script.push(("PATCH ", VecDeque::from([busy]))));
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Error)]));
    let snapshot = rig.until("it rests", |snapshot| snapshot.resting_until.is_some()).await;
    assert_eq!((snapshot.written.failed["busy"], snapshot.pending), (1, 1));
    rig.pusher.submit(wishes("a", true, [(0, Verdict::Ok), (1, Verdict::Error)]));
    rig.until("the newer one is written", |snapshot| snapshot.written.error == 1).await;
    let log = fake.world(|world| world.log.clone());
    let patches: Vec<_> = log.iter().filter(|seen| seen.line.starts_with("PATCH")).collect();
    assert_eq!(patches.len(), 2);
    assert!(patches[1].line.ends_with(&client_id(1)) && patches[1].at - patches[0].at >= Duration::from_millis(1990));
    rig.pusher.stop().await;
}

#[tokio::test]
async fn powers_are_written_last_and_only_beyond_the_dead_band() {
    let mut rows = houses(3);
    rows[1]["potencyRead"] = json!(-21.0);
    rows[2]["potencyRead"] = json!("-21.4");
    let fake = Fake::start(rows).await;
    let rig = start(&fake, |config| config.write_power = true);
    let mut wishes = all(3, Verdict::Ok);
    wishes.wishes[0].verdict = Verdict::Error;
    for (wish, rx) in wishes.wishes.iter_mut().zip([None, Some(-21.37), Some(-22.5)]) {
        wish.rx = rx.map(|rx| Dbm::new(rx).unwrap());
    }
    rig.pusher.submit(wishes.clone());
    rig.until("the power is written", |snapshot| snapshot.written.powers == 1).await;
    assert_eq!(
        fake.world(|world| writes(world)),
        [format!("PATCH /ftth-clients/{}", client_id(0)), format!("PATCH /properties/{}", property_id(2))]
    );
    assert_eq!(fake.world(|world| world.log.last().unwrap().body.clone()), json!({"potencyRead": -22.5}));
    wishes.wishes[1].rx = Some(Dbm::new(-20.0).unwrap());
    wishes.wishes[2].rx = Some(Dbm::new(-22.2).unwrap());
    rig.pusher.submit(wishes);
    rig.until("the other is written", |snapshot| snapshot.written.powers == 2).await;
    assert_eq!(fake.world(|world| writes(world).len()), 3);
    rig.pusher.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_the_request_in_hand_and_begins_no_other() {
    let fake = Fake::start(houses(3)).await;
    let slow = Reply { delay: Duration::from_millis(300), apply: true, ..reply(204) };
    fake.world(|world| world.script.push(("PATCH ", VecDeque::from([slow]))));
    let rig = start(&fake, |_| {});
    rig.pusher.submit(all(3, Verdict::Error));
    fake.until("the first is in flight", |world| world.lines("PATCH").len() == 1).await;
    rig.pusher.stop().await;
    let snapshot = rig.pusher.snapshot();
    // Nobody has seen what came of it, and the journal would say so.
    assert_eq!((snapshot.written.error, snapshot.pending, snapshot.unseen), (0, 2, 1));
    assert_eq!(fake.world(|world| world.lines("PATCH").len()), 1);
    rig.pusher.stop().await; // harmless
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_rate_a_back_off_or_a_read() {
    let fake = Fake::start(houses(3)).await;
    // A rate of one in a thousand seconds; a read that never comes; a back-off of an hour.
    let slow = start(&fake, |config| (config.requests_per_second, config.burst) = (0.001, 1));
    slow.until("the directory is there", |snapshot| snapshot.directory.is_some()).await;
    slow.pusher.submit(all(3, Verdict::Error));
    slow.until("it was planned", |snapshot| snapshot.pending == 3).await;

    fake.world(|world| {
        world.always.push(("GET ".to_owned(), Reply { delay: Duration::from_secs(3600), ..reply(200) }))
    });
    let reading = start(&fake, |_| {});
    let hour = Duration::from_secs(3600);
    fake.until("it reads", |world| world.lines("GET /properties").len() == 2).await;
    fake.world(|world| world.always = vec![("GET ".to_owned(), reply(500))]);
    let failing = start_timed(&fake, Timing { backoff_first: hour, backoff_most: hour, ..quick() }, |_| {});
    fake.until("it failed", |world| world.lines("GET /properties").len() == 3).await;

    let stops = async {
        tokio::join!(slow.pusher.stop(), reading.pusher.stop(), failing.pusher.stop());
    };
    tokio::time::timeout(Duration::from_secs(60), stops).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_daemon_or_of_the_handle_ends_the_task() {
    let fake = Fake::start(houses(3)).await;
    let rig = start(&fake, |_| {});
    rig.settled(0).await;
    rig._shutdown.send(true).unwrap();
    let mut snapshots = rig.pusher.subscribe();
    tokio::time::timeout(Duration::from_secs(60), async { while snapshots.changed().await.is_ok() {} }).await.unwrap();

    let rig = start(&fake, |_| {});
    let mut snapshots = rig.pusher.subscribe();
    let Rig { pusher, _shutdown } = rig;
    drop(pusher);
    tokio::time::timeout(Duration::from_secs(60), async { while snapshots.changed().await.is_ok() {} }).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_says_who_is_unmatched_and_holds_no_secret() {
    let mut rows = houses(300);
    rows[1]["client"]["onu"]["serial_number"] = json!("ZTEG00000000");
    rows[2]["client"]["implanted"] = json!(false);
    rows[3]["olt"] = json!({"user": "admin-7f3a", "password": "pw-7f3a"});
    rows[3]["client"]["snmp"] = json!({"community": "private-7f3a"});
    let fake = Fake::start(rows).await;
    let rig = start(&fake, |_| {});
    let of = [(0, Verdict::Error), (2, Verdict::Error), (3, Verdict::Ok)].into_iter();
    rig.pusher.submit(wishes("a", true, of.chain((1000..1200).map(|n| (n, Verdict::Error)))));
    let snapshot = rig.until("it was planned", |snapshot| snapshot.matching.unmatched > 0).await;
    let matching = &snapshot.matching;
    assert_eq!((matching.matched, matching.unmatched, matching.ambiguous, matching.not_implanted), (1, 200, 1, 1));
    assert_eq!((matching.unmatched_onus.len(), matching.idle_clients.len()), (LISTED, LISTED));
    assert_eq!(matching.ambiguities[0].clients.len(), 2);
    let json = serde_json::to_string(&*snapshot).unwrap();
    assert!(!json.contains("7f3a") && !json.contains(crate::ozmap::fake::TOKEN), "{json}");
    assert!(json.contains("\"mode\":\"write\"") && json.contains("\"unmatched\":200"), "{json}");
    rig.pusher.stop().await;
    assert_eq!(fake.world(|world| writes(world).len()), 0);
}

#[tokio::test]
async fn a_flood_of_errors_waits_for_a_second_sweep() {
    let fake = Fake::start(houses(100)).await;
    let rig = start(&fake, |config| config.brake = crate::config::BrakeRule { share: 0.1, least: 20 });
    let flood = |state, red: std::ops::Range<usize>| {
        let verdict = |n| if red.contains(&n) { Verdict::Error } else { Verdict::Ok };
        let looks = Looks { state, optics: 1 };
        OltWishes { looks, ..wishes("a", true, (0..100).map(|n| (n, verdict(n)))) }
    };
    rig.pusher.submit(flood(1, 0..40));
    let snapshot = rig.until("the brake holds", |snapshot| snapshot.held == 40).await;
    assert_eq!((snapshot.braked[0].of, snapshot.braked[0].changes.len(), snapshot.pending), (100, 40, 0));
    // Planned again within the same sweep, it stays.
    rig.pusher.submit(wishes("b", true, []));
    rig.until("it was planned again", |snapshot| snapshot.olts == 2 && snapshot.held == 40).await;
    assert_eq!(fake.world(|world| writes(world)), [] as [String; 0]);
    // The second sweep agrees with half of it.
    rig.pusher.submit(flood(2, 20..40));
    rig.until("what is confirmed is written", |snapshot| snapshot.written.error == 20 && snapshot.held == 0).await;
    let red = fake.world(|world| (0..100).filter(|n| world.status(&client_id(*n)) == 1).count());
    assert_eq!(red, 20);
    // The same wishes with another look are enough.
    rig.pusher.submit(flood(3, 20..70));
    rig.until("the brake holds", |snapshot| snapshot.held == 30).await;
    rig.pusher.submit(flood(4, 20..70));
    rig.until("the rest is written", |snapshot| snapshot.written.error == 50).await;
    rig.pusher.stop().await;
}
