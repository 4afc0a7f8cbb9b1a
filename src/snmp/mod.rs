//! SNMP over UDP: a request goes in, typed varbinds come out, and the OLT's governor stands in between.
//!
//! In: targets, credentials, requests and walks. Out: [`VarBind`]s, and errors that say whose fault it was.
//! Not its business: what an OID means.

mod oid;
mod value;

pub use oid::{Oid, ParseOidError};
pub use value::{Value, VarBind};
