//! Maintenance: what is seen while somebody works decides nothing, and what is true afterwards is read anew.

use super::Judge;
use crate::config::maintenance::UnderWay;
use crate::model::{PonId, Timestamp};
use crate::signal::truth::Staleness;
use crate::signal::{Change, Reason, Transition};

impl Judge {
    /// Maintenance that is under way from now on, in place of what was before; whoever calls this keeps the calendar.
    /// While it is, verdicts hold; at its end everything that it covered is stale until it is read again, so that only what
    /// remains different is told.
    pub fn set_maintenance(&mut self, under_way: Vec<UnderWay>, now: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.advance(now);
        let now = self.now;
        let over: Vec<UnderWay> = self
            .maintenance
            .iter()
            .filter(|old| !under_way.iter().any(|new| new.pon == old.pon && new.reason == old.reason))
            .cloned()
            .collect();
        let begun: Vec<UnderWay> = under_way
            .iter()
            .filter(|new| !self.maintenance.iter().any(|old| new.pon == old.pon && new.reason == old.reason))
            .cloned()
            .collect();
        let before = std::mem::replace(&mut self.maintenance, under_way);
        for (_, held) in &mut self.onus {
            held.is_maintained = until(&self.maintenance, held.pon()).is_some();
            if !held.is_maintained && until(&before, held.pon()).is_some() {
                held.truth.go_stale(Staleness::Maintained, now);
                held.unconfirm_levels();
            }
        }
        for one in begun {
            let reason = Reason::Maintenance { until: one.until };
            told.push(self.of_olt(now, Change::MaintenanceBegun { pon: one.pon, why: one.reason }, reason));
        }
        for one in over {
            let reason = Reason::MaintenanceOver(now);
            told.push(self.of_olt(now, Change::MaintenanceOver { pon: one.pon, why: one.reason }, reason));
        }
        self.settle(&mut told);
        self.mark(told)
    }

    /// Maintenance under way.
    #[must_use]
    pub fn maintenance(&self) -> &[UnderWay] {
        &self.maintenance
    }

    /// Marks what happened under maintenance, so that nobody is woken by it.
    pub(super) fn mark(&self, mut told: Vec<Transition>) -> Vec<Transition> {
        if !self.maintenance.is_empty() {
            let of_olt = until(&self.maintenance, None).is_some();
            for transition in &mut told {
                let held = transition.onu.as_ref().and_then(|key| self.get(key));
                transition.in_maintenance = of_olt || held.is_some_and(|held| held.is_maintained);
            }
        }
        told
    }
}

/// Until when an ONU on this PON is under maintenance.
pub(super) fn until(under_way: &[UnderWay], pon: Option<PonId>) -> Option<Timestamp> {
    if under_way.is_empty() {
        return None;
    }
    let pon = pon.map(|pon| pon.to_string());
    under_way.iter().filter(|one| one.covers(pon.as_deref())).map(|one| one.until).max()
}
