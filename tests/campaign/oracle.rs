//! What the policy towards others leaves as it is, told from who changed what rather than from what the pusher says.

use std::collections::{BTreeMap, BTreeSet};

use oltwatch::config::ForeignPolicy;
use oltwatch::sim::ozmap::{ChangedBy, SimulatedOzmap};

/// Codes of clients whose status others set last, or before anybody looked, and that the policy leaves so.
pub fn left_to_others(policy: ForeignPolicy, ozmap: &SimulatedOzmap) -> BTreeSet<String> {
    let last: BTreeMap<_, _> = ozmap.changes_since(0).into_iter().map(|change| (change.client, change.by)).collect();
    let is_left = |by: Option<&ChangedBy>, is_error: bool| match policy {
        ForeignPolicy::Ours => false,
        ForeignPolicy::Theirs => by == Some(&ChangedBy::Other),
        ForeignPolicy::OnlyError => is_error && by == Some(&ChangedBy::Other),
        ForeignPolicy::OnlyClearOurs => is_error && by.is_none_or(|by| *by == ChangedBy::Other),
    };
    let left = ozmap.clients().into_iter().filter(|client| is_left(last.get(&client.id), client.status == 1));
    left.map(|client| client.code).collect()
}
