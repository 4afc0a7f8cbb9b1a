//! Hostile octets by the million, on any compiler: true messages and the kept ones of `fuzz/datagrams.txt` are changed at
//! random and given to the scanner (beside two other decoders), to a walk, to the opener of SNMPv3, and to the reader of traps.
//! `OLTWATCH_FUZZ_INPUTS` says how many inputs each target takes (a few thousand by default), `OLTWATCH_FUZZ_SEED` where
//! to begin; a failure names the input, which is the same every time. `docs/testing.md` has the command for a long run.
//!
//! The target of the profiles' decoder stands in `mib`, and takes its randomness from here.

mod others;

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::codec::{self, PduKind};
use super::commons::Commons;
use super::device::{Device, Protocol};
use super::job::{AnyJob, Outcome};
use super::testing::{PEER, commons, oid, receive, response_pdu, table_walk, target, v2c_message, write_varbinds};
use super::usm::{Opened, Usm};
use super::walk::WalkJob;
use super::{Oid, Target, Value, ber, usm};
use crate::config::{Auth, AuthProtocol, Credential, KeyExtension, Privacy, PrivacyProtocol, Secret, SnmpVersion};

const ROOT: &str = "1.3.6.1.4.1.9";

/// Calls a target with so many numbered generators of randomness.
pub(crate) fn each_input(few: u64, mut target: impl FnMut(u64, &mut fastrand::Rng)) {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (inputs, first) = (number("OLTWATCH_FUZZ_INPUTS", few), number("OLTWATCH_FUZZ_SEED", 1_u64));
    for input in first..first + inputs {
        target(input, &mut fastrand::Rng::with_seed(input));
    }
}

/// The datagrams that are kept: their names and octets.
fn kept() -> Vec<(&'static str, Vec<u8>)> {
    let lines = include_str!("fuzz/datagrams.txt").lines().filter(|line| !line.starts_with('#'));
    let octets = |hex: &str| -> Result<Vec<u8>, _> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16)).collect()
    };
    let read = |line: &'static str| {
        let (name, hex) = line.split_once('\t').unwrap_or_else(|| panic!("no name: {line:?}"));
        (name, octets(hex).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    lines.map(read).collect()
}

/// Octets that mean something to a reader of BER.
const TELLING: [u8; 18] =
    [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x30, 0x40, 0x46, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xa2, 0xa8, 0xfe, 0xff];

/// Changes octets a little, as line noise, a broken agent or a forger would.
pub(crate) fn mutate(random: &mut fastrand::Rng, octets: &mut Vec<u8>) {
    for _ in 0..random.usize(1..5) {
        if octets.is_empty() {
            octets.push(random.u8(..));
            continue;
        }
        let at = random.usize(..octets.len());
        let length = random.usize(1..9).min(octets.len() - at);
        match random.u8(..8) {
            0 | 1 => octets[at] ^= 1 << random.u8(..8),
            2 => octets[at] = TELLING[random.usize(..TELLING.len())],
            3 => octets[at] = octets[at].wrapping_add(random.u8(..3).wrapping_sub(1)),
            4 => drop(octets.drain(at..at + length)),
            5 => {
                let copy = octets[at..at + length].to_vec();
                octets.splice(at..at, copy);
            }
            6 => {
                let fresh: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
                octets.splice(at..at, fresh);
            }
            _ => octets.truncate(at),
        }
    }
}

pub(crate) fn random_value(random: &mut fastrand::Rng) -> Value {
    let octets = |random: &mut fastrand::Rng| -> Box<[u8]> {
        let length = random.usize(..40);
        std::iter::repeat_with(|| random.u8(..)).take(length).collect()
    };
    match random.u8(..13) {
        0 => Value::Integer(random.i64(..) >> random.u32(..64)),
        1 => Value::Counter32(random.u32(..)),
        2 => Value::Gauge32(random.u32(..)),
        3 => Value::TimeTicks(random.u32(..)),
        4 => Value::Counter64(random.u64(..)),
        5 | 6 => Value::OctetString(octets(random)),
        7 => Value::Opaque(octets(random)),
        8 => Value::ObjectId(oid("1.3.6").child(&[random.u32(..)])),
        9 => Value::IpAddress([random.u8(..); 4]),
        10 => Value::Null,
        11 => Value::NoSuchInstance,
        _ => Value::Integer(-random.i64(0..4_000)),
    }
}

