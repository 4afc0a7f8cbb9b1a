//! What a fault of the best explanation is called, where it lies, what else it may be, and how sure that is.

use std::collections::{BTreeMap, BTreeSet};

use super::area;
use super::evidence::Said;
use super::explain::{Case, Solution};
use super::gasp::ln_chance;
use super::hypothesis::{Fault, Hypothesis, Where};
use super::network::Spot;
use super::place::{self, Place};
use super::rates::WRONG_GASP;
use super::snapshot::{Alternative, Kind};
use super::stray;
use crate::model::{PonId, Timestamp};
use crate::plant::{ElementIx, NodeIx};

/// One fault, as far as the losses of a window tell.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub kind: Kind,
    pub place: Option<Place>,
    /// Chance that kind and stretch are right.
    pub confidence: f64,
    pub alternatives: Vec<Alternative>,
    /// Whom it explains.
    pub lost: Vec<Spot>,
    /// Who hangs there and counts.
    pub behind: Vec<Spot>,
    pub counts: Counts,
    /// Logarithm of its odds against "each by itself".
    pub odds: f64,
    /// Ports of which many were not read since.
    pub pending: BTreeSet<(u32, Option<PonId>)>,
    pub ports: BTreeSet<(u32, Option<PonId>)>,
    /// Whether only their port has those in common whom it explains.
    pub is_scattered: bool,
    /// The first and the last look in which its losses were seen.
    pub seen: Option<[Timestamp; 2]>,
}

/// Numbers for the evidence's sentence.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub monitored: u32,
    pub lost: u32,
    pub gasped: u32,
    pub silent: u32,
    pub unsaid: u32,
    /// Up, outside of the place, on the same ports.
    pub elsewhere: u32,
    /// Lost on the same ports, but not by this.
    pub strays: u32,
}

/// Of lost rows, how many are followed up to the head end for alternatives.
const SAMPLES: usize = 6;
/// A kind below this chance is not said.
const CLEAR: f64 = 0.9;
/// Logarithm of how much likelier an outage has to make losses than a cut does: 3 to 1.
const SPEAKS_FOR_POWER: f64 = 1.1;
/// Alternatives that are told, and the least chance of one.
const MOST_ALTERNATIVES: usize = 5;
const LEAST_CHANCE: f64 = 0.005;
/// What of the chance of a cut its stretch has to cover.
const COVERED: f64 = 0.95;
/// Of one who was not read since, so many on the same port must have been, or it is waited for.
const MOST_UNREAD: usize = 2;
/// A candidate whose value is surely below the fault's by that is left out.
const HOPELESS: f64 = 100.0;
/// Losses that "lost light is told as lost power" is as sure as.
const WRONG_GASP_LOSSES: f64 = 50.0;

/// What makes candidates one: the fault and its element; without an element, the candidate's number.
type MergeKey = (Fault, Option<ElementIx>, usize);

/// A candidate with its chance.
struct Weighed {
    fault: Hypothesis,
    element: Option<ElementIx>,
    chance: f64,
    /// What the losses alone say for it, without how often such a thing happens.
    likelihood: f64,
}

/// The faults of a solution that explain several losses.
pub(super) fn findings(case: &Case<'_>, solution: &Solution) -> Vec<Finding> {
    solution.faults().filter_map(|(number, fault)| finding(case, solution, number, fault)).collect()
}

