//! Notifications that snmp2 seals, opened by us.

use super::far::theirs;
use super::*;
use crate::snmp::{SealedTrap, TrapError, TrapKind, TrapMessage, TrapUser, TrapVersion, Untrusted};

const ENGINE: &[u8] = &[0x80, 0, 0x1f, 0x88, 4, 9, 9, 9];
const TRAP: &str = "1.3.6.1.6.3.1.1.5.3";

fn user(level: Level) -> TrapUser {
    TrapUser::new(&credential(level)).unwrap().unwrap()
}

/// What snmp2 makes of a trap or an inform at this level.
fn sealed(level: Level, engine_id: &[u8], kind: MessageType) -> Vec<u8> {
    let varbinds = write_varbinds(&[
        (oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(500)),
        (oid("1.3.6.1.6.3.1.1.4.1.0"), Value::ObjectId(oid(TRAP))),
        (oid("1.3.6.1.2.1.2.2.1.1.7"), Value::Integer(7)),
    ]);
    seal(&theirs(&usm(level).user, engine_id).with_engine_boots_and_time(3, 1_000), 5, kind, &varbinds)
}

/// The credential of [`sealed_trap`].
pub(crate) fn credential_of_traps() -> Credential {
    credential(PRIVATE)
}

/// A linkDown that snmp2 has signed and encrypted.
pub(crate) fn sealed_trap(engine_id: &[u8]) -> Vec<u8> {
    sealed(PRIVATE, engine_id, MessageType::Trap)
}

fn opened(level: Level, datagram: &[u8], engine_id: &[u8]) -> Result<TrapMessage, TrapError> {
    let user = user(level);
    let keys = user.keys(engine_id).unwrap();
    SealedTrap::read(datagram)?.open(&user, Some(&keys))
}

#[test]
fn a_trap_is_opened_at_every_level() {
    let mut levels: Vec<Level> = vec![(None, None)];
    for auth in AUTHS {
        levels.push((Some(auth), None));
        levels.extend(PRIVACIES.map(|privacy| (Some(auth), Some((privacy, KeyExtension::Blumenthal)))));
        levels.push((Some(auth), Some((PrivacyProtocol::Aes256, KeyExtension::Reeder))));
    }
    for level in levels {
        let datagram = sealed(level, ENGINE, MessageType::Trap);
        let message = opened(level, &datagram, ENGINE).unwrap_or_else(|why| panic!("{level:?}: {why}"));
        assert_eq!((message.version, message.kind), (TrapVersion::V3, TrapKind::Trap), "{level:?}");
        assert_eq!((message.trap, message.uptime), (oid(TRAP), Some(Duration::from_secs(5))), "{level:?}");
        assert_eq!((message.varbinds.len(), message.varbinds[0].value.clone()), (1, Value::Integer(7)), "{level:?}");
    }
}

#[test]
fn what_is_not_proven_is_not_believed() {
    let untrusted = |result: Result<TrapMessage, TrapError>| match result {
        Err(TrapError::Untrusted(why)) => why,
        other => panic!("{other:?}"),
    };
    let signed = sealed(SIGNED, ENGINE, MessageType::Trap);
    let private = sealed(PRIVATE, ENGINE, MessageType::Trap);
    assert_eq!(untrusted(opened(PRIVATE, &signed, ENGINE)), Untrusted::Level, "less than the credential asks");
    assert_eq!(untrusted(opened((None, None), &signed, ENGINE)), Untrusted::Level);
    assert_eq!(untrusted(opened((Some(AuthProtocol::Md5), None), &signed, ENGINE)), Untrusted::Signature);
    assert_eq!(untrusted(opened(SIGNED, &signed, &[1, 2, 3, 4, 5])), Untrusted::Keys);
    let aes256 = (PRIVATE.0, Some((PrivacyProtocol::Aes256, KeyExtension::Blumenthal)));
    assert!(matches!(untrusted(opened(aes256, &private, ENGINE)), Untrusted::Privacy | Untrusted::Scope));
    let trap = SealedTrap::read(&signed).unwrap();
    assert!(trap.is_by(&user(SIGNED)) && trap.engine_id() == ENGINE);
    assert_eq!(untrusted(trap.open(&user(SIGNED), None)), Untrusted::Keys);
    // A forger knows everything but the keys.
    for at in 0..private.len() {
        let mut changed = private.clone();
        changed[at] ^= 1;
        if let Ok(trap) = SealedTrap::read(&changed) {
            let user = user((None, None));
            assert!(trap.open(&user, None).is_err(), "{at}");
        }
    }
    let keys = user(PRIVATE).keys(ENGINE).unwrap();
    for at in 0..private.len() {
        let mut changed = private.clone();
        changed[at] ^= 1;
        assert!(SealedTrap::read(&changed).and_then(|trap| trap.open(&user(PRIVATE), Some(&keys))).is_err(), "{at}");
    }
}

#[test]
fn informs_and_what_their_senders_ask_first_are_told_apart() {
    let inform = sealed(PRIVATE, ENGINE, MessageType::InformRequest);
    assert_eq!(opened(PRIVATE, &inform, ENGINE), Err(TrapError::SecureInform));
    let mut probe = Vec::new();
    message::probe(&mut probe, 1);
    assert_eq!(SealedTrap::read(&probe).map(|_| ()), Err(TrapError::SecureInform));
    let answer = sealed(PRIVATE, ENGINE, MessageType::Response);
    assert_eq!(opened(PRIVATE, &answer, ENGINE), Err(TrapError::NotATrap));
}

#[test]
fn engine_ids_that_cannot_be_are_not_worked_for() {
    for id in [&[][..], &[7; 65]] {
        assert!(user(PRIVATE).keys(id).is_err());
    }
    assert!(user(PRIVATE).keys(ENGINE).unwrap().are_of(ENGINE));
}
