//! A [`World`] that can be reached: each of its OLTs over SNMP, and its plant with its clients as an OZmap over HTTP.
//!
//! In: a world, the profiles of its families, and the time that it should be. Out: agents and a server on real sockets that
//! show the world as it is then. Not its business: the clock; whoever plays it says how late it is.
//!
//! ```text
//!  player ──advance(to)──► World ──changed ONUs──► ServedOlt ─► SimulatedOlt ◄─SNMP── oltwatch
//!                            plant ──────────────────────────► SimulatedOzmap ◄─HTTP──┘
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::olt::{AgentOptions, SimError as AgentError, SimulatedOlt};
use super::ozmap::{OzmapOptions, Population, SimError as OzmapError, SimulatedOzmap};
use super::plant::{OltIx, Plant};
use super::world::{Fault, ServedOlt, World};
use crate::config::Secret;
use crate::incident::Gasps;
use crate::mib::Library;
use crate::model::{OltId, Timestamp};

/// Why a world cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A family that no profile has.
    #[error("there is no profile {name:?}; there are {known}")]
    NoProfile {
        /// The family.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A profile that cannot be turned round.
    #[error("the profile {0} does not say how an OLT of its family introduces itself")]
    NoIdentity(String),
    /// More OLTs than ports after the first one's.
    #[error("no port is left for {0}")]
    NoPort(String),
    /// An agent cannot be had.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// OZmap cannot be had.
    #[error(transparent)]
    Ozmap(#[from] OzmapError),
}

/// Where and under which secrets it is reached.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// Where the first OLT listens, the others on the ports after it; port 0 takes free ones.
    pub listen: SocketAddr,
    /// Where OZmap listens.
    pub listen_ozmap: SocketAddr,
    /// What the OLTs answer to.
    pub community: Secret,
    /// What OZmap takes.
    pub token: Secret,
}

impl LiveOptions {
    /// On free ports of the loopback.
    #[must_use]
    pub fn new(community: Secret, token: Secret) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen: free, listen_ozmap: free, community, token }
    }
}

/// One of its OLTs.
#[derive(Debug)]
pub struct LiveOlt {
    name: Box<str>,
    served: ServedOlt,
    agent: SimulatedOlt,
}

impl LiveOlt {
    /// Its name, in OZmap and in its own sysName.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which one it is.
    #[must_use]
    pub const fn ix(&self) -> OltIx {
        self.served.olt()
    }

    /// The family's name for people.
    #[must_use]
    pub fn family(&self) -> &str {
        self.served.family()
    }

    /// How many ONUs it has.
    #[must_use]
    pub fn onu_count(&self) -> usize {
        self.served.onu_count()
    }

    /// Its agent.
    #[must_use]
    pub const fn agent(&self) -> &SimulatedOlt {
        &self.agent
    }
}

/// A world that can be reached.
#[derive(Debug)]
pub struct LiveWorld {
    world: World,
    olts: Vec<LiveOlt>,
    ozmap: SimulatedOzmap,
}

impl LiveWorld {
    /// Starts its agents and its OZmap. `families` are the names of profiles that the plant's OLTs count by.
    ///
    /// # Errors
    /// [`LiveError`]; nothing runs then.
    pub async fn start(
        world: World,
        families: &[String],
        library: &Library,
        options: LiveOptions,
    ) -> Result<Self, LiveError> {
        let olts = serve(&world, families, library, &options)?;
        let plant = documented(&world, &olts);
        let ozmap = OzmapOptions { listen: options.listen_ozmap, ..OzmapOptions::new(options.token.expose()) };
        let ozmap = SimulatedOzmap::start(ozmap.with(Population::Plant(Arc::new(plant)))).await?;
        Ok(Self { world, olts, ozmap })
    }

    /// The world.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Its OLTs.
    #[must_use]
    pub fn olts(&self) -> &[LiveOlt] {
        &self.olts
    }

    /// Its OZmap.
    #[must_use]
    pub const fn ozmap(&self) -> &SimulatedOzmap {
        &self.ozmap
    }

    /// Lets one more thing go wrong, from the next [`advance`](Self::advance) on.
    pub fn add(&mut self, fault: &Fault) {
        self.world.add(fault);
    }

    /// Lets time pass up to an instant, and shows what changed. Levels move all the time: they are shown anew with `refresh`.
    pub fn advance(&mut self, to: Timestamp, refresh: bool) {
        let changed = self.world.advance(to);
        for olt in &mut self.olts {
            if refresh {
                olt.served.show_all(&self.world);
            } else {
                olt.served.show_clients(&self.world, &changed);
                olt.served.show_uptime(&self.world);
            }
            olt.agent.set_silent(!self.world.answers(olt.served.olt()));
        }
    }

