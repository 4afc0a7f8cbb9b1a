//! `/api/v1/plant`: what is known of the passive network, its PONs, and what is probably documented wrong.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parameters::{Parameters, shown};
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::daemon::Board;
use crate::model::Timestamp;
use crate::ozmap::{DoubtLine, PlantSnapshot, PonLine};
use crate::plant::Doubt;

/// Doubts that are listed unless told otherwise, and the most that can be asked for.
const USUAL_LIMIT: usize = 100;
const MOST: usize = 10_000;

const KNOWN: [&str; 2] = ["doubt", "limit"];

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    /// When readings were last compared with it; `null` before the first time.
    surveyed_at: Option<Timestamp>,
    /// How far the import is.
    import: &'a PlantSnapshot,
    /// ONUs whose client is in the plant.
    onus: usize,
    /// The PONs of the plant.
    pons: &'a [PonLine],
    /// How many doubts there are of each kind.
    doubts: &'a BTreeMap<&'static str, usize>,
    /// The surest of them.
    doubted: Vec<&'a DoubtLine>,
}

struct Wanted {
    doubt: Option<Doubt>,
    limit: usize,
}

impl Wanted {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        parameters.only(&KNOWN)?;
        let limit = parameters.parsed("limit", |text| match text.parse::<usize>() {
            Ok(limit) if limit <= MOST => Ok(limit),
            _ => Err(format!("{:?} is no number from 0 to {MOST}", shown(text))),
        })?;
        let doubt = parameters.parsed("doubt", |text| {
            let known: Vec<&str> = Doubt::ALL.into_iter().map(Doubt::word).collect();
            Doubt::ALL
                .into_iter()
                .find(|doubt| doubt.word() == text)
                .ok_or_else(|| format!("unknown word {:?}; one of {} was expected", shown(text), known.join(", ")))
        })?;
        Ok(Self { doubt, limit: limit.unwrap_or(USUAL_LIMIT) })
    }

    fn page(&self, board: &Board) -> Result<Response, Problem> {
        let (Some(plant), Some(survey)) = (board.plant(), board.survey()) else {
            return Err(Problem::not_found(
                "no plant is read: the config has no [ozmap] section, or plant = false in it",
            ));
        };
        let fits = |line: &&DoubtLine| self.doubt.is_none_or(|doubt| line.doubt == doubt);
        let document = Document {
            surveyed_at: (survey.plant.clients > 0).then_some(survey.at),
            import: &plant,
            onus: survey.onus,
            pons: &survey.pons,
            doubts: &survey.counts,
            doubted: survey.doubts.iter().filter(fits).take(self.limit).collect(),
        };
        Ok(json(StatusCode::OK, &document))
    }
}

/// The page.
pub(super) async fn page(State(shared): State<Shared>, parameters: Parameters) -> Response {
    match Wanted::read(&parameters) {
        Ok(wanted) => shared.work(move |board| wanted.page(board)).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::server::Limits;
    use super::super::testing;

    #[tokio::test]
    async fn the_plant_shows_how_far_it_is_known_by_pon() {
        let server = testing::start(vec![testing::town()], Some(testing::push()), None, Limits::USUAL).await;
        let page = server.json("/api/v1/plant", 200).await;
        assert_eq!((&page["import"]["routes"], &page["import"]["missing"]["no_path"]), (&json!(7), &json!(1)));
        assert_eq!((&page["import"]["requests_left"], &page["onus"]), (&json!(3), &json!(7)));
        let pon = &page["pons"][0];
        assert_eq!(
            (&pon["olt"]["name"], &pon["slot"]["name"], &pon["pon"]["name"]),
            (&json!("OLT-1"), &json!("Slot 1"), &json!("PON 1"))
        );
        assert_eq!((&pon["clients"], &pon["routes"], &pon["onus"]), (&json!(7), &json!(7), &json!(7)));
        assert_eq!(
            (&pon["launch_dbm"], &pon["launch"], &pon["offset_db"]),
            (&json!(4.1), &json!("estimated"), &json!(0))
        );
        assert_eq!(page["pons"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn doubts_are_counted_listed_and_chosen() {
        let server = testing::start(vec![testing::town()], Some(testing::push()), None, Limits::USUAL).await;
        let page = server.json("/api/v1/plant", 200).await;
        assert_eq!(page["doubts"]["less_light"], 1, "{page}");
        let doubted = page["doubted"].as_array().unwrap();
        assert_eq!(doubted.len(), 1);
        assert_eq!((&doubted[0]["doubt"], &doubted[0]["serial"]), (&json!("less_light"), &json!("HWTC00000007")));
        assert_eq!((&doubted[0]["code"], &doubted[0]["power_off_db"]), (&json!("10007"), &json!(-4.5)));
        assert!(doubted[0]["reason"].as_str().unwrap().contains("4.5 dB less than calculated"), "{}", doubted[0]);
        for (query, listed) in [("doubt=less_light", 1), ("doubt=other_box", 0), ("limit=0", 0)] {
            let page = server.json(&format!("/api/v1/plant?{query}"), 200).await;
            assert_eq!(page["doubted"].as_array().unwrap().len(), listed, "{query}");
        }
        for (query, says) in
            [("limit=x", "limit:"), ("doubt=x", "one of other_pon, other_box"), ("x=1", "expected doubt, limit")]
        {
            let problem = server.json(&format!("/api/v1/plant?{query}"), 400).await;
            assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
        }
        let problem = testing::serve(Vec::new()).await.json("/api/v1/plant", 404).await;
        assert!(problem["detail"].as_str().unwrap().contains("no plant is read"), "{problem}");
    }
}
