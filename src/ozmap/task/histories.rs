//! Random histories: faults come and go, verdicts change, others write. In the end OZmap shows the truth, and nobody
//! was ever red without a reason.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use crate::config::BrakeRule;
use crate::model::{OltId, SweepKind, Verdict};
use crate::ozmap::fake::{Fake, Reply, client_id, house, quick, reply};
use crate::ozmap::matching::testing::onu;
use crate::ozmap::{Client, Looks, OltWishes, Pusher, Wish};

const CLIENTS: usize = 24;

fn wish(n: usize, verdict: Verdict) -> Wish {
    let n = u32::try_from(n).unwrap();
    Wish {
        identity: onu("a", n, &format!("ZTEG{n:08X}"), "", ""),
        verdict,
        evidence: SweepKind::State,
        reason: Arc::from("test"),
        rx: None,
        incident: None,
    }
}

fn fault(random: &mut fastrand::Rng) -> (&'static str, Reply) {
    let line = *random.choice(&["GET /properties", "GET /ftth-clients", "PATCH ", "POST "]).unwrap();
    let status = *random.choice(&[200, 400, 401, 403, 404, 408, 423, 429, 500, 502, 503, 504]).unwrap();
    let body = *random.choice(&["", "<html>no</html>", "{\"rows\": [", "{\"message\": \"no\"}"]).unwrap();
    let headers = if status == 429 && random.bool() { vec![("retry-after", "0".to_owned())] } else { Vec::new() };
    (line, Reply { body: body.to_owned(), headers, apply: random.bool(), ..reply(status) })
}

async fn history(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let fake = Fake::start((0..CLIENTS).map(house).collect()).await;
    let mut config = fake.config();
    config.full_read = Duration::from_millis(40);
    config.batch_above = random.usize(0..6);
    config.batch_size = random.usize(1..10);
    config.brake = BrakeRule { share: 0.1, least: random.usize(1..30) };
    let client = Client::with_timing(&config, quick()).unwrap();
    let (_shutdown, receiver) = watch::channel(false);
    let pusher = Pusher::spawn(&client, &config, receiver);
    let mut looks = Looks::default();
    let mut ever_red = BTreeSet::new();
    let mut verdicts = vec![Verdict::Hold; CLIENTS];
    for _ in 0..random.usize(5..25) {
        for (n, verdict) in verdicts.iter_mut().enumerate() {
            if random.u32(0..4) == 0 {
                *verdict = *random.choice(Verdict::ALL).unwrap();
            }
            if *verdict == Verdict::Error {
                ever_red.insert(n);
            }
        }
        looks.state += u64::from(random.bool());
        let wishes = verdicts.iter().enumerate().map(|(n, verdict)| wish(n, *verdict)).collect();
        pusher.submit(OltWishes { olt: OltId::new("a"), complete: true, looks, wishes });
        fake.world(|world| {
            for _ in 0..random.usize(0..4) {
                let (line, reply) = fault(&mut random);
                world.script.push((line, VecDeque::from(vec![reply; random.usize(1..4)])));
            }
            // Somebody else clears a client by hand.
            if random.u32(0..5) == 0 {
                world.rows[random.usize(0..CLIENTS)]["client"]["status"] = json!(0);
            }
            for n in 0..CLIENTS {
                assert!(
                    world.status(&client_id(n)) == 0 || ever_red.contains(&n),
                    "seed {seed}: client {n} is red and never had a reason to"
                );
            }
        });
        tokio::time::sleep(Duration::from_millis(random.u64(0..15))).await;
    }
    for verdict in &mut verdicts {
        if *verdict == Verdict::Hold {
            *verdict = Verdict::Ok;
        }
    }
    fake.world(|world| world.script.clear());
    let wishes: Vec<Wish> = verdicts.iter().enumerate().map(|(n, verdict)| wish(n, *verdict)).collect();
    // What the brake holds waits for a second look, so the OLT is looked at until OZmap shows the truth.
    let shown = |fake: &Fake| {
        fake.world(|world| {
            let mut all = verdicts.iter().enumerate();
            all.all(|(n, verdict)| world.status(&client_id(n)) == i64::from(*verdict == Verdict::Error))
        })
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !shown(&fake) {
        assert!(Instant::now() < deadline, "OZmap does not show the truth, seed {seed}");
        looks.state += 1;
        pusher.submit(OltWishes { olt: OltId::new("a"), complete: true, looks, wishes: wishes.clone() });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A write that was carried out but answered by a fault goes again; that is over after the next reads. From then on
    // there is nothing to write, however often the directory is read.
    let count = |begin: &str| fake.world(|world| world.lines(begin).len());
    let more_reads = async || {
        let reads = count("GET /properties");
        fake.until("three more reads", |world| world.lines("GET /properties").len() >= reads + 3).await;
    };
    more_reads().await;
    let mut snapshots = pusher.subscribe();
    let settled = snapshots.wait_for(|snapshot| snapshot.pending + snapshot.unseen == 0);
    tokio::time::timeout(Duration::from_secs(60), settled).await.unwrap().unwrap();
    let writes = count("P");
    more_reads().await;
    assert_eq!(count("P"), writes, "seed {seed}: written in steady state");
    pusher.stop().await;
}

#[tokio::test]
async fn whatever_happens_the_truth_is_shown_in_the_end() {
    let seeds = match std::env::var("OLTWATCH_HISTORY_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..=seed
        }
        Err(_) => 1..=12,
    };
    for seed in seeds {
        history(seed).await;
    }
}
