//! One OLT's state: takes its sweeps in the order in which they ended, and tells what changed.

use std::collections::BTreeSet;
use std::time::Duration;

use self::doubt::{Boots, Listed};
use self::drift::CommonTracks;
use self::merge::{Pass, rows_of};
use super::held::{Held, Told};
use super::quality::{LookAgain, Tripwire};
use super::rules::{self, RuleBook};
use super::truth::{Staleness, StateRules};
use super::verdict::{Circumstances, Grounds, decide};
use super::{Change, Explained, Reason, Side, ThresholdError, Transition};
use crate::config::maintenance::UnderWay;
use crate::config::{StatusMap, ThresholdRule, Thresholds};
use crate::model::{Cause, OltId, OnuKey, PonId, Sweep, SweepKind, Timestamp, Truth};

/// How long after an OLT's reboot losses do not count: its ONUs have to range and register first.
const GRACE: Duration = Duration::from_secs(600);
/// A level older than this is `unread`: three times the slowest usual interval of optics sweeps.
const LEVEL_OLD_AFTER: Duration = Duration::from_secs(3 * 3600);
/// Intervals after which a reading is no evidence any more.
const OLD_INTERVALS: u32 = 3;
/// What a slow answer may add to them.
const SLOW_ANSWER: Duration = Duration::from_secs(10);
/// `sysUpTime` counts hundredths of a second in 32 bits, so it starts anew after 497 days.
const UPTIME_WRAP: Duration = Duration::from_millis(42_949_672_960);

/// Decides for one OLT's ONUs. Only [`SweepKind::State`] sweeps say up or down, and only [`SweepKind::Optics`] sweeps say
/// levels, so that a dwell counts readings of one column, one interval apart.
///
/// A sweep's readings have the time at which it ended. Times that go back a little are reordering and change nothing that is
/// newer; when they go back by more than `stale_after`, the clock went back and everything is stale until it is read again.
#[derive(Debug)]
pub struct Judge {
    olt: OltId,
    rules: RuleBook,
    status: StatusMap,
    stale_after: Duration,
    level_old_after: Duration,
    /// Sorted by key, each key once.
    onus: Vec<(OnuKey, Held)>,
    /// The newest time that was heard of.
    now: Timestamp,
    /// The end of the newest sweep of each kind.
    newest: [Option<Timestamp>; 3],
    /// The end of the newest complete sweep of each kind whose missing rows were counted.
    counted: [Option<Timestamp>; 3],
    /// How long its tables are, by kind of sweep.
    listed: [Listed; 3],
    no_answer: Option<Timestamp>,
    /// When the OLT's uptime was read, and what it was.
    uptime: Option<(Timestamp, Duration)>,
    boots: Boots,
    /// Until when losses do not count. Kept when it is over, for sweeps that began before.
    grace_until: Option<Timestamp>,
    /// Whether its end has still to be told.
    in_grace: bool,
    tripwire: Tripwire,
    awaiting_optics: Option<Timestamp>,
    /// What the ONUs of each PON do together.
    common: CommonTracks,
    /// Work on the network under way.
    maintenance: Vec<UnderWay>,
    /// Keys that are gone since somebody last asked what changed; `None` when nobody asks.
    gone: Option<BTreeSet<OnuKey>>,
}

impl Judge {
    /// A judge that knows nothing of its OLT yet: every ONU is stale until it is read. `stale_after` is the age of a state
    /// reading beyond which it is no evidence any more; three state intervals are a good choice.
    #[must_use]
    pub fn new(olt: OltId, thresholds: Thresholds, status: StatusMap, stale_after: Duration) -> Self {
        Self {
            olt,
            rules: RuleBook::new(thresholds),
            status,
            stale_after,
            level_old_after: LEVEL_OLD_AFTER,
            onus: Vec::new(),
            now: Timestamp::from_millis(0),
            newest: [None; 3],
            counted: [None; 3],
            listed: [Listed::default(); 3],
            no_answer: None,
            uptime: None,
            boots: Boots::default(),
            grace_until: None,
            in_grace: false,
            tripwire: Tripwire::default(),
            awaiting_optics: None,
            common: CommonTracks::default(),
            maintenance: Vec::new(),
            gone: None,
        }
    }

    /// How often to call [`Judge::tick`] when nothing else happens.
    pub const TICK: Duration = Duration::from_secs(5);

