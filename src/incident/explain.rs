//! Finds what explains losses best: a set of faults, each of which explains rows of its own.
//!
//! For one tree that is exact and linear: the best explanation of a node is the better one of a fault at the node and of the best
//! explanations of its children (`domain.md` 1.5). Over that come faults that several trees share (a cable, a box, a card, an outage):
//! each takes the place of those that it explains better together, the most gainful one first.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::area;
use super::evidence::Evidence;
use super::hypothesis::{Fault, Hypothesis, Priors, Where};
use super::network::Network;
use super::rates::NEXT_BOX;
use super::stray;
use super::terrain::Terrain;
use crate::plant::{ElementIx, ElementKind, NodeIx};

/// Everything that an explanation is made from.
pub(super) struct Case<'a> {
    pub network: &'a Network,
    pub terrain: &'a Terrain,
    pub evidence: &'a Evidence,
}

/// Faults, each with the rows that it explains.
#[derive(Debug, Default)]
pub(super) struct Solution {
    faults: Vec<Option<Hypothesis>>,
    /// What each of them gains over "each by itself".
    scores: Vec<f64>,
    /// Which fault explains each row, [`NOBODY`] none.
    owner: Vec<u32>,
    /// The same of lost rows that a fault explains though they are documented elsewhere, or nowhere.
    stray_of: Vec<u32>,
    strays: BTreeMap<u32, BTreeSet<u32>>,
}

const NOBODY: u32 = u32::MAX;
/// Rounds in which shared faults may take the place of others.
const ROUNDS: usize = 4;

