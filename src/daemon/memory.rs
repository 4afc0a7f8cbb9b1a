//! What outlives the process: gives the store what a judge learned and what optics read, and gives a judge back what it knew.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{Completeness, Field, OltId, OnuState, Reading, Sweep, SweepKind, SweepScope, Timestamp, Unread};
use crate::poll::View;
use crate::signal::{Changed, Identity, Judge, Memory, Recalled};
use crate::store::history::{Lack, Sample, Seen};
use crate::store::{Keeper, Kept, LevelRow, Levels, OltMemory, Remembered, Store};

/// One OLT's part of the store.
pub(super) struct Notebook {
    olt: OltId,
    store: Arc<Store>,
    keeper: Keeper,
    /// The end of the newest whole sweep of states.
    read_at: Option<Timestamp>,
}

impl Notebook {
    pub(super) fn new(olt: OltId, store: Arc<Store>) -> Self {
        let keeper = store.keeper();
        Self { olt, store, keeper, read_at: None }
    }

    /// What was kept of the OLT. Where it cannot be read, the OLT is like one that was never seen, and is read anew.
    pub(super) async fn remembered(&self) -> Remembered {
        let (store, olt) = (Arc::clone(&self.store), self.olt.clone());
        match tokio::task::spawn_blocking(move || store.remembered(&olt)).await {
            Ok(Ok(remembered)) => remembered,
            Ok(Err(error)) => {
                tracing::warn!(olt = %self.olt, %error, "what was held before the restart cannot be read");
                Remembered::default()
            }
            Err(error) => {
                tracing::error!(olt = %self.olt, %error, "what was held before the restart cannot be read");
                Remembered::default()
            }
        }
    }

    /// Notes a sweep that was judged.
    pub(super) fn swept(&mut self, judge: &mut Judge, sweep: &Sweep, view: &View) {
        if sweep.kind == SweepKind::State && sweep.completeness.is_complete() && sweep.scope.is_whole() {
            self.read_at = Some(sweep.started + sweep.elapsed);
        }
        self.keep(judge, sweep.started + sweep.elapsed, view);
        if sweep.kind == SweepKind::Optics {
            self.keeper.levels(levels(sweep, view));
        }
    }

    /// Notes what changed in a judge.
    pub(super) fn keep(&self, judge: &mut Judge, at: Timestamp, view: &View) {
        let Changed { olt, onus, gone } = judge.changed();
        let kept = |memory: Memory| {
            let reading = view.onu(&memory.key);
            let (serial, mac) = match memory.identity {
                Some(Identity::Serial(serial)) => (Some(serial), reading.and_then(|reading| reading.mac.ok())),
                Some(Identity::Mac(mac)) => (None, Some(mac)),
                None => (None, None),
            };
            Kept {
                pon: reading.and_then(|reading| reading.pon),
                number: reading.and_then(|reading| reading.onu),
                name: reading.and_then(|reading| reading.name.clone().ok()),
                serial,
                mac,
                memory: memory.octets.into_vec(),
                key: memory.key,
            }
        };
        let memory = OltMemory { read_at: self.read_at, octets: olt.into_vec() };
        self.keeper.keep(&self.olt, at, memory, onus.into_iter().map(kept).collect(), gone);
    }

    /// Gives a judge what was kept, and returns what is known of its ONUs before anything is read.
    pub(super) fn recall(&mut self, judge: &mut Judge, remembered: Remembered, now: Timestamp) -> View {
        self.read_at = remembered.memory.read_at;
        let view = view_of(&self.olt, &remembered, now);
        let memories = remembered.onus.into_values().map(|(_, kept)| Memory {
            key: kept.key,
            identity: kept.serial.map(Identity::Serial).or(kept.mac.map(Identity::Mac)),
            octets: kept.memory.into_boxed_slice(),
        });
        let Recalled { told, refused, why } = judge.recall(&remembered.memory.octets, memories, now);
        if let Some(why) = why {
            tracing::warn!(olt = %self.olt, refused, %why, "of some ONUs it is not known what was held before the restart");
        }
        if !told.is_empty() {
            tracing::info!(olt = %self.olt, onus = judge.held().len(), "held as before the restart, until read again");
        }
        view
    }
}

/// Who is where, as it was kept; nothing of it counts as read.
fn view_of(olt: &OltId, remembered: &Remembered, now: Timestamp) -> View {
    let reading = |kept: &Kept| {
        let mut reading = Reading::unread(kept.key.clone(), Unread::NotAsked);
        reading.pon = kept.pon;
        reading.onu = kept.number;
        reading.serial = kept.serial.clone().ok_or(Unread::NotAsked);
        reading.mac = kept.mac.ok_or(Unread::NotAsked);
        reading.name = kept.name.clone().ok_or(Unread::NotAsked);
        reading
    };
    let mut view = View::default();
    view.merge(&Sweep {
        olt: olt.clone(),
        kind: SweepKind::Inventory,
        // A sweep of nothing, so that no inventory counts as done.
        scope: SweepScope::Pons(BTreeSet::new()),
        started: now,
        elapsed: std::time::Duration::ZERO,
        completeness: Completeness::Partial(Vec::new()),
        uptime: None,
        boots: None,
        pons: Vec::new(),
        onus: remembered.onus.values().map(|(_, kept)| reading(kept)).collect(),
        pdus: 0,
    });
    view
}