/// A true answer to some request.
fn seed_message(random: &mut fastrand::Rng) -> Vec<u8> {
    let rows = random.u32(0..8);
    let varbinds: Vec<(Oid, Value)> =
        (0..rows).map(|row| (oid(ROOT).child(&[1, row * 300]), random_value(random))).collect();
    let kind = [0xa2, 0xa2, 0xa2, 0xa8][random.usize(..4)];
    v2c_message(
        "public",
        &response_pdu(kind, random.i32(..), random.i32(0..20), random.i32(0..9), &write_varbinds(&varbinds)),
    )
}

/// What was compared, so that a target shows that it looks at something.
#[derive(Debug, Default)]
struct Compared {
    messages: u64,
    values: u64,
}

/// Whatever snmp2 reads of a message we read too, and the same; where snmp-parser and we both read a message, it is the
/// same; and nothing makes us panic.
#[test]
fn the_scanner_reads_what_other_decoders_read() {
    let (mut of_snmp2, mut of_snmp_parser) = (Compared::default(), Compared::default());
    let mut compare = |input: &dyn Display, datagram: &[u8]| {
        others::compare_with_snmp2(input, datagram, &mut of_snmp2);
        others::compare_with_snmp_parser(input, datagram, &mut of_snmp_parser);
    };
    let kept = kept();
    for (name, datagram) in &kept {
        compare(name, datagram);
    }
    each_input(20_000, |input, random| {
        let mut datagram =
            if random.u8(..4) == 0 { kept[random.usize(..kept.len())].1.clone() } else { seed_message(random) };
        mutate(random, &mut datagram);
        compare(&input, &datagram);
    });
    for compared in [of_snmp2, of_snmp_parser] {
        assert!(compared.messages > 20 && compared.values > 20, "the target looks at something: {compared:?}");
    }
}

/// What other decoders can say of a true message they say as we do, and they can read all but those of odd kinds.
#[test]
fn other_decoders_read_every_true_message() {
    let mut random = fastrand::Rng::with_seed(7);
    let (mut of_snmp2, mut of_snmp_parser) = (Compared::default(), Compared::default());
    for input in 0..2_000 {
        let datagram = seed_message(&mut random);
        others::compare_with_snmp2(&input, &datagram, &mut of_snmp2);
        others::compare_with_snmp_parser(&input, &datagram, &mut of_snmp_parser);
    }
    assert_eq!(of_snmp2.messages, 2_000);
    // It takes no id below 0, and no integer that does not fit 32 bits.
    assert!(of_snmp_parser.messages > 400 && of_snmp_parser.values > 400, "{of_snmp_parser:?}");
}

