//! The requests of the import. All of them let everything else go first.

use std::collections::HashMap;

use serde_json::json;

use super::rows::{Element, List, RawElement};
use super::trace::{self, Traced};
use crate::model::ElementId;
use crate::ozmap::error::{Call, OzmapError};
use crate::ozmap::http::{Client, Request};
use crate::ozmap::limit::Urgency;
use crate::ozmap::read::{Paging, Seen};
use crate::ozmap::rows::Page;

/// Rows asked for in one page; production instances take 500.
const PAGE_SIZE: usize = 500;
/// More rows than any provider's list has.
const MAX_ROWS: usize = 8_000_000;
/// A server that caps pages at its default of 25 gives a million rows within this.
const MAX_PAGES: usize = 40_000;
/// How often a list is gone through when rows are missing at its end.
const PASSES: usize = 2;

impl Client {
    /// A whole list, and how many requests it took. Pages may shift or repeat: each row is taken once, and when rows are missing at the
    /// end the list is gone through once more.
    pub(super) async fn read_elements(&self, list: List) -> Result<(Vec<(ElementId, Element)>, usize), OzmapError> {
        let mut rows: HashMap<ElementId, Element> = HashMap::new();
        let mut pages = 0;
        for _ in 0..PASSES {
            let mut paging = Paging::new(PAGE_SIZE);
            let mut total = None;
            let mut unreadable = 0;
            let mut seen: std::collections::HashSet<ElementId> = std::collections::HashSet::new();
            while let Some(number) = paging.next {
                let query = [
                    ("page", number.to_string()),
                    ("limit", PAGE_SIZE.to_string()),
                    ("sort", json!([{"property": "id", "direction": 1}]).to_string()),
                ];
                let request = Request { query: &query, urgency: Urgency::Plant, ..Request::get(list.path()) };
                let page: Page<RawElement> =
                    self.send(&request, self.timing().tries, |answer, call| answer.json(call, self.token())).await?;
                pages += 1;
                total = page.total().or(total);
                let about = Seen {
                    rows: page.rows.0.len(),
                    total: page.total(),
                    limit: page.limit(),
                    has_next_page: page.has_next_page(),
                };
                let mut news = false;
                for row in page.rows.0 {
                    match row.element(list) {
                        Some((id, element)) => {
                            news |= seen.insert(id);
                            rows.insert(id, element);
                        }
                        None => unreadable += 1,
                    }
                }
                paging.after(&about, news);
                if pages > MAX_PAGES || rows.len() > MAX_ROWS {
                    let path = format!("{}/{}", self.root().path(), list.path());
                    return Err(OzmapError::Endless { call: Call { method: "GET", path }, pages, rows: rows.len() });
                }
            }
            if total.unwrap_or(0) <= rows.len() + unreadable {
                break;
            }
        }
        Ok((rows.into_iter().collect(), pages))
    }

    /// Rows by their ids. What OZmap does not have is missing; rows that were not asked for may be among them.
    pub(super) async fn read_rows(
        &self,
        list: List,
        ids: &[ElementId],
    ) -> Result<Vec<(ElementId, Element)>, OzmapError> {
        let filter = json!([{"property": "id", "operator": "in", "value": ids}]).to_string();
        let query = [("page", "1".to_owned()), ("limit", ids.len().to_string()), ("filter", filter)];
        let request = Request { query: &query, urgency: Urgency::Plant, ..Request::get(list.path()) };
        let page: Page<RawElement> =
            self.send(&request, self.timing().tries, |answer, call| answer.json(call, self.token())).await?;
        Ok(page.rows.0.into_iter().filter_map(|row| row.element(list)).collect())
    }

    /// The trace of a client, by its code as a path's segment.
    pub(super) async fn read_trace(&self, segment: &str) -> Result<Traced, OzmapError> {
        let request =
            Request { urgency: Urgency::Plant, ..Request::get(&format!("properties/client/{segment}/potency")) };
        self.send(&request, self.timing().tries, |answer, call| trace::read(answer, call, self.token())).await
    }
}
