//! Whose each ONU is, for those who show ONUs. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::desired::Candidate;
use super::directory::Directory;
use super::ids::{ClientId, ElementId};
use super::matching::Matches;
use crate::model::{OltId, OnuId, OnuKey};

/// The client of an ONU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The client.
    pub client: ClientId,
    /// Its code.
    pub code: Option<Arc<str>>,
    /// The box (CTO) that its drop comes from.
    pub box_id: Option<ElementId>,
}

/// The clients of all ONUs that have exactly one, reservations included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<OltId, Vec<(OnuKey, Owner)>>);

impl Owners {
    /// From matches. `onus` is the list that was matched.
    #[must_use]
    pub fn new(onus: &[Candidate<'_>], matches: &Matches, directory: &Directory) -> Self {
        let owned = matches.matched.iter().chain(&matches.not_implanted).filter_map(|one| {
            let client = directory.client(one.client)?;
            let owner = Owner { client: client.id, code: client.code.map(Arc::from), box_id: client.box_id };
            Some((onus.get(one.onu)?.wish.identity.onu.clone(), owner))
        });
        owned.collect()
    }

    /// The ONUs of an OLT that have exactly one client, sorted by key.
    #[must_use]
    pub fn of_olt(&self, olt: &OltId) -> &[(OnuKey, Owner)] {
        self.0.get(olt).map_or(&[], Vec::as_slice)
    }

    /// The client of an ONU, if it has exactly one.
    #[must_use]
    pub fn of(&self, olt: &OltId, key: &OnuKey) -> Option<&Owner> {
        let owners = self.0.get(olt)?;
        let place = owners.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
        owners.get(place).map(|(_, owner)| owner)
    }
}

impl FromIterator<(OnuId, Owner)> for Owners {
    fn from_iter<I: IntoIterator<Item = (OnuId, Owner)>>(owned: I) -> Self {
        let mut owners: BTreeMap<OltId, Vec<(OnuKey, Owner)>> = BTreeMap::new();
        for (onu, owner) in owned {
            owners.entry(onu.olt).or_default().push((onu.key, owner));
        }
        for owners in owners.values_mut() {
            owners.sort_by(|(one, _), (other, _)| one.cmp(other));
            owners.shrink_to_fit();
        }
        Self(owners)
    }
}

#[cfg(test)]
mod tests {
    use super::super::desired::Wish;
    use super::super::directory::testing::{client_id, directory, row};
    use super::super::matching::{Rule, match_onus, testing::onu};
    use super::*;
    use crate::config::MatchBy;
    use crate::model::Verdict;

    #[test]
    fn an_onu_with_one_client_has_an_owner_and_any_other_has_none() {
        let mut reserved = row(2, "ZTEG00000002", "", "20");
        reserved.client.implanted = false;
        let directory = directory([row(1, "ZTEG00000001", "", "10"), reserved, row(3, "ZTEG00000003", "", "30")]);
        let wishes: Vec<Wish> = [("b", 9, 1), ("b", 2, 2), ("a", 7, 3), ("a", 8, 3), ("a", 1, 4)]
            .into_iter()
            .map(|(olt, number, serial)| Wish {
                identity: onu(olt, number, &format!("ZTEG{serial:08X}"), "", ""),
                verdict: Verdict::Hold,
                evidence: crate::model::SweepKind::State,
                reason: "".into(),
                rx: None,
                incident: None,
            })
            .collect();
        let onus: Vec<Candidate<'_>> = wishes.iter().map(|wish| Candidate { wish, complete: true }).collect();
        let matches =
            match_onus(&onus, &directory, Rule { order: &[MatchBy::Serial], code_pattern: None, pppoe_pattern: None });
        let owners = Owners::new(&onus, &matches, &directory);
        let codes: Vec<Option<&str>> = wishes
            .iter()
            .map(|wish| &wish.identity.onu)
            .map(|onu| owners.of(&onu.olt, &onu.key).and_then(|owner| owner.code.as_deref()))
            .collect();
        assert_eq!(codes, [Some("10"), Some("20"), None, None, None]);
        let first = &wishes[0].identity.onu;
        assert_eq!(owners.of(&first.olt, &first.key).map(|owner| owner.client), Some(client_id(1)));
        assert_eq!(owners.of(&OltId::new("c"), &first.key), None);
    }
}
