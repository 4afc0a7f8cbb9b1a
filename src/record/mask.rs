//! Takes out of an OLT's rows who they are about. What is decoded stays decodable: the same serial becomes the same made-up
//! one, of the same vendor, in the same spelling and of the same length, wherever it stands.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::mib::{Holds, is_no_value};
use crate::model::{Mac, Serial};
use crate::snmp::Value;

/// A GPON serial inside of a text, and a MAC, and an IPv4 address.
static INSIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \b[A-Z]{4}[-:]?[0-9A-Fa-f]{8}\b | \b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b
          | \b[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\b | \b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    )
    .ok()
});
/// A port's name and nothing else.
static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^(?: x?g?s?-?e?pon | (?:g|e)pon[_-]?(?:olt|onu) | [a-z]*ethernet | [a-z]?gei | fei | ge | xe | te | eth | olt | onu | ont
            | vlan | lo | loopback | mgmt | meth | null | trunk | eth-trunk | port | lag | uplink | slot | interface
          ) [\ _-]? \d{1,5} (?:[/:._-]\d{1,5})* $",
    )
    .ok()
});
/// A number, perhaps with units, and nothing else.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^ [<>]? [-+]? \d+ (?:\.\d+)?
          (?: \s* \(? [-+]? \d* (?:\.\d+)? \s* (?: dbm | db | [mu]?w | [mu]?a | m?v | [.°]?c | % | nm | k?m | [mu]?s | [kmg]?bps | m?hz | rpm ) \)? )* $",
    )
    .ok()
});
/// Words of states and causes, which a bug report is about.
const WORDS: [&str; 44] = [
    "up",
    "down",
    "online",
    "offline",
    "on",
    "off",
    "yes",
    "no",
    "true",
    "false",
    "working",
    "active",
    "inactive",
    "enable",
    "enabled",
    "disable",
    "disabled",
    "normal",
    "ok",
    "fail",
    "failed",
    "unknown",
    "none",
    "los",
    "losi",
    "lofi",
    "dying-gasp",
    "dying gasp",
    "dyinggasp",
    "power off",
    "power-off",
    "poweroff",
    "reboot",
    "reset",
    "auto",
    "gpon",
    "epon",
    "xgs-pon",
    "router",
    "bridge",
    "initial",
    "match",
    "mismatch",
    "success",
];

