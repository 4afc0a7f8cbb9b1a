//! The pusher's plans: what has to change, past the gates into the queue, and what is said of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Before, PLANNING_PAUSE, Task, now_utc};
use crate::config::OzmapMode;
use crate::model::OltId;
use crate::ozmap::brake::{OltAtHand, at_hand};
use crate::ozmap::desired::{Change, OltWishes, PowerChange, agreeing, candidates, plan, plan_powers};
use crate::ozmap::directory::Directory;
use crate::ozmap::foreign::{self, Flip};
use crate::ozmap::gates::Passed;
use crate::ozmap::ids::{ClientId, Status};
use crate::ozmap::matching::match_onus;
use crate::ozmap::pushed::PushOutcome;
use crate::ozmap::snapshot::{LISTED, MatchView};

/// What comes of a plan.
struct Planned {
    changes: Vec<Change>,
    powers: Vec<PowerChange>,
    matching: MatchView,
    at_hand: BTreeMap<OltId, OltAtHand>,
    flips: Vec<Flip>,
    agreeing: Vec<ClientId>,
}

impl Before {
    fn compare(&self, now: &Directory) -> Vec<Flip> {
        let mut flips = foreign::flips(now, self.directory.as_deref(), &self.written, &self.recalled, &self.unsure);
        if let Some(only) = &self.only {
            flips.retain(|flip| only.contains(&flip.client));
        }
        flips
    }
}

impl Task {
    pub(super) async fn replan_when_due(&mut self) {
        let Some(directory) = self.directory.clone() else { return };
        self.dirty |= self.next_contest.is_some_and(|at| at <= self.now());
        if !self.dirty || self.now() < self.next_plan {
            return;
        }
        self.dirty = false;
        self.next_contest = None;
        let olts: Vec<Arc<OltWishes>> = self.olts.values().cloned().collect();
        let (shown, config) = (self.shown.clone(), self.config.clone());
        let write_power = config.write_power;
        let (dead_band, before) = (self.config.power_dead_band, self.before.take());
        let mut standing = self.gates.foreign.standing();
        let known = directory.clone();
        let began = self.now();
        // Large fleets take long enough to hold up other tasks of this thread.
        let planned = tokio::task::spawn_blocking(move || {
            let onus = candidates(&olts);
            let matches = match_onus(&onus, &directory, (&config).into());
            let flips = before.map_or_else(Vec::new, |before| before.compare(&directory));
            standing.extend(flips.iter().map(|flip| flip.client));
            let agreeing = agreeing(&standing, &onus, &matches, &directory, &shown);
            Planned {
                changes: plan(&onus, &matches, &directory, &shown),
                powers: match write_power {
                    true => plan_powers(&onus, &matches, &directory, &shown, dead_band),
                    false => Vec::new(),
                },
                matching: MatchView::new(&onus, &matches, &directory, LISTED),
                at_hand: at_hand(&olts, &onus, &matches),
                flips,
                agreeing,
            }
        })
        .await;
        let took = self.now().saturating_sub(began);
        self.next_plan = self.now() + took * PLANNING_PAUSE;
        match planned {
            Ok(Planned { changes, powers, matching, at_hand, flips, agreeing }) => {
                self.matching = matching;
                // By what was kept of before the start nothing is decided: it is shown, and that is all.
                if known.is_kept() {
                    return;
                }
                let (now, at) = (self.now(), now_utc());
                self.gates.foreign.noticed(&flips, at);
                self.gates.foreign.agreed(&agreeing, now);
                self.unnamed = self.gates.boxes.unnamed(&changes, &known);
                let mut passed = self.gates.pass(changes, &known, &at_hand, now, at);
                let changes = std::mem::take(&mut passed.through);
                let due = passed.contested.iter().filter_map(|one| one.again_at).min();
                self.next_contest = due.map(|due| now + due.since(at));
                self.tell(passed, &flips);
                self.announce(&changes);
                self.queue.replace(changes, powers);
            }
            Err(error) => tracing::error!(%error, "planning ended in an unexpected way"),
        }
    }

    /// Says what others changed, once; and for each OLT that its ERRORs are held, and that they are no longer.
    fn tell(&mut self, passed: Passed, flips: &[Flip]) {
        if !flips.is_empty() {
            tracing::warn!(
                clients = flips.len(),
                left = passed.contested.len(),
                policy = self.config.foreign.word(),
                "somebody else changed statuses in OZmap"
            );
            for flip in flips {
                tracing::debug!(client = %flip.client, shows = flip.shows.map(Status::word), "changed by others");
            }
        }
        let (old, braked) = (&self.passed.braked, &passed.braked);
        for one in braked {
            if !old.iter().any(|before| before.olt == one.olt) {
                tracing::warn!(olt = %one.olt, clients = one.clients, of = one.of,
                    "many clients would turn to ERROR at once: they are held until a second sweep says the same");
            }
        }
        for before in old {
            if !braked.iter().any(|one| one.olt == before.olt) {
                tracing::warn!(olt = %before.olt, "the brake is released");
            }
        }
        self.passed = passed;
    }

    /// Says what is new in a plan, once.
    fn announce(&mut self, changes: &[Change]) {
        let new: Vec<&Change> =
            changes.iter().filter(|change| self.announced.get(&change.client) != Some(&change.to)).collect();
        if !new.is_empty() {
            let errors = new.iter().filter(|change| change.to == Status::Error).count();
            let oks = new.len() - errors;
            if self.config.mode == OzmapMode::DryRun {
                self.written.would_write += u64::try_from(new.len()).unwrap_or(u64::MAX);
                tracing::info!(errors, oks, "dry run: statuses would be written");
                for change in &new {
                    self.say(PushOutcome::WouldWrite, change);
                }
            } else {
                tracing::info!(errors, oks, "statuses are to be written");
            }
            for change in new {
                tracing::debug!(client = %change.client, code = change.code.as_deref(), onu = %change.onu,
                    to = %change.to, reason = %change.reason, "planned");
            }
        }
        self.announced = changes.iter().map(|change| (change.client, change.to)).collect();
    }
}
