//! Statuses that somebody else sets: another integration, or a person. Pure.
//!
//! Two that write the same field would fight. What others change is noticed, counted, told, and handled by a policy.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::desired::{Change, Shown};
use super::directory::Directory;
use super::ids::{ClientId, Status};
use crate::config::ForeignPolicy;
use crate::model::Timestamp;

/// A status that others have set and that is left for now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contested {
    /// What we would write.
    #[serde(flatten)]
    pub change: Change,
    /// When it was noticed; `None` where it was so before we first looked.
    pub noticed: Option<Timestamp>,
    /// When it is set again; `None` when it is left until others change it, or it and the truth agree.
    pub again_at: Option<Timestamp>,
}

/// A status that changed and that we did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flip {
    /// The client.
    pub client: ClientId,
    /// What it shows now.
    pub shows: Option<Status>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    noticed: Timestamp,
    /// Others' status still stands against what we want.
    stands: bool,
    /// When we set ours again, in the pusher's time.
    set_again: Option<Duration>,
}

/// What OZmap was last seen to show of our writes before this process began, and when.
pub type Recalled = HashMap<ClientId, (Status, Timestamp)>;

/// What is known of others.
#[derive(Debug)]
pub struct Foreign {
    policy: ForeignPolicy,
    every: Duration,
    marks: BTreeMap<ClientId, Mark>,
    /// ERRORs that we set, as far as is known.
    ours: BTreeSet<ClientId>,
    /// What was seen of our writes before this process began; asked for once, by the first directory.
    recalled: Recalled,
    flips: u64,
}

