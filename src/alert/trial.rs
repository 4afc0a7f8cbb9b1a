//! An incident that never was, through all of its life: for `oltwatch alert test`, and to try templates on.

use std::time::Duration;

use super::notice::{Ack, Hit, Notice, Other, Spot, Stage};
use super::thread::Step;
use crate::config::alert::{AlertOn, AlertSeverity};
use crate::model::Timestamp;

/// Clients of the trial.
const CLIENTS: u32 = 43;

/// Every step of it with what is told then; it begins at `now`, which is in its name.
#[must_use]
pub fn steps(now: Timestamp) -> Vec<(Step, Notice)> {
    let open = begun(now);
    let recovering = Notice { stage: Stage::Recovering, recovered: 31, ..open.clone() };
    let ack = Some(Ack { by: "oltwatch".to_owned(), at: now });
    let acknowledged = Notice { ack, ..recovering.clone() };
    let cleared = Notice {
        stage: Stage::Cleared,
        recovered: CLIENTS,
        cleared_at: Some(now + Duration::from_secs(1)),
        ..acknowledged.clone()
    };
    vec![(Step::Open, open), (Step::Update, recovering), (Step::Acknowledge, acknowledged), (Step::Resolve, cleared)]
}

fn begun(now: Timestamp) -> Notice {
    let clients = (1..=CLIENTS).map(|number| Hit {
        olt: "olt-test".to_owned(),
        pon: Some("0/1/0".to_owned()),
        onu: Some(number),
        serial: None,
        code: Some(format!("test-{number}")),
        client_id: None,
        place: Some(if number <= 30 { "CTO TEST 1" } else { "CTO TEST 2" }.to_owned()),
        up: false,
    });
    Notice {
        test: true,
        olts: vec!["olt-test".to_owned()],
        pons: vec!["olt-test 0/1/0".to_owned()],
        place: Some(Spot {
            kind: "cable".to_owned(),
            name: "CABO TEST".to_owned(),
            id: None,
            from: Some("CEO TEST 1".to_owned()),
            to: Some("CEO TEST 2".to_owned()),
            metres_from_olt: Some([1204, 1851]),
            coords: Some([-48.5273, -27.5786]),
        }),
        confidence: Some(0.97),
        alternatives: vec![Other { kind: AlertOn::Power, place: Some("CTO TEST 1".to_owned()), odds: 0.02 }],
        monitored: CLIENTS,
        lost: CLIENTS,
        evidence: "this is a trial made by a person; nothing is wrong".to_owned(),
        boxes: vec![("CTO TEST 1".to_owned(), 30), ("CTO TEST 2".to_owned(), 13)],
        clients: clients.collect(),
        ..Notice::new(&format!("test-{}", now.millis()), AlertOn::Cut, AlertSeverity::Major, now)
    }
}
