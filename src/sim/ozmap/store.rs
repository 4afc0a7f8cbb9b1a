//! Everything that the simulated OZmap holds, and the only ways to change it.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;
use serde_json::{Map, Value};

use super::elements::PendencyType;
use super::fields::House;
use super::filter::Test;
use super::index::{TextIndex, code, serial};
use super::marks::{MAX_MARKS, Mark};
use super::model::{BoxType, Client, IdKind, ObjectId, Onu, Project, Property};
use super::patch::{ClientPatch, PropertyPatch};
use super::plant::{Plant, next_id};
use super::rows::{Scans, to_usize};
use crate::model::Timestamp;

/// Changes of statuses that are kept.
const KEPT_CHANGES: usize = 200_000;

/// The collections, each in the order of its identifiers.
#[derive(Debug)]
pub(super) struct Store {
    clients: Vec<Client>,
    properties: Vec<Property>,
    by_code: TextIndex,
    by_serial: TextIndex,
    /// Places in `properties` by client, in the order of the clients.
    houses_of: Vec<(ObjectId, u32)>,
    pub(super) plant: Plant,
    pub(super) projects: Vec<Project>,
    pub(super) box_types: Vec<BoxType>,
    pub(super) pendency_types: Vec<PendencyType>,
    pub(super) pendencies: Vec<Mark>,
    pub(super) posts: Vec<Mark>,
    changes: VecDeque<StatusChange>,
    changed: u64,
    version: u64,
    marks_version: u64,
    pub(super) scans: RefCell<Scans>,
}

/// What a store is made of.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) clients: Vec<Client>,
    pub(super) properties: Vec<Property>,
    pub(super) plant: Plant,
    pub(super) projects: Vec<Project>,
    pub(super) box_types: Vec<BoxType>,
    pub(super) pendency_types: Vec<PendencyType>,
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

/// Whose write changed a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangedBy {
    /// A request of the API.
    Api,
    /// What plays another integration: the fault, the control endpoint, or the handle.
    Other,
}

