//! Values of columns: from what an agent gives to units and words, and back for simulated OLTs.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use crate::model::{Cause, Field, Mac, OnuState, PonState, Serial, Unread};
use crate::snmp::{Value, ValueRef};

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
    fn decode<'a>(&self, raw: impl Into<ValueRef<'a>>) -> Field<f64> {
        let number = match (&self.text, raw.into()) {
            (Some(text), ValueRef::Octets(octets)) => {
                let given = std::str::from_utf8(octets).map_err(|_| Unread::Malformed)?;
                let given = given.trim_matches(|c: char| c == '\0' || c.is_whitespace());
                if says_no_value(given) {
                    return Err(Unread::NoValue);
                }
                let found = text.find.captures(given).and_then(|groups| groups.get(1)).ok_or(Unread::Malformed)?;
                found.as_str().parse::<f64>().map_err(|_| Unread::Malformed)? * self.factor + self.offset
            }
            // Many agents write a number that their MIB calls an integer as a text.
            (None, ValueRef::Octets(octets)) => self.number(written_integer(octets)?)?,
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

    /// What an integer comes to; `None` where this scale reads no integers, or not this one.
    pub(super) fn of_integer(&self, raw: i64) -> Option<f64> {
        self.decode(&Value::Integer(raw)).ok()
    }

    /// Whether it makes the same of every value.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let unit = |scale: &Self| scale.text.as_ref().map(|text| text.find.as_str().to_owned());
        self.factor.total_cmp(&other.factor).is_eq()
            && self.offset.total_cmp(&other.offset).is_eq()
            && (self.signed16, self.magnitude, self.milliwatts) == (other.signed16, other.magnitude, other.milliwatts)
            && unit(self) == unit(other)
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
pub(super) fn says_no_value(text: &str) -> bool {
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
    pub(super) fn choose<'a>(&self, column: impl Iterator<Item = impl Into<ValueRef<'a>>> + Clone) -> usize {
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

    pub(super) fn decode<'a>(&self, raw: impl Into<ValueRef<'a>>, scale: usize) -> Field<f64> {
        let raw = raw.into();
        present(raw)?;
        let number = raw.integer().or_else(|| written_integer(raw.octets()?).ok());
        if let Some(number) = number
            && self.sentinels.contains(&number)
        {
            return Err(Unread::Sentinel(number.into()));
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
    pub(super) fn decode<'a>(&self, raw: impl Into<ValueRef<'a>>) -> Field<Word> {
        let raw = raw.into();
        present(raw)?;
        if let Some(number) = raw.integer()
            && self.sentinels.contains(&number)
        {
            return Err(Unread::Sentinel(number.into()));
        }
        for (bit, word) in &self.bits {
            if has_bit(raw, *bit) {
                return Ok(*word);
            }
        }
        if let Some(number) = raw.integer() {
            return self.map.get(Written::of(number).text()).copied().ok_or(Unread::UnknownValue(number.into()));
        }
        let text = text_of(raw, self.pattern.as_ref())?.to_ascii_lowercase();
        if let Some(word) = self.map.get(&text) {
            return Ok(*word);
        }
        if says_no_value(&text) {
            return Err(Unread::NoValue);
        }
        Err(text.parse::<i64>().map_or(Unread::Malformed, |number| Unread::UnknownValue(number.into())))
    }

    /// What a device would give for `word`: the lowest number, or the first text.
    pub(super) fn encode(&self, word: Word) -> Option<Value> {
        let mut keys: Vec<&String> = self.map.iter().filter(|(_, w)| **w == word).map(|(key, _)| key).collect();
        keys.sort_by_key(|key| key.parse::<i64>().unwrap_or(i64::MAX));
        keys.first().map(|key| raw_of(key))
    }

    /// Every word that it can give, once or more.
    pub(super) fn words(&self) -> impl Iterator<Item = Word> {
        self.map.values().copied().chain(self.bits.iter().map(|(_, word)| *word))
    }

    /// Every value that it knows.
    pub(super) fn values(&self) -> Vec<Value> {
        self.map.keys().map(|key| raw_of(key)).collect()
    }
}

/// A number's digits, written without an allocation, as every row of an enumeration is looked up by them.
struct Written {
    octets: [u8; 20],
    start: usize,
}

impl Written {
    fn of(number: i64) -> Self {
        let mut written = Self { octets: [b'0'; 20], start: 20 };
        let mut rest = number.unsigned_abs();
        loop {
            // Below 10.
            written.put(b'0' + u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            written.put(b'-');
        }
        written
    }

    /// Puts an octet before the others. There are 19 digits and a sign at most.
    fn put(&mut self, octet: u8) {
        self.start = self.start.saturating_sub(1);
        if let Some(place) = self.octets.get_mut(self.start) {
            *place = octet;
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.octets.get(self.start..).unwrap_or_default()).unwrap_or_default()
    }
}

/// What a device gives for a key of an enumeration.
fn raw_of(key: &str) -> Value {
    key.parse().map_or_else(|_| Value::OctetString(key.as_bytes().into()), Value::Integer)
}

/// Bit `bit` of a number, counted from its least significant, or of octets, counted from the first one's most
/// significant (RFC 2578, 7.1.4).
fn has_bit(raw: ValueRef<'_>, bit: u32) -> bool {
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
    pub(super) fn serial<'a>(
        raw: impl Into<ValueRef<'a>>,
        pattern: Option<&Regex>,
        hex_with_prefix: Option<&str>,
    ) -> Field<Serial> {
        let raw = raw.into();
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

    pub(super) fn mac<'a>(raw: impl Into<ValueRef<'a>>, pattern: Option<&Regex>) -> Field<Mac> {
        let raw = raw.into();
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
    pub(super) fn text<'a>(raw: impl Into<ValueRef<'a>>, pattern: Option<&Regex>) -> Field<Arc<str>> {
        let raw = raw.into();
        present(raw)?;
        let text = text_of(raw, pattern)?;
        if says_no_value(&text) {
            return Err(Unread::NoValue);
        }
        Ok(Arc::from(text))
    }
}

/// Refuses the exceptions that stand in place of a value, and what could not be decoded.
const fn present(raw: ValueRef<'_>) -> Field<()> {
    match raw {
        ValueRef::NoSuchObject => Err(Unread::NoSuchColumn),
        ValueRef::NoSuchInstance | ValueRef::EndOfMibView => Err(Unread::NoRow),
        ValueRef::Other => Err(Unread::Malformed),
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
fn text_of(raw: ValueRef<'_>, pattern: Option<&Regex>) -> Field<String> {
    let text: String = match raw {
        ValueRef::Octets(octets) => match std::str::from_utf8(octets) {
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
#[path = "value_tests.rs"]
mod tests;
