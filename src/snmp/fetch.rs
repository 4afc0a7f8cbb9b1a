//! GET and GETNEXT of any number of names, sans I/O: asks for as many at once as an answer is likely to hold, for
//! fewer when the agent says tooBig, fails or stays silent, and goes around single cells that it fails at.

use std::collections::VecDeque;

use super::codec::{self, Operation, Pdu, Request};
use super::device::{Ask, Failure, Hand, Job, Kind};
use super::{ErrorStatus, Oid, SnmpError, Value, VarBind};

/// Most names in one request.
pub(super) const MAX_NAMES: usize = 64;
/// Octets of a value, for a first guess.
pub(super) const VALUE_OCTETS: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct FetchJob {
    next: bool,
    oids: Vec<Oid>,
    answers: Vec<Option<VarBind>>,
    /// Positions that are not answered yet, in runs that are asked for together.
    runs: VecDeque<Vec<usize>>,
    asked: Vec<usize>,
    /// About how many octets their answer has.
    asked_octets: usize,
    /// Most names in one request of this job.
    limit: usize,
    /// One request, not repeated: it only asks whether anybody is there.
    once: bool,
    error: Option<SnmpError>,
}

impl FetchJob {
    /// `next` for GETNEXT, else GET.
    pub(super) fn new(next: bool, oids: Vec<Oid>) -> Self {
        let answers = vec![None; oids.len()];
        let all: Vec<usize> = (0..oids.len()).collect();
        let runs = if all.is_empty() { VecDeque::new() } else { VecDeque::from([all]) };
        Self {
            next,
            oids,
            answers,
            runs,
            asked: Vec::new(),
            asked_octets: 0,
            limit: MAX_NAMES,
            once: false,
            error: None,
        }
    }

    /// Asks for one value, once.
    pub(super) fn probe(oid: Oid) -> Self {
        Self { once: true, ..Self::new(false, vec![oid]) }
    }

    fn names(&self, positions: &[usize]) -> Vec<Oid> {
        positions.iter().filter_map(|position| self.oids.get(*position).cloned()).collect()
    }

    fn settle(&mut self, position: usize, oid: Oid, value: Value) {
        if let Some(answer) = self.answers.get_mut(position) {
            *answer = Some(VarBind { oid, value });
        }
    }

    /// This cell alone cannot be read: it becomes an exception, so that the others can.
    fn poison(&mut self, position: usize, why: &dyn std::fmt::Display, hand: &mut Hand<'_>) {
        if let Some(oid) = self.oids.get(position).cloned() {
            tracing::debug!(address = hand.address, %oid, %why, "a value that the agent fails at is skipped");
            hand.counters.poisoned += 1;
            self.settle(position, oid, Value::NoSuchInstance);
        }
    }

    /// Asks for what is missing again, in halves.
    fn halve(&mut self, positions: &[usize]) {
        let half = positions.len().div_ceil(2).max(1);
        for run in positions.chunks(half).rev() {
            self.runs.push_front(run.to_vec());
        }
    }

    fn refused(&mut self, status: ErrorStatus, index: i32, hand: &mut Hand<'_>) {
        let asked = std::mem::take(&mut self.asked);
        let guilty = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        let guilty = guilty.and_then(|index| asked.get(index).copied());
        if status == ErrorStatus::TooBig {
            hand.counters.too_big += 1;
            let octets = asked.len() * VALUE_OCTETS
                + self.names(&asked).iter().map(|oid| codec::varbind_octets(oid.arcs())).sum::<usize>();
            hand.sizing.too_big(hand.now, octets);
        }
        match (status, asked.as_slice()) {
            (ErrorStatus::NoSuchName, [only]) => {
                let value = if self.next { Value::EndOfMibView } else { Value::NoSuchObject };
                if let Some(oid) = self.oids.get(*only).cloned() {
                    self.settle(*only, oid, value);
                }
            }
            (
                ErrorStatus::TooBig
                | ErrorStatus::GenErr
                | ErrorStatus::ResourceUnavailable
                | ErrorStatus::NoAccess
                | ErrorStatus::Other(_),
                [only],
            ) => self.poison(*only, &status, hand),
            (ErrorStatus::AuthorizationError, _) | (_, []) => {
                let oid = guilty.and_then(|position| self.oids.get(position).cloned());
                self.error = Some(SnmpError::Agent { address: hand.address.to_owned(), status, oid });
            }
            (ErrorStatus::TooBig | ErrorStatus::ResourceUnavailable, _) => {
                self.limit = asked.len().div_ceil(2);
                self.halve(&asked);
            }
            _ => match guilty {
                // The guilty one alone and the rest together: one bad cell costs one request.
                Some(position) => {
                    self.runs.push_front(asked.iter().copied().filter(|other| *other != position).collect());
                    self.runs.push_front(vec![position]);
                }
                None => self.halve(&asked),
            },
        }
    }
}

