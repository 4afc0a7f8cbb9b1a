//! From an HTTP answer to a value or a typed error: bounded reading, excerpts that are safe to show, `Retry-After`.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use regex::Regex;
use serde::de::DeserializeOwned;

use super::error::{Call, Excerpt, OzmapError};

/// Most octets of an answer that we take. A page of 500 properties has about 1 MB.
pub(super) const MAX_BODY: usize = 32 << 20;

/// Most octets of a body that an error shows.
const MAX_EXCERPT: usize = 500;

/// A `Retry-After` beyond this is taken as this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What is expected where JSON begins well and then breaks off.
pub(super) const WHOLE_JSON: &str = "a whole JSON document";

/// An answer: its status, and its body, bounded.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub html: bool,
    pub retry_after: Option<Duration>,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The error that this answer is, if it is one.
    pub(super) fn error(&self, call: &Call, token: &str) -> Option<OzmapError> {
        let (call, status) = (call.clone(), self.status);
        let body = excerpt(&self.body, token);
        Some(match status {
            200..=299 => return None,
            401 | 403 => OzmapError::Denied { call, status, body },
            429 | 503 => OzmapError::Busy { call, status, retry_after: self.retry_after, body },
            408 | 423 | 425 | 500..=599 if self.retry_after.is_some() => {
                OzmapError::Busy { call, status, retry_after: self.retry_after, body }
            }
            408 | 423 | 425 | 500..=599 => OzmapError::Failed { call, status, body },
            400..=499 => OzmapError::Refused { call, status, body },
            _ => OzmapError::Answer {
                call,
                status,
                expected: "an answer of the API",
                found: match &self.location {
                    Some(to) => format!("a redirect to {}", excerpt(to.as_bytes(), token).as_str()),
                    None => "this status".to_owned(),
                },
                body,
            },
        })
    }

    /// The body as JSON of a shape.
    pub(super) fn json<T: DeserializeOwned>(&self, call: &Call, token: &str) -> Result<T, OzmapError> {
        let wrong = |expected, found: String| OzmapError::Answer {
            call: call.clone(),
            status: self.status,
            expected,
            found,
            body: excerpt(&self.body, token),
        };
        if self.looks_like_html() {
            return Err(wrong("JSON", "HTML; does the url lead to the API?".to_owned()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            match error.classify() {
                serde_json::error::Category::Eof if self.body.is_empty() => wrong("JSON", "nothing".to_owned()),
                serde_json::error::Category::Eof => {
                    wrong(WHOLE_JSON, format!("that it breaks off after {} octets", self.body.len()))
                }
                // serde_json's words can quote the body, which may hold what must not be shown: only the place goes on.
                serde_json::error::Category::Data => {
                    wrong("a list of rows", format!("JSON of another shape at {place}"))
                }
                _ => wrong("JSON", format!("something else at {place}")),
            }
        })
    }

    /// Whether it is a web page rather than an answer of the API.
    pub(super) fn looks_like_html(&self) -> bool {
        self.html || self.body.iter().find(|octet| !octet.is_ascii_whitespace()) == Some(&b'<')
    }
}

/// The beginning of a body, safe to show.
pub(super) fn excerpt(body: &[u8], token: &str) -> Excerpt {
    static LOGINS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(?i)"([a-z_]*(?:password|passwd|community|secret|token|authorization)|user|login)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^,}\s]+)"#,
        )
        .ok()
    });
    let token = token.as_bytes();
    let mut kept: Vec<u8> = Vec::with_capacity(MAX_EXCERPT);
    let mut at = 0;
    while at < body.len().min(MAX_EXCERPT) {
        let rest = body.get(at..).unwrap_or_default();
        // The body may break off inside of the token, too.
        let hidden = if token.is_empty() {
            None
        } else if rest.starts_with(token) {
            Some(token.len())
        } else if rest.len() >= 8 && token.starts_with(rest) {
            Some(rest.len())
        } else {
            None
        };
        if let Some(length) = hidden {
            kept.extend_from_slice("…".as_bytes());
            at += length;
        } else {
            kept.extend(rest.first());
            at += 1;
        }
    }
    let text = String::from_utf8_lossy(&kept);
    let text = match &*LOGINS {
        Some(logins) => logins.replace_all(&text, "\"$1\":\"…\""),
        None => Cow::Borrowed(""),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Excerpt(text.trim().to_owned())
}

