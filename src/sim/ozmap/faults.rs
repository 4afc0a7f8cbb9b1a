//! What can go wrong, and which undocumented corner behaves how: one mechanism for both.
//!
//! A [`Fault`] is what happens ([`FaultKind`]) and when: to which requests ([`Scope`]), after how many of them, how
//! often, with what probability. With none of these it happens always. Text form, for a command line:
//! `too-many-requests:retry-after=3s,times=2,on=writes`; JSON form: the same keys in an object, the name under `fault`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// 401, as for a token that was regenerated.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 429.
    TooManyRequests(RetryAfter),
    /// 500; `applied`: a write was done all the same.
    InternalError {
        /// Whether the request had its effect.
        applied: bool,
    },
    /// 502 with a page of HTML.
    BadGateway {
        /// Whether the request had its effect.
        applied: bool,
    },
    /// 503 with a plain text.
    Unavailable(RetryAfter),
    /// 504 after a delay.
    GatewayTimeout {
        /// How long the caller waits for it.
        delay: Duration,
        /// Whether the request had its effect.
        applied: bool,
    },
    /// The right answer, its first byte late.
    SlowFirstByte {
        /// How late.
        delay: Duration,
    },
    /// The right answer in small pieces.
    SlowBody {
        /// Octets in a piece.
        bytes: usize,
        /// Time between pieces.
        pause: Duration,
    },
    /// The connection is reset (TCP RST) instead of an answer.
    Reset {
        /// Whether the request had its effect.
        applied: bool,
    },
    /// The connection is reset after half of the answer's body.
    ResetMidBody,
    /// Half of the JSON body as if it were whole.
    TruncatedJson,
    /// 200 with an empty body instead of the answer; a write was done.
    EmptyOk,
    /// 200 with a page of HTML, as a captive portal gives; a write was not done.
    HtmlInsteadOfJson,
    /// `total` is wrong by this much.
    WrongTotal {
        /// Added to the true total, which does not fall below zero.
        by: i64,
    },
    /// A page other than the first has the last rows of the page before in front, and is longer by them.
    RowsRepeated {
        /// How many.
        rows: usize,
    },
    /// A page other than the first leaves its first rows out: nobody ever gets them.
    RowsMissing {
        /// How many.
        rows: usize,
    },
    /// A page other than the first is the page before, again.
    PageTwice,
    /// The largest `limit` that is granted, instead of 1000; 0 for no bound. `-1` is bounded too.
    LimitCap {
        /// Rows.
        rows: usize,
    },
    /// `page=0` is 400 instead of the first page.
    PageZeroRefused,
    /// `nextUrl` points at another host.
    NextUrlElsewhere,
    /// The envelope has neither `hasNextPage` nor `nextUrl`, as in older texts.
    NextUrlMissing,
    /// A filter member with a dotted property is ignored.
    DottedFiltersIgnored,
    /// A filter member with a dotted property matches nothing.
    DottedFiltersEmpty,
    /// An array inside a filter means AND instead of OR.
    NestedArraysAnd,
    /// An array inside a filter is ignored.
    NestedArraysIgnored,
    /// An array inside a filter is 400.
    NestedArraysRefused,
    /// The body of a GET never arrives, as behind some proxies.
    GetBodyDropped,
    /// `/properties/client/:code` of an unknown code is `[]` instead of 404.
    UnknownCodeEmpty,
    /// Before the request is served, another integration turns the status of some clients around.
    FlipStatuses {
        /// How many, drawn with the seed of the options.
        clients: usize,
    },
    /// A batch with an empty or missing filter is 400 instead of updating everything.
    EmptyBatchRefused,
    /// Keys that a batch may not update are ignored instead of 400.
    ForeignBatchKeysIgnored,
    /// `updatedAt` stays when a PATCH or batch brings the value that is there already.
    UnchangedKeepsUpdatedAt,
    /// Invalid input is 422 instead of 400.
    Validation422,
    /// Error bodies are plain text instead of `{"message"}`.
    ErrorBodyText,
    /// Error bodies are HTML.
    ErrorBodyHtml,
    /// Error bodies are empty.
    ErrorBodyEmpty,
    /// A client embedded in a house has no `name`.
    EmbeddedNamesOmitted,
}

/// The `Retry-After` of a 429 or 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryAfter {
    /// No such header.
    #[default]
    None,
    /// In whole seconds, rounded up.
    Seconds(Duration),
    /// As an HTTP date, this long from now, rounded up to a second.
    Date(Duration),
}

