//! Against an engine whose cryptography is snmp2's, so that our sealer and its opener check each other, and the other way
//! around.

use std::time::Duration;

use snmp2::MessageType;

use super::super::ber::{INTEGER, Writer};
use super::super::codec::{Names, Operation};
use super::super::device::Protocol;
use super::super::testing::{Agent, World, oid, response_pdu, target, write_varbinds};
use super::super::{Counters, Oid, Target, Value};
use super::*;
use crate::config::{AuthProtocol, KeyExtension, PrivacyProtocol, Secret};

mod defects;
mod engines;
mod far;
mod notifications;

use self::far::{FarEngine, Forgery, plain, report, seal};
pub(crate) use self::notifications::{credential_of_traps, sealed_trap};

const ROOT: &str = "1.3.6.1.4.1.9";
const AUTH_PASSWORD: &str = "authentication words";
const PRIVACY_PASSWORD: &str = "privacy words";
const AUTHS: [AuthProtocol; 6] = [
    AuthProtocol::Md5,
    AuthProtocol::Sha1,
    AuthProtocol::Sha224,
    AuthProtocol::Sha256,
    AuthProtocol::Sha384,
    AuthProtocol::Sha512,
];
const PRIVACIES: [PrivacyProtocol; 4] =
    [PrivacyProtocol::Des, PrivacyProtocol::Aes128, PrivacyProtocol::Aes192, PrivacyProtocol::Aes256];

type Level = (Option<AuthProtocol>, Option<(PrivacyProtocol, KeyExtension)>);
const PRIVATE: Level = (Some(AuthProtocol::Sha256), Some((PrivacyProtocol::Aes128, KeyExtension::Blumenthal)));
const SIGNED: Level = (Some(AuthProtocol::Sha1), None);

fn credential(level: Level) -> Credential {
    let auth = level.0.map(|protocol| Auth { protocol, password: Secret::new(AUTH_PASSWORD.to_owned()) });
    let privacy = level.1.map(|(protocol, key_extension)| Privacy {
        protocol,
        password: Secret::new(PRIVACY_PASSWORD.to_owned()),
        key_extension,
    });
    Credential { name: "v3".to_owned(), version: SnmpVersion::V3 { user: "noc".to_owned(), auth, privacy } }
}

fn usm(level: Level) -> Usm {
    Usm::new(&credential(level)).unwrap().unwrap()
}

/// Makes the keys that it waits for.
fn equip(usm: &mut Usm) {
    let made = usm.chore().unwrap().run();
    usm.equip(made).unwrap();
}

fn world(engine: &mut FarEngine) -> World<'_> {
    let protocol = Protocol::V3(Box::new(usm(engine.level)));
    let mut world = World::new(&target(), protocol, Box::new(|now, datagram| engine.answer(now, datagram)));
    world.now = Instant::now();
    world
}

fn get(world: &mut World<'_>) -> Result<Value, SnmpError> {
    world.fetch(false, &[oid(ROOT).child(&[1, 7])]).map(|got| got[0].value.clone())
}

const SEVEN: Value = Value::Integer(100_007);

#[test]
fn every_pair_and_both_key_extensions_read_the_same() {
    let mut levels: Vec<Level> = vec![(None, None)];
    for auth in AUTHS {
        levels.push((Some(auth), None));
        for privacy in PRIVACIES {
            levels.push((Some(auth), Some((privacy, KeyExtension::Blumenthal))));
            levels.push((Some(auth), Some((privacy, KeyExtension::Reeder))));
        }
    }
    for level in levels {
        let mut engine = FarEngine::new(level);
        let mut world = world(&mut engine);
        let walked = world.walk_table(ROOT, 2);
        assert!(walked.is_complete(), "{level:?} {:?}", walked.columns[0].end);
        assert_eq!(walked.columns[1].rows.len(), 30);
        assert_eq!(get(&mut world), Ok(SEVEN));
        let counters = world.device.counters();
        assert_eq!((counters.discoveries, counters.retries, counters.unauthenticated), (1, 0, 0), "{level:?}");
    }
}

