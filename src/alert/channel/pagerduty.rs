//! `PagerDuty` Events API v2.

use std::path::Path;

use serde_json::{Value, json};

use super::web::Web;
use super::webhook;
use crate::alert::error::{Sent, Trouble};
use crate::alert::life::Delivery;
use crate::alert::notice::Notice;
use crate::alert::text::Text;
use crate::alert::thread::Step;
use crate::config::Secret;
use crate::config::alert::{AlertOn, AlertSeverity};

/// Longest name by which events belong together, in octets.
const LONGEST_KEY: usize = 255;

/// What sort of alarm it is, and its probable cause, in the words of X.733 and 3GPP TS 28.111.
pub(super) const fn alarm(kind: AlertOn) -> (&'static str, &'static str) {
    match kind {
        AlertOn::Cut | AlertOn::Drop | AlertOn::Undetermined => ("COMMUNICATIONS_ALARM", "LOSS_OF_SIGNAL"),
        AlertOn::OltUnreachable => ("COMMUNICATIONS_ALARM", "COMMUNICATIONS_SUBSYSTEM_FAILURE"),
        AlertOn::Equipment => ("EQUIPMENT_ALARM", "EQUIPMENT_MALFUNCTION"),
        AlertOn::Power => ("ENVIRONMENTAL_ALARM", "POWER_PROBLEM"),
        AlertOn::Degradation => ("QUALITY_OF_SERVICE_ALARM", "DEGRADED_SIGNAL"),
        AlertOn::PollingLate => ("QUALITY_OF_SERVICE_ALARM", "RESPONSE_TIME_EXCESSIVE"),
        AlertOn::DataQuality | AlertOn::PushHeld => ("PROCESSING_ERROR_ALARM", "CORRUPT_DATA"),
        AlertOn::OzmapRefusing => ("COMMUNICATIONS_ALARM", "COMMUNICATIONS_PROTOCOL_ERROR"),
        AlertOn::StoreFailing => ("PROCESSING_ERROR_ALARM", "STORAGE_CAPACITY_PROBLEM"),
    }
}

const fn severity(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Critical => "critical",
        AlertSeverity::Major => "error",
        AlertSeverity::Minor | AlertSeverity::Indeterminate => "warning",
        AlertSeverity::Warning => "info",
    }
}

#[derive(Debug)]
pub(super) struct Pagerduty {
    web: Web,
    key: Secret,
}

impl Pagerduty {
    pub(super) fn new(url: &Secret, key: &Secret, ca_file: Option<&Path>) -> Result<Self, String> {
        Ok(Self { web: Web::new(url, &[key], ca_file)?, key: key.clone() })
    }

    pub(super) fn host(&self) -> String {
        self.web.host()
    }

    fn body(&self, step: Step, notice: &Notice, text: &Text) -> Value {
        let (alarm_type, probable_cause) = alarm(notice.kind);
        let source = notice.place.as_ref().map(|place| place.name.as_str());
        let source = source.or(notice.olts.first().map(String::as_str)).unwrap_or("oltwatch");
        let key: String = notice.id.chars().take(LONGEST_KEY).collect();
        let action = match step {
            Step::Open | Step::Update => "trigger",
            Step::Acknowledge => "acknowledge",
            Step::Resolve => "resolve",
        };
        let payload = json!({
            "summary": text.title, "source": source, "severity": severity(notice.severity),
            "timestamp": notice.opened_at, "component": notice.olts.first(), "group": notice.regions.first(),
            "class": notice.kind.word(),
            "custom_details": {
                "text": text.whole, "customers": notice.lost, "back": notice.recovered, "pons": notice.pons,
                "confidence": notice.confidence, "alarm_type": alarm_type, "probable_cause": probable_cause,
            },
        });
        let links: Vec<Value> = text.map.iter().map(|map| json!({"href": map, "text": "Map"})).collect();
        json!({
            "routing_key": self.key.expose(), "dedup_key": key, "event_action": action, "payload": payload, "links": links,
        })
    }

    pub(super) async fn send(&self, delivery: &Delivery, text: &Text) -> Sent {
        let Some(part) = delivery.parts.first() else { return Ok(None) };
        let body = self.body(part.step, &part.notice, text);
        let answer = self.web.post(self.web.at("/v2/enqueue"), Vec::new(), body.to_string().into_bytes()).await?;
        self.web.judge(answer).map(|_| None)
    }

    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        webhook::reach(&self.web).await
    }
}
