//! Scenarios: a plant, a world and its faults, as a TOML file.
//!
//! ```toml
//! name = "A feeder is cut, and repaired fibre by fibre"
//! length = "40m"
//!
//! [plant]
//! clients = 2000
//!
//! [[fault]]
//! kind = "cut"
//! where = "feeder"        # or cable = "CABO 03"; drawn without either
//! at = "2m"
//! for = "15m"             # without it, nobody repairs it
//! pieces = 3
//! piece_every = "1m"
//! ```
//!
//! `docs/simulators.md` lists all keys.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::fault::{Action, Fault, Pieces, Sort};
use super::ground::Ground;
use super::options::WorldOptions;
use super::scenario_error::ScenarioError;
use super::state::World;
use crate::config::Problem;
use crate::model::Timestamp;
use crate::sim::plant::{CableIx, ClientIx, OltIx, Plant, PlantOptions, Point, PonIx, SlotIx};

/// Most octets of a scenario.
pub const LONGEST_SCENARIO: usize = 256 * 1024;
/// Most faults.
const MOST_FAULTS: usize = 1000;
/// Most problems that are told.
const MOST_PROBLEMS: usize = 100;
/// Longest time in a scenario.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// When a world begins unless it is said: 2026-11-23T02:30:00Z.
const START: Timestamp = Timestamp::from_millis(1_795_401_000_000);

/// A scenario, ready to be played.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub length: Duration,
    /// What it plays on.
    pub ground: Arc<Ground>,
    /// Families of its OLTs, as [`PlantOptions::families`].
    pub families: Vec<String>,
    /// How its world behaves.
    pub options: WorldOptions,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// Reads a scenario, and generates its plant. `file` is its name in messages.
    ///
    /// # Errors
    /// [`ScenarioError`] with everything that is wrong, each with its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        if text.len() > LONGEST_SCENARIO {
            return Err(ScenarioError::TooLong { file: file.to_owned(), found: text.len(), most: LONGEST_SCENARIO });
        }
        let mut report = Report { file, text, problems: Vec::new() };
        let raw: RawScenario = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                report.problem(error.span().unwrap_or(0..0), error.message().to_owned());
                return Err(ScenarioError::Invalid(report.problems));
            }
        };
        let length = raw.length.as_ref().map_or(Duration::from_secs(1800), |written| report.duration(written));
        let options = raw.life.options(raw.seed, raw.start.as_ref(), &mut report);
        let plant_options = raw.plant.get_ref().options();
        let families = plant_options.families.clone();
        if raw.fault.len() > MOST_FAULTS {
            report.problem(0..0, format!("{} faults; at most {MOST_FAULTS} are expected", raw.fault.len()));
        }
        let plant = Plant::generate(&plant_options)
            .map_err(|error| report.problem(raw.plant.span(), format!("plant.{error}")))
            .ok()
            .filter(|_| report.problems.is_empty());
        let Some(plant) = plant else { return Err(ScenarioError::Invalid(report.problems)) };
        let ground = Ground::new(plant);
        let mut rng = fastrand::Rng::with_seed(options.seed);
        let mut faults = Vec::with_capacity(raw.fault.len());
        for fault in &raw.fault {
            let mut one = Resolver { report: &mut report, ground: &ground, rng: &mut rng, fault };
            faults.extend(one.fault(options.start));
        }
        if !report.problems.is_empty() {
            return Err(ScenarioError::Invalid(report.problems));
        }
        let name = raw.name.unwrap_or_else(|| "a scenario".to_owned());
        Ok(Self { name, length, ground: Arc::new(ground), families, options, faults })
    }

    /// The world at its start.
    #[must_use]
    pub fn world(&self) -> World {
        World::new(Arc::clone(&self.ground), self.options.clone(), &self.faults)
    }
}

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: Option<String>,
    #[serde(default)]
    seed: u64,
    start: Option<Spanned<String>>,
    length: Option<Spanned<String>>,
    plant: Spanned<RawPlant>,
    #[serde(default)]
    life: RawLife,
    #[serde(default)]
    fault: Vec<Spanned<RawFault>>,
}

