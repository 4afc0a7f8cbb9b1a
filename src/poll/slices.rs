//! How a round of optics is cut into slices, PON by PON. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::PonId;

/// ONUs in a slice at least, where the OLT has as many: a handful of levels cannot tell a fault of their own from one
/// of the OLT's arithmetic, and each slice costs a request for the uptime and a judgement.
const FEWEST_ONUS: usize = 32;
/// Slices of a round, unless they are too slow for the state sweeps between them.
const USUAL_MOST: usize = 32;
/// A slice should not keep a state sweep waiting for longer than this share of the state interval.
const SHARE_OF_STATE: u32 = 4;

/// How many slices a round should have, for so many ONUs. `spent` is what the round before took of the OLT's time, zero
/// when there was none.
pub(super) fn wanted(onus: usize, spent: Duration, state_every: Duration) -> usize {
    let usual = (onus / FEWEST_ONUS).clamp(1, USUAL_MOST);
    let patience = (state_every / SHARE_OF_STATE).max(Duration::from_millis(1));
    let needed = spent.as_millis().div_ceil(patience.as_millis().max(1));
    usual.max(usize::try_from(needed).unwrap_or(usize::MAX))
}

/// Cuts PONs with so many ONUs each into at most `slices` runs of neighbours with about as many ONUs each.
pub(super) fn cut(onus: &BTreeMap<PonId, usize>, slices: usize) -> Vec<BTreeSet<PonId>> {
    let total: usize = onus.values().sum();
    let slices = slices.max(1);
    let mut cut: Vec<BTreeSet<PonId>> = Vec::new();
    let mut current = BTreeSet::new();
    let mut before = 0;
    for (pon, count) in onus {
        current.insert(*pon);
        before += count;
        // A slice ends where its share of all ONUs does.
        if before * slices >= total * (cut.len() + 1) {
            cut.push(std::mem::take(&mut current));
            // A large PON may have taken the shares of several.
            if cut.len() + 1 >= slices {
                break;
            }
        }
    }
    let taken = cut.iter().map(BTreeSet::len).sum::<usize>() + current.len();
    current.extend(onus.keys().skip(taken));
    if !current.is_empty() {
        cut.push(current);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pons(counts: &[usize]) -> BTreeMap<PonId, usize> {
        (0_u32..).zip(counts).map(|(number, count)| (PonId::new(&[0, number]).unwrap(), *count)).collect()
    }

    fn sizes(counts: &[usize], slices: usize) -> Vec<usize> {
        let pons = pons(counts);
        let cut = cut(&pons, slices);
        let all: Vec<PonId> = cut.iter().flatten().copied().collect();
        assert_eq!(all, pons.keys().copied().collect::<Vec<_>>(), "each PON once, in order");
        cut.iter().map(|slice| slice.iter().map(|pon| pons[pon]).sum()).collect()
    }

    #[test]
    fn pons_are_cut_into_slices_of_about_as_many_onus() {
        assert_eq!(sizes(&[64; 16], 4), [256; 4]);
        assert_eq!(sizes(&[64; 16], 100), [64; 16]);
        assert_eq!(sizes(&[10, 10, 10], 1), [30]);
        assert_eq!(sizes(&[100, 1, 1, 1], 4), [100, 1, 1, 1]);
        assert_eq!(sizes(&[1, 1, 1, 100], 4), [103]);
        assert_eq!(sizes(&[], 4), [0; 0]);
        assert_eq!(sizes(&[0, 0, 5], 2), [5]);
        for slices in 1..40 {
            let sizes = sizes(&[3, 64, 12, 90, 1, 33, 128, 7, 7, 64, 2, 2], slices);
            assert!(sizes.len() <= slices && !sizes.contains(&0), "{slices}: {sizes:?}");
        }
    }

    #[test]
    fn a_small_olt_is_one_slice_and_a_slow_one_many() {
        let minute = Duration::from_secs(60);
        assert_eq!(wanted(40, Duration::ZERO, minute), 1);
        assert_eq!(wanted(640, Duration::ZERO, minute), 20);
        assert_eq!(wanted(16_000, Duration::ZERO, minute), 32);
        assert_eq!(wanted(640, Duration::from_secs(600), minute), 40);
        assert_eq!(wanted(640, Duration::from_secs(600), Duration::ZERO), 600_000);
    }
}
