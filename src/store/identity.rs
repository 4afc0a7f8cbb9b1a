//! Which device is which: a stable number for each device of each OLT.
//!
//! A device is told by its serial, else by its MAC, else by the key alone. One that moves to another key keeps its number, and
//! with it its history; another device under the same key has a number of its own.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::history::{LevelRow, MOST_ONUS, upkeep};
use crate::model::{Mac, OltId, OnuKey, PonId, Serial, Timestamp};

/// What tells a device from the others of its OLT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Serial(Serial),
    Mac(Mac),
    /// Nothing but where it stands.
    Key,
}

impl Who {
    pub(super) fn new(serial: Option<&Serial>, mac: Option<Mac>) -> Self {
        match (serial, mac) {
            (Some(serial), _) => Self::Serial(serial.clone()),
            (None, Some(mac)) => Self::Mac(mac),
            (None, None) => Self::Key,
        }
    }

    fn text(&self, key: &OnuKey) -> String {
        match self {
            Self::Serial(serial) => format!("s:{serial}"),
            Self::Mac(mac) => format!("m:{mac}"),
            Self::Key => format!("k:{key}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.split_at_checked(2)? {
            ("s:", serial) => serial.parse().ok().map(Self::Serial),
            ("m:", mac) => mac.parse().ok().map(Self::Mac),
            ("k:", _) => Some(Self::Key),
            _ => None,
        }
    }

    /// Whether a reading of `read` at the place of this one is of the same device. `mac` is the MAC that was read.
    fn meets(&self, read: &Self, mac: Option<Mac>) -> Meeting {
        match (self, read) {
            (held, read) if held == read => Meeting::Same,
            // The reading tells less than is known.
            (_, Self::Key) | (Self::Serial(_), Self::Mac(_)) => Meeting::Same,
            (Self::Key, _) => Meeting::Learned,
            (Self::Mac(held), Self::Serial(_)) if mac.is_none_or(|mac| mac == *held) => Meeting::Learned,
            _ => Meeting::Other,
        }
    }
}

enum Meeting {
    Same,
    /// The same device, better known.
    Learned,
    Other,
}

/// A device that stands at a key.
#[derive(Debug, Clone)]
struct Known {
    id: i64,
    who: Who,
    /// Where its readings stand; none before the first.
    lane: Option<i64>,
}

/// ONUs of one PON whose readings stand together.
#[derive(Debug, Clone, Copy)]
struct Lane {
    pon: Option<PonId>,
    onus: u32,
}

/// The devices of one OLT by the key at which each stands.
#[derive(Debug)]
pub(super) struct OltDevices {
    pub(super) id: i64,
    by_key: HashMap<OnuKey, Known>,
    lanes: BTreeMap<i64, Lane>,
}

/// The devices of all OLTs that were spoken of; what the file says of an OLT is read when it is first spoken of.
#[derive(Debug, Default)]
pub(super) struct Identities {
    olts: HashMap<OltId, OltDevices>,
}

impl Identities {
    /// After a transaction that did not become true, nothing that was learned in it counts.
    pub(super) fn forget(&mut self) {
        self.olts.clear();
    }

    pub(super) fn olt(&mut self, connection: &Connection, olt: &OltId) -> rusqlite::Result<&mut OltDevices> {
        use std::collections::hash_map::Entry;
        Ok(match self.olts.entry(olt.clone()) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => place.insert(OltDevices::load(connection, olt)?),
        })
    }
}

impl OltDevices {
    fn load(connection: &Connection, olt: &OltId) -> rusqlite::Result<Self> {
        connection.execute("INSERT INTO olt (name) VALUES (?1) ON CONFLICT DO NOTHING", [olt.as_str()])?;
        let id: i64 = connection.query_row("SELECT id FROM olt WHERE name = ?1", [olt.as_str()], |row| row.get(0))?;
        let mut lanes = BTreeMap::new();
        let mut rows = connection.prepare_cached("SELECT id, pon FROM lane WHERE olt = ?1")?;
        let mut rows = rows.query([id])?;
        while let Some(row) = rows.next()? {
            let pon = row.get::<_, Option<String>>(1)?.and_then(|pon| pon.parse().ok());
            lanes.insert(row.get(0)?, Lane { pon, onus: 0 });
        }
        let mut by_key: HashMap<OnuKey, Known> = HashMap::new();
        // Where several devices stood at a key, the newest stands there now.
        let mut rows = connection.prepare_cached(
            "SELECT id, who, key, (SELECT lane FROM stay WHERE onu = onu.id ORDER BY since DESC LIMIT 1)
             FROM onu WHERE olt = ?1 ORDER BY last_seen, id",
        )?;
        let mut rows = rows.query([id])?;
        while let Some(row) = rows.next()? {
            let (who, key): (String, String) = (row.get(1)?, row.get(2)?);
            if let (Some(who), Some(key)) = (Who::parse(&who), parse_key(&key)) {
                by_key.insert(key, Known { id: row.get(0)?, who, lane: row.get(3)? });
            }
        }
        for known in by_key.values() {
            if let Some(lane) = known.lane.and_then(|lane| lanes.get_mut(&lane)) {
                lane.onus += 1;
            }
        }
        Ok(Self { id, by_key, lanes })
    }

