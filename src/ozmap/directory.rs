//! Our copy of OZmap's clients, indexed by the keys that ONUs share with them. Pure: rows come in, look-ups go out.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::ids::{ClientId, ElementId, PropertyId, Status};
use super::rows::{PropertyRow, Row};
use crate::model::{Dbm, Mac, Serial, Timestamp};

/// A client with the house it is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClientEntry {
    /// The client.
    pub id: ClientId,
    /// Its code, trimmed: the contract's number at most providers, but any text may stand here.
    pub code: Option<Arc<str>>,
    /// The subscriber's name.
    pub name: Option<Arc<str>>,
    /// The ONU's serial, where the field holds one.
    pub serial: Option<Serial>,
    /// The ONU's MAC, where the field holds one.
    pub mac: Option<Mac>,
    /// What OZmap shows; `None` when it is neither OK nor ERROR.
    pub status: Option<Status>,
    /// `false`: a port reservation that is not installed yet; never written.
    pub implanted: bool,
    /// The house; the first one where there are several.
    pub property: PropertyId,
    /// How many houses name this client. Almost always 1.
    pub properties: u16,
    /// The box (CTO) that the drop comes from; for an apartment, the building.
    pub box_id: Option<ElementId>,
    /// The connector in the box, normally the splitter.
    pub connector: Option<ElementId>,
    /// The port on it, from 1.
    pub port: Option<u16>,
    /// The received power that OZmap shows.
    pub potency_read: Option<Dbm>,
    /// Longitude and latitude.
    pub coords: Option<[f32; 2]>,
}

/// How a full read went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ReadReport {
    /// Pages asked for.
    pub pages: usize,
    /// Rows that came a second time.
    pub repeated: usize,
    /// Rows of houses without a client: the server ignored the filter.
    pub without_client: usize,
    /// Rows without ids that can be understood.
    pub unreadable: usize,
    /// Rows that the server counted but did not send, even on a second pass.
    pub missing: usize,
    /// Links to a next page on another host. None was followed.
    pub foreign_links: usize,
    /// How often the list was gone through; 2 when rows were missing after the first time.
    pub passes: usize,
}

/// What stands under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// Nothing.
    Nobody,
    /// One client.
    One(&'a ClientEntry),
    /// Several clients: the key is worthless for any of them.
    Many(Vec<ClientId>),
}

/// OZmap's clients at a time. Immutable once built.
#[derive(Debug, Clone, PartialEq)]
pub struct Directory {
    /// Sorted by id.
    clients: Vec<ClientEntry>,
    /// Positions in `clients` of those that have the key, sorted by it: four octets an entry, no key is kept twice.
    by_serial: Vec<u32>,
    by_mac: Vec<u32>,
    by_code: Vec<u32>,
    read_at: Timestamp,
    report: ReadReport,
}

impl Directory {
    /// Every client, sorted by id.
    #[must_use]
    pub fn clients(&self) -> &[ClientEntry] {
        &self.clients
    }

    /// How many clients there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// When the read began: what it shows is at least as new as this.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// How the read went.
    #[must_use]
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    /// The client with this id.
    #[must_use]
    pub fn client(&self, id: ClientId) -> Option<&ClientEntry> {
        let at = self.clients.binary_search_by_key(&id, |client| client.id).ok()?;
        self.clients.get(at)
    }

