//! Where a page of ONUs ended: the next one goes on behind it, whatever came or went meanwhile.

use std::fmt;
use std::str::FromStr;

use crate::model::{OltId, OnuKey};

/// The last ONU of a page. Prints as hex digits that clients take as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Its OLT.
    pub(super) olt: OltId,
    /// Which ONU of it.
    pub(super) key: OnuKey,
}

/// A text that no page ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: the next_cursor of the page before was expected, unchanged")]
pub(super) struct ParseCursorError;

/// Most numbers in a key; serials and MACs with their lengths have up to about twenty.
const MOST_NUMBERS: usize = 64;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in format!("{}/{}", self.key, self.olt).bytes() {
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let digits: Vec<u8> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(ParseCursorError))
            .collect::<Result<_, _>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(ParseCursorError);
        }
        let octets = pairs.iter().map(|[high, low]| (high << 4) | low).collect();
        let plain = String::from_utf8(octets).map_err(|_| ParseCursorError)?;
        let (key, olt) = plain.split_once('/').ok_or(ParseCursorError)?;
        let numbers: Vec<u32> = key
            .split('.')
            .take(MOST_NUMBERS)
            .map(|number| number.parse().map_err(|_| ParseCursorError))
            .collect::<Result<_, _>>()?;
        Ok(Self { olt: OltId::new(olt), key: OnuKey::new(&numbers) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_printed_is_read_back(
            olt in "\\PC{1,64}", numbers in proptest::collection::vec(any::<u32>(), 1..20)
        ) {
            let cursor = Cursor { olt: OltId::new(&olt), key: OnuKey::new(&numbers) };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,64}", digits in "[0-9a-f]{0,64}") {
            let _ = text.parse::<Cursor>();
            let _ = digits.parse::<Cursor>();
        }
    }

    #[test]
    fn what_no_page_ended_with_is_refused() {
        for text in ["", "0", "zz", "2f", "312e2f61", "ff2f61"] {
            assert_eq!(text.parse::<Cursor>(), Err(ParseCursorError), "{text}");
        }
    }
}
