//! Outages of mains power that reach boxes near each other, whatever PON and OLT they hang on.

use std::collections::{BTreeMap, HashMap};

use super::explain::{Case, runs};
use super::hypothesis::{Fault, Hypothesis, Where};
use super::rates::NEXT_BOX;
use crate::plant::{Coords, ElementIx};

/// Boxes of one outage are no farther apart from the next one than this, in metres.
const REACH: f32 = 800.0;

/// Outages that would explain several boxes each.
pub(super) fn outages(case: &Case<'_>, lost: &[u32]) -> Vec<Hypothesis> {
    // Boxes that an outage would explain better than nothing does.
    let mut boxes: BTreeMap<ElementIx, u32> = BTreeMap::new();
    for row in lost.iter().filter_map(|row| case.terrain.rows.get(*row as usize)) {
        if let Some(place) = row.place {
            boxes.entry(place).or_insert(row.port);
        }
    }
    boxes.retain(|place, _| rows(case, *place).map(|row| case.evidence.power(&(row..row + 1))).sum::<f64>() > 0.0);
    let boxes: Vec<(ElementIx, u32, Option<Coords>)> =
        boxes.into_iter().map(|(place, port)| (place, port, case.terrain.plant.coords(place))).collect();
    let groups = join(&boxes);
    let mut found = Vec::new();
    for group in groups.into_iter().filter(|group| group.len() >= 2) {
        let prior =
            case.priors().outage() + NEXT_BOX.ln() * f64::from(u32::try_from(group.len() - 1).unwrap_or(u32::MAX));
        let rows = group.iter().flat_map(|place| rows(case, *place)).collect();
        found.push(Hypothesis { fault: Fault::Power, at: Where::Area(group), prior, runs: runs(rows) });
    }
    found
}

/// The rows at a box.
fn rows<'a>(case: &'a Case<'_>, place: ElementIx) -> impl Iterator<Item = u32> + 'a {
    case.terrain.at_place(place).iter().copied()
}

/// Boxes that are near each other, or where a place is not known, on the same port.
fn join(boxes: &[(ElementIx, u32, Option<Coords>)]) -> Vec<Vec<ElementIx>> {
    let mut group: Vec<usize> = (0..boxes.len()).collect();
    let mut cells: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    let mut ports: HashMap<u32, usize> = HashMap::new();
    for (place, (_, port, coords)) in boxes.iter().enumerate() {
        let Some(coords) = coords else {
            let first = *ports.entry(*port).or_insert(place);
            unite(&mut group, first, place);
            continue;
        };
        let (x, y) = cell(*coords);
        // Two squares to each side reach far enough up to 60° of latitude; beyond, fewer boxes are joined.
        for (dx, dy) in (-2..=2).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            for other in cells.get(&(x + dx, y + dy)).into_iter().flatten() {
                let near = boxes
                    .get(*other)
                    .and_then(|(.., there)| *there)
                    .is_some_and(|there| there.metres_to(*coords) <= REACH);
                if near {
                    unite(&mut group, *other, place);
                }
            }
        }
        cells.entry((x, y)).or_default().push(place);
    }
    let mut groups: BTreeMap<usize, Vec<ElementIx>> = BTreeMap::new();
    for (place, (element, ..)) in boxes.iter().enumerate() {
        groups.entry(head(&group, place)).or_default().push(*element);
    }
    groups.into_values().collect()
}

/// A square of degrees that is [`REACH`] high, and narrower the farther from the equator.
fn cell(coords: Coords) -> (i64, i64) {
    let side = REACH / 111_320.0;
    #[allow(clippy::cast_possible_truncation)] // degrees by a two-hundredth: far within an i64
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
