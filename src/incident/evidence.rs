//! What each ONU's state says for and against a cut and an outage: the logarithms of likelihood ratios against "by itself".

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

use super::hypothesis::Fault;
use super::network::{Network, Onu, Spot};
use super::rates::{DROP, HOME_POWER, JAMMED, LATE_UP, REACHED, SAME_LOOK_UP, SUREST_GASPS, WEAK_FAILS, WRONG_GASP};
use super::terrain::{Row, Terrain};
use crate::model::{Cause, Timestamp};
use crate::plant::ElementIx;

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
#[derive(Debug)]
pub(super) struct Evidence {
    said: Vec<Said>,
    /// Of how reliably each lost row gasps: the counts of its maker.
    pub gasps: HashMap<u32, [f64; 2]>,
    /// What each row says for a cut and for an outage, if its place is right: logarithms.
    own: Vec<[f64; 2]>,
    /// Whether it has no place on a port of which most have one.
    adrift: Vec<bool>,
    cut: Vec<f64>,
    power: Vec<f64>,
    /// The same of those alone that are up.
    cut_up: Vec<f64>,
    power_up: Vec<f64>,
    lost: Vec<u32>,
    /// Boxes with losses.
    boxes: Vec<u32>,
    /// The box of the last loss.
    last: Option<Option<ElementIx>>,
    /// Of each port: rows with a place that say something.
    counted: HashMap<u32, u32>,
    /// Minutes that losses were gathered over.
    pub minutes: f64,
    /// Whether it is about levels, not losses.
    pub is_of_levels: bool,
}

/// What it says against a common cause of a loss that it was seen at another time than most on its port.
const APART: f64 = 0.1;

impl Evidence {
    fn new(minutes: f64) -> Self {
        Self {
            said: Vec::new(),
            gasps: HashMap::new(),
            own: Vec::new(),
            adrift: Vec::new(),
            cut: vec![0.0],
            power: vec![0.0],
            cut_up: vec![0.0],
            power_up: vec![0.0],
            lost: vec![0],
            boxes: vec![0],
            last: None,
            counted: HashMap::new(),
            minutes,
            is_of_levels: false,
        }
    }

    /// What the losses since `from` mean; those of `old` are explained already.
    pub fn weigh(network: &Network, terrain: &Terrain, from: Timestamp, now: Timestamp, old: &BTreeSet<Spot>) -> Self {
        let times = LossTimes::of(network, terrain, from);
        let minutes = (now.since(from).as_secs_f64() / 60.0).max(1.0);
        let mut evidence = Self::new(minutes);
        for (place, row) in terrain.rows.iter().enumerate() {
            let held = network.onu(row.spot);
            let said = match held {
                Some(onu) if !network.is_blind(row.spot.olt) && !old.contains(&row.spot) => {
                    times.said(onu, row.port, row.spot.olt, from)
                }
                _ => Said::Nothing,
            };
            let mut own = [0.0; 2];
            if let (true, Some(onu), Some(olt)) = (said.is_lost(), held, network.olts.get(row.spot.olt as usize)) {
                let gasps = network.gasps.of(&olt.id, onu.serial.as_ref());
                let apart = if times.is_with_others(network, onu, row.port) { 0.0 } else { APART.ln() };
                own = weights(said, minutes, gasps.mean(), onu).map(|own| own + apart);
                evidence.gasps.insert(u32::try_from(place).unwrap_or(u32::MAX), gasps.counts(SUREST_GASPS));
            } else if let Said::Up { sure } = said {
                own = [if sure { LATE_UP } else { SAME_LOOK_UP }.ln(), (1.0 - REACHED).ln()];
            }
            evidence.push(terrain, row, said, own);
        }
        evidence
    }

    /// What levels that fell mean: the same, for a place that dims light. Mains power has no part in it.
    pub fn of_levels(network: &Network, terrain: &Terrain) -> Self {
        /// Chance that a level falls by itself within days, and that one behind a bend is not seen to fall.
        const ALONE: f64 = 2e-3;
        const MISSED: f64 = 0.1;
        /// Logarithm of "never".
        const NEVER: f64 = -20.0;
        let mut evidence = Self { is_of_levels: true, ..Self::new(24.0 * 60.0) };
        for row in &terrain.rows {
            let said = match network.onu(row.spot) {
                Some(onu) if !counts(onu) || !onu.is_up || onu.rx.is_none() => Said::Nothing,
                Some(onu) if onu.fell.is_some() => Said::Optical,
                Some(_) => Said::Up { sure: true },
                None => Said::Nothing,
            };
            let own = match said {
                Said::Optical => [((1.0 - MISSED) / ALONE).ln(), NEVER],
                Said::Up { .. } => [MISSED.ln(), NEVER],
                _ => [0.0; 2],
            };
            evidence.push(terrain, row, said, own);
        }
        evidence
    }

