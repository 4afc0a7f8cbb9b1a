//! Collections as a list request sees them: rows by place, in the order of their identifiers; indexes; and scans that
//! are kept for the pages that follow.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use super::elements::Element;
use super::fields::{House, Row};
use super::filter::Test;
use super::model::{Client, IdKind, ObjectId};
use super::store::{Sight, Store};

/// Scans that are kept.
const KEPT_SCANS: usize = 16;

/// Octets of a query whose scan is kept: a filter may name thousands of values.
const MAX_QUERY: usize = 4096;

/// On every machine that this runs on, an index of 32 bits fits.
pub(super) fn to_usize(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Where the rows are that a request wants.
#[derive(Debug)]
pub(super) enum Found {
    /// All of so many.
    All(usize),
    Places(Arc<[u32]>),
}

impl Found {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::All(len) => *len,
            Self::Places(places) => places.len(),
        }
    }

    pub(super) fn place(&self, index: usize) -> Option<usize> {
        match self {
            Self::All(len) => (index < *len).then_some(index),
            Self::Places(places) => places.get(index).map(|place| to_usize(*place)),
        }
    }
}

/// A collection as one token sees it.
pub(super) trait Rows<'a> {
    type Row: Row<'a>;

    /// Rows, hidden ones included.
    fn len(&self) -> usize;

    /// Whether none is hidden.
    fn shows_all(&self) -> bool;

    /// The row at a place; `None` beyond the end, and when it is hidden.
    fn row(&self, place: usize) -> Option<Self::Row>;

    /// Where the row of that identifier is, hidden or not.
    fn place_of(&self, id: ObjectId) -> Option<usize>;

    /// Places of the only rows that can pass this test, when an index knows them; in any order.
    fn candidates(&self, path: &str, test: &Test) -> Option<Vec<u32>>;

    /// The outcome of a scan, from an earlier one when nothing can have changed it: `fixed` says that writes cannot.
    fn scanned(&self, query: &str, fixed: bool, scan: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]>;
}

/// Outcomes of scans, the newest first.
#[derive(Debug, Default)]
pub(super) struct Scans(VecDeque<(String, u64, Arc<[u32]>)>);

impl Scans {
    fn of(&mut self, query: String, version: u64, scan: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        if query.len() > MAX_QUERY {
            return scan();
        }
        let known = self.0.iter().position(|(kept, _, _)| *kept == query).and_then(|place| self.0.remove(place));
        let found = match known {
            Some((_, at, found)) if at == version => found,
            _ => scan(),
        };
        self.0.push_front((query, version, Arc::clone(&found)));
        self.0.truncate(KEPT_SCANS);
        found
    }
}

fn places(found: impl IntoIterator<Item = usize>) -> Vec<u32> {
    found.into_iter().filter_map(|place| u32::try_from(place).ok()).collect()
}

/// What all collections do alike.
fn scanned(
    store: &Store,
    sight: Sight<'_>,
    collection: &str,
    (query, version): (&str, u64),
    scan: impl FnOnce() -> Arc<[u32]>,
) -> Arc<[u32]> {
    // The cell is borrowed nowhere else; where it were, a scan is right too.
    match store.scans.try_borrow_mut() {
        Ok(mut scans) => scans.of(format!("{collection} {sight:?} {query}"), version, scan),
        Err(_) => scan(),
    }
}

/// `/ftth-clients`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientRows<'a>(pub(super) &'a Store, pub(super) Sight<'a>);

impl<'a> Rows<'a> for ClientRows<'a> {
    type Row = &'a Client;

    fn len(&self) -> usize {
        self.0.client_count()
    }

    fn shows_all(&self) -> bool {
        self.1.is_none()
    }

    fn row(&self, place: usize) -> Option<&'a Client> {
        self.0.client_at(place, self.1)
    }

    fn place_of(&self, id: ObjectId) -> Option<usize> {
        self.0.client_place(id)
    }

    fn candidates(&self, path: &str, test: &Test) -> Option<Vec<u32>> {
        match path {
            "id" | "_id" => Some(places(test.ids()?.into_iter().filter_map(|id| self.place_of(id)))),
            _ => self.0.clients_of_text(path, test),
        }
    }

    fn scanned(&self, query: &str, fixed: bool, scan: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        let version = if fixed { 0 } else { self.0.version() };
        scanned(self.0, self.1, "clients", (query, version), scan)
    }
}

