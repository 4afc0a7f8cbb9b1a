//! How what is read on one PON goes with its documentation: what is usual there, and which box each ONU would fit.

use super::audit::{Candidate, Doubt, Finding, Observed};
use super::graph::{ClientIx, ElementIx, NodeIx, Plant};
use super::power::{MAD_TO_SIGMA, PowerOffsets};
use crate::model::{Dbm, Decibels, Metres};

/// Fewest ONUs of a PON from which is said what is usual on it, and fewest of a box that speak for it.
const ENOUGH: usize = 5;
const ENOUGH_IN_BOX: usize = 4;

/// Routes that are shorter, in metres, say nothing of the slack.
const LEAST_MAPPED: f64 = 200.0;
/// Beyond this, it is not the slack of cables that makes the difference.
const SLACK: std::ops::RangeInclusive<f64> = 0.8..=1.5;

/// A ranged distance may be off by this without a doubt: metres, share of the way, and standard deviations of the PON (`domain.md` 1.8).
const LENGTH_OFF: f64 = 150.0;
const LENGTH_OFF_SHARE: f64 = 0.05;
/// The same of a read power, dB.
const POWER_OFF: f64 = 2.5;
const SIGMAS: f64 = 4.0;

/// What one ONU deviates by at least, however well those of its PON agree: metres, and dB.
const LEAST_LENGTH_SIGMA: f64 = 60.0;
const LEAST_POWER_SIGMA: f64 = 0.8;

/// Chance that a client is documented in another box of its PON, before anything is measured.
const PRIOR: f64 = 0.02;
/// Squared standard deviations up to which a box fits.
const FITS: f64 = 9.0;
/// What missing light counts at most, as a fault may have taken it.
const MISSING_LIGHT: f64 = 9.0;

/// The share of a box's ONUs that has to be off to the same side.
const SHARE_OF_BOX: f64 = 0.75;

/// An ONU with its client's documented way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub client: ClientIx,
    pub pon: NodeIx,
    pub place: Option<ElementIx>,
    pub port: Option<u32>,
    pub rx: Option<Dbm>,
    pub ranged: Option<Metres>,
    /// Losses and metres of the documented way.
    loss: Option<f64>,
    mapped: Option<f64>,
}

impl Row {
    /// `None` without a route to a PON.
    pub fn of(plant: &Plant, observed: &Observed) -> Option<Self> {
        let Observed { client, port, rx, ranged } = *observed;
        Some(Self {
            client,
            pon: plant.pon_of(client)?,
            place: plant.box_of(client),
            port,
            rx,
            ranged,
            loss: plant.loss_of(client).map(Decibels::get),
            mapped: plant.route_length(client).map(Metres::get).filter(|metres| *metres > 0.0),
        })
    }
}

/// A box of the PON: the ways to its clients, and what its ONUs have in common.
#[derive(Debug)]
struct BoxOnPon {
    place: ElementIx,
    loss: Option<f64>,
    mapped: Option<f64>,
    onus: u32,
    ranged: Option<f64>,
    measured: Option<f64>,
    /// What all of it is off by, where that is beyond what is usual.
    length_off: Option<f64>,
    power_off: Option<f64>,
    /// By how many times that.
    length_score: f64,
    power_score: f64,
}

/// What is usual on a PON.
#[derive(Debug)]
pub(super) struct Fit {
    pub pon: NodeIx,
    /// Metres ranged for each metre documented.
    pub slack: Option<f64>,
    length_sigma: f64,
    /// Launch power by what is read.
    launch: Option<f64>,
    power_sigma: f64,
    boxes: Vec<BoxOnPon>,
}

/// Which box an ONU would fit.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// Chance that it is in another box than the documented one.
    pub elsewhere: f64,
    /// Whether any other box fits at all.
    pub fits: bool,
    /// The other boxes.
    pub boxes: Vec<Candidate>,
}

