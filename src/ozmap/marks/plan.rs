//! What marks need next. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::Mark;
use super::{MarkTiming, WantedMark};
use crate::ozmap::ids::ElementId;

/// A mark that OZmap shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    id: ElementId,
    description: String,
    /// When its text was last written by this process.
    told: Option<Duration>,
}

/// The next request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Read what there is.
    List,
    /// Make one.
    Make(WantedMark),
    /// Change its text.
    Describe(ElementId, String, String),
    /// It is done with.
    Solve(ElementId),
}

/// What is known of OZmap's marks.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By incident; `None` when the list is to be read first.
    shown: Option<BTreeMap<String, Shown>>,
    /// Second marks of one incident.
    surplus: Vec<ElementId>,
    /// Incidents whose mark OZmap refuses.
    refused: BTreeSet<String>,
    /// Incidents whose mark this process made.
    made: BTreeSet<String>,
    /// Incidents that were wanted since the start: theirs need no time to be known again.
    known: BTreeSet<String>,
}

impl Book {
    /// What is needed now, or when to look again.
    pub(super) fn next(
        &mut self,
        wanted: &[WantedMark],
        now: Duration,
        timing: &MarkTiming,
    ) -> Result<Step, Option<Duration>> {
        self.known.extend(wanted.iter().map(|one| one.incident.to_string()));
        let Some(shown) = &self.shown else {
            return Ok(Step::List);
        };
        if let Some(id) = self.surplus.last() {
            return Ok(Step::Solve(*id));
        }
        let mut later: Option<Duration> = None;
        let mut wait = |until: Duration| later = Some(later.map_or(until, |later| later.min(until)));
        for one in wanted.iter().filter(|one| !self.refused.contains(&*one.incident)) {
            match shown.get(&*one.incident) {
                None => return Ok(Step::Make(one.clone())),
                Some(mark) if mark.description != one.description => {
                    let due = mark.told.map_or(now, |told| told + timing.retell);
                    if due <= now {
                        return Ok(Step::Describe(mark.id, one.incident.to_string(), one.description.clone()));
                    }
                    wait(due);
                }
                Some(_) => {}
            }
        }
        for (incident, mark) in
            shown.iter().filter(|(incident, _)| !wanted.iter().any(|one| *one.incident == ***incident))
        {
            if self.known.contains(incident) || timing.recall <= now {
                return Ok(Step::Solve(mark.id));
            }
            wait(timing.recall);
        }
        Err(later)
    }

    /// This is what OZmap shows.
    pub(super) fn listed(&mut self, marks: Vec<Mark>) {
        let mut shown = BTreeMap::new();
        self.surplus.clear();
        for mark in marks {
            match shown.entry(mark.incident) {
                std::collections::btree_map::Entry::Occupied(_) => self.surplus.push(mark.id),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Shown { id: mark.id, description: mark.description, told: None });
                }
            }
        }
        self.shown = Some(shown);
    }

    /// Nobody knows what OZmap shows: the list is read before anything else.
    pub(super) fn forget(&mut self) {
        self.shown = None;
    }

    /// It was made; its id is in the list, which is read before anything else. False when it was made before and OZmap does not show it: no
    /// more are made.
    pub(super) fn made(&mut self, incident: &str) -> bool {
        self.forget();
        let is_first = self.made.insert(incident.to_owned());
        if !is_first {
            self.refuse(incident);
        }
        is_first
    }

    /// Its text is this now.
    pub(super) fn described(&mut self, incident: &str, description: String, now: Duration) {
        if let Some(mark) = self.shown.as_mut().and_then(|shown| shown.get_mut(incident)) {
            mark.description = description;
            mark.told = Some(now);
        }
    }

    /// It is no longer there, or no longer open.
    pub(super) fn gone(&mut self, id: ElementId) {
        self.surplus.retain(|one| *one != id);
        if let Some(shown) = &mut self.shown {
            shown.retain(|_, mark| mark.id != id);
        }
    }

    /// OZmap refuses it, and would again.
    pub(super) fn refuse(&mut self, incident: &str) {
        self.refused.insert(incident.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::Coords;

    fn id(number: u8) -> ElementId {
        ElementId::from_octets([number; 12])
    }

    fn wanted(incident: &str, text: &str) -> WantedMark {
        WantedMark {
            incident: incident.into(),
            coords: Coords::new(-48.5, -27.5).unwrap(),
            description: text.to_owned(),
        }
    }

    fn mark(number: u8, incident: &str, text: &str) -> Mark {
        Mark { id: id(number), incident: incident.to_owned(), description: text.to_owned() }
    }

    const SOON: Duration = Duration::from_secs(1);

    fn timing() -> MarkTiming {
        MarkTiming::default()
    }

    #[test]
    fn nothing_is_made_before_the_list_was_read_and_what_stands_there_is_not_made_again() {
        let mut book = Book::default();
        let all = [wanted("01A", "x"), wanted("01B", "y")];
        assert_eq!(book.next(&all, SOON, &timing()), Ok(Step::List));
        book.listed(vec![mark(1, "01A", "x")]);
        assert_eq!(book.next(&all, SOON, &timing()), Ok(Step::Make(all[1].clone())));
        book.forget();
        assert_eq!(book.next(&all, SOON, &timing()), Ok(Step::List), "an answer was lost");
        book.listed(vec![mark(1, "01A", "x"), mark(2, "01B", "y")]);
        assert_eq!(book.next(&all, SOON, &timing()), Err(None));
    }

    #[test]
    fn a_second_mark_of_one_incident_and_one_that_is_over_are_solved() {
        let mut book = Book::default();
        let one = [wanted("01A", "x")];
        book.listed(vec![mark(1, "01A", "x"), mark(2, "01A", "x")]);
        assert_eq!(book.next(&one, SOON, &timing()), Ok(Step::Solve(id(2))));
        book.gone(id(2));
        assert_eq!(book.next(&one, SOON, &timing()), Err(None));
        assert_eq!(book.next(&[], SOON, &timing()), Ok(Step::Solve(id(1))));
        book.gone(id(1));
        assert_eq!(book.next(&[], SOON, &timing()), Err(None));
    }

    #[test]
    fn one_of_an_earlier_process_stays_until_there_was_time_to_know_its_incident_again() {
        let mut book = Book::default();
        book.listed(vec![mark(1, "01A", "x")]);
        let recall = timing().recall;
        assert_eq!(book.next(&[], SOON, &timing()), Err(Some(recall)));
        assert_eq!(book.next(&[], recall, &timing()), Ok(Step::Solve(id(1))));
    }

    #[test]
    fn a_text_is_told_again_but_not_all_the_time() {
        let mut book = Book::default();
        book.listed(vec![mark(1, "01A", "x")]);
        let step = Step::Describe(id(1), "01A".to_owned(), "y".to_owned());
        assert_eq!(book.next(&[wanted("01A", "y")], SOON, &timing()), Ok(step));
        book.described("01A", "y".to_owned(), SOON);
        let due = SOON + timing().retell;
        assert_eq!(book.next(&[wanted("01A", "z")], SOON, &timing()), Err(Some(due)));
        assert!(matches!(book.next(&[wanted("01A", "z")], due, &timing()), Ok(Step::Describe(..))));
    }

    #[test]
    fn what_ozmap_refuses_is_left_and_others_go_on() {
        let mut book = Book::default();
        book.listed(Vec::new());
        book.refuse("01A");
        let all = [wanted("01A", "x"), wanted("01B", "y")];
        assert_eq!(book.next(&all, SOON, &timing()), Ok(Step::Make(all[1].clone())));
    }
}
