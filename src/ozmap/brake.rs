//! The brake: a sudden flood of ERRORs on one OLT is held until a second sweep agrees. Pure.
//!
//! Whatever makes many clients of an OLT red in one round and is not true (a firmware that changed a column, a wrong
//! profile, a mistake of ours) is seldom still there in the next sweep, or somebody sees the warning. Whatever is true is
//! written one sweep later. What a confirmed incident explains does not wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::desired::{Candidate, Change, OltWishes};
use super::ids::{ClientId, Status};
use super::matching::Matches;
use crate::config::BrakeRule;
use crate::model::{OltId, SweepKind, Timestamp};

/// How often the OLT has been read whole since the start. What a second look has to add to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Complete sweeps of state.
    pub state: u64,
    /// Complete rounds of optics.
    pub optics: u64,
}

impl Looks {
    pub(super) const fn of(self, kind: SweepKind) -> u64 {
        match kind {
            SweepKind::Optics => self.optics,
            SweepKind::State | SweepKind::Inventory => self.state,
        }
    }
}

/// What the brake has to know of an OLT.
#[derive(Debug, Clone, Copy, Default)]
pub struct OltAtHand {
    /// How often it was read.
    pub looks: Looks,
    /// ONUs of it that have a client.
    pub matched: usize,
}

/// What the brake has to know of each OLT.
#[must_use]
pub fn at_hand(olts: &[Arc<OltWishes>], onus: &[Candidate<'_>], matches: &Matches) -> BTreeMap<OltId, OltAtHand> {
    let one = |olt: &Arc<OltWishes>| (olt.olt.clone(), OltAtHand { looks: olt.looks, matched: 0 });
    let mut at_hand: BTreeMap<OltId, OltAtHand> = olts.iter().map(one).collect();
    for onu in matches.matched.iter().filter_map(|one| onus.get(one.onu)) {
        if let Some(olt) = at_hand.get_mut(&onu.wish.identity.onu.olt) {
            olt.matched += 1;
        }
    }
    at_hand
}

/// An OLT whose ERRORs are held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Braked {
    /// The OLT.
    pub olt: OltId,
    /// Since when.
    pub since: Timestamp,
    /// Clients that are held.
    pub clients: usize,
    /// Its clients in all.
    pub of: usize,
    /// The first of the changes that are held.
    pub changes: Vec<Change>,
}

impl Braked {
    /// The same with at most so many changes listed.
    pub(super) fn listed(&self, most: usize) -> Self {
        let changes = self.changes.iter().take(most).cloned().collect();
        Self { olt: self.olt.clone(), since: self.since, clients: self.clients, of: self.of, changes }
    }
}

/// A client that waits for a second look.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// The kind of sweep that made it red.
    by: SweepKind,
    /// Looks of that kind when it was held.
    at: u64,
}

#[derive(Debug, Default)]
struct OltBrake {
    since: Option<Timestamp>,
    held: BTreeMap<ClientId, Waiting>,
    /// Let through and not written yet.
    passed: BTreeSet<ClientId>,
    round: Looks,
    /// Let through in this round.
    in_round: usize,
}

/// The brakes of all OLTs.
#[derive(Debug)]
pub struct Brake {
    rule: BrakeRule,
    olts: BTreeMap<OltId, OltBrake>,
}

impl Brake {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new(rule: BrakeRule) -> Self {
        Self { rule, olts: BTreeMap::new() }
    }

    /// Lets through what is held now on the OLTs that fit; says of how many clients that is.
    pub fn approve(&mut self, fits: impl Fn(&OltId) -> bool) -> usize {
        let mut approved = 0;
        for (_, brake) in self.olts.iter_mut().filter(|(olt, _)| fits(olt)) {
            approved += brake.held.len();
            brake.passed.extend(std::mem::take(&mut brake.held).into_keys());
        }
        approved
    }