/// `[plant]`: [`PlantOptions`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlant {
    clients: usize,
    #[serde(default)]
    seed: u64,
    fill: Option<f64>,
    splits: Option<Vec<(u8, u8)>>,
    chains: Option<f64>,
    chain: Option<(u8, u8)>,
    pons_per_olt: Option<u16>,
    pons_per_slot: Option<u16>,
    olts_per_pop: Option<u16>,
    pons_per_feeder: Option<u16>,
    families: Option<Vec<String>>,
    xgs: Option<f64>,
    gasp: Option<f64>,
    first_code: Option<u32>,
    #[serde(default)]
    documentation: RawDocumentation,
}

/// `[plant.documentation]`: shares of errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocumentation {
    wrong_box: Option<f64>,
    wrong_port: Option<f64>,
    missing_route: Option<f64>,
    missing_serial: Option<f64>,
    missing_joint: Option<f64>,
    missing_launch: Option<f64>,
}

impl RawPlant {
    fn options(&self) -> PlantOptions {
        let mut options = PlantOptions::new(self.clients, self.seed);
        let put = |to: &mut f64, from: Option<f64>| *to = from.unwrap_or(*to);
        put(&mut options.fill, self.fill);
        put(&mut options.chains, self.chains);
        put(&mut options.xgs, self.xgs);
        options.gasp = self.gasp;
        options.splits = self.splits.clone().unwrap_or(options.splits);
        options.chain = self.chain.unwrap_or(options.chain);
        options.pons_per_olt = self.pons_per_olt.unwrap_or(options.pons_per_olt);
        options.pons_per_slot = self.pons_per_slot.unwrap_or(options.pons_per_slot);
        options.olts_per_pop = self.olts_per_pop.unwrap_or(options.olts_per_pop);
        options.pons_per_feeder = self.pons_per_feeder.unwrap_or(options.pons_per_feeder);
        options.families = self.families.clone().unwrap_or(options.families);
        options.first_code = self.first_code.unwrap_or(options.first_code);
        let written = &self.documentation;
        let documentation = &mut options.documentation;
        put(&mut documentation.wrong_box, written.wrong_box);
        put(&mut documentation.wrong_port, written.wrong_port);
        put(&mut documentation.missing_route, written.missing_route);
        put(&mut documentation.missing_serial, written.missing_serial);
        put(&mut documentation.missing_joint, written.missing_joint);
        put(&mut documentation.missing_launch, written.missing_launch);
        options
    }
}

/// `[life]`: the rest of [`WorldOptions`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLife {
    missing: Option<Spanned<f64>>,
    wrong_causes: Option<Spanned<f64>>,
    without_causes: Option<Spanned<f64>>,
    batteries: Option<Spanned<f64>>,
    unplugged_a_day: Option<Spanned<f64>>,
    drops_a_year: Option<Spanned<f64>>,
}

impl RawLife {
    fn options(&self, seed: u64, start: Option<&Spanned<String>>, report: &mut Report<'_>) -> WorldOptions {
        let start = start.map_or(START, |written| {
            humantime::parse_rfc3339(written.get_ref()).map(Timestamp::from).unwrap_or_else(|error| {
                report.problem(
                    written.span(),
                    format!("start: expected a time such as \"2026-11-23T02:30:00Z\": {error}"),
                );
                START
            })
        });
        let mut options = WorldOptions::new(seed, start);
        let mut put = |to: &mut f64, from: Option<&Spanned<f64>>, most: f64| {
            let Some(written) = from else { return };
            *to = *written.get_ref();
            if !(0.0..=most).contains(to) {
                report.problem(written.span(), format!("expected a number from 0 to {most}, found {to}"));
            }
        };
        put(&mut options.missing, self.missing.as_ref(), 1.0);
        put(&mut options.wrong_causes, self.wrong_causes.as_ref(), 1.0);
        put(&mut options.without_causes, self.without_causes.as_ref(), 1.0);
        put(&mut options.batteries, self.batteries.as_ref(), 1.0);
        put(&mut options.unplugged_a_day, self.unplugged_a_day.as_ref(), 24.0);
        put(&mut options.drops_a_year, self.drops_a_year.as_ref(), 365.0);
        options
    }
}