#[test]
fn no_salt_occurs_twice_and_none_is_that_of_another_start() {
    for privacy in PRIVACIES {
        let mut salts = std::collections::HashSet::new();
        for _ in 0..3 {
            let mut usm = usm((Some(AuthProtocol::Sha1), Some((privacy, KeyExtension::Blumenthal))));
            let now = Instant::now();
            usm.begin_with(now, vec![0x80, 1], 3, 1_000);
            equip(&mut usm);
            for id in 1..100 {
                let request = Request { operation: Operation::Get, names: Names::of(&[oid(ROOT)]) };
                let mut datagram = Vec::new();
                usm.seal(now, id, &request, &mut datagram).unwrap();
                let header = read(&datagram).unwrap();
                assert_eq!(header.salt.len(), 8);
                assert!(salts.insert(header.salt.to_vec()), "{privacy:?}");
                assert!(privacy != PrivacyProtocol::Des || header.salt.starts_with(&[0, 0, 0, 3]));
            }
        }
    }
}

#[test]
fn hours_of_silence_do_no_harm() {
    let mut engine = FarEngine::new(PRIVATE);
    let mut world = world(&mut engine);
    for seconds in [0, 165, 300, 7200, 90_000] {
        world.now += Duration::from_secs(seconds);
        let before = world.device.counters().sent;
        assert_eq!(get(&mut world), Ok(SEVEN));
        // Nothing but the request itself, and the discovery the first time.
        assert_eq!(world.device.counters().sent - before, 1 + u64::from(seconds == 0));
    }
}

#[test]
fn a_clock_that_ran_apart_is_taken_over_from_a_signed_report() {
    for (boots, jump) in [(3, 1000_i64), (4, -900), (9, 0)] {
        let mut engine = FarEngine::new(PRIVATE);
        let start = Instant::now();
        let mut usm = usm(PRIVATE);
        let mut discovered = report(1, 4, &engine.id, engine.boots, engine.time(start));
        let mut plain = Vec::new();
        let opened = usm.open(start, &read(&discovered).unwrap(), true, &mut plain);
        assert!(matches!(opened, Opened::Discovered));
        equip(&mut usm);
        discovered.clear();
        engine.boots = boots;
        engine.booted = if jump >= 0 {
            engine.booted.checked_sub(Duration::from_secs(jump.unsigned_abs())).unwrap()
        } else {
            engine.booted + Duration::from_secs(jump.unsigned_abs())
        };
        let protocol = Protocol::V3(Box::new(usm));
        let mut world = World::new(&target(), protocol, Box::new(|now, datagram| engine.answer(now, datagram)));
        assert_eq!(get(&mut world), Ok(SEVEN), "{boots} {jump}");
        let counters = world.device.counters();
        assert_eq!((counters.reports, counters.sent, counters.timeouts), (1, 2, 0));
        assert_eq!(get(&mut world), Ok(SEVEN));
        assert_eq!(world.device.counters().sent, 3);
    }
}

/// A device keeps its state over this; a reboot in the middle of a session.
fn after_change(change: impl FnOnce(&mut FarEngine)) -> (Result<Value, SnmpError>, Counters) {
    let engine = std::cell::RefCell::new(FarEngine::new(PRIVATE));
    let protocol = Protocol::V3(Box::new(usm(PRIVATE)));
    let mut world =
        World::new(&target(), protocol, Box::new(|now, datagram| engine.borrow_mut().answer(now, datagram)));
    assert_eq!(get(&mut world), Ok(SEVEN));
    change(&mut engine.borrow_mut());
    world.now += Duration::from_secs(5);
    let got = get(&mut world);
    (got, world.device.counters())
}

#[test]
fn a_reboot_in_the_middle_costs_a_report_not_a_failure() {
    let (got, counters) = after_change(|engine| {
        engine.boots += 1;
        engine.booted = Instant::now();
    });
    assert_eq!(got, Ok(SEVEN));
    assert_eq!((counters.discoveries, counters.timeouts), (1, 0));
}

