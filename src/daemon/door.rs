//! The one door through which others ask for a look at an OLT, so that a recording has them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::model::{OltId, Timestamp};
use crate::poll::{Hint, Hints, Offered};
use crate::record::{Recorder, Rules};

/// See the module. Clones are the same door.
#[derive(Debug, Clone)]
pub(super) struct Door {
    hints: Arc<BTreeMap<OltId, Hints>>,
    recorder: Option<Recorder>,
}

impl Door {
    pub(super) fn new(hints: BTreeMap<OltId, Hints>, recorder: Option<Recorder>) -> Self {
        Self { hints: Arc::new(hints), recorder }
    }

    /// Asks for a look now, for a reason of our own or an operator's. `None` when there is no such OLT.
    pub(super) fn give(&self, olt: &OltId, hint: Hint) -> Option<()> {
        let hints = self.hints.get(olt)?;
        self.note(olt, hint.clone());
        hints.give(hint);
        Some(())
    }

    /// Asks for a look as far as the OLT's budget allows, for a reason that anybody can give. What another one that waits
    /// serves too is not noted. `None` when there is no such OLT.
    pub(super) fn offer(&self, olt: &OltId, hint: Hint) -> Option<Offered> {
        let offered = self.hints.get(olt)?.offer(hint.clone());
        if offered != Offered::Merged {
            self.note(olt, hint);
        }
        Some(offered)
    }

    /// Other rules come into force.
    pub(super) fn note_rules(&self, rules: &Rules) {
        if let Some(recorder) = &self.recorder {
            recorder.rules(Timestamp::from(SystemTime::now()), rules.clone());
        }
    }

    fn note(&self, olt: &OltId, hint: Hint) {
        if let Some(recorder) = &self.recorder {
            recorder.hint(olt, Timestamp::from(SystemTime::now()), hint);
        }
    }
}
