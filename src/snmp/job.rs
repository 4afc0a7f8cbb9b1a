//! The two kinds of job that a session gives to its device, as one type.

use super::codec::Pdu;
use super::device::{Ask, Failure, Hand, Job};
use super::fetch::FetchJob;
use super::walk::WalkJob;
use super::{SnmpError, VarBind, Walked};

/// What a session can be asked for.
#[derive(Debug)]
pub(super) enum AnyJob {
    Fetch(FetchJob),
    Walk(Box<WalkJob>),
}

/// What an [`AnyJob`] gives.
#[derive(Debug)]
pub(super) enum Outcome {
    Fetched(Result<Vec<VarBind>, SnmpError>),
    Walked(Walked),
}

impl Job for AnyJob {
    type Outcome = Outcome;

    fn ask(&mut self, hand: &mut Hand<'_>) -> Option<Ask> {
        match self {
            Self::Fetch(job) => job.ask(hand),
            Self::Walk(job) => job.ask(hand),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Fetch(job) => job.is_done(),
            Self::Walk(job) => job.is_done(),
        }
    }

    fn is_probe(&self) -> bool {
        match self {
            Self::Fetch(job) => job.is_probe(),
            Self::Walk(job) => job.is_probe(),
        }
    }

    fn sent(&mut self) {
        match self {
            Self::Fetch(job) => job.sent(),
            Self::Walk(job) => job.sent(),
        }
    }

    fn answered(&mut self, pdu: &Pdu<'_>, hand: &mut Hand<'_>) {
        match self {
            Self::Fetch(job) => job.answered(pdu, hand),
            Self::Walk(job) => job.answered(pdu, hand),
        }
    }

    fn failed(&mut self, failure: Failure, hand: &mut Hand<'_>) {
        match self {
            Self::Fetch(job) => job.failed(failure, hand),
            Self::Walk(job) => job.failed(failure, hand),
        }
    }

    fn finish(self) -> Outcome {
        match self {
            Self::Fetch(job) => Outcome::Fetched(job.finish()),
            Self::Walk(job) => Outcome::Walked(job.finish()),
        }
    }
}
