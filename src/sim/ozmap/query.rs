//! The query of a list and its envelope: `limit`, `page`, `cursor`, `filter`, `sort`, `select`; anything else is
//! ignored, as the real service does.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::fields::{Row, compare};
use super::filter::{Filter, FilterRules, kind};
use super::model::ObjectId;
use super::render::Select;
use super::rows::{Found, Rows, to_usize};

/// Rows of a page when no `limit` is sent.
const DEFAULT_LIMIT: usize = 25;

/// Sort keys that are followed.
const MAX_SORT_KEYS: usize = 16;

/// What is served besides the documented.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryRules {
    /// The largest page; `None`: no bound.
    pub(super) limit_cap: Option<usize>,
    /// Whether `limit=-1` is bounded too.
    pub(super) everything_capped: bool,
    pub(super) page_zero_refused: bool,
    /// Whether rows come by their last change unless a sort is sent.
    pub(super) unsorted_by_change: bool,
    pub(super) filter: FilterRules,
}

/// A list request, read.
#[derive(Debug, Clone)]
pub(super) struct ListQuery {
    /// `None`: everything.
    limit: Option<usize>,
    /// Counted from 1.
    page: usize,
    cursor: Option<ObjectId>,
    pub(super) filter: Filter,
    sort: Vec<SortKey>,
    pub(super) select: Select,
    /// What `nextUrl` carries on, as it was sent.
    carried: Vec<String>,
}

#[derive(Debug, Clone)]
struct SortKey {
    property: String,
    descending: bool,
}

/// The page's rows and what the envelope says of it.
#[derive(Debug)]
pub(super) struct Page<R> {
    pub(super) rows: Vec<R>,
    pub(super) total: usize,
    start: usize,
    limit: usize,
    next: Option<ObjectId>,
}

/// How a page and its envelope are spoilt; not at all by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spoil {
    /// Rows of the page before that stand in front.
    pub(super) repeated: usize,
    /// Rows at the front that are left out.
    pub(super) missing: usize,
    /// Whether the page before is sent again.
    pub(super) twice: bool,
    /// Added to the total.
    pub(super) total_by: i64,
    pub(super) next: NextUrl,
}

