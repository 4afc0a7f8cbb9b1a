//! Outages of mains power that reach boxes near each other, whatever PON and OLT they hang on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::evidence::Said;
use super::explain::{Case, runs};
use super::hypothesis::{Fault, Hypothesis, Where};
use super::network::Network;
use super::rates::NEXT_BOX;
use crate::model::Timestamp;
use crate::plant::{Coords, ElementIx, Plant};

/// Boxes of one outage are no farther apart from the next one than this, in metres.
const REACH: f32 = 800.0;
/// A box so near to one that an outage reached, in metres, is at its border at least: a few spans of a street's poles.
const BORDER: f32 = 200.0;
/// Spared neighbours that count: the longer the border of an outage, the more of them it has.
const MOST_SPARED: u32 = 4;

/// A box with losses.
struct Hit {
    place: ElementIx,
    port: u32,
    coords: Option<Coords>,
    /// When the middle one of its losses was seen.
    at: Timestamp,
}

/// Outages that would explain several boxes each.
pub(super) fn outages(case: &Case<'_>, lost: &[u32]) -> Vec<Hypothesis> {
    let mut boxes: BTreeMap<ElementIx, (u32, Vec<Timestamp>)> = BTreeMap::new();
    for row in lost.iter().filter_map(|row| case.terrain.rows.get(*row as usize)) {
        if let (Some(place), Some(at)) = (row.place, case.network.onu(row.spot).and_then(|onu| onu.lost_at)) {
            boxes.entry(place).or_insert((row.port, Vec::new())).1.push(at);
        }
    }
    // Boxes that an outage would explain better than nothing does.
    boxes.retain(|place, _| is_better_dark(case, *place));
    let hits: Vec<Hit> = boxes
        .into_iter()
        .filter_map(|(place, (port, mut times))| {
            times.sort_unstable();
            let at = *times.get(times.len() / 2)?;
            Some(Hit { place, port, coords: case.terrain.plant.coords(place), at })
        })
        .collect();
    let mut found = Vec::new();
    for group in join(case.network, &hits).into_iter().filter(|group| group.len() >= 2) {
        let further = f64::from(u32::try_from(group.len() - 1).unwrap_or(u32::MAX));
        let prior = case.priors().outage() + NEXT_BOX.ln() * further;
        let rows = group.iter().flat_map(|place| rows(case, *place)).collect();
        found.push(Hypothesis { fault: Fault::Power, at: Where::Area(group), prior, runs: runs(rows) });
    }
    found
}

/// Whether an outage explains what is seen at a box better than nothing does.
fn is_better_dark(case: &Case<'_>, place: ElementIx) -> bool {
    rows(case, place).map(|row| case.evidence.power(&(row..row + 1))).sum::<f64>() > 0.0
}

/// What boxes that are next to these, and have their power, say against an outage of exactly these: it would have to end at each.
pub(super) fn spared(case: &Case<'_>, boxes: &BTreeSet<ElementIx>) -> f64 {
    let mut seen: BTreeSet<ElementIx> = BTreeSet::new();
    let mut count = 0_u32;
    for (place, coords) in boxes.iter().filter_map(|place| Some((*place, case.terrain.plant.coords(*place)?))) {
        for other in case.terrain.streets.near(coords) {
            if count >= MOST_SPARED {
                return (1.0 - NEXT_BOX).ln() * f64::from(MOST_SPARED);
            }
            if other != place && !boxes.contains(&other) && seen.insert(other) {
                let is_lit = rows(case, other).any(|row| matches!(case.evidence.said_of(row), Said::Up { .. }));
                count += u32::from(is_lit && !is_better_dark(case, other));
            }
        }
    }
    (1.0 - NEXT_BOX).ln() * f64::from(count)
}

/// Boxes by where they are.
#[derive(Debug, Default)]
pub(super) struct Streets {
    cells: HashMap<(i64, i64), Vec<(ElementIx, Coords)>>,
}