    /// A judge for an OLT that is polled at these intervals, from the beginning of its first sweep on.
    #[must_use]
    pub fn of_polled(
        olt: OltId,
        thresholds: Thresholds,
        status: StatusMap,
        state_every: Duration,
        optics_every: Duration,
        from: Timestamp,
    ) -> Self {
        let mut judge = Self::new(olt, thresholds, status, Duration::ZERO)
            // A client that is red for its level stays red after a restart until its level is read again.
            .awaiting_optics(from + optics_every * 3 / 2);
        judge.set_intervals(state_every, optics_every);
        judge
    }

    /// The intervals at which the OLT is polled from now on: they say how old a reading may be. An OLT that is too slow for
    /// its rounds of optics gets longer ones while it runs.
    pub fn set_intervals(&mut self, state_every: Duration, optics_every: Duration) {
        self.stale_after = state_every.saturating_mul(OLD_INTERVALS).saturating_add(SLOW_ANSWER);
        self.level_old_after = LEVEL_OLD_AFTER.max(optics_every.saturating_mul(OLD_INTERVALS));
    }

    /// Until then, an ONU that is up but whose level was never asked for holds, rather than being ok: after a start, what
    /// shows ERROR for its level must not turn green only because the first optics sweep has still to come.
    #[must_use]
    pub const fn awaiting_optics(mut self, until: Timestamp) -> Self {
        self.awaiting_optics = Some(until);
        self
    }

    /// The age beyond which a level is `unread`; three hours unless set. Choose at least three optics intervals.
    #[must_use]
    pub const fn with_level_old_after(mut self, level_old_after: Duration) -> Self {
        self.level_old_after = level_old_after;
        self
    }

    /// The OLT.
    #[must_use]
    pub const fn olt(&self) -> &OltId {
        &self.olt
    }

    /// What is held, by key, sorted.
    pub fn held(&self) -> impl ExactSizeIterator<Item = (&OnuKey, &Held)> {
        self.onus.iter().map(|(key, held)| (key, held))
    }

    /// What is held of one ONU.
    #[must_use]
    pub fn get(&self, key: &OnuKey) -> Option<&Held> {
        let position = self.onus.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
        self.onus.get(position).map(|(_, held)| held)
    }

    /// Since when the OLT has not answered; `None` while it does.
    #[must_use]
    pub const fn unreachable_since(&self) -> Option<Timestamp> {
        self.no_answer
    }

    /// Why the OLT's levels are not believed; `None` while they are.
    #[must_use]
    pub const fn suspect(&self) -> Option<Reason> {
        self.tripwire.suspect()
    }

    /// Levels that have to be read again before they can be judged; told once.
    pub const fn look_again(&mut self) -> Option<LookAgain> {
        self.tripwire.take_look_again()
    }

    /// Whether a loss was read that counts only when another reading says the same.
    #[must_use]
    pub fn has_unconfirmed_losses(&self) -> bool {
        self.onus.iter().any(|(_, held)| held.truth.is_unconfirmed_loss())
    }

    /// Until when losses do not count, because the OLT has just rebooted; `None` while they count.
    #[must_use]
    pub fn grace_until(&self) -> Option<Timestamp> {
        self.grace_until.filter(|_| self.in_grace)
    }

    /// Takes a sweep. One of another OLT, or older than one of its kind that was taken, changes nothing.
    pub fn observe(&mut self, sweep: &Sweep) -> Vec<Transition> {
        let mut told = Vec::new();
        if sweep.olt != self.olt {
            return told;
        }
        let at = sweep.started + sweep.elapsed;
        self.advance(at);
        let newest = slot(&mut self.newest, sweep.kind);
        if newest.is_none_or(|newest| at >= newest) {
            *newest = Some(at);
            self.take(sweep, at, &mut told);
        }
        self.settle(&mut told);
        self.mark(told)
    }

    /// The OLT gave no valid answer to a sweep that ended at `at`, retries included: all its ONUs are stale.
    pub fn no_answer(&mut self, at: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.advance(at);
        for (_, held) in &mut self.onus {
            held.truth.go_stale(Staleness::NoAnswer, at);
        }
        if self.no_answer.is_none() {
            self.no_answer = Some(at);
            told.push(self.of_olt(at, Change::Unreachable, Reason::NoAnswer(at)));
        }
        self.settle(&mut told);
        self.mark(told)
    }

