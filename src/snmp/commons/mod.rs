//! What all OLTs of an engine share: the ids of requests in flight, the budgets that keep their sum bearable, and the
//! buffers on their way out. Sans I/O; its owner passes it to each device that has the turn.

mod gate;
mod numbers;
mod outbox;
mod tickets;

pub(super) use self::gate::{Gate, Limits, Queue};
pub(super) use self::numbers::ByNumber;
pub(super) use self::outbox::{Letter, Outbox};
pub(super) use self::tickets::{Found, Ticket, Tickets};

/// See the module.
#[derive(Debug)]
pub(super) struct Commons {
    pub(super) tickets: Tickets,
    pub(super) gate: Gate,
    pub(super) outbox: Outbox,
    /// Room for what an encrypted answer holds.
    pub(super) plain: Vec<u8>,
}

impl Commons {
    pub(super) fn new(limits: Limits, random: fastrand::Rng) -> Self {
        Self { tickets: Tickets::new(random), gate: Gate::new(limits), outbox: Outbox::default(), plain: Vec::new() }
    }
}
