//! Readings of the ONUs of one lane over several sweeps, as one piece of octets.
//!
//! ```text
//!   format, sweeps S, ONUs N                            numbers
//!   times, in seconds                                   the first, then packed differences
//!   ONUs, ascending                                     runs of differences
//!   marks, ONU by ONU                                   runs (N × S)
//!   for ONU RX and OLT RX:  unit; a base an ONU; what differs from it, of marks that have it, ONU by ONU
//!   CRC-32 of all that
//! ```
//!
//! Levels lie near their ONU's median, in steps of what the device resolves. So the unit is the greatest common divisor, the
//! base is the median, and what is left is small noise, on which the entropy coder comes close to what is possible.

use super::pack::{PackError, Unpacker, put_numbers, put_runs, put_signed, put_varint};
use super::sample::{Mark, Sample};

const FORMAT: u64 = 1;
/// Bounds of what is read; what is written is far below.
const MOST_SWEEPS: usize = 1 << 14;
const MOST_ONUS: usize = 1 << 14;
const MOST_CELLS: usize = 1 << 21;

/// Readings of some ONUs in some sweeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Seconds since 1970, ascending.
    pub(super) times: Vec<i64>,
    /// Numbers of devices, ascending.
    pub(super) onus: Vec<i64>,
    /// ONU by ONU, one a sweep.
    marks: Vec<Mark>,
    /// As `marks`; 0 where there is none.
    rx: Vec<i32>,
    olt_rx: Vec<i32>,
}

/// One sweep's readings: when, and of whom.
pub(super) type Slice = (i64, Vec<(i64, Sample)>);

impl Block {
    /// From sweeps in any order. Of two readings of one ONU in one sweep, the first counts.
    pub(super) fn from_slices(mut slices: Vec<Slice>) -> Self {
        slices.sort_by_key(|(at, _)| *at);
        let mut onus: Vec<i64> = slices.iter().flat_map(|(_, rows)| rows.iter().map(|(onu, _)| *onu)).collect();
        onus.sort_unstable();
        onus.dedup();
        let mut block = Self::empty(slices.iter().map(|(at, _)| *at).collect(), onus);
        for (sweep, (_, rows)) in slices.iter().enumerate() {
            for (onu, sample) in rows {
                if let Ok(row) = block.onus.binary_search(onu) {
                    block.set(row, sweep, sample);
                }
            }
        }
        block
    }

    fn empty(times: Vec<i64>, onus: Vec<i64>) -> Self {
        let cells = times.len() * onus.len();
        Self { times, onus, marks: vec![Mark::ABSENT; cells], rx: vec![0; cells], olt_rx: vec![0; cells] }
    }