impl ListQuery {
    /// Reads the query string and the body of the GET, whose filter and sort win over those of the query.
    ///
    /// # Errors
    /// What was expected and where: an answer of 400.
    pub(super) fn read<'a, R: Row<'a>>(
        raw_query: &str,
        pairs: &[(String, String)],
        body: Option<&Value>,
        rules: &QueryRules,
    ) -> Result<Self, String> {
        let last = |name: &str| pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let from_query = |name: &str| match last(name).filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(text) => serde_json::from_str::<Value>(text)
                .map(Some)
                .map_err(|error| format!("{name}: JSON is expected: {error}")),
        };
        let from_body = |name: &str| body.and_then(|body| body.get(name)).filter(|value| !value.is_null()).cloned();
        if let Some(body) = body.filter(|body| !body.is_object()) {
            return Err(format!("body: an object is expected, found {}", kind(body)));
        }
        let filter = match from_body("filter") {
            Some(filter) => Some(filter),
            None => from_query("filter")?,
        };
        let sort = match from_body("sort") {
            Some(sort) => Some(sort),
            None => from_query("sort")?,
        };
        let mut select = Select::default();
        for (_, names) in pairs.iter().filter(|(key, _)| key == "select") {
            select.add(names);
        }
        let carried = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            !part.is_empty() && !["limit", "page", "cursor"].contains(&name)
        };
        Ok(Self {
            limit: read_limit(last("limit"), rules)?,
            page: read_page(last("page"), rules)?,
            cursor: last("cursor").map(str::parse).transpose().map_err(|error| format!("cursor: {error}"))?,
            filter: Filter::compile::<R>(&filter.unwrap_or(Value::Null), rules.filter)?,
            sort: match sort {
                Some(sort) => read_sort(&sort)?,
                None if rules.unsorted_by_change => {
                    vec![SortKey { property: "updatedAt".to_owned(), descending: true }]
                }
                None => Vec::new(),
            },
            select,
            carried: raw_query.split('&').filter(carried).map(str::to_owned).collect(),
        })
    }

    /// Whether it asks for another page than the first.
    pub(super) fn is_later_page(&self) -> bool {
        self.cursor.is_some() || self.page > 1
    }

    /// The page of `rows`.
    pub(super) fn page<'a, C: Rows<'a>>(&self, rows: &C, spoil: Spoil) -> Page<C::Row> {
        let found = self.found(rows);
        let total = found.len();
        let limit = self.limit.unwrap_or(total);
        let by_page = self.page.saturating_sub(1).saturating_mul(limit);
        let start = self.cursor.and_then(|cursor| self.behind(cursor, &found, rows)).unwrap_or(by_page).min(total);
        let mut first = start;
        let mut wanted = limit;
        if start > 0 {
            if spoil.twice {
                first = start.saturating_sub(limit);
            }
            // What repeats stands in front, and the page gets longer: this fault alone loses no row.
            let repeated = spoil.repeated.min(first);
            first -= repeated;
            wanted = wanted.saturating_add(repeated);
            // The rows that are left out are lost: the page ends where it should.
            let missing = spoil.missing.min(wanted);
            first = first.saturating_add(missing);
            wanted -= missing;
        }
        let end = first.saturating_add(wanted).min(total);
        let row_at = |index: usize| found.place(index).and_then(|place| rows.row(place));
        let page: Vec<C::Row> = (first.min(end)..end).filter_map(row_at).collect();
        let has_next = end < total && limit > 0;
        let next = end.checked_sub(1).filter(|_| has_next).and_then(row_at).map(Row::id);
        Page { rows: page, total, start, limit, next }
    }

    /// Where the rows are that match, in the order of the sort. Nothing is scanned that an index knows, and a scan is
    /// kept for the pages that follow.
    fn found<'a, C: Rows<'a>>(&self, rows: &C) -> Found {
        let by_id = self.is_by_id();
        if by_id && self.filter.is_everything() && rows.shows_all() {
            return Found::All(rows.len());
        }
        let matches = |place: &u32| rows.row(to_usize(*place)).is_some_and(|row| self.filter.matches(row));
        let known = self.filter.musts().find_map(|(path, test)| rows.candidates(path, test));
        if let Some(mut places) = known {
            places.sort_unstable();
            places.dedup();
            places.retain(matches);
            self.sort_places(rows, by_id, &mut places);
            return Found::Places(places.into());
        }
        let is_fixed = |path: &str| C::Row::is_fixed(path);
        let fixed = self.filter.all_paths(&is_fixed) && self.sort.iter().all(|key| is_fixed(&key.property));
        let scan = || {
            let mut places: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).filter(matches).collect();
            self.sort_places(rows, by_id, &mut places);
            places.into()
        };
        Found::Places(rows.scanned(&format!("{:?} {:?}", self.filter, self.sort), fixed, scan))
    }

    /// Whether the order is that of identifiers.
    fn is_by_id(&self) -> bool {
        match self.sort.first() {
            None => true,
            Some(key) => !key.descending && (key.property == "id" || key.property == "_id"),
        }
    }

    fn sort_places<'a, C: Rows<'a>>(&self, rows: &C, by_id: bool, places: &mut [u32]) {
        if by_id {
            return;
        }
        places.sort_by(|left, right| match (rows.row(to_usize(*left)), rows.row(to_usize(*right))) {
            (Some(left), Some(right)) => self.order(left, right),
            _ => left.cmp(right),
        });
    }

    /// The position behind the cursor's row; it may have stopped matching since.
    fn behind<'a, C: Rows<'a>>(&self, cursor: ObjectId, found: &Found, rows: &C) -> Option<usize> {
        let place = rows.place_of(cursor)?;
        let row = rows.row(place)?;
        Some(match found {
            Found::All(_) => place + 1,
            Found::Places(places) if self.is_by_id() => places.partition_point(|other| to_usize(*other) <= place),
            Found::Places(places) => places.partition_point(|other| {
                rows.row(to_usize(*other)).is_some_and(|other| self.order(other, row) != Ordering::Greater)
            }),
        })
    }

    fn order<'a, R: Row<'a>>(&self, left: R, right: R) -> Ordering {
        for key in &self.sort {
            let order = compare(&left.field(&key.property), &right.field(&key.property));
            let order = if key.descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        left.id().cmp(&right.id())
    }

    /// The envelope around rendered rows. `path` is below the host.
    pub(super) fn envelope<R>(&self, page: &Page<R>, rows: Vec<Value>, path: &str, spoil: Spoil) -> Value {
        let total = u64::try_from(page.total).unwrap_or(u64::MAX).saturating_add_signed(spoil.total_by);
        let mut envelope = Map::new();
        envelope.insert("total".to_owned(), json!(total));
        envelope.insert("count".to_owned(), json!(rows.len()));
        envelope.insert("rows".to_owned(), Value::Array(rows));
        envelope.insert("start".to_owned(), json!(page.start));
        envelope.insert("limit".to_owned(), json!(page.limit));
        if spoil.next != NextUrl::Missing {
            envelope.insert("hasNextPage".to_owned(), json!(page.next.is_some()));
            if let Some(cursor) = page.next {
                let host = if spoil.next == NextUrl::Elsewhere { "https://elsewhere.example:9994" } else { "" };
                let number = page.start / page.limit.max(1) + 2;
                let mut url = format!("{host}{path}?limit={}&page={number}&cursor={cursor}", page.limit);
                for part in &self.carried {
                    url.push('&');
                    url.push_str(part);
                }
                envelope.insert("nextUrl".to_owned(), Value::String(url));
            }
        }
        Value::Object(envelope)
    }
}

