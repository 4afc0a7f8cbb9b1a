//! What is to be asked next, and what the answers mean. Pure: times are arguments.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rows::{Element, List};
use super::snapshot::{Missing, PlantSnapshot, PlantSource, SampleView};
use super::topology::Topology;
use super::trace::Traced;
use crate::model::{ClientId, ElementId, Metres, Timestamp};
use crate::ozmap::directory::{ClientEntry, Directory, Found};
use crate::ozmap::error::OzmapError;
use crate::plant::{HopKind, PlantBuilder, Route};
use crate::store::PlantRow;

/// Most ids in the filter of one read: keeps the encoded URL under 6 kB, which proxies let pass.
const IDS_PER_READ: usize = 150;

/// Clients whose traces check the walk.
const SAMPLE: usize = 24;
/// Fewer compared traces than this prove nothing.
const LEAST_COMPARED: usize = 4;
/// The walk is not used when more than one in so many of them differ.
const ONE_IN: usize = 8;

/// How long it is remembered that there is no route.
const NO_ROUTE_FOR: Duration = Duration::from_secs(24 * 3600);
/// The graph is built anew at most so often while traces come in.
const BUILD_EVERY: Duration = Duration::from_secs(300);

/// What the walk and a trace may differ by.
const LOSS_WITHIN: i32 = 300;
const DISTANCE_WITHIN: i32 = 50_000;

/// Kinds of rows in the store beside the lists, which have their own numbers.
const KIND_TRACE: u8 = 100;
const KIND_LIST: u8 = 101;
const KIND_SOURCE: u8 = 102;
/// The first octet of a trace in the store.
const TRIAL_ROUTE: u8 = 0;

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

/// What became of a client's trace.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: Timestamp,
    /// Of what it depends on.
    stamp: u64,
    /// `None`: there is a route.
    missing: Option<Missing>,
}

/// What the store remembers of the check of the walk.
#[derive(Debug, Serialize, Deserialize)]
struct Verdict {
    source: PlantSource,
    sample: SampleView,
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

