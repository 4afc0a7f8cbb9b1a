//! Putting back what was written, from the journal. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::desired::Change;
use super::ids::{ClientId, Status};
use crate::model::{SweepKind, Timestamp};
use crate::store::journal::{Ending, Entry};

/// One client that was written since a time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PutBack {
    /// The client.
    pub client: ClientId,
    /// What it showed before we first wrote it since then; `None` when that is not known, or was neither OK nor ERROR.
    pub before: Option<Status>,
    /// What we wrote last.
    pub wrote: Status,
    /// What it shows now; `None` when OZmap does not know it any more, or it is neither OK nor ERROR.
    pub shows: Option<Status>,
    /// How often it was written since then.
    pub writes: usize,
    /// When it was first written since then.
    pub first: Timestamp,
    /// Why it was last written.
    pub why: String,
    /// What follows.
    pub verdict: Verdict,
    /// The same as a change, where it is to be written.
    #[serde(skip)]
    pub change: Option<Change>,
}

/// What is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What it showed before is written.
    Write,
    /// It shows that already.
    Already,
    /// It does not show what we wrote last: somebody else changed it since, and it is left.
    ChangedByOthers,
    /// It is not known what it showed before: it is left.
    Unknown,
    /// OZmap does not know it any more.
    Gone,
}

impl Verdict {
    /// As the terminal says it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Write => "put back",
            Self::Already => "shows it already",
            Self::ChangedByOthers => "left: others changed it since",
            Self::Unknown => "left: it is not known what it showed",
            Self::Gone => "left: OZmap does not know it any more",
        }
    }
}

/// Clients that entries of the journal may have changed, sorted. `entries` are oldest first.
#[must_use]
pub fn written_clients(entries: &[Entry]) -> Vec<ClientId> {
    let clients: BTreeMap<ClientId, ()> = entries
        .iter()
        .filter(|entry| may_have_happened(entry))
        .map(|entry| (ClientId::from_octets(entry.intent.client), ()))
        .collect();
    clients.into_keys().collect()
}

/// What OZmap refused, or was seen not to show, was not written.
fn may_have_happened(entry: &Entry) -> bool {
    !matches!(entry.ended, Some((_, Ending::Refused | Ending::Other)))
}

/// What putting back means for each client that these entries may have changed. `shows` is what OZmap shows of them now.
#[must_use]
pub fn put_back(entries: &[Entry], shows: &HashMap<ClientId, Option<Status>>) -> Vec<PutBack> {
    let mut of_clients: BTreeMap<ClientId, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| may_have_happened(entry)) {
        of_clients.entry(ClientId::from_octets(entry.intent.client)).or_default().push(entry);
    }
    let one = |(client, entries): (ClientId, Vec<&Entry>)| {
        let (first, last) = (*entries.first()?, *entries.last()?);
        let status = |number: u8| Status::from_number(i64::from(number));
        let (before, wrote) = (first.intent.was.and_then(status), status(last.intent.wanted)?);
        let shown = shows.get(&client).copied();
        let verdict = match (shown, before) {
            (None, _) => Verdict::Gone,
            (Some(_), None) => Verdict::Unknown,
            (Some(now), before) if now == before => Verdict::Already,
            (Some(now), _) if now != Some(wrote) => Verdict::ChangedByOthers,
            (Some(_), Some(_)) => Verdict::Write,
        };
        let change = before.filter(|_| verdict == Verdict::Write).map(|to| Change {
            client,
            code: None,
            name: None,
            from: Some(wrote),
            to,
            reason: Arc::from(format!("put back as it was before {}", first.made)),
            incident: None,
            evidence: SweepKind::State,
            onu: last.intent.onu.clone(),
            pon: None,
            number: None,
            matched_by: "journal",
        });
        Some(PutBack {
            client,
            before,
            wrote,
            shows: shown.flatten(),
            writes: entries.len(),
            first: first.made,
            why: last.intent.why.clone(),
            verdict,
            change,
        })
    };
    of_clients.into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::directory::testing::client_id;
    use super::super::matching::testing::onu;
    use super::*;
    use crate::store::journal::{Intent, Origin};

    fn entry(id: i64, n: u32, was: Option<u8>, wanted: u8, ending: Option<Ending>) -> Entry {
        let made = Timestamp::from_millis(1_790_000_000_000 + u64::try_from(id).unwrap());
        Entry {
            id,
            made,
            intent: Intent {
                client: client_id(n).octets(),
                was,
                wanted,
                origin: Origin::Push,
                onu: onu("a", n, "", "", "").onu,
                why: "light lost".to_owned(),
                incident: None,
            },
            ended: ending.map(|ending| (made, ending)),
        }
    }

    #[test]
    fn what_we_wrote_last_is_put_back_as_it_was_before_we_first_did() {
        let shown = Some(Ending::Shown);
        let entries = [
            entry(1, 1, Some(0), 1, shown),
            entry(2, 2, Some(1), 0, shown),
            entry(3, 2, Some(0), 1, shown),
            entry(4, 3, Some(0), 1, None),
            entry(5, 4, Some(0), 1, shown),
            entry(6, 5, None, 1, shown),
            entry(7, 6, Some(0), 1, Some(Ending::Refused)),
            entry(8, 7, Some(0), 1, Some(Ending::Other)),
            entry(9, 8, Some(0), 1, shown),
            // Its first write was overtaken before anybody saw it.
            entry(10, 9, Some(1), 0, Some(Ending::Replaced)),
            entry(11, 9, None, 0, shown),
        ];
        let (ok, error) = (Some(Status::Ok), Some(Status::Error));
        let shows = HashMap::from(
            [(1, error), (2, error), (3, error), (4, ok), (5, error), (9, ok)]
                .map(|(n, status)| (client_id(n), status)),
        );
        assert_eq!(written_clients(&entries), [1, 2, 3, 4, 5, 8, 9].map(client_id));
        let found = put_back(&entries, &shows);
        let verdicts: Vec<_> = found.iter().map(|one| (one.client, one.verdict)).collect();
        assert_eq!(
            verdicts,
            [
                (client_id(1), Verdict::Write),
                (client_id(2), Verdict::Already),
                (client_id(3), Verdict::Write),
                (client_id(4), Verdict::Already),
                (client_id(5), Verdict::Unknown),
                (client_id(8), Verdict::Gone),
                (client_id(9), Verdict::Write),
            ]
        );
        let change = found[6].change.as_ref().unwrap();
        assert_eq!((change.from, change.to), (ok, Status::Error));
    }

    #[test]
    fn what_others_changed_since_is_left() {
        let entries = [entry(1, 1, Some(1), 0, Some(Ending::Shown)), entry(2, 1, Some(0), 1, Some(Ending::Shown))];
        // Before it showed 1; we wrote 0, then 1, and somebody wrote 0: neither ours nor what was before.
        let shows = HashMap::from([(client_id(1), Some(Status::Ok))]);
        assert_eq!(put_back(&entries, &shows)[0].verdict, Verdict::ChangedByOthers);
        let nothing = HashMap::from([(client_id(1), None)]);
        assert_eq!(put_back(&entries, &nothing)[0].verdict, Verdict::ChangedByOthers);
    }
}