fn finding(case: &Case<'_>, solution: &Solution, number: u32, fault: &Hypothesis) -> Option<Finding> {
    let mut lost: Vec<u32> =
        fault.rows().filter(|row| solution.is_of(*row, number) && case.evidence.said_of(*row).is_lost()).collect();
    if lost.len() < 2 {
        return None;
    }
    let (weighed, best_odds) = weigh(case, solution, number, fault, &lost);
    let is_of = |one: &&Weighed, kind: Kind| Kind::from(one.fault.fault) == kind;
    let chance_of = |kind: Kind| weighed.iter().filter(|one| is_of(one, kind)).map(|one| one.chance).sum::<f64>();
    let kinds = [Kind::Cut, Kind::Power, Kind::Equipment].map(|kind| (chance_of(kind), kind));
    let (sure, likeliest) = kinds.into_iter().max_by(|one, other| one.0.total_cmp(&other.0))?;
    let best =
        weighed.iter().filter(|one| is_of(one, likeliest)).max_by(|one, other| one.chance.total_cmp(&other.chance))?;
    let said = best.fault.fault;
    // An outage is far commoner than a cut. That alone does not make one of losses that speak as well for a cut.
    let speaks_for = |kind: Fault| {
        weighed.iter().filter(|one| one.fault.fault == kind).map(|one| one.likelihood).fold(f64::NEG_INFINITY, f64::max)
    };
    let is_guessed = said == Fault::Power && speaks_for(Fault::Power) < speaks_for(Fault::Cut) + SPEAKS_FOR_POWER;
    let kind = if sure < CLEAR || is_guessed { Kind::Undetermined } else { Kind::from(said) };
    let (place, covered, confidence) = locate(case, &weighed, best, sure);
    let mut alternatives = Vec::new();
    for one in weighed.iter().filter(|one| one.chance >= LEAST_CHANCE) {
        let is_covered = one.fault.fault == said && one.element.is_some_and(|element| covered.contains(&element));
        if is_covered || std::ptr::eq(one, best) || alternatives.len() >= MOST_ALTERNATIVES {
            continue;
        }
        let place = place::other(case.network, case.terrain, &one.fault.at);
        alternatives.push(Alternative { kind: Kind::from(one.fault.fault), place, odds: one.chance });
    }
    if kind == Kind::Undetermined {
        // What it would be called if it had to be said now comes first, with the chance of that kind at that place: chances
        // of what excludes each other add up to no more than 1.
        let first = Alternative { kind: Kind::from(said), place: place.clone(), odds: confidence };
        alternatives.insert(0, first);
        alternatives.truncate(MOST_ALTERNATIVES);
    }
    lost.extend(solution.strays_of(number));
    Some(describe(case, solution, number, &best.fault, lost, (kind, place, confidence, alternatives, best_odds)))
}

/// The candidates for a fault's losses with their chances, the likeliest first, and the logarithm of the odds of them all against
/// "each by itself".
fn weigh(case: &Case<'_>, solution: &Solution, number: u32, fault: &Hypothesis, lost: &[u32]) -> (Vec<Weighed>, f64) {
    let plant = &case.terrain.plant;
    let mut weighed: Vec<(f64, Hypothesis)> = Vec::new();
    // One outage may be seen as that of any node above it: these are one.
    let mut outages: BTreeMap<[u32; 3], (f64, f64, Hypothesis)> = BTreeMap::new();
    let most_of = |row: &u32| [Fault::Cut, Fault::Power].map(|fault| case.evidence.own_of(*row, fault));
    let all: f64 = lost.iter().map(|row| most_of(row).into_iter().fold(0.0, f64::max)).sum();
    let known = solution.score_of(number);
    for candidate in candidates(case, fault, lost) {
        // Where far too many are up, there is no need to look closer.
        let up: f64 = candidate.runs.iter().map(|run| case.evidence.up(run, candidate.fault)).sum();
        if candidate.prior + all + up < known - HOPELESS {
            continue;
        }
        let Some(said) = say(case, solution, number, &candidate).filter(|said| said.covered * 2 >= lost.len()) else {
            continue;
        };
        if candidate.fault != Fault::Power {
            weighed.push((candidate.prior + said.value, candidate));
            continue;
        }
        match outages.get_mut(&said.rows) {
            Some((spared, most, known)) => {
                let value = candidate.prior + said.value + *spared;
                // Of those that say the same, the boxes themselves come last.
                if value >= *most {
                    (*most, *known) = (value, candidate);
                }
            }
            None => {
                let spared = area::spared(case, &said.boxes);
                outages.insert(said.rows, (spared, candidate.prior + said.value + spared, candidate));
            }
        }
    }
    weighed.extend(outages.into_values().map(|(_, value, candidate)| (value, candidate)));
    let most = weighed.iter().map(|(value, _)| *value).fold(0.0, f64::max);
    // "Each by itself" is the candidate with value 0.
    let total: f64 = (-most).exp() + weighed.iter().map(|(value, _)| (value - most).exp()).sum::<f64>();
    // One break of a fibre, or of the cable with it, is one place.
    let mut merged: BTreeMap<MergeKey, (f64, f64, Hypothesis, f64)> = BTreeMap::new();
    for (place, (value, candidate)) in weighed.into_iter().enumerate() {
        let element = match &candidate.at {
            Where::Node(node) => place::spoken(plant, NodeIx::from_number(*node)),
            Where::Element(element) => Some(*element),
            _ => None,
        };
        let key = (candidate.fault, element, if element.is_some() { 0 } else { place + 1 });
        let chance = (value - most).exp() / total;
        let likelihood = value - candidate.prior;
        let entry = merged.entry(key).or_insert_with(|| (0.0, value, candidate.clone(), likelihood));
        entry.0 += chance;
        entry.3 = entry.3.max(likelihood);
        if value > entry.1 {
            (entry.1, entry.2) = (value, candidate);
        }
    }
    let mut weighed: Vec<Weighed> = merged
        .into_iter()
        .map(|((_, element, _), (chance, _, fault, likelihood))| Weighed { fault, element, chance, likelihood })
        .collect();
    weighed.sort_by(|one, other| other.chance.total_cmp(&one.chance));
    (weighed, most)
}

