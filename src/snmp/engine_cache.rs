//! SNMPv3 engines on disk: which engine an address had, and its clock, so that after a restart the first request to
//! each OLT needs no discovery. A hint only: what is wrong in it costs the discovery that it would have saved.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Most engines that are kept.
const MAX_ENGINES: usize = 10_000;
/// Largest file that is read, octets.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Engine IDs of RFC 3411; some agents go beyond.
const ENGINE_ID_OCTETS: std::ops::RangeInclusive<usize> = 1..=64;
/// Longest address that is kept.
const MAX_ADDRESS: usize = 256;
/// Version of the file's layout.
const LAYOUT: u32 = 1;

/// An engine as it was last known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownEngine {
    pub(super) id: Vec<u8>,
    pub(super) boots: i64,
    /// Seconds since it booted, at `at`.
    pub(super) time: i64,
    /// Seconds since 1970.
    pub(super) at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    layout: u32,
    engines: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    address: String,
    engine_id: String,
    boots: i64,
    time: i64,
    at: u64,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct EngineCache {
    path: PathBuf,
    engines: BTreeMap<String, KnownEngine>,
}

/// Seconds since 1970.
pub(super) fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl EngineCache {
    /// Reads the file; one that is not there is empty, and a damaged one too, with a warning.
    pub(super) fn load(path: &Path) -> Self {
        let engines = match read(path) {
            Ok(engines) => engines,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::warn!(
                    path = %path.display(), %error,
                    "the file of SNMPv3 engines is not used: each engine is discovered again"
                );
                BTreeMap::new()
            }
        };
        Self { path: path.to_owned(), engines }
    }

    /// The engine of an address, its clock moved on to `now` (seconds since 1970).
    pub(super) fn get(&self, address: &str, now: u64) -> Option<KnownEngine> {
        let known = self.engines.get(address)?;
        let elapsed = i64::try_from(now.saturating_sub(known.at)).ok()?;
        let time = known.time.checked_add(elapsed).filter(|time| *time <= i64::from(i32::MAX))?;
        Some(KnownEngine { time, at: now, ..known.clone() })
    }

    /// Takes an engine over; whether that is worth writing.
    pub(super) fn put(&mut self, address: &str, engine: KnownEngine) -> bool {
        if !is_sound(address, &engine) || self.engines.len() >= MAX_ENGINES && !self.engines.contains_key(address) {
            return false;
        }
        let old = self.engines.insert(address.to_owned(), engine.clone());
        old.is_none_or(|old| old.id != engine.id || old.boots != engine.boots)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn save(&self) -> io::Result<()> {
        let entry = |(address, engine): (&String, &KnownEngine)| Entry {
            address: address.clone(),
            engine_id: engine.id.iter().map(|octet| format!("{octet:02x}")).collect(),
            boots: engine.boots,
            time: engine.time,
            at: engine.at,
        };
        let file = File { layout: LAYOUT, engines: self.engines.iter().map(entry).collect() };
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let fresh = PathBuf::from(name);
        let mut out = fs::File::create(&fresh)?;
        out.write_all(&serde_json::to_vec(&file)?)?;
        out.sync_all()?;
        fs::rename(&fresh, &self.path)
    }
}

fn is_sound(address: &str, engine: &KnownEngine) -> bool {
    let most = i64::from(i32::MAX);
    !address.is_empty()
        && address.len() <= MAX_ADDRESS
        && ENGINE_ID_OCTETS.contains(&engine.id.len())
        && (0..=most).contains(&engine.boots)
        && (0..=most).contains(&engine.time)
}

fn read(path: &Path) -> io::Result<BTreeMap<String, KnownEngine>> {
    let mut octets = Vec::new();
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut octets)?;
    let refuse = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    if u64::try_from(octets.len()).map_or(true, |length| length > MAX_FILE) {
        return Err(refuse(format!("at most {MAX_FILE} octets were expected")));
    }
    let file: File = serde_json::from_slice(&octets)?;
    if file.layout != LAYOUT || file.engines.len() > MAX_ENGINES {
        return Err(refuse(format!("layout {LAYOUT} with at most {MAX_ENGINES} engines was expected")));
    }
    let mut engines = BTreeMap::new();
    for entry in file.engines {
        let id = unhex(&entry.engine_id).unwrap_or_default();
        let engine = KnownEngine { id, boots: entry.boots, time: entry.time, at: entry.at };
        if !is_sound(&entry.address, &engine) {
            return Err(refuse(format!("the entry of {:?} makes no sense", entry.address)));
        }
        engines.insert(entry.address, engine);
    }
    Ok(engines)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high * 16 + low).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn engine(last: u8) -> KnownEngine {
        KnownEngine { id: vec![0x80, 0, 7, last], boots: 3, time: 1_000, at: 1_700_000_000 }
    }

    #[test]
    fn engines_come_back_with_their_clocks_moved_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engines.json");
        let mut cache = EngineCache::load(&path);
        assert!(cache.put("192.0.2.1:161", engine(1)));
        assert!(!cache.put("192.0.2.1:161", KnownEngine { time: 1_060, at: 1_700_000_060, ..engine(1) }));
        assert!(cache.put("192.0.2.1:161", KnownEngine { boots: 4, time: 5, at: 1_700_000_090, ..engine(1) }));
        assert!(!cache.put("x", KnownEngine { boots: -1, ..engine(1) }));
        cache.save().unwrap();
        let back = EngineCache::load(&path);
        let known = back.get("192.0.2.1:161", 1_700_000_100).unwrap();
        assert_eq!((known.id, known.boots, known.time), (vec![0x80, 0, 7, 1], 4, 15));
        assert_eq!(back.get("192.0.2.2:161", 0), None);
        assert_eq!(back.get("192.0.2.1:161", u64::MAX), None, "a clock that has run over is no hint");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engines.json");
        for damage in [
            &b"{"[..],
            b"",
            b"\xff\xfe",
            br#"{"layout":2,"engines":[]}"#,
            br#"{"layout":1,"engines":[],"more":1}"#,
            br#"{"layout":1,"engines":[{"address":"a","engine_id":"8","boots":1,"time":1,"at":1}]}"#,
            br#"{"layout":1,"engines":[{"address":"a","engine_id":"","boots":1,"time":1,"at":1}]}"#,
            br#"{"layout":1,"engines":[{"address":"a","engine_id":"80zz","boots":1,"time":1,"at":1}]}"#,
            br#"{"layout":1,"engines":[{"address":"a","engine_id":"8000","boots":4294967296,"time":1,"at":1}]}"#,
            br#"{"layout":1,"engines":[{"address":"","engine_id":"8000","boots":1,"time":1,"at":1}]}"#,
        ] {
            fs::write(&path, damage).unwrap();
            assert!(read(&path).is_err(), "{}", String::from_utf8_lossy(damage));
            assert!(EngineCache::load(&path).engines.is_empty());
        }
        fs::write(&path, vec![b' '; usize::try_from(MAX_FILE).unwrap() + 1]).unwrap();
        assert!(EngineCache::load(&path).engines.is_empty());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("engines.json");
            fs::write(&path, octets).unwrap();
            EngineCache::load(&path);
        }
    }
}
