//! Whether baselines find what falls, and leave alone what does not, on simulated levels (`docs/signal.md`).
//!
//! `cargo bench --bench baselines` takes some minutes on one core; `-- --smoke` shows in seconds that it works.
//!
//! Every series goes through the whole [`Judge`], so common movements of a PON are taken out as in the daemon. One level has: a
//! swing over the day (of its own, and of its PON), weather that wanders from day to day (both again), noise, a scale of
//! its OLT's, 2 % of readings missing, and outages of hours.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a bench may fail loudly, and prints"
)]

use std::time::{Duration, Instant};

use clap::Parser;
use oltwatch::config::{StatusMap, Thresholds};
use oltwatch::model::{
    Completeness, Dbm, OltId, OnuKey, OnuState, PonId, Reading, Sweep, SweepKind, SweepScope, Timestamp, Unread,
};
use oltwatch::signal::{Change, Judge, Part, Transition};

#[derive(Parser)]
struct Arguments {
    /// A small run
    #[arg(long)]
    smoke: bool,
    /// Quiet ONUs
    #[arg(long)]
    quiet: Option<usize>,
    /// PONs of 32 ONUs for each fault
    #[arg(long)]
    pons: Option<usize>,
    /// Start of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

const ONUS: usize = 32;
const HOUR: u64 = 3600 * 1000;
const DAY: u64 = 24 * HOUR;
const START: u64 = 20_500 * DAY;
/// Scales of levels, dB: INT8.., hundredths, tenths, halves, whole.
const SCALES: [f64; 5] = [0.01, 0.04, 0.1, 0.5, 1.0];
/// Days in the life of a simulated PON.
const LIFE: u64 = 120;

/// What happens to some ONUs of a PON.
#[derive(Clone, Copy)]
enum Fault {
    /// So many dB at once.
    Step(f64),
    /// So many dB in 30 days.
    Slope(f64),
}

/// Whom it happens to.
#[derive(Clone, Copy, PartialEq)]
enum Whom {
    /// Four of the 32.
    Four,
    /// All of the PON.
    All,
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    let (a, b) = (random.f64().max(1e-12), random.f64());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

struct Onu {
    level: f64,
    swing: f64,
    phase: f64,
    weather: f64,
    dark_until: u64,
}

struct Pon {
    random: fastrand::Rng,
    judge: Judge,
    scale: f64,
    every: u64,
    swing: f64,
    weather: f64,
    onus: Vec<Onu>,
    readings: u64,
}

impl Pon {
    fn new(number: u64, every: u64, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) ^ number);
        let thresholds = Thresholds::default();
        let judge = Judge::new(OltId::new("olt"), thresholds, StatusMap::default(), Duration::from_secs(1 << 32));
        let onu = |random: &mut fastrand::Rng| Onu {
            level: -14.0 - 10.0 * random.f64(),
            // Most hang indoors, some in the sun.
            swing: 0.05 + 0.95 * random.f64() * random.f64(),
            phase: random.f64(),
            weather: 0.0,
            dark_until: 0,
        };
        let onus = (0..ONUS).map(|_| onu(&mut random)).collect();
        let scale = SCALES[number as usize % SCALES.len()];
        let mut pon = Self { judge, scale, every, swing: 0.5 * random.f64(), weather: 0.0, onus, readings: 0, random };
        let up = |place| Reading { state: Ok(OnuState::Up), ..reading(place) };
        let state = sweep(SweepKind::State, START, (0..ONUS).map(up).collect());
        pon.judge.observe(&state);
        pon
    }

