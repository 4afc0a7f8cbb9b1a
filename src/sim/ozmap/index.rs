//! An index of clients by a text of theirs: places in the order of the text, so that it costs four octets a client.

use std::cmp::Ordering;

use super::model::{Client, Onu};
use super::rows::to_usize;

/// The text by which clients are found; `None` keeps a client out of the index.
pub(super) type TextOf = fn(&Client) -> Option<&str>;

/// The code.
pub(super) fn code(client: &Client) -> Option<&str> {
    client.code.as_deref()
}

/// The serial as it is written.
pub(super) fn serial(client: &Client) -> Option<&str> {
    match &client.onu {
        Onu::Present(onu) => onu.serial_number.as_deref(),
        Onu::Null | Onu::Missing => None,
    }
}

/// Places of clients, in the order of their texts, then of their places.
#[derive(Debug)]
pub(super) struct TextIndex {
    text_of: TextOf,
    places: Vec<u32>,
}

impl TextIndex {
    pub(super) fn new(text_of: TextOf, clients: &[Client]) -> Self {
        let mut index = Self { text_of, places: Vec::new() };
        let places = (0_u32..).zip(clients).filter(|(_, client)| text_of(client).is_some()).map(|(place, _)| place);
        index.places = places.collect();
        index.places.sort_unstable_by(|left, right| {
            let text = |place: &u32| clients.get(to_usize(*place)).and_then(text_of);
            text(left).cmp(&text(right)).then(left.cmp(right))
        });
        index
    }

    /// The places of the clients with that text, ascending.
    pub(super) fn find<'a>(&'a self, clients: &[Client], wanted: &str) -> &'a [u32] {
        let order = |place: &u32| self.text(clients, *place).map_or(Ordering::Less, |text| text.cmp(wanted));
        let from = self.places.partition_point(|place| order(place) == Ordering::Less);
        let rest = self.places.get(from..).unwrap_or_default();
        let len = rest.partition_point(|place| order(place) == Ordering::Equal);
        rest.get(..len).unwrap_or_default()
    }

    fn text<'c>(&self, clients: &'c [Client], place: u32) -> Option<&'c str> {
        clients.get(to_usize(place)).and_then(self.text_of)
    }

    /// Takes a client out before it changes.
    pub(super) fn remove(&mut self, clients: &[Client], place: u32) {
        let Some(text) = self.text(clients, place) else { return };
        let at = self.places.partition_point(|other| (self.text(clients, *other), *other) < (Some(text), place));
        if self.places.get(at) == Some(&place) {
            self.places.remove(at);
        }
    }

    /// Puts it back after it changed.
    pub(super) fn insert(&mut self, clients: &[Client], place: u32) {
        let Some(text) = self.text(clients, place) else { return };
        let at = self.places.partition_point(|other| (self.text(clients, *other), *other) < (Some(text), place));
        self.places.insert(at, place);
    }
}