    /// Several blocks as one.
    pub(super) fn joined(blocks: &[Self]) -> Self {
        let mut times: Vec<(i64, usize, usize)> = Vec::new();
        let mut onus = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            times.extend(block.times.iter().enumerate().map(|(sweep, at)| (*at, number, sweep)));
            onus.extend_from_slice(&block.onus);
        }
        times.sort_unstable();
        onus.sort_unstable();
        onus.dedup();
        let mut joined = Self::empty(times.iter().map(|(at, _, _)| *at).collect(), onus);
        for (to, (_, number, from)) in times.iter().enumerate() {
            let Some(block) = blocks.get(*number) else { continue };
            for (onu, sample) in block.sweep(*from) {
                if let Ok(row) = joined.onus.binary_search(&onu) {
                    joined.set(row, to, &sample);
                }
            }
        }
        joined
    }

    fn set(&mut self, row: usize, sweep: usize, sample: &Sample) {
        let cell = row * self.times.len() + sweep;
        let (Some(mark), Some(rx), Some(olt_rx)) =
            (self.marks.get_mut(cell), self.rx.get_mut(cell), self.olt_rx.get_mut(cell))
        else {
            return;
        };
        if *mark == Mark::ABSENT {
            *mark = Mark::of(sample);
            *rx = sample.rx.map_or(0, |level| level.thousandths());
            *olt_rx = sample.olt_rx.map_or(0, |level| level.thousandths());
        }
    }

    fn at(&self, row: usize, sweep: usize) -> Option<Sample> {
        let cell = row * self.times.len() + sweep;
        self.marks.get(cell)?.sample(*self.rx.get(cell)?, *self.olt_rx.get(cell)?)
    }

    /// The readings of one ONU, in time order.
    pub(super) fn of_onu(&self, onu: i64) -> impl Iterator<Item = (i64, Sample)> {
        let row = self.onus.binary_search(&onu).ok();
        row.into_iter().flat_map(move |row| {
            self.times.iter().enumerate().filter_map(move |(sweep, at)| Some((*at, self.at(row, sweep)?)))
        })
    }

    /// The readings of one sweep.
    pub(super) fn sweep(&self, sweep: usize) -> impl Iterator<Item = (i64, Sample)> {
        self.onus.iter().enumerate().filter_map(move |(row, onu)| Some((*onu, self.at(row, sweep)?)))
    }

    /// How many readings it holds.
    pub(super) fn samples(&self) -> usize {
        self.marks.iter().filter(|mark| **mark != Mark::ABSENT).count()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.marks.len() * 2);
        for number in [FORMAT, self.times.len() as u64, self.onus.len() as u64] {
            put_varint(&mut out, number);
        }
        put_times(&mut out, &self.times);
        put_onus(&mut out, &self.onus);
        put_runs(&mut out, self.marks.iter().map(|mark| mark.number().into()));
        put_levels(&mut out, &self.rx, &self.marks, self.times.len(), Mark::has_rx);
        put_levels(&mut out, &self.olt_rx, &self.marks, self.times.len(), Mark::has_olt_rx);
        seal(&mut out);
        out
    }

    /// From octets; checked before they are believed.
    pub(super) fn decode(octets: &[u8]) -> Result<Self, PackError> {
        let mut unpacker = Unpacker::new(opened(octets)?);
        if unpacker.varint()? != FORMAT {
            return Err(PackError("its format is not known"));
        }
        let (sweeps, onus) = (unpacker.count(MOST_SWEEPS)?, unpacker.count(MOST_ONUS)?);
        let cells = sweeps * onus;
        if cells > MOST_CELLS {
            return Err(PackError("a count is too large"));
        }
        let times = take_times(&mut unpacker, sweeps)?;
        let onus = take_onus(&mut unpacker, onus)?;
        let mut marks = Vec::with_capacity(cells);
        unpacker.runs(cells, |number, run| {
            let mark = Mark::from_number(number).ok_or(PackError("there is no such mark"))?;
            marks.extend(std::iter::repeat_n(mark, run));
            Ok(())
        })?;
        let rx = take_levels(&mut unpacker, &marks, sweeps, Mark::has_rx)?;
        let olt_rx = take_levels(&mut unpacker, &marks, sweeps, Mark::has_olt_rx)?;
        if unpacker.is_empty() { Ok(Self { times, onus, marks, rx, olt_rx }) } else { Err(PackError("it is too long")) }
    }
}

/// Puts a checksum at the end.
pub(super) fn seal(octets: &mut Vec<u8>) {
    let sum = checksum(octets);
    octets.extend_from_slice(&sum.to_le_bytes());
}

fn checksum(octets: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(octets);
    sum.sum()
}

/// What the checksum at the end is of.
pub(super) fn opened(octets: &[u8]) -> Result<&[u8], PackError> {
    let (inner, sum) = octets.split_last_chunk::<4>().ok_or(PackError("it ends too early"))?;
    if checksum(inner) == u32::from_le_bytes(*sum) { Ok(inner) } else { Err(PackError("its checksum is wrong")) }
}

/// Ascending times; gaps beyond 68 years do not occur.
pub(super) fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    put_signed(out, times.first().copied().unwrap_or(0));
    let gaps: Vec<i32> = gaps(times).map(|gap| i32::try_from(gap).unwrap_or(i32::MAX)).collect();
    put_numbers(out, &gaps);
}

