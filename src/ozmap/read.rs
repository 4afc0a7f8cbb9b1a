//! What is read from OZmap: the test of the token, the whole directory by pages, what changed since (`changes`), statuses by
//! id.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::boxes::BoxNames;
use super::builder::Builder;
use super::directory::Directory;
use super::error::{Call, OzmapError};
use super::http::{Client, Request};
use super::ids::{ClientId, ElementId, Status};
use super::limit::{READS, Urgency};
use super::push::IdList;
use super::rows::{Page, RawClient, RawNamed, RawProperty};
use crate::model::Timestamp;

/// A test of the token is not tried for long: somebody may sit before it.
const CHECK_TRIES: u32 = 2;

/// Bounds of a full read.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Rows asked for in one page; production instances take 500.
    page_size: usize,
    /// A server that caps pages at its default of 25 gives 1,250,000 rows within this.
    max_pages: usize,
    /// More clients than any provider has on one instance.
    max_clients: usize,
}

const BOUNDS: Bounds = Bounds { page_size: 500, max_pages: 50_000, max_clients: 4_000_000 };

/// How often the list is gone through when rows are missing at its end, or rows before it went while it was read.
const PASSES: usize = 2;

/// What every row of `/properties` that we ask for has.
fn served() -> Value {
    json!([{"property": "client", "operator": "!=", "value": null}])
}

/// Lists are sorted by it, so that pages do not shift when rows change. An id is never given twice, and new ones are greater.
pub(super) fn by_id() -> Value {
    json!([{"property": "id", "direction": 1}])
}

/// Most ids in the filter of one read: keeps the encoded URL under 6 kB, which proxies let pass.
const IDS_PER_READ: usize = 150;

impl Client {
    /// Whether OZmap answers and takes the token: `GET /authenticated`, and where an instance does not know that, one
    /// row of a small list.
    ///
    /// # Errors
    /// [`OzmapError::Denied`] when the token is refused, [`OzmapError::Unreachable`] when nothing answers,
    /// [`OzmapError::Answer`] when something else than OZmap's API does.
    pub async fn check(&self) -> Result<(), OzmapError> {
        let no_page = |answer: &super::answer::Answer, call: &Call| {
            if answer.looks_like_html() {
                answer.json::<serde::de::IgnoredAny>(call, self.token()).map(|_| ())
            } else {
                Ok(())
            }
        };
        match self.send(&Request::get("authenticated"), CHECK_TRIES, no_page).await {
            Err(OzmapError::Refused { status: 404, .. }) => {
                let query = [("page", "1".to_owned()), ("limit", "1".to_owned())];
                let request = Request { query: &query, ..Request::get("box-types") };
                self.send(&request, CHECK_TRIES, |answer, call| {
                    answer.json::<Page<serde::de::IgnoredAny>>(call, self.token()).map(|_| ())
                })
                .await
            }
            other => other,
        }
    }

    /// How many houses with a client OZmap counts for this key; `None` when it does not say.
    ///
    /// # Errors
    /// As for any read; [`OzmapError::Denied`] when the key may not read houses.
    pub async fn count_houses(&self) -> Result<Option<usize>, OzmapError> {
        let query = [("page", "1".to_owned()), ("limit", "1".to_owned()), ("filter", served().to_string())];
        let request = Request { query: &query, ..Request::get("properties") };
        let page: Page<serde::de::IgnoredAny> =
            self.send(&request, CHECK_TRIES, |answer, call| answer.json(call, self.token())).await?;
        Ok(page.total())
    }

    /// Reads every house that has a client, by pages; `progress` hears after each page how many clients there are so
    /// far, and how many rows the server counts.
    ///
    /// Pages may come twice, in another order, short or with wrong totals, and filters may be ignored: every row is
    /// checked, none is taken twice, and when rows are missing at the end, or the list grew shorter while it was read (rows
    /// moved to pages that were read already), it is gone through once more.
    ///
    /// Up to four pages are on their way at a time, as far as the first one says that there are so many; they are taken in
    /// their order. So no more than these are in memory beside what is kept of them.
    ///
    /// # Errors
    /// The first page that cannot be had ends the read: half a directory would make clients look absent.
    pub async fn read_directory(&self, progress: impl FnMut(usize, Option<usize>)) -> Result<Directory, OzmapError> {
        self.read_within(BOUNDS, progress).await
    }