/// Whatever arrives, a walk ends, its rows increase, and what it holds of what all share is given back.
#[test]
fn a_walk_survives_any_answers() {
    let mut rows = 0;
    let now = Instant::now();
    each_input(3_000, |input, random| {
        let target = Target { retries: 0, window: 2, ..target() };
        let protocol = Protocol::V2c(Secret::new("public".to_owned()));
        let mut device: Device<AnyJob> = Device::new(0, &target, PEER.parse().unwrap(), protocol);
        let mut commons: Commons = commons();
        device.submit(AnyJob::Walk(Box::new(WalkJob::new(super::Walk { max_rows: 60, ..table_walk(ROOT, 3) }))));
        let mut now = now;
        let walked = loop {
            device.advance(now, &mut commons);
            if let Some((_, outcome)) = device.finished() {
                let Outcome::Walked(walked) = outcome else { panic!() };
                break walked;
            }
            while let Some(letter) = commons.outbox.next() {
                let request = codec::scan_v2c(&letter.octets).unwrap().pdu;
                let PduKind::Other(_) = request.kind else { panic!() };
                let mut next: Vec<(Oid, Value)> = Vec::new();
                let mut arcs = Vec::new();
                for _ in 0..random.usize(1..6) {
                    for varbind in request.varbinds().flatten() {
                        varbind.name_into(&mut arcs).unwrap();
                        arcs.truncate(9);
                        let step = u32::try_from(next.len()).unwrap() + random.u32(0..3);
                        let last = u32::try_from(rows % 50).unwrap();
                        next.push((Oid::new(&arcs).child(&[last + step]), random_value(random)));
                    }
                }
                let mut list = write_varbinds(&next);
                if random.bool() {
                    mutate(random, &mut list);
                }
                let status = if random.u8(..8) == 0 { random.i32(0..20) } else { 0 };
                let mut answer =
                    v2c_message("public", &response_pdu(0xa2, request.request_id, status, random.i32(-1..5), &list));
                if random.u8(..4) == 0 {
                    mutate(random, &mut answer);
                }
                receive(&mut device, &mut commons, now, letter.to, &answer);
            }
            now = device.deadline(now).map_or(now, |deadline| deadline.max(now));
            assert!(device.counters().sent < 2_000, "input {input}: it does not end");
        };
        for column in &walked.columns {
            let indexes: Vec<Box<[u32]>> = column.rows.iter().map(|(index, _)| index).collect();
            assert!(indexes.windows(2).all(|pair| pair[0] < pair[1]) && indexes.len() <= 60, "input {input}");
            assert_eq!(indexes.len(), column.rows.len());
            rows += indexes.len();
        }
        device.advance(now + Duration::from_secs(600), &mut commons);
        assert_eq!((commons.gate.outstanding(), device.counters().in_flight), (0, 0), "input {input}");
    });
    assert!(rows > 1_000, "the target looks at something: {rows}");
}

fn secure() -> Usm {
    let password = |text: &str| Secret::new(text.to_owned());
    let version = SnmpVersion::V3 {
        user: "noc".to_owned(),
        auth: Some(Auth { protocol: AuthProtocol::Sha256, password: password("authentication words") }),
        privacy: Some(Privacy {
            protocol: PrivacyProtocol::Aes128,
            password: password("privacy words"),
            key_extension: KeyExtension::Blumenthal,
        }),
    };
    let mut usm = Usm::new(&Credential { name: "v3".to_owned(), version }).unwrap().unwrap();
    usm.begin_with(Instant::now(), vec![0x80, 0, 0x1f, 0x88, 4, 1, 2, 3], 3, 1_000);
    let made = usm.chore().unwrap().run();
    usm.equip(made).unwrap();
    usm
}

/// Whatever is changed in a signed message, it is not believed, and the clock stays where it was.
#[test]
fn no_changed_message_is_believed() {
    let now = Instant::now();
    let request = codec::Request { operation: codec::Operation::GetNext, names: codec::Names::of(&[oid(ROOT)]) };
    // Our own requests are signed as answers are: what tells them apart stands inside.
    let sealed = |id| {
        let mut datagram = Vec::new();
        secure().seal(now, id, &request, &mut datagram).unwrap();
        datagram
    };
    let signed: Vec<Vec<u8>> = (1..9).map(sealed).collect();
    let mut usm = secure();
    let (mut untrue, mut opened) = (0, 0);
    let mut open = |input: &dyn Display, datagram: &[u8], truth: &[u8], probing: bool| {
        let Ok(header) = usm::read(datagram) else { return };
        // Octets after a message are no part of it.
        let same = !truth.is_empty() && datagram.starts_with(truth);
        match usm.open(now, &header, probing, &mut Vec::new()) {
            Opened::Response(_) | Opened::Resynchronised => panic!("input {input} is believed: {datagram:02x?}"),
            Opened::Untrue(_) if same => opened += 1,
            Opened::Untrue(_) => untrue += 1,
            Opened::Discovered => usm = secure(),
            Opened::Changed | Opened::Refused(_) | Opened::Garbled(_) => {}
        }
        assert_eq!(usm.news(now), None, "input {input}");
    };
    let kept = kept();
    for (name, datagram) in &kept {
        open(name, datagram, &[], false);
        open(name, datagram, &[], true);
    }
    each_input(20_000, |input, random| {
        let (mut datagram, truth) = if random.u8(..8) == 0 {
            (kept[random.usize(..kept.len())].1.clone(), &[][..])
        } else {
            let truth = &signed[random.usize(..signed.len())];
            (truth.clone(), truth.as_slice())
        };
        mutate(random, &mut datagram);
        open(&input, &datagram, truth, random.u8(..16) == 0);
    });
    assert!(untrue > 100, "the target looks at something: {untrue} {opened}");
}

