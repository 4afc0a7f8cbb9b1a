//! Everything that the simulated OZmap holds, and the only ways to change it.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::fields::House;
use super::model::{BoxType, Client, ObjectId, Onu, Project, Property};
use super::patch::{ClientPatch, PropertyPatch};
use crate::model::Timestamp;

/// The collections, each in the order of its identifiers.
#[derive(Debug, Default)]
pub(super) struct Store {
    clients: Vec<Client>,
    properties: Vec<Property>,
    /// Places in `properties` by client.
    houses_of: HashMap<ObjectId, Vec<usize>>,
    pub(super) projects: Vec<Project>,
    /// Names of boxes and buildings.
    pub(super) box_names: HashMap<ObjectId, String>,
    pub(super) box_types: Vec<BoxType>,
}

/// The projects that a token sees; `None` is all of them.
pub(super) type Sight<'a> = Option<&'a BTreeSet<ObjectId>>;

/// A client as assertions want it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientView {
    /// Its identifier, not that of its house.
    pub id: ObjectId,
    /// Its code; empty when it has none.
    pub code: String,
    /// Its name; empty when it has none.
    pub name: String,
    /// 0 is OK, 1 is ERROR.
    pub status: u8,
    /// False for a port reservation.
    pub implanted: bool,
    /// The ONU's serial as written in OZmap; empty when there is none.
    pub serial: String,
    /// The ONU's MAC as written in OZmap; empty when there is none.
    pub mac: String,
    /// The read power of its first house, dBm.
    pub potency_read: Option<f64>,
    /// The name of the box or building of its first house; empty when there is none.
    #[serde(rename = "box")]
    pub box_name: String,
    /// The port of that box's splitter, counted from 1.
    pub port: Option<u32>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How many writes of the API reached it, those that changed nothing included.
    pub writes: u64,
}

/// What a write met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WriteError {
    NotFound,
    Invalid(String),
}

fn place_of<T>(rows: &[T], id: ObjectId, id_of: impl Fn(&T) -> ObjectId) -> Option<usize> {
    rows.binary_search_by_key(&id, id_of).ok()
}

fn sees(sight: Sight<'_>, project: ObjectId) -> bool {
    sight.is_none_or(|projects| projects.contains(&project))
}

impl Store {
    /// Adds a client; identifiers must come in ascending order.
    pub(super) fn add_client(&mut self, client: Client) {
        debug_assert!(self.clients.last().is_none_or(|last| last.id < client.id), "identifiers ascend");
        self.clients.push(client);
    }

    /// Adds a house; identifiers must come in ascending order.
    pub(super) fn add_property(&mut self, property: Property) {
        debug_assert!(self.properties.last().is_none_or(|last| last.id < property.id), "identifiers ascend");
        if let Some(client) = property.client {
            self.houses_of.entry(client).or_default().push(self.properties.len());
        }
        self.properties.push(property);
    }

    /// The clients that a token sees.
    pub(super) fn clients<'a>(&'a self, sight: Sight<'a>) -> impl Iterator<Item = &'a Client> + Clone {
        self.clients.iter().filter(move |client| sees(sight, client.project))
    }

    /// The houses that a token sees.
    pub(super) fn houses<'a>(&'a self, sight: Sight<'a>) -> impl Iterator<Item = House<'a>> + Clone {
        let seen = self.properties.iter().filter(move |property| sees(sight, property.project));
        seen.map(|property| self.with_client(property))
    }

    fn with_client<'a>(&'a self, property: &'a Property) -> House<'a> {
        House { property, client: property.client.and_then(|id| self.client(id, None)) }
    }

    /// A client by its identifier.
    pub(super) fn client<'a>(&'a self, id: ObjectId, sight: Sight<'_>) -> Option<&'a Client> {
        let client = self.clients.get(place_of(&self.clients, id, |client| client.id)?)?;
        sees(sight, client.project).then_some(client)
    }

    /// A house by its identifier.
    pub(super) fn house<'a>(&'a self, id: ObjectId, sight: Sight<'_>) -> Option<House<'a>> {
        let property = self.properties.get(place_of(&self.properties, id, |property| property.id)?)?;
        sees(sight, property.project).then(|| self.with_client(property))
    }