#[test]
fn an_engine_that_lost_its_boots_or_its_id_is_discovered_again() {
    let (got, counters) = after_change(|engine| {
        // The far side, which is snmp2, cannot say 0.
        engine.boots = 1;
        engine.booted = Instant::now();
    });
    assert_eq!((got, counters.discoveries), (Ok(SEVEN), 2));
    let (got, counters) = after_change(|engine| engine.id = vec![0x80, 0, 0, 9, 9, 9]);
    assert_eq!((got, counters.discoveries, counters.timeouts), (Ok(SEVEN), 2, 0));
}

/// A PDU that would be believed if its message were.
fn tempting(header: &Header<'_>) -> Vec<u8> {
    let varbinds = write_varbinds(&[(oid(ROOT).child(&[1, 7]), Value::Integer(666))]);
    response_pdu(0xa2, header.id, 0, 0, &varbinds)
}

/// A message that claims to be signed, with a signature of the right length.
fn forge(header: &Header<'_>, engine: (&[u8], i64, i64), user: &str, octet: u8, pdu: &[u8]) -> Vec<u8> {
    plain(header.id, message::AUTH, engine, user, &vec![octet; header.tag.len()], pdu)
}

#[test]
fn forged_messages_change_nothing() {
    fn now_with_zero_tag(header: &Header<'_>) -> Vec<u8> {
        let (boots, time) = (i64::from(header.boots), i64::from(header.time));
        forge(header, (header.engine_id, boots, time), "noc", 0, &tempting(header))
    }
    fn far_boots(header: &Header<'_>) -> Vec<u8> {
        forge(header, (header.engine_id, i64::from(i32::MAX), 5), "noc", 0, &tempting(header))
    }
    fn far_time(header: &Header<'_>) -> Vec<u8> {
        forge(header, (header.engine_id, 3, i64::from(i32::MAX)), "noc", 9, &tempting(header))
    }
    fn another_engine(header: &Header<'_>) -> Vec<u8> {
        forge(header, (&[1, 2, 3, 4, 5], 77, 5), "noc", 9, &tempting(header))
    }
    fn another_user(header: &Header<'_>) -> Vec<u8> {
        forge(header, (header.engine_id, 3, 5), "eve", 9, &tempting(header))
    }
    fn signed_clock(header: &Header<'_>) -> Vec<u8> {
        let varbinds = write_varbinds(&[(oid("1.3.6.1.6.3.15.1.1.2.0"), Value::Counter32(1))]);
        let pdu = response_pdu(0xa8, header.id, 0, 0, &varbinds);
        forge(header, (header.engine_id, i64::from(i32::MAX), 5), "noc", 0, &pdu)
    }
    fn unsigned_clock(header: &Header<'_>) -> Vec<u8> {
        report(header.id, 2, header.engine_id, i64::from(i32::MAX), 0)
    }
    fn unsigned_values(header: &Header<'_>) -> Vec<u8> {
        plain(header.id, 0, (header.engine_id, 3, 5), "noc", &[], &tempting(header))
    }
    fn encrypted_unsigned(header: &Header<'_>) -> Vec<u8> {
        plain(header.id, message::PRIVACY, (header.engine_id, 3, 5), "noc", &[], &tempting(header))
    }
    let forgeries: [Forgery; 9] = [
        now_with_zero_tag,
        far_boots,
        far_time,
        another_engine,
        another_user,
        signed_clock,
        unsigned_clock,
        unsigned_values,
        encrypted_unsigned,
    ];
    for level in [SIGNED, PRIVATE] {
        for forgery in forgeries {
            let mut engine = FarEngine { forged: vec![forgery], ..FarEngine::new(level) };
            let mut world = world(&mut engine);
            for _ in 0..3 {
                assert_eq!(get(&mut world), Ok(SEVEN));
            }
            // The discovery, and each request once.
            let counters = world.device.counters();
            assert_eq!((counters.sent, counters.timeouts, counters.discoveries), (4, 0, 1), "{counters:?}");
        }
    }
}

