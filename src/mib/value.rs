//! Values of columns: from what an agent gives to units and words, and back for simulated OLTs.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use crate::model::{Cause, Field, Mac, OnuState, PonState, Serial, Unread};
use crate::snmp::Value;

/// Texts with which devices say that they have no value.
const NO_VALUE: [&str; 11] = ["", "-", "--", "---", "n/a", "na", "-inf", "inf", "nan", "null", "()"];

/// Longest text that is kept of a name; the MIBs allow 255 octets.
const MAX_TEXT: usize = 255;

/// A word that a column stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    State(OnuState),
    Pon(PonState),
    Cause(Cause),
    /// A cause column that says "never went down".
    None,
}

/// One way from a raw number or text to the unit.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) factor: f64,
    pub(super) offset: f64,
    pub(super) signed16: bool,
    pub(super) magnitude: bool,
    pub(super) milliwatts: bool,
    pub(super) text: Option<TextNumber>,
    pub(super) decimals: u32,
}

/// A number inside of a text.
#[derive(Debug, Clone)]
pub(super) struct TextNumber {
    pub(super) find: Regex,
    /// How a device writes it, with `{}` for the number.
    pub(super) format: String,
}

impl Scale {
    /// In the unit, or why not.
    fn decode(&self, raw: &Value) -> Field<f64> {
        let number = match (&self.text, raw) {
            (Some(text), Value::OctetString(octets)) => {
                let given = std::str::from_utf8(octets).map_err(|_| Unread::Malformed)?;
                let given = given.trim_matches(|c: char| c == '\0' || c.is_whitespace());
                if says_no_value(given) {
                    return Err(Unread::NoValue);
                }
                let found = text.find.captures(given).and_then(|groups| groups.get(1)).ok_or(Unread::Malformed)?;
                found.as_str().parse::<f64>().map_err(|_| Unread::Malformed)? * self.factor + self.offset
            }
            // Many agents write a number that their MIB calls an integer as a text.
            (None, Value::OctetString(octets)) => self.number(written_integer(octets)?)?,
            (None, raw) => self.number(raw.integer().ok_or(Unread::Malformed)?)?,
            (Some(_), _) => return Err(Unread::Malformed),
        };
        let number = if self.magnitude { -number.abs() } else { number };
        let shift = 10_f64.powi(i32::try_from(self.decimals).unwrap_or(3));
        Ok((number * shift).round() / shift)
    }

    fn number(&self, raw: i64) -> Field<f64> {
        let raw = if self.signed16 {
            // Some agents send the 16 bits unfolded, others as a negative number; both are the same number.
            if !(-32_768..=65_535).contains(&raw) {
                return Err(Unread::Implausible);
            }
            if raw > 32_767 { raw - 65_536 } else { raw }
        } else {
            raw
        };
        // Levels and the like are far below 2^53; anything above is refused as implausible by the window.
        #[allow(clippy::cast_precision_loss)]
        let raw = raw as f64;
        if self.milliwatts {
            if raw == 0.0 {
                return Err(Unread::NoValue);
            }
            if raw < 0.0 {
                return Err(Unread::Implausible);
            }
            return Ok(10.0 * (raw * self.factor).log10());
        }
        Ok(raw * self.factor + self.offset)
    }

    /// What a device would give for `number`; the inverse of [`Scale::decode`] to the device's precision.
    pub(super) fn encode(&self, number: f64) -> Option<Value> {
        let number = if self.magnitude { number.abs() } else { number };
        if let Some(text) = &self.text {
            let number = (number - self.offset) / self.factor;
            // A device that writes hundredths in a text writes whole ones.
            let whole = (self.factor - 1.0).abs() > 1e-9;
            let decimals = if whole { 0 } else { usize::try_from(self.decimals).ok()? };
            let written = text.format.replacen("{}", &format!("{number:.decimals$}"), 1);
            return Some(Value::OctetString(written.into_bytes().into_boxed_slice()));
        }
        let raw = if self.milliwatts {
            10_f64.powf(number / 10.0) / self.factor
        } else {
            (number - self.offset) / self.factor
        };
        let raw = raw.round();
        if raw.abs() > 2_147_483_647.0 {
            return None;
        }
        // Checked above to be a whole number within 32 bits.
        #[allow(clippy::cast_possible_truncation)]
        let raw = raw as i64;
        Some(Value::Integer(if self.signed16 && raw < 0 { raw + 65_536 } else { raw }))
    }
}

