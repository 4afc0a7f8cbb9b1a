//! One value on its way into a reading.

use std::sync::Arc;

use super::profile::{Column, FieldName};
use super::value::{Decoder, Word};
use crate::model::{Cause, Celsius, Dbm, Field, Metres, Milliamperes, PonId, PonReading, Reading, Unread, Volts};
use crate::snmp::ValueRef;

/// A column's value for one row, and how to read it.
pub(super) struct Cell<'a> {
    pub(super) column: &'a Column,
    pub(super) value: Option<ValueRef<'a>>,
    pub(super) scale: usize,
    pub(super) missing: Unread,
}

/// Keeps what is known; a later column of the same field only fills what an earlier one did not know.
fn fill<T>(place: &mut Field<T>, value: Field<T>) {
    match (&place, &value) {
        (Ok(_), _) => {}
        (Err(_), Ok(_)) | (Err(Unread::NotAsked | Unread::NoSuchColumn), Err(_)) => *place = value,
        (Err(_), Err(_)) => {}
    }
}

impl Cell<'_> {
    fn number(&self) -> Field<f64> {
        match &self.column.decoder {
            Decoder::Number(decoder) => decoder.decode(self.value.ok_or(self.missing)?, self.scale),
            _ => Err(Unread::Malformed),
        }
    }

    fn whole(&self) -> Field<u32> {
        let number = self.number()?;
        if number < 0.0 || number > f64::from(u32::MAX) {
            return Err(Unread::Implausible);
        }
        // Checked to be within u32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(number.round() as u32)
    }

    fn word(&self) -> Field<Word> {
        match &self.column.decoder {
            Decoder::Word(decoder) => decoder.decode(self.value.ok_or(self.missing)?),
            _ => Err(Unread::Malformed),
        }
    }

    fn cause(&self) -> Field<Cause> {
        match self.word()? {
            Word::Cause(cause) => Ok(cause),
            _ => Err(Unread::NoValue),
        }
    }

    /// Texts, serials and MACs.
    fn text<T>(&self, decode: impl Fn(ValueRef<'_>, &Decoder) -> Field<T>) -> Field<T> {
        decode(self.value.ok_or(self.missing)?, &self.column.decoder)
    }

    /// Puts it into an ONU's reading. Gives the raw number when it is an enumeration's unknown one.
    pub(super) fn put_onu(&self, reading: &mut Reading) -> Option<i64> {
        let unit = |number: f64| number;
        macro_rules! quantity {
            ($place:ident, $unit:ident) => {
                fill(
                    &mut reading.$place,
                    self.number().map(unit).and_then(|n| $unit::new(n).map_err(|_| Unread::Implausible)),
                )
            };
        }
        match self.column.field {
            FieldName::Serial => fill(&mut reading.serial, self.text(decode_serial)),
            FieldName::Mac => fill(&mut reading.mac, self.text(decode_mac)),
            FieldName::Name => fill(&mut reading.name, self.text(decode_text)),
            FieldName::Pon => {
                if let Ok(number) = self.whole() {
                    reading.pon = reading.pon.or_else(|| PonId::new(&[number]).ok());
                }
            }
            FieldName::Onu => {
                if let Ok(number) = self.whole() {
                    reading.onu = reading.onu.or(Some(number));
                }
            }
            FieldName::State => {
                let state = self.word().and_then(|word| match word {
                    Word::State(state) => Ok(state),
                    _ => Err(Unread::Malformed),
                });
                fill(&mut reading.state, state);
                return unknown(reading.state);
            }
            FieldName::Cause => {
                let cause = self.cause();
                // "No cause" was only what stood there before a column spoke.
                if reading.cause == Err(Unread::NoValue) {
                    reading.cause = cause;
                } else {
                    fill(&mut reading.cause, cause);
                }
                return unknown(cause);
            }
            FieldName::LastDownCause => {
                let cause = self.cause();
                fill(&mut reading.last_down_cause, cause);
                if let Err(Unread::UnknownValue(raw)) = cause
                    && reading.cause == Err(Unread::NoValue)
                {
                    reading.cause = Err(Unread::UnknownValue(raw));
                }
                return unknown(cause);
            }
            FieldName::Rx => quantity!(rx, Dbm),
            FieldName::OltRx => quantity!(olt_rx, Dbm),
            FieldName::Tx => quantity!(tx, Dbm),
            FieldName::Distance => quantity!(distance, Metres),
            FieldName::Temperature => quantity!(temperature, Celsius),
            FieldName::Voltage => quantity!(voltage, Volts),
            FieldName::Bias => quantity!(bias, Milliamperes),
            FieldName::Onus => {}
        }
        None
    }

    /// As [`Self::put_onu`], into a PON port's.
    pub(super) fn put_pon(&self, reading: &mut PonReading) -> Option<i64> {
        match self.column.field {
            FieldName::Name => {
                if let Ok(name) = self.text(decode_text) {
                    reading.name = reading.name.take().or(Some(name));
                }
            }
            FieldName::State => {
                let state = self.word().and_then(|word| match word {
                    Word::Pon(state) => Ok(state),
                    _ => Err(Unread::Malformed),
                });
                fill(&mut reading.state, state);
                return unknown(state);
            }
            FieldName::Tx => {
                let tx = self.number().and_then(|number| Dbm::new(number).map_err(|_| Unread::Implausible));
                fill(&mut reading.tx, tx);
            }
            FieldName::Onus => fill(&mut reading.onus, self.whole()),
            _ => {}
        }
        None
    }
}

fn unknown<T>(field: Field<T>) -> Option<i64> {
    match field {
        Err(Unread::UnknownValue(raw)) => Some(raw.get()),
        _ => None,
    }
}

fn decode_serial(value: ValueRef<'_>, decoder: &Decoder) -> Field<crate::model::Serial> {
    match decoder {
        Decoder::Serial { pattern, hex_with_prefix, .. } => {
            Decoder::serial(value, pattern.as_ref(), hex_with_prefix.as_deref())
        }
        _ => Err(Unread::Malformed),
    }
}

fn decode_mac(value: ValueRef<'_>, decoder: &Decoder) -> Field<crate::model::Mac> {
    match decoder {
        Decoder::Mac { pattern } => Decoder::mac(value, pattern.as_ref()),
        _ => Err(Unread::Malformed),
    }
}

fn decode_text(value: ValueRef<'_>, decoder: &Decoder) -> Field<Arc<str>> {
    match decoder {
        Decoder::Text { pattern } => Decoder::text(value, pattern.as_ref()),
        _ => Err(Unread::Malformed),
    }
}
