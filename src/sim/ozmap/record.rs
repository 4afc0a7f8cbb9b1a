//! What was asked, in order, for assertions on rate and order. Bounded in number and in octets. Never a token, never
//! the body of a login.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Octets of one body that are kept.
const MAX_BODY: usize = 64 * 1024;

/// Octets of a query that are kept.
const MAX_QUERY: usize = 16 * 1024;

/// Octets of all texts that are kept together.
const MAX_TOTAL: usize = 64 * 1024 * 1024;

/// What the `Authorization` header was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenUse {
    /// A token of the options or of a login; which one, counted from 1 in the order in which they came to be known.
    Accepted(usize),
    /// Something else was sent.
    Refused,
    /// Nothing was sent.
    Missing,
}

/// What a request would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteKind {
    /// `PATCH /ftth-clients/:id`.
    ClientPatch,
    /// `POST /ftth-clients/batch-update`.
    ClientBatch,
    /// `PATCH /properties/:id`.
    PropertyPatch,
    /// `POST /properties/batch-update`.
    PropertyBatch,
    /// `POST /pendencies`.
    PendencyCreate,
    /// `PATCH /pendencies/:id`.
    PendencyPatch,
    /// `POST /posts`.
    PostCreate,
    /// Any other PATCH, POST, PUT or DELETE but the login; there is no route for it.
    Other,
}

impl WriteKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClientPatch,
        Self::ClientBatch,
        Self::PropertyPatch,
        Self::PropertyBatch,
        Self::PendencyCreate,
        Self::PendencyPatch,
        Self::PostCreate,
        Self::Other,
    ];

    /// Of a request; `None` for one that changes nothing.
    pub(super) fn of(method: &str, path: &str) -> Option<Self> {
        let below = path.strip_prefix(super::gate::ROOT).unwrap_or(path);
        let mut parts = below.trim_start_matches('/').split('/');
        let (collection, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match (method, collection, rest) {
            ("GET" | "HEAD" | "OPTIONS", ..) | ("POST", "users", "login") => None,
            ("PATCH", "ftth-clients", _) => Some(Self::ClientPatch),
            ("POST", "ftth-clients", "batch-update") => Some(Self::ClientBatch),
            ("PATCH", "properties", _) => Some(Self::PropertyPatch),
            ("POST", "properties", "batch-update") => Some(Self::PropertyBatch),
            ("POST", "pendencies", "") => Some(Self::PendencyCreate),
            ("PATCH", "pendencies", _) => Some(Self::PendencyPatch),
            ("POST", "posts", "") => Some(Self::PostCreate),
            _ => Some(Self::Other),
        }
    }
}

/// How many writes of a kind came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WriteCount {
    /// Which kind.
    pub kind: WriteKind,
    /// Whatever became of them.
    pub asked: u64,
    /// Those that had their effect, also when the answer was spoilt on its way.
    pub applied: u64,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedRequest {
    /// Counted from 1, in the order of arrival.
    pub number: u64,
    /// Since the start of the simulation, when the request was read to its end. In JSON: milliseconds.
    #[serde(rename = "at_ms", serialize_with = "millis")]
    pub at: Duration,
    /// `GET`, `PATCH`, `POST` …
    pub method: String,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// The query as sent, without its `?`; cut at 16 KiB.
    pub query: Option<String>,
    /// The body as text, cut at 64 KiB; that of a login is not kept.
    pub body: Option<String>,
    /// Whether the token was good; never the token.
    pub token: TokenUse,
    /// The status of the answer; `None` while it is being worked on, and when the connection was reset instead.
    pub status: Option<u16>,
}

fn millis<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}

impl RecordedRequest {
    /// What it would change; `None`: nothing.
    #[must_use]
    pub fn write(&self) -> Option<WriteKind> {
        WriteKind::of(&self.method, &self.path)
    }

