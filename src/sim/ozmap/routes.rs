//! The routes of the API, each a thin piece between the query language and the store.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{StatusCode, Uri};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::answers::{self, ApiError};
use super::faults::FaultKind;
use super::fields::{House, Row};
use super::filter::{DottedPaths, Filter, FilterRules, NestedArrays};
use super::gate::{Call, ROOT, gate};
use super::model::{Client, IdKind, ObjectId};
use super::patch::{self, ClientPatch, PropertyPatch};
use super::query::{self, ListQuery, NextUrl, QueryRules, Spoil};
use super::render::{self, IdKey};
use super::routes_plant;
use super::rows::{ClientRows, HouseRows, Rows};
use super::server::{App, now};
use super::store::{Store, WriteError};

/// The largest `limit` that is granted unless a switch says otherwise.
const LIMIT_CAP: usize = 1000;

pub(super) type Answer = Result<Response, ApiError>;

/// The API.
pub(super) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/authenticated", get(authenticated))
        .route("/users/login", post(login))
        .route("/ftth-clients", get(list_clients))
        .route("/ftth-clients/batch-update", post(batch_clients))
        .route("/ftth-clients/{id}", get(read_client).patch(patch_client))
        .route("/properties", get(list_properties))
        .route("/properties/batch-update", post(batch_properties))
        .route("/properties/{id}", get(read_property).patch(patch_property))
        .route("/properties/client/{code}", get(properties_of_code))
        .merge(routes_plant::router());
    Router::new()
        .nest(ROOT, api)
        .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "there is no such route") })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), gate))
        .with_state(app)
}

impl App {
    /// Whether a switch is on for this request.
    pub(super) fn is_on(&self, call: &Call, wanted: &FaultKind) -> bool {
        self.faults().draw(&call.facts, |kind| (kind == wanted).then_some(())).is_some()
    }

    fn filter_rules(&self, call: &Call) -> FilterRules {
        let mut faults = self.faults();
        let nested = faults.draw(&call.facts, |kind| match kind {
            FaultKind::NestedArraysAnd => Some(NestedArrays::AllOf),
            FaultKind::NestedArraysIgnored => Some(NestedArrays::Ignored),
            FaultKind::NestedArraysRefused => Some(NestedArrays::Refused),
            _ => None,
        });
        let dotted = faults.draw(&call.facts, |kind| match kind {
            FaultKind::DottedFiltersIgnored => Some(DottedPaths::Ignored),
            FaultKind::DottedFiltersEmpty => Some(DottedPaths::Empty),
            _ => None,
        });
        FilterRules { nested_arrays: nested.unwrap_or_default(), dotted_paths: dotted.unwrap_or_default() }
    }

    fn query_rules(&self, call: &Call) -> QueryRules {
        let cap = self.faults().draw(&call.facts, |kind| match kind {
            FaultKind::LimitCap { rows } => Some(*rows),
            _ => None,
        });
        QueryRules {
            limit_cap: match cap {
                None => Some(LIMIT_CAP),
                Some(0) => None,
                Some(rows) => Some(rows),
            },
            everything_capped: cap.is_some_and(|rows| rows > 0),
            page_zero_refused: self.is_on(call, &FaultKind::PageZeroRefused),
            unsorted_by_change: self.is_on(call, &FaultKind::UnsortedByChange),
            filter: self.filter_rules(call),
        }
    }

    /// Draws what is wrong with the page, before the store is locked.
    pub(super) fn spoil(&self, call: &Call, query: &ListQuery) -> Spoil {
        let mut faults = self.faults();
        let total_by = faults.draw(&call.facts, |kind| match kind {
            FaultKind::WrongTotal { by } => Some(*by),
            _ => None,
        });
        let next = faults.draw(&call.facts, |kind| match kind {
            FaultKind::NextUrlElsewhere => Some(NextUrl::Elsewhere),
            FaultKind::NextUrlMissing => Some(NextUrl::Missing),
            _ => None,
        });
        let spoil = Spoil { total_by: total_by.unwrap_or(0), next: next.unwrap_or_default(), ..Spoil::default() };
        if !query.is_later_page() {
            return spoil;
        }
        let mut rows = |wanted: fn(&FaultKind) -> Option<usize>| faults.draw(&call.facts, wanted).unwrap_or(0);
        Spoil {
            repeated: rows(|kind| match kind {
                FaultKind::RowsRepeated { rows } => Some(*rows),
                _ => None,
            }),
            missing: rows(|kind| match kind {
                FaultKind::RowsMissing { rows } => Some(*rows),
                _ => None,
            }),
            twice: rows(|kind| (*kind == FaultKind::PageTwice).then_some(1)) > 0,
            ..spoil
        }
    }

