//! What a simulated OZmap holds when it starts: an awkward handful, as many ordinary clients as wanted, or a list.
//! The same populations make the same OZmap, identifiers and times included.

use std::sync::Arc;

use serde::Deserialize;

use super::elements::PendencyType;
use super::error::SimError;
use super::grow::{Grower, Socket};
use super::model::{BoxType, Client, Connection, IdKind, ObjectId, Onu, OnuData, PastClient, Project, Property};
use super::plant::{NewPlace, PlaceKind, Plant};
use super::store::{Contents, Store};
use super::town;
use crate::model::{Dbm, Timestamp};
use crate::sim::plant::Plant as Town;

mod awkward;

/// Clients that one simulation holds at most.
const MAX_CLIENTS: usize = 2_000_000;

/// 2026-01-05T12:00:00Z: when everything was made.
pub(super) const EPOCH: Timestamp = Timestamp::from_millis(1_767_614_400_000);

/// Longitude and latitude of a place in Florianópolis.
const HOME: (f64, f64) = (-48.5273, -27.5786);

/// Clients to begin with.
#[derive(Debug, Clone, PartialEq)]
pub enum Population {
    /// One of everything that goes wrong in real data, for tests of a client of OZmap:
    ///
    /// | code | what is awkward |
    /// |---|---|
    /// | `10\|452`, `AB/12`, `casa 12 fundos`, `São-7`, `50%25+1?#&` | characters that a path must encode |
    /// | `ONU-EMPTY`, `ONU-NULL`, `ONU-MISSING`, `ONU-PARTIAL` | texts all empty; null; no key; a serial only |
    /// | `SN-LOWER`, `SN-HEX`, `SN-DASH`, `SN-SPACED`, `MAC-DOTTED` | `ztegc1b20001`, `0x5A544547C1B20002`, `ZTEG-C1B20003`, `" ZTEG C1B20004 "`, `aabb.ccdd.0005` and no serial |
    /// | `DUP-SN-1`, `DUP-SN-2` | the same serial, spelled in two ways |
    /// | `DUP-CODE` | twice, each with a house |
    /// | `NO-HOUSE` | a client without a property |
    /// | `TWO-HOUSES` | one client in two properties |
    /// | `APARTMENT` | `parent`, no coordinates |
    /// | `RESERVED` | `implanted` is false |
    /// | `ALREADY-ERROR` | status 1 |
    /// | `JOSÉ` | `José Ñandú 北京 🙂` |
    /// | `NO-NAME` | no `name` |
    /// | `EXTERNAL` | `external_id`, `cpe`, `creatorData`, tags |
    /// | `NORTE-1` | in project `Norte`; all others are in `Centro` |
    /// | `UNCONNECTED` | a house without drop and connection: no trace |
    /// | `NO-PON` | a path that stops before the PON |
    /// | `A-189` and others at the end | on a PON of which nobody entered the launch power |
    /// | (none) | a client without a code; a house without a client |
    ///
    /// and 90 ordinary ones, `A-100` to `A-189`, so that there are more than three pages of 25.
    Awkward,
    /// That many ordinary clients, codes from `10001` on, all with a house, a serial and a read power; about one in
    /// a hundred is a reservation.
    Generated {
        /// How many.
        clients: usize,
        /// Draws names, serials, places and powers.
        seed: u64,
    },
    /// These, each in a house of its own.
    List(Vec<SeedClient>),
    /// The clients of a generated plant, and the plant as it is documented: its things under the identifiers of
    /// [`Entity`](crate::sim::plant::Entity). One at most.
    Plant(Arc<Town>),
}

impl Population {
    /// That many ordinary clients.
    #[must_use]
    pub fn clients(clients: usize, seed: u64) -> Self {
        Self::Generated { clients, seed }
    }

    fn len(&self) -> usize {
        match self {
            Self::Awkward => 130,
            Self::Generated { clients, .. } => *clients,
            Self::List(list) => list.len(),
            Self::Plant(town) => town.clients.rows().len(),
        }
    }
}

