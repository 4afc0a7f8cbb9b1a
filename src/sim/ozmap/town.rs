//! A generated plant (`sim::plant`) as OZmap documents it: its things under their identifiers
//! ([`Entity`]), and its clients with their houses. Nothing of what is true and not documented gets in, but for the read
//! powers, which ONUs measured.

use super::elements::BASE_LOSS;
use super::model::{Client, Connection, IdKind, ObjectId, Onu, OnuData, PastClient, Property};
use super::plant::{JointKind, NewPlace, PlaceKind, Plant};
use super::seed::EPOCH;
use crate::model::{Dbm, Decibels, Metres};
use crate::sim::plant::{
    self as world, ClientIx, Element, End, Entity, FiberParent, Index as _, Technology, View, Wavelength,
};

/// What OZmap reckons for a fusion.
const FUSION: f64 = 0.03;

const NOTHING: Decibels = Decibels::from_thousandths(0);

fn decibels(loss: f64) -> Decibels {
    Decibels::new(loss).unwrap_or(NOTHING)
}

fn id(entity: Entity) -> ObjectId {
    ObjectId::from(entity)
}

/// The loss of a length of fibre, as OZmap reckons it.
fn fiber_loss(length: Metres) -> Decibels {
    decibels(length.get() / 1000.0 * BASE_LOSS)
}

/// Lays out a whole plant, before anything else is in `plant`: identifiers are places in tables.
pub(super) fn lay_out(town: &world::Plant, plant: &mut Plant, project: ObjectId) {
    for place in town.places.rows() {
        let (kind, level) = match place.kind {
            world::PlaceKind::Pop => (PlaceKind::Pop, 0),
            world::PlaceKind::Closure => (PlaceKind::Box, 1),
            world::PlaceKind::Cto => (PlaceKind::Box, 2),
        };
        let at = place.at.coords();
        let pole = Some(id(Entity::Pole(place.pole)));
        plant.add_place(NewPlace {
            kind,
            name: place.name.to_string(),
            coords: (at.lng, at.lat),
            level,
            project,
            pole,
        });
    }
    for cable in town.cables.rows() {
        let ends = [id(Entity::Place(cable.a)), id(Entity::Place(cable.b))];
        let length = Metres::new(f64::from(cable.documented_length)).unwrap_or(Metres::from_thousandths(0));
        let name = Some(cable.name.to_string());
        let added = plant.add_cable(name, ends, length, fiber_loss(length), cable.fiber_count);
        plant.hang(added, cable.poles.iter().map(|pole| id(Entity::Pole(*pole))).collect());
    }
    for (ix, client) in town.clients.iter() {
        let house = id(Entity::Property(ix));
        let place = client.documented.place.map_or(house, |place| id(Entity::Place(place)));
        let length = Metres::new(f64::from(client.documented.drop_length)).unwrap_or(Metres::from_thousandths(0));
        plant.add_cable(None, [place, house], length, fiber_loss(length), 1);
    }
    for fiber in town.fibers.rows() {
        let parent = match fiber.parent {
            FiberParent::Cable(cable) => Entity::Cable(cable),
            FiberParent::Drop(client) => Entity::Drop(client),
            FiberParent::Cord(place) => Entity::Place(place),
        };
        plant.add_strand(id(parent), fiber.number);
    }
    join(town, plant);
    for olt in town.olts.rows() {
        let number = plant.olts.len() + 1;
        let ip = format!("192.0.2.{}", number % 256);
        plant.add_olt(id(Entity::Place(olt.place)), olt.name.to_string(), ip);
    }
    for slot in town.slots.rows() {
        plant.add_slot(id(Entity::Olt(slot.olt)), slot.number);
    }
    for pon in town.pons.rows() {
        let added = plant.add_pon(id(Entity::Slot(pon.slot)), pon.number, pon.potency, 128);
        plant.plug(added, id(Entity::Fiber(pon.cord)));
    }
    end_strands(town, plant);
}