    /// Divides a plan: what may be written, in its order, and what is held, by OLT. OKs always pass, and so does what an
    /// incident explains.
    pub fn divide(
        &mut self,
        changes: Vec<Change>,
        olts: &BTreeMap<OltId, OltAtHand>,
        now: Timestamp,
    ) -> (Vec<Change>, Vec<Braked>) {
        let mut wanted: BTreeMap<&OltId, Vec<&Change>> = BTreeMap::new();
        let unexplained = |change: &&Change| change.to == Status::Error && change.incident.is_none();
        for change in changes.iter().filter(unexplained) {
            wanted.entry(&change.onu.olt).or_default().push(change);
        }
        // An OLT without any ERROR to write has nothing to remember.
        self.olts.retain(|olt, _| wanted.contains_key(olt));
        for (olt, errors) in &wanted {
            let at_hand = olts.get(*olt).copied().unwrap_or_default();
            self.olts.entry((*olt).clone()).or_default().look(self.rule, errors, at_hand, now);
        }
        let (mut through, mut held) = (Vec::with_capacity(changes.len()), BTreeMap::<OltId, Vec<Change>>::new());
        for change in changes {
            let brake = self.olts.get(&change.onu.olt).filter(|_| unexplained(&&change));
            if brake.is_some_and(|brake| brake.held.contains_key(&change.client)) {
                held.entry(change.onu.olt.clone()).or_default().push(change);
            } else {
                through.push(change);
            }
        }
        let braked = |(olt, changes): (OltId, Vec<Change>)| Braked {
            since: self.olts.get(&olt).and_then(|brake| brake.since).unwrap_or(now),
            clients: changes.len(),
            of: olts.get(&olt).map_or(0, |at_hand| at_hand.matched),
            changes,
            olt,
        };
        (through, held.into_iter().map(braked).collect())
    }
}

