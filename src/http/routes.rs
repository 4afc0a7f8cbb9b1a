//! Which path is which page, and what all pages share.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use super::pages::{self, Desk};
use super::parameters::Parameters;
use super::problem::Problem;
use super::server::Limits;
use super::{events, guard, health, incidents, index, metrics, olts, onu_one, onus, plant};
use crate::config::Secret;
use crate::daemon::Board;
use crate::model::Timestamp;

/// What every page may use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) token: Option<Secret>,
    pub(super) limits: Limits,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) desk: Arc<Desk>,
    workers: Arc<Semaphore>,
    /// Places for those who follow.
    pub(super) followers: Arc<Semaphore>,
}

pub(super) fn router(board: Board, token: Option<Secret>, limits: Limits, shutdown: watch::Receiver<bool>) -> Router {
    let desk = Arc::new(Desk::new(token.as_ref()));
    let (workers, followers) = (Semaphore::new(limits.workers), Semaphore::new(limits.followers));
    let (workers, followers) = (Arc::new(workers), Arc::new(followers));
    let shared = Shared { board, token, limits, shutdown, desk, workers, followers };
    pages::routes()
        .route("/about", get(index::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .route("/api/v1/olts", get(olts::page))
        .route("/api/v1/onus", get(onus::page))
        .route("/api/v1/onus/{*path}", get(onu_one::page))
        .route("/api/v1/incidents", get(incidents::page))
        .route("/api/v1/incidents/{id}", get(incidents::one))
        .route("/api/v1/events", get(events::page))
        .route("/api/v1/ozmap", get(ozmap))
        .route("/api/v1/plant", get(plant::page))
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

async fn nowhere(method: Method, headers: HeaderMap, uri: Uri) -> Response {
    let problem = Problem::not_found("there is no such page; /about lists what there is");
    if pages::is_browser(&method, &headers) && !uri.path().starts_with("/api") {
        pages::problem_page(&headers, &uri, Timestamp::from(SystemTime::now()), &problem)
    } else {
        problem.into_response()
    }
}

async fn wrong_method() -> Problem {
    Problem::method_not_allowed()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{self, TOKEN};
    use super::*;

    const GUARDED: [&str; 7] =
        ["/", "/metrics", "/api/v1/olts", "/api/v1/onus", "/api/v1/incidents", "/api/v1/ozmap", "/api/v1/plant"];

    #[tokio::test]
    async fn with_a_token_every_page_but_health_needs_it() {
        let push = Some(testing::push());
        let server = testing::start(vec![testing::town()], push, Some(TOKEN), Limits::USUAL).await;
        for path in GUARDED.into_iter().chain([
            "/nowhere",
            "/api/v1/events",
            "/healthz/",
            "/HEALTHZ",
            "//healthz",
            "/healthz%2F",
        ]) {
            for wrong in [None, Some("Bearer wrong"), Some("Basic czNjcmV0"), Some("s3cret-t0ken")] {
                let mut request = server.client.get(format!("{}{path}", server.url));
                if let Some(wrong) = wrong {
                    request = request.header("authorization", wrong);
                }
                let response = request.send().await.unwrap();
                assert_eq!(response.status().as_u16(), 401, "{path} {wrong:?}");
                assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"oltwatch\"");
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                assert!(!response.text().await.unwrap().contains("olt-centro"));
            }
        }
        for path in GUARDED {
            let response = server.client.get(format!("{}{path}", server.url)).bearer_auth(TOKEN).send().await.unwrap();
            assert_eq!(response.status().as_u16(), 200, "{path}");
        }
        for path in ["/healthz", "/readyz"] {
            assert_eq!(server.get(path).await.status().as_u16(), 200, "{path}");
        }
    }

    #[tokio::test]
    async fn without_a_token_pages_are_open_to_this_machine() {
        let server = testing::start(vec![testing::town()], Some(testing::push()), None, Limits::USUAL).await;
        for path in GUARDED {
            assert_eq!(server.get(path).await.status().as_u16(), 200, "{path}");
        }
    }

    #[tokio::test]
    async fn every_answer_carries_the_headers_that_keep_browsers_in_bounds() {
        let server = testing::start(vec![testing::town()], None, Some(TOKEN), Limits::USUAL).await;
        for (path, token, status) in [("/", TOKEN, 200), ("/healthz", "", 200), ("/", "wrong", 401), ("/x", TOKEN, 404)]
        {
            let response = server.client.get(format!("{}{path}", server.url)).bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(response.headers()[name], value, "{path}");
            }
            let policy = response.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            assert!(!response.headers().contains_key("access-control-allow-origin"));
        }
    }

    #[tokio::test]
    async fn what_does_not_exist_and_what_would_change_something_are_problems() {
        let server = testing::serve(vec![testing::town()]).await;
        for path in ["/nowhere", "/api", "/api/v1/", "/api/v1/onus/", "/../etc/passwd"] {
            let problem = server.json(path, 404).await;
            let expected = json!({"type": "about:blank", "title": "Not Found", "status": 404,
                "detail": "there is no such page; /about lists what there is"});
            assert_eq!(problem, expected, "{path}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let request = server.client.request(method.clone(), format!("{}/api/v1/olts", server.url)).body("{}");
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), 405, "{method}");
            assert_eq!(response.headers()["allow"], "GET, HEAD");
            let problem: serde_json::Value = response.json().await.unwrap();
            assert_eq!(problem["detail"], "GET or HEAD was expected");
        }
        for path in ["/api/v1/olts?olt=x", "/api/v1/ozmap?x"] {
            let problem = server.json(path, 400).await;
            assert!(problem["detail"].as_str().unwrap().contains("this page takes none"), "{problem}");
        }
    }

    #[tokio::test]
    async fn a_body_is_refused_and_head_is_answered_without_one() {
        let server = testing::serve(vec![testing::town()]).await;
        let url = format!("{}/api/v1/olts", server.url);
        let response = server.client.get(&url).body("{}").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 413);
        let response = server.client.head(&url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.text().await.unwrap(), "");
    }

    #[tokio::test]
    async fn ozmap_is_the_pusher_s_snapshot_and_missing_without_it() {
        let server = testing::start(Vec::new(), Some(testing::push()), None, Limits::USUAL).await;
        let document = server.json("/api/v1/ozmap", 200).await;
        assert_eq!(document, serde_json::to_value(testing::push()).unwrap());
        assert_eq!(document["matching"]["matched_by"]["serial"], 2);
        assert_eq!(document["halted"]["why"], "the token was refused");
        let server = testing::serve(Vec::new()).await;
        let problem = server.json("/api/v1/ozmap", 404).await;
        assert!(problem["detail"].as_str().unwrap().contains("no [ozmap] section"), "{problem}");
    }

    #[tokio::test]
    async fn the_page_for_programs_lists_every_other() {
        let server = testing::start(Vec::new(), Some(testing::push()), None, Limits::USUAL).await;
        let response = server.get("/about").await;
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let page = response.text().await.unwrap();
        for path in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert_ne!(server.get(path).await.status().as_u16(), 404, "{path}");
        }
        for path in GUARDED.into_iter().skip(1).chain(["/healthz", "/readyz"]) {
            assert!(page.contains(&format!("href=\"{path}\"")), "{path}");
        }
    }
}
