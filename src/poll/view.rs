//! The newest known values of an OLT, merged from its sweeps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::readings::Readings;
use crate::model::{
    Completeness, Field, Gap, OnuKey, OnuState, PonId, PonReading, Reading, Sweep, SweepKind, Timestamp, Unread,
};

/// A table that suddenly holds less than this share of its rows is not believed until a second walk says the same
/// (`domain.md` 1.6).
const BELIEVED_SHARE: f64 = 0.9;

/// Gaps of a round that are kept apart.
const MOST_GAPS: usize = 64;

/// How a sweep of the whole OLT went; of optics, a round of slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepSummary {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How long it took, pauses between slices left out.
    pub elapsed: Duration,
    /// Whether anything is missing.
    pub completeness: Completeness,
    /// Requests that were sent for it.
    pub pdus: u64,
}

impl SweepSummary {
    /// Of one sweep.
    #[must_use]
    pub fn of(sweep: &Sweep) -> Self {
        Self {
            started: sweep.started,
            ended: sweep.started + sweep.elapsed,
            elapsed: sweep.elapsed,
            completeness: sweep.completeness.clone(),
            pdus: sweep.pdus,
        }
    }

    /// Adds the next slice. A gap that several slices have is named once.
    pub(super) fn add(&mut self, slice: &Sweep) {
        self.ended = slice.started + slice.elapsed;
        self.elapsed += slice.elapsed;
        self.pdus += slice.pdus;
        if let Completeness::Partial(more) = &slice.completeness {
            let mut gaps = match &self.completeness {
                Completeness::Complete => Vec::new(),
                Completeness::Partial(gaps) => gaps.clone(),
            };
            for gap in more {
                if !gaps.contains(gap) && gaps.len() < MOST_GAPS {
                    gaps.push(gap.clone());
                }
            }
            self.completeness = Completeness::Partial(gaps);
        }
    }
}

/// The newest known values of one OLT. A clone shares the readings, so snapshots are cheap.
#[derive(Debug, Clone, Default)]
pub struct View {
    onus: Readings,
    pons: BTreeMap<PonId, PonReading>,
    sweeps: BTreeMap<SweepKind, SweepSummary>,
    /// Rows of the last sweep of a kind that was too short to be believed at once.
    short: BTreeMap<SweepKind, usize>,
}

impl View {
    /// ONUs by key.
    pub fn onus(&self) -> impl Iterator<Item = &Reading> {
        self.onus.iter()
    }

    /// The newest known values of one ONU.
    #[must_use]
    pub fn onu(&self, key: &OnuKey) -> Option<&Reading> {
        self.onus.get(self.onus.place_of(key, 0)?)
    }