    /// The clients with that code, in the order of their identifiers.
    pub(super) fn clients_of_code<'a>(&'a self, code: &'a str, sight: Sight<'a>) -> impl Iterator<Item = &'a Client> {
        self.clients(sight).filter(move |client| client.code.as_deref() == Some(code))
    }

    /// The houses of a client.
    pub(super) fn houses_of_client<'a>(
        &'a self,
        client: ObjectId,
        sight: Sight<'a>,
    ) -> impl Iterator<Item = House<'a>> {
        let places = self.houses_of.get(&client).map(Vec::as_slice).unwrap_or_default();
        let properties = places.iter().filter_map(|place| self.properties.get(*place));
        properties.filter(move |property| sees(sight, property.project)).map(|property| self.with_client(property))
    }

    /// Changes a client; a refused patch changes nothing. `keep_time`: `updatedAt` stays when nothing is different.
    pub(super) fn patch_client(
        &mut self,
        id: ObjectId,
        patch: &ClientPatch,
        sight: Sight<'_>,
        now: Timestamp,
        keep_time: bool,
    ) -> Result<(), WriteError> {
        let place = place_of(&self.clients, id, |client| client.id).ok_or(WriteError::NotFound)?;
        let client = self.clients.get_mut(place).ok_or(WriteError::NotFound)?;
        if !sees(sight, client.project) {
            return Err(WriteError::NotFound);
        }
        patch.check(client).map_err(WriteError::Invalid)?;
        client.writes += 1;
        if patch.apply(client) || !keep_time {
            client.updated_at = now;
        }
        Ok(())
    }

    /// Changes a house, as [`patch_client`](Self::patch_client).
    pub(super) fn patch_property(
        &mut self,
        id: ObjectId,
        patch: &PropertyPatch,
        sight: Sight<'_>,
        now: Timestamp,
        keep_time: bool,
    ) -> Result<(), WriteError> {
        let place = place_of(&self.properties, id, |property| property.id).ok_or(WriteError::NotFound)?;
        let property = self.properties.get_mut(place).ok_or(WriteError::NotFound)?;
        if !sees(sight, property.project) {
            return Err(WriteError::NotFound);
        }
        if patch.apply(property) || !keep_time {
            property.updated_at = now;
        }
        Ok(())
    }

    /// Sets the status of every client of that code as another integration would; how many there were.
    pub(super) fn set_status(&mut self, code: &str, status: u8, now: Timestamp) -> usize {
        let mut found = 0;
        for client in self.clients.iter_mut().filter(|client| client.code.as_deref() == Some(code)) {
            client.status = status;
            client.updated_at = now;
            found += 1;
        }
        found
    }

    /// Turns the status of so many clients around, drawn by `random`.
    pub(super) fn flip_statuses(&mut self, clients: usize, random: &mut fastrand::Rng, now: Timestamp) {
        for _ in 0..clients {
            if let Some(client) = random.choice(self.clients.iter_mut()) {
                client.status = 1 - client.status.min(1);
                client.updated_at = now;
            }
        }
    }

    /// A client as assertions want it.
    pub(super) fn view(&self, client: &Client) -> ClientView {
        let (serial, mac) = match &client.onu {
            Onu::Present(onu) => (onu.serial_number.clone(), onu.mac_address.clone()),
            Onu::Null | Onu::Missing => (None, None),
        };
        let house = self.houses_of_client(client.id, None).next().map(|house| house.property);
        let box_id = house.and_then(|house| house.box_id);
        ClientView {
            id: client.id,
            code: client.code.clone().unwrap_or_default(),
            name: client.name.clone().unwrap_or_default(),
            status: client.status,
            implanted: client.implanted,
            serial: serial.unwrap_or_default(),
            mac: mac.unwrap_or_default(),
            potency_read: house.and_then(|house| house.potency_read).flatten(),
            box_name: box_id.and_then(|id| self.box_names.get(&id)).cloned().unwrap_or_default(),
            port: house.and_then(|house| house.connections.first()).map(|connection| connection.port),
            updated_at: client.updated_at,
            writes: client.writes,
        }
    }

    /// How many clients there are.
    pub(super) fn client_count(&self) -> usize {
        self.clients.len()
    }
}
