//! An OLT of a world as an SNMP agent shows it: rows in its family's encoding, kept true while the world goes on.

use std::sync::Arc;

use super::state::World;
use crate::mib::Profile;
use crate::model::{PonId, Reading};
use crate::sim::olt::{MibView, Rows, SYS_UP_TIME};
use crate::sim::plant::{ClientIx, OltIx, PonIx};
use crate::snmp::{Oid, Value};

const SYS_DESCR: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 1, 0];
const SYS_OBJECT_ID: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 2, 0];
const SYS_NAME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 5, 0];

/// One of a world's OLTs, as its agent serves it.
#[derive(Debug)]
pub struct ServedOlt {
    olt: OltIx,
    profile: Arc<Profile>,
    view: MibView,
    /// Its ports, with their names in the family's way.
    pons: Vec<(PonIx, Option<PonId>)>,
    /// Its clients in the order of their rows: the port's place in `pons`, and the number on it from 0 on.
    onus: Vec<(ClientIx, usize, u32)>,
    /// Of each client, in the same order, the rows that it has now.
    rows: Vec<Vec<Oid>>,
}

impl ServedOlt {
    /// The OLT as it is now, in this family's encoding. `None` when the profile does not say how such an OLT introduces itself, or
    /// when there is no such OLT.
    #[must_use]
    pub fn new(world: &World, olt: OltIx, profile: Arc<Profile>) -> Option<Self> {
        let (sys_object_id, sys_descr) = profile.example_identity()?;
        let name = &world.ground().plant().olts.get(olt)?.name;
        let text = |text: &str| Value::OctetString(text.as_bytes().into());
        let mut rows = Rows::default();
        rows.set(Oid::new(&SYS_DESCR), text(&sys_descr));
        rows.set(Oid::new(&SYS_OBJECT_ID), Value::ObjectId(sys_object_id));
        rows.set(Oid::new(&SYS_NAME), text(name));
        for column in profile.columns() {
            for oid in column.oid.into_iter().chain(column.then) {
                rows.declare(oid.clone());
            }
        }
        let plant = world.ground().plant();
        let name_of = |pon: PonIx| {
            let row = plant.pons.get(pon)?;
            let card = plant.slots.get(row.slot)?.number.saturating_sub(1);
            profile.example_port(u32::from(card), u32::from(row.number), row.place)
        };
        let pons: Vec<(PonIx, Option<PonId>)> = world.ground().pons_of(olt).map(|pon| (pon, name_of(pon))).collect();
        let mut onus = Vec::new();
        for (port, (pon, _)) in pons.iter().enumerate() {
            let clients = world.ground().on_pon(*pon).iter();
            onus.extend((0..).zip(clients).map(|(number, client)| (*client, port, number)));
        }
        let count = onus.len();
        let mut served = Self { olt, profile, view: MibView::new(rows), pons, onus, rows: vec![Vec::new(); count] };
        served.show_all(world);
        Some(served)
    }

    /// Which OLT it is.
    #[must_use]
    pub const fn olt(&self) -> OltIx {
        self.olt
    }

    /// What its agent serves.
    #[must_use]
    pub const fn view(&self) -> &MibView {
        &self.view
    }

    /// Its ports, each with its name in the family's way; `None` where the family shows none.
    #[must_use]
    pub fn pons(&self) -> &[(PonIx, Option<PonId>)] {
        &self.pons
    }

    /// The family's name for people.
    #[must_use]
    pub fn family(&self) -> &str {
        self.profile.title()
    }

    /// How many ONUs it has.
    #[must_use]
    pub fn onu_count(&self) -> usize {
        self.onus.len()
    }

    /// Shows all values as they are now: levels move all the time.
    pub fn show_all(&mut self, world: &World) {
        self.show(world, |_| true);
    }

    /// Shows these clients as they are now; those of other OLTs are passed over. `clients` are in order, as
    /// [`World::advance`] gives them.
    pub fn show_clients(&mut self, world: &World, clients: &[ClientIx]) {
        if !clients.is_empty() {
            self.show(world, |client| clients.binary_search(&client).is_ok());
        }
    }

    /// Shows how long it has been running.
    pub fn show_uptime(&self, world: &World) {
        let uptime = world.uptime(self.olt).unwrap_or_default();
        // sysUpTime counts hundredths of a second, and begins anew after 497 days.
        let hundredths = u32::try_from((uptime.as_millis() / 10) & u128::from(u32::MAX)).unwrap_or_default();
        self.view.set(Oid::new(SYS_UP_TIME), Value::TimeTicks(hundredths));
    }