/// See the module. One for a recording.
pub struct Mask {
    secret: [u8; 32],
    /// What a serial's or a MAC's last digits became.
    tails: HashMap<String, String>,
    taken: HashSet<String>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    /// One that nobody can undo: `secret` is random, and kept nowhere.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret, tails: HashMap::new(), taken: HashSet::new() }
    }

    /// A value of a column that holds this.
    #[must_use]
    pub fn value(&mut self, holds: &Holds, value: &Value) -> Value {
        match (holds, value) {
            (_, Value::IpAddress(address)) => Value::IpAddress(self.address(*address)),
            (Holds::SerialNumber(prefix), value) if value.octets().is_none() => self.serial_number(prefix, value),
            (Holds::Nothing, value) => value.clone(),
            (holds, Value::OctetString(octets)) => Value::OctetString(self.octets(holds, octets).into_boxed_slice()),
            (_, value) => value.clone(),
        }
    }

    /// A value of a column of which nothing is known.
    #[must_use]
    pub fn unknown(&mut self, value: &Value) -> Value {
        match value {
            Value::IpAddress(address) => Value::IpAddress(self.address(*address)),
            Value::OctetString(octets) => Value::OctetString(self.unknown_octets(octets).into_boxed_slice()),
            Value::Opaque(octets) => Value::Opaque(self.blob(octets).into_boxed_slice()),
            value => value.clone(),
        }
    }

    /// Octets in an index.
    #[must_use]
    pub fn index(&mut self, numbers: &[u32]) -> Vec<u32> {
        let octets: Vec<u8> = numbers.iter().filter_map(|number| u8::try_from(*number).ok()).collect();
        if octets.len() != numbers.len() {
            return numbers.to_vec();
        }
        let holds = if octets.len() == 6 { Holds::Mac } else { Holds::Serial };
        self.octets(&holds, &octets).iter().map(|octet| u32::from(*octet)).collect()
    }

    /// An index of a table of which nothing is known: whatever in it can only be a serial, a MAC or a text.
    #[must_use]
    pub fn unknown_index(&mut self, index: &[u32]) -> Vec<u32> {
        let text = |numbers: &[u32]| numbers.iter().all(|number| (0x20..0x7f).contains(number));
        let capital = |numbers: &[u32]| numbers.iter().all(|number| (65..=90).contains(number));
        let mut masked = index.to_vec();
        for start in 0..index.len() {
            let Some(rest) = index.get(start..) else { break };
            // Four capital letters, then eight hex digits or four octets.
            let vendor = rest.get(..4).is_some_and(capital);
            let length = match rest.len() {
                12.. if vendor && rest.get(..12).is_some_and(text) => 12,
                8.. if vendor && rest.get(..8).is_some_and(|octets| octets.iter().all(|octet| *octet < 256)) => 8,
                // The last six octets that are mostly no small numbers.
                6 if rest.iter().all(|octet| *octet < 256) && rest.iter().filter(|octet| **octet > 31).count() >= 3 => {
                    6
                }
                _ => continue,
            };
            let made_up = rest.get(..length).map(|octets| self.index(octets)).unwrap_or_default();
            masked.splice(start..start.saturating_add(length), made_up);
            break;
        }
        masked
    }

    /// sysName, sysLocation, sysContact.
    #[must_use]
    pub fn text(&mut self, value: &Value) -> Value {
        self.value(&Holds::Name, value)
    }

    /// A text whose words are needed, such as sysDescr: only what is a serial, a MAC or an address in it goes.
    #[must_use]
    pub fn told(&mut self, value: &Value) -> Value {
        match value {
            Value::OctetString(octets) => match std::str::from_utf8(octets) {
                Ok(text) => Value::OctetString(self.inside(text, &|_, between| between.to_owned()).into_bytes().into()),
                Err(_) => value.clone(),
            },
            value => value.clone(),
        }
    }

    fn octets(&mut self, holds: &Holds, octets: &[u8]) -> Vec<u8> {
        if octets.is_empty()
            || std::str::from_utf8(octets).is_ok_and(is_no_value)
            || octets.iter().all(|octet| *octet == 0)
        {
            return octets.to_vec();
        }
        match holds {
            Holds::Nothing => octets.to_vec(),
            Holds::Serial | Holds::SerialNumber(_) | Holds::Mac => match self.identity(octets) {
                Some(masked) => masked,
                None => self.name(octets),
            },
            Holds::Name => self.name(octets),
            Holds::Port(patterns) => self.port(patterns, octets),
        }
    }

    /// A serial or a MAC and nothing else, in whatever spelling.
    fn identity(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        if let Ok(six) = <[u8; 6]>::try_from(octets)
            && !octets.iter().all(u8::is_ascii_graphic)
        {
            return Some(self.mac(six).to_vec());
        }
        if octets.len() == 8 && octets.iter().take(4).all(u8::is_ascii_alphanumeric) {
            let serial = Serial::from_octets(octets).ok()?;
            let tail = self.tail("serial", serial.as_str(), 8);
            let number = u32::from_str_radix(&tail, 16).ok()?;
            return Some(octets.iter().take(4).copied().chain(number.to_be_bytes()).collect());
        }
        let text = std::str::from_utf8(octets).ok()?;
        let hex = text.chars().filter(|c| c.is_ascii_alphanumeric()).all(|c| c.is_ascii_hexdigit());
        if hex && let Ok(mac) = text.parse::<Mac>() {
            let masked = self.mac(mac.octets());
            let tail: String = masked.iter().skip(3).map(|octet| format!("{octet:02X}")).collect();
            return Some(end_with(text, &tail).into_bytes());
        }
        let serial = text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).parse::<Serial>().ok()?;
        let canonical = serial.as_str();
        let is_gpon = canonical.split_at_checked(4).is_some_and(|(vendor, rest)| {
            rest.len() == 8
                && vendor.bytes().all(|b| b.is_ascii_alphanumeric())
                && rest.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if is_gpon {
            let tail = self.tail("serial", canonical, 8);
            return Some(end_with(text, &tail).into_bytes());
        }
        Some(letters(&self.secret, "serial", canonical, text, 0).into_bytes())
    }

    fn mac(&mut self, octets: [u8; 6]) -> [u8; 6] {
        let text: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
        let tail = self.tail("mac", &text, 6);
        let number = u32::from_str_radix(&tail, 16).unwrap_or_default().to_be_bytes();
        let mut masked = octets;
        for (octet, made_up) in masked.iter_mut().skip(3).zip(number.iter().skip(1)) {
            *octet = *made_up;
        }
        masked
    }

    fn serial_number(&mut self, prefix: &str, value: &Value) -> Value {
        let Some(number) = value.integer().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
        else {
            return value.clone();
        };
        let tail = self.tail("serial", &format!("{prefix}{number:08X}"), 8);
        match (value, u32::from_str_radix(&tail, 16)) {
            (Value::Integer(_), Ok(number)) => Value::Integer(i64::from(number)),
            (Value::Gauge32(_), Ok(number)) => Value::Gauge32(number),
            (value, _) => value.clone(),
        }
    }

    /// The last hex digits that something becomes; the first of them is below 8, so that it fits a signed number too. No two
    /// become one.
    fn tail(&mut self, what: &str, canonical: &str, digits: usize) -> String {
        let key = format!("{what} {canonical}");
        if let Some(tail) = self.tails.get(&key) {
            return tail.clone();
        }
        let head = canonical.get(..canonical.len().saturating_sub(digits)).unwrap_or_default().to_owned();
        let mut turn = 0_u32;
        loop {
            let digest = self.digest(what, &format!("{canonical} {turn}"));
            let mut tail: String = digest.iter().map(|octet| format!("{octet:02X}")).collect();
            tail.truncate(digits);
            if let Some(first) = tail.chars().next().and_then(|c| c.to_digit(16)) {
                tail.replace_range(..1, &format!("{}", first % 8));
            }
            turn = turn.saturating_add(1);
            let is_nothing = tail.bytes().all(|b| b == b'0');
            if !is_nothing && self.taken.insert(format!("{what} {head}{tail}")) || turn == u32::MAX {
                self.tails.insert(key, tail.clone());
                return tail;
            }
        }
    }

    /// A free text: letters become letters, digits digits, so that a code is still a code; what is a serial, a MAC or an
    /// address in it becomes what it becomes elsewhere.
    fn name(&mut self, octets: &[u8]) -> Vec<u8> {
        if let Some(masked) = self.identity_in_name(octets) {
            return masked;
        }
        let Ok(text) = std::str::from_utf8(octets) else { return self.blob(octets) };
        let secret = self.secret;
        let whole = text.to_owned();
        let mut masked = self.inside(text, &|place, between| letters(&secret, "name", &whole, between, place));
        if is_no_value(&masked) {
            // By chance it says that there is none.
            masked = masked.chars().map(|c| if c.is_ascii_alphabetic() { 'x' } else { c }).collect();
        }
        masked.into_bytes()
    }

    /// A name that is nothing but a serial or a MAC.
    fn identity_in_name(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(octets).ok()?;
        let is_whole = INSIDE.as_ref()?.find(text).is_some_and(|found| found.as_str().len() == text.len());
        let compact = text.len() == 12
            && text.bytes().all(|b| b.is_ascii_hexdigit())
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        if is_whole && text.split('.').count() != 4 || compact { self.identity(octets) } else { None }
    }

    /// Replaces serials, MACs and addresses in a text, and what stands between them by what `between` makes of it.
    fn inside(&mut self, text: &str, between: &dyn Fn(usize, &str) -> String) -> String {
        let Some(pattern) = INSIDE.as_ref() else { return between(0, text) };
        let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
        for found in pattern.find_iter(text) {
            masked.push_str(&between(at, text.get(at..found.start()).unwrap_or_default()));
            let own = found.as_str();
            let replaced = match own.parse::<std::net::Ipv4Addr>() {
                Ok(address) => self.address_text(address.octets()),
                Err(_) => self
                    .identity(own.as_bytes())
                    .and_then(|octets| String::from_utf8(octets).ok())
                    .unwrap_or_else(|| between(at, own)),
            };
            masked.push_str(&replaced);
            at = found.end();
        }
        masked.push_str(&between(at, text.get(at..).unwrap_or_default()));
        masked
    }

    /// A port's name: what the profile reads of it stays.
    fn port(&mut self, patterns: &[Regex], octets: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(octets) else { return self.name(octets) };
        let is_port = PORT.as_ref().is_some_and(|port| port.is_match(text.trim()));
        let lead = text.len() - text.trim_start_matches(|c: char| c == '\0' || c.is_whitespace()).len();
        let trimmed = text.get(lead..).unwrap_or_default();
        let found = patterns.iter().find_map(|pattern| pattern.find(trimmed));
        match found {
            _ if is_port => octets.to_vec(),
            None => self.name(octets),
            Some(found) => {
                let (from, to) = (found.start().saturating_add(lead), found.end().saturating_add(lead));
                let (Some(before), Some(own), Some(after)) = (text.get(..from), text.get(from..to), text.get(to..))
                else {
                    return self.name(octets);
                };
                [&self.name(before.as_bytes())[..], own.as_bytes(), &self.name(after.as_bytes())].concat()
            }
        }
    }

    fn unknown_octets(&mut self, octets: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(octets)
            .ok()
            .filter(|text| !text.chars().any(|c| c.is_control() && c != '\0' && c != '\n' && c != '\r'));
        match (text, octets.len()) {
            (Some(text), _) => {
                let trimmed = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
                let fits = |pattern: &LazyLock<Option<Regex>>| {
                    pattern.as_ref().is_some_and(|pattern| pattern.is_match(trimmed))
                };
                let inside = INSIDE.as_ref().is_some_and(|pattern| pattern.is_match(trimmed));
                let is_word = WORDS.iter().any(|word| trimmed.eq_ignore_ascii_case(word));
                // A number of five digits and more is rather somebody's code than a reading.
                let is_code = trimmed.len() > 4 && trimmed.bytes().all(|b| b.is_ascii_digit());
                let is_kept = is_no_value(trimmed) || is_word || !inside && !is_code && (fits(&NUMBER) || fits(&PORT));
                if is_kept { octets.to_vec() } else { self.name(octets) }
            }
            (None, 6) => self.identity(octets).unwrap_or_else(|| octets.to_vec()),
            (None, 8) if octets.iter().take(4).all(u8::is_ascii_uppercase) => {
                self.identity(octets).unwrap_or_else(|| octets.to_vec())
            }
            (None, 4) => match octets {
                [a @ 1..=223, b, c, d @ 1..=254]
                    if *a == 10 || [a, b, c, d].iter().filter(|octet| ***octet != 0).count() == 4 =>
                {
                    self.address([*a, *b, *c, *d]).to_vec()
                }
                other => other.to_vec(),
            },
            _ => self.blob(octets),
        }
    }

    /// Octets that are no text: runs of letters and digits in them may be somebody's.
    fn blob(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut masked = octets.to_vec();
        let mut start = 0;
        for end in 0..=octets.len() {
            if octets.get(end).is_some_and(|octet| octet.is_ascii_graphic() || *octet == b' ') {
                continue;
            }
            if let Some(run) = octets.get(start..end).filter(|run| run.len() >= 4)
                && let Ok(text) = std::str::from_utf8(run)
            {
                let made_up = letters(&self.secret, "blob", text, text, 0);
                masked.splice(start..end, made_up.bytes());
            }
            start = end.saturating_add(1);
        }
        masked
    }

    /// Masks, loopback and nothing stay; others become addresses of a network that is nobody's.
    fn address(&self, address: [u8; 4]) -> [u8; 4] {
        if matches!(address, [0 | 127 | 255, ..] | [224..=254, ..]) {
            return address;
        }
        let [_, b, c, d, ..] = self.digest("address", &format!("{address:?}"));
        [10, b, c, d.max(1)]
    }

    /// An address in a text keeps its length.
    fn address_text(&self, address: [u8; 4]) -> String {
        let made_up = self.digest("address text", &format!("{address:?}"));
        let part = |(own, made_up): (&u8, &u8)| match own {
            0 | 255 => *own,
            1..=9 => 1 + made_up % 9,
            10..=99 => 10 + made_up % 90,
            _ => 100 + made_up % 100,
        };
        address.iter().zip(&made_up).map(part).map(|octet| octet.to_string()).collect::<Vec<_>>().join(".")
    }

    fn digest(&self, what: &str, text: &str) -> [u8; 32] {
        digest(&self.secret, what, text)
    }
}

