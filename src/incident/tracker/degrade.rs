//! Levels that fell at one place.

use std::collections::BTreeSet;

use super::super::evidence::Evidence;
use super::super::explain::Case;
use super::super::finding::findings;
use super::super::id::IncidentId;
use super::super::network::Spot;
use super::super::sentence;
use super::super::snapshot::{Kind, State};
use super::super::terrain::Terrain;
use super::{GROUP, Open, SPEAKS, Tracker, blank};
use crate::model::Timestamp;

impl Tracker {
    /// Opens, changes and clears degradations by what is known of levels now.
    pub(super) fn degrade(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.network.is_changed) || self.terrain.rows.is_empty() {
            self.terrain = Terrain::new(&self.network, &self.plant);
        }
        let evidence = Evidence::of_levels(&self.network, &self.terrain);
        let case = Case { network: &self.network, terrain: &self.terrain, evidence: &evidence };
        let mut found = findings(&case, &case.explain());
        found.retain(|finding| finding.odds >= SPEAKS && finding.lost.len() >= GROUP);
        let mut kept: BTreeSet<IncidentId> = BTreeSet::new();
        for mut finding in found {
            finding.kind = Kind::Degradation;
            for alternative in &mut finding.alternatives {
                alternative.kind = Kind::Degradation;
            }
            let lost: BTreeSet<Spot> = finding.lost.iter().copied().collect();
            let known = self.open.iter().find(|(id, open)| {
                open.incident.kind == Kind::Degradation && !kept.contains(id) && !open.members.is_disjoint(&lost)
            });
            if known.is_some_and(|(_, open)| open.recalled.is_some()) {
                continue;
            }
            let id = known.map(|(id, _)| *id);
            let id = id.unwrap_or_else(|| self.id(now));
            kept.insert(id);
            let mut falls: Vec<i32> = lost.iter().filter_map(|spot| self.network.onu(*spot)?.fell).collect();
            falls.sort_unstable();
            let median = falls.get(falls.len() / 2).map_or(0.0, |fell| f64::from(*fell) / 1000.0);
            let open =
                self.open.entry(id).or_insert_with(|| Open::new(blank(id, Kind::Degradation, now), BTreeSet::new()));
            open.members = lost;
            open.incident.evidence = sentence::of_levels(&finding, median);
            open.incident.monitored = finding.counts.monitored;
            open.incident.place = finding.place;
            open.incident.confidence = finding.confidence;
            open.incident.alternatives = finding.alternatives;
        }
        let told: Vec<(IncidentId, BTreeSet<Spot>)> =
            kept.iter().filter_map(|id| Some((*id, self.open.get(id)?.members.clone()))).collect();
        for (id, open) in &mut self.open {
            if open.incident.kind == Kind::Degradation && !kept.contains(id) && open.recalled.is_none() {
                open.incident.state = State::Cleared;
                open.incident.cleared_at = Some(now);
                // One that became part of a larger one did not recover.
                let into = told.iter().find(|(_, members)| !members.is_disjoint(&open.members)).map(|(into, _)| *into);
                open.incident.parent = open.incident.parent.or(into);
                open.incident.recovered = if into.is_none() { open.incident.lost } else { 0 };
            }
        }
    }
}
