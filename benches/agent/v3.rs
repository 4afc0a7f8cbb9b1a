//! SNMPv3 for the load agent: one user with SHA-1 and AES-128, an engine an OLT. Apart from the engine's own code, as the
//! rest of the agent is, so that a mistake there cannot hide itself.

use std::time::Instant;

use aes::Aes128Enc;
use aes::cipher::{AsyncStreamCipher, InnerIvInit, KeyInit};
use hmac::{Hmac, Mac};
use sha1::{Digest, Sha1};

use super::answer::{self, header, put_at};
use super::table::Table;
use super::wire::{self, Reader};

/// The user, and its password for both.
pub const USER: &str = "bench";
pub const PASSWORD: &str = "authentication words";

const BOOTS: u32 = 1;
/// usmStatsUnknownEngineIDs.0.
const UNKNOWN_ENGINE: [u8; 10] = [0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0];
const AUTH_AND_PRIVACY: u8 = 3;
const TAG: usize = 12;

/// The password's key (RFC 3414, A.2), which takes a while to make.
pub fn password_key() -> [u8; 20] {
    let mut hash = Sha1::new();
    let megabyte: Vec<u8> = PASSWORD.bytes().cycle().take(1 << 20).collect();
    hash.update(&megabyte);
    hash.finalize().into()
}

/// What an OLT has of SNMPv3.
pub struct Engine {
    id: [u8; 9],
    start: Instant,
    mac: Hmac<Sha1>,
    cipher: Aes128Enc,
    salt: u64,
}

fn number(body: &[u8]) -> u32 {
    u32::try_from(wire::number(body)).unwrap_or(0)
}

