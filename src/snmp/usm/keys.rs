//! Localised keys of one user at one engine, and what they are good for: telling a true message from a forged one, and
//! reading an encrypted one (RFC 3414, RFC 3826, RFC 7860).

use aes::cipher::{AsyncStreamCipher, BlockDecryptMut, KeyIvInit, block_padding::NoPadding};
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
pub(super) const fn tag_length(protocol: AuthProtocol) -> usize {
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

/// See the module.
pub(super) struct Keys {
    auth: AuthProtocol,
    auth_key: SecretSlice<u8>,
    privacy: Option<(PrivacyProtocol, SecretSlice<u8>)>,
}

impl Keys {
    /// Takes a few milliseconds: each password is hashed a mebibyte long.
    pub(super) fn localise(auth: &Auth, privacy: Option<&Privacy>, engine_id: &[u8]) -> Self {
        let auth_key =
            with_hash!(auth.protocol, Hash => localise::<Hash>(auth.password.expose().as_bytes(), engine_id));
        let privacy = privacy.map(|privacy| {
            let key = with_hash!(auth.protocol, Hash => {
                let key = localise::<Hash>(privacy.password.expose().as_bytes(), engine_id);
                extend::<Hash>(key, key_length(privacy.protocol), engine_id, privacy.key_extension)
            });
            (privacy.protocol, SecretSlice::from(key))
        });
        Self { auth: auth.protocol, auth_key: SecretSlice::from(auth_key), privacy }
    }

    /// Whether `tag` is this user's signature of a message, given as what stands before and after the tag in it.
    /// Takes equally long for every wrong tag.
    pub(super) fn verify(&self, before: &[u8], tag: &[u8], after: &[u8]) -> bool {
        if tag.len() != tag_length(self.auth) {
            return false;
        }
        let zeros = vec![0; tag.len()];
        with_hash!(self.auth, Hash => {
            let Ok(mac) = Hmac::<Hash>::new_from_slice(self.auth_key.expose_secret()) else { return false };
            mac.chain_update(before).chain_update(&zeros).chain_update(after).verify_truncated_left(tag).is_ok()
        })
    }

    /// This user's signature of a message, for tests that forge with the right key.
    #[cfg(test)]
    pub(super) fn sign(&self, before: &[u8], after: &[u8]) -> Vec<u8> {
        let length = tag_length(self.auth);
        with_hash!(self.auth, Hash => {
            let mac = Hmac::<Hash>::new_from_slice(self.auth_key.expose_secret()).unwrap();
            let whole = mac.chain_update(before).chain_update(vec![0; length]).chain_update(after).finalize();
            whole.into_bytes()[..length].to_vec()
        })
    }

    /// The plain octets, padding included; `None` when the lengths are wrong or there is no privacy key.
    pub(super) fn decrypt(&self, boots: u32, time: u32, salt: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
        let (protocol, key) = self.privacy.as_ref()?;
        let key = key.expose_secret();
        let salt = <[u8; 8]>::try_from(salt).ok()?;
        let mut plain = encrypted.to_vec();
        if *protocol == PrivacyProtocol::Des {
            let (des_key, rest) = key.split_at_checked(8)?;
            let before_iv = rest.get(..8)?;
            let iv: Vec<u8> = before_iv.iter().zip(salt).map(|(one, other)| one ^ other).collect();
            let cipher = cbc::Decryptor::<des::Des>::new_from_slices(des_key, &iv).ok()?;
            cipher.decrypt_padded_mut::<NoPadding>(&mut plain).ok()?;
            return Some(plain);
        }
        let iv = [&boots.to_be_bytes()[..], &time.to_be_bytes(), &salt].concat();
        let key = key.get(..key_length(*protocol))?;
        match protocol {
            PrivacyProtocol::Aes192 => {
                cfb_mode::Decryptor::<aes::Aes192>::new_from_slices(key, &iv).ok()?.decrypt(&mut plain);
            }
            PrivacyProtocol::Aes256 => {
                cfb_mode::Decryptor::<aes::Aes256>::new_from_slices(key, &iv).ok()?.decrypt(&mut plain);
            }
            PrivacyProtocol::Des | PrivacyProtocol::Aes128 => {
                cfb_mode::Decryptor::<aes::Aes128>::new_from_slices(key, &iv).ok()?.decrypt(&mut plain);
            }
        }
        Some(plain)
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
