//! What is to be asked next, and what the answers mean. Pure: times are arguments.
//!
//! `trials` are the traces that were asked for, `settle` makes routes and graph of everything.

mod settle;
mod trials;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::rows::{Element, List};
use super::snapshot::{Missing, PlantSource, SampleView};
use super::topology::Topology;
use super::trace::Traced;
use crate::model::{ClientId, ElementId, Timestamp};
use crate::ozmap::directory::Directory;
use crate::ozmap::error::OzmapError;
use crate::plant::{PlantBuilder, Route};
use crate::store::PlantRow;
use trials::{Trial, Verdict, look_through, stamp};

/// Most ids in the filter of one read: keeps the encoded URL under 6 kB, which proxies let pass.
const IDS_PER_READ: usize = 150;

/// The graph is built anew at most so often while traces come in.
const BUILD_EVERY: Duration = Duration::from_secs(300);

/// Kinds of rows in the store beside the lists, which have their own numbers.
const KIND_TRACE: u8 = 100;
const KIND_LIST: u8 = 101;
const KIND_SOURCE: u8 = 102;
/// Something to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    /// A list, by pages.
    List(List),
    /// Rows of a list.
    Rows(List, Vec<ElementId>),
    /// The trace of a client, by the code as a path's segment.
    Trace(ClientId, String),
}

/// A good answer.
#[derive(Debug)]
pub(super) enum Answered {
    /// Rows, and how many requests they took.
    Rows(Vec<(ElementId, Element)>, usize),
    Traced(Traced),
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask(Ask),
    /// [`Importer::settle`], which takes long.
    Settle,
    Wait,
}

/// The import.
#[derive(Debug)]
pub(super) struct Importer {
    refresh: Duration,
    topology: Topology,
    lists: BTreeMap<List, Timestamp>,
    lists_asked: HashSet<List>,
    rows_asked: usize,
    traces_asked: HashSet<ClientId>,
    directory: Option<Arc<Directory>>,
    /// Of what matters here in the directory.
    shape: Option<u64>,
    round: Option<Timestamp>,
    settled: bool,
    built: Option<Timestamp>,
    dirty: bool,
    source: PlantSource,
    decided: Option<Timestamp>,
    sample: SampleView,
    /// What the walk says of the clients of the sample that are not answered yet.
    sampled: HashMap<ClientId, Route>,
    trials: HashMap<ClientId, Trial>,
    to_trace: VecDeque<ClientId>,
    builder: PlantBuilder,
    clients: HashSet<ClientId>,
    missing: Vec<(ClientId, Missing)>,
    requests: BTreeMap<&'static str, u64>,
    to_keep: Vec<PlantRow>,
}

impl Importer {
    pub(super) fn new(refresh: Duration) -> Self {
        Self {
            refresh,
            topology: Topology::default(),
            lists: BTreeMap::new(),
            lists_asked: HashSet::new(),
            rows_asked: 0,
            traces_asked: HashSet::new(),
            directory: None,
            shape: None,
            round: None,
            settled: false,
            built: None,
            dirty: false,
            source: PlantSource::Undecided,
            decided: None,
            sample: SampleView::default(),
            sampled: HashMap::new(),
            trials: HashMap::new(),
            to_trace: VecDeque::new(),
            builder: PlantBuilder::new(),
            clients: HashSet::new(),
            missing: Vec::new(),
            requests: BTreeMap::from([("pages", 0), ("rows", 0), ("traces", 0)]),
            to_keep: Vec::new(),
        }
    }

    /// Takes what the store kept. What cannot be read is asked for again.
    pub(super) fn recall(&mut self, rows: Vec<PlantRow>) {
        for PlantRow { kind, id, at, stamp, data } in rows {
            let data = data.unwrap_or_default();
            match kind {
                KIND_TRACE => self.recall_trace(ClientId::from_octets(id), at, stamp, &data),
                KIND_LIST => {
                    if let Some(list) = List::ALL.get(usize::from(id[0])) {
                        self.lists.insert(*list, at);
                    }
                }
                KIND_SOURCE => {
                    if let Ok(verdict) = serde_json::from_slice::<Verdict>(&data) {
                        (self.source, self.sample, self.decided) = (verdict.source, verdict.sample, Some(at));
                    }
                }
                _ => {
                    let Some(list) = List::ALL.get(usize::from(kind)).copied() else { continue };
                    let id = ElementId::from_octets(id);
                    if data.is_empty() {
                        self.topology.put_absent(list, id, at);
                    } else if let Some(element) = Element::decode(list, &data) {
                        self.topology.put(list, id, element, at);
                    } else {
                        // Of a list that is read whole, one row that is damaged makes it unknown.
                        self.lists.insert(list, Timestamp::from_millis(0));
                    }
                }
            }
        }
        self.lists.retain(|_, at| at.millis() > 0);
        self.topology.settle_unit();
    }