/// `[[fault]]`: which keys it may have depends on its kind ([`KINDS`]).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    kind: Spanned<String>,
    at: Spanned<String>,
    #[serde(rename = "for")]
    lasts: Option<Spanned<String>>,
    cable: Option<Spanned<String>>,
    #[serde(rename = "where")]
    kind_of_cable: Option<Spanned<String>>,
    metre: Option<Spanned<f64>>,
    pieces: Option<Spanned<u32>>,
    piece_every: Option<Spanned<String>>,
    loss: Option<Spanned<f64>>,
    ramp: Option<Spanned<String>>,
    client: Option<Spanned<u32>>,
    centre: Option<Spanned<String>>,
    radius: Option<Spanned<f64>>,
    share: Option<Spanned<f64>>,
    olt: Option<Spanned<String>>,
    card: Option<Spanned<u16>>,
    port: Option<Spanned<u16>>,
    every: Option<Spanned<String>>,
    found_after: Option<Spanned<String>>,
    factor: Option<Spanned<f64>>,
    offset: Option<Spanned<f64>>,
}

/// Kinds of faults, with the keys that they take beside `kind`, `at` and `for`.
const KINDS: [(&str, &[&str]); 13] = [
    ("cut", &["cable", "where", "metre", "pieces", "piece_every"]),
    ("bend", &["cable", "where", "metre", "loss", "ramp"]),
    ("drop", &["client"]),
    ("power", &["centre", "radius", "share", "pieces", "piece_every"]),
    ("olt_power", &["olt"]),
    ("card", &["olt", "card"]),
    ("sfp", &["olt", "card", "port"]),
    ("unreachable", &["olt"]),
    ("reboot", &["olt"]),
    ("flapping", &["client", "every"]),
    ("rogue", &["client", "found_after"]),
    ("maintenance", &["olt", "card"]),
    ("rescale", &["olt", "factor", "offset"]),
];