/// The identifiers of the rows that a filter leaves.
pub(super) fn matching<'a, C: Rows<'a>>(rows: &C, filter: Filter) -> Vec<ObjectId> {
    let query = ListQuery {
        limit: None,
        page: 1,
        cursor: None,
        filter,
        sort: Vec::new(),
        select: Select::default(),
        carried: Vec::new(),
    };
    query.page(rows, Spoil::default()).rows.into_iter().map(Row::id).collect()
}

/// What the envelope says of the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum NextUrl {
    /// Below the same host, as it should be.
    #[default]
    Here,
    Elsewhere,
    Missing,
}

fn read_limit(text: Option<&str>, rules: &QueryRules) -> Result<Option<usize>, String> {
    let Some(text) = text else { return Ok(Some(rules.limit_cap.unwrap_or(usize::MAX).min(DEFAULT_LIMIT))) };
    if text.trim() == "-1" {
        return Ok(if rules.everything_capped { rules.limit_cap } else { None });
    }
    match text.trim().parse::<usize>() {
        Ok(limit) if limit > 0 => Ok(Some(limit.min(rules.limit_cap.unwrap_or(usize::MAX)))),
        _ => Err("limit: a number above 0, or -1, is expected".to_owned()),
    }
}

fn read_page(text: Option<&str>, rules: &QueryRules) -> Result<usize, String> {
    match text.map(|text| text.trim().parse::<usize>()) {
        None => Ok(1),
        Some(Ok(0)) if rules.page_zero_refused => Err("page: pages are counted from 1".to_owned()),
        Some(Ok(page)) => Ok(page.max(1)),
        Some(Err(_)) => Err("page: a number is expected".to_owned()),
    }
}

fn read_sort(sort: &Value) -> Result<Vec<SortKey>, String> {
    let members = sort.as_array().ok_or_else(|| format!("sort: an array is expected, found {}", kind(sort)))?;
    if members.len() > MAX_SORT_KEYS {
        return Err(format!("sort: at most {MAX_SORT_KEYS} keys are expected"));
    }
    let read = |(index, member): (usize, &Value)| {
        let property = member.get("property").and_then(Value::as_str);
        let property = property.ok_or_else(|| format!("sort[{index}].property: a field name is expected"))?;
        let descending = match member.get("direction").map_or(Some(1), Value::as_i64) {
            Some(1) => false,
            Some(-1) => true,
            _ => return Err(format!("sort[{index}].direction: 1 or -1 is expected")),
        };
        Ok(SortKey { property: property.to_owned(), descending })
    };
    members.iter().enumerate().map(read).collect()
}
