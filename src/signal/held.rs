//! What is held of one ONU: the newest known values of its sweeps, and what was made of them.

use std::sync::Arc;
use std::time::Duration;

use super::baseline::Baseline;
use super::flap::FlapTrack;
use super::level::LevelTrack;
use super::truth::{StateRules, TruthTrack};
use super::{Explained, Reason, Side};
use crate::config::ThresholdRule;
use crate::model::{
    Cause, Celsius, Dbm, Decibels, Field, Level, Mac, Metres, Milliamperes, OnuState, PonId, Reading, Serial,
    Timestamp, Truth, Unread, Verdict, Volts,
};

/// What is held of one ONU. A judge owns it; others get it to read.
#[derive(Debug, Clone)]
pub struct Held {
    pub(super) truth: TruthTrack,
    pub(super) level: LevelTrack,
    /// Of the power that the OLT receives.
    pub(super) olt_level: LevelTrack,
    pub(super) flap: FlapTrack,
    /// Of the level that the ONU receives, and of that which the OLT receives; from the first one on.
    pub(super) baselines: [Option<Box<Baseline>>; 2],
    pub(super) presence: Presence,
    /// Whether somebody works there.
    pub(super) is_maintained: bool,
    /// What a confirmed incident says of its loss.
    pub(super) explained: Option<Explained>,
    /// What the last transitions said.
    pub(super) told: Told,
    /// Whether something changed that is to be remembered over a restart.
    pub(super) is_changed: bool,
    reason: Reason,
    rx: Field<Dbm>,
    olt_rx: Measure,
    tx: Measure,
    distance: Measure,
    temperature: Measure,
    voltage: Measure,
    bias: Measure,
    serial: Option<Serial>,
    name: Option<Arc<str>>,
    onu: Option<u32>,
    pon: Option<PonId>,
    mac: Option<Mac>,
    last_down_cause: Option<Cause>,
}

/// What was told of an ONU last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) truth: Truth,
    pub(super) level: Level,
    pub(super) olt_level: Level,
    pub(super) verdict: Verdict,
}

/// Whether nothing was said of a value, as opposed to "there is none".
const fn is_silence(why: Unread) -> bool {
    matches!(why, Unread::NotAsked | Unread::NoAnswer)
}

/// A measured value that is only shown, in thousandths of its unit; half the size of an `Option` of it.
#[derive(Debug, Clone, Copy)]
struct Measure(i32);

impl Measure {
    /// No unit's constructor makes this number: it is beyond their common limit.
    const NONE: Self = Self(i32::MIN);

    fn get<T>(self, from_thousandths: fn(i32) -> T) -> Option<T> {
        (self.0 != i32::MIN).then(|| from_thousandths(self.0))
    }

    /// Silence keeps the older value, "no value" drops it.
    const fn take(&mut self, read: Field<i32>) {
        match read {
            Ok(thousandths) => self.0 = thousandths,
            Err(why) if is_silence(why) => {}
            Err(_) => *self = Self::NONE,
        }
    }
}

impl Held {
    pub(super) const fn new(at: Timestamp) -> Self {
        Self {
            truth: TruthTrack::new(at),
            level: LevelTrack::new(),
            olt_level: LevelTrack::new(),
            flap: FlapTrack::new(),
            baselines: [None, None],
            presence: Presence { by_inventory: false, by_state: false, missing: 0, missing_from_inventory: false },
            is_maintained: false,
            explained: None,
            told: Told { truth: Truth::Stale, level: Level::Unread, olt_level: Level::Unread, verdict: Verdict::Hold },
            is_changed: true,
            reason: Reason::NotReadYet,
            rx: Err(Unread::NotAsked),
            olt_rx: Measure::NONE,
            tx: Measure::NONE,
            distance: Measure::NONE,
            temperature: Measure::NONE,
            voltage: Measure::NONE,
            bias: Measure::NONE,
            serial: None,
            name: None,
            onu: None,
            pon: None,
            mac: None,
            last_down_cause: None,
        }
    }

