//! Sessions of people: a signed cookie, made of the token of `[http]`. Nothing is kept on our side.

use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::Secret;
use crate::model::Timestamp;

/// The cookie's name.
pub(in crate::http) const NAME: &str = "oltwatch_session";

/// How long a session lasts. A NOC leaves its screens on; a new token in the config ends every session.
pub(super) const LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the key is for, so that the token signs nothing else by chance.
const PURPOSE: &[u8] = b"oltwatch session, version 1";

/// Octets of a signature.
const SIGNATURE: usize = 32;

/// Signs and verifies cookies.
pub(in crate::http) struct Sessions {
    key: [u8; SIGNATURE],
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// HMAC takes keys of any length, so there is always one.
fn hmac(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(key).ok()
}

impl Sessions {
    /// For a token: the same token gives the same key, so that a restart ends no session.
    pub(super) fn new(token: &Secret) -> Self {
        let mut key = [0; SIGNATURE];
        if let Some(mut signer) = hmac(token.expose().as_bytes()) {
            signer.update(PURPOSE);
            key = signer.finalize().into_bytes().into();
        }
        Self { key }
    }

    /// The value of a cookie that is good until [`LASTS`] after `now`: its end in seconds since 1970, and a signature.
    pub(super) fn begin(&self, now: Timestamp) -> Option<String> {
        let end = ((now + LASTS).millis() / 1000).to_string();
        let mut signer = hmac(&self.key)?;
        signer.update(end.as_bytes());
        let signature = signer.finalize().into_bytes();
        let hex: String = signature.iter().map(|octet| format!("{octet:02x}")).collect();
        Some(format!("{end}.{hex}"))
    }

    /// Whether a cookie was signed by us and is still good. Signatures are compared in constant time.
    pub(in crate::http) fn admits(&self, cookie: &str, now: Timestamp) -> bool {
        let Some((end, hex)) = cookie.split_once('.') else { return false };
        let Some(signature) = octets(hex) else { return false };
        let Some(mut verifier) = hmac(&self.key) else { return false };
        verifier.update(end.as_bytes());
        if verifier.verify_slice(&signature).is_err() {
            return false;
        }
        let latest = (now + LASTS).millis() / 1000;
        end.parse::<u64>().is_ok_and(|end| now.millis() / 1000 < end && end <= latest)
    }
}

/// A signature from its hex digits.
fn octets(hex: &str) -> Option<[u8; SIGNATURE]> {
    let digits: Vec<u8> = hex
        .chars()
        .take(2 * SIGNATURE + 1)
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let octets: Vec<u8> = pairs.iter().map(|[high, low]| (high << 4) | low).collect();
    if rest.is_empty() { octets.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_401_067_000);

    fn sessions(token: &str) -> Sessions {
        Sessions::new(&Secret::new(token.to_owned()))
    }

    #[test]
    fn a_session_is_good_until_its_end_also_after_a_restart() {
        let cookie = sessions("s3cret").begin(NOW).unwrap();
        let restarted = sessions("s3cret");
        assert!(restarted.admits(&cookie, NOW));
        assert!(restarted.admits(&cookie, NOW + LASTS.saturating_sub(Duration::from_secs(1))));
        assert!(!restarted.admits(&cookie, NOW + LASTS));
        assert!(!cookie.contains("s3cret"));
    }

    #[test]
    fn a_new_token_ends_every_session() {
        let cookie = sessions("old").begin(NOW).unwrap();
        assert!(!sessions("new").admits(&cookie, NOW));
    }

    #[test]
    fn nothing_that_was_changed_is_taken() {
        let sessions = sessions("s3cret");
        let cookie = sessions.begin(NOW).unwrap();
        let (end, signature) = cookie.split_once('.').unwrap();
        let later = end.parse::<u64>().unwrap() + 1;
        let flipped = if signature.starts_with('0') { "1" } else { "0" };
        for wrong in [
            format!("{later}.{signature}"),
            format!("{end}.{flipped}{}", &signature[1..]),
            format!("{end}.{}", &signature[..62]),
            format!("{end}.{signature}00"),
            format!("{end}."),
            format!("{end}.{}", "é".repeat(32)),
            end.to_owned(),
            String::new(),
            ".".to_owned(),
        ] {
            assert!(!sessions.admits(&wrong, NOW), "{wrong}");
        }
    }
}
