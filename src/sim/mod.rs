//! A world to test against: devices and services that behave, and misbehave, as real ones do.
//!
//! In: captures, options from the command line or from a test, and the faults that somebody wants to see. Out: agents
//! and servers on real sockets, and a record of what they were asked. Not its business: anything that the daemon
//! needs; only `cli` and tests use it.

pub mod live;
pub mod olt;
pub mod ozmap;
pub mod plant;
pub mod trial;
pub mod world;
