//! Which incidents deserve a mark in OZmap: cuts that are sure enough and have a place on the map.
//!
//! ```text
//!  incident task ──IncidentView (watch)──► this ──marks that should be (watch)──► the task of `ozmap::Marks`
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::incidents::IncidentView;
use crate::incident::SURE_OF_CUT;
use crate::incident::{Incident, IncidentId, Kind, NamedElement};
use crate::ozmap::WantedMark;
use crate::plant::Coords;

/// Clients that a mark names; OZmap's people look there first, and at the incident for all of them.
const NAMED: usize = 200;

/// Says what should be marked, until nobody publishes incidents any more.
pub(super) async fn choose(
    mut incidents: watch::Receiver<Arc<IncidentView>>,
    wanted: watch::Sender<Arc<Vec<WantedMark>>>,
) {
    let mut marked = BTreeMap::new();
    loop {
        let view = incidents.borrow_and_update().clone();
        let due: Vec<(IncidentId, WantedMark)> =
            view.open.iter().filter_map(|one| Some((one.id, mark(one, &marked)?))).collect();
        marked = due.iter().map(|(id, mark)| (*id, mark.coords)).collect();
        let marks: Vec<WantedMark> = due.into_iter().map(|(_, mark)| mark).collect();
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

/// What is marked stays so, and where it is if nothing else is known, until it is over, however sure it is then.
fn mark(incident: &Incident, marked: &BTreeMap<IncidentId, Coords>) -> Option<WantedMark> {
    let known = marked.get(&incident.id).copied();
    let coords = incident.place.as_ref().and_then(|place| place.coords).or(known)?;
    let deserves = incident.kind == Kind::Cut && incident.confidence >= SURE_OF_CUT;
    (deserves || known.is_some()).then(|| WantedMark {
        incident: incident.id.to_string().into(),
        coords,
        description: describe(incident),
    })
}

fn describe(incident: &Incident) -> String {
    let name = |element: &Option<NamedElement>| element.as_ref().and_then(|element| element.name.clone());
    let mut text = match incident.kind {
        Kind::Cut => String::from("Probably cut"),
        other => format!("No longer taken for a cut, but for {}", other.word().replace('_', " ")),
    };
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
