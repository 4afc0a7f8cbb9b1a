//! Where ONUs hang: on the plant where their client has a way, else on their PON.
//!
//! ONUs stand in the order of the plant's nodes, so what hangs below a node is one run of rows. A PON of which the plant knows
//! nothing is a node of its own behind those of the plant.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::area::Streets;
use super::network::{Network, Spot};
use super::rates::{DOUBTED_WAY, LEAST_WRONG_WAY, SURE_WAYS, WRONG_WAY};
use crate::model::PonId;
use crate::plant::{Attachment, ElementIx, ElementKind, NodeIx, Plant};

/// One ONU.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub spot: Spot,
    /// Its node, of the plant or behind it.
    pub node: u32,
    /// Its port: the place in [`Terrain::ports`].
    pub port: u32,
    /// The box that it hangs at.
    pub place: Option<ElementIx>,
    /// Chance that it hangs elsewhere.
    pub doubt: f32,
    /// Whether its place on the PON is known.
    pub is_placed: bool,
}

/// A port as the OLT shows it.
#[derive(Debug)]
pub(super) struct PortRows {
    pub olt: u32,
    /// `None`: the family shows none, so this is all of the OLT.
    pub pon: Option<PonId>,
    /// The node of all that hangs on it.
    pub node: u32,
    /// Its rows, by distance where all are ranged, the farthest first.
    pub rows: Vec<u32>,
    /// How many of them have a place on the PON.
    pub placed: u32,
}

#[derive(Debug, Default)]
pub(super) struct Terrain {
    pub plant: Arc<Plant>,
    pub rows: Vec<Row>,
    /// The first row at or behind each node, and one more.
    first: Vec<u32>,
    pub ports: Vec<PortRows>,
    /// Row of each ONU.
    of_spot: HashMap<Spot, u32>,
    /// Rows of each box.
    of_place: HashMap<ElementIx, Vec<u32>>,
    /// Where the boxes are.
    pub streets: Streets,
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Votes that say which node of the plant a port is; fewer are not enough.
const VOTES: u32 = 3;

impl Terrain {
    pub fn new(network: &Network, plant: &Arc<Plant>) -> Self {
        let nodes = number(plant.node_count());
        // Ports, and which PON of the plant their clients' ways begin at.
        let mut numbers: BTreeMap<(u32, Option<PonId>), u32> = BTreeMap::new();
        let mut votes: HashMap<(u32, NodeIx), u32> = HashMap::new();
        let mut found: Vec<(Spot, u32, Option<NodeIx>, Option<ElementIx>)> = Vec::new();
        for (olt, of_olt) in network.olts.iter().enumerate() {
            for (onu, held) in of_olt.onus.iter().enumerate().filter(|(_, onu)| !onu.is_gone) {
                let next = number(numbers.len());
                let port = *numbers.entry((number(olt), held.pon)).or_insert(next);
                let client = held.owner.as_ref().and_then(|owner| plant.client(&owner.client));
                let node = client.and_then(|client| plant.node_of(client));
                if let (Some(client), Some(node)) = (client, node)
                    && plant.attachment(client) == Attachment::Route
                    && let Some(pon) = plant.pon_above(node)
                {
                    *votes.entry((port, pon)).or_default() += 1;
                }
                let place = held.owner.as_ref().and_then(|owner| plant.find(&owner.place?));
                found.push((Spot { olt: number(olt), onu: number(onu) }, port, node, place));
            }
        }
        let mut best: HashMap<u32, (u32, u32, NodeIx)> = HashMap::new();
        for ((port, pon), count) in votes {
            let entry = best.entry(port).or_insert((0, 0, pon));
            entry.0 += count;
            if (count, pon) > (entry.1, entry.2) {
                (entry.1, entry.2) = (count, pon);
            }
        }
        let mut terrain = Self { plant: plant.clone(), ..Self::default() };
        let mut ports: Vec<((u32, Option<PonId>), u32)> = numbers.into_iter().collect();
        ports.sort_unstable_by_key(|(_, port)| *port);
        let mut alone = nodes;
        for ((olt, pon), port) in ports {
            let known = best.get(&port).filter(|(all, most, _)| *most >= VOTES && *most * 5 >= *all * 3);
            let node = known.map_or_else(
                || {
                    alone += 1;
                    alone - 1
                },
                |(.., node)| number(node.number()),
            );
            terrain.ports.push(PortRows { olt, pon, node, rows: Vec::new(), placed: 0 });
        }
        let (mut known, mut wrong) = (0, 0);
        for (spot, port, node, place) in found {
            let Some(at) = terrain.ports.get_mut(port as usize) else { continue };
            // A way that begins at another port than the one that the ONU is read on is wrong.
            let fits = |node: &NodeIx| match plant.pon_above(*node) {
                Some(pon) => at.node >= nodes || number(pon.number()) == at.node,
                None => true,
            };
            if let Some(node) = node.filter(|_| at.node < nodes).filter(|node| plant.pon_above(*node).is_some()) {
                known += 1;
                wrong += u32::from(!fits(&node));
            }
            let node = node.filter(fits);
            let place = node.and_then(|node| serving(plant, node)).or(place);
            at.placed += u32::from(node.is_some());
            terrain.rows.push(Row {
                spot,
                node: node.map_or(at.node, |node| number(node.number())),
                port,
                place,
                doubt: 0.0,
                is_placed: node.is_some(),
            });
        }
        let doubt = doubt(known, wrong);
        for row in terrain.rows.iter_mut().filter(|row| row.is_placed) {
            row.doubt = doubt;
        }
        terrain.rows.sort_unstable_by_key(|row| (row.node, row.spot));
        let mut at = 0;
        for node in 0..=alone {
            while terrain.rows.get(at).is_some_and(|row| row.node < node) {
                at += 1;
            }
            terrain.first.push(number(at));
        }
        for (place, row) in terrain.rows.iter().enumerate() {
            terrain.of_spot.insert(row.spot, number(place));
            if let Some(at) = row.place {
                terrain.of_place.entry(at).or_default().push(number(place));
            }
            if let Some(port) = terrain.ports.get_mut(row.port as usize) {
                port.rows.push(number(place));
            }
        }
        terrain.streets = Streets::of(plant, terrain.of_place.keys().copied().collect::<BTreeSet<_>>());
        terrain.range(network);
        terrain
    }