/// The integer that a text is, and nothing but that.
fn written_integer(octets: &[u8]) -> Field<i64> {
    let text = std::str::from_utf8(octets).map_err(|_| Unread::Malformed)?;
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    if says_no_value(text) {
        return Err(Unread::NoValue);
    }
    text.parse().map_err(|_| Unread::Malformed)
}

/// Whether a text says that there is no value.
fn says_no_value(text: &str) -> bool {
    NO_VALUE.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A number with its scales, sentinels and what is plausible.
#[derive(Debug, Clone)]
pub(super) struct NumberDecoder {
    pub(super) scales: Vec<Scale>,
    pub(super) sentinels: Vec<i64>,
    pub(super) plausible: (f64, f64),
    /// Where most values are, to tell apart scales that are all plausible.
    pub(super) usual: (f64, f64),
}

impl NumberDecoder {
    /// The scale by which most of a column's values are usual, then plausible; the first of equals. Firmware differs by device,
    /// not by ONU, so the whole column decides and not each value for itself.
    pub(super) fn choose<'a>(&self, column: impl Iterator<Item = &'a Value> + Clone) -> usize {
        if self.scales.len() < 2 {
            return 0;
        }
        let usual = |number: f64| number >= self.usual.0 && number <= self.usual.1;
        let mut best = (0, (0, 0));
        for position in 0..self.scales.len() {
            let plausible = column.clone().filter_map(|raw| self.decode(raw, position).ok());
            let count = plausible.fold((0, 0), |(most, all), number| (most + usize::from(usual(number)), all + 1));
            if count > best.1 {
                best = (position, count);
            }
        }
        best.0
    }

    pub(super) fn decode(&self, raw: &Value, scale: usize) -> Field<f64> {
        present(raw)?;
        let number = raw.integer().or_else(|| written_integer(raw.octets()?).ok());
        if let Some(number) = number
            && self.sentinels.contains(&number)
        {
            return Err(Unread::Sentinel(number));
        }
        let number = self.scales.get(scale).ok_or(Unread::Malformed)?.decode(raw)?;
        let (low, high) = self.plausible;
        if number < low || number > high {
            return Err(Unread::Implausible);
        }
        Ok(number)
    }
}

/// An enumeration of numbers, texts or bits.
#[derive(Debug, Clone)]
pub(super) struct WordDecoder {
    /// By the number, or by the text in lower case.
    pub(super) map: BTreeMap<String, Word>,
    /// The first bit that is set decides.
    pub(super) bits: Vec<(u32, Word)>,
    pub(super) sentinels: Vec<i64>,
    pub(super) pattern: Option<Regex>,
}

impl WordDecoder {
    pub(super) fn decode(&self, raw: &Value) -> Field<Word> {
        present(raw)?;
        if let Some(number) = raw.integer()
            && self.sentinels.contains(&number)
        {
            return Err(Unread::Sentinel(number));
        }
        for (bit, word) in &self.bits {
            if has_bit(raw, *bit) {
                return Ok(*word);
            }
        }
        if let Some(number) = raw.integer() {
            return self.map.get(&number.to_string()).copied().ok_or(Unread::UnknownValue(number));
        }
        let text = text_of(raw, self.pattern.as_ref())?.to_ascii_lowercase();
        if let Some(word) = self.map.get(&text) {
            return Ok(*word);
        }
        if says_no_value(&text) {
            return Err(Unread::NoValue);
        }
        Err(text.parse().map_or(Unread::Malformed, Unread::UnknownValue))
    }