/// A client of a list. In files: its fields by name, all but `code` optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedClient {
    /// The code, free text.
    pub code: String,
    /// The name, free text.
    #[serde(default)]
    pub name: String,
    /// The ONU's serial in any spelling; empty for none.
    #[serde(default)]
    pub serial: String,
    /// The ONU's MAC in any spelling; empty for none.
    #[serde(default)]
    pub mac: String,
    /// The PPPoE user; empty for none.
    #[serde(default)]
    pub pppoe: String,
    /// Whether it shows ERROR from the start.
    #[serde(default)]
    pub error: bool,
    /// Whether it is a reservation, `implanted: false`.
    #[serde(default)]
    pub reserved: bool,
}

impl SeedClient {
    /// A client with a code and a name and no ONU yet.
    pub fn new(code: impl Into<String>, name: impl Into<String>) -> Self {
        Self { code: code.into(), name: name.into(), ..Self::default() }
    }

    /// With an ONU of that serial.
    #[must_use]
    pub fn serial(mut self, serial: impl Into<String>) -> Self {
        self.serial = serial.into();
        self
    }

    /// With an ONU of that MAC.
    #[must_use]
    pub fn mac(mut self, mac: impl Into<String>) -> Self {
        self.mac = mac.into();
        self
    }

    fn onu(&self, id: ObjectId) -> OnuData {
        OnuData {
            id: Some(id),
            serial_number: Some(self.serial.clone()),
            mac_address: Some(self.mac.clone()),
            user_pppoe: Some(self.pppoe.clone()),
        }
    }
}

/// Makes the store of these populations.
///
/// # Errors
/// [`SimError::TooManyClients`].
pub(super) fn build(populations: &[Population]) -> Result<Store, SimError> {
    let asked = populations.iter().map(Population::len).fold(0, usize::saturating_add);
    if asked > MAX_CLIENTS {
        return Err(SimError::TooManyClients { asked, most: MAX_CLIENTS });
    }
    let towns: Vec<&Town> = populations
        .iter()
        .filter_map(|population| match population {
            Population::Plant(town) => Some(town.as_ref()),
            _ => None,
        })
        .collect();
    if towns.len() > 1 {
        return Err(SimError::TwoPlants);
    }
    let mut builder = Builder::new(towns.first().copied());
    for population in populations {
        match population {
            // It is there already.
            Population::Plant(_) => {}
            Population::Awkward => builder.awkward(),
            Population::Generated { clients, seed } => builder.generated(*clients, *seed),
            Population::List(list) => list.iter().for_each(|client| {
                builder.plain(client);
            }),
        }
    }
    Ok(builder.finish())
}

struct Builder {
    contents: Contents,
    grower: Grower,
    clients: u32,
    properties: u32,
    /// What physics gives the house that was made last.
    arriving: Dbm,
    centro: ObjectId,
    norte: ObjectId,
    building: ObjectId,
}

impl Builder {
    /// Begins with a generated plant, if there is one.
    fn new(town: Option<&Town>) -> Self {
        let (centro, norte) = (ObjectId::of(IdKind::Project, 1), ObjectId::of(IdKind::Project, 2));
        let mut plant = Plant::default();
        let mut contents = Contents::default();
        if let Some(found) = town {
            town::lay_out(found, &mut plant, centro);
            let people = found.clients.keys().filter_map(|client| town::inhabit(found, client, centro));
            (contents.clients, contents.properties) = people.unzip();
        }
        let mut grower = Grower::new(plant, centro);
        let building = grower.plant.add_place(NewPlace {
            kind: PlaceKind::Building,
            name: "Edifício Aurora".to_owned(),
            coords: HOME,
            level: 2,
            project: centro,
            pole: None,
        });
        contents.projects.push(Project { id: centro, name: "Centro".to_owned() });
        contents.projects.push(Project { id: norte, name: "Norte".to_owned() });
        for (sequence, (code, description, level)) in
            [("CTO", "Caixa de atendimento", 2), ("CEO", "Caixa de emenda", 1)].into_iter().enumerate()
        {
            contents.box_types.push(BoxType {
                id: ObjectId::of(IdKind::BoxType, to_u32(sequence + 1)),
                code: code.to_owned(),
                prefix: code.to_owned(),
                description: description.to_owned(),
                default_level: level,
                default_reserve: 10,
                created_at: EPOCH,
            });
        }
        for (sequence, (name, color)) in [("Rompimento", "#ff0000"), ("Manutenção", "#ffdd00")].into_iter().enumerate()
        {
            let id = ObjectId::of(IdKind::PendencyType, to_u32(sequence + 1));
            contents.pendency_types.push(PendencyType { id, name, color });
        }
        let arriving = Dbm::from_thousandths(0);
        Self { contents, grower, clients: 0, properties: 0, arriving, centro, norte, building }
    }

