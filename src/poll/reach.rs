//! Which part of an OLT a sweep reads, and where the rows of that part stand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::connect::Poller;
use super::slices;
use crate::mib::{Profile, ReadMode, Rows, TableRead};
use crate::model::{OnuState, PonId, Reading, SweepKind, SweepScope};

/// What a sweep is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whose ONUs.
    pub(super) scope: SweepScope,
    /// Whether tables of PON ports are read too: once a round, as they cannot be cut.
    pub(super) ports: bool,
}

impl Reach {
    pub(super) const WHOLE: Self = Self { scope: SweepScope::Whole, ports: true };
}

/// Whether a sweep asks for this ONU: for levels only while it is not known to be down.
pub(super) fn is_asked(kind: SweepKind, onu: &Reading) -> bool {
    kind != SweepKind::Optics || onu.state != Ok(OnuState::Down)
}

impl Poller {
    /// The slices of a round of optics: PONs with ONUs that are not down, in runs of about as many ONUs; the whole OLT in
    /// one where its family's tables cannot be cut at PONs. `spent` is how long the round before read.
    pub(super) fn optics_round(&self, spent: Duration) -> Vec<Reach> {
        let mut onus: BTreeMap<PonId, usize> = BTreeMap::new();
        for onu in self.view.onus().filter(|onu| is_asked(SweepKind::Optics, onu)) {
            let Some(pon) = onu.pon else { return vec![Reach::WHOLE] };
            *onus.entry(pon).or_default() += 1;
        }
        let wanted = slices::wanted(onus.values().sum(), spent, self.intervals().state);
        let cut = slices::cut(&onus, wanted);
        if cut.len() < 2 || !self.can_cut(SweepKind::Optics) {
            return vec![Reach::WHOLE];
        }
        let reach = |(place, pons)| Reach { scope: SweepScope::Pons(pons), ports: place == 0 };
        cut.into_iter().enumerate().map(reach).collect()
    }

    /// Whether a sweep of this kind can read some PONs and leave the others alone: where every table's index begins
    /// with the PON, or its rows are read one by one.
    pub(super) fn can_cut(&self, kind: SweepKind) -> bool {
        let Some(identity) = &self.identity else { return false };
        let profile = &identity.profile;
        let reads: Vec<TableRead> =
            profile.reads(kind).into_iter().filter(|read| read.rows == Rows::Onu && read.mode != ReadMode::GetUp).collect();
        let examples = self.one_of_each_pon(kind, &SweepScope::Whole);
        let prefix = |read: &TableRead, onu: &Reading| profile.pon_prefix(read.table, &onu.key, onu.pon).is_some();
        reads.iter().all(|read| examples.values().all(|onu| prefix(read, onu)))
    }

    /// What the indexes of a table's rows begin with on these PONs; sorted. PONs on which no ONU is asked for are left
    /// out.
    pub(super) fn prefixes_within(
        &self,
        profile: &Profile,
        kind: SweepKind,
        read: &TableRead,
        scope: &SweepScope,
    ) -> Vec<Vec<u32>> {
        let examples = self.one_of_each_pon(kind, scope);
        let prefixes: BTreeSet<Vec<u32>> =
            examples.values().filter_map(|onu| profile.pon_prefix(read.table, &onu.key, onu.pon)).collect();
        prefixes.into_iter().collect()
    }

    /// An ONU that is asked for of each PON.
    fn one_of_each_pon(&self, kind: SweepKind, scope: &SweepScope) -> BTreeMap<PonId, &Reading> {
        let mut examples: BTreeMap<PonId, &Reading> = BTreeMap::new();
        for onu in self.view.onus().filter(|onu| scope.covers(onu.pon) && is_asked(kind, onu)) {
            if let Some(pon) = onu.pon {
                examples.entry(pon).or_insert(onu);
            }
        }
        examples
    }
}
