//! Keys of ONUs and clients that are almost the same: probably one of them was typed wrong. Pure. Suggestions for people;
//! nothing is matched by them.
//!
//! Two texts that differ by one letter changed, left out, added or exchanged with its neighbour share a text that is one of
//! them without one of its letters. So each key is filed under itself and all of those, and only keys that meet in a file are
//! compared: the work grows with the number of keys, not with its square, and memory with that of the ONUs' keys.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::ids::ClientId;
use crate::model::Mac;

/// Most suggestions for one ONU; with more, the key tells nothing.
const MOST: usize = 3;

/// Files with more keys than this are of a text that is common, and are not gone through.
const LARGEST_FILE: usize = 64;

/// Keys shorter than this are one letter off too easily.
const SHORTEST: usize = 6;

/// How two keys differ, the likeliest mistake first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Only in letters that look alike: 0 and O, 1 and I, 8 and B, 5 and S, 2 and Z.
    LookAlike,
    /// One has the vendor's letters in hex, and is one letter off beside.
    HexVendor,
    /// One lacks the vendor's letters at the front.
    NoVendor,
    /// Two neighbours are exchanged.
    Exchanged,
    /// One letter too many, or too few.
    LeftOut,
    /// One letter is another. Also two devices of one delivery differ so.
    OneOff,
}

impl Difference {
    /// In words, for print.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::LookAlike => "letters that look alike",
            Self::HexVendor => "vendor in hex, one letter off",
            Self::NoVendor => "vendor's letters missing",
            Self::Exchanged => "two letters exchanged",
            Self::LeftOut => "one letter missing or too many",
            Self::OneOff => "one letter off",
        }
    }
}

/// What is compared of an ONU or a client.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Its serial in canonical form.
    pub serial: Option<&'a str>,
    /// Its MAC.
    pub mac: Option<Mac>,
}

/// An ONU and a client that may belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// The ONU's place in the list that was given.
    pub onu: usize,
    /// The client.
    pub client: ClientId,
    /// `serial` or `mac`.
    pub key: &'static str,
    /// How their keys differ.
    pub difference: Difference,
}

/// Suggestions for ONUs without a client among clients without an ONU; for each ONU the likeliest, at most three.
#[must_use]
pub fn near_misses(onus: &[Keys<'_>], clients: &[(ClientId, Keys<'_>)]) -> Vec<NearMiss> {
    let mut found = Vec::new();
    let serials: Vec<String> = clients.iter().map(|(_, keys)| keys.serial.unwrap_or_default().to_owned()).collect();
    let macs: Vec<String> = clients.iter().map(|(_, keys)| keys.mac.map(bare).unwrap_or_default()).collect();
    for (key, theirs) in [("serial", &serials), ("mac", &macs)] {
        let ours: Vec<(usize, String)> = onus
            .iter()
            .enumerate()
            .filter_map(|(place, onu)| {
                let ours = match key {
                    "serial" => onu.serial.map(str::to_owned),
                    _ => onu.mac.map(bare),
                };
                ours.filter(|ours| ours.len() >= SHORTEST).map(|ours| (place, ours))
            })
            .collect();
        let files = Files::new(theirs, ours.iter().map(|(_, key)| key.as_str()));
        for (place, ours) in ours {
            for near in files.near(&ours, theirs) {
                let Some(((client, _), their)) = clients.get(near).zip(theirs.get(near)) else { continue };
                if let Some(difference) = difference(&ours, their) {
                    found.push(NearMiss { onu: place, client: *client, key, difference });
                }
            }
        }
    }
    found.sort_unstable_by_key(|one| (one.onu, one.difference, one.client));
    found.dedup_by_key(|one| (one.onu, one.client));
    let mut of_one = (usize::MAX, 0);
    found.retain(|one| {
        of_one = if of_one.0 == one.onu { (one.onu, of_one.1 + 1) } else { (one.onu, 1) };
        of_one.1 <= MOST
    });
    found
}

fn bare(mac: Mac) -> String {
    mac.to_string().replace(':', "").to_ascii_uppercase()
}

/// The same letter for all that look alike.
const fn plain(letter: u8) -> u8 {
    match letter {
        b'O' | b'Q' | b'D' => b'0',
        b'I' | b'L' => b'1',
        b'B' => b'8',
        b'S' => b'5',
        b'Z' => b'2',
        other => other,
    }
}

