//! Clients, packed: some 150 octets each with their texts and indexes, so that a million fit where a hundred thousand
//! objects would. Pure.
//!
//! Rows and texts lie in blocks that are filled one after the other and never move: a table grows without ever being there
//! twice. Ids of boxes and connectors, which many clients share, stand once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::directory::ClientEntry;
use super::ids::{ClientId, ElementId, PropertyId, Status};
use super::rows::PropertyRow;
use crate::model::{Dbm, Mac, Timestamp};

/// Rows in a block.
const ROWS: usize = 4096;

/// Octets in a block of texts.
const TEXT: usize = 1 << 20;

/// No reference.
const NONE: u32 = u32::MAX;

/// A client, packed.
#[derive(Debug, Clone)]
struct Packed {
    id: ClientId,
    property: PropertyId,
    /// Where its texts begin.
    text: u32,
    box_id: u32,
    connector: u32,
    /// NaN: none.
    coords: [f32; 2],
    potency_read: Option<i32>,
    updated_at: u64,
    property_updated_at: u64,
    port: Option<u16>,
    properties: u16,
    mac: Option<Mac>,
    status: Option<Status>,
    implanted: bool,
}

/// A row's texts, in this order: code, name, serial, PPPoE user.
type Texts<'a> = [Option<&'a str>; 4];

/// Texts, one after the other, each with its length before it; none is longer than a block.
#[derive(Debug, Clone, Default)]
struct Arena(Vec<Vec<u8>>);

impl Arena {
    /// `None` when there is no room for more: 4 GiB.
    fn push(&mut self, texts: Texts<'_>) -> Option<u32> {
        let needed: usize = texts.iter().map(|text| 2 + text.map_or(0, str::len)).sum();
        if self.0.last().is_none_or(|block| block.len() + needed > TEXT) {
            self.0.push(Vec::with_capacity(TEXT.min(if self.0.is_empty() { needed.max(1024) } else { TEXT })));
        }
        let number = self.0.len().checked_sub(1)?;
        let block = self.0.last_mut()?;
        let at = u32::try_from(number * TEXT + block.len()).ok().filter(|at| *at != NONE)?;
        for text in texts {
            let text = text.unwrap_or_default();
            block.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
            block.extend_from_slice(text.as_bytes());
        }
        Some(at)
    }

    /// The texts of a row. An empty one is none.
    fn at(&self, at: u32) -> Texts<'_> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut rest = self.0.get(at / TEXT).and_then(|block| block.get(at % TEXT..)).unwrap_or_default();
        [(); 4].map(|()| {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (text, after) = after.split_at_checked(u16::from_le_bytes(*length).into())?;
            rest = after;
            std::str::from_utf8(text).ok().filter(|text| !text.is_empty())
        })
    }

    fn octets(&self) -> usize {
        self.0.iter().map(Vec::capacity).sum()
    }
}

/// Ids that many rows share.
#[derive(Debug, Clone, Default)]
struct Shared {
    ids: Vec<ElementId>,
    /// Only while the table grows.
    places: HashMap<ElementId, u32>,
}

impl Shared {
    fn push(&mut self, id: Option<ElementId>) -> u32 {
        let Some(id) = id else { return NONE };
        *self.places.entry(id).or_insert_with(|| {
            let place = u32::try_from(self.ids.len()).unwrap_or(NONE);
            self.ids.push(id);
            place
        })
    }

    fn at(&self, place: u32) -> Option<ElementId> {
        self.ids.get(usize::try_from(place).ok()?).copied()
    }
}