pub(super) fn take_times(unpacker: &mut Unpacker<'_>, count: usize) -> Result<Vec<i64>, PackError> {
    let first = unpacker.signed()?;
    let mut times = Vec::with_capacity(count);
    times.extend((count > 0).then_some(first));
    let mut time = first;
    for gap in unpacker.numbers(count.saturating_sub(1))? {
        time = time.checked_add(gap.into()).filter(|_| gap >= 0).ok_or(PackError("times go back"))?;
        times.push(time);
    }
    Ok(times)
}

pub(super) fn put_onus(out: &mut Vec<u8>, onus: &[i64]) {
    put_signed(out, onus.first().copied().unwrap_or(0));
    put_runs(out, gaps(onus).map(i64::cast_unsigned));
}

pub(super) fn take_onus(unpacker: &mut Unpacker<'_>, count: usize) -> Result<Vec<i64>, PackError> {
    let first = unpacker.signed()?;
    let mut onus = Vec::with_capacity(count);
    onus.extend((count > 0).then_some(first));
    let mut onu = first;
    unpacker.runs(count.saturating_sub(1), |gap, run| {
        let gap = i64::try_from(gap).ok().filter(|gap| *gap > 0).ok_or(PackError("devices are not in order"))?;
        for _ in 0..run {
            onu = onu.checked_add(gap).ok_or(PackError("devices are not in order"))?;
            onus.push(onu);
        }
        Ok(())
    })?;
    Ok(onus)
}

fn gaps(numbers: &[i64]) -> impl Iterator<Item = i64> {
    numbers.iter().zip(numbers.iter().skip(1)).map(|(before, after)| after.saturating_sub(*before))
}

