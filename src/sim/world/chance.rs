//! Chance that depends on nothing but what it is about: who, when, and which question. So a reading at a time is the
//! same whoever reads it, and however often.

/// A hash of these numbers (the finalizer of SplitMix64 after each).
pub(super) fn hash(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9E37_79B9_7F4A_7C15, |state, number| {
        let mut mixed = (state ^ number).wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    })
}

/// An even draw from 0 (with) to 1 (without).
pub(super) fn even(numbers: &[u64]) -> f64 {
    // 53 bits: what an f64 holds.
    #[allow(clippy::cast_precision_loss)]
    let draw = (hash(numbers) >> 11) as f64;
    draw / 9_007_199_254_740_992.0
}

/// A nearly normal draw with mean 0 and deviation 1, within ±3.5: the sum of four even ones, scaled.
pub(super) fn normal(numbers: &[u64]) -> f64 {
    let bits = hash(numbers);
    let sum: f64 = (0..4)
        .map(|part| {
            // Sixteen bits of the hash.
            #[allow(clippy::cast_precision_loss)]
            let draw = ((bits >> (16 * part)) & 0xffff) as f64;
            draw / 65_536.0
        })
        .sum();
    (sum - 2.0) * 1.732
}

/// Milliseconds drawn from a range.
pub(super) fn millis(low: u64, high: u64, numbers: &[u64]) -> u64 {
    low + hash(numbers) % high.saturating_sub(low).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_normal_and_repeatable() {
        let count: u32 = 20_000;
        let all = |draw: &dyn Fn(u64) -> f64| (0..u64::from(count)).map(draw).sum::<f64>() / f64::from(count);
        assert!((all(&|number| even(&[1, number])) - 0.5).abs() < 0.01);
        assert!(all(&|number| normal(&[1, number])).abs() < 0.03);
        assert!((all(&|number| normal(&[1, number]).powi(2)) - 1.0).abs() < 0.05);
        assert_eq!(hash(&[1, 2]), hash(&[1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert!((0..1000).all(|number| (5..9).contains(&millis(5, 9, &[number]))));
    }
}
