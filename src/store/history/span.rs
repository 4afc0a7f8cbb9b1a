//! Readings thinned to spans of time: least, median and greatest level, and how many readings there were.

use super::block::{median, opened, put_onus, put_times, seal, take_onus, take_times, unit_of};
use super::pack::{PackError, Unpacker, put_numbers, put_runs, put_signed, put_varint};
use super::sample::{Sample, Seen};
use crate::model::Dbm;

/// Levels of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub least: Dbm,
    /// The median; of spans that were made of thinned ones, the median of their medians.
    pub median: Dbm,
    /// The greatest.
    pub greatest: Dbm,
    /// How many levels were read.
    pub readings: u32,
}

/// What was read of one ONU in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Sweeps that it was part of.
    pub sweeps: u32,
    /// Of them, those in which it was down.
    pub down: u32,
    /// Power that the ONU received; none when none was read.
    pub rx: Option<Spread>,
    /// Power that the OLT received from it.
    pub olt_rx: Option<Spread>,
}

/// Gathers one ONU's readings of one span.
#[derive(Debug, Default)]
pub(super) struct Gather {
    sweeps: u32,
    down: u32,
    rx: Levels,
    olt_rx: Levels,
}

/// Levels in thousandths: middles, and the ends of all.
#[derive(Debug, Default)]
struct Levels {
    middles: Vec<i32>,
    ends: Option<(i32, i32)>,
    readings: u32,
}

impl Levels {
    fn add(&mut self, least: i32, middle: i32, greatest: i32, readings: u32) {
        self.middles.push(middle);
        let (low, high) = self.ends.unwrap_or((least, greatest));
        self.ends = Some((low.min(least), high.max(greatest)));
        self.readings = self.readings.saturating_add(readings);
    }

    fn take(&mut self) -> Option<Spread> {
        let (least, greatest) = self.ends.take()?;
        let middle = median(&mut self.middles);
        self.middles.clear();
        let level = Dbm::from_thousandths;
        let readings = std::mem::take(&mut self.readings);
        Some(Spread { least: level(least), median: level(middle), greatest: level(greatest), readings })
    }
}

impl Gather {
    pub(super) fn add(&mut self, sample: &Sample) {
        self.sweeps += 1;
        self.down += u32::from(matches!(sample.state, Seen::Down(_)));
        for (level, levels) in [(sample.rx, &mut self.rx), (sample.olt_rx, &mut self.olt_rx)] {
            if let Ok(level) = level {
                let level = level.thousandths();
                levels.add(level, level, level, 1);
            }
        }
    }

    pub(super) fn add_span(&mut self, span: &Span) {
        self.sweeps = self.sweeps.saturating_add(span.sweeps);
        self.down = self.down.saturating_add(span.down);
        for (spread, levels) in [(span.rx, &mut self.rx), (span.olt_rx, &mut self.olt_rx)] {
            if let Some(Spread { least, median, greatest, readings }) = spread {
                levels.add(least.thousandths(), median.thousandths(), greatest.thousandths(), readings);
            }
        }
    }

    /// What was gathered; begins anew.
    pub(super) fn take(&mut self) -> Span {
        Span {
            sweeps: std::mem::take(&mut self.sweeps),
            down: std::mem::take(&mut self.down),
            rx: self.rx.take(),
            olt_rx: self.olt_rx.take(),
        }
    }
}

/// Spans of the ONUs of one lane, all of one length: as [`Block`](super::block::Block), with spans for readings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SpanBlock {
    /// When each begins, in seconds since 1970, ascending.
    pub(super) times: Vec<i64>,
    pub(super) onus: Vec<i64>,
    /// ONU by ONU, one a time.
    spans: Vec<Span>,
}

const FORMAT: u64 = 1;
const MOST_TIMES: usize = 1 << 14;
const MOST_ONUS: usize = 1 << 14;
const MOST_CELLS: usize = 1 << 21;

impl SpanBlock {
    pub(super) fn new(times: Vec<i64>, onus: Vec<i64>) -> Self {
        let spans = vec![Span::default(); times.len() * onus.len()];
        Self { times, onus, spans }
    }

    pub(super) fn set(&mut self, row: usize, time: usize, span: Span) {
        if let Some(place) = self.spans.get_mut(row * self.times.len() + time) {
            *place = span;
        }
    }