/// Clients in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    blocks: Vec<Vec<Packed>>,
    texts: Arena,
    boxes: Shared,
    connectors: Shared,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * ROWS + last.len())
    }

    fn packed(&self, place: u32) -> Option<&Packed> {
        let place = usize::try_from(place).ok()?;
        self.blocks.get(place / ROWS)?.get(place % ROWS)
    }

    pub(super) fn packed_id(&self, place: u32) -> Option<ClientId> {
        self.packed(place).map(|row| row.id)
    }

    /// Adds a client that is in so many houses, of which this is one. `None` when there is no room for more.
    pub(super) fn push(&mut self, row: &PropertyRow, properties: u16) -> Option<u32> {
        let place = u32::try_from(self.len()).ok().filter(|place| *place != NONE)?;
        let client = &row.client;
        let serial = client.serial.as_ref().map(|serial| serial.as_str());
        let text =
            self.texts.push([client.code.as_deref(), client.name.as_deref(), serial, client.pppoe.as_deref()])?;
        let packed = Packed {
            id: client.id,
            property: row.id,
            text,
            box_id: self.boxes.push(row.box_id),
            connector: self.connectors.push(row.connector),
            coords: row.coords.unwrap_or([f32::NAN; 2]),
            potency_read: row.potency_read.map(Dbm::thousandths),
            updated_at: client.updated_at.map_or(0, Timestamp::millis),
            property_updated_at: row.updated_at.map_or(0, Timestamp::millis),
            port: row.port,
            properties,
            mac: client.mac,
            status: client.status,
            implanted: client.implanted,
        };
        if self.blocks.last().is_none_or(|block| block.len() == ROWS) {
            // A small table stays small.
            self.blocks.push(if self.blocks.is_empty() { Vec::new() } else { Vec::with_capacity(ROWS) });
        }
        self.blocks.last_mut()?.push(packed);
        Some(place)
    }

    /// A later row of a client: the newer one as to the client; the house stays the first.
    pub(super) fn renew(&mut self, place: u32, row: &PropertyRow, another_house: bool) {
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let Some(old) = self.blocks.get_mut(at / ROWS).and_then(|block| block.get_mut(at % ROWS)) else { return };
        old.status = row.client.status;
        old.implanted = row.client.implanted;
        old.updated_at = row.client.updated_at.map_or(old.updated_at, Timestamp::millis);
        if old.property == row.id {
            old.potency_read = row.potency_read.map(Dbm::thousandths);
        }
        old.properties = old.properties.saturating_add(u16::from(another_house));
    }

    pub(super) fn entry(&self, place: u32) -> Option<ClientEntry<'_>> {
        let row = self.packed(place)?;
        let [code, name, serial, pppoe] = self.texts.at(row.text);
        let time = |millis: u64| (millis > 0).then(|| Timestamp::from_millis(millis));
        Some(ClientEntry {
            id: row.id,
            code,
            name,
            serial,
            mac: row.mac,
            pppoe,
            status: row.status,
            implanted: row.implanted,
            property: row.property,
            properties: row.properties,
            box_id: self.boxes.at(row.box_id),
            connector: self.connectors.at(row.connector),
            port: row.port,
            potency_read: row.potency_read.map(Dbm::from_thousandths),
            coords: Some(row.coords).filter(|[lng, lat]| !lng.is_nan() && !lat.is_nan()),
            updated_at: time(row.updated_at),
            property_updated_at: time(row.property_updated_at),
        })
    }

    fn text(&self, place: u32, which: usize) -> Option<&str> {
        self.texts.at(self.packed(place)?.text).get(which).copied().flatten()
    }

    /// Sorts and indexes.
    pub(super) fn finish(mut self) -> Table {
        self.boxes.places = HashMap::new();
        self.connectors.places = HashMap::new();
        self.boxes.ids.shrink_to_fit();
        self.connectors.ids.shrink_to_fit();
        if let [only] = self.blocks.as_mut_slice() {
            only.shrink_to_fit();
        }
        if let Some(last) = self.texts.0.last_mut() {
            last.shrink_to_fit();
        }
        let count = u32::try_from(self.len()).unwrap_or(NONE);
        let mut by_id: Vec<u32> = (0..count).collect();
        by_id.sort_unstable_by_key(|place| self.packed_id(*place));
        let mut by_mac: Vec<u32> = (0..count).filter(|place| self.mac(*place).is_some()).collect();
        by_mac.sort_unstable_by_key(|place| (self.mac(*place), *place));
        by_mac.shrink_to_fit();
        let [by_code, by_serial, by_pppoe] = [Key::Code, Key::Serial, Key::Pppoe].map(|key| self.sorted_by(count, key));
        Table { rows: self, by_id, by_mac, by_code, by_serial, by_pppoe }
    }

    fn mac(&self, place: u32) -> Option<Mac> {
        self.packed(place)?.mac
    }

    /// Places of those that have the text, sorted by its digest: four octets a row, no key is kept twice.
    fn sorted_by(&self, count: u32, key: Key) -> Vec<u32> {
        let mut keyed: Vec<(u64, u32)> =
            (0..count).filter_map(|place| Some((digest(self.text(place, key.text())?), place))).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, place)| place).collect()
    }
}

