//! `/healthz` and `/readyz`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::routes::{Shared, json};

/// What both pages answer.
#[derive(Serialize)]
struct Health {
    /// `ok`, `ready` or `unready`.
    status: &'static str,
    /// What is missing.
    reasons: Vec<&'static str>,
    /// What is wrong though we are ready: the database, or why statuses are not written to OZmap.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The process serves, or nobody would answer.
pub(super) async fn alive() -> Response {
    json(StatusCode::OK, &Health { status: "ok", reasons: Vec::new(), warnings: Vec::new() })
}

/// Whether the schedule runs. That an OLT does not answer is the OLT's business.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let (reasons, warnings) = (missing(&shared), warnings(&shared));
    if reasons.is_empty() {
        json(StatusCode::OK, &Health { status: "ready", reasons, warnings })
    } else {
        json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "unready", reasons, warnings })
    }
}

/// What is missing before the schedule runs.
pub(super) fn missing(shared: &Shared) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if *shared.shutdown.borrow() || shared.shutdown.has_changed().is_err() {
        reasons.push("the daemon is stopping");
    }
    if !shared.board.is_kept() {
        reasons.push("the tasks that poll, or the one that owns incidents, have ended");
    }
    let olts = shared.board.olts();
    // One look that ended, well or not, shows that the schedule runs.
    if !olts.is_empty() && olts.iter().all(|olt| olt.status.is_none()) {
        reasons.push("no OLT has been looked at yet");
    }
    reasons
}

/// What is wrong though the schedule runs.
pub(super) fn warnings(shared: &Shared) -> Vec<String> {
    let store = shared.board.store().and_then(|store| store.keeper().status().failing);
    let store = store.map(|why| format!("the database cannot be written: {why}"));
    let obstacles = shared.board.push().map(|push| push.obstacles()).unwrap_or_default();
    store.into_iter().chain(obstacles).collect()
}

#[cfg(test)]
mod tests {
    use super::super::server::Limits;
    use super::super::testing;
    use crate::daemon::OltReport;
    use crate::model::OltId;

    #[tokio::test]
    async fn an_olt_that_does_not_answer_does_not_make_us_unready() {
        let server = testing::serve(vec![testing::silent("olt-a"), testing::silent("olt-b")]).await;
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
        let ready = server.json("/readyz", 200).await;
        assert_eq!(ready, serde_json::json!({"status": "ready", "reasons": []}));
    }

    #[tokio::test]
    async fn before_the_first_look_and_after_the_tasks_ended_we_are_not_ready_and_say_why() {
        let mut server = testing::serve(vec![OltReport::new(OltId::new("olt"), "192.0.2.10:161".to_owned())]).await;
        let unready = server.json("/readyz", 503).await;
        assert_eq!(unready["reasons"], serde_json::json!(["no OLT has been looked at yet"]));
        server.reports[0].send_replace(testing::silent("olt").into());
        assert_eq!(server.json("/readyz", 200).await["status"], "ready");
        server.reports.clear();
        let unready = server.json("/readyz", 503).await;
        assert_eq!(
            unready["reasons"],
            serde_json::json!(["the tasks that poll, or the one that owns incidents, have ended"])
        );
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_written_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oltwatch.db");
        let store = crate::store::Store::open(&path, crate::store::Keep::default()).unwrap();
        let keeper = store.keeper();
        let server = testing::start_with_store(vec![testing::silent("olt")], store).await;
        assert_eq!(server.json("/readyz", 200).await, serde_json::json!({"status": "ready", "reasons": []}));
        std::fs::remove_file(&path).unwrap();
        keeper.rules("{}".to_owned());
        while keeper.status().failing.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let ready = server.json("/readyz", 200).await;
        let warning = ready["warnings"][0].as_str().unwrap();
        assert!(warning.contains("deleted or replaced while in use"), "{warning}");
    }

    #[tokio::test]
    async fn what_keeps_statuses_from_being_written_is_told_and_is_no_unreadiness() {
        let mut push = testing::push();
        push.journal.failing = Some("disk full".to_owned());
        let server = testing::start(vec![testing::town()], Some(push), None, Limits::USUAL).await;
        let ready = server.json("/readyz", 200).await;
        assert_eq!(ready["status"], "ready");
        assert_eq!(ready["warnings"][0], "nothing is written to OZmap: the token was refused");
        assert!(ready["warnings"][1].as_str().unwrap().contains("disk full"), "{ready}");
    }

    #[tokio::test]
    async fn without_any_olt_there_is_nothing_to_wait_for() {
        let server = testing::serve(Vec::new()).await;
        assert_eq!(server.json("/readyz", 200).await["status"], "ready");
    }
}