    /// The spans of one ONU that hold something, in time order.
    pub(super) fn of_onu(&self, onu: i64) -> impl Iterator<Item = (i64, Span)> {
        let row = self.onus.binary_search(&onu).ok();
        let spans = row.and_then(|row| self.spans.chunks(self.times.len().max(1)).nth(row)).unwrap_or_default();
        self.times.iter().copied().zip(spans.iter().copied()).filter(|(_, span)| span.sweeps > 0)
    }

    /// This one and a later one as one.
    pub(super) fn joined(&self, later: &Self) -> Self {
        let mut times: Vec<i64> = self.times.iter().chain(&later.times).copied().collect();
        times.sort_unstable();
        times.dedup();
        let mut onus: Vec<i64> = self.onus.iter().chain(&later.onus).copied().collect();
        onus.sort_unstable();
        onus.dedup();
        let mut joined = Self::new(times, onus.clone());
        for (row, onu) in onus.iter().enumerate() {
            for (at, span) in self.of_onu(*onu).chain(later.of_onu(*onu)) {
                if let Ok(time) = joined.times.binary_search(&at) {
                    joined.set(row, time, span);
                }
            }
        }
        joined
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.spans.len() * 4);
        for number in [FORMAT, self.times.len() as u64, self.onus.len() as u64] {
            put_varint(&mut out, number);
        }
        put_times(&mut out, &self.times);
        put_onus(&mut out, &self.onus);
        put_runs(&mut out, self.spans.iter().map(|span| span.sweeps.into()));
        put_runs(&mut out, self.spans.iter().map(|span| span.down.into()));
        put_spreads(&mut out, &self.spans, self.times.len(), |span| span.rx);
        put_spreads(&mut out, &self.spans, self.times.len(), |span| span.olt_rx);
        seal(&mut out);
        out
    }

    /// From octets; checked before they are believed.
    pub(super) fn decode(octets: &[u8]) -> Result<Self, PackError> {
        let mut unpacker = Unpacker::new(opened(octets)?);
        if unpacker.varint()? != FORMAT {
            return Err(PackError("its format is not known"));
        }
        let (times, onus) = (unpacker.count(MOST_TIMES)?, unpacker.count(MOST_ONUS)?);
        if times * onus > MOST_CELLS {
            return Err(PackError("a count is too large"));
        }
        let times = take_times(&mut unpacker, times)?;
        let onus = take_onus(&mut unpacker, onus)?;
        let mut block = Self::new(times, onus);
        let cells = block.spans.len();
        let sweeps = take_counts(&mut unpacker, cells)?;
        let down = take_counts(&mut unpacker, cells)?;
        let rx = take_spreads(&mut unpacker, cells, block.times.len())?;
        let olt_rx = take_spreads(&mut unpacker, cells, block.times.len())?;
        let columns = sweeps.into_iter().zip(down).zip(rx).zip(olt_rx);
        for (span, (((sweeps, down), rx), olt_rx)) in block.spans.iter_mut().zip(columns) {
            *span = Span { sweeps, down, rx, olt_rx };
        }
        if unpacker.is_empty() { Ok(block) } else { Err(PackError("it is too long")) }
    }
}

fn take_counts(unpacker: &mut Unpacker<'_>, cells: usize) -> Result<Vec<u32>, PackError> {
    let mut counts = Vec::with_capacity(cells);
    unpacker.runs(cells, |number, run| {
        let count = u32::try_from(number).map_err(|_| PackError("a count is too large"))?;
        counts.extend(std::iter::repeat_n(count, run));
        Ok(())
    })?;
    Ok(counts)
}

/// Counts of readings as runs; then, of those that are not 0: the medians beside their ONU's, and the ends beside the medians.
fn put_spreads(out: &mut Vec<u8>, spans: &[Span], times: usize, part: fn(&Span) -> Option<Spread>) {
    put_runs(out, spans.iter().map(|span| part(span).map_or(0, |spread| spread.readings.into())));
    let parts = |spread: Spread| [spread.least, spread.median, spread.greatest].map(Dbm::thousandths);
    let unit = unit_of(spans.iter().filter_map(part).flat_map(parts));
    put_signed(out, unit.into());
    let (mut bases, mut medians, mut below, mut above) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for own in spans.chunks(times.max(1)) {
        let base = median(
            &mut own.iter().filter_map(part).map(|spread| spread.median.thousandths() / unit).collect::<Vec<_>>(),
        );
        bases.push(base);
        for [least, median, greatest] in own.iter().filter_map(part).map(parts) {
            let [least, median, greatest] = [least / unit, median / unit, greatest / unit];
            medians.push(median.wrapping_sub(base));
            below.push(median.wrapping_sub(least));
            above.push(greatest.wrapping_sub(median));
        }
    }
    for column in [bases, medians, below, above] {
        put_numbers(out, &column);
    }
}