impl RawFault {
    /// The keys that are there, with their places.
    fn keys(&self) -> Vec<(&'static str, Range<usize>)> {
        fn at<T>(name: &'static str, value: Option<&Spanned<T>>) -> Option<(&'static str, Range<usize>)> {
            value.map(|value| (name, value.span()))
        }
        [
            at("cable", self.cable.as_ref()),
            at("where", self.kind_of_cable.as_ref()),
            at("metre", self.metre.as_ref()),
            at("pieces", self.pieces.as_ref()),
            at("piece_every", self.piece_every.as_ref()),
            at("loss", self.loss.as_ref()),
            at("ramp", self.ramp.as_ref()),
            at("client", self.client.as_ref()),
            at("centre", self.centre.as_ref()),
            at("radius", self.radius.as_ref()),
            at("share", self.share.as_ref()),
            at("olt", self.olt.as_ref()),
            at("card", self.card.as_ref()),
            at("port", self.port.as_ref()),
            at("every", self.every.as_ref()),
            at("found_after", self.found_after.as_ref()),
            at("factor", self.factor.as_ref()),
            at("offset", self.offset.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Where mistakes are gathered.
struct Report<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Report<'_> {
    fn problem(&mut self, span: Range<usize>, message: String) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.problems.push(Problem { file: self.file.to_owned(), line, column, message, excerpt: None });
    }

    fn duration(&mut self, written: &Spanned<String>) -> Duration {
        let why = match humantime::parse_duration(written.get_ref()) {
            Ok(duration) if duration <= LONGEST => return duration,
            Ok(_) => "a year is the longest".to_owned(),
            Err(error) => error.to_string(),
        };
        let found: String = written.get_ref().chars().take(60).collect();
        self.problem(written.span(), format!("expected a duration such as \"90s\" or \"15m\", found {found:?}: {why}"));
        Duration::ZERO
    }

    fn number(&mut self, written: &Spanned<f64>, low: f64, high: f64) -> f32 {
        let value = *written.get_ref();
        if !(low..=high).contains(&value) {
            self.problem(written.span(), format!("expected a number from {low} to {high}, found {value}"));
        }
        // Within the bounds above; beyond them nothing is played.
        #[allow(clippy::cast_possible_truncation)]
        let value = value as f32;
        value
    }
}

/// Turns a written fault into one on this ground.
struct Resolver<'a, 'r> {
    report: &'a mut Report<'r>,
    ground: &'a Ground,
    rng: &'a mut fastrand::Rng,
    fault: &'a Spanned<RawFault>,
}

impl Resolver<'_, '_> {
    /// `None` when something is wrong with it; that is noted.
    fn fault(&mut self, start: Timestamp) -> Option<Fault> {
        let raw = self.fault.get_ref();
        let kind = raw.kind.get_ref().as_str();
        let Some((_, keys)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
            let found: String = kind.chars().take(60).collect();
            self.report
                .problem(raw.kind.span(), format!("kind: expected one of {}, found {found:?}", known.join(", ")));
            return None;
        };
        for (key, span) in raw.keys() {
            if !keys.contains(&key) {
                self.report.problem(span, format!("{kind} takes no {key}; it takes {}", keys.join(", ")));
            }
        }
        let at = start + self.report.duration(&raw.at);
        let until = raw.lasts.as_ref().map(|lasts| at + self.report.duration(lasts));
        let action = self.action(kind)?;
        Some(Fault { action, at, until })
    }

    fn action(&mut self, kind: &str) -> Option<Action> {
        let raw = self.fault.get_ref();
        Some(match kind {
            "cut" => {
                let cable = self.cable()?;
                Action::Cut { cable, metre: self.metre(cable), pieces: self.pieces() }
            }
            "bend" => {
                let cable = self.cable()?;
                let loss = raw.loss.as_ref().map_or(3.0, |loss| self.report.number(loss, 0.1, 40.0));
                let ramp = raw.ramp.as_ref().map_or(Duration::ZERO, |ramp| self.report.duration(ramp));
                Action::Bend { cable, metre: self.metre(cable), loss, ramp }
            }
            "drop" => Action::Drop { client: self.client()? },
            "power" => {
                let radius = raw.radius.as_ref().map_or(500.0, |radius| self.report.number(radius, 1.0, 100_000.0));
                let share = raw.share.as_ref().map_or(1.0, |share| self.report.number(share, 0.0, 1.0));
                Action::Power { centre: self.centre()?, radius, share, pieces: self.pieces() }
            }
            "olt_power" => Action::OltPower { olt: self.olt()? },
            "card" => Action::Card { slot: self.slot()? },
            "sfp" => Action::Sfp { pon: self.pon()? },
            "unreachable" => Action::Unreachable { olt: self.olt()? },
            "reboot" => Action::Reboot { olt: self.olt()? },
            "flapping" => {
                let every = raw.every.as_ref().map_or(Duration::from_secs(90), |every| self.report.duration(every));
                Action::Flapping { client: self.client()?, every }
            }
            "rogue" => {
                let found_after =
                    raw.found_after.as_ref().map_or(Duration::from_secs(90), |after| self.report.duration(after));
                Action::Rogue { client: self.client()?, found_after }
            }
            "maintenance" => Action::Maintenance { slot: self.slot()? },
            _ => {
                let factor = raw.factor.as_ref().map_or(1.0, |factor| self.report.number(factor, -1000.0, 1000.0));
                let offset = raw.offset.as_ref().map_or(0.0, |offset| self.report.number(offset, -1000.0, 1000.0));
                if raw.factor.is_none() && raw.offset.is_none() {
                    self.report.problem(self.fault.span(), "rescale needs a factor or an offset".to_owned());
                }
                Action::Rescale { olt: self.olt()?, factor, offset }
            }
        })
    }

    /// Notes that there is no such thing.
    fn lacks<T>(&mut self, span: Range<usize>, what: &str, found: &str, example: Option<String>) -> Option<T> {
        let found: String = found.chars().take(60).collect();
        let example = example.map(|example| format!("; there is {example:?}, for example")).unwrap_or_default();
        self.report.problem(span, format!("the plant has no {what} {found:?}{example}"));
        None
    }

    fn drawn<T>(&mut self, sort: Sort, pick: impl FnOnce(Action) -> Option<T>) -> Option<T> {
        let drawn = Action::draw(sort, self.ground, self.rng).and_then(pick);
        if drawn.is_none() {
            self.report.problem(self.fault.span(), "the plant has nothing that this could happen to".to_owned());
        }
        drawn
    }

    fn cable(&mut self) -> Option<CableIx> {
        let raw = self.fault.get_ref();
        let plant = self.ground.plant();
        if let Some(name) = &raw.cable {
            let found = plant.cables.iter().find(|(_, cable)| *cable.name == **name.get_ref()).map(|(ix, _)| ix);
            let example = plant.cables.rows().next().map(|cable| cable.name.to_string());
            return found.or_else(|| self.lacks(name.span(), "cable", name.get_ref(), example));
        }
        let sort = match raw.kind_of_cable.as_ref().map(|word| (word.get_ref().as_str(), word.span())) {
            None if raw.kind.get_ref() == "cut" => Sort::CutFeeder,
            None => Sort::Bend,
            Some(("feeder", _)) => Sort::CutFeeder,
            Some(("distribution", _)) => Sort::CutDistribution,
            Some(("chain", _)) => Sort::CutChain,
            Some((_, span)) => {
                self.report.problem(span, "where: expected \"feeder\", \"distribution\" or \"chain\"".to_owned());
                return None;
            }
        };
        self.drawn(sort, |action| match action {
            Action::Cut { cable, .. } | Action::Bend { cable, .. } => Some(cable),
            _ => None,
        })
    }

    /// In the middle unless it is said.
    fn metre(&mut self, cable: CableIx) -> f32 {
        let length = self.ground.plant().cables.get(cable).map_or(0.0, |cable| cable.length);
        let written = self.fault.get_ref().metre.as_ref();
        written.map_or(length / 2.0, |metre| self.report.number(metre, 0.0, f64::from(length)))
    }

    fn pieces(&mut self) -> Pieces {
        let raw = self.fault.get_ref();
        let count = raw.pieces.as_ref().map_or(1, |pieces| {
            if !(1..=1000).contains(pieces.get_ref()) {
                let message = format!("expected 1 to 1000 pieces, found {}", pieces.get_ref());
                self.report.problem(pieces.span(), message);
            }
            *pieces.get_ref()
        });
        let every = raw.piece_every.as_ref().map_or(Duration::from_secs(60), |every| self.report.duration(every));
        Pieces { count, every }
    }

    fn client(&mut self) -> Option<ClientIx> {
        let Some(code) = &self.fault.get_ref().client else {
            return self.drawn(Sort::Drop, |action| match action {
                Action::Drop { client } => Some(client),
                _ => None,
            });
        };
        let plant = self.ground.plant();
        let found = plant.clients.iter().find(|(_, client)| client.code == *code.get_ref()).map(|(ix, _)| ix);
        let example = plant.clients.rows().next().map(|client| client.code.to_string());
        found.or_else(|| self.lacks(code.span(), "client", &code.get_ref().to_string(), example))
    }

    fn centre(&mut self) -> Option<Point> {
        let Some(name) = &self.fault.get_ref().centre else {
            return self.drawn(Sort::Power, |action| match action {
                Action::Power { centre, .. } => Some(centre),
                _ => None,
            });
        };
        let plant = self.ground.plant();
        let found = plant.places.rows().find(|place| *place.name == **name.get_ref()).map(|place| place.at);
        let example = plant.places.rows().last().map(|place| place.name.to_string());
        found.or_else(|| self.lacks(name.span(), "place", name.get_ref(), example))
    }

    fn olt(&mut self) -> Option<OltIx> {
        let Some(name) = &self.fault.get_ref().olt else {
            return self.drawn(Sort::Unreachable, |action| match action {
                Action::Unreachable { olt } => Some(olt),
                _ => None,
            });
        };
        let plant = self.ground.plant();
        let found = plant.olts.iter().find(|(_, olt)| *olt.name == **name.get_ref()).map(|(ix, _)| ix);
        let example = plant.olts.rows().next().map(|olt| olt.name.to_string());
        found.or_else(|| self.lacks(name.span(), "OLT", name.get_ref(), example))
    }

    /// The first card of the OLT unless it is said.
    fn slot(&mut self) -> Option<SlotIx> {
        let olt = self.olt()?;
        let written = self.fault.get_ref().card.as_ref();
        let number = written.map_or(1, |card| *card.get_ref());
        let mut slots = self.ground.plant().slots.iter();
        let found = slots.find(|(_, slot)| slot.olt == olt && slot.number == number).map(|(ix, _)| ix);
        let span = written.map_or_else(|| self.fault.span(), Spanned::span);
        found.or_else(|| self.lacks(span, "card", &number.to_string(), None))
    }

    /// The first port of the card unless it is said.
    fn pon(&mut self) -> Option<PonIx> {
        let slot = self.slot()?;
        let written = self.fault.get_ref().port.as_ref();
        let number = written.map_or(0, |port| *port.get_ref());
        let mut pons = self.ground.plant().pons.iter();
        let found = pons.find(|(_, pon)| pon.slot == slot && pon.number == number).map(|(ix, _)| ix);
        let span = written.map_or_else(|| self.fault.span(), Spanned::span);
        found.or_else(|| self.lacks(span, "port", &number.to_string(), None))
    }
}
