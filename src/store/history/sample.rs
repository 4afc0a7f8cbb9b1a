//! What one optics reading of one ONU says, and its short form.

use crate::model::{Cause, Dbm, Field, OnuState, Unread};

/// Why a level was not read: the class of an [`Unread`], without the device's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lack {
    /// The sweep did not ask for it.
    NotAsked,
    /// The family or this firmware has no such column.
    NoSuchColumn,
    /// The column has no row for this ONU.
    NoRow,
    /// The device says "no value".
    NoValue,
    /// The device says something that is no level.
    Malformed,
    /// The ONU is down.
    OnuDown,
    /// The OLT did not answer for it.
    NoAnswer,
}

impl Lack {
    const ALL: [Self; 7] = [
        Self::NotAsked,
        Self::NoSuchColumn,
        Self::NoRow,
        Self::NoValue,
        Self::Malformed,
        Self::OnuDown,
        Self::NoAnswer,
    ];

    /// In plain words, as everywhere else.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked yet",
            Self::NoSuchColumn => "no such column",
            Self::NoRow => "no row for this ONU",
            Self::NoValue => "the device says no value",
            Self::Malformed => "malformed value",
            Self::OnuDown => "the ONU is down",
            Self::NoAnswer => "no answer",
        }
    }
}

impl From<Unread> for Lack {
    fn from(why: Unread) -> Self {
        match why {
            Unread::NotAsked => Self::NotAsked,
            Unread::NoSuchColumn => Self::NoSuchColumn,
            Unread::NoRow => Self::NoRow,
            Unread::Sentinel(_) | Unread::NoValue => Self::NoValue,
            Unread::Implausible | Unread::Malformed | Unread::UnknownValue(_) => Self::Malformed,
            Unread::OnuDown => Self::OnuDown,
            Unread::NoAnswer => Self::NoAnswer,
        }
    }
}

impl From<Lack> for Unread {
    /// The device's numbers, which a class does not hold, are gone.
    fn from(lack: Lack) -> Self {
        match lack {
            Lack::NotAsked => Self::NotAsked,
            Lack::NoSuchColumn => Self::NoSuchColumn,
            Lack::NoRow => Self::NoRow,
            Lack::NoValue => Self::NoValue,
            Lack::Malformed => Self::Malformed,
            Lack::OnuDown => Self::OnuDown,
            Lack::NoAnswer => Self::NoAnswer,
        }
    }
}

/// What the OLT said of the link at the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen {
    /// In service.
    Up,
    /// Not in service, for this cause.
    Down(Cause),
    /// Nothing, or nothing that the profile knows.
    Unknown,
}

impl Seen {
    /// Of a state and a cause as they were read.
    #[must_use]
    pub fn of(state: Field<OnuState>, cause: Field<Cause>) -> Self {
        match state {
            Ok(OnuState::Up) => Self::Up,
            Ok(OnuState::Down) => Self::Down(cause.unwrap_or(Cause::Unknown)),
            Ok(OnuState::Unknown) | Err(_) => Self::Unknown,
        }
    }
}

/// One optics reading of one ONU. Small on purpose: a stream makes millions of them a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The state of its link, as known then.
    pub state: Seen,
    /// Power that the ONU received, or why it is not known.
    pub rx: Result<Dbm, Lack>,
    /// Power that the OLT received from it, or why it is not known.
    pub olt_rx: Result<Dbm, Lack>,
}

/// Everything of a [`Sample`] but its numbers. [`Mark::ABSENT`]: the ONU was not part of that sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u16);

/// States: up, unknown, and one a cause.
const STATES: u16 = 2 + 7;
/// A level that was read, or why not.
const LACKS: u16 = 1 + 7;

impl Mark {
    pub(super) const ABSENT: Self = Self(0);

    pub(super) fn of(sample: &Sample) -> Self {
        let position = |lack: Lack| Lack::ALL.iter().position(|other| *other == lack).map_or(0, small);
        let lack = |level: Result<Dbm, Lack>| level.err().map_or(0, |lack| 1 + position(lack));
        let state = match sample.state {
            Seen::Up => 0,
            Seen::Unknown => 1,
            Seen::Down(cause) => 2 + Cause::ALL.iter().position(|other| *other == cause).map_or(0, small),
        };
        Self(1 + state + STATES * (lack(sample.rx) + LACKS * lack(sample.olt_rx)))
    }

    pub(super) const fn number(self) -> u16 {
        self.0
    }

    /// The mark of this number; none when there is no such mark.
    pub(super) fn from_number(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|number| *number <= STATES * LACKS * LACKS).map(Self)
    }

    pub(super) const fn has_rx(self) -> bool {
        self.0 > 0 && ((self.0 - 1) / STATES).is_multiple_of(LACKS)
    }

    pub(super) const fn has_olt_rx(self) -> bool {
        self.0 > 0 && (self.0 - 1) / STATES / LACKS == 0
    }

    /// The sample, with its numbers where it has them; none when the ONU was absent.
    pub(super) fn sample(self, rx: i32, olt_rx: i32) -> Option<Sample> {
        let rest = self.0.checked_sub(1)?;
        let level = |lack: u16, thousandths: i32| match lack.checked_sub(1) {
            None => Ok(Dbm::from_thousandths(thousandths)),
            Some(lack) => Err(Lack::ALL.get(usize::from(lack)).copied().unwrap_or(Lack::Malformed)),
        };
        let state = match rest % STATES {
            0 => Seen::Up,
            1 => Seen::Unknown,
            cause => Seen::Down(Cause::ALL.get(usize::from(cause) - 2).copied().unwrap_or(Cause::Unknown)),
        };
        let lacks = rest / STATES;
        Some(Sample { state, rx: level(lacks % LACKS, rx), olt_rx: level(lacks / LACKS, olt_rx) })
    }
}

/// Positions here are below ten.
fn small(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_comes_back_from_its_mark() {
        assert_eq!((Cause::ALL.len(), Lack::ALL.len()), (usize::from(STATES - 2), usize::from(LACKS - 1)));
        let states = [Seen::Up, Seen::Unknown].into_iter().chain(Cause::ALL.iter().copied().map(Seen::Down));
        let levels = |thousandths| {
            let read = std::iter::once(Ok(Dbm::from_thousandths(thousandths)));
            read.chain(Lack::ALL.into_iter().map(Err)).collect::<Vec<_>>()
        };
        let mut marks = std::collections::BTreeSet::new();
        for state in states {
            for rx in levels(-21_370) {
                for olt_rx in levels(-23_100) {
                    let sample = Sample { state, rx, olt_rx };
                    let mark = Mark::of(&sample);
                    assert_eq!((mark.has_rx(), mark.has_olt_rx()), (rx.is_ok(), olt_rx.is_ok()));
                    assert_eq!(Mark::from_number(mark.number().into()), Some(mark));
                    assert_eq!(mark.sample(-21_370, -23_100), Some(sample));
                    marks.insert(mark.number());
                }
            }
        }
        assert_eq!(marks.len(), 9 * 8 * 8);
        assert_eq!(Mark::ABSENT.sample(0, 0), None);
        assert!(!Mark::ABSENT.has_rx() && !Mark::ABSENT.has_olt_rx());
        assert_eq!(Mark::from_number(9 * 8 * 8 + 1), None);
    }
}
