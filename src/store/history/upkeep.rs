//! What the writer does with readings: puts them down as they come, packs them when there are many, thins them when they are old.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::Levels;
use super::block::Block;
use super::lane::{self, Shelf};
use super::sample::Sample;
use super::span::{Gather, Span, SpanBlock};
use crate::config::Keep;
use crate::model::Timestamp;
use crate::store::identity::OltDevices;

pub(super) const HOUR: i64 = 3600;
pub(super) const DAY: i64 = 24 * HOUR;
/// What is thinned at a time, of a lane.
const WINDOW: i64 = 7 * DAY;
/// A row of days grows to this many.
const DAYS_OF_A_ROW: usize = 56;
/// Sweeps of a lane that are packed together, at least; lanes differ, so that they do not all come due in the same round.
const PACKED_SWEEPS: i64 = 96;
const SPREAD: i64 = 64;

/// How many sweeps of each lane wait to be packed, of those that were asked for.
#[derive(Debug, Default)]
pub(in crate::store) struct Unpacked(HashMap<i64, u32>);

impl Unpacked {
    /// Count anew when the lane is next spoken of.
    pub(in crate::store) fn forget(&mut self, lane: i64) {
        self.0.remove(&lane);
    }
}

/// Puts down a sweep's readings; returns how many there were, and in how many octets.
pub(in crate::store) fn append(
    connection: &Connection,
    devices: &mut OltDevices,
    unpacked: &mut Unpacked,
    levels: &Levels,
) -> rusqlite::Result<(u64, u64)> {
    let mut lanes: BTreeMap<i64, Vec<(i64, Sample)>> = BTreeMap::new();
    for row in &levels.rows {
        let (device, lane) = devices.placed(connection, row, levels.at)?;
        lanes.entry(lane).or_default().push((device, row.sample));
    }
    let second = seconds(levels.at);
    let (mut samples, mut octets) = (0, 0);
    for (lane, rows) in lanes {
        let block = Block::from_slices(vec![(second, rows)]);
        samples += block.samples() as u64;
        let waiting = match unpacked.0.entry(lane) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(lane::count(connection, Shelf::Fresh, lane)?)
            }
        };
        let packed = block.encode();
        octets += packed.len() as u64;
        lane::put(connection, Shelf::Fresh, lane, second, second, &packed)?;
        *waiting += 1;
        if i64::from(*waiting) >= PACKED_SWEEPS + lane % SPREAD {
            pack(connection, lane)?;
            *waiting = 0;
        }
    }
    Ok((samples, octets))
}

/// Packs the sweeps of a lane that came one by one.
fn pack(connection: &Connection, lane: i64) -> rusqlite::Result<()> {
    let rows = lane::rows(connection, Shelf::Fresh, lane, i64::MIN, i64::MAX)?;
    let block = Block::joined(&decoded(Shelf::Fresh, &rows));
    if let (Some(first), Some(last)) = (block.times.first(), block.times.last()) {
        lane::put(connection, Shelf::Raw, lane, *first, *last, &block.encode())?;
    }
    for row in rows {
        lane::remove(connection, Shelf::Fresh, row.id)?;
    }
    Ok(())
}

pub(super) fn decoded(shelf: Shelf, rows: &[lane::Row]) -> Vec<Block> {
    let decode =
        |row: &lane::Row| Block::decode(&row.octets).inspect_err(|why| lane::tell_damaged(shelf, row.id, why)).ok();
    rows.iter().filter_map(decode).collect()
}

