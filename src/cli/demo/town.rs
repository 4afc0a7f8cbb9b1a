//! The demo's network: a plant of the wanted size, alive, and where things will go wrong in it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{DemoArgs, DemoError, setup};
use crate::config::{Config, Secret};
use crate::incident::Gasps;
use crate::mib::Library;
use crate::model::Timestamp;
use crate::sim::live::{LiveOptions, LiveWorld, learned_gasps};
use crate::sim::plant::{CableIx, CableKind, ClientIx, OltIx, Plant, PlantOptions, Point};
use crate::sim::world::{Action, Fault, Ground, Pieces, World, WorldOptions};

/// Families of the simulated OLTs, in turn: each says why an ONU went down.
const FAMILIES: [&str; 3] = ["huawei-smartax", "zte-c300-c320", "vsol-gpon"];
const COMMUNITY: &str = "demo";
const TOKEN: &str = "demo-token";

/// Clients on a PON, as far as there are enough.
const ONUS_PER_PON: u32 = 24;
/// Below this many ONUs an OLT has small PONs.
const SMALL: u32 = 48;
/// Clients on a small PON.
const FEW_PER_PON: u32 = 12;
/// How often sizes are tried until the plant has as many OLTs as are wanted.
const TRIES: usize = 20;
/// Losses of power of each ONU that oltwatch has seen before the story.
const LEARNED: u32 = 10;
/// Fewest clients behind the cable that is cut, and in the outage: a group.
const GROUP: usize = 3;
/// Most houses in the outage.
const MOST_HOUSES: usize = 40;
/// Radii of outages that are tried, in metres.
const RADII: [f32; 7] = [150.0, 250.0, 400.0, 600.0, 900.0, 1300.0, 2000.0];
/// Until when a repair of the world takes, counted from the fault; the story skips what is left of it.
const REPAIR_AFTER: Duration = Duration::from_secs(3600);
/// After it, ONUs start again and are ranged.
const BACK_AFTER: Duration = Duration::from_secs(600);

/// The network, and the hand on its clock.
pub(super) struct Town {
    pub(super) live: LiveWorld,
    ground: Arc<Ground>,
    /// How far the world's time is ahead of ours.
    ahead: Duration,
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

impl Town {
    pub(super) async fn build(args: &DemoArgs, library: &Library) -> Result<Self, DemoError> {
        let options = options(args);
        let plant = sized(args, options.clone())?;
        let ground = Arc::new(Ground::new(plant));
        // Its OLTs never take light for power.
        let life = WorldOptions { wrong_causes: 0.0, ..WorldOptions::new(args.seed, now()) };
        let world = World::new(Arc::clone(&ground), life, &[]);
        let secrets = LiveOptions::new(Secret::new(COMMUNITY.to_owned()), Secret::new(TOKEN.to_owned()));
        let live = LiveWorld::start(world, &options.families, library, secrets).await.map_err(setup)?;
        Ok(Self { live, ground, ahead: Duration::ZERO })
    }

    pub(super) fn plant(&self) -> &Plant {
        self.ground.plant()
    }

    pub(super) fn ground(&self) -> &Ground {
        &self.ground
    }

    /// What is known of its ONUs after some weeks of plugs that were pulled.
    pub(super) fn gasps(&self, seed: u64) -> Gasps {
        learned_gasps(self.plant(), LEARNED, seed)
    }

    /// Lets the world come to where it should be.
    pub(super) fn go_on(&mut self) {
        self.live.advance(now() + self.ahead, false);
    }

    /// Lets something go wrong now; gives how it is told, and whom it hits.
    pub(super) fn strike(&mut self, action: Action) -> (String, Vec<ClientIx>) {
        let at = now() + self.ahead;
        self.live.add(&Fault { action, at, until: Some(at + REPAIR_AFTER) });
        // What an outage takes a few seconds for is told at once.
        self.ahead += Duration::from_secs(5);
        self.go_on();
        let truth = self.live.world().truths().last();
        truth.map_or_else(Default::default, |truth| (truth.describe(self.plant()), truth.clients.clone()))
    }

    /// It is repaired, and everything that was hit is up again.
    pub(super) fn repair(&mut self) {
        self.ahead += REPAIR_AFTER + BACK_AFTER;
        self.go_on();
    }

    /// A distribution cable with some clients behind it, while others on their PON have another way.
    pub(super) fn cable_to_cut(&self) -> Result<CableIx, DemoError> {
        let fits = |cable: CableIx| {
            let behind = self.ground.behind(cable);
            let pon = behind.first().and_then(|(client, _)| self.plant().clients.get(*client)).map(|row| row.pon);
            let on_pon = pon.map_or(0, |pon| self.ground.on_pon(pon).len());
            behind.len() >= GROUP && behind.len() < on_pon
        };
        let cables = self.plant().cables.iter().filter(|(ix, row)| row.kind == CableKind::Distribution && fits(*ix));
        let most = cables.max_by_key(|(ix, _)| self.ground.behind(*ix).len());
        most.map(|(ix, _)| ix).ok_or_else(|| setup("this network has no cable whose cut would be a group: more --onus"))
    }