fn take_spreads(unpacker: &mut Unpacker<'_>, cells: usize, times: usize) -> Result<Vec<Option<Spread>>, PackError> {
    let readings = take_counts(unpacker, cells)?;
    let unit = i32::try_from(unpacker.signed()?).map_err(|_| PackError("a unit is too large"))?;
    let bases = unpacker.numbers(cells.checked_div(times).unwrap_or(0))?;
    let count = readings.iter().filter(|readings| **readings > 0).count();
    let (medians, below, above) = (unpacker.numbers(count)?, unpacker.numbers(count)?, unpacker.numbers(count)?);
    let mut columns = medians.into_iter().zip(below).zip(above);
    let mut spreads = Vec::with_capacity(cells);
    for (readings, base) in readings.chunks(times.max(1)).zip(bases) {
        spreads.extend(readings.iter().map(|readings| {
            if *readings == 0 {
                return None;
            }
            let ((median, below), above) = columns.next()?;
            let median = median.wrapping_add(base);
            let level = |steps: i32| Dbm::from_thousandths(steps.wrapping_mul(unit));
            let (least, greatest) = (median.wrapping_sub(below), median.wrapping_add(above));
            Some(Spread { least: level(least), median: level(median), greatest: level(greatest), readings: *readings })
        }));
    }
    Ok(spreads)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spread() -> impl Strategy<Value = Option<Spread>> {
        let level = |hundredths: i32| Dbm::from_thousandths(hundredths * 10);
        let spread =
            (-3000_i32..500, 0_i32..200, 0_i32..200, 1_u32..100).prop_map(move |(middle, below, above, readings)| {
                Spread {
                    least: level(middle - below),
                    median: level(middle),
                    greatest: level(middle + above),
                    readings,
                }
            });
        proptest::option::weighted(0.9, spread)
    }

    fn block() -> impl Strategy<Value = SpanBlock> {
        (1_usize..30, 1_usize..20).prop_flat_map(|(times, onus)| {
            let span = (1_u32..5, 0_u32..3, spread(), spread());
            proptest::collection::vec(span, times * onus).prop_map(move |spans| SpanBlock {
                times: (0..i64::try_from(times).unwrap()).map(|hour| 1_795_400_400 + hour * 3600).collect(),
                onus: (0..i64::try_from(onus).unwrap()).map(|onu| 7 + onu * onu).collect(),
                spans: spans.into_iter().map(|(sweeps, down, rx, olt_rx)| Span { sweeps, down, rx, olt_rx }).collect(),
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(block in block()) {
            prop_assert_eq!(SpanBlock::decode(&block.encode()).unwrap(), block);
        }

        #[test]
        fn octets_that_were_changed_are_refused_or_at_least_survived(block in block(), place in 0_usize..4096, with: u8) {
            let good = block.encode();
            let mut bad = good.clone();
            let place = place % bad.len();
            bad[place] = with;
            prop_assert_eq!(SpanBlock::decode(&bad).is_ok(), bad == good);
            let mut sealed = bad[..bad.len() - 4].to_vec();
            seal(&mut sealed);
            let _ = SpanBlock::decode(&sealed);
        }
    }

    #[test]
    fn a_span_says_the_least_the_median_and_the_greatest() {
        let mut gather = Gather::default();
        let up = |thousandths| Sample {
            state: Seen::Up,
            rx: Ok(Dbm::from_thousandths(thousandths)),
            olt_rx: Err(crate::store::history::Lack::NoSuchColumn),
        };
        for level in [-20_100, -20_500, -20_000, -20_200, -27_000] {
            gather.add(&up(level));
        }
        gather.add(&Sample {
            state: Seen::Down(crate::model::Cause::Power),
            rx: Err(crate::store::history::Lack::OnuDown),
            olt_rx: Err(crate::store::history::Lack::OnuDown),
        });
        let span = gather.take();
        assert_eq!((span.sweeps, span.down, span.olt_rx), (6, 1, None));
        let rx = span.rx.unwrap();
        let levels = [rx.least, rx.median, rx.greatest].map(Dbm::thousandths);
        assert_eq!((levels, rx.readings), ([-27_000, -20_200, -20_000], 5));
        assert_eq!(gather.take(), Span::default());
        gather.add_span(&span);
        assert_eq!(gather.take(), span);
    }
}
