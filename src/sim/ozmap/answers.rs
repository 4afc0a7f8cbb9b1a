//! Answers: JSON, and the other things that come instead of it.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::faults::RetryAfter;

/// An error of the API itself, as opposed to a fault.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Invalid input.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found")
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
    }
}

/// Marks a response as made from an [`ApiError`]: its body may still be put in other words.
#[derive(Debug, Clone)]
pub(super) struct ErrorMessage(pub(super) String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &json!({"message": self.message}));
        response.extensions_mut().insert(ErrorMessage(self.message));
        response
    }
}

fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &Value) -> Response {
    with_type(status, "application/json; charset=utf-8", value.to_string())
}

/// A plain text.
pub(super) fn text(status: StatusCode, text: &str) -> Response {
    with_type(status, "text/plain; charset=utf-8", text.to_owned())
}

/// A page of HTML, as a proxy makes it.
pub(super) fn html(status: StatusCode, title: &str) -> Response {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body></html>\n"
    );
    with_type(status, "text/html", page)
}

/// No body at all.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Adds the header, if there is to be one.
pub(super) fn retry_after(mut response: Response, retry: RetryAfter, now: SystemTime) -> Response {
    let seconds = |duration: Duration| duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let value = match retry {
        RetryAfter::None => return response,
        RetryAfter::Seconds(wait) => seconds(wait).to_string(),
        RetryAfter::Date(wait) => http_date(now + Duration::from_secs(seconds(wait) + 1)),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(HeaderName::from_static("retry-after"), value);
    }
    response
}

/// `Mon, 23 Nov 2026 02:31:07 GMT`.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    // 1970 began on a Thursday.
    let weekday = usize::try_from(days % 7).ok().and_then(|day| DAYS.get(day)).copied().unwrap_or("Thu");
    let stamp = humantime::format_rfc3339_seconds(time).to_string();
    let part = |range: std::ops::Range<usize>| stamp.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{weekday}, {} {} {} {} GMT", part(8..10), month.copied().unwrap_or("Jan"), part(0..4), part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        let at = |seconds| http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(1_795_401_067), "Mon, 23 Nov 2026 02:31:07 GMT");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let wait = RetryAfter::Seconds(Duration::from_millis(1200));
        let response = retry_after(empty(StatusCode::TOO_MANY_REQUESTS), wait, SystemTime::now());
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