fn join(town: &world::Plant, plant: &mut Plant) {
    for joint in town.joints.rows() {
        let (kind, loss) = match joint.kind {
            _ if !joint.documented => (JointKind::Undocumented, NOTHING),
            world::JointKind::Fusion => (JointKind::Fusion, decibels(FUSION)),
            world::JointKind::Passing => (JointKind::Passing, NOTHING),
        };
        let [above, below] = joint.fibers.map(|fiber| id(Entity::Fiber(fiber)));
        let added = plant.add_joint(kind, id(Entity::Place(joint.place)), "", &[loss]);
        plant.lead_in(above, added, 1);
        plant.lead_out(added, 1, below);
    }
    for splitter in town.splitters.rows() {
        let losses: Vec<Decibels> =
            (0..splitter.ratio.outputs()).map(|output| decibels(f64::from(splitter.ratio.loss(output)))).collect();
        let name = format!("Splitter {}", splitter.number);
        let added = plant.add_joint(JointKind::Splitter, id(Entity::Place(splitter.place)), name, &losses);
        plant.lead_in(id(Entity::Fiber(splitter.input)), added, 1);
        for (port, output) in (1..).zip(&splitter.outputs) {
            if let Some(fiber) = output.documented {
                plant.lead_out(added, port, id(Entity::Fiber(fiber)));
            }
        }
    }
    for dio in town.dios.rows() {
        let losses = vec![NOTHING; dio.outputs.len()];
        let added = plant.add_joint(JointKind::Dio, id(Entity::Place(dio.place)), dio.name.to_string(), &losses);
        for (port, fiber) in (1..).zip(&dio.inputs) {
            if let Some(fiber) = fiber {
                plant.lead_in(id(Entity::Fiber(*fiber)), added, port);
            }
        }
        for (port, fiber) in (1..).zip(&dio.outputs) {
            if let Some(fiber) = fiber {
                plant.lead_out(added, port, id(Entity::Fiber(*fiber)));
            }
        }
    }
}

/// The ends of strands as documented: a joint that nobody entered ends none.
fn end_strands(town: &world::Plant, plant: &mut Plant) {
    let joint = |end: Option<End>| match end? {
        End::Pon(pon) => Some(id(Entity::Pon(pon))),
        End::DioInput(dio, _) | End::DioOutput(dio, _) => Some(id(Entity::Dio(dio))),
        End::Joint(joint) => Some(id(Entity::Joint(joint))),
        End::SplitterInput(splitter) | End::SplitterOutput(splitter, _) => Some(id(Entity::Splitter(splitter))),
        End::House(_) => None,
    };
    for (strand, fiber) in plant.strands.iter_mut().zip(town.fibers.rows()) {
        strand.ends =
            [town.upstream_end(fiber, View::Documented), town.downstream_end(fiber, View::Documented)].map(joint);
    }
}

/// A client of the plant with its house.
pub(super) fn inhabit(town: &world::Plant, ix: ClientIx, project: ObjectId) -> Option<(Client, Property)> {
    let client = town.clients.get(ix)?;
    let documented = &client.documented;
    let serial = client.serial().filter(|_| documented.serial).map(|serial| serial.to_string());
    let code = client.code.to_string();
    let row = Client {
        id: id(Entity::Client(ix)),
        code: Some(code.clone()),
        name: Some(client.name()),
        status: 0,
        implanted: true,
        certified: false,
        observation: String::new(),
        tags: Vec::new(),
        onu: Onu::Present(OnuData {
            id: Some(ObjectId::of(IdKind::PlantOnu, ix.number())),
            serial_number: Some(serial.unwrap_or_default()),
            mac_address: Some(String::new()),
            user_pppoe: Some(String::new()),
        }),
        cpe: None,
        external_id: None,
        made_by_api: false,
        created_at: EPOCH,
        updated_at: EPOCH,
        project,
        writes: 0,
    };
    let place = documented.place.and_then(|place| town.places.get(place));
    let at = client.house.coords();
    let house = Property {
        id: id(Entity::Property(ix)),
        client: Some(row.id),
        past_clients: vec![PastClient { id: row.id, code, entered: Some(EPOCH), left: None }],
        address: format!("Rua {}, {}", client.person, ix.place() + 1),
        observation: String::new(),
        tags: Vec::new(),
        coords: Some((at.lng, at.lat)),
        box_id: documented.place.map(|place| id(Entity::Place(place))),
        parent: None,
        drop_id: documented.port.map(|_| id(Entity::Drop(ix))),
        pole: place.map(|place| id(Entity::Pole(place.pole))),
        project,
        potency_read: Some(Some(read_power(town, client))),
        connections: documented
            .port
            .map(|port| Connection {
                splitter: id(Entity::Splitter(port.splitter)),
                name: format!("Splitter {}", town.splitters.get(port.splitter).map_or(1, |row| row.number)),
                port: u32::from(port.output) + 1,
                implanted: true,
                fiber: id(Entity::Fiber(client.drop)),
            })
            .into_iter()
            .collect(),
        created_at: EPOCH,
        updated_at: EPOCH,
    };
    Some((row, house))
}

/// What the ONU measured, dBm: the true launch power and losses, and its own error, in hundredths.
fn read_power(town: &world::Plant, client: &world::Client) -> f64 {
    let pon = town.pons.get(client.pon);
    let wave = match pon.map(|pon| pon.technology) {
        Some(Technology::XgsPon) => Wavelength::Nm1577,
        Some(Technology::Gpon) | None => Wavelength::Nm1490,
    };
    let loss: f32 =
        town.path(client, View::True).into_iter().map(|element: Element| town.true_loss(element, wave)).sum();
    let launch = pon.map_or(0.0, |pon: &world::Pon| Dbm::get(pon.launch));
    ((launch - f64::from(loss) + f64::from(client.rx_bias)) * 100.0).round() / 100.0
}
