//! Reads history beside the writer, on connections of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::block::Block;
use super::lane::{self, Shelf};
use super::sample::Sample;
use super::span::{Gather, Span, SpanBlock};
use super::upkeep::{DAY, HOUR, begin, decoded, seconds, whole_seconds};
use crate::model::{Mac, OltId, OnuKey, PonId, Serial, Timestamp};
use crate::store::identity::parse_key;
use crate::store::{StoreError, open};

/// A device: stays the same when it moves, and across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub(super) i64);

/// A device that was ever seen on an OLT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: DeviceId,
    /// Where it was seen last.
    pub key: OnuKey,
    /// Its PON port, then.
    pub pon: Option<PonId>,
    /// Its number on the PON, then.
    pub number: Option<u32>,
    /// Its serial number.
    pub serial: Option<Serial>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its name on the OLT, then.
    pub name: Option<String>,
}

/// Readings that were taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelSlice {
    /// When.
    pub at: Timestamp,
    /// Of whom, and what.
    pub rows: Vec<(DeviceId, Sample)>,
}

/// A piece of an ONU's history: a span that begins at a time, of a length.
pub type SpanAt = (Timestamp, Duration, Span);

/// A connection that reads beside the writer.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

struct LaneTimes {
    lane: i64,
    /// Readings before it are thinned.
    thinned: i64,
}