impl Job for FetchJob {
    type Outcome = Result<Vec<VarBind>, SnmpError>;

    fn ask(&mut self, hand: &mut Hand<'_>) -> Option<Ask> {
        let mut run = self.runs.pop_front()?;
        let longest = self.names(&run).iter().map(|oid| codec::varbind_octets(oid.arcs())).max().unwrap_or(0);
        let fit = hand.sizing.values(longest + VALUE_OCTETS).min(self.limit).max(1);
        if run.len() > fit {
            let rest = run.split_off(fit);
            self.runs.push_front(rest);
        }
        let operation = if self.next { Operation::GetNext } else { Operation::Get };
        let oids = self.names(&run);
        let kind = oids.first().map_or(Kind::Discovery, Kind::of_value);
        let mut names = hand.names();
        names.add(&oids);
        let impatient = run.len() > 1;
        let octets = run.len().saturating_mul(longest + VALUE_OCTETS);
        (self.asked, self.asked_octets) = (run, octets);
        Some(Ask { request: Request { operation, names }, impatient, kind, octets })
    }

    fn is_done(&self) -> bool {
        self.error.is_some() || self.runs.is_empty() && self.asked.is_empty()
    }

    fn is_probe(&self) -> bool {
        self.once
    }

    fn sent(&mut self) {}

    fn answered(&mut self, pdu: &Pdu<'_>, hand: &mut Hand<'_>) {
        if let Some(status) = ErrorStatus::from_wire(pdu.error_status) {
            return self.refused(status, pdu.error_index, hand);
        }
        let asked = std::mem::take(&mut self.asked);
        hand.sizing.came(pdu.varbind_octets());
        let mut missing = Vec::new();
        let mut varbinds = pdu.varbinds();
        let mut name = Vec::new();
        for position in &asked {
            let Some(wanted) = self.oids.get(*position).cloned() else { continue };
            let found = varbinds.next().and_then(Result::ok);
            let readable = found.filter(|found| found.name_into(&mut name).is_some());
            hand.counters.varbinds += u64::from(readable.is_some());
            let Some(varbind) = readable else {
                missing.push(*position);
                continue;
            };
            let value = varbind.value();
            if !self.next && name == wanted.arcs() || self.next && value.is_exception() {
                self.settle(*position, wanted, value);
            } else if self.next && name.as_slice() > wanted.arcs() {
                self.settle(*position, Oid::new(&name), value);
            } else if self.next {
                let (address, given) = (hand.address.to_owned(), Oid::new(&name));
                self.error = Some(SnmpError::NotIncreasing { address, after: wanted, given });
                return;
            } else {
                missing.push(*position);
            }
        }
        if missing.is_empty() {
            hand.sizing.clean(hand.now);
        } else if missing.len() < asked.len() {
            self.runs.push_front(missing);
        } else if let [only] = missing.as_slice() {
            self.poison(*only, &"its answer does not hold it", hand);
        } else {
            self.halve(&missing);
        }
    }

    fn failed(&mut self, failure: Failure, hand: &mut Hand<'_>) {
        let asked = std::mem::take(&mut self.asked);
        if failure.ask_less && asked.len() > 1 {
            hand.sizing.lost(self.asked_octets);
            self.halve(&asked);
        } else {
            self.error = Some(failure.error);
        }
    }

    fn finish(self) -> Self::Outcome {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.answers.into_iter().flatten().collect()),
        }
    }
}

#[cfg(test)]
mod tests;
