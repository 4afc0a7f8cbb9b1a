//! Our copy of OZmap's clients, indexed by the keys that ONUs share with them. Pure: rows come in, look-ups go out.
//!
//! A directory is what one whole read brought (`base`), and beside it, in the same form, those clients that were read again
//! since (`recent`), which win. So a small change costs little, whatever the size of the whole, and copies share the base.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::ids::{ClientId, ElementId, PropertyId, Status};
use super::kept::{pack, unpack};
use super::rows::{ClientRow, PropertyRow};
use super::table::{Key, Table};
use crate::model::{Dbm, Mac, Serial, Timestamp};

/// A client with the house it is in. A view into a [`Directory`], cheap to make and to copy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClientEntry<'a> {
    /// The client.
    pub id: ClientId,
    /// Its code, trimmed: the contract's number at most providers, but any text may stand here.
    pub code: Option<&'a str>,
    /// The subscriber's name.
    pub name: Option<&'a str>,
    /// The ONU's serial in canonical form, where the field holds one.
    pub serial: Option<&'a str>,
    /// The ONU's MAC, where the field holds one.
    pub mac: Option<Mac>,
    /// The user of its PPPoE session.
    pub pppoe: Option<&'a str>,
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
    /// When the client was last changed, by OZmap's clock.
    pub updated_at: Option<Timestamp>,
    /// When the house was last changed, its box and port among it, by OZmap's clock.
    pub property_updated_at: Option<Timestamp>,
}

impl ClientEntry<'_> {
    /// The row that would make this entry.
    pub(super) fn to_row(self) -> PropertyRow {
        PropertyRow {
            id: self.property,
            box_id: self.box_id,
            connector: self.connector,
            port: self.port,
            potency_read: self.potency_read,
            coords: self.coords,
            updated_at: self.property_updated_at,
            client: ClientRow {
                id: self.id,
                code: self.code.map(str::to_owned),
                name: self.name.map(str::to_owned),
                serial: self.serial.and_then(|serial| serial.parse().ok()),
                mac: self.mac,
                pppoe: self.pppoe.map(str::to_owned),
                status: self.status,
                implanted: self.implanted,
                updated_at: self.updated_at,
            },
        }
    }
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
    /// How often the list was gone through; 2 when rows were missing after the first time, or moved while it was read.
    pub passes: usize,
}

/// What stands under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// Nothing.
    Nobody,
    /// One client.
    One(ClientEntry<'a>),
    /// Several clients: the key is worthless for any of them.
    Many(Vec<ClientId>),
}

/// What was read again of some clients.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    pub(super) properties: Vec<PropertyRow>,
    pub(super) clients: Vec<ClientRow>,
    /// When the read of them began.
    pub(super) read_at: Option<Timestamp>,
}

/// OZmap's clients at a time. Immutable once built; cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    base: Arc<Table>,
    recent: Arc<Table>,
    /// Of `recent`, those that `base` has too.
    replaced: usize,
    read_at: Timestamp,
    renewed_at: Timestamp,
    report: ReadReport,
    kept: bool,
}

impl Directory {
    pub(super) fn new(base: Table, read_at: Timestamp, report: ReadReport) -> Self {
        Self {
            base: Arc::new(base),
            recent: Arc::default(),
            replaced: 0,
            read_at,
            renewed_at: read_at,
            report,
            kept: false,
        }
    }