    /// The place of each of a sweep's ONUs; `None` for those that are not known.
    fn places_of<'s>(&self, sweep: &'s Sweep) -> impl Iterator<Item = (&'s Reading, Option<usize>)> {
        let mut expected = 0;
        sweep.onus.iter().map(move |reading| {
            let place = self.onus.place_of(&reading.key, expected);
            expected = place.map_or(expected, |place| place + 1);
            (reading, place)
        })
    }

    /// How many ONUs are known.
    #[must_use]
    pub fn onu_count(&self) -> usize {
        self.onus.len()
    }

    /// PON ports, sorted.
    pub fn pons(&self) -> impl Iterator<Item = &PonReading> {
        self.pons.values()
    }

    /// How the last sweep of this kind went.
    #[must_use]
    pub fn last(&self, kind: SweepKind) -> Option<&SweepSummary> {
        self.sweeps.get(&kind)
    }

    /// Whether a sweep holds ONUs that no inventory sweep has read yet.
    #[must_use]
    pub fn has_strangers(&self, sweep: &Sweep) -> bool {
        self.sweeps.contains_key(&SweepKind::Inventory) && self.places_of(sweep).any(|(_, place)| place.is_none())
    }

    /// Labels a sweep partial that ended normally but returned far fewer ONUs than are known, unless the sweep before
    /// it said the same. Optics say nothing about who is there, since only ONUs that are up are asked.
    pub fn doubt(&mut self, sweep: &mut Sweep) {
        if sweep.kind == SweepKind::Optics || !sweep.completeness.is_complete() {
            return;
        }
        let known = self.onus.iter().filter(|held| sweep.scope.covers(held.pon)).count();
        let found = sweep.onus.len();
        // Row counts are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let short = (found as f64) < (known as f64) * BELIEVED_SHARE;
        // A device whose state columns never gave a row has none, which is not a table that shrank.
        let stateless = sweep.kind == SweepKind::State && found == 0 && self.onus.iter().all(never_read);
        if !short || stateless {
            if sweep.scope.is_whole() {
                self.short.remove(&sweep.kind);
            }
            return;
        }
        // A part of the OLT that is short waits for the next sweep of the whole.
        let before = if sweep.scope.is_whole() { self.short.insert(sweep.kind, found) } else { None };
        // A table without any row beside ONUs that are known is the mark of a wrong profile or a dead card, not of
        // everyone's leaving, however often it is seen.
        let confirmed = found > 0 && before.is_some_and(|before| before.abs_diff(found) * 20 <= before.max(found));
        if !confirmed {
            sweep.completeness = Completeness::Partial(vec![Gap {
                what: sweep.kind.word().into(),
                why: format!("{found} ONUs where {known} are known: not believed until a second sweep says the same")
                    .into(),
            }]);
        }
    }

    /// Takes over what a sweep read. What a partial sweep did not read stays as it was.
    pub fn merge(&mut self, sweep: &Sweep) {
        let complete = sweep.completeness.is_complete();
        let mut is_read = vec![false; self.onus.len()];
        let mut fresh: BTreeMap<&OnuKey, Reading> = BTreeMap::new();
        let places: Vec<Option<usize>> = self.places_of(sweep).map(|(_, place)| place).collect();
        for (new, place) in sweep.onus.iter().zip(places) {
            if let Some(place) = place {
                self.onus.change(place, |held| merge_reading(held, new, sweep.kind));
                if let Some(is_read) = is_read.get_mut(place) {
                    *is_read = true;
                }
            } else {
                let held = fresh.entry(&new.key).or_insert_with(|| Reading { pon: None, onu: None, ..new.clone() });
                merge_reading(held, new, sweep.kind);
            }
        }
        if complete {
            self.miss(sweep, &is_read);
        }
        if !fresh.is_empty() {
            let mut all = self.onus.to_vec();
            all.extend(fresh.into_values());
            self.onus = Readings::new(all);
        }
        for new in &sweep.pons {
            let held = self.pons.entry(new.pon).or_insert_with(|| new.clone());
            if let Some(name) = &new.name {
                held.name = Some(name.clone());
            }
            keep_newest(&mut held.state, new.state);
            keep_newest(&mut held.tx, new.tx);
            keep_newest(&mut held.onus, new.onus);
        }
        if sweep.scope.is_whole() {
            self.sweeps.insert(sweep.kind, SweepSummary::of(sweep));
        }
    }

    /// What a complete sweep says of known ONUs in its reach that it did not list.
    fn miss(&mut self, sweep: &Sweep, is_read: &[bool]) {
        if sweep.kind == SweepKind::Inventory {
            let goes = |(held, is_read): &(&Reading, &bool)| !**is_read && sweep.scope.covers(held.pon);
            if self.onus.iter().zip(is_read).any(|row| goes(&row)) {
                let stay = self.onus.iter().zip(is_read).filter(|row| !goes(row));
                self.onus = Readings::new(stay.map(|(held, _)| held.clone()).collect());
            }
            return;
        }
        let why = if sweep.onus.is_empty() { Unread::NoSuchColumn } else { Unread::NoRow };
        for (place, _) in is_read.iter().enumerate().filter(|(_, is_read)| !**is_read) {
            if !self.onus.get(place).is_some_and(|held| sweep.scope.covers(held.pon)) {
                continue;
            }
            self.onus.change(place, |held| {
                if sweep.kind == SweepKind::Optics {
                    forget_levels(held, Unread::NoRow);
                    held.mask_levels_while_down();
                } else if held.state == Err(Unread::NotAsked) {
                    // What was read before stands: a missing row says nothing of the link.
                    (held.state, held.cause, held.last_down_cause) = (Err(why), Err(why), Err(why));
                }
            });
        }
    }

    /// A round of slices has ended.
    pub(super) fn end_round(&mut self, kind: SweepKind, round: SweepSummary) {
        self.sweeps.insert(kind, round);
    }
}

/// Whether no sweep has ever told this ONU's state.
fn never_read(held: &Reading) -> bool {
    matches!(held.state, Err(Unread::NotAsked | Unread::NoSuchColumn))
}

/// A newer value replaces an older one; what was not asked or not answered replaces nothing.
fn keep_newest<T: Clone>(held: &mut Field<T>, new: Field<T>) {
    match new {
        Err(Unread::NotAsked | Unread::NoAnswer) if !matches!(held, Err(Unread::NotAsked)) => {}
        new => *held = new,
    }
}