    /// What is to be kept since the last time.
    pub(super) fn take_kept(&mut self) -> Vec<PlantRow> {
        std::mem::take(&mut self.to_keep)
    }

    /// A directory that was read anew.
    pub(super) fn set_directory(&mut self, directory: Arc<Directory>) {
        let mut hasher = DefaultHasher::new();
        for entry in directory.clients() {
            (entry.id, stamp(&entry)).hash(&mut hasher);
        }
        let shape = Some(hasher.finish());
        self.directory = Some(directory);
        // Most often only statuses and powers have changed.
        if std::mem::replace(&mut self.shape, shape) != shape {
            self.round = None;
        }
    }

    fn due(&self, at: Option<Timestamp>, now: Timestamp) -> bool {
        at.is_none_or(|at| now.since(at) >= self.refresh)
    }

    /// What to do next. What it gives to be asked must be answered by [`Importer::answer`] or [`Importer::fail`].
    pub(super) fn next(&mut self, now: Timestamp) -> Step {
        let Some(directory) = self.directory.clone() else { return Step::Wait };
        if self.source != PlantSource::Traces {
            for list in List::PAGED {
                if self.due(self.lists.get(&list).copied(), now) && self.lists_asked.insert(list) {
                    return Step::Ask(Ask::List(list));
                }
            }
            if List::PAGED.iter().any(|list| !self.lists.contains_key(list)) {
                return Step::Wait;
            }
            let resting = self.rows_asked == 0 && self.topology.count_wanted() == 0;
            if resting && self.due(self.round, now) {
                self.round = Some(now);
                self.settled = false;
                let joints: HashSet<ElementId> = directory.clients().filter_map(|client| client.connector).collect();
                self.topology.begin_round(joints, now, self.refresh);
            }
            if let Some((list, ids)) = self.topology.wanted(IDS_PER_READ, self.rows_asked > 0) {
                self.rows_asked += 1;
                return Step::Ask(Ask::Rows(list, ids));
            }
            if self.rows_asked > 0 {
                return Step::Wait;
            }
        } else if self.due(self.round, now) {
            self.round = Some(now);
            self.settled = false;
        }
        if !self.settled || self.built.is_none_or(|at| now.since(at) >= look_through(self.refresh)) {
            return Step::Settle;
        }
        while let Some(client) = self.to_trace.pop_front() {
            let code = directory.client(client).and_then(|entry| segment(entry.code?));
            let Some(code) = code else { continue };
            if self.traces_asked.insert(client) {
                return Step::Ask(Ask::Trace(client, code));
            }
        }
        let all_in = self.traces_asked.is_empty();
        if self.dirty && (all_in || self.built.is_none_or(|at| now.since(at) >= BUILD_EVERY)) {
            return Step::Settle;
        }
        Step::Wait
    }

    /// Whether everything is known that is to be known at present.
    pub(super) fn is_idle(&self) -> bool {
        self.settled
            && !self.dirty
            && self.to_trace.is_empty()
            && self.traces_asked.is_empty()
            && self.rows_asked == 0
            && self.lists_asked.is_empty()
    }

    /// Takes a good answer.
    pub(super) fn answer(&mut self, ask: &Ask, answered: Answered, now: Timestamp) {
        match (ask, answered) {
            (Ask::List(list), Answered::Rows(rows, requests)) => {
                self.count("pages", requests);
                self.lists_asked.remove(list);
                self.take_list(*list, rows, now);
            }
            (Ask::Rows(list, ids), Answered::Rows(rows, requests)) => {
                self.count("rows", requests);
                self.rows_asked = self.rows_asked.saturating_sub(1);
                let wanted: HashSet<ElementId> = ids.iter().copied().collect();
                let mut came = HashSet::new();
                // A filter may have been ignored: other rows are not taken.
                for (id, element) in rows.into_iter().filter(|(id, _)| wanted.contains(id)) {
                    came.insert(id);
                    self.keep(*list as u8, id.octets(), now, 0, Some(element.encode()));
                    self.topology.put(*list, id, element, now);
                }
                for id in ids {
                    if !came.contains(id) {
                        self.keep(*list as u8, id.octets(), now, 0, Some(Vec::new()));
                        self.topology.put_absent(*list, *id, now);
                    }
                    self.topology.answered(*id, now, self.refresh);
                }
            }
            (Ask::Trace(client, _), Answered::Traced(traced)) => {
                self.count("traces", 1);
                self.traces_asked.remove(client);
                self.take_trace(*client, traced, now);
            }
            // An answer of the wrong kind is none.
            (ask, _) => self.give_back(ask),
        }
    }