    /// An area with about a quarter of all houses, and not too many.
    pub(super) fn area(&self) -> Result<Action, DemoError> {
        let clients = &self.plant().clients;
        let wanted = (clients.len() / 4).clamp(GROUP, MOST_HOUSES);
        let hit = |centre: Point, radius: f32| {
            clients.rows().filter(|client| client.house.distance(centre) <= radius).count()
        };
        // A few middles are enough to choose from, also in a large network.
        let step = (clients.len() / 20).max(1);
        let areas = clients.rows().step_by(step).flat_map(|client| RADII.map(|radius| (client.house, radius)));
        let counted = areas.map(|(centre, radius)| (hit(centre, radius), centre, radius));
        let best = counted.filter(|(hit, ..)| *hit >= GROUP).min_by_key(|(hit, ..)| hit.abs_diff(wanted));
        let (_, centre, radius) =
            best.ok_or_else(|| setup("this network has no area with enough houses: more --onus"))?;
        Ok(Action::Power { centre, radius, share: 1.0, pieces: Pieces::ONE })
    }

    /// The OLT that cannot be reached: the last.
    pub(super) fn last_olt(&self) -> Option<OltIx> {
        self.live.olts().last().map(|olt| olt.ix())
    }

    /// Codes of clients, sorted.
    pub(super) fn codes(&self, clients: &[ClientIx]) -> Vec<String> {
        let row = |client: &ClientIx| self.plant().clients.get(*client).map(|row| row.code.to_string());
        let mut codes: Vec<String> = clients.iter().filter_map(row).collect();
        codes.sort();
        codes
    }

    /// Codes of the clients that OZmap shows with an error, sorted.
    pub(super) fn red(&self) -> Vec<String> {
        let clients = self.live.ozmap().clients().into_iter();
        let mut red: Vec<String> = clients.filter(|client| client.status == 1).map(|client| client.code).collect();
        red.sort();
        red
    }

    /// A config for it, as an operator would write it, but faster.
    pub(super) fn config(&self) -> Result<Config, DemoError> {
        let mut text = format!(
            "[ozmap]\nurl = \"{}\"\ntoken_env = \"DEMO_TOKEN\"\nmode = \"write\"\nrequests_per_second = 200\nburst = 50\n\
             full_read = \"10s\"\nplant_in_flight = 4\n\
             [snmp.credential.default]\nversion = \"2c\"\ncommunity_env = \"DEMO_COMMUNITY\"\n",
            self.live.ozmap().url()
        );
        for olt in self.live.olts() {
            text.push_str(&format!(
                "[[olt]]\nname = \"{}\"\naddress = \"{}\"\nstate_every = \"1s\"\noptics_every = \"5s\"\n\
                 inventory_every = \"30s\"\npdus_per_second = 2000\n",
                olt.name(),
                olt.agent().address()
            ));
        }
        let environment = |name: &str| match name {
            "DEMO_TOKEN" => Some(TOKEN.to_owned()),
            "DEMO_COMMUNITY" => Some(COMMUNITY.to_owned()),
            _ => None,
        };
        Config::parse(&text, "the demo's config", Path::new("."), &environment).map_err(setup)
    }
}

fn options(args: &DemoArgs) -> PlantOptions {
    // 32 ways in both: fewer would be too much light.
    let split = if args.onus < SMALL { (2, 16) } else { (4, 8) };
    let ports = u32::from(split.0) * u32::from(split.1);
    let pons = args.onus.div_ceil(if args.onus < SMALL { FEW_PER_PON } else { ONUS_PER_PON }).max(1);
    PlantOptions {
        splits: vec![split],
        fill: f64::from(args.onus) / f64::from(pons * ports),
        chains: 0.0,
        pons_per_olt: u16::try_from(pons).unwrap_or(u16::MAX),
        families: FAMILIES.map(str::to_owned).to_vec(),
        gasp: Some(0.95),
        first_code: 10_001,
        ..PlantOptions::new(0, args.seed)
    }
}

/// A plant with exactly as many OLTs as are wanted: how full PONs are is drawn, so some sizes are tried.
fn sized(args: &DemoArgs, mut options: PlantOptions) -> Result<Plant, DemoError> {
    let (olts, onus) = (args.olts as usize, args.onus as usize);
    options.clients = olts * onus;
    for _ in 0..TRIES {
        let plant = Plant::generate(&options).map_err(setup)?;
        let found = plant.olts.len();
        if found == olts {
            return Ok(plant);
        }
        let step = (onus / 8).max(1) * found.abs_diff(olts);
        options.clients = if found > olts { options.clients.saturating_sub(step) } else { options.clients + step };
    }
    Err(setup(format!("no network of {olts} OLTs with {onus} ONUs each can be generated with this seed")))
}