impl Foreign {
    /// Knows of nothing yet.
    #[must_use]
    pub fn new(policy: ForeignPolicy, every: Duration) -> Self {
        Self { policy, every, marks: BTreeMap::new(), ours: BTreeSet::new(), recalled: HashMap::new(), flips: 0 }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> ForeignPolicy {
        self.policy
    }

    /// Statuses that others changed, since the start.
    #[must_use]
    pub const fn flips(&self) -> u64 {
        self.flips
    }

    /// Takes in what OZmap was last seen to show of our writes before this process began.
    pub fn recall(&mut self, shown: impl IntoIterator<Item = (ClientId, Status, Timestamp)>) {
        for (client, status, at) in shown {
            if status == Status::Error {
                self.ours.insert(client);
            }
            self.recalled.insert(client, (status, at));
        }
    }

    /// Notices what others changed of what we wrote before this process began.
    pub fn compare(&mut self, now: &Directory, at: Timestamp) {
        let recalled = self.take_recalled();
        self.noticed(&flips(now, None, &Shown::default(), &recalled, &BTreeSet::new()), at);
    }

    /// What was seen of our writes before this process began; none any more when it is asked for again.
    pub fn take_recalled(&mut self) -> Recalled {
        std::mem::take(&mut self.recalled)
    }

    /// OZmap was seen to show what we wrote.
    pub fn written(&mut self, client: ClientId, status: Status, now: Duration) {
        match status {
            Status::Error => self.ours.insert(client),
            Status::Ok => self.ours.remove(&client),
        };
        if let Some(mark) = self.marks.get_mut(&client)
            && std::mem::take(&mut mark.stands)
        {
            mark.set_again = Some(now);
        }
    }

    /// Others changed these.
    pub fn noticed(&mut self, flips: &[Flip], at: Timestamp) {
        for flip in flips {
            self.flips += 1;
            self.ours.remove(&flip.client);
            let mark = self.marks.entry(flip.client).or_insert(Mark { noticed: at, stands: true, set_again: None });
            (mark.noticed, mark.stands) = (at, true);
        }
    }

    /// Clients whose status others have set.
    #[must_use]
    pub fn standing(&self) -> BTreeSet<ClientId> {
        self.marks.iter().filter(|(_, mark)| mark.stands).map(|(client, _)| *client).collect()
    }

    /// Of these, the truth is what OZmap shows: whoever set it, it does not stand against us.
    pub fn agreed(&mut self, clients: &[ClientId], now: Duration) {
        for client in clients {
            if let Some(mark) = self.marks.get_mut(client) {
                mark.stands = false;
            }
        }
        let every = self.every;
        self.marks.retain(|_, mark| mark.stands || mark.set_again.is_some_and(|at| now < at + every));
    }

    /// Divides a plan: what may be written, in its order, and what is left because others set it.
    pub fn divide(&self, changes: Vec<Change>, now: Duration, at: Timestamp) -> (Vec<Change>, Vec<Contested>) {
        let (mut through, mut contested) = (Vec::with_capacity(changes.len()), Vec::new());
        for change in changes {
            let mark = self.marks.get(&change.client).filter(|mark| mark.stands);
            let due = mark.and_then(|mark| mark.set_again).map(|before| before + self.every).filter(|due| *due > now);
            // An ERROR that we did not set, whenever that was.
            let not_ours = change.from == Some(Status::Error) && !self.ours.contains(&change.client);
            let left = match (self.policy, change.to) {
                (ForeignPolicy::Ours, _) => false,
                (ForeignPolicy::Theirs, _) => mark.is_some(),
                (ForeignPolicy::OnlyError | ForeignPolicy::OnlyClearOurs, Status::Error) => false,
                (ForeignPolicy::OnlyError, Status::Ok) => mark.is_some(),
                (ForeignPolicy::OnlyClearOurs, Status::Ok) => mark.is_some() || not_ours,
            };
            if left || due.is_some() {
                let again_at = due.filter(|_| !left).map(|due| at + (due - now));
                contested.push(Contested { change, noticed: mark.map(|mark| mark.noticed), again_at });
            } else {
                through.push(change);
            }
        }
        (through, contested)
    }
}

/// Statuses that differ from what was known and that we did not write. `known` is an older directory with what was written
/// since; of both it and what was seen of our writes before this process began, the newer counts. Clients in `unsure` are left
/// out.
pub(super) fn flips(
    now: &Directory,
    older: Option<&Directory>,
    written: &Shown,
    recalled: &Recalled,
    unsure: &BTreeSet<ClientId>,
) -> Vec<Flip> {
    let flip = |client: ClientId, shows: Option<Status>| {
        let known = match written.statuses.get(&client) {
            Some(status) => *status,
            None => {
                let before = older.and_then(|older| Some((older.client(client)?.status, older.read_at())));
                match (before, recalled.get(&client)) {
                    (Some((status, read)), Some((_, seen))) if read >= *seen => status,
                    (_, Some((status, _))) => Some(*status),
                    (Some((status, _)), None) => status,
                    (None, None) => None,
                }
            }
        };
        // What was neither OK nor ERROR, or is so now, is nobody's word.
        (known.is_some() && shows.is_some() && known != shows && !unsure.contains(&client))
            .then_some(Flip { client, shows })
    };
    now.clients().filter_map(|client| flip(client.id, client.status)).collect()
}

/// What the pusher shows of others.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ForeignView {
    /// The policy, as the configuration says it.
    pub policy: &'static str,
    /// Statuses that others changed, since the start.
    pub flips: u64,
    /// Statuses that are left, for now or for good, because others set them.
    pub contested: usize,
    /// The first of them.
    pub listed: Vec<Contested>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::directory::testing::{client_id, directory, row};
    use super::super::matching::testing::onu;
    use super::*;
    use crate::model::SweepKind;

    const EVERY: Duration = Duration::from_secs(600);
    const AT: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const NOW: Duration = Duration::from_secs(5_000);

    fn change(n: u32, to: Status) -> Change {
        let from = Some(if to == Status::Ok { Status::Error } else { Status::Ok });
        Change {
            client: client_id(n),
            code: None,
            name: None,
            from,
            to,
            reason: Arc::from("test"),
            incident: None,
            evidence: SweepKind::State,
            onu: onu("a", n, "", "", "").onu,
            pon: None,
            number: None,
            matched_by: "serial",
        }
    }

    /// Whether each of: an OK of others where there is trouble, an ERROR of others where there is none, an ERROR that was there
    /// before we looked, an ERROR of ours that can be cleared, passes.
    fn passes(policy: ForeignPolicy) -> [bool; 4] {
        let mut foreign = Foreign::new(policy, EVERY);
        foreign.recall([(client_id(4), Status::Error, AT)]);
        let flip = |n, shows| Flip { client: client_id(n), shows: Some(shows) };
        foreign.noticed(&[flip(1, Status::Ok), flip(2, Status::Error)], AT);
        let changes =
            vec![change(1, Status::Error), change(2, Status::Ok), change(3, Status::Ok), change(4, Status::Ok)];
        let (through, contested) = foreign.divide(changes, NOW, AT);
        assert_eq!(through.len() + contested.len(), 4);
        assert!(contested.iter().all(|one| one.again_at.is_none()));
        [1, 2, 3, 4].map(|n| through.iter().any(|change| change.client == client_id(n)))
    }

