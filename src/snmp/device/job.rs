//! What a device wants of a job, and what it gives it in its turn.

use std::time::Instant;

use super::{Kind, Sizing};
use crate::snmp::codec::{Names, Pdu, Request};
use crate::snmp::{Counters, SnmpError};

/// A request that a job wants to have answered.
#[derive(Debug, Clone)]
pub(in crate::snmp) struct Ask {
    pub(in crate::snmp) request: Request,
    /// Fewer tries than the target allows, where asking for less may help sooner.
    pub(in crate::snmp) impatient: bool,
    pub(in crate::snmp) kind: Kind,
    /// About how many octets the answer will have.
    pub(in crate::snmp) octets: usize,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(in crate::snmp) struct Failure {
    pub(in crate::snmp) error: SnmpError,
    /// The OLT is alive: asking for less, or for something else, may help.
    pub(in crate::snmp) ask_less: bool,
}

/// What a job may look at and change while it has the turn.
pub(in crate::snmp) struct Hand<'a> {
    pub(in crate::snmp) now: Instant,
    pub(in crate::snmp) address: &'a str,
    pub(in crate::snmp) sizing: &'a mut Sizing,
    pub(in crate::snmp) counters: &'a mut Counters,
    pub(super) spare: &'a mut Vec<Vec<u8>>,
}

impl Hand<'_> {
    /// Room for the names of a request, used again where there is some.
    pub(in crate::snmp) fn names(&mut self) -> Names {
        Names::into(self.spare.pop().unwrap_or_default())
    }
}

/// Something that needs several requests, one after the other.
pub(in crate::snmp) trait Job: std::fmt::Debug {
    /// What it gives when it is done.
    type Outcome;

    /// The next request; `None` when it is done.
    fn ask(&mut self, hand: &mut Hand<'_>) -> Option<Ask>;
    /// Whether nothing is left to ask.
    fn is_done(&self) -> bool;
    /// Whether it only asks if anybody is there, with a single datagram.
    fn is_probe(&self) -> bool {
        false
    }
    /// A datagram was sent for it.
    fn sent(&mut self);
    /// The answer to the last request: its kind is Response.
    fn answered(&mut self, pdu: &Pdu<'_>, hand: &mut Hand<'_>);
    /// The last request has no answer.
    fn failed(&mut self, failure: Failure, hand: &mut Hand<'_>);
    /// What it gives.
    fn finish(self) -> Self::Outcome;
}
