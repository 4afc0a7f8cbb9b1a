//! What is played: a fault of each kind, and what happens together.

use std::time::Duration;

use super::play::Circumstances;
use crate::config::Pattern;
use crate::config::maintenance::UnderWay;
use crate::model::{PonId, Timestamp};
use crate::sim::plant::{ClientIx, Documentation, OltIx, PlantOptions};
use crate::sim::world::{Action, Fault, Ground, Pieces, Sort};

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scene {
    /// A feeder is cut.
    Feeder,
    /// A distribution cable behind an even splitter is cut.
    Distribution,
    /// A daisy chain is cut.
    Chain,
    /// Two cables are cut at once.
    TwoCuts,
    /// A cable is bent.
    Bend,
    /// A drop breaks.
    Drop,
    /// The mains fail in an area.
    Outage,
    /// The mains fail in an area where a fifth of the homes have batteries, and come back in pieces.
    MendedOutage,
    /// An OLT loses its power, and gets it back.
    OltPower,
    /// A card fails.
    Card,
    /// A port's transceiver fails.
    Sfp,
    /// An OLT cannot be reached for a while.
    Unreachable,
    /// An OLT restarts.
    Reboot,
    /// A loose connector.
    Flapping,
    /// An ONU sends out of turn.
    Rogue,
    /// Somebody switches a card's ONUs off, and nobody said so.
    Works,
    /// The same, announced.
    AnnouncedWorks,
    /// A firmware shows levels in another scale.
    Rescale,
    /// A cable is cut during an outage elsewhere.
    CutInOutage,
    /// A cable is cut while another OLT cannot be reached.
    CutWhileUnreachable,
    /// A cable is cut while ONUs flap.
    CutWhileFlapping,
    /// Nothing but everyday life.
    Quiet,
}

/// How it is played.
#[derive(Debug, Clone)]
pub struct Script {
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How often states are read, and how often levels are.
    pub every: [Duration; 2],
    /// How long it goes on.
    pub length: Duration,
    /// Announced work: from when, where, what.
    pub works: Vec<(Timestamp, OltIx, UnderWay)>,
    /// How often a customer pulls the plug, per ONU and day.
    pub unplugged_a_day: f64,
    /// Share of homes with a battery.
    pub batteries: f64,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Fewest clients that a group fault has to hit: below, nobody would call it one.
const LEAST: usize = 3;
/// Draws until a fault fits.
const DRAWS: usize = 50;
/// ONUs that flap in [`Scene::Flapping`].
const FLAPPING: usize = 4;

impl Scene {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Feeder,
        Self::Distribution,
        Self::Chain,
        Self::TwoCuts,
        Self::Bend,
        Self::Drop,
        Self::Outage,
        Self::MendedOutage,
        Self::OltPower,
        Self::Card,
        Self::Sfp,
        Self::Unreachable,
        Self::Reboot,
        Self::Flapping,
        Self::Rogue,
        Self::Works,
        Self::AnnouncedWorks,
        Self::Rescale,
        Self::CutInOutage,
        Self::CutWhileUnreachable,
        Self::CutWhileFlapping,
        Self::Quiet,
    ];

    /// The plant that it is played in: some thirty PONs on two OLTs, with feeders of twelve.
    #[must_use]
    pub fn plant(self, around: &Circumstances, seed: u64) -> PlantOptions {
        let clients = if self == Self::Bend { 600 } else { 1500 };
        let mut options = PlantOptions::new(clients, seed);
        options.pons_per_olt = if self == Self::Bend { 8 } else { 16 };
        options.pons_per_slot = 8;
        options.pons_per_feeder = 12;
        options.chains = around.chains.unwrap_or(if self == Self::Chain { 0.8 } else { 0.3 });
        options.gasp = Some(around.gasp);
        options.documentation = Documentation { missing_launch: 0.1, ..Documentation::errors(around.errors) };
        options
    }

