//! How a world behaves apart from its faults.

use crate::model::Timestamp;

/// How a world behaves apart from its faults.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldOptions {
    /// Draws all chance: the same seed, ground and faults give the same world.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// Share of ONUs that a sweep cannot read.
    pub missing: f64,
    /// Share of down causes that the OLT gives wrong: light for power, and the other way round.
    pub wrong_causes: f64,
    /// Share of OLTs that give no causes at all.
    pub without_causes: f64,
    /// Share of houses with a battery, which lasts half an hour to four hours.
    pub batteries: f64,
    /// How often a customer pulls the plug, per ONU and day.
    pub unplugged_a_day: f64,
    /// How often a drop breaks by itself, per ONU and year.
    pub drops_a_year: f64,
}

impl WorldOptions {
    /// A world in which nothing happens but its faults, and all is read.
    #[must_use]
    pub const fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            seed,
            start,
            missing: 0.0,
            wrong_causes: 0.01,
            without_causes: 0.0,
            batteries: 0.0,
            unplugged_a_day: 0.0,
            drops_a_year: 0.0,
        }
    }

    /// With what happens every day: plugs pulled, drops that break, some batteries.
    #[must_use]
    pub const fn with_daily_life(mut self) -> Self {
        self.unplugged_a_day = 1.0;
        self.drops_a_year = 0.2;
        self.batteries = 0.05;
        self
    }
}