    /// By the ONU's serial, in canonical form.
    #[must_use]
    pub fn by_serial(&self, serial: &Serial) -> Found<'_> {
        self.find(&self.by_serial, serial, |client| client.serial.as_ref())
    }

    /// By the ONU's MAC.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Found<'_> {
        self.find(&self.by_mac, &mac, |client| client.mac.as_ref())
    }

    /// By the client's code, exactly, but for blanks around it.
    #[must_use]
    pub fn by_code(&self, code: &str) -> Found<'_> {
        self.find(&self.by_code, code.trim(), |client| client.code.as_deref())
    }

    fn find<'a, K: Ord + ?Sized + 'a>(
        &'a self,
        index: &[u32],
        key: &K,
        key_of: impl Fn(&'a ClientEntry) -> Option<&'a K>,
    ) -> Found<'a> {
        let entry = |at: &u32| usize::try_from(*at).ok().and_then(|at| self.clients.get(at));
        let first = index.partition_point(|at| entry(at).and_then(&key_of).is_some_and(|here| here < key));
        let mut found = index
            .get(first..)
            .unwrap_or_default()
            .iter()
            .filter_map(entry)
            .take_while(|client| key_of(client) == Some(key));
        match (found.next(), found.next()) {
            (None, _) => Found::Nobody,
            (Some(only), None) => Found::One(only),
            (Some(first), Some(second)) => {
                Found::Many([first.id, second.id].into_iter().chain(found.map(|client| client.id)).collect())
            }
        }
    }
}

/// Gathers rows into a [`Directory`], each property once, each client once.
#[derive(Debug, Default)]
pub(super) struct Builder {
    clients: HashMap<ClientId, ClientEntry>,
    /// With the pass that saw each last.
    properties: HashMap<PropertyId, (ClientId, usize)>,
    pub report: ReadReport,
}

impl Builder {
    /// The list is gone through from its beginning.
    pub(super) fn begin_pass(&mut self) {
        self.report.passes += 1;
    }

    /// Takes a row; `true` when it brought a property that this pass had not seen.
    pub(super) fn add(&mut self, row: Row) -> bool {
        match row {
            Row::Served(row) => self.add_property(*row),
            Row::Empty => {
                self.report.without_client += 1;
                false
            }
            Row::Unreadable => {
                self.report.unreadable += 1;
                false
            }
        }
    }

    /// Clients so far.
    pub(super) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Properties so far.
    pub(super) fn properties(&self) -> usize {
        self.properties.len()
    }

    fn add_property(&mut self, row: PropertyRow) -> bool {
        let PropertyRow { id: property, box_id, connector, port, potency_read, coords, client } = row;
        let pass = self.report.passes;
        let known = self.properties.insert(property, (client.id, pass));
        let repeated = known.is_some_and(|(_, seen_in)| seen_in == pass);
        self.report.repeated += usize::from(repeated);
        let another_house = known.is_none_or(|(owner, _)| owner != client.id);
        let entry = ClientEntry {
            id: client.id,
            code: client.code,
            name: client.name,
            serial: client.serial,
            mac: client.mac,
            status: client.status,
            implanted: client.implanted,
            property,
            properties: 1,
            box_id,
            connector,
            port,
            potency_read,
            coords,
        };
        match self.clients.entry(client.id) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(entry);
            }
            std::collections::hash_map::Entry::Occupied(mut place) => {
                // The row that came later is the newer one as to the client; the house stays the first.
                let old = place.get_mut();
                old.status = entry.status;
                old.implanted = entry.implanted;
                if old.property == property {
                    old.potency_read = entry.potency_read;
                }
                old.properties = old.properties.saturating_add(u16::from(another_house));
            }
        }
        !repeated
    }

    /// Sorts and indexes.
    pub(super) fn finish(self, read_at: Timestamp) -> Directory {
        let mut clients: Vec<ClientEntry> = self.clients.into_values().collect();
        clients.sort_unstable_by_key(|client| client.id);
        let by_serial = index(&clients, |client| client.serial.as_ref());
        let by_mac = index(&clients, |client| client.mac.as_ref());
        let by_code = index(&clients, |client| client.code.as_deref());
        Directory { clients, by_serial, by_mac, by_code, read_at, report: self.report }
    }
}

