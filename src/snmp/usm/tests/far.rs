//! An authoritative engine whose cryptography is snmp2's.

use snmp2::v3::{self, Security};
use snmp2::{MessageType, Varbinds};

use super::*;
use crate::snmp::testing::{Reply, Seen};

/// A user's keys as snmp2 has them.
pub(super) fn theirs(user: &User, engine_id: &[u8]) -> Security {
    let password = user.auth.as_ref().map(|auth| auth.password.expose()).unwrap_or_default();
    let mut security = Security::new(user.name.as_bytes(), password.as_bytes());
    let level = match (&user.auth, &user.privacy) {
        (None, _) => v3::Auth::NoAuthNoPriv,
        (Some(_), None) => v3::Auth::AuthNoPriv,
        (Some(_), Some(privacy)) => v3::Auth::AuthPriv {
            cipher: match privacy.protocol {
                PrivacyProtocol::Des => v3::Cipher::Des,
                PrivacyProtocol::Aes128 => v3::Cipher::Aes128,
                PrivacyProtocol::Aes192 => v3::Cipher::Aes192,
                PrivacyProtocol::Aes256 => v3::Cipher::Aes256,
            },
            privacy_password: privacy.password.expose().as_bytes().to_vec(),
        },
    };
    if let Some(auth) = &user.auth {
        security = security.with_auth_protocol(match auth.protocol {
            AuthProtocol::Md5 => v3::AuthProtocol::Md5,
            AuthProtocol::Sha1 => v3::AuthProtocol::Sha1,
            AuthProtocol::Sha224 => v3::AuthProtocol::Sha224,
            AuthProtocol::Sha256 => v3::AuthProtocol::Sha256,
            AuthProtocol::Sha384 => v3::AuthProtocol::Sha384,
            AuthProtocol::Sha512 => v3::AuthProtocol::Sha512,
        });
    }
    if let Some(privacy) = &user.privacy {
        security = security.with_key_extension_method(match privacy.key_extension {
            KeyExtension::Blumenthal => v3::KeyExtension::Blumenthal,
            KeyExtension::Reeder => v3::KeyExtension::Reeder,
        });
    }
    security.with_auth(level).with_engine_id(engine_id).unwrap()
}

/// snmp2 makes no PDU of version 3 but by reading one: any will do as the mould.
const MOULD_ENGINE: &[u8] = &[0x80, 0, 0, 0, 0];

/// An authoritative engine.
pub(super) struct FarEngine {
    pub(super) agent: Agent,
    pub(super) level: Level,
    pub(super) id: Vec<u8>,
    pub(super) boots: i64,
    pub(super) booted: Instant,
    /// Answers every request with this Report, unsigned.
    pub(super) report: Option<u32>,
    /// Answers with these octets first.
    pub(super) forged: Vec<Forgery>,
    /// Changes what it sends.
    pub(super) change: Option<Change>,
}

pub(super) type Change = fn(&FarEngine, Vec<u8>) -> Vec<u8>;

