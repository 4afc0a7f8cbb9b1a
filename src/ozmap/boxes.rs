//! Maintenance by box: clients behind a box that somebody works on stay as they are. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::brake::Looks;
use super::desired::Change;
use super::directory::Directory;
use super::ids::ElementId;
use crate::config::Pattern;
use crate::config::maintenance::BoxWork;
use crate::model::{OltId, Timestamp};

/// Names of boxes, by id; none of those that OZmap does not name.
pub type BoxNames = HashMap<ElementId, Option<Arc<str>>>;

/// Work under way on boxes, or over and not read since, with what it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxHeld {
    /// Which boxes: a pattern on id or name.
    #[serde(rename = "box")]
    pub boxes: Pattern,
    /// Until when, as far as is known; `None` when it is over and the OLTs behind it have to be read once more.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Changes that it holds.
    pub clients: usize,
    /// The first of them.
    pub changes: Vec<Change>,
}

impl BoxHeld {
    /// The same with at most so many changes listed.
    pub(super) fn listed(&self, most: usize) -> Self {
        let changes = self.changes.iter().take(most).cloned().collect();
        let Self { boxes, until, reason, clients, .. } = self;
        Self { boxes: boxes.clone(), until: *until, reason: reason.clone(), clients: *clients, changes }
    }
}

/// Work that is over: what was read during it decides nothing.
#[derive(Debug)]
struct Over {
    work: BoxWork,
    looks: BTreeMap<OltId, Looks>,
}

/// What is held because somebody works on boxes.
#[derive(Debug, Default)]
pub struct Boxes {
    under_way: Vec<BoxWork>,
    over: Vec<Over>,
    names: BoxNames,
}

impl Boxes {
    /// Work that is under way from now on, in place of what was before. What is over holds until each OLT was read again.
    pub fn set(&mut self, under_way: Vec<BoxWork>, looks: &BTreeMap<OltId, Looks>) {
        for work in std::mem::replace(&mut self.under_way, under_way) {
            if !self.under_way.iter().any(|new| new.boxes == work.boxes) {
                self.over.push(Over { work, looks: looks.clone() });
            }
        }
    }

    /// How boxes are called, beside what is known of others.
    pub fn name(&mut self, names: BoxNames) {
        self.names.extend(names);
    }

    /// Boxes behind which something is to change and whose names are needed and not known; until they are, it is held.
    #[must_use]
    pub fn unnamed(&self, changes: &[Change], directory: &Directory) -> Vec<ElementId> {
        if !self.works().any(|work| goes_by_name(&work.boxes)) {
            return Vec::new();
        }
        let places = changes.iter().filter_map(|change| directory.client(change.client)?.box_id);
        let unnamed: BTreeSet<ElementId> = places.filter(|place| !self.names.contains_key(place)).collect();
        unnamed.into_iter().collect()
    }

    fn works(&self) -> impl Iterator<Item = &BoxWork> {
        self.under_way.iter().chain(self.over.iter().map(|over| &over.work))
    }

    /// Whether another look at an OLT may release something.
    #[must_use]
    pub fn awaits_looks(&self) -> bool {
        !self.over.is_empty()
    }

    /// Divides a plan: what may be written, in its order, and what is held, by work.
    pub fn divide(
        &mut self,
        changes: Vec<Change>,
        directory: &Directory,
        looks: &BTreeMap<OltId, Looks>,
    ) -> (Vec<Change>, Vec<BoxHeld>) {
        // Both kinds of look have passed everywhere, or the OLT is gone: nothing is left to hold.
        self.over.retain(|over| {
            over.looks.iter().any(|(olt, then)| {
                looks.get(olt).is_some_and(|now| now.state <= then.state || now.optics <= then.optics)
            })
        });
        if self.under_way.is_empty() && self.over.is_empty() {
            return (changes, Vec::new());
        }
        let mut held: Vec<BoxHeld> = self
            .under_way
            .iter()
            .map(|work| (work, Some(work.until)))
            .chain(self.over.iter().map(|over| (&over.work, None)))
            .map(|(work, until)| BoxHeld {
                boxes: work.boxes.clone(),
                until,
                reason: work.reason.clone(),
                clients: 0,
                changes: Vec::new(),
            })
            .collect();
        let mut through = Vec::with_capacity(changes.len());
        for change in changes {
            let place = directory.client(change.client).and_then(|client| client.box_id);
            let by = place.and_then(|place| self.holding(place, &change, looks));
            match by.and_then(|by| held.get_mut(by)) {
                Some(holder) => {
                    holder.clients += 1;
                    holder.changes.push(change);
                }
                None => through.push(change),
            }
        }
        (through, held)
    }

