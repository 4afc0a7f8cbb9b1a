//! How reliably ONUs say that they lose mains power, learned by maker and OLT.
//!
//! A lone loss that ends within the hour is nearly always somebody's plug: drops break seldom, and take longer to mend. So each such
//! loss is one trial: it gasped or it did not. What is known is a beta distribution, which says how sure it is as well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{OltId, Serial};

/// Two counts, with what is believed before anything was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Losses that gasped, and what was believed before.
    gasped: f64,
    /// Losses that did not, likewise.
    silent: f64,
}

impl Default for Reliability {
    /// Nothing is known: anything from hardly ever to nearly always.
    fn default() -> Self {
        Self { gasped: 1.2, silent: 0.8 }
    }
}

impl Reliability {
    /// As known from elsewhere: the mean, and of how many losses that is worth. For tests and benches.
    #[must_use]
    pub fn known(mean: f64, losses: f64) -> Self {
        let mean = mean.clamp(0.0, 1.0);
        Self { gasped: mean * losses + 0.05, silent: (1.0 - mean) * losses + 0.05 }
    }

    /// Most losses that are remembered: what is older weighs less and less.
    const MEMORY: f64 = 400.0;

    /// One more lone loss.
    pub fn learn(&mut self, gasped: bool) {
        if gasped {
            self.gasped += 1.0;
        } else {
            self.silent += 1.0;
        }
        let total = self.gasped + self.silent;
        if total > Self::MEMORY {
            self.gasped *= Self::MEMORY / total;
            self.silent *= Self::MEMORY / total;
        }
    }

    /// The chance that one gasps.
    #[must_use]
    pub fn mean(&self) -> f64 {
        (self.gasped / (self.gasped + self.silent)).clamp(0.02, 0.98)
    }

    /// The two counts of the distribution, no surer than `most` losses make it: ONUs of one maker are not all alike.
    #[must_use]
    pub fn counts(&self, most: f64) -> [f64; 2] {
        let scale = (most / (self.gasped + self.silent)).min(1.0);
        [(self.gasped * scale).max(0.05), (self.silent * scale).max(0.05)]
    }
}

/// Of all makers on all OLTs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gasps {
    olts: BTreeMap<OltId, BTreeMap<Box<str>, Reliability>>,
}

/// Makers of one OLT that are told apart; serials are hostile input.
const MOST_MAKERS: usize = 64;

impl Gasps {
    /// The maker in a serial: its four letters; nothing of one that has none.
    fn maker(serial: Option<&Serial>) -> &str {
        serial.and_then(|serial| serial.as_str().get(..4)).unwrap_or("")
    }

    /// What is known of ONUs like this one.
    #[must_use]
    pub fn of(&self, olt: &OltId, serial: Option<&Serial>) -> Reliability {
        self.olts.get(olt).and_then(|makers| makers.get(Self::maker(serial))).copied().unwrap_or_default()
    }

    /// One more lone loss of such an ONU.
    pub fn learn(&mut self, olt: &OltId, serial: Option<&Serial>, gasped: bool) {
        let makers = self.olts.entry(olt.clone()).or_default();
        let maker = Self::maker(serial);
        if makers.len() >= MOST_MAKERS && !makers.contains_key(maker) {
            return;
        }
        makers.entry(maker.into()).or_default().learn(gasped);
    }

    /// The same of OLTs with other names.
    #[must_use]
    pub fn renamed(&self, name: impl Fn(&OltId) -> OltId) -> Self {
        // As serials are scrubbed: four letters are a maker, anything else is somebody's.
        let said = |maker: &str| -> Box<str> {
            let is_maker = maker.bytes().all(|octet| octet.is_ascii_alphabetic());
            if is_maker { maker.into() } else { "XXXX".into() }
        };
        let known = |makers: &BTreeMap<Box<str>, Reliability>| {
            makers.iter().map(|(maker, known)| (said(maker), *known)).collect()
        };
        Self { olts: self.olts.iter().map(|(olt, makers)| (name(olt), known(makers))).collect() }
    }

    /// Says what is known from elsewhere.
    pub fn set(&mut self, olt: &OltId, serial: Option<&Serial>, known: Reliability) {
        self.olts.entry(olt.clone()).or_default().insert(Self::maker(serial).into(), known);
    }
}

/// Logarithm of the beta-binomial chance, without the number of orders: `gasped` of so many did, of a kind that is known by `counts`.
pub(super) fn ln_chance(gasped: u32, silent: u32, [a, b]: [f64; 2]) -> f64 {
    let rising = |from: f64, steps: u32| (0..steps).map(|step| (from + f64::from(step)).ln()).sum::<f64>();
    rising(a, gasped) + rising(b, silent) - rising(a + b, gasped + silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reliability_follows_what_is_seen_and_forgets_slowly() {
        let mut reliability = Reliability::default();
        for _ in 0..200 {
            reliability.learn(true);
        }
        assert!(reliability.mean() > 0.95);
        for _ in 0..2000 {
            reliability.learn(false);
        }
        assert!(reliability.mean() < 0.05, "{reliability:?}");
    }

    #[test]
    fn chances_of_all_outcomes_sum_to_one() {
        // Of three ONUs: 1, 3, 3 and 1 orders.
        let orders = [1.0, 3.0, 3.0, 1.0];
        let sum: f64 = (0..4_u32).map(|k| orders[k as usize] * ln_chance(k, 3 - k, [1.4, 0.6]).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn makers_are_told_apart_and_bounded() {
        let mut gasps = Gasps::default();
        let olt = OltId::new("olt");
        let serial = |text: &str| text.parse::<Serial>().ok();
        for number in 0..500 {
            gasps.learn(&olt, serial(&format!("A{:03}00000001", number % 1000)).as_ref(), true);
        }
        assert!(gasps.olts[&olt].len() <= MOST_MAKERS);
        let (huawei, zte) = (serial("HWTC7D4630C3"), serial("ZTEGC1B2F8FC"));
        let other = OltId::new("other");
        for _ in 0..50 {
            gasps.learn(&other, huawei.as_ref(), true);
            gasps.learn(&other, zte.as_ref(), false);
        }
        assert!(gasps.of(&other, huawei.as_ref()).mean() > 0.9);
        assert!(gasps.of(&other, zte.as_ref()).mean() < 0.1);
    }
}