/// Who someone is does not change because one answer lacked it.
fn keep_known<T: Clone>(held: &mut Field<T>, new: &Field<T>) {
    if new.is_ok() || held.is_err() {
        keep_newest(held, new.clone());
    }
}

fn forget_levels(held: &mut Reading, why: Unread) {
    macro_rules! forget {
        ($($place:ident),+) => { $(if !matches!(held.$place, Err(Unread::NoSuchColumn)) { held.$place = Err(why); })+ };
    }
    forget!(rx, olt_rx, tx, temperature, voltage, bias);
}

fn merge_reading(held: &mut Reading, new: &Reading, kind: SweepKind) {
    held.pon = new.pon.or(held.pon);
    held.onu = new.onu.or(held.onu);
    keep_known(&mut held.serial, &new.serial);
    keep_known(&mut held.mac, &new.mac);
    keep_known(&mut held.name, &new.name);
    keep_known(&mut held.distance, &new.distance);
    let was_down = held.state == Ok(OnuState::Down);
    keep_newest(&mut held.state, new.state);
    keep_newest(&mut held.cause, new.cause);
    keep_newest(&mut held.last_down_cause, new.last_down_cause);
    if was_down && held.state != Ok(OnuState::Down) && kind != SweepKind::Optics {
        // Back again: its levels are not read yet.
        forget_levels(held, Unread::NotAsked);
    }
    keep_newest(&mut held.rx, new.rx);
    keep_newest(&mut held.olt_rx, new.olt_rx);
    keep_newest(&mut held.tx, new.tx);
    keep_newest(&mut held.temperature, new.temperature);
    keep_newest(&mut held.voltage, new.voltage);
    keep_newest(&mut held.bias, new.bias);
    held.mask_levels_while_down();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dbm, OltId, SweepScope};

    fn sweep(kind: SweepKind, onus: Vec<Reading>) -> Sweep {
        Sweep {
            olt: OltId::new("olt"),
            kind,
            scope: SweepScope::Whole,
            started: Timestamp::from_millis(1),
            elapsed: Duration::from_secs(1),
            completeness: Completeness::Complete,
            uptime: None,
            boots: None,
            pons: vec![],
            onus,
            pdus: 1,
        }
    }

    fn reading(number: u32) -> Reading {
        Reading::unread(OnuKey::new(&[number]), Unread::NotAsked)
    }

    fn state(number: u32, state: OnuState) -> Reading {
        Reading { state: Ok(state), ..reading(number) }
    }

    fn optics(number: u32, level: f64) -> Reading {
        Reading { rx: Ok(Dbm::new(level).unwrap()), ..reading(number) }
    }

    fn rx(view: &View, number: u32) -> Field<Dbm> {
        view.onu(&OnuKey::new(&[number])).unwrap().rx
    }

    #[test]
    fn levels_of_an_onu_that_went_down_are_gone_and_come_back_only_when_read() {
        let mut view = View::default();
        view.merge(&sweep(SweepKind::State, vec![state(1, OnuState::Up)]));
        view.merge(&sweep(SweepKind::Optics, vec![optics(1, -20.0)]));
        assert_eq!(rx(&view, 1), Ok(Dbm::new(-20.0).unwrap()));
        view.merge(&sweep(SweepKind::State, vec![state(1, OnuState::Down)]));
        assert_eq!(rx(&view, 1), Err(Unread::OnuDown));
        view.merge(&sweep(SweepKind::State, vec![state(1, OnuState::Up)]));
        assert_eq!(rx(&view, 1), Err(Unread::NotAsked));
        view.merge(&sweep(SweepKind::Optics, vec![optics(1, -21.0)]));
        assert_eq!(rx(&view, 1), Ok(Dbm::new(-21.0).unwrap()));
    }

    #[test]
    fn a_partial_sweep_takes_nothing_away() {
        let mut view = View::default();
        view.merge(&sweep(SweepKind::Inventory, vec![reading(1), reading(2)]));
        view.merge(&sweep(SweepKind::Optics, vec![optics(1, -20.0), optics(2, -20.0)]));
        let mut partial = sweep(SweepKind::Optics, vec![Reading { rx: Err(Unread::NoAnswer), ..reading(1) }]);
        partial.completeness = Completeness::Partial(vec![]);
        view.merge(&partial);
        let mut partial = sweep(SweepKind::Inventory, vec![reading(1)]);
        partial.completeness = Completeness::Partial(vec![]);
        view.merge(&partial);
        assert_eq!(rx(&view, 1), Ok(Dbm::new(-20.0).unwrap()));
        assert_eq!(rx(&view, 2), Ok(Dbm::new(-20.0).unwrap()));
        view.merge(&sweep(SweepKind::Inventory, vec![reading(1)]));
        assert_eq!(view.onu_count(), 1);
    }

    #[test]
    fn a_table_that_shrank_is_believed_only_the_second_time_and_an_empty_one_never() {
        let mut view = View::default();
        view.merge(&sweep(SweepKind::Inventory, (0..20).map(reading).collect()));
        view.merge(&sweep(SweepKind::State, (0..20).map(|number| state(number, OnuState::Up)).collect()));
        for (found, believed) in [(19, true), (10, false), (10, true), (0, false), (0, false), (4, false)] {
            let mut short = sweep(SweepKind::State, (0..found).map(reading).collect());
            view.doubt(&mut short);
            assert_eq!(short.completeness.is_complete(), believed, "{found}");
        }
    }
    #[test]
    fn a_device_without_state_columns_has_unknown_states_and_a_complete_sweep() {
        let mut view = View::default();
        view.merge(&sweep(SweepKind::Inventory, (0..20).map(reading).collect()));
        for _ in 0..2 {
            let mut empty = sweep(SweepKind::State, vec![]);
            view.doubt(&mut empty);
            assert!(empty.completeness.is_complete());
            view.merge(&empty);
            assert_eq!(view.onu(&OnuKey::new(&[1])).unwrap().state, Err(Unread::NoSuchColumn));
        }
        // One that has told a state has the columns: now an empty table is doubted.
        view.merge(&sweep(SweepKind::State, (0..20).map(|number| state(number, OnuState::Up)).collect()));
        let mut empty = sweep(SweepKind::State, vec![]);
        view.doubt(&mut empty);
        assert!(!empty.completeness.is_complete());
        view.merge(&empty);
        assert_eq!(view.onu(&OnuKey::new(&[1])).unwrap().state, Ok(OnuState::Up));
    }

    #[test]
    fn a_slice_says_nothing_of_what_it_did_not_reach() {
        let pon = |number: u32| PonId::new(&[number]).unwrap();
        let on = |number: u32, reading: Reading| Reading { pon: Some(pon(number)), ..reading };
        let mut view = View::default();
        view.merge(&sweep(SweepKind::Inventory, (0..20).map(|number| on(number / 10, reading(number))).collect()));
        let up = (0..20).map(|number| on(number / 10, state(number, OnuState::Up))).collect();
        view.merge(&sweep(SweepKind::State, up));
        view.merge(&sweep(SweepKind::Optics, (0..20).map(|number| optics(number, -20.0)).collect()));
        let whole = view.last(SweepKind::Optics).cloned();

        let scope = SweepScope::Pons([pon(1)].into());
        let slice = |kind, onus| Sweep { scope: scope.clone(), ..sweep(kind, onus) };
        view.merge(&slice(SweepKind::Optics, (10..19).map(|number| optics(number, -21.0)).collect()));
        assert_eq!(rx(&view, 5), Ok(Dbm::new(-20.0).unwrap()));
        assert_eq!(rx(&view, 15), Ok(Dbm::new(-21.0).unwrap()));
        assert_eq!(rx(&view, 19), Err(Unread::NoRow), "it was reached, and has no row");
        assert_eq!(view.last(SweepKind::Optics).cloned(), whole, "a slice is no round");

        let mut ten = slice(SweepKind::State, (10..20).map(|number| state(number, OnuState::Up)).collect());
        view.doubt(&mut ten);
        assert!(ten.completeness.is_complete());
        let mut short = slice(SweepKind::State, (10..15).map(|number| state(number, OnuState::Up)).collect());
        for _ in 0..2 {
            view.doubt(&mut short);
            assert!(!short.completeness.is_complete());
        }
        view.merge(&slice(SweepKind::Inventory, vec![on(1, reading(10))]));
        assert_eq!(view.onu_count(), 11);
    }

    #[test]
    fn a_round_is_the_sum_of_its_slices() {
        let gap = Gap { what: "table".into(), why: "no answer".into() };
        let mut slice = sweep(SweepKind::Optics, vec![]);
        let mut round = SweepSummary::of(&slice);
        slice.started = Timestamp::from_millis(60_001);
        slice.completeness = Completeness::Partial(vec![gap.clone()]);
        round.add(&slice);
        round.add(&slice);
        assert_eq!((round.elapsed, round.pdus), (Duration::from_secs(3), 3));
        assert_eq!((round.started, round.ended), (Timestamp::from_millis(1), Timestamp::from_millis(61_001)));
        assert_eq!(round.completeness, Completeness::Partial(vec![gap]));
    }
}
