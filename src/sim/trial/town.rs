//! A plant, true and documented, with whom each OLT's ONUs belong to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::incident::{NamedElement, Owner};
use crate::model::{ClientId, ElementId, OltId, OnuKey, Timestamp};
use crate::plant::{Plant, PlantBuilder};
use crate::sim::plant::{
    CableIx, Client, ClientIx, Entity, Index, OltIx, Plant as TruePlant, PlantError, PlantOptions,
};
use crate::sim::world::{Ground, World, WorldOptions, cables, places, route};

/// A generated plant as it is, and as its documentation says that it is. Many worlds can be played in one.
#[derive(Debug)]
pub struct Town {
    ground: Arc<Ground>,
    plant: Arc<Plant>,
    olts: Vec<Head>,
    clients: HashMap<(OltId, OnuKey), ClientIx>,
}

/// An OLT, and the ONUs on it of which the owner is known.
#[derive(Debug)]
struct Head {
    id: OltId,
    owners: Vec<(OnuKey, Owner)>,
}

/// A client's id, as the plant of a town has it.
#[must_use]
pub(super) fn client_id(ix: ClientIx) -> ClientId {
    ClientId::from_octets(Entity::Client(ix).octets())
}

impl Town {
    /// Generates it.
    ///
    /// # Errors
    /// What [`TruePlant::generate`] says of the options.
    pub fn new(options: &PlantOptions) -> Result<Self, PlantError> {
        let ground = Arc::new(Ground::new(TruePlant::generate(options)?));
        let truth = ground.plant();
        let world = World::new(ground.clone(), WorldOptions::new(0, Timestamp::from_millis(0)), &[]);
        let mut town = Self {
            plant: Arc::new(documented(truth)),
            olts: Vec::new(),
            clients: HashMap::new(),
            ground: ground.clone(),
        };
        for (olt, row) in truth.olts.iter() {
            let id = OltId::new(&row.name);
            let mut owners = Vec::new();
            for ix in ground.on_olt(olt) {
                let (Some(client), Some(reading)) = (truth.clients.get(ix), world.reading(ix)) else { continue };
                if client.documented.serial {
                    owners.push((reading.key.clone(), owner(ix, client)));
                }
                town.clients.insert((id.clone(), reading.key), ix);
            }
            town.olts.push(Head { id, owners });
        }
        Ok(town)
    }

    /// The plant with its indexes.
    #[must_use]
    pub const fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// What the documentation says of it.
    #[must_use]
    pub const fn plant(&self) -> &Arc<Plant> {
        &self.plant
    }

    /// Its OLTs with their names.
    pub fn olts(&self) -> impl Iterator<Item = (OltIx, &OltId)> {
        self.olts.iter().enumerate().map(|(place, head)| (OltIx::from_place(place), &head.id))
    }

    /// Whose the ONUs of its OLTs are.
    pub fn owners(&self) -> impl Iterator<Item = (&OltId, &[(OnuKey, Owner)])> {
        self.olts.iter().map(|head| (&head.id, head.owners.as_slice()))
    }

    /// The client whose ONU that is.
    #[must_use]
    pub fn client(&self, olt: &OltId, key: &OnuKey) -> Option<ClientIx> {
        self.clients.get(&(olt.clone(), key.clone())).copied()
    }

    /// The client in the documentation.
    #[must_use]
    pub fn documented(&self, client: ClientIx) -> Option<crate::plant::ClientIx> {
        self.plant.client(&client_id(client))
    }

    /// Whether an element is this cable, or one that no reading can tell from it.
    #[must_use]
    pub fn is_cable(&self, element: &NamedElement, cable: CableIx) -> bool {
        let is_it = |ix: CableIx| Some(ElementId::from_octets(Entity::Cable(ix).octets())) == element.id;
        let mut all = self.ground.plant().cables.iter().map(|(ix, _)| ix);
        element.id.is_some() && all.any(|ix| is_it(ix) && self.ground.look_alike(ix, cable))
    }
}

fn owner(ix: ClientIx, client: &Client) -> Owner {
    Owner { client: client_id(ix), code: Some(Arc::from(client.code.to_string())), place: documented_place(client) }
}

fn documented_place(client: &Client) -> Option<ElementId> {
    client.documented.place.map(|place| ElementId::from_octets(Entity::Place(place).octets()))
}

/// The plant as OZmap has it.
fn documented(truth: &TruePlant) -> Plant {
    let mut builder = PlantBuilder::new();
    for place in places(truth) {
        builder.place(&place);
    }
    for cable in cables(truth) {
        builder.cable(&cable);
    }
    for (ix, client) in truth.clients.iter() {
        builder.client(client_id(ix), documented_place(client));
        if let Some(route) = route(truth, ix) {
            builder.route(client_id(ix), &route);
        }
    }
    builder.build()
}
