//! The passive network as OZmap documents it: who hangs below what, and how far from the OLT.
//!
//! In: the [`Route`] of each client (OZmap's trace, `ozmap-api.md` 6.2), boxes with coordinates, cables with their ends.
//! Out: an immutable [`Plant`]: a forest of what light passes, from the OLTs down to the drops, in which clients share
//! everything upstream; the power that should arrive, and who deviates from it. Not its business: HTTP, the store, what
//! is up or down.
//!
//! Documentation is never right everywhere. Nothing in it is an error here: what contradicts itself gets a defined place and is
//! counted ([`Irregularities`]). A client without a route hangs where the others of its box hang, or at its box alone.
//!
//! Who does what: `route` is one client's way, `codec` its octets for the store, `builder` grows the forest route by route,
//! `graph` is what comes out and what it answers, `place` boxes, cables and coordinates, `power` compares with what is read,
//! `audit` says where the documentation is probably wrong, by what is usual on each PON (`fit`).

mod audit;
mod builder;
mod codec;
mod document;
mod error;
mod fit;
mod graph;
mod place;
mod power;
mod route;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Candidate, Doubt, Finding, Observed};
pub use builder::PlantBuilder;
pub use document::{DocumentError, PlantDocument, WrittenClient, WrittenElement, WrittenNode};
pub use error::RouteError;
pub use graph::{Attachment, ClientIx, Element, ElementIx, ElementKind, Irregularities, Node, NodeIx, Plant};
pub use place::{Cable, Coords, CoordsError, Place};
pub use power::{Deviation, Launch, LaunchSource, Learned, PowerOffsets};
pub use route::{HeadEnd, Hop, HopKind, Named, Parent, ParentKind, Route};
