//! Counts of ONUs, made once for each report of an OLT: every screen of a NOC asks for the same ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::super::tally::OltTally;
use crate::daemon::OltReport;
use crate::model::OltId;

/// A report's counts. A report that is over is not kept alive by them.
#[derive(Debug)]
struct Counted {
    of: Weak<OltReport>,
    tally: Arc<OltTally>,
}

/// The newest counts of each OLT.
#[derive(Debug, Default)]
pub(super) struct Tallies(Mutex<HashMap<OltId, Counted>>);

impl Tallies {
    /// The counts of a report.
    pub(super) fn of(&self, report: &Arc<OltReport>) -> Arc<OltTally> {
        if let Some(counted) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&report.olt)
            && std::ptr::eq(counted.of.as_ptr(), Arc::as_ptr(report))
        {
            return Arc::clone(&counted.tally);
        }
        // Counted without the lock: two pages may count the same, but none waits for another's.
        let tally = Arc::new(OltTally::of(report));
        let kept = Counted { of: Arc::downgrade(report), tally: Arc::clone(&tally) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(report.olt.clone(), kept);
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing;
    use super::*;

    #[test]
    fn a_report_is_counted_once_and_a_new_one_anew() {
        let tallies = Tallies::default();
        let town = Arc::new(testing::town());
        let first = tallies.of(&town);
        assert_eq!(first.whole.total, 6);
        assert!(Arc::ptr_eq(&first, &tallies.of(&town)));
        let smaller = Arc::new(testing::olt("olt-centro", &[testing::up(1, -20.0)]));
        assert_eq!(tallies.of(&smaller).whole.total, 1);
        let weak = Arc::downgrade(&smaller);
        drop(smaller);
        assert!(weak.upgrade().is_none(), "nothing old is kept");
    }
}
