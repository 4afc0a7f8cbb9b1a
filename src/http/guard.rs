//! What every request passes: the token, the bounds, the time-out; and what every answer carries.

use std::time::SystemTime;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Body as _;
use subtle::ConstantTimeEq;

use super::pages;
use super::problem::Problem;
use super::routes::Shared;
use crate::model::Timestamp;

/// Longest query; the longest that makes sense holds every filter and a cursor.
const LONGEST_QUERY: usize = 2048;

/// Pages that supervisors ask for without a token. They say nothing but that we are here.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Nothing here is to be guessed at, framed, kept, or fetched from elsewhere.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        CONTENT_SECURITY_POLICY,
        // Stylesheet, script, icon and what the script asks for are ours; nothing stands inline.
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Lets a request in or not, bounds its time, and dresses its answer.
pub(super) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let now = Timestamp::from(SystemTime::now());
    let person = pages::is_browser(request.method(), request.headers());
    let mut response = match admit(&shared, &request, now) {
        Err(problem) if person && problem.status() == StatusCode::UNAUTHORIZED => pages::to_login(request.uri()),
        Err(problem) if person => pages::problem_page(request.headers(), request.uri(), now, &problem),
        Err(problem) => problem.into_response(),
        Ok(()) => match tokio::time::timeout(shared.limits.answer, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::busy().into_response(),
        },
    };
    for (name, value) in HEADERS {
        // Only what is the same for everybody says by itself that it may be kept.
        if name != CACHE_CONTROL || !response.headers().contains_key(CACHE_CONTROL) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn admit(shared: &Shared, request: &Request, now: Timestamp) -> Result<(), Problem> {
    let path = request.uri().path();
    if let Some(token) = &shared.token
        && !OPEN.contains(&path)
        && !pages::is_open(path)
        && !has_token(request.headers(), token.expose())
        && !shared.desk.admits(request.headers(), now)
    {
        return Err(Problem::unauthorized());
    }
    bounded(request.uri())?;
    no_body(request.method(), request.body())
}

fn bounded(uri: &Uri) -> Result<(), Problem> {
    match uri.query() {
        Some(query) if query.len() > LONGEST_QUERY => Err(Problem::query_too_long(LONGEST_QUERY)),
        _ => Ok(()),
    }
}

/// Other methods are refused as such, and their body is never read.
fn no_body(method: &Method, body: &Body) -> Result<(), Problem> {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    if is_read && !body.is_end_stream() { Err(Problem::body_not_expected()) } else { Ok(()) }
}

/// Whether the headers hold `Authorization: Bearer` with this token, exactly once. How long it takes says nothing of
/// the token but whether the lengths agree.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Some((scheme, given)) = value.as_bytes().split_at_checked("Bearer ".len()) else { return false };
    scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.trim_ascii().ct_eq(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_the_whole_token_given_once_as_bearer_opens() {
        for (given, opens) in [
            (vec!["Bearer s3cret"], true),
            (vec!["bearer  s3cret"], true),
            (vec![], false),
            (vec!["s3cret"], false),
            (vec!["Basic s3cret"], false),
            (vec!["Bearer"], false),
            (vec!["Bearer "], false),
            (vec!["Bearer s3cre"], false),
            (vec!["Bearer s3cret0"], false),
            (vec!["Bearer S3CRET"], false),
            (vec!["Bearer s3cret", "Bearer s3cret"], false),
        ] {
            assert_eq!(has_token(&headers(&given), "s3cret"), opens, "{given:?}");
        }
    }
}
