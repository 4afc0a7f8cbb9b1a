//! Engines that are known from before, whose keys are made elsewhere, and that are not alone with their ID.

use super::*;
use crate::snmp::commons::Limits;
use crate::snmp::device::Device;
use crate::snmp::fetch::FetchJob;
use crate::snmp::fleet::Fleet;
use crate::snmp::job::{AnyJob, Outcome};
use crate::snmp::{Engine, EngineLimits};

#[test]
fn an_engine_known_from_before_needs_no_discovery_and_one_that_has_changed_says_so() {
    // What was kept: as it is; a clock that is far off; of a boot ago; of another engine altogether.
    let id = FarEngine::new(PRIVATE).id;
    for (kept, boots, time, requests) in
        [(id.clone(), 3, 1_000, 1), (id.clone(), 3, 5, 2), (id.clone(), 2, 9_000, 2), (vec![0x80, 0, 9], 3, 1_000, 3)]
    {
        let mut engine = FarEngine::new(PRIVATE);
        let mut usm = usm(PRIVATE);
        usm.begin_with(Instant::now(), kept, boots, time);
        let mut world =
            World::new(&target(), Protocol::V3(Box::new(usm)), Box::new(|now, datagram| engine.answer(now, datagram)));
        assert_eq!(get(&mut world).unwrap(), SEVEN);
        assert_eq!(world.device.counters().sent, requests, "{boots} {time}");
        let now = world.now;
        let (confirmed, boots, _) = world.device.engine_news(now).unwrap();
        assert_eq!((confirmed, boots), (id.as_slice(), 3));
        assert_eq!(world.device.counters().engine_boots, Some(3));
        assert_eq!(world.device.engine_news(now), None, "told once");
    }
}

#[test]
fn what_is_not_signed_is_no_news_of_an_engine() {
    let mut usm = usm(PRIVATE);
    let now = Instant::now();
    let forged = report(1, 4, &[0x80, 6, 6, 6], 1, 1);
    assert!(matches!(usm.open(now, &read(&forged).unwrap(), true, &mut Vec::new()), Opened::Discovered));
    equip(&mut usm);
    assert_eq!(usm.news(now), None);
    assert!(usm.is_ready() && !usm.is_waiting_for_keys());
}

#[test]
fn keys_for_an_engine_that_is_not_wanted_any_more_are_dropped() {
    let mut usm = usm(PRIVATE);
    let now = Instant::now();
    usm.begin_with(now, vec![0x80, 1], 1, 1);
    let chore = usm.chore().unwrap();
    assert!(usm.chore().is_none(), "made once");
    usm.begin_with(now, vec![0x80, 2], 1, 1);
    usm.equip(chore.run()).unwrap();
    assert!(!usm.is_ready() && usm.is_waiting_for_keys());
    equip(&mut usm);
    assert!(usm.is_ready());
}

#[test]
fn two_olts_with_one_engine_id_are_told_and_stay_readable() {
    let mut engines = [FarEngine::new(PRIVATE), FarEngine::new(PRIVATE), FarEngine::new(PRIVATE)];
    engines[2].id = vec![0x80, 9, 9, 9, 9];
    engines[1].boots = 77;
    let peer = |number: u32| format!("192.0.2.{}:161", number + 1);
    let mut fleet = Fleet::new(Limits::NONE, fastrand::Rng::with_seed(4));
    for number in 0..3 {
        let target = Target { address: peer(number), ..target() };
        let protocol = Protocol::V3(Box::new(usm(PRIVATE)));
        fleet.join(number, Device::new(number, &target, peer(number).parse().unwrap(), protocol));
    }
    let now = Instant::now();
    let run = |fleet: &mut Fleet, engines: &mut [FarEngine; 3]| {
        let mut shared = std::collections::BTreeMap::new();
        for number in 0..3 {
            fleet.submit(number, AnyJob::Fetch(FetchJob::new(false, vec![oid(ROOT).child(&[1, 7])])));
        }
        let mut answered = 0;
        while answered < 3 {
            fleet.advance(now);
            for (number, chore) in fleet.chores() {
                fleet.equip(now, number, chore.run());
            }
            while let Some(letter) = fleet.outbox().next() {
                for answer in engines[usize::try_from(letter.device).unwrap()].answer(now, &letter.octets) {
                    fleet.receive(now, letter.to, &answer);
                }
            }
            for (_, _, outcome) in fleet.outcomes() {
                assert!(matches!(outcome, Outcome::Fetched(Ok(_))), "{outcome:?}");
                answered += 1;
            }
        }
        fleet.advance(now);
        fleet.counters(|number, counters| {
            shared.insert(number, counters.shared_engine);
        });
        shared.into_values().collect::<Vec<_>>()
    };
    assert_eq!(run(&mut fleet, &mut engines), [true, true, false]);
    let news = fleet.engine_news();
    assert_eq!(news.iter().map(|news| news.boots).collect::<Vec<_>>().len(), 3);
    // One of them gets an engine ID of its own.
    engines[1].id = vec![0x80, 1, 1, 1, 1];
    assert_eq!(run(&mut fleet, &mut engines), [false, false, false]);
    fleet.leave(now, 0);
}

#[tokio::test]
async fn engines_survive_a_restart_of_the_process_in_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engines");
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut engine = FarEngine::new(PRIVATE);
        let mut buffer = vec![0; 65_536];
        while let Ok((length, source)) = socket.recv_from(&mut buffer).await {
            for answer in engine.answer(Instant::now(), &buffer[..length]) {
                socket.send_to(&answer, source).await.unwrap();
            }
        }
    });
    for (life, requests) in [(0, 2), (1, 1), (2, 2)] {
        if life == 2 {
            std::fs::write(&file, "{ damaged").unwrap();
        }
        let engine = Engine::with_engine_file(EngineLimits::default(), &file);
        let session = engine.open(Target { address: address.clone(), ..target() }, &credential(PRIVATE)).await.unwrap();
        assert_eq!(session.get(&[oid(ROOT).child(&[1, 7])]).await.unwrap()[0].value, SEVEN);
        assert_eq!(session.counters().sent, requests, "life {life}");
        drop((session, engine));
        let written = async {
            while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&address)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), written).await.unwrap();
        assert!(!std::fs::read_to_string(&file).unwrap().contains(AUTH_PASSWORD));
    }
}