    /// Takes a failure. `true` when there is no use in asking the same again: something else was decided.
    pub(super) fn fail(&mut self, ask: &Ask, error: &OzmapError, now: Timestamp) -> bool {
        let refused = match error {
            OzmapError::Refused { status, .. } | OzmapError::Denied { status: status @ 403, .. } => Some(*status),
            OzmapError::Answer { .. } if matches!(ask, Ask::Trace(..)) => Some(0),
            _ => None,
        };
        let Some(status) = refused else {
            self.give_back(ask);
            return false;
        };
        match ask {
            Ask::Trace(client, _) => {
                self.count("traces", 1);
                self.traces_asked.remove(client);
                let missing = match status {
                    404 => Missing::UnknownCode,
                    422 => Missing::NoPath,
                    _ => Missing::Refused,
                };
                self.tried(*client, Some(missing), None, now);
            }
            // Names and places are worth having, but nothing depends on them.
            Ask::List(list @ (List::Boxes | List::Pops | List::Buildings | List::Olts | List::Slots)) => {
                self.lists_asked.remove(list);
                self.lists.insert(*list, now);
            }
            Ask::List(_) | Ask::Rows(..) => {
                self.give_back(ask);
                self.decide(PlantSource::Traces, now);
            }
        }
        true
    }

    /// It is asked again later.
    fn give_back(&mut self, ask: &Ask) {
        match ask {
            Ask::List(list) => drop(self.lists_asked.remove(list)),
            Ask::Rows(..) => {
                self.rows_asked = self.rows_asked.saturating_sub(1);
                // The next round finds what is still not known.
                self.round = None;
            }
            Ask::Trace(client, _) => {
                self.traces_asked.remove(client);
                self.to_trace.push_back(*client);
            }
        }
    }

    fn count(&mut self, what: &'static str, requests: usize) {
        *self.requests.entry(what).or_default() += u64::try_from(requests).unwrap_or(u64::MAX);
    }

    fn keep(&mut self, kind: u8, id: [u8; 12], at: Timestamp, stamp: u64, data: Option<Vec<u8>>) {
        self.to_keep.push(PlantRow { kind, id, at, stamp, data });
    }

    fn take_list(&mut self, list: List, rows: Vec<(ElementId, Element)>, now: Timestamp) {
        let mut kept = HashSet::with_capacity(rows.len());
        for (id, element) in rows {
            kept.insert(id);
            self.keep(list as u8, id.octets(), now, 0, Some(element.encode()));
            self.topology.put(list, id, element, now);
        }
        for gone in self.topology.keep_only(list, &kept) {
            self.keep(list as u8, gone.octets(), now, 0, None);
        }
        let mut key = [0_u8; 12];
        key[0] = list as u8;
        self.keep(KIND_LIST, key, now, 0, Some(Vec::new()));
        self.lists.insert(list, now);
        if list == List::Cables {
            self.topology.settle_unit();
        }
        self.round = None;
    }

    /// What the elements say of a client's way.
    #[cfg(test)]
    pub(super) fn walked(&self, client: ClientId) -> Option<Route> {
        let entry = self.directory.as_ref()?.client(client)?;
        self.topology.route(entry.connector?, entry.port, entry.property)
    }

    /// What is done and what is known to be to do, in requests.
    pub(super) fn progress(&self) -> (usize, usize) {
        let done = usize::try_from(self.requests.values().sum::<u64>()).unwrap_or(usize::MAX);
        (done, done.saturating_add(self.left()))
    }

    /// Requests that were made.
    pub(super) const fn requests(&self) -> &BTreeMap<&'static str, u64> {
        &self.requests
    }

    /// Requests that are known to be needed still: more may come of their answers.
    pub(super) fn left(&self) -> usize {
        let unread = List::PAGED.iter().filter(|list| !self.lists.contains_key(list)).count();
        let lists = if self.source == PlantSource::Traces || self.directory.is_none() { 0 } else { unread };
        let rows = self.rows_asked + self.topology.count_wanted().div_ceil(IDS_PER_READ);
        lists + rows + self.to_trace.len() + self.traces_asked.len()
    }
}

/// A code as one segment of a path; `None` where there is no such segment.
pub(super) fn segment(code: &str) -> Option<String> {
    let code = code.trim();
    // Browsers and servers take these for directories, however they are written.
    if code.is_empty() || code == "." || code == ".." {
        return None;
    }
    let mut segment = String::with_capacity(code.len());
    for octet in code.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            segment.push(char::from(octet));
        } else {
            segment.push_str(&format!("%{octet:02X}"));
        }
    }
    Some(segment)
}
