//! `[thresholds]`: what a received power means, and for which ONUs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Dbm, Decibels};

/// `[thresholds]`: the rule for every ONU, and overrides of which the first that fits wins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Thresholds {
    /// The rule where no override fits.
    pub base: ThresholdRule,
    /// `[[thresholds.override]]`, in the file's order.
    pub overrides: Vec<(AddressMatch, ThresholdRule)>,
    /// Consecutive state readings before a lone loss counts.
    pub down_after: u32,
    /// A loss without a known cause counts only when it has lasted this long.
    pub unknown_after: Duration,
    /// When an ONU that comes and goes is left alone.
    #[serde(default)]
    pub flap: FlapRule,
    /// Which falls of a level over days are told.
    #[serde(default)]
    pub baselines: Baselines,
}

impl Default for Thresholds {
    /// What a configuration without `[thresholds]` means.
    fn default() -> Self {
        Self {
            base: ThresholdRule::default(),
            overrides: Vec::new(),
            down_after: 2,
            unknown_after: Duration::from_secs(10 * 60),
            flap: FlapRule::default(),
            baselines: Baselines::default(),
        }
    }
}

/// `[baseline]`: which falls of a level over days are told. They decide no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baselines {
    /// Least fall within a day; 0 watches nothing.
    pub step: Decibels,
    /// Least fall over the weeks that are remembered.
    pub decline: Decibels,
}

impl Default for Baselines {
    /// `domain.md` 1.7.
    fn default() -> Self {
        Self { step: Decibels::from_thousandths(1500), decline: Decibels::from_thousandths(1500) }
    }
}

/// Flap damping, as routers do it: each loss costs [`FlapRule::LOSS`] points, which halve every `half_life`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapRule {
    /// Time in which a penalty halves.
    pub half_life: Duration,
    /// From this penalty on the verdict holds; 0 never.
    pub suppress: u16,
    /// Down to this penalty.
    pub reuse: u16,
}

impl FlapRule {
    /// What a loss costs.
    pub const LOSS: u16 = 1000;
}

impl Default for FlapRule {
    /// `domain.md` 1.6 h.
    fn default() -> Self {
        Self { half_life: Duration::from_secs(15 * 60), suppress: 3000, reuse: 1000 }
    }
}

impl Thresholds {
    /// The rule for an ONU on this OLT and PON: the first override that fits, else the base.
    #[must_use]
    pub fn rule_for(&self, olt: &str, pon: Option<&str>) -> &ThresholdRule {
        let fitting = self.overrides.iter().find(|(place, _)| place.fits(olt, pon));
        fitting.map_or(&self.base, |(_, rule)| rule)
    }
}

/// What a received power means, for some ONUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdRule {
    /// The ONU's receiver's window.
    pub window: Window,
    /// The OLT's receiver's window for this ONU; `None` where no source gives one firmly enough, or none is configured.
    #[serde(default)]
    pub olt_window: Option<Window>,
    /// Closer than this to an end of the window is `weak`.
    pub weak_margin: Decibels,
    /// Extra margin on the way back to a better level.
    pub hysteresis: Decibels,
    /// Consecutive optics readings before a level gets worse.
    pub worsen_after: u32,
    /// Consecutive optics readings before a level gets better.
    pub improve_after: u32,
}

/// A receiver's window (classes: `domain.md` 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Lowest power that is received without errors.
    pub sensitivity: Dbm,
    /// Highest power that the receiver bears.
    pub overload: Dbm,
}

impl ThresholdRule {
    /// The rule for what the OLT receives: the same margins and dwells in the OLT's window.
    #[must_use]
    pub fn on_olt_side(&self) -> Option<Self> {
        self.olt_window.map(|window| Self { window, ..*self })
    }
}

impl Default for ThresholdRule {
    /// Class B+ with the margins and dwells that practice has settled on (`docs/design.md`, "Deciding").
    fn default() -> Self {
        Self {
            window: Window::of(-27, -8),
            olt_window: None,
            weak_margin: Decibels::from_thousandths(2000),
            hysteresis: Decibels::from_thousandths(1000),
            worsen_after: 2,
            improve_after: 3,
        }
    }
}

