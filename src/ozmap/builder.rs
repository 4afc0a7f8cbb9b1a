//! From the rows of pages to a directory: each property once, each client once, whatever comes twice or out of order. Pure.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::directory::{Directory, ReadReport};
use super::ids::PropertyId;
use super::rows::{PropertyRow, Row};
use super::table::Rows;
use crate::model::Timestamp;

/// A property that was seen, and where its client stands.
#[derive(Debug, Clone, Copy)]
struct Seen {
    property: PropertyId,
    place: u32,
    /// The pass that saw it last.
    pass: u8,
}

/// Gathers rows into a [`Directory`].
#[derive(Debug, Default)]
pub(super) struct Builder {
    rows: Rows,
    /// Places of clients, by id.
    clients: HashTable<u32>,
    properties: HashTable<Seen>,
    hasher: RandomState,
    full: bool,
    pub(super) report: ReadReport,
}

impl Builder {
    /// The list is gone through from its beginning.
    pub(super) fn begin_pass(&mut self) {
        self.report.passes += 1;
    }

    /// Takes a row; `true` when it brought a property that this pass had not seen.
    pub(super) fn add(&mut self, row: Row) -> bool {
        match row {
            Row::Served(row) => self.add_property(&row),
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
        self.rows.len()
    }

    /// Properties so far.
    pub(super) fn properties(&self) -> usize {
        self.properties.len()
    }

    /// Whether there was no room for all that came.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    fn add_property(&mut self, row: &PropertyRow) -> bool {
        let pass = u8::try_from(self.report.passes).unwrap_or(u8::MAX);
        let Self { rows, clients, properties, hasher, .. } = self;
        let id_at = |place: u32| rows.packed_id(place);
        let client_hash = hasher.hash_one(row.client.id);
        let known_client = clients.find(client_hash, |place| id_at(*place) == Some(row.client.id)).copied();
        let property_hash = hasher.hash_one(row.id);
        let known = properties.find_mut(property_hash, |seen| seen.property == row.id);
        let (repeated, same_house) = match &known {
            Some(seen) => (seen.pass == pass, Some(seen.place) == known_client),
            None => (false, false),
        };
        let place = match known_client {
            // The row that came later is the newer one as to the client.
            Some(place) => {
                rows.renew(place, row, !same_house);
                place
            }
            None => {
                let Some(place) = rows.push(row, 1) else {
                    self.full = true;
                    return false;
                };
                let rows = &*rows;
                let rehash = |place: &u32| hasher.hash_one(rows.packed_id(*place).unwrap_or(row.client.id));
                clients.insert_unique(client_hash, place, rehash);
                place
            }
        };
        match known {
            Some(seen) => (seen.place, seen.pass) = (place, pass),
            None => {
                let seen = Seen { property: row.id, place, pass };
                properties.insert_unique(property_hash, seen, |seen| hasher.hash_one(seen.property));
            }
        }
        self.report.repeated += usize::from(repeated);
        !repeated
    }

    /// Sorts and indexes.
    pub(super) fn finish(self, read_at: Timestamp) -> Directory {
        Directory::new(self.rows.finish(), read_at, self.report)
    }

    /// The client of this id that stands here already.
    #[cfg(test)]
    fn place_of(&self, id: super::ids::ClientId) -> Option<u32> {
        self.clients.find(self.hasher.hash_one(id), |place| self.rows.packed_id(*place) == Some(id)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::{client_id, row};
    use super::*;

    #[test]
    fn tables_that_grow_lose_nobody() {
        let mut builder = Builder::default();
        builder.begin_pass();
        for n in 0..5000 {
            assert!(builder.add(Row::Served(Box::new(row(n, "", "", "")))));
        }
        for n in 0..5000 {
            assert_eq!(builder.place_of(client_id(n)), Some(n));
            assert!(!builder.add(Row::Served(Box::new(row(n, "", "", "")))));
        }
        assert_eq!((builder.clients(), builder.properties(), builder.report.repeated), (5000, 5000, 5000));
        // In another pass they are news again, and still the same.
        builder.begin_pass();
        assert!(builder.add(Row::Served(Box::new(row(7, "", "", "")))));
        assert_eq!((builder.clients(), builder.properties(), builder.report.repeated), (5000, 5000, 5000));
    }
}
