//! Losses that a fault explains although the plant shows them elsewhere, or nowhere.
//!
//! Documentation errs: a client stands in the wrong box, on the wrong port, or has no way at all. Of its port its OLT leaves no doubt. So a fault
//! that took the share `f` of a port's clients took each one whose place is not known with that chance, and one that is documented
//! elsewhere with `f` times the chance that this is wrong. An outage does not end at a box: of homes near those that it reached some
//! are in it too. A loss counts as such a stray only when it may have happened together with the fault's own.

use std::collections::BTreeMap;

use super::area::{self, Near};
use super::evidence::Said;
use super::explain::{Case, Solution};
use super::hypothesis::{Fault, Hypothesis};
use super::rates::EDGE;
use crate::model::Timestamp;

/// What a fault of a solution reaches beyond its rows.
pub(super) struct Reach {
    fault: Fault,
    /// Of each port: the share of its clients that it took.
    ports: BTreeMap<u32, f64>,
    /// Of each OLT: between which looks its losses were seen, and the middle one.
    olts: BTreeMap<u32, [Timestamp; 3]>,
    /// Boxes that an outage reached.
    near: Option<Near>,
}

impl Reach {
    /// Of the fault with this number.
    pub fn of(case: &Case<'_>, solution: &Solution, number: u32, fault: &Hypothesis) -> Self {
        let row = |row: u32| case.terrain.rows.get(row as usize);
        let counts = |at: &u32| !solution.is_of_another(*at, number) && case.evidence.said_of(*at) != Said::Nothing;
        let mut times: BTreeMap<u32, Vec<Timestamp>> = BTreeMap::new();
        let mut places = Vec::new();
        for at in fault.rows().filter(counts).filter(|at| case.evidence.said_of(*at).is_lost()) {
            let Some(row) = row(at) else { continue };
            places.extend(row.place);
            if let Some(lost) = case.network.onu(row.spot).and_then(|onu| onu.lost_at) {
                times.entry(row.spot.olt).or_default().push(lost);
            }
        }
        let span = |(olt, mut times): (u32, Vec<Timestamp>)| {
            times.sort_unstable();
            Some((olt, [*times.first()?, *times.get(times.len() / 2)?, *times.last()?]))
        };
        Self {
            fault: fault.fault,
            ports: shares(case, fault.rows().filter(counts)),
            olts: times.into_iter().filter_map(span).collect(),
            near: (fault.fault == Fault::Power).then(|| area::near(case, places)),
        }
    }

    /// Logarithm of how much likelier a lost row's state is when this fault may have taken it than by itself; `None` when it cannot have.
    pub fn weight(&self, case: &Case<'_>, number: u32) -> Option<f64> {
        let chance = self.chance(case, number)?;
        let ratio = case.evidence.own_of(number, self.fault).exp();
        Some(chance.mul_add(ratio, 1.0 - chance).ln())
    }

    /// Whether a lost row is this fault's rather than by itself.
    pub fn takes(&self, case: &Case<'_>, number: u32) -> bool {
        let ratio = case.evidence.own_of(number, self.fault).exp();
        self.chance(case, number).is_some_and(|chance| chance * ratio > 1.0 - chance)
    }

    /// The chance that a row hangs within what the fault took.
    fn chance(&self, case: &Case<'_>, number: u32) -> Option<f64> {
        let row = case.terrain.rows.get(number as usize)?;
        let mut chance: f64 = 0.0;
        if let Some(share) = self.ports.get(&row.port) {
            let doubt = if row.is_placed { f64::from(row.doubt) } else { 1.0 };
            chance = share * doubt;
        }
        if let (Some(near), Some(place)) = (&self.near, row.place)
            && near.reaches(case, place)
        {
            chance = chance.max(EDGE);
        }
        (chance > 0.0 && self.is_then(case, number)).then_some(chance)
    }

    /// Whether a row may have been lost when the fault's own were.
    fn is_then(&self, case: &Case<'_>, number: u32) -> bool {
        let Some(row) = case.terrain.rows.get(number as usize) else { return false };
        let Some(onu) = case.network.onu(row.spot) else { return false };
        let Some(lost) = onu.lost_at else { return false };
        // Batteries end later.
        let is_late = self.fault == Fault::Power;
        let Some([first, middle, last]) = self.olts.get(&row.spot.olt) else {
            // Looks at other OLTs begin at other times.
            let is_with =
                |[first, ..]: &[Timestamp; 3]| case.network.is_together(lost, *first) || is_late && lost > *first;
            return self.olts.values().any(is_with);
        };
        lost >= *first && (is_late || lost <= *last || onu.up_at.is_none_or(|up| up <= *middle))
    }
}

