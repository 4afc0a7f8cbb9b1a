//! Faults by their names: the text of a command line and the JSON of the control endpoint become a [`Fault`].

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::faults::{Fault, FaultKind, RetryAfter, Scope};

/// How a fault is asked for, for help texts.
#[derive(Debug, Clone, Copy)]
pub struct FaultHelp {
    /// Its name.
    pub name: &'static str,
    /// Its own keys; every fault also takes `on`, `after`, `times`, `probability`.
    pub keys: &'static [&'static str],
}

const fn plain(name: &'static str) -> FaultHelp {
    FaultHelp { name, keys: &[] }
}

const fn with(name: &'static str, keys: &'static [&'static str]) -> FaultHelp {
    FaultHelp { name, keys }
}

/// Every fault by its name.
pub const FAULTS: &[FaultHelp] = &[
    plain("unauthorized"),
    plain("forbidden"),
    plain("not-found"),
    with("too-many-requests", &["retry-after", "retry-date"]),
    with("internal-error", &["applied"]),
    with("bad-gateway", &["applied"]),
    with("unavailable", &["retry-after", "retry-date"]),
    with("gateway-timeout", &["delay", "applied"]),
    with("slow-first-byte", &["delay"]),
    with("slow-body", &["bytes", "pause"]),
    plain("reset-before"),
    plain("reset-after"),
    plain("reset-mid-body"),
    plain("truncated-json"),
    plain("empty-ok"),
    plain("html-instead-of-json"),
    with("wrong-total", &["by"]),
    with("rows-repeated", &["rows"]),
    with("rows-missing", &["rows"]),
    plain("page-twice"),
    with("limit-cap", &["rows"]),
    plain("unsorted-by-change"),
    plain("page-zero-refused"),
    plain("next-url-elsewhere"),
    plain("next-url-missing"),
    plain("dotted-filters-ignored"),
    plain("dotted-filters-empty"),
    plain("nested-arrays-and"),
    plain("nested-arrays-ignored"),
    plain("nested-arrays-refused"),
    plain("get-body-dropped"),
    plain("unknown-code-empty"),
    with("flip-statuses", &["clients", "every"]),
    plain("trace-empty"),
    plain("trace-null"),
    plain("trace-empty-list"),
    plain("empty-batch-refused"),
    plain("foreign-batch-keys-ignored"),
    plain("unchanged-keeps-updated-at"),
    plain("validation-422"),
    plain("error-body-text"),
    plain("error-body-html"),
    plain("error-body-empty"),
    plain("embedded-names-omitted"),
];

/// Keys that every fault takes.
const COMMON_KEYS: [&str; 4] = ["on", "after", "times", "probability"];

/// A fault that was asked for in a wrong way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault {fault:?}: {why}")]
pub struct ParseFaultError {
    /// What was given, at most 120 characters of it.
    pub fault: String,
    /// What was expected and what was found.
    pub why: String,
}

impl Fault {
    /// From the JSON form, or from a text in JSON.
    ///
    /// # Errors
    /// [`ParseFaultError`] that names the key.
    pub fn from_json(value: &Value) -> Result<Self, ParseFaultError> {
        let refuse = |why: &str| ParseFaultError { fault: clip(&value.to_string()), why: why.to_owned() };
        match value {
            Value::String(text) => text.parse(),
            Value::Object(object) => {
                let name = object
                    .get("fault")
                    .and_then(Value::as_str)
                    .ok_or_else(|| refuse("\"fault\": a name is expected"))?;
                let mut keys = Vec::new();
                for (key, value) in object.iter().filter(|(key, _)| *key != "fault") {
                    let text = match value {
                        Value::String(text) => text.clone(),
                        Value::Number(number) => number.to_string(),
                        Value::Bool(flag) => flag.to_string(),
                        _ => return Err(refuse(&format!("{key:?}: a text, a number or a boolean is expected"))),
                    };
                    keys.push((key.as_str(), text));
                }
                let keys: Vec<(&str, &str)> = keys.iter().map(|(key, text)| (*key, text.as_str())).collect();
                Self::from_keys(name, &keys).map_err(|why| refuse(&why))
            }
            _ => Err(refuse("an object or a text is expected")),
        }
    }

    fn from_keys(name: &str, keys: &[(&str, &str)]) -> Result<Self, String> {
        let help = FAULTS.iter().find(|help| help.name == name).ok_or_else(|| {
            let near = FAULTS
                .iter()
                .map(|help| help.name)
                .max_by(|left, right| strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name)));
            format!("there is no such fault; the nearest is {:?}", near.unwrap_or_default())
        })?;
        for (position, (key, _)) in keys.iter().enumerate() {
            if !help.keys.contains(key) && !COMMON_KEYS.contains(key) {
                let known: Vec<&str> = help.keys.iter().chain(&COMMON_KEYS).copied().collect();
                return Err(format!("{key:?} is not among its keys: {}", known.join(", ")));
            }
            if keys.iter().take(position).any(|(earlier, _)| earlier == key) {
                return Err(format!("{key:?} is given twice"));
            }
        }
        let keys = Keys(keys);
        let probability = keys.number("probability", 1.0_f64)?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(format!("\"probability\": 0 to 1 is expected, found {probability}"));
        }
        let on = match keys.get("on") {
            None | Some("api") => Scope::Api,
            Some("reads") => Scope::Reads,
            Some("writes") => Scope::Writes,
            Some("traces") => Scope::Traces,
            Some("login") => Scope::Login,
            Some(path) if path.starts_with('/') => Scope::Path(path.to_owned()),
            Some(other) => {
                return Err(format!(
                    "\"on\": api, reads, writes, traces, login or a path is expected, found {:?}",
                    clip(other)
                ));
            }
        };
        let times = match keys.get("times") {
            None => None,
            Some(_) => Some(keys.number("times", 0_u64)?),
        };
        Ok(Self { kind: kind_of(name, &keys)?, on, after: keys.number("after", 0_u64)?, times, probability })
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    /// `name` or `name:key=value,key=value`.
    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let refuse = |why: String| ParseFaultError { fault: clip(text), why };
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut keys = Vec::new();
        for pair in rest.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| refuse(format!("key=value is expected, found {:?}", clip(pair))))?;
            keys.push((key.trim(), value.trim()));
        }
        Self::from_keys(name.trim(), &keys).map_err(refuse)
    }
}

fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}

struct Keys<'a>(&'a [(&'a str, &'a str)]);

impl<'a> Keys<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn number<T: FromStr>(&self, key: &str, otherwise: T) -> Result<T, String> {
        let Some(text) = self.get(key) else { return Ok(otherwise) };
        text.parse().map_err(|_| format!("{key:?}: a number is expected, found {:?}", clip(text)))
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        let Some(text) = self.get(key) else { return Ok(false) };
        text.parse().map_err(|_| format!("{key:?}: true or false is expected, found {:?}", clip(text)))
    }

    fn duration(&self, key: &str, otherwise: Duration) -> Result<Duration, String> {
        let Some(text) = self.get(key) else { return Ok(otherwise) };
        humantime::parse_duration(text)
            .map_err(|_| format!("{key:?}: a duration such as 500ms or 3s is expected, found {:?}", clip(text)))
    }

    fn retry_after(&self) -> Result<RetryAfter, String> {
        match (self.get("retry-after"), self.get("retry-date")) {
            (None, None) => Ok(RetryAfter::None),
            (Some(_), None) => Ok(RetryAfter::Seconds(self.duration("retry-after", Duration::ZERO)?)),
            (None, Some(_)) => Ok(RetryAfter::Date(self.duration("retry-date", Duration::ZERO)?)),
            (Some(_), Some(_)) => Err("\"retry-after\" and \"retry-date\" exclude each other".to_owned()),
        }
    }
}