/// A trap that is read says what our own scanner reads of it, and an inform is answered. Whether it was read.
fn look_at_trap(input: &dyn Display, datagram: &[u8]) -> bool {
    let answer = super::acknowledgement(datagram);
    let _ = super::SealedTrap::read(datagram);
    let Ok(message) = super::decode_trap(datagram) else { return false };
    if codec::version(datagram) != Ok(codec::VERSION_2C) {
        return false;
    }
    assert_eq!(answer.is_some(), message.kind == super::TrapKind::Inform, "input {input}");
    let scanned = codec::scan_v2c(datagram).unwrap_or_else(|why| panic!("input {input}: {why}: {datagram:02x?}"));
    let name = |varbind: codec::RawVarBind<'_>| {
        let mut arcs = Vec::new();
        varbind.name_into(&mut arcs).map(|()| Oid::new(&arcs))
    };
    let names: Vec<Oid> = scanned.pdu.varbinds().flatten().filter_map(name).collect();
    assert!(message.varbinds.iter().all(|varbind| names.contains(&varbind.oid)), "input {input}: {datagram:02x?}");
    true
}

/// Whatever is changed in a trap, it is read or refused; what is read of it is what our own scanner reads.
#[test]
fn a_changed_trap_is_read_or_refused() {
    let kept = kept();
    for (name, datagram) in &kept {
        look_at_trap(name, datagram);
    }
    let mut read = 0;
    each_input(20_000, |input, random| {
        let mut datagram = if random.u8(..8) == 0 {
            kept[random.usize(..kept.len())].1.clone()
        } else {
            let mut varbinds = vec![(oid("1.3.6.1.6.3.1.1.4.1.0"), Value::ObjectId(oid("1.3.6.1.6.3.1.1.5.3")))];
            varbinds.extend((0..random.u32(0..6)).map(|row| (oid(ROOT).child(&[row * 300]), random_value(random))));
            let tag = [0xa7, 0xa7, 0xa6, 0xa4][random.usize(..4)];
            v2c_message("public", &response_pdu(tag, 1, 0, 0, &write_varbinds(&varbinds)))
        };
        mutate(random, &mut datagram);
        read += u32::from(look_at_trap(&input, &datagram));
    });
    assert!(read > 100, "the target looks at something: {read}");
}

/// Any octets after an index that is known are told for what they are.
#[test]
fn indexes_of_any_octets_compare_as_their_numbers_do() {
    let mut up = 0;
    each_input(20_000, |input, random| {
        let length = random.usize(..5);
        let last: Vec<u32> = std::iter::repeat_with(|| random.u32(..) >> random.u32(..32)).take(length).collect();
        let octets = super::index::encode(&last);
        let mut new = octets.clone();
        mutate(random, &mut new);
        let mut arcs = Vec::new();
        let name = [&[0x2b][..], &new].concat();
        let read = ber::arcs(&name, &mut arcs).is_some();
        match super::index::step(&octets, &new) {
            super::index::Step::Up { shared } => {
                assert!(read && arcs[2..] > last[..] && new[..shared] == octets[..shared], "input {input}");
                up += 1;
            }
            super::index::Step::NotUp => assert!(read && arcs[2..] <= last[..], "input {input}: {last:?} {new:02x?}"),
            super::index::Step::Odd => {
                assert!(!read || super::index::encode(&arcs[2..]) != new, "input {input}: {last:?} {new:02x?}");
            }
        }
    });
    assert!(up > 100, "the target looks at something: {up}");
}
