//! Localised keys of one user at one engine, and what they are good for: signing and encrypting our messages, telling a
//! true message from a forged one, and reading an encrypted one (RFC 3414, RFC 3826, RFC 7860).

use std::ops::Range;

use aes::cipher::{
    AsyncStreamCipher, BlockDecryptMut, BlockEncryptMut, InnerIvInit, KeyInit, block_padding::NoPadding,
};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Digest;

use crate::config::{Auth, AuthProtocol, KeyExtension, Privacy, PrivacyProtocol};

/// Octets of repeated password that make a key (RFC 3414, A.2).
const PASSWORD_OCTETS: usize = 1 << 20;

/// Runs an expression with `$hash` standing for a protocol's hash.
macro_rules! with_hash {
    ($protocol:expr, $hash:ident => $body:expr) => {
        match $protocol {
            AuthProtocol::Md5 => {
                type $hash = md5::Md5;
                $body
            }
            AuthProtocol::Sha1 => {
                type $hash = sha1::Sha1;
                $body
            }
            AuthProtocol::Sha224 => {
                type $hash = sha2::Sha224;
                $body
            }
            AuthProtocol::Sha256 => {
                type $hash = sha2::Sha256;
                $body
            }
            AuthProtocol::Sha384 => {
                type $hash = sha2::Sha384;
                $body
            }
            AuthProtocol::Sha512 => {
                type $hash = sha2::Sha512;
                $body
            }
        }
    };
}

/// How many octets of the HMAC a message carries.
const fn tag_length(protocol: AuthProtocol) -> usize {
    match protocol {
        AuthProtocol::Md5 | AuthProtocol::Sha1 => 12,
        AuthProtocol::Sha224 => 16,
        AuthProtocol::Sha256 => 24,
        AuthProtocol::Sha384 => 32,
        AuthProtocol::Sha512 => 48,
    }
}

const fn key_length(protocol: PrivacyProtocol) -> usize {
    match protocol {
        PrivacyProtocol::Des | PrivacyProtocol::Aes128 => 16,
        PrivacyProtocol::Aes192 => 24,
        PrivacyProtocol::Aes256 => 32,
    }
}

/// A password's key at an engine (RFC 3414, A.2).
fn localise<H: Digest>(password: &[u8], engine_id: &[u8]) -> Vec<u8> {
    let mut hash = H::new();
    if !password.is_empty() {
        let block: Vec<u8> = password.iter().copied().cycle().take(password.len() * 64).collect();
        let mut left = PASSWORD_OCTETS;
        while left > 0 {
            let part = block.get(..left.min(block.len())).unwrap_or(&block);
            hash.update(part);
            left -= part.len();
        }
    }
    let key = hash.finalize();
    H::new().chain_update(&key).chain_update(engine_id).chain_update(&key).finalize().to_vec()
}

/// A key of at least `length` octets: longer than the hash gives it is extended as one of two drafts says.
fn extend<H: Digest>(mut key: Vec<u8>, length: usize, engine_id: &[u8], how: KeyExtension) -> Vec<u8> {
    while key.len() < length {
        let more = match how {
            KeyExtension::Blumenthal => H::digest(&key).to_vec(),
            KeyExtension::Reeder => localise::<H>(&key, engine_id),
        };
        key.extend(more);
    }
    key
}

/// A keyed hash that has taken its key in, so that a message costs no more than its own octets.
#[derive(Clone)]
enum Signer {
    Md5(Hmac<md5::Md5>),
    Sha1(Hmac<sha1::Sha1>),
    Sha224(Hmac<sha2::Sha224>),
    Sha256(Hmac<sha2::Sha256>),
    Sha384(Hmac<sha2::Sha384>),
    Sha512(Hmac<sha2::Sha512>),
}

/// Runs an expression with `$mac` standing for whichever hash a signer has.
macro_rules! with_mac {
    ($signer:expr, $mac:ident => $body:expr) => {
        match $signer {
            Signer::Md5($mac) => $body,
            Signer::Sha1($mac) => $body,
            Signer::Sha224($mac) => $body,
            Signer::Sha256($mac) => $body,
            Signer::Sha384($mac) => $body,
            Signer::Sha512($mac) => $body,
        }
    };
}

