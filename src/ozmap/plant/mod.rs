//! The plant out of OZmap: what its documentation says of each client's light path, brought into a [`Plant`](crate::plant::Plant).
//!
//! In: the directory (who is connected to which splitter and port) and OZmap's lists. Out: a [`PlantSnapshot`] with the graph, and why
//! clients have no route. Not its business: what is up or down; what should arrive is the graph's to reckon.
//!
//! ```text
//!   directory ─┐                       ┌─ lists by pages: boxes, pops, buildings, olts, slots, pons, cables with drops
//!              ├─► Importer ──Ask──► Client ─ joints and fibres by `id in`, from the splitters up to the PONs
//!   store ─────┘     │  ▲                └─ traces of single clients: a sample that checks the walk, and whom it did not find
//!                    │  └──────── Answer ──────┘
//!                    └─► PlantBuilder ─► Plant ─► watch
//! ```
//!
//! Two ways lead to the routes (`ozmap-api.md` 6.2 and 6.3). A trace costs one request a client. The walk reads each element once, however
//! many clients share it, which takes a few hundred requests for 100,000 clients; but what its fields mean is less sure. So the walk is taken,
//! and checked against the traces of a sample: where they disagree, all is traced.
//!
//! Who does what: `trace` and `rows` turn OZmap's JSON into ours, `topology` walks, `importer` (pure) knows what is to be asked next,
//! `reads` asks it, `task` does so beside everything else. `survey` compares the plant with what is read of ONUs, and `lines` puts that
//! into words.

mod importer;
mod lines;
mod reads;
mod rows;
mod snapshot;
mod survey;
mod task;
mod topology;
mod trace;

#[cfg(test)]
mod tests;

pub use lines::{CandidateLine, DoubtLine, ElementName, PonLine, PonName};
pub use snapshot::{Missing, PlantSnapshot, PlantSource, SampleView};
pub use survey::{PortName, Survey, Way};
pub use task::{PlantImport, import_once};