impl OltBrake {
    fn look(&mut self, rule: BrakeRule, errors: &[&Change], at_hand: OltAtHand, now: Timestamp) {
        let wanted: BTreeMap<ClientId, SweepKind> =
            errors.iter().map(|change| (change.client, change.evidence)).collect();
        self.passed.retain(|client| wanted.contains_key(client));
        let OltAtHand { looks, matched } = at_hand;
        // Whom a later look still finds in trouble was confirmed by it; whom it does not is no longer wanted.
        let Self { held, passed, .. } = self;
        held.retain(|client, waiting| {
            let confirmed = looks.of(waiting.by) > waiting.at;
            if confirmed && wanted.contains_key(client) {
                passed.insert(*client);
            }
            !confirmed && wanted.contains_key(client)
        });
        if self.round != looks {
            (self.round, self.in_round) = (looks, 0);
        }
        let fresh: Vec<(ClientId, SweepKind)> = wanted
            .into_iter()
            .filter(|(client, _)| !self.passed.contains(client) && !self.held.contains_key(client))
            .collect();
        let flood = self.in_round + fresh.len();
        // Client counts are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let too_many = flood >= rule.least && flood as f64 > matched as f64 * rule.share;
        if !fresh.is_empty() && (too_many || !self.held.is_empty()) {
            self.held.extend(fresh.into_iter().map(|(client, by)| (client, Waiting { by, at: looks.of(by) })));
        } else {
            self.in_round = flood;
            self.passed.extend(fresh.into_iter().map(|(client, _)| client));
        }
        self.since = if self.held.is_empty() { None } else { self.since.or(Some(now)) };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{OnuId, OnuKey};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const RULE: BrakeRule = BrakeRule { share: 0.1, least: 20 };

    fn client(n: u32) -> ClientId {
        format!("65a{n:021x}").parse().unwrap()
    }

    fn change(n: u32, to: Status, by: SweepKind) -> Change {
        let onu = OnuId { olt: OltId::new("a"), key: OnuKey::new(&[n]) };
        Change {
            client: client(n),
            code: None,
            name: None,
            from: None,
            to,
            reason: Arc::from("test"),
            incident: None,
            evidence: by,
            onu,
            pon: None,
            number: None,
            matched_by: "serial",
        }
    }

    fn errors(of: impl IntoIterator<Item = u32>) -> Vec<Change> {
        of.into_iter().map(|n| change(n, Status::Error, SweepKind::State)).collect()
    }

    fn olt(matched: usize, state: u64, optics: u64) -> BTreeMap<OltId, OltAtHand> {
        BTreeMap::from([(OltId::new("a"), OltAtHand { looks: Looks { state, optics }, matched })])
    }

    /// How many pass, and how many are held.
    fn divide(brake: &mut Brake, changes: Vec<Change>, olts: &BTreeMap<OltId, OltAtHand>) -> (usize, usize) {
        let (through, held) = brake.divide(changes, olts, NOW);
        (through.len(), held.iter().map(|one| one.clients).sum())
    }

    #[test]
    fn more_than_a_tenth_and_at_least_twenty_are_held() {
        for (errors_now, matched, held) in
            [(19, 19, false), (20, 200, false), (20, 199, true), (21, 200, true), (100, 1000, false), (101, 1000, true)]
        {
            let mut brake = Brake::new(RULE);
            let all = if held { (0, errors_now as usize) } else { (errors_now as usize, 0) };
            assert_eq!(
                divide(&mut brake, errors(0..errors_now), &olt(matched, 1, 1)),
                all,
                "{errors_now} of {matched}"
            );
        }
    }

    #[test]
    fn what_a_second_sweep_agrees_with_is_written_and_the_rest_is_forgotten() {
        let mut brake = Brake::new(RULE);
        assert_eq!(divide(&mut brake, errors(0..40), &olt(100, 1, 1)), (0, 40));
        // The same sweep, planned again: nothing new.
        assert_eq!(divide(&mut brake, errors(0..40), &olt(100, 1, 5)), (0, 40));
        // The next one has ten of them up again, and five others down.
        assert_eq!(divide(&mut brake, errors(10..45), &olt(100, 2, 5)), (35, 0));
        // Those that came back and fall again are a new flood.
        assert_eq!(divide(&mut brake, errors(0..45), &olt(100, 2, 5)), (45, 0), "ten more are not enough");
    }

    #[test]
    fn levels_need_a_second_round_of_optics() {
        let mut brake = Brake::new(RULE);
        let weak = || (0..30).map(|n| change(n, Status::Error, SweepKind::Optics)).collect::<Vec<_>>();
        assert_eq!(divide(&mut brake, weak(), &olt(100, 1, 1)), (0, 30));
        assert_eq!(divide(&mut brake, weak(), &olt(100, 9, 1)), (0, 30));
        assert_eq!(divide(&mut brake, weak(), &olt(100, 9, 2)), (30, 0));
    }

    #[test]
    fn a_flood_in_small_steps_within_one_round_is_a_flood() {
        let mut brake = Brake::new(RULE);
        assert_eq!(divide(&mut brake, errors(0..15), &olt(100, 1, 1)), (15, 0));
        assert_eq!(divide(&mut brake, errors(0..30), &olt(100, 1, 1)), (15, 15));
        // The next sweep begins to count anew.
        assert_eq!(divide(&mut brake, errors(0..45), &olt(100, 2, 1)), (45, 0));
    }

    #[test]
    fn recoveries_always_pass_and_other_olts_are_not_held() {
        let mut brake = Brake::new(RULE);
        let mut changes = errors(0..40);
        changes.extend((40..90).map(|n| change(n, Status::Ok, SweepKind::State)));
        let mut other = change(95, Status::Error, SweepKind::State);
        other.onu.olt = OltId::new("b");
        changes.push(other);
        let (through, held) = brake.divide(changes, &olt(100, 1, 1), NOW);
        assert_eq!((through.len(), held.len(), held[0].clients, held[0].of), (51, 1, 40, 100));
    }

    #[test]
    fn what_an_incident_explains_passes_also_when_it_was_held_before() {
        let mut brake = Brake::new(RULE);
        assert_eq!(divide(&mut brake, errors(0..40), &olt(100, 1, 1)), (0, 40));
        let explained = |change: Change| Change { incident: Some(Arc::from("cut")), ..change };
        let mut changes: Vec<Change> = errors(0..30).into_iter().map(explained).collect();
        changes.extend(errors(30..40));
        assert_eq!(divide(&mut brake, changes, &olt(100, 1, 1)), (30, 10));
    }

    #[test]
    fn an_approval_is_for_what_is_held_and_not_for_what_comes() {
        let mut brake = Brake::new(RULE);
        assert_eq!(divide(&mut brake, errors(0..40), &olt(100, 1, 1)), (0, 40));
        assert_eq!(brake.approve(|olt| olt.as_str() == "b"), 0);
        assert_eq!(brake.approve(|olt| olt.as_str() == "a"), 40);
        assert_eq!(divide(&mut brake, errors(0..40), &olt(100, 1, 1)), (40, 0));
        assert_eq!(divide(&mut brake, errors(0..70), &olt(100, 1, 1)), (40, 30));
    }

    #[test]
    fn a_share_of_one_is_no_brake() {
        let mut brake = Brake::new(BrakeRule { share: 1.0, least: 1 });
        assert_eq!(divide(&mut brake, errors(0..100), &olt(100, 1, 1)), (100, 0));
    }

    proptest! {
        /// Nobody is written who was not wanted by two looks, once the brake is on; and whoever stays wanted is written at
        /// the latest after two further looks.
        #[test]
        fn whoever_stays_red_is_written_in_the_end(rounds in proptest::collection::vec(
            (proptest::collection::btree_set(0_u32..60, 0..60), any::<bool>()), 1..12,
        )) {
            let mut brake = Brake::new(RULE);
            let mut looks = 1;
            for (red, new_look) in &rounds {
                looks += u64::from(*new_look);
                let (through, held) = brake.divide(errors(red.iter().copied()), &olt(60, looks, 1), NOW);
                let held: usize = held.iter().map(|one| one.clients).sum();
                prop_assert_eq!(through.len() + held, red.len());
            }
            let last = &rounds[rounds.len() - 1].0;
            let mut held = 0;
            for _ in 0..2 {
                looks += 1;
                held = divide(&mut brake, errors(last.iter().copied()), &olt(60, looks, 1)).1;
            }
            prop_assert_eq!(held, 0);
        }
    }
}
