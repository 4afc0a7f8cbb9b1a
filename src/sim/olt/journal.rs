//! What a simulated OLT was asked, and what became of it: counters, and the last requests in a bounded log.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::codec::PduKind;
use crate::snmp::Oid;

/// Most OIDs that the log keeps of one request.
const MAX_OIDS: usize = 128;

/// Totals since the start. Datagrams unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests that reached the agent and were well-formed, with the right community; whatever became of them.
    pub requests: u64,
    /// Requests that were answered, errors included.
    pub answered: u64,
    /// Varbinds in those answers.
    pub varbinds: u64,
    /// Bytes in those answers.
    pub bytes: u64,
    /// Most requests at once that were being worked on, waiting, or on the line home; one that was sent again counts once.
    pub most_outstanding: usize,
    /// Requests that were sent again while the first one was being worked on, waiting, or on the line home.
    pub repeated: u64,
    /// Requests dropped because the queue was full.
    pub overflowed: u64,
    /// Requests and replies that the simulated network lost.
    pub lost: u64,
    /// Datagrams that came while the OLT was silent or rebooting.
    pub unheard: u64,
    /// Requests that a fault left without any reply.
    pub unanswered: u64,
    /// Requests with another community; dropped.
    pub bad_community: u64,
    /// Datagrams that are no SNMP; dropped.
    pub malformed: u64,
    /// SNMP of other versions, and PDUs that are no request; dropped.
    pub unsupported: u64,
    /// Replies that the system refused to send.
    pub unsent: u64,
    /// Reboots.
    pub reboots: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with values.
    Answered,
    /// Answered with this error-status.
    Refused(i32),
    /// Dropped: the queue was full.
    Overflowed,
    /// A fault left it without a reply.
    Unanswered,
    /// It was answered, and the simulated network lost the answer.
    ReplyLost,
}

/// One request of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// When it came, since the agent was started.
    pub at: Duration,
    /// Who asked.
    pub peer: SocketAddr,
    /// What was asked.
    pub kind: PduKind,
    /// Its request id.
    pub request_id: i32,
    /// The OIDs asked for, the first 128 of them.
    pub oids: Vec<Oid>,
    /// GETBULK's non-repeaters, as asked; 0 for other kinds.
    pub non_repeaters: i32,
    /// GETBULK's max-repetitions, as asked; 0 for other kinds.
    pub max_repetitions: i32,
    /// Varbinds in the answer.
    pub varbinds: usize,
    /// Bytes of the answer.
    pub bytes: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// Counters and log.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) counters: Counters,
    records: VecDeque<RequestRecord>,
    capacity: usize,
}

impl Journal {
    /// A journal that keeps the last `capacity` requests.
    pub(super) fn new(capacity: usize) -> Self {
        Self { counters: Counters::default(), records: VecDeque::new(), capacity }
    }

    /// Writes a request down; the oldest one goes when the log is full.
    pub(super) fn write(&mut self, mut record: RequestRecord) {
        if self.capacity == 0 {
            return;
        }
        while self.records.len() >= self.capacity {
            self.records.pop_front();
        }
        record.oids.truncate(MAX_OIDS);
        record.oids.shrink_to_fit();
        self.records.push_back(record);
    }

    /// The requests kept, oldest first.
    pub(super) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    /// Forgets the requests; the counters stay.
    pub(super) fn forget_records(&mut self) {
        self.records.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_requests_and_few_of_their_oids() {
        let mut journal = Journal::new(3);
        for request_id in 0..5 {
            journal.write(RequestRecord {
                at: Duration::ZERO,
                peer: SocketAddr::from(([127, 0, 0, 1], 9)),
                kind: PduKind::Get,
                request_id,
                oids: vec![Oid::new(&[1, 3]); 1000],
                non_repeaters: 0,
                max_repetitions: 0,
                varbinds: 0,
                bytes: 0,
                outcome: Outcome::Answered,
            });
        }
        let records = journal.records();
        assert_eq!(records.iter().map(|record| record.request_id).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(records.iter().all(|record| record.oids.len() == MAX_OIDS));
    }
}