    /// Which work holds a change of a client behind this box.
    fn holding(&self, place: ElementId, change: &Change, looks: &BTreeMap<OltId, Looks>) -> Option<usize> {
        let id = place.to_string();
        let name = self.names.get(&place);
        let fits = |work: &BoxWork| {
            let by_name = match name {
                Some(name) => name.as_ref().is_some_and(|name| work.boxes.fits(name)),
                None => goes_by_name(&work.boxes),
            };
            by_name || work.boxes.fits(&id)
        };
        let unread = |over: &Over| {
            let of = |looks: &BTreeMap<OltId, Looks>| {
                looks.get(&change.onu.olt).copied().unwrap_or_default().of(change.evidence)
            };
            of(looks) <= of(&over.looks)
        };
        let under_way = self.under_way.iter().position(fits);
        let over = || self.over.iter().position(|over| fits(&over.work) && unread(over));
        under_way.or_else(|| Some(self.under_way.len() + over()?))
    }
}

/// Whether a pattern can be of a name, for which names have to be read.
fn goes_by_name(boxes: &Pattern) -> bool {
    boxes.to_string().parse::<ElementId>().is_err()
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::{client_id, directory, row};
    use super::super::ids::Status;
    use super::super::matching::testing::onu;
    use super::*;
    use crate::model::SweepKind;

    const UNTIL: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn change(n: u32, evidence: SweepKind) -> Change {
        Change {
            client: client_id(n),
            code: None,
            name: None,
            from: Some(Status::Ok),
            to: Status::Error,
            reason: Arc::from("test"),
            incident: None,
            evidence,
            onu: onu("a", n, "", "", "").onu,
            pon: None,
            number: None,
            matched_by: "serial",
        }
    }

    fn box_id(n: u32) -> ElementId {
        format!("65c{n:021x}").parse().unwrap()
    }

    /// Clients 1 to 4; 1 and 2 behind box 1, 3 behind box 2, 4 behind none.
    fn town() -> Directory {
        directory([(1, Some(1)), (2, Some(1)), (3, Some(2)), (4, None)].map(|(n, at)| {
            let mut row = row(n, "", "", "");
            row.box_id = at.map(box_id);
            row
        }))
    }

    fn work(boxes: &str) -> BoxWork {
        BoxWork { boxes: Pattern::new(boxes), until: UNTIL, reason: "new splitter".to_owned() }
    }

    fn looks(state: u64, optics: u64) -> BTreeMap<OltId, Looks> {
        BTreeMap::from([(OltId::new("a"), Looks { state, optics })])
    }

    fn through(boxes: &mut Boxes, looks: &BTreeMap<OltId, Looks>) -> Vec<ClientId> {
        let changes = (1..=4).map(|n| change(n, SweepKind::State)).collect();
        boxes.divide(changes, &town(), looks).0.iter().map(|change| change.client).collect()
    }

    use super::super::ids::ClientId;

    #[test]
    fn clients_of_a_box_are_held_by_its_id_or_its_name() {
        let mut boxes = Boxes::default();
        boxes.set(vec![work(&box_id(1).to_string())], &looks(1, 1));
        let changes = || (1..=4).map(|n| change(n, SweepKind::State)).collect::<Vec<_>>();
        assert_eq!(boxes.unnamed(&changes(), &town()), [], "no name is needed");
        assert_eq!(through(&mut boxes, &looks(1, 1)), [client_id(3), client_id(4)]);
        boxes.set(vec![work(&box_id(1).to_string()), work("CTO 2*")], &looks(1, 1));
        assert_eq!(boxes.unnamed(&changes(), &town()), [box_id(1), box_id(2)]);
        assert_eq!(through(&mut boxes, &looks(1, 1)), [client_id(4)], "whose name is not known may be meant");
        boxes.name(BoxNames::from([(box_id(1), None), (box_id(2), Some(Arc::from("CTO 31")))]));
        assert_eq!(boxes.unnamed(&changes(), &town()), []);
        assert_eq!(through(&mut boxes, &looks(1, 1)), [client_id(3), client_id(4)]);
        boxes.name(BoxNames::from([(box_id(2), Some(Arc::from("CTO 21")))]));
        let (left, held) = boxes.divide(changes(), &town(), &looks(1, 1));
        assert_eq!(left.iter().map(|change| change.client).collect::<Vec<_>>(), [client_id(4)]);
        let counts: Vec<_> = held.iter().map(|one| (one.clients, one.until)).collect();
        assert_eq!(counts, [(2, Some(UNTIL)), (1, Some(UNTIL))]);
    }

    #[test]
    fn when_work_is_over_what_was_read_during_it_still_decides_nothing() {
        let mut boxes = Boxes::default();
        boxes.set(vec![work("*")], &looks(5, 5));
        boxes.name(BoxNames::from([(box_id(1), None), (box_id(2), None)]));
        assert_eq!(through(&mut boxes, &looks(5, 5)), [client_id(4)]);
        boxes.set(Vec::new(), &looks(6, 6));
        assert_eq!(through(&mut boxes, &looks(6, 6)), [client_id(4)]);
        assert!(boxes.awaits_looks());
        // Losses need another sweep of state, levels another round of optics.
        assert_eq!(through(&mut boxes, &looks(7, 6)).len(), 4);
        let weak = |boxes: &mut Boxes, optics| {
            boxes.divide(vec![change(1, SweepKind::Optics)], &town(), &looks(7, optics)).0.len()
        };
        assert_eq!((weak(&mut boxes, 6), weak(&mut boxes, 7)), (0, 1));
        assert!(!boxes.awaits_looks());
    }
}
