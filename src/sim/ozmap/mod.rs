//! A simulated OZmap: HTTP API v2, sections 1 to 5 of the API reference, over real sockets.
//!
//! In: [`OzmapOptions`] (address, tokens, [`Population`], [`Fault`]s) and HTTP requests. Out: answers as the real
//! service gives them, the [`RecordedRequest`]s, and through [`SimulatedOzmap`] the state for assertions. Not its
//! business: plant lists and traces; the client of OZmap.
//!
//! ```text
//!            TCP            FaultyStream            gate                       routes
//! client ──────────▶ accept ─────────────▶ record ▶ faults ▶ token ─────────▶ query, patch ──▶ Mutex<Store>
//!                                              │
//!                                     /_sim/… └▶ control (no token)
//! ```
//!
//! # What is answered
//!
//! Under `/api/v2`: `GET /authenticated`; `POST /users/login`; `GET /ftth-clients`; `GET|PATCH /ftth-clients/:id`;
//! `POST /ftth-clients/batch-update`; `GET /properties`; `GET|PATCH /properties/:id`; `POST /properties/batch-update`;
//! `GET /properties/client/:code`; `GET /box-types`. The token stands in `Authorization`, raw or after `Bearer`.
//!
//! # Control endpoint
//!
//! Needs no token, is not recorded and is never hit by a fault: listen only where everyone may turn these knobs.
//!
//! | request | does |
//! |---|---|
//! | `POST /_sim/faults` `{"faults": [{"fault": "too-many-requests", "retry-after": "3s", "times": 2}, "reset-after:on=writes"]}` | replaces all faults (an empty list clears them); each is an object or the text form of [`Fault`]. 204, or 400 that names the mistake |
//! | `GET /_sim/faults` | the faults with how often each saw a request and fired |
//! | `GET /_sim/requests?since=N` | `{"total", "dropped", "requests": [RecordedRequest]}`, those with a number above `N` |
//! | `GET /_sim/clients?start=0&limit=1000` | `{"total", "rows": [ClientView]}` |
//! | `POST /_sim/clients/:code/status` `{"status": 0 or 1}` | sets it on every client of that code, as another integration would. 204, 404 when there is none |

mod answers;
mod connection;
mod control;
mod error;
mod fault_names;
mod faults;
mod fields;
mod filter;
mod gate;
mod model;
mod patch;
mod query;
mod record;
mod render;
mod routes;
mod seed;
mod server;
mod store;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod testing;

pub use error::SimError;
pub use fault_names::{FAULTS, FaultHelp, ParseFaultError};
pub use faults::{Fault, FaultCount, FaultKind, RetryAfter, Scope};
pub use model::ObjectId;
pub use record::{RecordedRequest, TokenUse};
pub use seed::{Population, SeedClient};
pub use server::{LoginAccount, OzmapOptions, SimulatedOzmap, TokenGrant};
pub use store::ClientView;