    /// What a device would give for `word`: the lowest number, or the first text.
    pub(super) fn encode(&self, word: Word) -> Option<Value> {
        let mut keys: Vec<&String> = self.map.iter().filter(|(_, w)| **w == word).map(|(key, _)| key).collect();
        keys.sort_by_key(|key| key.parse::<i64>().unwrap_or(i64::MAX));
        keys.first().map(|key| raw_of(key))
    }

    /// Every value that it knows.
    pub(super) fn values(&self) -> Vec<Value> {
        self.map.keys().map(|key| raw_of(key)).collect()
    }
}

/// What a device gives for a key of an enumeration.
fn raw_of(key: &str) -> Value {
    key.parse().map_or_else(|_| Value::OctetString(key.as_bytes().into()), Value::Integer)
}

/// Bit `bit` of a number, counted from its least significant, or of octets, counted from the first one's most
/// significant (RFC 2578, 7.1.4).
fn has_bit(raw: &Value, bit: u32) -> bool {
    if let Some(number) = raw.integer() {
        return bit < 63 && number & (1_i64 << bit) != 0;
    }
    let Some(octets) = raw.octets() else { return false };
    let position = usize::try_from(bit / 8).unwrap_or(usize::MAX);
    octets.get(position).is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0)
}

/// A column's decoder.
#[derive(Debug, Clone)]
pub(super) enum Decoder {
    Number(NumberDecoder),
    Word(WordDecoder),
    Serial { pattern: Option<Regex>, hex_with_prefix: Option<String>, octets: bool },
    Mac { pattern: Option<Regex> },
    Text { pattern: Option<Regex> },
}

impl Decoder {
    pub(super) fn serial(raw: &Value, pattern: Option<&Regex>, hex_with_prefix: Option<&str>) -> Field<Serial> {
        present(raw)?;
        if let (Some(prefix), Some(number)) = (hex_with_prefix, raw.integer()) {
            let number = u32::try_from(number).map_err(|_| Unread::Malformed)?;
            return format!("{prefix}{number:08X}").parse().map_err(|_| Unread::Malformed);
        }
        let octets = raw.octets().ok_or(Unread::Malformed)?;
        if octets.is_empty() || octets.iter().all(|octet| *octet == 0) {
            return Err(Unread::NoValue);
        }
        if pattern.is_none() {
            return Serial::from_octets(octets).map_err(|_| no_value_or_malformed(octets));
        }
        text_of(raw, pattern)?.parse().map_err(|_| no_value_or_malformed(octets))
    }

    pub(super) fn mac(raw: &Value, pattern: Option<&Regex>) -> Field<Mac> {
        present(raw)?;
        let octets = raw.octets().ok_or(Unread::Malformed)?;
        if octets.is_empty() || octets.iter().all(|octet| *octet == 0) {
            return Err(Unread::NoValue);
        }
        if pattern.is_none() {
            return Mac::from_octets(octets).map_err(|_| no_value_or_malformed(octets));
        }
        text_of(raw, pattern)?.parse().map_err(|_| no_value_or_malformed(octets))
    }

    /// A name. Control characters become spaces, since names reach terminals and pages; not-UTF-8 octets are kept as
    /// Latin-1, which is what those devices mean.
    pub(super) fn text(raw: &Value, pattern: Option<&Regex>) -> Field<Arc<str>> {
        present(raw)?;
        let text = text_of(raw, pattern)?;
        if says_no_value(&text) {
            return Err(Unread::NoValue);
        }
        Ok(Arc::from(text))
    }
}

/// Refuses the exceptions that stand in place of a value, and what could not be decoded.
fn present(raw: &Value) -> Field<()> {
    match raw {
        Value::NoSuchObject => Err(Unread::NoSuchColumn),
        Value::NoSuchInstance | Value::EndOfMibView => Err(Unread::NoRow),
        Value::Undecoded { .. } => Err(Unread::Malformed),
        _ => Ok(()),
    }
}

