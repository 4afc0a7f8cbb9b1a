//! What other implementations trip over, each with a test of its own: octets that are not ours to write, boots that begin
//! at 0, clocks at their end, requests as large as they get, and small stacks.

use super::*;

/// A message with a true signature, from an engine that boots and counts as given.
fn signed(level: Level, id: i32, engine: (&[u8], i64, i64), pdu: &[u8]) -> Vec<u8> {
    let config = credential(level);
    let SnmpVersion::V3 { auth: Some(auth), privacy, .. } = &config.version else { panic!("a level that signs") };
    let keys = Keys::localise(auth, privacy.as_ref(), engine.0, 0).unwrap();
    // SHA-1's signatures have 12 octets.
    let mut message = plain(id, message::AUTH, engine, "noc", &[0; 12], pdu);
    let start = read(&message).unwrap().around_tag.0.len();
    keys.sign(&mut message, start..start + 12);
    message
}

/// A user who knows this engine, with its keys.
fn knows(level: Level, engine: (&[u8], i64, i64)) -> Usm {
    let mut usm = usm(level);
    usm.begin_with(Instant::now(), engine.0.to_vec(), engine.1, engine.2);
    equip(&mut usm);
    usm
}

#[test]
fn opening_a_message_leaves_its_octets_as_they_are() {
    let now = Instant::now();
    for level in [SIGNED, PRIVATE] {
        let engine = FarEngine::new(level);
        let mut usm = knows(level, (&engine.id, engine.boots, 1_000));
        let security = engine.security(true, engine.boots, 1_000);
        let good = seal(&security, 5, MessageType::Response, &write_varbinds(&[(oid(ROOT), SEVEN)]));
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        for (datagram, is_good) in [(good, true), (bad, false)] {
            let shared = datagram.as_slice();
            let copy = shared.to_vec();
            let mut plain = Vec::new();
            let opened = usm.open(now, &read(shared).unwrap(), false, &mut plain);
            assert_eq!(matches!(opened, Opened::Response(_)), is_good, "{opened:?}");
            assert_eq!(shared, copy);
        }
    }
}

#[test]
fn an_engine_that_has_never_booted_before_is_read() {
    let id = [0x80, 0, 0, 1, 9];
    let mut usm = usm(SIGNED);
    let now = Instant::now();
    assert!(matches!(
        usm.open(now, &read(&report(1, 4, &id, 0, 0)).unwrap(), true, &mut Vec::new()),
        Opened::Discovered
    ));
    equip(&mut usm);
    let request = Request { operation: Operation::Get, names: Names::of(&[oid(ROOT)]) };
    let mut sealed = Vec::new();
    usm.seal(now, 7, &request, &mut sealed).unwrap();
    assert_eq!(read(&sealed).unwrap().boots, 0);
    let pdu = response_pdu(0xa2, 7, 0, 0, &write_varbinds(&[(oid(ROOT), SEVEN)]));
    let answer = signed(SIGNED, 7, (&id, 0, 3), &pdu);
    assert!(matches!(usm.open(now, &read(&answer).unwrap(), false, &mut Vec::new()), Opened::Response(_)));
}

#[test]
fn clocks_at_their_end_are_read_without_an_overflow() {
    let id = [0x80, 0, 0, 1, 9];
    let last = i64::from(i32::MAX);
    let now = Instant::now();
    for (boots, time) in [(0, last), (last, 0), (last, last)] {
        let pdu = response_pdu(0xa2, 7, 0, 0, &write_varbinds(&[(oid(ROOT), SEVEN)]));
        // Nobody signs anything: what the header says of the clock is not even looked at.
        let mut open = usm((None, None));
        open.open(now, &read(&report(1, 4, &id, boots, time)).unwrap(), true, &mut Vec::new());
        equip(&mut open);
        let answer = plain(7, 0, (&id, boots, time), "noc", &[], &pdu);
        assert!(matches!(open.open(now, &read(&answer).unwrap(), false, &mut Vec::new()), Opened::Response(_)));
        let mut signing = knows(SIGNED, (&id, boots, time));
        let later = now + Duration::from_secs(100_000_000);
        for at in [now, later] {
            let request = Request { operation: Operation::Get, names: Names::of(&[oid(ROOT)]) };
            let mut sealed = Vec::new();
            signing.seal(at, 7, &request, &mut sealed).unwrap();
            let header = read(&sealed).unwrap();
            assert!(header.boots >= 0 && header.time >= 0);
        }
        let answer = signed(SIGNED, 7, (&id, last, last), &pdu);
        assert!(matches!(signing.open(later, &read(&answer).unwrap(), false, &mut Vec::new()), Opened::Response(_)));
    }
}

#[test]
fn the_largest_request_that_a_job_makes_is_sealed() {
    let longest = Oid::new(&[vec![1, 3], vec![u32::MAX; 126]].concat());
    let mut usm = knows(PRIVATE, (&[0x80, 0, 0, 1, 9], 3, 1_000));
    let request = Request { operation: Operation::Get, names: Names::of(&vec![longest; 64]) };
    let mut sealed = Vec::new();
    usm.seal(Instant::now(), 7, &request, &mut sealed).unwrap();
    assert!(sealed.len() > 40_000);
}

#[test]
fn sealing_and_opening_fit_on_a_small_stack() {
    // A worker's thread has 2 MiB and much else on it.
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let walked = small.spawn(|| {
        let mut engine = FarEngine::new(PRIVATE);
        world(&mut engine).walk_table(ROOT, 2).is_complete()
    });
    assert!(walked.unwrap().join().unwrap());
}