    /// Lets time pass: what was not read for too long becomes stale, and the time after a reboot ends.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.advance(now);
        self.settle(&mut told);
        self.mark(told)
    }

    /// Changes the thresholds and nothing else: truths, and dwells of ONUs whose rule stays the same, go on. A level that is
    /// less bad by the new rule is so at once; one that is worse by it has its dwell to go.
    ///
    /// # Errors
    /// [`ThresholdError`] when a rule cannot be used; then nothing is changed.
    pub fn set_thresholds(
        &mut self,
        thresholds: Thresholds,
        now: Timestamp,
    ) -> Result<Vec<Transition>, ThresholdError> {
        rules::check(&thresholds)?;
        let mut new = RuleBook::new(thresholds);
        self.advance(now);
        for (_, held) in &mut self.onus {
            let rule = new.rule(&self.olt, held.pon());
            if rule != self.rules.rule(&self.olt, held.pon()) {
                held.judge_anew(&rule);
            }
        }
        self.rules = new;
        let mut told = Vec::new();
        self.settle(&mut told);
        Ok(self.mark(told))
    }

    /// Changes what clients show for each truth and level.
    pub fn set_status(&mut self, status: StatusMap, now: Timestamp) -> Vec<Transition> {
        self.status = status;
        self.tick(now)
    }

    /// An operator looked, and trusts the levels that the OLT gives now: ends a suspicion, and begins anew with them.
    pub fn trust_levels(&mut self, now: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.advance(now);
        if self.tripwire.suspect().is_some() {
            self.tripwire.trust();
            for (_, held) in &mut self.onus {
                let rule = self.rules.rule(&self.olt, held.pon());
                held.trust_level(&rule, now);
            }
            told.push(self.of_olt(now, Change::Trusted, Reason::Operator));
        }
        self.settle(&mut told);
        self.mark(told)
    }

    fn of_olt(&self, at: Timestamp, what: Change, reason: Reason) -> Transition {
        Transition { olt: self.olt.clone(), onu: None, at, what, reason, in_maintenance: false }
    }

    /// Moves our idea of now to `at`, or starts anew when the clock went back.
    fn advance(&mut self, at: Timestamp) {
        if self.now.since(at) <= self.stale_after {
            self.now = self.now.max(at);
            return;
        }
        self.now = at;
        self.newest = [None; 3];
        self.counted = [None; 3];
        self.listed = [Listed::default(); 3];
        self.uptime = None;
        self.boots.clock_back();
        self.awaiting_optics = None;
        self.no_answer = self.no_answer.map(|since| since.min(at));
        self.grace_until = self.grace_until.filter(|_| self.in_grace).map(|until| until.min(at + GRACE));
        self.tripwire.clock_back();
        for (_, held) in &mut self.onus {
            held.truth.clock_back(at);
            held.level.clock_back(at);
            held.olt_level.clock_back(at);
            held.flap.clock_back(at);
        }
    }

    fn take(&mut self, sweep: &Sweep, at: Timestamp, told: &mut Vec<Transition>) {
        let says_something = sweep.completeness.is_complete()
            || sweep.uptime.is_some()
            || !sweep.onus.is_empty()
            || !sweep.pons.is_empty();
        if says_something && self.no_answer.take().is_some() {
            told.push(self.of_olt(at, Change::Answering, Reason::AnswersAgain));
        }
        self.note_reboot(sweep, at, told);
        let rows = rows_of(sweep);
        let believed = sweep.kind == SweepKind::Optics && self.check_levels(&rows, sweep, at, told);
        let olt_side_believed = believed && self.olt_side_is_sane(&rows);
        let in_grace = self.grace_until.is_some_and(|until| sweep.started < until);
        let complete = sweep.completeness.is_complete() && !self.has_shrunk(sweep, rows.len(), at, told);
        let counted = slot(&mut self.counted, sweep.kind);
        let is_new = counted.is_none_or(|counted| at > counted);
        if complete && is_new {
            *counted = Some(at);
        }
        // An empty table is what an agent shows whose tables are not filled yet; and one sweep is one absence.
        // One of a part of the OLT comes beside the schedule, when somebody asked to look again.
        let absences_count = complete && is_new && !in_grace && !rows.is_empty() && sweep.scope.is_whole();
        let state = StateRules { in_grace, ..self.state_rules() };
        // Out of the judge for the time of the pass, which changes the rest of it.
        let maintenance = std::mem::take(&mut self.maintenance);
        let pass = Pass {
            kind: sweep.kind,
            at,
            complete,
            scope: &sweep.scope,
            absences_count,
            believed,
            olt_side_believed,
            level_old_after: self.level_old_after,
            state,
            maintenance: &maintenance,
        };
        self.merge(&rows, &pass, told);
        if believed {
            self.feed_baselines(&rows, &pass, told);
        }
        self.maintenance = maintenance;
        if sweep.kind == SweepKind::State {
            self.explain_missing_levels(at, told);
        }
    }

    fn state_rules(&self) -> StateRules {
        StateRules {
            down_after: self.rules.down_after(),
            stale_after: self.stale_after,
            in_grace: self.grace_until.is_some_and(|until| self.now < until),
        }
    }

    /// Ages everything to now, and tells each difference between what is held and what was told.
    fn settle(&mut self, told: &mut Vec<Transition>) {
        let now = self.now;
        if self.in_grace && self.grace_until.is_some_and(|until| now >= until) {
            self.in_grace = false;
            told.push(self.of_olt(now, Change::Settled, Reason::GraceOver));
        }
        let state = self.state_rules();
        let Self { olt, rules, status, onus, tripwire, awaiting_optics, level_old_after, maintenance: works, .. } =
            self;
        let around = Circumstances {
            status,
            suspect: tripwire.suspect(),
            awaiting_optics: awaiting_optics.is_some_and(|until| now < until),
            unknown_after: rules.unknown_after(),
        };
        let flap = rules.flap();
        // Neighbours mostly hang on one PON.
        let mut last: Option<(Option<PonId>, ThresholdRule, Option<Timestamp>)> = None;
        for (key, held) in onus.iter_mut() {
            held.age(now, &state, *level_old_after);
            let (rule, maintained_until) = match last {
                Some((pon, rule, until)) if pon == held.pon() => (rule, until),
                _ => (rules.rule(olt, held.pon()), maintenance::until(works, held.pon())),
            };
            last = Some((held.pon(), rule, maintained_until));
            let became_quiet = held.flap.pass(&flap, now);
            let began_to_flap = matches!(held.truth.truth(), Truth::Down(cause) if cause != Cause::Admin)
                && held.told.truth == Truth::Up
                && !held.is_maintained
                && held.flap.lose(&flap, held.truth.since());
            if held.explained == Some(Explained::Cut) && !state.in_grace {
                held.truth.confirm();
            }
            let truth_reason = held.truth.reason(&state);
            let level_reason = held.level.reason(Side::Onu, &rule, held.rx());
            let olt_rule = rule.on_olt_side().unwrap_or(rule);
            let olt_level_reason = held.olt_level.reason(Side::Olt, &olt_rule, held.olt_answer());
            let damped = match maintained_until.filter(|_| held.is_maintained) {
                Some(until) => Some(Reason::Maintenance { until }),
                None => held.flap.is_suppressed().then(|| held.flap.reason(&flap, now)),
            };
            let (verdict, reason) = decide(
                &around,
                damped,
                held.explained,
                Grounds { track: &held.truth, reason: truth_reason },
                Grounds { track: &held.level, reason: level_reason },
                Grounds { track: &held.olt_level, reason: olt_level_reason },
            );
            held.set_reason(reason);
            let new = Told {
                truth: held.truth.truth(),
                level: held.level.shown(),
                olt_level: held.olt_level.shown(),
                verdict,
            };
            let old = std::mem::replace(&mut held.told, new);
            let flaps = began_to_flap || became_quiet;
            if old == new && !flaps {
                continue;
            }
            held.is_changed = true;
            let flap_reason = flaps.then(|| held.flap.reason(&flap, now));
            let mut tell = |what, reason| {
                told.push(Transition {
                    olt: olt.clone(),
                    onu: Some(key.clone()),
                    at: now,
                    what,
                    reason,
                    in_maintenance: false,
                });
            };
            if old.truth != new.truth {
                tell(Change::TruthChanged { from: old.truth, to: new.truth }, truth_reason);
            }
            if old.level != new.level {
                tell(Change::LevelChanged { from: old.level, to: new.level }, level_reason);
            }
            if old.olt_level != new.olt_level {
                tell(Change::OltLevelChanged { from: old.olt_level, to: new.olt_level }, olt_level_reason);
            }
            if let Some(reason) = flap_reason {
                tell(if began_to_flap { Change::Flapping } else { Change::Settled }, reason);
            }
            if old.verdict != new.verdict {
                tell(Change::VerdictChanged { from: old.verdict, to: new.verdict }, reason);
            }
        }
    }
}

/// The place of a kind of sweep in an array by kind.
const fn slot<T>(by_kind: &mut [T; 3], kind: SweepKind) -> &mut T {
    let [inventory, state, optics] = by_kind;
    match kind {
        SweepKind::Inventory => inventory,
        SweepKind::State => state,
        SweepKind::Optics => optics,
    }
}

mod doubt;
mod drift;
mod explain;
mod maintenance;
mod merge;
mod recall;

pub use recall::Recalled;

#[cfg(test)]
use crate::model::Unread;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
