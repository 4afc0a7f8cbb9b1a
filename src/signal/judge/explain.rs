//! Incidents: what many losses have in common says more of each than the OLT does.

use super::Judge;
use crate::model::{OnuKey, Timestamp};
use crate::signal::{Explained, Transition};

impl Judge {
    /// What confirmed incidents say of losses from now on, in place of what they said before; sorted by key. The losses of a
    /// cut count at once, and what is lost in a power outage is taken for lost power. It says nothing of an ONU that is up.
    pub fn explain(&mut self, explained: &[(OnuKey, Explained)], now: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.advance(now);
        let mut named = explained.iter().peekable();
        for (key, held) in &mut self.onus {
            while named.next_if(|(one, _)| one < key).is_some() {}
            held.explained = named.next_if(|(one, _)| one == key).map(|(_, what)| *what);
        }
        self.settle(&mut told);
        self.mark(told)
    }
}
