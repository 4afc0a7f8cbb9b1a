//! What can go wrong, and which undocumented corner behaves how: one mechanism for both.
//!
//! A [`Fault`] is what happens ([`FaultKind`]) and when: to which requests ([`Scope`]), after how many of them, how
//! often, with what probability. With none of these it happens always. Text form, for a command line:
//! `too-many-requests:retry-after=3s,times=2,on=writes`; JSON form: the same keys in an object, the name under `fault`.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Flips at a rate that are made up for at one look.
const MAX_FLIPS: u64 = 10_000;

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
    /// Without a `sort`, rows come in the order of their last change, the newest first: pages shift while others write.
    UnsortedByChange,
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
    /// Another integration turns the status of some clients around: before each request is served, or at a rate,
    /// asked or not.
    FlipStatuses {
        /// How many at a time, drawn with the seed of the options.
        clients: usize,
        /// How often, if not with the requests.
        every: Option<Duration>,
    },
    /// A trace is 200 with an empty body.
    TraceEmpty,
    /// A trace is 200 with `null`.
    TraceNull,
    /// A trace is 200 with `[]`.
    TraceEmptyList,
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
    /// PATCH and every POST but the login.
    Writes,
    /// `GET /properties/client/:code/potency`.
    Traces,
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
            Self::Traces => facts.path.starts_with("/properties/client/") && facts.path.ends_with("/potency"),
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
    /// When they were set, since the start.
    set_at: Duration,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
    fired: u64,
}

impl Armed {
    /// Counts a chance, and tells whether it happens this time.
    fn is_due(&mut self, random: &mut fastrand::Rng) -> bool {
        self.seen += 1;
        let due = self.seen > self.fault.after && self.fault.times.is_none_or(|times| self.fired < times);
        // A sure fault takes nothing from the dice: adding one leaves the others' fortune as it was.
        let happens = due && (self.fault.probability >= 1.0 || random.f64() < self.fault.probability);
        self.fired += u64::from(happens);
        happens
    }
}

impl Faults {
    pub(super) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let mut board = Self { armed: Vec::new(), random: fastrand::Rng::with_seed(seed), set_at: Duration::ZERO };
        board.set(faults, Duration::ZERO);
        board
    }

    /// Replaces all; counts start again, and rates at `now`, since the start.
    pub(super) fn set(&mut self, faults: Vec<Fault>, now: Duration) {
        self.set_at = now;
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
            if armed.is_due(&mut self.random) {
                return Some(picked);
            }
        }
        None
    }

    /// What happens by itself and is due: how many statuses to turn around, and the dice for it.
    pub(super) fn due_flips(&mut self, now: Duration) -> Vec<(usize, fastrand::Rng)> {
        let since = now.saturating_sub(self.set_at);
        let mut due = Vec::new();
        for armed in &mut self.armed {
            let FaultKind::FlipStatuses { clients, every: Some(every) } = armed.fault.kind else { continue };
            let periods = u64::try_from(since.as_nanos() / every.as_nanos().max(1)).unwrap_or(u64::MAX);
            // What nobody looked at for long is not made up for one by one.
            armed.seen = armed.seen.max(periods.saturating_sub(MAX_FLIPS));
            while armed.seen < periods {
                if armed.is_due(&mut self.random) {
                    due.push((clients, self.random.fork()));
                }
            }
        }
        due
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
    use super::*;

    fn read() -> Facts {
        Facts { path: "/properties".to_owned(), is_read: true, is_write: false, is_login: false }
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
    fn flips_at_a_rate_come_by_the_clock_and_end_after_their_times() {
        let every = Some(Duration::from_secs(2));
        let fault = Fault::always(FaultKind::FlipStatuses { clients: 3, every }).after(1).times(2);
        let mut faults = Faults::new(vec![fault.clone()], 1);
        let due = |faults: &mut Faults, seconds| faults.due_flips(Duration::from_secs(seconds)).len();
        assert_eq!([1, 3, 5, 5, 6, 60].map(|seconds| due(&mut faults, seconds)), [0, 0, 1, 0, 1, 0]);
        assert_eq!((faults.counts()[0].seen, faults.counts()[0].fired), (30, 2));
        faults.set(vec![fault], Duration::from_secs(100));
        assert_eq!([101, 104].map(|seconds| due(&mut faults, seconds)), [0, 1], "the rate begins when it is set");
        let busy = Fault::always(FaultKind::FlipStatuses { clients: 1, every: Some(Duration::ZERO) });
        faults.set(vec![busy], Duration::ZERO);
        assert_eq!(due(&mut faults, 1), 10_000, "bounded at one look");
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
}