    /// Whether it is one of before the restart: it may be shown and matched with, but nothing is written by it.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.kept
    }

    /// Every client, sorted by id.
    pub fn clients(&self) -> impl Iterator<Item = ClientEntry<'_>> {
        let mut base = self.base.entries().peekable();
        let mut recent = self.recent.entries().peekable();
        std::iter::from_fn(move || match (base.peek(), recent.peek()) {
            (Some(old), Some(new)) if old.id < new.id => base.next(),
            (Some(old), Some(new)) => {
                if old.id == new.id {
                    base.next();
                }
                recent.next()
            }
            (Some(_), None) => base.next(),
            (None, _) => recent.next(),
        })
    }

    /// Octets of each client, to be kept, sorted by id.
    pub fn to_octets(&self) -> impl Iterator<Item = (ClientId, Vec<u8>)> {
        self.clients().map(|client| (client.id, pack(&client)))
    }

    /// A directory of before a restart, from what was kept of one that was read then. Octets that are damaged or of another
    /// version are left out.
    #[must_use]
    pub fn from_octets<'a>(read_at: Timestamp, kept: impl IntoIterator<Item = (ClientId, &'a [u8])>) -> Self {
        let mut rows = super::table::Rows::default();
        for (row, properties) in kept.into_iter().filter_map(|(id, octets)| unpack(id, octets)) {
            if rows.push(&row, properties).is_none() {
                break;
            }
        }
        Self { kept: true, ..Self::new(rows.finish(), read_at, ReadReport::default()) }
    }

    /// How many were read again since the whole read.
    #[must_use]
    pub fn renewed(&self) -> usize {
        self.recent.len()
    }

    /// How many clients there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.base.len() + self.recent.len() - self.replaced
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the read of the whole began: what it shows is at least as new as this.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// When what had changed was last read, or the whole.
    #[must_use]
    pub fn renewed_at(&self) -> Timestamp {
        self.renewed_at
    }

    /// How the read went.
    #[must_use]
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    /// Octets that it takes in memory.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.base.octets() + self.recent.octets()
    }

    /// The client with this id.
    #[must_use]
    pub fn client(&self, id: ClientId) -> Option<ClientEntry<'_>> {
        self.recent.client(id).or_else(|| self.base.client(id))
    }

    /// By the ONU's serial, in canonical form.
    #[must_use]
    pub fn by_serial(&self, serial: &Serial) -> Found<'_> {
        self.with(Key::Serial, serial.as_str())
    }

    /// By the ONU's MAC.
    #[must_use]
    pub fn by_mac(&self, mac: Mac) -> Found<'_> {
        self.found(self.base.with_mac(mac), self.recent.with_mac(mac))
    }

    /// By the client's code, exactly, but for blanks around it.
    #[must_use]
    pub fn by_code(&self, code: &str) -> Found<'_> {
        self.with(Key::Code, code.trim())
    }

    /// By the user of its PPPoE session, but for blanks around it and capital letters.
    #[must_use]
    pub fn by_pppoe(&self, user: &str) -> Found<'_> {
        self.with(Key::Pppoe, user.trim())
    }

    fn with(&self, key: Key, text: &str) -> Found<'_> {
        self.found(self.base.with(key, text), self.recent.with(key, text))
    }

    fn found<'a>(
        &'a self,
        base: impl Iterator<Item = ClientEntry<'a>>,
        recent: impl Iterator<Item = ClientEntry<'a>>,
    ) -> Found<'a> {
        let mut found = base.filter(|old| self.recent.client(old.id).is_none()).chain(recent);
        match (found.next(), found.next()) {
            (None, _) => Found::Nobody,
            (Some(only), None) => Found::One(only),
            (Some(first), Some(second)) => {
                Found::Many([first.id, second.id].into_iter().chain(found.map(|client| client.id)).collect())
            }
        }
    }

    /// The newest time by OZmap's clock that any row carries, but none after `bound`, as a row may lie.
    #[must_use]
    pub fn newest_change(&self, bound: Timestamp) -> Timestamp {
        let times = self.clients().flat_map(|client| [client.updated_at, client.property_updated_at]);
        times.flatten().filter(|time| *time <= bound).max().unwrap_or(Timestamp::from_millis(0))
    }

    /// This directory with what was read again, and the clients that it was. Houses that lost their client, and clients
    /// that are gone, show with the next whole read only.
    #[must_use]
    pub fn renewed_with(&self, changes: Changes) -> (Self, Vec<ClientId>) {
        let mut rows: BTreeMap<ClientId, (PropertyRow, u16)> =
            self.recent.entries().map(|entry| (entry.id, (entry.to_row(), entry.properties))).collect();
        let mut touched = Vec::new();
        for row in changes.properties {
            let id = row.client.id;
            touched.push(id);
            let properties = self.client(id).map_or(1, |known| known.properties);
            rows.insert(id, (row, properties));
        }
        // Read after the houses, and so the newer ones.
        for client in changes.clients {
            let id = client.id;
            if let Some((row, _)) = rows.get_mut(&id) {
                row.client = client;
            } else if let Some(known) = self.client(id) {
                rows.insert(id, (PropertyRow { client, ..known.to_row() }, known.properties));
            } else {
                // Its house comes with the next whole read.
                continue;
            }
            touched.push(id);
        }
        touched.sort_unstable();
        touched.dedup();
        let replaced = rows.keys().filter(|id| self.base.client(**id).is_some()).count();
        let mut table = super::table::Rows::default();
        for (row, properties) in rows.values() {
            // Of fewer rows than the base has there is always room.
            let _ = table.push(row, *properties);
        }
        let renewed = Self {
            recent: Arc::new(table.finish()),
            replaced,
            renewed_at: changes.read_at.unwrap_or(self.renewed_at),
            ..self.clone()
        };
        (renewed, touched)
    }

    /// How many clients of a newer whole read were changed before `until`, as their rows say, without this directory having
    /// heard of it: reads of what had changed miss these.
    #[must_use]
    pub fn missed(&self, newer: &Self, until: Timestamp) -> usize {
        let missed = |client: &ClientEntry<'_>| {
            let Some((known, now)) = self.client(client.id).and_then(|old| old.updated_at).zip(client.updated_at)
            else {
                return false;
            };
            known < now && now < until
        };
        newer.clients().filter(missed).count()
    }
}

/// Directories for the tests of this room.
#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::ozmap::builder::Builder;
    use crate::ozmap::rows::Row;

    /// Client `n`: id ends in `n`, and so does the property's.
    pub(crate) fn row(n: u32, serial: &str, mac: &str, code: &str) -> PropertyRow {
        PropertyRow {
            id: format!("65b{n:021x}").parse().unwrap(),
            box_id: None,
            connector: None,
            port: None,
            potency_read: None,
            coords: None,
            updated_at: None,
            client: ClientRow {
                id: client_id(n),
                code: (!code.is_empty()).then(|| code.to_owned()),
                name: Some(format!("client {n}")),
                serial: serial.parse().ok(),
                mac: mac.parse().ok(),
                pppoe: None,
                status: Some(Status::Ok),
                implanted: true,
                updated_at: None,
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
mod tests;