    /// Reads a list request.
    pub(super) fn read_list<'a, R: Row<'a>>(&self, call: &Call, uri: &Uri) -> Result<ListQuery, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| ApiError::invalid(format!("query: {error}")))?;
        let body = if call.body.is_empty() || self.is_on(call, &FaultKind::GetBodyDropped) {
            None
        } else {
            Some(read_json(&call.body)?)
        };
        let rules = self.query_rules(call);
        ListQuery::read::<R>(uri.query().unwrap_or_default(), &pairs, body.as_ref(), &rules).map_err(ApiError::invalid)
    }
}

/// The envelope around the rows of one page.
pub(super) fn answer_list<'a, C: Rows<'a>>(
    call: &Call,
    query: &ListQuery,
    spoil: Spoil,
    rows: &C,
    render: impl Fn(C::Row) -> Value,
) -> Response {
    let page = query.page(rows, spoil);
    let rendered = page.rows.iter().map(|row| query.select.trim(render(*row))).collect();
    ok(&query.envelope(&page, rendered, &format!("{ROOT}{}", call.facts.path), spoil))
}

fn read_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("body: JSON is expected: {error}")))
}

/// The body of a request that changes something.
pub(super) fn json_body(call: &Call) -> Result<Value, ApiError> {
    if !call.is_json {
        return Err(ApiError::invalid("Content-Type: application/json is expected"));
    }
    read_json(&call.body)
}

pub(super) fn id_of(text: &str) -> Result<ObjectId, ApiError> {
    text.parse().map_err(|error| ApiError::invalid(format!("id: {error}")))
}

pub(super) fn ok(value: &Value) -> Response {
    answers::json(StatusCode::OK, value)
}

pub(super) fn no_content() -> Response {
    answers::empty(StatusCode::NO_CONTENT)
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotFound => Self::not_found(),
            WriteError::Invalid(message) => Self::invalid(message),
        }
    }
}

async fn authenticated() -> Response {
    ok(&json!({"authenticated": true}))
}

async fn login(State(app): State<Arc<App>>, Extension(call): Extension<Call>) -> Answer {
    let body = json_body(&call)?;
    let field = |key: &str| {
        body.get(key).and_then(Value::as_str).ok_or_else(|| ApiError::invalid(format!("{key}: a text is expected")))
    };
    let (login, password) = (field("login")?, field("password")?);
    let token = app.access().login(login, password).ok_or_else(ApiError::unauthorized)?;
    let id = ObjectId::of(IdKind::User, 1);
    Ok(ok(&json!({"id": id, "login": login, "authorization": token.expose_secret()})))
}

async fn list_clients(State(app): State<Arc<App>>, Extension(call): Extension<Call>, uri: Uri) -> Answer {
    let query = app.read_list::<&Client>(&call, &uri)?;
    let spoil = app.spoil(&call, &query);
    let store = app.store();
    let rows = ClientRows(&store, call.grant.sight());
    Ok(answer_list(&call, &query, spoil, &rows, |row| render::client(row, IdKey::Id, false, true)))
}

async fn read_client(State(app): State<Arc<App>>, Extension(call): Extension<Call>, Path(id): Path<String>) -> Answer {
    let id = id_of(&id)?;
    let store = app.store();
    let client = store.client(id, call.grant.sight()).ok_or_else(ApiError::not_found)?;
    Ok(ok(&render::client(client, IdKey::Id, false, true)))
}

async fn patch_client(State(app): State<Arc<App>>, Extension(call): Extension<Call>, Path(id): Path<String>) -> Answer {
    let body = json_body(&call)?;
    let id = id_of(&id)?;
    let patch = patch::client_patch(&body).map_err(ApiError::invalid)?;
    let keep_time = app.is_on(&call, &FaultKind::UnchangedKeepsUpdatedAt);
    app.store().patch_client(id, &patch, call.grant.sight(), now(), keep_time)?;
    Ok(no_content())
}