impl Signer {
    /// `None` for a key of a length that no hash gives.
    fn new(protocol: AuthProtocol, key: &[u8]) -> Option<Self> {
        Some(match protocol {
            AuthProtocol::Md5 => Self::Md5(KeyInit::new_from_slice(key).ok()?),
            AuthProtocol::Sha1 => Self::Sha1(KeyInit::new_from_slice(key).ok()?),
            AuthProtocol::Sha224 => Self::Sha224(KeyInit::new_from_slice(key).ok()?),
            AuthProtocol::Sha256 => Self::Sha256(KeyInit::new_from_slice(key).ok()?),
            AuthProtocol::Sha384 => Self::Sha384(KeyInit::new_from_slice(key).ok()?),
            AuthProtocol::Sha512 => Self::Sha512(KeyInit::new_from_slice(key).ok()?),
        })
    }
}

/// A cipher whose key is expanded.
enum Cipher {
    Des { cipher: des::Des, before_iv: [u8; 8] },
    Aes128(aes::Aes128Enc),
    Aes192(aes::Aes192Enc),
    Aes256(aes::Aes256Enc),
}

impl Cipher {
    /// `None` for a key that is too short.
    fn new(protocol: PrivacyProtocol, key: &[u8]) -> Option<Self> {
        let key = key.get(..key_length(protocol))?;
        Some(match protocol {
            PrivacyProtocol::Des => {
                let (key, before_iv) = key.split_at_checked(8)?;
                let cipher = des::Des::new_from_slice(key).ok()?;
                Self::Des { cipher, before_iv: before_iv.try_into().ok()? }
            }
            PrivacyProtocol::Aes128 => Self::Aes128(KeyInit::new_from_slice(key).ok()?),
            PrivacyProtocol::Aes192 => Self::Aes192(KeyInit::new_from_slice(key).ok()?),
            PrivacyProtocol::Aes256 => Self::Aes256(KeyInit::new_from_slice(key).ok()?),
        })
    }

    fn iv(clock: (u32, u32), salt: [u8; 8]) -> [u8; 16] {
        let salt = u128::from(u64::from_be_bytes(salt));
        (u128::from(clock.0) << 96 | u128::from(clock.1) << 64 | salt).to_be_bytes()
    }

    fn des_iv(before_iv: [u8; 8], salt: [u8; 8]) -> [u8; 8] {
        (u64::from_be_bytes(before_iv) ^ u64::from_be_bytes(salt)).to_be_bytes()
    }
}

/// See the module.
pub(super) struct Keys {
    signer: Signer,
    /// Octets of the HMAC that a message carries.
    tag_length: usize,
    cipher: Option<Box<Cipher>>,
    /// Makes the next message's salt; none may occur twice with these keys.
    salt: u64,
}

impl Keys {
    /// Takes a few milliseconds: each password is hashed a mebibyte long. Salts are counted from `random`, so that after
    /// a restart they are others. `None` for keys of a length that the protocols do not take, which no hash gives.
    pub(super) fn localise(auth: &Auth, privacy: Option<&Privacy>, engine_id: &[u8], random: u64) -> Option<Self> {
        let auth_key =
            with_hash!(auth.protocol, Hash => localise::<Hash>(auth.password.expose().as_bytes(), engine_id));
        let auth_key = SecretSlice::from(auth_key);
        let cipher = match privacy {
            None => None,
            Some(privacy) => {
                let key = with_hash!(auth.protocol, Hash => {
                    let key = localise::<Hash>(privacy.password.expose().as_bytes(), engine_id);
                    extend::<Hash>(key, key_length(privacy.protocol), engine_id, privacy.key_extension)
                });
                let key = SecretSlice::from(key);
                Some(Box::new(Cipher::new(privacy.protocol, key.expose_secret())?))
            }
        };
        let signer = Signer::new(auth.protocol, auth_key.expose_secret())?;
        Some(Self { signer, tag_length: tag_length(auth.protocol), cipher, salt: random })
    }

    /// How many octets of a message its signature takes.
    pub(super) const fn tag_length(&self) -> usize {
        self.tag_length
    }

    /// What the length of the octets to encrypt must be a multiple of; `None` when nothing is encrypted.
    pub(super) fn block(&self) -> Option<usize> {
        self.cipher.as_ref().map(|cipher| if matches!(**cipher, Cipher::Des { .. }) { 8 } else { 1 })
    }

