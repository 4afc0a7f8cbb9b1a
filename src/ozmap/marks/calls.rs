//! The requests that marks take.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{WantedMark, incident_of, name_of};
use crate::config::MarkRule;
use crate::ozmap::error::OzmapError;
use crate::ozmap::http::{Client, Request};
use crate::ozmap::ids::ElementId;
use crate::ozmap::lenient::{Object, Scalar};
use crate::ozmap::limit::Urgency;
use crate::ozmap::read::{Pages, Seen};

/// Rows of a page.
const PAGE_SIZE: usize = 200;
/// More marks of ours than this are a mistake of somebody's.
const MOST_MARKS: usize = 10_000;

/// A mark that is not solved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: ElementId,
    pub(super) incident: String,
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
struct RawMark {
    #[serde(default, alias = "_id")]
    id: Scalar,
    #[serde(default)]
    name: Scalar,
    #[serde(default)]
    description: Scalar,
    #[serde(default)]
    solved: Scalar,
}

impl RawMark {
    /// `None` for those of others, and those that are solved.
    fn of_ours(&self) -> Option<Mark> {
        let (id, name) = (self.id.text()?.parse().ok()?, self.name.text()?);
        let incident = incident_of(&name)?.to_owned();
        let is_solved = self.solved.flag().unwrap_or(false);
        (!is_solved).then(|| Mark { id, incident, description: self.description.text().unwrap_or_default() })
    }
}

impl Client {
    /// All marks of ours that are not solved, the oldest first.
    pub(super) async fn open_marks(&self) -> Result<Vec<Mark>, OzmapError> {
        let filter = json!([{"property": "solved", "operator": "=", "value": false}]);
        let mut pages = Pages::<RawMark>::new(self, "pendencies", filter, PAGE_SIZE);
        let mut marks: Vec<Mark> = Vec::new();
        let mut rows = 0;
        while let Some(page) = pages.next().await? {
            let seen = Seen::of(&page);
            rows += seen.rows;
            let found = page.rows.0.into_iter().filter_map(Object::known).filter_map(|row| row.of_ours());
            for mark in found {
                if !marks.iter().any(|known| known.id == mark.id) {
                    marks.push(mark);
                }
            }
            if marks.len() > MOST_MARKS {
                break;
            }
            pages.after(&seen, rows > 0);
        }
        Ok(marks)
    }

    /// Whether an incident has a mark, solved or not.
    pub(super) async fn has_mark(&self, incident: &str) -> Result<bool, OzmapError> {
        let filter = json!([{"property": "name", "operator": "=", "value": name_of(incident)}]);
        let page = self.page::<RawMark>("pendencies", &filter, 1, PAGE_SIZE).await?;
        let is_its = |row: RawMark| row.name.text().is_some_and(|name| incident_of(&name) == Some(incident));
        Ok(page.rows.0.into_iter().filter_map(Object::known).any(is_its))
    }

    /// Makes one: `POST /pendencies`. Tried once; who does not know whether it was made reads the list.
    pub(super) async fn make_mark(&self, rule: &MarkRule, wanted: &WantedMark) -> Result<(), OzmapError> {
        let body = json!({
            "owner": rule.owner,
            "project": rule.project,
            "pendencyType": rule.kind,
            "coords": [wanted.coords.lng(), wanted.coords.lat()],
            "name": name_of(&wanted.incident),
            "description": wanted.description,
            // What the list is asked for.
            "solved": false,
        });
        self.change_mark("POST", "pendencies".to_owned(), body).await
    }

    /// Changes its text: `PATCH /pendencies/<id>`.
    pub(super) async fn describe_mark(&self, id: ElementId, description: &str) -> Result<(), OzmapError> {
        self.change_mark("PATCH", format!("pendencies/{id}"), json!({"description": description})).await
    }

    /// Says that it is done with: `PATCH /pendencies/<id>`.
    pub(super) async fn solve_mark(&self, id: ElementId) -> Result<(), OzmapError> {
        self.change_mark("PATCH", format!("pendencies/{id}"), json!({"solved": true})).await
    }

    async fn change_mark(&self, method: &'static str, path: String, body: Value) -> Result<(), OzmapError> {
        let request = Request { method, path, query: &[], body: Some(body), urgency: Urgency::Recovery };
        self.send(&request, 1, |answer, call| match answer.looks_like_html() {
            true => answer.json::<serde::de::IgnoredAny>(call, self.token()).map(|_| ()),
            false => Ok(()),
        })
        .await
    }
}
