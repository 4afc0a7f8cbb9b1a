//! A simulated OZmap: HTTP API v2 as section 9 of the API reference wants it, over real sockets.
//!
//! In: [`OzmapOptions`] (address, tokens, [`Population`], [`Fault`]s) and HTTP requests. Out: answers as the real
//! service gives them, the [`RecordedRequest`]s, and through [`SimulatedOzmap`] the state for assertions. Not its
//! business: the client of OZmap.
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
//! `GET /properties/client/:code` and `…/potency`; lists and reads by identifier of `/projects /boxes /buildings /pops
//! /base-boxes /box-types /cables /cable-types /fibers /cords /network-connectables /splitters /dios /fusions /connectors
//! /passings /shelfs /olts /slots /pons /network-connectors /pendency-types /pendencies /posts`; `POST /pendencies`,
//! `PATCH /pendencies/:id`, `POST /posts`. The token stands in `Authorization`, raw or after `Bearer`.
//!
//! Every client's house hangs on a plant of its own making, so traces, rows and read powers agree. Rows of OLTs and
//! traces hand out [`OLT_USER`], [`OLT_PASSWORD`] and [`OLT_COMMUNITY`], as the real service does.
//!
//! Pages are served from indexes: by identifier, code, serial, and a property's client; the outcome of any other filter
//! or sort is kept until a write could change it.
//!
//! # For assertions
//!
//! | question | [`SimulatedOzmap`] |
//! |---|---|
//! | what does every client show | [`statuses`](SimulatedOzmap::statuses), [`clients`](SimulatedOzmap::clients) |
//! | who changed which status, in what order | [`changes_since`](SimulatedOzmap::changes_since) |
//! | how many writes of which kind came, and had their effect | [`write_counts`](SimulatedOzmap::write_counts), [`writes_of`](SimulatedOzmap::writes_of) |
//! | what was asked, and when | [`requests`](SimulatedOzmap::requests), [`requests_since`](SimulatedOzmap::requests_since): `at` is the time since the start |
//! | which marks are on the map | [`pendencies`](SimulatedOzmap::pendencies), [`posts`](SimulatedOzmap::posts) |
//!
//! Another integration is played by [`set_status`](SimulatedOzmap::set_status) (by code),
//! [`set_status_of`](SimulatedOzmap::set_status_of) (by identifier), [`flip_statuses`](SimulatedOzmap::flip_statuses), or
//! the fault `flip-statuses`. [`set_faults`](SimulatedOzmap::set_faults) changes the faults while it runs.
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
//! | `GET /_sim/writes` | `{"writes": [WriteCount]}` |
//! | `GET /_sim/changes?since=N` | `{"changes": [StatusChange]}`, those with a number above `N` |
//! | `GET /_sim/marks` | `{"pendencies": […], "posts": […]}`, as their rows |
//! | `GET /_sim/clients?start=0&limit=1000` | `{"total", "rows": [ClientView]}` |
//! | `POST /_sim/clients/:code/status` `{"status": 0 or 1}` | sets it on every client of that code, as another integration would. 204, 404 when there is none |

mod answers;
mod connection;
mod control;
mod elements;
mod error;
mod fault_names;
mod faults;
mod fields;
mod filter;
mod form;
mod gate;
mod grow;
mod index;
mod marks;
mod model;
mod patch;
mod plant;
mod query;
mod record;
mod render;
mod routes;
mod routes_plant;
mod rows;
mod seed;
mod server;
mod store;
mod town;
mod trace;
mod walk;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod http_write_tests;
#[cfg(test)]
mod plant_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod town_tests;

pub use error::SimError;
pub use fault_names::{FAULTS, FaultHelp, ParseFaultError};
pub use faults::{Fault, FaultCount, FaultKind, RetryAfter, Scope};
pub use model::ObjectId;
pub use record::{RecordedRequest, TokenUse, WriteCount, WriteKind};
pub use render::{OLT_COMMUNITY, OLT_PASSWORD, OLT_USER};
pub use seed::{Population, SeedClient};
pub use server::{LoginAccount, OzmapOptions, SimulatedOzmap, TokenGrant};
pub use store::{ChangedBy, ClientView, StatusChange};