/// What the losses say of a candidate.
struct Speech {
    /// Logarithm of how much likelier they are by it than each by itself.
    value: f64,
    /// How many of the fault's losses it covers.
    covered: usize,
    /// Its rows that are not another fault's: the number of those that say something, the first and the last.
    rows: [u32; 3],
    /// The boxes of those that it lost.
    boxes: BTreeSet<ElementIx>,
}

fn say(case: &Case<'_>, solution: &Solution, number: u32, candidate: &Hypothesis) -> Option<Speech> {
    let mut speech = Speech { value: 0.0, covered: 0, rows: [0, u32::MAX, 0], boxes: BTreeSet::new() };
    let mut outcomes: BTreeMap<[u64; 2], (u32, u32, f64)> = BTreeMap::new();
    let own = |row: u32| case.evidence.own_of(row, candidate.fault).exp();
    let counts = |row: &u32| !solution.is_of_another(*row, number) && case.evidence.said_of(*row) != Said::Nothing;
    let shares = stray::shares(case, candidate.rows().filter(counts));
    speech.value += shares.iter().map(|(port, share)| strays(case, candidate, *port, *share, counts)).sum::<f64>();
    for row in candidate.rows().filter(counts) {
        let said = case.evidence.said_of(row);
        if !case.evidence.is_adrift(row)
            && let Some(at) = case.terrain.rows.get(row as usize)
        {
            let share = shares.get(&at.port).copied().unwrap_or(1.0);
            let elsewhere = f64::from(at.doubt) * (1.0 - share);
            speech.value += (1.0 - elsewhere).mul_add(own(row), elsewhere).ln();
        }
        let [count, first, last] = speech.rows;
        speech.rows = [count + 1, first.min(row), last.max(row)];
        if !said.is_lost() {
            continue;
        }
        speech.covered += usize::from(solution.is_of(row, number));
        speech.boxes.extend(case.terrain.rows.get(row as usize).and_then(|row| row.place));
        if let (Said::Gasp | Said::Optical, Some(gasps)) = (said, case.evidence.gasps.get(&row)) {
            let [a, b] = *gasps;
            let entry = outcomes.entry(gasps.map(f64::to_bits)).or_default();
            let chance = (a / (a + b)).clamp(0.02, 0.98);
            match said {
                Said::Gasp => (entry.0, entry.2) = (entry.0 + 1, entry.2 + chance.ln()),
                _ => (entry.1, entry.2) = (entry.1 + 1, entry.2 + (1.0 - chance).ln()),
            }
        }
    }
    // ONUs of one maker gasp or do not together more often than one by one: how they do is known from few losses only.
    for (counts, (gasped, silent, one_by_one)) in outcomes {
        speech.value += match candidate.fault {
            Fault::Power => ln_chance(gasped, silent, counts.map(f64::from_bits)) - one_by_one,
            Fault::Cut | Fault::Equipment | Fault::Rogue => {
                let wrong = [WRONG_GASP * WRONG_GASP_LOSSES, (1.0 - WRONG_GASP) * WRONG_GASP_LOSSES];
                let alone = f64::from(gasped) * WRONG_GASP.ln() + f64::from(silent) * (1.0 - WRONG_GASP).ln();
                ln_chance(gasped, silent, wrong) - alone
            }
        };
    }
    (speech.covered > 0).then_some(speech)
}