/// A GPON serial with its vendor's letters in hex, as some OLTs and people write it.
fn in_hex(serial: &str) -> Option<String> {
    let (vendor, number) = serial.split_at_checked(4).filter(|(_, number)| number.len() == 8)?;
    Some(vendor.bytes().map(|octet| format!("{octet:02X}")).collect::<String>() + number)
}

/// A GPON serial without its vendor's letters.
fn without_vendor(serial: &str) -> Option<&str> {
    let (vendor, number) = serial.split_at_checked(4).filter(|(_, number)| number.len() == 8)?;
    vendor.bytes().all(|octet| octet.is_ascii_alphabetic()).then_some(number)
}

/// The files of a key: itself without look-alikes, and that without each of its letters.
fn filed(key: &str) -> Vec<u64> {
    let plain: Vec<u8> = key.bytes().map(plain).collect();
    let without = |left_out: usize| {
        let mut hasher = DefaultHasher::new();
        for (_, letter) in plain.iter().enumerate().filter(|(place, _)| *place != left_out) {
            letter.hash(&mut hasher);
        }
        hasher.finish()
    };
    (0..=plain.len()).map(without).collect()
}

/// The files in which an ONU's key may meet a client's.
fn wanted(key: &str) -> Vec<u64> {
    let mut wanted = filed(key);
    wanted.extend(in_hex(key).iter().flat_map(|hex| filed(hex)));
    wanted.extend(without_vendor(key).into_iter().flat_map(filed));
    wanted
}

/// Clients' keys by what they are filed under, as far as one of the ONUs' keys may meet them there: of a million clients few
/// may.
struct Files(Vec<(u64, u32)>);

impl Files {
    fn new<'a>(keys: &[String], onus: impl Iterator<Item = &'a str>) -> Self {
        let mut asked: Vec<u64> = onus.flat_map(wanted).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut files = Vec::new();
        for (key, place) in keys.iter().zip(0_u32..) {
            if key.len() >= SHORTEST {
                let files_of_it = filed(key).into_iter().filter(|file| asked.binary_search(file).is_ok());
                files.extend(files_of_it.map(|file| (file, place)));
            }
        }
        files.sort_unstable();
        files.dedup();
        Self(files)
    }

    /// Places of keys that may be near.
    fn near(&self, key: &str, keys: &[String]) -> Vec<usize> {
        let mut places = Vec::new();
        for file in wanted(key) {
            let first = self.0.partition_point(|(other, _)| *other < file);
            let same = self.0.get(first..).unwrap_or_default().iter().take_while(|(other, _)| *other == file);
            let same: Vec<usize> =
                same.take(LARGEST_FILE + 1).filter_map(|(_, place)| usize::try_from(*place).ok()).collect();
            if same.len() <= LARGEST_FILE {
                places.extend(same);
            }
        }
        places.sort_unstable();
        places.dedup();
        places.retain(|place| keys.get(*place).is_some_and(|other| other != key));
        places
    }
}

/// How an ONU's key and a client's differ; `None` when by more than one mistake.
fn difference(onu: &str, client: &str) -> Option<Difference> {
    if onu.len() == client.len() && onu.bytes().map(plain).eq(client.bytes().map(plain)) {
        return Some(Difference::LookAlike);
    }
    if let Some(how) = one_mistake(onu.as_bytes(), client.as_bytes()) {
        return Some(how);
    }
    if without_vendor(onu) == Some(client) {
        return Some(Difference::NoVendor);
    }
    let hex = in_hex(onu)?;
    (hex == client || one_mistake(hex.as_bytes(), client.as_bytes()).is_some()).then_some(Difference::HexVendor)
}

