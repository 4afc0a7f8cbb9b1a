//! Serial numbers and MAC addresses: every spelling that people and OLTs use becomes one canonical form, once, when
//! it enters (spellings: `ozmap-api.md` 3.3).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest serial that we take: longer texts in that field are notes, not serials.
const MAX_SERIAL: usize = 32;

/// An ONU's serial number in canonical form: upper case, no separators. A GPON serial is four vendor characters and
/// eight hex digits, `HWTC7D4630C3`; other vendors' serials keep their letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Arc<str>);

/// A text that holds no serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a serial number: {why}")]
pub struct ParseSerialError {
    /// What was given, at most 64 characters of it.
    pub text: String,
    /// What was expected.
    pub why: &'static str,
}

impl Serial {
    /// From the eight raw octets of a GPON serial: four ASCII vendor characters, then four binary octets.
    /// Texts in the octets (`"ZTEGC1B2F8FC"`) are taken too, as OLTs send both.
    ///
    /// # Errors
    /// [`ParseSerialError`] when the octets are neither.
    pub fn from_octets(octets: &[u8]) -> Result<Self, ParseSerialError> {
        if let [vendor @ .., a, b, c, d] = octets
            && vendor.len() == 4
            && vendor.iter().all(u8::is_ascii_alphanumeric)
        {
            let vendor = String::from_utf8_lossy(vendor).to_ascii_uppercase();
            return Ok(Self(Arc::from(format!("{vendor}{a:02X}{b:02X}{c:02X}{d:02X}"))));
        }
        match std::str::from_utf8(octets) {
            Ok(text) => text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).parse(),
            Err(_) => Err(ParseSerialError {
                text: octets.iter().take(32).map(|octet| format!("{octet:02x}")).collect(),
                why: "four vendor letters and four octets, or a text, were expected",
            }),
        }
    }

    /// The canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `vendor` in hex (eight digits for four ASCII characters) followed by eight hex digits.
fn unfold_hex_vendor(text: &str) -> Option<String> {
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (vendor_hex, rest) = text.split_at_checked(8)?;
    let mut vendor = String::with_capacity(4);
    for start in [0, 2, 4, 6] {
        let octet = u8::from_str_radix(vendor_hex.get(start..start + 2)?, 16).ok()?;
        // A vendor id starts with letters; binary that happens to be ASCII digits is no vendor.
        if !octet.is_ascii_alphanumeric() || (start == 0 && !octet.is_ascii_alphabetic()) {
            return None;
        }
        vendor.push(char::from(octet.to_ascii_uppercase()));
    }
    Some(format!("{vendor}{rest}"))
}

impl FromStr for Serial {
    type Err = ParseSerialError;