    /// The number of the device that was read at `key`.
    pub(super) fn device(
        &mut self,
        connection: &Connection,
        key: &OnuKey,
        serial: Option<&Serial>,
        mac: Option<Mac>,
        at: Timestamp,
    ) -> rusqlite::Result<i64> {
        let who = Who::new(serial, mac);
        let before = match self.by_key.get(key) {
            None => None,
            Some(known) => match known.who.meets(&who, mac) {
                Meeting::Same => return Ok(known.id),
                Meeting::Learned => Some((known.id, true)),
                Meeting::Other => Some((known.id, false)),
            },
        };
        let text = who.text(key);
        let mut find = connection.prepare_cached("SELECT id FROM onu WHERE olt = ?1 AND who = ?2")?;
        let found: Option<i64> = find.query_row(params![self.id, text], |row| row.get(0)).optional()?;
        let id = match (found, before) {
            (Some(id), _) => {
                connection
                    .prepare_cached("UPDATE onu SET key = ?2, last_seen = ?3 WHERE id = ?1")?
                    .execute(params![id, key.to_string(), millis(at)])?;
                id
            }
            (None, Some((id, true))) => {
                connection
                    .prepare_cached("UPDATE onu SET who = ?2, last_seen = ?3 WHERE id = ?1")?
                    .execute(params![id, text, millis(at)])?;
                id
            }
            (None, _) => {
                connection
                    .prepare_cached(
                        "INSERT INTO onu (olt, who, key, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?4)",
                    )?
                    .execute(params![self.id, text, key.to_string(), millis(at)])?;
                connection.last_insert_rowid()
            }
        };
        let mut lane = None;
        if let Some((old, _)) = before {
            let known = self.by_key.get(key);
            lane = known.and_then(|known| known.lane);
            if old != id {
                release(connection, old, key)?;
                self.leave(lane.take());
            }
        }
        self.by_key.insert(key.clone(), Known { id, who, lane });
        Ok(id)
    }

    /// The number of the device that was read at `key`, and the lane in which its readings stand.
    pub(super) fn placed(
        &mut self,
        connection: &Connection,
        row: &LevelRow,
        at: Timestamp,
    ) -> rusqlite::Result<(i64, i64)> {
        let id = self.device(connection, &row.key, row.serial.as_ref(), row.mac, at)?;
        let held = self.by_key.get(&row.key).and_then(|known| known.lane);
        if let Some(lane) = held {
            let pon = self.lanes.get(&lane).and_then(|lane| lane.pon);
            // A reading that does not say where it is has not moved.
            if row.pon.is_none() || row.pon == pon {
                return Ok((id, lane));
            }
        }
        self.leave(held);
        let room = |(_, lane): &(&i64, &mut Lane)| lane.pon == row.pon && lane.onus < MOST_ONUS;
        let lane = match self.lanes.iter_mut().find(room) {
            Some((id, lane)) => {
                lane.onus += 1;
                *id
            }
            None => {
                connection
                    .prepare_cached("INSERT INTO lane (olt, pon, thinned) VALUES (?1, ?2, 0)")?
                    .execute(params![self.id, row.pon.map(|pon| pon.to_string())])?;
                let lane = connection.last_insert_rowid();
                connection
                    .prepare_cached("UPDATE lane SET thinned = ?2 WHERE id = ?1")?
                    .execute(params![lane, upkeep::first_window(lane, at)])?;
                self.lanes.insert(lane, Lane { pon: row.pon, onus: 1 });
                lane
            }
        };
        connection
            .prepare_cached(
                "INSERT INTO stay (onu, lane, since) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET since = excluded.since",
            )?
            .execute(params![id, lane, millis(at) / 1000])?;
        if let Some(known) = self.by_key.get_mut(&row.key) {
            known.lane = Some(lane);
        }
        Ok((id, lane))
    }

    fn leave(&mut self, lane: Option<i64>) {
        if let Some(lane) = lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.onus = lane.onus.saturating_sub(1);
        }
    }

    /// Nothing is held any more of what stands at `key`.
    pub(super) fn gone(&mut self, connection: &Connection, key: &OnuKey) -> rusqlite::Result<()> {
        let Some(known) = self.by_key.remove(key) else { return Ok(()) };
        self.leave(known.lane);
        release(connection, known.id, key)
    }
}

/// Drops what is held of a device, unless it stands elsewhere by now.
fn release(connection: &Connection, id: i64, key: &OnuKey) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM held WHERE onu = ?1 AND EXISTS (SELECT 1 FROM onu WHERE id = ?1 AND key = ?2)")?
        .execute(params![id, key.to_string()])?;
    Ok(())
}

/// A key as the file has it.
pub(super) fn parse_key(text: &str) -> Option<OnuKey> {
    let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
    numbers.map(|numbers| OnuKey::new(&numbers))
}

/// A time as the file has it.
pub(super) fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}
