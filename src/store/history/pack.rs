//! Columns of whole numbers as octets: runs for what mostly stays the same, packed bits for short columns, `pco` for long ones.

use pco::ChunkConfig;
use pco::data_types::Number;

/// Why octets are no column. The place is said by who knows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct PackError(pub(super) &'static str);

/// Columns shorter than this are only packed as bits: the tables of an entropy coder would cost more than they save.
const ENTROPY_FROM: usize = 128;

const BITS: u8 = 0;
const ENTROPY: u8 = 1;

pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        // The low seven bits.
        #[allow(clippy::cast_possible_truncation)]
        let low = (number & 0x7F) as u8;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    // Small magnitudes become small numbers, of either sign.
    put_varint(out, (number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned());
}

/// Runs of equal numbers.
pub(super) fn put_runs(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u64>) {
    let mut numbers = numbers.into_iter().peekable();
    while let Some(number) = numbers.next() {
        let mut run = 1;
        while numbers.next_if_eq(&number).is_some() {
            run += 1;
        }
        put_varint(out, number);
        put_varint(out, run);
    }
}

/// Numbers without much order, in the shorter of two ways. Their count is not written.
pub(super) fn put_numbers(out: &mut Vec<u8>, numbers: &[i32]) {
    let (least, most) = numbers.iter().fold((i32::MAX, i32::MIN), |(least, most), n| (least.min(*n), most.max(*n)));
    let span = if numbers.is_empty() { 0 } else { most.abs_diff(least) };
    let width = u32::BITS - span.leading_zeros();
    let packed = (numbers.len() * width as usize).div_ceil(8);
    if numbers.len() >= ENTROPY_FROM && width > 1 {
        let squeezed = pco::standalone::simple_compress(numbers, &ChunkConfig::default());
        if let Ok(squeezed) = squeezed
            && squeezed.len() < packed
        {
            out.push(ENTROPY);
            put_varint(out, squeezed.len() as u64);
            out.extend_from_slice(&squeezed);
            return;
        }
    }
    out.push(BITS);
    put_signed(out, if numbers.is_empty() { 0 } else { i64::from(least) });
    // At most 32.
    #[allow(clippy::cast_possible_truncation)]
    out.push(width as u8);
    let (mut word, mut filled) = (0_u64, 0);
    for number in numbers {
        word |= u64::from(number.abs_diff(least)) << filled;
        filled += width;
        while filled >= 8 {
            // The low eight bits.
            #[allow(clippy::cast_possible_truncation)]
            out.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        #[allow(clippy::cast_possible_truncation)]
        out.push(word as u8);
    }
}

/// Takes columns out of octets that somebody else may have written.
pub(super) struct Unpacker<'a> {
    octets: &'a [u8],
}

impl<'a> Unpacker<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    fn octet(&mut self) -> Result<u8, PackError> {
        let (first, rest) = self.octets.split_first().ok_or(PackError("it ends too early"))?;
        self.octets = rest;
        Ok(*first)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PackError> {
        let (taken, rest) = self.octets.split_at_checked(count).ok_or(PackError("it ends too early"))?;
        self.octets = rest;
        Ok(taken)
    }

    pub(super) fn varint(&mut self) -> Result<u64, PackError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let low = u64::from(octet & 0x7F);
            if shift == 63 && low > 1 {
                break;
            }
            number |= low << shift;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(PackError("a number is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, PackError> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A count of at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, PackError> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count <= most { Ok(count) } else { Err(PackError("a count is too large")) }
    }

    /// Runs that make up `count` numbers together, each given to `take` with its length.
    pub(super) fn runs(
        &mut self,
        count: usize,
        mut take: impl FnMut(u64, usize) -> Result<(), PackError>,
    ) -> Result<(), PackError> {
        let mut left = count;
        while left > 0 {
            let number = self.varint()?;
            let run = self.count(left)?;
            if run == 0 {
                return Err(PackError("a run is empty"));
            }
            left -= run;
            take(number, run)?;
        }
        Ok(())
    }

    pub(super) fn numbers(&mut self, count: usize) -> Result<Vec<i32>, PackError> {
        match self.octet()? {
            ENTROPY => {
                let length = self.count(self.octets.len())?;
                let squeezed = self.take(length)?;
                let mut numbers = vec![0_i32; count];
                let progress = pco::standalone::simple_decompress_into(squeezed, &mut numbers)
                    .map_err(|_| PackError("a squeezed column cannot be read"))?;
                if progress.n_processed == count && progress.finished {
                    Ok(numbers)
                } else {
                    Err(PackError("a squeezed column has another length"))
                }
            }
            BITS => self.bits(count),
            _ => Err(PackError("a column is of no known kind")),
        }
    }

    fn bits(&mut self, count: usize) -> Result<Vec<i32>, PackError> {
        let least = self.signed()?;
        let width = u32::from(self.octet()?);
        if width > u32::BITS {
            return Err(PackError("a column is too wide"));
        }
        let octets = self.take(count.saturating_mul(width as usize).div_ceil(8))?;
        let mask = (1_u64 << width) - 1;
        let (mut word, mut filled) = (0_u64, 0);
        let mut octets = octets.iter();
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            while filled < width {
                let octet = octets.next().ok_or(PackError("it ends too early"))?;
                word |= u64::from(*octet) << filled;
                filled += 8;
            }
            // At most 32 bits.
            let number = least.checked_add((word & mask).cast_signed()).and_then(|number| i32::try_from(number).ok());
            numbers.push(number.ok_or(PackError("a number is too large"))?);
            word >>= width;
            filled -= width;
        }
        Ok(numbers)
    }
}

