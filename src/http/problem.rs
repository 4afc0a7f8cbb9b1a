//! Errors as `application/problem+json` (RFC 9457).

use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What went wrong with a request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
}

/// The members that RFC 9457 names.
#[derive(Serialize)]
struct Body<'a> {
    /// `about:blank`: the status says all there is to say of the kind.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The status.
    status: u16,
    /// What was expected and what was found, for a person.
    detail: &'a str,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    /// Its status.
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// What was expected and what was found.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// 400: a parameter is not as it must be.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: the token is missing or wrong. Does not tell which.
    pub(super) fn unauthorized() -> Self {
        let detail = "the token of [http] was expected, as \"Authorization: Bearer TOKEN\"";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, detail);
        problem.header = Some((WWW_AUTHENTICATE, "Bearer realm=\"oltwatch\""));
        problem
    }

    /// 404: there is no such thing.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405: every page is for reading.
    pub(super) fn method_not_allowed() -> Self {
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD was expected");
        problem.header = Some((ALLOW, "GET, HEAD"));
        problem
    }

    /// 413: no page takes a body.
    pub(super) fn body_not_expected() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "no page takes a body")
    }

    /// 414: the query is longer than any that makes sense.
    pub(super) fn query_too_long(longest: usize) -> Self {
        Self::new(StatusCode::URI_TOO_LONG, format!("the query is longer than {longest} octets"))
    }

    /// 500: a mistake of ours.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made; the log says why")
    }

    /// 503: every place for those who follow events is taken.
    pub(super) fn too_many_followers(most: usize) -> Self {
        let detail = format!("{most} clients follow events already; try again when one has gone");
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.header = Some((RETRY_AFTER, "30"));
        problem
    }

    /// 503: more is asked than can be answered.
    pub(super) fn busy() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many pages are being made; try again");
        problem.header = Some((RETRY_AFTER, "5"));
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = Body { r#type: "about:blank", title, status: self.status.as_u16(), detail: &self.detail };
        // A number and three texts always serialise.
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, text).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