    async fn read_within(
        &self,
        bounds: Bounds,
        mut progress: impl FnMut(usize, Option<usize>),
    ) -> Result<Directory, OzmapError> {
        let read_at = Timestamp::from(SystemTime::now());
        let mut builder = Builder::default();
        for _ in 0..PASSES {
            builder.begin_pass();
            let uncounted = builder.report.without_client + builder.report.unreadable;
            let mut pages = Pages::<RawProperty>::new(self, "properties", served(), bounds.page_size);
            let (mut greatest_total, mut shrank) = (0, false);
            while let Some(page) = pages.next().await? {
                builder.report.pages += 1;
                if page.next_url().is_some_and(|link| leaves_host(self.root(), &link)) {
                    builder.report.foreign_links += 1;
                }
                let seen = Seen::of(&page);
                let total = seen.total.unwrap_or(greatest_total);
                shrank |= total < greatest_total;
                greatest_total = greatest_total.max(total);
                let before = builder.report.without_client;
                let mut new_rows = 0;
                for row in page.rows.0 {
                    new_rows += usize::from(builder.add(row.row()));
                }
                // A page of nothing but houses without clients is news, too: the filter was ignored.
                let news = new_rows > 0 || builder.report.without_client > before;
                pages.after(&seen, news);
                progress(builder.clients(), seen.total);
                let too_many = builder.report.pages > bounds.max_pages || builder.clients() > bounds.max_clients;
                if too_many || builder.is_full() {
                    return Err(OzmapError::Endless {
                        call: Call { method: "GET", path: format!("{}/properties", self.root().path()) },
                        pages: builder.report.pages,
                        rows: builder.properties(),
                    });
                }
            }
            let others = builder.report.without_client + builder.report.unreadable - uncounted;
            let total = pages.paging.total.unwrap_or(0);
            builder.report.missing = total.saturating_sub(builder.properties() + others);
            if builder.report.missing == 0 && !shrank {
                break;
            }
        }
        // Sorting a million clients takes a second, in which nobody else of this thread should wait.
        let finished = tokio::task::spawn_blocking(move || builder.finish(read_at)).await;
        finished.map_err(|_| OzmapError::Stopping)
    }

    /// A page of a list, in the order of ids.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &Value,
        number: usize,
        size: usize,
    ) -> Result<Page<T>, OzmapError> {
        let query = [
            ("page", number.to_string()),
            ("limit", size.to_string()),
            ("filter", filter.to_string()),
            ("sort", by_id().to_string()),
        ];
        let request = Request { query: &query, ..Request::get(path) };
        self.send(&request, self.timing().tries, |answer, call| answer.json(call, self.token())).await
    }

    /// What OZmap shows for these clients. A client that it does not know, or that an ignored filter left out, is
    /// missing from the answer.
    ///
    /// # Errors
    /// As for any read.
    pub async fn read_statuses(&self, ids: &IdList) -> Result<HashMap<ClientId, Option<Status>>, OzmapError> {
        self.statuses(ids, self.timing().tries).await
    }

    pub(super) async fn statuses(
        &self,
        ids: &IdList,
        tries: u32,
    ) -> Result<HashMap<ClientId, Option<Status>>, OzmapError> {
        let mut shown = HashMap::new();
        for chunk in ids.split(IDS_PER_READ) {
            let query =
                [("page", "1".to_owned()), ("limit", chunk.len().to_string()), ("filter", chunk.filter().to_string())];
            // It ends a write, and goes out as one.
            let request = Request { query: &query, urgency: Urgency::Error, ..Request::get("ftth-clients") };
            let page: Page<RawClient> =
                self.send(&request, tries, |answer, call| answer.json(call, self.token())).await?;
            for row in page.rows.0 {
                if let Some(client) = row.known().and_then(RawClient::row)
                    && chunk.contains(client.id)
                {
                    shown.insert(client.id, client.status);
                }
            }
        }
        Ok(shown)
    }
}

/// Boxes named in one read: keeps the encoded URL under 6 kB.
pub const BOXES_PER_READ: usize = IDS_PER_READ;

impl Client {
    /// The names of boxes and buildings, by id: of at most [`BOXES_PER_READ`]. One that OZmap does not know, or that has no name,
    /// has none.
    ///
    /// # Errors
    /// As for any read.
    pub async fn read_box_names(&self, boxes: &[ElementId]) -> Result<BoxNames, OzmapError> {
        let mut names: BoxNames = boxes.iter().take(BOXES_PER_READ).map(|id| (*id, None)).collect();
        if names.is_empty() {
            return Ok(names);
        }
        let filter = json!([{"property": "id", "operator": "in", "value": names.keys().collect::<Vec<_>>()}]);
        let query = [("page", "1".to_owned()), ("limit", names.len().to_string()), ("filter", filter.to_string())];
        let request = Request { query: &query, ..Request::get("base-boxes") };
        let page: Page<RawNamed> =
            self.send(&request, self.timing().tries, |answer, call| answer.json(call, self.token())).await?;
        for (id, name) in page.rows.0.into_iter().filter_map(|row| row.known().and_then(RawNamed::row)) {
            // Rows that were not asked for come where a filter is ignored.
            if let Some(place) = names.get_mut(&id) {
                *place = name.map(Arc::from);
            }
        }
        Ok(names)
    }
}