impl Reader {
    /// Opens the file to read it. Blocks, as everything here.
    ///
    /// # Errors
    /// [`StoreError`] when there is none of ours; nothing is made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.to_owned(), connection: open::open_to_read(path)? })
    }

    /// Reads in one go, so that what is packed or thinned meanwhile is seen either before or after.
    fn at_once<T>(&self, read: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let all = self.connection.unchecked_transaction();
        let read = all.and_then(|all| read().and_then(|read| all.finish().map(|()| read)));
        read.map_err(|source| StoreError::of(&self.path, "reading history", source))
    }

    /// By which rules was judged last, as [`Keeper::rules`](crate::store::Keeper::rules) was given them; `None` when nobody did.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn rules(&self) -> Result<Option<String>, StoreError> {
        let read = self.connection.query_row("SELECT value FROM meta WHERE key = 'rules'", [], |row| row.get(0));
        read.optional().map_err(|source| StoreError::of(&self.path, "reading the rules in force", source))
    }

    /// Every OLT that the file knows, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn olts(&self) -> Result<Vec<OltId>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT name FROM olt ORDER BY name")?;
            let names = statement.query_map([], |row| Ok(OltId::new(&row.get::<_, String>(0)?)))?;
            names.collect::<Result<_, _>>()
        };
        read().map_err(|source| StoreError::of(&self.path, "reading the OLTs", source))
    }

    /// The device that stands at a key of an OLT, or stood there last.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn device(&self, olt: &OltId, key: &OnuKey) -> Result<Option<DeviceId>, StoreError> {
        let find = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT onu.id FROM onu JOIN olt ON olt.id = onu.olt WHERE olt.name = ?1 AND onu.key = ?2
                 ORDER BY last_seen DESC, onu.id DESC LIMIT 1",
            )?;
            statement.query_row(params![olt.as_str(), key.to_string()], |row| row.get(0)).optional()
        };
        self.at_once(find).map(|id| id.map(DeviceId))
    }

    /// Every device that was ever seen on an OLT.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn devices(&self, olt: &OltId) -> Result<Vec<Device>, StoreError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT onu.id, key, pon, number, serial, mac, onu.name FROM onu JOIN olt ON olt.id = onu.olt
                 WHERE olt.name = ?1 ORDER BY onu.id",
            )?;
            let mut rows = statement.query([olt.as_str()])?;
            let mut devices = Vec::new();
            while let Some(row) = rows.next()? {
                let text = |place| row.get::<_, Option<String>>(place);
                let Some(key) = parse_key(&row.get::<_, String>(1)?) else { continue };
                devices.push(Device {
                    id: DeviceId(row.get(0)?),
                    key,
                    pon: text(2)?.and_then(|pon| pon.parse().ok()),
                    number: row.get(3)?,
                    serial: text(4)?.and_then(|serial| serial.parse().ok()),
                    mac: text(5)?.and_then(|mac| mac.parse().ok()),
                    name: text(6)?,
                });
            }
            Ok(devices)
        };
        self.at_once(read)
    }

    /// From when on a device's readings are there as they were read; `None` when nothing of it was thinned.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn raw_since(&self, device: DeviceId) -> Result<Option<Timestamp>, StoreError> {
        self.at_once(|| {
            let mut since = None;
            for LaneTimes { lane, thinned } in self.lanes_of(device)? {
                if lane::newest(&self.connection, Shelf::Daily, lane)?.is_some() {
                    since = since.max(Some(time(thinned)));
                }
            }
            Ok(since)
        })
    }

    /// A device's readings as they were read, both ends included, in time order. What was thinned is not among them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn points(
        &self,
        device: DeviceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(Timestamp, Sample)>, StoreError> {
        let read = || {
            let mut points = Vec::new();
            for lane in self.lanes_of(device)? {
                self.raw_of(&lane, device, seconds(from), seconds(to), |at, sample| points.push((time(at), sample)))?;
            }
            points.sort_by_key(|(at, _)| *at);
            Ok(points)
        };
        self.at_once(read)
    }

    /// The readings of all ONUs of a PON as they were read, by device, each in time order.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn pon_points(
        &self,
        olt: &OltId,
        pon: PonId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BTreeMap<DeviceId, Vec<(Timestamp, Sample)>>, StoreError> {
        let (from, to) = (seconds(from), seconds(to));
        let read = || {
            let mut by_device: BTreeMap<DeviceId, Vec<(Timestamp, Sample)>> = BTreeMap::new();
            for lane in lanes_on(&self.connection, olt, Some(pon))? {
                for block in self.raw_blocks(&lane, from, to)? {
                    for onu in &block.onus {
                        let own = by_device.entry(DeviceId(*onu)).or_default();
                        let points = block.of_onu(*onu).filter(|(at, _)| (from.max(lane.thinned)..=to).contains(at));
                        own.extend(points.map(|(at, sample)| (time(at), sample)));
                    }
                }
            }
            by_device.retain(|_, points| !points.is_empty());
            for points in by_device.values_mut() {
                points.sort_by_key(|(at, _)| *at);
            }
            Ok(by_device)
        };
        self.at_once(read)
    }

    /// A device's history in spans of `step`, counted from 1970 UTC, in time order; what was thinned to longer spans comes in
    /// those. Only spans that hold something.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn spans(
        &self,
        device: DeviceId,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<SpanAt>, StoreError> {
        let (from, to, step) = (seconds(from), seconds(to), whole_seconds(step).max(1));
        let read = || {
            let mut gathers: BTreeMap<(i64, i64), Gather> = BTreeMap::new();
            for lane in self.lanes_of(device)? {
                let hours = self.thinned_of(Shelf::Hourly, &lane, device, from, to)?;
                // A day counts where its hours are there no more.
                let first_hour = lane::ids(&self.connection, Shelf::Hourly, lane.lane, i64::MIN, i64::MAX)?
                    .first()
                    .map_or(lane.thinned, |id| lane::second_of(*id));
                let days = self.thinned_of(Shelf::Daily, &lane, device, from, to)?;
                let days = days.into_iter().filter(|(at, _)| at + DAY <= first_hour).map(|(at, span)| (at, DAY, span));
                for (at, length, span) in days.chain(hours.into_iter().map(|(at, span)| (at, HOUR, span))) {
                    let whole = step.max(length);
                    gathers.entry((begin(at, whole), whole)).or_default().add_span(&span);
                }
                self.raw_of(&lane, device, from, to, |at, sample| {
                    gathers.entry((begin(at, step), step)).or_default().add(&sample);
                })?;
            }
            let span = |((at, length), mut gather): ((i64, i64), Gather)| {
                (time(at), Duration::from_secs(length.unsigned_abs()), gather.take())
            };
            Ok(gathers.into_iter().map(span).collect())
        };
        self.at_once(read)
    }

    /// All readings of all ONUs of an OLT as they were read, both ends included, in time order (but where the clock of this
    /// machine went back). Holds a block of each lane, whatever the span.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn levels(&mut self, olt: &OltId, from: Timestamp, to: Timestamp) -> Result<LevelStream<'_>, StoreError> {
        let (from, to) = (seconds(from), seconds(to));
        let Self { path, connection } = self;
        let path = path.as_path();
        let failed = |source| StoreError::of(path, "reading history", source);
        let snapshot = connection.transaction().map_err(failed)?;
        let begin = move || {
            let mut lanes = Vec::new();
            for LaneTimes { lane, thinned } in lanes_on(&snapshot, olt, None)? {
                let from = from.max(thinned);
                let ids = |shelf| lane::ids(&snapshot, shelf, lane, from, to);
                let raw = ids(Shelf::Raw)?.into_iter().map(|id| (Shelf::Raw, id));
                let rows = raw.chain(ids(Shelf::Fresh)?.into_iter().map(|id| (Shelf::Fresh, id))).collect();
                lanes.push(LaneCursor { rows, block: Block::default(), sweep: 0, from });
            }
            let mut stream = LevelStream { path, snapshot, to, lanes, next: BinaryHeap::new() };
            for lane in 0..stream.lanes.len() {
                stream.queue(lane)?;
            }
            Ok(stream)
        };
        begin().map_err(failed)
    }

    fn lanes_of(&self, device: DeviceId) -> rusqlite::Result<Vec<LaneTimes>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT lane.id, thinned FROM stay JOIN lane ON lane.id = stay.lane WHERE stay.onu = ?1")?;
        let lanes = statement.query_map([device.0], |row| Ok(LaneTimes { lane: row.get(0)?, thinned: row.get(1)? }))?;
        lanes.collect()
    }

    fn raw_blocks(&self, lane: &LaneTimes, from: i64, to: i64) -> rusqlite::Result<Vec<Block>> {
        let mut blocks = Vec::new();
        for shelf in [Shelf::Raw, Shelf::Fresh] {
            let rows = lane::rows(&self.connection, shelf, lane.lane, from.max(lane.thinned), to)?;
            blocks.extend(decoded(shelf, &rows));
        }
        Ok(blocks)
    }

    fn raw_of(
        &self,
        lane: &LaneTimes,
        device: DeviceId,
        from: i64,
        to: i64,
        mut take: impl FnMut(i64, Sample),
    ) -> rusqlite::Result<()> {
        let from = from.max(lane.thinned);
        for block in self.raw_blocks(lane, from, to)? {
            for (at, sample) in block.of_onu(device.0).filter(|(at, _)| (from..=to).contains(at)) {
                take(at, sample);
            }
        }
        Ok(())
    }

    fn thinned_of(
        &self,
        shelf: Shelf,
        lane: &LaneTimes,
        device: DeviceId,
        from: i64,
        to: i64,
    ) -> rusqlite::Result<Vec<(i64, Span)>> {
        let mut spans = Vec::new();
        for row in lane::rows(&self.connection, shelf, lane.lane, from, to)? {
            match SpanBlock::decode(&row.octets) {
                Ok(block) => spans.extend(block.of_onu(device.0).filter(|(at, _)| (from..=to).contains(at))),
                Err(why) => lane::tell_damaged(shelf, row.id, &why),
            }
        }
        Ok(spans)
    }
}

