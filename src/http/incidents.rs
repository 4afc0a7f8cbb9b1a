//! `/api/v1/incidents` and `/api/v1/incidents/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::incident::{Incident, State as Stage};

/// What `state` may say.
const STATES: [(&str, Stage); 3] =
    [("open", Stage::Open), ("recovering", Stage::Recovering), ("cleared", Stage::Cleared)];

#[derive(Serialize)]
struct Incidents<'a> {
    incidents: Vec<&'a Incident>,
}

/// Those that are not over, oldest first, and then the last that are, newest first; `state` picks.
pub(super) async fn page(State(shared): State<Shared>, parameters: Parameters) -> Response {
    let wanted = parameters.only(&["state"]).and_then(|()| parameters.parsed("state", stage));
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(problem) => return problem.into_response(),
    };
    shared
        .work(move |board| {
            let view = board.incidents();
            let all = view.open.iter().chain(&view.cleared).map(Arc::as_ref);
            let incidents = all.filter(|incident| wanted.is_none_or(|wanted| incident.state == wanted)).collect();
            Ok(json(StatusCode::OK, &Incidents { incidents }))
        })
        .await
}

/// One of them.
pub(super) async fn one(State(shared): State<Shared>, Path(id): Path<String>, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return problem.into_response();
    }
    let view = shared.board.incidents();
    match view.find(&id) {
        Some(incident) => json(StatusCode::OK, &**incident),
        None => {
            Problem::not_found(format!("there is no incident {:?}, or it is long over", shown(&id))).into_response()
        }
    }
}

fn stage(word: &str) -> Result<Stage, String> {
    let stage = STATES.iter().find(|(known, _)| *known == word).map(|(_, stage)| *stage);
    stage.ok_or_else(|| format!("unknown state {:?}: expected open, recovering or cleared", shown(word)))
}