fn digest(secret: &[u8; 32], what: &str, text: &str) -> [u8; 32] {
    Sha256::new().chain_update(secret).chain_update(what).chain_update([0]).chain_update(text).finalize().into()
}

/// The text with its last hex digits replaced by these, in its own case, separators where they were.
fn end_with(text: &str, tail: &str) -> String {
    let is_upper = |text: &str| text.bytes().any(|b| b.is_ascii_uppercase());
    let is_lower = |text: &str| text.bytes().any(|b| b.is_ascii_lowercase());
    // Some write the vendor in capitals, and what follows in small letters.
    let own: String = text.chars().rev().filter(char::is_ascii_alphanumeric).take(tail.len()).collect();
    let lower = !is_upper(&own) && (is_lower(&own) || !is_upper(text));
    let mut digits = tail.chars().rev();
    let mut reversed: Vec<char> = Vec::with_capacity(text.len());
    for c in text.chars().rev() {
        let digit = if c.is_ascii_alphanumeric() { digits.next() } else { None };
        reversed.push(match digit {
            Some(digit) if lower => digit.to_ascii_lowercase(),
            Some(digit) => digit,
            None => c,
        });
    }
    reversed.iter().rev().collect()
}

/// Letters for letters, digits for digits, made up from the whole text and the place in it; as many octets as before.
fn letters(secret: &[u8; 32], what: &str, whole: &str, text: &str, place: usize) -> String {
    let mut masked = String::with_capacity(text.len());
    let (mut block, mut made_up) = (usize::MAX, [0_u8; 32]);
    for (at, octet) in text.bytes().enumerate() {
        let at = at.saturating_add(place);
        if at / 32 != block {
            block = at / 32;
            made_up = digest(secret, what, &format!("{whole} {block}"));
        }
        let random = made_up.get(at % 32).copied().unwrap_or_default();
        let letter = |first: u8, count: u8| char::from(first + random % count);
        masked.push(match octet {
            b'0'..=b'9' => letter(b'0', 10),
            b'A'..=b'Z' => letter(b'A', 26),
            b'a'..=b'z' | 0x80.. => letter(b'a', 26),
            other => char::from(other),
        });
    }
    masked
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
