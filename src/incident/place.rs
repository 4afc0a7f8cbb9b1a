//! Where a fault lies, in elements that an operator knows.

use serde::{Deserialize, Deserializer, Serialize};

use super::hypothesis::Where;
use super::network::Network;
use super::terrain::Terrain;
use crate::model::ElementId;
use crate::plant::{Coords, ElementIx, ElementKind, NodeIx, Plant};

/// An element of the plant, or of what the OLT shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedElement {
    /// `cable`, `box`, `drop`, `splitter`, `pon`, `slot`, `olt` and so on; `area` for several boxes.
    pub kind: &'static str,
    /// OZmap's id.
    pub id: Option<ElementId>,
    /// Its name.
    pub name: Option<String>,
}

/// A place: an element, and the stretch that it lies on between two places with names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The likeliest element.
    pub element: NamedElement,
    /// Where the stretch begins, towards the OLT.
    pub from: Option<NamedElement>,
    /// Where it ends.
    pub to: Option<NamedElement>,
    /// Metres of fibre from the OLT to both.
    pub metres_from_olt: Option<[i32; 2]>,
    /// The middle of it.
    pub coords: Option<Coords>,
}

impl Place {
    const fn of(element: NamedElement) -> Self {
        Self { element, from: None, to: None, metres_from_olt: None, coords: None }
    }
}

/// The word for several boxes.
const AREA: &str = "area";

impl<'de> Deserialize<'de> for NamedElement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Read {
            kind: String,
            id: Option<ElementId>,
            name: Option<String>,
        }
        let Read { kind, id, name } = Read::deserialize(deserializer)?;
        let mut words = ElementKind::ALL.into_iter().map(ElementKind::word).chain([AREA]);
        let kind = words.find(|word| *word == kind);
        Ok(Self { kind: kind.ok_or_else(|| serde::de::Error::custom("expected a kind of element"))?, id, name })
    }
}

/// An element's name for people.
pub(super) fn named(plant: &Plant, element: ElementIx) -> Option<NamedElement> {
    let element = plant.element(element)?;
    Some(NamedElement { kind: element.kind.word(), id: element.id, name: element.name.map(str::to_owned) })
}

/// The element that people would look at for a fault of a node: the cable of a fibre, the box of a joint.
pub(super) fn spoken(plant: &Plant, node: NodeIx) -> Option<ElementIx> {
    let row = plant.node(node)?;
    let element = row.element();
    match plant.element(element)?.kind {
        ElementKind::Fiber | ElementKind::Splitter | ElementKind::Joint => row.container().or(Some(element)),
        _ => Some(element),
    }
}

/// The place of nodes of one way that a fault may lie at, the one nearest to the OLT first. `element` is the likeliest.
pub(super) fn stretch(plant: &Plant, element: ElementIx, nodes: &[NodeIx]) -> Option<Place> {
    let mut place = Place::of(named(plant, element)?);
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
        place.coords = plant.coords(element);
        return Some(place);
    };
    let is_box = |node: NodeIx| {
        let container = plant.node(node)?.container()?;
        (plant.element(container)?.kind == ElementKind::Place).then_some(container)
    };
    let from = is_box(*first).or_else(|| plant.ends_of(*first).first().copied().flatten());
    let to = is_box(*last).or_else(|| plant.ends_of(*last).last().copied().flatten());
    place.from = from.and_then(|from| named(plant, from));
    place.to = to.and_then(|to| named(plant, to));
    if let (Some([start, _]), Some([_, end])) = (plant.stretch(*first), plant.stretch(*last)) {
        place.metres_from_olt = Some([start.thousandths() / 1000, end.thousandths() / 1000]);
    }
    place.coords = match (from.and_then(|from| plant.coords(from)), to.and_then(|to| plant.coords(to))) {
        (Some(from), Some(to)) => Some(from.towards(to, 0.5)),
        (one, other) => one.or(other).or_else(|| plant.coords(element)),
    };
    Some(place)
}

/// The place of a fault that is no stretch of the plant.
pub(super) fn other(network: &Network, terrain: &Terrain, at: &Where) -> Option<Place> {
    let plant = &terrain.plant;
    let port = |number: u32| {
        let port = terrain.ports.get(number as usize)?;
        let olt = network.olts.get(port.olt as usize)?;
        let name = port.pon.map_or_else(|| olt.id.to_string(), |pon| format!("{} {pon}", olt.id));
        let kind = if port.pon.is_some() { "pon" } else { "olt" };
        Some(Place::of(NamedElement { kind, id: None, name: Some(name) }))
    };
    match at {
        Where::Node(node) => {
            let at = NodeIx::from_number(*node);
            match spoken(plant, at) {
                Some(element) => stretch(plant, element, &[at]),
                None => port(u32::try_from(terrain.ports.iter().position(|port| port.node == *node)?).ok()?),
            }
        }
        Where::Element(element) => {
            let way: Vec<NodeIx> = plant.ways(*element).take(1).collect();
            stretch(plant, *element, &way)
        }
        Where::Card(olt, card) => {
            let olt = network.olts.get(*olt as usize)?;
            let card: Vec<String> = card.iter().map(ToString::to_string).collect();
            let name = format!("{} card {}", olt.id, card.join("/"));
            Some(Place::of(NamedElement { kind: "slot", id: None, name: Some(name) }))
        }
        Where::SomeOf(number) => port(*number),
        Where::Beyond { port: number, from, to } => {
            Some(Place { metres_from_olt: Some([*from, *to]), ..port(*number)? })
        }
        Where::Area(boxes) => {
            let names: Vec<String> = boxes.iter().take(3).filter_map(|one| named(plant, *one)?.name).collect();
            let more = if boxes.len() > 3 { format!(" and {} more", boxes.len() - 3) } else { String::new() };
            let mut place =
                Place::of(NamedElement { kind: AREA, id: None, name: Some(format!("{}{more}", names.join(", "))) });
            place.coords = middle(&boxes.iter().filter_map(|one| plant.coords(*one)).collect::<Vec<_>>());
            Some(place)
        }
    }
}

/// The mean of some points that are near each other.
fn middle(points: &[Coords]) -> Option<Coords> {
    let count = f64::from(u32::try_from(points.len()).ok().filter(|count| *count > 0)?);
    let mean = |of: fn(Coords) -> f32| points.iter().map(|point| f64::from(of(*point))).sum::<f64>() / count;
    Coords::new(mean(Coords::lng), mean(Coords::lat)).ok()
}
