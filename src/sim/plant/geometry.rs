//! The map: streets on a grid with a pole at each crossing, so that lengths along poles are exact.

use std::collections::HashMap;

use super::model::{Pole, PoleIx};
use super::table::Table;

/// Metres between two neighbouring poles.
pub(super) const SPAN: f32 = 40.0;

/// Where the plant's origin lies: longitude and latitude in degrees.
const ORIGIN: (f64, f64) = (-48.55, -27.6);

/// Metres of a degree of latitude (WGS 84, mean).
const METRES_A_DEGREE: f64 = 111_195.0;

/// A point of the map, in metres east and north of the plant's origin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Metres east.
    pub x: f32,
    /// Metres north.
    pub y: f32,
}

impl Point {
    /// Metres to another point in a straight line.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point a part of the way to another one: 0 is here, 1 is there.
    #[must_use]
    pub fn towards(self, other: Self, part: f32) -> Self {
        Self { x: self.x + (other.x - self.x) * part, y: self.y + (other.y - self.y) * part }
    }

    /// Its coordinates on the globe.
    #[must_use]
    pub fn coords(self) -> Coords {
        let degree_of_longitude = METRES_A_DEGREE * ORIGIN.1.to_radians().cos();
        let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
        Coords {
            lng: round(ORIGIN.0 + f64::from(self.x) / degree_of_longitude),
            lat: round(ORIGIN.1 + f64::from(self.y) / METRES_A_DEGREE),
        }
    }
}

/// Longitude and latitude in degrees (WGS 84), to a centimetre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coords {
    /// Longitude.
    pub lng: f64,
    /// Latitude.
    pub lat: f64,
}

/// A crossing of streets: multiples of [`SPAN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Crossing {
    pub(super) x: i32,
    pub(super) y: i32,
}

impl Crossing {
    pub(super) fn point(self) -> Point {
        #[allow(clippy::cast_precision_loss)] // exact up to 600,000 km
        let metres = |crossings: i32| crossings as f32 * SPAN;
        Point { x: metres(self.x), y: metres(self.y) }
    }

    pub(super) fn moved(self, x: i32, y: i32) -> Self {
        Self { x: self.x.saturating_add(x), y: self.y.saturating_add(y) }
    }
}

/// The poles that were set so far: cables that pass the same crossing share its pole.
#[derive(Debug, Default)]
pub(super) struct Streets(HashMap<Crossing, PoleIx>);

impl Streets {
    pub(super) fn pole(&mut self, poles: &mut Table<PoleIx, Pole>, at: Crossing) -> PoleIx {
        *self.0.entry(at).or_insert_with(|| poles.push(Pole { at: at.point() }))
    }

    /// The poles from one crossing to another, both included: first along the one street, then along the other.
    pub(super) fn way(
        &mut self,
        poles: &mut Table<PoleIx, Pole>,
        from: Crossing,
        to: Crossing,
        x_first: bool,
    ) -> Box<[PoleIx]> {
        let mut at = from;
        let mut way = vec![self.pole(poles, at)];
        for x_axis in [x_first, !x_first] {
            loop {
                let (now, end) = if x_axis { (&mut at.x, to.x) } else { (&mut at.y, to.y) };
                if *now == end {
                    break;
                }
                *now += (end - *now).signum();
                way.push(self.pole(poles, at));
            }
        }
        way.into()
    }
}