/// Which requests a fault is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// Everything but the login.
    #[default]
    Api,
    /// Every GET.
    Reads,
    /// PATCH and batch-update.
    Writes,
    /// `POST /users/login`.
    Login,
    /// Requests whose path below `/api/v2` begins so, `/ftth-clients`.
    Path(String),
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// To which requests.
    pub on: Scope,
    /// How many requests that it could have hit are spared first.
    pub after: u64,
    /// How often at most; `None`: without end.
    pub times: Option<u64>,
    /// How likely each time, 0 to 1.
    pub probability: f64,
}

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
    with("flip-statuses", &["clients"]),
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
    /// A fault that always happens, to everything but the login.
    #[must_use]
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, on: Scope::Api, after: 0, times: None, probability: 1.0 }
    }

    /// At most so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only after so many requests that it could have hit.
    #[must_use]
    pub fn after(mut self, after: u64) -> Self {
        self.after = after;
        self
    }

    /// Only for these requests.
    #[must_use]
    pub fn on(mut self, scope: Scope) -> Self {
        self.on = scope;
        self
    }

    /// Each time with this probability, 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability.clamp(0.0, 1.0);
        self
    }

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
            Some("login") => Scope::Login,
            Some(path) if path.starts_with('/') => Scope::Path(path.to_owned()),
            Some(other) => {
                return Err(format!(
                    "\"on\": api, reads, writes, login or a path is expected, found {:?}",
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
        "flip-statuses" => FaultKind::FlipStatuses { clients: keys.number("clients", 1_usize)? },
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

/// How often a fault saw a request and happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultCount {
    /// The fault in words.
    pub fault: String,
    /// Requests that it could have hit.
    pub seen: u64,
    /// Those that it hit.
    pub fired: u64,
}

/// What the faults need to know of a request.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Below `/api/v2`, `/ftth-clients/…`.
    pub(super) path: String,
    pub(super) is_read: bool,
    pub(super) is_write: bool,
    pub(super) is_login: bool,
}

impl Scope {
    fn covers(&self, facts: &Facts) -> bool {
        match self {
            Self::Api => !facts.is_login,
            Self::Reads => facts.is_read,
            Self::Writes => facts.is_write,
            Self::Login => facts.is_login,
            Self::Path(start) => facts.path.starts_with(start.as_str()),
        }
    }
}

/// The faults that are set, with their counts.
#[derive(Debug)]
pub(super) struct Faults {
    armed: Vec<Armed>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    fired: u64,
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let mut board = Self { armed: Vec::new(), random: fastrand::Rng::with_seed(seed) };
        board.set(faults);
        board
    }

    /// Replaces all; counts start again.
    pub(super) fn set(&mut self, faults: Vec<Fault>) {
        self.armed = faults.into_iter().map(|fault| Armed { fault, seen: 0, fired: 0 }).collect();
    }

    pub(super) fn counts(&self) -> Vec<FaultCount> {
        let count = |armed: &Armed| FaultCount { fault: armed.fault.to_string(), seen: armed.seen, fired: armed.fired };
        self.armed.iter().map(count).collect()
    }

    /// The first fault that `pick` takes and whose turn it is, counted as fired. Asked at the place where the fault
    /// would show, so that one that cannot show is not used up.
    pub(super) fn draw<T>(&mut self, facts: &Facts, pick: impl Fn(&FaultKind) -> Option<T>) -> Option<T> {
        for armed in &mut self.armed {
            let Some(picked) = pick(&armed.fault.kind) else { continue };
            if !armed.fault.on.covers(facts) {
                continue;
            }
            armed.seen += 1;
            let due = armed.seen > armed.fault.after && armed.fault.times.is_none_or(|times| armed.fired < times);
            // A sure fault takes nothing from the dice: adding one leaves the others' fortune as it was.
            if due && (armed.fault.probability >= 1.0 || self.random.f64() < armed.fault.probability) {
                armed.fired += 1;
                return Some(picked);
            }
        }
        None
    }

    /// Dice for what a fault does.
    pub(super) fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}", self.kind, self.on)?;
        if self.after > 0 {
            write!(f, ", after {}", self.after)?;
        }
        if let Some(times) = self.times {
            write!(f, ", {times} times")?;
        }
        if self.probability < 1.0 {
            write!(f, ", with probability {}", self.probability)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read() -> Facts {
        Facts { path: "/properties".to_owned(), is_read: true, is_write: false, is_login: false }
    }

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

    #[test]
    fn a_fault_spares_the_first_and_ends_after_its_times() {
        let mut faults = Faults::new(vec![Fault::always(FaultKind::Forbidden).after(2).times(3)], 0);
        let hits: Vec<bool> = (0..8)
            .map(|_| faults.draw(&read(), |kind| (*kind == FaultKind::Forbidden).then_some(())).is_some())
            .collect();
        assert_eq!(hits, [false, false, true, true, true, false, false, false]);
        assert_eq!((faults.counts()[0].seen, faults.counts()[0].fired), (8, 3));
    }

    #[test]
    fn a_fault_hits_only_what_it_is_for() {
        let mut faults = Faults::new(
            vec![
                Fault::always(FaultKind::Forbidden).on(Scope::Writes),
                Fault::always(FaultKind::NotFound).on(Scope::Path("/prop".to_owned())),
            ],
            0,
        );
        assert_eq!(faults.draw(&read(), |kind| Some(kind.clone())), Some(FaultKind::NotFound));
        let login = Facts { path: "/users/login".to_owned(), is_read: false, is_write: false, is_login: true };
        assert!(faults.draw(&login, |kind| Some(kind.clone())).is_none());
    }

    #[test]
    fn the_same_seed_gives_the_same_fortune() {
        let fortune = |seed| {
            let mut faults = Faults::new(vec![Fault::always(FaultKind::Forbidden).with_probability(0.5)], seed);
            (0..64).map(|_| faults.draw(&read(), |_| Some(())).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(fortune(7), fortune(7));
        let hits = fortune(7).iter().filter(|hit| **hit).count();
        assert!((10..54).contains(&hits), "{hits}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_fault_or_an_error(text in "\\PC{0,60}") {
            let _ = text.parse::<Fault>();
        }
    }
}