impl Streets {
    /// Of these boxes.
    pub fn of(plant: &Plant, boxes: impl IntoIterator<Item = ElementIx>) -> Self {
        let mut cells: HashMap<(i64, i64), Vec<(ElementIx, Coords)>> = HashMap::new();
        for (place, coords) in boxes.into_iter().filter_map(|place| Some((place, plant.coords(place)?))) {
            cells.entry(cell(coords, BORDER)).or_default().push((place, coords));
        }
        Self { cells }
    }

    /// Those within [`BORDER`] of a point.
    pub fn near(&self, coords: Coords) -> impl Iterator<Item = ElementIx> + '_ {
        let (x, y) = cell(coords, BORDER);
        around(x, y)
            .filter_map(move |at| self.cells.get(&at))
            .flatten()
            .filter(move |(_, there)| there.metres_to(coords) <= BORDER)
            .map(|(place, _)| *place)
    }
}

/// Boxes near which an outage may have reached more homes.
pub(super) struct Near {
    boxes: BTreeSet<ElementIx>,
    streets: Streets,
}

/// Around these boxes.
pub(super) fn near(case: &Case<'_>, boxes: impl IntoIterator<Item = ElementIx>) -> Near {
    let boxes: BTreeSet<ElementIx> = boxes.into_iter().collect();
    let streets = Streets::of(&case.terrain.plant, boxes.iter().copied());
    Near { boxes, streets }
}

impl Near {
    /// Whether a box is one of these, or next to one.
    pub fn reaches(&self, case: &Case<'_>, place: ElementIx) -> bool {
        let is_next = |coords| self.streets.near(coords).next().is_some();
        self.boxes.contains(&place) || case.terrain.plant.coords(place).is_some_and(is_next)
    }
}

/// The squares that a square's side from one may end in. Two to each side reach far enough up to 60° of latitude; beyond, fewer boxes are joined.
fn around(x: i64, y: i64) -> impl Iterator<Item = (i64, i64)> {
    (-2..=2).flat_map(move |dx| (-1..=1).map(move |dy| (x + dx, y + dy)))
}

/// The rows at a box.
fn rows<'a>(case: &'a Case<'_>, place: ElementIx) -> impl Iterator<Item = u32> + 'a {
    case.terrain.at_place(place).iter().copied()
}

/// Boxes that went dark together and are near each other, or where a place is not known, on the same port.
fn join(network: &Network, boxes: &[Hit]) -> Vec<Vec<ElementIx>> {
    let mut group: Vec<usize> = (0..boxes.len()).collect();
    let mut cells: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    let mut ports: HashMap<u32, usize> = HashMap::new();
    for (place, hit) in boxes.iter().enumerate() {
        let Some(coords) = hit.coords else {
            let first = *ports.entry(hit.port).or_insert(place);
            unite(&mut group, first, place);
            continue;
        };
        let (x, y) = cell(coords, REACH);
        for other in around(x, y).filter_map(|at| cells.get(&at)).flatten() {
            let is_with = boxes.get(*other).is_some_and(|other| {
                other.coords.is_some_and(|there| there.metres_to(coords) <= REACH)
                    && network.is_together(other.at, hit.at)
            });
            if is_with {
                unite(&mut group, *other, place);
            }
        }
        cells.entry((x, y)).or_default().push(place);
    }
    let mut groups: BTreeMap<usize, Vec<ElementIx>> = BTreeMap::new();
    for (place, hit) in boxes.iter().enumerate() {
        groups.entry(head(&group, place)).or_default().push(hit.place);
    }
    groups.into_values().collect()
}

/// A square of degrees that is so many metres high, and narrower the farther from the equator.
fn cell(coords: Coords, metres: f32) -> (i64, i64) {
    let side = metres / 111_320.0;
    #[allow(clippy::cast_possible_truncation)] // degrees by a thousandth: far within an i64
    let number = |degrees: f32| (degrees / side).floor() as i64;
    (number(coords.lng()), number(coords.lat()))
}

fn head(group: &[usize], mut at: usize) -> usize {
    while let Some(above) = group.get(at).copied().filter(|above| *above != at) {
        at = above;
    }
    at
}

fn unite(group: &mut [usize], one: usize, other: usize) {
    let (one, other) = (head(group, one), head(group, other));
    if let Some(slot) = group.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}