    /// Ends everything.
    pub async fn stop(self) {
        self.ozmap.stop().await;
        for olt in self.olts {
            olt.agent.stop().await;
        }
    }
}

fn serve(
    world: &World,
    families: &[String],
    library: &Library,
    options: &LiveOptions,
) -> Result<Vec<LiveOlt>, LiveError> {
    let mut olts = Vec::new();
    for (number, (ix, row)) in (0_u16..).zip(world.ground().plant().olts.iter()) {
        let family = families.get(usize::from(row.family)).map_or("", String::as_str);
        let Some(profile) = library.get(family) else {
            let known: Vec<&str> = library.iter().map(|profile| profile.name()).collect();
            return Err(LiveError::NoProfile { name: family.to_owned(), known: known.join(", ") });
        };
        let served = ServedOlt::new(world, ix, Arc::clone(profile));
        let served = served.ok_or_else(|| LiveError::NoIdentity(family.to_owned()))?;
        let mut listen = options.listen;
        if listen.port() != 0 {
            let port = listen.port().checked_add(number);
            listen.set_port(port.ok_or_else(|| LiveError::NoPort(row.name.to_string()))?);
        }
        let agent = AgentOptions { listen, community: options.community.clone(), ..AgentOptions::default() };
        let agent = SimulatedOlt::start(agent, served.view().clone())?;
        olts.push(LiveOlt { name: row.name.clone(), served, agent });
    }
    Ok(olts)
}

/// What somebody knows of how its ONUs gasp who saw each of them lose its power so many times.
#[must_use]
pub fn learned_gasps(plant: &Plant, losses: u32, seed: u64) -> Gasps {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut gasps = Gasps::default();
    for client in plant.clients.rows() {
        let Some(olt) = plant.olt_of(client).and_then(|olt| plant.olts.get(olt)) else { continue };
        let olt = OltId::new(&olt.name);
        for _ in 0..losses {
            gasps.learn(&olt, client.serial().as_ref(), rng.f32() < client.gasp);
        }
    }
    gasps
}

/// The plant as people document it: with the number that each OLT itself shows of a port.
fn documented(world: &World, olts: &[LiveOlt]) -> Plant {
    let mut plant = world.ground().plant().clone();
    for (pon, id) in olts.iter().flat_map(|olt| olt.served.pons()) {
        if let Some(number) = id.as_ref().and_then(|id| id.parts().last()) {
            plant.number_port(*pon, *number);
        }
    }
    plant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plant::PlantOptions;
    use crate::sim::world::{Ground, WorldOptions};

    #[tokio::test]
    async fn ports_have_the_same_numbers_in_ozmap_as_over_snmp() {
        let library = Library::load(None).unwrap();
        let families = ["huawei-smartax", "zte-c300-c320", "vsol-epon", "ubiquiti-ufiber"].map(str::to_owned);
        let options = PlantOptions {
            families: families.to_vec(),
            splits: vec![(2, 4)],
            chains: 0.0,
            pons_per_olt: 6,
            pons_per_slot: 4,
            ..PlantOptions::new(100, 3)
        };
        let ground = Arc::new(Ground::new(Plant::generate(&options).unwrap()));
        let world = World::new(ground, WorldOptions::new(1, Timestamp::from_millis(1_800_000_000_000)), &[]);
        let secret = |text: &str| Secret::new(text.to_owned());
        let live =
            LiveWorld::start(world, &families, &library, LiveOptions::new(secret("c"), secret("t"))).await.unwrap();
        let plant = documented(live.world(), live.olts());
        let mut compared = 0;
        for olt in live.olts() {
            for (pon, id) in olt.served.pons() {
                let Some(id) = id else { continue };
                let row = plant.pons.get(*pon).unwrap();
                let (port, above) = id.parts().split_last().unwrap();
                assert_eq!(row.number, *port, "{} {id}", olt.name());
                // Families that number their ports through, or have a single card, show none.
                let slot = plant.slots.get(row.slot).unwrap().number;
                if let Some(card) = above.last().filter(|_| !olt.family().contains("UFiber")) {
                    assert!(*card == slot || *card == 0, "{} {id} is in slot {slot}", olt.name());
                }
                compared += 1;
            }
        }
        assert!(compared >= 12, "{compared}");
        assert!(plant.olts.len() >= 2 && plant.olts.rows().zip(live.olts()).all(|(row, olt)| *row.name == *olt.name()));
        live.stop().await;
    }
}