    #[test]
    fn each_policy_leaves_what_it_says() {
        assert_eq!(passes(ForeignPolicy::Ours), [true, true, true, true]);
        assert_eq!(passes(ForeignPolicy::Theirs), [false, false, true, true]);
        assert_eq!(passes(ForeignPolicy::OnlyError), [true, false, true, true]);
        assert_eq!(passes(ForeignPolicy::OnlyClearOurs), [true, false, false, true]);
    }

    #[test]
    fn what_others_change_again_and_again_is_set_again_only_so_often() {
        let mut foreign = Foreign::new(ForeignPolicy::Ours, EVERY);
        let flip = [Flip { client: client_id(1), shows: Some(Status::Ok) }];
        foreign.noticed(&flip, AT);
        let divide = |foreign: &Foreign, now| foreign.divide(vec![change(1, Status::Error)], now, AT);
        assert_eq!(divide(&foreign, NOW).0.len(), 1, "at once the first time");
        foreign.written(client_id(1), Status::Error, NOW);
        foreign.noticed(&flip, AT);
        let soon = NOW + Duration::from_secs(60);
        let (through, contested) = divide(&foreign, soon);
        assert_eq!((through.len(), contested[0].again_at), (0, Some(AT + Duration::from_secs(540))));
        assert_eq!(divide(&foreign, NOW + EVERY).0.len(), 1);
        assert_eq!(foreign.flips(), 2);
    }

    #[test]
    fn once_the_truth_agrees_with_others_the_next_change_is_ours_again() {
        let mut foreign = Foreign::new(ForeignPolicy::Theirs, EVERY);
        foreign.noticed(&[Flip { client: client_id(1), shows: Some(Status::Ok) }], AT);
        assert_eq!(foreign.divide(vec![change(1, Status::Error)], NOW, AT).0, []);
        assert_eq!(foreign.standing().into_iter().collect::<Vec<_>>(), [client_id(1)]);
        foreign.agreed(&[client_id(1)], NOW);
        assert_eq!(foreign.divide(vec![change(1, Status::Error)], NOW, AT).0.len(), 1);
        assert!(foreign.marks.is_empty(), "nothing is kept of what is over");
    }

    #[test]
    fn a_status_that_differs_from_what_was_known_and_that_we_did_not_write_was_flipped() {
        let with = |statuses: [Option<Status>; 6]| {
            directory((1_u32..).zip(statuses).map(|(n, status)| {
                let mut row = row(n, "", "", "");
                row.client.status = status;
                row
            }))
        };
        let (ok, error) = (Some(Status::Ok), Some(Status::Error));
        let older = with([ok, ok, ok, ok, None, ok]);
        let now = with([error, ok, ok, error, error, error]);
        // 3 was written ERROR and shows OK; 4 was written ERROR and shows it; of 6 nobody knows what came of its write.
        let mut written = Shown::default();
        written.statuses.insert(client_id(3), error);
        written.statuses.insert(client_id(4), error);
        let found = flips(&now, Some(&older), &written, &HashMap::new(), &BTreeSet::from([client_id(6)]));
        let expected = [Flip { client: client_id(1), shows: error }, Flip { client: client_id(3), shows: ok }];
        assert_eq!(found, expected);
        // After a restart there is no older directory, only what was seen of our own writes.
        let recalled = |at| HashMap::from([2, 4].map(|n| (client_id(n), (Status::Error, at))));
        let older_at = older.read_at();
        let found = flips(&now, None, &Shown::default(), &recalled(AT), &BTreeSet::new());
        assert_eq!(found, [Flip { client: client_id(2), shows: ok }]);
        // Where there is one, what was written after it counts, and what was written before it does not.
        let of = |at| {
            flips(&now, Some(&older), &Shown::default(), &recalled(at), &BTreeSet::from([client_id(1), client_id(6)]))
        };
        assert_eq!(of(older_at + EVERY), [Flip { client: client_id(2), shows: ok }]);
        assert_eq!(of(Timestamp::from_millis(0)), [Flip { client: client_id(4), shows: error }]);
    }
}
