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

    /// Whether a sweep of this kind can read some PONs and leave the others alone.
    pub(super) fn can_cut(&self, kind: SweepKind) -> bool {
        let Some(identity) = &self.identity else { return false };
        let profile = &identity.profile;
        let reads = profile.reads(kind);
        let mut walks = reads.iter().filter(|read| read.rows == Rows::Onu && read.mode != ReadMode::GetUp);
        walks.all(|read| self.pieces(profile, kind, read, &SweepScope::Whole).is_some())
    }

    /// Where the rows of the ONUs that are asked for stand in a table, of these PONs: a piece for each PON. `None` where the
    /// table's rows do not lie together by PON.
    pub(super) fn pieces(
        &self,
        profile: &Profile,
        kind: SweepKind,
        read: &TableRead,
        scope: &SweepScope,
    ) -> Option<Pieces> {
        let mut prefixes: BTreeSet<Vec<u32>> = BTreeSet::new();
        let mut seen: BTreeSet<PonId> = BTreeSet::new();
        for onu in self.view.onus().filter(|onu| scope.covers(onu.pon) && is_asked(kind, onu)) {
            let Some(pon) = onu.pon.filter(|pon| !seen.contains(pon)) else { continue };
            match profile.pon_prefix(read.table, &onu.key, Some(pon)) {
                Some(prefix) => prefixes.insert(prefix),
                None => return self.ranges(profile, kind, read, scope).map(Pieces::Ranges),
            };
            seen.insert(pon);
        }
        Some(Pieces::Prefixes(prefixes.into_iter().collect()))
    }

    /// Ranges of rows, a PON each, of a table whose index does not begin with the PON but may be sorted by it all the same:
    /// numbers that are packed from slot, port and ONU.
    fn ranges(
        &self,
        profile: &Profile,
        kind: SweepKind,
        read: &TableRead,
        scope: &SweepScope,
    ) -> Option<Vec<RowRange>> {
        // An ONU whose index cannot be made has no row there: it is of another technology.
        let row =
            |onu: &Reading| Some((profile.row_index(read.table, &onu.key, onu.pon)?, onu.pon?, is_asked(kind, onu)));
        let mut rows: Vec<(Vec<u32>, PonId, bool)> = self.view.onus().filter_map(row).collect();
        rows.sort_unstable();
        let mut ranges: Vec<RowRange> = Vec::new();
        let mut left: BTreeSet<PonId> = BTreeSet::new();
        let (mut before, mut current): (Option<Vec<u32>>, Option<PonId>) = (None, None);
        for (index, pon, is_asked) in rows {
            let is_new = current.replace(pon) != Some(pon);
            if is_new && !left.insert(pon) {
                return None; // it was left already: the table is not sorted by PON
            }
            if is_asked && scope.covers(Some(pon)) {
                match ranges.last_mut().filter(|range| range.pon == pon) {
                    Some(range) => {
                        range.until.clone_from(&index);
                        range.rows += 1;
                    }
                    None => ranges.push(RowRange { pon, after: before.take(), until: index.clone(), rows: 1 }),
                }
            }
            before = Some(index);
        }
        Some(ranges)
    }
}

/// Parts of a table, a PON each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pieces {
    /// What the rows' indexes begin with.
    Prefixes(Vec<Vec<u32>>),
    /// From one row to another.
    Ranges(Vec<RowRange>),
}

/// A run of a table's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowRange {
    pon: PonId,
    /// The known row before the first; `None` where there is none.
    pub(super) after: Option<Vec<u32>>,
    /// The last row.
    pub(super) until: Vec<u32>,
    /// Known rows that are asked for.
    pub(super) rows: usize,
}