    fn show(&mut self, world: &World, wanted: impl Fn(ClientIx) -> bool) {
        let mut gone: Vec<Oid> = Vec::new();
        let mut new = Vec::new();
        for (position, ((client, port, number), rows)) in (0..).zip(self.onus.iter().zip(&mut self.rows)) {
            if !wanted(*client) {
                continue;
            }
            let pon = self.pons.get(*port).and_then(|(_, id)| *id);
            let Some(reading) = shown(world, &self.profile, *client, (pon, *number, position)) else { continue };
            let encoded = self.profile.encode_onu_of(None, &reading, position);
            let names: Vec<Oid> = encoded.iter().map(|row| row.oid.clone()).collect();
            gone.extend(rows.iter().filter(|oid| !names.contains(oid)).cloned());
            *rows = names;
            new.extend(encoded);
        }
        for (pon, id) in &self.pons {
            if let (Some(id), Some(mut reading)) = (id, world.pon_reading(*pon)) {
                reading.pon = *id;
                reading.name = Some(Arc::from(format!("PON {id}")));
                new.extend(self.profile.encode_pon_of(None, &reading));
            }
        }
        self.view.update(|rows| {
            for oid in &gone {
                rows.remove(oid);
            }
            for row in new {
                rows.set(row.oid, row.value);
            }
        });
        self.show_uptime(world);
    }
}

/// A client's reading, named as its family names ports and ONUs.
fn shown(
    world: &World,
    profile: &Profile,
    client: ClientIx,
    (pon, number, position): (Option<PonId>, u32, u32),
) -> Option<Reading> {
    let mut reading = world.reading(client)?;
    let row = world.ground().plant().clients.get(client)?;
    let [a, b, c, d] = row.serial_number.to_be_bytes();
    reading.mac =
        crate::model::Mac::from_octets(&[0x02, 0x4f, a, b, c, d]).map_err(|_| crate::model::Unread::Malformed);
    reading.pon = pon;
    reading.onu =
        Some(if pon.is_some() { profile.example_onu(number, position) } else { client.number().saturating_add(1) });
    reading.mask_levels_while_down();
    Some(reading)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mib::Library;
    use crate::model::Timestamp;
    use crate::sim::plant::{Index, Plant, PlantOptions};
    use crate::sim::world::{Action, Fault, Ground, WorldOptions};

    #[test]
    fn what_an_agent_serves_follows_the_world() {
        let library = Library::load(None).unwrap();
        let start = Timestamp::from_millis(1_800_000_000_000);
        for family in ["huawei-smartax", "zte-c300-c320", "vsol-epon"] {
            let profile = library.get(family).unwrap();
            let ground = Arc::new(Ground::new(Plant::generate(&PlantOptions::new(150, 2)).unwrap()));
            let client = ground.on_pon(PonIx::from_place(0))[4];
            let fault =
                Fault { action: Action::Drop { client }, at: start, until: Some(start + Duration::from_secs(60)) };
            let mut world = World::new(ground, WorldOptions::new(1, start), &[fault]);
            let mut served = ServedOlt::new(&world, OltIx::from_place(0), Arc::clone(profile)).unwrap();
            assert_eq!(served.onu_count(), 150);
            let rows = |served: &ServedOlt| served.view().read(Clone::clone);
            let before = rows(&served);
            let changed = world.advance(start + Duration::from_secs(10));
            assert_eq!(changed, [client]);
            served.show_clients(&world, &changed);
            let down = rows(&served);
            let differing = down.iter().filter(|(oid, value)| before.get(oid) != Some(value)).count();
            assert!((1..20).contains(&differing), "{family}: {differing} of {}", before.len());
            let changed = world.advance(start + Duration::from_secs(120));
            served.show_clients(&world, &changed);
            let names = |rows: &Rows| rows.iter().map(|(oid, _)| oid.clone()).collect::<Vec<_>>();
            assert!(names(&before).iter().all(|oid| rows(&served).get(oid).is_some()), "{family}");
            let Some(Value::TimeTicks(ticks)) = served.view().get(&Oid::new(SYS_UP_TIME)) else { panic!() };
            assert_eq!(u64::from(ticks), world.uptime(OltIx::from_place(0)).unwrap().as_secs() * 100);
        }
    }
}
