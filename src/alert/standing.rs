//! What an Alertmanager is to hold: a state that is sent again and again, not a stream of messages. Pure.
//!
//! What fires is sent with an end in the near future, so that it goes by itself when we do; what is over is sent as such for
//! five minutes. Nothing has to be kept over a restart: labels are the identity there, and what is sent again is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::gates::{Gates, Held, Occurrence};
use super::notice::{Notice, Stage, inhibited};
use crate::config::alert::Alert;
use crate::model::Timestamp;

/// How long what is over is sent as such.
const RESOLVED_FOR: Duration = Duration::from_secs(5 * 60);

/// A notice that is being sent, or may be.
#[derive(Debug, Clone)]
struct Item {
    notice: Arc<Notice>,
    seen: Timestamp,
    is_damped: bool,
    is_admitted: bool,
}

/// An alert as it is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// Of what.
    pub notice: Arc<Notice>,
    /// When it ends, or ended.
    pub ends_at: Timestamp,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Standing {
    gates: Gates,
    every: Duration,
    items: BTreeMap<Arc<str>, Item>,
    inhibited: BTreeSet<Arc<str>>,
}

impl Standing {
    /// For a channel that is sent to this often.
    #[must_use]
    pub fn new(config: &Alert, every: Duration) -> Self {
        Self { gates: Gates::new(config), every, items: BTreeMap::new(), inhibited: BTreeSet::new() }
    }

    /// Takes all notices.
    pub fn observe(&mut self, notices: &[Arc<Notice>], now: Timestamp) {
        self.inhibited = inhibited(notices);
        let seen: BTreeSet<&str> = notices.iter().map(|notice| &*notice.id).collect();
        self.items.retain(|id, item| seen.contains(&**id) || item.is_admitted);
        for (id, item) in &mut self.items {
            if !seen.contains(&**id) && item.notice.stage != Stage::Cleared {
                let notice = Notice { stage: Stage::Cleared, cleared_at: Some(now), ..(*item.notice).clone() };
                item.notice = Arc::new(notice);
            }
        }
        for notice in notices {
            if let Some(item) = self.items.get_mut(&notice.id) {
                item.notice = notice.clone();
            } else if notice.stage != Stage::Cleared {
                let occurs = self.gates.wants(notice) && !notice.test;
                let occurrence = if occurs { self.gates.note(notice, now) } else { Occurrence::Plain };
                let is_damped = occurrence == Occurrence::Damped;
                let item = Item { notice: notice.clone(), seen: now, is_damped, is_admitted: false };
                self.items.insert(notice.id.clone(), item);
            }
        }
    }

    /// Everything that is to be sent now, and when the next may come to it; `None`: when something changes.
    pub fn firing(&mut self, now: Timestamp) -> (Vec<Firing>, Option<Timestamp>) {
        let mut wake = None;
        for item in self.items.values_mut().filter(|item| !item.is_admitted) {
            if item.notice.stage == Stage::Cleared {
                continue;
            }
            let is_inhibited = self.inhibited.contains(&item.notice.id);
            match self.gates.hold_new(&item.notice, item.seen, item.is_damped, is_inhibited, now) {
                None => item.is_admitted = true,
                // Who sees to it stands in the alert itself.
                Some((Held::Acknowledged, _)) => item.is_admitted = true,
                Some((_, until)) => wake = [wake, until].into_iter().flatten().min(),
            }
        }
        self.items.retain(|_, item| {
            let over = item.notice.cleared_at.filter(|_| item.notice.stage == Stage::Cleared);
            item.is_admitted && over.is_none_or(|over| now.since(over) < RESOLVED_FOR)
                || !item.is_admitted && over.is_none()
        });
        let ends_at = now + self.every.mul_f64(3.5);
        let firing = self.items.values().filter(|item| item.is_admitted).map(|item| Firing {
            notice: item.notice.clone(),
            ends_at: item.notice.cleared_at.filter(|_| item.notice.stage == Stage::Cleared).unwrap_or(ends_at),
        });
        (firing.collect(), wake)
    }
}
