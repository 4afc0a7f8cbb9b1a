//! Brings a sweep's rows to what is held: who appeared, moved, was replaced, or is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Judge;
use super::maintenance::until;
use crate::config::maintenance::UnderWay;
use crate::model::{Field, OltId, OnuKey, PonId, Reading, Sweep, SweepKind, SweepScope, Timestamp, Unread};
use crate::signal::held::{Held, Sighting};
use crate::signal::rules::RuleBook;
use crate::signal::truth::{Doubt, StateRules};
use crate::signal::{Change, Identity, Reason, Transition};

/// ONUs held of one OLT; the largest chassis have under a tenth of it. What an agent lists beyond it is not held.
pub(super) const MAX_ONUS: usize = 131_072;

/// One ONU of a sweep.
pub(super) struct Row<'a> {
    pub(super) reading: &'a Reading,
    /// Whether the sweep lists its key more than once: then it says nothing but that the key is there.
    pub(super) twice: bool,
}

/// What is the same for all rows of a sweep.
pub(super) struct Pass<'a> {
    pub(super) kind: SweepKind,
    pub(super) at: Timestamp,
    pub(super) complete: bool,
    /// Which ONUs it could have listed.
    pub(super) scope: &'a SweepScope,
    /// Whether a row that is missing counts towards its ONU being gone.
    pub(super) absences_count: bool,
    /// Whether levels may be judged.
    pub(super) believed: bool,
    /// Whether those that the OLT receives may be judged too.
    pub(super) olt_side_believed: bool,
    pub(super) level_old_after: Duration,
    pub(super) state: StateRules,
    /// Work on the network under way.
    pub(super) maintenance: &'a [UnderWay],
}

impl Pass<'_> {
    /// Whether somebody works on this PON.
    fn is_maintained(&self, pon: Option<PonId>) -> bool {
        until(self.maintenance, pon).is_some()
    }
}

/// The sweep's rows, sorted by key, each key once. Sweeps are sorted already, but nothing here breaks when one is not.
pub(super) fn rows_of(sweep: &Sweep) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = sweep.onus.iter().map(|reading| Row { reading, twice: false }).collect();
    if !rows.is_sorted_by(|a, b| a.reading.key < b.reading.key) {
        rows.sort_by(|a, b| a.reading.key.cmp(&b.reading.key));
        rows.dedup_by(|later, first| {
            let same = later.reading.key == first.reading.key;
            first.twice |= same;
            same
        });
    }
    rows
}

/// A missing row or column of a partial sweep may only not have been reached: that is silence, not an answer.
pub(super) fn heard<T>(field: Field<T>, complete: bool) -> Field<T> {
    match field {
        Err(Unread::NoRow | Unread::NoSuchColumn) if !complete => Err(Unread::NoAnswer),
        other => other,
    }
}

/// A sweep on its way into what is held.
struct Merge<'a> {
    pass: &'a Pass<'a>,
    olt: &'a OltId,
    rules: &'a mut RuleBook,
    told: &'a mut Vec<Transition>,
    /// ONUs that were not held.
    fresh: Vec<(OnuKey, Held)>,
    /// How many of them there is room for.
    room: usize,
    /// Keys whose device became known.
    learned: Vec<OnuKey>,
}

impl Merge<'_> {
    fn tell(&mut self, key: &OnuKey, what: Change) {
        self.told.push(Transition {
            olt: self.olt.clone(),
            onu: Some(key.clone()),
            at: self.pass.at,
            what,
            reason: Reason::Listed(self.pass.kind),
            in_maintenance: false,
        });
    }

    fn add(&mut self, row: &Row<'_>) {
        if self.fresh.len() >= self.room {
            return;
        }
        let key = row.reading.key.clone();
        let mut held = Held::new(self.pass.at);
        held.is_maintained = self.pass.is_maintained(row.reading.pon);
        self.tell(&key, Change::Appeared);
        self.take(&key, &mut held, row);
        self.fresh.push((key, held));
    }

    fn take(&mut self, key: &OnuKey, held: &mut Held, row: &Row<'_>) {
        let (pass, reading) = (self.pass, row.reading);
        // What is too old must not meet what is new, whether or not a tick came between.
        held.age(pass.at, &pass.state, pass.level_old_after);
        held.note_listed(pass.kind);
        if row.twice {
            held.truth.doubt_it(Doubt::ListedTwice);
            return;
        }
        match held.sight(reading, pass.at) {
            Sighting::Same => {}
            Sighting::Learned => self.learned.push(key.clone()),
            Sighting::Moved { from, to } => {
                held.is_maintained = pass.is_maintained(Some(to));
                self.tell(key, Change::Moved { from_key: None, from: Some(from), to: Some(to) });
            }
            Sighting::Replaced { from, to } => {
                self.learned.push(key.clone());
                self.tell(key, Change::Replaced { from, to });
            }
        }
        held.take_measures(reading);
        match pass.kind {
            SweepKind::Inventory => {}
            SweepKind::State => {
                held.take_state(heard(reading.state, pass.complete), reading.cause, pass.at, &pass.state);
            }
            SweepKind::Optics => {
                let rule = self.rules.rule(self.olt, held.pon());
                held.take_level(heard(reading.rx, pass.complete), pass.at, &rule, pass.believed);
                if pass.believed && pass.olt_side_believed {
                    held.take_olt_level(heard(reading.olt_rx, pass.complete), pass.at, &rule);
                }
            }
        }
    }
}