async fn list_properties(State(app): State<Arc<App>>, Extension(call): Extension<Call>, uri: Uri) -> Answer {
    let query = app.read_list::<House<'_>>(&call, &uri)?;
    let spoil = app.spoil(&call, &query);
    let with_names = !app.is_on(&call, &FaultKind::EmbeddedNamesOmitted);
    let store = app.store();
    let rows = HouseRows(&store, call.grant.sight());
    Ok(answer_list(&call, &query, spoil, &rows, |row| render::house(row, IdKey::Id, with_names)))
}

async fn read_property(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answer {
    let id = id_of(&id)?;
    let with_names = !app.is_on(&call, &FaultKind::EmbeddedNamesOmitted);
    let store = app.store();
    let house = store.house(id, call.grant.sight()).ok_or_else(ApiError::not_found)?;
    Ok(ok(&render::house(house, IdKey::Id, with_names)))
}

async fn patch_property(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answer {
    let body = json_body(&call)?;
    let id = id_of(&id)?;
    let patch = patch::property_patch(&body).map_err(ApiError::invalid)?;
    let keep_time = app.is_on(&call, &FaultKind::UnchangedKeepsUpdatedAt);
    app.store().patch_property(id, &patch, call.grant.sight(), now(), keep_time)?;
    Ok(no_content())
}

async fn properties_of_code(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Call>,
    Path(code): Path<String>,
) -> Answer {
    let with_names = !app.is_on(&call, &FaultKind::EmbeddedNamesOmitted);
    let rows: Option<Vec<Value>> = {
        let store = app.store();
        let sight = call.grant.sight();
        let mut clients = store.clients_of_code(&code, sight).peekable();
        clients.peek().is_some().then(|| {
            let houses = clients.flat_map(|client| store.houses_of_client(client.id, sight));
            houses.map(|house| render::house(house, IdKey::Underscore, with_names)).collect()
        })
    };
    match rows {
        Some(rows) => Ok(ok(&Value::Array(rows))),
        None if app.is_on(&call, &FaultKind::UnknownCodeEmpty) => Ok(ok(&json!([]))),
        None => Err(ApiError::not_found()),
    }
}

/// A batch that was read: the update, and the filter that says which rows.
struct Batch {
    update: Value,
    filter: Filter,
    keep_time: bool,
}

impl App {
    /// A filter counts in the body only: one in the query restricts nothing, as a caller of the real service learnt.
    fn read_batch<'a, R: Row<'a>>(&self, call: &Call, keys: &[&str]) -> Result<Batch, ApiError> {
        let body = json_body(call)?;
        let ignore_foreign = self.is_on(call, &FaultKind::ForeignBatchKeysIgnored);
        let update = patch::batch_update(&body, keys, ignore_foreign).map_err(ApiError::invalid)?;
        let filter = body.get("filter").unwrap_or(&Value::Null);
        let filter = Filter::compile::<R>(filter, self.filter_rules(call)).map_err(ApiError::invalid)?;
        if filter.is_everything() && self.is_on(call, &FaultKind::EmptyBatchRefused) {
            return Err(ApiError::invalid("filter: at least one member is expected"));
        }
        Ok(Batch { update, filter, keep_time: self.is_on(call, &FaultKind::UnchangedKeepsUpdatedAt) })
    }
}

async fn batch_clients(State(app): State<Arc<App>>, Extension(call): Extension<Call>) -> Answer {
    let batch = app.read_batch::<&Client>(&call, &patch::CLIENT_BATCH_KEYS)?;
    let patch: ClientPatch = patch::client_patch(&batch.update).map_err(ApiError::invalid)?;
    let mut store = app.store();
    let store: &mut Store = &mut store;
    let ids: Vec<ObjectId> = query::matching(&ClientRows(store, call.grant.sight()), batch.filter);
    for id in ids {
        store.patch_client(id, &patch, None, now(), batch.keep_time)?;
    }
    Ok(no_content())
}

async fn batch_properties(State(app): State<Arc<App>>, Extension(call): Extension<Call>) -> Answer {
    let batch = app.read_batch::<House<'_>>(&call, &patch::PROPERTY_BATCH_KEYS)?;
    let patch: PropertyPatch = patch::property_patch(&batch.update).map_err(ApiError::invalid)?;
    let mut store = app.store();
    let store: &mut Store = &mut store;
    let ids: Vec<ObjectId> = query::matching(&HouseRows(store, call.grant.sight()), batch.filter);
    for id in ids {
        store.patch_property(id, &patch, None, now(), batch.keep_time)?;
    }
    Ok(no_content())
}
