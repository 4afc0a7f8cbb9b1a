//! Whether a series falls, by how much a day, and how sure that is.

use super::{median, whole};

/// Points, and days between the first and the last of them, that make a slope.
const LEAST_POINTS: usize = 10;
const LEAST_SPAN: i32 = 13;
/// Mann–Kendall's normal score for p = 0.01, two-sided.
const SIGNIFICANT: f64 = 2.576;

/// A fall that is no accident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    /// In the points' unit; negative.
    pub(super) per_day: f64,
    /// Chance that it is no accident, in percent.
    pub(super) confidence: u8,
    /// The middle of the oldest three points.
    pub(super) from: i16,
    /// The middle of the newest three.
    pub(super) to: i16,
    /// Between the first and the last.
    pub(super) days: u32,
}

/// The slope of points (age in days, value), the oldest first, when they fall significantly and by at least `needed`:
/// Theil–Sen's, with the test of Mann and Kendall.
pub(super) fn fit(points: &[(i32, i16)], needed: i16) -> Option<Slope> {
    let span = points.first()?.0 - points.last()?.0;
    if points.len() < LEAST_POINTS || span < LEAST_SPAN {
        return None;
    }
    let mut oldest: Vec<i16> = points.iter().take(3).map(|(_, value)| *value).collect();
    let mut newest: Vec<i16> = points.iter().rev().take(3).map(|(_, value)| *value).collect();
    let (from, to) = (median(&mut oldest)?, median(&mut newest)?);
    // Cheap, and rarely true.
    if from - to < needed {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    let mut score = 0_i32;
    for (place, (age, value)) in points.iter().enumerate() {
        for (later_age, later) in points.iter().skip(place + 1) {
            let rise = i32::from(later - value);
            score += rise.signum();
            slopes.push(f64::from(rise) / f64::from((age - later_age).max(1)));
        }
    }
    let middle = slopes.len() / 2;
    let per_day = *slopes.select_nth_unstable_by(middle, f64::total_cmp).1;
    let fall = -per_day * f64::from(span);
    let z = score_of(score, points);
    if fall < f64::from(needed) || z > -SIGNIFICANT {
        return None;
    }
    // No accident for sure is not to be had.
    let confidence = u8::try_from(whole((1.0 - two_sided(z)) * 100.0)).unwrap_or(99).min(99);
    Some(Slope { per_day, confidence, from, to, days: u32::try_from(span).unwrap_or(0) })
}

/// Mann–Kendall's score as a normal one, with ties.
fn score_of(score: i32, points: &[(i32, i16)]) -> f64 {
    let ties = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let mut values: Vec<i16> = points.iter().map(|(_, value)| *value).collect();
    values.sort_unstable();
    let count = |points: usize| f64::from(u32::try_from(points).unwrap_or(u32::MAX));
    let tied: f64 = values.chunk_by(|a, b| a == b).map(|group| ties(count(group.len()))).sum();
    let variance = (ties(count(points.len())) - tied) / 18.0;
    if variance <= 0.0 { 0.0 } else { f64::from(score - score.signum()) / variance.sqrt() }
}

/// The chance of a normal score at least this far from 0 (Abramowitz and Stegun, 7.1.26; wrong by less than 2e-7).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (series * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_score_s_chance_is_the_tables() {
        for (z, chance) in [(0.0, 1.0), (1.96, 0.05), (-2.576, 0.01), (3.291, 0.001)] {
            assert!((two_sided(z) - chance).abs() < 2e-4, "{z}: {}", two_sided(z));
        }
    }

    #[test]
    fn a_straight_fall_is_found_and_noise_and_a_rise_are_not() {
        let points = |of: fn(i32) -> i32| -> Vec<(i32, i16)> {
            (0..20).map(|day| (19 - day, i16::try_from(of(day)).unwrap())).collect()
        };
        let slope = fit(&points(|day| -3 * day), 20).unwrap();
        assert_eq!((slope.per_day, slope.from, slope.to, slope.days, slope.confidence), (-3.0, -3, -54, 19, 99));
        assert_eq!(fit(&points(|day| 3 * day), 20), None);
        assert_eq!(fit(&points(|day| day * 37 % 11 * 3), 5), None);
        assert_eq!(fit(&points(|day| -3 * day)[..9], 20), None, "too few");
    }
}