/// A lane whose oldest readings are due to be thinned, and from when they are.
pub(in crate::store) fn due(
    connection: &Connection,
    keep: &Keep,
    now: Timestamp,
) -> rusqlite::Result<Option<(i64, i64)>> {
    use rusqlite::OptionalExtension;
    let before = due_before(keep, now);
    let mut statement =
        connection.prepare_cached("SELECT id, thinned FROM lane WHERE thinned <= ?1 ORDER BY thinned LIMIT 1")?;
    statement.query_row([before], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// What begins before this and is not thinned yet is due.
fn due_before(keep: &Keep, now: Timestamp) -> i64 {
    begin(seconds(now).saturating_sub(whole_seconds(keep.raw)), DAY).saturating_sub(WINDOW)
}

/// The day of a lane's first reading that was not thinned; the end of time when there is none.
fn next_reading(connection: &Connection, lane: i64, from: i64) -> rusqlite::Result<i64> {
    let mut first = i64::MAX;
    for shelf in [Shelf::Raw, Shelf::Fresh] {
        let id = lane::ids(connection, shelf, lane, from, i64::MAX)?.first().copied();
        first = first.min(id.map_or(i64::MAX, |id| begin(lane::second_of(id), DAY)));
    }
    Ok(first)
}

/// Thins a week of a lane's readings, and drops what was thinned long ago.
pub(in crate::store) fn thin(
    connection: &Connection,
    (lane, from): (i64, i64),
    keep: &Keep,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let until = from + WINDOW;
    let mut blocks = Vec::new();
    for shelf in [Shelf::Raw, Shelf::Fresh] {
        blocks.extend(decoded(shelf, &lane::rows(connection, shelf, lane, from, until - 1)?));
    }
    let hours = thinned(&blocks, HOUR, from, until);
    // Where nothing was read for long, it need not be gone through week by week.
    let next = if hours.is_some() {
        until
    } else {
        until.max(next_reading(connection, lane, until)?.min(due_before(keep, now)))
    };
    if let Some(hours) = hours {
        lane::put(connection, Shelf::Hourly, lane, from, until - 1, &hours.encode())?;
    }
    if let Some(days) = thinned(&blocks, DAY, from, until) {
        put_days(connection, lane, from, until, days)?;
    }
    lane::remove_before(connection, Shelf::Raw, lane, until)?;
    lane::remove_before(connection, Shelf::Fresh, lane, until)?;
    let ago = |keep: Duration| seconds(now).saturating_sub(whole_seconds(keep));
    lane::remove_before(connection, Shelf::Hourly, lane, ago(keep.hourly))?;
    lane::remove_before(connection, Shelf::Daily, lane, ago(keep.daily))?;
    connection.prepare_cached("UPDATE lane SET thinned = ?2 WHERE id = ?1")?.execute(params![lane, next])?;
    Ok(())
}

/// Adds days to the newest row of days, or begins another.
fn put_days(connection: &Connection, lane: i64, from: i64, until: i64, days: SpanBlock) -> rusqlite::Result<()> {
    let mut days = days;
    if let Some(newest) = lane::newest(connection, Shelf::Daily, lane)? {
        match SpanBlock::decode(&newest.octets) {
            Ok(before) if before.times.len() < DAYS_OF_A_ROW => {
                days = before.joined(&days);
                lane::remove(connection, Shelf::Daily, newest.id)?;
            }
            Ok(_) => {}
            Err(why) => lane::tell_damaged(Shelf::Daily, newest.id, &why),
        }
    }
    let first = days.times.first().copied().unwrap_or(from);
    lane::put(connection, Shelf::Daily, lane, first, until - 1, &days.encode())
}

/// Readings from `from` up to `until`, thinned; none when there are none.
fn thinned(blocks: &[Block], step: i64, from: i64, until: i64) -> Option<SpanBlock> {
    let onus: BTreeSet<i64> = blocks.iter().flat_map(|block| block.onus.iter().copied()).collect();
    let within = |at: &i64| (from..until).contains(at);
    let times: BTreeSet<i64> =
        blocks.iter().flat_map(|block| block.times.iter().copied().filter(within)).map(|at| begin(at, step)).collect();
    if times.is_empty() || onus.is_empty() {
        return None;
    }
    let mut spans = SpanBlock::new(times.into_iter().collect(), onus.iter().copied().collect());
    for (row, onu) in onus.iter().enumerate() {
        let mut gathers: BTreeMap<i64, Gather> = BTreeMap::new();
        for (at, sample) in blocks.iter().flat_map(|block| block.of_onu(*onu)).filter(|(at, _)| within(at)) {
            gathers.entry(begin(at, step)).or_default().add(&sample);
        }
        for (at, mut gather) in gathers {
            if let Ok(time) = spans.times.binary_search(&at) {
                let span: Span = gather.take();
                spans.set(row, time, span);
            }
        }
    }
    Some(spans)
}

/// When the step that a second lies in begins.
pub(super) const fn begin(second: i64, step: i64) -> i64 {
    second - second.rem_euclid(step)
}

/// From when on a new lane's readings are thinned: whole days, and not the same for all lanes, so that they do not all come
/// due at once.
pub(in crate::store) fn first_window(lane: i64, at: Timestamp) -> i64 {
    begin(seconds(at), DAY) - lane.rem_euclid(7) * DAY
}

pub(super) fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.millis() / 1000).unwrap_or(i64::MAX)
}

pub(super) fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
