//! What each ONU's state says for and against a cut and an outage: the logarithms of likelihood ratios against "by itself".

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use super::network::{Network, Onu, Spot};
use super::rates::{DROP, HOME_POWER, LATE_UP, REACHED, SAME_LOOK_UP, SUREST_GASPS, WRONG_GASP};
use super::terrain::Terrain;
use crate::model::{Cause, Timestamp};

/// What is known of an ONU for the losses of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// It does not count: not in service, in maintenance, lost long ago, its OLT silent.
    Nothing,
    /// Up when last read, which was before the losses.
    Pending,
    /// Up, and read after the losses; `sure` when by a later look than the one that showed them.
    Up { sure: bool },
    /// Lost, without light.
    Optical,
    /// Lost, without power.
    Gasp,
    /// Lost, and the OLT does not say why.
    Unknown,
}

impl Said {
    pub const fn is_lost(self) -> bool {
        matches!(self, Self::Optical | Self::Gasp | Self::Unknown)
    }
}

/// All rows' evidence; sums over runs of rows are differences.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub said: Vec<Said>,
    /// Of how reliably each lost row gasps: the counts of its maker.
    pub gasps: HashMap<u32, [f64; 2]>,
    cut: Vec<f64>,
    power: Vec<f64>,
    lost: Vec<u32>,
    /// Minutes that losses were gathered over.
    pub minutes: f64,
}

/// Levels below this, in thousandths of a dBm, fail by themselves.
const NEARLY_LOST: i32 = -27_500;
/// How much likelier an ONU is then to lose light by itself.
const FAILS_BY_ITSELF: f64 = 50.0;

impl Evidence {
    /// What the losses since `from` mean; those of `old` are explained already.
    pub fn weigh(network: &Network, terrain: &Terrain, from: Timestamp, now: Timestamp, old: &BTreeSet<Spot>) -> Self {
        let times = LossTimes::of(network, terrain, from);
        let minutes = (now.since(from).as_secs_f64() / 60.0).max(1.0);
        let mut evidence = Self { minutes, ..Self::default() };
        let (mut cut, mut power, mut lost) = (0.0, 0.0, 0);
        evidence.cut.push(cut);
        evidence.power.push(power);
        evidence.lost.push(lost);
        for (place, row) in terrain.rows.iter().enumerate() {
            let held = network.onu(row.spot);
            let said = match held {
                Some(onu) if !network.is_blind(row.spot.olt) && !old.contains(&row.spot) => {
                    times.said(onu, row.port, row.spot.olt, from)
                }
                _ => Said::Nothing,
            };
            // On a port that is documented, one that has no place there hangs behind anything: it speaks for nothing.
            let is_adrift = !row.is_placed
                && terrain.ports.get(row.port as usize).is_some_and(|port| port.placed as usize * 2 >= port.rows.len());
            if let (true, Some(onu), Some(olt)) = (said.is_lost(), held, network.olts.get(row.spot.olt as usize)) {
                let gasps = network.gasps.of(&olt.id, onu.serial.as_ref());
                let weights = weights(said, minutes, gasps.mean(), onu, f64::from(row.doubt));
                if !is_adrift {
                    cut += weights[0];
                    power += weights[1];
                }
                lost += 1;
                evidence.gasps.insert(u32::try_from(place).unwrap_or(u32::MAX), gasps.counts(SUREST_GASPS));
            } else if let Said::Up { sure } = said
                && !is_adrift
            {
                let late = if sure { LATE_UP } else { SAME_LOOK_UP };
                let doubt = f64::from(row.doubt);
                cut += (1.0 - doubt).mul_add(late, doubt).ln();
                power += (1.0 - doubt).mul_add(1.0 - REACHED, doubt).ln();
            }
            evidence.said.push(said);
            evidence.cut.push(cut);
            evidence.power.push(power);
            evidence.lost.push(lost);
        }
        evidence
    }

    /// What levels that fell mean: the same, for a place that dims light. Mains power has no part in it.
    pub fn of_levels(network: &Network, terrain: &Terrain) -> Self {
        /// Chance that a level falls by itself within days, and that one behind a bend is not seen to fall.
        const ALONE: f64 = 2e-3;
        const MISSED: f64 = 0.1;
        let mut evidence = Self { minutes: 24.0 * 60.0, ..Self::default() };
        let (mut cut, mut power, mut lost) = (0.0, 0.0, 0);
        evidence.cut.push(cut);
        evidence.power.push(power);
        evidence.lost.push(lost);
        for row in &terrain.rows {
            let doubt = f64::from(row.doubt);
            let said = match network.onu(row.spot) {
                Some(onu) if !counts(onu) || !onu.is_up || onu.rx.is_none() => Said::Nothing,
                Some(onu) if onu.fell.is_some() => Said::Optical,
                Some(_) => Said::Up { sure: true },
                None => Said::Nothing,
            };
            match said {
                Said::Optical => {
                    cut += ((1.0 - doubt) * (1.0 - MISSED) / ALONE + doubt).ln();
                    lost += 1;
                }
                Said::Up { .. } => {
                    cut += (1.0 - doubt).mul_add(MISSED, doubt).ln();
                    power -= 100.0;
                }
                _ => {}
            }
            power -= 10.0;
            evidence.said.push(said);
            evidence.cut.push(cut);
            evidence.power.push(power);
            evidence.lost.push(lost);
        }
        evidence
    }

