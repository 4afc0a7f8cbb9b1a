//! The dashboard: pages for people, each made on the server from the newest snapshots, complete without a script.
//!
//! In: the [`Board`], the database, what a visitor prefers. Out: HTML whose size and cost are bounded whatever the network's size:
//! long lists come in pages. Not its business: deciding or changing anything, and what programs read (`/api/v1`).
//!
//! Who does what:
//! * `now`, `incidents`, `incident`, `olts`, `olt`, `pon`, `onus`, `onu`: one page each; `csv`: an incident's customers as a table;
//! * `tree`, `map`, `timeline`, `plot`, `bars`: drawings, pure and in SVG or lists; `place`, `ozmap`: parts of several pages;
//! * `layout`, `format`, `links`, `texts`: frame, numbers, paths and every text in every language;
//! * `prefs`, `login`, `session`, `tries`: who looks, and how they want it; `assets`: stylesheet, script, icon;
//! * `tallies`: counts that are made once.

mod assets;
mod bars;
mod csv;
mod format;
mod incident;
mod incidents;
mod layout;
mod links;
mod login;
mod map;
mod now;
mod olt;
mod olts;
mod onu;
mod onus;
mod ozmap;
mod place;
mod plot;
mod pon;
mod prefs;
mod session;
mod tallies;
#[cfg(test)]
mod tests;
mod texts;
mod timeline;
mod tree;
mod tries;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{ACCEPT, HeaderMap};
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};

pub(super) use login::Peer;
use prefs::Visit;
use session::Sessions;
use tallies::Tallies;
use tries::Tries;

use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::Shared;
use crate::config::Secret;
use crate::daemon::Board;
use crate::model::Timestamp;

/// What the pages hold between requests.
#[derive(Debug)]
pub(super) struct Desk {
    tallies: Tallies,
    /// Set where a token is.
    sessions: Option<Sessions>,
    tries: Tries,
}

impl Desk {
    pub(super) fn new(token: Option<&Secret>) -> Self {
        Self { tallies: Tallies::default(), sessions: token.map(Sessions::new), tries: Tries::default() }
    }

    /// Whether the headers hold a session's cookie.
    pub(super) fn admits(&self, headers: &HeaderMap, now: Timestamp) -> bool {
        let cookie = prefs::cookie(headers, session::NAME);
        cookie.zip(self.sessions.as_ref()).is_some_and(|(cookie, sessions)| sessions.admits(cookie, now))
    }
}

/// The pages' paths.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(now::page))
        .route("/incidents", get(incidents::page))
        .route("/incidents/{id}", get(incident::page))
        .route("/incidents/{id}/clients.csv", get(csv::page))
        .route("/olts", get(olts::page))
        .route("/olts/{*olt}", get(olt::page))
        .route("/pons/{*path}", get(pon::page))
        .route("/onus", get(onus::page))
        .route("/onus/{*path}", get(onu::page))
        .route("/preferences", get(prefs::page))
        .route("/login", get(login::page).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/assets/{version}/{name}", get(assets::page))
}

/// Whether a path needs no token: it lets people in, or shows nothing of the network.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/login" | "/logout" | "/preferences") || path.starts_with("/assets/")
}

/// Whether a person with a browser asks for a page.
pub(super) fn is_browser(method: &Method, headers: &HeaderMap) -> bool {
    let accepts_html = |header: &str| header.split(',').any(|kind| kind.trim().starts_with("text/html"));
    *method == Method::GET && headers.get_all(ACCEPT).iter().any(|header| header.to_str().is_ok_and(accepts_html))
}

/// Leads a person without a session to the login page, and from there back.
pub(super) fn to_login(uri: &Uri) -> Response {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    prefs::see_other(&links::with("/login", &[("back", &back)]))
}

/// A problem as a page.
pub(super) fn problem_page(headers: &HeaderMap, uri: &Uri, now: Timestamp, problem: &Problem) -> Response {
    layout::problem(&Visit::of(headers, uri, now), problem)
}

/// From which of its entries on a list is asked for: `from` is its only parameter.
fn from_of(parameters: &Parameters) -> Result<usize, Problem> {
    parameters.only(&["from"])?;
    let from = parameters.parsed("from", |from| from.parse::<usize>().map_err(|_| "a whole number was expected"))?;
    Ok(from.unwrap_or(0))
}

/// Makes a page away from the threads that poll; what goes wrong is a page too.
async fn show<F>(shared: Shared, visit: Visit, make: F) -> Response
where
    F: FnOnce(&Board, &Visit, &Desk) -> Result<Response, Problem> + Send + 'static,
{
    let desk = Arc::clone(&shared.desk);
    shared
        .work(move |board| {
            Ok(match make(board, &visit, &desk) {
                Ok(page) => page,
                Err(problem) => layout::problem(&visit, &problem),
            })
        })
        .await
}