/// `/properties`.
#[derive(Debug, Clone, Copy)]
pub(super) struct HouseRows<'a>(pub(super) &'a Store, pub(super) Sight<'a>);

impl<'a> Rows<'a> for HouseRows<'a> {
    type Row = House<'a>;

    fn len(&self) -> usize {
        self.0.property_count()
    }

    fn shows_all(&self) -> bool {
        self.1.is_none()
    }

    fn row(&self, place: usize) -> Option<House<'a>> {
        self.0.house_at(place, self.1)
    }

    fn place_of(&self, id: ObjectId) -> Option<usize> {
        self.0.property_place(id)
    }

    fn candidates(&self, path: &str, test: &Test) -> Option<Vec<u32>> {
        let of_clients = |ids: Vec<ObjectId>| {
            Some(places(ids.into_iter().flat_map(|id| self.0.property_places_of(id)).map(|place| to_usize(*place))))
        };
        match path {
            "id" | "_id" => Some(places(test.ids()?.into_iter().filter_map(|id| self.place_of(id)))),
            "client" | "client.id" | "client._id" => of_clients(test.ids()?),
            _ => {
                let clients = self.0.clients_of_text(path.strip_prefix("client.")?, test)?;
                let ids = clients.into_iter().filter_map(|place| self.0.client_at(to_usize(place), None));
                of_clients(ids.map(|client| client.id).collect())
            }
        }
    }

    fn scanned(&self, query: &str, fixed: bool, scan: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        let version = if fixed { 0 } else { self.0.version() };
        scanned(self.0, self.1, "properties", (query, version), scan)
    }
}

/// Which rows of its tables a collection has.
pub(super) type Accept = fn(Element<'_>) -> bool;

/// What one of the other collections is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Collection {
    /// Its path.
    pub(super) name: &'static str,
    /// Tables whose octets ascend.
    pub(super) tables: &'static [IdKind],
    /// `None`: all of them.
    pub(super) accept: Option<Accept>,
}

/// Any of the other collections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ElementRows<'a>(pub(super) &'a Store, pub(super) &'static Collection, pub(super) Sight<'a>);

impl<'a> ElementRows<'a> {
    fn count(&self, kind: IdKind) -> usize {
        let store = self.0;
        let plant = &store.plant;
        match kind {
            IdKind::Property => store.own_houses(),
            IdKind::PlantProperty => store.property_count() - store.own_houses(),
            IdKind::Place => plant.places.len(),
            IdKind::Cable => plant.cables.len(),
            IdKind::Drop => plant.drops.len(),
            IdKind::Strand => plant.strands.len(),
            IdKind::Joint => plant.joints.len(),
            IdKind::Splitter => plant.splitters.len(),
            IdKind::Dio => plant.dios.len(),
            IdKind::Shelf => plant.shelfs.len(),
            IdKind::Olt => plant.olts.len(),
            IdKind::Slot => plant.slots.len(),
            IdKind::Pon => plant.pons.len(),
            IdKind::Project => store.projects.len(),
            IdKind::BoxType => store.box_types.len(),
            IdKind::CableType => 1,
            IdKind::PendencyType => store.pendency_types.len(),
            IdKind::Pendency => store.pendencies.len(),
            IdKind::Post => store.posts.len(),
            _ => 0,
        }
    }