    /// One round of optics at `at`, with what `lost` says each ONU lost by then.
    fn round(&mut self, at: u64, lost: impl Fn(usize) -> f64) -> Vec<Transition> {
        let day = (at - START) as f64 / DAY as f64;
        let turn = |phase: f64| (std::f64::consts::TAU * (day + phase)).sin();
        let random = &mut self.random;
        if at.is_multiple_of(DAY) {
            self.weather = 0.8 * self.weather + 0.15 * normal(random);
        }
        let common = self.swing * turn(0.0) + self.weather;
        let mut onus = Vec::with_capacity(ONUS);
        for (place, onu) in self.onus.iter_mut().enumerate() {
            if at.is_multiple_of(DAY) {
                onu.weather = 0.8 * onu.weather + 0.08 * normal(random);
                if random.f64() < 0.01 {
                    onu.dark_until = at + random.u64(HOUR..3 * DAY);
                }
            }
            let level = onu.level + common + onu.swing * turn(onu.phase) + onu.weather + 0.2 * normal(random);
            if at < onu.dark_until || random.f64() < 0.02 {
                continue;
            }
            let level = ((level - lost(place)) / self.scale).round() * self.scale;
            onus.push(Reading { rx: Dbm::new(level).map_err(|_| Unread::Malformed), ..reading(place) });
        }
        self.readings += onus.len() as u64;
        self.judge.observe(&sweep(SweepKind::Optics, at, onus))
    }
}

fn reading(place: usize) -> Reading {
    let mut reading = Reading::unread(OnuKey::new(&[place as u32]), Unread::NotAsked);
    reading.pon = PonId::new(&[0, 1]).ok();
    reading
}

fn sweep(kind: SweepKind, at: u64, onus: Vec<Reading>) -> Sweep {
    Sweep {
        olt: OltId::new("olt"),
        kind,
        scope: SweepScope::Whole,
        started: Timestamp::from_millis(at),
        elapsed: Duration::ZERO,
        completeness: Completeness::Complete,
        uptime: None,
        boots: None,
        pons: Vec::new(),
        onus,
        pdus: 1,
    }
}

/// Who and what a transition is about, if it is one of these.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Told {
    Step,
    Decline,
    Recovered,
}

fn told(transition: &Transition) -> Option<(Part, Told)> {
    match transition.what {
        Change::Step { part, .. } => Some((part, Told::Step)),
        Change::Decline { part, .. } => Some((part, Told::Decline)),
        Change::Recovered { part, .. } => Some((part, Told::Recovered)),
        _ => None,
    }
}

fn quiet(onus: usize, seed: u64) -> f64 {
    let pons = onus.div_ceil(ONUS);
    let onus = pons * ONUS;
    let mut readings = 0;
    // Of single ONUs and of whole PONs: steps, declines, and their ends.
    let mut kinds = [[0_u64; 3]; 2];
    let started = Instant::now();
    for number in 0..pons as u64 {
        let every = if number.is_multiple_of(4) { 4 * HOUR } else { HOUR };
        let mut pon = Pon::new(number, every, seed);
        for at in (START..START + 90 * DAY).step_by(pon.every as usize) {
            for (part, what) in pon.round(at, |_| 0.0).iter().filter_map(told) {
                kinds[usize::from(part == Part::Pon)][what as usize] += 1;
            }
        }
        readings += pon.readings;
    }
    let events: u64 = kinds.iter().flatten().sum();
    println!("steps, declines, ends of single ONUs: {:?}; of PONs: {:?}", kinds[0], kinds[1]);
    let scale = 100_000.0 / onus as f64 / 90.0;
    // 95 %, one-sided, of a Poisson count (the Wilson–Hilferty form of its bound).
    let count = events as f64 + 1.0;
    let bound = count * (1.0 - 1.0 / (9.0 * count) + 1.645 / (3.0 * count.sqrt())).powi(3);
    println!(
        "quiet: {onus} ONUs for 90 days, {readings} levels: {events} events; at 100,000 ONUs {:.2} a day, with 95 % confidence \
         fewer than {:.2}; {:.2} µs a level",
        events as f64 * scale,
        bound * scale,
        started.elapsed().as_secs_f64() * 1e6 / readings as f64
    );
    bound * scale
}