    pub fn cut(&self, run: &Range<u32>) -> f64 {
        difference(&self.cut, run)
    }

    pub fn power(&self, run: &Range<u32>) -> f64 {
        difference(&self.power, run)
    }

    pub fn lost(&self, run: &Range<u32>) -> u32 {
        let at = |place: u32| self.lost.get(place as usize).copied().unwrap_or(0);
        at(run.end).saturating_sub(at(run.start))
    }

    /// The rows of a run that were lost.
    pub fn lost_rows(&self, run: &Range<u32>) -> impl Iterator<Item = u32> + '_ {
        run.clone().filter(|row| self.said_of(*row).is_lost())
    }

    pub fn said_of(&self, row: u32) -> Said {
        self.said.get(row as usize).copied().unwrap_or(Said::Nothing)
    }
}

fn difference(sums: &[f64], run: &Range<u32>) -> f64 {
    let at = |place: u32| sums.get(place as usize).copied().unwrap_or(0.0);
    at(run.end) - at(run.start)
}

/// For a lost ONU: how much likelier this is behind a cut, and in an outage, than by itself.
fn weights(said: Said, minutes: f64, gasps: f64, onu: &Onu, doubt: f64) -> [f64; 2] {
    let by_power = (HOME_POWER * minutes).min(0.5);
    let is_low = onu.rx.is_some_and(|rx| rx < NEARLY_LOST);
    let by_light = (DROP * minutes * if is_low { FAILS_BY_ITSELF } else { 1.0 }).min(0.5);
    let (alone, cut, power) = match said {
        Said::Gasp => (by_power.mul_add(gasps, by_light * WRONG_GASP), WRONG_GASP, REACHED * gasps),
        Said::Optical => (by_power.mul_add(1.0 - gasps, by_light), 1.0 - WRONG_GASP, REACHED * (1.0 - gasps)),
        _ => (by_power + by_light, 1.0, REACHED),
    };
    let ratio = |of: f64| ((1.0 - doubt) * of / alone + doubt).ln();
    [ratio(cut), ratio(power)]
}

/// When the losses of each port, of each OLT, and of all were seen first: the median, for lone losses come at any time.
struct LossTimes {
    ports: HashMap<u32, Timestamp>,
    olts: HashMap<u32, Timestamp>,
    all: Option<Timestamp>,
}

impl LossTimes {
    fn of(network: &Network, terrain: &Terrain, from: Timestamp) -> Self {
        let mut ports: HashMap<u32, Vec<Timestamp>> = HashMap::new();
        let mut olts: HashMap<u32, Vec<Timestamp>> = HashMap::new();
        let mut all = Vec::new();
        for row in &terrain.rows {
            let lost = network.onu(row.spot).filter(|onu| counts(onu)).and_then(|onu| onu.lost_at);
            if let Some(lost) = lost.filter(|lost| *lost >= from) {
                ports.entry(row.port).or_default().push(lost);
                olts.entry(row.spot.olt).or_default().push(lost);
                all.push(lost);
            }
        }
        let medians = |times: HashMap<u32, Vec<Timestamp>>| -> HashMap<u32, Timestamp> {
            times.into_iter().filter_map(|(of, times)| Some((of, median(times)?))).collect()
        };
        Self { ports: medians(ports), olts: medians(olts), all: median(all) }
    }

    fn said(&self, onu: &Onu, port: u32, olt: u32, from: Timestamp) -> Said {
        if !counts(onu) {
            return Said::Nothing;
        }
        if let Some(lost) = onu.lost_at.filter(|lost| *lost >= from) {
            // One that came back within the window was lost all the same; unless it did so before all others went.
            let is_over = onu.is_up && self.ports.get(&port).is_some_and(|at| onu.up_at.is_some_and(|up| up < *at));
            if !is_over && lost >= from {
                return match onu.cause {
                    Cause::Optical => Said::Optical,
                    Cause::Power => Said::Gasp,
                    Cause::Unknown => Said::Unknown,
                    Cause::Admin | Cause::Auth | Cause::Rogue | Cause::Restart => Said::Nothing,
                };
            }
        }
        let Some(up) = onu.up_at.filter(|_| onu.is_up) else { return Said::Nothing };
        let since = self.ports.get(&port).or_else(|| self.olts.get(&olt)).copied().or(self.all);
        match since {
            Some(since) if up > since => Said::Up { sure: true },
            Some(since) if up == since => Said::Up { sure: false },
            // Looks at other OLTs begin at other times.
            Some(since) if up.since(since) == Duration::ZERO => Said::Pending,
            _ => Said::Up { sure: true },
        }
    }
}

/// Whether anything is made of an ONU's state at all.
const fn counts(onu: &Onu) -> bool {
    !onu.is_gone && !onu.is_maintained && !onu.is_flapping
}

fn median(mut times: Vec<Timestamp>) -> Option<Timestamp> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