/// Whether a link to a next page points away from the host that we speak to.
fn leaves_host(root: &Url, link: &str) -> bool {
    match root.join(link) {
        Ok(url) => url.origin() != root.origin(),
        Err(_) => true,
    }
}

/// The pages of a list, one after the other, of which some are asked for ahead.
pub(super) struct Pages<T> {
    client: Client,
    path: &'static str,
    filter: Value,
    pub(super) paging: Paging,
    /// On their way or here, the next one first.
    ahead: VecDeque<JoinHandle<Result<Page<T>, OzmapError>>>,
    /// The page after those.
    further: usize,
}

impl<T: DeserializeOwned + Send + 'static> Pages<T> {
    pub(super) fn new(client: &Client, path: &'static str, filter: Value, size: usize) -> Self {
        let paging = Paging::new(size);
        Self { client: client.clone(), path, filter, paging, ahead: VecDeque::new(), further: 1 }
    }

    /// The next page, if there is one.
    pub(super) async fn next(&mut self) -> Result<Option<Page<T>>, OzmapError> {
        if self.paging.next.is_none() {
            return Ok(None);
        }
        // The next one in any case; further ones only where the list is known to go so far.
        while self.ahead.is_empty() || (self.ahead.len() < READS && self.further <= self.paging.last_page()) {
            let (client, path, filter) = (self.client.clone(), self.path, self.filter.clone());
            let (number, size) = (self.further, self.paging.asked);
            self.ahead.push_back(tokio::spawn(async move { client.page(path, &filter, number, size).await }));
            self.further += 1;
        }
        match self.ahead.front_mut() {
            Some(first) => {
                let page = first.await;
                self.ahead.pop_front();
                // It can only be gone because we are stopping.
                page.unwrap_or(Err(OzmapError::Stopping)).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Takes in what the page said of itself, and whether it brought anything new.
    pub(super) fn after(&mut self, seen: &Seen, news: bool) {
        self.paging.after(seen, news);
    }
}

impl<T> Drop for Pages<T> {
    fn drop(&mut self) {
        for page in &self.ahead {
            page.abort();
        }
    }
}

/// What a page said of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub rows: usize,
    pub total: Option<usize>,
    pub limit: Option<usize>,
    pub has_next_page: Option<bool>,
}

impl Seen {
    pub(super) fn of<T>(page: &Page<T>) -> Self {
        Self { rows: page.rows.0.len(), total: page.total(), limit: page.limit(), has_next_page: page.has_next_page() }
    }
}

/// Which page comes next. Nothing that a server says of totals and next pages is believed alone.
#[derive(Debug)]
pub(super) struct Paging {
    pub next: Option<usize>,
    asked: usize,
    /// Rows in a page, as the last one showed it.
    size: usize,
    seen: usize,
    barren: usize,
    total: Option<usize>,
}

impl Paging {
    pub(super) const fn new(page_size: usize) -> Self {
        Self { next: Some(1), asked: page_size, size: page_size, seen: 0, barren: 0, total: None }
    }

    /// The last page that there probably is.
    fn last_page(&self) -> usize {
        self.total.map_or(0, |total| total.div_ceil(self.size))
    }

    pub(super) fn after(&mut self, page: &Seen, news: bool) {
        self.seen += page.rows;
        self.total = page.total.or(self.total);
        self.barren = if news { 0 } else { self.barren + 1 };
        let size = page.limit.unwrap_or(self.asked).min(self.asked);
        self.size = size.max(1);
        let full = page.rows >= size;
        let short_of_total = self.total.is_some_and(|total| self.seen < total);
        let more = match page.has_next_page {
            Some(true) => true,
            // Believed, unless both the page and the total say otherwise.
            Some(false) => full && short_of_total,
            None if self.total.is_some() => full || short_of_total,
            // A server that says nothing may also cap its pages without saying so.
            None => true,
        };
        // One page sent twice is an accident; two pages without news are the end.
        let ended = page.rows == 0 || self.barren >= 2 || !more;
        self.next = match self.next {
            Some(number) if !ended => Some(number + 1),
            _ => None,
        };
    }
}

mod changes;

pub use changes::Heard;

#[cfg(test)]
mod tests;
