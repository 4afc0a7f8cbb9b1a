//! What stands between a plan and the queue, in this order: work on boxes, what others set, the brake. Pure.
//!
//! The pusher and `ozmap diff` pass their plans through here, so that what is listed is what would be written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::boxes::{BoxHeld, Boxes};
use super::brake::{Brake, Braked, Looks, OltAtHand};
use super::desired::Change;
use super::directory::Directory;
use super::foreign::{Contested, Foreign};
use crate::config::Ozmap;
use crate::model::{OltId, Timestamp};

/// All gates.
#[derive(Debug)]
pub struct Gates {
    /// Maintenance by box.
    pub boxes: Boxes,
    /// What others set.
    pub foreign: Foreign,
    /// Floods of ERRORs.
    pub brake: Brake,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Passed {
    /// What may be written, in the plan's order.
    pub through: Vec<Change>,
    /// What is held because somebody works on a box.
    pub boxed: Vec<BoxHeld>,
    /// What is left because others set it.
    pub contested: Vec<Contested>,
    /// What the brake holds.
    pub braked: Vec<Braked>,
}

impl Gates {
    /// Open.
    #[must_use]
    pub fn new(ozmap: &Ozmap) -> Self {
        Self {
            boxes: Boxes::default(),
            foreign: Foreign::new(ozmap.foreign, ozmap.foreign_every),
            brake: Brake::new(ozmap.brake),
        }
    }

    /// Divides a plan. `now` is the pusher's own time, `at` the same for people.
    pub fn pass(
        &mut self,
        changes: Vec<Change>,
        directory: &Directory,
        olts: &BTreeMap<OltId, OltAtHand>,
        now: Duration,
        at: Timestamp,
    ) -> Passed {
        let looks: BTreeMap<OltId, Looks> = olts.iter().map(|(olt, at_hand)| (olt.clone(), at_hand.looks)).collect();
        let (changes, boxed) = self.boxes.divide(changes, directory, &looks);
        let (changes, contested) = self.foreign.divide(changes, now, at);
        let (through, braked) = self.brake.divide(changes, olts, at);
        Passed { through, boxed, contested, braked }
    }
}