fn fault(pons: usize, fault: Fault, whom: Whom, seed: u64) {
    let (wanted, unit, part) = match fault {
        Fault::Step(_) => (Told::Step, HOUR as f64, if whom == Whom::All { Part::Pon } else { Part::Own }),
        Fault::Slope(_) => (Told::Decline, DAY as f64, if whom == Whom::All { Part::Pon } else { Part::Own }),
    };
    let (mut cases, mut found, mut wrong, mut mended) = (0, 0, 0, 0);
    let mut delays = Vec::new();
    for number in 0..pons as u64 {
        let mut pon = Pon::new(number, HOUR, seed ^ 0x5eed);
        let begin = START + 25 * DAY + pon.random.u64(0..5 * DAY) / HOUR * HOUR;
        let repair = if matches!(fault, Fault::Step(_)) { begin + 30 * DAY } else { START + 100 * DAY };
        let is_hit = |place: usize| whom == Whom::All || place < 4;
        let mut seen: Vec<(Option<u64>, bool)> = vec![(None, false); if whom == Whom::All { 1 } else { 4 }];
        for at in (START..START + LIFE * DAY).step_by(pon.every as usize) {
            let lost = |place| match fault {
                _ if !is_hit(place) || !(begin..repair).contains(&at) => 0.0,
                Fault::Step(by) => by,
                Fault::Slope(by) => by * (at - begin) as f64 / DAY as f64 / 30.0,
            };
            for transition in pon.round(at, lost) {
                let Some((whose, what)) = told(&transition) else { continue };
                let place = transition.onu.map_or(0, |key| key.numbers()[0] as usize);
                let place = seen.get_mut(place).filter(|_| whose == part);
                match (place, what) {
                    (Some((time @ None, _)), told) if told == wanted && (begin..repair).contains(&at) => {
                        *time = Some(at)
                    }
                    // What is true may be said in another way, or once more; a slope of 6 dB a month has steps in it.
                    (Some((_, mended)), Told::Recovered) => *mended |= at >= repair,
                    (Some(_), _) if at >= begin => {}
                    _ => wrong += 1,
                }
            }
        }
        for (time, is_mended) in seen {
            cases += 1;
            mended += usize::from(time.is_some() && is_mended);
            if let Some(time) = time {
                found += 1;
                delays.push((time - begin) as f64 / unit);
            }
        }
    }
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    let name = match fault {
        Fault::Step(by) => format!("step of {by} dB"),
        Fault::Slope(by) => format!("{by} dB a month"),
    };
    let whom = if whom == Whom::All { "the PON" } else { "4 ONUs" };
    let precision = if found + wrong == 0 { f64::NAN } else { found as f64 / (found + wrong) as f64 };
    println!(
        "| {name} | {whom} | {cases} | {:.3} | {precision:.3} | {:.0} | {:.0} | {} | {mended} |",
        found as f64 / f64::from(cases),
        at(0.5),
        at(0.95),
        if unit > HOUR as f64 { "days" } else { "hours" },
    );
}

fn main() {
    let arguments = Arguments::parse();
    let (quiet_onus, pons) = if arguments.smoke { (320, 1) } else { (9_600, 40) };
    let pons = arguments.pons.unwrap_or(pons);
    println!("| fault | of | cases | recall | precision | delay, median | p95 | unit | told as mended |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for by in [1.0, 1.5, 2.0, 3.0, 5.0] {
        fault(pons, Fault::Step(by), Whom::Four, arguments.seed);
    }
    for by in [0.3, 0.5, 1.0, 2.0, 3.0, 6.0] {
        fault(pons, Fault::Slope(by), Whom::Four, arguments.seed);
    }
    for kind in [Fault::Step(1.0), Fault::Step(3.0), Fault::Slope(1.0), Fault::Slope(3.0)] {
        fault(pons, kind, Whom::All, arguments.seed);
    }
    let bound = quiet(arguments.quiet.unwrap_or(quiet_onus), arguments.seed);
    // A small run cannot show so little.
    assert!(arguments.smoke || bound < 10.0, "a quiet network must give fewer than 10 events a day");
}