impl Engine {
    pub fn new(olt: u32, password_key: &[u8; 20]) -> Self {
        let [a, b, c, d] = olt.to_be_bytes();
        let id = [0x80, 0, 0x1f, 0x88, 5, a, b, c, d];
        let key = Sha1::new().chain_update(password_key).chain_update(id).chain_update(password_key).finalize();
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&key).expect("a key of any length");
        let cipher = Aes128Enc::new_from_slice(&key[..16]).expect("a key of 16 octets");
        Self { id, start: Instant::now(), mac, cipher, salt: u64::from(olt) << 32 }
    }

    fn cfb_iv(boots: u32, time: u32, salt: &[u8]) -> [u8; 16] {
        let mut iv = [0; 16];
        put_at(&mut iv, 0, &[&boots.to_be_bytes(), &time.to_be_bytes(), salt]);
        iv
    }

    /// Writes the reply to a request, and gives the number of its varbinds; `None` when the request is none for us.
    pub fn answer(&mut self, table: &Table, request: &[u8], cap: usize, reply: &mut Vec<u8>) -> Option<usize> {
        let mut message = Reader::new(wire::contents(request));
        let version = message.element()?;
        let mut global = Reader::new(message.element()?.body);
        let mut usm = Reader::new(wire::contents(message.element()?.body));
        let data = message.element()?;
        if version.body != [3] {
            return None;
        }
        let id = global.element()?.whole;
        global.element()?;
        let flags = *global.element()?.body.first()?;
        let engine_id = usm.element()?.body;
        let (boots, time) = (number(usm.element()?.body), number(usm.element()?.body));
        let user = usm.element()?.body;
        let tag = usm.element()?.body;
        let salt = usm.element()?.body;
        reply.clear();
        if engine_id.is_empty() {
            let name = [&[0x30, 15, 0x06, 10][..], &UNKNOWN_ENGINE, &[0x41, 1, 1]].concat();
            let fields = [id, &[2, 1, 0, 2, 1, 0], &header(0x30, name.len()), &name].concat();
            let pdu = [&header(0xa8, fields.len())[..], &fields].concat();
            let start = self.put_head(reply, id, 0, self.time(), &[], &[]);
            self.put_scoped(reply, start);
            reply.extend_from_slice(&pdu);
            Self::close(reply, start, start);
            return Some(1);
        }
        if engine_id != self.id || user != USER.as_bytes() || flags & AUTH_AND_PRIVACY != AUTH_AND_PRIVACY {
            return None;
        }
        let tag_at = tag.as_ptr().addr().checked_sub(request.as_ptr().addr())?;
        let mac = self.mac.clone().chain_update(&request[..tag_at]).chain_update([0; TAG]);
        mac.chain_update(&request[tag_at + TAG..]).verify_truncated_left(tag).ok()?;
        let mut plain = data.body.to_vec();
        cfb_mode::Decryptor::inner_iv_init(&self.cipher, &Self::cfb_iv(boots, time, salt).into()).decrypt(&mut plain);
        let mut scoped = Reader::new(wire::contents(&plain));
        scoped.element()?;
        scoped.element()?;
        let pdu = scoped.element()?;

        self.salt += 1;
        let (salt, time) = (self.salt.to_be_bytes(), self.time());
        let start = self.put_head(reply, id, AUTH_AND_PRIVACY, time, &[0; TAG], &salt);
        // An octet string around what is encrypted.
        reply.extend_from_slice(&header(0x04, 0));
        let encrypted = reply.len();
        self.put_scoped(reply, encrypted);
        let count = answer::answer_pdu(table, pdu, cap, reply)?;
        Self::close(reply, start, encrypted);
        let iv = Self::cfb_iv(BOOTS, time, &salt);
        cfb_mode::Encryptor::inner_iv_init(&self.cipher, &iv.into()).encrypt(&mut reply[encrypted..]);
        let tag = self.mac.clone().chain_update(&*reply).finalize().into_bytes();
        // The salt with its header stands between the tag and what is encrypted.
        put_at(reply, start - 2 - salt.len() - TAG, &[&tag[..TAG]]);
        Some(count)
    }

    fn time(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs()).unwrap_or(0) + 1_000
    }

    /// Puts all that stands before the scoped PDU, with room for the lengths; gives where it ends.
    fn put_head(&self, reply: &mut Vec<u8>, id: &[u8], flags: u8, time: u32, tag: &[u8], salt: &[u8]) -> usize {
        let octets = |tag: u8, body: &[u8]| [&[tag, u8::try_from(body.len()).expect("a short part")], body].concat();
        let global = [id, &octets(2, &[0, 0xff, 0xe3]), &[4, 1, flags], &[2, 1, 3]].concat();
        let usm = [
            octets(4, &self.id),
            octets(2, &BOOTS.to_be_bytes()),
            octets(2, &time.to_be_bytes()),
            octets(4, if tag.is_empty() { &[] } else { USER.as_bytes() }),
            octets(4, tag),
            octets(4, salt),
        ]
        .concat();
        reply.extend_from_slice(&header(0x30, 0));
        reply.extend_from_slice(&[2, 1, 3]);
        reply.extend_from_slice(&octets(0x30, &global));
        reply.extend_from_slice(&octets(4, &octets(0x30, &usm)));
        reply.len()
    }

    fn put_scoped(&self, reply: &mut Vec<u8>, at: usize) {
        debug_assert_eq!(reply.len(), at);
        reply.extend_from_slice(&header(0x30, 0));
        reply.extend_from_slice(&[4, 9]);
        reply.extend_from_slice(&self.id);
        reply.extend_from_slice(&[4, 0]);
    }

    /// Fills in the lengths of the message, of the octet string that begins at `start` if there is one, and of the
    /// scoped PDU.
    fn close(reply: &mut [u8], start: usize, scoped: usize) {
        let length = reply.len();
        put_at(reply, 0, &[&header(0x30, length - 4)]);
        if scoped > start {
            put_at(reply, start, &[&header(0x04, length - scoped)]);
        }
        put_at(reply, scoped, &[&header(0x30, length - scoped - 4)]);
    }
}
