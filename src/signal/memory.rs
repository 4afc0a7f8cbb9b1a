//! What is remembered of an ONU over a restart: octets that only this room reads.
//!
//! A version, then fields (a tag, a length, a payload), then a checksum over both. A field with a tag that is not known here is
//! passed over, so that a later version may add some; what cannot be read at all is refused whole, and its ONU is then like
//! one that was never seen.

use super::Identity;
use crate::model::OnuKey;

/// The version that is written here, and the only one that is read.
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// One ONU for the store: which it is, and what to give back after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// What tells it from the OLT's other ONUs.
    pub key: OnuKey,
    /// The device, as far as known.
    pub identity: Option<Identity>,
    /// Everything else; opaque.
    pub octets: Box<[u8]>,
}

/// What a judge has to remember since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Of the OLT as a whole; opaque. It says until when the others hold, so it changes with every sweep.
    pub olt: Box<[u8]>,
    /// ONUs of which something changed. They take the place of what was remembered under their keys.
    pub onus: Vec<Memory>,
    /// ONUs that are gone or have another key now: nothing is to be remembered of these keys.
    pub gone: Vec<OnuKey>,
}

/// Octets that are no memory. Nobody's fault that can be mended: what they stood for is read from the OLT again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Written by another version.
    #[error("memory of version {0} is not known to this one, which reads version {VERSION}")]
    Version(u8),
    /// Cut off, or changed since it was written.
    #[error("memory is damaged: its checksum does not fit")]
    Checksum,
    /// A field holds what nothing here writes.
    #[error("memory is damaged: field {0} cannot be read")]
    Field(u8),
}

/// Builds a memory.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(vec![VERSION])
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.0.push(number);
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn i16(&mut self, number: i16) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn i32(&mut self, number: i32) {
        self.0.extend(number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    /// A field of at most 255 octets; one that is longer is left out, which no field of this room is.
    pub(super) fn field(&mut self, tag: u8, content: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.0.extend([tag, 0]);
        content(self);
        match u8::try_from(self.0.len() - start - 2) {
            Ok(length) => {
                if let Some(place) = self.0.get_mut(start + 1) {
                    *place = length;
                }
            }
            Err(_) => self.0.truncate(start),
        }
    }

    pub(super) fn finish(mut self) -> Box<[u8]> {
        let sum = checksum(&self.0);
        self.u32(sum);
        self.0.into_boxed_slice()
    }
}

/// Takes a memory's field apart. Every step is `None` when the octets have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The fields of a memory, in their order.
    pub(super) fn fields(octets: &'a [u8]) -> Result<Vec<(u8, Self)>, MemoryError> {
        let version = octets.first().copied().ok_or(MemoryError::Checksum)?;
        if version != VERSION {
            return Err(MemoryError::Version(version));
        }
        let (content, sum) = octets.split_last_chunk::<CHECKSUM>().ok_or(MemoryError::Checksum)?;
        if content.is_empty() || checksum(content) != u32::from_le_bytes(*sum) {
            return Err(MemoryError::Checksum);
        }
        let mut rest = Self(content);
        rest.u8();
        let mut fields = Vec::new();
        while let Some(tag) = rest.u8() {
            let length = rest.u8().ok_or(MemoryError::Field(tag))?;
            let (field, after) = rest.0.split_at_checked(usize::from(length)).ok_or(MemoryError::Field(tag))?;
            fields.push((tag, Self(field)));
            rest = Self(after);
        }
        Ok(fields)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.chunk().map(i16::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.chunk().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// CRC-32 of some octets.
pub(super) fn checksum(octets: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(octets);
    sum.sum()
}

/// The number of a word among all words of its kind. Numbers are kept on disk: new words go to the end.
pub(super) fn number_of<T: PartialEq>(all: &[T], word: &T) -> u8 {
    all.iter().position(|one| one == word).and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

/// The word of a number.
pub(super) fn word_of<T: Copy>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Level};

    fn some() -> Box<[u8]> {
        let mut writer = Writer::new();
        writer.field(7, |writer| writer.u64(1));
        writer.field(9, |writer| {
            writer.i32(-5);
            writer.u8(1);
        });
        writer.finish()
    }

    #[test]
    fn fields_come_back_as_written() {
        let octets = some();
        let mut fields = Reader::fields(&octets).unwrap();
        assert_eq!(fields.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(fields[0].1.u64(), Some(1));
        assert_eq!(fields[0].1.u8(), None);
        assert_eq!((fields[1].1.i32(), fields[1].1.flag()), (Some(-5), Some(true)));
    }

    #[test]
    fn any_changed_octet_or_missing_end_is_seen() {
        let octets = some();
        for place in 0..octets.len() {
            let mut damaged = octets.to_vec();
            damaged[place] ^= 0x40;
            assert!(Reader::fields(&damaged).is_err(), "octet {place}");
            assert!(Reader::fields(&octets[..place]).is_err(), "cut at {place}");
        }
        let mut newer = octets.to_vec();
        newer[0] = 2;
        assert_eq!(Reader::fields(&newer).unwrap_err(), MemoryError::Version(2));
    }

    #[test]
    fn the_numbers_of_words_on_disk_never_change() {
        let causes = ["optical", "power", "admin", "auth", "rogue", "restart", "unknown"];
        let levels = ["good", "weak", "critical", "overload", "unread"];
        for (number, word) in (0..).zip(causes) {
            assert_eq!(word_of(Cause::ALL, number).map(Cause::word), Some(word));
        }
        for (number, word) in (0..).zip(levels) {
            assert_eq!(word_of(Level::ALL, number).map(Level::word), Some(word));
        }
    }
}