/// A number for a text, the same for capital and small letters. Texts are sorted by it, as many begin or end alike.
fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for octet in text.bytes() {
        hasher.write_u8(octet.to_ascii_lowercase());
    }
    hasher.finish()
}

/// A key that is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Code,
    Serial,
    /// Without regard to capital letters: those who log in do not have to write them.
    Pppoe,
}

impl Key {
    const fn text(self) -> usize {
        match self {
            Self::Code => 0,
            Self::Serial => 2,
            Self::Pppoe => 3,
        }
    }

    fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Code | Self::Serial => one == other,
            Self::Pppoe => one.eq_ignore_ascii_case(other),
        }
    }
}

/// Clients, indexed. Immutable.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    rows: Rows,
    by_id: Vec<u32>,
    by_mac: Vec<u32>,
    by_code: Vec<u32>,
    by_serial: Vec<u32>,
    by_pppoe: Vec<u32>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Sorted by id.
    pub(super) fn entries(&self) -> impl Iterator<Item = ClientEntry<'_>> {
        self.by_id.iter().filter_map(|place| self.rows.entry(*place))
    }

    pub(super) fn client(&self, id: ClientId) -> Option<ClientEntry<'_>> {
        let at = self.by_id.binary_search_by_key(&Some(id), |place| self.rows.packed_id(*place)).ok()?;
        self.rows.entry(*self.by_id.get(at)?)
    }

    /// Those that have this key.
    pub(super) fn with(&self, key: Key, text: &str) -> impl Iterator<Item = ClientEntry<'_>> {
        let index = match key {
            Key::Code => &self.by_code,
            Key::Serial => &self.by_serial,
            Key::Pppoe => &self.by_pppoe,
        };
        let wanted = digest(text);
        let digest_of = move |place: &u32| self.rows.text(*place, key.text()).map_or(0, digest);
        let first = index.partition_point(|place| digest_of(place) < wanted);
        let text = text.to_owned();
        let same = index.get(first..).unwrap_or_default().iter().take_while(move |place| digest_of(place) == wanted);
        same.filter(move |place| self.rows.text(**place, key.text()).is_some_and(|here| key.is_same(here, &text)))
            .filter_map(|place| self.rows.entry(*place))
    }

    pub(super) fn with_mac(&self, mac: Mac) -> impl Iterator<Item = ClientEntry<'_>> {
        let first = self.by_mac.partition_point(|place| self.rows.mac(*place) < Some(mac));
        let same = self.by_mac.get(first..).unwrap_or_default().iter();
        same.take_while(move |place| self.rows.mac(**place) == Some(mac)).filter_map(|place| self.rows.entry(*place))
    }

    /// Octets that it takes, as far as they are its own.
    pub(super) fn octets(&self) -> usize {
        let rows: usize = self.rows.blocks.iter().map(|block| block.capacity() * size_of::<Packed>()).sum();
        let shared = (self.rows.boxes.ids.capacity() + self.rows.connectors.ids.capacity()) * size_of::<ElementId>();
        let indexes = [&self.by_id, &self.by_mac, &self.by_code, &self.by_serial, &self.by_pppoe];
        let indexes: usize = indexes.iter().map(|index| index.capacity() * size_of::<u32>()).sum();
        rows + shared + indexes + self.rows.texts.octets()
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::{client_id, row};
    use super::*;

    #[test]
    fn a_packed_row_gives_back_what_was_put_in() {
        let mut full = row(7, "ZTEGC1B2F8FC", "aa:bb:cc:dd:ee:ff", "A-7 |ç");
        full.box_id = Some("65c000000000000000000001".parse().unwrap());
        full.connector = Some("65c000000000000000000002".parse().unwrap());
        full.port = Some(9);
        full.potency_read = Some(Dbm::new(-21.37).unwrap());
        full.coords = Some([-48.5, -27.5]);
        full.updated_at = Some(Timestamp::from_millis(5));
        full.client.updated_at = Some(Timestamp::from_millis(6));
        full.client.pppoe = Some("maria".to_owned());
        full.client.status = None;
        full.client.implanted = false;
        let mut rows = Rows::default();
        rows.push(&full, 3).unwrap();
        rows.push(&row(8, "", "", ""), 1).unwrap();
        let table = rows.finish();
        let entry = table.client(client_id(7)).unwrap();
        assert_eq!((entry.code, entry.name, entry.pppoe), (Some("A-7 |ç"), Some("client 7"), Some("maria")));
        assert_eq!((entry.serial, entry.mac), (Some("ZTEGC1B2F8FC"), full.client.mac));
        assert_eq!((entry.box_id, entry.connector, entry.port), (full.box_id, full.connector, full.port));
        assert_eq!((entry.potency_read, entry.coords, entry.properties), (full.potency_read, full.coords, 3));
        assert_eq!((entry.updated_at, entry.property_updated_at), (full.client.updated_at, full.updated_at));
        assert_eq!((entry.status, entry.implanted, entry.property), (None, false, full.id));
        let bare = table.client(client_id(8)).unwrap();
        assert_eq!((bare.code, bare.serial, bare.mac, bare.pppoe), (None, None, None, None));
        assert_eq!((bare.box_id, bare.port, bare.coords, bare.updated_at), (None, None, None, None));
    }

    #[test]
    fn rows_and_texts_beyond_a_block_are_found() {
        let mut rows = Rows::default();
        let long = "x".repeat(500);
        for n in (0..9000).rev() {
            let mut one = row(n, &format!("ZTEG{n:08X}"), "", &n.to_string());
            one.client.name = Some(format!("{long}{n}"));
            rows.push(&one, 1).unwrap();
        }
        assert!(rows.texts.0.len() > 3 && rows.blocks.len() == 3);
        let table = rows.finish();
        assert!(table.entries().zip(0..).all(|(entry, n)| entry.id == client_id(n)));
        for n in [0, 4095, 4096, 8999] {
            let found: Vec<ClientId> = table.with(Key::Code, &n.to_string()).map(|entry| entry.id).collect();
            assert_eq!(found, [client_id(n)]);
            let entry = table.client(client_id(n)).unwrap();
            assert!(entry.name.is_some_and(|name| name.ends_with(&format!("x{n}"))));
        }
    }

    #[test]
    fn a_client_takes_at_most_250_octets() {
        let mut rows = Rows::default();
        for n in 0..20_000_u32 {
            let mut one = row(n, &format!("ZTEG{n:08X}"), &format!("aabbcc{n:06x}"), &format!("{}", 100_000 + n));
            one.client.name = Some(format!("Maria Aparecida de Souza {n}"));
            one.client.pppoe = Some(format!("maria.souza.{n}@isp.example"));
            one.box_id = Some(format!("65c{:021x}", n / 8).parse().unwrap());
            one.connector = Some(format!("65d{:021x}", n / 8).parse().unwrap());
            rows.push(&one, 1).unwrap();
        }
        let each = rows.finish().octets() / 20_000;
        assert!(each <= 250, "{each}");
        assert!(size_of::<Packed>() <= 96, "{}", size_of::<Packed>());
    }
}