impl Judge {
    /// Walks what is held and what was listed in lock-step, both sorted by key.
    pub(super) fn merge(&mut self, rows: &[Row<'_>], pass: &Pass<'_>, told: &mut Vec<Transition>) {
        let room = MAX_ONUS.saturating_sub(self.onus.len());
        let mut merge =
            Merge { pass, olt: &self.olt, rules: &mut self.rules, told, fresh: Vec::new(), room, learned: Vec::new() };
        let mut rows = rows.iter().peekable();
        for (key, held) in &mut self.onus {
            while let Some(row) = rows.next_if(|row| row.reading.key < *key) {
                merge.add(row);
            }
            match rows.next_if(|row| row.reading.key == *key) {
                Some(row) => merge.take(key, held, row),
                None if pass.complete && pass.scope.covers(held.pon()) => {
                    held.note_absence(pass.kind, pass.absences_count)
                }
                None => {}
            }
        }
        for row in rows {
            merge.add(row);
        }
        let Merge { mut fresh, learned, .. } = merge;
        if !fresh.is_empty() {
            self.onus.reserve_exact(fresh.len());
            self.onus.append(&mut fresh);
            self.onus.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        if !learned.is_empty() {
            self.follow_moves(&learned, pass, told);
        }
        if pass.absences_count {
            self.drop_gone(pass.at, told);
        }
    }

    /// A device that became known under one key, and is missing under another, moved: what was held under the old key is
    /// dropped.
    fn follow_moves(&mut self, learned: &[OnuKey], pass: &Pass<'_>, told: &mut Vec<Transition>) {
        let mut missing: BTreeMap<Identity, (OnuKey, Option<PonId>)> = self
            .onus
            .iter()
            .filter(|(_, held)| held.presence.missing() > 0)
            .filter_map(|(key, held)| Some((held.identity()?, (key.clone(), held.pon()))))
            .collect();
        if missing.is_empty() {
            return;
        }
        for key in learned {
            let Some(held) = self.get(key) else { continue };
            let Some((from_key, from)) = held.identity().and_then(|identity| missing.remove(&identity)) else {
                continue;
            };
            told.push(Transition {
                olt: self.olt.clone(),
                onu: Some(key.clone()),
                at: pass.at,
                what: Change::Moved { from_key: Some(from_key.clone()), from, to: held.pon() },
                reason: Reason::Listed(pass.kind),
                in_maintenance: false,
            });
            if let Ok(position) = self.onus.binary_search_by(|(held, _)| held.cmp(&from_key)) {
                self.onus.remove(position);
                if let Some(gone) = &mut self.gone {
                    gone.insert(from_key);
                }
            }
        }
    }

    /// Drops what complete sweeps no longer list.
    fn drop_gone(&mut self, at: Timestamp, told: &mut Vec<Transition>) {
        let Self { olt, onus, gone: forgotten, .. } = self;
        onus.retain(|(key, held)| {
            let gone = held.presence.is_gone();
            if gone {
                if let Some(forgotten) = forgotten {
                    forgotten.insert(key.clone());
                }
                told.push(Transition {
                    olt: olt.clone(),
                    onu: Some(key.clone()),
                    at,
                    what: Change::Gone,
                    reason: Reason::Absent(u32::from(held.presence.missing())),
                    in_maintenance: false,
                });
            }
            !gone
        });
        if self.onus.len() < self.onus.capacity() / 2 {
            self.onus.shrink_to_fit();
        }
    }
}
