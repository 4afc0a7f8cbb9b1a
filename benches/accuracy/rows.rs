//! The rows of the table: which scenes, under which circumstances, in how many worlds.

use oltwatch::sim::trial::{Circumstances, Scene};

use crate::Arguments;

/// A row.
pub struct Row {
    pub scene: Scene,
    pub around: Circumstances,
    pub worlds: u32,
    /// Tells its worlds from those of other rows, whichever of them are played.
    pub number: u64,
}

/// Rows of one scene have numbers below this.
const MOST_ROWS: u64 = 100;
/// Worlds of each row in a small run.
const SMOKE: u32 = 2;
/// Worlds of a bend, which take days of levels each: one for so many of the others.
const BENDS: f64 = 0.3;

const PLAIN: Circumstances = Circumstances { gasp: 0.8, known: true, errors: 0.0, missing: 0.0, chains: None };

/// Under what a scene is played; the first two are those of all scenes.
fn circumstances(scene: Scene, smoke: bool) -> Vec<Circumstances> {
    let mut all = vec![PLAIN, Circumstances { errors: 0.05, missing: 0.1, ..PLAIN }];
    let is_much = matches!(
        scene,
        Scene::Feeder | Scene::Distribution | Scene::Chain | Scene::TwoCuts | Scene::Outage | Scene::MendedOutage
    );
    if !is_much || smoke {
        return all;
    }
    all.extend([0.95, 0.5, 0.3, 0.2, 0.05].map(|gasp| Circumstances { gasp, ..PLAIN }));
    all.extend([0.05, 0.1].map(|errors| Circumstances { gasp: 0.9, errors, ..PLAIN }));
    all.push(Circumstances { missing: 0.2, ..PLAIN });
    all.push(Circumstances { errors: 0.1, missing: 0.2, gasp: 0.5, ..PLAIN });
    all.push(Circumstances { known: false, ..PLAIN });
    let shapes: &[f64] = match scene {
        Scene::Chain => &[1.0],
        Scene::Distribution => &[0.0],
        _ => &[0.0, 1.0],
    };
    all.extend(shapes.iter().map(|chains| Circumstances { chains: Some(*chains), ..PLAIN }));
    all
}

/// All rows that are asked for, the worlds shared out among them.
pub fn rows(arguments: &Arguments) -> Vec<Row> {
    let is_wanted = |scene: &Scene| {
        let name = format!("{scene:?}").to_lowercase();
        arguments.only.as_ref().is_none_or(|only| name.contains(&only.to_lowercase()))
    };
    let mut rows: Vec<Row> = Scene::ALL
        .into_iter()
        .filter(is_wanted)
        .flat_map(|scene| {
            let all = circumstances(scene, arguments.smoke);
            let number = move |place: u64| scene as u64 * MOST_ROWS + place;
            (0..).zip(all).map(move |(place, around)| Row { scene, around, worlds: SMOKE, number: number(place) })
        })
        .collect();
    if arguments.smoke && arguments.worlds.is_none() {
        return rows;
    }
    let weight = |scene: Scene| if scene == Scene::Bend { BENDS } else { 1.0 };
    let all: f64 = rows.iter().map(|row| weight(row.scene)).sum();
    let mut left = f64::from(arguments.worlds.unwrap_or(10_000));
    let mut weights = all;
    for row in &mut rows {
        // Shared out so that the sum is what was asked for.
        row.worlds = (left * weight(row.scene) / weights).round() as u32;
        left -= f64::from(row.worlds);
        weights -= weight(row.scene);
    }
    rows
}
