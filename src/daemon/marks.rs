//! Which incidents deserve a mark in OZmap: cuts that are sure enough and have a place on the map.
//!
//! ```text
//!  incident task ──IncidentView (watch)──► this ──marks that should be (watch)──► the task of `ozmap::Marks`
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::incidents::IncidentView;
use crate::incident::SURE_OF_CUT;
use crate::incident::{Incident, IncidentId, Kind, NamedElement};
use crate::ozmap::WantedMark;

/// Clients that a mark names; OZmap's people look there first, and at the incident for all of them.
const NAMED: usize = 200;

/// Says what should be marked, until nobody publishes incidents any more.
pub(super) async fn choose(
    mut incidents: watch::Receiver<Arc<IncidentView>>,
    wanted: watch::Sender<Arc<Vec<WantedMark>>>,
) {
    let mut marked = BTreeSet::new();
    loop {
        let view = incidents.borrow_and_update().clone();
        let marks: Vec<WantedMark> = view.open.iter().filter_map(|one| mark(one, &marked)).collect();
        marked = view.open.iter().filter(|one| marks.iter().any(|mark| is_of(mark, one))).map(|one| one.id).collect();
        wanted.send_if_modified(|old| {
            let differs = **old != marks;
            if differs {
                *old = Arc::new(marks);
            }
            differs
        });
        if incidents.changed().await.is_err() {
            return;
        }
    }
}

fn is_of(mark: &WantedMark, incident: &Incident) -> bool {
    *mark.incident == *incident.id.to_string()
}

/// What is marked stays so until it is over, however sure it is then.
fn mark(incident: &Incident, marked: &BTreeSet<IncidentId>) -> Option<WantedMark> {
    let coords = incident.place.as_ref()?.coords?;
    let deserves = incident.kind == Kind::Cut && incident.confidence >= SURE_OF_CUT;
    (deserves || marked.contains(&incident.id)).then(|| WantedMark {
        incident: incident.id.to_string().into(),
        coords,
        description: describe(incident),
    })
}

fn describe(incident: &Incident) -> String {
    let name = |element: &Option<NamedElement>| element.as_ref().and_then(|element| element.name.clone());
    let mut text = String::from("Probably cut");
    if let Some(place) = &incident.place {
        if let Some(element) = &place.element.name {
            text.push_str(&format!(": {} {element}", place.element.kind));
        }
        if let (Some(from), Some(to)) = (name(&place.from), name(&place.to)) {
            text.push_str(&format!(", between {from} and {to}"));
        }
        if let Some([from, to]) = place.metres_from_olt {
            text.push_str(&format!(", {from} to {to} m from the OLT"));
        }
    }
    text.push_str(&format!(
        "\nSince {}. {} clients lost, of {} behind it.\n{}",
        incident.opened_at, incident.lost, incident.monitored, incident.evidence
    ));
    let codes: Vec<&str> = incident.onus.iter().filter_map(|onu| onu.code.as_deref()).collect();
    if !codes.is_empty() {
        text.push_str(&format!("\nClients: {}", codes.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ")));
        if codes.len() > NAMED {
            text.push_str(&format!(" and {} more", codes.len() - NAMED));
        }
    }
    text
}