impl Window {
    /// The windows of ONU receivers by class: ITU-T G.984.2 for A to C+, with D (sold as C++) from the same tables;
    /// G.9807.1 for N1 to E2; `combo-…` is GPON beside XGS-PON on one fibre, whose filter costs C+ its extra reach.
    /// EPON classes are missing on purpose: no source gives their windows firmly enough to judge by.
    pub const CLASSES: &'static [(&'static str, Self)] = &[
        ("A", Self::of(-21, -1)),
        ("B", Self::of(-21, -1)),
        ("B+", Self::of(-27, -8)),
        ("C", Self::of(-28, -8)),
        ("C+", Self::of(-30, -8)),
        ("C++", Self::of(-30, -8)),
        ("D", Self::of(-30, -8)),
        ("N1", Self::of(-28, -9)),
        ("N2", Self::of(-28, -9)),
        ("E1", Self::of(-28, -9)),
        ("E2", Self::of(-28, -9)),
        ("combo-B+", Self::of(-27, -8)),
        ("combo-C+", Self::of(-27, -8)),
    ];

    /// The windows of OLT receivers by class, where a source prints both ends (the tables above). A class of ONU receivers
    /// brings its OLT window along when it is one of these.
    pub const OLT_CLASSES: &'static [(&'static str, Self)] = &[
        ("N1", Self::of(-26, -5)),
        ("N2", Self::of(-28, -7)),
        ("E1", Self::of(-30, -9)),
        ("combo-B+", Self::of(-26, -5)),
        ("combo-C+", Self::of(-30, -9)),
    ];

    /// Windows of OLT receivers of which only data sheets or products speak: used when they are asked for by name.
    pub const OLT_CLASSES_BY_NAME: &'static [(&'static str, Self)] =
        &[("B+", Self::of(-28, -8)), ("C+", Self::of(-32, -12))];

    /// The window of a class by its name in the configuration.
    #[must_use]
    pub fn of_class(class: &str) -> Option<Self> {
        Self::CLASSES.iter().find(|(name, _)| *name == class).map(|(_, window)| *window)
    }

    /// The OLT's window that goes with a class of ONU receivers, if it is firmly known.
    #[must_use]
    pub fn of_olt_class(class: &str) -> Option<Self> {
        Self::OLT_CLASSES.iter().find(|(name, _)| *name == class).map(|(_, window)| *window)
    }

    const fn of(sensitivity: i32, overload: i32) -> Self {
        Self {
            sensitivity: Dbm::from_thousandths(sensitivity * 1000),
            overload: Dbm::from_thousandths(overload * 1000),
        }
    }
}

/// Which ONUs an override is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddressMatch {
    /// Pattern on the OLT's name; `*` stands for any text.
    pub olt: Option<Pattern>,
    /// Pattern on the PON's name; `*` stands for any text.
    pub pon: Option<Pattern>,
}

/// A text in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// From its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether all of `text` fits. Linear in `text` for each `*`.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AddressMatch {
    /// Whether an ONU at this place is meant. An ONU without a PON fits only where no PON is asked for.
    #[must_use]
    pub fn fits(&self, olt: &str, pon: Option<&str>) -> bool {
        self.olt.as_ref().is_none_or(|pattern| pattern.fits(olt))
            && self.pon.as_ref().is_none_or(|pattern| pon.is_some_and(|pon| pattern.fits(pon)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_text() {
        for (pattern, text, fits) in [
            ("0/3/*", "0/3/15", true),
            ("0/3/*", "0/30/1", false),
            ("*", "", true),
            ("olt-centro", "olt-centro", true),
            ("olt-centro", "olt-centro-2", false),
            ("*-sul-*", "olt-sul-1", true),
            ("a*a", "a", false),
            ("*ab", "aab", true),
            ("**", "x", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_override_that_fits_wins() {
        let rule = |class| ThresholdRule { window: Window::of_class(class).unwrap(), ..ThresholdRule::default() };
        let place = |olt: Option<&str>, pon: Option<&str>| AddressMatch {
            olt: olt.map(Pattern::new),
            pon: pon.map(Pattern::new),
        };
        let thresholds = Thresholds {
            base: rule("B+"),
            overrides: vec![
                (place(Some("a"), Some("0/3/*")), rule("C+")),
                (place(Some("a"), None), rule("A")),
                (place(None, Some("0/3/1")), rule("N1")),
            ],
            down_after: 2,
            unknown_after: Duration::from_secs(600),
            flap: FlapRule::default(),
            baselines: Baselines::default(),
        };
        assert_eq!(thresholds.rule_for("a", Some("0/3/1")), &rule("C+"));
        assert_eq!(thresholds.rule_for("a", Some("0/4/1")), &rule("A"));
        assert_eq!(thresholds.rule_for("a", None), &rule("A"));
        assert_eq!(thresholds.rule_for("b", Some("0/3/1")), &rule("N1"));
        assert_eq!(thresholds.rule_for("b", None), &rule("B+"));
    }

    #[test]
    fn every_class_leaves_room_between_its_ends() {
        for (name, window) in Window::CLASSES.iter().chain(Window::OLT_CLASSES).chain(Window::OLT_CLASSES_BY_NAME) {
            assert!(window.sensitivity < window.overload, "{name}");
        }
    }
}
