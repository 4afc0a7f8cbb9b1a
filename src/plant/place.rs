//! Boxes, cables and where they are.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::graph::{ElementIx, ElementKind, NONE, Node, NodeIx, Plant};
use crate::model::{ElementId, Metres};

/// A point on the map. In JSON `[longitude, latitude]`, as OZmap writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coords {
    lng: f32,
    lat: f32,
}

/// Numbers that are no point on the map.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("[{lng}, {lat}] is no point: a longitude within ±180 and a latitude within ±90 were expected")]
pub struct CoordsError {
    /// The longitude that was given.
    pub lng: f64,
    /// The latitude that was given.
    pub lat: f64,
}

impl Coords {
    /// From degrees. Kept to about a metre.
    ///
    /// # Errors
    /// [`CoordsError`] when they are not finite or out of range.
    pub fn new(lng: f64, lat: f64) -> Result<Self, CoordsError> {
        if lng.abs() <= 180.0 && lat.abs() <= 90.0 {
            // Within the range of an f32; what is lost is below a metre.
            #[allow(clippy::cast_possible_truncation)]
            Ok(Self { lng: lng as f32, lat: lat as f32 })
        } else {
            Err(CoordsError { lng, lat })
        }
    }

    /// Degrees east.
    #[must_use]
    pub const fn lng(self) -> f32 {
        self.lng
    }

    /// Degrees north.
    #[must_use]
    pub const fn lat(self) -> f32 {
        self.lat
    }

    /// The point at a share (0 to 1) of the straight way to another one.
    #[must_use]
    pub fn towards(self, other: Self, share: f32) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 };
        Self { lng: self.lng + (other.lng - self.lng) * share, lat: self.lat + (other.lat - self.lat) * share }
    }

    /// Metres to another point, as the crow flies; exact enough within a town.
    #[must_use]
    pub fn metres_to(self, other: Self) -> f32 {
        /// Metres of a degree of latitude.
        const DEGREE: f32 = 111_320.0;
        let lat = (self.lat - other.lat) * DEGREE;
        let lng = (self.lng - other.lng) * DEGREE * ((self.lat + other.lat) / 2.0).to_radians().cos();
        lat.hypot(lng)
    }
}

impl Serialize for Coords {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.lng, self.lat].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Coords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [lng, lat] = <[f64; 2]>::deserialize(deserializer)?;
        Self::new(lng, lat).map_err(serde::de::Error::custom)
    }
}

/// A box, POP or building.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its id.
    pub id: ElementId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Where it is.
    pub coords: Option<Coords>,
}

/// A cable between two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cable {
    /// Its id.
    pub id: ElementId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The places at its ends, in either order.
    pub ends: [Option<ElementId>; 2],
    /// Its length.
    pub length: Option<Metres>,
}

impl Plant {
    /// Where an element is: a place by its coordinates, a cable in the middle between its ends, anything else where it lies.
    #[must_use]
    pub fn coords(&self, element: ElementIx) -> Option<Coords> {
        if let Ok(found) = self.coords.binary_search_by_key(&element.0, |(element, _)| *element) {
            return self.coords.get(found).map(|(_, coords)| *coords);
        }
        self.along(element, 0.5).or_else(|| {
            let holder =
                self.ways(element).find_map(|way| self.node(way)?.container()).filter(|holder| *holder != element)?;
            match self.element(holder)?.kind {
                ElementKind::Place => self.coords(holder),
                _ => self.along(holder, 0.5),
            }
        })
    }

    /// The point at a share (0 to 1) of a cable, on the straight line between its ends; the first end is the one towards the head end
    /// where routes show that.
    #[must_use]
    pub fn along(&self, cable: ElementIx, share: f32) -> Option<Coords> {
        let [from, to] = self.ends(cable);
        let of = |end: Option<ElementIx>| {
            let found = self.coords.binary_search_by_key(&end?.0, |(element, _)| *element).ok()?;
            self.coords.get(found).map(|(_, coords)| *coords)
        };
        match (of(from), of(to)) {
            (Some(from), Some(to)) => Some(from.towards(to, share)),
            (one, other) => one.or(other),
        }
    }

    /// The places at the ends of a cable or drop, the one towards the head end first. As routes show them, else as the cable's row does.
    #[must_use]
    pub fn ends(&self, cable: ElementIx) -> [Option<ElementIx>; 2] {
        let shown = self.ways(cable).next().map_or([None, None], |way| self.ends_of(way));
        let Ok(found) = self.cables.binary_search_by_key(&cable.0, |(element, ..)| *element) else { return shown };
        let known = |end: u32| (end != NONE).then_some(ElementIx(end));
        let [a, b] = self.cables.get(found).map_or([None, None], |(_, ends, _)| ends.map(known));
        match shown {
            [Some(_), Some(_)] => shown,
            [Some(from), None] => [Some(from), if a == Some(from) { b } else { a }],
            [None, Some(to)] => [if b == Some(to) { a } else { b }, Some(to)],
            [None, None] => [a, b],
        }
    }

    /// The places before and after a way through a cable, as the routes over it show them.
    #[must_use]
    pub fn ends_of(&self, way: NodeIx) -> [Option<ElementIx>; 2] {
        let place = |node: NodeIx| {
            let container = self.node(node)?.container()?;
            (self.element(container)?.kind == ElementKind::Place).then_some(container)
        };
        let before = self.upwards(way).skip(1).find_map(place);
        let after = self.children(way).find_map(place);
        [before, after]
    }

    /// The length of a cable, as its row says it.
    #[must_use]
    pub fn length(&self, cable: ElementIx) -> Option<Metres> {
        let found = self.cables.binary_search_by_key(&cable.0, |(element, ..)| *element).ok()?;
        self.cables
            .get(found)
            .filter(|(.., length)| *length != i32::MIN)
            .map(|(.., length)| Metres::from_thousandths(*length))
    }

    /// The stretch that a way covers, in metres from the OLT: from the end of what is before it to its own end.
    #[must_use]
    pub fn stretch(&self, way: NodeIx) -> Option<[Metres; 2]> {
        let node = self.node(way)?;
        let from =
            node.parent().and_then(|parent| self.node(parent)).map_or(Metres::from_thousandths(0), Node::distance);
        Some([from.min(node.distance()), node.distance()])
    }

    /// Places that a cable joins to this one, with the cable, in the order of the plant's elements.
    #[must_use]
    pub fn neighbours(&self, place: ElementIx) -> Vec<(ElementIx, ElementIx)> {
        let known = self.cables.iter().map(|(cable, ..)| ElementIx(*cable));
        let passed = self.ways(place).flat_map(|way| {
            let above = self.node(way).and_then(Node::parent);
            above.into_iter().chain(self.children(way)).filter_map(|node| self.node(node)?.container())
        });
        let mut found: Vec<(ElementIx, ElementIx)> = known
            .chain(passed)
            .filter(|cable| self.element(*cable).is_some_and(|element| element.kind == ElementKind::Cable))
            .filter_map(|cable| match self.ends(cable) {
                [Some(a), Some(b)] if a == place => Some((b, cable)),
                [Some(a), Some(b)] if b == place => Some((a, cable)),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
