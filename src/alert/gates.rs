//! What keeps a notice from a channel: filters, size, age, quiet hours, silence, an incident above it, and damping of what
//! comes and goes. Pure: times are arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use super::notice::{Notice, Stage};
use crate::config::alert::{Alert, AlertFilter, QuietHours};
use crate::config::maintenance::Span;
use crate::model::Timestamp;

/// Damping (`domain.md` 1.6 h): what an occurrence costs, in what time points halve, from how many on nothing is told,
/// and down to how many.
const COST: f64 = 1000.0;
const HALF_LIFE: Duration = Duration::from_secs(15 * 60);
const SUPPRESS: f64 = 2500.0;
const REUSE: f64 = 1000.0;

/// Places that are remembered; beyond it the calmest is forgotten.
const MOST_PLACES: usize = 10_000;

/// Why a notice is not told at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// The channel does not want it.
    Filtered,
    /// Too few clients.
    Small,
    /// It may be over soon.
    Young,
    /// Quiet hours.
    Quiet,
    /// Maintenance.
    Maintenance,
    /// A person shelved it.
    Shelved,
    /// The incident that it belongs to is told.
    Inhibited,
    /// Its place comes and goes.
    Flapping,
    /// Somebody sees to it already.
    Acknowledged,
    /// It was told a moment ago, or often enough.
    Spaced,
}

impl Held {
    /// Every one with its word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("filtered", Self::Filtered),
        ("small", Self::Small),
        ("young", Self::Young),
        ("quiet", Self::Quiet),
        ("maintenance", Self::Maintenance),
        ("shelved", Self::Shelved),
        ("inhibited", Self::Inhibited),
        ("flapping", Self::Flapping),
        ("acknowledged", Self::Acknowledged),
        ("spaced", Self::Spaced),
    ];
}

/// Why not now, and when to ask again; `None` is when something changes.
pub type Hold = (Held, Option<Timestamp>);

/// How a place behaves.
#[derive(Debug, Clone, Copy)]
struct Habit {
    points: f64,
    at: Timestamp,
    is_suppressed: bool,
}

impl Habit {
    fn points_at(&self, now: Timestamp) -> f64 {
        self.points * 0.5_f64.powf(now.since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64())
    }

    /// When it is calm again.
    fn calm_at(&self) -> Timestamp {
        let halves = (self.points / REUSE).log2().max(0.0);
        self.at + HALF_LIFE.mul_f64(halves) + Duration::from_secs(1)
    }
}

/// What came of one more occurrence at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurrence {
    /// Nothing special.
    Plain,
    /// The one at which it is said that the place comes and goes.
    Last,
    /// Not told before the place is calm.
    Damped,
}

/// The gates of one channel.
#[derive(Debug, Clone)]
pub(super) struct Gates {
    filter: AlertFilter,
    min_clients: u32,
    after: Duration,
    quiet: Option<QuietHours>,
    habits: BTreeMap<String, Habit>,
}

impl Gates {
    pub(super) fn new(config: &Alert) -> Self {
        Self {
            filter: config.filter.clone(),
            min_clients: config.min_clients,
            after: config.after,
            quiet: config.quiet,
            habits: BTreeMap::new(),
        }
    }

    /// Whether the channel wants it at all.
    pub(super) fn wants(&self, notice: &Notice) -> bool {
        let any = |patterns: &[crate::config::Pattern], texts: &[String]| {
            patterns.is_empty() || texts.iter().any(|text| patterns.iter().any(|pattern| pattern.fits(text)))
        };
        let filter = &self.filter;
        notice.test
            || filter.kinds.contains(&notice.kind)
                && notice.severity >= filter.severity
                && any(&filter.olts, &notice.olts)
                && any(&filter.regions, &notice.regions)
                && any(&filter.tags, &notice.tags)
    }

    /// Notes that it began; to be called once for each notice that the channel wants.
    pub(super) fn note(&mut self, notice: &Notice, now: Timestamp) -> Occurrence {
        let place = notice.recurrence();
        let habit = self.habits.entry(place).or_insert(Habit { points: 0.0, at: now, is_suppressed: false });
        let before = habit.points_at(now);
        if before <= REUSE {
            habit.is_suppressed = false;
        }
        *habit = Habit { points: before + COST, at: now, ..*habit };
        let occurrence = match (habit.is_suppressed, habit.points > SUPPRESS) {
            (true, _) => Occurrence::Damped,
            (false, true) => Occurrence::Last,
            (false, false) => Occurrence::Plain,
        };
        habit.is_suppressed |= occurrence == Occurrence::Last;
        self.forget(now);
        occurrence
    }

    fn forget(&mut self, now: Timestamp) {
        if self.habits.len() <= MOST_PLACES {
            return;
        }
        let calmest =
            self.habits.iter().min_by(|(_, one), (_, other)| one.points_at(now).total_cmp(&other.points_at(now)));
        if let Some(place) = calmest.map(|(place, _)| place.clone()) {
            self.habits.remove(&place);
        }
    }

    /// What keeps a notice from being told for the first time.
    pub(super) fn hold_new(
        &self,
        notice: &Notice,
        seen: Timestamp,
        is_damped: bool,
        is_inhibited: bool,
        now: Timestamp,
    ) -> Option<Hold> {
        if !self.wants(notice) {
            return Some((Held::Filtered, None));
        }
        if notice.test {
            return None;
        }
        if notice.is_of_losses() && notice.lost < self.min_clients {
            return Some((Held::Small, None));
        }
        if notice.ack.is_some() {
            return Some((Held::Acknowledged, None));
        }
        if is_inhibited {
            return Some((Held::Inhibited, None));
        }
        if let Some(hold) = self.hold_any(notice, now) {
            return Some(hold);
        }
        // Its beginning may have been before we looked, and its end is not more likely for that.
        let ripe = notice.opened_at.min(seen) + self.after;
        if now < ripe {
            return Some((Held::Young, Some(ripe)));
        }
        let habit = self.habits.get(&notice.recurrence()).filter(|_| is_damped)?;
        (habit.points_at(now) > REUSE).then(|| (Held::Flapping, Some(habit.calm_at())))
    }

    /// What keeps anything of it from being told.
    pub(super) fn hold_any(&self, notice: &Notice, now: Timestamp) -> Option<Hold> {
        // What is over is told even so: whoever was told that it began waits for it.
        if let Some(silence) = notice.silence.as_ref().filter(|_| notice.stage != Stage::Cleared) {
            return Some((if silence.shelved { Held::Shelved } else { Held::Maintenance }, None));
        }
        let quiet = self.quiet.as_ref().filter(|quiet| notice.severity < quiet.severity)?;
        let until = Span::Weekly(quiet.when).end_at(now)?;
        Some((Held::Quiet, Some(until)))
    }
}