fn lanes_on(connection: &Connection, olt: &OltId, pon: Option<PonId>) -> rusqlite::Result<Vec<LaneTimes>> {
    let mut statement = connection.prepare_cached(
        "SELECT lane.id, thinned FROM lane JOIN olt ON olt.id = lane.olt
         WHERE olt.name = ?1 AND (?2 IS NULL OR pon = ?2)",
    )?;
    let pon = pon.map(|pon| pon.to_string());
    let lanes = statement
        .query_map(params![olt.as_str(), pon], |row| Ok(LaneTimes { lane: row.get(0)?, thinned: row.get(1)? }))?;
    lanes.collect()
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_millis(second.max(0).unsigned_abs().saturating_mul(1000))
}

/// Where a stream is in a lane.
struct LaneCursor {
    rows: VecDeque<(Shelf, i64)>,
    block: Block,
    sweep: usize,
    from: i64,
}

/// Levels of all ONUs of an OLT in time order.
pub struct LevelStream<'a> {
    path: &'a Path,
    snapshot: Transaction<'a>,
    to: i64,
    lanes: Vec<LaneCursor>,
    /// The next second of each lane that has one.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

impl LevelStream<'_> {
    /// Finds the next sweep of a lane, and puts its time among the next ones.
    fn queue(&mut self, lane: usize) -> rusqlite::Result<()> {
        let Some(cursor) = self.lanes.get_mut(lane) else { return Ok(()) };
        loop {
            match cursor.block.times.get(cursor.sweep) {
                Some(at) if *at < cursor.from => cursor.sweep += 1,
                Some(at) if *at <= self.to => {
                    self.next.push(Reverse((*at, lane)));
                    return Ok(());
                }
                // The rest of the block is too late; a later block may still hold what is not, after a clock that went back.
                _ => {
                    let Some((shelf, id)) = cursor.rows.pop_front() else { return Ok(()) };
                    let octets = lane::octets(&self.snapshot, shelf, id)?.unwrap_or_default();
                    cursor.sweep = 0;
                    cursor.block = Block::decode(&octets).unwrap_or_else(|why| {
                        lane::tell_damaged(shelf, id, &why);
                        Block::default()
                    });
                }
            }
        }
    }

    fn advance(&mut self) -> rusqlite::Result<Option<LevelSlice>> {
        let Some(Reverse((at, lane))) = self.next.pop() else { return Ok(None) };
        let Some(cursor) = self.lanes.get_mut(lane) else { return Ok(None) };
        let rows = cursor.block.sweep(cursor.sweep).map(|(onu, sample)| (DeviceId(onu), sample)).collect();
        cursor.sweep += 1;
        self.queue(lane)?;
        Ok(Some(LevelSlice { at: time(at), rows }))
    }
}

impl Iterator for LevelStream<'_> {
    type Item = Result<LevelSlice, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().map_err(|source| StoreError::of(self.path, "reading history", source)).transpose()
    }
}
