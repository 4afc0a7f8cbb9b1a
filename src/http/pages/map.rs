//! A sketch of where the branches of a tree lie, by coordinates: no tiles, nothing from elsewhere. Pure.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::prefs::Lang;
use super::texts::Text;
use super::tree::{Branch, Health};
use crate::plant::{Coords, ElementIx, ElementKind, Plant};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 44.0;

/// Places that are drawn.
const MOST: usize = 400;
/// Places beyond this many have their names only when pointed at.
const MOST_NAMES: usize = 14;

/// A place on the map.
#[derive(Debug, Clone)]
struct Spot {
    at: Coords,
    name: String,
    health: Health,
    is_head: bool,
    is_end: bool,
}

/// A cable between two places.
#[derive(Debug, Clone, Copy)]
struct Line {
    from: Coords,
    to: Coords,
    health: Health,
    suspected: bool,
}

#[derive(Debug, Default)]
struct Sketch {
    spots: BTreeMap<ElementIx, Spot>,
    lines: Vec<Line>,
}

impl Sketch {
    /// Adds a branch and what is below it. `from` is the last place above it, `via` what leads here from there.
    fn add(&mut self, plant: &Plant, branch: &Branch, from: Option<Coords>, via: Option<&Branch>) {
        let is_place = matches!(branch.kind, ElementKind::Place | ElementKind::Pon | ElementKind::Olt);
        let at = plant.coords(branch.element).filter(|_| is_place);
        if let Some(at) = at {
            if self.spots.len() >= MOST && !self.spots.contains_key(&branch.element) {
                return;
            }
            let health = branch.counts.health();
            let name = branch.name.clone().unwrap_or_default();
            let is_head = branch.kind != ElementKind::Place;
            let suspected = branch.suspected || via.is_some_and(|via| via.suspected);
            let spot = Spot { at, name, health, is_head, is_end: suspected };
            let known = self.spots.entry(branch.element).or_insert(spot);
            known.is_end |= suspected;
            if known.health != health {
                known.health = Health::Mixed;
            }
            if let Some(from) = from.filter(|from| *from != at) {
                let health = via.map_or(health, |via| via.counts.health());
                self.lines.push(Line { from, to: at, health, suspected: via.is_some_and(|via| via.suspected) });
            }
        }
        let (from, via) = if at.is_some() { (at, None) } else { (from, Some(branch)) };
        for below in &branch.below {
            self.add(plant, below, from, via);
        }
    }
}

/// Degrees to the drawing's units: north is up, and a metre is as long to the east as to the north.
struct Projection {
    west: f64,
    south: f64,
    scale: f64,
    shrink: f64,
    left: f64,
    below: f64,
}

impl Projection {
    fn of(points: &[Coords]) -> Option<Self> {
        let bounds = |of: fn(&Coords) -> f32| {
            points.iter().map(|point| f64::from(of(point))).fold(None, |bounds: Option<(f64, f64)>, value| {
                Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
            })
        };
        let (west, east) = bounds(|point| point.lng())?;
        let (south, north) = bounds(|point| point.lat())?;
        let shrink = f64::midpoint(south, north).to_radians().cos().max(0.05);
        // Some metres at least, so that one place alone has a scale, too.
        let (width, height) = (((east - west) * shrink).max(1e-5), (north - south).max(1e-5));
        let scale = ((WIDTH - 2.0 * MARGIN) / width).min((HEIGHT - 2.0 * MARGIN) / height);
        let left = (WIDTH - (east - west) * shrink * scale) / 2.0;
        let below = (HEIGHT - (north - south) * scale) / 2.0;
        Some(Self { west, south, scale, shrink, left, below })
    }

    fn of_point(&self, at: Coords) -> (f64, f64) {
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let x = self.left + (f64::from(at.lng()) - self.west) * self.shrink * self.scale;
        let y = HEIGHT - self.below - (f64::from(at.lat()) - self.south) * self.scale;
        (round(x), round(y))
    }
}

/// The map; `None` where fewer than two places have coordinates.
pub(super) fn draw(lang: Lang, plant: &Plant, trees: &[Branch], fault: Option<Coords>) -> Option<Markup> {
    let mut sketch = Sketch::default();
    for tree in trees {
        sketch.add(plant, tree, None, None);
    }
    let mut points: Vec<Coords> = sketch.spots.values().map(|spot| spot.at).collect();
    if points.len() < 2 {
        return None;
    }
    points.extend(fault);
    let projection = Projection::of(&points)?;
    let few = sketch.spots.len() <= MOST_NAMES;
    // What is suspected is drawn above everything else.
    sketch.lines.sort_by_key(|line| (line.suspected, line.health == Health::Dead));
    Some(html! {
        figure.map {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(Text::Map.of(lang)) {
                @for line in &sketch.lines {
                    @let ((x1, y1), (x2, y2)) = (projection.of_point(line.from), projection.of_point(line.to));
                    @if line.suspected { path.halo d={ "M" (x1) " " (y1) "L" (x2) " " (y2) } {} }
                    path class={ "cable " (line.health.class()) @if line.suspected { " suspected" } } d={ "M" (x1) " " (y1) "L" (x2) " " (y2) } {}
                }
                @for spot in sketch.spots.values() { (draw_spot(&projection, spot, few)) }
                @if let Some(fault) = fault {
                    @let (x, y) = projection.of_point(fault);
                    path.fault d={ "M" (x - 7.0) " " (y - 7.0) "l14 14m0 -14l-14 14" } { title { (Text::Suspected.of(lang)) } }
                }
            }
            figcaption {
                span.key.living { (Text::MapLiving.of(lang)) } span.key.mixed { (Text::MapMixed.of(lang)) }
                span.key.dead { (Text::MapDead.of(lang)) } span.key.suspect { (Text::Suspected.of(lang)) }
                span.muted { (Text::MapNorth.of(lang)) }
            }
        }
    })
}

fn draw_spot(projection: &Projection, spot: &Spot, few: bool) -> Markup {
    let (x, y) = projection.of_point(spot.at);
    html! {
        g class={ "spot " (spot.health.class()) } {
            title { (spot.name) }
            @if spot.is_head { rect x=(x - 6.0) y=(y - 6.0) width="12" height="12" rx="2" {} }
            @else { circle cx=(x) cy=(y) r="5" {} }
            @if few || spot.is_head || spot.is_end { text x=(x) y=(y - 10.0) text-anchor="middle" { (spot.name) } }
        }
    }
}