    fn recall_trace(&mut self, client: ClientId, at: Timestamp, stamp: u64, data: &[u8]) {
        let Some((tag, octets)) = data.split_first() else { return };
        let missing = match Missing::ALL.get(usize::from(*tag).wrapping_sub(1)) {
            Some(missing) => Some(*missing),
            None if *tag == TRIAL_ROUTE => match Route::decode(octets) {
                Ok(route) => {
                    self.builder.route(client, &route);
                    None
                }
                Err(_) => return,
            },
            None => return,
        };
        self.trials.insert(client, Trial { at, stamp, missing });
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
        if !self.settled {
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

    fn take_trace(&mut self, client: ClientId, traced: Traced, now: Timestamp) {
        let Some(entry) = self.directory.as_ref().and_then(|directory| directory.client(client)) else {
            self.sampled.remove(&client);
            return;
        };
        let property = entry.property;
        let shared = entry.code.is_some_and(|code| self.is_shared(code));
        let Traced::Routes(routes) = traced else { return self.tried(client, Some(Missing::NoPath), None, now) };
        let mut routes = routes;
        let ours = routes.iter().position(|(of, _)| *of == Some(property));
        // What houses an item is of is assumed: of one client's code alone, the first is taken (`ozmap-api.md` 6.2).
        match ours.or_else(|| (!shared && !routes.is_empty()).then_some(0)) {
            Some(place) => {
                let (_, route) = routes.swap_remove(place);
                self.tried(client, None, Some(&route), now);
            }
            None => self.tried(client, Some(Missing::AmbiguousCode), None, now),
        }
    }

    fn is_shared(&self, code: &str) -> bool {
        self.directory.as_ref().is_some_and(|directory| matches!(directory.by_code(code), Found::Many(_)))
    }

    fn tried(&mut self, client: ClientId, missing: Option<Missing>, route: Option<&Route>, now: Timestamp) {
        let Some(entry) = self.directory.as_ref().and_then(|directory| directory.client(client)) else { return };
        let stamp = stamp(&entry);
        let mut data = vec![missing.map_or(TRIAL_ROUTE, |missing| missing as u8 + 1)];
        let mut missing = missing;
        match route.map(Route::encode) {
            Some(Ok(octets)) => data.extend(octets),
            Some(Err(_)) => {
                missing = Some(Missing::Refused);
                data = vec![Missing::Refused as u8 + 1];
            }
            None => {}
        }
        let sampled = self.sampled.remove(&client);
        if let Some(walked) = &sampled {
            self.compare(walked, route.filter(|_| missing.is_none()));
        }
        // What the walk found is better than a trace of the same: it is kept up to date for less.
        if sampled.is_none()
            && let Some(route) = route
            && missing.is_none()
        {
            self.builder.route(client, route);
        }
        self.keep(KIND_TRACE, client.octets(), now, stamp, Some(data));
        self.trials.insert(client, Trial { at: now, stamp, missing });
        self.dirty = true;
        if sampled.is_some() && self.sampled.is_empty() {
            let differ = self.sample.compared >= LEAST_COMPARED && self.sample.differ * ONE_IN > self.sample.compared;
            self.decide(if differ { PlantSource::Traces } else { PlantSource::Walk }, now);
        }
    }

    fn compare(&mut self, walked: &Route, traced: Option<&Route>) {
        self.sample.asked += 1;
        let Some(traced) = traced else { return };
        self.sample.compared += 1;
        self.sample.differ += usize::from(!agree(walked, traced));
    }

    fn decide(&mut self, source: PlantSource, now: Timestamp) {
        if source == PlantSource::Traces && self.source != source {
            tracing::warn!(
                compared = self.sample.compared,
                differ = self.sample.differ,
                "the lists of OZmap's network do not lead to the routes that its traces show: every client is traced"
            );
            // What was walked is not to be believed.
            self.builder = PlantBuilder::new();
            self.clients.clear();
            self.trials.retain(|_, trial| trial.missing.is_some());
            self.round = None;
            self.settled = false;
        }
        self.source = source;
        self.decided = Some(now);
        let verdict = Verdict { source, sample: self.sample };
        if let Ok(data) = serde_json::to_vec(&verdict) {
            self.keep(KIND_SOURCE, [0; 12], now, 0, Some(data));
        }
    }

    /// Works out the routes of all clients, and whom to trace. Takes long where there are many clients.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let Some(directory) = self.directory.clone() else { return };
        let begins = !self.settled;
        self.settled = true;
        self.dirty = false;
        self.built = Some(now);
        for place in self.topology.places() {
            self.builder.place(&place);
        }
        for cable in self.topology.cables() {
            self.builder.cable(&cable);
        }
        let mut clients = HashSet::with_capacity(directory.len());
        let mut reached = Vec::new();
        let mut to_trace = VecDeque::new();
        self.missing.clear();
        for entry in directory.clients() {
            clients.insert(entry.id);
            self.builder.client(entry.id, entry.box_id);
            let walked = match (self.source, entry.connector) {
                (PlantSource::Traces, _) | (_, None) => None,
                (_, Some(connector)) => self.topology.route(connector, entry.port, entry.property),
            };
            if let Some(route) = walked.as_ref().filter(|route| route.pon_reached) {
                self.builder.route(entry.id, route);
                reached.push(entry.id);
                continue;
            }
            let trial = self.trials.get(&entry.id).copied().filter(|trial| trial.stamp == stamp(&entry));
            let lasts = if trial.is_some_and(|trial| trial.missing.is_some()) { NO_ROUTE_FOR } else { self.refresh };
            let askable = entry.code.and_then(segment).is_some();
            // Whom OZmap shows no connector of has no way of its light.
            let worth = askable && (entry.connector.is_some() || self.source == PlantSource::Traces);
            if worth && trial.is_none_or(|trial| now.since(trial.at) >= lasts) {
                to_trace.push_back(entry.id);
            }
            let missing = match trial {
                Some(Trial { missing: None, .. }) => continue,
                Some(Trial { missing: Some(missing), .. }) => missing,
                None if entry.connector.is_none() => Missing::NotConnected,
                None if !askable => Missing::NoCode,
                None => Missing::NotAsked,
            };
            self.missing.push((entry.id, missing));
            match walked {
                Some(route) if !route.hops.is_empty() => self.builder.route(entry.id, &route),
                _ => self.builder.no_route(entry.id),
            }
        }
        for gone in self.clients.difference(&clients) {
            self.builder.remove(gone);
            self.sampled.remove(gone);
            if self.trials.remove(gone).is_some() {
                self.to_keep.push(PlantRow { kind: KIND_TRACE, id: gone.octets(), at: now, stamp: 0, data: None });
            }
        }
        self.clients = clients;
        if begins || self.to_trace.is_empty() {
            self.to_trace = to_trace;
            self.to_trace.extend(self.sampled.keys());
            self.begin_sample(&directory, &reached, now);
        }
    }

    /// Takes clients whose traces check the walk, spread over all of them; others each time.
    fn begin_sample(&mut self, directory: &Directory, reached: &[ClientId], now: Timestamp) {
        if self.source == PlantSource::Traces || !self.sampled.is_empty() || !self.due(self.decided, now) {
            return;
        }
        let few = (reached.len() / SAMPLE).max(1);
        let offset = usize::try_from(now.millis() / 1000).unwrap_or(0) % few;
        self.sample = SampleView::default();
        for client in reached.iter().skip(offset).step_by(few).take(SAMPLE) {
            let Some(entry) = directory.client(*client) else { continue };
            let Some(code) = entry.code.filter(|code| segment(code).is_some()) else { continue };
            if self.is_shared(code) {
                continue;
            }
            let Some(route) = entry.connector.and_then(|joint| self.topology.route(joint, entry.port, entry.property))
            else {
                continue;
            };
            self.sampled.insert(*client, route);
            self.to_trace.push_front(*client);
        }
        if self.sampled.is_empty() && !reached.is_empty() {
            // Nobody of them can be traced.
            self.decide(PlantSource::Walk, now);
        }
    }

    /// What is known, with the graph, which takes long to build.
    pub(super) fn snapshot(&self, now: Timestamp) -> PlantSnapshot {
        let plant = Arc::new(self.builder.build());
        let mut missing: BTreeMap<&'static str, usize> = Missing::ALL.iter().map(|why| (why.word(), 0)).collect();
        for (_, why) in &self.missing {
            *missing.entry(why.word()).or_default() += 1;
        }
        PlantSnapshot {
            at: now,
            read_at: self.round,
            source: self.source,
            sample: self.sample,
            clients: self.clients.len(),
            routes: self.clients.len() - self.missing.len().min(self.clients.len()),
            missing,
            waiting: self.to_trace.len() + self.traces_asked.len(),
            elements: self.topology.len(),
            requests: self.requests.clone(),
            irregular: plant.irregularities(),
            without: self.missing.clone().into(),
            plant,
            last_error: None,
        }
    }

    /// What the elements say of a client's way.
    #[cfg(test)]
    pub(super) fn walked(&self, client: ClientId) -> Option<Route> {
        let entry = self.directory.as_ref()?.client(client)?;
        self.topology.route(entry.connector?, entry.port, entry.property)
    }

    /// What is done and what is known to be to do, for a progress bar.
    pub(super) fn progress(&self) -> (usize, usize) {
        let done = usize::try_from(self.requests.values().sum::<u64>()).unwrap_or(usize::MAX);
        let more = self.topology.count_wanted().div_ceil(IDS_PER_READ) + self.to_trace.len() + self.traces_asked.len();
        (done, done.saturating_add(more))
    }
}

/// What a client's trace depends on, as far as the directory shows it. Not `updatedAt`: it moves with each power that we write. A
/// later compiler may hash otherwise; then traces are asked for once more.
fn stamp(entry: &ClientEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.code, entry.property, entry.box_id, entry.connector, entry.port).hash(&mut hasher);
    hasher.finish()
}

/// Whether both show the same way.
fn agree(walked: &Route, traced: &Route) -> bool {
    let joints = |route: &Route| -> Vec<Option<ElementId>> {
        let joint = |kind| !matches!(kind, HopKind::Fiber | HopKind::Pon);
        route.hops.iter().filter(|hop| joint(hop.kind)).map(|hop| hop.element.id).collect()
    };
    let pon = |route: &Route| route.head_end.as_ref().and_then(|head_end| head_end.pon.id);
    let length = |route: &Route| route.hops.last().map_or(0, |hop| Metres::thousandths(hop.distance));
    let near = |one: i32, other: i32, within: i32| one.abs_diff(other) <= within.unsigned_abs();
    let losses = match (walked.loss, traced.loss) {
        (Some(one), Some(other)) => near(one.thousandths(), other.thousandths(), LOSS_WITHIN),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    pon(walked) == pon(traced)
        && joints(walked) == joints(traced)
        && losses
        && near(length(walked), length(traced), DISTANCE_WITHIN.max(length(traced) / 20))
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
