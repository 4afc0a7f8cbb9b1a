//! A world over time: a generated plant on which things go wrong and are repaired, with the truth of each.
//!
//! In: a [`Ground`] (a plant with its indexes), [`WorldOptions`], [`Fault`]s (from a [`Scenario`]'s TOML, drawn, or made by a
//! program), and the time. Out: what each ONU does, the [`Sweep`](crate::model::Sweep)s that each OLT would give at
//! that time, and the [`Truth`]s. [`ServedOlt`] is one of its OLTs in rows for an SNMP agent.
//! Not its business: clocks, sockets, what oltwatch makes of it.
//!
//! ```text
//! Fault ──schedule──► events ──advance(to)──► state of ONUs, PONs, OLTs ──► sweep(olt, kind), reading(client)
//!    └──────────────► Truth                        levels, distances: functions of (seed, who, time)
//! ```
//!
//! All time is simulated: a [`World`] is advanced to a time, and the same seed, ground and faults give the same world whatever
//! steps it is advanced in.
//!
//! # What is modelled
//!
//! * Light: a client is dark when a cable above it, its drop, or its port fails, or when bends leave it less than its receiver needs.
//! * Power: a client without mains gasps with the likelihood of its ONU's model, and then the OLT says `power`; else it says
//!   `optical`, as it does for a cut. Batteries put the loss off.
//! * Coming back: ranging after light, a restart after power; an OLT that restarted takes its ONUs in one by one.
//! * Levels: launch power and losses of the plant, a fixed error of each sensor within ±3 dB (SFF-8472), the day's
//!   temperature, noise, and the step of the model's sensor. Distances: glass, the model's bias, and the OLT's unit.

mod chance;
mod fault;
mod ground;
mod onu;
mod options;
mod reading;
mod route;
mod scenario;
mod scenario_error;
mod schedule;
mod served;
mod state;
mod truth;

#[cfg(test)]
mod scenario_tests;
#[cfg(test)]
mod tests;

pub use fault::{Action, Fault, Pieces, Sort, is_chain};
pub use ground::Ground;
pub use onu::{Down, Onu};
pub use options::WorldOptions;
pub use route::{cables, places, route};
pub use scenario::{LONGEST_SCENARIO, Scenario};
pub use scenario_error::ScenarioError;
pub use served::ServedOlt;
pub use state::World;
pub use truth::{Spot, Truth, TruthKind};