fn one_mistake(one: &[u8], other: &[u8]) -> Option<Difference> {
    let front = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(front..)?, other.get(front..)?);
    match (one, other) {
        ([_, rest @ ..], [_, other_rest @ ..]) if rest == other_rest => Some(Difference::OneOff),
        ([a, b, rest @ ..], [c, d, other_rest @ ..]) if a == d && b == c && rest == other_rest => {
            Some(Difference::Exchanged)
        }
        ([_, rest @ ..], other) if rest == other => Some(Difference::LeftOut),
        (one, [_, rest @ ..]) if one == rest => Some(Difference::LeftOut),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::directory::testing::client_id;
    use super::*;

    fn serial(text: &str) -> Keys<'_> {
        Keys { serial: Some(text), mac: None }
    }

    fn near(onu: &str, client: &str) -> Option<Difference> {
        near_misses(&[serial(onu)], &[(client_id(1), serial(client))]).first().map(|one| one.difference)
    }

    #[test]
    fn each_usual_mistake_is_told() {
        for (client, difference) in [
            ("ZTEGC1B2F8FD", Some(Difference::OneOff)),
            ("ZTEGC1B2FB8C", None),
            ("ZTEGC1B28FFC", Some(Difference::Exchanged)),
            ("ZTEGC182F8FC", Some(Difference::LookAlike)),
            ("2TEGCIB2FBFC", Some(Difference::LookAlike)),
            ("ZTEGC1B2F8F", Some(Difference::LeftOut)),
            ("ZTEGC1B2F8FC0", Some(Difference::LeftOut)),
            ("TEGC1B2F8FC", Some(Difference::LeftOut)),
            ("C1B2F8FC", Some(Difference::NoVendor)),
            ("5A544547C1B2F8F", Some(Difference::HexVendor)),
            ("5A544547C1B2F8FCA", Some(Difference::HexVendor)),
            ("ZTEGC1B2F8FC", None),
            ("HWTCC1B2F8FC", None),
            ("", None),
        ] {
            assert_eq!(near("ZTEGC1B2F8FC", client), difference, "{client}");
        }
    }

    #[test]
    fn a_mac_is_compared_too_and_a_client_is_suggested_once() {
        let mac = |text: &str| text.parse::<Mac>().ok();
        let onu = Keys { serial: Some("ZTEGC1B2F8FC"), mac: mac("aa:bb:cc:dd:ee:ff") };
        let client = Keys { serial: Some("ZTEGC1B2F8FD"), mac: mac("aa:bb:cc:dd:ee:fe") };
        let found = near_misses(&[onu], &[(client_id(1), client)]);
        assert_eq!((found.len(), found[0].key), (1, "serial"));
        let client = Keys { serial: None, ..client };
        assert_eq!(near_misses(&[onu], &[(client_id(1), client)])[0].key, "mac");
    }

    #[test]
    fn a_delivery_of_like_serials_gives_few_suggestions_and_the_likeliest_first() {
        let texts: Vec<String> = (0..2000).map(|n| format!("ZTEGC1B2{n:04X}")).collect();
        let clients: Vec<_> = texts.iter().zip(0..).map(|(text, n)| (client_id(n), serial(text))).collect();
        let found = near_misses(&[serial("ZTEGCIB20123")], &clients);
        assert_eq!(found[0].difference, Difference::LookAlike);
        assert_eq!(found[0].client, client_id(0x123));
        let found = near_misses(&[serial("ZTEGC1B2012G")], &clients);
        assert!(found.len() <= MOST, "{found:?}");
    }

    #[test]
    fn the_work_does_not_grow_with_the_square() {
        // Counted in what is compared: a hundred thousand keys that are all near each other stay within the bound.
        let texts: Vec<String> = (0..20_000).map(|n| format!("ZTEG{n:08X}")).collect();
        let files = Files::new(&texts, texts.iter().map(String::as_str));
        let compared: usize = texts.iter().map(|text| files.near(text, &texts).len()).sum();
        assert!(compared <= texts.len() * 13 * LARGEST_FILE && compared > texts.len());
        // Nor does memory grow with clients that no ONU is near.
        assert!(Files::new(&texts, ["HWTC7D4630C3"].into_iter()).0.is_empty());
        assert!(Files::new(&texts, ["ZTEG00000007"].into_iter()).0.len() < texts.len());
    }

    proptest! {
        #[test]
        fn any_one_mistake_in_a_serial_is_found(digits in "[0-9A-F]{8}", at in 0..12_usize, letter in "[0-9A-Z]", kind in 0..4) {
            let onu = format!("HWTC{digits}");
            let mut client: Vec<u8> = onu.bytes().collect();
            match kind {
                0 => client[at] = letter.as_bytes()[0],
                1 => { client.remove(at); }
                2 => client.insert(at, letter.as_bytes()[0]),
                _ => client.swap(at, (at + 1).min(11)),
            }
            let client = String::from_utf8(client).unwrap();
            prop_assert_eq!(near(&onu, &client).is_some(), client != onu, "{} {}", onu, client);
        }

        #[test]
        fn no_texts_make_it_panic(one in "\\PC{0,20}", other in "\\PC{0,20}") {
            let _ = near(&one, &other);
        }
    }
}
