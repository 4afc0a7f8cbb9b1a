//! A world to test against.
//!
//! In: options from the command line or from a test. Out: servers on real sockets that behave like the equipment and
//! services that the product talks to. Not its business: anything that the daemon needs; nothing but `cli` uses this.

pub mod ozmap;