impl<'a> Case<'a> {
    pub const fn priors(&self) -> Priors<'a> {
        Priors { network: self.network, terrain: self.terrain, minutes: self.evidence.minutes }
    }

    /// The best explanation of all losses; empty when each is best explained by itself.
    pub fn explain(&self) -> Solution {
        let nobody = vec![NOBODY; self.terrain.rows.len()];
        let mut solution = Solution { owner: nobody.clone(), stray_of: nobody, ..Solution::default() };
        let all = 0..u32::try_from(self.terrain.rows.len()).unwrap_or(u32::MAX);
        if self.evidence.lost(&all) < 2 {
            return solution;
        }
        let lost: Vec<u32> = self.evidence.lost_rows(&all).collect();
        for root in self.roots(&lost) {
            self.tree(root, &mut solution);
        }
        let shared = self.shared(&lost);
        for _ in 0..ROUNDS {
            let mut gains: Vec<(f64, usize)> = shared
                .iter()
                .enumerate()
                .map(|(place, shared)| (solution.gain(self.evidence, shared), place))
                .filter(|(gain, _)| *gain > 0.0)
                .collect();
            gains.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
            let mut is_better = false;
            for (_, place) in gains {
                if let Some(shared) = shared.get(place)
                    && solution.gain(self.evidence, shared) > 1e-6
                {
                    solution.put(self.evidence, shared.clone());
                    is_better = true;
                }
            }
            if !is_better {
                break;
            }
        }
        stray::gather(self, &mut solution, &lost);
        solution
    }

    /// The roots of the trees that lost rows hang in.
    fn roots(&self, lost: &[u32]) -> BTreeSet<u32> {
        let mut roots = BTreeSet::new();
        let mut until = 0;
        for row in lost.iter().filter_map(|row| self.terrain.rows.get(*row as usize)) {
            // Rows come in the order of nodes, so a tree's rows come one after the other.
            if row.node < until {
                continue;
            }
            let mut root = row.node;
            while let Some(parent) = self.terrain.parent(root) {
                root = parent;
            }
            let end = self.terrain.plant.subtree(NodeIx::from_number(root)).end;
            until = u32::try_from(end).unwrap_or(u32::MAX).max(root + 1);
            roots.insert(root);
        }
        roots
    }

    /// The best explanation of one tree.
    fn tree(&self, root: u32, solution: &mut Solution) {
        let end = u32::try_from(self.terrain.plant.subtree(NodeIx::from_number(root)).end).unwrap_or(u32::MAX);
        let end = end.max(root + 1);
        let mut best = vec![0.0_f64; (end - root) as usize];
        let mut picked: Vec<Option<(Fault, f64)>> = vec![None; (end - root) as usize];
        for node in (root..end).rev() {
            let run = self.terrain.below(node);
            if self.evidence.lost(&run) < 2 {
                continue;
            }
            let at = (node - root) as usize;
            for (fault, prior) in self.faults_at(node) {
                let here = Hypothesis { fault, at: Where::Node(node), prior, runs: Vec::new() };
                let score = prior + here.weight(self.evidence, &run);
                if let (Some(best), Some(picked)) = (best.get_mut(at), picked.get_mut(at))
                    && score > *best
                {
                    *best = score;
                    *picked = Some((fault, prior));
                }
            }
            let gain = best.get(at).copied().unwrap_or(0.0);
            if let Some(parent) = self.terrain.parent(node).filter(|parent| *parent >= root)
                && let Some(above) = best.get_mut((parent - root) as usize)
            {
                *above += gain;
            }
        }
        let mut node = root;
        while node < end {
            match picked.get((node - root) as usize).copied().flatten() {
                Some((fault, prior)) => {
                    let run = self.terrain.below(node);
                    solution.put(self.evidence, Hypothesis { fault, at: Where::Node(node), prior, runs: vec![run] });
                    let end = self.terrain.plant.subtree(NodeIx::from_number(node)).end;
                    node = u32::try_from(end).unwrap_or(u32::MAX).max(node + 1);
                }
                None => node += 1,
            }
        }
    }

    /// What may have failed at a node: it, and the mains of all below it.
    pub fn faults_at(&self, node: u32) -> [(Fault, f64); 2] {
        [self.priors().of_node(node), (Fault::Power, self.outage_over(std::slice::from_ref(&self.terrain.below(node))))]
    }

    /// An outage that reaches the boxes of these rows.
    fn outage_over(&self, runs: &[Range<u32>]) -> f64 {
        let boxes: u32 = runs.iter().map(|run| self.evidence.boxes(run)).sum();
        self.priors().outage() + NEXT_BOX.ln() * f64::from(boxes.saturating_sub(1))
    }

    /// Faults that several trees, or several branches of one, may share, and those of ports of which too little is documented.
    fn shared(&self, lost: &[u32]) -> Vec<Hypothesis> {
        let mut found: Vec<Hypothesis> =
            self.elements_above(lost).into_iter().flat_map(|element| self.at_element(element)).collect();
        let ports: BTreeSet<u32> =
            lost.iter().filter_map(|row| self.terrain.rows.get(*row as usize)).map(|row| row.port).collect();
        found.extend(self.cards(&ports));
        found.extend(ports.into_iter().flat_map(|port| self.at_port(port)));
        found.extend(area::outages(self, lost));
        found
    }

    /// Elements that have several ways, above lost rows.
    fn elements_above(&self, lost: &[u32]) -> BTreeSet<ElementIx> {
        let plant = &self.terrain.plant;
        let mut seen: HashSet<u32> = HashSet::new();
        let mut elements = BTreeSet::new();
        for row in lost.iter().filter_map(|row| self.terrain.rows.get(*row as usize)) {
            let mut at = Some(row.node);
            while let Some(node) = at.filter(|node| seen.insert(*node)) {
                if let Some(node) = plant.node(NodeIx::from_number(node)) {
                    elements.extend(node.container().filter(|holder| plant.ways(*holder).nth(1).is_some()));
                }
                at = self.terrain.parent(node);
            }
        }
        elements
    }

    /// What may have happened at an element as a whole.
    pub fn at_element(&self, element: ElementIx) -> Vec<Hypothesis> {
        let priors = self.priors();
        let kind = self.terrain.plant.element(element).map(|element| element.kind);
        let runs = self.terrain.below_element(element);
        let mut found = Vec::new();
        if matches!(kind, Some(ElementKind::Cable | ElementKind::Place)) {
            let prior = priors.of_element(element);
            found.push(Hypothesis { fault: Fault::Cut, at: Where::Element(element), prior, runs: runs.clone() });
        }
        if kind == Some(ElementKind::Place) {
            let prior = self.outage_over(&runs);
            found.push(Hypothesis { fault: Fault::Power, at: Where::Element(element), prior, runs });
        }
        found
    }

    /// Cards of which several ports lost somebody.
    fn cards(&self, ports: &BTreeSet<u32>) -> Vec<Hypothesis> {
        let mut cards: BTreeMap<(u32, Vec<u16>), u32> = BTreeMap::new();
        for port in ports.iter().filter_map(|port| self.terrain.ports.get(*port as usize)) {
            if let Some((_, card)) = port.pon.as_ref().and_then(|pon| pon.parts().split_last()) {
                *cards.entry((port.olt, card.to_vec())).or_default() += 1;
            }
        }
        let several = cards.into_iter().filter(|(_, ports)| *ports >= 2);
        several.map(|((olt, card), _)| self.card(olt, card)).collect()
    }

    fn card(&self, olt: u32, card: Vec<u16>) -> Hypothesis {
        let is_on = |pon: &crate::model::PonId| pon.parts().split_last().is_some_and(|(_, on)| on == card.as_slice());
        let rows = self
            .terrain
            .ports
            .iter()
            .filter(|port| port.olt == olt && port.pon.as_ref().is_some_and(is_on))
            .flat_map(|port| port.rows.iter().copied());
        let runs = runs(rows.collect());
        let prior = self.priors().card(olt, is_on);
        Hypothesis { fault: Fault::Equipment, prior, at: Where::Card(olt, card), runs }
    }

    /// Some branch of a port, or all beyond a distance.
    pub fn at_port(&self, number: u32) -> Vec<Hypothesis> {
        let Some(port) = self.terrain.ports.get(number as usize) else { return Vec::new() };
        let lost: Vec<u32> = port.rows.iter().copied().filter(|row| self.evidence.said_of(*row).is_lost()).collect();
        let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        let (of, all) = (count(lost.len()), count(port.rows.len()));
        if of < 2 {
            return Vec::new();
        }
        let mut found = Vec::new();
        let prior = self.priors().some_of(of, all, port.placed);
        for fault in [Fault::Cut, Fault::Power] {
            found.push(Hypothesis { fault, at: Where::SomeOf(number), prior, runs: runs(lost.clone()) });
        }
        if !self.evidence.is_of_levels {
            let runs = runs(port.rows.clone());
            let prior = self.priors().rogue(port);
            found.push(Hypothesis { fault: Fault::Rogue, at: Where::SomeOf(number), prior, runs });
        }
        if port.placed * 2 < all {
            found.extend(self.beyond(number));
        }
        found
    }

    /// The best distance from which on a port is dead; `None` where it is not ranged.
    fn beyond(&self, number: u32) -> Option<Hypothesis> {
        let port = self.terrain.ports.get(number as usize)?;
        let ranged: Vec<(u32, i32)> = port
            .rows
            .iter()
            .filter_map(|row| Some((*row, self.network.onu(self.terrain.rows.get(*row as usize)?.spot)?.distance?)))
            .collect();
        let mut best: Option<(f64, usize)> = None;
        let mut sum = 0.0;
        for (place, (row, _)) in ranged.iter().enumerate() {
            sum += self.evidence.cut(&(*row..*row + 1));
            if best.is_none_or(|(most, _)| sum > most) {
                best = Some((sum, place));
            }
        }
        let (_, last) = best.filter(|(sum, _)| *sum > 0.0)?;
        let dead = ranged.get(..=last)?;
        let to =
            dead.iter().filter(|(row, _)| self.evidence.said_of(*row).is_lost()).map(|(_, metres)| *metres).min()?;
        let living = ranged.get(last + 1..).unwrap_or_default();
        let lives = |row: &u32| matches!(self.evidence.said_of(*row), super::evidence::Said::Up { .. });
        let from = living.iter().filter(|(row, _)| lives(row)).map(|(_, metres)| *metres).max().unwrap_or(0);
        let prior = self.priors().beyond(u32::try_from(ranged.len()).unwrap_or(u32::MAX));
        let rows = dead.iter().map(|(row, _)| *row).collect();
        Some(Hypothesis { fault: Fault::Cut, at: Where::Beyond { port: number, from, to }, prior, runs: runs(rows) })
    }
}