fn no_value_or_malformed(octets: &[u8]) -> Unread {
    let text = String::from_utf8_lossy(octets);
    if says_no_value(text.trim_matches(|c: char| c == '\0' || c.is_whitespace())) {
        Unread::NoValue
    } else {
        Unread::Malformed
    }
}

/// The text of a value, or of the pattern's first group in it, without padding and control characters.
fn text_of(raw: &Value, pattern: Option<&Regex>) -> Field<String> {
    let text: String = match raw {
        Value::OctetString(octets) => match std::str::from_utf8(octets) {
            Ok(text) => text.chars().take(MAX_TEXT).collect(),
            Err(_) => octets.iter().take(MAX_TEXT).map(|octet| char::from(*octet)).collect(),
        },
        other => other.integer().ok_or(Unread::Malformed)?.to_string(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    match pattern {
        None => Ok(text.to_owned()),
        Some(pattern) => {
            let groups = pattern.captures(text).ok_or(Unread::Malformed)?;
            Ok(groups.get(1).or_else(|| groups.get(0)).map_or("", |group| group.as_str()).trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn linear(factor: f64, offset: f64, decimals: u32) -> Scale {
        Scale { factor, offset, signed16: false, magnitude: false, milliwatts: false, text: None, decimals }
    }

    fn text(value: &str) -> Value {
        Value::OctetString(value.as_bytes().into())
    }

    fn text_scale(unit: &str) -> Scale {
        let find = Regex::new(&format!(r"(?i)([-+]?\d+(?:\.\d+)?)\s*{}", regex::escape(unit))).unwrap();
        Scale { text: Some(TextNumber { find, format: "{}".to_owned() }), ..linear(1.0, 0.0, 2) }
    }

    fn rx(scales: Vec<Scale>, sentinels: Vec<i64>) -> NumberDecoder {
        NumberDecoder { scales, sentinels, plausible: (-50.0, 10.0), usual: (-40.0, -5.0) }
    }

    /// Worked examples of `olt-snmp.md`, by its sections.
    #[test]
    fn worked_examples_of_every_kind_of_scale() {
        let huawei_olt_rx = rx(vec![linear(0.01, -100.0, 2)], vec![2_147_483_647]);
        for (raw, level) in [(8775, -12.25), (8413, -15.87), (8565, -14.35), (8630, -13.70)] {
            assert_eq!(huawei_olt_rx.decode(&Value::Integer(raw), 0), Ok(level), "section 1, {raw}");
        }
        assert_eq!(
            huawei_olt_rx.decode(&Value::Integer(2_147_483_647), 0),
            Err(Unread::Sentinel(2_147_483_647)),
            "section 1"
        );

        let zte = rx(vec![Scale { signed16: true, ..linear(0.002, -30.0, 3) }], vec![65_535]);
        for (raw, level) in [(5635, -18.73), (6227, -17.546), (5340, -19.32), (6901, -16.198), (65_536 - 1000, -32.0)] {
            assert_eq!(zte.decode(&Value::Integer(raw), 0), Ok(level), "section 2, {raw}");
        }
        assert_eq!(zte.decode(&Value::Integer(65_535), 0), Err(Unread::Sentinel(65_535)), "section 2");

        let axos = rx(vec![Scale { milliwatts: true, ..linear(0.0001, 0.0, 2) }], vec![]);
        for (raw, level) in [(301, -15.21), (43_032, 6.34), (537, -12.70)] {
            assert_eq!(axos.decode(&Value::Integer(raw), 0), Ok(level), "section 13, {raw}");
        }
        assert_eq!(axos.decode(&Value::Integer(0), 0), Err(Unread::NoValue), "section 13: 0 is no light");

        let vsol = rx(vec![text_scale("dBm")], vec![]);
        assert_eq!(vsol.decode(&text("0.03 mW (-14.61 dBm)"), 0), Ok(-14.61), "section 5");
        assert_eq!(text_scale("dbm").decode(&text("6.56 dbm")), Ok(6.56), "section 5");
        assert_eq!(text_scale("").decode(&text("27.84 .C")), Ok(27.84), "section 5");
        assert_eq!(vsol.decode(&text("N/A"), 0), Err(Unread::NoValue), "section 9");
        assert_eq!(vsol.decode(&text("-inf"), 0), Err(Unread::NoValue), "section 11");

        let parks = rx(vec![Scale { magnitude: true, ..linear(0.01, 0.0, 2) }], vec![0]);
        assert_eq!(parks.decode(&Value::Integer(2638), 0), Ok(-26.38), "section 10");

        let ufiber = rx(vec![linear(0.01, 0.0, 2)], vec![0]);
        assert_eq!(ufiber.decode(&Value::Integer(-2481), 0), Ok(-24.81), "section 14");
    }

    #[test]
    fn the_whole_column_chooses_the_scale() {
        let bdcom = rx(vec![linear(0.1, 0.0, 1), linear(0.002, 0.0, 3)], vec![]);
        let tenths = [Value::Integer(-240), Value::Integer(-181), Value::Integer(-65_535)];
        let fine = [Value::Integer(-12_000), Value::Integer(-11_500), Value::Integer(-450)];
        assert_eq!(bdcom.choose(tenths.iter()), 0);
        assert_eq!(bdcom.choose(fine.iter()), 1);
        assert_eq!(bdcom.decode(&fine[2], 1), Ok(-0.9));
        assert_eq!(bdcom.choose([].iter()), 0);
        // Both are plausible; -26.4 dBm is usual and -2.64 is not.
        let magnitude = |factor, decimals| Scale { magnitude: true, ..linear(factor, 0.0, decimals) };
        let parks = rx(vec![magnitude(0.01, 2), magnitude(0.1, 1)], vec![0]);
        assert_eq!(parks.choose([Value::Integer(264), Value::Integer(0)].iter()), 1);
        assert_eq!(parks.choose([Value::Integer(2638), Value::Integer(0)].iter()), 0);
    }

    #[test]
    fn an_integer_may_come_as_a_text() {
        let hundredths = rx(vec![linear(0.01, 0.0, 2)], vec![0]);
        assert_eq!(hundredths.decode(&text(" -2137 "), 0), Ok(-21.37));
        assert_eq!(hundredths.decode(&text("0"), 0), Err(Unread::Sentinel(0)));
        assert_eq!(hundredths.decode(&text("--"), 0), Err(Unread::NoValue));
        assert_eq!(hundredths.decode(&text("-21.37"), 0), Err(Unread::Malformed));
        let of_text = rx(vec![Scale { factor: 0.01, ..text_scale("dBm") }], vec![]);
        assert_eq!(of_text.decode(&text("-2137 dBm"), 0), Ok(-21.37));
    }

    #[test]
    fn unknown_numbers_of_an_enumeration_survive() {
        let words = WordDecoder {
            map: [("1".to_owned(), Word::State(OnuState::Up)), ("losi".to_owned(), Word::Cause(Cause::Optical))].into(),
            bits: vec![],
            sentinels: vec![-1],
            pattern: None,
        };
        assert_eq!(words.decode(&Value::Integer(1)), Ok(Word::State(OnuState::Up)));
        assert_eq!(words.decode(&text("LOSi")), Ok(Word::Cause(Cause::Optical)));
        assert_eq!(words.decode(&Value::Integer(77)), Err(Unread::UnknownValue(77)));
        assert_eq!(words.decode(&Value::Integer(-1)), Err(Unread::Sentinel(-1)));
        assert_eq!(words.decode(&text("--")), Err(Unread::NoValue));
        assert_eq!(words.decode(&text("on fire")), Err(Unread::Malformed));
        assert_eq!(words.decode(&Value::NoSuchInstance), Err(Unread::NoRow));
    }

    #[test]
    fn bits_count_from_the_low_end_of_a_number_and_the_first_bit_of_octets() {
        let words = WordDecoder {
            map: [("0".to_owned(), Word::State(OnuState::Up))].into(),
            bits: vec![(18, Word::Cause(Cause::Power)), (1, Word::Cause(Cause::Optical))],
            sentinels: vec![],
            pattern: None,
        };
        assert_eq!(words.decode(&Value::Integer((1 << 18) | 2)), Ok(Word::Cause(Cause::Power)));
        assert_eq!(words.decode(&Value::Integer(2)), Ok(Word::Cause(Cause::Optical)));
        assert_eq!(words.decode(&Value::Integer(0)), Ok(Word::State(OnuState::Up)));
        assert_eq!(words.decode(&Value::OctetString([0x40].into())), Ok(Word::Cause(Cause::Optical)));
        assert_eq!(words.decode(&Value::OctetString([0, 0, 0x20].into())), Ok(Word::Cause(Cause::Power)));
    }

    #[test]
    fn serials_come_as_octets_text_and_integers() {
        let octets = Value::OctetString([0x5A, 0x54, 0x45, 0x47, 0x00, 0x8E, 0xEB, 0x08].into());
        assert_eq!(Decoder::serial(&octets, None, None).unwrap().as_str(), "ZTEG008EEB08");
        let prefix = Regex::new(r"^\d+,(.*)$").unwrap();
        assert_eq!(Decoder::serial(&text("1,ZTEG008EEB08"), Some(&prefix), None).unwrap().as_str(), "ZTEG008EEB08");
        let number = Value::Gauge32(0x00AB_CDEF);
        assert_eq!(Decoder::serial(&number, None, Some("ZNTS")).unwrap().as_str(), "ZNTS00ABCDEF");
        assert_eq!(Decoder::serial(&Value::OctetString([0; 8].into()), None, None), Err(Unread::NoValue));
        assert_eq!(Decoder::serial(&text("--"), None, None), Err(Unread::NoValue));
    }

    #[test]
    fn a_name_cannot_command_a_terminal() {
        let name = Decoder::text(&text("  Maria\u{1b}[31m\r\n Souza\0"), None).unwrap();
        assert_eq!(&*name, "Maria [31m   Souza");
        let latin = Value::OctetString([b'J', b'o', 0xE3, b'o'].into());
        assert_eq!(&*Decoder::text(&latin, None).unwrap(), "João");
    }

    proptest! {
        #[test]
        fn no_value_panics_or_escapes_its_window(octets in proptest::collection::vec(any::<u8>(), 0..40), number: i64) {
            let decoder = rx(vec![text_scale("dBm"), linear(0.01, 0.0, 2),
                Scale { milliwatts: true, ..linear(0.0001, 0.0, 2) }], vec![]);
            for raw in [Value::OctetString(octets.clone().into_boxed_slice()), Value::Integer(number)] {
                for scale in 0..4 {
                    if let Ok(level) = decoder.decode(&raw, scale) {
                        prop_assert!((-50.0..=10.0).contains(&level));
                    }
                }
                let _ = Decoder::serial(&raw, None, Some("ZNTS"));
                let _ = Decoder::mac(&raw, None);
                let _ = Decoder::text(&raw, None);
            }
        }

        #[test]
        fn encoding_is_the_inverse_of_decoding(hundredths in -5000_i32..1000) {
            let level = f64::from(hundredths) / 100.0;
            for scale in [linear(0.01, 0.0, 2), linear(0.01, -100.0, 2), text_scale("")] {
                prop_assert_eq!(scale.decode(&scale.encode(level).unwrap()), Ok(level));
            }
            let even = Scale { signed16: true, ..linear(0.002, -30.0, 3) };
            prop_assert_eq!(even.decode(&even.encode(level).unwrap()), Ok(level));
        }
    }
}