/// What a number type is to the entropy coder; named so that a change of its crate is seen here.
const _: fn() = || {
    const fn is_number<T: Number>() {}
    is_number::<i32>();
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(numbers: &[i32]) -> usize {
        let mut octets = Vec::new();
        put_numbers(&mut octets, numbers);
        let mut unpacker = Unpacker::new(&octets);
        assert_eq!(unpacker.numbers(numbers.len()).unwrap(), numbers);
        assert!(unpacker.is_empty());
        octets.len()
    }

    #[test]
    fn columns_of_any_length_come_back() {
        for length in [0, 1, 2, 7, 8, 9, 127, 128, 129, 255, 256, 257, 4096] {
            assert!(there_and_back(&vec![-21_370; length]) <= 8, "a constant column costs nothing");
            let numbers: Vec<i32> = (0..length).map(|n| i32::try_from(n * 7919 % 83).unwrap() - 40).collect();
            there_and_back(&numbers);
        }
        there_and_back(&[i32::MIN, i32::MAX, 0]);
    }

    proptest! {
        #[test]
        fn any_column_comes_back(numbers in proptest::collection::vec(any::<i32>(), 0..600)) {
            there_and_back(&numbers);
        }

        #[test]
        fn any_run_and_number_comes_back(numbers in proptest::collection::vec(0_u64..3, 0..300), n: u64, s: i64) {
            let mut octets = Vec::new();
            put_varint(&mut octets, n);
            put_signed(&mut octets, s);
            put_runs(&mut octets, numbers.iter().copied());
            let mut unpacker = Unpacker::new(&octets);
            prop_assert_eq!((unpacker.varint().unwrap(), unpacker.signed().unwrap()), (n, s));
            let mut back = Vec::new();
            unpacker.runs(numbers.len(), |number, run| { back.extend(std::iter::repeat_n(number, run)); Ok(()) }).unwrap();
            prop_assert_eq!(back, numbers);
        }

        #[test]
        fn any_octets_are_taken_without_a_panic(octets: Vec<u8>, count in 0_usize..2000) {
            let _ = Unpacker::new(&octets).numbers(count);
            let _ = Unpacker::new(&octets).runs(count, |_, _| Ok(()));
            let _ = Unpacker::new(&octets).signed();
        }

        #[test]
        fn a_squeezed_column_that_was_changed_is_taken_without_a_panic(
            place in 0_usize..4096, with: u8, cut in 0_usize..64, count in 0_usize..600
        ) {
            let numbers: Vec<i32> = (0..512).map(|n| (n * 7919) % 101 - 50).collect();
            let mut octets = Vec::new();
            put_numbers(&mut octets, &numbers);
            let length = octets.len();
            octets[place % length] = with;
            octets.truncate(length - cut % length);
            let _ = Unpacker::new(&octets).numbers(count);
            let _ = Unpacker::new(&octets).numbers(512);
        }
    }
}