/// How long `Retry-After` asks to wait: seconds, or a date, which is compared with the answer's own `Date` where
/// there is one, so that a clock that is wrong on either side does no harm. Sources: RFC 9110, 10.2.3 and 5.6.7.
pub(crate) fn retry_after(value: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)).min(LONGEST_WAIT));
    }
    let until = http_date(value)?;
    let now = date.and_then(http_date).unwrap_or(now);
    Some(until.duration_since(now).unwrap_or_default().min(LONGEST_WAIT))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of a date that servers may send today.
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace();
    let (_weekday, day, month, year, time) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    humantime::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn call() -> Call {
        Call { method: "GET", path: "/api/v2/properties".to_owned() }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, html: false, retry_after: None, location: None, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn an_excerpt_shows_no_token_and_no_login() {
        let token = "eyJhbGciOi.J9abc.sig-1";
        let body = format!(
            "{{\"token was\": \"{token}\",\n \"olt\": {{\"user\": \"root\", \"password\":\"pa\\\"ss\", \
             \"snmp\": {{\"community\" : \"s3cr\"}}, \"userPassword\": 12345}}, \"tail\": \"{token}"
        );
        let shown = excerpt(body.as_bytes(), token).as_str().to_owned();
        for secret in [token, "root", "pa\\", "ss\"", "s3cr", "12345"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("\"password\":\"…\"") && !shown.contains('\n'), "{shown}");
    }

    #[test]
    fn an_excerpt_hides_a_token_that_the_cut_falls_into() {
        let token = "0123456789abcdefghij";
        let body = format!("{}{token}", "x".repeat(MAX_EXCERPT - 5));
        assert!(!excerpt(body.as_bytes(), token).as_str().contains("01234"));
        let broken_off = format!("see {}", &token[..12]);
        assert_eq!(excerpt(broken_off.as_bytes(), token).as_str(), "see …");
        assert!(excerpt("á".repeat(4000).as_bytes(), token).as_str().len() <= MAX_EXCERPT + 4);
    }

    #[test]
    fn html_and_json_cut_off_are_named_with_path_status_and_beginning() {
        let html = answer(200, "\n<!DOCTYPE html><title>OZmap</title>").json::<serde_json::Value>(&call(), "t0ken");
        let text = html.unwrap_err().to_string();
        assert!(text.contains("GET /api/v2/properties") && text.contains("HTML") && text.contains("<title>"), "{text}");
        assert!(text.contains("status 200"), "{text}");
        let cut = answer(200, "{\"rows\": [{\"id\": \"65a").json::<serde_json::Value>(&call(), "t0ken").unwrap_err();
        assert!(cut.transient() && cut.to_string().contains("breaks off after 21 octets"), "{cut}");
        let empty = answer(200, "").json::<serde_json::Value>(&call(), "t0ken").unwrap_err();
        assert!(empty.to_string().contains("with an empty body"), "{empty}");
    }

    #[test]
    fn each_status_says_what_to_do() {
        use super::super::error::Remedy;
        for (status, remedy) in [
            (400, Remedy::SkipItem),
            (401, Remedy::StopWriting),
            (403, Remedy::StopWriting),
            (404, Remedy::SkipItem),
            (408, Remedy::Retry),
            (409, Remedy::SkipItem),
            (422, Remedy::SkipItem),
            (423, Remedy::Retry),
            (425, Remedy::Retry),
            (429, Remedy::Retry),
            (500, Remedy::Retry),
            (502, Remedy::Retry),
            (503, Remedy::Retry),
            (504, Remedy::Retry),
            (302, Remedy::Retry),
        ] {
            assert_eq!(answer(status, "").error(&call(), "t").unwrap().remedy(), remedy, "{status}");
        }
        for status in [200, 201, 204] {
            assert!(answer(status, "").error(&call(), "t").is_none(), "{status}");
        }
        let mut busy = answer(429, "");
        busy.retry_after = Some(Duration::from_secs(7));
        assert_eq!(busy.error(&call(), "t").unwrap().remedy(), Remedy::RetryAfter(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777); // 1994-11-06T08:49:37Z
        assert_eq!(retry_after(" 12 ", None, now), Some(Duration::from_secs(12)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", None, now), Some(Duration::from_secs(30)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:50:07 GMT", Some("Sun, 06 Nov 1994 08:50:00 GMT"), now),
            Some(Duration::from_secs(7))
        );
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", None, now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999", None, now), Some(LONGEST_WAIT));
        for text in ["", "-1", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "06 Nov 1994"] {
            assert_eq!(retry_after(text, None, now), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_an_answer_panic(body in proptest::collection::vec(any::<u8>(), 0..700), value in "\\PC{0,40}") {
            let wrong = Answer { status: 500, html: false, retry_after: None, location: None, body };
            prop_assert!(wrong.error(&call(), "abc").unwrap().to_string().len() < 3000);
            let _ = wrong.json::<serde_json::Value>(&call(), "abc");
            let _ = retry_after(&value, Some(&value), UNIX_EPOCH);
        }
    }
}
