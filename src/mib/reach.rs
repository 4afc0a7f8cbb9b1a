//! What numbers a scale can give at all, over every raw number of 32 bits. Pure arithmetic, for the linter.

use super::value::Scale;

/// Raw numbers that an agent can send: INTEGER, and the unsigned types, of 32 bits.
const RAW: (f64, f64) = (-2_147_483_648.0, 4_294_967_295.0);
/// Raw numbers of a column whose 16 bits are folded.
const FOLDED: (f64, f64) = (-32_768.0, 32_767.0);

/// Whether any raw number (or text, where the scale reads texts) comes to a number within the window.
pub(super) fn can_give(scale: &Scale, (low, high): (f64, f64)) -> bool {
    // Numbers are rounded to the device's decimals before they are looked at.
    let half = 0.5 * 10_f64.powi(-i32::try_from(scale.decimals).unwrap_or(3));
    let (low, high) = (low - half, high + half);
    if scale.text.is_some() {
        // A text can hold any number; only its sign is decided.
        return !scale.magnitude || low <= 0.0;
    }
    if scale.milliwatts {
        let raw = |level: f64| 10_f64.powf(level / 10.0) / scale.factor;
        return holds_whole_number(raw(low), raw(high), (1.0, RAW.1));
    }
    let range = if scale.signed16 { FOLDED } else { RAW };
    let raw = |number: f64| (number - scale.offset) / scale.factor;
    let between = |low: f64, high: f64| {
        let (one, other) = (raw(low), raw(high));
        low <= high && holds_whole_number(one.min(other), one.max(other), range)
    };
    if scale.magnitude {
        let high = high.min(0.0);
        return between(low, high) || between(-high, -low);
    }
    between(low, high)
}

fn holds_whole_number(low: f64, high: f64, (least, most): (f64, f64)) -> bool {
    low.max(least).ceil() <= high.min(most).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RX: (f64, f64) = (-50.0, 10.0);

    fn scale(factor: f64, offset: f64) -> Scale {
        Scale { factor, offset, signed16: false, magnitude: false, milliwatts: false, text: None, decimals: 2 }
    }

    #[test]
    fn scales_that_devices_have_can_give_levels() {
        for scale in [
            scale(0.01, 0.0),
            scale(0.01, -100.0),
            Scale { signed16: true, ..scale(0.002, -30.0) },
            Scale { magnitude: true, ..scale(0.01, 0.0) },
            Scale { milliwatts: true, ..scale(0.0001, 0.0) },
            scale(-0.1, 0.0),
        ] {
            assert!(can_give(&scale, RX), "{scale:?}");
        }
    }

    #[test]
    fn scales_that_miss_the_window_cannot() {
        for (scale, window) in [
            // Steps of 1000 jump over 2.5 to 4 V.
            (scale(1000.0, 0.0), (2.5, 4.0)),
            (scale(1000.0, 0.0), (-50.0, -1.0)),
            (scale(0.01, 1e9), RX),
            (Scale { signed16: true, ..scale(0.01, 1000.0) }, RX),
            (Scale { magnitude: true, ..scale(0.01, 0.0) }, (1.0, 10.0)),
            // The least power of a whole unit of 100 W is 50 dBm.
            (Scale { milliwatts: true, ..scale(100_000.0, 0.0) }, RX),
        ] {
            assert!(!can_give(&scale, window), "{scale:?} {window:?}");
        }
    }
}
