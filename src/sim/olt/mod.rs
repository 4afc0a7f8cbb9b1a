//! A simulated OLT: an SNMP agent (v2c, and v1's GET and GETNEXT) on a real UDP socket.
//!
//! In: the rows to serve (from a capture, or put there by a program while it serves), and how to behave: how slow, how
//! lossy, which lies. Out: answers, and a record of every request. Not its business: where values come from, and v3.
//!
//! ```text
//! .snmprec ── snmprec ──► MibView ◄── a program that changes values
//!                            │
//! datagram ─► agent ─► core ─┴─ codec, answer, source, line, journal     no I/O, no clock of its own
//!    ▲                  │
//!    └── postman ◄──────┘ (when, bytes)
//! ```

mod agent;
mod answer;
mod ber;
mod codec;
mod core;
mod error;
mod faults;
mod generate;
mod journal;
mod line;
mod mib_view;
mod postman;
mod snmprec;
mod source;

pub use agent::{AgentOptions, SimulatedOlt};
pub use codec::{DecodeError, EncodeError, ErrorStatus, Message, Pdu, PduKind, Version};
pub use error::SimError;
pub use faults::{Chance, ChanceError, Faults, Lies, Network, Pace};
pub use generate::{GeneratedOlt, GeneratedOptions};
pub use journal::{Counters, Outcome, RequestRecord};
pub use mib_view::{MibView, Rows, SYS_UP_TIME};
pub use snmprec::{Capture, Mistake, OnMistake};