/// A client's status became another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// Counted from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Which client.
    pub client: ObjectId,
    /// What it shows since: 0 is OK, 1 is ERROR.
    pub status: u8,
    /// Who did it.
    pub by: ChangedBy,
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
    /// Of these contents.
    pub(super) fn new(contents: Contents) -> Self {
        let Contents { mut clients, mut properties, plant, projects, box_types, pendency_types } = contents;
        clients.sort_by_key(|client| client.id);
        properties.sort_by_key(|property| property.id);
        let mut houses_of: Vec<(ObjectId, u32)> =
            (0..).zip(&properties).filter_map(|(place, property)| Some((property.client?, place))).collect();
        houses_of.sort_unstable();
        Self {
            by_code: TextIndex::new(code, &clients),
            by_serial: TextIndex::new(serial, &clients),
            houses_of,
            clients,
            properties,
            plant,
            projects,
            box_types,
            pendency_types,
            pendencies: Vec::new(),
            posts: Vec::new(),
            changes: VecDeque::new(),
            changed: 0,
            version: 1,
            marks_version: 1,
            scans: RefCell::default(),
        }
    }

    /// A number that every change raises.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// A number that every change of a pendency or post raises.
    pub(super) fn marks_version(&self) -> u64 {
        self.marks_version
    }

    /// How many clients there are.
    pub(super) fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// How many houses there are.
    pub(super) fn property_count(&self) -> usize {
        self.properties.len()
    }

    /// How many houses come before those of a generated plant.
    pub(super) fn own_houses(&self) -> usize {
        self.properties.partition_point(|property| property.id < ObjectId::of(IdKind::PlantProperty, 0))
    }

    /// The clients that a token sees.
    pub(super) fn clients<'a>(&'a self, sight: Sight<'a>) -> impl Iterator<Item = &'a Client> + Clone {
        self.clients.iter().filter(move |client| sees(sight, client.project))
    }

    /// The client at a place, if the token sees it.
    pub(super) fn client_at<'a>(&'a self, place: usize, sight: Sight<'_>) -> Option<&'a Client> {
        self.clients.get(place).filter(|client| sees(sight, client.project))
    }

    /// The house at a place, if the token sees it.
    pub(super) fn house_at<'a>(&'a self, place: usize, sight: Sight<'_>) -> Option<House<'a>> {
        let property = self.properties.get(place).filter(|property| sees(sight, property.project))?;
        Some(House { property, client: property.client.and_then(|id| self.client(id, None)) })
    }

    /// The place of a client.
    pub(super) fn client_place(&self, id: ObjectId) -> Option<usize> {
        place_of(&self.clients, id, |client| client.id)
    }

    /// The place of a house.
    pub(super) fn property_place(&self, id: ObjectId) -> Option<usize> {
        place_of(&self.properties, id, |property| property.id)
    }

    /// A client by its identifier.
    pub(super) fn client<'a>(&'a self, id: ObjectId, sight: Sight<'_>) -> Option<&'a Client> {
        self.client_at(self.client_place(id)?, sight)
    }

    /// A house by its identifier.
    pub(super) fn house<'a>(&'a self, id: ObjectId, sight: Sight<'_>) -> Option<House<'a>> {
        self.house_at(self.property_place(id)?, sight)
    }

    /// The clients with that code, in the order of their identifiers.
    pub(super) fn clients_of_code<'a>(&'a self, code: &str, sight: Sight<'a>) -> impl Iterator<Item = &'a Client> {
        let places = self.by_code.find(&self.clients, code).iter();
        places.filter_map(move |place| self.client_at(to_usize(*place), sight))
    }

    /// Places of the only clients that can pass a test of a text, when there is an index for it.
    pub(super) fn clients_of_text(&self, path: &str, test: &Test) -> Option<Vec<u32>> {
        let index = match path {
            "code" => &self.by_code,
            "onu.serial_number" => &self.by_serial,
            _ => return None,
        };
        Some(test.texts()?.into_iter().flat_map(|text| index.find(&self.clients, text)).copied().collect())
    }

    /// Places of the houses of a client.
    pub(super) fn property_places_of(&self, client: ObjectId) -> impl Iterator<Item = &u32> {
        let from = self.houses_of.partition_point(|(other, _)| *other < client);
        let rest = self.houses_of.get(from..).unwrap_or_default().iter();
        rest.take_while(move |(other, _)| *other == client).map(|(_, place)| place)
    }

    /// The houses of a client.
    pub(super) fn houses_of_client<'a>(
        &'a self,
        client: ObjectId,
        sight: Sight<'a>,
    ) -> impl Iterator<Item = House<'a>> {
        self.property_places_of(client).filter_map(move |place| self.house_at(to_usize(*place), sight))
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
        let place = self.client_place(id).ok_or(WriteError::NotFound)?;
        let client = self.client_at(place, sight).ok_or(WriteError::NotFound)?;
        patch.check(client).map_err(WriteError::Invalid)?;
        let before = client.status;
        let index = u32::try_from(place).ok().filter(|_| patch.renames());
        if let Some(index) = index {
            self.by_code.remove(&self.clients, index);
            self.by_serial.remove(&self.clients, index);
        }
        let mut after = before;
        if let Some(client) = self.clients.get_mut(place) {
            client.writes += 1;
            if patch.apply(client) || !keep_time {
                client.updated_at = now;
            }
            after = client.status;
        }
        if let Some(index) = index {
            self.by_code.insert(&self.clients, index);
            self.by_serial.insert(&self.clients, index);
        }
        self.version += 1;
        if before != after {
            self.note(id, after, now, ChangedBy::Api);
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
        let place = self.property_place(id).ok_or(WriteError::NotFound)?;
        let property = self.properties.get_mut(place).ok_or(WriteError::NotFound)?;
        if !sees(sight, property.project) {
            return Err(WriteError::NotFound);
        }
        if patch.apply(property) || !keep_time {
            property.updated_at = now;
        }
        self.version += 1;
        Ok(())
    }

    fn note(&mut self, client: ObjectId, status: u8, at: Timestamp, by: ChangedBy) {
        self.changed += 1;
        self.changes.push_back(StatusChange { number: self.changed, at, client, status, by });
        if self.changes.len() > KEPT_CHANGES {
            self.changes.pop_front();
        }
    }

    /// The changes of statuses after the one of that number, oldest first.
    pub(super) fn changes_since(&self, number: u64) -> Vec<StatusChange> {
        let first = self.changes.partition_point(|change| change.number <= number);
        self.changes.range(first..).cloned().collect()
    }

    fn set_at(&mut self, place: usize, status: u8, now: Timestamp) {
        let Some(client) = self.clients.get_mut(place) else { return };
        let (id, changed) = (client.id, client.status != status);
        client.status = status;
        client.updated_at = now;
        self.version += 1;
        if changed {
            self.note(id, status, now, ChangedBy::Other);
        }
    }

    /// Sets the status of every client of that code as another integration would; how many there were.
    pub(super) fn set_status(&mut self, code: &str, status: u8, now: Timestamp) -> usize {
        let places = self.by_code.find(&self.clients, code).to_vec();
        places.iter().for_each(|place| self.set_at(to_usize(*place), status, now));
        places.len()
    }

    /// Sets the status of that client as another integration would; whether there is such a client.
    pub(super) fn set_status_of(&mut self, id: ObjectId, status: u8, now: Timestamp) -> bool {
        let place = self.client_place(id);
        if let Some(place) = place {
            self.set_at(place, status, now);
        }
        place.is_some()
    }

    /// Turns the status of so many clients around, drawn by `random`.
    pub(super) fn flip_statuses(&mut self, clients: usize, random: &mut fastrand::Rng, now: Timestamp) {
        for _ in 0..clients {
            if let Some(place) = random.choice(0..self.clients.len())
                && let Some(status) = self.clients.get(place).map(|client| 1 - client.status.min(1))
            {
                self.set_at(place, status, now);
            }
        }
    }

    /// Keeps a new pendency or post.
    pub(super) fn add_mark(
        &mut self,
        kind: IdKind,
        fields: Map<String, Value>,
        now: Timestamp,
    ) -> Result<&Mark, WriteError> {
        let project = fields.get("project").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(id) = project
            && !self.projects.iter().any(|known| known.id == id)
        {
            return Err(WriteError::Invalid("project: there is no such project".to_owned()));
        }
        self.check_type(&fields)?;
        let marks = if kind == IdKind::Post { &mut self.posts } else { &mut self.pendencies };
        if marks.len() >= MAX_MARKS {
            return Err(WriteError::Invalid(format!("at most {MAX_MARKS} are kept")));
        }
        let id = next_id(marks, kind);
        self.version += 1;
        self.marks_version += 1;
        marks.push(Mark { id, project, fields, created_at: now, updated_at: now });
        marks.last().ok_or(WriteError::NotFound)
    }

    fn check_type(&self, fields: &Map<String, Value>) -> Result<(), WriteError> {
        let Some(wanted) = fields.get("pendencyType").and_then(Value::as_str) else { return Ok(()) };
        if self.pendency_types.iter().any(|known| known.id.to_string() == wanted) {
            return Ok(());
        }
        Err(WriteError::Invalid("pendencyType: there is no such kind".to_owned()))
    }

    /// Changes fields of a pendency.
    pub(super) fn patch_pendency(
        &mut self,
        id: ObjectId,
        fields: Map<String, Value>,
        sight: Sight<'_>,
        now: Timestamp,
    ) -> Result<(), WriteError> {
        self.check_type(&fields)?;
        let place = place_of(&self.pendencies, id, |mark| mark.id).ok_or(WriteError::NotFound)?;
        let mark = self.pendencies.get_mut(place).ok_or(WriteError::NotFound)?;
        if !mark.project.is_none_or(|project| sees(sight, project)) {
            return Err(WriteError::NotFound);
        }
        mark.fields.extend(fields);
        mark.updated_at = now;
        self.version += 1;
        self.marks_version += 1;
        Ok(())
    }

    /// A client as assertions want it.
    pub(super) fn view(&self, client: &Client) -> ClientView {
        let (serial, mac) = match &client.onu {
            Onu::Present(onu) => (onu.serial_number.clone(), onu.mac_address.clone()),
            Onu::Null | Onu::Missing => (None, None),
        };
        let house = self.houses_of_client(client.id, None).next().map(|house| house.property);
        let place = house.and_then(|house| house.box_id).and_then(|id| self.plant.place(id));
        ClientView {
            id: client.id,
            code: client.code.clone().unwrap_or_default(),
            name: client.name.clone().unwrap_or_default(),
            status: client.status,
            implanted: client.implanted,
            serial: serial.unwrap_or_default(),
            mac: mac.unwrap_or_default(),
            potency_read: house.and_then(|house| house.potency_read).flatten(),
            box_name: place.map(|place| place.name.clone()).unwrap_or_default(),
            port: house.and_then(|house| house.connections.first()).map(|connection| connection.port),
            updated_at: client.updated_at,
            writes: client.writes,
        }
    }
}
