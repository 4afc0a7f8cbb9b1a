//! The control endpoint, `/_sim/…`: turns the knobs and reads the record of a simulated OZmap from outside.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{self, ApiError};
use super::elements::Element;
use super::faults::Fault;
use super::gate::MAX_BODY;
use super::marks::Mark;
use super::server::{App, now};

/// Rows of `/_sim/clients` unless another number is asked for.
const DEFAULT_LIMIT: usize = 1000;

type Answer = Result<Response, ApiError>;

/// The control endpoint.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/_sim/faults", get(list_faults).post(set_faults))
        .route("/_sim/requests", get(list_requests))
        .route("/_sim/clients", get(list_clients))
        .route("/_sim/clients/{code}/status", post(set_status))
        .route("/_sim/changes", get(list_changes))
        .route("/_sim/writes", get(list_writes))
        .route("/_sim/marks", get(list_marks))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

fn read_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("body: JSON is expected: {error}")))
}

async fn list_faults(State(app): State<Arc<App>>) -> Response {
    answers::json(StatusCode::OK, &json!({"faults": app.faults().counts()}))
}

async fn set_faults(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    let body = read_json(&body)?;
    let list = body.get("faults").and_then(Value::as_array);
    let list = list.ok_or_else(|| ApiError::invalid("faults: an array is expected"))?;
    let faults: Result<Vec<Fault>, _> = list.iter().map(Fault::from_json).collect();
    app.set_faults(faults.map_err(|error| ApiError::invalid(error.to_string()))?);
    Ok(answers::empty(StatusCode::NO_CONTENT))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Since {
    since: u64,
}

async fn list_requests(State(app): State<Arc<App>>, Query(asked): Query<Since>) -> Response {
    let (total, dropped, requests) = {
        let record = app.record();
        (record.total(), record.dropped(), record.since(asked.since))
    };
    answers::json(StatusCode::OK, &json!({"total": total, "dropped": dropped, "requests": requests}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Span {
    start: usize,
    limit: Option<usize>,
}

async fn list_clients(State(app): State<Arc<App>>, Query(asked): Query<Span>) -> Response {
    let store = app.store();
    let some = store.clients(None).skip(asked.start).take(asked.limit.unwrap_or(DEFAULT_LIMIT));
    let rows: Vec<_> = some.map(|client| store.view(client)).collect();
    answers::json(StatusCode::OK, &json!({"total": store.client_count(), "rows": rows}))
}

async fn list_changes(State(app): State<Arc<App>>, Query(asked): Query<Since>) -> Response {
    let changes = app.store().changes_since(asked.since);
    answers::json(StatusCode::OK, &json!({"changes": changes}))
}

async fn list_writes(State(app): State<Arc<App>>) -> Response {
    answers::json(StatusCode::OK, &json!({"writes": app.record().writes()}))
}

async fn list_marks(State(app): State<Arc<App>>) -> Response {
    let store = app.store();
    let rows = |marks: &[Mark]| marks.iter().map(|mark| Element::Mark(mark).render()).collect::<Vec<_>>();
    let marks = json!({"pendencies": rows(&store.pendencies), "posts": rows(&store.posts)});
    answers::json(StatusCode::OK, &marks)
}

async fn set_status(State(app): State<Arc<App>>, Path(code): Path<String>, body: Bytes) -> Answer {
    let status = match read_json(&body)?.get("status").and_then(Value::as_u64) {
        Some(0) => 0,
        Some(1) => 1,
        _ => return Err(ApiError::invalid("status: 0 (OK) or 1 (ERROR) is expected")),
    };
    match app.store().set_status(&code, status, now()) {
        0 => Err(ApiError::not_found()),
        _ => Ok(answers::empty(StatusCode::NO_CONTENT)),
    }
}