#[test]
fn a_signed_answer_outside_of_the_time_window_is_not_believed() {
    let engine = FarEngine::new(PRIVATE);
    let now = Instant::now();
    let mut usm = usm(PRIVATE);
    usm.open(now, &read(&report(1, 4, &engine.id, 3, 1000)).unwrap(), true, &mut Vec::new());
    equip(&mut usm);
    let answer = |boots, time| seal(&engine.security(true, boots, time), 5, MessageType::Response, &[]);
    let mut believes = |answer: Vec<u8>| match usm.open(now, &read(&answer).unwrap(), false, &mut Vec::new()) {
        Opened::Response(_) => true,
        Opened::Untrue(_) => false,
        other => panic!("{other:?}"),
    };
    assert!(believes(answer(3, 5000)) && believes(answer(3, 4900)));
    for (boots, time) in [(3, 4849), (2, 6000), (0, 0)] {
        assert!(!believes(answer(boots, time)), "{boots} {time}");
    }
    assert!(believes(answer(4, 1)));
}

#[test]
fn any_legal_max_size_is_taken_in_unsigned_and_signed_messages() {
    /// The sealer writes 65507; the same length holds 8388607. Then it is signed again.
    fn larger(engine: &FarEngine, message: Vec<u8>) -> Vec<u8> {
        let place = message.windows(5).position(|octets| octets == [2, 3, 0, 0xff, 0xe3]);
        let Some(place) = place else { return message };
        let mut changed = message;
        changed.splice(place + 2..place + 5, [0x7f, 0xff, 0xff]);
        let header = read(&changed).unwrap();
        let config = credential(engine.level);
        let SnmpVersion::V3 { auth: Some(auth), privacy, .. } = &config.version else { return changed };
        let tag = header.around_tag.0.len()..header.around_tag.0.len() + header.tag.len();
        changed[tag.clone()].fill(0);
        Keys::localise(auth, privacy.as_ref(), &engine.id, 0).unwrap().sign(&mut changed, tag);
        changed
    }
    for level in [(None, None), SIGNED, PRIVATE] {
        let mut engine = FarEngine { change: Some(larger), ..FarEngine::new(level) };
        let mut world = world(&mut engine);
        assert_eq!(get(&mut world), Ok(SEVEN));
        let counters = world.device.counters();
        assert_eq!((counters.garbage, counters.unauthenticated), (0, 0));
    }
}

#[test]
fn reports_are_told_apart() {
    for (counter, refusal) in [
        (1, Refusal::Level),
        (3, Refusal::UnknownUser),
        (4, Refusal::EngineId),
        (5, Refusal::Digest),
        (6, Refusal::Decryption),
        (9, Refusal::Other),
    ] {
        let mut engine = FarEngine { report: Some(counter), ..FarEngine::new(SIGNED) };
        let mut world = world(&mut engine);
        let error = get(&mut world).unwrap_err();
        assert!(
            matches!(&error, SnmpError::Refused { user, refusal: found, .. } if *found == refusal && user == "noc"),
            "{error:?}"
        );
        assert!(world.device.counters().sent < 10);
        let walked = world.walk_table(ROOT, 2);
        assert!(walked.columns.iter().all(|column| matches!(&column.end, Err(SnmpError::Refused { .. }))));
    }
}