    fn finish(self) -> Store {
        Store::new(Contents { plant: self.grower.plant, ..self.contents })
    }

    /// The client of a list, not yet in the store.
    fn client(&mut self, seed: &SeedClient) -> Client {
        self.clients += 1;
        Client {
            id: ObjectId::of(IdKind::Client, self.clients),
            code: Some(seed.code.clone()),
            name: Some(seed.name.clone()),
            status: u8::from(seed.error),
            implanted: !seed.reserved,
            certified: false,
            observation: String::new(),
            tags: Vec::new(),
            onu: Onu::Present(seed.onu(ObjectId::of(IdKind::Onu, self.clients))),
            cpe: None,
            external_id: None,
            made_by_api: false,
            created_at: EPOCH,
            updated_at: EPOCH,
            project: self.centro,
            writes: 0,
        }
    }

    /// A house for that client on the next free port, not yet in the store.
    fn house(&mut self, client: Option<&Client>) -> Property {
        self.house_by(client, Grower::connect)
    }

    fn house_by(
        &mut self,
        client: Option<&Client>,
        connect: impl FnOnce(&mut Grower, ObjectId, (f64, f64)) -> Socket,
    ) -> Property {
        self.properties += 1;
        let sequence = self.properties;
        // A grid of about 20 m, some hundred houses wide, north and east of home.
        let (column, row) = (f64::from(sequence % 300), f64::from(sequence / 300));
        let at = (micro(HOME.0 + column * 0.0002), micro(HOME.1 + row * 0.0002));
        let id = ObjectId::of(IdKind::Property, sequence);
        let socket = connect(&mut self.grower, id, at);
        self.arriving = socket.arriving;
        Property {
            id,
            client: client.map(|client| client.id),
            past_clients: client
                .map(|client| PastClient {
                    id: client.id,
                    code: client.code.clone().unwrap_or_default(),
                    entered: Some(EPOCH),
                    left: None,
                })
                .into_iter()
                .collect(),
            address: format!("Rua A, {sequence}"),
            observation: String::new(),
            tags: Vec::new(),
            coords: Some(at),
            box_id: Some(socket.box_id),
            parent: None,
            drop_id: Some(socket.drop),
            pole: Some(socket.pole),
            project: client.map_or(self.centro, |client| client.project),
            potency_read: None,
            connections: vec![Connection {
                splitter: socket.splitter,
                name: "Splitter 1".to_owned(),
                port: socket.port,
                implanted: true,
                fiber: socket.fiber,
            }],
            created_at: EPOCH,
            updated_at: EPOCH,
        }
    }

    /// A client of a list in a house of its own.
    fn plain(&mut self, seed: &SeedClient) {
        self.with(seed, |_| {}, |_| {});
    }

    /// The same, changed by the caller before both are stored.
    fn with(&mut self, seed: &SeedClient, client: impl FnOnce(&mut Client), house: impl FnOnce(&mut Property)) {
        let mut made = self.client(seed);
        client(&mut made);
        let mut property = self.house(Some(&made));
        house(&mut property);
        self.contents.clients.push(made);
        self.contents.properties.push(property);
    }

