//! What history costs: octets a reading, time to read it, share of a core to write and to thin it (`docs/performance.md`).
//!
//! `cargo bench --bench history` runs all cases; `-- --smoke` runs them small, in seconds; `-- size`, `write` or `thin` one.
//!
//! The levels are simulated: a slow daily swing, noise of 0.05 to 0.15 dB, in steps of 0.01 or 0.04 dB by PON, ONUs that are
//! off for some hours now and then.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench may fail loudly, and prints"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use oltwatch::model::{Cause, Dbm, OltId, OnuKey, PonId, Serial, Timestamp};
use oltwatch::store::history::{Lack, Sample, Seen};
use oltwatch::store::{Keep, LevelRow, Levels, Reader, Store};
use rustix::time::{ClockId, clock_gettime};

const ONUS_OF_A_PON: u32 = 64;
const INTERVAL: u64 = 900;
const DAY: u64 = 86_400;
const BEGIN: u64 = 1_795_392_000;

#[derive(Parser)]
struct Arguments {
    /// size, write or thin; all of them without
    case: Option<String>,
    /// Small, in seconds
    #[arg(long)]
    smoke: bool,
    /// Where the files are made, and removed
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// One ONU's light.
struct Light {
    key: OnuKey,
    serial: Serial,
    pon: PonId,
    base: [f64; 2],
    swing: f64,
    phase: f64,
    noise: f64,
    step: f64,
    off_until: u64,
}

fn noise() -> f64 {
    // Twelve uniform numbers make a normal one.
    (0..12).map(|_| fastrand::f64()).sum::<f64>() - 6.0
}

impl Light {
    fn new(pon: u32, onu: u32) -> Self {
        Self {
            key: OnuKey::new(&[4_194_304 + pon * 256, onu]),
            serial: format!("HWTC{:08X}", pon * ONUS_OF_A_PON + onu + 1).parse().expect("a serial"),
            pon: PonId::new(&[0, pon / 16, pon % 16]).expect("a PON"),
            base: [-15.0 - 11.0 * fastrand::f64(), -17.0 - 11.0 * fastrand::f64()],
            swing: 0.05 + 0.35 * fastrand::f64(),
            phase: fastrand::f64(),
            noise: 0.05 + 0.1 * fastrand::f64(),
            step: if pon.is_multiple_of(2) { 0.01 } else { 0.04 },
            off_until: 0,
        }
    }

    fn sample(&mut self, second: u64) -> Sample {
        // Off for one to nine hours, every other day.
        if fastrand::f64() < INTERVAL as f64 / (2 * DAY) as f64 {
            self.off_until = second + 3600 + fastrand::u64(0..8 * 3600);
        }
        if second < self.off_until {
            return Sample { state: Seen::Down(Cause::Power), rx: Err(Lack::OnuDown), olt_rx: Err(Lack::OnuDown) };
        }
        let day = (second % DAY) as f64 / DAY as f64;
        let swing = self.swing * (std::f64::consts::TAU * (day + self.phase)).sin();
        let level = |base: f64| {
            let steps = ((base + swing + self.noise * noise()) / self.step).round();
            Ok(Dbm::from_thousandths((steps * self.step * 1000.0).round() as i32))
        };
        let [rx, olt_rx] = self.base;
        Sample { state: Seen::Up, rx: level(rx), olt_rx: level(olt_rx) }
    }
}

/// An OLT whose ONUs are read PON by PON.
struct Town {
    olt: OltId,
    pons: Vec<Vec<Light>>,
}

impl Town {
    fn new(name: &str, pons: u32) -> Self {
        let pon = |pon| (1..=ONUS_OF_A_PON).map(|onu| Light::new(pon, onu)).collect();
        Self { olt: OltId::new(name), pons: (0..pons).map(pon).collect() }
    }

