//! Quantities with their unit.
//!
//! Each is a whole number of thousandths in an `i32`: levels compare exactly at a threshold, hash, and sort, and no
//! `NaN` or infinity can exist. A thousandth is finer than any scale an OLT uses (0.002 dBm is the finest).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number that does not fit the unit: not finite, or beyond ±2,147,483 units.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{value} {unit} is not a finite number within ±2147483")]
pub struct UnitRangeError {
    /// The refused number, in the unit.
    pub value: f64,
    /// The unit's symbol.
    pub unit: &'static str,
}

/// Largest magnitude, in units, that thousandths in an `i32` can hold.
const LIMIT: f64 = 2_147_483.0;

fn thousandths(value: f64, unit: &'static str) -> Result<i32, UnitRangeError> {
    if !value.is_finite() || value.abs() > LIMIT {
        return Err(UnitRangeError { value, unit });
    }
    // Within LIMIT, so the rounded thousandths are within i32.
    #[allow(clippy::cast_possible_truncation)]
    Ok((value * 1000.0).round() as i32)
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i32);

        impl $name {
            /// The unit's symbol, as printed after a value.
            pub const UNIT: &'static str = $symbol;

            /// From a number in the unit, rounded to a thousandth.
            ///
            /// # Errors
            /// [`UnitRangeError`] when it is not finite or does not fit.
            pub fn new(value: f64) -> Result<Self, UnitRangeError> {
                thousandths(value, $symbol).map(Self)
            }

            /// From whole thousandths of the unit; for constants.
            #[must_use]
            pub const fn from_thousandths(thousandths: i32) -> Self {
                Self(thousandths)
            }

            /// In whole thousandths of the unit.
            #[must_use]
            pub const fn thousandths(self) -> i32 {
                self.0
            }

            /// In the unit.
            #[must_use]
            pub fn get(self) -> f64 {
                f64::from(self.0) / 1000.0
            }
        }

        impl fmt::Display for $name {
            /// The number and its unit; `{:.2}` sets the decimals, else as many as the value has.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match f.precision() {
                    Some(decimals) => write!(f, "{:.decimals$} {}", self.get(), $symbol),
                    None => write!(f, "{} {}", self.get(), $symbol),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0 % 1000 == 0 {
                    serializer.serialize_i32(self.0 / 1000)
                } else {
                    serializer.serialize_f64(self.get())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = f64::deserialize(deserializer)?;
                Self::new(value).map_err(serde::de::Error::custom)
            }
        }
    };
}

unit!(
    /// Optical power, in decibels relative to one milliwatt.
    Dbm,
    "dBm"
);
unit!(
    /// A ratio or difference of powers, in decibels.
    Decibels,
    "dB"
);
unit!(
    /// A length of fibre, in metres.
    Metres,
    "m"
);
unit!(
    /// A temperature, in degrees Celsius.
    Celsius,
    "°C"
);
unit!(
    /// A voltage, in volts.
    Volts,
    "V"
);
unit!(
    /// A laser's bias current, in milliamperes.
    Milliamperes,
    "mA"
);

impl std::ops::Add<Decibels> for Dbm {
    type Output = Self;

    /// A power raised by a ratio; saturates at the end of the range.
    fn add(self, by: Decibels) -> Self {
        Self(self.0.saturating_add(by.0))
    }
}

impl std::ops::Sub<Decibels> for Dbm {
    type Output = Self;

    /// A power lowered by a ratio; saturates at the end of the range.
    fn sub(self, by: Decibels) -> Self {
        Self(self.0.saturating_sub(by.0))
    }
}

impl std::ops::Sub for Dbm {
    type Output = Decibels;

    /// The ratio between two powers.
    fn sub(self, other: Self) -> Decibels {
        Decibels(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_shows_a_level_as_the_device_gave_it() {
        let level = Dbm::new(-21.37).unwrap();
        assert_eq!(serde_json::to_string(&level).unwrap(), "-21.37");
        assert_eq!(serde_json::from_str::<Dbm>("-21.37").unwrap(), level);
        assert_eq!(serde_json::to_string(&Metres::new(1234.0).unwrap()).unwrap(), "1234");
    }

    #[test]
    fn a_number_that_is_no_level_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3e9] {
            assert!(Dbm::new(value).is_err(), "{value}");
        }
    }

    #[test]
    fn arithmetic_keeps_powers_and_ratios_apart() {
        let floor = Dbm::new(-27.0).unwrap();
        let margin = Decibels::new(2.0).unwrap();
        assert_eq!(floor + margin, Dbm::new(-25.0).unwrap());
        assert_eq!(floor - margin, Dbm::new(-29.0).unwrap());
        assert_eq!(Dbm::new(-25.0).unwrap() - floor, margin);
        assert_eq!(format!("{floor:.2}"), "-27.00 dBm");
    }
}
