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
}

/// The process serves, or nobody would answer.
pub(super) async fn alive() -> Response {
    json(StatusCode::OK, &Health { status: "ok", reasons: Vec::new() })
}

/// Whether the schedule runs. That an OLT does not answer is the OLT's business.
pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let reasons = missing(&shared);
    if reasons.is_empty() {
        json(StatusCode::OK, &Health { status: "ready", reasons })
    } else {
        json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "unready", reasons })
    }
}

fn missing(shared: &Shared) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if *shared.shutdown.borrow() || shared.shutdown.has_changed().is_err() {
        reasons.push("the daemon is stopping");
    }
    if !shared.board.is_kept() {
        reasons.push("the tasks that poll have ended");
    }
    let olts = shared.board.olts();
    // One look that ended, well or not, shows that the schedule runs.
    if !olts.is_empty() && olts.iter().all(|olt| olt.status.is_none()) {
        reasons.push("no OLT has been looked at yet");
    }
    reasons
}

#[cfg(test)]
mod tests {
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
        assert_eq!(unready["reasons"], serde_json::json!(["the tasks that poll have ended"]));
        assert_eq!(server.json("/healthz", 200).await["status"], "ok");
    }

    #[tokio::test]
    async fn without_any_olt_there_is_nothing_to_wait_for() {
        let server = testing::serve(Vec::new()).await;
        assert_eq!(server.json("/readyz", 200).await["status"], "ready");
    }
}