    /// Draws what goes wrong, and when. `None` where the plant has no place for it.
    pub fn draw(self, ground: &Ground, start: Timestamp, rng: &mut fastrand::Rng) -> Option<Script> {
        let mut script = Script {
            faults: Vec::new(),
            every: [MINUTE, 10 * MINUTE],
            length: 8 * MINUTE,
            works: Vec::new(),
            unplugged_a_day: 1.0,
            batteries: 0.05,
        };
        let begins = start + 2 * MINUTE + Duration::from_millis(rng.u64(0..60_000));
        let mut cast = Cast { ground, rng, faults: &mut script.faults };
        match self {
            Self::Feeder => cast.add(Sort::CutFeeder, begins, None)?,
            Self::Distribution => cast.add(Sort::CutDistribution, begins, None)?,
            Self::Chain => cast.add(Sort::CutChain, begins, None)?,
            Self::TwoCuts => cast.two_cuts(begins)?,
            Self::Drop => {
                // Nobody knows yet how often these ONUs are unplugged: that it is no plug is seen by how long it lasts.
                cast.add(Sort::Drop, begins, None)?;
                script.every = [5 * MINUTE, HOUR];
                script.length = 14 * HOUR;
            }
            Self::Outage => cast.add(Sort::Power, begins, None)?,
            Self::MendedOutage => {
                cast.mended_outage(begins)?;
                script.batteries = 0.2;
                script.length = 12 * MINUTE;
            }
            Self::OltPower => {
                cast.add(Sort::OltPower, begins, Some(5 * MINUTE))?;
                script.length = 24 * MINUTE;
            }
            Self::Card => cast.add(Sort::Card, begins, None)?,
            Self::Sfp => cast.add(Sort::Sfp, begins, None)?,
            Self::Unreachable => {
                cast.add(Sort::Unreachable, begins, Some(4 * MINUTE))?;
                script.length = 12 * MINUTE;
            }
            Self::Reboot => {
                cast.add(Sort::Reboot, begins, Some(2 * MINUTE))?;
                script.length = 20 * MINUTE;
            }
            Self::Flapping => {
                for _ in 0..FLAPPING {
                    cast.add(Sort::Flapping, begins, None)?;
                }
                script.length = 30 * MINUTE;
            }
            Self::Rogue => cast.add(Sort::Rogue, begins, None)?,
            Self::Works | Self::AnnouncedWorks => {
                cast.add(Sort::Maintenance, begins, Some(8 * MINUTE))?;
                script.length = 16 * MINUTE;
                if self == Self::AnnouncedWorks {
                    script.works = announced(ground, script.faults.last()?)?;
                }
            }
            Self::Bend => {
                // What a level usually is takes days to learn, and whether it stays fallen some hours.
                cast.add(Sort::Bend, begins + 100 * HOUR, None)?;
                script.every = [HOUR, HOUR];
                script.length = 130 * HOUR;
                script.unplugged_a_day = 0.1;
            }
            Self::Rescale => {
                cast.add(Sort::Rescale, begins + 20 * MINUTE, None)?;
                script.every = [MINUTE, 5 * MINUTE];
                script.length = 45 * MINUTE;
            }
            Self::CutInOutage => {
                cast.add(Sort::Power, begins, None)?;
                cast.cut_apart(begins + 2 * MINUTE)?;
                script.length = 10 * MINUTE;
            }
            Self::CutWhileUnreachable => {
                cast.cut_beside_silence(begins)?;
                script.length = 12 * MINUTE;
            }
            Self::CutWhileFlapping => {
                for _ in 0..FLAPPING {
                    cast.add(Sort::Flapping, begins, None)?;
                }
                cast.cut_apart(begins + 5 * MINUTE)?;
                script.length = 12 * MINUTE;
            }
            Self::Quiet => script.length = HOUR,
        }
        Some(script)
    }

    /// Whether people are to be told of a group at all.
    #[must_use]
    pub const fn is_silent(self) -> bool {
        matches!(self, Self::Drop | Self::Flapping | Self::Works | Self::AnnouncedWorks | Self::Quiet)
    }
}

/// Who is cast for a script.
struct Cast<'a> {
    ground: &'a Ground,
    rng: &'a mut fastrand::Rng,
    faults: &'a mut Vec<Fault>,
}

