//! Which path is which page, and what all pages share.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use super::parameters::Parameters;
use super::problem::Problem;
use super::server::Limits;
use super::{guard, health, index, metrics, olts, onus};
use crate::config::Secret;
use crate::daemon::Board;

/// What every page may use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) token: Option<Secret>,
    pub(super) limits: Limits,
    pub(super) shutdown: watch::Receiver<bool>,
    workers: Arc<Semaphore>,
}

pub(super) fn router(board: Board, token: Option<Secret>, limits: Limits, shutdown: watch::Receiver<bool>) -> Router {
    let shared = Shared { board, token, limits, shutdown, workers: Arc::new(Semaphore::new(limits.workers)) };
    Router::new()
        .route("/", get(index::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .route("/api/v1/olts", get(olts::page))
        .route("/api/v1/onus", get(onus::page))
        .route("/api/v1/ozmap", get(ozmap))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

impl Shared {
    /// Makes a page that walks over ONUs, away from the threads that poll, and only so many at a time.
    pub(super) async fn work<F>(&self, make: F) -> Response
    where
        F: FnOnce(&Board) -> Result<Response, Problem> + Send + 'static,
    {
        // Never closed, so the only way to fail is not to have a turn before the guard's time-out.
        let Ok(turn) = Arc::clone(&self.workers).acquire_owned().await else {
            return Problem::internal().into_response();
        };
        let board = self.board.clone();
        let made = tokio::task::spawn_blocking(move || {
            let made = make(&board);
            // Kept until here, so that a page whose client went away still counts while it is made.
            drop(turn);
            made
        });
        match made.await {
            Ok(made) => made.into_response(),
            Err(error) => {
                tracing::error!(%error, "a page ended in an unexpected way");
                Problem::internal().into_response()
            }
        }
    }
}

/// A document as JSON.
pub(super) fn json<T: Serialize>(status: StatusCode, document: &T) -> Response {
    match serde_json::to_vec(document) {
        Ok(text) => {
            let mut response = (status, text).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a document could not be written as JSON");
            Problem::internal().into_response()
        }
    }
}

/// `/api/v1/ozmap`: the pusher's own snapshot.
async fn ozmap(State(shared): State<Shared>, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return problem.into_response();
    }
    match shared.board.push() {
        Some(snapshot) => shared.work(move |_| Ok(json(StatusCode::OK, &*snapshot))).await,
        None => Problem::not_found("nothing is matched or written: the config has no [ozmap] section").into_response(),
    }
}

async fn nowhere() -> Problem {
    Problem::not_found("there is no such page; / lists what there is")
}

async fn wrong_method() -> Problem {
    Problem::method_not_allowed()
}