    /// The PON port; `None` where the family does not show it.
    #[must_use]
    pub const fn pon(&self) -> Option<PonId> {
        self.pon
    }

    /// Its number on the PON.
    #[must_use]
    pub const fn onu(&self) -> Option<u32> {
        self.onu
    }

    /// The serial number.
    #[must_use]
    pub const fn serial(&self) -> Option<&Serial> {
        self.serial.as_ref()
    }

    /// The MAC address.
    #[must_use]
    pub const fn mac(&self) -> Option<Mac> {
        self.mac
    }

    /// Its name or description on the OLT.
    #[must_use]
    pub const fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Up, down or stale.
    #[must_use]
    pub const fn truth(&self) -> Truth {
        self.told.truth
    }

    /// Since when: for a loss, the first reading that said so.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.truth.since()
    }

    /// The class of the power that it receives.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.told.level
    }

    /// The class of the power that the OLT receives from it; `unread` where that is not judged.
    #[must_use]
    pub const fn olt_level(&self) -> Level {
        self.told.olt_level
    }

    /// What is known of its level over days; `None` before the first one.
    #[must_use]
    pub fn baseline(&self, side: Side) -> Option<&Baseline> {
        let [onu, olt] = &self.baselines;
        match side {
            Side::Onu => onu.as_deref(),
            Side::Olt => olt.as_deref(),
        }
    }

    /// What a level lost in steps and did not get back.
    #[must_use]
    pub fn lost(&self, side: Side) -> Decibels {
        Decibels::from_thousandths(self.baseline(side).map_or(0, Baseline::lost))
    }

    /// Whether a level falls day by day.
    #[must_use]
    pub fn declines(&self, side: Side) -> bool {
        self.baseline(side).is_some_and(Baseline::declines)
    }

    /// Whether somebody works there: its verdict holds.
    #[must_use]
    pub const fn is_maintained(&self) -> bool {
        self.is_maintained
    }

    /// Whether it went down so often lately that its verdict holds.
    #[must_use]
    pub const fn is_flapping(&self) -> bool {
        self.flap.is_suppressed()
    }

    /// What its client should show.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.told.verdict
    }

    /// Why the verdict is what it is.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// When it was last read as up or down.
    #[must_use]
    pub fn state_read_at(&self) -> Option<Timestamp> {
        self.truth.read_at()
    }

    /// When the last level that was believed was read.
    #[must_use]
    pub fn level_read_at(&self) -> Option<Timestamp> {
        self.level.read_at()
    }

    /// Power that the ONU receives: the newest answer, or why there is none. Shown even while it is not believed.
    ///
    /// # Errors
    /// [`Unread`] when the newest answer holds no level.
    pub const fn rx(&self) -> Field<Dbm> {
        self.rx
    }

    /// Power that the OLT receives from it.
    #[must_use]
    pub fn olt_rx(&self) -> Option<Dbm> {
        self.olt_rx.get(Dbm::from_thousandths)
    }

    /// Power that it launches.
    #[must_use]
    pub fn tx(&self) -> Option<Dbm> {
        self.tx.get(Dbm::from_thousandths)
    }

    /// Ranged distance from the OLT; of an ONU that is down, the last one.
    #[must_use]
    pub fn distance(&self) -> Option<Metres> {
        self.distance.get(Metres::from_thousandths)
    }

    /// Temperature of its transceiver.
    #[must_use]
    pub fn temperature(&self) -> Option<Celsius> {
        self.temperature.get(Celsius::from_thousandths)
    }

    /// Supply voltage of its transceiver.
    #[must_use]
    pub fn voltage(&self) -> Option<Volts> {
        self.voltage.get(Volts::from_thousandths)
    }

    /// Bias current of its laser.
    #[must_use]
    pub fn bias(&self) -> Option<Milliamperes> {
        self.bias.get(Milliamperes::from_thousandths)
    }

    /// Why it went down the last time, as far as the OLT says.
    #[must_use]
    pub const fn last_down_cause(&self) -> Option<Cause> {
        self.last_down_cause
    }

    /// Of a stale ONU, what was true until it was last read ([`Held::state_read_at`]); `None` when nothing ever was.
    #[must_use]
    pub fn truth_before(&self) -> Option<Truth> {
        self.truth.before()
    }

    pub(super) const fn set_reason(&mut self, reason: Reason) {
        self.reason = reason;
    }

    /// Takes a state reading.
    pub(super) fn take_state(
        &mut self,
        state: Field<OnuState>,
        cause: Field<Cause>,
        at: Timestamp,
        rules: &StateRules,
    ) {
        if self.truth.read(state, cause, at, rules) {
            self.unconfirm_levels();
        }
    }

    /// Light before now says nothing of the light after it.
    pub(super) const fn unconfirm_levels(&mut self) {
        self.level.unconfirm();
        self.olt_level.unconfirm();
    }

    /// What is held of what the OLT receives, with the newest answer.
    pub(super) fn olt_answer(&self) -> Field<Dbm> {
        self.olt_rx().ok_or(Unread::NoValue)
    }

    /// Takes the values that are only shown.
    pub(super) fn take_measures(&mut self, reading: &Reading) {
        self.olt_rx.take(reading.olt_rx.map(Dbm::thousandths));
        self.tx.take(reading.tx.map(Dbm::thousandths));
        self.temperature.take(reading.temperature.map(Celsius::thousandths));
        self.voltage.take(reading.voltage.map(Volts::thousandths));
        self.bias.take(reading.bias.map(Milliamperes::thousandths));
        match reading.last_down_cause {
            Ok(cause) => self.last_down_cause = Some(cause),
            Err(why) if is_silence(why) => {}
            Err(_) => self.last_down_cause = None,
        }
        if reading.distance != Err(Unread::OnuDown) {
            // Where a dark ONU hangs is what one wants to know of it.
            self.distance.take(reading.distance.map(Metres::thousandths));
        }
    }

    /// Takes the level of an optics reading. It is judged only when `believed`; shown it is in any case.
    pub(super) fn take_level(&mut self, rx: Field<Dbm>, at: Timestamp, rule: &ThresholdRule, believed: bool) {
        if !self.level.is_news(at) || rx.is_err_and(is_silence) {
            return;
        }
        // What an OLT shows of an ONU that is down is not light.
        self.rx = if self.truth.is_lost() { Err(Unread::OnuDown) } else { rx };
        if believed {
            // What did not change is remembered with its age now and then.
            let hour = |at: Timestamp| at.millis() / 3_600_000;
            self.is_changed |= self.level.read_at().is_none_or(|read_at| hour(read_at) != hour(at));
            match self.rx {
                Ok(rx) => self.level.read(rule, rx, at),
                Err(why) => self.level.unread(why, at),
            }
        }
    }

    /// Takes the level of an optics reading on the OLT's side, where that is judged.
    pub(super) fn take_olt_level(&mut self, rx: Field<Dbm>, at: Timestamp, rule: &ThresholdRule) {
        let Some(rule) = rule.on_olt_side() else { return };
        if !self.olt_level.is_news(at) || rx.is_err_and(is_silence) {
            return;
        }
        match rx {
            Ok(rx) if !self.truth.is_lost() => self.olt_level.read(&rule, rx, at),
            Ok(_) => self.olt_level.unread(Unread::OnuDown, at),
            Err(why) => self.olt_level.unread(why, at),
        }
    }

    /// Other thresholds came into force.
    pub(super) fn judge_anew(&mut self, rule: &ThresholdRule) {
        self.level.judge_anew(rule);
        match rule.on_olt_side() {
            Some(rule) => self.olt_level.judge_anew(&rule),
            None => self.olt_level = LevelTrack::new(),
        }
    }

    /// Forgets what its levels were, and begins anew with the one that is shown.
    pub(super) fn trust_level(&mut self, rule: &ThresholdRule, at: Timestamp) {
        self.olt_level = LevelTrack::new();
        if let (Some(rule), Some(rx)) = (rule.on_olt_side(), self.olt_rx()) {
            self.olt_level.read(&rule, rx, at);
        }
        self.level = LevelTrack::new();
        if let Ok(rx) = self.rx {
            self.level.read(rule, rx, at);
        }
    }

    pub(super) fn age(&mut self, now: Timestamp, rules: &StateRules, level_old_after: Duration) {
        self.truth.age(now, rules);
        self.level.age(now, level_old_after);
        self.olt_level.age(now, level_old_after);
    }
}

