//! `/incidents/{id}/clients.csv`: whom an incident hits, for a spreadsheet or a crew.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::super::parameters::Parameters;
use super::super::problem::Problem;
use super::super::routes::Shared;
use super::incident::{Case, find};
use crate::daemon::Board;
use crate::incident::Incident;

const HEAD: [&str; 13] = [
    "olt",
    "pon",
    "onu",
    "serial",
    "client_id",
    "code",
    "name",
    "box",
    "state",
    "since",
    "back",
    "longitude",
    "latitude",
];

/// The table.
pub(super) async fn page(State(shared): State<Shared>, Path(id): Path<String>, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return problem.into_response();
    }
    shared
        .work(move |board| {
            let incident = find(board, &id)?;
            let text = table(board, &incident).map_err(|error| {
                tracing::error!(%error, "a table could not be written");
                Problem::internal()
            })?;
            let mut response = text.into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
            let name = format!("attachment; filename=\"incident-{}.csv\"", incident.id);
            if let Ok(name) = HeaderValue::from_str(&name) {
                headers.insert(CONTENT_DISPOSITION, name);
            }
            Ok(response)
        })
        .await
}

/// A cell that no spreadsheet takes for a formula, whatever people named their things.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn table(board: &Board, incident: &Incident) -> Result<Vec<u8>, csv::Error> {
    let case = Case::new(board, incident);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD)?;
    for member in &incident.onus {
        let standing = case.standing(member);
        let coords = case.client_coords(member);
        let number = |value: Option<f32>| value.map(|value| value.to_string()).unwrap_or_default();
        writer.write_record([
            cell(member.olt.as_str()),
            member.pon.map(|pon| pon.to_string()).unwrap_or_default(),
            member.onu.map(|onu| onu.to_string()).unwrap_or_default(),
            member.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
            member.client_id.map(|client| client.to_string()).unwrap_or_default(),
            cell(member.code.as_deref().unwrap_or_default()),
            cell(case.client_name(member).unwrap_or_default()),
            cell(member.place.as_deref().unwrap_or_default()),
            standing.map(|standing| standing.truth.word().to_owned()).unwrap_or_default(),
            standing.map(|standing| standing.since.to_string()).unwrap_or_default(),
            member.is_up.to_string(),
            number(coords.map(|[lng, _]| lng)),
            number(coords.map(|[_, lat]| lat)),
        ])?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("-2", "'-2"), ("CTO 12", "CTO 12"), ("", "")] {
            assert_eq!(cell(text), written);
        }
    }
}