    fn generated(&mut self, clients: usize, seed: u64) {
        const FIRST: [&str; 12] = [
            "Maria",
            "José",
            "Ana",
            "João",
            "Antônia",
            "Francisco",
            "Luíza",
            "Carlos",
            "Inês",
            "Paulo",
            "Zélia",
            "Davi",
        ];
        const LAST: [&str; 12] = [
            "Souza",
            "Silva",
            "Santos",
            "Oliveira",
            "Pereira",
            "Lima",
            "Araújo",
            "Conceição",
            "Ramos",
            "Nuñez",
            "Gonçalves",
            "Alves",
        ];
        const VENDORS: [&str; 5] = ["HWTC", "ZTEG", "ALCL", "FHTT", "VSOL"];
        let mut random = fastrand::Rng::with_seed(seed);
        // Multiplication by an odd number runs through all 32-bit values: serials look drawn and never repeat.
        let salt = random.u32(..);
        for index in 1..=to_u32(clients) {
            let pick = |random: &mut fastrand::Rng, from: &[&'static str]| {
                random.choice(from.iter().copied()).unwrap_or_default()
            };
            let name = format!("{} {}", pick(&mut random, &FIRST), pick(&mut random, &LAST));
            let tail = index.wrapping_mul(2_654_435_761) ^ salt;
            let seed = SeedClient {
                code: (u64::from(index) + 10_000).to_string(),
                pppoe: format!("user{}", u64::from(index) + 10_000),
                name,
                serial: format!("{}{tail:08X}", pick(&mut random, &VENDORS)),
                reserved: random.u32(..100) == 0,
                ..SeedClient::default()
            };
            let made = self.client(&seed);
            let mut house = self.house(Some(&made));
            // What an ONU reads of it: within a decibel, in hundredths.
            let read = self.arriving.get() + random.f64() * 2.0 - 1.0;
            house.potency_read = Some(Some((read * 100.0).round() / 100.0));
            self.contents.clients.push(made);
            self.contents.properties.push(house);
        }
    }
}

/// Degrees in millionths, as people's tools write them.
fn micro(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// The bound on clients lies far below.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_clients_and_another_seed_others() {
        let views = |seed| {
            let store = build(&[Population::clients(200, seed)]).unwrap();
            store.clients(None).map(|client| store.view(client)).collect::<Vec<_>>()
        };
        assert_eq!(views(1), views(1));
        assert_ne!(views(1), views(2));
    }

    #[test]
    fn generated_clients_have_serials_of_their_own_and_sixteen_share_a_box() {
        let store = build(&[Population::clients(5000, 3)]).unwrap();
        let views: Vec<_> = store.clients(None).map(|client| store.view(client)).collect();
        assert_eq!(views.iter().map(|view| &view.serial).collect::<HashSet<_>>().len(), 5000);
        assert!(views.iter().all(|view| view.serial.parse::<crate::model::Serial>().is_ok()));
        assert_eq!(views.iter().filter(|view| view.box_name == "CTO 2").count(), 16);
        assert!(views.iter().all(|view| view.potency_read.is_some_and(|power| (-27.0..=-15.0).contains(&power))));
        assert!(views.iter().any(|view| !view.implanted));
    }

    #[test]
    fn populations_add_up() {
        let list = vec![SeedClient::new("7", "x").mac("aa:bb:cc:dd:ee:ff")];
        let store = build(&[Population::Awkward, Population::clients(10, 0), Population::List(list)]).unwrap();
        let last = store.clients(None).last().unwrap();
        assert_eq!(store.view(last).mac, "aa:bb:cc:dd:ee:ff");
        assert!(store.client_count() <= Population::Awkward.len() + 11);
        assert!(store.client_count() > 3 * 25 + 11);
    }

    #[test]
    fn too_many_clients_are_refused_before_any_is_made() {
        let error = build(&[Population::clients(usize::MAX, 0), Population::clients(5, 0)]).unwrap_err();
        assert!(matches!(error, SimError::TooManyClients { .. }));
    }
}