/// The middle of some numbers.
fn median(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    let middle = numbers.len() / 2;
    (!numbers.is_empty()).then(|| *numbers.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// How far numbers lie from zero, as a standard deviation.
fn sigma(off: impl IntoIterator<Item = f64>) -> Option<f64> {
    median(off.into_iter().map(f64::abs)).map(|off| off * MAD_TO_SIGMA)
}

impl Fit {
    /// From all rows of a PON, sorted by box.
    pub fn of(plant: &Plant, offsets: &PowerOffsets, rows: &[Row]) -> Self {
        let mut fit = Self {
            pon: rows.first().map_or(NodeIx::from_number(u32::MAX), |row| row.pon),
            slack: None,
            length_sigma: LEAST_LENGTH_SIGMA,
            launch: None,
            power_sigma: LEAST_POWER_SIGMA,
            boxes: Vec::new(),
        };
        let ratios: Vec<f64> = rows
            .iter()
            .filter_map(|row| Some((row.ranged?.get(), row.mapped.filter(|mapped| *mapped >= LEAST_MAPPED)?)))
            .map(|(ranged, mapped)| ranged / mapped)
            .collect();
        if ratios.len() >= ENOUGH {
            fit.slack = median(ratios).filter(|slack| SLACK.contains(slack));
        }
        if let Some(off) = sigma(rows.iter().filter_map(|row| fit.raw_length_off(row))) {
            fit.length_sigma = off.max(LEAST_LENGTH_SIGMA);
        }
        if let Some(learned) = offsets.learned(fit.pon) {
            fit.launch = Some(learned.median.get());
            fit.power_sigma = learned.spread.get().max(LEAST_POWER_SIGMA);
        }
        let boxes = rows.chunk_by(|one, other| one.place == other.place);
        fit.boxes = boxes.filter_map(|of_box| fit.box_of(plant, of_box)).collect();
        fit
    }

    fn box_of(&self, plant: &Plant, rows: &[Row]) -> Option<BoxOnPon> {
        let place = rows.first()?.place?;
        // Of all that is documented there, whether it is read or not.
        let documented: Vec<ClientIx> =
            plant.below_element(place).into_iter().filter(|client| plant.box_of(*client) == Some(place)).collect();
        let on_pon = || documented.iter().copied().filter(|client| plant.pon_of(*client) == Some(self.pon));
        let mut found = BoxOnPon {
            place,
            loss: median(on_pon().filter_map(|client| plant.loss_of(client)).map(Decibels::get)),
            mapped: median(on_pon().filter_map(|client| plant.route_length(client)).map(Metres::get)),
            onus: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            ranged: median(rows.iter().filter_map(|row| row.ranged).map(Metres::get)),
            measured: median(rows.iter().filter_map(|row| row.rx).map(Dbm::get)),
            length_off: None,
            power_off: None,
            length_score: 0.0,
            power_score: 0.0,
        };
        let lengths: Vec<f64> = rows.iter().filter_map(|row| self.raw_length_off(row)).collect();
        if let Some((off, score)) = common(&lengths, self.length_usual(found.mapped.unwrap_or(0.0))) {
            (found.length_off, found.length_score) = (Some(off), score);
        }
        let powers: Vec<f64> = rows.iter().filter_map(|row| self.raw_power_off(row)).collect();
        if let Some((off, score)) = common(&powers, self.power_usual()) {
            (found.power_off, found.power_score) = (Some(off), score);
        }
        Some(found)
    }

    fn length_usual(&self, mapped: f64) -> f64 {
        LENGTH_OFF.max(LENGTH_OFF_SHARE * mapped).max(SIGMAS * self.length_sigma)
    }

    fn power_usual(&self) -> f64 {
        POWER_OFF.max(SIGMAS * self.power_sigma)
    }

    fn raw_length_off(&self, row: &Row) -> Option<f64> {
        Some(row.ranged?.get() - self.slack? * row.mapped?)
    }

    fn raw_power_off(&self, row: &Row) -> Option<f64> {
        Some(row.rx?.get() - (self.launch? - row.loss?))
    }

    fn at(&self, place: Option<ElementIx>) -> Option<&BoxOnPon> {
        self.boxes.iter().find(|other| Some(other.place) == place)
    }

    /// Ranged less expected, beside what the whole box is off by.
    pub fn length_off(&self, row: &Row) -> Option<f64> {
        let of_box = self.at(row.place).and_then(|found| found.length_off).unwrap_or(0.0);
        self.raw_length_off(row).map(|off| off - of_box)
    }

    /// Read less expected, beside what the whole box and PON are off by.
    pub fn power_off(&self, row: &Row) -> Option<f64> {
        let of_box = self.at(row.place).and_then(|found| found.power_off).unwrap_or(0.0);
        self.raw_power_off(row).map(|off| off - of_box)
    }

    /// The same as multiples of what is still usual.
    pub fn length_score(&self, row: &Row) -> Option<f64> {
        Some(self.length_off(row)? / self.length_usual(row.mapped?))
    }

    /// The same as multiples of what is still usual.
    pub fn power_score(&self, row: &Row) -> Option<f64> {
        Some(self.power_off(row)? / self.power_usual())
    }

    /// How badly a way of such length and loss fits, in squared standard deviations; and what it is off by.
    fn misfit(&self, row: &Row, mapped: Option<f64>, loss: Option<f64>) -> (f64, Option<f64>, Option<f64>) {
        let length =
            row.ranged.zip(self.slack).zip(mapped).map(|((ranged, slack), mapped)| ranged.get() - slack * mapped);
        let power = row.rx.zip(self.launch).zip(loss).map(|((rx, launch), loss)| rx.get() - (launch - loss));
        let of_length = length.map_or(0.0, |off| (off / self.length_sigma).powi(2));
        let of_power = power.map_or(0.0, |off| {
            let squared = (off / self.power_sigma).powi(2);
            if off < 0.0 { squared.min(MISSING_LIGHT) } else { squared }
        });
        (of_length + of_power, length, power)
    }

    /// Which box of this PON an ONU would fit; `documented` is the one that it is documented in, if it is one of these.
    pub fn weigh(&self, row: &Row, documented: Option<ElementIx>) -> Weighed {
        let others: Vec<&BoxOnPon> = self.boxes.iter().filter(|found| Some(found.place) != documented).collect();
        let fits: Vec<_> = others.iter().map(|found| self.misfit(row, found.mapped, found.loss)).collect();
        let Some(best) = fits.iter().map(|(misfit, ..)| *misfit).min_by(f64::total_cmp) else {
            return Weighed::default();
        };
        let own = documented.map(|_| {
            // What is wrong with all of the box is no reason to look elsewhere.
            let of_box = self.at(documented);
            let mapped = row
                .mapped
                .zip(self.slack)
                .map(|(mapped, slack)| mapped + of_box.and_then(|found| found.length_off).unwrap_or(0.0) / slack);
            let loss = row.loss.map(|loss| loss - of_box.and_then(|found| found.power_off).unwrap_or(0.0));
            self.misfit(row, mapped, loss).0
        });
        // Beside the best of them, so that nothing is too small to be reckoned with.
        let weight = |misfit: f64| (-(misfit - best) / 2.0).exp();
        let sum: f64 = fits.iter().map(|(misfit, ..)| weight(*misfit)).sum();
        let elsewhere = own.map_or(1.0, |own| {
            // Each of the others is as likely as any.
            let count = u32::try_from(others.len()).map_or(1.0, f64::from).max(1.0);
            let odds = (1.0 - PRIOR) / (PRIOR * sum / count) * (-(own - best) / 2.0).exp();
            1.0 / (1.0 + odds)
        });
        let boxes = others.iter().zip(&fits).map(|(found, (misfit, length, power))| Candidate {
            place: found.place,
            chance: weight(*misfit) / sum,
            length_off: length.and_then(|off| Metres::new(off).ok()),
            power_off: power.and_then(|off| Decibels::new(off).ok()),
        });
        Weighed { elsewhere, fits: best <= FITS, boxes: boxes.collect() }
    }

    /// Boxes that are off as a whole.
    pub fn boxes_off(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for found in &self.boxes {
            let finding = |doubt, score| Finding {
                doubt,
                pon: self.pon,
                place: Some(found.place),
                client: None,
                onus: found.onus,
                really: None,
                measured: found.measured.and_then(|read| Dbm::new(read).ok()),
                power_off: found.power_off.and_then(|off| Decibels::new(off).ok()),
                ranged: found.ranged.and_then(|ranged| Metres::new(ranged).ok()),
                length_off: found.length_off.and_then(|off| Metres::new(off).ok()),
                chance: None,
                score,
                candidates: Vec::new(),
            };
            if found.length_off.is_some() {
                findings.push(finding(Doubt::BoxLength, found.length_score));
            }
            if found.power_off.is_some() {
                findings.push(finding(Doubt::BoxLight, found.power_score));
            }
        }
        findings
    }
}

/// What numbers have in common beyond what is usual, and by how many times: their median, when most of them are off to the same side.
fn common(off: &[f64], usual: f64) -> Option<(f64, f64)> {
    if off.len() < ENOUGH_IN_BOX {
        return None;
    }
    let middle = median(off.iter().copied()).filter(|middle| middle.abs() > usual)?;
    let same = off.iter().filter(|one| one.signum() == middle.signum() && one.abs() > usual / 2.0).count();
    let all = u32::try_from(off.len()).map_or(f64::INFINITY, f64::from);
    let same = u32::try_from(same).map_or(0.0, f64::from);
    (same >= SHARE_OF_BOX * all).then(|| (middle, middle.abs() / usual))
}
