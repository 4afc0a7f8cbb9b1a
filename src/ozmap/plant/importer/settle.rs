//! The routes of all clients out of what is known, and the graph that they make.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use super::super::snapshot::{Missing, PlantSnapshot, PlantSource, SampleView};
use super::trials::Trial;
use super::{Importer, KIND_TRACE, segment};
use crate::model::{ClientId, Timestamp};
use crate::ozmap::directory::Directory;
use crate::store::PlantRow;

/// Clients whose traces check the walk.
const SAMPLE: usize = 24;

impl Importer {
    /// Works out the routes of all clients, and whom to trace. Takes long where there are many clients.
    pub(in crate::ozmap::plant) fn settle(&mut self, now: Timestamp) {
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
            let trial = self.trials.get(&entry.id).copied().filter(|trial| trial.is_of(&entry));
            let askable = entry.code.and_then(segment).is_some();
            // Whom OZmap shows no connector of has no way of its light.
            let worth = askable && (entry.connector.is_some() || self.source == PlantSource::Traces);
            if worth && trial.is_none_or(|trial| trial.is_old(&entry, now, self.refresh)) {
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
    pub(in crate::ozmap::plant) fn snapshot(&self, now: Timestamp) -> PlantSnapshot {
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
            requests_left: self.left(),
            elements: self.topology.len(),
            requests: self.requests.clone(),
            irregular: plant.irregularities(),
            without: self.missing.clone().into(),
            plant,
            last_error: None,
        }
    }
}
