//! `/api/v1/onus/{olt}/{pon}/{onu}`: one ONU, with what the plant says of its client's way.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api_onu::{OnuEntry, Unplaced};
use super::merged::lines;
use super::onu_history;
use super::onu_named::Named;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Shared, json};
use crate::daemon::Board;
use crate::model::{Dbm, Decibels, Metres};
use crate::ozmap::{DoubtLine, ElementName, Missing, Owner, PonName, Survey};
use crate::plant::{Attachment, ClientIx, ElementKind, LaunchSource, NodeIx, Plant};

/// An ONU.
#[derive(Debug, Serialize)]
struct One {
    /// As on the page of many.
    #[serde(flatten)]
    entry: OnuEntry,
    /// The way of its client's light; `null` while no client of it is in the plant.
    plant: Option<OnPlant>,
}

/// The way of a client's light as OZmap documents it.
#[derive(Debug, Serialize)]
struct OnPlant {
    /// How its place in the plant is known: `route`, `box` (where others of its box hang), `box_alone` or `nothing`.
    attachment: Attachment,
    /// Why it has no route that reaches a PON.
    why_without: Option<Missing>,
    /// The PON that the way reaches, by OZmap's names.
    pon: Option<PonName>,
    /// The launch power that is calculated with, dBm.
    launch_dbm: Option<Dbm>,
    /// Whether that was entered or is estimated from what the ONUs of the PON receive.
    launch: Option<LaunchSource>,
    /// How many of them an estimate is from.
    launch_readings: Option<u32>,
    /// An estimate is off by no more than this with a chance of 95 %, dB.
    launch_within_db: Option<Decibels>,
    /// The sum of documented losses, dB.
    loss_db: Option<Decibels>,
    /// Metres that are ranged for each metre documented, on this PON.
    slack: Option<f64>,
    /// What the light passes, head end first.
    elements: Vec<Passed>,
    /// What is probably documented wrong of it.
    doubts: Vec<DoubtLine>,
}

/// An element on the way.
#[derive(Debug, Serialize)]
struct Passed {
    kind: ElementKind,
    #[serde(flatten)]
    name: ElementName,
    /// The cable or drop that a fibre lies in, the place of anything else.
    #[serde(rename = "in")]
    holder: Option<Holder>,
    /// The output of a splitter.
    port: Option<u16>,
    loss_db: Decibels,
    /// From the OLT to its far side.
    metres: Metres,
}

#[derive(Debug, Serialize)]
struct Holder {
    kind: ElementKind,
    #[serde(flatten)]
    name: ElementName,
}

impl OnPlant {
    fn of(survey: &Survey, client: ClientIx) -> Self {
        let plant = survey.graph();
        let pon = plant.pon_of(client);
        let launch = pon.and_then(|pon| survey.launch(pon));
        Self {
            attachment: plant.attachment(client),
            why_without: plant.client_id(client).and_then(|id| survey.plant.why_without(id)),
            pon: pon.map(|pon| PonName::of(plant, pon)),
            launch_dbm: launch.map(|launch| launch.power),
            launch: launch.map(|launch| launch.source),
            launch_readings: launch.map(|launch| launch.readings).filter(|readings| *readings > 0),
            launch_within_db: launch.and_then(|launch| launch.within),
            loss_db: plant.loss_of(client),
            slack: pon.and_then(|pon| survey.slack(pon)),
            elements: plant.path(client).into_iter().filter_map(|node| Passed::of(plant, node)).collect(),
            doubts: survey.doubts_of(client).cloned().collect(),
        }
    }
}

impl Passed {
    fn of(plant: &Plant, node: NodeIx) -> Option<Self> {
        let row = plant.node(node)?;
        let holder = row.container().filter(|holder| *holder != row.element());
        Some(Self {
            kind: plant.element(row.element())?.kind,
            name: ElementName::of(plant, row.element())?,
            holder: holder.and_then(|holder| {
                Some(Holder { kind: plant.element(holder)?.kind, name: ElementName::of(plant, holder)? })
            }),
            port: row.port(),
            loss_db: row.loss(),
            metres: row.distance(),
        })
    }
}

fn one(board: &Board, path: &str) -> Result<Response, Problem> {
    let named = Named::find(board, path)?;
    let report = &named.report;
    let found = named.reading().map(|reading| &reading.key);
    let Some(line) = lines(report).find(|line| Some(line.key) == found) else {
        return Err(Problem::not_found("the OLT shows no such ONU at present"));
    };
    let push = board.push();
    let owner: Option<&Owner> = push.as_ref().and_then(|push| push.matching.owners.of(&report.olt, line.key));
    let survey = board.survey();
    let unplaced = Unplaced::of(&report.view);
    let client = survey.as_ref().zip(owner).and_then(|(survey, owner)| survey.graph().client(&owner.client));
    Ok(json(
        StatusCode::OK,
        &One {
            entry: OnuEntry::new(&report.olt, &line, unplaced, owner, survey.as_deref()),
            plant: survey.as_ref().zip(client).map(|(survey, client)| OnPlant::of(survey, client)),
        },
    ))
}