fn index<'a, K: Ord + ?Sized + 'a>(
    clients: &'a [ClientEntry],
    key_of: impl Fn(&'a ClientEntry) -> Option<&'a K>,
) -> Vec<u32> {
    let mut keyed: Vec<(&K, u32)> =
        clients.iter().zip(0_u32..).filter_map(|(client, at)| key_of(client).map(|key| (key, at))).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// Directories for the tests of this room.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::ozmap::rows::ClientRow;

    /// Client `n`: id ends in `n`, and so does the property's.
    pub(crate) fn row(n: u32, serial: &str, mac: &str, code: &str) -> PropertyRow {
        PropertyRow {
            id: format!("65b{n:021x}").parse().unwrap(),
            box_id: None,
            connector: None,
            port: None,
            potency_read: None,
            coords: None,
            client: ClientRow {
                id: client_id(n),
                code: (!code.is_empty()).then(|| Arc::from(code)),
                name: Some(Arc::from(format!("client {n}"))),
                serial: serial.parse().ok(),
                mac: mac.parse().ok(),
                status: Some(Status::Ok),
                implanted: true,
            },
        }
    }

    pub(crate) fn client_id(n: u32) -> ClientId {
        format!("65a{n:021x}").parse().unwrap()
    }

    pub(crate) fn directory(rows: impl IntoIterator<Item = PropertyRow>) -> Directory {
        let mut builder = Builder::default();
        for row in rows {
            builder.add(Row::Served(Box::new(row)));
        }
        builder.finish(Timestamp::from_millis(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{client_id, directory, row};
    use super::*;

    #[test]
    fn every_key_finds_its_client_in_every_spelling() {
        let directory = directory((0..500).map(|n| {
            row(n, &format!("ztegc{n:07x}"), &format!("aabb.cc{:02x}.{n:04x}", n % 256), format!(" A-{n} |ç").trim())
        }));
        assert_eq!(directory.len(), 500);
        for n in 0..500 {
            let serial: Serial = format!("5A544547C{n:07X}").parse().unwrap();
            let mac: Mac = format!("AA-BB-CC-{:02X}-{:02X}-{:02X}", n % 256, n / 256, n % 256).parse().unwrap();
            for found in
                [directory.by_serial(&serial), directory.by_mac(mac), directory.by_code(&format!("  A-{n} |ç "))]
            {
                assert!(matches!(found, Found::One(client) if client.id == client_id(n)), "{n} {found:?}");
            }
            assert_eq!(directory.client(client_id(n)).unwrap().id, client_id(n));
        }
        assert_eq!(directory.by_serial(&"ZTEGFFFFFFFF".parse().unwrap()), Found::Nobody);
        assert_eq!(directory.by_code("a-1 |ç"), Found::Nobody);
        assert_eq!(directory.client(client_id(999)), None);
    }

    #[test]
    fn a_key_of_two_clients_names_both_and_neither() {
        let directory = directory([
            row(1, "ZTEGC1B2F8FC", "", "7"),
            row(2, "5A544547C1B2F8FC", "", "7"),
            row(3, "ztegc1b2f8fc", "", "8"),
            row(4, "", "", ""),
        ]);
        let Found::Many(mut ids) = directory.by_serial(&"ZTEGC1B2F8FC".parse().unwrap()) else { panic!() };
        ids.sort();
        assert_eq!(ids, [client_id(1), client_id(2), client_id(3)]);
        assert!(matches!(directory.by_code("7"), Found::Many(ids) if ids.len() == 2));
        assert_eq!(directory.by_code(""), Found::Nobody);
    }

    #[test]
    fn a_client_in_two_houses_is_one_client() {
        let mut second = row(1, "ZTEGC1B2F8FC", "", "7");
        second.id = "65bfffffffffffffffffffff".parse().unwrap();
        second.client.status = Some(Status::Error);
        let first = row(1, "ZTEGC1B2F8FC", "", "7");
        let directory = directory([first.clone(), second, first.clone()]);
        let [client] = directory.clients() else { panic!("{directory:?}") };
        assert_eq!((client.properties, client.property), (2, first.id));
        assert_eq!(directory.report().repeated, 1);
        assert!(matches!(directory.by_serial(&"ZTEGC1B2F8FC".parse().unwrap()), Found::One(_)));
    }

    #[test]
    fn an_entry_is_small() {
        // One million clients are to fit 250 octets each, with their texts on the heap.
        assert!(std::mem::size_of::<ClientEntry>() <= 160, "{}", std::mem::size_of::<ClientEntry>());
    }
}
