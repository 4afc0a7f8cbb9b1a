//! SNMP over UDP: a request goes in, typed varbinds come out, and the OLT's governor stands in between.
//!
//! In: targets, credentials, requests and walks. Out: [`VarBind`]s, and errors that say whose fault it was. Beside that,
//! what a trap says.
//! Not its business: what an OID means.
//!
//! ```text
//!  Session      session.rs    the handle of one OLT; any number of callers
//!  Engine       engine.rs     the handle of what all OLTs share
//!  Worker       worker.rs, sockets.rs   the sockets and the clock; everything below is sans I/O
//!  Fleet        fleet.rs, commons/   all OLTs: routing, turns, ids in flight, budgets over all
//!  jobs         walk.rs, fetch.rs   what to ask next, what to believe of an answer; plan.rs cuts walks
//!  Device       device/       one OLT: requests in flight, waits and retries, the governor, sizes
//!  Estimate     estimate.rs   what reading would take, before anything is sent
//!  TrapMessage  trap.rs   what an agent sends by itself; beside all of the above
//!  messages     usm/ for SNMPv3, codec.rs
//!  octets       ber.rs, index.rs, rows.rs, row_reader.rs
//! ```

mod ber;
mod codec;
mod commons;
mod counters;
mod device;
mod engine;
mod engine_cache;
mod error;
mod estimate;
mod fetch;
mod fleet;
#[cfg(test)]
pub(crate) mod fuzz;
mod index;
mod job;
mod oid;
mod plan;
mod row_reader;
mod rows;
mod session;
mod sockets;
mod target;
#[cfg(test)]
mod testing;
mod trap;
mod usm;
mod value;
mod walk;
mod worker;

#[cfg(test)]
pub(crate) use testing::{trap_octets, v1_trap_octets};
#[cfg(test)]
pub(crate) use usm::{credential_of_traps, sealed_trap};

pub use counters::Counters;
pub use engine::{Engine, EngineLimits, Status as EngineStatus};
pub use error::{ErrorStatus, Refusal, Silence, SnmpError};
pub use estimate::{CellSize, Cost, Estimate};
pub use oid::{Oid, ParseOidError};
pub use plan::Plan;
pub use row_reader::{RowReader, Values};
pub use rows::{Iter as RowsIter, Rows};
pub use session::Session;
pub use target::{Target, Walk, Walked, WalkedColumn};
pub use trap::{SealedTrap, TrapError, TrapKind, TrapMessage, TrapVersion, acknowledgement, decode as decode_trap};
pub use usm::{TrapKeys, TrapUser, Untrusted};
pub use value::{Value, ValueRef, VarBind};
