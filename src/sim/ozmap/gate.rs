//! What every request of the API passes: the record, the faults, the token. In this order, so that a refused request
//! is on record, and a fault can hit before the token counts.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answers::{self, ApiError, ErrorMessage};
use super::connection::Line;
use super::faults::{Facts, FaultKind};
use super::record::{RecordedRequest, TokenUse, WriteKind};
use super::server::{App, Grant, now};

/// Octets of a body that are read.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// Where the API is.
pub(super) const ROOT: &str = "/api/v2";

/// What a handler needs of its request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) facts: Arc<Facts>,
    pub(super) grant: Grant,
    pub(super) body: Bytes,
    pub(super) is_json: bool,
    pub(super) content_type: String,
}

fn facts_of(method: &Method, path: &str) -> Facts {
    let below = path.strip_prefix(ROOT).unwrap_or(path).to_owned();
    let is_login = *method == Method::POST && below == "/users/login";
    let is_write = WriteKind::of(method.as_str(), path).is_some();
    Facts { is_read: *method == Method::GET, is_write, is_login, path: below }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = content_type(headers).split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Passes a request on, or not.
pub(super) async fn gate(
    State(app): State<Arc<App>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    line.clear();
    let (mut parts, body) = request.into_parts();
    let facts = Arc::new(facts_of(&parts.method, parts.uri.path()));
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or it broke off").into_response();
    };
    let header = parts.headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    let (token, grant) = app.access().check(header);
    let kept_body = (!facts.is_login && !body.is_empty()).then(|| String::from_utf8_lossy(&body).into_owned());
    let number = app.record().add(RecordedRequest {
        number: 0,
        at: app.elapsed(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        body: kept_body,
        token,
        status: None,
    });
    if let Some(kind) = WriteKind::of(parts.method.as_str(), parts.uri.path()) {
        app.record().count(kind, false);
    }
    flip_statuses(&app, &facts);

    let fault = app.faults().draw(&facts, |kind| replaces_answer(kind).then(|| kind.clone()));
    let grant = grant.filter(|_| matches!(token, TokenUse::Accepted(_)));
    let response = match &fault {
        Some(fault) if !is_applied(fault) => None,
        _ => {
            let call = Call {
                facts: Arc::clone(&facts),
                grant: grant.clone().unwrap_or_default(),
                body,
                is_json: is_json(&parts.headers),
                content_type: content_type(&parts.headers).to_owned(),
            };
            parts.extensions.insert(call);
            let request = Request::from_parts(parts, Body::empty());
            Some(serve(&app, &facts, grant.as_ref(), request, next).await)
        }
    };
    let response = match fault {
        Some(FaultKind::Reset { .. }) => {
            line.reset();
            // Never leaves: the line is dead. The record has no status for it.
            return answers::empty(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Some(fault) => fault_answer(fault).await,
        None => spoil(&app, &facts, &line, response.unwrap_or_else(|| answers::empty(StatusCode::NO_CONTENT))).await,
    };
    app.record().answered(number, response.status().as_u16());
    response
}

async fn serve(app: &App, facts: &Facts, grant: Option<&Grant>, request: Request, next: Next) -> Response {
    let kind = WriteKind::of(request.method().as_str(), request.uri().path());
    let response = match grant {
        None if !facts.is_login => ApiError::unauthorized().into_response(),
        Some(grant) if grant.read_only && facts.is_write => {
            ApiError::new(StatusCode::FORBIDDEN, "this key may not change anything").into_response()
        }
        _ => next.run(request).await,
    };
    if let Some(kind) = kind.filter(|_| response.status().is_success()) {
        app.record().count(kind, true);
    }
    response
}

fn flip_statuses(app: &App, facts: &Facts) {
    let drawn = {
        let mut faults = app.faults();
        let clients = faults.draw(facts, |kind| match kind {
            FaultKind::FlipStatuses { clients, every: None } => Some(*clients),
            _ => None,
        });
        clients.map(|clients| (clients, faults.random().fork()))
    };
    if let Some((clients, mut random)) = drawn {
        app.store().flip_statuses(clients, &mut random, now());
    }
}

/// Whether this fault is an answer of its own, or none.
fn replaces_answer(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Unauthorized
            | FaultKind::Forbidden
            | FaultKind::NotFound
            | FaultKind::TooManyRequests(_)
            | FaultKind::InternalError { .. }
            | FaultKind::BadGateway { .. }
            | FaultKind::Unavailable(_)
            | FaultKind::GatewayTimeout { .. }
            | FaultKind::Reset { .. }
            | FaultKind::HtmlInsteadOfJson
    )
}

/// Whether the request has its effect before that fault shows.
fn is_applied(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::InternalError { applied }
        | FaultKind::BadGateway { applied }
        | FaultKind::GatewayTimeout { applied, .. }
        | FaultKind::Reset { applied } => *applied,
        _ => false,
    }
}

async fn fault_answer(fault: FaultKind) -> Response {
    match fault {
        FaultKind::Unauthorized => ApiError::unauthorized().into_response(),
        FaultKind::Forbidden => ApiError::new(StatusCode::FORBIDDEN, "forbidden").into_response(),
        FaultKind::NotFound => ApiError::not_found().into_response(),
        FaultKind::TooManyRequests(retry) => {
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            answers::retry_after(error.into_response(), retry, SystemTime::now())
        }
        FaultKind::BadGateway { .. } => answers::html(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
        FaultKind::Unavailable(retry) => {
            let response = answers::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
            answers::retry_after(response, retry, SystemTime::now())
        }
        FaultKind::GatewayTimeout { delay, .. } => {
            tokio::time::sleep(delay).await;
            answers::html(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Time-out")
        }
        FaultKind::HtmlInsteadOfJson => answers::html(StatusCode::OK, "Sign in to the network"),
        _ => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
    }
}

/// The right answer, spoilt on its way.
async fn spoil(app: &App, facts: &Facts, line: &Line, mut response: Response) -> Response {
    if let Some(ErrorMessage(message)) = response.extensions().get().cloned() {
        response = reword(app, facts, response, &message);
    }
    let is_success = response.status().is_success();
    let has_body = response.headers().contains_key(header::CONTENT_TYPE);
    let (delay, drip, truncated, emptied, cut) = {
        let mut faults = app.faults();
        let delay = faults.draw(facts, |kind| match kind {
            FaultKind::SlowFirstByte { delay } => Some(*delay),
            _ => None,
        });
        let drip = faults.draw(facts, |kind| match kind {
            FaultKind::SlowBody { bytes, pause } if has_body => Some((*bytes, *pause)),
            _ => None,
        });
        let mut shows =
            |wanted: FaultKind, can: bool| can && faults.draw(facts, |kind| (*kind == wanted).then_some(())).is_some();
        let truncated = shows(FaultKind::TruncatedJson, is_success && has_body);
        let emptied = shows(FaultKind::EmptyOk, is_success);
        let cut = shows(FaultKind::ResetMidBody, has_body);
        (delay, drip, truncated, emptied, cut)
    };
    if emptied {
        response = answers::empty(StatusCode::OK);
    }
    if truncated || cut {
        let (parts, body) = response.into_parts();
        // Our own answers are in memory already: collecting them cannot fail.
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let half = body.len() / 2;
        if cut {
            line.reset_in_body(half);
        }
        let body = if truncated { body.slice(..half) } else { body };
        response = Response::from_parts(parts, Body::from(body));
    }
    if let Some((bytes, pause)) = drip {
        line.drip(bytes, pause);
    }
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    response
}

fn reword(app: &App, facts: &Facts, response: Response, message: &str) -> Response {
    let mut faults = app.faults();
    let mut shows = |wanted: FaultKind| faults.draw(facts, |kind| (*kind == wanted).then_some(())).is_some();
    let mut status = response.status();
    if status == StatusCode::BAD_REQUEST && shows(FaultKind::Validation422) {
        status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    if shows(FaultKind::ErrorBodyText) {
        answers::text(status, message)
    } else if shows(FaultKind::ErrorBodyHtml) {
        answers::html(status, message)
    } else if shows(FaultKind::ErrorBodyEmpty) {
        answers::empty(status)
    } else {
        let (mut parts, body) = response.into_parts();
        parts.status = status;
        Response::from_parts(parts, body)
    }
}
