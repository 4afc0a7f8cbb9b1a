use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::model::{Cause, Dbm};
use crate::store::{Keep, Store};

const DAY: u64 = 86_400;
/// Midnight.
const BEGIN: u64 = 1_795_392_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis((BEGIN + second) * 1000)
}

fn olt() -> OltId {
    OltId::new("olt-centro")
}

fn key(number: u32) -> OnuKey {
    OnuKey::new(&[number])
}

fn up(rx: i32, olt_rx: i32) -> Sample {
    let level = |hundredths: i32| Ok(Dbm::from_thousandths(hundredths * 10));
    Sample { state: Seen::Up, rx: level(rx), olt_rx: level(olt_rx) }
}

fn down() -> Sample {
    Sample { state: Seen::Down(Cause::Power), rx: Err(Lack::OnuDown), olt_rx: Err(Lack::OnuDown) }
}

fn row(number: u32, pon: Option<u32>, sample: Sample) -> LevelRow {
    let serial = format!("HWTC{number:08X}").parse().ok();
    LevelRow { key: key(number), serial, mac: None, pon: pon.map(|pon| PonId::new(&[0, pon]).unwrap()), sample }
}

/// A store in a time of its own.
struct Town {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: Store,
    now: Arc<AtomicU64>,
}

impl Town {
    fn new(keep: Keep) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oltwatch.db");
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let store = Store::open_with_clock(&path, keep, move || at(clock.load(Ordering::Relaxed))).unwrap();
        Self { _folder: folder, path, store, now }
    }

    fn read(&self, second: u64, rows: Vec<LevelRow>) {
        self.now.store(second, Ordering::Relaxed);
        self.store.keeper().levels(Levels { olt: olt(), at: at(second), rows });
    }

    fn written(&self) -> Reader {
        assert!(self.store.flush(PATIENCE));
        assert_eq!(self.store.keeper().status().lost, 0);
        Reader::open(&self.path).unwrap()
    }

    fn rows(&self, table: &str) -> i64 {
        let reader = rusqlite::Connection::open(&self.path).unwrap();
        reader.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Until nothing is left to be thinned.
    fn thinned(&self) {
        loop {
            let reader = rusqlite::Connection::open(&self.path).unwrap();
            let now = at(self.now.load(Ordering::Relaxed));
            let keep = Keep { raw: Duration::from_secs(10 * DAY), ..Keep::default() };
            if upkeep::due(&reader, &keep, now).unwrap().is_none() {
                return;
            }
            assert!(self.store.flush(PATIENCE));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A level that tells the sweep and the ONU.
fn told(sweep: u64, number: u32) -> i32 {
    -2000 - i32::try_from(sweep * 31 % 97).unwrap() - i32::try_from(number).unwrap() * 10
}

#[test]
fn every_reading_comes_back_before_and_after_it_is_packed() {
    let town = Town::new(Keep::default());
    let sweeps = 400;
    for sweep in 0..sweeps {
        let sample = |number| match (sweep + u64::from(number)) % 50 {
            0 => down(),
            _ => up(told(sweep, number), told(sweep, number) - 200),
        };
        town.read(sweep * 900, (1..=3).map(|number| row(number, Some(1), sample(number))).collect());
        if sweep % 40 == 0 {
            assert!(town.store.flush(PATIENCE));
        }
    }
    let reader = town.written();
    assert!(town.rows("raw") >= 2 && town.rows("fresh") < 160, "{} {}", town.rows("raw"), town.rows("fresh"));
    let device = reader.device(&olt(), &key(2)).unwrap().unwrap();
    let points = reader.points(device, at(0), at(sweeps * 900)).unwrap();
    assert_eq!(points.len(), usize::try_from(sweeps).unwrap());
    for (sweep, (time, sample)) in (0..sweeps).zip(&points) {
        assert_eq!(*time, at(sweep * 900));
        let lit = up(told(sweep, 2), told(sweep, 2) - 200);
        assert_eq!(*sample, if (sweep + 2) % 50 == 0 { down() } else { lit });
    }
    assert_eq!(reader.points(device, at(900), at(1800)).unwrap(), points[1..=2]);
    let pon = reader.pon_points(&olt(), PonId::new(&[0, 1]).unwrap(), at(0), at(sweeps * 900)).unwrap();
    assert_eq!(pon.len(), 3);
    assert_eq!(pon[&device], points);
    assert_eq!(reader.pon_points(&olt(), PonId::new(&[0, 2]).unwrap(), at(0), at(900)).unwrap().len(), 0);
    assert_eq!(reader.device(&olt(), &key(9)).unwrap(), None);
    assert_eq!(reader.device(&OltId::new("olt-norte"), &key(2)).unwrap(), None);
}

#[test]
fn the_stream_gives_all_readings_of_an_olt_in_time_order() {
    let town = Town::new(Keep::default());
    let sweeps = 200;
    for sweep in 0..sweeps {
        // Two PONs in slices of their own, and ONUs of which no PON is known.
        for pon in [Some(1), Some(2), None] {
            let first = pon.map_or(90, |pon| pon * 10);
            let rows = (first..first + 4).map(|number| row(number, pon, up(told(sweep, number), -2500))).collect();
            town.read(sweep * 900 + u64::from(first), rows);
        }
        if sweep % 40 == 0 {
            assert!(town.store.flush(PATIENCE));
        }
    }
    let mut reader = town.written();
    let numbers: std::collections::BTreeMap<DeviceId, u32> =
        reader.devices(&olt()).unwrap().into_iter().map(|device| (device.id, device.key.numbers()[0])).collect();
    let mut last = at(0);
    let mut seen = 0;
    for slice in reader.levels(&olt(), at(10 * 900), at(190 * 900)).unwrap() {
        let slice = slice.unwrap();
        assert!(slice.at >= last && slice.at >= at(9000));
        last = slice.at;
        for (device, sample) in slice.rows {
            let number = numbers[&device];
            let sweep = (slice.at.millis() / 1000 - BEGIN) / 900;
            assert_eq!(sample, up(told(sweep, number), -2500));
            seen += 1;
        }
    }
    assert_eq!(seen, 180 * 3 * 4);
    // Another may follow on the same connection.
    assert_eq!(reader.levels(&olt(), at(0), at(100_000_000)).unwrap().count(), 600);
    assert_eq!(reader.levels(&OltId::new("x"), at(0), at(1)).unwrap().count(), 0);
}

#[test]
fn a_device_that_moves_keeps_its_history_and_one_that_replaces_it_begins_anew() {
    let town = Town::new(Keep::default());
    let mut moved = row(1, Some(1), up(-2000, -2200));
    town.read(0, vec![moved.clone()]);
    // To another PON and key; another device takes its place.
    let mut other = row(7, Some(1), up(-2700, -2800));
    other.key = key(1);
    moved.key = key(50);
    moved.pon = Some(PonId::new(&[0, 2]).unwrap());
    moved.sample = up(-2100, -2300);
    town.read(900, vec![other, moved]);
    let reader = town.written();
    let points = |number| reader.points(reader.device(&olt(), &key(number)).unwrap().unwrap(), at(0), at(DAY)).unwrap();
    assert_eq!(points(50), [(at(0), up(-2000, -2200)), (at(900), up(-2100, -2300))]);
    assert_eq!(points(1), [(at(900), up(-2700, -2800))]);
}

#[test]
fn what_is_older_than_keep_is_thinned_to_hours_and_days() {
    let days = |days: u64| Duration::from_secs(days * DAY);
    let town = Town::new(Keep { raw: days(10), hourly: days(40), daily: days(365) });
    let total = 100;
    for sweep in 0..total * 24 {
        // Two readings an hour; ONU 2 is off on even days.
        for half in 0..2 {
            let second = sweep * 3600 + half * 1800;
            let level = -2000 - i32::try_from(sweep % 24).unwrap() - i32::try_from(half).unwrap() * 5;
            let off = if sweep / 24 % 2 == 0 { down() } else { up(level, level) };
            town.read(second, vec![row(1, Some(1), up(level, -2500)), row(2, Some(1), off)]);
        }
        if sweep % 20 == 0 {
            assert!(town.store.flush(PATIENCE));
        }
    }
    town.thinned();
    let reader = town.written();
    let device = reader.device(&olt(), &key(1)).unwrap().unwrap();
    let (first, last) = (at(0), at(total * DAY));
    let since = reader.raw_since(device).unwrap().unwrap();
    let kept = last.since(since).as_secs() / DAY;
    assert!((10..=17).contains(&kept), "{kept} days are raw");
    let points = reader.points(device, first, last).unwrap();
    assert_eq!(points.len() as u64, kept * 48, "not one more or less than what is not thinned");

    let hour = Duration::from_secs(3600);
    let spans = reader.spans(device, first, last, hour).unwrap();
    assert_eq!(
        spans.iter().map(|(_, _, span)| u64::from(span.sweeps)).sum::<u64>(),
        total * 48,
        "each reading counts once"
    );
    assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0), "no gap, no overlap");
    let hours = spans.iter().filter(|(_, length, _)| *length == hour).count() as u64 / 24;
    assert!((40..=54).contains(&hours), "{hours} days are in hours");
    for (begin, length, span) in &spans {
        let rx = span.rx.unwrap();
        let hour = i32::try_from((begin.millis() / 1000 - BEGIN) % DAY / 3600).unwrap();
        let levels = [rx.least, rx.median, rx.greatest].map(|level| level.thousandths() / 10);
        if length.as_secs() == 3600 {
            assert_eq!((levels, rx.readings), ([-2005 - hour, -2000 - hour, -2000 - hour], 2), "{begin}");
        } else {
            assert_eq!((levels[0], levels[2], rx.readings), (-2028, -2000, 48), "{begin}");
            assert!((-2015..=-2013).contains(&levels[1]), "{levels:?}");
        }
        assert_eq!(span.olt_rx.unwrap().median, Dbm::from_thousandths(-25_000));
    }
    let other = reader.device(&olt(), &key(2)).unwrap().unwrap();
    let by_day = reader.spans(other, first, last, Duration::from_secs(DAY)).unwrap();
    assert_eq!(by_day.len() as u64, total);
    for (day, (_, _, span)) in by_day.iter().enumerate() {
        assert_eq!((span.sweeps, span.down), (48, if day % 2 == 0 { 48 } else { 0 }), "day {day}");
        assert_eq!(span.rx.is_none(), day % 2 == 0);
    }
    crate::store::check(&town.path).unwrap();
}

#[test]
fn years_without_a_reading_are_not_gone_through_week_by_week() {
    let ever = Duration::from_secs(40_000 * DAY);
    let town = Town::new(Keep { raw: Duration::from_secs(10 * DAY), hourly: ever, daily: ever });
    town.read(0, vec![row(1, Some(1), up(-2000, -2200))]);
    assert!(town.store.flush(PATIENCE));
    town.read(20_000 * DAY, vec![row(1, Some(1), up(-2100, -2300))]);
    town.thinned();
    let reader = town.written();
    assert!(town.store.keeper().status().thinned <= 5);
    let device = reader.device(&olt(), &key(1)).unwrap().unwrap();
    let spans = reader.spans(device, at(0), at(30_000 * DAY), Duration::from_secs(3600)).unwrap();
    assert_eq!(spans.len(), 2, "{spans:?}");
}

#[test]
fn readings_that_are_damaged_are_left_out_and_the_rest_is_there() {
    let town = Town::new(Keep::default());
    for sweep in 0..3 {
        town.read(sweep * 900, vec![row(1, Some(1), up(-2000, -2200))]);
        assert!(town.store.flush(PATIENCE));
    }
    let vandal = rusqlite::Connection::open(&town.path).unwrap();
    vandal.execute("UPDATE fresh SET data = x'0102030405' WHERE id = (SELECT min(id) FROM fresh)", []).unwrap();
    let reader = town.written();
    let device = reader.device(&olt(), &key(1)).unwrap().unwrap();
    assert_eq!(reader.points(device, at(0), at(DAY)).unwrap().len(), 2);
}

#[test]
fn a_pon_that_is_larger_than_a_lane_takes_several() {
    let town = Town::new(Keep::default());
    let many = MOST_ONUS * 2 + 1;
    town.read(0, (1..=many).map(|number| row(number, Some(1), up(-2000, -2200))).collect());
    let reader = town.written();
    assert_eq!(town.rows("lane"), 3);
    let pon = reader.pon_points(&olt(), PonId::new(&[0, 1]).unwrap(), at(0), at(DAY)).unwrap();
    assert_eq!(u32::try_from(pon.len()).unwrap(), many);
}

#[test]
fn readings_that_nobody_can_write_in_time_are_lost_and_counted_and_nobody_waits() {
    let town = Town::new(Keep::default());
    let holder = rusqlite::Connection::open(&town.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let most = crate::store::queue::MOST_READINGS;
    let slice: Vec<LevelRow> = (1..=100).map(|number| row(number, Some(number / 64), up(-2000, -2200))).collect();
    // Three times what may wait: the writer may have taken some of it in hand.
    let sweeps = 3 * most / 100;
    for sweep in 0..sweeps {
        town.read(sweep as u64 * 900, slice.clone());
    }
    let status = town.store.keeper().status();
    assert!(status.waiting_readings <= most, "{status:?}");
    assert!(status.lost >= most as u64 && status.lost.is_multiple_of(100), "{status:?}");
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(town.store.flush(PATIENCE));
    let status = town.store.keeper().status();
    assert_eq!(status.readings + status.lost, sweeps as u64 * 100, "{status:?}");
}
