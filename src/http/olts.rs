//! `/api/v1/olts`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::api_olt::{OltEntry, Olts};
use super::parameters::Parameters;
use super::routes::{Shared, json};

/// Every OLT, how polling it goes, and counts of its ONUs.
pub(super) async fn page(State(shared): State<Shared>, parameters: Parameters) -> Response {
    if let Err(problem) = parameters.only(&[]) {
        return problem.into_response();
    }
    shared
        .work(|board| {
            let traps = board.traps();
            let olts = board.olts().iter().map(|report| OltEntry::new(report, traps.as_ref())).collect();
            Ok(json(StatusCode::OK, &Olts { olts }))
        })
        .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing;
    use crate::daemon::OltReport;
    use crate::model::OltId;

    #[tokio::test]
    async fn an_olt_shows_how_polling_goes_and_counts_its_onus() {
        let server = testing::serve(vec![testing::town(), testing::silent("olt-norte")]).await;
        let olts = server.json("/api/v1/olts", 200).await;
        let olt = &olts["olts"][0];
        for (field, value) in [
            ("olt", json!("olt-centro")),
            ("address", json!("192.0.2.10:161")),
            ("profile", json!("huawei-smartax")),
            ("sys_descr", json!("Huawei Integrated Access Software")),
            ("answering", json!(true)),
            ("error", json!(null)),
            ("failures", json!(0)),
            ("again_in_s", json!(null)),
            ("last_answer", json!("2026-11-23T02:31:07Z")),
            ("skipped_slots", json!(4)),
            ("intervals", json!({"inventory_s": 3600.0, "state_s": 60.0, "optics_s": 900.0})),
            ("pons_left_out", json!(0)),
            (
                "traps",
                json!({"received": 1, "last": "2026-11-23T02:31:07Z",
                       "looks": {"now": 1, "later": 0, "merged": 0, "none": 0}}),
            ),
        ] {
            assert_eq!(olt[field], value, "{field}");
        }
        assert_eq!(
            olt["sweeps"]["optics"],
            json!({"started": "2026-11-23T02:31:07Z", "elapsed_ms": 750, "complete": false, "pdus": 37,
                   "gaps": [{"what": "hwGponDeviceOntOpticalInfoTable", "why": "no answer"}]})
        );
        assert_eq!(olt["sweeps"]["state"]["complete"], true);
        assert_eq!(olt["counters"]["sent"], 111);
        assert_eq!(olt["counters"]["rtt_ms"], 12.5);
        assert_eq!(olt["onus"]["total"], 6);
        assert_eq!(olt["onus"]["truth"], json!({"up": 3, "down": 2, "stale": 1}));
        assert_eq!(
            olt["onus"]["level"],
            json!({"good": 2, "weak": 1, "critical": 1, "overload": 0, "unread": 2}),
            "ONUs that are down have no level"
        );
        assert_eq!(olt["onus"]["verdict"], json!({"ok": 2, "error": 2, "hold": 2}));
        assert_eq!(olt["onus"]["cause"]["power"], 1);
        assert_eq!(
            olt["pons"][0],
            json!({"pon": "0/1/0", "name": "GPON 0/1/0", "state": "up", "tx_dbm": 4.1, "onus": 3,
                   "truth": {"up": 2, "down": 1, "stale": 0},
                   "level": {"good": 1, "weak": 1, "critical": 0, "overload": 0, "unread": 1}})
        );
    }

    #[tokio::test]
    async fn an_olt_that_does_not_answer_says_why_and_one_that_was_not_asked_says_nothing() {
        let new = OltReport::new(OltId::new("olt-sul"), "192.0.2.12:161".to_owned());
        let server = testing::serve(vec![testing::silent("olt-norte"), new]).await;
        let olts = server.json("/api/v1/olts", 200).await;
        let silent = &olts["olts"][0];
        assert_eq!(silent["answering"], false);
        assert_eq!(silent["error"], "no answer from 192.0.2.11:161 to 3 requests in 6 s");
        assert_eq!((&silent["failures"], &silent["again_in_s"]), (&json!(3), &json!(120.0)));
        assert_eq!((&silent["profile"], &silent["last_answer"]), (&json!(null), &json!(null)));
        let new = &olts["olts"][1];
        assert_eq!(
            (&new["answering"], &new["intervals"], &new["counters"]),
            (&json!(null), &json!(null), &json!(null))
        );
        assert_eq!(new["onus"]["total"], 0);
    }
}