    fn element(&self, kind: IdKind, place: usize) -> Option<Element<'a>> {
        let store = self.0;
        let plant = &store.plant;
        Some(match kind {
            IdKind::Property => Element::House(store.house_at(place, None)?),
            IdKind::PlantProperty => Element::House(store.house_at(store.own_houses() + place, None)?),
            IdKind::Place => Element::Place(plant.places.get(place)?),
            IdKind::Cable => Element::Cable(plant.cables.get(place)?),
            IdKind::Drop => Element::Cable(plant.drops.get(place)?),
            IdKind::Strand => Element::Strand(plant.strands.get(place)?),
            IdKind::Joint => Element::Joint(plant.joints.get(place)?),
            IdKind::Splitter => Element::Joint(plant.splitters.get(place)?),
            IdKind::Dio => Element::Joint(plant.dios.get(place)?),
            IdKind::Shelf => Element::Shelf(plant.shelfs.get(place)?),
            IdKind::Olt => Element::Olt(plant.olts.get(place)?),
            IdKind::Slot => Element::Slot(plant.slots.get(place)?),
            IdKind::Pon => Element::Pon(plant.pons.get(place)?),
            IdKind::Project => Element::Project(store.projects.get(place)?),
            IdKind::BoxType => Element::BoxType(store.box_types.get(place)?),
            IdKind::CableType => Element::CableType(ObjectId::of(IdKind::CableType, 1)),
            IdKind::PendencyType => Element::PendencyType(store.pendency_types.get(place)?),
            IdKind::Pendency => Element::Mark(store.pendencies.get(place)?),
            IdKind::Post => Element::Mark(store.posts.get(place)?),
            _ => return None,
        })
    }

    /// The row at a place of all tables, whoever may see it.
    fn any(&self, place: usize) -> Option<Element<'a>> {
        let mut left = place;
        for kind in self.1.tables {
            let count = self.count(*kind);
            if left < count {
                return self.element(*kind, left);
            }
            left -= count;
        }
        None
    }
}

impl<'a> Rows<'a> for ElementRows<'a> {
    type Row = Element<'a>;

    fn len(&self) -> usize {
        self.1.tables.iter().map(|kind| self.count(*kind)).sum()
    }

    fn shows_all(&self) -> bool {
        self.2.is_none() && self.1.accept.is_none()
    }

    fn row(&self, place: usize) -> Option<Element<'a>> {
        let found = self.any(place)?;
        let seen = self.2.is_none_or(|projects| found.project().is_none_or(|id| projects.contains(&id)));
        (seen && self.1.accept.is_none_or(|accept| accept(found))).then_some(found)
    }

    fn place_of(&self, id: ObjectId) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.any(middle)?.id().cmp(&id) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn candidates(&self, path: &str, test: &Test) -> Option<Vec<u32>> {
        match path {
            "id" | "_id" => Some(places(test.ids()?.into_iter().filter_map(|id| self.place_of(id)))),
            _ => None,
        }
    }

    fn scanned(&self, query: &str, fixed: bool, scan: impl FnOnce() -> Arc<[u32]>) -> Arc<[u32]> {
        let version = if fixed { self.0.marks_version() } else { self.0.version() };
        scanned(self.0, self.2, self.1.name, (query, version), scan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_made_again_only_after_a_change_and_few_are_kept() {
        let mut scans = Scans::default();
        let mut made = 0;
        let mut ask = |query: &str, version| {
            scans.of(query.to_owned(), version, || {
                made += 1;
                Arc::from([made])
            })
        };
        assert_eq!([ask("a", 1)[0], ask("b", 1)[0], ask("a", 1)[0], ask("a", 2)[0], ask("b", 1)[0]], [1, 2, 1, 3, 2]);
        for other in 0..KEPT_SCANS {
            ask(&other.to_string(), 1);
        }
        let before = ask("a", 2)[0];
        assert!(before > 3, "it was pushed out");
        let long = "x".repeat(MAX_QUERY + 1);
        assert_eq!(ask(&long, 1)[0] + 1, ask(&long, 1)[0], "a long one is not kept");
        assert_eq!(ask("a", 2)[0], before);
    }
}