/// What a slice of optics says of every ONU in its reach, those among them that it did not read.
fn levels(sweep: &Sweep, view: &View) -> Levels {
    let complete = sweep.completeness.is_complete();
    let mut read = sweep.onus.iter().peekable();
    let row = |held: &Reading| {
        while read.next_if(|row| row.key < held.key).is_some() {}
        let row = read.next_if(|row| row.key == held.key);
        if row.is_none() && !sweep.scope.covers(held.pon) {
            return None;
        }
        let state = Seen::of(held.state, held.cause);
        let lack = |why: Unread| match why {
            _ if held.state == Ok(OnuState::Down) => Lack::OnuDown,
            // A row that is missing in a partial sweep may only not have been reached.
            Unread::NoRow | Unread::NoSuchColumn if !complete => Lack::NoAnswer,
            other => other.into(),
        };
        let level = |field: fn(&Reading) -> Field<crate::model::Dbm>| match row {
            Some(_) if held.state == Ok(OnuState::Down) => Err(Lack::OnuDown),
            Some(row) => field(row).map_err(lack),
            None => Err(lack(Unread::NoRow)),
        };
        let sample = Sample { state, rx: level(|row| row.rx), olt_rx: level(|row| row.olt_rx) };
        Some(LevelRow {
            key: held.key.clone(),
            serial: held.serial.clone().ok(),
            mac: held.mac.ok(),
            pon: held.pon,
            sample,
        })
    };
    Levels { olt: sweep.olt.clone(), at: sweep.started + sweep.elapsed, rows: view.onus().filter_map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Dbm, Gap, OnuKey, PonId};

    fn key(number: u32) -> OnuKey {
        OnuKey::new(&[number])
    }

    fn pon(number: u32) -> PonId {
        PonId::new(&[number]).unwrap()
    }

    fn reading(number: u32, on: u32) -> Reading {
        let mut reading = Reading::unread(key(number), Unread::NotAsked);
        reading.pon = Some(pon(on));
        reading
    }

    fn sweep(kind: SweepKind, scope: SweepScope, onus: Vec<Reading>) -> Sweep {
        Sweep {
            olt: OltId::new("olt"),
            kind,
            scope,
            started: Timestamp::from_millis(5000),
            elapsed: std::time::Duration::from_secs(1),
            completeness: Completeness::Complete,
            uptime: None,
            boots: None,
            pons: Vec::new(),
            onus,
            pdus: 1,
        }
    }

    /// Three ONUs on PON 1, the third of them down, and one on PON 2.
    fn view() -> View {
        let mut view = View::default();
        let state = |number, on, state| Reading { state: Ok(state), cause: Ok(Cause::Power), ..reading(number, on) };
        let onus = vec![
            state(1, 1, OnuState::Up),
            state(2, 1, OnuState::Up),
            state(3, 1, OnuState::Down),
            state(4, 2, OnuState::Up),
        ];
        view.merge(&sweep(SweepKind::State, SweepScope::Whole, onus));
        view
    }

    #[test]
    fn a_slice_says_something_of_every_onu_in_its_reach_and_of_no_other() {
        let level = Dbm::from_thousandths(-21_370);
        let optics = |onus| sweep(SweepKind::Optics, SweepScope::Pons([pon(1)].into()), onus);
        let lit = Reading { rx: Ok(level), olt_rx: Err(Unread::NoSuchColumn), ..reading(1, 1) };
        let mut slice = optics(vec![lit]);
        let rows = levels(&slice, &view()).rows;
        let lacks =
            |rows: &[LevelRow]| rows.iter().map(|row| (row.key.numbers()[0], row.sample.rx)).collect::<Vec<_>>();
        assert_eq!(lacks(&rows), [(1, Ok(level)), (2, Err(Lack::NoRow)), (3, Err(Lack::OnuDown))]);
        assert_eq!(rows[0].sample.olt_rx, Err(Lack::NoSuchColumn));
        assert_eq!(rows[2].sample.state, Seen::Down(Cause::Power));
        assert_eq!(levels(&slice, &view()).at, Timestamp::from_millis(6000));
        let gap = Gap { what: "optics".into(), why: "no answer".into() };
        slice.completeness = Completeness::Partial(vec![gap]);
        let rows = levels(&slice, &view()).rows;
        assert_eq!(lacks(&rows), [(1, Ok(level)), (2, Err(Lack::NoAnswer)), (3, Err(Lack::OnuDown))]);
        assert_eq!(rows[0].sample.olt_rx, Err(Lack::NoAnswer));
    }

    #[test]
    fn what_was_kept_is_shown_before_anything_is_read_and_counts_as_no_inventory() {
        let kept = Kept {
            key: key(1),
            pon: Some(pon(1)),
            number: Some(7),
            serial: "HWTC00000001".parse().ok(),
            mac: None,
            name: Some("10452 Maria".into()),
            memory: Vec::new(),
        };
        let now = Timestamp::from_millis(9);
        let remembered = Remembered { onus: [(key(1), (now, kept))].into(), ..Remembered::default() };
        let view = view_of(&OltId::new("olt"), &remembered, now);
        let reading = view.onu(&key(1)).unwrap();
        assert_eq!((reading.pon, reading.onu, reading.state), (Some(pon(1)), Some(7), Err(Unread::NotAsked)));
        assert_eq!(reading.name.as_deref(), Ok("10452 Maria"));
        assert!(view.last(SweepKind::Inventory).is_none());
    }
}