    /// Whether it would change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.write().is_some()
    }

    fn size(&self) -> usize {
        let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        128 + self.path.len() + len(&self.query) + len(&self.body)
    }
}

/// The record.
#[derive(Debug)]
pub(super) struct Record {
    kept: VecDeque<RecordedRequest>,
    most: usize,
    octets: usize,
    total: u64,
    writes: [WriteCount; WriteKind::ALL.len()],
}

/// Cuts at a character, at most `most` octets.
pub(super) fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl Record {
    pub(super) fn new(most: usize) -> Self {
        let writes = WriteKind::ALL.map(|kind| WriteCount { kind, asked: 0, applied: 0 });
        Self { kept: VecDeque::new(), most, octets: 0, total: 0, writes }
    }

    /// Keeps a request, whose number is set here and given back; the oldest ones make room.
    pub(super) fn add(&mut self, mut request: RecordedRequest) -> u64 {
        self.total += 1;
        request.number = self.total;
        request.query = request.query.map(|query| cut(&query, MAX_QUERY));
        request.body = request.body.map(|body| cut(&body, MAX_BODY));
        self.octets += request.size();
        self.kept.push_back(request);
        while self.kept.len() > self.most || self.octets > MAX_TOTAL {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.octets -= oldest.size();
        }
        self.total
    }

    /// Counts a write: that it came, or that it had its effect.
    pub(super) fn count(&mut self, kind: WriteKind, applied: bool) {
        if let Some(count) = self.writes.iter_mut().find(|count| count.kind == kind) {
            *(if applied { &mut count.applied } else { &mut count.asked }) += 1;
        }
    }

    /// How many writes of each kind came.
    pub(super) fn writes(&self) -> [WriteCount; WriteKind::ALL.len()] {
        self.writes
    }

    /// Notes the answer of a request.
    pub(super) fn answered(&mut self, number: u64, status: u16) {
        let Some(first) = self.kept.front().map(|request| request.number) else { return };
        let position = number.checked_sub(first).and_then(|position| usize::try_from(position).ok());
        if let Some(request) = position.and_then(|position| self.kept.get_mut(position)) {
            request.status = Some(status);
        }
    }

    /// Those that are kept with a number above `since`, oldest first.
    pub(super) fn since(&self, since: u64) -> Vec<RecordedRequest> {
        self.kept.iter().filter(|request| request.number > since).cloned().collect()
    }

    /// How many came, kept or not.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How many of them are no longer kept.
    pub(super) fn dropped(&self) -> u64 {
        self.total.saturating_sub(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> RecordedRequest {
        RecordedRequest {
            number: 0,
            at: Duration::from_millis(5),
            method: "POST".to_owned(),
            path: "/api/v2/ftth-clients/batch-update".to_owned(),
            query: None,
            body: Some(body.to_owned()),
            token: TokenUse::Accepted(1),
            status: None,
        }
    }

    #[test]
    fn the_oldest_make_room_and_the_count_goes_on() {
        let mut record = Record::new(3);
        for _ in 0..5 {
            record.add(request("{}"));
        }
        assert_eq!(record.since(0).iter().map(|request| request.number).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((record.total(), record.dropped()), (5, 2));
        record.answered(4, 204);
        record.answered(1, 204);
        assert_eq!(record.since(3)[0].status, Some(204));
        assert_eq!(record.since(4)[0].status, None);
    }

    #[test]
    fn bodies_are_cut_at_a_character_and_octets_are_bounded() {
        let mut record = Record::new(usize::MAX);
        let long = "é".repeat(MAX_BODY);
        for _ in 0..1100 {
            record.add(request(&long));
        }
        let kept = record.since(0);
        assert!(kept.iter().all(|request| request.body.as_ref().unwrap().len() <= MAX_BODY));
        assert!(kept.iter().map(RecordedRequest::size).sum::<usize>() <= MAX_TOTAL);
        assert!(record.dropped() > 0);
    }
}
