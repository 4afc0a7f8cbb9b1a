//! What is written to OZmap: one client's status, a batch of them, a property's read power.

use std::num::NonZeroUsize;

use serde_json::{Value, json};

use super::error::OzmapError;
use super::http::{Client, Request};
use super::ids::{ClientId, PropertyId, Status};
use super::limit::Urgency;
use crate::model::Dbm;

/// One or more client ids. Without any, it cannot be made: OZmap takes an empty filter for "every client".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdList {
    first: ClientId,
    rest: Vec<ClientId>,
}

impl IdList {
    /// `None` when there are none.
    #[must_use]
    pub fn new(ids: impl IntoIterator<Item = ClientId>) -> Option<Self> {
        let mut ids = ids.into_iter();
        Some(Self { first: ids.next()?, rest: ids.collect() })
    }

    /// How many there are: at least one.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // It never is.
    pub fn len(&self) -> usize {
        self.rest.len() + 1
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ClientId> {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }

    pub(super) fn contains(&self, id: ClientId) -> bool {
        self.first == id || self.rest.contains(&id)
    }

    /// In lists of at most so many.
    pub(super) fn split(&self, most: usize) -> Vec<Self> {
        let all: Vec<ClientId> = self.iter().collect();
        all.chunks(most.max(1)).filter_map(|chunk| Self::new(chunk.iter().copied())).collect()
    }

    /// The filter that restricts a call to these clients.
    pub(super) fn filter(&self) -> Value {
        json!([{"property": "id", "operator": "in", "value": self.iter().collect::<Vec<_>>()}])
    }
}

/// One status for several clients: never none, never more than its cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    status: Status,
    ids: IdList,
}

impl Batch {
    /// Cuts any number of clients into batches of at most `cap`. No clients, no batch.
    #[must_use]
    pub fn cut(status: Status, ids: &[ClientId], cap: NonZeroUsize) -> Vec<Self> {
        ids.chunks(cap.get())
            .filter_map(|chunk| IdList::new(chunk.iter().copied()))
            .map(|ids| Self { status, ids })
            .collect()
    }

    /// The status that its clients get.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Its clients.
    #[must_use]
    pub const fn ids(&self) -> &IdList {
        &self.ids
    }

    /// The request's body. The only place where a filter of a write is made.
    fn body(&self) -> Value {
        json!({"update": {"status": self.status.number()}, "filter": self.ids.filter()})
    }
}

const fn urgency(status: Status) -> Urgency {
    match status {
        Status::Error => Urgency::Error,
        Status::Ok => Urgency::Recovery,
    }
}

impl Client {
    /// Sets one client's status: `PATCH /ftth-clients/<id>`.
    ///
    /// # Errors
    /// [`OzmapError`], by what to do about it.
    pub async fn set_status(&self, client: ClientId, status: Status) -> Result<(), OzmapError> {
        self.patch_status(client, status, self.timing().tries).await
    }

    /// Sets one status for several clients: `POST /ftth-clients/batch-update`. Says nothing of what it changed: read
    /// it back with [`Client::read_statuses`].
    ///
    /// # Errors
    /// [`OzmapError`], by what to do about it.
    pub async fn set_statuses(&self, batch: &Batch) -> Result<(), OzmapError> {
        self.post_batch(batch, self.timing().tries).await
    }

    /// Sets the power that a property shows: `PATCH /properties/<id>`.
    ///
    /// # Errors
    /// [`OzmapError`], by what to do about it.
    pub async fn set_power(&self, property: PropertyId, power: Dbm) -> Result<(), OzmapError> {
        self.patch_power(property, power, self.timing().tries).await
    }

    pub(super) async fn patch_status(&self, client: ClientId, status: Status, tries: u32) -> Result<(), OzmapError> {
        let body = json!({"status": status.number()});
        self.write("PATCH", format!("ftth-clients/{client}"), body, urgency(status), tries).await
    }

    pub(super) async fn post_batch(&self, batch: &Batch, tries: u32) -> Result<(), OzmapError> {
        self.write("POST", "ftth-clients/batch-update".to_owned(), batch.body(), urgency(batch.status()), tries).await
    }

    pub(super) async fn patch_power(&self, property: PropertyId, power: Dbm, tries: u32) -> Result<(), OzmapError> {
        let body = json!({"potencyRead": power});
        self.write("PATCH", format!("properties/{property}"), body, Urgency::Power, tries).await
    }

    async fn write(
        &self,
        method: &'static str,
        path: String,
        body: Value,
        urgency: Urgency,
        tries: u32,
    ) -> Result<(), OzmapError> {
        let request = Request { method, path, query: &[], body: Some(body), urgency };
        // 204 and no body. Another 2xx without a web page in it is taken as well: what counts is read back.
        self.send(&request, tries, |answer, call| {
            if answer.looks_like_html() {
                answer.json::<serde::de::IgnoredAny>(call, self.token()).map(|_| ())
            } else {
                Ok(())
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::client_id;
    use super::*;

    #[test]
    fn a_batch_without_clients_cannot_be_made() {
        let cap = NonZeroUsize::new(3).unwrap();
        assert_eq!(Batch::cut(Status::Error, &[], cap), []);
        assert_eq!(IdList::new([]), None);
    }

    #[test]
    fn batches_hold_every_client_once_and_never_more_than_the_cap() {
        let ids: Vec<ClientId> = (0..100).map(client_id).collect();
        for cap in [1, 3, 99, 100, 101, usize::MAX] {
            let batches = Batch::cut(Status::Error, &ids, NonZeroUsize::new(cap).unwrap());
            assert_eq!(batches.len(), ids.len().div_ceil(cap));
            assert!(batches.iter().all(|batch| (1..=cap).contains(&batch.ids().len())));
            let all: Vec<ClientId> = batches.iter().flat_map(|batch| batch.ids().iter().collect::<Vec<_>>()).collect();
            assert_eq!(all, ids);
        }
    }

    #[test]
    fn a_batch_is_sent_as_documented() {
        let batches = Batch::cut(Status::Error, &[client_id(1), client_id(2)], NonZeroUsize::MAX);
        assert_eq!(
            batches[0].body(),
            json!({"update": {"status": 1}, "filter": [{"property": "id", "operator": "in",
                "value": ["65a000000000000000000001", "65a000000000000000000002"]}]})
        );
        let full: Vec<ClientId> = (0..u32::try_from(150).unwrap()).map(client_id).collect();
        let filter = IdList::new(full).unwrap().filter().to_string();
        let url = Url::parse_with_params("https://isp.ozmap.com.br:9994/api/v2/ftth-clients", [("filter", filter)]);
        assert!(url.unwrap().as_str().len() < 6000);
    }

    use reqwest::Url;
}
