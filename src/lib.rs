//! `oltwatch` reads every ONU's optical power and link state from an internet provider's OLTs, decides what is really
//! wrong, and keeps each customer's status true in OZmap.
//!
//! The rooms below stand on floors (`docs/design.md`): a room uses those under it, never one above.

pub mod alert;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod http;
pub mod incident;
pub mod mib;
pub mod model;
pub mod ozmap;
pub mod plant;
pub mod poll;
pub mod record;
pub mod signal;
pub mod sim;
pub mod snmp;
pub mod store;
pub mod trap;
pub mod tune;