/// Rows as runs.
pub(super) fn runs(mut rows: Vec<u32>) -> Vec<Range<u32>> {
    rows.sort_unstable();
    let mut runs: Vec<Range<u32>> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            Some(run) if run.end > row => {}
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

impl Solution {
    /// The faults.
    pub fn faults(&self) -> impl Iterator<Item = (u32, &Hypothesis)> {
        (0_u32..).zip(&self.faults).filter_map(|(number, fault)| Some((number, fault.as_ref()?)))
    }

    /// Whether a row is explained by another fault than this one.
    pub fn is_of_another(&self, row: u32, fault: u32) -> bool {
        self.owner_of(row).or_else(|| self.stray_of(row)).is_some_and(|owner| owner != fault)
    }

    pub fn is_of(&self, row: u32, fault: u32) -> bool {
        self.owner.get(row as usize) == Some(&fault)
    }

    /// Whether a row is explained at all.
    pub fn is_explained(&self, row: u32) -> bool {
        self.owner_of(row).or_else(|| self.stray_of(row)).is_some()
    }

    /// The fault in whose place a row is.
    pub fn owner_of(&self, row: u32) -> Option<u32> {
        self.owner.get(row as usize).copied().filter(|owner| *owner != NOBODY)
    }

    fn stray_of(&self, row: u32) -> Option<u32> {
        self.stray_of.get(row as usize).copied().filter(|of| *of != NOBODY)
    }

    /// Says that a fault explains a lost row that is not in its place.
    pub fn stray(&mut self, row: u32, fault: u32) {
        let Some(slot) = self.stray_of.get_mut(row as usize) else { return };
        if let Some(before) = self.strays.get_mut(slot) {
            before.remove(&row);
        }
        *slot = fault;
        self.strays.entry(fault).or_default().insert(row);
    }

    /// The lost rows that a fault explains though they are not in its place.
    pub fn strays_of(&self, fault: u32) -> impl Iterator<Item = u32> + '_ {
        self.strays.get(&fault).into_iter().flatten().copied()
    }

    /// What a fault gains over "each by itself".
    pub fn score_of(&self, number: u32) -> f64 {
        self.scores.get(number as usize).copied().unwrap_or(0.0)
    }

    /// Takes a fault out; its rows are nobody's.
    pub fn dissolve(&mut self, number: u32) {
        if let Some(fault) = self.faults.get_mut(number as usize).and_then(Option::take) {
            if let Some(score) = self.scores.get_mut(number as usize) {
                *score = 0.0;
            }
            for row in fault.rows() {
                if let Some(slot) = self.owner.get_mut(row as usize).filter(|slot| **slot == number) {
                    *slot = NOBODY;
                }
            }
        }
    }

    /// What taking this fault in would gain: its score without what others explain of its rows. One that would be worth nothing without these
    /// rows goes, with its prior and the few losses that it still has.
    fn gain(&self, evidence: &Evidence, fault: &Hypothesis) -> f64 {
        let mut overlaps: BTreeMap<u32, f64> = BTreeMap::new();
        for row in fault.rows() {
            let Some(owner) = self.owner_of(row) else { continue };
            let Some(Some(other)) = self.faults.get(owner as usize) else { continue };
            *overlaps.entry(owner).or_default() += other.weight(evidence, &(row..row + 1));
        }
        let taken = overlaps.into_iter().map(|(owner, weight)| weight.min(self.score_of(owner)));
        fault.score(evidence) - taken.sum::<f64>()
    }

    fn owned<'a>(&'a self, number: u32, fault: &'a Hypothesis) -> impl Iterator<Item = u32> + 'a {
        fault.rows().filter(move |row| self.is_of(*row, number))
    }

    fn score(&self, evidence: &Evidence, number: u32, fault: &Hypothesis) -> f64 {
        fault.prior + self.owned(number, fault).map(|row| fault.weight(evidence, &(row..row + 1))).sum::<f64>()
    }

    fn put(&mut self, evidence: &Evidence, fault: Hypothesis) {
        let number = u32::try_from(self.faults.len()).unwrap_or(NOBODY);
        let mut touched = BTreeSet::new();
        for row in fault.rows() {
            if let Some(owner) = self.owner.get_mut(row as usize) {
                if *owner != NOBODY {
                    touched.insert(*owner);
                }
                *owner = number;
            }
        }
        self.scores.push(fault.score(evidence));
        self.faults.push(Some(fault));
        for owner in touched {
            let left = self.faults.get(owner as usize).and_then(Option::as_ref);
            let score = left.map_or(0.0, |fault| self.score(evidence, owner, fault));
            if score <= 0.0 {
                self.dissolve(owner);
            } else if let Some(slot) = self.scores.get_mut(owner as usize) {
                *slot = score;
            }
        }
    }
}