/// The page of an ONU, or of its history below it.
pub(super) async fn page(State(shared): State<Shared>, Path(path): Path<String>, parameters: Parameters) -> Response {
    if let Some(onu) = path.strip_suffix("/history") {
        return onu_history::page(&shared, onu.to_owned(), &parameters).await;
    }
    if let Err(problem) = parameters.only(&[]) {
        return problem.into_response();
    }
    shared.work(move |board| one(board, &path)).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::server::Limits;
    use super::super::testing::{self, Running};
    use crate::model::{Cause, Reading};

    /// Seven ONUs, the sixth down, and the eighth of a client whose way reaches no PON.
    async fn server() -> Running {
        let rx = [-16.0, -16.5, -17.0, -16.2, -16.8, -16.4, -21.0, -19.0];
        let mut onus: Vec<Reading> = (1..).zip(rx).map(|(number, rx)| testing::up(number, rx)).collect();
        onus[5] = testing::down(6, Cause::Power);
        let mut push = testing::push();
        push.matching.owners = testing::owners(1..=8);
        testing::start(vec![testing::olt("olt-centro", &onus)], Some(push), None, Limits::USUAL).await
    }

    #[tokio::test]
    async fn what_should_arrive_stands_beside_what_does_and_nothing_where_no_pon_is_reached() {
        let server = server().await;
        let page = server.json("/api/v1/onus", 200).await;
        let field =
            |name: &str| -> Vec<_> { page["onus"].as_array().unwrap().iter().map(|onu| onu[name].clone()).collect() };
        // The median of what seven read, and 20.6 dB: 4.1 dBm are launched.
        assert_eq!(field("calculated_dbm")[..7], vec![json!(-16.5); 7]);
        assert_eq!(field("calculated_by")[..7], vec![json!("estimated"); 7]);
        let off = [json!(0.5), json!(0), json!(-0.5), json!(0.3), json!(-0.3), json!(null), json!(-4.5), json!(null)];
        assert_eq!(field("deviation_db"), off);
        assert_eq!(field("route_length_m")[..7], vec![json!(1540); 7]);
        assert_eq!(field("splitter_port"), [1, 2, 3, 4, 5, 6, 7, 8].map(|port| json!(port)));
        for name in ["calculated_dbm", "calculated_by", "route_length_m"] {
            assert_eq!(field(name)[7], json!(null), "{name}");
        }
        assert_eq!(field("box"), vec![json!("CTO 12"); 8]);
    }

    #[tokio::test]
    async fn one_onu_shows_the_way_of_its_light() {
        let server = server().await;
        let one = server.json("/api/v1/onus/olt-centro/0/1/2/7", 200).await;
        assert_eq!((&one["serial"], &one["deviation_db"]), (&json!("HWTC00000007"), &json!(-4.5)));
        let plant = &one["plant"];
        assert_eq!((&plant["attachment"], &plant["why_without"]), (&json!("route"), &json!(null)));
        assert_eq!((&plant["pon"]["olt"]["name"], &plant["pon"]["pon"]["name"]), (&json!("OLT-1"), &json!("PON 1")));
        assert_eq!((&plant["launch_dbm"], &plant["launch"]), (&json!(4.1), &json!("estimated")));
        assert_eq!(plant["launch_readings"], 7);
        assert!(plant["launch_within_db"].as_f64().is_some_and(|within| within > 0.3 && within < 1.5), "{plant}");
        let elements = plant["elements"].as_array().unwrap();
        let kinds: Vec<_> = elements.iter().map(|element| element["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["olt", "slot", "pon", "fiber", "splitter", "splitter", "fiber"]);
        let port = json!({"kind": "splitter", "id": "65a0000000000000000000c1", "name": "Splitter 1", "port": 7,
            "in": {"kind": "box", "id": "65a0000000000000000000b1", "name": "CTO 12"}, "loss_db": 17.1, "metres": 1500});
        assert_eq!(elements[5], port);
        let whole = server.json("/api/v1/onus", 200).await;
        let mut entry = one.clone();
        entry.as_object_mut().unwrap().remove("plant");
        assert_eq!(entry, whole["onus"][6]);

        let lost = server.json("/api/v1/onus/olt-centro/0%2F1%2F2/HWTC00000008", 200).await;
        assert_eq!((&lost["plant"]["why_without"], &lost["plant"]["launch_dbm"]), (&json!("no_path"), &json!(null)));
        assert_eq!(lost["calculated_dbm"], json!(null));
    }

    #[tokio::test]
    async fn an_onu_that_is_not_there_and_parameters_are_refused() {
        let server = server().await;
        for (path, status, says) in [
            ("olt-centro/0/1/2/99", 404, "no such ONU"),
            ("olt-sul/0/1/2/7", 404, "names no OLT"),
            ("olt-centro/0/1/2/x", 404, "neither an ONU's number"),
            ("olt-centro", 404, "no such page"),
            ("olt-centro/0/1/2/7?x=1", 400, "this page takes none"),
        ] {
            let problem = server.json(&format!("/api/v1/onus/{path}"), status).await;
            assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
        }
        let without = testing::serve(vec![testing::town()]).await;
        let one = without.json("/api/v1/onus/olt-centro/0/1/0/1", 200).await;
        assert_eq!((&one["plant"], &one["calculated_dbm"], &one["box"]), (&json!(null), &json!(null), &json!(null)));
    }
}