    /// Reads everything once, in slices of eight PONs.
    fn round(&mut self, second: u64, mut give: impl FnMut(Levels)) {
        for (number, slice) in self.pons.chunks_mut(8).enumerate() {
            let at = second + number as u64;
            let row = |light: &mut Light| LevelRow {
                key: light.key.clone(),
                serial: Some(light.serial.clone()),
                mac: None,
                pon: Some(light.pon),
                sample: light.sample(at),
            };
            let rows = slice.iter_mut().flatten().map(row).collect();
            give(Levels { olt: self.olt.clone(), at: Timestamp::from_millis(at * 1000), rows });
        }
    }
}

/// A store whose time is the simulation's.
struct Bench {
    store: Store,
    path: PathBuf,
    now: Arc<AtomicU64>,
    generating: f64,
}

impl Bench {
    fn new(path: &Path, keep: Keep) -> Self {
        let now = Arc::new(AtomicU64::new(BEGIN));
        let clock = Arc::clone(&now);
        let clock = move || Timestamp::from_millis(clock.load(Ordering::Relaxed) * 1000);
        let store = Store::open_with_clock(path, keep, clock).expect("a new file");
        Self { store, path: path.to_owned(), now, generating: 0.0 }
    }

    fn round(&mut self, town: &mut Town, second: u64) {
        self.now.store(second, Ordering::Relaxed);
        let before = cpu(ClockId::ThreadCPUTime);
        let keeper = self.store.keeper();
        town.round(second, |levels| keeper.levels(levels));
        self.generating += cpu(ClockId::ThreadCPUTime) - before;
    }

    fn flush(&self) {
        assert!(self.store.flush(Duration::from_secs(600)), "the store does not keep up");
    }