#[test]
fn an_engine_that_never_finds_us_in_its_window_is_given_up() {
    /// Its own clock stands elsewhere than its Reports say.
    fn never(engine: &FarEngine, message: Vec<u8>) -> Vec<u8> {
        let header = read(&message).unwrap();
        if header.flags == 0 || header.flags == 4 {
            return message;
        }
        let counter = write_varbinds(&[(oid("1.3.6.1.6.3.15.1.1.2.0"), Value::Counter32(1))]);
        seal(&engine.security(false, engine.boots, 5_000), header.id, MessageType::Report, &counter)
    }
    let mut engine = FarEngine { change: Some(never), ..FarEngine::new(SIGNED) };
    let mut world = world(&mut engine);
    let error = get(&mut world).unwrap_err();
    assert!(matches!(error, SnmpError::Refused { refusal: Refusal::TimeWindow, .. }), "{error:?}");
    assert!(world.device.counters().sent <= 4);
}

#[test]
fn silence_is_explained_by_how_far_it_came() {
    let mut engine = FarEngine::new(PRIVATE);
    engine.level.1 = Some((PrivacyProtocol::Aes256, KeyExtension::Blumenthal));
    let protocol = Protocol::V3(Box::new(usm(PRIVATE)));
    let mut world = World::new(&target(), protocol, Box::new(|now, datagram| engine.answer(now, datagram)));
    let error = get(&mut world).unwrap_err().to_string();
    assert!(error.contains("privacy password"), "{error}");
    let protocol = Protocol::V3(Box::new(usm(PRIVATE)));
    let mut world = World::new(&target(), protocol, Box::new(|_, _| Vec::new()));
    let error = get(&mut world).unwrap_err();
    assert!(error.to_string().contains("does not speak SNMPv3"), "{error}");
    assert_eq!(world.device.counters().sent, 4);
}

#[test]
fn loss_and_duplicates_are_survived_with_fresh_ids() {
    for seed in 0..5 {
        let mut engine = FarEngine::new(PRIVATE);
        let protocol = Protocol::V3(Box::new(usm(engine.level)));
        let target = Target { retries: 9, max_repetitions: 2, ..target() };
        let mut world = World::new(&target, protocol, Box::new(|now, datagram| engine.answer(now, datagram)));
        world.network.random = fastrand::Rng::with_seed(seed);
        (world.network.loss, world.network.duplicates) = (0.2, 0.2);
        world.network.delay = (Duration::from_millis(1), Duration::from_millis(900));
        // Answers are on their way for longer than waits are known to need.
        world.at_most = None;
        let walked = world.walk_table(ROOT, 2);
        assert!(walked.is_complete() && walked.columns.iter().all(|column| column.rows.len() == 30));
        assert!(world.device.counters().retries > 0);
    }
}

#[test]
fn credentials_that_snmp_does_not_allow_are_refused_by_name_and_never_shown() {
    let broken = |change: fn(&mut SnmpVersion)| {
        let mut credential = credential(PRIVATE);
        change(&mut credential.version);
        Usm::new(&credential).unwrap_err().to_string()
    };
    let error = broken(|version| {
        if let SnmpVersion::V3 { auth: Some(auth), .. } = version {
            auth.password = Secret::new(String::new());
        }
    });
    assert_eq!(error, "authentication password of SNMP credential \"v3\": at least 8 octets were expected");
    let error = broken(|version| {
        if let SnmpVersion::V3 { privacy: Some(privacy), .. } = version {
            privacy.password = Secret::new("seven77".to_owned());
        }
    });
    assert!(error.contains("privacy password") && !error.contains("seven77"));
    let error = broken(|version| {
        if let SnmpVersion::V3 { auth, .. } = version {
            *auth = None;
        }
    });
    assert!(error.contains("authentication password with it"));
    for user in [String::new(), "x".repeat(33)] {
        let version = SnmpVersion::V3 { user, auth: None, privacy: None };
        assert!(Usm::new(&Credential { name: "v3".to_owned(), version }).is_err());
    }
    let mut usm = usm(PRIVATE);
    usm.open(Instant::now(), &read(&report(1, 4, &[1, 2, 3, 4, 5], 3, 1000)).unwrap(), true, &mut Vec::new());
    let shown = format!("{usm:?}");
    assert!(!shown.contains("words") && !shown.contains("119, 111, 114, 100, 115"), "{shown}");
}
