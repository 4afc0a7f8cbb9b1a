//! Which threshold rule is for which ONU, and whether a rule can be used at all.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BaselineRules, ThresholdError};
use crate::config::{Baselines, FlapRule, ThresholdRule, Thresholds};
use crate::model::{Decibels, OltId, PonId};

/// Distinct PONs remembered; an OLT has at most some hundreds. More (an agent that invents ports) only cost time.
const MAX_PONS: usize = 4096;

/// The thresholds of one OLT, with the rule of each PON looked up once.
#[derive(Debug)]
pub(super) struct RuleBook {
    thresholds: Thresholds,
    by_pon: BTreeMap<Option<PonId>, ThresholdRule>,
}

impl RuleBook {
    pub(super) const fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, by_pon: BTreeMap::new() }
    }

    /// The first override that fits, or the base.
    pub(super) fn rule(&mut self, olt: &OltId, pon: Option<PonId>) -> ThresholdRule {
        if let Some(rule) = self.by_pon.get(&pon) {
            return *rule;
        }
        let name = pon.map(|pon| pon.to_string());
        let rule = self
            .thresholds
            .overrides
            .iter()
            .find(|(place, _)| place.fits(olt.as_str(), name.as_deref()))
            .map_or(self.thresholds.base, |(_, rule)| *rule);
        if self.by_pon.len() < MAX_PONS {
            self.by_pon.insert(pon, rule);
        }
        rule
    }

    /// State readings in a row that make a loss.
    pub(super) fn down_after(&self) -> u16 {
        u16::from(dwell(self.thresholds.down_after))
    }

    /// What is a step and what a decline.
    pub(super) const fn baseline(&self) -> BaselineRules {
        let Baselines { step, decline } = self.thresholds.baselines;
        BaselineRules { step: step.thousandths(), decline: decline.thousandths() }
    }

    /// When an ONU flaps.
    pub(super) const fn flap(&self) -> FlapRule {
        self.thresholds.flap
    }

    /// How long a loss without a known cause must last.
    pub(super) const fn unknown_after(&self) -> Duration {
        self.thresholds.unknown_after
    }
}

/// A count of readings as the counters hold it: from 1 to 255.
pub(super) fn dwell(readings: u32) -> u8 {
    u8::try_from(readings.max(1)).unwrap_or(u8::MAX)
}

/// Whether every rule can judge every power, and every level can recover.
///
/// # Errors
/// [`ThresholdError`] that names the first rule that cannot.
pub fn check(thresholds: &Thresholds) -> Result<(), ThresholdError> {
    check_rule("thresholds", &thresholds.base)?;
    for (position, (_, rule)) in thresholds.overrides.iter().enumerate() {
        check_rule(&format!("thresholds.override {}", position + 1), rule)?;
    }
    check_readings("thresholds", "down_after", thresholds.down_after)
}

fn check_readings(name: &str, what: &'static str, found: u32) -> Result<(), ThresholdError> {
    if found == u32::from(dwell(found)) {
        return Ok(());
    }
    Err(ThresholdError::Readings { rule: name.to_owned(), what, found })
}

fn check_rule(name: &str, rule: &ThresholdRule) -> Result<(), ThresholdError> {
    if let Some(rule) = rule.on_olt_side() {
        check_window(&format!("{name} on the OLT's side"), &rule)?;
    }
    check_window(name, rule)?;
    check_readings(name, "worsen_after", rule.worsen_after)?;
    check_readings(name, "improve_after", rule.improve_after)
}

fn check_window(name: &str, rule: &ThresholdRule) -> Result<(), ThresholdError> {
    let (sensitivity, overload) = (rule.window.sensitivity, rule.window.overload);
    if sensitivity >= overload {
        return Err(ThresholdError::EmptyWindow { rule: name.to_owned(), sensitivity, overload });
    }
    for (what, found) in [("weak_margin_db", rule.weak_margin), ("hysteresis_db", rule.hysteresis)] {
        if found < Decibels::from_thousandths(0) {
            return Err(ThresholdError::Negative { rule: name.to_owned(), what, found });
        }
    }
    let (margin, hysteresis) = (rule.weak_margin, rule.hysteresis);
    if sensitivity + margin + hysteresis > overload - margin - hysteresis {
        return Err(ThresholdError::NothingGood { rule: name.to_owned(), margin, hysteresis, sensitivity, overload });
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::{AddressMatch, Pattern, Window};
    use crate::model::Dbm;

    /// GPON B+ with the default margins.
    pub(in crate::signal) fn b_plus() -> ThresholdRule {
        ThresholdRule {
            window: Window { sensitivity: Dbm::from_thousandths(-27_000), overload: Dbm::from_thousandths(-8_000) },
            olt_window: None,
            weak_margin: Decibels::from_thousandths(2_000),
            hysteresis: Decibels::from_thousandths(1_000),
            worsen_after: 2,
            improve_after: 3,
        }
    }

    pub(in crate::signal) fn thresholds() -> Thresholds {
        Thresholds { base: b_plus(), ..Thresholds::default() }
    }

    #[test]
    fn the_first_override_that_fits_wins() {
        let at = |olt: Option<&str>, pon: Option<&str>, sensitivity: i32| {
            let mut rule = b_plus();
            rule.window.sensitivity = Dbm::from_thousandths(sensitivity);
            (AddressMatch { olt: olt.map(Pattern::new), pon: pon.map(Pattern::new) }, rule)
        };
        let mut thresholds = thresholds();
        thresholds.overrides = vec![
            at(Some("other"), None, -10_000),
            at(Some("olt-*"), Some("0/3/*"), -30_000),
            at(None, Some("0/*"), -28_000),
        ];
        let mut book = RuleBook::new(thresholds);
        let olt = OltId::new("olt-centro");
        for (pon, sensitivity) in
            [(Some("0/3/1"), -30_000), (Some("0/2/1"), -28_000), (Some("1/3/1"), -27_000), (None, -27_000)]
        {
            let pon = pon.map(|pon: &str| pon.parse().unwrap());
            for _ in 0..2 {
                assert_eq!(book.rule(&olt, pon).window.sensitivity.thousandths(), sensitivity, "{pon:?}");
            }
        }
    }

    #[test]
    fn a_rule_that_cannot_judge_is_refused_by_name() {
        assert_eq!(check(&thresholds()), Ok(()));
        type Breakage = fn(&mut ThresholdRule);
        let broken: [(Breakage, &str); 5] = [
            (|rule| rule.window.overload = rule.window.sensitivity, "must be below overload"),
            (|rule| rule.hysteresis = Decibels::from_thousandths(-1), "hysteresis_db must not be negative"),
            (|rule| rule.weak_margin = Decibels::from_thousandths(8_501), "must fit between"),
            (|rule| rule.worsen_after = 0, "worsen_after must be from 1 to 255 readings, found 0"),
            (|rule| rule.improve_after = 256, "improve_after must be from 1 to 255 readings, found 256"),
        ];
        for (break_it, message) in broken {
            let mut broken = thresholds();
            let mut rule = b_plus();
            break_it(&mut rule);
            broken.overrides = vec![(AddressMatch { olt: None, pon: None }, rule)];
            let error = check(&broken).unwrap_err().to_string();
            assert!(error.starts_with("thresholds.override 1: ") && error.contains(message), "{error}");
        }
        let mut none = thresholds();
        none.down_after = 0;
        assert!(check(&none).unwrap_err().to_string().contains("down_after"));
    }
}