fn kind_of(name: &str, keys: &Keys<'_>) -> Result<FaultKind, String> {
    let second = Duration::from_secs(1);
    Ok(match name {
        "unauthorized" => FaultKind::Unauthorized,
        "forbidden" => FaultKind::Forbidden,
        "not-found" => FaultKind::NotFound,
        "too-many-requests" => FaultKind::TooManyRequests(keys.retry_after()?),
        "internal-error" => FaultKind::InternalError { applied: keys.flag("applied")? },
        "bad-gateway" => FaultKind::BadGateway { applied: keys.flag("applied")? },
        "unavailable" => FaultKind::Unavailable(keys.retry_after()?),
        "gateway-timeout" => {
            FaultKind::GatewayTimeout { delay: keys.duration("delay", second)?, applied: keys.flag("applied")? }
        }
        "slow-first-byte" => FaultKind::SlowFirstByte { delay: keys.duration("delay", second)? },
        "slow-body" => FaultKind::SlowBody {
            bytes: keys.number("bytes", 16_usize)?.max(1),
            pause: keys.duration("pause", Duration::from_millis(100))?,
        },
        "reset-before" => FaultKind::Reset { applied: false },
        "reset-after" => FaultKind::Reset { applied: true },
        "reset-mid-body" => FaultKind::ResetMidBody,
        "truncated-json" => FaultKind::TruncatedJson,
        "empty-ok" => FaultKind::EmptyOk,
        "html-instead-of-json" => FaultKind::HtmlInsteadOfJson,
        "wrong-total" => FaultKind::WrongTotal { by: keys.number("by", -1_i64)? },
        "rows-repeated" => FaultKind::RowsRepeated { rows: keys.number("rows", 1_usize)? },
        "rows-missing" => FaultKind::RowsMissing { rows: keys.number("rows", 1_usize)? },
        "page-twice" => FaultKind::PageTwice,
        "limit-cap" => FaultKind::LimitCap { rows: keys.number("rows", 100_usize)? },
        "unsorted-by-change" => FaultKind::UnsortedByChange,
        "page-zero-refused" => FaultKind::PageZeroRefused,
        "next-url-elsewhere" => FaultKind::NextUrlElsewhere,
        "next-url-missing" => FaultKind::NextUrlMissing,
        "dotted-filters-ignored" => FaultKind::DottedFiltersIgnored,
        "dotted-filters-empty" => FaultKind::DottedFiltersEmpty,
        "nested-arrays-and" => FaultKind::NestedArraysAnd,
        "nested-arrays-ignored" => FaultKind::NestedArraysIgnored,
        "nested-arrays-refused" => FaultKind::NestedArraysRefused,
        "get-body-dropped" => FaultKind::GetBodyDropped,
        "unknown-code-empty" => FaultKind::UnknownCodeEmpty,
        "flip-statuses" => FaultKind::FlipStatuses {
            clients: keys.number("clients", 1_usize)?,
            every: keys.get("every").map(|_| keys.duration("every", second)).transpose()?,
        },
        "trace-empty" => FaultKind::TraceEmpty,
        "trace-null" => FaultKind::TraceNull,
        "trace-empty-list" => FaultKind::TraceEmptyList,
        "empty-batch-refused" => FaultKind::EmptyBatchRefused,
        "foreign-batch-keys-ignored" => FaultKind::ForeignBatchKeysIgnored,
        "unchanged-keeps-updated-at" => FaultKind::UnchangedKeepsUpdatedAt,
        "validation-422" => FaultKind::Validation422,
        "error-body-text" => FaultKind::ErrorBodyText,
        "error-body-html" => FaultKind::ErrorBodyHtml,
        "error-body-empty" => FaultKind::ErrorBodyEmpty,
        "embedded-names-omitted" => FaultKind::EmbeddedNamesOmitted,
        other => return Err(format!("there is no fault {other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_can_be_asked_for_by_its_name() {
        for help in FAULTS {
            let fault: Fault = help.name.parse().unwrap();
            assert_eq!(fault, Fault::always(fault.kind.clone()), "{}", help.name);
        }
    }

    #[test]
    fn text_and_json_mean_the_same() {
        let text: Fault =
            "too-many-requests:retry-after=3s, times=2, on=writes, after=1, probability=0.5".parse().unwrap();
        let object = Fault::from_json(&json!({"fault": "too-many-requests", "retry-after": "3s", "times": 2,
            "on": "writes", "after": 1, "probability": 0.5}))
        .unwrap();
        let built = Fault::always(FaultKind::TooManyRequests(RetryAfter::Seconds(Duration::from_secs(3))))
            .times(2)
            .on(Scope::Writes)
            .after(1)
            .with_probability(0.5);
        assert_eq!(text, built);
        assert_eq!(object, built);
    }

    #[test]
    fn a_mistake_is_told_with_its_key() {
        for (text, part) in [
            ("unavailible", "\"unavailable\""),
            ("slow-body:byte=3", "bytes, pause, on"),
            ("slow-body:bytes=many", "\"bytes\": a number"),
            ("gateway-timeout:delay=3", "\"delay\": a duration"),
            ("reset-after:probability=2", "0 to 1"),
            ("reset-after:on=friday", "\"on\""),
            ("reset-after:times", "key=value"),
            ("reset-after:times=1,times=2", "twice"),
            ("unavailable:retry-after=1s,retry-date=1s", "exclude"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Fault::from_json(&json!({"times": 1})).is_err());
        assert!(Fault::from_json(&json!([1])).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_fault_or_an_error(text in "\\PC{0,60}") {
            let _ = text.parse::<Fault>();
        }
    }
}