/// What those of a port say who are documented elsewhere than a candidate lies, or nowhere: it took this share of the port, and so
/// each of them with that chance, as far as the documentation is wrong.
fn strays(case: &Case<'_>, candidate: &Hypothesis, port: u32, share: f64, counts: impl Fn(&u32) -> bool) -> f64 {
    let rows = case.terrain.ports.get(port as usize).map_or(&[][..], |port| port.rows.as_slice());
    let outside = rows.iter().filter(|row| counts(row)).filter_map(|row| {
        let at = case.terrain.rows.get(*row as usize)?;
        let is_adrift = case.evidence.is_adrift(*row);
        if !is_adrift && candidate.covers(*row) {
            return None;
        }
        let chance = if is_adrift { share } else { share * f64::from(at.doubt) };
        Some(chance.mul_add(case.evidence.own_of(*row, candidate.fault).exp(), 1.0 - chance).ln())
    });
    outside.sum()
}

/// What else may explain these losses: everything above some of them, their ports and cards, outages around them.
fn candidates(case: &Case<'_>, fault: &Hypothesis, lost: &[u32]) -> Vec<Hypothesis> {
    let plant = &case.terrain.plant;
    let mut nodes: BTreeSet<u32> = BTreeSet::new();
    let mut elements: BTreeSet<ElementIx> = BTreeSet::new();
    let mut ports: BTreeSet<u32> = BTreeSet::new();
    let step = (lost.len() / SAMPLES).max(1);
    for row in lost.iter().step_by(step).filter_map(|row| case.terrain.rows.get(*row as usize)) {
        ports.insert(row.port);
        let mut at = Some(row.node);
        while let Some(node) = at.filter(|node| nodes.insert(*node)) {
            if let Some(node) = plant.node(NodeIx::from_number(node)) {
                elements.extend(node.container());
            }
            at = case.terrain.parent(node);
        }
    }
    let mut found: Vec<Hypothesis> = Vec::new();
    for node in nodes {
        let run = case.terrain.below(node);
        if case.evidence.lost(&run) >= 2 {
            found.extend(case.faults_at(node).map(|(fault, prior)| Hypothesis {
                fault,
                at: Where::Node(node),
                prior,
                runs: vec![run.clone()],
            }));
        }
    }
    found.extend(
        elements
            .into_iter()
            .filter(|element| plant.ways(*element).nth(1).is_some())
            .flat_map(|element| case.at_element(element)),
    );
    found.extend(ports.into_iter().flat_map(|port| case.at_port(port)));
    found.extend(area::outages(case, lost));
    let is_known = found.iter().any(|one| one.fault == fault.fault && one.at == fault.at);
    if !is_known {
        found.push(fault.clone());
    }
    found
}