/// The share that these rows are of each of their ports, as far as places there are known.
pub(super) fn shares(case: &Case<'_>, rows: impl Iterator<Item = u32>) -> BTreeMap<u32, f64> {
    let mut covered: BTreeMap<u32, [u32; 2]> = BTreeMap::new();
    // Rows of a port mostly follow each other.
    let mut run: (u32, [u32; 2]) = (u32::MAX, [0; 2]);
    let mut put = |(port, [placed, all]): (u32, [u32; 2])| {
        if all > 0 {
            let sums = covered.entry(port).or_default();
            *sums = [sums[0] + placed, sums[1] + all];
        }
    };
    for row in rows.filter_map(|row| case.terrain.rows.get(row as usize)) {
        if row.port != run.0 {
            put(run);
            run = (row.port, [0; 2]);
        }
        run.1 = [run.1[0] + u32::from(row.is_placed), run.1[1] + 1];
    }
    put(run);
    let share = |(port, [placed, all]): (u32, [u32; 2])| {
        let known = case.evidence.counted(port);
        let of = case.terrain.ports.get(port as usize).map_or(0, |port| port.rows.len());
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        let (part, of) = if known * 2 >= of { (placed, known) } else { (all, of) };
        // Nobody knows a share better than its clients are many.
        (port, (f64::from(part) + 0.5) / (f64::from(of.max(part)) + 1.0))
    };
    covered.into_iter().map(share).collect()
}

/// Gives strays to faults: whole small faults that are better explained so, then single losses.
pub(super) fn gather(case: &Case<'_>, solution: &mut Solution, lost: &[u32]) {
    let mut reaches: BTreeMap<u32, Reach> =
        solution.faults().map(|(number, fault)| (number, Reach::of(case, solution, number, fault))).collect();
    let mut sizes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in lost {
        if let Some(owner) = solution.owner_of(*row) {
            sizes.entry(owner).or_default().push(*row);
        }
    }
    let mut smallest: Vec<(usize, u32)> = sizes.iter().map(|(number, rows)| (rows.len(), *number)).collect();
    smallest.sort_unstable();
    for (size, number) in smallest {
        let Some(rows) = sizes.get(&number) else { continue };
        let larger = |other: &u32| sizes.get(other).is_some_and(|rows| (rows.len(), *other) > (size, number));
        let best = candidates(case, &reaches, rows)
            .filter(|other| *other != number && larger(other))
            .filter_map(|other| {
                let reach = reaches.get(&other)?;
                let sum = rows.iter().map(|row| reach.weight(case, *row)).sum::<Option<f64>>()?;
                Some((sum, other))
            })
            .max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((sum, other)) = best
            && sum > solution.score_of(number)
        {
            solution.dissolve(number);
            reaches.remove(&number);
            let mut rows = sizes.remove(&number).unwrap_or_default();
            rows.extend(solution.strays_of(number));
            for row in rows {
                solution.stray(row, other);
            }
        }
    }
    for row in lost.iter().filter(|row| !solution.is_explained(**row)).copied().collect::<Vec<_>>() {
        let best = candidates(case, &reaches, &[row])
            .filter_map(|other| {
                let reach = reaches.get(&other).filter(|reach| reach.takes(case, row))?;
                Some((reach.weight(case, row)?, other))
            })
            .max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, other)) = best {
            solution.stray(row, other);
        }
    }
}

/// Faults that share a port with all these rows, and outages, which may reach anywhere.
fn candidates<'a>(
    case: &'a Case<'_>,
    reaches: &'a BTreeMap<u32, Reach>,
    rows: &'a [u32],
) -> impl Iterator<Item = u32> + 'a {
    let port = rows.first().and_then(|row| case.terrain.rows.get(*row as usize)).map(|row| row.port);
    reaches
        .iter()
        .filter(move |(_, reach)| {
            reach.fault == Fault::Power || port.is_some_and(|port| reach.ports.contains_key(&port))
        })
        .map(|(number, _)| *number)
}