/// What a forger knows: the header of the request.
pub(super) type Forgery = fn(&Header<'_>) -> Vec<u8>;

impl FarEngine {
    pub(super) fn new(level: Level) -> Self {
        Self {
            agent: Agent::table(ROOT, 2, 30),
            level,
            id: vec![0x80, 0, 0x1f, 0x88, 4, 1, 2, 3],
            boots: 3,
            booted: Instant::now().checked_sub(Duration::from_secs(1000)).unwrap(),
            report: None,
            forged: Vec::new(),
            change: None,
        }
    }

    pub(super) fn time(&self, now: Instant) -> i64 {
        i64::try_from(now.duration_since(self.booted).as_secs()).unwrap()
    }

    pub(super) fn security(&self, privacy: bool, boots: i64, time: i64) -> Security {
        let level = if privacy { self.level } else { (self.level.0, None) };
        theirs(&usm(level).user, &self.id).with_engine_boots_and_time(boots, time)
    }

    pub(super) fn answer(&mut self, now: Instant, datagram: &[u8]) -> Vec<Vec<u8>> {
        let header = read(datagram).unwrap();
        let mut answers: Vec<Vec<u8>> = self.forged.iter().map(|forge| forge(&header)).collect();
        answers.extend(self.honest(now, datagram, &header));
        match self.change {
            Some(change) => answers.into_iter().map(|answer| change(self, answer)).collect(),
            None => answers,
        }
    }

    fn honest(&mut self, now: Instant, datagram: &[u8], header: &Header<'_>) -> Option<Vec<u8>> {
        let (boots, time) = (self.boots, self.time(now));
        if header.engine_id != self.id {
            return Some(report(header.id, 4, &self.id, boots, time));
        }
        if let Some(counter) = self.report {
            return Some(report(header.id, counter, &self.id, boots, time));
        }
        let late = (i64::from(header.time) - time).abs() > TIME_WINDOW || i64::from(header.boots) != boots;
        if header.flags & message::AUTH != 0 && late {
            let counter = write_varbinds(&[(oid("1.3.6.1.6.3.15.1.1.2.0"), Value::Counter32(1))]);
            let signed = self.security(false, boots, time);
            return Some(seal(&signed, header.id, MessageType::Report, &counter));
        }
        let mut opening = self.security(true, header.boots.into(), header.time.into());
        let own = datagram.to_vec();
        let seen = match snmp2::Pdu::from_bytes_with_security(&own, Some(&mut opening)) {
            Ok(pdu) => Seen {
                tag: match pdu.message_type {
                    MessageType::GetRequest => 0xa0,
                    MessageType::GetNextRequest => 0xa1,
                    _ => 0xa5,
                },
                id: pdu.req_id,
                repetitions: usize::try_from(pdu.error_index).unwrap(),
                names: pdu.varbinds.map(|(name, _)| name.to_string().parse::<Oid>().unwrap()).collect(),
            },
            Err(snmp2::Error::AuthFailure(v3::AuthErrorKind::SignatureMismatch)) => {
                return Some(report(header.id, 5, &self.id, boots, time));
            }
            // What cannot be decrypted is dropped by many agents without a word.
            Err(_) => return None,
        };
        let Reply::Varbinds(varbinds) = self.agent.reply(&seen) else { return None };
        Some(seal(&self.security(true, boots, time), seen.id, MessageType::Response, &write_varbinds(&varbinds)))
    }
}

pub(super) fn seal(security: &Security, id: i32, kind: MessageType, varbinds: &[u8]) -> Vec<u8> {
    let nothing = Request { operation: Operation::Get, names: Names::default() };
    let open = Envelope { id: 0, engine_id: MOULD_ENGINE, boots: 0, time: 0, user: &[], tag: None, privacy: None };
    let mut mould = Vec::new();
    message::put(&mut mould, &open, &OutgoingPdu::new(0, &nothing));
    let nobody = Security::new(&[], &[]).with_auth(v3::Auth::NoAuthNoPriv);
    let mut nobody = nobody.with_engine_id(MOULD_ENGINE).unwrap();
    let mut pdu = snmp2::Pdu::from_bytes_with_security(&mould, Some(&mut nobody)).unwrap();
    pdu.req_id = id;
    pdu.message_type = kind;
    pdu.varbinds = Varbinds::from_bytes(varbinds);
    pdu.to_bytes_with_security(Some(security)).unwrap()
}

/// A message without encryption, with whatever one likes in its head.
pub(super) fn plain(id: i32, flags: u8, engine: (&[u8], i64, i64), user: &str, tag: &[u8], pdu: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.raw(pdu);
    writer.octets(OCTET_STRING, &[]);
    writer.octets(OCTET_STRING, engine.0);
    writer.wrap(SEQUENCE, 0);
    let security = writer.mark();
    writer.octets(OCTET_STRING, &[]);
    writer.octets(OCTET_STRING, tag);
    writer.octets(OCTET_STRING, user.as_bytes());
    writer.integer(INTEGER, engine.2);
    writer.integer(INTEGER, engine.1);
    writer.octets(OCTET_STRING, engine.0);
    writer.wrap(SEQUENCE, security);
    writer.wrap(OCTET_STRING, security);
    let global = writer.mark();
    writer.integer(INTEGER, 3);
    writer.octets(OCTET_STRING, &[flags]);
    writer.integer(INTEGER, i64::from(i32::MAX));
    writer.integer(INTEGER, i64::from(id));
    writer.wrap(SEQUENCE, global);
    writer.integer(INTEGER, 3);
    writer.wrap(SEQUENCE, 0);
    writer.finish()
}

/// An unsigned Report; its msgMaxSize is the largest that RFC 3412 allows.
pub(super) fn report(id: i32, counter: u32, engine_id: &[u8], boots: i64, time: i64) -> Vec<u8> {
    let name = oid("1.3.6.1.6.3.15.1.1").child(&[counter, 0]);
    let varbinds = write_varbinds(&[(name, Value::Counter32(7))]);
    plain(id, 0, (engine_id, boots, time), "", &[], &response_pdu(0xa8, id, 0, 0, &varbinds))
}