    /// Octets on disk, the log included.
    fn octets(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        size(&self.path) + size(&self.path.with_extension("db-wal"))
    }
}

fn cpu(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn fastest<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut best = f64::INFINITY;
    loop {
        for _ in 0..5 {
            let begun = Instant::now();
            let made = run();
            let took = begun.elapsed().as_secs_f64();
            if took >= best {
                return (best, made);
            }
            best = took;
        }
    }
}

fn size(folder: &Path, smoke: bool) {
    let (pons, days) = if smoke { (4, 20) } else { (16, 90) };
    let mut town = Town::new("olt-centro", pons);
    let mut bench = Bench::new(&folder.join("size.db"), Keep::default());
    for round in 0..days * DAY / INTERVAL {
        bench.round(&mut town, BEGIN + round * INTERVAL);
        if round % 16 == 0 {
            bench.flush();
        }
    }
    bench.flush();
    let (from, to) = (Timestamp::from_millis(0), Timestamp::from_millis((BEGIN + days * DAY) * 1000));
    let readings = bench.store.keeper().status().readings;
    let path = bench.path.clone();
    bench.store.close();
    let octets = std::fs::metadata(&path).expect("the file").len();
    println!("size: {} ONUs, {days} days at 15 minutes: {readings} readings of both levels", pons * ONUS_OF_A_PON);
    println!("  file: {octets} octets, {:.3} octets a reading", octets as f64 / readings as f64);

    let mut reader = Reader::open(&path).expect("the file");
    let light = &town.pons[1][7];
    let device = reader.device(&town.olt, &light.key).expect("the file").expect("the device");
    let begun = Instant::now();
    let points = reader.points(device, from, to).expect("the file").len();
    let first = begun.elapsed().as_secs_f64();
    let (best, _) = fastest(|| reader.points(device, from, to).expect("the file"));
    println!("  read one ONU, {points} readings: {:.2} ms the first time, {:.2} ms at best", first * 1e3, best * 1e3);
    let (best, spans) = fastest(|| reader.spans(device, from, to, Duration::from_secs(3600)).expect("the file").len());
    println!("  read one ONU in {spans} hours: {:.2} ms at best", best * 1e3);
    let begun = Instant::now();
    let onus = reader.pon_points(&town.olt, light.pon, from, to).expect("the file");
    let first = begun.elapsed().as_secs_f64();
    let (best, _) = fastest(|| reader.pon_points(&town.olt, light.pon, from, to).expect("the file"));
    let points: usize = onus.values().map(Vec::len).sum();
    println!(
        "  read a PON, {} ONUs, {points} readings: {:.1} ms the first time, {:.1} ms at best",
        onus.len(),
        first * 1e3,
        best * 1e3
    );
    let from = Timestamp::from_millis((BEGIN + days.saturating_sub(30) * DAY) * 1000);
    let begun = Instant::now();
    let (mut readings, mut sum) = (0_u64, 0_i64);
    for slice in reader.levels(&town.olt, from, to).expect("the file") {
        for (_, sample) in slice.expect("the file").rows {
            readings += 1;
            sum += sample.rx.map_or(0, |level| i64::from(level.thousandths()));
        }
    }
    std::hint::black_box(sum);
    println!(
        "  all ONUs of the OLT, last {} days in time order, {readings} readings: {:.2} s",
        days.min(30),
        begun.elapsed().as_secs_f64()
    );
}

fn write(folder: &Path, smoke: bool) {
    let (pons, rounds) = if smoke { (16, 170) } else { (16 * 16, 200) };
    let towns = if smoke { 1 } else { 6 };
    let mut towns: Vec<Town> = (0..towns).map(|number| Town::new(&format!("olt-{number}"), pons)).collect();
    let onus = towns.len() as u64 * u64::from(pons * ONUS_OF_A_PON);
    let mut bench = Bench::new(&folder.join("write.db"), Keep::default());
    let (mut slowest, mut peak) = (0.0_f64, 0);
    let (begun, before) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
    for round in 0..rounds {
        let begun = Instant::now();
        for town in &mut towns {
            bench.round(town, BEGIN + round * INTERVAL);
        }
        bench.flush();
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        peak = peak.max(bench.octets());
    }
    let writing = cpu(ClockId::ProcessCPUTime) - before - bench.generating;
    let status = bench.store.keeper().status();
    assert_eq!((status.lost, status.readings), (0, onus * rounds));
    let each = writing / status.readings as f64;
    println!(
        "write: {onus} ONUs, {rounds} rounds: {} readings in {:.1} s",
        status.readings,
        begun.elapsed().as_secs_f64()
    );
    println!("  CPU of the writer: {:.2} us a reading; the slowest round took {slowest:.1} s", each * 1e6);
    println!("  of one core, for 1,000,000 ONUs every 15 minutes: {:.1} %", each * 1e6 / INTERVAL as f64 * 100.0);
    println!(
        "  file and log at most {:.0} MB, {:.2} octets a reading",
        peak as f64 / 1e6,
        peak as f64 / status.readings as f64
    );
    let resident = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| resident.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    println!("  {} (the simulated ONUs included)", line("VmHWM"));
    bench.store.close();
}

fn thin(folder: &Path, smoke: bool) {
    let days = if smoke { 60 } else { 500 };
    let day = |days: u64| Duration::from_secs(days * DAY);
    let keep = Keep { raw: day(30), hourly: day(120), daily: day(3650) };
    let mut town = Town::new("olt-centro", 4);
    let onus = u64::from(4 * ONUS_OF_A_PON);
    let mut bench = Bench::new(&folder.join("thin.db"), keep);
    println!("thin: {onus} ONUs, {days} days at 15 minutes; raw kept 30 days, hours 120 days, days 10 years");
    let (mut before, mut generating) = (cpu(ClockId::ProcessCPUTime), 0.0);
    for round in 0..days * DAY / INTERVAL {
        bench.round(&mut town, BEGIN + round * INTERVAL);
        if round % 16 == 0 {
            bench.flush();
        }
        let day = round * INTERVAL / DAY;
        if round % (DAY / INTERVAL) == 0 && day > 0 && day.is_multiple_of(50) {
            let writing = cpu(ClockId::ProcessCPUTime) - before - (bench.generating - generating);
            println!(
                "  day {day}: {:.2} MB, {:.0} octets an ONU; {:.2} us of CPU a reading",
                bench.octets() as f64 / 1e6,
                bench.octets() as f64 / onus as f64,
                writing * 1e6 / (onus * 50 * DAY / INTERVAL) as f64
            );
            (before, generating) = (cpu(ClockId::ProcessCPUTime), bench.generating);
        }
    }
    bench.flush();
    let path = bench.path.clone();
    bench.store.close();
    let contents = oltwatch::store::contents(&path).expect("the file");
    println!("  {contents:?}");
}

fn main() {
    let arguments = Arguments::parse();
    fastrand::seed(7);
    let own;
    let folder = match &arguments.folder {
        Some(folder) => folder.as_path(),
        None => {
            own = tempfile::tempdir().expect("a folder");
            own.path()
        }
    };
    for (name, case) in [("size", size as fn(&Path, bool)), ("write", write), ("thin", thin)] {
        if arguments.case.as_deref().is_none_or(|wanted| wanted == name) {
            case(folder, arguments.smoke);
        }
    }
}