impl Cast<'_> {
    fn put(&mut self, action: Action, at: Timestamp, lasts: Option<Duration>) {
        self.faults.push(Fault { action, at, until: lasts.map(|lasts| at + lasts) });
    }

    /// One that fits, by what is asked of it beside its kind.
    fn draw(&mut self, sort: Sort, fits: impl Fn(&Action) -> bool) -> Option<Action> {
        (0..DRAWS).find_map(|_| Action::draw(sort, self.ground, self.rng).filter(&fits))
    }

    fn add(&mut self, sort: Sort, at: Timestamp, lasts: Option<Duration>) -> Option<()> {
        let ground = self.ground;
        let action = self.draw(sort, |action| sort != Sort::Power || reach(ground, action).len() >= LEAST)?;
        self.put(action, at, lasts);
        Some(())
    }

    /// Two cables of which none has the other's clients behind it.
    fn two_cuts(&mut self, at: Timestamp) -> Option<()> {
        let sorts = [Sort::CutFeeder, Sort::CutDistribution, Sort::CutDistribution, Sort::CutChain];
        let first = self.any_cut(&sorts, &[])?;
        let hit = reach(self.ground, &first);
        let second = self.any_cut(&sorts, &hit)?;
        self.put(first, at, None);
        let later = Duration::from_millis(self.rng.u64(0..2000));
        self.put(second, at + later, None);
        Some(())
    }

    /// A cut that reaches nobody whom what was cast before reaches.
    fn cut_apart(&mut self, at: Timestamp) -> Option<()> {
        let hit: Vec<ClientIx> = self.faults.iter().flat_map(|fault| reach(self.ground, &fault.action)).collect();
        let cut = self.any_cut(&[Sort::CutDistribution, Sort::CutDistribution, Sort::CutFeeder], &hit)?;
        self.put(cut, at, None);
        Some(())
    }

    /// A cut while another OLT is silent.
    fn cut_beside_silence(&mut self, at: Timestamp) -> Option<()> {
        let cut = self.any_cut(&[Sort::CutDistribution, Sort::CutFeeder], &[])?;
        let plant = self.ground.plant();
        let hit: Vec<OltIx> =
            reach(self.ground, &cut).iter().filter_map(|client| plant.olt_of(plant.clients.get(*client)?)).collect();
        let others = plant.olts.iter().map(|(ix, _)| ix).filter(|ix| !hit.contains(ix));
        let silent = self.rng.choice(others.collect::<Vec<_>>())?;
        self.put(cut, at + MINUTE, None);
        self.put(Action::Unreachable { olt: silent }, at, Some(5 * MINUTE));
        Some(())
    }

    fn any_cut(&mut self, sorts: &[Sort], but: &[ClientIx]) -> Option<Action> {
        let ground = self.ground;
        (0..DRAWS).find_map(|_| {
            let sort = *sorts.get(self.rng.usize(..sorts.len()))?;
            let action = Action::draw(sort, ground, self.rng)?;
            let hit = reach(ground, &action);
            (hit.len() >= LEAST && !hit.iter().any(|client| but.contains(client))).then_some(action)
        })
    }

    fn mended_outage(&mut self, at: Timestamp) -> Option<()> {
        let ground = self.ground;
        let drawn = self.draw(Sort::Power, |action| reach(ground, action).len() >= LEAST)?;
        let Action::Power { centre, radius, share, .. } = drawn else { return None };
        let pieces = Pieces { count: 3, every: MINUTE };
        self.put(Action::Power { centre, radius, share, pieces }, at, Some(4 * MINUTE));
        Some(())
    }
}

/// Whom a fault may reach.
fn reach(ground: &Ground, action: &Action) -> Vec<ClientIx> {
    match action {
        Action::Cut { cable, .. } | Action::Bend { cable, .. } => {
            ground.behind(*cable).iter().map(|(client, _)| *client).collect()
        }
        Action::Power { centre, radius, .. } => {
            let clients = ground.plant().clients.iter();
            clients.filter(|(_, client)| client.house.distance(*centre) <= *radius).map(|(ix, _)| ix).collect()
        }
        Action::Flapping { client, .. } => vec![*client],
        _ => Vec::new(),
    }
}

/// The announcement of a card's maintenance: from a minute before it until two after.
fn announced(ground: &Ground, fault: &Fault) -> Option<Vec<(Timestamp, OltIx, UnderWay)>> {
    let Action::Maintenance { slot } = fault.action else { return None };
    let row = ground.plant().slots.get(slot)?;
    let pon = PonId::new(&[0, u32::from(row.number), 0]).ok()?.to_string();
    let card = pon.rsplit_once('/')?.0;
    let (from, until) = (Timestamp::from_millis(fault.at.millis().saturating_sub(60_000)), fault.until? + 2 * MINUTE);
    let reason = "new card".to_owned();
    Some(vec![(from, row.olt, UnderWay { pon: Some(Pattern::new(&format!("{card}/*"))), until, reason })])
}