mod place;

pub(super) use place::{Presence, Sighting};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OnuKey;

    /// An `Arc<str>` or `Arc<[u32]>` costs two counters before its content, and allocators round up to 16.
    fn shared(content: usize) -> usize {
        (16 + content).div_ceil(16) * 16
    }

    #[test]
    fn an_onu_costs_400_bytes_beside_its_baselines() {
        let entry = size_of::<(OnuKey, Held)>();
        let strings = shared("HWTC7D4630C3".len()) + shared("10452 Maria da Silva Santos".len()) + shared(2 * 4);
        assert!(entry + strings <= 400, "{entry} + {strings}");
    }

    fn seen(serial: Option<&str>, mac: Option<&str>, pon: &str) -> Reading {
        let mut reading = Reading::unread(OnuKey::new(&[1]), Unread::NotAsked);
        reading.pon = Some(pon.parse().unwrap());
        if let Some(serial) = serial {
            reading.serial = Ok(serial.parse().unwrap());
        }
        if let Some(mac) = mac {
            reading.mac = Ok(mac.parse().unwrap());
        }
        reading
    }

    #[test]
    fn a_device_is_told_from_another_by_serial_or_else_by_mac() {
        let at = Timestamp::from_millis(1);
        let (a, b) = (Some("HWTC00000001"), Some("HWTC00000002"));
        let (m, n) = (Some("aa:bb:cc:00:00:01"), Some("aa:bb:cc:00:00:02"));
        let mut held = Held::new(at);
        assert_eq!(held.sight(&seen(None, None, "0/1"), at), Sighting::Same);
        assert_eq!(held.sight(&seen(None, m, "0/1"), at), Sighting::Learned);
        assert_eq!(held.sight(&seen(a, m, "0/1"), at), Sighting::Learned);
        assert_eq!(held.sight(&seen(None, n, "0/1"), at), Sighting::Same, "the serial counts, not the MAC");
        assert_eq!(held.sight(&seen(None, None, "0/1"), at), Sighting::Same);
        assert!(matches!(held.sight(&seen(a, m, "0/2"), at), Sighting::Moved { .. }));
        assert!(matches!(held.sight(&seen(b, None, "0/2"), at), Sighting::Replaced { .. }));
        assert_eq!(held.mac(), None, "nothing of the old device is kept");
        let mut epon = Held::new(at);
        epon.sight(&seen(None, m, "0/1"), at);
        assert!(matches!(epon.sight(&seen(None, n, "0/1"), at), Sighting::Replaced { .. }));
    }

    #[test]
    fn silence_keeps_a_value_and_no_value_drops_it() {
        let at = Timestamp::from_millis(1);
        let mut held = Held::new(at);
        let mut reading = seen(None, None, "0/1");
        reading.tx = Ok(Dbm::from_thousandths(2_210));
        reading.distance = Ok(Metres::from_thousandths(1_234_000));
        reading.name = Ok(Arc::from("10452 Maria"));
        held.sight(&reading, at);
        held.take_measures(&reading);
        held.sight(&seen(None, None, "0/1"), at);
        held.take_measures(&seen(None, None, "0/1"));
        assert_eq!(held.tx().map(Dbm::thousandths), Some(2_210));
        let mut dark = Reading::unread(OnuKey::new(&[1]), Unread::OnuDown);
        dark.name = Err(Unread::NoValue);
        held.sight(&dark, at);
        held.take_measures(&dark);
        assert_eq!((held.tx(), held.name()), (None, None));
        assert_eq!(held.distance().map(Metres::thousandths), Some(1_234_000));
    }
}
