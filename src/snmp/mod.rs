//! SNMP over UDP: a request goes in, typed varbinds come out, and the OLT's governor stands in between.
//!
//! In: targets, credentials, requests and walks. Out: [`VarBind`]s, and errors that say whose fault it was.
//! Not its business: what an OID means.
//!
//! ```text
//!  Session      session.rs    the handle; any number of callers
//!  Task         transport.rs  the socket and the clock; everything below is sans I/O
//!  jobs         walk.rs, fetch.rs   what to ask next, what to believe of an answer
//!  Device       device/       slots and ids, waits and retries, the governor, sizes
//!  messages     usm/ for SNMPv3, codec.rs
//!  octets       ber.rs
//! ```

mod ber;
mod codec;
mod counters;
mod device;
mod error;
mod fetch;
mod job;
mod oid;
mod session;
mod target;
#[cfg(test)]
mod testing;
mod transport;
mod usm;
mod value;
mod walk;

pub use counters::Counters;
pub use error::{ErrorStatus, Refusal, Silence, SnmpError};
pub use oid::{Oid, ParseOidError};
pub use session::Session;
pub use target::{Target, Walk, Walked, WalkedColumn};
pub use value::{Value, VarBind};