    /// Sorts each port's rows by distance, and doubts ways that do not fit it (`domain.md` 1.8).
    fn range(&mut self, network: &Network) {
        for port in &mut self.ports {
            let distance = |row: u32| {
                let row = self.rows.get(row as usize)?;
                network.onu(row.spot)?.distance
            };
            port.rows.sort_by_key(|row| std::cmp::Reverse(distance(*row).unwrap_or(0)));
            let mut ratios: Vec<(f64, u32, f64, f64)> = Vec::new();
            for row in &port.rows {
                let Some(of) = self.rows.get(*row as usize).filter(|of| of.is_placed) else { continue };
                let node = NodeIx::from_number(of.node);
                let mapped = self.plant.node(node).map_or(0.0, |node| node.distance().get());
                if let Some(ranged) = distance(*row).filter(|ranged| *ranged > 0)
                    && mapped > 100.0
                {
                    ratios.push((f64::from(ranged) - mapped, *row, f64::from(ranged), mapped));
                }
            }
            if ratios.len() < 5 {
                continue;
            }
            // Vendors' bias is an offset, slack a ratio: both are near their medians on a PON.
            ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
            let offset = ratios.get(ratios.len() / 2).map_or(0.0, |one| one.0);
            for (_, row, ranged, mapped) in &ratios {
                if (ranged - mapped - offset).abs() > f64::max(150.0, 0.05 * mapped)
                    && let Some(row) = self.rows.get_mut(*row as usize)
                {
                    #[allow(clippy::cast_possible_truncation)] // a chance needs no more digits
                    let doubted = DOUBTED_WAY as f32;
                    row.doubt = doubted;
                }
            }
        }
    }

    /// The row of an ONU.
    pub fn row_of(&self, spot: Spot) -> Option<u32> {
        self.of_spot.get(&spot).copied()
    }

    /// The rows that hang at a box.
    pub fn at_place(&self, place: ElementIx) -> &[u32] {
        self.of_place.get(&place).map(Vec::as_slice).unwrap_or_default()
    }

    /// The node above one; `None` of a root.
    pub fn parent(&self, node: u32) -> Option<u32> {
        let parent = self.plant.node(NodeIx::from_number(node))?.parent()?;
        Some(number(parent.number()))
    }

    /// The rows below a node.
    pub fn below(&self, node: u32) -> Range<u32> {
        let end = self.plant.subtree(NodeIx::from_number(node)).end;
        let end = if end == 0 { node as usize + 1 } else { end };
        let first = |node: usize| self.first.get(node).copied().unwrap_or(number(self.rows.len()));
        first(node as usize)..first(end)
    }

    /// The rows of all ways through an element, each once.
    pub fn below_element(&self, element: ElementIx) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = Vec::new();
        let mut until = 0;
        for way in self.plant.ways(element) {
            let run = self.below(number(way.number()));
            let start = run.start.max(until);
            if start < run.end {
                runs.push(start..run.end);
                until = run.end;
            }
        }
        runs
    }
}

/// The chance that a documented way is wrong, where `wrong` of `known` begin at another PON than the one that their ONU is read on.
/// About as many err within their PON, where nothing shows it.
fn doubt(known: u32, wrong: u32) -> f32 {
    let rate = (2.0 * f64::from(wrong) + WRONG_WAY * SURE_WAYS) / (f64::from(known) + SURE_WAYS);
    #[allow(clippy::cast_possible_truncation)] // a chance needs no more digits
    let rate = rate.clamp(LEAST_WRONG_WAY, DOUBTED_WAY) as f32;
    rate
}

/// The box that a node hangs at: the nearest place towards the head end.
fn serving(plant: &Plant, node: NodeIx) -> Option<ElementIx> {
    plant.upwards(node).find_map(|node| {
        let container = plant.node(node)?.container()?;
        (plant.element(container)?.kind == ElementKind::Place).then_some(container)
    })
}