    /// A salt that was not there before (RFC 3414, 8.1.1.1; RFC 3826, 3.1.1.1).
    pub(super) fn next_salt(&mut self, boots: u32) -> [u8; 8] {
        self.salt = self.salt.wrapping_add(1);
        let salt = match self.cipher.as_deref() {
            Some(Cipher::Des { .. }) => u64::from(boots) << 32 | self.salt & u64::from(u32::MAX),
            _ => self.salt,
        };
        salt.to_be_bytes()
    }

    /// Encrypts in place; `None` when the length is wrong or there is no privacy key. The clock is boots and time of the
    /// message.
    pub(super) fn encrypt(&self, clock: (u32, u32), salt: [u8; 8], octets: &mut [u8]) -> Option<()> {
        let iv = Cipher::iv(clock, salt);
        match self.cipher.as_deref()? {
            Cipher::Des { cipher, before_iv } => {
                let iv = Cipher::des_iv(*before_iv, salt);
                let length = octets.len();
                let encryptor = cbc::Encryptor::inner_iv_init(cipher, &iv.into());
                encryptor.encrypt_padded_mut::<NoPadding>(octets, length).ok()?;
            }
            Cipher::Aes128(cipher) => cfb_mode::Encryptor::inner_iv_init(cipher, &iv.into()).encrypt(octets),
            Cipher::Aes192(cipher) => cfb_mode::Encryptor::inner_iv_init(cipher, &iv.into()).encrypt(octets),
            Cipher::Aes256(cipher) => cfb_mode::Encryptor::inner_iv_init(cipher, &iv.into()).encrypt(octets),
        }
        Some(())
    }

    /// Decrypts in place, padding included; `None` when the lengths are wrong or there is no privacy key.
    pub(super) fn decrypt(&self, clock: (u32, u32), salt: &[u8], octets: &mut [u8]) -> Option<()> {
        let salt = <[u8; 8]>::try_from(salt).ok()?;
        let iv = Cipher::iv(clock, salt);
        match self.cipher.as_deref()? {
            Cipher::Des { cipher, before_iv } => {
                let iv = Cipher::des_iv(*before_iv, salt);
                let decryptor = cbc::Decryptor::inner_iv_init(cipher, &iv.into());
                decryptor.decrypt_padded_mut::<NoPadding>(octets).ok()?;
            }
            Cipher::Aes128(cipher) => cfb_mode::Decryptor::inner_iv_init(cipher, &iv.into()).decrypt(octets),
            Cipher::Aes192(cipher) => cfb_mode::Decryptor::inner_iv_init(cipher, &iv.into()).decrypt(octets),
            Cipher::Aes256(cipher) => cfb_mode::Decryptor::inner_iv_init(cipher, &iv.into()).decrypt(octets),
        }
        Some(())
    }

    /// Signs a message in the place that its tag has, which holds zeros. A place beyond its end stays unsigned.
    pub(super) fn sign(&self, message: &mut [u8], place: Range<usize>) {
        with_mac!(self.signer.clone(), mac => {
            let whole = mac.chain_update(&*message).finalize().into_bytes();
            if let (Some(tag), Some(first)) = (message.get_mut(place.clone()), whole.get(..place.len())) {
                tag.copy_from_slice(first);
            }
        });
    }

    /// Whether `tag` is this user's signature of a message, given as what stands before and after the tag in it.
    /// Takes equally long for every wrong tag.
    pub(super) fn verify(&self, before: &[u8], tag: &[u8], after: &[u8]) -> bool {
        const ZEROS: [u8; 64] = [0; 64];
        let Some(zeros) = ZEROS.get(..tag.len()).filter(|zeros| zeros.len() == self.tag_length) else { return false };
        with_mac!(self.signer.clone(), mac => {
            mac.chain_update(before).chain_update(zeros).chain_update(after).verify_truncated_left(tag).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3414, A.3: password "maplesyrup", engine ID 00 … 02.
    #[test]
    fn keys_are_those_of_the_rfc() {
        let engine_id = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        let hex = |key: Vec<u8>| key.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        assert_eq!(hex(localise::<md5::Md5>(b"maplesyrup", &engine_id)), "526f5eed9fcce26f8964c2930787d82b");
        assert_eq!(hex(localise::<sha1::Sha1>(b"maplesyrup", &engine_id)), "6695febc9288e36282235fc7151f128497b38f3f");
    }
}