/// The place of the likeliest candidate, the elements of its stretch, and the chance of both. Elements that a cut may lie in as well, and that
/// follow each other on one way, make one stretch.
fn locate(
    case: &Case<'_>,
    weighed: &[Weighed],
    best: &Weighed,
    sure: f64,
) -> (Option<Place>, BTreeSet<ElementIx>, f64) {
    let plant = &case.terrain.plant;
    let mut covered = BTreeSet::new();
    let (Some(element), Fault::Cut) = (best.element, best.fault.fault) else {
        return (place::other(case.network, case.terrain, &best.fault.at), covered, best.chance);
    };
    // The way of a row that it explains, through the element.
    let row = best.fault.rows().find(|row| case.evidence.said_of(*row).is_lost());
    let mut way: Vec<NodeIx> = row
        .and_then(|row| case.terrain.rows.get(row as usize))
        .into_iter()
        .flat_map(|row| plant.upwards(NodeIx::from_number(row.node)))
        .collect();
    way.reverse();
    let on_way: BTreeMap<ElementIx, f64> = weighed
        .iter()
        .filter(|one| one.fault.fault == Fault::Cut)
        .filter_map(|one| Some((one.element?, one.chance)))
        .filter(|(element, _)| way.iter().any(|node| place::spoken(plant, *node) == Some(*element)))
        .collect();
    let mut ranked: Vec<(ElementIx, f64)> = on_way.into_iter().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1));
    let total: f64 = ranked.iter().map(|(_, chance)| chance).sum();
    let mut sum = 0.0;
    covered.insert(element);
    for (element, chance) in &ranked {
        if sum >= total * COVERED {
            break;
        }
        covered.insert(*element);
        sum += chance;
    }
    let nodes: Vec<NodeIx> = way
        .iter()
        .copied()
        .filter(|node| place::spoken(plant, *node).is_some_and(|at| covered.contains(&at)))
        .collect();
    let confidence = ranked.iter().filter(|(at, _)| covered.contains(at)).map(|(_, chance)| chance).sum::<f64>();
    (place::stretch(plant, element, &nodes), covered, confidence.min(sure))
}

fn describe(
    case: &Case<'_>,
    solution: &Solution,
    number: u32,
    fault: &Hypothesis,
    lost: Vec<u32>,
    (kind, place, confidence, alternatives, odds): (Kind, Option<Place>, f64, Vec<Alternative>, f64),
) -> Finding {
    let mut counts = Counts { lost: u32::try_from(lost.len()).unwrap_or(u32::MAX), ..Counts::default() };
    let mut seen: Option<[Timestamp; 2]> = None;
    let mut ports: BTreeSet<u32> = BTreeSet::new();
    for row in &lost {
        match case.evidence.said_of(*row) {
            Said::Gasp => counts.gasped += 1,
            Said::Optical => counts.silent += 1,
            _ => counts.unsaid += 1,
        }
        let Some(at) = case.terrain.rows.get(*row as usize) else { continue };
        ports.insert(at.port);
        if let Some(lost) = case.network.onu(at.spot).and_then(|onu| onu.lost_at) {
            seen = Some(seen.map_or([lost, lost], |[first, last]| [first.min(lost), last.max(lost)]));
        }
    }
    let spot = |row: u32| case.terrain.rows.get(row as usize).map(|row| row.spot);
    let behind: BTreeSet<u32> = fault
        .rows()
        .filter(|row| case.evidence.said_of(*row) != Said::Nothing && !solution.is_of_another(*row, number))
        .chain(lost.iter().copied())
        .collect();
    counts.monitored = u32::try_from(behind.len()).unwrap_or(u32::MAX);
    let mut pending = BTreeSet::new();
    let mut named = BTreeSet::new();
    for port in ports.iter().filter_map(|port| case.terrain.ports.get(*port as usize)) {
        named.insert((port.olt, port.pon));
        let (mut unread, mut read) = (0, 0);
        for row in &port.rows {
            match case.evidence.said_of(*row) {
                Said::Nothing => continue,
                Said::Pending => {
                    unread += 1;
                    continue;
                }
                Said::Up { .. } => counts.elsewhere += u32::from(!behind.contains(row)),
                _ => counts.strays += u32::from(!solution.is_explained(*row)),
            }
            read += 1;
        }
        // A few who were not read do not change what all others show: the odds reckon without them.
        if unread * MOST_UNREAD > read {
            pending.insert((port.olt, port.pon));
        }
    }
    Finding {
        kind,
        place,
        confidence,
        alternatives,
        lost: lost.into_iter().filter_map(spot).collect(),
        behind: behind.into_iter().filter_map(spot).collect(),
        counts,
        odds,
        pending,
        ports: named,
        is_scattered: fault.fault == Fault::Rogue,
        seen,
    }
}