    fn from_str(text: &str) -> Result<Self, ParseSerialError> {
        let refuse = |why| ParseSerialError { text: text.chars().take(64).collect(), why };
        let trimmed = text.trim().trim_matches('"');
        let trimmed = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")).unwrap_or(trimmed);
        let mut canonical = String::with_capacity(trimmed.len());
        for character in trimmed.chars() {
            match character {
                ' ' | '-' | ':' | '.' | '_' => {}
                c if c.is_ascii_alphanumeric() => canonical.push(c.to_ascii_uppercase()),
                _ => return Err(refuse("letters, digits and separators were expected")),
            }
            if canonical.len() > MAX_SERIAL {
                return Err(refuse("at most 32 letters and digits were expected"));
            }
        }
        if canonical.len() < 4 {
            return Err(refuse("at least 4 letters and digits were expected"));
        }
        if canonical.bytes().all(|byte| byte == b'0') {
            return Err(refuse("all zeros mean that there is none"));
        }
        Ok(Self(Arc::from(unfold_hex_vendor(&canonical).unwrap_or(canonical))))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Serial {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Serial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A MAC address; prints as `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

/// A text or octets that hold no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a MAC address: six octets, not all zero, were expected, such as aa:bb:cc:dd:ee:ff")]
pub struct ParseMacError {
    /// What was given, at most 64 characters of it.
    pub text: String,
}

impl Mac {
    /// From six raw octets, or from a text in the octets.
    ///
    /// # Errors
    /// [`ParseMacError`] when they are neither, or all zero.
    pub fn from_octets(octets: &[u8]) -> Result<Self, ParseMacError> {
        if let Ok(six) = <[u8; 6]>::try_from(octets) {
            if six == [0; 6] {
                return Err(ParseMacError { text: "00:00:00:00:00:00".to_owned() });
            }
            return Ok(Self(six));
        }
        String::from_utf8_lossy(octets).trim_matches('\0').parse()
    }

    /// The six octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let refuse = || ParseMacError { text: text.chars().take(64).collect() };
        let trimmed = text.trim().trim_matches('"');
        let trimmed = trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")).unwrap_or(trimmed);
        let mut octets = [0_u8; 6];
        let mut digits = 0_usize;
        for character in trimmed.chars() {
            match character {
                ':' | '-' | '.' | ' ' => {}
                c => {
                    let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(refuse)?;
                    let octet = octets.get_mut(digits / 2).ok_or_else(refuse)?;
                    *octet = (*octet << 4) | digit;
                    digits += 1;
                }
            }
        }
        if digits != 12 || octets == [0; 6] {
            return Err(refuse());
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        f.pad(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"))
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_serial_is_one_serial() {
        for spelling in [
            "ZTEGC1B2F8FC",
            "ztegc1b2f8fc",
            "ZTEG-C1B2F8FC",
            "ZTEG C1B2F8FC",
            "ZTEG:C1B2F8FC",
            " ZTEGC1B2F8FC ",
            "5A544547C1B2F8FC",
            "0x5A544547C1B2F8FC",
            "0x5a544547c1b2f8fc",
            "5A 54 45 47 C1 B2 F8 FC",
            "5A:54:45:47:C1:B2:F8:FC",
            "5a-54-45-47-c1-b2-f8-fc",
        ] {
            assert_eq!(spelling.parse::<Serial>().unwrap().as_str(), "ZTEGC1B2F8FC", "{spelling}");
        }
        assert_eq!(
            Serial::from_octets(&[0x48, 0x57, 0x54, 0x43, 0x7D, 0x46, 0x30, 0xC3]).unwrap().as_str(),
            "HWTC7D4630C3"
        );
        assert_eq!(Serial::from_octets(b"ztegc1b2f8fc").unwrap().as_str(), "ZTEGC1B2F8FC");
        assert_eq!("XPON22050989".parse::<Serial>().unwrap().as_str(), "XPON22050989");
    }

    #[test]
    fn sixteen_hex_digits_without_a_vendor_stay_as_they_are() {
        assert_eq!("00112233C1B2F8FC".parse::<Serial>().unwrap().as_str(), "00112233C1B2F8FC");
    }

    #[test]
    fn what_is_no_serial_is_refused() {
        for text in ["", "   ", "--", "0000000000000000", "ação", "a;b;c;d", &"A".repeat(33), "0x"] {
            assert!(text.parse::<Serial>().is_err(), "{text}");
        }
        assert!(Serial::from_octets(&[0xff; 8]).is_err());
        assert!(Serial::from_octets(&[]).is_err());
    }

    #[test]
    fn every_spelling_of_a_mac_is_one_mac() {
        for spelling in ["aa:bb:cc:dd:ee:ff", "AA-BB-CC-DD-EE-FF", "aabb.ccdd.eeff", "AABBCCDDEEFF", " 0xaabbccddeeff "]
        {
            assert_eq!(spelling.parse::<Mac>().unwrap().to_string(), "aa:bb:cc:dd:ee:ff", "{spelling}");
        }
        assert_eq!(Mac::from_octets(b"AABB-CCDD-EEFF").unwrap().to_string(), "aa:bb:cc:dd:ee:ff");
        for text in ["", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "000000000000", "gg:bb:cc:dd:ee:ff"] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn canonical_forms_are_fixed_points(text in "\\PC{0,40}") {
            if let Ok(serial) = text.parse::<Serial>() {
                prop_assert_eq!(serial.as_str().parse::<Serial>().unwrap(), serial);
            }
            if let Ok(mac) = text.parse::<Mac>() {
                prop_assert_eq!(mac.to_string().parse::<Mac>().unwrap(), mac);
            }
        }

        #[test]
        fn a_gpon_serial_is_the_same_from_octets_text_and_hex(vendor in "[A-Z]{4}", rest in any::<[u8; 4]>()) {
            let octets: Vec<u8> = vendor.bytes().chain(rest).collect();
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let tail: String = rest.iter().map(|octet| format!("{octet:02x}")).collect();
            let serial = Serial::from_octets(&octets).unwrap();
            prop_assert_eq!(hex.parse::<Serial>().unwrap(), serial.clone());
            prop_assert_eq!(format!("{vendor}-{tail}").parse::<Serial>().unwrap(), serial);
        }
    }
}