    /// Takes the next row in. Where documentation may be wrong of it, it may hang elsewhere, and then it says nothing of this place.
    fn push(&mut self, terrain: &Terrain, row: &Row, said: Said, own: [f64; 2]) {
        let port = terrain.ports.get(row.port as usize);
        let is_adrift = !row.is_placed && port.is_some_and(|port| port.placed as usize * 2 >= port.rows.len());
        let doubt = f64::from(row.doubt);
        let sums = [(&mut self.cut, &mut self.cut_up), (&mut self.power, &mut self.power_up)];
        for ((all, up), own) in sums.into_iter().zip(own) {
            let more = if is_adrift { 0.0 } else { (1.0 - doubt).mul_add(own.exp(), doubt).ln() };
            all.push(all.last().copied().unwrap_or(0.0) + more);
            up.push(up.last().copied().unwrap_or(0.0) + if said.is_lost() { 0.0 } else { more });
        }
        let is_next_box = said.is_lost() && self.last.is_none_or(|last| last != row.place);
        if is_next_box {
            self.last = Some(row.place);
        }
        for (counts, more) in [(&mut self.lost, said.is_lost()), (&mut self.boxes, is_next_box)] {
            counts.push(counts.last().copied().unwrap_or(0) + u32::from(more));
        }
        if row.is_placed && said != Said::Nothing {
            *self.counted.entry(row.port).or_default() += 1;
        }
        self.said.push(said);
        self.own.push(own);
        self.adrift.push(is_adrift);
    }

    pub fn cut(&self, run: &Range<u32>) -> f64 {
        difference(&self.cut, run)
    }

    pub fn power(&self, run: &Range<u32>) -> f64 {
        difference(&self.power, run)
    }

    /// What those of a run who are up say against a fault.
    pub fn up(&self, run: &Range<u32>, fault: Fault) -> f64 {
        match fault {
            Fault::Power => difference(&self.power_up, run),
            Fault::Rogue => 0.0,
            Fault::Cut | Fault::Equipment => difference(&self.cut_up, run),
        }
    }

    pub fn lost(&self, run: &Range<u32>) -> u32 {
        count(&self.lost, run)
    }

    /// Boxes with losses in a run, one for each change of the box.
    pub fn boxes(&self, run: &Range<u32>) -> u32 {
        count(&self.boxes, run)
    }

    /// The rows of a run that were lost.
    pub fn lost_rows(&self, run: &Range<u32>) -> impl Iterator<Item = u32> + '_ {
        run.clone().filter(|row| self.said_of(*row).is_lost())
    }

    /// What a row says for a fault that it surely hangs behind: the logarithm of how much likelier that makes it than "by itself".
    pub fn own_of(&self, row: u32, fault: Fault) -> f64 {
        let [cut, power] = self.own.get(row as usize).copied().unwrap_or_default();
        match (fault, self.said_of(row)) {
            (Fault::Power, _) => power,
            // Whoever is drowned has lost light like one behind a cut; who is not says little.
            (Fault::Rogue, Said::Up { .. }) => (1.0 - JAMMED).ln(),
            (Fault::Rogue, said) if said.is_lost() => cut + JAMMED.ln(),
            _ => cut,
        }
    }

    /// Whether a row has no place on a port of which most have one.
    pub fn is_adrift(&self, row: u32) -> bool {
        self.adrift.get(row as usize).copied().unwrap_or(false)
    }

    /// Rows of a port that have a place and say something.
    pub fn counted(&self, port: u32) -> u32 {
        self.counted.get(&port).copied().unwrap_or(0)
    }

    pub fn said_of(&self, row: u32) -> Said {
        self.said.get(row as usize).copied().unwrap_or(Said::Nothing)
    }
}

fn count(counts: &[u32], run: &Range<u32>) -> u32 {
    let at = |place: u32| counts.get(place as usize).copied().unwrap_or(0);
    at(run.end).saturating_sub(at(run.start))
}

fn difference(sums: &[f64], run: &Range<u32>) -> f64 {
    let at = |place: u32| sums.get(place as usize).copied().unwrap_or(0.0);
    at(run.end) - at(run.start)
}

/// For a lost ONU: how much likelier this is behind a cut, and in an outage, than by itself.
fn weights(said: Said, minutes: f64, gasps: f64, onu: &Onu) -> [f64; 2] {
    let by_power = (HOME_POWER * minutes).min(0.5);
    let by_light = (DROP * minutes * if onu.is_nearly_lost() { WEAK_FAILS } else { 1.0 }).min(0.5);
    let (alone, cut, power) = match said {
        Said::Gasp => (by_power.mul_add(gasps, by_light * WRONG_GASP), WRONG_GASP, REACHED * gasps),
        Said::Optical => (by_power.mul_add(1.0 - gasps, by_light), 1.0 - WRONG_GASP, REACHED * (1.0 - gasps)),
        _ => (by_power + by_light, 1.0, REACHED),
    };
    [(cut / alone).ln(), (power / alone).ln()]
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

    /// Whether a loss was seen when most on its port were.
    fn is_with_others(&self, network: &Network, onu: &Onu, port: u32) -> bool {
        self.ports.get(&port).zip(onu.lost_at).is_none_or(|(at, lost)| network.is_together(*at, lost))
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