/// The greatest unit of which all numbers are multiples; at least 1.
pub(super) fn unit_of(numbers: impl Iterator<Item = i32>) -> i32 {
    let mut unit = 0_u32;
    for number in numbers {
        let (mut a, mut b) = (unit, number.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        unit = a;
        if unit == 1 {
            break;
        }
    }
    i32::try_from(unit.max(1)).unwrap_or(1)
}

/// The middle one; 0 of none. Reorders them.
pub(super) fn median(numbers: &mut [i32]) -> i32 {
    let middle = numbers.len() / 2;
    if numbers.is_empty() { 0 } else { *numbers.select_nth_unstable(middle).1 }
}

fn put_levels(out: &mut Vec<u8>, levels: &[i32], marks: &[Mark], sweeps: usize, has: fn(Mark) -> bool) {
    let read = |(level, mark): (&i32, &Mark)| has(*mark).then_some(*level);
    let unit = unit_of(levels.iter().zip(marks).filter_map(read));
    let mut bases = Vec::new();
    let mut noise = Vec::with_capacity(levels.len());
    let mut of_onu = Vec::with_capacity(sweeps);
    for (levels, marks) in levels.chunks(sweeps.max(1)).zip(marks.chunks(sweeps.max(1))) {
        let start = noise.len();
        noise.extend(levels.iter().zip(marks).filter_map(read).map(|level| level / unit));
        let own = noise.get_mut(start..).unwrap_or_default();
        of_onu.clear();
        of_onu.extend_from_slice(own);
        let base = median(&mut of_onu);
        for level in own {
            *level = level.wrapping_sub(base);
        }
        bases.push(base);
    }
    put_signed(out, unit.into());
    put_numbers(out, &bases);
    put_numbers(out, &noise);
}

fn take_levels(
    unpacker: &mut Unpacker<'_>,
    marks: &[Mark],
    sweeps: usize,
    has: fn(Mark) -> bool,
) -> Result<Vec<i32>, PackError> {
    let unit = i32::try_from(unpacker.signed()?).map_err(|_| PackError("a unit is too large"))?;
    let rows = marks.len().checked_div(sweeps).unwrap_or(0);
    let bases = unpacker.numbers(rows)?;
    let noise = unpacker.numbers(marks.iter().filter(|mark| has(**mark)).count())?;
    let mut noise = noise.into_iter();
    let mut levels = Vec::with_capacity(marks.len());
    for (marks, base) in marks.chunks(sweeps.max(1)).zip(bases) {
        levels.extend(marks.iter().map(|mark| {
            // As many as there are marks that have one.
            if has(*mark) { noise.next().unwrap_or(0).wrapping_add(base).wrapping_mul(unit) } else { 0 }
        }));
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample::{Lack, Seen};
    use super::*;
    use crate::model::{Cause, Dbm};

    fn level() -> impl Strategy<Value = Result<Dbm, Lack>> {
        prop_oneof![
            8 => (-3000_i32..1000).prop_map(|hundredths| Ok(Dbm::from_thousandths(hundredths * 10))),
            1 => any::<i32>().prop_map(|thousandths| Ok(Dbm::from_thousandths(thousandths))),
            1 => Just(Err(Lack::OnuDown)),
            1 => Just(Err(Lack::NoAnswer)),
        ]
    }

    fn sample() -> impl Strategy<Value = Sample> {
        let state = prop_oneof![Just(Seen::Up), Just(Seen::Unknown), Just(Seen::Down(Cause::Power))];
        (state, level(), level()).prop_map(|(state, rx, olt_rx)| Sample { state, rx, olt_rx })
    }

    fn slices() -> impl Strategy<Value = Vec<Slice>> {
        let rows = proptest::collection::btree_map(1_i64..40, sample(), 0..20);
        let slice = (0_i64..4_000_000_000, rows).prop_map(|(at, rows)| (at, rows.into_iter().collect()));
        proptest::collection::vec(slice, 0..12).prop_map(|mut slices: Vec<Slice>| {
            slices.sort_by_key(|(at, _)| *at);
            slices.dedup_by_key(|(at, _)| *at);
            // A real gap of times is below 68 years.
            slices.retain(|(at, _)| *at < 2_000_000_000);
            slices
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(slices in slices()) {
            let block = Block::from_slices(slices.clone());
            let back = Block::decode(&block.encode()).unwrap();
            prop_assert_eq!(&back, &block);
            prop_assert_eq!(back.samples(), slices.iter().map(|(_, rows)| rows.len()).sum::<usize>());
            for (sweep, (at, rows)) in slices.iter().enumerate() {
                prop_assert_eq!(back.times[sweep], *at);
                prop_assert_eq!(&back.sweep(sweep).collect::<Vec<_>>(), rows);
                for (onu, sample) in rows {
                    prop_assert!(back.of_onu(*onu).any(|found| found == (*at, *sample)));
                }
            }
        }

        #[test]
        fn blocks_that_are_joined_hold_what_each_held(slices in slices()) {
            let parts: Vec<Block> = slices.iter().map(|slice| Block::from_slices(vec![slice.clone()])).collect();
            prop_assert_eq!(Block::joined(&parts), Block::from_slices(slices));
        }

        #[test]
        fn octets_that_were_changed_are_refused_or_at_least_survived(
            slices in slices(), place in 0_usize..4096, with: u8
        ) {
            let good = Block::from_slices(slices).encode();
            let mut bad = good.clone();
            let place = place % bad.len();
            bad[place] = with;
            prop_assert_eq!(Block::decode(&bad).is_ok(), bad == good);
            // One who means harm makes the checksum right.
            let mut sealed = bad[..bad.len() - 4].to_vec();
            seal(&mut sealed);
            let _ = Block::decode(&sealed);
            prop_assert!(Block::decode(&good[..good.len() / 2]).is_err());
        }
    }

    #[test]
    fn levels_in_coarse_steps_cost_no_more_than_their_steps() {
        let rows = |sweep: i64| {
            (1..=64).map(move |onu| {
                let step = (onu * 31 + sweep * 17) % 5;
                let level = i32::try_from(-20_000 - step * 40).unwrap();
                let level = Ok(Dbm::from_thousandths(level));
                (onu, Sample { state: Seen::Up, rx: level, olt_rx: level })
            })
        };
        let block = Block::from_slices((0..128).map(|sweep| (sweep * 900, rows(sweep).collect())).collect());
        let octets = block.encode().len();
        // Five steps are 2.33 bits.
        assert!(octets < 64 * 128 * 2 * 3 / 8, "{octets}");
    }
}
