//! What the daemon shows over HTTP: health, metrics, and a JSON API to read.
//!
//! In: the daemon's [`Board`](crate::daemon::Board) of snapshots, the database, and the `[http]` section. Out: a [`Server`] that answers
//! `/healthz`, `/readyz`, `/metrics` and `/api/v1/…`. Not its business: deciding anything, changing anything; every page
//! is made anew from the newest snapshots. People get the dashboard of `pages`; `/about` lists what there is for programs.
//!
//! Who does what:
//! * `server`, `patience`: sockets, and how long and how much a client may take;
//! * `pages`: the dashboard, with its login;
//! * `guard`, `problem`, `routes`: who may see what, errors as `application/problem+json`, which path is which page;
//! * `events`, `event_stream`: what happens, while it happens;
//! * `health`, `metrics`, `olts`, `onus`, `onu_one`, `onu_history`, `plant`, `index`: one page each; `api_*`: the shapes of their JSON;
//! * `merged`, `tally`: what polling read and what was judged, side by side, and counted;
//! * `metrics_names`, `exposition`: every metric's name and help, and the text format that carries them.

mod api_event;
mod api_olt;
mod api_onu;
mod cursor;
mod error;
mod event_stream;
mod events;
mod exposition;
mod guard;
mod health;
mod incidents;
mod index;
mod merged;
mod metrics;
mod metrics_names;
mod metrics_plant;
mod olts;
mod onu_history;
mod onu_named;
mod onu_one;
mod onus;
mod pages;
mod parameters;
mod patience;
mod plant;
mod problem;
mod routes;
mod server;
mod tally;

pub use api_onu::{OnuRecord, Unplaced};
pub use error::HttpError;
pub use server::Server;

use crate::config;

/// Takes the address that `[http]` names. Clients may connect from then on; they are answered once [`Server::run`] runs.
///
/// # Errors
/// [`HttpError`], which names the address, when it cannot be had, or when it can be reached from other machines and no
/// token protects it.
pub async fn bind(http: &config::Http) -> Result<Server, HttpError> {
    Server::bind(http).await
}

#[cfg(test)]
mod testing;
